"""Scores as files: Parquet for machines, CSV that is safe to open in a spreadsheet; never half a file."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from leadscore.columns import is_text
from leadscore.errors import ArgumentError
from leadscore.files import replacing
from leadscore.scoring.scores import Scores

ENDINGS = (".csv", ".parquet")

# What makes a spreadsheet run a cell instead of showing it; the last four are = + - @ in full width.
_FORMULA = "\\A([=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])"
_DEFUSED = r"'\1"


def write_scores(scores: Scores, path: str | os.PathLike[str]) -> None:
    """Write one row per lead: id, points, verdict, and the three rules that moved it most.

    Parameters
    ----------
    scores : Scores
    path : path ending in .parquet or .csv
        Parquet keeps every type, and says which rulebook and day it is of. In CSV, text that a spreadsheet would run as
        a formula gets an apostrophe in front, ids too; to join on ids, take Parquet.

    Raises
    ------
    ArgumentError
        If the path ends otherwise.
    OSError
        If the file cannot be written; then nothing is left of it.
    """
    if Path(path).suffix.lower() not in ENDINGS:
        raise ArgumentError("path", f"must end in {' or '.join(ENDINGS)}; got {os.fspath(path)!r}")
    table = _table(scores)
    with replacing(path) as part:
        if Path(path).suffix.lower() == ".csv":
            pyarrow.csv.write_csv(_harmless(table), part)
        else:
            # Ids are unique: a dictionary of them would only cost time.
            repeats = [name for name in table.column_names if name != "lead_id"]
            pyarrow.parquet.write_table(table, part, compression="zstd", use_dictionary=repeats)


def _table(scores: Scores) -> pa.Table:
    frame = scores.frame.join(scores.reasons(3))
    table = pa.Table.from_pandas(frame.reset_index(), preserve_index=False)
    said = {"rulebook": scores.rulebook.name, "version": scores.rulebook.version, "as_of": scores.as_of.isoformat()}
    ours = {f"leadscore.{key}": value for key, value in said.items()}
    return table.replace_schema_metadata({**(table.schema.metadata or {}), **ours})


def _harmless(table: pa.Table) -> pa.Table:
    """The same table, but no text, header or id that a spreadsheet would run; numbers stay numbers."""
    columns = [_defused(column) if is_text(column.type) else column for column in table.columns]
    return pa.table(columns, names=[re.sub(_FORMULA, _DEFUSED, name) for name in table.column_names])


def _defused(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return pc.replace_substring_regex(column, _FORMULA, _DEFUSED)
