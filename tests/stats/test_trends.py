"""The trend of a share: against statsmodels and all orders of the weeks, and what it must not depend on."""

from itertools import permutations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import assume, example, given
from hypothesis import strategies as st

import leadscore as ls
from leadscore.stats.trends import trend, trend_of_means

WEEKS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=3, max_size=12)


def shares(weeks):
    """(count, n) of some weeks; of each pair the larger is n."""
    return [min(pair) for pair in weeks], [max(pair) for pair in weeks]


@given(WEEKS)
def test_the_slope_is_that_of_weighted_least_squares(weeks):
    count, n = map(np.array, shares(weeks))
    found, there = trend(count, n), n > 0
    assume(there.sum() >= 3 and 0 < count.sum() < n.sum())
    line = sm.add_constant(np.flatnonzero(there).astype(float), has_constant="add")
    fit = sm.WLS(count[there] / n[there], line, weights=n[there]).fit()
    assert found.slope == pytest.approx(fit.params[1], abs=1e-9)
    share = count.sum() / n.sum()
    assert found.dispersion == pytest.approx(max(1, fit.scale / (share * (1 - share))), rel=1e-6)
    # Weeks that vary less than chance makes them leave the interval as wide as chance alone would.
    width = np.diff(fit.conf_int()[1])[0] * np.sqrt(max(1, share * (1 - share) / max(fit.scale, 1e-12)))
    if fit.scale > 1e-9:
        assert found.high - found.low == pytest.approx(width, rel=1e-5)


@given(WEEKS)
@example([(0, 1), (0, 1), (0, 3)])
def test_a_fall_is_a_rise_of_the_others(weeks):
    count, n = shares(weeks)
    one, other = trend(count, n), trend([of - some for some, of in zip(count, n, strict=True)], n)
    assert one.slope == pytest.approx(-other.slope, abs=1e-12, nan_ok=True)
    assert (one.p, one.weeks) == pytest.approx((other.p, other.weeks), nan_ok=True)


@given(WEEKS)
def test_weeks_without_a_case_have_no_weight_but_keep_their_place(weeks):
    count, n = shares(weeks)
    before, after = trend([0, 0, *count, 0], [0, 0, *n, 0]), trend(count, n)
    assert before.slope == pytest.approx(after.slope, abs=1e-12, nan_ok=True)
    assert before.p == pytest.approx(after.p, nan_ok=True)
    apart = trend([1, 0, 2, 3], [4, 0, 4, 4])
    assert apart.slope != pytest.approx(trend([1, 2, 3], [4, 4, 4]).slope)


def test_p_is_how_many_orders_of_the_weeks_are_as_steep():
    """All 5,040 orders of seven weeks, one by one."""
    count, n = np.array([3, 5, 4, 9, 8, 12, 9]), np.array([12, 14, 11, 15, 16, 18, 12])
    week = np.arange(7)

    def slope(order):
        share, weight = (count / n)[order], n[order]
        middle = np.average(week, weights=weight)
        return np.average((week - middle) * share, weights=weight) / np.average((week - middle) ** 2, weights=weight)

    seen = abs(slope(list(range(7))))
    exact = np.mean([abs(slope(list(order))) >= seen - 1e-12 for order in permutations(range(7))])
    assert trend(count, n).p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 4999))


@given(st.lists(st.tuples(st.floats(-50, 50), st.integers(1, 90)), min_size=4, max_size=12))
def test_the_trend_of_means_is_that_of_weighted_least_squares(weeks):
    mean, n = map(np.array, zip(*weeks, strict=True))
    line = sm.add_constant(np.arange(len(n), dtype=float))
    fit = sm.WLS(mean, line, weights=n).fit()
    assume(fit.scale > 1e-6)
    assert trend_of_means(mean, n)[:3] == pytest.approx([fit.params[1], *fit.conf_int()[1]], rel=1e-6, abs=1e-6)
    gone = trend_of_means([np.nan, *mean], [0, *n])
    assert gone[:4] == pytest.approx(trend_of_means(mean, n)[:4], abs=1e-9)


def test_weeks_that_are_all_alike_have_no_trend():
    found = trend([5] * 8, [10] * 8)
    assert (found.slope, found.p) == (0, 1)
    assert found.low == -found.high < 0
    # Where nothing varies it is not known by how much chance moves a week.
    assert trend([10] * 8, [10] * 8)[:4] == pytest.approx((0, np.nan, np.nan, 1), nan_ok=True)


def test_of_two_weeks_there_is_no_trend():
    assert np.isnan(trend([1, 0, 2], [3, 0, 3])[:4]).all()
    assert not np.isnan(trend([1, 1, 2], [3, 3, 3])[:4]).any()


def test_more_of_how_many_than_there_are_is_refused():
    with pytest.raises(ls.ArgumentError, match="count: must be 0 or more and no more than n"):
        trend([4, 1, 1], [3, 3, 3])
    with pytest.raises(ls.ArgumentError, match="count: must be a list of counts"):
        trend(1, 3)


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0, 0.3])
def test_the_interval_holds_the_true_slope(spread):
    """95 % of 600 runs of 12 weeks whose share rises by 2 points a week, with and without weeks of their own."""
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(600):
        n = rng.poisson(50, 12)
        share = 0.4 + 0.02 * np.arange(12)
        odds = share / (1 - share) * np.exp(spread * rng.normal(size=12))
        found = trend(rng.binomial(n, odds / (1 + odds)), n)
        inside += found.low <= 0.02 <= found.high
    assert 0.925 <= inside / 600 <= 0.995
