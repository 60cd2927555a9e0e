"""What marketing and sales promised each other, and what they kept of it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.days import day_of
from leadscore.base.text import counted, decimal, exact_percent
from leadscore.errors import ArgumentError
from leadscore.present.figures import money, percent_beside, percent_range, share
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.rulebook.agreement import Agreement
from leadscore.sales.deals.deals import currency_of
from leadscore.sales.deals.weighted_pipeline import weighted_pipeline_of
from leadscore.sales.facts import Facts
from leadscore.sales.kept.fields import MARKETING, REASON, SALES
from leadscore.sales.kept.records import records_of
from leadscore.sales.response.acceptance import acceptance_of
from leadscore.sales.response.response_times import response_times_of
from leadscore.stats.intervals import poisson, rate
from leadscore.tables.tables import Tables

BOTH = "both"
KEPT, NOT_KEPT, TOO_EARLY, UNKNOWN = "kept", "not kept", "too early", "not known"
_COLUMNS = ["team", "promise", "promised", "count", "n", "figure", "low", "high", "result"]


@dataclass(frozen=True, eq=False, repr=False)
class Promises(Result):
    """The promises of both teams; made by `promises`.

    Attributes
    ----------
    frame : DataFrame, one row per promise, those of marketing first
        `team` ("marketing", "sales", or "both" for the weighted pipeline), `promise` in words, `promised` (a share; of
        MQLs how many; an amount); `count` of `n` leads whose time is up, `figure`, their share, with `low`, `high`
        (95 % Wilson); of MQLs how many came, with their interval (Garwood), and no `n`; of the pipeline what
        `weighted_pipeline` says; `result`: "kept" where the figure itself is what was promised, "not kept", "too early"
        where no lead's time is up, "not known" where the outcomes do not tell.
    currency : str
        What stands before amounts.
    start, end : date
    notes : tuple of str
    """

    frame: pd.DataFrame
    currency: str
    start: dt.date
    end: dt.date
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """How many of its promises each team kept."""
        marketing, sales = (self._kept(team) for team in (MARKETING, SALES))
        early = int(self.frame["result"].eq(TOO_EARLY).sum())
        later = f"; for {early} it is too early" if early else ""
        if marketing[1] and sales[1]:
            each = f"Marketing kept {marketing[0]} of its {counted(marketing[1], 'promise')} and sales"
            return f"{each} {sales[0]} of {sales[1]}{later}."
        said = [
            f"{team} kept {kept} of its {counted(judged, 'promise')}"
            if judged
            else f"no promise of {team} can be judged"
            for team, (kept, judged) in ((MARKETING, marketing), (SALES, sales))
        ]
        return f"{'; '.join(said).capitalize()}{later}."

    def _kept(self, team: str) -> tuple[int, int]:
        """How many promises a team kept of how many that can be judged."""
        results = self.frame["result"][self.frame["team"] == team]
        return int(results.eq(KEPT).sum()), int(results.isin([KEPT, NOT_KEPT]).sum())

    def sections(self) -> Iterator[Section]:
        """The promises."""
        shown = self.frame[["team", "promise"]].assign(figure=self.figures(), result=self.frame["result"])
        yield Section("frame", "What was promised, and this period's figure (95 %)", self.frame, shown)

    def figures(self) -> list[str]:
        """Each figure in words, with its interval and n."""
        return [_in_words(row, self.currency) for _, row in self.frame.iterrows()]


def _in_words(row: pd.Series[Any], currency: str) -> str:
    if math.isnan(row["figure"]):
        return "no lead's time is up" if row["result"] == TOO_EARLY else UNKNOWN
    if row["team"] == BOTH:
        figure, low, high, goal = (money(row[name], currency) for name in ("figure", "low", "high", "promised"))
        return f"{figure} ({low} to {high}) of {goal}"
    if math.isnan(row["n"]):
        return f"{row['count']:,.0f} ({row['low']:,.0f} to {row['high']:,.0f})"
    interval = percent_range(row["low"], row["high"])
    said = share(int(row["count"]), int(row["n"]))
    if not said.endswith("%"):
        return f"{said} ({interval})"
    return f"{percent_beside(row['figure'], row['promised'])} ({interval}) of {row['n']:,.0f}"


def promises(tables: Tables, rulebook: Rulebook, *, start: Any, end: Any, observed_until: Any = None) -> Promises:
    """What each team promised the other in the rulebook's agreement, and whether it kept it in a period.

    Marketing: `mqls_per_week`; `accepted`, of MQLs that sales decided on; `complete_at_handover`, of which the column
    furthest from its promise stands for all. Sales: `respond`, within the working hours agreed; `decide`, accepted or
    refused in time; `reason_with_refusal`. Both: the `weighted_pipeline`, where outcomes have `deal_id`. Only leads
    whose time is up enter a share.

    Parameters
    ----------
    tables : Tables
        With outcomes.
    rulebook : Rulebook
        With an `agreement` that promises something.
    start, end : date, or text as "2026-03-31"
        The period.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.

    Returns
    -------
    Promises
        `headline`, `notes`, `frame`.

    Raises
    ------
    ArgumentError
        If the agreement promises nothing, there are no outcomes, or the period is invalid.

    Notes
    -----
    "Kept" compares the figure itself with the promise. The interval shows how far such a figure varies by chance; it
    has no part in the result. The agreed mix has no better and worse: see `personas`.

    References
    ----------
    Garwood, F. (1936), Biometrika 28, 437-442. Wilson, E. B. (1927), Journal of the American Statistical Association
    22, 209-212.

    Examples
    --------
    >>> import leadscore as ls
    >>> rulebook = ls.Rulebook.from_yaml('''
    ... leadscore: 1
    ... name: demo
    ... agreement:
    ...   marketing: {mqls_per_week: 1, accepted: 60%}
    ...   sales: {decide: {within_days: 7, share: 90%}}
    ... qualify: {threshold: 0}
    ... ''')
    >>> rows = [("a", "mql", 2), ("b", "mql", 3), ("c", "mql", 4), ("d", "mql", 27), ("a", "sal", 5), ("b", "sal", 6)]
    >>> outcomes = pd.DataFrame(rows + [("c", "rejected", 9)], columns=["lead_id", "stage", "day"])
    >>> outcomes["at"] = [f"2026-03-{day:02d}" for day in outcomes.pop("day")]
    >>> leads = pd.DataFrame({"lead_id": list("abcd")})
    >>> tables = ls.load_tables(leads, None, outcomes, rulebook=rulebook, observed_until="2026-03-29")
    >>> promises(tables, rulebook, start="2026-03-02", end="2026-03-29")
    Marketing kept 2 of its 2 promises and sales 1 of 1.
    <BLANKLINE>
    What was promised, and this period's figure (95 %):
      team       promise                                        figure               result
      marketing  Hand over 4 MQLs in four weeks                 4 (1 to 10)          kept
      marketing  60% of MQLs that sales decided on accepted     2 of 3 (21% to 94%)  kept
      sales      90% of MQLs accepted or refused within 7 days  3 of 3 (44% to 100%) kept
    """
    facts = Facts.of("promises", tables, rulebook, start=start, end=end, observed_until=observed_until)
    found = promises_of(facts)
    if not len(found.frame):
        message = "promises nothing: write what each team promised as `agreement: {marketing: {..}, sales: {..}}`"
        raise ArgumentError("rulebook", message)
    return found


def promises_of(facts: Facts) -> Promises:
    """`promises` of some facts; without a row where nothing was promised."""
    rows = [*_of_marketing(facts), *_of_sales(facts), *_of_both(facts)]
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    numbers = ["promised", "count", "n", "figure", "low", "high"]
    frame[numbers] = frame[numbers].astype(np.float64)
    return Promises(frame, currency_of(facts.tables), day_of(facts.period.first), day_of(facts.period.last), ())


def _of_marketing(facts: Facts) -> Iterator[tuple[Any, ...]]:
    promised = (facts.rulebook.agreement or Agreement()).marketing
    if promised.mqls_per_week is not None:
        came, wanted = len(facts.handovers.during(facts.period)), promised.mqls_per_week * facts.period.days / 7
        low, high = poisson(came)
        said = f"Hand over {math.ceil(wanted):,} MQLs in {facts.period.length}"
        yield MARKETING, said, wanted, came, None, came, low, high, KEPT if came >= wanted else NOT_KEPT
    if promised.accepted is not None:
        whole = facts.once(acceptance_of).frame.iloc[-1]
        known = not (whole["accepted"] and np.isnan(whole["share"]))
        counts = (int(whole["accepted"]), int(whole["accepted"] + whole["refused"])) if known else None
        said = f"{exact_percent(promised.accepted)} of MQLs that sales decided on accepted"
        yield _share(MARKETING, said, promised.accepted, counts)
    if promised.complete_at_handover:
        fields = facts.once(records_of).fields
        due = fields[fields["promised"].notna() & (fields["team"] == MARKETING) & (fields["n"] > 0)]
        asked = promised.complete_at_handover.items()
        row = due.iloc[int(np.argmin(due["share"] - due["promised"]))] if len(due) else {"filled": 0, "n": 0}
        said = " and ".join(f"{name} ({exact_percent(one)})" for name, one in asked)
        said = f"MQLs arrive with {said}{'; furthest from its promise: ' + str(row['field']) if len(due) > 1 else ''}"
        if len(asked) == 1:
            said = "".join(f"{exact_percent(one)} of MQLs arrive with {name}" for name, one in asked)
        yield _share(MARKETING, said, row.get("promised", np.nan), (int(row["filled"]), int(row["n"])))


def _of_sales(facts: Facts) -> Iterator[tuple[Any, ...]]:
    agreement = facts.rulebook.agreement or Agreement()
    promised = agreement.sales
    if promised.respond is not None and agreement.responds_within is not None:
        on_time = facts.once(response_times_of).on_time if facts.stages.of("contacted").any() else None
        counts = None if on_time is None else (int(on_time["on_time"].iloc[-1]), int(on_time["due"].iloc[-1]))
        kind = "working minutes" if promised.hours else "minutes"
        said = f"{exact_percent(promised.respond.share)} of MQLs contacted within"
        said = f"{said} {decimal(agreement.responds_within)} {kind}"
        yield _share(SALES, said, promised.respond.share, counts)
    if promised.decide is not None:
        mqls = facts.handovers.during(facts.period)
        last = mqls["day"] + promised.decide.within_days
        up = last <= facts.until
        inside = (mqls["decided"] <= last).fillna(False)
        said = f"{exact_percent(promised.decide.share)} of MQLs accepted or refused within"
        said = f"{said} {counted(promised.decide.within_days, 'day')}"
        yield _share(SALES, said, promised.decide.share, (int((inside & up).sum()), int(up.sum())))
    if promised.reason_with_refusal is not None:
        fields = facts.once(records_of).fields
        row = fields[fields["field"] == REASON]
        known = "reason" in facts.stages.frame
        counts = (int(row["filled"].sum()), int(row["n"].sum())) if known else None
        said = f"A reason with {exact_percent(promised.reason_with_refusal)} of refusals"
        yield _share(SALES, said, promised.reason_with_refusal, counts)


def _of_both(facts: Facts) -> Iterator[tuple[Any, ...]]:
    goal = (facts.rulebook.agreement or Agreement()).shared.weighted_pipeline
    if goal is not None and facts.deals is not None:
        found = facts.once(weighted_pipeline_of)
        result = UNKNOWN if math.isnan(found.value) else KEPT if found.value >= goal else NOT_KEPT
        yield BOTH, "Reach the agreed weighted pipeline", goal, None, None, found.value, found.low, found.high, result


def _share(team: str, said: str, promised: float, counts: tuple[int, int] | None) -> tuple[Any, ...]:
    """A promise of a share; without counts nobody knows it."""
    count, n = counts or (0, 0)
    if not n:
        return team, said, promised, None, None, None, None, None, UNKNOWN if counts is None else TOO_EARLY
    figure, low, high = rate(count, n)
    return team, said, promised, count, n, figure, low, high, KEPT if count >= promised * n - 1e-9 else NOT_KEPT
