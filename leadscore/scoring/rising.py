"""The days on which a lead can come to stand higher than on the day before; on all others it can only sink."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from leadscore.rulebook import Rulebook
from leadscore.rulebook.conditions import Did
from leadscore.rulebook.model import BehaviourRule, HandRaise, Never
from leadscore.rulebook.plan import ALWAYS, EventPlan
from leadscore.scoring.timeline import Timeline
from leadscore.tables.tables import Tables


def rising(plan: EventPlan, group_most: float | None, oldest: int) -> list[int]:
    """The ages, in days up to `oldest`, at which an event can raise what waits for it; at all others it cannot.

    Between two days on which nothing can rise, points only fall and who qualifies can only cease to.
    """
    part, closes = plan.part, [plan.window] if plan.window < ALWAYS else []
    if isinstance(part, Never):
        return closes
    if isinstance(part, Did) or (isinstance(part, BehaviourRule) and plan.sum):
        return [0, *closes]
    if not isinstance(part, BehaviourRule):
        return [0]
    if part.cases:
        return [0, *(case.within_days for case in part.cases if case.within_days)]
    if part.from_ is not None:
        steps = list(pairwise(part.reached(count) for count in (0, *sorted(part.from_))))
        ages = [0] * any(low < high for low, high in steps) + closes * any(low > high for low, high in steps)
    else:
        worth = [0, *map(part.worth, range(oldest + 1))]
        ages = [age for age, (before, after) in enumerate(pairwise(worth)) if before < after]
    # A value that is limited to less than nothing takes that away when the last of its events leaves.
    lowered = any(most is not None and most < 0 for most in (part.each_at_most, group_most))
    return ages + closes * lowered


def lowers(plan: EventPlan, group_most: float | None) -> bool:
    """Whether an event can take away from what waits for it on the day it happens; one that adds up to less aside."""
    part = plan.part
    if isinstance(part, HandRaise):
        return False
    if not isinstance(part, BehaviourRule) or part.cases or (plan.sum and part.from_):
        return True
    if any(most is not None and most < 0 for most in (part.each_at_most, group_most)):
        return True
    if part.from_ is None:
        return (part.points or 0) < 0
    steps = [part.reached(count) for count in (0, *sorted(part.from_))]
    return steps != sorted(steps)


def classes_that_lower(timeline: Timeline) -> npt.NDArray[np.bool_]:
    """(n_classes,) the kinds of events of a timeline that can lower something as they happen; see `lowers`."""
    plan, book = timeline.plan, timeline.plan.rulebook
    groups = [book.limits(getattr(one.part, "group", None)) for one in plan.happenings]
    found = [lowers(one, group.each_at_most) for one, group in zip(plan.happenings, groups, strict=True)]
    chosen = np.flatnonzero(np.array(found, bool) | sinks_into_reach(book))
    return np.any(timeline.classes.matches[:, chosen], axis=1)


def sinks_into_reach(book: Rulebook) -> bool:
    """Whether a lead can begin to qualify as its behaviour falls: a grade qualifies, and a better one does not."""
    bars, wanted = book.grade_bars(), book.qualify.grades
    if wanted is None:
        return False
    grades = list(pairwise(bars.get("behaviour", {})))
    return any(
        (fit + worse in wanted) > (fit + better in wanted) for fit in bars.get("fit", [""]) for better, worse in grades
    )


class Rising:
    """The days on which something can rise for each lead of a timeline.

    An event, a window that closes or a decay that wears off on points below zero, a `never` that lapses, a row of the
    lead that begins to hold, its creation; and every day where falling may be what it takes.
    """

    def __init__(self, timeline: Timeline, tables: Tables) -> None:
        self.timeline = timeline
        plan, book = timeline.plan, timeline.plan.rulebook
        oldest = max((int(days.age.max()) for days in timeline.tables if len(days.age)), default=0)
        ages: list[set[int]] = [set() for _ in timeline.tables]
        for one, fed in zip(plan.happenings, timeline.classes.feeds, strict=True):
            group = book.limits(getattr(one.part, "group", None))
            for table in fed:
                ages[table].update(rising(one, group.each_at_most, oldest))
        self._ages = list(map(sorted, ages))
        changed, changes = tables.records.changes(book.timezone)
        dated = [(tables.records.lead[rows], days) for rows, days in timeline.attributes.changes()]
        self._changed = np.concatenate([changed, *(lead for lead, _ in dated)])
        self._changes = np.concatenate([changes, *(days for _, days in dated)])
        self._always = sinks_into_reach(book)
        # A rule that begins to hold, or with points below zero ceases to.
        self._everyone = [day for _, _, rule in book.rules() for day in (rule.active[0], rule.active[1] + 1)]

    def days(self, part: Timeline, leads: slice, first: int, last: int) -> npt.NDArray[np.bool_]:
        """(leads, days from `first` to `last`) where something can rise, for a run of the leads that `part` is of.

        Nothing is known of the day before, so the first day counts too.
        """
        length = last - first + 1
        rise = np.full((leads.stop - leads.start, length), self._always)
        rise[:, 0] = True
        rise[:, [int(day) - first for day in self._everyone if first <= day <= last]] = True
        for days, ages in zip(part.tables, self._ages, strict=False):
            lead = days.lead - leads.start
            for age in ages:
                day = self.timeline.last - first - days.age + age
                inside = (day >= 0) & (day < length)
                rise[lead[inside], day[inside]] = True
        here = (self._changed >= leads.start) & (self._changed < leads.stop)
        here &= (self._changes >= first) & (self._changes <= last)
        rise[self._changed[here] - leads.start, self._changes[here] - first] = True
        there_from = np.maximum(self.timeline.there_from[leads], first) - first
        came = np.flatnonzero(there_from < length)
        rise[came, there_from[came]] = True
        return rise & (np.arange(length) >= there_from[:, None])
