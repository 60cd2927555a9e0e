"""`outcome_drift`: whether scored leads still become what they became, and how late that can be known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_of
from leadscore.drift.outcomes.by_period import Known, answers, bands, grouped
from leadscore.drift.outcomes.label_arrivals import FEWEST_WEEKS, Waiting, arrivals
from leadscore.drift.outcomes.result import OutcomeDrift, looked_at, no_score, of_arrivals, of_responses
from leadscore.errors import ArgumentError, Problem
from leadscore.rulebook import Rulebook
from leadscore.scoring.replay import History
from leadscore.stats.intervals import Floats, Ints
from leadscore.tables.groups import By
from leadscore.tables.labels import label, when_scored
from leadscore.tables.outcomes import FUNNEL, NEVER, or_further
from leadscore.tables.tables import Tables

Mask = npt.NDArray[np.bool_]

_PERIODS = {"week": "W-SUN", "month": "M", "quarter": "Q"}


class _Scored(NamedTuple):
    """Leads that could reach the stage, one entry each, days as in `Waiting`; and what is said of the others."""

    day: Ints
    delay: Ints
    score: Floats
    as_of: pd.Series[Any]
    left_out: list[str]


def outcome_drift(  # noqa: PLR0913 - each of them is part of what is asked
    tables: Tables,
    score: History | pd.Series[Any],
    *,
    stage: str,
    within_days: int,
    as_of: pd.Series[Any] | None = None,
    probabilities: bool = False,
    by: By | None = None,
    every: Literal["week", "month", "quarter"] = "month",
    rulebook: Rulebook | None = None,
    reference_weeks: int = 52,
    horizon_weeks: int = 104,
    budget: float = 0.1,
    observed_until: Any = None,
) -> OutcomeDrift:
    """Say whether scored leads still become what they became, and how late that can be known.

    Four looks: (1) the share of leads worked, accepted and converted, by score and segment, of leads whose days are
    over; (2) labels as they arrive, each week, beside what the scores of all open leads predict by then, which does not
    wait for anything to be over; (3) how well the score ranks; (4) how soon sales responds.

    Parameters
    ----------
    tables : Tables
        With outcomes.
    score : History, or Series by lead_id
        Each lead once: when it was scored, and its points or probability then. Of a History: the leads that
        qualified, with their points, from the moment they did.
    stage : str
    within_days : int
        The stage must be reached on one of so many days after the score.
    as_of : Series by lead_id
        The day, or time with a zone, of each score; not with a History.
    probabilities : bool
        The scores are chances to reach the stage so; else the reference tells what each fifth of points is worth.
    by : str or list of str
        Lead columns by which rates are looked at.
    every : {"week", "month", "quarter"}
        In which leads were scored.
    rulebook : Rulebook, optional
        Says in which time MQLs are to be answered; of a History its own.
    reference_weeks : int
        The first so many weeks are what everything is compared with; 26 or more.
    horizon_weeks, budget
        If nothing changes, labels as they arrive alarm within so many weeks with a chance of at most the budget,
        provided ordinary weeks are alike once season and last week are taken out.
    observed_until : date, optional
        The last day whose outcomes are known. By default that of the tables.

    Returns
    -------
    OutcomeDrift

    Raises
    ------
    ArgumentError
        If an argument is invalid, or no lead could reach the stage.

    Notes
    -----
    If fewer leads are worked, fewer convert, whatever the score is worth: the share worked is looked at first. In
    simulations (`benchmarks/outcomes.py`) 8.5 % of 200 runs alarmed falsely in 104 weeks; conversion times 0.7 was
    found after 21 weeks by labels as they arrive, after 33 by waiting for cohorts of 20 weeks. Where quality of leads
    wanders for months 21 % alarmed falsely, above the bound.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets.funnel import make_funnel
    >>> made = make_funnel(8000, random_state=1, days=500)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    >>> history = ls.replay(tables, made.rulebook, start="2024-12-01", end="2026-03-31")
    >>> found = outcome_drift(tables, history, stage="opportunity", within_days=60)
    >>> found.state, found.changes.loc[("opportunity", "(all)", "(all)"), ["n_reference", "n"]].astype(int).to_list()
    ('stable', [763, 145])
    """
    with Arguments("outcome_drift") as given:
        given.one_of("every", every, _PERIODS)
        given.whole("reference_weeks", reference_weeks, least=FEWEST_WEEKS)
        given.whole("horizon_weeks", horizon_weeks, least=1)
        given.probability("budget", budget)
        _check_score(given, score, as_of)
        names_by = given.names("by", by)
    until = tables.observed(observed_until)[1]
    leads = _scored(tables, *_given(score, as_of, probabilities=probabilities), stage, within_days, until)
    monday = int(leads.day.min()) - (int(leads.day.min()) + 3) % 7
    reference_end = monday + 7 * reference_weeks - 1
    reference = leads.day <= reference_end
    band, band_names = bands(leads.score, reference)
    waiting = Waiting(leads.day, leads.delay, leads.score, within_days, until)
    if not probabilities:
        learned = waiting.of(reference)._replace(last_day=min(reference_end, until))
        waiting = waiting._replace(chance=_worth(learned, band[reference], len(band_names))[band])
    watched = arrivals(waiting, monday, reference_weeks=reference_weeks, horizon_weeks=horizon_weeks, budget=budget)

    mature = leads.day + within_days <= until
    scored, periods_of = leads.as_of[mature], _periods_of(every)
    groups = {"score": (band[mature], band_names)}
    groups |= {name: grouped(tables.latest(name).reindex(scored.index)) for name in names_by}
    parts = ("fit", "behaviour") if isinstance(score, History) else ()
    last, end = day_of(until - within_days), day_of(until)
    found = looked_at(
        _known(leads, within_days, periods_of(leads.day), reference, mature),
        _measures(tables, scored, stage, within_days, until),
        groups,
        waiting.chance[mature],
        {part: score.frame[part].reindex(scored.index) for part in parts},
        f"scored up to {last}: newer ones have no {within_days}-day outcome by {end}. The reference is those up to "
        f"{day_of(reference_end)}",
    )
    responses, said = _responses(tables, rulebook, score, periods_of, reference_end, until)
    late = {"rates": last, "ranking": last, "arrivals": watched.until, "responses": end}
    headline, *arrived = of_arrivals(watched, within_days, end)
    return replace(
        found,
        state=watched.state,
        arrivals=watched.weeks,
        ages=watched.ages,
        responses=responses,
        known=pd.DataFrame({"until": late.values()}, pd.Index(late, name="part")),
        headline=headline,
        notes=(*arrived, found.headline, *found.notes, *said, *leads.left_out),
    )


def _check_score(given: Arguments, score: Any, as_of: Any) -> None:
    if not isinstance(score, (History, pd.Series)):
        given.wrong("score", f"must be a History, or a Series by lead_id; got a {type(score).__name__}")
    if isinstance(score, History) == (as_of is not None):
        given.wrong("as_of", "goes with a Series of scores, by lead_id: when each was made; a History knows it")
    elif as_of is not None and not isinstance(as_of, pd.Series):
        given.wrong("as_of", f"must be a Series by lead_id; got a {type(as_of).__name__}")


def _given(
    score: History | pd.Series[Any], as_of: pd.Series[Any] | None, *, probabilities: bool
) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Points or probabilities, and when they were given, of the same leads."""
    if isinstance(score, History):
        new = score.frame[~score.frame["already"]]
        if not len(new):
            raise ArgumentError("score", "no lead qualified in the period of the history")
        # Where some leads qualified at an unknown time of day, all of them are taken by the day.
        timed = new["qualified_at"].notna().all()
        score, as_of = new["total"], new["qualified_at" if timed else "day"]
    assert as_of is not None
    problems = []
    for name, column in (("score", score), ("as_of", as_of)):
        if column.index.has_duplicates:
            twice = column.index[column.index.duplicated()].unique()
            first = ", ".join(map(repr, twice[:5]))
            problems.append(Problem(name, f"has {len(twice):,} leads more than once, as {first}: none may count twice"))
    if not problems and len(score.index.symmetric_difference(as_of.index)):
        problems.append(Problem("as_of", "must have the leads that score has, and no others"))
    problems += no_score(score, probabilities=probabilities)
    if problems:
        raise ArgumentError("outcome_drift", problems)
    return score, as_of.reindex(score.index)


