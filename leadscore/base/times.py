"""Days and times in columns, read from Arrow: dates, timestamps, ISO 8601 text."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from leadscore.base.text import normalise

# The value of a missing day or time; numpy's own NaT.
NO_TIME = np.iinfo(np.int64).min
# The years a calendar date can have, in microseconds since 1970, a day short for time zones.
FIRST = int(np.datetime64("0001-01-02", "us").astype(np.int64))
LAST = int(np.datetime64("9999-12-30", "us").astype(np.int64))

# Microseconds of a day.
DAY = 86_400_000_000
NO_ZONE = "a time without a zone, while others in the column have one"

# RFC 3339, and what Postgres, BigQuery, Snowflake, Segment and Salesforce write beside. Python and Arrow (RE2) read it.
_DATE = r"(?:\d{3}[1-9]|\d\d[1-9]\d|\d[1-9]\d\d|[1-9]\d{3})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?"
_ZONE = r"[Zz]|(?i:UTC|GMT)|[+-](?:[01]\d|2[0-3])(?:[0-5]\d|:[0-5]\d(?::[0-5]\d)?)?"
_ISO = rf"({_DATE})(?:[Tt ]({_CLOCK}) ?({_ZONE})?)?"
_WRITTEN = re.compile(_ISO, re.ASCII)
# What Arrow does not read, as it does.
_AS_ARROW_READS = ((r"(?i) ?(UTC|GMT|Z)$", "Z"), (r" ([+-])", r"\1"), (r"([.]\d{6})\d+", r"\1"))
# What the rest seems to be; the first that fits says it.
_SEEMS = (
    (r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\D.*[AaPp][.]?[Mm][.]?", "it seems month/day/year with AM or PM"),
    (r"\d{1,2}[.]\d{1,2}[.]\d{2,4}(?:\D.*)?", "it seems day.month.year"),
    (r"\d{1,2}[/-]\d{1,2}[/-]\d{2,4}(?:\D.*)?", "day and month cannot be told apart"),
    (r"\d{4}[/.]\d{1,2}[/.]\d{1,2}(?:\D.*)?", "it seems year/month/day, without hyphens"),
    (r"\d{8}|\d{14}|\d{8}[Tt]\d{2,6}.*", "it seems year, month and day run together"),
    (r"\d{4}-?[Ww]\d\d.*|\d{4}-\d{3}", "it seems a week, or a day of the year"),
    (r"\d{5}(?:[.,]\d+)?", "it seems a spreadsheet's number of a day"),
    (r"[+-]?\d{9,10}(?:[.,]\d+)?", "it seems seconds since 1970"),
    (r"[+-]?\d{12,13}(?:[.,]\d+)?", "it seems milliseconds since 1970"),
    (r"[+-]?\d{15,16}", "it seems microseconds since 1970"),
    (r"[+-]?\d{18,19}", "it seems nanoseconds since 1970"),
    (r"[+-]?\d{5,}-\d\d-\d\d.*|0000-.*|-\d.*", "a year outside 1 to 9999"),
    (rf"{_DATE}[Tt ]24:.*", "hour 24 is 00:00 of the next day"),
    (rf"{_DATE}[Tt ]\d\d:\d\d:60.*", "a leap second; 59 is the last"),
    (rf"{_DATE}[Tt ]\d\d(?:[Zz+-].*)?", "an hour without minutes"),
    (rf"{_DATE}[Tt ]{_CLOCK} ?(?:{_ZONE})? ?[\[(A-Za-z].*", "a zone by its name; write its offset, as +01:00"),
    (rf"{_DATE}[Zz+-].*", "a day has no zone"),
    (rf"\d{{4}}-\d\d-\d\d(?:[Tt ]\d\d:\d\d[\d:.,]* ?(?:{_ZONE}|[+-][\d:]+)?)?", "no such day or time of day"),
    (r"\d{4}-\d{1,2}-\d{1,2}(?:[Tt ]\d[ -~]*)?", "month, day, hour and minute have two digits"),
    (r"(?i:mon|tue|wed|thu|fri|sat|sun), ?\d.*", "it seems the form of e-mails, RFC 2822"),
    (r".*(?i:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|o[ck]t|nov|de[cz]).*\d.*", "the month in words"),
)


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
    # Of numbers of half the size Arrow knows next to nothing.
    return array.cast(pa.float32()) if pa.types.is_float16(array.type) else array


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


def read_times(array: pa.Array, missing: Collection[str] = ()) -> Times | None:
    """Times from dates, timestamps or ISO text; None if the column holds something else.

    Text that is no time is missing where it is one of `missing` after normalising.
    """
    kind = array.type
    if array.null_count == len(array) and not is_text(kind):
        return Times(np.full(len(array), NO_TIME), None)
    if is_text(kind):
        return _written_times(array, missing)
    if pa.types.is_date(kind):
        return Times(_microseconds(array.cast(pa.timestamp("us"))), zoned=False)
    return Times(_microseconds(array), kind.tz is not None) if pa.types.is_timestamp(kind) else None


def moment_of(text: str) -> dt.datetime:
    """One written time, as a column of text is read; without a zone it is on the wall clock.

    Raises
    ------
    ValueError
        If it is none; with what it seems to be, and what would be right.

    Examples
    --------
    >>> moment_of("2026-03-31 14:05:00.5 UTC")
    datetime.datetime(2026, 3, 31, 14, 5, 0, 500000, tzinfo=datetime.timezone.utc)
    >>> moment_of("31.3.2026")
    Traceback (most recent call last):
    ValueError: not an ISO date or time (it seems day.month.year); write 2026-03-31 or 2026-03-31T14:05:00Z
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise ValueError(_refusal(text.strip()))
    day, clock, zone = found.groups("")
    try:
        return dt.datetime.fromisoformat(f"{day}T{clock or '00:00'}{'Z' if zone[:1].isalpha() else zone}")
    except ValueError:
        raise ValueError(_refusal(found[0])) from None


