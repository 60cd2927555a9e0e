"""Leads in bins of their score: what each decile brings, and whether probabilities hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted as counted_of
from leadscore.present.pictures import plot_gains, plot_reliability
from leadscore.present.result import Result, Section
from leadscore.stats.intervals import Floats, lift, wilson
from leadscore.stats.outcomes_and_scores import read_rows
from leadscore.stats.ranking import Estimate, counted

# Leads of nearly the same probability are drawn together: a bin as so many of their means is as good as exact.
_CELLS = 200
_DRAWS = 1000


@dataclass(frozen=True, eq=False, repr=False)
class _Binned(Result):
    """Leads in bins, and what they rest on."""

    frame: pd.DataFrame
    n: int
    events: int
    unknown: int

    notes = ()

    @property
    def _rests(self) -> str:
        return counted(self.n, self.events, self.unknown)


class Gains(_Binned):
    """What each part of the leads brings, best first; made by `gains`.

    Attributes
    ----------
    frame : DataFrame, index bin from 1, the highest scores
        `highest`, `lowest` (scores), `n`, `events`; `rate` (of events in the bin), `lift` (rate over the rate of all)
        and `captured` (the share of all events in this bin and the ones above), each with `_low` and `_high` (95 %).
        NaN where there is no lead, or no event at all.
    n, events, unknown : int
        As in `Estimate`.
    """

    @property
    def headline(self) -> str:
        """How much of all events the best part of the leads holds."""
        if not self.events:
            return f"No lead with a known outcome has the event: {self._rests}."
        best = self.frame.iloc[0]
        share = f"{best['captured']:.1%} ({best['captured_low']:.1%} to {best['captured_high']:.1%}) of all events"
        times = f"{best['lift']:.2g} times ({best['lift_low']:.2g} to {best['lift_high']:.2g}) their share"
        return (
            f"{share} come from the {best['n'] / self.n:.0%} of leads with the highest scores, {times}; {self._rests}."
        )

    def sections(self) -> Iterator[Section]:
        """The bins, and their picture."""
        formats = {"events": ",.4g", "lift": ".2f"}
        title = f"{counted_of(len(self.frame), 'bin')}, best first, with 95 % intervals"
        yield Section("frame", title, self.frame, formats=formats)
        yield Section("picture", "What each bin brings", self.plot)

    def plot(self, ax: Any = None) -> Any:
        """Draw the table; see `pictures.plot_gains`."""
        return plot_gains(self.frame, title=self._rests, ax=ax)


def gains(y: Any, score: Any, *, bins: int = 10) -> Gains:
    """Rate, lift and share of all events by decile of the score, best first.

    Parameters
    ----------
    y, score
        As in `read_rows`.
    bins : int
        Parts of equally many leads, give or take one; no more of them than leads.

    Returns
    -------
    Gains
        Leads of one score that straddle an edge are shared out in expectation, as if drawn at random among themselves;
        `events` then need not be whole. Rates have Wilson's interval. Lift and share captured have that of the ratio of
        the rates inside and outside, which have nothing to do with each other (MOVER on Wilson's bounds). Where the
        bins end is taken as given. In simulations 93 to 97 % of these intervals hold the truth.

    Raises
    ------
    ArgumentError
        As `read_rows`, or if `bins` is no whole number from 1.

    References
    ----------
    Donner, A. and Zou, G. Y. (2012), Closed-form confidence intervals for functions of the normal mean and standard
    deviation, Statistical Methods in Medical Research 21, 347-359; Newcombe, R. G. (2016), MOVER-R confidence intervals
    for ratios and products, the same journal 25, 1774-1778.

    Examples
    --------
    >>> y = [True, True, True, False, True, False, False, False]
    >>> gains(y, [80, 75, 70, 60, 40, 40, 20, 10], bins=2).frame[["n", "events", "rate", "lift", "captured"]]
         n  events  rate  lift  captured
    bin
    1    4     3.0  0.75   1.5      0.75
    2    4     1.0  0.25   0.5      1.00
    """
    with Arguments("gains") as given:
        bins = given.whole("bins", bins, least=1)
        rows = read_rows(y, score=score).of_known()
    outcome, points = rows.had, rows.columns["score"]
    n, events, unknown = rows.counts
    order = np.argsort(-points, kind="stable")
    falling, cumulated = points[order], np.append(0, np.cumsum(outcome[order]))
    edges = np.round(np.linspace(0, n, min(bins, n) + 1)).astype(np.int64)
    # A straight line between the ends of ties shares out what they hold.
    ends = np.append(0, np.flatnonzero(np.append(falling[1:] != falling[:-1], np.ones(min(n, 1)))) + 1)
    above = np.interp(edges, ends, cumulated[ends])
    size, had = np.diff(edges), np.diff(above)
    bins_of = {"highest": falling[edges[:-1]], "lowest": falling[edges[1:] - 1], "n": size, "events": had}
    frame = pd.DataFrame(bins_of, index=pd.RangeIndex(1, len(size) + 1, name="bin"))
    # The share captured is the lift of all bins so far times the share of leads in them.
    share = edges[1:] / n if n else np.zeros(0)
    _, low, high = lift(above[1:], edges[1:], events, n, fixed_share=True)
    for name, figure in {
        "rate": (had / size, *wilson(had, size)),
        "lift": lift(had, size, events, n, fixed_share=True),
        "captured": (above[1:] / (events or np.nan), low * share, high * share),
    }.items():
        frame[name], frame[f"{name}_low"], frame[f"{name}_high"] = figure
    return Gains(frame, n, events, unknown)


class Calibration(_Binned):
    """What became of leads of like probability; made by `calibration`.

    Attributes
    ----------
    frame : DataFrame, index bin from 1, the lowest probabilities
        `lowest`, `highest`, `predicted` (mean probability), `n`, `events`, `rate`, `low`, `high` (95 % Wilson).
    n, events, unknown : int
        As in `Estimate`.
    """

    @property
    def headline(self) -> str:
        """How many bins have another rate than was promised."""
        rate = self.frame
        outside = int((~rate["predicted"].between(rate["low"], rate["high"])).sum())
        bins = f"{outside} of {counted_of(len(rate), 'bin')} {'has' if outside == 1 else 'have'}"
        return f"{bins} a mean probability outside the 95 % interval of the rate; {self._rests}."

    def sections(self) -> Iterator[Section]:
        """The bins, and their picture."""
        title = "Leads of similar probability, with 95 % intervals of the rate"
        yield Section("frame", title, self.frame, formats={"predicted": ".1%"})
        yield Section("picture", "Promised and observed", self.plot)

    def plot(self, ax: Any = None) -> Any:
        """Draw the table; see `pictures.plot_reliability`."""
        return plot_reliability(self.frame, title=self._rests, ax=ax)


def calibration(y: Any, probability: Any, *, bins: int = 10) -> Calibration:
    """The rate of events among leads of like probability, to be compared with the probability they were given.

    Parameters
    ----------
    y : as in `read_rows`
    probability : (n_leads,) numbers from 0 to 1
        Not points: those promise no rate.
    bins : int
        Parts of about equally many leads. Leads of equal probability stay together, so parts may be fewer.

    Returns
    -------
    Calibration

    Raises
    ------
    ArgumentError
        As `read_rows`, if a probability does not lie in 0 to 1, or if `bins` is no whole number from 1.

    Examples
    --------
    >>> y = [False, False, False, True, False, True, True, True]
    >>> calibration(y, [0.1, 0.1, 0.3, 0.3, 0.6, 0.6, 0.9, 0.9], bins=2).frame[["predicted", "n", "events", "rate"]]
         predicted  n  events  rate
    bin
    1         0.20  4       1  0.25
    2         0.75  4       3  0.75
    """
    with Arguments("calibration") as given:
        bins = given.whole("bins", bins, least=1)
        rows = read_rows(y, probability=probability).of_known()
    leads = pd.DataFrame({"chance": rows.columns["probability"], "had": rows.had})
    groups = leads.groupby(_bins_of(rows.columns["probability"], bins))
    frame = pd.DataFrame(groups["chance"].agg(lowest="min", highest="max", predicted="mean", n="size"))
    frame["events"] = groups["had"].sum()
    frame["rate"] = frame["events"] / frame["n"]
    frame["low"], frame["high"] = wilson(frame["events"], frame["n"])
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="bin")
    return Calibration(frame, *rows.counts)


@dataclass(frozen=True, repr=False)
class CalibrationError(Estimate):
    """How far probabilities are off, beside what perfect ones would show; made by `expected_calibration_error`.

    Attributes
    ----------
    value : float
        The mean distance over the leads, from 0 to 1. It is above 0 however good the probabilities are, so it has no
        interval of its own; it is to be compared with `by_chance`.
    by_chance, low, high : float
        What it would be if every probability were right: the mean, and the range of 95 % of draws.
    p : float
        The chance of a value so large or larger if every probability were right.
    n, events, unknown, reason
        As in `Estimate`.
    """

    by_chance: float = float("nan")
    p: float = float("nan")

    @property
    def _figure(self) -> str:
        chance = f"{self.by_chance:.3f} ({self.low:.3f} to {self.high:.3f}) if every probability were right"
        right = f"{self.value:.3f}, where it would be {chance}, p = {self.p:.2g}"
        return super()._figure if np.isnan(self.value) else right


def expected_calibration_error(
    y: Any, probability: Any, *, bins: int = 10, random_state: int | np.random.Generator = 0
) -> CalibrationError:
    """How far the rate of leads of like probability is from that probability: the mean over the bins of `calibration`.

    It is biased: chance alone keeps it above 0, the more so the fewer the leads and the more the bins. It says
    something only beside its value were every probability right, which is found by drawing outcomes from them.

    Parameters
    ----------
    y, probability, bins
        As in `calibration`.
    random_state : int or numpy Generator

    Returns
    -------
    CalibrationError

    Raises
    ------
    ArgumentError
        As `calibration`.

    References
    ----------
    Naeini, M. P., Cooper, G. F. and Hauskrecht, M. (2015), AAAI 29, 2901-2907. The draws: Broecker, J. and Smith, L. A.
    (2007), Increasing the reliability of reliability diagrams, Weather and Forecasting 22, 651-661.

    Examples
    --------
    >>> chance = np.linspace(0.05, 0.6, 200)
    >>> y = np.random.default_rng(1).random(200) < chance
    >>> expected_calibration_error(y, chance)
    0.046, where it would be 0.078 (0.044 to 0.118) if every probability were right, p = 0.97, n = 200 with 67 events
    """
    with Arguments("expected_calibration_error") as given:
        bins = given.whole("bins", bins, least=1)
        generator = given.random("random_state", random_state)
        rows = read_rows(y, probability=probability).of_known()
    outcome, chance, n, none = rows.had, rows.columns["probability"], len(rows.had), float("nan")
    if not n:
        return CalibrationError(none, none, none, *rows.counts, "no lead has a known outcome")
    place = _bins_of(chance, bins)
    promised = np.bincount(place, chance)
    value = float(np.abs(np.bincount(place, outcome) - promised).sum() / n)
    drawn = np.zeros(_DRAWS)
    for which, expected in enumerate(promised):
        cells = np.array_split(np.sort(chance[place == which]), _CELLS)
        sizes = np.array([len(cell) for cell in cells if len(cell)])
        means = np.clip([cell.mean() for cell in cells if len(cell)], 0, 1)
        drawn += np.abs(generator.binomial(sizes, means, (_DRAWS, len(sizes))).sum(axis=1) - expected) / n
    low, high = np.quantile(drawn, [0.025, 0.975])
    # The value itself is one of the draws if every probability is right, so p is never 0.
    p = (1 + np.sum(drawn >= value - 1e-12)) / (1 + _DRAWS)
    return CalibrationError(value, float(low), float(high), *rows.counts, by_chance=float(drawn.mean()), p=float(p))


def _bins_of(chance: Floats, bins: int) -> npt.NDArray[np.int64]:
    """The bin of each lead, from 0 without gaps, by where the middle of those of its probability stands."""
    _, level, count = np.unique(chance, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - count / 2
    _, place = np.unique((middle * bins / max(len(chance), 1)).astype(np.int64), return_inverse=True)
    return np.asarray(place[level], np.int64)
