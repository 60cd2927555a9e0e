"""A change of the gap between behaviour and fit, split exactly by rule and by segment."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student

from leadscore.base.groups import MISSING
from leadscore.drift.cohorts import LIMITS
from leadscore.rulebook import Rulebook
from leadscore.stats.intervals import Floats

# A rule is named if it makes up more than half of the change, a segment more than 15 %, each further from 0 than luck
# takes any of them (Bonferroni over some 15 rules and 40 segments).
_RULE_SHARE, _RULE_ERRORS = 0.5, 2.9
_SEGMENT_SHARE, _SEGMENT_ERRORS = 0.15, 3.2
# Shares of a change that is hardly one mean nothing.
_WHOLE_ERRORS = 1.0
_FEWEST_BEFORE, _FEWEST_SINCE, _FEWEST_WEEKS = 200, 30, 2
# Acts that explain so much of the change come before all that only describes it.
MUCH = 0.5
# The variance of the gap over leads, whose sides are in standard deviations, as of independent ones.
_GAP_SPREAD = 2
# Standard errors by which the others of a column must be rarer where new leads came beside them.
_SURELY = 3
# A value that was so many times rarer before is new, one that is since is gone: where it is not known since when, some
# of the weeks before have it already.
_RARE = 5

Sides = Sequence[dict[str, Any]]
Spread = dict[str, float]


def rule_changes(
    before: Sides, since: Sides, spread: Spread, rulebook: Rulebook, by: Literal["rule", "event", "side"] = "rule"
) -> pd.DataFrame:
    """What each rule adds to the change of the mean gap: exact, the limits of groups and totals a line of their own.

    Returns
    -------
    DataFrame, index rule, largest first
        `side`, `event` (what a behaviour rule waits for), `change` of the gap, `share` of the whole change with `low`
        and `high` (95 %, by weeks), `errors`: the change in standard errors of weeks, `n` leads since, `named`: whether
        it stands out as a cause. By event or side the same of their rules together, `(fit)` and `(limits)` too.
    """
    # Of the rules that all weeks know, and of what limits made of them.
    rules = [(rule.name, side) for side, _, rule in rulebook.rules()]
    sides = {name: side for name, side in rules if all(name in week["rules"] for week in (*before, *since))}
    events = {name: f"({side})" for name, side in sides.items()}
    events |= {
        rule.name: ", ".join(rule.event or ["(what was done)"]) for rule in rulebook.behaviour if rule.name in sides
    }
    limits = {f"{LIMITS} {side}": side for side in ("fit", "behaviour")}
    own = pd.DataFrame({"side": sides | limits, "event": events | dict.fromkeys(limits, LIMITS)})
    lines = [_lines(weeks, spread, sides | limits) for weeks in (before, since)]
    if by != "rule":
        lines = [line.T.groupby(own[by]).sum().T for line in lines]
    changes = _compared_lines(lines[0], lines[1], since)
    changes = own.join(changes) if by == "rule" else changes
    return changes.rename_axis(by).sort_values("change", ascending=False, kind="stable")


def _lines(weeks: Sides, spread: Spread, sides: dict[str, str]) -> pd.DataFrame:
    """What each line adds to the gap of each week: they sum to it."""
    points = pd.DataFrame([[week["rules"].get(name, 0) for name in sides] for week in weeks], columns=list(sides))
    for side in ("fit", "behaviour"):
        own = points[[name for name in sides if sides[name] == side]]
        points[f"{LIMITS} {side}"] = [week[side] for week in weeks] - own.sum(axis=1)
    signed = [(1 if side == "behaviour" else -1) / spread[side] for side in sides.values()]
    return (points * signed).div([week["n"] for week in weeks], axis=0) / 1000


def _compared_lines(before: pd.DataFrame, since: pd.DataFrame, weeks: Sides) -> pd.DataFrame:
    """Lines that sum to the gap, by week, as shares of its change; a line is named if it makes up more than half."""
    change, errors = compared(before.to_numpy(), since.to_numpy())
    gaps = before.sum(axis=1).to_numpy(), since.sum(axis=1).to_numpy()
    low, high = share_interval(before.to_numpy(), since.to_numpy(), *gaps)
    frame = pd.DataFrame({"change": change, "share": change / (change.sum() or math.nan), "low": low, "high": high})
    frame = frame.assign(errors=errors, n=sum(week["n"] for week in weeks)).set_axis(before.columns)
    return _with_named(frame, gaps, _RULE_SHARE, _RULE_ERRORS)


def _with_named(frame: pd.DataFrame, gaps: tuple[Floats, Floats], share: float, errors: float) -> pd.DataFrame:
    """The frame with `named`: what makes up more than a share of a change that is one, further than luck takes it."""
    moved = abs(compared(*gaps)[1]) > _WHOLE_ERRORS
    return frame.assign(named=(frame["share"] > share) & (frame["errors"].abs() > errors) & moved)


def share_interval(before: Floats, since: Floats, whole_before: Floats, whole_since: Floats) -> tuple[Floats, Floats]:
    """The 95 % interval of a change as a share of another one, by how weeks before differ (Fieller 1954).

    NaN where the other one could be no change at all: then its shares are anything.

    Parameters
    ----------
    before, since : (n_weeks, n_lines)
    whole_before, whole_since : (n_weeks,)

    References
    ----------
    Fieller, E. C. (1954), Some problems in interval estimation, Journal of the Royal Statistical Society B 16, 175-185.
    """
    weeks = len(before)
    part, whole = since.mean(axis=0) - before.mean(axis=0), whole_since.mean() - whole_before.mean()
    rest, other = before - before.mean(axis=0), whole_before - whole_before.mean()
    scale = float(student.ppf(0.975, weeks - 1)) ** 2 * (1 / len(since) + 1 / weeks) / (weeks - 1)
    known = whole**2 - scale * (other * other).sum()
    if weeks < 3 or not known > 0:
        nothing = np.full(before.shape[1], math.nan)
        return nothing, nothing
    own, both = (scale * (rest * one).sum(axis=0) for one in (rest, other[:, None]))
    middle = part * whole - both
    half = np.sqrt(np.maximum(middle**2 - known * (part**2 - own), 0))
    return (middle - half) / known, (middle + half) / known


def segment_changes(before: Sides, since: Sides, spread: Spread) -> pd.DataFrame:
    """What each segment adds to the change: by being more or fewer (mix), by its own leads' gap (within).

    A value that is new, one that is gone and `(missing)` are compared with all leads, the others of their column only
    with each other: leads that move to a new value do not make those fewer that they leave behind.

    Returns
    -------
    DataFrame, index (column, value, how), largest share first
        `share` of the whole change with `low` and `high` (95 %, by weeks), `errors`, `n` leads of the segment since,
        `named`.
    """
    whole = _gap(sums_by_week(since), spread) - _gap(sums_by_week(before), spread) or math.nan
    everyone = [sums_by_week(weeks) for weeks in (before, since)]
    rows = {}
    for column in before[0]["segments"]:
        values = sorted({value for week in (*before, *since) for value in week["segments"].get(column, {})})
        inside = {value: [sums_by_week(weeks, column, value) for weeks in (before, since)] for value in values}
        apart = {value for value in values if value == MISSING or came_or_went(inside[value], everyone)}
        stayed = [all_of - sum(inside[value][side] for value in apart) for side, all_of in enumerate(everyone)]
        for value, own in inside.items():
            among = everyone if value in apart else stayed
            for how, share, *rest in _segment(own, everyone, among, spread):
                rows[column, value, how] = (share / whole, *rest)
    index = pd.MultiIndex.from_tuples(list(rows), names=["column", "value", "how"])
    frame = pd.DataFrame(list(rows.values()), index, columns=["share", "low", "high", "errors", "n"])
    gaps = gaps_of(before, spread), gaps_of(since, spread)
    named = _with_named(frame, gaps, _SEGMENT_SHARE, _SEGMENT_ERRORS)
    return named.sort_values("share", ascending=False, kind="stable")


def came_or_went(own: Sequence[Floats], everyone: Sequence[Floats]) -> int:
    """1 if a value is new since, -1 if it is gone, 0 if it is neither."""
    (n_before, n), (all_before, all_since) = ([side[:, 0].sum() for side in sides] for sides in (own, everyone))
    old, new = n_before / all_before, n / all_since
    if n >= _FEWEST_SINCE and old < new / _RARE:
        return 1
    return -1 if old * all_since >= _FEWEST_SINCE and new < old / _RARE else 0


class Field(NamedTuple):
    """A field that is filled in differently: its column, the new values, those whose place they took, and its share."""

    column: str
    new: tuple[str, ...]
    old: tuple[str, ...]
    share: float


def fields_of(before: Sides, since: Sides, segments: pd.DataFrame) -> list[Field]:
    """What stands out since a field is filled in differently, by share: `(missing)`, or new names for old values."""
    found, named = [], segments[segments["named"]]
    for column in named.index.unique("column"):
        known = segments.loc[column].xs("mix", level="how")["share"]
        values = [value for one, value, how in named.index if (one, how) == (column, "mix")]
        new, old = ((MISSING,), ()) if MISSING in values else _renamed(before, since, column)
        if {*values} & {*new, *old}:
            found.append(Field(column, new, old, float(known[known.index.isin([*new, *old])].sum())))
    return sorted(found, key=lambda field: -field.share)


def _renamed(before: Sides, since: Sides, column: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """New values, and those whose place they took: they fell by as much, and the others did not; none if none did."""
    values = sorted({name for week in (*before, *since) for name in week["segments"].get(column, {})} - {MISSING})
    inside = {name: [sums_by_week(weeks, column, name) for weeks in (before, since)] for name in values}
    everyone = [sums_by_week(weeks) for weeks in (before, since)]
    n = np.array([side[:, 0].sum() for side in everyone])
    shares = {name: np.array([side[:, 0].sum() for side in own]) / n for name, own in inside.items()}
    moved = {name: came_or_went(inside[name], everyone) for name in values}
    new, gone = ([name for name in values if moved[name] == way] for way in (1, -1))
    rest = [name for name in values if name not in new]
    if not new or not rest:
        return (), ()
    old = gone or [min(rest, key=lambda name: float(np.diff(shares[name])[0]))]
    rise, fall = (float(sum(np.diff(shares[name])[0] for name in some)) for some in (new, old))
    others = 1 - float(sum(shares[name][0] for name in old))
    # New leads beside the old make all of these rarer; a new name leaves the others what they were.
    displaced = rise * others
    known = displaced > _SURELY * math.sqrt(max(others * (1 - others), 0) / n[1])
    told = (known or gone) and abs(rise + fall) < max(displaced, rise * bool(gone)) / 2
    return (tuple(new), tuple(old)) if told else ((), ())


def segment_label(column: str, value: str, how: str) -> str:
    """A segment in words: `source = paid (mix)`."""
    return f"{column} = {value} ({how})"


def _segment(
    inside: Sequence[Floats], everyone: Sequence[Floats], among: Sequence[Floats], spread: Spread
) -> Iterator[tuple[str, float, float, float, float, int]]:
    """(how, change of the gap, share's interval, standard errors, n) of a segment, as far as it has enough leads."""
    n_before, n = (int(own[:, 0].sum()) for own in inside)
    moved = came_or_went(inside, everyone)
    if not moved and (n_before < _FEWEST_BEFORE or n < _FEWEST_SINCE):
        return
    sizes = [some[:, 0].sum() for some in among]
    old, new = np.array([n_before, n]) / np.maximum(sizes, 1)
    shares = [own[:, 0] / np.maximum(some[:, 0], 1) for own, some in zip(inside, among, strict=True)]
    rest = [some - own for own, some in zip(inside, among, strict=True)]
    # What its leads are, and those it is compared with, is known where there are some.
    own_gap = _over_sides([own for own, side in zip(inside, (-1, 1), strict=True) if moved in (0, side)], spread)
    weight = own_gap - _over_sides(rest if among is everyone else everyone, spread)
    of_all = float(np.mean([size / total[:, 0].sum() for size, total in zip(sizes, everyone, strict=True)]))
    weight *= of_all
    mix = float((new - old) * weight)
    errors = float(_in_errors(new - old, shares[0], len(shares[1]))) if mix > 0 or among is everyone else 0.0
    # A value that no week has before varies by the luck of its leads all the same; and so does what they are.
    pooled, of = (n_before + n) / max(sum(sizes), 1), sum(1 / max(size, 1) for size in sizes)
    most = abs(new - old) / math.sqrt(max(pooled * (1 - pooled), 1e-12) * of)
    if among is everyone:
        by_luck = _GAP_SPREAD * sum(1 / max(side, 1) for side in (n_before + n, sum(map(_count, rest))))
        most = min(most, abs(weight) / math.sqrt(by_luck))
    gaps = [_gaps(total, spread) for total in everyone]
    ends = _ends([share * weight for share in shares], gaps)
    yield "mix", mix, *ends, float(np.clip(errors, -most, most)), n
    if moved:
        return
    both = [(own[:, 0] > 0) & (other[:, 0] > 0) for own, other in zip(inside, rest, strict=True)]
    if both[0].sum() < _FEWEST_WEEKS or not both[1].any():
        return
    weekly = [
        _gaps(own[kept], spread) - _gaps(other[kept], spread)
        for own, other, kept in zip(inside, rest, both, strict=True)
    ]
    # Where all do more alike, those who did more before add more: nothing of their own.
    alike = _mean(rest[1], 2) / _mean(rest[0], 2) - 1 if rest[0][:, 2].sum() > 0 else 0.0
    usual = alike * (_mean(inside[0], 2) - _mean(rest[0], 2)) / spread["behaviour"] / 1000
    excess = _gap(inside[1], spread) - _gap(rest[1], spread) - weekly[0].mean() - usual
    size = (old + new) / 2 * of_all
    gaps = [whole[kept] for whole, kept in zip(gaps, both, strict=True)]
    ends = _ends([size * weekly[0], size * (weekly[1] - usual)], gaps)
    yield "within", float(size * excess), *ends, float(_in_errors(excess, weekly[0], len(everyone[1]))), n


def _over_sides(sides: Sequence[Floats], spread: Spread) -> float:
    """The mean gap of some leads before and since, of the side that has any."""
    return float(np.mean([_gap(side, spread) for side in sides if side[:, 0].any()] or [0.0]))


def _ends(line: Sequence[Floats], whole: Sequence[Floats]) -> tuple[float, float]:
    """The interval of a line's share of the change, both by week, before and since."""
    low, high = share_interval(line[0][:, None], line[1][:, None], whole[0], whole[1])
    return float(low[0]), float(high[0])


def compared(before: Floats, since: Floats) -> tuple[Floats, Floats]:
    """The change of the mean of each column, or of one series, and it in standard errors by the weeks before."""
    change = since.mean(axis=0) - before.mean(axis=0)
    return change, _in_errors(change, before, len(since))


def _in_errors(change: Any, before: Floats, n_since: int) -> Floats:
    """A change in standard errors of weeks; none is 0 of them, though weeks never differ."""
    error = before.std(axis=0, ddof=1) * math.sqrt(1 / n_since + 1 / len(before))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.divide(change, error), posinf=np.inf, neginf=-np.inf)


