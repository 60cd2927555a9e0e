"""The three tables and their contract: leads, events, outcomes. What breaks it is named, never dropped unseen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.base.days import as_day, day_number
from leadscore.base.text import counted
from leadscore.base.times import Times, one_array
from leadscore.errors import ArgumentError, ContractError, Problem, did_you_mean
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import Kind, declared_kind, event_kinds, lead_kinds
from leadscore.stats.intervals import wilson
from leadscore.tables.bots import bots_of
from leadscore.tables.columns import Column, convert, distinct
from leadscore.tables.contract import Breaches, missing_columns, refuse
from leadscore.tables.daily_activity import DailyActivity, is_activity
from leadscore.tables.events import EventBatch, Events, Ids, plain_ids, read_events
from leadscore.tables.lead_history import Positions, Records, Say, disagreeing, lead_times, repeated
from leadscore.tables.outcomes import STAGES, Stages, read_outcomes, stage_names
from leadscore.tables.sources import Source, open_source

__all__ = ["STAGES", "Tables", "completeness", "load_tables"]


class Tables(Result):
    """Leads, events and outcomes that keep the contract; made by `load_tables`.

    Attributes
    ----------
    leads : pyarrow.Table
        The rows as they came: `lead_id` and the attribute columns; one per lead, or several with `valid_from`.
    ids : Ids
        Each lead once, in the order of its first row.
    records : Records
        Which row of a lead counts on which day.
    events : Events
        Each event's lead, kind and time, in small columns.
    outcomes : DataFrame or None
        `lead_id`, `stage`, `at` and any other columns.
    stages : Stages or None
        The same rows in small columns.
    observed_until : date or None
        The last day the outcomes were recorded on.
    timezone : str
        Where outcomes without a zone were timed, and whose calendar days count: that of the (first) rulebook, or UTC.
    rejected : DataFrame
        With `strict=False`: the rows set aside, as `table`, `row` (from 0), `column`, `problem`; a line each problem.
    completeness : DataFrame
        For each column the rulebook calls required: `required`, `n` leads, `known`, `share`,
        `low`, `high` (95 % Wilson); of the lead's latest row, by the first rulebook.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - load_tables alone calls it
        self,
        leads: pa.Table,
        ids: Ids,
        records: Records,
        events: Events,
        stages: Stages | None,
        rejected: pd.DataFrame,
        columns: dict[Any, Column],
        observed_until: dt.date | None,
        timezone: str,
    ) -> None:
        self.leads = leads
        self.ids = ids
        self.records = records
        self.events = events
        self.outcomes = None if stages is None else stages.frame
        self.stages = stages
        self.observed_until = observed_until
        self.timezone = timezone
        self.rejected = rejected
        self.completeness = pd.DataFrame()
        self._columns = columns

    @property
    def headline(self) -> str:
        """How many leads, events and outcomes there are."""
        kind = "event" if self.events.timezone is None else "row"
        daily = "" if kind == "event" else " of daily activity"
        history = "" if self.records.valid_from is None else f" in {counted(len(self.leads), 'row')}"
        outcomes = "" if self.outcomes is None else f", {counted(len(self.outcomes), 'outcome')}"
        return f"{counted(len(self.ids), 'lead')}{history}, {counted(len(self.events), kind)}{daily}{outcomes}."

    @property
    def notes(self) -> tuple[str, ...]:
        """Rows that were set aside."""
        rows = len(self.rejected[["table", "row"]].drop_duplicates())
        return (f"{counted(rows, 'row')} set aside; see `rejected`.",) if rows else ()

    def sections(self) -> Iterator[Section]:
        """How complete required columns are, and the rows set aside."""
        if len(self.completeness):
            title = "How complete required columns are, by the first rulebook (95 % intervals)"
            yield Section("completeness", title, self.completeness)
        if len(self.rejected):
            yield Section("rejected", "Rows set aside", self.rejected)

    def observed(self, until: Any = None) -> tuple[Stages, int]:
        """The outcomes of all days up to one, and that day since 1970; by default `observed_until`.

        Raises
        ------
        ArgumentError
            If there are no outcomes, or `until` is no day.
        """
        if self.stages is None:
            raise ArgumentError("tables", "there are no outcomes: load_tables(leads, events, outcomes) reads them")
        last = self.observed_until if until is None else as_day(until, name="observed_until")
        if last is None:
            raise ArgumentError("observed_until", "must be given, as 2026-03-31: there is no outcome to take it from")
        day = day_number(last)
        return self.stages.take(np.flatnonzero(self.stages.times.days(self.timezone) <= day)), day

    def column(self, name: str, kind: Kind, rulebook: Rulebook) -> Column:
        """A column of the rows of the leads, as rules read it.

        Raises
        ------
        ContractError
            If it is not there, or holds values of another kind.
        """
        key = _key(name, kind, rulebook)
        if key not in self._columns:
            refuse(missing_columns(self._source("leads"), [name], {name: f", which {rulebook.name!r} uses"}))
            column = convert(self.leads[name], kind, rulebook.missing_values, rulebook.timezone)
            breaches = Breaches(self._source("leads"))
            for message, rows in column.bad.items():
                breaches.add(name, message, rows, self.leads[name].take(pa.array(rows[:5])).to_pylist())
            refuse(breaches.problems())
            self._columns[key] = column
        return self._columns[key]

    def event_column(self, name: str, kind: Kind, rulebook: Rulebook) -> Column:
        """The distinct values of an event column, as rules read them.

        Raises
        ------
        ContractError
            If it is not there, or holds values of another kind.
        """
        refuse(missing_columns(self._source("events"), [name], {name: f", which {rulebook.name!r} uses"}))
        raw = self.events.values[name]
        # An event may be called what `missing_values` lists.
        column = convert(raw, kind, () if name == "event" else rulebook.missing_values, rulebook.timezone)
        for message, places in column.bad.items():
            shown = ", ".join(repr(value) for value in raw.take(pa.array(places[:5])).to_pylist())
            refuse([Problem(f"events.{name}", f"{len(places):,} distinct values: {message}", shown)])
        return column

    def created(self) -> Times | None:
        """When each lead was created, if the table says so."""
        return self.records.created_at()

    def positions(self, lead_ids: pd.Index[Any]) -> npt.NDArray[np.int32]:
        """The position of each lead; -1 where there is no such lead."""
        return self.ids.positions(one_array(pa.array(lead_ids)))

    def position(self, lead_id: Any) -> int:
        """The position of a lead.

        Raises
        ------
        ArgumentError
            If there is no such lead.
        """
        whole = isinstance(lead_id, (int, np.integer)) and not isinstance(lead_id, bool)
        if len(self.ids) and (isinstance(lead_id, str) if self.ids.is_text else whole):
            found = int(self.ids.positions(pa.array([lead_id]))[0])
            if found >= 0:
                return found
            near = did_you_mean(lead_id, self.ids.array[:10_000].to_pylist()) if self.ids.is_text else ""
            raise ArgumentError("lead_id", f"there is no lead {lead_id!r}{near}")
        kind = "text" if self.ids.is_text else "whole numbers"
        first = f", as {self.ids.array[0].as_py()!r}" if len(self.ids) else ""
        raise ArgumentError("lead_id", f"there is no lead {lead_id!r}: ids here are {kind}{first}")

    def only(self, lead: int) -> Tables:
        """The leads and events of the lead at a position alone."""
        alone = copy(self)
        rows = np.flatnonzero(self.records.lead == lead)
        alone.leads, alone.records, alone._columns = self.leads.take(pa.array(rows)), self.records.take(rows), {}  # noqa: SLF001 - its own copy
        alone.ids = Ids(self.ids.array.take(pa.array([lead])))
        batches = [batch.part(np.flatnonzero(batch.lead == lead)) for batch in self.events.batches]
        own = [replace(batch, lead=np.zeros(len(batch), np.int32)) for batch in batches if len(batch)]
        alone.events = replace(self.events, batches=own)
        return alone

    def without_bots(self) -> Tables:
        """The same tables without the events marked `is_bot`: scores, replays and cohorts of it do not count them.

        Raises
        ------
        ArgumentError
            If the events have no `is_bot`. ContractError, if it holds anything else than true and false.
        """
        if "is_bot" not in self.events.values:
            message = "the events have no column is_bot: load_tables(leads, flag_bots(events)) marks what bots made"
            raise ArgumentError("tables", message)
        found = copy(self)
        found.events = self.events.keeping(~bots_of(self.events))
        return found

    def latest(self, name: str) -> pd.Series[Any]:
        """A lead column, by the latest row of each lead; index lead_id.

        Raises
        ------
        ArgumentError
            If there is no such column: it is not in the table, or was not read for want of `columns=[...]`.
        """
        if name not in self.leads.column_names:
            known = did_you_mean(name, self.leads.column_names)
            message = f"there is no lead column {name!r}{known}; load_tables(..., columns=[...]) keeps more of them"
            raise ArgumentError("by", message)
        return self.leads[name].take(pa.array(self.records.latest())).to_pandas().set_axis(self._index)

    def aligned(self, values: pd.Series[Any], name: str) -> pd.Series[Any]:
        """A Series by lead_id in the order of the leads, missing where it has none of a lead.

        Raises
        ------
        ArgumentError
            If it has a lead twice, or values for other leads only.
        """
        if values.index.has_duplicates:
            twice = values.index[values.index.duplicated()].unique()
            first = ", ".join(map(repr, twice[:5]))
            raise ArgumentError(name, f"has {counted(len(twice), 'lead')} more than once: {first}")
        if len(values) and not values.index.isin(self._index).any():
            raise ArgumentError(name, "has none of the leads: is its index lead_id?")
        return values.reindex(self._index)

    @property
    def _index(self) -> pd.Index[Any]:
        return pd.Index(self.ids.array.to_pandas(), name="lead_id")

    def _source(self, name: str) -> Source:
        columns = self.leads.column_names if name == "leads" else list(self.events.values)
        return Source(name, columns, lambda _: iter(()))


