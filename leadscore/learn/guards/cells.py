"""Columns of a mixed frame as codes into their distinct values, and rows as marks: what guards count."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.base.text import as_text, counted
from leadscore.base.times import DAY, one_array, read_times
from leadscore.errors import ArgumentError, Problem
from leadscore.stats.intervals import Floats, Ints
from leadscore.stats.outcomes_and_scores import Mask

_BINS = 20
# A value that so many rows share has a bin to itself.
_HEAVY = 1 / _BINS
# Levels below both, as numbers of rows and as a share, are one bin.
_RARE, _RARE_SHARE = 30, 0.005
_NUMBERS = {"integer", "floating", "mixed-integer-float", "decimal", "empty"}
_TIMES = {"datetime", "datetime64", "date"}


@dataclass(frozen=True)
class Cells:
    """A column.

    Attributes
    ----------
    name : the column's label
    kind : "number", "category" or "date"
        Booleans are categories; text that is ISO dates throughout is dates.
    values : (n_values,) rising and distinct
        float64, for dates days since 1970 with the time of day as a fraction; text for categories.
    codes : (n_rows,) positions in `values`, -1 where missing
    """

    name: Hashable
    kind: Literal["number", "category", "date"]
    values: npt.NDArray[Any]
    codes: Ints

    @cached_property
    def counts(self) -> Ints:
        """(n_values,) rows of each value."""
        return np.bincount(self.codes + 1, minlength=len(self.values) + 1)[1:]

    @cached_property
    def missing(self) -> Mask:
        """(n_rows,) where there is no value."""
        return self.codes < 0

    @cached_property
    def _bin_of(self) -> tuple[Ints, int]:
        """(n_values,) the bin of each value, and how many bins hold values."""
        n = int(self.counts.sum())
        if self.kind == "category":
            rare = self.counts < max(_RARE, _RARE_SHARE * n)
            bin_of = np.where(rare, (~rare).sum(), np.cumsum(~rare) - 1)
            return bin_of, int((~rare).sum()) + bool(rare.any())
        middle = np.cumsum(self.counts) - self.counts / 2
        heavy = np.flatnonzero(self.counts >= _HEAVY * n) if n else np.zeros(0, np.int64)
        part = np.minimum(middle * _BINS / max(n, 1), _BINS - 1).astype(np.int64)
        part[heavy] = -1 - heavy
        bin_of = np.cumsum(np.append(0, np.diff(part) != 0)[: len(part)])
        return bin_of, int(bin_of[-1]) + 1 if n else 0

    @cached_property
    def bins(self) -> tuple[Ints, int]:
        """(n_rows,) bin of each row, and how many there are.

        Some twenty of equally many rows for numbers, but a value that every twentieth row has is one; the levels of
        categories, the rare ones together; the last is for missing values.
        """
        bin_of, size = self._bin_of
        return np.append(bin_of, size)[self.codes], size + 1

    @property
    def raw(self) -> npt.NDArray[Any]:
        """(n_rows,) the value of each row; NaN where missing, None in a category."""
        missing = None if self.kind == "category" else np.nan
        return np.append(self.values, np.array([missing], self.values.dtype))[self.codes]

    @property
    def marks(self) -> npt.NDArray[np.uint64]:
        """(n_rows,) a number for each value in this column; the sum over columns is a mark of the row."""
        own = np.uint64(int.from_bytes(blake2b(repr(self.name).encode(), digest_size=8).digest(), "little"))
        plain = self.values.astype(object) if self.kind == "category" else self.values
        hashed = pd.util.hash_array(plain, categorize=False) if len(plain) else np.zeros(0, np.uint64)
        with np.errstate(over="ignore"):
            mixed = np.append(hashed, np.uint64(0)) * np.uint64(0x9E3779B97F4A7C15) + own
            # Without a mixing of the bits, sums of two columns would meet where their values are swapped.
            mixed ^= mixed >> np.uint64(31)
            mixed *= np.uint64(0xBF58476D1CE4E5B9) ^ (own | np.uint64(1))
            mixed ^= mixed >> np.uint64(29)
        return mixed[self.codes]


def row_marks(columns: list[Cells]) -> npt.NDArray[np.uint64]:
    """(n_rows,) equal for rows that are equal in every column, whatever the order of the columns."""
    return np.sum([cells.marks for cells in columns], axis=0, dtype=np.uint64)


def read_cells(table: pd.DataFrame, *, source: str) -> list[Cells]:
    """Every column, by name.

    Raises
    ------
    ArgumentError
        If it has no column or row, or infinite numbers.
    """
    n, size = table.shape
    if not n or not size:
        raise ArgumentError(source, f"has {counted(n, 'row')} and {counted(size, 'column')}: nothing to check")
    columns = [_cells(name, column) for name, column in table.items()]
    endless = [cells for cells in columns if cells.kind == "number" and np.isinf(cells.values).any()]
    problems = [Problem(str(cells.name), "holds infinite numbers; set them to missing") for cells in endless]
    if problems:
        raise ArgumentError(source, problems)
    return sorted(columns, key=lambda cells: (str(cells.name), repr(cells.name)))


def _cells(name: Hashable, column: pd.Series[Any]) -> Cells:
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if isinstance(column.dtype, pd.CategoricalDtype):
        kind = pd.api.types.infer_dtype(column.cat.categories, skipna=True)
    if kind in _NUMBERS:
        return _numbers(name, "number", column.to_numpy(np.float64, na_value=np.nan))
    if kind in _TIMES:
        plain = column.astype(object) if isinstance(column.dtype, pd.CategoricalDtype) else column
        times = pd.to_datetime(plain, utc=True, errors="coerce").to_numpy("datetime64[us]")
        return _numbers(name, "date", _days(times.astype(np.int64)))
    codes, distinct = pd.factorize(column)
    texts = np.array([as_text(value) for value in distinct.tolist()], object)
    days = _written_days(texts)
    if days is not None:
        return _numbers(name, "date", np.append(days, np.nan)[codes])
    values, place = np.unique(texts, return_inverse=True) if len(texts) else (texts, np.zeros(0, np.int64))
    return Cells(name, "category", values, np.append(place, -1)[codes])


def _numbers(name: Hashable, kind: Literal["number", "date"], numbers: Floats) -> Cells:
    given = ~np.isnan(numbers)
    codes = np.full(len(numbers), -1, np.int64)
    # Minus zero is zero.
    values, codes[given] = np.unique(numbers[given] + 0.0, return_inverse=True)
    return Cells(name, kind, values, codes)


def _written_days(texts: npt.NDArray[Any]) -> Floats | None:
    """Days since 1970, if all of these texts are ISO dates or times."""
    if not len(texts) or not all(text[:4].isdigit() and text[4:5] == "-" for text in texts):
        return None
    times = read_times(one_array(pa.array(texts, pa.large_string())))
    return None if times is None or times.bad else _days(times.at)


def _days(at: Ints) -> Floats:
    return np.where(at == np.iinfo(np.int64).min, np.nan, at / DAY)
