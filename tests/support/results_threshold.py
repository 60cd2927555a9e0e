"""Results of `leadscore.threshold` in which lead ids, rules, groups and ways to choose have the names given."""

import pandas as pd

import leadscore as ls
from leadscore.threshold.baselines import baselines
from leadscore.threshold.choice import choose_threshold
from leadscore.threshold.holdout import holdout_sample
from leadscore.threshold.table import threshold_table
from leadscore.threshold.trials import TrialWeek, plan_trial
from leadscore.threshold.workbench.explore import explore
from tests.support.hostile import as_id, printable

_N = 60


def _book(one, other):
    return ls.Rulebook.from_dict(
        {
            "leadscore": 1,
            "name": printable(f"a {other}"),
            "fit": [{"name": printable(f"rule {one}"), "column": "size", "from": {0: 0, 30: 20}}],
            "behaviour": [{"name": printable(f"visit {one}"), "event": "visit", "points": 10}],
            "qualify": {"threshold": 15},
        }
    )


def _ids(one):
    return [f"{as_id(one)}{number}" for number in range(_N)]


def _tables(one, other):
    came = pd.Timestamp("2026-01-05") + pd.to_timedelta([number // 3 for number in range(_N)], unit="D")
    leads = pd.DataFrame(
        {"lead_id": _ids(one), "size": range(_N), "created_at": came, "source": [one, other] * (_N // 2)}
    )
    events = pd.DataFrame({"lead_id": _ids(one)[::2], "event": "visit", "at": came[::2]})
    parts = [("mql", 1, 0), ("contacted", 1, 1), ("sal", 2, 2)]
    outcomes = pd.concat(
        pd.DataFrame({"lead_id": _ids(one)[::step], "stage": stage, "at": came[::step] + pd.Timedelta(days=days)})
        for stage, step, days in parts
    )
    book = _book(one, other)
    return ls.load_tables(leads, events, outcomes, rulebook=book, columns=["source"], observed_until="2026-03-31"), book


def _baselines(one, other):
    tables, book = _tables(one, other)
    period = {"start": "2026-01-05", "end": "2026-01-25", "capacity_per_week": 10, "stage": "sal", "within_days": 30}
    return baselines(tables, book, **period, scores={f"{other}.": pd.Series(1.0, _ids(one))})


def _table(one, other):
    names = [one, f"{other}."] * (_N // 2)
    dates = pd.date_range("2026-01-05", periods=_N)
    return threshold_table([number % 3 == 0 for number in range(_N)], range(_N), by=names, dates=dates, replicates=40)


def _what_if(one, other):
    tables, book = _tables(one, other)
    points = {printable(f"visit {one}"): {"points": 5}}
    asked = {"end": "2026-02-28", "weeks": 8, "stage": "sal", "within_days": 10, "by": "source"}
    return explore(tables, book, **asked).at(10, rules=points)


def _holdout(one, other):
    tables, book = _tables(one, other)
    return holdout_sample(ls.score(tables, book, as_of="2026-02-28"), share=0.5, random_state=1)


def _trial(_one, _other):
    """A trial has no names."""
    trial = plan_trial(baseline_rate=0.4, smallest_difference=-0.3, per_week=50)
    return trial.update(TrialWeek("2026-01-05", 1, 20, 10, 25))


RESULTS = {
    "Baselines": _baselines,
    "ThresholdTable": _table,
    "ThresholdChoice": lambda one, other: choose_threshold(_table(one, other), capacity_per_week=3),
    "WhatIf": _what_if,
    "Holdout": _holdout,
    "Trial": _trial,
}
