"""Measures of a score: published figures, brute force, what may not change them, and how often intervals hold."""

import itertools
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp, mannwhitneyu, norm, somersd, t
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

import leadscore as ls
from leadscore.errors import ArgumentError
from leadscore.stats.calibration import calibration, expected_calibration_error, gains
from leadscore.stats.intervals import wilson
from leadscore.stats.outcomes_and_scores import read_rows
from leadscore.stats.ranking import auc_difference, brier, by_segment, gini, ks, pr_auc, roc_auc

Z = 1.959963985


def logit(share):
    return math.log(share / (1 - share))


def reach(estimate):
    """How many standard errors an interval reaches: Student's t for the rarer kind of leads."""
    return t.ppf(0.975, min(estimate.events, estimate.n - estimate.events) - 1)


def error_of(estimate):
    """The standard error behind an interval on the logit scale."""
    odds = (logit(estimate.high) - logit(estimate.low)) / (2 * reach(estimate))
    return odds * estimate.value * (1 - estimate.value)


@st.composite
def leads(draw, *, least=2):
    """Outcomes of both kinds, at least so many of each, and scores with ties."""
    n = draw(st.integers(2 * least, 25))
    y = draw(st.permutations([True] * least + [False] * least + draw(st.lists(st.booleans(), max_size=n - 2 * least))))
    score = draw(st.lists(st.integers(0, 6), min_size=len(y), max_size=len(y)))
    return np.array(y), np.array(score, float)


def figures(estimate):
    return (estimate.value, estimate.low, estimate.high)


def same(first, second):
    assert figures(first) == pytest.approx(figures(second), abs=1e-9, nan_ok=True)


# ---------------------------------------------------------------------------------------------------- what is given


def test_leads_are_matched_by_id_and_the_unknown_counted():
    y = pd.Series({"a": True, "b": False, "c": None, "d": True, "e": False}, dtype="boolean")
    score = pd.Series({"e": 1.0, "d": 4.0, "x": 9.0, "b": 2.0, "a": 3.0})
    rows = read_rows(y, score=score).of_known()
    # x is not in y: its outcome is unknown. c has neither outcome nor score: it is no lead here.
    assert (rows.index.tolist(), rows.had.tolist()) == (["e", "d", "b", "a"], [False, True, False, True])
    assert (rows.columns["score"].tolist(), rows.weights, rows.unknown) == ([1, 4, 2, 3], None, 1)
    weights = pd.Series({"a": 1, "b": 2, "d": 3, "e": 4})
    assert read_rows(y, score=score, weights=weights).of_known().weights.tolist() == [4, 3, 2, 1]
    # Without its index the same y would be taken by position.
    with pytest.raises(ArgumentError, match="1 lead with a known outcome has no score: 'a'"):
        roc_auc(y, score.drop("a"))
    assert roc_auc(y.to_numpy(), score).unknown == 1


def test_scores_give_their_total():
    rulebook = ls.Rulebook.from_yaml("""
        leadscore: 1
        name: x
        fit: [{name: Size, column: size, points: {big: 60, small: 10}}]
        behaviour: []
        qualify: {threshold: 50}
    """)
    table = pd.DataFrame({"lead_id": ["a", "b", "c", "d"], "size": ["big", "small", "big", "small"]})
    scores = ls.score(ls.load_tables(table, rulebook=rulebook), rulebook, as_of="2026-03-31")
    y = pd.Series({"d": True, "c": False, "b": False, "a": True})
    assert roc_auc(y, scores) == roc_auc(y, scores.frame["total"]) == roc_auc([True, False, False, True], scores)
    assert roc_auc(y, scores).value == 0.5
    assert auc_difference(y, scores, pd.Series({"a": 3, "b": 2, "c": 1, "d": 4})).value == -0.5


@pytest.mark.parametrize(
    "y",
    [
        [True, False, None],
        np.array([True, False, pd.NA], object),
        pd.Series([1, 0, None], dtype="Int64"),
        pd.Series([True, False, None], dtype="boolean"),
        pd.Series([True, False, None], dtype="boolean[pyarrow]"),
        pd.Series([True, False, np.nan], dtype=object),
    ],
)
def test_outcomes_as_they_come(y):
    rows = read_rows(y, score=[7, 5, np.nan]).of_known()
    assert (rows.had.tolist(), rows.columns["score"].tolist(), rows.unknown) == ([True, False], [7, 5], 1)


