"""`replay`: when each lead qualified, and with which score: any past day judged exactly as `score` would have."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number, day_of
from leadscore.base.text import counted
from leadscore.base.times import DAY, NO_TIME, Times
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.rulebook.plan import compiled
from leadscore.scoring.attributes import Attributes
from leadscore.scoring.moments import Doings, first_moments
from leadscore.scoring.scores import lead_ids, named, points_by_rule, verdicts
from leadscore.scoring.search import Search
from leadscore.scoring.timeline import Timeline
from leadscore.scoring.unfired import findings
from leadscore.tables.days import merged
from leadscore.tables.findings import findings_section
from leadscore.tables.groups import By, grouping
from leadscore.tables.lead_history import Positions
from leadscore.tables.tables import Tables


@dataclass(frozen=True)
class Moments:
    """When leads qualified on their days, in UTC, as if events had a time of day; `dated` if none of theirs has one."""

    at: pd.DatetimeIndex
    dated: bool


@dataclass(frozen=True, eq=False, repr=False)
class History(Result):
    """When leads qualified in a period, and with which score; made by `replay`.

    Attributes
    ----------
    rulebook : Rulebook
    start, end : date
        The period, both days included.
    n_leads : int
        The leads that were there on some day of it.
    frame : DataFrame, index lead_id, one row per lead that qualified, in the order of the leads
        `day` (the first on which it qualifies), `already` (that is `start`, and it did so on the day before too, so
        that this is not the day it qualified), `qualified_at` (UTC; when on that day the lead with its events so far
        first reached its threshold; where it needed none of them, as after an edit of the lead, the day's start; not
        before its creation; missing where the events have no time of day), and as they were on that day: `fit`,
        `behaviour`, `total`, `segment`, `threshold`, `via`, `grade`.
    states : DataFrame or None
        With `states=True`, a row for each stay: `lead_id`, `from_day`, `to_day` (the last day on which the lead
        qualifies; missing where it still does on `end`), `already`; with a `restart` in the rulebook also `pass`, how
        many restarts the lead had before the stay, so that the second MQL is told from the first.
    tables : Tables
    attributes : Attributes or None
        What each fit rule looks at.
    moments : Moments or None
        What `qualified_at` would be if other leads' events had a time of day: so parts of a whole are put together.
    """

    rulebook: Rulebook
    start: dt.date
    end: dt.date
    n_leads: int
    frame: pd.DataFrame
    states: pd.DataFrame | None
    tables: Tables
    attributes: Attributes | None = None
    moments: Moments | None = None

    @property
    def headline(self) -> str:
        """How many leads qualified in the period."""
        new = len(self) - self.already
        period = f"from {self.start} to {self.end}"
        return f"{new:,} of {counted(self.n_leads, 'lead')} qualified {period} by {named(self.rulebook)}."

    @property
    def already(self) -> int:
        """How many leads had already qualified before the period."""
        return int(self.frame["already"].sum())

    @property
    def notes(self) -> tuple[str, ...]:
        """Leads left out, and why there is no interval."""
        before = (f"{counted(self.already, 'lead')} had already qualified before the period.",) if self.already else ()
        return (*before, "Every lead is counted: this is no sample, so there is no interval.")

    def sections(self) -> Iterator[Section]:
        """The weeks; and for programs the leads and their stays."""
        yield Section("weekly", "Leads that qualified in each week, from Monday", self.weekly())
        for name, rows in (("frame", self.frame), ("states", self.states)):
            if rows is not None:
                yield Section(name, name, rows, rows.head(0))
        yield findings_section(self.findings)

    @cached_property
    def findings(self) -> pd.DataFrame:
        """What the rulebook and the data lack of each other in the period; see `Scores.findings`."""
        first, last = day_number(self.start), day_number(self.end)
        return findings(self.tables, self.rulebook, first, last, self.attributes)

    @cached_property
    def points(self) -> pd.DataFrame:
        """One column per rule, before limits, as they were on the day each lead qualified; float64 points."""
        plan = compiled(self.rulebook)
        timeline = Timeline(plan, self.tables, day_number(self.start) - 1, day_number(self.end))
        lead = self.tables.positions(self.frame.index)
        day = self.frame["day"].to_numpy("datetime64[D]").astype(np.int64)
        return points_by_rule(timeline.at(lead, day)).set_axis(self.frame.index)

    def weekly(self, by: By | None = None) -> pd.DataFrame:
        """How many leads qualified in each week.

        Parameters
        ----------
        by : str or list of str, optional
            Lead columns, `segment`, `via`, `grade`: then the weeks of each of their values.

        Returns
        -------
        DataFrame, index week (its Monday), or (group, week); leads without a value are a group too
            `qualified`: leads that did, each on its first day, without those marked `already`; `days`: how many days of
            the week lie in the period. It counts all leads and is no sample, so it has no interval.

        Raises
        ------
        ArgumentError
            If there is no such column.
        """
        new = self.frame[~self.frame["already"]]
        if by is None:
            return by_week(new["day"], self.start, self.end)
        days = _weeks(self.start, self.end)
        codes, names = grouping(self.tables, by, {name: self.frame[name] for name in ("segment", "via", "grade")})
        group = pd.Series(np.array(names, object)[codes[self.tables.positions(new.index)]], new.index, name="group")
        index = pd.MultiIndex.from_product([sorted(group.unique()), days.index], names=["group", "week"])
        counts = pd.DataFrame({"group": group, "week": _monday(new["day"])}).value_counts()
        return counts.reindex(index, fill_value=0).rename("qualified").to_frame().join(days)

    def plot(self, ax: Any = None) -> Any:
        """Draw how many leads qualified in each week."""
        from leadscore.present.pictures import plot_weekly  # noqa: PLC0415 - matplotlib is loaded when a picture is asked for

        return plot_weekly(self.weekly()[["qualified", "days"]], ax=ax)

    def __len__(self) -> int:
        return len(self.frame)


def by_week(qualified: pd.Series[Any], start: dt.date, end: dt.date) -> pd.DataFrame:
    """How many leads qualified in each week of a period, given the day on which each did; see `History.weekly`."""
    days = _weeks(start, end)
    counts = _monday(qualified).value_counts().reindex(days.index, fill_value=0)
    return pd.DataFrame({"qualified": counts, "days": days})


def _weeks(start: dt.date, end: dt.date) -> pd.Series[Any]:
    """How many days of each week lie in a period, by its Monday."""
    period = pd.Series(pd.date_range(start, end, unit="us"))
    return period.groupby(_monday(period)).size().rename_axis("week").rename("days")


def _monday(days: pd.Series[Any]) -> pd.Series[Any]:
    """The Monday of each day's week."""
    return (days - pd.to_timedelta(days.dt.day_of_week, unit="D")).dt.as_unit("us").rename("week")


