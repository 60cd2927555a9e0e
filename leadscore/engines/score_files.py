"""`score_files`: leads scored from files to files, in buckets, where memory does not hold them."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from leadscore.base.arguments import Arguments
from leadscore.base.files import is_read_at, is_stream
from leadscore.base.groups import MISSING
from leadscore.base.text import counted, shown
from leadscore.engines.buckets import Days, Job, Progress, import_notes, made, notes_of, rows_of, summaries, write_part
from leadscore.engines.findings import findings_of_all, noted
from leadscore.engines.inputs import files_of
from leadscore.engines.rows import score_rows
from leadscore.engines.runs import Run, no_parts_in
from leadscore.engines.size import buckets_for
from leadscore.engines.writing import write_rows
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.scoring.scores import TOP, headline, score
from leadscore.stats.intervals import with_shares
from leadscore.tables.findings import findings_section
from leadscore.tables.tables import Tables

_ASKED = "hand_raise (asked for sales)"
_ROOM = 10_000


@dataclass(frozen=True, eq=False, repr=False)
class ScoredFiles(Result):
    """What became of leads that were scored from files to files; made by `score_files`.

    Attributes
    ----------
    rulebook : Rulebook
    as_of : date
    out : str
        Where the rows are: one file, or a folder of parts `bucket=0000.parquet`.
    n_leads, qualified : int
    later : int
        The leads that were created after the day, and are left out.
    ways, segments, completeness : DataFrame
        As those of `Scores`.
    top : DataFrame, index lead_id
        The leads with the highest totals, ten at most, with the columns of `Scores.frame`.
    made_from : dict
        The version, the rulebook and every input with its SHA-256; in a folder it is `_manifest.json`, in Parquet
        `leadscore.made_from` of the metadata.
    mended : int
        The outcomes that were out of order by less than 24 hours, and were put in order.
    imported : tuple of str
        What the import of a data file had to say.
    findings : DataFrame
        As `Scores.findings`, without leads that share an e-mail address (LS213), who are in several buckets. For a
        `where` on events, and for columns of more than 5,000 texts, what the data have instead is not named.
    """

    rulebook: Rulebook
    as_of: dt.date
    out: str
    n_leads: int
    qualified: int
    later: int
    ways: pd.DataFrame
    segments: pd.DataFrame
    completeness: pd.DataFrame
    top: pd.DataFrame
    made_from: Mapping[str, Any]
    findings: pd.DataFrame
    mended: int = 0
    imported: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """How many leads qualify."""
        return headline(self.qualified, self.n_leads, self.as_of, self.rulebook)

    @property
    def notes(self) -> tuple[str, ...]:
        """What an import said, leads that are left out, outcomes put in order, in how many buckets it was done."""
        late = (f"{counted(self.later, 'lead')} created later left out.",) if self.later else ()
        return notes_of("Scored", self.made_from["buckets"], self.imported, late, self.mended)

    def sections(self) -> Iterator[Section]:
        """How leads qualify, by segment, what sales will know of them, the ten highest, and findings."""
        yield Section("ways", "How they qualify", self.ways)
        if self.rulebook.qualify.segments:
            yield Section("segments", "By segment", self.segments, formats={"threshold": "g"})
        if len(self.completeness) and self.qualified:
            title = "What sales finds filled in on the leads that qualify, with 95 % intervals (Wilson)"
            yield Section("completeness", title, self.completeness)
        points = dict.fromkeys(("fit", "behaviour", "total", "threshold"), ".10g")
        title = f"The {TOP} highest" if self.n_leads > TOP else "Leads"
        yield Section("top", title, self.top, formats=points)
        yield findings_section(self.findings)

    def __len__(self) -> int:
        return self.n_leads


def score_files(  # noqa: PLR0913 - the tables, and how they are scored
    leads: str | os.PathLike[str],
    events: str | os.PathLike[str] | None = None,
    outcomes: str | os.PathLike[str] | None = None,
    *,
    rulebook: Rulebook,
    as_of: Any,
    out: str | os.PathLike[str],
    buckets: int | None = None,
    threads: int | None = None,
    progress: Callable[[str], object] | None = None,
) -> ScoredFiles:
    r"""Score leads from files to files where memory does not hold them: the same points, verdicts and reasons.

    The tables are cut into buckets of leads by a hash of the id, and `score` scores each bucket. A run that was killed
    goes on where it was when it is started again, and gives the same bytes; the result is whole or not there.

    Parameters
    ----------
    leads : path
        CSV or Parquet: a file, a glob, a folder of parts; as `load_tables` takes it. Or a data file, which is imported
        first: the memory that takes grows with people, not with what they did.
    events : path, optional
        The same, or daily activity. Without it: fit only, unless a data file has events.
    outcomes : path, optional
        For rulebooks that ask for stages.
    rulebook : Rulebook
    as_of : date, or text as "2026-03-31"
    out : path
        Ending in .parquet or .csv it is one file; else a folder of parts, `bucket=0000.parquet` and so on. Rows stand
        bucket by bucket, and in a bucket in the order of the leads.
    buckets : int, optional
        Each is held in memory as a whole; by default so many that one has 2.5 million events at most.
    threads : int, optional
        How many buckets are made at a time; by default as many as there are cores.
    progress : callable, optional
        Called with a text that says what is being done, as each step begins.

    Returns
    -------
    ScoredFiles
        Counts and the ten highest; the rows are in `out`, with the columns of `Scores.frame` and `reason_1` to
        `reason_3`.

    Raises
    ------
    ContractError
        If the tables break the contract, in the words of `load_tables`, or change while they are read; nothing is
        written.
    DataFileError
        If a data file cannot be used.
    ArgumentError
        If an argument is not what it should be, or nothing can be written at `out`.
    OSError
        If the disk is full, or a file cannot be read or written; what was done stays done.

    See Also
    --------
    leadscore.score : The same for tables in memory, with explanations.

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
    ...     leads, out = Path(folder, "leads.csv"), Path(folder, "scores.parquet")
    ...     _ = leads.write_text("lead_id,country\na,US\nb,NO\n")
    ...     found = ls.score_files(leads, rulebook=rulebook, as_of="2026-03-31", out=out)
    >>> found.headline
    "1 of 2 leads (50.0%) qualify on 2026-03-31 by 'demo'."
    """
    with Arguments("score_files") as given:
        tables = paths(given, leads=leads, events=events, outcomes=outcomes)
        given.types(rulebook=(rulebook, Rulebook))
        day = given.day("as_of", as_of)
        target = writable(given, out, tables)
        buckets, threads, say = how(given, buckets, threads, progress)
    job = Job(scores, rulebook, (day,), tables, buckets or buckets_for(tables))
    with made(job, target, threads, say) as (run, made_from):
        found = _added(run, job, target, made_from)
        say(f"Writing {target}")
        write(run, job, target, made_from, {"as_of": day.isoformat()})
    return found


def paths(given: Arguments, **tables: Any) -> dict[str, str]:
    """The paths of the tables that are given."""
    return {name: str(given.path(name, path)) for name, path in tables.items() if path is not None or name == "leads"}


def how(given: Arguments, buckets: Any, threads: Any, progress: Any) -> tuple[int | None, int | None, Progress]:
    """In how many buckets and on how many cores it is done, where that is given, and to whom it is told."""
    if buckets is not None:
        buckets = given.whole("buckets", buckets, least=1, room=_ROOM)
    if threads is not None:
        threads = given.whole("threads", threads, least=1, room=_ROOM)
    if progress is not None and (not callable(progress) or isinstance(progress, type)):
        given.wrong("progress", f"must be a function of a text; got {shown(progress)}")
    return buckets, threads, (lambda _: None) if progress is None else progress


def writable(given: Arguments, out: Any, tables: Mapping[str, str]) -> Path:
    """The path of a result, where it can stand and takes no input's place."""
    target = given.path("out", out)
    if given.problems:
        return target
    reads = (*tables.values(), *chain(*files_of(tables).values()))
    read = next((path for path in reads if is_read_at(target, path)), None)
    if read is not None:
        given.wrong("out", f"{str(target)!r} would replace what is read as {read!r}; name another file")
    elif is_stream(target):
        given.wrong("out", f"{str(target)!r} is not a file or a folder, and rows are put there when all are made")
    elif not is_file(target) and (odd := no_parts_in(target)):
        given.wrong("out", f"{str(target)!r} {odd}; name another folder")
    elif not target.absolute().parent.is_dir():
        given.wrong("out", f"{str(target)!r} would be in {str(target.parent)!r}, which is not a folder")
    return target


