"""`Search`: the days on which leads qualify, found without looking at those on which they cannot begin to."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from leadscore.rulebook.bounds import rule_range
from leadscore.rulebook.model import minimum
from leadscore.scoring.attributes import clipped
from leadscore.scoring.rising import Rising
from leadscore.scoring.timeline import Timeline
from leadscore.tables.days import earliest
from leadscore.tables.lead_history import Positions
from leadscore.tables.tables import Tables


class Came(NamedTuple):
    """Leads that qualify in a period, in their order: each the first day, and whether it did the day before it too."""

    lead: Positions
    day: Positions
    already: npt.NDArray[np.bool_]


class Spans(NamedTuple):
    """Leads from a day to another; each lead's are in order."""

    lead: Positions
    first: Positions
    last: Positions

    def take(self, rows: npt.NDArray[Any]) -> Spans:
        """Some of them."""
        return Spans(self.lead[rows], self.first[rows], self.last[rows])


_NONE = np.zeros(0, np.int32)


class Search:
    """Finds when leads qualify, looking only at days on which something can rise."""

    def __init__(self, timeline: Timeline, tables: Tables) -> None:
        self.timeline = timeline
        self._rising = Rising(timeline, tables)
        self._within_reach = within_reach(timeline, tables)

    def came(self, first: int, last: int) -> Came:
        """Who qualifies in a period, and when first."""
        found = [Came(_NONE, _NONE, np.zeros(0, bool))]
        for leads, part in self.timeline.parts():
            lead, day = self._days(part, leads, first, last)
            rows = earliest(lead, partial(self._holds_at, part, lead, day))
            lead, day = lead[rows], day[rows]
            already = (day == first) & (self.timeline.there_from[lead] < first)
            at_start = np.flatnonzero(already)
            already[at_start] = self._holds(part, lead[at_start], day[at_start] - 1)
            found.append(Came(lead, day, already))
        return Came(*map(np.concatenate, zip(*found, strict=True)))

    def _days(self, part: Timeline, leads: slice, first: int, last: int) -> tuple[Positions, Positions]:
        """The days to look at, each with its lead, in their order."""
        rises = self._rising.days(part, leads, first, last)
        rises[~self._within_reach[leads]] = False
        lead, day = (axis.astype(np.int32) for axis in np.nonzero(rises))
        return lead + np.int32(leads.start), day + np.int32(first)

    def stays(self, first: int, last: int) -> Spans:
        """The runs of days on which leads qualify, without a gap."""
        found = [Spans(_NONE, _NONE, _NONE)]
        for leads, part in self.timeline.parts():
            lead, day = self._days(part, leads, first, last)
            until = np.full(len(lead), last, np.int32)
            inner = np.flatnonzero(lead[1:] == lead[:-1])
            until[inner] = day[inner + 1] - 1
            found.append(self._stays(part, Spans(lead, day, until).take(self._holds(part, lead, day))))
        return Spans(*map(np.concatenate, zip(*found, strict=True)))

    def _stays(self, part: Timeline, spans: Spans) -> Spans:
        """The same of days on which leads qualify, each with the last before something can rise again."""
        # Within a span nothing rises, so the last day on which a lead qualifies is found by halving.
        low, high = spans.first.copy(), spans.last.copy()
        while (low < high).any():
            open_ = np.flatnonzero(low < high)
            middle = (low[open_] + high[open_] + 1) // 2
            holds = self._holds(part, spans.lead[open_], middle)
            low[open_[holds]] = middle[holds]
            high[open_[~holds]] = middle[~holds] - 1
        breaks = (spans.lead[1:] != spans.lead[:-1]) | (low[:-1] + 1 != spans.first[1:])
        begins, ends = np.append(True, breaks)[: len(low)], np.append(breaks, True)[: len(low)]
        return Spans(spans.lead[begins], spans.first[begins], low[ends])

    def _holds_at(
        self, part: Timeline, lead: Positions, day: Positions, rows: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.bool_]:
        return self._holds(part, lead[rows], day[rows])

    def _holds(self, part: Timeline, lead: Positions, day: Positions) -> npt.NDArray[np.bool_]:
        return np.concatenate([part.at(lead[rows], day[rows]).via >= 0 for rows in part.blocks(lead)])


def within_reach(timeline: Timeline, tables: Tables) -> npt.NDArray[np.bool_]:
    """(n_leads,) False where what a lead is and did can never be enough, however it falls together."""
    attributes, plan = timeline.attributes, timeline.plan
    qualify, records = plan.rulebook.qualify, tables.records
    fit, behaviour = attributes.most_fit, most_behaviour(timeline)
    # What a lead's behaviour would have to come to, by each row of it.
    lacking = np.where(fit >= minimum(qualify.minimum_fit), attributes.least_threshold - fit, math.inf)
    reach = np.zeros(len(behaviour), bool)
    reach[records.lead[behaviour[records.lead] >= lacking[: len(records.lead)]]] = True
    if records.valid_from is not None:
        reach |= behaviour >= lacking[-1]
    reach &= behaviour >= minimum(qualify.minimum_behaviour)
    for place, _ in plan.hand_raises:
        for table in timeline.classes.feeds[place]:
            reach[timeline.tables[table].lead] = True
    return reach


def most_behaviour(timeline: Timeline) -> npt.NDArray[np.float64]:
    """(n_leads,) what no lead's behaviour is above on any day: what it would be if all had just happened."""
    plan = timeline.plan
    groups: dict[str | None, Any] = {}
    for place, earning in enumerate(plan.behaviour):
        group = plan.limited(earning.rule.group)
        groups[group] = groups.get(group, 0) + _most(timeline, place)
    total = sum(clipped(most, plan.rulebook.limits(group)) for group, most in groups.items())
    return clipped(np.zeros(len(timeline.there_from)) + total, plan.rulebook.totals.behaviour)


def _most(timeline: Timeline, place: int) -> Any:
    """The most that a behaviour rule gives: of each lead, or of all alike where it is not told by numbers of events."""
    plan, earning = timeline.plan.happenings[place], timeline.plan.behaviour[place]
    rule = earning.rule
    if earning.group_per:
        return math.inf
    if not (plan.simple and earning.plain):
        return rule_range(timeline.plan.rulebook, rule).most
    number = np.zeros(len(timeline.there_from))
    for days in (timeline.tables[table] for table in timeline.classes.feeds[place]):
        number += np.bincount(days.lead, days.count if plan.distinct is None else None, len(number))
    if plan.distinct == ():
        number = np.minimum(number, 1)
    if rule.from_ is None:
        return clipped(number * max(rule.worth(0), 0), rule)
    edges = sorted(rule.from_)
    steps = np.maximum.accumulate([rule.reached(0), *map(rule.reached, edges)])
    return clipped(steps[np.searchsorted(edges, number, "right")], rule)
