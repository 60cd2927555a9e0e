"""Ours by ../rulebook2_core.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING

import job
from leadscore_job import RULEBOOK, score_by

if TYPE_CHECKING:
    from pathlib import Path


def score_files(leads: Path, events: Path, out: Path) -> None:
    """As a nightly job would call it; the outcomes lie beside the leads."""
    score_by(
        RULEBOOK.with_name("rulebook2_core.yaml"),
        leads,
        events,
        out,
        "--outcomes",
        str(leads.with_name("outcomes.parquet")),
    )


if __name__ == "__main__":
    job.main(score_files)
