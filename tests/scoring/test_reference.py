"""The examples of the rulebook's page, format 2, worked out by hand; and what the reference scorer keeps to itself.

Each test of an example asks `scorer(document, lead, events, as_of, outcomes)`, which gives the lead's row of scores
with fit, behaviour, total and threshold in points; and, for accounts, `account_scorer`, which gives them by their ids.
"""

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from leadscore.base.text import normalise
from leadscore.rulebook.kinds import event_kinds, event_sums, lead_kinds
from tests.support import reference, strategies, strategies2

LAST_OF_MARCH = dt.date(2026, 3, 31)
IN_POINTS = ("fit", "behaviour", "total", "threshold")


def by_reference(document, lead, events=(), as_of=LAST_OF_MARCH, outcomes=()):
    row = reference.score(document, [lead], list(events), as_of, outcomes)[lead["lead_id"]]
    return row | {name: row[name] / 1000 for name in IN_POINTS if row[name] is not None}


def accounts_by_reference(document, leads, events=(), as_of=LAST_OF_MARCH, outcomes=()):
    found = reference.score_accounts(document, leads, list(events), as_of, outcomes)
    return {name: row | {"score": row["score"] / 1000} for name, row in found.items()}


def tables_of(rulebook, leads, events, outcomes):
    kinds = {"lead_id": [], "event": [], "at": []}
    events = (
        pd.DataFrame(list(events)) if events else pd.DataFrame(kinds | {name: [] for name in event_columns(rulebook)})
    )
    for name in event_columns(rulebook):
        events[name] = events.get(name)
    outcomes = pd.DataFrame(list(outcomes), columns=["lead_id", "stage", "at"])
    return ls.load_tables(pd.DataFrame(list(leads)), events, outcomes, rulebook=rulebook)


def event_columns(rulebook):
    return [*event_kinds(rulebook), *event_sums(rulebook)]


def by_score(document, lead, events=(), as_of=LAST_OF_MARCH, outcomes=()):
    rulebook = ls.Rulebook.from_dict(document)
    lead = dict.fromkeys(lead_kinds(rulebook)) | lead
    scores = ls.score(tables_of(rulebook, [lead], list(events), outcomes), rulebook, as_of=as_of)
    row = scores.frame.astype(object)
    return {"label": None} | row.where(row.notna(), None).loc[lead["lead_id"]].to_dict()


def by_score_one(document, lead, events=(), as_of=LAST_OF_MARCH, outcomes=()):
    rulebook = ls.Rulebook.from_dict(document)
    lead = dict.fromkeys(lead_kinds(rulebook)) | lead
    return {"label": None} | ls.score_one(lead, events, rulebook, as_of=as_of, outcomes=outcomes)


def by_score_accounts(document, leads, events=(), as_of=LAST_OF_MARCH, outcomes=()):
    rulebook = ls.Rulebook.from_dict(document)
    found = ls.score_accounts(tables_of(rulebook, leads, list(events), outcomes), rulebook, as_of=as_of)
    points = found.points * 1000
    return {
        normalise(name): row | {"qualified": bool(row["qualified"]), "points": points.loc[name].to_dict()}
        for name, row in found.frame.to_dict("index").items()
    }


@pytest.fixture(params=[by_reference, by_score, by_score_one], ids=["reference", "score", "score_one"])
def scorer(request):
    return request.param


@pytest.fixture(params=[accounts_by_reference, by_score_accounts], ids=["reference", "score_accounts"])
def account_scorer(request):
    return request.param


def book(**parts):
    """A rulebook of format 2 in which rules need no names."""
    document = {"leadscore": 2, "name": "acme", "qualify": {"threshold": 0}} | parts
    for side in ("fit", "behaviour"):
        if side in parts:
            document[side] = [{"name": f"{side} {place}"} | rule for place, rule in enumerate(parts[side])]
    return document


def person(**columns):
    return {"lead_id": "L"} | columns


def on(*days, event="visit", **columns):
    """Events on days of March 2026, or on other days where a date is written."""
    written = [f"2026-03-{day:02}" if isinstance(day, int) else day for day in days]
    at = [dt.datetime.fromisoformat(day) + dt.timedelta(hours=12) for day in written]
    return [{"lead_id": "L", "event": event, "at": moment} | columns for moment in at]


def came_to(stage, *days):
    return [{"lead_id": "L", "stage": stage, "at": event["at"]} for event in on(*days)]


def march(day):
    return dt.date(2026, 3, day)


