"""Intervals are worked out when they are first asked for, and are the same whenever that is."""

import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from leadscore.learn.card import classifier
from leadscore.learn.card.classifier import LeadClassifier
from tests.support.classifier_world import DAY_ONE, QUICK, leads

WAYS = {
    "plain": {},
    "weights": {"sample_weight": np.arange(600) % 3 + 1.0},
    "groups": {"groups": np.arange(600) // 2},
    "dates": {"dates": DAY_ONE + pd.to_timedelta(np.arange(600) % 40, "D")},
}


@pytest.fixture
def drawings(monkeypatch):
    """Grows by one whenever draws are made."""
    made, resampled = [], classifier.resampled
    monkeypatch.setattr(classifier, "resampled", lambda *given: made.append(given) or resampled(*given))
    return made


def fitted(way="plain", seed=0, **parameters):
    frame, y = leads(600, seed)
    return LeadClassifier(**QUICK | parameters).fit(frame, y, **WAYS[way])


def same(one, other):
    pd.testing.assert_frame_equal(one.interval(), other.interval(), check_exact=True)
    pd.testing.assert_frame_equal(one.points_card().frame, other.points_card().frame, check_exact=True)


def through_joblib(model, path):
    joblib.dump(model, path / "m.joblib")
    return joblib.load(path / "m.joblib")


def through_a_file(model, path):
    model.save(path / "m.npz")
    return LeadClassifier.load(path / "m.npz")


COPIES = {
    "pickle": lambda model, _: pickle.loads(pickle.dumps(model)),
    "joblib": through_joblib,
    "model file": through_a_file,
    "deep copy": lambda model, _: copy.deepcopy(model),
    "copy": lambda model, _: copy.copy(model),
    "recalibrated": lambda model, _: model.recalibrate(*leads(600, seed=1)),
}


def test_neither_a_fit_nor_a_prediction_draws(drawings):
    model, (frame, y) = fitted(), leads(600)
    model.predict_proba(frame)
    model.predict(frame)
    repr(model)
    clone(model)
    beside = copy.copy(model), model.recalibrate(frame, y)
    assert not drawings
    model.interval()
    assert len(drawings) == 1
    for each in (model, *beside):
        each.interval(confidence=0.5)
        each.points_card()
    assert len(drawings) == 1


@pytest.mark.parametrize("way", WAYS)
def test_asked_early_or_late_they_are_the_same(way):
    early, (frame, y) = fitted(way), leads(600)
    early.interval()
    outcome = y.copy()
    late = LeadClassifier(**QUICK).fit(frame, outcome, **WAYS[way])
    frame.loc[:, "visits"] = 0
    outcome[:] = False
    np.random.seed(3)  # noqa: NPY002 - what others do with the state that all share must not matter
    fitted(way, seed=5).interval()
    late.set_params(C=9.0, max_bins=2)
    late.interval()
    same(early, late.set_params(**early.get_params()))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", COPIES)
def test_copies_made_before_and_after_they_are_asked_say_the_same(kind, way, tmp_path):
    model = fitted(way)
    before = COPIES[kind](model, tmp_path)
    first = model.interval()
    after = COPIES[kind](model, tmp_path)
    same(before, after)
    pd.testing.assert_frame_equal(before.interval(), first, check_exact=True)


def test_a_pickle_holds_what_was_drawn_and_nothing_of_the_rows():
    model = fitted()
    before = pickle.dumps(model)
    model.interval()
    assert before == pickle.dumps(model)
    assert b"Rows" not in before


def test_a_fit_anew_draws_anew():
    model = fitted()
    model.interval()
    same(model.fit(*leads(600, seed=1)), fitted(seed=1))
