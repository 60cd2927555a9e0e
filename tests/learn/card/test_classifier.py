"""LeadClassifier: scikit-learn's own checks, any mixed frame in any order, and outcomes of any kind."""

import pickle
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from leadscore.errors import ArgumentError
from leadscore.learn.card.classifier import LeadClassifier
from leadscore.learn.card.tuning import clearly
from tests.support.classifier_world import DAY_ONE, QUICK, bins_of, leads, same

FEW = settings(max_examples=max(settings.default.max_examples // 5, 20))
FEWER = settings(max_examples=max(settings.default.max_examples // 10, 10))


TEXTS_SAY_NO_OUTCOME = "of two texts neither is the outcome unless the caller says so, as y == 'won'"


@parametrize_with_checks(
    [LeadClassifier(guards=None)],
    expected_failed_checks=lambda _: {"check_classifiers_classes": TEXTS_SAY_NO_OUTCOME},
)
def test_scikit_learn(estimator, check):
    before = estimator.get_params()
    check(estimator)
    assert estimator.get_params() == before


# --------------------------------------------------------------------------------------------------------- properties

TEXTS = ["VP", " vp", "Manager", "Select", "unknown", "Straße", "İstanbul", "5", "", None, "Head of Data", "data  nerd"]
VALUES = {
    "number": st.sampled_from([None, -3.5, -1.0, 0.0, 0.1, 2.0, 1e9, 7.25, 1e-9]),
    "whole": st.integers(-3, 60),
    "text": st.sampled_from(TEXTS),
    "flag": st.sampled_from([None, True, False]),
    "same": st.just(1.5),
    "absent": st.none(),
}


@st.composite
def tables(draw):
    """A frame of any kinds of columns, outcomes, and what may come with them."""
    kinds = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=4, unique=True))
    n, rng = draw(st.integers(12, 300)), np.random.default_rng(draw(st.integers(0, 10_000)))
    frame = pd.DataFrame({f"{kind} column": rng.choice(draw(pools(kind)), n) for kind in kinds}, dtype=object)
    frame = frame.apply(lambda column: column.infer_objects())
    score = sum(pd.factorize(frame[name])[0] % 3 for name in frame)
    y = rng.random(n) < 1 / (1 + np.exp(1 - score))
    y[:2] = True, False
    extra = {
        "sample_weight": rng.choice([0.25, 1.0, 3.7], n),
        "dates": DAY_ONE + pd.to_timedelta(rng.integers(0, 40, n), "D"),
        "groups": rng.integers(0, max(2, n // 3), n),
    }
    return frame, y, {name: extra[name] for name in draw(st.sets(st.sampled_from(list(extra))))}


def pools(kind):
    return st.lists(VALUES[kind], min_size=1, max_size=12).map(lambda pool: np.array([*pool, pool[0]], object))


METHODS = st.fixed_dictionaries(
    {
        "bins": st.sampled_from(["auto", "shape", "tree", "quantile"]),
        "encoding": st.sampled_from(["auto", "onehot", "woe"]),
        "C": st.sampled_from([None, 0.1, 1.0]),
        "max_bins": st.integers(2, 12),
    }
)


@FEW
@pytest.mark.filterwarnings("ignore:sample_weight. so unequal")
@given(tables(), METHODS, st.randoms(use_true_random=False))
def test_order_of_rows_and_columns_changes_no_digit(table, options, random):
    frame, y, extra = table
    model = LeadClassifier(guards=None, **options)
    rows = random.sample(range(len(frame)), len(frame))
    columns = random.sample(list(frame), len(frame.columns))
    mixed = {name: np.asarray(values)[rows] for name, values in extra.items()}
    one = clone(model).fit(frame, y, **extra)
    other = clone(model).fit(frame[columns].iloc[rows], y[rows], **mixed)
    same(one, other)
    chance = one.predict_proba(frame)
    np.testing.assert_array_equal(other.predict_proba(frame[columns]), chance)
    assert ((chance > 0) & (chance < 1)).all()
    np.testing.assert_allclose(chance.sum(axis=1), 1)


@FEW
@given(tables(), METHODS)
def test_weights_are_repetitions(table, options):
    frame, y, extra = table
    times = np.random.default_rng(len(y)).integers(0, 4, len(y))
    times[:2] = 1
    rows = np.repeat(np.arange(len(y)), times)
    dates = extra.get("dates")
    model = LeadClassifier(guards=None, **options)
    one = clone(model).fit(frame, y, times.astype(float), dates=dates)
    other = clone(model).fit(frame.iloc[rows], y[rows], dates=None if dates is None else dates[rows])
    assert one.model_.features == other.model_.features
    np.testing.assert_allclose(one.model_.coefficients, other.model_.coefficients, atol=1e-5)
    np.testing.assert_allclose(one.predict_proba(frame), other.predict_proba(frame), atol=1e-5)
    np.testing.assert_allclose(one.chosen_["explained"], other.chosen_["explained"], atol=1e-5)


def test_a_gain_in_the_last_digit_is_none():
    """Where all strengths predict the same, weights and repetitions would else choose another."""
    held = [SimpleNamespace(y=np.zeros(50), weight=np.ones(50), lead=None, period=None)] * 4
    assert not clearly(np.full(200, 2e-16), held, 4)
    assert clearly(np.full(200, 2e-6), held, 4)


@FEWER
@given(st.integers(0, 1000), METHODS, st.sampled_from(["increasing", "decreasing"]))
def test_directions_hold(seed, options, direction):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=400), "z": rng.poisson(3, 400)})
    y = rng.random(400) < 1 / (1 + np.exp(1 - np.sin(2 * frame["x"]) - 0.2 * frame["z"]))
    model = LeadClassifier(guards=None, monotone={"x": direction}, **options).fit(frame, y)
    at = pd.DataFrame({"x": np.linspace(-4, 4, 200), "z": 3})
    steps = np.diff(model.decision_function(at))
    assert (steps >= -1e-9).all() if direction == "increasing" else (steps <= 1e-9).all()


def test_without_a_direction_the_same_shape_does_fall():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=4000)})
    y = rng.random(4000) < 1 / (1 + np.exp(1 - 2 * np.sin(2 * frame["x"])))
    steps = np.diff(
        LeadClassifier(**QUICK).fit(frame, y).decision_function(pd.DataFrame({"x": np.linspace(-2, 2, 50)}))
    )
    assert steps.min() < -0.1
    assert steps.max() > 0.1


