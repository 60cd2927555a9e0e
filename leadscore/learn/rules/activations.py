"""Where rules fire: each rule, and each entry of a points table, as a column of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from leadscore.base.text import normalise
from leadscore.learn.rules.parameters import places, value_at
from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import rule_uses
from leadscore.rulebook.model import BehaviourRule, FitRule
from leadscore.rulebook.values import LARGEST_POINTS
from leadscore.scoring.timeline import bound_at
from leadscore.stats.outcomes_and_scores import Mask
from leadscore.tables.lead_history import Positions
from leadscore.tables.tables import Tables

Side = Literal["fit", "behaviour"]
# Rules looked at in one go: a rulebook has a largest size, and each rule takes a column of numbers.
_AT_ONCE = 100
# What of a rule says nothing of where its entries apply.
_NOT_READ = {"name", "group", "at_least", "at_most", "other", "missing"}


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
    document, found = rulebook.to_dict(), []
    for place in places(rulebook):
        if not place.is_limit:
            said, rule = document[place.section][place.index], place.rule_in(rulebook)
            side: Side = "fit" if isinstance(rule, FitRule) else "behaviour"
            stated = float(value_at(said, place.path))
            found.append(Entry(place.rule, place.entry, side, stated, _alone(said, place.path), _reads(rule)))
    return found


def _alone(said: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    """What stands in the file of a rule, so that it gives something exactly where one of its entries applies."""
    parts = {key: value for key, value in said.items() if key not in _NOT_READ}
    for table in ("points", "from"):
        if isinstance(parts.get(table), dict):
            parts[table] = {entry: int((table, entry) == path) for entry in parts[table]}
    # Without points in the file it never fires, and a rule must give something to be seen.
    return parts if len(path) > 1 else parts | {path[0]: said[path[0]] or 1}


def _reads(rule: FitRule | BehaviourRule) -> frozenset[str]:
    if isinstance(rule, BehaviourRule):
        return frozenset(map(normalise, rule.event))
    return frozenset(column for column, _ in rule_uses(rule)) or frozenset([str(rule.column)])


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
