"""Working hours, as people write them: "Mon-Fri 08:00-18:00"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from leadscore.errors import did_you_mean

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
PATTERN = r"([A-Za-z]+)(?:-([A-Za-z]+))? ([0-2]\d):([0-5]\d)-([0-2]\d):([0-5]\d)"
_MIDNIGHT = 24 * 60


@dataclass(frozen=True)
class WorkingHours:
    """The same hours on some days of each week, by the clock of the rulebook's time zone.

    Attributes
    ----------
    first, last : int
        The first and the last day of the week: 0 is Monday, 6 Sunday. `last` may be below `first`: Sun-Thu.
    opens, closes : int
        Minutes after midnight; 1440 is the midnight that ends the day.
    """

    first: int
    last: int
    opens: int
    closes: int

    @classmethod
    def read(cls, text: str) -> Self:
        """The hours that a text says.

        Raises
        ------
        ValueError
            With what is wrong, in words.

        Examples
        --------
        >>> WorkingHours.read("Mon-Fri 08:00-18:00")
        WorkingHours(first=0, last=4, opens=480, closes=1080)
        >>> WorkingHours.read("Mo-Fri 08:00-18:00")
        Traceback (most recent call last):
        ValueError: unknown day 'Mo'; did you mean 'Mon'?
        """
        found = re.fullmatch(PATTERN, " ".join(text.split()), re.ASCII)
        if not found:
            raise ValueError(f"must be working hours such as 'Mon-Fri 08:00-18:00'; got {text!r}")
        first, last = (found[1].title(), (found[2] or found[1]).title())
        for day in (first, last):
            if day not in DAYS:
                raise ValueError(f"unknown day {day!r}{did_you_mean(day, DAYS)}")
        opens, closes = (int(found[hour]) * 60 + int(found[hour + 1]) for hour in (3, 5))
        if not opens < closes <= _MIDNIGHT:
            raise ValueError(f"must close after they open, and by 24:00; got {text!r}")
        return cls(DAYS.index(first), DAYS.index(last), opens, closes)

    @property
    def days(self) -> tuple[bool, ...]:
        """Which days of the week are worked on, from Monday.

        Examples
        --------
        >>> WorkingHours.read("Sat-Mon 09:00-12:00").days
        (True, False, False, False, False, True, True)
        """
        return tuple((day - self.first) % 7 <= (self.last - self.first) % 7 for day in range(7))

    def __str__(self) -> str:
        """As they are written.

        Examples
        --------
        >>> str(WorkingHours.read("sun-thu  08:30-24:00")), str(WorkingHours.read("Sat-Sat 09:00-12:00"))
        ('Sun-Thu 08:30-24:00', 'Sat 09:00-12:00')
        """
        days = DAYS[self.first] if self.first == self.last else f"{DAYS[self.first]}-{DAYS[self.last]}"
        opens, closes = (f"{minute // 60:02d}:{minute % 60:02d}" for minute in (self.opens, self.closes))
        return f"{days} {opens}-{closes}"