# ------------------------------------------------------------------------------------------------------ conditions


@pytest.mark.parametrize(
    ("end", "points"),
    [
        (dt.date(2026, 3, 31), 10),
        (dt.date(2026, 6, 29), 10),  # 90 days
        (dt.date(2026, 6, 30), 0),  # 91
        (dt.date(2026, 3, 30), 0),
        (None, 0),
    ],
)
def test_days_ahead(scorer, end, points):
    document = book(fit=[{"when": {"contract_end": {"days_ahead": {"at_most": 90}}}, "points": 10}])
    assert scorer(document, person(contract_end=end), (), LAST_OF_MARCH, ())["fit"] == points


@pytest.mark.parametrize(
    ("created", "as_of", "points"),
    [("2026-03-31", 31, 1), ("2026-03-25", 31, 1), ("2026-03-24", 31, 0), (None, 31, 0)],
)
def test_days_ago_today_or_one_of_the_six_days_before(scorer, created, as_of, points):
    document = book(fit=[{"when": {"created_at": {"days_ago": {"less_than": 7}}}, "points": 1}])
    lead = person(created_at=created and dt.datetime.fromisoformat(created))
    assert scorer(document, lead, (), march(as_of), ())["fit"] == points


@pytest.mark.parametrize(("end", "points"), [(1, 1), (0, 0), (2, 0), (-1, 0)])
def test_days_ahead_tomorrow(scorer, end, points):
    document = book(fit=[{"when": {"trial_end": {"days_ahead": 1}}, "points": 1}])
    lead = person(trial_end=march(15) + dt.timedelta(days=end))
    assert scorer(document, lead, (), march(15), ())["fit"] == points


@pytest.mark.parametrize(("ahead", "plain", "turned"), [(7, 0, 1), (0, 1, 0), (-6, 1, 0), (-7, 0, 1), (None, 0, 0)])
def test_days_ago_of_a_day_to_come_does_not_hold(scorer, ahead, plain, turned):
    test = {"meeting": {"days_ago": {"less_than": 7}}}
    document = book(fit=[{"when": test, "points": 1}, {"when": {"not": test}, "points": 10}])
    lead = person(meeting=None if ahead is None else march(15) + dt.timedelta(days=ahead))
    assert scorer(document, lead, (), march(15), ())["fit"] == plain + 10 * turned


def test_days_ago_and_days_ahead_hold_only_today(scorer):
    test = {"days_ago": {"at_most": 9}, "days_ahead": {"at_most": 9}}
    document = book(fit=[{"when": {"meeting": test}, "points": 1}])
    days = [march(15) + dt.timedelta(days=step) for step in (-1, 0, 1)]
    assert [scorer(document, person(meeting=day), (), march(15), ())["fit"] for day in days] == [0, 1, 0]


@pytest.mark.parametrize(
    ("cell", "points"),
    [("api;Pricing;Blog", 15), ("Blog", 1), ("API;api", 5), ("", -2), (";;", -2), (["api", "Pricing"], 15)],
)
def test_options_points(scorer, cell, points):
    rule = {"column": "interests", "points": {"Pricing": 10, "API": 5}, "other": 1, "missing": -2}
    document = book(columns={"interests": {"type": "options", "separator": ";"}}, fit=[rule])
    assert scorer(document, person(interests=cell), (), LAST_OF_MARCH, ())["fit"] == points


@pytest.mark.parametrize(("cell", "points"), [("a;b;A", 2), ("a;b;c", 6), (None, 0)])
def test_options_from(scorer, cell, points):
    document = book(columns={"channels": {"type": "options"}}, fit=[{"column": "channels", "from": {1: 2, 3: 6}}])
    assert scorer(document, person(channels=cell), (), LAST_OF_MARCH, ())["fit"] == points


@pytest.mark.parametrize(("cell", "points"), [("Live chat;Phone", 0), ("Phone; CHAT", 10), ("chat", 10), ("", 0)])
def test_has_option(scorer, cell, points):
    document = book(fit=[{"when": {"channels": {"has_option": "Chat"}}, "points": 10}])
    assert scorer(document, person(channels=cell), (), LAST_OF_MARCH, ())["fit"] == points


def test_has_option_of_two_at_once(scorer):
    both = {"all": [{"c": {"has_option": "A"}}, {"c": {"has_option": "B"}}]}
    document = book(fit=[{"when": both, "points": 10}])
    assert [scorer(document, person(c=c), (), LAST_OF_MARCH, ())["fit"] for c in ("a;b", "a;c", "b")] == [10, 0, 0]


