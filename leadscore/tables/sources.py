"""Whatever holds a table (frames, files, Arrow objects) as batches of Arrow columns, streamed."""

from __future__ import annotations

import csv
import datetime as dt
import glob
import mmap
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset
import pyarrow.parquet

from leadscore.errors import ContractError, Problem

# Rows in hand at a time: large enough that each numpy call pays, small enough to stay in tens of megabytes.
BATCH_ROWS = 1 << 19


@dataclass
class Source:
    """One table, not yet read.

    Attributes
    ----------
    columns : list of str
        The columns there are.
    batches : callable
        Given the wanted columns, yields record batches in the order of the rows.
    lines_known : bool
        Whether row n stands on line n + 2 of a text file.
    notes : list of (row, message, text)
        Lines that could not be read as rows, and are left out; filled while reading.
    metadata : dict
        What a Parquet file says of itself.
    """

    name: str
    columns: list[str]
    batches: Callable[[list[str]], Iterator[pa.RecordBatch]]
    lines_known: bool = False
    notes: list[tuple[int, str, str]] = field(default_factory=list)
    metadata: dict[bytes, bytes] = field(default_factory=dict)

    def table(self, columns: list[str]) -> pa.Table:
        """All rows at once."""
        batches = list(self.batches(columns))
        return pa.Table.from_batches(batches) if batches else pa.table({name: pa.nulls(0) for name in columns})


def open_source(data: Any, name: str) -> Source:
    """Open a table for reading.

    Parameters
    ----------
    data : DataFrame, path, pyarrow Table, or an object with the Arrow PyCapsule interface
        A path is a CSV or Parquet file, a glob, or a folder of parts of one kind.
    name : str
        The table's name in messages.

    Raises
    ------
    ContractError
        If it is none of these, or a file cannot be read.
    """
    if name == "events" and not isinstance(data, pd.DataFrame):
        # What `flag_bots` gives holds them.
        data = getattr(data, "events", data)
    if isinstance(data, pd.DataFrame):
        return _from_pandas(data, name)
    if isinstance(data, (str, os.PathLike)):
        return _from_files(os.fspath(data), name)
    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    if isinstance(data, pa.Table) or hasattr(data, "__arrow_c_stream__"):
        return _from_arrow(data, name)
    message = f"cannot be read from a {type(data).__name__}; give a pandas, polars or Arrow table, or a path"
    raise ContractError("tables", [Problem(name, message)])


def _from_arrow(data: Any, name: str) -> Source:
    try:
        table = data if isinstance(data, pa.Table) else pa.table(data)
    except (pa.ArrowException, TypeError) as error:
        raise ContractError("tables", [Problem(name, f"is not a table: {_first_line(error)}")]) from None

    def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
        chosen = [_without_views(table[column]) for column in columns]
        for batch in pa.Table.from_arrays(chosen, names=columns).to_batches(max_chunksize=BATCH_ROWS):
            yield _valid(batch, name)

    return Source(name, _unique(table.column_names, name), batches, metadata=dict(table.schema.metadata or {}))


