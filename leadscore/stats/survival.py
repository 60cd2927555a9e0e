"""Waiting times, those still waiting counted too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted
from leadscore.present.result import Result, Section
from leadscore.stats.intervals import Floats, Ints, wilson


@dataclass(frozen=True, eq=False, repr=False)
class Survival(Result):
    """A Kaplan-Meier curve; made by `kaplan_meier`.

    Attributes
    ----------
    n : int
        The units.
    time : (n_times,) every distinct duration, rising
    at_risk : (n_times,) units whose duration is at least so long
    events : (n_times,) units that had the event just then
    survival : (n_times,) share without the event up to and including the time
    low, high : (n_times,) its interval at each time
    """

    n: int
    time: Floats
    at_risk: Ints
    events: Ints
    survival: Floats
    low: Floats
    high: Floats
    notes = ()

    @property
    def headline(self) -> str:
        """By when half of the units had the event."""
        rests = f"{counted(self.n, 'unit')} with {counted(int(self.events.sum()), 'event')}"
        value, low, high = self.quantile(0.5)
        if not self.n or np.isinf(value):
            return f"Fewer than half of them had the event while they were followed: {rests}."
        ends = f"{low:.4g} or longer" if np.isinf(high) else f"{low:.4g} to {high:.4g}"
        return f"Within {value:.4g} ({ends}) half of the units had the event: {rests}."

    @property
    def frame(self) -> pd.DataFrame:
        """The curve, a row for each time."""
        names = ("time", "at_risk", "events", "survival", "low", "high")
        return pd.DataFrame({name: getattr(self, name) for name in names})

    def sections(self) -> Iterator[Section]:
        """The curve."""
        yield Section("frame", "Share without the event", self.frame, formats={"survival": ".1%"})

    def at(self, time: float) -> tuple[float, float, float]:
        """The share without the event at a time, and its interval; NaN where nobody was followed for so long."""
        with Arguments("at") as given:
            given.number("time", time)
        place = int(np.searchsorted(self.time, time, "right")) - 1
        if self.n == 0 or (time > self.time[-1] and self.survival[-1] > 0):
            return float("nan"), float("nan"), float("nan")
        if place < 0:
            return 1.0, 1 - float(wilson(0, self.n)[1]), 1.0
        return float(self.survival[place]), float(self.low[place]), float(self.high[place])

    def quantile(self, share: float) -> tuple[float, float, float]:
        """The time by which this share of the units had the event, and its interval; infinite where not reached.

        The interval is that of Brookmeyer and Crowley: the times at which the curve's own interval holds the share.
        """
        with Arguments("quantile") as given:
            given.number("share", share, least=0, most=1)
        if self.n == 0:
            return float("nan"), float("nan"), float("nan")
        had = self.events > 0
        left = 1 - share
        # A curve that only rounding keeps above the share has reached it.
        reached = (self.survival <= left + 1e-12, self.low <= left + 1e-12, self.high < left - 1e-12)
        times = (self.time[had & mask] for mask in reached)
        value, low, high = (float(found[0]) if len(found) else float("inf") for found in times)
        return value, low, high


def kaplan_meier(duration: npt.ArrayLike, observed: npt.ArrayLike, *, confidence: float = 0.95) -> Survival:
    """The share of units still without an event after each time, when some were not followed to their event.

    Those still waiting count for as long as they were followed: the mean of those who had the event leaves out the
    slow. It takes for granted that who is no longer followed is no different from who still is.

    Parameters
    ----------
    duration : (n,) numbers from 0
        How long each unit was followed: to its event, or to when it was last seen.
    observed : (n,) bool
        Whether the duration ends with the event.
    confidence : float

    Returns
    -------
    Survival
        Intervals by Greenwood's formula on the log-log scale. Where nobody had the event yet that formula has none, and
        the bound is Wilson's for the units still followed; once all had it, the upper bound is the last one there was.

    Raises
    ------
    ArgumentError
        If a duration is missing or below 0, or the arrays differ in length.

    References
    ----------
    Kaplan, E. L. and Meier, P. (1958), Journal of the American Statistical Association 53, 457-481. Brookmeyer, R. and
    Crowley, J. (1982), Biometrics 38, 29-41. The example: weeks in remission on 6-MP (Freireich 1963), as in Collett,
    Modelling Survival Data in Medical Research.

    Examples
    --------
    >>> weeks = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    >>> curve = kaplan_meier(weeks, [True] * 9 + [False] * 12)
    >>> curve.quantile(0.5)
    (23.0, 13.0, inf)
    >>> [round(share, 3) for share in curve.at(10)]
    [0.753, 0.503, 0.889]
    """
    with Arguments("kaplan_meier") as given:
        length, ended = given.numbers(duration=duration, observed=observed)
        if not given.problems and (length.ndim != 1 or length.shape != ended.shape):
            shapes = f"has shape {length.shape}, observed {ended.shape}"
            given.wrong("duration", f"{shapes}: one of each for every unit")
        elif not given.problems and not (length >= 0).all():
            given.wrong("duration", f"{int((~(length >= 0)).sum()):,} of {len(length):,} durations missing or below 0")
        if not given.problems and not np.isin(ended, (0, 1)).all():
            given.wrong("observed", "must be True or False; missing would count as an event")
        given.probability("confidence", confidence)
    had = ended == 1
    time, place = np.unique(length, return_inverse=True)
    events = np.bincount(place[had], minlength=len(time))
    at_risk = np.cumsum(np.bincount(place, minlength=len(time))[::-1])[::-1]
    survival = np.cumprod(1.0 - events / at_risk, dtype=np.float64)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(events / (at_risk * (at_risk - events)))
        spread = np.exp(z * np.sqrt(variance) / -np.log(survival))
        low: Floats = survival**spread
        high: Floats = survival ** (1 / spread)
    none_yet, none_left = np.cumsum(events) == 0, survival == 0
    low[none_yet], high[none_yet] = 1 - wilson(0, at_risk[none_yet], confidence=confidence)[1], 1
    if none_left.any():
        first = int(np.flatnonzero(none_left)[0])
        low[first:], high[first:] = 0, high[first - 1] if first else wilson(0, at_risk[0], confidence=confidence)[1]
    return Survival(len(length), time, at_risk, events, survival, low, high)


def risk_sets(
    duration: Floats, observed: npt.NDArray[np.bool_], level: Ints, stratum: Ints
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The tables of a log-rank test: at each time of an event in a stratum, who had it and who still waited.

    Parameters
    ----------
    duration, observed : (n,) as in `kaplan_meier`
    level, stratum : (n,) whole numbers from 0

    Returns
    -------
    events, at_risk : (n_tables, n_levels)
    """
    # Longest first, so that a running count is of those still waiting; what ends a stretch of equal times counts them.
    order = np.lexsort((-duration, stratum))
    strata, times = stratum[order], duration[order]
    ends = np.append((np.diff(strata) != 0) | (np.diff(times) != 0), True)[: len(order)]
    table = np.cumsum(ends) - ends
    levels = np.eye(int(level.max(initial=0)) + 1)[level[order]]
    begins = np.append(True, np.diff(strata) != 0)[: len(order)]
    waiting = np.cumsum(levels, axis=0)
    before = (waiting - levels)[begins][np.cumsum(begins) - 1]
    events = np.zeros((int(ends.sum()), levels.shape[1]))
    np.add.at(events, table, levels * observed[order][:, None])
    some = events.sum(axis=1) > 0
    return events[some], (waiting - before)[ends][some]


