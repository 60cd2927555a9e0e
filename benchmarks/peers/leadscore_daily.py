"""The day each lead first qualified, by scoring every lead on every day with ours: what `replay` must equal."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import job
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))
import leadscore as ls

if TYPE_CHECKING:
    from datetime import date

RULEBOOK = Path(__file__).parents[1] / "rulebook.yaml"
ANSWER = ["day", "already", "fit", "behaviour", "total", "segment", "threshold", "via", "grade"]


def replay_files(leads: Path, events: Path, out: Path, start: date, end: date) -> None:
    """Parquet to Parquet."""
    rulebook = ls.Rulebook.read(RULEBOOK)
    tables = ls.load_tables(leads, events, rulebook=rulebook)

    def qualified(day: date) -> pd.DataFrame:
        frame = ls.score(tables, rulebook, as_of=day).frame
        return frame[frame["qualified"]].assign(day=day)

    before = qualified(start - timedelta(days=1)).index
    found = qualified(start)
    for days in range(1, (end - start).days + 1):
        new = qualified(start + timedelta(days=days))
        found = pd.concat([found, new[~new.index.isin(found.index)]])
    found.assign(already=found.index.isin(before))[ANSWER].reset_index().to_parquet(out, index=False)


if __name__ == "__main__":
    job.main_replay(replay_files)