@pytest.mark.parametrize(("domain", "points"), [("GMX.net", 1), ("gmx.com", 10), (None, 0)])
def test_in_list(scorer, domain, points):
    test = {"email_domain": {"in_list": "free mail"}}
    document = book(
        lists={"free mail": ["gmail.com", "gmx.net"]},
        fit=[{"when": test, "points": 1}, {"when": {"not": test}, "points": 10}],
    )
    assert scorer(document, person(email_domain=domain), (), LAST_OF_MARCH, ())["fit"] == points


@pytest.mark.parametrize(("country", "employees", "points"), [("us", 1000, 10), ("US", 999, 0), ("NO", 1000, 0)])
def test_conditions_with_names(scorer, country, employees, points):
    conditions = {
        "target market": {"country": ["US", "CA", "GB"]},
        "big target": {"all": ["target market", {"employees": {"at_least": 1000}}]},
    }
    document = book(conditions=conditions, fit=[{"name": "Big", "when": "big target", "points": 10}])
    lead = person(country=country, employees=employees)
    assert scorer(document, lead, (), LAST_OF_MARCH, ())["fit"] == points


def quiet(days, points):
    created = {"created_at": {"days_ago": {"at_least": days}}}
    return {"when": {"all": [created, {"not": {"did": {"event": "visit", "within_days": days}}}]}, "points": points}


@pytest.mark.parametrize(
    ("created", "visits", "points"),
    [
        ("2026-03-30", [], 0),
        ("2024-05-05", [], -30),
        ("2024-05-05", [20], 0),  # 11 days ago
        ("2024-05-05", [1], -10),  # 30 days ago
        ("2024-05-05", [2], 0),  # 29
    ],
)
def test_did_inactivity(scorer, created, visits, points):
    document = book(behaviour=[quiet(30, -10), quiet(90, -20)])
    lead = person(created_at=dt.datetime.fromisoformat(created))
    assert scorer(document, lead, on(*visits), LAST_OF_MARCH, ())["behaviour"] == points


@pytest.mark.parametrize(
    ("pages", "points"),
    [
        (on(31, 31, 31, event="page_view", asset="/pricing"), 1),  # events, not days
        (on(18, 19, 20, event="page_view", asset="/pricing/eu"), 1),  # 13 to 11 days ago
        (on(17, 19, 20, event="page_view", asset="/pricing"), 0),  # 14 days ago is out of the window
        (on(18, 19, event="page_view", asset="/pricing") + on(20, event="page_view", asset="/"), 0),
    ],
)
def test_did_so_many_times(scorer, pages, points):
    where, times = {"asset": {"starts_with": "/pricing"}}, {"at_least": 3}
    did = {"event": "page_view", "where": where, "within_days": 14, "times": times}
    document = book(behaviour=[{"when": {"did": did}, "points": 1}])
    assert scorer(document, person(), pages, LAST_OF_MARCH, ())["behaviour"] == points


@pytest.mark.parametrize(("minutes", "points"), [((10, 20), 1), ((10, 19.999), 0), ((10, None), 0), ((), 0)])
def test_did_for_a_sum(scorer, minutes, points):
    document = book(
        behaviour=[{"when": {"did": {"event": "video", "sum": {"minutes": {"at_least": 30}}}}, "points": 1}]
    )
    videos = [event for one in minutes for event in on(20, event="video", minutes=one)]
    assert scorer(document, person(), videos, LAST_OF_MARCH, ())["behaviour"] == points


# ----------------------------------------------------------------------------------------------------------- rules


@pytest.mark.parametrize(
    ("title", "points"), [("Director & General Manager", 10), ("Analyst", 2), (None, -3), ("Chief of Staff", 15)]
)
def test_cases_of_a_fit_rule(scorer, title, points):
    cases = [
        {"name": "C-level", "when": {"job_title": {"has_word": ["ceo", "chief"]}}, "points": 15},
        {"when": {"job_title": {"has_word": ["vp", "director"]}}, "points": 10},
        {"when": {"job_title": {"has_word": "manager"}}, "points": 5},
        {"when": {"job_title": {"known": False}}, "points": -3},
    ]
    document = book(fit=[{"name": "Title", "cases": cases, "other": 2}])
    assert scorer(document, person(job_title=title), (), LAST_OF_MARCH, ())["fit"] == points


