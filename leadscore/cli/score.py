"""Rulebooks checked, leads scored, past days gone through: the library's functions on files."""

from __future__ import annotations

import datetime as dt
import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import leadscore as ls
from leadscore.base.text import counted
from leadscore.cli import options
from leadscore.cli.entry import app
from leadscore.cli.options import a_day, a_file, option
from leadscore.cli.printing import alone, print_json, print_set_aside, print_table, print_written, steps
from leadscore.errors import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from leadscore.present.result import Result
    from leadscore.scoring.scores import Scores


@app.command()
def check(
    rulebook: options.RulebookFile,
    printed: options.Printed = "table",
    today: Annotated[dt.date | None, a_day("The day reviews are overdue by; today by default.")] = None,
) -> None:
    """Say what is wrong with a rulebook, and what to know of it.

    Exit code 1 if it cannot be used; every error is shown at its line.
    """
    try:
        book = ls.Rulebook.read(rulebook)
    except ls.RulebookError as error:
        if printed == "table":
            raise
        print_json([_problem(problem) for problem in error.problems])
        raise typer.Exit(1) from None
    found = book.check(today=today)
    if printed == "json":
        print_json([{"level": "finding", **asdict(one)} for one in found])
        return
    version = f" version {book.version}" if book.version else ""
    rules = f"{counted(len(book.fit), 'fit rule')} and {counted(len(book.behaviour), 'behaviour rule')}"
    typer.echo(f"{visible(rulebook)}: {book.name!r}{version}, {rules}, {book.bar_in_words}")
    typer.echo(f"No errors, {counted(len(found), 'finding')}{':' if found else '.'}")
    if found:
        rows = [(one.code, str(one.line), one.message) for one in found]
        print_table(("code", "line", "finding"), rows, figures="line")


def _problem(problem: ls.Problem) -> dict[str, Any]:
    place = re.match(r"line (\d+)(?:, )?(.*)", problem.where)
    line, path = (int(place[1]), place[2]) if place else (None, problem.where)
    return {"level": "error", "code": None, "line": line, "path": path, "message": problem.message}


@app.command()
def score(  # noqa: PLR0913 - a command has as many arguments as options
    rulebooks: options.RulebookFiles = (options.RULEBOOK,),  # type: ignore[assignment] # typer makes it a list
    *,
    as_of: options.AsOf,
    out: Annotated[Path, a_file("Where the scores go: .parquet, or .csv for spreadsheets; of buckets also a folder.")],
    account_scores: Annotated[
        Path | None, a_file("Where the scores of accounts go, by the 'account' of the rulebook: .parquet or .csv.")
    ] = None,
    data: options.Data = None,
    leads: options.Leads = None,
    events: options.Events = None,
    outcomes: options.Outcomes = None,
    set_aside: options.SetAside = False,
    engine: options.ScoreEngine = None,
    buckets: options.ScoreBuckets = None,
    connection: options.Connection = None,
    printed: options.Printed = "table",
) -> None:
    """Score every lead, write the scores to a file, sum them up.

    Several rulebooks give several scores side by side, one set of columns each. Exit code 1, and no file, if the tables
    break their contract; what breaks it is shown.

    With --engine duckdb, postgres or spark, --leads, --events and --outcomes are names of tables there.
    """
    from leadscore.engines.runs import no_parts_in  # noqa: PLC0415 - this command and 'replay' only

    several, given = {"several rulebooks": len(rulebooks) > 1, "--set-aside": set_aside}, (leads, events, outcomes)
    if engine in {"duckdb", "postgres", "spark"}:
        from leadscore.cli.elsewhere import Asked, score_elsewhere  # noqa: PLC0415 - these engines only

        asked = Asked(engine, rulebooks[0], data, given, connection, as_of, out, account_scores, printed)
        score_elsewhere(asked, buckets, [name for name, meant in several.items() if meant])
        return
    if connection is not None:
        raise typer.BadParameter("goes with '--engine duckdb' or 'postgres'", param_hint="'--connection'")
    written = [options.rows_out(out, engine, buckets), ("--account-scores", account_scores, options.TABLES)]
    folder = None if out.suffix else no_parts_in
    options.check_written(rulebooks, *written, folder=folder)
    files = options.files(rulebooks[0], data, given, *written, folder=folder)
    whole = {**several, "--account-scores": account_scores is not None}
    if options.in_buckets(files, engine, buckets, out, whole=[name for name, meant in whole.items() if meant]):
        _in_buckets(ls.score_files, rulebooks[0], files, out, buckets, printed, as_of=as_of)
        return
    books = [ls.Rulebook.read(path) for path in rulebooks]
    with_accounts = [book for book in books if book.account is not None]
    if account_scores is not None and len(with_accounts) != 1:
        what = "none of the rulebooks has" if not with_accounts else "more than one of the rulebooks has"
        raise typer.BadParameter(f"{what} an 'account'", param_hint="'--account-scores'")
    scored = score_and_write(books, files, as_of, out, strict=not set_aside, printed=printed)
    if account_scores is not None:
        _write_accounts(scored[books.index(with_accounts[0])], account_scores, printed)


