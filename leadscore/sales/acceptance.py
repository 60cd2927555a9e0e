"""What sales accepted of the leads passed on to it, and why it refused the others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_of
from leadscore.base.groups import ALL
from leadscore.base.stages import FUNNEL
from leadscore.base.text import counted
from leadscore.present.result import Result, Section
from leadscore.sales.conversion import SILENCE
from leadscore.stats.intervals import share_text, with_shares
from leadscore.tables.groups import By, grouping
from leadscore.tables.outcomes import NEVER, Mask, Stages
from leadscore.tables.tables import Tables

_REFUSALS = ("rejected", "recycled")
_NO_REFUSAL = (
    "No share is given: no outcome is rejected or recycled, so it would be 100 % whatever sales did. "
    "accepted_within_days=30 (--within-days 30) counts every MQL as not accepted that was not accepted within 30 days. "
    "Refusals may be in the CRM's history of the lead's status."
)


@dataclass(frozen=True, eq=False, repr=False)
class Acceptance(Result):
    """What sales said to the MQLs it was given; made by `acceptance`.

    Attributes
    ----------
    frame : DataFrame, index group, the last row all leads
        `mqls`, `accepted`, `refused`, `undecided`; `share` accepted of those decided, with `accepted_within_days` of
        all, `low`, `high` (95 % Wilson). NaN where nothing says who was not accepted.
    reasons : DataFrame, one row per reason, the most frequent first
        `group` (with `by`), `reason`, `count`, `n` (all refused), `share`, `low`, `high` (95 % Wilson).
    accepted_within_days : int or None
    observed_until : date
    notes : tuple of str
        Who is left out, and why no share is given.
    """

    frame: pd.DataFrame
    reasons: pd.DataFrame
    accepted_within_days: int | None
    observed_until: dt.date
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """The share accepted of the MQLs that sales decided on, or of all."""
        mqls, accepted, refused, undecided, share = self.frame.iloc[-1, :5]
        until = f"Outcomes until {self.observed_until}."
        if self.accepted_within_days:
            inside = f"within {counted(self.accepted_within_days, 'day')}"
            if not mqls:
                return f"No share is known: of no MQL it is known whether it was accepted {inside}. {until}"
            rest = f"the {refused:,.0f} refused and {undecided:,.0f} undecided by then count as not accepted"
            return f"{share_text(accepted, mqls)} {_were(mqls)} accepted {inside}; {rest}. {until}"
        if accepted and np.isnan(share):
            none = "no share is known, as no refusal is recorded"
            return f"{accepted:,.0f} of {mqls:,.0f} {_were(mqls)} accepted; {none}. {until}"
        decided = accepted + refused
        said = f"{share_text(accepted, decided)} {_were(decided, ' that sales decided on')} accepted"
        return f"{said}; {undecided:,.0f} undecided. {until}"

    def sections(self) -> Iterator[Section]:
        """The counts by group, and the reasons."""
        whole = (
            f"within {counted(self.accepted_within_days, 'day')} of all"
            if self.accepted_within_days
            else "of those decided"
        )
        yield Section("frame", f"MQLs, and the share accepted {whole} (95 % Wilson)", self.frame)
        if len(self.reasons):
            yield Section("reasons", "Why MQLs were refused, of all refused (95 % Wilson)", self.reasons)


def _were(count: float, which: str = "") -> str:
    return f"MQL{which} was" if count == 1 else f"MQLs{which} were"


def acceptance(
    tables: Tables, *, by: By | None = None, accepted_within_days: int | None = None, observed_until: Any = None
) -> Acceptance:
    """The share of MQLs that sales accepted, and why it refused the others.

    An MQL is a lead with an `mql`, a stage of the funnel after it, or a refusal. What sales said first counts: `sal` or
    further along is accepted, `rejected` or `recycled` refused; on the same time accepted, which must come first. Who
    has neither is undecided, and no part of the share: where deciding takes long, look at `frame["undecided"]` first.

    Outcomes without a refusal, as dates of stages in a CRM's export, would make the share 100 % whatever sales did:
    then there is none, unless `accepted_within_days` says by when who is not accepted counts as such.

    Parameters
    ----------
    tables : Tables
        With outcomes; their column `reason`, if there is one, says why a lead was refused.
    by : str or list of str, optional
        Lead columns; several make a group of each combination. Leads without a value are a group too.
    accepted_within_days : int, optional
        The share accepted within so many days after the lead's first `mql`, of all whose days are over; who was refused
        or not decided on by then was not accepted. Leads without an `mql` are left out and counted.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.

    Returns
    -------
    Acceptance
        `headline`, `notes`, `frame`, `reasons`.

    Raises
    ------
    ArgumentError
        If there are no outcomes, no such column, or no such number of days.

    Notes
    -----
    Where refusals were recorded only from some day on, what was accepted before is left out and counted: if none of
    those decided before the first refusal is as unlikely as exp(-expected) < 0.01, at the rate since.

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
        if accepted_within_days is not None:
            given.whole("accepted_within_days", accepted_within_days, least=1)
    stages, until = tables.observed(observed_until)
    group, names = grouping(tables, by)
    mql = np.isin(np.arange(len(tables.ids)), stages.lead[stages.of(*FUNNEL[1:], "rejected")])
    leads = pd.DataFrame({"group": group}).join(_first_decisions(stages, tables.timezone))
    if accepted_within_days is None:
        left_out = _before_refusals(leads[mql].reindex(leads.index))
    else:
        came = stages.first(len(leads), stages.times.days(tables.timezone), stages.of("mql"))
        last = until - accepted_within_days
        left_out = {
            "no mql is recorded, so nothing says since when sales had them": came == NEVER,
            f"{counted(accepted_within_days, 'day')} had not passed by {day_of(until)}": (came < NEVER) & (came > last),
        }
        late = leads["day"].to_numpy() > np.minimum(came, last) + accepted_within_days
        leads["refused"] = leads["refused"].mask(late)
    notes = [
        f"{counted(int(rows.sum()), 'MQL')} left out: {why}."
        for why, out in left_out.items()
        if (rows := mql & out).any()
    ]
    leads = leads[mql & ~np.any([*left_out.values()], axis=0)]
    # Missing where sales said nothing.
    refused = leads["refused"]
    counts = pd.DataFrame(
        {"mqls": 1, "accepted": refused.eq(False), "refused": refused.eq(True), "undecided": refused.isna()}
    )
    frame = counts.groupby(leads["group"]).sum().reindex(range(len(names)), fill_value=0)
    frame = frame.set_axis(pd.Index(names, name="group"))
    if by is not None:
        frame = pd.concat([frame, frame.sum().to_frame(ALL).T.rename_axis("group")])
    of = frame["mqls"] if accepted_within_days else frame["accepted"] + frame["refused"]
    frame = with_shares(frame.assign(of=of), "accepted", "of").drop(columns="of")
    if accepted_within_days is None and not stages.of(*_REFUSALS).any():
        frame[["share", "low", "high"]] = np.nan
        notes.append(_NO_REFUSAL)
    return Acceptance(frame, _reasons(leads, names, by), accepted_within_days, day_of(until), tuple(notes))


