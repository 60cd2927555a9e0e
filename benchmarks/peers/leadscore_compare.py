"""Ours: two rulebooks compared over a quarter, the call alone; the tables are read before."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

import book
import job

sys.path.insert(0, str(Path(__file__).parents[2]))
import leadscore as ls

RULEBOOK = Path(__file__).parents[1] / "rulebook.yaml"
DAYS = 91
# A lower bar, and a rule of either kind that pays otherwise: leads come, go and qualify on other days.
EDITS = {"qualify.threshold": 70, "fit.Consent.missing": -3, "behaviour.Pricing page.points": 8}


def main() -> None:
    """Compare, look at every lead that differs, write them down."""
    given = job.command_line().parse_args()
    old = ls.Rulebook.read(RULEBOOK)
    new = old.edited(EDITS)
    tables = ls.load_tables(given.leads, given.events, rulebook=[old, new])
    start = book.AS_OF - timedelta(days=DAYS - 1)
    frame, used = job.timed(lambda: ls.compare(tables, old, new, start=start, end=book.AS_OF).frame)
    frame.reset_index().to_parquet(given.out, index=False)
    print(json.dumps({**used, "leads": len(frame)}))


if __name__ == "__main__":
    main()
