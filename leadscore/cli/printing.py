"""What the command line prints that is no result: findings, changes, rows set aside, progress."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from leadscore.base.files import AnyPath, is_stream, locked
from leadscore.base.text import counted
from leadscore.errors import visible
from leadscore.present.markdown import text_table

if TYPE_CHECKING:
    import datetime as dt

    from leadscore.meeting import Review
    from leadscore.present.result import Result, Section
    from leadscore.rulebook import Rulebook
    from leadscore.rulebook.diff import Change
    from leadscore.tables.tables import Tables


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, figures: str = "", err: bool = False) -> None:
    """Print rows of text in columns; those of the figures stand to the right."""
    typer.echo("\n".join(text_table(heads, rows, [head == figures for head in heads])), err=err)


def print_changes(changes: list[Change], printed: str) -> None:
    """Print what differs between two rulebooks, for people or for programs."""
    if printed == "json":
        print_json([asdict(one) for one in changes])
    elif changes:
        print_table(("section", "name", "change"), [(one.section, one.name, one.text) for one in changes])
        for one in changes:
            if one.code:
                typer.echo(f"warning {one.code}: {visible(one.warning)}")
    else:
        typer.echo("no change")


def print_json(data: Any) -> None:
    """Print plain data for programs."""
    typer.echo(json.dumps(data, indent=2))


def print_result(result: Result | Review, printed: str, more: Sequence[Section] = ()) -> None:
    """Print a result and the sections beside it, for people or for programs."""
    from leadscore.present.result import section_markdown, section_text, sections_data  # noqa: PLC0415 - needs pandas

    if printed == "json":
        print_json(result.to_dict() | sections_data(more))
    elif printed == "markdown":
        parts = (part for section in more for part in section_markdown(section))
        typer.echo("\n\n".join([result.to_markdown().rstrip("\n"), *parts]))
    else:
        typer.echo("\n".join([str(result), *(line for section in more for line in section_text(section))]))


def print_written(result: Result, printed: str, out: AnyPath) -> None:
    """Print a result whose rows are in a file: for programs without them."""
    from leadscore.present.result import sections_data  # noqa: PLC0415 - needs pandas

    if printed == "json":
        summed = sections_data(part for part in result.sections() if part.name not in {"frame", "states"})
        print_json({"headline": result.headline, "notes": list(result.notes), **summed, "written": str(out)})
    else:
        typer.echo(result)


def findings_of(tables: Tables, book: Rulebook, start: dt.date, end: dt.date) -> Section:
    """What the rulebook and the data lack of each other, over a period, as a part of a result."""
    from leadscore.base.days import day_number  # noqa: PLC0415 - needs pandas
    from leadscore.scoring.unfired import findings  # noqa: PLC0415 - needs pandas
    from leadscore.tables.findings import findings_section  # noqa: PLC0415 - needs pandas

    return findings_section(findings(tables, book, day_number(start), day_number(end)))


def heading(text: str) -> None:
    """Print a line that starts a part."""
    typer.echo(f"\n{text}\n{'-' * len(text)}")


@contextmanager
def steps(total: int) -> Iterator[Callable[..., None]]:
    """Say what is being done, with a bar of the steps that are; on a terminal only."""
    # Beside the stream that shows the codes of a bar as text.
    stream = sys.__stderr__ or sys.stderr
    # With one of these in its environment rich may take a file for a terminal too.
    if not (stream.isatty() or {"FORCE_COLOR", "TTY_COMPATIBLE"} & os.environ.keys()):
        yield lambda *_, **__: None
        return
    from rich.console import Console  # noqa: PLC0415 - takes long to import, and only a bar needs it
    from rich.progress import (  # noqa: PLC0415 - as above
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    where = Console(file=stream)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=where, transient=True, disable=not where.is_terminal) as progress:
        task = progress.add_task("...", total=total)

        def step(text: str, *, further: bool = True) -> None:
            # The first step begins with nothing done.
            done = further and progress.tasks[0].description != "..."
            progress.update(task, description=visible(text), advance=int(done))

        yield step


@contextmanager
def alone(path: AnyPath | None) -> Iterator[None]:
    """Read a file and replace it while no other run does, and say when that takes waiting."""
    if path is None:
        yield
        return
    if is_stream(path):
        raise typer.BadParameter(f"{visible(path)} is no file, and the next run could not read it again")
    said = f"Another run is at work on {visible(path)}; this one waits until it has ended."
    with locked(path, lambda: typer.echo(said, err=True)):
        yield


def print_set_aside(tables: Tables, *, err: bool = False) -> None:
    """Print what an import made, how many rows were put in order or set aside, and why.

    With `err` beside what programs read.
    """
    made = (tables.imported.headline, *tables.imported.notes) if tables.imported else ()
    for note in (*made, *tables.order_notes):
        typer.echo(visible(note), err=err)
    rejected = tables.rejected
    if len(rejected):
        rows = len(rejected.drop_duplicates(["table", "row"]))
        typer.echo(f"Set aside for breaking the contract of the tables: {counted(rows, 'row')}.", err=err)
        counts = rejected.value_counts(["table", "column", "problem"], sort=False).reset_index()
        found = [(f"{table}.{column}".rstrip("."), why, f"{n:,}") for table, column, why, n in counts.to_numpy()]
        print_table(("where", "problem", "rows"), found, figures="rows", err=err)
