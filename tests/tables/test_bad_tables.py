"""Tables that are wrong, by hand: each is refused by name, or its rows are set aside; odd but good ones are read."""

import datetime as dt
import decimal
import math
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import leadscore as ls
from tests.support.bad_input import AS_OF, assert_located, book, scored, texts

BOOK = ls.Rulebook.from_yaml(
    """
leadscore: 1
name: tables
timezone: America/New_York
missing_values: [n/a]
columns: {country: {type: text}, employees: {type: number}, consent: {type: boolean}, signed: {type: date}}
fit:
  - {name: country, column: country, points: {US: 1, "5": 2, "true": 3, "007": 4}}
  - {name: size, column: employees, from: {0.009: 10, 1200: 20}}
  - {name: consent, when: {consent: true}, points: 100}
  - {name: signed, when: {signed: {at_least: 2026-01-01}}, points: 200}
behaviour:
  - {name: visit, event: visit, points: 1000, count: each, at_most: 5000, where: {amount: {at_least: 3}}}
qualify: {threshold: 0}
"""
)


LEADS = {"lead_id": ["a", "b"], "country": ["US", None], "employees": [1200, 3], "consent": [True, False]}


LEADS["signed"] = [dt.date(2026, 3, 1), None]


EVENTS = {"lead_id": ["a", "b"], "event": ["visit", "other"], "at": ["2026-03-01", "2026-03-02"], "amount": [3.0, 2.0]}


def pandas(columns):
    return columns if not isinstance(columns, dict) else pd.DataFrame(columns)


def totals(leads, events=None, **options):
    events = pandas(EVENTS) if events is None else events
    return scored(BOOK, pandas(leads), pandas(events), **options).frame["total"].to_list()


def with_cell(table, column, value):
    """The table with another value in the first row of a column."""
    return table | {column: [value, *table[column][1:]]}


BAD_LEAD_CELLS = {
    "thousands mark": ("employees", "1,200", "leads.employees: 1 row: text that is not a plain number"),
    "range": ("employees", "50-200", "leads.employees: 1 row: text that is not a plain number"),
    "word": ("employees", "many", "leads.employees: 1 row: text that is not a plain number"),
    "unit": ("employees", "1200 FTE", "leads.employees: 1 row: text that is not a plain number"),
    "inf as text": ("employees", "inf", "leads.employees: 1 row: text that is not a plain number"),
    "nan as text": ("employees", "nan", "leads.employees: 1 row: text that is not a plain number"),
    "underscore": ("employees", "1_200", "leads.employees: 1 row: text that is not a plain number"),
    "hexadecimal": ("employees", "0x10", "leads.employees: 1 row: text that is not a plain number"),
    "other digits": ("employees", "\u0663", "leads.employees: 1 row: text that is not a plain number"),
    "no missing word": ("employees", "tbd", "leads.employees: 1 row: text that is not a plain number"),
    "yes": ("consent", "yes", "leads.consent: 1 row: neither true nor false"),
    "1 as text": ("consent", "1", "leads.consent: 1 row: neither true nor false"),
    "day first": (
        "signed",
        "31/03/2026",
        "leads.signed: 1 row: not an ISO date or time (day and month cannot be told apart)",
    ),
    "day first, dots": ("signed", "31.03.26", "(it seems day.month.year)"),
    "no such day": ("signed", "2026-02-30", "leads.signed: 1 row: not an ISO date or time"),
    "month in words": ("signed", "1 March 2026", "leads.signed: 1 row: not an ISO date or time"),
    "seconds since 1970": ("signed", "1772323200", "leads.signed: 1 row: not an ISO date or time"),
    "week": ("signed", "2026-W10-1", "leads.signed: 1 row: not an ISO date or time"),
    "short": ("signed", "2026-3-1", "leads.signed: 1 row: not an ISO date or time"),
    "no lead_id": ("lead_id", None, "leads.lead_id: 1 row: no lead_id"),
    "an empty lead_id": ("lead_id", "", "leads.lead_id: 1 row: no lead_id"),
    "a lead_id of spaces": ("lead_id", " \t", "leads.lead_id: 1 row: no lead_id"),
    "lead_id twice": ("lead_id", "b", "leads.lead_id: 2 rows: a lead_id that is not unique"),
}


