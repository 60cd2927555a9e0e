"""`Tables`: leads, events, outcomes and what marketing did, as the contract has them, and what is asked of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from copy import copy
from dataclasses import InitVar, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.base.days import as_day, day_number
from leadscore.base.text import counted, kind_of
from leadscore.base.times import Times, one_array
from leadscore.errors import ArgumentError, did_you_mean
from leadscore.imports.report import Imported
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import Kind, declared_kind
from leadscore.sources.columns import Column, convert
from leadscore.sources.contract import Breaches, Judged, missing_columns, refuse
from leadscore.sources.source import Source
from leadscore.stats.intervals import with_shares
from leadscore.tables.bots import bots_of
from leadscore.tables.events import Events
from leadscore.tables.findings import Finding, as_frame, findings_section, repeated_events
from leadscore.tables.ids import Ids
from leadscore.tables.lead_history import Positions, Records
from leadscore.tables.marketing import Touches
from leadscore.tables.outcomes import Stages


@dataclass(eq=False, repr=False)
class Tables(Result):
    """Leads, events, outcomes, touches and costs that keep the contract; made by `load_tables`.

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
    mended : DataFrame
        The outcomes dated less than 24 hours after a further stage, as `row` (from 0), `lead_id`, `stage`, `at`, and
        `counts_from`, the time of the further stage.
    noticed : tuple of Finding
        What was seen while the tables were read; part of `findings`.
    completeness : DataFrame
        For each column the rulebook calls required: `required`, `n` leads, `known`, `share`,
        `low`, `high` (95 % Wilson); of the lead's latest row, by the first rulebook.
    imported : Imported or None
        What a data file made of exports, and what became of every row.
    touches : DataFrame or None
        `lead_id`, `at`, `channel` and any other columns.
    touched : Touches or None
        The same rows in small columns.
    costs : DataFrame or None
        `channel`, `month` (monthly period), `amount` and any other columns.
    """

    leads: pa.Table
    ids: Ids
    records: Records
    events: Events
    stages: Stages | None
    rejected: pd.DataFrame
    mended: pd.DataFrame
    observed_until: dt.date | None
    timezone: str
    noticed: tuple[Finding, ...]
    columns: InitVar[dict[Any, Column]]
    completeness: pd.DataFrame = field(default_factory=pd.DataFrame)
    imported: Imported | None = None
    touched: Touches | None = None
    costs: pd.DataFrame | None = None

    def __post_init__(self, columns: dict[Any, Column]) -> None:
        self._columns = columns

    @property
    def outcomes(self) -> pd.DataFrame | None:
        """The outcomes as they came, stages by our names."""
        return None if self.stages is None else self.stages.frame

    @property
    def touches(self) -> pd.DataFrame | None:
        """The touches as they came."""
        return None if self.touched is None else self.touched.frame

    @property
    def headline(self) -> str:
        """How many rows of each table there are."""
        kind = "event" if self.events.timezone is None else "row"
        daily = "" if kind == "event" else " of daily activity"
        history = "" if self.records.valid_from is None else f" in {counted(len(self.leads), 'row')}"
        outcomes = "" if self.outcomes is None else f", {counted(len(self.outcomes), 'outcome')}"
        touches = "" if self.touches is None else f", {counted(len(self.touches), 'touch', 'touches')}"
        costs = "" if self.costs is None else f", {counted(len(self.costs), 'row')} of costs"
        events = f"{counted(len(self.events), kind)}{daily}"
        return f"{counted(len(self.ids), 'lead')}{history}, {events}{outcomes}{touches}{costs}."

    @property
    def notes(self) -> tuple[str, ...]:
        """What an import found out, outcomes that were put in order, and rows that were set aside."""
        rows = len(self.rejected[["table", "row"]].drop_duplicates())
        aside = (f"{counted(rows, 'row')} set aside; see `rejected`.",) if rows else ()
        return (*(self.imported.notes if self.imported else ()), *self.order_notes, *aside)

    @property
    def order_notes(self) -> tuple[str, ...]:
        """How many outcomes were put in order, and the first of them."""
        if not len(self.mended):
            return ()
        first = self.mended.iloc[0]
        hours = (
            f"{counted(len(self.mended), 'outcome')} out of order by less than 24 hours, put in order (see `mended`)"
        )
        moved = f"{first['stage']} of {first['lead_id']} at {first['at']} counts from {first['counts_from']}"
        return (f"{hours}: {moved}, the time of a further stage{', and others' if len(self.mended) > 1 else ''}.",)

    def sections(self) -> Iterator[Section]:
        """How complete required columns are, the outcomes put in order, the rows set aside, and findings."""
        if len(self.completeness):
            title = "How complete required columns are, by the first rulebook (95 % intervals)"
            yield Section("completeness", title, self.completeness)
        if len(self.mended):
            yield Section(
                "mended", "Outcomes put in order, and the time of a further stage that each has now", self.mended
            )
        if len(self.rejected):
            yield Section("rejected", "Rows set aside", self.rejected)
        yield findings_section(self.findings)

    @property
    def findings(self) -> pd.DataFrame:
        """What to know of the tables though it breaks no contract: `code`, `where`, `n` rows or leads, `message`.

        LS210 no `created_at`, LS211 ids that nearly match a lead's, LS212 events that repeat another one exactly,
        LS213 leads that share an e-mail address. No figure is changed by them.
        """
        return as_frame([*self.noticed, *repeated_events(self.events)])

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
            raise ArgumentError("tables", "the outcomes are empty: no stage that a lead reached was recorded")
        day = day_number(last)
        return self.stages.take(np.flatnonzero(self.stages.times.days(self.timezone) <= day)), day

    def column(self, name: str, kind: Kind, rulebook: Rulebook) -> Column:
        """A column of the rows of the leads, as rules read it.

        Raises
        ------
        ContractError
            If it is not there, or holds values of another kind.
        """
        key = reading_of(name, kind, rulebook)
        if key not in self._columns:
            refuse(missing_columns(self._source("leads"), [name], {name: f", which {rulebook.name!r} uses"}))
            column = convert(self.leads[name], kind, rulebook.missing_values, rulebook.timezone)
            judged = Judged(Breaches(self._source("leads")), self.leads)
            judged.say_all(name, column.bad)
            refuse(judged.breaches.problems())
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
        # An event may be called what `missing_values` lists.
        missing = () if name == "event" else rulebook.missing_values
        return self.events.column(name, kind, missing, rulebook.timezone)

    def event_sums(self, name: str, rulebook: Rulebook) -> npt.NDArray[np.int64]:
        """The distinct values of an event column as thousandths, to be added up, and 0 at the end for a missing one.

        Raises
        ------
        ContractError
            If some are not numbers, or are beyond a million.
        """
        return self.events.sums(name, rulebook.missing_values)

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
        alone.events = self.events.of(own)
        if self.stages is not None:
            stages = self.stages.take(np.flatnonzero(self.stages.lead == lead))
            alone.stages = replace(stages, lead=np.zeros(len(stages.lead), np.int32))
        return alone

    def without_bots(self) -> Tables:
        """The same tables without the events marked `is_bot`: scores, replays and cohorts of it do not count them.

        Raises
        ------
        ArgumentError
            If the events have no `is_bot`.
        ContractError
            If it holds anything else than true and false.
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
        if not isinstance(name, str) or name not in self.leads.column_names:
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
        if not isinstance(values, pd.Series):
            raise ArgumentError(name, f"must be a Series by lead_id; got {kind_of(values)}")
        if values.index.has_duplicates:
            twice = values.index[values.index.duplicated()].unique()
            first = ", ".join(map(repr, twice[:5]))
            raise ArgumentError(name, f"has {counted(len(twice), 'lead')} more than once: {first}")
        if len(values) and not self._index.isin(values.index).any():
            raise ArgumentError(name, "has none of the leads: is its index lead_id?")
        return values.reindex(self._index)

    @property
    def _index(self) -> pd.Index[Any]:
        return pd.Index(self.ids.array.to_pandas(), name="lead_id")

    def _source(self, name: str) -> Source:
        columns = self.leads.column_names if name == "leads" else list(self.events.known)
        return Source(name, columns, lambda _: iter(()))


def completeness(tables: Tables, rulebook: Rulebook, rows: Positions) -> pd.DataFrame:
    """How complete each required column is over some rows of the leads; -1 is a lead without any attributes."""
    found = []
    for name, declared in rulebook.columns.items():
        if declared.required == "no":
            continue
        column = tables.column(name, declared_kind(rulebook, name) or "any", rulebook)
        missing = np.append(column.missing, True)[rows]
        found.append((name, declared.required, len(rows), int(len(rows) - missing.sum())))
    frame = pd.DataFrame(found, columns=["column", "required", "n", "known"]).set_index("column")
    return with_shares(frame, "known", "n")


def reading_of(name: str, kind: Kind, rulebook: Rulebook) -> Any:
    """What a column's reading depends on."""
    return name, kind, rulebook.missing_values, rulebook.timezone
