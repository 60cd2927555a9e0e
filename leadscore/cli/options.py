"""The options that several commands have, and how what is typed there is read."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import leadscore as ls
from leadscore.base.files import is_read_at, is_stdout, is_stream
from leadscore.errors import visible

if TYPE_CHECKING:
    from leadscore.tables.tables import Tables


def option(metavar: str, text: str, *names: str, **more: Any) -> Any:
    """An option: what is typed after it, and what it means."""
    return typer.Option(*names, metavar=metavar, help=text, **more)


def a_file(text: str) -> Any:
    """An option that names a file."""
    return option("FILE", text)


def a_day(text: str, *names: str) -> Any:
    """An option that is a day."""
    return option("DATE", text, *names, parser=day)


def day(text: str) -> dt.date:
    """A day as it is typed."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        message = f"must be a day such as 2026-03-31; got {text!r}"
        raise typer.BadParameter(message) from None


# An option that names what is written, the path given there, and the endings it may have.
Written = tuple[str, Path | None, tuple[str, ...]]
TABLES, RULEBOOKS, PAGES = (".parquet", ".csv"), (".yaml", ".yml"), (".html", ".md", ".json")


# What makes a place none for a folder that is written; empty if it will do.
Odd = Callable[[Path], str]


def check_written(read: Sequence[str | Path | None], *written: Written, folder: Odd | None = None) -> None:
    """Refuse an output that cannot be, or that would destroy an input, before anything is read.

    It may be a folder that is there already where `folder` finds nothing odd about it.

    What is printed goes to stderr where an output is stdout.
    """
    there = [(option, path, endings) for option, path, endings in written if path is not None]
    for place, (option, path, endings) in enumerate(there):
        wrong = _unwritable(path, endings, folder=folder) or next(
            (
                f"{str(path)!r} would replace what is read as {str(source)!r}; name another file"
                for source in read
                if source is not None and is_read_at(path, source)
            ),
            "",
        )
        for other, taken, _ in there[:place]:
            if not wrong and is_read_at(path, taken):
                wrong = f"{str(path)!r} is the file of '{other}' too"
        if wrong:
            raise typer.BadParameter(wrong, param_hint=f"'{option}'")
    if any(is_stdout(path) for _, path, _ in there):
        sys.stdout = sys.stderr


def refuse_existing(folder: Path, names: Sequence[str], option: str) -> None:
    """Refuse a folder that holds what is to be written there, or that is a file."""
    there = [str(folder / name) for name in names if os.path.lexists(folder / name)]
    if there or (folder.exists() and not folder.is_dir()):
        what = f"{', '.join(there)} already there" if there else f"{str(folder)!r} is a file"
        raise typer.BadParameter(f"{what}; nothing was written. Name another folder.", param_hint=option)


def model_files(model: Path | None) -> list[Written]:
    """A model and the card beside it."""
    return [("--model", model, (".npz",)), ("--model", model and model.with_suffix(".md"), (".md",))]


def _unwritable(path: Path, endings: tuple[str, ...], *, folder: Odd | None) -> str:
    real = Path(os.path.realpath(path))
    if folder is not None and real.is_dir():
        odd = folder(real)
        return f"{str(path)!r} {odd}; name another folder" if odd else ""
    if real.is_symlink() or real.is_dir() or not real.parent.is_dir():
        what = "is a folder" if real.is_dir() else f"would be in {str(real.parent)!r}, which is not a folder"
        return f"{str(path)!r} {'is a link that leads back to itself' if real.is_symlink() else what}"
    # What is a file is told by its ending; a device or a pipe has none.
    if path.suffix.lower() not in endings and not is_stream(path):
        bare = ", or for a folder have no ending" if "" in endings else ""
        return f"must end in {' or '.join(filter(None, endings))}{bare}; got {str(path)!r}"
    return ""


def reading(*, set_aside: bool, observed_until: dt.date | None, stage_name: Sequence[str] | None) -> dict[str, Any]:
    """How tables are read, as `load_tables` takes it; stages by the names that the file has for them."""
    pairs = [text.rpartition("=") for text in stage_name or ()]
    bad = ["".join(pair) for pair in pairs if not all(pair)]
    if bad:
        message = f"must be THEIRS=OURS, as MQL=mql; got {', '.join(map(repr, bad))}"
        raise typer.BadParameter(message, param_hint="'--stage-name'")
    stages = {theirs: ours for theirs, _, ours in pairs} or None
    return {"strict": not set_aside, "observed_until": observed_until, "stages": stages}


