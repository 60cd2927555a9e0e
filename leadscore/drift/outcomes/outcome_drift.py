"""`outcome_drift`: whether scored leads still become what they became, and how late that can be known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_of
from leadscore.base.groups import ALL, MISSING
from leadscore.base.groups import grouped as by_value
from leadscore.base.times import DAY, NO_TIME
from leadscore.drift.outcomes.by_period import Known, bands, compared, corrected, grouped
from leadscore.drift.outcomes.label_arrivals import FEWEST_WEEKS, Waiting, arrivals
from leadscore.drift.outcomes.result import OutcomeDrift, looked_at, of_arrivals, of_responses
from leadscore.errors import ArgumentError
from leadscore.rulebook import Rulebook
from leadscore.sales.response_times import mql_moments, response_times
from leadscore.scoring.replay import History
from leadscore.stats.intervals import Floats, Ints
from leadscore.stats.outcomes_and_scores import read_rows
from leadscore.tables.groups import By
from leadscore.tables.labels import label, when_scored
from leadscore.tables.outcomes import FUNNEL, NEVER, or_further
from leadscore.tables.tables import Tables

Mask = npt.NDArray[np.bool_]

_PERIODS = {"week": "W-SUN", "month": "M", "quarter": "Q"}


class _Asked(NamedTuple):
    """What is looked at: of which leads is in `outcome_drift`."""

    tables: Tables
    stage: str
    within_days: int
    until: int
    every: str
    by: tuple[str, ...]
    history: History | None

    def label(
        self, as_of: pd.Series[Any], *, stage: str = "", later: int = 0, worked_only: bool = False
    ) -> pd.Series[Any]:
        """Labels as they are known so many days after the last one observed."""
        options: dict[str, Any] = {"within_days": self.within_days, "observed_until": day_of(self.until + later)}
        return label(self.tables, stage=stage or self.stage, as_of=as_of, worked_only=worked_only, **options)

    def first_day(self, day: Ints) -> pd.DatetimeIndex:
        """The first day of the period of each day since 1970."""
        days = pd.DatetimeIndex(np.asarray(day).astype("datetime64[D]").astype("datetime64[us]"))
        return days.to_period(_PERIODS[self.every]).to_timestamp().as_unit("us")


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

    Four looks: (1) the share of leads worked, accepted and converted, by score and segment, of leads whose days have
    passed; (2) outcomes as they arrive, each week, beside what the scores of all open leads predict by then, which does
    not wait for anything to be over; (3) how well the score ranks; (4) how soon sales responds.

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
        If nothing changes, outcomes as they arrive alarm within so many weeks with a chance of at most the budget,
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
    found after 21 weeks by outcomes as they arrive, after 33 by waiting for cohorts of 20 weeks. Where quality of leads
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
        names = given.names("by", by)
    history = score if isinstance(score, History) else None
    asked = _Asked(tables, stage, within_days, tables.observed(observed_until)[1], every, names, history)
    leads, days, left_out = _waiting(asked, *_given(score, as_of, probabilities=probabilities))
    monday = int(leads.day.min()) - (int(leads.day.min()) + 3) % 7
    reference_end = monday + 7 * reference_weeks - 1
    reference, points = leads.day <= reference_end, leads.chance
    band, of_bands = bands(points, reference)
    if not probabilities:
        learned = leads.of(reference)._replace(last_day=min(reference_end, asked.until))
        leads = leads._replace(chance=_worth(learned, band[reference], len(of_bands))[band])
    watched = arrivals(leads, monday, reference_weeks=reference_weeks, horizon_weeks=horizon_weeks, budget=budget)
    codes, periods = pd.factorize(asked.first_day(leads.day), sort=True)
    had, mature = leads.delay <= within_days, leads.day + within_days <= asked.until
    known = Known(had, points, leads.chance, codes.astype(np.int64), reference, pd.Index(periods)).take(mature)
    last, end = day_of(asked.until - within_days), day_of(asked.until)
    newer = f"newer ones have no {within_days}-day outcome by {end}"
    when = f"scored up to {last}: {newer}. The reference is those up to {day_of(reference_end)}"
    found = _mature(asked, known, days[mature], (band[mature], of_bands), when)
    responses, said = _responses(asked, rulebook, reference_end)
    headline, *arrived = of_arrivals(watched, within_days, end)
    notes = (*arrived, found.headline, *found.notes, *said, *left_out)
    late = pd.Series({"rates": last, "ranking": last, "arrivals": watched.until, "responses": end}).rename_axis("part")
    parts = {"arrivals": watched.weeks, "ages": watched.ages, "responses": responses, "known": late.to_frame("until")}
    return replace(found, state=watched.state, headline=headline, notes=notes, **parts)


def _given(
    score: History | pd.Series[Any], as_of: pd.Series[Any] | None, *, probabilities: bool
) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Points or probabilities, and when they were given, of the same leads."""
    if isinstance(score, History):
        if as_of is not None:
            raise ArgumentError("as_of", "goes with a Series of scores; a History knows when each lead was scored")
        new = score.frame[~score.frame["already"]]
        if not len(new):
            raise ArgumentError("score", "no lead qualified in the period of the history")
        # Where some leads qualified at an unknown time of day, all of them are taken by the day.
        timed = new["qualified_at"].notna().all()
        return new["total"], new["qualified_at" if timed else "day"]
    with Arguments("outcome_drift") as given:
        if not isinstance(score, pd.Series):
            given.wrong("score", f"must be a History, or a Series by lead_id; got a {type(score).__name__}")
        if not isinstance(as_of, pd.Series):
            given.wrong("as_of", "goes with a Series of scores, by lead_id: when each was made")
    assert as_of is not None
    with Arguments("outcome_drift") as given:
        for name, column in (("score", score), ("as_of", as_of)):
            if column.index.has_duplicates:
                twice = column.index[column.index.duplicated()].unique()
                leads = f"{len(twice):,} leads more than once, as {', '.join(map(repr, twice[:5]))}"
                given.wrong(name, f"has {leads}: none may count twice")
        if len(score.index.symmetric_difference(as_of.index)):
            given.wrong("as_of", "must have the leads that score has, and no others")
    named: dict[str, Any] = {"probability" if probabilities else "score": score}
    # No outcome is known yet: it is the scores that are checked.
    read_rows(np.full(len(score), np.nan), complete=True, **named)
    return score, as_of.reindex(score.index)