@pytest.mark.parametrize(
    ("days", "points"), [((28, 29, 30), 100), ((30, 10, 10), 75), ((20,), 50), ((20, 21), 0), ((17,), 0), ((), 0)]
)
def test_cases_of_a_behaviour_rule(scorer, days, points):
    cases = [
        {"times": {"at_least": 3}, "within_days": 7, "points": 100},
        {"times": {"at_least": 3}, "within_days": 30, "points": 75},
        {"times": {"is": 1}, "within_days": 14, "points": 50},
    ]
    document = book(behaviour=[{"name": "Clicked any email", "event": "email_click", "cases": cases}])
    clicks = on(*days, event="email_click")
    assert scorer(document, person(), clicks, LAST_OF_MARCH, ())["behaviour"] == points


@pytest.mark.parametrize(
    ("title", "floor", "points"),
    [
        ("Student", {}, -20),
        ("Buyer", {}, 0),
        (None, {}, 0),
        ("Buyer", {"at_least": 5}, 0),
        ("Student", {"at_least": 5}, 5),
    ],
)
def test_when_on_a_behaviour_rule(scorer, title, floor, points):
    rule = {"event": "page_view", "where": {"asset": {"starts_with": "/careers"}}, "points": -20, "count": "once"}
    document = book(behaviour=[rule | {"when": {"job_title": {"has_word": "student"}}} | floor])
    pages = on(1, 9, event="page_view", asset="/careers/now")
    assert scorer(document, person(job_title=title), pages, LAST_OF_MARCH, ())["behaviour"] == points


@pytest.mark.parametrize(("pricing", "demo", "points"), [(31, 18, 15), (31, 17, 0), (18, 18, 15)])
def test_when_without_event(scorer, pricing, demo, points):
    both = [{"did": {"event": name, "within_days": 14}} for name in ("pricing", "demo")]
    document = book(behaviour=[{"name": "Pricing and demo", "when": {"all": both}, "points": 15}])
    events = on(pricing, event="pricing") + on(demo, event="demo")
    assert scorer(document, person(), events, LAST_OF_MARCH, ())["behaviour"] == points


def test_once_per(scorer):
    document = book(behaviour=[{"event": "email_open", "points": 5, "once_per": "asset"}])
    opens = on(2, 5, event="email_open", asset="m1") + on(2, event="email_open", asset="m2")
    assert scorer(document, person(), opens, LAST_OF_MARCH, ())["behaviour"] == 10


def test_once_per_with_a_half_life(scorer):
    document = book(behaviour=[{"event": "email_open", "points": 8, "once_per": "asset", "half_life_days": 29}])
    opens = on(2, 31, event="email_open", asset="m1") + on(2, event="email_open", asset="m2")
    assert scorer(document, person(), opens, LAST_OF_MARCH, ())["behaviour"] == 12


def test_once_per_missing_values_are_one_value(scorer):
    document = book(missing_values=["n/a"], behaviour=[{"event": "email_open", "points": 5, "once_per": "asset"}])
    opens = [event for asset in (None, "", "N/A", "m1", " M1") for event in on(2, event="email_open", asset=asset)]
    assert scorer(document, person(), opens, LAST_OF_MARCH, ())["behaviour"] == 10


@pytest.mark.parametrize(("products", "points"), [("a", 0), ("ab", 5), ("abc", 15), ("aaab", 5)])
def test_once_per_with_from(scorer, products, points):
    rule = {"event": "page_view", "once_per": "product", "within_days": 30, "from": {2: 5, 3: 15}}
    pages = [event for product in products for event in on(20, event="page_view", product=product)]
    assert scorer(book(behaviour=[rule]), person(), pages, LAST_OF_MARCH, ())["behaviour"] == points


@pytest.mark.parametrize(
    ("word", "days", "points"),
    [
        ("week", (1, 2), 6),  # a Sunday and a Monday
        ("week", (2, 8), 3),
        ("month", ("2026-02-28", 1, 31), 6),
        ("day", (1, 1, 2), 6),
        (["asset", "day"], (1, 1, 2), 6),
    ],
)
def test_once_per_day_week_and_month(scorer, word, days, points):
    document = book(behaviour=[{"event": "visit", "points": 3, "once_per": word}])
    assert scorer(document, person(), on(*days), LAST_OF_MARCH, ())["behaviour"] == points


WEBCAST = {
    "behaviour": [
        {"name": name, "event": name, "points": points, "group": "webcasts"}
        for name, points in (("open", 4), ("click", 10), ("form", 10), ("attended", 10))
    ],
    "groups": {"webcasts": {"per": "program", "each_at_most": 20, "at_most": 50}},
}


