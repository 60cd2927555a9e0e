"""Weekly figures of rules, segments and data, made from tables: what `watch_streams` watches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number
from leadscore.base.times import DAY, NO_TIME, is_text
from leadscore.drift.cohorts import cohorts_of, whole_weeks
from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import declared_kind, lead_kinds
from leadscore.scoring.binding import Binding
from leadscore.stats.intervals import Floats, Ints
from leadscore.tables.groups import By, grouping
from leadscore.tables.outcomes import NEVER, STAGES, Mask, or_further
from leadscore.tables.tables import Tables

ALL = "(all)"
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


@dataclass(frozen=True)
class _Cohorts:
    """The leads of all weeks one after another; arrays have one entry per lead of a cohort.

    Attributes
    ----------
    weeks : (n_weeks,) their first days, since 1970
    slot : the week of each lead
    lead : positions among the leads
    day : on which it was scored
    """

    weeks: Ints
    slot: Ints
    lead: Ints
    day: Ints

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
    age_days: int = 14,
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
    `accepted` before the first record of the stage and where the days are not over by `observed_until`. Whether a
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
    (np.float64(11.0), np.float64(0.45454545454545453))
    """
    with Arguments("weekly_streams") as given:
        given.types(tables=(tables, Tables), rulebook=(rulebook, Rulebook))
        weeks = whole_weeks(given, start, end)
        given.whole("age_days", age_days, least=0)
        names = given.names("by", by)
        given.whole("within_days", within_days, least=1)
        given.one_of("stage", stage, STAGES)
        if not given.problems and tables.stages is not None and not tables.stages.of(*or_further(stage)).any():
            given.wrong("stage", f"no outcome is {' or '.join(or_further(stage))}")
    binding = Binding(tables, weeks[0], weeks[-1] + 6)
    fires, leads = _scored(binding, rulebook, weeks, age_days)
    segments = [(ALL, np.ones(len(tables.ids), bool)), *_segments(tables, names, leads, reference_weeks)]
    made = _Made(leads.weeks)
    known = leads.weeks >= _first_day(tables, rulebook) + age_days
    acted = known & (leads.weeks >= _first_event(tables, rulebook) + age_days)
    n = leads.count()
    behaviour = {rule.name for rule in rulebook.behaviour}
    for rule, count in fires.items():
        made.share("fires", rule, count, n, acted if rule in behaviour else known)
    for kind, name, count, of in _attributes(tables, rulebook, leads, reference_weeks):
        made.share(kind, name, count, of, known)
    made.plain("rows", ALL, n, known)
    for name, inside in segments[1:]:
        made.share("mix", name, leads.count(inside[leads.lead]), n, known)
    for name, count in _events(tables, rulebook, leads).items():
        made.plain("events", name, np.divide(count, n, out=np.full(len(n), np.nan), where=n > 0), acted)
    if tables.stages is not None:
        for name, accepted, mqls, over in _accepted(binding, rulebook, leads.weeks, segments, stage, within_days):
            made.share("accepted", name, accepted, mqls, over)
    return made.streams()


class _Made:
    """Weekly figures as they are made."""

    def __init__(self, weeks: Ints) -> None:
        days = pd.DatetimeIndex(weeks.astype("datetime64[D]").astype("datetime64[us]"), name="week")
        self._index = days
        self._figures: dict[tuple[str, str], Floats] = {}
        self._n: dict[tuple[str, str], Floats] = {}

    def plain(self, kind: str, name: str, figure: Floats, known: Mask) -> None:
        self._figures[kind, name] = np.where(known, figure, np.nan)

    def share(self, kind: str, name: str, count: Floats, n: Floats, known: Mask) -> None:
        self._n[kind, name] = np.where(known, n, 0)
        self.plain(kind, name, count / np.where(n > 0, n, np.nan), known)

    def streams(self) -> WeeklyStreams:
        frames = (pd.DataFrame(found, self._index) for found in (self._figures, self._n))
        return WeeklyStreams(*(frame.rename_axis(columns=["kind", "name"]) for frame in frames))


def _scored(binding: Binding, rulebook: Rulebook, mondays: range, age_days: int) -> tuple[dict[str, Floats], _Cohorts]:
    """On how many leads of each week each rule gives points, and the leads."""
    rules = [rule.name for _, _, rule in rulebook.rules()]
    fires, weeks, positions = [], [], []
    tables = binding.tables
    for cohort in cohorts_of(binding, rulebook, mondays, age_days, begun=mondays[0]):
        weeks.append(day_number(cohort.week))
        positions.append(tables.positions(cohort.scores.index).astype(np.int64))
        # A rule may be called as a column of the scores is: its points stand last.
        points = cohort.scores.iloc[:, -len(rules) :] if rules else cohort.scores.iloc[:, :0]
        fires.append((points.to_numpy(float) != 0).sum(axis=0))
    created = tables.created()
    assert created is not None
    lead = np.concatenate(positions)
    slot = np.repeat(np.arange(len(weeks)), [len(one) for one in positions])
    day = created.days(rulebook.timezone)[lead] + age_days
    counts = dict(zip(rules, np.array(fires, float).T, strict=True))
    return counts, _Cohorts(np.array(weeks, np.int64), slot, lead, day)


