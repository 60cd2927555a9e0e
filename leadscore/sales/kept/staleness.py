"""Accepted leads that nothing has happened to for a while."""

from __future__ import annotations

import numpy as np
import pandas as pd

from leadscore.base.groups import ALL, grouped
from leadscore.base.stages import ENDS, FUNNEL, WORKED
from leadscore.base.times import DAY
from leadscore.sales.facts import Facts
from leadscore.sales.handover.sequence import in_sequence
from leadscore.tables.outcomes import Ints, Stages

_ACCEPTED, _ENDED = FUNNEL[2:-1], (*ENDS, FUNNEL[-1])
_PIECE = 1 << 18


def unchanged(facts: Facts, day: int, after_days: int) -> pd.DataFrame:
    """Accepted leads that are open at the end of a day, and those of them without a change for so many days.

    Open is a lead that sales accepted, or took further, since its last pass through the funnel ended. A change is an
    outcome that sales made, or an event of the lead.

    Returns
    -------
    DataFrame, index owner (the last that was named until then), the last row all
        `open`, `unchanged`.
    """
    rows, moment = facts.once(_sequence)
    then = np.flatnonzero(moment // DAY <= day)
    rows, days = rows.take(then), moment[then] // DAY
    n = len(facts.tables.ids)
    # Rows stand in the order in which they happened, so the last of a lead is the one with the highest place.
    place = np.arange(len(then))
    accepted, ended, last = np.full((3, n), -1)
    for found, names in ((accepted, _ACCEPTED), (ended, _ENDED), (last, WORKED)):
        of = rows.of(*names)
        found[rows.lead[of]] = place[of]
    leads = np.flatnonzero(accepted > ended)
    latest = np.maximum(days[last[leads]], _last_event(facts, leads, day))
    owner = np.full(n, None, object)
    if "owner" in rows.frame:
        named = rows.frame["owner"].notna().to_numpy()
        owner[rows.lead[named]] = rows.frame["owner"].to_numpy(object)[named]
    groups = grouped(owner[leads])
    frame = pd.DataFrame({"open": 1, "unchanged": (day - latest > after_days).astype(np.int64), "code": groups.code})
    sums = frame.groupby("code").sum().reindex(range(len(groups.names)))
    sums = sums.set_axis(pd.Index(groups.names, name="owner", dtype=object))
    return pd.concat([sums, sums.sum().to_frame(ALL).T.rename_axis("owner")]).astype(np.int64)


def _sequence(facts: Facts) -> tuple[Stages, Ints]:
    return in_sequence(facts.stages, facts.rulebook.timezone)


def _last_event(facts: Facts, leads: Ints, day: int) -> Ints:
    """The last day up to one on which each of some leads did anything; long ago where it did not."""
    events, zone = facts.tables.events, facts.rulebook.timezone
    asked = np.isin(np.arange(len(facts.tables.ids)), leads)
    latest = np.full(len(asked), np.iinfo(np.int64).min // 2)
    for batch in events.pieces(_PIECE):
        part = batch.part(np.flatnonzero(asked[batch.lead]))
        days = part.local(zone) // DAY
        np.maximum.at(latest, part.lead[days <= day], days[days <= day])
    return latest[leads]
