"""Whether a share moves over weeks: its slope, with an interval and a p-value for weeks that vary."""

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
    """How far a share moves a week, by which the share is a straight line; made by `trend`.

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
    place = np.flatnonzero(size > 0)
    cases, size, week = cases[place], size[place], place.astype(float)
    if len(place) < _FEWEST:
        return Trend(np.nan, np.nan, np.nan, np.nan, len(place), 1.0)
    share = cases.sum() / size.sum()
    slope = float(_slopes(cases, size, week))
    orders = np.argsort(np.random.default_rng(0).random((_ORDERS, len(place))), axis=1)
    # Sums in another order differ by roundings.
    as_steep = np.abs(_slopes(cases[orders], size[orders], week)) >= abs(slope) * (1 - 1e-9)
    p = float((1 + as_steep.sum()) / (1 + _ORDERS))
    middle = (size * week).sum() / size.sum()
    variance = share * (1 - share)
    if not variance:
        # All weeks are alike, and how much they vary by chance is not known.
        return Trend(0.0, np.nan, np.nan, 1.0, len(place), 1.0)
    left = cases / size - share - slope * (week - middle)
    dispersion = max(1.0, float((size * left**2).sum() / variance / (len(place) - 2)))
    from scipy.special import stdtrit  # noqa: PLC0415 - scipy takes long to import

    half = stdtrit(len(place) - 2, 0.975) * np.sqrt(dispersion * variance / (size * (week - middle) ** 2).sum())
    return Trend(slope, float(slope - half), float(slope + half), p, len(place), dispersion)


def _slopes(cases: Floats, size: Floats, week: Floats) -> Floats:
    """The weighted slopes of shares on weeks, of each row."""
    total = size.sum(axis=-1, keepdims=True)
    away = week - (size * week).sum(axis=-1, keepdims=True) / total
    slopes: Floats = (cases * away).sum(axis=-1) / (size * away**2).sum(axis=-1)
    return slopes
