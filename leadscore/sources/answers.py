"""The look-ups of a column, answered for all its rows: each distinct value is looked up once."""

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
        codes, values = _cut(column.numbers, sorted(plan.edges))
    else:
        assert column.codes is not None
        codes, values = column.codes, column.values
    rows = [plan.row(value) for value in values]
    # Missing values have the code -1: the last row.
    return Answers(codes, np.array([*rows, plan.on_missing], np.int64).reshape(len(values) + 1, len(plan.looks)))


def _cut(numbers: npt.NDArray[np.float64], edges: list[float]) -> tuple[npt.NDArray[np.int32], list[float]]:
    """Numbers as codes of 2 k + 1 cells: below the first edge, on it, between it and the next, and so on."""
    bounds = np.array(edges, np.float64)
    codes = (np.searchsorted(bounds, numbers, "left") + np.searchsorted(bounds, numbers, "right")).astype(np.int32)
    codes[np.isnan(numbers)] = -1
    return codes, cells(edges)
