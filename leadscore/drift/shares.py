"""A change of the gap between behaviour and fit, split exactly by rule and by segment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from leadscore.drift.cohorts import LIMITS
from leadscore.evaluation import Floats
from leadscore.rulebook import Rulebook

# A rule is named if it makes up more than half of the change, a segment more than 15 %, each further from 0 than luck
# takes any of them (Bonferroni over some 15 rules and 40 segments).
_RULE_SHARE, _RULE_ERRORS = 0.5, 2.9
_SEGMENT_SHARE, _SEGMENT_ERRORS = 0.15, 3.2
_FEWEST_BEFORE, _FEWEST_SINCE = 200, 30

Sides = Sequence[dict[str, Any]]


def rule_changes(before: Sides, since: Sides, spread: dict[str, float], rulebook: Rulebook) -> pd.DataFrame:
    """What each rule adds to the change of the mean gap: exact, the limits of groups and totals a line of their own.

    Returns
    -------
    DataFrame, index rule, largest first
        `side`, `change` of the gap, `share` of the whole change, `errors`: the change in standard errors of weeks,
        `named`: whether it is to blame.
    """
    sides = {
        rule.name: side for side, _, rule in rulebook.rules() if all(rule.name in week["rules"] for week in before)
    }
    sides |= {f"{LIMITS} {side}": side for side in ("fit", "behaviour")}

    def lines(weeks: Sides) -> Floats:
        found = np.array([[_line(week, name, side, sides) for name, side in sides.items()] for week in weeks])
        signed = [(1 if side == "behaviour" else -1) / spread[side] for side in sides.values()]
        return found * signed / np.array([[week["n"]] for week in weeks]) / 1000

    change, errors = _compared(lines(before), lines(since))
    share = change / change.sum()
    named = (share > _RULE_SHARE) & (errors > _RULE_ERRORS)
    frame = pd.DataFrame({"side": list(sides.values()), "change": change, "share": share, "errors": errors})
    frame = frame.assign(named=named).set_axis(pd.Index(list(sides), name="rule"))
    return frame.sort_values("change", ascending=False, kind="stable")


def _line(week: dict[str, Any], name: str, side: str, sides: dict[str, str]) -> int:
    """A rule's points in a week, or what the limits made of all rules of a side."""
    if name in week["rules"]:
        return int(week["rules"][name])
    return int(week[side]) - sum(int(week["rules"].get(rule, 0)) for rule, own in sides.items() if own == side)


def segment_changes(before: Sides, since: Sides, spread: dict[str, float]) -> pd.DataFrame:
    """What each segment adds to the change: by being more or fewer (mix), by its own leads' gap (within).

    Returns
    -------
    DataFrame, index (column, value, how), largest share first
        `share` of the whole change, `errors`, `named`.
    """
    whole = _gap(_totals(since), spread) - _gap(_totals(before), spread)
    rows = {}
    for column in before[0]["segments"] if before else ():
        values = sorted({value for week in (*before, *since) for value in week["segments"].get(column, {})})
        for value in values:
            for how, share, errors in _segment(before, since, spread, column, value):
                rows[column, value, how] = (share / whole, errors)
    index = pd.MultiIndex.from_tuples(list(rows), names=["column", "value", "how"]) if rows else pd.Index([])
    frame = pd.DataFrame(list(rows.values()), index, columns=["share", "errors"])
    named = (frame["share"] > _SEGMENT_SHARE) & (frame["errors"].abs() > _SEGMENT_ERRORS)
    return frame.assign(named=named).sort_values("share", ascending=False, kind="stable")


def _segment(
    before: Sides, since: Sides, spread: dict[str, float], column: str, value: str
) -> list[tuple[str, float, float]]:
    """(how, change of the gap, standard errors) of one segment, as far as it has enough leads."""
    inside = [_parts(weeks, column, value) for weeks in (before, since)]
    everyone = [_totals(weeks) for weeks in (before, since)]
    if inside[0][:, 0].sum() < _FEWEST_BEFORE or inside[1][:, 0].sum() < _FEWEST_SINCE:
        return []
    shares = [own[:, 0] / total[:, 0] for own, total in zip(inside, everyone, strict=True)]
    mean = [own[:, 0].sum() / total[:, 0].sum() for own, total in zip(inside, everyone, strict=True)]
    extra = [_gap(own, spread) - _gap(total, spread) for own, total in zip(inside, everyone, strict=True)]
    mix = (mean[1] - mean[0]) * (extra[0] + extra[1]) / 2
    errors = (mean[1] - mean[0]) / _error(shares[0], len(shares[1])) if len(shares[0]) > 1 else 0.0
    found = [("mix", float(mix), float(errors) if mix > 0 else 0.0)]
    rest = [total - own for own, total in zip(inside, everyone, strict=True)]
    both = (inside[0][:, 0] > 0) & (rest[0][:, 0] > 0)
    if rest[1][:, 0].sum() and both.sum() > 1:
        weekly = _gaps(inside[0][both], spread) - _gaps(rest[0][both], spread)
        excess = _gap(inside[1], spread) - _gap(rest[1], spread) - weekly.mean()
        error = _error(weekly, len(shares[1]))
        found.append(("within", float((mean[0] + mean[1]) / 2 * excess), float(excess / error)))
    return found


def _compared(before: Floats, since: Floats) -> tuple[Floats, Floats]:
    """The change of the mean of each column, and it in standard errors by the weeks before."""
    change = since.mean(axis=0) - before.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = change / _error(before, len(since))
    return change, np.nan_to_num(errors, posinf=np.inf, neginf=-np.inf)


def _error(before: Floats, n_since: int) -> Any:
    return before.std(axis=0, ddof=1) * math.sqrt(1 / n_since + 1 / len(before))


def _totals(weeks: Sides) -> Floats:
    return np.array([[week["n"], week["fit"], week["behaviour"]] for week in weeks], float)


def _parts(weeks: Sides, column: str, value: str) -> Floats:
    return np.array([week["segments"].get(column, {}).get(value, [0, 0, 0]) for week in weeks], float)


def _gaps(table: Floats, spread: dict[str, float]) -> Floats:
    """The gap of each row of n, fit and behaviour in thousandths."""
    return (table[:, 2] / spread["behaviour"] - table[:, 1] / spread["fit"]) / table[:, 0] / 1000


def _gap(table: Floats, spread: dict[str, float]) -> float:
    return float(_gaps(table.sum(axis=0)[None], spread)[0])
