"""Accounts, in SQL: what their people make of them, over the facts and the points of each lead."""

from __future__ import annotations

from collections.abc import Callable

from leadscore.base.text import normalise
from leadscore.engines.sql.columns import Lookups, Numbers
from leadscore.engines.sql.dialects import Dialect
from leadscore.engines.sql.expressions import added, clipped, first_of, starts, stepped
from leadscore.engines.sql.relations import Relation
from leadscore.rulebook.lookups import Holds, Scored
from leadscore.rulebook.model import AccountRule, thousandths
from leadscore.rulebook.plan import Plan


class Accounts:
    """A plan's account, as parts of a statement.

    Attributes
    ----------
    joins : list of str
        The joins of its look-up tables to the leads `l`.
    facts : dict of name to expression
        The account of each lead by its number, -1 for none; its name; and the values that its rules count.
    """

    def __init__(self, plan: Plan, lookups: Lookups, leads: Relation) -> None:
        self._plan, self._lookups, self._leads = plan, lookups, leads
        self._dialect: Dialect = leads.dialect
        self.joins: list[str] = []
        self.facts: dict[str, str] = {}
        assert plan.rulebook.account is not None
        self._account = plan.rulebook.account
        self.facts["account"] = self._numbered(self._account.id, named="account_name")
        for place, rule in enumerate(self._account.rules):
            if rule.once_per is not None:
                self.facts[f"o{place}"] = self._numbered(rule.once_per)

    def _numbered(self, name: str, *, named: str = "") -> str:
        """A number for each value of a column, -1 where it is missing; its text too, as a fact of that name."""
        kind = self._plan.leads[name].kind
        found = self._lookups.found(self._leads, name, "text" if kind == "any" else kind, [], raw=True)
        numbers = Numbers()
        join, get = self._lookups.join(
            self._leads, name, found, lambda _, column: {"v": numbers.of(column)}, named=bool(named)
        )
        self.joins.append(join)
        self.facts |= {named: get["named"]} if named else {}
        return get["v"]

    def scored(self, asked: Scored) -> str:
        """What answers for a test of what a lead was just scored."""
        plan = self._plan.scored[asked.column]

        def row(value: object) -> int:
            return plan.row(value)[asked.index]

        if asked.column == "qualified":
            return first_of(["v.via >= 0"], [row(True)], row(False))
        if asked.column == "grade":
            names = self.grades
            answers = [row(normalise(name)) if name else plan.on_missing[asked.index] for name in names]
            return stepped("v.grade", range(len(names)), lambda code: answers[min(max(code, 0), len(names) - 1)])
        x = "(v.fit + v.behaviour)" if asked.column == "total" else f"v.{asked.column}"
        return stepped(x, starts(plan.edges, 1000), lambda number: row(number / 1000))

    def select(self, with_: str, grades: list[str], held: Callable[[Holds], str]) -> str:
        """Each account's row of `AccountScores.frame`."""
        self.grades = grades
        whole, real, quoted = self._dialect.whole, self._dialect.real, self._dialect.quoted
        person = "v.blocked < 0"
        rules = [self._earned(place, rule, person, held) for place, rule in enumerate(self._account.rules)]
        points = {f"r{place}": x for place, x in enumerate(rules)}
        order = f"CASE WHEN {person} THEN 0 ELSE 1 END, v.fit + v.behaviour DESC, v.id"
        people = ", ".join(
            [
                "p.account AS account",
                "p.account_name AS named",
                "v.id AS id",
                f"{first_of([person], [1], 0)} AS person",
                "ROW_NUMBER() OVER (PARTITION BY p.account ORDER BY v.id) AS turn",
                f"ROW_NUMBER() OVER (PARTITION BY p.account ORDER BY {order}) AS best",
                *(f"{x} AS {name}" for name, x in points.items()),
            ]
        )
        inner = f"SELECT {people} FROM v INNER JOIN p ON p.id = v.id WHERE p.account >= 0"
        summed = [
            "MAX(CASE WHEN turn = 1 THEN named END) AS named",
            f"CAST(SUM(person) AS {whole}) AS people",
            "MAX(CASE WHEN best = 1 AND person = 1 THEN id END) AS best_person",
            *(f"{self._summed(place, rule)} AS e{place}" for place, rule in enumerate(self._account.rules)),
        ]
        by_account = f"SELECT account, {', '.join(summed)} FROM ({inner}) AS x GROUP BY account"
        kept = [clipped(self._points(place, rule), rule) for place, rule in enumerate(self._account.rules)]
        score = f"SELECT named, people, best_person, {added(kept, whole)} AS score FROM ({by_account}) AS y"
        bar = self._account.threshold
        columns = {
            self._account.id: "named",
            "people": "people",
            "score": f"CAST(score AS {real}) / CAST(1000 AS {real})",
            "threshold": f"CAST(NULL AS {real})" if bar is None else self._dialect.number(bar),
            "qualified": "CAST(NULL AS BOOLEAN)" if bar is None else f"score >= {thousandths(bar)}",
            "best_person": "best_person",
        }
        picked = ",\n  ".join(f"{x} AS {quoted(name)}" for name, x in columns.items())
        return f"{with_}\nSELECT\n  {picked}\nFROM ({score}) AS z"

    def _earned(self, place: int, rule: AccountRule, person: str, held: Callable[[Holds], str]) -> str:
        """What a lead counts for a rule: 1, a value or points; nothing where it does not."""
        holds = self._plan.people[place]
        counting = person if holds is None else f"{person} AND {held(holds)}"
        of = str(rule.best or rule.sum or "")
        points = {"fit": "v.fit", "behaviour": "v.behaviour", "total": "v.fit + v.behaviour"}.get(of, "1")
        if rule.once_per is not None:
            counting, points = f"{counting} AND p.o{place} >= 0", f"p.o{place}"
        return f"CASE WHEN {counting} THEN {points} END"

    def _summed(self, place: int, rule: AccountRule) -> str:
        if rule.once_per is not None:
            return f"COUNT(DISTINCT r{place})"
        return f"COALESCE(CAST({'MAX' if rule.best else 'SUM'}(r{place}) AS {self._dialect.whole}), 0)"

    def _points(self, place: int, rule: AccountRule) -> str:
        if rule.best or rule.sum:
            return f"e{place}"
        if rule.from_ is None:
            return first_of([f"e{place} > 0"], [thousandths(rule.points or 0)], 0)
        table = {edge: thousandths(points) for edge, points in rule.from_.items()}

        def reached(number: int) -> int:
            return table[max(edge for edge in table if edge <= number)] if number >= min(table) else 0

        return stepped(f"e{place}", table, reached)
