"""Scoring equals a slow reference to the last digit, over the whole language; and what must not matter does not."""

import pandas as pd
from hypothesis import given

import leadscore as ls
from tests.support import reference
from tests.support.strategies import Case, cases, frames

FRAME = ["fit", "behaviour", "total", "segment", "threshold", "qualified", "via", "blocked_by", "grade"]
POINTS = {"fit", "behaviour", "total", "threshold"}


def expected(case: Case) -> dict[object, dict[str, object]]:
    found = reference.score(case.document, case.leads, case.events, case.as_of)
    return {
        lead: {name: row[name] / 1000 if name in POINTS else row[name] for name in FRAME} for lead, row in found.items()
    }


def plain(frame: pd.DataFrame) -> dict[object, dict[str, object]]:
    objects = frame.astype(object)
    return objects.where(objects.notna(), None).to_dict("index")


def tables_of(case: Case, rulebook: ls.Rulebook) -> ls.tables.Tables:
    leads, events = frames(case)
    return ls.load_tables(leads, events, rulebook=rulebook)


@given(cases())
def test_equals_the_reference(case):
    rulebook = ls.Rulebook.from_dict(case.document)
    scores = ls.score(tables_of(case, rulebook), rulebook, as_of=case.as_of)
    assert plain(scores.frame) == expected(case)


@given(cases())
def test_points_by_rule_equal_the_reference(case):
    rulebook = ls.Rulebook.from_dict(case.document)
    scores = ls.score(tables_of(case, rulebook), rulebook, as_of=case.as_of)
    found = reference.score(case.document, case.leads, case.events, case.as_of)
    wanted = {lead: {rule: points / 1000 for rule, points in row["points"].items()} for lead, row in found.items()}
    assert scores.points.to_dict("index") == wanted


@given(cases())
def test_one_lead_equals_the_batch(case):
    rulebook = ls.Rulebook.from_dict(case.document)
    for lead, row in expected(case).items():
        record = dict.fromkeys(frames(case)[0].columns) | next(one for one in case.leads if one["lead_id"] == lead)
        events = [event for event in case.events if event["lead_id"] == lead]
        assert ls.score_one(record, events, rulebook, as_of=case.as_of) == row
