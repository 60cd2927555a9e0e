"""Results of `leadscore.drift` in which lead ids, columns, values, rules, events and rulebook have the names given."""

import datetime as dt
import json
from functools import cache

import numpy as np
import pandas as pd

import leadscore as ls
from leadscore.drift.balance.today import balance_today
from leadscore.drift.cohorts import weekly_cohorts
from tests.support.hostile import as_id, printable

START, WEEKS, CHANGED, A_WEEK = dt.date(2025, 1, 6), 34, 28, 22


def _column(one):
    return printable(f"column {one}")


def _book(one, other):
    fit = {"name": printable(f"fit {one}"), "column": _column(one), "points": {printable(f"{other}."): 20}}
    behaviour = {"name": printable(one), "event": printable(f"event {other}"), "points": 10, "count": "each"}
    about = {"leadscore": 1, "name": printable(other), "version": printable(one)}
    return ls.Rulebook.from_dict(about | {"fit": [fit], "behaviour": [behaviour], "qualify": {"threshold": 30}})


def _frames(one, other):
    """Leads and events: a few leads a week, who do three times as much from a week on."""
    rng = np.random.default_rng(0)
    n = WEEKS * A_WEEK
    created = pd.Timestamp(START - dt.timedelta(14)) + pd.to_timedelta(np.arange(n) * 7 / A_WEEK, unit="D")
    ids = np.array([f"{as_id(one)}{number}" for number in range(n)], object)
    values = np.array([one, printable(f"{other}.")], object)[rng.integers(0, 2, n)]
    leads = pd.DataFrame({"lead_id": ids, "created_at": created, _column(one): values})
    busy = np.repeat(np.arange(n), rng.poisson(np.where(np.arange(n) < CHANGED * A_WEEK, 1, 3)))
    at = created[busy] + pd.Timedelta(days=1)
    events = pd.DataFrame({"lead_id": ids[busy], "event": printable(f"event {other}"), "at": at})
    return leads, events


def _tables(one, other):
    return ls.load_tables(*_frames(one, other), rulebook=_book(one, other))


@cache
def _state():
    """The weeks of plain names, counted once: names change no sum."""
    monitor = ls.BalanceMonitor(_book("A", "B"), by=_column("A"), reference_weeks=26, horizon_weeks=1, budget=0.9)
    end = START + dt.timedelta(7 * WEEKS - 1)
    for cohort in weekly_cohorts(_tables("A", "B"), monitor.rulebook, start=START, end=end, by=monitor.by):
        monitor.update(*cohort)
    return monitor.to_json()


def _monitor(one, other):
    state = json.loads(_state())
    del state["checksum"]
    state |= {"rulebook": _book(one, other).to_yaml(), "by": [_column(one)]}
    renamed = {"fit A": printable(f"fit {one}"), "A": printable(one)}
    values = {"A": one, "B.": printable(f"{other}.")}
    for week in state["weeks"]:
        for side in (week["pool"], week["mqls"]):
            side["rules"] = {renamed[name]: points for name, points in side["rules"].items()}
            rows = {values[name]: sums for name, sums in side["segments"][_column("A")].items()}
            side["segments"] = {_column(one): rows}
    monitor = ls.BalanceMonitor.from_json(json.dumps(state))
    assert monitor.verdict.state == "alarm"
    assert monitor.verdict.top_rule == printable(one)
    return monitor


def _balance(one, other):
    """Of the leads of the last weeks, half of which sales took."""
    leads, events = _frames(one, other)
    came = leads["created_at"] + pd.Timedelta(days=9)
    rows = pd.concat(
        pd.DataFrame({"lead_id": leads["lead_id"], "stage": stage, "at": came + pd.Timedelta(days=after)})[::step]
        for stage, step, after in (("mql", 1, 0), ("sal", 2, 1))
    )
    book = _book(one, other)
    end = START + dt.timedelta(7 * WEEKS - 1)
    tables = ls.load_tables(leads, events, rows, rulebook=book, observed_until=end)
    return balance_today(tables, book, end=end)


RESULTS = {
    "BalanceToday": _balance,
    "BalanceVerdict": lambda one, other: _monitor(one, other).verdict,
    "Causes": lambda one, other: _monitor(one, other).causes(),
    "Diagnosis": lambda one, other: _monitor(one, other).causes().diagnoses[0],
    "DriftReport": lambda one, other: ls.drift_report(_monitor(one, other), _tables(one, other)),
}