def cumulative_incidence(duration: Floats, cause: Ints, which: int) -> tuple[float, float]:
    """The share of units that in the end had one event where several compete, and its variance (Aalen-Johansen).

    Units not followed to an event count for as long as they were followed. What would come after the longest time is
    not in it: where many are still waiting then, the share is that of events so far.

    Parameters
    ----------
    duration : (n,) as in `kaplan_meier`
    cause : (n,) whole numbers
        The event a duration ended with; 0 where none did.
    which : int
        The cause that counts.

    Returns
    -------
    share, variance : floats
        By the delta method; without units left waiting they are those of a binomial share. NaN of no units.

    References
    ----------
    Aalen, O. O. and Johansen, S. (1978), Scandinavian Journal of Statistics 5, 141-150. Marubini, E. and Valsecchi,
    M. G. (1995), Analysing Survival Data from Clinical Trials and Observational Studies, chapter 10.

    Examples
    --------
    Three of four deals ended, two of them won. Of the one that waits as much is to be expected as of those after it.

    >>> share, variance = cumulative_incidence(np.array([1.0, 2, 3, 4]), np.array([1, 0, 2, 1]), 1)
    >>> round(share, 4), round(variance, 4)
    (0.625, 0.082)
    """
    if not len(duration):
        return float("nan"), float("nan")
    own, ended, at_risk = competing_counts(duration, cause, which)
    survival, incidence = competing_curves(own, ended, at_risk)
    before, later = np.append(1.0, survival[:-1]), incidence[-1] - incidence
    # Nobody is left after the last of all, and nothing is to come.
    left = at_risk - ended
    waiting = np.where(left > 0, later**2 * ended / (at_risk * np.maximum(left, 1)), 0)
    chance = before**2 * own * (at_risk - own) / at_risk**3
    together = later * before * own / at_risk**2
    return float(incidence[-1]), float((waiting + chance - 2 * together).sum())


def competing_counts(duration: Floats | Ints, cause: Ints, which: int) -> tuple[Ints, Ints, Ints]:
    """At each distinct time, rising: the events of one cause, those of all, and the units at risk."""
    time, place = np.unique(duration, return_inverse=True)
    masks = (cause == which, cause > 0, cause >= 0)
    own, ended, there = (np.bincount(place[mask], minlength=len(time)) for mask in masks)
    return own, ended, np.cumsum(there[::-1])[::-1]


def competing_curves(own: npt.ArrayLike, ended: npt.ArrayLike, at_risk: npt.ArrayLike) -> tuple[Floats, Floats]:
    """The share without any event after each time, and that which had the event of the cause by then, (..., n_times).

    Of times at which nobody is at risk nothing is known, and nothing changes.
    """
    risk = np.maximum(np.asarray(at_risk, np.float64), 1)
    survival = np.cumprod(1.0 - np.asarray(ended) / risk, axis=-1, dtype=np.float64)
    before = np.concatenate([np.ones((*survival.shape[:-1], 1)), survival[..., :-1]], axis=-1)
    incidence = np.cumsum(before * np.asarray(own) / risk, axis=-1, dtype=np.float64)
    return survival, incidence
