"""How often BalanceMonitor alarms falsely, and how soon it sees a change, on made-up weeks of leads.

    python benchmarks/drift.py --replicates 500 [--leads 1000] [--world normal] [--seed 20260501] [--keep FILE]

Each replicate has 52 weeks of reference, 104 stable weeks, and then each change on its own. Weeks have a yearly season,
dips in summer and at Christmas, campaigns, and an activity that remembers the week before.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from leadscore.stats.rank_detector import RankDetector, level

REFERENCE, STABLE, AFTER, SOON = 52, 104, 52, 13
BEFORE = REFERENCE + STABLE
THRESHOLD = 100
YEAR = 365.2425 / 7
# As `BalanceMonitor` has them by default.
ALARM, ALONE, WATCH, FEWEST, MOSTLY, MEMORY_SEEN = level(104, 0.1 / 2), level(104, 0.1), level(104, 0.4), 20, 0.75, 1.0

# Channels: organic, paid social, webinar, trade fair, outbound; how often, how active, and each attribute by channel.
CHANNEL = np.array([0.34, 0.20, 0.18, 0.12, 0.16])
PAID_SOCIAL, TRADE_FAIR = 1, 3
ACTIVITY = np.array([1.0, 0.80, 1.25, 0.95, 0.70])
# Points of each class, and per channel how many leads are of it.
ATTRIBUTES = {
    "seniority": (
        [30, 20, 10, 0, -15],
        [
            [0.10, 0.20, 0.30, 0.32, 0.08],
            [0.05, 0.12, 0.25, 0.43, 0.15],
            [0.08, 0.20, 0.33, 0.33, 0.06],
            [0.15, 0.27, 0.31, 0.25, 0.02],
            [0.20, 0.35, 0.32, 0.13, 0.00],
        ],
    ),
    "function": (
        [20, 10, 0],
        [[0.35, 0.35, 0.30], [0.25, 0.35, 0.40], [0.40, 0.35, 0.25], [0.45, 0.35, 0.20], [0.60, 0.30, 0.10]],
    ),
    "size": (
        [20, 15, 5, 0],
        [
            [0.20, 0.30, 0.30, 0.20],
            [0.10, 0.25, 0.35, 0.30],
            [0.20, 0.32, 0.30, 0.18],
            [0.28, 0.34, 0.26, 0.12],
            [0.35, 0.35, 0.25, 0.05],
        ],
    ),
    "industry": (
        [15, 5, 0],
        [[0.35, 0.30, 0.35], [0.25, 0.30, 0.45], [0.38, 0.32, 0.30], [0.45, 0.30, 0.25], [0.55, 0.30, 0.15]],
    ),
    "market": ([10, 0], [[0.70, 0.30], [0.55, 0.45], [0.70, 0.30], [0.80, 0.20], [0.85, 0.15]]),
}
JUNIOR = 3
# Events: points, how many a lead makes on average, most points, whether a campaign lifts it.
EVENTS = {
    "email_open": (1, 3.0, 15, True),
    "email_click": (3, 0.9, 60, True),
    "page_view": (1, 5.0, 25, True),
    "pricing_page": (10, 0.18, 40, False),
    "content": (8, 0.35, 40, False),
    "webinar": (15, 0.10, 45, True),
    "demo_form": (30, 0.045, 60, False),
}
CLICK = list(EVENTS).index("email_click")
EDITED = 6
# The gamma shape of how active leads are.
FRAILTY = 0.9

# What happens after the stable weeks; those that are no drift are looked at for 13 weeks only.
CHANGES = ("x1.10", "x1.25", "x1.50", "ramp", "junior", "fit mix", "fit quality", "scanners")
HARMLESS = ("volume x2", "volume x0.5", "cold list", "fit up", "burst", "edit")
# Per week: n, sums of fit and behaviour and of their squares; of all leads, then of those that qualify.
SUMS = 5


@dataclass(frozen=True)
class World:
    """How weeks differ while nothing changes: the activity's memory and spread, campaigns, season."""

    memory: float = 0.4
    spread: float = 0.04
    campaigns: float = 0.06
    lift: float = 2.0
    season: float = 1.0


