"""Measures against published figures and simulation with the truth known."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import SurvfuncRight, survdiff
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep

from leadscore.errors import ArgumentError
from leadscore.stats.intervals import difference, holm, lift, newcombe, ratio, wilson
from leadscore.stats.sequential import confidence_sequence
from leadscore.stats.stratified import risk_difference, stratified_test
from leadscore.stats.survival import kaplan_meier, risk_sets


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


@pytest.mark.parametrize("estimate", [wilson, confidence_sequence])
@pytest.mark.parametrize("count", [-1, 4, [1, 5]])
def test_more_than_all_are_refused(estimate, count):
    with pytest.raises(ArgumentError, match="count: must be 0 or more and no more than n"):
        estimate(count, 3)
    estimate(3, 3)


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


@pytest.mark.parametrize(
    ("before", "after", "figures"),
    [
        # Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10.
        ((48, 80), (56, 70), (0.2, 0.0524, 0.3339)),
        ((3, 10), (9, 10), (0.6, 0.1705, 0.8090)),
        ((2, 7), (6, 7), (0.5714, 0.0582, 0.8062)),
        ((0, 29), (5, 56), (0.0893, -0.0381, 0.1926)),
        ((0, 20), (0, 10), (0, -0.1611, 0.2775)),
        ((0, 10), (10, 10), (1, 0.6075, 1)),
    ],
)
def test_newcombe_equals_the_published_figures(before, after, figures):
    assert [round(float(part), 4) for part in newcombe(before, after)] == list(figures)


def test_a_difference_of_figures_turned_round_is_the_same_with_the_other_sign():
    one, other = (0.7, 0.6, 0.75), (np.array([0.4, 0.9]), np.array([0.3, 0.8]), np.array([0.6, 0.95]))
    value, low, high = difference(one, other)
    back, back_low, back_high = difference(other, one)
    np.testing.assert_allclose([value, low, high], [-back, -back_high, -back_low])


@pytest.mark.parametrize(("a", "n", "b", "m"), [(60, 300, 90, 900), (25, 100, 40, 400), (400, 1000, 500, 2000)])
def test_the_ratio_of_two_rates_is_near_that_of_the_score_test(a, n, b, m):
    # Koopman's interval inverts a test and knows nothing of Wilson's bounds.
    expected = confint_proportions_2indep(a, n, b, m, compare="ratio", method="score")
    value, low, high = ratio((a / n, *wilson(a, n)), (b / m, *wilson(b, m)))
    assert value == pytest.approx(a * m / (n * b))
    assert (low, high) == pytest.approx(expected, rel=0.02)
    # And the lift is the same ratio beside the mean of both rates.
    share = n / (n + m)
    lifted = [1 / (share + (1 - share) / one) for one in (value, low, high)]
    np.testing.assert_allclose(lift(a, n, a + b, n + m, fixed_share=True), lifted)


def test_lifts_of_nothing():
    assert np.isnan(lift(0, 0, 3, 10)).all()
    assert np.isnan(lift(0, 5, 0, 10)).all()
    assert np.array(lift(3, 10, 3, 10)).tolist() == [1, 1, 1]
    value, low, high = lift([0, 4], [5, 5], [4, 4], [20, 20], fixed_share=True)
    # All events inside: the lift is as large as these leads can make it.
    assert (value.tolist(), low[0], high[1]) == ([0, 4], 0, 4)


@pytest.mark.parametrize(
    ("n", "share", "base", "true"),
    [(200, 0.2, 0.05, 1), (1000, 0.05, 0.05, 2), (1000, 0.2, 0.2, 3), (5000, 0.5, 0.01, 1)],
)
def test_lifts_cover(n, share, base, true):
    rng = np.random.default_rng(1)
    for fixed in (True, False):
        size = np.full(20_000, int(n * share)) if fixed else rng.binomial(n, share, 20_000)
        inside = rng.binomial(size, base * true)
        events = inside + rng.binomial(n - size, (base - share * base * true) / (1 - share))
        _, low, high = lift(inside, size, events, n, fixed_share=fixed)
        assert 0.94 <= np.mean((low <= true) & (true <= high), where=(events > 0) & (size > 0)) <= 0.98


# -------------------------------------------------------------------------------------------- survival curves

# Weeks in remission on 6-MP: Freireich et al. (1963), Blood 21, 699-716; the figures as in Collett and in Kalbfleisch
# and Prentice.
WEEKS = np.array([6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35])
RELAPSED = np.arange(21) < 9


def test_kaplan_meier_equals_the_published_figures():
    curve = kaplan_meier(WEEKS, RELAPSED)
    had = curve.events > 0
    assert curve.time[had].tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert curve.at_risk[had].tolist() == [21, 17, 15, 12, 11, 7, 6]
    expected = [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    assert curve.survival[had].round(3).tolist() == expected
    # Greenwood's standard errors, from the width of the interval on the log-log scale.
    wide = np.log(-np.log(curve.low[had])) - np.log(-np.log(curve.high[had]))
    errors = wide / (2 * 1.959964) * -curve.survival[had] * np.log(curve.survival[had])
    assert errors.round(4).tolist() == [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346]
    assert curve.quantile(0.5) == (23, 13, math.inf)


DURATIONS = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=40)


@given(DURATIONS)
def test_kaplan_meier_equals_statsmodels(rows):
    duration, observed = np.array([row[0] for row in rows], float), np.array([row[1] for row in rows])
    curve = kaplan_meier(duration, observed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, where the curve has reached 0
        theirs = SurvfuncRight(duration + 1, observed.astype(int))
    had = curve.events > 0
    assert curve.time[had].tolist() == (theirs.surv_times - 1).tolist()
    assert curve.at_risk[had].tolist() == theirs.n_risk.tolist()
    assert curve.survival[had] == pytest.approx(theirs.surv_prob, abs=1e-12)
    # Where a curve ends at 0 the formula has no interval.
    inside = had & (curve.survival > 0)
    error = theirs.surv_prob_se[: inside.sum()] / (curve.survival[inside] * -np.log(curve.survival[inside]))
    centre = np.log(-np.log(curve.survival[inside]))
    assert curve.low[inside] == pytest.approx(np.exp(-np.exp(centre + 1.959964 * error)), abs=1e-6)
    assert curve.high[inside] == pytest.approx(np.exp(-np.exp(centre - 1.959964 * error)), abs=1e-6)
    if had.any() and curve.survival[-1] > 0:
        for share in (0.25, 0.5, 0.9):
            if np.isclose(curve.survival, 1 - share).any():
                continue  # theirs has not reached a share that it stands on
            value, low, high = curve.quantile(share)
            assert value == theirs.quantile(share) - 1 or (value == np.inf and np.isnan(theirs.quantile(share)))
            bounds = theirs.quantile_ci(share, method="cloglog")
            if np.isnan(bounds).all() and low < np.inf:
                # The curve jumps past the share with its whole interval: theirs has no bounds, ours are the jump.
                assert low == high == value
            elif low < np.inf:
                assert (low, high) == (bounds[0] - 1, bounds[1] - 1)


@given(DURATIONS)
def test_a_survival_curve_falls_inside_its_interval(rows):
    curve = kaplan_meier(*map(list, zip(*rows, strict=True)))
    assert (np.diff(curve.survival) <= 0).all()
    assert ((curve.low <= curve.survival) & (curve.survival <= curve.high)).all()
    assert not np.isnan([curve.low, curve.high]).any()
    if all(observed for _, observed in rows):
        # Nobody was lost: the curve is a plain share.
        assert 1 - curve.at(5)[0] == pytest.approx(np.mean([time <= 5 for time, _ in rows]))


def test_a_survival_curve_knows_where_it_ends():
    # Nobody was followed past 3, where one was still waiting.
    assert np.isnan(kaplan_meier([1, 3], [True, False]).at(4)).all()
    assert kaplan_meier([1, 3], [True, True]).at(4)[0] == 0
    # No event among 20 in 2 days: not 0 for certain.
    share, low, high = kaplan_meier([2.0] * 20, [False] * 20).at(1)
    assert (share, high) == (1, 1)
    assert low == pytest.approx(0.839, abs=1e-3)
    assert kaplan_meier([2.0] * 20, [False] * 20).at(2) == (share, low, high)
    assert kaplan_meier([2.0] * 20, [False] * 20).quantile(0.5) == (np.inf, np.inf, np.inf)
    assert np.isnan(kaplan_meier([], []).quantile(0.5)).all()
    assert np.isnan(kaplan_meier([], []).at(0)).all()


@pytest.mark.parametrize(
    ("duration", "observed", "message"),
    [
        ([1, -1], [True, True], "1 of 2 durations missing or below 0"),
        ([np.nan], [True], "1 durations"),
        ([1], [True, False], "shape"),
    ],
)
def test_durations_that_are_none(duration, observed, message):
    with pytest.raises(ArgumentError, match=message):
        kaplan_meier(duration, observed)


def test_survival_intervals_cover():
    rng = np.random.default_rng(20261124)
    hits, medians = [], []
    for _ in range(2000):
        waiting, followed = rng.exponential(10, 80), rng.uniform(0, 30, 80)
        curve = kaplan_meier(np.minimum(waiting, followed), waiting <= followed)
        _, low, high = curve.at(8)
        hits.append(low <= np.exp(-0.8) <= high)
        _, low, high = curve.quantile(0.5)
        medians.append(low <= 10 * np.log(2) <= high)
    assert 0.93 <= np.mean(hits) <= 0.97
    assert 0.93 <= np.mean(medians) <= 0.98


# ------------------------------------------------------------------------------------------ tests within strata


@st.composite
def strata(draw):
    cells = st.lists(st.tuples(*[st.integers(1, 12)] * 4), min_size=1, max_size=6)
    return np.array(draw(cells)).reshape(-1, 2, 2)


@given(strata())
def test_two_levels_equal_statsmodels(tables):
    events, at_risk = tables[:, :, 0], tables.sum(axis=2)
    theirs = StratifiedTable([table.astype(float) for table in tables])
    null = theirs.test_null_odds(correction=False)
    found = stratified_test(events, at_risk)
    assert (found.chi2, found.p, found.df) == (pytest.approx(null.statistic), pytest.approx(null.pvalue), 1)


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.booleans(), st.integers(0, 2), st.integers(0, 2)), min_size=12, max_size=60
    )
)
def test_log_rank_equals_statsmodels(rows):
    duration, observed, level, stratum = (np.array(column) for column in zip(*rows, strict=True))
    found = stratified_test(*risk_sets(duration.astype(float), observed, level, stratum))
    known = len(np.unique(level)) == 3 and found.df == 2
    assume(known)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chi2, p = survdiff(duration, observed.astype(int), level, strata=stratum)
    assert (found.chi2, found.p) == (pytest.approx(chi2, rel=1e-6, abs=1e-9), pytest.approx(p, abs=1e-9))


def test_levels_that_no_table_sets_side_by_side_are_not_compared():
    # Level 0 is in the first stratum alone, level 1 in the second.
    found = stratified_test([[5, 0], [0, 9]], [[10, 0], [0, 10]])
    assert (found.df, found.p) == (0, 1)
    assert stratified_test([[5, 9]], [[10, 10]]).df == 1
    # Nobody had the event, or all did.
    assert stratified_test([[0, 0]], [[10, 10]]).p == 1
    assert stratified_test([[10, 10]], [[10, 10]]).p == 1


@given(strata())
def test_a_risk_difference_is_the_weighted_mean_of_the_tables(tables):
    events, at_risk = tables[:, :, 0], tables.sum(axis=2)
    each = events[:, 0] / at_risk[:, 0] - events[:, 1] / at_risk[:, 1]
    found, low, high = risk_difference(events, at_risk)
    assert found == pytest.approx(np.average(each, weights=at_risk.prod(axis=1) / at_risk.sum(axis=1)))
    assert low <= found <= high
    assert risk_difference(events[:, ::-1], at_risk[:, ::-1]) == pytest.approx((-found, -high, -low))


@pytest.mark.parametrize(("tables", "size"), [(200, 3), (4, 150)])
def test_risk_differences_cover(tables, size):
    """Many small tables as well as few large ones."""
    rng = np.random.default_rng(20261125)
    hits = []
    for _ in range(2000):
        base = rng.uniform(0.2, 0.7, tables)
        at_risk = np.column_stack([rng.integers(1, size + 1, tables), rng.integers(1, size + 1, tables)])
        events = rng.binomial(at_risk, np.column_stack([base + 0.15, base]))
        _, low, high = risk_difference(events, at_risk)
        hits.append(low <= 0.15 <= high)
    assert 0.935 <= np.mean(hits) <= 0.965


def test_a_risk_difference_by_hand():
    """3 of 5 against 4 of 20: the weight is 5 x 20 / 25 = 4; P = (25 x 4 - 400 x 3 + 100 x 15 / 2) / 625 = -0.56,
    Q = (3 x 16 + 4 x 2) / 50 = 1.12, and the variance (0.4 x -0.56 + 1.12) / 16 = 0.056.
    """
    half = 1.959964 * math.sqrt(0.056)
    assert risk_difference([[3, 4]], [[5, 20]]) == pytest.approx((0.4, 0.4 - half, 0.4 + half))


def test_a_risk_difference_where_little_can_be_compared():
    assert np.isnan(risk_difference([[5, 0]], [[10, 0]])).all()
    # All of the others had the event: no odds, but a difference.
    found, low, high = risk_difference([[5, 10]], [[10, 10]])
    assert (found, low < -0.5 < high) == (-0.5, True)
    # Nothing varies: the difference stands without an interval.
    assert risk_difference([[10, 10]], [[10, 10]])[0] == 0
    assert np.isnan(risk_difference([[10, 10]], [[10, 10]])[1:]).all()


@pytest.mark.slow
@settings(max_examples=20)  # theirs takes long
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=12))
def test_holm_equals_statsmodels(thousandths):
    p = np.array(thousandths) / 1000
    expected = multipletests(p, method="holm")[1]
    assert holm(p) == pytest.approx(expected)
    # What is missing is no test.
    assert holm([np.nan, *p, np.nan]) == pytest.approx([np.nan, *expected, np.nan], nan_ok=True)
