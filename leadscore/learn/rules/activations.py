"""What each entry of a rulebook sees in a lead, apart from its points, and where it fires: a rule is a feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby
from operator import attrgetter, getitem
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.base.text import decimal, normalise
from leadscore.errors import ArgumentError, RulebookError
from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import rule_uses
from leadscore.rulebook.model import BehaviourRule, FitRule, Limits, thousandths
from leadscore.rulebook.values import LARGEST_POINTS
from leadscore.scoring.engine import Bound
from leadscore.scoring.timeline import bound_at
from leadscore.stats.intervals import Floats
from leadscore.stats.outcomes_and_scores import Mask
from leadscore.tables.lead_history import Positions
from leadscore.tables.tables import Tables

# The sections that hold points.
POINTED = ("fit", "behaviour", "groups", "totals")
# Worth is rounded to a thousandth of a point: of so many points that is a millionth.
_FINE = 1000
# Rules looked at in one go: a rulebook has a largest size, and each rule takes a column of numbers.
_AT_ONCE = 100
# What of a rule says nothing of where its entries apply.
_NOT_READ = {"name", "group", "at_least", "at_most", "other", "missing"}
# What of a rulebook says nothing of how its rules and others read a column.
_NOT_ASKED = {"groups", "totals", "grades", "labels", "account", "agreement", "personas"}
# A side, "fit" or "behaviour", and a rule of it without a name, as plain data.
SidedRule = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Place:
    """Where points stand in a rulebook.

    Attributes
    ----------
    section, index : str, int or str
        A rule, `fit` or `behaviour` and its position there; or the limits of `groups` or `totals` and their name.
    rule : str
        The name of the rule, or whose limit it is.
    path : tuple
        Where in that: `("points",)`, `("points", "VP")`, `("from", 50)`, `("other",)`, `("missing",)`, `("at_most",)`.
    points : float
        What it gives: of an entry of behaviour, what the rule's own limits leave of it.
    said : dict
        What stands in the file of the rule, or the limits.
    stated : float
        The points that stand in the file.
    model : FitRule, BehaviourRule or None
        The rule; None for limits.
    """

    section: str
    index: int | str
    rule: str
    path: tuple[Any, ...]
    points: float
    said: dict[Any, Any]
    stated: float
    model: FitRule | BehaviourRule | None = None

    @property
    def entry(self) -> str:
        """The entry as people read it; empty where it is all of the rule."""
        key = self.path[-1]
        if len(self.path) == 1:
            return "" if key == "points" else str(key).replace("_", " ")
        if isinstance(key, bool):
            return "true" if key else "false"
        text = key if isinstance(key, str) else decimal(key)
        return f"from {text}" if self.path[0] == "from" else text

    @property
    def name(self) -> str:
        """The rule, and the entry in it."""
        return f"{self.rule}: {self.entry}" if self.entry else self.rule

    @property
    def alone(self) -> dict[str, Any]:
        """A rule, as plain data without a name, that gives something exactly where this entry applies."""
        parts = {key: value for key, value in self.said.items() if key not in _NOT_READ}
        for table in ("points", "from"):
            if isinstance(parts.get(table), dict):
                parts[table] = {entry: int((table, entry) == self.path) for entry in parts[table]}
        # Without points in the file it never fires, and a rule must give something to be seen.
        return parts if len(self.path) > 1 else parts | {self.path[0]: self.stated or 1}

    @property
    def reads(self) -> frozenset[str]:
        """The lead columns, or types of event, that the rule looks at."""
        if isinstance(self.model, FitRule):
            return frozenset(column for column, _ in rule_uses(self.model)) or frozenset([str(self.model.column)])
        return frozenset(map(normalise, self.model.event or () if self.model is not None else ()))


def places(rulebook: Rulebook) -> list[Place]:
    """Everything that gives points, in the order of the file: entries of rules, then limits of groups and of totals.

    `other` and `missing` are entries where the file gives them points; limits are places, for rows that they hold back
    have their points.
    """
    document, found = rulebook.to_dict(), entries(rulebook)
    used = {place.model.group for place in found if place.model is not None}
    for section, word in (("groups", "group"), ("totals", "total")):
        for name, limits in document.get(section, {}).items():
            if section == "totals" or name in used:
                of = f"{word} {name}"
                ends = {key: _stated(rulebook, limits[key]) for key in ("at_least", "at_most") if key in limits}
                found += [Place(section, name, of, (key,), points, limits, points) for key, points in ends.items()]
    return found


def entries(rulebook: Rulebook) -> list[Place]:
    """Every rule, and for rules with a table every entry of it, in the order of the file."""
    document, found = rulebook.to_dict(), []
    for section, index, rule in rulebook.rules():
        said = document[section][index]
        tables = [(key, said[key]) for key in ("points", "from") if key in said]
        paths = [(key, *entry) for key, table in tables for entry in (zip(table) if isinstance(table, dict) else [()])]
        paths += [(key,) for key in ("other", "missing") if said.get(key)]
        for path in paths:
            points = stated = _stated(rulebook, value_at(said, path))
            if isinstance(rule, BehaviourRule) and len(path) > 1:
                points = rule.clip(thousandths(points)) / 1000
            found.append(Place(section, index, rule.name, path, points, said, stated, rule))
    return found


def _stated(rulebook: Rulebook, written: Any) -> float:
    """Points as they are written: a number, or the name of a constant."""
    return float(rulebook.constants[written] if isinstance(written, str) else written)


def value_at(said: Mapping[Any, Any], path: Sequence[Any]) -> Any:
    """What stands at a path."""
    return reduce(getitem, path, said)


def put(said: dict[Any, Any], path: Sequence[Any], value: Any) -> None:
    """Write what stands at a path."""
    value_at(said, path[:-1])[path[-1]] = value


def decimals_of(points: Floats) -> int:
    """How many decimals the points of a rulebook have."""
    return next(digits for digits in range(4) if np.allclose(points, np.round(points, digits), rtol=0, atol=1e-9))


def writable(listed: Sequence[Place], points: Floats) -> Floats:
    """Points that can be written: a table's limit that gives points to idle leads holds its entries too."""
    points = points.copy()
    for number, place in enumerate(listed):
        rule = place.model
        if isinstance(rule, BehaviourRule) and len(place.path) > 1 and (idle := rule.clip(0) / 1000):
            points[number] = (max if idle > 0 else min)(points[number], idle)
    return points


