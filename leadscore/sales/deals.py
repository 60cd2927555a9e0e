"""Deals: each `deal_id` once, whoever of the leads it stands at, with when it was opened and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.periods import Period
from leadscore.base.text import counted
from leadscore.base.times import DAY
from leadscore.tables.outcomes import Stages

_WON, _LOST, _OPEN = "won", "lost", "open"


@dataclass(frozen=True, eq=False)
class Deals:
    """Deals up to the last day known.

    Attributes
    ----------
    frame : DataFrame, index deal_id, in order of the day they were opened, then of the id
        `opened` (day since 1970 of its first `opportunity`; missing where it has none), `opened_at` (microseconds on
        the wall clock), `amount` (of its first opportunity that has one, else of any of its rows; missing), `state`
        ("open", "won", "lost"), `closed` (day; missing while open), `leads` (tuple of positions, in order).
    notes : tuple of str
        Deals whose rows differ in the amount, or that were closed without having been opened.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]

    def opened_in(self, period: Period) -> pd.DataFrame:
        """The deals opened in a period."""
        return self.frame[period.holds(self.frame["opened"].to_numpy(np.float64, na_value=np.nan))]

    def closed_in(self, period: Period) -> pd.DataFrame:
        """The deals won or lost in a period."""
        return self.frame[period.holds(self.frame["closed"].to_numpy(np.float64, na_value=np.nan))]


def deals_of(stages: Stages, timezone: str) -> Deals | None:
    """The deals; None where outcomes have no `deal_id`."""
    if "deal_id" not in stages.frame:
        return None
    rows = np.flatnonzero(stages.of("opportunity", _WON, _LOST) & stages.frame["deal_id"].notna().to_numpy())
    chosen = stages.take(rows)
    amount = chosen.frame["amount"] if "amount" in chosen.frame else pd.Series(np.nan, index=range(len(rows)))
    table = pd.DataFrame(
        {
            "deal_id": chosen.frame["deal_id"].astype(str),
            "lead": chosen.lead,
            "at": chosen.times.local(timezone),
            "stage": np.select([chosen.of("opportunity"), chosen.of(_WON)], ["opportunity", _WON], _LOST),
            "amount": pd.to_numeric(amount, errors="coerce").to_numpy(np.float64, na_value=np.nan),
        }
    )
    table = table.sort_values(["deal_id", "at", "stage", "amount", "lead"], ignore_index=True)
    opened = table[table["stage"] == "opportunity"].groupby("deal_id")["at"].min()
    ended = table[table["stage"] != "opportunity"].drop_duplicates("deal_id").set_index("deal_id")
    # The amount at opportunity: what a deal was won for is known later, and to some deals only.
    priced = table.dropna(subset="amount").assign(later=lambda rows: rows["stage"] != "opportunity")
    priced = priced.sort_values(["deal_id", "later", "at"], kind="stable").drop_duplicates("deal_id")
    leads = {deal: tuple(np.unique(held).tolist()) for deal, held in table.groupby("deal_id")["lead"]}
    frame = pd.DataFrame({"leads": pd.Series(leads, dtype=object)}).rename_axis("deal_id")
    frame = frame.assign(
        opened_at=opened.reindex(frame.index).astype("Int64"),
        opened=(opened // DAY).reindex(frame.index).astype("Int64"),
        amount=priced.set_index("deal_id")["amount"].reindex(frame.index),
        state=ended["stage"].reindex(frame.index).fillna(_OPEN),
        closed=(ended["at"] // DAY).reindex(frame.index).astype("Int64"),
    )
    order = frame.assign(deal=frame.index).sort_values(["opened_at", "deal"], na_position="last").index
    columns = ["opened", "opened_at", "amount", "state", "closed", "leads"]
    return Deals(frame.loc[order, columns], tuple(_odd(table, frame)))


def _odd(table: pd.DataFrame, frame: pd.DataFrame) -> list[Any]:
    """What to know of deals before they are counted."""
    at_opening = table[table["stage"] == "opportunity"].groupby("deal_id")["amount"].nunique()
    differ, unopened = int((at_opening > 1).sum()), int(frame["opened"].isna().sum())
    notes = []
    if differ:
        notes.append(f"{counted(differ, 'deal')} with several amounts at opportunity: the first counts.")
    if unopened:
        notes.append(f"{counted(unopened, 'deal')} won or lost without an opportunity: not among the deals opened.")
    return notes
