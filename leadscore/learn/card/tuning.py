"""How bins are cut, what they are given and how strongly they are drawn to zero: chosen by how held-out leads fare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from leadscore.learn.card.additive import Direction, Encoding, Method, Rows, additive, clearly, cut, explained
from leadscore.learn.card.binning import Floats
from leadscore.learn.card.folds import Days, folds

METHODS: tuple[Method, ...] = ("shape", "tree", "quantile")
ENCODINGS: tuple[Encoding, ...] = ("onehot", "woe")
# How bins are cut, what they are given, and how strongly: the usual ways without dates and with them. Shapes are the
# most exact where the future is like the past; parts of equal size know nothing of the outcome that could pass away.
_Way = tuple[Any, Any, float]
_USUAL: _Way = ("shape", "onehot", 0.3)
_USUAL_IN_TIME: _Way = ("quantile", "onehot", 0.3)
_STRENGTHS = (0.03, 0.1, 1.0)
# The choice of bins is not made where fewer than so many leads of either kind are known.
_FEWEST = 100


def chosen(rows: Rows, day: Days | None, asked: Any) -> pd.DataFrame:
    """What was tried, the chosen first: the usual way, unless another is clearly better in the folds.

    Parameters
    ----------
    rows : Rows
    day : (n_rows,) days since 1970, or None
    asked : LeadClassifier
        Its parameters say what there is to choose.

    Returns
    -------
    DataFrame
        `bins`, `encoding`, `C`, `explained` (mean share of the deviance explained in the folds), `folds`.
    """
    methods = METHODS if asked.bins == "auto" else (asked.bins,)
    encodings = ENCODINGS if asked.encoding == "auto" else (asked.encoding,)
    usual = _USUAL_IN_TIME if rows.period is not None else _USUAL
    strength = usual[2] if asked.C is None else float(asked.C)
    ways: list[_Way] = [(method, encoding, strength) for method in methods for encoding in encodings]
    # The usual way first, else the nearest to it that is asked for.
    ways.sort(key=lambda way: (way[0] != usual[0]) + (way[1] != usual[1]))
    enough = min(rows.weight @ rows.y, rows.weight @ (1 - rows.y)) >= _FEWEST
    pairs = list(folds(rows, day)) if enough and (len(ways) > 1 or asked.C is None) else []
    tried: dict[_Way, Floats] = {ways[0]: np.array([np.nan])}
    best: _Way = ways[0]
    if pairs:
        in_bins = {method: [_in_bins(method, asked.max_bins, *pair) for pair in pairs] for method in methods}
        tried = {way: _tried(in_bins[way[0]], way, asked.monotone) for way in ways}
        best = _clearly_best(tried)
        if asked.C is None:
            others = [(*best[:2], C) for C in _STRENGTHS if best[2] != C]
            tried |= {way: _tried(in_bins[way[0]], way, asked.monotone) for way in others}
            best = _clearly_best({way: found for way, found in tried.items() if way[:2] == best[:2]})
    order = sorted(tried, key=lambda way: (way != best, -np.mean(tried[way])))
    found = [[*way, np.mean(tried[way]), len(pairs)] for way in order]
    return pd.DataFrame(found, columns=["bins", "encoding", "C", "explained", "folds"])


def _in_bins(method: Any, max_bins: int, train: Rows, test: Rows) -> list[Rows]:
    """Both sides of a fold in bins that are cut by the first."""
    features, maps = cut(train, method, max_bins)
    return [part.rebinned(features, maps) for part in (train, test)]


def _tried(pairs: list[list[Rows]], way: _Way, monotone: Mapping[str, Direction] | None) -> Floats:
    """The share of the deviance that a way explains in each fold."""
    _, encoding, strength = way
    shares = []
    for old, held in pairs:
        model, merged = additive(old, 1 / strength, encoding, monotone, judged=False)
        later = held.rebinned(model.features, merged)
        shares.append(explained(model.logits(later.codes, len(later.y)), later))
    return np.array(shares)


def _clearly_best(tried: dict[_Way, Floats]) -> _Way:
    """The first way, or the best of those that are better by more than chance over the same folds."""
    first = next(iter(tried))
    gains = {way: found - tried[first] for way, found in tried.items()}
    better = [way for way, gain in gains.items() if clearly(gain) > 0]
    return max(better, key=lambda way: gains[way].mean(), default=first) if len(tried[first]) > 1 else first
