"""Bins: the few rows into which each feature is cut, one of which every lead is in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from leadscore.base.text import decimal, worded
from leadscore.sources.columns import Column

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Codes = npt.NDArray[np.int16]

# Cells into which a number is cut at first, each of about equal weight; cells are merged to bins later.
_CELLS = 64
# A text column of which more than this share lies in rare values is read as words.
_MOSTLY_RARE = 0.5
MOST_LEVELS = 1000


@dataclass(frozen=True)
class Bins:
    """How one feature is cut. The last bin, but for words, is that of leads without a value.

    Attributes
    ----------
    column : str
        The column of the frame.
    kind : "number", "category", "word" or "pair"
        A number lies between two edges; a text is one of some levels, or another; or has a word, or not; or two
        features lie in bins of theirs.
    edges : tuple of float
        Of a number: bin i holds the values from `edges[i - 1]` up to, not including, `edges[i]`.
    levels : tuple of tuples of str
        Of a category: the values of each bin, as normalised text; then comes the bin of all others.
    word : str
        The word; of the empty word, whether there is any text.
    two : tuple of Bins
        Of a pair: the two features.
    place : tuple of int
        Of a pair: the bin of each bin of the first with each of the second.
    """

    column: str
    kind: Literal["number", "category", "word", "pair"]
    edges: tuple[float, ...] = ()
    levels: tuple[tuple[str, ...], ...] = ()
    word: str = ""
    two: tuple[Bins, ...] = ()
    place: tuple[int, ...] = ()

    @classmethod
    def of_pair(cls, first: Bins, second: Bins) -> Bins:
        """Two features, each bin of one with each of the other."""
        place = tuple(range(first.size * second.size))
        return cls(f"{first.name} and {second.name}", "pair", two=(first, second), place=place)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the frame that are looked at."""
        return tuple(one.column for one in self.two) or (self.column,)

    @property
    def name(self) -> str:
        """The feature's name; a text column has one for each word."""
        if self.kind != "word":
            return self.column
        return f"{self.column} has {self.word!r}" if self.word else f"{self.column} is known"

    @property
    def size(self) -> int:
        """How many bins there are."""
        if self.kind == "pair":
            return max(self.place) + 1
        return {"number": len(self.edges) + 2, "category": len(self.levels) + 2, "word": 2}[self.kind]

    @property
    def labels(self) -> list[str]:
        """What each bin holds, in words."""
        if self.kind == "word":
            return ["no", "yes"]
        if self.kind == "pair":
            cells = [f"{one} and {other}" for one in self.two[0].labels for other in self.two[1].labels]
            of = np.array(self.place)
            return ["; or ".join(cells[cell] for cell in np.flatnonzero(of == place)) for place in range(self.size)]
        if self.kind == "category":
            return [*(", ".join(group) for group in self.levels), "other" if self.levels else "known", "missing"]
        shown = [decimal(edge) for edge in self.edges]
        if not shown:
            return ["known", "missing"]
        between = [f"{low} to under {high}" for low, high in pairwise(shown)]
        return [f"under {shown[0]}", *between, f"{shown[-1]} or more", "missing"]

    def against(self, values: npt.NDArray[Any], directions: Mapping[str, str]) -> npt.NDArray[Any]:
        """How far each two neighbouring bins of a number run against the direction of its column, where it has one."""
        sign = {"increasing": -1, "decreasing": 1}.get(directions.get(self.column, ""), 0)
        return sign * np.diff(values[:-1]) if self.kind == "number" else np.zeros(0)

    def of(self, read: Mapping[str, Column]) -> Codes:
        """(n_rows,) the bin of each row, from the columns it looks at."""
        if self.kind != "pair":
            return self.codes(read[self.column])
        first, second = (one.codes(read[one.column]) for one in self.two)
        return np.array(self.place, np.int16)[first * self.two[1].size + second]

    def codes(self, read: Column) -> Codes:
        """(n_rows,) the bin of each row, from its one column."""
        if self.kind == "number":
            assert read.numbers is not None
            found = np.searchsorted(np.array(self.edges), read.numbers, "right").astype(np.int16)
            found[np.isnan(read.numbers)] = self.size - 1
            return found
        assert read.codes is not None
        if self.kind == "word":
            looked_for = worded(self.word) if self.word else ""
            has = [*(looked_for in worded(str(value)) for value in read.values), False]
            return np.array(has, np.int16)[read.codes]
        bin_of = {level: place for place, group in enumerate(self.levels) for level in group}
        other = len(self.levels)
        return np.array([*(bin_of.get(value, other) for value in read.values), other + 1], np.int16)[read.codes]


