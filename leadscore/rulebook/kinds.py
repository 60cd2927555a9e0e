"""Kinds of columns (text, number, boolean, date, or any) and the tests that suit each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from leadscore.rulebook.conditions import EQUAL, ORDERED, WRITTEN, Condition
from leadscore.rulebook.model import Contents, FitRule
from leadscore.rulebook.values import Part
from leadscore.rulebook.yaml import Path

Kind = Literal["text", "number", "boolean", "date", "any"]
# A use of a column: the test's name in the language and its operand; `from` and `points` stand for a rule's tables.
Use = tuple[str, Any]

_SUITS: dict[Kind, tuple[str, ...]] = {
    "text": (*EQUAL, *WRITTEN, "points", "known"),
    "number": (*EQUAL, *ORDERED, "points", "from", "known"),
    "boolean": (*EQUAL, "points", "known"),
    "date": (*ORDERED, "known"),
    "any": ("known",),
}


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
    if names & set(WRITTEN):
        return "text"
    if names & {"from", *ORDERED}:
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
    if name not in _SUITS[kind]:
        return f"{name!r} cannot test a {kind} column; use {', '.join(_SUITS[kind])}"
    if name == "known" or kind in {"text", "any"}:
        return ""
    wanted = {"number": (int, float), "boolean": (bool,), "date": (dt.date,)}[kind]
    wrong = [value for value in values if type(value) not in wanted]
    shown = ", ".join(repr(str(value) if isinstance(value, dt.date) else value) for value in wrong[:3])
    return f"a {kind} column cannot be tested for {shown}; give a {kind}" if wrong else ""


def condition_uses(condition: Condition | None) -> Iterator[tuple[str, Use]]:
    """(column, use) for each test in a condition."""
    for column, test in condition.columns() if condition else ():
        for use in test.parts():
            yield column, use


def rule_uses(rule: FitRule) -> Iterator[tuple[str, Use]]:
    """(column, use) for each test a fit rule makes."""
    if rule.column is not None and rule.from_:
        yield rule.column, ("from", rule.from_)
    if rule.column is not None and isinstance(rule.points, dict):
        yield rule.column, ("points", rule.points)
    yield from condition_uses(rule.when)


def _kinds(uses: Iterable[tuple[str, Use]]) -> dict[str, Kind]:
    by_column: dict[str, list[Use]] = {}
    for column, use in uses:
        by_column.setdefault(column, []).append(use)
    return {column: inferred(column_uses) for column, column_uses in by_column.items()}


def lead_kinds(book: Contents) -> dict[str, Kind]:
    """The kind of each lead column the rules use: as declared, else what its tests need."""
    tables = [use for rule in book.fit if rule.when is None for use in rule_uses(rule)]
    kinds = _kinds([*tables, *_uses(book, "when")])
    return {column: declared_kind(book, column) or kind for column, kind in kinds.items()}


def declared_kind(book: Contents, column: str) -> Kind | None:
    """The kind a column is declared with; a category is text."""
    declared = book.columns.get(column)
    if declared is None:
        return None
    return "text" if declared.type == "category" else declared.type


def persona_kinds(book: Contents) -> dict[str, Kind]:
    """The kind of each lead column that personas test: as declared, as rules read it, else what their tests need."""
    scored = lead_kinds(book)
    found = _kinds(use for _, condition in persona_conditions(book) for use in condition_uses(condition))
    for column, kind in found.items():
        found[column] = declared_kind(book, column) or known(scored.get(column, "any"), kind)
    return found


def event_kinds(book: Contents) -> dict[str, Kind]:
    """The kind of each event column that a `where` uses, from its tests."""
    return _kinds(_uses(book, "where"))


def _uses(book: Contents, word: str) -> Iterator[tuple[str, Use]]:
    return (use for path, condition in conditions(book) if path[-1] == word for use in condition_uses(condition))


def conditions(book: Contents) -> Iterator[tuple[Path, Condition]]:
    """Every `when` and `where` that scores, with its place."""
    parts: list[tuple[Path, Part]] = [((section, index), rule) for section, index, rule in book.rules()]
    parts += [(("qualify", "never", index), entry) for index, entry in enumerate(book.qualify.never)]
    parts += [(("qualify", "segments", index), segment) for index, segment in enumerate(book.qualify.segments)]
    parts += [(("qualify", "hand_raise"), book.qualify.hand_raise)] if book.qualify.hand_raise else []
    for path, part in parts:
        for word in ("when", "where"):
            condition = getattr(part, word, None)
            if condition is not None:
                yield (*path, word), condition


def persona_conditions(book: Contents) -> Iterator[tuple[Path, Condition]]:
    """The `when` of every persona, with its place."""
    return ((("personas", index, "when"), persona.when) for index, persona in enumerate(book.personas))
