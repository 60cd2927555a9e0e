"""What every peer's script shares: its command line and its own clock.

A script reads Parquet and writes Parquet (`score_files`), or is handed pandas frames and returns one (`score_frames`,
with `--frames`: reading them is not counted). Its last line of output is JSON: CPU seconds and seconds of the work
alone, without the start of Python and the imports.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

ScoreFiles = Callable[[Path, Path, Path], "dict[str, float] | None"]
ScoreFrames = Callable[["pd.DataFrame", "pd.DataFrame"], "pd.DataFrame"]


def cpu_seconds() -> float:
    """User and system time of this process and its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main(score_files: ScoreFiles | None, score_frames: ScoreFrames | None = None) -> None:
    """Run one peer as its command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--leads", type=Path)
    parser.add_argument("--events", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--frames", action="store_true", help="pandas in, pandas out")
    parser.add_argument("--imports-only", action="store_true", help="stop after the imports, to know what they cost")
    given = parser.parse_args()
    if given.imports_only:
        return
    if given.frames:
        if score_frames is None:
            parser.error("this one has no way from frames to a frame")
        print(json.dumps(run_frames(score_frames, given)))
        return
    if score_files is None:
        parser.error("this one has no way from files to a file")
    cpu, wall = cpu_seconds(), time.perf_counter()
    extra = score_files(given.leads, given.events, given.out)
    print(json.dumps({"cpu": cpu_seconds() - cpu, "wall": time.perf_counter() - wall, **(extra or {})}))


def run_frames(score_frames: ScoreFrames, given: argparse.Namespace) -> dict[str, float]:
    """Read the frames, score them by the clock, write the answer for the comparison."""
    import pandas as pd  # noqa: PLC0415  only this mode needs pandas in every peer

    leads, events = pd.read_parquet(given.leads), pd.read_parquet(given.events)
    cpu, wall = cpu_seconds(), time.perf_counter()
    scores = score_frames(leads, events)
    used = {"cpu": cpu_seconds() - cpu, "wall": time.perf_counter() - wall}
    scores.to_parquet(given.out, index=False)
    return used
