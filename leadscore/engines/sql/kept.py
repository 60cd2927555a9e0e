"""Look-up tables as they are made, a part at a time: in memory while there is one, then in temporary files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pyarrow as pa


def kept(parts: Iterator[pa.Table]) -> pa.Table:
    """All rows of some tables, of which there is at least one; memory holds one at a time.

    The files have no name any more when this returns, and go with the table. They stand where the system keeps
    temporary files, which `TMPDIR` says.
    """
    first = next(parts)
    second = next(parts, None)
    if second is None:
        return first
    with tempfile.TemporaryDirectory(prefix="leadscore-", ignore_cleanup_errors=True) as folder:
        held = [_mapped(table, Path(folder, str(place))) for place, table in enumerate(chain((first, second), parts))]
    # Decimals are as wide as they are in each part.
    return pa.concat_tables(held, promote_options="permissive")


def _mapped(table: pa.Table, path: Path) -> pa.Table:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as written:
        written.write_table(table)
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all()
