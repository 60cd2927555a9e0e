"""A source that is open: its columns by the names the file uses, and its rows, typed, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from leadscore.base.times import one_array
from leadscore.errors import did_you_mean
from leadscore.imports import language
from leadscore.imports.cells import Cells, Rows, read_cells
from leadscore.imports.language import TEXT, Typed
from leadscore.imports.rows import Frame, together
from leadscore.sources.contract import Breaches
from leadscore.sources.source import Source

# Types whose cells conditions test as text.
_CODES = ("salesforce_id", "guid")


class Batch(NamedTuple):
    """Some rows of a source, and their places in it: those that stay, and those that `drop` leaves out."""

    frame: Frame
    rows: Rows
    dropped: Frame
    out: Rows


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
    read, set_aside, left_out : int, int, and dict of reason to count
        Filled while reading.
    """

    name: str
    spec: language.Source
    source: Source
    missing_values: tuple[str, ...]
    timezone: str
    wanted: set[str] = field(default_factory=set)
    read: int = 0
    set_aside: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.breaches = Breaches(self.source)
        self.twice: dict[str, list[str]] = {}
        for header in self.source.columns:
            self.twice.setdefault(self.spec.rename.get(header, header), []).append(header)
        self.headers = {name: headers[0] for name, headers in self.twice.items()}

    def home(self, name: str) -> str | None:
        """The column of a name: itself, or the JSON column that it is a key of; None where there is none."""
        if name in self.headers:
            return name
        holders = (column for column, typed in self.spec.columns.items() if typed.type == "json")
        return next((one for one in holders if name.startswith(f"{one}.") and one in self.headers), None)

    def lacking(self) -> Iterator[str]:
        """What is wrong with the names of the columns that are wanted."""
        for name in sorted({*self.wanted, *self.spec.columns}):
            home = self.home(name)
            if home is None:
                yield f"{self.name} has no column {name!r}{did_you_mean(name, self.headers)}"
            elif len(self.twice[home]) > 1:
                yield f"{self.name} has several columns for {home!r}: {', '.join(map(repr, self.twice[home]))}"
            elif self.headers[home] in self.source.repeated:
                yield f"{self.name} has the column {self.headers[home]!r} more than once"

    def batches(self) -> Iterator[Batch]:
        """The rows, a batch at a time; a source that others are joined to may be read twice."""
        self.read, self.set_aside, self.left_out, self.breaches = 0, 0, {}, Breaches(self.source)
        where, drop = (
            sorted({name for name, _ in condition.columns()}) if condition else []
            for condition in (self.spec.where, self.spec.drop)
        )
        names = sorted({*self.wanted, *drop})
        homes = list(dict.fromkeys(filter(None, map(self.home, [*where, *names]))))
        headers = [self.headers[home] for home in homes]
        nothing = pa.RecordBatch.from_arrays([pa.nulls(0, pa.large_string())] * len(headers), headers)
        for batch in chain(self.source.batches(headers), [nothing]):
            columns = dict(zip(homes, map(one_array, batch.columns), strict=True))
            rows = np.arange(self.read, self.read + batch.num_rows)
            self.read += batch.num_rows
            tested, whole = self._typed(columns, where, rows, testing=True)
            kept = whole[tested.holds(self.spec.where) > 0]
            self._count("where", len(whole) - len(kept))
            kept = kept[self._certain(names, rows[kept])]
            if len(kept) < len(rows):
                columns = {home: array.take(pa.array(kept)) for home, array in columns.items()}
            frame, whole = self._typed(columns, names, rows[kept])
            out = frame.holds(self.spec.drop) > 0 if self.spec.drop else np.zeros(frame.n, bool)
            self._count("drop", int(out.sum()))
            rows, stay, gone = rows[kept][whole], np.flatnonzero(~out), np.flatnonzero(out)
            yield Batch(frame.take(stay), rows[stay], frame.take(gone), rows[gone])

    def _certain(self, names: list[str], rows: Rows) -> npt.NDArray[np.bool_]:
        """Which rows are not in doubt, as lines that are too short and numbers that a workbook has rounded are."""
        # As a quantity a rounded number will do.
        exact = [name for name in names if self.spec.typed(name).type not in {"number", "time"}]
        known = {"": "", **{self.headers[home]: name for name in exact if (home := self.home(name))}}
        doubts = {one.row: one for one in self.source.doubts if one.column in known}
        certain = np.array([row not in doubts for row in rows.tolist()], bool) if doubts else np.ones(len(rows), bool)
        for row in rows[~certain].tolist():
            one = doubts[row]
            self.breaches.add(known[one.column], one.message, np.array([row]), [one.text])
        self.set_aside += int((~certain).sum())
        return certain

    def _typed(
        self, columns: dict[str, pa.Array], names: list[str], rows: Rows, *, testing: bool = False
    ) -> tuple[Frame, Rows]:
        """Some columns as they are declared, and the rows whose cells are all of their type.

        Where they are only tested, codes that are none are text: the foot of a report is left out by its text.
        """
        cells: dict[str, Cells] = {}
        broken = np.zeros(len(rows), bool)
        # A JSON column stands before its keys.
        for name in sorted({*names, *(self.home(name) or name for name in names)}):
            home = self.home(name) or name
            array = columns[home] if home == name else cells[home].under(name.removeprefix(f"{home}."))
            cells[name], bad = read_cells(array, self._declared(name), self.missing_values, self.timezone)
            if bad and testing and self.spec.typed(name).type in _CODES:
                text, _ = read_cells(array, TEXT, self.missing_values, self.timezone)
                none = np.isin(np.arange(len(array)), np.concatenate([*bad.values()]))
                cells[name], bad = together([cells[name], text], none.astype(np.int64)), {}
            for message, places in bad.items():
                broken[places] = True
                self.breaches.add(name, message, rows[places], array.take(pa.array(places[:5])).to_pylist())
        self.set_aside += int(broken.sum())
        frame, whole = Frame(cells.__getitem__, len(rows), self.timezone), np.flatnonzero(~broken)
        return (frame.take(whole) if broken.any() else frame), whole

    def _declared(self, name: str) -> Typed:
        typed = self.spec.typed(name)
        if self.source.iso_times and typed.format is not None:
            return typed.model_copy(update={"format": (*typed.format, "iso")})
        return typed

    def _count(self, why: str, rows: int) -> None:
        self.left_out[why] = self.left_out.get(why, 0) + rows
