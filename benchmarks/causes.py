"""How often `causes` names the rule or segment that caused a drift, and how well mail scanners are told from people.

    python benchmarks/causes.py [--replicates 400] [--leads 1000] [--weeks 8] | [--mail 10000]

Weeks as in `drift.py`: 156 before a change, then the change, and so many weeks since. Leads have a channel and five
attributes, by all of which a change is looked for: 22 segments, each by mix and within. Beside them stands what is
known of made-up mail: people who open, click and read late, scanners that click all links at once or one by one.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

import drift

import leadscore as ls
from leadscore.datasets.funnel import make_funnel
from leadscore.drift.balance.attribution import rule_changes, segment_changes
from leadscore.tables.bots import flag_bots

CHANNELS = ("organic", "paid social", "webinar", "trade fair", "outbound", "new channel")
SENIORITIES = ("C-level", "director", "manager", "ic", "student", "director level", "(missing)")
DIRECTOR, RENAMED, MISSING = 1, 5, 6
BY = ("channel", *drift.ATTRIBUTES)
SENIORITY_POINTS = np.append(drift.ATTRIBUTES["seniority"][0], [0, 0])
# What is to be named after each change; of the last two, nothing.
PLANTED = {
    "scanners": ("rule", "email_click"),
    "fit mix": ("segment", ("channel", "paid social")),
    "fit quality": ("rule", "seniority"),
    "junior": ("segment", ("seniority", "ic")),
    "new channel": ("segment", ("channel", "new channel")),
    "no longer filled in": ("segment", ("seniority", "(missing)")),
    "renamed": ("segment", ("seniority", "director")),
    "x1.25": ("segment", None),
    "": ("either", None),
}
SEEDED = ("scanners", "fit mix", "fit quality", "junior", "x1.25", "", "new channel", "no longer filled in", "renamed")
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


def planted(leads, change, rng):
    """The leads after a change of values: a fifth of them of a new channel, juniors; 35 % without a seniority; or
    directors under another name; neither of which earns points.
    """
    new = leads["week"] >= drift.BEFORE
    if change == "new channel":
        hit = new & (rng.random(len(new)) < 0.2)
        leads["channel"][hit], value = len(CHANNELS) - 1, drift.JUNIOR
    elif change == "no longer filled in":
        hit, value = new & (rng.random(len(new)) < 0.35), MISSING
    elif change == "renamed":
        hit, value = new & (leads["seniority"] == DIRECTOR), RENAMED
    else:
        return leads
    worth = SENIORITY_POINTS[leads["seniority"]]
    leads["seniority"][hit] = value
    leads["fit"] = leads["fit"] + SENIORITY_POINTS[leads["seniority"]] - worth
    return leads


def weeks_of(leads, n_weeks):
    """What a monitor keeps of each week: `cohorts.sums_of`, from arrays."""
    behaviour = drift.behaviour_of(leads["counts"])
    points = {name: np.append(drift.ATTRIBUTES[name][0], [0, 0])[leads[name]] for name in drift.ATTRIBUTES}
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
                zip(n, sums(fit, chosen), sums(behaviour, chosen), strict=True)
            )
    return [
        {name: values[week] for name, values in every.items()}
        | {"rules": {name: values[week] for name, values in rules.items()}}
        | {"segments": {c: {v: list(rows[week]) for v, rows in own.items()} for c, own in segments.items()}}
        for week in range(n_weeks)
    ]


def named(number, per_week, change, n_since, seed=20260502):
    """The rules and the segments named after one run, with the rows of the frames."""
    rng = np.random.default_rng([seed, number, SEEDED.index(change)])
    n_weeks = drift.BEFORE + n_since
    leads = planted(drift.leads_of(rng, np.arange(n_weeks), per_week, change=change), change, rng)
    weeks = weeks_of(leads, n_weeks)
    reference = np.isin(leads["week"], np.arange(drift.REFERENCE))
    behaviour = drift.behaviour_of(leads["counts"]).sum(axis=0)
    spread = {"fit": leads["fit"][reference].std(), "behaviour": behaviour[reference].std()}
    before, since = weeks[: drift.BEFORE], weeks[drift.BEFORE :]
    return rule_changes(before, since, spread, BOOK), segment_changes(before, since, spread)


def naming(replicates, per_week, n_since, changes=tuple(PLANTED)):
    """For each change: how often the planted one is named (alone, or first), how often others are, its share."""
    rows = {}
    for change in changes:
        kind, planted = PLANTED[change]
        found = []
        for number in range(replicates):
            by_rule, by_segment = named(number, per_week, change, n_since)
            rules = list(by_rule.index[by_rule["named"]])
            segments = list(dict.fromkeys(by_segment.index[by_segment["named"]].droplevel("how")))
            # A new name and the old one are one cause.
            first = [(column, "director" if value == "director level" else value) for column, value in segments[:1]]
            right = rules == [planted] if kind == "rule" else first == [planted]
            row = by_rule.loc[planted] if kind == "rule" else None
            if kind == "segment" and planted:
                row = by_segment["share"].get((*planted, "within" if change == "junior" else "mix"), np.nan)
                row = {"share": row}
            found.append(
                {
                    "right": right if planted else np.nan,
                    "wrong_segment": bool(set(segments) - {planted}),
                    "wrong_rule": bool(set(rules) - {planted}),
                    "share": np.nan if row is None else row["share"],
                    "holds_1": row["low"] <= 1 <= row["high"] if kind == "rule" else np.nan,
                }
            )
        rows[change] = pd.DataFrame(found).astype(float).mean()
    return pd.DataFrame(rows).T


# Seconds after a send, and between the five links of a mail.
SCANNERS = {
    "at once": lambda rng, n: (rng.uniform(0.5, 4, n), rng.uniform(0, 0.5, (n, 4))),
    "late, at once": lambda rng, n: (rng.uniform(60, 600, n), rng.uniform(0, 0.9, (n, 4))),
    "every 2 seconds": lambda rng, n: (rng.uniform(60, 600, n), np.full((n, 4), 2.0)),
    "always after 47 seconds, 2 to 8 apart": lambda rng, n: (np.full(n, 47.2), rng.uniform(2, 8, (n, 4))),
    "late, 2 to 8 seconds apart": lambda rng, n: (rng.uniform(60, 600, n), rng.uniform(2, 8, (n, 4))),
    "late, one link": lambda rng, n: (rng.uniform(60, 3600, n), np.zeros((n, 0))),
}


def mail_of(n_leads, seed):
    """A funnel's events with mails, double clicks, links in two tabs, a fifth of leads untracked; scanners for 12 %."""
    rng = np.random.default_rng(seed)
    made = make_funnel(n_leads, random_state=seed)
    events = made.events.assign(by="person")
    untracked = made.leads["lead_id"][rng.random(n_leads) < 0.2]
    events = events[~((events["event"] == "page_view") & events["lead_id"].isin(untracked))]
    clicks = events[events["event"] == "email_click"]

    def seconds(values):
        return pd.to_timedelta(np.round(values, 1), unit="s")

    wait = np.exp(rng.normal(math.log(3 * 3600), 1.5, len(clicks)))
    sends = clicks.assign(event="email_send", at=clicks["at"] - seconds(wait))
    twice = clicks.sample(frac=0.05, random_state=seed)
    tabs = clicks.sample(frac=0.05, random_state=seed + 1)
    parts = [events, sends, twice.assign(at=twice["at"] + seconds(rng.uniform(0.1, 0.6, len(twice))))]
    parts.append(tabs.assign(at=tabs["at"] + seconds(rng.uniform(0.8, 6, len(tabs))), asset="another link"))
    # A week of newsletters each, for half a year.
    before_scanner = sends[sends["lead_id"].isin(made.leads["lead_id"].sample(frac=0.12, random_state=seed))]
    style = pd.Series(rng.choice(list(SCANNERS), n_leads), made.leads["lead_id"])
    for name, clicking in SCANNERS.items():
        own = before_scanner[before_scanner["lead_id"].map(style) == name]
        first, gaps = clicking(rng, len(own))
        after = first
        for link in range(gaps.shape[1] + 1):
            after = after if link == 0 else after + gaps[:, link - 1]
            parts.append(own.assign(event="email_click", at=own["at"] + seconds(after), asset=f"link {link}", by=name))
    return pd.concat(parts, ignore_index=True)


