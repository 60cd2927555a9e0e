"""The leads that came to sales and whose outcome is known: all that can be said of a threshold is said of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leadscore.base.days import day_of
from leadscore.base.stages import FUNNEL, STAGES, WORKED, or_further
from leadscore.base.text import counted
from leadscore.stats.intervals import Ints
from leadscore.stats.outcomes_and_scores import Mask
from leadscore.tables.outcomes import NEVER
from leadscore.tables.tables import Tables

_COUNTED = (
    "worked_only=False (--worked-or-not) counts every lead with an mql, as not reached where it did not in that time."
)


@dataclass(frozen=True)
class Worked:
    """Leads that came to sales in a period and can be judged, in their order; made by `worked_leads`.

    Attributes
    ----------
    lead, day : (n,) positions; the day since 1970 on which each came to sales
    reached : (n,) bool
    came : (n_leads,) the day on which every lead of the tables came to sales; `NEVER` for those that did not
    young : int
        Leads of the period that came too late for their outcome to be known.
    notes : tuple of str
        Which leads are left out, and what that means.
    withheld : str
        Why no rate can be given, where every lead that sales worked reached the stage: as where refusals are not
        recorded.
    """

    lead: Ints
    day: Ints
    reached: Mask
    came: Ints
    young: int
    notes: tuple[str, ...]
    withheld: str


def worked_leads(  # noqa: PLR0913 - whose outcomes, which, by when
    tables: Tables, stage: str, period: tuple[int, int], *, within_days: int, until: int, worked_only: bool = True
) -> Worked:
    """The leads of a period that can be judged, each once, on the day of its `mql`, else of the first that sales did.

    Parameters
    ----------
    tables : Tables
        With outcomes.
    stage : str
    period : first and last day since 1970
        On which the leads came to sales.
    within_days : int
        The stage is reached within so many days of the day the lead came to sales.
    until : int
        The last day whose outcomes are known.
    worked_only : bool
        If False, leads with an `mql` that sales never worked are judged too, as not reached.
    """
    stages, _ = tables.observed(day_of(until))
    n, day = len(tables.ids), stages.times.days(tables.timezone)
    worked, came = stages.first(n, day, stages.of(*WORKED)), stages.came_to_sales(n, day)
    goal = stages.first(n, day, stages.of(*or_further(stage)))
    inside = (came >= period[0]) & (came <= period[1]) & (tables.records.there_from(tables.timezone) <= came)
    closed = came <= until - within_days
    # Without any work within the days nobody knows what the lead was worth; unless that is what counts.
    if worked_only:
        untold, because = worked > np.minimum(came, until) + within_days, "not worked by sales in that time"
        said = "Only leads that sales worked are judged: nothing is known of those below the current threshold."
    else:
        untold = stages.first(n, day, stages.of("mql")) == NEVER
        because = "no mql, so known only because sales worked them"
        said = "Leads that sales never worked count as not reached, which favours the current rulebook."
    why = {
        f"arrived less than {within_days} days before {day_of(until)}, so the outcome is not known yet": ~closed,
        because: closed & untold,
        f"reached {stage} before they came to sales": closed & (goal < came),
    }
    left_out = {reason: int((inside & rows).sum()) for reason, rows in why.items()}
    notes = [f"{counted(count, 'lead')} left out: {reason}." for reason, count in left_out.items() if count]
    lead = np.flatnonzero(inside & ~np.any([*why.values()], axis=0))
    withheld = stages.only_successes(stage) if worked_only else ""
    notes.append(said)
    if withheld:
        notes.append(f"No rate is given: {withheld}. {_COUNTED}")
    elif worked_only and not stages.of(*STAGES[len(FUNNEL) :]).any():
        notes.append(
            f"No outcome tells of leads that sales turned down: rates are of those that it took on. {_COUNTED}"
        )
    reached = goal[lead] <= came[lead] + within_days
    return Worked(lead, came[lead], reached, came, int((inside & ~closed).sum()), tuple(notes), withheld)
