"""CSV files as text: Arrow reads those whose lines are rows, the standard library those it cannot tell."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

from leadscore.base.text import counted
from leadscore.errors import ContractError, Problem

# Bytes that Arrow parses at once: a line must be shorter. It reads 32 times as many ahead.
_PARSED = 1 << 21
# So many of these are a batch: few rows cost as many calls as many.
_TOGETHER = 8
# A cell of more characters is no cell, but an open quote.
_BLOCK = 1 << 24
_CHUNK = 1 << 20
# Rows of a batch that the standard library reads.
_ROWS = 1 << 16
_SEPARATORS = ",;\t|"
# What a line without a value may hold.
_EMPTY = f'{_SEPARATORS}" \r\n'
# Lines that tell the separator.
_SAMPLE = 50
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


class Doubt(NamedTuple):
    """A row that stays only if somebody asks for it, and then breaks the contract: which, the column if it is one's."""

    row: int
    column: str
    message: str
    text: str


@dataclass(frozen=True)
class Layout:
    """How an export is laid out, as far as its reader was told; a line that is too short is then filled up, in doubt.

    Attributes
    ----------
    encoding : str
        What it was written in, for messages; it is UTF-8 by now.
    delimiter : str or None
        None is found out.
    skip_rows : int
        Lines before the header.
    """

    encoding: str = "UTF-8"
    delimiter: str | None = None
    skip_rows: int = 0


class _Record(NamedTuple):
    """What stands in some lines of a file from `line` on: the cells; what is wrong if they are no row, or in doubt."""

    line: int
    cells: list[str]
    wrong: str
    text: str
    doubt: str = ""


