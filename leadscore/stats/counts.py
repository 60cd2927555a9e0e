"""Whether two counts differ by more than chance."""

from __future__ import annotations

import numpy as np

from leadscore.stats.intervals import Ints

# Of fewer degrees of freedom no spread is read.
_FEWEST = 4


def dispersion(*groups: Ints) -> float:
    """How much more counts vary within groups than those that come one by one at a constant rate; 1 at least.

    Pearson's chi-square over its degrees of freedom; 1 where there are too few counts to tell.

    Examples
    --------
    >>> dispersion([10, 10, 40, 10, 10, 40], [20, 20]), dispersion([9, 11, 10, 8], [10, 9])
    (10.0, 1.0)
    """
    parts = [np.asarray(group, np.float64) for group in groups]
    # A group that counts nobody says nothing of how counts vary.
    parts = [part for part in parts if part.sum() > 0]
    freedom = sum(len(part) - 1 for part in parts)
    if freedom < _FEWEST:
        return 1.0
    return max(1.0, float(sum(((part - part.mean()) ** 2).sum() / part.mean() for part in parts)) / freedom)


def counts_differ(before: int, after: int, dispersion: float = 1.0) -> float:
    """How often chance alone makes two counts differ so much whose rates are the same over equally long times.

    Given both together, each falls into either half with a chance of one half (the exact conditional test). Counts that
    vary more than one by one, as where leads are imported in batches, are worth fewer: they are divided by the
    `dispersion` first.

    Returns
    -------
    float
        The two-sided p; NaN where nothing was counted.

    References
    ----------
    Przyborowski, J. and Wilenski, H. (1940), Homogeneity of results in testing samples from Poisson series, Biometrika
    31, 313-323. McCullagh, P. and Nelder, J. A. (1989), Generalized Linear Models, 2nd edition, section 6.2.3.

    Examples
    --------
    >>> round(counts_differ(513, 465), 3), round(counts_differ(513, 465, 2.0), 3)
    (0.133, 0.278)
    """
    from scipy.stats import binomtest  # noqa: PLC0415 - scipy takes long to import

    less, both = round(min(before, after) / dispersion), round((before + after) / dispersion)
    return float(binomtest(less, both).pvalue) if both else float("nan")
