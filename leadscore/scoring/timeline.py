"""What leads did, day by day: events counted once by class, lead and day, and any lead on any day looked up in them."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.base.stages import STAGES
from leadscore.base.text import normalise
from leadscore.base.times import DAY
from leadscore.errors import ContractError, Problem
from leadscore.rulebook import Rulebook
from leadscore.rulebook.conditions import Did
from leadscore.rulebook.lookups import Place
from leadscore.rulebook.lookups import cells as edge_cells
from leadscore.scoring.attributes import IN_CACHE, Attributes, Ints
from leadscore.scoring.days import Days, daily, merged, together, told_apart
from leadscore.scoring.engine import Bound, SoFar
from leadscore.scoring.plan import Plan, compiled
from leadscore.sources.answers import answers
from leadscore.tables.events import EventBatch
from leadscore.tables.lead_history import Positions
from leadscore.tables.tables import Tables

# How many leads, and how many pairs of a day and a row of a table of theirs, are looked at in one go.
_LEADS = 1 << 14
_PAIRS = 1 << 23


@dataclass(frozen=True)
class Table:
    """Days with events that some happenings want as one table.

    Attributes
    ----------
    classes : tuple of int
        The classes of events that go into it.
    within : int
        How many days back they are looked at.
    columns : tuple of str
        The event columns whose values are told apart in it.
    sum : str or None
        The event column that is added up in it.
    stages : frozenset of str
        The stages that go into it, in place of events.
    """

    classes: tuple[int, ...]
    within: int
    columns: tuple[str, ...] = ()
    sum: str | None = None
    stages: frozenset[str] = frozenset()

    @property
    def of_classes(self) -> bool:
        """Whether it is made of the tables of its classes."""
        return not (self.columns or self.sum or self.stages)

    @property
    def width(self) -> int:
        """How many columns it keeps beside leads, ages and counts."""
        return len(self.columns) + bool(self.sum)

    def member(self, n_classes: int) -> npt.NDArray[np.bool_]:
        """(n_classes + 1,) which classes go into it; the last is that of events that no rule can use."""
        held = np.zeros(n_classes + 1, bool)
        held[list(self.classes)] = True
        return held

    def days(self, lead: Positions, age: Positions, count: npt.NDArray[Any], *kept: npt.NDArray[Any]) -> Days:
        """Some events, as rows of it: their values, and last what is added up."""
        keys = len(self.columns)
        return Days(lead, age, count, kept[:keys], kept[keys].astype(np.int64) if self.sum else None)


class Classes:
    """Kinds of events that the same rules wait for are one class; those that no rule waits for are one too.

    Attributes
    ----------
    matches : (n_classes, n_happenings) bool
    tables : list of Table
        Behind the tables of the classes, those that some happenings want as one.
    feeds : for each happening, the tables it looks at: classes, or behind them the others
    windows : for each table, the widest window of the rules that look at it, in days; 0 if none does
    apart : dict of place in `tables` to Table
        Those that tell values apart, or add a column up.
    plain : list of int
        The classes whose days are looked at by themselves.
    """

    def __init__(self, plan: Plan, tables: Tables) -> None:
        shapes, cells = [], {}
        self.by_value: dict[str, npt.NDArray[np.int32]] = {}
        self._days = plan.events.get("at")
        for name, column_plan in plan.events.items():
            if name == "at":
                edges = sorted(column_plan.edges)
                codes = np.arange(2 * len(edges) + 1)
                table = np.array([column_plan.row(value) for value in edge_cells(edges)], np.int64)
            else:
                found = answers(column_plan, tables.event_column(name, column_plan.kind, plan.rulebook))
                codes, table = np.append(found.codes, -1), found.table
            # Values that answer every test alike are one cell: 2,000 assets may be six.
            unique, cell = np.unique(table, axis=0, return_inverse=True)
            self.by_value[name] = cell.reshape(-1)[codes].astype(np.int32)
            cells[name] = unique
            shapes.append(len(unique))
        self.shape = tuple(shapes)
        combinations = np.indices(self.shape).reshape(len(shapes), -1)
        position = dict(zip(cells, combinations, strict=True))
        size = int(np.prod(self.shape))

        def get(place: Place) -> Ints:
            return cells[place.column][position[place.column], place.index]

        none = np.full(size, -1)
        held = [
            (none if one.holds is None else one.holds.evaluate(get, np.minimum.reduce, np.maximum.reduce)) > 0
            for one in plan.happenings
        ]
        matrix = np.array(held, bool).reshape(len(held), size).T
        self.matches, kind = np.unique(matrix, axis=0, return_inverse=True)
        self.kind = kind.reshape(-1).astype(np.int16)
        self.keys = {name: _codes(tables, name, plan) for one in plan.happenings for name in one.columns}
        self.sums = {one.sum: tables.event_sums(one.sum, plan.rulebook) for one in plan.happenings if one.sum}
        self._arrange(plan)

    def _arrange(self, plan: Plan) -> None:
        """Say for each happening which tables of days feed it, and for each table how far back it is looked at."""
        self.tables: list[Table] = []
        self.feeds: list[list[int]] = []
        for happening, one in enumerate(plan.happenings):
            classes = tuple(map(int, np.flatnonzero(self.matches[:, happening])))
            wanted = Table(classes, one.window, one.columns, one.sum, one.stages)
            # The same day in two classes is one day for some; where every event counts, sums are added.
            if wanted.of_classes and (len(classes) == 1 or one.distinct is None):
                self.feeds.append(list(classes))
                continue
            if wanted not in self.tables:
                self.tables.append(wanted)
            self.feeds.append([len(self.matches) + self.tables.index(wanted)])
        within = [one.window for one in plan.happenings]
        self.apart = {place: table for place, table in enumerate(self.tables) if table.width}
        looked_at = {one for fed in self.feeds for one in fed} | {
            one for table in self.tables if table.of_classes for one in table.classes
        }
        self.plain = sorted(one for one in looked_at if one < len(self.matches))
        widest = np.where(self.matches, np.array(within, np.int64), 0).max(axis=1, initial=0)
        self.windows = np.append(widest, [table.within for table in self.tables]).astype(np.int64)

    def of(self, batch: EventBatch, local: Ints) -> npt.NDArray[np.int16]:
        """The class of each event, whose times are given on the wall clock."""
        combined = np.zeros(len(batch), np.int32)
        for (name, by_value), size in zip(self.by_value.items(), self.shape, strict=True):
            if name == "at":
                bounds, days = np.array(sorted(self._days.edges)), local // DAY  # type: ignore[union-attr] # it is tested
                codes = np.searchsorted(bounds, days, "left") + np.searchsorted(bounds, days, "right")
            else:
                codes = batch.codes[name]
            combined = combined * np.int32(size) + by_value.take(codes)
        return self.kind.take(combined)

    def told(self, table: Table, batch: EventBatch, rows: npt.NDArray[np.intp]) -> tuple[npt.NDArray[Any], ...]:
        """Of some events what a table keeps beside their leads, ages and counts: values, and last what is summed."""
        keys = tuple(self.keys[name].take(batch.codes[name][rows]) for name in table.columns)
        if table.sum is None:
            return keys
        if table.sum in batch.sums:
            return *keys, batch.sums[table.sum][rows]
        return *keys, self.sums[table.sum].take(batch.codes[table.sum][rows])


def _codes(tables: Tables, name: str, plan: Plan) -> npt.NDArray[np.int32]:
    """For each distinct value of an event column, and last for a missing one, a number by which values are compared."""
    column = tables.event_column(name, "text", plan.rulebook)
    assert column.codes is not None
    return np.append(column.codes, -1).astype(np.int32)


class Timeline:
    """A plan bound to tables over the days `first` to `last`, in days since 1970: any lead on any of them.

    Attributes
    ----------
    attributes : Attributes
    classes : Classes
    there_from : (n_leads,) the day from which each lead is there
    tables : days with events of each class, and behind them those that rules want as one; ages are from `last`
    """

    def __init__(self, plan: Plan, tables: Tables, first: int, last: int) -> None:
        self.plan = plan
        self.first, self.last = first, last
        timezone = plan.rulebook.timezone
        self.attributes = Attributes(plan, tables)
        self.record = tables.records.lookup(timezone)
        self.there_from = tables.records.there_from(timezone)
        self.classes = Classes(plan, tables)
        self.tables = self._count(tables)

    def judged_by(self, plan: Plan, tables: Tables) -> Timeline:
        """The same for a plan that differs in thresholds alone: it waits for the same events."""
        found = copy(self)
        found.plan, found.attributes = plan, Attributes(plan, tables)
        return found

    def _count(self, tables: Tables) -> list[Days]:
        """Count the events that some rule can use on some of the days."""
        windows = self.classes.windows[: len(self.classes.matches)]
        first, end = (self.first + 1 - windows) * DAY, (self.last + 1) * DAY
        parts: list[list[tuple[npt.NDArray[Any], ...]]] = [[] for _ in windows]
        apart = self.classes.apart
        told: dict[int, list[Days]] = {place: [] for place in apart}
        for batch in tables.events.pieces(IN_CACHE):
            local = tables.events.local(batch, self.plan.rulebook.timezone)
            kind = self.classes.of(batch, local)
            # Events that no rule's window can use are dropped here, before anything is sorted.
            kind[(local >= end) | (local < first[kind])] = -1
            age = (self.last - local // DAY).astype(np.int32)
            for index in self.classes.plain:
                rows = np.flatnonzero(kind == index)
                count = () if batch.count is None else (batch.count[rows],)
                parts[index].append((batch.lead[rows], age[rows], *count))
            for place, table in apart.items():
                inside = age < table.within + self.last - self.first
                rows = np.flatnonzero(table.member(len(windows))[kind] & inside)
                counts = np.ones(len(rows), np.int64) if batch.count is None else batch.count[rows]
                kept = self.classes.told(table, batch, rows)
                told[place].append(table.days(batch.lead[rows], age[rows], counts, *kept))
        found = [daily(*map(np.concatenate, zip(*parts.pop(0), strict=True))) for _ in windows]
        none = np.zeros(0, np.int32)
        empty = {place: table.days(none, none, none, *([none] * table.width)) for place, table in apart.items()}
        whole = {place: told_apart(together([empty[place], *one])) for place, one in told.items()}
        return self._with_others(found, whole, tables)

    def _with_others(self, found: list[Days], told: dict[int, Days], tables: Tables | None) -> list[Days]:
        """The tables of the classes, and behind them those that rules want as one; of stages where there are tables."""
        span = self.last - self.first
        for place, table in enumerate(self.classes.tables):
            if table.stages:
                found.append(daily() if tables is None else self._stages(table.stages, tables))
            elif place in told:
                found.append(told[place])
            else:
                classes = [found[one] for one in table.classes]
                found.append(merged([days.where(days.age < table.within + span) for days in classes]))
        return found

    def _stages(self, names: frozenset[str], tables: Tables) -> Days:
        """The days on which leads reached some stages."""
        if tables.stages is None:
            name = self.plan.rulebook.name
            message = f"{name!r} asks for stages: give the outcomes to load_tables, or as --outcomes"
            raise ContractError("tables", [Problem("outcomes", message)])
        wanted = np.array([normalise(stage) in names for stage in STAGES])
        day = tables.stages.times.days(self.plan.rulebook.timezone)
        rows = np.flatnonzero(wanted[tables.stages.stage] & (day <= self.last))
        age = (self.last - day[rows]).astype(np.int32)
        return daily(tables.stages.lead[rows].astype(np.int32), age, np.ones(len(rows), np.int64))

    def _bound(self, lead: Positions, day: Positions, tables: list[Days]) -> Bound:
        waited = [[tables[one] for one in fed] for fed in self.classes.feeds]
        return Bound(self.attributes, lead, self.record(lead, day), day.astype(np.int64), waited)

    def everyone(self, day: int) -> Bound:
        """All leads that are there on a day, as they stood at its end."""
        lead = np.flatnonzero(self.there_from <= day).astype(np.int32)
        if day < self.last:
            return self.at(lead, np.full(len(lead), day, np.int32))
        position = np.full(len(self.there_from), -1, np.int32)
        position[lead] = np.arange(len(lead), dtype=np.int32)
        days = np.full(len(lead), self.last, np.int32)
        return self._bound(lead, days, [table.renumbered(position) for table in self.tables])

    def at(self, lead: Positions, day: Positions) -> Bound:
        """Leads on days, which are there on them; in any order, each as it stood at the end of its day."""
        return self._bound(lead, day, [self._at_one(place, lead, day, 0) for place in range(len(self.tables))])

    def _at_one(self, place: int, lead: Positions, day: Positions, least: int) -> Days:
        """A table for leads on days, from an age on."""
        within = max(int(self.classes.windows[place]) - least, 0)
        return self.tables[place].at(lead, self.last - day + least, within).aged(least)

    def so_far(
        self,
        lead: Positions,
        day: Positions,
        row: npt.NDArray[np.intp],
        today: list[Days],
        told: dict[int, Days],
    ) -> Bound:
        """Leads on days at moments of them: of each its place in `lead`; `today` has each class's events until then.

        `told` has those of the tables that tell values apart. Of stages only the day is known: they count from its
        start.
        """
        plain, feeds = self.plan.behaviour, self.classes.feeds
        simple = [
            one.simple and (place >= len(plain) or plain[place].plain) and not isinstance(one.part, Did)
            for place, one in enumerate(self.plan.happenings)
        ]
        whole = {table for fed, alone in zip(feeds, simple, strict=True) if not alone for table in fed}
        whole |= {one for table in whole for one in self._made_of(table)}
        own = self._with_others([*today], told, None)
        then, found = lead[row], [*own]
        for place in sorted(whole):
            other = place - len(today)
            if other >= 0 and self.classes.tables[other].stages:
                found[place] = self._at_one(place, then, day[row], 0)
            elif other >= 0 and self.classes.tables[other].of_classes:
                found[place] = merged([found[one] for one in self._made_of(place)])
            else:
                found[place] = told_apart(together([self._at_one(place, then, day[row], 1), own[place]]))
        before = self._bound(lead, day, [self._at_one(place, lead, day, 1) for place in range(len(self.tables))])
        waited = [[(own if alone else found)[one] for one in fed] for fed, alone in zip(feeds, simple, strict=True)]
        now = Bound(self.attributes, then, self.record(then, day[row]), day[row].astype(np.int64), waited)
        return SoFar(before, now, row)

    def _made_of(self, place: int) -> tuple[int, ...]:
        """The tables that a table is made of; none of most."""
        other = place - len(self.classes.matches)
        return self.classes.tables[other].classes if other >= 0 and self.classes.tables[other].of_classes else ()

    def parts(self) -> Iterator[tuple[slice, Timeline]]:
        """The leads in runs, each with what they did: as many at a time as can be looked at on every day in memory."""
        n = len(self.there_from)
        rows = np.zeros(n, np.int64)
        for table in self.tables:
            rows += np.bincount(table.lead, minlength=n)
        # A lead has at most so many days to look at, and on each at most all of its rows to look up.
        work = np.cumsum(rows * np.minimum(rows + 2, self.last - self.first + 1) + 1)
        start = 0
        while start < n:
            reached = int(np.searchsorted(work, (work[start - 1] if start else 0) + _PAIRS, "right"))
            stop = min(max(reached, start + 1), start + _LEADS, n)
            part = copy(self)
            part.tables = [table.between(start, stop) for table in self.tables]
            yield slice(start, stop), part
            start = stop


def bound_at(rulebook: Rulebook, tables: Tables, lead: Positions, day: Positions) -> Bound:
    """Leads on days, each as it stood at the end of its day."""
    return Timeline(compiled(rulebook), tables, int(day.min()), int(day.max())).at(lead, day)
