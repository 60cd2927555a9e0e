"""Tables larger than memory: cut into buckets of leads, each through the one kernel; a killed run is taken up again."""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from leadscore.base.files import locked, replacing
from leadscore.base.text import counted
from leadscore.engines.cutting import cut, part_of
from leadscore.engines.inputs import files_of, in_database
from leadscore.engines.runs import Run
from leadscore.errors import ContractError, Problem
from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import event_kinds, lead_kinds
from leadscore.sources.columns import plain_ids
from leadscore.sources.contract import refuse
from leadscore.sources.source import Source
from leadscore.tables.loading import email_columns, lacking_columns, load_tables, wanted_columns
from leadscore.tables.opening import opened_tables
from leadscore.tables.tables import Tables

# The day before all others: of events counted for it none is held.
_NEVER = dt.date.min
_SUMMARY, _MADE_FROM = b"leadscore.summary", b"leadscore.made_from"

# What is made of a bucket: rows, and plain data to be added up. The days are one, or the first and the last.
Days = tuple[dt.date, ...]
Kernel = Callable[[Tables, Rulebook, Days], tuple[pa.Table, dict[str, Any]]]
Progress = Callable[[str], object]
TABLES = ("leads", "events", "outcomes")


@dataclass(frozen=True)
class Job:
    """What is to be made of which tables.

    Attributes
    ----------
    kernel : callable
        What is made of a bucket.
    rulebook : Rulebook
    days : tuple of date
    tables : dict of name to path
        `leads`, which may be a data file, and as far as they are given `events` and `outcomes`.
    buckets : int
    """

    kernel: Kernel
    rulebook: Rulebook
    days: Days
    tables: Mapping[str, str]
    buckets: int

    def made_from(self) -> dict[str, Any]:
        """Whatever the result depends on, as plain data; every input is read once for it."""
        book = self.rulebook
        return {
            "leadscore": version("leadscore"),
            "made_by": self.kernel.__name__,
            "days": [day.isoformat() for day in self.days],
            "rulebook": {"name": book.name, "version": book.version, "sha256": book.digest},
            "buckets": self.buckets,
            "inputs": {name: [*map(_said_of, files)] for name, files in files_of(self.tables).items()},
            **({"read": os.urandom(8).hex()} if in_database(self.tables) else {}),
        }

    def load(self, sources: Mapping[str, Any], as_of: Any = None) -> Tables:
        """The tables, or those of a bucket, counted for the days."""
        days = self.days if len(self.days) > 1 else self.days[0]
        parts = (sources.get(name) for name in TABLES)
        return load_tables(*parts, rulebook=self.rulebook, as_of=days if as_of is None else as_of)


def _said_of(path: str) -> dict[str, Any]:
    with Path(path).open("rb") as file:
        return {"file": path, "bytes": Path(path).stat().st_size, "sha256": file_digest(file, "sha256").hexdigest()}


@contextmanager
def made(job: Job, out: Path, threads: int | None, progress: Progress) -> Iterator[tuple[Run, dict[str, Any]]]:
    """Do what is left to do of a job; when all buckets are made, hand over the run and what it is made from.

    What was done on the way is removed at the end of the `with`, if all went well there.

    Raises
    ------
    ContractError
        If the tables break the contract, as `load_tables` says it of whole tables; nothing is written.
    """
    real = Path(os.path.realpath(out))

    def waiting() -> None:
        progress(f"Another run makes {out}; this one waits until it has ended")

    with locked(real, waiting):
        progress("Reading what the inputs are")
        before, made_from = _stamps(job), job.made_from()
        run = Run(real, made_from)
        run.begin()
        try:
            columns = _cut(job, run, progress)
            if _stamps(job) != before:
                message = "changed while it was read; run it again"
                raise ContractError("tables", [Problem("inputs", message)])
            _make_all(job, run, columns, threads, progress)
        except ContractError:
            run.end()
            # A bucket alone cannot say where a row stands, nor how many others there are.
            progress("Reading the tables again, to say all that breaks their contract")
            job.load(job.tables, as_of=_NEVER)
            raise
        yield run, made_from
        run.end()


def _stamps(job: Job) -> list[tuple[str, int, int]]:
    return [
        (one, Path(one).stat().st_size, Path(one).stat().st_mtime_ns) for one in chain(*files_of(job.tables).values())
    ]


def summaries(run: Run, buckets: int) -> list[dict[str, Any]]:
    """What each bucket adds to the whole."""
    return [json.loads(pa.parquet.read_schema(run.part(one)).metadata[_SUMMARY]) for one in range(buckets)]


def rows_of(run: Run, buckets: int) -> Iterator[pa.Table]:
    """The rows of each bucket."""
    for one in range(buckets):
        yield pa.parquet.read_table(run.part(one), partitioning=None)


