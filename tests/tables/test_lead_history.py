"""Leads with several rows, each from a time on: what the table may hold, and which row counts."""

import datetime as dt
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import leadscore as ls

BOOK = ls.Rulebook.from_dict(
    {
        "leadscore": 1,
        "name": "home",
        "timezone": "America/New_York",
        "columns": {"country": {"type": "category", "required": "capture"}},
        "fit": [{"name": "Home", "when": {"country": ["US"]}, "points": 5}],
        "qualify": {"threshold": 5},
    }
)


def table(rows):
    return pd.DataFrame(rows, columns=["lead_id", "country", "valid_from"])


def problems(rows, **more):
    with pytest.raises(ls.ContractError) as error:
        ls.load_tables(table(rows).assign(**more), rulebook=BOOK)
    return [str(problem) for problem in error.value.problems]


def test_the_same_time_twice_is_refused():
    rows = [("a", "US", "2026-01-01"), ("a", "FR", "2026-01-01"), ("b", "US", "2026-01-01")]
    assert problems(rows) == [
        "leads.lead_id: 2 rows: a lead_id twice with the same valid_from\n    row 0: 'a'\n    row 1: 'a'"
    ]
    # Two rows that hold since ever are as bad; another time, or another lead, is fine.
    assert "twice with the same valid_from" in problems([("a", "US", None), ("a", "FR", None)])[0]
    fine = ls.load_tables(table([("a", "US", None), ("a", "FR", "2026-01-01"), ("b", "US", None)]), rulebook=BOOK)
    assert fine.headline == "2 leads in 3 rows, 0 events."


def test_without_valid_from_a_lead_has_one_row():
    rows = table([("a", "US", None), ("a", "FR", None)]).drop(columns="valid_from")
    with pytest.raises(ls.ContractError, match="a lead_id that is not unique"):
        ls.load_tables(rows, rulebook=BOOK)
    # The rows are of two leads under one id: that they were created apart is no second fault.
    tables = ls.load_tables(rows.assign(created_at=["2026-01-01", "2026-01-02"]), rulebook=BOOK, strict=False)
    assert tables.rejected["column"].tolist() == ["lead_id", "lead_id"]


def test_a_time_that_is_none_is_named():
    assert problems([("a", "US", "1.2.2026"), ("a", "FR", "2026-01-01")]) == [
        (
            "leads.valid_from: 1 row: not an ISO date or time (it seems day.month.year); write 2026-03-31 "
            "or 2026-03-31T14:05:00Z\n    row 0: '1.2.2026'"
        )
    ]
    with pytest.raises(ls.ContractError, match=r"leads.valid_from: int64 values where times are needed"):
        ls.load_tables(table([("a", "US", 5)]), rulebook=BOOK)


def test_a_lead_is_created_once():
    rows = [("a", "US", "2026-01-01"), ("a", "FR", "2026-02-01"), ("b", "US", None)]
    said = problems(rows, created_at=["2026-01-01", "2026-01-02", None])
    assert said[0].startswith("leads.created_at: 2 rows: rows of one lead with different created_at")
    # A row that does not tell agrees with one that does.
    tables = ls.load_tables(table(rows).assign(created_at=["2026-01-05", None, None]), rulebook=BOOK)
    assert ls.score(tables, BOOK, as_of="2026-01-04").lead_ids.tolist() == ["b"]
    assert ls.score(tables, BOOK, as_of="2026-01-05").lead_ids.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("at", "day", "fit"),
    [
        # 03:00 in Greenwich on the 2nd is still the 1st in New York.
        ("2026-03-02T03:00Z", "2026-03-01", 5),
        ("2026-03-02T05:00Z", "2026-03-01", 0),
        ("2026-03-02T05:00Z", "2026-03-02", 5),
        # Without a zone it is the rulebook's own clock.
        ("2026-03-02T03:00", "2026-03-01", 0),
        ("2026-03-02T03:00", "2026-03-02", 5),
    ],
)
def test_a_row_holds_from_its_day_in_the_rulebooks_zone(at, day, fit):
    zone = "Z" if at.endswith("Z") else ""
    rows = [("a", "FR", f"2020-01-01T00:00{zone}"), ("a", "US", at)]
    tables = ls.load_tables(table(rows), rulebook=BOOK)
    assert ls.score(tables, BOOK, as_of=day).frame.loc["a", "fit"] == fit


def test_rows_in_any_order_and_types():
    rows = [("a", "US", "2026-03-05"), ("b", "FR", "2026-03-01"), ("a", "FR", "2026-01-01")]
    for times in (str, pd.to_datetime, lambda column: pd.to_datetime(column).dt.date):
        leads = table(rows)
        leads["valid_from"] = times(leads["valid_from"]) if times is not str else leads["valid_from"]
        tables = ls.load_tables(leads, rulebook=BOOK)
        assert ls.score(tables, BOOK, as_of="2026-03-04").frame["fit"].to_dict() == {"a": 0, "b": 0}
        assert ls.score(tables, BOOK, as_of="2026-03-05").frame["fit"].to_dict() == {"a": 5, "b": 0}
        assert ls.score(tables, BOOK, as_of="2026-02-01").lead_ids.tolist() == ["a"]


