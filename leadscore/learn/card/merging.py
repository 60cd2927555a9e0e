"""Bins merged to a card's few rows: always the two that the fit can tell apart least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from leadscore.learn.card.binning import Bins, Floats, Ints, starts_of

_FIRST = 1e12


class Merger:
    """The bins of some features, their coefficients and covariance.

    Two bins become one where that costs the fit least: the log loss grows by half of z^2, with z the difference of the
    two coefficients in units of its standard error, all others being free to move (Wald, A. (1943), Transactions of the
    American Mathematical Society 54, 426-482). The others do move, and so do their errors: nothing is fitted again.

    Parameters
    ----------
    features : list of Bins
    coefficients : (n_bins,) of all features, end to end
    covariance : (n_bins, n_bins)
    mass : (n_bins,) weight of the leads in each bin
    """

    def __init__(self, features: Sequence[Bins], coefficients: Floats, covariance: Floats, mass: Floats) -> None:
        self.features = list(features)
        self.starts = starts_of(self.features)
        self.coefficients, self.covariance, self.mass = coefficients.copy(), covariance.copy(), mass.copy()
        self.group = np.arange(len(mass))
        self.feature = np.repeat(np.arange(len(self.features)), np.diff(self.starts))
        self.pairs = [self._pairs(place) for place in range(len(self.features))]

    def _alive(self, place: int) -> Ints:
        """The bins of a feature that no other has taken in."""
        own = np.arange(self.starts[place], self.starts[place + 1])
        return own[self.group[own] == own]

    def _pairs(self, place: int) -> Ints:
        """(n_pairs, 2) of a feature's bins that may be one now."""
        bins, end, alive = self.features[place], self.starts[place + 1], self._alive(place)
        if bins.kind in {"word", "pair"}:
            return _each(alive)
        # Values that are rare or new are no kind of their own, and leads without one none at all: nothing joins them
        # while there are others.
        at_end = 1 if bins.kind == "number" else 2
        groups = alive[alive < end - at_end]
        if len(groups) > 1:
            return np.column_stack([groups[:-1], groups[1:]]) if bins.kind == "number" else _each(groups)
        last = alive[(alive < end - at_end) | (self.mass[alive] > 0)]
        return np.column_stack([last[:-1], last[1:]])[:1]

    def rows(self, place: int) -> int:
        """How many rows a reviewer reads for a feature; none if all its leads are in one bin."""
        used = int((self.mass[self._alive(place)] > 0).sum())
        return used if used > 1 else 0

    def _cheapest(self) -> tuple[float, int, int]:
        """What the cheapest merger costs, and the two bins."""
        pairs = np.concatenate([np.zeros((0, 2), np.intp), *self.pairs])
        if not len(pairs):
            return np.inf, -1, -1
        i, j = pairs.T
        spread = self.covariance[i, i] + self.covariance[j, j] - 2 * self.covariance[i, j]
        cost = (self.coefficients[i] - self.coefficients[j]) ** 2 / np.maximum(spread, 1e-300)
        # The last two rows of a feature go together.
        rows = np.array([self.rows(place) for place in range(len(self.features))])
        cost = np.where(rows[self.feature[i]] == 2, cost / 2, cost)
        cost = np.where(np.minimum(self.mass[i], self.mass[j]) <= 0, -_FIRST, cost)
        best = int(np.argmin(cost))
        return float(cost[best]), int(i[best]), int(j[best])

    def merge(self, i: int, j: int) -> None:
        """Make two bins one."""
        step = self.covariance[:, i] - self.covariance[:, j]
        apart = step[i] - step[j]
        if apart > 0:
            self.coefficients -= step * (self.coefficients[i] - self.coefficients[j]) / apart
            self.covariance -= np.outer(step, step) / apart
        weights = self.mass[i] + self.mass[j]
        self.mass[i], self.mass[j] = weights, 0
        self.group[self.group == j] = i
        self.pairs[self.feature[i]] = self._pairs(int(self.feature[i]))

    def to_rows(self, most: int) -> None:
        """Merge wherever it is cheapest until all features have at most so many rows together."""
        while sum(map(self.rows, range(len(self.features)))) > most:
            cost, i, j = self._cheapest()
            if cost == np.inf:
                break
            self.merge(i, j)

    def straighten(self, directions: Mapping[str, str]) -> None:
        """Merge neighbours that run against the direction of their column; mergers elsewhere may have moved them."""
        found = True
        while found:
            found = False
            for place, bins in enumerate(self.features):
                alive = self._alive(place)
                wrong = np.flatnonzero(bins.against(self.coefficients[alive], directions) > 1e-9)
                if len(wrong):
                    self.merge(*alive[wrong[0] : wrong[0] + 2].tolist())
                    found = True

    def result(self) -> tuple[list[Bins], list[Ints]]:
        """The features as they are now, but for those of one bin; and for each old one the new bin of each old bin.

        A feature that is gone has an empty list of new bins.
        """
        found, maps = [], []
        for place, bins in enumerate(self.features):
            own = self.group[self.starts[place] : self.starts[place + 1]] - self.starts[place]
            if self.rows(place) == 0:
                maps.append(np.zeros(0, np.intp))
                continue
            new, mapping = regrouped(bins, own)
            found.append(new)
            maps.append(mapping)
        return found, maps


def _each(bins: Ints) -> Ints:
    """(n_pairs, 2) every two."""
    first, second = np.triu_indices(len(bins), 1)
    return np.column_stack([bins[first], bins[second]])


def regrouped(bins: Bins, group: Ints) -> tuple[Bins, Ints]:
    """Bins merged as `group` says, and the new bin of each old one."""
    if bins.kind == "word":
        return bins, np.arange(2)
    if bins.kind == "pair":
        mapping = np.unique(group, return_inverse=True)[1]
        return replace(bins, place=tuple(mapping[np.array(bins.place)].tolist())), mapping
    missing = bins.size - 1
    if bins.kind == "number":
        new = group[1:missing] != group[: missing - 1]
        mapping = np.concatenate([[0], np.cumsum(new), [new.sum() + 1]])
        edges = tuple(edge for edge, kept in zip(bins.edges, new, strict=True) if kept)
        return Bins(bins.column, "number", edges=edges), mapping.astype(np.intp)
    other = missing - 1
    leaders = [leader for leader in dict.fromkeys(group[:other].tolist()) if leader != group[other]]
    levels = tuple(
        tuple(name for place in np.flatnonzero(group[:other] == leader) for name in bins.levels[place])
        for leader in leaders
    )
    position = {leader: place for place, leader in enumerate(leaders)} | {int(group[other]): len(leaders)}
    mapping = np.array([*(position[leader] for leader in group[:missing].tolist()), len(leaders) + 1], np.intp)
    return Bins(bins.column, "category", levels=levels), mapping
