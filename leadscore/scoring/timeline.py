"""What leads did, day by day: events counted once by class, lead and day, and any lead on any day looked up in them."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.base.times import DAY
from leadscore.rulebook import Rulebook
from leadscore.rulebook.lookups import Place
from leadscore.rulebook.model import BehaviourRule
from leadscore.scoring.attributes import IN_CACHE, Attributes, Ints
from leadscore.scoring.engine import Bound, Days, SoFar, daily, merged
from leadscore.scoring.plan import Plan, compiled
from leadscore.sources.answers import answers
from leadscore.tables.events import EventBatch
from leadscore.tables.lead_history import Positions
from leadscore.tables.tables import Tables

# A window longer than the calendar, in days.
ALWAYS = 4_000_000
# How many leads, and how many pairs of a day and a row of a table of theirs, are looked at in one go.
_LEADS = 1 << 14
_PAIRS = 1 << 23


class Classes:
    """Kinds of events that the same rules wait for are one class; those that no rule waits for are one too.

    Attributes
    ----------
    matches : (n_classes, n_happenings) bool
    joined : list of (classes, days back)
        What some rules want as one table of days.
    feeds : for each happening, the tables it looks at: classes, or behind them the joined ones
    windows : for each table, the widest window of the rules that look at it, in days; 0 if none does
    """

    def __init__(self, plan: Plan, tables: Tables) -> None:
        shapes, cells = [], {}
        self.by_value: dict[str, npt.NDArray[np.int32]] = {}
        for name, column_plan in plan.events.items():
            found = answers(column_plan, tables.event_column(name, column_plan.kind, plan.rulebook))
            # Values that answer every test alike are one cell: 2,000 assets may be six.
            unique, cell = np.unique(found.table, axis=0, return_inverse=True)
            by_value = cell.reshape(-1)[np.append(found.codes, -1)]
            self.by_value[name] = by_value.astype(np.int32)
            cells[name] = unique
            shapes.append(len(unique))
        self.shape = tuple(shapes)
        combinations = np.indices(self.shape).reshape(len(shapes), -1)
        position = dict(zip(cells, combinations, strict=True))

        def get(place: Place) -> Ints:
            return cells[place.column][position[place.column], place.index]

        held = [one.holds.evaluate(get, np.minimum.reduce, np.maximum.reduce) > 0 for one in plan.happenings]
        size = int(np.prod(self.shape))
        matrix = np.array(held, bool).reshape(len(held), size).T
        self.matches, kind = np.unique(matrix, axis=0, return_inverse=True)
        self.kind = kind.reshape(-1).astype(np.int16)
        self._arrange(plan)

    def _arrange(self, plan: Plan) -> None:
        """Say for each happening which tables of days feed it, and for each table how far back it is looked at."""
        within = [one.part.within_days or ALWAYS for one in plan.happenings]
        self.joined: list[tuple[tuple[int, ...], int]] = []
        self.feeds: list[list[int]] = []
        for happening, one in enumerate(plan.happenings):
            classes = tuple(map(int, np.flatnonzero(self.matches[:, happening])))
            # The same day in two classes is one day for these; where every event counts, sums are added.
            if len(classes) == 1 or not isinstance(one.part, BehaviourRule) or one.part.count == "each":
                self.feeds.append(list(classes))
                continue
            key = (classes, within[happening])
            if key not in self.joined:
                self.joined.append(key)
            self.feeds.append([len(self.matches) + self.joined.index(key)])
        widest = np.where(self.matches, np.array(within, np.int64), 0).max(axis=1, initial=0)
        self.windows = np.append(widest, [days for _, days in self.joined]).astype(np.int64)

    def of(self, batch: EventBatch) -> npt.NDArray[np.int16]:
        """The class of each event."""
        combined = np.zeros(len(batch), np.int32)
        for (name, by_value), size in zip(self.by_value.items(), self.shape, strict=True):
            combined = combined * np.int32(size) + by_value.take(batch.codes[name])
        return self.kind.take(combined)


class Timeline:
    """A plan bound to tables over the days `first` to `last`, in days since 1970: any lead on any of them.

    Attributes
    ----------
    attributes : Attributes
    classes : Classes
    there_from : (n_leads,) the day from which each lead is there
    tables : days with events of each class, and behind them of classes that a rule wants as one; ages are from `last`
    """

    def __init__(self, plan: Plan, tables: Tables, first: int, last: int) -> None:
        self.plan = plan
        self.first, self.last = first, last
        timezone = plan.rulebook.timezone
        self.attributes = Attributes(plan, tables)
        self.record = tables.records.lookup(timezone)
        self.there_from = tables.records.there_from(timezone)
        self.classes = Classes(plan, tables)
        self.tables = self._with_joined(self._count(tables))

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
        for batch in tables.events.pieces(IN_CACHE):
            kind = self.classes.of(batch)
            local = tables.events.local(batch, self.plan.rulebook.timezone)
            # Events that no rule's window can use are dropped here, before anything is sorted.
            kind[(local >= end) | (local < first[kind])] = -1
            for index in np.flatnonzero(windows):
                rows = np.flatnonzero(kind == index)
                age = (self.last - local[rows] // DAY).astype(np.int32)
                parts[index].append((batch.lead[rows], age, *(() if batch.count is None else (batch.count[rows],))))
        return [daily(*map(np.concatenate, zip(*parts.pop(0), strict=True))) for _ in windows]

    def _with_joined(self, tables: list[Days]) -> list[Days]:
        """The tables of the classes, and those that are made of them."""
        span = self.last - self.first
        joined = [
            merged([tables[one].where(tables[one].age < within + span) for one in classes])
            for classes, within in self.classes.joined
        ]
        return [*tables, *joined]

    def _bound(self, lead: Positions, record: Positions, tables: list[Days]) -> Bound:
        return Bound(self.attributes, lead, record, [[tables[one] for one in fed] for fed in self.classes.feeds])

    def everyone(self, day: int) -> Bound:
        """All leads that are there on a day, as they stood at its end."""
        lead = np.flatnonzero(self.there_from <= day).astype(np.int32)
        if day < self.last:
            return self.at(lead, np.full(len(lead), day, np.int32))
        position = np.full(len(self.there_from), -1, np.int32)
        position[lead] = np.arange(len(lead), dtype=np.int32)
        return self._bound(lead, self.record(lead, self.last), [table.renumbered(position) for table in self.tables])

    def at(self, lead: Positions, day: Positions) -> Bound:
        """Leads on days, which are there on them; in any order, each as it stood at the end of its day."""
        tables = [
            table.at(lead, self.last - day, within)
            for table, within in zip(self.tables, self.classes.windows.tolist(), strict=True)
        ]
        return self._bound(lead, self.record(lead, day), tables)

    def so_far(self, lead: Positions, day: Positions, row: npt.NDArray[np.intp], today: list[Days]) -> Bound:
        """Leads on days at moments of them: of each its place in `lead`; `today` has each class's events until then."""
        before = []
        for table, within in zip(self.tables, self.classes.windows.tolist(), strict=True):
            found = table.at(lead, self.last - day + 1, within - 1)
            before.append(Days(found.lead, found.age + 1, found.count))
        record = self.record(lead, day)
        now = self._bound(lead[row], record[row], self._with_joined(today))
        return SoFar(self._bound(lead, record, before), now, row)

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
