"""Leads chosen at the capacity sales has, by several ways from the same leads, and what one way gets more of them."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.days import as_day, day_number
from leadscore.base.text import counted
from leadscore.rulebook import Rulebook
from leadscore.rulebook.plan import ALWAYS
from leadscore.scoring.binding import Binding
from leadscore.scoring.engine import Bound
from leadscore.stats.intervals import Floats, Ints
from leadscore.tables.tables import Tables
from leadscore.threshold.table import ThresholdTable, weekly_mean

HAND_RAISERS, FIT, BEHAVIOUR, RECENT = "hand-raisers only", "fit only", "behaviour only", "most recent first"
CHANCE = "chance"
WEEK = 7


def simple_ways(bound: Bound) -> dict[str, Floats]:
    """What ways that need less than the whole rulebook go by, a number per lead, the best first.

    Minus infinity is never taken. Without a hand-raise in the rulebook there is no such way.
    """
    latest = np.full(bound.n, ALWAYS)
    for tables_of_days in bound.waited:
        for days in tables_of_days:
            np.minimum.at(latest, days.lead[days.starts], days.age[days.starts])
    ways = {FIT: bound.fit, BEHAVIOUR: bound.behaviour, RECENT: -latest}
    if bound.plan.hand_raises:
        ways = {HAND_RAISERS: np.where(bound.raised, 1, -np.inf)} | ways
    return {name: np.asarray(score, np.float64) for name, score in ways.items()}


def chosen(score: Floats, week: Ints, places: Floats) -> Floats:
    """The chance of each lead to be taken: 1 or 0, or its share of the week's places left where scores tie.

    Parameters
    ----------
    score : (n,) higher is better; minus infinity is never taken
    week : (n,) whole numbers from 0
    places : (n_weeks,) how many leads are taken in each week
    """
    rows = pd.DataFrame({"week": week, "score": score})
    before = rows.groupby("week")["score"].rank(method="min", ascending=False).to_numpy() - 1
    equals = rows.groupby(["week", "score"])["score"].transform("size").to_numpy()
    return np.clip((places[week] - before) / equals, 0, 1) * np.isfinite(score)


def fitting(  # noqa: PLR0913 - each of them is part of what is asked
    tables: Tables, rulebook: Rulebook, table: ThresholdTable, *, start: Any, end: Any, capacity_per_week: float
) -> dict[str, Any]:
    """The lowest threshold at which no more of all leads newly qualify than sales can work, worked or not.

    Counted by replay, over the whole weeks that end with the last day; segments keep their thresholds.

    Parameters
    ----------
    table : ThresholdTable
        Of leads that came to sales: its thresholds are tried, and it says what those at the chosen one brought.

    Returns
    -------
    dict
        `threshold`, `per_week` with `low` and `high` (95 %) over so many `weeks`, whether it `fits`, the same of the
        threshold `now`, `headline`.
    """
    binding = Binding(tables, day_number(as_day(start, name="start")), day_number(as_day(end, name="end")))
    weeks = (binding.last - binding.first + 1) // WEEK
    rulebook.bar()

    def at(threshold: float) -> dict[str, float]:
        changed = rulebook.edited({"qualify.threshold": int(threshold) if threshold % 1 == 0 else threshold})
        history = binding.history(changed, binding.first, binding.last).frame
        day = history["day"][~history["already"]].to_numpy("datetime64[D]").astype(np.int64)
        week = (binding.last - day) // WEEK
        mean, low, high = weekly_mean(np.bincount(week[week < weeks], minlength=weeks)[:, None], 0.95)
        return {"threshold": threshold, "per_week": mean.item(), "low": low.item(), "high": high.item(), "weeks": weeks}

    def said(found: dict[str, float]) -> str:
        ends = "no interval from a single week" if weeks < 2 else f"{found['low']:,.1f} to {found['high']:,.1f}"
        return f"{found['per_week']:,.1f} leads a week qualify at {found['threshold']:.10g} ({ends})"

    now, rising = at(rulebook.bar()), table.histograms.thresholds.tolist()
    place = bisect_left(rising, True, key=lambda one: at(one)["per_week"] <= capacity_per_week)
    fits = place < len(rising)
    found = at(rising[place if fits else -1])
    head = f"No threshold does it: even at the highest total among leads that came to sales {said(found)}"
    head += f", capacity {capacity_per_week:g}"
    if fits:
        row = table.frame.loc[found["threshold"]]
        precision = f"{row['precision']:.1%} ({row['precision_low']:.1%} to {row['precision_high']:.1%})"
        judged = f"of the {row['flagged']:,.0f} judged that stood there {precision} reached the stage"
        head = f"{found['threshold']:.10g}: {said(found)}, capacity {capacity_per_week:g}; {judged}"
    counted_by = f"Counted by replay, of all leads, hand-raisers included. n = {counted(weeks, 'week')}."
    return found | {"fits": fits, "now": now, "headline": f"{head}. Now {said(now)}. {counted_by}"}


@dataclass(frozen=True)
class Gain:
    """How many more leads that reach the stage one way takes than another; made by `gain`.

    Attributes
    ----------
    value : float
    centre, error : float
        Of the normal distribution that intervals are taken from. The error is 0 where both take the same leads.
    """

    value: float
    centre: float
    error: float

    def interval(self, confidence: float) -> tuple[float, float]:
        """Its bounds, which hold the value."""
        half = NormalDist().inv_cdf((1 + confidence) / 2) * self.error
        return min(self.centre - half, self.value), max(self.centre + half, self.value)

    @property
    def p_less(self) -> float:
        """The chance of so low a value if one way were as good as the other; 1 where they take the same leads."""
        return NormalDist().cdf(self.centre / self.error) if self.error else 1.0


def gain(
    apart: Floats, reached: npt.NDArray[np.bool_], week: Ints, lead: npt.NDArray[np.signedinteger] | None = None
) -> Gain:
    """What one way gets more than another from the same leads.

    Parameters
    ----------
    apart : (n,) the chance to be taken the one way less that the other way
    reached : (n,)
    week : (n,) whole numbers from 0
    lead : (n,), optional
        The lead of each row where one may have several: its outcomes are taken as one.

    Notes
    -----
    The difference rests only on leads that one way takes and the other does not. These are two groups without a lead in
    common, so it is that of two rates: Agresti, A. and Caffo, B. (2000), The American Statistician 54, 280-288, with
    one lead more that reached the stage and one that did not in each group. McNemar's pairs would also count those in
    which both reached it: in simulations that took half of the power where four in ten leads reach the stage. Where the
    ways differ more from week to week than so many leads do by chance, the error is that of weeks.
    """
    value, centre, variance = float(apart[reached].sum()), 0.0, 0.0
    for sign in (1, -1):
        rows = apart * sign > 0
        if not rows.any():
            continue
        places = np.abs(apart[rows])
        n = places.sum()
        rate = (places[reached[rows]].sum() + 1) / (n + 2)
        own = places if lead is None else np.bincount(np.unique(lead[rows], return_inverse=True)[1], places)
        centre += sign * n * rate
        variance += rate * (1 - rate) * (own @ own) * n / (n + 2)
    weekly = np.bincount(week, apart * reached)[np.bincount(week) > 0]
    if len(weekly) > 1:
        variance = max(variance, len(weekly) * float(weekly.var(ddof=1))) if variance else 0.0
    return Gain(value, float(centre), float(np.sqrt(variance)))
