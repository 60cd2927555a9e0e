"""A lead with events, scored by a small rulebook."""

import datetime as dt

import pandas as pd
from hypothesis import settings

import leadscore as ls
from tests.scoring.test_scoring import expected, plain
from tests.support.strategies import Case, frames

# For tests that read and write files or YAML: a quarter of the examples of the profile.
FEW = settings(max_examples=settings.default.max_examples // 4)
HALF = settings(max_examples=settings.default.max_examples // 2)
AS_OF = dt.date(2026, 3, 31)
ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]


def document(*, fit=(), behaviour=(), qualify=None, **rest):
    """A rulebook with these rules; each gets a name."""
    made = {"leadscore": 1, "name": "traps", **rest, "qualify": {"threshold": 0} | (qualify or {})}
    made["fit"] = [{"name": f"fit {n}", **rule} for n, rule in enumerate(fit)]
    made["behaviour"] = [{"name": f"behaviour {n}", **rule} for n, rule in enumerate(behaviour)]
    return made


def event(at, kind="visit", **columns):
    return {"lead_id": "a", "event": kind, "at": at, **columns}


def days_ago(*ages, event="visit"):
    """One event for each age in days."""
    return [{"lead_id": "a", "event": event, "at": AS_OF - dt.timedelta(days=age)} for age in ages]


def one(made, lead=None, events=(), as_of=AS_OF):
    """One lead's row of the frame, after `score`, `score_one` and the reference agreed on it."""
    lead = {"lead_id": "a", **(lead or {})}
    rulebook = ls.Rulebook.from_dict(made)
    columns = dict.fromkeys(["lead_id", "event", "at"] + [name for row in events for name in row])
    tables = ls.load_tables(pd.DataFrame([lead]), pd.DataFrame(list(events), columns=list(columns)), rulebook=rulebook)
    scores = ls.score(tables, rulebook, as_of=as_of)
    row = plain(scores.frame)["a"]
    assert row == expected(Case(made, [lead], list(events), as_of))["a"]
    assert row == ls.score_one(lead, events, rulebook, as_of=as_of)
    return row


def total(made, lead=None, events=(), as_of=AS_OF):
    return one(made, lead, events, as_of)["total"]


VISITS = document(behaviour=[{"event": "visit", "points": 1, "count": "each"}])


def frames_of(case: Case) -> tuple[ls.Rulebook, pd.DataFrame, pd.DataFrame]:
    leads, events = frames(case)
    return ls.Rulebook.from_dict(case.document), leads, events