@pytest.mark.parametrize(
    ("y", "score", "weights", "message"),
    [
        (["won", "lost"], [1, 2], None, "got 'won', 'lost': say which is the outcome, as y == 'won' or y == 'lost'"),
        ([0, 2], [1, 2], None, "1 of 2 values are neither, the first 2"),
        ([-1, 1], [1, 2], None, "the first -1"),
        ([0.5, 1.0], [1, 2], None, "the first 0.5"),
        (["True", "False"], [1, 2], None, "got 'True'"),
        (pd.to_datetime(["2026-01-01", "2026-01-02"]), [1, 2], None, "got Timestamp"),
        ([{"stage": "won"}, True], [1, 2], None, "got {'stage': 'won'}: say which is the outcome"),
        ([True, False], [[1, 2], [3, 4]], None, "score: must have one value for each lead; got 2 dimensions"),
        ([True, False], [[1, 2], [3]], None, "score: must have one value for each lead; got 2 dimensions"),
        ([True, False], pd.DataFrame({"total": [1, 2]}), None, "score: must have one value for each lead"),
        ([True, False], None, None, "score: must have one value for each lead; got None"),
        ([True, False], [1, 2, 3], None, "y: must have one value for each lead; it has 2, score has 3"),
        ([True, False], ["1", "2"], None, "score: must be numbers; got '1'"),
        ([True, False, True], [1, np.nan, np.nan], None, "missing for 2 of 3 leads with a known outcome: 1, 2"),
        ([True, False], pd.Series([1, None], ["a", "b"]), None, "missing for 1 of 2 leads with a known outcome: 'b'"),
        (pd.Series([True, False], ["a", "b"]), [1, np.nan], None, "missing for 1 of 2 leads with a known outcome: 'b'"),
        ([True, False], [1, 2], [1, -2], "must be finite, 0 or more; 1 of 2 are not, the first -2"),
        ([True, False], [1, 2], [1, np.inf], "must be finite, 0 or more; 1 of 2 are not, the first inf"),
        ([True, False], [1, 2], [1, np.nan], "weights: is missing for 1 of 2"),
        (pd.Series([True, False], ["a", "b"]), pd.Series([1, 2], [1, 2]), None, "y: has none of the leads of score"),
        (
            pd.Series([True, False], ["a", "a"]),
            pd.Series([1, 2], ["a", "b"]),
            None,
            "y: has 1 lead more than once: 'a'",
        ),
        (pd.Series([True, False], ["a", "b"]), pd.Series([1, 2], ["b", "a"]), [1, 2], "weights: has no index"),
    ],
)
def test_what_is_no_outcome_score_or_weight(y, score, weights, message):
    with pytest.raises(ArgumentError, match=message):
        read_rows(y, score=score, weights=weights)


def test_everything_wrong_is_said_at_once():
    with pytest.raises(ArgumentError) as caught:
        read_rows([True, False], score=["x", "y"], weights=[np.nan, 1])
    assert [problem.where for problem in caught.value.problems] == ["score", "weights"]


@pytest.mark.parametrize("call", [roc_auc, gini, ks, pr_auc, brier])
def test_confidence_is_a_share(call):
    with pytest.raises(ArgumentError, match="confidence"):
        call([True, False], [1, 0], confidence=95)


@pytest.mark.parametrize("call", [gains, calibration, expected_calibration_error])
@pytest.mark.parametrize("bins", [0, 2.0, True])
def test_bins_are_counted(call, bins):
    with pytest.raises(ArgumentError, match="whole number, 1 or more"):
        call([True, False], [1, 0], bins=bins)


# ---------------------------------------------------------------------------------------------------------- ranking

# Hanley, J. A. and McNeil, B. J. (1982), Radiology 143, 29-36, table 1: CT images of 109 patients.
RATING = np.repeat([1, 2, 3, 4, 5, 1, 2, 3, 4, 5], [33, 6, 6, 11, 2, 3, 2, 2, 11, 33])
ABNORMAL = np.arange(109) >= 58


def test_auc_equals_the_published_figures():
    """Stata's manual, [R] roctab, gives 0.8932, DeLong's standard error 0.0307, and 0.83295 to 0.95339 by it."""
    found = roc_auc(ABNORMAL, RATING)
    assert (round(found.value, 4), round(error_of(found), 4)) == (0.8932, 0.0307)
    plain = found.value - Z * error_of(found), found.value + Z * error_of(found)
    assert [round(bound, 5) for bound in plain] == [0.83295, 0.95339]


# DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, 837-845: albumin, total protein and K-G score of patients
# with ovarian cancer, and their outcome; the 43 without gaps, as in SAS/STAT's manual, PROC LOGISTIC, example 8.
PATIENTS = np.loadtxt(
    """3.0 5.8 10 0; 3.2 6.3 5 1; 3.9 6.8 3 1; 2.8 4.8 6 0; 3.2 5.8 3 1; 0.9 4.0 5 0; 2.5 5.7 8 0; 1.6 5.6 5 1
    3.8 5.7 5 1; 3.7 6.7 6 1; 3.2 5.4 4 1; 3.8 6.6 6 1; 4.1 6.6 5 1; 3.6 5.7 5 1; 4.3 7.0 4 1; 3.6 6.7 4 0
    2.3 4.4 6 1; 4.2 7.6 4 0; 4.0 6.6 6 0; 3.5 5.8 6 1; 3.8 6.8 7 1; 3.0 4.7 8 0; 4.5 7.4 5 1; 3.7 7.4 5 1
    3.1 6.6 6 1; 4.1 8.2 6 1; 4.3 7.0 5 1; 4.3 6.5 4 1; 3.2 5.1 5 1; 2.6 4.7 6 1; 3.3 6.8 6 0; 1.7 4.0 7 0
    3.7 6.1 5 1; 3.3 6.3 7 1; 4.2 7.7 6 1; 3.5 6.2 5 1; 2.9 5.7 9 0; 2.1 4.8 7 1; 2.8 6.2 8 0; 4.0 7.0 7 1
    3.3 5.7 6 1; 3.7 6.9 5 1; 3.6 6.6 5 1""".replace(";", "\n").splitlines()
)
ALBUMIN, PROTEIN, SCORE, HELPED = PATIENTS[:, 0], PATIENTS[:, 1], 10 - PATIENTS[:, 2], PATIENTS[:, 3] == 1


