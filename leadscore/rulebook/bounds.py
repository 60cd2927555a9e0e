"""The least and the most that rules can give, computed by interval arithmetic through every limit.

Each rule's range is exact, or wider where values of `per` and `once_per` mix days, weeks and months. A sum is exact too
where rules do not exclude each other (two values of one column, points and a deduction for one event); where they do,
the true range is narrower. So "cannot be reached" is always true.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from leadscore.base.text import decimal, normalise
from leadscore.rulebook.implied import never_holds
from leadscore.rulebook.kinds import OF_TIME, lead_kinds
from leadscore.rulebook.model import BehaviourRule, Contents, FitRule, Limits, thousandths

# Days in the past from which on (270 years) they count as without end.
_LONGEST_DAYS = 100_000
# How many days after its first the next week and the next month begin, at the least; the most days they have.
_SHORTEST, _LENGTH = {"week": 7, "month": 28}, {"day": 1, "week": 7, "month": 31}


@dataclass(frozen=True)
class Range:
    """The least and the most points, in thousandths; infinite where nothing bounds them."""

    least: float
    most: float

    def __add__(self, other: Range) -> Range:
        return Range(self.least + other.least, self.most + other.most)

    def __or__(self, other: Range) -> Range:
        return Range(min(self.least, other.least), max(self.most, other.most))

    def clip(self, limits: Limits) -> Range:
        """The range within limits."""
        return Range(limits.clip(self.least), limits.clip(self.most))

    def up_to(self, points: float | None) -> Range:
        """The range cut at points; whole without."""
        cap = math.inf if points is None else thousandths(points)
        return Range(min(self.least, cap), min(self.most, cap))


NOTHING = Range(0, 0)


def rule_range(book: Contents, rule: FitRule | BehaviourRule) -> Range:
    """What one rule can give, after its own limits; on days and for leads it is not for, that is nothing."""
    if rule.cases:
        # The case that decides may be any that can hold at all.
        missing = missing_texts(book)
        possible = [case for case in rule.cases if not (case.when and never_holds(case.when, missing))]
        reach = _hull([thousandths(points) for points in (*(case.points for case in possible), rule.other)])
    elif isinstance(rule, FitRule):
        reach = _looked_up(book, rule)
    elif not rule.event:
        reach = _hull([thousandths(rule.points or 0)])
    else:
        reach = _earned([rule], book.per(rule))
    if isinstance(rule, BehaviourRule):
        reach = reach.clip(rule)
    of_some = isinstance(rule, BehaviourRule) and rule.when
    return reach | NOTHING if of_some or rule.active_from or rule.active_until else reach


def missing_texts(book: Contents) -> set[str]:
    """The texts that count as missing, as they are compared."""
    return {normalise(value) for value in book.missing_values} | {""}


def _hull(values: Sequence[float]) -> Range:
    return Range(min(values), max(values))


def _looked_up(book: Contents, rule: FitRule) -> Range:
    if rule.column is None:
        points = rule.points if isinstance(rule.points, int | float) else 0
        return _hull([0, thousandths(points)])
    table = rule.from_ or (rule.points if isinstance(rule.points, dict) else {})
    values = [thousandths(points) for points in (*table.values(), rule.other, rule.missing)]
    if not rule.from_ and book.leadscore > 1 and lead_kinds(book)[rule.column].startswith("options"):
        # A lead may have all options of one sign at once.
        entries = [thousandths(points) for points in table.values()]
        signs = ([points for points in entries if points > 0], [points for points in entries if points < 0])
        values += [sum(those) for those in signs if those]
    return _hull(values)


def _earned(rules: Sequence[BehaviourRule], per: tuple[str, ...], each_at_most: float | None = None) -> Range:
    """What rules give together, for all values of `per` or, without, as they are; `each_at_most` is their group's."""
    if not per:
        return _of_value(rules[0], per, 0)
    ages = distinct_ages(per, max(map(_days, rules)))
    if ages is None or len(ages) > _LONGEST_DAYS:
        one = _of_each(rules, per, 0, each_at_most)
        return Range(-math.inf if one.least < 0 else 0, math.inf if one.most > 0 else 0)
    total = NOTHING
    for age in ages:
        total += _of_each(rules, per, age, each_at_most) | NOTHING
    return total


def _of_each(rules: Sequence[BehaviourRule], per: tuple[str, ...], age: int, each_at_most: float | None) -> Range:
    """What rules give together for one value of `per`, whose most recent event is so old."""
    total = NOTHING
    for rule in rules:
        # The value may be one of another rule's events.
        total += _of_value(rule, per, age) | NOTHING
    return total.up_to(each_at_most)


