"""What conditions imply: that one never holds, that one holds wherever another does.

Where the words alone do not tell, the answer is no: the tests of one column are compared, columns are not.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator
from typing import Any

from leadscore.base.text import normalise
from leadscore.rulebook.conditions import RELATIVE, WRITTEN, Condition, Did, Happening, NumberTest, Occurrence, Test


def whole_numbers(*tests: NumberTest) -> list[int]:
    """Whole numbers from 0 on, of each stretch on which all tests give one answer at least one, rising."""
    edges = [math.floor(edge) for test in tests for edge in test.edges if math.isfinite(edge)]
    return sorted({0, *(number for edge in edges for number in range(edge - 1, edge + 3) if number >= 0)})


def never_holds(condition: Condition, missing: set[str]) -> str:
    """Why a condition cannot hold, as far as its parts tell each by itself; empty if it may."""
    for column, test in condition.tests.items():
        if reason := _never_met(column, test, missing):
            return reason
    if condition.did and not condition.did.test.meets(0) and (reason := never_happens(condition.did, missing)):
        return reason
    for part in condition.all_ or ():
        if reason := never_holds(part, missing):
            return reason
    reasons = [never_holds(part, missing) for part in condition.any_ or ()]
    return reasons[0] if reasons and all(reasons) else ""


def _never_met(column: str, test: Test, missing: set[str]) -> str:
    low, high = _interval(test)
    if low > high:
        dates = any(isinstance(one, dt.date) for one in (test.at_least, test.more_than, *(test.between or ())))
        least, most = (dt.date.fromordinal(int(one)) if dates else f"{one:g}" for one in (low, high))
        return f"no {column} is both at least {least} and at most {most}"
    if (values := _wanted(test)) and values <= missing:
        return f"every value it wants of {column!r} counts as missing; write 'known: false'"
    if test.has_option and _folded(test.has_option) <= missing:
        return f"every option it wants of {column!r} counts as missing"
    if test.in_list is not None and not test.in_list.values:
        return f"the list {test.in_list.name!r} is empty"
    if test.known is False and len(test.model_fields_set) > 1:
        return f"{column!r} would be missing and meet a test too"
    days = [asked for asked in (test.days_ago, test.days_ahead) if asked is not None]
    if len(days) == 2 and not all(asked.meets(0) for asked in days):
        return f"{column!r} is both days ago and days ahead only on its own day, which one of the two refuses"
    if not all(any(map(asked.meets, whole_numbers(asked))) for asked in days):
        return f"no whole number of days meets what it asks of {column!r}"
    return ""


def never_happens(part: Occurrence, missing: set[str]) -> str:
    """Why none of some events or stages can count, as far as their parts tell; empty if one may."""
    if part.where and (reason := never_holds(part.where, missing)):
        return reason
    if not isinstance(part, Happening):
        return ""
    if part.after and (reason := never_happens(part.after, missing)):
        return f"what it comes after never happens: {reason}"
    if part.since_last and covers(part.since_last, part):
        return "'since_last' names the same, so each of them ends what counts on its own day"
    return ""


def covers(wide: Occurrence, narrow: Occurrence) -> bool:
    """Whether all that is of one kind is of another kind too."""
    if not _folded(narrow.event or ()) <= _folded(wide.event or ()):
        return False
    if not _folded(narrow.stage or ()) <= _folded(wide.stage or ()):
        return False
    return wide.where is None or (narrow.where is not None and implies(narrow.where, wide.where))


def implies(narrow: Condition, wide: Condition) -> bool:
    """Whether a lead that meets `narrow` always meets `wide`; below `any` and `not` of `narrow` nothing is compared."""
    parts = list(_together(narrow))
    if wide in parts:
        return True
    return (
        all(
            any(column in part.tests and _test_implies(part.tests[column], test) for part in parts)
            for column, test in wide.tests.items()
        )
        and all(implies(narrow, part) for part in wide.all_ or ())
        and (wide.any_ is None or any(implies(narrow, part) for part in wide.any_))
        and (wide.not_ is None or any(part.not_ == wide.not_ for part in parts))
        and (wide.did is None or any(part.did == wide.did for part in parts))
    )


def _together(condition: Condition) -> Iterator[Condition]:
    """A condition, and those that hold wherever it does."""
    yield condition
    for part in condition.all_ or ():
        yield from _together(part)


def _test_implies(narrow: Test, wide: Test) -> bool:
    (low, high), (least, most) = _interval(narrow), _interval(wide)
    for name, operand in wide.parts():
        given = getattr(narrow, {"is": "is_", "in": "in_"}.get(name, name))
        if name in {"is", "in"}:
            implied = bool(_wanted(narrow)) and _wanted(narrow) <= _folded(_listed(operand))
        elif name in {*WRITTEN, "has_option"}:
            implied = bool(given) and _folded(given) <= _folded(operand)
        elif name == "in_list":
            implied = given == operand or (bool(_wanted(narrow)) and _wanted(narrow) <= operand.texts)
        elif name in RELATIVE:
            implied = given is not None and numbers_imply(given, operand)
        elif name in {"at_least", "at_most", "between"}:
            implied = low >= least and high <= most
        elif name == "known":
            # A missing value meets no other test.
            implied = given is not False if operand else given is False
        else:
            implied = given == operand
        if not implied:
            return False
    return True


def numbers_imply(narrow: NumberTest, wide: NumberTest) -> bool:
    """Whether each whole number from 0 on that meets one test meets another."""
    return all(wide.meets(number) for number in whole_numbers(narrow, wide) if narrow.meets(number))


def _wanted(test: Test) -> set[Any]:
    """The values that `is` or `in` asks for."""
    return _folded(test.in_ or (() if test.is_ is None else (test.is_,)))


def _interval(test: Test) -> tuple[float, float]:
    """The bounds of the numbers that pass a test, taken as inclusive; dates as ordinals."""

    def number(bound: object) -> float:
        return bound.toordinal() if isinstance(bound, dt.date) else float(bound)  # type: ignore[arg-type]

    least, most = test.between or (None, None)
    lows = [number(bound) for bound in (test.at_least, test.more_than, least) if bound is not None]
    highs = [number(bound) for bound in (test.at_most, test.less_than, most) if bound is not None]
    return max(lows, default=-math.inf), min(highs, default=math.inf)


def _listed(operand: Any) -> tuple[Any, ...]:
    return operand if isinstance(operand, tuple) else (operand,)


def _folded(values: Iterable[Any]) -> set[Any]:
    return {normalise(value) if isinstance(value, str) else value for value in values}


def met_by_waiting(condition: Condition, *, wanted: bool = True) -> Iterator[Did]:
    """Each `did` that a lead may come to meet, so that the condition holds, as its events leave the window."""
    did = condition.did
    if did is not None and did.within_days is not None and falls_into(did.test, wanted=wanted):
        yield did
    for part in (*(condition.all_ or ()), *(condition.any_ or ())):
        yield from met_by_waiting(part, wanted=wanted)
    if condition.not_ is not None:
        yield from met_by_waiting(condition.not_, wanted=not wanted)


def falls_into(test: NumberTest, *, wanted: bool = True) -> bool:
    """Whether the answer to a number that falls may turn to what is wanted."""
    answers = [test.meets(number) is wanted for number in whole_numbers(test)]
    return any(lower and not higher for place, lower in enumerate(answers) for higher in answers[place + 1 :])


def holds_of_nothing(condition: Condition) -> bool:
    """Whether a condition holds of a lead that came today and did nothing, if its columns are as they should be."""

    def answer(part: Any) -> int:
        if isinstance(part, Did):
            return 1 if part.test.meets(0) else -1
        return -1 if part.days_ago is not None and not part.days_ago.meets(0) else 1

    return bool(condition.evaluate(answer, min, max) > 0)
