"""Exports as a data file names them: files of any kind, packed or not, as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from leadscore.errors import ContractError, Problem, did_you_mean
from leadscore.sources.archives import check_workbook, members
from leadscore.sources.csv_files import CsvFile, Layout
from leadscore.sources.databases import Database, database_source
from leadscore.sources.encodings import as_utf8
from leadscore.sources.files import File, Scratch, matching
from leadscore.sources.json_lines import json_source
from leadscore.sources.parquet_files import ParquetPart
from leadscore.sources.source import Source, csv_source, parquet_source, put_together
from leadscore.sources.workbooks import workbook_source


@dataclass(frozen=True)
class Export:
    """Where an export is and how it is to be read; None is found out.

    Attributes
    ----------
    file : tuple of str
        Files, patterns and folders; members of an archive as `export.zip/Lead.csv`.
    table, query, connection : str or None
        Of a database.
    encoding, delimiter, sheet : str or None
    skip_rows : int
        Lines before the header.
    """

    file: tuple[str, ...] = ()
    table: str | None = None
    query: str | None = None
    connection: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    skip_rows: int = 0


def open_export(export: Export, name: str, folder: Path) -> Source:
    """Open an export for reading; its `notes` say what was found out.

    Parameters
    ----------
    export : Export
    name : str
        The table's name in messages.
    folder : Path
        Where relative paths begin.

    Raises
    ------
    ContractError
        If there is no such file, or one cannot be read.
    """
    if export.table or export.query:
        return database_source(_database(export, name, folder), export.table, export.query, folder)
    if not export.file:
        raise ContractError("tables", [Problem(name, "names no file; hand a frame in from Python, or give 'file'")])
    scratch = Scratch()
    files, notes = list[File](), list[str]()
    for file, wanted in matching(export.file, folder, name):
        inside, told = members(file, wanted, name, _READ, scratch) if file.ending == "zip" else ([file], [])
        files += inside
        notes += told
    if strange := [file for file in files if file.ending not in _READ]:
        kinds = did_you_mean(strange[0].ending, _READ) or f"; {', '.join(_READ)} are"
        needs = "; of a DuckDB file give 'table' or 'query'" if "duck" in strange[0].ending else kinds
        raise strange[0].problem(name, f"is of a kind that is not read{needs}")
    parts: dict[str, Source] = {}
    for reader in dict.fromkeys(_READ.values()):
        own = [file for file in files if _READ[file.ending] is reader]
        parts |= reader(own, name, export, scratch) if own else {}
    source = put_together(name, parts)
    return replace(source, notes=notes + source.notes, batches=partial(_while_reading, scratch, source.batches))


def _while_reading(
    _scratch: Scratch, batches: Callable[[list[str]], Iterator[pa.RecordBatch]], columns: list[str]
) -> Iterator[pa.RecordBatch]:
    """The batches; what was unpacked for them stays until they are read."""
    yield from batches(columns)


def _database(export: Export, name: str, folder: Path) -> Database:
    if export.connection:
        return Database.in_environment(export.connection, name)
    file, *others = [file for file, _ in matching(export.file, folder, name)]
    if others:
        raise file.problem(name, f"is one of {len(others) + 1} files; a table or query is of one database")
    return Database(name, file.label, "duckdb", f"/{file.path}", secret=False)


Reader = Callable[[list[File], str, Export, Scratch], dict[str, Source]]


def _csv(files: list[File], name: str, export: Export, scratch: Scratch) -> dict[str, Source]:
    parts = {}
    for file in files:
        path, encoding, notes = as_utf8(file, name, export.encoding, scratch)
        opened = CsvFile(path, name, file.label, Layout(encoding, export.delimiter, export.skip_rows))
        source = parts[file.label] = csv_source(opened)
        source.notes += notes
        if export.delimiter is None and opened.delimiter != ("\t" if file.ending.startswith("tsv") else ","):
            source.notes.append(f"{file.label} is read with the delimiter {opened.delimiter!r}")
    return parts


def _json(files: list[File], name: str, export: Export, scratch: Scratch) -> dict[str, Source]:
    parts = {}
    for file in files:
        path, _, notes = as_utf8(file, name, export.encoding, scratch)
        parts[file.label] = json_source(path, file, name)
        parts[file.label].notes += notes
    return parts


def _workbook(files: list[File], name: str, export: Export, scratch: Scratch) -> dict[str, Source]:
    del scratch
    for file in files:
        check_workbook(file, name)
    return {file.label: workbook_source(file, name, export.sheet, export.skip_rows) for file in files}


def _parquet(files: list[File], name: str, export: Export, scratch: Scratch) -> dict[str, Source]:
    del export, scratch  # Parquet says all itself
    return {files[0].label: parquet_source([ParquetPart(file.path, name, label=file.label) for file in files])}


_READ: dict[str, Reader] = {
    **dict.fromkeys(("csv", "tsv", "txt", "csv.gz", "tsv.gz", "txt.gz"), _csv),
    **dict.fromkeys(("jsonl", "ndjson", "json", "jsonl.gz", "ndjson.gz", "json.gz"), _json),
    **dict.fromkeys(("xlsx", "xlsm", "xlsb", "xls", "ods"), _workbook),
    **dict.fromkeys(("parquet", "pq"), _parquet),
}
