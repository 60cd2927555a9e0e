"""Shapes of features: about as good as logistic regression where that is right, and better where it is not."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from leadscore.learn.card.classifier import LeadClassifier
from leadscore.learn.card.shapes import segments

SHAPES = {
    "linear": (8, lambda x: -2.2 + 0.6 * x[0] + 0.5 * x[1] - 0.4 * x[2] + 0.3 * x[3]),
    "steps": (8, lambda x: -3 + 1.2 * (x[0] > 0) + 0.8 * (x[0] > 1) + (x[1] > -0.5) - 0.9 * (x[2] > 0.8)),
    "u-shape": (8, lambda x: -3 + 0.7 * x[0] ** 2 + 0.4 * x[1] ** 2 + 0.4 * x[2]),
    "sparse": (20, lambda x: -2.4 + 1.1 * x[1]),
}


def gains(shape, seeds):
    """AUC on other leads of the model and of its card, less that of logistic regression; a row per seed."""
    p, log_odds = SHAPES[shape]
    for seed in seeds:
        rng = np.random.default_rng(seed)
        old, new = (pd.DataFrame(rng.normal(size=(n, p))) for n in (5000, 20_000))
        y, z = (rng.random(len(X)) < expit(log_odds(X)) for X in (old, new))
        plain = roc_auc_score(z, LogisticRegression().fit(old, y).predict_proba(new)[:, 1])
        old, new = (X.rename(columns="f{}".format) for X in (old, new))
        model = LeadClassifier(guards=None).fit(old, y)
        ours = (model, model.points_card(), model.points_card(max_points_rows=50))
        yield [roc_auc_score(z, each.predict_proba(new)[:, 1]) - plain for each in ours]


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_additive_data_are_ordered_as_well_as_by_logistic_regression(shape):
    assert np.mean(list(gains(shape, range(20))), axis=0).min() > -0.005


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["linear", "u-shape"])
def test_a_card_is_about_as_good_as_logistic_regression(shape):
    assert np.mean(list(gains(shape, range(3))), axis=0).min() > -0.005


def test_the_fewest_segments_that_keep_a_staircase_are_its_steps():
    heights = np.repeat([0.0, 2.0, -1.0], [5, 3, 4])
    first = segments(heights, np.full(12, 10.0), np.ones(12), 10, 1.0)
    assert first.tolist() == [0] * 5 + [5] * 3 + [8] * 4
    # Of two the cheapest: the lowest stays apart, which loses half as much as if the first did.
    of_two = segments(heights, np.full(12, 10.0), np.ones(12), 2, 1.0)
    assert of_two.tolist() == [0] * 8 + [8] * 4
    assert (segments(heights, np.full(12, 10.0), np.ones(12), 10, 13.0) == 0).all()


@pytest.mark.slow
def test_a_fit_of_two_hundred_columns_ends():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(5000, 200))).rename(columns="f{}".format)
    y = rng.random(5000) < expit(-2.5 + frame["f1"] + 0.7 * frame["f2"])
    started = time.process_time()
    LeadClassifier(guards=None).fit(frame, y)
    assert time.process_time() - started < 30


def test_of_many_features_those_that_tell_nothing_are_left_out_and_named(caplog):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(1500, 40))).rename(columns="f{}".format)
    y = rng.random(1500) < expit(-1 + frame["f1"] + 0.7 * frame["f2"])
    with caplog.at_level("INFO", logger="leadscore"):
        model = LeadClassifier(guards=None, bins="shape", encoding="onehot", C=0.3).fit(frame, y)
    kept = {bins.name for bins in model.model_.features}
    assert {"f1", "f2"} <= kept
    (said,) = (one.getMessage() for one in caplog.records if "tell least" in one.getMessage())
    assert set(said.split(": ")[1].split(", ")) == set(frame) - kept != set()
