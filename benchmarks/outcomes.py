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

from leadscore.drift.arrivals import Waiting, arrivals
from leadscore.drift.ranks import RankDetector, level

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


def looked_at(waiting, reference=WARM_UP + REFERENCE):
    """Weeks from the change to the first alarm of a fall and of a rise; below 0 for a false one."""
    found = arrivals(waiting, 0, reference_weeks=reference, horizon_weeks=104, budget=0.1)
    evidence = found.weeks[["evidence_fall", "evidence_rise"]].to_numpy()
    passed = evidence >= [level(104, 0.1 * share) for share in (0.8, 0.2)]
    first = np.where(passed.any(axis=0), passed.argmax(axis=0), CHANGED + AFTER) - CHANGED + 1
    return first, found


def mature(waiting):
    """The same for cohorts of 20 weeks, one-sided at the whole budget: what waiting for labels costs."""
    cohort = waiting.day // 7
    n = np.bincount(cohort, minlength=WEEKS)
    won = np.bincount(cohort[waiting.delay <= WITHIN_DAYS], minlength=WEEKS)
    rate = won[: WARM_UP + REFERENCE].sum() / n[: WARM_UP + REFERENCE].sum()
    late = WITHIN_DAYS // 7
    figures = -((won - n * rate) / np.sqrt(n * rate))[None, : WEEKS - late]
    weeks = np.arange(late, WEEKS)
    detector = RankDetector(weeks[:REFERENCE], figures[:, :REFERENCE])
    for week, figure in zip(weeks[REFERENCE:], figures[:, REFERENCE:].T, strict=True):
        detector.push(week, figure)
        if detector.log_evidence[0] - detector.memory(above=math.log(100))[0] >= math.log(level(104, 0.1)):
            return week - CHANGED + 1
    return AFTER + 1


def naive(waiting):
    """Labels over expected ones of the last 8 cohorts, at the end of the stable weeks."""
    inside = (waiting.day >= 7 * (CHANGED - 8)) & (waiting.day < 7 * CHANGED)
    came = inside & (waiting.day + waiting.delay < 7 * CHANGED) & (waiting.delay <= WITHIN_DAYS)
    return came.sum() / (inside.sum() * CHANCE)


def summed(delays):
    """Mean weeks, 52 at most, of runs without a false alarm, its standard error, and how many were found in 26."""
    right = np.minimum(np.array([delay for delay in delays if delay > 0]), AFTER)
    error = 1.96 * right.std() / math.sqrt(len(right))
    return f"{right.mean():.1f} +- {error:.1f} weeks, {(right <= 26).mean():.0%} in 26"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--leads", type=float, default=95)
    parser.add_argument("--memory", type=float, default=0.0)
    parser.add_argument("--only", nargs="*", default=list(CHANGES))
    asked = parser.parse_args()
    begun = time.process_time()
    for name in asked.only:
        rng = np.random.default_rng(4)
        falls, rises, waited, ratios, late = [], [], [], [], []
        for _ in range(asked.replicates):
            waiting = made(rng, asked.leads, *CHANGES[name], memory=asked.memory)
            first, found = looked_at(waiting)
            falls.append(first[0])
            rises.append(first[1])
            ratios.append(naive(waiting))
            waited.append(mature(waiting))
            if found.state == "alarm" and min(first) > 0:
                late.append(found.late)
        false = np.mean([min(pair) <= 0 for pair in zip(falls, rises, strict=True)])
        print(f"{name}: false alarms {false:.1%}; fall found after {summed(falls)}; rise after {summed(rises)}")
        print(f"   cohorts of 20 weeks: false {np.mean(np.array(waited) <= 0):.1%}, fall found after {summed(waited)}")
        print(f"   labels of the last 8 cohorts over expected ones, nothing changed: {np.mean(ratios):.2f}")
        print(f"   of {len(late)} alarms labels come clearly later in {np.mean(np.array(late) > 1.96):.0%}", flush=True)
    print(f"{time.process_time() - begun:.0f} s CPU")


if __name__ == "__main__":
    main()
