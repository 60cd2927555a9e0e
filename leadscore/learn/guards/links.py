"""Whether what links a column to the others runs through the outcome, as with what was filled in after it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from leadscore.learn.guards.cells import Cells
from leadscore.learn.guards.separation import Rows, log_odds
from leadscore.stats.intervals import Floats, Ints

Link = Literal["effect", "known in time", "unknown"]

# The best columns tell enough, and a table of them must fit in memory; fewer are enough to compare with.
_COLUMNS, _COMPARED = 200, 60
# So many that are tied to each other otherwise, or nothing can be told.
_FEWEST = 2
# Causes that have nothing to do with each other have 1, effects 0: these must lie below half-way to 1, in the square.
# What lies above a tenth is none. Both with 97.5 % confidence.
_HALF, _SOME = 0.25, 0.1
_Z = 1.96
# By how much the others must be tied to each other.
_TIED = 0.5


class _Tie(NamedTuple):
    """The square of how a column goes with others within the outcomes, in parts of how between the outcomes."""

    value: float
    error: float

    def link(self, z: float) -> Link:
        """What it says of the column."""
        if self.value <= z * self.error and self.value + _Z * self.error < _HALF:
            return "effect"
        return "known in time" if self.value - _Z * self.error > _SOME else "unknown"


@dataclass(frozen=True)
class _Moments:
    """Of columns' log odds: by outcome the share of rows, how many were looked at and the covariance; and the gaps."""

    shares: tuple[float, float]
    sizes: tuple[int, int]
    within: tuple[Floats, Floats]
    gap: Floats

    def tie(self, one: int, others: Ints) -> _Tie:
        """Of a column and others, without what chance adds to squares."""
        others = others[others != one]
        gap = np.abs(self.gap[others])
        # A leak among the others must not outweigh them.
        scale = np.minimum(np.median(gap) / gap, 1)
        between = self.shares[0] * self.shares[1] * self.gap[one] * gap * scale
        covariance, noise = np.zeros(len(others)), np.zeros((len(others), len(others)))
        for share, size, matrix in zip(self.shares, self.sizes, self.within, strict=True):
            covariance += share * matrix[one, others] * scale
            noise += share**2 * matrix[one, one] / size * matrix[np.ix_(others, others)] * np.outer(scale, scale)
        chance = (noise**2).sum()
        variance = 2 * chance + 4 * max(covariance @ noise @ covariance - chance, 0.0)
        whole = between @ between
        return _Tie(float((covariance @ covariance - noise.trace()) / whole), float(np.sqrt(variance) / whole))

    def tied(self, others: Ints) -> bool:
        """Whether columns go with each other within the outcomes: all the same way, as causes, or each in its own."""
        pair, gap = np.ix_(others, others), self.gap[others]
        apart = ~np.eye(len(others), dtype=bool)
        within = sum(share * matrix[pair][apart].sum() for share, matrix in zip(self.shares, self.within, strict=True))
        between = self.shares[0] * self.shares[1] * np.outer(gap, gap)[apart].sum()
        squares = np.average([self.tie(one, others).value for one in others], weights=gap**2)
        return bool(max(abs(within) / between, squares) > _TIED)


def links(rows: Rows, columns: dict[Hashable, Cells], suspects: set[Hashable], z: float) -> dict[Hashable, Link]:
    """Of each column, whether it looks like an effect of the outcome, like a cause, or neither can be said.

    Parameters
    ----------
    rows : Rows
    columns : Cells by name
        Those that tell something of the outcome, the best first.
    suspects : set of names
        By other signs; they are compared with all others and never the others with them.
    z : float
        Within how many standard errors the link of an effect must be none.

    Notes
    -----
    What was filled in after the outcome knows of the other columns only what the outcome knows: within the leads of one
    outcome it has nothing to do with them. Of two causes that have nothing to do with each other the reverse is true:
    they do not go together in all leads, and therefore do (the other way round) within an outcome. Anything else, as
    two signs of one interest, is neither. Where the other columns are themselves tied by the outcome alone, which they
    may be if the leads of each outcome are much alike, nothing can be told.

    References
    ----------
    Mani, S., Spirtes, P. and Cooper, G. F. (2006), A theoretical study of Y structures for causal discovery, UAI 22,
    314-323.
    """
    found: dict[Hashable, Link] = dict.fromkeys(columns, "unknown")
    names = list(columns)[:_COLUMNS]
    others = np.array([place for place, name in enumerate(names) if name not in suspects][:_COMPARED], np.int64)
    moments = _moments(rows, [columns[name] for name in names]) if len(others) >= _FEWEST else None
    while moments is not None and len(others) >= _FEWEST:
        # Columns that nothing else speaks against may be effects too: the plainest is taken out before the next look.
        ties = [moments.tie(one, others) for one in others]
        effects = [place for place, tie in enumerate(ties) if tie.link(z) == "effect"]
        if not effects:
            if moments.tied(others):
                found |= {name: moments.tie(one, others).link(z) for one, name in enumerate(names)}
            break
        others = np.delete(others, min(effects, key=lambda place: ties[place].value))
    return found


def _moments(rows: Rows, columns: list[Cells]) -> _Moments:
    chosen = rows.some
    y, fold = rows.y[chosen], rows.fold[chosen]
    told = np.column_stack([log_odds(rows.counts(cells))[fold, cells.bins[0][chosen]] for cells in columns])
    # Each fold has log odds of its own.
    sides = [np.vstack([_centred(told[(y == side) & (fold == held)]) for held in np.unique(fold)]) for side in (0, 1)]
    gap = told[y].mean(axis=0) - told[~y].mean(axis=0)
    share = float(rows.y.mean())
    within = tuple(side.T @ side / len(side) for side in sides)
    return _Moments((1 - share, share), (len(sides[0]), len(sides[1])), (within[0], within[1]), gap)


def _centred(told: Floats) -> Floats:
    return told - told.mean(axis=0) if len(told) else told
