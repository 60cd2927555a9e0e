"""The arguments of public functions: each kind is checked in one way, and all problems of a call are said at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from math import inf
from typing import Any, Self

import numpy as np

from leadscore.base.days import as_day, day_number
from leadscore.errors import ArgumentError, Problem, nearest

_NO_DAY = dt.date(1970, 1, 1)


class Arguments:
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

    def __init__(self, call: str) -> None:
        self.call = call
        self.problems: list[Problem] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self.problems:
            raise ArgumentError(self.call, self.problems)

    def wrong(self, name: str, message: str) -> None:
        """Say what is wrong with an argument, where no check below fits."""
        self.problems.append(Problem(name, message))

    def types(self, **values: tuple[Any, type]) -> None:
        """Whether the first arguments of a call, in their order, are of their classes: `tables=(tables, Tables)`."""
        order = f"the order is {self.call}({', '.join(values)}, ...)"
        for name, (value, wanted) in values.items():
            if not isinstance(value, wanted):
                swapped = any(isinstance(value, other) for _, other in values.values())
                cure = f"; {order}" if swapped else ""
                self.wrong(name, f"must be {_a(wanted.__name__)}; got {_a(type(value).__name__)}{cure}")

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

    def whole(self, name: str, value: Any, *, least: int, most: int | None = None) -> int:
        """A whole number; True and 3.0 are none."""
        if _whole(value) and least <= value and (most is None or value <= most):
            return int(value)
        bounds = f"{least} or more" if most is None else f"from {least} to {most}"
        self.wrong(name, f"must be a whole number, {bounds}; got {value!r}")
        return least

    def probability(self, name: str, value: Any) -> float:
        """A number between 0 and 1, neither of them: a confidence, a budget of errors, a tolerance."""
        if _finite(value) and 0 < value < 1:
            return float(value)
        self.wrong(name, f"must lie between 0 and 1; got {value!r}")
        return 0.5

    def number(self, name: str, value: Any, *, above: float = -inf, least: float = -inf, most: float = inf) -> float:
        """A finite number within bounds; True is none."""
        if _finite(value) and above < value and least <= value <= most:
            return float(value)
        bounds = {f"more than {above:g}": above, f"{least:g} or more": least, f"at most {most:g}": most}
        said = " and ".join(text for text, bound in bounds.items() if _finite(bound))
        self.wrong(name, f"must be a number{', ' if said else ''}{said}; got {value!r}")
        return 0.0

    def random(self, name: str, value: Any) -> np.random.Generator:
        """The random numbers of a `random_state`: a whole number from 0, or a numpy Generator."""
        if isinstance(value, np.random.Generator):
            return value
        if _whole(value) and value >= 0:
            return np.random.default_rng(int(value))
        self.wrong(name, f"must be a whole number, 0 or more, or a numpy Generator; got {value!r}")
        return np.random.default_rng(0)

    def names(self, name: str, value: Any) -> tuple[str, ...]:
        """A name, or a list of them, each once; a text is one name, None is none."""
        listed = [] if value is None else [value] if isinstance(value, str) else value
        if isinstance(listed, (list, tuple)) and all(isinstance(one, str) for one in listed):
            if len(set(listed)) == len(listed):
                return tuple(listed)
            self.wrong(name, f"has a name twice: {', '.join(map(repr, listed))}")
        else:
            shown = f"got {value!r}" if isinstance(value, (list, tuple)) else f"got {_a(type(value).__name__)}"
            self.wrong(name, f"must be a name or a list of names; {shown}")
        return ()

    def one_of(self, name: str, value: Any, words: Collection[str]) -> str:
        """One of some words."""
        if isinstance(value, str) and value in words:
            return value
        listed = ", ".join(map(repr, words))
        self.wrong(name, f"must be one of {listed}; got {value!r}{nearest(value, words)}")
        return next(iter(words))


def _whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and bool(np.isfinite(value))


def _a(name: str) -> str:
    return name if name.endswith("s") else f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"
