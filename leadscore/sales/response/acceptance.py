"""What sales accepted of the leads passed on to it, and why it refused the others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number, day_of
from leadscore.base.groups import ALL, Groups
from leadscore.base.periods import Period
from leadscore.base.stages import FUNNEL
from leadscore.base.text import counted
from leadscore.present.figures import points_change
from leadscore.present.result import Result, Section
from leadscore.sales.conversion import SILENCE
from leadscore.sales.facts import Facts
from leadscore.sales.handover.handovers import first_in, handed_over
from leadscore.stats.intervals import share_text, with_shares
from leadscore.stats.shares import changes_by_group
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
    start, end : date or None
        The period, where one is given; and then:
    before : DataFrame or None
        As `frame`, of the period before.
    change : DataFrame or None, index group, the last row all leads
        The share less that of the period before: `difference`, `low`, `high` (95 % Newcombe), `p` (Fisher's exact
        test), `p_corrected` (Holm, over the groups).
    others : DataFrame or None, index group
        With `by`: each group's share less that of all other groups in the period; as `change`.
    """

    frame: pd.DataFrame
    reasons: pd.DataFrame
    accepted_within_days: int | None
    observed_until: dt.date
    notes: tuple[str, ...]
    start: dt.date | None = None
    end: dt.date | None = None
    before: pd.DataFrame | None = None
    change: pd.DataFrame | None = None
    others: pd.DataFrame | None = None

    @property
    def headline(self) -> str:
        """The share accepted of the MQLs that sales decided on, or of all."""
        mqls, accepted, refused, undecided, share = self.frame.iloc[-1, :5]
        until = f"{self._against}Outcomes until {self.observed_until}."
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

    @property
    def _against(self) -> str:
        """The period, and how the share moved."""
        if self.change is None or self.start is None or self.end is None:
            return ""
        period = Period(day_number(self.start), day_number(self.end))
        moved = points_change(*self.change[["difference", "low", "high"]].iloc[-1])
        return f"MQLs of {period}; share against the {period.length} before: {moved}. "

    def sections(self) -> Iterator[Section]:
        """The counts by group, what changed, and the reasons."""
        whole = (
            f"within {counted(self.accepted_within_days, 'day')} of all"
            if self.accepted_within_days
            else "of those decided"
        )
        yield Section("frame", f"MQLs, and the share accepted {whole} (95 % Wilson)", self.frame)
        by = "95 % Newcombe; Fisher's exact test, Holm over the groups"
        titles = {
            "before": f"The period before, and the share accepted {whole} (95 % Wilson)",
            "change": f"The share less that of the period before ({by})",
            "others": f"The share less that of all other groups ({by})",
        }
        for name, title in titles.items():
            if (rows := getattr(self, name)) is not None:
                yield Section(name, title, rows, formats={"difference": "+.1%", "p_corrected": ".2g"})
        if len(self.reasons):
            yield Section("reasons", "Why MQLs were refused, of all refused (95 % Wilson)", self.reasons)


def _were(count: float, which: str = "") -> str:
    return f"MQL{which} was" if count == 1 else f"MQLs{which} were"


