"""The command line: the library's functions on files, with what a person needs to see."""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import re
import shlex
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

# Names of the package are used as `ls.score`, and the parts that one command needs are imported by that command, so
# that `leadscore --help` need not wait for them.
import leadscore as ls
from leadscore.options import (
    TABLE_HELP,
    AsOf,
    End,
    Events,
    Format,
    Leads,
    ObservedUntil,
    Printed,
    RulebookFile,
    SetAside,
    Start,
    check_writable,
    day,
)
from leadscore.printing import (
    OWN_GROUPS,
    comparison_data,
    counted,
    evaluation_data,
    heading,
    print_comparison,
    print_history,
    print_summary,
    print_table,
    steps,
)

if TYPE_CHECKING:
    from leadscore.rulebook.diff import Change
    from leadscore.scoring.compare import Comparison
    from leadscore.scoring.scores import Scores


class _Commands(TyperGroup):
    """Errors are for people: what went wrong goes to stderr as plain text, never as a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ls.LeadscoreError as error:
            typer.echo(str(error), err=True)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            where = f"{error.filename}: " if error.filename else ""
            typer.echo(f"{where}{error.strerror or error}", err=True)
        raise typer.Exit(1)


app = typer.Typer(
    cls=_Commands,
    help="Score leads by a rulebook that marketing and sales agree on.",
    epilog="New here? Type 'leadscore demo', or 'leadscore init my-leads' for files to change.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 an error in what was given, 2 bad usage, 130 interrupted."""
    # A job that is stopped tidies up after itself as one that fails.
    signal.signal(signal.SIGTERM, _terminated)
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks must not end the run.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="leadscore")
    except SystemExit as end:
        _leave(end.code if isinstance(end.code, int) else 0)


def _terminated(number: int, _: Any) -> None:
    raise SystemExit(128 + number)


def _leave(code: int) -> None:
    """End the process at once, all output written.

    While the interpreter takes itself apart, Arrow's threads may still let go of Python objects; one run in some
    hundreds aborts there, after its work is done (apache/arrow#34314). So it is not taken apart.
    """
    # Whoever reads our output may have stopped, as `head` does; that is no error worth a word.
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if asked:
        typer.echo(f"leadscore {ls.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None: ...


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where; made if it is not there.")] = Path(),
) -> None:
    """Write an example to start from: a rulebook and two tiny tables."""
    from leadscore.datasets import example  # noqa: PLC0415 - this command only

    names = ("rulebook.yaml", "leads.csv", "events.csv")
    _refuse_existing(folder, names, "'FOLDER'")
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        with (folder / name).open("x", encoding="utf-8") as file:
            file.write(example(name))
    rulebook, leads, events = (shlex.quote(str(folder / name)) for name in names)
    out = shlex.quote(str(folder / "scores.csv"))
    tables = f"--leads {leads} --events {events} --as-of 2026-03-31"
    typer.echo(f"Wrote {rulebook}, {leads} and {events}. Now type:\n")
    typer.echo(f"  leadscore check {rulebook}")
    typer.echo(f"  leadscore score {rulebook} {tables} --out {out}")
    typer.echo(f"  leadscore explain {rulebook} L-1002 {tables}\n")
    typer.echo("Then change the rulebook to what your teams believe, and the tables to your own.")


def _refuse_existing(folder: Path, names: Sequence[str], option: str) -> None:
    there = [str(folder / name) for name in names if (folder / name).exists()]
    if there or (folder.exists() and not folder.is_dir()):
        what = f"{', '.join(there)} already there" if there else f"{str(folder)!r} is a file"
        raise typer.BadParameter(f"{what}; nothing was written. Name another folder.", param_hint=option)


