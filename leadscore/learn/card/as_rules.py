"""Bins with points as rules of a rulebook, which give every lead exactly the same points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from leadscore.errors import ArgumentError, Problem
from leadscore.learn.card.binning import Bins
from leadscore.learn.rows.snapshots import Activity, Attribute, Kinds, Provenance

_Rule = dict[str, Any]


def rules_of(
    parts: Sequence[tuple[Bins, Sequence[int]]],
    base: int,
    kinds: Mapping[str, str],
    provenance: Mapping[str, Provenance],
) -> dict[str, Any]:
    """The sections `columns`, `fit` and `behaviour` of a rulebook.

    Parameters
    ----------
    parts : of (Bins, points of each bin)
    base : int
        What every lead has.
    kinds : dict of column to "number", "text", "boolean" or "empty"
    provenance : dict of column to what it is made of; a column of the leads where it is not told

    Raises
    ------
    ArgumentError
        If a feature is a count of kinds of event, which no rule can say; all of them are named.
    """
    used = [(bins, column) for bins, _ in parts for column in bins.columns]
    made_of = {column: provenance.get(column, Attribute(column, "category")) for _, column in used}
    problems = [Problem(column, why) for bins, column in used if (why := _unsayable(bins, made_of[column]))]
    if problems:
        raise ArgumentError("provenance", problems)
    columns: dict[str, Any] = {}
    fit: list[_Rule] = []
    behaviour: list[_Rule] = []
    for bins, points in parts:
        source = made_of[bins.columns[0]]
        if isinstance(source, Activity):
            behaviour += _since(bins, points, source) if source.measure == "since" else [_count(bins, points, source)]
        else:
            of_leads = _of_leads(bins, made_of)
            for own, learned in zip(of_leads.two or [of_leads], bins.columns, strict=True):
                columns[own.column] = {"type": _type(own, kinds.get(learned))}
            fit += _attribute(of_leads, points, columns)
    if base:
        first = next(iter(columns), None)
        if first is None:
            raise ArgumentError("pdo", "base points need a column of the leads to stand on; use span, which has none")
        always = {"any": [{first: {"known": True}}, {first: {"known": False}}]}
        fit.insert(0, {"name": "Base", "when": always, "points": base})
    sections = {"columns": columns, "fit": fit, "behaviour": behaviour}
    return {name: section for name, section in sections.items() if section}


def _unsayable(bins: Bins, source: Provenance) -> str:
    """Why no rule can look at what a feature is made of, if so."""
    if isinstance(source, Kinds):
        return "counts kinds of event, which no rule can say; learn without it, or give the events rules of their own"
    if bins.two and not isinstance(source, Attribute):
        return "is one of a pair and no column of the leads: no rule can say both; learn with pairs=0"
    return ""


def _of_leads(bins: Bins, made_of: Mapping[str, Provenance]) -> Bins:
    """A feature under the names that its columns have in the leads."""
    source = made_of.get(bins.column)
    column = source.column if isinstance(source, Attribute) else bins.column
    return replace(bins, column=column, two=tuple(_of_leads(one, made_of) for one in bins.two))


def _type(bins: Bins, kind: str | None) -> str:
    return kind if kind in ("number", "boolean") else "text" if bins.kind == "word" else "category"


def _attribute(bins: Bins, points: Sequence[int], columns: Mapping[str, Any]) -> list[_Rule]:
    *known, missing = points
    rule: _Rule = {"name": bins.name, "column": bins.column}
    if bins.edges:
        # Whole numbers as a person writes them.
        edges = (int(edge) if edge == int(edge) else edge for edge in bins.edges)
        return [rule | {"from": dict(zip(edges, known[1:], strict=True))} | _extra(known[0], missing)]
    if bins.levels:
        table = {level: value for group, value in zip(_levels(bins, columns), known, strict=False) for level in group}
        return [rule | {"points": table} | _extra(known[-1], missing)]
    labels = bins.labels
    if bins.two:
        # Bins of pairs are merged cells: a rule for each cell reads better than one for all of a bin.
        labels = [f"{one} and {other}" for one, other in product(*(one.labels for one in bins.two))]
        points = [points[place] for place in bins.place]
    names = [bins.name if label == "yes" else f"{bins.name}: {label}" for label in labels]
    return [
        {"name": name, "when": when, "points": own}
        for name, when, own in zip(names, _conditions(bins, columns), points, strict=True)
        if own
    ]


def _conditions(bins: Bins, columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """That a lead is in a bin, for each of them; of a pair, for each bin of one feature with each of the other."""
    missing = {bins.column: {"known": False}}
    if bins.kind == "pair":
        return [{"all": list(both)} for both in product(*(_conditions(one, columns) for one in bins.two))]
    if bins.kind == "word":
        has = {bins.column: {"has_word": bins.word} if bins.word else {"known": True}}
        # Without the word is also who has no text at all: three-valued logic knows no "not" for those.
        return [{"any": [{"not": has}, missing]} if bins.word else missing, has]
    if bins.kind == "number":
        lows, highs = ([{word: edge} for edge in bins.edges] for word in ("at_least", "less_than"))
        tests: list[dict[str, Any]] = [low | high for low, high in zip([{}, *lows], [*highs, {}], strict=True)]
    else:
        levels = _levels(bins, columns)
        known = [level for group in levels for level in group]
        tests = [*({"in": group} for group in levels), {"not_in": known} if known else {}]
    return [*({bins.column: test or {"known": True}} for test in tests), missing]


def _levels(bins: Bins, columns: Mapping[str, Any]) -> list[list[Any]]:
    """The values of each bin of a category, as its column has them."""
    truths = columns[bins.column]["type"] == "boolean"
    return [[level == "true" if truths else level for level in group] for group in bins.levels]


def _extra(other: int, missing: int) -> _Rule:
    return ({"other": other} if other else {}) | ({"missing": missing} if missing else {})


def _count(bins: Bins, points: Sequence[int], source: Activity) -> _Rule:
    """Points by how many events, or days with any; a count is never missing."""
    steps = {0: points[0]} | {_whole(edge): value for edge, value in zip(bins.edges, points[1:-1], strict=True)}
    rule: _Rule = {"name": bins.name, "event": source.event, "count": "each" if source.measure == "events" else "daily"}
    return rule | ({} if source.within_days is None else {"within_days": source.within_days}) | {"from": steps}


def _since(bins: Bins, points: Sequence[int], source: Activity) -> list[_Rule]:
    """Points by how long ago the last event was: windows within windows, each with what its days have more."""
    *known, never = points
    rule: _Rule = {"name": bins.name, "event": source.event, "count": "once"}
    rules = [
        rule | {"name": f"{bins.name}, under {_whole(edge)}", "within_days": _whole(edge), "points": near - far}
        for edge, near, far in zip(bins.edges, known, known[1:], strict=False)
        if near != far
    ]
    return [*rules, rule | {"from": {0: never, 1: known[-1]}}]


def _whole(edge: float) -> int:
    """The first whole number of the bin that begins at an edge."""
    return -int(-edge // 1)
