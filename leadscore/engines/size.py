"""How large tables are, told without reading them: whether memory holds them, and into how many buckets they go."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet

from leadscore.engines.inputs import files_of

# What one process holds comfortably; and what a bucket has, so that one takes a third of a GiB.
_MOST = {"leads": 5_000_000, "events": 50_000_000, "outcomes": 50_000_000}
_BUCKET = {"leads": 125_000, "events": 2_500_000, "outcomes": 2_500_000}
# Rows of text are counted in the first bytes of a file.
_SAMPLE = 1 << 20
# How much shorter rows of text are when packed.
_PACKED = 5


def fits_memory(tables: Mapping[str, str | os.PathLike[str]]) -> bool:
    """Whether tables are small enough to be read as a whole; each is a path, by its name."""
    return all(n <= _MOST[name] for name, n in _sizes(tables).items())


def buckets_for(tables: Mapping[str, str | os.PathLike[str]]) -> int:
    """Into how many buckets tables are cut."""
    return max(1, *(-(-n // _BUCKET[name]) for name, n in _sizes(tables).items()))


def _sizes(tables: Mapping[str, str | os.PathLike[str]]) -> dict[str, int]:
    """About how many rows the files of each table have; what cannot be read has none."""
    return {name: sum(map(_rows, files)) for name, files in files_of(tables).items() if name in _MOST}


def _rows(path: str) -> int:
    if path.lower().endswith((".parquet", ".pq")):
        try:
            return int(pyarrow.parquet.read_metadata(path).num_rows)
        except (OSError, pyarrow.ArrowException):
            return 0
    size = Path(path).stat().st_size
    if path.lower().endswith((".gz", ".zip", ".xlsx")):
        return size * _PACKED // 60
    with Path(path).open("rb") as file:
        sample = file.read(_SAMPLE)
    return sample.count(b"\n") * size // max(len(sample), 1)
