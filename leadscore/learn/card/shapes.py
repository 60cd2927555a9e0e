"""Shapes: how each feature moves the odds from cell to cell, all together, each as rough as its leads ask for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leadscore.learn.card.binning import Bins, Floats, Ints, starts_of
from leadscore.learn.card.rows import PERIODS_DRAWN, Rows, covariance

# Every sweep goes once through all features.
_SWEEPS = 12
# In the first of them it is chosen whether a number's heights are all rough or nearly all smooth.
_CHOOSING = 4
_MIXED = ((1.0, 0.0), (0.003, 1.0))
# Twice the log likelihood by which rough heights must be likelier: in leads' columns jumps are rarer than curves.
_UNLIKELY = 4.0
# Twice the log likelihood within which a spread is as likely as the likeliest: chi-squared's 95 %, of one degree.
_AS_LIKELY = 3.84
# What is tried as the precision of a feature's heights: from free to flat.
_PRECISIONS = np.geomspace(0.03, 1e4, 57)
# While what the leads of a feature's cells know changes by less than this share, it is not turned anew.
_AS_BEFORE = 0.05
# No height moves by more than so many log odds in one sweep: far off, a Newton step of the logistic loss overshoots.
_LONGEST = 1.0
# Bins are so few that the log likelihood of the shape loses no more than about what a coefficient gains by chance.
_LOST = 1.0


@dataclass(frozen=True)
class Shapes:
    """Of rows in cells.

    Attributes
    ----------
    heights : (n_bins,) log odds of the cells of all features, end to end
    known : (n_bins,) what the leads of each cell know of its height: the curvature of their log loss
    spread : (n_features, 2) variance of the heights of each feature, as `Rows` has it; 0 where it tells nothing
    widest : (n_features, 2) the largest variance that is not much less likely
    """

    heights: Floats
    known: Floats
    spread: Floats
    widest: Floats


def shapes(rows: Rows) -> Shapes:
    """Fit all features at once, the spread of each by its marginal likelihood.

    Backfitting: features in turn take in what the others leave (Hastie, T. and Tibshirani, R. (1990), Generalized
    Additive Models, chapter 6), with the spread at which the outcomes are likeliest, given the others (Tipping, M. and
    Faul, A. (2003), Fast marginal likelihood maximisation for sparse Bayesian models, AISTATS). So a feature that tells
    nothing is flat, and one that tells is drawn to flat no more than its leads ask for. The cost grows with the number
    of features, not with its square.
    """
    starts, n = starts_of(rows.features), rows.n_bins
    mass = rows.counts(rows.weight)
    heights, known = np.zeros(n), np.zeros(n)
    spread, widest = np.zeros((2, len(rows.features), 2))
    priors = [_Prior(bins, mass[start : start + bins.size]) for bins, start in zip(rows.features, starts, strict=False)]
    codes = [np.ascontiguousarray(code, np.intp) for code in rows.codes]
    period = np.zeros(len(rows.y), np.intp) if rows.period is None else rows.period
    levels, drawn = np.zeros(int(period.max(initial=0)) + 1), PERIODS_DRAWN * (rows.period is not None)
    mean = (rows.weight @ rows.y) / rows.weight.sum()
    log_odds = np.full(len(rows.y), np.log(mean / (1 - mean)))
    for sweep in range(_SWEEPS):
        left, curve = _bent(rows, log_odds)
        move = np.bincount(period, left, len(levels)) - drawn * levels
        move /= np.maximum(np.bincount(period, curve, len(levels)) + drawn, 1e-300)
        levels += move
        log_odds += move[period]
        for place, (code, start, prior) in enumerate(zip(codes, starts, priors, strict=False)):
            own = slice(start, start + prior.size)
            left, curve = _bent(rows, log_odds)
            known[own], pull = (np.bincount(code, each, prior.size).astype(np.float64) for each in (curve, left))
            found = prior.likeliest(known[own], pull, heights[own], choosing=sweep < _CHOOSING)
            move, spread[place], widest[place] = found[0] - heights[own], *found[1:]
            # The level moves along, to where it is best.
            move += (pull.sum() - known[own] @ move) / max(known[own].sum(), 1e-300)
            heights[own] += np.clip(move, -_LONGEST, _LONGEST, out=move)
            log_odds += move[code]
    return Shapes(heights, known, spread, widest)


def _bent(rows: Rows, log_odds: Floats) -> tuple[Floats, Floats]:
    """(n_rows,) What is left of the outcomes, and how much each row's log loss bends."""
    chance = 1 / (1 + np.exp(-log_odds))
    return rows.weight * (rows.y - chance), rows.weight * chance * (1 - chance)