def webcast(program, *names):
    return [event for name in names for event in on(20, event=name, program=program)]


def test_per_of_a_group(scorer):
    events = webcast("w1", "open", "click", "form", "attended")
    row = scorer(book(**WEBCAST), person(), events, LAST_OF_MARCH, ())
    assert row["behaviour"] == 20  # 34


def test_per_of_a_group_and_its_own_limit(scorer):
    events = [event for name in ("w1", "w2") for event in webcast(name, "form", "attended")]
    events += webcast("w3", "open", "click", "form", "attended")
    assert scorer(book(**WEBCAST), person(), events, LAST_OF_MARCH, ())["behaviour"] == 50  # 20 + 20 + 20


@pytest.mark.parametrize(("views", "points"), [({"s1": 8}, 7), ({"s1": 7, "s2": 7}, 0), ({"s1": 8, "s2": 9}, 14)])
def test_per_with_from(scorer, views, points):
    rule = {"event": "page_view", "count": "each", "per": "session", "from": {8: 7}}
    pages = [event for session, n in views.items() for event in on(*[9] * n, event="page_view", session=session)]
    assert scorer(book(behaviour=[rule]), person(), pages, LAST_OF_MARCH, ())["behaviour"] == points


@pytest.mark.parametrize(("views", "points"), [({"a": 2}, 6), ({"a": 1, "b": 1}, 8), ({"a": 2, "b": 1}, 9)])
def test_per_with_each_at_most(scorer, views, points):
    rule = {"event": "page_view", "points": 4, "count": "each", "per": "asset", "each_at_most": 6, "at_most": 9}
    pages = [event for asset, n in views.items() for event in on(*[9] * n, event="page_view", asset=asset)]
    assert scorer(book(behaviour=[rule]), person(), pages, LAST_OF_MARCH, ())["behaviour"] == points


@pytest.mark.parametrize(
    ("paid", "minutes", "points"),
    [
        ({"from": {10: 5, 30: 12}}, [4.5, 5.5], 5),
        ({"from": {10: 5, 30: 12}}, [4.5, 5.499], 0),
        ({"from": {10: 5, 30: 12}}, ["4.5", "25.5"], 12),
        ({"points": 0.25}, [12.502], 3.126),  # 3.1255
        ({"points": 0.25}, [0.002], 0),  # 0.0005
        ({"points": 1, "at_least": -30, "at_most": 30}, [20, -5], 15),
        ({"points": 1, "at_least": -30, "at_most": 30}, [-50], -30),
        ({"points": 1}, [3, None], 3),
    ],
)
def test_sum(scorer, paid, minutes, points):
    document = book(behaviour=[{"event": "video", "sum": "minutes", "within_days": 90} | paid])
    videos = [event for one in minutes for event in on(20, event="video", minutes=one)]
    assert scorer(document, person(), videos, LAST_OF_MARCH, ())["behaviour"] == points


@pytest.mark.parametrize(
    ("success", "points"), [("2026-02-18", 20), ("2026-02-19", 0), ("2026-01-09", 0), ("2026-01-10", 20)]
)
def test_after(scorer, success, points):
    after = {"event": "trial", "within_days": 40}
    rule = {"event": "program_success", "after": after, "points": 20, "once_per": "month"}
    events = on("2026-01-10", event="trial") + on(success, event="program_success")
    assert scorer(book(behaviour=[rule]), person(), events, LAST_OF_MARCH, ())["behaviour"] == points


@pytest.mark.parametrize(("left", "points"), [((), 0), ((2,), 10), ((3,), 10), ((4,), 0)])
def test_after_with_just_a_name(scorer, left, points):
    document = book(behaviour=[{"event": "subscribe", "after": "unsubscribe", "points": 10, "count": "once"}])
    events = on(3, event="subscribe") + on(*left, event="unsubscribe")
    assert scorer(document, person(), events, LAST_OF_MARCH, ())["behaviour"] == points


@pytest.mark.parametrize(
    ("as_of", "points"), [(dt.date(2026, 1, 31), 0), (dt.date(2026, 2, 15), -40), (march(4), -40), (march(5), 0)]
)
def test_since_last(scorer, as_of, points):
    rule = {"event": "unsubscribe", "since_last": "subscribe", "points": -40, "count": "once"}
    events = on("2026-01-10", 5, event="subscribe") + on("2026-02-10", event="unsubscribe")
    assert scorer(book(behaviour=[rule]), person(), events, as_of, ())["behaviour"] == points


