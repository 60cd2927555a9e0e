"""What counting a week costs `BalanceMonitor`: made-up scores with 60 rules and 2 columns of segments.

python benchmarks/drift_cost.py [--leads 9616] [--weeks 104] [--times 3]
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

import leadscore as ls

FIT = {f"Fit {number}": 10 for number in range(10)}
BEHAVIOUR = {f"Rule {number}": 5 for number in range(50)}


def book() -> ls.Rulebook:
    """The rulebook."""
    fit = [f"{{name: {name}, when: {{{name.replace(' ', '_')}: yes}}, points: 10}}" for name in FIT]
    behaviour = [f"{{name: {name}, event: {name.replace(' ', '_')}, points: 5}}" for name in BEHAVIOUR]
    lists = f"fit: [{', '.join(fit)}]\nbehaviour: [{', '.join(behaviour)}]"
    return ls.Rulebook.from_yaml(f"leadscore: 1\nname: cost\n{lists}\nqualify: {{threshold: 110}}\n")


def week_of(number: int, leads: int) -> pd.DataFrame:
    """Scores of one week."""
    rng = np.random.default_rng(number)
    fit = {name: points * rng.integers(0, 2, leads).astype(float) for name, points in FIT.items()}
    behaviour = {name: points * rng.poisson(0.2, leads).astype(float) for name, points in BEHAVIOUR.items()}
    sums = {"fit": sum(fit.values()), "behaviour": sum(behaviour.values())}
    frame = pd.DataFrame(sums | fit | behaviour, index=[f"lead {number}-{row}" for row in range(leads)])
    frame["qualified"] = frame["fit"] + frame["behaviour"] >= 110
    return frame.assign(source=rng.choice(list("abcdef"), leads), country=rng.choice(list("abcdefghijkl"), leads))


def main() -> None:
    """Print CPU seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leads", type=int, default=9616, help="a week")
    parser.add_argument("--weeks", type=int, default=104)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    for _ in range(given.times):
        monitor, spent = ls.BalanceMonitor(book(), by=["source", "country"]), []
        for number in range(given.weeks):
            scores = week_of(number, given.leads)
            start = time.process_time()
            monitor.update(dt.date(2024, 1, 1) + dt.timedelta(7 * number), scores)
            spent.append(time.process_time() - start)
        median, most = 1000 * statistics.median(spent), 1000 * max(spent)
        print(f"an update: {median:.0f} ms CPU in the median, {most:.0f} at most; {given.weeks}: {sum(spent):.1f} s")


if __name__ == "__main__":
    main()