def load_tables(  # noqa: PLR0913 - three tables, and how to read them
    leads: Any,
    events: Any = None,
    outcomes: Any = None,
    *,
    rulebook: Rulebook | Sequence[Rulebook] | None = None,
    columns: Sequence[str] = (),
    stages: Mapping[str, str] | None = None,
    observed_until: Any = None,
    strict: bool = True,
) -> Tables:
    """Read the tables and check them against the contract, all problems at once.

    Parameters
    ----------
    leads : table, one row per lead
        `lead_id` (unique), optionally `created_at`, and attribute columns. A pandas, polars or Arrow table, anything
        with the Arrow PyCapsule interface, or a path to CSV or Parquet: a file, a glob, a folder of parts. With a
        column `valid_from` a lead may have several rows, each the lead's attributes from that time on.
    events : table, one row per event, optional
        `lead_id`, `event`, `at`, and columns that a `where` tests; or a `DailyActivity`, or the file it was written to.
        `is_bot`, as `flag_bots` adds it, is kept; marked events count until `tables.without_bots()` leaves them out.
    outcomes : table, one row per stage reached, optional
        `lead_id`, `stage`, `at`.
    rulebook : Rulebook or several, optional
        Then only the columns they need are read, and their values are checked here. Without it all columns are read,
        and scoring checks them.
    columns : names of lead columns, optional
        With a rulebook: further columns to keep, which figures are to be broken down by.
    stages : mapping, optional
        The CRM's own names of stages, and ours for them: `{"Closed Won": "won"}`.
    observed_until : date, or text as "2026-03-31", optional
        The last day the outcomes were recorded on; by default that of the last outcome. Give it where open deals stand
        with the date on which they are expected to close.
    strict : bool
        Refuse tables with rows that break the contract; if False, such rows are set aside in `rejected`.

    Returns
    -------
    Tables

    Raises
    ------
    ContractError
        Each problem with table, column, count and first bad rows. Missing columns are refused even if not strict.

    Notes
    -----
    An outcome breaks the contract if its lead, stage or time is none; if it is dated on a day before the lead's
    `created_at` or after `observed_until`; if it repeats a lead's stage and time; and if it is out of order: before a
    stage that comes earlier in the funnel, within one pass, which ends with rejected, lost or recycled. Of those the
    fewest rows are named, and where equally few the ones furthest along the funnel. A time at midnight is a date, and
    comes neither before nor after others of its day.

    Times with a zone are converted; times without one are wall-clock times in the rulebook's `timezone`. CSV cells are
    taken as text, and read as the rulebook needs them: a code 007 and a country NA stay what they are.

    Examples
    --------
    >>> import leadscore as ls
    >>> leads = pd.DataFrame({"lead_id": ["a", "a", "b"], "country": ["US", "CA", None]})
    >>> ls.load_tables(leads)
    Traceback (most recent call last):
    leadscore.errors.ContractError: 1 problem in tables
      leads.lead_id: 2 rows: a lead_id that is not unique
          row 0: 'a'
          row 1: 'a'
    >>> ls.load_tables(leads, strict=False)
    1 lead, 0 events.
    <BLANKLINE>
    Rows set aside:
      table  row  column   problem
      leads    0  lead_id  a lead_id that is not unique
      leads    1  lead_id  a lead_id that is not unique
    <BLANKLINE>
    - 2 rows set aside; see `rejected`.
    """
    books = [rulebook] if isinstance(rulebook, (Rulebook, str)) else list(rulebook or ())
    names = stage_names(stages)
    last = None if observed_until is None else as_day(observed_until, name="observed_until")
    wrong = [book for book in books if not isinstance(book, Rulebook)]
    if wrong:
        message = f"must be a Rulebook, or several; got {wrong[0]!r}. Rulebook.read(path) reads one from a file"
        raise ArgumentError("rulebook", message)
    sources = {"leads": open_source(leads, "leads")}
    if isinstance(events, DailyActivity):
        sources["events"] = _from_activity(events)
    elif events is not None:
        sources["events"] = open_source(events, "events")
    if outcomes is not None:
        sources["outcomes"] = open_source(outcomes, "outcomes")
    wanted = {name: _wanted(source, books, columns) for name, source in sources.items()}
    refuse([problem for name, source in sources.items() for problem in _lacking(source, wanted[name], books)])

    breaches = {name: Breaches(source) for name, source in sources.items()}
    read = _read_leads(sources["leads"], wanted["leads"], books, breaches["leads"], strict=strict)
    ids = read[1]
    log = _no_events(books)
    if "events" in sources and is_activity(sources["events"]):
        log = _read_activity(sources["events"], wanted["events"], ids, breaches["events"])
    elif "events" in sources:
        marks: list[tuple[str, Kind]] = [("is_bot", "boolean")] * ("is_bot" in wanted["events"])
        kinds = [*_event_kinds(books), *marks]
        log, _ = read_events(sources["events"], wanted["events"], ids, breaches["events"], kinds)
    timezone, reached = books[0].timezone if books else "UTC", None
    if "outcomes" in sources:
        created = read[2].created_at()
        reached, last = read_outcomes(sources["outcomes"], ids, created, breaches["outcomes"], names, last, timezone)
    _unread(sources, breaches)
    if strict:
        refuse([problem for breach in breaches.values() for problem in breach.problems()])
    parts = [breach.rejected() for breach in breaches.values()]
    rejected = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    lead_table, ids, records, converted = read
    tables = Tables(lead_table, ids, records, log, reached, rejected, converted, last, timezone)
    if "events" in sources:
        refuse([problem for book in books for problem in _misread(tables, book)])
    if books:
        tables.completeness = completeness(tables, books[0], records.latest())
    return tables


