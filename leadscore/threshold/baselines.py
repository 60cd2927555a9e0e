"""`baselines`: whether scoring is worth having, beside waiting for hand-raisers and other simple ways to choose."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.base.days import as_day, day_number, day_of
from leadscore.errors import ArgumentError, did_you_mean
from leadscore.rulebook import Rulebook
from leadscore.scoring.engine import Bound
from leadscore.scoring.plan import compiled
from leadscore.scoring.timeline import Timeline
from leadscore.stats.intervals import wilson
from leadscore.tables.outcomes import STAGES, WORKED, Ints, check_days, or_further
from leadscore.tables.tables import Tables
from leadscore.threshold.capacity import BEHAVIOUR, FIT, WEEK, chosen, gain, simple_ways

Floats = npt.NDArray[np.float64]
_Figures = dict[str, float]

_RULEBOOK = "rulebook"


@dataclass(frozen=True)
class Baselines:
    """What each way to choose leads would have got from the same leads at the same weekly capacity; see `baselines`.

    Attributes
    ----------
    frame : DataFrame, index way to choose
        `chosen` leads (fractions where ties are shared out), `reached` of them, `rate` with `rate_low`, `rate_high`
        (95 % Wilson), `per_week` (reached), and against the rulebook, paired on the same leads: `difference` (reached
        per week), `low`, `high` (95 %).
    verdict : str
        One sentence: keep scoring, switch it off, or open, and how many more outcomes would settle it.
    findings : list of str
        What to know before it is believed.
    leads : DataFrame, index lead_id
        The leads judged: `day` on which each came to sales, `reached`, and `total`, by the rulebook on that day.
    n, reached, weeks : numbers
        How many these are, how many of them reached the stage, and the weeks of the period.
    """

    frame: pd.DataFrame
    verdict: str
    findings: list[str]
    leads: pd.DataFrame
    n: int
    reached: int
    weeks: float
    stage: str
    capacity_per_week: float
    within_days: int
    observed_until: dt.date

    @property
    def _title(self) -> str:
        counts = f"{self.n:,} leads that sales worked in {self.weeks:.3g} weeks, {self.reached:,} reached {self.stage}"
        return (
            f"{counts} within {self.within_days} days; {self.capacity_per_week:g} a week, until {self.observed_until}"
        )

    def __repr__(self) -> str:
        lines = [self._title]
        for name, row in self.frame.iterrows():
            interval = f"{row['rate']:.1%} ({row['rate_low']:.1%} to {row['rate_high']:.1%})"
            rate = interval if row["chosen"] else "no rate"
            line = (
                f"  {name}: {row['reached']:,.1f} of {row['chosen']:,.1f} chosen, {rate}, {row['per_week']:.2f} a week"
            )
            if name != _RULEBOOK:
                line += f"; {row['difference']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f}) beside the rulebook"
            lines.append(line)
        return "\n".join([*lines, self.verdict, *(f"- {finding}" for finding in self.findings)])

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(finding)}</li>" for finding in self.findings)
        return f"<p>{escape(self._title)}</p>{self.frame.to_html()}<p>{escape(self.verdict)}</p><ul>{items}</ul>"


def baselines(  # noqa: PLR0913 - each of them is part of what is asked
    tables: Tables,
    rulebook: Rulebook,
    *,
    start: Any,
    end: Any,
    capacity_per_week: float,
    stage: str = "sal",
    within_days: int = 90,
    tolerance: float = 0.1,
    scores: Mapping[str, pd.Series[Any]] | None = None,
    observed_until: Any = None,
) -> Baselines:
    """Whether scoring is worth having: what the rulebook and simpler ways would have chosen, and what came of it.

    The leads are those that sales worked and that came to it in the period: on the day of their `mql`, else of the
    first thing sales did. Each is judged as it stood at the end of that day, once. Of those of a week each way takes
    the best, as many as sales can work; where scores tie, the places are shared out in expectation. So every way
    chooses from the same leads, whose outcomes are known.

    The ways: the rulebook's total; hand-raisers only (then some places may stay empty); fit alone; behaviour alone;
    most recent first; chance; and any score you bring.

    Parameters
    ----------
    tables : Tables
        With outcomes.
    rulebook : Rulebook
    start, end : date, or text as "2026-03-31"
        The leads came to sales on these days.
    capacity_per_week : float
        How many leads sales can work in a week.
    stage : str
        What counts, reached with one further along too.
    within_days : int
        After the day the lead came to sales; leads whose days are not over are left out and counted.
    tolerance : float
        Simpler is as good if it surely loses less than this share of what the rulebook gets.
    scores : mapping of name to Series by lead_id, optional
        Other scores, higher is better, each as it was known on the day.
    observed_until : date, optional
        The last day whose outcomes are known. By default that of the tables.

    Returns
    -------
    Baselines
        `frame`, `verdict`, `findings`.

    Raises
    ------
    ArgumentError
        If an argument is none of these, there are no outcomes, or no lead is left.

    Notes
    -----
    The difference of two ways rests only on leads that one of them takes and the other does not: its interval is that
    of two rates (Agresti, A. and Caffo, B. (2000), The American Statistician 54, 280-288), or that of weeks, where they
    differ by more than chance. Leads that sales never worked cannot be judged: what lies below the bar in force stays
    unknown until some such leads are passed on at random.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets.funnel import make_funnel
    >>> made = make_funnel(6000, random_state=1)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    >>> found = baselines(
    ...     tables, made.rulebook, start="2025-11-01", end="2026-02-28", capacity_per_week=15, within_days=21
    ... )
    >>> found.frame.index.tolist()
    ['rulebook', 'hand-raisers only', 'fit only', 'behaviour only', 'most recent first', 'chance']
    """
    first, last = (day_number(as_day(day, name=name)) for day, name in ((start, "start"), (end, "end")))
    _check(first, last, capacity_per_week, tolerance, stage)
    check_days(within_days)
    until = tables.observed(observed_until)[1]
    pool, findings = _pool(tables, stage, (first, last), within_days, until)
    bound = Timeline(compiled(rulebook), tables, first, last).at(pool["lead"].to_numpy(), pool["day"].to_numpy())
    ways = _ways(bound, tables, scores or {}, pool)
    reached = pool["reached"].to_numpy()
    week = (pool["day"].to_numpy() - first) // WEEK
    weeks = (last - first + 1) / WEEK
    # The last week may be a part of one.
    places = capacity_per_week * np.minimum(weeks - np.arange(np.ceil(weeks)), 1)
    taken = {name: chosen(score, week, places) for name, score in ways.items()}
    rows = {name: _row(share, taken[_RULEBOOK], reached, week, weeks) for name, share in taken.items()}
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("way")
    binding = np.bincount(week, minlength=len(places)) > places
    if not binding.any():
        findings.append(
            "No week had more leads than sales can work: every way but hand-raisers only takes all of them."
        )
    findings.append("Only leads that sales worked are judged: what lies below the bar in force stays unknown.")
    simpler = [name for name in ways if name != _RULEBOOK and name not in (scores or {})]
    if not reached.any():
        verdict = f"Nothing can be told yet: none of the {len(pool):,} leads reached {stage}."
    elif not binding.any():
        verdict = "Nothing can be told: sales could work all leads of every week, so no way had to choose."
    else:
        verdict = _verdict(rows, simpler, int(reached.sum()), tolerance)
    leads = _judged(tables, pool, ways[_RULEBOOK])
    n, hits, capacity = len(pool), int(reached.sum()), float(capacity_per_week)
    return Baselines(frame, verdict, findings, leads, n, hits, weeks, stage, capacity, int(within_days), day_of(until))


def _judged(tables: Tables, pool: pd.DataFrame, total: Floats) -> pd.DataFrame:
    """`Baselines.leads`."""
    ids = pd.Index(tables.ids.array.take(pa.array(pool["lead"])).to_pandas(), name="lead_id")
    day = pool["day"].to_numpy().astype("datetime64[D]").astype("datetime64[us]")
    return pd.DataFrame({"day": day, "reached": pool["reached"].to_numpy(), "total": total / 1000}, index=ids)


def _check(first: int, last: int, capacity: Any, tolerance: Any, stage: str) -> None:
    if last < first:
        raise ArgumentError("end", f"the period ends on {day_of(last)}, before its start on {day_of(first)}")
    if last - first + 1 < WEEK:
        raise ArgumentError("end", f"the period must be a week or more; got {last - first + 1} days")
    if isinstance(capacity, bool) or not isinstance(capacity, (int, float, np.number)) or not 0 < capacity < np.inf:
        raise ArgumentError("capacity_per_week", f"must be a number above 0; got {capacity!r}")
    if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)) or not 0 < tolerance < 1:
        raise ArgumentError("tolerance", f"must be a share between 0 and 1; got {tolerance!r}")
    if stage not in STAGES:
        raise ArgumentError("stage", f"there is no stage {stage!r}{did_you_mean(stage, STAGES)}")


def _pool(
    tables: Tables, stage: str, period: tuple[int, int], within_days: int, until: int
) -> tuple[pd.DataFrame, list[str]]:
    """The leads that can be judged, `lead`, `day`, `reached`; and what to say of those that cannot."""
    stages, _ = tables.observed(day_of(until))
    n, day = len(tables.ids), stages.times.days(tables.timezone)
    worked, came = stages.first(n, day, stages.of(*WORKED)), stages.came_to_sales(n, day)
    goal = stages.first(n, day, stages.of(*or_further(stage)))
    inside = (came >= period[0]) & (came <= period[1]) & (tables.records.there_from(tables.timezone) <= came)
    closed = came <= until - within_days
    # Without any work within the days nobody knows what the lead was worth.
    judged = closed & (worked <= np.minimum(came, until) + within_days) & (goal >= came)
    findings = []
    for rows, why in (
        (inside & ~closed, f"came less than {within_days} days before {day_of(until)}: it is not known yet"),
        (inside & closed & (worked > came + within_days), "were never worked by sales in that time"),
        (inside & closed & (goal < came), f"had reached {stage} before they came to sales"),
    ):
        if rows.any():
            findings.append(f"{int(rows.sum()):,} leads {why}. They are left out.")
    lead = np.flatnonzero(inside & judged)
    if not len(lead):
        raise ArgumentError("tables", f"no lead that came to sales in the period can be judged. {' '.join(findings)}")
    reached = goal[lead] <= came[lead] + within_days
    return pd.DataFrame({"lead": lead.astype(np.int32), "day": came[lead], "reached": reached}), findings


def _ways(bound: Bound, tables: Tables, scores: Mapping[str, pd.Series[Any]], pool: pd.DataFrame) -> dict[str, Floats]:
    """What each way goes by, one number per lead, the best first; minus infinity is never taken."""
    ways = {_RULEBOOK: np.asarray(bound.fit + bound.behaviour, np.float64)} | simple_ways(bound)
    ways["chance"] = np.zeros(bound.n)
    for name, series in scores.items():
        own = tables.aligned(series, "scores").to_numpy(np.float64, na_value=np.nan)[pool["lead"]]
        if np.isnan(own).any() or name in ways:
            what = f"has no value for {int(np.isnan(own).sum()):,} of the {len(own):,} leads that are judged"
            raise ArgumentError("scores", f"{name!r} {what if name not in ways else 'is the name of another way'}")
        ways[name] = own
    return ways


def _row(chosen: Floats, base: Floats, reached: npt.NDArray[np.bool_], week: Ints, weeks: float) -> _Figures:
    """One way's figures, beside the base on the same leads."""
    taken, got = chosen.sum(), chosen[reached].sum()
    low, high = wilson(got, taken)
    apart = gain(chosen - base, reached, week)
    least, most = apart.interval(0.95)
    return {
        "chosen": taken,
        "reached": got,
        "rate": got / taken if taken else np.nan,
        "rate_low": float(low),
        "rate_high": float(high),
        "per_week": got / weeks,
        "difference": apart.value / weeks,
        "low": least / weeks,
        "high": most / weeks,
    }


