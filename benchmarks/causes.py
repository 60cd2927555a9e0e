"""How often `causes` names the rule or segment that is to blame, and how well mail scanners are told from people.

    python benchmarks/causes.py [--replicates 300] [--leads 1000] [--weeks 8] [--bots 20]

Weeks as in `drift.py`: 156 before a change, then the change, and so many weeks since. Leads have a channel and five
attributes, by all of which a change is looked for: 22 segments, each by mix and within. Beside them stands what is
known of made-up mail: people who open, click and read late, scanners that click all links at once or one by one.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import drift

import leadscore as ls
from leadscore.bots import find_bots
from leadscore.drift.shares import rule_changes, segment_changes

CHANNELS = ("organic", "paid social", "webinar", "trade fair", "outbound")
SENIORITIES = ("C-level", "director", "manager", "ic", "student")
BY = ("channel", *drift.ATTRIBUTES)
# What is to be named after each change; of the last two, nothing.
PLANTED = {
    "scanners": ("rule", "email_click"),
    "fit mix": ("segment", ("channel", "paid social")),
    "fit quality": ("rule", "seniority"),
    "junior": ("segment", ("seniority", "ic")),
    "x1.25": ("segment", None),
    "": ("either", None),
}
BOOK = ls.Rulebook.from_dict(
    {
        "leadscore": 1,
        "name": "made-up",
        "fit": [
            {"name": name, "column": name, "points": {str(level): worth for level, worth in enumerate(points)}}
            for name, (points, _) in drift.ATTRIBUTES.items()
        ],
        "behaviour": [
            {"name": name, "event": name, "points": worth, "at_most": most}
            for name, (worth, _, most, _) in drift.EVENTS.items()
        ],
        "qualify": {"threshold": drift.THRESHOLD},
    }
)


def weeks_of(leads, n_weeks):
    """What a monitor keeps of each week: `cohorts.sums_of`, from arrays."""
    behaviour = drift.behaviour_of(leads["counts"])
    points = {name: np.array(drift.ATTRIBUTES[name][0])[leads[name]] for name in drift.ATTRIBUTES}
    points |= dict(zip(drift.EVENTS, behaviour, strict=True))
    fit, behaviour = leads["fit"], behaviour.sum(axis=0)

    def sums(values, chosen=slice(None)):
        return (np.bincount(leads["week"][chosen], values[chosen], n_weeks) * 1000).astype(np.int64).tolist()

    every = {
        "n": np.bincount(leads["week"], minlength=n_weeks).tolist(),
        "fit": sums(fit),
        "behaviour": sums(behaviour),
    }
    rules = {name: sums(values) for name, values in points.items()}
    segments = {column: {} for column in BY}
    for column in BY:
        names = {"channel": CHANNELS, "seniority": SENIORITIES}.get(column)
        for value in np.unique(leads[column]):
            chosen = leads[column] == value
            n = np.bincount(leads["week"][chosen], minlength=n_weeks).tolist()
            segments[column][names[value] if names else str(value)] = list(
                zip(n, sums(fit, chosen), sums(behaviour, chosen))
            )
    return [
        {name: values[week] for name, values in every.items()}
        | {"rules": {name: values[week] for name, values in rules.items()}}
        | {"segments": {c: {v: list(rows[week]) for v, rows in own.items()} for c, own in segments.items()}}
        for week in range(n_weeks)
    ]


def named(number, per_week, change, n_since, seed=20260502):
    """The rules and the segments named after one run, with the rows of the frames."""
    rng = np.random.default_rng([seed, number, list(PLANTED).index(change)])
    n_weeks = drift.BEFORE + n_since
    leads = drift.leads_of(rng, np.arange(n_weeks), per_week, change=change)
    weeks = weeks_of(leads, n_weeks)
    reference = np.isin(leads["week"], np.arange(drift.REFERENCE))
    behaviour = drift.behaviour_of(leads["counts"]).sum(axis=0)
    spread = {"fit": leads["fit"][reference].std(), "behaviour": behaviour[reference].std()}
    before, since = weeks[: drift.BEFORE], weeks[drift.BEFORE :]
    return rule_changes(before, since, spread, BOOK), segment_changes(before, since, spread)


def naming(replicates, per_week, n_since):
    """For each change: how often the planted one is named, how often any other segment is, and shares of the change."""
    for change, (kind, planted) in PLANTED.items():
        began = time.process_time()
        rules, segments = Counter(), Counter()
        right = wrong = wrong_rule = held = 0
        shares = []
        for number in range(replicates):
            by_rule, by_segment = named(number, per_week, change, n_since)
            found_rules = list(by_rule.index[by_rule["named"]])
            found = list(dict.fromkeys(by_segment.index[by_segment["named"]].droplevel("how")))
            first = found[0] if found else None
            rules.update(found_rules)
            segments.update(found)
            wrong_rule += bool(set(found_rules) - {planted})
            if kind == "rule":
                right += found_rules == [planted]
                row = by_rule.loc[planted]
                held += row["low"] <= 1 <= row["high"]
                shares.append(row["share"])
            elif planted:
                right += first == planted
                how = "mix" if change == "fit mix" else "within"
                shares.append(by_segment.loc[(*planted, how), "share"])
            wrong += bool(set(found) - {planted})
        n, half = replicates, lambda share: 1.96 * math.sqrt(share * (1 - share) / replicates)
        said = f"{change or 'nothing changes':16s} {per_week:,} leads, {n_since} weeks, {n} runs"
        if planted:
            said += f": {planted} named first or alone {right / n:.1%} +- {half(right / n):.1%}"
            said += f", share of the change {np.mean(shares):.2f}"
        if kind == "rule":
            said += f", interval holds 1 in {held / n:.0%}"
        print(f"{said}; another segment {wrong / n:.1%} +- {half(wrong / n):.1%}, another rule {wrong_rule / n:.1%}")
        print(
            f"    rules {rules.most_common(3)}, segments {segments.most_common(4)} {time.process_time() - began:.0f} s"
        )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--leads", type=int, default=1000, help="a week")
    parser.add_argument("--weeks", type=int, default=8, help="since the change")
    given = parser.parse_args()
    naming(given.replicates, given.leads, given.weeks)


if __name__ == "__main__":
    main()