def _waiting(asked: _Asked, score: pd.Series[Any], as_of: pd.Series[Any]) -> tuple[Waiting, pd.Series[Any], list[str]]:
    """The leads that could reach the stage after their score, their scores as chances; when it was; and the others."""
    tables, stage, within_days, until, *_ = asked
    # As if all days were over: what has no label then could never have one.
    could = asked.label(as_of, later=within_days).notna()
    lead, day, _, _ = when_scored(tables, as_of)
    kept = could.to_numpy() & (day <= until)
    if not kept.any():
        message = f"no lead of {len(score):,} could reach {stage} after its score, up to {day_of(until)}"
        raise ArgumentError("score", message)
    stages = tables.observed(day_of(until))[0]
    first = stages.first(len(tables.ids), stages.times.days(tables.timezone), stages.of(*or_further(stage)))[lead]
    never = within_days + 1
    delay = np.where(first == NEVER, never, np.minimum(np.minimum(first, NEVER - 1) - day, never))
    why = f"they had reached {stage} by their score, were not there yet, have no day, or one after {day_of(until)}"
    said = [f"Left out: {int((~kept).sum()):,} of {len(kept):,}, as {why}."] if not kept.all() else []
    points = score.to_numpy(np.float64)[kept]
    return Waiting(day[kept], delay[kept], points, within_days, until), as_of[kept], said


def _worth(reference: Waiting, band: Ints, n_bands: int) -> Floats:
    """(n_bands,) how likely leads of each band are to have the outcome, as the reference knows by its end."""
    of_all = 1 - reference.survival()[-1]
    found = [1 - reference.of(band == one).survival()[-1] for one in range(n_bands)]
    return np.array([of_all if np.isnan(one) else one for one in found])


