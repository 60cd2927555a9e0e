"""Leads scored where they are: in a database, or by Spark."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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
# In pages of calls through the JVM: what a worker of ours said, else Spark's reason with its code.
_SAID = re.compile(r"leadscore\.errors\.\w+: (.+(?:\n  .+)*)"), re.compile(r"\[[A-Z][A-Z_.\d]+\] .+")


@dataclass(frozen=True)
class Asked:
    """What is to be scored in DuckDB, Postgres or Spark.

    Attributes
    ----------
    engine : str
    rulebook : Path
    data : Path or None
        A data file.
    tables : tuple of names, None where there is none
        Leads, events, outcomes: as the database calls them, or folders of Parquet for Spark.
    connection : str or None
        The environment variable that holds the connection.
    as_of : date
    out, account_scores : Path
    printed : str
    """

    engine: str
    rulebook: Path
    data: Path | None
    tables: options.Files
    connection: str | None
    as_of: dt.date
    out: Path
    account_scores: Path | None
    printed: str

    @property
    def named(self) -> dict[str, str]:
        """The tables that are given, by our names for them."""
        return {name: table for name, table in zip(_NAMES, self.tables, strict=True) if table is not None}


def score_elsewhere(asked: Asked, buckets: int | None, in_memory_only: list[str]) -> None:
    """Score leads in DuckDB, Postgres or Spark, and write their rows."""
    if asked.engine == "spark" and asked.account_scores is not None:
        in_memory_only = [*in_memory_only, "--account-scores"]
    if in_memory_only:
        raise options.in_memory_only(in_memory_only)
    if asked.engine == "spark":
        _in_spark(asked, buckets)
        return
    if buckets is not None:
        raise typer.BadParameter("goes with '--engine buckets' or 'spark'", param_hint="'--buckets'")
    _in_database(asked)


def _in_database(asked: Asked) -> None:
    from leadscore.engines.rows import as_rows  # noqa: PLC0415 - this engine only
    from leadscore.engines.writing import write_rows  # noqa: PLC0415 - as above

    out, accounts = asked.out, asked.account_scores
    options.check_written(
        [asked.rulebook], ("--out", out, options.TABLES), ("--account-scores", accounts, options.TABLES)
    )
    book = ls.Rulebook.read(asked.rulebook)
    with steps(2) as step:
        step(f"Scoring in {asked.engine}")
        found = _scored(asked, book)
        step(f"Writing {out}")
        said = {"as_of": asked.as_of.isoformat(), "engine": asked.engine}
        write_rows(as_rows(found.frame), out, book, said)
        if accounts is not None and found.accounts is not None:
            write_rows(as_rows(found.accounts), accounts, book, said)
    if asked.printed == "table":
        typer.echo(f"{counted(len(found), 'lead')} scored as of {asked.as_of} in {asked.engine}")
        if {*asked.named} == {"leads"}:
            typer.echo("Fit only: no events were given.")
    print_written(found, asked.printed, out)
    if asked.printed == "table":
        typer.echo(f"Written to {visible(out)}{f' and {visible(accounts)}' if accounts is not None else ''}")


def _scored(asked: Asked, book: ls.Rulebook) -> ScoredInDatabase:
    from leadscore.engines.sql.connections import connected  # noqa: PLC0415 - this engine only
    from leadscore.engines.sql.mapped import connection_of  # noqa: PLC0415 - as above
    from leadscore.engines.sql.scored import mapped_in, scored_in  # noqa: PLC0415 - as above

    path = options.data_of(asked.rulebook, asked.data, asked.tables[0])
    data = None if path is None else ls.imports.DataFile.read(path)
    variable = asked.connection if data is None else connection_of(data)
    if variable is None:
        what = "needed: the environment variable that holds the connection"
        raise typer.BadParameter(what, param_hint="'--connection'")
    if asked.connection not in {None, variable}:
        what = f"{visible(str(path))} has its tables in {variable!r}; leave --connection out"
        raise typer.BadParameter(what, param_hint="'--connection'")
    if data is None and asked.tables[0] is None:
        raise typer.BadParameter("needed: the table of the leads, as crm.leads", param_hint="'--leads'")
    if data is not None and any(asked.tables):
        given = ", ".join(f"--{name}" for name in asked.named)
        what = f"{visible(str(path))} says where events and outcomes are; leave {given} out"
        raise typer.BadParameter(what, param_hint="'--data'")
    if asked.account_scores is not None and book.account is None:
        raise typer.BadParameter("none of the rulebooks has an 'account'", param_hint="'--account-scores'")
    with connected(variable) as server:
        if server.dialect.name != asked.engine:
            what = f"the connection in {variable!r} is to {server.dialect.name}"
            raise typer.BadParameter(what, param_hint="'--engine'")
        found = None if data is None else mapped_in(server, book, data, variable)
        tables = {name: server.dialect.table(table, name) for name, table in asked.named.items()}
        return scored_in(server, book, asked.as_of, tables, found, accounts=asked.account_scores is not None)


def _in_spark(asked: Asked, buckets: int | None) -> None:
    from leadscore.scoring.scores import headline  # noqa: PLC0415 - this engine only
    from leadscore.sources.files import needed  # noqa: PLC0415 - as above

    out = asked.out
    if asked.connection is not None or asked.data is not None:
        what = "with Spark, give --leads and --events: folders of Parquet, or tables of the session"
        raise typer.BadParameter(what, param_hint="'--engine'")
    if out.suffix or out.exists():
        wrong = "is there already" if out.exists() else "has an ending"
        raise typer.BadParameter(f"{str(out)!r} {wrong}; Spark writes a new folder of parts", param_hint="'--out'")
    if lacking := [f"--{name}" for name in _NAMES[:2] if name not in asked.named]:
        what = "needed with Spark: folders of Parquet, or tables of the session"
        raise typer.BadParameter(what, param_hint=f"'{', '.join(lacking)}'")
    for name, table in asked.named.items():
        if table.lower().endswith((".csv", ".csv.gz", ".zip")):
            what = f"Spark reads folders of Parquet, or tables of the session; got {table!r}"
            raise typer.BadParameter(what, param_hint=f"'--{name}'")
    session = needed("pyspark.sql", "spark", "Spark", "--engine").SparkSession
    book = ls.Rulebook.read(asked.rulebook)
    with steps(1) as step, _spark_errors(out):
        step("Scoring in Spark")
        spark = session.builder.getOrCreate()
        tables = {name: _table(spark, table) for name, table in asked.named.items()}
        scored = ls.score_spark(**tables, rulebook=book, as_of=asked.as_of, buckets=buckets)
        scored.write.parquet(str(out))
        written = spark.read.parquet(str(out))
        n, qualified = written.count(), written.filter("qualified").count()
    if asked.printed == "json":
        print_json({"leads": n, "qualified": qualified, "written": str(out)})
    else:
        typer.echo(f"{headline(qualified, n, asked.as_of, book)}\nWritten to {visible(out)}")


@contextmanager
def _spark_errors(out: Path) -> Iterator[None]:
    """Say why Spark gave up, without its pages of calls; the empty folder that it leaves is no result."""
    from py4j.protocol import Py4JError  # noqa: PLC0415 - this engine only
    from pyspark.errors import PySparkException  # noqa: PLC0415 - as above

    try:
        yield
    except (PySparkException, Py4JError) as error:
        with suppress(OSError):
            out.rmdir()
        text = str(error)
        ours, theirs = (said.search(text) for said in _SAID)
        if ours is not None:
            typer.echo(ours[1], err=True)
            raise typer.Exit(1) from None
        reason = theirs[0] if theirs else text.partition("\n")[0]
        raise ls.ContractError("Spark", [ls.Problem("", reason)]) from None


def _table(spark: Any, table: str) -> Any:
    """A table by its path, or by the name that Spark has for it."""
    path = "/" in table or table.lower().endswith(".parquet") or Path(table).exists()
    return spark.read.parquet(table) if path else spark.table(table)
