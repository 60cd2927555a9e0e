"""Rules that fire for no lead: the true reason is told, what may be meant is named, and no figure changes."""

import pandas as pd
import pytest
from hypothesis import given, settings

import leadscore as ls
from leadscore.rulebook.bounds import NOTHING, rule_range
from tests.support.engines import worlds

AS_OF = "2026-03-31"
LEADS = pd.DataFrame(
    {
        "lead_id": ["a", "b", "c"],
        "created_at": "2026-01-01",
        "country": ["United States", "United States", "Germany"],
        "title": ["VP of Sales", "vp", "Developer"],
        "topics": ["Webinars;Pricing", "Demo", None],
        "boxes": ["Webinars;Pricing", "Demo", None],
        "employees": [10, 250, 499],
        "size": ["620", "120", None],
        "revenue": None,
        "consent": [False, False, None],
        "renewal": ["2026-02-01", "2026-03-01", None],
    }
)
EVENTS = pd.DataFrame(
    {
        "lead_id": ["a", "a", "b", "c"],
        "event": ["Page View", "Page View", "webinar", "late"],
        "at": ["2026-03-20T10:00Z", "2026-03-21T10:00Z", "2025-11-02T10:00Z", "2026-04-02T10:00Z"],
        "asset": ["https://www.acme.example/pricing", "https://www.acme.example/", None, None],
    }
)


def book(fit=(), behaviour=(), **qualify):
    rules = {"fit": [{"name": "Rule", "points": 10} | rule for rule in fit]}
    rules |= {"behaviour": [{"name": "Event", "points": 10} | rule for rule in behaviour]}
    document = {"leadscore": 1, "name": "book", **rules, "qualify": {"threshold": 0, **qualify}}
    kinds = {"consent": "boolean", "employees": "number", "renewal": "date", "size": "text"}
    return ls.Rulebook.from_dict(document | {"columns": {name: {"type": kind} for name, kind in kinds.items()}})


def found(rulebook, leads=LEADS, events=EVENTS):
    """The findings on a rulebook by code and place, those on what no rule names left out."""
    scores = ls.score(ls.load_tables(leads, events, rulebook=rulebook), rulebook, as_of=AS_OF)
    rows = scores.findings
    return {(code, where): message for code, where, _, message in rows.to_numpy() if code < "LS203"}


FIT = {
    "abbreviated": ({"when": {"country": "US"}}, "country is 'US' in 0 of 3 leads; 'United States' (2) may be meant"),
    "written_out": ({"when": {"title": ["Vice President"]}}, "'vp' (1) may be meant"),
    "one_of_several_options": (
        {"when": {"topics": "Webinars"}},
        "'Webinars;Pricing' (1) has several in one cell: has_word or contains finds it",
    ),
    "more_words": ({"when": {"title": "Sales"}}, "'VP of Sales' (1) has more words: has_word or contains finds it"),
    "misspelled": ({"when": {"title": {"has_word": "developper"}}}, "'Developer' (1) may be meant"),
    "nothing_near": ({"when": {"country": ["Chad", "Peru"]}}, "it has 'United States' (2), 'Germany' (1)"),
    "empty_column": ({"when": {"revenue": {"known": True}}}, "revenue is empty in all 3 leads"),
    "empty_column_of_numbers": (
        {"column": "revenue", "points": None, "from": {5: 1}},
        "revenue is empty in all 3 leads",
    ),
    "filled_in": ({"when": {"country": {"known": False}}}, "country is filled in in all 3 leads"),
    "number_too_small": (
        {"when": {"employees": {"at_least": 500}}},
        "employees is at least 500 in 0 of 3 leads; it runs from 10 to 499",
    ),
    "steps_not_reached": (
        {"column": "employees", "points": None, "from": {500: 10}},
        "it runs from 10 to 499, the steps with points are 500",
    ),
    "date": ({"when": {"renewal": {"more_than": "2026-04-01"}}}, "it runs from 2026-02-01 to 2026-03-01"),
    "boolean": ({"when": {"consent": True}}, "consent is true in 0 of 3 leads; it is false"),
    "ranges_as_text": (
        {"column": "size", "points": {"500+ people": 10}},
        "it holds numbers, as '620' (1): write 'from:",
    ),
    "points_table": ({"column": "title", "points": {"Vice President": 10}}, "'vp' (1) may be meant"),
    "one_of_two_tests": (
        {"when": {"country": "Germany", "employees": {"at_least": 500}}},
        "employees is at least 500 in 0 of 3 leads",
    ),
    "never_together": ({"when": {"country": "Germany", "title": "vp"}}, "all together by no lead"),
    "any_of_two": (
        {"when": {"any": [{"country": "US"}, {"revenue": {"at_least": 5}}]}},
        "'United States' (2) may be meant; revenue is empty",
    ),
    "bounds_of_one_column": (
        {"when": {"employees": {"more_than": 10, "less_than": 250}}},
        "employees is less than 250",
    ),
    "too_few_options": (
        {"column": "boxes", "points": None, "from": {2: 0, 3: 10}},
        "boxes gives points to 0 of 3 leads; the most that any lead has is 2 options, the steps with points are 3",
    ),
    "not": ({"when": {"not": {"country": {"known": True}}}}, "each of its tests"),
}


