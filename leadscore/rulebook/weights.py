"""`weight_percent`: points on a sheet from 0 to 100, times a weight; no engine sees it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from leadscore.base.text import decimal
from leadscore.rulebook.model import BehaviourRule, Contents, FitRule, Group, Total
from leadscore.rulebook.yaml import Fault, Path

# What is a figure of points.
_POINTS = ("points", "from_", "other", "missing", "at_least", "at_most", "each_at_most")


def applied(book: Contents) -> tuple[Contents, list[Fault]]:
    """The same rulebook with every weight in its points, and the products that have more than three decimals."""
    faults: list[Fault] = []
    totals = {side: _factor(getattr(book.totals, side)) for side in ("fit", "behaviour")}
    groups = {name: _factor(group) for name, group in book.groups.items()}
    if all(
        factor == 1 for factor in (*totals.values(), *groups.values(), *(_factor(rule) for *_, rule in book.rules()))
    ):
        return book, faults
    sides = {rule.group: section for section, _, rule in book.rules()}
    sections: dict[str, Any] = {
        section: tuple(
            _weighted(rule, _factor(rule) * groups.get(rule.group or "", 1) * totals[section], (section, index), faults)
            for index, rule in enumerate(getattr(book, section))
        )
        for section in ("fit", "behaviour")
    }
    sections["groups"] = {
        name: _weighted(group, groups[name] * totals[sides.get(name, "fit")], ("groups", name), faults)
        for name, group in book.groups.items()
    }
    limits = {side: _weighted(getattr(book.totals, side), totals[side], ("totals", side), faults) for side in totals}
    sections["totals"] = book.totals.model_copy(update=limits)
    return book.model_copy(update=sections), faults


def _factor(part: FitRule | BehaviourRule | Group | Total) -> Decimal:
    return Decimal(1) if part.weight_percent is None else Decimal(repr(part.weight_percent)) / 100


def _weighted(part: Any, factor: Decimal, path: Path, faults: list[Fault]) -> Any:
    """A part with its figures times a factor."""
    if factor == 1:
        return part

    def times(points: Any, place: Path) -> Any:
        if isinstance(points, Mapping):
            # Whole edges stand in the file without a point.
            names = {key: int(key) if isinstance(key, float) and key.is_integer() else key for key in points}
            return {key: times(value, (*place, names[key])) for key, value in points.items()}
        if points is None or math.isinf(points):
            return points
        product = Decimal(repr(points)) * factor
        if product != round(product, 3):
            message = f"{decimal(points)} times a weight of {(factor * 100).normalize():f} % is {product.normalize():f}"
            faults.append((place, f"{message}: points have at most three decimals", False))
        return float(product)

    update = {name: times(getattr(part, name), (*path, name.rstrip("_"))) for name in _POINTS if hasattr(part, name)}
    if cases := getattr(part, "cases", None):
        update["cases"] = tuple(
            case.model_copy(update={"points": times(case.points, (*path, "cases", index, "points"))})
            for index, case in enumerate(cases)
        )
    # Made anew, for what was worked out of a part is kept with it.
    fields = {name: getattr(part, name) for name in part.model_fields_set} | {
        name: value for name, value in update.items() if name in part.model_fields_set
    }
    return type(part).model_construct(_fields_set=set(fields), **fields)
