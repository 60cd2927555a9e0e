"""Whether two things go together, within strata."""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from leadscore.base.arguments import Arguments
from leadscore.stats.intervals import Floats


class Association(NamedTuple):
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

    Returns
    -------
    Association

    Raises
    ------
    ArgumentError
        If these are no tables of counts, or there are more events than units.

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

    with Arguments("stratified_test") as given:
        had, under = _tables(given, events, at_risk)
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


def risk_difference(
    events: npt.ArrayLike, at_risk: npt.ArrayLike, *, confidence: float = 0.95
) -> tuple[float, float, float]:
    """How much larger the share with an event is at the first of two levels, over tables, and its interval.

    The Mantel-Haenszel mean of the tables' differences. It needs no event in any table, and a share of 1 does no harm,
    as it does to an odds ratio.

    Parameters
    ----------
    events, at_risk : (n_tables, 2) counts
    confidence : float

    Returns
    -------
    difference, low, high : float
        From -1 to 1; NaN where no table has both levels. Without an interval (NaN) where nothing varies.

    Raises
    ------
    ArgumentError
        As `stratified_test`, or if the confidence does not lie between 0 and 1.

    References
    ----------
    Sato, T., Greenland, S. and Robins, J. M. (1989), Biometrics 45, 1323-1324: the variance holds for many small tables
    and for few large ones.

    Examples
    --------
    >>> [round(value, 3) for value in risk_difference([[12, 4], [9, 3]], [[20, 20], [15, 15]])]
    [0.4, 0.19, 0.61]
    """
    with Arguments("risk_difference") as given:
        given.probability("confidence", confidence)
        had, under = _tables(given, events, at_risk, levels=2)
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


def rate_ratio(
    events: npt.ArrayLike, at_risk: npt.ArrayLike, *, confidence: float = 0.95
) -> tuple[float, float, float]:
    """How many times as often events come at the first of two levels, over tables, and its interval.

    The Mantel-Haenszel ratio of rates: events by the time at risk, in each stratum, as days with an event by days. Many
    tables may hold few events each.

    Parameters
    ----------
    events, at_risk : (n_tables, 2) counts
        Events, and for how long (in days, say) or how many units could have had one.
    confidence : float

    Returns
    -------
    ratio, low, high : float
        NaN where no table has both levels or none has an event; without an interval (NaN) where a level has no event.

    Raises
    ------
    ArgumentError
        As `stratified_test`, or if the confidence does not lie between 0 and 1.

    References
    ----------
    Greenland, S. and Robins, J. M. (1985), Estimation of a common effect parameter from sparse follow-up data,
    Biometrics 41, 55-68: the variance of the logarithm. Rothman, K. J. and Greenland, S., Modern Epidemiology.

    Examples
    --------
    40 events in 1,000 days, and 60 in 3,000: twice as often.

    >>> [round(value, 2) for value in rate_ratio([[40, 60]], [[1000, 3000]])]
    [2.0, 1.34, 2.98]
    """
    with Arguments("rate_ratio") as given:
        given.probability("confidence", confidence)
        had, under = _tables(given, events, at_risk, levels=2)
    had, under = had[under.min(axis=1) > 0], under[under.min(axis=1) > 0]
    (a, b), (first, second), total = had.T, under.T, under.sum(axis=1)
    top, bottom = float((a * second / total).sum()), float((b * first / total).sum())
    if not top or not bottom:
        ratio = float("nan") if not top and not bottom else 0.0 if not top else float("inf")
        return ratio, float("nan"), float("nan")
    variance = float(((a + b) * first * second / total**2).sum()) / (top * bottom)
    half = np.exp(NormalDist().inv_cdf((1 + confidence) / 2) * np.sqrt(variance))
    return top / bottom, float(top / bottom / half), float(top / bottom * half)


def _tables(given: Arguments, events: npt.ArrayLike, at_risk: npt.ArrayLike, levels: int | None = None) -> list[Floats]:
    """The events, and the units they may come from, a row for each table and a column for each level."""
    counts = given.numbers(events=events, at_risk=at_risk)
    if given.problems:
        return counts
    for name, found in zip(("events", "at_risk"), counts, strict=True):
        if found.ndim != 2 or found.shape[1] != (levels or found.shape[1]):
            what = f"a row for each table and {levels or 'a'} column{'s' if levels else ' for each level'}"
            given.wrong(name, f"must be counts, {what}; it has the shape {found.shape}")
        elif not (np.isfinite(found) & (found >= 0)).all():
            given.wrong(name, "must be counts, 0 or more; some are missing, below 0 or infinite")
    if not given.problems and (counts[0].shape != counts[1].shape or (counts[0] > counts[1]).any()):
        given.wrong("events", "must be for each count at risk as many or fewer")
    return counts