# ------------------------------------------------------------------------------------------------------------ columns


def test_chances_are_those_of_the_leads():
    frame, y = leads(8000)
    model = LeadClassifier(**QUICK).fit(frame, y)
    chance = model.predict_proba(frame)[:, 1]
    assert chance.mean() == pytest.approx(y.mean(), abs=0.002)
    tenth = pd.qcut(chance, 5, labels=False)
    for part in range(5):
        assert chance[tenth == part].mean() == pytest.approx(y[tenth == part].mean(), abs=0.03)
    visits = bins_of(model, "visits")["coefficient"]
    assert visits.iloc[0] < -0.8
    assert visits.iloc[-2] > 0.8
    noise = bins_of(model, "noise")
    assert np.average(noise["coefficient"] ** 2, weights=noise["n"]) < 0.2**2
    assert bins_of(model, "seniority").loc["vp", "coefficient"] == pytest.approx(0.7, abs=0.25)


def test_kinds_of_missing_stay_apart():
    rng = np.random.default_rng(0)
    told = rng.choice(["Select", "unknown", None, "", "VP"], 6000).astype(object)
    rate = pd.Series(told).map({"Select": 0.1, "unknown": 0.3, "": 0.6, "VP": 0.5}).fillna(0.6)
    model = LeadClassifier(**QUICK).fit(pd.DataFrame({"told": told}), rng.random(6000) < rate)
    found = bins_of(model, "told")
    assert set(found.index) == {"select", "unknown", "vp", "other", "missing"}
    # Empty text is missing, as in a rulebook.
    assert found.loc["missing", "n"] == (pd.isna(told) | (told == "")).sum()
    order = found.loc[["select", "unknown", "vp", "missing"], "coefficient"]
    assert order.is_monotonic_increasing


