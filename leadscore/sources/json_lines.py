"""Lines of JSON, an object each, as text: ids keep all their digits, what is nested stays JSON."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa

from leadscore.sources.csv_files import Unread, as_batch, first_line
from leadscore.sources.files import File
from leadscore.sources.source import Source, named

_CHUNK = 1 << 20
# Lines in hand at a time, and characters of them; a line must be shorter than that.
_LINES, _LENGTH = 1 << 16, 1 << 26
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def json_source(path: str, file: File, table: str) -> Source:
    """The lines of a file whose text stands as UTF-8 at `path`; a key that some lines lack is empty there.

    Raises
    ------
    ContractError
        If the file is not UTF-8 text, or one array.
    """
    unread = list[Unread]()

    def objects() -> Iterator[dict[str, Any]]:
        unread.clear()
        rows = 0
        for _, line in _lines(path, file, table):
            try:
                found = _object(line)
            except (ValueError, RecursionError) as error:
                wrong = str(error) if type(error) is ValueError else "a line that is no JSON object"
                unread.append(Unread(rows, wrong, line[:80]))
            else:
                rows += 1
                yield found

    def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
        rows: list[list[str]] = []
        held = 0
        for found in objects():
            rows.append([_text(found.get(column)) for column in columns])
            held += sum(map(len, rows[-1]))
            if len(rows) == _LINES or held > _LENGTH:
                yield as_batch(rows, columns)
                rows, held = [], 0
        yield as_batch(rows, columns)

    def places(records: list[int]) -> dict[int, str]:
        wanted = set(records)
        lines = enumerate(number for number, _ in _lines(path, file, table))
        return {record: f"line {number}" for record, number in lines if record in wanted}

    keys = dict[str, None]()
    for _, line in _lines(path, file, table):
        # What is wrong with a line is said when its values are read, which takes three times as long.
        with suppress(ValueError, RecursionError):
            found = json.loads(line)
            keys |= dict.fromkeys(found if isinstance(found, dict) else ())
    return Source(**named(table, [key for key in keys if key]), batches=batches, unread=unread, places=places)


def _lines(path: str, file: File, table: str) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers from 1."""
    packed = path == file.path and file.label.lower().endswith(".gz")
    number = 0
    try:
        with io.BufferedReader(pa.input_stream(path, compression="gzip" if packed else None), _CHUNK) as stream:
            while line := stream.readline(_LENGTH):
                number += 1
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                if len(line) == _LENGTH:
                    raise file.problem(table, f"line {number} is longer than {_LENGTH:,} bytes; is it JSON lines?")
                if number == 1 and text.startswith("["):
                    message = "holds one array; write one object a line, as jq -c '.[]' does"
                    raise file.problem(table, message)
                if text:
                    yield number, text
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise file.problem(table, f"is not UTF-8 text: line {number} holds byte 0x{byte:02X}") from None
    except OSError as error:
        raise file.problem(table, f"cannot be read: {first_line(error)}") from None


def _object(line: str) -> dict[str, Any]:
    found, end = _JSON.raw_decode(line)
    if not isinstance(found, dict) or end < len(line):
        raise json.JSONDecodeError("no object", line, 0)
    if _HALF.search(line):
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            message = "a line with half a character, as \\ud800"
            raise ValueError(message) from None
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        message = "a line with a key twice"
        raise ValueError(message)
    return found


def _number(text: str) -> str:
    """A number as it stands, 51.0 as 51."""
    whole, _, fraction = text.partition(".")
    return text if fraction.strip("0") else whole


# What Python writes for a missing number is no JSON, but found in it.
_JSON = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_int=str,
    parse_float=_number,
    parse_constant=lambda name: None if name == "NaN" else name,
)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