def test_since_last_on_one_day_the_reset_wins(scorer):
    rule = {"event": "unsubscribe", "since_last": "subscribe", "points": -40}
    events = on(5, event="unsubscribe") + on(5, event="subscribe")
    assert scorer(book(behaviour=[rule]), person(), events, LAST_OF_MARCH, ())["behaviour"] == 0


@pytest.mark.parametrize(("stages", "blocked"), [({"won": 5}, "Customer"), ({}, None)])
def test_stage_in_never(scorer, stages, blocked):
    never = [{"name": "Customer", "stage": "won", "since_last": {"stage": "recycled"}}]
    document = book(behaviour=[{"event": "visit", "points": 10}], qualify={"threshold": 10, "never": never})
    outcomes = [row for stage, day in stages.items() for row in came_to(stage, day)]
    row = scorer(document, person(), on(1), LAST_OF_MARCH, outcomes)
    assert (row["blocked_by"], row["qualified"]) == (blocked, blocked is None)


RESTARTS = {"restart": {"stage": ["rejected", "recycled"]}, "qualify": {"threshold": 30}}


@pytest.mark.parametrize(
    ("day", "points"), [(2, 20), (3, 30), (9, 50), (10, 0), (19, 0), (20, 10), (21, 20), (22, 30), (23, 40)]
)
def test_restart(scorer, day, points):
    document = book(behaviour=[{"event": "visit", "points": 10}], **RESTARTS)
    visits, rejected = on(*range(1, 6), *range(20, 24)), came_to("rejected", 10)
    row = scorer(document, person(), visits, march(day), rejected)
    assert (row["behaviour"], row["qualified"]) == (points, points >= 30)


def test_restart_on_the_day_itself(scorer):
    document = book(behaviour=[{"event": "visit", "points": 10}], **RESTARTS)
    noon = on(10)[0]
    visits = [noon | {"at": noon["at"] + dt.timedelta(hours=hours)} for hours in (-11, 11)]
    assert scorer(document, person(), visits, march(11), came_to("rejected", 10))["behaviour"] == 0


def test_keep_on_restart(scorer):
    kept = {"event": "unsubscribe", "points": -15, "count": "once", "keep_on_restart": True}
    document = book(behaviour=[{"event": "visit", "points": 10}, kept], **RESTARTS)
    events = on(1, event="visit") + on(2, event="unsubscribe")
    assert scorer(document, person(), events, march(12), came_to("recycled", 10))["behaviour"] == -15


def test_restart_is_not_for_never_and_segments_but_for_hand_raises(scorer):
    did = {"did": {"event": "visit"}}
    qualify = {
        "threshold": 30,
        "hand_raise": [{"event": "visit"}, {"event": "call", "when": did}],
        "never": [{"name": "Called", "event": "call", "after": "visit"}],
        "segments": [{"name": "Visitors", "when": did, "threshold": 0}],
    }
    rules = [{"when": did, "points": 10}, {"event": "never comes", "points": 100}]
    document = book(behaviour=rules, restart={"event": "back"}, qualify=qualify)
    row = scorer(document, person(), on(1) + on(10, event="back"), march(12), ())
    assert (row["behaviour"], row["segment"], row["via"]) == (0, "Visitors", "score")
    row = scorer(document, person(), on(1) + on(10, event="back") + on(11, event="call"), march(12), ())
    assert (row["behaviour"], row["segment"], row["blocked_by"]) == (0, "Visitors", "Called")


@pytest.mark.parametrize(("day", "points"), [(9, 0), (10, 9), (20, 9), (21, 0)])
def test_active_from_and_active_until(scorer, day, points):
    rule = {"event": "booth", "points": 9, "active_from": march(10), "active_until": march(20)}
    document = book(behaviour=[rule])
    assert scorer(document, person(), on(5, event="booth"), march(day), ())["behaviour"] == points


def test_where_at_keeps_the_points_of_a_campaign(scorer):
    where = {"at": {"between": [march(1), march(15)]}}
    document = book(behaviour=[{"event": "booth", "where": where, "points": 9}])
    events = on("2026-02-28", 1, 15, 16, event="booth")
    assert scorer(document, person(), events, LAST_OF_MARCH, ())["behaviour"] == 18


