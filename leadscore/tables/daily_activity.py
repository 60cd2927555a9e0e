"""Daily activity: events counted by lead, day and what a rulebook asks of them; saved and extended by a day."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from leadscore.base.arguments import Arguments
from leadscore.base.files import replacing, replacing_folder
from leadscore.base.text import counted
from leadscore.base.times import is_text, one_array
from leadscore.errors import ArgumentError, ContractError, Problem
from leadscore.imports.report import Imported
from leadscore.present.result import Result
from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import Kind, event_kinds, event_sums
from leadscore.sources.contract import Breaches, missing_columns, refuse
from leadscore.sources.source import Source, open_source
from leadscore.tables.activity_tally import Tally, asked_of, unasked
from leadscore.tables.days import runs
from leadscore.tables.events import ASKED, SUM, ZONE, read_events, told_apart_by

_FORMAT = b"leadscore.activity"
# How the file of a day is called.
_DAY = re.compile(r"\d{4}-\d\d-\d\d\.parquet", re.ASCII)
_CODED = pa.dictionary(pa.int32(), pa.large_string())


@dataclass(frozen=True, eq=False, repr=False)
class DailyActivity(Result):
    """What each lead did on each day: lead, kind of event, day, how many. Small, and all that scoring needs.

    Attributes
    ----------
    parts : dict of date to pyarrow.Table, or to the file that holds it
        Each day by itself.
    timezone : str
        In which the days are calendar days.
    columns : list of str
        What it keeps beside the lead, the event, the day and the count.
    asked : dict of column to what rules ask of it
        Of the columns of which one value stands for all that these rules do not tell apart: of 2,000 pages perhaps six
        are left. Other rules need the activity made again.

    Examples
    --------
    >>> import pandas as pd
    >>> events = pd.DataFrame({"lead_id": ["a", "a"], "event": ["visit", "visit"], "at": ["2026-03-31T08:00Z"] * 2})
    >>> daily_activity(events).table.to_pylist()
    [{'lead_id': 'a', 'event': 'visit', 'day': datetime.date(2026, 3, 31), 'count': 2}]
    """

    parts: Mapping[dt.date, pa.Table | Path]
    timezone: str
    columns: Sequence[str]
    asked: Mapping[str, Sequence[str]]

    @cached_property
    def table(self) -> pa.Table:
        """All days, one row for each lead, day and kind of event, sorted by day and lead.

        `lead_id`, `event`, the columns that rules look at, `day` (date32), `count` (int64), and `sum.` and the name for
        each column that is added up (int64, thousandths).
        """
        return plain_table(self._whole)

    @cached_property
    def _whole(self) -> pa.Table:
        kinds = {"day": pa.date32(), "count": pa.int64()}
        names = ["lead_id", "event", *(name for name in self.columns if not name.startswith(SUM)), *kinds]
        names += [name for name in self.columns if name.startswith(SUM)]
        if not self.parts:
            whole = {name: pa.int64() if name.startswith(SUM) else kinds.get(name, pa.large_string()) for name in names}
            return pa.table({name: pa.array([], kind) for name, kind in whole.items()})
        return pa.concat_tables(
            [part_of(one).select(names) for one in self.parts.values()], promote_options="permissive"
        )

    @property
    def headline(self) -> str:
        """How many rows of how many leads, and of which days."""
        rows = f"{counted(len(self), 'row')} of daily activity"
        if not len(self):
            return f"{rows}, in days of {self.timezone}."
        leads = counted(pc.count_distinct(self._whole["lead_id"]).as_py(), "lead")
        return f"{rows} of {leads}, {min(self.parts)} to {max(self.parts)}, in days of {self.timezone}."

    @property
    def notes(self) -> tuple[str, ...]:
        """What is left out."""
        answers = f"Of {', '.join(self.asked)} one value is kept for all that the rules take alike."
        return ("Times of day are not kept.", *((answers,) if self.asked else ()))

    def __len__(self) -> int:
        return sum(_rows(one) for one in self.parts.values())

    def write(self, path: str | os.PathLike[str]) -> None:
        """Save as one Parquet file if the name ends in .parquet, else as a folder with a file for each day.

        A folder that holds anything else is refused. A reader never sees half of a file. In a folder that holds this
        activity already, only the days that are new or were counted again are written, and the later of them last.

        Raises
        ------
        ArgumentError
            If it is no path, or another folder's.
        OSError
            If it cannot be written.
        """
        with Arguments("DailyActivity.write") as given:
            given.path("path", path)
        target = Path(path)
        if target.suffix != ".parquet" and (odd := no_day_in(target)):
            raise ArgumentError("path", f"{os.fspath(path)!r} {odd}; name another folder")
        if target.suffix == ".parquet":
            with replacing(path) as file:
                self._save(self._whole, file)
        elif any(isinstance(one, Path) and one.parent == target for one in self.parts.values()):
            self._write_days(target)
        else:
            self._write_anew(target)

    def _write_anew(self, target: Path) -> None:
        """A folder takes its place when all days are in it."""
        with replacing_folder(target) as made:
            # Nobody reads there yet; a stack of all days would take more open files than systems allow.
            for day, one in self.parts.items():
                with replacing(made / f"{day}.parquet") as file:
                    self._write_day(one, file)

    def _write_days(self, folder: Path) -> None:
        # The first that is opened takes its place last.
        with ExitStack() as opened:
            for day, one in sorted(self.parts.items(), reverse=True):
                path = folder / f"{day}.parquet"
                if one == path:
                    continue
                self._write_day(one, opened.enter_context(replacing(path)))

    def _write_day(self, one: pa.Table | Path, file: Any) -> None:
        if isinstance(one, Path):
            file.write(one.read_bytes())
        else:
            self._save(one, file)

    def _save(self, table: pa.Table, file: Any) -> None:
        coded = [name for name in table.column_names if is_text(table[name].type) and name != "lead_id"]
        # Sorted numbers differ by little.
        close = {} if is_text(table["lead_id"].type) else {"lead_id": "DELTA_BINARY_PACKED"}
        table = table.replace_schema_metadata(self._metadata)
        kept = {"use_dictionary": coded, "column_encoding": close, "write_page_checksum": True}
        pa.parquet.write_table(table, file, compression="zstd", **kept)

    @property
    def _metadata(self) -> dict[bytes, bytes]:
        return {_FORMAT: b"2", ZONE: self.timezone.encode(), ASKED: json.dumps(dict(self.asked)).encode()}

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """For whatever reads Arrow tables, with what tells it from a table of events."""
        return self.table.replace_schema_metadata(self._metadata).__arrow_c_stream__(requested_schema)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> DailyActivity:
        """Read what `write` saved; the days of a folder when they are needed.

        Raises
        ------
        ContractError
            If it is something else.
        """
        with Arguments("DailyActivity.read") as given:
            given.path("path", path)
        source = open_source(path, "activity")
        if not is_activity(source):
            cure = "make one with daily_activity(events).write(...)"
            raise ContractError("tables", [Problem("activity", f"{os.fspath(path)!r} is no daily activity; {cure}")])
        if Path(path).is_dir():
            files = sorted(Path(path).glob("*.parquet"))
            parts: Mapping[dt.date, pa.Table | Path] = {dt.date.fromisoformat(one.stem): one for one in files}
        else:
            parts = _by_day(source.table(source.columns))
        columns = [name for name in source.columns if name not in {"lead_id", "event", "day", "count"}]
        return cls(parts, source.metadata[ZONE].decode(), columns, told_apart_by(source))

    def extend(self, events: Any, *, look_back_days: int = 0, rulebook: Rulebook | None = None) -> DailyActivity:
        """The activity with the events of later days, as a nightly job adds them.

        Parameters
        ----------
        events : table
            Events of days after the last one here, with the same columns; and, with a look-back, all those of the days
            that are counted again. Earlier ones are passed over: they are counted.
        look_back_days : int
            Days at the end of the activity that are counted again, for events that come late.
        rulebook : Rulebook, optional
            The one that it was made for. Without it, or with one that asks less, the new days keep every value of its
            columns, and are larger.

        Raises
        ------
        ContractError
            If an event falls on a day that is here already: adding a day twice would double it. With a look-back, if
            one of an earlier day is not counted here: it came too late. If a column is of another kind than here.
        ArgumentError
            If the rulebook asks what the activity does not tell.

        Examples
        --------
        >>> import pandas as pd
        >>> events = pd.DataFrame({"lead_id": ["a"] * 2, "event": ["visit"] * 2, "at": ["2026-03-30", "2026-03-31"]})
        >>> len(daily_activity(events[:1]).extend(events[1:]))
        2
        """
        with Arguments("extend") as given:
            look_back_days = given.whole("look_back_days", look_back_days, least=0)
            given.types(rulebook=(rulebook, Rulebook | None))
        if rulebook is not None and (lacking := self.lacking(rulebook)):
            raise ArgumentError("rulebook", [Problem("", one) for one in lacking])
        added = [name.removeprefix(SUM) for name in self.columns if name.startswith(SUM)]
        kept = [name for name in self.columns if not name.startswith(SUM)]
        # Days that keep less than `asked` says would pass for those that keep it all.
        book = rulebook if rulebook is not None and self.asked and asked_of(rulebook) == self.asked else None
        kinds = {} if book is None else {name: kind for name, kind in event_kinds(book).items() if name in kept}
        new = _made(events, kept, added, kinds, book.missing_values if book else (), self.timezone, book)
        if not len(new) or not len(self):
            return DailyActivity(new.parts if len(new) else self.parts, self.timezone, self.columns, self.asked)
        refuse_other_kinds(part_of(new.parts[max(new.parts)]), part_of(self.parts[max(self.parts)]))
        last = max(self.parts) - dt.timedelta(look_back_days)
        early = [(day, part_of(one)) for day, one in new.parts.items() if day <= last]
        _refuse_early(early, self.parts if look_back_days else {}, last, again=look_back_days > 0)
        days = {day: one for day, one in self.parts.items() if day <= last}
        days |= {day: one for day, one in new.parts.items() if day > last}
        return DailyActivity(days, self.timezone, self.columns, self.asked)

    def lacking(self, rulebook: Rulebook) -> list[str]:
        """What a rulebook needs that is not here, in words: columns, and what its rules ask of them.

        Raises
        ------
        ArgumentError
            If it is no rulebook.

        Examples
        --------
        >>> import leadscore as ls
        >>> events = {"lead_id": ["a"], "event": ["visit"], "at": ["2026-03-31"]}
        >>> book = ls.Rulebook.from_dict({
        ...     "leadscore": 1,
        ...     "name": "demo",
        ...     "behaviour": [{"name": "Visit", "event": "visit", "where": {"page": ["/pricing"]}, "points": 5}],
        ...     "qualify": {"threshold": 5},
        ... })
        >>> daily_activity(pa.table(events)).lacking(book)
        ["lacks 'page', which 'demo' looks at"]
        """
        with Arguments("lacking") as given:
            given.types(rulebook=(rulebook, Rulebook))
        needed = {*event_kinds(rulebook), *(SUM + name for name in event_sums(rulebook))} - {"event", "lead_id", "at"}
        lacking = sorted(needed - {*self.columns})
        found = [f"lacks {name!r}, which {rulebook.name!r} looks at" for name in lacking]
        if self.timezone != rulebook.timezone:
            found.append(f"has days of {self.timezone}, {rulebook.name!r} of {rulebook.timezone}")
        return found + [message for _, message in unasked(self.asked, rulebook)]


def no_day_in(folder: Path) -> str:
    """What makes a place none where days of activity can stand: a file, or a folder that holds anything else."""
    if not folder.is_dir():
        return "is a file" if folder.exists() else ""
    others = sorted(one.name for one in folder.iterdir() if not _DAY.fullmatch(one.name))
    return f"holds {others[0]!r}, which is no day of activity" if others else ""


def part_of(one: pa.Table | Path) -> pa.Table:
    """A day's table; text as codes, but for ids."""
    if isinstance(one, Path):
        source = open_source(one, "activity")
        one = source.table(source.columns)
    columns = {name: one_array(one[name]) for name in one.column_names}
    for name, array in columns.items():
        if name == "lead_id":
            columns[name] = _plain_text(one[name])
        elif is_text(array.type) and array.type != _CODED:
            columns[name] = array.cast(pa.large_string()).dictionary_encode()
    return pa.table(columns)


