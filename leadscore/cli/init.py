"""Where to begin: files to change."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from leadscore.base.files import replacing
from leadscore.cli.entry import app
from leadscore.cli.options import refuse_existing
from leadscore.errors import visible


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="The folder; created if it does not exist.")
    ] = Path(),
) -> None:
    """Write an example to start from: a rulebook and two tiny tables."""
    from leadscore.datasets.funnel import example  # noqa: PLC0415 - this command only

    names = ("rulebook.yaml", "leads.csv", "events.csv")
    refuse_existing(folder, names, "'FOLDER'")
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        # All of them or none: a folder with one is refused next time.
        for name in names:
            file = stack.enter_context(replacing(folder / name))
            file.write(example(name).encode())
            file.flush()
    rulebook, leads, events = (shlex.quote(visible(folder / name)) for name in names)
    out = shlex.quote(visible(folder / "scores.csv"))
    tables = f"--leads {leads} --events {events} --as-of 2026-03-31"
    typer.echo(f"Wrote {rulebook}, {leads} and {events}. Now type:\n")
    typer.echo(f"  leadscore check {rulebook}")
    typer.echo(f"  leadscore score {rulebook} {tables} --out {out}")
    typer.echo(f"  leadscore explain {rulebook} L-1002 {tables}\n")
    typer.echo("Then change the rulebook to what your teams believe, and the tables to your own.")
