"""Drift, night by night: the weeks that are new are counted, and what they say is printed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Literal

import typer

import leadscore as ls
from leadscore.base.text import counted
from leadscore.cli import options
from leadscore.cli.entry import app
from leadscore.cli.options import a_day, a_file, option
from leadscore.cli.printing import alone, findings_of, print_result, print_set_aside, steps

# Neither an error nor all is well.
ALARM = 4
_WEEK = dt.timedelta(7)
# Some leads are deleted as time goes by; where more are gone, it is another export.
_KEPT = 0.9
_Decision = Annotated[
    Literal["fixed", "new_normal"] | None,
    typer.Option(help="What became of the alarm: the cause is mended; or leads are like this from now on."),
]


@app.command()
def drift(  # noqa: PLR0913 - a command has as many arguments as options
    rulebook: options.RulebookFile = options.RULEBOOK,
    *,
    as_of: Annotated[dt.date, a_day("Whole weeks, Monday to Sunday, up to this day count.")],
    data: options.Data = None,
    leads: options.Leads = None,
    events: options.Events = None,
    state: Annotated[
        Path | None, a_file("What is known of past weeks, .json; created if missing, one run at a time.")
    ] = None,
    by: Annotated[
        list[str] | None, option("COLUMN", "Lead columns to look for a cause in; first where leads come from.")
    ] = None,
    start: Annotated[dt.date | None, a_day("The first day to count; by default that of the first lead.")] = None,
    reference_weeks: Annotated[
        int | None, option("N", "Weeks to learn from: 52 by default, a year, which shows seasons.", min=26)
    ] = None,
    acknowledge: _Decision = None,
    set_aside: options.SetAside = False,
    printed: options.Format = "text",
) -> None:
    """Say when behaviour began to outweigh fit, and why.

    It also says how sure that is. Leads are counted in the week in which they are 14 days old. With --state a nightly
    run adds the weeks that are new; run again it says the same. If the rulebook was edited, all weeks are scored again
    by it, which takes all leads.

    Exit code 4 on an alarm, until it is acknowledged; 0 if stable, still learning, or on watch: worth a look, no alarm.
    """
    files = options.files(rulebook, data, (leads, events), ("--state", state, (".json",)))
    if acknowledge is not None and state is None:
        raise typer.BadParameter("needs --state, where the decision is kept", param_hint="'--acknowledge'")
    from leadscore.drift.report import drift_report  # noqa: PLC0415 - this command only

    book = ls.Rulebook.read(rulebook)
    with alone(state), steps(3) as step:
        step("Reading the tables")
        monitor = begun(book, state, by, start, reference_weeks)
        tables = options.load(files, step, rulebook=book, columns=[*monitor.by], strict=not set_aside)
        step("Counting the weeks")
        monitor = with_new_weeks(monitor, tables, book, start, as_of)
        if acknowledge is not None:
            monitor.acknowledge(acknowledge)
        step("Looking for the cause")
        report = drift_report(monitor, None if monitor.verdict.since is None else tables)
        keep(monitor, state)
    print_set_aside(tables, err=True)
    print_result(report, printed, [findings_of(tables, book, dt.date.min, as_of)])
    if report.verdict.state == "alarm":
        raise typer.Exit(ALARM)


def begun(
    book: ls.Rulebook, state: Path | None, by: list[str] | None, start: dt.date | None, reference_weeks: int | None
) -> ls.BalanceMonitor:
    """The monitor as it was left, or a new one."""
    if state is None or not state.exists():
        return ls.BalanceMonitor(book, by=by or (), reference_weeks=reference_weeks or 52)
    try:
        monitor = ls.BalanceMonitor.from_json(state.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ls.ArgumentError(str(state), f"is not text: {error.reason}; nothing was written") from None
    except ls.ArgumentError as error:
        raise ls.ArgumentError(str(state), [*error.problems, ls.Problem("", "nothing was written")]) from None
    asked = {"--by": (by and tuple(by), monitor.by), "--reference-weeks": (reference_weeks, monitor.reference_weeks)}
    problems = [
        ls.Problem(name, f"{state} was begun with {kept!r}, not {told!r}: leave it out, or begin another file")
        for name, (told, kept) in asked.items()
        if told is not None and told != kept
    ]
    if start is not None:
        problems.append(ls.Problem("--start", f"{state} continues from where it ended: leave this out"))
    if problems:
        raise ls.ArgumentError("--state", problems)
    return monitor


def with_new_weeks(
    monitor: ls.BalanceMonitor, tables: ls.tables.Tables, book: ls.Rulebook, start: dt.date | None, as_of: dt.date
) -> ls.BalanceMonitor:
    """The monitor by the rulebook in force, with each whole week that is over."""
    weeks = monitor.frame.index
    first = weeks[0] if len(weeks) else None
    if first is None:
        begins = start or first_day(tables, book)
    else:
        last = weeks[-1].date()
        if last.weekday():
            what = f"its weeks start on a {last:%A}: only weeks from Monday to Sunday can be continued"
            raise ls.ArgumentError("--state", what)
        begins = last + _WEEK
        if as_of < begins - dt.timedelta(1):
            what = f"{as_of} comes before {begins - dt.timedelta(1)}, the end of the last week that was counted"
            raise ls.ArgumentError("--as-of", what)
        if monitor.rulebook != book:
            monitor = _rescored(monitor, tables, book)
    # Of no whole week yet the library says so.
    if first is None or (as_of - begins).days >= 6:
        cohorts = ls.drift.weekly_cohorts(tables, book, start=begins, end=as_of, by=monitor.by, counted_since=first)
        for cohort in cohorts:
            monitor.update(*cohort)
    return monitor


def first_day(tables: ls.tables.Tables, book: ls.Rulebook) -> dt.date:
    """The day on which the first lead is old enough."""
    from leadscore.base.days import day_of  # noqa: PLC0415 - needs pandas
    from leadscore.base.times import NO_TIME  # noqa: PLC0415 - needs pandas
    from leadscore.drift.cohorts import AGE_DAYS, scoring_days  # noqa: PLC0415 - this command only

    days = scoring_days(tables, book, AGE_DAYS)
    return day_of(days[days != NO_TIME].min())


def _rescored(monitor: ls.BalanceMonitor, tables: ls.tables.Tables, book: ls.Rulebook) -> ls.BalanceMonitor:
    """The same weeks by the edited rulebook; refused where the tables no longer hold their leads."""
    new = monitor.with_rulebook(tables, book)
    counts = [int(one.frame["leads"].sum()) for one in (monitor, new)]
    if counts[1] < _KEPT * counts[0]:
        what = f"holds {counts[1]:,} of the {counted(counts[0], 'lead')} of past weeks, and the rulebook was edited"
        raise ls.ArgumentError("--leads", f"{what}: all of them are needed once, to be scored by it")
    return new


def keep(monitor: ls.BalanceMonitor, path: Path | None) -> None:
    """Write what is known, if it is to be kept, where it is not what stands there already."""
    from leadscore.base.files import replacing  # noqa: PLC0415 - this command only

    text = f"{monitor.to_json()}\n".encode()
    if path is not None and (not path.exists() or path.read_bytes() != text):
        with replacing(path) as file:
            file.write(text)
