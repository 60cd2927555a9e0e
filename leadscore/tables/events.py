"""Events, read once and kept small."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from leadscore.base.text import counted
from leadscore.base.times import DAY, NO_TIME, Times, is_text, one_array
from leadscore.errors import ArgumentError, ContractError, Problem
from leadscore.rulebook.kinds import Kind
from leadscore.sources.columns import (
    Column,
    blank,
    convert,
    encoded_of,
    is_list,
    plain_ids,
    positions_of,
)
from leadscore.sources.contract import Breaches, Judged, refuse, shown
from leadscore.sources.source import Source
from leadscore.tables.ids import Ids
from leadscore.tables.unknown_ids import UnknownIds

# The zone of daily activity, in what a file says of itself.
ZONE = b"leadscore.timezone"
# A column that a `where` tests, the kind of value it needs, and the texts that mean missing.
Test = tuple[str, Kind, tuple[str, ...]]
# Beside the largest amounts, sums of millions of events stay exact.
LARGEST_AMOUNT = 1_000_000
# What rules ask of columns of which it holds no more than that.
ASKED = b"leadscore.asked"
# Rows worked on at a time: their arrays stay in the processor's cache, which halves the time of each pass.
IN_CACHE = 1 << 16
# How daily activity calls the sum of a column.
SUM = "sum."
_NO_LEAD = "events of leads that are not among the leads"


@dataclass
class EventBatch:
    """Some events; all arrays have one entry per row.

    Attributes
    ----------
    lead : int32 positions among the leads
    codes : dict of column to integers into the column's distinct values, -1 where missing
    times : Times or None
        When; None for daily activity.
    day : days since 1970 in the activity's time zone, for daily activity
    count : events that day, for daily activity; else None, one each
    sums : dict of column to its sum that day, in thousandths, for daily activity
    timezone : the zone that the days of daily activity are days in; else None
    """

    lead: npt.NDArray[np.int32]
    codes: dict[str, npt.NDArray[np.signedinteger[Any]]]
    times: Times | None = None
    day: npt.NDArray[np.int32] | None = None
    count: npt.NDArray[np.int64] | None = None
    sums: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    timezone: str | None = None

    def __len__(self) -> int:
        return len(self.lead)

    def part(self, rows: slice | npt.NDArray[np.intp]) -> EventBatch:
        """Some of the rows; of a slice nothing is copied."""
        codes = {name: column[rows] for name, column in self.codes.items()}
        times = None if self.times is None else self.times.take(rows)
        day = None if self.day is None else self.day[rows]
        sums = {name: column[rows] for name, column in self.sums.items()}
        count = None if self.count is None else self.count[rows]
        return EventBatch(self.lead[rows], codes, times, day, count, sums, self.timezone)

    def pieces(self, rows: int) -> Iterator[EventBatch]:
        """The same events, at most so many rows at a time."""
        for start in range(0, len(self), rows):
            yield self.part(slice(start, start + rows))

    def local(self, timezone: str) -> npt.NDArray[np.int64]:
        """Microseconds since 1970 on the wall clock; for daily activity, of the start of the day.

        Raises
        ------
        ArgumentError
            For daily activity made in another time zone: its days cannot be moved.
        """
        if self.times is not None:
            return self.times.local(timezone)
        if self.timezone != timezone:
            message = (
                f"the activity has days of {self.timezone}, the rulebook of {timezone}; make it again from the events"
            )
            raise ArgumentError("activity", message)
        assert self.day is not None
        return self.day.astype(np.int64) * DAY


class Events:
    """Events as scoring reads them: batches of small codes, never one large array.

    Parameters
    ----------
    batches : list of EventBatch, or Reading
        The events, or what reads them again where they are not held.

    Attributes
    ----------
    known : dict of column to its distinct raw values
        `event`, and what a `where` may test.
    values : dict of column to its distinct raw values
        The same, but for columns of daily activity of which one value stands for all that rules do not tell apart.
    timezone : str or None
        For daily activity: the zone its days are days in.
    counted : dict
        What was counted of them for rulebooks on days, see `tables.counting`.
    repeats : Repeats or None, see `tables.findings`
    """

    def __init__(
        self,
        batches: list[EventBatch] | Reading,
        known: dict[str, pa.Array],
        timezone: str | None = None,
        standing: frozenset[str] = frozenset(),
    ) -> None:
        self._batches, self._standing = batches, standing
        self.known, self.timezone = known, timezone
        self.values = {name: values for name, values in known.items() if name not in standing}
        self.counted: dict[Any, Any] = {}
        # Which of them repeat another one, where that was looked for while they were read.
        self.repeats: Any = None

    @property
    def batches(self) -> list[EventBatch]:
        """All of them; those that are not held are read again, and then are."""
        if not isinstance(self._batches, list):
            self._batches = list(self._batches)
        return self._batches

    def __len__(self) -> int:
        return sum(map(len, self._batches)) if isinstance(self._batches, list) else self._batches.rows

    def pieces(self, rows: int) -> Iterator[EventBatch]:
        """The events, at most so many rows at a time."""
        for batch in self._batches:
            yield from batch.pieces(rows)

    def number_of(self, name: str, among: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.int64]:
        """How many events have each value of a column, and last how many none; of events of some names, if given."""
        if name == "event" and among is None and not isinstance(self._batches, list):
            return self._batches.called
        found = np.zeros(len(self.known[name]) + 1, np.int64)
        for batch in self.pieces(IN_CACHE):
            rows = slice(None) if among is None else np.flatnonzero(among[batch.codes["event"]])
            found += _number_of(batch.part(rows), name, len(found))
        return found

    def of(self, batches: list[EventBatch]) -> Events:
        """Other events with the same values."""
        return Events(batches, self.known, self.timezone, self._standing)

    def keeping(self, kept: npt.NDArray[np.bool_]) -> Events:
        """Some of the events: (n_events,) True for those, in the order of the batches."""
        parts = np.split(kept, np.cumsum([len(batch) for batch in self.batches])[:-1]) if self.batches else []
        batches = [batch.part(np.flatnonzero(part)) for batch, part in zip(self.batches, parts, strict=True)]
        return self.of(batches)

    def column(self, name: str, kind: Kind, missing_values: tuple[str, ...], timezone: str) -> Column:
        """The distinct values of a column as one kind of value.

        Raises
        ------
        ContractError
            If some are of another kind.
        """
        column = convert(self.known[name], kind, missing_values, timezone)
        for message, places in column.bad.items():
            first = ", ".join(map(repr, shown(self.known[name].take(pa.array(places[:5])))))
            refuse([Problem(f"events.{name}", f"{counted(len(places), 'distinct value')}: {message}", first)])
        return column

    def sums(self, name: str, missing_values: tuple[str, ...]) -> npt.NDArray[np.int64]:
        """The distinct values of a column as thousandths, to be added up, and 0 at the end for a missing one.

        Raises
        ------
        ContractError
            If some are not numbers, or are beyond a million.
        """
        if name not in self.known:
            return np.zeros(1, np.int64)
        column = self.column(name, "number", missing_values, "UTC")
        assert column.numbers is not None
        if (large := np.flatnonzero(np.abs(column.numbers) > LARGEST_AMOUNT)).size:
            first = ", ".join(map(repr, shown(self.known[name].take(pa.array(large[:5])))))
            message = f"{counted(len(large), 'distinct value')} beyond a million, which is too large to add up"
            refuse([Problem(f"events.{name}", message, first)])
        return amounts(column)


def amounts(column: Column) -> npt.NDArray[np.int64]:
    """Numbers as thousandths, to be added up, and 0 at the end for a missing one."""
    assert column.numbers is not None
    kept = np.where(np.abs(column.numbers) <= LARGEST_AMOUNT, column.numbers, 0).tolist()
    return np.array([*(round(one * 1000) for one in kept), 0], np.int64)


def _number_of(batch: EventBatch, name: str, size: int) -> npt.NDArray[np.int64]:
    """How many events of a batch have each value of a column, and last how many none."""
    found = np.bincount(batch.codes[name].astype(np.int32) + 1, batch.count, size).astype(np.int64)
    return np.roll(found, -1)


class _Distinct:
    """The distinct values of a column read in batches: each batch's are looked up once."""

    def __init__(self) -> None:
        self.index: dict[Any, int] = {}
        self.kind: pa.DataType | None = None
        self._latest: tuple[pa.Array, npt.NDArray[np.signedinteger[Any]]] | None = None

    def codes(self, array: pa.Array) -> npt.NDArray[np.signedinteger[Any]]:
        if is_list(array.type):
            rows = (None if row is None else tuple(map(_one_nan, row)) for row in array.to_pylist())
            known = [-1 if row is None else self.index.setdefault(row, len(self.index)) for row in rows]
            return np.array(known, np.int32)
        encoded = encoded_of(array)
        # The parts of a file often have the same values in the same order.
        if self._latest is None or not encoded.dictionary.equals(self._latest[0]):
            self._latest = encoded.dictionary, self._known(encoded.dictionary)
        return self._latest[1][positions_of(encoded.indices)]

    def _known(self, dictionary: pa.Array) -> npt.NDArray[np.signedinteger[Any]]:
        """The codes of values, and last of a missing one."""
        kind = dictionary.type
        timed = pa.types.is_timestamp(kind) or pa.types.is_date(kind)
        # What Arrow would not find out again from the values.
        self.kind = kind if timed or pa.types.is_uint64(kind) else None
        # Times as numbers: Python's own end with the year 9999.
        values = dictionary.view(f"int{kind.bit_width}") if timed else dictionary
        # Arrow lets a dictionary hold null as one of its values.
        listed = map(_one_nan, values.to_pylist())
        known = [-1 if value is None else self.index.setdefault(value, len(self.index)) for value in listed]
        # One byte or two a row, for as long as they will do: there are many rows.
        width = np.int8 if len(self.index) < 2**7 else np.int16 if len(self.index) < 2**15 else np.int32
        return np.array([*known, -1], width)

    def values(self, start: int = 0) -> pa.Array:
        """Those from a place on."""
        found = [*islice(self.index, start, None)]
        if any(isinstance(value, tuple) for value in found):
            return pa.array([list(value) for value in found])
        return pa.array(found, self.kind) if found else pa.nulls(0)


