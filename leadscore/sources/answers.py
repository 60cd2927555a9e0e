"""The look-ups of a column, answered for all its rows: each kind of value is looked up once."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.rulebook.lookups import ColumnPlan, cells
from leadscore.sources.columns import Column


@dataclass
class Answers:
    """A column's look-ups for all rows: `table[codes[row], place.index]`."""

    codes: npt.NDArray[np.signedinteger[Any]]
    table: npt.NDArray[np.int64]

    @cached_property
    def signs(self) -> npt.NDArray[np.int8]:
        """What the tests among the look-ups answer."""
        return np.asfortranarray(np.sign(self.table).astype(np.int8))

    def get(self, index: int) -> npt.NDArray[np.int64]:
        """A look-up's answers."""
        return self.table[:, index].take(self.codes, mode="wrap")

    def met(self, index: int) -> npt.NDArray[np.int8]:
        """The same of a test, 1, 0 or -1; so small that it takes a fifth of the time."""
        return self.signs[:, index].take(self.codes, mode="wrap")

    def at(self, rows: Any) -> Answers:
        """The same for some rows."""
        found = copy(self)
        found.codes = self.codes[rows]
        return found


def answers(plan: ColumnPlan, column: Column) -> Answers:
    """Look every distinct value up once; numbers are cut at the rulebook's own edges first."""
    if column.numbers is not None:
        return Answers(*cut(plan, column.numbers))
    assert column.codes is not None
    codes, rows = plan.rows(column.values) if plan.looks else ([0] * len(column.values), [[]])
    # Missing values have the code -1: the last row.
    return Answers(np.array([*codes, -1], np.int32)[column.codes], _table(plan, rows))


def cut(plan: ColumnPlan, numbers: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Numbers as codes of 2 k + 1 cells: below the first edge, on it, between it and the next, and so on."""
    edges = sorted(plan.edges)
    bounds = np.array([*edges, np.nan], np.float64)
    below = np.searchsorted(bounds[:-1], numbers, "left")
    codes = (2 * below + (bounds[below] == numbers)).astype(np.int32)
    codes[np.isnan(numbers)] = -1
    return codes, _table(plan, [plan.row(cell) for cell in cells(edges)])


def _table(plan: ColumnPlan, rows: list[list[int]]) -> npt.NDArray[np.int64]:
    """What each kind of value gives, and last what a missing one does."""
    # What one look-up gives lies side by side.
    table = np.array([*rows, plan.on_missing], np.int64).reshape(len(rows) + 1, len(plan.looks))
    return np.asfortranarray(table)
