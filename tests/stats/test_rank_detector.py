"""Sequential ranks: factors that are fair by enumeration, a bound that holds for ugly figures, weeks one by one."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadscore.stats import rank_detector as ranks
from leadscore.stats.rank_detector import _FADING, RankDetector, _gains, level

REFERENCE = 52
# A detector over a few years takes tens of milliseconds.
_FEWER = max(25, settings().max_examples // 4)


def small_weeks(rng, shape):
    """Means of few leads, some with hundreds of points; half of the weeks have too few and are skipped."""
    leads = rng.poisson(20, shape)
    return np.where(leads < 20, np.nan, rng.gamma(0.05 * np.maximum(leads, 1)) / np.maximum(leads, 1))


def by_hand(figures, reference=REFERENCE):
    """Evidence after each week of one stream, as the docstring has it: one week after the other, anew each time."""
    figures = (figures - figures[:reference].mean()) / figures[:reference].std()
    turn = 2 * np.pi * np.arange(len(figures)) / ranks.YEAR_WEEKS
    waves = [np.ones_like(turn), np.cos(turn), np.sin(turn), np.cos(2 * turn), np.sin(2 * turn)]
    rows = np.column_stack([*waves, np.clip(np.append(figures[0], figures[:-1]), -1.5, 1.5)])
    learned, ridge = np.clip(figures, -1.5, 1.5), np.diag([1e-9, 5, 5, 5, 5, 5])
    residuals, evidence, path = [], np.zeros(3), []
    for week in range(16, len(figures)):
        squares = rows[:week].T @ rows[:week] + ridge
        told = rows[week] @ np.linalg.solve(squares, rows[:week].T @ learned[:week])
        spread = math.sqrt(1 + rows[week] @ np.linalg.solve(squares, rows[week]))
        residuals.append((figures[week] - told) / spread)
        if week < reference:
            continue
        n, below = len(residuals), sum(one < residuals[-1] for one in residuals)
        scores = [min(NormalDist().inv_cdf((place + 0.5) / n), 1.85) for place in range(n)]
        for arm, (bold, fading) in enumerate([(0.25, 0.02), (0.5, 0.05), (1.25, 0.2)]):
            gain = math.exp(bold * scores[below]) / np.mean([math.exp(bold * score) for score in scores])
            evidence[arm] = (1 + (1 - fading) * evidence[arm]) * gain
        path.append(evidence.mean())
    return np.array(path)


def watched(figures, reference=REFERENCE, weeks=None):
    """The detector after all weeks, and the log evidence after each, less memory as a verdict takes it."""
    weeks = np.arange(figures.shape[1]) if weeks is None else weeks
    detector = RankDetector(weeks[:reference], figures[:, :reference])
    path = []
    for week, column in zip(weeks[reference:], figures[:, reference:].T, strict=True):
        detector.push(week, column)
        path.append(detector.log_evidence - detector.memory(above=math.log(50)) ** 2 / 2)
    return detector, np.array(path).T


def test_three_weeks_however_strong_are_no_alarm_by_themselves():
    """A score is bounded, and evidence fades: the luck of months ago and a short burst together pass no level."""
    alarms = []
    for number in (3, 6):
        figures = np.random.default_rng(10).normal(size=(300, REFERENCE + 60 + number))
        figures[:, REFERENCE + 60 :] += 100
        _, path = watched(figures)
        alarms.append((path >= math.log(level(104, 0.05))).any(axis=1).mean())
    assert alarms[0] < 0.25
    assert alarms[1] > 0.95


@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_evidence_by_hand(shift):
    figures = np.random.default_rng(11).normal(size=100)
    figures[80:] += shift
    detector = RankDetector(np.arange(REFERENCE), figures[None, :REFERENCE])
    for week in range(REFERENCE, 100):
        detector.push(week, figures[[week]])
        if week in (REFERENCE, 70, 85, 99):
            np.testing.assert_allclose(np.exp(detector.log_evidence), by_hand(figures[: week + 1])[-1], rtol=1e-9)


@given(st.integers(1, 400))
def test_every_factor_is_1_on_average_over_uniform_ranks(n):
    np.testing.assert_allclose(np.exp(_gains(n)).mean(axis=0), 1, rtol=1e-12)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, shape: rng.standard_t(1.5, shape),
        lambda rng, shape: rng.exponential(1, shape) ** 3,
        lambda rng, shape: rng.poisson(0.7, shape).astype(float),
        lambda rng, shape: np.where(rng.random(shape) < 0.05, 40.0, rng.normal(size=shape)),
        small_weeks,
    ],
    ids=["heavy tails", "skew", "ties", "outliers", "small weeks"],
)
def test_false_alarms_keep_the_bound_whatever_the_distribution(draw):
    rng = np.random.default_rng(3)
    _, path = watched(draw(rng, (400, REFERENCE + 104)))
    assert (path >= math.log(level(104, 0.1))).any(axis=1).mean() < 0.08


def test_weeks_that_remember_the_last_break_the_bound_and_memory_sees_it():
    """The failure twin: what the bound is not claimed for."""
    rng = np.random.default_rng(4)
    steps = rng.normal(size=(200, REFERENCE + 104))
    for week in range(1, steps.shape[1]):
        steps[:, week] += 0.95 * steps[:, week - 1]
    detector, path = watched(steps + rng.normal(size=steps.shape) * 2)
    assert (path >= math.log(level(104, 0.1))).any(axis=1).mean() > 0.15
    assert np.median(detector.memory()) > 1.645
    still, _ = watched(rng.normal(size=(200, REFERENCE + 104)))
    assert (still.memory() > 1.645).mean() < 0.12


@pytest.mark.slow
@pytest.mark.parametrize("reference", [26, 52, 104])
@pytest.mark.parametrize("horizon", [52, 104, 208, 520])
@pytest.mark.parametrize("budget", [0.5, 0.1, 0.02])
def test_chance_of_a_false_alarm_by_uniform_ranks(reference, horizon, budget):
    """Ranks of exchangeable weeks are uniform: their evidence passes the level in less than the budget of runs."""
    rng, n_runs = np.random.default_rng(5), 20_000
    evidence, most = np.zeros((n_runs, 3)), np.zeros(n_runs)
    for n in range(reference - 15, reference - 15 + horizon):
        evidence = (1 + (1 - _FADING) * evidence) * np.exp(_gains(n))[rng.integers(0, n, n_runs)]
        most = np.maximum(most, evidence.mean(axis=1))
    assert (most >= level(horizon, budget)).mean() < (0.75 if horizon <= 104 else 0.9) * budget


@settings(max_examples=_FEWER)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 1e6), st.floats(-1e6, 1e6))
def test_scale_and_origin_do_not_matter(seed, scale, origin):
    figures = np.random.default_rng(seed).normal(size=(1, 80))
    _, plain = watched(figures)
    _, moved = watched(figures * scale + origin)
    np.testing.assert_allclose(plain, moved, rtol=1e-5)


@settings(max_examples=_FEWER)
@given(st.integers(0, 2**32 - 1), st.floats(0, 0.3))
def test_a_stream_does_not_see_the_others(seed, missing):
    rng = np.random.default_rng(seed)
    figures = np.where(rng.random((3, 90)) < missing, np.nan, rng.normal(size=(3, 90)))
    together, _ = watched(figures)
    for stream in range(3):
        alone, _ = watched(figures[[stream]])
        np.testing.assert_allclose(alone.log_evidence[0], together.log_evidence[stream], rtol=1e-9)
        np.testing.assert_allclose(alone.memory()[0], together.memory()[stream], rtol=1e-6, atol=1e-9)


@settings(max_examples=_FEWER)
@given(st.integers(0, 2**32 - 1))
def test_a_week_that_is_missing_is_as_if_it_had_not_been(seed):
    rng = np.random.default_rng(seed)
    figures, weeks = rng.normal(size=(1, 90)), np.arange(90)
    gaps = np.sort(rng.choice(90, 9, replace=False))
    figures[0, gaps] = np.nan
    kept = np.setdiff1d(weeks, gaps)
    whole, _ = watched(figures)
    without, _ = watched(figures[:, kept], reference=int((kept < REFERENCE).sum()), weeks=kept)
    np.testing.assert_allclose(whole.log_evidence, without.log_evidence)
    assert whole.weeks[whole.onset(0)[0]] == without.weeks[without.onset(0)[0]]


def test_a_jump_however_large_is_found():
    """A regression on last week's figure learns to foretell a jump, unless what it learns from is bounded."""
    for size, least in ((1.5, 0.6), (3, 0.95), (10, 0.98), (100, 0.98), (1e4, 0.98)):
        rng = np.random.default_rng(6)
        figures = rng.normal(size=(200, REFERENCE + 30))
        figures[:, REFERENCE + 10 :] += size
        _, path = watched(figures)
        found = (path[:, 10:] >= math.log(level(104, 0.05))).any(axis=1).mean()
        assert found > least, size