def completeness(tables: Tables, rulebook: Rulebook, rows: Positions) -> pd.DataFrame:
    """How complete each required column is over some rows of the leads; -1 is a lead without any attributes."""
    found = []
    for name, declared in rulebook.columns.items():
        if declared.required == "no":
            continue
        column = tables.column(name, declared_kind(rulebook, name) or "any", rulebook)
        missing = np.append(column.missing, True)[rows]
        n, known = len(missing), int(len(missing) - missing.sum())
        low, high = wilson(known, n)
        share = known / n if n else float("nan")
        found.append((name, declared.required, n, known, share, float(low), float(high)))
    return pd.DataFrame(found, columns=["column", "required", "n", "known", "share", "low", "high"]).set_index("column")


def _from_activity(activity: DailyActivity) -> Source:
    def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
        yield from activity.table.select(columns).to_batches()

    metadata = {b"leadscore.activity": b"1", b"leadscore.timezone": activity.timezone.encode()}
    return Source("events", activity.table.column_names, batches, metadata=metadata)


def _wanted(source: Source, books: list[Rulebook], columns: Sequence[str]) -> list[str]:
    """The columns to read: what the contract requires, then what the rulebooks use and the caller asks for, or all."""
    if source.name == "outcomes":
        return list(dict.fromkeys(["lead_id", "stage", "at", *source.columns]))
    time = ["day", "count"] if is_activity(source) else ["at"]
    required = ["lead_id"] if source.name == "leads" else ["lead_id", "event", *time]
    if not books:
        return list(dict.fromkeys([*required, *source.columns]))
    if source.name == "events":
        marks = {"is_bot"} & {*source.columns}
        return list(dict.fromkeys([*required, *(name for name, _ in _event_kinds(books)), *marks]))
    times = [name for name in ("created_at", "valid_from") if name in source.columns]
    return list(dict.fromkeys([*required, *times, *(name for book in books for name in _needed(book)), *columns]))


