"""What a column adds to what others say of an outcome: tests that hold for rare outcomes and for repeated leads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.stats.intervals import wilson
from leadscore.stats.logistic import Dense, Fitted, Floats, fit_logistic

Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.signedinteger[Any]]

# A normal prior of variance 10 on log odds: where nobody converts, an effect stays finite; elsewhere it is not felt.
RIDGE = 0.1
_POWER = 0.8
# Within so few standard errors no p-value is small, and the normal tail is as good as any.
_NORMAL_WITHIN = 1.5
_STEPS = 100
_OWN_PART = 1e-3


@dataclass(frozen=True)
class Sample:
    """Outcomes, and the lead of each; rows that are the same to every model are one kind.

    Attributes
    ----------
    outcome : (n_rows,) 0 or 1
    lead : (n_rows,) whole numbers from 0
    kind : (n_rows,) whole numbers from 0
    """

    outcome: Floats
    lead: Ints
    kind: Ints

    @cached_property
    def weight(self) -> Floats:
        """(n_kinds,) rows."""
        return np.bincount(self.kind).astype(np.float64)

    @cached_property
    def rate(self) -> Floats:
        """(n_kinds,) share of rows with the outcome."""
        return np.bincount(self.kind, self.outcome) / self.weight

    @cached_property
    def n_leads(self) -> int:
        """How many leads there are."""
        return len(np.unique(self.lead))

    @property
    def repeated(self) -> bool:
        """Whether a lead has several rows."""
        return self.n_leads < len(self.lead)

    def fit(self, columns: Floats, start: Fitted | None = None) -> Fitted:
        """A logistic regression on columns of kinds, (n_kinds, n_columns)."""
        return fit_logistic(Dense(columns), self.rate, weight=self.weight, penalty=RIDGE, start=start)

    def by_lead(self, rows: Floats) -> Floats:
        """Sums over the rows of each lead, (n_leads, ...) of (n_rows, ...)."""
        order, starts = self._order
        return np.add.reduceat(rows[order], starts)

    @cached_property
    def _order(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        order = np.argsort(self.lead, kind="stable")
        return order, np.flatnonzero(np.diff(self.lead[order], prepend=-1))

    def _alike(self, apart: Floats) -> float:
        if not self.repeated or not apart.any():
            return 1.0
        return max(1.0, float((self.by_lead(apart) ** 2).sum() / (apart**2).sum()))

    @cached_property
    def alike(self) -> float:
        """How many rows tell as much as one row of a lead of its own: the design effect of a mean, 1 or more."""
        return self._alike(self.outcome - self.outcome.mean())

    def share(self, rows: Mask, confidence: float) -> tuple[int, int, float, float, float]:
        """Of some rows: n, how many have the outcome, the share, and its Wilson interval.

        Rows of one lead are alike, so they count as the fewer that would tell as much.
        """
        n, reached = int(rows.sum()), int(self.outcome[rows].sum())
        value = reached / n if n else float("nan")
        # Where all rows have one outcome, only those of the other leads tell how alike a lead's rows are.
        fewer = self._alike(np.where(rows, self.outcome - value, 0.0)) if 0 < reached < n else self.alike
        low, high = wilson(reached / fewer, n / fewer, confidence=confidence)
        return n, reached, value, float(low), float(high)


@dataclass(frozen=True)
class Adjusted:
    """What a column adds to a model.

    Attributes
    ----------
    effect, error : float
        Log odds per unit of the column, all else in the model held fixed, and its standard error.
    p : float
        Of no effect, two-sided; NaN if the other columns leave nothing of it.
    z : float
        The score test's statistic; its sign is the effect's.
    information : float
        What the data tell about the effect if there is none: 1 / its variance then, repeated leads allowed for.
    expected : float
        The share of the outcome where the column is not 0, if it has no effect.
    """

    effect: float
    error: float
    p: float
    z: float
    information: float
    expected: float


NOTHING = Adjusted(*[float("nan")] * 6)


@dataclass(frozen=True)
class Scores:
    """Score tests of several columns, each beside the same model; (n_columns,) each."""

    z: Floats
    p: Floats
    information: Floats
    expected: Floats


def score_tests(sample: Sample, others: Floats, columns: Floats, inflation: float | None = None) -> Scores:
    """Test whether outcomes go with columns beyond what other columns say.

    The score test needs the fit without the column alone, so it holds where nobody with it converted and its effect is
    infinite. Its tails are those of a saddlepoint approximation, right for rare outcomes and few leads, where normal
    ones promise too much. Where leads have several rows, the variance is that of sums over leads, if larger; and it is
    at least inflated as that of the mean outcome.

    Parameters
    ----------
    sample : Sample
    others : (n_kinds, n_others)
    columns : (n_kinds, n_columns)
    inflation : float, optional
        How much larger the variance is because leads have several rows, where that is known.

    References
    ----------
    Dey, R., Schmidt, E. M., Abecasis, G. R. and Lee, S. (2017), American Journal of Human Genetics 101, 37-49.
    Rotnitzky, A. and Jewell, N. P. (1990), Biometrika 77, 485-497: the score test for clusters.
    """
    fitted = sample.fit(others)
    chance = np.clip(1 / (1 + np.exp(-(others @ fitted.coefficients + fitted.intercept))), 1e-12, 1 - 1e-12)
    weight = sample.weight * chance * (1 - chance)
    design = np.column_stack([np.ones(len(others)), others])
    gram = (design * weight[:, None]).T @ design
    gram[np.diag_indices_from(gram)] += 1e-9 * (1 + gram.diagonal())
    left = columns - design @ np.linalg.solve(gram, (design * weight[:, None]).T @ columns)
    score = left.T @ (sample.weight * (sample.rate - chance))
    variance = weight @ left**2
    # Of a column that the others all but make up, no amount of data at hand tells what is its own.
    lost = variance <= _OWN_PART * (weight @ (columns - weight @ columns / weight.sum()) ** 2)
    inflated = np.full(len(score), sample.alike if inflation is None else inflation)
    if sample.repeated and inflation is None:
        apart = sample.outcome - chance[sample.kind]
        for column in np.flatnonzero(~lost):
            summed = sample.by_lead(left[sample.kind, column] * apart)
            inflated[column] = max(sample.alike, (summed**2).sum() / variance[column])
    z, p = np.full(len(score), np.nan), np.full(len(score), np.nan)
    for column in np.flatnonzero(~lost):
        z[column] = score[column] / math.sqrt(variance[column] * inflated[column])
        p[column] = _two_sided(float(z[column]), left[:, column], chance, sample.weight, float(inflated[column]))
    present = columns != 0
    rows = sample.weight @ present
    expected = ((sample.weight * chance) @ present) / np.where(rows > 0, rows, np.nan)
    return Scores(z, p, np.where(lost, 0.0, variance / inflated), expected)


def adjusted(sample: Sample, others: Floats, column: Floats) -> Adjusted:
    """The effect of one column, (n_kinds,), beside others, and its test; see `score_tests`.

    The standard error is the larger of the model's and the one of clusters, as statsmodels has it.
    """
    design = np.column_stack([others, column])
    whole = sample.fit(design)
    variance = own = float(whole.covariance[-2, -2])
    if sample.repeated:
        chance = 1 / (1 + np.exp(-(design @ whole.coefficients + whole.intercept)))
        influence = np.column_stack([design, np.ones(len(design))]) @ whole.covariance[:, -2]
        summed = sample.by_lead(influence[sample.kind] * (sample.outcome - chance[sample.kind]))
        n, leads, p = len(sample.outcome), sample.n_leads, design.shape[1] + 1
        variance = max(own, float((summed**2).sum()) * leads / (leads - 1) * (n - 1) / (n - p))
    # Seen at the fit with the column: without it, what the column explains would pass for leads being alike.
    test = score_tests(sample, others, column[:, None], max(variance / own, sample.alike))
    if np.isnan(test.p[0]):
        return NOTHING
    figures = (float(array[0]) for array in (test.p, test.z, test.information, test.expected))
    return Adjusted(float(whole.coefficients[-1]), math.sqrt(variance), *figures)


def odds_scale(sample: Sample, total: npt.NDArray[np.int64]) -> Adjusted:
    """What one point of a total, in thousandths by row, is worth in log odds."""
    values, kind = np.unique(total, return_inverse=True)
    alone = Sample(sample.outcome, sample.lead, kind)
    return adjusted(alone, np.zeros((len(values), 0)), values / 1000)


def _two_sided(z: float, left: Floats, chance: Floats, weight: Floats, inflation: float) -> float:
    """Twice the chance of a score statistic so far from 0 on its side, so that each side is wrong as seldom."""
    if abs(z) < _NORMAL_WITHIN:
        return math.erfc(abs(z) / math.sqrt(2))
    near = left != 0
    left, chance, weight = left[near], chance[near], weight[near] / inflation
    score = abs(z) * math.sqrt(float(weight @ (left**2 * chance * (1 - chance))))
    return min(1.0, 2 * _tail(score, left if z > 0 else -left, chance, weight))


def _tail(score: float, left: Floats, chance: Floats, weight: Floats) -> float:
    """The chance of a sum as large, by Barndorff-Nielsen's formula; 0 where no sum is."""
    if score >= float(weight @ np.where(left > 0, left * (1 - chance), -left * chance)):
        return 0.0
    logit = np.log(chance / (1 - chance))
    low, high, t = 0.0, math.inf, score / float(weight @ (left**2 * chance * (1 - chance)))
    # Newton's steps to where the tilted mean is the score, halving where one would leave the bracket.
    for _ in range(_STEPS):
        tilted = 1 / (1 + np.exp(-(logit + left * t)))
        mean, spread = float(weight @ (left * (tilted - chance))), float(weight @ (left**2 * tilted * (1 - tilted)))
        low, high = (t, high) if mean < score else (low, t)
        if abs(mean - score) <= 1e-9 * score:
            break
        step = t + (score - mean) / spread if spread > 0 else math.inf
        t = step if low < step < high else (low + high) / 2 if high < math.inf else 2 * t
    cumulant = float(weight @ (np.logaddexp(np.log1p(-chance), np.log(chance) + left * t) - chance * left * t))
    root = math.sqrt(max(2 * (t * score - cumulant), 1e-12))
    return 0.5 * math.erfc((root + math.log(t * math.sqrt(spread) / root) / root) / math.sqrt(2))


def times_needed(found: Adjusted, effect: float, p: float) -> float:
    """How many times the data it takes to see an effect, in log odds, with a chance of 80 %; 1 or less: it is enough.

    Parameters
    ----------
    found : Adjusted
    effect : float
    p : float
        Below which a p-value counts, two-sided.

    References
    ----------
    Chow, S.-C., Shao, J. and Wang, H. (2008), Sample Size Calculations in Clinical Research, section 4.1, with as many
    leads of the group as the others leave: information / (rate x (1 - rate)).
    """
    rate = found.expected
    if not found.information > 0 or not 0 < rate < 1:
        return float("inf")
    other = 1 / (1 + math.exp(-(math.log(rate / (1 - rate)) + effect)))
    normal = NormalDist()
    spread = normal.inv_cdf(1 - p / 2) * math.sqrt(rate * (1 - rate))
    spread += normal.inv_cdf(_POWER) * math.sqrt(other * (1 - other))
    return (spread / (other - rate)) ** 2 * rate * (1 - rate) / found.information