@dataclass
class CsvFile:
    """A CSV file whose header is read.

    Attributes
    ----------
    path : str
    table : str
        The table's name in messages.
    label : str
        What messages call the file.
    layout : Layout or None
        Of an export; None reads no line that is not whole.
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
    label: str = ""
    layout: Layout | None = None
    names: list[str] = field(default_factory=list)
    delimiter: str = ","
    offset: int = 0
    line: int = 1

    def __post_init__(self) -> None:
        self.label = self.label or self.path
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
        return ContractError("tables", [Problem(self.table, f"{self.label} {message}")])

    def _not_utf8(self, why: str) -> ContractError:
        if self.layout:
            return self.problem(f"is not {self.layout.encoding} text: {why}; what is its 'encoding'?")
        return self.problem(f"is not UTF-8 text; save it as UTF-8: {why}; a data.yaml can say its 'encoding'")

    def _bytes(self) -> io.BufferedReader:
        return io.BufferedReader(pa.input_stream(self.path, compression="detect"), _CHUNK)

    def _read_header(self, stream: io.BufferedReader, mark: int) -> None:
        stream.read(mark)
        # A character a byte, as long as nobody knows what is text here.
        text = io.TextIOWrapper(stream, "latin-1", newline="")
        layout, lines = self.layout or Layout(), iter(lambda: text.readline(_BLOCK), "")
        header, before = next(lines, ""), list[str]()
        named = re.fullmatch(r'"?sep=(.)"?[\r\n]*', header, re.IGNORECASE)
        for _ in range(max(layout.skip_rows, 1 if named else 0)):
            before.append(header)
            header = next(lines, "")
        while self.layout and header and not header.strip(_EMPTY):
            before.append(header)
            header = next(lines, "")
        if not header.strip():
            raise self.problem(f"has no header line at its {'end' if before else 'start'}")
        if "\0" in header:
            raise self._not_utf8("it holds NUL bytes, as UTF-16 does")
        sample = [header, *islice(lines, _SAMPLE if self.layout else 0)]
        lines = chain(sample[1:], lines)
        self.delimiter = layout.delimiter or (named[1] if named else _likely_delimiter(sample))
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

    def batches(self, places: Sequence[int], unread: list[Unread], doubts: list[Doubt]) -> Iterator[pa.RecordBatch]:
        """The cells of some columns as text, null where empty, what is no row in `unread`, short ones in `doubts`.

        What is opened by a quote and ends lines further down is told
        from a stray quote by the standard library's strict reading; Arrow would take either as a cell.
        """
        try:
            lines_are_cells_too = self._survey()
            yield from (self._by_record if lines_are_cells_too else self._by_arrow)(places, unread, doubts)
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
                    quotes = np.flatnonzero(content == ord('"'))
                    breaks = np.flatnonzero((content == ord("\n")) | (content == ord("\r")))
                    several |= bool(((np.searchsorted(quotes, breaks) + inside) % 2).any())
                    inside = bool((len(quotes) + inside) % 2)
                last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
                since_break = since_break + len(chunk) if last < 0 else len(chunk) - last
                several |= since_break > _PARSED // 2
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

    def _fitted(self, cells: list[str]) -> tuple[list[str], str, str]:
        """The cells of a line, as many as the header has; what is wrong if that cannot be, or in doubt."""
        width, given = len(self.names), len(cells)
        if given == width:
            return cells, "", ""
        message = f"a line of {counted(given, 'cell')} where the header has {width}"
        if self.layout is None or any(cells[width:]):
            return cells, message, ""
        named = max(place for place, name in enumerate(self.names, 1) if name or place == 1)
        return [*cells, *[""] * width][:width], "", message if given < named else ""

    def _by_arrow(self, places: Sequence[int], unread: list[Unread], doubts: list[Doubt]) -> Iterator[pa.RecordBatch]:
        short: deque[tuple[int, list[str]]] = deque()

        def refuse(row: Any) -> str:
            text = row.text.rstrip("\r\n")
            before = row.number - 1 - len(unread)
            cells, wrong, doubt = self._fitted(
                self._cells(text, iter(()))[0] if self.layout else [""] * row.actual_columns
            )
            if wrong:
                unread.append(Unread(before, wrong, text[:80]))
            else:
                short.append((before, [cells[place] for place in places]))
            if doubt:
                doubts.append(Doubt(before, "", doubt, text[:80]))
            return "skip"

        numbers = [str(place) for place in range(len(self.names))]
        wanted = [str(place) for place in places]
        with pa.input_stream(self.path, compression="detect") as stream:
            stream.read(self.offset)
            options = (
                # With threads, which gain nothing here, Arrow does not know the numbers of the rows it refuses.
                pa.csv.ReadOptions(column_names=numbers, block_size=_PARSED, use_threads=False),
                pa.csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=refuse),
                pa.csv.ConvertOptions(
                    include_columns=wanted,
                    column_types=dict.fromkeys(wanted, pa.large_string()),
                    strings_can_be_null=True,
                    null_values=[""],
                ),
            )
            try:
                reader: Iterable[pa.RecordBatch] = pa.csv.open_csv(stream, *options)
            except pa.ArrowInvalid as error:
                if "Empty CSV" not in str(error):
                    raise
                reader = ()  # a header and nothing more
            yield from _with_short(_joined(reader), short, wanted)

    def _by_record(self, places: Sequence[int], unread: list[Unread], doubts: list[Doubt]) -> Iterator[pa.RecordBatch]:
        records, start = self.records(), 0
        while several := list(islice(records, _ROWS)):
            rows: list[list[str]] = []
            for record in several:
                before = start + len(rows)
                if record.wrong:
                    unread.append(Unread(before, record.wrong, record.text))
                    continue
                if record.doubt:
                    doubts.append(Doubt(before, "", record.doubt, record.text))
                rows.append([record.cells[place] for place in places])
            start += len(rows)
            yield as_batch(rows, list(map(str, places)))

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
                cells, wrong, doubt = (cells, wrong, "") if wrong else self._fitted(cells)
                yield _Record(line, cells, wrong, first.rstrip("\r\n")[:80], doubt)
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


def _likely_delimiter(sample: list[str]) -> str:
    """The separator that parts most lines into as many cells as the header, and of those the one that parts it most."""

    def told(separator: str) -> tuple[bool, int, int]:
        try:
            widths = [len(cells) for cells in csv.reader(sample, delimiter=separator) if cells]
        except csv.Error:  # a cell without end
            return False, 0, 0
        return widths[0] > 1, widths.count(widths[0]), widths[0]

    return max(_SEPARATORS, key=told)


def as_batch(rows: Sequence[Sequence[str]], names: list[str]) -> pa.RecordBatch:
    """Rows of text as columns, null where empty."""
    columns = [pa.array([row[place] or None for row in rows], pa.large_string()) for place in range(len(names))]
    return pa.RecordBatch.from_arrays(columns, names)


def _joined(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in fewer batches."""
    left = iter(batches)
    while held := [*islice(left, _TOGETHER)]:
        yield from pa.Table.from_batches(held).combine_chunks().to_batches()


def _with_short(
    batches: Iterable[pa.RecordBatch], short: deque[tuple[int, list[str]]], names: list[str]
) -> Iterator[pa.RecordBatch]:
    """The rows that Arrow read, and between them in their places those that it found too short."""
    row = 0
    for batch in batches:
        if not short:
            row += batch.num_rows
            yield batch
            continue
        pieces, at = [], 0
        while short and short[0][0] <= row + batch.num_rows - at:
            pieces.append(batch.slice(at, short[0][0] - row))
            at, row = at + pieces[-1].num_rows, short[0][0]
            pieces.append(as_batch(_in_a_row(short), names))
            row += pieces[-1].num_rows
        pieces.append(batch.slice(at))
        row += pieces[-1].num_rows
        yield from pa.Table.from_batches(pieces).combine_chunks().to_batches()
    if short:
        yield as_batch([cells for _, cells in short], names)


def _in_a_row(short: deque[tuple[int, list[str]]]) -> list[list[str]]:
    """The first of the short rows and those that follow at once."""
    taken = [short.popleft()]
    while short and short[0][0] == taken[-1][0] + 1:
        taken.append(short.popleft())
    return [cells for _, cells in taken]


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
