"""Exports as data files name them: whatever they are written in gives the same cells; what was found out is said."""

import codecs
import gzip
import tempfile
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from leadscore.errors import ContractError
from leadscore.sources import csv_files, files
from leadscore.sources.exports import Export, open_export

# Letters of the west, which each of the encodings has; what a CSV file has to quote; what looks like numbers and dates.
CELLS = st.text(st.sampled_from('aZ09.,;|\t" \n-éßÜñ€'), max_size=8).map(str.strip) | st.sampled_from(
    ["", "007", "1e5", "2026-01-05", "true", "=1+1", "null", "9007199254740993"]
)


@st.composite
def tables(draw):
    """Column names and rows of text, none of them empty."""
    names = draw(
        st.lists(st.sampled_from(["Lead ID", "Név", "a,b", 'q"q', "e;f", "Größe"]), min_size=2, max_size=4, unique=True)
    )
    rows = draw(st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), min_size=1, max_size=5))
    assume(all(any(row) for row in rows))
    return names, rows


def csv_text(names, rows, delimiter=",", end="\n"):
    def line(cells):
        return delimiter.join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in cells) + end

    return "".join(line(cells) for cells in [names, *rows])


def opened(path, **options):
    return open_export(Export((path.name,), **options), "people", path.parent)


def read(source):
    """The rows as text."""
    return [
        [row[name] or "" for name in source.columns]
        for batch in source.batches(source.columns)
        for row in batch.to_pylist()
    ]


@st.composite
def layouts(draw):
    """How a CSV file is written: encoding, delimiter, end of a line, with a line `sep=`, packed."""
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    delimiter, end = draw(st.sampled_from(",;\t|")), draw(st.sampled_from(["\n", "\r\n", "\r"]))
    return encoding, delimiter, end, draw(st.booleans()), draw(st.booleans())


@given(tables(), layouts(), st.booleans())
def test_a_table_of_text_is_the_same_however_it_is_written(tmp_path_factory, table, layout, told):
    names, rows = table
    encoding, delimiter, end, sep, packed = layout
    text = ("sep=" + delimiter + end) * sep + csv_text(names, rows, delimiter, end)
    data = text.encode(encoding)
    path = tmp_path_factory.getbasetemp() / ("any.csv.gz" if packed else "any.csv")
    path.write_bytes(gzip.compress(data, mtime=0) if packed else data)
    source = opened(path, **({"encoding": encoding, "delimiter": delimiter} if told else {}))
    assert source.columns == names
    assert read(source) == rows
    assert (source.unread, source.doubts) == ([], [])
    found_out = encoding == "utf-16" or (encoding == "cp1252" and not text.isascii())
    assert any("is not UTF-8" in note for note in source.notes) is (found_out and not told)


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_guessed_encoding_is_said_with_words_that_show_it(tmp_path):
    text = "id,name\n1,Müller\n2,Zoë\n3,Müller\n4,Göteborg\n5,Ångström\n"
    source = opened(written(tmp_path / "a.csv", text.encode("cp1252")))
    note = (
        "a.csv is not UTF-8: read as cp1252, as in 'Müller', 'Zoë', 'Göteborg'; say its 'encoding' if that looks wrong"
    )
    assert source.notes == [note]
    assert opened(written(tmp_path / "b.csv", text.encode("cp1252")), encoding="cp1252").notes == []
    assert opened(written(tmp_path / "c.csv", text)).notes == []
    assert "'M\\u200bü'" not in note


