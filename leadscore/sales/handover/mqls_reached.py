"""How many of the MQLs of a period reached each stage after they came to sales, against the period before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from leadscore.base.days import day_of
from leadscore.base.groups import ALL, Groups
from leadscore.base.periods import Period
from leadscore.base.stages import FUNNEL, or_further
from leadscore.base.text import counted
from leadscore.base.times import DAY
from leadscore.sales.handover.handovers import first_in
from leadscore.stats.intervals import with_shares
from leadscore.stats.shares import share_changes
from leadscore.tables.outcomes import Mask, Stages


class Reached(NamedTuple):
    """The parts of a `FunnelTable` of two periods."""

    frame: pd.DataFrame
    total: pd.DataFrame
    change: pd.DataFrame
    notes: tuple[str, ...]


def mqls_reached(  # noqa: PLR0913, PLR0917 - what `funnel` was given
    stages: Stages, handovers: pd.DataFrame, groups: Groups, period: Period, within_days: int, until: int, timezone: str
) -> Reached:
    """What became of the MQLs in the days after they came, of those whose days are over."""
    present = [stage for stage in FUNNEL[2:] if stages.of(stage).any()]
    mqls = handovers.assign(group=groups.code[handovers["lead"]])
    moment = stages.comparable(timezone)
    for stage in present:
        mqls[stage] = _in_time(stages, moment, mqls, stage, within_days)
    old = mqls["day"] + within_days <= until
    parts, young = [], 0
    for one in (period.before, period):
        rows = first_in(mqls, one)
        young += int((~old[rows.index]).sum())
        counts = _counts(rows[old[rows.index]], present, groups.names)
        counts.insert(0, "cohort", np.datetime64(one.first, "D").astype("datetime64[us]"))
        parts.append(counts)
    before, now = parts
    change = [
        share_changes((earlier["reached"], earlier["n"]), (later["reached"], later["n"])).set_axis(later.index)
        for (_, earlier), (_, later) in zip(before.groupby("group"), now.groupby("group"), strict=True)
    ]
    frame = with_shares(pd.concat(parts, ignore_index=True), "reached", "n").assign(mature=True, truncated=False)
    total = with_shares(now.drop(columns="cohort"), "reached", "n")
    moved = now[["group", "stage"]].join(pd.concat(change) if change else pd.DataFrame())
    why = f"{counted(within_days, 'day')} had not passed by {day_of(until)}"
    return Reached(frame, total, moved, (f"{counted(young, 'MQL')} left out: {why}.",) if young else ())


def _in_time(stages: Stages, moment: np.ndarray, mqls: pd.DataFrame, stage: str, within_days: int) -> Mask:
    """Whether each MQL reached a stage, or one further along, from the moment it came on and within the days."""
    rows = stages.of(*or_further(stage))
    found = pd.DataFrame({"lead": stages.lead[rows].astype(np.int64), "moment": moment[rows], "reached": moment[rows]})
    left = mqls[["lead", "moment", "day"]].assign(place=range(len(mqls))).sort_values("moment")
    merged = pd.merge_asof(left, found.sort_values("moment"), on="moment", by="lead", direction="forward")
    return (merged["reached"] // DAY <= merged["day"] + within_days).to_numpy()[np.argsort(merged["place"])]


def _counts(mqls: pd.DataFrame, present: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """`n` (MQLs at the stage before) and `reached` for each group and stage, all groups together last."""
    sums = mqls.assign(n=1).groupby("group")[["n", *present]].sum().reindex(range(len(names)), fill_value=0)
    sums = sums.set_axis(list(names)).astype(np.int64)
    if list(names) != [ALL]:
        sums.loc[ALL] = sums.sum()
    counts = sums.to_numpy()
    return pd.DataFrame(
        {
            "group": np.repeat(sums.index.to_numpy(object), len(present)),
            "stage": np.tile(present, len(sums)),
            "n": counts[:, :-1].ravel(),
            "reached": counts[:, 1:].ravel(),
        }
    )