def test_weight_percent(scorer):
    rule = {"weight_percent": 35, "column": "industry", "points": {"Software": 100, "Finance": 75}}
    assert scorer(book(fit=[rule]), person(industry="Finance"), (), LAST_OF_MARCH, ())["fit"] == 26.25


@pytest.mark.parametrize(("visits", "points"), [((1,), 2), ((1, 2, 3, 4), 8), ((1, 2, 3, 4, 5), 8)])
def test_weight_percent_of_a_group_and_a_total(scorer, visits, points):
    document = book(
        behaviour=[{"event": "visit", "points": 10, "group": "web"}],
        groups={"web": {"weight_percent": 50, "at_most": 40}},
        totals={"behaviour": {"weight_percent": 40}},
    )
    assert scorer(document, person(), on(*visits), LAST_OF_MARCH, ())["behaviour"] == points


def test_weight_percent_of_all_three(scorer):
    document = book(
        fit=[{"column": "n", "points": {1: 50}, "weight_percent": 50, "group": "g"}],
        groups={"g": {"weight_percent": 40}},
    )
    assert scorer(document, person(n=1), (), LAST_OF_MARCH, ())["fit"] == 10


# ------------------------------------------------------------------------------ grades, labels, who qualifies, accounts


@pytest.mark.parametrize(
    ("fit", "visits", "grade", "label"),
    [
        (50, 5, "A+1", "Hot"),
        (49, 3, "A2", "Warm"),
        (-1, 0, "F4", "Cold"),
        (0, 1, "D3", "Cold"),
        (30, 1, "A-3", "Cold"),
    ],
)
def test_grades_with_rest_and_labels(scorer, fit, visits, grade, label):
    document = book(
        fit=[{"column": "n", "points": {n: n for n in (50, 49, 30, -1)}}],
        behaviour=[{"event": "visit", "points": 10}],
        grades={
            "fit": {"A+": 50, "A": 40, "A-": 30, "D": 0, "F": "rest"},
            "behaviour": {1: 50, 2: 30, 3: 10, 4: "rest"},
        },
        labels={"Hot": ["A+1", "A1"], "Warm": ["A2", "A+1"], "Cold": "rest"},
    )
    row = scorer(document, person(n=fit), on(*range(1, visits + 1)), LAST_OF_MARCH, ())
    assert (row["grade"], row["label"]) == (grade, label)


@pytest.mark.parametrize(("visits", "qualified", "label"), [(3, True, "Hot"), (2, False, None), (0, False, None)])
def test_qualify_by_grades(scorer, visits, qualified, label):
    document = book(
        behaviour=[{"event": "visit", "points": 10}],
        grades={"behaviour": {1: 30, 2: 10}},
        labels={"Hot": ["1"]},
        qualify={"grades": ["1"]},
    )
    row = scorer(document, person(), on(*range(1, visits + 1)), LAST_OF_MARCH, ())
    assert (row["qualified"], row["label"], row["threshold"]) == (qualified, label, None)


def test_hand_raise_of_several(scorer):
    hands = [
        {"name": "Contact", "event": "contact_us", "within_days": 30},
        {"name": "Trial with a business domain", "event": "trial", "when": "business domain"},
    ]
    document = book(
        conditions={"business domain": {"not": {"email_domain": "gmail.com"}}},
        behaviour=[{"event": "visit", "points": 10}],
        qualify={"threshold": 10, "hand_raise": hands},
    )
    given_domains = ["acme.example", "gmail.com", None]
    trials = [scorer(document, person(email_domain=d), on(9, event="trial"), LAST_OF_MARCH, ()) for d in given_domains]
    assert [row["via"] for row in trials] == ["hand_raise", None, None]
    contacts = [scorer(document, person(), on(day, event="contact_us"), LAST_OF_MARCH, ()) for day in (1, 2)]
    assert [row["via"] for row in contacts] == [None, "hand_raise"]


def test_constants(scorer):
    document = book(
        constants={"strong": 20, "weak": 5, "a month": 30},
        behaviour=[{"event": "webinar", "points": "strong", "within_days": "a month", "at_most": "weak"}],
        qualify={"threshold": "weak"},
    )
    rows = [scorer(document, person(), on(day, event="webinar"), LAST_OF_MARCH, ()) for day in (1, 2)]
    assert [(row["behaviour"], row["threshold"]) for row in rows] == [(0, 5), (5, 5)]


