"""A rulebook as SQL for the database where the leads are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import leadscore as ls
from leadscore.base.text import counted
from leadscore.cli import options
from leadscore.cli.entry import app
from leadscore.cli.options import option
from leadscore.errors import visible

if TYPE_CHECKING:
    import datetime as dt

    from leadscore.engines.sql.program import Program


@app.command()
def sql(  # noqa: PLR0913 - a command has as many arguments as options
    rulebook: options.RulebookFile,
    *,
    dialect: Annotated[
        Literal["duckdb", "postgres", "bigquery", "snowflake", "redshift"],
        typer.Option("--dialect", help="The database's SQL. Tests run duckdb and postgres; the others are untested."),
    ],
    leads: Annotated[str, option("TABLE", "A table or view, as crm.leads.")],
    events: Annotated[str | None, option("TABLE", "The same, as web.events. Without it: fit only.")] = None,
    outcomes: Annotated[str | None, option("TABLE", "The same, for rules that ask for stages.")] = None,
    as_of: options.AsOf,
    out: Annotated[Path, option("FOLDER", "Where the files go; those of the same name are replaced.")],
    connection: Annotated[
        str | None, option("NAME", "The environment variable that holds the connection to DuckDB or Postgres.")
    ] = None,
    domains: Annotated[
        Path | None,
        option("FOLDER", "In its place: a folder with leads.parquet and events.parquet that hold every value."),
    ] = None,
) -> None:
    """Write a rulebook as SQL for the leads' own database.

    One statement, the look-up tables that it joins, checks, and a dbt model. leadscore reads the distinct values of the
    columns that rules use, and works out once what each gives; the database only looks them up. The statement is for
    one day: write it again for the next.
    """
    if (connection is None) == (domains is None):
        raise typer.BadParameter("give one of --connection and --domains", param_hint="'--connection'")
    if out.exists() and not out.is_dir():
        raise typer.BadParameter(f"{str(out)!r} is a file; name a folder", param_hint="'--out'")
    book = ls.Rulebook.read(rulebook)
    tables = {"leads": leads, "events": events, "outcomes": outcomes}
    named = {name: table for name, table in tables.items() if table is not None}
    program = _program(book, dialect, named, as_of, connection, domains)
    written = program.write(out)
    rows = sum(table.num_rows for table in program.tables.values())
    lookups = f"{counted(len(program.tables), 'look-up table')} of {counted(rows, 'row')}"
    typer.echo(f"{visible(rulebook)} as {dialect} for {as_of}: {lookups}, {counted(len(program.checks), 'check')}")
    typer.echo(f"{counted(len(written), 'file')} written to {visible(out)}")
    if not program.dialect.tested:
        typer.echo(
            f"No test has run the statement on {dialect}: compare a thousand leads with 'leadscore score' first."
        )


def _program(  # noqa: PLR0913, PLR0917
    book: ls.Rulebook,
    dialect: str,
    named: dict[str, str],
    as_of: dt.date,
    connection: str | None,
    folder: Path | None,
) -> Program:
    from leadscore.engines.sql import connections  # noqa: PLC0415 - this command only
    from leadscore.engines.sql.dialects import dialect_of  # noqa: PLC0415 - as above
    from leadscore.engines.sql.program import written  # noqa: PLC0415 - as above

    wanted = dialect_of(dialect)
    if folder is not None:
        with connections.domains(folder) as (server, read):
            tables = {name: wanted.table(table, name) for name, table in named.items()}
            if lacking := [name for name in tables if name not in read]:
                message = f"{str(folder)!r} has no {lacking[0]}.parquet"
                raise typer.BadParameter(message, param_hint="'--domains'")
            return written(book, server, {name: read[name] for name in tables}, wanted, tables, as_of)
    assert connection is not None
    with connections.connected(connection) as server:
        spoken = server.dialect.name
        if spoken != dialect and (spoken, dialect) != ("postgres", "redshift"):
            message = f"is a connection to {spoken}; the statement was to be for {dialect}"
            raise typer.BadParameter(message, param_hint="'--connection'")
        tables = {name: wanted.table(table, name) for name, table in named.items()}
        read = {name: server.dialect.table(table, name) for name, table in named.items()}
        return written(book, server, read, wanted, tables, as_of)