def with_points(rulebook: Rulebook, listed: Sequence[Place], new: Floats) -> Rulebook:
    """The rulebook with other points; a rule's own limits go with its points, and never hold back what was learned."""
    decimals = decimals_of(np.array([place.points for place in listed]))
    document = rulebook.to_dict()
    for place, points in zip(listed, new.tolist(), strict=True):
        if points == place.points:
            continue
        said = document[place.section][place.index]
        put(said, place.path, _number(points, decimals))
        if place.section == "behaviour" and place.path == ("points",) and points and place.points:
            # As many events as before reach the limits, which change places with the sign.
            factor = points / place.points
            ends = ("at_least", "at_most") if factor > 0 else ("at_most", "at_least")
            was = {
                other: said.pop(name) for name, other in zip(("at_least", "at_most"), ends, strict=True) if name in said
            }
            said |= {name: _number(limit * factor, decimals) for name, limit in was.items()}
        elif place.section == "behaviour":
            said |= {
                name: _number(furthest(said[name], points), decimals)
                for name, furthest in (("at_least", min), ("at_most", max))
                if name in said
            }
    for section in ("groups", "totals"):
        for said in document.get(section, {}).values():
            if said.get("at_least", -np.inf) > said.get("at_most", np.inf):
                said["at_least"], said["at_most"] = said["at_most"], said["at_least"]
    try:
        return rulebook.edited({name: document[name] for name in POINTED if name in document})
    except RulebookError as error:
        what = "; ".join(problem.message for problem in error.problems)
        cure = "Change the threshold, or give points_to_double"
        raise ArgumentError("rulebook", f"with the learned points it could not be used: {what}. {cure}") from None


def _number(points: float, decimals: int) -> float:
    value = round(float(points), decimals)
    return int(value) if value == int(value) else value


