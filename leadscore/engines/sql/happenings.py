"""What leads did, in SQL: days with events of each class, and what each happening makes of them lead by lead."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from leadscore.base.text import normalise
from leadscore.base.times import is_text
from leadscore.engines.sql.ages import Ages
from leadscore.engines.sql.columns import Lookups, Numbers
from leadscore.engines.sql.dialects import Dialect
from leadscore.engines.sql.expressions import starts, stepped
from leadscore.engines.sql.relations import ByRow, Relation
from leadscore.rulebook.conditions import AT_LEAST_ONCE, Did, Happening
from leadscore.rulebook.model import BehaviourRule, Case, thousandths
from leadscore.rulebook.plan import ALWAYS, EventPlan, Plan
from leadscore.sources.columns import Column
from leadscore.tables.classes import Classes
from leadscore.tables.events import LARGEST_AMOUNT, amounts

# A Thursday before every day of the calendar: weeks are counted from the Monday of its week.
_WEEKS = 3 + 7 * 110_000


class Happenings:
    """What a plan waits for, as parts of a statement.

    Attributes
    ----------
    ctes : dict of name to query
    joins : list of str
        What joins the facts of each lead to the leads `l`.
    facts : dict of name to expression
        The facts, as they are picked from the joins.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what the statement is made of
        self, plan: Plan, lookups: Lookups, leads: Relation, events: Relation | None, today: int, oldest_stage: int
    ) -> None:
        self.plan, self.today, self._lookups = plan, today, lookups
        self._leads, self._events = leads, events
        self.dialect: Dialect = leads.dialect
        self.classes = Classes(plan)
        self.ctes: dict[str, str] = {}
        self.joins: list[str] = []
        self.facts: dict[str, str] = {}
        self._keys = {name: f"v{place}" for place, name in enumerate(self.classes.keys)}
        self._sums = {name: f"s{place}" for place, name in enumerate(self.classes.sums)}
        self._simple: list[str] = []
        span = None if events is None else events.span("at")
        # Two days more, since no zone is further from UTC.
        oldest = 0 if span is None else today - span[0] // 86_400_000_000 + 2
        self._ages = Ages(plan, today, max(oldest, oldest_stage, 0))
        if not plan.happenings:
            return
        self._read()
        self._together()
        self._facts()

    # ------------------------------------------------------------------------------------------------- events

    def _read(self) -> None:
        """The days with events of each class, from the rows of the events."""
        kept = [*self._keys.values(), *self._sums.values()]
        if self._events is None:
            self.classes.arrange()
            nothing = ", ".join(f"CAST(0 AS {self.dialect.whole}) AS {name}" for name in ("class", "age", "n", *kept))
            lead = self._leads.column("lead_id")
            self.ctes["told"] = f"SELECT {lead} AS id, {nothing} FROM {self._leads.sql} AS l WHERE 1 = 0"
        else:
            self.ctes["told"] = self._told(self._events)
        by = "id, class, age"
        self.ctes["ev"] = f"SELECT {by}, CAST(SUM(n) AS {self.dialect.whole}) AS n FROM told GROUP BY {by}"
        if not kept:
            self.ctes["ev"] = self.ctes.pop("told")

    def _told(self, events: Relation) -> str:
        """Events by lead, class, age and the values that are told apart."""
        joins, code = list[str](), ""
        picked, sums, cells = dict[str, str](), dict[str, str](), dict[str, str]()
        for name in dict.fromkeys([*self.plan.events, *self._keys, *self._sums]):
            join, get = self._column(events, name)
            joins.append(join)
            cells[name] = get.get("c", "")
            picked |= {self._keys[name]: get["v"]} if name in self._keys else {}
            sums |= {self._sums[name]: get["s"]} if name in self._sums else {}
        self.classes.arrange()
        shape, kind = self.classes.combined
        for name, size in zip(self.classes.cell_of, shape, strict=True):
            code = f"({code}) * {size} + {cells[name]}" if code else cells[name]
        reach = self.classes.reach[kind]
        used = np.flatnonzero(reach > 0)
        numbers: Sequence[npt.NDArray[Any]] = (used, kind[used], np.minimum(reach, ALWAYS)[used])
        self._lookups.tables["leadscore_classes"] = pa.table(
            {name: pa.array(one, pa.int64()) for name, one in zip(("k", "class", "days"), numbers, strict=True)}
        )
        zone = self._lookups.zone(events, "at")
        widest = int(reach.max(initial=0))
        bound = zone.within(None if widest >= ALWAYS else self.today + 1 - widest, self.today)
        quoted, whole = self.dialect.quoted, self.dialect.whole
        columns = {"id": events.column("lead_id"), "class": f"c.{quoted('class')}", "days": f"c.{quoted('days')}"}
        columns |= {"age": f"{self.today} - {zone.day()}"} | picked | sums
        inner = ", ".join(f"{x} AS {name}" for name, x in columns.items())
        by = ", ".join(f"x.{name}" for name in ("id", "class", "age", *picked))
        added = [f"CAST(SUM(x.{name}) AS {whole}) AS {name}" for name in sums]
        return (
            f"SELECT {', '.join([by, 'COUNT(*) AS n', *added])} FROM (SELECT {inner} FROM {events.sql} AS e "
            f"{' '.join(joins)} INNER JOIN {quoted('leadscore_classes')} AS c ON c.{quoted('k')} = {code}"
            f"{f' WHERE {bound}' if bound else ''}) AS x WHERE x.age >= 0 AND x.age < x.days GROUP BY {by}"
        )

    def _column(self, events: Relation, name: str) -> tuple[str, dict[str, str]]:
        """The look-up of an event column: the cell of each value, its number where told apart, and its amount."""
        asked, apart = self.plan.events.get(name), name in self._keys or name in self._sums
        kind = asked.kind if asked else "text" if name in self._keys else "number"
        plans = [asked] if asked else []
        found, numbers = self._lookups.found(events, name, kind, plans, raw=apart), Numbers()

        def columns(keys: pa.Array, column: Column) -> dict[str, npt.NDArray[np.int64]]:
            made = {}
            if asked and name == "at":
                assert column.numbers is not None
                edges, cell_of = sorted(asked.edges), self.classes.cell_of["at"]
                places = [bisect_left(edges, one) + bisect_right(edges, one) for one in column.numbers.tolist()]
                made["c"] = np.append(cell_of[places], 0).astype(np.int64)
            elif asked:
                made["c"] = self.classes.cells(name, column).astype(np.int64)
            if name == "event":
                self._named(events, keys)
            if name in self._keys:
                made["v"] = numbers.of(column if kind == "text" else self._lookups.read(events, name, keys, "text"))
            if name in self._sums:
                made["s"] = self._amounts(
                    events, name, keys, column if kind == "number" else self._lookups.read(events, name, keys, "number")
                )
            return made

        return self._lookups.join(events, name, found, columns)

    def _named(self, events: Relation, keys: pa.Array) -> None:
        """Note events without a name."""
        blank = [value for value in keys.to_pylist() if isinstance(value, str) and not normalise(value)]
        if blank:
            self._lookups.wrong(events, "event", " of white space alone: no event", pa.array(blank))

    def _amounts(self, events: Relation, name: str, keys: pa.Array, column: Column) -> npt.NDArray[np.int64]:
        assert column.numbers is not None
        large = np.flatnonzero(np.abs(column.numbers) > LARGEST_AMOUNT)
        if len(large):
            message = " beyond a million, which is too large to add up"
            self._lookups.wrong(events, name, message, keys.take(pa.array(large)))
        return amounts(column)

    def _together(self) -> None:
        """Classes that rules want as one table of days, behind those of the classes."""
        n = len(self.classes.matches)
        parts = ["SELECT id, class, age, n FROM ev"]
        for place, table in enumerate(self.classes.tables):
            if table.of_classes and table.classes:
                within = f" AND age < {table.within}" if table.within < ALWAYS else ""
                parts.append(
                    f"SELECT id, {n + place} AS class, age, CAST(SUM(n) AS {self.dialect.whole}) AS n FROM ev "
                    f"WHERE class IN ({_listed(table.classes)}){within} GROUP BY id, age"
                )
        self._days = "ev" if len(parts) == 1 else "days"
        if len(parts) > 1:
            self.ctes["days"] = " UNION ALL ".join(parts)

    # -------------------------------------------------------------------------------------------------- facts

    def _facts(self) -> None:
        """What each lead did, as its rows are joined by."""
        for place, one in enumerate(self.plan.happenings):
            aggregates = dict(self._aggregates(place)) if isinstance(one.part, Happening) else {}
            if not aggregates:
                continue
            if one.simple:
                self._simple += [f"{sql} AS {name}" for name, sql in aggregates.items()]
                self.facts |= {name: f"COALESCE(b.{name}, 0)" for name in aggregates}
            else:
                self._apart(place, aggregates)
        if self._simple:
            worth = self._ages.join("d", self.dialect) if self._ages.used else ""
            self.ctes["b"] = f"SELECT d.id, {', '.join(self._simple)} FROM {self._days} AS d{worth} GROUP BY d.id"
            self._joined("b")
        if self._ages.used:
            self._lookups.tables["leadscore_ages"] = self._ages.table()
            self._checked()

    def _joined(self, cte: str) -> None:
        self.joins.append(f"LEFT JOIN {cte} ON {cte}.id = {self._leads.column('lead_id')}")

    def _aggregates(self, place: int) -> Iterator[tuple[str, str]]:
        """The names of a happening's facts, each with what makes it of days `d`."""
        one, part = self.plan.happenings[place], self.plan.happenings[place].part
        if not isinstance(part, BehaviourRule):
            number = f"d.{self._sum_of(one)}" if one.sum else self._number(one)
            yield f"y{place}", self._aggregate(place, number, single=not isinstance(part, Did))
        elif part.cases and part.event:
            for way, case in enumerate(part.cases):
                if case.times or case.within_days:
                    yield self.case(place, way), self._aggregate(place, self._number(one), case)
        elif part.event and not one.per and (one.simple or not one.sum):
            if part.from_ is None:
                worth = self._worth(place, part)
                yield (
                    f"y{place}",
                    self._aggregate(place, worth if one.distinct == () else f"{self._number(one)} * {worth}"),
                )
            else:
                yield f"y{place}", self._aggregate(place, self._number(one))
        elif part.event:
            yield f"y{place}", ""

    def case(self, place: int, number: int) -> str:
        """What the fact is called that a case of a rule goes by."""
        return f"y{place}_{number}"

    def _number(self, one: EventPlan) -> str:
        """How many a row of days stands for."""
        return "d.n" if one.distinct is None or not one.simple else "1"

    def _sum_of(self, one: EventPlan) -> str:
        assert one.sum is not None
        return "s" if not one.simple else self._sums[one.sum]

    def _aggregate(self, place: int, value: str, case: Case | None = None, *, single: bool = False) -> str:
        one = self.plan.happenings[place]
        latest = single or (one.simple and one.distinct == ())
        falls = isinstance(one.part, BehaviourRule) and (one.part.points or 0) < 0
        function = ("MIN" if falls and case is None and not one.part.from_ else "MAX") if latest else "SUM"  # type: ignore[attr-defined] # it is a rule
        condition = self._condition(place) if one.simple else ""
        if case is not None and case.within_days:
            condition += f"{' AND ' if condition else ''}d.age < {case.within_days}"
        value = f"CASE WHEN {condition} THEN {'1' if single else value} ELSE 0 END" if condition else value
        value = "1" if single and not condition else value
        return f"CAST({function}({value}) AS {self.dialect.whole})"

    def _condition(self, place: int, alias: str = "d") -> str:
        """Which rows of days are those of a happening."""
        feeds = [one for one in self.classes.feeds[place] if one < len(self.classes.matches) or self._tables(one)]
        within = self.plan.happenings[place].window
        ends = f" AND {alias}.age < {within}" if within < ALWAYS else ""
        return f"{alias}.class IN ({_listed(feeds)}){ends}" if feeds else "1 = 0"

    def _tables(self, feed: int) -> tuple[int, ...]:
        return self.classes.tables[feed - len(self.classes.matches)].classes

    def _worth(self, place: int, rule: BehaviourRule) -> str:
        """What an event of a rule is worth on its day."""
        if not rule.fades:
            return str(rule.worth(0))
        return f"COALESCE(w.{self.dialect.quoted(self._ages.worth(place, rule))}, 0)"

    # -------------------------------------------------------------------------------- what is worked out apart

    def _rows(self, place: int) -> None:
        """The rows of a happening that count, as a part of the statement."""
        if f"r{place}" in self.ctes:
            return
        one = self.plan.happenings[place]
        source = "ev" if not one.columns and not one.sum else "told"
        columns = ["r.id", "r.age", "r.n", *(f"r.{self._keys[name]}" for name in one.columns)]
        columns += [f"r.{self._sums[one.sum]} AS s"] if one.sum else []
        joins, conditions, quoted = "", [], self.dialect.quoted
        if one.stages:
            source = quoted("leadscore_stages")
            columns[0] = (
                f"{self.dialect.raw.format(x='r.id') if is_text(self._leads.kind('lead_id')) else 'r.id'} AS id"
            )
            conditions.append(f"r.{quoted('stage')} IN ({', '.join(map(self.dialect.text, sorted(one.stages)))})")
        else:
            classes = [int(which) for which in np.flatnonzero(self.classes.matches[:, place])]
            conditions.append(f"r.class IN ({_listed(classes)})" if classes else "1 = 0")
        conditions += [f"r.age < {one.window}"] if one.window < ALWAYS else []
        wanted = {*one.per, *(one.distinct or ())}
        columns += ["r.age AS day"] if "day" in wanted else []
        if "week" in wanted:
            day = f"({self.today + _WEEKS} - r.age)"
            columns.append(f"{day} - MOD({day}, 7) AS week")
        if "month" in wanted:
            joins += self._ages.join("r", self.dialect)
            columns.append(f"COALESCE(w.{quoted(self._ages.month())}, -1) AS month")
        for reset in one.resets:
            self._last(reset)
            joins += f" LEFT JOIN m{reset} ON m{reset}.id = r.id"
            conditions.append(f"(m{reset}.age IS NULL OR r.age < m{reset}.age)")
        if one.after is not None:
            self._rows(one.after)
            close = f" AND o.age < r.age + {one.after_within}" if one.after_within < ALWAYS else ""
            conditions.append(f"EXISTS (SELECT 1 FROM r{one.after} AS o WHERE o.id = r.id AND o.age >= r.age{close})")
        self.ctes[f"r{place}"] = (
            f"SELECT {', '.join(columns)} FROM {source} AS r{joins} WHERE {' AND '.join(conditions)}"
        )

    def _last(self, place: int) -> None:
        """How many days ago the last event was that resets others."""
        self._rows(place)
        self.ctes.setdefault(f"m{place}", f"SELECT id, MIN(age) AS age FROM r{place} GROUP BY id")

    def _units(self, place: int) -> str:
        """What counts by itself, one row each at its latest."""
        self._rows(place)
        one = self.plan.happenings[place]
        if one.distinct is None:
            return f"r{place}"
        by = ", ".join(["id", *map(self.called, dict.fromkeys((*one.per, *one.distinct)))])
        per = ", ".join(["id", *map(self.called, one.per)])
        self.ctes[f"u{place}"] = f"SELECT {per}, MIN(age) AS age, 1 AS n FROM r{place} GROUP BY {by}"
        return f"u{place}"

    def called(self, name: str) -> str:
        """The column of rows that holds a value they are told apart by."""
        return self._keys.get(name, name)

    def _apart(self, place: int, aggregates: dict[str, str]) -> None:
        """Facts of a happening that cannot be counted beside others."""
        one, part = self.plan.happenings[place], self.plan.happenings[place].part
        units = self._units(place)
        if isinstance(part, BehaviourRule) and not part.cases and (one.per or one.sum):
            self._by_value(place, part, units)
            if self.plan.behaviour[place].group_per:
                return
            value = "value" if part.each_at_most is None else f"LEAST(value, {thousandths(part.each_at_most)})"
            inner = f"SELECT id, CAST(SUM({value}) AS {self.dialect.whole}) AS y{place} FROM v{place} GROUP BY id"
        else:
            faded = isinstance(part, BehaviourRule) and part.fades and not part.cases and part.from_ is None
            worth = self._ages.join("d", self.dialect) if faded else ""
            picked = ", ".join(f"{sql} AS {name}" for name, sql in aggregates.items())
            inner = f"SELECT d.id, {picked} FROM {units} AS d{worth} GROUP BY d.id"
        self.ctes[f"a{place}"] = inner
        self._joined(f"a{place}")
        # A sum with `from` gives what 0 does where there is none.
        none = part.reached(0) if isinstance(part, BehaviourRule) and one.sum and part.from_ and not one.per else 0
        self.facts |= {name: f"COALESCE(a{place}.{name}, {none})" for name in aggregates}

    def _by_value(self, place: int, rule: BehaviourRule, units: str) -> None:
        """What a rule gives for each lead and value, before its limits."""
        one, whole = self.plan.happenings[place], self.dialect.whole
        per = ", ".join(["d.id", *(f"d.{self.called(name)}" for name in one.per)])
        picked = ", ".join(["id", *map(self.called, one.per)])
        worth = self._ages.join("d", self.dialect) if rule.fades and rule.from_ is None else ""
        number = "d.s" if one.sum else "d.n" if rule.from_ is not None else f"d.n * {self._worth(place, rule)}"
        inner = f"SELECT {per}, CAST(SUM({number}) AS {whole}) AS t FROM {units} AS d{worth} GROUP BY {per}"
        unit = 1000 if one.sum else 1
        if rule.from_ is not None:
            value = stepped("t", starts(rule.from_, unit), lambda number: rule.reached(number / unit))
        elif one.sum:
            inner, value = self._times(inner, picked, thousandths(rule.points or 0))
        else:
            value = "t"
        self.ctes[f"v{place}"] = f"SELECT {picked}, {value} AS value FROM ({inner}) AS t"

    def _times(self, inner: str, picked: str, each: int) -> tuple[str, str]:
        """Points for each unit of sums in thousandths, rounded half to even once."""

        def rest(number: str) -> str:
            return f"MOD(MOD({number}, 1000) + 1000, 1000)"

        divide = self.dialect.divide
        whole, down = divide.format(a="(t - below)", b=1000), divide.format(a="(part - above)", b=1000)
        inner = f"SELECT {picked}, t, {rest('t')} * {each} AS part, {rest('t')} AS below FROM ({inner}) AS t1"
        inner = f"SELECT {picked}, t, below, part, {rest('part')} AS above FROM ({inner}) AS t2"
        inner = f"SELECT {picked}, {whole} * {each} + {down} AS down, above FROM ({inner}) AS t3"
        return inner, "down + (CASE WHEN above > 500 OR (above = 500 AND MOD(ABS(down), 2) = 1) THEN 1 ELSE 0 END)"

    def _checked(self) -> None:
        """Check that no event is older than the look-up by age, where it would still count."""
        if self._events is None or not self._ages.open:
            return
        zone = self._lookups.zone(self._events, "at")
        old = f"CASE WHEN {zone.wild()} THEN 0 WHEN {self.today} - {zone.day()} >= {self._ages.size} THEN 1 ELSE 0 END"
        message = "an event older than those that were there when the look-up tables were made; make them again"
        self._lookups.check("older events", ByRow(self._events.rows, f"{old} = 1").check("events.at", message))

    def met(self, place: int) -> str:
        """1 where what a `did` counts passes its test, else -1; from the facts `p`."""
        one, part = self.plan.happenings[place], self.plan.happenings[place].part
        assert isinstance(part, Did)
        unit = 1000 if one.sum else 1
        return stepped(f"p.y{place}", starts(part.test.edges, unit), lambda n: 1 if part.test.meets(n / unit) else -1)

    def reached(self, place: int, number: int) -> str:
        """Where the number that a case of a rule goes by passes its test; from the facts `p`."""
        rule = self.plan.happenings[place].part
        assert isinstance(rule, BehaviourRule)
        assert rule.cases is not None
        test = rule.cases[number].times or AT_LEAST_ONCE
        return (
            f"{stepped(f'p.{self.case(place, number)}', starts(test.edges), lambda n: 1 if test.meets(n) else -1)} > 0"
        )

    def value(self, place: int) -> str:
        """What a behaviour rule without cases gives a lead before its limits, from the facts `p`."""
        rule = self.plan.happenings[place].part
        one = self.plan.happenings[place]
        assert isinstance(rule, BehaviourRule)
        if rule.from_ is None or one.per or one.sum:
            return f"p.y{place}"
        return stepped(f"p.y{place}", starts(rule.from_), rule.reached)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