@pytest.mark.parametrize("case", BAD_LEAD_CELLS)
def test_a_bad_cell_of_a_lead_is_refused_and_can_be_set_aside(case):
    column, value, fragment = BAD_LEAD_CELLS[case]
    leads = with_cell(texts(LEADS), column, value)
    with pytest.raises(ls.ContractError, match=re.escape(fragment)):
        totals(leads)
    tables = ls.load_tables(pandas(leads), pandas(EVENTS), rulebook=BOOK, strict=False)
    both = value == "b"
    aside = tables.rejected[tables.rejected["table"] == "leads"]
    assert aside["row"].to_list() == ([0, 1] if both else [0])
    assert set(aside["column"]) == {column}
    assert ls.score(tables, BOOK, as_of=AS_OF).frame["total"].to_list() == ([] if both else [10])


FEET = [
    "Total",
    "TOTAL:",
    "Grand Total",
    "Grand Totals (25 records)",
    "subtotal",
    "Total records: 1,204",
    "Gesamtsumme",
]


@pytest.mark.parametrize("holder", [pandas, lambda table: pa.table(pandas(table))])
@pytest.mark.parametrize("foot", FEET)
def test_the_foot_of_a_report_is_no_lead(foot, holder):
    leads = {name: [*cells, foot if name == "lead_id" else None] for name, cells in texts(LEADS).items()}
    with pytest.raises(ls.ContractError, match=r"leads\.lead_id: 1 row: a sum and nothing beside it") as error:
        ls.load_tables(holder(leads), rulebook=BOOK)
    assert f"row 2: {foot!r}" in str(error.value)
    tables = ls.load_tables(holder(leads), rulebook=BOOK, strict=False)
    assert ls.score(tables, BOOK, as_of=AS_OF).lead_ids.to_list() == LEADS["lead_id"]


def test_a_lead_that_is_called_total_is_one():
    """With a value beside it, or where nothing else is read; and whoever is only called alike."""
    leads = {name: [*cells, "Total" if name == "lead_id" else None] for name, cells in texts(LEADS).items()}
    for name, value in (("employees", "0"), ("consent", "false"), ("country", "US")):
        assert ls.load_tables(pandas(leads | {name: [*leads[name][:2], value]}), rulebook=BOOK).leads.num_rows == 3
    assert ls.load_tables(pd.DataFrame({"lead_id": ["Total", "a"]})).leads.num_rows == 2
    assert (
        ls.load_tables(pd.DataFrame({"lead_id": ["Total", "a"], "size": [0, None], "no": [None, None]})).leads.num_rows
        == 2
    )
    for other in ("TotalEnergies", "Total 5a", "Totality", "sum", "T", "5", "Mr. Total"):
        assert (
            ls.load_tables(pandas(leads | {"lead_id": [*LEADS["lead_id"], other]}), rulebook=BOOK).leads.num_rows == 3
        )


