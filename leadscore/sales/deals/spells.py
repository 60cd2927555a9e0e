"""How long leads stayed in each stage, and which are there still."""

from __future__ import annotations

import numpy as np
import pandas as pd

from leadscore.base.stages import ENDS, STAGES
from leadscore.base.times import DAY
from leadscore.sales.deals.deals import OPEN, Deals
from leadscore.sales.handover.sequence import in_sequence
from leadscore.tables.outcomes import Stages

# What sales does with a lead, in its order; what is won or has ended is in no stage any more.
IN_ORDER = ("mql", "contacted", "sal", "sql", "opportunity")
_OUT = len(IN_ORDER)
_PLACE = np.array([IN_ORDER.index(stage) if stage in IN_ORDER else _OUT for stage in STAGES])
_OPPORTUNITY = IN_ORDER.index("opportunity")


def spells(stages: Stages, deals: Deals | None, until: int, timezone: str) -> pd.DataFrame:
    """Each stay of a lead in a stage; of deals at opportunity each once, whoever of the leads it stands at.

    A stay ends with whatever comes next: a further stage, whichever are skipped, or the end of the pass. In a pass
    nobody goes back, and a contact alone begins none after the first.

    Returns
    -------
    DataFrame
        `stage` (position in `IN_ORDER`), `lead` (position; missing of a deal), `deal_id` (missing of a lead), `day` (on
        which it began), `days` (how long it lasted, or has lasted by the end of the last day), `left` (bool), `amount`.
        Where one end is a date without a time, days are whole ones.
    """
    own = _of_leads(stages, until, timezone)
    if deals is None:
        return own.drop(columns="has_deal")
    own = own[(own["stage"] != _OPPORTUNITY) | ~own["has_deal"]]
    return pd.concat([own.drop(columns="has_deal"), _of_deals(deals, until)], ignore_index=True)


def _of_leads(stages: Stages, until: int, timezone: str) -> pd.DataFrame:
    rows, moment = in_sequence(stages, timezone)
    ends = rows.of(*ENDS)
    named = rows.frame["deal_id"].notna().to_numpy() if "deal_id" in rows.frame else np.zeros(len(ends), bool)
    steps = pd.DataFrame(
        {"lead": rows.lead, "moment": moment, "place": _PLACE[rows.stage], "has_deal": named, "ended": ends}
    )
    # The pass of each row: an end belongs to the one that it ends.
    steps["turn"] = steps.groupby("lead")["ended"].cumsum() - steps["ended"]
    steps = steps[~rows.of("lead")]
    steps = steps[(steps["place"] != IN_ORDER.index("contacted")) | (steps["turn"] == 0) | _after_another(steps)]
    turn = [steps["lead"], steps["turn"]]
    furthest = steps.groupby(turn)["place"].cummax()
    steps = steps[steps["place"] > furthest.groupby(turn).shift(fill_value=-1)]
    ahead = steps.groupby(["lead", "turn"])["moment"].shift(-1)
    stays = steps.assign(end=ahead.astype("Int64"))[steps["place"] < _OUT]
    left = stays["end"].notna().to_numpy()
    begin, day = stays["moment"].to_numpy(), stays["moment"].to_numpy() // DAY
    end = stays["end"].fillna((until + 1) * DAY).to_numpy(np.int64)
    # A moment at midnight is a date: nobody knows when on it something was.
    dated = (begin % DAY == 0) | (left & (end % DAY == 0))
    last = np.where(left, end // DAY, until)
    return pd.DataFrame(
        {
            "stage": stays["place"].to_numpy(),
            "lead": stays["lead"].astype("Int64").to_numpy(),
            "deal_id": pd.Series(None, range(len(stays)), object),
            "day": day,
            "days": np.where(dated, last - day, (end - begin) / DAY),
            "left": left,
            "amount": np.nan,
            "has_deal": stays["has_deal"].to_numpy(),
        }
    )


def _after_another(steps: pd.DataFrame) -> pd.Series[bool]:
    """Whether something came before in the same pass."""
    return steps.groupby(["lead", "turn"]).cumcount() > 0


def _of_deals(deals: Deals, until: int) -> pd.DataFrame:
    opened = deals.frame[deals.frame["opened"].notna()]
    day = opened["opened"].to_numpy(np.int64)
    left = (opened["state"] != OPEN).to_numpy()
    last = opened["closed"].fillna(until).to_numpy(np.int64)
    return pd.DataFrame(
        {
            "stage": _OPPORTUNITY,
            "lead": pd.Series(pd.NA, range(len(opened)), dtype="Int64"),
            "deal_id": opened.index.to_numpy(object),
            "day": day,
            "days": (last - day).astype(np.float64),
            "left": left,
            "amount": opened["amount"].to_numpy(np.float64),
        }
    )
