"""Why a score moved: parts that sum exactly to the change, each with its cause."""

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leadscore as ls
from tests.scoring.test_replay import grown, periods, tables_of

FEW = settings(max_examples=settings.default.max_examples // 3)


@FEW
@given(st.one_of(periods(), grown()), st.booleans())
def test_parts_sum_exactly_to_the_change(drawn, edited):
    case, t1, t2 = drawn
    rulebook = ls.Rulebook.from_dict(case.document)
    new = None
    if edited:
        rules = [rule | {"name": f"new {n}"} for n, rule in enumerate(case.document.get("behaviour", [])[1:])]
        new = ls.Rulebook.from_dict(case.document | {"behaviour": rules, "totals": {}, "qualify": {"threshold": -999}})
    tables = tables_of(case, rulebook)
    before = ls.score(tables, rulebook, as_of=t1)
    after = ls.score(tables, rulebook if new is None else new, as_of=t2)
    for lead in after.lead_ids:
        there = lead in before.lead_ids
        change = ls.explain_change(tables, rulebook, lead, before=t1, after=t2, new=new)
        parts = (change.lines["points"] * 1000).round().astype(int).groupby(change.lines["side"]).sum()
        for side in ("fit", "behaviour"):
            moved = after.frame.loc[lead, side] - (before.frame.loc[lead, side] if there else 0)
            assert parts.get(side, 0) == round(moved * 1000)
        assert (change.lines["points"] != 0).all()
        assert ("created" in set(change.lines["cause"])) <= (not there)


@FEW
@given(periods())
def test_nothing_moves_in_no_time(drawn):
    case, day, _ = drawn
    rulebook = ls.Rulebook.from_dict(case.document)
    tables = tables_of(case, rulebook)
    for lead in ls.score(tables, rulebook, as_of=day).lead_ids:
        assert len(ls.explain_change(tables, rulebook, lead, before=day, after=day).lines) == 0
        assert len(ls.explain_change(tables, rulebook, lead, before=day, after=day, new=rulebook).lines) == 0


def changed(rule, events, *, t1="2026-03-10", t2="2026-03-20", leads=None, new=None, **rest):
    """(cause, line, events, points) of each part, for a book of one behaviour rule."""
    document = {"leadscore": 1, "name": "traps", "qualify": {"threshold": 0}, **rest}
    document["behaviour"] = [{"name": "Visit", "event": "visit", **rule}]
    book = ls.Rulebook.from_dict(document)
    leads = pd.DataFrame({"lead_id": ["a"]} if leads is None else leads)
    at = [dt.datetime.combine(dt.date(2026, 3, day), dt.time(12)) for day in events]
    happened = pd.DataFrame({"lead_id": "a", "event": "visit", "at": pd.Series(at, dtype="datetime64[us]")})
    edited = book if new is None else ls.Rulebook.from_dict(document | new)
    tables = ls.load_tables(leads, happened, rulebook=[book, edited])
    lines = ls.explain_change(tables, book, "a", before=t1, after=t2, new=edited if new else None).lines
    return list(lines.drop(columns="side").itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("rule", "events", "parts"),
    [
        ({"points": 8}, [5], []),
        ({"points": 8}, [5, 12], [("new events", "Visit", 1, 8)]),
        ({"points": 8}, [12, 12, 13], [("new events", "Visit", 2, 16)]),
        ({"points": 8, "count": "each"}, [12, 12, 13], [("new events", "Visit", 3, 24)]),
        ({"points": 8, "within_days": 12}, [5, 8, 9], [("window closed", "Visit", 2, -16)]),
        ({"points": 8, "half_life_days": 10}, [10], [("decay", "Visit", 1, -4)]),
        ({"points": -8, "half_life_days": 10}, [10], [("decay", "Visit", 1, 4)]),
        (
            {"points": 8, "count": "once", "half_life_days": 10},
            [10, 20],
            [("decay", "Visit", 1, -4), ("new events", "Visit", 1, 4)],
        ),
        ({"from": {1: 3, 3: 10}}, [5, 12, 13], [("new events", "Visit", 2, 7)]),
        ({"from": {1: 3, 2: 10}, "within_days": 15}, [5, 6], [("window closed", "Visit", 1, -7)]),
        # It came and went between the two days: nothing of it is left, and nothing is said.
        ({"points": 8, "within_days": 3}, [12], []),
        # Three new visits, of which the cap takes back one.
        (
            {"points": 8, "at_most": 16},
            [12, 13, 14],
            [("new events", "Visit", 3, 24), ("limits", "limit Visit", 0, -8)],
        ),
        # The cap bit before; what fades under it moves nothing.
        (
            {"points": 8, "at_most": 4, "half_life_days": 10},
            [10],
            [("decay", "Visit", 1, -4), ("limits", "limit Visit", 0, 4)],
        ),
    ],
)
def test_each_cause_by_name(rule, events, parts):
    assert sorted(changed(rule, events)) == sorted(parts)


def test_an_edit_of_the_lead():
    leads = {"lead_id": ["a", "a"], "country": ["FR", "US"], "valid_from": ["2026-01-01", "2026-03-15"]}
    fit = [{"name": "Home", "when": {"country": ["US"]}, "points": 5}]
    assert changed({"points": 1}, [], leads=leads, fit=fit) == [("attributes", "Home", 0, 5)]
    assert changed({"points": 1}, [], leads=leads, fit=fit, t1="2026-03-15") == []


def test_an_edit_of_the_rulebook():
    new = {"behaviour": [{"name": "Visit", "event": "visit", "points": 10}], "totals": {"behaviour": {"at_most": 15}}}
    assert changed({"points": 8}, [5, 6], new=new) == [
        ("rulebook", "Visit", 0, 4),
        ("rulebook", "limit totals.behaviour", 0, -5),
    ]


def test_a_lead_that_was_not_there():
    leads = {"lead_id": ["a"], "created_at": ["2026-03-12"], "country": ["US"]}
    fit = [{"name": "Home", "when": {"country": ["US"]}, "points": 5}]
    assert changed({"points": 8}, [13], leads=leads, fit=fit) == [("created", "Home", 0, 5), ("created", "Visit", 0, 8)]
    with pytest.raises(ls.ArgumentError, match="the lead 'a' was created after 2026-03-11"):
        changed({"points": 8}, [13], leads=leads, t2="2026-03-11")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"t1": "2026-03-21"}, "after: must not come before `before`, 2026-03-21; got 2026-03-20"),
        ({"t1": "yesterday"}, "must be a day such as 2026-03-31; got 'yesterday'"),
        ({"leads": {"lead_id": ["aa"]}}, "there is no lead 'a'; did you mean 'aa'?"),
        ({"leads": {"lead_id": [7]}}, "there is no lead 'a': ids here are whole numbers, as 7"),
    ],
)
def test_what_cannot_be_meant_is_said(given, message):
    with pytest.raises(ls.ArgumentError) as error:
        changed({"points": 8}, [], **given)
    assert message in str(error.value)