def test_rare_levels_are_pooled_and_unseen_ones_are_like_them():
    rng = np.random.default_rng(0)
    source = np.append(rng.choice(["ads", "mail"], 2000), [f"page {place}" for place in range(100)])
    y = np.append(rng.random(2000) < 0.2, rng.random(100) < 0.8)
    model = LeadClassifier(**QUICK).fit(pd.DataFrame({"source": source}), y)
    found = bins_of(model, "source")
    assert list(found["n"].items()) == [(name, found.loc[name, "n"]) for name in found.index]
    assert found.loc["other", "n"] == 100
    assert found.loc["other", "coefficient"] > 1.5
    at = pd.DataFrame({"source": ["page 7", "never seen", "ADS ", "ads"]})
    logits = model.decision_function(at)
    assert logits[0] == logits[1] != logits[2]
    assert logits[2] == logits[3]


def test_unseen_levels_stand_at_the_mean_of_the_feature_where_none_is_rare():
    frame, y = leads()
    frame = frame[["seniority"]].fillna("VP")
    model = LeadClassifier(**QUICK).fit(frame, y)
    at = model.decision_function(pd.DataFrame({"seniority": ["never seen", None]}))
    assert at.tolist() == [model.model_.intercept] * 2
    assert bins_of(model, "seniority").loc[["other", "missing"], ["low", "high"]].isna().all(axis=None)


def test_titles_are_read_word_by_word():
    rng = np.random.default_rng(0)
    rank, field = rng.choice(["VP", "Head", "Junior"], 3000), rng.choice(["Sales", "Data", "Legal", "IT"], 3000)
    title = pd.Series([f"{a} of {b} {place}" for place, (a, b) in enumerate(zip(rank, field, strict=True))])
    y = rng.random(3000) < np.where(rank == "VP", 0.6, 0.2)
    title[rng.random(3000) < 0.1] = None
    model = LeadClassifier(**QUICK).fit(pd.DataFrame({"title": title}), y)
    names = [bins.name for bins in model.model_.features]
    assert {"title has 'vp'", "title has 'data'", "title is known"} <= set(names)
    chance = model.predict_proba(pd.DataFrame({"title": ["data VP, retired", "Head of Data", "VPs of Data"]}))[:, 1]
    assert chance[0] > 0.45
    # Not the word, though its letters.
    assert chance[1] < 0.25
    assert chance[2] < chance[0] - 0.1


def test_booleans_are_two_values_and_missing():
    frame, y = leads()
    frame = pd.DataFrame({"consent": pd.array([True, False, None] * 500, "boolean")})
    model = LeadClassifier(**QUICK).fit(frame, np.where(frame["consent"].fillna(False), True, y))
    assert bins_of(model, "consent")["n"].to_dict() == {"true": 500, "false": 500, "other": 0, "missing": 500}
    asked = pd.DataFrame({"consent": ["TRUE", True]})
    np.testing.assert_array_equal(*model.decision_function(asked)[:, None])


def test_a_spike_is_a_bin_of_its_own():
    rng = np.random.default_rng(0)
    days = np.where(rng.random(5000) < 0.9, 999, rng.integers(0, 30, 5000))
    y = rng.random(5000) < np.where(days == 999, 0.1, 0.6)
    for bins in ("tree", "quantile", "shape"):
        model = LeadClassifier(**QUICK | {"bins": bins, "max_bins": 4}).fit(pd.DataFrame({"days": days}), y)
        last = bins_of(model, "days").iloc[-2]
        # The smooth shape may take the last few days before it along.
        assert last["n"] <= (days == 999).sum() * (1.01 if bins == "shape" else 1)
        assert last["coefficient"] < -0.15


