"""Results as files: Parquet for machines, CSV that is safe to open in a spreadsheet, pages; never half a file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from leadscore.base.files import replacing
from leadscore.base.times import is_text
from leadscore.engines.rows import as_rows, history_rows, score_rows

if TYPE_CHECKING:
    from leadscore.present.page import Page
    from leadscore.rulebook import Rulebook
    from leadscore.scoring.compare import Comparison
    from leadscore.scoring.replay import History
    from leadscore.scoring.scores import Scores

# What makes a spreadsheet run a cell instead of showing it; the last four are = + - @ in full width.
_FORMULA = "\\A([=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])"
_DEFUSED = r"'\1"


def write_scores(scored: Sequence[Scores], path: str | os.PathLike[str]) -> None:
    """Write one row per lead: id, points, verdict, and the three rules that moved it most; see `write_rows`.

    Of several rulebooks each has these columns, with its name and a point in front.
    """
    said = {"as_of": scored[0].as_of.isoformat()}
    if len(scored) > 1:
        said["rulebooks"] = ", ".join(scores.rulebook.name for scores in scored)
    write_rows(score_rows(scored), path, scored[0].rulebook, said)


def write_history(history: History, path: str | os.PathLike[str]) -> None:
    """Write one row per lead that qualified in the period, as `History.frame` has it; see `write_rows`."""
    period = {"start": history.start.isoformat(), "end": history.end.isoformat()}
    write_rows(history_rows(history), path, history.rulebook, period)


def write_comparison(comparison: Comparison, path: str | os.PathLike[str]) -> None:
    """Write one row per lead on which two rulebooks differ, as `Comparison.frame` has it; see `write_rows`."""
    old, new = comparison.old, comparison.new
    said = {"start": old.start.isoformat(), "end": old.end.isoformat(), "compared_with": old.rulebook.name}
    write_rows(as_rows(comparison.frame, old.tables.ids), path, new.rulebook, said)


def write_page(page: Page, path: str | os.PathLike[str]) -> None:
    """Write a page as its ending says: .html, .md or .json.

    Raises
    ------
    OSError
        If the file cannot be written; the one that was there is as it was.
    """
    written = {".html": page.to_html, ".md": page.to_markdown, ".json": page.to_json}
    text = written[Path(path).suffix.lower()]()
    with replacing(path) as file:
        file.write(text.encode())


def write_rows(table: pa.Table, path: str | os.PathLike[str], rulebook: Rulebook, said: Mapping[str, str]) -> None:
    """Write rows whose first column is an id, one per lead or account.

    Parameters
    ----------
    table : Table
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
    ours = {f"leadscore.{key}": value for key, value in said.items()}
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **ours})
    with replacing(path) as file:
        if Path(path).suffix.lower() == ".parquet":
            # Ids are unique: a dictionary of them would only cost time.
            repeats = [name for name in table.column_names if name != "lead_id"]
            pyarrow.parquet.write_table(table, file, compression="zstd", use_dictionary=repeats)
        else:
            pyarrow.csv.write_csv(_harmless(table), file)


def _harmless(table: pa.Table) -> pa.Table:
    """The same table, but no text, header or id that a spreadsheet would run; numbers stay numbers."""
    columns = [_defused(column) if is_text(column.type) else column for column in table.columns]
    return pa.table(columns, names=[re.sub(_FORMULA, _DEFUSED, name) for name in table.column_names])


def _defused(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return pc.replace_substring_regex(column, _FORMULA, _DEFUSED)
