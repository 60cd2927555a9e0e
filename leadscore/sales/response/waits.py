"""When leads became MQLs, and how long each waited for its first contact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from leadscore.base.periods import Period
from leadscore.base.stages import WORKED
from leadscore.base.text import counted
from leadscore.base.times import DAY, NO_TIME, Times
from leadscore.errors import ArgumentError
from leadscore.rulebook import Rulebook
from leadscore.sales.handover.handovers import first_in
from leadscore.sales.response.clock import Clock
from leadscore.stats.intervals import Floats
from leadscore.tables.outcomes import NEVER, Ints, Mask, Stages
from leadscore.tables.tables import Tables

_DATED = "a date without a time of day, of the MQL or the contact"
_EARLY = "contacted only before it became an MQL"
_SILENT = "worked by sales without a recorded contact"
_ALREADY = "already qualified before the period"
_UNTIMED = "qualified at an unknown time of day"
_UNRECORDED = "came to sales without a recorded mql"
_REASONS = ("", _DATED, _EARLY, _SILENT, _ALREADY, _UNTIMED, _UNRECORDED)


@dataclass(frozen=True)
class Moments:
    """When leads became MQLs; all arrays have one entry per lead.

    Attributes
    ----------
    utc : (n_leads,) microseconds since 1970; `NEVER` where a lead is none, or nobody knows when it became one
    dated : whether only the day is known
    reason : positions in `_REASONS`: why the moment cannot be used, 0 where it can
    after, until : microseconds since 1970; between them lies the pass through the funnel that counts
    """

    utc: Ints
    dated: Mask
    reason: Ints
    after: Ints
    until: Ints

    def local(self, timezone: str) -> Ints:
        """The moments on a wall clock, `NO_TIME` where there is none."""
        return Times(np.where(self.utc == NEVER, NO_TIME, self.utc), zoned=True).local(timezone)


def mql_moments(tables: Tables, stages: Stages, rulebook: Rulebook, history: Any) -> Moments:
    """When leads became MQLs: the first recorded `mql`, else when the history says that they qualified.

    Raises
    ------
    ArgumentError
        If the tables were read in another time zone than the rulebook's, or the history is of other leads.
    """
    n, timezone = len(tables.ids), rulebook.timezone
    if tables.timezone != timezone:
        cure = "read them with load_tables(..., rulebook=...)"
        raise ArgumentError("rulebook", f"has days of {timezone}, the tables of {tables.timezone}: {cure}")
    mql = stages.of("mql")
    at = stages.first(n, stages.times.utc(timezone), mql)
    midnight = mql & (stages.times.local(timezone) % DAY == 0)
    recorded = at < NEVER
    dated = recorded & (stages.first(n, stages.times.utc(timezone), midnight) == at)
    reason = np.zeros(n, np.int64)
    if history is not None:
        lead = tables.ids.positions(pa.array(history.frame.index))
        if (lead < 0).any():
            raise ArgumentError("history", f"has {counted((lead < 0).sum(), 'lead')} not in the tables")
        frame, lead = history.frame[~recorded[lead]], lead[~recorded[lead]]
        already, time = frame["already"].to_numpy(bool), frame["qualified_at"]
        reason[lead[time.isna().to_numpy()]] = _REASONS.index(_UNTIMED)
        reason[lead[already]] = _REASONS.index(_ALREADY)
        usable = reason[lead] == 0
        at[lead[usable]] = time[usable].to_numpy("datetime64[us]").astype(np.int64)
    return Moments(at, dated, reason, np.full(n, NO_TIME), np.full(n, NEVER))


def moments_in(period: Period, handovers: pd.DataFrame, all_moments: Moments, timezone: str) -> Moments:
    """When leads became MQLs in a period: with their first `mql` in it, else when the history says they qualified."""
    n = len(all_moments.utc)
    told = np.zeros(n, bool)
    told[handovers.loc[handovers["recorded"], "lead"]] = True
    # Of a lead without an mql the history knows when it qualified, if there is one.
    day = all_moments.local(timezone) // DAY
    qualified = ~told & period.holds(day) & (all_moments.reason == 0)
    utc, reason = np.where(qualified, all_moments.utc, NEVER), np.zeros(n, np.int64)
    dated, after, until = np.zeros(n, bool), np.full(n, NO_TIME), np.full(n, NEVER)
    came = first_in(handovers, period)
    lead = came["lead"].to_numpy()
    unknown = ~came["recorded"].to_numpy() & (all_moments.utc[lead] == NEVER)
    reason[lead[unknown]] = all_moments.reason[lead[unknown]]
    reason[lead[unknown & (all_moments.reason[lead] == 0)]] = _REASONS.index(_UNRECORDED)
    own = came[came["recorded"]]
    lead = own["lead"].to_numpy()
    utc[lead], dated[lead], after[lead], until[lead] = (
        own[name].to_numpy() for name in ("at", "dated", "after", "until")
    )
    return Moments(utc, dated, reason, after, until)


class Waits(NamedTuple):
    """How long MQLs waited; all arrays have one entry per lead that counts."""

    lead: Ints
    minutes: Floats
    answered: Mask
    followed: Floats
    excluded: pd.DataFrame


def waits_for_contact(stages: Stages, moments: Moments, until: int, clock: Clock) -> Waits:
    """From each MQL to the first contact at or after it, or to the end of the last day observed.

    `followed` are the minutes to that end, whenever the contact came.
    """
    timezone = clock.timezone
    n, utc, local = len(moments.utc), stages.times.utc(timezone), stages.times.local(timezone)
    end = int(Times(np.array([(until + 1) * DAY]), zoned=False).utc(timezone)[0])
    # A contact dated on the day of the MQL, without a time, may have come before or after it.
    begin = moments.local(timezone) // DAY * DAY
    dated = local % DAY == 0
    since = (utc >= moments.utc[stages.lead]) | (dated & (local == begin[stages.lead]))
    contact = stages.of("contacted") & (utc > moments.after[stages.lead]) & (utc <= moments.until[stages.lead])
    answered = stages.first(n, utc, contact & since)
    reason = moments.reason.copy()
    there = (moments.utc < end) & (reason == 0)
    none = there & (answered == NEVER)
    worked = stages.first(n, utc, stages.of(*WORKED[:-1]) & since) < NEVER
    reason[none & worked] = _REASONS.index(_SILENT)
    reason[none & (stages.first(n, utc, contact) < NEVER)] = _REASONS.index(_EARLY)
    by_date = (answered < NEVER) & (stages.first(n, utc, contact & since & dated) == answered)
    reason[there & (moments.dated | by_date)] = _REASONS.index(_DATED)
    lead = np.flatnonzero(there & (reason == 0))
    begun = moments.utc[lead]
    minutes, followed = (
        clock.minutes(begun, last) for last in (np.minimum(answered[lead], end), np.full(len(lead), end))
    )
    counts = pd.Series(np.bincount(reason, minlength=len(_REASONS))[1:], pd.Index(_REASONS[1:], name="reason"))
    # Where nobody asks for a period, a lead without an mql is no MQL.
    excluded = counts[(counts > 0) | (counts.index != _UNRECORDED)].rename("leads").to_frame()
    return Waits(lead, minutes, answered[lead] < NEVER, followed, excluded)