BAD_EVENT_CELLS = {
    "unknown lead": ("lead_id", "zz", "events.lead_id: 1 row: events of leads that are not among the leads"),
    "another case": ("lead_id", "A", "events.lead_id: 1 row: events of leads that are not among the leads"),
    "no lead": ("lead_id", None, "events.lead_id: 1 row: no lead_id"),
    "no event": ("event", None, "events.event: 1 row: no event"),
    "blank event": ("event", " \u3000", "events.event: 1 row: no event"),
    "no time": ("at", None, "events.at: 1 row: no time"),
    "blank time": ("at", " ", "events.at: 1 row: no time"),
    "day first": ("at", "31/03/2026", "events.at: 1 row: not an ISO date or time (day and month cannot be told apart)"),
    "no such day": ("at", "2026-02-30", "events.at: 1 row: not an ISO date or time"),
    "24 o'clock": ("at", "2026-03-31T24:00", "events.at: 1 row: not an ISO date or time"),
    "a leap second": ("at", "2026-03-31T23:59:60", "events.at: 1 row: not an ISO date or time"),
    "year 0": ("at", "0000-01-01", "(a year outside 1 to 9999)"),
    "last day of all": ("at", "9999-12-31", "events.at: 1 row: a time outside the years 1 to 9999"),
    "year 12026": ("at", "12026-01-01", "events.at: 1 row: not an ISO date or time"),
    "run together": ("at", "20260301", "events.at: 1 row: not an ISO date or time"),
    "minus sign of printers": ("at", "2026-03-31T14:05:00\u221205:00", "events.at: 1 row: not an ISO date or time"),
    "month first": ("at", "3/31/2026 2:05 PM", "(it seems month/day/year with AM or PM)"),
    "zone": ("at", "2026-03-01T00:00Z", "events.at: 1 row: a time without a zone, while others in the column have one"),
}


@pytest.mark.parametrize("case", BAD_EVENT_CELLS)
def test_a_bad_cell_of_an_event_is_refused_and_can_be_set_aside(case):
    column, value, fragment = BAD_EVENT_CELLS[case]
    events = with_cell(EVENTS, column, value)
    with pytest.raises(ls.ContractError, match=re.escape(fragment)):
        totals(LEADS, events)
    tables = ls.load_tables(pandas(LEADS), pandas(events), rulebook=BOOK, strict=False)
    found = tables.rejected[["table", "row", "column"]].to_numpy().tolist()
    assert found == [["events", 1 if case == "zone" else 0, column]]
    fit = 1 + 20 + 100 + 200
    assert ls.score(tables, BOOK, as_of=AS_OF).frame["total"].to_list() == [fit + 1000 * (case == "zone"), 10]


@pytest.mark.parametrize("value", ["1,200", "50-200", "many"])
def test_a_bad_cell_of_a_where_is_refused_by_name(value):
    with pytest.raises(ls.ContractError, match=r"events\.amount: 1 .*: text that is not a plain number"):
        totals(LEADS, EVENTS | {"amount": [value, "2"]})


