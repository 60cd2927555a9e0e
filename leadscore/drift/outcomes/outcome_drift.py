"""`outcome_drift`: whether scored leads still become what they became, and how late that can be known."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_of
from leadscore.base.groups import ALL, Groups
from leadscore.base.stages import FUNNEL, STAGES, or_further
from leadscore.base.text import counted
from leadscore.base.times import DAY
from leadscore.drift.outcomes import result
from leadscore.drift.outcomes.by_period import Known, bands, compared, grouped, ranking, rates
from leadscore.drift.outcomes.label_arrivals import FEWEST_WEEKS, Waiting, arrivals
from leadscore.drift.outcomes.result import OutcomeDrift
from leadscore.errors import ArgumentError
from leadscore.rulebook import Rulebook
from leadscore.sales.response.response_times import response_times
from leadscore.sales.response.waits import mql_moments
from leadscore.scoring.replay import History
from leadscore.stats.intervals import Floats
from leadscore.stats.outcomes_and_scores import read_rows
from leadscore.tables.groups import By
from leadscore.tables.labels import label, when_scored
from leadscore.tables.outcomes import NEVER, Stages
from leadscore.tables.tables import Tables

Mask = npt.NDArray[np.bool_]

_PERIODS = {"week": "W-SUN", "month": "M", "quarter": "Q"}


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
    ('stable', [909, 184])
    """
    asked = {"stage": stage, "within_days": within_days, "every": every, "probabilities": probabilities}
    asked |= {"reference_weeks": reference_weeks, "horizon_weeks": horizon_weeks, "budget": budget}
    names = _checked(tables, rulebook, by, **asked)
    stages, until = tables.observed(observed_until)
    points, when = _given(tables, score, as_of, probabilities=probabilities)
    leads, when, left_out = _waiting(tables, stage, points, when, within_days=within_days, until=until)
    monday = int(leads.day.min()) - (int(leads.day.min()) + 3) % 7
    reference_end = monday + 7 * reference_weeks - 1
    band = bands(leads.chance, leads.day <= reference_end)
    told = leads if probabilities else leads._replace(chance=_worth(leads, band, reference_end))
    watched = arrivals(told, monday, reference_weeks=reference_weeks, horizon_weeks=horizon_weeks, budget=budget)
    over = leads.day + within_days <= until
    known, when = _known(told, reference_end, every).take(over), when[over]
    groups = _groups(tables, names, Groups(band.code[over], band.names), when)
    labels = partial(label, tables, as_of=when, within_days=within_days, observed_until=day_of(until))
    shares, changes, unmeasured = _shares(known, _measures(labels, stages, stage), groups)
    ranks, related = _ranked(known, leads.chance[over], score, when)
    responses, responded = _responses(tables, score, rulebook, reference_end, until)
    last, end = day_of(until - within_days), day_of(until)
    headline, *notes = result.of_arrivals(watched, within_days, end)
    notes += [*result.of_rates(changes, within_days, end, day_of(reference_end)), *unmeasured]
    notes += [*result.of_relations(related), *result.of_ranking(ranks), *responded, *left_out]
    late = pd.Series({"rates": last, "ranking": last, "arrivals": watched.until, "responses": end}).rename_axis("part")
    frames = (shares, changes, ranks, related, watched.weeks, watched.ages, responses, late.to_frame("until"))
    return OutcomeDrift(watched.state, headline, tuple(notes), *frames)


def _checked(tables: Tables, rulebook: Rulebook | None, by: By | None, **asked: Any) -> tuple[str, ...]:
    """The names of the columns that make segments, where all that is asked is well-formed."""
    with Arguments("outcome_drift") as given:
        given.types(tables=(tables, Tables))
        given.types(rulebook=(rulebook, Rulebook | None))
        given.one_of("stage", asked["stage"], STAGES)
        given.whole("within_days", asked["within_days"], least=1)
        given.one_of("every", asked["every"], _PERIODS)
        given.flag("probabilities", asked["probabilities"])
        given.whole("reference_weeks", asked["reference_weeks"], least=FEWEST_WEEKS)
        given.whole("horizon_weeks", asked["horizon_weeks"], least=1)
        given.probability("budget", asked["budget"])
        return given.names("by", by)


def _given(tables: Tables, score: Any, as_of: Any, *, probabilities: bool) -> tuple[pd.Series[Any], pd.Series[Any]]:
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
    given = {"score": score, "as_of": as_of}
    with Arguments("outcome_drift") as checked:
        for name, column in given.items():
            if not isinstance(column, pd.Series):
                kinds = f"must be a Series by lead_id, unless score is a History; got a {type(column).__name__}"
                checked.wrong(name, kinds)
    for name, column in given.items():
        tables.aligned(column, name)
    if len(score.index.symmetric_difference(as_of.index)):
        raise ArgumentError("as_of", "must have the leads that score has, and no others")
    # No outcome is known yet: it is the scores that are checked.
    read_rows(np.full(len(score), np.nan), complete=True, **{"probability" if probabilities else "score": score})
    return score, as_of.reindex(score.index)


def _waiting(  # noqa: PLR0913 - which leads, which stage, and by when
    tables: Tables, stage: str, score: pd.Series[Any], as_of: pd.Series[Any], *, within_days: int, until: int
) -> tuple[Waiting, pd.Series[Any], list[str]]:
    """The leads that could reach the stage after their score, their scores as chances; when it was; and the others."""
    # As if all days were over: what has no label then could never have one.
    all_over = day_of(until + within_days)
    could = label(tables, stage=stage, as_of=as_of, within_days=within_days, observed_until=all_over).notna()
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


