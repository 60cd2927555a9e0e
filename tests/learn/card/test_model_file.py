"""Model files: the same model comes back to the last bit, and files stay where they are."""

import io
import json
import re
from dataclasses import dataclass, replace

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

from leadscore.errors import ArgumentError
from leadscore.learn.card import model_file
from leadscore.learn.card.additive import Draws
from leadscore.learn.card.classifier import LeadClassifier
from leadscore.present.result import Result
from tests.support.model_files import DATES, FRAME, MODEL, OUTCOME, PAIRED, N, copied, fitted, paired, written


def assert_same(model, other, frame):
    assert vars(other).keys() == vars(model).keys()
    assert other.get_params() == model.get_params()
    for name in ("coefficients", "curvature", "covariance", "mass", "events"):
        assert getattr(other.model_, name).tobytes() == getattr(model.model_, name).tobytes(), name
    assert other.draws_.coefficients.tobytes() == model.draws_.coefficients.tobytes()
    assert (other.model_.features, other.model_.intercept, other.model_.log_loss) == (
        model.model_.features,
        model.model_.intercept,
        model.model_.log_loss,
    )
    for name in ("kinds_", "guards_", "n_rows_", "n_unknown_", "trained_until_", "n_features_in_"):
        assert getattr(other, name) == getattr(model, name), name
    assert list(other.kinds_) == list(model.kinds_)
    pd.testing.assert_frame_equal(other.chosen_, model.chosen_)
    assert other.classes_.dtype == model.classes_.dtype
    assert other.predict_proba(frame).tobytes() == model.predict_proba(frame).tobytes()
    assert other.predict(frame).tolist() == model.predict(frame).tolist()
    pd.testing.assert_frame_equal(other.interval(), model.interval())
    assert repr(other.points_card(max_points_rows=12)) == repr(model.points_card(max_points_rows=12))


