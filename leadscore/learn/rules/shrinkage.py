"""Effects drawn towards hand-set points, as far as the outcomes say that those can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from leadscore.stats.intervals import Floats
from leadscore.stats.logistic import Dense, Fitted, fit_logistic
from leadscore.stats.outcomes_and_scores import Mask

# How far true effects may lie from the hand-set ones, in logits of a typical lead: from not at all to odds times 54.
_SPREADS = (0.0, 0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 4.0)
# A total that never errs would have a slope without end: no score has five logits for a standard deviation.
_STEEPEST = 5.0
_UNLIKELY = 1e-6
_SINGULAR = 1e-9


@dataclass(frozen=True)
class Rows:
    """What effects are learned from.

    Attributes
    ----------
    columns : (n_rows, n_columns) activations, none of them all zeros
    points : (n_columns,) the hand-set points of one unit of each
    total : (n_rows,) the hand-set points of each row, with what is in no column
    y : (n_rows,) 0 or 1
    lead : (n_rows,) whole numbers from 0: rows of one lead are no independent witnesses
    """

    columns: Floats
    points: Floats
    total: Floats
    y: Floats
    lead: npt.NDArray[np.signedinteger[Any]]

    @cached_property
    def centred(self) -> Floats:
        """(n_rows,) the total, around its mean: so that one that never varies is a column of zeros."""
        around = self.total - self.total.mean()
        # Points are thousandths: what varies less than a thousandth of that is the rounding of sums.
        return around if np.abs(around).max() > 1e-6 else np.zeros(len(around))

    @cached_property
    def mild(self) -> float:
        """The penalty on the slope of the total."""
        return float(self.centred.var()) / _STEEPEST**2

    @cached_property
    def typical(self) -> Floats:
        """(n_columns,) the root mean square of each activation, where there is any."""
        fires = np.count_nonzero(self.columns, axis=0)
        return np.sqrt((self.columns**2).sum(axis=0) / fires)

    def by_lead(self, residual: Floats) -> Floats:
        """(n_leads, n_columns + 2) the scores of a fit on total, columns and a constant, summed over each lead."""
        columns = (self.centred, *self.columns.T, np.ones(len(self.y)))
        return np.stack([np.bincount(self.lead, column * residual) for column in columns], axis=1)


@dataclass(frozen=True)
class Shrunk:
    """Effects between the hand-set ones and the data's own; made by `shrunk`.

    Attributes
    ----------
    effects : (n_columns,) log odds for one unit of each column
    covariance : (n_columns, n_columns)
    intercept : float
    held : (n_columns,) bool
        Effects that would have turned against the sign of their points, and were held at 0.
    spread : float
        How far effects lie from the hand-set ones: a standard deviation, in logits of a typical lead.
    design_effect : float
        How many rows say as much as one row of a lead of its own would; 1 where each lead has one row.
    """

    effects: Floats
    covariance: Floats
    intercept: float
    held: Mask
    spread: float
    design_effect: float


def shrunk(rows: Rows, *, keep_signs: bool) -> Shrunk:
    """Effects of each column under a normal prior around the hand-set points, whose spread is learned with them.

    The log odds are `a + c x total + columns . d`. `a` and `c` are free, `c` from 0: hand-set points need only be right
    beside each other. Each deviation d, times the column's typical activation, is normal around 0 with one standard
    deviation for all. Fits for nine such spreads are averaged by their marginal likelihood (Laplace's approximation)
    times what is believed before any outcome is seen: a spread from 0 to one logit (odds times 2.7) may well be, more
    is ever less likely (half normal). So where outcomes are few, or say the same, the hand-set points stand, and with
    many the data's own prevail.

    Parameters
    ----------
    rows : Rows
    keep_signs : bool
        Hold effects at 0 that would turn against the sign of their points.

    Returns
    -------
    Shrunk
        The variance of an effect is that of the posterior, the doubt about the spread included; with several rows for a
        lead at least that of the sandwich by lead.

    Notes
    -----
    Rows of one lead say much the same. All count as so many fewer as the variance of the scores summed by lead is
    larger than that of as many independent rows (the design effect: Kish, L. (1965), Survey Sampling): else repeating a
    lead on more days would look like evidence against the hand-set points.

    References
    ----------
    Carlin, B. P. and Louis, T. A. (2009), Bayesian Methods for Data Analysis, 3rd edition, chapter 5: empirical Bayes,
    and why a spread fixed at its best makes intervals too short. Tierney, L. and Kadane, J. B. (1986), Journal of the
    American Statistical Association 81, 82-86: Laplace's approximation. Liang, K.-Y. and Zeger, S. L. (1986),
    Biometrika 73, 13-22: the sandwich.
    """
    crowded = _design_effect(rows)
    fits: list[_Fit] = []
    for spread in _SPREADS:
        fits.append(_fit(rows, spread, 1 / crowded, fits[-1].fitted if spread > _SPREADS[1] else None))
    evidence = np.array([fit.evidence for fit in fits])
    # Few outcomes that rare entries happen to tell apart would else be taken for a huge spread.
    evidence -= np.square(_SPREADS) / 2
    chance = np.exp(evidence - evidence.max())
    chance[chance < _UNLIKELY] = 0
    chance /= chance.sum()

    scores = rows.by_lead(rows.y - fits[int(chance.argmax())].probability(rows)) if crowded > 1 else None
    likely = [(share, fit, fit.kept(rows, 1 / crowded) if keep_signs else fit.effects)
              for share, fit in zip(chance, fits, strict=True) if share]  # fmt: skip
    effects = np.sum([share * found for share, _, found in likely], axis=0)
    covariance = np.zeros((len(effects), len(effects)))
    held = np.zeros(len(effects))
    for share, fit, found in likely:
        covariance += share * (fit.covariance(rows, scores, 1 / crowded) + np.outer(found - effects, found - effects))
        held += share * (np.sign(fit.effects) * np.sign(rows.points) < 0)
    return Shrunk(
        effects,
        covariance,
        float(sum(share * fit.intercept for share, fit, _ in likely)),
        keep_signs & (held > 1 / 2),
        float(chance @ _SPREADS),
        crowded,
    )


def slope_of(total: Floats, y: Floats, lead: npt.NDArray[np.signedinteger[Any]]) -> tuple[float, float]:
    """The log odds of a point, as outcomes have it, and its standard error, by lead."""
    rows = Rows(np.zeros((len(y), 0)), np.zeros(0), total, y, lead)
    if not rows.mild:
        return 0.0, np.inf
    fitted = fit_logistic(Dense(rows.centred[:, None]), y, penalty=rows.mild)
    slope = float(fitted.coefficients[0])
    chance = np.exp(-np.logaddexp(0, -(fitted.intercept + slope * rows.centred)))
    scores = rows.by_lead(y - chance)
    robust = fitted.covariance @ scores.T @ scores @ fitted.covariance
    return slope, float(np.sqrt(max(robust[0, 0], fitted.covariance[0, 0])))


@dataclass(frozen=True)
class _Fit:
    """A fit under one spread: its coefficients are that of the total, then the deviations if there are any."""

    fitted: Fitted
    penalty: Floats
    effects: Floats
    intercept: float
    evidence: float

    def probability(self, rows: Rows) -> Floats:
        """(n_rows,) by this fit, whatever the signs."""
        shift = self.fitted.coefficients[0] * (rows.centred - rows.columns @ rows.points)
        return np.exp(-np.logaddexp(0, -(self.fitted.intercept + shift + rows.columns @ self.effects)))

    def kept(self, rows: Rows, weight: float) -> Floats:
        """The effects, none of them against the sign of its points."""
        if (np.sign(self.effects) * np.sign(rows.points) >= 0).all():
            return self.effects
        slope = self.fitted.coefficients[0]
        return fit_logistic(
            Dense(rows.columns),
            rows.y,
            penalty=self.penalty[1:],
            prior=slope * rows.points,
            weight=np.full(len(rows.y), weight),
            offset=slope * (rows.centred - rows.columns @ rows.points),
            lower=np.where(rows.points > 0, 0.0, -np.inf),
            upper=np.where(rows.points < 0, 0.0, np.inf),
        ).coefficients

    def covariance(self, rows: Rows, scores: Floats | None, weight: float) -> Floats:
        """Of the effects; with the scores by lead, no variance is smaller than the sandwich's."""
        n_columns = len(rows.points)
        spread = len(self.penalty) > 1
        # From coefficients to effects: the total's slope moves each effect by its points.
        to_effects = np.column_stack([rows.points, np.eye(n_columns) if spread else np.zeros((n_columns, 0))])
        inverse = self.fitted.covariance[:-1]
        model = to_effects @ inverse[:, :-1] @ to_effects.T
        if scores is None:
            return model
        used = scores if spread else scores[:, [0, -1]]
        meat = weight**2 * used.T @ used * len(used) / max(len(used) - 1, 1)
        meat[:-1, :-1] += np.diag(self.penalty)
        robust = np.einsum("ij,jk,ik->i", to_effects @ inverse, meat, to_effects @ inverse)
        variance = np.diag(model)
        larger = np.sqrt(np.maximum(robust, variance) / np.where(variance > 0, variance, 1))
        return model * np.outer(larger, larger)


def _fit(rows: Rows, spread: float, weight: float, start: Fitted | None) -> _Fit:
    """The fit under one spread, and the logarithm of its marginal likelihood, but for a constant."""
    deviations = np.square(rows.typical / spread) if spread else np.zeros(0)
    penalty = np.append(rows.mild, deviations)
    columns = [rows.centred[:, None], rows.columns] if spread else [rows.centred[:, None]]
    # Were the slope below 0, effects would be drawn to the opposite of the hand-set points.
    lower = np.append(0.0, np.full(len(deviations), -np.inf))
    weights = np.full(len(rows.y), weight)
    fitted = fit_logistic(
        Dense(np.column_stack(columns)), rows.y, penalty=penalty, weight=weights, lower=lower, start=start
    )
    slope = float(fitted.coefficients[0])
    free = np.flatnonzero(np.diag(fitted.covariance) > 0)
    evidence = -fitted.log_loss - penalty @ fitted.coefficients**2 / 2 + np.log(deviations).sum() / 2
    evidence += np.linalg.slogdet(fitted.covariance[np.ix_(free, free)])[1] / 2
    effects = slope * rows.points + (fitted.coefficients[1:] if spread else 0)
    return _Fit(fitted, penalty, effects, fitted.intercept - slope * float(rows.total.mean()), float(evidence))


def _design_effect(rows: Rows) -> float:
    """How many rows say as much as one of a lead of its own would."""
    if len(np.unique(rows.lead)) == len(rows.lead):
        return 1.0
    chance = _fit(rows, 0.0, 1.0, None).probability(rows)
    columns = np.column_stack([rows.columns, np.ones(len(rows.y))])
    inverse = np.linalg.pinv(columns.T @ (columns * (chance * (1 - chance))[:, None]), hermitian=True)
    scores = rows.by_lead(rows.y - chance)[:, 1:]
    found = np.trace(inverse @ scores.T @ scores) / np.linalg.matrix_rank(columns)
    return float(max(found, 1.0))


def tangled(columns: Floats, rule: npt.NDArray[Any]) -> Mask:
    """Columns that others, of other rules, give away entirely."""
    around = columns - columns.mean(axis=0)
    gram = around.T @ around
    gram /= np.sqrt(np.outer(np.diag(gram), np.diag(gram)))
    kept = np.ones(len(gram), bool)
    for name in dict.fromkeys(rule):
        mine = np.flatnonzero(rule == name)
        # The entries of a rule that hold all leads add up to 1: that is no fault of another rule.
        if np.linalg.eigvalsh(gram[np.ix_(mine, mine)])[0] < _SINGULAR:
            kept[mine[-1]] = False
    values, vectors = np.linalg.eigh(gram[np.ix_(kept, kept)])
    found = np.zeros(len(gram), bool)
    found[kept] = np.abs(vectors[:, values < _SINGULAR]).max(axis=1, initial=0) > np.sqrt(_SINGULAR)
    return found
