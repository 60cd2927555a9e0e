"""Results of `leadscore.scoring` in which lead ids, columns, rules, segments and rulebooks have the names given."""

import pandas as pd

import leadscore as ls
from tests.support.hostile import as_id, printable


def worlds(one, other):
    """Tables and two rulebooks, by which leads differ."""
    raw, one, other = (as_id(one), as_id(other)), printable(one), f"{printable(other)}."
    document = {
        "leadscore": 1,
        "name": f"book {one}",
        "version": other,
        "fit": [{"name": f"fit {one}", "when": {f"column {other}": [one]}, "points": 60}],
        "behaviour": [{"name": f"rule {other}", "event": f"event {one}", "points": 15}],
        "qualify": {
            "threshold": 90,
            "segments": [{"name": f"segment {one}", "when": {f"column {other}": [one]}, "threshold": 80}],
        },
    }
    old = ls.Rulebook.from_dict(document)
    new = old.edited({"behaviour[0].points": 30})
    leads = pd.DataFrame({"lead_id": [f"{raw[0]}1", f"{raw[1]}2"], f"column {other}": [one, f"{other}."]})
    events = pd.DataFrame({"lead_id": leads["lead_id"].iloc[[0, 0, 1]], "event": f"event {one}", "at": "2026-03-10"})
    return ls.load_tables(leads, events, rulebook=[old, new]), old, new, leads["lead_id"].iloc[0]


PERIOD = {"start": "2026-03-01", "end": "2026-03-31"}


def _explanation(one, other):
    tables, book, _, lead = worlds(one, other)
    return ls.score(tables, book, as_of="2026-03-31").explain(lead)


def _scores(one, other):
    tables, book, *_ = worlds(one, other)
    return ls.score(tables, book, as_of="2026-03-31")


def _history(one, other):
    tables, book, *_ = worlds(one, other)
    return ls.replay(tables, book, **PERIOD, states=True)


def _comparison(one, other):
    tables, old, new, _ = worlds(one, other)
    return ls.compare(tables, old, new, **PERIOD)


def _accounts(one, other):
    raw, one, other = (as_id(one), as_id(other)), printable(one), f"{printable(other)}."
    rules = [{"name": f"all {other}", "sum": "behaviour"}, {"name": f"who {one}", "people": {one: other}, "points": 1}]
    document = {
        "leadscore": 2,
        "name": f"book {one}",
        "behaviour": [{"name": "rule", "event": f"event {one}", "points": 15}],
        "qualify": {"threshold": 10},
        "account": {"id": f"account {other}", "rules": rules, "threshold": 5},
    }
    book = ls.Rulebook.from_dict(document)
    ids = [f"{raw[0]}1", f"{raw[1]}2"]
    leads = pd.DataFrame({"lead_id": ids, f"account {other}": [one, other], one: [other, one]})
    events = pd.DataFrame({"lead_id": ids, "event": f"event {one}", "at": "2026-03-10"})
    return ls.score_accounts(ls.load_tables(leads, events, rulebook=book), book, as_of="2026-03-31")


def _many(one, other):
    tables, old, new, _ = worlds(one, other)
    return ls.score_many(tables, [old, new.edited({"name": f"new {printable(one)}"})], as_of="2026-03-31")


RESULTS = {
    "Explanation": _explanation,
    "Scores": _scores,
    "History": _history,
    "Comparison": _comparison,
    "AccountScores": _accounts,
    "ManyScores": _many,
}
