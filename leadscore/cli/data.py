"""Exports made into tables, as a data file says."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from leadscore.cli import options
from leadscore.cli.entry import app
from leadscore.cli.options import option
from leadscore.cli.printing import print_json, steps
from leadscore.errors import visible

_TABLES = ("leads", "events", "outcomes", "touches", "costs")


@app.command("import")
def import_exports(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="The data file, YAML.")] = Path("data.yaml"),
    *,
    out: Annotated[Path, option("FOLDER", "Where the tables go, as Parquet, and the report, as JSON and text.")],
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="Leave out rows that are not what the file says, instead of stopping.")
    ] = False,
    printed: options.Printed = "table",
) -> None:
    """Make leads, events and outcomes from exports.

    And touches and costs, if the data file has them. It says what became of every row. The other commands read exports
    themselves, by --data; this one is for those who want the tables. Exit code 1, and no file, if cells are not what
    the file says; each is shown with its line.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - this command only

    from leadscore.base.files import replacing  # noqa: PLC0415 - this command only

    out.mkdir(exist_ok=True)
    tables = {name: out / f"{name}.parquet" for name in _TABLES}
    reports = {"json": out / "import.json", "txt": out / "import.txt"}
    written = [("--out", path, (path.suffix,)) for path in (*tables.values(), *reports.values())]
    options.check_written(options.read_from((str(data),)), *written)
    with steps(2) as step:
        step("Reading")
        imported, *_ = options.opened((str(data),), step, strict=not set_aside)
        step(f"Writing {out}")
        held = {"touches": len(imported.logs["touches"]), "costs": len(imported.costs)}
        tables = {name: path for name, path in tables.items() if held.get(name, 1)}
        with ExitStack() as whole:
            for name, path in tables.items():
                file, batches = whole.enter_context(replacing(path)), imported.reader(name)
                with pq.ParquetWriter(file, batches.schema, compression="zstd") as writer:
                    for batch in batches:
                        writer.write_batch(batch)
            for kind, path in reports.items():
                text = f"{imported.to_json() if kind == 'json' else imported}\n"
                whole.enter_context(replacing(path)).write(text.encode())
    if printed == "json":
        print_json(imported.to_dict())
        return
    typer.echo(imported)
    typer.echo(f"Written to {visible(out)}: {', '.join(path.name for path in (*tables.values(), *reports.values()))}")
