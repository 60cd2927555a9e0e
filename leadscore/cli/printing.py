"""What the command line prints that is no result: findings, changes, rows set aside, progress."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from leadscore.base.text import counted

if TYPE_CHECKING:
    from leadscore.rulebook.diff import Change
    from leadscore.tables.tables import Tables

# Where nobody looks at a width, in files and pipes, one line of a table is one line of text.
_PIPED_WIDTH = 10_000


def console() -> Console:
    """Colour and the terminal's width on a terminal; plain text with nothing cut off elsewhere."""
    # Names of rules hold brackets and colons, which are text here and no markup.
    found = Console(markup=False, highlight=False, emoji=False)
    if found.is_terminal:
        return found
    return Console(markup=False, highlight=False, emoji=False, width=_PIPED_WIDTH, no_color=True)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows of text; a column whose name ends in a space holds figures, and stands to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for name in columns:
        table.add_column(name.strip(), justify="right" if name.endswith(" ") else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    where = console()
    with where.capture() as captured:
        where.print(table)
    # Padding to the longest cell would only be trailing blanks.
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_changes(changes: list[Change]) -> None:
    """Print what differs between two rulebooks."""
    if changes:
        print_table(("section", "name", "change"), [(one.section, one.name, one.text) for one in changes])
        for one in changes:
            if one.code:
                typer.echo(f"warning {one.code}: {one.warning}")
    else:
        typer.echo("no change")


def print_json(data: Any) -> None:
    """Print plain data for programs."""
    typer.echo(json.dumps(data, indent=2))


def heading(text: str) -> None:
    """Print a line that starts a part."""
    typer.echo()
    console().print(text, style="bold")


@contextmanager
def steps(total: int) -> Iterator[Callable[[str], None]]:
    """Say what is being done, with a bar of the steps that are; on a terminal only."""
    where = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=where, transient=True, disable=not where.is_terminal) as progress:
        task = progress.add_task("...", total=total)

        def step(text: str) -> None:
            # The first step begins with nothing done.
            progress.update(task, description=text, advance=0 if progress.tasks[0].description == "..." else 1)

        yield step


def print_set_aside(tables: Tables) -> None:
    """Print how many rows were set aside, and why."""
    rejected = tables.rejected
    if len(rejected):
        rows = len(rejected.drop_duplicates(["table", "row"]))
        typer.echo(f"Set aside for breaking the contract of the tables: {counted(rows, 'row')}.")
        counts = rejected.value_counts(["table", "column", "problem"], sort=False).reset_index()
        found = [(f"{table}.{column}".rstrip("."), why, f"{n:,}") for table, column, why, n in counts.to_numpy()]
        print_table(("where", "problem", "rows "), found)