@app.command()
def check(
    rulebook: RulebookFile,
    printed: Printed = Format.table,
    today: Annotated[
        dt.date | None,
        typer.Option(parser=day, metavar="DATE", help="For overdue reviews; the day on the clock if not given."),
    ] = None,
) -> None:
    """Say what is wrong with a rulebook, and what is worth knowing.

    Exit code 1 if it cannot be used; every error is shown at its line.
    """
    try:
        book = ls.Rulebook.read(rulebook)
    except ls.RulebookError as error:
        if printed == Format.table:
            raise
        _print_json([_problem(problem) for problem in error.problems])
        raise typer.Exit(1) from None
    found = book.check(today=today)
    if printed == Format.json:
        keys = ("code", "line", "path", "message")
        _print_json([{"level": "finding", **{key: getattr(one, key) for key in keys}} for one in found])
        return
    version = f" version {book.version}" if book.version else ""
    rules = f"{counted(len(book.fit), 'fit rule')} and {counted(len(book.behaviour), 'behaviour rule')}"
    typer.echo(f"{rulebook}: {book.name!r}{version}, {rules}, qualified from {book.qualify.threshold:g} points")
    typer.echo(f"No errors, {counted(len(found), 'finding')}{':' if found else '.'}")
    if found:
        print_table(("code", "line ", "finding"), [(one.code, str(one.line), one.message) for one in found])


def _problem(problem: ls.Problem) -> dict[str, Any]:
    place = re.match(r"line (\d+)(?:, )?(.*)", problem.where)
    line, path = (int(place[1]), place[2]) if place else (None, problem.where)
    return {"level": "error", "code": None, "line": line, "path": path, "message": problem.message}


def _print_json(data: Any) -> None:
    typer.echo(json.dumps(data, indent=2))


@app.command()
def score(  # noqa: PLR0913 - a command has as many arguments as options
    rulebook: RulebookFile,
    *,
    leads: Leads,
    as_of: AsOf,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the scores go: .parquet, or .csv for spreadsheets.")],
    events: Events = None,
    set_aside: SetAside = False,
) -> None:
    """Score every lead, write the scores to a file, and sum them up.

    Exit code 1, and no file, if the tables break their contract; what breaks it is shown.
    """
    check_writable(out, (".parquet", ".csv"))
    book = ls.Rulebook.read(rulebook)
    _score(book, (leads, events), as_of, out, strict=not set_aside)


def _score(
    book: ls.Rulebook, files: tuple[str, str | None], as_of: dt.date, out: Path, *, strict: bool = True
) -> Scores:
    from leadscore.export import write_scores  # noqa: PLC0415 - `score` and `demo` only

    with steps(3) as step:
        step("Reading leads and events")
        tables = ls.load_tables(*files, rulebook=book, strict=strict)
        step(f"Scoring {len(tables.ids):,} leads")
        scores = ls.score(tables, book, as_of=as_of)
        step(f"Writing {out}")
        write_scores(scores, out)
    typer.echo(f"{counted(len(scores), 'lead')} scored as of {as_of}, written to {out}")
    if files[1] is None:
        typer.echo("Fit only: no events were given.")
    print_summary(scores, tables)
    return scores


@app.command()
def explain(  # noqa: PLR0913
    rulebook: RulebookFile,
    lead: Annotated[str, typer.Argument(metavar="LEAD", help="A lead_id, as it stands in the table.")],
    *,
    leads: Leads,
    as_of: AsOf,
    events: Events = None,
    set_aside: SetAside = False,
) -> None:
    """Show where one lead's points come from, and the verdict.

    Every rule that gave points, and every limit that cut them; they sum exactly to the total.
    """
    book = ls.Rulebook.read(rulebook)
    with steps(1) as step:
        step("Reading leads and events")
        tables = ls.load_tables(leads, events, rulebook=book, strict=not set_aside)
        scores = ls.score(tables, book, as_of=as_of)
    # An id that is a number in the table was typed as text here.
    numbers = scores.lead_ids.dtype.kind in "iu"
    typer.echo(scores.explain(int(lead) if numbers and re.fullmatch(r"-?[0-9]+", lead) else lead))