WORLDS = {
    "normal": World(),
    "memory": World(memory=0.6, spread=0.06),
    "wander": World(memory=0.9, spread=0.06),
    "campaigns": World(campaigns=0.12, lift=2.5),
    "seasonal": World(season=2.0),
    "none": World(memory=0.0, spread=0.0, campaigns=0.0, season=0.0),
}


def weeks_of(rng, week, per_week, world):
    """For each week: how many leads, how active, how campaigns lift them, and its channels."""
    place = week % YEAR
    dip = np.where((place >= 50) | (place < 1), 1.0, np.where((place >= 30) & (place < 34), 0.5, 0.0))
    volume = 0.15 * np.sin(2 * np.pi * (place - 8) / YEAR) + dip * np.where(dip < 1, 2 * math.log(0.8), math.log(0.55))
    active = 0.05 * np.cos(2 * np.pi * (place - 12) / YEAR) + dip * np.where(
        dip < 1, 2 * math.log(0.94), math.log(0.88)
    )
    fairs = ((place >= 10) & (place < 13)) | ((place >= 38) & (place < 42))
    shocks = world.spread * rng.standard_normal(len(week))
    for one in range(1, len(week)):
        shocks[one] = world.memory * shocks[one - 1] + math.sqrt(1 - world.memory**2) * shocks[one]
    lifted = np.ones(len(week))
    for one in np.flatnonzero(rng.random(len(week)) < world.campaigns):
        lifted[one : one + rng.integers(1, 3)] = rng.uniform(1.3, world.lift)
    real = world.season > 0
    n = rng.poisson(per_week * np.exp(world.season * volume + 0.08 * real * rng.standard_normal(len(week))))
    mix = CHANNEL + 0.10 * (fairs & real)[:, None] * (np.arange(len(CHANNEL)) == TRADE_FAIR)
    mix /= mix.sum(axis=1, keepdims=True)
    if real:
        mix = rng.standard_gamma(300 * mix)
        mix /= mix.sum(axis=1, keepdims=True)
    return n, np.exp(world.season * active + shocks), lifted, mix


def changed_weeks(rng, week, per_week, world, change):
    """`weeks_of`, with a change that begins at `BEFORE`, as far as it is one of all leads."""
    n, active, lifted, mix = weeks_of(rng, week, per_week, world)
    age = week - BEFORE
    changed = age >= 0
    if change.startswith("x"):
        active = np.where(changed, active * float(change[1:]), active)
    elif change == "ramp":
        active = np.where(changed, active * 1.01 ** (age + 1), active)
    elif change == "burst":
        active = np.where(changed & (age < 3), active * 1.5, active)
    elif change == "fit mix":
        mix = np.where(changed[:, None], mix * (1 - 0.15 / 0.80), mix)
        mix[:, PAID_SOCIAL] += 1 - mix.sum(axis=1)
    elif change.startswith("volume"):
        n = np.where(changed, rng.poisson(float(change[8:]) * n), n)
    elif change == "cold list":
        n = np.where(changed, (1.3 * n).astype(int), n)
    return n, active, lifted, mix


def leads_of(rng, week, per_week, world=WORLDS["normal"], change=""):
    """Leads one by one: week, channel, classes, fit and (n_events, n_leads) counts; a change begins at `BEFORE`."""
    n, active, lifted, mix = changed_weeks(rng, week, per_week, world, change)
    at = np.repeat(np.arange(len(week)), n)
    new = week[at] >= BEFORE
    channel = (rng.random(len(at), np.float32)[:, None] > np.cumsum(mix, axis=1)[:, :-1].astype(np.float32)[at]).sum(
        axis=1
    )
    cold = new & (rng.random(len(at)) < 0.3 / 1.3) if change == "cold list" else None
    if cold is not None:
        channel[cold] = PAID_SOCIAL
    classes = {}
    for name, (_, shares) in ATTRIBUTES.items():
        bars = np.cumsum(shares, axis=1)[:, :-1].astype(np.float32)
        dice = rng.random(len(at), np.float32)
        classes[name] = sum((dice > bar[channel]).astype(np.int8) for bar in bars.T)
    level = classes["seniority"]
    if cold is not None:
        level[cold] = np.maximum(level[cold], 2)
    if change in ("fit quality", "fit up"):
        moved = new & (rng.random(len(at)) < 0.2)
        level[moved] = np.clip(level[moved] + (1 if change == "fit quality" else -1), 0, 4)
    rate = rng.standard_gamma(FRAILTY, len(at)) / FRAILTY * ACTIVITY[channel] * active[at]
    if cold is not None:
        rate[cold] *= 0.1
    if change == "junior":
        rate[new & (level >= JUNIOR)] *= 1.5
    reached = np.where(rng.random(len(at)) < 0.3, lifted[at], 1.0)
    counts = np.stack([rng.poisson(mean * rate * (reached if lifts else 1.0)) for _, mean, _, lifts in EVENTS.values()])
    if change == "scanners":
        scanned = np.flatnonzero(new & (rng.random(len(at)) < 0.12))
        counts[CLICK, scanned] += rng.poisson(8.0, len(scanned))
    fit = sum(np.array(points)[classes[name]] for name, (points, _) in ATTRIBUTES.items())
    return {"week": at, "channel": channel, "fit": fit, "counts": counts, **classes}


