"""Rows to learn from, by the bin of each feature, and how the coefficients of bins are drawn together and to zero."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import block_diag
from scipy.special import ndtri

from leadscore.learn.card.binning import Bins, Floats, Ints, parts
from leadscore.stats.logistic import OneHot

# A stretch of time has its own level, which is not drawn to the others.
PERIODS_DRAWN = 0.1
# The inverse of the usual strength (C): heights are then drawn as far as their spread says.
USUAL = 0.3
# Bins that hardly any lead is in lie at least so far apart, of all leads.
_NEXT = 1e-4
# Over so many standard deviations, of ranks taken as normal, a smooth curve is about straight.
_BENDS = 4.0


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
    lead : (n_rows,) or None
        Which lead each row is of, where leads have several.
    spread : (n_features, 2) or None
        The variance of the heights of each feature, by the leads learned from: see `shapes`. Of a number, of what is
        rough and of what is smooth in them; of values, the first. Without it all bins are alike, each for itself.
    widest : (n_features, 2) or None
        The largest variance that the leads hardly speak against.
    """

    features: list[Bins]
    codes: list[npt.NDArray[np.signedinteger[Any]]]
    y: Floats
    weight: Floats
    period: Ints | None = None
    lead: Ints | None = None
    spread: Floats | None = None
    widest: Floats | None = None

    def take(self, rows: npt.NDArray[Any]) -> Rows:
        """Some of the rows."""
        period, lead = (
            None if of is None else np.unique(of[rows], return_inverse=True)[1] for of in (self.period, self.lead)
        )
        codes = [code[rows] for code in self.codes]
        return replace(self, codes=codes, y=self.y[rows], weight=self.weight[rows], period=period, lead=lead)

    def rebinned(self, features: list[Bins], maps: list[Ints]) -> Rows:
        """The same rows in new bins; `maps` gives the new bin of each old one, and is empty where a feature is gone."""
        kept = [place for place, mapping in enumerate(maps) if len(mapping)]
        spread, widest = (None if of is None else of[kept] for of in (self.spread, self.widest))
        codes = [maps[place].astype(np.int16)[self.codes[place]] for place in kept]
        return replace(self, features=features, codes=codes, spread=spread, widest=widest)

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

    def penalty(self, strength: float) -> Floats:
        """By which coefficients are drawn: those of the bins, and behind them the levels of the periods."""
        if self.spread is None:
            return np.diag(np.repeat([strength, PERIODS_DRAWN], [self.n_bins, self.n_periods]))
        masses = parts(self.features, self.counts(self.weight))
        own = [
            strength * USUAL * np.linalg.inv(covariance(bins, mass, each))
            for bins, (mass,), each in zip(self.features, masses, self.spread, strict=True)
        ]
        levels = [PERIODS_DRAWN] * self.n_periods
        return block_diag(*own, *levels) if own or levels else np.zeros((0, 0))


def covariance(bins: Bins, mass: Floats, spread: Floats) -> Floats:
    """(size, size) How the heights of a feature go together before any outcome is known.

    Those of a number are the sum of two: one walks from bin to bin, the further the more leads lie between (a random
    walk over ranks), so that it may jump; the other is smooth, a curve over ranks that bends once or twice (a Gaussian
    process; Rasmussen, C. and Williams, C. (2006), Gaussian Processes for Machine Learning, chapter 4). Those of values
    are each for itself.
    """
    if bins.kind != "number" or bins.size < 3:
        return np.eye(bins.size) * spread.sum()
    share = mass[:-1] / max(mass[:-1].sum(), 1e-300)
    steps = np.diff(np.eye(bins.size - 1), axis=0)
    apart = np.maximum((share[1:] + share[:-1]) / 2, _NEXT)
    rough = np.linalg.inv(steps.T @ (steps / apart[:, None]) + np.diag(np.maximum(share, _NEXT)))
    rank = ndtri(np.clip(np.cumsum(share) - share / 2, _NEXT, 1 - _NEXT))
    smooth = np.exp(-((rank[:, None] - rank) ** 2) / (2 * _BENDS**2))
    return block_diag(spread[0] * rough + spread[1] * smooth, spread.sum())
