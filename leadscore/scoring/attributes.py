"""What leads are: a rulebook's look-ups over the rows of the leads, their fit, their threshold and what blocks them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import persona_kinds
from leadscore.rulebook.lookups import Ago, Asked, ColumnPlan, Holds, Place, holds_in
from leadscore.rulebook.model import Limits, thousandths
from leadscore.rulebook.plan import FitPlan, Plan
from leadscore.sources.answers import Answers, answers, cut
from leadscore.tables.days import Ints
from leadscore.tables.events import IN_CACHE
from leadscore.tables.tables import Tables

EVERYONE = slice(None)


def clipped(values: npt.NDArray[Any], limits: Limits) -> npt.NDArray[Any]:
    """Values within limits."""
    if limits.at_least is not None:
        values = np.maximum(values, thousandths(limits.at_least))
    return values if limits.at_most is None else np.minimum(values, thousandths(limits.at_most))


def blocks(n: int) -> Iterator[slice]:
    """So many rows, as many at a time as stay in cache."""
    return (slice(start, min(start + IN_CACHE, n)) for start in range(0, n, IN_CACHE))


def first_that_holds(masks: list[npt.NDArray[np.bool_]], n: int) -> npt.NDArray[np.int32]:
    """(n,) the position of the first mask that holds; -1 where none does."""
    codes = np.full(n, -1, np.int32)
    for index, mask in reversed(list(enumerate(masks))):
        codes[mask] = index
    return codes


def paid_by_first(masks: list[npt.NDArray[np.bool_]], points: Sequence[int] | npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(n,) the points of the first mask that holds; the last of them where none does."""
    if not isinstance(points, np.ndarray):
        points = np.array(points, np.int64)
    if len(masks) == 1:
        return np.where(masks[0], *points)
    return points[first_that_holds(masks, len(masks[0]))]