@app.command()
def replay(  # noqa: PLR0913
    rulebook: RulebookFile,
    *,
    leads: Leads,
    start: Start,
    end: End,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the leads that qualified go: .parquet or .csv.")],
    events: Events = None,
    set_aside: SetAside = False,
) -> None:
    """Find the day each lead first qualified, and its score then.

    Every day is judged as 'score' would have judged it.
    """
    from leadscore.export import write_history  # noqa: PLC0415 - this command only

    check_writable(out, (".parquet", ".csv"))
    book = ls.Rulebook.read(rulebook)
    with steps(3) as step:
        step("Reading leads and events")
        tables = ls.load_tables(leads, events, rulebook=book, strict=not set_aside)
        step(f"Going through {(end - start).days + 1:,} days of {len(tables.ids):,} leads")
        history = ls.replay(tables, book, start=start, end=end)
        step(f"Writing {out}")
        write_history(history, out)
    print_history(history, tables)
    typer.echo(f"Written to {out}: {counted(len(history), 'lead')}")


@app.command()
def diff(  # noqa: PLR0913
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A rulebook.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The rulebook that is to take its place.")],
    *,
    leads: Annotated[
        str | None, typer.Option(metavar="FILE", help=f"Also compare on these leads: {TABLE_HELP}.")
    ] = None,
    events: Events = None,
    outcomes: Annotated[str | None, typer.Option(metavar="FILE", help="What became of the leads, if known.")] = None,
    start: Annotated[
        dt.date | None, typer.Option(parser=day, metavar="DATE", help="The first day of the period.")
    ] = None,
    end: Annotated[dt.date | None, typer.Option(parser=day, metavar="DATE", help="The last day of the period.")] = None,
    by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Weeks by this column of the leads too, or by 'segment'.")
    ] = None,
    within_days: Annotated[
        int, typer.Option(metavar="N", min=1, help="With --outcomes: what became of the leads in so many days.")
    ] = 90,
    observed_until: ObservedUntil = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the leads that differ go, with reasons: .parquet or .csv."),
    ] = None,
    set_aside: SetAside = False,
    printed: Printed = Format.table,
) -> None:
    """Say what changed between two rulebooks, and to what effect.

    The changes rule by rule; with --leads, who would have qualified in a period by the one and by the other, and why.
    Exit code 0 whether anything changed or not.
    """
    from leadscore.rulebook.diff import diff as changes_between  # noqa: PLC0415 - this command only

    books = [ls.Rulebook.read(path) for path in (old, new)]
    changes = changes_between(*books)
    said: Any = [{"section": one.section, "name": one.name, "text": one.text} for one in changes]
    if leads is None:
        given = {"events": events, "outcomes": outcomes, "start": start, "end": end, "by": by, "out": out}
        _refuse_alone(given | {"observed-until": observed_until})
    elif start is None or end is None:
        raise typer.BadParameter("needs --start and --end, the period to compare over", param_hint="'--leads'")
    if printed == Format.table:
        _print_changes(changes)
    if leads is not None and start is not None and end is not None:
        options = {"strict": not set_aside, "observed_until": observed_until}
        comparison = _compare(books, (leads, events, outcomes), (start, end), by, out, options)
        if printed == Format.table:
            print_comparison(comparison, by, within_days)
        else:
            said = {"changes": said, **comparison_data(comparison, by, within_days)}
    if printed == Format.json:
        _print_json(said)


def _refuse_alone(given: dict[str, Any]) -> None:
    """Refuse options that mean something only beside --leads."""
    alone = [f"--{name}" for name, value in given.items() if value is not None]
    if alone:
        raise typer.BadParameter("says nothing without --leads", param_hint=f"'{', '.join(alone)}'")


def _print_changes(changes: list[Change]) -> None:
    if changes:
        print_table(("section", "name", "change"), [(one.section, one.name, one.text) for one in changes])
    else:
        typer.echo("no change")


def _compare(  # noqa: PLR0913, PLR0917 - what a comparison is made of
    books: list[ls.Rulebook],
    files: tuple[str, str | None, str | None],
    period: tuple[dt.date, dt.date],
    by: str | None,
    out: Path | None,
    options: dict[str, Any],
) -> Comparison:
    from leadscore.export import write_frame  # noqa: PLC0415 - this command only

    if out is not None:
        check_writable(out, (".parquet", ".csv"))
    with steps(2) as step:
        step("Reading the tables")
        kept = [] if by in {None, *OWN_GROUPS} else [str(by)]
        tables = ls.load_tables(*files, rulebook=books, columns=kept, **options)
        step(f"Going through {(period[1] - period[0]).days + 1:,} days of {len(tables.ids):,} leads by both rulebooks")
        comparison = ls.compare(tables, *books, start=period[0], end=period[1])
        if out is not None:
            said = {"start": period[0].isoformat(), "end": period[1].isoformat(), "compared_with": books[0].name}
            write_frame(comparison.frame.reset_index(), out, books[1], said)
    return comparison


