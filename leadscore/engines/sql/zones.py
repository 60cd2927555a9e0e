"""Days of times, by the clock of a zone as Arrow has it: no database's own zones are asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from leadscore.base.times import DAY, FIRST, LAST
from leadscore.engines.sql.relations import ByRow, Check, Relation

_DAY = 86_400


def offsets(zone: str, first: int, last: int) -> list[tuple[int, int]]:
    """The seconds by which a clock is ahead of UTC, each with the moment from which on, in seconds since 1970.

    Examples
    --------
    >>> offsets("Europe/Berlin", 1_774_000_000, 1_775_000_000)
    [(1774000000, 3600), (1774746000, 7200)]
    """
    grid = np.arange(first, last + 2 * _DAY, _DAY)
    ahead = _ahead(zone, grid)
    found = [(first, int(ahead[0]))]
    for place in np.flatnonzero(ahead[1:] != ahead[:-1]):
        low, high = int(grid[place]), int(grid[place + 1])
        while high - low > 1:
            middle = (low + high) // 2
            same = _ahead(zone, np.array([middle]))[0] == ahead[place]
            low, high = (middle, high) if same else (low, middle)
        found.append((high, int(ahead[place + 1])))
    return found


def _ahead(zone: str, seconds: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    moments = pa.array(seconds.astype(np.int64) * 1_000_000, pa.timestamp("us", "UTC")).cast(pa.timestamp("us", zone))
    return pc.local_timestamp(moments).cast(pa.int64()).to_numpy() // 1_000_000 - seconds


class Zone:
    """What tells the day, since 1970, of the times of a column.

    Attributes
    ----------
    zoned : bool
        Whether they are instants; else they are days, or on the wall clock already.
    """

    def __init__(
        self, relation: Relation, column: str, timezone: str, today: int, check: Callable[[str, Check], None]
    ) -> None:
        kind = relation.times(column)
        self._relation, self._column, self._timezone = relation, column, timezone
        self._dialect, self._kind = relation.dialect, kind
        self.zoned = pa.types.is_timestamp(kind) and kind.tz is not None
        self._dated = pa.types.is_date(kind)
        self._steps = [(0, 0)]
        if self.zoned and timezone != "UTC":
            self._steps = self._of_data(today, check)

    def _of_data(self, today: int, check: Callable[[str, Check], None]) -> list[tuple[int, int]]:
        """The clock from the first time to the last; and a check that there are none beyond."""
        relation = self._relation
        span = relation.span(self._column) or (today * _DAY * 1_000_000,) * 2
        low, high = (moment // 1_000_000 for moment in span)
        low, high = max(low - 3 * _DAY, FIRST // 1_000_000), min(max(high, today * _DAY) + 3 * _DAY, LAST // 1_000_000)
        x = relation.column(self._column)
        beyond = ByRow(relation.rows, f"{x} < {self._moment(low)} OR {x} > {self._moment(high)}")
        where = f"{relation.name}.{self._column}"
        message = "a time beyond those that were there when the look-up tables were made; make them again"
        check(f"beyond {where}", beyond.check(where, message))
        return offsets(self._timezone, low, high)

    def day(self) -> str:
        """The expression of the day."""
        dialect, x = self._dialect, self._relation.column(self._column)
        if not self.zoned:
            return dialect.day_of_date.format(x=x if self._dated else f"CAST({x} AS DATE)")
        (_, first), *later = self._steps
        whens = [f"WHEN {x} >= {self._moment(moment)} THEN {ahead}" for moment, ahead in reversed(later)]
        off = f"(CASE {' '.join(whens)} ELSE {first} END)" if whens else str(first)
        return dialect.day_of.format(at=x, off=off)

    def within(self, first: int | None, last: int) -> str:
        """A bound that no time of the days lies outside of; an index or a partition may use it."""
        x = self._relation.column(self._column)
        low, high = max((first or 0) - 1, FIRST // DAY), min(last + 2, LAST // DAY)
        begins = "" if first is None else f" AND {x} >= {self._moment(low * _DAY)}"
        return f"{x} < {self._moment(high * _DAY)}{begins}"

    def wild(self) -> str:
        """Where there is a time that no calendar has."""
        x, (first, last) = self._relation.column(self._column), self._relation.calendar(self._column, self._dialect)
        return f"{x} < {first} OR {x} > {last}"

    def _moment(self, seconds: int) -> str:
        return self._dialect.moment(seconds, self._kind)