def test_paired_scores_equal_the_published_figures():
    """Areas 0.7258 (0.1028) and 0.6478 (0.1000); all three alike: chi-square 2.5340 on 2 degrees of freedom."""
    found = [roc_auc(HELPED, score) for score in (SCORE, PROTEIN)]
    assert [(round(one.value, 4), round(error_of(one), 4)) for one in found] == [(0.7258, 0.1028), (0.6478, 0.1)]
    pairs = [auc_difference(HELPED, a, b) for a, b in ((ALBUMIN, SCORE), (PROTEIN, SCORE), (ALBUMIN, PROTEIN))]
    errors = np.array([(pair.high - pair.low) / (2 * reach(pair)) for pair in pairs])
    shared = (errors[0] ** 2 + errors[1] ** 2 - errors[2] ** 2) / 2
    covariance = np.array([[errors[0] ** 2, shared], [shared, errors[1] ** 2]])
    values = np.array([pair.value for pair in pairs[:2]])
    assert round(float(values @ np.linalg.solve(covariance, values)), 4) == 2.5340
    # By a normal distribution 0.4561; there are no more than 12 patients of one kind.
    assert math.erfc(abs(pairs[1].value) / errors[1] / math.sqrt(2)) == pytest.approx(0.4561, abs=5e-5)
    assert pairs[1].p == pytest.approx(2 * t.sf(abs(pairs[1].value) / errors[1], 11))


@given(leads())
def test_auc_and_its_error_by_every_pair(rows):
    y, score = rows
    wins = np.sign(score[y][:, None] - score[~y]) / 2 + 0.5
    found = roc_auc(y, score)
    assert found.value == pytest.approx(wins.mean())
    variance = wins.mean(axis=1).var(ddof=1) / y.sum() + wins.mean(axis=0).var(ddof=1) / (~y).sum()
    if found.reason:
        assert len(set(score)) == 1
    elif 0.001 < found.value < 0.999:
        assert error_of(found) == pytest.approx(math.sqrt(variance), rel=1e-5, abs=1e-7)


@given(leads(), st.data())
def test_a_difference_by_every_pair(rows, data):
    y, a = rows
    b = np.array(data.draw(st.lists(st.integers(0, 6), min_size=len(y), max_size=len(y))), float)
    wins = [np.sign(score[y][:, None] - score[~y]) / 2 + 0.5 for score in (a, b)]
    more = wins[0] - wins[1]
    variance = more.mean(axis=1).var(ddof=1) / y.sum() + more.mean(axis=0).var(ddof=1) / (~y).sum()
    found = auc_difference(y, a, b)
    assert found.value == pytest.approx(more.mean(), abs=1e-12)
    if variance < 1e-20:
        assert np.isnan([found.low, found.p]).all()
        assert found.reason == "both rank the leads alike"
    elif found.low > -1 and found.high < 1:
        assert (found.high - found.low) / (2 * reach(found)) == pytest.approx(math.sqrt(variance))
    back = auc_difference(y, b, a)
    assert figures(back) == pytest.approx((-found.value, -found.high, -found.low), nan_ok=True)


def precision_by_hand(y, score, weight):
    """At each threshold in turn: the gain in recall times the precision."""
    total, recall = 0.0, 0.0
    for threshold in sorted(set(score), reverse=True):
        flagged = score >= threshold
        now = weight[flagged & y].sum() / weight[y].sum()
        total += (now - recall) * weight[flagged & y].sum() / weight[flagged].sum()
        recall = now
    return total


@given(leads(), st.data())
def test_average_precision_and_what_moves_it(rows, data):
    y, score = rows
    weight = np.array(data.draw(st.lists(st.integers(1, 4), min_size=len(y), max_size=len(y))), float)
    found = pr_auc(y, score, weights=weight)
    assert found.value == pytest.approx(precision_by_hand(y, score, weight))
    # From a bound that is 1 but for rounding no error can be read back.
    if 0.001 < found.value < 0.999 and not found.reason and found.low > 1e-9 and found.high < 1 - 1e-9:
        step = 1e-5
        moved = []
        for lead in range(len(y)):
            ends = [precision_by_hand(y, score, weight + sign * step * (np.arange(len(y)) == lead)) for sign in (1, -1)]
            moved.append((ends[0] - ends[1]) / (2 * step) * weight[lead])
        sides = [np.array(moved)[side] for side in (y, ~y)]
        variance = sum(len(side) / (len(side) - 1) * (side**2).sum() for side in sides)
        assert error_of(found) == pytest.approx(math.sqrt(variance), rel=1e-4, abs=1e-7)


def test_average_precision_of_a_textbook_ranking():
    """Relevant at ranks 1, 3, 6, 9 and 10: (1/1 + 2/3 + 3/6 + 4/9 + 5/10) / 5 (Manning, Raghavan, Schuetze)."""
    y = [True, False, True, False, False, True, False, False, True, True]
    assert pr_auc(y, range(10, 0, -1)).value == pytest.approx((1 + 2 / 3 + 3 / 6 + 4 / 9 + 5 / 10) / 5)


# ------------------------------------------------------------------------------------------- what changes no measure

RANKED = [roc_auc, pr_auc]