@pytest.mark.parametrize("name", FIT)
def test_why_a_fit_rule_fired_for_no_lead(name):
    rule, reason = FIT[name]
    rule = {key: value for key, value in rule.items() if value is not None or key != "points"}
    rule = {"name": "Rule"} | rule if rule.get("from") else {"name": "Rule", "points": 10} | rule
    document = book().to_dict() | {"fit": [rule]}
    kinds = {"revenue": {"type": "number"}, "boxes": {"type": "options"}}
    rulebook = ls.Rulebook.from_dict(document | {"leadscore": 2, "columns": document["columns"] | kinds})
    messages = found(rulebook)
    assert messages.keys() == {("LS201", "Rule")}
    assert messages["LS201", "Rule"].startswith("fired for no lead: ")
    assert reason in messages["LS201", "Rule"]


@pytest.mark.parametrize(
    "when",
    [
        {"country": "united states"},
        {"topics": {"contains": "webinars"}},
        {"employees": {"at_least": 400}},
        {"size": "120"},
    ],
)
def test_a_rule_that_fires_is_no_finding(when):
    assert found(book([{"when": when}])) == {}


EVENT = {
    "no_such_event": ({"event": "page_view"}, "no event is called 'page_view'; 'Page View' (2) may be meant"),
    "nothing_near": ({"event": "demo"}, "no event is called 'demo'; it has 'Page View' (2), 'webinar' (1), 'late' (1)"),
    "full_address": (
        {"event": "page view", "where": {"asset": {"starts_with": "/pricing"}}},
        "0 of 2 events; 'https://www.acme.example/pricing' (1) is a full address: contains finds it",
    ),
    "empty_asset": ({"event": "webinar", "where": {"asset": "/"}}, "asset is empty in the only event"),
    "out_of_the_window": (
        {"event": "webinar", "within_days": 30},
        "1 event fits, none in the 30 days up to 2026-03-31: the latest is of 2025-11-02",
    ),
    "worn_off": ({"event": "webinar", "fade_days": 20}, "none in the 20 days up to 2026-03-31"),
    "still_to_come": ({"event": "late"}, "1 event fits after 2026-03-31 only: the first is of 2026-04-02"),
    "too_few": (
        {"event": "page view", "from": {3: 5}, "count": "each"},
        "the most that any lead has is 2 of the 3 it takes",
    ),
    "too_few_days": ({"event": "page view", "from": {3: 5}}, "the most that any lead has is 2 of the 3 it takes"),
}


@pytest.mark.parametrize("name", EVENT)
def test_why_a_behaviour_rule_fired_for_no_lead(name):
    part, reason = EVENT[name]
    rule = {"name": "Rule"} | ({} if "from" in part else {"points": 10}) | part
    messages = found(ls.Rulebook.from_dict(book().to_dict() | {"behaviour": [rule]}))
    assert messages.keys() == {("LS201", "Rule")}
    assert reason in messages["LS201", "Rule"]


@pytest.mark.parametrize(
    "part",
    [
        {"event": "page view", "within_days": 11},
        {"event": "page view", "where": {"asset": {"contains": "/pricing"}}},
        {"event": "webinar"},
        {"event": "page view", "from": {2: 5}},
        {"event": "nothing", "from": {0: -5, 1: 0}},
    ],
)
def test_a_behaviour_rule_that_fires_is_no_finding(part):
    rule = {"name": "Rule"} | ({} if "from" in part else {"points": 10}) | part
    assert found(ls.Rulebook.from_dict(book().to_dict() | {"behaviour": [rule]})) == {}


def test_a_window_ends_to_the_day():
    for days, fired in ((12, True), (11, True), (10, False)):
        messages = found(book(behaviour=[{"event": "page view", "within_days": days}]))
        assert (messages == {}) is fired


def test_never_segments_and_the_hand_raise_are_looked_at_too():
    never = [{"name": "Rival", "when": {"title": "CEO"}}, {"name": "Left", "event": "unsubscribe"}]
    segments = [{"name": "Home", "when": {"country": "US"}, "threshold": 5}]
    messages = found(book(never=never, segments=segments, hand_raise={"event": "Webinars", "within_days": 30}))
    assert messages.keys() == {
        ("LS201", name) for name in ("never: Rival", "never: Left", "segment: Home", "hand_raise")
    }
    assert messages["LS201", "segment: Home"].startswith("holds for no lead: ")
    assert messages["LS201", "hand_raise"].endswith("'webinar' (1) may be meant")


def test_without_events_one_line_says_so():
    behaviour = [{"name": name, "event": name} for name in ("visit", "demo")]
    assert found(book(behaviour=behaviour), events=None) == {
        ("LS201", "events"): "2 rules fired for no lead: there are no events"
    }


