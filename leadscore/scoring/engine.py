"""The numpy engine: look-ups and days with events in, whole thousandths out. It only looks up, sums and clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.rulebook.model import BehaviourRule, Limits, minimum
from leadscore.scoring.attributes import Attributes, Ints, blocks, clipped, first_that_holds
from leadscore.scoring.plan import reached
from leadscore.tables.lead_history import Positions

_NONE = np.zeros(0, np.int32)
# An age in days, and a window of such days back from it, fit into so many bits.
_AGE_BITS = 24
# Below and above all thresholds.
NEVER, ASKED = -(2**62), 2**62


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

    @property
    def sole(self) -> int:
        """The number, of one lead alone."""
        return int(self.values[0]) if len(self.values) else self.default

    def part(self, leads: slice) -> Sparse:
        """The numbers of some leads, counted from the first of them."""
        # Looked for as another type, all rows would be converted to it first.
        first, last = np.searchsorted(self.rows, np.array([leads.start, leads.stop], self.rows.dtype))
        return Sparse(self.rows[first:last] - np.int32(leads.start), self.values[first:last], self.default)

    def clip(self, limits: Limits) -> Sparse:
        """Within limits, which hold for leads without events too."""
        return Sparse(self.rows, clipped(self.values, limits), limits.clip(self.default))


@dataclass(frozen=True)
class Days:
    """Days with events of one class: sorted by lead, then by age, so the most recent comes first."""

    lead: npt.NDArray[np.int32]
    age: npt.NDArray[np.int32]
    count: npt.NDArray[np.signedinteger[Any]]

    @cached_property
    def starts(self) -> npt.NDArray[np.intp]:
        """Where each lead's rows begin."""
        return runs(self.lead)

    def where(self, kept: npt.NDArray[np.bool_]) -> Days:
        """Some of the rows."""
        return self if kept.all() else Days(self.lead[kept], self.age[kept], self.count[kept])

    def renumbered(self, position: npt.NDArray[np.int32]) -> Days:
        """The rows of the leads that exist on the day, by their position among those."""
        lead = position[self.lead]
        return Days(lead, self.age, self.count).where(lead >= 0)

    @cached_property
    def _keys(self) -> Ints:
        return (self.lead.astype(np.int64) << _AGE_BITS) | self.age

    @cached_property
    def _offsets(self) -> npt.NDArray[np.intp]:
        """Where the rows of each lead begin, from the first lead here to the last."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.lead - self.lead[0]))])

    def place(self, lead: Positions, age: Positions) -> npt.NDArray[np.intp]:
        """Where the rows of each lead from an age on begin, or would if it had any."""
        return np.searchsorted(self._keys, (lead.astype(np.int64) << _AGE_BITS) + age)

    def at(self, lead: Positions, age: Positions, within: int) -> Days:
        """For leads on days: the rows of each lead from an age on, `within` days back; by their place among those."""
        if not len(self.lead):
            return self
        rows = np.flatnonzero((lead >= self.lead[0]) & (lead <= self.lead[-1]))
        place = lead[rows] - self.lead[0]
        rows = rows[self._offsets[place] < self._offsets[place + 1]]
        least = age[rows]
        first = self.place(lead[rows], least)
        counts = self.place(lead[rows], least + min(within, int(self.age.max()) + 1)) - first
        ends = np.cumsum(counts)
        found = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - (ends - counts), counts)
        return Days(
            np.repeat(rows.astype(np.int32), counts),
            self.age[found] - np.repeat(least, counts).astype(np.int32),
            self.count[found],
        )

    def between(self, start: int, stop: int) -> Days:
        """The rows of a run of leads; nothing is copied."""
        first, last = np.searchsorted(self.lead, np.array([start, stop], self.lead.dtype))
        return Days(self.lead[first:last], self.age[first:last], self.count[first:last])


class Bound:
    """Leads on days, each as it stood at the end of its day: every rule's points, the sums, the verdict.

    Attributes
    ----------
    lead : (n,) positions among the leads; a lead may stand on several days
    record : (n,) the row of the leads that counts on the day, -1 for none
    days : for each happening, the days with events it waits for; a row's place stands for its lead
    """

    def __init__(
        self, attributes: Attributes, lead: Positions, record: Positions, days: Sequence[Sequence[Days]]
    ) -> None:
        self.plan = attributes.plan
        self.attributes = attributes
        self.lead, self.record, self.days = lead, record, days
        self.n = len(lead)

    def happened(self, happening: int) -> npt.NDArray[np.bool_]:
        """(n,) where there is an event that a `never` or the hand-raise waits for, in its window."""
        result = np.zeros(self.n, bool)
        within = self.plan.happenings[happening].part.within_days
        for days in self.days[happening]:
            result[days.lead if within is None else days.lead[days.age < within]] = True
        return result

    @cached_property
    def earned(self) -> list[Sparse]:
        """Each behaviour rule's points before its limits, for the leads that have such events."""
        return [points(rule, days) for rule, days in zip(self.plan.rulebook.behaviour, self.days, strict=False)]

    @cached_property
    def fit(self) -> Ints:
        """(n,) the fit of each lead."""
        return self.attributes.fit[self.record]

    @cached_property
    def behaviour(self) -> Ints:
        """(n,) the behaviour of each lead."""
        groups: dict[str | None, Ints] = {}
        for rule, points_before in zip(self.plan.rulebook.behaviour, self.earned, strict=True):
            earned = points_before.clip(rule)
            total = groups.setdefault(self.plan.limited(rule.group), np.zeros(self.n, np.int64))
            total[earned.rows] += earned.values - earned.default
            total += earned.default
        behaviour = np.zeros(self.n, np.int64)
        for group, total in groups.items():
            behaviour += clipped(total, self.plan.rulebook.limits(group))
        return clipped(behaviour, self.plan.rulebook.totals.behaviour)

    @cached_property
    def segment(self) -> npt.NDArray[np.int32]:
        """(n,) the position of each lead's segment; -1 for none."""
        return self.attributes.segment[self.record]

    @property
    def group(self) -> npt.NDArray[np.int32]:
        """(n,) whose threshold applies: the position of each lead's segment, one more than the last for none."""
        return np.where(self.segment < 0, np.int32(len(self.plan.segments)), self.segment)

    @cached_property
    def threshold(self) -> Ints:
        """(n,) the threshold that applies to each lead."""
        return self.attributes.threshold[self.record]

    @cached_property
    def blocked(self) -> npt.NDArray[np.int32]:
        """(n,) the position of the first `never` entry that matches; -1 for none."""
        masks = [
            self.happened(entry) if isinstance(entry, int) else entry[self.record] for entry in self.attributes.never
        ]
        return first_that_holds(masks, self.n)

    @cached_property
    def via(self) -> npt.NDArray[np.int32]:
        """(n,) 0 where a hand-raise qualifies a lead, 1 where its score does, -1 where it does not qualify."""
        codes = first_that_holds([self._raised, self.points >= self.threshold], self.n)
        codes[self.blocked >= 0] = -1
        return codes

    @cached_property
    def points(self) -> Ints:
        """(n,) the total that thresholds are held against; `NEVER` below the minimums."""
        qualify = self.plan.rulebook.qualify
        enough = self.fit >= minimum(qualify.minimum_fit)
        enough &= self.behaviour >= minimum(qualify.minimum_behaviour)
        return np.where(enough, self.fit + self.behaviour, NEVER)

    @property
    def highest_bar(self) -> Ints:
        """(n,) the highest threshold at which each lead qualifies; `ASKED` after a hand-raise, `NEVER` at none."""
        highest = np.where(self._raised, ASKED, self.points)
        highest[self.blocked >= 0] = NEVER
        return highest

    @cached_property
    def _raised(self) -> npt.NDArray[np.bool_]:
        return np.zeros(self.n, bool) if self.plan.hand_raise is None else self.happened(self.plan.hand_raise)

    def every_rule(self) -> Iterator[Sparse]:
        """Each rule's points before limits, in the order of the file."""
        everyone = np.arange(self.n, dtype=np.int32)
        for index in range(len(self.plan.fit)):
            yield Sparse(everyone, self.attributes.points(index, self.record), 0)
        yield from self.earned

    def best(self, k: int) -> list[Ints]:
        """(n,) arrays, one for each of the `k` rules that moved a lead most: `|points| * n_rules + n_rules - 1 - rule`.

        A larger number is a better reason, and equal points go by the order of the file; so no lead is ever sorted.
        """
        size = len(self.plan.names)

        def key(values: Ints, rule: int) -> Ints:
            return np.where(values != 0, np.abs(values) * size + (size - 1 - rule), 0)

        columns = self.attributes.columns
        by_column: dict[str, list[Ints]] = {}
        for index, rule in enumerate(self.plan.fit):
            if rule.place is not None:
                values = columns[rule.place.column].table[:, rule.place.index]
                by_column.setdefault(rule.place.column, []).append(key(values, index))
        # A column's second best cannot be the best of all, so each is put in from its own place on.
        ranked = {name: -np.sort(-np.array(keys), axis=0)[:k] for name, keys in by_column.items()}
        behaviour = [
            Sparse(found.rows, key(found.values, index), int(key(np.array([found.default]), index)[0]))
            for index, found in enumerate(self.earned, len(self.plan.fit))
        ]
        tops = [np.zeros(self.n, np.int64) for _ in range(k)]
        for leads in blocks(self.n):
            block, record = [top[leads] for top in tops], self.record[leads]
            for name, keys in ranked.items():
                codes = columns[name].codes[record]
                for place, best in enumerate(keys):
                    insert(block[place:], slice(None), best[codes])
            for index, rule in enumerate(self.plan.fit):
                if rule.place is None:
                    insert(block, slice(None), key(self.attributes.points(index, record), index))
            for found in behaviour:
                part = found.part(leads)
                if part.default:
                    insert(block, slice(None), part.dense(len(block[0])))
                else:
                    insert(block, part.rows, part.values)
        return tops


