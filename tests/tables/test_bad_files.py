"""Files of tables that are wrong or damaged: each is refused by name, or its rows are set aside and counted."""

import gzip
import re

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from tests.support.bad_input import assert_located, book, scored, written

CSV_BOOK = ls.Rulebook.from_yaml(book(behaviour="{name: e, event: e, points: 1, count: each, at_most: 1000}"))
HEAD = "lead_id,event,at\n"
PARQUET = pa.BufferOutputStream()


pq.write_table(pa.table({"lead_id": ["a", "b"] * 500, "event": ["e"] * 1000, "at": ["2026-03-01"] * 1000}), PARQUET)


PARQUET = PARQUET.getvalue().to_pybytes()


BAD_TABLE_FILES = {
    "empty": ("e.csv", b"", "has no header line"),
    "only a mark": ("e.csv", b"\xef\xbb\xbf", "has no header line"),
    "blank first line": ("e.csv", b"\n" + HEAD.encode(), "has no header line"),
    "html": ("e.csv", b"<!DOCTYPE html>\n<html></html>\n", "events.lead_id: there is no column 'lead_id'"),
    "utf-16": ("e.csv", HEAD.encode("utf-16"), "is not UTF-8 text; save it as UTF-8"),
    "latin-1": (
        "e.csv",
        HEAD.encode() + "a,\u00e9,2026-03-01\n".encode("latin-1"),
        "save it as UTF-8: line 2, column 'event' holds byte 0xE9; in Windows-1252 the cell would be '\u00e9'",
    ),
    "latin-1 in the header": ("e.csv", "lead_id,event,at,\u00e9\n".encode("latin-1"), "is not UTF-8 text"),
    "another separator below": (
        "e.csv",
        f"{HEAD}a;e;2026-03-01\n",
        "events: 1 row: a line of 1 cell where the header",
    ),
    "another separator above": ("e.csv", "lead_id;event;at\na,e,2026-03-01\n", "events: 1 row: a line of 1 cell where"),
    "too few cells": (
        "e.csv",
        f"{HEAD}a,e,2026-03-01\nb,e\n",
        "events: 1 row: a line of 2 cells where the header has 3",
    ),
    "too many cells": ("e.csv", f"{HEAD}a,e,2026-03-01,5\n", "events: 1 row: a line of 4 cells where the header has 3"),
    "open quote in the header": ("e.csv", '"lead_id,event,at\na,e,2026-03-01\n', "a quote is opened but never closed"),
    "quote that swallows": (
        "e.csv",
        f'{HEAD}a,"e,2026-03-01\nb,e,2026-03-02\nb,e,2026-03-03\nb,"e",2026-03-04\n',
        "line 2: 'a,\"e,2026-03-01'",
    ),
    "quote that swallows the rest": (
        "e.csv",
        f'{HEAD}a,e,2026-03-01\na,"e,2026-03-01\nb,e,2026-03-02\n',
        "events: 1 row",
    ),
    "quote in the last column": (
        "e.csv",
        f'{HEAD}b,e,"2026-03-02\nb,e,2026-03-02\n',
        "line 2: 'b,e,\"2026-03-02'",
    ),
    "columns twice": (
        "e.csv",
        "lead_id,event,at,at\n",
        "events: each column needs its own name; repeated: at (columns 3, 4)",
    ),
    "columns misspelt": ("e.csv", "lead_id,evnt,at\n", "there is no column 'event'; did you mean 'evnt'?"),
    "a bad day on line 3": ("e.csv", f"{HEAD}a,e,2026-03-01\na,e,2026-02-30\n", "line 3: '2026-02-30'"),
    "an id of nobody": ("e.csv", f"{HEAD}zz,e,2026-03-01\n", "events.lead_id: 1 row: events of leads that are not"),
    "an empty id": ("e.csv", f"{HEAD},e,2026-03-01\n", "events.lead_id: 1 row: no lead_id"),
    "an empty event": ("e.csv", f"{HEAD}a,,2026-03-01\n", "events.event: 1 row: no event"),
    "an empty time": ("e.csv", f"{HEAD}a,e,\n", "events.at: 1 row: no time"),
    "gzip by another name": ("e.csv", gzip.compress(HEAD.encode(), mtime=0), "is not UTF-8 text"),
    "no gzip": ("e.csv.gz", HEAD, "cannot be read"),
    "gzip cut off": (
        "e.csv.gz",
        gzip.compress((HEAD + "a,e,2026-03-01\n" * 5000).encode(), mtime=0)[:-20],
        "Truncated",
    ),
    "excel": ("e.xlsx", b"PK\3\4", "holds .xlsx files; .csv and .parquet are read"),
    "json": ("e.json", b"{}", "holds .json files; .csv and .parquet are read"),
    "parquet cut off": ("e.parquet", PARQUET[:-100], "is not a Parquet file"),
    "parquet of nothing": ("e.parquet", b"", "is not a Parquet file"),
    "parquet of junk": ("e.parquet", b"PAR1junkjunkPAR1", "is not a Parquet file"),
    "parquet with a hole": ("e.parquet", PARQUET[:50] + bytes(60) + PARQUET[110:], "cannot be read"),
    "csv as parquet": ("e.parquet", HEAD, "is not a Parquet file"),
    "parquet as csv": ("e.csv", PARQUET, "events"),
}


