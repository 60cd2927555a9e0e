"""Calendar days: read from what people give, and counted since 1970."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from leadscore.base.text import shown
from leadscore.errors import ArgumentError

_FIRST = dt.date(1970, 1, 1)
_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def as_day(value: Any, *, name: str) -> dt.date:
    """A calendar date from a date, text as 2026-03-31, or a timestamp at midnight.

    Raises
    ------
    ArgumentError
        If it is no day, or has a time of day.

    Examples
    --------
    >>> as_day("2026-03-31", name="as_of")
    datetime.date(2026, 3, 31)
    """
    missing = str(value) == "NaT"  # pandas' missing time is a datetime, and a date
    if isinstance(value, dt.datetime) and not missing:
        if value == dt.datetime.combine(value.date(), dt.time(), value.tzinfo):
            return value.date()
        raise ArgumentError(name, f"{name} is a day, and ends with it; got a time of day: {value}")
    if isinstance(value, dt.date) and not missing:
        return value
    try:
        if _WRITTEN.fullmatch(value):
            return dt.date.fromisoformat(value)
    except (TypeError, ValueError):
        pass
    raise ArgumentError(name, f"must be a day such as 2026-03-31; got {shown(value)}")


def day_number(day: dt.date) -> int:
    """Days since 1970."""
    return (day - _FIRST).days


def day_of(number: int) -> dt.date:
    """The calendar date of so many days since 1970."""
    return _FIRST + dt.timedelta(int(number))


def in_words(day: dt.date) -> str:
    """A day as people write it.

    Examples
    --------
    >>> in_words(dt.date(2026, 3, 2))
    '2 March 2026'
    """
    return f"{day.day} {day:%B %Y}"
