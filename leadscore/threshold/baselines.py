"""`baselines`: does scoring find more than waiting for requests, and than other simple ways to choose."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_of
from leadscore.base.stages import STAGES
from leadscore.base.text import about, counted
from leadscore.errors import ArgumentError
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.rulebook.plan import compiled
from leadscore.scoring.engine import Bound
from leadscore.scoring.scores import lead_ids
from leadscore.scoring.timeline import Timeline
from leadscore.stats.intervals import rate
from leadscore.tables.outcomes import Ints
from leadscore.tables.tables import Tables
from leadscore.threshold.capacity import BEHAVIOUR, CHANCE, FIT, HAND_RAISERS, RECENT, WEEK, chosen, gain, simple_ways
from leadscore.threshold.worked import Worked, worked_leads

Floats = npt.NDArray[np.float64]
_Figures = dict[str, float]

_RULEBOOK = "rulebook"


# With fewer leads that reached the stage two ways may take the same ones by chance, and no difference is a verdict.
_LEAST_REACHED = 10
# The least of a rulebook first: of several ways that are as good, the verdict names the first.
_SIMPLEST = (CHANCE, HAND_RAISERS, RECENT, FIT, BEHAVIOUR)


@dataclass(frozen=True, eq=False, repr=False)
class Baselines(Result):
    """What each way to choose leads would have got from the same leads at the same weekly capacity; see `baselines`.

    Attributes
    ----------
    headline : str
        The verdict: keep scoring, switch it off, use less of it, or open, and how many more outcomes would settle it.
    notes : tuple of str
        What to know before it is believed.
    frame : DataFrame, index way to choose
        `chosen` leads (fractions where ties are shared out), `reached` of them, `rate` with `rate_low`, `rate_high`
        (95 % Wilson), `per_week` (reached), and against the rulebook, paired on the same leads: `difference` (reached
        per week), `low`, `high` (95 %).
    leads : DataFrame, index lead_id
        The leads judged: `day` on which each came to sales, `reached`, and `total`, by the rulebook on that day.
    n, reached, weeks : numbers
        How many these are, how many of them reached the stage, and the weeks of the period whose leads can be judged.
    stage, capacity_per_week, within_days, worked_only, observed_until
        What was asked; see `baselines`.
    withheld : str
        Why no rate is given, where every lead that sales worked reached the stage: as where refusals are not recorded.
    """

    headline: str
    notes: tuple[str, ...]
    frame: pd.DataFrame
    leads: pd.DataFrame
    n: int
    reached: int
    weeks: float
    stage: str
    capacity_per_week: float
    within_days: int
    worked_only: bool
    observed_until: dt.date
    withheld: str

    def sections(self) -> Iterator[Section]:
        """What each way would have got."""
        whom = "that sales worked" if self.worked_only else "with an mql, worked or not,"
        counts = f"{counted(self.n, 'lead')} {whom} in {self.weeks:.3g} weeks, {self.reached:,} reached"
        until = f"{self.stage} within {self.within_days} days, by outcomes until {self.observed_until}"
        title = f"Each way, with places for {self.capacity_per_week:g} a week; differences a week, 95 % intervals"
        formats = {"chosen": ",.1f", "reached": ",.1f", "per_week": ".2f", "difference": "+.2f"}
        yield Section("frame", title, self.frame, notes=(f"{counts} {until}.",), formats=formats)


def baselines(  # noqa: PLR0913 - each of them is part of what is asked
    tables: Tables,
    rulebook: Rulebook,
    *,
    start: Any,
    end: Any,
    capacity_per_week: float,
    stage: str,
    within_days: int,
    tolerance: float = 0.1,
    scores: Mapping[str, pd.Series[Any]] | None = None,
    worked_only: bool = True,
    observed_until: Any = None,
) -> Baselines:
    """Does scoring find more than waiting for requests: what the rulebook and simpler ways would have chosen.

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
        After the day the lead came to sales; leads whose days have not passed are left out and counted.
    tolerance : float
        Simpler is as good if it loses less than this share of what the rulebook gets (its interval excludes more).
    scores : mapping of name to Series by lead_id, optional
        Other scores, higher is better, each as it was known on the day.
    worked_only : bool
        If False, leads with an `mql` that sales never worked are judged too, as not reached; those without one, which
        are known only because sales worked them, are left out. For outcomes that do not tell of refusals.
    observed_until : date, optional
        The last day whose outcomes are known. By default that of the tables.

    Returns
    -------
    Baselines
        `headline`, `notes`, `frame`, `leads`.

    Raises
    ------
    ArgumentError
        If an argument is invalid, there are no outcomes, or no lead is left.

    Notes
    -----
    The difference of two ways rests only on leads that one of them takes and the other does not: its interval is that
    of two rates (Agresti, A. and Caffo, B. (2000), The American Statistician 54, 280-288), or that of weeks, where they
    differ by more than chance. Leads that sales never worked cannot be judged: what lies below the threshold in force
    stays unknown until some such leads are passed on at random.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets.funnel import make_funnel
    >>> made = make_funnel(6000, random_state=1)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    >>> goal = {"capacity_per_week": 15, "stage": "sal", "within_days": 21}
    >>> found = baselines(tables, made.rulebook, start="2025-11-01", end="2026-02-28", **goal)
    >>> found.frame.index.tolist()
    ['rulebook', 'hand-raisers only', 'fit only', 'behaviour only', 'most recent first', 'chance']
    """
    asked = {"capacity_per_week": capacity_per_week, "stage": stage, "within_days": within_days}
    asked |= {"tolerance": tolerance, "worked_only": worked_only}
    first, last = _checked(tables, rulebook, start, end, scores, **asked)
    until = tables.observed(observed_until)[1]
    worked = worked_leads(tables, stage, (first, last), within_days=within_days, until=until, worked_only=worked_only)
    pool, withheld = _pool(worked, tables), worked.withheld
    bound = Timeline(compiled(rulebook), tables, first, last).at(pool["lead"].to_numpy(), pool["day"].to_numpy())
    ways = _ways(bound, tables, scores or {}, pool)
    reached = pool["reached"].to_numpy()
    week, weeks = (pool["day"].to_numpy() - first) // WEEK, (min(last, until - within_days) - first + 1) / WEEK
    # Of weeks whose leads cannot be judged yet none counts; the last may be a part of one.
    places = capacity_per_week * np.minimum(weeks - np.arange(np.ceil(weeks)), 1)
    taken = {name: chosen(score, week, places) for name, score in ways.items()}
    rows = {name: _row(share, taken[_RULEBOOK], reached, week, weeks) for name, share in taken.items()}
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("way")
    n, hits = len(pool), int(reached.sum())
    if not hits:
        headline = f"No verdict yet: none of the {counted(n, 'lead')} reached {stage}."
    elif not (np.bincount(week, minlength=len(places)) > places).any():
        headline = "No verdict: sales could work every lead of every week, so no method had to choose."
    else:
        headline = f"No verdict: {withheld}." if withheld else _verdict(rows, hits, tolerance)
    if withheld:
        frame.loc[:, "rate":] = np.nan
    headline += "" if worked_only else f" Every lead with an mql counts, as not reached after {within_days} days."
    came = pool["day"].to_numpy().astype("datetime64[D]")
    leads = pool.assign(day=came.astype("datetime64[us]"), total=ways[_RULEBOOK] / 1000).drop(columns="lead")
    facts = (n, hits, weeks, stage, float(capacity_per_week), int(within_days), worked_only, day_of(until), withheld)
    return Baselines(headline, worked.notes, frame, leads, *facts)


def _checked(tables: Tables, rulebook: Rulebook, start: Any, end: Any, scores: Any, **asked: Any) -> tuple[int, int]:
    """The first and the last day, where all that is asked is well-formed."""
    with Arguments("baselines") as given:
        given.types(tables=(tables, Tables), rulebook=(rulebook, Rulebook))
        given.types(scores=(scores, Mapping | None))
        first, last = given.period(start, end)
        given.whole("within_days", asked["within_days"], least=1)
        given.number("capacity_per_week", asked["capacity_per_week"], above=0)
        given.probability("tolerance", asked["tolerance"])
        given.one_of("stage", asked["stage"], STAGES)
        given.flag("worked_only", asked["worked_only"])
        if not given.problems and last - first + 1 < WEEK:
            given.wrong("end", f"the period must be a week or more; got {counted(last - first + 1, 'day')}")
    return first, last


def _pool(worked: Worked, tables: Tables) -> pd.DataFrame:
    """The leads that can be judged, by lead_id: `lead`, `day`, `reached`."""
    if not len(worked.lead):
        left_out = " ".join(note for note in worked.notes if "left out" in note)
        raise ArgumentError("tables", f"no lead that came to sales in the period can be judged. {left_out}")
    lead = worked.lead.astype(np.int32)
    return pd.DataFrame({"lead": lead, "day": worked.day, "reached": worked.reached}, lead_ids(tables, lead))


def _ways(bound: Bound, tables: Tables, scores: Mapping[str, pd.Series[Any]], pool: pd.DataFrame) -> dict[str, Floats]:
    """What each way goes by, one number per lead, the best first; minus infinity is never taken."""
    ways = {_RULEBOOK: np.asarray(bound.fit + bound.behaviour, np.float64)} | simple_ways(bound)
    ways[CHANCE] = np.zeros(bound.n)
    for name, series in scores.items():
        own = tables.aligned(series, "scores").to_numpy(np.float64, na_value=np.nan)[pool["lead"]]
        if np.isnan(own).any() or name in ways:
            what = f"has no value for {int(np.isnan(own).sum()):,} of the {counted(len(own), 'lead')} judged"
            raise ArgumentError("scores", f"{name!r} {what if name not in ways else 'is the name of another method'}")
        ways[name] = own
    return ways


def _row(chosen: Floats, base: Floats, reached: npt.NDArray[np.bool_], week: Ints, weeks: float) -> _Figures:
    """One way's figures, beside the base on the same leads."""
    taken, got = chosen.sum(), chosen[reached].sum()
    value, low, high = rate(got, taken)
    apart = gain(chosen - base, reached, week)
    least, most = apart.interval(0.95)
    return {
        "chosen": taken,
        "reached": got,
        "rate": value,
        "rate_low": low,
        "rate_high": high,
        "per_week": got / weeks,
        "difference": apart.value / weeks,
        "low": least / weeks,
        "high": most / weeks,
    }


