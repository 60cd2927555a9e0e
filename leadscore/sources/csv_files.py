"""CSV files as text: Arrow reads those whose lines are rows, the standard library those it cannot tell."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

from leadscore.base.text import counted
from leadscore.errors import ContractError, Problem

# Bytes that Arrow parses at once: a line must be shorter. A cell of more characters is no cell, but an open quote.
_BLOCK = 1 << 24
_CHUNK = 1 << 20
# Rows of a batch that the standard library reads.
_ROWS = 1 << 16
_SEPARATORS = ",;\t|"
_QUOTED = re.compile(r'"[^"]*"')
_LOOKS_LIKE = (
    ((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE), "it seems to be UTF-16"),
    ((b"\x1f\x8b",), "it seems to be compressed; a compressed file is called .csv.gz"),
    ((b"PAR1",), "it seems to be Parquet; such a file is called .parquet"),
    ((b"PK\x03\x04",), "it seems to be a workbook or an archive"),
)


class Unread(NamedTuple):
    """A line that is no row: how many rows stand before it, what is wrong, and the text."""

    before: int
    message: str
    text: str


class _Record(NamedTuple):
    """What stands in some lines of a file from `line` on: the cells, and what is wrong if they are no row."""

    line: int
    cells: list[str]
    wrong: str
    text: str


@dataclass
class CsvFile:
    """A CSV file whose header is read.

    Attributes
    ----------
    path : str
    table : str
        The table's name in messages.
    names : list of str
        The header's cells; some may be empty, or repeated.
    delimiter : str
    offset : int
        Bytes before the first row.
    line : int
        The line of the first row, from 1.
    """

    path: str
    table: str
    names: list[str] = field(default_factory=list)
    delimiter: str = ","
    offset: int = 0
    line: int = 1

    def __post_init__(self) -> None:
        try:
            with _long_cells(), self._bytes() as stream:
                start = stream.peek(4)[:4]
                for marks, seems in _LOOKS_LIKE:
                    if start.startswith(marks):
                        raise self._not_utf8(seems)
                self._read_header(stream, 3 * start.startswith(codecs.BOM_UTF8))
        except OSError as error:
            raise self.problem(f"cannot be read: {first_line(error)}") from None

    def problem(self, message: str) -> ContractError:
        """The error that names the file."""
        return ContractError("tables", [Problem(self.table, f"{self.path} {message}")])

    def _not_utf8(self, why: str) -> ContractError:
        return self.problem(f"is not UTF-8 text; save it as UTF-8: {why}")

    def _bytes(self) -> io.BufferedReader:
        return io.BufferedReader(pa.input_stream(self.path, compression="detect"), _CHUNK)

    def _read_header(self, stream: io.BufferedReader, mark: int) -> None:
        stream.read(mark)
        # A character a byte, as long as nobody knows what is text here.
        text = io.TextIOWrapper(stream, "latin-1", newline="")
        lines = iter(lambda: text.readline(_BLOCK), "")
        first = next(lines, "")
        named = re.fullmatch(r'"?sep=(.)"?[\r\n]*', first, re.IGNORECASE)
        header, before = (next(lines, ""), [first]) if named else (first, [])
        if not header.strip():
            raise self.problem("has no header line at its start")
        if "\0" in header:
            raise self._not_utf8("it holds NUL bytes, as UTF-16 does")
        self.delimiter = named[1] if named else max(_SEPARATORS, key=_QUOTED.sub("", header).count)
        cells, wrong, taken = self._cells(header, lines)
        if wrong:
            raise self.problem(f"has a header line that cannot be read: {wrong}")
        before += taken
        self.offset = mark + sum(map(len, before))
        self.line = 1 + len(before)
        try:
            self.names = [cell.encode("latin-1").decode().strip() for cell in cells]
        except UnicodeDecodeError as error:
            raise self._misplaced(mark + "".join(before).encode("latin-1").index(error.object) + error.start) from None

    def _reader(self, lines: Iterator[str], *, strict: bool = True) -> Any:
        return csv.reader(lines, delimiter=self.delimiter, strict=strict)

    def batches(self, places: Sequence[int], unread: list[Unread], start: int) -> Iterator[pa.RecordBatch]:
        """The cells of some columns as text, null where empty, and what is no row in `unread`.

        `start` is how many rows other files gave before. What is opened by a quote and ends lines further down is told
        from a stray quote by the standard library's strict reading; Arrow would take either as a cell.
        """
        try:
            lines_are_cells_too = self._survey()
            yield from (self._by_record if lines_are_cells_too else self._by_arrow)(places, unread, start)
        except (pa.ArrowException, OSError) as error:
            raise self.problem(f"cannot be read: {first_line(error)}") from None

    def _survey(self) -> bool:
        """Whether cells hold line breaks, or lines are too long for Arrow; refuses what is not UTF-8 text."""
        decoder, position = codecs.getincrementaldecoder("utf-8")(), self.offset
        inside, several, since_break = False, False, 0
        with self._bytes() as stream:
            stream.read(self.offset)
            while True:
                chunk = stream.read(_CHUNK)
                try:
                    decoder.decode(chunk, final=not chunk)
                except UnicodeDecodeError as error:
                    raise self._misplaced(position + len(chunk) - len(error.object) + error.start) from None
                if not chunk:
                    return several or inside
                if b"\0" in chunk:
                    raise self._misplaced(position + chunk.index(b"\0"))
                if inside or b'"' in chunk:
                    content = np.frombuffer(chunk, np.uint8)
                    parity = np.bitwise_xor.accumulate(content == ord('"')) ^ inside
                    breaks = (content == ord("\n")) | (content == ord("\r"))
                    several, inside = several or bool((parity & breaks).any()), bool(parity[-1])
                last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
                since_break = since_break + len(chunk) if last < 0 else len(chunk) - last
                several |= since_break > _BLOCK // 2
                position += len(chunk)

    def _misplaced(self, position: int) -> ContractError:
        """A byte that is no UTF-8 text: its line, its column, and how the cell would read in Windows-1252."""
        number, start = 0, 0
        with self._bytes() as stream:
            text = io.TextIOWrapper(stream, "latin-1", newline="")
            for line in iter(lambda: text.readline(_BLOCK), ""):
                number += 1
                if start + len(line) > position:
                    break
                start += len(line)
        byte, before = ord(line[position - start]), line[: position - start]
        with _long_cells():
            column = len(next(self._reader(iter([f"{before}x"]), strict=False))) - 1
            legible = line.encode("latin-1").decode("cp1252", "replace").rstrip("\r\n")
            cell = next(self._reader(iter([legible]), strict=False))[column][:80]
        name = self.names[column] if column < len(self.names) else ""
        place = f"line {number}, column {name or column + 1!r}"
        if byte == 0:
            return self._not_utf8(f"{place} holds a NUL byte; it seems to be UTF-16, or damaged")
        return self._not_utf8(f"{place} holds byte 0x{byte:02X}; in Windows-1252 the cell would be {cell!r}")

    def _wrong(self, cells: int) -> str:
        return f"a line of {counted(cells, 'cell')} where the header has {len(self.names)}"

    def _by_arrow(self, places: Sequence[int], unread: list[Unread], start: int) -> Iterator[pa.RecordBatch]:
        own = len(unread)

        def refuse(row: Any) -> str:
            before = start + row.number - 1 - (len(unread) - own)
            unread.append(Unread(before, self._wrong(row.actual_columns), row.text[:80]))
            return "skip"

        numbers = [str(place) for place in range(len(self.names))]
        wanted = [str(place) for place in places]
        with pa.input_stream(self.path, compression="detect") as stream:
            stream.read(self.offset)
            options = (
                # With threads, which gain nothing here, Arrow does not know the numbers of the rows it refuses.
                pa.csv.ReadOptions(column_names=numbers, block_size=_BLOCK, use_threads=False),
                pa.csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=refuse),
                pa.csv.ConvertOptions(
                    include_columns=wanted,
                    column_types=dict.fromkeys(wanted, pa.large_string()),
                    strings_can_be_null=True,
                    null_values=[""],
                ),
            )
            try:
                reader = pa.csv.open_csv(stream, *options)
            except pa.ArrowInvalid as error:
                if "Empty CSV" in str(error):  # a header and nothing more
                    return
                raise
            yield from reader

    def _by_record(self, places: Sequence[int], unread: list[Unread], start: int) -> Iterator[pa.RecordBatch]:
        records = self.records()
        while several := list(islice(records, _ROWS)):
            rows: list[list[str]] = []
            for record in several:
                if record.wrong:
                    unread.append(Unread(start + len(rows), record.wrong, record.text))
                else:
                    rows.append(record.cells)
            start += len(rows)
            cells = [pa.array([row[place] or None for row in rows], pa.large_string()) for place in places]
            yield pa.RecordBatch.from_arrays(cells, list(map(str, places)))

    def records(self) -> Iterator[_Record]:
        """What the lines after the header hold, by strict reading; blank lines are passed over.

        Where a quote is opened and no cell ends with it, that line alone is broken, and what follows is read by itself.
        """
        with _long_cells(), self._bytes() as stream:
            stream.read(self.offset)
            text, line = io.TextIOWrapper(stream, "utf-8", newline=""), self.line
            again: deque[str] = deque()

            def following() -> str:
                return again.popleft() if again else text.readline(_BLOCK)

            while first := following():
                if not first.strip("\r\n"):
                    line += 1
                    continue
                cells, wrong, taken = self._cells(first, iter(following, ""))
                if not wrong and len(cells) != len(self.names):
                    wrong = self._wrong(len(cells))
                yield _Record(line, cells, wrong, first.rstrip("\r\n")[:80])
                if wrong:
                    again.extendleft(reversed(taken[1:]))
                    del taken[1:]
                line += len(taken)

    def _cells(self, first: str, further: Iterator[str]) -> tuple[list[str], str, list[str]]:
        """The cells that begin in a line, what is wrong if nobody can tell them, and the lines taken."""
        taken: list[str] = []

        def noted() -> Iterator[str]:
            for line in chain([first], further):
                taken.append(line)
                yield line

        try:
            return next(self._reader(noted())), "", taken
        except csv.Error as error:
            # Text after a closing quote, which Arrow reads too.
            behind = len(taken) == 1 and "expected after" in str(error)
            cells = next(self._reader(iter(taken), strict=False)) if behind else [""]
            wrong = "" if behind and not cells[-1].endswith(("\n", "\r")) else "a quote is opened but never closed"
            if "field limit" in str(error):
                wrong += f", or a cell has more than {_BLOCK:,} characters"
            return cells, wrong, taken

    def lines(self, records: Sequence[int]) -> dict[int, int]:
        """The line of some records, counted from 0."""
        wanted = set(records)
        found = enumerate(islice(self.records(), max(wanted, default=-1) + 1))
        return {number: record.line for number, record in found if number in wanted}


@contextmanager
def _long_cells() -> Iterator[None]:
    """Cells as long as a block, which the standard library else refuses, for all of its readers."""
    limit = csv.field_size_limit(_BLOCK)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def first_line(error: Exception) -> str:
    """What an error says, without what Arrow adds below it."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
