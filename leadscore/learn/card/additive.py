"""An additive model of bins: cells are merged to bins, and each bin gets a coefficient, all of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import block_diag

from leadscore.learn.card.binning import Bins, Floats, Ints, parts, starts_of
from leadscore.learn.card.merging import Merger, regrouped
from leadscore.stats.logistic import Dense, Fitted, OneHot, fit_logistic

Method = Literal["shape", "tree", "quantile"]
Encoding = Literal["onehot", "woe"]
Direction = Literal["increasing", "decreasing"]

# How stiff the shape of a number is from cell to cell, and how strongly the height of every cell is drawn to zero.
_STIFF, _DRAWN, _LEVELS_DRAWN = 20.0, 0.5, 3.0
# A stretch of time has its own level, which is not drawn to the others.
_PERIODS_DRAWN = 0.1
# So many leads of the mean rate stand beside those of a bin: no bin is certain.
_PSEUDO = 10.0
_SLOPES_DRAWN = 1.0
# The least share of the leads in a bin of a number.
_LEAST_SHARE = 0.01
# What is better must be so by so many standard errors over the folds: Student's t of four folds at 1 %, five being
# tried. Of many ways the best in a few folds is luck.
_CLEARLY = 4.5


@dataclass(frozen=True)
class Rows:
    """Leads to learn from, by the bin of each feature.

    Attributes
    ----------
    features : list of Bins
    codes : list of (n_rows,) the bin of each row
    y, weight : (n_rows,)
    period : (n_rows,) or None
        Which stretch of time each row is of. Over the years the share of leads that convert moves for reasons that no
        lead has on it; a feature that moved along would be credited with it. So each stretch has its own level.
    """

    features: list[Bins]
    codes: list[npt.NDArray[np.signedinteger[Any]]]
    y: Floats
    weight: Floats
    period: Ints | None = None

    def take(self, rows: npt.NDArray[Any]) -> Rows:
        """Some of the rows."""
        period = None if self.period is None else np.unique(self.period[rows], return_inverse=True)[1]
        return replace(
            self, codes=[code[rows] for code in self.codes], y=self.y[rows], weight=self.weight[rows], period=period
        )

    def rebinned(self, features: list[Bins], maps: list[Ints]) -> Rows:
        """The same rows in new bins; `maps` gives the new bin of each old one, and is empty where a feature is gone."""
        codes = [mapping[code] for mapping, code in zip(maps, self.codes, strict=True) if len(mapping)]
        return replace(self, features=features, codes=codes)

    @property
    def sizes(self) -> list[int]:
        """How many bins each feature has."""
        return [bins.size for bins in self.features]

    @property
    def n_bins(self) -> int:
        """How many bins all features have."""
        return sum(self.sizes)

    @property
    def n_periods(self) -> int:
        """How many stretches of time there are; 0 without any."""
        return 0 if self.period is None else int(self.period.max()) + 1

    def counts(self, weight: Floats) -> Floats:
        """(n_bins,) sums of a weight over the rows of each bin."""
        return OneHot(self.codes, self.sizes, len(self.y)).transposed(weight)

    def design(self) -> OneHot:
        """The bins, and behind them the periods."""
        if self.period is None:
            return OneHot(self.codes, self.sizes, len(self.y))
        return OneHot([*self.codes, self.period], [*self.sizes, self.n_periods])

    def penalty(self, own: Floats) -> Floats:
        """The penalty of the bins, and behind them of the periods."""
        return block_diag(own, np.diag(np.full(self.n_periods, _PERIODS_DRAWN)))


def cut(rows: Rows, method: Method, most: int) -> tuple[list[Bins], list[Ints]]:
    """Merge the cells of each number to at most so many bins, none below its least share; and the bin of each cell."""
    least = _LEAST_SHARE * rows.weight.sum()
    if method == "shape":
        return _by_shape(rows, most, least)
    groups = _quantiles if method == "quantile" else _tree
    features, maps = [], []
    sums = parts(rows.features, rows.counts(rows.weight), rows.counts(rows.weight * rows.y))
    for bins, (mass, events) in zip(rows.features, sums, strict=True):
        new, mapping = bins, np.arange(bins.size)
        if bins.kind == "number" and bins.edges:
            # In a part of the time a column may not have been filled yet.
            known = mass[:-1].any()
            place = groups(mass[:-1], events[:-1], most, least) if known else np.zeros(bins.size - 1, np.intp)
            new, mapping = regrouped(bins, np.append(place, bins.size - 1))
        features.append(new)
        maps.append(mapping)
    return features, maps


def _by_shape(rows: Rows, most: int, least: float) -> tuple[list[Bins], list[Ints]]:
    """Bins cut where the smooth joint shape of all features rises or falls."""
    own = block_diag(*map(_stiffness, rows.features)) if rows.features else np.zeros((0, 0))
    fitted = fit_logistic(rows.design(), rows.y, penalty=rows.penalty(own), weight=rows.weight)
    n = rows.n_bins
    # What the leads say of the cells, without the stiffness: bins are allowed to jump.
    drawn = np.diag(np.append(np.full(len(fitted.coefficients), _DRAWN), 0.0))
    known = np.asarray(np.linalg.inv(fitted.curvature + drawn)[:n, :n], np.float64)
    merger = Merger(rows.features, fitted.coefficients[:n], known, rows.counts(rows.weight))
    merger.to_bins(most, least)
    return merger.result()


def _stiffness(bins: Bins) -> Floats:
    if bins.kind != "number":
        return np.eye(bins.size) * _LEVELS_DRAWN
    steps = np.diff(np.eye(bins.size - 1), axis=0)
    return block_diag(_STIFF * steps.T @ steps, np.zeros((1, 1))) + np.eye(bins.size) * _DRAWN


def _quantiles(mass: Floats, _: Floats, most: int, __: float) -> Ints:
    """Groups of cells of about equal weight."""
    place = np.floor((np.cumsum(mass) - mass / 2) / mass.sum() * most).astype(np.intp)
    return np.searchsorted(place, place)


def _tree(mass: Floats, events: Floats, most: int, least: float) -> Ints:
    """Groups of cells by a decision tree on this feature alone."""
    from sklearn.tree import DecisionTreeClassifier  # noqa: PLC0415 - 1 s, and only those who train need it

    cells = np.repeat(np.arange(len(mass)), 2)
    weight = np.column_stack([mass - events, events]).ravel()
    used = weight > 0
    # Weights in a tree's limits are shares of the whole.
    share = min(least / weight.sum(), 0.5)
    tree = DecisionTreeClassifier(max_leaf_nodes=max(most, 2), min_weight_fraction_leaf=share, random_state=0)
    tree.fit(cells[used, None], np.tile([0, 1], len(mass))[used], weight[used])
    edges = np.sort(tree.tree_.threshold[tree.tree_.feature >= 0])
    leaf = np.searchsorted(edges, np.arange(len(mass)))
    return np.searchsorted(leaf, leaf)


@dataclass(frozen=True)
class Additive:
    """A fitted model.

    Attributes
    ----------
    features : list of Bins
    intercept : float
        Of the newest period, where there are several.
    coefficients : (n_bins,)
        Log odds, the mean over the leads of each feature zero; zero for a bin nobody is in.
    curvature : (n_bins + 1, n_bins + 1)
        Of the bins and the intercept.
    covariance : (n_bins + n_periods + 1, the same)
        Of the bins, the levels of the periods and the intercept.
    mass, events : (n_bins,)
        Weight of the leads in each bin, and of those that converted.
    log_loss : float
    """

    features: list[Bins]
    intercept: float
    coefficients: Floats
    curvature: Floats
    covariance: Floats
    mass: Floats
    events: Floats
    log_loss: float

    def logits(self, codes: Sequence[npt.NDArray[Any]], n_rows: int) -> Floats:
        """(n_rows,) log odds."""
        if not codes:
            return np.full(n_rows, self.intercept)
        return self.intercept + OneHot(codes, [bins.size for bins in self.features]).times(self.coefficients)

    def frame(self) -> pd.DataFrame:
        """A row for each bin: `feature`, `bin`, `n` (weight of the leads in it) and `reached`."""
        names = [(bins.name, label) for bins in self.features for label in bins.labels]
        return pd.DataFrame(names, columns=["feature", "bin"]).assign(n=self.mass, reached=self.events)


def additive(
    rows: Rows,
    penalty: float,
    encoding: Encoding = "onehot",
    directions: Mapping[str, Direction] | None = None,
    *,
    judged: bool = True,
) -> tuple[Additive, list[Ints]]:
    """Fit the coefficients of bins, and merge bins that run against a direction.

    Without `judged`, their covariance is left out: it takes as long again.

    Returns
    -------
    model : Additive
    maps : list of (n_bins,)
        For each feature of the rows, the model's bin of each of its bins.
    """
    merged = [np.arange(size) for size in rows.sizes]
    while True:
        fitted = _woe(rows, penalty) if encoding == "woe" else _onehot(rows, penalty)
        n = rows.n_bins
        against = _against(rows, fitted.coefficients[:n], directions or {})
        if against is None:
            break
        features, maps = list(rows.features), [np.arange(size) for size in rows.sizes]
        place, bin_ = against
        group = np.arange(rows.sizes[place])
        group[bin_ + 1] = bin_
        features[place], maps[place] = regrouped(rows.features[place], group)
        rows = rows.rebinned(features, maps)
        merged[place] = maps[place][merged[place]]
    mass, events = rows.counts(rows.weight), rows.counts(rows.weight * rows.y)
    coefficients, intercept = fitted.coefficients[:n].copy(), fitted.intercept
    kept = np.append(np.arange(n), len(fitted.coefficients))
    if rows.period is not None:
        intercept += fitted.coefficients[n + rows.period.max()]
    for own, weight in parts(rows.features, coefficients, mass):
        mean = weight @ own / max(weight.sum(), 1e-300)
        own[:] = np.where(weight > 0, own - mean, 0.0)
        intercept += mean
    unknown = np.zeros((0, 0))
    curvature = fitted.curvature[np.ix_(kept, kept)] if judged else unknown
    covariance = fitted.covariance if judged else unknown
    model = Additive(
        rows.features, float(intercept), coefficients, curvature, covariance, mass, events, fitted.log_loss
    )
    return model, merged


def _onehot(rows: Rows, penalty: float) -> Fitted:
    drawn = rows.penalty(np.eye(rows.n_bins) * penalty)
    return fit_logistic(rows.design(), rows.y, penalty=drawn, weight=rows.weight)


def _woe(rows: Rows, penalty: float) -> Fitted:
    """One slope per feature on the weights of evidence of its bins, each against what its periods predict."""
    period = np.zeros(len(rows.y), np.intp) if rows.period is None else rows.period
    rate = np.bincount(period, rows.weight * rows.y) / np.bincount(period, rows.weight)
    expected = rows.counts(rows.weight * rate[period])
    had = rows.counts(rows.weight * rows.y)
    mean = (rows.weight @ rows.y) / rows.weight.sum()
    pseudo = _PSEUDO * max(mean, 1e-3)
    # Both sides of the odds: a bin's rate, and the rate that its periods would have given it.
    mass = rows.counts(rows.weight) + _PSEUDO
    odds, usual = ((part + pseudo) / np.maximum(mass - part - pseudo, 1e-9) for part in (had, expected))
    woe = np.log(odds / usual)
    columns = [woe[start:][code] for start, code in zip(starts_of(rows.features), rows.codes, strict=False)]
    design = Dense(np.column_stack([*columns, period[:, None] == np.arange(rows.n_periods)]))
    drawn = np.repeat([_SLOPES_DRAWN * penalty, _PERIODS_DRAWN], [len(columns), rows.n_periods])
    least = np.repeat([0, -np.inf], [len(columns), rows.n_periods])
    slopes = fit_logistic(design, rows.y, penalty=drawn, weight=rows.weight, lower=least)
    per_bin = np.repeat(slopes.coefficients[: len(columns)], rows.sizes)
    whole = np.append(per_bin * woe, slopes.coefficients[len(columns) :])
    ridge = block_diag(rows.penalty(np.eye(rows.n_bins) * penalty), np.zeros((1, 1)))
    # The covariance is that of free bins.
    return replace(
        slopes, coefficients=whole, design=rows.design(), ridge=ridge, free=np.arange(len(whole) + 1, dtype=np.intp)
    )


def _against(rows: Rows, coefficients: Floats, directions: Mapping[str, Direction]) -> tuple[int, int] | None:
    """The two neighbours that run most against their feature's direction: its place, and the first of the two bins."""
    worst, found = 1e-12, None
    for place, (own,) in enumerate(parts(rows.features, coefficients)):
        wrong = rows.features[place].against(own, directions)
        if wrong.max(initial=0) > worst:
            worst, found = float(wrong.max()), (place, int(wrong.argmax()))
    return found