def probe(rulebook: Rulebook, listed: Sequence[Place]) -> Rulebook:
    """A rulebook whose points say which entry a lead is in, by its number within the rule, or how active it is.

    So the scorer itself says when a rule fires, with its windows, decay, conditions and missing values.
    """
    document = rulebook.to_dict()
    ruled = (place for place in listed if place.model is not None)
    for (section, index), inside in groupby(ruled, attrgetter("section", "index")):
        said = document[section][index]
        for number, place in enumerate(inside, 1):
            put(said, place.path, _FINE if section == "behaviour" and place.path == ("points",) else number)
        document[section][index] = {key: value for key, value in said.items() if key not in {"at_least", "at_most"}}
    document = {key: value for key, value in document.items() if key not in {"groups", "totals"}}
    # What blocks a lead, raises its hand or sets its threshold may say of what kind a column is, so that stays.
    minima = {"minimum_fit", "minimum_behaviour", "grades"}
    qualify = {key: value for key, value in document["qualify"].items() if key not in minima} | {"threshold": 0}
    return rulebook.beside(document | {"qualify": qualify})


@dataclass(frozen=True)
class _Sum:
    """Points that are limited as a sum.

    Attributes
    ----------
    inside : places of the points in it
    fixed : keys of the fixed points in it
    limits : dict of "at_least" or "at_most" to the place of the limit
    """

    inside: list[int]
    fixed: list[tuple[str, str | None]]
    limits: dict[str, int]


@dataclass(frozen=True)
class Activations:
    """What the points of a rulebook are multiplied with, row by row.

    Attributes
    ----------
    places : list of Place
    own : (n_rows, n_places) float64
        1 where a lead is in an entry; of behaviour with points of its own, what it gives in units of them, within the
        limits of the rule. What is a limit of a sum has zeros.
    fixed : dict of (side, group) to (n_rows,) float64
        Points that the limits of rules give whatever a lead does: of `at_least: 5`, 5 to a lead without such events.
    sums : list
        What is limited as a sum: groups, then totals.
    """

    places: list[Place]
    own: Floats
    fixed: dict[tuple[str, str | None], Floats]
    sums: list[_Sum]

    @property
    def points(self) -> Floats:
        """(n_places,) as they stand in the file."""
        return np.array([place.points for place in self.places])

    def of(self, rows: Mask) -> Activations:
        """Those of some rows."""
        fixed = {key: part[rows] for key, part in self.fixed.items()}
        return replace(self, own=np.asfortranarray(self.own[rows]), fixed=fixed)

    def at(self, points: Floats) -> tuple[Floats, Floats]:
        """What counts at some points: where a limit holds a sum back, the limit in place of what is in it.

        Returns
        -------
        columns : (n_rows, n_places) float64
        fixed : (n_rows,) float64
            `columns @ points + fixed` is the score, but for the rounding of each event's worth to a thousandth.
        """
        columns, fixed = self.own, self.fixed
        if self.sums:
            columns, fixed = columns.copy(order="F"), {key: part.copy() for key, part in fixed.items()}
        for one in self.sums:
            total = columns[:, one.inside] @ points[one.inside]
            total += np.sum([fixed[key] for key in one.fixed], axis=0)
            for name, place in one.limits.items():
                # Sums of thousandths in floats: what lies within a millionth of a limit is on it.
                rows = (total - points[place]) * (1 if name == "at_most" else -1) > 1e-6
                if rows.any():
                    columns[np.ix_(rows, one.inside)] = 0
                    columns[rows, place] = 1
                    for key in one.fixed:
                        fixed[key][rows] = 0
                    total[rows] = points[place]
        return columns, np.sum(list(fixed.values()), axis=0)

    def total(self, points: Floats) -> Floats:
        """(n_rows,) the score at some points."""
        columns, fixed = self.at(points)
        return columns @ points + fixed


def activations(rulebook: Rulebook, bound: Bound, listed: list[Place]) -> Activations:
    """The activations of rows that are bound by the `probe` of a rulebook."""
    own = np.zeros((bound.n, len(listed)), order="F")
    fixed: dict[tuple[str, str | None], Floats] = {("fit", None): np.zeros(bound.n)}
    for (section, index, rule), seen in zip(rulebook.rules(), bound.every_rule(), strict=True):
        given = seen.dense(bound.n) / 1000
        inside = [number for number, place in enumerate(listed) if (place.section, place.index) == (section, index)]
        if isinstance(rule, BehaviourRule) and rule.points is not None:
            own[:, inside[0]] = _within(given / _FINE, rule.points, rule)
        else:
            own[:, inside] = given[:, None] == np.arange(1, len(inside) + 1)
        if isinstance(rule, BehaviourRule) and (rule.from_ is not None or rule.points == 0):
            idle = rule.clip(0) / 1000 * ((given == 0) | (rule.points == 0))
            key = section, rule.group if rule.group in rulebook.groups else None
            fixed[key] = fixed.get(key, 0) + idle
    return Activations(listed, own, fixed, _sums(rulebook, listed, list(fixed)))


