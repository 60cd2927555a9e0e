"""Snapshots in which it is known what tells: a rulebook sees one half of it, a column beside it the other."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

import leadscore as ls
from leadscore.learn.rows.snapshots import Snapshots

START = dt.date(2026, 1, 5)
WITHIN = 30
BOOK = ls.Rulebook.from_dict(
    {
        "leadscore": 1,
        "name": "current",
        "fit": [{"name": "Size", "column": "size", "from": {n: n for n in range(1, 21)}}],
        "behaviour": [{"name": "Visit", "event": "visit", "points": 8, "count": "once"}],
        "qualify": {"threshold": 15, "hand_raise": {"event": "demo", "within_days": 5}},
    }
)


@dataclass(frozen=True)
class World:
    """Snapshots, and for each row the rulebook's total, what it does not see, and the true chance."""

    snapshots: Snapshots
    total: np.ndarray
    unseen: np.ndarray
    chance: np.ndarray


def world(n, seed, *, per_point=0.15, seen=1.0, visits=1.0, unseen=1.0, weeks=20, times=1, turns=0.0, level=-2.8):
    """Make `n` rows of leads that come evenly over weeks.

    The log odds grow by `per_point` for each point of size, and as many for a visit times `visits`, both times `seen`,
    and for each of an unseen score of the same distribution times `unseen`. With `times` a lead stands in so many weeks
    with one outcome. With `turns` one half tells more in some weeks, the other in the others.
    """
    rng = np.random.default_rng(seed)
    leads = n // times
    size, visit = rng.integers(1, 21, leads), rng.random(leads) < 0.5
    other = rng.integers(1, 21, leads) + 8.0 * visits * (rng.random(leads) < 0.5)
    came = rng.integers(0, 7 * weeks, leads)
    turn = turns * rng.choice([-1, 1], weeks)[came // 7]
    known = size + 8.0 * visits * visit
    middle = 10.5 + 4 * visits
    odds = level + per_point * ((seen + turn) * (known - middle) + (unseen - turn) * (other - middle))
    chance = 1 / (1 + np.exp(-odds))
    won = rng.random(leads) < chance

    ids = np.array([f"L-{number}" for number in range(leads)])
    day = np.datetime64(START) + came
    demo = rng.random(leads) < 0.1
    events = pd.concat(
        pd.DataFrame({"lead_id": ids[rows], "event": kind, "at": day[rows]})
        for kind, rows in (("visit", visit), ("demo", demo))
    )
    frame = pd.DataFrame({"lead_id": ids, "size": size, "region": rng.choice(["north", "south"], leads)})
    tables = ls.load_tables(frame, events, rulebook=BOOK, columns=["region"])
    lead = np.repeat(np.arange(leads, dtype=np.int32), times)
    on = day[lead] + 7 * np.tile(np.arange(times), leads)
    index = pd.MultiIndex.from_arrays([ids[lead], on], names=["lead_id", "as_of"])
    features = pd.DataFrame({"size": size[lead], "visit": visit[lead], "unseen": other[lead]}, index=index)
    last = START + dt.timedelta(days=7 * (weeks + times) + WITHIN)
    y = pd.Series(won[lead], index, dtype="boolean")
    since = on.astype(np.int64)
    snapshots = Snapshots(features, y, {}, tables, lead, since, "sal", WITHIN, last, False, [])
    return World(snapshots, (size + 8.0 * visit)[lead], other[lead], chance[lead])
