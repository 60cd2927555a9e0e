"""Databases as they are connected to: what they hold as Arrow, look-ups put there, and one snapshot of all."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import pyarrow as pa

from leadscore.base.text import kind_of
from leadscore.engines.sql.dialects import DIALECTS, Dialect
from leadscore.errors import ArgumentError, ContractError, Problem
from leadscore.sources.csv_files import first_line

# Postgres' types by their numbers; of all others it makes text.
_POSTGRES = {
    16: pa.bool_(), 20: pa.int64(), 21: pa.int64(), 23: pa.int64(), 700: pa.float32(), 701: pa.float64(),
    1700: pa.decimal128(38, 9), 1082: pa.date32(), 1114: pa.timestamp("us"), 1184: pa.timestamp("us", "UTC"),
    1009: pa.list_(pa.large_string()), 1015: pa.list_(pa.large_string()), 1016: pa.list_(pa.int64()),
    1007: pa.list_(pa.int64()), 1022: pa.list_(pa.float64()), 1000: pa.list_(pa.bool_()),
}  # fmt: skip
_WRITTEN = {"bool": "boolean", "float": "real", "double": "double precision", "date32[day]": "date"}


class Server(Protocol):
    """A connection: what look-ups are made from, and what runs the statement."""

    @property
    def dialect(self) -> Dialect:
        """Its SQL."""

    @property
    def errors(self) -> type[Exception]:
        """What its driver raises."""

    @property
    def said(self) -> Callable[[str], str]:
        """What of its driver's words may be said."""

    def fetch(self, sql: str) -> pa.Table:
        """What a query gives."""

    def batches(self, sql: str, rows: int) -> Iterator[pa.Table]:
        """The same, so many rows at a time; within a snapshot, and without other queries between."""

    def load(self, name: str, table: pa.Table) -> None:
        """Put a table there, for this connection alone."""

    def execute(self, sql: str) -> None:
        """Run a statement that gives nothing."""

    def snapshot(self, *, keep: bool) -> Any:
        """A context in which all queries see the same rows; what is made in it goes with it, or is kept."""


class DuckDB:
    """A DuckDB connection."""

    def __init__(self, connection: Any, said: Callable[[str], str] = str) -> None:
        import duckdb  # noqa: PLC0415 - the connection is one of its

        self._connection, self.dialect, self.said = connection, DIALECTS["duckdb"], said
        self.errors: type[Exception] = duckdb.Error
        self._made: list[str] = []

    def fetch(self, sql: str) -> pa.Table:
        """What a query gives; lists of words as words."""
        return self._connection.sql(sql).to_arrow_table()

    def batches(self, sql: str, rows: int) -> Iterator[pa.Table]:
        """The same, so many rows at a time."""
        # By the name that DuckDB 1.4 has for it too.
        for batch in self._connection.sql(sql).arrow(rows):
            yield pa.Table.from_batches([batch])

    def load(self, name: str, table: pa.Table) -> None:
        """Put a table there, for this connection alone."""
        held = f"{name} in hand"
        self._connection.register(held, table)
        self.execute(f"CREATE OR REPLACE TEMP TABLE {self.dialect.quoted(name)} AS FROM {self.dialect.quoted(held)}")
        self._connection.unregister(held)
        self._made.append(name)

    def execute(self, sql: str) -> None:
        """Run a statement that gives nothing."""
        self._connection.execute(sql)

    @contextmanager
    def snapshot(self, *, keep: bool) -> Iterator[None]:
        """A transaction; that of the caller where there is one."""
        # Of queries that run by themselves each has a transaction of its own.
        first, second = (self.fetch("SELECT txid_current() AS n")["n"][0].as_py() for _ in range(2))
        own = first != second
        if own:
            self._connection.begin()
        try:
            yield
        except BaseException:
            if own:
                self._connection.rollback()
                self._made.clear()
            raise
        while self._made:
            self.execute(f"DROP TABLE IF EXISTS temp.{self.dialect.quoted(self._made.pop())}")
        if own:
            (self._connection.commit if keep else self._connection.rollback)()