def _one_nan(value: Any) -> Any:
    """The value, and for any that is not a number the same object: no other equals it, and it is one value."""
    return value if value == value else math.nan  # noqa: PLR0124 - nan alone differs from itself


class Reading:
    """The events of a table, or daily activity, in small columns; read again as often as it is gone through.

    Attributes
    ----------
    ids : Ids or None
        The leads; None for those of the events.
    distinct : dict of column to its distinct values so far
    rows : int
        How many events there are, and `called` of each name; known once all were read.
    """

    def __init__(self, breaches: Breaches, wanted: list[str], ids: Ids | None, tests: Sequence[Test]) -> None:
        self.source, self._missing = breaches.source, breaches.missing_values
        self.wanted, self.ids, self.tests = wanted, ids, tests
        self._summed = [name for name in wanted if name.startswith(SUM) and "at" not in wanted]
        apart = {"lead_id", "at", "day", "count", *self._summed}
        self.distinct = {name: _Distinct() for name in wanted if name not in apart}
        self.leads = _Distinct()
        self.rows, self.called = 0, np.zeros(1, np.int64)

    @property
    def timezone(self) -> str | None:
        """For daily activity: the zone its days are days in."""
        return None if "at" in self.wanted else self.source.metadata[ZONE].decode()

    @property
    def standing(self) -> frozenset[str]:
        """For daily activity: the columns of which one value stands for all that rules do not tell apart."""
        return frozenset() if "at" in self.wanted else frozenset(told_apart_by(self.source))

    def __iter__(self) -> Iterator[EventBatch]:
        """The same events again.

        Raises
        ------
        ContractError
            If they are others than before.
        """
        rows, known = 0, sum(len(one.index) for one in self.distinct.values())
        for batch in self.judged(Breaches(self.source, self._missing), None):
            rows += len(batch)
            yield batch
        if rows != self.rows or known != sum(len(one.index) for one in self.distinct.values()):
            message = f"changed while it was read: {self.rows:,} rows before, {rows:,} now; run it again"
            raise ContractError("tables", [Problem(self.source.name, message)])

    def first(self, breaches: Breaches) -> Iterator[EventBatch]:
        """The events for the first time; what breaks the contract is noted and left out."""
        unknown = None if self.ids is None else UnknownIds(self.ids.array)
        for batch in self.judged(breaches, unknown):
            self.rows += len(batch)
            found = _number_of(batch, "event", len(self.distinct["event"].index) + 1)
            found[: len(self.called) - 1] += self.called[:-1]
            found[-1] += self.called[-1]
            self.called = found
            yield batch
        if unknown is not None:
            breaches.why["lead_id", _NO_LEAD] = unknown.why()

    def judged(self, breaches: Breaches, unknown: UnknownIds | None) -> Iterator[EventBatch]:
        """Batch by batch the events that keep the contract; what breaks it is noted."""
        single = {"event", "at", *(name for name, kind, _ in self.tests if not kind.startswith("options"))}
        source, start = self.source, 0
        clock: tuple[bool, int] | None = None
        for batch in source.batches(self.wanted):
            arrays = {name: one_array(column) for name, column in zip(self.wanted, batch.columns, strict=True)}
            arrays["lead_id"] = plain_ids(arrays["lead_id"], source.name)
            odd = {
                name: array.type
                for name, array in arrays.items()
                if is_odd(array.type) and (name in single or not is_list(array.type))
            }
            message = "values, which are not text, numbers, booleans or dates"
            refuse([Problem(f"{source.name}.{name}", f"{kind} {message}") for name, kind in odd.items()])
            ids = arrays["lead_id"]
            lead = self.leads.codes(ids).astype(np.int32) if self.ids is None else self.ids.positions(ids)
            judged = Judged(breaches, arrays, start)
            times = _judge(judged, lead, self.tests, unknown)
            clock = _one_clock(source, clock, times, start)
            start += len(lead)
            if judged.bad.any():
                kept = np.flatnonzero(~judged.bad)
                arrays = {name: array.take(pa.array(kept)) for name, array in arrays.items()}
                lead, times = lead[kept], times.take(kept) if times else None
            yield self._batch(arrays, lead, times)

    def _batch(self, arrays: dict[str, pa.Array], lead: npt.NDArray[np.int32], times: Times | None) -> EventBatch:
        codes = {name: one.codes(arrays[name]) for name, one in self.distinct.items()}
        if times is not None:
            return EventBatch(lead, codes, times)
        counts = ("day", pa.int32()), ("count", pa.int64())
        day, count = (arrays[name].cast(kind).to_numpy(zero_copy_only=False) for name, kind in counts)
        sums = {name.removeprefix(SUM): arrays[name].cast(pa.int64()).to_numpy() for name in self._summed}
        return EventBatch(lead, codes, None, day, count, sums, self.timezone)