@given(leads())
def test_a_monotone_relabelling_changes_no_rank_measure(rows):
    y, score = rows
    other = np.exp(score) - 1000
    for call in RANKED:
        same(call(y, score), call(y, other))
    drop = ["highest", "lowest"]
    pd.testing.assert_frame_equal(gains(y, score).frame.drop(columns=drop), gains(y, other).frame.drop(columns=drop))
    segment = np.arange(len(y)) % 2
    pd.testing.assert_frame_equal(by_segment(y, score, by=segment), by_segment(y, other, by=segment))
    assert auc_difference(y, score, other).value == pytest.approx(0, abs=1e-12)
    endless = np.where(score == score.max(), np.inf, np.where(score == score.min(), -np.inf, score))
    for call in RANKED if len(set(score)) > 1 else []:
        same(call(y, score), call(y, endless))
        assert gains(y, score).frame["events"].tolist() == gains(y, endless).frame["events"].tolist()


@given(leads(), st.data())
def test_weights_of_2_equal_a_row_twice(rows, data):
    y, score = rows
    weight = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(y), max_size=len(y))))
    for call in RANKED:
        weighted, repeated = call(y, score, weights=weight), call(np.repeat(y, weight), np.repeat(score, weight))
        assert weighted.value == pytest.approx(repeated.value, nan_ok=True)
        assert (weighted.n, weighted.events) == ((weight > 0).sum(), (weight[y] > 0).sum())
        # Twice the weight of all is no more leads.
        same(weighted, call(y, score, weights=2 * weight))
        same(call(y, score), call(y, score, weights=np.full(len(y), 0.1)))


@given(leads())
def test_a_reversed_score_ranks_the_other_way_round(rows):
    y, score = rows
    found, back = roc_auc(y, score), roc_auc(y, -score)
    assert figures(back) == pytest.approx((1 - found.value, 1 - found.high, 1 - found.low), nan_ok=True)
    same(back, roc_auc(~y, score))
    pd.testing.assert_series_equal(
        gains(y, -score, bins=len(y)).frame["events"].reset_index(drop=True),
        gains(y, score, bins=len(y)).frame["events"][::-1].reset_index(drop=True),
    )


@given(leads())
def test_gini_is_somers_d(rows):
    y, score = rows
    found, auc = gini(y, score), roc_auc(y, score)
    if not np.isnan(found.low):
        assert found.value == pytest.approx(somersd(y, score).statistic)
    assert figures(found) == pytest.approx(tuple(2 * part - 1 for part in figures(auc)), nan_ok=True)


@given(leads())
def test_ks_is_the_largest_gap_between_the_shares_above_a_threshold(rows):
    y, score = rows
    gaps = [abs((score[y] >= cut).mean() - (score[~y] >= cut).mean()) for cut in score]
    found = ks(y, score)
    assert found.value == pytest.approx(max(gaps))
    # Older scipy warns where it finds the p exactly, but the statistic is asked for only.
    with warnings.catch_warnings(action="ignore"):
        assert found.value == pytest.approx(ks_2samp(score[y], score[~y]).statistic)
    assert 0 <= found.low <= found.value <= found.high <= 1
    same(found, ks(y, -score))
    same(found, ks(~y, score))


def test_ks_at_the_bounds_that_are_in_tables():
    """1.36 times the root of 1 / m + 1 / n at 5 %, 1.63 at 1 %: Smirnov (1948), as in any table."""
    y, score = np.arange(1000) < 400, np.r_[np.full(400, 1.0), np.repeat([1.0, 0.0], 300)]
    for confidence, critical in ((0.95, 1.36), (0.99, 1.63)):
        found = ks(y, score, confidence=confidence)
        assert found.value - found.low == pytest.approx(critical * math.sqrt(1 / 400 + 1 / 600), rel=0.003)
    assert found.value == 0.5
    assert (found.n, found.events) == (1000, 400)


@pytest.mark.parametrize("apart", [0, 0.25, 1, 2])
def test_ks_intervals_hold_the_truth(apart):
    rng, truth = np.random.default_rng(5), 2 * norm.cdf(apart / 2) - 1
    y = np.arange(550) < 50
    held = []
    for _ in range(300):
        found = ks(y, rng.normal(apart * y, 1))
        held.append(found.low <= truth <= found.high)
    # 95 % less what chance may take away, one time in a thousand.
    assert np.mean(held) > 0.95 - 3.1 * math.sqrt(0.95 * 0.05 / 300)


def test_ks_and_gini_of_one_kind_or_of_unknown_outcomes():
    for call in (ks, gini):
        assert "same outcome" in call([True, True], [1, 2]).reason
        assert call([True, False, None], [2, 1, 3]).unknown == 1


@given(leads(), st.randoms(use_true_random=False))
def test_row_order_changes_nothing(rows, random):
    y, score = rows
    order = list(range(len(y)))
    random.shuffle(order)
    chance = score / 6
    for call in RANKED:
        same(call(y, score), call(y[order], score[order]))
    same(brier(y, chance), brier(y[order], chance[order]))
    same(auc_difference(y, score, -score), auc_difference(y[order], score[order], -score[order]))
    pd.testing.assert_frame_equal(gains(y, score).frame, gains(y[order], score[order]).frame)
    pd.testing.assert_frame_equal(calibration(y, chance).frame, calibration(y[order], chance[order]).frame)
    segment = np.arange(len(y)) % 3
    pd.testing.assert_frame_equal(
        by_segment(y, score, by=segment), by_segment(y[order], score[order], by=segment[order])
    )
    errors = [expected_calibration_error(y[order], chance[order]), expected_calibration_error(y, chance)]
    assert errors[0].value == pytest.approx(errors[1].value)
    assert errors[0].by_chance == pytest.approx(errors[1].by_chance)


