"""Weekly figures watched for a rise: a Shiryaev-Roberts e-detector on sequential ranks, many streams at a time."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp, ndtri
from scipy.stats import chi2, rankdata

from leadscore.stats.intervals import Floats, Ints

# How strongly a rise is bet on, per standard score of a rank; what part of each bet's evidence is lost in a week, so
# that luck of months ago does not help a short burst over the level; and the score beyond which no week is stronger.
_BOLDNESS = np.array([0.25, 0.5, 1.25])
_FADING = np.array([0.02, 0.05, 0.2])
_MOST_SCORE = 1.85
# So many weeks are needed before a week can be predicted from those before it.
_BURN_IN = 16
# Of the regression, on standardised figures; the level itself is free.
_RIDGE = np.diag([1e-9, 5.0, 5.0, 5.0, 5.0, 5.0])
# Standard deviations of the reference.
_MOST_LEARNED = 1.5
# What differs from the median by so little, as a part of the largest figure, is it: sums are rounded.
_ROUNDING = 1e-12
# Yearly waves no larger than nine in ten streams of independent weeks have by luck are none.
WAVE = float(chi2.ppf(0.9, 4))
YEAR_WEEKS = 365.2425 / 7
# Neighbours up to a quarter apart are asked whether they are alike.
_QUARTER_WEEKS = 13
# Above this, neighbouring weeks are more alike than in 95 of 100 independent histories.
MEMORY_SEEN = 1.645
# Evidence is divided by exp(4) at most: where weeks are always alike a change is to be found still.
_MOST_MEMORY = math.sqrt(8)
# Ranks of exchangeable weeks are uniform whatever the figures, so how often evidence passes a level by luck can be
# computed once for all: this lies above what 60,000 simulated runs need, for 13 to 520 weeks and budgets of 0.5 to
# 0.001, and leaves a third of the budget of 104 weeks, less of longer ones, for weeks that are not quite exchangeable.
_LUCK, _STEEPNESS = 1.9, 0.7
# So many weeks a change may take; and the correlation of neighbouring weeks that is allowed for at most.
_RISE_WEEKS, _MOST_ALIKE = np.array([1, 13, 26, 52, 104]), 0.8
# A week whose likelihood is within this of the best is not ruled out: 90 % by Siegmund (1988), of slow rises more.
# An alarm chooses when one looks: it comes when luck is on its side, and that dates slow rises late.
_PLAUSIBLE = -np.log(1 - np.sqrt(np.where(_RISE_WEEKS <= 13, 0.9, 0.98)))


def level(horizon_weeks: int, budget: float) -> float:
    """The evidence that passes by luck, at any time in so many exchangeable weeks, with a chance of at most `budget`.

    Examples
    --------
    >>> round(level(104, 0.1), 1)
    245.9
    """
    return _LUCK * (horizon_weeks / budget) ** _STEEPNESS


def seasons(week: npt.ArrayLike, harmonics: int = 2) -> Floats:
    """(..., 1 + 2 * harmonics): the level and the yearly waves at weeks counted from anywhere, once and for all."""
    turn = 2 * np.pi * np.asarray(week, float) / YEAR_WEEKS
    waves = [wave(turn * number) for number in range(1, harmonics + 1) for wave in (np.cos, np.sin)]
    return np.stack([np.ones_like(turn), *waves], axis=-1)


class RankDetector:
    """Streams of weekly figures, each watched for a rise; a figure that is missing (NaN) skips its week.

    Each week is predicted from the weeks before it (level, two yearly waves, last week's figure; ridge regression).
    What it exceeds that by is ranked among all such residuals so far. With r - 1 of n residuals below it and a =
    min(Phi^-1((r - 1/2) / n), 1.85), evidence is multiplied by L = exp(lam a) / mean_j exp(lam a_j); it begins again
    each week and fades: S <- (1 + (1 - d) S) L, on average over (lam, d) = (1/4, 1/50), (1/2, 1/20), (5/4, 1/5). Where
    residuals tie, L is its mean over their ranks.

    Of a stream most of whose reference is one and the same figure, and shows no yearly wave, there is nothing to
    predict, nor a spread to measure with: the figures themselves are ranked. So one that never varied and then breaks
    is found, whatever its unit.

    Parameters
    ----------
    weeks : (n_reference,) numbers of the weeks
    figures : (n_streams, n_reference)
        From which to learn; nothing is claimed about them.
    steady : (n_streams,) bool, optional
        Streams that are known to have nothing to predict: they are ranked as they are, too.

    Notes
    -----
    If the residuals of a stream are exchangeable and continuous, their sequential ranks are independent and uniform
    (Renyi 1962), so each factor is 1 on average given the past. Without fading S_t - t is a martingale, and S reaches a
    level A within n weeks with a chance of at most n / A (Doob), whatever the distribution; fading only makes S
    smaller. `level` is sharper: S is a function of ranks whose distribution is known, whatever that of the figures, so
    the chance itself is known too. Weeks that are skipped leave fewer chances to pass it.

    What the regression learns from is bounded at 1.5 standard deviations: a large jump would teach it to predict
    itself within two weeks, and single outliers would move all residuals after them. Predicting makes residuals only
    nearly exchangeable: of 1,500 runs of 104 independent weeks, at most 5 % passed the level for 10 % with Student's t
    of 1.5 to 3, exponential, log-normal, Poisson weeks and ones with outliers, `memory` taken off.

    Neighbouring weeks that are alike for months break that. `memory` measures it on the weeks before the suspected
    change, as the excess of the long-run variance (Bartlett, 13 weeks) over what independent weeks would show, in
    standard errors from 0 to 2.8; who asks divides the evidence by exp(memory^2 / 2), see `discount`: about how much
    likelier weeks with memory made them than independent ones. Dividing never makes evidence larger, so the bound
    stays.

    References
    ----------
    Shin, J., Ramdas, A. and Rinaldo, A. (2023), E-detectors: a nonparametric framework for sequential change detection,
    arXiv 2203.03532. Vovk, V. (2021), Testing randomness online, Statistical Science 36, 595-611. Siegmund, D. (1988),
    Confidence sets in change-point problems, International Statistical Review 56, 31-48. Durbin, J. and Watson, G. S.
    (1950), Testing for serial correlation in least squares regression I, Biometrika 37, 409-428: the moments.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> detector = RankDetector(np.arange(52), rng.normal(size=(2, 52)))
    >>> for week in range(52, 92):
    ...     detector.push(week, rng.normal(size=2) + [0, 1.5 * (week >= 72)])
    >>> np.exp(detector.log_evidence) >= level(104, 0.1)
    array([False,  True])
    >>> detector.onset(1)
    (70, 52, 77)
    """

    def __init__(self, weeks: npt.ArrayLike, figures: npt.ArrayLike, *, steady: npt.ArrayLike = False) -> None:
        table = np.asarray(figures, float)
        n_streams = len(table)
        known = ~np.isnan(table)
        count = np.maximum(known.sum(axis=1), 1)
        figures_of = [row[~np.isnan(row)] for row in table]
        self._middle = np.array([np.median(row) if len(row) else 0 for row in figures_of])
        self._rounding = _ROUNDING * np.abs(np.where(known, table, 0)).max(axis=1, initial=0)
        apart = self._apart(table.T).T
        self._centre = np.where(known, apart, 0).sum(axis=1) / count
        spread = np.sqrt((np.where(known, apart - self._centre[:, None], 0) ** 2).sum(axis=1) / count)
        self._spread = np.where(spread > 0, spread, 1)
        one_figure = ((apart == 0).sum(axis=1) >= count / 2) & known.any(axis=1)
        self._ranked = np.asarray(steady) | (one_figure & (waves_of(weeks, apart / self._spread[:, None]) <= WAVE))
        size = len(_RIDGE)
        self._squares, self._products = np.zeros((n_streams, size, size)), np.zeros((n_streams, size))
        self._seen, self._last = np.zeros(n_streams, np.int64), np.full(n_streams, np.nan)
        self._figures, self._residuals = np.zeros((n_streams, 0)), np.zeros((n_streams, 0))
        self.weeks = np.zeros(0)
        self._evidence = np.full((n_streams, len(_BOLDNESS)), -np.inf)
        self._gains = np.zeros((n_streams, 0, len(_BOLDNESS)))
        for week, column in zip(np.asarray(weeks, float), table.T, strict=True):
            self._learn(week, column)

    def _apart(self, figures: Floats) -> Floats:
        """How far figures, (..., n_streams), are from the median of the reference."""
        apart = figures - self._middle
        return np.where(np.abs(apart) <= self._rounding, 0, apart)

    def push(self, week: float, figures: npt.ArrayLike) -> None:
        """Count one week, (n_streams,) figures."""
        below, ties, n = self._learn(week, np.asarray(figures, float))
        self._evidence, gains = _counted(self._evidence, below, ties, n)
        self._gains = np.concatenate([self._gains, gains[:, None]], axis=1)

    def _learn(self, week: float, figures: Floats) -> tuple[Ints, Ints, Ints]:
        """Of each stream's residuals so far, how many are below the week's, -1 where it has none; tied; and all."""
        known = ~np.isnan(figures)
        apart = self._apart(figures)
        figure = np.where(known, (apart - self._centre) / self._spread, 0)
        # A large jump would teach the regression to predict itself, within two weeks.
        last = np.clip(np.where(np.isnan(self._last), figure, self._last), -_MOST_LEARNED, _MOST_LEARNED)
        row = np.concatenate([np.broadcast_to(seasons(week), (len(figure), len(_RIDGE) - 1)), last[:, None]], axis=1)
        inverse = np.linalg.inv(self._squares + _RIDGE)
        told = np.einsum("sp,spq,sq->s", row, inverse, self._products)
        residual = (figure - told) / np.sqrt(1 + np.einsum("sp,spq,sq->s", row, inverse, row))
        residual[~known | (self._seen < _BURN_IN)] = np.nan
        residual = np.where(self._ranked, apart, residual)
        below, ties = ((of(self._residuals, residual[:, None])).sum(axis=1) for of in (np.less, np.equal))
        self._residuals = np.concatenate([self._residuals, residual[:, None]], axis=1)
        self._figures = np.concatenate([self._figures, apart[:, None]], axis=1)
        self.weeks = np.append(self.weeks, week)
        row[~known] = 0
        self._squares += row[:, :, None] * row[:, None, :]
        self._products += row * np.clip(figure, -_MOST_LEARNED, _MOST_LEARNED)[:, None]
        self._last = np.where(known, figure, self._last)
        self._seen += known
        return np.where(np.isnan(residual), -1, below), ties, (~np.isnan(self._residuals)).sum(axis=1)

    @property
    def log_evidence(self) -> Floats:
        """(n_streams,) natural logarithms of the evidence, before `memory` is taken off; -inf where no week counts."""
        return _mixed(self._evidence)

    def _likelihood(self) -> Floats:
        """(n_streams, n_pushed) log of the evidence that the change came with each week, at the best boldness."""
        tails = np.cumsum(self._gains[:, ::-1], axis=1)[:, ::-1].max(axis=2)
        # Nothing can be told to have come with a week that was skipped.
        return np.where((self._gains == 0).all(axis=2), -np.inf, tails)

    def onset(self, stream: int) -> tuple[int, int, int]:
        """The week with which a stream most likely began to change, and the first and last not ruled out (90 %).

        They are positions in `weeks`. The likeliest is that of a change at once. But it may as well have risen for a
        quarter, half a year, one or two years: a week is not ruled out if, beginning with it, any of these is as likely
        as the likeliest of all (profile likelihood of normal scores, season taken out, memory of weeks allowed for).
        """
        known = np.flatnonzero(~np.isnan(self._residuals[stream]))
        begin = len(self.weeks) - self._gains.shape[1]
        weeks, figures = self.weeks[known], self._figures[stream, known]
        scores = ndtri((rankdata(figures) - 0.5) / len(known))
        # A season that was not seen once would take a change for itself.
        plain = self._ranked[stream] or (known < begin).sum() < YEAR_WEEKS - 1
        basis = np.linalg.qr(seasons(weeks, 0 if plain else 2))[0]
        first = weeks[known >= begin]
        since = (weeks - first[:, None] + 1)[:, None]
        # (n_onsets, n_shapes, n_weeks), what is left of each when the season is taken out.
        shapes = np.clip(since / _RISE_WEEKS[:, None], 0, 1)
        shapes = np.where(since > 0, shapes, 0)
        shapes -= shapes @ basis @ basis.T
        scores -= basis @ (scores @ basis)
        size = (shapes**2).sum(axis=-1)
        fit = np.maximum(shapes @ scores, 0) ** 2 / np.where(size > 1e-9, size, np.inf)
        row, shape = np.unravel_index(fit.argmax(), fit.shape)
        taken = np.column_stack([basis, shapes[row, shape] / math.sqrt(max(size[row, shape], 1e-9))])
        rest = scores - taken @ (scores @ taken)
        free = len(known) - taken.shape[1]
        # The week and how long it took were chosen, too.
        noise = (rest @ rest) / max(free - 2, 1)
        # To take them out makes neighbours less alike than they are: those of independent weeks by so much.
        less = (taken[1:] * taken[:-1]).sum() / free
        alike = np.clip(rest[1:] @ rest[:-1] / max(rest @ rest, 1e-9) + less, 0, _MOST_ALIKE)
        within = noise * (1 + alike) / (1 - alike)
        near = np.flatnonzero((fit >= fit.max() - 2 * within * _PLAUSIBLE).any(axis=1))
        low, high, best = int(known[known >= begin][near[0]]), int(known[known >= begin][near[-1]]), self._jump(stream)
        return best, min(low, best), max(high, best)

    def _jump(self, stream: int) -> int:
        """The week with which a stream most likely changed at once, of its residuals."""
        known = np.flatnonzero(~np.isnan(self._residuals[stream]))
        n = len(known)
        scores = ndtri((rankdata(self._residuals[stream, known]) - 0.5) / n)
        since = np.arange(n, 0, -1)
        # How far the mean from each week on lies above the mean of all, as a sum of squares between before and since.
        above = np.maximum(np.cumsum(scores[::-1])[::-1] - since * scores.mean(), 0)
        between = np.append(0, above[1:] ** 2 / since[1:] / (1 - since[1:] / n))
        between[known < len(self.weeks) - self._gains.shape[1]] = 0
        return int(known[between.argmax()])

    def memory(self, above: float = -math.inf) -> Floats:
        """(n_streams,) how alike neighbouring weeks before the suspected change are, in standard errors: 0 to 2.8.

        Streams whose log evidence is not above `above` are not looked at: 0.
        """
        found = np.zeros(len(self._seen))
        asked = np.flatnonzero(self.log_evidence > above)
        if not len(asked) or not self._gains.shape[1]:
            return found
        before = len(self.weeks) - self._gains.shape[1] + self._likelihood()[asked].argmax(axis=1)
        for stream, end in zip(asked, before, strict=True):
            known = ~np.isnan(self._figures[stream, :end])
            found[stream] = _memory(self.weeks[:end][known], self._figures[stream, :end][known])
        return found


def waves_of(weeks: npt.ArrayLike, figures: Floats) -> Floats:
    """(n_streams,) how large the yearly waves of standardised figures, (n_streams, n_weeks), are.

    A chi-square with 4 degrees of freedom where weeks are independent.
    """
    waves = np.linalg.qr(seasons(weeks))[0][:, 1:]
    known = ~np.isnan(figures)
    middle = np.where(known, figures, 0).sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1)
    found: Floats = (np.where(known, figures - middle, 0) @ waves) ** 2
    return found.sum(axis=1)


def discount(memory: Floats) -> Floats:
    """The log of what evidence is divided by, where weeks are alike by so many standard errors."""
    return memory**2 / 2


def _counted(evidence: Floats, below: Ints, ties: Ints, n: Ints) -> tuple[Floats, Floats]:
    """Log evidence after a week, and the log of what it was multiplied by; where -1 are below, the week is skipped."""
    counted = below >= 0
    gains = np.zeros(evidence.shape)
    for size in np.unique(n[counted]):
        rows = counted & (n == size)
        summed, low, high = _summed_gains(int(size)), below[rows], below[rows] + ties[rows] + 1
        gains[rows] = np.log((summed[high] - summed[low]) / (high - low)[:, None])
    grown = np.logaddexp(0, evidence + np.log1p(-_FADING)) + gains
    return np.where(counted[:, None], grown, evidence), gains


def _mixed(evidence: Floats) -> Floats:
    """The mean over boldness, of logs."""
    return np.asarray(logsumexp(evidence, axis=1) - math.log(len(_BOLDNESS)))


@lru_cache(maxsize=4096)
def _summed_gains(n: int) -> Floats:
    """(n + 1, n_boldness) sums over the lowest ranks of what each multiplies evidence by."""
    return np.concatenate([np.zeros((1, len(_BOLDNESS))), np.exp(_gains(n)).cumsum(axis=0)])


def _gains(n: int) -> Floats:
    """(n, n_boldness) log of what each rank among n multiplies evidence by; 1 on average over the ranks."""
    bets = np.minimum(ndtri((np.arange(n) + 0.5) / n), _MOST_SCORE)[:, None] * _BOLDNESS
    return bets - (logsumexp(bets, axis=0) - math.log(n))


def _memory(weeks: Floats, figures: Floats) -> float:
    """Standard errors by which the long-run variance is above that of independent weeks; 0 to 2.8."""
    if len(weeks) <= 2 * _QUARTER_WEEKS or (figures == figures[0]).all():
        return 0.0
    basis, mean, error = _independent(weeks.tobytes())
    rest = figures - basis @ (figures @ basis)
    scores = ndtri((rest.argsort().argsort() + 0.5) / len(weeks))
    # Figures that tie say nothing of how weeks are alike, nor may the season do so that was taken from them.
    value = np.unique(figures, return_inverse=True)[1]
    scores = (np.bincount(value, scores) / np.bincount(value))[value]
    lags = range(1, _QUARTER_WEEKS + 1)
    near = sum((1 - lag / (_QUARTER_WEEKS + 1)) * (scores[lag:] * scores[:-lag]).sum() for lag in lags)
    return float(np.clip((near / (scores**2).sum() - mean) / error, 0, _MOST_MEMORY))


@lru_cache(maxsize=512)
def _independent(weeks: bytes) -> tuple[Floats, float, float]:
    """The season at weeks, orthonormal, and mean and standard deviation of `near` for independent normal weeks."""
    season = seasons(np.frombuffer(weeks), harmonics=1)
    basis = np.linalg.qr(season)[0]
    n, lost = season.shape
    lag = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    near = np.where((lag > 0) & (lag <= _QUARTER_WEEKS), (1 - lag / (_QUARTER_WEEKS + 1)) / 2, 0)
    left = np.eye(n) - basis @ basis.T
    form = left @ near @ left
    free = n - lost
    mean = float(np.trace(form)) / free
    variance = 2 * (float((form * form.T).sum()) - free * mean**2) / (free * (free + 2))
    return basis, mean, math.sqrt(variance)
