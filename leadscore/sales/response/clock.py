"""Minutes between two moments: all of them, or those within the agreed working hours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leadscore.base.times import DAY, Times
from leadscore.rulebook import Rulebook
from leadscore.rulebook.working_hours import WorkingHours
from leadscore.stats.intervals import Floats
from leadscore.tables.outcomes import Ints

_MINUTE = 60_000_000
# 1 January 1970 was a Thursday; weeks begin on Monday.
_THURSDAY = 3


@dataclass(frozen=True)
class Clock:
    """The clock by which waits are counted.

    Attributes
    ----------
    hours : WorkingHours or None
        None: nights and weekends count too.
    timezone : str
    """

    hours: WorkingHours | None
    timezone: str

    @classmethod
    def of(cls, rulebook: Rulebook) -> Clock:
        """The clock that was agreed."""
        return cls(rulebook.agreement.sales.hours if rulebook.agreement else None, rulebook.timezone)

    def minutes(self, begin: Ints, end: Ints) -> Floats:
        """The minutes from each moment to another, both in microseconds since 1970, in UTC."""
        if self.hours is None or not len(begin):
            return (end - begin) / _MINUTE
        # A week and a day before, so that sales has opened at least once: the local day may be the one before.
        days = np.arange(begin.min() // DAY - 8, end.max() // DAY + 2)
        days = days[np.array(self.hours.days)[(days + _THURSDAY) % 7]]
        opens, closes = (
            Times(days * DAY + minute * _MINUTE, zoned=False).utc(self.timezone)
            for minute in (self.hours.opens, self.hours.closes)
        )
        before = np.append(0, np.cumsum(closes - opens))

        def worked(moment: Ints) -> Ints:
            last = np.searchsorted(opens, moment, "right") - 1
            return before[last] + np.minimum(moment - opens[last], (closes - opens)[last])

        return (worked(end) - worked(begin)) / _MINUTE

    def __str__(self) -> str:
        """Which minutes count, as a sentence.

        Examples
        --------
        >>> print(Clock(None, "UTC"))
        Clock time, nights and weekends included.
        >>> print(Clock(WorkingHours.read("Mon-Fri 08:00-18:00"), "Europe/Berlin"))
        Working time only: Mon-Fri 08:00-18:00, Europe/Berlin.
        """
        if self.hours is None:
            return "Clock time, nights and weekends included."
        return f"Working time only: {self.hours}, {self.timezone}."
