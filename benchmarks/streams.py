"""How often any of some hundred weekly figures alarms falsely, and how soon each change is seen.

    python benchmarks/streams.py --replicates 300 [--leads 1000] [--world normal] [--volume 1.0]

Each replicate has 52 weeks of reference, 104 stable weeks, then all changes at once, each in streams of its own: 30
rules, 40 segments of some 10 MQLs a week, 25 figures of the data. Weeks are those of `drift.py`: season, dips,
campaigns, activity that remembers the week before. With `--volume` there are so many times the leads after the
reference: no change of a rate.
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np
import pandas as pd
from drift import ACTIVITY, AFTER, BEFORE, CHANNEL, EVENTS, REFERENCE, WORLDS, weeks_of

from leadscore.drift.streams.watch import watch_streams

RULES, SEGMENTS, COLUMNS = 30, 40, 8
MQLS, ACCEPTED, FALLEN, FALLING = 10, 0.45, 0.30, 8
# How far sales's mood moves all acceptance in a week, in logits, and a rule's own weeks beside the activity of all.
MOOD, OWN = 0.1, 0.03
# What changes after the stable weeks, by stream.
ACTED, ATTRIBUTE, SILENT = ("fires", "rule 00"), ("fires", "rule 29"), ("fires", "rule 01")
EMPTIED, EMPTIER = ("missing", "column 0"), ("missing", "column 7")


def logistic(value):
    """1 / (1 + exp(-value))."""
    return 1 / (1 + np.exp(-value))


def streams_of(rng, weeks, per_week, world, volume=1.0):
    """(figures, n) of weeks counted from 0; the changes begin at `BEFORE`."""
    n, active, lifted, mix = weeks_of(rng, np.arange(weeks), per_week, world)
    n = np.where(np.arange(weeks) < REFERENCE, n, np.rint(volume * n).astype(int))
    new = np.arange(weeks) >= BEFORE
    figures, sizes = {}, {}

    def share(key, chance, of=n):
        count = rng.binomial(of, np.clip(chance, 0, 1))
        figures[key], sizes[key] = count / np.where(of > 0, of, np.nan), of

    rates = np.geomspace(0.02, 1.5, RULES // 2)[rng.permutation(RULES // 2)]
    rates[0] = 0.25
    for rule in range(RULES):
        key = ("fires", f"rule {rule:02d}")
        if rule < RULES // 2:
            busy = active * (0.7 + 0.3 * lifted) * (mix @ ACTIVITY) * np.exp(OWN * rng.standard_normal(weeks))
            chance = 1 - np.exp(-rates[rule] * busy)
        else:
            chance = mix @ np.clip(rng.beta(2, 4) * rng.uniform(0.6, 1.4, len(CHANNEL)), 0, 1)
        if key in (ACTED, ATTRIBUTE):
            chance = np.where(new, 1.25 * chance, chance)
        share(key, np.where(new, 0, chance) if key == SILENT else chance)
    mood = MOOD * rng.standard_normal(weeks) * (world.season > 0)
    levels = np.where(np.arange(SEGMENTS) < FALLING, ACCEPTED, rng.beta(9, 11, SEGMENTS))
    for segment in range(SEGMENTS):
        level = np.where(new & (segment < FALLING), FALLEN, levels[segment])
        of = rng.poisson(MQLS * n / per_week)
        share(("accepted", f"segment {segment:02d}"), logistic(np.log(level / (1 - level)) + mood), of)
    for column in range(COLUMNS):
        chance = np.linspace(0, 0.3, COLUMNS)[column] * np.exp(0.1 * rng.standard_normal(weeks) * (world.season > 0))
        chance = np.where(new, 1.25 * chance, chance) if column == COLUMNS - 1 else chance
        share(("missing", f"column {column}"), np.where(new, 0.05, chance) if column == 0 else chance)
    for column in range(4):
        share(("unseen", f"column {column}"), np.full(weeks, (0, 0.002, 0.02, 0.1)[column]))
    for channel in range(len(CHANNEL)):
        share(("mix", f"channel {channel}"), mix[:, channel])
    figures["rows", "(all)"] = n
    for name, (_, mean, *_) in EVENTS.items():
        # Of so many leads, each with a gamma activity of its own.
        shape = 0.9 * np.maximum(n, 1)
        rate = mean * active * lifted**0.3 * rng.gamma(shape) / shape
        figures["events", name] = rng.poisson(rate * n) / np.maximum(n, 1)
    index = pd.date_range("2024-01-01", periods=weeks, freq="7D")
    return pd.DataFrame(figures, index), pd.DataFrame(sizes, index)


def measured(replicates, per_week=1000, world="normal", volume=1.0, seed=20261101):
    """A row per replicate: false alarms by kind in the stable weeks, and weeks to the alarm of each change."""
    rows = []
    for number in range(replicates):
        rng = np.random.default_rng([seed, number])
        figures, n = streams_of(rng, BEFORE + AFTER, per_week, WORLDS[world], volume)
        passed = watch_streams(figures, n).path >= 1
        stable = passed.iloc[:BEFORE].any()
        row = {f"false {kind}": int(found.sum()) for kind, found in stable.groupby(level=0)}
        first = {}
        for place, column in enumerate(passed):
            weeks = np.flatnonzero(passed.iloc[:, place])
            first[column] = weeks[0] - BEFORE + 1 if len(weeks) else AFTER + 1
        # What alarmed before it changed has no delay.
        delay = {column: min(one, AFTER) if one > 0 else math.nan for column, one in first.items()}
        changed = {"rule of behaviour x1.25": ACTED, "rule of fit x1.25": ATTRIBUTE, "rule silent": SILENT}
        changed |= {"missing 0 to 5 %": EMPTIED, "missing 30 to 37.5 %": EMPTIER}
        row |= {name: delay[key] for name, key in changed.items()}
        falls = np.array([first["accepted", f"segment {segment:02d}"] for segment in range(FALLING)])
        row["segments found"] = int(((falls > 0) & (falls <= AFTER)).sum())
        row["segments"] = np.clip(falls[falls > 0], 0, AFTER).mean()
        rows.append(row)
    return pd.DataFrame(rows)


def prototype(replicates, seed=20261102):
    """As the design's own simulation had it: 40 segments alone, 52 weeks of reference, 26 stable, 52 changed."""
    rows = []
    index = pd.date_range("2024-01-01", periods=130, freq="7D")
    new = np.arange(130) >= 78
    for number in range(replicates):
        rng = np.random.default_rng([seed, number])
        chance = np.repeat(rng.beta(9, 11, SEGMENTS)[None], 130, axis=0)
        chance[:, :FALLING] -= 0.15 * new[:, None]
        n = rng.poisson(MQLS, chance.shape)
        count = rng.binomial(n, np.clip(chance, 0.02, 0.98))
        columns = pd.MultiIndex.from_product([["accepted"], [f"segment {one:02d}" for one in range(SEGMENTS)]])
        frames = (pd.DataFrame(one, index, columns) for one in (count / np.where(n > 0, n, np.nan), n))
        passed = (watch_streams(*frames, horizon_weeks=52).path >= 1).to_numpy()
        first = np.where(passed.any(axis=0), passed.argmax(axis=0) - 77, 53)
        own = first[:FALLING]
        false = (first[FALLING:] <= 52).sum() + (own <= 0).sum()
        rows.append({"false": false, "found": ((own > 0) & (own <= 52)).sum(), "weeks": np.clip(own, 0, 52).mean()})
    return pd.DataFrame(rows)


def main() -> None:
    """Print the figures of one world and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--leads", type=int, default=1000, help="a week")
    parser.add_argument("--world", choices=WORLDS, default="normal")
    parser.add_argument("--volume", type=float, default=1.0, help="times the leads after the reference")
    parser.add_argument("--prototype", action="store_true", help="the design's own simulation of 40 segments instead")
    given = parser.parse_args()
    began = time.process_time()
    if given.prototype:
        found = prototype(given.replicates)
    else:
        found = measured(given.replicates, given.leads, given.world, given.volume)
    print(f"{len(found)} replicates: {time.process_time() - began:.0f} CPU s")
    false = found.filter(like="false")
    if given.volume != 1:
        false = false.drop(columns="false rows")
    share = (false.sum(axis=1) > 0).mean()
    half = 1.96 * math.sqrt(share * (1 - share) / len(found))
    print(f"any false alarm: {share:.1%} +- {half:.1%} of runs; of each kind: {(false > 0).mean().round(3).to_dict()}")
    print(found.drop(columns=list(found.filter(like="false"))).agg(["mean", "median"]).round(1).T.to_string())


if __name__ == "__main__":
    main()
