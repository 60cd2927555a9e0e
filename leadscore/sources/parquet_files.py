"""Parquet files: each part of a folder is read by its own schema, and all of them are brought to one meaning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet

from leadscore.base.times import NO_TIME, is_text, one_array, read_times
from leadscore.errors import ContractError, Problem
from leadscore.sources.columns import plain_ids
from leadscore.sources.csv_files import first_line

# What Arrow raises on damaged files: its own errors, those of text that is none, of sizes that no machine has.
_DAMAGED = (pa.ArrowException, OSError, UnicodeError, MemoryError, ValueError, OverflowError)
# Folders' names as columns (Hive): the type, and how they say that there is no value.
_CODED, _NOTHING = pa.dictionary(pa.int32(), pa.string()), "__HIVE_DEFAULT_PARTITION__"
_TEXT, _WHOLE, _NUMBERS, _DAYS = "text", "whole numbers", "numbers", "days"
_NAIVE, _ZONED = "times without a zone", "times with a zone"
# What several kinds of column can be read as together.
_TOGETHER = (
    ({_TEXT}, pa.large_string()),
    ({_WHOLE}, pa.int64()),
    ({_WHOLE, _NUMBERS}, pa.float64()),
    ({_DAYS, _NAIVE}, pa.timestamp("us")),
    ({_ZONED}, pa.timestamp("us", "UTC")),
)


@dataclass
class ParquetPart:
    """One Parquet file of a table.

    Attributes
    ----------
    path : str
    table : str
        The table's name in messages.
    folder : str or None
        Where the folders begin whose names are columns (`country=NO`).
    label : str
        What messages call the file.
    schema : Schema
        The file's own.
    folders : dict of column to text
        What its folders' names say, None where that is nothing; text, as a guess would read a code 007 as 7.
    columns : dict of name to its type
        Of the file, and of its folders where the file has no such column.
    """

    path: str
    table: str
    folder: str | None = None
    label: str = ""
    schema: pa.Schema = field(init=False)
    folders: dict[str, str | None] = field(init=False)
    columns: dict[str, pa.DataType] = field(init=False)

    def __post_init__(self) -> None:
        self.label = self.label or self.path
        try:
            self.schema = pa.parquet.read_schema(self.path)
        except _DAMAGED as error:
            raise self._problem(f"is not a Parquet file: {first_line(error)}") from None
        inner = Path(self.path).relative_to(self.folder).parts[:-1] if self.folder else ()
        named = (name.split("=", 1) for name in inner if "=" in name)
        self.folders = {name: None if text == _NOTHING else unquote(text) for name, text in named}
        own = dict(zip(self.schema.names, self.schema.types, strict=True))
        self.columns = dict.fromkeys(self.folders, _CODED) | own

    @property
    def names(self) -> list[str]:
        """Its columns as they stand, one that is there twice twice; then those of its folders."""
        return [*self.schema.names, *(self.folders.keys() - {*self.schema.names})]

    def _problem(self, message: str) -> ContractError:
        return ContractError("tables", [Problem(self.table, f"{self.label} {message}")])

    def batches(self, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
        """The rows, in order; text as dictionaries."""
        # Ids hardly repeat within a batch: as dictionaries they take three times as long.
        texts = [one.name for one in self.schema if is_text(one.type) and one.name != "lead_id"]
        try:
            # With a buffer ahead Arrow decodes far ahead of us: 0.3 GiB for nothing.
            with pa.parquet.ParquetFile(
                self.path, read_dictionary=texts, buffer_size=1 << 20, pre_buffer=False, page_checksum_verification=True
            ) as file:
                own = [column for column in columns if column in self.schema.names]
                for batch in file.iter_batches(rows, columns=own):
                    arrays = [batch[name] if name in own else self._said(name, len(batch)) for name in columns]
                    yield valid(pa.RecordBatch.from_arrays(arrays, columns), self.table, f"{self.label}: ")
        except _DAMAGED as error:
            raise self._problem(f"cannot be read: {first_line(error)}") from None

    def _said(self, column: str, rows: int) -> pa.Array:
        if column not in self.folders:
            return pa.nulls(rows)
        text = self.folders[column]
        return pa.nulls(rows, _CODED) if text is None else pa.repeat(text, rows).dictionary_encode()


def valid(batch: pa.RecordBatch, table: str, place: str = "") -> pa.RecordBatch:
    """The batch, if its text is UTF-8 and its codes have a value: a Parquet file may call anything text.

    `place` begins the message.

    Raises
    ------
    ContractError
    """
    for column, array in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_primitive(array.type):
            continue
        try:
            array.validate(full=True)
        except pa.ArrowException as error:
            raise ContractError("tables", [Problem(f"{table}.{column}", f"{place}{first_line(error)}")]) from None
    return batch


def together(parts: list[ParquetPart], columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
    """The rows of all parts, each column with one type throughout.

    Raises
    ------
    ContractError
        If a part has a column with another meaning.
    """
    problems: list[Problem] = []
    kinds = {column: _one_type(parts, column, problems) for column in columns}
    if problems:
        raise ContractError("tables", problems)
    for part in parts:
        for batch in part.batches(columns, rows):
            arrays = [
                array if kinds[column] is None else _as(array, kinds[column], part, column)
                for column, array in zip(columns, batch.columns, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, names=columns)


def _one_type(parts: list[ParquetPart], column: str, problems: list[Problem]) -> pa.DataType | None:
    """The type that a column of several types is read as; None where all parts have it alike."""
    types = {part.columns.get(column, pa.null()): part.label for part in reversed(parts)}
    if len(types) == 1:
        return None
    # A part without a single value, which pandas writes as a column of no type, goes with any other.
    types.pop(pa.null(), None)
    if len(types) == 1 and not is_text(kind := next(iter(types))):
        return kind
    meanings = {_meaning(kind): path for kind, path in types.items()}
    for kinds, kind in _TOGETHER:
        if meanings.keys() <= kinds:
            return pa.int64() if column == "lead_id" and pa.types.is_floating(kind) else kind
    found = "; ".join(f"{meaning} in {path}" for meaning, path in sorted(meanings.items()))
    problems.append(Problem(f"{parts[0].table}.{column}", f"parts that cannot be read as one column: {found}"))
    return None


def _meaning(kind: pa.DataType) -> str:
    if is_text(kind):
        return _TEXT
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_timestamp(kind):
        return _NAIVE if kind.tz is None else _ZONED
    tests = {
        _WHOLE: pa.types.is_integer,
        _DAYS: pa.types.is_date,
        _NUMBERS: lambda one: pa.types.is_floating(one) or pa.types.is_decimal(one),
    }
    return next((meaning for meaning, test in tests.items() if test(kind)), f"{kind} values")


def _as(array: pa.Array, kind: pa.DataType, part: ParquetPart, column: str) -> pa.Array:
    """A part's column in the type of all; what does not fit is refused, not rounded."""
    array = one_array(array)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), kind)
    if pa.types.is_timestamp(kind) and (times := read_times(array)) is not None:
        return pa.array(times.at, kind, mask=times.at == NO_TIME)
    try:
        if column == "lead_id" and not pa.types.is_integer(array.type):
            array = plain_ids(array, part.table)
        # Arrow's own cast of a decimal may be one step off.
        return (array.cast(pa.string()) if pa.types.is_decimal(array.type) else array).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        where = f"{part.table}.{column}"
        message = f"{part.label} has {array.type} values that do not fit those of other parts: {first_line(error)}"
        raise ContractError("tables", [Problem(where, message)]) from None