def _within(activation: Floats, points: float, limits: Limits) -> Floats:
    """An activation within limits that are given in points, of which a unit has some."""
    if points == 0:
        return activation
    ends = [np.nan if end is None else end / points for end in (limits.at_least, limits.at_most)]
    low, high = ends if points > 0 else ends[::-1]
    return np.fmin(np.fmax(activation, low), high)


def _sums(rulebook: Rulebook, listed: Sequence[Place], fixed: Sequence[tuple[str, str | None]]) -> list[_Sum]:
    """What is limited as a sum: first each group, then each total, whose parts the limits of its groups are."""
    side_of = {rule.group: section for section, _, rule in rulebook.rules()}
    limits: dict[tuple[str, Any], dict[str, int]] = {}
    # The side and the group in which points are counted; a limit of a group takes their place in the total.
    homes: list[tuple[str | None, str | None]] = []
    for number, place in enumerate(listed):
        if place.model is None:
            limits.setdefault((place.section, place.index), {})[place.path[0]] = number
            homes.append((side_of[str(place.index)] if place.section == "groups" else None, None))
        else:
            homes.append((place.section, place.model.group))
    found = []
    for (section, name), ends in sorted(limits.items()):
        home = (name,) if section == "totals" else (side_of[name], name)
        inside = [number for number, one in enumerate(homes) if one[: len(home)] == home]
        keys = [key for key in fixed if key[: len(home)] == home]
        # The lower limit first, as the language has it where the two cross.
        found.append(_Sum(inside, keys, dict(sorted(ends.items()))))
    return found


# -------------------------------------------------------------------------------------------- where rules fire


def barred(entry: dict[str, Any]) -> SidedRule:
    """A `never` entry, as plain data, as a rule that fires where it bars."""
    parts = {key: value for key, value in entry.items() if key not in {"name", "why", "owner"}}
    if "stage" in parts or "did" in str(parts.get("when")):
        return "behaviour", {"when": parts.get("when", {"did": parts}), "points": 1, "keep_on_restart": True}
    return (
        ("fit", {**parts, "points": 1}) if "when" in parts else ("behaviour", {**parts, "points": 1, "count": "once"})
    )


def fired(
    rulebook: Rulebook,
    rules: Sequence[SidedRule],
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


def probing(rulebook: Rulebook, rules: Sequence[SidedRule]) -> Rulebook:
    """A rulebook of other rules that reads every column as this one does.

    Raises
    ------
    RulebookError
        If a rule does not go with the rulebook: a test that does not suit its column.
    """
    document = {key: value for key, value in rulebook.to_dict().items() if key not in _NOT_ASKED}
    # What the old rules test says how an undeclared column is read: their tests stay, where they give no points.
    qualify = document["qualify"]
    qualify = {key: qualify[key] for key in ("never", "hand_raise", "segments") if key in qualify}
    segments, never = list(qualify.get("segments", [])), list(qualify.get("never", []))
    for number, rule in enumerate(document.get("fit", [])):
        name = f"as before: fit {number}"
        segments.append({"name": name, "when": _tested(rule), "threshold": 0})
    for number, rule in enumerate(document.get("behaviour", [])):
        parts = {key: rule[key] for key in ("event", "where", "after", "since_last") if key in rule}
        name = f"as before: behaviour {number}"
        never += [{"name": name, **parts}] if parts else []
        conditions = [part["when"] for part in (rule, *rule.get("cases", ())) if "when" in part]
        never += [{"name": f"{name}, when {place}", "when": when} for place, when in enumerate(conditions)]
    document["qualify"] = {**qualify, "threshold": -LARGEST_POINTS, "segments": segments, "never": never}
    for side in ("fit", "behaviour"):
        document[side] = [
            {**rule, "name": f"asked {number}"} for number, (one, rule) in enumerate(rules) if one == side
        ]
    return rulebook.beside(document)


def _tested(rule: dict[str, Any]) -> dict[str, Any]:
    """A condition that needs the same of a column as a rule."""
    if "when" in rule:
        return rule["when"]
    if "cases" in rule:
        return {"any": [case["when"] for case in rule["cases"]]}
    if "from" in rule:
        return {rule["column"]: {"at_least": min(rule["from"])}}
    return {rule["column"]: {"in": list(rule["points"])}}
