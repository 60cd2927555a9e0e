"""A column of a table as one kind of value: what does not fit is found and kept apart, never coerced in silence."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadscore.base.text import as_text, normalise
from leadscore.rulebook.kinds import Kind

# The value of a missing day or time; numpy's own NaT.
NO_TIME = np.iinfo(np.int64).min
# The years a calendar date can have, in microseconds since 1970, a day short for time zones.
FIRST = int(np.datetime64("0001-01-02", "us").astype(np.int64))
LAST = int(np.datetime64("9999-12-30", "us").astype(np.int64))

# Microseconds of a day.
DAY = 86_400_000_000
_PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.]\d{1,9})?)?\s?(Z|z|UTC|[+-]\d\d:?\d\d)?)?$"
_ZONED = r"\d\d:\d\d.*(Z|z|UTC|[+-]\d\d:?\d\d)$"
_SWAPPED = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}")
_EXACT_INTEGERS = 2**53
NO_ZONE = "a time without a zone, while others in the column have one"


@dataclass
class Column:
    """One column in the form rules look up.

    Attributes
    ----------
    kind : str
        text, number, boolean, date or any.
    codes : (n_rows,) integers into `values`, -1 where missing; None for numbers and dates
    values : list
        The distinct values: normalised text, or booleans.
    numbers : (n_rows,) float64, NaN where missing; days since 1970 for dates. None for the other kinds
    bad : dict of message to row positions
        Cells that are no value of this kind.
    """

    kind: Kind
    codes: npt.NDArray[np.int32] | None = None
    values: list[Any] = field(default_factory=list)
    numbers: npt.NDArray[np.float64] | None = None
    bad: dict[str, npt.NDArray[np.intp]] = field(default_factory=dict)

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """(n_rows,) where there is no value."""
        if self.numbers is not None:
            return np.isnan(self.numbers)
        assert self.codes is not None
        return self.codes < 0


def one_array(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One contiguous array; text in one of the plain types or as a dictionary."""
    if isinstance(array, pa.ChunkedArray):
        if pa.types.is_dictionary(array.type):
            array = array.unify_dictionaries()
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
        if isinstance(array, pa.ChunkedArray):  # an empty one stays chunked
            array = pa.array([], type=array.type)
    if pa.types.is_dictionary(array.type) and not is_text(array.type.value_type):
        array = array.dictionary_decode()
    if is_text(array.type) and not pa.types.is_dictionary(array.type) and array.type != pa.large_string():
        array = array.cast(pa.large_string())
    return array


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds text."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def distinct(array: pa.Array) -> tuple[npt.NDArray[np.int32], list[Any]]:
    """Codes (-1 where null) and the distinct values they stand for."""
    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    return positions_of(encoded.indices).astype(np.int32, copy=False), encoded.dictionary.to_pylist()


def positions_of(indices: pa.Array) -> npt.NDArray[np.signedinteger[Any]]:
    """A dictionary array's indices, -1 where null."""
    if indices.null_count:
        indices = indices.cast(pa.int32()).fill_null(-1)
    return indices.to_numpy(zero_copy_only=False)


def convert(data: pa.Array | pa.ChunkedArray, kind: Kind, missing_values: tuple[str, ...], timezone: str) -> Column:
    """Read an Arrow column as one kind of value; cells that are not of it are in `bad`."""
    array = one_array(data)
    if pa.types.is_null(array.type):
        codes = np.full(len(array), -1, np.int32)
        numeric = kind in {"number", "date"}
        return Column(kind, None if numeric else codes, [], np.full(len(array), np.nan) if numeric else None)
    missing = {normalise(value) for value in missing_values} | {""}
    if kind == "any":
        return _any(array, missing)
    reader = {"text": _text, "number": _number, "boolean": _boolean, "date": _date}[kind]
    return reader(array, missing, timezone)


def _everything_bad(kind: Kind, array: pa.Array, message: str) -> Column:
    codes = np.full(len(array), -1, np.int32)
    numbers = np.full(len(array), np.nan) if kind in {"number", "date"} else None
    rows = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
    return Column(kind, codes if numbers is None else None, [], numbers, {message: rows} if len(rows) else {})