def explained(logits: Floats, rows: Rows) -> float:
    """The share of the deviance of other rows that a model's log odds explain, given the best link to them.

    The base rate of another time is nothing that bins could tell, and how far they reach is told by the slope.
    """
    mean = (rows.weight @ rows.y) / rows.weight.sum()
    found = fit_logistic(Dense(logits[:, None]), rows.y, weight=rows.weight, lower=np.zeros(1)).log_loss
    usual = -rows.weight.sum() * (mean * np.log(mean) + (1 - mean) * np.log(1 - mean))
    return 1 - found / usual


def clearly(gains: Floats) -> Floats:
    """By how much gains in each fold, (n_folds, ...), are more than chance over the folds; below 0 if they are not."""
    return np.asarray(gains.mean(axis=0) - _CLEARLY * gains.std(axis=0, ddof=1) / np.sqrt(len(gains)))


def _sizes(model: Additive, penalty: float) -> Floats:
    """(n_bins,) the mean square of the coefficients of each bin's feature, had they not been drawn to zero."""
    free = np.clip(1 - penalty * np.diag(model.covariance)[: len(model.mass)], 1e-3, 1)
    found = np.ones(len(free))
    for out, own, mass, share in parts(model.features, found, model.coefficients, model.mass, free):
        seen = mass > 0
        out[:] = (own**2 / share)[seen].sum() / share[seen].sum()
    return found


