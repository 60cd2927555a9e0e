"""The outcomes of each lead in the order they happened, where several are dated the same too."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pandas as pd

from leadscore.base.stages import ENDS, STAGES
from leadscore.tables.outcomes import Ints, Stages

# On one moment stages come in this order: who was contacted was an MQL before, and a pass ends with its end.
_ORDER = ("lead", "mql", "contacted", "sal", "sql", "opportunity", "won", *ENDS)
_RANK = np.array([min(_ORDER.index(stage), _ORDER.index(ENDS[0])) for stage in STAGES])
_MQL, _END = _ORDER.index("mql"), _ORDER.index(ENDS[0])


def in_sequence(stages: Stages, timezone: str) -> tuple[Stages, Ints]:
    """The rows lead by lead as they happened, and the moment of each, as `Stages.comparable` has it.

    On one moment stages come in the order of the funnel, and what ends a pass comes last; where a pass of the lead was
    going on already, what begins the next one (`mql`, or a stage that the pass was past) comes after that. The order in
    which the rows came has no part in it.
    """
    rest = stages.frame.drop(columns=["lead_id", "stage", "at"])
    rows = pd.DataFrame(
        {
            "lead": stages.lead,
            "moment": stages.comparable(timezone),
            "rank": _RANK[stages.stage],
            "at": stages.times.at,
            "stage": stages.stage,
        }
    )
    texts = rest.astype(str).set_axis([f"text {place}" for place in range(len(rest.columns))], axis=1)
    order = rows.join(texts.set_axis(rows.index)).sort_values([*rows.columns, *texts.columns]).index.to_numpy(copy=True)
    order = _begun_again(rows, order)
    return stages.take(order), rows["moment"].to_numpy()[order]


def _begun_again(rows: pd.DataFrame, order: Ints) -> Ints:
    """The order, in place, with what begins a pass behind what ends the one before it on the same moment."""
    sorted_rows = rows.iloc[order]
    ended = sorted_rows["rank"] == _END
    moments = [sorted_rows["lead"], sorted_rows["moment"]]
    together = ended.groupby(moments).transform("any") & ~ended
    lead, rank, moment = (sorted_rows[name].to_numpy() for name in ("lead", "rank", "moment"))
    for one in np.unique(lead[together.to_numpy()]):
        begin, end = np.searchsorted(lead, [one, one + 1])
        places = list(range(begin, end))
        order[begin:end] = order[_walk(places, rank, moment)]
    return order


def _walk(places: Sequence[int], rank: Ints, moment: Ints) -> list[int]:
    """The rows of one lead, in the order they happened."""
    walked: list[int] = []
    furthest = 0
    for _, group in groupby(places, key=lambda place: moment[place]):
        together = list(group)
        ends = [place for place in together if rank[place] == _END]
        others = [place for place in together if rank[place] < _END]
        again = [place for place in others if ends and furthest and (rank[place] <= _MQL or rank[place] < furthest)]
        walked += [place for place in others if place not in again] + ends + again
        furthest = max([0 if ends else furthest, *(int(rank[place]) for place in (again if ends else others))])
    return walked
