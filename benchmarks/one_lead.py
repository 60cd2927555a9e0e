"""How long one lead takes with `score_one`, in microseconds of CPU, and whether the answers are those of `score`.

    python benchmarks/one_lead.py --work DIR               # DIR/small as made by run.py
    python benchmarks/one_lead.py --work DIR --json        # the figures for programs, in one line

`first` scores each lead once, its job title and mail address never seen before; `again` scores it a second time.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import leadscore as ls  # noqa: E402 - from this checkout

AS_OF = "2026-06-30"
LEADS = 2_000
TURNS = ("first", "again")


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as a web form or a CRM hook has them."""
    plain = frame.astype(object)
    rows = plain.where(plain.notna(), None).to_dict("records")
    return [
        {str(key): value.to_pydatetime() if isinstance(value, pd.Timestamp) else value for key, value in row.items()}
        for row in rows
    ]


def time_score_one(
    leads: list[dict[str, Any]], events: dict[Any, list[dict[str, Any]]], rulebook: ls.Rulebook
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Microseconds for each lead, and the answers."""
    taken, answers = [], []
    for lead in leads:
        own = events.get(lead["lead_id"], [])
        start = time.thread_time()
        answers.append(ls.score_one(lead, own, rulebook, as_of=AS_OF))
        taken.append(time.thread_time() - start)
    return np.array(taken) * 1e6, answers


def figures(folder: Path) -> dict[str, float]:
    """Microseconds of either turn: median, 99 %, median with 1 to 10 events; and how many answers differ."""
    rulebook = ls.Rulebook.read(ROOT / "benchmarks" / "rulebook.yaml")
    leads = pd.read_parquet(folder / "leads.parquet").head(2 * LEADS)
    leads = leads[leads["created_at"] <= pd.Timestamp(AS_OF, tz="UTC")].head(LEADS)
    log = pd.read_parquet(folder / "events.parquet", filters=[("lead_id", "in", set(leads["lead_id"]))])
    events = {lead: records(own.drop(columns="lead_id")) for lead, own in log.groupby("lead_id")}
    plain = records(leads)
    ls.score_one(plain[0], [], rulebook, as_of=AS_OF)  # compiles the rulebook

    handful = np.array([1 <= len(events.get(lead["lead_id"], [])) <= 10 for lead in plain])
    found: dict[str, float] = {"leads": len(plain), "events": len(log)}
    for turn in TURNS:
        taken, answers = time_score_one(plain, events, rulebook)
        found[f"{turn} median"] = float(np.median(taken))
        found[f"{turn} 99 %"] = float(np.percentile(taken, 99))
        found[f"{turn} few"] = float(np.median(taken[handful]))
    frame = ls.score(ls.load_tables(leads, log, rulebook=rulebook), rulebook, as_of=AS_OF).frame.astype(object)
    batch = frame.where(frame.notna(), None).to_dict("records")
    found["differ"] = sum(one != many for one, many in zip(answers, batch, strict=True))
    return found


def table(found: dict[str, float]) -> str:
    """The figures as Markdown."""
    lines = ["| microseconds | median | 99 % | median with 1 to 10 events |", "| --- | --- | --- | --- |"]
    for turn in TURNS:
        median, most, few = (found[f"{turn} {of}"] for of in ("median", "99 %", "few"))
        lines += [f"| {turn} | {median:.0f} | {most:.0f} | {few:.0f} |"]
    compared = f"{found['leads']:,} leads, {found['events']:,} events; {found['differ']} differ from score()"
    return "\n".join([*lines, "", compared])


def main() -> None:
    """Print a table, or the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--size", default="small", help="folder in it; default %(default)s")
    parser.add_argument("--json", action="store_true", help="figures in one line, for programs")
    given = parser.parse_args()
    found = figures(given.work / given.size)
    print(json.dumps(found) if given.json else table(found))


if __name__ == "__main__":
    main()
