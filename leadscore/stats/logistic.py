"""Logistic regression with a ridge towards a prior, and with bounds: by Newton's method, exact and without any draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, cho_factor, cho_solve

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.signedinteger[Any]]

_STEPS = 100
_ENOUGH = 1e-12
# The curvature is worked out again while a step gains more than this share of the loss.
_BENDS = 1e-3
# Features are taken together up to so many cells: more would be fewer tables, and those of pairs of them too large.
_CELLS = 128


class Dense:
    """Columns as they are: (n_rows, n_columns), without a column of ones."""

    def __init__(self, columns: npt.ArrayLike) -> None:
        self.columns = np.asarray(columns, np.float64)
        self.shape = (self.columns.shape[0], self.columns.shape[1])

    def times(self, coefficients: Floats) -> Floats:
        """(n_rows,) sums."""
        return self.columns @ coefficients

    def transposed(self, rows: Floats) -> Floats:
        """(n_columns,) sums over the rows."""
        return self.columns.T @ rows

    def gram(self, weight: Floats) -> Floats:
        """(n_columns, n_columns) weighted products of the columns."""
        return self.columns.T @ (self.columns * weight[:, None])


@dataclass(frozen=True)
class _Table:
    """Features taken together: the cell that a row is in says its bin of each.

    Attributes
    ----------
    cell : (n_rows,)
    size : int
        How many cells there are.
    own : slice
        Which columns are those of its bins.
    within : (n_own, n_cells)
        1 for each cell that is in a bin.
    alone : bool
        Whether it is of one feature, whose cells are its bins.
    """

    cell: npt.NDArray[np.intp]
    size: int
    own: slice
    within: Floats
    alone: bool = True

    def with_feature(self, code: npt.NDArray[np.intp], size: int) -> _Table:
        """A feature more."""
        within = np.vstack([np.repeat(self.within, size, axis=1), np.tile(np.eye(size), self.size)])
        own = slice(self.own.start, self.own.stop + size)
        return _Table(self.cell * size + code, self.size * size, own, within, alone=False)

    def sums(self, cells: npt.NDArray[Any]) -> Floats:
        """(n_own, ..) sums over the cells of each bin."""
        return cells if self.alone else self.within @ cells


class OneHot:
    """Features of which each row has one bin, as codes: a column per bin, none of which is ever written out.

    What is summed over rows is summed by the cells of a few tables of several features each, and only then by bin:
    going through the rows is what costs.

    Parameters
    ----------
    codes : list of (n_rows,) whole numbers from 0
    sizes : how many bins each feature has
    n_rows : int
        Where there are no features to tell it.
    """

    def __init__(self, codes: Sequence[Codes], sizes: Sequence[int], n_rows: int = 0) -> None:
        self.codes = [np.ascontiguousarray(code, np.intp) for code in codes]
        self.sizes = list(sizes)
        self.starts = np.concatenate([[0], np.cumsum(self.sizes)]).astype(np.intp)
        self.shape = (len(self.codes[0]) if self.codes else n_rows, int(self.starts[-1]))

    def times(self, coefficients: Floats) -> Floats:
        """(n_rows,) sums."""
        total = np.zeros(self.shape[0])
        for code, start, size in zip(self.codes, self.starts, self.sizes, strict=False):
            total += coefficients[start : start + size][code]
        return total

    @cached_property
    def _tables(self) -> list[_Table]:
        found: list[_Table] = []
        for code, start, size in zip(self.codes, self.starts, self.sizes, strict=False):
            if found and found[-1].size * size <= _CELLS:
                found[-1] = found[-1].with_feature(code, size)
            else:
                found.append(_Table(code, size, slice(start, start + size), np.eye(size)))
        return found

    def transposed(self, rows: Floats) -> Floats:
        """(n_columns,) sums over the rows."""
        sums = [table.sums(np.bincount(table.cell, rows, table.size)) for table in self._tables]
        return np.concatenate(sums) if sums else np.zeros(0)

    def gram(self, weight: Floats) -> Floats:
        """(n_columns, n_columns) weighted products of the columns."""
        found = np.empty((self.shape[1], self.shape[1]))
        for place, one in enumerate(self._tables):
            found[one.own, one.own] = (one.within * np.bincount(one.cell, weight, one.size)) @ one.within.T
            for other in self._tables[place + 1 :]:
                cells = np.bincount(one.cell * other.size + other.cell, weight, one.size * other.size)
                block = other.sums(one.sums(cells.reshape(one.size, other.size)).T)
                found[other.own, one.own], found[one.own, other.own] = block, block.T
        return found


# What a fit needs of the columns.
Design = Dense | OneHot


@dataclass(frozen=True)
class Fitted:
    """A fit.

    Attributes
    ----------
    intercept : float
    coefficients : (n_columns,)
    log_loss : float
        The weighted sum over the rows, without the penalty.
    """

    intercept: float
    coefficients: Floats
    log_loss: float
    design: Design
    weight: Floats
    ridge: Floats
    free: npt.NDArray[np.intp]

    @cached_property
    def curvature(self) -> Floats:
        """Of the log loss at the fit, without the penalty: (n_columns + 1, n_columns + 1), the intercept the last."""
        return _curvature(self.design, self.weight)

    @cached_property
    def covariance(self) -> Floats:
        """The inverse of the curvature of the penalised log loss; rows of columns held at a bound are zero."""
        covariance = np.zeros_like(self.ridge)
        inside = np.ix_(self.free, self.free)
        covariance[inside] = np.linalg.pinv((self.curvature + self.ridge)[inside], hermitian=True)
        return covariance


def fit_logistic(  # noqa: PLR0913 - each of them is part of the model
    design: Design,
    y: npt.ArrayLike,
    *,
    penalty: float | Floats = 0.0,
    prior: Floats | None = None,
    weight: Floats | None = None,
    offset: Floats | None = None,
    lower: Floats | None = None,
    upper: Floats | None = None,
    start: Fitted | None = None,
) -> Fitted:
    """Minimise the log loss + penalty / 2 x (coefficient - prior)^2 within bounds.

    Parameters
    ----------
    design : Design
    y : (n_rows,) 0 or 1
    penalty : float, (n_columns,) or (n_columns, n_columns)
        0 for no penalty; the intercept never has one. A penalty p is a normal prior of variance 1 / p; a matrix is the
        inverse of the prior's covariance.
    prior : (n_columns,), optional
        What coefficients are drawn to; 0 by default.
    weight, offset : (n_rows,), optional
    lower, upper : (n_columns,), optional
        Bounds of the coefficients; infinite for none.
    start : Fitted, optional
        Where to begin: a fit of nearly the same.

    Notes
    -----
    Projected Newton with a line search: Bertsekas, D. P. (1982), SIAM Journal on Control and Optimization 20, 221-246.
    A column on which the outcomes do not depend at all and that has no penalty keeps its start.
    """
    n, p = design.shape
    ridge = np.zeros((p + 1, p + 1))
    ridge[:p, :p] = penalty if np.ndim(penalty) == 2 else np.diag(np.broadcast_to(penalty, p))
    problem = _Penalised(
        design,
        np.asarray(y, np.float64),
        np.ones(n) if weight is None else np.asarray(weight, np.float64),
        np.zeros(n) if offset is None else offset,
        ridge,
        np.append(np.zeros(p) if prior is None else prior, 0.0),
        np.append(np.full(p, -np.inf) if lower is None else lower, -np.inf),
        np.append(np.full(p, np.inf) if upper is None else upper, np.inf),
    )
    now, gained = problem.at(problem.beginning(start)), np.inf
    for _ in range(_STEPS):
        chance = _sigmoid(now.log_odds)
        gradient = problem.gradient(now, chance)
        if gained > _BENDS * abs(now.whole):
            # Near the fit it hardly bends any more, and working it out is nearly all the time.
            curvature, free = _curvature(design, problem.bend(chance)) + ridge, np.zeros(0, np.intp)
        inside = np.flatnonzero(~problem.held(now.beta, gradient))
        if not np.array_equal(free, inside):
            free, solve = inside, _solver(curvature[np.ix_(inside, inside)])
        step = np.zeros(p + 1)
        step[inside] = solve(gradient[inside])
        moved = problem.along(now, step, float(gradient @ step))
        gained = now.whole - moved.whole
        now = moved if gained >= 0 else now
        if gained <= _ENOUGH * (1 + abs(now.whole)):
            break
    chance = _sigmoid(now.log_odds)
    free = np.flatnonzero((now.beta > problem.least) & (now.beta < problem.most))
    return Fitted(float(now.beta[-1]), now.beta[:-1].copy(), now.loss, design, problem.bend(chance), ridge, free)


class _Point(NamedTuple):
    """Coefficients, the intercept the last; the log odds of the rows there, the log loss, and the same penalised."""

    beta: Floats
    log_odds: Floats
    loss: float
    whole: float


@dataclass(frozen=True)
class _Penalised:
    """What is minimised: the penalised log loss, within bounds; vectors have the intercept last."""

    design: Design
    outcome: Floats
    weight: Floats
    offset: Floats
    ridge: Floats
    centre: Floats
    least: Floats
    most: Floats

    def beginning(self, start: Fitted | None) -> Floats:
        """Those of another fit, else what coefficients are drawn to, and the intercept of the mean outcome."""
        if start is not None:
            return np.append(start.coefficients, start.intercept)
        share = np.clip(self.weight @ self.outcome / self.weight.sum(), 1e-6, 1 - 1e-6)
        return np.append(self.centre[:-1], np.log(share / (1 - share)))

    def at(self, beta: Floats) -> _Point:
        """The loss at some coefficients, brought within their bounds."""
        beta = np.clip(beta, self.least, self.most)
        eta = self.offset + self.design.times(beta[:-1]) + beta[-1]
        loss = float(self.weight @ (np.logaddexp(0, eta) - self.outcome * eta))
        return _Point(beta, eta, loss, loss + float((beta - self.centre) @ self.ridge @ (beta - self.centre)) / 2)

    def gradient(self, now: _Point, chance: Floats) -> Floats:
        """That of the penalised loss."""
        off = self.weight * (chance - self.outcome)
        found = np.append(self.design.transposed(off), self.weight @ (chance - self.outcome))
        return found + self.ridge @ (now.beta - self.centre)

    def bend(self, chance: Floats) -> Floats:
        """(n_rows,) the curvature of the log loss of each row."""
        return np.asarray(self.weight * chance * (1 - chance), np.float64)

    def held(self, beta: Floats, gradient: Floats) -> npt.NDArray[np.bool_]:
        """Which coefficients are at a bound and would go past it."""
        return ((beta <= self.least) & (gradient > 0)) | ((beta >= self.most) & (gradient < 0))

    def along(self, now: _Point, step: Floats, slope: float) -> _Point:
        """As far along a step as the loss falls enough (Armijo)."""
        size = 1.0
        while True:
            moved = self.at(now.beta - size * step)
            enough = moved.whole <= now.whole - 1e-4 * size * slope or abs(slope) < _ENOUGH * (1 + abs(now.whole))
            size /= 2
            if enough or size <= 1e-10:
                return moved


def _sigmoid(eta: Floats) -> Floats:
    return np.exp(-np.logaddexp(0, -eta))


def _curvature(design: Design, weight: Floats) -> Floats:
    p = design.shape[1]
    whole = np.empty((p + 1, p + 1))
    whole[:p, :p] = design.gram(weight)
    whole[:p, p] = whole[p, :p] = design.transposed(weight)
    whole[p, p] = weight.sum()
    return whole


def _solver(curvature: Floats) -> Callable[[Floats], Floats]:
    """What solves the equations of a step, again and again."""
    try:
        factor = cho_factor(curvature, check_finite=False)
    except LinAlgError:
        return lambda gradient: np.asarray(np.linalg.lstsq(curvature, gradient, rcond=None)[0], np.float64)
    return lambda gradient: np.asarray(cho_solve(factor, gradient, check_finite=False), np.float64)