def telling(n_leads, seed=20260503):
    """Of clicks by people and by each kind of scanner: how many there are, and which share is marked."""
    events = mail_of(n_leads, seed)
    began = time.process_time()
    found = flag_bots(events).events
    took = time.process_time() - began
    rows = found[found["event"].isin(["email_click", "email_open", "page_view"])]
    people = rows[rows["by"] == "person"]
    by_kind = people.groupby("event")["is_bot"].agg(["size", "mean"])
    reasons = people[people["is_bot"]]["bot_reason"].value_counts()
    scanners = rows[rows["by"] != "person"].groupby("by")["is_bot"].agg(["size", "mean"])
    return by_kind, reasons[reasons > 0], scanners, took, len(events)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=400)
    parser.add_argument("--leads", type=int, default=1000, help="a week")
    parser.add_argument("--weeks", type=int, default=8, help="since the change")
    parser.add_argument("--mail", type=int, default=0, help="so many leads with mail and scanners, and nothing else")
    given = parser.parse_args()
    if given.mail:
        by_kind, reasons, scanners, took, n = telling(given.mail)
        print(
            f"{n:,} events in {took:.1f} CPU s; people's, marked:\n{by_kind}\n{reasons}\nscanners', marked:\n{scanners}"
        )
        return
    found = naming(given.replicates, given.leads, given.weeks)
    print(f"{given.leads:,} leads a week, {given.weeks} weeks, {given.replicates} runs of each")
    print((100 * found).round(1).rename(index={"": "nothing changes"}).to_string())


if __name__ == "__main__":
    main()
