"""Days and times in columns, read from Arrow: dates, timestamps, ISO 8601 text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

# The value of a missing day or time; numpy's own NaT.
NO_TIME = np.iinfo(np.int64).min
# The years a calendar date can have, in microseconds since 1970, a day short for time zones.
FIRST = int(np.datetime64("0001-01-02", "us").astype(np.int64))
LAST = int(np.datetime64("9999-12-30", "us").astype(np.int64))

# Microseconds of a day.
DAY = 86_400_000_000
_ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.]\d{1,9})?)?\s?(Z|z|UTC|[+-]\d\d:?\d\d)?)?$"
_ZONED = r"\d\d:\d\d.*(Z|z|UTC|[+-]\d\d:?\d\d)$"
_SWAPPED = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}")
NO_ZONE = "a time without a zone, while others in the column have one"


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
    tests = (pc.not_equal(text, ""), pc.match_substring_regex(text, _ISO), pc.match_substring_regex(text, _ZONED))
    given, iso, zoned = (found.fill_null(False).to_numpy(zero_copy_only=False) for found in tests)
    parsed = pd.to_datetime(pd.Series(text.to_pandas()), format="ISO8601", errors="coerce", utc=True)
    stamps = parsed.to_numpy("datetime64[us]").astype(np.int64)
    wrong = given & (~iso | (stamps == NO_TIME))
    bad: dict[str, npt.NDArray[np.intp]] = {}
    if wrong.any():
        rows = np.flatnonzero(wrong)
        swapped = _SWAPPED.match(text[int(rows[0])].as_py()) is not None
        order = " (day and month cannot be told apart)" if swapped else ""
        bad[f"not an ISO date or time{order}; write 2026-03-31 or 2026-03-31T14:05:00Z"] = rows
    zoned = zoned & iso & ~wrong
    naive = iso & ~zoned & ~wrong
    if zoned.any() and naive.any():
        bad[NO_ZONE] = np.flatnonzero(naive)
    stamps[~given | wrong] = NO_TIME
    return Times(stamps, bool(zoned.any()) if (given & ~wrong).any() else None, bad)
