"""Exports made into tables, as a data file says."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from leadscore.cli import options
from leadscore.cli.entry import app
from leadscore.cli.options import option
from leadscore.cli.printing import print_json, steps
from leadscore.errors import visible

if TYPE_CHECKING:
    import pyarrow as pa

_TABLES = ("leads", "events", "outcomes", "touches", "costs")


@app.command("import")
def import_exports(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="The data file, YAML.")] = Path("data.yaml"),
    *,
    out: Annotated[Path, option("FOLDER", "Where the tables go, as Parquet, and the report, as JSON and text.")],
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="Leave out rows that are not what the file says, instead of stopping.")
    ] = False,
    buckets: Annotated[
        int | None, option("N", "Write tables of leads as folders of N parts; those of a lead have one number.", min=1)
    ] = None,
    printed: options.Printed = "table",
) -> None:
    """Make leads, events and outcomes from exports.

    And touches and costs, if the data file has them. It says what became of every row. The other commands read exports
    themselves, by --data; this one is for those who want the tables. Exit code 1, and no file, if cells are not what
    the file says; each is shown with its line.
    """
    from leadscore.base.files import replacing, replacing_folder  # noqa: PLC0415 - this command only
    from leadscore.engines.runs import no_parts_in  # noqa: PLC0415 - as above

    out.mkdir(exist_ok=True)
    tables = {name: out / (f"{name}.parquet" if buckets is None or name == "costs" else name) for name in _TABLES}
    reports = {"json": out / "import.json", "txt": out / "import.txt"}
    written = [("--out", path, (path.suffix,)) for path in (*tables.values(), *reports.values())]
    options.check_written(options.read_from((str(data),)), *written, folder=no_parts_in)
    with steps(2) as step:
        step("Reading")
        imported, *_ = options.opened((str(data),), step, strict=not set_aside)
        step(f"Writing {out}")
        tables = {name: path for name, path in tables.items() if name in _TABLES[:3] or len(imported.logs[name])}
        with ExitStack() as whole:
            for name, path in tables.items():
                if path.suffix:
                    _write(imported.reader(name), whole.enter_context(replacing(path)))
                else:
                    _cut(imported.reader(name), name, whole.enter_context(replacing_folder(path)), buckets or 1)
            for kind, path in reports.items():
                text = f"{imported.to_json() if kind == 'json' else imported}\n"
                whole.enter_context(replacing(path)).write(text.encode())
    if printed == "json":
        print_json(imported.to_dict())
        return
    typer.echo(imported)
    typer.echo(f"Written to {visible(out)}: {', '.join(path.name for path in (*tables.values(), *reports.values()))}")


def _write(batches: pa.RecordBatchReader, file: IO[bytes]) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415 - this command only

    with pq.ParquetWriter(file, batches.schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


def _cut(batches: pa.RecordBatchReader, name: str, folder: Path, buckets: int) -> None:
    from leadscore.engines.cutting import cut  # noqa: PLC0415 - this command only
    from leadscore.sources.source import Source  # noqa: PLC0415 - as above

    columns = batches.schema.names
    cut(Source(name, columns, lambda _: batches), columns, (), folder, buckets, as_text=True)
