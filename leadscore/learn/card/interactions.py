"""Pairs of features that tell more together than one by one: kept only where that shows on other leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from leadscore.learn.card.additive import Additive, Direction, additive, losses, quantiles
from leadscore.learn.card.binning import Bins, Floats, Ints, starts_of
from leadscore.learn.card.merging import Merger, regrouped
from leadscore.learn.card.rows import USUAL, Rows
from leadscore.learn.card.tuning import clearly
from leadscore.stats.logistic import OneHot, fit_logistic

_Coarse = dict[int, tuple[Bins, Ints]]

# So many of the features that move leads most are paired, each in so few bins.
_PAIRED, _COARSE = 6, 4
_DRAWN = 10.0


def paired(
    rows: Rows,
    folds: Sequence[tuple[Rows, Rows]],
    penalty: float,
    most: int,
    directions: Mapping[str, Direction] | None,
    *others: Rows,
) -> tuple[Rows, ...]:
    """The rows with at most so many pairs of features behind the others: those with which clearly less is lost.

    Parameters
    ----------
    rows : Rows
        In the bins of the model.
    folds : list of (rows to learn from, rows to judge by)
        In the same bins.
    penalty : float
        Of the model's coefficients.
    most : int
    directions : dict of column to direction
        Such a column is in no pair: with some values of the other it could run against its direction.
    others : Rows
        That get the same pairs.
    """
    model, _ = additive(rows, penalty)
    coarse = _coarse(model, directions or {})
    pairs = list(combinations(coarse, 2))
    if not pairs or not folds:
        return rows, *others
    held = [new for _, new in folds]
    gains = np.concatenate([_gains(old, new, penalty, coarse, pairs) for old, new in folds], axis=1)
    order = np.argsort(-(gains @ np.concatenate([new.weight for new in held])), kind="stable")
    best = [place for place in order if clearly(gains[place], held, len(pairs))][:most]
    features = [Bins.of_pair(*(coarse[place][0] for place in pairs[chosen])) for chosen in best]
    return tuple(
        _with(part, features, [_together(part, coarse, pairs[chosen]) for chosen in best]) for part in (rows, *others)
    )


def _with(rows: Rows, features: list[Bins], codes: list[Ints]) -> Rows:
    own = np.tile([USUAL, 0], (len(features), 1))
    spread, widest = (None if of is None else np.vstack([of, own]) for of in (rows.spread, rows.widest))
    features, codes = [*rows.features, *features], [*rows.codes, *codes]
    return replace(rows, features=features, codes=codes, spread=spread, widest=widest)


def _coarse(model: Additive, directions: Mapping[str, Direction]) -> _Coarse:
    """The features that move leads most, each in a few bins: those, and the one that each of the model's is in."""
    starts = starts_of(model.features)
    spread = np.add.reduceat(model.mass * model.coefficients**2, starts[:-1])
    order = np.argsort(-spread, kind="stable").tolist()
    free = [place for place in order if model.features[place].column not in directions]
    found: _Coarse = {}
    for place in sorted(free[:_PAIRED]):
        bins, own = model.features[place], slice(starts[place], starts[place + 1])
        mass = model.mass[own]
        if bins.kind == "number":
            # Where a number matters beside another it need not do so alone: parts of equal size.
            group = quantiles(mass[:-1], _COARSE) if mass[:-1].any() else np.zeros(bins.size - 1, int)
            found[place] = regrouped(bins, np.append(group, bins.size - 1))
            continue
        # What the leads say of the bins, without what draws them together.
        known = np.asarray(np.linalg.inv(model.curvature[own, own] + np.eye(bins.size) * _DRAWN), np.float64)
        merger = Merger([bins], model.coefficients[own], known, mass)
        merger.to_rows(_COARSE)
        features, maps = merger.result()
        if features:
            found[place] = features[0], maps[0]
    return found


def _together(rows: Rows, coarse: _Coarse, pair: tuple[int, int]) -> Ints:
    first, second = (coarse[place][1][rows.codes[place]] for place in pair)
    return first * coarse[pair[1]][0].size + second


def _gains(old: Rows, new: Rows, penalty: float, coarse: _Coarse, pairs: list[tuple[int, int]]) -> Floats:
    """(n_pairs, n_rows) how much less each pair loses of each of the new rows, its term learned from the old."""
    model, _ = additive(old, penalty, judged=False)
    before, after = (model.logits(part.codes, len(part.y)) for part in (old, new))
    levels = [] if old.period is None else [old.period]
    usual = losses(after, new)
    found = []
    for pair in pairs:
        size = coarse[pair[0]][0].size * coarse[pair[1]][0].size
        design = OneHot([_together(old, coarse, pair), *levels], [size, *[old.n_periods] * len(levels)])
        term = fit_logistic(design, old.y, weight=old.weight, offset=before, penalty=_DRAWN).coefficients[:size]
        found.append(usual - losses(after + term[_together(new, coarse, pair)], new))
    return np.array(found)