REFUSED = {
    "a byte that cp1252 has not": (
        b"id,name\n1,M\xfcller\n2,a\x81b\n",
        {},
        "line 3, column 'name' holds byte 0x81",
        b"\x81",
    ),
    "one bad byte in UTF-8": ("id,name\n1,Müller\n2,Zo".encode() + b"\xeb\n", {}, "is not UTF-8 text: line 3", b"\xeb"),
    "not as it was said": (b"id,name\n1,M\xfcller\n", {"encoding": "utf-8"}, "line 2, column 'name'", b"\xfc"),
    "half a sign of UTF-16": (codecs.BOM_UTF16_LE + "id,name\n1,ab\n".encode("utf-16-le") + b"c", {}, "utf-16", b"c"),
    "NUL bytes": (b"id,name\n1,a\0b\n", {}, "NUL", b"\0"),
    "an unknown encoding": (b"id,name\n1,a\n", {"encoding": "cp9999"}, "there is no encoding 'cp9999'", None),
    "a codec of no text": (b"id,name\n1,a\n", {"encoding": "base64"}, "there is no encoding 'base64'", None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_text_is_refused_with_its_place(case, tmp_path):
    data, options, message, wrong = REFUSED[case]
    with pytest.raises(ContractError, match=r"a\.csv") as caught:
        read(opened(written(tmp_path / "a.csv", data), **options))
    assert message in str(caught.value)
    if wrong:
        assert read(
            opened(
                written(tmp_path / "a.csv", data.replace(wrong, b"")),
                **(options if case != "not as it was said" else {}),
            )
        )


def test_temporary_files_go_with_the_source(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    source = opened(written(tmp_path / "a.csv", "id,name\n1,Müller\n".encode("cp1252")))
    assert len(list((tmp_path / "scratch").iterdir())) == 1
    assert read(source) == [["1", "Müller"]]
    del source
    assert list((tmp_path / "scratch").iterdir()) == []


LAYOUTS = {
    "a title above": ("Leads of March\nas of today\nid;name\n1;a\n", {"skip_rows": 2}),
    "sep and a title": ("sep=;\ntitle\nid;name\n1;a\n", {"skip_rows": 2}),
    "blank lines above": ('\n;;\n""\nid;name\n1;a\n', {}),
    "blank lines between": ("id;name\n\n\n1;a\n\n", {}),
    "commas in each cell": ("id;name\n1;a\n2;b, c\n3;d, e, f\n", {}),
    "a comma in the header": ("id;name, first\n1;Ana, M\n2;Bo\n", {}),
    "columns without a name": ("id;name;;\n1;a\n2;b;;\n3;c;;x\n", {}),
    "empty cells too many": ("id;name\n1;a;;\n2;b;\n", {}),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_layouts_of_exports(case, tmp_path):
    text, options = LAYOUTS[case]
    source = opened(written(tmp_path / "a.csv", text), **options)
    assert [name.split(",")[0] for name in source.columns] == ["id", "name"]
    assert read(source)[0] in (["1", "a"], ["1", "Ana, M"])
    assert (source.unread, source.doubts) == ([], [])
    assert (
        source.places([0])[0]
        == f"line {1 + next(number for number, line in enumerate(text.split(chr(10))) if line[:1] == '1')}"
    )


FOOT = 'id,name,score\n1,a,5\n"Total, 2",,\n2,b\nCopyright\n3,c,7,,\n4,d,1,x\n5,"e",2\n'


@pytest.mark.parametrize("note", ["", '6,"two\nlines",1\n'])
def test_short_lines_are_rows_in_doubt_and_long_ones_no_rows(note, tmp_path):
    source = opened(written(tmp_path / "a.csv", FOOT + note))
    rows = read(source)
    assert rows[:6] == [
        ["1", "a", "5"],
        ["Total, 2", "", ""],
        ["2", "b", ""],
        ["Copyright", "", ""],
        ["3", "c", "7"],
        ["5", "e", "2"],
    ]
    assert [(one.row, one.text) for one in source.doubts] == [(2, "2,b"), (3, "Copyright")]
    assert [(one.before, one.text) for one in source.unread] == [(5, "4,d,1,x")]
    assert source.places([2, 3, 5]) == {2: "line 4", 3: "line 5", 5: "line 7"}


@given(
    st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), min_size=1, max_size=30),
    st.sampled_from([32, 1 << 24]),
)
def test_rows_and_short_lines_stay_in_their_order(tmp_path_factory, lines, block):
    path = written(
        tmp_path_factory.getbasetemp() / "a.csv", "x,y,z\n" + "".join(",".join(line) + "\n" for line in lines)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_files, "_PARSED", block)
        source = opened(path, delimiter=",")
        assert read(source) == [[*line, "", ""][:3] for line in lines if len(line) < 4]
    rows = [line for line in lines if len(line) < 4]
    assert [one.row for one in source.doubts] == [row for row, line in enumerate(rows) if len(line) < 3]
    assert len(source.unread) == len(lines) - len(rows)
    records = [place for place, line in enumerate(lines) if len(line) < 3]
    assert source.places(records) == {place: f"line {place + 2}" for place in records}
    assert [*source.records(np.array([one.row for one in source.doubts], int))] == records


def test_a_file_of_short_lines_only(tmp_path):
    source = opened(written(tmp_path / "a.csv", "id,name\n" + "x\n" * 5))
    assert read(source) == [["x", ""]] * 5
    assert len(source.doubts) == 5


def test_parts_with_other_columns_are_put_together_in_any_order(tmp_path):
    texts = ["id,name\n1,a\n", "name,id,more\nb,2,x\nfoot\n", "id\n3\n"]
    want = [["1", "a", ""], ["2", "b", "x"], ["", "foot", ""], ["3", "", ""]]
    for order in permutations(range(3)):
        folder = tmp_path / "".join(map(str, order))
        folder.mkdir()
        for name, place in zip("abc", order, strict=True):
            written(folder / f"{name}.csv", texts[place])
        source = open_export(Export(("*.csv", "a.csv")), "people", folder)
        source.columns = ["id", "name", "more"]
        assert sorted(read(source)) == sorted(want)
        row = source.doubts[0].row
        assert source.places([row])[row] == f"line 3 of {'abc'[order.index(1)]}.csv"


def test_patterns_name_files_or_say_what_is_near(tmp_path):
    folder = tmp_path / "exports [2026]"
    folder.mkdir()
    for name in ("contacts.csv", "~$contacts.csv", ".hidden.csv"):
        written(folder / name, "id\n1\n")
    (folder / "again.csv").symlink_to("contacts.csv")
    assert read(open_export(Export(("*.csv", "contacts.csv", str(folder / "contacts.csv"))), "people", folder)) == [
        ["1"]
    ]
    with pytest.raises(ContractError, match=r"2 problems(.|\n)*did you mean 'contacts.csv'") as caught:
        open_export(Export(("contact.csv", "deals-*.csv")), "people", folder)
    assert "'deals-*.csv'" in str(caught.value)


def test_a_packed_file_that_grows_without_end_is_refused(tmp_path, monkeypatch):
    text = "id,name\n" + "1,a\n" * 1_000_000
    path = written(tmp_path / "a.csv.gz", gzip.compress(text.encode()))
    with pytest.raises(ContractError, match=r"a\.csv\.gz would unpack to more than 20 GB or 200 times"):
        opened(path)
    monkeypatch.setattr(files, "RATIO", 10_000)
    assert sum(batch.num_rows for batch in opened(path).batches(["id"])) == 1_000_000
    assert Path(path).exists()