def _scored(  # noqa: PLR0913, PLR0917 - what a label is made of
    tables: Tables, score: pd.Series[Any], as_of: pd.Series[Any], stage: str, within_days: int, until: int
) -> _Scored:
    """The leads that could reach the stage after their score, up to the last day observed."""
    # As if all days were over: what has no label then could never have one.
    could = label(
        tables, stage=stage, as_of=as_of, within_days=within_days, observed_until=day_of(until + within_days)
    ).notna()
    lead, day, _, _ = when_scored(tables, as_of)
    kept = could.to_numpy() & (day <= until)
    if not kept.any():
        message = f"none of {len(score):,} leads could reach {stage} after its score, up to {day_of(until)}"
        raise ArgumentError("score", message)
    stages = tables.observed(day_of(until))[0]
    first = stages.first(len(tables.ids), stages.times.days(tables.timezone), stages.of(*or_further(stage)))[lead]
    delay = np.where(first == NEVER, within_days + 1, np.minimum(first, NEVER - 1) - day)
    delay = np.minimum(delay, within_days + 1)
    rest = int((~kept).sum())
    why = f"they had reached {stage} by their score, were not there yet, have no day, or one after {day_of(until)}"
    said = [f"{rest:,} of {len(kept):,} leads are left out: {why}."] if rest else []
    return _Scored(day[kept], delay[kept], score.to_numpy(np.float64)[kept], as_of[kept], said)


