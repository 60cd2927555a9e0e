"""Lines of JSON: ids keep their digits, nothing is guessed, a bad line is named."""

import gzip
import json

import pytest
from hypothesis import given

from leadscore.errors import ContractError
from leadscore.sources import json_lines
from tests.sources.test_exports import csv_text, opened, read, tables, written


@given(tables())
def test_text_in_json_is_what_it_is_in_csv(tmp_path_factory, table):
    names, rows = table
    folder = tmp_path_factory.getbasetemp()
    plain = opened(written(folder / "any.csv", csv_text(names, rows)))
    lines = [json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=len(rows) > 2) for row in rows]
    source = opened(written(folder / "any.jsonl.gz", gzip.compress("\r\n\n".join(lines).encode(), mtime=0)))
    assert (source.columns, read(source)) == (plain.columns, read(plain))


VALUES = {
    "51": "51",
    "51.0": "51",
    "9007199254740993": "9007199254740993",
    "12500.50": "12500.50",
    "1e6": "1e6",
    '"007"': "007",
    "null": "",
    "NaN": "",
    "true": "true",
    '{"a": [1, "é"]}': '{"a": ["1", "é"]}',
    "[]": "[]",
    '"\\ud83d\\ude00"': "\U0001f600",
}


@pytest.mark.parametrize("value", VALUES)
def test_values_as_text(value, tmp_path):
    source = opened(written(tmp_path / "a.jsonl", f'\ufeff{{"id": 1, "x": {value}}}\n'))
    assert read(source) == [["1", VALUES[value]]]


def test_keys_that_some_lines_lack_are_empty_there(tmp_path, monkeypatch):
    monkeypatch.setattr(json_lines, "_LINES", 2)
    source = opened(written(tmp_path / "a.jsonl", '{"b": 1}\n{}\n{"a": 2}\n{"b": 3, "a": 4}\n\n{"b": 5}\n'))
    assert source.columns == ["b", "a"]
    assert read(source) == [["1", ""], ["", ""], ["", "2"], ["3", "4"], ["5", ""]]
    assert source.places([4]) == {4: "line 6"}


def test_lines_that_are_no_objects_are_named(tmp_path):
    lines = ['{"id": 1}', '{"id": 2', "5", '{"id": 3, "id": 4}', "", '{"id": "\\ud800"}', "[" * 100_000, '{"id": 7}']
    source = opened(written(tmp_path / "a.jsonl", "\n".join(lines)))
    assert read(source) == [["1"], ["7"]]
    assert [(line.before, line.message) for line in source.unread] == [
        (1, "a line that is no JSON object"),
        (1, "a line that is no JSON object"),
        (1, "a line with a key twice"),
        (1, "a line with half a character, as \\ud800"),
        (1, "a line that is no JSON object"),
    ]
    assert source.places([3, 4, 6]) == {3: "line 4", 4: "line 6", 6: "line 8"}


REFUSED = {
    "an array": ('[{"id": 1}]', "holds one array; write one object a line, as jq -c"),
    "a byte that cp1252 has not": (b'{"id": "\xfc"}\n{"id": "\x81"}\n', "line 2 holds byte 0x81"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_json_lines_is_refused(case, tmp_path):
    data, message = REFUSED[case]
    with pytest.raises(ContractError, match=message):
        opened(written(tmp_path / "a.json", data))
    assert read(opened(written(tmp_path / "a.json", '{"id": 1}'))) == [["1"]]


def test_json_in_cp1252_is_read_and_said(tmp_path):
    source = opened(written(tmp_path / "a.jsonl", b'{"id": "M\xfcller"}'))
    assert read(source) == [["Müller"]]
    assert "'Müller'" in source.notes[0]