def is_file(out: Path) -> bool:
    """Whether a result is one file, not a folder of parts."""
    return out.suffix.lower() in {".parquet", ".csv"}


def write(  # noqa: PLR0913, PLR0917 - what is written, and what is said of it
    run: Run,
    job: Job,
    out: Path,
    made_from: Mapping[str, Any],
    said: Mapping[str, str],
    settled: Callable[[pa.Table], pa.Table] | None = None,
) -> None:
    """Write the rows of all buckets: to one file, or as parts; `settled` gives each bucket's its last form."""
    if is_file(out):
        rows = rows_of(run, job.buckets)
        write_rows(
            map(settled, rows) if settled else rows, out, job.rulebook, {**said, "made_from": json.dumps(made_from)}
        )
        return
    if settled:
        for bucket, rows in enumerate(rows_of(run, job.buckets)):
            write_part(settled(rows), run.part(bucket))
    run.put_in_place(made_from)


def scores(tables: Tables, rulebook: Rulebook, days: Days) -> tuple[pa.Table, dict[str, Any]]:
    """The scores of a bucket, and what they add to the sums."""
    found = score(tables, rulebook, as_of=days[0])
    points = pd.Series(found.bound.fit + found.bound.behaviour)
    top = found.frame.iloc[points.nlargest(TOP).index].reset_index()
    return score_rows([found]), {
        "leads": len(found),
        "later": len(tables.ids) - len(found),
        "qualified": int((found.bound.via >= 0).sum()),
        "ways": found.ways["leads"].to_dict(),
        "segments": found.segments[["leads", "qualified"]].to_numpy().tolist(),
        "known": found.completeness["known"].to_dict(),
        "mended": len(tables.mended),
        "noted": noted(tables, rulebook, days, found.bound),
        "top": top.astype(object).where(top.notna(), None).to_numpy().tolist(),
        "columns": top.columns.tolist(),
    }