def rows_out(out: Path, engine: str | None, buckets: int | None) -> Written:
    """Where rows go: a file, or of buckets that are asked for a folder of parts too."""
    return "--out", out, (*TABLES, "") if engine == "buckets" or buckets is not None else TABLES


def in_memory_only(asked: Sequence[str]) -> typer.BadParameter:
    """The refusal of what other engines cannot do."""
    what = f"{' and '.join(asked)}: done in memory only; leave --engine and --buckets out"
    return typer.BadParameter(what, param_hint="'--engine'")


def in_buckets(given: Files, engine: str | None, buckets: int | None, out: Path, *, whole: Sequence[str] = ()) -> bool:
    """Whether tables are cut into buckets; `whole` are the options given that need them as a whole."""
    from leadscore.engines.size import fits_memory  # noqa: PLC0415 - needs pyarrow

    if engine == "memory" and buckets is not None:
        raise typer.BadParameter("goes with '--engine buckets'", param_hint="'--buckets'")
    reasons = [*whole, *([f"--out {out}"] if is_stream(out) else [])]
    asked = engine == "buckets" or buckets is not None
    if asked and reasons:
        raise in_memory_only(reasons)
    tables = zip(("leads", "events", "outcomes"), given, strict=True)
    whole_fits = bool(reasons) or engine == "memory"
    return asked or not (whole_fits or fits_memory({name: path for name, path in tables if path is not None}))


# What tables are read from: leads or a data file, then events, outcomes, touches, costs, as far as a command has them.
Files = tuple[str | None, ...]


def files(  # noqa: PLR0913 - what may be read, and what is written
    rulebook: Path | None,
    data: Path | None,
    given: Files,
    *written: Written,
    needed: str = "",
    names: Sequence[str] = ("leads", "events", "outcomes"),
    folder: Odd | None = None,
) -> Files:
    """What the tables are read from: a data file, or the files of tables that are given, in the order of their names.

    Without either it is the data.yaml beside the rulebook. Tables that are given go before those of the data file,
    which is said. What is written must not be what is read.
    """
    first, *others = named = dict(zip(names, given, strict=False))
    beside = (rulebook or Path()).parent / "data.yaml"
    data = data_of(rulebook, data, given[0], first)
    lacking = [f"--{name}" for name in (first, needed) if name and named[name] is None]
    if data is None and lacking:
        what = f"needed, or a data file: --data names one, and there is no {str(beside)!r}"
        raise typer.BadParameter(what, param_hint=f"'{', '.join(lacking)}'")
    instead = [f"--{name}" for name in others if named[name] is not None]
    if data is not None and instead:
        typer.echo(f"{' and '.join(instead)}: read in place of what {visible(data)} says.", err=True)
    found = given if data is None else (str(data), *given[1:])
    check_written([rulebook, *found], *written, folder=folder)
    check_written(read_from(found), *written, folder=folder)
    return found


def data_of(rulebook: Path | None, data: Path | None, first: str | None, name: str = "leads") -> Path | None:
    """The data file that tables are read from: the one given, or the data.yaml beside the rulebook."""
    beside = (rulebook or Path()).parent / "data.yaml"
    if data is not None and first is not None:
        raise typer.BadParameter("give one or the other", param_hint=f"'--data' and '--{name}'")
    if data is None and first is None and beside.is_file():
        return beside
    if first is not None and beside.is_file():
        typer.echo(f"Not read: {visible(beside)}, as --{name} is given.", err=True)
    return data


def read_from(given: Files) -> list[str]:
    """The files that are read, also those that a data file names."""
    from leadscore.tables.opening import is_data_file  # noqa: PLC0415 - needs pandas

    named = []
    if is_data_file(given[0]):
        data = Path(str(given[0]))
        sources = ls.imports.DataFile.read(data).sources.values()
        named = [str(data.parent / file) for source in sources for file in source.file]
    return [*(path for path in given if path is not None), *named]


def opened(given: Files, step: Callable[..., None], *, strict: bool) -> tuple[Any, ...]:
    """What `load_tables` takes; how far the exports of a data file are read is shown."""
    from leadscore.tables.opening import is_data_file  # noqa: PLC0415 - needs pandas

    if not is_data_file(given[0]):
        return given
    show = partial(step, further=False)
    return (ls.imports.import_tables(str(given[0]), strict=strict, progress=show), *given[1:])


