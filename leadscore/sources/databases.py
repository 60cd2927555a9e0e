"""Tables and queries of databases as batches of Arrow: read, never written, under names that are quoted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa

from leadscore.errors import ContractError, Problem, did_you_mean
from leadscore.sources.csv_files import first_line
from leadscore.sources.files import needed
from leadscore.sources.source import Source, named

# Rows of a batch at least: DuckDB hands out 2,048 at a time.
_ROWS = 1 << 16
_DIALECTS = {name: name for name in ("bigquery", "duckdb", "postgres", "snowflake", "sqlite")} | {
    "postgresql": "postgres"
}
_MODULES = {
    "bigquery": "adbc_driver_bigquery.dbapi",
    "duckdb": "adbc_driver_duckdb",
    "postgres": "adbc_driver_postgresql.dbapi",
    "snowflake": "adbc_driver_snowflake.dbapi",
    "sqlite": "adbc_driver_sqlite.dbapi",
}
_EXAMPLE = "as postgresql://user:password@host/database or duckdb:///file.duckdb"
# Where a connection is cut into what no message may hold; shorter pieces say nothing.
_CUTS, _SHORTEST = re.compile(r"[:/?#@&=\s]+"), 3
_PART = re.compile(r'"((?:[^"]|"")+)"|([^".`]+)')
# Types that cells are read from as they are; of the others the database makes text.
_READ = (
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_dictionary,
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_list,
    pa.types.is_struct,
)


@dataclass(frozen=True)
class Database:
    """A database, not yet connected to.

    Attributes
    ----------
    name : str
        The table's name in messages.
    label : str
        What messages call the database.
    dialect : str
        Its SQL.
    address : str
        Where it is, after the scheme.
    secret : bool
        Whether no message may hold a piece of the address.
    """

    name: str
    label: str
    dialect: str
    address: str = field(repr=False)
    secret: bool

    @classmethod
    def in_environment(cls, variable: str, name: str) -> Database:
        """The database whose connection an environment variable holds.

        Raises
        ------
        ContractError
            If there is no such variable, or nothing is known that reads what it names.
        """
        connection = os.environ.get(variable, "").strip()
        scheme, found, address = connection.partition("://")
        dialect = _DIALECTS.get(scheme.partition("+")[0].lower())
        if not connection:
            message = (
                f"needs the environment variable {variable!r}, which is not set; it holds the connection, {_EXAMPLE}"
            )
            raise ContractError("tables", [Problem(name, message)])
        if not found or dialect is None:
            message = (
                f"the connection in {variable!r} must begin with one of {', '.join(sorted(_DIALECTS))}, {_EXAMPLE}"
            )
            raise ContractError("tables", [Problem(name, message)])
        return cls(name, f"the database in {variable!r}", dialect, address, secret=True)

    def problem(self, message: str) -> ContractError:
        """The error that names the database."""
        return ContractError("tables", [Problem(self.name, f"{self.label} {message}")])

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """A cursor that can only read."""
        driver = needed(_MODULES[self.dialect], self.dialect, self.label, self.name)
        manager = needed("adbc_driver_manager.dbapi", self.dialect, self.label, self.name)
        try:
            with self._connected(driver, manager) as connection, connection.cursor() as cursor:
                if self.dialect == "postgres":
                    cursor.execute("SET TRANSACTION READ ONLY")
                yield cursor
        except (manager.Error, pa.ArrowException, OSError) as error:
            raise self.problem(f"cannot be read: {self.without_address(first_line(error))}") from None

    def _connected(self, driver: Any, manager: Any) -> Any:
        # As SQLAlchemy writes it: sqlite:///here.db, sqlite:////there/it.db.
        path = self.address.removeprefix("/")
        if self.dialect == "postgres":
            return driver.connect(f"postgresql://{self.address}")
        if self.dialect == "sqlite":
            return driver.connect(f"file:{quote(path)}?mode=ro")
        if self.dialect == "snowflake":
            return driver.connect(self.address, autocommit=True)
        if self.dialect == "bigquery":
            project, _, dataset = self.address.partition("/")
            options = {"adbc.bigquery.sql.project_id": project, "adbc.bigquery.sql.dataset_id": dataset}
            return driver.connect({key: value for key, value in options.items() if value}, autocommit=True)
        options = {"path": path, "access_mode": "read_only"}
        # A query reaches no other file, and cannot change that.
        options |= {"enable_external_access": "false", "lock_configuration": "true"}
        place = driver.driver_path()
        return manager.connect(driver=place, entrypoint="duckdb_adbc_init", db_kwargs=options, autocommit=True)

    def without_address(self, text: str) -> str:
        """A driver's message without any piece of the connection."""
        pieces = {self.address, *_CUTS.split(self.address)} if self.secret else set()
        for piece in sorted(pieces | {unquote(piece) for piece in pieces}, key=len, reverse=True):
            text = text.replace(piece, "***") if len(piece) >= _SHORTEST else text
        return text

    def table(self, text: str) -> str:
        """A table's name, each part quoted; a part in quotes may hold a point.

        Raises
        ------
        ContractError
            If it is no name.
        """
        # What Snowflake is told without quotes it takes for capitals.
        names = names_in(text, upper=self.dialect == "snowflake")
        if not names:
            raise self.problem(f'has no table {text!r}: a name is written as schema.table, or as "my schema"."table"')
        return ".".join(map(self._quoted, names))

    def subquery(self, text: str) -> str:
        """A query as what a table's name can stand for.

        Raises
        ------
        ContractError
            If it is no query, several statements, or one that writes.
        """
        sqlglot = needed("sqlglot", self.dialect, self.label, self.name)
        exp = sqlglot.exp
        writes = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Into, exp.Command)
        try:
            statements = [
                one for one in sqlglot.parse(text, read=self.dialect) if one and not isinstance(one, exp.Semicolon)
            ]
            tokens = sqlglot.tokenize(text, read=self.dialect)
        except sqlglot.errors.SqlglotError as error:
            told = error.errors[0]["description"] if getattr(error, "errors", None) else first_line(error)
            raise self.problem(f"cannot be asked: the query is no SQL that is understood: {told}") from None
        if len(statements) != 1 or not isinstance(statements[0], exp.Query) or statements[0].find(*writes):
            raise self.problem("cannot be asked: a query is one SELECT, which changes nothing")
        end = next((token.start for token in tokens if token.token_type == sqlglot.tokens.TokenType.SEMICOLON), None)
        return f"(\n{text[:end]}\n)"

    def relation(self, table: str | None, query: str | None, folder: Path) -> str:
        """What a statement reads from: a table, or a query; `query` may name a file in `folder`.

        Raises
        ------
        ContractError
            If it cannot be read or understood, or does more than to read.
        """
        return self.subquery(_query(self, query, folder)) if query else self.table(table or "")

    def column(self, held: pa.Field) -> str:
        """A column to select; as text, if cells are not read from what it holds."""
        quoted = self._quoted(held.name)
        # SQLite's columns have the type of the cell.
        if self.dialect != "sqlite" and any(test(held.type) for test in _READ):
            return quoted
        exp = needed("sqlglot", self.dialect, self.label, self.name).exp
        text = exp.DataType.build("text").sql(dialect=self.dialect)
        return f"CAST({quoted} AS {text}) AS {quoted}"

    def _quoted(self, name: str) -> str:
        exp = needed("sqlglot", self.dialect, self.label, self.name).exp
        return str(exp.to_identifier(name, quoted=True).sql(dialect=self.dialect))