class Block:
    """Look-ups of lead columns for some rows of the leads; the codes of a column are taken once for all of them."""

    def __init__(self, columns: Mapping[str, Answers], rows: Any) -> None:
        self._columns, self._rows = columns, rows
        self._taken: dict[str, Answers] = {}

    def column(self, name: str) -> Answers:
        """The answers of a column."""
        if name not in self._taken:
            self._taken[name] = self._columns[name].at(self._rows)
        return self._taken[name]

    def get(self, place: Place) -> Ints:
        """A look-up's answers."""
        return self.column(place.column).get(place.index)

    def holds(self, holds: Holds) -> npt.NDArray[np.bool_]:
        """Where a condition over the leads holds."""

        def met(place: Place) -> npt.NDArray[np.int8]:
            return self.column(place.column).met(place.index)

        return holds.evaluate(met, np.minimum.reduce, np.maximum.reduce) > 0

    def points(self, rule: FitPlan) -> Ints:
        """The points of a fit rule that does not hang on the day."""
        return self.get(rule.place) if rule.place is not None else self.paid(rule, rule.paid)

    def paid(self, rule: FitPlan, amounts: Sequence[int] | npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The amount of the first way of a fit rule that holds; the last where none does."""
        return paid_by_first([self.holds(holds) for holds, _ in rule.ways], amounts)


class Lookups:
    """Look-ups of lead columns bound to the rows of the leads.

    Attributes
    ----------
    n : int
        The rows; where leads may have several, one more: the row -1 is that of a lead without any attributes.
    columns : dict of column name to Answers
    """

    def __init__(self, plans: Mapping[str, ColumnPlan], tables: Tables, rulebook: Rulebook) -> None:
        changing = tables.records.valid_from is not None
        self.n = len(tables.leads) + changing
        self.columns = {}
        for name, plan in plans.items():
            found = answers(plan, tables.column(name, plan.kind, rulebook))
            none = np.full(int(changing), -1, found.codes.dtype)
            self.columns[name] = Answers(np.append(found.codes, none) if changing else found.codes, found.table)

    def at(self, rows: Any) -> Block:
        """Those of some rows."""
        return Block(self.columns, rows)

    def get(self, place: Place, rows: Any = EVERYONE) -> Ints:
        """A look-up's answers."""
        return self.at(rows).get(place)

    def holds(self, holds: Holds, rows: Any = EVERYONE) -> npt.NDArray[np.bool_]:
        """Where a condition over the leads holds."""
        return self.at(rows).holds(holds)


def personas_by_row(tables: Tables, rulebook: Rulebook) -> Callable[[Any], npt.NDArray[np.int32]]:
    """What tells the persona of each of some rows of the leads: the place of the first that holds, -1 of none."""
    plans = {name: ColumnPlan(kind) for name, kind in persona_kinds(rulebook).items()}
    conditions = [holds_in(Asked(plans), persona.when) for persona in rulebook.personas]
    lookups = Lookups(plans, tables, rulebook)
    return lambda rows: first_that_holds([lookups.holds(one, rows) for one in conditions], len(rows))


class Attributes(Lookups):
    """A plan bound to the rows of the leads."""

    def __init__(self, plan: Plan, tables: Tables) -> None:
        super().__init__(plan.leads, tables, plan.rulebook)
        self.plan, self._tables = plan, tables

    @cached_property
    def _dates(self) -> dict[str, npt.NDArray[np.float64]]:
        """The days, since 1970, of the columns that are tested by how long ago they are; nan where missing."""
        found = {}
        for name in self.plan.ago:
            numbers = self._tables.column(name, "date", self.plan.rulebook).numbers
            assert numbers is not None
            found[name] = np.append(numbers, np.full(self.n - len(numbers), np.nan))
        return found

    def ago(self, place: Ago, record: Any, day: Ints) -> Ints:
        """What a look-up of how many days ago a day is answers for rows of the leads on days."""
        plan = self.plan.ago[place.column]
        codes, table = cut(plan, day - self._dates[place.column][record])
        return table[codes, place.index]

    def changes(self) -> Iterator[tuple[npt.NDArray[np.intp], Ints]]:
        """(rows of the leads, days since 1970) on which an answer about how long ago a day is can change."""
        for name, plan in self.plan.ago.items():
            dates = self._dates[name]
            rows = np.flatnonzero(~np.isnan(dates))
            for edge in sorted({math.floor(edge) + step for edge in plan.edges for step in (0, 1)}):
                yield rows, dates[rows].astype(np.int64) + edge

    def points(self, index: int, rows: Any = EVERYONE) -> Ints:
        """The points of a fit rule that does not hang on the day."""
        return self.at(rows).points(self.plan.fit[index])

    @cached_property
    def fit(self) -> Ints:
        """(n,) the fit of each row; of rules that do not hang on the day."""
        return self.fit_with([], EVERYONE)

    def fit_with(self, moving: list[tuple[str | None, Ints]], rows: Any) -> Ints:
        """The fit of rows of the leads, with the points of rules that hang on the day, each with its group."""
        # All rules on one column are summed per distinct value, so a column is gathered once a group.
        tables: dict[tuple[str | None, str], Ints] = {}
        apart = []
        for index, rule in enumerate(self.plan.fit):
            key = self.plan.limited(rule.rule.group)
            if rule.place is not None and not rule.moves:
                both = (key, rule.place.column)
                tables[both] = tables.get(both, 0) + self.columns[rule.place.column].table[:, rule.place.index]
            elif not rule.moves:
                apart.append((key, index))
        record = np.arange(self.n)[rows]
        fit = np.zeros(len(record), np.int64)
        for block in blocks(len(record)):
            groups: dict[str | None, Ints] = {}
            here = self.at(record[block])
            for (group, name), table in tables.items():
                groups[group] = groups.get(group, 0) + table.take(here.column(name).codes, mode="wrap")
            for group, index in apart:
                groups[group] = groups.get(group, 0) + here.points(self.plan.fit[index])
            for of, points in moving:
                group = self.plan.limited(of)
                groups[group] = groups.get(group, 0) + points[block]
            fit[block] = sum(clipped(value, self.plan.rulebook.limits(group)) for group, value in groups.items())
        return clipped(fit, self.plan.rulebook.totals.fit)

    @cached_property
    def segment(self) -> npt.NDArray[np.int32]:
        """(n,) the position of the first segment that matches, where none hangs on the day; -1 for none."""
        return first_that_holds([self.holds(holds) for _, holds, _ in self.plan.segments], self.n)

    @cached_property
    def most_fit(self) -> Ints:
        """(n,) the most fit that each row can have on some day."""
        most = [max(0, rule.other, *(points for _, points in rule.ways)) for rule in self.plan.fit]
        moving = []
        for rule, points in zip(self.plan.fit, most, strict=True):
            if rule.moves:
                paid = self.get(rule.place) if rule.place is not None else np.full(self.n, points)
                moving.append((rule.rule.group, np.maximum(paid, 0)))
        return self.fit_with(moving, EVERYONE) if moving else self.fit

    @cached_property
    def least_threshold(self) -> Ints:
        """(n,) the least threshold that applies to each row on some day; below all points without any."""
        base = -(2**61) if self.plan.threshold is None else self.plan.threshold
        thresholds = np.array([*(threshold for *_, threshold in self.plan.segments), base], np.int64)
        if any(holds.moves for _, holds, _ in self.plan.segments):
            return np.full(self.n, thresholds.min())
        return thresholds[self.segment]
