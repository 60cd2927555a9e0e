"""Whatever holds a table (frames, files, Arrow objects) as batches of Arrow columns, streamed."""

from __future__ import annotations

import datetime as dt
import glob
import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.errors import ContractError, Problem
from leadscore.sources.csv_files import CsvFile, Doubt, Unread, first_line
from leadscore.sources.parquet_files import ParquetPart, together, valid

# Rows in hand at a time: large enough that each numpy call pays, small enough to stay in tens of megabytes.
BATCH_ROWS = 1 << 19
_PARQUET = {".parquet", ".pq"}
# What our own files say of themselves begins so.
_OURS = b"leadscore."
_CSV = {f".{ending}{packed}" for ending in ("csv", "tsv", "txt") for packed in ("", ".gz")}


@dataclass
class Source:
    """One table, not yet read.

    Attributes
    ----------
    columns : list of str
        The columns there are, each once.
    batches : callable
        Given the wanted columns, yields record batches in the order of the rows.
    repeated : dict of column to its places, from 1
        Columns that stand more than once: nobody can say which of them is meant.
    unread : list of Unread
        Lines that could not be read as rows, and are left out; filled while reading.
    places : callable
        Where records stand, which are rows and unread lines, counted together from 0.
    doubts : list of Doubt
        Rows that break the contract if they stay; filled while reading, each before its row comes.
    notes : list of str
        What nobody said and was found out: encodings, sheets, members of archives.
    iso_times : bool
        Whether dates and times of a workbook come as ISO text, whatever form the text beside them has.
    metadata : dict
        What a Parquet file says of itself.
    """

    name: str
    columns: list[str]
    batches: Callable[[list[str]], Iterator[pa.RecordBatch]]
    repeated: dict[str, list[int]] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)
    places: Callable[[list[int]], dict[int, str]] = lambda records: {record: f"row {record}" for record in records}
    doubts: list[Doubt] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    iso_times: bool = False
    metadata: dict[bytes, bytes] = field(default_factory=dict)

    def table(self, columns: list[str]) -> pa.Table:
        """All rows at once."""
        batches = list(self.batches(columns))
        return pa.Table.from_batches(batches) if batches else pa.table({name: pa.nulls(0) for name in columns})

    def records(self, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """The places of rows among rows and unread lines, counted together from 0."""
        return rows + np.searchsorted([line.before for line in self.unread], rows, "right")


def named(name: str, columns: list[str]) -> dict[str, Any]:
    """The arguments of a Source that follow from the names of its columns, in their order."""
    places: dict[str, list[int]] = {}
    for place, column in enumerate(columns, 1):
        places.setdefault(column, []).append(place)
    return {
        "name": name,
        "columns": list(places),
        "repeated": {column: found for column, found in places.items() if len(found) > 1},
    }


def named_in_parts(name: str, parts: Iterable[list[str]]) -> dict[str, Any]:
    """The same of a table in parts: each column once, and those that a part has more than once."""
    own = [named(name, columns) for columns in parts]
    return {
        "name": name,
        "columns": [*dict.fromkeys(chain.from_iterable(part["columns"] for part in own))],
        "repeated": {column: places for part in own for column, places in part["repeated"].items()},
    }


def open_source(data: Any, name: str) -> Source:
    """Open a table for reading.

    Parameters
    ----------
    data : DataFrame, path, pyarrow Table, an object with the Arrow PyCapsule interface, or a Source, which it stays
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
    if isinstance(data, Source):
        return data
    if isinstance(data, pd.DataFrame):
        return _from_pandas(data, name)
    if isinstance(data, (str, os.PathLike)):
        return _from_files(os.fspath(data), name)
    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    if hasattr(data, "__arrow_c_stream__") and not isinstance(data, pd.Series):
        return _from_arrow(data, name)
    message = f"cannot be read from a {type(data).__name__}; give a pandas, polars or Arrow table, or a path"
    raise ContractError("tables", [Problem(name, message)])


def _from_arrow(data: Any, name: str) -> Source:
    try:
        table = data if isinstance(data, pa.Table) else pa.table(data)
    except (pa.ArrowException, TypeError) as error:
        raise ContractError("tables", [Problem(name, f"is not a table: {first_line(error)}")]) from None

    def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
        chosen = [_without_views(table[table.column_names.index(column)]) for column in columns]
        for batch in pa.Table.from_arrays(chosen, names=columns).to_batches(max_chunksize=BATCH_ROWS):
            yield valid(batch, name)

    return Source(**named(name, table.column_names), batches=batches, metadata=dict(table.schema.metadata or {}))


def _without_views(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as polars hands it over (string views) as plain large text: Arrow cannot take rows of a view."""
    kind = column.type
    if pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    if pa.types.is_dictionary(kind) and pa.types.is_string_view(kind.value_type):
        return column.cast(pa.dictionary(kind.index_type, pa.large_string()))
    return column


def _from_pandas(frame: pd.DataFrame, name: str) -> Source:
    if frame.index.name is not None and frame.index.name not in frame.columns:
        frame = frame.reset_index()
    columns = [str(column) for column in frame.columns]

    def batches(wanted: list[str]) -> Iterator[pa.RecordBatch]:
        problems, arrays = [], []
        for column in wanted:
            series = frame.iloc[:, columns.index(column)]
            if _mixes_zones(series):
                message = "times with a zone and times without one in one column"
                problems.append(Problem(f"{name}.{column}", message))
                continue
            if isinstance(series.dtype, pd.SparseDtype):
                series = pd.Series(np.asarray(series))
            if isinstance(series.dtype, pd.DatetimeTZDtype) and isinstance(series.dtype.tz, dt.timezone):
                series = series.dt.tz_convert("UTC")  # Arrow has no name for an offset with seconds
            try:
                arrays.append(pa.array(series, from_pandas=True))
            except (pa.ArrowException, OverflowError, TypeError, UnicodeError):
                kinds = ", ".join(sorted({type(value).__name__ for value in series.dropna().head(100_000)}))
                message = f"values that do not fit one type of column: {kinds}"
                problems.append(Problem(f"{name}.{column}", message))
        if problems:
            raise ContractError("tables", problems)
        table = pa.Table.from_arrays(arrays, names=wanted)
        yield from table.to_batches(max_chunksize=BATCH_ROWS)

    return Source(**named(name, columns), batches=batches)


def _mixes_zones(series: pd.Series[Any]) -> bool:
    """Whether a column of Python times has both kinds; Arrow would give all of them the zone of the first."""
    if series.dtype != object:
        return False
    zones = {value.tzinfo is None for value in series.dropna() if isinstance(value, dt.datetime)}
    return len(zones) > 1


def _from_files(path: str, name: str) -> Source:
    paths = paths_of(path, name)
    if not paths:
        raise ContractError("tables", [Problem(name, f"no file at {path!r}")])
    endings = {Path(one.lower().removesuffix(".gz")).suffix + ".gz" * one.lower().endswith(".gz") for one in paths}
    if endings <= _PARQUET:
        return _from_parquet(paths, path, name)
    if endings <= _CSV:
        return _from_csv(paths, name)
    shown = ", ".join(sorted(ending or "extensionless" for ending in endings))
    message = f"{path!r} holds {shown} files; .csv and .parquet are read, of one kind at a time"
    raise ContractError("tables", [Problem(name, message)])


def paths_of(path: str, name: str) -> list[str]:
    """The files of a path: one, those of a glob, or those of a folder and the folders in it."""
    if Path(path).is_dir():
        found = [one for one in Path(path).rglob("*") if not one.is_dir()]
        # What Jupyter and Spark leave behind is hidden by a dot or an underscore, the file or its folder.
        paths = [
            str(one) for one in found if not any(part.startswith((".", "_")) for part in one.relative_to(path).parts)
        ]
    else:
        paths = [path] if Path(path).exists() else glob.glob(path, recursive=True)  # noqa: PTH207 - takes absolute patterns too
    # A pipe is waited for without end, and cannot be read twice; what is no file at all would be left out unseen.
    odd = [one for one in sorted(paths) if not Path(one).is_file() and not Path(one).is_dir()]
    if odd:
        raise ContractError(
            "tables",
            [Problem(name, f"{one!r} is not a file but {_nature(one)}; write the table to a file") for one in odd],
        )
    # Arrow opens files by names of text.
    if odd := [one for one in paths if not one.isascii() and one.encode(errors="replace").decode() != one]:
        raise ContractError("tables", [Problem(name, f"the name {odd[0]!r} is not UTF-8 text; rename it")])
    # A glob with ** twice finds files twice.
    return sorted({one for one in paths if Path(one).is_file()})


def _nature(path: str) -> str:
    if not Path(path).exists():
        return "a link to nothing"
    return "a pipe" if Path(path).is_fifo() else "a device or socket"


def _from_parts(
    name: str, parts: dict[str, list[str]], batches: Callable[[list[str]], Iterator[pa.RecordBatch]], **more: Any
) -> Source:
    """A table of files, with the columns of each: one that a file lacks or repeats matters only where it is wanted."""

    def checked(columns: list[str]) -> Iterator[pa.RecordBatch]:
        problems = [
            Problem(f"{name}.{column}", f"{path} has no such column")
            for path, names in parts.items()
            for column in columns
            if column not in names
        ]
        if problems:
            raise ContractError("tables", problems)
        return batches(columns)

    return Source(**named_in_parts(name, parts.values()), batches=checked, **more)


def _from_parquet(paths: list[str], path: str, name: str) -> Source:
    parts = [ParquetPart(one, name, path if Path(path).is_dir() else None) for one in paths]
    said = [
        {key: text for key, text in (part.schema.metadata or {}).items() if key.startswith(_OURS)} for part in parts
    ]
    if odd := next((part.path for part, own in zip(parts, said, strict=True) if own != said[0]), None):
        message = f"{odd} was made for another rulebook, version or time zone than {parts[0].path}"
        raise ContractError("tables", [Problem(name, message)])
    source = parquet_source(parts)
    return _from_parts(name, {part.path: part.names for part in parts}, source.batches, metadata=source.metadata)


def parquet_source(parts: list[ParquetPart]) -> Source:
    """Parquet files as one table, each column of one type throughout."""
    return Source(
        **named_in_parts(parts[0].table, [part.names for part in parts]),
        batches=lambda columns: together(parts, columns, BATCH_ROWS),
        metadata=dict(parts[0].schema.metadata or {}),
    )


def _from_csv(paths: list[str], name: str) -> Source:
    """CSV as text throughout: what a cell means is for the contract to say, not for a guess (code 007, country NA)."""
    files = {path: CsvFile(path, name) for path in paths}
    parts = put_together(name, {path: csv_source(file) for path, file in files.items()})
    source = _from_parts(name, {path: file.names for path, file in files.items()}, parts.batches, places=parts.places)
    source.columns, source.unread = parts.columns, parts.unread
    return source


def csv_source(file: CsvFile) -> Source:
    """One CSV file as a table."""
    unread, doubts = list[Unread](), list[Doubt]()

    def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
        unread.clear()
        doubts.clear()
        for batch in file.batches([file.names.index(column) for column in columns], unread, doubts):
            yield batch.rename_columns(columns)

    def places(records: list[int]) -> dict[int, str]:
        return {record: f"line {line}" for record, line in file.lines(records).items()}

    source = Source(**named(file.table, file.names), batches=batches, places=places, unread=unread, doubts=doubts)
    # Spreadsheets leave columns without a name behind, which nobody can ask for.
    source.columns = [column for column in source.columns if column]
    return source


def put_together(name: str, parts: dict[str, Source]) -> Source:
    """Several tables, one below the other, by what messages call each; a column that one lacks is empty there."""
    if len(parts) == 1:
        return next(iter(parts.values()))
    unread, doubts, starts = list[Unread](), list[Doubt](), list[int]()

    def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
        for held in (unread, doubts, starts):
            held.clear()
        row = 0
        for part in parts.values():
            first = row
            starts.append(first + len(unread))
            seen = len(unread), len(doubts)
            # Without a column nobody could count the rows.
            own = [column for column in columns if column in part.columns] or part.columns[:1]
            for batch in chain(part.batches(own), [None]):
                unread.extend(one._replace(before=one.before + first) for one in part.unread[len(unread) - seen[0] :])
                doubts.extend(one._replace(row=one.row + first) for one in part.doubts[len(doubts) - seen[1] :])
                if batch is not None:
                    yield _widened(batch, columns)
                    row += batch.num_rows

    def places(records: list[int]) -> dict[int, str]:
        found: dict[int, str] = {}
        # As far as parts were read: one may be refused before the next.
        for (label, part), start, end in zip(parts.items(), starts, [*starts[1:], math.inf], strict=False):
            own = part.places([record - start for record in records if start <= record < end])
            found |= {start + record: f"{place} of {label}" for record, place in own.items()}
        return found

    return Source(
        **named_in_parts(name, [part.columns for part in parts.values()])
        | {"repeated": {column: found for part in parts.values() for column, found in part.repeated.items()}},
        batches=batches,
        places=places,
        unread=unread,
        doubts=doubts,
        notes=[note for part in parts.values() for note in part.notes],
        iso_times=any(part.iso_times for part in parts.values()),
    )


def _widened(batch: pa.RecordBatch, columns: list[str]) -> pa.RecordBatch:
    held = batch.schema.names
    empty = pa.nulls(batch.num_rows, pa.large_string())
    return pa.RecordBatch.from_arrays([batch[column] if column in held else empty for column in columns], columns)
