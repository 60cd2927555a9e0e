"""Counts, windows, rounding and limits: what a rule is worth, and what a group and the totals make of it."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

import leadscore as ls
from tests.support.one_lead import AS_OF, VISITS, days_ago, document, event, total


@pytest.mark.parametrize(
    ("limits", "visits", "points"),
    [
        ({}, 3, -30),
        ({"at_least": -20}, 3, -20),
        ({"at_least": -20}, 1, -10),
        ({"at_least": -20}, 2, -20),
        ({"at_most": -20}, 1, -20),
        ({"at_most": -20}, 0, -20),
        ({"at_most": -20}, 3, -30),
        ({"at_least": 5}, 0, 5),
        ({"at_least": 5}, 3, 5),
        ({"at_least": -5, "at_most": -5}, 0, -5),
        ({"at_most": 20}, 3, -30),
    ],
)
@pytest.mark.parametrize("level", ["rule", "group", "totals"])
def test_negative_points_and_limits_at_each_level(level, limits, visits, points):
    rule = {"event": "visit", "points": -10, "count": "each"}
    if level == "rule":
        made = document(behaviour=[rule | limits])
    elif level == "group":
        made = document(behaviour=[rule | {"group": "g"}], groups={"g": limits})
    else:
        made = document(behaviour=[rule], totals={"behaviour": limits})
    made["qualify"]["threshold"] = -100
    assert total(made, events=days_ago(*range(visits))) == points


@pytest.mark.parametrize(
    ("visits", "unsubscribes", "points"),
    [(0, 0, 0), (1, 0, 15), (2, 0, 20), (2, 1, -10), (3, 1, 5), (0, 2, -40), (9, 1, 20)],
)
def test_a_group_is_summed_before_its_limits(visits, unsubscribes, points):
    """Two visits and an unsubscribe are 30 - 40 = -10: the cap of 20 does not bite before the deduction is in."""
    made = document(
        behaviour=[
            {"event": "visit", "points": 15, "group": "g"},
            {"event": "unsubscribe", "points": -40, "group": "g"},
        ],
        groups={"g": {"at_least": -40, "at_most": 20}},
        qualify={"threshold": -100},
    )
    events = days_ago(*range(visits)) + days_ago(*range(unsubscribes), event="unsubscribe")
    assert total(made, events=events) == points


@pytest.mark.parametrize(("at_most", "points"), [(None, -10), (20, -20)])
def test_a_rules_own_limit_comes_before_its_groups(at_most, points):
    rule = {"event": "visit", "points": 15, "group": "g"} | ({"at_most": at_most} if at_most else {})
    made = document(
        behaviour=[rule, {"event": "unsubscribe", "points": -40, "group": "g"}],
        groups={"g": {"at_most": 20}},
        qualify={"threshold": -100},
    )
    assert total(made, events=days_ago(0, 1) + days_ago(0, event="unsubscribe")) == points


@pytest.mark.parametrize(
    ("ages", "points"),
    [([], 0), ([0], 8), ([1], 4), ([3, 1, 2], 4), ([1, 1], 4), ([0, 9], 8), ([10], 0.008), ([13], 0.001)],
)
def test_once_is_worth_the_most_recent_day(ages, points):
    rule = {"event": "visit", "points": 8, "half_life_days": 1, "count": "once"}
    assert total(document(behaviour=[rule]), events=days_ago(*ages)) == points


@pytest.mark.parametrize(
    ("count", "ages", "points"),
    [
        ("each", [0, 0, 0, 1], 4),
        ("daily", [0, 0, 0, 1], 2),
        ("once", [0, 0, 0, 1], 1),
        ("each", [0, 6], 2),
        ("each", [0, 7], 1),  # a window of 7 days holds the ages 0 to 6
        ("daily", [7], 0),
        ("once", [-1, 7], 0),
    ],
)
def test_counts_and_windows(count, ages, points):
    rule = {"event": "visit", "points": 1, "count": count, "within_days": 7}
    assert total(document(behaviour=[rule]), events=days_ago(*ages)) == points


@pytest.mark.parametrize(
    ("rule", "points"),
    [
        ({"points": 1}, 0),
        ({"points": 1, "at_least": 5}, 5),
        ({"points": 1, "at_most": -5}, -5),
        ({"from": {0: 7, 1: 1}}, 7),
        ({"from": {1: 1}}, 0),
        ({"from": {0: 7, 1: 1}, "at_most": 3}, 3),
        ({"from": {0: -7, 1: 1}, "count": "once"}, -7),
        ({"from": {0: 7, 1: 1}, "count": "each", "within_days": 1}, 7),
    ],
)
@pytest.mark.parametrize("events", ["none", "no table", "of another kind", "too late", "of another lead"])
def test_a_lead_without_events(rule, points, events):
    made = document(behaviour=[{"event": "visit", **rule}], qualify={"threshold": -100})
    rulebook = ls.Rulebook.from_dict(made)
    rows = {
        "none": [],
        "no table": None,
        "of another kind": [event(AS_OF, "call")],
        "too late": [event(AS_OF + dt.timedelta(days=1))],
        "of another lead": [event(AS_OF) | {"lead_id": "b"}],
    }[events]
    table = None if rows is None else pd.DataFrame(rows, columns=["lead_id", "event", "at"])
    tables = ls.load_tables(pd.DataFrame({"lead_id": ["a", "b"]}), table, rulebook=rulebook)
    scores = ls.score(tables, rulebook, as_of=AS_OF)
    assert scores.frame.loc["a", "behaviour"] == points
    before_limits = rule.get("from", {}).get(0, 0)
    assert scores.points.loc["a", "behaviour 0"] == before_limits
    reason = scores.reasons(1).loc["a", "reason_1"]
    assert (reason == "behaviour 0") if before_limits else pd.isna(reason)
    if events == "of another lead":
        assert scores.points.loc["b", "behaviour 0"] == rule.get("points", 1)


def test_inactivity_points_end_with_the_first_event():
    made = document(behaviour=[{"event": "visit", "from": {0: -7, 1: 2}, "within_days": 30}], qualify={"threshold": -9})
    assert total(made) == -7
    assert total(made, events=days_ago(30)) == -7
    assert total(made, events=days_ago(29)) == 2


def test_no_leads_at_all():
    rulebook = ls.Rulebook.from_dict(document(fit=[{"column": "c", "points": {"x": 1}}], behaviour=VISITS["behaviour"]))
    nobody = pd.DataFrame({"lead_id": [], "c": []}, dtype=object)
    for events in (None, pd.DataFrame({"lead_id": [], "event": [], "at": []}, dtype=object)):
        scores = ls.score(ls.load_tables(nobody, events, rulebook=rulebook), rulebook, as_of=AS_OF)
        assert len(scores) == len(scores.frame) == len(scores.points) == len(scores.reasons()) == 0
        assert list(scores.frame) == [
            "fit",
            "behaviour",
            "total",
            "segment",
            "threshold",
            "qualified",
            "via",
            "blocked_by",
            "grade",
        ]
        assert "0 of 0 leads qualify" in repr(scores)


@pytest.mark.parametrize("days", [1, 1000])
def test_a_lead_with_100_000_events(days):
    rules = [{"event": "visit", "points": 1, "count": count} for count in ("each", "daily", "once")]
    rules += [{"event": "visit", "from": {99_999: 1, 100_000: 2, 100_001: 3}, "count": "each"}]
    rules += [{"event": "visit", "from": {1: 1, 1000: 2, 1001: 3}}]
    rulebook = ls.Rulebook.from_dict(document(behaviour=rules))
    at = np.datetime64("2026-03-31T12:00") - np.arange(100_000) % days * np.timedelta64(1, "D")
    events = pd.DataFrame({"lead_id": "a", "event": "visit", "at": at})
    tables = ls.load_tables(pd.DataFrame({"lead_id": ["a", "b"]}), events, rulebook=rulebook)
    points = ls.score(tables, rulebook, as_of=AS_OF).points
    assert points.loc["a"].tolist() == [100_000, days, 1, 2, 1 if days == 1 else 2]
    assert points.loc["b"].tolist() == [0, 0, 0, 0, 0]
