"""Reasons and explanations: they sum exactly, and name what is not there."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from tests.support import reference
from tests.support.one_lead import AS_OF, HALF, VISITS, document, frames_of
from tests.support.strategies import cases


def thousandths(points: float) -> int:
    """Points of a frame as whole thousandths; they were divided by 1000, so this is exact."""
    whole = round(points * 1000)
    assert whole / 1000 == points
    return whole


@HALF
@given(cases())
def test_explanations_sum_exactly_and_equal_the_reference(case):
    rulebook, leads, events = frames_of(case)
    scores = ls.score(ls.load_tables(leads, events, rulebook=rulebook), rulebook, as_of=case.as_of)
    for lead, row in reference.score(case.document, case.leads, case.events, case.as_of).items():
        lines = scores.explain(lead).lines
        found = [(line, thousandths(points)) for _, line, points in lines.itertuples(index=False)]
        assert sorted(found) == sorted(row["lines"])
        assert [line for line in found if not line[0].startswith("limit ")] == list(row["points"].items()) or any(
            name.startswith("limit ") for name in row["points"]
        )
        by_side = {"fit": 0, "behaviour": 0}
        for side, (_, points) in zip(lines["side"], found, strict=True):
            by_side[side] += points
        assert by_side == {side: row[side] for side in by_side}


@HALF
@given(cases(), st.integers(1, 12))
def test_reasons_are_the_rules_that_moved_most(case, k):
    rulebook, leads, events = frames_of(case)
    scores = ls.score(ls.load_tables(leads, events, rulebook=rulebook), rulebook, as_of=case.as_of)
    found = scores.reasons(k)
    assert list(found) == [f"reason_{place}" for place in range(1, k + 1)]
    for lead, points in scores.points.iterrows():
        moved = [name for name in points.index if points[name] != 0]
        # sorted is stable, so equal points stay in the order of the file.
        wanted = sorted(moved, key=lambda name: -abs(points[name]))[:k]
        assert [name for name in found.loc[lead] if not pd.isna(name)] == wanted


@pytest.mark.parametrize("k", [0, -1, 1.0, True, "3", None])
def test_reasons_want_a_whole_number(k):
    rulebook = ls.Rulebook.from_dict(VISITS)
    scores = ls.score(ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), rulebook=rulebook), rulebook, as_of=AS_OF)
    with pytest.raises(ls.ArgumentError, match="must be a whole number, 1 or more"):
        scores.reasons(k)
    assert len(scores.reasons(1)) == 1


@pytest.mark.parametrize("lead_id", [slice(None), ["a"], {"a"}, 5, None, "A", np.array([True])], ids=repr)
def test_explain_names_a_lead_that_is_not_there(lead_id):
    rulebook = ls.Rulebook.from_dict(VISITS)
    leads = pd.DataFrame({"lead_id": ["a", "b"], "created_at": ["2026-03-01", "2026-05-01"]})
    scores = ls.score(ls.load_tables(leads, rulebook=rulebook), rulebook, as_of=AS_OF)
    with pytest.raises(ls.ArgumentError, match="there is no lead"):
        scores.explain(lead_id)
    assert scores.explain("a").lead_id == "a"


@pytest.mark.parametrize(
    "event",
    [5, {"event": "visit", "at": dt.datetime(1, 1, 1, tzinfo=ZoneInfo("Asia/Kolkata"))}],
    ids=["number", "year 1"],
)
def test_an_event_that_is_none_is_named_by_its_place(event):
    good = {"event": "visit", "at": "2026-03-31"}
    assert ls.score_one({}, [good], ls.Rulebook.from_dict(VISITS), as_of=AS_OF)["total"] == 1
    with pytest.raises(ls.ContractError, match=r"events\[1\]"):
        ls.score_one({}, [good, event], ls.Rulebook.from_dict(VISITS), as_of=AS_OF)


@pytest.mark.parametrize("points", [3, 300_000, 999_990])
def test_reasons_are_told_whatever_the_size_of_points(points):
    rules = [{"name": f"r{place}", "when": {"country": "US"}, "points": points - place % 2} for place in range(4)]
    more = [{"name": "two", "when": {"country": "US", "plan": "Team"}, "points": -points - 1}]
    book = ls.Rulebook.from_dict(document(fit=[*rules, *more]))
    leads = pd.DataFrame({"lead_id": ["a", "b"], "country": "US", "plan": ["Team", "Free"]})
    found = ls.score(ls.load_tables(leads), book, as_of=AS_OF).reasons(3)
    assert found.loc["a"].tolist() == ["two", "r0", "r2"]
    assert found.loc["b"].tolist() == ["r0", "r2", "r1"]
