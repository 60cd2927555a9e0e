"""How often drift of outcomes alarms falsely, and how soon it sees that fewer leads convert, on made-up leads.

    python benchmarks/outcomes.py --replicates 300 [--leads 95]

Leads come to sales every week, 12 % of them convert, after a median of six weeks. After 52 weeks of reference and 104
stable ones conversion falls, or rises, or labels come later. Weeks' leads differ in quality by 10 %.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from leadscore.drift.outcomes.label_arrivals import OF_SIDES, Waiting, arrivals, evidence_of, predicted
from leadscore.stats.rank_detector import RankDetector, level

# Weeks; labels count for 20 weeks, by when 96 % of them have come.
WARM_UP, REFERENCE, STABLE, AFTER, WITHIN_DAYS = 20, 52, 104, 52, 140
CHANGED = WARM_UP + REFERENCE + STABLE
WEEKS = CHANGED + AFTER
CHANCE, QUALITY = 0.12, 0.1
# Log-normal: the median in days, and its spread.
MEDIAN, SPREAD = 42.0, 0.7
CHANGES = {"x0.85": (0.85, 1.0), "x0.7": (0.7, 1.0), "x0.5": (0.5, 1.0), "x1.4": (1.4, 1.0), "slower x1.5": (1.0, 1.5)}


def made(rng, per_week, conversion=1.0, slower=1.0, *, memory=0.0):
    """Leads of all weeks, the last `AFTER` changed."""
    quality = rng.standard_normal(WEEKS)
    for week in range(1, WEEKS):
        quality[week] = memory * quality[week - 1] + math.sqrt(1 - memory**2) * quality[week]
    week = np.repeat(np.arange(WEEKS), rng.poisson(per_week, WEEKS))
    changed = week >= CHANGED
    chance = CHANCE * np.exp(QUALITY * quality[week] - QUALITY**2 / 2) * np.where(changed, conversion, 1)
    delay = np.exp(math.log(MEDIAN) + SPREAD * rng.standard_normal(len(week))) * np.where(changed, slower, 1)
    delay = np.where(rng.random(len(week)) < chance, np.minimum(np.ceil(delay), 10_000), 10_000).astype(np.int64)
    day = 7 * week + rng.integers(0, 7, len(week))
    return Waiting(day, delay, np.full(len(week), CHANCE), WITHIN_DAYS, 7 * WEEKS - 1)


def figures_of(waiting):
    """What is watched, (3, n_weeks): a fall, a rise, and a fall of cohorts when they are 20 weeks old."""
    figures = predicted(waiting, 0, WARM_UP + REFERENCE)[3]
    cohort = waiting.day // 7
    n = np.bincount(cohort, minlength=WEEKS)
    won = np.bincount(cohort[waiting.delay <= WITHIN_DAYS], minlength=WEEKS)
    rate = won[:REFERENCE].sum() / n[:REFERENCE].sum()
    waited = np.append(np.full(WARM_UP, np.nan), ((n * rate - won) / np.sqrt(n * rate))[: WEEKS - WARM_UP])
    return np.vstack([figures, waited])


def first_alarms(figures):
    """(n_runs, 3) weeks from the change to the first alarm, 0 and less if false, `AFTER` + 1 if there is none.

    The first two share the budget as `outcome_drift` has them; the third has all of it.
    """
    bounds = np.log([level(STABLE, 0.1 * share) for share in (*OF_SIDES, 1)])
    streams, reference = figures.reshape(-1, WEEKS), WARM_UP + REFERENCE
    detector = RankDetector(np.arange(reference), streams[:, :reference])
    first = np.full(figures.shape[:2], AFTER + 1)
    for week in range(reference, WEEKS):
        detector.push(week, streams[:, week])
        passed = evidence_of(detector).reshape(first.shape) >= bounds
        first = np.where(passed & (first > AFTER), week - CHANGED + 1, first)
    return first


def naive(waiting):
    """Labels over expected ones of the last 8 cohorts, at the end of the stable weeks."""
    inside = (waiting.day >= 7 * (CHANGED - 8)) & (waiting.day < 7 * CHANGED)
    came = inside & (waiting.day + waiting.delay < 7 * CHANGED) & (waiting.delay <= WITHIN_DAYS)
    return came.sum() / (inside.sum() * CHANCE)


def summed(delays):
    """Mean weeks, 52 at most, of runs without a false alarm, its interval (95 %), and how many were found in 26."""
    right = np.minimum(delays[delays > 0], AFTER)
    error = 1.96 * right.std() / math.sqrt(len(right))
    return f"{right.mean():.1f} +- {error:.1f} weeks, {(right <= 26).mean():.0%} in 26"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--leads", type=float, default=95)
    parser.add_argument("--memory", type=float, default=0.0)
    parser.add_argument(
        "--ages", type=int, default=40, help="of so many runs it is asked whether labels only come later"
    )
    parser.add_argument("--only", nargs="*", default=list(CHANGES))
    asked = parser.parse_args()
    begun = time.process_time()
    for name in asked.only:
        rng = np.random.default_rng(20)
        runs = [made(rng, asked.leads, *CHANGES[name], memory=asked.memory) for _ in range(asked.replicates)]
        first = first_alarms(np.stack([figures_of(run) for run in runs]))
        false = (first[:, :2] <= 0).any(axis=1)
        error = 1.96 * math.sqrt(max(false.mean() * (1 - false.mean()), 1e-9) / len(false))
        print(f"{name}: false alarms {false.mean():.1%} +- {error:.1%}, fall found after {summed(first[~false, 0])}")
        print(f"   rise found after {summed(first[~false, 1])}")
        waited = first[:, 2]
        print(f"   cohorts of 20 weeks: false {(waited <= 0).mean():.1%}, fall found after {summed(waited)}")
        print(
            f"   labels of the last 8 cohorts over expected ones, before: {np.mean([naive(run) for run in runs]):.2f}"
        )
        options = {"reference_weeks": WARM_UP + REFERENCE, "horizon_weeks": STABLE, "budget": 0.1}
        looked = [arrivals(run, 0, **options) for run in runs[: asked.ages]]
        late = np.array([found.late for found in looked if found.state == "alarm"])
        print(f"   of {len(late)} alarms, labels come clearly later in {(late > 1.96).mean():.0%}", flush=True)
    print(f"{time.process_time() - begun:.0f} s CPU")


if __name__ == "__main__":
    main()
