"""Rows while people are told apart, and after: in memory while they are few, then in a temporary file."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from leadscore.base.times import one_array
from leadscore.sources.source import Source, named

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]
# The columns that come before those of the rows themselves: only rows with a `unique_key` have more than the first.
OWN = ("person", "key", "key_too", "received")
# Bytes in memory until they are written.
_HELD = 1 << 25
# Rows are cut by their key into so many pieces, so that those that share one are found among so many times fewer.
_CUT = 128
_TEXT = pa.large_string()


class Piece(NamedTuple):
    """Where some rows stand in the file."""

    start: int
    size: int


class Spool:
    """Rows in the order in which they come; a part of them at a time.

    The file has no name and is gone when it is closed, or when the process ends, however that comes about. It stands
    where the system keeps temporary files, which `TMPDIR` says.

    Parameters
    ----------
    own : int
        How many columns come before those of the rows themselves.
    key : int, optional
        The column that says which rows belong together.

    Attributes
    ----------
    ends : list of int
        The rows up to the end of each part.
    """

    def __init__(self, own: int = 1, key: int | None = None) -> None:
        self.own, self.key, self._cut = own, key, 1 if key is None else _CUT
        self.ends: list[int] = []
        self._new: list[pa.Table] = []
        self._waiting = 0
        self._parts: list[list[Piece | pa.Table]] = []
        # Of each piece, which rows are left out, as bits.
        self._out: dict[tuple[int, int], npt.NDArray[np.uint8]] = {}
        self._file: IO[bytes] | None = None

    def append(self, rows: pa.Table) -> None:
        """Further rows: the own columns, and the others, text not as a dictionary."""
        self.schema: pa.Schema = rows.schema
        self._new.append(rows)
        self._waiting += rows.nbytes
        if self._waiting >= _HELD:
            self._write()

    def close(self) -> None:
        """No more rows come; before that none can be read."""
        if self._file is None and not self._parts:
            whole = pa.concat_tables(self._new)
            self._parts, self.ends, self._new = [[_numbered(whole, np.arange(len(whole)))]], [len(whole)], []
        elif self._new:
            self._write()

    def settle(self, judge: Callable[[pa.Table], pa.Table]) -> None:
        """Put in place of rows whose key others have too what a function leaves of them: fewer rows, or other cells.

        It is given all rows of some of the keys, in their order, and last of their columns the number of each row.
        """
        fields = range(len(self.schema) + 1)
        for place in range(len(self._parts[0])):
            whole = pa.concat_tables(self._read(part[place], fields) for part in self._parts)
            alike = shared(whole.column(self.key).to_numpy())
            if len(alike):
                others = np.ones(len(whole), bool)
                others[alike] = False
                whole = pa.concat_tables([whole.filter(pa.array(others)), judge(whole.take(pa.array(alike)))])
                whole = _in_order(whole)
                bounds = np.searchsorted(whole.column(fields[-1]).to_numpy(), [0, *self.ends]).tolist()
                for part, (start, end) in zip(self._parts, pairwise(bounds), strict=True):
                    part[place] = self._put(whole.slice(start, end - start))

    def leave_out(self, found: Callable[[pa.Table], Mask]) -> int:
        """Leave rows out, as a function says of all rows that may share a key, in their order; how many they were."""
        count = 0
        for place in range(len(self._parts[0])):
            tables = [self._read(part[place], range(len(self.schema))) for part in self._parts]
            ends = np.cumsum([len(table) for table in tables])
            out = found(pa.concat_tables(tables))
            count += int(out.sum())
            for part, rows in enumerate(np.split(out, ends[:-1])):
                if rows.any():
                    self._out[part, place] = np.packbits(rows)
        return count

    def tables(self, columns: Sequence[int] = ()) -> Iterator[pa.Table]:
        """The rows that stay, a part at a time: the own columns, and others by their places, from 0."""
        fields = [*range(self.own), *(place + self.own for place in sorted(columns))]
        for part in range(len(self._parts)):
            yield self.part(part, fields)

    def part(self, part: int, fields: Sequence[int]) -> pa.Table:
        """The rows of a part that stay, with some of all columns, whose places ascend."""
        pieces = self._parts[part]
        if len(pieces) == 1:
            return self._left(self._read(pieces[0], fields), part, 0)
        number = len(self.schema)
        whole = pa.concat_tables(
            self._left(self._read(piece, [*fields, number]), part, place) for place, piece in enumerate(pieces)
        )
        return _in_order(whole).select(range(len(fields)))

    def _left(self, table: pa.Table, part: int, place: int) -> pa.Table:
        bits = self._out.get((part, place))
        return table if bits is None else table.filter(pa.array(np.unpackbits(bits, count=len(table)) == 0))

    def _write(self) -> None:
        """The rows in hand as a part of the file, cut into pieces by their keys."""
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when nobody reads it any more
            weakref.finalize(self, self._file.close)
        whole = pa.concat_tables(self._new).combine_chunks()
        self._new, self._waiting = [], 0
        number = [0, *self.ends][-1] + np.arange(len(whole))
        self.ends.append([0, *self.ends][-1] + len(whole))
        if self.key is None:
            self._parts.append([self._put(whole)])
            return
        place = (whole.column(self.key).to_numpy() % self._cut).astype(np.uint8)
        order = np.argsort(place, kind="stable")
        whole = _numbered(whole.take(pa.array(order)), number[order])
        sizes = np.bincount(place, minlength=self._cut)
        ends = np.cumsum(sizes)
        self._parts.append([self._put(whole.slice(end - n, n)) for end, n in zip(ends, sizes, strict=True)])

    def _put(self, table: pa.Table) -> Piece | pa.Table:
        if self._file is None:
            return table
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as stream:
            stream.write_table(table)
        written = sink.getvalue()
        try:
            start = self._file.seek(0, 2)
            self._file.write(written)
        except OSError as error:
            # A full disk does not say where it is full.
            error.filename = error.filename or tempfile.gettempdir()
            raise
        return Piece(start, written.size)

    def _read(self, piece: Piece | pa.Table, fields: Sequence[int]) -> pa.Table:
        if isinstance(piece, pa.Table):
            return piece.select(fields)
        assert self._file is not None
        self._file.seek(piece.start)
        options = pa.ipc.IpcReadOptions(included_fields=[*fields])
        return pa.ipc.open_stream(self._file.read(piece.size), options=options).read_all()

    def __getstate__(self) -> dict[str, Any]:
        """A copy has no file: it holds its rows."""
        whole = pa.concat_tables(self.part(part, range(len(self.schema))) for part in range(len(self._parts)))
        held = {"_parts": [[whole]], "ends": [len(whole)], "key": None, "_out": {}, "_file": None}
        return self.__dict__ | held


def shared(*keys: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """The rows whose keys another row has too; most have none, and all that is slow is done with these alone."""
    order = np.lexsort(keys) if len(keys) > 1 else np.argsort(keys[0])
    same = np.zeros(len(order), bool)
    same[1:] = np.logical_and.reduce([np.diff(key[order]) == 0 for key in keys])
    return np.sort(order[same | np.append(same[1:], False)])


def _numbered(rows: pa.Table, number: npt.NDArray[np.intp]) -> pa.Table:
    return rows.append_column("number", pa.array(number.astype(np.int64)))


def _in_order(rows: pa.Table) -> pa.Table:
    """Rows by their numbers, which stand last."""
    return rows.take(pa.array(np.argsort(rows.column(rows.num_columns - 1).to_numpy())))


class Log:
    """One of our tables, of all blocks: made of their rows each time it is read.

    Parameters
    ----------
    spools : list of Spool
        One for each block, in the order of the file, or one for all.
    lead_of : (n_names + 1,) int32, or None for rows that are of nobody
        The lead of each name, a position in `ids`, and negative where it is of none; last that of no name.
    ids : chunked array of text
    rows : int
        How many rows are of leads.
    empty : Schema
        What the table has if it has no block.
    """

    def __init__(
        self, spools: list[Spool], lead_of: Codes | None, ids: pa.ChunkedArray, rows: int, empty: pa.Schema
    ) -> None:
        self._spools, self._lead_of, self._ids, self._rows = spools, lead_of, ids, rows
        held = [*[pa.field("lead_id", _TEXT)][: lead_of is not None], *labels_of(spools)]
        self.schema = pa.schema([one.with_type(_type_shown(one.type)) for one in held]) if spools else empty

    def __len__(self) -> int:
        return self._rows

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows with some of the columns or all, in the order of the blocks and of their sources."""
        schema = self.schema if columns is None else pa.schema([self.schema.field(name) for name in columns])
        types = dict(zip(schema.names, schema.types, strict=True))
        for spool in self._spools:
            labels = spool.schema.names[spool.own :]
            chosen = [place for place, label in enumerate(labels) if label in schema.names]
            for table in spool.tables(chosen):
                lead = np.zeros(len(table), np.int32)
                if self._lead_of is not None:
                    lead = self._lead_of[table.column(0).to_numpy()]
                rows = np.flatnonzero(lead >= 0)
                if len(rows):
                    mine = table.take(pa.array(rows)) if len(rows) < len(lead) else table
                    held = {labels[place]: _shown(mine.column(spool.own + at)) for at, place in enumerate(chosen)}
                    if self._lead_of is not None:
                        held["lead_id"] = self._named(lead[rows])
                    arrays = [held[name] if name in held else pa.nulls(len(rows), kind) for name, kind in types.items()]
                    yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def source(self, name: str) -> Source:
        """The table, to be read a batch at a time."""
        return Source(**named(name, self.schema.names), batches=self.batches)

    def table(self) -> pa.Table:
        """All rows; each text once."""
        return pa.Table.from_batches(self.batches(), self.schema).unify_dictionaries()

    def _named(self, lead: Codes) -> pa.Array:
        """The ids of leads, each id once."""
        used = np.zeros(len(self._ids), bool)
        used[lead] = True
        place = np.cumsum(used, dtype=np.int32) - np.int32(1)
        return pa.DictionaryArray.from_arrays(pa.array(place[lead]), one_array(self._ids.filter(pa.array(used))))


def labels_of(spools: Iterable[Spool]) -> list[pa.Field]:
    """The columns of the rows of several spools, each once."""
    return [*{one.name: one for spool in spools for one in list(spool.schema)[spool.own :]}.values()]


def _type_shown(kind: pa.DataType) -> pa.DataType:
    # Each value once, as pandas wants categories.
    return pa.dictionary(pa.int32(), _TEXT) if kind == _TEXT else kind


def _shown(column: pa.ChunkedArray) -> pa.Array:
    array = one_array(column)
    return array.dictionary_encode() if array.type == _TEXT else array
