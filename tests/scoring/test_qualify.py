"""Who qualifies: thresholds, minima, never, hand-raise, segments and grades."""

import pytest

import leadscore as ls
from tests.support.one_lead import days_ago, document, one


@pytest.mark.parametrize(("threshold", "qualified"), [(7.123, True), (7.124, False), (7.122, True)])
def test_a_threshold_to_the_thousandth(threshold, qualified):
    rules = [{"event": "visit", "points": 10, "half_life_days": 10}, {"event": "call", "points": 0.054}]
    events = days_ago(5) + days_ago(0, event="call")  # 7.071 + 0.054 = 7.125, so 7.123 is met and ...
    made = document(behaviour=rules, fit=[{"when": {"n": 1}, "points": -0.002}], qualify={"threshold": threshold})
    row = one(made, {"n": 1}, events)  # 7.125 - 0.002
    assert (row["total"], row["qualified"], row["via"]) == (7.123, qualified, "score" if qualified else None)


@pytest.mark.parametrize(
    ("minimum", "qualified"),
    [
        ({}, True),
        ({"minimum_fit": 5}, True),
        ({"minimum_fit": 5.001}, False),
        ({"minimum_behaviour": 20}, True),
        ({"minimum_behaviour": 20.001}, False),
        ({"minimum_fit": 5, "minimum_behaviour": 20}, True),
    ],
)
def test_minimums_just_met_and_missed(minimum, qualified):
    made = document(
        fit=[{"column": "n", "from": {1: 5, 2: 50}}],
        behaviour=[{"event": "visit", "points": 20, "count": "each"}],
        qualify={"threshold": 10} | minimum,
    )
    assert one(made, {"n": 1}, days_ago(0))["qualified"] == qualified


@pytest.mark.parametrize(("minimum", "qualified"), [({"minimum_fit": 5}, True), ({"minimum_fit": 6}, False)])
def test_minimums_are_held_against_fit_after_its_limits(minimum, qualified):
    made = document(
        fit=[{"when": {"n": 1}, "points": 50}], totals={"fit": {"at_most": 5}}, qualify={"threshold": 0} | minimum
    )
    if not qualified:
        with pytest.raises(ls.RulebookError, match="no lead can reach 6"):
            ls.Rulebook.from_dict(made)
        return
    assert one(made, {"n": 1})["qualified"] == qualified


HAND_RAISE = {"hand_raise": {"event": "demo", "within_days": 30}, "threshold": 10}


RIVAL = {
    "never": [
        {"name": "Rival", "when": {"domain": "rival.example"}},
        {"name": "Any", "when": {"domain": {"known": True}}},
    ]
}


SPAM = {"never": [{"name": "Spam", "event": "complaint", "within_days": 7}]}


DEMO, TEN_DAYS = days_ago(0, event="demo"), days_ago(*range(10))


@pytest.mark.parametrize(
    ("qualify", "lead", "events", "outcome"),
    [
        pytest.param(HAND_RAISE, {}, DEMO, (True, "hand_raise", None), id="raised"),
        pytest.param(
            HAND_RAISE, {}, days_ago(29, event="demo"), (True, "hand_raise", None), id="last day of the window"
        ),
        pytest.param(HAND_RAISE, {}, days_ago(30, event="demo"), (False, None, None), id="a day past the window"),
        pytest.param(HAND_RAISE, {}, days_ago(-1, event="demo"), (False, None, None), id="tomorrow"),
        pytest.param(HAND_RAISE, {}, TEN_DAYS, (True, "score", None), id="by score"),
        pytest.param(HAND_RAISE, {}, TEN_DAYS[1:], (False, None, None), id="one point short"),
        pytest.param(HAND_RAISE, {}, [*TEN_DAYS, *DEMO], (True, "hand_raise", None), id="both"),
        pytest.param(HAND_RAISE | RIVAL, {"domain": "Rival.Example "}, DEMO, (False, None, "Rival"), id="rival"),
        pytest.param(HAND_RAISE | RIVAL, {"domain": "x"}, DEMO, (False, None, "Any"), id="the second entry"),
        pytest.param(HAND_RAISE | RIVAL, {"domain": None}, DEMO, (True, "hand_raise", None), id="no domain"),
        pytest.param(
            HAND_RAISE | SPAM, {}, DEMO + days_ago(6, event="complaint"), (False, None, "Spam"), id="complaint"
        ),
        pytest.param(
            HAND_RAISE | SPAM,
            {},
            DEMO + days_ago(7, -1, event="complaint"),
            (True, "hand_raise", None),
            id="an old complaint and one to come",
        ),
        pytest.param(
            HAND_RAISE | SPAM, {}, TEN_DAYS + days_ago(0, event="complaint"), (False, None, "Spam"), id="score blocked"
        ),
    ],
)
def test_never_then_hand_raise_then_score(qualify, lead, events, outcome):
    row = one(document(behaviour=[{"event": "visit", "points": 1}], qualify=qualify), lead, events)
    assert (row["qualified"], row["via"], row["blocked_by"]) == outcome


