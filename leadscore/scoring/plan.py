"""A rulebook's meaning resolved to look-ups: what each value of a column gives, which rules a kind of event feeds.

Both engines run on a plan. The batch engine looks each distinct value up once and gathers; `score_one` looks up the
values of one lead. They call the same functions, so they cannot differ.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from leadscore.base.days import day_number
from leadscore.base.text import as_text, normalise, worded
from leadscore.rulebook import Rulebook
from leadscore.rulebook.conditions import Condition, Test
from leadscore.rulebook.kinds import Kind, event_kinds, lead_kinds
from leadscore.rulebook.model import (
    BehaviourRule,
    FitRule,
    Happening,
    Never,
    thousandths,
)

# A value that is not missing is looked up together with the phrases of the rulebook that occur in it.
Found = frozenset[str] | set[str]
Look = Callable[[Any, Found], int]
Met = Callable[[Any, Found], bool]

_NO_PHRASES: Found = frozenset()


@dataclass
class ColumnPlan:
    """Everything the rulebook asks of one column.

    Attributes
    ----------
    kind : str
        text, number, boolean, date or any.
    looks : list of functions
        What a value gives, each a whole number: points in thousandths, or 1, 0, -1 for a test that holds, is unknown,
        does not hold.
    on_missing : list of int
        The same for a missing value.
    edges : set of float
        For numbers and dates: where an answer can change.
    phrases : dict of word to the phrases that begin with it
        For text: what `has_word` looks for, so that a value's words are gone through once for all rules.
    """

    kind: Kind
    looks: list[Look] = field(default_factory=list)
    on_missing: list[int] = field(default_factory=list)
    edges: set[float] = field(default_factory=set)
    phrases: dict[str, list[str]] = field(default_factory=dict)

    def add(self, look: Look, on_missing: int) -> int:
        """Note one more look-up; gives its place."""
        self.looks.append(look)
        self.on_missing.append(on_missing)
        return len(self.looks) - 1

    def row(self, value: Any) -> list[int]:
        """All look-ups of one value, which is not missing: normalised text, a number, a boolean, a day since 1970."""
        found = self._found(value) if self.phrases else _NO_PHRASES
        return [look(value, found) for look in self.looks]

    def _found(self, text: str) -> Found:
        """The phrases that occur in a text as whole words."""
        words = worded(text)
        found = set()
        for word in words.split():
            for phrase in self.phrases.get(word, ()):
                if phrase in words:
                    found.add(phrase)
        return found


@dataclass(frozen=True)
class Place:
    """Where a look-up stands: its column and its position there."""

    column: str
    index: int


@dataclass(frozen=True)
class Holds:
    """A condition, each of its tests a place to look at; or one place that answers for all of it."""

    condition: Condition | None
    tests: Mapping[int, Place]
    whole: Place | None = None

    def evaluate(self, get: Callable[[Place], Any], every: Callable[..., Any], some: Callable[..., Any]) -> Any:
        """1 where it holds, 0 where it is unknown, -1 where it does not hold; `get` gives a look-up's answers."""
        if self.whole is not None:
            return get(self.whole)
        assert self.condition is not None
        return self.condition.evaluate(lambda _, test: get(self.tests[id(test)]), every, some)


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
            (entry.name, self._awaited(entry) if entry.when is None else self._holds(entry.when, self.leads))
            for entry in rulebook.qualify.never
        ]
        raised = rulebook.qualify.hand_raise
        self.hand_raise = None if raised is None else self._awaited(raised)
        self.segments = [
            (segment.name, self._holds(segment.when, self.leads), thousandths(segment.threshold))
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
        points, alone = thousandths(rule.points), _alone(rule.when, self.leads)  # type: ignore[arg-type]
        if alone is None:
            return FitPlan(rule, None, self._holds(rule.when, self.leads), points)
        column, met, on_missing = alone
        look: Look = lambda value, found: points if met(value, found) else 0  # noqa: E731 - annotated
        index = self.leads[column].add(look, points if on_missing > 0 else 0)
        return FitPlan(rule, Place(column, index), None, 0)

    def _awaited(self, part: Happening | Never) -> int:
        """Note one more happening; gives its position."""
        condition = Condition.model_validate({"event": {"in": list(part.event or ())}})
        if part.where is not None:
            condition = Condition.model_construct(_fields_set={"all_"}, all_=(condition, part.where))
        self.happenings.append(EventPlan(part, self._holds(condition, self.events)))
        return len(self.happenings) - 1

    def _holds(self, condition: Condition, columns: dict[str, ColumnPlan]) -> Holds:
        alone = _alone(condition, columns)
        if alone is not None:
            return Holds(None, {}, _answer(columns, *alone))
        tests = condition.columns()
        return Holds(condition, {id(test): _answer(columns, name, *_test(columns[name], test)) for name, test in tests})


def _answer(columns: dict[str, ColumnPlan], name: str, met: Met, on_missing: int) -> Place:
    """A test as a look-up that answers 1 or -1."""
    return Place(name, columns[name].add(lambda value, found: 1 if met(value, found) else -1, on_missing))


@lru_cache(maxsize=64)
def compiled(rulebook: Rulebook) -> Plan:
    """The plan of a rulebook, made once."""
    return Plan(rulebook)


def cells(edges: list[float]) -> list[float]:
    """One number for each of the 2 k + 1 cells that k edges cut: below the first, on it, just above it, and so on.

    Where the next number is an edge itself the cell between them is empty, and what stands for it does not matter.
    """
    values = [-math.inf]
    for edge in edges:
        values += [edge, math.nextafter(edge, math.inf)]
    return values


def _alone(condition: Condition, columns: dict[str, ColumnPlan]) -> tuple[str, Met, int] | None:
    """A condition on one column as one test: the column, what a value answers, what a missing one does."""
    tests = list(condition.columns())
    name = tests[0][0]
    if any(other != name for other, _ in tests):
        return None
    met = {id(test): _test(columns[name], test) for _, test in tests}
    if len(tests) == 1 and condition.tests:
        return name, *met[id(tests[0][1])]

    def look(value: Any, found: Found) -> bool:
        return bool(condition.evaluate(lambda _, test: 1 if met[id(test)][0](value, found) else -1, min, max) > 0)

    return name, look, condition.evaluate(lambda _, test: met[id(test)][1], min, max)


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
    table = {_operand(plan.kind, key): thousandths(value) for key, value in rule.points.items()}
    return lambda value, _: table.get(value, other)


def _operand(kind: Kind, value: Any) -> Any:
    """An operand as the values of such a column are written."""
    if kind == "text":
        return normalise(as_text(value))
    if kind == "date":
        return day_number(value)
    return value


def _test(plan: ColumnPlan, test: Test) -> tuple[Met, int]:
    """A test as (what a value answers, what a missing one does: 1, 0 for unknown, or -1)."""
    parts: list[Met] = []
    known = test.known
    for name, operand in test.parts():
        if name == "known":
            continue
        several = isinstance(operand, tuple)
        operands = tuple(_operand(plan.kind, one) for one in operand) if several else _operand(plan.kind, operand)
        if plan.kind in {"number", "date"}:
            plan.edges.update(float(one) for one in (operands if several else (operands,)))
        if name == "has_word":
            parts.append(_words(plan, operands))
        else:
            parts.append(_OPERATORS[name](operands))
    # Missing never meets a test: a blank industry must not earn the points of "not in".
    on_missing = min([0] * bool(parts) + ([] if known is None else [-1 if known else 1]))
    if known is False:
        return (lambda _value, _found: False), on_missing
    if len(parts) == 1:
        return parts[0], on_missing
    return (lambda value, found: all(part(value, found) for part in parts)), on_missing


def _words(plan: ColumnPlan, operands: tuple[str, ...]) -> Met:
    phrases = frozenset(worded(operand) for operand in operands)
    for phrase in phrases:
        listed = plan.phrases.setdefault(phrase.split()[0], [])
        if phrase not in listed:
            listed.append(phrase)
    return lambda _, found: not phrases.isdisjoint(found)


_OPERATORS: dict[str, Callable[[Any], Met]] = {
    "is": lambda operand: lambda value, _: bool(value == operand),
    "is_not": lambda operand: lambda value, _: bool(value != operand),
    "in": lambda operands: partial(_among, frozenset(operands), True),
    "not_in": lambda operands: partial(_among, frozenset(operands), False),
    "contains": lambda operands: lambda value, _: any(part in value for part in operands),
    "starts_with": lambda operands: lambda value, _: value.startswith(operands),
    "ends_with": lambda operands: lambda value, _: value.endswith(operands),
    "at_least": lambda bound: lambda value, _: bool(value >= bound),
    "more_than": lambda bound: lambda value, _: bool(value > bound),
    "at_most": lambda bound: lambda value, _: bool(value <= bound),
    "less_than": lambda bound: lambda value, _: bool(value < bound),
    "between": lambda bounds: lambda value, _: bool(bounds[0] <= value <= bounds[1]),
}


def _among(values: frozenset[Any], wanted: bool, value: Any, _: Found) -> bool:  # noqa: FBT001
    return (value in values) is wanted


def reached(rule: BehaviourRule, count: int) -> int:
    """What a rule with `from` gives for a count of events or days, in thousandths."""
    assert rule.from_ is not None
    keys = [key for key in rule.from_ if key <= count]
    return thousandths(rule.from_[max(keys)]) if keys else 0


def _below(last: str | int) -> str:
    """The grade below the last: C -> D, 3 -> 4."""
    return str(last + 1) if isinstance(last, int) else chr(ord(last) + 1)