def plain_table(table: pa.Table) -> pa.Table:
    """A table whose text is in one type, however it came."""
    return pa.table({name: _plain_text(table[name]) for name in table.column_names})


def _plain_text(column: pa.ChunkedArray) -> pa.Array:
    """Text in one type, however it came; other values as they are."""
    array = one_array(column)
    return array.cast(pa.large_string()) if is_text(array.type) else array


def _rows(one: pa.Table | Path) -> int:
    return int(pa.parquet.read_metadata(one).num_rows) if isinstance(one, Path) else len(one)


def _by_day(table: pa.Table) -> dict[dt.date, pa.Table]:
    """The days of a table that is sorted by them."""
    days = table["day"].to_numpy()
    ends = pairwise([*runs(days).tolist(), len(days)])
    return {days[first].astype(object): table.slice(first, end - first) for first, end in ends}


def refuse_other_kinds(new: pa.Table, old: pa.Table) -> None:
    """Refuse columns that cannot be one with those of the activity: ids that were numbers and are text now."""
    problems = []
    for name in new.column_names:
        kinds = [one[name].type for one in (new, old)]
        try:
            pa.unify_schemas([pa.schema([(name, kind)]) for kind in kinds], promote_options="permissive")
        except pa.ArrowException:
            now, before = ("text" if is_text(kind) else kind for kind in kinds)
            problems.append(Problem(f"events.{name}", f"values are {now}, those of the activity are {before}"))
    refuse(problems)


