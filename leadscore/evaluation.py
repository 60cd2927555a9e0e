"""Measures of how good a score is, and how sure: arrays in, figures with intervals out."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from leadscore.errors import ArgumentError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def wilson(
    count: npt.ArrayLike, n: npt.ArrayLike, *, confidence: float = 0.95
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The Wilson score interval of a proportion; good at small n and at rates near 0 and 1.

    Parameters
    ----------
    count, n : array-like of int
        How many of how many.
    confidence : float
        The share of such intervals that hold the true rate.

    Returns
    -------
    low, high : arrays of shape (...)
        NaN where n is 0: nothing is known there.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. Journal of the American
    Statistical Association 22, 209-212. Newcombe, R. G. (1998), Statistics in Medicine 17, 857-872, method 3: 81 of 263
    gives 0.2553 to 0.3662.

    Examples
    --------
    >>> low, high = wilson(81, 263)
    >>> round(float(low), 4), round(float(high), 4)
    (0.2553, 0.3662)
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    k, size = np.asarray(count, float), np.asarray(n, float)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = k / size
        centre = (rate + z**2 / (2 * size)) / (1 + z**2 / size)
        half = z * np.sqrt(rate * (1 - rate) / size + z**2 / (4 * size**2)) / (1 + z**2 / size)
    return np.maximum(centre - half, 0), np.minimum(centre + half, 1)


def confidence_sequence(
    count: npt.ArrayLike, n: npt.ArrayLike, *, confidence: float = 0.95
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """An interval of a proportion that holds at all times together, however often it is looked at while n grows.

    `wilson` holds at one look that was planned; looked at every night, it leaves out the true rate sooner or later.

    Parameters
    ----------
    count, n : array-like of int
        How many of how many so far.
    confidence : float
        The chance that the true rate is never outside, from the first lead on.

    Returns
    -------
    low, high : arrays of shape (...)
        NaN where n is 0: nothing is known there.

    Notes
    -----
    All rates whose likelihood is at least 1 - confidence times the mean likelihood over rates drawn from
    Beta(1/2, 1/2). At the true rate their ratio is a martingale that begins at 1, so it ever reaches 1 / (1 -
    confidence) with a chance of at most 1 - confidence (Ville). It takes for granted that leads share one rate.

    References
    ----------
    Robbins, H. (1970), Statistical methods related to the law of the iterated logarithm, Annals of Mathematical
    Statistics 41, 1397-1409. Howard, S. R., Ramdas, A., McAuliffe, J. and Sekhon, J. (2021), Time-uniform,
    nonparametric, nonasymptotic confidence sequences, Annals of Statistics 49, 1055-1080.

    Examples
    --------
    Wilson's for 81 of 263 is 0.2553 to 0.3662:

    >>> low, high = confidence_sequence(81, 263)
    >>> round(float(low), 4), round(float(high), 4)
    (0.2161, 0.4114)
    """
    k, size = np.broadcast_arrays(np.asarray(count, float), np.asarray(n, float))
    with np.errstate(invalid="ignore"):
        rate = k / size
    least = _log_mixture(k, size) + np.log(1 - confidence)
    ends = []
    for end in (0.0, 1.0):
        inside, outside = np.where(size > 0, rate, np.nan), np.full(k.shape, end)
        # The likelihood falls on either side of the rate, so halving finds where it leaves the set.
        for _ in range(60):
            middle = (inside + outside) / 2
            held = _log_likelihood(k, size, middle) >= least
            inside, outside = np.where(held, middle, inside), np.where(held, outside, middle)
        ends.append(inside)
    return np.where(k > 0, ends[0], 0 * rate), np.where(k < size, ends[1], 0 * rate + 1)


def always_valid_p(
    count: npt.ArrayLike, n: npt.ArrayLike, other_count: npt.ArrayLike, other_n: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Whether two proportions differ: p-values that hold however often one looks while leads of either come in.

    The mean likelihood of one rate for both over that of two rates, each drawn from Beta(1/2, 1/2).

    Parameters
    ----------
    count, n, other_count, other_n : array-like of int

    Returns
    -------
    p : array of shape (...), 1 where nothing is known

    Notes
    -----
    Under one rate, on average over rates so drawn, it is ever as low as p with a chance of at most p (Ville). At any
    single rate from 0.005 to 0.5, with 30 to 1,000 leads before and ten times as many after, looked at all along, it
    was below 0.05 in 0.5 to 3.4 % of 4,000 simulated histories, below 0.01 in at most 0.6 %.

    References
    ----------
    Kass, R. E. and Raftery, A. E. (1995), Bayes factors, Journal of the American Statistical Association 90, 773-795.
    Deng, A., Lu, J. and Chen, S. (2016), Continuous monitoring of A/B tests without pain, IEEE DSAA, 243-252.

    Examples
    --------
    >>> p = always_valid_p([60, 6, 0], [1000, 100, 0], [120, 12, 5], [1000, 100, 90])
    >>> [round(float(one), 5) for one in p]
    [0.00039, 1.0, 1.0]
    """
    k, size, k_other, size_other = (np.asarray(part, float) for part in (count, n, other_count, other_n))
    together = _log_mixture(k + k_other, size + size_other)
    return np.exp(np.minimum(together - _log_mixture(k, size) - _log_mixture(k_other, size_other), 0))


def _log_mixture(count: Floats, n: Floats) -> Floats:
    """The log of the mean likelihood over rates drawn from Beta(1/2, 1/2)."""
    from scipy.special import betaln  # noqa: PLC0415 - scipy takes long to import

    return betaln(count + 0.5, n - count + 0.5) - np.log(np.pi)


