"""What the command line prints: tables, progress, and the summary of a scoring run."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from leadscore.base.text import counted

if TYPE_CHECKING:
    import pandas as pd

    from leadscore.rulebook.diff import Change
    from leadscore.scoring.compare import Comparison
    from leadscore.scoring.replay import History
    from leadscore.scoring.scores import Scores
    from leadscore.tables.tables import Tables
    from leadscore.threshold.baselines import Baselines
    from leadscore.threshold.choice import ThresholdChoice
    from leadscore.threshold.table import ThresholdTable

# Where nobody looks at a width, in files and pipes, one line of a table is one line of text.
_PIPED_WIDTH = 10_000
# What a history can be grouped by without a column of the leads.
OWN_GROUPS = ("segment", "via", "grade")
_VIA = {"hand_raise": "hand_raise (asked for sales)", "score": "score"}


def console() -> Console:
    """Colour and the terminal's width on a terminal; plain text with nothing cut off elsewhere."""
    # Names of rules hold brackets and colons, which are text here and no markup.
    found = Console(markup=False, highlight=False, emoji=False)
    if found.is_terminal:
        return found
    return Console(markup=False, highlight=False, emoji=False, width=_PIPED_WIDTH, no_color=True)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> None:
    """Print rows of text; a column whose name ends in a space holds figures, and stands to the right."""
    if title:
        typer.echo(title)
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for name in columns:
        table.add_column(name.strip(), justify="right" if name.endswith(" ") else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    where = console()
    with where.capture() as captured:
        where.print(table)
    # Padding to the longest cell would only be trailing blanks.
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_changes(changes: list[Change]) -> None:
    """Print what differs between two rulebooks."""
    if changes:
        print_table(("section", "name", "change"), [(one.section, one.name, one.text) for one in changes])
        for one in changes:
            if one.code:
                typer.echo(f"warning {one.code}: {one.warning}")
    else:
        typer.echo("no change")


def print_json(data: Any) -> None:
    """Print plain data for programs."""
    typer.echo(json.dumps(data, indent=2))


def heading(text: str) -> None:
    """Print a line that starts a part."""
    typer.echo()
    console().print(text, style="bold")


@contextmanager
def steps(total: int) -> Iterator[Callable[[str], None]]:
    """Say what is being done, with a bar of the steps that are; on a terminal only."""
    where = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=where, transient=True, disable=not where.is_terminal) as progress:
        task = progress.add_task("...", total=total)

        def step(text: str) -> None:
            # The first step begins with nothing done.
            progress.update(task, description=text, advance=0 if progress.tasks[0].description == "..." else 1)

        yield step


def print_summary(scores: Scores, tables: Tables) -> None:
    """Print how many leads qualified, how, in which segment, and how much sales will know of them."""
    frame, book = scores.frame, scores.rulebook
    left_out = len(tables.ids) - len(scores)
    if left_out:
        typer.echo(f"Left out: {counted(left_out, 'lead')} created after that day.")
    _print_set_aside(tables)
    count = int(frame["qualified"].sum())
    typer.echo(f"Qualified: {count:,} of {len(frame):,}{_share(count, len(frame))}.")
    typer.echo("That counts every lead scored; it is no sample, so it has no interval.")

    rows = [(_VIA[str(name)], f"{n:,}") for name, n in frame["via"].value_counts(sort=False).items() if n]
    rows += [(f"not: {name}", f"{n:,}") for name, n in frame["blocked_by"].value_counts(sort=False).items() if n]
    if rows:
        typer.echo()
        print_table(("qualified via", "leads "), rows)
    if book.qualify.segments:
        _print_segments(scores)
    _print_completeness(scores, count)


def _share(count: int, n: int) -> str:
    return f" ({count / n:.1%})" if n else ""


def _print_set_aside(tables: Tables) -> None:
    rejected = tables.rejected
    if len(rejected):
        rows = len(rejected.drop_duplicates(["table", "row"]))
        typer.echo(f"Set aside: {counted(rows, 'row')} that break the contract of the tables:")
        counts = rejected.value_counts(["table", "column", "problem"], sort=False).reset_index()
        found = [(f"{table}.{column}".rstrip("."), why, f"{n:,}") for table, column, why, n in counts.to_numpy()]
        print_table(("where", "problem", "rows "), found)