def test_a_fall_is_no_rise():
    rng = np.random.default_rng(7)
    figures = rng.normal(size=(100, REFERENCE + 40))
    figures[:, REFERENCE:] -= 2
    _, path = watched(figures)
    assert (path >= math.log(level(104, 0.1))).any(axis=1).mean() < 0.02


def test_a_season_is_foretold():
    rng = np.random.default_rng(8)
    weeks = np.arange(REFERENCE + 104)
    season = 3 * np.cos(2 * np.pi * weeks / ranks.YEAR_WEEKS)
    _, path = watched(season + rng.normal(size=(100, len(weeks))))
    assert (path >= math.log(level(104, 0.1))).any(axis=1).mean() < 0.2


def test_constant_figures_say_nothing():
    _, path = watched(np.full((1, 120), 7.0))
    assert path.max() < math.log(level(104, 0.1))


def dated(size, length, *, weeks=40, streams=150):
    """The onsets of streams that rise by a size over so many weeks, from week 20 after the reference on."""
    rng = np.random.default_rng(9)
    figures = rng.normal(size=(streams, REFERENCE + 20 + weeks))
    figures += size * np.clip((np.arange(figures.shape[1]) - REFERENCE - 19) / length, 0, 1)
    detector, _ = watched(figures)
    return np.array([detector.onset(stream) for stream in range(streams)]) - REFERENCE - 20