def _event_kinds(books: list[Rulebook]) -> list[tuple[str, Kind]]:
    """The event columns that rules test, each with the kind they need."""
    return list(dict.fromkeys(pair for book in books for pair in event_kinds(book).items()))


def _needed(rulebook: Rulebook) -> dict[str, Kind]:
    """The lead columns that rules use or that are required, and their kinds."""
    required = {name for name, column in rulebook.columns.items() if column.required != "no"}
    return lead_kinds(rulebook) | {name: declared_kind(rulebook, name) or "any" for name in sorted(required)}


def _lacking(source: Source, wanted: list[str], books: list[Rulebook]) -> list[Problem]:
    used = {
        name: f", which rulebook {book.name!r} uses"
        for book in reversed(books)
        for name in (_needed(book) if source.name == "leads" else event_kinds(book))
    }
    return missing_columns(source, wanted, used)


def _no_events(books: list[Rulebook]) -> Events:
    return Events([], {name: pa.nulls(0) for name in ("event", *(name for name, _ in _event_kinds(books)))})


def _read_activity(source: Source, wanted: list[str], ids: Ids, breaches: Breaches) -> Events:
    """Daily activity in place of events: the day instead of the time, and how many."""
    batches = list(source.batches(wanted))
    table = pa.Table.from_batches(batches) if batches else pa.table({name: pa.nulls(0) for name in wanted})
    lead = ids.positions(one_array(table["lead_id"]))
    unknown = np.flatnonzero(lead < 0)
    breaches.add(
        "lead_id",
        "activity of leads that are not among the leads",
        unknown,
        table["lead_id"].take(unknown[:5]).to_pylist(),
    )
    kept = np.flatnonzero(lead >= 0)
    codes, values = {}, {}
    for name in wanted:
        if name not in {"lead_id", "day", "count"}:
            found, known = distinct(one_array(table[name]))
            codes[name], values[name] = found[kept], pa.array(known) if known else pa.nulls(0)
    day = one_array(table["day"]).cast(pa.int32()).to_numpy(zero_copy_only=False)[kept]
    count = one_array(table["count"]).cast(pa.int64()).to_numpy(zero_copy_only=False)[kept]
    timezone = source.metadata[b"leadscore.timezone"].decode()
    return Events([EventBatch(lead[kept], codes, None, day, count)], values, timezone)


