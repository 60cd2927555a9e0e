"""Measures of how good a score is, and how sure: arrays in, figures with intervals out."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

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


def share_text(count: float, n: float) -> str:
    """A share with its 95 % interval (Wilson) and what it is a share of, for sentences.

    Examples
    --------
    >>> share_text(81, 263), share_text(0, 0)
    ('30.8% (25.5% to 36.6%) of 263', 'none of 0')
    """
    low, high = wilson(count, n)
    return f"{count / n:.1%} ({float(low):.1%} to {float(high):.1%}) of {n:,.0f}" if n else "none of 0"


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
