"""An additive model of bins: cells are merged to bins, and each bin gets a coefficient, all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import block_diag
from threadpoolctl import threadpool_limits

from leadscore.learn.card.binning import Bins, Floats, Ints, parts, starts_of
from leadscore.learn.card.merging import regrouped
from leadscore.learn.card.rows import PERIODS_DRAWN, USUAL, Rows
from leadscore.learn.card.shapes import Shapes, segments
from leadscore.stats.logistic import Dense, Fitted, OneHot, fit_logistic

Method = Literal["shape", "tree", "quantile"]
Encoding = Literal["onehot", "woe"]
Direction = Literal["increasing", "decreasing"]

# A feature that tells nothing, and is kept, has so many bins, and heights of about this variance, rough and smooth.
_FLAT, _HARDLY = 4, (1e-4, 0.0)
# Those that tell nothing fill up what tells to so many features, and are gone beyond.
_FEATURES = 30
# There is room for so many bins: the cost of a fit grows with their cube.
_BINS = 2000
# So many leads of the mean rate stand beside those of a bin: no bin is certain.
_PSEUDO = 10.0
_SLOPES_DRAWN = 1.0
# The least share of the leads in a bin of a number.
_LEAST_SHARE = 0.01
# So many times leads are drawn again for the intervals of coefficients.
_DRAWS = 200


def cut(rows: Rows, shape: Shapes, method: Method, most: int) -> tuple[Rows, list[Bins], list[Ints]]:
    """Merge the cells of each number to at most so many bins, none below its least share.

    Parts of equal size, and what draws their coefficients, are the same whatever the outcomes. By the other methods
    coefficients are drawn as far as their leads ask for; a feature that tells nothing has a few parts of equal size and
    next to no heights. Features that tell nothing are gone beyond 30 in all, and those that tell least where there is
    no room for all.

    Returns
    -------
    rows : Rows
        In those bins.
    features, maps : list
        The bin of each cell; empty where a feature is gone.
    """
    least = _LEAST_SHARE * rows.weight.sum()
    features, maps = [], []
    sums = (rows.counts(rows.weight), rows.counts(rows.weight * rows.y), shape.heights, shape.known)
    roomy = _roomy(rows.features, shape, most)
    for bins, room, spread, own in zip(rows.features, roomy, shape.spread, parts(rows.features, *sums), strict=True):
        if not room:
            maps.append(np.zeros(0, np.intp))
            continue
        flat = method != "quantile" and not spread.any()
        new, mapping = bins, np.arange(bins.size)
        if bins.kind == "number" and bins.edges:
            mass, events, heights, known = (each[:-1] for each in own)
            if not mass.any():
                # In a part of the time a column may not have been filled yet.
                place = np.zeros(bins.size - 1, np.intp)
            elif flat or method == "quantile":
                place = quantiles(mass, min(most, _FLAT) if flat else most)
            elif method == "shape":
                place = segments(heights, known, mass, most, least)
            else:
                place = _tree(mass, events, most, least)
            new, mapping = regrouped(bins, np.append(place, bins.size - 1))
        features.append(new)
        maps.append(mapping)
    drawn = (
        rows
        if method == "quantile"
        else replace(
            rows,
            spread=np.where(shape.spread.any(axis=1, keepdims=True), shape.spread, _HARDLY),
            widest=shape.widest,
        )
    )
    return drawn.rebinned(features, maps), features, maps


def _roomy(features: Sequence[Bins], shape: Shapes, most: int) -> npt.NDArray[np.bool_]:
    """(n_features,) which there is room for: those that tell most, and of few those that tell nothing."""
    told = np.array([known @ heights**2 for heights, known in parts(features, shape.heights, shape.known)])
    told[~shape.spread.any(axis=1)] = 0
    order = np.argsort(-told, kind="stable")
    sizes = np.array([min(bins.size, most + 1) if bins.kind == "number" else bins.size for bins in features], np.intp)
    roomy = np.zeros(len(told), np.bool_)
    roomy[order] = (np.cumsum(sizes[order]) <= _BINS) & ((told[order] > 0) | (np.arange(len(told)) < _FEATURES))
    return roomy


def quantiles(mass: Floats, most: int) -> Ints:
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
        Of the bins, the levels of the periods and the intercept; heights drawn by their widest spread.
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
        if encoding == "woe":
            fitted = _woe(rows, penalty)
        else:
            fitted = fit_logistic(rows.design(), rows.y, penalty=rows.penalty(penalty), weight=rows.weight)
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
    covariance = unknown
    if judged:
        ridge = block_diag(replace(rows, spread=rows.widest).penalty(penalty), 0.0)
        covariance = replace(fitted, ridge=ridge).covariance
    model = Additive(
        rows.features, float(intercept), coefficients, curvature, covariance, mass, events, fitted.log_loss
    )
    return model, merged


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
    drawn = np.repeat([_SLOPES_DRAWN * penalty, PERIODS_DRAWN], [len(columns), rows.n_periods])
    least = np.repeat([0, -np.inf], [len(columns), rows.n_periods])
    slopes = fit_logistic(design, rows.y, penalty=drawn, weight=rows.weight, lower=least)
    per_bin = np.repeat(slopes.coefficients[: len(columns)], rows.sizes)
    whole = np.append(per_bin * woe, slopes.coefficients[len(columns) :])
    ridge = block_diag(rows.penalty(penalty), 0.0)
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


def losses(logits: Floats, rows: Rows) -> Floats:
    """(n_rows,) the log loss of each of other rows by a model's log odds, given the best link to them.

    The base rate of another time is nothing that bins could tell, and how far they reach is told by the slope.
    """
    link = fit_logistic(Dense(logits[:, None]), rows.y, weight=rows.weight, lower=np.zeros(1))
    linked = link.intercept + link.coefficients[0] * logits
    return np.asarray(np.logaddexp(0, linked) - rows.y * linked, np.float64)


def explained(lost: Floats, rows: Rows) -> float:
    """The share of the deviance of rows that losses leave nothing of."""
    mean = (rows.weight @ rows.y) / rows.weight.sum()
    usual = -rows.weight.sum() * (mean * np.log(mean) + (1 - mean) * np.log(1 - mean))
    return float(1 - rows.weight @ lost / usual)


def _sizes(model: Additive, penalty: float) -> Floats:
    """(n_bins,) the mean square of the coefficients of each bin's feature, had they not been drawn to zero."""
    free = np.clip(1 - penalty * np.diag(model.covariance)[: len(model.mass)], 1e-3, 1)
    found = np.ones(len(free))
    for out, own, mass, share in parts(model.features, found, model.coefficients, model.mass, free):
        seen = mass > 0
        out[:] = (own**2 / share)[seen].sum() / share[seen].sum()
    return found


