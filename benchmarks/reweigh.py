"""What shrinking towards hand-set points brings: simulated, with the truth known, beside both extremes.

    python benchmarks/reweigh.py [--runs 100] [--funnels 20]

In the first table each run draws points of 21 entries and leads, learns from n of them and is judged on 10,000 others.
"hand-set" keeps the points and fits a probability to their total, "data alone" has no prior. The last table learns the
points of the made-up funnel, in which sales chose whom to work, from its planted rulebook and from versions of it with
half or all points drawn anew.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import leadscore as ls
from leadscore.datasets.funnel import POINTS_TO_DOUBLE, make_funnel
from leadscore.learn.rows.snapshots import snapshots
from leadscore.learn.rules.activations import POINTED, places, put
from leadscore.learn.rules.reweighing import reweigh
from leadscore.stats.intervals import wilson
from tests.support.reweigh_world import PRIORS, WAYS, run


def share(held: np.ndarray) -> str:
    """A share with its interval; those of one run hang together, so it is a little too short."""
    low, high = wilson(held.sum(), len(held))
    return f"{held.mean():.3f} ({low:.3f}-{high:.3f})"


def extremes(runs: int) -> None:
    """Log loss and ranking of the three ways."""
    print(
        "| hand-set points | n | runs | outcomes | " + " | ".join(f"{way}: log loss / AUC" for way in WAYS), end=" | "
    )
    print("best or within 0.005 of the best | worst loss over the best | coverage |")
    print("| --- " * 10 + "|")
    for prior in PRIORS:
        for n in (100, 300, 1000, 3000, 10_000):
            found = [one for one in (run(prior, n, seed) for seed in range(runs)) if one is not None]
            loss, auc = np.array([one.log_loss for one in found]), np.array([one.auc for one in found])
            behind = loss[:, 2] - loss[:, :2].min(axis=1)
            figures = " | ".join(f"{loss[:, way].mean():.4f} / {auc[:, way].mean():.3f}" for way in range(3))
            print(
                f"| {prior} | {n:,} | {len(found)} | {np.mean([one.events for one in found]):.0f} | {figures}",
                end=" | ",
            )
            covered = np.concatenate([one.covered for one in found])
            print(f"{np.mean(behind < 0.005):.0%} | {behind.max():+.4f} | {share(covered)} |", flush=True)


def days(runs: int) -> None:
    """Coverage where every lead stands on three days that are all alike."""
    print("\n| hand-set points | n leads, 3 days each | coverage |\n| --- | --- | --- |")
    for prior in PRIORS:
        found = [run(prior, 1000, seed, days=3) for seed in range(runs)]
        print(f"| {prior} | 1,000 | {share(np.concatenate([one.covered for one in found if one is not None]))} |")


def funnels(count: int) -> None:
    """Coverage of planted points under selection by sales."""
    print("\n| hand-set points | leads made | learned from (mean) | outcomes | coverage of the 17 planted points |")
    print("| --- " * 5 + "|")
    for size in (6000, 20_000):
        rows = {prior: [] for prior in PRIORS}
        sizes, events = [], []
        for seed in range(count):
            made = make_funnel(size, random_state=seed)
            tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.planted)
            seen = snapshots(
                tables, as_of=made.truth["day"].dropna(), stage="opportunity", within_days=60, worked_only=True
            )
            rng = np.random.default_rng(seed)
            for prior in PRIORS:
                document, listed = made.planted.to_dict(), places(made.planted)
                for place in listed:
                    if prior == "wrong" or (prior == "half right" and rng.random() < 0.5):
                        said = document[place.section][place.index]
                        points = int(np.round(rng.normal(0, 15))) or 1
                        put(said, place.path, points)
                        if "at_most" in said:
                            said["at_most" if points > 0 else "at_least"] = 3 * points
                            if points < 0:
                                del said["at_most"]
                pointed = {name: document[name] for name in POINTED if name in document}
                book = made.planted.edited(pointed | {"qualify.threshold": 1})
                # The bar is of no matter here, and must not stop a rulebook whose points have become few.
                found = reweigh(book, seen, keep_signs=False, points_to_double=POINTS_TO_DOUBLE)
                truth = np.array([place.points for place in listed])
                sized = found.frame[found.frame["low"].notna()]
                rows[prior].append(
                    ((sized["low"] <= truth[sized.index]) & (truth[sized.index] <= sized["high"])).to_numpy()
                )
                sizes.append(found.n)
                events.append(found.reached)
        for prior in PRIORS:
            held = np.concatenate(rows[prior])
            print(
                f"| {prior} | {size:,} | {np.mean(sizes):,.0f} | {np.mean(events):,.0f} | {share(held)} |", flush=True
            )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--funnels", type=int, default=20)
    asked = parser.parse_args()
    extremes(asked.runs)
    days(asked.runs)
    funnels(asked.funnels)


if __name__ == "__main__":
    main()