BAD_COLUMNS = {
    "numbers as days": (
        LEADS | {"signed": [20260301, 20260302]},
        None,
        "leads.signed: 2 rows: int64 values where dates",
    ),
    "days as numbers": (
        LEADS | {"employees": pd.to_datetime(["2026-01-01"] * 2)},
        None,
        "leads.employees: 2 rows: time",
    ),
    "booleans as numbers": (
        LEADS | {"employees": [True, False]},
        None,
        "leads.employees: 2 rows: bool values where numb",
    ),
    "numbers as booleans": (
        LEADS | {"consent": [1, 0]},
        None,
        "leads.consent: 2 rows: int64 values where true or false",
    ),
    "days as text": (LEADS | {"country": pd.to_datetime(["2026-01-01"] * 2)}, None, "leads.country: 2 rows: timestamp"),
    "lists": (
        LEADS | {"country": [["US"], ["CA"]]},
        None,
        "leads.country: 2 rows: list<item: string> values where text",
    ),
    "lists of numbers": (
        LEADS | {"employees": [[1], [2]]},
        None,
        "leads.employees: 2 rows: list<item: int64> values wh",
    ),
    "mappings": (
        LEADS | {"country": [{"a": 1}, {}]},
        None,
        "leads.country: 2 rows: struct<a: int64> values where text",
    ),
    "bytes": (LEADS | {"country": [b"US", b"CA"]}, None, "leads.country: 2 rows: binary values where text is needed"),
    "intervals": (
        LEADS | {"country": pd.cut([1, 2], [0, 1, 2])},
        None,
        "leads.country: 2 rows: extension<pandas.inter",
    ),
    "periods": (
        LEADS | {"employees": pd.period_range("2026-01", periods=2)},
        None,
        "leads.employees: 2 rows: extension",
    ),
    "spans": (
        LEADS | {"employees": pd.to_timedelta([1, 2])},
        None,
        "leads.employees: 2 rows: duration[ns] values where",
    ),
    "text among numbers": (
        LEADS | {"employees": ["x", 2]},
        None,
        "leads.employees: values that do not fit one type of column",
    ),
    "text among booleans": (
        LEADS | {"consent": ["yes", True]},
        None,
        "leads.consent: values that do not fit one type of column",
    ),
    "complex": (
        LEADS | {"employees": [1j, 2]},
        None,
        "leads.employees: values that do not fit one type of column: complex",
    ),
    "objects": (
        LEADS | {"country": [object(), "US"]},
        None,
        "leads.country: values that do not fit one type of column",
    ),
    "2**70": (
        LEADS | {"employees": [2**70, 5]},
        None,
        "leads.employees: values that do not fit one type of column: int",
    ),
    "2**60": (LEADS | {"employees": [2**60, 5]}, None, "leads.employees: 1 row: whole numbers above 2**53"),
    "ids with halves": (LEADS | {"lead_id": [1.0, 2.5]}, None, "leads.lead_id: double values where ids are needed"),
    "ids true and false": (LEADS | {"lead_id": [True, False]}, None, "leads.lead_id: bool values where ids are needed"),
    "ids in lists": (LEADS | {"lead_id": [["a"], ["b"]]}, None, "leads.lead_id: list<item: string> values where ids"),
    "ids past 64 bits": (
        LEADS | {"lead_id": [2**64 - 1, 5]},
        None,
        "leads.lead_id: uint64 values where ids are needed",
    ),
    "ids as days": (LEADS | {"lead_id": pd.to_datetime(["2026-01-01"] * 2)}, None, "leads.lead_id: timestamp"),
    "ids all null": (LEADS | {"lead_id": [None, None]}, None, "leads.lead_id: 2 rows: no lead_id"),
    "ids of another type": (
        LEADS,
        EVENTS | {"lead_id": [1, 2]},
        "events.lead_id: 2 rows: events of leads that are not",
    ),
    "event ids as days": (LEADS, EVENTS | {"lead_id": pd.to_datetime(["2026-01-01"] * 2)}, "events.lead_id: timestamp"),
    "events in lists": (
        LEADS,
        EVENTS | {"event": [["visit"], ["x"]]},
        "events.event: list<item: string> values, which",
    ),
    "events as days": (
        LEADS,
        EVENTS | {"event": pd.to_datetime(["2026-01-01"] * 2)},
        "events.event: 1 distinct value",
    ),
    "events as bytes": (LEADS, EVENTS | {"event": [b"visit", b"x"]}, "events.event: 2 distinct values: binary values"),
    "times as numbers": (LEADS, EVENTS | {"at": [1772323200, 5]}, "events.at: int64 values where times are"),
    "times of day": (
        LEADS,
        EVENTS | {"at": [dt.time(1), dt.time(2)]},
        "events.at: time64[us] values where times",
    ),
    "times as periods": (LEADS, EVENTS | {"at": pd.period_range("2026-01", periods=2)}, "events.at: extension<pandas."),
    "times in lists": (LEADS, EVENTS | {"at": [[1], [2]]}, "events.at: list<item: int64> values, which are not"),
    "amounts in lists": (
        LEADS,
        EVENTS | {"amount": [[1], [2]]},
        "events.amount: list<item: int64> values, which are not",
    ),
    "amounts true": (LEADS, EVENTS | {"amount": [True, False]}, "events.amount: 2 distinct values: bool values where"),
    "created in lists": (
        LEADS | {"created_at": [[1], [2]]},
        None,
        "leads.created_at: list<item: int64> values where times",
    ),
    "created as numbers": (
        LEADS | {"created_at": [5, 6]},
        None,
        "leads.created_at: int64 values where times are needed",
    ),
    "a column too few": ({k: v for k, v in LEADS.items() if k != "consent"}, None, "leads.consent: there is no column"),
    "a column misspelt": (
        {("employes" if k == "employees" else k): v for k, v in LEADS.items()},
        None,
        "leads.employees: there is no column 'employees', which rulebook 'tables' uses; did you mean 'employes'?",
    ),
    "no ids": ({"id": ["a", "b"]}, None, "leads.lead_id: there is no column 'lead_id'"),
    "no times": (LEADS, {k: v for k, v in EVENTS.items() if k != "at"}, "events.at: there is no column 'at'"),
    "capital letters": (LEADS, {k.upper(): v for k, v in EVENTS.items()}, "events.event: there is no column 'event'"),
    "no columns at all": (pd.DataFrame(), None, "leads.lead_id: there is no column 'lead_id'"),
    "a column twice": (
        pd.DataFrame([["a", "US", "CA"]], columns=["lead_id", "country", "country"]),
        None,
        "leads: each column needs its own name; repeated: country",
    ),
    "a column twice in Arrow": (
        pa.table([["a"], ["US"], ["CA"]], names=["lead_id", "country", "country"]),
        None,
        "leads: each column needs its own name; repeated: country",
    ),
    "a series": (pd.Series(["a"]), None, "leads: cannot be read from a Series"),
    "a list": ([{"lead_id": "a"}], None, "leads: cannot be read from a list"),
    "None": (None, None, "leads: cannot be read from a NoneType"),
    "an array": (np.zeros((2, 2)), None, "leads: cannot be read from a ndarray"),
    "a year of 20000": (
        LEADS,
        pa.table(EVENTS | {"at": pa.array([10**12, 0], pa.timestamp("s"))}),
        "events.at: 1 row: a time outside the years 1 to 9999",
    ),
    "days of the year 29349": (
        LEADS,
        pa.table(EVENTS | {"at": pa.array([10**7, 0], pa.int32()).cast(pa.date32())}),
        "events.at: 1 row: a time outside the years 1 to 9999",
    ),
    "days of the year 29349 for names": (
        LEADS,
        pa.table(EVENTS | {"event": pa.array([10**7, 0], pa.int32()).cast(pa.date32())}),
        "events.event: 2 distinct values: date32[day] values where text is needed",
    ),
    "the end of 64 bits": (
        LEADS,
        pa.table(EVENTS | {"at": pa.array([2**62, -(2**62)], pa.timestamp("s"))}),
        "events.at: 2 rows: a time outside the years 1 to 9999",
    ),
    "text that is no UTF-8": (
        pa.table(
            LEADS
            | {
                "country": pa.Array.from_buffers(
                    pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")]
                )
            }
        ),
        None,
        "leads.country: Invalid UTF8 sequence",
    ),
}