def _recoded(kind: Kind, codes: npt.NDArray[np.int32], read: Callable[[Any], Any], values: list[Any]) -> Column:
    """Each distinct value read once; `read` gives None for missing and a `Bad` for what is none."""
    index: dict[Any, int] = {}
    table = np.full(len(values) + 1, -1, np.int32)
    bad: dict[str, list[int]] = {}
    for code, value in enumerate(values):
        # Arrow lets a dictionary hold null as one of its values.
        meaning = None if value is None else read(value)
        if isinstance(meaning, Bad):
            bad.setdefault(meaning.message, []).append(code)
        elif meaning is not None:
            table[code] = index.setdefault(meaning, len(index))
    rows = {message: np.flatnonzero(np.isin(codes, wrong)) for message, wrong in bad.items()}
    used = {message: places for message, places in rows.items() if len(places)}
    return Column(kind, table[codes], list(index), None, used)


@dataclass(frozen=True)
class Bad:
    """A value that is none of its column's kind, and why."""

    message: str


def _any(array: pa.Array, missing: set[str]) -> Column:
    if is_text(array.type):
        codes, values = distinct(array)
        return _recoded("any", codes, lambda value: None if normalise(value) in missing else True, values)
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_floating(array.type):
        valid = valid & ~np.isnan(array.fill_null(math.nan).to_numpy(zero_copy_only=False))
    return Column("any", np.where(valid, 0, -1).astype(np.int32), [True])


