"""How often the trend of balance today alarms falsely, and how often it sees a rise, on made-up weeks.

python benchmarks/balance.py --replicates 1000 --seed 20261129
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator

import numpy as np

from leadscore.drift.balance.power import VOLUMES, WEEKS
from leadscore.stats.intervals import Floats
from leadscore.stats.trends import trend

SHARE, LEVEL = 0.5, 0.05
# What happens: by how much the share rises over the weeks, how much weeks vary beside chance (a standard deviation on
# the logit), and how much each is like the one before.
CELLS = {
    "no change": (0.0, 0.0, 0.0),
    "no change, weeks wander (lag .3)": (0.0, 0.2, 0.3),
    "no change, weeks wander (lag .6)": (0.0, 0.2, 0.6),
    "rise of 10 points": (0.1, 0.1, 0.0),
    "rise of 20 points": (0.2, 0.1, 0.0),
}


def alarms(rng: np.random.Generator, cell: str, weeks: int, volume: int, replicates: int) -> float:
    """The share of runs in which the trend's p is at most 5 %."""
    rise, sd, lag = CELLS[cell]
    found = 0
    for _ in range(replicates):
        n = np.maximum(rng.poisson(volume, weeks), 1)
        found += trend(rng.binomial(n, _shares(rng, rise, sd, lag, weeks)), n).p <= LEVEL
    return found / replicates


def _shares(rng: np.random.Generator, rise: float, sd: float, lag: float, weeks: int) -> Floats:
    """The true share of each week: half of it before and half of the rise after the middle."""
    wander = np.empty(weeks)
    for week, drawn in enumerate(rng.normal(0, 1, weeks)):
        wander[week] = drawn if not week else lag * wander[week - 1] + math.sqrt(1 - lag**2) * drawn
    share = SHARE + rise * np.linspace(-0.5, 0.5, weeks)
    return 1 / (1 + np.exp(-np.log(share / (1 - share)) - sd * wander))


def rows(
    replicates: int, seed: int, weeks: tuple[int, ...], volumes: tuple[int, ...]
) -> Iterator[tuple[int, str, list[float]]]:
    """For each number of weeks and each cell, the share of runs that alarm, by volume."""
    for length in weeks:
        for number, cell in enumerate(CELLS):
            yield (
                length,
                cell,
                [
                    alarms(np.random.default_rng([seed, length, number, one]), cell, length, one, replicates)
                    for one in volumes
                ],
            )


def main() -> None:
    """Print the table of benchmarks/README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20261129)
    given = parser.parse_args()
    print(f"| weeks | what happens | {' | '.join(f'{volume:,} a week' for volume in VOLUMES)} |")
    print(f"|---|---|{'---|' * len(VOLUMES)}")
    for length, cell, shares in rows(given.replicates, given.seed, WEEKS, VOLUMES):
        print(f"| {length} | {cell} | {' | '.join(f'{share:.3f}' for share in shares)} |", flush=True)


if __name__ == "__main__":
    main()
