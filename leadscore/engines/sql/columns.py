"""Columns as look-ups: what each value of them answers, filled by leadscore once per distinct value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from leadscore.base.text import as_text, counted
from leadscore.base.times import is_text
from leadscore.engines.sql.expressions import starts
from leadscore.engines.sql.kept import kept
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
    on : str
        The expression that gives the key of a row.
    values : iterable of (keys, column)
        A part of them at a time, to be gone through once: what the look-up table is joined by, and the same values as
        rules read them.
    """

    on: str
    values: Iterable[tuple[pa.Array, Column]]


class Numbers:
    """Values of a column by numbers; it learns them as they come."""

    def __init__(self) -> None:
        self._known: dict[Any, int] = {}

    def of(self, column: Column) -> Ints:
        """The number of each value, and last of a missing one, -1."""
        codes, values = column.codes, column.values
        if codes is None:
            assert column.numbers is not None
            codes, values = np.where(column.missing, -1, np.arange(len(column.numbers))), column.numbers.tolist()
        number = [self._known.setdefault(value, len(self._known)) for value in values]
        return np.array([*number, -1], np.int64)[np.append(codes, -1)]


class Lookups:
    """The look-up tables of a statement, and the checks of the columns they are of."""

    def __init__(self, timezone: str, missing: tuple[str, ...], today: int) -> None:
        self.timezone, self.missing, self.today = timezone, missing, today
        self.tables: dict[str, pa.Table] = {}
        self.raw: dict[str, tuple[str, str]] = {}
        self.checks: dict[str, Check] = {}
        self._wrong: dict[tuple[str, str], tuple[int, str]] = {}

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
            column = Column("any", np.zeros(1, np.int32), [True])
            return Found(f"(CASE WHEN {self._known(relation, name)} THEN 0 ELSE -1 END)", [(pa.array([0]), column)])
        values = ((keys, self.read(relation, name, keys, kind)) for keys in relation.distinct(name))
        return Found(relation.column(name), values)

    def read(self, relation: Relation, name: str, values: pa.Array, kind: Kind) -> Column:
        """Distinct values as one kind of value; those that are not of it are noted."""
        # An event may be called what `missing_values` lists.
        missing = () if (relation.name, name) == ("events", "event") else self.missing
        column = convert(values, kind, missing, self.timezone)
        for message, rows in column.bad.items():
            self.wrong(relation, name, f": {message}", values.take(pa.array(rows)))
        return column

    def wrong(self, relation: Relation, name: str, message: str, values: pa.Array) -> None:
        """Note some values of a column that it may not have."""
        n, first = self._wrong.get((f"{relation.name}.{name}", message), (0, ""))
        first = first or ", ".join(map(repr, shown(values[:_SHOWN])))
        self._wrong[f"{relation.name}.{name}", message] = n + len(values), first

    def refuse(self) -> None:
        """Refuse what was noted.

        Raises
        ------
        ContractError
            If there is something.
        """
        if self._wrong:
            problems = [
                Problem(where, f"{counted(n, 'distinct value')}{message}", first)
                for (where, message), (n, first) in self._wrong.items()
            ]
            raise ContractError("tables", problems)

    def _known(self, relation: Relation, name: str) -> str:
        """Where a column has a value; NaN is none."""
        dialect, held, x = relation.dialect, relation.kind(name), relation.column(name)
        if not (pa.types.is_floating(held) or pa.types.is_decimal(held)):
            return f"{x} IS NOT NULL"
        # Most databases put what is no number above all numbers, others beside them.
        return f"CAST({x} AS {dialect.real}) <= {dialect.number(float('inf'))}"

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
        return _of_cells(f"(CASE {' '.join(whens)} ELSE -1 END)", values)

    def _days(self, relation: Relation, name: str, plans: Sequence[ColumnPlan]) -> Found:
        day = self.zone(relation, name).day()
        turned = (self.today - edge for plan in plans[1:] for edge in plan.edges)
        begins = sorted(starts([*plans[0].edges, *turned]))
        values = np.array([begins[0] - 1, *begins] if begins else [0], np.float64)
        whens = [f"WHEN {day} < {begin} THEN {place}" for place, begin in enumerate(begins)]
        known = f"CASE WHEN {relation.column(name)} IS NULL THEN -1"
        return _of_cells(f"({known} {' '.join(whens)} ELSE {len(begins)} END)", values)

    def answers(self, column: Column, plans: Sequence[ColumnPlan]) -> Ints:
        """(n_values + 1, n_looks) what each value gives, and last a missing one; of the second plan by days ago."""
        looked = answers(plans[0], column)
        parts = [looked.table[np.append(looked.codes, -1)]]
        for ago in plans[1:]:
            assert column.numbers is not None
            codes, table = cut(ago, self.today - column.numbers)
            parts.append(table[np.append(codes, -1)])
        return np.concatenate(parts, axis=1)

    def join(
        self,
        relation: Relation,
        name: str,
        found: Found,
        columns: Callable[[pa.Array, Column], dict[str, Ints]],
        *,
        named: bool = False,
    ) -> tuple[str, dict[str, str]]:
        """A look-up table of a column with its join, and what gives each of its columns.

        Parameters
        ----------
        relation : Relation
        name : str
        found : Found
        columns : callable
            The columns of the table for some of the values; a missing one comes last, the same each time.
        named : bool
            Whether it has the text of each value too, as `named`.

        Raises
        ------
        ContractError
            If the column holds values that it may not have.
        """
        table = self._new(f"leadscore_{relation.name}_{_ODD.sub('_', name.lower())[:_LONGEST]}")
        alias, quoted = f"{relation.alias}{len(self.tables)}", relation.dialect.quoted
        missing: dict[str, int] = {}

        def parts() -> Iterator[pa.Table]:
            for keys, column in found.values:
                made = columns(keys, column)
                missing.update({label: int(numbers[-1]) for label, numbers in made.items()})
                texts = {"named": pa.array(map(as_text, keys.to_pylist()), pa.large_string())} if named else {}
                answered = {label: pa.array(numbers[:-1], pa.int64()) for label, numbers in made.items()}
                yield pa.table({"k": keys, **answered, **texts})

        self.tables[table] = kept(parts())
        self.refuse()
        key = f"{alias}.{quoted('k')}"
        join = f"LEFT JOIN {quoted(table)} AS {alias} ON {key} = {found.on}"
        if found.on == relation.column(name):
            self.raw[table] = relation.name, name
            self._seen(relation, name, join, key)
        get = {label: f"COALESCE({alias}.{quoted(label)}, {number})" for label, number in missing.items()}
        return join, get | ({"named": f"{alias}.{quoted('named')}"} if named else {})

    def _new(self, name: str) -> str:
        """A name that no look-up table has yet."""
        number = sum(re.fullmatch(rf"{name}(_\d+)?", one) is not None for one in self.tables)
        return f"{name}_{number}" if number else name

    def _seen(self, relation: Relation, name: str, join: str, key: str) -> None:
        """Check that each value has one row of its look-up table."""
        where = f"{relation.name}.{name}"
        unseen = ByRow(relation.rows, f"{self._known(relation, name)} AND {key} IS NULL", join)
        message = "a value that was not there when the look-up tables were made; make them again"
        self.check(f"unseen {where}", unseen.check(where, message))
        if is_text(relation.kind(name)) and relation.dialect.folds:
            message = "texts that the column's collation takes for the same, as A and a; give it a binary collation"
            self.check(f"folded {where}", ByRow(relation.rows, "", join).check(where, message))


def _of_cells(on: str, values: npt.NDArray[np.float64]) -> Found:
    return Found(on, [(pa.array(range(len(values))), Column("number", None, [], values))])