def _log_likelihood(count: Floats, n: Floats, rate: Floats) -> Floats:
    from scipy.special import xlog1py, xlogy  # noqa: PLC0415 - scipy takes long to import

    return xlogy(count, rate) + xlog1py(n - count, -rate)


@dataclass(frozen=True)
class Survival:
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

    def at(self, time: float) -> tuple[float, float, float]:
        """The share without the event at a time, and its interval; NaN where nobody was followed for so long."""
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
    length, had = np.asarray(duration, np.float64), np.asarray(observed, bool)
    if length.ndim != 1 or length.shape != had.shape:
        raise ArgumentError("duration", f"has shape {length.shape}, observed {had.shape}: one of each for every unit")
    if not (length >= 0).all():
        raise ArgumentError("duration", f"{int((~(length >= 0)).sum()):,} durations are missing or below 0")
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


@dataclass(frozen=True)
class Association:
    """Whether an event is as frequent at every level, all else that the tables hold fixed; made by `stratified_test`.

    Attributes
    ----------
    chi2, p : float
    df : int
        Levels that can be compared, less one; where there are none, `chi2` is 0 and `p` is 1.
    observed, expected, variance : (n_levels,) events of each level, and what they would be if levels did not matter
    """

    chi2: float
    df: int
    p: float
    observed: Floats
    expected: Floats
    variance: Floats


def stratified_test(events: npt.ArrayLike, at_risk: npt.ArrayLike) -> Association:
    """Test whether levels differ in an event, within tables.

    With a table for each stratum it is the generalised Cochran-Mantel-Haenszel test; with a table for each moment of an
    event in each stratum (`risk_sets`) it is the stratified log-rank test. Tables may be as small as they come: what
    counts is the sum.

    Parameters
    ----------
    events, at_risk : (n_tables, n_levels) counts
        Of how many units of each level how many had the event.

    References
    ----------
    Mantel, N. and Haenszel, W. (1959), Journal of the National Cancer Institute 22, 719-748. Landis, J. R., Heyman,
    E. R. and Koch, G. G. (1978), International Statistical Review 46, 237-254.

    Examples
    --------
    >>> found = stratified_test([[12, 4], [9, 3]], [[20, 20], [15, 15]])
    >>> round(found.chi2, 2), found.df, round(found.p, 4)
    (11.33, 1, 0.0008)
    """
    from scipy.stats import chi2  # noqa: PLC0415 - scipy takes long to import

    had, under = np.asarray(events, np.float64), np.asarray(at_risk, np.float64)
    total, all_had = under.sum(axis=1), had.sum(axis=1)
    had, under, total, all_had = (part[total > 1] for part in (had, under, total, all_had))
    shares = under / total[:, None]
    scale = all_had * (total - all_had) / (total - 1)
    covariance = np.diag(scale @ shares) - (shares * scale[:, None]).T @ shares
    observed, expected = had.sum(axis=0), all_had @ shares
    # One level is what the others leave; levels that no table sets beside another add nothing.
    inverse = np.linalg.pinv(covariance, hermitian=True, rtol=1e-10)
    df = int(np.linalg.matrix_rank(covariance, hermitian=True, rtol=1e-10)) if covariance.any() else 0
    value = float((observed - expected) @ inverse @ (observed - expected)) if df else 0.0
    p = float(chi2.sf(value, df)) if df else 1.0
    return Association(value, df, p, observed, expected, np.diag(covariance).copy())


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


def risk_difference(
    events: npt.ArrayLike, at_risk: npt.ArrayLike, *, confidence: float = 0.95
) -> tuple[float, float, float]:
    """How much larger the share with an event is at the first of two levels, over tables, and its interval.

    The Mantel-Haenszel mean of the tables' differences. It needs no event in any table, and a share of 1 does no harm,
    as it does to an odds ratio.

    Parameters
    ----------
    events, at_risk : (n_tables, 2) counts

    Returns
    -------
    difference, low, high : float
        From -1 to 1; NaN where no table has both levels. Without an interval (NaN) where nothing varies.

    References
    ----------
    Sato, T., Greenland, S. and Robins, J. M. (1989), Biometrics 45, 1323-1324: the variance holds for many small tables
    and for few large ones.

    Examples
    --------
    >>> [round(value, 3) for value in risk_difference([[12, 4], [9, 3]], [[20, 20], [15, 15]])]
    [0.4, 0.19, 0.61]
    """
    had, under = np.asarray(events, np.float64), np.asarray(at_risk, np.float64)
    had, under = had[under.min(axis=1) > 0], under[under.min(axis=1) > 0]
    if not len(had):
        return float("nan"), float("nan"), float("nan")
    (a, b), (first, second), total = had.T, under.T, under.sum(axis=1)
    weight = (first * second / total).sum()
    difference = ((a * second - b * first) / total).sum() / weight
    uneven = (first**2 * b - second**2 * a + first * second * (second - first) / 2) / total**2
    varied = (a * (second - b) + b * (first - a)) / (2 * total)
    variance = (difference * uneven.sum() + varied.sum()) / weight**2
    if variance <= 0:
        return float(difference), float("nan"), float("nan")
    half = NormalDist().inv_cdf((1 + confidence) / 2) * np.sqrt(variance)
    return float(difference), float(max(difference - half, -1)), float(min(difference + half, 1))


def holm(p: npt.ArrayLike) -> Floats:
    """P-values corrected for how many tests there are: the chance that any of them is a false alarm stays below each.

    References
    ----------
    Holm, S. (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    raw = np.asarray(p, np.float64)
    order = np.argsort(raw, kind="stable")
    stepped = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1))
    corrected = np.empty_like(raw)
    corrected[order] = np.minimum(stepped, 1)
    return corrected
