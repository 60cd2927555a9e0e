"""The MQLs that sales was given, each with the score of the day it came to sales, and what sales said to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.periods import Period
from leadscore.base.stages import FUNNEL, WORKED
from leadscore.base.times import DAY
from leadscore.rulebook import Rulebook
from leadscore.scoring.binding import Binding
from leadscore.scoring.scores import verdicts
from leadscore.tables.outcomes import NEVER, Ints, Stages

# How a lead came to sales, by its score at the end of the day it did.
BY_POINTS, HAND_RAISE, BELOW = "by points", "hand-raise", "below the bar"
NOT_SCORED = "no record yet"
ROUTES = (BY_POINTS, HAND_RAISE, BELOW, NOT_SCORED)
_ACCEPTED, _REFUSED = FUNNEL[2:], ("rejected", "recycled")
_MISSING_REASON = "(none given)"


@dataclass(frozen=True, eq=False)
class Handovers:
    """MQLs as they came to sales, those of one lead in order of time.

    A lead comes with each of its `mql` rows; one without any comes with the first that sales did.

    Attributes
    ----------
    frame : DataFrame, one row per time that a lead came to sales
        `lead` (position), `day` (since 1970), `moment` (microseconds on the wall clock; a date is its midnight),
        `route` (one of `ROUTES`), `fit`, `behaviour`, `total`, `threshold`, `segment`, `via`, `blocked_by`, `grade` at
        the end of that day; `accepted` (boolean, missing while undecided), `decided` (day; missing), `reason` (of a
        refusal, "(none given)" where there is none), `owner` (missing where no outcome names one).
    timezone : str
    """

    frame: pd.DataFrame
    timezone: str

    def during(self, period: Period) -> pd.DataFrame:
        """The rows of a period: each lead's first in it."""
        inside = self.frame[period.holds(self.frame["day"].to_numpy())]
        return inside.drop_duplicates("lead")


def handovers_of(binding: Binding, rulebook: Rulebook, stages: Stages, period: Period) -> Handovers:
    """The MQLs that came to sales in a period, within the days of the binding."""
    timezone = rulebook.timezone
    came = _came(stages, len(binding.tables.ids), timezone)
    day = came["moment"] // DAY
    rows = came.assign(day=day)[period.holds(day.to_numpy())].reset_index(drop=True)
    rows = rows.join(_scored(binding, rulebook, rows["lead"].to_numpy(np.int32), rows["day"].to_numpy()))
    rows = rows.join(_decisions(stages, came, timezone), on=["lead", "moment"])
    return Handovers(rows.assign(owner=_owners(stages, rows["lead"].to_numpy())), timezone)


def _came(stages: Stages, n_leads: int, timezone: str) -> pd.DataFrame:
    """When leads came to sales: `lead`, `moment`, in this order."""
    moment = stages.comparable(timezone)
    mql = stages.of("mql")
    without = stages.first(n_leads, moment, mql) == NEVER
    worked = stages.first(n_leads, moment, stages.of(*WORKED))
    others = np.flatnonzero(without & (worked < NEVER))
    rows = pd.DataFrame({"lead": np.append(stages.lead[mql], others), "moment": np.append(moment[mql], worked[others])})
    return rows.drop_duplicates().sort_values(["lead", "moment"], ignore_index=True)


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


def _decisions(stages: Stages, came: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """What sales said first to each MQL, index (lead, moment): `accepted`, `decided`, `reason`.

    A decision is on the latest MQL of the lead until then. On the same time accepted counts, which must come first.
    """
    rows = np.flatnonzero(stages.of(*_ACCEPTED, *_REFUSED))
    chosen = stages.take(rows)
    given = chosen.frame["reason"] if "reason" in chosen.frame else pd.Series(index=chosen.frame.index, dtype=object)
    reason = given.astype(object).where(given.notna(), "").astype(str).str.strip()
    said = pd.DataFrame(
        {
            "lead": chosen.lead.astype(np.int64),
            "at": stages.comparable(timezone)[rows],
            "refused": chosen.of(*_REFUSED),
            "stage": chosen.stage,
            "reason": reason.where(reason != "", _MISSING_REASON),
            "decided": chosen.times.days(timezone),
        }
    )
    # To the last column, so that the order of the rows decides nothing.
    said = said.sort_values(["at", *said.columns.drop("at")])
    mqls = came.astype({"lead": np.int64}).sort_values("moment").assign(at=lambda rows: rows["moment"])
    first = pd.merge_asof(said, mqls, on="at", by="lead").dropna(subset="moment")
    first = first.astype({"moment": np.int64}).drop_duplicates(["lead", "moment"]).set_index(["lead", "moment"])
    accepted = (~first["refused"]).astype("boolean")
    return pd.DataFrame(
        {"accepted": accepted, "decided": first["decided"], "reason": first["reason"].where(first["refused"])}
    )


def _owners(stages: Stages, lead: Ints) -> pd.Series[Any]:
    """The first owner that the outcomes name of each lead; missing where they name none."""
    if "owner" not in stages.frame:
        return pd.Series(pd.NA, index=range(len(lead)), dtype=object)
    owned = pd.DataFrame({"lead": stages.lead, "at": stages.times.at, "owner": stages.frame["owner"]})
    owned = owned.dropna(subset="owner")
    owned = owned.assign(name=owned["owner"].astype(str)).sort_values(["at", "name"])
    first = owned.drop_duplicates("lead").set_index("lead")["owner"]
    return first.reindex(lead).reset_index(drop=True).astype(object)