def file_totals(path, **options):
    return scored(CSV_BOOK, pd.DataFrame({"lead_id": ["a", "b"]}), path, **options).frame["total"].to_list()


@pytest.mark.parametrize("case", BAD_TABLE_FILES)
def test_a_bad_table_file_is_refused(case, tmp_path):
    name, data, fragment = BAD_TABLE_FILES[case]
    with pytest.raises(ls.ContractError, match=re.escape(fragment)) as caught:
        file_totals(written(tmp_path, name, data))
    assert_located(caught.value)
    assert all(problem.where.startswith("events") for problem in caught.value.problems)


GOOD_FILES = {
    "plain": (f"{HEAD}a,e,2026-03-01\nb,e,2026-03-02\n", [1, 1]),
    "crlf": (f"{HEAD}a,e,2026-03-01\nb,e,2026-03-02\n".replace("\n", "\r\n"), [1, 1]),
    "mark": (f"\ufeff{HEAD}a,e,2026-03-01\n", [1, 0]),
    "only a header": (HEAD, [0, 0]),
    "header without an end": (HEAD.strip(), [0, 0]),
    "semicolons": (f"{HEAD}a,e,2026-03-01\n".replace(",", ";"), [1, 0]),
    "tabs": (f"{HEAD}a,e,2026-03-01\n".replace(",", "\t"), [1, 0]),
    "quotes": ('"lead_id","event","at","x,y"\n"a","e","2026-03-01","1,2"\n', [1, 0]),
    "spaces in the header": ("lead_id, event, at\na,e,2026-03-01\n", [1, 0]),
    "blank lines": (f"{HEAD}\na,e,2026-03-01\n\n\nb,e,2026-03-01\n", [1, 1]),
    "quote within a cell": (f'{HEAD}a,e"x,2026-03-01\nb,e,2026-03-02\n', [0, 1]),
    "two lines in a cell": (f'{HEAD}a,"e\n",2026-03-01\nb,e,2026-03-02\n', [1, 1]),
    "an unnamed column": ("lead_id,event,at,\na,e,2026-03-01,\n", [1, 0]),
}


@pytest.mark.parametrize("case", GOOD_FILES)
def test_a_good_file_gives_the_right_figure(case, tmp_path):
    data, wanted = GOOD_FILES[case]
    assert file_totals(written(tmp_path, "e.csv", data)) == wanted


def test_lines_that_are_no_rows_are_set_aside_and_counted(tmp_path):
    lines = f"{HEAD}a,e,2026-03-01\nb,e\na,e,2026-03-01,5\nb,e,2026-03-01\na,e,2026-02-30\nzz,e,2026-03-01\n"
    path = written(tmp_path, "e.csv", lines)
    tables = ls.load_tables(pd.DataFrame({"lead_id": ["a", "b"]}), path, rulebook=CSV_BOOK, strict=False)
    assert sorted(tables.rejected["column"]) == ["", "", "at", "lead_id"]
    assert file_totals(path, strict=False) == [1, 1]


@pytest.mark.parametrize("path", ["none.csv", "none-*.parquet", "empty"])
def test_a_path_without_a_file_is_refused(path, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ls.ContractError, match="events: no file at"):
        file_totals(tmp_path / path)


def test_parts_that_do_not_belong_together_are_refused(tmp_path):
    written(tmp_path, "a.csv", HEAD)
    written(tmp_path, "b.csv", "lead_id,at,evnt\n")
    with pytest.raises(ls.ContractError, match=r"events\.event: .*b\.csv has no such column"):
        file_totals(tmp_path)
    written(tmp_path, "c.parquet", PARQUET)
    with pytest.raises(ls.ContractError, match=r"holds \.csv, \.parquet files"):
        file_totals(tmp_path)


@given(st.integers(0, len(PARQUET) - 4), st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b""]))
def test_a_damaged_parquet_file_is_refused_or_read(tmp_path_factory, start, patch):
    path = tmp_path_factory.getbasetemp() / "damaged.parquet"
    path.write_bytes(PARQUET[:start] + patch + PARQUET[start + 4 :])
    try:
        assert len(file_totals(path)) == 2
    except ls.ContractError as error:
        assert_located(error)
        assert "events" in str(error)  # noqa: PT017 - either outcome is right