@pytest.mark.slow
@pytest.mark.parametrize("bins", ["auto", "shape", "tree", "quantile"])
@pytest.mark.parametrize("encoding", ["onehot", "woe"])
@pytest.mark.parametrize("dated", [False, True])
def test_columns_that_tell_nothing_leave_the_mean(bins, encoding, dated):
    _, y = leads(600)
    frame = pd.DataFrame(
        {
            "same": 1,
            "absent": np.nan,
            "no text": None,
            "blank": "",
            "one level": "x",
            "all different": [f"w{place} v{place}" for place in range(600)],
            "ids": [f"id{place}" for place in range(600)],
        }
    )
    dates = DAY_ONE + pd.to_timedelta(np.zeros(600), "D") if dated else None
    model = LeadClassifier(guards=None, bins=bins, encoding=encoding).fit(frame, y, dates=dates)
    np.testing.assert_allclose(model.predict_proba(frame)[:, 1], y.mean(), atol=1e-6)
    # One alone is a fit too.
    for name in frame:
        model = LeadClassifier(guards=None, bins=bins, encoding=encoding).fit(frame[[name]], y, dates=dates)
        np.testing.assert_allclose(model.predict_proba(frame[[name]])[:, 1], y.mean(), atol=1e-6)
        with pytest.raises(ArgumentError, match="tells leads apart"):
            model.points_card()


@pytest.mark.parametrize("values", [[True, False], ["u", "v"], [0.0, 1.0], [1e300, np.nextafter(1e300, 2e300)]])
def test_one_feature_of_two_values_is_judged_and_learned(values):
    rng = np.random.default_rng(0)
    first = rng.random(2000) < 0.5
    y = rng.random(2000) < np.where(first, 0.6, 0.2)
    frame = pd.DataFrame({"one": np.where(first, *values)})
    model = LeadClassifier(guards=None).fit(frame, y)
    assert (model.chosen_["folds"] == 4).all()
    assert (model.chosen_["explained"] > 0.05).all()
    wanted = np.where(first, y[first].mean(), y[~first].mean())
    np.testing.assert_allclose(model.predict_proba(frame)[:, 1], wanted, atol=0.02)


def test_a_category_of_five_hundred_levels_is_not_learned_by_heart():
    rng = np.random.default_rng(0)
    share = rng.zipf(1.3, 40_000)
    page = pd.Series(share[share <= 495][:8000]).map("page {}".format)
    y = rng.random(8000) < 0.1
    frame = pd.DataFrame({"page": page})
    model = LeadClassifier(guards=None).fit(frame[:6000], y[:6000])
    rare = max(30, 6000 * 0.005)
    assert all(n >= rare for label, n in bins_of(model, "page")["n"].items() if label not in ("other", "missing"))
    chance = model.predict_proba(frame[6000:])[:, 1]
    assert np.abs(chance - 0.1).max() < 0.09


# ----------------------------------------------------------------------------------------------------------- outcomes


@pytest.mark.parametrize("missing", [np.nan, None, pd.NA])
def test_rows_without_an_outcome_are_left_out_and_counted(missing):
    frame, y = leads(600)
    outcome = pd.Series(y, dtype=object)
    outcome[::3] = missing
    weight = np.ones(600)
    weight[1::3] = 0
    model = LeadClassifier(**QUICK).fit(frame, outcome, weight)
    assert (model.n_rows_, model.n_unknown_) == (200, 200)
    same(model, LeadClassifier(**QUICK).fit(frame[2::3], y[2::3]))
    boolean = LeadClassifier(**QUICK).fit(frame, outcome.astype("boolean"), weight)
    same(model, boolean)
    assert boolean.classes_.tolist() == [False, True]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0.0, 1.0), (1, 2)])
def test_classes_are_any_two_numbers_and_the_larger_is_told(low, high):
    frame, y = leads(600)
    model = LeadClassifier(**QUICK).fit(frame, np.where(y, high, low))
    assert model.classes_.tolist() == [low, high]
    chance = model.predict_proba(frame)[:, 1]
    assert chance[y].mean() > chance[~y].mean()
    assert (model.predict(frame) == np.where(chance > 0.5, high, low)).all()


