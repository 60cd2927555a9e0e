"""Deals that were won beside deals that were lost: which traits of their leads set them apart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.days import day_of
from leadscore.base.text import counted
from leadscore.base.times import DAY
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.sales.facts import Facts
from leadscore.sales.traits.traits import MARKED, accounts_of, compared, sets_apart, traits_of
from leadscore.stats.survival import kaplan_meier
from leadscore.tables.tables import Tables

# Deals of so many days are compared, old enough that such a share of those that ever close has closed; fewer won, or
# lost, are too few for a claim.
_YEAR, _CLOSED_BY, FEW_CLOSED = 365, 0.975, 30


@dataclass(frozen=True, eq=False, repr=False)
class WonLost(Result):
    """Won beside lost deals, by their traits; made by `won_lost`.

    Attributes
    ----------
    frame : DataFrame, one row per trait, most certain first
        `trait`; `won`, `n` deals closed with it; `won_without`, `n_without`; `difference` of the shares with `low`,
        `high` (95 %); `p` (before correction), `q` (Benjamini-Hochberg, over all rows); both NaN where fewer than 30
        deals were won, or lost.
    won, lost, open : int
        What became of the deals opened from `start` to `end` by the last day of the period.
    start, end : date
        The first and the last day on which these deals were opened.
    closed_within : int or None
        The days within which nearly all deals close that ever do (39 of 40); None where none has closed.
    notes : tuple of str
    """

    frame: pd.DataFrame
    won: int
    lost: int
    open: int
    start: dt.date
    end: dt.date
    closed_within: int | None
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """How many closed deals were won, and which trait sets them apart."""
        closed = self.won + self.lost
        if not closed:
            return "No deal has closed that was opened long enough ago to compare won with lost."
        first = f"{self.won:,} of {counted(closed, 'closed deal')} {'was' if closed == 1 else 'were'} won"
        if min(self.won, self.lost) < FEW_CLOSED:
            return f"{first}; too few deals have closed to compare traits."
        return f"{first}; {sets_apart(self.frame, 'won')}."

    def sections(self) -> Iterator[Section]:
        """The traits."""
        if len(self.frame):
            formats = {"difference": "+.1%", "low": "+.1%", "high": "+.1%"}
            title = f"Share won with each trait less without it (95 %; q up to {MARKED} holds)"
            yield Section("frame", title, self.frame, self.frame.drop(columns="p"), formats=formats)


def won_lost(tables: Tables, rulebook: Rulebook, *, start: Any, end: Any, observed_until: Any = None) -> WonLost:
    """Which traits of leads go with deals that were won, against deals that were lost.

    Looked at are the deals opened in a year and closed by `end`. Lost deals often close sooner than won ones, so among
    recent ones the lost are too many: the year ends so long before `end` that 39 of 40 deals that ever close would have
    closed (Kaplan-Meier, of all deals). A deal is a `deal_id`; without that column, an opportunity of a lead and the
    first `won` or `lost` after it. It has a trait if one of its leads has, as of the moment the deal was opened.

    Parameters
    ----------
    tables : Tables
        With outcomes. Read with `columns=[...]`, more columns of the leads are compared than those that rules use.
    rulebook : Rulebook
    start, end : date, or text as "2026-03-31"
        The period; deals closed after it count as open.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.

    Returns
    -------
    WonLost
        `headline`, `notes`, `frame`, `won`, `lost`, `open`.

    Raises
    ------
    ArgumentError
        If there are no outcomes, or the period is invalid.

    Notes
    -----
    Deals count, not amounts. A field that is filled in only once a deal is won looks like a trait of won deals: where
    leads have `valid_from`, what was filled in later does not count; else it cannot be known.

    Simulated with 800 deals in 14 months, ever more of them, where a trait changes how fast deals close and not how
    many are won: 7 % of tests said 5 % where its wins took eight times as long as its losses, 6 % where they took three
    times as long. Of all deals closed in a year, 80 % and 34 % did.

    References
    ----------
    Newcombe, R. G. (1998), Statistics in Medicine 17, 873-890, method 10. Benjamini, Y. and Hochberg, Y. (1995),
    Journal of the Royal Statistical Society B 57, 289-300.

    Examples
    --------
    >>> import leadscore as ls
    >>> funnel = ls.datasets.make_funnel(4000, random_state=3)
    >>> tables = ls.load_tables(funnel.leads, funnel.events, funnel.outcomes)
    >>> found = won_lost(tables, funnel.rulebook, start="2026-03-02", end="2026-03-29")
    >>> found.headline
    '5 of 13 closed deals were won; too few deals have closed to compare traits.'
    """
    return won_lost_of(Facts.of("won_lost", tables, rulebook, start=start, end=end, observed_until=observed_until))


def won_lost_of(facts: Facts) -> WonLost:
    """`won_lost`, of facts."""
    chosen, still_open, recent, within = closed_deals(facts)
    end = facts.period.last - (within or 0)
    good = (chosen["state"] == "won").to_numpy()
    rows = chosen.explode("leads")
    lead, unit = rows["leads"].to_numpy(np.int32), rows.index.to_numpy(np.int64)
    traits = traits_of(facts.tables, facts.rulebook, unit, lead, rows["opened_at"].to_numpy(np.int64))
    accounts = accounts_of(facts.tables, lead[np.unique(unit, return_index=True)[1]])
    frame = compared(traits, good, accounts, word="won")
    won, lost = int(good.sum()), int((~good).sum())
    if min(won, lost) < FEW_CLOSED:
        frame[["p", "q"]] = np.nan
    notes = list(traits.notes)
    if recent:
        left_out = f"{counted(recent, 'deal')} opened after {day_of(end)} left out"
        days = counted(within or 0, "day")
        notes.insert(0, f"{left_out}: 39 of 40 that ever close take up to {days}, and losses may come first.")
    return WonLost(frame, won, lost, still_open, day_of(end - _YEAR + 1), day_of(end), within, tuple(notes))


def closed_deals(facts: Facts) -> tuple[pd.DataFrame, int, int, int | None]:
    """The deals of a year, old enough and closed; how many of it are open, how many came later; `closed_within`.

    Returns
    -------
    deals : DataFrame
        `opened_at`, `opened`, `closed`, `state` ("won", "lost"), `leads`.
    still_open, recent : int
    closed_within : int or None
    """
    deals, last = _deals(facts), facts.period.last
    within = _closed_within(deals, last)
    end = last - (within or 0)
    closed, old = deals["closed"] <= last, (deals["opened"] > end - _YEAR) & (deals["opened"] <= end)
    recent = int(((deals["opened"] > end) & (deals["opened"] <= last)).sum()) if within is not None else 0
    return deals[old & closed].reset_index(drop=True), int((old & ~closed).sum()), recent, within


def _closed_within(deals: pd.DataFrame, last: int) -> int | None:
    """The days within which nearly all deals close that ever do, those still open allowed for."""
    deals = deals[deals["opened"] <= last]
    curve = kaplan_meier(np.minimum(deals["closed"], last) - deals["opened"], deals["closed"] <= last)
    if not curve.events.sum():
        return None
    closed = 1 - curve.survival
    return int(curve.time[np.argmax(closed >= _CLOSED_BY * closed[-1])])


def _deals(facts: Facts) -> pd.DataFrame:
    """Deals by when they were opened: `opened_at`, `opened`, `closed` (infinite while open), `state`, `leads`."""
    if facts.deals is not None:
        deals = facts.deals.frame.dropna(subset="opened")
        return deals.astype({"opened_at": np.int64, "opened": np.int64}).assign(
            closed=deals["closed"].astype(np.float64).fillna(np.inf)
        )
    stages, timezone = facts.stages, facts.tables.timezone
    moment = stages.comparable(timezone)
    found = {}
    for side, names in (("opened", ("opportunity",)), ("closed", ("won", "lost"))):
        rows = np.flatnonzero(stages.of(*names))
        frame = pd.DataFrame(
            {"lead": stages.lead[rows].astype(np.int64), "at": moment[rows], f"{side}_at": moment[rows]}
        )
        found[side] = frame.assign(state=np.where(stages.of("won")[rows], "won", "lost"), row=rows)
    # On the same moment a deal may be opened and won; the order of the rows decides nothing.
    opened = found["opened"].drop(columns=["state", "row"]).sort_values(["at", "lead"])
    closed = found["closed"].drop(columns="row").sort_values(["at", "lead", "state"])
    deals = pd.merge_asof(opened, closed, on="at", by="lead", direction="forward")
    # Opened again before it closed, it is one deal, from the first time on.
    deals = deals.drop_duplicates(["lead", "closed_at"])
    return deals.assign(
        opened=deals["opened_at"] // DAY,
        closed=(deals["closed_at"] // DAY).fillna(np.inf),
        leads=deals["lead"].map(lambda one: (one,)),
    )