def _read_leads(
    source: Source, wanted: list[str], books: list[Rulebook], breaches: Breaches, *, strict: bool
) -> tuple[pa.Table, Ids, Records, dict[Any, Column]]:
    batches = list(source.batches(wanted))
    table = pa.Table.from_batches(batches) if batches else pa.table({name: pa.nulls(0) for name in wanted})
    array = plain_ids(table["lead_id"], "leads")
    array = array.cast(pa.large_string()) if pa.types.is_dictionary(array.type) else array
    if pa.types.is_floating(array.type):
        raise ContractError(
            "tables", [Problem("leads.lead_id", f"{array.type} values where ids are needed: whole numbers or text")]
        )
    bad = np.zeros(len(table), bool)

    def say(column: str, message: str, rows: npt.NDArray[np.intp]) -> None:
        bad[rows] = True
        breaches.add(column, message, rows, table[column].take(pa.array(rows[:5], pa.int64())).to_pylist())

    say("lead_id", "no lead_id", np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False)))
    codes, _ = distinct(array)
    times = lead_times(table, say)
    say("lead_id", *repeated(codes, times.get("valid_from")))
    if {"created_at", "valid_from"} <= times.keys():
        message = "rows of one lead with another created_at"
        say("created_at", message, disagreeing(codes, times["created_at"].at))
    columns = _convert_columns(table, books, say)
    if bad.any():
        columns.clear()
        # When all is refused anyway, events of these leads are not said to be of unknown ones: one row of each stays.
        kept = (codes >= 0) & ~pd.Series(codes).duplicated().to_numpy() if strict else ~bad
        table, array = table.filter(pa.array(kept)), array.filter(pa.array(kept))
        times = {name: one.take(np.flatnonzero(kept)) for name, one in times.items()}
    if "valid_from" not in times:
        ids, lead = Ids(array), np.arange(len(array), dtype=np.int32)
    else:
        lead, known = distinct(array)
        ids = Ids(pa.array(known, array.type))
    return table, ids, Records(lead, len(ids), times.get("created_at"), times.get("valid_from")), columns