@app.command()
def evaluate(  # noqa: PLR0913
    rulebook: RulebookFile,
    *,
    leads: Leads,
    outcomes: Annotated[str, typer.Option(metavar="FILE", help=f"One row per stage reached: {TABLE_HELP}.")],
    start: Start,
    end: End,
    capacity: Annotated[float, typer.Option(metavar="N", help="How many leads sales can work in a week.")],
    events: Events = None,
    stage: Annotated[
        str, typer.Option(metavar="STAGE", help="What counts, reached with one further along too.")
    ] = "sal",
    within_days: Annotated[int, typer.Option(metavar="N", min=1, help="Reached in so many days.")] = 90,
    observed_until: ObservedUntil = None,
    set_aside: SetAside = False,
    printed: Printed = Format.table,
) -> None:
    """Say whether scoring is worth having, and at which threshold.

    Over the leads that sales worked and that came to it in the period, each as it stood on that day.
    """
    book = ls.Rulebook.read(rulebook)
    with steps(2) as step:
        step("Reading the tables")
        tables = ls.load_tables(
            leads, events, outcomes, rulebook=book, observed_until=observed_until, strict=not set_aside
        )
        step("Judging the leads that sales worked")
        found = ls.baselines(
            tables, book, start=start, end=end, capacity_per_week=capacity, stage=stage, within_days=within_days
        )
        table = ls.threshold_table(found.leads["reached"], found.leads["total"], dates=found.leads["day"])
        choice = ls.choose_threshold(table, capacity_per_week=capacity)
    if printed == Format.json:
        _print_json(evaluation_data(found, table, choice))
    else:
        heading("Is scoring worth having?")
        typer.echo(found)
        heading("What each threshold costs and brings, of the leads that sales worked")
        typer.echo(table)
        heading(f"Which threshold fits {capacity:g} leads a week?")
        typer.echo(choice)


@app.command()
def activity(
    *,
    events: Annotated[str, typer.Option(metavar="FILE", help=f"One row per event: {TABLE_HELP}.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the daily activity goes: .parquet.")],
    rulebook: Annotated[
        Path | None,
        typer.Option(metavar="RULEBOOK", help="Keeps the event columns its rules test, and its time zone."),
    ] = None,
    extend: Annotated[
        str | None, typer.Option(metavar="OLD", help="Add the events, of later days, to this daily activity.")
    ] = None,
) -> None:
    """Count events by lead, kind and day, into one small file.

    'score --events' and 'explain --events' read it in place of the events, with the same result.
    """
    check_writable(out, (".parquet",))
    book = ls.Rulebook.read(rulebook) if rulebook else None
    with steps(2) as step:
        step("Counting events")
        if extend:
            old = ls.DailyActivity.read(extend)
            _same_kind(old, book, extend)
            daily = old.extend(events)
        else:
            daily = ls.daily_activity(events, rulebook=book)
        step(f"Writing {out}")
        daily.write(out)
    days = daily.table["day"].to_pandas()
    span = f" from {days.min()} to {days.max()}" if len(days) else ""
    typer.echo(f"{counted(len(daily.table), 'row')} of daily activity{span}, in {daily.timezone}, written to {out}")
    kept = [name for name in daily.table.column_names if name not in {"lead_id", "event", "day", "count"}]
    if not kept and book is None:
        typer.echo("Kept of each event: its kind only. With --rulebook, also the columns that the rules test.")


