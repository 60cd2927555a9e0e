"""Kinds of events by what a rulebook asks of them: those that the same rules wait for are one class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.base.times import DAY
from leadscore.rulebook.lookups import Place
from leadscore.rulebook.lookups import cells as edge_cells
from leadscore.rulebook.plan import Plan
from leadscore.sources.answers import answers
from leadscore.sources.columns import Column
from leadscore.tables.days import Days
from leadscore.tables.events import EventBatch
from leadscore.tables.lead_history import Positions


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

    def days(self, lead: Positions, age: Positions, count: npt.NDArray[Any], *kept: npt.NDArray[Any]) -> Days:
        """Some events, as rows of it: their values, and last what is added up."""
        keys = len(self.columns)
        return Days(lead, age, count, kept[:keys], kept[keys].astype(np.int64) if self.sum else None)


class Classes:
    """The classes of events of a plan; it learns the values of the event columns as they come.

    Attributes
    ----------
    matches : (n_classes, n_happenings) bool
        Which happenings wait for events of each class.
    cell_of : dict of column to (n_values + 1,) array
        The cell of each value that is known, and last of a missing one.
    keys, sums : dict of column to what is known of its values
        The columns whose values are told apart, and those that are added up.
    reach : (n_classes,) the widest window of the happenings that do, in days; 0 if none does
    whole : (n_classes,) bool
        Whether some of them look at its days without what tells its events apart.
    tables : list of Table
        Behind the tables of the classes, those that some happenings want as one; these and the next once `arrange` is
        called.
    feeds : for each happening, the tables it looks at: classes, or behind them the others
    windows : for each table, the widest window of what looks at it, in days
    apart : dict of place in `tables` to Table
        Those that tell values apart, or add a column up.
    """

    tables: list[Table]
    feeds: list[list[int]]
    windows: npt.NDArray[np.int64]
    apart: dict[int, Table]

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._edges = np.array(sorted(plan.events["at"].edges) if "at" in plan.events else [], np.float64)
        # Values that answer every test alike are one cell: 2,000 assets may be six.
        self._cells: dict[str, dict[tuple[int, ...], int]] = {name: {} for name in plan.events}
        self.cell_of = {name: np.zeros(1, np.int32) for name in plan.events}
        for name, column in plan.events.items():
            if name == "at":
                rows = np.array([column.row(value) for value in edge_cells(self._edges.tolist())], np.int64)
                self.cell_of[name] = self._numbered(name, rows)
            else:
                self.cell_of[name] = self._numbered(name, np.array([column.on_missing], np.int64))
        self.keys: dict[str, dict[Any, int]] = {name: {} for one in plan.happenings for name in one.columns}
        self._key_of = {name: np.full(1, -1, np.int32) for name in self.keys}
        self.sums = {one.sum: np.zeros(1, np.int64) for one in plan.happenings if one.sum}
        self._numbers: dict[tuple[bool, ...], int] = {}
        self._combine()

    def _numbered(self, name: str, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """The cells of values, by what each answers."""
        cells = self._cells[name]
        return np.array([cells.setdefault(tuple(row), len(cells)) for row in rows.tolist()], np.int32)

    def learn(self, name: str, column: Column) -> None:
        """The next distinct values of a column that is tested, as its tests read them."""
        self.cell_of[name] = np.concatenate([self.cell_of[name][:-1], self.cells(name, column)])

    def cells(self, name: str, column: Column) -> npt.NDArray[np.int32]:
        """The cells of values of a column that is tested, and last of a missing one; the values are not kept."""
        found = answers(self.plan.events[name], column)
        own = self._numbered(name, found.table)[found.codes]
        if tuple(map(len, self._cells.values())) != self._shape:
            self._combine()
        return np.concatenate([own, self.cell_of[name][-1:]])

    def learn_key(self, name: str, column: Column) -> None:
        """The next distinct values of a column whose values are told apart, as text."""
        known = self.keys[name]
        assert column.codes is not None
        number = np.array([*(known.setdefault(value, len(known)) for value in column.values), -1], np.int32)
        self._key_of[name] = np.concatenate([self._key_of[name][:-1], number[column.codes], [np.int32(-1)]])

    def learn_amounts(self, name: str, amounts: npt.NDArray[np.int64]) -> None:
        """The next distinct values of a column that is added up, in thousandths, and 0 last for a missing one."""
        self.sums[name] = np.concatenate([self.sums[name][:-1], amounts])

    def _combine(self) -> None:
        """Give each combination of cells its class; a class once found keeps its number."""
        shape = tuple(map(len, self._cells.values()))
        position = dict(zip(self._cells, np.indices(shape).reshape(len(shape), -1), strict=True))
        rows = {name: np.array(list(cells), np.int64).reshape(len(cells), -1) for name, cells in self._cells.items()}

        def get(place: Place) -> npt.NDArray[np.int64]:
            return rows[place.column][position[place.column], place.index]

        size = int(np.prod(shape))
        none = np.full(size, -1)
        met = [
            none if one.holds is None else one.holds.evaluate(get, np.minimum.reduce, np.maximum.reduce)
            for one in self.plan.happenings
        ]
        matrix = np.array(met, np.int64).reshape(len(met), size).T > 0
        unique, place = np.unique(matrix, axis=0, return_inverse=True)
        number = [self._numbers.setdefault(tuple(row), len(self._numbers)) for row in unique.tolist()]
        self._shape = shape
        self._kind = np.array(number, np.int16)[place.reshape(-1)]
        self.matches = np.array(list(self._numbers), bool).reshape(len(self._numbers), len(met))
        within = np.array([one.window for one in self.plan.happenings], np.int64)
        self.reach = np.where(self.matches, within, 0).max(axis=1, initial=0)
        together = np.array([not (one.columns or one.sum) for one in self.plan.happenings], bool)
        self.whole = self.matches[:, together].any(axis=1)

    @property
    def combined(self) -> tuple[tuple[int, ...], npt.NDArray[np.int16]]:
        """How many cells each column has, and the class of each combination of them, the last column's next to next."""
        return self._shape, self._kind

    def of(self, batch: EventBatch, local: npt.NDArray[np.int64]) -> npt.NDArray[np.int16]:
        """The class of each event, whose times are given on the wall clock."""
        combined: npt.NDArray[np.int32] | None = None
        for (name, cell_of), size in zip(self.cell_of.items(), self._shape, strict=True):
            if name == "at":
                days = local // DAY
                codes = np.searchsorted(self._edges, days, "left") + np.searchsorted(self._edges, days, "right")
            else:
                codes = batch.codes[name]
            cells = cell_of.take(codes)
            if combined is None:
                combined = cells
            else:
                combined *= np.int32(size)
                combined += cells
        assert combined is not None
        return self._kind.take(combined)

    def told(self, table: Table, batch: EventBatch, rows: npt.NDArray[np.intp]) -> tuple[npt.NDArray[Any], ...]:
        """Of some events what a table keeps beside their leads, ages and counts: values, and last what is summed."""
        keys = tuple(self._key_of[name].take(batch.codes[name][rows]) for name in table.columns)
        if table.sum is None:
            return keys
        if table.sum in batch.sums:
            return *keys, batch.sums[table.sum][rows]
        return *keys, self.sums[table.sum].take(batch.codes[table.sum][rows])

    def arrange(self) -> None:
        """Say for each happening which tables of days feed it, once all values are known."""
        self.tables, self.feeds = [], []
        for one, table in zip(self.plan.happenings, self.wanted(), strict=True):
            # The same day in two classes is one day for some; where every event counts, sums are added.
            if table.of_classes and (len(table.classes) == 1 or one.distinct is None):
                self.feeds.append(list(table.classes))
                continue
            if table not in self.tables:
                self.tables.append(table)
            self.feeds.append([len(self.matches) + self.tables.index(table)])
        self.apart = {place: table for place, table in enumerate(self.tables) if table.width}
        self.windows = np.append(self.reach, [table.within for table in self.tables]).astype(np.int64)

    def wanted(self) -> Iterator[Table]:
        """For each happening the table that it would have alone."""
        for happening, one in enumerate(self.plan.happenings):
            classes = tuple(map(int, np.flatnonzero(self.matches[:, happening])))
            yield Table(classes, one.window, one.columns, one.sum, one.stages)
