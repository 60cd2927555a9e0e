"""The MQLs that sales was given, each with the score of the day it came to sales, and what sales said to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.periods import Period
from leadscore.base.stages import ENDS, FUNNEL, WORKED
from leadscore.base.times import DAY, NO_TIME
from leadscore.rulebook import Rulebook
from leadscore.sales.handover.sequence import in_sequence
from leadscore.scoring.binding import Binding
from leadscore.scoring.scores import verdicts
from leadscore.tables.outcomes import NEVER, Ints, Mask, Stages

# How a lead came to sales, by its score at the end of the day it did.
BY_POINTS, HAND_RAISE, BELOW = "by points", "hand-raise", "below the bar"
NOT_SCORED = "no record yet"
ROUTES = (BY_POINTS, HAND_RAISE, BELOW, NOT_SCORED)
_ACCEPTED, _REFUSED = FUNNEL[2:], ("rejected", "recycled")
NO_REASON = "(none given)"


@dataclass(frozen=True, eq=False)
class Handovers:
    """MQLs as they came to sales, those of one lead in order of time.

    A lead comes with each of its `mql` rows; one without any comes with the first thing that sales did.

    Attributes
    ----------
    frame : DataFrame, one row per time that a lead came to sales in the period asked for
        As `handed_over` has it; and of the end of that day `route` (one of `ROUTES`), `fit`, `behaviour`, `total`,
        `threshold`, `segment`, `via`, `blocked_by`, `grade`, missing where there was no record of the lead yet.
    ever : DataFrame
        `lead` and `day` of every time that a lead came to sales.
    timezone : str
    """

    frame: pd.DataFrame
    ever: pd.DataFrame
    timezone: str

    def during(self, period: Period) -> pd.DataFrame:
        """The rows of a period: each lead's first in it."""
        return first_in(self.frame, period)


def first_in(handovers: pd.DataFrame, period: Period) -> pd.DataFrame:
    """The handovers of a period: each lead's first in it."""
    return handovers[period.holds(handovers["day"].to_numpy())].drop_duplicates("lead")


def handovers_of(binding: Binding, rulebook: Rulebook, stages: Stages, period: Period) -> Handovers:
    """The MQLs that came to sales in a period, within the days of the binding."""
    came = handed_over(stages, len(binding.tables.ids), rulebook.timezone)
    rows = came[period.holds(came["day"].to_numpy())].reset_index(drop=True)
    rows = rows.join(_scored(binding, rulebook, rows["lead"].to_numpy(np.int32), rows["day"].to_numpy()))
    return Handovers(rows, came[["lead", "day"]], rulebook.timezone)


def handed_over(stages: Stages, n_leads: int, timezone: str) -> pd.DataFrame:
    """Each time that a lead came to sales, and what sales said to it.

    Returns
    -------
    DataFrame, in order of the leads' positions, then as it happened
        `lead` (position); `day` (since 1970); `moment` (microseconds on the wall clock; a date is its midnight); `at`
        (microseconds since 1970 in UTC); `dated` (only the day is known); `recorded` (an `mql` says so; else sales
        began by itself); `accepted` (boolean: what sales said first from then on; missing while undecided, and where
        the deal was lost undecided), `decided` (day; missing), `reason` (of a refusal, "(none given)" where there is
        none); `owner` (the first named from then on, else the last one before; missing where no outcome names one);
        `after`, `until` (microseconds since 1970 in UTC: the end of the pass before, `NO_TIME` where there is none, and
        that of the MQL's own pass, `NEVER` where it goes on).
    """
    rows, moment = in_sequence(stages, timezone)
    came = _came(rows, moment, n_leads)
    local = rows.times.local(timezone)[came]
    frame = pd.DataFrame(
        {
            "lead": rows.lead[came].astype(np.int64),
            "day": moment[came] // DAY,
            "moment": moment[came],
            "at": rows.times.utc(timezone)[came],
            "dated": local % DAY == 0,
            "recorded": rows.of("mql")[came],
        }
    )
    frame = frame.join(_decisions(rows, came, timezone)).assign(owner=_named(rows, "owner", came))
    utc, ends = np.append(rows.times.utc(timezone), [NO_TIME, NEVER]), rows.of(*ENDS)
    before, end = _last(rows, ends, came), _next(rows, ends, came)
    return frame.assign(after=utc[np.where(before < 0, -2, before)], until=utc[end])


