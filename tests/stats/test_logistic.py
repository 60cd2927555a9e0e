"""Logistic regression: against scikit-learn, statsmodels and SciPy, by random penalties, priors, weights and bounds."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from leadscore.stats.logistic import Dense, OneHot, fit_logistic

FEW = settings(max_examples=max(settings.default.max_examples // 4, 20))


def drawn(seed, n=120, p=3):
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(n, p)) * [1, 3, 0.1][:p]
    y = (rng.random(n) < 1 / (1 + np.exp(0.5 - columns @ rng.normal(size=p)))).astype(float)
    y[:2] = 0, 1
    return rng, columns, y


def gradient(columns, y, beta, *, weight, offset):
    """Of the log loss without a penalty; the intercept is the last."""
    ones = np.column_stack([columns, np.ones(len(y))])
    chance = 1 / (1 + np.exp(-offset - ones @ beta))
    return ones.T @ (weight * (chance - y)), (ones.T * (weight * chance * (1 - chance))) @ ones


# --------------------------------------------------------------------------------------------------------- properties


@FEW
@given(st.integers(0, 10_000), st.sampled_from(["number", "column", "matrix"]), st.booleans())
def test_minimum_is_that_of_scipy_within_any_bounds(seed, form, bounded):
    rng, columns, y = drawn(seed)
    weight, offset, prior = rng.exponential(size=len(y)), rng.normal(size=len(y)), rng.normal(size=3)
    root = rng.normal(size=(3, 3))
    penalty = {"number": 2.0, "column": rng.exponential(size=3), "matrix": root @ root.T}[form]
    lower, upper = (np.array([0.1, -np.inf, -1]), np.array([np.inf, 0.0, 1])) if bounded else (None, None)
    found = fit_logistic(
        Dense(columns), y, penalty=penalty, prior=prior, weight=weight, offset=offset, lower=lower, upper=upper
    )
    ridge = np.zeros((4, 4))
    ridge[:3, :3] = penalty if form == "matrix" else np.diag(np.broadcast_to(penalty, 3))
    centre = np.append(prior, 0)

    def loss(beta):
        eta = offset + columns @ beta[:3] + beta[3]
        own = weight @ (np.logaddexp(0, eta) - y * eta)
        slope, _ = gradient(columns, y, beta, weight=weight, offset=offset)
        return own + (beta - centre) @ ridge @ (beta - centre) / 2, slope + ridge @ (beta - centre)

    limits = [*zip(lower, upper, strict=True), (None, None)] if bounded else None
    tight = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 10_000}
    wanted = minimize(loss, np.zeros(4), jac=True, method="L-BFGS-B", bounds=limits, options=tight)
    beta = np.append(found.coefficients, found.intercept)
    np.testing.assert_allclose(beta, wanted.x, rtol=1e-4, atol=1e-4)
    assert loss(beta)[0] <= wanted.fun + 1e-8 * (1 + abs(wanted.fun))
    if bounded:
        assert (found.coefficients >= lower).all()
        assert (found.coefficients <= upper).all()


@FEW
@given(st.integers(0, 10_000))
def test_curvature_and_covariance_are_those_of_the_fit(seed):
    rng, columns, y = drawn(seed)
    weight, offset = rng.exponential(size=len(y)), rng.normal(size=len(y))
    found = fit_logistic(Dense(columns), y, penalty=0.7, weight=weight, offset=offset)
    beta = np.append(found.coefficients, found.intercept)
    _, curvature = gradient(columns, y, beta, weight=weight, offset=offset)
    np.testing.assert_allclose(found.curvature, curvature, rtol=1e-9, atol=1e-12)
    penalised = curvature + np.diag([0.7, 0.7, 0.7, 0])
    np.testing.assert_allclose(found.covariance @ penalised, np.eye(4), atol=1e-7)
    eta = offset + columns @ found.coefficients + found.intercept
    assert found.log_loss == pytest.approx(weight @ (np.logaddexp(0, eta) - y * eta), rel=1e-12)


@FEW
@given(st.integers(0, 10_000), st.lists(st.integers(1, 5) | st.sampled_from([12, 128, 200]), min_size=1, max_size=5))
@example(0, [2, 2])  # as many cells as bins, and not the same
def test_bins_are_columns_of_zeros_and_ones(seed, sizes):
    rng = np.random.default_rng(seed)
    codes = [rng.integers(0, size, 80).astype(np.int16) for size in sizes]
    written = np.column_stack([code[:, None] == np.arange(size) for code, size in zip(codes, sizes, strict=True)])
    bins, dense = OneHot(codes, sizes), Dense(written)
    beta, rows = rng.normal(size=sum(sizes)), rng.normal(size=80)
    assert bins.shape == dense.shape
    np.testing.assert_allclose(bins.times(beta), dense.times(beta), atol=1e-12)
    np.testing.assert_allclose(bins.transposed(rows), dense.transposed(rows), atol=1e-12)
    np.testing.assert_allclose(bins.gram(rows), dense.gram(rows), atol=1e-12)
    y = rng.integers(0, 2, 80)
    one, other = (fit_logistic(design, y, penalty=1.0) for design in (bins, dense))
    np.testing.assert_allclose(one.coefficients, other.coefficients, atol=1e-7)
    np.testing.assert_allclose(one.covariance, other.covariance, atol=1e-7)


@FEW
@given(st.integers(0, 10_000))
def test_weights_are_repetitions_and_order_is_nothing(seed):
    rng, columns, y = drawn(seed)
    times = rng.integers(0, 4, len(y))
    times[:2] = 1
    rows = rng.permutation(np.repeat(np.arange(len(y)), times))
    one = fit_logistic(Dense(columns), y, penalty=1.0, weight=times.astype(float))
    other = fit_logistic(Dense(columns[rows]), y[rows], penalty=1.0)
    np.testing.assert_allclose(one.coefficients, other.coefficients, atol=1e-6)
    np.testing.assert_allclose(one.covariance, other.covariance, atol=1e-6)


# ------------------------------------------------------------------------------------------------------ other's fits


def test_ridge_is_that_of_scikit_learn():
    rng, columns, y = drawn(1, n=400)
    weight = rng.exponential(size=400)
    peer = LogisticRegression(C=0.5, tol=1e-10, max_iter=10_000).fit(columns, y, weight)
    found = fit_logistic(Dense(columns), y, penalty=2.0, weight=weight)
    np.testing.assert_allclose(found.coefficients, peer.coef_[0], atol=1e-5)
    assert found.intercept == pytest.approx(peer.intercept_[0], abs=1e-5)


def test_without_a_penalty_estimate_and_standard_errors_are_those_of_statsmodels():
    rng, columns, y = drawn(2, n=400)
    weight, offset = rng.integers(1, 4, 400).astype(float), rng.normal(size=400)
    family = sm.families.Binomial()
    peer = sm.GLM(y, sm.add_constant(columns), family, freq_weights=weight, offset=offset).fit(tol=1e-12)
    found = fit_logistic(Dense(columns), y, weight=weight, offset=offset)
    np.testing.assert_allclose(np.append(found.intercept, found.coefficients), peer.params, atol=1e-6)
    errors = np.sqrt(np.diag(found.covariance))
    np.testing.assert_allclose(np.append(errors[-1], errors[:-1]), peer.bse, rtol=1e-5)
    assert found.log_loss == pytest.approx(-peer.llf, rel=1e-9)


# -------------------------------------------------------------------------------------------------------------- traps


def test_separated_outcomes_have_a_finite_fit_with_a_ridge():
    x = np.array([-3.0, -2, -1, 1, 2, 3])[:, None]
    found = fit_logistic(Dense(x), (x[:, 0] > 0), penalty=0.01)
    peer = LogisticRegression(C=100, tol=1e-10, max_iter=10_000).fit(x, x[:, 0] > 0)
    assert found.coefficients[0] == pytest.approx(peer.coef_[0, 0], rel=1e-5)


def test_separated_outcomes_without_a_ridge_end_and_are_all_but_certain():
    x = np.array([-3.0, -2, -1, 1, 2, 3])[:, None]
    found = fit_logistic(Dense(x), (x[:, 0] > 0))
    assert np.isfinite(found.coefficients).all()
    assert found.log_loss < 1e-6


@pytest.mark.parametrize("design", [Dense(np.zeros((4, 0))), OneHot([], [], 4)], ids=["dense", "bins"])
def test_no_columns_at_all_leave_the_log_odds(design):
    found = fit_logistic(design, [1, 0, 0, 0], penalty=1.0)
    assert found.intercept == pytest.approx(-np.log(3))
    assert found.coefficients.shape == (0,)
    assert found.covariance == pytest.approx(np.array([[4 / 3]]))


def test_no_columns_with_an_offset_move_it_to_the_mean():
    offset = np.array([0.0, 2, -1, 0.5])
    found = fit_logistic(Dense(np.zeros((4, 0))), [1, 0, 1, 1], offset=offset)
    assert np.mean(1 / (1 + np.exp(-offset - found.intercept))) == pytest.approx(0.75)


def test_without_information_the_prior_stands_and_its_variance():
    found = fit_logistic(Dense(np.zeros((4, 1))), [1, 0, 0, 1], penalty=4.0, prior=np.array([1.5]))
    assert found.coefficients == pytest.approx([1.5])
    assert found.covariance[0, 0] == pytest.approx(1 / 4)
    assert found.intercept == pytest.approx(0)


def test_a_column_on_which_nothing_depends_and_without_a_penalty_keeps_its_start():
    _, columns, y = drawn(3)
    columns[:, 1] = 0
    found = fit_logistic(Dense(columns), y)
    assert found.coefficients[1] == pytest.approx(0, abs=1e-9)
    alone = fit_logistic(Dense(columns[:, [0, 2]]), y)
    np.testing.assert_allclose(found.coefficients[[0, 2]], alone.coefficients, atol=1e-6)


def test_a_column_held_at_its_bound_has_no_variance_and_the_others_are_fitted_around_it():
    _, columns, y = drawn(4)
    free = fit_logistic(Dense(columns), y, penalty=0.1)
    lower = np.full(3, -np.inf)
    lower[0] = free.coefficients[0] + 1
    held = fit_logistic(Dense(columns), y, penalty=0.1, lower=lower)
    assert held.coefficients[0] == lower[0]
    assert not held.covariance[0].any()
    around = fit_logistic(Dense(columns[:, 1:]), y, penalty=0.1, offset=columns[:, 0] * lower[0])
    np.testing.assert_allclose(held.coefficients[1:], around.coefficients, atol=1e-6)


def test_bounds_that_do_not_bind_change_nothing():
    _, columns, y = drawn(5)
    free = fit_logistic(Dense(columns), y, penalty=0.1)
    within = fit_logistic(Dense(columns), y, penalty=0.1, lower=np.full(3, -100.0), upper=np.full(3, 100.0))
    np.testing.assert_allclose(free.coefficients, within.coefficients, atol=1e-9)
    np.testing.assert_allclose(free.covariance, within.covariance, atol=1e-9)


def test_a_start_changes_the_way_and_not_the_fit():
    _, columns, y = drawn(6)
    first = fit_logistic(Dense(columns), y, penalty=5.0)
    cold, warm = (fit_logistic(Dense(columns), y, penalty=0.1, start=start) for start in (None, first))
    np.testing.assert_allclose(cold.coefficients, warm.coefficients, atol=1e-6)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_outcomes_of_one_kind_end_in_finite_figures(share):
    found = fit_logistic(Dense(np.arange(6.0)[:, None]), np.full(6, share), penalty=1.0)
    assert np.isfinite([found.intercept, *found.coefficients, found.log_loss]).all()


def test_huge_columns_and_offsets_do_not_overflow():
    rng, columns, y = drawn(7)
    found = fit_logistic(Dense(columns * 1e6), y, penalty=1e-9, offset=rng.choice([-800.0, 800.0], len(y)))
    assert np.isfinite([found.intercept, *found.coefficients, found.log_loss]).all()
