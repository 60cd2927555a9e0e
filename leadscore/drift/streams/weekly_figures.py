"""Weekly figures of rules, segments and data, made from tables: what `watch_streams` watches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.groups import ALL
from leadscore.base.stages import STAGES, or_further
from leadscore.base.times import DAY, NO_TIME, is_text
from leadscore.drift.cohorts import AGE_DAYS, newly_qualified, scoring_days, whole_weeks
from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import declared_kind, lead_kinds
from leadscore.scoring.binding import Binding
from leadscore.stats.intervals import Floats, Ints
from leadscore.tables.groups import By, grouping
from leadscore.tables.outcomes import NEVER, Mask
from leadscore.tables.tables import Tables

# A value of fewer leads of the reference has no streams of its own: each would cost all others some of the budget.
_LEAST_SHARE = 0.01
# A column most of whose values no other week has is a name, and no category.
_NAMES = 0.5
# Columns of the leads table that say who a lead is and from when, not what it is.
_OF_THE_TABLE = {"lead_id", "created_at", "valid_from"}


class WeeklyStreams(NamedTuple):
    """Weekly figures, and how many leads each is a share of; given to a watch as `watch_streams(*streams)`.

    Attributes
    ----------
    figures : DataFrame, index week, columns (kind, name)
        NaN where a week has no figure.
    n : DataFrame, the same index
        The columns that are shares.
    """

    figures: pd.DataFrame
    n: pd.DataFrame


# A kind, a name, figures by week or counts, what these are counts of, and the weeks that are known.
_Stream = tuple[str, str, Floats, Floats | None, Mask]


@dataclass(frozen=True)
class _Cohorts:
    """The leads of all weeks one after another; arrays have one entry per lead of a cohort.

    Attributes
    ----------
    binding, rulebook
    reference_weeks : the first so many
    weeks : (n_weeks,) their first days, since 1970
    fires : on how many leads of each week each rule gives points
    slot : the week of each lead
    lead : positions among the leads
    day : on which it was scored
    created : (n_leads,) the day each lead of the tables came
    """

    binding: Binding
    rulebook: Rulebook
    reference_weeks: int
    weeks: Ints
    fires: dict[str, Floats]
    slot: Ints
    lead: Ints
    day: Ints
    created: Ints

    def count(self, hit: Any = None) -> Floats:
        """(n_weeks,) how many leads, of all or of some."""
        return np.bincount(self.slot if hit is None else self.slot[hit], minlength=len(self.weeks)).astype(float)


def weekly_streams(  # noqa: PLR0913 - each of them is part of what the figures are
    tables: Tables,
    rulebook: Rulebook,
    *,
    start: Any,
    end: Any,
    stage: str,
    within_days: int,
    by: By | None = None,
    age_days: int = AGE_DAYS,
    reference_weeks: int = 52,
) -> WeeklyStreams:
    """Make the weekly figures that tell whether rules, segments or the data itself changed.

    Of the leads that are `age_days` old in a week, each counted once (`weekly_cohorts`):

    ============ =================== ===========================================================================
    kind         name                figure
    ============ =================== ===========================================================================
    fires        rule                share on which it gives points, before limits
    missing      lead column         share without a value
    unseen       text column         share of values that no week of the reference has; within it, no other week
    mix          column = value      share with it, for the columns of `by`
    rows         (all)               how many leads; with `mix` that of each source
    events       kind of event       how many per lead, since it came
    ============ =================== ===========================================================================

    And of the MQLs of a week, with outcomes: ``accepted``, the share that reached `stage` within `within_days`, of all
    and by the columns of `by`. An MQL counts in the week of its first recorded `mql`; if none is recorded, of the day
    on which it qualified by the rulebook.

    Parameters
    ----------
    tables : Tables
        With `created_at`.
    rulebook : Rulebook
    start, end : date, or text as "2026-03-31"
        The first and the last day on which all tables are complete; only whole weeks from Monday to Sunday count.
    stage : str
        Reached with it or one further along.
    within_days : int
    by : str or list of str, optional
        Lead columns that tell segments or sources apart. Values of less than 1 % of the leads of the reference, and
        those that come after it, are taken together as (other).
    age_days : int
        How old a lead is when it is scored.
    reference_weeks : int
        As for `watch_streams`.

    Returns
    -------
    WeeklyStreams
        `figures` and `n`.

    Raises
    ------
    ArgumentError
        If there is no such stage, none of it among the outcomes, no such column, no whole week, or no `created_at`.
    ContractError
        If the tables lack a column the rulebook uses, or hold values that it cannot read.

    Notes
    -----
    What an extract does not hold is no change. There is no figure (NaN) of a week whose leads may have come before the
    first lead of the tables, of events and rules of behaviour where they may have come before the first event, of
    `accepted` before the first record of the stage and where the days have not passed by `observed_until`. Whether a
    feed ended or the extract did, nobody can tell but who knows `end`.

    How late rows arrive is not among the figures: the three tables do not say when a row was written.

    Examples
    --------
    >>> from leadscore.datasets.funnel import make_funnel
    >>> import leadscore as ls
    >>> made = make_funnel(4000, random_state=7, days=400)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook, columns=["source"])
    >>> asked = {"start": "2025-03-01", "end": "2026-03-31", "stage": "sal", "within_days": 30}
    >>> streams = weekly_streams(tables, made.rulebook, **asked, by=["source"])
    >>> week = "2025-06-02", ("accepted", "(all)")
    >>> streams.n.loc[week], streams.figures.loc[week]
    (np.float64(8.0), np.float64(0.5))
    """
    with Arguments("weekly_streams") as given:
        given.types(tables=(tables, Tables), rulebook=(rulebook, Rulebook))
        weeks = whole_weeks(given, start, end)
        given.whole("age_days", age_days, least=0)
        given.whole("reference_weeks", reference_weeks, least=1)
        names = given.names("by", by)
        given.whole("within_days", within_days, least=1)
        given.one_of("stage", stage, STAGES)
        if not given.problems and tables.stages is not None and not tables.stages.of(*or_further(stage)).any():
            given.wrong("stage", f"no outcome is {' or '.join(or_further(stage))}")
    leads = _scored(Binding(tables, weeks[0], weeks[-1] + 6), rulebook, weeks, age_days, reference_weeks)
    segments = [(ALL, np.ones(len(tables.ids), bool)), *_segments(leads, names)]
    known = leads.weeks >= leads.created[leads.created != NO_TIME].min() + age_days
    streams = [*_made(leads, segments, known, known & (leads.weeks >= _first_event(leads) + age_days))]
    if tables.stages is not None:
        streams += _accepted(leads, segments, stage, within_days)
    figures, sizes = {}, {}
    for kind, name, figure, of, there in streams:
        if of is not None:
            sizes[kind, name] = np.where(there, of, 0)
        figures[kind, name] = np.where(there, figure if of is None else figure / np.where(of > 0, of, np.nan), np.nan)
    index = pd.DatetimeIndex(leads.weeks.astype("datetime64[D]").astype("datetime64[us]"), name="week")
    frames = (pd.DataFrame(found, index) for found in (figures, sizes))
    return WeeklyStreams(*(frame.rename_axis(columns=["kind", "name"]) for frame in frames))


def _scored(binding: Binding, rulebook: Rulebook, mondays: range, age_days: int, reference_weeks: int) -> _Cohorts:
    """The leads of all weeks, and on how many of them each rule gives points."""
    weeks, days = np.array(mondays), scoring_days(binding.tables, rulebook, age_days)
    lead = np.flatnonzero((days >= weeks[0]) & (days < weeks[-1] + 7))
    slot = (days[lead] - weeks[0]) // 7
    bound = binding.timeline(rulebook).at(lead, days[lead])
    fires = {
        name: np.bincount(slot[points.dense(bound.n) != 0], minlength=len(weeks)).astype(float)
        for name, points in zip(bound.plan.names, bound.every_rule(), strict=True)
    }
    created = np.where(days == NO_TIME, NO_TIME, days - age_days)
    return _Cohorts(binding, rulebook, reference_weeks, weeks, fires, slot, lead, days[lead], created)


def _made(leads: _Cohorts, segments: Sequence[tuple[str, Mask]], known: Mask, acted: Mask) -> Iterator[_Stream]:
    """All streams but those of outcomes; those of what leads did need the events of all their days."""
    n = leads.count()
    behaviour = {rule.name for rule in leads.rulebook.behaviour}
    for rule, count in leads.fires.items():
        yield "fires", rule, count, n, acted if rule in behaviour else known
    for kind, name, count, of in _attributes(leads):
        yield kind, name, count, of, known
    yield "rows", ALL, n, None, known
    for name, inside in segments[1:]:
        yield "mix", name, leads.count(inside[leads.lead]), n, known
    for name, count in _events(leads).items():
        yield "events", name, np.divide(count, n, out=np.full(len(n), np.nan), where=n > 0), None, acted


def _first_event(leads: _Cohorts) -> int:
    """The day of the first event; long ago if there is none: then no week is complete or incomplete."""
    events = leads.binding.tables.events
    days = [int(batch.local(leads.rulebook.timezone).min()) // DAY for batch in events.batches]
    return min(days, default=-(10**6))


def _segments(leads: _Cohorts, by: Sequence[str]) -> Iterator[tuple[str, Mask]]:
    """The segments with streams of their own, and which leads are in them."""
    for column in by:
        groups = grouping(leads.binding.tables, column)
        learned = leads.lead[leads.slot < leads.reference_weeks]
        sizes = np.bincount(groups.code[learned], minlength=len(groups.names))
        code, names = groups.keeping(sizes >= max(_LEAST_SHARE * sizes.sum(), 1))
        yield from ((f"{column} = {name}", code == place) for place, name in enumerate(names))


def _attributes(leads: _Cohorts) -> Iterator[tuple[str, str, Floats, Floats]]:
    """(kind, column, count, of how many): leads without a value, and with one that was not seen before."""
    tables, rulebook = leads.binding.tables, leads.rulebook
    record = tables.records.lookup(rulebook.timezone)(leads.lead, leads.day)
    kinds, n, early = lead_kinds(rulebook), leads.count(), leads.slot < leads.reference_weeks
    for name in tables.leads.column_names:
        if name in _OF_THE_TABLE:
            continue
        text = is_text(tables.leads[name].type)
        kind = kinds.get(name) or declared_kind(rulebook, name) or ("text" if text else "any")
        column = tables.column(name, kind, rulebook)
        missing = np.append(column.missing, True)[record]
        yield "missing", name, leads.count(missing), n
        if kind != "text":
            continue
        assert column.codes is not None
        code = np.append(column.codes, -1)[record]
        there = np.zeros((len(column.values) + 1, len(leads.weeks)), bool)
        there[code, leads.slot] = True
        learned = there[:, : leads.reference_weeks].sum(axis=1)
        # A week of the reference is compared with its other weeks: then its own values are as new as later ones.
        unseen = ~missing & (learned[code] == early)
        if unseen[early].sum() <= _NAMES * (~missing[early]).sum():
            yield "unseen", name, leads.count(unseen), n - leads.count(missing)


def _events(leads: _Cohorts) -> dict[str, Floats]:
    """How many events of each kind the leads of each week made, from the day they came to the day they were scored."""
    tables = leads.binding.tables
    column = tables.event_column("event", "text", leads.rulebook)
    assert column.codes is not None
    kind = np.append(column.codes, -1)
    slot, until = np.full(len(tables.ids), -1), np.full(len(tables.ids), NO_TIME)
    slot[leads.lead], until[leads.lead] = leads.slot, leads.day
    counts = np.zeros((len(column.values), len(leads.weeks)))
    for batch in tables.events.batches:
        day, code = batch.local(leads.rulebook.timezone) // DAY, kind[batch.codes["event"]]
        inside = (day >= leads.created[batch.lead]) & (day <= until[batch.lead])
        rows = (slot[batch.lead] >= 0) & (code >= 0) & inside
        np.add.at(counts, (code[rows], slot[batch.lead[rows]]), 1 if batch.count is None else batch.count[rows])
    return dict(zip(column.values, counts, strict=True))


def _accepted(leads: _Cohorts, segments: Sequence[tuple[str, Mask]], stage: str, within_days: int) -> Iterator[_Stream]:
    """Of the MQLs of each week, how many were accepted, known where all of it is."""
    tables, weeks = leads.binding.tables, leads.weeks
    stages, until = tables.observed()
    day, n_leads = stages.times.days(tables.timezone), len(tables.ids)
    mql = stages.first(n_leads, day, stages.of("mql"))
    if (mql == NEVER).all():
        qualified, days = newly_qualified(leads.binding, leads.rulebook, int(weeks[0]), int(weeks[-1]) + 6)
        mql[qualified] = days
    reached = stages.first(n_leads, day, stages.of(*or_further(stage)))
    lead = np.flatnonzero((mql >= weeks[0]) & (mql < weeks[-1] + 7) & (reached >= mql))
    slot = (mql[lead] - weeks[0]) // 7
    hit = reached[lead] <= mql[lead] + within_days
    over = (weeks + 6 + within_days <= until) & (weeks >= reached.min())
    for name, inside in segments:
        both = (slot[inside[lead] & hit], slot[inside[lead]])
        accepted, mqls = (np.bincount(slots, minlength=len(weeks)).astype(float) for slots in both)
        yield "accepted", name, accepted, mqls, over
