"""Where to begin: files to change."""

from __future__ import annotations

import datetime as dt
import os
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadscore.base.files import replacing
from leadscore.base.text import counted
from leadscore.cli.entry import app
from leadscore.cli.options import refuse_existing
from leadscore.errors import visible

if TYPE_CHECKING:
    from leadscore.start.question import Question


@app.command()
def init(
    places: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FOLDER]", help="The folder, created if need be; with --from: files."),
    ] = None,
    *,
    exports: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="FILE...",
            help="Exports of a CRM or a tracker, or a folder of them: start from your data.",
        ),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(metavar="SHEET", help="A scoring sheet, CSV or a workbook, to make the rulebook of."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="The folder, where files stand before it.")] = None,
) -> None:
    """Write files to start from: an example, or out of your own.

    With --from: a data.yaml, which says how the exports become leads, events and outcomes, and a first rulebook. What
    the exports do not say is asked; where nobody can be asked, a default is taken and marked "# ?" in data.yaml, and
    the exit code is 5.

    With --rules: a rulebook made of your scoring sheet. Rows that are unclear stand in it as TODO comments; then the
    exit code is 5, too.
    """
    files = [place for place in places or () if exports and place.is_file()]
    folders = [place for place in places or () if place not in files] + ([out] if out else [])
    if exports and rules:
        raise typer.BadParameter("give --from or --rules: each writes a rulebook", param_hint="'--rules'")
    if len(folders) > 1:
        raise typer.BadParameter(f"give one; got {', '.join(map(str, folders))}", param_hint="'FOLDER'")
    folder = folders[0] if folders else Path()
    if exports:
        _from_exports([*exports, *files], folder)
    elif rules:
        _from_sheet(rules, folder)
    else:
        _example(folder)


def _from_exports(given: list[Path], folder: Path) -> None:
    """A data file and a first rulebook for exports."""
    from leadscore.start.begin import begin, export_files  # noqa: PLC0415 - this command only

    names = ("data.yaml", "rulebook.yaml")
    refuse_existing(folder, names, "'FOLDER'")
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    # A cell of a notebook looks like a terminal to what it starts, and nobody can type there.
    asking = sys.stdin.isatty() and sys.stdout.isatty() and "JPY_PARENT_PID" not in os.environ
    try:
        beginning = begin(export_files(given), folder, _ask if asking else None)
    except BaseException:
        if new:
            folder.rmdir()
        raise
    _write(folder, {"data.yaml": beginning.data, "rulebook.yaml": beginning.rulebook})
    data, rulebook = (shlex.quote(visible(folder / name)) for name in names)
    for line in beginning.files:
        typer.echo(line)
    for note in beginning.notes:
        typer.echo(f"note: {note}")
    if beginning.questions:
        typer.echo(
            f"\n{counted(len(beginning.questions), 'question')} not asked; what was taken is marked '# ?' in {data}:"
        )
        for question in beginning.questions:
            typer.echo(f"  {question.seen}.\n    {question.ask} Taken: {question.default}")
    typer.echo(f"\nWrote {data} and {rulebook}. Now type:\n")
    if folder.resolve() != Path.cwd():
        typer.echo(f"  cd {shlex.quote(visible(folder))}")
    typer.echo(f"  leadscore score --as-of {beginning.as_of or 'DAY'} --out scores.csv")
    if beginning.outcomes:
        typer.echo("  leadscore funnel --within-days 60")
    if beginning.outcomes and beginning.as_of:
        # Four whole weeks, Monday to Sunday.
        end = beginning.as_of - dt.timedelta((beginning.as_of.weekday() + 1) % 7)
        period = f"--start {end - dt.timedelta(27)} --end {end} --observed-until {beginning.as_of}"
        typer.echo(f"  leadscore review {period} --out review.html")
    if beginning.questions:
        raise typer.Exit(5)


def _ask(question: Question) -> None:
    """Ask until an answer can be taken."""
    typer.echo(f"\n{question.seen}.")
    while True:
        answer = typer.prompt(question.ask, default=question.default)
        try:
            question.take(answer)
        except ValueError as error:
            typer.echo(f"{error}.")
        else:
            return


def _from_sheet(sheet: Path, folder: Path) -> None:
    """A rulebook made of a scoring sheet."""
    from leadscore.start.scoring_sheet import read_scoring_sheet  # noqa: PLC0415 - this command only

    refuse_existing(folder, ["rulebook.yaml"], "'FOLDER'")
    made = read_scoring_sheet(sheet)
    _write(folder, {"rulebook.yaml": made.rulebook.to_yaml()})
    rulebook = shlex.quote(visible(folder / "rulebook.yaml"))
    fit, behaviour = (counted(len(getattr(made.rulebook, side)), f"{side} rule") for side in ("fit", "behaviour"))
    typer.echo(f"Wrote {rulebook}: {fit} and {behaviour}, {made.rulebook.bar_in_words}.")
    typer.echo(f"{visible(sheet)}: {made.summary}.")
    for note in made.notes:
        typer.echo(f"note: {note}")
    if made.unclear:
        unclear = counted(len(made.unclear), "row")
        verb = "is" if len(made.unclear) == 1 else "are"
        typer.echo(f"\n{unclear} {verb} unclear and {'stands' if verb == 'is' else 'stand'} as TODO in {rulebook}:")
        for line, entry in made.unclear:
            typer.echo(f"  line {line} (from {entry.row.place}): {entry.row.text}\n    {entry.note}")
    typer.echo(f"\nNow type:\n\n  leadscore check {rulebook}")
    if made.unclear or made.assumed:
        raise typer.Exit(5)


def _write(folder: Path, texts: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        # All of them or none: a folder with one is refused next time.
        for name, text in texts.items():
            file = stack.enter_context(replacing(folder / name))
            file.write(text.encode())
            file.flush()


def _example(folder: Path) -> None:
    """A rulebook and two tiny tables."""
    from leadscore.datasets.funnel import example  # noqa: PLC0415 - this command only

    names = ("rulebook.yaml", "leads.csv", "events.csv")
    refuse_existing(folder, names, "'FOLDER'")
    _write(folder, {name: example(name) for name in names})
    rulebook, leads, events = (shlex.quote(visible(folder / name)) for name in names)
    out = shlex.quote(visible(folder / "scores.csv"))
    tables = f"--leads {leads} --events {events} --as-of 2026-03-31"
    typer.echo(f"Wrote {rulebook}, {leads} and {events}. Now type:\n")
    typer.echo(f"  leadscore check {rulebook}")
    typer.echo(f"  leadscore score {rulebook} {tables} --out {out}")
    typer.echo(f"  leadscore explain {rulebook} L-1002 {tables}\n")
    typer.echo("Then change the rulebook to what your teams believe, and the tables to your own.")