def _of_value(rule: BehaviourRule, per: tuple[str, ...], youngest: int) -> Range:
    """What a rule gives for events of one value of `per`, the most recent of them so old; or, without, for all."""
    left = min(_days(rule) - youngest, _length(per))
    if left <= 0:
        return NOTHING
    if rule.sum and rule.points is not None:
        reach = Range(-math.inf, math.inf) if rule.points else NOTHING
        return reach.up_to(rule.each_at_most)
    if rule.from_:
        most = math.inf if rule.sum else most_counted(rule.distinct, left, per)
        entries = [thousandths(points) for key, points in rule.from_.items() if key <= most]
        nothing = [] if 0 in rule.from_ and not rule.sum else [0]
        return _hull([*entries, *nothing]).up_to(rule.each_at_most)
    ages = None if rule.distinct is None else distinct_ages(_apart(rule.distinct, per), left)
    whole: float = rule.worth(youngest)
    if whole and (ages is None or len(ages) > _LONGEST_DAYS):
        whole = math.copysign(math.inf, whole)
    elif whole and ages is not None:
        whole = sum(rule.worth(youngest + age) for age in ages) if rule.fades else whole * len(ages)
    return Range(min(whole, 0), max(whole, 0)).up_to(rule.each_at_most)


def _days(rule: BehaviourRule) -> float:
    """How many days, from the day scored on back, hold events that give something."""
    window = rule.within_days or math.inf
    if not rule.fades or (rule.step and not rule.step.lose_percent):
        return window
    longest = min(window, _LONGEST_DAYS)
    # Older events are worth no more than younger ones.
    days = bisect_left(range(int(longest)), 1, key=lambda age: rule.worth(age) == 0)
    return window if days == _LONGEST_DAYS else days


def most_counted(distinct: tuple[str, ...] | None, days: float, per: tuple[str, ...] = ()) -> float:
    """How many events, days or values can count within so many days, for one value of `per`."""
    ages = None if distinct is None else distinct_ages(_apart(distinct, per), min(days, _length(per)))
    return math.inf if ages is None else len(ages)


def _length(per: tuple[str, ...]) -> float:
    """How many days one value of `per` may lie apart."""
    return min((_LENGTH[key] for key in per if key in _LENGTH), default=math.inf)


def _apart(distinct: tuple[str, ...], per: tuple[str, ...]) -> tuple[str, ...]:
    """In what events of one value of `per` may still differ."""
    return tuple(key for key in distinct if key not in per)


def distinct_ages(keys: tuple[str, ...], days: float) -> Sequence[int] | None:
    """How old the most recent event of each value is, if days within a window hold as many values as they can.

    None where nothing bounds how many there are.

    Examples
    --------
    >>> distinct_ages((), 30), list(distinct_ages(("week",), 17)), distinct_ages(("asset",), 30)
    ((0,), [0, 1, 8, 15], None)
    """
    if not keys:
        return (0,)
    if math.isinf(days) or not set(keys) <= set(OF_TIME):
        return None
    # A week may have begun today; weeks and months together part at both.
    step = _SHORTEST.get(keys[0], 1) if len(keys) == 1 else 1
    return (0, *range(1, int(days), step)) if step > 1 else range(int(days))


def side_range(book: Contents, side: Literal["fit", "behaviour"]) -> Range:
    """What `fit` or `behaviour` can be: rules, then groups, then totals."""
    rules: tuple[FitRule, ...] | tuple[BehaviourRule, ...] = book.fit if side == "fit" else book.behaviour
    groups: dict[str | None, list[FitRule | BehaviourRule]] = {}
    for rule in rules:
        groups.setdefault(rule.group, []).append(rule)
    total = NOTHING
    for name, members in groups.items():
        limits = book.limits(name)
        reach = NOTHING
        if limits.per:
            earning = [rule for rule in members if isinstance(rule, BehaviourRule)]
            reach = _earned(earning, limits.per, limits.each_at_most)
        else:
            for rule in members:
                reach += rule_range(book, rule)
        total += reach.clip(limits)
    return total.clip(getattr(book.totals, side))


def shown(points: float) -> str:
    """Thousandths as people write points.

    Examples
    --------
    >>> shown(12_500), shown(float("inf"))
    ('12.5', 'without limit')
    """
    return "without limit" if math.isinf(points) else decimal(float(points) / 1000)