@pytest.mark.parametrize(
    ("won", "lost"),
    [("won", "lost"), ("Converted", "Lost"), ("accepted", "rejected"), (pd.Timestamp(1), pd.Timestamp(0))],
)
@pytest.mark.parametrize("kind", [np.array, lambda y: pd.Series(y, dtype="category")])
def test_of_two_texts_neither_is_the_outcome(won, lost, kind):
    frame, y = leads(600)
    outcome = kind(np.where(y, won, lost).astype(object))
    with pytest.raises(ArgumentError, match="say which is the outcome, as y == "):
        LeadClassifier(**QUICK).fit(frame, outcome)
    model = LeadClassifier(**QUICK).fit(frame, outcome == won)
    assert model.points_card().frame.groupby("feature")["reached"].sum().unique() == y.sum()
    for fitted in (model, model.points_card()):
        with pytest.raises(ArgumentError, match="say which is the outcome, as y == "):
            fitted.recalibrate(frame, outcome)


def test_series_in_another_order_are_matched_by_lead_and_all_else_by_position():
    frame, y = leads(600)
    frame.index = [f"L{place}" for place in range(600)]
    beside = {
        "sample_weight": np.arange(600) % 3 + 1.0,
        "dates": DAY_ONE + pd.to_timedelta(np.arange(600) % 40, "D"),
        "groups": np.arange(600) // 2,
    }
    outcome = pd.Series(y, frame.index)
    series = {name: pd.Series(np.asarray(values), frame.index) for name, values in beside.items()}
    mixed = {name: values.sample(frac=1, random_state=place) for place, (name, values) in enumerate(series.items())}
    model = LeadClassifier(**QUICK).fit(frame, y, **beside)
    same(model, LeadClassifier(**QUICK).fit(frame, outcome.sample(frac=1, random_state=3), **mixed))
    for fitted in (model, model.points_card()):
        ours, theirs = fitted.recalibrate(frame, y), fitted.recalibrate(frame, outcome[::-1])
        np.testing.assert_array_equal(ours.predict_proba(frame), theirs.predict_proba(frame))
    numbers = frame[["visits", "noise"]].to_numpy()
    same(LeadClassifier(**QUICK).fit(numbers, outcome), LeadClassifier(**QUICK).fit(numbers, y))
    with pytest.raises(ArgumentError, match="y: has none of the leads of X"):
        LeadClassifier(**QUICK).fit(frame, outcome.reset_index(drop=True))


def test_the_same_fit_twice_pickled_and_through_joblib(tmp_path):
    frame, y = leads(600)
    model = LeadClassifier(**QUICK, monotone={"visits": "increasing"}).fit(frame, y)
    same(model, clone(model).fit(frame, y))
    joblib.dump(model, tmp_path / "model.joblib")
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        same(model, copy)
        np.testing.assert_array_equal(model.predict_proba(frame), copy.predict_proba(frame))
        pd.testing.assert_frame_equal(model.points_card().frame, copy.points_card().frame)


def test_other_kinds_of_frame_are_read_alike():
    pl = pytest.importorskip("polars")
    frame, y = leads(600)
    other = pl.from_pandas(frame)
    same(*(LeadClassifier(**QUICK).fit(table, y) for table in (frame, other)))
    category = frame.assign(seniority=frame["seniority"].astype("category"), visits=frame["visits"].astype("float32"))
    same(*(LeadClassifier(**QUICK).fit(table, y) for table in (frame, category)))


def test_arrays_and_frames_are_told_apart_by_name_or_position():
    frame, y = leads(600)
    frame = frame[["visits", "noise"]]
    by_name, by_place = LeadClassifier(**QUICK).fit(frame, y), LeadClassifier(**QUICK).fit(frame.to_numpy(), y)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        np.testing.assert_array_equal(by_name.predict_proba(frame.to_numpy()), by_name.predict_proba(frame))
    with (
        pytest.warns(UserWarning, match="has feature names"),
        pytest.raises(ArgumentError, match=r"lacks .*: 'x0', 'x1'"),
    ):
        by_place.predict_proba(frame)


