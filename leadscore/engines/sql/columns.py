"""Columns as look-ups: what each value of them answers, filled by leadscore once per distinct value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from leadscore.base.text import counted
from leadscore.base.times import is_text
from leadscore.engines.sql.expressions import starts
from leadscore.engines.sql.relations import ByRow, Check, Relation
from leadscore.engines.sql.zones import Zone
from leadscore.errors import ContractError, Problem
from leadscore.rulebook.kinds import Kind
from leadscore.rulebook.lookups import ColumnPlan, cells
from leadscore.sources.answers import answers, cut
from leadscore.sources.columns import Column, convert
from leadscore.sources.contract import shown

Ints = npt.NDArray[np.int64]
_EXACT = 2**53
_SHOWN = 5
# What a column's name gives that of its look-up table: letters and digits, since names of files and models are such.
_ODD, _LONGEST = re.compile("[^a-z0-9]+"), 30


@dataclass
class Found:
    """The values of a column that are told apart, and what picks each out in SQL.

    Attributes
    ----------
    keys : Array
        What the look-up table is joined by.
    on : str
        The expression that gives the key of a row.
    column : Column
        The same values as rules read them; without them for cells.
    """

    keys: pa.Array
    on: str
    column: Column


class Lookups:
    """The look-up tables of a statement, and the checks of the columns they are of."""

    def __init__(self, timezone: str, missing: tuple[str, ...], today: int) -> None:
        self.timezone, self.missing, self.today = timezone, missing, today
        self.tables: dict[str, pa.Table] = {}
        self.raw: dict[str, tuple[str, str]] = {}
        self.checks: dict[str, Check] = {}

    def check(self, name: str, check: Check) -> None:
        """Note one more check."""
        self.checks[name] = check

    def zone(self, relation: Relation, column: str) -> Zone:
        """What tells the days of a column of times; a check that a calendar has them."""
        zone = Zone(relation, column, self.timezone, self.today, self.check)
        if relation.name != "events":
            where, wild = f"{relation.name}.{column}", ByRow(relation.rows, zone.wild())
            self.check(f"wild {where}", wild.check(where, "a time outside the years 1 to 9999"))
        return zone

    def found(self, relation: Relation, name: str, kind: Kind, plans: Sequence[ColumnPlan], *, raw: bool) -> Found:
        """The values of a column: cells of numbers and days, else each distinct value."""
        held = relation.kind(name)
        if kind == "date" and (pa.types.is_date(held) or pa.types.is_timestamp(held)) and not raw:
            return self._days(relation, name, plans)
        numeric = pa.types.is_integer(held) or pa.types.is_floating(held) or pa.types.is_decimal(held)
        if kind == "number" and numeric and not raw:
            return self._numbers(relation, name, plans[0])
        if kind == "any" and not is_text(held) and not raw:
            x = relation.column(name)
            known = self._not_nan(relation, name) if pa.types.is_floating(held) else f"{x} IS NOT NULL"
            column = Column("any", np.zeros(1, np.int32), [True])
            return Found(pa.array([0]), f"(CASE WHEN {known} THEN 0 ELSE -1 END)", column)
        values = relation.distinct(name)
        return Found(values, relation.column(name), self.read(relation, name, values, kind))

    def read(self, relation: Relation, name: str, values: pa.Array, kind: Kind) -> Column:
        """Distinct values as one kind of value.

        Raises
        ------
        ContractError
            If some are not of it.
        """
        # An event may be called what `missing_values` lists.
        missing = () if (relation.name, name) == ("events", "event") else self.missing
        column = convert(values, kind, missing, self.timezone)
        problems = [
            Problem(
                f"{relation.name}.{name}",
                f"{counted(len(rows), 'distinct value')}: {message}",
                ", ".join(map(repr, shown(values.take(pa.array(rows[:_SHOWN]))))),
            )
            for message, rows in column.bad.items()
        ]
        if problems:
            raise ContractError("tables", problems)
        return column

    def _not_nan(self, relation: Relation, name: str) -> str:
        # Most databases put what is no number above all numbers, others beside them.
        dialect = relation.dialect
        return f"CAST({relation.column(name)} AS {dialect.real}) <= {dialect.number(float('inf'))}"

    def _numbers(self, relation: Relation, name: str, plan: ColumnPlan) -> Found:
        dialect, x, held = relation.dialect, relation.column(name), relation.kind(name)
        if pa.types.is_integer(held):
            where, large = f"{relation.name}.{name}", ByRow(relation.rows, f"{x} > {_EXACT} OR {x} < -{_EXACT}")
            message = "whole numbers above 2**53, too large for a quantity; declare an identifier as text"
            self.check(f"large {where}", large.check(where, message))
        if pa.types.is_decimal(held) and dialect.name == "duckdb":
            # Before version 2 its own cast of a decimal may be one step off.
            x = f"CAST({x} AS VARCHAR)"
        x = f"CAST({x} AS {dialect.real})"
        edges = sorted(plan.edges)
        whens = [f"WHEN {relation.column(name)} IS NULL THEN -1"]
        for place, edge in enumerate(edges):
            number = dialect.number(edge)
            whens += [f"WHEN {x} < {number} THEN {2 * place}", f"WHEN {x} = {number} THEN {2 * place + 1}"]
        whens.append(f"WHEN {x} <= {dialect.number(float('inf'))} THEN {2 * len(edges)}")
        values = np.array(cells(edges), np.float64)
        return Found(pa.array(range(len(values))), f"(CASE {' '.join(whens)} ELSE -1 END)", _of_numbers(values))

    def _days(self, relation: Relation, name: str, plans: Sequence[ColumnPlan]) -> Found:
        day = self.zone(relation, name).day()
        turned = (self.today - edge for plan in plans[1:] for edge in plan.edges)
        begins = sorted(starts([*plans[0].edges, *turned]))
        values = np.array([begins[0] - 1, *begins] if begins else [0], np.float64)
        whens = [f"WHEN {day} < {begin} THEN {place}" for place, begin in enumerate(begins)]
        known = f"CASE WHEN {relation.column(name)} IS NULL THEN -1"
        return Found(
            pa.array(range(len(values))), f"({known} {' '.join(whens)} ELSE {len(begins)} END)", _of_numbers(values)
        )

    def answers(self, found: Found, plans: Sequence[ColumnPlan]) -> Ints:
        """(n_values + 1, n_looks) what each value gives, and last a missing one; of the second plan by days ago."""
        looked = answers(plans[0], found.column)
        parts = [looked.table[np.append(looked.codes, -1)]]
        for ago in plans[1:]:
            assert found.column.numbers is not None
            codes, table = cut(ago, self.today - found.column.numbers)
            parts.append(table[np.append(codes, -1)])
        return np.concatenate(parts, axis=1)

    def join(self, relation: Relation, name: str, found: Found, columns: dict[str, Ints]) -> tuple[str, dict[str, str]]:
        """A look-up table of a column with its join, and what gives each of its columns; missing ones come last."""
        table = self._new(f"leadscore_{relation.name}_{_ODD.sub('_', name.lower())[:_LONGEST]}")
        alias, quoted = _alias(relation, len(self.tables)), relation.dialect.quoted
        held = {column: pa.array(values[:-1], pa.int64()) for column, values in columns.items()}
        self.tables[table] = pa.table({"k": found.keys, **held})
        key = f"{alias}.{quoted('k')}"
        join = f"LEFT JOIN {quoted(table)} AS {alias} ON {key} = {found.on}"
        if found.on == relation.column(name):
            self.raw[table] = relation.name, name
            self._seen(relation, name, join, key)
        get = {column: f"COALESCE({alias}.{quoted(column)}, {int(values[-1])})" for column, values in columns.items()}
        return join, get

    def _new(self, name: str) -> str:
        """A name that no look-up table has yet."""
        number = sum(re.fullmatch(rf"{name}(_\d+)?", one) is not None for one in self.tables)
        return f"{name}_{number}" if number else name

    def join_raw(
        self,
        relation: Relation,
        name: str,
        values: pa.Array,
        columns: dict[str, Ints],
        texts: list[str] | None = None,
    ) -> tuple[str, dict[str, str]]:
        """The same by each distinct value, of whatever kind; its text too, if given, as `named`."""
        found = Found(values, relation.column(name), Column("any", np.zeros(len(values), np.int32)))
        join, get = self.join(relation, name, found, columns)
        if texts is not None:
            table, quoted = next(reversed(self.tables)), relation.dialect.quoted
            self.tables[table] = self.tables[table].append_column("named", pa.array(texts, pa.large_string()))
            get["named"] = f"{_alias(relation, len(self.tables) - 1)}.{quoted('named')}"
        return join, get

    def _seen(self, relation: Relation, name: str, join: str, key: str) -> None:
        """Check that each value has one row of its look-up table."""
        where, x = f"{relation.name}.{name}", relation.column(name)
        unseen = ByRow(relation.rows, f"{x} IS NOT NULL AND {key} IS NULL", join)
        message = "a value that was not there when the look-up tables were made; make them again"
        self.check(f"unseen {where}", unseen.check(where, message))
        if is_text(relation.kind(name)) and relation.dialect.folds:
            message = "texts that the column's collation takes for the same, as A and a; give it a binary collation"
            self.check(f"folded {where}", ByRow(relation.rows, "", join).check(where, message))


def _of_numbers(values: npt.NDArray[np.float64]) -> Column:
    return Column("number", None, [], values)


def _alias(relation: Relation, number: int) -> str:
    return f"{relation.alias}{number}"
