"""A source that is open: its columns by the names the file uses, and its rows, typed, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pyarrow as pa

from leadscore.errors import Problem, did_you_mean
from leadscore.imports import language
from leadscore.imports.cells import Cells, Rows, read_cells
from leadscore.imports.language import TEXT, Typed
from leadscore.imports.rows import Frame, together
from leadscore.sources.contract import Breaches
from leadscore.sources.source import Source

# Types whose cells conditions test as text.
_CODES = ("salesforce_id", "guid")


@dataclass
class Opened:
    """A source of the data file, not yet read.

    Attributes
    ----------
    name : str
    spec : Source of the language
    source : Source
        What holds the rows.
    missing_values, timezone
        Those of the file where the source has none of its own.
    wanted : set of str
        The columns that are asked for, by the names the file uses; filled before anything is read.
    breaches : Breaches
        Rows whose cells are none of their type.
    read, left_out : int and dict of reason to count
        Filled while reading.
    """

    name: str
    spec: language.Source
    source: Source
    missing_values: tuple[str, ...]
    timezone: str
    wanted: set[str] = field(default_factory=set)
    read: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.breaches = Breaches(self.source)
        self.headers: dict[str, str] = {}
        self.twice: dict[str, list[str]] = {}
        for header in self.source.columns:
            self.twice.setdefault(self.spec.rename.get(header, header), []).append(header)
        self.headers = {name: headers[0] for name, headers in self.twice.items()}

    def lacking(self) -> Iterator[str]:
        """What is wrong with the names of the columns that are wanted."""
        declared = [name for name in self.spec.columns if name not in self.headers]
        for name in sorted({*self.wanted, *declared} - self.headers.keys()):
            yield f"{self.name} has no column {name!r}{did_you_mean(name, self.headers)}"
        for name in sorted(self.wanted & self.headers.keys()):
            if len(self.twice[name]) > 1:
                yield f"{self.name} has several columns for {name!r}: {', '.join(map(repr, self.twice[name]))}"
            if self.headers[name] in self.source.repeated:
                yield f"{self.name} has the column {self.headers[name]!r} more than once"

    def frames(self) -> Iterator[tuple[Frame, Rows]]:
        """The rows that stay, a batch at a time, and where each stands among all rows."""
        tested = {name for part in (self.spec.where, self.spec.drop) if part for name, _ in part.columns()}
        names = sorted(self.wanted | tested)
        start, headers = 0, [self.headers[name] for name in names]
        nothing = pa.RecordBatch.from_arrays([pa.nulls(0, pa.large_string())] * len(names), headers)
        for batch in chain(self.source.batches(headers), [nothing]):
            columns = dict(zip(names, batch.columns, strict=True))
            rows = np.arange(batch.num_rows)
            start, first = start + batch.num_rows, start
            self.read += batch.num_rows
            rows = self._certain(names, self._kept(columns, rows, "where", first), first)
            cells, rows = self._typed(columns, names, rows, first)
            frame = Frame(cells.__getitem__, len(rows), self.timezone)
            if self.spec.drop is not None:
                dropped = frame.holds(self.spec.drop) > 0
                self._count("drop", int(dropped.sum()))
                frame, rows = frame.take(np.flatnonzero(~dropped)), rows[~dropped]
            yield frame, rows + first

    def _kept(self, columns: dict[str, pa.Array], rows: Rows, word: str, first: int) -> Rows:
        if self.spec.where is None:
            return rows
        tested = sorted({name for name, _ in self.spec.where.columns()})
        codes = [name for name in tested if self.spec.typed(name).type in _CODES]
        cells, fitting = self._typed(columns, [name for name in tested if name not in codes], rows, first)
        for name in codes:
            cells[name] = self._code(columns[name].take(pa.array(fitting)), name)
        holds = Frame(cells.__getitem__, len(fitting), self.timezone).holds(self.spec.where) > 0
        self._count(word, int((~holds).sum()))
        return fitting[holds]

    def _code(self, array: pa.Array, name: str) -> Cells:
        """Codes as they are declared, and as text where they are none: the foot of a report is left out by its text."""
        cells, bad = read_cells(array, self.spec.typed(name), self.missing_values, self.timezone)
        text, _ = read_cells(array, TEXT, self.missing_values, self.timezone)
        return together([cells, text], np.isin(np.arange(len(array)), [*chain(*bad.values())]).astype(np.int64))

    def _certain(self, names: list[str], rows: Rows, first: int) -> Rows:
        """The rows without those in doubt: lines that are too short, numbers that a workbook has rounded."""
        # As a quantity a rounded number will do.
        exact = [name for name in names if self.spec.typed(name).type not in {"number", "time"}]
        known = {"": "", **{self.headers[name]: name for name in exact}}
        doubts = [one for one in self.source.doubts if one.column in known]
        places = np.array([one.row for one in doubts], np.intp) - first
        for at in np.flatnonzero(np.isin(places, rows)):
            one = doubts[at]
            self.breaches.add(known[one.column], one.message, np.array([one.row]), [one.text])
        return np.setdiff1d(rows, places)

    def _typed(
        self, columns: dict[str, pa.Array], names: list[str], rows: Rows, first: int
    ) -> tuple[dict[str, Cells], Rows]:
        """Some columns as they are declared, and the rows whose cells are all of their type."""
        cells, broken = {}, np.zeros(len(rows), bool)
        whole = len(rows) and len(rows) == len(next(iter(columns.values())))
        for name in names:
            array = columns[name] if whole else columns[name].take(pa.array(rows))
            cells[name], bad = read_cells(array, self._declared(name), self.missing_values, self.timezone)
            for message, places in bad.items():
                broken[places] = True
                shown = array.take(pa.array(places[:5])).to_pylist()
                self.breaches.add(name, message, rows[places] + first, shown)
        if not broken.any():
            return cells, rows
        kept = np.flatnonzero(~broken)
        return {name: one.take(kept) for name, one in cells.items()}, rows[kept]

    def _declared(self, name: str) -> Typed:
        typed = self.spec.typed(name)
        if self.source.iso_times and typed.format is not None:
            return typed.model_copy(update={"format": (*typed.format, "iso")})
        return typed

    def _count(self, why: str, rows: int) -> None:
        self.left_out[why] = self.left_out.get(why, 0) + rows

    def problems(self) -> list[Problem]:
        """Cells that are none of their type, and lines that are no rows."""
        return self.breaches.problems()
