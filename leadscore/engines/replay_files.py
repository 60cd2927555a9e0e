"""`replay_files`: when leads qualified, from files to files, in buckets, where memory does not hold them."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_of
from leadscore.base.text import counted
from leadscore.engines.buckets import Days, Job, import_notes, made, notes_of, summaries
from leadscore.engines.findings import findings_of_all, noted
from leadscore.engines.rows import history_rows
from leadscore.engines.score_files import how, paths, writable, write
from leadscore.engines.size import buckets_for
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.scoring.replay import by_week, replay
from leadscore.scoring.scores import named
from leadscore.tables.findings import findings_section
from leadscore.tables.tables import Tables

# The moment that counts unless all events of all leads are dates.
_MOMENT = "leadscore.moment"


@dataclass(frozen=True, eq=False, repr=False)
class ReplayedFiles(Result):
    """When leads qualified in a period, from files to files; made by `replay_files`.

    Attributes
    ----------
    rulebook : Rulebook
    start, end : date
    out : str
        Where the rows are: one file, or a folder of parts `bucket=0000.parquet`.
    n_leads : int
        The leads that were there on some day of the period.
    qualified : int
        How many qualified in it.
    already : int
        How many had already qualified before it; they have a row too.
    weekly : DataFrame, index week (its Monday)
        As `History.weekly()`.
    made_from, findings, mended, imported
        See `ScoredFiles`.
    """

    rulebook: Rulebook
    start: dt.date
    end: dt.date
    out: str
    n_leads: int
    qualified: int
    already: int
    weekly: pd.DataFrame
    made_from: Mapping[str, Any]
    findings: pd.DataFrame
    mended: int = 0
    imported: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """How many leads qualified in the period."""
        period = f"from {self.start} to {self.end}"
        return f"{self.qualified:,} of {counted(self.n_leads, 'lead')} qualified {period} by {named(self.rulebook)}."

    @property
    def notes(self) -> tuple[str, ...]:
        """What an import said, leads that had qualified before, and how it was done."""
        before = (f"{counted(self.already, 'lead')} had already qualified before the period.",) if self.already else ()
        return notes_of("Replayed", self.made_from["buckets"], self.imported, before, self.mended)

    def sections(self) -> Iterator[Section]:
        """The weeks, and findings."""
        yield Section("weekly", "Leads that qualified in each week, from Monday", self.weekly)
        yield findings_section(self.findings)

    def __len__(self) -> int:
        return self.qualified + self.already


def replay_files(  # noqa: PLR0913 - the tables, and how they are gone through
    leads: str | os.PathLike[str],
    events: str | os.PathLike[str] | None = None,
    outcomes: str | os.PathLike[str] | None = None,
    *,
    rulebook: Rulebook,
    start: Any,
    end: Any,
    out: str | os.PathLike[str],
    buckets: int | None = None,
    threads: int | None = None,
    progress: Callable[[str], object] | None = None,
) -> ReplayedFiles:
    r"""Find when each lead qualified, from files to files where memory does not hold them: the rows of `replay`.

    It is done in buckets of leads, as by `score_files`: a run that was killed goes on where it was, and the result is
    whole or not there.

    Parameters
    ----------
    leads, events, outcomes : path
        See `score_files`.
    rulebook : Rulebook
    start, end : date, or text as "2026-03-31"
        The first and the last day of the period, in the rulebook's time zone.
    out : path
        See `score_files`; a row for each lead that qualified, as `History.frame` has it.
    buckets, threads, progress
        See `score_files`.

    Returns
    -------
    ReplayedFiles
        Counts and weeks; the rows are in `out`.

    Raises
    ------
    ContractError, DataFileError, OSError
        See `score_files`.
    ArgumentError
        As `score_files`; also if the period ends before it starts.

    See Also
    --------
    leadscore.replay : The same for tables in memory, with every stay.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import leadscore as ls
    >>> rulebook = ls.Rulebook.from_yaml('''
    ... leadscore: 1
    ... name: demo
    ... fit: [{name: Home market, when: {country: [US, CA]}, points: 60}]
    ... qualify: {threshold: 60}
    ... ''')
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     leads, out = Path(folder, "leads.csv"), Path(folder, "history.parquet")
    ...     _ = leads.write_text("lead_id,created_at,country\na,2026-03-03,US\nb,2026-03-03,NO\n")
    ...     found = ls.replay_files(leads, rulebook=rulebook, start="2026-03-01", end="2026-03-31", out=out)
    >>> found.headline
    "1 of 2 leads qualified from 2026-03-01 to 2026-03-31 by 'demo'."
    """
    with Arguments("replay_files") as given:
        tables = paths(given, leads=leads, events=events, outcomes=outcomes)
        given.types(rulebook=(rulebook, Rulebook))
        first, last = (day_of(day) for day in given.period(start, end))
        target = writable(given, out, tables)
        buckets, threads, say = how(given, buckets, threads, progress)
    job = Job(history, rulebook, (first, last), tables, buckets or buckets_for(tables))
    with made(job, target, threads, say) as (run, made_from):
        parts = summaries(run, job.buckets)
        found = _added(parts, job, str(target), made_from, tuple(import_notes(run)))
        say(f"Writing {target}")
        dated = all(part["dated"] for part in parts)
        said = {"start": first.isoformat(), "end": last.isoformat()}
        write(run, job, target, made_from, said, partial(_settled, dated=dated))
    return found


def history(tables: Tables, rulebook: Rulebook, days: Days) -> tuple[pa.Table, dict[str, Any]]:
    """When the leads of a bucket qualified, and what they add to the sums.

    Whether `qualified_at` is told hangs on the events of all leads, so both columns go along.
    """
    found = replay(tables, rulebook, start=days[0], end=days[1])
    rows, moments = history_rows(found), found.moments
    assert moments is not None
    assert found.attributes is not None
    new = found.frame.loc[~found.frame["already"], "day"]
    return rows.append_column(_MOMENT, pa.array(moments.at).cast(rows["qualified_at"].type)), {
        "leads": found.n_leads,
        "already": found.already,
        "qualified": len(found) - found.already,
        "dated": moments.dated,
        "mended": len(tables.mended),
        "noted": noted(tables, rulebook, days, found.attributes),
        "days": {str(day)[:10]: int(n) for day, n in new.value_counts().items()},
    }


def _settled(rows: pa.Table, *, dated: bool) -> pa.Table:
    """The rows of a bucket with the moments that hold for the whole; those of a run that was killed may have them."""
    if _MOMENT not in rows.column_names:
        return rows
    place = rows.column_names.index("qualified_at")
    chosen = rows if dated else rows.set_column(place, rows.schema.field(place), rows[_MOMENT])
    return chosen.drop_columns([_MOMENT])


def _added(
    parts: Sequence[Mapping[str, Any]], job: Job, out: str, made_from: Mapping[str, Any], imported: tuple[str, ...]
) -> ReplayedFiles:
    """The sums of all buckets."""
    leads, qualified, already, mended = (
        sum(part[name] for part in parts) for name in ("leads", "qualified", "already", "mended")
    )
    days = [day for part in parts for day, n in part["days"].items() for _ in range(n)]
    first, last = job.days
    weekly = by_week(pd.Series(pd.to_datetime(days)).astype("datetime64[us]"), first, last)
    found = findings_of_all([part["noted"] for part in parts], job.rulebook, job.days)
    sums = (leads, qualified, already, weekly)
    return ReplayedFiles(job.rulebook, first, last, out, *sums, made_from, found, mended, imported)
