"""What the review page costs, beside merely reading the tables, and whether it is the same page each time.

    python benchmarks/review.py --work DIR                     # 20,000 leads, about 460 MQLs in four weeks
    python benchmarks/review.py --work DIR --leads 200000      # 4,000,000 events, about 4,600 MQLs

A made-up company of 208 days, written to Parquet on first use. Every run is a process of its own, in turn; CPU seconds
and peak memory are those the kernel counted for it. No other package makes such a page, so there is no peer.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

TABLES = ("leads", "events", "outcomes", "touches", "costs")
PERIOD = {"start": "2026-03-02", "end": "2026-03-29"}


def make(work: Path, n: int) -> None:
    """Write the tables and the rulebook, seeded."""
    from leadscore.datasets import make_company  # noqa: PLC0415 - what is measured does not make the data

    made = make_company(n, random_state=20261129, days=208, planted=["good scores", "behaviour outweighs fit"])
    for name in TABLES:
        getattr(made, name).to_parquet(work / f"{name}.parquet", index=False)
    made.rulebook.write(work / "rulebook.yaml")


def run(work: Path, what: str) -> None:
    """One process: read the tables, and with "review" make the page; print what it cost and what came of it."""
    import leadscore as ls  # noqa: PLC0415 - a part of what is measured

    began = time.perf_counter()
    book = ls.Rulebook.read(work / "rulebook.yaml")
    files = {name: str(work / f"{name}.parquet") for name in TABLES}
    tables = ls.load_tables(
        *(files[name] for name in TABLES[:3]),
        touches=files["touches"], costs=files["costs"], rulebook=book, columns=None,
    )  # fmt: skip
    found: dict[str, object] = {"leads": len(tables.ids), "events": len(tables.events)}
    if what == "review":
        page = ls.review(tables, book, **PERIOD)
        text = page.to_html()
        found |= {"bytes": len(text.encode()), "sha256": hashlib.sha256(text.encode()).hexdigest()[:12]}
        found["sections"] = len(page.page.sections)
    used = resource.getrusage(resource.RUSAGE_SELF)
    found |= {
        "cpu": used.ru_utime + used.ru_stime,
        "wall": time.perf_counter() - began,
        "gib": used.ru_maxrss / 2**20,
    }
    print(json.dumps(found))


def main() -> None:
    """Run both in turn and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--run", choices=["load", "review"])
    given = parser.parse_args()
    work = given.work / f"company-{given.leads}"
    if given.run:
        run(work, given.run)
        return
    if not (work / "rulebook.yaml").exists():
        work.mkdir(parents=True, exist_ok=True)
        make(work, given.leads)
    found: dict[str, list[dict[str, float]]] = {"load": [], "review": []}
    for _ in range(given.times):
        for what, runs in found.items():
            command = [sys.executable, __file__, "--work", str(given.work), "--leads", str(given.leads), "--run", what]
            environment = os.environ | {"OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
            runs.append(json.loads(done.stdout))
    print(f"{found['load'][0]['leads']:,} leads, {found['load'][0]['events']:,} events")
    for what, runs in found.items():
        middle = {name: statistics.median(one[name] for one in runs) for name in ("cpu", "wall", "gib")}
        print(f"{what:8} {middle['cpu']:6.2f} CPU s  {middle['wall']:6.2f} s  {middle['gib']:5.2f} GiB")
    pages = {(one["bytes"], one["sha256"], one["sections"]) for one in found["review"]}
    assert len(pages) == 1, f"not the same page each time: {pages}"
    print("the page: {:,.0f} bytes, {}, {} sections, the same each time".format(*pages.pop()))


if __name__ == "__main__":
    main()
