"""Weekly cohorts: the leads scored in a week and those that qualified in it, and the sums that drift needs."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number, day_of
from leadscore.base.groups import grouped
from leadscore.base.text import counted
from leadscore.base.times import NO_TIME
from leadscore.errors import ArgumentError, did_you_mean
from leadscore.rulebook import Rulebook
from leadscore.scoring.binding import Binding
from leadscore.scoring.scores import Scores, points_by_rule, verdicts
from leadscore.stats.intervals import Floats, Ints
from leadscore.tables.groups import By
from leadscore.tables.tables import Tables

# What the limits of groups and totals took away or added, beside the rules: with it, the split is exact.
LIMITS = "(limits)"
# A reference has 26 weeks or more; after a "new normal" only 26 are learned again. A year of weeks shows the season.
SHORT, YEAR = 26, 52
# So old are leads when they are scored, unless said otherwise.
AGE_DAYS = 14
# While nothing is suspected, the latest weeks are shown.
LATELY = 8
# So many hashes tell an overlap of a tenth from none.
_SKETCH = 128


class Cohort(NamedTuple):
    """One week of leads; made by `weekly_cohorts`, and given to a monitor as `monitor.update(*cohort)`.

    Attributes
    ----------
    week : date
        Its first day, a Monday.
    scores : DataFrame, index lead_id, the leads scored in the week
        `fit`, `behaviour`, `qualified`, the other columns of `Scores.frame`, a column of points per rule, before
        limits, and the columns asked for with `by`.
    mqls : DataFrame, of the same columns
        The leads that qualified in the week, as they were on the day they did.
    rulebook : Rulebook
        The one they were scored by.
    """

    week: dt.date
    scores: pd.DataFrame
    mqls: pd.DataFrame
    rulebook: Rulebook


def weekly_cohorts(  # noqa: PLR0913 - each of them is part of what a cohort is
    tables: Tables,
    rulebook: Rulebook,
    *,
    start: Any,
    end: Any,
    age_days: int = AGE_DAYS,
    by: By | None = None,
    counted_since: Any = None,
) -> Iterator[Cohort]:
    """Make the weekly cohorts of a period: each lead is scored once, so that no week repeats another.

    A lead is scored at the end of the day on which it is `age_days` old, and counts in that day's week. So the leads of
    all weeks had the same time to act, and a change shows in full once it is `age_days` old. Those that qualified in
    the week are found by `replay`.

    Parameters
    ----------
    tables : Tables
        With `created_at`.
    rulebook : Rulebook
    start, end : date, or text as "2026-03-31"
        The first and the last day; only whole weeks from Monday to Sunday between them are made.
    age_days : int
        How old a lead is when it is scored.
    by : str or list of str, optional
        Lead columns by which a change is looked for in segments.
    counted_since : date, or text as "2026-03-31", optional
        The first day of the first week that was counted, where these weeks follow others: a lead that qualified in
        one of those, ceased to, and does so again was counted then. By default none were.

    Yields
    ------
    Cohort
        One for each week, in their order; weeks without leads too.

    Raises
    ------
    ArgumentError
        If no lead has a `created_at`, there is no such lead column, no whole week, `age_days` is no whole number, or
        `counted_since` comes later than the first of the weeks.
    ContractError
        If the tables lack a column the rulebook uses, or hold values that it cannot read.

    Examples
    --------
    >>> from leadscore.datasets.funnel import make_funnel
    >>> import leadscore as ls
    >>> funnel = make_funnel(2000, random_state=7)
    >>> tables = ls.load_tables(funnel.leads, funnel.events, rulebook=funnel.rulebook)
    >>> for cohort in weekly_cohorts(tables, funnel.rulebook, start="2026-03-02", end="2026-03-22"):
    ...     print(cohort.week, len(cohort.scores), len(cohort.mqls))
    2026-03-02 57 17
    2026-03-09 86 16
    2026-03-16 80 12
    """
    with Arguments("weekly_cohorts") as given:
        given.types(tables=(tables, Tables), rulebook=(rulebook, Rulebook))
        weeks = whole_weeks(given, start, end)
        begun = weeks.start if counted_since is None else day_number(given.day("counted_since", counted_since))
        if weeks and begun > weeks.start:
            message = f"must not come after the first of these weeks, {day_of(weeks.start)}; got {counted_since}"
            given.wrong("counted_since", message)
        given.whole("age_days", age_days, least=0)
        names = given.names("by", by)
    return cohorts_of(Binding(tables, begun, weeks[-1] + 6), rulebook, weeks, age_days, names, begun=begun)


def cohorts_of(  # noqa: PLR0913 - as `weekly_cohorts`
    binding: Binding, rulebook: Rulebook, weeks: range, age_days: int, by: Sequence[str] = (), *, begun: int
) -> Iterator[Cohort]:
    """The cohorts of weeks, by their Mondays, in days since 1970; leads that qualify were counted since `begun`."""
    tables = binding.tables
    days = scoring_days(tables, rulebook, age_days)
    groups = {name: tables.latest(name) for name in by}
    qualified = newly_qualified(binding, rulebook, begun, weeks[-1] + 6)
    scored = np.arange(len(days), dtype=np.int32), days
    timeline = binding.timeline(rulebook)
    ids = pd.Index(tables.ids.array.to_pandas(), name="lead_id")

    def frame(lead: npt.NDArray[np.int32], day: npt.NDArray[np.int64], week: int) -> pd.DataFrame:
        rows = np.flatnonzero((day >= week) & (day < week + 7))
        bound = timeline.at(lead[rows], day[rows])
        own = {name: group.array.take(lead[rows]) for name, group in groups.items()}
        return pd.concat([verdicts(bound), points_by_rule(bound)], axis=1).assign(**own).set_axis(ids[lead[rows]])

    for week in weeks:
        yield Cohort(day_of(week), frame(*scored, week), frame(*qualified, week), rulebook)


def newly_qualified(
    binding: Binding, rulebook: Rulebook, first: int, last: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """The leads that qualified from one day to another, and on which day; not those that did before already."""
    found = binding.history(rulebook, first, last).frame
    found = found[~found["already"]]
    return binding.tables.positions(found.index), found["day"].to_numpy("datetime64[D]").astype(np.int64)


def scores_of_weeks(
    binding: Binding, rulebook: Rulebook, parts: Sequence[Sequence[dt.date]], *, age_days: int
) -> list[Scores]:
    """The leads scored in some weeks, for each part of them: those of `weekly_cohorts`, each as of its own day."""
    days = scoring_days(binding.tables, rulebook, age_days)
    found = []
    for part in parts:
        lead = leads_of_weeks(days, part)
        last_day = max(part) + dt.timedelta(6)
        found.append(Scores(rulebook, last_day, binding.timeline(rulebook).at(lead, days[lead]), binding.tables))
    return found


def scoring_days(tables: Tables, rulebook: Rulebook, age_days: int) -> Ints:
    """The day on which each lead is `age_days` old; `NO_TIME` where nobody knows when it came.

    Raises
    ------
    ArgumentError
        If that is known of no lead.
    """
    created = tables.created()
    days = np.full(len(tables.ids), NO_TIME) if created is None else created.days(rulebook.timezone)
    if (days == NO_TIME).all():
        message = "no lead has a created_at, so no week in which it is scored; make cohorts by hand"
        raise ArgumentError("tables", message)
    return np.where(days == NO_TIME, NO_TIME, days + age_days)


def leads_of_weeks(days: Ints, weeks: Sequence[dt.date]) -> npt.NDArray[np.int32]:
    """Which leads are scored in some weeks, of the days on which each is."""
    starts = np.sort(np.array([day_number(week) for week in weeks], np.int64))
    week = starts[np.maximum(np.searchsorted(starts, days, "right") - 1, 0)]
    return np.flatnonzero((days >= week) & (days < week + 7)).astype(np.int32)


def whole_weeks(given: Arguments, start: Any, end: Any) -> range:
    """The Mondays of the whole weeks of a period that is an argument, in days since 1970."""
    before = len(given.problems)
    weeks = mondays(*given.period(start, end))
    if not weeks and len(given.problems) == before:
        given.wrong("end", f"there is no whole week, Monday to Sunday, from {start} to {end}")
    return weeks


def mondays(first: int, last: int) -> range:
    """The Mondays of the whole weeks from one day to another, in days since 1970."""
    # 1970 began on a Thursday.
    return range(first + (-first - 3) % 7, last - 5, 7)


def sides_of(scores: pd.DataFrame, mqls: pd.DataFrame, rulebook: Rulebook, by: Sequence[str] = ()) -> dict[str, Any]:
    """The sums of a week: of all leads scored in it, and of those that qualified in it."""
    needed = needed_of(mqls, rulebook)
    return {"pool": sums_of(scores, rulebook, by), "mqls": sums_of(mqls, rulebook, by) | needed}


def sums_of(scores: pd.DataFrame, rulebook: Rulebook, by: Sequence[str]) -> dict[str, Any]:
    """What drift needs of some leads, as plain data: counts and sums, in whole thousandths where they are of points."""
    points = {name: _thousandths(scores[name]) for name in ("fit", "behaviour")}
    found: dict[str, Any] = {"n": len(scores), **{name: int(values.sum()) for name, values in points.items()}}
    for name, values in points.items():
        # Correctly rounded, so that the order of the rows changes nothing.
        found[f"{name}_squared"] = math.fsum((values / 1000.0) ** 2)
    rules = [rule.name for _, _, rule in rulebook.rules() if rule.name in scores and rule.name not in points]
    found["rules"] = {name: int(_thousandths(scores[name]).sum()) for name in rules}
    found["segments"] = {}
    for column in by:
        code, names = grouped(scores[column])
        sums = np.array([np.bincount(code, weights, len(names)) for weights in (None, *points.values())], np.int64)
        found["segments"][column] = dict(sorted(zip(names, sums.T.tolist(), strict=True)))
    return found


def behaviour_needed(rows: pd.DataFrame, rulebook: Rulebook) -> Floats:
    """(n,) the points of behaviour with which each of some scored leads qualifies, given its fit.

    Up to its threshold; of a rulebook without one, up to the least grade of behaviour that qualifies with its fit.
    """
    if rulebook.qualify.threshold is None:
        return np.array([rulebook.least_behaviour(round(fit * 1000)) / 1000 for fit in rows["fit"]], float)
    return np.asarray(rows.get("threshold", rulebook.qualify.threshold) - rows["fit"], float)


def needed_of(mqls: pd.DataFrame, rulebook: Rulebook) -> dict[str, Any]:
    """How much behaviour leads needed beside their fit, counted in whole points, and the median of what they had.

    Those that asked for sales themselves needed none: they are counted under "none".
    """
    if not len(mqls):
        return {"needed": {}, "median_behaviour": None}
    needed = np.ceil(behaviour_needed(mqls, rulebook)).astype(np.int64).astype(object)
    if "via" in mqls:
        needed[(mqls["via"] == "hand_raise").to_numpy()] = "none"
    values, counts = np.unique(needed.astype(str), return_counts=True)
    median = float(mqls["behaviour"].median())
    return {"needed": dict(zip(values.tolist(), counts.tolist(), strict=True)), "median_behaviour": median}


def carried(mqls: Sequence[dict[str, Any]], median_behaviour: float) -> tuple[int, int]:
    """How many MQLs would not qualify on their fit and the median behaviour, and how many there are."""
    n = sum(side["n"] for side in mqls)
    if math.isnan(median_behaviour):
        return 0, 0
    needing = [(points, count) for side in mqls for points, count in side["needed"].items() if points != "none"]
    return sum(count for points, count in needing if int(points) > median_behaviour), n


def check_cohort(given: Arguments, name: str, scores: Any, by: Sequence[str]) -> None:
    """Whether an argument is a frame of scored leads."""
    if not isinstance(scores, pd.DataFrame):
        given.wrong(name, f"must be a frame with fit, behaviour and qualified; got a {type(scores).__name__}")
        return
    for column in ("fit", "behaviour", *(["qualified"] if name == "scores" else []), *by):
        if column not in scores:
            given.wrong(name, f"has no column {column!r}{did_you_mean(column, map(str, scores.columns))}")
        elif column in {"fit", "behaviour"} and not _all_finite(scores[column]):
            given.wrong(name, f"{column} must be finite points for each lead")
        elif column == "qualified" and (not pd.api.types.is_bool_dtype(scores[column]) or scores[column].isna().any()):
            given.wrong(name, "qualified must be True or False for each lead")
    if scores.index.has_duplicates:
        twice = scores.index[scores.index.duplicated()].unique()
        shown = ", ".join(map(repr, twice[:5]))
        given.wrong(name, f"has {counted(len(twice), 'lead')} more than once: {shown}")


def sketch_of(leads: pd.Index[Any]) -> list[int]:
    """The smallest hashes of lead ids: two sketches say how much of two cohorts is the same, and name nobody."""
    if isinstance(leads, pd.RangeIndex):
        return []
    return np.sort(pd.util.hash_array(leads.astype(str).to_numpy(object)))[:_SKETCH].tolist()


def overlap(one: Sequence[int], other: Sequence[int]) -> float:
    """About which share of the leads of two sketches together is in both."""
    union = sorted({*one, *other})[:_SKETCH]
    return len(set(union) & set(one) & set(other)) / len(union) if union else 0.0


def _thousandths(points: pd.Series[Any]) -> npt.NDArray[np.int64]:
    return np.rint(points.to_numpy(float) * 1000).astype(np.int64)


def _all_finite(values: pd.Series[Any]) -> bool:
    return bool(
        pd.api.types.is_numeric_dtype(values) and np.isfinite(values.to_numpy(np.float64, na_value=np.nan)).all()
    )
