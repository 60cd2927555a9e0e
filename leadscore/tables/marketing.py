"""What marketing did and what it cost: touches of leads by channel, costs by channel and month; and their contracts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadscore.base.text import as_text, normalise
from leadscore.base.times import Times, is_text, one_array
from leadscore.errors import Problem
from leadscore.sources.columns import blank, convert
from leadscore.sources.contract import Breaches, Judged, refuse
from leadscore.tables.ids import Ids
from leadscore.tables.outcomes import leads_of


@dataclass(frozen=True)
class Touches:
    """The touches that keep the contract; all arrays have one entry per row.

    Attributes
    ----------
    frame : DataFrame
        `lead_id`, `at`, `channel` and any other columns, as they came.
    lead : (n_rows,) positions among the leads
    times : Times
    """

    frame: pd.DataFrame
    lead: npt.NDArray[np.int32]
    times: Times


def read_touches(ids: Ids, breaches: Breaches) -> Touches:
    """The touches, row by row; those of no lead, without a time or without a channel are reported."""
    table = breaches.source.table(breaches.source.columns)
    judged = Judged(breaches, table)
    lead = leads_of(ids, judged)
    judged.say("channel", "no channel", np.flatnonzero(blank(one_array(table["channel"]))))
    times = judged.times("at")
    judged.dated(times.at)
    kept = np.flatnonzero(~judged.bad)
    return Touches(table.to_pandas().iloc[kept].reset_index(drop=True), lead[kept], times.take(kept))


def read_costs(breaches: Breaches, timezone: str) -> pd.DataFrame:
    """The costs: `channel` (text), `month` (monthly period), `amount` (0 or more), and any other columns.

    Raises
    ------
    ContractError
        If they are in several currencies: there is no sum of them.
    """
    source = breaches.source
    table = source.table(source.columns)
    if "currency" in table.column_names:
        refuse(several_currencies(table["currency"].to_pandas(), f"{source.name}.currency"))
    table = table.set_column(table.column_names.index("month"), "month", _as_days(one_array(table["month"])))
    judged = Judged(breaches, table)
    judged.say("channel", "no channel", np.flatnonzero(blank(one_array(table["channel"]))))
    times = judged.times("month")
    judged.dated(times.at, "month")
    cost = convert(table["amount"], "number", breaches.missing_values, timezone)
    judged.say_all("amount", cost.bad)
    amount = np.asarray(cost.numbers)
    judged.say("amount", "no amount", np.flatnonzero(np.isnan(amount) & ~_among(cost.bad, len(amount))))
    judged.say("amount", "a negative or endless amount", np.flatnonzero((amount < 0) | np.isinf(amount)))
    kept = np.flatnonzero(~judged.bad)
    day = times.take(kept).days(timezone).astype("datetime64[D]").astype("datetime64[s]")
    frame = table.to_pandas().iloc[kept].reset_index(drop=True)
    frame = frame.assign(
        channel=[as_text(channel).strip() for channel in frame["channel"]],
        month=pd.DatetimeIndex(day).to_period("M"),
        amount=amount[kept],
    )
    again = _again(frame)
    breaches.add("channel", "the same channel, campaign and month again", kept[again], [*frame["channel"][again]])
    return frame[~again].reset_index(drop=True)


def several_currencies(currency: pd.Series[Any], where: str) -> list[Problem]:
    """That amounts are in several currencies, or some in none: no sum of them is right."""
    names = sorted({"(none)" if pd.isna(one) else normalise(as_text(one)).upper() or "(none)" for one in currency})
    if len(names) < 2:
        return []
    listed = f"{', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
    return [Problem(where, f"amounts in several currencies: {listed}; convert them to one")]


def _as_days(month: pa.Array) -> pa.Array:
    """Months that are written as 2026-03 as their first day; all else as it is."""
    if not is_text(month.type):
        return month
    text = pc.utf8_trim_whitespace(month.cast(pa.large_string()))
    return pc.replace_substring_regex(text, r"^(\d{4}-\d{2})$", r"\1-01")


def _among(bad: dict[str, npt.NDArray[np.intp]], n: int) -> npt.NDArray[np.bool_]:
    return np.isin(np.arange(n), np.concatenate([np.zeros(0, np.intp), *bad.values()]))


def _again(costs: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Rows of a channel, campaign and month that there is a row of; of such the smallest amount stays."""
    campaign = costs["campaign"] if "campaign" in costs else pd.Series("", costs.index)
    keys = pd.DataFrame(
        {
            "channel": [normalise(channel) for channel in costs["channel"]],
            "campaign": ["" if pd.isna(one) else normalise(as_text(one)) for one in campaign],
            "month": costs["month"],
            "amount": costs["amount"],
        },
        index=costs.index,
    )
    again = keys.sort_values("amount", kind="stable").duplicated(["channel", "campaign", "month"])
    return again.sort_index().to_numpy(bool)
