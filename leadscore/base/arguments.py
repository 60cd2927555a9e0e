"""The arguments of public functions: each kind is checked in one way, and all problems of a call are said at once."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Collection, Mapping
from decimal import Decimal
from math import inf
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.base.call import Call
from leadscore.base.days import as_day, day_number
from leadscore.base.text import kind_of, shown
from leadscore.errors import ArgumentError, nearest

_NO_DAY = dt.date(1970, 1, 1)
# No count of days, weeks, leads or bins is larger, and sums of such fit in 64 bits.
_MOST = 2**31 - 1


class Arguments(Call):
    """Checks the arguments of one call; at the end of the `with`, one ArgumentError names everything that is wrong.

    Each check gives back the value in its plain form. Of a wrong value it gives back something of the right type, so
    that the checks after it can go on: use what they gave only after the `with`.

    Parameters
    ----------
    call : str
        The function that was called, as users know it.

    Examples
    --------
    >>> with Arguments("replay") as given:
    ...     first, last = given.period("2026-04-01", "2026-03-01")
    ...     weeks = given.whole("weeks", 2.5, least=1)
    Traceback (most recent call last):
    leadscore.errors.ArgumentError: 2 problems in replay
      end: must not come before `start`, 2026-04-01; got 2026-03-01
      weeks: must be a whole number, 1 or more; got 2.5
    """

    def flag(self, name: str, value: Any) -> bool:
        """True or False; 1 and "yes" are neither."""
        if isinstance(value, (bool, np.bool_)):
            return bool(value)
        self.wrong(name, f"must be True or False; got {shown(value)}")
        return False

    def day(self, name: str, value: Any) -> dt.date:
        """A calendar date; see `as_day`."""
        try:
            return as_day(value, name=name)
        except ArgumentError as error:
            self.wrong(name, error.problems[0].message)
            return _NO_DAY

    def period(self, start: Any, end: Any, names: tuple[str, str] = ("start", "end")) -> tuple[int, int]:
        """The first and the last day of a period, in days since 1970."""
        before = len(self.problems)
        first, last = (self.day(name, value) for name, value in zip(names, (start, end), strict=True))
        if last < first and len(self.problems) == before:
            self.wrong(names[1], f"must not come before `{names[0]}`, {first}; got {last}")
        return day_number(first), day_number(last)

    def period_or_none(self, start: Any, end: Any) -> tuple[int, int] | None:
        """As `period`; None where neither day is given."""
        if start is None and end is None:
            return None
        if start is None or end is None:
            self.wrong("end" if end is None else "start", "`start` and `end` go together: a period has both")
            return None
        return self.period(start, end)

    def whole(self, name: str, value: Any, *, least: int, most: int | None = None, room: int = _MOST) -> int:
        """A whole number; True and 3.0 are none. `room` is a bound that nobody means to reach."""
        top = room if most is None else most
        if _whole(value) and least <= value <= top:
            return int(value)
        said = most is not None or (_whole(value) and value > top)
        bounds = f"from {least} to {top}" if said else f"{least} or more"
        self.wrong(name, f"must be a whole number, {bounds}; got {shown(value)}")
        return least

    def probability(self, name: str, value: Any) -> float:
        """A number between 0 and 1, neither of them: a confidence, a budget of errors, a tolerance."""
        if _finite(value) and 0 < value < 1:
            return float(value)
        self.wrong(name, f"must lie between 0 and 1; got {shown(value)}")
        return 0.5

    def number(self, name: str, value: Any, *, above: float = -inf, least: float = -inf, most: float = inf) -> float:
        """A finite number within bounds; True is none."""
        if _finite(value) and above < value and least <= value <= most:
            return float(value)
        bounds = {f"more than {above:g}": above, f"{least:g} or more": least, f"at most {most:g}": most}
        said = " and ".join(text for text, bound in bounds.items() if _finite(bound))
        self.wrong(name, f"must be a number{', ' if said else ''}{said}; got {shown(value)}")
        return 0.0

    def random(self, name: str, value: Any) -> np.random.Generator:
        """The random numbers of a `random_state`: a whole number from 0, or a numpy Generator."""
        if isinstance(value, np.random.Generator):
            return value
        if _whole(value) and value >= 0:
            return np.random.default_rng(int(value))
        self.wrong(name, f"must be a whole number, 0 or more, or a numpy Generator; got {shown(value)}")
        return np.random.default_rng(0)

    def names(self, name: str, value: Any, *, repeats: bool = False) -> tuple[str, ...]:
        """A name, or a list of them; a text is one name, None is none. Each stands once, or `repeats` are dropped."""
        listed = _listed([] if value is None else [value] if isinstance(value, str) else value)
        if listed is None:
            self.wrong(name, f"must be a name or a list of names; got {kind_of(value)}")
        elif not all(isinstance(one, str) for one in listed):
            self.wrong(name, f"must be a name or a list of names; got {shown(listed)}")
        elif not repeats and len(set(listed)) < len(listed):
            self.wrong(name, f"has a name twice: {', '.join(map(repr, listed))}")
        else:
            return tuple(dict.fromkeys(listed))
        return ()

    def numbers(self, **values: Any) -> list[npt.NDArray[np.float64]]:
        """Arrays of numbers, missing ones NaN, that go with each other by place: of one shape, or one for all."""
        before = len(self.problems)
        found = [self._array(name, value) for name, value in values.items()]
        try:
            np.broadcast_shapes(*(array.shape for array in found))
        except ValueError:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in zip(values, found, strict=True))
            if len(self.problems) == before:
                self.wrong(next(iter(values)), f"must go with the others, one number for each; the shapes are {shapes}")
        return found

    def share(self, **values: Any) -> list[npt.NDArray[np.float64]]:
        """A count and of how many it is: missing or infinite ones are nobody's, weights may add up to a hair more."""
        count, n = found = self.numbers(**values)
        named, of = values
        if not self.problems and ((count < 0) | (count > n * (1 + 1e-9))).any():
            self.wrong(named, f"must be 0 or more and no more than {of}")
        return found

    def _array(self, name: str, value: Any) -> npt.NDArray[np.float64]:
        try:
            raw = np.asarray(value)
            if raw.dtype == object and raw.ndim:
                import pandas as pd  # noqa: PLC0415 - takes long to import

                # One None is no number; among others it is a missing one.
                parts = [np.nan if one is None or one is pd.NA else one for one in raw.flat]
                raw = np.array(parts, object).reshape(raw.shape)
            numbers = raw.dtype == object and all(isinstance(one, (Real, Decimal)) for one in raw.flat)
            if numbers or raw.dtype.kind in "biuf":
                return np.asarray(raw, np.float64)
        except (TypeError, ValueError, OverflowError):  # lists of different lengths, numbers too large
            pass
        self.wrong(name, f"must be a list of numbers, or one; got {shown(value)}")
        return np.zeros(())

    def one_of(self, name: str, value: Any, words: Collection[str]) -> str:
        """One of some words."""
        if isinstance(value, str) and value in words:
            return value
        listed = ", ".join(map(repr, words))
        self.wrong(name, f"must be one of {listed}; got {shown(value)}{nearest(value, words)}")
        return next(iter(words))


def _listed(value: Any) -> list[Any] | None:
    """The parts of a list, tuple, array or Index; a set has no order, and a Series or a table holds values of leads."""
    if isinstance(value, (list, tuple)):
        return list(value)
    import pandas as pd  # noqa: PLC0415 - takes long to import

    other = isinstance(value, (Mapping, bytes, pd.Series)) or getattr(value, "ndim", 1) != 1
    return list(value) if not other and pd.api.types.is_list_like(value, allow_sets=False) else None


def _whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _finite(value: Any) -> bool:
    if _whole(value):
        # Whole numbers of any size are compared as they are.
        return bool(abs(int(value)) <= sys.float_info.max)
    return isinstance(value, (float, np.floating)) and bool(np.isfinite(value))
