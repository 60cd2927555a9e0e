"""The look-ups of a column, answered for all its rows: each kind of value is looked up once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.rulebook.lookups import ColumnPlan, cells
from leadscore.sources.columns import Column


@dataclass(frozen=True)
class Answers:
    """A column's look-ups for all rows: `table[codes[row], place.index]`."""

    codes: npt.NDArray[np.signedinteger[Any]]
    table: npt.NDArray[np.int64]


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
    bounds = np.array(edges, np.float64)
    codes = (np.searchsorted(bounds, numbers, "left") + np.searchsorted(bounds, numbers, "right")).astype(np.int32)
    codes[np.isnan(numbers)] = -1
    return codes, _table(plan, [plan.row(cell) for cell in cells(edges)])


def _table(plan: ColumnPlan, rows: list[list[int]]) -> npt.NDArray[np.int64]:
    """What each kind of value gives, and last what a missing one does."""
    return np.array([*rows, plan.on_missing], np.int64).reshape(len(rows) + 1, len(plan.looks))