def replay(tables: Tables, rulebook: Rulebook, *, start: Any, end: Any, states: bool = False) -> History:
    """Find for each lead the first day of a period on which it qualifies, and the score it had then.

    Every day is judged exactly as `score` with that `as_of` would have judged it, by the rulebook given, from what was
    there by its end. Only days on which something can rise are looked at: an event, a window that closes or a decay
    that wears off on points below zero, a `never` that lapses, a row of the lead that begins to hold, its creation.

    Parameters
    ----------
    tables : Tables
    rulebook : Rulebook
    start, end : date, or text as "2026-03-31"
        The first and the last day of the period, in the rulebook's time zone.
    states : bool
        Also find each later day on which a lead ceased to qualify or did so again.

    Returns
    -------
    History
        `frame`, `states`, `points`, `weekly(by)`, `plot()`.

    Raises
    ------
    ContractError
        If the tables lack a column the rulebook uses, or hold values that it cannot read.
    ArgumentError
        If `start` or `end` is no day, the period ends before it starts, or tables and rulebook are not in this order.

    Notes
    -----
    A lead that qualifies on `start` and on the day before as well did not start to qualify in the period: it is marked
    `already`, and `weekly` leaves it out, even if it stops and returns later. One that had stopped by `start`, whenever
    it qualified before, counts in the week in which it returns. So a lead counts once in a period at most;
    `states=True` has every stay.

    Examples
    --------
    >>> import leadscore as ls
    >>> rulebook = ls.Rulebook.from_yaml('''
    ... leadscore: 1
    ... name: demo
    ... fit: [{name: Home market, when: {country: [US, CA]}, points: 60}]
    ... behaviour: [{name: Pricing page, event: pricing, points: 15, within_days: 7}]
    ... qualify: {threshold: 90}
    ... ''')
    >>> leads = pd.DataFrame({"lead_id": ["a", "b"], "country": ["US", None]})
    >>> at = ["2026-03-10T09:30Z", "2026-03-12T16:05Z", "2026-03-12T18:00Z"]
    >>> events = pd.DataFrame({"lead_id": ["a", "a", "a"], "event": "pricing", "at": at})
    >>> tables = ls.load_tables(leads, events, rulebook=rulebook)
    >>> history = ls.replay(tables, rulebook, start="2026-03-01", end="2026-03-31", states=True)
    >>> history.frame[["day", "qualified_at", "total", "via"]]
                   day              qualified_at  total    via
    lead_id
    a       2026-03-12 2026-03-12 16:05:00+00:00   90.0  score
    >>> history.states[["lead_id", "from_day", "to_day"]]
      lead_id   from_day     to_day
    0       a 2026-03-12 2026-03-16
    """
    with Arguments("replay") as given:
        given.types(tables=(tables, Tables), rulebook=(rulebook, Rulebook))
        first, last = given.period(start, end)
        given.flag("states", states)
    timeline = Timeline(compiled(rulebook), tables, first - 1, last)
    return Replay(timeline, tables).history(first, last, states=states)