def _added(run: Run, job: Job, out: Path, made_from: Mapping[str, Any]) -> ScoredFiles:
    """The sums of all buckets."""
    parts = summaries(run, job.buckets)
    qualify, totals = job.rulebook.qualify, ("leads", "later", "qualified", "mended")
    leads, later, qualified, mended = (sum(part[name] for part in parts) for name in totals)
    names = [_ASKED, "score", *(f"never: {one.name}" for one in qualify.never)]
    ways = {name: sum(part["ways"].get(name, 0) for part in parts) for name in names}
    counts = np.sum([part["segments"] for part in parts], axis=0)
    segments = pd.DataFrame(
        {
            "threshold": [*(one.threshold for one in qualify.segments), qualify.threshold],
            "leads": counts[:, 0],
            "qualified": counts[:, 1],
        },
        pd.Index([*(one.name for one in qualify.segments), MISSING], name="segment"),
    )
    known = {name: sum(part["known"][name] for part in parts) for name in parts[0]["known"]}
    complete = pd.DataFrame(
        [(name, job.rulebook.columns[name].required, qualified, n) for name, n in known.items()],
        columns=["column", "required", "n", "known"],
    ).set_index("column")
    rows = pd.DataFrame([row for part in parts for row in part["top"]], columns=parts[0]["columns"])
    top = rows.iloc[rows["total"].astype(float).nlargest(TOP).index].set_index("lead_id")
    return ScoredFiles(
        job.rulebook,
        job.days[0],
        str(out),
        leads,
        qualified,
        later,
        pd.DataFrame({"leads": {name: n for name, n in ways.items() if n}}).rename_axis("way"),
        segments.assign(share=segments["qualified"] / segments["leads"].where(segments["leads"] > 0)),
        with_shares(complete, "known", "n"),
        top,
        made_from,
        findings_of_all([part["noted"] for part in parts], job.rulebook, job.days),
        mended,
        tuple(import_notes(run)),
    )
