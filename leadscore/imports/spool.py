"""Events and touches while people are told apart, and after: in memory while they are few, then in a temporary file."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from leadscore.base.times import one_array
from leadscore.sources.source import BATCH_ROWS, Source, named

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]
# The columns that come before those of the rows themselves: only rows with a `unique_key` have more than the first.
OWN = ("person", "key", "key_too", "received")
# Rows with a `unique_key` are cut by it, so that those that share one are found among so many times fewer.
_CUT = 128
_TEXT = pa.large_string()


class Piece(NamedTuple):
    """Where some rows stand in the file."""

    start: int
    size: int


class Spool:
    """The rows of one block, in the order in which they come; a part of them at a time.

    The file has no name and is gone when it is closed, or when the process ends, however that comes about. It stands
    where the system keeps temporary files, which `TMPDIR` says.

    Parameters
    ----------
    keyed : bool
        Whether rows have a `unique_key`, and so all columns of `OWN`; otherwise they have `person` alone.
    """

    def __init__(self, *, keyed: bool) -> None:
        self.keyed, self.own, self._cut = keyed, len(OWN) if keyed else 1, _CUT if keyed else 1
        self._new: list[pa.RecordBatch] = []
        self._waiting = 0
        self._parts: list[list[Piece | pa.Table]] = []
        # Of each piece, which rows are left out, as bits.
        self._out: dict[tuple[int, int], npt.NDArray[np.uint8]] = {}
        self._file: IO[bytes] | None = None

    def append(self, batch: pa.RecordBatch) -> None:
        """Further rows: the columns of `OWN`, and those of the rows, text not as a dictionary."""
        self.schema: pa.Schema = batch.schema
        self._new.append(batch)
        self._waiting += len(batch)
        if self._waiting >= BATCH_ROWS:
            self._write()

    def close(self) -> None:
        """No more rows come; before that none can be read."""
        if self._file is None:
            self._parts, self._new = [[pa.Table.from_batches(self._new)]], []
        elif self._new:
            self._write()

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
        """The rows that stay, a part at a time: `person`, and columns by their places, from 0."""
        fields = [0, *(place + self.own for place in sorted(columns))]
        for part, pieces in enumerate(self._parts):
            if len(pieces) == 1:
                yield self._left(self._read(pieces[0], fields), part, 0)
                continue
            row = len(self.schema)
            whole = pa.concat_tables(
                self._left(self._read(piece, [*fields, row]), part, place) for place, piece in enumerate(pieces)
            )
            rows = whole.column(len(fields)).to_numpy()
            yield whole.select(range(len(fields))).take(pa.array(np.argsort(rows)))

    def _left(self, table: pa.Table, part: int, place: int) -> pa.Table:
        bits = self._out.get((part, place))
        return table if bits is None else table.filter(pa.array(np.unpackbits(bits, count=len(table)) == 0))

    def _write(self) -> None:
        """The rows in hand as a part of the file, cut into pieces by their keys."""
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when nobody reads it any more
            weakref.finalize(self, self._file.close)
        whole = pa.Table.from_batches(self._new).combine_chunks()
        self._new, self._waiting = [], 0
        if self._cut == 1:
            self._parts.append([self._put(whole)])
            return
        place = (whole.column(1).to_numpy() % self._cut).astype(np.uint8)
        order = np.argsort(place, kind="stable")
        whole = whole.take(pa.array(order)).append_column("row", pa.array(order.astype(np.int32)))
        sizes = np.bincount(place, minlength=self._cut)
        ends = np.cumsum(sizes)
        self._parts.append([self._put(whole.slice(end - n, n)) for end, n in zip(ends, sizes, strict=True)])

    def _put(self, table: pa.Table) -> Piece:
        assert self._file is not None
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
        whole = pa.concat_tables(self.tables(range(len(self.schema) - self.own)))
        return self.__dict__ | {"schema": whole.schema, "own": 1, "_parts": [[whole]], "_out": {}, "_file": None}


class Log:
    """A table as long as a log, of events or touches, of all blocks: made of their rows each time it is read.

    Parameters
    ----------
    spools : list of Spool
        One for each block, in the order of the file.
    lead_of : (n_names + 1,) int32
        The lead of each name, a position in `ids`, and negative where it is of none; last that of no name.
    ids : array of text
    rows : int
        How many rows are of leads.
    empty : Schema
        What the table has if it has no block.
    """

    def __init__(self, spools: list[Spool], lead_of: Codes, ids: pa.Array, rows: int, empty: pa.Schema) -> None:
        self._spools, self._lead_of, self._ids, self._rows = spools, lead_of, ids, rows
        fields = {one.name: one for spool in spools for one in list(spool.schema)[spool.own :]}
        held = [pa.field("lead_id", _TEXT), *fields.values()]
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
                lead = self._lead_of[table.column(0).to_numpy()]
                rows = np.flatnonzero(lead >= 0)
                if len(rows):
                    mine = table.take(pa.array(rows)) if len(rows) < len(lead) else table
                    held = {labels[place]: _shown(mine.column(1 + at)) for at, place in enumerate(chosen)}
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
        return pa.DictionaryArray.from_arrays(pa.array(place[lead]), self._ids.filter(pa.array(used)))


def _type_shown(kind: pa.DataType) -> pa.DataType:
    # Each value once, as pandas wants categories.
    return pa.dictionary(pa.int32(), _TEXT) if kind == _TEXT else kind


def _shown(column: pa.ChunkedArray) -> pa.Array:
    array = one_array(column)
    return array.dictionary_encode() if array.type == _TEXT else array
