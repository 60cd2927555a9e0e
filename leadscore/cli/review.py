"""The page that marketing and sales meet over, and the decisions they take there."""

from __future__ import annotations

import datetime as dt
import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

import leadscore as ls
from leadscore.cli import options
from leadscore.cli.entry import app
from leadscore.cli.options import a_day, a_file, option
from leadscore.cli.printing import print_result, print_set_aside, steps
from leadscore.errors import visible

_TABLES = ("leads", "events", "outcomes", "touches", "costs")
_Decisions = Annotated[
    Path | None, a_file("What the teams decided, .yaml; by default the decisions.yaml beside the rulebook.")
]
_Trials = Annotated[
    list[Path] | None,
    option("FILE", "A trial that is running, .json as Trial.to_json wrote it; give several.", "--trial"),
]
_Out = Annotated[list[Path] | None, option("FILE", "Where the page goes: .html, .md or .json; give several.", "--out")]
_Decide = Annotated[
    str | None, option("TEXT", "In place of a page: add this to the decisions, with --agreed-on and --owner.")
]


@app.command()
def review(  # noqa: PLR0913 - a command has as many arguments as options
    rulebook: options.RulebookFile = options.RULEBOOK,
    *,
    start: Annotated[dt.date | None, a_day("The first day of the period that the meeting is about.")] = None,
    end: Annotated[dt.date | None, a_day("The last day of the period.")] = None,
    data: options.Data = None,
    leads: options.Leads = None,
    events: options.Events = None,
    outcomes: options.Outcomes = None,
    touches: options.Touches = None,
    costs: options.Costs = None,
    decisions: _Decisions = None,
    trial: _Trials = None,
    out: _Out = None,
    few: Annotated[int, option("N", "Of fewer cases nothing is claimed.", min=2)] = 30,
    decide: _Decide = None,
    owner: Annotated[str | None, option("NAME", "Who sees to what was decided.")] = None,
    agreed_on: Annotated[dt.date | None, a_day("The day it was decided; today by default.")] = None,
    stage_name: options.StageNames = None,
    observed_until: options.ObservedUntil = None,
    set_aside: options.SetAside = False,
    printed: options.Format = "text",
) -> None:
    """Make the page that marketing and sales meet over.

    A period is compared with the equally long one before. Each section says in one sentence what is so, and how sure
    that is; what no data came for is said at the end.
    """
    beside = rulebook.parent / "decisions.yaml"
    if decide is not None:
        _decide(decisions or beside, decide, owner, agreed_on)
        return
    if start is None or end is None or owner is not None or agreed_on is not None:
        what = "--start and --end are needed, the days that the page is about; --owner and --agreed-on go with --decide"
        raise typer.BadParameter(what)
    decisions = decisions or (beside if beside.is_file() else None)
    written = [("--out", path, options.PAGES) for path in out or ()]
    options.check_written([decisions, *(trial or ())], *written)
    given = (leads, events, outcomes, touches, costs)
    files = options.files(rulebook, data, given, *written, needed="outcomes", names=_TABLES)
    reading = options.reading(set_aside=set_aside, observed_until=observed_until, stage_name=stage_name)
    running = {path.stem: _trial(path) for path in trial or ()}
    asked = {"start": start, "end": end, "few": few, "trials": running}
    found = _made(rulebook, files, decisions, reading, asked)
    _write(found, [*options.read_from(files), rulebook, *filter(None, [decisions, *(trial or ())])], out or ())
    print_result(found, printed)


def _trial(path: Path) -> ls.threshold.Trial:
    try:
        return ls.threshold.Trial.from_json(path.read_text(encoding="utf-8"))
    except (ls.ArgumentError, UnicodeDecodeError):
        what = f"{visible(path)} is not what Trial.to_json wrote"
        raise typer.BadParameter(what, param_hint="'--trial'") from None


def _made(
    rulebook: Path, files: options.Files, decisions: Path | None, reading: dict[str, Any], asked: dict[str, Any]
) -> ls.meeting.Review:
    book = ls.Rulebook.read(rulebook)
    decided = None if decisions is None else ls.meeting.Decisions.read(decisions)
    with steps(2) as step:
        step("Reading the tables")
        tables = options.load(files, step, rulebook=book, columns=None, **reading)
        step("Looking at the period")
        found = ls.review(tables, book, decisions=decided, **asked)
    print_set_aside(tables, err=True)
    return found


def _write(found: ls.meeting.Review, read: Sequence[str | Path], out: Sequence[Path]) -> None:
    """Write the page in each form that is asked for; at its foot from what and how it was made."""
    from leadscore.cli.export import write_page  # noqa: PLC0415 - needs pandas

    page = replace(found.page, footer=(*found.page.footer, *_made_from(read)))
    for path in out:
        write_page(page, path)
        typer.echo(f"Written to {visible(path)}.", err=True)


def _made_from(read: Sequence[str | Path]) -> Iterator[str]:
    """The files that were read, and the command as it was typed; by the names of files alone, wherever they lie."""
    names = {str(path): Path(path).name for path in read}
    typed = " ".join(["leadscore", *(names.get(word, word) for word in sys.argv[1:])])
    digests = [f"{name} ({_digest(path)})" for path, name in names.items()]
    yield f"Files, each with the start of its SHA-256: {', '.join(digests)}."
    yield f"Command: {typed}"


def _digest(path: str) -> str:
    if not Path(path).is_file():
        return "several files"
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _decide(path: Path, decision: str, owner: str | None, agreed_on: dt.date | None) -> None:
    from leadscore.meeting.decisions import add_decision  # noqa: PLC0415 - this option only

    # As a review is overdue by today's date, so a decision is taken on it.
    day = agreed_on or dt.date.today()  # noqa: DTZ011 - the day on the user's own calendar
    said = f"Another run is at work on {visible(path)}; this one waits until it has ended."
    name = add_decision(path, decision, agreed_on=day, owner=owner, waiting=lambda: typer.echo(said, err=True))
    typer.echo(f"{name} added to {visible(path)}. With a 'check' there, the next review says what became of it.")