class SoFar(Bound):
    """Leads at moments of their days: what they did before is worked out once for the day, and today's is put to it.

    Parameters
    ----------
    before : Bound
        Leads on days, with all events but the day's own.
    now : Bound
        At each moment the day's own events so far.
    row : (n_moments,) the place in `before` of each moment
    """

    def __init__(self, before: Bound, now: Bound, row: npt.NDArray[np.intp]) -> None:
        super().__init__(now.attributes, now.lead, now.record, now.days)
        self.before, self.row = before, row

    def happened(self, happening: int) -> npt.NDArray[np.bool_]:
        """(n,) where there is such an event, of the day or before it."""
        return super().happened(happening) | self.before.happened(happening)[self.row]

    @cached_property
    def earned(self) -> list[Sparse]:
        """Each behaviour rule's points before its limits."""
        moments, earned = np.arange(self.n, dtype=np.int32), []
        for rule, before, today in zip(self.plan.rulebook.behaviour, self.before.days, self.days, strict=False):
            values, now = _tally(rule, before).dense(self.before.n)[self.row], _tally(rule, today)
            # Of `once` the latest event counts alone.
            values[now.rows] = now.values if rule.count == "once" else values[now.rows] + now.values
            earned.append(_paid(rule, Sparse(moments, values, 0)))
        return earned