def _write_accounts(people: Scores, out: Path, printed: str) -> None:
    """Write the scores of accounts, by those of their people."""
    from leadscore.engines.rows import as_rows  # noqa: PLC0415 - this option only
    from leadscore.engines.writing import write_rows  # noqa: PLC0415 - as above
    from leadscore.scoring.accounts import AccountScores  # noqa: PLC0415 - as above

    # They are scored already, which is most of the work.
    accounts = AccountScores(people.rulebook, people.as_of, people.bound, people.tables)
    frame = accounts.frame.join(accounts.points.add_prefix("points: "))
    write_rows(as_rows(frame), out, people.rulebook, {"as_of": people.as_of.isoformat()})
    if printed == "table":
        typer.echo(f"\n{accounts}\nWritten to {visible(out)}: {counted(len(accounts), 'account')}")


def _in_buckets(  # noqa: PLR0913, PLR0917 - what is done, with what, and where to
    made: Callable[..., Result],
    rulebook: Path,
    files: options.Files,
    out: Path,
    buckets: int | None,
    printed: str,
    **days: dt.date,
) -> None:
    """Score or replay leads in buckets, and print what became of them."""
    from leadscore.engines.size import buckets_for  # noqa: PLC0415 - needs pyarrow

    tables = {name: path for name, path in zip(("leads", "events", "outcomes"), files, strict=True) if path}
    cut = buckets or buckets_for(tables)
    with steps(len(tables) + cut + 3) as step:
        result = made(**tables, rulebook=ls.Rulebook.read(rulebook), out=out, buckets=cut, progress=step, **days)
    print_written(result, printed, out)
    if printed == "table":
        typer.echo(f"Written to {visible(out)}")


def score_and_write(  # noqa: PLR0913
    books: list[ls.Rulebook],
    files: options.Files,
    as_of: dt.date,
    out: Path,
    *,
    strict: bool = True,
    printed: str = "table",
) -> list[Scores]:
    """Score leads and events as of a day by each rulebook, write the scores, and print their summary."""
    from leadscore.cli.export import write_scores  # noqa: PLC0415 - `score` and `demo` only

    with steps(3) as step:
        step("Reading leads and events")
        tables = options.load(files, step, rulebook=books, as_of=as_of, strict=strict)
        step(f"Scoring {counted(len(tables.ids), 'lead')}")
        many = ls.score_many(tables, books, as_of=as_of)
        scored = [*many.by_name.values()]
        step(f"Writing {out}")
        write_scores(scored, out)
    if printed == "table":
        typer.echo(f"{counted(len(many), 'lead')} scored as of {as_of}, written to {visible(out)}")
        if not len(tables.events):
            typer.echo("Fit only: no events were given.")
    print_set_aside(tables, err=printed == "json")
    print_written(many if len(scored) > 1 else scored[0], printed, out)
    return scored


@app.command()
def explain(  # noqa: PLR0913
    rulebook: options.RulebookFile,
    lead: Annotated[str, typer.Argument(metavar="LEAD", help="A lead_id, as it stands in the table.")],
    *,
    account: Annotated[bool, typer.Option("--account", help="LEAD is an account, by its id.")] = False,
    as_of: options.AsOf,
    data: options.Data = None,
    leads: options.Leads = None,
    events: options.Events = None,
    outcomes: options.Outcomes = None,
    set_aside: options.SetAside = False,
) -> None:
    """Show where one lead's points come from, and the verdict.

    Every rule that gave points, and every limit that cut them; they sum exactly to the total. With --account, those of
    an account, person by person.
    """
    files = options.files(rulebook, data, (leads, events, outcomes))
    book = ls.Rulebook.read(rulebook)
    with steps(1) as step:
        step("Reading leads and events")
        tables = options.load(files, step, rulebook=book, as_of=as_of, strict=not set_aside)
        scores = ls.score(tables, book, as_of=as_of)
    print_set_aside(tables, err=True)
    if account:
        typer.echo(ls.score_accounts(tables, book, as_of=as_of).explain(lead))
        return
    # An id that is a number in the table was typed as text here.
    numbers = scores.lead_ids.dtype.kind in "iu"
    typer.echo(scores.explain(int(lead) if numbers and re.fullmatch(r"-?[0-9]+", lead) else lead))