def _same_kind(old: ls.DailyActivity, book: ls.Rulebook | None, path: str) -> None:
    """Refuse to extend an activity that lacks what the rulebook tests."""
    from leadscore.rulebook.kinds import event_kinds  # noqa: PLC0415 - this command only

    if book is None:
        return
    lacking = sorted(set(event_kinds(book)) - set(old.table.column_names))
    problems = [ls.Problem("", f"{path} lacks {name!r}, which {book.name!r} tests") for name in lacking]
    if old.timezone != book.timezone:
        problems += [ls.Problem("", f"{path} has days of {old.timezone}, {book.name!r} of {book.timezone}")]
    if problems:
        raise ls.ArgumentError("--extend", [*problems, ls.Problem("", "make the activity anew from all events")])


@app.command()
def schema() -> None:
    """Print the JSON Schema of rulebooks, for editors."""
    _print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **ls.Rulebook.model_json_schema()})


@app.command()
def demo(
    *,
    leads: Annotated[int, typer.Option(metavar="N", min=100, max=1_000_000, help="How many to make up.")] = 20_000,
    folder: Annotated[Path | None, typer.Option(help="Where the files go; a temporary folder if not given.")] = None,
) -> None:
    """Make up leads, score them and explain one: a tour in seconds."""
    from leadscore.datasets import example, make_funnel  # noqa: PLC0415 - this command only

    place = folder or Path(tempfile.mkdtemp(prefix="leadscore-demo-"))
    names = ("rulebook.yaml", "leads.parquet", "events.parquet", "outcomes.parquet", "scores.csv")
    _refuse_existing(place, names, "'--folder'")
    place.mkdir(parents=True, exist_ok=True)
    paths = [place / name for name in names]
    with steps(1) as step:
        step(f"Making up {leads:,} leads and what they did")
        funnel = make_funnel(leads)
        paths[0].write_text(example("rulebook.yaml"), encoding="utf-8")
        for path, frame in zip(paths[1:], (funnel.leads, funnel.events, funnel.outcomes), strict=False):
            frame.to_parquet(path, index=False)
    leads_file, events_file, out = str(paths[1]), str(paths[2]), paths[4]

    typer.echo(f"Everything below is made up, and in {place}")
    heading("1. The tables: leads, what they did, and what became of them")
    for path, frame in zip(paths[1:], (funnel.leads, funnel.events, funnel.outcomes), strict=False):
        typer.echo(f"{path.name}: {len(frame):,} rows")
    heading("2. The rulebook: the points both teams agree on")
    check(paths[0])
    heading("3. The scores: who is worth a call today")
    scores = _score(funnel.rulebook, (leads_file, events_file), dt.date(2026, 3, 31), out)
    heading("4. Why: the lead that qualified by points and fits least")
    frame = scores.frame[scores.frame["via"] == "score"]
    lead = (frame if len(frame) else scores.frame)["fit"].idxmin()
    typer.echo(scores.explain(lead))
    typer.echo("Is this a lead sales wants? If not, change the points, not the lead.")
    heading("5. What became of them: what sales said to the leads it was given, and how long they waited")
    tables_read = ls.load_tables(leads_file, events_file, str(paths[3]), rulebook=funnel.rulebook)
    typer.echo(ls.acceptance(tables_read))
    typer.echo(ls.response_times(tables_read, funnel.rulebook))
    heading("6. Your turn")
    _say_what_to_type(place, lead)


def _say_what_to_type(place: Path, lead: Any) -> None:
    tables = "--leads leads.parquet --events events.parquet --as-of 2026-03-31"
    typer.echo("Copy the rulebook, change a number in the copy, see whom sales would have got in the past quarter:\n")
    typer.echo(f"  cd {shlex.quote(str(place))}")
    typer.echo("  cp rulebook.yaml mine.yaml")
    period = "--start 2026-01-01 --end 2026-03-31"
    typer.echo(f"  leadscore diff rulebook.yaml mine.yaml --leads leads.parquet --events events.parquet {period}")
    typer.echo(f"  leadscore score mine.yaml {tables} --out mine.csv")
    typer.echo(f"  leadscore explain mine.yaml {lead} {tables}\n")
    typer.echo("Start on your own leads:\n")
    typer.echo("  leadscore init my-leads")
