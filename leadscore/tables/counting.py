"""Events counted for a rulebook as they come: days with events of each class, and nothing else of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from leadscore.base.times import DAY
from leadscore.rulebook.plan import Plan
from leadscore.sources.columns import convert
from leadscore.tables.classes import Classes, Table
from leadscore.tables.days import Days, daily, daily_of, together, told_apart
from leadscore.tables.events import IN_CACHE, EventBatch, amounts
from leadscore.tables.tables import Tables

# So many rows that tell values apart are put together before more are read.
_TOGETHER = 1 << 22
# A day of the calendar, moved to be positive, fits in so many bits.
_BITS, _MOVED = 24, 1 << 22
# So many notes are added up at a time.
_NOTES = 64
# Countings of events in hand that are remembered: two rulebooks are compared.
_REMEMBERED = 2
_NONE = np.zeros(0, np.int32)


class Counting:
    """The events that a plan can use on the days `first` to `last`, since 1970; ages are from `last`.

    Attributes
    ----------
    classes : Classes
    days : list of Days
        Those of each class, once `close` is called.
    told : dict of place in `classes.tables` to Days
        Those whose values are told apart.
    seen : (3, n) the class, the day and the number of all events, in use or not, of each class on each day
    """

    days: list[Days]
    told: dict[int, Days]
    seen: npt.NDArray[np.int64]

    def __init__(self, plan: Plan, n_leads: int, first: int, last: int) -> None:
        self.plan, self.first, self.last = plan, first, last
        self.classes = Classes(plan)
        # A lead and an age in 32 bits are sorted twice as fast as in 64, and most windows are short enough.
        self._bits = 32 - max(n_leads, 1).bit_length()
        self._narrow: dict[int, list[npt.NDArray[np.uint32]]] = {}
        self._wide: dict[int, list[tuple[npt.NDArray[Any], ...]]] = {}
        self._apart = _asked_apart(plan)
        self._told: list[list[Days]] = [[] for _ in self._apart]
        self._seen: list[npt.NDArray[np.int64]] = [np.zeros((2, 0), np.int64)]

    def learn(self, name: str, values: pa.Array) -> None:
        """Take note of the next distinct values of an event column; what is none is refused once all are known."""
        book, asked = self.plan.rulebook, self.plan.events.get(name)
        # An event may be called what `missing_values` lists.
        missing = () if name == "event" else book.missing_values
        if asked is not None:
            self.classes.learn(name, convert(values, asked.kind, missing, book.timezone))
        if name in self.classes.keys:
            self.classes.learn_key(name, convert(values, "text", missing, book.timezone))
        if name in self.classes.sums:
            self.classes.learn_amounts(name, amounts(convert(values, "number", missing, book.timezone)))

    def add(self, batch: EventBatch, local: npt.NDArray[np.int64]) -> None:
        """Count some events, whose times are given on the wall clock."""
        kind, day = self.classes.of(batch, local), (local // DAY).astype(np.int32)
        self._note(kind, day, batch.count)
        age, span = self.last - day, self.last - self.first
        reach = self.classes.reach
        # Events that no window can use are dropped here, before anything is sorted.
        rows = np.flatnonzero((age >= 0) & (age < np.where(reach > 0, reach + span, 0).astype(np.int32).take(kind)))
        kind, age = kind[rows], age[rows]
        for place, (happening, table) in enumerate(self._apart):
            own = np.flatnonzero(self.classes.matches[:, happening].take(kind) & (age < table.within + span))
            count = np.ones(len(own), np.int64) if batch.count is None else batch.count[rows[own]]
            kept = self.classes.told(table, batch, rows[own])
            self._tell(place, table.days(batch.lead[rows[own]], age[own], count, *kept))
        if self._apart:
            own = np.flatnonzero(self.classes.whole.take(kind))
            rows, kind, age = rows[own], kind[own], age[own]
        number = None if batch.count is None else batch.count[rows]
        if number is not None and number.sum() <= 2 * len(rows):
            # Most days have one event of a kind; those with more are sorted sooner as so many events.
            again = np.repeat(np.arange(len(rows)), number)
            rows, kind, age, number = rows[again], kind[again], age[again], None
        order = np.argsort(kind, kind="stable")
        lead, age = batch.lead[rows[order]], age[order]
        counts = np.bincount(kind, minlength=len(reach))
        ends = np.cumsum(counts)
        columns: tuple[npt.NDArray[Any], ...] = (lead, age)
        parts: dict[int, list[Any]] = self._wide
        if number is not None:
            columns = (lead, age, number[order])
        elif int(age.max(initial=0)).bit_length() <= self._bits:
            columns = ((lead.astype(np.uint32) << np.uint32(self._bits)) | age.astype(np.uint32),)
            parts = self._narrow
        for one in np.flatnonzero(counts).tolist():
            part = slice(ends[one] - counts[one], ends[one])
            parts.setdefault(one, []).append(tuple(column[part] for column in columns))

    def _note(self, kind: npt.NDArray[np.int16], day: npt.NDArray[np.int32], count: npt.NDArray[Any] | None) -> None:
        """Note of how many events of each class there are on each day."""
        if not len(day):
            return
        low, high = int(day.min()), int(day.max())
        width = high - low + 1
        if width * len(self.classes.matches) <= len(day):
            number = np.bincount(kind * np.int32(width) + (day - low), count)
            code = np.flatnonzero(number)
            found = np.stack([(code // width << _BITS) + code % width + low + _MOVED, number[code].astype(np.int64)])
        else:
            code, place = np.unique((kind.astype(np.int64) << _BITS) + day + _MOVED, return_inverse=True)
            found = np.stack([code, np.bincount(place, count).astype(np.int64)])
        self._seen.append(found)
        if len(self._seen) > _NOTES:
            self._seen = [_summed(self._seen)]

    def _tell(self, place: int, days: Days) -> None:
        """Keep rows whose values are told apart; put together now and then."""
        held = self._told[place]
        held.append(days)
        if sum(map(len, (one.lead for one in held[1:]))) > max(_TOGETHER, len(held[0].lead)):
            self._told[place] = [told_apart(together(held))]

    def close(self) -> Counting:
        """Sort what was counted, when all events have come."""
        self.classes.arrange()
        self.days = [self._of_class(one) for one in range(len(self.classes.matches))]
        self.told = {}
        for (happening, table), held in zip(self._apart, self._told, strict=True):
            (place,) = self.classes.feeds[happening]
            empty = table.days(_NONE, _NONE, _NONE, *([_NONE] * table.width))
            self.told[place - len(self.classes.matches)] = told_apart(together([empty, *held]))
            held.clear()
        code, number = _summed(self._seen)
        self.seen = np.stack([code >> _BITS, (code & ((1 << _BITS) - 1)) - _MOVED, number])
        return self

    def _of_class(self, one: int) -> Days:
        narrow = [part for (part,) in self._narrow.pop(one, [])]
        wide = self._wide.pop(one, [])
        if not wide:
            return daily_of(np.concatenate(narrow), self._bits) if narrow else daily()
        low = np.uint32((1 << self._bits) - 1)
        wide += [((part >> np.uint32(self._bits)).astype(np.int32), (part & low).astype(np.int32)) for part in narrow]
        if any(len(part) == 3 for part in wide):
            # Of some batches days with several events were told by their number, of others one by one.
            wide = [(*part, np.ones(len(part[0]), np.int64))[:3] for part in wide]
        return daily(*map(np.concatenate, zip(*wide, strict=True)))


def _asked_apart(plan: Plan) -> list[tuple[int, Table]]:
    """The happenings that tell values of their events apart; of those that ask for the same events the first."""
    found: list[tuple[Any, int, Table]] = []
    for happening, one in enumerate(plan.happenings):
        table = Table((), one.window, one.columns, one.sum)
        asked = (one.part.event, one.part.where)
        if table.width and not any((asked, table) == (other, held) for other, _, held in found):
            found.append((asked, happening, table))
    return [(happening, table) for _, happening, table in found]


def _summed(parts: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Numbers by code, each code once."""
    code, number = np.concatenate(parts, axis=1)
    unique, place = np.unique(code, return_inverse=True)
    total = np.zeros(len(unique), np.int64)
    np.add.at(total, place, number)
    return np.stack([unique, total])


def counted(tables: Tables, plan: Plan, first: int, last: int) -> Counting:
    """The events of tables, counted for a plan; as they were read, if that was for the plan and the days.

    Raises
    ------
    ContractError
        If the events lack a column, or hold values that the plan cannot read.
    """
    events, book = tables.events, plan.rulebook
    found = events.counted.get((plan, first, last))
    if found is not None:
        return found
    found = Counting(plan, len(tables.ids), first, last)
    for name, column in plan.events.items():
        if name != "at":
            tables.event_column(name, column.kind, book)
    for name in found.classes.keys:
        tables.event_column(name, "text", book)
    for name in found.classes.sums:
        tables.event_sums(name, book)
    for name, values in events.known.items():
        found.learn(name, values)
    for batch in events.pieces(IN_CACHE):
        found.add(batch, batch.local(book.timezone))
    if len(events.counted) >= _REMEMBERED:
        events.counted.pop(next(iter(events.counted)))
    events.counted[plan, first, last] = found.close()
    return found
