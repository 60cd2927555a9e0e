"""The nightly job in one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import leadscore as ls
from leadscore.cli import options
from leadscore.cli.drift import ALARM
from leadscore.cli.entry import app
from leadscore.cli.options import option
from leadscore.cli.printing import alone, steps
from leadscore.errors import visible

_ALSO = ("total", "fit", "behaviour", "segment", "threshold", "blocked_by")


@app.command()
def run(  # noqa: PLR0913 - a command has as many arguments as options
    rulebook: options.RulebookFile = options.RULEBOOK,
    *,
    as_of: options.AsOf,
    folder: Annotated[Path, option("FOLDER", "Where all nights write; the same every night.", "--dir")],
    data: Annotated[
        Path | None, option("FILE", "Says how exports become the tables; by default the data.yaml beside the rulebook.")
    ] = None,
    watch: Annotated[
        list[str] | None,
        option("COLUMN", f"A further column whose changes count: {', '.join(_ALSO)}; give several."),
    ] = None,
    set_aside: options.SetAside = False,
) -> None:
    """Do the night: scores of all leads, changed rows, drift.

    It imports the exports that the data file names, counts what leads did by day, and scores everybody.

    Run it again after a night that failed or was stopped: it ends in the same files. Where the night is done already,
    and no input has changed, nothing is written. One run at a time; each step adds a line of JSON to log.jsonl.

    Exit code 1 if something fails, and then the night is not done; 4 on an alarm of drift, until it is acknowledged.
    """
    from leadscore.cli.night import Night  # noqa: PLC0415 - this command only
    from leadscore.cli.night_folder import NightFolder  # noqa: PLC0415 - this command only
    from leadscore.scoring.changed_rows import WATCHED  # noqa: PLC0415 - needs pandas

    if strange := sorted({*(watch or ())} - {*_ALSO}):
        message = f"must be one of {', '.join(_ALSO)}; got {', '.join(map(repr, strange))}"
        raise typer.BadParameter(message, param_hint="'--watch'")
    book = ls.Rulebook.read(rulebook)
    file = ls.imports.DataFile.read(data or _beside(rulebook))
    nights = NightFolder(folder)
    nights.make()
    read: list[str | Path | None] = [rulebook, *options.read_from((file.source,))]
    options.check_written(read, *(("--dir", nights.file(kind, as_of), (".parquet",)) for kind in ("scores", "changed")))
    watched = (*WATCHED, *dict.fromkeys(watch or ()))
    with alone(nights.log), steps(5) as step:
        if as_of < (last := max(nights.done(), default=as_of)):
            message = f"{as_of} comes before {last}, the last night done in {visible(folder)}"
            raise ls.ArgumentError("--as-of", f"{message}; 'leadscore score --as-of {as_of}' scores a past day")
        night = Night(nights, book, file, as_of, watched, strict=not set_aside)
        rests_on = night.rests_on()
        if night.is_done(rests_on):
            typer.echo(f"The night of {as_of} is done already, from the same files: nothing was written.")
        else:
            night.run(rests_on, step, lambda line: typer.echo(visible(line)))
            typer.echo(f"The night of {as_of} is done; all of it is in {visible(folder)}.")
        alarmed = night.alarmed()
    if alarmed:
        raise typer.Exit(ALARM)


def _beside(rulebook: Path) -> Path:
    found = rulebook.parent / "data.yaml"
    if not found.is_file():
        what = f"needed: there is no {str(found)!r}; 'leadscore init --from' makes one of your exports"
        raise typer.BadParameter(what, param_hint="'--data'")
    return found