def sums_by_week(weeks: Sides, column: str = "", value: str = "") -> Floats:
    """(n_weeks, 3): n, fit and behaviour of all leads or of a segment, in thousandths where they are of points."""
    if column:
        return np.array([week["segments"].get(column, {}).get(value, [0, 0, 0]) for week in weeks], float)
    return np.array([[week["n"], week["fit"], week["behaviour"]] for week in weeks], float)


def _count(table: Floats) -> float:
    return float(table[:, 0].sum())


def _mean(table: Floats, column: int) -> float:
    """The mean per lead, in thousandths."""
    return float(table[:, column].sum() / table[:, 0].sum())


def gaps_of(weeks: Sides, spread: Spread) -> Floats:
    """The gap of each week."""
    return _gaps(sums_by_week(weeks), spread)


def _gaps(table: Floats, spread: Spread) -> Floats:
    """The gap of each row of n, fit and behaviour in thousandths."""
    return (table[:, 2] / spread["behaviour"] - table[:, 1] / spread["fit"]) / table[:, 0] / 1000


def _gap(table: Floats, spread: Spread) -> float:
    return float(_gaps(table.sum(axis=0)[None], spread)[0])


def compared_line(line: Sequence[Floats], whole: Sequence[Floats]) -> tuple[float, float, float, float]:
    """The share of the whole's change that a weekly figure carries, its interval, and its standard errors."""
    change, errors = compared(line[0], line[1])
    moved = whole[1].mean() - whole[0].mean()
    return float(change / (moved or math.nan)), *_ends(line, whole), float(errors)
