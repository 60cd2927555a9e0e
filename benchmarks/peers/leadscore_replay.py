"""Ours: `leadscore replay` on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import job
from leadscore_job import RULEBOOK, run_command

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path


def replay_files(leads: Path, events: Path, out: Path, start: date, end: date) -> None:
    """As a nightly job would call it, in a process of its own that the harness counts as ours."""
    files = ["--leads", str(leads), "--events", str(events), "--out", str(out)]
    run_command("replay", str(RULEBOOK), *files, "--start", start.isoformat(), "--end", end.isoformat())


if __name__ == "__main__":
    job.main_replay(replay_files)
