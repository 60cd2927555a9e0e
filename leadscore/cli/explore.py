"""The threshold workbench as a page, for those without a notebook."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

import leadscore as ls
from leadscore.base.text import counted
from leadscore.cli import options
from leadscore.cli.entry import app
from leadscore.cli.options import a_day, a_file, option
from leadscore.cli.printing import print_result, print_set_aside, steps
from leadscore.errors import visible

_HELD_BACK = "So many of the newest weeks of outcomes are held back, to be looked at once."
_ROUND = "Round counts to multiples of N; with 5 no cell of the page speaks of a single lead."
_CAPACITY = "How many leads sales can work in a week; by default what the agreement promises."


@app.command()
def explore(  # noqa: PLR0913 - a command has as many arguments as options
    rulebook: options.RulebookFile = options.RULEBOOK,
    *,
    end: Annotated[dt.date, a_day("The last day of the weeks, on which a change would be merged.")],
    out: Annotated[Path, a_file("Where the page goes, .html.")],
    weeks: Annotated[int, option("N", "So many weeks are replayed.", min=2)] = 13,
    stage: Annotated[str | None, option("STAGE", "The stage that counts; a later stage counts too.")] = None,
    within_days: Annotated[int | None, option("N", "Reached within this many days.", min=1)] = None,
    capacity_per_week: Annotated[float | None, option("N", _CAPACITY)] = None,
    held_back_weeks: Annotated[int, option("N", _HELD_BACK, min=0)] = 4,
    round_to: Annotated[int, option("N", _ROUND, min=1)] = 1,
    data: options.Data = None,
    leads: options.Leads = None,
    events: options.Events = None,
    outcomes: options.Outcomes = None,
    stage_name: options.StageNames = None,
    observed_until: options.ObservedUntil = None,
    set_aside: options.SetAside = False,
    printed: options.Format = "text",
) -> None:
    """Make a page on which thresholds can be tried.

    What each does to sales' week, and to the share of leads that reaches a stage. It is one file without leads by name:
    mail it, or open it in the meeting.
    """
    files = options.files(rulebook, data, (leads, events, outcomes), ("--out", out, (".html",)))
    book = ls.Rulebook.read(rulebook)
    reading = options.reading(set_aside=set_aside, observed_until=observed_until, stage_name=stage_name)
    with steps(2) as step:
        step("Reading the tables")
        tables = options.load(files, step, rulebook=book, **reading)
        step(f"Replaying {counted(len(tables.ids), 'lead')} at every bar")
        workbench = ls.explore(
            tables,
            book,
            end=end,
            weeks=weeks,
            stage=stage,
            within_days=within_days,
            capacity_per_week=capacity_per_week,
            held_back_weeks=held_back_weeks,
        )
        workbench.to_html(out, round_to=round_to)
    print_set_aside(tables, err=True)
    typer.echo(f"Written to {visible(out)}.", err=True)
    print_result(workbench.now, printed)
