"""How well a column alone, or columns together, separate outcomes, on rows that had no say in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from leadscore.learn.guards.cells import Cells
from leadscore.stats.intervals import Floats, Ints, share_text
from leadscore.stats.logistic import Dense, fit_logistic
from leadscore.stats.outcomes_and_scores import Mask
from leadscore.stats.ranking import logit_interval

_FOLDS = 5
_CONFIDENCE = 0.95
_Z = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2)
_SURELY = NormalDist().inv_cdf(0.9995)
# More leads of one outcome than this add nothing to how well columns rank together.
_MOST = 10_000


@dataclass(frozen=True)
class Rows:
    """Outcomes, and folds that do not depend on the order of the rows.

    Attributes
    ----------
    y : (n_rows,) bool
    order : (n_rows,) positions of the rows sorted by outcome and by their values
    fold : (n_rows,) from 0 to 4; every fifth row in that order
    """

    y: Mask
    order: Ints
    fold: Ints

    @classmethod
    def of(cls, y: Mask, marks: npt.NDArray[np.uint64]) -> Rows:
        """Rows equal in all columns and the outcome may change places: it makes no difference."""
        order = np.lexsort((marks, y))
        fold = np.empty(len(y), np.int64)
        fold[order] = np.arange(len(y)) % _FOLDS
        return cls(y, order, fold)

    @cached_property
    def some(self) -> Ints:
        """Positions of no more than 10,000 rows of each outcome, evenly from their order."""
        sides = [self.order[self.y[self.order] == side] for side in (False, True)]
        return np.concatenate([
            side[np.linspace(0, len(side) - 1, min(len(side), _MOST)).astype(np.int64)] for side in sides
        ])  # fmt: skip

    def counts(self, cells: Cells) -> Ints:
        """(5, 2, n_bins) rows by fold, outcome and bin."""
        code, size = cells.bins
        return np.bincount((self.fold * 2 + self.y) * size + code, minlength=2 * _FOLDS * size).reshape(_FOLDS, 2, size)


class Auc(NamedTuple):
    """An area under the ROC curve and its interval (95 %)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def alone(counts: Ints, z: float = _Z) -> Auc:
    """The AUC of a column's bins, each ranked by its rate in the other folds.

    Parameters
    ----------
    counts : (n_folds, 2, n_bins)
        Rows without and with the outcome.
    z : float
        How many standard errors the interval reaches; by default those of 95 %.

    Notes
    -----
    The interval is DeLong's on the logit scale, as in `leadscore.roc_auc`, with pairs inside of folds only. A useless
    column of many bins comes out near 0.5, not above.
    """
    total, (without, with_it) = counts.sum(axis=0), np.empty((2, len(counts), counts.shape[2]))
    for place, fold in enumerate(counts):
        rest = total - fold
        rate = (rest[1] + total[1].sum() / total.sum()) / (rest.sum(axis=0) + 1)
        rank = np.unique(rate, return_inverse=True)[1]
        # Of a lead without the outcome the share of those with it ranked above it, and the other way round.
        without[place], with_it[place] = 1 - _below(fold[1], rank), _below(fold[0], rank)
    n0, n1 = total.sum(axis=1)
    value = float((with_it * counts[:, 1]).sum() / n1)
    variance = _variance(with_it, counts[:, 1]) / n1 + _variance(without, counts[:, 0]) / n0
    return Auc(value, *logit_interval(value, z * np.sqrt(variance), int(min(n0, n1)), _CONFIDENCE))


def _below(side: Ints, rank: Ints) -> Floats:
    """Of each bin the share of these rows in bins that rank lower; a tie counts half."""
    grouped = np.bincount(rank, side)
    return ((np.cumsum(grouped) - grouped / 2) / max(side.sum(), 1))[rank]


def _variance(place: Floats, weight: Ints) -> float:
    mean = (place * weight).sum() / weight.sum()
    return float((weight * (place - mean) ** 2).sum() / max(weight.sum() - 1, 1))


