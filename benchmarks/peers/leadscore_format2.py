"""Ours by ../rulebook2.yaml: scores of leads, and of accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import job
from leadscore_job import RULEBOOK, score_by

if TYPE_CHECKING:
    from pathlib import Path


def score_files(leads: Path, events: Path, out: Path) -> None:
    """As a nightly job would call it; the outcomes lie beside the leads."""
    accounts = str(out.with_name("accounts.parquet"))
    outcomes = str(leads.with_name("outcomes.parquet"))
    score_by(
        RULEBOOK.with_name("rulebook2.yaml"), leads, events, out, "--outcomes", outcomes, "--account-scores", accounts
    )


if __name__ == "__main__":
    job.main(score_files)
