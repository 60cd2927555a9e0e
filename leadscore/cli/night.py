"""What a night does, step by step: import, activity, scores, changed rows, drift."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

import leadscore as ls
from leadscore.base.days import day_number
from leadscore.base.text import counted, listed
from leadscore.base.times import NO_TIME
from leadscore.cli import drift
from leadscore.cli.export import write_scores
from leadscore.cli.night_folder import NightFolder, Step
from leadscore.drift.balance.state import read_state
from leadscore.drift.cohorts import mondays
from leadscore.engines.rows import as_rows
from leadscore.engines.writing import write_rows
from leadscore.sources.files import matching
from leadscore.tables.activity_nights import continued, without_gone
from leadscore.tables.daily_activity import DailyActivity

Show = Callable[..., None]


@dataclass(frozen=True)
class Night:
    """A night: its folder, what it rests on, and its day.

    Attributes
    ----------
    folder : NightFolder
    book : Rulebook
    data : DataFile
    as_of : date
    watched : tuple of str
        The columns whose changes count.
    strict : bool
        Whether rows that break the contract stop it; else they are set aside.
    """

    folder: NightFolder
    book: ls.Rulebook
    data: ls.imports.DataFile
    as_of: dt.date
    watched: tuple[str, ...]
    strict: bool

    def rests_on(self) -> dict[str, Any]:
        """All that its files follow from; of a database nobody can say whether it is the same."""
        before = self.folder.before(self.as_of)
        return {
            "leadscore": ls.__version__,
            "as_of": self.as_of.isoformat(),
            "before": before and before.isoformat(),
            "rulebook": self.book.digest,
            "data": self._data_digest(),
            "files": {name: self._hashes(name) for name in self.data.sources},
            "watched": list(self.watched),
            "set_aside": not self.strict,
        }

    def _data_digest(self) -> str:
        return hashlib.sha256(self.data.to_yaml().encode()).hexdigest()

    def _hashes(self, name: str) -> dict[str, str] | None:
        source = self.data.sources[name]
        if source.connection is not None or not source.file:
            return None
        try:
            files = matching(source.file, Path(self.data.source).parent, name)
        except ls.ContractError as error:
            problems = [self.data.problem(("sources", name), one.message) for one in error.problems]
            raise ls.ContractError(self.data.source, problems) from None
        found = {}
        for file, _ in files:
            with Path(file.path).open("rb") as opened:
                found[file.label] = hashlib.file_digest(opened, "sha256").hexdigest()
        return found

    def is_done(self, rests_on: dict[str, Any]) -> bool:
        """Whether it was done, from the same rulebook, data file and exports."""
        said = self.folder.said(self.as_of)
        same = {name: said.get(name) for name in rests_on} == rests_on
        return bool(said) and same and None not in rests_on["files"].values()

    def run(self, rests_on: dict[str, Any], show: Show, tell: Callable[[str], None]) -> None:
        """Do it; `show` is given the step at hand, `tell` what was done.

        Raises
        ------
        LeadscoreError, OSError
            If a step fails. The night is then not done; run again it begins from the night before.
        """
        self.folder.begin(self.as_of)
        with self._step("import", show, tell) as done:
            imported = ls.imports.import_tables(self.data, strict=self.strict, progress=partial(show, further=False))
            done.rows = len(imported.logs["events"])
            done.said += [imported.headline, *imported.notes]
        with self._step("activity", show, tell) as done:
            activity = self._activity(imported, done)
        with self._step("score", show, tell) as done:
            tables = ls.load_tables(imported, events=activity, rulebook=self.book, strict=self.strict)
            scores = ls.score(tables, self.book, as_of=self.as_of)
            write_scores([scores], self.folder.file("scores", self.as_of))
            done.rows = len(scores)
            done.said += [scores.headline, *_set_aside(tables)]
        with self._step("changes", show, tell) as done:
            rows = self._changes(scores)
            done.rows = len(rows)
            kinds = rows["change"].value_counts()
            told = listed([f"{kinds.get(kind, 0):,} {kind}" for kind in ("new", "changed", "gone")])
            done.said.append(f"{counted(len(rows), 'row')} to send, by {', '.join(self.watched)}: {told}.")
        with self._step("drift", show, tell) as done:
            self._drift(tables, done)
        self.folder.finish(self.as_of, rests_on | {"leads": len(scores), "changed": len(rows)})

    @contextmanager
    def _step(self, name: str, show: Show, tell: Callable[[str], None]) -> Iterator[Step]:
        show(name)
        with self.folder.step(self.as_of, name) as done:
            yield done
        for line in done.said:
            tell(line)

    def _activity(self, imported: ls.imports.Imported, done: Step) -> DailyActivity | Path | None:
        """The activity up to the day, as `load_tables` takes it; days that are new or counted again are written.

        None without any: what events the export holds are later.
        """
        leads = imported.leads["lead_id"].cast(pa.large_string()).unique()
        whole = DailyActivity({}, self.book.timezone, [], {})
        if self.data.events:
            whole = ls.daily_activity(imported, rulebook=self.book)
        parts = {day: one for day, one in whole.parts.items() if day <= self.as_of}
        activity = DailyActivity(parts, whole.timezone, whole.columns, whole.asked)
        before, folder = self.folder.before(self.as_of), self.folder.activity
        if before is not None and not folder.exists():
            done.said.append(f"There is no activity at {folder} any more: it is made of this export alone.")
        elif before is not None and any(folder.glob("*.parquet")):
            held = DailyActivity.read(folder)
            settled = before - dt.timedelta(imported.lookback_days)
            same = self.folder.said(before).get("data") in {None, self._data_digest()}
            edited = "" if same else "the data file was edited"
            activity, said = continued(held, activity, leads, settled=settled, edited=edited)
            done.said += said
            first, next_ = min(parts, default=self.as_of), before + dt.timedelta(1)
            if next_ < first:
                until = first - dt.timedelta(1)
                done.said.append(f"The export holds no event from {next_} to {until}, where no night was done.")
        new = {day: one for day, one in activity.parts.items() if not isinstance(one, Path)}
        activity.write(folder)
        for path in folder.glob("*.parquet"):
            if dt.date.fromisoformat(path.stem) not in activity.parts:
                path.unlink()
        span = " to ".join(map(str, sorted({min(new), max(new)}))) if new else ""
        done.said.append(f"{counted(len(new), 'day')} of activity counted{span and f', {span}'}.")
        if self.data.events and self.as_of not in parts:
            last = f"; its last is of {max(parts)}" if parts else ""
            done.said.append(f"The export has no event of {self.as_of}{last}.")
        done.rows = sum(map(len, new.values()))
        there, gone = without_gone(activity, leads)
        if gone:
            done.said.append(f"{counted(gone, 'event')} of leads that are there no more do not count.")
            return there
        return folder if activity.parts else None

    def _changes(self, scores: ls.scoring.Scores) -> pd.DataFrame:
        """The rows that changed since the night before, which are written."""
        before = self.folder.before(self.as_of)
        old = None if before is None else self.folder.file("scores", before)
        if old is not None and not old.exists():
            message = f"is needed to tell what changed since {before}, and is not there"
            raise ls.ArgumentError(str(old), f"{message}; put it back, or begin another folder")
        rows = ls.scoring.changed_rows(scores, old, columns=self.watched)
        said = {"as_of": self.as_of.isoformat(), "before": str(before or "")}
        write_rows(as_rows(rows, scores.tables.ids), self.folder.file("changed", self.as_of), self.book, said)
        return rows

    def _drift(self, tables: ls.tables.Tables, done: Step) -> None:
        created = tables.created()
        if created is None or (created.days(self.book.timezone) == NO_TIME).all():
            done.said.append("Drift is not watched: no lead has a created_at.")
            return
        state = self.folder.file("drift", self.as_of)
        monitor = drift.begun(self.book, self._state(), None, None, None)
        first = len(monitor.frame) == 0
        if not first or mondays(day_number(drift.first_day(tables, self.book)), day_number(self.as_of)):
            weeks = len(monitor.frame)
            monitor = drift.with_new_weeks(monitor, tables, self.book, None, self.as_of)
            done.rows = len(monitor.frame) - weeks
            done.said.append(monitor.verdict.headline)
        else:
            done.said.append("Drift: no lead is old enough to count in a whole week yet.")
        drift.keep(monitor, state)

    def _state(self) -> Path | None:
        """What drift is known before this night; with a decision that was taken since, this night's own."""
        own, before = self.folder.file("drift", self.as_of), self.folder.before(self.as_of)
        known = None if before is None else self.folder.file("drift", before)
        known = known if known and known.exists() else None
        return own if own.exists() and _decisions(own) != _decisions(known) else known

    def alarmed(self) -> bool:
        """Whether drift is an alarm that nobody has acknowledged yet."""
        state = self.folder.file("drift", self.as_of)
        if not state.exists():
            return False
        monitor = drift.begun(self.book, state, None, None, None)
        return bool(len(monitor.frame)) and monitor.verdict.state == "alarm"


def _decisions(state: Path | None) -> list[Any]:
    return [] if state is None else [*read_state(state.read_text(encoding="utf-8"))["decisions"]]


def _set_aside(tables: ls.tables.Tables) -> Iterator[str]:
    if len(tables.rejected):
        rows = len(tables.rejected.drop_duplicates(["table", "row"]))
        yield f"Set aside for breaking the contract of the tables: {counted(rows, 'row')}."