def _came(rows: Stages, moment: Ints, n_leads: int) -> Ints:
    """The rows with which leads came to sales; two `mql` of one moment are one."""
    mql = np.flatnonzero(rows.of("mql"))
    lead = rows.lead[mql]
    again = (np.diff(lead) == 0) & (np.diff(moment[mql]) == 0)
    without = np.ones(n_leads, bool)
    without[lead] = False
    worked = np.flatnonzero(rows.of(*WORKED) & without[rows.lead])
    _, first = np.unique(rows.lead[worked], return_index=True)
    return np.sort(np.concatenate([mql[np.append(True, ~again)[: len(mql)]], worked[first]]))


def _next(rows: Stages, of: Mask, came: Ints) -> Ints:
    """For each row of `came` the first of some rows from it on, of the same lead; -1 where there is none."""
    places = np.append(np.flatnonzero(of), len(rows.lead))
    found = places[np.searchsorted(places, came)]
    lead = np.append(rows.lead, -1)
    return np.where(lead[found] == rows.lead[came], found, -1)


def _last(rows: Stages, of: Mask, came: Ints) -> Ints:
    """For each row of `came` the last of some rows before it, of the same lead; -1 where there is none."""
    places = np.append(-1, np.flatnonzero(of))
    found = places[np.searchsorted(places, came) - 1]
    return np.where((found >= 0) & (rows.lead[found] == rows.lead[came]), found, -1)


def _decisions(rows: Stages, came: Ints, timezone: str) -> pd.DataFrame:
    """What sales said first to each MQL: `accepted`, `decided`, `reason`."""
    found = _next(rows, rows.of(*_ACCEPTED, *_REFUSED, "lost"), came)
    # What was lost before anybody had decided stays undecided, whatever is said of a later pass.
    said = (found >= 0) & ~rows.of("lost")[found]
    refused = said & rows.of(*_REFUSED)[found]
    given = rows.frame["reason"].iloc[found] if "reason" in rows.frame else pd.Series(None, range(len(came)), object)
    reason = given.astype(object).where(given.notna(), "").astype(str).str.strip().reset_index(drop=True)
    return pd.DataFrame(
        {
            "accepted": pd.Series(~refused, dtype="boolean").where(said),
            "decided": pd.Series(rows.times.days(timezone)[found], dtype="Int64").where(said),
            "reason": reason.where(reason != "", NO_REASON).where(refused),
        }
    )


def _named(rows: Stages, column: str, came: Ints) -> Any:
    """What a column of the outcomes names first from each row on, else last before it, of the same lead."""
    if column not in rows.frame:
        return pd.Series(pd.NA, index=range(len(came)), dtype=object)
    named = rows.frame[column].notna().to_numpy()
    later = _next(rows, named, came)
    found = np.where(later >= 0, later, _last(rows, named, came))
    return rows.frame[column].astype(object).iloc[found].reset_index(drop=True).where(found >= 0)


def _scored(binding: Binding, rulebook: Rulebook, lead: Any, day: Ints) -> pd.DataFrame:
    """The scores of leads at the end of days, and the route; missing where there was no record of the lead yet."""
    timeline = binding.timeline(rulebook)
    there = np.flatnonzero(timeline.there_from[lead] <= day)
    found = verdicts(timeline.at(lead[there], day[there])).set_axis(there)
    route = np.full(len(lead), NOT_SCORED, object)
    route[there] = np.select(
        [found["via"].eq("score").to_numpy(), found["via"].eq("hand_raise").to_numpy()], [BY_POINTS, HAND_RAISE], BELOW
    )
    found = found.drop(columns="qualified").reindex(range(len(lead)))
    return found.assign(route=pd.Categorical(route, categories=ROUTES))
