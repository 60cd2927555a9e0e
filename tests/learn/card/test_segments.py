"""Bins by dynamic programming: the same as by trying every way to cut a short series, on figures of their own."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadscore.learn.card.shapes import segments

CELLS = st.integers(1, 9)
HEIGHTS = st.integers(-4, 4)


def lost(heights, known, first, end):
    """What a bin loses: the squares of its cells' heights around their mean, by what is known of each."""
    own, weight = heights[first:end], known[first:end]
    mean = np.average(own, weights=weight) if weight.sum() else 0.0
    return float((weight * (own - mean) ** 2).sum())


def every_way(heights, known, mass, most, least):
    """Each way to cut the series into bins of enough mass, and what it loses; one bin is allowed whatever its mass."""
    n = len(heights)
    for count in range(1, min(most, n) + 1):
        for cuts in combinations(range(1, n), count - 1):
            bins = list(pairwise([0, *cuts, n]))
            if count == 1 or all(mass[first:end].sum() >= least for first, end in bins):
                yield count, cuts, sum(lost(heights, known, first, end) for first, end in bins)


@settings(max_examples=150, deadline=None)
@given(st.data(), CELLS)
def test_bins_are_the_best_of_all_ways_to_cut(data, n):
    heights, known, mass = (
        np.array(data.draw(st.lists(one, min_size=n, max_size=n)), float)
        for one in (HEIGHTS, st.integers(0, 5), st.integers(0, 5))
    )
    most, least = data.draw(st.integers(1, 10)), data.draw(st.integers(0, 6))
    first = segments(heights, known, mass, most, least)
    cuts = tuple(int(start) for start in np.unique(first) if start)
    assert (first == np.array([max(start for start in (0, *cuts) if start <= cell) for cell in range(n)])).all()
    ways = {cuts: (count, loss) for count, cuts, loss in every_way(heights, known, mass, most, least)}
    assert cuts in ways
    # As few bins as lose no more than 1 beyond the least that any way loses; of these the best.
    fewest = min(count for count, loss in ways.values() if loss <= min(loss for _, loss in ways.values()) + 1 + 1e-6)
    best = min(loss for count, loss in ways.values() if count == fewest)
    assert ways[cuts] == (fewest, pytest.approx(best, abs=1e-6))


@pytest.mark.parametrize(
    ("heights", "most", "least", "first"),
    [
        ([0, 0, 3, 3, 3, 9, 9], 9, 1, [0, 0, 2, 2, 2, 5, 5]),
        ([0, 0, 3, 3, 3, 9, 9], 2, 1, [0, 0, 0, 0, 0, 5, 5]),
        ([0, 0, 3, 3, 3, 9, 9], 9, 3, [0, 0, 0, 0, 4, 4, 4]),
        ([0, 0, 3, 3, 3, 9, 9], 9, 8, [0] * 7),
        ([5], 9, 1, [0]),
        ([1, 1, 1.5], 9, 1, [0, 0, 0]),
    ],
    ids=["steps", "two bins at most", "a mass of three", "a mass nobody has", "one cell", "less than one is no loss"],
)
def test_bins_by_hand(heights, most, least, first):
    n = len(heights)
    assert segments(np.array(heights, float), np.ones(n), np.ones(n), most, least).tolist() == first
