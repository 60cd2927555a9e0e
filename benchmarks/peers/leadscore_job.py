"""Ours: the command line for files, the Python calls for frames."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import book
import job

if TYPE_CHECKING:
    import pandas as pd

RULEBOOK = Path(__file__).parents[1] / "rulebook.yaml"

if "--frames" in sys.argv or "--imports-only" in sys.argv:  # the command line below imports it in its own process
    sys.path.insert(0, str(Path(__file__).parents[2]))
    import leadscore as ls

    ls.Rulebook, ls.load_tables, ls.score  # noqa: B018 - a name's module is imported at its first use


def run_command(*words: str) -> None:
    """A command of ours, in a process of its own that the harness counts as ours."""
    root = Path(__file__).parents[2]
    paths = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))
    command = [sys.executable, "-m", "leadscore", *words]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.DEVNULL)


def score_by(rulebook: Path, leads: Path, events: Path, out: Path, *more: str) -> None:
    """As a nightly job would call it."""
    files = ["--leads", str(leads), "--events", str(events), "--out", str(out), *more]
    run_command("score", str(rulebook), *files, "--as-of", book.AS_OF.isoformat())


def score_files(leads: Path, events: Path, out: Path) -> None:
    """Parquet to Parquet."""
    score_by(RULEBOOK, leads, events, out)


def score_frames(leads: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Pandas to pandas."""
    rulebook = ls.Rulebook.read(RULEBOOK)
    tables = ls.load_tables(leads, events, rulebook=rulebook)
    scores = ls.score(tables, rulebook, as_of=book.AS_OF)
    return scores.frame.join(scores.reasons(3)).reset_index()


if __name__ == "__main__":
    job.main(score_files, score_frames)
