"""Whole numbers in SQL: sums, limits, steps and the three values of conditions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from leadscore.rulebook.lookups import Holds
from leadscore.rulebook.model import Limits, thousandths

# Numbers beyond these are none that can be counted.
_MOST = 2**62


class Sign(str):
    """An expression of 1, 0 or -1, which a condition can turn round."""

    __slots__ = ()

    def __neg__(self) -> Sign:
        return Sign(f"(0 - {self})")


def least(parts: Sequence[str]) -> Sign:
    """The least of several."""
    return Sign(parts[0] if len(parts) == 1 else f"LEAST({', '.join(parts)})")


def greatest(parts: Sequence[str]) -> Sign:
    """The largest of several."""
    return Sign(parts[0] if len(parts) == 1 else f"GREATEST({', '.join(parts)})")


def held(holds: Holds, answer: Callable[[Any], str]) -> str:
    """Where a condition holds, by what answers for its parts."""
    return f"{holds.evaluate(lambda asked: Sign(answer(asked)), least, greatest)} > 0"


def added(parts: Sequence[str], whole: str) -> str:
    """A sum, as wide as it may become."""
    return f"({' + '.join([f'CAST(0 AS {whole})', *parts])})"


def clipped(value: str, limits: Limits) -> str:
    """A number of thousandths within limits."""
    if limits.at_least is not None:
        value = f"GREATEST({value}, {thousandths(limits.at_least)})"
    return value if limits.at_most is None else f"LEAST({value}, {thousandths(limits.at_most)})"


def first_of(conditions: Sequence[str], values: Sequence[Any], other: Any) -> str:
    """The value of the first condition that holds."""
    if not conditions:
        return str(other)
    whens = (f"WHEN {condition} THEN {value}" for condition, value in zip(conditions, values, strict=True))
    return f"(CASE {' '.join(whens)} ELSE {other} END)"


def starts(edges: Iterable[float], unit: int = 1) -> set[int]:
    """The whole numbers of so small a part of one at which the answer to a test with these edges can change."""
    found = set()
    for edge in edges:
        if abs(edge) >= _MOST / unit:
            found.add(int(math.copysign(_MOST, edge)))
            continue
        number = math.floor(edge * unit) - 2
        while number / unit < edge:
            number += 1
        found.add(number)
        while number / unit <= edge:
            number += 1
        found.add(number)
    return found


def stepped(number: str, changes: Iterable[int], value: Callable[[int], Any]) -> str:
    """What a whole number gives, which changes at some of these alone."""
    begins = sorted(set(changes))
    if not begins:
        return str(value(0))
    values = [value(one) for one in (begins[0] - 1, *begins)]
    if len(set(values)) == 1:
        return str(values[0])
    whens = [
        f"WHEN {number} < {begin} THEN {before}"
        for begin, before, after in zip(begins, values, values[1:], strict=False)
        if before != after
    ]
    return f"(CASE {' '.join(whens)} ELSE {values[-1]} END)"
