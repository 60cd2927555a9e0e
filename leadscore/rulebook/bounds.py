"""The least and the most that rules can give, computed by interval arithmetic through every limit.

Each rule's range is exact. A sum is exact too where rules do not exclude each other (two values of one column, points
and a deduction for one event); where they do, the true range is narrower. So "cannot be reached" is always true.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from leadscore.base.text import decimal
from leadscore.rulebook.model import BehaviourRule, Contents, FitRule, Limits, thousandths

# Decay that lasts longer than this (270 years) counts as without end.
_LONGEST_DAYS = 100_000


@dataclass(frozen=True)
class Range:
    """The least and the most points, in thousandths; infinite where nothing bounds them."""

    least: float
    most: float

    def __add__(self, other: Range) -> Range:
        return Range(self.least + other.least, self.most + other.most)

    def clip(self, limits: Limits) -> Range:
        """The range within limits."""
        return Range(limits.clip(self.least), limits.clip(self.most))


NOTHING = Range(0, 0)


def rule_range(rule: FitRule | BehaviourRule) -> Range:
    """What one rule can give, after its own limits."""
    if isinstance(rule, BehaviourRule):
        return _earned(rule).clip(rule)
    if rule.when is not None and not isinstance(rule.points, dict):
        values = [0, thousandths(rule.points or 0)]
    else:
        table = rule.from_ or (rule.points if isinstance(rule.points, dict) else {})
        values = [thousandths(points) for points in (*table.values(), rule.other, rule.missing)]
    return Range(min(values), max(values))


def _earned(rule: BehaviourRule) -> Range:
    if rule.from_:
        most = {"once": 1, "daily": rule.within_days or math.inf, "each": math.inf}[rule.count]
        values = [thousandths(points) for least, points in rule.from_.items() if least <= most]
        values += [] if 0 in rule.from_ else [0]
        return Range(min(values), max(values))
    today = rule.worth(0)
    if rule.count == "once" or today == 0:
        whole: float = today
    elif rule.count == "each":
        whole = math.copysign(math.inf, today)
    else:
        whole = _every_day(rule)
    return Range(min(whole, 0), max(whole, 0))


def _every_day(rule: BehaviourRule) -> float:
    """The sum over one event on every day there is."""
    decays = rule.half_life_days or rule.fade_days or (rule.step and rule.step.lose_percent)
    if rule.within_days is None and not decays:
        return math.copysign(math.inf, rule.worth(0))
    total = 0
    for age in range(min(rule.within_days or _LONGEST_DAYS, _LONGEST_DAYS)):
        worth = rule.worth(age)
        if worth == 0:
            return total
        total += worth
    return total if (rule.within_days or math.inf) <= _LONGEST_DAYS else math.copysign(math.inf, total)


def side_range(book: Contents, side: Literal["fit", "behaviour"]) -> Range:
    """What `fit` or `behaviour` can be: rules, then groups, then totals."""
    rules: tuple[FitRule, ...] | tuple[BehaviourRule, ...] = book.fit if side == "fit" else book.behaviour
    groups: dict[str | None, Range] = {}
    for rule in rules:
        groups[rule.group] = groups.get(rule.group, NOTHING) + rule_range(rule)
    total = NOTHING
    for name, group in groups.items():
        total += group.clip(book.limits(name))
    return total.clip(getattr(book.totals, side))


def shown(points: float) -> str:
    """Thousandths as people write points.

    Examples
    --------
    >>> shown(12_500), shown(float("inf"))
    ('12.5', 'without limit')
    """
    return "without limit" if math.isinf(points) else decimal(float(points) / 1000)
