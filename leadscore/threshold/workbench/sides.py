"""Who comes in and who drops out: the leads, why, what became of them, and how many of each source or segment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from leadscore.base.groups import Groups
from leadscore.base.stages import STAGES
from leadscore.errors import ArgumentError, did_you_mean
from leadscore.scoring.climbs import Came
from leadscore.scoring.engine import Bound
from leadscore.scoring.scores import lead_ids
from leadscore.tables.days import Ints
from leadscore.tables.groups import grouping
from leadscore.tables.tables import Tables
from leadscore.threshold.workbench.heights import Heights

# How many rules are named for a lead.
_RULES = 2
_NOBODY = "never handed over"
_BECAME = {"lead": _NOBODY, "mql": "handed over, not worked", "sal": "accepted", "sql": "qualified by sales"}


@dataclass(frozen=True)
class People:
    """What is told of leads beside their scores.

    Attributes
    ----------
    tables : Tables
    became : (n_leads,) what became of each
    groups : dict of name to Groups
        The values of the columns that leads are told apart by.
    """

    tables: Tables
    became: Any
    groups: dict[str, Groups]

    @classmethod
    def of(cls, tables: Tables, by: tuple[str, ...], base: Heights) -> People:
        """The leads, by lead columns, `segment`, or the `owner` that outcomes name."""
        last = _last_outcomes(tables)
        ids = lead_ids(tables, np.arange(len(tables.ids), dtype=np.int32))
        names = [*(segment.name for segment in base.rulebook.qualify.segments), "All others"]
        segment = np.full(len(ids), None, object)
        segment[base.today.lead] = np.array(names, object)[base.today.group]
        own = {"segment": pd.Series(segment, ids)}
        if "owner" in last and "owner" not in tables.leads.column_names:
            own["owner"] = pd.Series(last["owner"].to_numpy(object), ids)
        for name in by:
            if name not in own and name not in tables.leads.column_names:
                known = [*own, *(column for column in tables.leads.column_names if column != "lead_id")]
                what = f"there is no lead column {name!r}{did_you_mean(name, known)}"
                raise ArgumentError("by", f"{what}; load_tables(..., columns=[...]) keeps more of them")
        return cls(tables, last["became"].to_numpy(object), {name: grouping(tables, name, own) for name in by})

    def told(self, bound: Bound, day: Ints, bars: Ints) -> pd.DataFrame:
        """Leads on days, those nearest to their bar first."""
        total = bound.fit + bound.behaviour
        names = np.array([*bound.plan.names, ""], object)
        tops = [np.where(top > 0, len(names) - 2 - top % (len(names) - 1), -1) for top in bound.best(_RULES)]
        rules = [", ".join(filter(None, pair)) for pair in zip(*(names[top] for top in tops), strict=True)]
        raised = bound.highest_bar > total
        frame = pd.DataFrame(
            {
                "day": day.astype("datetime64[D]").astype("datetime64[us]"),
                "fit": bound.fit / 1000,
                "behaviour": bound.behaviour / 1000,
                "total": total / 1000,
                "threshold": bars[bound.group] / 1000,
                "why": np.where(raised, "asked for sales", np.array(rules, object)),
                **{name: np.array(one.names, object)[one.code[bound.lead]] for name, one in self.groups.items()},
                "outcome": self.became[bound.lead],
            }
        ).set_axis(lead_ids(self.tables, bound.lead))
        return frame.iloc[np.lexsort((np.abs(total - bars[bound.group]), raised))]

    def counts(self, name: str, sides: Sides, weeks: int) -> pd.DataFrame:
        """How many come in and drop out, and how many qualify a week, of each value of a column."""
        groups = self.groups[name]
        entered, left, now, tried = (np.bincount(groups.code[lead], minlength=len(groups.names)) for lead in sides)
        columns = {"come in": entered, "drop out": left, "a week now": now / weeks, "a week tried": tried / weeks}
        frame = pd.DataFrame(columns, pd.Index(groups.names, name=name))
        return frame[(frame != 0).any(axis=1)]


class Sides(NamedTuple):
    """Leads, by position: those that qualify by what is tried alone, and by the rulebook as it is alone.

    And those that begin to qualify in the period, by the one and by the other.
    """

    entered: Ints
    left: Ints
    now: Ints
    tried: Ints

    @classmethod
    def of(cls, now: Came, tried: Came) -> Sides:
        """The sides of the leads that qualify in a period."""
        alone = (np.setdiff1d(one.lead, other.lead).astype(np.int64) for one, other in ((tried, now), (now, tried)))
        return cls(*alone, *(came.lead[~came.already].astype(np.int64) for came in (now, tried)))


def _last_outcomes(tables: Tables) -> pd.DataFrame:
    """What is on record last for each lead: `became`, and who has it, where outcomes say so."""
    n = len(tables.ids)
    became = np.full(n, _NOBODY, object)
    if tables.stages is None or not len(tables.stages.lead):
        return pd.DataFrame({"became": became})
    stages = tables.stages
    order = np.lexsort((stages.stage, stages.times.utc(tables.timezone), stages.lead))
    last = order[np.append(np.diff(stages.lead[order]) != 0, True)]
    names = np.array([_BECAME.get(stage, stage) for stage in STAGES], object)[stages.stage[last]]
    if "reason" in stages.frame:
        reason = stages.frame["reason"].iloc[last]
        names = np.where(
            reason.notna(), names + ": " + reason.astype(object).where(reason.notna(), "").astype(str), names
        )
    became[stages.lead[last]] = names
    frame = pd.DataFrame({"became": became})
    if "owner" in stages.frame:
        named = order[stages.frame["owner"].notna().to_numpy()[order]]
        owner = np.full(n, None, object)
        owner[stages.lead[named]] = stages.frame["owner"].astype(object).iloc[named]
        frame["owner"] = owner
    return frame