def read_events(
    wanted: list[str],
    ids: Ids | None,
    breaches: Breaches,
    tests: Sequence[Test],
    take: Callable[[EventBatch, Reading], None] | None = None,
) -> tuple[Events, Ids]:
    """Stream events, or daily activity, into small columns; rows that break the contract are reported and left out.

    Without `ids` the leads are those of the events; `tests` says which columns a `where` tests, and for what. With
    `take` the events are handed over as they come, and not held.
    """
    reading = Reading(breaches, wanted, ids, tests)
    held: list[EventBatch] = []
    for batch in reading.first(breaches):
        if take is None:
            held.append(batch)
        else:
            take(batch, reading)
    if ids is None:
        ids = Ids(reading.leads.values() if reading.leads.index else pa.array([], pa.large_string()))
    values = {name: one.values() for name, one in reading.distinct.items()}
    return Events(held if take is None else reading, values, reading.timezone, reading.standing), ids


def told_apart_by(source: Source) -> dict[str, list[str]]:
    """What was asked of the columns of daily activity of which it holds no more than the answers, by column."""
    found: dict[str, list[str]] = json.loads(source.metadata.get(ASKED, b"{}"))
    return found


def is_odd(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds neither text nor numbers, booleans or dates, but lists, periods and the like."""
    return pa.types.is_nested(kind) or isinstance(kind, pa.BaseExtensionType)


def _one_clock(source: Source, clock: tuple[bool, int] | None, times: Times | None, start: int) -> Any:
    """Whether times have a zone, and the first row with one of them; refused where batches differ.

    Which rows were set aside would hang on the order of the files.
    """
    if times is None or not (known := times.at != NO_TIME).any():
        return clock
    here = bool(times.zoned), start + int(known.argmax())
    if clock is None or clock[0] == here[0]:
        return clock or here
    first, second = source.records(np.array([clock[1], here[1]])).tolist()
    places = source.places([first, second])
    kinds = [
        f"{'with' if zoned else 'without'} one in {places[row]}" for (zoned, _), row in ((clock, first), (here, second))
    ]
    message = f"times with a zone and times without one in one column: {' and '.join(kinds)}"
    raise ContractError("tables", [Problem(f"{source.name}.at", message)])


def _judge(judged: Judged, lead: npt.NDArray[Any], tests: Sequence[Test], unknown: UnknownIds | None) -> Times | None:
    """When the events of a batch were, None for daily activity; what breaks the contract is noted."""
    arrays = judged.columns
    if len(lead) and lead.min() < 0:
        no_id = arrays["lead_id"].is_null().to_numpy(zero_copy_only=False)
        judged.say("lead_id", "no lead_id", np.flatnonzero(no_id))
        nobody = np.flatnonzero((lead < 0) & ~no_id)
        judged.say("lead_id", _NO_LEAD, nobody)
        if unknown is not None:
            unknown.note(arrays["lead_id"], nobody)
    judged.say("event", "no event", np.flatnonzero(blank(arrays["event"])))
    times = judged.times("at") if "at" in arrays else None
    if times is None:
        return None
    for name, kind, missing_values in tests:
        if kind not in {"text", "any"} and is_text(arrays[name].type):
            judged.say_all(name, convert(arrays[name], kind, missing_values, "UTC").bad)
    judged.dated(times.at)
    return times
