"""How long ThresholdExplorer takes to answer on 100,000 leads, 2,000,000 events and 60 rules, and whether it is right.

    python benchmarks/explore.py --work DIR [--times 5]

Each question is asked of a scored table, and then of the changed rulebook by scoring anew, which is its peer.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import leadscore as ls

HERE = Path(__file__).parent
QUESTIONS = {
    "another threshold": {"threshold": 80},
    "a behaviour rule's points": {"points": {"Pricing page": 15}},
    "a title rule's points": {"points": {"Data people": 12}},
    "an entry of a table": {"points": {"Seniority": {"VP": 30}}},
}


def main() -> None:
    """Print a row for each question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="as for run.py, which makes the data: the size small")
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    book = ls.Rulebook.read(HERE / "rulebook.yaml")
    folder = given.work / "small"
    tables = ls.load_tables(folder / "leads.parquet", folder / "events.parquet", rulebook=book)
    explorer = ls.ThresholdExplorer(ls.score(tables, book, as_of="2026-06-30"))
    print("| question | seconds | CPU s | scoring anew, CPU s | leads that differ |\n| --- | --- | --- | --- | --- |")
    for name, question in QUESTIONS.items():
        walls, cpus = [], []
        for _ in range(given.times):
            wall, cpu = time.perf_counter(), time.process_time()
            look = explorer.at(**question)
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        changed = explorer.changed(**question)
        cpu = time.process_time()
        anew = ls.score(tables, changed, as_of="2026-06-30").frame["qualified"]
        cpu = time.process_time() - cpu
        before = explorer.scores.frame["qualified"]
        wrong = len(set(look.entered) ^ set(anew.index[anew & ~before])) + len(
            set(look.left) ^ set(anew.index[~anew & before])
        )
        print(f"| {name} | {statistics.median(walls):.3f} | {statistics.median(cpus):.3f} | {cpu:.2f} | {wrong} |")


if __name__ == "__main__":
    main()
