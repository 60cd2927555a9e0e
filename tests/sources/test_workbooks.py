"""Workbooks: ids without a point, dates as dates, the sheet that is meant; what Excel has rounded is no id."""

import datetime as dt
import sys

import pytest
from hypothesis import assume, given

from leadscore.errors import ContractError
from leadscore.imports.build import import_tables
from tests.sources.test_exports import csv_text, opened, read, tables, written
from tests.support.workbooks import Fault, write_ods, write_xlsx

MOMENT = dt.datetime(2026, 1, 5, 9, 12, 31)  # noqa: DTZ001 - a wall clock


@given(tables())
def test_text_in_a_workbook_is_what_it_is_in_csv(tmp_path_factory, table):
    names, rows = table
    # XML knows neither a carriage return nor what is blank at the ends of an ODS cell.
    assume("\t" not in "".join(map("".join, rows)) and "\n" not in "".join(map("".join, rows)))
    folder = tmp_path_factory.getbasetemp()
    plain = opened(written(folder / "any.csv", csv_text(names, rows)))
    for path in (
        write_xlsx(folder / "any.xlsx", {"Sheet1": [names, *rows]}),
        write_ods(folder / "any.ods", [names, *rows]),
    ):
        source = opened(path)
        assert source.columns == plain.columns
        assert [[" ".join(cell.split()) for cell in row] for row in read(source)] == [
            [" ".join(cell.split()) for cell in row] for row in read(plain)
        ]


CELLS = {
    "a whole number": (51.0, "51"),
    "a number": (12500.5, "12500.5"),
    "a large number": (1e14, "100000000000000"),
    "a small number": (1e-7, "0.0000001"),
    "zero": (0.0, "0"),
    "less than zero": (-3.0, "-3"),
    "a time": (MOMENT, "2026-01-05 09:12:31"),
    "a day": (MOMENT.date(), "2026-01-05"),
    "truth": (True, "true"),
    "text that is a number": ("0051", "0051"),
    "text that looks like a formula": ("=1+1", "=1+1"),
    "an error": (Fault("#N/A"), ""),
    "nothing": (None, ""),
}


@pytest.mark.parametrize("case", CELLS)
def test_cells_are_written_as_people_would(case, tmp_path):
    cell, text = CELLS[case]
    path = write_xlsx(tmp_path / "a.xlsx", {"A": [["id", "x"], ["a", cell], ["b", "y"]]})
    assert read(opened(path)) == [["a", text], ["b", "y"]]


def test_empty_rows_and_columns_are_none_and_rows_keep_their_numbers(tmp_path):
    rows = [["", "Report", ""], [], ["", "id", "name", "", "id"], [], ["", 1.0, "a", "x"], [], ["", 2.0, "b"]]
    path = write_xlsx(tmp_path / "a.xlsx", {"A": rows}, first_row=3)
    source = opened(path, skip_rows=3)
    assert (source.columns, [*source.repeated]) == (["id", "name"], ["id"])
    assert read(source) == [["1", "a"], ["2", "b"]]
    assert source.places([0, 1]) == {0: "row 7", 1: "row 9"}
    assert opened(path).columns == ["Report"]


def test_the_first_sheet_that_is_seen_is_read_and_said(tmp_path):
    sheets = {"hiddenSheet": [["x"]], "Leads": [["id"], ["1"]], "Notes": [["id"], ["2"]]}
    path = write_xlsx(tmp_path / "a.xlsx", sheets, hidden=("hiddenSheet",))
    source = opened(path)
    assert (read(source), source.notes) == (
        [["1"]],
        ["a.xlsx: the sheet 'Leads' is read; 'sheet' can name another: 'Notes'"],
    )
    named = opened(path, sheet="Notes")
    assert (read(named), named.notes) == ([["2"]], [])
    with pytest.raises(ContractError, match="no sheet 'Note'; did you mean 'Notes'"):
        opened(path, sheet="Note")


DATA = """
data: 1
timezone: Europe/Berlin
sources:
  people:
    file: a.xlsx
    columns: {Created: {type: time, format: "%d/%m/%Y %H:%M"}, Size: {type: number}, At: {type: time, format: epoch_us}}
leads:
  people: {from: people, lead_id: Id, created_at: Created, columns: {size: Size, at: At}}
"""


def people(folder, *rows):
    write_xlsx(folder / "a.xlsx", {"A": [["Id", "Created", "Size", "At"], *rows]})
    (folder / "data.yaml").write_text(DATA)
    return import_tables(folder / "data.yaml").leads


def test_dates_and_text_stand_in_one_column(tmp_path):
    leads = people(
        tmp_path, [1.0, MOMENT, 1e15, 1767600000000000.0], ["2", "06/01/2026 09:12", 5.0], [3.0, MOMENT.date()]
    )
    assert leads["lead_id"].to_pylist() == ["1", "2", "3"]
    assert [str(one) for one in leads["created_at"].to_pylist()] == [
        "2026-01-05 09:12:31+01:00",
        "2026-01-06 09:12:00+01:00",
        "2026-01-05 00:00:00+01:00",
    ]
    assert leads["size"].to_pylist() == [1e15, 5.0, None]


def test_an_id_that_excel_has_rounded_is_no_id(tmp_path):
    with pytest.raises(
        ContractError, match=r"people.Id: 1 row: a number of more than 15 digits(.|\n)*row 3: '9007199254740992'"
    ):
        people(tmp_path, [1.0, MOMENT], [9007199254740993, MOMENT])
    leads = people(tmp_path, [1.0, MOMENT], ["9007199254740993", MOMENT])
    assert leads["lead_id"].to_pylist() == ["1", "9007199254740993"]


@pytest.mark.parametrize("data", [b"id,name\n", None], ids=["CSV", "cut short"])
def test_what_is_no_workbook_is_refused(data, tmp_path):
    whole = write_xlsx(tmp_path / "b.xlsx", {"A": [["id"], ["1"]]})
    assert read(opened(whole)) == [["1"]]
    path = written(tmp_path / "a.xlsx", data or whole.read_bytes()[:-100])
    with pytest.raises(ContractError, match=r"a\.xlsx"):
        opened(path)


def test_an_empty_sheet_has_no_columns(tmp_path):
    assert opened(write_xlsx(tmp_path / "a.xlsx", {"A": []})).columns == []


def test_without_the_library_the_command_is_told(tmp_path, monkeypatch):
    path = write_xlsx(tmp_path / "a.xlsx", {"A": [["id"], ["1"]]})
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(ContractError, match=r"a\.xlsx needs .* pip install 'leadscore\[excel\]'"):
        opened(path)
