"""Leads below their threshold that sales worked all the same: who of them it accepted, and what sets those apart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.days import day_of
from leadscore.base.periods import Period
from leadscore.base.text import counted
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.sales.facts import TWELVE_WEEKS, Facts
from leadscore.sales.handover.handovers import BELOW, BY_POINTS
from leadscore.sales.traits.traits import MARKED, accounts_of, compared, sets_apart, traits_of
from leadscore.stats.intervals import Figure, newcombe, with_shares
from leadscore.tables.tables import Tables


@dataclass(frozen=True, eq=False, repr=False)
class Missed(Result):
    """What sales said to leads below their threshold, by their traits; made by `missed`.

    Attributes
    ----------
    frame : DataFrame, one row per trait, most certain first
        `trait`; `accepted`, `n` with it; `accepted_without`, `n_without`; `difference` of the shares with `low`, `high`
        (95 %); `p` (before correction), `q` (Benjamini-Hochberg, over all rows).
    shares : DataFrame, index route ("below", "above")
        `n` leads decided, `accepted`, `share`, `low`, `high` (95 % Wilson).
    gap : (difference, low, high)
        The share accepted below less that above the bar (Newcombe).
    p : float
        That the two do not differ (Fisher's exact test).
    undecided : int
        Leads below that sales has not decided on.
    start, end : date
        The 12 weeks in which they came.
    notes : tuple of str
    """

    frame: pd.DataFrame
    shares: pd.DataFrame
    gap: Figure
    p: float
    undecided: int
    start: dt.date
    end: dt.date
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """How many leads below were accepted, and which trait sets them apart."""
        n, accepted = self.shares[["n", "accepted"]].to_numpy(np.int64)[0].tolist()
        if not n:
            return f"Sales decided on no lead below the bar that came from {self.start} to {self.end}."
        first = f"Sales accepted {accepted:,} of {counted(n, 'lead')} below the bar"
        if np.isnan(self.p):
            return f"{first}; no refusal is recorded, so no share is known."
        if not len(self.frame):
            return f"{first}; there are too few to compare their traits."
        return f"{first}; {sets_apart(self.frame, 'accepted')}."

    def sections(self) -> Iterator[Section]:
        """The traits, and below beside above."""
        formats = {"difference": "+.1%", "low": "+.1%", "high": "+.1%"}
        yield Section("shares", "Share accepted of the leads decided (95 % Wilson)", self.shares)
        if len(self.frame):
            title = f"Leads below: acceptance with each trait less without it (95 %; q up to {MARKED} holds)"
            yield Section("frame", title, self.frame, self.frame.drop(columns="p"), formats=formats)


def missed(tables: Tables, rulebook: Rulebook, *, start: Any, end: Any, observed_until: Any = None) -> Missed:
    """Whom sales accepted though the score had not qualified them, and which of their traits set them apart.

    Looked at are leads that came to sales in the 12 weeks up to `end`, below their threshold and without a hand-raise
    by the end of that day, not barred by `never`, and that sales has decided on; each with the first time it came.
    Traits are lead columns, as of the moment the lead came to sales where `valid_from` tells, and what it had seen and
    done before.

    Parameters
    ----------
    tables : Tables
        With outcomes. Read with `columns=[...]`, more columns of the leads are compared than those that rules use.
    rulebook : Rulebook
    start, end : date, or text as "2026-03-31"
        The period.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.

    Returns
    -------
    Missed
        `headline`, `notes`, `frame`, `shares`, `gap`, `p`.

    Raises
    ------
    ArgumentError
        If there are no outcomes, or the period is invalid.

    Notes
    -----
    Sales chose which of these leads to work, so the rest may differ, and accepted is not won. What the score counts is
    rarer below the bar: a lead with a high fit is there for want of activity. Several traits that go together
    each show the same difference. To make a rule of a trait, confirm it out of time with `suggest`.

    Of 200 simulated companies where nothing set leads apart, the smallest q was at most 0.05 in 2.5 %.

    References
    ----------
    Benjamini, Y. and Hochberg, Y. (1995), Journal of the Royal Statistical Society B 57, 289-300.

    Examples
    --------
    >>> import leadscore as ls
    >>> funnel = ls.datasets.make_funnel(2000, random_state=3)
    >>> tables = ls.load_tables(funnel.leads, funnel.events, funnel.outcomes)
    >>> found = missed(tables, funnel.rulebook, start="2026-03-02", end="2026-03-29")
    >>> found.headline
    'Sales accepted 37 of 74 leads below the bar; none of 19 traits tested sets them apart.'
    """
    return missed_of(Facts.of("missed", tables, rulebook, start=start, end=end, observed_until=observed_until))


def missed_of(facts: Facts) -> Missed:
    """`missed`, of facts."""
    period = Period(facts.period.last + 1 - TWELVE_WEEKS, facts.period.last)
    came = facts.handovers.during(period)
    came = came[came["blocked_by"].isna()]
    below = came[came["route"] == BELOW]
    decided = below[below["accepted"].notna()]
    above = came[(came["route"] == BY_POINTS) & came["accepted"].notna()]
    shares = pd.DataFrame({"n": [len(decided), len(above)]}, index=pd.Index(["below", "above"], name="route"))
    shares = shares.assign(accepted=[int(rows["accepted"].sum()) for rows in (decided, above)])
    lead = decided["lead"].to_numpy(np.int32)
    traits = traits_of(facts.tables, facts.rulebook, np.arange(len(lead)), lead, decided["moment"].to_numpy(np.int64))
    frame = compared(traits, decided["accepted"].to_numpy(bool), accounts_of(facts.tables, lead), word="accepted")
    shares, gap = with_shares(shares, "accepted", "n"), _gap(shares)
    if not facts.stages.of("rejected", "recycled").any():
        # All that is decided is accepted then, whatever sales did.
        frame, gap = frame.head(0), ((np.nan, np.nan, np.nan), np.nan)
        shares[["share", "low", "high"]] = np.nan
    return Missed(
        frame,
        shares,
        *gap,
        len(below) - len(decided),
        day_of(period.first),
        day_of(period.last),
        (*traits.notes, "Sales chose which of these leads to work, so the rest may differ."),
    )


def _gap(shares: pd.DataFrame) -> tuple[Figure, float]:
    """The difference of the shares below and above, and its p-value."""
    from scipy.stats import fisher_exact  # noqa: PLC0415 - scipy takes long to import

    (below, n), (above, others) = shares[["accepted", "n"]].to_numpy().tolist()
    difference, low, high = map(float, newcombe((above, others), (below, n)))
    return (difference, low, high), float(fisher_exact([[below, n - below], [above, others - above]]).pvalue)
