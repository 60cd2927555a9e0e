"""A change split exactly among what changed: Shapley values over cells of leads, and their spread from week to week."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from leadscore.stats.intervals import Floats, Ints

PARTS = ("volume", "fit_mix", "behaviour", "rulebook")
# Of the orders in which four things can change, the share in which one comes after so many others.
_AFTER = np.array([1 / 4, 1 / 12, 1 / 12, 1 / 4])
_WEIGHTS = _AFTER[np.indices((2, 2, 2)).sum(axis=0)]


def shapley(worlds: npt.ArrayLike) -> Floats:
    """What each of four things contributes to a figure: its own change, averaged over all orders of changing them.

    Parameters
    ----------
    worlds : (2, 2, 2, 2, ...) array
        The figure in each world: old or new, for each of the four.

    Returns
    -------
    (4, ...) array
        They sum to `worlds[1, 1, 1, 1] - worlds[0, 0, 0, 0]`.

    References
    ----------
    Shapley, L. S. (1953), A value for n-person games, Contributions to the Theory of Games II, 307-317. Shorrocks,
    A. F. (2013), Decomposition procedures for distributional analysis, Journal of Economic Inequality 11, 99-126.

    Examples
    --------
    Twice the leads at thrice the rate, 100 to 600: what both do together is shared equally.

    >>> leads, rate = np.array([100, 200]).reshape(2, 1, 1, 1), np.array([1, 3]).reshape(1, 1, 2, 1)
    >>> shapley(leads * rate * np.ones((2, 2, 2, 2))).round(9).tolist()
    [200.0, 0.0, 300.0, 0.0]
    """
    values = np.asarray(worlds, np.float64)
    moved = (np.moveaxis(values, axis, 0) for axis in range(4))
    return np.array([np.tensordot(_WEIGHTS, new - old, axes=3) for old, new in moved])


def rules_alone(worlds: Floats) -> Floats:
    """(...) what the rules of the new rulebook contribute without its threshold.

    The rest of the rulebook's part is that of the threshold and all else of `qualify`: within the rulebook, too, both
    orders of changing them count alike.

    Parameters
    ----------
    worlds : (2, 2, 2, 4, ...) array
        As of `shapley`; by rulebook: old, new, the new one's rules with the old threshold, and the other way round.

    References
    ----------
    Owen, G. (1977), Values of games with a priori unions, Essays in Mathematical Economics and Game Theory, 76-88.
    """
    old, new, new_rules, new_threshold = np.moveaxis(worlds, 3, 0)
    alone: Floats = np.tensordot(_WEIGHTS, (new_rules - old + new - new_threshold) / 2, axes=3)
    return alone


def interaction(worlds: Floats) -> float:
    """What of the change comes of several of four things changing at once: it is not there if each changes alone."""
    alone = [worlds[tuple(changed)] for changed in np.eye(4, dtype=int)]
    return float(worlds[1, 1, 1, 1] + 3 * worlds[0, 0, 0, 0] - sum(alone))


@dataclass(frozen=True)
class Counts:
    """The leads of two periods in cells of leads that are alike, week by week.

    Attributes
    ----------
    leads : two of (n_cells, weeks + 1)
        In the old and the new period: those that came in each week, and last those that were there before.
    figures : two lists of (n_cells, weeks + 1, n_figures)
        By period and rulebook (old, new, and perhaps others in between): sums over leads that qualified.
    stratum, parent : (n_cells,) codes
        Cells of one stratum share a volume; cells of one parent are like enough to stand in for each other.
    """

    leads: tuple[Floats, Floats]
    figures: list[list[Floats]]
    stratum: Ints
    parent: Ints

    @property
    def weeks(self) -> int:
        """The weeks of each period."""
        return self.leads[0].shape[1] - 1

    def worlds(self, weights: tuple[Floats, Floats]) -> Worlds:
        """The cells when each week counts so much, (weeks + 1,) of either period."""
        leads = np.array([side @ weight for side, weight in zip(self.leads, weights, strict=True)])
        periods = [*zip(self.figures, weights, strict=True)]
        sums = np.array([[np.einsum("gwh,w->gh", book, weight) for book in books] for books, weight in periods])
        volume = _within(self.stratum, leads)
        # Where a period has none of these leads at all, only their number can have changed.
        shares = np.where(volume > 0, leads / np.where(volume > 0, volume, 1), np.nan)
        shares = np.nan_to_num(np.where(np.isnan(shares), shares[::-1], shares))
        rates = np.stack([self._rates(n, y) for n, y in zip(leads, sums, strict=True)])
        rates = np.nan_to_num(np.where(np.isnan(rates), rates[::-1], rates))
        return Worlds(volume, shares, rates, self.stratum)

    def _rates(self, leads: Floats, sums: Floats) -> Floats:
        """(n_books, n_cells, n_figures) figures per lead; of a cell without leads those of its parent or stratum."""
        rates = np.full(sums.shape, np.nan)
        for code in (np.arange(len(leads)), self.parent, self.stratum):
            n = _within(code, leads[None])[0]
            y = np.stack([_within(code, book.T).T for book in sums])
            lacking = np.isnan(rates) & (n > 0)[:, None]
            rates = np.where(lacking, y / np.where(n > 0, n, 1)[:, None], rates)
        return rates

    def unmatched(self) -> tuple[float, float]:
        """The share of the leads of each period in cells that the other has none of, though it has their stratum."""
        leads = np.array([side.sum(axis=1) for side in self.leads])
        other = leads[::-1]
        alone = (other == 0) & (_within(self.stratum, other) > 0)
        old, new = ((leads * alone).sum(axis=1) / np.maximum(leads.sum(axis=1), 1)).tolist()
        return old, new


def _within(code: Ints, rows: Floats) -> Floats:
    """Rows of (n, n_cells): for each cell the sum over all cells of its code."""
    return np.stack([np.bincount(code, row, code.max(initial=-1) + 1)[code] for row in rows])


@dataclass(frozen=True)
class Worlds:
    """Old and new: how many leads, their mix over cells, and figures per lead of a cell under either rulebook.

    Attributes
    ----------
    volume, shares : (2, n_cells)
        The leads of the cell's stratum, and the cell's share of them.
    rates : (2, n_books, n_cells, n_figures)
        By behaviour (period) and rulebook: old, new, and perhaps the new one's rules with the old threshold, and the
        other way round.
    stratum : (n_cells,) codes
    """

    volume: Floats
    shares: Floats
    rates: Floats
    stratum: Ints

    def sums(self) -> Floats:
        """(2, 2, 2, n_books, n_figures) the figures over all leads, in each world."""
        return np.einsum("vg,fg,brgh->vfbrh", self.volume, self.shares, self.rates)

    def by_cell(self) -> Floats:
        """(4, n_cells) what each cell has of each part of the first figure."""
        return shapley(np.einsum("vg,fg,brg->vfbrg", self.volume, self.shares, self.rates[:, :2, :, 0]))

    def dilution(self) -> Floats:
        """(n_cells,) what each cell's gain in share does to the first figure of all: it sums to the part of the mix.

        Cells gain share at the cost of others, so it counts how much better the cell is than the mean of its stratum.
        """
        rates = self.rates[:, :2, :, 0]
        mean = np.stack([_within(self.stratum, self.shares.mean(axis=0) * book) for book in rates])
        excess: Floats = shapley(np.einsum("vg,fg,brg->vfbrg", self.volume, self.shares, rates - mean))[1]
        return excess


def jackknife(estimate: Callable[[tuple[Floats, Floats]], Floats], weeks: int) -> tuple[Floats, Floats, Floats]:
    """An estimate from two periods of weeks, and its 95 % interval: each week is left out in turn, of both at once.

    The first week of one goes with the first of the other: leads of a period's first weeks have longer to qualify in it
    than those of its last, which is no chance. Pairs are taken as drawn independently, so leads of one week may be as
    alike as they like.

    References
    ----------
    Efron, B. and Tibshirani, R. (1993), An Introduction to the Bootstrap, chapter 11.
    """
    whole = np.ones(weeks + 1)
    value = estimate((whole, whole))
    # What is left of a period stands for all of it; leads that were there before always count once.
    without = np.append(np.where(np.eye(weeks) > 0, 0, weeks / (weeks - 1)), np.ones((weeks, 1)), axis=1)
    left = np.array([estimate((row, row)) for row in without])
    reach = stdtrit(weeks - 1, 0.975) * (weeks - 1) / np.sqrt(weeks) * left.std(axis=0, ddof=1)
    return value, value - reach, value + reach