@app.command()
def replay(  # noqa: PLR0913
    rulebook: options.RulebookFile = options.RULEBOOK,
    *,
    start: options.Start,
    end: options.End,
    out: Annotated[Path, a_file("Where the leads that qualified go: .parquet or .csv; of buckets also a folder.")],
    data: options.Data = None,
    leads: options.Leads = None,
    events: options.Events = None,
    outcomes: options.Outcomes = None,
    set_aside: options.SetAside = False,
    engine: options.Engine = None,
    buckets: options.Buckets = None,
    printed: options.Printed = "table",
) -> None:
    """Find the day each lead first qualified and its score then.

    Every day is judged as 'score' would have judged it.
    """
    from leadscore.cli.export import write_history  # noqa: PLC0415 - this command only
    from leadscore.engines.runs import no_parts_in  # noqa: PLC0415 - this command and 'score' only

    written = options.rows_out(out, engine, buckets)
    folder = None if out.suffix else no_parts_in
    files = options.files(rulebook, data, (leads, events, outcomes), written, folder=folder)
    if options.in_buckets(files, engine, buckets, out, whole=["--set-aside"] if set_aside else []):
        _in_buckets(ls.replay_files, rulebook, files, out, buckets, printed, start=start, end=end)
        return
    book = ls.Rulebook.read(rulebook)
    with steps(3) as step:
        step("Reading leads and events")
        tables = options.load(files, step, rulebook=book, as_of=(start, end), strict=not set_aside)
        step(f"Replaying {counted((end - start).days + 1, 'day')} of {counted(len(tables.ids), 'lead')}")
        history = ls.replay(tables, book, start=start, end=end)
        step(f"Writing {out}")
        write_history(history, out)
    print_set_aside(tables, err=printed == "json")
    print_written(history, printed, out)
    before = f", {history.already:,} of which had already qualified before the period" if history.already else ""
    if printed == "table":
        typer.echo(f"Written to {visible(out)}: {counted(len(history), 'lead')}{before}")


@app.command()
def activity(  # noqa: PLR0913
    *,
    out: Annotated[
        Path, option("FOLDER", "Where the daily activity goes: a folder, with a file a day, or one file .parquet.")
    ],
    events: Annotated[str | None, a_file(f"One row per event: {options.TABLE_HELP}.")] = None,
    data: options.Data = None,
    rulebook: Annotated[
        Path | None, option("RULEBOOK", "Keeps what its rules ask of events, and its time zone.")
    ] = None,
    extend: Annotated[str | None, option("OLD", "Add the events, of later days, to this daily activity.")] = None,
    look_back: Annotated[
        int | None,
        option("N", "With --extend: count its last N days again, for events that come late.", min=0),
    ] = None,
) -> None:
    """Count events by lead, day and what the rules ask of them.

    'score --events' and 'explain --events' read it in place of the events, with the same result. A folder is extended
    by the files of the new days.
    """
    from leadscore.tables.daily_activity import no_day_in  # noqa: PLC0415 - this command only

    # An activity may be extended where it stands.
    in_place = extend is not None and os.path.realpath(extend) == os.path.realpath(out)
    files = options.files(rulebook, data, (events,), names=("events",))
    written = "--out", out, (".parquet", "")
    read = [rulebook, *options.read_from(files), None if in_place else extend]
    options.check_written(read, written, folder=no_day_in)
    book = ls.Rulebook.read(rulebook) if rulebook else None
    with alone(out if in_place else None), steps(2) as step:
        step("Counting events")
        held, *_ = options.opened(files, step, strict=True)
        if extend:
            old = ls.tables.DailyActivity.read(extend)
            _same_kind(old, book, extend)
            late = getattr(held, "lookback_days", 0) if look_back is None else look_back
            daily = old.extend(held, look_back_days=late, rulebook=book)
        else:
            daily = ls.daily_activity(held, rulebook=book, timezone=getattr(held, "timezone", "UTC"))
        step(f"Writing {out}")
        daily.write(out)
    span = f" from {min(daily.parts)} to {max(daily.parts)}" if daily.parts else ""
    typer.echo(f"{counted(len(daily), 'row')} of daily activity{span}, in {daily.timezone}, written to {visible(out)}")
    if not daily.columns and book is None:
        typer.echo("Kept of each event: its kind only. With --rulebook, also what its rules ask.")


def _same_kind(old: ls.tables.DailyActivity, book: ls.Rulebook | None, path: str) -> None:
    """Refuse to extend an activity that lacks what the rulebook asks."""
    if book is not None and (lacking := old.lacking(book)):
        problems = [ls.Problem("", f"{path} {one}") for one in lacking]
        raise ls.ArgumentError("--extend", [*problems, ls.Problem("", "make the activity again from all events")])


@app.command()
def schema(
    kind: Annotated[Literal["rulebook", "data"], typer.Argument(help="Of rulebooks, or of data files.")] = "rulebook",
) -> None:
    """Print the JSON Schema of rulebooks or of data files."""
    form = ls.Rulebook if kind == "rulebook" else ls.imports.DataFile
    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **form.model_json_schema()})
