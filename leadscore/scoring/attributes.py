"""What leads are: a rulebook's look-ups over the rows of the leads, their fit, their threshold and what blocks them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import persona_kinds
from leadscore.rulebook.lookups import ColumnPlan, Holds, Place, holds_in
from leadscore.rulebook.model import Limits, thousandths
from leadscore.scoring.plan import Plan
from leadscore.sources.answers import Answers, answers
from leadscore.tables.tables import Tables

Ints = npt.NDArray[np.int64]

# Rows worked on at a time: their arrays stay in the processor's cache, which halves the time of each pass.
IN_CACHE = 1 << 16
EVERYONE = slice(None)


def clipped(values: Ints, limits: Limits) -> Ints:
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

    def get(self, place: Place, rows: Any = EVERYONE) -> Ints:
        """A look-up's answers."""
        column = self.columns[place.column]
        return column.table[:, place.index][column.codes[rows]]

    def holds(self, holds: Holds, rows: Any = EVERYONE) -> npt.NDArray[np.bool_]:
        """Where a condition over the leads holds."""
        return holds.evaluate(lambda place: self.get(place, rows), np.minimum.reduce, np.maximum.reduce) > 0


def personas_by_row(tables: Tables, rulebook: Rulebook) -> Callable[[Any], npt.NDArray[np.int32]]:
    """What tells the persona of each of some rows of the leads: the place of the first that holds, -1 of none."""
    plans = {name: ColumnPlan(kind) for name, kind in persona_kinds(rulebook).items()}
    conditions = [holds_in(plans, persona.when) for persona in rulebook.personas]
    lookups = Lookups(plans, tables, rulebook)
    return lambda rows: first_that_holds([lookups.holds(one, rows) for one in conditions], len(rows))


class Attributes(Lookups):
    """A plan bound to the rows of the leads."""

    def __init__(self, plan: Plan, tables: Tables) -> None:
        super().__init__(plan.leads, tables, plan.rulebook)
        self.plan = plan

    def points(self, index: int, rows: Any = EVERYONE) -> Ints:
        """A fit rule's points."""
        rule = self.plan.fit[index]
        if rule.place is not None:
            return self.get(rule.place, rows)
        assert rule.holds is not None
        return self.holds(rule.holds, rows) * np.int64(rule.points)

    @cached_property
    def fit(self) -> Ints:
        """(n,) the fit of each row."""
        # All rules on one column are summed per distinct value, so a column is gathered once a group.
        tables: dict[tuple[str | None, str], Ints] = {}
        for rule in self.plan.fit:
            if rule.place is not None:
                key = (self.plan.limited(rule.rule.group), rule.place.column)
                tables[key] = tables.get(key, 0) + self.columns[rule.place.column].table[:, rule.place.index]
        fit = np.zeros(self.n, np.int64)
        for rows in blocks(self.n):
            groups: dict[str | None, Ints] = {}
            for (group, name), table in tables.items():
                groups[group] = groups.get(group, 0) + table[self.columns[name].codes[rows]]
            for index, rule in enumerate(self.plan.fit):
                if rule.place is None:
                    group = self.plan.limited(rule.rule.group)
                    groups[group] = groups.get(group, 0) + self.points(index, rows)
            fit[rows] = sum(clipped(value, self.plan.rulebook.limits(group)) for group, value in groups.items())
        return clipped(fit, self.plan.rulebook.totals.fit)

    @cached_property
    def segment(self) -> npt.NDArray[np.int32]:
        """(n,) the position of the first segment that matches; -1 for none."""
        return first_that_holds([self.holds(holds) for _, holds, _ in self.plan.segments], self.n)

    @cached_property
    def threshold(self) -> Ints:
        """(n,) the threshold that applies."""
        own = [threshold for *_, threshold in self.plan.segments]
        return np.array([*own, thousandths(self.plan.rulebook.qualify.threshold)], np.int64)[self.segment]

    @cached_property
    def never(self) -> list[npt.NDArray[np.bool_] | int]:
        """For each `never` entry where it holds, (n,); or the happening it waits for."""
        return [entry if isinstance(entry, int) else self.holds(entry) for _, entry in self.plan.never]