def acceptance(  # noqa: PLR0913 - who, when, and by when
    tables: Tables,
    *,
    by: By | None = None,
    accepted_within_days: int | None = None,
    observed_until: Any = None,
    start: Any = None,
    end: Any = None,
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

    start, end : date, or text as "2026-03-31", optional
        Both or neither. With them the MQLs are those that came to sales in this period (`mql`, without one the first
        thing that sales did), each with what sales said first from then on, compared with the equally long period just
        before. A lead that comes again has a decision of its own.

    Returns
    -------
    Acceptance
        `headline`, `notes`, `frame`, `reasons`; with a period `before`, `change`, and with `by` `others`.

    Raises
    ------
    ArgumentError
        If there are no outcomes, no such column, or no such number of days.

    Notes
    -----
    Where refusals were recorded only from some day on, what was accepted before is left out and counted: if none of
    those decided before the first refusal is as unlikely as exp(-expected) < 0.01, at the rate since.

    References
    ----------
    Wilson, E. B. (1927), Journal of the American Statistical Association 22, 209-212. Newcombe, R. G. (1998),
    Statistics in Medicine 17, 873-890, method 10. Holm, S. (1979), Scandinavian Journal of Statistics 6, 65-70.

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
        days = given.period_or_none(start, end)
    stages, until = tables.observed(observed_until)
    groups = grouping(tables, by)
    counting = _Counting(stages, until, groups, by, accepted_within_days)
    if days is not None:
        return counting.in_period(handed_over(stages, len(tables.ids), tables.timezone), Period(*days))
    mql = np.isin(np.arange(len(tables.ids)), stages.lead[stages.of(*FUNNEL[1:], "rejected")])
    leads = pd.DataFrame({"group": groups.code}).join(_first_decisions(stages, tables.timezone))
    leads["came"] = stages.first(len(leads), stages.times.days(tables.timezone), stages.of("mql"))
    leads, notes = counting.counted(leads[mql])
    return Acceptance(
        counting.frame(leads), counting.reasons(leads), accepted_within_days, day_of(until), (*notes, *counting.notes)
    )


def acceptance_of(facts: Facts) -> Acceptance:
    """What `acceptance` says of all MQLs of the period."""
    return acceptance_by(facts, None)


def acceptance_by(facts: Facts, by: By | None) -> Acceptance:
    """What `acceptance` says of the period by groups."""
    counting = _Counting(facts.stages, facts.until, grouping(facts.tables, by), by, None)
    return counting.in_period(facts.handovers.frame, facts.period)


@dataclass(frozen=True)
class _Counting:
    """How MQLs are counted: what sales said by the last day known, and by which groups."""

    stages: Stages
    until: int
    groups: Groups
    by: By | None
    within_days: int | None

    @property
    def notes(self) -> tuple[str, ...]:
        """Why no share is given."""
        return () if self.shares else (_NO_REFUSAL,)

    @property
    def shares(self) -> bool:
        """Whether it is known who was not accepted."""
        return self.within_days is not None or bool(self.stages.of(*_REFUSALS).any())

    def counted(self, leads: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
        """The MQLs that count, with `refused` by when it counts; and how many are left out, and why."""
        if self.within_days is None:
            left_out = _before_refusals(leads)
        else:
            came, last = leads["came"].to_numpy(), self.until - self.within_days
            left_out = {
                "no mql is recorded, so nothing says since when sales had them": came == NEVER,
                f"{counted(self.within_days, 'day')} had not passed by {day_of(self.until)}": (came < NEVER)
                & (came > last),
            }
            late = leads["day"].to_numpy(np.float64, na_value=np.nan) > np.minimum(came, last) + self.within_days
            leads = leads.assign(refused=leads["refused"].mask(late))
        notes = [f"{counted(int(out.sum()), 'MQL')} left out: {why}." for why, out in left_out.items() if out.any()]
        return leads[~np.any([np.zeros(len(leads), bool), *left_out.values()], axis=0)], notes

    def frame(self, leads: pd.DataFrame) -> pd.DataFrame:
        """`Acceptance.frame`."""
        # Missing where sales said nothing.
        refused = leads["refused"]
        counts = pd.DataFrame(
            {"mqls": 1, "accepted": refused.eq(False), "refused": refused.eq(True), "undecided": refused.isna()}
        )
        names = self.groups.names
        frame = counts.groupby(leads["group"]).sum().reindex(range(len(names)), fill_value=0)
        frame = frame.set_axis(pd.Index(names, name="group")).astype(np.int64)
        if self.by is not None:
            frame = pd.concat([frame, frame.sum().to_frame(ALL).T.rename_axis("group")])
        frame = with_shares(frame.assign(of=self.of(frame)), "accepted", "of").drop(columns="of")
        if not self.shares:
            frame[["share", "low", "high"]] = np.nan
        return frame

    def of(self, frame: pd.DataFrame) -> pd.Series[Any]:
        """How many MQLs the shares are of."""
        return frame["mqls"] if self.within_days else frame["accepted"] + frame["refused"]

    def reasons(self, leads: pd.DataFrame) -> pd.DataFrame:
        """`Acceptance.reasons`, of the leads refused."""
        reasons = leads[leads["refused"].eq(True)].groupby(["group", "reason"]).size().rename("count").reset_index()
        reasons["n"] = reasons.groupby("group")["count"].transform("sum")
        reasons = reasons.sort_values(["group", "count", "reason"], ascending=[True, False, True], ignore_index=True)
        reasons["group"] = reasons["group"].map(dict(enumerate(self.groups.names)))
        reasons = with_shares(reasons, "count", "n")
        return reasons if self.by is not None else reasons.drop(columns="group")

    def in_period(self, handovers: pd.DataFrame, period: Period) -> Acceptance:
        """What sales said to the MQLs of a period, against the one before."""
        mqls = handovers.assign(
            group=self.groups.code[handovers["lead"]],
            refused=~handovers["accepted"],
            # Without an mql nothing says since when sales had them.
            came=handovers["day"].where(handovers["recorded"], NEVER),
            day=handovers["decided"],
        )
        rows = [mqls.loc[first_in(handovers, one).index] for one in (period, period.before)]
        both, left_out = self.counted(pd.concat(rows, keys=["now", "before"]))
        parts = [both[both.index.get_level_values(0) == when] for when in ("now", "before")]
        frame, before = map(self.frame, parts)
        # Where it is not known who was not accepted nothing is compared.
        earlier, known = ((one["accepted"] * self.shares, self.of(one) * self.shares) for one in (before, frame))
        change, others = changes_by_group(earlier, known)
        days = day_of(period.first), day_of(period.last)
        notes = (*left_out, *self.notes, *_still_undecided(frame, before))
        counts = frame, self.reasons(parts[0]), self.within_days, day_of(self.until), notes
        return Acceptance(*counts, *days, before, change, others)


def _still_undecided(frame: pd.DataFrame, before: pd.DataFrame) -> list[str]:
    """That the later MQLs had less time, where that may matter."""
    now, earlier = (int(one["undecided"].iloc[-1]) for one in (frame, before))
    if not now:
        return []
    why = "what is decided first may not be like the rest"
    return [f"Undecided: {now:,} of the period, {earlier:,} of the one before; {why}."]


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
