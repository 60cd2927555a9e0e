"""CSV as spreadsheets, databases and CRMs write it: every cell is as written, every line named is the right one."""

import csv
import gzip
import io
import re

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from leadscore.errors import ContractError
from leadscore.sources import csv_files
from leadscore.sources.source import open_source
from tests.support.bad_input import book, scored, written

BOOK = ls.Rulebook.from_yaml(book(behaviour="{name: e, event: e, points: 1, count: each, at_most: 1000}"))
LEADS = pd.DataFrame({"lead_id": ["a", "b", "c"]})
HEAD = "lead_id,event,at,note\n"


@pytest.fixture(autouse=True)
def threads():
    """As people run it: with several threads Arrow reads in other ways than with the one that tests have."""
    usual = pa.cpu_count()
    pa.set_cpu_count(4)
    yield
    pa.set_cpu_count(usual)


@pytest.fixture
def small(monkeypatch):
    """As in large files: cells and rows lie across the pieces that are read at a time."""
    monkeypatch.setattr(csv_files, "_CHUNK", 7)
    monkeypatch.setattr(csv_files, "_ROWS", 2)


def totals(path, **options):
    return scored(BOOK, LEADS, path, **options).frame["total"].to_list()


def rows_of(path):
    source = open_source(str(path), "events")
    return source.table(source.columns).to_pylist(), source


CELLS = st.text(st.sampled_from('ab,;|\t" \n\r\u00e9\U0001f600'), max_size=6)


@st.composite
def files(draw):
    """The bytes of a CSV file, and its rows."""
    columns = draw(st.integers(2, 4))
    names = [f"x{place}" for place in range(columns - 1)] + [draw(st.sampled_from(["y", "a,b", 'q"q', "two\nlines"]))]
    rows = draw(st.lists(st.lists(CELLS, min_size=columns, max_size=columns), max_size=6))
    delimiter = draw(st.sampled_from(",;\t|"))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    every = draw(st.booleans())

    def quoted(cell):
        needed = every or any(char in cell for char in f'{delimiter}"\r\n')
        return '"' + cell.replace('"', '""') + '"' if needed else cell

    lines = [delimiter.join(map(quoted, row)) + end for row in [names, *rows]]
    written_text = "".join([lines[0], *(line + end * draw(st.integers(0, 1)) for line in lines[1:])])
    if draw(st.booleans()):
        written_text = written_text.removesuffix(end)
    # A header of one separator of each kind may be either's; that "a,b" is one name is told by saying which.
    if draw(st.booleans()) or (delimiter != "," and lines[0].count(delimiter) == lines[0].count(",")):
        written_text = f"sep={delimiter}{end}{written_text}"
    mark = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    # A row of empty cells in one column is a blank line; here each row has a delimiter at least.
    return mark + written_text.encode(), names, rows


@given(files(), st.booleans())
def test_cells_come_out_as_they_were_written(tmp_path_factory, drawn, compressed):
    data, names, rows = drawn
    path = tmp_path_factory.getbasetemp() / ("any.csv.gz" if compressed else "any.csv")
    path.write_bytes(gzip.compress(data, mtime=0) if compressed else data)
    found, source = rows_of(path)
    assert source.columns == names
    assert [[cell or "" for cell in row.values()] for row in found] == rows
    assert source.unread == []


@given(files(), st.data())
def test_lines_are_named_truly(tmp_path_factory, drawn, data):
    content, _, rows = drawn
    path = written(tmp_path_factory.getbasetemp(), "named.csv", content)
    _, source = rows_of(path)
    if not rows:
        return
    record = data.draw(st.integers(0, len(rows) - 1))
    line = int(source.places([record])[record].removeprefix("line "))
    lines = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    text = "\n".join(lines[line - 1 :])
    delimiter = source_delimiter(content)
    first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    assert first == [cell.replace("\r\n", "\n").replace("\r", "\n") for cell in rows[record]]


def source_delimiter(content):
    head = content.decode("utf-8-sig")
    return head[4] if head.startswith("sep=") else re.search(r"x0\"?([,;\t|])", head)[1]