def _cut(job: Job, run: Run, progress: Progress) -> dict[str, list[str]]:
    """Cut the tables that are not cut yet; the columns that each has as a whole."""
    done = run.cut("tables.json")
    if done.exists():
        return json.loads(done.read_text("utf-8"))["columns"]
    books = [job.rulebook]
    given = {name: job.tables.get(name) for name in TABLES}
    sources, imported = opened_tables(given, books, progress=progress)
    wanted = {name: wanted_columns(source, books, ()) for name, source in sources.items()}
    refuse([problem for name, source in sources.items() for problem in lacking_columns(source, wanted[name], books)])
    left = [name for name in sources if not run.cut(name).is_dir()]
    as_text = bool(left) and any(_has_text_ids(source) for source in sources.values())
    for name in left:
        progress(f"Cutting {name} into buckets")
        source, needed = sources[name], wanted[name]
        emails = email_columns(source, needed) if name == "leads" else []
        if emails and _can_be_read(source, emails):
            needed = [*needed, *emails]
        with run.cutting(name) as folder:
            cut(source, needed, _times(job.rulebook, name, needed), folder, job.buckets, as_text=as_text)
        pa.default_memory_pool().release_unused()
    notes = [] if imported is None else [imported.headline, *imported.notes]
    columns = {name: list(source.columns) for name, source in sources.items()}
    with replacing(done) as file:
        file.write(json.dumps({"columns": columns, "notes": notes}).encode())
    return columns


def import_notes(run: Run) -> list[str]:
    """What a data file's import had to say."""
    return list(json.loads(run.cut("tables.json").read_text("utf-8"))["notes"])


def notes_of(done: str, buckets: int, imported: tuple[str, ...], own: tuple[str, ...], mended: int) -> tuple[str, ...]:
    """What an import said, what else is to be said of the leads, and in how many buckets it was done."""
    order = f"{counted(mended, 'outcome')} out of order by less than 24 hours, put in order."
    every = "Every lead is counted: this is no sample, so there is no interval."
    parts = f"{done} in {counted(buckets, 'bucket')}; rows stand bucket by bucket."
    return (*imported, *own, *((order,) if mended else ()), every, parts)


def _has_text_ids(source: Source) -> bool:
    batch = next(iter(source.batches(["lead_id"])), None)
    ids = None if batch is None or pa.types.is_null(batch["lead_id"].type) else plain_ids(batch["lead_id"], source.name)
    return ids is not None and not pa.types.is_integer(ids.type) and not pa.types.is_floating(ids.type)


def _can_be_read(source: Source, columns: list[str]) -> bool:
    try:
        next(iter(source.batches(columns)), None)
    except ContractError:
        return False
    return True


def _times(rulebook: Rulebook, table: str, columns: list[str]) -> list[str]:
    """The columns that are read as days or times."""
    kinds = {"leads": lead_kinds, "events": event_kinds}.get(table, lambda _: {})(rulebook)
    own = {name for name, kind in kinds.items() if kind == "date"} | {"at", "created_at", "valid_from"}
    return [name for name in columns if name in own]


def _make_all(job: Job, run: Run, columns: Mapping[str, list[str]], threads: int | None, progress: Progress) -> None:
    """Make the buckets that are not made yet."""
    left = [one for one in range(job.buckets) if not run.part(one).is_file()]
    folders = {name: (run.cut(name), names) for name, names in columns.items()}
    done = job.buckets - len(left)
    progress(f"{done:,} of {job.buckets:,} buckets{', made by a run that was stopped' if done else ''}")
    for problems in _on_all_cores(job, run, folders, left, threads):
        if problems:
            raise ContractError("tables", problems)
        done += 1
        progress(f"{done:,} of {job.buckets:,} buckets")


_Folders = Mapping[str, tuple[Path, list[str]]]


def _on_all_cores(
    job: Job, run: Run, folders: _Folders, left: list[int], threads: int | None
) -> Iterator[list[Problem]]:
    from concurrent.futures.process import BrokenProcessPool  # noqa: PLC0415 - only where there are buckets

    from joblib import Parallel, cpu_count, delayed  # noqa: PLC0415 - as above
    from joblib.externals.loky import get_reusable_executor  # noqa: PLC0415 - as above

    threads = min(cpu_count() if threads is None else threads, len(left))
    if threads < 2:
        yield from (_make(job, run, folders, one) for one in left)
        return
    workers = Parallel(n_jobs=threads, return_as="generator_unordered")
    try:
        yield from workers(delayed(_make)(job, run, folders, one) for one in left)
    except BrokenProcessPool:
        why = "a process that made a bucket was ended from outside, perhaps as memory ran short"
        cure = "run again, it goes on where it was; with more buckets each needs less"
        raise ChildProcessError(errno.ECHILD, f"{why}: {cure}") from None
    finally:
        # What they hold is needed no more.
        get_reusable_executor().shutdown(wait=True)


def _make(job: Job, run: Run, folders: _Folders, bucket: int) -> list[Problem]:
    """Make one bucket; what is wrong with it, if it is, since a worker's errors lose their parts on the way."""
    parts = {name: _as_it_was(name, folder, columns, bucket) for name, (folder, columns) in folders.items()}
    try:
        rows, summary = job.kernel(job.load(parts), job.rulebook, job.days)
    except ContractError as error:
        return list(error.problems)
    said = {_SUMMARY: json.dumps(summary).encode(), _MADE_FROM: run.digest.encode()}
    write_part(rows.replace_schema_metadata({**(rows.schema.metadata or {}), **said}), run.part(bucket))
    pa.default_memory_pool().release_unused()
    return []


def write_part(rows: pa.Table, path: Path) -> None:
    """Write the rows of a bucket; what was there is replaced when they are whole."""
    with replacing(path) as file:
        repeats = [name for name in rows.column_names if name != "lead_id"]
        pa.parquet.write_table(rows, file, compression="zstd", use_dictionary=repeats)


def _as_it_was(name: str, folder: Path, columns: list[str], bucket: int) -> Source:
    """A bucket's rows of a table, which has all columns that the whole has."""
    return part_of(Source(name, columns, lambda _: iter(())), folder, bucket)
