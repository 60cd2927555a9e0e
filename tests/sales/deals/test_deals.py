"""Deals from outcomes, against a walk over the rows of each; and the cases that are easily counted twice."""

import datetime as dt
import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.base.days import day_number, day_of
from leadscore.base.periods import Period
from leadscore.sales.deals.deals import deals_of

START = dt.date(2026, 3, 2)
LEADS = pd.DataFrame({"lead_id": list("abc")})


def deals(*rows, **columns):
    """The deals of rows "lead stage day deal [amount]", a day from 1 with perhaps an hour: 3 or 3.5."""
    parts = [row.split() for row in rows]
    at = [dt.datetime.combine(START, dt.time()) + dt.timedelta(float(day) - 1) for _, _, day, *_ in parts]
    frame = pd.DataFrame(
        {
            "lead_id": [lead for lead, *_ in parts],
            "stage": [stage for _, stage, *_ in parts],
            "at": at,
            "deal_id": [None if deal == "-" else deal for _, _, _, deal, *_ in parts],
            "amount": [float(rest[0]) if rest else math.nan for *_, rest in [(*part[:4], part[4:]) for part in parts]],
        }
        | columns
    )
    tables = ls.load_tables(LEADS, None, frame, strict=False)
    return deals_of(tables.stages, "UTC"), tables


def told(found):
    """Each deal: the day it was opened and closed, from 1, its state, amount and leads."""
    start = day_number(START) - 1
    return {
        deal: (
            None if pd.isna(row.opened) else row.opened - start,
            row.state,
            None if pd.isna(row.closed) else row.closed - start,
            None if math.isnan(row.amount) else row.amount,
            row.leads,
        )
        for deal, row in zip(found.frame.index, found.frame.itertuples(), strict=True)
    }


ROWS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["opportunity", "won", "lost", "sql"]),
        st.sampled_from([1, 2, 3, 1.25, 2.5, 3.75]),
        st.sampled_from(["x", "y", "-"]),
        st.sampled_from(["", "10", "20"]),
    ).map(lambda parts: " ".join(map(str, parts))),
    max_size=10,
)


def walked(stages):
    """The same, row by row."""
    frame = stages.frame[stages.frame["stage"].isin(["opportunity", "won", "lost"])].dropna(subset="deal_id")
    rows = [
        (row.deal_id, row.at, ["opportunity", "lost", "won"].index(row.stage), row.amount, row.lead_id)
        for row in frame.itertuples()
    ]
    found = {}
    for deal in {row[0] for row in rows}:
        own = [row[1:] for row in rows if row[0] == deal]
        dated = {at.date() for at, *_ in own if at.time() == dt.time()}
        own = sorted(
            (pd.Timestamp(at.date()) if at.date() in dated else at, rank, math.isnan(amount), amount, lead)
            for at, rank, amount, lead in own
        )
        opened = amount = closed = None
        state = ""
        for at, rank, none, value, _ in own:
            if rank == 0:
                opened = opened or at
                amount = value if amount is None and not none else amount
            new = ["open", "lost", "won"][rank]
            if new != state and not (rank == 0 and state == "won"):
                state, closed = new, None if rank == 0 else at
        leads = tuple(sorted({"abc".index(lead) for *_, lead in own}))
        day = [None if at is None else (at.date() - START).days + 1 for at in (opened, closed)]
        found[deal] = (day[0], state, day[1], amount, leads)
    return found


@pytest.mark.slow
@settings(max_examples=150)
@given(ROWS, st.randoms(use_true_random=False))
def test_deals_are_those_of_a_walk_over_the_rows_in_any_order(rows, random):
    found, tables = deals(*rows)
    assert told(found) == walked(tables.stages)
    shuffled = random.sample(rows, len(rows))
    assert told(deals(*shuffled)[0]) == told(found)
    assert list(found.frame.index) == list(deals(*shuffled)[0].frame.index)


CASES = {
    "one lead": (["a opportunity 1 x 10", "a won 3 x 12"], (1, "won", 3, 10, (0,))),
    "two leads, once": (["a opportunity 1 x 10", "b opportunity 2 x 10"], (1, "open", None, 10, (0, 1))),
    "opened again": (["a opportunity 1 x 10", "a lost 2 x", "a opportunity 3 x 30"], (1, "open", None, 10, (0,))),
    "won after all": (["a opportunity 1 x 10", "a lost 2 x", "a won 3 x"], (1, "won", 3, 10, (0,))),
    "lost, then lost": (["a opportunity 1 x", "a lost 2 x", "b lost 3 x"], (1, "lost", 2, None, (0, 1))),
    "another lead on a won deal": (["a opportunity 1 x", "a won 2 x", "b opportunity 3 x 5"], (1, "won", 2, 5, (0, 1))),
    "the amount it was won for is no opening's": (
        ["a opportunity 1 x", "a won 2 x 9"],
        (1, "won", 2, None, (0,)),
    ),
    "never opened": (["a won 2 x 9"], (None, "won", 2, None, (0,))),
    "lost on the day it was opened, by date": (["a opportunity 1.5 x 1", "b lost 1 x"], (1, "lost", 1, 1, (0, 1))),
}


@pytest.mark.parametrize(("rows", "expected"), CASES.values(), ids=CASES)
def test_by_hand(rows, expected):
    assert told(deals(*rows)[0]) == {"x": expected}


def test_without_deal_ids_there_are_none():
    tables = ls.load_tables(LEADS, None, pd.DataFrame({"lead_id": ["a"], "stage": "opportunity", "at": "2026-03-02"}))
    assert deals_of(tables.stages, "UTC") is None


def test_rows_without_a_deal_are_of_none():
    assert told(deals("a opportunity 1 - 10", "a won 2 x")[0]).keys() == {"x"}
    assert told(deals("a opportunity 1 -")[0]) == {}


def test_ids_of_a_column_with_gaps_are_as_they_were():
    found, _ = deals("a opportunity 1 x", "b opportunity 1 x", "c opportunity 1 x", deal_id=[9001.0, 9001.0, None])
    assert list(found.frame.index) == ["9001"]


def test_what_is_odd_is_said():
    found, _ = deals("a opportunity 1 x 1", "b opportunity 1 x 2", "a lost 2 x", "a won 3 x", "c lost 3 y")
    assert found.notes == (
        "1 deal with several amounts at opportunity: the first counts.",
        "1 deal won or lost without an opportunity: not among the deals opened.",
        "1 deal closed more than once: the last state counts.",
    )
    assert deals("a opportunity 1 x 1", "a won 2 x")[0].notes == ()


def test_periods_hold_their_first_and_last_day():
    found, _ = deals("a opportunity 1 x", "a won 3 x", "b opportunity 2 y", "c won 2 z")
    first = day_number(START)
    assert [str(day_of(first)), list(found.opened_in(Period(first, first + 1)).index)] == ["2026-03-02", ["x", "y"]]
    assert list(found.closed_in(Period(first + 2, first + 9)).index) == ["x"]
    assert list(found.closed_in(Period(first + 1, first + 1)).index) == ["z"]
