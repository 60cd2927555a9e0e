"""A year of leads, with or without a change in its last months, watched week by week."""

import datetime as dt

import leadscore as ls
from leadscore.datasets.funnel import make_funnel

SPAN = {"start": "2025-02-10", "end": "2026-03-29"}
CHANGED = dt.date(2025, 12, 1)
WEEK = dt.timedelta(7)


def made_with(scenario):
    start = None if scenario == "stable" else CHANGED
    world = {"random_state": 3, "days": 440, "end": SPAN["end"], "events_per_lead": 12}
    return make_funnel(9_000, scenario=scenario, scenario_start=start, **world)


def read(made, **more):
    return ls.load_tables(made.leads, made.events, rulebook=made.rulebook, columns=["source"], **more)


def watched(made, tables, end=SPAN["end"]):
    monitor = ls.BalanceMonitor(made.rulebook, by=["source"], reference_weeks=26)
    for cohort in ls.drift.weekly_cohorts(tables, made.rulebook, start=SPAN["start"], end=end, by=["source"]):
        monitor.update(*cohort)
    return monitor