def names_in(text: str, *, upper: bool) -> list[str]:
    """The parts of a table's name, those without quotes in capitals if so asked; none if it is no name."""
    parts = [*_PART.finditer(text.strip("`"))]
    if ".".join(part[0] for part in parts) != text.strip("`"):
        return []
    return [part[1].replace('""', '"') if part[1] else part[2].upper() if upper else part[2] for part in parts]


def database_source(database: Database, table: str | None, query: str | None, folder: Path) -> Source:
    """A table, or what a query gives; `query` is the name of a file in `folder`, or has blanks and is the query itself.

    Raises
    ------
    ContractError
        If the database cannot be reached or has no such table, or the query does more than to read.
    """
    within = database.relation(table, query, folder)
    with database.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {within} AS q LIMIT 0")  # noqa: S608 - quoted, or a query that was checked
        with cursor.fetch_record_batch() as reader:
            schema = reader.schema

    def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
        chosen = ", ".join(database.column(schema.field(schema.names.index(column))) for column in columns)
        with database.cursor() as cursor:
            cursor.execute(f"SELECT {chosen} FROM {within} AS q")  # noqa: S608 - quoted, or a query that was checked
            with cursor.fetch_record_batch() as reader:
                yield from _larger(reader)

    return Source(**named(database.name, schema.names), batches=batches)


def _query(database: Database, query: str, folder: Path) -> str:
    if re.search(r"\s", query):
        return query
    try:
        return (folder / query).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        near = did_you_mean(Path(query).name, (one.name for one in (folder / query).parent.glob("*.sql")))
        message = f"the file of the query, {query!r}, cannot be read: {first_line(error)}{near}"
        raise ContractError("tables", [Problem(database.name, message)]) from None


def _larger(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.num_rows for one in held) >= _ROWS:
            yield from pa.Table.from_batches(held).combine_chunks().to_batches()
            held = []
    if held:
        yield from pa.Table.from_batches(held).combine_chunks().to_batches()