def _mature(
    asked: _Asked, known: Known, as_of: pd.Series[Any], band: tuple[Ints, list[str]], when: str
) -> OutcomeDrift:
    """Rates, ranks and relations of the leads whose days have passed."""
    own = {name: grouped(asked.tables.latest(name).reindex(as_of.index)) for name in asked.by}
    parts = {} if asked.history is None else {name: asked.history.frame[name] for name in ("fit", "behaviour")}
    attributes = {name: column.reindex(as_of.index) for name, column in parts.items()}
    return looked_at(known, _measures(asked, as_of), {"score": band} | own, attributes, when)


def _measures(asked: _Asked, as_of: pd.Series[Any]) -> dict[str, tuple[Mask, Mask]]:
    """Of leads whose days are over: of which it is known, and which were worked, accepted, and reached the stage."""
    everyone = np.ones(len(as_of), bool)
    if not len(as_of):
        return {asked.stage: (everyone, everyone)}
    found = {"worked": (everyone, asked.label(as_of, worked_only=True).notna().to_numpy())}
    if asked.stage in FUNNEL[3:] and asked.tables.observed(day_of(asked.until))[0].of("sal").any():
        accepted = asked.label(as_of, stage="sal")
        found["sal"] = accepted.notna().to_numpy(), accepted.fillna(value=False).to_numpy(bool)
    return found | {asked.stage: (everyone, asked.label(as_of).to_numpy(bool))}


def _responses(asked: _Asked, rulebook: Rulebook | None, reference_end: int) -> tuple[pd.DataFrame, list[str]]:
    """`OutcomeDrift.responses` and what is said of them, or why there are none."""
    why = "rulebook=... says how soon MQLs are to be answered"
    if rulebook is None and asked.history is not None:
        rulebook = asked.history.rulebook
    if rulebook is not None:
        try:
            frame, share = _answers(asked, rulebook, reference_end)
        except ArgumentError as error:
            why = "; ".join(map(str, error.problems))
        else:
            return frame, list(of_responses(frame, share, day_of(asked.until)))
    return pd.DataFrame(), [f"Response times are not looked at: {why}."]


def _answers(asked: _Asked, rulebook: Rulebook, reference_end: int) -> tuple[pd.DataFrame, str]:
    """Response times of the reference, of all MQLs since, and by period; and what `share` is."""
    tables, until, history = asked.tables, day_of(asked.until), asked.history
    local = mql_moments(tables, tables.observed(until)[0], rulebook, history).local(rulebook.timezone)
    there = np.flatnonzero(local != NO_TIME)
    if not len(there):
        raise ArgumentError("tables", "no lead became an MQL at a known time")
    day = local[there] // DAY
    ids = pd.Index(tables.ids.array.to_pandas(), name="lead_id")[there]
    late = pd.Series(np.where(day > reference_end, "since", "reference"), ids)
    period = pd.Series(asked.first_day(day).strftime("%Y-%m-%d"), ids).where(late == "since", None)
    options: dict[str, Any] = {"history": history, "observed_until": until}
    groups = (by_value(tables.aligned(by, "by")) for by in (late, period))
    found = [response_times(tables, rulebook, by=by, **options).frame for by in groups]
    rows = pd.concat([part.drop(index=[ALL, MISSING], errors="ignore") for part in found])
    share = "within_agreed" if "within_agreed" in rows else "within_24_h"
    frame = rows[["n", "contacted", "waiting", "median", "median_low", "median_high"]].rename_axis("period")
    frame = frame.assign(share=rows[share], low=rows[f"{share}_low"], high=rows[f"{share}_high"])
    bounds = [*zip(frame["share"], frame["low"], frame["high"], strict=True)]
    before = dict(zip(frame.index, bounds, strict=True)).get("reference", (np.nan,) * 3)
    changes = [(np.nan,) * 4 if one is before else compared(one, before) for one in bounds]
    frame[["change", "change_low", "change_high", "p"]] = changes
    sides = frame.index.isin(["reference", "since"])
    frame["p"] = corrected(frame["p"], sides)
    names = [name if side else pd.Timestamp(name) for name, side in zip(frame.index, sides, strict=True)]
    return frame.set_axis(pd.Index(names, dtype=object, name="period")), share
