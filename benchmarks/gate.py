"""How often `gate` lets a candidate pass, where the truth is known: useless ones, and better ones by how much.

    python benchmarks/gate.py [--runs 1000]

A useless candidate is no better than the best of what it is compared with; most here are exactly as good, which is the
hardest case. A rate is of so many runs, each with new leads, with its 95 % interval (Wilson).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from leadscore.learn.publish.gate import gate
from leadscore.stats.intervals import wilson
from tests.support.gate_world import BOOK, World, world


def as_good(made: World) -> np.ndarray:
    """What the rulebook does not see, of the same worth."""
    return made.unseen


def noisy(made: World) -> np.ndarray:
    """The rulebook's total, blurred."""
    return made.total + np.random.default_rng(int(made.total.sum())).normal(0, 5, len(made.total))


def truth(made: World) -> np.ndarray:
    """The true chance."""
    return made.chance


USELESS = {
    "nothing tells": (as_good, {"per_point": 0}),
    "as good as current": (as_good, {}),
    "as good as current, 2 % reach the stage": (as_good, {"level": -4.6}),
    "as good as current, 50 %": (as_good, {"level": 0}),
    "as good as fit only": (as_good, {"visits": 0}),
    "current, blurred": (noisy, {}),
    "as good as current, leads in 3 weeks each": (as_good, {"times": 3}),
    "as good as current, better in some weeks, worse in others": (as_good, {"turns": 0.7}),
}
BETTER = {"true chance, all of it": 1.0, "half as much": 0.5, "a quarter": 0.25}


def passes(pick: Callable[[World], np.ndarray], n: int, runs: int, **worlds) -> tuple[list[bool], list[bool], str]:
    """Which runs passed, which would with a margin of a tenth; and outcomes a run, reached beside the current's."""
    strict, loose, events, got = [], [], [], []
    for run in range(runs):
        made = world(n, run, **worlds)
        found = gate(pick(made), BOOK, made.snapshots, capacity_per_week=max(1, n // 100))
        others, row = found.frame["passed"].drop("current").all(), found.frame.loc["current"]
        strict.append(found.passed)
        loose.append(others and row["low"] > -0.1 * row["other"])
        events.append(found.reached)
        got.append((row["candidate"], row["other"]))
    mine, theirs = np.sum(got, axis=0)
    return strict, loose, f"{n:,} | {np.mean(events):,.0f} | {mine / theirs:.2f}"


def rate(passed: list[bool]) -> str:
    """A share and its interval."""
    low, high = wilson(sum(passed), len(passed))
    return f"{np.mean(passed):.1%} ({low:.1%} to {high:.1%})"


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 2000, 10_000])
    asked = parser.parse_args()
    print(f"A fifth of the leads of 20 weeks can be worked; {asked.runs:,} runs each.\n")
    print("| useless candidate | rows | outcomes | reached / current's | passes |\n|" + " --- |" * 5)
    for name, (pick, worlds) in USELESS.items():
        for n in asked.sizes[:2]:
            passed, _, figures = passes(pick, n, asked.runs, **worlds)
            print(f"| {name} | {figures} | {rate(passed)} |", flush=True)
    better(asked.sizes, max(asked.runs // 5, 1))


def better(sizes: list[int], runs: int) -> None:
    """Print how often better candidates pass."""
    print(f"\n{runs:,} runs each.\n")
    print("| candidate | rows | outcomes | reached / current's | passes | with margin=0.1 |\n|" + " --- |" * 6)
    for name, unseen in (BETTER | {"as good as current": None}).items():
        for n in sizes:
            pick, known = (as_good, 1.0) if unseen is None else (truth, unseen)
            strict, loose, figures = passes(pick, n, runs, unseen=known)
            print(f"| {name} | {figures} | {rate(strict)} | {rate(loose)} |", flush=True)


if __name__ == "__main__":
    main()
