"""Measures of a score against outcomes: how well it ranks, and how far its probabilities can be believed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit, stdtr, stdtrit
from scipy.stats import kstwobign

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted as counted_of
from leadscore.errors import ArgumentError
from leadscore.present.result import Result
from leadscore.stats.intervals import Floats, Ints, wilson
from leadscore.stats.outcomes_and_scores import Mask, read_rows


@dataclass(frozen=True, repr=False)
class Estimate(Result):
    """A figure, how sure it is, and what it rests on.

    Attributes
    ----------
    value : float
        NaN where there is none, as `reason` says.
    low, high : float
        Its interval; NaN where there is none.
    n, events, unknown : int
        The leads it rests on, how many of them have the outcome, and others, left out, whose outcome is not known.
    reason : str
        Why there is no value or no interval.
    """

    value: float
    low: float
    high: float
    n: int
    events: int
    unknown: int = 0
    reason: str = ""

    notes = ()

    @property
    def headline(self) -> str:
        """The figure with its interval, and what it rests on."""
        return f"{self._figure}, {counted(self.n, self.events, self.unknown)}"

    @property
    def _figure(self) -> str:
        if np.isnan(self.value):
            return f"none ({self.reason})"
        sure = f"no interval: {self.reason}" if np.isnan(self.low) else f"{self.low:.3f} to {self.high:.3f}"
        return f"{self.value:.3f} ({sure})"


@dataclass(frozen=True, repr=False)
class Difference(Estimate):
    """How much larger a measure is of one score than of another, on the same leads.

    `p` is the chance of a difference so large if there were none; NaN without an interval.
    """

    p: float = float("nan")

    @property
    def _figure(self) -> str:
        sure = f"p = {self.p:.2g}" if self.p >= 1e-4 else "p < 0.0001"
        return super()._figure if np.isnan(self.p) else f"{super()._figure}, {sure}"


def counted(n: int, events: int, unknown: int) -> str:
    """What a figure rests on, as text."""
    left_out = f", {unknown:,} of unknown outcome left out" if unknown else ""
    return f"n = {n:,} with {counted_of(events, 'event')}{left_out}"


# ------------------------------------------------------------------------------------------------------------ ranking


def roc_auc(y: Any, score: Any, *, weights: Any = None, groups: Any = None, confidence: float = 0.95) -> Estimate:
    """The area under the ROC curve: how often a lead with the outcome has a higher score than one without.

    0.5 is no better than chance. A tie counts half. It says how leads are ranked, and nothing of whether a score is a
    probability, nor of how many leads sales can work: for that see `pr_auc`, `gains` and the threshold's table.

    Parameters
    ----------
    y, score, weights
        As in `read_rows`. A weight says how much a lead counts, not how many leads it is: leads passed on
        at random one time in ten, for instance, each stand for ten. `n` counts leads of a weight above 0.
    groups : (n_leads,) ids, optional
        Rows of one lead on several days, or leads of one account, are alike: intervals count them as one draw. `n` and
        `events` are rows then.
    confidence : float

    Returns
    -------
    Estimate
        DeLong's variance on the logit scale, which keeps the bounds between 0 and 1, and Student's t for the rarer kind
        of leads. Without a value where all leads have one outcome; without an interval where only one lead has it or
        has it not, or all scores are equal. Where no lead of one kind is ranked among the other, the bound is Wilson's
        for as many as there are of the rarer. In simulations 93 to 97 % of intervals hold the truth, but 91 % with 10
        events among 1,000 leads and an AUC of 0.9. With `groups` the moves of a group are summed before they are
        squared (Obuchowski, N. A. (1997), Biometrics 53, 567-578).

    Raises
    ------
    ArgumentError
        As `read_rows`, or if `confidence` does not lie between 0 and 1.

    References
    ----------
    DeLong, E. R., DeLong, D. M. and Clarke-Pearson, D. L. (1988), Biometrics 44, 837-845; in the time of a sort after
    Sun, X. and Xu, W. (2014), IEEE Signal Processing Letters 21, 1389-1393. Pepe, M. S. (2003), The Statistical
    Evaluation of Medical Tests for Classification and Prediction, 107: the logit.

    Examples
    --------
    109 CT images rated 1 to 5 (Hanley and McNeil 1982, Radiology 143, 29-36):

    >>> rating = np.repeat([1, 2, 3, 4, 5, 1, 2, 3, 4, 5], [33, 6, 6, 11, 2, 3, 2, 2, 11, 33])
    >>> roc_auc(np.arange(109) >= 58, rating)
    0.893 (0.814 to 0.941), n = 109 with 51 events
    """
    return _estimate("roc_auc", _ranking, y, score=score, weights=weights, groups=groups, confidence=confidence)


def gini(y: Any, score: Any, *, weights: Any = None, groups: Any = None, confidence: float = 0.95) -> Estimate:
    """The Gini coefficient of a score, also called accuracy ratio: twice the area under the ROC curve, less 1.

    0 is chance, 1 ranks all leads with the outcome first, -1 last. It is Somers' D of the score given the outcome.

    Parameters
    ----------
    y, score, weights, groups, confidence
        As in `roc_auc`.

    Returns
    -------
    Estimate
        As `roc_auc`, on this scale.

    Raises
    ------
    ArgumentError
        As `roc_auc`.

    References
    ----------
    Newson, R. (2002), Parameters behind "nonparametric" statistics: Kendall's tau, Somers' D and median differences,
    Stata Journal 2, 45-64.

    Examples
    --------
    >>> rating = np.repeat([1, 2, 3, 4, 5, 1, 2, 3, 4, 5], [33, 6, 6, 11, 2, 3, 2, 2, 11, 33])
    >>> gini(np.arange(109) >= 58, rating)
    0.786 (0.628 to 0.882), n = 109 with 51 events
    """
    auc = _estimate("gini", _ranking, y, score=score, weights=weights, groups=groups, confidence=confidence)
    return replace(auc, value=2 * auc.value - 1, low=2 * auc.low - 1, high=2 * auc.high - 1)


def ks(y: Any, score: Any, *, confidence: float = 0.95) -> Estimate:
    """The Kolmogorov-Smirnov statistic of a score: how far leads with and without the outcome lie apart at most.

    The largest difference, over all thresholds, between the shares of either kind that score as high or higher. It
    looks at one threshold, the best; `roc_auc` looks at all. It does not say which kind scores higher.

    Parameters
    ----------
    y, score, confidence
        As in `roc_auc`.

    Returns
    -------
    Estimate
        What holds for all thresholds at once, by the limit of Kolmogorov and Smirnov's distribution, and so for the one
        that happens to look best. It is wide: 95 % intervals hold the truth in 95 to 100 % of simulations. With few
        events the value itself is too high (0.19 on average for a score that knows nothing, with 20 events among 220
        leads). Without a value where all leads have one outcome.

    Raises
    ------
    ArgumentError
        As `roc_auc`.

    References
    ----------
    Doksum, K. A. and Sievers, G. L. (1976), Plotting with confidence: graphical comparisons of two populations,
    Biometrika 63, 421-434.

    Examples
    --------
    >>> rating = np.repeat([1, 2, 3, 4, 5, 1, 2, 3, 4, 5], [33, 6, 6, 11, 2, 3, 2, 2, 11, 33])
    >>> ks(np.arange(109) >= 58, rating)
    0.639 (0.378 to 0.899), n = 109 with 51 events
    """
    with Arguments("ks") as given:
        given.probability("confidence", confidence)
        rows = read_rows(y, score=score).of_known()
    outcome, points, none = rows.had, rows.columns["score"], float("nan")
    if reason := _one_sided(outcome):
        return Estimate(none, none, none, *rows.counts, reason)
    sides = points[outcome], points[~outcome]
    shares = [np.searchsorted(np.sort(side), np.unique(points), "right") / len(side) for side in sides]
    value = float(np.abs(shares[0] - shares[1]).max())
    reach = float(kstwobign.isf(1 - confidence)) * sum(1 / len(side) for side in sides) ** 0.5
    return Estimate(value, max(value - reach, 0.0), min(value + reach, 1.0), *rows.counts)


def pr_auc(y: Any, score: Any, *, weights: Any = None, groups: Any = None, confidence: float = 0.95) -> Estimate:
    """The area under the precision-recall curve, as average precision: the mean precision at each lead's own score.

    Each lead with the outcome asks how many of those scored as high or higher have it too. Chance gives the base rate,
    so figures of different base rates cannot be compared. Leads of equal score are one threshold.

    Parameters
    ----------
    y, score, weights, groups, confidence
        As in `roc_auc`.

    Returns
    -------
    Estimate
        As `roc_auc`, but for the variance, that of the infinitesimal jackknife: what each lead moves the figure,
        squared and summed, as a bootstrap over leads gives it in the limit of many draws. In simulations 93 to 97 % of
        intervals hold the truth; 97 to 98 % with 4 events among 200 leads.

    Raises
    ------
    ArgumentError
        As `roc_auc`.

    References
    ----------
    Boyd, K., Eng, K. H. and Page, C. D. (2013), Area under the precision-recall curve, ECML PKDD, 451-466: intervals
    on the logit scale. Efron, B. (1982), The Jackknife, the Bootstrap and Other Resampling Plans, chapter 6.

    Examples
    --------
    >>> rating = np.repeat([1, 2, 3, 4, 5, 1, 2, 3, 4, 5], [33, 6, 6, 11, 2, 3, 2, 2, 11, 33])
    >>> pr_auc(np.arange(109) >= 58, rating)
    0.858 (0.745 to 0.925), n = 109 with 51 events
    """
    return _estimate(
        "pr_auc", _average_precision, y, score=score, weights=weights, groups=groups, confidence=confidence
    )


def auc_difference(y: Any, a: Any, b: Any, *, groups: Any = None, confidence: float = 0.95) -> Difference:
    """How much larger the area under the ROC curve is with one score than with another, on the same leads.

    Parameters
    ----------
    y : as in `read_rows`
    a, b : as `score` there
    groups, confidence
        As in `roc_auc`.

    Returns
    -------
    Difference
        AUC of `a` less AUC of `b`; DeLong's interval and test for paired scores, see `roc_auc`.

    Raises
    ------
    ArgumentError
        As `roc_auc`.

    Examples
    --------
    >>> y = [False] * 4 + [True] * 4
    >>> auc_difference(y, [1, 2, 3, 5, 4, 6, 7, 8], [1, 4, 3, 7, 2, 6, 5, 8])
    0.250 (-0.209 to 0.709), p = 0.18, n = 8 with 4 events
    """
    with Arguments("auc_difference") as given:
        given.probability("confidence", confidence)
        rows = read_rows(y, a=a, b=b, groups=groups).of_known()
    outcome, none = rows.had, float("nan")
    if reason := _one_sided(outcome):
        return Difference(none, none, none, *rows.counts, reason)
    weight = np.ones(len(outcome))
    first, second = (_ranking(outcome, rows.columns[name], weight) for name in ("a", "b"))
    value, moves = first[0] - second[0], first[1] - second[1]
    if reason := _too_few(outcome, rows.groups) or ("" if np.abs(moves).max() > 1e-12 else "both rank the leads alike"):
        return Difference(value, none, none, *rows.counts, reason)
    error, degrees = _spread(outcome, moves, rows.groups)
    reach = float(stdtrit(degrees, (1 + confidence) / 2)) * error
    p = 2 * float(stdtr(degrees, -abs(value) / error))
    return Difference(value, max(value - reach, -1.0), min(value + reach, 1.0), *rows.counts, p=p)


def _one_sided(outcome: Mask) -> str:
    if not len(outcome):
        return "no lead has a known outcome"
    return "" if outcome.any() and not outcome.all() else f"all leads have the same outcome, {bool(outcome[0])}"


def _sides(outcome: Mask, groups: Ints | None) -> tuple[int, int]:
    """How many leads have a row with the outcome, and how many one without."""
    if groups is None:
        return int(outcome.sum()), int((~outcome).sum())
    return len(np.unique(groups[outcome])), len(np.unique(groups[~outcome]))


def _too_few(outcome: Mask, groups: Ints | None) -> str:
    events, others = _sides(outcome, groups)
    return "" if min(events, others) > 1 else f"only one lead has the outcome {events == 1}"


def _estimate(  # noqa: PLR0913 - what is asked, and all that is given for it
    call: str, measure: Any, y: Any, *, score: Any, weights: Any, groups: Any, confidence: float
) -> Estimate:
    """A measure that comes with how far each lead moves it, and its interval."""
    with Arguments(call) as given:
        given.probability("confidence", confidence)
        rows = read_rows(y, score=score, weights=weights, groups=groups).of_known()
    if rows.weights is not None:
        rows = rows.take(rows.weights > 0)
    outcome, points, none = rows.had, rows.columns["score"], float("nan")
    if reason := _one_sided(outcome):
        return Estimate(none, none, none, *rows.counts, reason)
    value, moves = measure(outcome, points, np.ones(len(outcome)) if rows.weights is None else rows.weights)
    if reason := "all scores are equal" if points.min() == points.max() else _too_few(outcome, rows.groups):
        return Estimate(value, none, none, *rows.counts, reason)
    error, degrees = _spread(outcome, moves, rows.groups)
    reach = float(stdtrit(degrees, (1 + confidence) / 2)) * error
    low, high = logit_interval(value, reach, degrees + 1, confidence)
    return Estimate(value, low, high, *rows.counts)


def logit_interval(value: float, reach: float, few: int, confidence: float) -> tuple[float, float]:
    """What reaches so far on either side, on the logit scale, which keeps it between 0 and 1."""
    if 1e-12 < value < 1 - 1e-12:
        low, high = expit(logit(value) + np.array([-1, 1]) * reach / (value * (1 - value)))
    else:
        # Nothing varied among so few; that is no proof that nothing ever does.
        low, high = wilson(round(value) * few, few, confidence=confidence)
    # There and back through the logit, a figure without any spread may be off by a rounding.
    return min(float(low), value), max(float(high), value)


def _spread(outcome: Mask, moves: Floats, groups: Ints | None) -> tuple[float, int]:
    """The standard error of a figure from how far each lead moves it, and its degrees of freedom.

    These are of the rarer kind of leads: few of them say little of their own spread.
    """
    parts: list[Floats] = [moves[outcome], moves[~outcome]]
    if groups is not None:
        # One group may have rows of either kind.
        parts = [np.asarray(np.bincount(groups, moves)[np.unique(groups)], np.float64)]
    variance = sum(len(part) / (len(part) - 1) * float(part @ part) for part in parts)
    return float(np.sqrt(variance)), min(_sides(outcome, groups)) - 1


def _ranking(outcome: Mask, points: Floats, weight: Floats) -> tuple[float, Floats]:
    """The area under the ROC curve, and how far each lead moves it."""
    _, level = np.unique(points, return_inverse=True)
    size = int(level.max()) + 1
    events = np.bincount(level[outcome], weight[outcome], size)
    others = np.bincount(level[~outcome], weight[~outcome], size)
    all_events, all_others = events.sum(), others.sum()
    beaten = (np.cumsum(others) - others / 2) / all_others
    beaten_by = 1 - (np.cumsum(events) - events / 2) / all_events
    value = float(events @ beaten / all_events)
    own = np.where(outcome, beaten[level], beaten_by[level])
    return value, (own - value) * weight / np.where(outcome, all_events, all_others)


def _average_precision(outcome: Mask, points: Floats, weight: Floats) -> tuple[float, Floats]:
    """Average precision, and how far each lead moves it."""
    _, level = np.unique(-points, return_inverse=True)
    size = int(level.max()) + 1
    events = np.bincount(level[outcome], weight[outcome], size)
    flagged = np.cumsum(np.bincount(level, weight, size))
    found = np.cumsum(events)
    precision = found / flagged
    value = float(events @ precision / found[-1])
    # A lead is among those flagged at its own score and at every lower one.
    dilutes = np.cumsum((events * precision / flagged)[::-1])[::-1]
    adds = precision + np.cumsum((events / flagged)[::-1])[::-1] - value
    return value, (np.where(outcome, adds[level], 0) - dilutes[level]) * weight / found[-1]


def brier(y: Any, probability: Any, *, confidence: float = 0.95) -> Estimate:
    """The Brier score: the mean squared distance of probabilities from what came; lower is better.

    Always giving the base rate r scores r (1 - r), so figures of different base rates cannot be compared.

    Parameters
    ----------
    y, probability
        As in `calibration`.
    confidence : float

    Returns
    -------
    Estimate
        Without a value where no outcome is known, without an interval where all leads have one outcome.

    Raises
    ------
    ArgumentError
        As `calibration`, or if `confidence` does not lie between 0 and 1.

    References
    ----------
    Brier, G. W. (1950), Monthly Weather Review 78, 1-3.

    Examples
    --------
    >>> brier([True, False, False, True], [0.9, 0.2, 0.4, 0.6])
    0.093 (0.039 to 0.204), n = 4 with 2 events
    """
    with Arguments("brier") as given:
        given.probability("confidence", confidence)
        rows = read_rows(y, probability=probability).of_known()
    squared, n, none = (rows.columns["probability"] - rows.had) ** 2, len(rows.had), float("nan")
    value = float(squared.mean()) if n else none
    if reason := _one_sided(rows.had):
        return Estimate(value, none, none, *rows.counts, reason)
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * float(squared.std(ddof=1)) / np.sqrt(n)
    low, high = logit_interval(value, reach, n, confidence)
    return Estimate(value, low, high, *rows.counts)


def by_segment(y: Any, score: Any, *, by: Any) -> pd.DataFrame:
    """How often leads of each segment have the outcome, and how well the score ranks them among themselves.

    A score can rank well over all and badly within every segment, where segments differ in their rates.

    Parameters
    ----------
    y, score
        As in `read_rows`.
    by : (n_leads,) the segment of each lead; missing is a segment too

    Returns
    -------
    DataFrame, index segment
        `n`, `events`, `unknown` (of unknown outcome, left out), `rate`, `rate_low`, `rate_high` (95 % Wilson), `auc`,
        `auc_low`, `auc_high` (as `roc_auc`), and `reason`, why there is no AUC or no interval of it.

    Raises
    ------
    ArgumentError
        As `read_rows`, or if there are no segments.

    Examples
    --------
    >>> y = [True, False, True, False, False, None]
    >>> table = by_segment(y, [9, 4, 6, 7, 2, 5], by=["US", "US", "US", "US", "DE", "DE"])
    >>> table[["n", "events", "unknown", "auc", "reason"]]
             n  events  unknown   auc                                  reason
    segment
    DE       1       0        1   NaN  all leads have the same outcome, False
    US       4       2        0  0.75
    """
    leads = read_rows(y, score=score, by=by)
    if leads.by is None:
        raise ArgumentError("by", "must have the segment of each lead; got None")
    rows = []
    for place, name in enumerate(leads.names):
        mine = leads.take(leads.by == place)
        auc = roc_auc(np.where(mine.known, mine.had, np.nan), mine.columns["score"])
        rate = auc.events / auc.n if auc.n else float("nan")
        counts = (name, auc.n, auc.events, auc.unknown, rate, *map(float, wilson(auc.events, auc.n)))
        rows.append((*counts, auc.value, auc.low, auc.high, auc.reason))
    columns = "segment n events unknown rate rate_low rate_high auc auc_low auc_high reason"
    return pd.DataFrame(rows, columns=columns.split()).set_index("segment")
