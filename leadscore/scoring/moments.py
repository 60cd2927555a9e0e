"""The moment of its day at which each lead qualified, found without going through all that it did that day."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from leadscore.base.times import DAY, NO_TIME
from leadscore.scoring.rising import classes_that_lower
from leadscore.scoring.timeline import Timeline
from leadscore.tables.days import Days, Ints, earliest, order_by, runs
from leadscore.tables.events import IN_CACHE
from leadscore.tables.lead_history import Positions
from leadscore.tables.tables import Tables

_EMPTY = np.zeros(0, np.int32)


class Doings(NamedTuple):
    """What leads did on one day each, in the order of the leads and of time; `told` by the tables that keep values."""

    row: Positions
    moment: Ints
    kind: Positions
    events: Ints
    told: dict[int, tuple[npt.NDArray[Any], ...]]

    @classmethod
    def read(cls, tables: Tables, timeline: Timeline, lead: Positions, day: Positions) -> tuple[Doings, bool]:
        """The events of each lead's day that some rule waits for, and whether their times have a zone."""
        classes = timeline.classes
        wanted = np.full(len(tables.ids), np.iinfo(np.int64).max)
        wanted[lead] = day
        row = np.zeros(len(tables.ids), np.int32)
        row[lead] = np.arange(len(lead), dtype=np.int32)
        widths = [4, *(table.width for table in classes.apart.values())]
        found: list[tuple[Any, ...]] = [(_EMPTY, _EMPTY.astype(np.int64), *[_EMPTY] * (sum(widths) - 2))]
        zoned = False
        for piece in tables.events.pieces(IN_CACHE):
            local = piece.local(timeline.plan.rulebook.timezone)
            rows = np.flatnonzero(local // DAY == wanted[piece.lead])
            batch = piece.part(rows)
            kind = classes.of(batch, local[rows])
            rows = np.flatnonzero(classes.matches[kind].any(axis=1))
            # Of daily activity only the day is known.
            moment = np.full(len(rows), NO_TIME) if batch.times is None else batch.times.take(rows).at
            zoned |= batch.times is not None and bool(batch.times.zoned)
            events = np.ones(len(rows), np.int64) if batch.count is None else batch.count[rows]
            told = [kept for table in classes.apart.values() for kept in classes.told(table, batch, rows)]
            found.append((row[batch.lead[rows]], moment, kind[rows], events, *told))
        columns = [np.concatenate(parts) for parts in zip(*found, strict=True)]
        order = np.lexsort((columns[1], columns[0]))
        columns = [column[order] for column in columns]
        ends = np.cumsum(widths)
        kept = {place: tuple(columns[ends[at] : ends[at + 1]]) for at, place in enumerate(classes.apart)}
        row_of, moments, kinds, counts = columns[:4]
        return cls(row_of, moments, kinds, counts, kept), zoned

    def between(self, start: int, stop: int) -> Doings:
        """Those of some rows, which count from `start`."""
        first, last = np.searchsorted(self.row, np.array([start, stop], self.row.dtype))
        told = {place: tuple(column[first:last] for column in kept) for place, kept in self.told.items()}
        part = slice(first, last)
        return Doings(self.row[part] - start, self.moment[part], self.kind[part], self.events[part], told)


def first_moments(
    part: Timeline, lead: Positions, day: Positions, doings: Doings
) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """For leads on days on which they qualify: the time of the event that did it, and where none of the day had to."""
    new = np.zeros(len(doings.row), bool)
    new[runs(doings.row)] = new[runs(doings.moment)] = True
    # The moments of a row: before its first event, then as many as its events have times.
    own = np.bincount(doings.row[new], minlength=len(lead)) + 1
    begins = np.cumsum(own) - own
    moment = np.cumsum(new) + doings.row
    row = np.repeat(np.arange(len(lead)), own)
    today = _today(part, doings, moment, begins)

    def holds(moments: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        found = [np.zeros(0, bool)]
        for block in part.blocks(lead[row[moments]]):
            rows = row[moments[block]]
            so_far = [one.until(rows, moments[block]) for one in today]
            found.append(part.so_far(lead[rows], day[rows], so_far).via >= 0)
        return np.concatenate(found)

    # As long as no event lowers anything, points only rise: of such moments the last says whether there is any.
    lowers = np.zeros(len(row), bool)
    lowers[moment[classes_that_lower(part)[doings.kind]]] = True
    for place, table in part.classes.apart.items():
        if table.sum:
            lowers[moment[doings.told[place][-1] < 0]] = True
    ends = np.flatnonzero(lowers[1:] & (row[1:] == row[:-1]))
    # At the end of its day each lead qualifies.
    high = begins + own - 1
    some = ends[earliest(row[ends], lambda at: holds(ends[at]))]
    high[row[some]] = some
    bounds = np.sort(np.concatenate([begins, ends + 1]))
    low = bounds[np.searchsorted(bounds, high, "right") - 1]
    while (low < high).any():
        open_ = np.flatnonzero(low < high)
        middle = (low[open_] + high[open_]) // 2
        held = holds(middle)
        high[open_[held]] = middle[held]
        low[open_[~held]] = middle[~held] + 1
    at = np.full(len(row), NO_TIME)
    at[moment] = doings.moment
    return at[high], high == begins


class _Today:
    """One table's events of the day: how many there were of each of its values until any moment."""

    def __init__(self, moment: Ints, begins: Ints, days: Days) -> None:
        """`days` has each event, at its `moment` in the order of the rows, whose moments begin at `begins`."""
        order = order_by(days.lead, *days.keys, moment)
        days, moment = days.take(order), moment[order]
        starts = runs(days.lead, *days.keys)
        self._first = days.take(starts)
        self._starts = starts
        self._of = np.searchsorted(self._first.lead, np.arange(len(begins) + 1, dtype=np.int32))
        # All that is looked up is in one order: the value, then the moment.
        self._span = int(moment.max(initial=0)) + 1
        value = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(moment)))
        self._keys = value * self._span + moment
        self._count = np.append(0, np.cumsum(days.count))
        self._total = None if days.total is None else np.append(0, np.cumsum(days.total))

    def until(self, row: npt.NDArray[np.intp], moment: npt.NDArray[np.intp]) -> Days:
        """What rows had done by some moments, by their place among those."""
        several = self._of[row + 1] - self._of[row]
        ends = np.cumsum(several)
        own = np.repeat(np.arange(len(row), dtype=np.int32), several)
        value = np.arange(len(own)) + np.repeat(self._of[row] - (ends - several), several)
        stop = np.searchsorted(self._keys, value * self._span + moment[own], "right")
        some = np.flatnonzero(stop > self._starts[value])
        own, value, stop = own[some], value[some], stop[some]
        start = self._starts[value]
        total = None if self._total is None else self._total[stop] - self._total[start]
        keys = tuple(key[value] for key in self._first.keys)
        return Days(own, np.zeros(len(own), np.int32), self._count[stop] - self._count[start], keys, total)


def _today(part: Timeline, doings: Doings, moment: Ints, begins: Ints) -> list[_Today]:
    """Of each table of the timeline but those made of others what was done today; of stages nothing."""
    classes, found = part.classes, []
    for kind in range(len(classes.matches)):
        rows = np.flatnonzero(doings.kind == kind)
        age = np.zeros(len(rows), np.int32)
        found.append(_Today(moment[rows], begins, Days(doings.row[rows], age, doings.events[rows])))
    for place, table in classes.apart.items():
        rows = np.flatnonzero(np.isin(doings.kind, table.classes))
        kept = (column[rows] for column in doings.told[place])
        days = table.days(doings.row[rows], np.zeros(len(rows), np.int32), doings.events[rows], *kept)
        found.append(_Today(moment[rows], begins, days))
    return found