@given(leads())
def test_every_figure_lies_in_its_interval(rows):
    y, score = rows
    for found in (roc_auc(y, score), pr_auc(y, score), brier(y, score / 6), auc_difference(y, score, -score)):
        assert found.reason if np.isnan(found.low) else found.low <= found.value <= found.high
    frame = gains(y, score, bins=5).frame
    for name in ("rate", "lift", "captured"):
        assert (frame[f"{name}_low"] <= frame[name] + 1e-9).all()
        assert (frame[name] <= frame[f"{name}_high"] + 1e-9).all()
    assert frame["captured_high"].max() <= 1 + 1e-9
    assert frame["captured"].is_monotonic_increasing


# -------------------------------------------------------------------------------------------------- where little is


@pytest.mark.parametrize(
    ("y", "reason"),
    [
        ([True] * 3, "all leads have the same outcome, True"),
        ([False] * 3, "all leads have the same outcome, False"),
        ([None] * 3, "no lead has a known outcome"),
        ([], "no lead has a known outcome"),
    ],
)
def test_outcomes_of_one_kind_have_no_ranking(y, reason):
    scores = np.arange(len(y))
    for found in (roc_auc(y, scores), pr_auc(y, scores), auc_difference(y, scores, -scores)):
        assert np.isnan(figures(found)).all()
        assert (found.reason, found.unknown) == (reason, y.count(None))
        assert repr(found).startswith(f"none ({reason}), n = ")
    known = [one for one in y if one is not None]
    frame = gains(y, scores).frame
    assert (len(frame), frame["lift"].isna().all()) == (len(known), not any(known))
    assert calibration(y, scores / 3).n == len(known)
    assert np.isnan(expected_calibration_error(y, scores / 3).value) == (not known)
    assert by_segment(y, scores, by=["x"] * len(y))["reason"].tolist() == [reason] * bool(y)


def test_segments_must_be_given():
    with pytest.raises(ArgumentError, match="must have the segment of each lead; got None"):
        by_segment([True, False], [2, 1], by=None)


def test_one_lead_of_a_kind_has_no_interval():
    assert repr(roc_auc([True, False, False], [3, 1, 2])) == (
        "1.000 (no interval: only one lead has the outcome True), n = 3 with 1 event"
    )
    assert roc_auc([True, True, False], [3, 1, 2]).reason == "only one lead has the outcome False"
    assert auc_difference([True, True, False], [3, 1, 2], [1, 2, 3]).reason == "only one lead has the outcome False"
    assert not roc_auc([True, True, False, False], [3, 1, 2, 4]).reason


def test_equal_scores_rank_nothing():
    found = roc_auc([True, False, True, False], [5, 5, 5, 5])
    assert (found.value, found.reason) == (0.5, "all scores are equal")
    assert pr_auc([True, False, False, False], [5, 5, 5, 5]).value == 0.25


def test_perfect_ranking_is_no_proof():
    y = np.array([True] * 5 + [False] * 20)
    bound = 5 / (5 + Z**2)  # Wilson's of 5 in 5
    for call in RANKED:
        assert figures(call(y, y)) == pytest.approx((1, bound, 1))
    assert figures(roc_auc(y, ~y)) == pytest.approx((0, 0, 1 - bound))
    # A shade less than perfect, and the formula holds.
    assert roc_auc(np.append(y, True), np.append(y, 0.5)).low > 0.5


def test_estimates_as_they_are_read():
    y, score = [True, False, True, False, None], [4, 3, 2, 1, 9]
    assert repr(roc_auc(y, score)) == "0.750 (0.000 to 1.000), n = 4 with 2 events, 1 of unknown outcome left out"
    assert "p = " in repr(auc_difference(y, score, [1, 3, 2, 4, 0]))
    assert "p = " not in repr(auc_difference(y, score, score))
    many = np.tile([True, False], 200)
    assert ", p < 0.0001, n = 400" in repr(auc_difference(many, many + np.arange(400) % 3, np.arange(400) % 7))
    headline = "50.0% (14.7% to 84.4%) of all events come from the 25% of leads with the highest scores"
    assert repr(gains(y, score)).startswith(headline)
    assert "n = 4 with 2 events, 1 of unknown outcome left out.\n\n4 bins, best first" in repr(gains(y, score))
    assert "<table" in gains(y, score)._repr_html_()
    assert "<table" in calibration(y, np.array(score) / 9)._repr_html_()
    assert "if every probability were right" in repr(expected_calibration_error(y, np.array(score) / 9))


# ------------------------------------------------------------------------------------------------------------- gains