def resampled(model: Additive, rows: Rows, penalty: float, groups: Ints | None, draws: int) -> Floats:
    """(draws, n_bins) coefficients had other leads come: each group of rows drawn as often as Poisson's law says.

    A Newton step from the fit to that of the drawn rows: the weighted bootstrap (Newton, M. and Raftery, A. (1994),
    Journal of the Royal Statistical Society B 56, 3-48) in one step (Kline, P. and Santos, A. (2012), Journal of
    Econometric Methods 1, 23-41). Bins stay as they are.

    How far the pull to zero moves a coefficient is drawn too, for one of a size as its feature has: of a bin with few
    leads it is much of the error, and without it intervals would be narrow about a place that is off. With it they
    cover over all bins as often as they say (Nychka, D. (1988), Journal of the American Statistical Association 83,
    1134-1143; Marra, G. and Wood, S. (2012), Scandinavian Journal of Statistics 39, 53-74).
    """
    bins, design = OneHot(rows.codes, rows.sizes, len(rows.y)), rows.design()
    logits = bins.times(model.coefficients)
    period = np.zeros(len(rows.y), np.intp) if rows.period is None else rows.period
    levels = OneHot([period], [max(rows.n_periods, 1)])
    own = fit_logistic(levels, rows.y, weight=rows.weight, offset=logits, penalty=_PERIODS_DRAWN)
    logits += own.intercept + levels.times(own.coefficients)
    residual = rows.weight * (rows.y - 1 / (1 + np.exp(-logits)))
    ridge = np.append(np.diag(rows.penalty(np.eye(rows.n_bins) * penalty)), 0.0)
    pull = np.sqrt(ridge)
    pull[: rows.n_bins] *= np.sqrt(np.maximum(1, penalty * _sizes(model, penalty)))
    # A row that stands for three leads is drawn as often as three rows; a group as one, with all its rows.
    expected = rows.weight if groups is None else np.ones(int(groups.max()) + 1)
    owner = np.arange(len(rows.y)) if groups is None else groups
    rng, found = np.random.default_rng(0), np.empty((draws, rows.n_bins))
    for draw in range(draws):
        times = np.asarray((rng.poisson(expected) / expected)[owner] - 1, np.float64)
        score = np.append(design.transposed(residual * times), residual @ times)
        score += pull * rng.standard_normal(len(pull))
        found[draw] = model.coefficients + (model.covariance @ score)[: rows.n_bins]
    return found
