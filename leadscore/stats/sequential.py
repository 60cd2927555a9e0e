"""Intervals and p-values of a proportion that hold however often it is looked at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, xlog1py, xlogy

from leadscore.base.arguments import Arguments
from leadscore.stats.intervals import Floats


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

    Raises
    ------
    ArgumentError
        As `wilson`.

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
    with Arguments("confidence_sequence") as given:
        given.probability("confidence", confidence)
        counts = given.share(count=count, n=n)
    k, size = np.broadcast_arrays(*counts)
    with np.errstate(invalid="ignore"):
        rate = k / size
    least = _log_mixture(k, size) + np.log(1 - confidence)
    ends = []
    for end in (0.0, 1.0):
        inside, outside = np.where(size > 0, rate, np.nan), np.full(k.shape, end)
        # The likelihood falls on either side of the rate, so halving finds where it leaves the set.
        for _ in range(60):
            middle = (inside + outside) / 2
            held = xlogy(k, middle) + xlog1py(size - k, -middle) >= least
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

    Raises
    ------
    ArgumentError
        If they are not numbers, or cannot go together.

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
    with Arguments("always_valid_p") as given:
        given.numbers(count=count, n=n, other_count=other_count, other_n=other_n)
        k, size = given.share(count=count, n=n)
        k_other, size_other = given.share(other_count=other_count, other_n=other_n)
    together = _log_mixture(k + k_other, size + size_other)
    return np.exp(np.minimum(together - _log_mixture(k, size) - _log_mixture(k_other, size_other), 0))


def _log_mixture(count: Floats, n: Floats) -> Floats:
    """The log of the mean likelihood over rates drawn from Beta(1/2, 1/2)."""
    return betaln(count + 0.5, n - count + 0.5) - np.log(np.pi)
