"""Leads scored where they are: in a database, or by Spark."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

import leadscore as ls
from leadscore.base.text import counted
from leadscore.cli import options
from leadscore.cli.printing import print_json, print_written, steps
from leadscore.errors import visible

if TYPE_CHECKING:
    from leadscore.engines.sql.scored import ScoredInDatabase

_NAMES = ("leads", "events", "outcomes")


def score_elsewhere(  # noqa: PLR0913, PLR0917
    engine: str,
    rulebook: Path,
    data: Path | None,
    given: options.Files,
    connection: str | None,
    as_of: dt.date,
    out: Path,
    buckets: int | None,
    printed: str,
    in_memory_only: list[str],
) -> None:
    """Score leads in DuckDB, Postgres or Spark; `given` are names of tables, or there is a data file that says them."""
    if in_memory_only:
        what = f"{' and '.join(in_memory_only)}: done in memory only, from the tables as a whole"
        raise typer.BadParameter(what, param_hint="'--engine'")
    if engine == "spark":
        if connection is not None or data is not None:
            what = "with Spark, give --leads and --events: folders of Parquet, or tables of the session"
            raise typer.BadParameter(what, param_hint="'--engine'")
        _in_spark(rulebook, given, as_of, out, buckets, printed)
        return
    if buckets is not None:
        raise typer.BadParameter("goes with '--engine buckets' or 'spark'", param_hint="'--buckets'")
    _in_database(engine, rulebook, data, given, connection, as_of, out, printed)


def _in_database(  # noqa: PLR0913, PLR0917
    engine: str,
    rulebook: Path,
    data: Path | None,
    given: options.Files,
    connection: str | None,
    as_of: dt.date,
    out: Path,
    printed: str,
) -> None:
    from leadscore.engines.rows import as_rows  # noqa: PLC0415 - this engine only
    from leadscore.engines.writing import write_rows  # noqa: PLC0415 - as above

    options.check_written([rulebook], ("--out", out, options.TABLES))
    book = ls.Rulebook.read(rulebook)
    with steps(2) as step:
        step(f"Scoring in {engine}")
        found = _scored(engine, book, rulebook, data, given, connection, as_of)
        step(f"Writing {out}")
        write_rows(as_rows(found.frame), out, book, {"as_of": as_of.isoformat(), "engine": engine})
    if printed == "table":
        typer.echo(f"{counted(len(found), 'lead')} scored as of {as_of} in {engine}, written to {visible(out)}")
    print_written(found, printed, out)


def _scored(  # noqa: PLR0913, PLR0917
    engine: str,
    book: ls.Rulebook,
    rulebook: Path,
    data: Path | None,
    given: options.Files,
    connection: str | None,
    as_of: dt.date,
) -> ScoredInDatabase:
    from leadscore.engines.sql.connections import connected  # noqa: PLC0415 - this engine only
    from leadscore.engines.sql.mapped import connection_of  # noqa: PLC0415 - as above
    from leadscore.engines.sql.scored import mapped_in, scored_in  # noqa: PLC0415 - as above

    read = options.data_of(rulebook, data, given[0])
    contents = None if read is None else ls.imports.DataFile.read(read)
    variable = connection if contents is None else connection_of(contents)
    if variable is None:
        what = "needed: the environment variable that holds the connection"
        raise typer.BadParameter(what, param_hint="'--connection'")
    if contents is not None and connection is not None and connection != variable:
        what = f"{visible(str(read))} has its tables in {variable!r}; leave --connection out"
        raise typer.BadParameter(what, param_hint="'--connection'")
    with connected(variable) as server:
        if server.dialect.name != engine:
            what = f"the connection in {variable!r} is to {server.dialect.name}"
            raise typer.BadParameter(what, param_hint="'--engine'")
        if contents is not None:
            return scored_in(server, book, as_of, {}, mapped_in(server, book, contents, variable))
        tables = {
            name: server.dialect.table(table, name)
            for name, table in zip(_NAMES, given, strict=True)
            if table is not None
        }
        return scored_in(server, book, as_of, tables)


def _in_spark(  # noqa: PLR0913, PLR0917
    rulebook: Path, given: options.Files, as_of: dt.date, out: Path, buckets: int | None, printed: str
) -> None:
    from leadscore.scoring.scores import headline  # noqa: PLC0415 - this engine only
    from leadscore.sources.files import needed  # noqa: PLC0415 - as above

    if out.suffix or out.exists():
        what = f"Spark writes a folder of parts: {str(out)!r} {'is there' if out.exists() else 'has an ending'}"
        raise typer.BadParameter(what, param_hint="'--out'")
    lacking = [f"--{name}" for name, table in zip(_NAMES[:2], given, strict=False) if table is None]
    if lacking:
        what = "needed with Spark: folders of Parquet, or tables of the session"
        raise typer.BadParameter(what, param_hint=f"'{', '.join(lacking)}'")
    session = needed("pyspark.sql", "spark", "Spark", "--engine").SparkSession
    book = ls.Rulebook.read(rulebook)
    spark = session.builder.getOrCreate()
    tables = {name: _table(spark, table) for name, table in zip(_NAMES, given, strict=True) if table is not None}
    with steps(1) as step:
        step("Scoring in Spark")
        scored = ls.score_spark(**tables, rulebook=book, as_of=as_of, buckets=buckets)
        scored.write.parquet(str(out))
    written = spark.read.parquet(str(out))
    n, qualified = written.count(), written.filter("qualified").count()
    if printed == "json":
        print_json({"leads": n, "qualified": qualified, "written": str(out)})
        return
    typer.echo(f"{headline(qualified, n, as_of, book)}\nWritten to {visible(out)}")


def _table(spark: Any, table: str) -> Any:
    """A table by its path, or by the name that Spark has for it."""
    path = "/" in table or table.lower().endswith(".parquet") or Path(table).exists()
    return spark.read.parquet(table) if path else spark.table(table)
