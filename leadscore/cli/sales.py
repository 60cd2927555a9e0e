"""What sales did with the leads: how many went how far, what it accepted, and how long they waited."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import leadscore as ls
from leadscore.cli import options
from leadscore.cli.entry import app
from leadscore.cli.options import a_day, option
from leadscore.cli.printing import print_result, print_set_aside, steps

if TYPE_CHECKING:
    from leadscore.present.result import Section
    from leadscore.tables.groups import By

_Columns = Annotated[
    list[str] | None, option("COLUMN", "By this column of the leads too, or by 'segment'; give several.", "--by")
]


_First = Annotated[
    dt.date | None,
    a_day("With --end: the MQLs that came to sales from this day on, against as long a time before.", "--start"),
]


@app.command()
def funnel(  # noqa: PLR0913 - a command has as many arguments as options
    rulebook: options.RulebookFile = options.RULEBOOK,
    *,
    within_days: options.WithinDays,
    data: options.Data = None,
    leads: options.Leads = None,
    outcomes: options.Outcomes = None,
    events: options.Events = None,
    every: Annotated[
        Literal["day", "week", "month", "quarter"], typer.Option(help="Leads that came in the same one are a cohort.")
    ] = "month",
    by: _Columns = None,
    start: _First = None,
    end: options.LastDay = None,
    stage_name: options.StageNames = None,
    observed_until: options.ObservedUntil = None,
    set_aside: options.SetAside = False,
    printed: options.Format = "text",
) -> None:
    """Say how many leads went from stage to stage, by cohort.

    Leads that came in the same month are a cohort. Each lead has the same number of days; where they are not over,
    there are counts and no share yet. With --start and --end the MQLs of a period, against the period before.
    """
    period = _period(start, end)
    reading = options.reading(set_aside=set_aside, observed_until=observed_until, stage_name=stage_name)
    files = options.files(rulebook, data, (leads, events, outcomes), needed="outcomes")
    tables, groups = _read(ls.Rulebook.read(rulebook), files, by, reading)
    found = ls.funnel(tables, within_days=within_days, every=every, by=groups, **period)
    print_result(found, printed, [_findings(tables)])


@app.command()
def acceptance(  # noqa: PLR0913
    rulebook: options.RulebookFile = options.RULEBOOK,
    *,
    data: options.Data = None,
    leads: options.Leads = None,
    outcomes: options.Outcomes = None,
    events: options.Events = None,
    within_days: Annotated[
        int | None,
        option("N", "Of all MQLs so old, the share accepted by then; for outcomes that hold no refusals.", min=1),
    ] = None,
    by: _Columns = None,
    start: _First = None,
    end: options.LastDay = None,
    stage_name: options.StageNames = None,
    observed_until: options.ObservedUntil = None,
    set_aside: options.SetAside = False,
    printed: options.Format = "text",
) -> None:
    """Say what sales accepted, and why it refused the others.

    Of the MQLs it decided on; with --within-days, of all whose days are over; with --start and --end, of those of a
    period, against the period before.
    """
    period = _period(start, end)
    reading = options.reading(set_aside=set_aside, observed_until=observed_until, stage_name=stage_name)
    files = options.files(rulebook, data, (leads, events, outcomes), needed="outcomes")
    tables, groups = _read(ls.Rulebook.read(rulebook), files, by, reading)
    found = ls.acceptance(tables, by=groups, accepted_within_days=within_days, **period)
    print_result(found, printed, [_findings(tables)])


@app.command()
def response_times(  # noqa: PLR0913
    rulebook: options.RulebookFile = options.RULEBOOK,
    *,
    data: options.Data = None,
    leads: options.Leads = None,
    outcomes: options.Outcomes = None,
    events: options.Events = None,
    start: _First = None,
    end: options.LastDay = None,
    by: Annotated[
        list[str] | None,
        option("COLUMN", "By this column of the leads, 'segment', 'owner' or 'hour_of_week'; give several.", "--by"),
    ] = None,
    stage_name: options.StageNames = None,
    observed_until: options.ObservedUntil = None,
    set_aside: options.SetAside = False,
    printed: options.Format = "text",
) -> None:
    """Say how long MQLs wait for their first contact.

    Those who still wait count for as long as they did. A lead waits from its mql on. With --start and --end the MQLs of
    a period, against the period before; where no outcome is mql, leads wait from when they qualified in it by the
    rulebook.
    """
    period = _period(start, end)
    book = ls.Rulebook.read(rulebook)
    reading = options.reading(set_aside=set_aside, observed_until=observed_until, stage_name=stage_name)
    files = options.files(rulebook, data, (leads, events, outcomes), needed="outcomes")
    tables, groups = _read(book, files, by, reading, own=("owner", "hour_of_week"))
    if period and not tables.observed()[0].of("mql").any():
        found = ls.response_times(tables, book, history=ls.replay(tables, book, **period), by=groups)
    else:
        found = ls.response_times(tables, book, by=groups, **period)
    print_result(found, printed, [_findings(tables)])


def _period(start: dt.date | None, end: dt.date | None) -> dict[str, Any]:
    """The days of a period, as arguments; none without one."""
    if (start is None) != (end is None):
        raise typer.BadParameter("go together: a period has both", param_hint="'--start' and '--end'")
    return {} if start is None else {"start": start, "end": end}


def _read(
    book: ls.Rulebook,
    files: options.Files,
    by: list[str] | None,
    reading: dict[str, Any],
    own: tuple[str, ...] = (),
) -> tuple[ls.tables.Tables, By | None]:
    """The tables, and what leads are grouped by: `own` names and columns; a segment as of the last day observed."""
    segments = ("segment",) if book.qualify.segments else ()
    with steps(1) as step:
        step("Reading the tables")
        columns = [name for name in by or () if name not in {*segments, *own}]
        tables = options.load(files, step, rulebook=book, columns=columns, **reading)
    print_set_aside(tables, err=True)
    if not by or not {*by} & {*segments}:
        return tables, by
    from leadscore.tables.groups import grouping  # noqa: PLC0415 - needs pandas

    scores = ls.score(tables, book, as_of=tables.observed_until)
    return tables, grouping(tables, by, {"segment": scores.frame["segment"]})


def _findings(tables: ls.tables.Tables) -> Section:
    """What is to know of the tables, whatever the rulebook."""
    from leadscore.tables.findings import findings_section  # noqa: PLC0415 - needs pandas

    return findings_section(tables.findings)
