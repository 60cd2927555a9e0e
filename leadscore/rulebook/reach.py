"""Who can qualify at all: the least fit, what behaviour alone gives, and grades that no lead reaches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import product

from leadscore.rulebook.bounds import Range, distinct_ages, rule_range, shown, side_range
from leadscore.rulebook.model import BehaviourRule, Contents, minimum
from leadscore.rulebook.values import LONGEST_DAYS, REST
from leadscore.rulebook.yaml import Path

Found = Iterator[tuple[str, Path, str]]
_SIDES = ("fit", "behaviour")


def least_fit(book: Contents) -> Found:
    """The least fit that can still qualify, at each threshold: computed from the limits, not sampled."""
    fit, behaviour = side_range(book, "fit"), side_range(book, "behaviour")
    qualify, cells = book.qualify, _cells(book)
    enough = [cells[name] for name in qualify.grades or () if _reachable(cells[name], fit, behaviour)]
    if qualify.grades and not enough:
        return
    where = ("qualify",) if qualify.threshold is None else ("qualify", "threshold")
    thresholds: list[tuple[Path, str, float | None]] = [(where, "a lead", qualify.threshold)]
    thresholds += [
        (("qualify", "segments", index, "threshold"), f"a lead in {segment.name!r}", segment.threshold)
        for index, segment in enumerate(qualify.segments)
    ]
    for path, who, threshold in thresholds:
        needed = minimum(threshold)
        asked = {
            "that is the minimum fit": minimum(qualify.minimum_fit),
            "no grade that qualifies begins lower": min(
                (cell["fit"].least for cell in enough if "fit" in cell), default=-math.inf
            ),
            f"behaviour gives at most {shown(behaviour.most)}": needed - behaviour.most,
        }
        why = max(asked, key=lambda reason: asked[reason])
        least = max(asked[why], fit.least)
        if needed > fit.most + behaviour.most:
            most = shown(fit.most + behaviour.most)
            yield "LS112", path, f"{who} cannot reach {shown(needed)} by score: the rules give at most {most}"
        elif least <= max(0, fit.least):
            bars = [
                cell["behaviour"].least for cell in enough if "behaviour" in cell and least < cell.get("fit", _ANY).most
            ]
            alone = max(needed - least, minimum(qualify.minimum_behaviour), min(bars, default=-math.inf))
            gives = "behaviour alone can qualify"
            if threshold is not None:
                gives = f"behaviour alone can reach {shown(min(behaviour.most, needed))} of {shown(needed)}"
            yield "LS110", path, f"{gives}: {who} with {shown(least)} fit qualifies{_recipe(book, alone)}"
        else:
            reach = "to qualify" if threshold is None else f"to reach {shown(needed)}"
            yield "LS111", path, f"{who} needs at least {shown(least)} fit {reach}: {why}"


_ANY = Range(-math.inf, math.inf)


def _cells(book: Contents) -> dict[str, dict[str, Range]]:
    """The cells of the grid, each with the points that lie in it, by side; its most is where the next better begins."""
    sides = []
    for side, bars in book.grade_bars().items():
        above = [math.inf, *bars.values()]
        sides.append([(name, side, Range(bar, most)) for (name, bar), most in zip(bars.items(), above, strict=False)])
    return {
        "".join(name for name, _, _ in cell): {side: points for _, side, points in cell} for cell in product(*sides)
    }


def _reachable(cell: Mapping[str, Range], fit: Range, behaviour: Range) -> bool:
    """Whether both sides can have the points of a cell, each by itself."""
    sides = ((fit, cell.get("fit", _ANY)), (behaviour, cell.get("behaviour", _ANY)))
    return all(points.least <= reach.most and reach.least < points.most for reach, points in sides)


def unreachable_cells(book: Contents) -> Found:
    """Labels and grades that qualify whose cells no lead can reach."""
    fit, behaviour = side_range(book, "fit"), side_range(book, "behaviour")
    cells = _cells(book)
    reached = {name for name, cell in cells.items() if _reachable(cell, fit, behaviour)}
    fits = f"fit is {shown(fit.least)} to {shown(fit.most)}"
    why = f"{fits}, behaviour {shown(behaviour.least)} to {shown(behaviour.most)}"
    for place, name in enumerate(book.qualify.grades or ()):
        if name not in reached:
            yield "LS136", ("qualify", "grades", place), f"no lead can have the grade {name!r}: {why}"
    taken: set[str] = set()
    for label, names in book.labels.items():
        those = set(cells) - taken if names == REST else set(names)
        if not those & reached - taken:
            told = "the labels above it have all its cells" if those <= taken else why
            yield "LS136", ("labels", label), f"no lead can have the label {label!r}: {told}"
        taken |= those


def _recipe(book: Contents, needed: float) -> str:
    """The fewest events of today that give the points, the best-paid first; in words."""
    steps = []
    left: dict[str | None, float] = {}
    reach = {rule.name: rule_range(book, rule).most for rule in book.behaviour}

    def first(rule: BehaviourRule) -> float:
        return max(rule.worth(0), 0) if rule.event and not rule.cases else reach[rule.name]

    for rule in sorted(book.behaviour, key=lambda rule: -first(rule)):
        room = book.limits(rule.group).bounds[1]
        gain = min(reach[rule.name], left.get(rule.group, room) if rule.group else math.inf, needed)
        if gain <= 0 or needed <= 0 or first(rule) <= 0 or book.per(rule) or rule.sum:
            continue
        steps.append(f"{rule.name!r} {_times(rule, gain)}".rstrip())
        left[rule.group] = left.get(rule.group, room) - gain
        needed -= gain
    return f" after {', '.join(steps)}" if steps and needed <= 0 else ""


def _times(rule: BehaviourRule, gain: float) -> str:
    """How often the events of a rule give so many points; empty where it is not paid by the event."""
    if not rule.event or rule.cases:
        return ""
    unit = _UNITS.get(rule.distinct or ())
    if unit is None:
        count = 1 if rule.distinct == () else math.ceil(gain / rule.worth(0))
        another = f", each with another {' and '.join(rule.distinct)}" if rule.distinct and count > 1 else ""
        return ("once" if count == 1 else f"{count} times") + another
    # A limit `at_least` may give more than all days together.
    count, total = 0, 0
    for age in distinct_ages(rule.distinct or (), rule.within_days or LONGEST_DAYS) or ():
        if total >= gain or rule.worth(age) <= 0:
            break
        total, count = total + rule.worth(age), count + 1
    return "once" if count == 1 else unit.format(count)


_UNITS: dict[tuple[str, ...], str] = {("day",): "on {} days", ("week",): "in {} weeks", ("month",): "in {} months"}
