"""Which row of the leads counts on which day: one row per lead, or several, each with the time it holds from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.times import NO_TIME, Times

Positions = npt.NDArray[np.signedinteger[Any]]

# A day since 1970 moved by so much is positive for every year of the calendar, and fits in 24 bits.
_SHIFT = 1 << 22
_BITS = 24
_EVER = np.iinfo(np.int64).max
_NONE = np.zeros(0, np.intp)


@dataclass(frozen=True)
class Records:
    """The rows of the leads table as a history of each lead.

    A lead is there from its `created_at`; without one from its first `valid_from`; without either on every day. On a
    day the last of its rows counts that holds from that day or an earlier one; a row without `valid_from` holds since
    ever. On a day before its first row a lead that is there has no attributes: all of them are missing.

    Attributes
    ----------
    lead : (n_rows,) positions among the leads
    n_leads : int
    created : Times or None
        `created_at` of each row; the rows of a lead that have one agree.
    valid_from : Times or None
        When each row begins to hold; None where there is one row per lead, which always does.
    """

    lead: Positions
    n_leads: int
    created: Times | None = None
    valid_from: Times | None = None

    def take(self, rows: Positions) -> Records:
        """Some rows, of one lead."""
        created = None if self.created is None else self.created.take(rows)
        valid_from = None if self.valid_from is None else self.valid_from.take(rows)
        return Records(np.zeros(len(rows), np.int32), 1, created, valid_from)

    def created_at(self) -> Times | None:
        """When each lead was created, (n_leads,) times, `NO_TIME` where that is not told; None if it is of none."""
        if self.created is None:
            return None
        at = np.full(self.n_leads, NO_TIME)
        known = np.flatnonzero(self.created.at != NO_TIME)
        at[self.lead[known]] = self.created.take(known).at
        return Times(at, self.created.zoned)

    def there_from(self, timezone: str) -> npt.NDArray[np.int64]:
        """The day since 1970 from which each lead is there; `NO_TIME`, which is before every day, where always."""
        created = self.created_at()
        days = np.full(self.n_leads, NO_TIME) if created is None else created.days(timezone)
        if self.valid_from is None:
            return days
        first = np.full(self.n_leads, _EVER)
        np.minimum.at(first, self.lead, self.valid_from.days(timezone))
        return np.where(days == NO_TIME, first, days)

    def changes(self, timezone: str) -> tuple[Positions, npt.NDArray[np.int64]]:
        """Each (lead, day since 1970) on which a row begins to hold."""
        if self.valid_from is None:
            return np.zeros(0, np.int32), np.zeros(0, np.int64)
        days = self.valid_from.days(timezone)
        return self.lead[days != NO_TIME], days[days != NO_TIME]

    def latest(self) -> Positions:
        """The row that each lead came to in the end."""
        return self.lookup("UTC")(np.arange(self.n_leads), np.full(self.n_leads, _SHIFT - 1))

    def lookup(self, timezone: str) -> Callable[[Positions, Any], Positions]:
        """A function of (leads, days since 1970) that gives the row that counts, -1 where there is none yet."""
        if self.valid_from is None:
            return lambda lead, _: lead
        days = self.valid_from.days(timezone)
        held = np.where(days == NO_TIME, 0, days + _SHIFT)
        # Of two rows that begin on one day the later counts: the day is judged as it stood at its end. Later is by the
        # moment, since a clock that is put back shows some times twice.
        order = np.lexsort((self.valid_from.at, self.lead))
        owner = self.lead[order]
        keys = (owner.astype(np.int64) << _BITS) | held[order]
        # Put back across midnight, it even shows a day again: a row that a later one overtakes so never counts.
        keys = np.minimum.accumulate(keys[::-1])[::-1]

        def row(lead: Positions, day: Any) -> Positions:
            found = np.searchsorted(keys, (lead.astype(np.int64) << _BITS) | (day + _SHIFT), "right") - 1
            return np.where((found >= 0) & (owner[found] == lead), order[found], -1)

        return row


def repeated(codes: npt.NDArray[np.int32], valid_from: Times | None) -> tuple[str, npt.NDArray[np.intp]]:
    """The rows that stand for one lead at one time more than once, and how that is said."""
    if valid_from is None:
        # Those without an id come first.
        several = np.bincount(codes + 1, minlength=1)[1:] > 1
        twice = np.flatnonzero((codes >= 0) & np.append(several, False)[codes]) if several.any() else _NONE
        return "a lead_id that is not unique", twice
    rows = pd.DataFrame({"lead": codes, "from": valid_from.at})
    same = rows.duplicated(keep=False).to_numpy() & (codes >= 0)
    same &= ~np.isin(np.arange(len(codes)), np.concatenate([*valid_from.bad.values(), np.zeros(0, np.intp)]))
    return "a lead_id twice with the same valid_from", np.flatnonzero(same)


def disagreeing(codes: npt.NDArray[np.int32], at: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """The rows of leads whose rows hold several values, missing ones aside."""
    known = (at != NO_TIME) & (codes >= 0)
    several = pd.Series(at[known]).groupby(codes[known]).nunique()
    return np.flatnonzero(known & np.isin(codes, several.index[several > 1]))