def test_completeness_is_of_the_row_that_counts():
    rows = [("a", None, "2026-01-01"), ("a", "US", "2026-03-05"), ("b", "US", "2026-01-01")]
    tables = ls.load_tables(table(rows), rulebook=BOOK)
    assert tables.completeness.loc["country", ["n", "known"]].tolist() == [2, 2]
    never = ls.Rulebook.from_dict(BOOK.to_dict() | {"qualify": {"threshold": 0}})
    assert ls.score(tables, never, as_of="2026-03-01").completeness.loc["country", ["n", "known"]].tolist() == [2, 1]


def test_several_rulebooks_need_the_columns_of_each():
    other = ls.Rulebook.from_dict(
        {
            "leadscore": 1,
            "name": "size",
            "fit": [{"name": "Size", "column": "employees", "from": {10: 5}}],
            "behaviour": [{"name": "Visit", "event": "visit", "where": {"asset": "x"}, "points": 1}],
            "qualify": {"threshold": 5},
        }
    )
    events = pd.DataFrame({"lead_id": ["a"], "event": ["visit"], "at": ["2026-03-01"]})
    with pytest.raises(ls.ContractError) as error:
        ls.load_tables(
            table([("a", "US", None)]).drop(columns="country"), events, rulebook=[BOOK, other], columns=["x"]
        )
    assert [problem.where for problem in error.value.problems] == [
        "leads.country",
        "leads.employees",
        "leads.x",
        "events.asset",
    ]
    leads = table([("a", "US", None)]).assign(employees="many", x=1, y=2)
    with pytest.raises(ls.ContractError, match=r"leads.employees: 1 row: text that is not a plain number"):
        ls.load_tables(leads, events.assign(asset="x"), rulebook=[BOOK, other])
    tables = ls.load_tables(leads.assign(employees=20), events.assign(asset="x"), rulebook=[BOOK, other], columns=["x"])
    assert tables.leads.column_names == ["lead_id", "valid_from", "country", "employees", "x"]
    assert ls.score(tables, other, as_of="2026-03-01").frame.loc["a", "total"] == 6


def test_a_column_of_leads_is_by_their_latest_row():
    rows = [("a", "US", "2026-03-05"), ("a", "FR", "2026-01-01"), ("b", "FR", None)]
    tables = ls.load_tables(table(rows), rulebook=BOOK)
    assert tables.latest("country").to_dict() == {"a": "US", "b": "FR"}


# Clocks that are put back: by an hour, by half of one, and at one minute past midnight, which shows a day again.
PUT_BACK = {
    "Europe/Oslo": dt.datetime(2025, 10, 26, 1, tzinfo=dt.UTC),
    "America/New_York": dt.datetime(2025, 11, 2, 6, tzinfo=dt.UTC),
    "Australia/Lord_Howe": dt.datetime(2025, 4, 5, 15, tzinfo=dt.UTC),
    "America/St_Johns": dt.datetime(2006, 10, 29, 2, 31, tzinfo=dt.UTC),
    "America/Sao_Paulo": dt.datetime(2018, 2, 18, 2, tzinfo=dt.UTC),
    "UTC": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
}
# Whole minutes around it, and one microsecond to either side.
AROUND = [step for minute in (0, 1, 15, 29, 30, 31, 45, 60, 90, 1500) for step in (minute, -minute)]
MOMENTS = st.lists(
    st.builds(
        lambda minutes, micro: dt.timedelta(minutes=minutes, microseconds=micro),
        st.sampled_from(AROUND),
        st.integers(-1, 1),
    ),
    min_size=2,
    max_size=6,
    unique=True,
)


@given(st.sampled_from(list(PUT_BACK)), MOMENTS, st.sampled_from(["time", "text"]))
@example("Europe/Oslo", [dt.timedelta(minutes=-15), dt.timedelta(minutes=15)], "text")
@example("America/St_Johns", [dt.timedelta(seconds=at) for at in (-40, -30, 900)], "time")
def test_of_edits_around_a_clock_change_the_later_one_holds(zone, apart, kind):
    moments = [PUT_BACK[zone] + step for step in apart]
    book = ls.Rulebook.from_dict(
        {
            "leadscore": 1,
            "name": "edits",
            "timezone": zone,
            "fit": [{"name": "Edit", "column": "edit", "points": {n: n for n in range(len(moments))}, "other": 99}],
            "qualify": {"threshold": 5},
        }
    )
    written = [f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M:%S.%f%z}" for at in moments]
    rows = {"lead_id": "a", "edit": range(len(moments)), "valid_from": moments if kind == "time" else written}
    tables = ls.load_tables(pd.DataFrame(rows), rulebook=book)
    local = [at.astimezone(ZoneInfo(zone)).date() for at in moments]
    for day in set(local):
        latest = max((at, n) for n, at in enumerate(moments) if local[n] <= day)[1]
        assert ls.score(tables, book, as_of=day).frame["fit"].tolist() == [latest]
    assert tables.records.latest().tolist() == [moments.index(max(moments))]


@pytest.mark.parametrize("ids", [[3, 1, 3], [-5, 7, -5], [2**62, -(2**62), 2**62]])
def test_whole_number_ids_that_are_not_unique_are_named(ids):
    with pytest.raises(ls.ContractError, match="2 rows: a lead_id that is not unique"):
        ls.load_tables(pd.DataFrame({"lead_id": ids}))
    assert len(ls.load_tables(pd.DataFrame({"lead_id": [ids[0], 0, ids[1]]})).ids) == 3
