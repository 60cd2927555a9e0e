"""Rows as a file: Parquet for machines, CSV that is safe to open in a spreadsheet; never half a file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from leadscore.base.files import replacing
from leadscore.base.times import is_text
from leadscore.rulebook import Rulebook

# What makes a spreadsheet run a cell instead of showing it; the last four are = + - @ in full width.
_FORMULA = "\\A([=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])"
_DEFUSED = r"'\1"


def write_rows(
    rows: pa.Table | Iterable[pa.Table], path: str | os.PathLike[str], rulebook: Rulebook, said: Mapping[str, str]
) -> None:
    """Write rows whose first column is an id, one per lead or account.

    Parameters
    ----------
    rows : Table, or several of one schema
        One after the other, so that no more than one is held.
    path : path
        Ending in .parquet it is Parquet, else CSV. Parquet keeps every type, and says in its metadata which rulebook
        and days it is of. In CSV, text that a spreadsheet would run as a formula gets an apostrophe in front, ids too;
        to join on ids, take Parquet.
    rulebook : Rulebook
    said : mapping
        What else to say in the metadata.

    Raises
    ------
    OSError
        If the file cannot be written; then nothing is left of it.
    """
    said = {"rulebook": rulebook.name, "version": rulebook.version, **said}
    ours = {f"leadscore.{key}".encode(): value.encode() for key, value in said.items()}
    parts = iter((rows,) if isinstance(rows, pa.Table) else rows)
    first = next(parts)
    first = first.replace_schema_metadata(_of_frames(first.schema) | ours)
    with replacing(path) as file:
        if Path(path).suffix.lower() == ".parquet":
            # Ids are unique: a dictionary of them would only cost time.
            repeats = [name for name in first.column_names if name != "lead_id"]
            with pa.parquet.ParquetWriter(file, first.schema, compression="zstd", use_dictionary=repeats) as writer:
                for part in chain([first], parts):
                    writer.write_table(part.replace_schema_metadata(first.schema.metadata))
        else:
            plain = _harmless(first)
            with pa.csv.CSVWriter(file, plain.schema) as writer:
                for part in chain([plain], map(_harmless, parts)):
                    writer.write_table(part.cast(plain.schema))


def _of_frames(schema: pa.Schema) -> dict[bytes, bytes]:
    """What the metadata says of the frame that the rows were; of a part there may be more."""
    return {key: text for key, text in (schema.metadata or {}).items() if not key.startswith(b"leadscore.")}


def _harmless(table: pa.Table) -> pa.Table:
    """The same table, but no text, header or id that a spreadsheet would run; numbers stay numbers."""
    columns = [_defused(column) if is_text(column.type) else column for column in table.columns]
    return pa.table(columns, names=[re.sub(_FORMULA, _DEFUSED, name) for name in table.column_names])


def _defused(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return pc.replace_substring_regex(column, _FORMULA, _DEFUSED)