def _text(array: pa.Array, missing: set[str], timezone: str) -> Column:  # noqa: ARG001 - one signature for all kinds
    kind = array.type
    if not (is_text(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        return _everything_bad("text", array, f"{kind} values where text is needed")
    codes, values = distinct(array)

    def read(value: Any) -> str | None:
        if isinstance(value, float) and math.isnan(value):
            return None
        text = normalise(as_text(value))
        return None if text in missing else text

    return _recoded("text", codes, read, values)


def _number(array: pa.Array, missing: set[str], timezone: str) -> Column:  # noqa: ARG001
    kind = array.type
    if is_text(kind):
        codes, values = distinct(array)
        column = _recoded("number", codes, plain_number, values)
        assert column.codes is not None
        numbers = np.array([*column.values, math.nan])[column.codes]
        return Column("number", None, [], numbers, column.bad)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return _everything_bad("number", array, f"{kind} values where numbers are needed")
    # Arrow's own cast of a decimal may be one step off: 0.009 would miss the edge 0.009.
    exact = array.cast(pa.string()) if pa.types.is_decimal(kind) else array
    numbers = exact.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if pa.types.is_integer(kind):
        huge = np.flatnonzero(np.abs(numbers) > _EXACT_INTEGERS)
        if len(huge):
            message = "whole numbers past 2**53, which are no quantity; declare an identifier as text"
            return Column("number", None, [], numbers, {message: huge})
    return Column("number", None, [], numbers)


def plain_number(text: str) -> float | Bad | None:
    """A number as text; None for empty text."""
    stripped = text.strip()
    if not stripped:
        return None
    if _PLAIN_NUMBER.fullmatch(stripped):
        return float(stripped)
    return Bad("text that is no plain number (1200, -3.5)")


def _boolean(array: pa.Array, missing: set[str], timezone: str) -> Column:  # noqa: ARG001
    if not (is_text(array.type) or pa.types.is_boolean(array.type)):
        return _everything_bad("boolean", array, f"{array.type} values where true or false is needed")
    codes, values = distinct(array)

    def read(value: Any) -> bool | Bad | None:
        if isinstance(value, bool):
            return value
        known: Mapping[str, bool | None] = {"true": True, "false": False, "": None}
        return known.get(normalise(value), Bad("neither true nor false"))

    return _recoded("boolean", codes, read, values)


def _date(array: pa.Array, missing: set[str], timezone: str) -> Column:  # noqa: ARG001
    times = read_times(array)
    if times is None:
        return _everything_bad("date", array, f"{array.type} values where dates are needed")
    days = times.days(timezone)
    return Column("date", None, [], np.where(days == NO_TIME, np.nan, days.astype(np.float64)), times.bad)


@dataclass
class Times:
    """Points in time.

    Attributes
    ----------
    at : (n_rows,) int64
        Microseconds since 1970, in UTC if `zoned`, else on the wall clock; `NO_TIME` where missing.
    zoned : bool or None
        Whether the times came with a zone; None if there are none.
    bad : dict of message to row positions
    """

    at: npt.NDArray[np.int64]
    zoned: bool | None
    bad: dict[str, npt.NDArray[np.intp]] = field(default_factory=dict)

    def take(self, rows: slice | npt.NDArray[np.intp]) -> Times:
        """The times of some rows."""
        return Times(self.at[rows], self.zoned)

    def local(self, timezone: str) -> npt.NDArray[np.int64]:
        """Microseconds since 1970 on the wall clock of `timezone`; times without a zone are on it already."""
        if not self.zoned or timezone == "UTC":
            return self.at
        aware = pa.array(self.at, pa.timestamp("us"), mask=self.at == NO_TIME).cast(pa.timestamp("us", timezone))
        return _microseconds(pc.local_timestamp(aware))

    def utc(self, timezone: str) -> npt.NDArray[np.int64]:
        """Microseconds since 1970 in UTC; times without a zone are on the wall clock of `timezone`.

        A time that the clock showed twice is the first of the two; one that it skipped is the end of the gap.
        """
        if self.zoned or timezone == "UTC":
            return self.at
        wall = pa.array(self.at, pa.timestamp("us"), mask=self.at == NO_TIME)
        return _microseconds(pc.assume_timezone(wall, timezone, ambiguous="earliest", nonexistent="latest"))

    def days(self, timezone: str) -> npt.NDArray[np.int64]:
        """Calendar days since 1970 in `timezone`; `NO_TIME` where missing."""
        local = self.local(timezone)
        return np.where(local == NO_TIME, NO_TIME, local // DAY)


def read_times(array: pa.Array) -> Times | None:
    """Times from dates, timestamps or ISO text; None if the column holds something else."""
    kind = array.type
    if pa.types.is_null(kind):
        return Times(np.full(len(array), NO_TIME), None)
    if is_text(kind):
        return _written_times(array)
    if pa.types.is_date(kind):
        return Times(_microseconds(array.cast(pa.timestamp("us"))), zoned=False)
    return Times(_microseconds(array), kind.tz is not None) if pa.types.is_timestamp(kind) else None


def _microseconds(array: pa.Array) -> npt.NDArray[np.int64]:
    counted = array.cast(pa.int64())
    whole = (counted.fill_null(NO_TIME) if counted.null_count else counted).to_numpy()
    unit = array.type.unit
    if unit == "us":
        return whole
    if unit == "ns":
        scaled = whole // 1000
    else:
        factor = {"s": 1_000_000, "ms": 1000}[unit]
        most = np.iinfo(np.int64).max // factor
        scaled = np.clip(whole, -most, most) * factor  # past the year 290000; out of bounds, not wrapped into the past
    scaled[whole == NO_TIME] = NO_TIME
    return scaled


def _written_times(array: pa.Array) -> Times:
    """ISO 8601 text; all with a zone or all without."""
    text = pc.utf8_trim_whitespace(array.cast(pa.large_string()))
    given = pc.and_kleene(pc.is_valid(text), pc.not_equal(text, "")).fill_null(False).to_numpy(zero_copy_only=False)
    iso = pc.match_substring_regex(text, _ISO).fill_null(False).to_numpy(zero_copy_only=False)
    zoned = pc.match_substring_regex(text, _ZONED).fill_null(False).to_numpy(zero_copy_only=False) & iso
    parsed = pd.to_datetime(pd.Series(text.to_pandas()), format="ISO8601", errors="coerce", utc=True)
    stamps = parsed.to_numpy("datetime64[us]").astype(np.int64)
    wrong = given & (~iso | (stamps == NO_TIME))
    bad: dict[str, npt.NDArray[np.intp]] = {}
    if wrong.any():
        rows = np.flatnonzero(wrong)
        swapped = _SWAPPED.match(text[int(rows[0])].as_py()) is not None
        order = " (day and month cannot be told apart)" if swapped else ""
        bad[f"no ISO date or time{order}; write 2026-03-31 or 2026-03-31T14:05:00Z"] = rows
    zoned &= ~wrong
    naive = given & iso & ~zoned & ~wrong
    if zoned.any() and naive.any():
        bad[NO_ZONE] = np.flatnonzero(naive)
    stamps[~given | wrong] = NO_TIME
    return Times(stamps, bool(zoned.any()) if (given & ~wrong).any() else None, bad)