def load(given: Files, step: Callable[..., None], *, strict: bool, **how: Any) -> Tables:
    """The tables."""
    tables = opened(given, step, strict=strict)
    touches, costs = (*tables[3:], None, None)[:2]
    return ls.load_tables(*tables[:3], touches=touches, costs=costs, strict=strict, **how)


TABLE_HELP = "a .csv or .parquet file, a glob in quotes, or a folder of parts"
RulebookFile = Annotated[Path, typer.Argument(metavar="RULEBOOK", help="The rulebook, a YAML file.")]
RulebookFiles = Annotated[
    list[Path], typer.Argument(metavar="RULEBOOK...", help="The rulebook, a YAML file; several give several scores.")
]
RULEBOOK = Path("rulebook.yaml")
Data = Annotated[
    Path | None,
    a_file("Says how exports become the tables, in place of --leads; by default the data.yaml beside the rulebook."),
]
Leads = Annotated[str | None, a_file(f"One row per lead: {TABLE_HELP}.")]
Events = Annotated[
    str | None,
    a_file(f"One row per event: {TABLE_HELP}; or what 'leadscore activity' made. Without it: fit only."),
]
Outcomes = Annotated[str | None, a_file(f"One row per stage reached: {TABLE_HELP}.")]
Touches = Annotated[str | None, a_file(f"One row per touch of a lead by a channel of marketing: {TABLE_HELP}.")]
Costs = Annotated[str | None, a_file(f"One row per channel and month, with its cost: {TABLE_HELP}.")]
AsOf = Annotated[dt.date, a_day("Scores are as they stood at the end of this day, such as 2026-03-31.")]
AsOfDays = Annotated[
    list[dt.date] | None, a_day("Leads as they stood at the end of this day; give several.", "--as-of")
]
_FIRST, _LAST = a_day("The first day of the period."), a_day("The last day of the period.")
Start = Annotated[dt.date, _FIRST]
End = Annotated[dt.date, _LAST]
FirstDay = Annotated[dt.date | None, _FIRST]
LastDay = Annotated[dt.date | None, _LAST]
ObservedUntil = Annotated[
    dt.date | None, a_day("The last day the outcomes were recorded on; what is dated later is refused.")
]
Stage = Annotated[str, option("STAGE", "The stage that counts; a later stage counts too.")]
StageNames = Annotated[
    list[str] | None,
    option("THEIRS=OURS", "What your file calls a stage, such as MQL=mql; give several.", "--stage-name"),
]
WithinDays = Annotated[int, option("N", "Reached within this many days.", min=1)]
Moment = Literal["month", "week", "handover"]
Each = Annotated[
    Moment,
    typer.Option(
        help="With --start and --end, in place of --as-of: leads as they stood then; on handover, when sales got each."
    ),
]
WorkedOnly = Annotated[
    bool,
    typer.Option(
        "--worked-only/--worked-or-not",
        help="Only leads that sales worked; otherwise a lead nobody called counts as not converted.",
    ),
]
SetAside = Annotated[
    bool, typer.Option("--set-aside", help="Leave out rows that break the contract of the tables, instead of stopping.")
]
Engine = Annotated[
    Literal["memory", "buckets"] | None,
    typer.Option(
        help="memory holds all tables; buckets cuts those that are larger than memory into parts. By default chosen by "
        "their size."
    ),
]
ScoreEngine = Annotated[
    Literal["memory", "buckets", "duckdb", "postgres", "spark"] | None,
    typer.Option(
        "--engine",
        help="memory holds all tables; buckets cuts those that are larger than memory into parts; by default chosen by "
        "their size. duckdb, postgres and spark score leads where they are.",
    ),
]
_BY_SIZE = "How many buckets; by default chosen by the size of the tables."
Buckets = Annotated[int | None, option("N", _BY_SIZE, min=1)]
ScoreBuckets = Annotated[
    int | None, option("N", f"{_BY_SIZE} With --engine spark: by default spark.sql.shuffle.partitions.", min=1)
]
Connection = Annotated[
    str | None,
    option("NAME", "With --engine duckdb or postgres: the environment variable that holds the connection."),
]
Printed = Annotated[
    Literal["table", "json"], typer.Option("--format", help="A table for people, or JSON for programs.")
]
Format = Annotated[
    Literal["text", "json", "markdown"],
    typer.Option("--format", help="Text, JSON for programs, or Markdown for the meeting."),
]