def insert(tops: list[Ints], rows: Any, keys: Ints) -> None:
    """Put keys among the best so far."""
    for top in tops:
        held = top[rows]
        larger, keys = np.maximum(held, keys), np.minimum(held, keys)
        top[rows] = larger


def daily(lead: npt.NDArray[np.int32] = _NONE, age: npt.NDArray[np.int32] = _NONE, count: Ints | None = None) -> Days:
    """Events of one class as days: one row for each lead and age, in their order."""
    bits = int(age.max(initial=0)).bit_length()
    # Half as wide is nearly twice as fast to sort, and most windows are short enough.
    wide: Any = np.int64 if int(lead.max(initial=0)).bit_length() + bits > 32 else np.uint32
    key: npt.NDArray[Any] = (lead.astype(wide) << wide(bits)) | age.astype(wide)
    if count is None:
        key.sort()
    else:
        order = np.argsort(key, kind="stable")
        key, count = key[order], count[order]
    starts = runs(key)
    counts = np.diff(starts, append=len(key)).astype(np.int32) if count is None else _sums(count, starts)
    key = key[starts]
    return Days((key >> wide(bits)).astype(np.int32), (key & wide((1 << bits) - 1)).astype(np.int32), counts)


def _sums(values: Ints, starts: npt.NDArray[np.intp]) -> Ints:
    """The sum of each run; exact, in whole numbers."""
    return np.add.reduceat(values, starts, dtype=np.int64) if len(starts) else np.zeros(0, np.int64)


