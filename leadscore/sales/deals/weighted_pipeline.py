"""What the open deals are worth, each at the share of past opportunities that were won."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.special import betaincinv

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted
from leadscore.errors import ArgumentError
from leadscore.present.figures import money, percent
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.sales.deals.deals import LOST, NO_DEALS, WON, currency_of
from leadscore.sales.facts import Facts
from leadscore.stats.intervals import Ints
from leadscore.stats.survival import competing_counts, competing_curves, cumulative_incidence
from leadscore.tables.tables import Tables

_WON, _LOST = 1, 2
# Of fewer closed deals nothing is said of the share that is won.
FEW_CLOSED = 30
# Older than so many of those that closed is late; a deal that is more of the open amount than this is named.
_LATE_FROM, _LARGE = 0.9, 0.25
_REPLICATES, _AT_ONCE = 2000, 50


@dataclass(frozen=True, eq=False, repr=False)
class WeightedPipeline(Result):
    """The open deals at what past ones came to; made by `weighted_pipeline`.

    Attributes
    ----------
    value, low, high : float
        What the open deals are worth, with its interval (95 %, bootstrap of deals); NaN where no share is known.
    open, open_amount : int, float
        The deals in it: open, not late, with an amount.
    share_won, share_low, share_high : float
        Of opportunities, in the end (95 %); NaN where too few are closed and no share is agreed.
    share_from : str
        "own deals", "agreed" or "".
    won, lost : int
        The closed deals.
    late, late_amount : int, float
        Open deals older than nine in ten of those that closed, which are not in the value.
    late_from_days : float
        That age; NaN where too few are closed.
    without_amount : int
        Open deals that are not in the value for want of an amount.
    large : tuple of str
        The deals that are more than a quarter of the open amount each.
    goal, covered : float
        The agreed weighted pipeline, and the share of it that the value is; NaN without one.
    currency : str
    frame : DataFrame, index deal_id
        The open deals: `age_days`, `amount`, `late`, `share` (of past deals as old, won in the end), the largest first.
    notes : tuple of str
    """

    value: float
    low: float
    high: float
    open: int
    open_amount: float
    share_won: float
    share_low: float
    share_high: float
    share_from: str
    won: int
    lost: int
    late: int
    late_amount: float
    late_from_days: float
    without_amount: int
    large: tuple[str, ...]
    goal: float
    covered: float
    currency: str
    frame: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """What the open deals are worth, and how much of the goal that is."""
        deals = f"{money(self.open_amount, self.currency)} in {counted(self.open, 'open deal')}"
        if np.isnan(self.value):
            closed = counted(self.won + self.lost, "deal")
            return f"{deals}; {closed} closed, too few to say what share is won (fewer than {FEW_CLOSED})."
        ends = f"95% interval {money(self.low, self.currency)} to {money(self.high, self.currency)}"
        goal = f", {percent(self.covered)} of the goal of {money(self.goal, self.currency)}" if self.goal > 0 else ""
        share = percent(self.value / self.open_amount) if self.open_amount else "0%"
        at = f"{share}, as agreed" if self.share_from == "agreed" else f"the {share} that past deals as old came to"
        return f"Weighted open pipeline is {money(self.value, self.currency)} ({ends}){goal}: {deals} at {at}."

    def sections(self) -> Iterator[Section]:
        """The open deals."""
        yield Section("frame", "Open deals", self.frame)


def weighted_pipeline(  # noqa: PLR0913 - a period, and what is agreed
    tables: Tables,
    rulebook: Rulebook,
    *,
    start: Any,
    end: Any,
    observed_until: Any = None,
    agreed_share: float | None = None,
) -> WeightedPipeline:
    """The amounts of the open deals, each times the share of past deals as old that were won in the end.

    Parameters
    ----------
    tables : Tables
        With outcomes that have `deal_id` and `amount`.
    rulebook : Rulebook
        Its `agreement.shared.weighted_pipeline` is the goal.
    start, end : date, or text as "2026-03-31"
        The period; the deals are those open on the last day known.
    observed_until : date, optional
        The last day whose outcomes are known; by default that of the tables.
    agreed_share : float, optional
        The share won that both teams agreed on; used where fewer than 30 deals are closed.

    Returns
    -------
    WeightedPipeline
        `headline`, `notes`, `value`, `frame`.

    Raises
    ------
    ArgumentError
        If there are no outcomes, they have no `deal_id`, amounts are in several currencies, or an argument is wrong.

    Notes
    -----
    A deal counts with the share of past ones that, still open at its age, were won in the end (Aalen-Johansen, won and
    lost competing). Open ones count for as long as they were followed: of deals opened lately only the quick ends are
    known. One share for all would be too much for old deals, of which those that are won soon are no longer open. What
    is open after the longest time followed counts as not won. A deal older than nine in ten of those that closed is
    counted apart; nobody knows whether it is still one.

    Intervals draw all deals again, 2,000 times; that of `share_won` is Jeffreys' for as many deals as have its
    variance. They are no forecast: which deals are won varies more.

    References
    ----------
    Aalen, O. O. and Johansen, S. (1978), An empirical transition matrix for non-homogeneous Markov chains, Scandinavian
    Journal of Statistics 5, 141-150. Brown, L. D., Cai, T. T. and DasGupta, A. (2001), Interval estimation for a
    binomial proportion, Statistical Science 16, 101-133.

    Examples
    --------
    >>> import leadscore as ls
    >>> book = ls.Rulebook.from_yaml("{leadscore: 1, name: x, fit: [], behaviour: [], qualify: {threshold: 0}}")
    >>> outcomes = pd.DataFrame(
    ...     {"lead_id": ["a", "b"], "stage": "opportunity", "at": "2026-03-12", "deal_id": ["D", "E"]}
    ... ).assign(amount=[80, 20])
    >>> tables = ls.load_tables(pd.DataFrame({"lead_id": ["a", "b"]}), None, outcomes, observed_until="2026-03-29")
    >>> found = weighted_pipeline(tables, book, start="2026-03-02", end="2026-03-29", agreed_share=0.25)
    >>> found.value, found.large
    (25.0, ('D',))
    """
    with Arguments("weighted_pipeline") as given:
        share = None if agreed_share is None else given.probability("agreed_share", agreed_share)
        facts = Facts.of("weighted_pipeline", tables, rulebook, start=start, end=end, observed_until=observed_until)
    return weighted_pipeline_of(facts, agreed_share=share)


def weighted_pipeline_of(facts: Facts, *, agreed_share: float | None = None) -> WeightedPipeline:
    """The weighted pipeline of the last day known."""
    if facts.deals is None:
        raise ArgumentError("tables", NO_DEALS)
    past = _Past.of(facts.deals.frame[facts.deals.frame["opened"].notna()], facts.until)
    frame, late_from = past.open_deals(agreed_share)
    inside = frame[~frame["late"] & frame["amount"].notna()]
    late, amount = frame[frame["late"]], float(inside["amount"].sum())
    value = float((inside["amount"] * inside["share"]).sum(min_count=len(inside[:1])))
    low, high = past.interval(late_from, agreed_share)
    share_won, share_low, share_high = past.share_won(agreed_share)
    goal = facts.rulebook.agreement.shared.weighted_pipeline if facts.rulebook.agreement else None
    own = "own deals" if past.enough else ""
    return WeightedPipeline(
        value=value if own or agreed_share else np.nan,
        low=low,
        high=high,
        open=len(inside),
        open_amount=amount,
        share_won=share_won,
        share_low=share_low,
        share_high=share_high,
        share_from=own or ("agreed" if agreed_share else ""),
        won=int((past.cause == _WON).sum()),
        lost=int((past.cause == _LOST).sum()),
        late=len(late),
        late_amount=float(late["amount"].sum()),
        late_from_days=late_from,
        without_amount=int((~frame["late"] & frame["amount"].isna()).sum()),
        large=tuple(inside.index[inside["amount"] > _LARGE * amount]),
        goal=np.nan if goal is None else float(goal),
        covered=value / float(goal) if goal and (own or agreed_share) else np.nan,
        currency=currency_of(facts.tables),
        frame=frame,
        notes=(*_notes(frame, past), *facts.deals.notes),
    )


@dataclass(frozen=True, eq=False)
class _Past:
    """All deals that were opened: `age` in days, up to their end or the last day known, and `cause`, how they ended."""

    deals: pd.DataFrame
    age: Ints
    cause: Ints

    @classmethod
    def of(cls, deals: pd.DataFrame, until: int) -> _Past:
        ended = deals["closed"].fillna(until).to_numpy(np.int64)
        cause = np.select([deals["state"] == WON, deals["state"] == LOST], [_WON, _LOST], 0)
        return cls(deals, ended - deals["opened"].to_numpy(np.int64), cause)

    @property
    def enough(self) -> bool:
        """Whether so many are closed that they say what share is won."""
        return int((self.cause > 0).sum()) >= FEW_CLOSED

    @property
    def _place(self) -> Ints:
        """(n_deals,) the place of each age among all."""
        return np.unique(self.age, return_inverse=True)[1]

    def open_deals(self, agreed: float | None) -> tuple[pd.DataFrame, float]:
        """`WeightedPipeline.frame`, and the age from which deals are late."""
        frame = pd.DataFrame({"age_days": self.age, "amount": self.deals["amount"]}, index=self.deals.index)
        late_from, share = np.nan, np.full(len(frame), np.nan if agreed is None else agreed)
        if self.enough:
            late_from = float(np.quantile(self.age[self.cause > 0], _LATE_FROM, method="inverted_cdf"))
            share = _still_won(*competing_counts(self.age, self.cause, _WON))[self._place]
        frame = frame.assign(late=self.age > (np.inf if np.isnan(late_from) else late_from), share=share)
        frame = frame[self.cause == 0]
        order = ["amount", "age_days"]
        return frame.sort_values(order, ascending=False, kind="stable", na_position="last"), late_from

    def interval(self, late_from: float, agreed: float | None) -> tuple[float, float]:
        """The ends of the value when all deals are drawn again."""
        if not self.enough and agreed is None:
            return np.nan, np.nan
        rng, place, n = np.random.default_rng(0), self._place, len(self.age)
        inside = (self.cause == 0) & ~(self.age > late_from)
        worth = np.where(inside, self.deals["amount"].fillna(0).to_numpy(np.float64), 0)
        at = csr_array((np.ones(n), (np.arange(n), place)), shape=(n, int(place.max(initial=-1)) + 1))
        found = []
        for _ in range(_REPLICATES // _AT_ONCE if n else 0):
            weight = rng.multinomial(n, np.full(n, 1 / n), _AT_ONCE)
            amounts = (weight * worth) @ at
            share: Any = agreed
            if self.enough:
                masks = (self.cause == _WON, self.cause > 0, self.cause >= 0)
                own, ended, there = (weight * mask @ at for mask in masks)
                share = _still_won(own, ended, np.cumsum(there[:, ::-1], axis=1)[:, ::-1])
            found.append((amounts * share).sum(axis=1))
        low, high = np.quantile(np.concatenate(found), [0.025, 0.975]) if found else (0.0, 0.0)
        return float(low), float(high)

    def share_won(self, agreed: float | None) -> tuple[float, float, float]:
        """The share of all that is won in the end, with its interval."""
        if not self.enough:
            return (np.nan if agreed is None else agreed,) * 3
        share, variance = cumulative_incidence(self.age.astype(np.float64), self.cause, _WON)
        # As many deals as a share of them would vary so much; where it does not vary, those that closed.
        n = share * (1 - share) / variance if variance > 0 else (self.cause > 0).sum()
        low, high = (float(betaincinv(n * share + 0.5, n * (1 - share) + 0.5, end)) for end in (0.025, 0.975))
        return share, low, high


def _still_won(own: Any, ended: Any, at_risk: Any) -> Any:
    """(..., n_times) of those without an end after each time, the share that is won later."""
    survival, incidence = competing_curves(own, ended, at_risk)
    later = incidence[..., -1:] - incidence
    return np.divide(later, survival, out=np.zeros_like(later), where=survival > 0)


def _notes(frame: pd.DataFrame, past: _Past) -> Iterator[str]:
    late, without = int(frame["late"].sum()), int((~frame["late"] & frame["amount"].isna()).sum())
    if late:
        yield f"Not in it: {counted(late, 'open deal')} older than nine in ten of those that closed."
    if without:
        yield f"Not in it: {counted(without, 'open deal')} without an amount."
    if len(frame) > len(past.age) / 2:
        deals = counted(len(past.age), "deal")
        yield f"{len(frame):,} of {deals} are still open: shares are of those that closed so far."
