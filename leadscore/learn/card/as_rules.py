"""Bins with points as rules of a rulebook, which give every lead exactly the same points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from leadscore.errors import ArgumentError, Problem
from leadscore.learn.card.binning import Bins
from leadscore.learn.rows.snapshots import Activity, Attribute, Kinds, Provenance

_Rule = dict[str, Any]


def rules_of(
    parts: Iterable[tuple[Bins, Sequence[int]]],
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
    kinds : dict of column to "number" or "text"
    provenance : dict of column to what it is made of; a column of the leads where it is not told

    Raises
    ------
    ArgumentError
        If a feature is a count of kinds of event, which no rule can say; all of them are named.
    """
    columns: dict[str, Any] = {}
    fit: list[_Rule] = []
    behaviour: list[_Rule] = []
    problems: list[Problem] = []
    for bins, points in parts:
        if bins.kind == "pair":
            rules, found = _pair(bins, points, provenance)
            fit += rules
            problems += found
            columns |= {one.column: {"type": _type(one, kinds)} for one in bins.two}
            continue
        source = provenance.get(bins.column, Attribute(bins.column, "category"))
        if isinstance(source, Kinds):
            message = (
                "counts kinds of event, which no rule can say; learn without it, or give the events rules of their own"
            )
            problems.append(Problem(bins.column, message))
        elif isinstance(source, Activity):
            behaviour += _since(bins, points, source) if source.measure == "since" else [_count(bins, points, source)]
        else:
            columns[source.column] = {"type": _type(bins, kinds)}
            fit += _attribute(bins, source.column, points)
    if problems:
        raise ArgumentError("provenance", problems)
    if base:
        first = next(iter(columns), None)
        if first is None:
            raise ArgumentError("pdo", "base points need a column of the leads to stand on; use span, which has none")
        always = {"any": [{first: {"known": True}}, {first: {"known": False}}]}
        fit.insert(0, {"name": "Base", "when": always, "points": base})
    sections = {"columns": columns, "fit": fit, "behaviour": behaviour}
    return {name: section for name, section in sections.items() if section}


def _pair(bins: Bins, points: Sequence[int], provenance: Mapping[str, Provenance]) -> tuple[list[_Rule], list[Problem]]:
    """A rule for each bin of one feature with each of the other that has points."""
    sources = [provenance.get(one.column, Attribute(one.column, "category")) for one in bins.two]
    message = "is one of a pair and no column of the leads: no rule can say both; learn with pairs=0"
    problems = [
        Problem(one.column, message)
        for one, source in zip(bins.two, sources, strict=True)
        if not isinstance(source, Attribute)
    ]
    rules = []
    first, second = bins.two
    for cell, place in enumerate(bins.place):
        if points[place]:
            a, b = divmod(cell, second.size)
            both = {"all": [_in_bin(first, a), _in_bin(second, b)]}
            rules.append(
                {
                    "name": f"{bins.name}: {first.labels[a]} and {second.labels[b]}",
                    "when": both,
                    "points": points[place],
                }
            )
    return rules, problems


def _in_bin(bins: Bins, place: int) -> dict[str, Any]:
    """The condition that a lead is in a bin."""
    column, missing = bins.column, {bins.column: {"known": False}}
    if bins.kind == "word":
        has = {column: {"has_word": bins.word} if bins.word else {"known": True}}
        return has if place else {"any": [{"not": has}, missing]}
    if place == bins.size - 1:
        return missing
    if bins.kind == "number":
        low, high = (None, *bins.edges)[place], (*bins.edges, None)[place]
        test = ({} if low is None else {"at_least": low}) | ({} if high is None else {"less_than": high})
        return {column: test or {"known": True}}
    known = [level for group in bins.levels for level in group]
    if place < len(bins.levels):
        return {column: {"in": list(bins.levels[place])}}
    return {column: {"not_in": known} if known else {"known": True}}


def _type(bins: Bins, kinds: Mapping[str, str]) -> str:
    if kinds.get(bins.column) == "number":
        return "number"
    return "text" if bins.kind == "word" else "category"


def _attribute(bins: Bins, column: str, points: Sequence[int]) -> list[_Rule]:
    if bins.kind == "word":
        without, with_ = points
        test = {"has_word": bins.word} if bins.word else {"known": True}
        rules = [{"name": bins.name, "when": {column: test}, "points": with_}] if with_ else []
        if without:
            # Without the word is also who has no text at all: three-valued logic knows no "not" for those.
            neither = (
                [{"not": {column: test}}, *([{column: {"known": False}}])]
                if bins.word
                else [{column: {"known": False}}]
            )
            rules.append({"name": f"{bins.name}: no", "when": {"any": neither}, "points": without})
        return rules
    rule: _Rule = {"name": bins.name, "column": column}
    *known, missing = points
    if bins.kind == "number":
        if not bins.edges:
            return [
                {"name": f"{bins.name}: {word}", "when": {column: {"known": there}}, "points": value}
                for word, there, value in (("known", True, known[0]), ("missing", False, missing))
                if value
            ]
        # Whole numbers as a person writes them.
        edges = (int(edge) if edge == int(edge) else edge for edge in bins.edges)
        rule["from"] = dict(zip(edges, known[1:], strict=True))
        return [rule | _extra(known[0], missing)]
    table = {level: value for group, value in zip(bins.levels, known, strict=False) for level in group}
    if not table:
        return _attribute(Bins(column, "number"), column, [known[-1], missing])
    rule["points"] = table
    return [rule | _extra(known[-1], missing)]


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
    rules: list[_Rule] = [
        {
            "name": f"{bins.name}, under {_whole(edge)}",
            "event": source.event,
            "count": "once",
            "within_days": _whole(edge),
            "points": near - far,
        }
        for edge, near, far in zip(bins.edges, known, known[1:], strict=False)
        if near != far
    ]
    return [*rules, {"name": bins.name, "event": source.event, "count": "once", "from": {0: never, 1: known[-1]}}]


def _whole(edge: float) -> int:
    """The first whole number of the bin that begins at an edge."""
    return -int(-edge // 1)
