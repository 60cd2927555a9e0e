"""What no lead can exceed is never exceeded, and says as much as a count of its events can."""

import datetime as dt

import pandas as pd
from hypothesis import given

import leadscore as ls
from leadscore.base.days import day_number
from leadscore.rulebook.plan import compiled
from leadscore.scoring.search import most_behaviour
from leadscore.scoring.timeline import Timeline
from tests.scoring import test_format2
from tests.scoring.test_replay import SOME, periods, tables_of
from tests.support import strategies2


def check_most(tables, rulebook, first, last):
    timeline = Timeline(compiled(rulebook), tables, first, last)
    most = most_behaviour(timeline)
    for day in range(first, last + 1):
        bound = timeline.everyone(day)
        assert (bound.behaviour <= most[bound.lead]).all()
    return most


@SOME
@given(periods())
def test_no_lead_has_more_behaviour_than_the_most(drawn):
    case, start, end = drawn
    rulebook = ls.Rulebook.from_dict(case.document)
    check_most(tables_of(case, rulebook), rulebook, day_number(start), day_number(end))


@test_format2.FEW
@given(strategies2.cases())
def test_no_lead_has_more_behaviour_than_the_most_by_format_2(case):
    rulebook = test_format2.rulebook_of(case)
    last = day_number(case.as_of)
    check_most(test_format2.tables_of(case, rulebook), rulebook, last - 10, last + 2)


def test_the_most_is_what_events_give_that_have_just_happened():
    rules = [
        {"points": 10, "half_life_days": 7, "count": "each", "group": "web"},
        {"points": 4, "count": "daily", "within_days": 3},
        {"points": 5, "count": "once"},
        {"points": -20},
        {"from": {1: 2, 2: -3, 3: 1}, "count": "each"},
        {"from": {0: 3, 1: -1}, "count": "each"},
    ]
    behaviour = [{"name": f"R{place}", "event": "visit", **rule} for place, rule in enumerate(rules)]
    document = {"leadscore": 1, "name": "x", "behaviour": behaviour, "qualify": {"threshold": 1}}
    book = ls.Rulebook.from_dict(document | {"groups": {"web": {"at_most": 25}}})
    at = ["2026-03-01T09:00Z", "2026-03-01T10:00Z", "2026-03-20T09:00Z"]
    events = pd.DataFrame({"lead_id": "a", "event": "visit", "at": at})
    tables = ls.load_tables(pd.DataFrame({"lead_id": ["a", "b"]}), events, rulebook=book)
    most = check_most(tables, book, day_number(dt.date(2026, 3, 1)), day_number(dt.date(2026, 3, 31)))
    assert most.tolist() == [1000 * (25 + 8 + 5 + 0 + 2 + 3), 3000]
