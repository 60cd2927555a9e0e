"""Daily activity: events counted by lead, kind and day, saved and extended by a day."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from leadscore.base.arguments import Arguments
from leadscore.base.files import replacing
from leadscore.base.text import as_text, counted
from leadscore.base.times import DAY, is_text, one_array
from leadscore.errors import ContractError, Problem
from leadscore.present.result import Result
from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import Kind, event_kinds, event_sums
from leadscore.sources.columns import is_list
from leadscore.sources.contract import Breaches, missing_columns, refuse
from leadscore.sources.source import Source, open_source
from leadscore.tables.events import SUM, ZONE, read_events

# What the texts of several options are cut at, by default.
_CUT = ";"
_FORMAT = b"leadscore.activity"


@dataclass(frozen=True, eq=False, repr=False)
class DailyActivity(Result):
    """What each lead did on each day: lead, kind of event, day, how many. Small, and all that scoring needs.

    Attributes
    ----------
    table : pyarrow.Table
        `lead_id`, `event`, the columns whose values rules look at, `day` (date32), `count` (int64), and `sum.` and the
        name for each column that is added up (int64, thousandths); sorted, one row each.
    timezone : str
        In which the days are calendar days.

    Examples
    --------
    >>> import pandas as pd
    >>> events = pd.DataFrame({"lead_id": ["a", "a"], "event": ["visit", "visit"], "at": ["2026-03-31T08:00Z"] * 2})
    >>> daily_activity(events).table.to_pylist()
    [{'lead_id': 'a', 'event': 'visit', 'day': datetime.date(2026, 3, 31), 'count': 2}]
    """

    table: pa.Table
    timezone: str

    @property
    def headline(self) -> str:
        """How many rows of how many leads, and of which days."""
        rows = f"{counted(len(self.table), 'row')} of daily activity"
        if not len(self.table):
            return f"{rows}, in days of {self.timezone}."
        ends = pc.min_max(self.table["day"]).as_py()
        leads = counted(pc.count_distinct(self.table["lead_id"]).as_py(), "lead")
        return f"{rows} of {leads}, {ends['min']} to {ends['max']}, in days of {self.timezone}."

    @property
    def notes(self) -> tuple[str, ...]:
        """What is left out."""
        return ("Times of day are not kept.",)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Save as Parquet; a reader never sees half of it."""
        with replacing(path) as file:
            pa.parquet.write_table(pa.table(self), file, write_page_checksum=True)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """For whatever reads Arrow tables, with what tells it from a table of events."""
        metadata = {_FORMAT: b"1", ZONE: self.timezone.encode()}
        return self.table.replace_schema_metadata(metadata).__arrow_c_stream__(requested_schema)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> DailyActivity:
        """Read what `write` saved.

        Raises
        ------
        ContractError
            If the file is something else.
        """
        with Arguments("DailyActivity.read") as given:
            given.path("path", path)
        source = open_source(path, "activity")
        if not is_activity(source):
            cure = "make one with daily_activity(events).write(...)"
            raise ContractError(
                "tables", [Problem("activity", f"{os.fspath(path)!r} is not a daily activity file; {cure}")]
            )
        return cls(_plain(source.table(source.columns)), source.metadata[ZONE].decode())

    def extend(self, events: Any, *, look_back_days: int = 0) -> DailyActivity:
        """The activity with the events of later days, as a nightly job adds them.

        Parameters
        ----------
        events : table
            Events of days after the last one here, with the same columns; and, with a look-back, all those of the days
            that are counted again. Earlier ones are passed over: they are counted.
        look_back_days : int
            Days at the end of the activity that are counted again, for events that come late.

        Raises
        ------
        ContractError
            If an event falls on a day that is here already: adding a day twice would double it. With a look-back, if
            one of an earlier day is not counted here: it came too late.
        """
        with Arguments("extend") as given:
            look_back_days = given.whole("look_back_days", look_back_days, least=0)
        known = [name for name in self.table.column_names if name not in {"lead_id", "event", "day", "count"}]
        sums = [name.removeprefix(SUM) for name in known if name.startswith(SUM)]
        kept = [name for name in known if not name.startswith(SUM)]
        new = _made(events, kept, sums, {}, (), self.timezone).table
        if not len(new) or not len(self.table):
            return DailyActivity(new, self.timezone) if len(new) else self
        if is_text(new["lead_id"].type) != is_text(self.table["lead_id"].type):
            message = f"ids are {new['lead_id'].type}, those of the activity are {self.table['lead_id'].type}"
            raise ContractError("tables", [Problem("events.lead_id", message)])
        last = pc.max(self.table["day"]).as_py() - dt.timedelta(look_back_days)
        kept, early = (part.filter(pc.less_equal(part["day"], last)) for part in (self.table, new))
        uncounted = early
        if look_back_days:
            minus = kept
            for name in ("count", *(SUM + name for name in sums)):
                minus = minus.set_column(minus.column_names.index(name), name, pc.negate(minus[name]))
            uncounted = _sorted([early, minus], new.column_names)
            uncounted = uncounted.filter(pc.greater(uncounted["count"], 0))
        if len(uncounted):
            n = counted(pc.sum(uncounted["count"]).as_py(), "event")
            are = (
                "that are not counted there; make it again from all events"
                if look_back_days
                else "which are in the activity already"
            )
            first = f"first: {uncounted['day'][0].as_py()}, lead {uncounted['lead_id'][0].as_py()!r}"
            raise ContractError("tables", [Problem("events.at", f"{n} on days up to {last}, {are}", first)])
        later = new.filter(pc.greater(new["day"], last))
        return DailyActivity(_sorted([kept, later], new.column_names), self.timezone)


