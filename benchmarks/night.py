"""Events as a nightly job sees them: those before the last day scored, and those that the night brings.

    python benchmarks/night.py DIR        # beside DIR/events.parquet as generate.py made it

makes `DIR/night/` with `before.parquet` (the days before the last) and `day.parquet` (the last day); and, where some
events come late, `punctual.parquet` (as `before`, but one in fifty of its last week is not there yet) and
`week.parquet` (that week in full, and the last day).
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

DAY = datetime(2026, 6, 30, tzinfo=UTC)  # the day that is scored
LOOK_BACK = 7
LATE = 0.02


def parts(events: pa.Table, rng: np.random.Generator) -> dict[str, pa.Table]:
    """What of these events goes into which file."""
    at, weekly = events["at"], DAY - timedelta(days=LOOK_BACK)
    late = pc.and_(pc.greater_equal(at, weekly), pa.array(rng.random(len(events)) < LATE))
    before, ended = pc.less(at, DAY), pc.greater_equal(at, DAY + timedelta(days=1))
    masks = {
        "before": before,
        "day": pc.invert(pc.or_(before, ended)),
        "punctual": pc.and_not(before, late),
        "week": pc.and_not(pc.greater_equal(at, weekly), ended),
    }
    return {name: events.filter(mask) for name, mask in masks.items()}


def main() -> None:
    """Read row group by row group, for memory's sake."""
    folder, rng = Path(sys.argv[1]), np.random.default_rng(20260630)
    made = folder / "night unfinished"  # what a stopped run leaves is not taken for the whole
    made.mkdir(exist_ok=True)
    with ExitStack() as opened:
        file = opened.enter_context(pq.ParquetFile(folder / "events.parquet"))
        writers: dict[str, pq.ParquetWriter] = {}
        for group in range(file.num_row_groups):
            for name, rows in parts(file.read_row_group(group), rng).items():
                if name not in writers:
                    path = made / f"{name}.parquet"
                    writers[name] = opened.enter_context(pq.ParquetWriter(path, file.schema_arrow))
                if len(rows):
                    writers[name].write_table(rows)
    made.rename(folder / "night")


if __name__ == "__main__":
    main()