@given(leads(), st.integers(1, 6))
def test_gains_by_hand(rows, bins):
    y, score = rows
    found = gains(y, score, bins=bins)
    frame = found.frame
    assert (frame["n"].sum(), frame["n"].max() - frame["n"].min() <= 1) == (len(y), True)
    assert frame["events"].sum() == pytest.approx(y.sum())
    assert frame["captured"].iloc[-1] == pytest.approx(1)
    assert frame["lift"].to_numpy() == pytest.approx(frame["rate"].to_numpy() / y.mean())
    assert frame["captured"].to_numpy() == pytest.approx(frame["events"].cumsum().to_numpy() / y.sum())
    low, high = wilson(frame["events"], frame["n"])
    assert frame[["rate_low", "rate_high"]].to_numpy() == pytest.approx(np.column_stack([low, high]))
    parts = np.split(np.sort(score)[::-1], frame["n"].cumsum())[:-1]
    assert frame["highest"].tolist() == [part[0] for part in parts]
    assert frame["lowest"].tolist() == [part[-1] for part in parts]


def test_ties_at_an_edge_are_shared_out_in_expectation():
    """Of every order of the leads that the score leaves open, the mean."""
    y, score = np.array([True, True, False, True, False, False, True]), np.array([9, 5, 5, 5, 5, 2, 2])
    edges = [0, 2, 5, 7]
    drawn = [
        [y[list(order)][start:end].sum() for start, end in itertools.pairwise(edges)]
        for order in itertools.permutations(range(7))
        if (np.diff(score[list(order)]) <= 0).all()
    ]
    assert len(drawn) == math.factorial(4) * 2
    frame = gains(y, score, bins=3).frame
    assert frame["n"].tolist() == np.diff(edges).tolist()
    assert frame["events"].to_numpy() == pytest.approx(np.mean(drawn, axis=0))
    assert gains(y, np.zeros(7), bins=7).frame["lift"].to_numpy() == pytest.approx(np.ones(7))


def test_lift_where_one_part_has_no_event_or_all():
    frame = gains([True] * 5 + [False] * 15, np.arange(20)[::-1], bins=2).frame
    assert frame["lift"].tolist() == [2, 0]
    # All events above: at most twice the rate of all, as many as there are; and below possibly none.
    assert (frame.loc[1, "lift_high"], frame.loc[2, "lift_low"]) == (2, 0)
    # The two halves tell one story: a lift of x in the one is one of 2 - x in the other.
    assert frame.loc[1, "lift_low"] == pytest.approx(2 - frame.loc[2, "lift_high"])
    assert 1 < frame.loc[1, "lift_low"] < 2
    assert frame.loc[2, ["captured", "captured_low", "captured_high"]].tolist() == [1, 1, 1]


def test_lift_by_the_published_formula():
    """Donner and Zou's bounds of a ratio, in the form in which they print them."""
    frame = gains([True] * 6 + [False] * 4 + [True] * 3 + [False] * 17, np.arange(30)[::-1], bins=3).frame
    a, b = 6 / 10, 3 / 20
    (l1, u1), (l2, u2) = ([float(bound) for bound in wilson(k, n)] for k, n in ((6, 10), (3, 20)))
    low = (a * b - math.sqrt((a * b) ** 2 - l1 * (2 * a - l1) * u2 * (2 * b - u2))) / (u2 * (2 * b - u2))
    high = (a * b + math.sqrt((a * b) ** 2 - u1 * (2 * a - u1) * l2 * (2 * b - l2))) / (l2 * (2 * b - l2))
    found = frame.loc[1, ["lift_low", "lift_high"]].to_numpy(float)
    assert found == pytest.approx([3 * low / (low + 2), 3 * high / (high + 2)])


# ------------------------------------------------------------------------------------------------------- probability


@given(leads(least=1), st.integers(1, 6))
def test_calibration_by_hand(rows, bins):
    y, score = rows
    chance = score / 6
    found = calibration(y, chance, bins=bins)
    frame = found.frame
    assert (frame["n"].sum(), frame["events"].sum(), len(frame) <= bins) == (len(y), y.sum(), True)
    assert (frame["lowest"].to_numpy()[1:] > frame["highest"].to_numpy()[:-1]).all()
    for row in frame.itertuples():
        mine = (chance >= row.lowest) & (chance <= row.highest)
        assert (row.n, row.events, row.predicted) == (mine.sum(), y[mine].sum(), pytest.approx(chance[mine].mean()))
        assert (row.low, row.high) == pytest.approx([float(bound) for bound in wilson(row.events, row.n)])
    distance = (frame["n"] * (frame["rate"] - frame["predicted"]).abs()).sum() / len(y)
    assert expected_calibration_error(y, chance, bins=bins).value == pytest.approx(distance, abs=1e-12)


def test_bins_are_of_equal_size_but_for_equal_probabilities():
    assert calibration([True, False] * 10, np.linspace(0, 1, 20), bins=5).frame["n"].tolist() == [4] * 5
    # The middle of the second four is past the half of the ten leads.
    assert calibration([True, False] * 5, np.repeat([0.1, 0.2, 0.3], [4, 4, 2]), bins=2).frame["n"].tolist() == [4, 6]