def _worth(leads: Waiting, band: Groups, reference_end: int) -> Floats:
    """(n_leads,) how likely each is to have the outcome, as leads of its band in the reference did by its end."""
    inside = leads.day <= reference_end
    reference = leads.of(inside)._replace(last_day=min(reference_end, leads.last_day))
    of_all = 1 - reference.survival()[-1]
    found = [1 - reference.of(band.code[inside] == one).survival()[-1] for one in range(len(band.names))]
    return np.where(np.isnan(found), of_all, found)[band.code]


def _known(leads: Waiting, reference_end: int, every: str) -> Known:
    """What became of the leads by the end of their days, in periods by when they were scored."""
    days = pd.DatetimeIndex(leads.day.astype("datetime64[D]").astype("datetime64[us]"))
    begins = days.to_period(_PERIODS[every]).to_timestamp().as_unit("us")
    period, periods = pd.factorize(begins, sort=True)
    had = leads.delay <= leads.within_days
    return Known(had, leads.chance, period.astype(np.int64), leads.day <= reference_end, pd.Index(periods))


def _groups(tables: Tables, by: tuple[str, ...], band: Groups, when: pd.Series[Any]) -> dict[str, Groups]:
    """All leads as one group, by the band of their score, and by lead columns."""
    if "score" in by:
        raise ArgumentError("by", "cannot have a column called 'score', as the bands of the score are: rename it")
    everyone = Groups(np.zeros(len(when), np.int64), [ALL])
    own = {name: grouped(tables.latest(name).reindex(when.index)) for name in by}
    return {ALL: everyone, "score": band, **own}


def _measures(labels: Any, stages: Stages, stage: str) -> dict[str, pd.Series[Any]]:
    """Of leads whose days are over: whether they were worked, accepted, and reached the stage, where that is known."""
    found = {"worked": labels(stage=stage, worked_only=True).notna()}
    if stage in FUNNEL[3:] and stages.of("sal").any():
        found["sal"] = labels(stage="sal")
    return found | {stage: labels(stage=stage)}


def _shares(
    known: Known, measures: dict[str, pd.Series[Any]], groups: dict[str, Groups]
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """`OutcomeDrift.rates` and `changes`, and which leads are left out of a measure."""
    found, left_out = [], []
    for measure, had in measures.items():
        there = had.notna().to_numpy()
        some = known._replace(had=had.fillna(value=False).to_numpy(bool)).take(there)
        if not there.all():
            rest = f"{int((~there).sum()):,} of {counted(len(there), 'lead')} left out"
            left_out.append(
                f"{measure}: {rest}, which had it before they were scored, or on that day at no known time."
            )
        if measure != [*measures][-1]:
            # Scores tell of the outcome itself only.
            some = some._replace(chance=np.full(len(some.had), np.nan))
        found.append(rates(some, measure, {by: Groups(code[there], names) for by, (code, names) in groups.items()}))
    by_period, changes = (pd.concat(parts) for parts in zip(*found, strict=True))
    # In order, so that parts of its index are looked up fast.
    return by_period.sort_index(), changes, left_out


def _ranked(known: Known, points: Floats, score: Any, when: pd.Series[Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`OutcomeDrift.ranking`, and of a History `relations`."""
    ranks = ranking(known, {"score": points}).droplevel("attribute").drop(columns="flipped")
    if not isinstance(score, History):
        return ranks, pd.DataFrame()
    parts = {name: score.frame[name].reindex(when.index).to_numpy(np.float64) for name in ("fit", "behaviour")}
    return ranks, ranking(known, parts)


def _responses(
    tables: Tables, score: Any, rulebook: Rulebook | None, reference_end: int, until: int
) -> tuple[pd.DataFrame, list[str]]:
    """`OutcomeDrift.responses` and what is said of them, or why there are none."""
    history = score if isinstance(score, History) else None
    if rulebook is None and history is not None:
        rulebook = history.rulebook
    if rulebook is None:
        why = "rulebook=... says how soon MQLs are to be answered"
        return pd.DataFrame(), [f"Response times are not looked at: {why}."]
    try:
        day = mql_moments(tables, tables.observed(day_of(until))[0], rulebook, history).local(rulebook.timezone) // DAY
        sides = Groups((day > reference_end).astype(np.int64), ["reference", "since"])
        found = response_times(tables, rulebook, by=sides, history=history, observed_until=day_of(until)).frame
    except ArgumentError as error:
        return pd.DataFrame(), [f"Response times are not looked at: {'; '.join(map(str, error.problems))}."]
    share = "within_agreed" if "within_agreed" in found else "within_24_h"
    rows = found.drop(index=ALL).rename_axis("period")
    frame = rows[["n", "contacted", "waiting", "median", "median_low", "median_high"]]
    frame = frame.assign(share=rows[share], low=rows[f"{share}_low"], high=rows[f"{share}_high"])
    if len(frame) == 2:
        bounds = frame[["share", "low", "high"]].to_numpy()
        frame.loc["since", ["change", "change_low", "change_high", "p"]] = compared(bounds[1], bounds[0])
    return frame, list(result.of_responses(frame, share, day_of(until)))
