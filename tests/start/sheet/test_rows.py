"""Sheets as they are laid out: headers of any name and order, titles above, merged cells, tables beside others."""

import pytest

import leadscore as ls
from leadscore.start.sheet.rows import read_rows


def rows(*lines, name=""):
    return read_rows({name: [(number, [*line]) for number, line in enumerate(lines, 1)]}, "sheet.csv")[0]


def said(*lines):
    return [(row.category, row.attribute, row.criteria, row.points) for row in rows(*lines) if not row.heading]


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (["Category", "Attribute", "Criteria", "Points"], ["Fit", "Title", "VP", "10"]),
        (["Score", "Value", "Property", "Type"], ["10", "VP", "Title", "Fit"]),
        (["Dimension", "Field", "Condition", "Weight"], ["Fit", "Title", "VP", "10"]),
        (["Kategorie", "Merkmal", "Bedingung", "Punkte"], ["Fit", "Title", "VP", "10"]),
        (["", "Section", "Data point (CRM field)", "Rule", "Points (+/-)"], ["", "Fit", "Title", "VP", "10"]),
        (["Category", "Attribute", "Value", "Points"], ["Fit", "Title", "VP", "10"]),
    ],
)
def test_headers_by_any_name_in_any_order(header, line):
    assert said(header, line) == [("Fit", "Title", "VP", "10")]


def test_titles_and_blank_lines_stand_above():
    found = rows(["Lead scoring 2026"], ["MQL = 100 points"], ["Attribute", "Points"], ["Visit", "5"])
    assert [row.heading for row in found] == [True, False, True, False]


def test_merged_cells_hold_for_the_rows_below():
    header = ["Category", "Attribute", "Criteria", "Points"]
    below = said(
        header, ["Fit", "Title", "VP", "9"], ["", "", "CTO", "8"], ["", "Size", "50+", "7"], ["Deeds", "Visit", "", "1"]
    )
    assert below == [
        ("Fit", "Title", "VP", "9"),
        ("Fit", "Title", "CTO", "8"),
        ("Fit", "Size", "50+", "7"),
        ("Deeds", "Visit", "", "1"),
    ]


def test_parts_have_headings_and_headers_of_their_own():
    found = said(
        ["DEMOGRAPHIC"], ["Field", "Criteria", "Points"], ["Title", "VP", "9"], ["Sub-total", "", "9"],
        ["", "Total", ""], ["BEHAVIORAL"], ["Activity", "Points"], ["Visit", "5"],
    )  # fmt: skip
    assert found == [("DEMOGRAPHIC", "Title", "VP", "9"), ("BEHAVIORAL", "Visit", "", "5")]


def test_tables_side_by_side():
    found = said(["Behavior", "Points", "", "Demographics", "Points"], ["Visit", "1", "", "Title: VP", "9"])
    assert found == [("Behavior", "Visit", "", "1"), ("Demographics", "Title: VP", "", "9")]


def test_a_column_for_each_number_of_points():
    found = said(["Attribute", "5 points", "10 points"], ["Size", "1-50", "51+"], ["Title", "", "VP"])
    assert found == [
        ("", "Size", "1-50", "5 points"),
        ("", "Size", "51+", "10 points"),
        ("", "Title", "VP", "10 points"),
    ]


def test_operators_stand_in_a_column_of_their_own():
    assert said(["Field", "Operator", "Value", "Points"], ["Title", "contains", "VP", "9"]) == [
        ("", "Title", "contains VP", "9")
    ]


def test_other_columns_say_how_points_count():
    (_, row) = rows(["Activity", "Points", "Max points", "Decay"], ["Visit", "5", "20", "n/a"])
    assert row.more == (("Max points", "20"),)
    (_, row, other) = rows(["Activity", "Points", "Notes"], ["Visit", "5", "cap 15"], ["Click", "5", "per sales"])
    assert (row.more, other.more) == ((("Notes", "cap 15"),), ())


def test_a_data_point_is_no_number_of_points():
    assert said(["Data point", "Value", "Score"], ["Title", "VP", "9"]) == [("", "Title", "VP", "9")]


def test_a_sheet_of_a_workbook_names_a_part():
    assert rows(["Activity", "Points"], ["Visit", "5"], name="Behaviour")[1].category == "Behaviour"


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([["a", "b"], ["1", "2"]], "no header found.*line 1: 'a . b'"),
        ([["Attribute", "Current score", "Proposed score"]], "line 1: two columns hold points"),
        ([["Attribute", "SMB points", "Criteria", "Enterprise points"]], "line 1: two columns hold points"),
        ([], "the sheet is empty"),
    ],
)
def test_what_is_no_scoring_sheet(lines, why):
    with pytest.raises(ls.ContractError, match=why):
        rows(*lines)