@pytest.mark.parametrize("case", BAD_COLUMNS)
def test_a_bad_table_is_refused_by_name(case):
    leads, events, fragment = BAD_COLUMNS[case]
    with pytest.raises(ls.ContractError, match=re.escape(fragment)) as caught:
        totals(leads, events)
    assert caught.value.source == "tables"
    assert_located(caught.value)


GOOD = {
    "as they are": ({}, {}, 1321),
    "numbers as text": ({"employees": ["1200", " 3 "]}, {}, 1321),
    "numbers with a point": ({"employees": ["1200.0", ".5"]}, {}, 1321),
    "numbers as 1.2e3": ({"employees": ["1.2e3", ""]}, {}, 1321),
    "the number next below": ({"employees": [math.nextafter(1200, 0), 3]}, {}, 1311),
    "decimals": ({"employees": [decimal.Decimal("0.009"), decimal.Decimal("0.008")]}, {}, 1311),
    "decimals below": ({"employees": [decimal.Decimal("0.008"), decimal.Decimal("0.009")]}, {}, 1301),
    "infinite": ({"employees": [math.inf, -math.inf]}, {}, 1321),
    "nan": ({"employees": [math.nan, 3]}, {}, 1301),
    "categories": ({"country": pd.Categorical(["US", "CA"])}, {}, 1321),
    "codes as numbers": ({"country": [5, 7]}, {}, 1322),
    "codes as floats": ({"country": [5.0, math.nan]}, {}, 1322),
    "codes true and false": ({"country": [True, False]}, {}, 1323),
    "codes with zeros": ({"country": ["007", "7"]}, {}, 1324),
    "missing word": ({"country": [" N/A ", "US"]}, {}, 1320),
    "full width": ({"country": ["\uff35\uff33", "x"]}, {}, 1321),
    "true as text": ({"consent": [" TRUE", "false"]}, {}, 1321),
    "missing booleans": ({"consent": pd.array([None, True], dtype="boolean")}, {}, 1221),
    "days as text": ({"signed": ["2026-01-01", ""]}, {}, 1321),
    "the day before": ({"signed": ["2025-12-31", None]}, {}, 1121),
    "times in a zone": ({"signed": ["2026-01-01T04:59Z", "2026-01-01T05:00Z"]}, {}, 1121),
    "past pandas' years": ({"signed": [dt.date(9999, 12, 30), dt.date(1, 1, 2)]}, {}, 1321),
    "year 20000 of a day": ({"signed": pa.array([10**12, None], pa.timestamp("s"))}, {}, 1321),
    "events as text": ({}, {"at": ["2026-03-31T23:59:59.999999", "2026-03-02"]}, 1321),
    "events of tomorrow": ({}, {"at": ["2026-04-01", "2026-03-02"]}, 321),
    "events in a zone": ({}, {"at": ["2026-04-01T03:59:59Z", "2026-03-02T00:00Z"]}, 1321),
    "events in a zone, tomorrow": ({}, {"at": ["2026-04-01T04:00:00Z", "2026-03-02T00:00Z"]}, 321),
    "events of other offsets": ({}, {"at": ["2026-04-01T09:29+05:30", "2026-03-02T00:00-08:00"]}, 1321),
    "a space before the zone": ({}, {"at": ["2026-03-31T14:05:00 +05:30", "2026-03-02T00:00Z"]}, 1321),
    "days and times": ({}, {"at": [dt.date(2026, 3, 1), dt.datetime(2026, 3, 1, 5)]}, 1321),  # noqa: DTZ001
    "event in capitals": ({}, {"event": [" VISIT", "other"]}, 1321),
    "amounts as text": ({}, {"amount": ["3", ""]}, 1321),
    "amounts below": ({}, {"amount": [math.nextafter(3, 0), 5]}, 321),
    "created tomorrow": ({"created_at": ["2026-03-31T23:59", "2026-04-01"]}, {"lead_id": ["a", "a"]}, 1321),
    "created long after": ({"created_at": pa.array([None, 2**62], pa.timestamp("s"))}, {"lead_id": ["a", "a"]}, 1321),
    "unasked columns": ({"x": [object(), 1j], "y": [[1], None]}, {"z": [{1}, "q"]}, 1321),
    "float ids": ({"lead_id": [1, 2]}, {"lead_id": [1.0, 2.0]}, 1321),
    "large ids": ({"lead_id": [2**63 - 1, -(2**63)]}, {"lead_id": [2**63 - 1, -(2**63)]}, 1321),
}


