"""The contract of touches and costs: each breach by name beside a twin that keeps it, in every type of column."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leadscore as ls
from tests.support.dtypes import NUMBERS, TEXTS

LEADS = pd.DataFrame({"lead_id": ["a", "b"], "created_at": "2026-01-05"})
TOUCH = {"lead_id": "a", "at": "2026-02-01", "channel": "Web"}
COST = {"channel": "Web", "month": "2026-02", "amount": "100"}


def load(touches=None, costs=None, *, strict=True, **options):
    frames = {"touches": touches, "costs": costs}
    given = {name: pd.DataFrame(rows) if isinstance(rows, list) else rows for name, rows in frames.items()}
    return ls.load_tables(LEADS, **given, strict=strict, **options)


BAD_TOUCHES = {
    "unknown lead": ("lead_id", "c", "touches.lead_id: 1 row: touches of leads that are not among the leads"),
    "no lead": ("lead_id", None, "touches.lead_id: 1 row: touches of leads that are not among the leads"),
    "no time": ("at", None, "touches.at: 1 row: no time"),
    "day first": ("at", "31/03/2026", "touches.at: 1 row: not an ISO date or time"),
    "no channel": ("channel", None, "touches.channel: 1 row: no channel"),
    "blank channel": ("channel", " ", "touches.channel: 1 row: no channel"),
}
BAD_COSTS = {
    "no channel": ("channel", "", "costs.channel: 1 row: no channel"),
    "no month": ("month", None, "costs.month: 1 row: no month"),
    "13 months": ("month", "2026-13", "costs.month: 1 row: not an ISO date or time"),
    "month in words": ("month", "Feb 2026", "costs.month: 1 row: not an ISO date or time"),
    "no amount": ("amount", None, "costs.amount: 1 row: no amount"),
    "negative": ("amount", "-0.01", "costs.amount: 1 row: a negative or endless amount"),
    "thousands": ("amount", "1,000", "costs.amount: 1 row: text that is not a plain number"),
    "currency sign": ("amount", "€100", "costs.amount: 1 row: text that is not a plain number"),
}


@pytest.mark.parametrize(("column", "value", "said"), BAD_TOUCHES.values(), ids=BAD_TOUCHES)
def test_a_bad_touch_is_refused_or_set_aside(column, value, said):
    rows = [TOUCH, TOUCH | {column: value}]
    with pytest.raises(ls.ContractError) as error:
        load(rows)
    assert said in str(error.value)
    tables = load(rows, strict=False)
    assert tables.rejected[["table", "row", "column"]].values.tolist() == [["touches", 1, column]]
    assert tables.touches.to_dict("records") == [TOUCH]


@pytest.mark.parametrize(("column", "value", "said"), BAD_COSTS.values(), ids=BAD_COSTS)
def test_a_bad_cost_is_refused_or_set_aside(column, value, said):
    rows = [COST, COST | {"month": "2026-03"} | {column: value}]
    with pytest.raises(ls.ContractError) as error:
        load(None, rows)
    assert said in str(error.value)
    tables = load(None, rows, strict=False)
    assert tables.rejected[["table", "row", "column"]].values.tolist() == [["costs", 1, column]]
    assert tables.costs["amount"].tolist() == [100.0]


def test_endless_costs_are_none():
    with pytest.raises(ls.ContractError, match="a negative or endless amount"):
        load(None, [COST | {"amount": np.inf}])


@pytest.mark.parametrize("column", ["lead_id", "at", "channel"])
def test_touches_need_their_columns(column):
    with pytest.raises(ls.ContractError, match=f"touches.{column}: there is no column"):
        load([{name: value for name, value in TOUCH.items() if name != column}])


@pytest.mark.parametrize("column", ["channel", "month", "amount"])
def test_costs_need_their_columns(column):
    with pytest.raises(ls.ContractError, match=f"costs.{column}: there is no column"):
        load(None, [{name: value for name, value in COST.items() if name != column}], strict=False)


@pytest.mark.parametrize(
    "again",
    [{}, {"amount": "7"}, {"channel": " web"}, {"month": "2026-02-28"}, {"campaign": None}],
    ids=["the same", "another amount", "other capitals", "another day", "no campaign"],
)
def test_the_same_cost_twice_is_refused(again):
    with pytest.raises(ls.ContractError, match="1 row: the same channel, campaign and month again"):
        load(None, [COST, COST | again])


@pytest.mark.parametrize("other", [{"channel": "Mail"}, {"month": "2026-03"}, {"campaign": "spring"}])
def test_other_costs_are_no_repeats(other):
    assert len(load(None, [COST, COST | other]).costs) == 2


@settings(max_examples=40)
@given(st.permutations(["3", "1", "2", "2"]))
def test_which_of_repeated_costs_stays_does_not_hang_on_their_order(amounts):
    tables = load(None, [COST | {"amount": amount} for amount in amounts], strict=False)
    assert tables.costs["amount"].tolist() == [1.0]
    assert len(tables.rejected) == 3


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("others", [["EUR", "USD"], ["EUR", None], ["EUR", ""]])
def test_mixed_currencies_are_refused(strict, others):
    rows = [COST | {"month": f"2026-0{place}", "currency": one} for place, one in enumerate(others, 1)]
    with pytest.raises(ls.ContractError, match=r"costs\.currency: amounts in several currencies"):
        load(None, rows, strict=strict)


@pytest.mark.parametrize("others", [["EUR", " eur"], [None, None]])
def test_one_currency_is_taken_in_any_capitals(others):
    rows = [COST | {"month": f"2026-0{place}", "currency": one} for place, one in enumerate(others, 1)]
    assert len(load(None, rows).costs) == 2


MONTHS = {
    "text": "2026-02",
    "a day as text": "2026-02-17",
    "a time as text": "2026-02-17T10:00:00",
    "date": dt.date(2026, 2, 28),
    "Timestamp": pd.Timestamp("2026-02-01"),
    # Midnight of 1 March in Berlin.
    "zoned": pd.Timestamp("2026-01-31T23:30:00Z"),
}


@pytest.mark.parametrize("month", MONTHS.values(), ids=MONTHS)
def test_a_month_is_read_from_any_day_of_it(month):
    book = ls.Rulebook.from_yaml(
        "{leadscore: 1, name: x, timezone: Europe/Berlin, fit: [], behaviour: [], qualify: {threshold: 0}}"
    )
    tables = load(None, [COST | {"month": month}], rulebook=book)
    assert [str(one) for one in tables.costs["month"]] == ["2026-02"]


# Decimal beside float is refused, in every table.
@pytest.mark.parametrize("kind", [kind for kind in NUMBERS if kind != "Decimal and floats"])
def test_amounts_of_every_type(kind):
    frame = pd.DataFrame({"channel": ["x", "y"], "month": "2026-02", "amount": NUMBERS[kind]([100, 7])})
    assert load(None, frame).costs["amount"].tolist() == [100.0, 7.0]


@pytest.mark.parametrize("kind", TEXTS)
def test_channels_of_every_type(kind):
    channels = TEXTS[kind](["Web", "Mail"])
    touches = pd.DataFrame({"lead_id": ["a", "b"], "at": "2026-02-01", "channel": channels})
    costs = pd.DataFrame({"channel": channels, "month": "2026-02", "amount": 1})
    tables = load(touches, costs)
    assert tables.touches["channel"].astype(str).tolist() == tables.costs["channel"].tolist() == ["Web", "Mail"]


@pytest.mark.parametrize("hold", [pa.Table.from_pylist, pl.DataFrame], ids=["Arrow", "polars"])
def test_other_tables_are_taken(hold):
    tables = load(hold([TOUCH]), hold([COST]))
    assert (len(tables.touches), len(tables.costs)) == (1, 1)
    assert "1 touch, 1 row of costs" in tables.headline


def test_files_are_taken(tmp_path):
    pd.DataFrame([TOUCH]).to_csv(tmp_path / "touches.csv", index=False)
    pd.DataFrame([COST]).to_csv(tmp_path / "costs.csv", index=False)
    tables = load(tmp_path / "touches.csv", tmp_path / "costs.csv")
    assert (len(tables.touches), len(tables.costs)) == (1, 1)


def test_merged_leads_keep_their_touches():
    tables = load([TOUCH | {"lead_id": "old"}], aliases={"old": "b"})
    assert tables.touched.lead.tolist() == [1]


def test_without_them_there_are_none():
    tables = load()
    assert (tables.touches, tables.costs) == (None, None)
    assert tables.headline == "2 leads, 0 events."
