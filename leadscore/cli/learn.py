"""What outcomes say of points: learned ones, and the evidence for those in force."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import leadscore as ls
from leadscore.base.text import counted
from leadscore.cli import options
from leadscore.cli.entry import app
from leadscore.cli.options import a_file, option
from leadscore.cli.printing import findings_of, print_json, print_result, print_set_aside, steps
from leadscore.errors import visible

if TYPE_CHECKING:
    import pandas as pd

    from leadscore.learn.publish.training import Trained
    from leadscore.learn.rows.snapshots import Snapshots
    from leadscore.present.result import Section
    from leadscore.tables.tables import Tables

# Neither an error nor done: the gate did not pass.
NOT_PASSED = 3


@app.command()
def learn(  # noqa: PLR0913 - a command has as many arguments as options
    rulebook: options.RulebookFile = options.RULEBOOK,
    *,
    stage: options.Stage,
    within_days: options.WithinDays,
    data: options.Data = None,
    leads: options.Leads = None,
    outcomes: options.Outcomes = None,
    events: options.Events = None,
    as_of: options.AsOfDays = None,
    start: options.FirstDay = None,
    end: options.LastDay = None,
    each: options.Each = "month",
    worked_only: options.WorkedOnly = False,
    capacity_per_week: Annotated[
        float | None, option("N", "Leads a week that sales can work; by default as many as qualify now.")
    ] = None,
    rows: Annotated[int, option("N", "Rows of the points card, at most.", min=2)] = 40,
    out: Annotated[Path | None, a_file("Where the learned rulebook goes: .yaml.")] = None,
    model: Annotated[Path | None, a_file("Where the model goes, its card beside it: .npz.")] = None,
    stage_name: options.StageNames = None,
    observed_until: options.ObservedUntil = None,
    set_aside: options.SetAside = False,
    printed: options.Printed = "table",
) -> None:
    """Learn points from outcomes, and judge them on newer leads.

    Points are learned from the older leads, as a card of whole points that is again a rulebook. On the newest it must
    beat the rulebook in force and simpler ways, at what sales can work. Exit code 3 if it does not: then do not publish
    it; the files are written all the same.
    """
    from leadscore.learn.publish.training import train  # noqa: PLC0415 - scikit-learn takes a second

    outputs = [("--out", out, options.RULEBOOKS), *options.model_files(model)]
    files = options.files(rulebook, data, (leads, events, outcomes), *outputs, needed="outcomes")
    if each == "handover" and capacity_per_week is None:
        what = "needs --capacity-per-week: at as many as qualify now, no lead that sales got would have to be left out"
        raise typer.BadParameter(what, param_hint="'--each handover'")
    book = ls.Rulebook.read(rulebook)
    labels = {"stage": stage, "within_days": within_days, "worked_only": worked_only}
    reading = options.reading(set_aside=set_aside, observed_until=observed_until, stage_name=stage_name)
    with steps(3) as step:
        step("Reading the tables")
        held = options.opened(files, step, strict=not set_aside)
        found = _snapshots(book, held, _days(as_of, start, end, each), labels, reading)
        step(f"Learning from {counted(len(found), 'row')}")
        trained = train(book, found, capacity_per_week=capacity_per_week, max_points_rows=rows)
        step("Writing")
        written = _write(trained, out, model)
    _print(trained, found.tables, written, printed, _findings(found, book))


def _findings(found: Snapshots, book: ls.Rulebook) -> Section:
    """What the rulebook and the data lack of each other, over the days on which leads are looked at."""
    return findings_of(found.tables, book, found.dates.min().date(), found.dates.max().date())


def _print(trained: Trained, tables: Tables, written: list[str], printed: str, found: Section) -> None:
    from leadscore.present.result import sections_data  # noqa: PLC0415 - needs pandas

    print_set_aside(tables, err=True)
    passed = trained.verdict.passed
    if printed == "json":
        files = {"rulebook": trained.rulebook.to_yaml(), "written": written}
        print_json(trained.to_dict() | files | sections_data([found]))
    else:
        print_result(trained, printed, [found])
        what = "" if passed else ", though the gate did not pass: for review, not to publish"
        typer.echo(f"Written: {', '.join(map(visible, written))}{what}" if written else "", nl=bool(written))
    if not passed:
        raise typer.Exit(NOT_PASSED)


def _write(trained: Trained, out: Path | None, model: Path | None) -> list[str]:
    """Write what was asked for; the files that are there now."""
    if out is not None:
        trained.rulebook.write(out)
    if model is not None:
        trained.model.save(model, title=f"{trained.old.name}, {trained.rulebook.version}", verdict=trained.verdict)
    # The model's card is beside it.
    return [str(path) for path in (out, model, model and model.with_suffix(".md")) if path is not None]


@app.command()
def evidence(  # noqa: PLR0913
    rulebook: options.RulebookFile = options.RULEBOOK,
    *,
    stage: options.Stage,
    within_days: options.WithinDays,
    data: options.Data = None,
    leads: options.Leads = None,
    outcomes: options.Outcomes = None,
    events: options.Events = None,
    as_of: options.AsOfDays = None,
    start: options.FirstDay = None,
    end: options.LastDay = None,
    each: options.Each = "month",
    worked_only: options.WorkedOnly = False,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Also say what no rule covers and converts better or worse.")
    ] = False,
    stage_name: options.StageNames = None,
    observed_until: options.ObservedUntil = None,
    set_aside: options.SetAside = False,
    printed: options.Printed = "table",
) -> None:
    """Say of each rule whether results support it.

    How often it fires, what came of it, what is its own part, and how much more data it takes where that is too little.
    """
    from leadscore.learn.publish.training import as_rules_read  # noqa: PLC0415 - this command only
    from leadscore.learn.rules.evidence import evidence as evidence_of  # noqa: PLC0415 - this command only
    from leadscore.learn.rules.suggestions import suggest as suggestions  # noqa: PLC0415 - this command only
    from leadscore.present.result import Section  # noqa: PLC0415 - needs pandas

    files = options.files(rulebook, data, (leads, events, outcomes), needed="outcomes")
    book = ls.Rulebook.read(rulebook)
    with steps(2) as step:
        step("Reading the tables")
        labels = {"stage": stage, "within_days": within_days, "worked_only": worked_only}
        reading = options.reading(set_aside=set_aside, observed_until=observed_until, stage_name=stage_name)
        held = options.opened(files, step, strict=not set_aside)
        read = _snapshots(book, held, _days(as_of, start, end, each), labels, reading)
        found = as_rules_read(read, book)
        step(f"Judging rules by {counted(len(found), 'row')}")
        judged = evidence_of(book, found)
        more = [Section("suggestions", "What no rule covers", suggestions(book, found))] if suggest else []
    print_set_aside(read.tables, err=True)
    print_result(judged, printed, [*more, _findings(read, book)])


# Days on which leads are looked at; or the first and the last day of a period, of those on which leads came to sales.
_Days = list[dt.date] | tuple[dt.date, dt.date]


def _days(as_of: list[dt.date] | None, start: dt.date | None, end: dt.date | None, each: options.Moment) -> _Days:
    """When leads are looked at."""
    if as_of and start is None and end is None:
        return sorted(set(as_of))
    if as_of or start is None or end is None:
        wrong = "replaces --start and --end; give one or the other"
        what = wrong if as_of else "give it, once or more; or --start and --end"
        raise typer.BadParameter(what, param_hint="'--as-of'")
    if end < start:
        raise typer.BadParameter(f"{end} is before --start {start}", param_hint="'--end'")
    if each == "handover":
        return start, end
    days = [start + dt.timedelta(number) for number in range((end - start).days + 1)]
    looked = [one for one in days if (one.day == 1 if each == "month" else one.weekday() == 0)]
    if not looked:
        what = "first of a month" if each == "month" else "Monday"
        raise typer.BadParameter(f"there is no {what} from {start} to {end}", param_hint="'--start'")
    return looked


def _snapshots(
    book: ls.Rulebook,
    held: tuple[Any, ...],
    days: _Days,
    labels: dict[str, Any],
    reading: dict[str, Any],
) -> Snapshots:
    from leadscore.sources.source import open_source  # noqa: PLC0415 - needs pandas

    # Checked as the rulebook reads them, and with every other column: what no rule looks at may be learned from.
    columns = open_source(getattr(held[0], "leads", held[0]), "leads").columns
    tables = ls.load_tables(*held, rulebook=book, columns=columns, **reading)
    return ls.snapshots(tables, as_of=_handovers(tables, *days) if isinstance(days, tuple) else days, **labels)


def _handovers(tables: ls.tables.Tables, start: dt.date, end: dt.date) -> pd.Series[Any]:
    """When each lead came to sales, of those that did in the period."""
    import pandas as pd  # noqa: PLC0415 - half a second, and only those who ask for it need it

    from leadscore.tables.outcomes import NEVER  # noqa: PLC0415 - needs pandas

    stages, _ = tables.observed()
    moment = stages.came_to_sales(len(tables.ids), stages.times.utc(tables.timezone))
    came = moment < NEVER
    times = pd.Series(pd.to_datetime(moment[came], unit="us", utc=True), tables.ids.array.to_pandas()[came])
    inside = times[times.dt.tz_convert(tables.timezone).dt.date.between(start, end)]
    if inside.empty:
        what = f"no lead came to sales from {start} to {end}: no mql, and nothing that sales did"
        raise typer.BadParameter(what, param_hint="'--start'")
    return inside