def test_leads_that_come_later_are_told():
    leads = LEADS.assign(created_at=["2026-04-02", "2026-01-01", "2026-01-01"])
    messages = found(book([{"when": {"employees": 10}}]), leads)
    assert messages["LS201", "Rule"] == "fired for no lead: 1 lead that it fits came after 2026-03-31"


def test_rows_of_leads_that_are_valid_from_a_day():
    """They are few here: there is a row of nobody's behind them, which is none to look at."""
    leads = pd.concat([LEADS, LEADS[:1].assign(country="France")]).assign(
        valid_from=["2026-01-01"] * 3 + ["2026-03-01"]
    )
    for country, fires in {"France": True, "United States": True, "Spain": False}.items():
        assert (("LS201", "Rule") in found(book([{"when": {"country": country}}]), leads)) is not fires


def test_values_that_a_rule_lists_and_no_lead_has():
    table = {"column": "title", "points": {"vp": 10, "Vice President": 5, "Chief": 5}}
    messages = found(book([table]))
    assert messages == {("LS202", "Rule"): "no lead's title is 'Vice President' or 'Chief'"}
    # A value of a list that is not there is worth a word only where another may be meant.
    assert found(book([{"when": {"country": ["Germany", "Peru"]}}])) == {}
    messages = found(book([{"when": {"country": ["Germany", "US"]}}]))
    assert messages == {("LS202", "Rule"): "no lead's country is 'US'; 'United States' (2) may be meant"}
    messages = found(book(behaviour=[{"event": ["webinar", "page_view"]}]))
    assert messages == {("LS202", "Event"): "no event is called 'page_view'; 'Page View' (2) may be meant"}


def unnamed(rulebook, leads=LEADS):
    rows = ls.score(ls.load_tables(leads, EVENTS, rulebook=rulebook), rulebook, as_of=AS_OF).findings
    return [tuple(row) for row in rows.to_numpy() if row[0] >= "LS203"]


def test_what_no_rule_names():
    rules = book([{"when": {"country": ["Germany"]}}], [{"event": "webinar"}])
    assert unnamed(rules) == [
        ("LS203", "events", 3, "2 event names that no rule names: 'Page View' (2), 'late' (1)"),
        ("LS204", "leads.country", 2, "1 value that no rule names: 'United States' (2)"),
    ]
    both = LEADS.assign(country=["US", "United States", "US"])
    assert unnamed(book([{"when": {"country": "US"}}], [{"event": ["page view", "webinar", "late"]}]), both) == [
        ("LS204", "leads.country", 1, "1 value that no rule names: 'United States' (1); 'United States' may mean 'US'")
    ]
    # Of a column that keeps leads out, or counts with others, most values are not meant to be named.
    others = [{"when": {"country": "Germany", "title": "vp"}}]
    assert unnamed(book(others, [{"event": ["page view", "webinar", "late"]}])) == []
    # A column that a rule looks into otherwise has no values that nobody looks at.
    looked_into = [{"name": "Other", "when": {"country": {"contains": "a"}}}]
    assert (
        unnamed(book([{"when": {"country": "Germany"}}, *looked_into], [{"event": ["page view", "webinar", "late"]}]))
        == []
    )


def test_people_see_the_first_lines_and_programs_all():
    rules = [{"name": f"Rule {number}", "when": {"country": f"X{number}"}} for number in range(15)]
    scores = ls.score(ls.load_tables(LEADS, None, rulebook=book(rules)), book(rules), as_of=AS_OF)
    assert len(scores.to_dict()["findings"]) == len(scores.findings) == 16
    assert "Rule 9 " in repr(scores)
    assert "Rule 10" not in repr(scores)
    assert "and 6 more: `findings` has all" in repr(scores)


def test_a_replay_looks_at_all_its_days():
    rulebook = book(behaviour=[{"event": "webinar", "within_days": 30}])
    loaded = ls.load_tables(LEADS, EVENTS, rulebook=rulebook)
    early = ls.replay(loaded, rulebook, start="2025-11-15", end="2026-03-31")
    late = ls.replay(loaded, rulebook, start="2026-01-15", end="2026-03-31")
    assert "LS201" not in early.findings["code"].tolist()
    assert late.findings["code"].tolist() == ["LS201", "LS203"]
    assert "Findings" in repr(late)


@settings(max_examples=100)
@given(worlds())
def test_a_rule_is_named_where_it_gave_no_lead_points(world):
    rulebook, frames, as_of = world
    scores = ls.score(ls.load_tables(*frames, rulebook=rulebook, as_of=as_of), rulebook, as_of=as_of)
    silent = {name for name in scores.points if not scores.points[name].any()}
    named = set(scores.findings["where"][scores.findings["code"] == "LS201"])
    assert named & {*scores.points} <= silent
    paid = {rule.name for rule in rulebook.fit if rule_range(rulebook, rule) != NOTHING}
    assert not len(scores) or silent & paid <= named