CASES = {
    "booleans": lambda: (fitted(), FRAME),
    "dates": lambda: (MODEL, FRAME),
    "all chosen": lambda: (fitted(dates=DATES, C=None, bins="auto", encoding="auto"), FRAME),
    "whole numbers": lambda: (fitted(outcome=OUTCOME.astype(int)), FRAME),
    "fractions": lambda: (fitted(outcome=OUTCOME.astype(np.float32) * 2), FRAME),
    "pairs": lambda: (paired(), PAIRED),
    "unknown outcomes": lambda: (fitted(outcome=OUTCOME.astype(object).where(np.arange(N) > 99, None)), FRAME),
    "weights": lambda: (fitted(weight=np.arange(N) % 3 + 0.5), FRAME),
    "groups": lambda: (fitted(groups=np.arange(N) // 2), FRAME),
    "parameters of numpy": lambda: (
        fitted(C=np.float64(0.2), max_bins=np.int64(4), monotone={"visits": "increasing"}),
        FRAME,
    ),
    "an array": lambda: (fitted(FRAME[["visits", "revenue"]].to_numpy()), FRAME[["visits", "revenue"]].to_numpy()),
    "columns named by numbers": lambda: (
        fitted(FRAME.set_axis(range(5), axis=1), guards="drop"),
        FRAME.set_axis(range(5), axis=1),
    ),
    "guards drop": lambda: (fitted(FRAME.assign(leak=OUTCOME.astype(str)), guards="drop", dates=DATES), None),
    "recalibrated": lambda: (MODEL.recalibrate(FRAME[:300], OUTCOME[:300]), FRAME),
}


@pytest.mark.filterwarnings("ignore:LS3")
@pytest.mark.parametrize("case", CASES)
def test_the_same_model_comes_back(case, tmp_path):
    model, frame = CASES[case]()
    frame = FRAME.assign(leak=OUTCOME.astype(str)) if frame is None else frame
    model.save(tmp_path / "m.npz")
    other = LeadClassifier.load(tmp_path / "m.npz")
    assert_same(model, other, frame)
    if case == "guards drop":
        assert {one.code for one in other.guards_} >= {"LS304"}


def test_values_never_seen_come_out_the_same(tmp_path):
    MODEL.save(tmp_path / "m.npz")
    other = LeadClassifier.load(str(tmp_path / "m.npz"))
    frame = FRAME[:3].assign(
        country=["Mars", None, "\uff35\uff33"], visits=[-5, 10**9, 0], title=[None, "", "VP of VP"]
    )
    assert other.predict_proba(frame).tobytes() == MODEL.predict_proba(frame).tobytes()
    row = dict(frame.iloc[0])
    assert repr(other.points_card().explain(row)) == repr(MODEL.points_card().explain(row))


SETTINGS = {
    "bins": st.sampled_from(["auto", "shape", "tree", "quantile"]),
    "encoding": st.sampled_from(["auto", "onehot", "woe"]),
    "max_bins": st.integers(2, 12),
    "C": st.sampled_from([None, 0.1, 1, np.float32(0.3)]),
    "monotone": st.sampled_from([None, {"visits": "increasing"}, {"revenue": "decreasing", "visits": "increasing"}]),
    "pairs": st.integers(0, 2),
    "guards": st.sampled_from([None, "warn", "drop"]),
}
KINDS_OF_OUTCOME = [
    lambda y: y,
    lambda y: y.astype(int),
    lambda y: y * 2.0 - 1,
    lambda y: y.astype("boolean").mask(np.arange(len(y)) % 7 == 0),
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:LS3")
@settings(max_examples=max(10, settings.default.max_examples // 5))
@given(st.fixed_dictionaries({}, optional=SETTINGS), st.sampled_from(KINDS_OF_OUTCOME), st.booleans(), st.booleans())
def test_a_model_of_any_settings_comes_back(folder_of_models, parameters, kind, dated, grouped):
    frame, outcome = FRAME[:600], kind(OUTCOME[:600])
    groups = np.arange(600) // 2 if grouped else None
    model = LeadClassifier(**parameters).fit(frame, outcome, dates=DATES[:600] if dated else None, groups=groups)
    model.save(folder_of_models / "any settings.npz")
    assert_same(model, LeadClassifier.load(folder_of_models / "any settings.npz"), FRAME)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=25)
@given(edges=st.lists(NUMBERS, min_size=1, max_size=9, unique=True).map(sorted), intercept=NUMBERS, level=st.text())
def test_any_number_and_text_comes_back(folder_of_models, edges, intercept, level):
    features = list(MODEL.model_.features)
    place = next(i for i, bins in enumerate(features) if bins.kind == "number")
    rest = next(i for i, bins in enumerate(features) if bins.kind == "category")
    features[place] = replace(features[place], edges=tuple(edges))
    features[rest] = replace(features[rest], levels=((level, f"{level}2"),))
    n = sum(bins.size for bins in features)
    rng = np.random.default_rng(0)
    some = {name: rng.normal(size=n) for name in ("coefficients", "mass", "events")}
    some |= {name: rng.normal(size=(n + 1, n + 1)) for name in ("curvature", "covariance")}
    model = copied(MODEL)
    model.model_ = replace(MODEL.model_, features=features, intercept=intercept, **some)
    model.draws_ = Draws(rng.normal(size=(3, n)))
    with pytest.MonkeyPatch.context() as patch:
        # The card of a model that was never fitted means nothing.
        patch.setattr(model_file, "model_card", lambda *_, **__: model_file.FIRST_LINE)
        model.save(folder_of_models / "any.npz")
    other = LeadClassifier.load(folder_of_models / "any.npz")
    assert other.model_.features == features
    assert np.float64(other.model_.intercept).tobytes() == np.float64(intercept).tobytes()
    assert other.model_.coefficients.tobytes() == some["coefficients"].tobytes()


def test_joblib_works_for_the_trusted(tmp_path):
    joblib.dump(MODEL, tmp_path / "m.joblib")
    assert_same(MODEL, joblib.load(tmp_path / "m.joblib"), FRAME)


def test_a_subclass_stays_one(data, tmp_path):
    class Own(LeadClassifier):
        pass

    assert type(Own.load(written(data, tmp_path / "m"))) is Own


def test_an_unfitted_model_is_not_saved(tmp_path):
    with pytest.raises(NotFittedError):
        LeadClassifier().save(tmp_path / "m.npz")
    assert not list(tmp_path.iterdir())


def test_the_same_model_is_the_same_file(data, tmp_path):
    MODEL.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == data


def test_there_is_nothing_of_single_leads(tmp_path):
    ids = pd.Series([f"L{place * 7919 % 99991:05}x" for place in range(N)], FRAME.index)
    with pytest.warns(UserWarning, match="LS320"):
        model = fitted(FRAME.assign(lead=ids), guards="warn", dates=DATES, groups=ids)
    model.save(tmp_path / "m.npz")
    said = (tmp_path / "m.npz").read_bytes() + (tmp_path / "m.md").read_bytes()
    assert b"country" in said
    found = re.findall(rb"l\d{5}x|lead-\d{5}", said, re.IGNORECASE)
    assert not found
    assert re.findall(rb"l\d{5}x", said + ids.iloc[7].encode(), re.IGNORECASE), "the search would see one"


def test_numpy_reads_it_and_finds_nothing_pickled(data):
    with np.load(io.BytesIO(data), allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    said = json.loads(arrays.pop("model.json"))
    assert said["feature_names_in_"] == list(FRAME)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float64)}
    assert arrays["coefficients"].tobytes() == MODEL.model_.coefficients.tobytes()


# ------------------------------------------------------------------------------------------------------- where it is


def test_other_markdown_is_never_replaced(tmp_path):
    (tmp_path / "README.md").write_text("# Ours\n")
    with pytest.raises(ArgumentError, match=r"would replace README.md"):
        MODEL.save(tmp_path / "README.npz")
    assert (tmp_path / "README.md").read_text() == "# Ours\n"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_card_is_replaced_by_the_next(tmp_path):
    MODEL.save(tmp_path / "m.npz", title="first")
    MODEL.save(tmp_path / "m.npz", title="second")
    assert "# second" in (tmp_path / "m.md").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.md", "m.npz"]


def test_a_save_that_fails_leaves_the_files_as_they_were(tmp_path):
    MODEL.save(tmp_path / "m.npz", title="first")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    @dataclass(frozen=True, eq=False, repr=False)
    class Fails(Result):
        headline: str = "Publish."
        notes: tuple[str, ...] = ()

        def sections(self):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        MODEL.save(tmp_path / "m.npz", verdict=Fails())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("name", "words"),
    [("m.md", "ends in .md"), ("none/m.npz", "is not a folder"), ("", "is a folder")],
)
def test_a_place_that_cannot_be_is_refused_with_all_else(tmp_path, name, words):
    with pytest.raises(ArgumentError) as caught:
        MODEL.save(tmp_path / name, verdict="passed")
    assert words in str(caught.value)
    assert "verdict: must be what the gate gave" in str(caught.value)
    assert not list(tmp_path.iterdir())


# --------------------------------------------------------------------------------------------------------- real data


@pytest.mark.real
def test_bank_contacts_come_back(folder, tmp_path):
    frame = pd.read_csv(folder / "bank" / "bank-additional-full.csv", sep=";")
    outcome = frame.pop("y") == "yes"
    with pytest.warns(UserWarning, match="LS301"):
        model = fitted(frame, outcome, guards="drop", bins="quantile")
    model.save(tmp_path / "bank.npz")
    assert_same(model, LeadClassifier.load(tmp_path / "bank.npz"), frame)
    card = (tmp_path / "bank.md").read_text(encoding="utf-8")
    assert "4,640, which is 11.3% (11.0% to 11.6%) of 41,188" in card
    assert "| LS301 | drop | duration |" in card
    assert (tmp_path / "bank.npz").stat().st_size < 1_000_000