class Placed(NamedTuple):
    """Of rows without and of rows with the outcome, the share of the other kind, in their fold, that ranks rightly."""

    without: Floats
    with_it: Floats

    @property
    def auc(self) -> Auc:
        """With DeLong's interval on the logit scale."""
        value = float(self.with_it.mean())
        few = min(len(self.without), len(self.with_it))
        return Auc(value, *logit_interval(value, _Z * self._error, few, _CONFIDENCE))

    @property
    def _error(self) -> float:
        return float(np.sqrt(sum(side.var(ddof=1) / len(side) for side in self)))

    def above(self, other: Placed) -> Auc:
        """How much larger the AUC is than that of the same rows ranked otherwise; DeLong's interval of paired ranks."""
        moved = Placed(self.without - other.without, self.with_it - other.with_it)
        value, reach = float(moved.with_it.mean()), _Z * moved._error
        return Auc(value, value - reach, value + reach)


def together(rows: Rows, columns: list[Cells]) -> Placed:
    """How columns together rank rows: a logistic regression on each bin's log odds, judged on folds left out."""
    y, fold = rows.y[rows.some], rows.fold[rows.some]
    tables = [log_odds(rows.counts(cells)) for cells in columns]
    codes = [cells.bins[0][rows.some] for cells in columns]
    placed = np.zeros(len(y))
    for held in range(_FOLDS):
        design = np.column_stack([table[held][code] for table, code in zip(tables, codes, strict=True)])
        inside = fold == held
        fitted = fit_logistic(Dense(design[~inside]), y[~inside], penalty=1.0)
        # Rounded, so that equal rows are ties whatever the order of a sum.
        rank = np.unique(np.round(design[inside] @ fitted.coefficients, 9), return_inverse=True)[1]
        without, with_it = (np.bincount(rank[y[inside] == side], minlength=rank.max() + 1) for side in (False, True))
        level = np.arange(len(without))
        placed[inside] = np.where(y[inside], _below(without, level)[rank], 1 - _below(with_it, level)[rank])
    return Placed(placed[~y], placed[y])


def log_odds(counts: Ints) -> Floats:
    """(n_folds, n_bins) log odds beside those of all, from the other folds."""
    rest = counts.sum(axis=0) - counts
    sizes = rest.sum(axis=2, keepdims=True)
    share = (rest + sizes / sizes.sum(axis=1, keepdims=True)) / (sizes + 1)
    return np.log(share[:, 1] / share[:, 0])


class Split(NamedTuple):
    """Some rows beside all others, and how many of each have something: mostly the outcome."""

    events: int
    n: int
    other_events: int
    others: int

    @classmethod
    def of(cls, had: Mask, inside: Mask) -> Split:
        """The rows inside beside those outside."""
        n, events = int(inside.sum()), int(had[inside].sum())
        return cls(events, n, int(had.sum()) - events, len(had) - n)

    @property
    def figures(self) -> dict[str, Any]:
        """As a finding holds them."""
        counts = {"n": self.n, "events": self.events, "others": self.others}
        return counts | {"events_of_others": self.other_events}

    @property
    def shares(self) -> tuple[str, str]:
        """How many have it inside and outside, as text."""
        return share_text(self.events, self.n), share_text(self.other_events, self.others)

    def odds_ratio(self, z: float = _Z) -> tuple[float, float, float]:
        """How many times the odds are larger inside than outside, with its interval (of 95 % by default).

        References
        ----------
        Haldane, J. B. S. (1956), Annals of Human Genetics 20, 309-311: half a row is added to each count, so none is 0.
        """
        first = np.array([self.n - self.events, self.events]) + 0.5
        second = np.array([self.others - self.other_events, self.other_events]) + 0.5
        log = np.log(first[1] / first[0]) - np.log(second[1] / second[0])
        half = z * np.sqrt((1 / first).sum() + (1 / second).sum())
        return float(np.exp(log)), float(np.exp(log - half)), float(np.exp(log + half))

    @property
    def differ(self) -> bool:
        """Whether the shares differ beyond chance: by more than 3.3 standard errors, as one pair in a thousand does."""
        if not self.n or not self.others:
            return False
        mean = (self.events + self.other_events) / (self.n + self.others)
        error = np.sqrt(mean * (1 - mean) * (1 / self.n + 1 / self.others))
        return bool(abs(self.events / self.n - self.other_events / self.others) > _SURELY * error > 0)