def runs(values: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Where each run of equal neighbours begins."""
    inner = np.flatnonzero(values[1:] != values[:-1]) + 1
    return np.concatenate([[0], inner]) if len(values) else inner


def points(rule: BehaviourRule, classes: Sequence[Days]) -> Sparse:
    """What a behaviour rule gives before its limits, from the days with events it waits for.

    For `each` they may come in several classes; for `daily` and `once` they are one, see `merged`.
    """
    return _paid(rule, _tally(rule, classes))


def _paid(rule: BehaviourRule, found: Sparse) -> Sparse:
    """What a behaviour rule gives before its limits."""
    if rule.from_ is None:
        return found
    edges = sorted(rule.from_)
    steps = np.array([reached(rule, count) for count in (0, *edges)], np.int64)
    return Sparse(found.rows, steps[np.searchsorted(edges, found.values, "right")], reached(rule, 0))


def _tally(rule: BehaviourRule, classes: Sequence[Days]) -> Sparse:
    """What a rule goes by: what its events are worth, or with `from` how many there are; nothing without any."""
    if rule.within_days is not None:
        classes = [days.where(days.age < rule.within_days) for days in classes]
    if rule.count == "each":
        return _each(rule, classes)
    (days,) = classes
    if rule.count == "once":
        days = Days(days.lead[days.starts], days.age[days.starts], days.count[days.starts])
    rows = days.lead[days.starts]
    if rule.from_ is not None:
        return Sparse(rows, np.diff(days.starts, append=len(days.lead)), 0)
    return Sparse(rows, _sums(_worth(rule, [days])[days.age], days.starts), 0)


def _each(rule: BehaviourRule, classes: Sequence[Days]) -> Sparse:
    """Every event counts, so classes need not be merged: their sums are added."""
    worth = None if rule.from_ is not None else _worth(rule, classes)
    sums = [_sums(days.count if worth is None else worth[days.age] * days.count, days.starts) for days in classes]
    rows = [days.lead[days.starts] for days in classes]
    if len(classes) != 1:
        size = 1 + max((int(leads[-1]) for leads in rows if len(leads)), default=-1)
        total, touched = np.zeros(size, np.int64), np.zeros(size, bool)
        for leads, part in zip(rows, sums, strict=True):
            total[leads] += part
            touched[leads] = True
        found = np.flatnonzero(touched).astype(np.int32)
        rows, sums = [found], [total[found]]
    return Sparse(rows[0], sums[0], 0)


def merged(classes: Sequence[Days]) -> Days:
    """Several classes as one: the same day of a lead in two of them is one day."""
    return daily(*(np.concatenate([getattr(days, name) for days in classes] or [_NONE]) for name in ("lead", "age")))


def _worth(rule: BehaviourRule, classes: Sequence[Days]) -> Ints:
    """What an event is worth at each age up to the oldest; worth never rises again once it is nothing."""
    table = np.zeros(1 + max((int(days.age.max()) for days in classes if len(days.age)), default=0), np.int64)
    if not (rule.half_life_days or rule.fade_days or rule.step):
        table[:] = rule.worth(0)
        return table
    for age in range(len(table)):
        table[age] = rule.worth(age)
        if table[age] == 0:
            break
    return table
