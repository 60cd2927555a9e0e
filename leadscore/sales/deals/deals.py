"""Deals: each `deal_id` once, whoever of the leads it stands at, with when it was opened and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.periods import Period
from leadscore.base.text import as_text, counted, normalise
from leadscore.base.times import DAY
from leadscore.errors import ArgumentError
from leadscore.tables.marketing import several_currencies
from leadscore.tables.outcomes import Stages
from leadscore.tables.tables import Tables

OPEN, WON, LOST = "open", "won", "lost"
NO_DEALS = "outcomes have no deal_id: a deal that stands at several leads would be counted once for each of them"
_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£"}


@dataclass(frozen=True, eq=False)
class Deals:
    """Deals up to the last day known.

    Attributes
    ----------
    frame : DataFrame, index deal_id, in order of the day they were opened, then of the id
        `opened` (day since 1970 of its first `opportunity`; missing where it has none), `opened_at` (microseconds on
        the wall clock), `amount` (of its first opportunity that has one; missing), `state` ("open", "won", "lost"),
        `closed` (day; missing while open), `leads` (tuple of positions, in order).
    notes : tuple of str
        What to know of them: amounts that differ, deals closed without having been opened, or opened again.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]

    def opened_in(self, period: Period) -> pd.DataFrame:
        """The deals opened in a period."""
        return self.frame[period.holds(self.frame["opened"].to_numpy(np.float64, na_value=np.nan))]

    def closed_in(self, period: Period) -> pd.DataFrame:
        """The deals won or lost in a period."""
        return self.frame[period.holds(self.frame["closed"].to_numpy(np.float64, na_value=np.nan))]


def currency_of(tables: Tables) -> str:
    """What amounts of deals and costs are in, by their columns `currency`: a sign or a code, "" where none says it.

    Raises
    ------
    ArgumentError
        If they are in several.
    """
    outcomes, costs = tables.outcomes, tables.costs
    named = pd.Series(dtype=object)
    if outcomes is not None and {"currency", "amount"} <= {*outcomes.columns}:
        named = outcomes.loc[outcomes["amount"].notna(), "currency"]
    problems = several_currencies(named, "outcomes")
    if costs is not None and "currency" in costs:
        named = pd.concat([named.dropna().astype(object), costs["currency"].dropna().astype(object)])
        problems = problems or several_currencies(named, "costs and outcomes")
    if problems:
        raise ArgumentError("tables", f"{problems[0].where}: {problems[0].message}")
    code = normalise(as_text(named.iloc[0])).upper() if len(named) and pd.notna(named.iloc[0]) else ""
    return _SIGNS.get(code, code)


def deals_of(stages: Stages, timezone: str) -> Deals | None:
    """The deals; None where outcomes have no `deal_id`.

    A deal is open again if an opportunity comes after it was lost. Of rows of one moment, as on a day without a time,
    an opportunity comes first, then lost, then won.
    """
    table = _rows_of_deals(stages, timezone)
    if table is None:
        return None
    opportunity = table["state"] == OPEN
    opened = table[opportunity].groupby("deal_id")["at"].min()
    # What a deal was won for is known later, and to some deals only.
    amount = table[opportunity].dropna(subset="amount").drop_duplicates("deal_id").set_index("deal_id")["amount"]
    # An opportunity of another lead changes nothing of a deal that is won.
    ended = table["state"].where(~opportunity).groupby(table["deal_id"]).ffill()
    course = table[~(opportunity & (ended == WON))]
    changes = course[course["state"].ne(course["state"].groupby(course["deal_id"]).shift())]
    last = changes.drop_duplicates("deal_id", keep="last").set_index("deal_id")
    leads = {deal: tuple(np.unique(held).tolist()) for deal, held in table.groupby("deal_id")["lead"]}
    frame = pd.DataFrame({"leads": pd.Series(leads, dtype=object)}).rename_axis("deal_id")
    frame = frame.assign(
        opened_at=opened.reindex(frame.index).astype("Int64"),
        opened=(opened // DAY).reindex(frame.index).astype("Int64"),
        amount=amount.reindex(frame.index),
        state=last["state"].reindex(frame.index),
        closed=(last["at"] // DAY).where(last["state"] != OPEN).reindex(frame.index).astype("Int64"),
    )
    order = frame.assign(deal=frame.index).sort_values(["opened_at", "deal"], na_position="last").index
    columns = ["opened", "opened_at", "amount", "state", "closed", "leads"]
    return Deals(frame.loc[order, columns], tuple(_odd(table, frame, changes)))


def _rows_of_deals(stages: Stages, timezone: str) -> pd.DataFrame | None:
    """The rows that tell of deals: `deal_id`, `lead`, `at`, `state`, `amount`, by deal in order of time."""
    if "deal_id" not in stages.frame:
        return None
    chosen = stages.take(np.flatnonzero(stages.of("opportunity", WON, LOST) & stages.frame["deal_id"].notna()))
    amount = chosen.frame["amount"] if "amount" in chosen.frame else pd.Series(np.nan, index=chosen.frame.index)
    # A column of ids with gaps holds floats.
    deal = chosen.frame["deal_id"].map(lambda one: as_text(one).strip()).astype(object)
    table = pd.DataFrame(
        {
            "deal_id": deal,
            "lead": chosen.lead,
            "at": chosen.comparable(timezone, within=pd.factorize(deal)[0]),
            "state": np.select([chosen.of("opportunity"), chosen.of(WON)], [OPEN, WON], LOST),
            "amount": pd.to_numeric(amount, errors="coerce").to_numpy(np.float64, na_value=np.nan),
        }
    )
    table = table[table["deal_id"] != ""].assign(rank=table["state"].map({OPEN: 0, LOST: 1, WON: 2}))
    return table.sort_values(["deal_id", "at", "rank", "amount", "lead"], ignore_index=True)


def _odd(table: pd.DataFrame, frame: pd.DataFrame, changes: pd.DataFrame) -> list[Any]:
    """What to know of deals before they are counted."""
    at_opening = table[table["state"] == OPEN].groupby("deal_id")["amount"].nunique()
    ends = changes[changes["state"] != OPEN].groupby("deal_id").size()
    found = {
        "with several amounts at opportunity: the first counts": at_opening > 1,
        "won or lost without an opportunity: not among the deals opened": frame["opened"].isna(),
        "closed more than once: the last state counts": ends > 1,
    }
    return [f"{counted(int(rows.sum()), 'deal')} {what}." for what, rows in found.items() if rows.any()]
