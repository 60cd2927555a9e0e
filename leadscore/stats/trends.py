"""Whether a share or a mean moves over weeks: its slope, with an interval and a p-value for weeks that vary."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from leadscore.base.arguments import Arguments
from leadscore.stats.intervals import Floats

# So many orders of the weeks are drawn; with the one seen, p is never less than 1 in 5,000.
_ORDERS = 4999
_FEWEST = 3


class Trend(NamedTuple):
    """How far a share or a mean moves a week, as a straight line; made by `trend` and `trend_of_means`.

    Attributes
    ----------
    slope, low, high : float
        A week, with the interval (95 %); NaN where it is not known.
    p : float
        Two-sided; NaN where there are fewer than 3 weeks with a case.
    weeks : int
        Those with a case.
    dispersion : float
        How many times as much weeks vary about the line as chance alone makes them (variances), 1 or more.
    """

    slope: float
    low: float
    high: float
    p: float
    weeks: int
    dispersion: float


def trend(count: npt.ArrayLike, n: npt.ArrayLike) -> Trend:
    """The trend of a share over weeks that follow each other.

    The slope is that of least squares, weighted by the cases of each week. Its p-value permutes the weeks: how often
    weeks in any other order have a slope as steep, of 4,999 orders drawn with a fixed seed. Its interval is of
    Student's t with the weeks less 2; the variance is the binomial one times the dispersion about the line
    (quasi-binomial), which is never taken for less than 1.

    Parameters
    ----------
    count, n : (n_weeks,) int
        How many of how many, week by week; a week of none keeps its place and has no weight.

    Returns
    -------
    Trend

    Raises
    ------
    ArgumentError
        If they are no counts, or do not go together.

    Notes
    -----
    The p-value holds if weeks could come in any order when nothing changes. Where the share wanders, so that
    neighbouring weeks are alike, it is too small; `benchmarks/balance.py` says how often that gives a false alarm.

    References
    ----------
    McCullagh, P. and Nelder, J. A. (1989), Generalized Linear Models, 2nd edition, section 4.5: dispersion. Good, P.
    (2005), Permutation, Parametric and Bootstrap Tests of Hypotheses, 3rd edition.

    Examples
    --------
    >>> found = trend([8, 9, 14, 16, 22, 22, 23, 35], [20, 19, 21, 28, 32, 29, 38, 52])
    >>> [round(part, 3) for part in found]
    [0.029, -0.004, 0.063, 0.057, 8, 1.0]
    """
    with Arguments("trend") as given:
        cases, size = given.share(count=count, n=n)
        if not given.problems and cases.ndim != 1:
            given.wrong("count", "must be a list of counts, one for each week")
    share = cases.sum() / size.sum() if size.sum() else np.nan
    with np.errstate(invalid="ignore"):
        return _line(cases / size, size, share * (1 - share))


def trend_of_means(mean: npt.ArrayLike, n: npt.ArrayLike) -> Trend:
    """The trend of a mean over weeks that follow each other; as `trend` of a share, but for what chance alone does.

    Parameters
    ----------
    mean : (n_weeks,)
        Missing (NaN) where n is 0.
    n : (n_weeks,) int
        Of how many.

    Returns
    -------
    Trend
        Its `dispersion` is 1: the variance is what weeks vary about the line, and nothing else.

    Raises
    ------
    ArgumentError
        If they are not numbers, or do not go together.

    Examples
    --------
    >>> found = trend_of_means([8.2, 8.0, 8.9, 8.6, 9.4], [70, 82, 66, 91, 75])
    >>> [round(part, 3) for part in found]
    [0.299, -0.051, 0.649, 0.096, 5, 1.0]
    """
    with Arguments("trend_of_means") as given:
        means, size = given.numbers(mean=mean, n=n)
        if not given.problems and means.ndim != 1:
            given.wrong("mean", "must be a list of means, one for each week")
    return _line(means, size, 0.0)


def _line(mean: Floats, n: Floats, least: float) -> Trend:
    """The weighted line through the weeks with a case; `least` is the variance that one case has by chance alone."""
    place = np.flatnonzero(n > 0)
    size, week = n[place], place.astype(float)
    sums = mean[place] * size
    if len(place) < _FEWEST:
        return Trend(np.nan, np.nan, np.nan, np.nan, len(place), 1.0)
    slope = float(_slopes(sums, size, week))
    orders = np.argsort(np.random.default_rng(0).random((_ORDERS, len(place))), axis=1)
    # Sums in another order differ by roundings, and where all weeks are alike there is nothing else.
    least_steep = abs(slope) * (1 - 1e-9) - 1e-12 * np.abs(mean[place]).max()
    as_steep = np.abs(_slopes(sums[orders], size[orders], week)) >= least_steep
    p = float((1 + as_steep.sum()) / (1 + _ORDERS))
    middle = (size * week).sum() / size.sum()
    left = mean[place] - sums.sum() / size.sum() - slope * (week - middle)
    variance = float((size * left**2).sum() / (len(place) - 2))
    dispersion = max(1.0, variance / least) if least else 1.0
    if not max(variance, least):
        # All weeks are alike, and how much they vary by chance is not known.
        return Trend(slope, np.nan, np.nan, p, len(place), 1.0)
    from scipy.special import stdtrit  # noqa: PLC0415 - scipy takes long to import

    half = stdtrit(len(place) - 2, 0.975) * np.sqrt(max(variance, least) / (size * (week - middle) ** 2).sum())
    return Trend(slope, float(slope - half), float(slope + half), p, len(place), dispersion)


def _slopes(sums: Floats, size: Floats, week: Floats) -> Floats:
    """The weighted slopes of means on weeks, of each row."""
    total = size.sum(axis=-1, keepdims=True)
    away = week - (size * week).sum(axis=-1, keepdims=True) / total
    slopes: Floats = (sums * away).sum(axis=-1) / (size * away**2).sum(axis=-1)
    return slopes