def seems(value: Any) -> str:
    """What a value that is no time seems to be, in parentheses; empty where nothing is known.

    Examples
    --------
    >>> seems(1772323200)
    ' (it seems seconds since 1970)'
    """
    text = str(value)
    return next((f" ({words})" for pattern, words in _SEEMS if re.fullmatch(pattern, text, re.ASCII)), "")


def _refusal(text: str) -> str:
    text = text[:10] if _WRITTEN.fullmatch(text) else text  # the form is right, the day is of no month
    return f"not an ISO date or time{seems(text)}; write 2026-03-31 or 2026-03-31T14:05:00Z"


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


def _written_times(array: pa.Array, missing: Collection[str]) -> Times:
    """ISO 8601 text; all with a zone or all without."""
    text = pc.utf8_trim_whitespace(array.cast(pa.large_string()))
    given = _where(pc.not_equal(text, ""))
    iso = _where(pc.match_substring_regex(text, f"^(?:{_ISO})$"))
    # Only a zone and the hyphens of a date can stand in these places.
    zoned = iso & _where(pc.match_substring_regex(text, rf":.*(?:{_ZONE})$"))
    stamps = np.full(len(array), NO_TIME)
    bad: dict[str, npt.NDArray[np.intp]] = {}
    for rows, zone in ((zoned, "UTC"), (iso & ~zoned, None)):
        if rows.any():
            stamps[rows] = _stamps(text if rows.all() else text.filter(pa.array(rows)), zone)
    wrong = np.flatnonzero(given & (stamps == NO_TIME))
    if len(wrong):
        codes, values = _distinct(text.take(pa.array(wrong)))
        means = [None if normalise(value) in missing else _refusal(value) for value in values]
        for message in dict.fromkeys(means):
            if message is not None:
                bad[message] = wrong[np.isin(codes, [code for code, one in enumerate(means) if one == message])]
    known = stamps != NO_TIME
    if (zoned & known).any() and (~zoned & known).any():
        bad[NO_ZONE] = np.flatnonzero(~zoned & known)
    return Times(stamps, bool((zoned & known).any()) if known.any() else None, bad)


def _where(found: pa.Array) -> npt.NDArray[np.bool_]:
    return found.fill_null(False).to_numpy(zero_copy_only=False)


def _distinct(text: pa.Array) -> tuple[npt.NDArray[np.int32], list[str]]:
    encoded = text.dictionary_encode()
    return encoded.indices.to_numpy(), encoded.dictionary.to_pylist()


def _stamps(text: pa.Array, zone: str | None) -> npt.NDArray[np.int64]:
    """Microseconds since 1970 of text that has the form of a time; `NO_TIME` where there is no such day."""
    kind = pa.timestamp("us", zone)
    with suppress(pa.ArrowInvalid):
        return _microseconds(text.cast(kind))
    for pattern, plain in _AS_ARROW_READS:
        text = pc.replace_substring_regex(text, pattern, plain)
    with suppress(pa.ArrowInvalid):
        return _microseconds(text.cast(kind))
    # A day that no month has, or a form that few write.
    codes, values = _distinct(text)
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC if zone else None)
    moments = np.full(len(values), NO_TIME)
    for code, value in enumerate(values):
        with suppress(ValueError):
            moments[code] = (moment_of(value) - epoch) // dt.timedelta(microseconds=1)
    return moments[codes]
