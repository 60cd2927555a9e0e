"""What draws heights together: against brute force over the marginal likelihood, and against numerical Hessians."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import multivariate_normal

from leadscore.learn.card import additive as additive_module
from leadscore.learn.card import shapes as shapes_module
from leadscore.learn.card.additive import additive
from leadscore.learn.card.binning import Bins
from leadscore.learn.card.rows import Rows, covariance
from leadscore.learn.card.shapes import Shapes, _Prior
from leadscore.stats.logistic import fit_logistic

VARIANCES = 1 / shapes_module._PRECISIONS  # noqa: SLF001 - those that are tried


def feature(kind, size):
    if kind == "number":
        return Bins("x", "number", edges=tuple(range(size - 2)))
    return Bins("x", "category", levels=tuple((f"level {place}",) for place in range(size - 2)))


def told(seed, size):
    """What leads know of each of so many heights, and what heights they alone would ask for."""
    rng = np.random.default_rng(seed)
    known = 0.2 + rng.exponential(20, size)
    return known, rng.normal(0, rng.choice([0.05, 0.3, 1.5]), size) + rng.normal(size=size) / np.sqrt(known)


def by_force(known, asked, prior):
    """Twice the log likelihood beside flat of each variance, and the heights; the level is free.

    Of normal heights seen with errors, with differences from the last in place of a level (Patterson, H. and Thompson,
    R. (1971), Biometrika 58, 545-554).
    """
    apart = np.column_stack([np.eye(len(known) - 1), -np.ones(len(known) - 1)])

    def likely(variance):
        spread = apart @ (np.diag(1 / known) + variance * prior) @ apart.T
        return 2 * multivariate_normal.logpdf(apart @ asked, np.zeros(len(apart)), spread)

    found = np.array([likely(variance) for variance in VARIANCES]) - likely(0)
    variance = VARIANCES[found.argmax()]
    weights = np.linalg.inv(np.diag(1 / known) + variance * prior)
    level = weights.sum(axis=0) @ asked / weights.sum()
    heights = variance * prior @ weights @ (asked - level)
    return found, heights - known @ heights / known.sum()


@given(st.integers(0, 10_000), st.integers(2, 14))
def test_the_spread_of_values_is_the_likeliest_with_their_level_free(seed, size):
    known, asked = told(seed, size)
    # From wherever the heights stand.
    stands = np.random.default_rng(seed).normal(size=size)
    left = known * (asked - stands)
    # A value that nobody has changes nothing.
    with_new = [np.append(values, 0.0) for values in (known, left, stands)]
    prior = _Prior(feature("category", size + 1), with_new[0])
    (*found, new), spread, widest = prior.likeliest(*with_new, choosing=True)
    likely, heights = by_force(known, asked, np.eye(size))
    best = likely.argmax()
    assert widest[0] == pytest.approx(VARIANCES[(likely >= max(likely[best], 0) - shapes_module._AS_LIKELY).argmax()])  # noqa: SLF001 - of chi-squared
    if likely[best] <= 1e-6:
        assert not np.any([*found, new, *spread])
    else:
        assert spread[0] == pytest.approx(VARIANCES[best])
        np.testing.assert_allclose(found, heights, rtol=1e-5, atol=1e-6)


@given(st.integers(0, 10_000), st.integers(4, 14))
def test_the_spread_of_a_number_is_the_likeliest_and_rough_only_where_clearly_likelier(seed, size):
    known, asked = told(seed, size)
    asked += np.random.default_rng(seed).choice([0, 1]) * np.linspace(-1, 1, size)
    bins = feature("number", size)
    found, spread, _ = _Prior(bins, known).likeliest(known, known * asked, np.zeros(size), choosing=True)
    rough, smooth = (by_force(known, asked, covariance(bins, known, np.array(mix))) for mix in shapes_module._MIXED)  # noqa: SLF001 - both that are tried
    clearly = rough[0].max() - shapes_module._UNLIKELY - smooth[0].max()  # noqa: SLF001 - in jumps
    if abs(clearly) < 1e-6:
        return
    likely, heights = rough if clearly > 0 else smooth
    if likely.max() <= 1e-6:
        assert not found.any()
        return
    mix = np.array(shapes_module._MIXED[int(clearly < 0)])  # noqa: SLF001 - the one that is likelier
    np.testing.assert_allclose(spread, mix * VARIANCES[likely.argmax()], rtol=1e-9)
    np.testing.assert_allclose(found, heights, rtol=1e-4, atol=1e-5)


def test_the_spread_of_few_values_is_right_on_average():
    # Of three values: with their level taken as known, about a third of the spread would be missing.
    rng, known = np.random.default_rng(0), np.full(3, 400.0)
    prior = _Prior(feature("category", 3), known)
    asked = rng.normal(0, np.sqrt(0.5 + 1 / 400), (1000, 3))
    found = [prior.likeliest(known, known * own, np.zeros(3), choosing=True)[1][0] for own in asked]
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)


def hessian(of, at, step=1e-3):
    """By central differences."""
    n, found = len(at), np.empty((len(at), len(at)))
    moves = np.eye(n) * step
    for i in range(n):
        for j in range(i + 1):
            ends = [of(at + a * moves[i] + b * moves[j]) for a, b in [(1, 1), (1, -1), (-1, 1), (-1, -1)]]
            found[i, j] = found[j, i] = (ends[0] - ends[1] - ends[2] + ends[3]) / (4 * step**2)
    return found


def test_rough_heights_walk_as_far_as_leads_lie_between():
    share = np.array([0.1, 0.3, 0.2, 0.4])
    bins = feature("number", 5)

    def energy(heights):
        steps = [
            (b - a) ** 2 / ((p + q) / 2) for (a, b), (p, q) in zip(pairwise(heights), pairwise(share), strict=True)
        ]
        return (sum(steps) + share @ heights**2) / 2

    found = covariance(bins, np.append(share * 70, 9.0), np.array([2.0, 0]))
    np.testing.assert_allclose(found[:4, :4], 2 * np.linalg.inv(hessian(energy, np.zeros(4))), rtol=1e-5)
    assert found[4].tolist() == [0, 0, 0, 0, 2]


def test_smooth_heights_are_alike_where_ranks_are():
    found = covariance(feature("number", 7), np.append(np.full(6, 5.0), 1), np.array([0.0, 1]))[:6, :6]
    np.testing.assert_allclose(np.diag(found), 1)
    # A sixth of a normal's area lies below -0.967; its middle rank at -1.383.
    assert found[0, 5] == pytest.approx(np.exp(-((2 * 1.3830) ** 2) / 32), abs=1e-4)
    assert (np.diff(found[0]) < 0).all()


@pytest.mark.parametrize("penalty", [1.0, 1 / 0.3])
@pytest.mark.parametrize("dated", [False, True])
def test_the_covariance_of_a_model_is_the_inverse_hessian_of_its_loss(penalty, dated):
    rng = np.random.default_rng(1)
    features = [feature("number", 5), feature("category", 4)]
    codes = [rng.integers(0, bins.size, 500) for bins in features]
    y = (rng.random(500) < expit(0.4 * codes[0] - 1)).astype(float)
    period = rng.integers(0, 3, 500) if dated else None
    spread, widest = np.array([[0.2, 0.1], [0.3, 0]]), np.array([[0.9, 0.4], [0.8, 0]])
    rows = Rows(features, codes, y, rng.integers(1, 3, 500).astype(float), period, None, spread, widest)
    model, _ = additive(rows, penalty)
    seen = [code[:, None] == np.arange(bins.size) for code, bins in zip(codes, features, strict=True)]
    times = [] if period is None else [period[:, None] == np.arange(3)]
    columns = np.column_stack([*seen, *times, np.ones(500)])
    inverse = [
        np.linalg.inv(covariance(bins, np.bincount(code, rows.weight), own)) * 0.3 * penalty
        for bins, code, own in zip(features, codes, widest, strict=True)
    ]

    def loss(beta):
        eta = columns @ beta
        drawn = beta[:5] @ inverse[0] @ beta[:5] + beta[5:9] @ inverse[1] @ beta[5:9] + 0.1 * beta[9:-1] @ beta[9:-1]
        return rows.weight @ (np.logaddexp(0, eta) - y * eta) + drawn / 2

    # At the chances of the fit, wherever its levels are written.
    log_odds = model.logits(codes, 500)
    if dated:
        # A model keeps the newest level alone.
        fitted = fit_logistic(rows.design(), y, penalty=rows.penalty(penalty), weight=rows.weight)
        log_odds = columns @ np.append(fitted.coefficients, fitted.intercept)
    at = np.linalg.lstsq(columns, log_odds, rcond=None)[0]
    np.testing.assert_allclose(model.covariance, np.linalg.inv(hessian(loss, at)), rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------------------------------------------------- bounds


@given(st.lists(st.tuples(st.integers(2, 700), st.sampled_from([0.0, 0.1, 1.0])), min_size=1, max_size=60))
def test_there_is_room_for_two_thousand_bins_of_those_that_tell_most(columns):
    features = [feature("category", size) for size, _ in columns]
    heights = np.concatenate([np.full(size, height) for size, height in columns])
    spread = np.array([[height, 0] for _, height in columns])
    shape = Shapes(heights, np.ones(len(heights)), spread, spread)
    roomy = additive_module._roomy(features, shape, 10)  # noqa: SLF001 - the bound itself
    sizes = np.array([size for size, _ in columns])
    tells = np.array([size * height**2 for size, height in columns])
    assert sizes[roomy].sum() <= 2000
    if roomy.any() and not roomy.all():
        assert tells[roomy].min() >= tells[~roomy].max()
    # Whatever is left out lacks room, or tells nothing beside thirty others.
    first = [place for place in np.argsort(-tells, kind="stable") if not roomy[place]][:1]
    for place in first:
        assert sizes[roomy].sum() + sizes[place] > 2000 or (tells[place] == 0 and roomy.sum() >= 30)


def test_numbers_take_the_room_of_their_bins_not_of_their_cells():
    features = [feature("number", 66) for _ in range(200)]
    heights, spread = np.ones(66 * 200), np.ones((200, 2))
    shape = Shapes(heights, np.ones(len(heights)), spread, spread)
    assert additive_module._roomy(features, shape, 10).sum() == 2000 // 11  # noqa: SLF001 - the bound itself