class Postgres:
    """A psycopg connection to Postgres."""

    def __init__(self, connection: Any, said: Callable[[str], str] = str) -> None:
        import psycopg  # noqa: PLC0415 - the connection is one of its

        self._connection, self.dialect, self.said = connection, DIALECTS["postgres"], said
        self.errors: type[Exception] = psycopg.Error

    def fetch(self, sql: str) -> pa.Table:
        """What a query gives."""
        # What fails ends no transaction of the caller.
        with self._connection.transaction(), self._cursor() as cursor:
            # Given as bytes, which no `%` is looked for in.
            cursor.execute(sql.encode(), binary=True)
            return _table(cursor.description, cursor.fetchall())

    def batches(self, sql: str, rows: int) -> Iterator[pa.Table]:
        """The same, so many rows at a time."""
        with self._cursor("leadscore_batches") as cursor:
            cursor.execute(sql.encode(), binary=True)
            while found := cursor.fetchmany(rows):
                yield _table(cursor.description, found)

    def load(self, name: str, table: pa.Table) -> None:
        """Put a table there, for this connection alone."""
        quoted, kinds = self.dialect.quoted(name), [_written(field.type) for field in table.schema]
        columns = zip(map(self.dialect.quoted, table.column_names), kinds, strict=True)
        self.execute(f"DROP TABLE IF EXISTS pg_temp.{quoted}")
        self.execute(f"CREATE TEMP TABLE {quoted} ({', '.join(map(' '.join, columns))})")
        with self._cursor() as cursor, cursor.copy(f"COPY {quoted} FROM STDIN".encode()) as copy:
            copy.set_types(kinds)
            for batch in table.to_batches(max_chunksize=50_000):
                for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    copy.write_row(row)
        self.execute(f"ANALYZE {quoted}")

    def _cursor(self, name: str = "") -> Any:
        """A cursor that gives rows as tuples, whatever those of the caller give; with a name, one on the server."""
        import psycopg  # noqa: PLC0415 - as above

        rows = psycopg.rows.tuple_row
        if name:
            return psycopg.ServerCursor(self._connection, name, row_factory=rows)
        return psycopg.Cursor(self._connection, row_factory=rows)

    def execute(self, sql: str) -> None:
        """Run a statement that gives nothing."""
        self._connection.execute(sql.encode())

    @contextmanager
    def snapshot(self, *, keep: bool) -> Iterator[None]:
        """A transaction; within that of the caller where there is one."""
        idle = self._connection.info.transaction_status == 0
        with self._connection.transaction(force_rollback=not keep):
            if idle:
                self.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            made, held = self._temporary() if keep else set[str](), self._set(self.dialect.settings)
            yield
            if keep:
                for name in self._temporary() - made:
                    self.execute(f"DROP TABLE pg_temp.{self.dialect.quoted(name)}")
                self._set(held)

    def _set(self, settings: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Set what holds until the transaction ends; what it was before."""
        before = []
        for name, value in settings:
            now = self.fetch(f"SELECT current_setting('{name}') AS now, set_config('{name}', {value}, TRUE) AS new")
            before.append((name, self.dialect.text(now["now"][0].as_py())))
        return before

    def _temporary(self) -> set[str]:
        """The tables that are for this connection alone."""
        names = self.fetch(
            "SELECT CAST(relname AS TEXT) AS name FROM pg_class WHERE relnamespace = pg_my_temp_schema()"
        )
        return set(names["name"].to_pylist())


def _table(columns: Any, rows: list[tuple[Any, ...]]) -> pa.Table:
    """Rows as Postgres gives them, by what it says of their columns."""
    kinds = [_POSTGRES.get(column.type_code, pa.large_string()) for column in columns]
    values = list(zip(*rows, strict=True)) or [()] * len(kinds)
    return pa.table(list(map(_array, values, kinds)), [column.name for column in columns])


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    if pa.types.is_decimal(kind):
        known = [None if value is None or not math.isfinite(value) else value for value in values]
        return pa.array(known) if any(value is not None for value in known) else pa.nulls(len(known), kind)
    if pa.types.is_large_string(kind):
        return pa.array([value if value is None or isinstance(value, str) else str(value) for value in values], kind)
    return pa.array(values, kind)


def _written(kind: pa.DataType) -> str:
    """A type of Arrow as Postgres has it."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"{_written(kind.value_type)}[]"
    if pa.types.is_integer(kind):
        return "bigint" if kind.bit_width == 64 else "integer"
    if pa.types.is_decimal(kind):
        return "numeric"
    if pa.types.is_timestamp(kind):
        return "timestamptz" if kind.tz else "timestamp"
    return _WRITTEN.get(str(kind), "text")


@contextmanager
def refusals(server: Server) -> Iterator[None]:
    """What the database refuses, in words.

    Raises
    ------
    ContractError
        If it does.
    """
    try:
        yield
    except server.errors as error:
        message = f"the database refuses: {server.said(first_line(error))}"
        raise ContractError("tables", [Problem("", message)]) from None


def server_of(connection: Any) -> Server:
    """What is known of the database of a connection.

    Raises
    ------
    ArgumentError
        If nothing is.
    """
    module = type(connection).__module__.partition(".")[0]
    if module in {"duckdb", "_duckdb"} and hasattr(connection, "register"):
        return DuckDB(connection)
    if module == "psycopg" and hasattr(connection, "transaction"):
        return Postgres(connection)
    message = f"must be a connection of duckdb or of psycopg, as duckdb.connect() gives one; got {kind_of(connection)}"
    raise ArgumentError("connection", message)
