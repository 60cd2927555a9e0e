"""Weekly shares made comparable from week to week, whether a week has five leads or five thousand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, ndtri

from leadscore.stats.intervals import Floats

# No share is taken for impossible because none of the leads seen so far had it.
_NEVER_SEEN = 0.5


def standard_scores(
    counts: Floats, n: Floats, learned: npt.NDArray[np.bool_], within_step: Floats
) -> tuple[Floats, Floats]:
    """Where each week's count stands among those that a stable share would give, as a standard normal score.

    A share of 3 in 5 says less than 300 in 500, and shares of weeks that grow smaller spread ever wider: a detector
    that ranks weeks would take that for news. These scores spread alike whatever the week's n.

    Parameters
    ----------
    counts, n : (n_streams, n_weeks) leads that have it, of all leads; n is 0 where the week says nothing
    learned : (n_streams, n_weeks)
        Weeks of the reference, from which level and spread are learned.
    within_step : (n_streams, n_weeks) from 0 to 1
        Where in its step of the distribution a count is placed: steps of 5 and of 500 leads are smoothed alike.

    Returns
    -------
    scores : (n_streams, n_weeks)
        NaN where n is 0.
    unsteady : (n_streams,)
        By how much the share itself varies in the reference: its variance between weeks, in those that the luck of a
        week's leads makes. 0 where nothing but luck is seen.

    Notes
    -----
    The distribution is binomial, widened by how much the share itself varies from week to week in the reference (method
    of moments) and by how little the reference knows it; a randomised quantile residual. Widened by a factor f, counts
    are those of n/f leads, in steps of 1/f.

    References
    ----------
    Dunn, P. K. and Smyth, G. K. (1996), Randomized quantile residuals, Journal of Computational and Graphical
    Statistics 5, 236-244. DerSimonian, R. and Laird, N. (1986), Meta-analysis in clinical trials, Controlled Clinical
    Trials 7, 177-188: the variance between weeks. Laney, D. B. (2002), Improved control charts for attributes, Quality
    Engineering 14, 531-537: why a share needs one.

    Examples
    --------
    >>> n = np.array([[50.0, 50, 50, 50, 5, 500]])
    >>> counts = np.array([[20.0, 21, 19, 20, 3, 300]])
    >>> scores, unsteady = standard_scores(counts, n, np.arange(6)[None] < 4, np.full((1, 6), 0.5))
    >>> scores.round(1), unsteady
    (array([[ 0. ,  0.3, -0.3,  0. ,  0.8,  4.8]]), array([0.]))
    """
    level, between, error = _learned(np.where(learned, counts, 0), np.where(learned, n, 0))
    spread = level * (1 - level)
    # What the level was learned from lies nearer to it than what comes later.
    wider = 1 + (np.maximum(n - 1, 0) * between + np.where(learned, -n, n) * error) / spread
    step = 1 / np.clip(wider, 0.1, np.maximum(n, 1))
    whole = n * step + 1
    edge = counts * step + (1 - step) / 2
    # The nearer tail, for what is very unlikely is lost in 1 minus the other one.
    upper = counts > n * level

    def tail(end: Floats) -> Floats:
        inside = np.clip(np.where(upper, end, whole - end), 1e-9, whole - 1e-9)
        return betainc(inside, whole - inside, np.where(upper, level, 1 - level))

    # A count of 0 is the first step, one of n the last.
    low = np.where(counts > 0, tail(edge), upper)
    high = np.where(counts < n, tail(edge + step), ~upper)
    chance = np.where(upper, high + (1 - within_step) * (low - high), low + within_step * (high - low))
    scores = np.where(upper, -1, 1) * ndtri(np.maximum(chance, np.finfo(float).tiny))
    usual = np.where(learned, n, 0).sum(axis=1) / np.maximum((learned & (n > 0)).sum(axis=1), 1)
    return np.where(n > 0, scores, np.nan), usual * (between / spread)[:, 0]


def _learned(counts: Floats, n: Floats) -> tuple[Floats, Floats, Floats]:
    """(n_streams, 1) the share in the reference, its variance between weeks, and the squared error of knowing it."""
    total = n.sum(axis=1, keepdims=True)
    first = (counts.sum(axis=1, keepdims=True) + _NEVER_SEEN) / (total + 2 * _NEVER_SEEN)
    spread = first * (1 - first)
    share = counts / np.maximum(n, 1)
    weight = n / spread
    apart = (weight * (share - first) ** 2).sum(axis=1, keepdims=True)
    summed = weight.sum(axis=1, keepdims=True)
    by_chance = (n > 0).sum(axis=1, keepdims=True) - 1
    room = summed - (weight**2).sum(axis=1, keepdims=True) / np.maximum(summed, 1)
    between = np.where(by_chance > 0, np.maximum(apart - by_chance, 0) / np.maximum(room, 1), 0)
    weight = np.where(n > 0, 1 / (spread / np.maximum(n, 1) + between), 0)
    summed = np.maximum(weight.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    least = _NEVER_SEEN / (total + 2 * _NEVER_SEEN)
    level = np.clip((weight * share).sum(axis=1, keepdims=True) / summed, least, 1 - least)
    return level, between, np.minimum(1 / summed, spread)
