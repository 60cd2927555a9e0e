"""What sales accepted of the leads passed on to it, and why it refused the others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_of
from leadscore.base.groups import ALL
from leadscore.base.stages import FUNNEL
from leadscore.present.result import Result, Section
from leadscore.stats.intervals import share_text, with_shares
from leadscore.tables.groups import By, grouping
from leadscore.tables.outcomes import Stages
from leadscore.tables.tables import Tables


@dataclass(frozen=True, eq=False, repr=False)
class Acceptance(Result):
    """What sales said to the MQLs it was given; made by `acceptance`.

    Attributes
    ----------
    frame : DataFrame, index group, the last row all leads
        `mqls`, `accepted`, `refused`, `undecided`; `share` accepted of those decided, `low`, `high` (95 % Wilson).
    reasons : DataFrame, one row per reason, the most frequent first
        `group` (with `by`), `reason`, `count`, `n` (all refused), `share`, `low`, `high` (95 % Wilson).
    observed_until : date
    """

    frame: pd.DataFrame
    reasons: pd.DataFrame
    observed_until: dt.date
    notes = ()

    @property
    def headline(self) -> str:
        """The share accepted of the MQLs that sales decided on."""
        whole = self.frame.iloc[-1]
        decided = whole["accepted"] + whole["refused"]
        mqls = "MQL that sales decided on was" if decided == 1 else "MQLs that sales decided on were"
        share = f"{share_text(whole['accepted'], decided)} {mqls} accepted"
        return f"{share}; {whole['undecided']:,.0f} undecided. Outcomes until {self.observed_until}."

    def sections(self) -> Iterator[Section]:
        """The counts by group, and the reasons."""
        yield Section("frame", "MQLs, and the share accepted of those decided (95 % Wilson)", self.frame)
        if len(self.reasons):
            yield Section("reasons", "Why MQLs were refused, of all refused (95 % Wilson)", self.reasons)


def acceptance(tables: Tables, *, by: By | None = None, observed_until: Any = None) -> Acceptance:
    """The share of MQLs that sales accepted, and why it refused the others.

    An MQL is a lead with an `mql`, a stage of the funnel after it, or a refusal. What sales said first counts: `sal` or
    further along is accepted, `rejected` or `recycled` refused; on the same time accepted, which must come first. Who
    has neither is undecided, and no part of the share: where deciding takes long, look at `frame["undecided"]` first.

    Parameters
    ----------
    tables : Tables
        With outcomes; their column `reason`, if there is one, says why a lead was refused.
    by : str or list of str, optional
        Lead columns; several make a group of each combination. Leads without a value are a group too.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.

    Returns
    -------
    Acceptance
        `frame`, `reasons`.

    Raises
    ------
    ArgumentError
        If there are no outcomes, or no such column.

    Examples
    --------
    >>> import leadscore as ls
    >>> outcomes = pd.DataFrame({
    ...     "lead_id": ["a", "b", "c", "d"], "stage": ["sal", "rejected", "mql", "rejected"], "at": "2026-03-02",
    ...     "reason": [None, "no budget", None, "no budget"],
    ... })
    >>> tables = ls.load_tables(pd.DataFrame({"lead_id": ["a", "b", "c", "d"]}), None, outcomes)
    >>> acceptance(tables)
    33.3% (6.1% to 79.2%) of 3 MQLs that sales decided on were accepted; 1 undecided. Outcomes until 2026-03-02.
    <BLANKLINE>
    MQLs, and the share accepted of those decided (95 % Wilson):
      group  mqls  accepted  refused  undecided    share (low to high)
      (all)     4         1        2          1  33.3% (6.1% to 79.2%)
    <BLANKLINE>
    Why MQLs were refused, of all refused (95 % Wilson):
      reason     count  n       share (low to high)
      no budget      2  2  100.0% (34.2% to 100.0%)
    """
    with Arguments("acceptance") as given:
        given.types(tables=(tables, Tables))
    stages, until = tables.observed(observed_until)
    group, names = grouping(tables, by)
    mql = np.isin(np.arange(len(tables.ids)), stages.lead[stages.of(*FUNNEL[1:], "rejected")])
    leads = pd.DataFrame({"group": group}).join(_first_decisions(stages, tables.timezone))[mql]
    # Missing where sales said nothing.
    refused = leads["refused"]
    counts = pd.DataFrame(
        {"mqls": 1, "accepted": refused.eq(False), "refused": refused.eq(True), "undecided": refused.isna()}
    )
    frame = counts.groupby(leads["group"]).sum().reindex(range(len(names)), fill_value=0)
    frame = frame.set_axis(pd.Index(names, name="group"))
    if by is not None:
        frame = pd.concat([frame, frame.sum().to_frame(ALL).T.rename_axis("group")])
    frame = with_shares(frame.assign(decided=frame["accepted"] + frame["refused"]), "accepted", "decided")
    reasons = leads[refused.eq(True)].groupby(["group", "reason"]).size().rename("count").reset_index()
    reasons["n"] = reasons.groupby("group")["count"].transform("sum")
    reasons = reasons.sort_values(["group", "count", "reason"], ascending=[True, False, True], ignore_index=True)
    reasons = with_shares(reasons.assign(group=reasons["group"].map(dict(enumerate(names)))), "count", "n")
    reasons = reasons if by is not None else reasons.drop(columns="group")
    return Acceptance(frame.drop(columns="decided"), reasons, day_of(until))


def _first_decisions(stages: Stages, timezone: str) -> pd.DataFrame:
    """What sales said first to each lead, by its position: `refused`, `reason`."""
    rows = np.flatnonzero(stages.of(*FUNNEL[2:], "rejected", "recycled"))
    chosen = stages.take(rows)
    given = chosen.frame["reason"] if "reason" in chosen.frame else pd.Series(index=chosen.frame.index, dtype=object)
    reason = given.astype(object).where(given.notna(), "").astype(str).str.strip()
    decisions = pd.DataFrame(
        {
            "lead": chosen.lead,
            "moment": stages.comparable(timezone)[rows],
            "refused": chosen.of("rejected", "recycled"),
            "stage": chosen.stage,
            "reason": reason.where(reason != "", "(none given)"),
        }
    )
    # To the last column, so that the order of the rows decides nothing.
    return (
        decisions.sort_values(list(decisions.columns)).drop_duplicates("lead").set_index("lead")[["refused", "reason"]]
    )
