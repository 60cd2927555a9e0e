"""Kinds of columns (text, number, boolean, date, or any) and the tests that suit each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from leadscore.rulebook.conditions import EQUAL, ORDERED, RELATIVE, WRITTEN, Condition, Did, Test
from leadscore.rulebook.model import Account, AccountRule, BehaviourRule, Contents, FitRule, Group, parts
from leadscore.rulebook.values import Part
from leadscore.rulebook.yaml import Path

# The kind of a column of several options is "options" and what they are cut at, as "options;".
Kind = str
# A use of a column: the test's name in the language and its operand; `from` and `points` stand for a rule's tables.
Use = tuple[str, Any]

_SUITS: dict[Kind, tuple[str, ...]] = {
    "text": (*EQUAL, *WRITTEN, "in_list", "points", "known"),
    "number": (*EQUAL, *ORDERED, "points", "from", "sum", "known"),
    "boolean": (*EQUAL, "points", "known"),
    "date": (*ORDERED, *RELATIVE, "known"),
    "options": ("has_option", "points", "from", "known"),
    "any": ("known",),
}


def options_of(separator: str) -> Kind:
    """The kind of a column of several options, cut at a separator."""
    return f"options{separator}"


def suits(kind: Kind) -> tuple[str, ...]:
    """The tests that suit a kind of column."""
    return _SUITS["options" if kind.startswith("options") else kind]


def _operands(use: Use) -> tuple[Any, ...]:
    operand = use[1]
    return tuple(operand) if isinstance(operand, (tuple, list, dict)) else (operand,)


def _is_number(value: Any) -> bool:
    return type(value) in {int, float}


def inferred(uses: Iterable[Use]) -> Kind:
    """The kind an undeclared column must hold, given the tests made on it.

    Examples
    --------
    >>> inferred([("in", ("US", "CA"))]), inferred([("at_least", 50)]), inferred([("known", True)])
    ('text', 'number', 'any')
    """
    uses = [use for use in uses if use[0] != "known"]
    values = [value for use in uses for value in _operands(use)]
    names = {name for name, _ in uses}
    if not uses:
        return "any"
    if "has_option" in names:
        return options_of(";")
    if names & {*WRITTEN, "in_list"}:
        return "text"
    if names & set(RELATIVE):
        return "date"
    if names & {"from", "sum", *ORDERED}:
        return "date" if any(isinstance(value, dt.date) for value in values) else "number"
    if all(type(value) is bool for value in values):
        return "boolean"
    return "number" if all(_is_number(value) for value in values) else "text"


def known(*kinds: Kind) -> Kind:
    """The first kind of several that is not `any`."""
    return next((kind for kind in kinds if kind != "any"), "any")


def misfit(kind: Kind, use: Use) -> str:
    """Why a test does not suit a kind of column; empty if it does."""
    name, values = use[0], _operands(use)
    if name not in suits(kind):
        told = "options" if kind.startswith("options") else kind
        return f"{name!r} cannot test {'an' if told[0] in 'ao' else 'a'} {told} column; use {', '.join(suits(kind))}"
    if name in {"known", *RELATIVE} or kind in {"text", "any"} or kind.startswith("options"):
        return ""
    wanted = {"number": (int, float), "boolean": (bool,), "date": (dt.date,)}[kind]
    wrong = [value for value in values if type(value) not in wanted]
    shown = ", ".join(repr(str(value) if isinstance(value, dt.date) else value) for value in wrong[:3])
    return f"a {kind} column cannot be tested for {shown}; give a {kind}" if wrong else ""


def condition_uses(condition: Condition | None) -> Iterator[tuple[str, Use]]:
    """(column, use) for each test in a condition; of what it looks at by itself, not of its `did`."""
    for column, test in condition.columns() if condition else ():
        for use in test.parts():
            yield column, use


def rule_uses(rule: FitRule) -> Iterator[tuple[str, Use]]:
    """(column, use) for each test a fit rule makes."""
    yield from _table_uses(rule)
    for condition in (rule.when, *(case.when for case in rule.cases or ())):
        yield from condition_uses(condition)


def _table_uses(rule: FitRule) -> Iterator[tuple[str, Use]]:
    if rule.column is not None and rule.from_:
        yield rule.column, ("from", rule.from_)
    if rule.column is not None and isinstance(rule.points, dict):
        yield rule.column, ("points", rule.points)


Side = Literal["lead", "event"]


def uses(part: Part, path: Path = ()) -> Iterator[tuple[Path, Side, str, Use]]:
    """(place, whose column, column, use) for each test of a column within a part."""
    for place, one in parts(part, path):
        if isinstance(one, FitRule):
            for column, use in _table_uses(one):
                yield (*place, "column"), "lead", column, use
        if isinstance(one, Account):
            yield (*place, "id"), "lead", one.id, ("is", "")
        if isinstance(one, AccountRule) and one.once_per:
            yield (*place, "once_per"), "lead", one.once_per, ("known", True)
        if isinstance(one, (BehaviourRule, Did)) and one.sum:
            for column in [one.sum] if isinstance(one.sum, str) else one.sum:
                yield (*place, "sum"), "event", column, ("sum", ())
        if isinstance(one, Test):
            word = next(word for word in reversed(place[:-1]) if word in _CONDITIONS)
            if word == "people" and place[-1] in OF_PEOPLE:
                continue
            for use in one.parts():
                yield place, "event" if word == "where" else "lead", str(place[-1]), use


_CONDITIONS = ("when", "where", "people", "conditions")
# What the people of an account are tested for beside their columns.
OF_PEOPLE: dict[str, Kind] = {
    "fit": "number", "behaviour": "number", "total": "number", "grade": "text", "qualified": "boolean",
}  # fmt: skip


def _kinds(found: Iterable[tuple[str, Use]]) -> dict[str, Kind]:
    by_column: dict[str, list[Use]] = {}
    for column, use in found:
        by_column.setdefault(column, []).append(use)
    return {column: inferred(column_uses) for column, column_uses in by_column.items()}


def _uses(book: Contents, side: Side, *, personas: bool = False) -> Iterator[tuple[str, Use]]:
    """(column, use) for each test that scores, or that personas make."""
    for place, of, column, use in uses(book):
        if of == side and place[0] != "conditions" and (place[0] == "personas") is personas:
            yield column, use


def lead_kinds(book: Contents) -> dict[str, Kind]:
    """The kind of each lead column the rules use: as declared, else what its tests need."""
    kinds = _kinds(_uses(book, "lead"))
    return {column: declared_kind(book, column) or kind for column, kind in kinds.items()}


def declared_kind(book: Contents, column: str) -> Kind | None:
    """The kind a column is declared with; a category is text."""
    declared = book.columns.get(column)
    if declared is None:
        return None
    if declared.type == "options":
        return options_of(declared.separator or ";")
    return "text" if declared.type == "category" else declared.type


def persona_kinds(book: Contents) -> dict[str, Kind]:
    """The kind of each lead column that personas test: as declared, as rules read it, else what their tests need."""
    scored = lead_kinds(book)
    found = _kinds(_uses(book, "lead", personas=True))
    for column, kind in found.items():
        found[column] = declared_kind(book, column) or known(scored.get(column, "any"), kind)
    return found


def event_kinds(book: Contents) -> dict[str, Kind]:
    """The kind of each event column that rules need as it is, from what they ask of it; its day is no column.

    Those that are only added up are in `event_sums`.
    """
    found = {column: kind for column, kind in tested_events(book).items() if column != "at" or book.leadscore == 1}
    return found | {key: found.get(key, "any") for key in event_keys(book)}


def tested_events(book: Contents) -> dict[str, Kind]:
    """The kind of each event column that a `where` tests."""
    kinds = _kinds((column, use) for column, use in _uses(book, "event") if use[0] != "sum")
    return kinds | ({"at": "date"} if "at" in kinds else {})


OF_TIME = ("day", "week", "month")


def event_keys(book: Contents) -> list[str]:
    """The event columns whose values are told apart by `once_per` and `per`."""
    found: list[str] = []
    for _, part in parts(book):
        if isinstance(part, (BehaviourRule, Did)):
            found += part.once_per or ()
        if isinstance(part, (BehaviourRule, Group)):
            found += part.per or ()
    return [key for key in dict.fromkeys(found) if key not in {*OF_TIME, "event"}]


def event_sums(book: Contents) -> list[str]:
    """The event columns that are added up."""
    sums = (part.sum for _, part in parts(book) if isinstance(part, (BehaviourRule, Did)) and part.sum)
    return list(dict.fromkeys(column for one in sums for column in ([one] if isinstance(one, str) else one)))


def conditions(book: Contents) -> Iterator[tuple[Path, Condition]]:
    """Every `when`, `where` and `people` that scores, with its place."""
    for path, part in parts(book):
        if isinstance(part, Condition) and path[-1] in _CONDITIONS and path[0] not in {"personas", "conditions"}:
            yield path, part


def persona_conditions(book: Contents) -> Iterator[tuple[Path, Condition]]:
    """The `when` of every persona, with its place."""
    return ((("personas", index, "when"), persona.when) for index, persona in enumerate(book.personas))
