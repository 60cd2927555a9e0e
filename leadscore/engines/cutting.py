"""A table cut into buckets of leads, one Parquet file each; rows keep their order, and memory stays bounded."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from leadscore.base.times import NO_ZONE, is_text, one_array, read_times
from leadscore.engines.partition import buckets_of
from leadscore.errors import ArgumentError, ContractError, Problem
from leadscore.sources.columns import encoded_of, plain_ids
from leadscore.sources.parquet_files import ParquetPart
from leadscore.sources.source import Source, parquet_source

# What is in hand at a time, in bytes; each bucket's share of it is a row group.
_IN_HAND = 1 << 27
# Files that are open beside those of the buckets: inputs, libraries, what the caller has.
_OTHERS = 100
_CODED = pa.dictionary(pa.int32(), pa.large_string())


def cut(  # noqa: PLR0913 - what is cut, by what, and where to
    source: Source, columns: list[str], times: Collection[str], folder: Path, buckets: int, *, as_text: bool
) -> None:
    """Write each bucket's rows of a table, in their order, to a file of its own.

    Parameters
    ----------
    source : Source
    columns : list of str
        What is read of it, with `lead_id`.
    times : collection of str
        Those of the columns that are read as days or times.
    folder : path
        Where the files go; it is there, and empty.
    buckets : int
    as_text : bool
        See `buckets_of`.

    Raises
    ------
    ContractError
        If it cannot be read; if lines of it are no rows; if a column has times with a zone and times without one: of
        the rows of one bucket alone nobody could tell.
    ArgumentError
        If the system does not allow so many open files.
    """
    clocks: dict[str, set[bool]] = {name: set() for name in times}
    metadata = {key: text for key, text in source.metadata.items() if key.startswith(b"leadscore.")}
    with _open_files(buckets + _OTHERS), ExitStack() as opened:
        writers: list[pa.parquet.ParquetWriter] = []
        for rows in _in_hand(source, columns):
            for name, seen in clocks.items():
                _note(seen, rows[name], f"{source.name}.{name}")
            if not writers:
                schema = rows.schema.with_metadata(metadata)
                writers = [opened.enter_context(_writer(path_of(folder, one), schema)) for one in range(buckets)]
            ids = plain_ids(rows["lead_id"], source.name)
            bucket = buckets_of(ids, buckets, as_text=as_text)
            order = pa.array(np.argsort(bucket, kind="stable"))
            ends = np.cumsum(np.bincount(bucket, minlength=buckets)).tolist()
            sorted_rows = pa.table({name: one_array(rows[name]).take(order) for name in columns})
            for writer, start, end in zip(writers, [0, *ends[:-1]], ends, strict=True):
                if end > start:
                    writer.write_table(_compact(sorted_rows.slice(start, end - start)))
    if source.unread:
        raise ContractError("tables", [Problem(source.name, "lines that are no rows")])


@contextmanager
def _open_files(n: int) -> Iterator[None]:
    """Have so many files open at a time: some systems begin with 256 or 1,024, and allow more if asked."""
    try:
        import resource  # noqa: PLC0415 - Windows has none, and no such limit
    except ImportError:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and n > hard:
        message = f"must be at most {hard - _OTHERS:,} here: the system allows {hard:,} open files (ulimit -Hn)"
        raise ArgumentError("buckets", message)
    if soft != resource.RLIM_INFINITY and n > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (n, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def part_of(source: Source, folder: Path, bucket: int) -> Source:
    """A bucket's rows of a table that was cut, with the names of all columns that it had."""
    part = ParquetPart(str(path_of(folder, bucket)), source.name)
    found = parquet_source([part])
    rows = found.batches

    def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
        # Without a row too the columns have their types: ids of numbers would else be text here alone.
        yield from rows(columns)
        held = {name: pa.array([], part.columns.get(name, pa.null())) for name in columns}
        yield pa.RecordBatch.from_arrays(list(held.values()), names=columns)

    found.columns, found.batches = source.columns, batches
    return found


def path_of(folder: Path, bucket: int) -> Path:
    """Where a bucket's rows are."""
    return folder / f"bucket={bucket:04}.parquet"


def _in_hand(source: Source, columns: list[str]) -> Iterator[pa.Table]:
    """The rows, many at a time, text as codes but for ids; without any rows a table of none."""
    held, n, some = [], 0, False
    for batch in source.batches(columns):
        held.append(pa.table([_plain(batch[name], name) for name in columns], names=columns))
        n += held[-1].nbytes
        if n >= _IN_HAND:
            yield _one_table(held)
            held, n, some = [], 0, True
    if held:
        yield _one_table(held)
    elif not some:
        yield pa.table({name: pa.nulls(0) for name in columns})


def _plain(array: pa.Array, name: str) -> pa.Array:
    array = one_array(array)
    if not is_text(array.type):
        return array
    if name == "lead_id":
        return array.cast(pa.large_string())
    return (array if pa.types.is_dictionary(array.type) else array.dictionary_encode()).cast(_CODED)


def _one_table(parts: list[pa.Table]) -> pa.Table:
    whole = pa.concat_tables(parts)
    return pa.table({name: one_array(whole[name]) for name in whole.column_names})


def _compact(rows: pa.Table) -> pa.Table:
    """The same rows, but no dictionary much longer than they are: each file would hold all of it."""
    columns = [one_array(column) for column in rows.columns]
    large = [pa.types.is_dictionary(one.type) and len(one.dictionary) > len(one) for one in columns]
    fresh = [
        one.dictionary_decode().dictionary_encode().cast(_CODED) if long else one
        for one, long in zip(columns, large, strict=True)
    ]
    return pa.table(fresh, names=rows.column_names)


def _writer(path: Path, schema: pa.Schema) -> pa.parquet.ParquetWriter:
    coded = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    return pa.parquet.ParquetWriter(
        path, schema, compression="lz4", use_dictionary=coded, write_statistics=False, write_page_checksum=True
    )


def _note(seen: set[bool], column: pa.ChunkedArray, where: str) -> None:
    """Note whether times have a zone; only those of text can differ from row to row."""
    array = one_array(column)
    if is_text(array.type):
        times = read_times(encoded_of(array).dictionary)
        seen |= {bool(times.zoned)} if times is not None and times.zoned is not None else set()
        seen |= {False} if times is not None and NO_ZONE in times.bad else set()
    if len(seen) > 1:
        message = "times with a zone and times without one in one column"
        raise ContractError("tables", [Problem(where, message)])