def _worth(reference: Waiting, band: Ints, n_bands: int) -> Floats:
    """(n_bands,) how likely leads of each band are to have the outcome, as the reference knows by its end."""
    of_all = 1 - reference.survival()[-1]
    found = [1 - reference.of(band == one).survival()[-1] for one in range(n_bands)]
    return np.array([of_all if np.isnan(one) else one for one in found])


def _periods_of(every: str) -> Callable[[Ints], pd.DatetimeIndex]:
    """What gives each day since 1970 the first day of its period."""

    def first(day: Ints) -> pd.DatetimeIndex:
        days = pd.DatetimeIndex(np.asarray(day).astype("datetime64[D]").astype("datetime64[us]"))
        return days.to_period(_PERIODS[every]).to_timestamp().as_unit("us")

    return first


def _known(leads: _Scored, within_days: int, period: pd.DatetimeIndex, reference: Mask, mature: Mask) -> Known:
    codes, periods = pd.factorize(period[mature], sort=True)
    had = leads.delay[mature] <= within_days
    return Known(had, leads.score[mature], codes.astype(np.int64), reference[mature], pd.Index(periods))


def _measures(
    tables: Tables, as_of: pd.Series[Any], stage: str, within_days: int, until: int
) -> dict[str, tuple[Mask, Mask]]:
    """Of leads whose days are over: of which it is known, and which were worked, accepted, and reached the stage."""
    everyone = np.ones(len(as_of), bool)
    if not len(as_of):
        return {stage: (everyone, everyone)}

    def known(of: str, *, worked_only: bool = False) -> pd.Series[Any]:
        return label(
            tables,
            stage=of,
            as_of=as_of,
            within_days=within_days,
            observed_until=day_of(until),
            worked_only=worked_only,
        )

    found = {"worked": (everyone, known(stage, worked_only=True).notna().to_numpy())}
    if stage in FUNNEL[3:] and tables.observed(day_of(until))[0].of("sal").any():
        accepted = known("sal")
        found["sal"] = accepted.notna().to_numpy(), accepted.fillna(value=False).to_numpy(bool)
    return found | {stage: (everyone, known(stage).to_numpy(bool))}


def _responses(  # noqa: PLR0913, PLR0917 - what response times are made of
    tables: Tables,
    rulebook: Rulebook | None,
    score: Any,
    periods_of: Callable[[Ints], pd.DatetimeIndex],
    reference_end: int,
    until: int,
) -> tuple[pd.DataFrame, list[str]]:
    """`OutcomeDrift.responses` and what is said of them, or why there are none."""
    history = score if isinstance(score, History) else None
    if history is not None:
        rulebook = rulebook or history.rulebook
    if rulebook is None:
        return pd.DataFrame(), ["Response times are not looked at: rulebook=... says how soon MQLs are to be answered."]
    try:
        frame, share = answers(tables, rulebook, history, periods_of, reference_end, day_of(until))
    except ArgumentError as error:
        why = "; ".join(str(problem) for problem in error.problems)
        return pd.DataFrame(), [f"Response times are not looked at: {why}."]
    return frame, list(of_responses(frame, share, day_of(until)))