@pytest.mark.parametrize(("size", "length"), [(1.5, 1), (3, 1), (3, 13), (3, 26), (4, 52)])
def test_onset_holds_the_truth_of_jumps_and_slow_rises(size, length):
    most, low, high = dated(size, length).T
    assert (low <= most).all()
    assert (most <= high).all()
    assert np.mean((low <= 0) & (high >= 0)) > 0.85
    if length == 1:
        assert abs(np.median(most)) <= 1


def looked_at(size, length, jump, *, alike, after=110, streams=300):
    """The onsets that are printed four weeks after each alarm; weeks have a season, and may be alike."""
    rng = np.random.default_rng(12)
    change, weeks = REFERENCE + 20, np.arange(REFERENCE + 20 + after)
    figures = rng.normal(size=(streams, len(weeks)))
    for week in weeks[1:]:
        figures[:, week] = alike * figures[:, week - 1] + math.sqrt(1 - alike**2) * figures[:, week]
    figures += 0.5 * np.cos(2 * np.pi * (weeks + rng.integers(0, 52, (streams, 1))) / ranks.YEAR_WEEKS)
    figures += size * np.clip((weeks - change + 1) / length, 0, 1) + jump * (weeks >= change)
    detector, alarmed, found = RankDetector(weeks[:REFERENCE], figures[:, :REFERENCE]), np.full(streams, -1), []
    for week in weeks[REFERENCE:]:
        detector.push(week, figures[:, week])
        alarmed[(alarmed < 0) & (detector.log_evidence >= math.log(level(104, 0.05)))] = week
        found += [detector.onset(one) for one in np.flatnonzero((alarmed >= change) & (week == alarmed + 4))]
    return np.array(found) - change


@pytest.mark.parametrize(
    ("size", "length", "jump"),
    [(2, 1, 0), (2, 13, 0), (2, 52, 0), (3, 104, 0), (2, 52, 1)],
)
def test_onset_as_printed_after_an_alarm_holds_the_truth(size, length, jump):
    """What was wrong: of weeks that are alike, a rise of a year or two was dated too late in 13 to 19 of 100 runs."""
    for alike in (0.0, 0.4):
        _, low, high = looked_at(size, length, jump, alike=alike).T
        assert np.mean((low <= 0) & (high >= 0)) >= 0.9, alike


def test_a_large_jump_is_dated_within_weeks():
    """The failure twin: an interval that is always long holds everything."""
    _, low, high = dated(5, 1).T
    assert np.median(high - low) <= 8
