"""Whether what links a column to the others runs through the outcome, as with what was filled in after it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from leadscore.learn.guards.cells import Cells
from leadscore.learn.guards.separation import Rows, log_odds
from leadscore.stats.intervals import Floats, Ints

Link = Literal["effect", "cause", "own", "unknown"]

# The best columns tell enough, and a table of them must fit in memory.
_COLUMNS = 200
# Two that are tied to each other otherwise, and one to be told from them.
_FEWEST = 3
# How far from where it belongs a link may lie, half-way to the other kind, with its 95 % interval: what then looks like
# one kind and is the other is four standard errors off.
_HALF, _Z = 0.5, 1.96


class _Tie(NamedTuple):
    """How a column goes with others within the outcomes, in parts of how it goes with them between the outcomes."""

    value: float
    error: float

    def link(self, z: float) -> Link:
        """What it says of the column."""
        reach = _Z * self.error
        if abs(self.value) <= z * self.error and abs(self.value) + reach < _HALF:
            return "effect"
        if abs(self.value + 1) + reach < _HALF:
            return "cause"
        return "own" if abs(self.value) - reach > _HALF else "unknown"


@dataclass(frozen=True)
class _Moments:
    """Of columns' log odds: by outcome the share of rows, how many were looked at and the covariance; and the gaps."""

    shares: tuple[float, float]
    sizes: tuple[int, int]
    within: tuple[Floats, Floats]
    gap: Floats

    def tie(self, one: int, others: Ints) -> _Tie:
        """Of a column and the sum of others."""
        between = self.shares[0] * self.shares[1] * self.gap[one] * self.gap[others].sum()
        value = variance = 0.0
        for share, size, matrix in zip(self.shares, self.sizes, self.within, strict=True):
            value += share * matrix[one, others].sum()
            variance += share**2 * matrix[one, one] * matrix[np.ix_(others, others)].sum() / size
        return _Tie(value / between, abs(np.sqrt(variance) / between)) if between else _Tie(0.0, np.inf)

    def all_ties(self, others: Ints) -> float:
        """How columns go with each other within the outcomes, in parts of how between them."""
        pair = np.ix_(others, others)
        apart = ~np.eye(len(others), dtype=bool)
        within = sum(share * matrix[pair][apart].sum() for share, matrix in zip(self.shares, self.within, strict=True))
        between = self.shares[0] * self.shares[1] * np.outer(self.gap[others], self.gap[others])[apart].sum()
        return float(within / between) if between else 0.0


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
    if len(names) < _FEWEST:
        return found
    moments = _moments(rows, [columns[name] for name in names])
    others = np.array([place for place, name in enumerate(names) if name not in suspects], np.int64)
    while len(others) > 1:
        # Columns that nothing else speaks against may be effects too: the plainest is taken out before the next look.
        ties = [moments.tie(one, others[others != one]) for one in others]
        effects = [place for place, tie in enumerate(ties) if tie.link(z) == "effect"]
        if not effects:
            break
        others = np.delete(others, min(effects, key=lambda place: abs(ties[place].value)))
    if len(others) > 1 and abs(moments.all_ties(others)) > _HALF / 2:
        found |= {name: moments.tie(one, others[others != one]).link(z) for one, name in enumerate(names)}
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
