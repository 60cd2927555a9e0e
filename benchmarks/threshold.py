"""How long a threshold table takes: 201 thresholds with 200 bootstrap replicates, beside two peers, in CPU seconds.

    python benchmarks/threshold.py [--leads 1000000] [--times 3]

The peers answer the same question: `rows` draws rows and counts them anew, `masks` also compares every lead with every
threshold. Both are slow, so they do a few replicates and are scaled; their least time, the table's median is shown.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from leadscore.threshold.table import threshold_table

REPLICATES = 200


def resample_rows(y: np.ndarray, place: np.ndarray, thresholds: int, replicates: int) -> np.ndarray:
    """(replicates, thresholds) precision, rows drawn with replacement, counted by a histogram."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(replicates):
        rows = rng.integers(0, len(y), len(y))
        cells = np.bincount(place[rows] * 2 + y[rows], minlength=2 * thresholds + 2).reshape(-1, 2)
        above = cells[::-1].cumsum(axis=0)[::-1][1:]
        found.append(above[:, 1] / np.maximum(above.sum(axis=1), 1))
    return np.array(found)


def mask_rows(y: np.ndarray, score: np.ndarray, bars: np.ndarray, replicates: int) -> np.ndarray:
    """(replicates, thresholds) precision, a comparison of every lead with every threshold."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(replicates):
        rows = rng.integers(0, len(y), len(y))
        drawn, won = score[rows], y[rows]
        found.append([won[drawn >= bar].mean() if (drawn >= bar).any() else 0 for bar in bars])
    return np.array(found)


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of the process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Print a table, and how far the intervals of the three lie apart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    rng = np.random.default_rng(1)
    score = rng.uniform(0, 100, asked.leads).round(3)
    y = rng.random(asked.leads) < score / 400
    bars = np.linspace(0, 100, 201)

    threshold_table(y[:1000], score[:1000])  # imports
    taken = [cpu(lambda: threshold_table(y, score, thresholds=bars)) for _ in range(asked.times)]
    defaults = [cpu(lambda: threshold_table(y, score)) for _ in range(asked.times)]
    place = np.searchsorted(bars, score, "right")
    rows = min(cpu(lambda: resample_rows(y, place, len(bars), 5)) for _ in range(asked.times)) * REPLICATES / 5
    masks = cpu(lambda: mask_rows(y, score, bars, 1)) * REPLICATES
    print("| way | CPU s | times ours |")
    print("| --- | --- | --- |")
    median = float(np.median(taken))
    print(f"| threshold_table, 201 thresholds given | {median:.3f} ({min(taken):.3f}-{max(taken):.3f}) | 1 |")
    print(f"| threshold_table, its own thresholds | {np.median(defaults):.3f} | {np.median(defaults) / median:.1f} |")
    print(f"| rows drawn, 5 replicates scaled | {rows:.1f} | {rows / median:.0f} |")
    print(f"| a mask per threshold, 1 replicate scaled | {masks:.0f} | {masks / median:.0f} |")

    ours = threshold_table(y, score, thresholds=bars).histograms.draws.precision[:, 0, :-1].std(axis=0)
    theirs = resample_rows(y, place, len(bars), REPLICATES)[:, :-1].std(axis=0)
    print(f"\nstandard errors of the precision, ours / rows drawn: median {np.median(ours / theirs):.2f}")


if __name__ == "__main__":
    main()