@pytest.mark.parametrize("case", GOOD)
def test_good_data_in_odd_dress_gives_the_right_figure(case):
    leads, events, total = GOOD[case]
    leads, events = LEADS | leads, EVENTS | events
    arrow = any(isinstance(column, pa.Array) for column in leads.values())
    assert totals(pa.table(leads) if arrow else leads, events)[0] == total


@pytest.mark.parametrize("rows", ["none", "no types"])
def test_tables_without_rows(rows):
    frame = pd.DataFrame({name: [] for name in LEADS}, dtype=object if rows == "no types" else None)
    events = pd.DataFrame({name: [] for name in EVENTS}, dtype=object if rows == "no types" else None)
    outcomes = pd.DataFrame({"lead_id": [], "stage": [], "at": []})
    assert totals(frame, events) == []
    assert totals(LEADS, events) == [321, 10]
    tables = ls.load_tables(pandas(LEADS), events, outcomes, rulebook=BOOK)
    assert tables.outcomes is not None
    assert len(tables.outcomes) == len(tables.rejected) == len(tables.events) == 0


OUTCOMES = {"lead_id": ["a", "b"], "stage": ["won", "lost"], "at": ["2026-03-01", "2026-03-02"]}


@pytest.mark.parametrize(
    ("column", "value", "fragment"),
    [
        ("lead_id", "zz", "outcomes.lead_id: 1 row: outcomes of leads that are not among the leads"),
        ("lead_id", None, "outcomes.lead_id: 1 row: outcomes of leads that are not among the leads"),
        ("stage", "Won!", "outcomes.stage: 1 row: not a stage; stages are lead, mql"),
        ("stage", None, "outcomes.stage: 1 row: not a stage"),
        ("at", None, "outcomes.at: 1 row: no time"),
        ("at", "03/01/2026", "outcomes.at: 1 row: not an ISO date or time (day and month cannot be told apart)"),
    ],
)
def test_a_bad_outcome_is_refused_and_can_be_set_aside(column, value, fragment):
    outcomes = pandas(with_cell(OUTCOMES, column, value))
    with pytest.raises(ls.ContractError, match=re.escape(fragment)):
        ls.load_tables(pandas(LEADS), None, outcomes)
    tables = ls.load_tables(pandas(LEADS), None, outcomes, strict=False)
    assert tables.rejected[["table", "row", "column"]].to_numpy().tolist() == [["outcomes", 0, column]]
    assert tables.outcomes["lead_id"].to_list() == ["b"]


