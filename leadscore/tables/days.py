"""Days with events: what leads did, one row for each lead, day and value that is told apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.tables.lead_history import Positions

Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.intp]

_NONE = np.zeros(0, np.int32)
# An age in days, and a window of such days back from it, fit into so many bits.
_AGE_BITS = 24
# So many leads are merged at a time: their rows stay in the cache, and little is held twice.
_LEADS = 1 << 15


@dataclass(frozen=True)
class Days:
    """Days with events of one class: sorted by lead, then by age, so the most recent comes first.

    Attributes
    ----------
    lead, age, count : (n_rows,)
    keys : tuple of (n_rows,) arrays
        The values of columns that are told apart, as numbers.
    total : (n_rows,) or None
        The sum of a column, in thousandths.
    """

    lead: npt.NDArray[np.int32]
    age: npt.NDArray[np.int32]
    count: npt.NDArray[np.signedinteger[Any]]
    keys: tuple[npt.NDArray[np.int32], ...] = ()
    total: Ints | None = None

    @cached_property
    def starts(self) -> npt.NDArray[np.intp]:
        """Where each lead's rows begin."""
        return runs(self.lead)

    def take(self, rows: Any, lead: npt.NDArray[np.int32] | None = None) -> Days:
        """Some of the rows, perhaps of leads by other numbers."""
        lead = self.lead[rows] if lead is None else lead
        total = None if self.total is None else self.total[rows]
        return Days(lead, self.age[rows], self.count[rows], tuple(key[rows] for key in self.keys), total)

    def where(self, kept: npt.NDArray[np.bool_]) -> Days:
        """Some of the rows."""
        return self if kept.all() else self.take(kept)

    def aged(self, days: npt.NDArray[np.int32] | int) -> Days:
        """The same rows, so many days older."""
        return Days(self.lead, self.age + np.int32(days), self.count, self.keys, self.total)

    def renumbered(self, position: npt.NDArray[np.int32]) -> Days:
        """The rows of the leads that exist on the day, by their position among those."""
        lead = position[self.lead]
        return self.take(slice(None), lead).where(lead >= 0)

    @cached_property
    def _keys(self) -> Ints:
        return (self.lead.astype(np.int64) << _AGE_BITS) | self.age

    @cached_property
    def _offsets(self) -> npt.NDArray[np.intp]:
        """Where the rows of each lead begin, from the first lead here to the last."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.lead - self.lead[0]))])

    def place(self, lead: Positions, age: Positions) -> npt.NDArray[np.intp]:
        """Where the rows of each lead from an age on begin, or would if it had any."""
        return np.searchsorted(self._keys, (lead.astype(np.int64) << _AGE_BITS) + age)

    def before(self, lead: Positions, age: Positions, within: int) -> npt.NDArray[np.bool_]:
        """For each lead and age: whether the lead has a row of that age or fewer than `within` days older."""
        if not len(self.lead):
            return np.zeros(len(lead), bool)
        place = np.minimum(self.place(lead, age), len(self.lead) - 1)
        older = self.age[place] - age
        return (self.lead[place] == lead) & (older >= 0) & (older < within)

    def at(self, lead: Positions, age: Positions, within: int) -> Days:
        """For leads on days: the rows of each lead from an age on, `within` days back; by their place among those."""
        if not len(self.lead) or not len(lead):
            return self.take(slice(0))
        rows = np.flatnonzero((lead >= self.lead[0]) & (lead <= self.lead[-1]))
        place = lead[rows] - self.lead[0]
        rows = rows[self._offsets[place] < self._offsets[place + 1]]
        least = age[rows]
        first = self.place(lead[rows], least)
        counts = self.place(lead[rows], least + min(within, int(self.age.max()) + 1)) - first
        ends = np.cumsum(counts)
        found = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - (ends - counts), counts)
        return self.take(found, np.repeat(rows.astype(np.int32), counts)).aged(
            -np.repeat(least, counts).astype(np.int32)
        )

    def between(self, start: int, stop: int) -> Days:
        """The rows of a run of leads; nothing is copied."""
        first, last = np.searchsorted(self.lead, np.array([start, stop], self.lead.dtype))
        return self.take(slice(first, last))


def daily(lead: npt.NDArray[np.int32] = _NONE, age: npt.NDArray[np.int32] = _NONE, count: Ints | None = None) -> Days:
    """Events of one class as days: one row for each lead and age, in their order."""
    bits = int(age.max(initial=0)).bit_length()
    # Half as wide is nearly twice as fast to sort, and most windows are short enough.
    wide: Any = np.int64 if int(lead.max(initial=0)).bit_length() + bits > 32 else np.uint32
    key: npt.NDArray[Any] = (lead.astype(wide) << wide(bits)) | age.astype(wide)
    if count is None:
        return daily_of(key, bits)
    order = np.argsort(key, kind="stable")
    key, count = key[order], count[order]
    starts = runs(key)
    return Days(*_parted(key[starts], bits), sums(count, starts))


def daily_of(key: npt.NDArray[Any], bits: int) -> Days:
    """Events as days, each given as one number: the lead, then so many bits of its age. The numbers are sorted."""
    key.sort()
    starts = runs(key)
    counts = np.diff(starts, append=len(key))
    return Days(*_parted(key[starts], bits), counts.astype(np.int16 if counts.max(initial=0) < 2**15 else np.int32))


def _parted(key: npt.NDArray[Any], bits: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    wide = key.dtype.type
    return (key >> wide(bits)).astype(np.int32), (key & wide((1 << bits) - 1)).astype(np.int32)


def order_by(*columns: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """The order of rows by columns of whole numbers, by the first before the next; equal rows stay as they come."""
    lowest = [int(column.min(initial=0)) for column in columns]
    spans = [int(column.max(initial=0)) - low + 1 for column, low in zip(columns, lowest, strict=True)]
    if math.prod(spans) >= 2**63:
        return np.lexsort(columns[::-1])
    # One number a row is sorted in half the time.
    key = np.zeros(len(columns[0]), np.int64)
    for column, low, span in zip(columns, lowest, spans, strict=True):
        key *= span
        key += column
        key -= low
    return np.argsort(key, kind="stable")


def told_apart(days: Days) -> Days:
    """Events as days: one row for each lead, age and value of the columns that are told apart, in their order."""
    days = days.take(order_by(days.lead, days.age, *days.keys))
    starts = runs(days.lead, days.age, *days.keys)
    count = sums(days.count, starts)
    total = None if days.total is None else sums(days.total, starts)
    first = days.take(starts)
    return Days(first.lead, first.age, count, first.keys, total)


def together(parts: Sequence[Days]) -> Days:
    """Rows of several tables, as they come."""
    if len(parts) == 1:
        return parts[0]
    lead, age, count = (np.concatenate([getattr(part, name) for part in parts]) for name in ("lead", "age", "count"))
    keys = tuple(map(np.concatenate, zip(*(part.keys for part in parts), strict=True)))
    totals = [part.total for part in parts if part.total is not None]
    return Days(lead, age, count, keys, np.concatenate(totals) if totals else None)


def newest_first(new: Days, old: Days) -> Days:
    """Rows of leads, and others of them that are older, as one table."""
    if not len(new.lead) or not len(old.lead):
        return new if len(new.lead) else old
    both = together([new, old])
    return both.take(np.argsort(both.lead, kind="stable"))


def nothing() -> Days:
    """No days at all."""
    return Days(_NONE, _NONE, _NONE)


def merged(classes: Sequence[Days]) -> Days:
    """Several classes as one: the same day of a lead in two of them is one day."""
    n_leads = max((int(days.lead[-1]) + 1 for days in classes if len(days.lead)), default=0)
    parts = [daily()]
    for start in range(0, n_leads, _LEADS):
        held = [days.between(start, start + _LEADS) for days in classes]
        parts.append(daily(*(np.concatenate([getattr(days, name) for days in held]) for name in ("lead", "age"))))
    return together(parts)


def sums(values: npt.NDArray[Any], starts: npt.NDArray[np.intp]) -> Ints:
    """The sum of each run; exact, in whole numbers."""
    return np.add.reduceat(values, starts, dtype=np.int64) if len(starts) else np.zeros(0, np.int64)


def runs(*columns: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Where each run of equal neighbours begins; of several columns, of rows that are equal in all."""
    n = len(columns[0])
    new = np.zeros(max(n - 1, 0), bool)
    for values in columns:
        new |= values[1:] != values[:-1]
    inner = np.flatnonzero(new) + 1
    return np.concatenate([[0], inner]) if n else inner


def earliest(
    group: npt.NDArray[Any], holds: Callable[[npt.NDArray[np.intp]], npt.NDArray[np.bool_]]
) -> npt.NDArray[np.intp]:
    """Of rows in runs of one group each, the first of each group for which something holds, where there is one.

    Once one is found the rest of its group is not asked for: few rows of each come first, then ever more at a time.
    """
    begins = runs(group)
    turn = np.arange(len(group)) - np.repeat(begins, np.diff(begins, append=len(group)))
    rows, turns, found = np.arange(len(group)), 1, [np.zeros(0, np.intp)]
    while len(rows):
        now = rows[turn[rows] < turns]
        passed = now[holds(now)]
        found.append(passed[runs(group[passed])])
        rows = rows[turn[rows] >= turns]
        rows = rows[~np.isin(group[rows], group[found[-1]])]
        turns *= 2
    return np.sort(np.concatenate(found))
