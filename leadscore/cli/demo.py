"""A tour of made-up leads."""

from __future__ import annotations

import datetime as dt
import shlex
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

import leadscore as ls
from leadscore.base.files import replacing
from leadscore.base.text import counted
from leadscore.cli.entry import app
from leadscore.cli.options import refuse_existing
from leadscore.cli.printing import heading, steps
from leadscore.errors import visible


@app.command()
def demo(
    *,
    leads: Annotated[int, typer.Option(metavar="N", min=100, max=1_000_000, help="How many to make up.")] = 20_000,
    folder: Annotated[Path | None, typer.Option(help="Where the files go; a temporary folder if not given.")] = None,
) -> None:
    """Make up leads, score them, explain one: a tour in seconds."""
    from leadscore.cli.score import check, score_and_write  # noqa: PLC0415 - the help lists their commands after these
    from leadscore.datasets.funnel import make_funnel  # noqa: PLC0415 - this command only

    place = folder or Path(tempfile.mkdtemp(prefix="leadscore-demo-"))
    names = ("rulebook.yaml", "leads.parquet", "events.parquet", "outcomes.parquet", "scores.csv")
    refuse_existing(place, names, "'--folder'")
    place.mkdir(parents=True, exist_ok=True)
    rulebook, leads_file, events_file, outcomes_file, out = (place / name for name in names)
    with steps(1) as step:
        step(f"Making up {counted(leads, 'lead')} and what they did")
        funnel = make_funnel(leads)
        funnel.rulebook.write(rulebook)
        frames = {leads_file: funnel.leads, events_file: funnel.events, outcomes_file: funnel.outcomes}
        for path, frame in frames.items():
            with replacing(path) as file:
                frame.to_parquet(file, index=False)
    typer.echo(f"Everything below is made up, and in {visible(place)}")
    heading("1. The tables: leads, what they did, and what became of them")
    for path, frame in frames.items():
        typer.echo(f"{path.name}: {counted(len(frame), 'row')}")
    heading("2. The rulebook: the points both teams agree on")
    check(rulebook)
    heading("3. The scores: who is worth a call today")
    [scores] = score_and_write([funnel.rulebook], (str(leads_file), str(events_file)), dt.date(2026, 3, 31), out)
    heading("4. Why: the lead that qualified by points and fits least")
    frame = scores.frame[scores.frame["via"] == "score"]
    lead = (frame if len(frame) else scores.frame)["fit"].idxmin()
    typer.echo(scores.explain(lead))
    typer.echo("Is this a lead sales wants? If not, change the points, not the lead.")
    heading("5. What became of them: what sales said to the leads it was given, and how long they waited")
    tables = ls.load_tables(leads_file, events_file, outcomes_file, rulebook=funnel.rulebook)
    typer.echo(ls.acceptance(tables))
    typer.echo(ls.response_times(tables, funnel.rulebook))
    heading("6. Your turn")
    _say_what_to_type(place, lead)


def _say_what_to_type(place: Path, lead: Any) -> None:
    tables = "--leads leads.parquet --events events.parquet --as-of 2026-03-31"
    typer.echo("Copy the rulebook, change a number in the copy, see whom sales would have got in the past quarter:\n")
    typer.echo(f"  cd {shlex.quote(visible(place))}")
    typer.echo("  cp rulebook.yaml mine.yaml")
    period = "--start 2026-01-01 --end 2026-03-31"
    typer.echo(f"  leadscore diff rulebook.yaml mine.yaml --leads leads.parquet --events events.parquet {period}")
    typer.echo(f"  leadscore score mine.yaml {tables} --out mine.csv")
    typer.echo(f"  leadscore explain mine.yaml {lead} {tables}\n")
    typer.echo("Start on your own leads:\n")
    typer.echo("  leadscore init my-leads")
