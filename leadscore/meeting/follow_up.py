"""What became of what was decided: each decision's figure now, beside what it was when it was agreed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from leadscore.base.days import day_number
from leadscore.base.periods import Period
from leadscore.drift.balance.today import balance_today_of
from leadscore.errors import ArgumentError, did_you_mean
from leadscore.meeting.decisions import Check, Decision
from leadscore.present.figures import of_all, percent
from leadscore.rulebook.kinds import declared_kind
from leadscore.sales.facts import Facts
from leadscore.sales.handover.handovers import BELOW, NO_REASON
from leadscore.sales.handover.personas import personas_of
from leadscore.sales.response.response_times import response_times_of
from leadscore.stats.intervals import poisson, rate

State = Literal["reached", "moving", "not moving", "due", "not measurable", "not judged"]


@dataclass(frozen=True)
class Measured:
    """A figure of a period: `count` of `n`, or `count` in `n` weeks; with its 95 % interval."""

    count: int
    n: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class FollowUp:
    """A decision, and what became of it."""

    decision: Decision
    state: State
    before: Measured | None = None
    now: Measured | None = None
    why: str = ""


def followed(facts: Facts, decision: Decision) -> FollowUp:
    """A decision, judged over the period of the facts and the equally long one before it was agreed.

    "reached": the figure is what was agreed. "moving": it is not, and the interval excludes what it was before, in the
    right direction. "due": the day it was to be reached by has passed. These are figures before and after: what else
    changed in between changed them too, which only a trial can tell apart.
    """
    check, agreed = decision.check, day_number(decision.agreed_on)
    if check is None:
        return FollowUp(decision, "not judged")
    if agreed > facts.period.last:
        return FollowUp(decision, "not measurable", why="it was agreed after this period")
    try:
        now = _measured(facts, check)
    except ArgumentError as error:
        return FollowUp(decision, "not measurable", why=error.problems[0].message)
    if not now.n:
        return FollowUp(decision, "not measurable", why="there is no case in this period")
    before = _before(facts, check, agreed)
    wanted, sign = (check.at_least, 1) if check.at_least is not None else (check.at_most, -1)
    assert wanted is not None
    if sign * now.value >= sign * wanted:
        state: State = "reached"
    elif check.by is not None and day_number(check.by) <= facts.period.last:
        state = "due"
    elif before is not None and (now.low > before.value if sign > 0 else now.high < before.value):
        state = "moving"
    else:
        state = "not moving"
    return FollowUp(decision, state, before, now)


def _before(facts: Facts, check: Check, agreed: int) -> Measured | None:
    """The figure of the equally long period before it was agreed, if it is known."""
    try:
        found = _measured(facts.over(Period(agreed - facts.period.days, agreed - 1)), check)
    except ArgumentError:
        return None
    return found if found.n else None


def _measured(facts: Facts, check: Check) -> Measured:
    mqls = facts.handovers.during(facts.period)
    if check.figure == "mqls_per_week":
        weeks = facts.period.days / 7
        low, high = poisson(len(mqls))
        return Measured(len(mqls), weeks, len(mqls) / weeks, float(low) / weeks, float(high) / weeks)
    if check.figure == "responded_within":
        return _responded(facts, check)
    count, n = _COUNTS[check.figure](facts, mqls, check)
    value, low, high = (float(end) for end in rate(count, n)) if n else (math.nan,) * 3
    return Measured(count, n, value, low, high)


def _responded(facts: Facts, check: Check) -> Measured:
    """The share contacted within so many minutes, those who still wait included (Kaplan-Meier)."""
    times = facts.once(response_times_of)
    assert check.minutes is not None
    by_then = times.curve[times.curve["minutes"] <= check.minutes]
    n = int(times.frame["n"].iloc[-1])
    if not len(by_then):
        return Measured(0, n, *(float(end) for end in rate(0, n)))
    value, low, high = by_then[["answered", "low", "high"]].iloc[-1].tolist()
    return Measured(round(value * n), n, value, low, high)


def _accepted(_: Facts, mqls: pd.DataFrame, __: Check) -> tuple[int, int]:
    decided = mqls["accepted"].dropna()
    return int(decided.sum()), len(decided)


def _below(_: Facts, mqls: pd.DataFrame, __: Check) -> tuple[int, int]:
    return int((mqls["route"] == BELOW).sum()), len(mqls)


def _reasons(_: Facts, mqls: pd.DataFrame, __: Check) -> tuple[int, int]:
    refused = mqls[mqls["accepted"].eq(False).fillna(False)]
    return int((refused["reason"] != NO_REASON).sum()), len(refused)


def _decided(facts: Facts, mqls: pd.DataFrame, check: Check) -> tuple[int, int]:
    assert check.days is not None
    over = mqls[mqls["day"] + check.days <= facts.until]
    return int((over["decided"] <= over["day"] + check.days).fillna(False).sum()), len(over)


def _filled(facts: Facts, mqls: pd.DataFrame, check: Check) -> tuple[int, int]:
    """Fields as they were at the end of the day the lead came to sales."""
    tables, book, name = facts.tables, facts.rulebook, str(check.column)
    if name not in tables.leads.column_names:
        raise ArgumentError("check", f"there is no lead column {name!r}{did_you_mean(name, tables.leads.column_names)}")
    missing = tables.column(name, declared_kind(book, name) or "any", book).missing
    row = tables.records.lookup(book.timezone)(mqls["lead"].to_numpy(np.int32), mqls["day"].to_numpy(np.int64))
    return int((~np.append(missing, True)[row]).sum()), len(mqls)


def _needing(facts: Facts, _: pd.DataFrame, __: Check) -> tuple[int, int]:
    today = facts.once(balance_today_of)
    if today.needing is None:
        raise ArgumentError("check", "balance today has too little history")
    return today.needing, today.mqls


def _persona(facts: Facts, mqls: pd.DataFrame, check: Check) -> tuple[int, int]:
    frame, name = facts.once(personas_of).frame, str(check.persona)
    if name not in frame.index:
        raise ArgumentError("check", f"the rulebook has no persona {name!r}{did_you_mean(name, frame.index)}")
    return int(frame["mqls"][name]), len(mqls)


_Counts = Callable[[Facts, pd.DataFrame, Check], tuple[int, int]]
_COUNTS: dict[str, _Counts] = {
    "accepted": _accepted, "below_the_bar": _below, "reason_with_refusal": _reasons, "decided_within": _decided,
    "needing_activity": _needing, "persona": _persona, "filled": _filled,
}  # fmt: skip


def said(check: Check, measured: Measured | None) -> str:
    """A figure as people read it."""
    if measured is None:
        return "not known"
    if check.figure == "mqls_per_week":
        return f"{measured.value:,.0f} a week"
    n = round(measured.n)
    # Those who still wait count in part, so the share is not always that of the count.
    return of_all(measured.count, n) if n < 20 else f"{percent(measured.value)} of {n:,}"
