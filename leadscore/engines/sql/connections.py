"""Databases by the name of an environment variable, whose connection no message says; and folders of Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from leadscore.engines.sql.servers import DuckDB, Postgres, Server
from leadscore.errors import ContractError, Problem
from leadscore.sources.csv_files import first_line
from leadscore.sources.databases import Database
from leadscore.sources.files import needed


@contextmanager
def connected(variable: str, *, write: bool = False) -> Iterator[Server]:
    """The database whose connection an environment variable holds, while it is used.

    Raises
    ------
    ContractError
        If there is no such variable, it names neither DuckDB nor Postgres, or the database refuses something; no piece
        of the connection is said.
    """
    database = Database.in_environment(variable, "connection")
    if database.dialect not in {"duckdb", "postgres"}:
        message = "is neither DuckDB nor Postgres: export the values of its columns to Parquet, and name the folder"
        raise database.problem(message)
    module = "duckdb" if database.dialect == "duckdb" else "psycopg"
    driver = needed(module, "sql", database.label, "connection")
    needed("sqlglot", "sql", database.label, "connection")
    try:
        if module == "duckdb":
            with driver.connect(database.address.removeprefix("/"), read_only=not write) as connection:
                yield DuckDB(connection, database.without_address)
        else:
            with driver.connect(f"postgresql://{database.address}") as connection:
                yield Postgres(connection, database.without_address)
    except driver.Error as error:
        raise database.problem(f"refuses: {database.without_address(first_line(error))}") from None


@contextmanager
def domains(folder: Path) -> Iterator[tuple[Server, dict[str, str]]]:
    """A folder of leads.parquet, events.parquet and perhaps outcomes.parquet, and what its tables are called.

    Raises
    ------
    ContractError
        If there are no leads.
    """
    driver = needed("duckdb", "sql", f"the folder {str(folder)!r}", "domains")
    needed("sqlglot", "sql", f"the folder {str(folder)!r}", "domains")
    paths = {name: folder / f"{name}.parquet" for name in ("leads", "events", "outcomes")}
    there = {name: path for name, path in paths.items() if path.exists()}
    if "leads" not in there:
        message = f"{str(folder)!r} has no leads.parquet: it holds each value of each column that rules use, once"
        raise ContractError("tables", [Problem("domains", message)])
    with driver.connect() as connection:
        server = DuckDB(connection)
        for name, path in there.items():
            connection.register(name, pq.read_table(path))
        yield server, {name: server.dialect.quoted(name) for name in there}
