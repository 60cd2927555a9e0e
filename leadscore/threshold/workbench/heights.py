"""How high leads stood by one rulebook, whatever its bars: in the weeks replayed, on the last day, at the hand-over."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from leadscore.rulebook import Rulebook
from leadscore.rulebook.model import thousandths
from leadscore.rulebook.plan import compiled
from leadscore.scoring.climbs import Climbs
from leadscore.scoring.engine import NEVER, Bound
from leadscore.scoring.timeline import Timeline
from leadscore.stats.outcomes_and_scores import Mask
from leadscore.tables.days import Ints
from leadscore.tables.tables import Tables


@dataclass(frozen=True)
class Stood:
    """Leads as they stood on a day each.

    Attributes
    ----------
    lead : (n,) positions
    group : (n,) the group of the lead's bar: the position of its segment, one more than the last for none
    highest_bar : (n,) the highest bar at which it qualified, in thousandths, as `Bound.highest_bar` has it
    """

    lead: Ints
    group: Ints
    highest_bar: Ints

    @classmethod
    def of(cls, bound: Bound) -> Stood:
        """What a rulebook says of leads on days."""
        return cls(bound.lead.astype(np.int64), bound.group.astype(np.int64), bound.highest_bar)

    @classmethod
    def highest(cls, climbs: Climbs) -> Stood:
        """Leads on the day of a period on which each stood highest; those that qualified at no bar are left out."""
        inside = np.flatnonzero(climbs.day >= climbs.first)
        order = inside[np.lexsort((climbs.highest_bar[inside], climbs.lead[inside]))]
        top = order[np.append(np.diff(climbs.lead[order]) != 0, True)[: len(order)]]
        return cls(climbs.lead[top].astype(np.int64), climbs.group[top].astype(np.int64), climbs.highest_bar[top])

    def qualifies(self, bars: Ints) -> Mask:
        """(n,) who qualifies at the bars of the groups."""
        return (self.highest_bar >= bars[self.group]) & (self.highest_bar > NEVER)


class Heights:
    """A rulebook on tables, whatever its bars.

    Parameters
    ----------
    period : first and last day since 1970
        Which is replayed.
    came : (n_leads,) the day on which each lead came to sales
    handed : (n,) positions of leads that came to sales on days that count as evidence

    Attributes
    ----------
    climbs : Climbs
        Of the period.
    highest : Stood
        Leads on its day on which each stood highest.
    today : Stood
        All leads that are there on its last day.
    got : Stood
        The leads of `handed` on the day on which each came to sales.
    best : Stood
        Leads as they stood highest from the first such day on.
    """

    def __init__(self, tables: Tables, rulebook: Rulebook, period: tuple[int, int], came: Ints, handed: Ints) -> None:
        self.rulebook, self.period = rulebook, period
        first, last = period
        self._begin = int(came[handed].min(initial=first))
        self._tables = tables
        self._timeline = Timeline(compiled(rulebook), tables, min(self._begin, first) - 1, last)
        self.climbs = Climbs.of(self._timeline, tables, first, last)
        self.highest = Stood.highest(self.climbs)
        self.today = Stood.of(self._timeline.everyone(last))
        self.got = Stood.of(self.on(handed, came[handed]))

    def on(self, lead: Ints, day: Ints) -> Bound:
        """Leads on days of the period, or on which leads came to sales."""
        return self._timeline.at(lead.astype(np.int32), day.astype(np.int32))

    @cached_property
    def best(self) -> Stood:
        """Leads as they stood highest from the first day on which one came to sales."""
        return Stood.highest(self.long_climbs)

    @cached_property
    def long_climbs(self) -> Climbs:
        """The climbs of all days from which there is evidence."""
        return Climbs.of(self._timeline, self._tables, self._begin, self.period[1])

    @cached_property
    def now(self) -> Ints:
        """(n_groups,) the bars of the rulebook, in thousandths: of each segment, last that of all others."""
        qualify = self.rulebook.qualify
        bars = (*(segment.threshold for segment in qualify.segments), self.rulebook.bar())
        return np.array([thousandths(bar) for bar in bars], np.int64)