def _refuse_early(
    early: list[tuple[dt.date, pa.Table]], held: Mapping[dt.date, pa.Table | Path], last: dt.date, *, again: bool
) -> None:
    """Refuse events of days that are here, unless they are counted there; by lead and event."""
    n, first = 0, ""
    for day, new in early:
        rows = numbers_of(new, 1)
        if day in held:
            rows = pa.concat_tables([rows, numbers_of(part_of(held[day]), -1)], promote_options="permissive")
        more = rows.group_by(["lead_id", "event"]).aggregate([("count", "sum")])
        more = more.filter(pc.greater(more["count_sum"], 0))
        if len(more):
            n += pc.sum(more["count_sum"]).as_py()
            first = first or f"first: {day}, lead {pc.min(more['lead_id']).as_py()!r}"
    if n:
        anew = "that are not counted there; make it again from all events"
        cure = anew if again else "which are in the activity already"
        message = f"{counted(n, 'event')} on days up to {last}, {cure}"
        raise ContractError("tables", [Problem("events.at", message, first)])


def numbers_of(table: pa.Table, sign: int) -> pa.Table:
    """How many events of each lead and name, as numbers that can be taken from others."""
    plain = {name: _plain_text(table[name]) for name in ("lead_id", "event")}
    return pa.table(plain | {"count": pc.multiply(table["count"], sign)})