def _before_refusals(leads: pd.DataFrame) -> dict[str, Mask]:
    """MQLs accepted before refusals were recorded, by why they are left out; none where that may be chance."""
    refused, day = leads["refused"], leads["day"]
    since = day >= day[refused.eq(True)].min()
    before = refused.eq(False) & ~since
    # The first refusal is where it begins, and no part of the rate.
    rate = (refused[since].eq(True).sum() - 1) / max(since.sum() - 1, 1)
    expected = rate * before.sum()
    if not since.any() or np.exp(-expected) >= SILENCE:
        return {}
    began = day_of(int(day[since].min()))
    why = f"accepted before {began}, the first refusal, while at the later rate {expected:,.0f} would have been refused"
    return {f"{why}; refusals seem to be recorded only since": before}


def _reasons(leads: pd.DataFrame, names: Sequence[str], by: By | None) -> pd.DataFrame:
    """`Acceptance.reasons`, of the leads refused."""
    reasons = leads[leads["refused"].eq(True)].groupby(["group", "reason"]).size().rename("count").reset_index()
    reasons["n"] = reasons.groupby("group")["count"].transform("sum")
    reasons = reasons.sort_values(["group", "count", "reason"], ascending=[True, False, True], ignore_index=True)
    reasons = with_shares(reasons.assign(group=reasons["group"].map(dict(enumerate(names)))), "count", "n")
    return reasons if by is not None else reasons.drop(columns="group")


def _first_decisions(stages: Stages, timezone: str) -> pd.DataFrame:
    """What sales said first to each lead, by its position: `refused`, `reason`, `day`."""
    rows = np.flatnonzero(stages.of(*FUNNEL[2:], *_REFUSALS))
    chosen = stages.take(rows)
    given = chosen.frame["reason"] if "reason" in chosen.frame else pd.Series(index=chosen.frame.index, dtype=object)
    reason = given.astype(object).where(given.notna(), "").astype(str).str.strip()
    decisions = pd.DataFrame(
        {
            "lead": chosen.lead,
            "moment": stages.comparable(timezone)[rows],
            "refused": chosen.of(*_REFUSALS),
            "stage": chosen.stage,
            "reason": reason.where(reason != "", "(none given)"),
            "day": chosen.times.days(timezone),
        }
    )
    # To the last column, so that the order of the rows decides nothing.
    first = decisions.sort_values(list(decisions.columns)).drop_duplicates("lead").set_index("lead")
    return first[["refused", "reason", "day"]]