def _verdict(rows: Mapping[str, _Figures], reached: int, tolerance: float) -> str:
    """Whether the rulebook finds more than ways that need less of it."""
    if reached < _LEAST_REACHED:
        return f"No verdict yet: {counted(reached, 'lead')} reached the stage, and it takes {_LEAST_REACHED}."
    mine, ways = rows[_RULEBOOK]["per_week"], [name for name in _SIMPLEST if name in rows]
    for name in ways:
        if rows[name]["low"] > -tolerance * mine:
            what = "Use less of it" if name in {FIT, BEHAVIOUR} else "Switch scoring off"
            within = f"within {tolerance:.0%} of the rulebook's {mine:.2f}"
            return f"{what}: {name} is as good, {_beside(rows[name])}, {within}."
    if not mine:
        return f"Open: none of the {rows[_RULEBOOK]['chosen']:,.0f} leads that the rulebook chose reached the stage."
    unsettled = [name for name in ways if rows[name]["high"] >= 0]
    if not unsettled:
        name = max(ways, key=lambda way: rows[way]["difference"])
        return f"Keep scoring: the best of the simpler ways, {name}, gets less, {_beside(rows[name])}."

    def times(way: str) -> float:
        """How many times the outcomes would be needed for an interval that reaches only one of the two answers."""
        difference, half = rows[way]["difference"], rows[way]["high"] - rows[way]["difference"]
        return (half / max(-difference, difference + tolerance * mine)) ** 2

    name = max(unsettled, key=times)
    more = int(np.ceil(reached * (times(name) - 1)))
    return (
        f"Open: it is not clear yet whether {name} is as good, {_beside(rows[name])}. If the difference stays, "
        f"{about(more)} more leads that reach the stage would settle it, on top of {reached:,} now."
    )


def _beside(row: _Figures) -> str:
    return f"{row['difference']:+.2f} a week (95 % interval {row['low']:+.2f} to {row['high']:+.2f})"
