"""Two rulebooks beside each other, and one beside simpler ways: what each would have done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import leadscore as ls
from leadscore.base.text import counted
from leadscore.cli import options
from leadscore.cli.entry import app
from leadscore.cli.options import a_file, option
from leadscore.cli.printing import (
    findings_of,
    heading,
    print_changes,
    print_json,
    print_result,
    print_set_aside,
    steps,
)

if TYPE_CHECKING:
    from leadscore.present.result import Section
    from leadscore.scoring.compare import Comparison

# What weeks can be grouped by without a column of the leads.
_OWN_GROUPS = ("segment", "via", "grade")
_Out = Annotated[
    Path | None,
    a_file("The leads that differ, with reasons: .parquet or .csv; or the page of the change: .html, .md or .json."),
]
_LeadIds = Annotated[
    bool, typer.Option("--lead-ids", help="Name leads in .md too; for a pull request they are only counted.")
]


@app.command()
def diff(  # noqa: PLR0913
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A rulebook.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The rulebook that would replace it.")],
    *,
    data: Annotated[
        Path | None, a_file("Also compare on the tables that this data file makes of exports, in place of --leads.")
    ] = None,
    leads: Annotated[str | None, a_file(f"Also compare on these leads: {options.TABLE_HELP}.")] = None,
    events: options.Events = None,
    outcomes: Annotated[str | None, a_file("What became of the leads, if known.")] = None,
    start: options.FirstDay = None,
    end: options.LastDay = None,
    by: Annotated[str | None, option("COLUMN", "Weeks by this column of the leads too, or by 'segment'.")] = None,
    within_days: Annotated[int | None, option("N", "With --outcomes: reached within this many days.", min=1)] = None,
    stage_name: options.StageNames = None,
    observed_until: options.ObservedUntil = None,
    out: _Out = None,
    lead_ids: _LeadIds = False,
    set_aside: options.SetAside = False,
    printed: options.Printed = "table",
) -> None:
    """Say what changed between two rulebooks, to what effect.

    The changes rule by rule; with --leads, who would have qualified in a period by the one and by the other, and why.
    Exit code 0 whether anything changed or not.
    """
    options.check_written([old, new], output := ("--out", out, (*options.TABLES, *options.PAGES)))
    files = options.files(new, data, (leads, events, outcomes), output) if data or leads else (None,)
    books = [ls.Rulebook.read(path) for path in (old, new)]
    if data is None and (outcomes is None) != (within_days is None):
        raise typer.BadParameter("go together: what, in how many days", param_hint="'--outcomes' and '--within-days'")
    if files[0] is None:
        needless = {"events": events, "outcomes": outcomes, "start": start, "end": end, "by": by, "out": out}
        more = {"observed-until": observed_until, "stage-name": stage_name, "set-aside": set_aside}
        _print_rules(books, printed, needless | more | {"lead-ids": lead_ids})
        return
    if start is None or end is None:
        raise typer.BadParameter("needs --start and --end, the period to compare over", param_hint="'--leads'")
    reading = options.reading(set_aside=set_aside, observed_until=observed_until, stage_name=stage_name)
    with steps(2) as step:
        step("Reading the tables")
        kept = [] if by in {None, *_OWN_GROUPS} else [str(by)]
        tables = options.load(files, step, rulebook=books, columns=kept, **reading)
        step(f"Replaying {counted(len(tables.ids), 'lead')} by both rulebooks")
        comparison = ls.compare(tables, *books, start=start, end=end)
        if out is not None:
            _write(comparison, out, within_days, lead_ids=lead_ids)
    print_set_aside(tables, err=True)
    print_result(comparison, printed, list(_sections(comparison, by, within_days)))


def _write(comparison: Comparison, out: Path, within_days: int | None, *, lead_ids: bool) -> None:
    """The leads that differ, or the page of the change, as the ending of the file says."""
    from leadscore.cli.export import write_comparison, write_page  # noqa: PLC0415 - needs pandas

    ending = out.suffix.lower()
    if ending not in options.PAGES:
        write_comparison(comparison, out)
        return
    named = lead_ids or ending != ".md"
    write_page(ls.meeting.change_page(comparison, accepted_within_days=within_days, lead_ids=named).page, out)


def _sections(comparison: Comparison, by: str | None, within_days: int | None) -> Iterator[Section]:
    """What stands beside the comparison: weeks by a column, what became of the leads, findings on the new rulebook."""
    from leadscore.present.result import Section  # noqa: PLC0415 - needs pandas
    from leadscore.tables.findings import findings_section  # noqa: PLC0415 - needs pandas

    if by is not None:
        yield Section("weekly_by", f"Leads that qualified in each week, by {by}", comparison.weekly(by))
    if within_days is not None:
        outcomes = comparison.outcomes(within_days=within_days)
        title = f"What became of them within {counted(within_days, 'day')}, where sales worked them (95 %, Wilson)"
        few = "not known yet for any lead that sales worked: the days have not passed. Try fewer --within-days."
        chosen = "Sales did not choose by the new rulebook, so the gained leads that it worked are a selection."
        stages, _ = comparison.old.tables.observed()
        told = {stage: stages.only_successes(stage) for stage in outcomes.index.unique("stage")}
        notes = [f"No share that reached {stage}: {why}." for stage, why in told.items() if why]
        notes += [chosen] if outcomes["n"].any() else [few] if not notes else []
        yield Section("outcomes", title, outcomes, notes=tuple(notes))
    yield findings_section(comparison.new.findings)


def _print_rules(books: list[ls.Rulebook], printed: str, given: dict[str, Any]) -> None:
    """What changed rule by rule; options that mean something only beside --leads are refused."""
    from leadscore.rulebook.diff import diff as changes_between  # noqa: PLC0415 - this command only

    alone = [f"--{name}" for name, value in given.items() if value]
    if alone:
        raise typer.BadParameter("has no effect without --leads", param_hint=f"'{', '.join(alone)}'")
    print_changes(changes_between(*books), printed)


@app.command()
def evaluate(  # noqa: PLR0913
    rulebook: options.RulebookFile = options.RULEBOOK,
    *,
    start: options.Start,
    end: options.End,
    stage: options.Stage,
    within_days: options.WithinDays,
    capacity_per_week: Annotated[float, option("N", "How many leads sales can work in a week.")],
    data: options.Data = None,
    leads: options.Leads = None,
    outcomes: options.Outcomes = None,
    events: options.Events = None,
    worked_only: options.WorkedOnly = True,
    stage_name: options.StageNames = None,
    observed_until: options.ObservedUntil = None,
    set_aside: options.SetAside = False,
    printed: options.Printed = "table",
) -> None:
    """Say whether scoring finds more than requests do.

    And at which threshold. Over the leads that came to sales in the period and that it worked, each as it stood on that
    day.
    """
    from leadscore.threshold.capacity import fitting  # noqa: PLC0415 - it needs pandas

    files = options.files(rulebook, data, (leads, events, outcomes), needed="outcomes")
    book = ls.Rulebook.read(rulebook)
    reading = options.reading(set_aside=set_aside, observed_until=observed_until, stage_name=stage_name)
    goal: Any = {"stage": stage, "within_days": within_days, "worked_only": worked_only}
    with steps(3) as step:
        step("Reading the tables")
        tables = options.load(files, step, rulebook=book, **reading)
        step("Judging the leads that came to sales")
        found = ls.baselines(tables, book, start=start, end=end, capacity_per_week=capacity_per_week, **goal)
        table, choice = None, None
        if not found.withheld:
            table = ls.threshold_table(found.leads["reached"], found.leads["total"], dates=found.leads["day"])
            step(f"Replaying {counted(len(tables.ids), 'lead')} at several thresholds")
            choice = fitting(tables, book, table, start=start, end=end, capacity_per_week=capacity_per_week)
    print_set_aside(tables, err=True)
    parts: list[tuple[str, Any]] = [("Does scoring find more than simpler ways?", found)]
    if choice is not None:
        parts.append(("What each threshold costs and brings, of the same leads", table))
        parts.append((f"Which threshold fits {capacity_per_week:g} leads a week?", choice["headline"]))
    results = {"baselines": found.to_dict(), "thresholds": table and table.to_dict(), "choice": choice}
    _print_parts(parts, results, printed, findings_of(tables, book, start, end))


def _print_parts(parts: list[tuple[str, Any]], results: dict[str, Any], printed: str, found: Section) -> None:
    """Print results under headings for people, or all of them for programs."""
    from leadscore.present.result import section_text, sections_data  # noqa: PLC0415 - it needs pandas

    if printed == "json":
        print_json(results | sections_data([found]))
        return
    for title, result in parts:
        heading(title)
        typer.echo(result)
    typer.echo("\n".join(section_text(found)))