def _convert_columns(table: pa.Table, books: list[Rulebook], say: Say) -> dict[Any, Column]:
    """The columns that rules use, each as they read it; cells that are no such value are said."""
    columns: dict[Any, Column] = {}
    said = set()
    for book in books:
        for name, kind in _needed(book).items():
            key = _key(name, kind, book)
            if key not in columns:
                columns[key] = convert(table[name], kind, book.missing_values, book.timezone)
            # Another rulebook's missing values make no cell better.
            if (name, kind) not in said:
                for message, rows in columns[key].bad.items():
                    say(name, message, rows)
            said.add((name, kind))
    return columns


def _unread(sources: dict[str, Source], breaches: dict[str, Breaches]) -> None:
    """Lines of a text file that were no rows, or rows that swallowed others."""
    for name, source in sources.items():
        for row, message, cells in source.notes:
            breaches[name].add("", message, np.array([row]), [cells])


def _misread(tables: Tables, rulebook: Rulebook) -> list[Problem]:
    problems: list[Problem] = []
    for name, kind in event_kinds(rulebook).items():
        try:
            tables.event_column(name, kind, rulebook)
        except ContractError as error:
            problems += error.problems
    return problems


def _key(name: str, kind: Kind, rulebook: Rulebook) -> Any:
    """What a column's reading depends on."""
    return name, kind, rulebook.missing_values, rulebook.timezone