def test_lone_surrogates_are_refused_by_name():
    leads = LEADS | {"country": pd.Series(["\ud800", "US"], dtype=object)}
    with pytest.raises(ls.ContractError, match=r"leads\.country: "):
        totals(leads)


def test_a_bad_cell_of_a_where_can_be_set_aside():
    assert totals(LEADS, EVENTS | {"amount": ["1,200", "2"]}, strict=False) == [321, 10]


def test_a_bad_cell_of_a_required_column_without_a_rule_can_be_set_aside():
    rulebook = ls.Rulebook.from_yaml(book(rest="columns: {n: {type: number, required: capture}}\n"))
    leads = pd.DataFrame({"lead_id": ["a", "b"], "n": ["1,200", "7"]})
    tables = ls.load_tables(leads, rulebook=rulebook, strict=False)
    assert tables.rejected[["row", "column"]].to_numpy().tolist() == [[0, "n"]]
    assert tables.completeness["n"].to_list() == [1]


@pytest.mark.parametrize(
    ("written", "other", "total"),
    [
        # 02:00 on 1 April by the clock in New York is not 02:00 in Greenwich, which is 22:00 on 31 March there.
        ("2026-04-01T02:00", "2026-03-02T00:00+00:00", 321),
        ("2026-04-01T02:00+00:00", "2026-03-02T00:00", 1321),
    ],
)
def test_objects_with_and_without_a_zone_are_not_mixed_in_silence(written, other, total):
    at = [dt.datetime.fromisoformat(written), dt.datetime.fromisoformat(other)]
    events = pd.DataFrame(EVENTS | {"at": pd.Series(at, dtype=object)})[::-1]
    try:
        assert totals(LEADS, events)[0] == total
    except ls.ContractError as error:
        assert "events.at" in str(error)  # noqa: PT017 - refusing is right, too


@pytest.mark.parametrize("cell", ["2026-02-30T10:00Z", "2026-03-31T14:05:00+99:99"])
def test_a_bad_time_with_a_zone_condemns_itself_alone(cell):
    events = {"lead_id": ["b", "a"], "event": ["visit"] * 2, "at": [cell, "2026-03-01"], "amount": [3, 3]}
    assert totals(LEADS, events, strict=False) == [1321, 10]
