"""Events and outcomes of no lead: the message says what would make their ids match."""

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from leadscore.tables.unknown_ids import UnknownIds

LONG = "0031t00000ABCDE"
REASONS = {
    "trailing_blank": (["a1", "b2"], ["a1 "], "without blanks"),
    "zero_width_space": (["a1"], ["\u200ba1"], "without blanks"),
    "quotes": (["a1"], ["'a1'"], "without blanks"),
    "lost_zeros": (["0051", "0052"], ["51"], "zeros in front"),
    "numbers_without_zeros": (["0051"], [51], "zeros in front"),
    "decimals": ([51, 52], ["51.0"], "without '.0'"),
    "salesforce_18_for_15": ([LONG, LONG[:-1] + "F"], [f"{LONG}AAZ"], "15 characters"),
    "salesforce_15_for_18": ([f"{LONG}AAZ"], [LONG], "15 characters"),
    "capitals": (["ann@x.example"], ["Ann@X.example"], "capitals"),
    "floats_past_2_53": (["9007199254740993"], [9007199254740992], "rounded"),
    "spreadsheet": (["123456789012345678"], ["123456789012346000"], "rounded"),
    "power_of_ten": (["123456789012345678"], ["1.23456789012346E+17"], "rounded"),
    "several": (["0051"], ["51.0"], "several"),
    "no_reason": (["a1"], ["old-7"], "look like 'a1', these like 'old-7'"),
}


@pytest.mark.parametrize("name", REASONS)
def test_the_reason_is_told_where_rows_are_refused_and_set_aside(name):
    leads, ids, reason = REASONS[name]
    leads = pd.DataFrame({"lead_id": leads, "created_at": "2026-01-01"})
    events = pd.DataFrame({"lead_id": ids, "event": "visit", "at": "2026-03-01T10:00Z"})
    outcomes = pd.DataFrame({"lead_id": ids, "stage": "mql", "at": "2026-03-01T10:00Z"})
    with pytest.raises(ls.ContractError) as refused:
        ls.load_tables(leads, events, outcomes)
    assert [reason in problem.message for problem in refused.value.problems] == [True, True]
    found = ls.load_tables(leads, events, outcomes, strict=False).findings
    assert found["code"].tolist() == ["LS211", "LS211"]
    assert found["where"].tolist() == ["events.lead_id", "outcomes.lead_id"]
    assert found["n"].tolist() == [1, 1]
    assert found["message"].str.contains(reason, regex=False).all()


def test_ids_that_match_are_no_finding():
    leads = pd.DataFrame({"lead_id": ["0051"], "created_at": "2026-01-01"})
    events = pd.DataFrame({"lead_id": ["0051"], "event": "visit", "at": "2026-03-01T10:00Z"})
    assert len(ls.load_tables(leads, events).findings) == 0


def test_reasons_are_counted_the_commonest_first():
    unknown = UnknownIds(pa.array(["007", "a1"]))
    unknown.note(pa.array(["A1", "7", "7", "x"]), [0, 1, 2, 3])
    assert unknown.why() == (
        "2 rows would match with the zeros in front that spreadsheets take away ('7', lead '007'); "
        "1 row would match in other capitals ('A1', lead 'a1')"
    )


ids = st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5)


@given(ids, ids)
def test_any_ids_are_compared(leads, others):
    unknown = UnknownIds(pa.array(leads, pa.large_string()))
    unknown.note(pa.array(others, pa.large_string()), list(range(len(others))))
    assert unknown.why()


@given(st.from_regex(r"[a-z][0-9]{3,12}", fullmatch=True), st.sampled_from(["{} ", "\t{}", '"{}"', "{}\u200b"]))
def test_what_stands_around_an_id_is_told(lead, spoilt):
    unknown = UnknownIds(pa.array([lead]))
    unknown.note(pa.array([spoilt.format(lead)]), [0])
    assert unknown.why().startswith("1 row would match without blanks")
