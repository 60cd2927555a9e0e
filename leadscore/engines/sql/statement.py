"""The statement: each lead's points and verdict as one SELECT over the database's own tables and the look-ups."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow as pa

from leadscore.engines.sql.accounts import Accounts
from leadscore.engines.sql.columns import Ints, Lookups
from leadscore.engines.sql.expressions import added, clipped, first_of, held
from leadscore.engines.sql.happenings import Happenings
from leadscore.engines.sql.relations import Relation
from leadscore.rulebook.lookups import Ago, ColumnPlan, Holds, Place, Scored
from leadscore.rulebook.model import thousandths
from leadscore.rulebook.plan import Earning, FitPlan, Plan
from leadscore.sources.columns import Column

# Below all thresholds.
_NEVER = -(2**62)


class Statement:
    """The parts of the statement about leads.

    Attributes
    ----------
    ctes : dict of name to query
        Each builds on those before it; `p` has a row of facts for each lead, `v` its points and verdict.
    """

    def __init__(self, plan: Plan, lookups: Lookups, leads: Relation, happenings: Happenings, today: int) -> None:
        self.plan, self.today, self._lookups, self._leads, self._done = plan, today, lookups, leads, happenings
        self._dialect = leads.dialect
        self._asked: dict[str, dict[str, Any]] = {}
        self._answers: dict[tuple[str, str], str] = {}
        self.ctes = dict(happenings.ctes)
        self._ask()
        source = self._record()
        joins = [*self._bind(), *happenings.joins]
        facts = {f"t{place}": x for place, x in enumerate(self._facts)} | happenings.facts
        self._accounts = None if plan.rulebook.account is None else Accounts(plan, lookups, leads)
        if self._accounts is not None:
            joins, facts = [*joins, *self._accounts.joins], facts | self._accounts.facts
        picked = ", ".join(f"{x} AS {name}" for name, x in {"id": leads.column("lead_id"), **facts}.items())
        self.ctes["p"] = f"SELECT {picked} FROM {source} {' '.join(joins)}"
        self.ctes["f"] = self._points()
        self.ctes["v"] = self._verdict()
        self.ctes |= {name: self._dialect.once.format(sql=self.ctes[name]) for name in "pfv"}

    # ------------------------------------------------------------------------------------- rows of the leads

    def _record(self) -> str:
        """The leads that are there on the day, each by the row that counts, as `l`."""
        leads = self._leads
        created = f"l.{self._dialect.quoted('created_at')}"
        if "valid_from" not in leads:
            if "created_at" not in leads:
                return f"{leads.sql} AS l"
            day = self._lookups.zone(leads, "created_at").day()
            return f"(SELECT l.* FROM {leads.sql} AS l WHERE {created} IS NULL OR {day} <= {self.today}) AS l"
        lead, begins = leads.column("lead_id"), leads.column("valid_from")
        day = self._lookups.zone(leads, "valid_from").day()
        first = f"MIN(CASE WHEN {begins} IS NULL THEN {self._ever} ELSE {day} END)"
        if "created_at" in leads:
            first = f"COALESCE(MAX({self._lookups.zone(leads, 'created_at').day()}), {first})"
        there = f"SELECT {lead} AS id FROM {leads.sql} AS l GROUP BY {lead} HAVING {first} <= {self.today}"
        order = f"CASE WHEN {begins} IS NULL THEN 0 ELSE 1 END DESC, {begins} DESC"
        last = f"ROW_NUMBER() OVER (PARTITION BY {lead} ORDER BY {order}) AS leadscore_turn"
        rows = f"SELECT l.*, {last} FROM {leads.sql} AS l WHERE {begins} IS NULL OR {day} <= {self.today}"
        others = [name for name in leads.schema.names if name != "lead_id"]
        listed = ", ".join(
            ["t.id AS " + self._dialect.quoted("lead_id"), *(f"l.{self._dialect.quoted(one)}" for one in others)]
        )
        on = f"ON {lead} = t.id AND l.leadscore_turn = 1"
        return f"(SELECT {listed} FROM ({there}) AS t LEFT JOIN ({rows}) AS l {on}) AS l"

    _ever = -10_000_000

    # ---------------------------------------------------------------------------------------------- look-ups

    def _ask(self) -> None:
        """Note what is looked up of each lead column: places of tests, and sums of points by group."""
        plan = self.plan
        self._sums: dict[tuple[str | None, str], list[int]] = {}
        for rule in plan.fit:
            if rule.place is None:
                for holds, _ in rule.ways:
                    self._note(holds)
            elif self._active(rule):
                self._sums.setdefault((plan.limited(rule.rule.group), rule.place.column), []).append(rule.place.index)
        conditions = [holds for _, holds, _ in plan.segments]
        conditions += [one for _, one in plan.never if not isinstance(one, int)]
        conditions += [holds for _, holds in plan.hand_raises if holds is not None]
        conditions += [holds for one in plan.behaviour for holds in (one.when, *(way for way, _ in one.cases)) if holds]
        for holds in (*conditions, *(one for one in plan.people if one is not None)):
            self._note(holds)
        for number, ((_, column), _) in enumerate(self._sums.items()):
            self._asked.setdefault(column, {})[f"g{number}"] = None

    def _active(self, rule: FitPlan | Earning) -> bool:
        """Whether a rule holds on the day."""
        first, last = rule.rule.active
        return first <= self.today <= last

    def _note(self, holds: Holds) -> None:
        places = [holds.whole] if holds.whole is not None else [one for test in holds.tests.values() for one in test]
        for place in places:
            if isinstance(place, Place) and not isinstance(place, Scored):
                self._asked.setdefault(place.column, {})[_label(place)] = place

    def _bind(self) -> Iterator[str]:
        """The join of each lead column's look-up table."""
        self._facts: list[str] = []
        sums = {f"g{number}": indices for number, indices in enumerate(self._sums.values())}
        for name, asked in self._asked.items():
            plans = [self.plan.leads[name], *([self.plan.ago[name]] if name in self.plan.ago else [])]
            found = self._lookups.found(self._leads, name, plans[0].kind, plans, raw=False)
            answered = partial(self._answered, plans, asked, sums)
            join, get = self._lookups.join(self._leads, name, found, answered)
            for label, x in get.items():
                self._answers[name, label] = f"p.t{len(self._facts)}"
                self._facts.append(x)
            yield join

    def _answered(
        self, plans: list[ColumnPlan], asked: dict[str, Any], sums: dict[str, list[int]], _: pa.Array, column: Column
    ) -> dict[str, Ints]:
        """The columns of a look-up table: points by group are summed, those by days ago stand behind the others."""
        table, found = self._lookups.answers(column, plans), {}
        for label, place in asked.items():
            if place is None:
                found[label] = table[:, sums[label]].sum(axis=1)
            else:
                found[label] = table[:, place.index + (len(plans[0].looks) if isinstance(place, Ago) else 0)]
        return found

    def answer(self, asked: Any) -> str:
        """What answers for a part of a condition, from the facts `p`."""
        if isinstance(asked, Scored):
            assert self._accounts is not None
            return self._accounts.scored(asked)
        if isinstance(asked, Place):
            return self._answers[asked.column, _label(asked)]
        return self._done.met(asked)

    def held(self, holds: Holds) -> str:
        """Where a condition holds."""
        return held(holds, self.answer)

    # ------------------------------------------------------------------------------------------------ points

    def _points(self) -> str:
        """Fit, behaviour, and what bears on the verdict."""
        plan, qualify = self.plan, self.plan.rulebook.qualify
        segments = [self.held(holds) for _, holds, _ in plan.segments]
        base = _NEVER + 1 if plan.threshold is None else plan.threshold
        barred = [self._happened(one) if isinstance(one, int) else self.held(one) for _, one in plan.never]
        raised = [
            self._happened(place) if holds is None else f"({self._happened(place)} AND {self.held(holds)})"
            for place, holds in plan.hand_raises
        ]
        assert qualify is not None
        columns = {
            "fit": self._fit(),
            "behaviour": self._behaviour(),
            "segment": first_of(segments, range(len(segments)), -1),
            "bar": first_of(segments, [bar for *_, bar in plan.segments], base),
            "blocked": first_of(barred, range(len(barred)), -1),
            "raised": first_of([" OR ".join(raised)] if raised else [], [1], 0),
        }
        picked = ", ".join(f"{x} AS {name}" for name, x in columns.items())
        groups = "".join(f" LEFT JOIN g{number} ON g{number}.id = p.id" for number in range(len(self._shared)))
        return f"SELECT p.id, {picked} FROM p{groups}"

    def _happened(self, place: int) -> str:
        return f"p.y{place} > 0"

    def _fit(self) -> str:
        plan, groups = self.plan, dict[str | None, list[str]]()
        for rule in plan.fit:
            groups.setdefault(plan.limited(rule.rule.group), [])
            if rule.place is None and self._active(rule):
                ways = first_of(
                    [self.held(holds) for holds, _ in rule.ways], [points for _, points in rule.ways], rule.other
                )
                groups[plan.limited(rule.rule.group)].append(ways)
        for number, (group, column) in enumerate(self._sums):
            groups[group].append(self._answers[column, f"g{number}"])
        return self._added(groups, "fit")

    def _added(self, groups: dict[str | None, list[str]], side: str) -> str:
        """The sum of a side: each group within its limits, and all of them."""
        book, whole = self.plan.rulebook, self._dialect.whole
        parts = [clipped(added(parts, whole), book.limits(group)) for group, parts in groups.items()]
        return clipped(added(parts, whole), getattr(book.totals, side))

    def _behaviour(self) -> str:
        plan, groups = self.plan, dict[str | None, list[str]]()
        shared: dict[str, list[int]] = {}
        for place, earning in enumerate(plan.behaviour):
            if earning.group_per:
                shared.setdefault(str(earning.rule.group), []).append(place)
            elif self._active(earning):
                points = clipped(self._earned(place, earning), earning.rule)
                if earning.when is not None:
                    points = first_of([self.held(earning.when)], [points], 0)
                groups.setdefault(plan.limited(earning.rule.group), []).append(points)
            else:
                groups.setdefault(plan.limited(earning.rule.group), [])
        self._shared = [*shared]
        for number, (group, places) in enumerate(shared.items()):
            self.ctes[f"g{number}"] = self._of_group(group, places)
            groups[group] = [f"COALESCE(g{number}.points, 0)"]
        return self._added(groups, "behaviour")

    def _earned(self, place: int, earning: Earning) -> str:
        """A behaviour rule's points before its limits, if it is for the lead."""
        rule = earning.rule
        if earning.cases:
            conditions = []
            for number, (holds, case) in enumerate(earning.cases):
                parts = [] if holds is None else [self.held(holds)]
                parts += [self._done.reached(place, number)] if case.times or case.within_days else []
                conditions.append(" AND ".join(parts) or "1 = 1")
            return first_of(
                conditions, [thousandths(case.points) for _, case in earning.cases], thousandths(rule.other)
            )
        return self._done.value(place) if rule.event else str(thousandths(rule.points or 0))

    def _of_group(self, group: str, places: list[int]) -> str:
        """What the rules of a group give that is worked out value by value."""
        limits, parts = self.plan.rulebook.groups[group], []
        columns = [f"k{place}" for place in range(len(limits.per or ()))]
        for place in places:
            earning = self.plan.behaviour[place]
            each = earning.rule.each_at_most
            value = "v.value" if each is None else f"LEAST(v.value, {thousandths(each)})"
            keys = [
                f"v.{self._done.called(name)} AS {column}"
                for name, column in zip(limits.per or (), columns, strict=True)
            ]
            joined = ""
            if not self._active(earning):
                joined = " WHERE 1 = 0"
            elif earning.when is not None:
                joined = f" INNER JOIN p ON p.id = v.id WHERE {self.held(earning.when)}"
            parts.append(f"SELECT {', '.join(['v.id', *keys, f'{value} AS value'])} FROM v{place} AS v{joined}")
        by = ", ".join(["id", *columns])
        value = f"CAST(SUM(value) AS {self._dialect.whole}) AS value"
        inner = f"SELECT {by}, {value} FROM ({' UNION ALL '.join(parts)}) AS u GROUP BY {by}"
        most = "value" if limits.each_at_most is None else f"LEAST(value, {thousandths(limits.each_at_most)})"
        return f"SELECT id, CAST(SUM({most}) AS {self._dialect.whole}) AS points FROM ({inner}) AS u GROUP BY id"

    # ----------------------------------------------------------------------------------------------- verdict

    def _verdict(self) -> str:
        """The grade, and whether each lead qualifies: 0 as it asks for sales, 1 by its score, -1 not."""
        qualify, code = self.plan.rulebook.qualify, "0"
        names = [""]
        for side, least, letters in self.plan.grades:
            place = first_of([f"f.{side} >= {-bar}" for bar in least], range(len(least)), len(least))
            code = f"({code}) * {len(letters)} + {place}"
            names = [name + letter for name in names for letter in letters]
        self.grades = names
        enough = ["f.fit + f.behaviour >= f.bar"]
        bars = ("fit", qualify.minimum_fit), ("behaviour", qualify.minimum_behaviour)
        enough += [f"f.{side} >= {thousandths(bar)}" for side, bar in bars if bar is not None]
        if qualify.grades is not None:
            wanted = [place for place, name in enumerate(names) if name in qualify.grades]
            enough.append(f"{code} IN ({', '.join(map(str, wanted))})" if wanted else "1 = 0")
        via = first_of(["f.blocked >= 0", "f.raised = 1", " AND ".join(enough)], [-1, 0, 1], -1)
        return f"SELECT f.*, {via} AS via, {code} AS grade FROM f"

    def select(self) -> str:
        """Each lead's row of `Scores.frame`."""
        plan, text, points = self.plan, self._dialect.text, self._in_points
        segments, never = [name for name, *_ in plan.segments], [name for name, _ in plan.never]
        bar = points("v.bar") if plan.threshold is not None else f"CAST(NULL AS {self._dialect.real})"
        columns = {
            "lead_id": "v.id",
            "fit": points("v.fit"),
            "behaviour": points("v.behaviour"),
            "total": points("(v.fit + v.behaviour)"),
            "segment": self._named("v.segment", segments),
            "threshold": bar,
            "qualified": "v.via >= 0",
            "via": self._named("v.via", ["hand_raise", "score"]),
            "blocked_by": self._named("v.blocked", never),
            "grade": self._named("v.grade", self.grades if plan.grades else []),
        }
        if plan.labels:
            labelled = {place: plan.labels[name] for place, name in enumerate(self.grades) if name in plan.labels}
            whens = [f"v.grade = {place}" for place in labelled]
            columns["label"] = first_of(whens, map(text, labelled.values()), "NULL") if whens else "NULL"  # type: ignore[arg-type] # gone through once
        quoted = self._dialect.quoted
        picked = ",\n  ".join(f"{x} AS {quoted(name)}" for name, x in columns.items())
        return f"{self.with_()}\nSELECT\n  {picked}\nFROM v"

    def accounts(self) -> str | None:
        """Each account's row of `AccountScores.frame`, where the rulebook has an account."""
        return None if self._accounts is None else self._accounts.select(self.with_(), self.grades, self.held)

    def with_(self) -> str:
        """The parts, each under its name."""
        return "WITH " + ",\n".join(f"{name} AS (\n{sql}\n)" for name, sql in self.ctes.items())

    def _in_points(self, x: str) -> str:
        real = self._dialect.real
        return f"CAST({x} AS {real}) / CAST(1000 AS {real})"

    def _named(self, code: str, names: list[str]) -> str:
        whens = [f"{code} = {place}" for place in range(len(names))]
        return first_of(whens, [self._dialect.text(name) for name in names], f"CAST(NULL AS {self._dialect.words})")


def _label(place: Place) -> str:
    return f"{'a' if isinstance(place, Ago) else 't'}{place.index}"
