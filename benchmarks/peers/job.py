"""What every peer's script shares: its command line and its own clock.

A script reads Parquet and writes Parquet (`score_files`), or is handed pandas frames and returns one (`score_frames`,
with `--frames`: reading them is not counted), or finds the day in a period on which each lead first qualified
(`main_replay`). Its last line of output is JSON: CPU seconds and seconds of the work alone, without the start of Python
and the imports.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import book

if TYPE_CHECKING:
    import pandas as pd

Result = TypeVar("Result")
ScoreFiles = Callable[[Path, Path, Path], "dict[str, float] | None"]
ScoreFrames = Callable[["pd.DataFrame", "pd.DataFrame"], "pd.DataFrame"]
ReplayFiles = Callable[[Path, Path, Path, date, date], None]


def cpu_seconds() -> float:
    """User and system time of this process and its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def timed(work: Callable[[], Result]) -> tuple[Result, dict[str, float]]:
    """What the work returns, and what it used."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    result = work()
    return result, {"cpu": cpu_seconds() - cpu, "wall": time.perf_counter() - wall}


def command_line() -> argparse.ArgumentParser:
    """The options that every script has."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--leads", type=Path)
    parser.add_argument("--events", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--imports-only", action="store_true", help="stop after the imports, to know what they cost")
    return parser


def main(score_files: ScoreFiles | None, score_frames: ScoreFrames | None = None) -> None:
    """Run one peer as its command line says."""
    parser = command_line()
    parser.add_argument("--frames", action="store_true", help="pandas in, pandas out")
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
    extra, used = timed(lambda: score_files(given.leads, given.events, given.out))
    print(json.dumps({**used, **(extra or {})}))


def main_replay(replay_files: ReplayFiles) -> None:
    """Run one peer over a period, as its command line says."""
    parser = command_line()
    parser.add_argument("--start", type=date.fromisoformat, default=book.START, help="default %(default)s")
    parser.add_argument("--end", type=date.fromisoformat, default=book.AS_OF, help="default %(default)s")
    given = parser.parse_args()
    if given.imports_only:
        return
    if not book.START <= given.start <= given.end <= book.AS_OF:
        parser.error(f"the period must lie in {book.START} to {book.AS_OF}; got {given.start} to {given.end}")
    _, used = timed(lambda: replay_files(given.leads, given.events, given.out, given.start, given.end))
    print(json.dumps(used))


def run_frames(score_frames: ScoreFrames, given: argparse.Namespace) -> dict[str, float]:
    """Read the frames, score them by the clock, write the answer for the comparison."""
    import pandas as pd  # noqa: PLC0415  only this mode needs pandas in every peer

    leads = pd.read_parquet(given.leads, columns=book.LEAD_COLUMNS)
    events = pd.read_parquet(given.events, columns=book.EVENT_COLUMNS)
    scores, used = timed(lambda: score_frames(leads, events))
    scores.to_parquet(given.out, index=False)
    return used