@pytest.mark.parametrize(("age", "via", "blocked"), [(29, "hand_raise", None), (30, None, None), (6, None, "Spam")])
def test_windows_hold_for_each_who_waits_for_an_event(age, via, blocked):
    """A rule without a window waits for the same event: the hand-raise and the `never` keep theirs."""
    never = [{"name": "Spam", "event": "demo", "within_days": 7}]
    made = document(behaviour=[{"event": "demo", "points": 1}], qualify=HAND_RAISE | {"threshold": 1, "minimum_fit": 0})
    made["qualify"] |= {"never": never, "threshold": 2}
    made["behaviour"].append({"name": "older", "event": "demo", "points": 0, "within_days": 99, "at_most": 0})
    made["fit"] = [{"name": "one more", "when": {"n": 1}, "points": 1}]
    row = one(made, {"n": 0}, days_ago(age, event="demo"))
    assert (row["via"], row["blocked_by"], row["total"]) == (via, blocked, 1)


@pytest.mark.parametrize(
    ("title", "segment", "threshold", "qualified"),
    [
        ("Coordinator", "Coordinators", 60, False),
        ("Data coordinator", "Coordinators", 60, False),  # both match; the first counts
        ("Data analyst", "Data people", 20, True),
        ("CTO", None, 50, True),
        (None, None, 50, True),
    ],
)
def test_the_first_segment_that_matches_sets_the_bar(title, segment, threshold, qualified):
    segments = [
        {"name": "Coordinators", "when": {"title": {"has_word": "coordinator"}}, "threshold": 60},
        {"name": "Data people", "when": {"title": {"has_word": "data"}}, "threshold": 20},
    ]
    made = document(fit=[{"when": {"n": 1}, "points": 50}, {"when": {"n": 2}, "points": 99}])
    made["qualify"] = {"threshold": 50, "segments": segments}
    row = one(made, {"title": title, "n": 1})
    assert (row["segment"], row["threshold"], row["qualified"]) == (segment, threshold, qualified)


@pytest.mark.parametrize(
    ("bars", "value", "letters"),
    [
        ({"A": 50, "B": 20}, 50, "A"),
        ({"A": 50, "B": 20}, 49.999, "B"),
        ({"A": 50, "B": 20}, 20, "B"),
        ({"A": 50, "B": 20}, 19.999, "C"),
        ({1: 50, 2: 20}, -5, "3"),
        ({"X": 50, "Y": 20}, 0, "Z"),
        ({1: 50, 98: 20}, 0, "99"),
    ],
)
def test_grades_at_their_bars(bars, value, letters):
    made = document(fit=[{"column": "n", "from": {-99: -5, **{n: n for n in (0, 19.999, 20, 49.999, 50)}}}])
    assert one(made | {"grades": {"fit": bars}}, {"n": value})["grade"] == letters


def test_grades_that_read_alike_stay_apart():
    """1 and 11 on both sides: '1' + '11' and '11' + '1' are the same three figures, and no other lead's grade moves."""
    made = document(
        fit=[{"column": "n", "from": {0: 0, 20: 20, 50: 50}}],
        behaviour=[{"event": "visit", "points": 1}],
        grades={"fit": {1: 50, 11: 20}, "behaviour": {1: 50, 11: 0}},
    )
    found = {n: one(made, {"n": n})["grade"] for n in (0, 20, 50)}
    assert found == {0: "1211", 20: "1111", 50: "111"}
