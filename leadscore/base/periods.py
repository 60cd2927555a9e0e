"""Periods of whole days, and how people write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.base.days import day_of, in_words
from leadscore.base.text import counted


@dataclass(frozen=True)
class Period:
    """The days `first` to `last`, both included, in days since 1970."""

    first: int
    last: int

    @property
    def days(self) -> int:
        """How many days it has."""
        return self.last - self.first + 1

    @property
    def before(self) -> Period:
        """The equally long period just before."""
        return self.earlier(self.days)

    def earlier(self, days: int) -> Period:
        """The equally long period so many days earlier."""
        return Period(self.first - days, self.last - days)

    @property
    def length(self) -> str:
        """How long it is, in words.

        Examples
        --------
        >>> Period(20514, 20541).length, Period(20514, 20523).length
        ('four weeks', '10 days')
        """
        weeks, rest = divmod(self.days, 7)
        if rest or not weeks:
            return counted(self.days, "day")
        few = ("", "week", "two weeks", "three weeks", "four weeks", "five weeks", "six weeks")
        return few[weeks] if weeks < len(few) else f"{weeks} weeks"

    def holds(self, day: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Which of some days lie in it."""
        return (day >= self.first) & (day <= self.last)

    def __str__(self) -> str:
        """As people write it.

        Examples
        --------
        >>> str(Period(20514, 20541)), str(Period(20486, 20541)), str(Period(20400, 20541)), str(Period(20514, 20514))
        ('2 to 29 March 2026', '2 February to 29 March 2026', '8 November 2025 to 29 March 2026', '2 March 2026')
        """
        first, last = day_of(self.first), day_of(self.last)
        end = in_words(last)
        if first == last:
            return end
        if first.year != last.year:
            return f"{in_words(first)} to {end}"
        return f"{first.day} to {end}" if first.month == last.month else f"{first.day} {first:%B} to {end}"
