"""The numpy engine: look-ups and days with events in, whole thousandths out. It only looks up, sums and clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.base.text import normalise
from leadscore.rulebook.conditions import AT_LEAST_ONCE, NumberTest
from leadscore.rulebook.lookups import Ago, Holds, Place, Scored, cells
from leadscore.rulebook.model import Rule, minimum, thousandths
from leadscore.rulebook.plan import ALWAYS, Earning
from leadscore.scoring.attributes import Attributes, blocks, clipped, first_that_holds, paid_by_first
from leadscore.scoring.earned import ByValue, Sparse, by_value, counted, points, summed, units
from leadscore.sources.answers import cut
from leadscore.tables.days import Days, Ints
from leadscore.tables.lead_history import Positions

Mask = npt.NDArray[np.bool_]
_NONE = np.zeros(0, np.int32)
# Below and above all thresholds.
NEVER, ASKED = -(2**62), 2**62


class Bound:
    """Leads on days, each as it stood at the end of its day: every rule's points, the sums, the verdict.

    Attributes
    ----------
    lead : (n,) positions among the leads; a lead may stand on several days
    record : (n,) the row of the leads that counts on the day, -1 for none
    day : (n,) the days, since 1970
    waited : for each happening, the days with events it waits for; a row's place stands for its lead
    """

    def __init__(
        self,
        attributes: Attributes,
        lead: Positions,
        record: Positions,
        day: Ints,
        waited: Sequence[Sequence[Days]],
    ) -> None:
        self.plan = attributes.plan
        self.attributes = attributes
        self.lead, self.record, self.day, self.waited = lead, record, day, waited
        self.n = len(lead)
        self._days: dict[int, list[Days]] = {}

    def days(self, happening: int) -> list[Days]:
        """The days with events that count: in the window, after what they must follow, since the last of a reset."""
        if happening in self._days:
            return self._days[happening]
        plan, found = self.plan.happenings[happening], list(self.waited[happening])
        if plan.window < ALWAYS:
            found = [days.where(days.age < plan.window) for days in found]
        if not plan.resets and plan.after is None:
            # As quickly found again as it would be kept, which takes the memory of all events.
            return found
        if plan.resets:
            last = self.forgotten_from(happening)
            found = [days.where(days.age < last[days.lead]) for days in found]
        if plan.after is not None:
            others = self.days(plan.after)
            for place, days in enumerate(found):
                follows = [other.before(days.lead, days.age, plan.after_within) for other in others]
                found[place] = days.where(np.any(follows, axis=0) if follows else np.zeros(len(days.lead), bool))
        self._days[happening] = found
        return found

    def forgotten_from(self, happening: int) -> npt.NDArray[np.int32]:
        """(n,) how many days ago the last event was that resets this one; without end where there was none."""
        last = np.full(self.n, ALWAYS, np.int32)
        for days in (days for reset in self.plan.happenings[happening].resets for days in self.days(reset)):
            rows = days.lead[days.starts]
            last[rows] = np.minimum(last[rows], days.age[days.starts])
        return last

    def on(self, day: Ints) -> Bound:
        """The same, but for the days from which the calendar day of an event is counted back."""
        found = copy(self)
        found.day = day
        return found

    def happened(self, happening: int) -> Mask:
        """(n,) where there is an event that a `never` or a hand-raise waits for, and that counts."""
        result = np.zeros(self.n, bool)
        for days in self.days(happening):
            result[days.lead] = True
        return result

    def holds(self, holds: Holds, rows: Any = slice(None)) -> Mask:
        """Where a condition on leads holds."""
        if not holds.moves:
            return self.attributes.holds(holds, self.record[rows])
        return holds.evaluate(self._answer, np.minimum.reduce, np.maximum.reduce)[rows] > 0

    def _answer(self, asked: Place | int) -> Ints:
        """What answers for a part of a condition: 1 holds, 0 unknown, -1 does not."""
        if isinstance(asked, Ago):
            return self.attributes.ago(asked, self.record, self.day)
        if isinstance(asked, Scored):
            return self._scored(asked)
        if isinstance(asked, Place):
            return self.attributes.get(asked, self.record)
        plan = self.plan.happenings[asked]
        numbers = counted(plan, self.days(asked), self.day).dense(self.n)
        met = meets(plan.part.test, numbers if plan.sum is None else numbers / 1000)  # type: ignore[attr-defined] # it is a Did
        return np.where(met, 1, -1)

    def _scored(self, asked: Scored) -> Ints:
        """What answers for a test of what the leads were just scored."""
        plan = self.plan.scored[asked.column]
        if asked.column == "qualified":
            return np.array([plan.row(one)[asked.index] for one in (False, True)], np.int64)[
                (self.via >= 0).astype(int)
            ]
        if asked.column == "grade":
            codes, names = self.grades
            rows = [plan.row(normalise(name)) if name else plan.on_missing for name in names]
            return np.array([row[asked.index] for row in rows], np.int64)[codes]
        points = {"fit": self.fit, "behaviour": self.behaviour, "total": self.fit + self.behaviour}[asked.column]
        cell, table = cut(plan, points / 1000)
        return table[cell, asked.index]

    def _active(self, rule: Rule) -> Mask:
        """(n,) where the day is one on which a rule holds."""
        first, last = rule.active
        return (self.day >= first) & (self.day <= last)

    def held(self, earning: Earning) -> Mask:
        """(n,) for which leads a behaviour rule is."""
        held = self._active(earning.rule)
        return held if earning.when is None else held & self.holds(earning.when)

    @cached_property
    def valued(self) -> dict[int, ByValue]:
        """What each behaviour rule with `per` gives, value by value, before limits."""
        found = {}
        for place, earning in enumerate(self.plan.behaviour):
            plan = self.plan.happenings[place]
            if plan.per:
                values = by_value(earning.rule, plan, self.days(place), self.day)
                found[place] = values if earning.always else values.only(self.held(earning))
        return found

    @cached_property
    def earned(self) -> list[Sparse]:
        """Each behaviour rule's points before its limits."""
        return [self._earned(place) for place in range(len(self.plan.behaviour))]

    def _earned(self, place: int) -> Sparse:
        if place in self.valued:
            return self.valued[place].added()
        earning = self.plan.behaviour[place]
        found = self.worked(place, self.days(place))
        return found if earning.always else found.only(self.held(earning))

    def kept(self, place: int) -> Sparse:
        """A behaviour rule's points within its limits, which do not apply where the rule is not for the lead."""
        earning = self.plan.behaviour[place]
        rule, found = earning.rule, self.earned[place]
        if place in self.valued:
            found = self.valued[place].at_most(rule.each_at_most).added()
        found = found.clip(rule)
        return found if earning.always else found.only(self.held(earning))

    def worked(self, place: int, counting: Sequence[Days]) -> Sparse:
        """What a behaviour rule gives for days with events, before its limits, if it is for the lead on the day."""
        earning, plan = self.plan.behaviour[place], self.plan.happenings[place]
        if earning.cases:
            return self._cases(earning, units(plan, counting, self.day)[0])
        if not earning.rule.event:
            return Sparse(_NONE, _NONE.astype(np.int64), thousandths(earning.rule.points or 0))
        if plan.per:
            return by_value(earning.rule, plan, counting, self.day).added()
        return points(earning.rule, plan, counting, self.day)

    def _cases(self, earning: Earning, days: Days) -> Sparse:
        """The points of the first case that holds."""
        masks = []
        for holds, case in earning.cases:
            mask = np.ones(self.n, bool) if holds is None else self.holds(holds)
            if case.times or case.within_days:
                rows = days.age < (case.within_days or ALWAYS)
                number = np.bincount(days.lead[rows], days.count[rows], self.n)
                mask &= meets(case.times or AT_LEAST_ONCE, number)
            masks.append(mask)
        paid = [thousandths(points) for points in (*(case.points for _, case in earning.cases), earning.rule.other)]
        return Sparse(np.arange(self.n, dtype=np.int32), paid_by_first(masks, paid), 0)

    def fit_points(self, index: int) -> Ints:
        """(n,) a fit rule's points."""
        rule = self.plan.fit[index]
        if not rule.moves:
            return self.attributes.points(index, self.record)
        held = self._active(rule.rule)
        if rule.place is not None:
            return np.where(held, self.attributes.get(rule.place, self.record), 0)
        masks = [self.holds(holds) for holds, _ in rule.ways]
        return np.where(held, paid_by_first(masks, rule.paid), 0)

    @cached_property
    def fit(self) -> Ints:
        """(n,) the fit of each lead."""
        moving = [index for index, rule in enumerate(self.plan.fit) if rule.moves]
        if not moving:
            return self.attributes.fit[self.record]
        return self.attributes.fit_with(
            [(self.plan.fit[index].rule.group, self.fit_points(index)) for index in moving], self.record
        )

    @cached_property
    def behaviour(self) -> Ints:
        """(n,) the behaviour of each lead."""
        book = self.plan.rulebook
        groups: dict[str | None, Ints] = {}
        shared: dict[str, list[ByValue]] = {}
        for place, earning in enumerate(self.plan.behaviour):
            rule = earning.rule
            if earning.group_per:
                shared.setdefault(str(rule.group), []).append(self.valued[place].at_most(rule.each_at_most))
                continue
            earned = self.kept(place)
            total = groups.setdefault(self.plan.limited(rule.group), np.zeros(self.n, np.int64))
            total[earned.rows] += earned.values - earned.default
            total += earned.default
        for group, parts in shared.items():
            groups[group] = summed(parts).at_most(book.groups[group].each_at_most).added().dense(self.n)
        behaviour = np.zeros(self.n, np.int64)
        for name, total in groups.items():
            behaviour += clipped(total, book.limits(name))
        return clipped(behaviour, book.totals.behaviour)

    @cached_property
    def segment(self) -> npt.NDArray[np.int32]:
        """(n,) the position of each lead's segment; -1 for none."""
        if not any(holds.moves for _, holds, _ in self.plan.segments):
            return self.attributes.segment[self.record]
        return first_that_holds([self.holds(holds) for _, holds, _ in self.plan.segments], self.n)

    @property
    def group(self) -> npt.NDArray[np.int32]:
        """(n,) whose threshold applies: the position of each lead's segment, one more than the last for none."""
        return np.where(self.segment < 0, np.int32(len(self.plan.segments)), self.segment)

    @cached_property
    def threshold(self) -> Ints:
        """(n,) the threshold that applies to each lead; just above `NEVER` where the rulebook has none."""
        base = NEVER + 1 if self.plan.threshold is None else self.plan.threshold
        return np.array([*(threshold for *_, threshold in self.plan.segments), base], np.int64)[self.segment]

    @cached_property
    def barred(self) -> list[Mask]:
        """For each `never` entry, (n,) where it matches."""
        return [self.happened(one) if isinstance(one, int) else self.holds(one) for _, one in self.plan.never]

    @cached_property
    def blocked(self) -> npt.NDArray[np.int32]:
        """(n,) the position of the first `never` entry that matches; -1 for none."""
        return first_that_holds(self.barred, self.n)

    @cached_property
    def via(self) -> npt.NDArray[np.int32]:
        """(n,) 0 where a hand-raise qualifies a lead, 1 where its score does, -1 where it does not qualify."""
        codes = first_that_holds([self.raised, self.points >= self.threshold], self.n)
        codes[self.blocked >= 0] = -1
        return codes

    @cached_property
    def points(self) -> Ints:
        """(n,) the total that thresholds are held against; `NEVER` below the minimums and outside the grades."""
        qualify = self.plan.rulebook.qualify
        enough = self.fit >= minimum(qualify.minimum_fit)
        enough &= self.behaviour >= minimum(qualify.minimum_behaviour)
        return np.where(enough & self.graded, self.fit + self.behaviour, NEVER)

    @cached_property
    def graded(self) -> Mask:
        """(n,) where the grade is one that qualifies; everywhere where none is asked for."""
        wanted = self.plan.rulebook.qualify.grades
        if wanted is None:
            return np.ones(self.n, bool)
        codes, names = self.grades
        return np.array([name in wanted for name in names])[codes]

    @cached_property
    def grades(self) -> tuple[Ints, list[str]]:
        """(n,) the cell of the grid that each lead is in, by its place among the names."""
        codes, names = np.zeros(self.n, np.int64), [""]
        for side, least, letters in self.plan.grades:
            value = self.fit if side == "fit" else self.behaviour
            codes = codes * len(letters) + np.searchsorted(least, -value)
            names = [name + letter for name in names for letter in letters]
        return codes, names

    @property
    def highest_bar(self) -> Ints:
        """(n,) the highest threshold at which each lead qualifies; `ASKED` after a hand-raise, `NEVER` at none."""
        highest = np.where(self.raised, ASKED, self.points)
        highest[self.blocked >= 0] = NEVER
        return highest

    @cached_property
    def raised(self) -> Mask:
        """(n,) where a lead asks for sales."""
        asked = np.zeros(self.n, bool)
        for place, holds in self.plan.hand_raises:
            asked |= self.happened(place) if holds is None else self.happened(place) & self.holds(holds)
        return asked

    def every_rule(self) -> Iterator[Sparse]:
        """Each rule's points before limits, in the order of the file."""
        everyone = np.arange(self.n, dtype=np.int32)
        for index in range(len(self.plan.fit)):
            yield Sparse(everyone, self.fit_points(index), 0)
        yield from self.earned

    def best(self, k: int) -> list[Positions]:
        """(n,) arrays, one for each of the `k` rules that moved a lead most: `|points| * n_rules + n_rules - 1 - rule`.

        A larger number is a better reason, and equal points go by the order of the file; so no lead is ever sorted.
        """
        size, fit, columns = len(self.plan.names), self.plan.fit, self.attributes.columns
        moving = {index: self.fit_points(index) for index, rule in enumerate(fit) if rule.moves}
        apart = {index: rule for index, rule in enumerate(fit) if not rule.moves and rule.place is None}
        kind = self._narrowest([*moving.values(), *(np.array(rule.paid) for rule in apart.values())])

        def key(values: Any, rule: int) -> npt.NDArray[Any]:
            found = np.abs(values).astype(kind)
            return np.where(found, found * kind(size) + kind(size - 1 - rule), kind(0))

        by_column: dict[str, list[npt.NDArray[Any]]] = {}
        for index, rule in enumerate(fit):
            if not rule.moves and rule.place is not None:
                values = columns[rule.place.column].table[:, rule.place.index]
                by_column.setdefault(rule.place.column, []).append(key(values, index))
        # A column's second best cannot be the best of all, so each is put in from its own place on.
        ranked = {name: -np.sort(-np.array(keys), axis=0)[:k] for name, keys in by_column.items()}
        paid = {index: key(rule.paid, index) for index, rule in apart.items()}
        behaviour = [
            Sparse(found.rows, key(found.values, index), int(key(found.default, index)))
            for index, found in enumerate(self.earned, len(fit))
        ]
        tops = [np.zeros(self.n, kind) for _ in range(k)]
        for leads in blocks(self.n):
            block, here = [top[leads] for top in tops], self.attributes.at(self.record[leads])
            for name, keys in ranked.items():
                for place, best in enumerate(keys):
                    insert(block[place:], best.take(here.column(name).codes, mode="wrap"))
            for index, values in moving.items():
                insert(block, key(values[leads], index))
            for index, rule in apart.items():
                insert(block, here.paid(rule, paid[index]))
            for found in behaviour:
                insert_sparse(block, found.part(leads))
        return tops

    def _narrowest(self, others: list[Ints]) -> type[np.signedinteger[Any]]:
        """The numbers in which `best` tells rules apart: half as wide where all points allow it, for half the time."""
        tables = [column.table for column in self.attributes.columns.values()]
        earned = [part for found in self.earned for part in (found.values, np.array([found.default]))]
        most = max(max(-int(one.min(initial=0)), int(one.max(initial=0))) for one in [*tables, *earned, *others])
        return np.int32 if (most + 1) * len(self.plan.names) <= np.iinfo(np.int32).max else np.int64


def meets(test: NumberTest, numbers: npt.NDArray[Any]) -> Mask:
    """Where a test of numbers holds; looked at once between any two of its edges."""
    edges = np.array(sorted(test.edges), np.float64)
    code = np.searchsorted(edges, numbers, "left") + np.searchsorted(edges, numbers, "right")
    return np.array([test.meets(one) for one in cells(edges.tolist())])[code]


def insert(tops: list[Positions], keys: Positions) -> None:
    """Put keys among the best so far, row by row."""
    for top in tops:
        lower = np.minimum(top, keys)
        np.maximum(top, keys, out=top)
        keys = lower


def insert_sparse(tops: list[Positions], keys: Sparse) -> None:
    """Put keys of some rows among the best so far."""
    n = len(tops[0])
    # Rows are picked and put back dearly: where there are many, all are gone through.
    if keys.default or len(keys.rows) > n // 8:
        full = np.full(n, keys.default, tops[0].dtype)
        full[keys.rows] = keys.values
        insert(tops, full)
        return
    held = [top[keys.rows] for top in tops]
    insert(held, keys.values)
    for top, better in zip(tops, held, strict=True):
        top[keys.rows] = better