def _without_views(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as polars hands it over (string views) as plain large text: Arrow cannot take rows of a view."""
    kind = column.type
    if pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    if pa.types.is_dictionary(kind) and pa.types.is_string_view(kind.value_type):
        return column.cast(pa.dictionary(kind.index_type, pa.large_string()))
    return column


def _valid(batch: pa.RecordBatch, name: str) -> pa.RecordBatch:
    """The batch, if its text is UTF-8: a Parquet file may call anything text."""
    for column, array in zip(batch.schema.names, batch.columns, strict=True):
        # A dictionary's indices are Arrow's own; its values came from the file.
        values = array.dictionary if pa.types.is_dictionary(array.type) else array
        if pa.types.is_primitive(values.type):
            continue
        try:
            values.validate(full=True)
        except pa.ArrowInvalid as error:
            raise ContractError("tables", [Problem(f"{name}.{column}", _first_line(error))]) from None
    return batch


def _from_pandas(frame: pd.DataFrame, name: str) -> Source:
    if frame.index.name is not None and frame.index.name not in frame.columns:
        frame = frame.reset_index()
    columns = _unique([str(column) for column in frame.columns], name)

    def batches(wanted: list[str]) -> Iterator[pa.RecordBatch]:
        problems, arrays = [], []
        for column in wanted:
            series = frame.iloc[:, columns.index(column)]
            if _mixes_zones(series):
                message = "times with a zone and times without one in one column"
                problems.append(Problem(f"{name}.{column}", message))
                continue
            try:
                arrays.append(pa.array(series, from_pandas=True))
            except (pa.ArrowException, OverflowError, UnicodeError):
                kinds = ", ".join(sorted({type(value).__name__ for value in series.dropna().head(100_000)}))
                message = f"values that do not fit one type of column: {kinds}"
                problems.append(Problem(f"{name}.{column}", message))
        if problems:
            raise ContractError("tables", problems)
        table = pa.Table.from_arrays(arrays, names=wanted)
        yield from table.to_batches(max_chunksize=BATCH_ROWS)

    return Source(name, columns, batches)


def _mixes_zones(series: pd.Series[Any]) -> bool:
    """Whether a column of Python times has both kinds; Arrow would give all of them the zone of the first."""
    if series.dtype != object:
        return False
    zones = {value.tzinfo is None for value in series.dropna() if isinstance(value, dt.datetime)}
    return len(zones) > 1


def _from_files(path: str, name: str) -> Source:
    paths = _paths(path)
    endings = {"".join(Path(one).suffixes[-2:]).lower() for one in paths}
    if not paths:
        raise ContractError("tables", [Problem(name, f"no file at {path!r}")])
    if all(ending.endswith((".parquet", ".pq")) for ending in endings):
        return _from_parquet(paths, path, name)
    if all(ending.endswith((".csv", ".tsv", ".txt", ".csv.gz")) for ending in endings):
        return _from_csv(paths, name)
    shown = ", ".join(sorted(endings))
    raise ContractError("tables", [Problem(name, f"{path!r} holds {shown or 'no'} files; .csv and .parquet are read")])


def _paths(path: str) -> list[str]:
    if Path(path).is_dir():
        parts = [one for one in Path(path).rglob("*") if one.is_file()]
        # What Jupyter and Spark leave behind is hidden by a dot or an underscore, the file or its folder.
        return sorted(
            str(one) for one in parts if not any(name.startswith((".", "_")) for name in one.relative_to(path).parts)
        )
    return [path] if Path(path).is_file() else sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - takes absolute patterns too


def _from_parquet(paths: list[str], path: str, name: str) -> Source:
    try:
        schema = pa.parquet.read_schema(paths[0])
        texts = [one.name for one in schema if pa.types.is_string(one.type) or pa.types.is_large_string(one.type)]
        options = pa.dataset.ParquetReadOptions(dictionary_columns=texts)
        parquet = pa.dataset.ParquetFileFormat(read_options=options)
        base = path if Path(path).is_dir() else None
        folders = _hive(paths, path) if base else pa.schema([])
        partitioning = pa.dataset.partitioning(folders, flavor="hive") if base else None
        dataset = pa.dataset.dataset(paths, format=parquet, partitioning=partitioning, partition_base_dir=base)
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise ContractError("tables", [Problem(name, f"not a Parquet file: {_first_line(error)}")]) from None

    def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
        try:
            _in_every_part(paths, columns, folders, name)
            # Without these Arrow decodes far ahead of us: 0.3 GiB for nothing.
            frugal = pa.dataset.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)
            scanner = dataset.scanner(
                columns=columns,
                batch_size=BATCH_ROWS,
                batch_readahead=1,
                fragment_readahead=1,
                fragment_scan_options=frugal,
            )
            for batch in scanner.to_batches():
                yield _valid(batch, name)
        except (pa.ArrowException, OSError, UnicodeError) as error:
            raise ContractError("tables", [Problem(name, f"cannot be read: {_first_line(error)}")]) from None

    return Source(name, _unique(dataset.schema.names, name), batches, metadata=dict(schema.metadata or {}))


def _hive(paths: list[str], folder: str) -> pa.Schema:
    """Columns in the names of folders (`country=NO`), as text: a guess would read a code 007 as 7."""
    inner = [part for path in paths for part in Path(path).relative_to(folder).parts[:-1] if "=" in part]
    return pa.schema([(name, pa.string()) for name in dict.fromkeys(part.split("=")[0] for part in inner)])


def _in_every_part(paths: list[str], columns: list[str], folders: pa.Schema, name: str) -> None:
    """Refuse parts that lack a wanted column: Arrow would fill it with nulls without a word."""
    problems = []
    for path in paths[1:]:
        there = {*pa.parquet.read_schema(path).names, *folders.names}
        problems += [
            Problem(f"{name}.{column}", f"{path} has no such column") for column in columns if column not in there
        ]
    if problems:
        raise ContractError("tables", problems)


def _from_csv(paths: list[str], name: str) -> Source:
    """CSV as text throughout: what a cell means is for the contract to say, not for a guess (code 007, country NA)."""
    headers = [_header(path, name) for path in paths]
    for path, (columns, _) in zip(paths, headers, strict=True):
        if columns != headers[0][0]:
            message = f"{path} has other columns than {paths[0]}: {', '.join(columns)}"
            raise ContractError("tables", [Problem(name, message)])
    columns = _unique(headers[0][0], name)
    source = Source(name, columns, lambda _: iter(()), lines_known=all(map(_without_blank_lines, paths)))

    def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
        start = 0
        for path, (_, delimiter) in zip(paths, headers, strict=True):
            for batch in _csv_batches(path, delimiter, source, start):
                yield batch.select(columns)
                start += batch.num_rows
            source.lines_known = source.lines_known and len(paths) == 1  # the next file counts its lines again

    source.batches = batches
    return source


def _without_blank_lines(path: str) -> bool:
    """Whether row n stands on line n + 2, as far as blank lines go: Arrow passes over them."""
    if path.endswith(".gz") or not Path(path).stat().st_size:
        return False
    with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(b"\n\n") < 0 and content.find(b"\n\r\n") < 0


def _header(path: str, name: str) -> tuple[list[str], str]:
    """The column names and the delimiter of a CSV file: the one its first line has most of."""
    try:
        with pa.input_stream(path, compression="detect") as stream:
            line = stream.read(1 << 16).split(b"\n")[0].decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ContractError("tables", [Problem(name, f"{path} is not UTF-8 text; save it as UTF-8")]) from None
    except OSError as error:
        raise ContractError("tables", [Problem(name, f"{path} cannot be read: {_first_line(error)}")]) from None
    if not line.strip():
        raise ContractError("tables", [Problem(name, f"{path} has no header line")])
    delimiter = max(",;\t|", key=line.count)
    try:
        names = next(csv.reader([line.rstrip("\r")], delimiter=delimiter, strict=True))
    except csv.Error:
        message = f"{path}: the header line cannot be read: a quote is opened but never closed"
        raise ContractError("tables", [Problem(name, message)]) from None
    return [column.strip() for column in names], delimiter


def _csv_batches(path: str, delimiter: str, source: Source, start: int) -> Iterator[pa.RecordBatch]:
    def refuse(row: Any) -> str:
        message = f"a line of {row.actual_columns} cells where the header has {row.expected_columns}"
        source.notes.append((-1 if row.number is None else row.number, message, row.text[:80]))
        source.lines_known = False
        return "skip"

    text = pa.large_string()
    try:
        with pa.csv.open_csv(
            path,
            read_options=pa.csv.ReadOptions(column_names=source.columns, skip_rows=1, block_size=1 << 24),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refuse),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(source.columns, text), strings_can_be_null=True, null_values=[""]
            ),
        ) as reader:
            for batch in reader:
                whole = batch.filter(pa.array(~_swallows(batch, delimiter, source, start)))
                start += whole.num_rows
                yield whole
    except (pa.ArrowInvalid, OSError) as error:
        if "Empty CSV" in str(error) or "Could not skip" in str(error):  # a header and nothing more
            return
        raise ContractError("tables", [Problem(source.name, f"{path}: {_first_line(error)}")]) from None


def _swallows(batch: pa.RecordBatch, delimiter: str, source: Source, start: int) -> npt.NDArray[np.bool_]:
    """Rows with a cell that holds whole lines: a quote that is never closed swallows all up to the next one."""
    fields = len(source.columns) - 1
    swallows = np.zeros(batch.num_rows, bool)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        held = pc.match_substring(column, "\n").fill_null(False)
        for row in pc.indices_nonzero(held).to_pylist() if held.true_count else ():
            source.lines_known = False
            lines = column[row].as_py().split("\n")
            if fields and any(line.count(delimiter) >= fields for line in lines[1:]):
                message = f"{len(lines) - 1} whole lines in one cell of {name!r}: a quote is opened but never closed"
                source.notes.append((start + row, message, lines[0][:80]))
                swallows[row] = True
    return swallows


def _unique(columns: list[str], name: str) -> list[str]:
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise ContractError("tables", [Problem(name, f"each column needs its own name; repeated: {', '.join(twice)}")])
    return list(columns)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
