"""The options that several commands have, and how what is typed there is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How results are printed."""

    table = "table"
    json = "json"


class Moment(StrEnum):
    """When leads are looked at."""

    month = "month"
    week = "week"
    handover = "handover"


def day(text: str) -> dt.date:
    """A day as it is typed."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        message = f"must be a day as 2026-03-31; got {text!r}"
        raise typer.BadParameter(message) from None


def check_writable(path: Path, endings: Sequence[str], *, option: str = "--out") -> None:
    """Refuse an output that cannot be before an hour is spent on it."""
    if path.suffix.lower() not in endings:
        message = f"must end in {' or '.join(endings)}; got {str(path)!r}"
        raise typer.BadParameter(message, param_hint=f"'{option}'")
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"would be in {str(path.parent)!r}, which is not a folder"
        raise typer.BadParameter(f"{str(path)!r} {what}", param_hint=f"'{option}'")


def stages(named: Sequence[str] | None) -> dict[str, str] | None:
    """Stages by the names a file has for them."""
    pairs = [text.rpartition("=") for text in named or ()]
    bad = [text for text, (theirs, _, ours) in zip(named or (), pairs, strict=True) if not theirs or not ours]
    if bad:
        message = f"must be THEIRS=OURS, as MQL=mql; got {', '.join(map(repr, bad))}"
        raise typer.BadParameter(message, param_hint="'--stage-name'")
    return {theirs: ours for theirs, _, ours in pairs} or None


TABLE_HELP = "a .csv or .parquet file, a glob in quotes, or a folder of parts"
RulebookFile = Annotated[Path, typer.Argument(metavar="RULEBOOK", help="The rulebook, a YAML file.")]
Leads = Annotated[str, typer.Option(metavar="FILE", help=f"One row per lead: {TABLE_HELP}.")]
Events = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help=f"One row per event: {TABLE_HELP}; or a file that 'leadscore activity' made. Without it: fit only.",
    ),
]
AsOf = Annotated[
    dt.date,
    typer.Option(parser=day, metavar="DATE", help="Scores are as they stood at the end of this day, as 2026-03-31."),
]
Start = Annotated[dt.date, typer.Option(parser=day, metavar="DATE", help="The first day of the period.")]
End = Annotated[dt.date, typer.Option(parser=day, metavar="DATE", help="The last day of the period.")]
ObservedUntil = Annotated[
    dt.date | None,
    typer.Option(
        parser=day, metavar="DATE", help="The last day the outcomes were recorded on; what is dated later is refused."
    ),
]
Outcomes = Annotated[str, typer.Option(metavar="FILE", help=f"One row per stage reached: {TABLE_HELP}.")]
Stage = Annotated[str, typer.Option(metavar="STAGE", help="The stage that counts; a later stage counts too.")]
StageNames = Annotated[
    list[str] | None,
    typer.Option("--stage-name", metavar="THEIRS=OURS", help="What your file calls a stage, as MQL=mql; give several."),
]
WithinDays = Annotated[int, typer.Option(metavar="N", min=1, help="Reached within this many days.")]
AsOfDays = Annotated[
    list[dt.date] | None,
    typer.Option(
        "--as-of", parser=day, metavar="DATE", help="Leads as they stood at the end of this day; give several."
    ),
]
FirstDay = Annotated[
    dt.date | None, typer.Option("--start", parser=day, metavar="DATE", help="The first day of the period.")
]
LastDay = Annotated[
    dt.date | None, typer.Option("--end", parser=day, metavar="DATE", help="The last day of the period.")
]
Each = Annotated[
    Moment,
    typer.Option(
        help="With --start and --end, in place of --as-of: leads as they stood then; on handover, when sales got each."
    ),
]
WorkedOnly = Annotated[
    bool,
    typer.Option(
        "--worked-only", help="Only leads that sales worked; otherwise a lead nobody called counts as not converted."
    ),
]
SetAside = Annotated[
    bool, typer.Option("--set-aside", help="Leave out rows that break the contract of the tables, instead of stopping.")
]
Printed = Annotated[Format, typer.Option("--format", help="A table for people, or JSON for programs.")]