def resampled(model: Additive, rows: Rows, penalty: float) -> Floats:
    """(200, n_bins) coefficients had other leads come: each lead drawn as often as Poisson's law says.

    A Newton step from the fit to that of the drawn rows: the weighted bootstrap (Newton, M. and Raftery, A. (1994),
    Journal of the Royal Statistical Society B 56, 3-48) in one step (Kline, P. and Santos, A. (2012), Journal of
    Econometric Methods 1, 23-41). Bins stay as they are.

    How far the pull to zero moves a coefficient is drawn too, for one of a size as its feature has: of a bin with few
    leads it is much of the error, and without it intervals would be narrow about a place that is off. With it they
    cover over all bins as often as they say (Nychka, D. (1988), Journal of the American Statistical Association 83,
    1134-1143; Marra, G. and Wood, S. (2012), Scandinavian Journal of Statistics 39, 53-74). Of the spreads that are
    likely the widest counts: a feature that was found flat, or nearly, need not be.
    """
    bins, design = OneHot(rows.codes, rows.sizes, len(rows.y)), rows.design()
    logits = bins.times(model.coefficients)
    period = np.zeros(len(rows.y), np.intp) if rows.period is None else rows.period
    levels = OneHot([period], [max(rows.n_periods, 1)])
    own = fit_logistic(levels, rows.y, weight=rows.weight, offset=logits, penalty=PERIODS_DRAWN)
    logits += own.intercept + levels.times(own.coefficients)
    residual = rows.weight * (rows.y - 1 / (1 + np.exp(-logits)))
    ridge, n = replace(rows, spread=rows.widest).penalty(penalty), rows.n_bins
    pull = np.linalg.cholesky(ridge) if len(ridge) else ridge
    # What draws heights is as uncertain as they are large: as their widest spread says, else as they turned out.
    known = rows.spread is not None
    pull[:n] *= np.sqrt(penalty * USUAL if known else np.maximum(1, penalty * _sizes(model, penalty))[:, None])
    # How far the fit is from that of the widest spread is drawn too: flat is no better known than what might be there.
    free = np.append(design.transposed(residual), residual.sum())
    free[:n] -= ridge[:n, :n] @ model.coefficients
    free[n:-1] = 0
    apart = (model.covariance @ free)[:n] * known
    # A row that stands for three leads is drawn as often as three rows; a lead of several rows with all of them.
    expected = rows.weight if rows.lead is None else np.ones(int(rows.lead.max()) + 1)
    owner = slice(None) if rows.lead is None else rows.lead
    rng, found = np.random.default_rng(0), np.empty((_DRAWS, rows.n_bins))
    for draw in range(_DRAWS):
        times = np.asarray((rng.poisson(expected) / expected)[owner] - 1, np.float64)
        score = np.append(design.transposed(residual * times), residual @ times)
        score[:-1] += pull @ rng.standard_normal(len(pull))
        found[draw] = model.coefficients + (model.covariance @ score)[:n] + apart * rng.standard_normal()
    return found


class Draws:
    """Coefficients had other leads come, drawn when they are first asked for, as drawing takes as long as fitting.

    They are the same whenever that is. Until then the rows are kept, in memory alone: a pickle holds what was drawn,
    and nothing of any lead.

    Parameters
    ----------
    held : (draws, n_bins) or callable
        The coefficients, or what draws them.
    """

    def __init__(self, held: Floats | Callable[[], Floats]) -> None:
        self._held = held

    @property
    def coefficients(self) -> Floats:
        """(draws, n_bins) log odds."""
        held = self._held
        if callable(held):
            # As many threads as in a fit: with others the last digits would be others too.
            with threadpool_limits(1, "blas"):
                self._held = held = held()
        return held

    def __reduce__(self) -> tuple[type[Draws], tuple[Floats]]:
        return Draws, (self.coefficients,)