def behaviour_of(counts, click=EVENTS["email_click"][0]):
    """(n_events, n_leads) points of each event."""
    points = np.array([worth for worth, *_ in EVENTS.values()])
    points[CLICK] = click
    most = np.array([most for _, _, most, _ in EVENTS.values()])
    return np.minimum(counts * points[:, None], most[:, None])


def sums_of(leads, n_weeks, click=EVENTS["email_click"][0]):
    """(2, n_weeks, `SUMS`): of all leads, of those that qualify."""
    fit, behaviour = leads["fit"].astype(float), behaviour_of(leads["counts"], click).sum(axis=0).astype(float)
    found = []
    for chosen in (np.ones(len(fit), bool), fit + behaviour >= THRESHOLD):
        weights = (None, fit, behaviour, fit**2, behaviour**2)
        at = leads["week"][chosen]
        found.append([np.bincount(at, None if w is None else w[chosen], n_weeks) for w in weights])
    return np.array(found).transpose(0, 2, 1)


def replicate_of(number, per_week, world, changes, seed):
    """The weekly sums of one replicate: before, before by the edited rulebook, and after each change."""
    rng = np.random.default_rng([seed, number, 0])
    before = leads_of(rng, np.arange(BEFORE), per_week, world)
    found = {"before": sums_of(before, BEFORE)}
    if "edit" in changes:
        found["rescored"] = sums_of(before, BEFORE, EDITED)
    for place, change in enumerate(changes, 1):
        weeks = BEFORE + np.arange(SOON if change in HARMLESS else AFTER)
        leads = leads_of(np.random.default_rng([seed, number, place]), weeks, per_week, world, change)
        found[change] = sums_of(leads, len(weeks), EDITED if change == "edit" else EVENTS["email_click"][0])
    return found


def simulated(replicates, per_week, world="normal", changes=CHANGES + HARMLESS, seed=20260501):
    """For each name (replicates, 2, n_weeks, `SUMS`) weekly sums."""
    one = partial(replicate_of, per_week=per_week, world=WORLDS[world], changes=changes, seed=seed)
    rows = list(map(one, range(replicates)))
    return {name: np.stack([row[name] for row in rows]).astype(np.float32) for name in rows[0]}


@dataclass(frozen=True)
class Measured:
    """How often false alarms came in the stable weeks, how long changes took, how many of the others alarmed."""

    false_alarms: float
    watches: float
    unclaimed: float
    delay: dict
    half: dict
    soon: dict


def gaps_of(sums):
    """(replicates, 2, n_weeks) the gap of all leads and of those that qualify; NaN where they are fewer than 20."""
    n = sums[..., 0].astype(float)
    reference = sums[:, :, :REFERENCE].astype(float).sum(axis=2)
    means = reference[..., 1:3] / reference[..., :1]
    spread = np.sqrt(reference[..., 3:5] / reference[..., :1] - means**2)
    each = sums[..., 1:3] / np.maximum(n, 1)[..., None] / spread[:, :, None]
    return np.where(n >= FEWEST, each[..., 1] - each[..., 0], np.nan)


