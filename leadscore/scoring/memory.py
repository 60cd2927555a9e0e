"""The numpy engine: dictionary codes in, whole thousandths out. It only looks up, sums and clips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.activity import EventBatch
from leadscore.columns import DAY, Column
from leadscore.rulebook.model import BehaviourRule, FitRule, Limits, thousandths
from leadscore.scoring.plan import ColumnPlan, EventPlan, Holds, Place, Plan, cells, reached
from leadscore.tables import Tables

Ints = npt.NDArray[np.int64]

_NONE = np.zeros(0, np.int32)
# Rows worked on at a time: their arrays stay in the processor's cache, which halves the time of each pass.
_IN_CACHE = 1 << 16
_EVERYONE = slice(None)
# A window longer than the calendar, in days.
_ALWAYS = 4_000_000


@dataclass(frozen=True)
class Answers:
    """A column's look-ups for all rows: `table[codes[row], place.index]`."""

    codes: npt.NDArray[np.signedinteger[Any]]
    table: Ints


def answers(plan: ColumnPlan, column: Column) -> Answers:
    """Look every distinct value up once; numbers are cut at the rulebook's own edges first."""
    if column.numbers is not None:
        codes, values = _cut(column.numbers, sorted(plan.edges))
    else:
        assert column.codes is not None
        codes, values = column.codes, column.values
    rows = [plan.row(value) for value in values]
    # Missing values have the code -1: the last row.
    return Answers(codes, np.array([*rows, plan.on_missing], np.int64).reshape(len(values) + 1, len(plan.looks)))


def _cut(numbers: npt.NDArray[np.float64], edges: list[float]) -> tuple[npt.NDArray[np.int32], list[float]]:
    """Numbers as codes of 2 k + 1 cells: below the first edge, on it, between it and the next, and so on."""
    bounds = np.array(edges, np.float64)
    codes = (np.searchsorted(bounds, numbers, "left") + np.searchsorted(bounds, numbers, "right")).astype(np.int32)
    codes[np.isnan(numbers)] = -1
    return codes, cells(edges)


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

    def part(self, leads: slice) -> Sparse:
        """The numbers of some leads, counted from the first of them."""
        first, last = np.searchsorted(self.rows, [leads.start, leads.stop])
        return Sparse(self.rows[first:last] - np.int32(leads.start), self.values[first:last], self.default)

    def clip(self, limits: Limits) -> Sparse:
        """Within limits, which hold for leads without events too."""
        return Sparse(self.rows, clipped(self.values, limits), limits.clip(self.default))


def clipped(values: Ints, limits: Limits) -> Ints:
    """Values within limits."""
    if limits.at_least is not None:
        values = np.maximum(values, thousandths(limits.at_least))
    return values if limits.at_most is None else np.minimum(values, thousandths(limits.at_most))


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

    def of(self, lead: int) -> Days:
        """One lead's rows."""
        first, last = np.searchsorted(self.lead, [lead, lead + 1])
        return Days(self.lead[first:last], self.age[first:last], self.count[first:last])