ACCOUNT = {
    "id": "account_id",
    "rules": [
        {"name": "Best person", "best": "total", "at_most": 60},
        {"name": "Engaged people", "people": {"behaviour": {"at_least": 20}}, "from": {2: 10, 3: 25}},
        {
            "name": "Decision maker",
            "people": {"all": [{"role": "Decision maker"}, {"behaviour": {"more_than": 0}}]},
            "points": 20,
        },
        {"name": "Roles covered", "people": {"behaviour": {"more_than": 0}}, "once_per": "role", "from": {2: 5, 3: 15}},
        {"name": "All they did", "sum": "behaviour", "at_most": 50},
    ],
    "threshold": 100,
}


def test_account(account_scorer):
    document = book(
        fit=[{"column": "title", "points": {"VP": 30, "Analyst": 5, "Student": 1}}],
        behaviour=[{"event": "visit", "points": 10, "count": "each"}],
        qualify={"threshold": 50, "never": [{"name": "Student", "when": {"title": "Student"}}]},
        account=ACCOUNT,
    )
    people = [
        ("VP", "Decision maker", "A"),
        ("Analyst", "User", " a"),
        ("Student", "Champion", "A"),
        ("VP", "User", None),
    ]
    leads = [
        {
            "lead_id": title + str(account),
            "title": title,
            "role": role,
            "account_id": account,
            "behaviour": -1,
        }  # hidden
        for title, role, account in people
    ]
    numbers = {"VPA": 4, "Analyst a": 2, "StudentA": 9, "VPNone": 9}
    events = [event | {"lead_id": lead} for lead, n in numbers.items() for event in on(*[20] * n)]
    found = account_scorer(document, leads, events, LAST_OF_MARCH, ())
    assert {name: (row["score"], row["qualified"], row["people"]) for name, row in found.items()} == {
        "a": (145, True, 2)
    }


# -------------------------------------------------------------------------------------- of the reference scorer itself


def test_reference_lines_name_each_limit():
    document = book(
        behaviour=[
            {
                "name": "Pages",
                "event": "page",
                "points": 4,
                "count": "each",
                "per": ["program", "day"],
                "each_at_most": 6,
            }
            | {"at_most": 9},
            *WEBCAST["behaviour"],
        ],
        groups=WEBCAST["groups"],
    )
    events = webcast("w1", "open", "click", "form", "attended", "page", "page") + webcast("w2", "page", "page")
    lines = by_reference(document, person(), events)["lines"]
    assert lines == [
        ("Pages", 16_000),
        ("limit Pages per program, day", -4_000),
        ("limit Pages", -3_000),
        ("open", 4_000),
        ("click", 10_000),
        ("form", 10_000),
        ("attended", 10_000),
        ("limit webcasts per program", -14_000),
    ]


@given(strategies.cases())
def test_reference_scores_format_1_as_ever_when_it_says_2(case):
    found = reference.score(case.document, *case[1:])
    assert found == reference.score(case.document | {"leadscore": 2}, *case[1:])


@given(strategies2.cases())
def test_reference_lines_sum_to_the_score(case):
    document, leads, events, outcomes, as_of = case
    for row in reference.score(document, leads, events, as_of, outcomes).values():
        assert sum(points for _, points in row["lines"]) == row["total"] == row["fit"] + row["behaviour"]
    if "account" in document:
        for row in reference.score_accounts(document, leads, events, as_of, outcomes).values():
            assert sum(points for _, points in row["lines"]) == row["score"]


@given(strategies2.cases(), st.data())
def test_reference_joins_what_is_in_several_files(case, data):
    document, leads, events, outcomes, as_of = case
    main, files = data.draw(strategies2.in_files(document))
    wanted = reference.score(document, leads, events, as_of, outcomes)
    assert reference.score(main, leads, events, as_of, outcomes, files=files) == wanted


@given(strategies2.cases())
def test_reference_does_not_depend_on_the_order_of_rows(case):
    document, leads, events, outcomes, as_of = case
    wanted = reference.score(document, leads, events, as_of, outcomes)
    assert reference.score(document, leads[::-1], events[::-1], as_of, outcomes[::-1]) == wanted


@given(strategies2.cases())
def test_reference_does_not_see_what_comes_after_the_day(case):
    document, leads, events, outcomes, as_of = case
    zone = reference.setting_of(document, as_of).zone
    events_then, outcomes_then = (
        [row for row in rows if reference.local_day(row["at"], zone) <= as_of] for rows in (events, outcomes)
    )
    wanted = reference.score(document, leads, events, as_of, outcomes)
    assert reference.score(document, leads, events_then, as_of, outcomes_then) == wanted
