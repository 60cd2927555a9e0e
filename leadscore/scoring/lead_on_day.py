"""One lead on a day: what its columns answer, what it did that counts, and what rules make of that."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from leadscore.rulebook.conditions import AT_LEAST_ONCE
from leadscore.rulebook.lookups import Ago, Answer, Place
from leadscore.rulebook.model import BehaviourRule, thousandths
from leadscore.rulebook.plan import ALWAYS, Earning, EventPlan, FitPlan, Plan

_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
Rows = dict[str, list[int]]
# An event: how many days ago, then the values that are told apart, and last what is added up in thousandths.
Event = tuple[Any, ...]
# By happening: events; ages alone where neither values are told apart nor a column is added up.
Found = dict[int, list[Any]]


class OneLead:
    """One lead on a day: what its columns answer, and what it did that counts."""

    def __init__(self, plan: Plan, rows: Rows, ago: Rows, found: Found, day: int) -> None:
        self.plan, self.rows, self.ago, self.found, self.day = plan, rows, ago, found, day
        self._counting: dict[int, list[Event]] = {}

    def events(self, happening: int) -> list[Event]:
        """The events that count: in the window, after what they must follow, since the last of a reset."""
        if happening not in self._counting:
            plan, events = self.plan.happenings[happening], self.found.get(happening, [])
            if not (plan.columns or plan.sum):
                events = [(age,) for age in events]
            for reset in plan.resets:
                last = min((event[0] for event in self.events(reset)), default=ALWAYS)
                events = [event for event in events if event[0] < last]
            if plan.after is not None:
                others = [event[0] for event in self.events(plan.after)]
                events = [one for one in events if any(0 <= age - one[0] < plan.after_within for age in others)]
            self._counting[happening] = events
        return self._counting[happening]

    def did(self, happening: int) -> bool:
        """Whether there is such an event that counts."""
        return happening in self.found and bool(self.events(happening))

    def answer(self, asked: Answer) -> int:
        """What it answers to a part of a condition."""
        if isinstance(asked, Ago):
            return self.ago[asked.column][asked.index]
        if isinstance(asked, Place):
            return self.rows[asked.column][asked.index]
        plan = self.plan.happenings[asked]
        number = self.number(plan, self.events(asked))
        return 1 if plan.part.test.meets(number if plan.sum is None else number / 1000) else -1  # type: ignore[attr-defined] # it is a Did

    def number(self, plan: EventPlan, events: list[Event]) -> int:
        """How many there are of what counts by itself; or the sum of a column, in thousandths."""
        if plan.sum is not None:
            return sum(event[-1] for event in events)
        if plan.distinct is None:
            return len(events)
        return len({self.key(plan, event, plan.distinct) for event in events})

    def key(self, plan: EventPlan, event: Event, names: tuple[str, ...]) -> tuple[Any, ...]:
        """The values by which an event is told from others."""
        return tuple(self._of(plan, event, name) for name in names)

    def _of(self, plan: EventPlan, event: Event, name: str) -> Any:
        if name in plan.columns:
            return event[1 + plan.columns.index(name)]
        day = self.day - event[0]
        if name == "day":
            return day
        if name == "week":
            return (day + 3) // 7
        date = dt.date.fromordinal(day + _EPOCH_ORDINAL)
        return date.year, date.month


def fit_points(plan: FitPlan, one: OneLead) -> int:
    """The points of a fit rule that asks more than one column, or is not always active."""
    first, last = plan.rule.active
    if not first <= one.day <= last:
        return 0
    if plan.place is not None:
        return one.rows[plan.place.column][plan.place.index]
    for holds, points in plan.ways:
        if holds.true_of(one):
            return points
    return plan.other


def case_points(earning: Earning, plan: EventPlan, events: list[Event], one: OneLead) -> int:
    """The points of the first case that holds."""
    for holds, case in earning.cases:
        if holds is not None and not holds.true_of(one):
            continue
        if case.times or case.within_days:
            within = [event for event in events if event[0] < (case.within_days or ALWAYS)]
            if not (case.times or AT_LEAST_ONCE).meets(one.number(plan, within)):
                continue
        return thousandths(case.points)
    return thousandths(earning.rule.other)


def points_of(
    rule: BehaviourRule, plan: EventPlan, events: list[Event], one: OneLead, worth: Callable[[int], int]
) -> int:
    """What a rule gives for events, before its limits."""
    if plan.sum is not None:
        total = sum(event[-1] for event in events)
        if rule.from_ is not None:
            return rule.reached(total / 1000)
        whole, rest = divmod(total * thousandths(rule.points or 0), 1000)
        return whole + (rest > _HALF or (rest == _HALF and whole % 2 == 1))
    if plan.distinct in {None, ("day",), ()}:
        return points_at(rule, [event[0] for event in events], worth)
    latest: dict[Any, int] = {}
    for event in events:
        key = one.key(plan, event, plan.distinct or ())
        latest[key] = min(latest.get(key, event[0]), event[0])
    return rule.reached(len(latest)) if rule.from_ is not None else sum(map(worth, latest.values()))


def points_at(rule: BehaviourRule, ages: list[int], worth: Callable[[int], int]) -> int:
    """What a rule that counts events, days or the latest gives for events of some ages, before its limits."""
    if rule.distinct == ("day",):
        ages = list(set(ages))
    elif rule.distinct == () and ages:
        ages = [min(ages)]
    return rule.reached(len(ages)) if rule.from_ is not None else sum(map(worth, ages))


# Of a thousandth.
_HALF = 500


def at_most(value: int, most: float | None) -> int:
    """Points, in thousandths, within a limit."""
    return value if most is None else min(value, thousandths(most))