def test_chance_alone_keeps_the_calibration_error_above_0():
    """One bin of 40 leads at 0.3: the mean distance of a binomial share from 0.3 is a sum of 41 terms."""
    share = np.arange(41) / 40
    weight = np.array([math.comb(40, k) * 0.3**k * 0.7 ** (40 - k) for k in range(41)])
    exact = weight @ np.abs(share - 0.3)
    found = expected_calibration_error([True] * 12 + [False] * 28, np.full(40, 0.3))
    assert found.by_chance == pytest.approx(exact, rel=0.05)
    assert (found.value, found.p) == (pytest.approx(0), 1)
    wrong = expected_calibration_error([True] * 30 + [False] * 10, np.full(40, 0.3))
    assert (wrong.value, wrong.p, wrong.high < wrong.value) == (pytest.approx(0.45), 1 / 1001, True)
    assert expected_calibration_error([True] * 12 + [False] * 28, np.full(40, 0.3), random_state=1) != found


def test_probabilities_are_no_points():
    for call in (brier, calibration, expected_calibration_error):
        with pytest.raises(ArgumentError, match=r"probability: |must lie in 0 to 1; 2 do not, the first 85"):
            call([True, False, True], [85, 0.5, -0.1])


def test_brier_by_hand():
    """0.1, 0.2, 0.4 and 0.4 off: 0.37 / 4, and a standard error of the squares of 0.0785 / 2."""
    found = brier([True, False, False, True], [0.9, 0.2, 0.4, 0.6])
    assert found.value == pytest.approx(0.0925)
    squares = np.array([0.01, 0.04, 0.16, 0.16])
    half = Z * squares.std(ddof=1) / 2 / (0.0925 * 0.9075)
    assert [logit(found.low), logit(found.high)] == pytest.approx([logit(0.0925) - half, logit(0.0925) + half])
    assert brier([True] * 3, [0.9] * 3).reason == "all leads have the same outcome, True"
    # Whatever comes, 0.5 is off by 0.5.
    assert figures(brier([True, False] * 50, np.full(100, 0.5))) == pytest.approx((0.25, 0.25, 0.25))
    assert figures(brier([True, False] * 5, [1, 0] * 5)) == pytest.approx((0, 0, Z**2 / (10 + Z**2)))


# ----------------------------------------------------------------------------------------------------------- segments


def test_segments_are_each_a_roc_auc():
    rng = np.random.default_rng(20261201)
    y = pd.Series(rng.random(300) < 0.3, dtype="boolean").mask(rng.random(300) < 0.1)
    score = rng.normal(size=300) + y.fillna(False).to_numpy(float)
    country = pd.Series(rng.choice(["US", "DE", "FR"], 300)).mask(rng.random(300) < 0.2)
    frame = by_segment(y, score, by=country)
    assert frame.index.tolist() == ["DE", "FR", "US", "(missing)"]
    for name, row in frame.iterrows():
        mine = (country.isna() if name == "(missing)" else country == name).to_numpy(bool)
        auc = roc_auc(y[mine], score[mine])
        assert row[["auc", "auc_low", "auc_high"]].tolist() == pytest.approx(figures(auc))
        assert row[["n", "events", "unknown"]].tolist() == [auc.n, auc.events, auc.unknown]
        assert row["rate"] == pytest.approx(auc.events / auc.n)
    assert (frame["n"] + frame["unknown"]).sum() == 300


def test_segments_are_matched_by_lead():
    y = pd.Series({"a": True, "b": False, "c": None}, dtype="boolean")
    score = pd.Series({"d": 1, "c": 2, "b": 3, "a": 4})
    segment = pd.Series({"a": "x", "b": "y", "d": "x"})
    frame = by_segment(y, score, by=segment)
    assert frame.index.tolist() == ["x", "y", "(missing)"]
    assert frame[["n", "unknown"]].to_numpy().tolist() == [[1, 1], [1, 0], [0, 1]]
    assert np.isnan(frame.loc["(missing)", "rate"])


# ------------------------------------------------------------------------------------------------------------ pictures


def test_gains_are_drawn_with_interval_and_counts():
    found = gains([True, None, False, True, False, False], [6, 5, 4, 3, 2, 1], bins=5)
    ax = found.plot()
    line, chance = ax.lines
    assert line.get_xdata() == pytest.approx(np.linspace(0, 1, 6))
    assert line.get_ydata()[1:] == pytest.approx(found.frame["captured"].to_numpy())
    assert chance.get_linestyle() == "--"
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert {*np.round(found.frame["captured_low"], 9)} <= {*np.round(band, 9)}
    assert ax.get_title(loc="left") == "n = 5 with 2 events, 1 of unknown outcome left out"
    assert found.plot(ax) is ax


def test_the_reliability_diagram_shows_every_bin_and_its_interval():
    found = calibration([False, False, False, True, True, True], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], bins=3)
    ax = found.plot()
    assert ax.lines[0].get_xdata().astype(float) == pytest.approx(found.frame["predicted"].to_numpy())
    assert ax.lines[0].get_ydata().astype(float) == pytest.approx(found.frame["rate"].to_numpy())
    ends = [segment[:, 1].tolist() for segment in ax.collections[0].get_segments()]
    assert np.array(ends) == pytest.approx(found.frame[["low", "high"]].to_numpy())
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sorted(labels) == ["bins of 2 leads, 95 % intervals", "every probability right"]
    ax.figure.canvas.draw()


def test_pictures_of_no_event_and_of_no_lead():
    for y in ([], [False] * 4):
        for picture in (gains(y, np.arange(len(y))).plot(), calibration(y, np.arange(len(y)) / 4).plot()):
            picture.figure.canvas.draw()
            assert picture.get_title(loc="left") == f"n = {len(y)} with 0 events"