class Replay:
    """Says of any days of a timeline but its first when each lead qualified in them."""

    def __init__(self, timeline: Timeline, tables: Tables) -> None:
        self.timeline, self.tables = timeline, tables
        self._search = Search(timeline, tables)

    def history(self, first: int, last: int, *, states: bool = False) -> History:
        """What `replay` says of some days."""
        timeline, start = self.timeline, day_of(first)
        lead, day, already = self._search.came(first, last)
        frame, moments = _frame(timeline, self.tables, lead, day)
        frame.insert(1, "already", already)
        there = int((timeline.there_from <= last).sum())
        stays = self._states(first, last) if states else None
        rulebook, attributes = timeline.plan.rulebook, timeline.attributes
        return History(rulebook, start, day_of(last), there, frame, stays, self.tables, attributes, moments)

    def _states(self, first: int, last: int) -> pd.DataFrame:
        """`History.states`."""
        stays = self._search.stays(first - 1, last)
        stays = stays.take(np.flatnonzero(stays.last >= first))
        days = (np.maximum(stays.first, first), stays.last)
        from_day, to_day = (day.astype("datetime64[D]").astype("datetime64[us]") for day in days)
        to_day[stays.last == last] = np.datetime64("NaT")
        already, lead = stays.first < first, lead_ids(self.tables, stays.lead)
        states = pd.DataFrame({"lead_id": lead, "from_day": from_day, "to_day": to_day, "already": already})
        return states if self.timeline.plan.restart is None else states.assign(**{"pass": self._restarts(states)})

    def _restarts(self, states: pd.DataFrame) -> npt.NDArray[np.int64]:
        """How many restarts each stay's lead had on days before it."""
        timeline = self.timeline
        assert timeline.plan.restart is not None
        days = merged([timeline.tables[table] for table in timeline.classes.feeds[timeline.plan.restart]])
        lead = self.tables.positions(pd.Index(states["lead_id"]))
        begins = states["from_day"].to_numpy("datetime64[D]").astype(np.int64)
        return days.place(lead + 1, 0 * lead) - days.place(lead, (timeline.last - begins + 1).astype(np.int32))


def _frame(timeline: Timeline, tables: Tables, lead: Positions, day: Positions) -> tuple[pd.DataFrame, Moments]:
    """`History.frame` for leads on the days they qualified, but for `already`; and the moments behind it."""
    timezone = timeline.plan.rulebook.timezone
    doings, zoned = Doings.read(tables, timeline, lead, day)
    frames, times, alone = [verdicts(timeline.at(lead[:0], day[:0]))], [lead[:0].astype(np.int64)], [lead[:0] > 0]
    for leads, part in timeline.parts():
        begin, end = map(int, np.searchsorted(lead, [leads.start, leads.stop]))
        mine, days = lead[begin:end], day[begin:end]
        frames.extend(verdicts(part.at(mine[rows], days[rows])) for rows in part.blocks(mine))
        at, none_needed = first_moments(part, mine, days, doings.between(begin, end))
        times.append(at)
        alone.append(none_needed)
    moments = Times(np.concatenate(times), zoned).utc(timezone)
    morning = Times(day.astype(np.int64) * DAY, zoned=False).utc(timezone)
    # Where all events have a date only, nobody wrote down when on its day one was.
    dated = bool((Times(doings.moment, zoned).local(timezone) % DAY == 0).all())
    unasked = np.concatenate(alone)
    reached_at = np.where(unasked, morning, moments)
    created = tables.created()
    if created is not None:
        # Nobody qualifies before being there, whatever is on record from earlier that day.
        known = reached_at != NO_TIME
        reached_at[known] = np.maximum(reached_at, created.utc(timezone)[lead])[known]
    frame = pd.concat(frames, ignore_index=True).drop(columns=["qualified", "blocked_by"])
    frame.insert(0, "day", day.astype("datetime64[D]").astype("datetime64[us]"))
    reached = pd.DatetimeIndex(reached_at.view("datetime64[us]")).tz_localize("UTC")
    frame.insert(1, "qualified_at", reached.where(unasked) if dated else reached)
    return frame.set_axis(lead_ids(tables, lead)), Moments(reached, dated)
