"""Archives of strangers: bombs, nests, locks and names that climb out are refused, honest ones are read."""

import io
import struct
import tempfile
import zipfile
from itertools import permutations

import pytest

from leadscore.errors import ContractError
from leadscore.sources import archives, files
from leadscore.sources.exports import Export, open_export
from tests.sources.test_exports import opened, read, written
from tests.support import workbooks
from tests.support.workbooks import write_xlsx

GOOD = "id,name\n1,a\n"


def zipped(members, **options):
    """The bytes of a zip file with members by name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return out.getvalue()


def test_the_parts_in_a_zip_are_put_together_in_any_order(tmp_path):
    parts = {"subscribed.csv": GOOD, "more/unsubscribed.csv": "id,why\n2,x\n", "cleaned.csv": "name,id\nb,3\n"}
    noise = {"__MACOSX/._subscribed.csv": b"\0", ".DS_Store": b"\0", "more/": "", "readme.pdf": "x"}
    for order in permutations(parts):
        path = written(tmp_path / "a.zip", zipped({**noise, **{name: parts[name] for name in order}}))
        source = opened(path)
        assert source.columns == ["name", "id", "why"]
        assert read(source) == [["b", "3", ""], ["", "2", "x"], ["a", "1", ""]]
        assert source.places([1]) == {1: "line 2 of a.zip/more/unsubscribed.csv"}
        listed = "read are 'cleaned.csv', 'more/unsubscribed.csv', 'subscribed.csv'; not 'readme.pdf'"
        assert source.notes == [f"a.zip: {listed}"]


def test_a_member_is_named_behind_its_archive(tmp_path):
    written(tmp_path / "all.zip", zipped({"Lead.csv": GOOD, "Contact.csv": "id\n9\n", "old/Lead.csv": "id\n8\n"}))
    assert read(open_export(Export(("all.zip/Contact.csv",)), "people", tmp_path)) == [["9"]]
    assert read(open_export(Export(("*.zip/old/*",)), "people", tmp_path)) == [["8"]]
    with pytest.raises(ContractError, match=r"all\.zip holds nothing called 'Leads.csv'; did you mean 'Lead.csv'"):
        open_export(Export(("all.zip/Leads.csv",)), "people", tmp_path)


@pytest.mark.parametrize("name", ["../../etc/passwd.csv", "/etc/passwd.csv", "C:\\passwd.csv", "a\x1b[31m\nb.csv"])
def test_names_of_members_are_no_paths(name, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch" / "deep"))
    (tmp_path / "scratch" / "deep").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    source = opened(written(tmp_path / "here" / "a.zip", zipped({name: GOOD})))
    made = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert read(source) == [["1", "a"]]
    assert made == {"a.zip", "1"}
    assert "\x1b" not in source.notes[0]
    assert "\n" not in source.notes[0]


def locked(data):
    """The archive as one whose members are encrypted: the bit in both headers."""
    content = bytearray(data)
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + place] |= 1
    return bytes(content)


def sharing():
    """An archive with two names for the same bytes."""
    content = bytearray(zipped({"a.csv": GOOD, "b.csv": GOOD}))
    second = content.rindex(b"PK\1\2")
    content[second + 42 : second + 46] = struct.pack("<I", 0)
    return bytes(content)


def lying(data):
    """The archive that says of its member that it is small."""
    content = bytearray(data)
    entry = content.index(b"PK\1\2")
    content[entry + 24 : entry + 28] = struct.pack("<I", 10)
    return bytes(content)


def damaged(data):
    """The archive with one bit of a member changed."""
    content = bytearray(data)
    content[30 + len("a.csv") + 4] ^= 1
    return bytes(content)


LARGE = "id,name\n" + "1,a\n" * 500_000
REFUSED = {
    "a bomb": (zipped({"a.csv": LARGE}), "would unpack to more than 20 GB or 200 times its"),
    "a bomb in many members": (zipped({f"{n}.csv": LARGE[:400_000] for n in range(9)}), "would unpack to more than"),
    "a bomb that lies": (lying(zipped({"a.csv": LARGE})), "cannot be read as a zip file"),
    "members that share bytes": (sharing(), "share their bytes"),
    "encrypted": (locked(zipped({"a.csv": GOOD})), r"is encrypted \('a.csv'\)"),
    "a zip in it": (zipped({"a.csv": GOOD, "in.zip": zipped({"b.csv": GOOD})}), "holds the archive 'in.zip'"),
    "gz in it": (zipped({"a.csv.gz": b"\x1f\x8b"}), "holds the archive 'a.csv.gz'"),
    "an archive under another name": (
        zipped({"a.csv": zipped({"b.csv": GOOD})}),
        "seems to be a workbook or an archive",
    ),
    "several kinds": (
        zipped({"a.csv": GOOD, "b.jsonl": "{}"}),
        r"several kinds .* csv, jsonl; say which, as 'a.zip/\*.csv'",
    ),
    "nothing to read": (zipped({"a.pdf": GOOD}), "holds nothing of a kind that is read"),
    "cut short": (zipped({"a.csv": GOOD})[:-30], "cannot be read as a zip file"),
    "damaged inside": (damaged(zipped({"a.csv": GOOD})), "cannot be read as a zip file"),
    "no zip": (GOOD.encode(), "cannot be read as a zip file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_archives_that_are_refused(case, tmp_path):
    data, message = REFUSED[case]
    with pytest.raises(ContractError, match=message) as caught:
        opened(written(tmp_path / "a.zip", data))
    assert "a.zip" in str(caught.value)
    assert read(opened(written(tmp_path / "a.zip", zipped({"a.csv": GOOD})))) == [["1", "a"]]


def test_two_members_of_one_name_are_refused(tmp_path):
    data = zipped({"a.csv": GOOD, "b.csv": "id,name\n2,b\n"})
    assert len(read(opened(written(tmp_path / "a.zip", data)))) == 2
    written(tmp_path / "a.zip", data.replace(b"b.csv", b"a.csv"))
    with pytest.raises(ContractError, match="two members of one name"):
        opened(tmp_path / "a.zip")


def test_what_unpacks_within_the_limits_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "RATIO", 100_000)
    path = written(tmp_path / "a.zip", zipped({"a.csv": LARGE}))
    assert sum(batch.num_rows for batch in opened(path).batches(["id"])) == 500_000
    monkeypatch.setattr(files, "LARGEST", 1_000_000)
    with pytest.raises(ContractError, match="would unpack"):
        opened(path)


def test_nothing_unpacked_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    source = opened(written(tmp_path / "a.zip", zipped({"a.csv": GOOD})))
    assert read(source) == [["1", "a"]]
    with pytest.raises(ContractError):
        opened(written(tmp_path / "b.zip", zipped({"b.csv": LARGE})))
    del source
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_workbook_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    path = write_xlsx(tmp_path / "a.xlsx", {"A": [["id", "name"], *[["1", "a"]] * 20_000]})
    assert len(read(opened(path))) == 20_000
    monkeypatch.setattr(files, "RATIO", 5)
    with pytest.raises(ContractError, match=r"a\.xlsx would unpack to more than"):
        opened(path)


@pytest.mark.parametrize("last", ["XFD1048576", "C99999999"])
def test_a_cell_far_off_is_refused_before_it_fills_the_memory(last, tmp_path, monkeypatch):
    plain = workbooks.sheet_xml
    far = f'<row r="{last.strip("XFDC")}"><c s="0" r = \'{last}\'><v>1</v></c></row></sheetData>'
    monkeypatch.setattr(workbooks, "sheet_xml", lambda *sheet: plain(*sheet).replace("</sheetData>", far))
    monkeypatch.setattr(archives, "_CHUNK", 7)
    far_off = write_xlsx(tmp_path / "a.xlsx", {"A": [["id"], ["1"]]}).read_bytes()
    for data in (far_off, b"before it" + far_off, far_off.replace(b"worksheets/sheet1.xml", b"somewhere/others1.bin")):
        with pytest.raises(ContractError, match=f"has cells as far as {last}"):
            opened(written(tmp_path / "a.xlsx", data))
    monkeypatch.setattr(workbooks, "sheet_xml", plain)
    assert read(opened(write_xlsx(tmp_path / "a.xlsx", {"A": [["id"], ["1"]]}))) == [["1"]]


def test_a_workbook_in_a_zip_is_read(tmp_path):
    inner = write_xlsx(tmp_path / "in.xlsx", {"A": [["id"], [51.0]]}).read_bytes()
    (tmp_path / "in.xlsx").unlink()
    source = opened(written(tmp_path / "a.zip", zipped({"in.xlsx": inner})))
    assert read(source) == [["51"]]
    assert source.places([0]) == {0: "row 2"}