def _verdict(rows: Mapping[str, _Figures], ways: list[str], reached: int, tolerance: float) -> str:
    """Whether the rulebook is worth having, against ways that need less of it."""
    mine = rows[_RULEBOOK]["per_week"]
    for name in ways:
        if rows[name]["low"] > -tolerance * mine:
            what = "Use less of it" if name in {FIT, BEHAVIOUR} else "Switch scoring off"
            within = f"within {tolerance:.0%} of the {mine:.2f} by the rulebook"
            return f"{what}: {name} is as good, {_beside(rows[name])}, {within}."
    unsettled = [name for name in ways if rows[name]["high"] >= 0]
    if not unsettled:
        name = max(ways, key=lambda way: rows[way]["difference"])
        return f"Keep scoring: the best of the simpler ways, {name}, gets surely less, {_beside(rows[name])}."

    def times(way: str) -> float:
        """How many times the outcomes would be needed for an interval that reaches only one of the two answers."""
        difference, half = rows[way]["difference"], rows[way]["high"] - rows[way]["difference"]
        return (half / max(-difference, difference + tolerance * mine)) ** 2

    name = max(unsettled, key=times)
    more = int(np.ceil(reached * (times(name) - 1)))
    return (
        f"Open: whether {name} is as good cannot be told yet, {_beside(rows[name])}. If the difference stays so, about "
        f"{more:,} more leads that reach the stage would settle it, beside the {reached:,} there are."
    )


def _beside(row: _Figures) -> str:
    return f"{row['difference']:+.2f} a week ({row['low']:+.2f} to {row['high']:+.2f})"