def is_activity(source: Source) -> bool:
    """Whether a source holds saved daily activity.

    Raises
    ------
    ContractError
        If it says so, and its days are of no time zone that is known here.
    """
    if _FORMAT not in source.metadata or not {"lead_id", "event", "day", "count"} <= set(source.columns):
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
        Gives the columns and sums to keep, and the time zone.
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
        return _made(events, kept, (), {}, (), timezone)
    kinds = event_kinds(rulebook)
    sums = event_sums(rulebook)
    return _made(events, sorted(kinds), sums, kinds, rulebook.missing_values, rulebook.timezone)


def _made(  # noqa: PLR0913, PLR0917 - what is kept, and how it is read
    events: Any,
    kept: Sequence[str],
    sums: Sequence[str],
    kinds: Mapping[str, Kind],
    missing_values: tuple[str, ...],
    timezone: str,
) -> DailyActivity:
    source = open_source(events, "events")
    # What bots made is still to be told from the rest.
    marks = ["is_bot"] if "is_bot" in source.columns else []
    wanted = list(dict.fromkeys(["lead_id", "event", *kept, *marks, *sums, "at"]))
    refuse(missing_columns(source, wanted))
    breaches = Breaches(source, missing_values)
    asked: dict[str, Kind] = {**kinds, **dict.fromkeys(marks, "boolean")}
    tests = [(name, kind, missing_values) for name, kind in asked.items()]
    read, ids = read_events(wanted, None, breaches, [*tests, *((name, "number", missing_values) for name in sums)])
    refuse(breaches.problems())
    amounts = {name: read.sums(name, missing_values) for name in sums}
    parts = []
    for batch in read.batches:
        arrays = {"lead_id": ids.array.take(pa.array(batch.lead))}
        for name in ("event", *kept, *marks):
            codes = batch.codes[name]
            arrays[name] = _as_text(name, read.values[name]).take(pa.array(codes, mask=codes < 0))
        days = (read.local(batch, timezone) // DAY).astype(np.int32)
        arrays["day"] = pa.array(days, pa.int32()).cast(pa.date32())
        arrays["count"] = pa.array(np.ones(len(batch), np.int64))
        arrays |= {SUM + name: pa.array(table[batch.codes[name]]) for name, table in amounts.items()}
        parts.append(_counted(pa.table(arrays)))
    columns = [*(name for name in wanted if name in {"lead_id", "event", *kept, *marks}), "day", "count"]
    return DailyActivity(_sorted(parts, [*columns, *(SUM + name for name in sums)]), timezone)


def _as_text(name: str, values: pa.Array) -> pa.Array:
    """Values that can be grouped: lists of options as one text each."""
    if not is_list(values.type):
        return values
    rows = [[as_text(one) for one in row if one is not None] for row in values.to_pylist()]
    if any(_CUT in one for row in rows for one in row):
        message = f"options that hold {_CUT!r}, at which daily activity cuts them; write lists without it"
        raise ContractError("tables", [Problem(f"events.{name}", message)])
    return pa.array([_CUT.join(row) for row in rows], pa.large_string())


def _counted(table: pa.Table) -> pa.Table:
    added = [name for name in table.column_names if name == "count" or name.startswith(SUM)]
    keys = [name for name in table.column_names if name not in added]
    found = table.group_by(keys).aggregate([(name, "sum") for name in added])
    return found.rename_columns([*keys, *added]).select(table.column_names)


def _plain(table: pa.Table) -> pa.Table:
    """All text in one type, however it came."""
    arrays = [one_array(column) for column in table.columns]
    arrays = [array.cast(pa.large_string()) if is_text(array.type) else array for array in arrays]
    return pa.Table.from_arrays(arrays, names=table.column_names)


def _sorted(parts: list[pa.Table], columns: list[str]) -> pa.Table:
    """One row per lead, kind and day, in one order, so that the same activity is the same file."""
    if not parts:
        kinds = {"day": pa.date32(), "count": pa.int64()}
        whole = {name: pa.int64() if name.startswith(SUM) else kinds.get(name, pa.large_string()) for name in columns}
        return pa.table({name: pa.array([], kind) for name, kind in whole.items()})
    counted = _counted(pa.concat_tables(map(_plain, parts), promote_options="permissive"))
    keys = (name for name in counted.column_names if name not in {"day", "lead_id", "count"})
    order = ["day", "lead_id", *(name for name in keys if not name.startswith(SUM))]
    return counted.sort_by([(name, "ascending") for name in order]).combine_chunks()
