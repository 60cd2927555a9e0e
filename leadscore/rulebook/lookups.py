"""Conditions as look-ups: what each value of a column answers, found once for all who ask."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import Any, NamedTuple, Protocol

from leadscore.base.days import day_number
from leadscore.base.text import as_text, normalise, worded
from leadscore.rulebook.conditions import RELATIVE, Condition, Did, NumberTest, Test
from leadscore.rulebook.kinds import Kind

# A value that is not missing is looked up together with the phrases of the rulebook that occur in it.
Found = frozenset[str] | set[str]
Look = Callable[[Any, Found], int]
Met = Callable[[Any, Found], bool]

_NO_PHRASES: Found = frozenset()
_PIECES: dict[str, Callable[[str, str], bool]] = {
    "contains": str.__contains__,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
}


@dataclass
class ColumnPlan:
    """Everything the rulebook asks of one column.

    Attributes
    ----------
    kind : str
        text, number, boolean, date, any, or options with what they are cut at.
    looks : list of functions
        What a value gives, each a whole number: points in thousandths, or 1, 0, -1 for a test that holds, is unknown,
        does not hold.
    on_missing : list of int
        The same for a missing value.
    edges : set of float
        For numbers and dates: where an answer can change.
    phrases : dict of word to the phrases that begin with it
        For text: what `has_word` looks for, so that a value's words are gone through once for all rules.
    pieces : set of (test, text)
        For text: what values are tested to contain, start with, and end with.
    named : list of sets
        For text: what values are compared with as a whole.
    """

    kind: Kind
    looks: list[Look] = field(default_factory=list)
    on_missing: list[int] = field(default_factory=list)
    edges: set[float] = field(default_factory=set)
    phrases: dict[str, list[str]] = field(default_factory=dict)
    pieces: set[tuple[str, str]] = field(default_factory=set)
    named: list[Collection[Any]] = field(default_factory=list)

    def add(self, look: Look, on_missing: int) -> int:
        """Note one more look-up; gives its place."""
        self.looks.append(look)
        self.on_missing.append(on_missing)
        return len(self.looks) - 1

    def row(self, value: Any) -> list[int]:
        """All look-ups of one value, which is not missing: text, a number, a boolean, a day, or a set of options.

        Text and options are normalised, and a day counts from 1970.
        """
        found = self._found(worded(value)) if self.phrases else _NO_PHRASES
        return [look(value, found) for look in self.looks]

    def rows(self, values: Sequence[Any]) -> tuple[list[int], list[list[int]]]:
        """All look-ups of many values: which of some rows is that of each, and these rows.

        Texts that all tests see alike are looked up once: of 50,000 job titles there may be a hundred kinds.
        """
        if self.kind != "text":
            return list(range(len(values))), [self.row(value) for value in values]
        known: dict[Any, int] = {}
        rows: list[list[int]] = []
        codes = []
        for value, sight in zip(values, self._sights(values), strict=True):
            code = known.get(sight)
            if code is None:
                code = known[sight] = len(rows)
                rows.append(self.row(value))
            codes.append(code)
        return codes, rows

    def _sights(self, texts: Sequence[str]) -> Iterator[Any]:
        """All that the tests see of each text: which pieces and phrases it has, and itself where it may be named."""
        named = set().union(*self.named)
        seen: list[Iterable[Any]] = [[text if text in named else None for text in texts]]
        for test, piece in self.pieces:
            has = _PIECES[test]
            seen.append([has(text, piece) for text in texts])
        return zip(*seen, *([self._found_each(texts)] if self.phrases else []), strict=True)

    def _found_each(self, texts: Sequence[str]) -> Iterator[Found]:
        """The phrases that occur in each text: what `_found` gives, while few words of many texts differ."""
        several = {phrase for phrases in self.phrases.values() for phrase in phrases if len(phrase.split()) > 1}

        @cache
        def begun(piece: str) -> list[str]:
            return [phrase for word in worded(piece).split() for phrase in self.phrases.get(word, ())]

        for text in texts:
            found = {phrase for piece in text.split(" ") for phrase in begun(piece)}
            if not found.isdisjoint(several):
                words = worded(text)
                found = {phrase for phrase in found if phrase in words}
            yield frozenset(found)

    def _found(self, words: str) -> Found:
        """The phrases that occur among the words of a text."""
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
class Ago(Place):
    """A look-up of how many days ago the day of a column is; of a day to come, less than 0."""


@dataclass(frozen=True)
class Scored(Place):
    """A look-up of what a lead was just scored: its fit, behaviour, total, grade, or whether it qualifies."""


# What answers for a part of a condition: look-ups of a column, or the position of a happening that a `did` counts.
Answer = Place | int


class One(Protocol):
    """One lead, or one event, that is asked."""

    rows: dict[str, list[int]]

    def answer(self, asked: Answer) -> int:
        """1, 0 for unknown, or -1."""


class Known(NamedTuple):
    """What is asked of one lead: whether it is known to hold, and whether it is known not to.

    `Condition.evaluate` puts these together as it does numbers and arrays: unknown is where neither is the case.
    """

    yes: Callable[[One], bool]
    no: Callable[[One], bool]

    @classmethod
    def of(cls, asked: Answer) -> Known:
        """One look-up."""
        if type(asked) is not Place:
            return cls(lambda one: one.answer(asked) > 0, lambda one: one.answer(asked) < 0)
        column, index = asked.column, asked.index
        return cls(lambda one: one.rows[column][index] > 0, lambda one: one.rows[column][index] < 0)

    @classmethod
    def every(cls, parts: Sequence[Known]) -> Known:
        """The least of several."""
        return cls(_all([part.yes for part in parts]), _any([part.no for part in parts]))

    @classmethod
    def some(cls, parts: Sequence[Known]) -> Known:
        """The largest of several."""
        return cls(_any([part.yes for part in parts]), _all([part.no for part in parts]))

    def __neg__(self) -> Known:
        return Known(self.no, self.yes)


def _all(parts: list[Callable[[One], bool]]) -> Callable[[One], bool]:
    def every(one: One) -> bool:
        for part in parts:  # noqa: SIM110 - twice as fast as all()
            if not part(one):
                return False
        return True

    return every if len(parts) > 1 else parts[0]


def _any(parts: list[Callable[[One], bool]]) -> Callable[[One], bool]:
    def some(one: One) -> bool:
        for part in parts:  # noqa: SIM110 - twice as fast as any()
            if part(one):
                return True
        return False

    return some if len(parts) > 1 else parts[0]


@dataclass(frozen=True)
class Holds:
    """A condition, each of its tests places to look at; or one place that answers for all of it."""

    condition: Condition | None
    tests: Mapping[int, tuple[Answer, ...]]
    whole: Place | None = None

    @cached_property
    def moves(self) -> bool:
        """Whether the answer depends on the day."""
        return any(type(one) is not Place for places in self.tests.values() for one in places)

    @cached_property
    def _known(self) -> Known:
        known: Known = self.evaluate(Known.of, Known.every, Known.some)
        return known

    @cached_property
    def true_of(self) -> Callable[[One], bool]:
        """Whether it holds for one lead, or one event; asked of many, one after another, so it is put together once."""
        return self._known.yes

    @cached_property
    def false_of(self) -> Callable[[One], bool]:
        """Whether it is known not to hold for one; whatever is unknown of it, then, may turn out as it will."""
        return self._known.no

    def evaluate(self, get: Callable[[Any], Any], every: Callable[..., Any], some: Callable[..., Any]) -> Any:
        """1 where it holds, 0 where it is unknown, -1 where it does not hold; `get` gives an answer."""
        if self.whole is not None:
            return get(self.whole)
        assert self.condition is not None

        def leaf(test: Any) -> Any:
            # Most tests are one look-up.
            first, *rest = self.tests[id(test)]
            return every([get(first), *map(get, rest)]) if rest else get(first)

        return self.condition.evaluate(leaf, every, some)


def _not_asked(_: Did) -> int:
    raise AssertionError("what was done is not asked for here")


@dataclass(frozen=True)
class Asked:
    """What conditions may ask: of columns, of how long ago the days of some are, and of what was done.

    Attributes
    ----------
    columns, ago : dict of column name to ColumnPlan
    did : function of a Did to its happening
    scored : dict of name to ColumnPlan
        What a lead was just scored, in place of columns of these names.
    """

    columns: dict[str, ColumnPlan]
    ago: dict[str, ColumnPlan] = field(default_factory=dict)
    did: Callable[[Did], int] = _not_asked
    scored: dict[str, ColumnPlan] = field(default_factory=dict)


def holds_in(asked: Asked, condition: Condition) -> Holds:
    """A condition, its tests noted in the plans of the columns it tests."""
    alone = None if asked.scored else alone_on(condition, asked.columns)
    if alone is not None:
        return Holds(None, {}, _answer(asked.columns, *alone))
    tests: dict[int, tuple[Answer, ...]] = {id(did): (asked.did(did),) for did in condition.dids()}
    for name, test in condition.columns():
        places: list[Place] = []
        if name in asked.scored:
            plan = asked.scored[name]
            met, on_missing = met_by(plan, test)
            tests[id(test)] = (Scored(name, _answered(plan, met, on_missing)),)
            continue
        if test.model_fields_set - set(RELATIVE):
            places.append(_answer(asked.columns, name, *met_by(asked.columns[name], test)))
        for word, sign in (("days_ago", 1), ("days_ahead", -1)):
            if (wanted := getattr(test, word)) is not None:
                places.append(Ago(name, asked.ago.setdefault(name, ColumnPlan("number")).add(_lies(wanted, sign), 0)))
                asked.ago[name].edges.update(sign * edge for edge in (0.0, *wanted.edges))
        tests[id(test)] = tuple(places)
    return Holds(condition, tests)


def _lies(wanted: NumberTest, sign: int) -> Look:
    """Whether a day lies so far on one side of today; `sign` is 1 for days ago."""
    return lambda ago, _: 1 if sign * ago >= 0 and wanted.meets(sign * ago) else -1


def _answer(columns: dict[str, ColumnPlan], name: str, met: Met, on_missing: int) -> Place:
    """A test as a look-up that answers 1 or -1."""
    return Place(name, _answered(columns[name], met, on_missing))


def _answered(plan: ColumnPlan, met: Met, on_missing: int) -> int:
    return plan.add(lambda value, found: 1 if met(value, found) else -1, on_missing)


def alone_on(condition: Condition, columns: dict[str, ColumnPlan]) -> tuple[str, Met, int] | None:
    """A condition on one column as one test: the column, what a value answers, what a missing one does.

    None if it looks at more, or at the day.
    """
    tests = list(condition.columns())
    if next(condition.dids(), None) or len({name for name, _ in tests}) > 1 or any(one.relative for _, one in tests):
        return None
    name = tests[0][0]
    met = {id(test): met_by(columns[name], test) for _, test in tests}
    if len(tests) == 1 and condition.tests:
        return name, *met[id(tests[0][1])]

    def look(value: Any, found: Found) -> bool:
        return bool(condition.evaluate(lambda test: 1 if met[id(test)][0](value, found) else -1, min, max) > 0)

    return name, look, condition.evaluate(lambda test: met[id(test)][1], min, max)


def cells(edges: list[float]) -> list[float]:
    """One number for each of the 2 k + 1 cells that k edges cut: below the first, on it, just above it, and so on.

    Where the next number is an edge itself the cell between them is empty, and what stands for it does not matter.
    """
    values = [-math.inf]
    for edge in edges:
        values += [edge, math.nextafter(edge, math.inf)]
    return values


def operand_of(kind: Kind, value: Any) -> Any:
    """An operand as the values of such a column are written."""
    if kind == "text" or kind.startswith("options"):
        return normalise(as_text(value))
    if kind == "date":
        return day_number(value)
    return value


def met_by(plan: ColumnPlan, test: Test) -> tuple[Met, int]:
    """A test as (what a value answers, what a missing one does: 1, 0 for unknown, or -1)."""
    parts: list[Met] = []
    known = test.known
    for name, operand in test.parts():
        if name in {"known", *RELATIVE}:
            continue
        if name == "in_list":
            plan.named.append(operand.texts)
            parts.append(partial(_among, operand.texts, True))
            continue
        several = isinstance(operand, tuple)
        operands = tuple(operand_of(plan.kind, one) for one in operand) if several else operand_of(plan.kind, operand)
        if plan.kind in {"number", "date"}:
            plan.edges.update(float(one) for one in (operands if several else (operands,)))
        if name in _PIECES:
            plan.pieces.update((name, one) for one in operands)
        elif plan.kind == "text":
            plan.named.append(operands if several else (operands,))
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
    "has_option": lambda operands: lambda pieces, _: not pieces.isdisjoint(operands),
    "contains": lambda operands: partial(_contains, operands),
    "starts_with": lambda operands: lambda value, _: value.startswith(operands),
    "ends_with": lambda operands: lambda value, _: value.endswith(operands),
    "at_least": lambda bound: lambda value, _: bool(value >= bound),
    "more_than": lambda bound: lambda value, _: bool(value > bound),
    "at_most": lambda bound: lambda value, _: bool(value <= bound),
    "less_than": lambda bound: lambda value, _: bool(value < bound),
    "between": lambda bounds: lambda value, _: bool(bounds[0] <= value <= bounds[1]),
}


def _contains(parts: tuple[str, ...], value: str, _: Found) -> bool:
    for part in parts:  # noqa: SIM110 - three times as fast as any()
        if part in value:
            return True
    return False


def _among(values: frozenset[Any], wanted: bool, value: Any, _: Found) -> bool:  # noqa: FBT001
    return (value in values) is wanted