def test_sparse_columns_are_read_as_dense_ones():
    frame, y = leads(600)
    dense = pd.get_dummies(frame[["visits", "seniority"]], columns=["seniority"])
    sparse = pd.get_dummies(frame[["visits", "seniority"]], columns=["seniority"], sparse=True)
    assert any(isinstance(kind, pd.SparseDtype) for kind in sparse.dtypes)
    one, other = (LeadClassifier(**QUICK | {"guards": "drop"}).fit(table, y) for table in (dense, sparse))
    same(one, other)
    np.testing.assert_array_equal(other.points_card().score(sparse), one.points_card().score(dense))


def test_recalibration_moves_the_intercept_alone():
    frame, y = leads(3000)
    model = LeadClassifier(**QUICK).fit(frame, y)
    rng = np.random.default_rng(1)
    newest, moved = (
        leads(3000, seed=1)[0],
        rng.random(3000) < 1 / (1 + np.exp(-model.decision_function(leads(3000, 1)[0]) - 1)),
    )
    outcome = pd.Series(moved, dtype="boolean")
    outcome[:100] = pd.NA
    other = model.recalibrate(newest, outcome)
    assert other.predict_proba(newest[100:])[:, 1].mean() == pytest.approx(moved[100:].mean(), abs=1e-6)
    steps = other.decision_function(frame) - model.decision_function(frame)
    assert np.ptp(steps) < 1e-9
    assert steps[0] == pytest.approx(1, abs=0.15)
    assert model.predict_proba(frame)[:, 1].mean() == pytest.approx(y.mean(), abs=0.01)
    card, after = model.points_card(), other.points_card()
    np.testing.assert_array_equal(card.points, after.points)
    assert after.intercept - card.intercept == pytest.approx(steps[0])
    times = np.repeat([3, 1, 0], 1000)
    rows = np.repeat(np.arange(3000), times)
    weighted, repeated = model.recalibrate(newest, moved, times), model.recalibrate(newest.iloc[rows], moved[rows])
    assert weighted.model_.intercept == pytest.approx(repeated.model_.intercept, abs=1e-6)
    assert weighted.model_.intercept != pytest.approx(model.recalibrate(newest, moved).model_.intercept, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("times", ["sum", 1e-150, 7.7e9])
@pytest.mark.parametrize("equal", [False, True])
def test_only_the_ratios_of_weights_count(times, equal):
    """Weights that sum to one say no less than the same weights that sum to the rows."""
    frame, y = leads(1500)
    weight = np.full(1500, 0.3) if equal else np.random.default_rng(5).uniform(0.2, 1.8, 1500)
    scaled = weight / weight.sum() if times == "sum" else weight * times
    plain, other = (LeadClassifier(guards=None, bins="auto").fit(frame, y, one) for one in (weight, scaled))
    assert plain.points_card().frame["points"].tolist() == other.points_card().frame["points"].tolist()
    np.testing.assert_allclose(plain.predict_proba(frame), other.predict_proba(frame), atol=1e-6)
    card = other.points_card()
    # By hand: (sum w)^2 / sum w^2.
    assert card.n == pytest.approx(weight.sum() ** 2 / (weight**2).sum(), rel=1e-5)
    if equal:
        assert (
            card.frame["points"].tolist()
            == LeadClassifier(guards=None).fit(frame, y).points_card().frame["points"].tolist()
        )


def test_very_unequal_weights_are_said():
    frame, y = leads(1500)
    weight = np.where(np.arange(1500) % 10 == 0, 1.5, 0.01)
    with pytest.warns(UserWarning, match="1,500 rows are worth 168 of equal weight"):
        LeadClassifier(**QUICK).fit(frame, y, weight)
