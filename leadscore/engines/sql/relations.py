"""Tables of a database: what their columns hold, how a statement names them, and what must hold of their rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from leadscore.base.times import FIRST, LAST, NO_TIME, is_text, one_array, read_times
from leadscore.engines.sql.dialects import Dialect
from leadscore.engines.sql.servers import Server
from leadscore.errors import ContractError, Problem, did_you_mean

# A column may have as many values as there are leads: they are read, answered and kept so many at a time.
VALUES_AT_ONCE = 100_000


@dataclass(frozen=True)
class Check:
    """A query that must give 0, and what it means if it does not.

    Attributes
    ----------
    where : str
        The table or column.
    sql : str
        One row of one number, `n`.
    message : str
        What is wrong with so many rows.
    by_row : ByRow or None
        The same row by row, where that can be told.
    """

    where: str
    sql: str
    message: str
    by_row: ByRow | None = None


@dataclass(frozen=True)
class ByRow:
    """What is told of each row by itself, so that several checks can go through the rows together.

    Attributes
    ----------
    rows : str
        The table, as `FROM` has it.
    wrong : str
        Where a row is wrong; empty if it is so where a join finds several for it.
    join : str
        What is joined to the rows for it, one for each.
    """

    rows: str
    wrong: str
    join: str = ""

    def check(self, where: str, message: str) -> Check:
        """A check that no row is wrong."""
        several = f" - (SELECT COUNT(*) {self.rows})" if not self.wrong else ""
        wrong = f" WHERE {self.wrong}" if self.wrong else ""
        return Check(where, f"SELECT COUNT(*){several} AS n {self.rows} {self.join}{wrong}", message, self)


def together(checks: Iterable[Check]) -> dict[str, list[Check]]:
    """Queries that give 0 where all of their checks do: one for each table, and those that are not told row by row."""
    by_rows: dict[str, list[Check]] = {}
    for check in checks:
        by_rows.setdefault(check.sql if check.by_row is None else check.by_row.rows, []).append(check)
    return {_at_once(some): some for some in by_rows.values()}


def _at_once(checks: list[Check]) -> str:
    told = [check.by_row for check in checks if check.by_row is not None]
    if len(checks) == 1 or not told:
        return checks[0].sql
    rows, joins = told[0].rows, " ".join(dict.fromkeys(one.join for one in told if one.join))
    wrong = " OR ".join(f"({one.wrong})" for one in told if one.wrong)
    several = "" if all(one.wrong for one in told) else f" + COUNT(*) - (SELECT COUNT(*) {rows})"
    return f"SELECT COUNT(CASE WHEN {wrong} THEN 1 END){several} AS n {rows} {joins}"


@dataclass
class Relation:
    """A table of the database: what it is called, its columns, and where its values are read.

    Attributes
    ----------
    name : str
        leads, events or outcomes.
    server : Server
    read : str
        Its name where its values are read.
    dialect : Dialect
    sql : str
        Its name in the statement.
    alias : str
        What the statement calls it by.
    """

    name: str
    server: Server
    read: str
    dialect: Dialect
    sql: str
    alias: str
    schema: pa.Schema = field(init=False)
    _spans: dict[str, tuple[int, int] | None] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.schema = self.server.fetch(f"SELECT * FROM {self.read} AS {self.alias} WHERE 1 = 0").schema

    def __contains__(self, column: str) -> bool:
        return column in self.schema.names

    def kind(self, column: str) -> pa.DataType:
        """The type of a column."""
        kind = self.schema.field(column).type
        return kind.value_type if pa.types.is_dictionary(kind) else kind

    @property
    def rows(self) -> str:
        """Its rows in the statement."""
        return f"FROM {self.sql} AS {self.alias}"

    def column(self, name: str, dialect: Dialect | None = None) -> str:
        """A column in the statement, or in another dialect; text so that no collation makes two texts one."""
        dialect = self.dialect if dialect is None else dialect
        x = f"{self.alias}.{dialect.quoted(name)}"
        return dialect.raw.format(x=x) if is_text(self.kind(name)) else x

    def lacking(self, wanted: Iterable[str], book: str) -> list[Problem]:
        """A problem for each column that is not there."""
        return [
            Problem(
                f"{self.name}.{name}",
                f"there is no column {name!r}, which rulebook {book!r} uses{did_you_mean(name, self.schema.names)}",
            )
            for name in dict.fromkeys(wanted)
            if name not in self
        ]

    def times(self, name: str) -> pa.DataType:
        """The type of a column of times.

        Raises
        ------
        ContractError
            If it holds something else.
        """
        kind = self.kind(name)
        if not (pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
            message = f"{kind} values where times are needed; give a view that casts them to timestamps"
            raise ContractError("tables", [Problem(f"{self.name}.{name}", message)])
        return kind

    def calendar(self, name: str, dialect: Dialect) -> tuple[str, str]:
        """The first and the last time that a calendar has, as a column of times is compared with."""
        return tuple(dialect.moment(moment // 1_000_000, self.times(name)) for moment in (FIRST, LAST))  # type: ignore[return-value] # two

    def span(self, name: str) -> tuple[int, int] | None:
        """The first and the last of a column of times, of those that a calendar has, in microseconds since 1970."""
        if name not in self._spans:
            self._spans[name] = self._span(name)
        return self._spans[name]

    def _span(self, name: str) -> tuple[int, int] | None:
        dialect = self.server.dialect
        x, (first, last) = self.column(name, dialect), self.calendar(name, dialect)
        within = f"WHERE {x} BETWEEN {first} AND {last}"
        found = self.server.fetch(f"SELECT MIN({x}) AS low, MAX({x}) AS high FROM {self.read} AS {self.alias} {within}")
        times = [read_times(one_array(column)) for column in found.columns]
        low, high = (NO_TIME if one is None else int(one.at[0]) for one in times)
        return None if NO_TIME in {low, high} else (low, high)

    def distinct(self, name: str) -> Iterator[pa.Array]:
        """The values of a column, so many at a time, in an order that is the same each time."""
        x = self.column(name, self.server.dialect)
        told = self.server.dialect.bytes_of.format(x=x) if is_text(self.kind(name)) else x
        sql = f"SELECT DISTINCT {told} AS v FROM {self.read} AS {self.alias} WHERE {x} IS NOT NULL ORDER BY 1"
        kind = pa.large_string() if is_text(self.kind(name)) else None
        array = None
        for found in self.server.batches(sql, VALUES_AT_ONCE):
            array = one_array(found.column(0))
            yield array if kind is None else array.cast(kind)
        if array is None:
            yield pa.nulls(0, kind or self.kind(name))
