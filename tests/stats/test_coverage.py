"""How often the intervals of measures hold the truth, where it is known."""

import numpy as np
import pytest
from scipy.stats import beta, norm

from leadscore.stats.calibration import expected_calibration_error, gains
from leadscore.stats.ranking import auc_difference, brier, pr_auc, roc_auc

RANKED = [roc_auc, pr_auc]

# Points in steps of a quarter, so that there are ties; with the outcome so much higher, and the AUC this makes.
STEPS = np.arange(-40, 60)
HIGHER = (0.36, 0.95, 1.81)


def chances(higher):
    """How likely each step is."""
    return np.diff(norm.cdf((np.append(STEPS, STEPS[-1] + 1) - 0.5) / 4 - higher))


def drawn(rng, n, rate, higher):
    y = rng.random(n) < rate
    return y, np.round(4 * (rng.standard_normal(n) + higher * y))


def truth(call, rate, higher):
    """The figure of the population: every step of either outcome, weighted by how likely it is."""
    weights = np.append(rate * chances(higher), (1 - rate) * chances(0))
    return call(np.repeat([True, False], len(STEPS)), np.tile(STEPS, 2), weights=weights).value


def covered(n, rate, call, true):
    """The share of intervals that hold the true figure, of the draws in which there is an interval."""
    rng = np.random.default_rng(int(1e6 * rate) + n)
    low, high = np.moveaxis(np.array([call(rng) for _ in range(1000 if n <= 2000 else 400)], float), 1, 0)
    some = ~np.isnan(low)
    return ((low <= true) & (true <= high) & some).sum(axis=0) / some.sum(axis=0)


# From 10 leads with the outcome on 93 to 97 %, and a point for the noise of the draws. With 4, and with 10 among 1,000
# that a score ranks nearly apart from the rest, 91 to 99.5 %: too wide where little is known, short where it looks
# too good.
SURE, UNSURE = (0.92, 0.98), (0.895, 1)
SIZES = [
    (200, 0.02, UNSURE),
    (1000, 0.01, UNSURE),
    (200, 0.05, SURE),
    (200, 0.4, SURE),
    (2000, 0.02, SURE),
    (2000, 0.4, SURE),
    (20_000, 0.01, SURE),
]


@pytest.mark.soak
@pytest.mark.parametrize(("n", "rate", "bounds"), SIZES)
@pytest.mark.parametrize("higher", HIGHER)
@pytest.mark.parametrize("call", RANKED)
def test_intervals_of_ranking_cover(n, rate, bounds, higher, call):
    def interval(rng):
        found = call(*drawn(rng, n, rate, higher))
        return found.low, found.high

    assert bounds[0] <= covered(n, rate, interval, truth(call, rate, higher)) <= bounds[1]


@pytest.mark.soak
@pytest.mark.parametrize("call", RANKED)
def test_intervals_of_weighted_leads_cover(call):
    """Of those with low scores one in five is looked at, and stands for five."""
    rate, higher = 0.1, 0.95

    def interval(rng):
        y, score = drawn(rng, 2000, rate, higher)
        seen = (score > 2) | (rng.random(2000) < 0.2)
        found = call(y[seen], score[seen], weights=np.where(score > 2, 1, 5)[seen])
        return found.low, found.high

    assert SURE[0] <= covered(2000, rate, interval, truth(call, rate, higher)) <= SURE[1]


@pytest.mark.soak
@pytest.mark.parametrize(("n", "rate", "bounds"), SIZES)
@pytest.mark.parametrize("higher", [(0.95, 0.5), (1.5, 1.5)])
def test_intervals_of_a_difference_cover(n, rate, bounds, higher):
    def interval(rng):
        y, shared = rng.random(n) < rate, rng.standard_normal(n)
        a, b = (0.7 * shared + 0.714143 * rng.standard_normal(n) + more * y for more in higher)
        found = auc_difference(y, a, b)
        return found.low, found.high

    true = norm.cdf(higher[0] / 2**0.5) - norm.cdf(higher[1] / 2**0.5)
    assert bounds[0] <= covered(n, rate, interval, true) <= bounds[1]


@pytest.mark.soak
@pytest.mark.parametrize(("n", "rate", "bounds"), SIZES)
@pytest.mark.parametrize("concentration", [3, 30])
def test_intervals_of_the_brier_score_cover(n, rate, bounds, concentration):
    shape = rate * concentration, (1 - rate) * concentration

    def interval(rng):
        chance = rng.beta(*shape, n)
        found = brier(rng.random(n) < chance, chance)
        return found.low, found.high

    true = beta(*shape).expect(lambda chance: chance * (1 - chance))
    assert bounds[0] <= covered(n, rate, interval, true) <= bounds[1]


@pytest.mark.soak
@pytest.mark.parametrize(("n", "rate", "bounds"), SIZES)
@pytest.mark.parametrize("higher", HIGHER[2:])
def test_intervals_of_gains_cover(n, rate, bounds, higher):
    """Of the third decile, without ties: its edges are those of the population in expectation."""
    grid = np.linspace(-8, 10, 200_001)
    above = rate * norm.sf(grid - higher) + (1 - rate) * norm.sf(grid)
    caught = [norm.sf(grid[np.searchsorted(-above, -share)] - higher) for share in (0.2, 0.3)]

    def interval(rng):
        y = rng.random(n) < rate
        row = gains(y, rng.standard_normal(n) + higher * y).frame.iloc[2]
        return row[["lift_low", "captured_low"]].to_numpy(), row[["lift_high", "captured_high"]].to_numpy()

    for share in covered(n, rate, interval, np.array([10 * (caught[1] - caught[0]), caught[1]])):
        assert bounds[0] <= share <= bounds[1]


@pytest.mark.soak
@pytest.mark.parametrize(("n", "rate"), [(200, 0.05), (200, 0.4), (2000, 0.02)])
def test_right_probabilities_are_seldom_said_to_be_wrong(n, rate):
    rng = np.random.default_rng(n)
    p = []
    for _ in range(400):
        chance = rng.beta(10 * rate, 10 - 10 * rate, n)
        p.append(expected_calibration_error(rng.random(n) < chance, chance).p)
    shares = [np.mean(np.array(p) <= level) for level in (0.05, 0.5)]
    assert shares[0] <= 0.07
    assert 0.43 <= shares[1] <= 0.57
