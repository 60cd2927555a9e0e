"""The moment of its day at which a lead qualifies is that which scoring at every moment finds, and costs no pairs."""

import datetime as dt
import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls

DAY = dt.date(2026, 3, 10)
START = dt.datetime.combine(DAY, dt.time())
POINTS = st.sampled_from([-8, -1, 1, 3, 20])
STEPS = st.dictionaries(st.integers(1, 4), POINTS, min_size=1, max_size=3)
DID = st.builds(
    lambda event, times: {"did": {"event": event, "times": times}}, st.sampled_from("abc"), st.just({"is": 1})
)
PAID = st.one_of(
    st.fixed_dictionaries({"points": POINTS, "once_per": st.sampled_from([["asset"], ["week"], ["asset", "day"]])}),
    st.fixed_dictionaries({"from": STEPS, "once_per": st.just(["asset"])}),
    st.fixed_dictionaries(
        {"points": POINTS, "count": st.sampled_from(["each", "daily", "once"]), "per": st.just(["asset"])},
        optional={"each_at_most": st.sampled_from([-2, 2, 5]), "half_life_days": st.just(2)},
    ),
    st.fixed_dictionaries({"from": STEPS, "count": st.just("each"), "per": st.just(["asset"])}),
    st.fixed_dictionaries({"points": POINTS, "sum": st.just("amount")}, optional={"per": st.just(["asset"])}),
    st.fixed_dictionaries({"from": st.dictionaries(st.integers(-2, 4), POINTS, min_size=1), "sum": st.just("amount")}),
    st.fixed_dictionaries({"points": POINTS, "count": st.just("each"), "since_last": st.sampled_from("abc")}),
    st.fixed_dictionaries({"points": POINTS, "count": st.just("each"), "after": st.sampled_from("abc")}),
    st.fixed_dictionaries({"points": POINTS, "count": st.just("each"), "when": DID}),
    st.builds(
        lambda times, points, other: {"cases": [{"times": times, "points": points}], "other": other},
        st.sampled_from([{"is": 1}, {"at_least": 2}]),
        POINTS,
        POINTS,
    ),
)


@st.composite
def crowded(draw):
    """A rulebook of format 2, and for two leads events of the days before and many of one day, at few moments."""
    rules = [
        {"name": f"R{n}", "event": draw(st.sampled_from(["a", "b", ["a", "c"]])), **draw(PAID)}
        for n in range(draw(st.integers(1, 3)))
    ]
    qualify = {"threshold": draw(st.sampled_from([0, 1, 4, 20]))}
    document = {"leadscore": 2, "name": "x", "qualify": qualify}
    if draw(st.booleans()):
        qualify["grades"] = draw(st.sampled_from([["A"], ["B"], ["A", "C"]]))
        document["grades"] = {"behaviour": {"A": 6, "B": 1, "C": -5, "D": "rest"}}
    if draw(st.booleans()):
        qualify["never"] = [{"name": "Out", "event": "d"}]
    # No threshold is out of reach, since an event that never comes would be worth so much.
    document["behaviour"] = [*rules, {"name": "Bonus", "event": "bonus", "points": 50}]
    before = st.builds(lambda ago: START - dt.timedelta(days=ago, hours=3), st.integers(0, 3))
    today = st.builds(lambda hour: START + dt.timedelta(hours=hour), st.integers(1, 5))
    event = st.fixed_dictionaries(
        {
            "lead_id": st.sampled_from(["x", "y"]),
            "event": st.sampled_from("aaabcd"),
            "at": st.one_of(before, today, today, today),
            "asset": st.sampled_from("pqr"),
            "amount": st.sampled_from([-2.0, 0.0, 1.0, 3.0]),
        }
    )
    events = draw(st.lists(event, min_size=1, max_size=14))
    return ls.Rulebook.from_dict(document), pd.DataFrame(events)


def qualifies(events, rulebook, moment):
    known = events[events["at"] <= moment]
    tables = ls.load_tables(pd.DataFrame({"lead_id": ["x", "y"]}), known, rulebook=rulebook)
    return ls.score(tables, rulebook, as_of=DAY).frame["qualified"]


@given(crowded())
def test_the_moment_is_the_first_at_which_the_lead_so_far_qualifies(drawn):
    rulebook, events = drawn
    tables = ls.load_tables(pd.DataFrame({"lead_id": ["x", "y"]}), events, rulebook=rulebook)
    found = ls.replay(tables, rulebook, start=DAY, end=DAY).frame["qualified_at"]
    moments = [START, *sorted({at for at in events["at"] if at > START})]
    held = pd.DataFrame({moment: qualifies(events, rulebook, moment) for moment in moments})
    assert set(found.index) == set(held.index[held.iloc[:, -1]])
    for lead, at in found.items():
        own = [START, *events.loc[events["lead_id"] == lead, "at"]]
        assert at == pd.Timestamp(next(one for one in moments if one in own and held.loc[lead, one]), tz="UTC")


@pytest.mark.parametrize(
    "rule",
    [
        {"points": 1, "once_per": ["asset"]},
        {"points": 1, "count": "each", "per": ["asset"], "each_at_most": 3},
        {"points": 1, "sum": "amount"},
        {"points": 1, "sum": "amount", "per": ["asset"]},
        {"from": {1: 1, 10_001: 10_001}, "sum": "amount"},
        {"points": 1, "count": "each", "since_last": "unsubscribe"},
        {"cases": [{"times": {"at_least": 10_001}, "points": 10_001}]},
    ],
)
def test_a_crowded_day_costs_no_pairs_of_its_events(rule):
    n = 20_000
    behaviour = [{"name": "Click", "event": "click", "within_days": 7, **rule}]
    if "cases" in rule:
        behaviour[0].pop("within_days")
        rule["cases"][0]["within_days"] = 7
    book = ls.Rulebook.from_dict(
        {"leadscore": 2, "name": "scanner", "behaviour": behaviour, "qualify": {"threshold": 10_001}}
    )
    at = pd.date_range("2026-01-05", periods=n, freq="1s", tz="UTC")
    # Each click of another link.
    events = pd.DataFrame({"lead_id": "a", "event": "click", "at": at, "asset": np.arange(n).astype(str), "amount": 1})
    tables = ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), events, rulebook=book)
    start = time.process_time()
    tracemalloc.start()
    history = ls.replay(tables, book, start="2026-01-05", end="2026-01-31")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - start < 4
    # A pair of two events in a byte would be 400 MB.
    assert most < 5000 * n
    assert history.frame["qualified_at"].tolist() == [at[10_000]]