def is_activity(source: Source) -> bool:
    """Whether a source holds saved daily activity.

    Raises
    ------
    ContractError
        If it says so, and its days are of no time zone that is known here.
    """
    if source.metadata.get(_FORMAT) != b"2" or not {"lead_id", "event", "day", "count"} <= set(source.columns):
        return False
    zone = source.metadata.get(ZONE, b"").decode(errors="replace")
    if zone not in available_timezones():
        message = f"daily activity in days of {zone!r}, which is no time zone known here; make it again from the events"
        raise ContractError("tables", [Problem(source.name, message)])
    return True


def daily_activity(
    events: Any, *, rulebook: Rulebook | None = None, columns: str | list[str] | None = None, timezone: str = "UTC"
) -> DailyActivity:
    """Count events by lead, kind and calendar day.

    Parameters
    ----------
    events : table
        `lead_id`, `event`, `at`, and any columns that rules look at; a frame, a path, or an Arrow object.
    rulebook : Rulebook, optional
        Gives the columns and sums to keep, and the time zone. Of a column that its rules only test, one value is kept
        for all that they take alike; another rulebook that asks the same can be scored from it too.
    columns : str or list of str, optional
        Without a rulebook: the columns to keep beside the event, which a `where` may test; none by default.
    timezone : str
        Without a rulebook: the zone whose calendar days count.

    Returns
    -------
    DailyActivity

    Raises
    ------
    ContractError
        If columns are missing or rows have no id, event or time.
    ArgumentError
        If the rulebook, the columns or the time zone are none.

    Examples
    --------
    >>> import pandas as pd
    >>> events = pd.DataFrame({"lead_id": [7, 7], "event": ["visit", "visit"], "at": ["2026-03-31", "2026-04-01"]})
    >>> daily_activity(events).table["day"].to_pylist()
    [datetime.date(2026, 3, 31), datetime.date(2026, 4, 1)]
    """
    with Arguments("daily_activity") as given:
        given.types(rulebook=(rulebook, Rulebook | None))
        kept = given.names("columns", columns, repeats=True)
    if rulebook is None:
        return _made(events, kept, (), {}, (), timezone, None)
    kinds, missing = event_kinds(rulebook), rulebook.missing_values
    return _made(events, sorted(kinds), event_sums(rulebook), kinds, missing, rulebook.timezone, rulebook)


def _made(  # noqa: PLR0913, PLR0917 - what is kept, and how it is read
    events: Any,
    kept: Sequence[str],
    added: Sequence[str],
    kinds: Mapping[str, Kind],
    missing_values: tuple[str, ...],
    timezone: str,
    rulebook: Rulebook | None,
) -> DailyActivity:
    log = events.logs["events"].source("events") if isinstance(events, Imported) else events
    source = open_source(log, "events")
    # What bots made is still to be told from the rest.
    marks = ["is_bot"] if "is_bot" in source.columns and "is_bot" not in kept else []
    wanted = list(dict.fromkeys(["lead_id", "event", *kept, *marks, *added, "at"]))
    refuse(missing_columns(source, wanted))
    breaches = Breaches(source, missing_values)
    asked: dict[str, Kind] = {**kinds, **dict.fromkeys(marks, "boolean")}
    tests = [(name, kind, missing_values) for name, kind in asked.items()]
    keys = [name for name in dict.fromkeys(["event", *kept, *marks]) if name not in {"lead_id", "at"}]
    tally = Tally(keys, added, missing_values, timezone, rulebook)
    numbers = [(name, "number", missing_values) for name in added]
    read, ids = read_events(wanted, None, breaches, [*tests, *numbers], tally.add)
    refuse(breaches.problems())
    for name in added:
        read.sums(name, missing_values)
    columns = [*keys[1:], *(SUM + name for name in added)]
    return DailyActivity(tally.parts(ids.array, read.known), timezone, columns, tally.asked)