def _print_segments(scores: Scores) -> None:
    from leadscore.base.groups import MISSING  # noqa: PLC0415 - needs pandas

    qualify = scores.rulebook.qualify
    thresholds = {segment.name: segment.threshold for segment in qualify.segments} | {None: qualify.threshold}
    frame, rows = scores.frame, []
    for name, threshold in thresholds.items():
        inside = frame[frame["segment"].isna() if name is None else frame["segment"] == name]
        count = int(inside["qualified"].sum())
        rows.append((name or MISSING, f"{threshold:g}", f"{len(inside):,}", f"{count:,}{_share(count, len(inside))}"))
    typer.echo()
    print_table(("segment", "threshold ", "leads ", "qualified "), rows)


def _print_completeness(scores: Scores, count: int) -> None:
    found = scores.completeness
    if not len(found) or not count:
        return
    rows = []
    for name, row in zip(found.index, found.itertuples(), strict=True):
        interval = f"{row.low:.1%} to {row.high:.1%}"
        rows.append((str(name), str(row.required), f"{row.known:,} of {row.n:,}", f"{row.share:.1%}", interval))
    title = f"\nWhat sales finds filled in on the {counted(count, 'qualified lead')}, with 95 % intervals (Wilson):"
    print_table(("column", "required at", "known ", "share ", "interval "), rows, title=title)


def print_history(history: History, tables: Tables) -> None:
    """Print how many leads qualified, week by week."""
    _print_set_aside(tables)
    typer.echo(history)


def _cells(frame: pd.DataFrame) -> list[list[str]]:
    """An indexed frame of counts as text; days as they are written."""
    return [
        [*_labels(index), *(f"{value:,}" for value in row)]
        for index, row in zip(frame.index, frame.to_numpy(), strict=True)
    ]


def _labels(index: Any) -> list[str]:
    parts = index if isinstance(index, tuple) else (index,)
    return [str(part.date()) if isinstance(part, dt.datetime) else str(part) for part in parts]


def print_comparison(comparison: Comparison, by: str | None, within_days: int | None) -> None:
    """Print what the new rulebook would have done: which weeks, whom and why, and what became of them."""
    typer.echo(comparison)
    if by is not None:
        typer.echo(f"\nAnd by {by}:")
        columns = ["days", "old", "new", "difference"]
        print_table((by, "week of", "days ", "old ", "new ", "difference "), _cells(comparison.weekly(by)[columns]))
    if within_days is not None:
        _print_outcomes(comparison, within_days)


def _print_outcomes(comparison: Comparison, within_days: int) -> None:
    outcomes = comparison.outcomes(within_days=within_days)
    typer.echo(
        f"\nWhat became of them within {within_days} days, where sales worked them, with 95 % intervals (Wilson):"
    )
    if not outcomes["n"].any():
        typer.echo("not known yet of any lead that sales worked: the days are not over. Try fewer --within-days.")
        return
    rows = []
    for (group, stage), row in zip(outcomes.index, outcomes.itertuples(), strict=True):
        share = f"{row.share:.1%} ({row.low:.1%} to {row.high:.1%})" if row.n else "not known"
        rows.append((group, stage, f"{row.leads:,}", f"{row.n:,}", f"{row.reached:,}", share))
    print_table(("leads", "stage", "leads ", "known ", "reached ", "share"), rows)
    typer.echo("Sales did not choose by the new rulebook: the gained leads that it worked are a selection.")


def comparison_data(comparison: Comparison, by: str | None, within_days: int | None) -> dict[str, Any]:
    """A comparison as plain data."""
    data = comparison.to_dict()
    if by is not None:
        data["weekly_by"] = _rows(comparison.weekly(by))
    if within_days is not None:
        data["outcomes"] = _rows(comparison.outcomes(within_days=within_days))
    return data


def _rows(frame: pd.DataFrame, *, index: bool = True) -> Any:
    whole = frame.reset_index() if index else frame
    return json.loads(whole.to_json(orient="records", date_format="iso", date_unit="s"))


def evaluation_data(found: Baselines, table: ThresholdTable, choice: ThresholdChoice) -> dict[str, Any]:
    """What `leadscore evaluate` says, as plain data."""
    return {"baselines": found.to_dict(), "thresholds": table.to_dict(), "choice": choice.to_dict()}


def _number(value: Any) -> Any:
    """JSON has no word for what is not a number, and none for days."""
    if isinstance(value, dt.date):
        return value.isoformat()
    return None if isinstance(value, float) and math.isnan(value) else value
