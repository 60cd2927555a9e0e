"""What a behaviour rule, or a `did`, makes of days with events: numbers, worths and sums, value by value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from leadscore.rulebook.model import BehaviourRule, Limits, thousandths
from leadscore.rulebook.plan import EventPlan
from leadscore.scoring.attributes import clipped
from leadscore.tables.days import Days, Ints, nothing, order_by, runs, sums, together


@dataclass(frozen=True)
class Sparse:
    """One number per lead, most of them the same: `default` but for the leads at `rows`."""

    rows: npt.NDArray[np.int32]
    values: Ints
    default: int

    def dense(self, n: int) -> Ints:
        """(n,) the number of each lead."""
        full = np.full(n, self.default, np.int64)
        full[self.rows] = self.values
        return full

    def at(self, row: int) -> int:
        """The number of one lead."""
        place = int(np.searchsorted(self.rows, np.int32(row)))
        found = place < len(self.rows) and self.rows[place] == row
        return int(self.values[place]) if found else self.default

    def part(self, leads: slice) -> Sparse:
        """The numbers of some leads, counted from the first of them."""
        # Looked for as another type, all rows would be converted to it first.
        first, last = np.searchsorted(self.rows, np.array([leads.start, leads.stop], self.rows.dtype))
        return Sparse(self.rows[first:last] - np.int32(leads.start), self.values[first:last], self.default)

    def clip(self, limits: Limits) -> Sparse:
        """Within limits, which hold for leads without events too."""
        return Sparse(self.rows, clipped(self.values, limits), limits.clip(self.default))

    def only(self, held: npt.NDArray[np.bool_]) -> Sparse:
        """The same where something holds, (n,); elsewhere 0."""
        if self.default:
            return Sparse(np.arange(len(held), dtype=np.int32), np.where(held, self.dense(len(held)), 0), 0)
        return Sparse(self.rows, np.where(held[self.rows], self.values, 0), 0)


class ByValue(NamedTuple):
    """A number for each lead and value that something is worked out for, in order of the leads and values."""

    lead: npt.NDArray[np.int32]
    per: tuple[npt.NDArray[Any], ...]
    values: Ints

    def added(self, default: int = 0) -> Sparse:
        """The sum of each lead."""
        starts = runs(self.lead)
        return Sparse(self.lead[starts], sums(self.values, starts), default)

    def only(self, held: npt.NDArray[np.bool_]) -> ByValue:
        """Those of the leads for which something holds, (n,)."""
        rows = held[self.lead]
        return ByValue(self.lead[rows], tuple(key[rows] for key in self.per), self.values[rows])

    def at_most(self, most: float | None) -> ByValue:
        """Each number at most so many points."""
        return self if most is None else self._replace(values=np.minimum(self.values, thousandths(most)))


def summed(parts: Sequence[ByValue]) -> ByValue:
    """The numbers of several rules added up, value by value."""
    lead, values = (np.concatenate([getattr(part, name) for part in parts]) for name in ("lead", "values"))
    per = tuple(map(np.concatenate, zip(*(part.per for part in parts), strict=True)))
    order = order_by(lead, *per)
    lead, per, values = lead[order], tuple(key[order] for key in per), values[order]
    starts = runs(lead, *per)
    return ByValue(lead[starts], tuple(key[starts] for key in per), sums(values, starts))


def units(plan: EventPlan, classes: Sequence[Days], day: Ints) -> tuple[Days, tuple[npt.NDArray[Any], ...]]:
    """What counts by itself, one row each at its latest, and by which values it is worked out, in their order."""
    days = together(classes) if classes else nothing()
    per, distinct = ([_of(plan, days, day, name) for name in names or ()] for names in (plan.per, plan.distinct))
    if plan.distinct is None and not per and len(classes) == 1:
        return days, ()
    order = order_by(days.lead, *per, *distinct, days.age)
    days, per, distinct = days.take(order), [key[order] for key in per], [key[order] for key in distinct]
    if plan.distinct is not None:
        # The first row of each is its latest.
        starts = runs(days.lead, *per, *distinct)
        days, per = days.take(starts), [key[starts] for key in per]
        days = Days(days.lead, days.age, np.ones(len(starts), np.int64), (), days.total)
    return days, tuple(per)


def _of(plan: EventPlan, days: Days, day: Ints, name: str) -> npt.NDArray[Any]:
    """The values by which rows are told apart: of a column, or a day, a week or a month of the calendar."""
    if name in plan.columns:
        return days.keys[plan.columns.index(name)]
    dates = day[days.lead] - days.age
    if name == "week":
        return (dates + 3) // 7  # 1970 began on a Thursday
    return dates if name == "day" else dates.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def counted(plan: EventPlan, classes: Sequence[Days], day: Ints) -> Sparse:
    """How many there are of what counts by itself; or the sum of a column, in thousandths."""
    days, _ = units(plan, classes, day)
    starts = runs(days.lead)
    return Sparse(days.lead[starts], sums(days.count if days.total is None else days.total, starts), 0)


def by_value(rule: BehaviourRule, plan: EventPlan, classes: Sequence[Days], day: Ints) -> ByValue:
    """What a rule gives for each lead and value, before its limits."""
    days, per = units(plan, classes, day)
    starts = runs(days.lead, *per)
    lead, per = days.lead[starts], tuple(key[starts] for key in per)
    if days.total is not None:
        found = _paid(rule, sums(days.total, starts), 1000) if rule.from_ else _times(sums(days.total, starts), rule)
    elif rule.from_ is not None:
        found = _paid(rule, sums(days.count, starts), 1)
    else:
        found = sums(worths(rule, [days])[days.age] * days.count, starts)
    return ByValue(lead, per, found)


def _times(totals: Ints, rule: BehaviourRule) -> Ints:
    """Points for each unit of sums in thousandths, rounded half to even once."""
    each = thousandths(rule.points)  # type: ignore[arg-type] # without `from` there are points
    # Whole units and the rest by themselves, or the product could outgrow 64 bits.
    whole, rest = np.divmod(totals, 1000)
    down, over = np.divmod(rest * each, 1000)
    odd = (whole * each + down) % 2 == 1
    return whole * each + down + ((over > 500) | ((over == 500) & odd))


def _paid(rule: BehaviourRule, numbers: Ints, unit: int) -> Ints:
    """What a rule with `from` gives for numbers, counted in so small a part of one."""
    assert rule.from_ is not None
    edges = sorted(rule.from_)
    steps = np.array([0, *map(rule.reached, edges)], np.int64)
    return steps[np.searchsorted(edges, numbers / unit if unit > 1 else numbers, "right")]


def points(rule: BehaviourRule, plan: EventPlan, classes: Sequence[Days], day: Ints) -> Sparse:
    """What a rule without cases and values gives before its limits, from the days with events it waits for.

    For `each` they may come in several classes; for `daily` and `once` they are one, see `merged`.
    """
    if plan.sum or plan.columns or plan.distinct not in {None, ("day",), ()}:
        return by_value(rule, plan, classes, day).added(0 if rule.from_ is None else rule.reached(0))
    return paid(rule, tally(rule, plan, classes))


def paid(rule: BehaviourRule, found: Sparse) -> Sparse:
    """What a rule gives for what it goes by."""
    return found if rule.from_ is None else Sparse(found.rows, _paid(rule, found.values, 1), rule.reached(0))


def tally(rule: BehaviourRule, plan: EventPlan, classes: Sequence[Days]) -> Sparse:
    """What a rule goes by: what its events are worth, or with `from` how many there are; nothing without any."""
    return _each(rule, classes) if plan.distinct is None else _one_table(rule, plan, classes)


def _one_table(rule: BehaviourRule, plan: EventPlan, classes: Sequence[Days]) -> Sparse:
    """Days that count once each, or the latest alone."""
    (days,) = classes
    if plan.distinct == ():
        days = days.take(days.starts)
    rows = days.lead[days.starts]
    if rule.from_ is not None:
        return Sparse(rows, np.diff(days.starts, append=len(days.lead)), 0)
    return Sparse(rows, sums(worths(rule, [days])[days.age], days.starts), 0)


def _each(rule: BehaviourRule, classes: Sequence[Days]) -> Sparse:
    """Every event counts, so classes need not be merged: their sums are added."""
    worth = None if rule.from_ is not None else worths(rule, classes)
    found = [sums(days.count if worth is None else worth[days.age] * days.count, days.starts) for days in classes]
    rows = [days.lead[days.starts] for days in classes]
    if len(classes) != 1:
        size = 1 + max((int(leads[-1]) for leads in rows if len(leads)), default=-1)
        total, touched = np.zeros(size, np.int64), np.zeros(size, bool)
        for leads, part in zip(rows, found, strict=True):
            total[leads] += part
            touched[leads] = True
        some = np.flatnonzero(touched).astype(np.int32)
        rows, found = [some], [total[some]]
    return Sparse(rows[0], found[0], 0)


def worths(rule: BehaviourRule, classes: Sequence[Days]) -> Ints:
    """What an event is worth at each age up to the oldest; worth never rises again once it is nothing."""
    table = np.zeros(1 + max((int(days.age.max()) for days in classes if len(days.age)), default=0), np.int64)
    if not rule.fades:
        table[:] = rule.worth(0)
        return table
    for age in range(len(table)):
        table[age] = rule.worth(age)
        if table[age] == 0:
            break
    return table
