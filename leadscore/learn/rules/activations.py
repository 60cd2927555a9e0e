"""Where rules fire: each rule, and each entry of a points table, as a column of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from leadscore.base.text import normalise
from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import rule_uses
from leadscore.rulebook.model import BehaviourRule, FitRule
from leadscore.rulebook.values import LARGEST_POINTS
from leadscore.scoring.timeline import bound_at
from leadscore.tables.lead_history import Positions
from leadscore.tables.tables import Tables

Mask = npt.NDArray[np.bool_]
Side = Literal["fit", "behaviour"]
# Rules looked at in one go: a rulebook has a largest size, and each rule takes a column of numbers.
_AT_ONCE = 100


@dataclass(frozen=True)
class Entry:
    """A rule, or one entry of its table.

    Attributes
    ----------
    rule, entry : str
        The name of the rule, and of the entry in it; empty where the rule has only one.
    side : "fit" or "behaviour"
    stated : float or None
        The points that stand in the file.
    alone : dict
        A rule, as plain data without a name, that gives something exactly where this entry applies.
    reads : set of str
        The lead columns, or types of event, that it looks at.
    """

    rule: str
    entry: str
    side: Side
    stated: float
    alone: dict[str, Any]
    reads: frozenset[str]

    @property
    def name(self) -> str:
        """The rule, and the entry in it."""
        return f"{self.rule}: {self.entry}" if self.entry else self.rule


def entries(rulebook: Rulebook) -> list[Entry]:
    """Every rule of a rulebook, and for rules with a table every entry of it, in the order of the file."""
    written = rulebook.to_dict()
    found: list[Entry] = []
    for section, position, rule in rulebook.rules():
        document = written[section][position]
        if isinstance(rule, FitRule):
            reads = frozenset(column for column, _ in rule_uses(rule)) or frozenset([str(rule.column)])
            parts = _fit(rule, document)
        else:
            reads = frozenset(map(normalise, rule.event))
            parts = _behaviour(rule, document)
        side: Side = "fit" if section == "fit" else "behaviour"
        found += [Entry(rule.name, entry, side, stated, alone, reads) for entry, stated, alone in parts]
    return found


def _fit(rule: FitRule, document: dict[str, Any]) -> Iterator[tuple[str, float, dict[str, Any]]]:
    if rule.when is not None:
        yield "", rule.points, {"when": document["when"], "points": 1}  # type: ignore[misc]
        return
    key = "from" if rule.from_ is not None else "points"
    table, none = document[key], dict.fromkeys(document[key], 0)
    for label, value, points in _bands(table) if key == "from" else ((str(k), k, p) for k, p in table.items()):
        following = none if key == "points" else {edge: 0 for edge in table if edge > value}
        yield label, points, {"column": rule.column, key: {**following, value: 1}}
    if rule.other:
        label = f"below {min(table):g}" if key == "from" else "other"
        yield label, rule.other, {"column": rule.column, key: none, "other": 1}
    if rule.missing:
        yield "missing", rule.missing, {"column": rule.column, key: none, "missing": 1}


def _behaviour(rule: BehaviourRule, document: dict[str, Any]) -> Iterator[tuple[str, float, dict[str, Any]]]:
    shared: dict[str, Any] = {
        key: document[key] for key in ("event", "where", "within_days", "count") if key in document
    }
    if rule.from_ is not None:
        table = document["from"]
        for label, value, points in _bands(table):
            yield label, points, {**shared, "from": {**{edge: 0 for edge in table if edge > value}, value: 1}}
        return
    decay: dict[str, Any] = {
        key: document[key] for key in ("points", "half_life_days", "fade_days", "step") if key in document
    }
    # Without points in the file it never fires, and a rule must give something to be seen.
    yield "", rule.points or 0.0, {**shared, **decay, "points": rule.points or 1}


def _bands(table: dict[Any, float]) -> Iterator[tuple[str, Any, float]]:
    """Each edge of a `from` table with the values it stands for, as text."""
    edges = sorted(table)
    for edge, following in zip(edges, [*edges[1:], None], strict=True):
        yield f"{edge:g} and more" if following is None else f"{edge:g} to below {following:g}", edge, table[edge]


def barred(entry: dict[str, Any]) -> tuple[Side, dict[str, Any]]:
    """A `never` entry, as plain data, as a rule that fires where it bars."""
    parts = {key: value for key, value in entry.items() if key != "name"}
    return (
        ("fit", {**parts, "points": 1}) if "when" in parts else ("behaviour", {**parts, "points": 1, "count": "once"})
    )


def fired(
    rulebook: Rulebook,
    rules: Sequence[tuple[Side, dict[str, Any]]],
    tables: Tables,
    lead: Positions,
    day: npt.NDArray[np.int64],
) -> Mask:
    """(n_rows, n_rules) where rules give something, on leads on days; columns are read as the rulebook reads them."""
    found = np.zeros((len(lead), len(rules)), bool)
    for start in range(0, len(rules), _AT_ONCE):
        part = rules[start : start + _AT_ONCE]
        # Fit rules come first in a bound: each is put back to where it was asked for.
        order = np.argsort([side == "behaviour" for side, _ in part], kind="stable")
        probe = probing(rulebook, part)
        for place, sparse in zip(order, bound_at(probe, tables, lead, day).every_rule(), strict=True):
            found[:, start + place] = sparse.dense(len(lead)) != 0
    return found


def probing(rulebook: Rulebook, rules: Sequence[tuple[Side, dict[str, Any]]]) -> Rulebook:
    """A rulebook of other rules that reads every column as this one does.

    Raises
    ------
    RulebookError
        If a rule does not go with the rulebook: a test that does not suit its column.
    """
    document = rulebook.to_dict()
    for key in ("groups", "totals", "grades", "agreement"):
        document.pop(key, None)
    # What the old rules test says how an undeclared column is read: their tests stay, where they give no points.
    qualify = document["qualify"]
    qualify = {key: qualify[key] for key in ("never", "hand_raise", "segments") if key in qualify}
    segments, never = list(qualify.get("segments", [])), list(qualify.get("never", []))
    for number, rule in enumerate(document.get("fit", [])):
        name = f"as before: fit {number}"
        segments.append({"name": name, "when": rule.get("when") or _tested(rule), "threshold": 0})
    for number, rule in enumerate(document.get("behaviour", [])):
        parts = {key: rule[key] for key in ("event", "where") if key in rule}
        never.append({"name": f"as before: behaviour {number}", **parts})
    document["qualify"] = {**qualify, "threshold": -LARGEST_POINTS, "segments": segments, "never": never}
    for side in ("fit", "behaviour"):
        document[side] = [
            {**rule, "name": f"asked {number}"} for number, (one, rule) in enumerate(rules) if one == side
        ]
    return Rulebook.from_dict(document, source="rulebook")


def _tested(rule: dict[str, Any]) -> dict[str, Any]:
    """A condition that needs the same of a column as a rule's table."""
    if "from" in rule:
        return {rule["column"]: {"at_least": min(rule["from"])}}
    return {rule["column"]: {"in": list(rule["points"])}}