GOOD = {
    "a note with line breaks and separators": 'a,e,2026-03-01,"Call.\nWants x, y, z, w\nThanks"\nb,e,2026-03-02,ok\n',
    "a note that looks like rows": 'a,e,2026-03-01,"see\nb,e,2026-03-02,x\nc,e,2026-03-02,y"\nb,e,2026-03-02,\n',
    "doubled quotes": 'a,e,2026-03-01,"he said ""yes"",\nthen ""no"""\nb,e,2026-03-02,""\n',
    "inches": 'a,e,2026-03-01,5" pipe\nb,e,2026-03-02,6"\n',
    "text behind a quote": 'a,e,2026-03-01,"5" pipe\nb,e,2026-03-02,"two\nlines"\n',
    "blank lines": '\n\na,e,2026-03-01,\n\n\nb,e,2026-03-02,"\n\n"\n\n',
    "carriage returns alone": "a,e,2026-03-01,\rb,e,2026-03-02,x\r",
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("case", GOOD)
@pytest.mark.parametrize("strict", [True, False])
def test_well_formed_rows_are_kept(case, strict, tmp_path):
    head = HEAD.replace("\n", "\r") if "alone" in case else HEAD
    path = written(tmp_path, "e.csv", head + GOOD[case])
    assert totals(path, strict=strict) == [1, 1, 0]


BROKEN = {
    "a footer": ('a,e,2026-03-01,\n\n"Copyright (c)"\n"By: Jane"\n', [1, 0, 0], ["line 4", "line 5"]),
    "a stray quote": ('a,e,2026-03-01,"oops\nb,e,2026-03-02,x\nb,"e",2026-03-03,\n', [0, 2, 0], ["line 2"]),
    "a stray quote at the end": ('b,e,2026-03-02,x\na,e,2026-03-01,"oops\n', [0, 1, 0], ["line 3"]),
    "a stray quote without an end": ('b,e,2026-03-02,x\na,e,2026-03-01,"oops', [0, 1, 0], ["line 3"]),
    "two stray quotes": (
        'a,"e,2026-03-01,\nb,e,2026-03-02,x\nc,"e,2026-03-03,x\nb,e,2026-03-02,x\n',
        [0, 2, 0],
        ["line 2", "line 4"],
    ),
    "a stray quote far down": (
        'a,e,2026-03-01,"two\nlines"\n' + "a,e,2026-03-01,\n" * 4 + 'b,e,2026-03-02,"x\nc,e,2026-03-03,\n',
        [5, 0, 1],
        ["line 8"],
    ),
    "too many cells after a note": (
        'a,e,2026-03-01,"two\nlines"\n\nb,e,2026-03-02,x,y\nc,e,2026-03-03,\n',
        [1, 0, 1],
        ["line 5"],
    ),
    "a quoted record of too many cells": (
        'a,e,2026-03-01,"two\nlines",x\nb,e,2026-03-02,\n',
        [0, 1, 0],
        ["line 2", "line 3"],
    ),
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_line_takes_no_other_with_it(case, tmp_path):
    lines, kept, named = BROKEN[case]
    path = written(tmp_path, "e.csv", HEAD + lines)
    with pytest.raises(ContractError) as caught:
        totals(path)
    said = [line.split(":")[0] for problem in caught.value.problems for line in problem.excerpt.splitlines()]
    assert sorted(said) == named
    assert totals(path, strict=False) == kept
    tables = ls.load_tables(LEADS, path, rulebook=BOOK, strict=False)
    assert len(tables.rejected) == len(named)
    assert tables.rejected["row"].is_unique


@given(st.integers(0, 19), st.integers(0, 3), st.booleans())
def test_one_stray_quote_costs_its_own_line_at_most(tmp_path_factory, broken, cell, behind):
    rows = [[f"l{row}", "e", "2026-03-01", f"note {row}"] for row in range(20)]
    rows[broken][cell] = f'{rows[broken][cell]}"' if behind else f'"{rows[broken][cell]}'
    path = written(tmp_path_factory.getbasetemp(), "stray.csv", HEAD + "".join(f"{','.join(row)}\n" for row in rows))
    found, source = rows_of(path)
    assert [list(row.values()) for row in found] == [row for row in rows if behind or row is not rows[broken]]
    assert [line.before for line in source.unread] == ([] if behind else [broken])
    assert behind or source.places([broken]) == {broken: f"line {broken + 2}"}


def test_a_bad_cell_behind_broken_lines_is_named_by_its_line(tmp_path):
    lines = 'a,e,2026-03-01,"two\nlines"\nb\n\nb,e,31.3.2026,\nb,e,2026-03-02,"\n"\nb,e,yesterday,\n'
    path = written(tmp_path, "e.csv", f"sep=,\n{HEAD}{lines}")
    with pytest.raises(ContractError) as caught:
        totals(path)
    excerpts = sorted(problem.excerpt for problem in caught.value.problems)
    assert excerpts == ["line 10: 'yesterday'", "line 5: 'b'", "line 7: '31.3.2026'"]
    rejected = ls.load_tables(LEADS, path, rulebook=BOOK, strict=False).rejected
    assert rejected["row"].to_list() == [1, 2, 4]


def test_lines_of_parts_are_named_with_their_file(tmp_path):
    written(tmp_path, "a.csv", HEAD + "a,e,2026-03-01,\nb\n")
    written(tmp_path, "b.csv", "note,at,event,lead_id,more\n,,e,b,\n,2026-03-01,e,c,\n")
    with pytest.raises(ContractError) as caught:
        totals(tmp_path)
    assert sorted(problem.excerpt for problem in caught.value.problems) == [
        f"line 2 of {tmp_path}/b.csv: None",
        f"line 3 of {tmp_path}/a.csv: 'b'",
    ]
    assert totals(tmp_path, strict=False) == [1, 0, 1]


@pytest.mark.parametrize("wide", [5_000, 70_000])
def test_a_header_of_any_length_is_read_whole(wide, tmp_path):
    names = [f"column_{place:05}" for place in range(wide // 13)]
    head = ",".join(["lead_id", '"two\nlines"', *names, "created_at"])
    cells = ",".join(["a", "", *["2"] * len(names)])
    path = written(tmp_path, "l.csv", f"{head}\n{cells},2026-07-01\n{cells.replace('a', 'b')},2026-01-01\n")
    rulebook = ls.Rulebook.from_yaml(book(fit=f"{{name: n, column: {names[-1]}, from: {{2: 50}}}}"))
    assert scored(rulebook, path).frame["fit"].to_dict() == {"b": 50}


def test_a_name_of_any_length_is_read(tmp_path):
    path = written(tmp_path, "e.csv", f'lead_id,event,at,"{"x" * 200_000}"\na,e,2026-03-01,\n')
    assert totals(path) == [1, 0, 0]


def test_a_separator_may_be_named_in_capitals(tmp_path):
    path = written(tmp_path, "e.csv", "SEP=;\r\n" + HEAD.replace(",", ";") + "a;e;2026-03-01;\n")
    assert totals(path) == [1, 0, 0]


@pytest.mark.slow
def test_ten_thousand_columns_take_no_longer_than_they_must(tmp_path):
    names = [f"c{place}" for place in range(20_000)]
    path = written(tmp_path, "l.csv", f"lead_id,{','.join(names)}\na,{','.join('2' for _ in names)}\n")
    # Compared each with each, columns take minutes.
    assert ls.load_tables(path).leads.num_columns == 20_001


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("lead_id,country,,", "a,US,,"),
        ("lead_id,country,Name,Name", "a,US,Ann,Acme"),
        ("lead_id,,country", "a,x,US"),
        ("Name,lead_id,Name,country", "x,a,y,US"),
    ],
)
def test_columns_that_nobody_asks_for_may_be_called_anything(head, row, tmp_path):
    rulebook = ls.Rulebook.from_yaml(book(fit="{name: n, when: {country: US}, points: 5}"))
    path = written(tmp_path, "l.csv", f"{head}\n{row}\n")
    assert scored(rulebook, path).frame["fit"].to_list() == [5]
    frame = pd.read_csv(path, header=None, skiprows=1).set_axis(head.split(","), axis=1)
    assert scored(rulebook, frame).frame["fit"].to_list() == [5]


def test_columns_without_a_name_are_left_out(tmp_path):
    path = written(tmp_path, "l.csv", "lead_id,,country,\na,x,US,y\n")
    assert ls.load_tables(path).leads.to_pylist() == [{"lead_id": "a", "country": "US"}]


def test_a_column_that_is_asked_for_stands_once(tmp_path):
    rulebook = ls.Rulebook.from_yaml(book(fit="{name: n, when: {country: US}, points: 5}"))
    path = written(tmp_path, "l.csv", "lead_id,country,country\na,US,CA\n")
    with pytest.raises(ContractError, match=r"leads: each .* its own name; repeated: country \(columns 2, 3\)"):
        scored(rulebook, path)


ENCODED = {
    "windows-1252": (
        HEAD.encode() + "a,e,2026-03-01,ok\nb,e,2026-03-01,M\u00fcnchen\n".encode("cp1252"),
        "line 3",
        "'M\u00fcnchen'",
    ),
    "behind a quoted separator": (HEAD.encode() + b'a,e,2026-03-01,"x, \xe9"\n', "line 2, column 'note'", "0xE9"),
    "utf-16": ((HEAD + "a,e,2026-03-01,\n").encode("utf-16"), "UTF-16", "not UTF-8"),
    "utf-16 without a mark": ((HEAD + "a,e,2026-03-01,\n").encode("utf-16-le"), "UTF-16", "NUL"),
    "nul bytes": (HEAD.encode() + b"a,e,2026-03-01,x\nb,e\0,2026-03-01,x\n", "line 3, column 'event'", "NUL"),
    "cut within a character": (HEAD.encode() + b"a,e,2026-03-01,\xc3", "line 2, column 'note'", "0xC3"),
    "in the header": ("lead_id,event,at,\u00e9\n".encode("cp1252"), "line 1", "0xE9"),
}


@pytest.mark.parametrize("case", ENCODED)
def test_another_encoding_is_told_by_name_and_place(case, tmp_path):
    data, *said = ENCODED[case]
    path = written(tmp_path, "e.csv", data)
    for strict in (True, False):
        with pytest.raises(ContractError) as caught:
            totals(path, strict=strict)
        assert all(words in str(caught.value) for words in [*said, "e.csv is not UTF-8 text; save it as UTF-8"])


def test_a_byte_far_down_is_found(tmp_path):
    lines = "a,e,2026-03-01,\u00e9\u20ac\n" * 100_000
    path = written(tmp_path, "e.csv", (HEAD + lines).encode() + b"b,e,2026-03-01,\xff\n")
    with pytest.raises(ContractError, match=r"line 100002, column 'note' holds byte 0xFF"):
        totals(path)


def test_a_cell_larger_than_a_block_is_refused_by_its_line(tmp_path):
    path = written(tmp_path, "e.csv", f'{HEAD}a,e,2026-03-01,x\nb,e,2026-03-01,"{"x" * (1 << 24)}y"\nc,e,2026-03-01,\n')
    with pytest.raises(ContractError, match=r"line 3: "):
        totals(path)


def test_a_cell_of_ten_megabytes_is_read(tmp_path):
    path = written(tmp_path, "e.csv", HEAD + 'a,e,2026-03-01,"' + "x,y\n" * (5 << 19) + '"\nb,e,2026-03-01,\n')
    assert totals(path) == [1, 1, 0]


def test_a_header_in_quotes_and_spaces_is_read_as_rows_are(tmp_path):
    path = written(tmp_path, "e.csv", '" lead_id" ,"event","at" \na,e,2026-03-01\n')
    assert totals(path) == [1, 0, 0]
    path = written(tmp_path, "e.csv", 'lead_id,event,"at\na,e,2026-03-01\n')
    with pytest.raises(ContractError, match="a header line that cannot be read: a quote is opened but never closed"):
        totals(path)


def test_lines_that_are_no_rows_are_not_lost_in_activity_and_bots(tmp_path):
    path = written(tmp_path, "e.csv", "lead_id,event,at\na,e,2026-03-01\nb,e\n")
    for read in (ls.daily_activity, ls.flag_bots):
        with pytest.raises(ContractError, match="a line of 2 cells where the header has 3"):
            read(path)