def is_words(read: Column, weight: Floats, rare: float) -> bool:
    """Whether a text is better read word by word: most of it lies in rare values, and most of it has several words."""
    if not read.values:
        return False
    mass = _mass(read, weight)
    several = np.array([len(worded(value).split()) > 1 for value in read.values])
    return bool(min(mass[mass < rare].sum(), mass[several].sum()) > _MOSTLY_RARE * mass.sum())


def _mass(read: Column, weight: Floats) -> Floats:
    """(n_values,) the weight of the leads that have each distinct text."""
    assert read.codes is not None
    known = read.codes >= 0
    return np.asarray(np.bincount(read.codes[known], weight[known], len(read.values)), np.float64)


def cells(column: str, read: Column, weight: Floats, rare: float) -> Bins:
    """The finest bins: cells of about equal weight of a number, every level that is not rare of a category."""
    if read.numbers is None:
        common = sorted(
            (-own, value) for value, own in zip(read.values, _mass(read, weight), strict=True) if own >= rare
        )
        return Bins(column, "category", levels=tuple((value,) for _, value in common[:MOST_LEVELS]))
    known = ~np.isnan(read.numbers) & (weight > 0)
    values, place = np.unique(read.numbers[known], return_inverse=True)
    mass = np.bincount(place, weight[known], len(values))
    if len(values) <= _CELLS:
        starts = np.arange(1, len(values))
    else:
        # A value that fills a cell alone is one, however its neighbours fall: a spike is never hidden.
        share = np.floor((np.cumsum(mass) - mass / 2) / mass.sum() * _CELLS)
        heavy = mass >= mass.sum() / _CELLS
        new = (share[1:] != share[:-1]) | heavy[1:] | heavy[:-1]
        starts = np.flatnonzero(new) + 1
    return Bins(column, "number", edges=tuple(_plainest(values[i - 1], values[i]) for i in starts))


def words(column: str, read: Column, weight: Floats, rare: float, most: int) -> list[Bins]:
    """The commonest words of a text column, and whether there is any text."""
    counts: dict[str, float] = {}
    for value, own in zip(read.values, _mass(read, weight), strict=True):
        for word in set(worded(value).split()):
            counts[word] = counts.get(word, 0.0) + own
    total = weight.sum()
    common = sorted((-count, word) for word, count in counts.items() if rare <= count <= total - rare)
    found = [Bins(column, "word", word=word) for _, word in common[:most]]
    missing = weight[read.missing].sum()
    return [*found, *([Bins(column, "word")] if rare <= missing <= total - rare else [])]


def _plainest(low: float, high: float) -> float:
    """The number with the fewest digits that is above `low` and at most `high`."""
    size = max(abs(low), abs(high), 1e-300)
    for digits in range(-math.floor(math.log10(size)), 18):
        scale = 10.0 ** abs(digits)
        candidate = math.floor(high * scale) / scale if digits >= 0 else math.floor(high / scale) * scale
        if low < candidate <= high:
            return float(candidate)
    return float(high)


def parts(features: Sequence[Bins], *values: npt.NDArray[Any]) -> Iterator[tuple[npt.NDArray[Any], ...]]:
    """What arrays over all bins hold of each feature, as views."""
    for start, bins in zip(starts_of(features), features, strict=False):
        yield tuple(value[..., start : start + bins.size] for value in values)


def starts_of(features: Sequence[Bins]) -> Ints:
    """(n_features + 1,) where the bins of each feature begin when all are laid end to end."""
    return np.concatenate([[0], np.cumsum([one.size for one in features])]).astype(np.intp)