def evidence_of(gaps):
    """(2, replicates, n_weeks - 52) log evidence less memory, and memory, for all leads and for MQLs."""
    n_replicates, _, n_weeks = gaps.shape
    streams = gaps.transpose(1, 0, 2).reshape(-1, n_weeks)
    detector = RankDetector(np.arange(REFERENCE), streams[:, :REFERENCE])
    evidence, memory = [], []
    for week in range(REFERENCE, n_weeks):
        detector.push(week, streams[:, week])
        memory.append(detector.memory(above=math.log(WATCH)))
        evidence.append(detector.log_evidence - memory[-1] ** 2 / 2)
    return [np.stack(part, axis=-1).reshape(2, n_replicates, -1) for part in (evidence, memory)]


def alarms_of(gaps, evidence):
    """(replicates, n_weeks - 52) whether a week's evidence passes a bound."""
    watched = (~np.isnan(gaps[:, 1, :REFERENCE])).mean(axis=1) >= MOSTLY
    bounds = np.log([np.where(watched, ALARM, ALONE), np.where(watched, ALARM, np.inf)])
    return (evidence >= bounds[:, :, None]).any(axis=0)


def measured(made):
    """The figures of the simulated runs."""
    found = {}
    for name in made:
        if name not in ("before", "rescored"):
            first = "rescored" if name == "edit" else "before"
            found[name] = gaps_of(np.concatenate([made[first], made[name]], axis=2))
    if "edit" in made:
        found["edit, not rescored"] = gaps_of(np.concatenate([made["before"], made["edit"]], axis=2))
    delay, half, soon, stable = {}, {}, {}, None
    for name, gaps in found.items():
        evidence, memory = evidence_of(gaps)
        alarms = alarms_of(gaps, evidence)
        if stable is None:
            stable, remembered, passed = evidence[0, :, :STABLE], memory.max(axis=0), alarms[:, :STABLE]
        after = alarms[~alarms[:, :STABLE].any(axis=1), STABLE:]
        weeks = np.where(after.any(axis=1), after.argmax(axis=1) + 1, AFTER)
        if name in CHANGES:
            delay[name], half[name] = weeks.mean(), 1.96 * weeks.std() / math.sqrt(len(weeks))
        soon[name] = after[:, :SOON].any(axis=1).mean()
    seen = remembered[np.arange(len(passed)), passed.argmax(axis=1)] > MEMORY_SEEN
    unclaimed = (seen & passed.any(axis=1)).mean()
    return Measured(
        passed.any(axis=1).mean(), (stable >= math.log(WATCH)).any(axis=1).mean(), unclaimed, delay, half, soon
    )


def main() -> None:
    """Print the figures of one world and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=500)
    parser.add_argument("--leads", type=int, default=1000, help="a week")
    parser.add_argument("--world", choices=WORLDS, default="normal")
    parser.add_argument("--changes", type=lambda text: text.split(","), default=CHANGES + HARMLESS)
    parser.add_argument("--seed", type=int, default=20260501)
    parser.add_argument("--keep", type=Path, help="a file of the weekly sums: written, or read if it is there")
    given = parser.parse_args()
    began = time.process_time()
    if given.keep and given.keep.exists():
        with np.load(given.keep) as file:
            made = dict(file)
    else:
        made = simulated(given.replicates, given.leads, given.world, tuple(given.changes), given.seed)
        if given.keep:
            np.savez(given.keep, **made)
    found = measured(made)
    n = len(made["before"])
    print(f"{n} replicates, {given.leads:,} leads a week, world {given.world}: {time.process_time() - began:.0f} CPU s")
    half = 1.96 * math.sqrt(found.false_alarms * (1 - found.false_alarms) / n)
    print(f"false alarms in {STABLE} stable weeks: {found.false_alarms:.1%} +- {half:.1%} of runs")
    print(f"of these in runs in which the verdict then says that no bound is claimed: {found.unclaimed:.1%}")
    print(f"a watch in {STABLE} stable weeks: {found.watches:.1%}")
    print(
        "mean weeks to an alarm: "
        + ", ".join(f"{name} {weeks:.1f} +- {found.half[name]:.1f}" for name, weeks in found.delay.items())
    )
    print(f"alarms within {SOON} weeks: " + ", ".join(f"{name} {share:.1%}" for name, share in found.soon.items()))


if __name__ == "__main__":
    main()
