"""Measures against published figures and simulation with the truth known."""

import numpy as np
import pytest

from leadscore.evaluation import wilson


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_equals_the_published_figures(count, n, low, high):
    assert [round(float(bound), 4) for bound in wilson(count, n)] == [low, high]


def test_wilson_knows_nothing_of_nobody():
    low, high = wilson([0, 3], [0, 3])
    assert np.isnan(low[0])
    assert np.isnan(high[0])
    assert high[1] == 1


@pytest.mark.parametrize(("rate", "n"), [(0.02, 200), (0.1, 200), (0.4, 200), (0.01, 2000), (0.3, 2000)])
def test_wilson_covers(rate, n):
    counts = np.random.default_rng(20261123).binomial(n, rate, 20_000)
    low, high = wilson(counts, n)
    assert 0.93 <= np.mean((low <= rate) & (rate <= high)) <= 0.975
