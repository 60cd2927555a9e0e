"""How far two samples of one column are apart, and how far they would be with no drift: counts and numbers in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import chdtrc, chdtri, chndtr, chndtrinc, gammaln, stdtrit

from leadscore.base.groups import MISSING, grouped
from leadscore.stats.intervals import Floats, Ints

# Cells of fewer expected leads, in the smaller sample, are joined: the chi-square is no good for them.
_EXPECTED = 5
# Leads of the smaller sample that an interval must be good for, so that 95 leads are looked at in 9 and not in 10.
_PER_INTERVAL = 10
_MOST_CATEGORIES = 50
# Where the square root of a noncentral chi-square is as good as normal.
_LARGE = 1e4
# Of two samples' sizes, up to which p is counted out; and what is lost in rounding then.
_EXACT, _LOST = 250_000, 1e-10
_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Cells:
    """How many leads of each sample stand in each cell.

    Attributes
    ----------
    names : list of str
    reference, current : (n_cells,) counts
    """

    names: list[str]
    reference: Ints
    current: Ints

    @property
    def per_lead(self) -> float:
        """1/n + 1/m: what the spread of everything here is in proportion to."""
        return float(1 / self.reference.sum() + 1 / self.current.sum())

    def filled(self) -> Cells:
        """The same without cells in which no lead stands."""
        kept = np.flatnonzero(self.reference + self.current)
        return Cells([self.names[cell] for cell in kept], self.reference[kept], self.current[kept])

    def joined(self) -> Cells:
        """The same with sparse cells as one; a single cell if there is nothing to compare but sparse ones."""
        pooled = self.reference + self.current
        need = _EXPECTED * pooled.sum() / min(self.reference.sum(), self.current.sum())
        order = np.argsort(pooled, kind="stable")
        few = int((pooled < need).sum())
        # Together they may still be few: then the next larger cell takes them in.
        while 0 < few < len(order) and pooled[order[:few]].sum() < need:
            few += 1
        if few < 2:
            return self
        sparse = np.sort(order[:few])
        name = " or ".join(self.names[cell] for cell in sparse[:3]) + (f" or {few - 3} more" if few > 3 else "")
        return self.with_one(sparse, name)

    def in_two(self, cell: int) -> Cells:
        """One cell against all others."""
        return self.with_one(np.delete(np.arange(len(self.names)), cell), "all others")

    def with_one(self, cells: npt.NDArray[np.intp], name: str) -> Cells:
        """The same with some cells as one, the last."""
        kept = np.delete(np.arange(len(self.names)), cells)
        counts = (np.append(side[kept], side[cells].sum()) for side in (self.reference, self.current))
        return Cells([*(self.names[cell] for cell in kept), name], *counts)


def number_cells(reference: Floats, current: Floats, bins: int) -> Cells:
    """Cells of a column of numbers: values that many leads share, missing, and intervals of all others.

    Quantiles alone put a value that most leads share in one cell with its neighbours, where nothing that happens to it
    can be seen.
    """
    sides = [side[~np.isnan(side)] for side in (reference, current)]
    missing = [len(side) - len(known) for side, known in zip((reference, current), sides, strict=True)]
    bins = max(2, min(bins, min(len(reference), len(current)) // _PER_INTERVAL))
    values, counts = _counts(sides)
    sizes = np.array([[len(reference)], [len(current)]])
    # Of both together: chosen by what one sample holds, cells would differ by the choice.
    spike = counts.sum(axis=0) >= sizes.sum() / (2 * bins)
    names = [f"= {value:g}" for value in values[spike]]
    cells = counts[:, spike]
    rest, rest_counts = values[~spike], counts[:, ~spike]
    if len(rest):
        # Intervals of the reference, as is the custom; of the current where the reference has no such value.
        side = 0 if rest_counts[0].any() else 1
        size = int(rest_counts[side].sum())
        parts = max(1, round(bins * size / sizes[side, 0]))
        edges = np.unique(np.quantile(np.repeat(rest, rest_counts[side]), np.arange(1, parts) / parts))
        place = np.searchsorted(edges, rest, "left")
        inside = np.array([np.bincount(place, row, len(edges) + 1) for row in rest_counts]).astype(np.int64)
        ends = [f"{edge:g}" for edge in edges]
        others = "other values" if names else "all values"
        lows, highs = [None, *ends], [*ends, None]
        names += [_interval(low, high, others) for low, high in zip(lows, highs, strict=True)]
        cells = np.column_stack([cells, inside])
    if any(missing):
        names, cells = [*names, MISSING], np.column_stack([cells, missing])
    return Cells(names, *cells).filled()


def _interval(low: str | None, high: str | None, alone: str) -> str:
    if low is None or high is None:
        return alone if low is high else f"up to {high}" if low is None else f"above {low}"
    return f"above {low} to {high}"


def _counts(sides: Sequence[Floats]) -> tuple[Floats, Ints]:
    """The distinct values of both, rising, and how often each stands in each: (2, n_values)."""
    values, place = np.unique(np.concatenate(sides), return_inverse=True)
    return values, _per_sample(place, len(sides[0]), len(values))


def _per_sample(code: npt.NDArray[np.integer[Any]], size: int, n: int) -> Ints:
    """How often each of n codes stands in the first sample, of so many rows, and in the second: (2, n)."""
    return np.array([np.bincount(side, minlength=n) for side in np.split(code, [size])])


def category_cells(reference: pd.Series[Any], current: pd.Series[Any]) -> Cells:
    """Cells of a column of text: each category and missing, the most frequent first; sparse ones are not joined yet."""
    sides = [reference, current]
    whole = grouped(pd.concat(sides if reference.dtype == current.dtype else [side.astype(object) for side in sides]))
    counts = _per_sample(whole.code, len(reference), len(whole.names))
    known = pd.DataFrame({"name": whole.names, "n": -counts.sum(axis=0), "missing": np.equal(whole.names, MISSING)})
    order = known.sort_values(["missing", "n", "name"]).index
    return Cells([whole.names[cell] for cell in order], *counts[:, order])


def comparable(whole: Cells) -> Cells:
    """The same in as many cells as can be compared: rare categories as one, sparse cells as one."""
    # All but the most frequent categories as one: thousands of them hide a change of a few.
    rest = np.argsort(-(whole.reference + whole.current), kind="stable")[_MOST_CATEGORIES - 1 :]
    cells = (whole.with_one(rest, f"{len(rest):,} rarer ones") if len(rest) > 1 else whole).joined()
    alone = len(cells.names) == 1 and len(whole.names) > 1
    return whole.in_two(int(np.argmax(whole.reference + whole.current))) if alone else cells


class StabilityIndex(NamedTuple):
    """The population stability index, and what it would be with no drift.

    Attributes
    ----------
    psi : float
    low, high : float
        Its 95 % interval, with what chance alone adds taken off.
    no_drift : float
        What it stays below in 95 % of cases with no drift.
    p : float
        How often it is as large with no drift.
    """

    psi: float
    low: float
    high: float
    no_drift: float
    p: float


def stability_index(cells: Cells) -> StabilityIndex:
    """The population stability index of cells that are not sparse, half a lead added to each.

    With no drift it is (1/n + 1/m) times a chi-square with one degree of freedom less than there are cells.

    References
    ----------
    Yurdakul, B. and Naranjo, J. (2020), Statistical properties of the population stability index, Journal of Risk
    Model Validation 14(4), 89-100.
    """
    free = len(cells.names) - 1
    if not free:
        return StabilityIndex(0.0, 0.0, float("nan"), 0.0, 1.0)
    p, q = shares(cells)
    log = np.log(p / q)
    value, unit = float((p - q) @ log), cells.per_lead
    moves = ((p, cells.reference, log + 1 - q / p), (q, cells.current, -log + 1 - p / q))
    spread = sum(float(share @ slope**2 - (share @ slope) ** 2) / side.sum() for share, side, slope in moves)
    # Near no drift this is 1; far from it the spread is that of more distant shares.
    wider = max(1.0, spread / (4 * value * unit)) if value > 0 else 1.0
    low, high = (wider * unit * noncentral for noncentral in _noncentral(value / unit / wider, free))
    no_drift, p_value = float(chdtri(free, 0.05)) * unit, float(chdtrc(free, value / unit))
    return StabilityIndex(value, low, max(high, value), no_drift, p_value)


def _noncentral(value: float, free: int) -> tuple[float, float]:
    """The 95 % interval of the noncentrality of a chi-square."""
    if value > _LARGE:
        low, high = ((np.sqrt(value) + z) ** 2 - free for z in (-_Z, _Z))
        return float(low), float(high)
    low = float(chndtrinc(value, free, 0.975)) if chndtr(value, free, 0) > 0.975 else 0.0
    # Less than no drift has on average is luck: the interval would end at 0, however few the leads.
    return low, float(chndtrinc(max(value, free), free, 0.025))


def shares(cells: Cells) -> tuple[Floats, Floats]:
    """The share of each cell in each sample, half a lead added to each cell: an empty one has a logarithm too."""
    size = len(cells.names) / 2
    p, q = ((side + 0.5) / (side.sum() + size) for side in (cells.reference, cells.current))
    return p, q


def passes(bar: float, n_cells: int, per_lead: float) -> float:
    """How often a stability index reaches a bar with no drift."""
    return float(chdtrc(n_cells - 1, bar / per_lead)) if n_cells > 1 else 0.0


def homogeneity(cells: Cells) -> tuple[float, float]:
    """Pearson's chi-square of both samples being one, and p; Fisher's exact p of two sparse cells."""
    from scipy.stats import chi2_contingency, fisher_exact  # noqa: PLC0415 - scipy takes long to import

    table = np.array([cells.reference, cells.current])
    if len(cells.names) < 2:
        return 0.0, 1.0
    found = chi2_contingency(table, correction=False)
    exact = len(cells.names) == 2 and found.expected_freq.min() < _EXPECTED
    return float(found.statistic), float(fisher_exact(table).pvalue if exact else found.pvalue)


def kolmogorov_smirnov(reference: Floats, current: Floats) -> tuple[float, float]:
    """The Kolmogorov-Smirnov distance of the known numbers of two samples, NaN where one has none; and p.

    That is how often it is as large if all known numbers are dealt out at random to two samples of these sizes: exact,
    ties too, where the product of the sizes is 250,000 or less; beyond that ties make it less often.

    References
    ----------
    Schroeer, G. and Trenkler, D. (1995), Exact and randomization distributions of Kolmogorov-Smirnov tests two or three
    samples, Computational Statistics & Data Analysis 20, 185-202.

    Examples
    --------
    >>> ks, p = kolmogorov_smirnov(np.array([1.0, 2, 3]), np.array([4.0, 5, 6]))
    >>> ks, round(p, 12)
    (1.0, 0.1)
    """
    from scipy.stats import kstwo  # noqa: PLC0415 - scipy takes long to import

    sides = [side[~np.isnan(side)] for side in (reference, current)]
    sizes = [len(side) for side in sides]
    if not all(sizes):
        return float("nan"), float("nan")
    counts = _counts(sides)[1]
    below = np.cumsum(counts, axis=1)
    # Whole numbers, so that a distance that is reached is reached.
    apart = int(np.abs(below[0] * sizes[1] - below[1] * sizes[0]).max())
    ks = apart / (sizes[0] * sizes[1])
    exact = _as_far_apart(sorted(sizes), counts.sum(axis=0), apart) if sizes[0] * sizes[1] <= _EXACT else 0.0
    if exact > _LOST:
        return ks, exact
    least = float(np.exp(np.log(2) - _log_ways(*sizes)))
    return ks, max(least, float(kstwo.sf(ks, max(1, round(1 / sum(1 / size for size in sizes))))))


def _as_far_apart(sizes: Sequence[int], ties: Ints, apart: int) -> float:
    """How often two samples, the smaller first, are so far apart somewhere, in units of 1 over both sizes.

    Each way to deal the numbers out is a path over the counts of both samples so far; those that get there are counted
    where they first do. Distances count only where a run of ties ends.
    """
    few, many = sizes
    if not apart:
        return 1.0
    ends = np.zeros(few + many + 1, bool)
    ends[ties.cumsum()] = True
    place, paths = np.arange(many + 1), np.append(1.0, np.zeros(many))
    scale, found = -_log_ways(few, many), 0.0
    for row in range(few + 1):
        there = ends[row : row + many + 1] & (np.abs(row * many - place * few) >= apart)
        summed = np.append(0, paths.cumsum())
        # What got there before, in this row, does not come again.
        begin = np.append(0, np.maximum.accumulate(np.where(there, place + 1, 0))[:-1])
        paths = summed[1:] - summed[begin]
        found += float(paths[there] @ np.exp(scale + _log_ways(few - row, many - place[there])))
        paths[there] = 0
        if not (most := paths.max()) > 0:
            break
        paths, scale = paths / most, scale + float(np.log(most))
    return min(found, 1.0)


def _log_ways(few: Any, many: Any) -> Any:
    """The log of how many ways there are to deal so many numbers out to two samples."""
    return gammaln(few + many + 1) - gammaln(few + 1) - gammaln(many + 1)


def mean_difference(reference: Floats, current: Floats) -> tuple[float, float, float]:
    """How much larger the mean of the known numbers is in the second sample, with Welch's 95 % interval."""
    sides = [side[~np.isnan(side)] for side in (reference, current)]
    none, fewest = float("nan"), min(map(len, sides))
    value = float(sides[1].mean() - sides[0].mean()) if fewest else none
    spread = [float(side.var(ddof=1)) for side in sides] if fewest > 1 else []
    # A sample in which nothing varies may vary as the other does: of rare points it has none by chance.
    errors = [(own or max(spread)) / len(side) for own, side in zip(spread, sides, strict=False)]
    if sum(errors) == 0:
        # That nothing varies here is no proof that nothing ever does.
        return value, none, none
    freedom = sum(errors) ** 2 / sum(e**2 / (len(side) - 1) for e, side in zip(errors, sides, strict=True))
    reach = float(stdtrit(freedom, 0.975)) * float(np.sqrt(sum(errors)))
    return value, value - reach, value + reach
