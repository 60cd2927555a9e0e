"""Pairs of features that tell more together than one by one: kept only where that shows on other leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from leadscore.learn.card.additive import Additive, Rows, additive, clearly, explained
from leadscore.learn.card.binning import Bins, Ints, starts_of
from leadscore.learn.card.merging import Merger
from leadscore.stats.logistic import OneHot, fit_logistic

_Coarse = dict[int, tuple[Bins, Ints]]

# So many of the features that move leads most are paired, each in so few bins.
_PAIRED, _COARSE = 6, 3
_DRAWN = 10.0


def paired(rows: Rows, folds: Sequence[tuple[Rows, Rows]], penalty: float, most: int) -> Rows:
    """The rows with at most so many pairs of features behind the others: those that clearly explain more of other rows.

    Parameters
    ----------
    rows : Rows
        In the bins of the model.
    folds : list of (rows to learn from, rows to judge by)
        In the same bins.
    penalty : float
        Of the model's coefficients.
    most : int
    """
    model, _ = additive(rows, penalty)
    coarse = _coarse(model)
    pairs = list(combinations(coarse, 2))
    gains = np.array([_gains(old, new, penalty, coarse, pairs) for old, new in folds]).reshape(-1, len(pairs))
    if len(gains) < 2:
        return rows
    best = sorted(np.flatnonzero(clearly(gains) > 0), key=lambda place: -gains[:, place].mean())[:most]
    features = [Bins.of_pair(*(coarse[place][0] for place in pairs[chosen])) for chosen in best]
    codes = [_together(rows, coarse, pairs[chosen]) for chosen in best]
    return replace(rows, features=[*rows.features, *features], codes=[*rows.codes, *codes])


def _coarse(model: Additive) -> _Coarse:
    """The features that move leads most, each in a few bins: those, and the one that each of the model's is in."""
    starts = starts_of(model.features)
    spread = np.add.reduceat(model.mass * model.coefficients**2, starts[:-1])
    found: _Coarse = {}
    for place in sorted(np.argsort(-spread, kind="stable")[:_PAIRED].tolist()):
        own = slice(starts[place], starts[place + 1])
        merger = Merger([model.features[place]], model.coefficients[own], model.covariance[own, own], model.mass[own])
        merger.to_rows(_COARSE)
        features, maps = merger.result()
        if features:
            found[place] = features[0], maps[0]
    return found


def _together(rows: Rows, coarse: _Coarse, pair: tuple[int, int]) -> Ints:
    first, second = (coarse[place][1][rows.codes[place]] for place in pair)
    return first * coarse[pair[1]][0].size + second


def _gains(old: Rows, new: Rows, penalty: float, coarse: _Coarse, pairs: list[tuple[int, int]]) -> list[float]:
    """How much more of the deviance of the new rows each pair explains, its term learned from the old."""
    model, _ = additive(old, penalty, judged=False)
    before, after = (model.logits(part.codes, len(part.y)) for part in (old, new))
    levels = [] if old.period is None else [old.period]
    usual = explained(after, new)
    found = []
    for pair in pairs:
        size = coarse[pair[0]][0].size * coarse[pair[1]][0].size
        design = OneHot([_together(old, coarse, pair), *levels], [size, *[old.n_periods] * len(levels)])
        term = fit_logistic(design, old.y, weight=old.weight, offset=before, penalty=_DRAWN).coefficients[:size]
        found.append(explained(after + term[_together(new, coarse, pair)], new) - usual)
    return found