class _Prior:
    """How the heights of one feature go together before any outcome is known."""

    def __init__(self, bins: Bins, mass: Floats) -> None:
        # Values of a category do not go together: nothing to turn.
        self.size, self.chosen, self.plain = bins.size, 0, bins.kind != "number"
        self.mixed = np.array(_MIXED[:1] if self.plain else _MIXED)
        self.roots = [np.linalg.cholesky(covariance(bins, mass, mix)) for mix in self.mixed]
        self.turned: dict[int, tuple[Floats, Floats, Floats]] = {}

    def _within(self, place: int, known: Floats) -> tuple[Floats, Floats, Floats]:
        """What leads know along the axes on which they and the root agree: sizes and axes, and of which leads.

        Where they know about as much as before, that of before: the heights come out the same, only their spread is
        about right.
        """
        if self.plain:
            return known, known, known
        old = self.turned.get(place)
        if old is None or np.abs(known - old[2]).sum() > _AS_BEFORE * old[2].sum():
            root = self.roots[place]
            within = root.T @ (np.diag(known) - np.outer(known, known) / max(known.sum(), 1e-300)) @ root
            size, axes = np.linalg.eigh(within)
            old = self.turned[place] = np.maximum(size, 0), root @ axes, known.copy()
        return old

    def likeliest(
        self, known: Floats, left: Floats, heights: Floats, *, choosing: bool
    ) -> tuple[Floats, Floats, Floats]:
        """The heights, and their spread, that make likeliest what the others leave; and the widest spread as likely."""
        found = []
        for place in range(len(self.roots)) if choosing else [self.chosen]:
            size, axes, told = self._within(place, known)
            # The level is the intercept's.
            pull = left + told * (heights - told @ heights / max(told.sum(), 1e-300))
            pull = pull - told * (pull.sum() / max(told.sum(), 1e-300))
            turned = pull if self.plain else axes.T @ pull
            both = _PRECISIONS[:, None] + size
            likely = (turned**2 / both - np.log1p(size / _PRECISIONS[:, None])).sum(axis=1)
            if self.plain:
                # Their level is free, and where it is best: of so many values one less tells how far they spread.
                free = np.maximum((known / both).sum(axis=1), 1e-300)
                level = (pull / both).sum(axis=1) / free
                likely += _PRECISIONS * level**2 * free - np.log(_PRECISIONS * free / max(known.sum(), 1e-300))
            best = int(np.round(likely, 9).argmax())
            own = (turned - known * level[best] if self.plain else turned) / both[best]
            widest = int((likely >= max(likely[best], 0) - _AS_LIKELY).argmax())
            found.append((likely[best], place, own if self.plain else axes @ own, _PRECISIONS[[best, widest]]))
        likely, self.chosen, own, precisions = max(
            found, key=lambda each: each[0] - _UNLIKELY * (each[1] == len(found) - 2)
        )
        spread, widest = self.mixed[self.chosen] / precisions[:, None]
        if likely <= 0:
            return np.zeros(self.size), np.zeros(2), widest
        return own - known @ own / max(known.sum(), 1e-300), spread, widest


def segments(heights: Floats, known: Floats, mass: Floats, most: int, least: float) -> Ints:
    """The first cell of each cell's bin: as few bins as keep the shape, none of less mass than `least`.

    Exact, by dynamic programming: Fisher, W. D. (1958), On grouping for maximum homogeneity, Journal of the American
    Statistical Association 53, 789-798.
    """
    n = len(heights)

    def between(values: Floats) -> Floats:
        total = np.concatenate([[0], np.cumsum(values)])
        return np.asarray(total[None, :] - total[:-1, None])

    weight = np.maximum(known, 1e-12)
    lost = between(weight * heights**2) - between(weight * heights) ** 2 / np.maximum(between(weight), 1e-300)
    lost = np.where(np.triu(np.ones((n, n + 1)), 1) > 0, np.round(np.maximum(lost, 0), 9), np.inf)
    # Rounded above, so that of cuts that are as good the first is taken, in whatever order rows were summed.
    whole = lost[0, n]
    lost[between(mass) < least] = np.inf
    lost[0, n] = whole
    best, came = [lost[0]], []
    while len(best) < min(most, n):
        # The bin before the last ends where the last begins.
        ways = best[-1][:-1, None] + lost
        came.append(ways.argmin(axis=0))
        best.append(ways.min(axis=0))
    ends = np.array([each[n] for each in best])
    count = int(np.flatnonzero(ends <= ends.min() + _LOST)[0])
    first, end = np.zeros(n, np.intp), n
    while count:
        start = int(came[count - 1][end])
        first[start:end] = start
        end, count = start, count - 1
    return first
