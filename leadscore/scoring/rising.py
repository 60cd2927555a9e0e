"""The days on which a lead can come to stand higher than on the day before; on all others it can only sink."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from leadscore.rulebook.model import BehaviourRule, Happening, Never
from leadscore.scoring.plan import reached
from leadscore.scoring.timeline import Timeline
from leadscore.tables.tables import Tables


def rising(part: Happening | Never, oldest: int) -> list[int]:
    """The ages, in days up to `oldest`, at which an event can raise what waits for it; at all others it cannot.

    Between two days on which nothing can rise, points only fall and who qualifies can only cease to.
    """
    closes = [] if part.within_days is None else [part.within_days]
    if isinstance(part, Never):
        return closes
    if not isinstance(part, BehaviourRule):
        return [0]
    if part.from_ is not None:
        counts = (0, 1) if part.count == "once" else (0, *sorted(part.from_))
        steps = list(pairwise(reached(part, count) for count in counts))
        return [0] * any(low < high for low, high in steps) + closes * any(low > high for low, high in steps)
    worth = [0, *map(part.worth, range(oldest + 1))]
    return [age for age, (before, after) in enumerate(pairwise(worth)) if before < after]


class Rising:
    """The days of some periods on which something can rise for each lead of a timeline.

    An event, a window that closes or a decay that wears off on points below zero, a `never` that lapses, a row of the
    lead that begins to hold, its creation. Nothing is known of the day before a period, so that day counts too.

    Attributes
    ----------
    length : int
        The days of the timeline.
    """

    def __init__(self, timeline: Timeline, tables: Tables, periods: Sequence[tuple[int, int]]) -> None:
        self.timeline = timeline
        self.length = timeline.last - timeline.first + 1
        self._wanted, self._begins = np.zeros(self.length, bool), []
        for first, last in periods:
            # One day more: who qualifies on the day before a period did not begin to in it.
            begin = first - 1 - timeline.first
            self._wanted[begin : last - timeline.first + 1] = True
            self._begins.append(begin)
        happenings = timeline.plan.happenings
        oldest = max((int(days.age.max()) for days in timeline.tables if len(days.age)), default=0)
        ages = [rising(one.part, oldest) for one in happenings]
        self._ages = [
            sorted({age for happening in np.flatnonzero(waiting) for age in ages[happening]})
            for waiting in timeline.classes.matches
        ]
        self._changed, changes = tables.records.changes(timeline.plan.rulebook.timezone)
        self._changes = changes - timeline.first

    def days(self, part: Timeline, leads: slice) -> npt.NDArray[np.bool_]:
        """(leads, days of the timeline) where something can rise, for a run of the leads that `part` is of."""
        rise = np.zeros((leads.stop - leads.start, self.length), bool)
        rise[:, self._begins] = True
        for days, ages in zip(part.tables, self._ages, strict=False):
            lead = days.lead - leads.start
            for age in ages:
                day = self.length - 1 - days.age + age
                inside = (day >= 0) & (day < self.length)
                rise[lead[inside], day[inside]] = True
        here = (self._changed >= leads.start) & (self._changed < leads.stop)
        here &= (self._changes >= 0) & (self._changes < self.length)
        rise[self._changed[here] - leads.start, self._changes[here]] = True
        there_from = np.maximum(self.timeline.there_from[leads], self.timeline.first) - self.timeline.first
        came = np.flatnonzero(there_from < self.length)
        rise[came, there_from[came]] = True
        rise &= np.arange(self.length) >= there_from[:, None]
        return rise & self._wanted