class Bound:
    """A plan bound to tables and a day; it gives each rule's points and the sums.

    Parameters
    ----------
    day : int
        `as_of`, in days since 1970.
    """

    def __init__(self, plan: Plan, tables: Tables, day: int) -> None:
        self.plan = plan
        book = plan.rulebook
        created = tables.created()
        days = None if created is None else created.days(book.timezone)
        self.rows = np.arange(len(tables.leads)) if days is None else np.flatnonzero(days <= day)
        self.n = len(self.rows)
        self._all = len(tables.leads)
        self.columns = {}
        for name, column_plan in plan.leads.items():
            whole = answers(column_plan, tables.column(name, column_plan.kind, book))
            codes = whole.codes if self.n == self._all else whole.codes[self.rows]
            self.columns[name] = Answers(codes, whole.table)
        self.days = self._read_events(tables, day)

    def _read_events(self, tables: Tables, day: int) -> list[list[Days]]:
        """For each happening, the days with events it waits for, one `Days` for each class of events."""
        classes = _Classes(self.plan, tables)
        windows = classes.windows(self.plan.happenings)
        first, end = (day + 1 - windows) * DAY, (day + 1) * DAY
        parts: list[list[tuple[npt.NDArray[Any], ...]]] = [[] for _ in classes.matches]
        for batch in tables.events.pieces(_IN_CACHE):
            kind = classes.of(batch)
            local = tables.events.local(batch, self.plan.rulebook.timezone)
            # Events that no rule's window can use are dropped here, before anything is sorted.
            kind[(local >= end) | (local < first[kind])] = -1
            for index in np.flatnonzero(windows):
                rows = np.flatnonzero(kind == index)
                age = (day - local[rows] // DAY).astype(np.int32)
                parts[index].append((batch.lead[rows], age, *(() if batch.count is None else (batch.count[rows],))))
        position = np.full(self._all, -1, np.int32)
        position[self.rows] = np.arange(self.n, dtype=np.int32)
        by_class = [
            _daily(*map(np.concatenate, zip(*parts.pop(0), strict=True))).renumbered(position) for _ in classes.matches
        ]
        return [
            [by_class[index] for index in np.flatnonzero(classes.matches[:, happening])]
            for happening in range(len(self.plan.happenings))
        ]

    def get(self, place: Place, leads: slice = _EVERYONE) -> Ints:
        """A look-up's answers."""
        column = self.columns[place.column]
        return column.table[:, place.index][column.codes[leads]]

    def holds(self, holds: Holds, leads: slice = _EVERYONE) -> npt.NDArray[np.bool_]:
        """Where a condition over the leads holds."""
        return holds.evaluate(lambda place: self.get(place, leads), np.minimum.reduce, np.maximum.reduce) > 0

    def happened(self, happening: int) -> npt.NDArray[np.bool_]:
        """Which leads have an event that a `never` or the hand-raise waits for, in its window."""
        result = np.zeros(self.n, bool)
        within = self.plan.happenings[happening].within_days
        for days in self.days[happening]:
            result[days.lead if within is None else days.lead[days.age < within]] = True
        return result

    def fit_points(self, index: int, leads: slice = _EVERYONE) -> Ints:
        """A fit rule's points."""
        rule = self.plan.fit[index]
        if rule.place is not None:
            return self.get(rule.place, leads)
        assert rule.holds is not None
        return self.holds(rule.holds, leads) * np.int64(rule.points)

    @cached_property
    def earned(self) -> list[Sparse]:
        """Each behaviour rule's points before its limits, for the leads that have such events."""
        return [points(rule, days) for rule, days in zip(self.plan.rulebook.behaviour, self.days, strict=False)]

    def fit(self) -> Ints:
        """(n,) the fit of each lead."""
        # All rules on one column are summed per distinct value, so a column is gathered once a group.
        tables: dict[tuple[str | None, str], Ints] = {}
        for rule in self.plan.fit:
            if rule.place is not None:
                key = (self._group(rule.rule), rule.place.column)
                tables[key] = tables.get(key, 0) + self.columns[rule.place.column].table[:, rule.place.index]
        fit = np.zeros(self.n, np.int64)
        for leads in self._blocks():
            groups: dict[str | None, Ints] = {}
            for (group, name), table in tables.items():
                groups[group] = groups.get(group, 0) + table[self.columns[name].codes[leads]]
            for index, rule in enumerate(self.plan.fit):
                if rule.place is None:
                    group = self._group(rule.rule)
                    groups[group] = groups.get(group, 0) + self.fit_points(index, leads)
            fit[leads] = sum(clipped(value, self.plan.limits(group)) for group, value in groups.items())
        return clipped(fit, self.plan.rulebook.totals.fit)

    def _group(self, rule: FitRule | BehaviourRule) -> str | None:
        """The group whose limits a rule shares; a group without limits is only a name."""
        return rule.group if rule.group in self.plan.rulebook.groups else None

    def behaviour(self) -> Ints:
        """(n,) the behaviour of each lead."""
        groups: dict[str | None, Ints] = {}
        for rule, points_before in zip(self.plan.rulebook.behaviour, self.earned, strict=True):
            earned = points_before.clip(rule)
            total = groups.setdefault(self._group(rule), np.zeros(self.n, np.int64))
            total[earned.rows] += earned.values - earned.default
            total += earned.default
        behaviour = np.zeros(self.n, np.int64)
        for group, total in groups.items():
            behaviour += clipped(total, self.plan.limits(group))
        return clipped(behaviour, self.plan.rulebook.totals.behaviour)

    def every_rule(self) -> Iterator[Sparse]:
        """Each rule's points before limits, in the order of the file."""
        everyone = np.arange(self.n, dtype=np.int32)
        for index in range(len(self.plan.fit)):
            yield Sparse(everyone, self.fit_points(index), 0)
        yield from self.earned

    def best(self, k: int) -> list[Ints]:
        """(n,) arrays, one for each of the `k` rules that moved a lead most: `|points| * n_rules + n_rules - 1 - rule`.

        A larger number is a better reason, and equal points go by the order of the file; so no lead is ever sorted.
        """
        size = len(self.plan.names)

        def key(values: Ints, rule: int) -> Ints:
            return np.where(values != 0, np.abs(values) * size + (size - 1 - rule), 0)

        by_column: dict[str, list[Ints]] = {}
        for index, rule in enumerate(self.plan.fit):
            if rule.place is not None:
                values = self.columns[rule.place.column].table[:, rule.place.index]
                by_column.setdefault(rule.place.column, []).append(key(values, index))
        # A column's second best cannot be the best of all, so each is put in from its own place on.
        ranked = {name: -np.sort(-np.array(keys), axis=0)[:k] for name, keys in by_column.items()}
        behaviour = [
            Sparse(found.rows, key(found.values, index), int(key(np.array([found.default]), index)[0]))
            for index, found in enumerate(self.earned, len(self.plan.fit))
        ]
        tops = [np.zeros(self.n, np.int64) for _ in range(k)]
        for leads in self._blocks():
            block = [top[leads] for top in tops]
            for name, keys in ranked.items():
                for place, best in enumerate(keys):
                    insert(block[place:], slice(None), best[self.columns[name].codes[leads]])
            for index, rule in enumerate(self.plan.fit):
                if rule.place is None:
                    insert(block, slice(None), key(self.fit_points(index, leads), index))
            for found in behaviour:
                part = found.part(leads)
                if part.default:
                    insert(block, slice(None), part.dense(len(block[0])))
                else:
                    insert(block, part.rows, part.values)
        return tops

    def _blocks(self) -> Iterator[slice]:
        """The leads, as many at a time as stay in cache."""
        return (slice(start, min(start + _IN_CACHE, self.n)) for start in range(0, self.n, _IN_CACHE))


def insert(tops: list[Ints], rows: Any, keys: Ints) -> None:
    """Put keys among the best so far."""
    for top in tops:
        held = top[rows]
        larger, keys = np.maximum(held, keys), np.minimum(held, keys)
        top[rows] = larger


class _Classes:
    """Kinds of events that the same rules wait for are one class; kinds that no rule waits for are none (-1).

    Attributes
    ----------
    matches : (n_classes, n_happenings) bool
    """

    def __init__(self, plan: Plan, tables: Tables) -> None:
        shapes, cells = [], {}
        self.by_value: dict[str, npt.NDArray[np.int32]] = {}
        for name, column_plan in plan.events.items():
            found = answers(column_plan, tables.event_column(name, column_plan.kind, plan.rulebook))
            # Values that answer every test alike are one cell: 2,000 assets may be six.
            unique, cell = np.unique(found.table, axis=0, return_inverse=True)
            by_value = cell.reshape(-1)[np.append(found.codes, -1)]
            self.by_value[name] = by_value.astype(np.int32)
            cells[name] = unique
            shapes.append(len(unique))
        self.shape = tuple(shapes)
        combinations = np.indices(self.shape).reshape(len(shapes), -1)
        position = dict(zip(cells, combinations, strict=True))

        def get(place: Place) -> Ints:
            return cells[place.column][position[place.column], place.index]

        held = [one.holds.evaluate(get, np.minimum.reduce, np.maximum.reduce) > 0 for one in plan.happenings]
        size = int(np.prod(self.shape))
        matrix = np.array(held, bool).reshape(len(held), size).T
        self.matches, kind = np.unique(matrix, axis=0, return_inverse=True)
        self.kind = kind.reshape(-1).astype(np.int16)

    def of(self, batch: EventBatch) -> npt.NDArray[np.int16]:
        """The class of each event."""
        combined = np.zeros(len(batch), np.int32)
        for (name, by_value), size in zip(self.by_value.items(), self.shape, strict=True):
            combined = combined * np.int32(size) + by_value.take(batch.codes[name])
        return self.kind.take(combined)

    def windows(self, happenings: list[EventPlan]) -> Ints:
        """The widest window of the rules that wait for a class: events past it are dropped; 0 if none waits."""
        widest = np.array([one.within_days or _ALWAYS for one in happenings], np.int64)
        return np.where(self.matches, widest, 0).max(axis=1, initial=0)


def _daily(lead: npt.NDArray[np.int32] = _NONE, age: npt.NDArray[np.int32] = _NONE, count: Ints | None = None) -> Days:
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


def points(rule: BehaviourRule, classes: list[Days]) -> Sparse:
    """What a behaviour rule gives before its limits, from the days with events it waits for."""
    if rule.within_days is not None:
        classes = [days.where(days.age < rule.within_days) for days in classes]
    if rule.count == "each":
        return _each(rule, classes)
    days = classes[0] if len(classes) == 1 else _merged(classes)
    rows = days.lead[days.starts]
    if rule.from_ is not None:
        once = rule.count == "once"
        counts = np.ones(len(rows), np.int64) if once else np.diff(days.starts, append=len(days.lead))
        return Sparse(rows, _reached(rule, counts), reached(rule, 0))
    worth = _worth(rule, classes)
    ages = days.age[days.starts] if rule.count == "once" else days.age
    return Sparse(rows, worth[ages] if rule.count == "once" else _sums(worth[ages], days.starts), 0)


def _each(rule: BehaviourRule, classes: list[Days]) -> Sparse:
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
    if worth is None:
        return Sparse(rows[0], _reached(rule, sums[0]), reached(rule, 0))
    return Sparse(rows[0], sums[0], 0)


def _reached(rule: BehaviourRule, counts: Ints) -> Ints:
    edges = sorted(rule.from_ or {})
    return np.array([reached(rule, count) for count in (0, *edges)], np.int64)[np.searchsorted(edges, counts, "right")]


def _merged(classes: list[Days]) -> Days:
    """Several classes as one: the same day of a lead in two of them is one day."""
    return _daily(*(np.concatenate([getattr(days, name) for days in classes] or [_NONE]) for name in ("lead", "age")))


def _worth(rule: BehaviourRule, classes: list[Days]) -> Ints:
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
