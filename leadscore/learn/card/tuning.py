"""How bins are cut, what they are given and how strongly they are drawn to zero: chosen by how held-out leads fare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from leadscore.learn.card.additive import Direction, Encoding, Method, additive, cut, explained, losses
from leadscore.learn.card.binning import Floats, Ints
from leadscore.learn.card.folds import Days, folds
from leadscore.learn.card.rows import USUAL, Rows
from leadscore.learn.card.shapes import Shapes, shapes

METHODS: tuple[Method, ...] = ("shape", "tree", "quantile")
ENCODINGS: tuple[Encoding, ...] = ("onehot", "woe")
# How bins are cut, what they are given, and how strongly: the usual ways without dates and with them. Shapes are the
# most exact where the future is like the past; parts of equal size know nothing of the outcome that could pass away.
_Way = tuple[Any, Any, float]
# The mean share of the deviance explained in the folds; of each row of them the loss.
_Found = tuple[float, Floats]
_USUAL: _Way = ("shape", "onehot", USUAL)
_USUAL_IN_TIME: _Way = ("quantile", "onehot", USUAL)
_STRENGTHS = (0.03, 0.1, 1.0)
# So rarely one of all that are tried may be taken by chance, over leads; over the few stretches of time they are of,
# so many standard errors are none.
_BY_CHANCE, _CLEARLY_IN_TIME = 0.01, 2.0
# The choice of bins is not made where fewer than so many leads of either kind are known.
_FEWEST = 100


class Fold(NamedTuple):
    """Rows to learn from, in cells, and their shapes; rows to judge by."""

    old: Rows
    new: Rows
    shape: Shapes

    def in_bins(self, method: Any, max_bins: int) -> tuple[Rows, Rows]:
        """Both sides in bins that are cut by the first."""
        old, features, maps = cut(self.old, self.shape, method, max_bins)
        return old, self.new.rebinned(features, maps)


def chosen(rows: Rows, day: Days | None, asked: Any) -> tuple[pd.DataFrame, list[Fold]]:
    """What was tried, the chosen first: the usual way, unless another is clearly better in the folds.

    Parameters
    ----------
    rows : Rows
    day : (n_rows,) days since 1970, or None
    asked : LeadClassifier
        Its parameters say what there is to choose.

    Returns
    -------
    found : DataFrame
        `bins`, `encoding`, `C`, `explained` (mean share of the deviance explained in the folds), `folds`.
    parted : list of Fold
        None where nothing was chosen by held-out leads.
    """
    methods = METHODS if asked.bins == "auto" else (asked.bins,)
    encodings = ENCODINGS if asked.encoding == "auto" else (asked.encoding,)
    usual = _USUAL_IN_TIME if rows.period is not None else _USUAL
    strength = usual[2] if asked.C is None else float(asked.C)
    ways: list[_Way] = [(method, encoding, strength) for method in methods for encoding in encodings]
    # The usual way first, else the nearest to it that is asked for.
    ways.sort(key=lambda way: (way[0] != usual[0]) + (way[1] != usual[1]))
    enough = min(rows.weight @ rows.y, rows.weight @ (1 - rows.y)) >= _FEWEST
    looked = enough and (len(ways) > 1 or asked.C is None)
    parted = [Fold(old, new, shapes(old)) for old, new in folds(rows, day)] if looked else []
    best, tried = ways[0], {ways[0]: (np.nan, np.zeros(0))}
    if parted:
        in_bins = {method: [fold.in_bins(method, asked.max_bins) for fold in parted] for method in methods}
        tried = {way: _tried(in_bins[way[0]], way, asked.monotone) for way in ways}
        held = [fold.new for fold in parted]
        best = _best(tried, held)
        if asked.C is None:
            others = [(*best[:2], C) for C in _STRENGTHS if best[2] != C]
            tried |= {way: _tried(in_bins[way[0]], way, asked.monotone) for way in others}
            best = _best({way: tried[way] for way in (best, *others)}, held)
    order = sorted(tried, key=lambda way: (way != best, -tried[way][0]))
    found = [[*way, tried[way][0], len(parted)] for way in order]
    return pd.DataFrame(found, columns=["bins", "encoding", "C", "explained", "folds"]), parted


def _tried(pairs: list[tuple[Rows, Rows]], way: _Way, monotone: Mapping[str, Direction] | None) -> _Found:
    """What a way explains and loses in the folds."""
    _, encoding, strength = way
    shares, lost = [], []
    for old, held in pairs:
        model, merged = additive(old, 1 / strength, encoding, monotone, judged=False)
        later = held.rebinned(model.features, merged)
        own = losses(model.logits(later.codes, len(later.y)), later)
        shares.append(explained(own, later))
        lost.append(own)
    return float(np.mean(shares)), np.concatenate(lost)


def _best(tried: dict[_Way, _Found], held: Sequence[Rows]) -> _Way:
    """The way that loses least, or the first if that is better by no more than chance."""
    first = next(iter(tried))
    weight = np.concatenate([rows.weight for rows in held])
    best = min(tried, key=lambda way: tried[way][1] @ weight)
    return best if best != first and clearly(tried[first][1] - tried[best][1], held, len(tried) - 1) else first


def clearly(gains: Floats, held: Sequence[Rows], tried: int) -> bool:
    """Whether the rows held out lose less by more than chance, with the best of so many ways (Bonferroni).

    The error is that of the mean difference over the leads, each of which both ways predict without having seen it:
    thousands of pairs. Over four folds alone it could hardly be told, and the usual way was kept where another was
    clearly better. Leads of one stretch of time share its shocks and are one witness, so the difference must be clear
    over stretches too (Cameron, A. and Miller, D. (2015), A practitioner's guide to cluster-robust inference, Journal
    of Human Resources 50, 317-372).

    Parameters
    ----------
    gains : (n_rows,) of the rows held out in all folds, one after the other
    held : list of Rows
    tried : int
    """
    weight = np.concatenate([rows.weight for rows in held])
    mean = weight @ gains / weight.sum()
    off = gains - mean
    parts = np.split(weight * off, np.cumsum([len(rows.y) for rows in held])[:-1])

    def together(owners: list[Ints]) -> Floats:
        return np.concatenate([np.bincount(own, part) for own, part in zip(owners, parts, strict=True)])

    leads = [rows.lead for rows in held if rows.lead is not None]
    # A row that stands for three leads is three; the rows of one lead are one witness.
    chance = norm.isf(_BY_CHANCE / tried) * np.sqrt((together(leads) ** 2).sum() if leads else weight @ off**2)
    stretches = [rows.period for rows in held if rows.period is not None]
    if stretches:
        sums = together(stretches)
        freedom = len(sums) - 1
        chance = max(chance, _CLEARLY_IN_TIME * np.sqrt(sums @ sums * len(sums) / freedom)) if freedom else np.inf
    # Ways that predict the same differ in the last digit of each row, all of them perhaps the same way.
    return bool(mean * weight.sum() > max(chance, 1e-12 * weight.sum()))