# --------------------------------------------------------------------------------------------------------- real leads


@pytest.fixture(scope="module")
def contacts(folder):
    raw = pd.read_csv(folder / "bank" / "bank-additional-full.csv", sep=";")
    return raw, raw["y"] == "yes"


@pytest.mark.real
def test_the_length_of_a_call_ranks_its_outcome(contacts):
    """A leak, known only after the outcome: 0.816 in an independent look, 0.818 over all pairs by scipy too."""
    raw, y = contacts
    found = roc_auc(y, raw["duration"])
    assert (round(found.value, 3), found.n, found.events) == (0.818, 41_188, 4_640)
    pairs = mannwhitneyu(raw["duration"][y], raw["duration"][~y]).statistic
    assert found.value == pytest.approx(pairs / (4_640 * 36_548))
    assert found.high - found.low < 0.015


@pytest.mark.real
def test_fewer_calls_rank_better_than_more(contacts):
    raw, y = contacts
    table = gains(y, -raw["campaign"], bins=4).frame
    # 17,642 had one call: the first quarter, and most of the second, are of them alone.
    assert table.loc[1, "rate"] == pytest.approx((y & (raw["campaign"] == 1)).sum() / (raw["campaign"] == 1).sum())
    assert table["rate"].is_monotonic_decreasing
    assert auc_difference(y, raw["duration"], -raw["campaign"]).low > 0.2


@pytest.mark.real
def test_origins_of_olist_as_counted_elsewhere(folder):
    """Unknown origin 1,099 leads, 16.3 % won; empty origin 60, 23.3 %."""
    raw = pd.read_csv(folder / "olist" / "olist_marketing_qualified_leads_dataset.csv").set_index("mql_id")
    deals = pd.read_csv(folder / "olist" / "olist_closed_deals_dataset.csv")
    won = pd.Series(raw.index.isin(deals["mql_id"]), raw.index)
    day = pd.to_datetime(raw["first_contact_date"]).astype(np.int64)
    frame = by_segment(won, day, by=raw["origin"].sample(frac=1, random_state=0))
    assert frame.loc["unknown", ["n", "rate"]].tolist() == [1099, pytest.approx(0.163, abs=5e-4)]
    assert frame.loc["(missing)", ["n", "rate"]].tolist() == [60, pytest.approx(0.233, abs=5e-4)]
    assert frame["events"].sum() == 842


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8), st.integers(1, 4)), min_size=4, max_size=60))
def test_ranking_measures_equal_scikit_learn(rows):
    y, score, weight = (np.array(column) for column in zip(*rows, strict=True))
    if len(set(y.tolist())) < 2:
        return
    assert roc_auc(y, score).value == pytest.approx(roc_auc_score(y, score))
    assert pr_auc(y, score).value == pytest.approx(average_precision_score(y, score))
    assert roc_auc(y, score, weights=weight).value == pytest.approx(roc_auc_score(y, score, sample_weight=weight))
    found = average_precision_score(y, score, sample_weight=weight)
    assert pr_auc(y, score, weights=weight).value == pytest.approx(found)
    assert brier(y, score / 8).value == pytest.approx(brier_score_loss(y, score / 8))


@pytest.mark.parametrize("measure", [roc_auc, gini, pr_auc])
def test_rows_of_one_lead_say_as_much_as_they_do(measure):
    """Four rows that say the same are one lead."""
    rng = np.random.default_rng(2)
    y, score = rng.random(300) < 0.2, rng.normal(size=300).round(1)
    once = measure(y, score + y)
    rows = measure(np.repeat(y, 4), np.repeat(score + y, 4), groups=np.repeat(np.arange(300), 4))
    assert (rows.value, rows.n) == (pytest.approx(once.value), 1200)
    assert (rows.low, rows.high) == pytest.approx((once.low, once.high), rel=0.01)
    alone = measure(np.repeat(y, 4), np.repeat(score + y, 4))
    assert alone.high - alone.low < 0.55 * (once.high - once.low)


def test_intervals_hold_the_truth_where_rows_of_a_lead_are_alike():
    """Eight rows a lead, whose chance is its own; without groups three in four intervals hold it."""
    rng = np.random.default_rng(4)

    def drawn(leads, rows):
        own, score = rng.normal(-2, 1.5, leads), rng.normal(size=leads)
        y = rng.random((leads, rows)) < 1 / (1 + np.exp(-(own + score)))[:, None]
        other = rng.normal(size=leads)
        return y.ravel(), *(np.repeat(part, rows) for part in (score, other, np.arange(leads)))

    y, score, other, _ = drawn(200_000, 1)
    true = roc_auc(y, score).value, auc_difference(y, score, other).value
    held = []
    for _ in range(200):
        y, score, other, lead = drawn(80, 8)
        found = roc_auc(y, score, groups=lead), auc_difference(y, score, other, groups=lead)
        held.append([one.low <= truth <= one.high for one, truth in zip(found, true, strict=True)])
    assert (np.mean(held, axis=0) > 0.91).all()


def test_one_lead_with_the_outcome_has_no_interval_however_many_its_rows():
    y, score, lead = [True, True, False, False, False], [5, 4, 3, 4, 1], ["a", "a", "b", "b", "c"]
    assert roc_auc(y, score, groups=lead).reason == "only one lead has the outcome True"
    assert roc_auc(y, score).reason == ""
