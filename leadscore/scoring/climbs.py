"""`Climbs`: how high each lead stood, day by day, so that one pass tells who qualifies at any threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from leadscore.scoring.engine import NEVER
from leadscore.scoring.rising import Rising
from leadscore.scoring.timeline import Timeline
from leadscore.tables.days import Ints, runs
from leadscore.tables.lead_history import Positions
from leadscore.tables.tables import Tables


class Came(NamedTuple):
    """The leads that qualify on some day of a period, in their order, each on the first; made by `Climbs.at`.

    Attributes
    ----------
    lead : (n,) positions
    row : (n,) the row of the `Climbs` that says how the lead stood on that day
    already : (n,) bool: that is the first day, and it qualified on the day before too
    """

    lead: Positions
    row: npt.NDArray[np.intp]
    already: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Climbs:
    """How high leads stood on the days on which they could stand higher than before, and on the first of the period.

    It depends on all of a rulebook but its thresholds. In order of the leads and of time.

    Attributes
    ----------
    first, last : int
        The period, in days since 1970; the day before it is looked at too.
    lead, day : (n_rows,) positions, days since 1970
    group : (n_rows,) the position of the lead's segment on the day; one more than the last for none
    highest_bar : (n_rows,) the highest threshold at which the lead qualifies, in thousandths; `ASKED` after a
        hand-raise. A row at which it qualifies at none is left out.
    """

    first: int
    last: int
    lead: Positions
    day: Positions
    group: npt.NDArray[np.int32]
    highest_bar: Ints

    @classmethod
    def of(cls, timeline: Timeline, tables: Tables, first: int, last: int) -> Climbs:
        """The climbs of all leads from `first` to `last`, which the timeline has, with the day before."""
        rising = Rising(timeline, tables)
        none = np.zeros(0, np.int32)
        found: list[tuple[npt.NDArray[np.generic], ...]] = [(none, none, none, none.astype(np.int64))]
        for leads, part in timeline.parts():
            rises = rising.days(part, leads, first - 1, last)
            # Who qualified before and still does is told on the first day.
            rises[:, 1] |= timeline.there_from[leads] <= first
            lead, day = (axis.astype(np.int32) for axis in np.nonzero(rises))
            lead, day = lead + np.int32(leads.start), day + np.int32(first - 1)
            for rows in part.blocks(lead):
                bound = part.at(lead[rows], day[rows])
                some = np.flatnonzero(bound.highest_bar > NEVER)
                found.append((bound.lead[some], day[rows][some], bound.group[some], bound.highest_bar[some]))
        return cls(first, last, *map(np.concatenate, zip(*found, strict=True)))

    def at(self, bars: Ints) -> Came:
        """Who qualifies at thresholds, one for each group, in thousandths: as `replay` finds it."""
        passed = np.flatnonzero(self.highest_bar >= bars[self.group])
        before = self.day[passed] < self.first
        held = np.zeros(int(self.lead.max(initial=-1)) + 1, bool)
        held[self.lead[passed[before]]] = True
        passed = passed[~before]
        row = passed[runs(self.lead[passed])]
        lead = self.lead[row]
        return Came(lead, row, held[lead] & (self.day[row] == self.first))