def _first_day(tables: Tables, rulebook: Rulebook) -> int:
    """The day the first lead came."""
    created = tables.created()
    assert created is not None
    days = created.days(rulebook.timezone)
    return int(days[days != NO_TIME].min())


def _first_event(tables: Tables, rulebook: Rulebook) -> int:
    """The day of the first event; long ago if there is none: then no week is complete or incomplete."""
    days = [int(tables.events.local(batch, rulebook.timezone).min()) // DAY for batch in tables.events.batches]
    return min(days, default=-(10**6))


def _segments(tables: Tables, by: Sequence[str], leads: _Cohorts, reference_weeks: int) -> list[tuple[str, Mask]]:
    """The segments with streams of their own, and which leads are in them."""
    found = []
    for column in by:
        groups = grouping(tables, column)
        sizes = np.bincount(groups.code[leads.lead[leads.slot < reference_weeks]], minlength=len(groups.names))
        code, names = groups.keeping(sizes >= max(_LEAST_SHARE * sizes.sum(), 1))
        found += [(f"{column} = {name}", code == place) for place, name in enumerate(names)]
    return found


def _attributes(
    tables: Tables, rulebook: Rulebook, leads: _Cohorts, reference_weeks: int
) -> Iterator[tuple[str, str, Floats, Floats]]:
    """(kind, column, count, of how many): leads without a value, and with one that was not seen before."""
    record = tables.records.lookup(rulebook.timezone)(leads.lead, leads.day)
    kinds = lead_kinds(rulebook)
    n = leads.count()
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
        learned = there[:, :reference_weeks]
        # A week of the reference is compared with its other weeks: then its own values are as new as later ones.
        others = learned.sum(axis=1)[code] - learned[code, np.minimum(leads.slot, learned.shape[1] - 1)] * (
            leads.slot < reference_weeks
        )
        unseen = ~missing & (others == 0)
        early = leads.slot < reference_weeks
        if unseen[early].sum() <= _NAMES * (~missing[early]).sum():
            yield "unseen", name, leads.count(unseen), n - leads.count(missing)


def _events(tables: Tables, rulebook: Rulebook, leads: _Cohorts) -> dict[str, Floats]:
    """How many events of each kind the leads of each week made, from the day they came to the day they were scored."""
    column = tables.event_column("event", "text", rulebook)
    assert column.codes is not None
    kind = np.append(column.codes, -1)
    slot, until = np.full(len(tables.ids), -1), np.full(len(tables.ids), NO_TIME)
    slot[leads.lead], until[leads.lead] = leads.slot, leads.day
    created = tables.created()
    assert created is not None
    since = created.days(rulebook.timezone)
    counts = np.zeros((len(column.values), len(leads.weeks)))
    for batch in tables.events.batches:
        day = tables.events.local(batch, rulebook.timezone) // DAY
        code = kind[batch.codes["event"]]
        rows = (slot[batch.lead] >= 0) & (code >= 0) & (day >= since[batch.lead]) & (day <= until[batch.lead])
        np.add.at(counts, (code[rows], slot[batch.lead[rows]]), 1 if batch.count is None else batch.count[rows])
    return dict(zip(column.values, counts, strict=True))


def _accepted(  # noqa: PLR0913, PLR0917 - who, of whom, when and how long
    binding: Binding,
    rulebook: Rulebook,
    weeks: Ints,
    segments: Sequence[tuple[str, Mask]],
    stage: str,
    within_days: int,
) -> Iterator[tuple[str, Floats, Floats, Mask]]:
    """(segment, accepted, MQLs, whether all of it is known) by the week in which leads became MQLs."""
    tables = binding.tables
    stages, until = tables.observed()
    day = stages.times.days(tables.timezone)
    n_leads = len(tables.ids)
    mql = stages.first(n_leads, day, stages.of("mql"))
    if (mql == NEVER).all():
        history = binding.history(rulebook, int(weeks[0]), int(weeks[-1]) + 6).frame
        history = history[~history["already"]]
        mql[tables.positions(history.index)] = history["day"].to_numpy("datetime64[D]").astype(np.int64)
    reached = stages.first(n_leads, day, stages.of(*or_further(stage)))
    lead = np.flatnonzero((mql >= weeks[0]) & (mql < weeks[-1] + 7) & (reached >= mql))
    slot = (mql[lead] - weeks[0]) // 7
    hit = reached[lead] <= mql[lead] + within_days
    over = (weeks + 6 + within_days <= until) & (weeks >= reached.min())
    for name, inside in segments:
        chosen = inside[lead]
        counts = (np.bincount(slot[rows], minlength=len(weeks)).astype(float) for rows in (chosen & hit, chosen))
        yield name, *counts, over
