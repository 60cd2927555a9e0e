"""A rulebook's meaning resolved to look-ups: what each value of a column gives, which rules a kind of event feeds.

Both engines run on a plan. The batch engine looks each distinct value up once and gathers; `score_one` looks up the
values of one lead. They call the same functions, so they cannot differ.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

from leadscore.rulebook import Rulebook
from leadscore.rulebook.conditions import Condition
from leadscore.rulebook.kinds import event_kinds, lead_kinds
from leadscore.rulebook.lookups import ColumnPlan, Holds, Look, Place, alone_on, holds_in, operand_of
from leadscore.rulebook.model import (
    BehaviourRule,
    FitRule,
    Happening,
    Never,
    thousandths,
)


@dataclass(frozen=True)
class FitPlan:
    """A fit rule: a place that gives its points, or points where a condition over several columns holds."""

    rule: FitRule
    place: Place | None
    holds: Holds | None
    points: int


@dataclass(frozen=True)
class EventPlan:
    """Events that a rule, a `never` or the hand-raise waits for."""

    part: Happening | Never
    holds: Holds


class Plan:
    """A rulebook compiled once; it depends on nothing but the rulebook.

    Attributes
    ----------
    leads, events : dict of column name to ColumnPlan
    fit : list of FitPlan, in the order of the file
    happenings : list of EventPlan
        The behaviour rules in their order, then `never` entries with an event, then the hand-raise.
    never : list of (name, Holds or position in `happenings`)
    segments : list of (name, Holds, threshold in thousandths)
    grades : list of (side, the least points of each grade, the grades and one more below them)
        The best grade comes first, and points are negative, so that they rise.
    """

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self.leads = {name: ColumnPlan(kind) for name, kind in lead_kinds(rulebook).items()}
        self.events = {"event": ColumnPlan("text")}
        self.events |= {name: ColumnPlan(kind) for name, kind in event_kinds(rulebook).items() if name != "event"}
        self.fit = [self._fit(rule) for rule in rulebook.fit]
        self.happenings: list[EventPlan] = []
        for earning in rulebook.behaviour:
            self._awaited(earning)
        self.never: list[tuple[str, Holds | int]] = [
            (entry.name, self._awaited(entry) if entry.when is None else holds_in(self.leads, entry.when))
            for entry in rulebook.qualify.never
        ]
        raised = rulebook.qualify.hand_raise
        self.hand_raise = None if raised is None else self._awaited(raised)
        self.segments = [
            (segment.name, holds_in(self.leads, segment.when), thousandths(segment.threshold))
            for segment in rulebook.qualify.segments
        ]
        self.grades: list[tuple[str, list[int], list[str]]] = []
        for side in ("fit", "behaviour"):
            if least := getattr(rulebook.grades, side, None):
                names = [*map(str, least), _below([*least][-1])]
                self.grades.append((side, [-thousandths(points) for points in least.values()], names))
        self.names = [rule.name for _, _, rule in rulebook.rules()]

    def limited(self, group: str | None) -> str | None:
        """The group whose limits a rule shares; a group without limits is only a name."""
        return group if group in self.rulebook.groups else None

    def _fit(self, rule: FitRule) -> FitPlan:
        if rule.column is not None:
            plan = self.leads[rule.column]
            return FitPlan(rule, Place(rule.column, plan.add(_table(rule, plan), thousandths(rule.missing))), None, 0)
        assert rule.when is not None
        points, alone = thousandths(rule.points), alone_on(rule.when, self.leads)  # type: ignore[arg-type]
        if alone is None:
            return FitPlan(rule, None, holds_in(self.leads, rule.when), points)
        column, met, on_missing = alone
        look: Look = lambda value, found: points if met(value, found) else 0  # noqa: E731 - annotated
        index = self.leads[column].add(look, points if on_missing > 0 else 0)
        return FitPlan(rule, Place(column, index), None, 0)

    def _awaited(self, part: Happening | Never) -> int:
        """Note one more happening; gives its position."""
        condition = Condition.model_validate({"event": {"in": list(part.event or ())}})
        if part.where is not None:
            condition = Condition.model_construct(_fields_set={"all_"}, all_=(condition, part.where))
        self.happenings.append(EventPlan(part, holds_in(self.events, condition)))
        return len(self.happenings) - 1


@lru_cache(maxsize=64)
def compiled(rulebook: Rulebook) -> Plan:
    """The plan of a rulebook, made once."""
    return Plan(rulebook)


def _table(rule: FitRule, plan: ColumnPlan) -> Look:
    """What a value of a fit rule's column gives, in thousandths."""
    other = thousandths(rule.other)
    if rule.from_ is not None:
        edges = sorted(rule.from_)
        points = [other, *(thousandths(rule.from_[edge]) for edge in edges)]
        plan.edges.update(map(float, edges))
        return lambda value, _: points[bisect_right(edges, value)]
    assert isinstance(rule.points, dict)
    if plan.kind == "number":
        plan.edges.update(map(float, rule.points))
    table = {operand_of(plan.kind, key): thousandths(value) for key, value in rule.points.items()}
    return lambda value, _: table.get(value, other)


def reached(rule: BehaviourRule, count: int) -> int:
    """What a rule with `from` gives for a count of events or days, in thousandths."""
    assert rule.from_ is not None
    keys = [key for key in rule.from_ if key <= count]
    return thousandths(rule.from_[max(keys)]) if keys else 0


def _below(last: str | int) -> str:
    """The grade below the last: C -> D, 3 -> 4."""
    return str(last + 1) if isinstance(last, int) else chr(ord(last) + 1)
