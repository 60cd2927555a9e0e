"""LeadClassifier: scikit-learn's own checks, any mixed frame in any order, time, leads with several rows, and traps."""

import datetime as dt
import pickle
from itertools import pairwise

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from leadscore.errors import ArgumentError
from leadscore.learn.card.additive import additive, explained
from leadscore.learn.card.binning import read_columns
from leadscore.learn.card.classifier import LeadClassifier
from leadscore.learn.card.folds import folds, in_order

FEW = settings(max_examples=max(settings.default.max_examples // 5, 20))
FEWER = settings(max_examples=max(settings.default.max_examples // 10, 10))
QUICK = {"guards": None, "bins": "tree", "encoding": "onehot", "C": 1.0}


TEXTS_SAY_NO_OUTCOME = "of two texts neither is the outcome unless the caller says so, as y == 'won'"


@parametrize_with_checks(
    [LeadClassifier(guards=None)],
    expected_failed_checks=lambda _: {"check_classifiers_classes": TEXTS_SAY_NO_OUTCOME},
)
def test_scikit_learn(estimator, check):
    check(estimator)


def leads(n=1500, seed=0):
    """Visits and seniority count; noise does not. A tenth of either is missing."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "visits": rng.poisson(3, n).astype(float),
            "noise": rng.normal(size=n),
            "seniority": rng.choice(["VP", "Manager", "Intern", "Select"], n).astype(object),
            "consent": rng.random(n) < 0.5,
        }
    )
    y = rng.random(n) < 1 / (1 + np.exp(3 - 0.5 * frame["visits"] - 1.0 * (frame["seniority"] == "VP")))
    frame.loc[rng.random(n) < 0.1, "visits"] = np.nan
    frame.loc[rng.random(n) < 0.1, "seniority"] = None
    return frame, y.to_numpy()


def bins_of(model, feature):
    return model.interval().set_index("feature").loc[feature].set_index("bin")


def same(one, other, *, chosen=True):
    """Two models that are equal to the last digit."""
    assert one.model_.features == other.model_.features
    assert one.model_.intercept == other.model_.intercept
    np.testing.assert_array_equal(one.model_.coefficients, other.model_.coefficients)
    np.testing.assert_array_equal(one.draws_, other.draws_)
    if chosen:
        pd.testing.assert_frame_equal(one.chosen_, other.chosen_, check_exact=True)


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
DAY_ONE = pd.Timestamp("2026-01-01")


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


# --------------------------------------------------------------------------------------------------------------- time


def test_folds_learn_from_earlier_days_than_they_judge_and_split_no_day():
    rng = np.random.default_rng(0)
    day = rng.choice(
        [0, 1, 2, 5, 9, 10, 11, 30, 31, 40], 3000, p=[0.3, 0.02, 0.1, 0.1, 0.1, 0.1, 0.08, 0.1, 0.05, 0.05]
    )
    # A row's day is in its features, so that it is known in any order.
    read = read_columns(pd.DataFrame({"day": day.astype(float)}))
    y, ones = (rng.random(3000) < 0.3).astype(float), np.ones(3000)
    rows, own, _ = in_order(read, y, ones, day.astype(np.int64), None)
    np.testing.assert_array_equal(np.unique(day)[rows.codes[0]], own)
    pairs = list(folds(rows, own))
    assert len(pairs) >= 3
    for train, test in pairs:
        assert train.codes[0].max() < test.codes[0].min()
    for (_, earlier), (_, later) in pairwise(pairs):
        assert earlier.codes[0].max() < later.codes[0].min()
    assert all(len(set(rows.period[own == one])) == 1 for one in set(day))


def test_folds_without_days_deal_every_lead_to_one_fold():
    rng = np.random.default_rng(0)
    weight = rng.choice([0.25, 1.0, 3.0], 900)
    read = read_columns(pd.DataFrame({"x": rng.integers(0, 3, 900)}))
    rows, _, _ = in_order(read, (rng.random(900) < 0.3).astype(float), weight, None, None)
    pairs = list(folds(rows, None))
    assert len(pairs) == 4
    assert sum(test.weight.sum() for _, test in pairs) == pytest.approx(weight.sum())
    for train, test in pairs:
        assert train.weight.sum() + test.weight.sum() == pytest.approx(weight.sum())
        assert test.weight.sum() == pytest.approx(weight.sum() / 4, rel=0.02)
        # Each fold is like the whole.
        assert test.weight @ test.y / test.weight.sum() == pytest.approx(weight @ rows.y / weight.sum(), abs=0.01)


def test_what_comes_later_changes_nothing_that_was_learned_before():
    rng = np.random.default_rng(0)
    n = 4000
    day = np.sort(rng.integers(0, 60, n))
    read = read_columns(pd.DataFrame({"day": day, "x": rng.integers(0, 8, n)}))
    y = (rng.random(n) < 0.3).astype(float)
    later = np.where(day >= 40, 1 - y, y)
    both = []
    for outcome in (y, later):
        rows, own, _ = in_order(read, outcome, np.ones(n), day.astype(np.int64), None)
        both.append([(train, test) for train, test in folds(rows, own)])
    alike = [
        (train.counts(train.y) == other.counts(other.y)).all() for (train, _), (other, _) in zip(*both, strict=True)
    ]
    assert alike == [train.codes[0].max() < 40 for train, _ in both[0]] == [True, True, True, False]
    early = [[(train, test) for train, test in pairs if test.codes[0].max() < 40] for pairs in both]
    judged: list[list[float]] = [[], []]
    for pairs, found in zip(early, judged, strict=True):
        for train, test in pairs:
            model, merged = additive(train, 1.0, "onehot", judged=False)
            held = test.rebinned(model.features, merged)
            found.append(explained(model.logits(held.codes, len(held.y)), held))
    assert len(judged[0]) == 2
    np.testing.assert_allclose(*judged, rtol=1e-9)


def test_a_rising_base_rate_is_credited_to_no_feature():
    rng = np.random.default_rng(0)
    n = 6000
    day = np.sort(rng.integers(0, 300, n))
    # A column that rises with time, as the base rate does, and tells nothing beyond.
    frame = pd.DataFrame({"price": day + rng.normal(0, 40, n), "visits": rng.poisson(2, n)})
    y = rng.random(n) < 1 / (1 + np.exp(4 - day / 80 - 0.4 * frame["visits"]))
    dates = DAY_ONE + pd.to_timedelta(day, "D")
    blind, dated = (LeadClassifier(**QUICK).fit(frame, y, dates=dates if use else None) for use in (False, True))

    def moves(model):
        found = bins_of(model, "price")
        return np.sqrt(np.average(found["coefficient"] ** 2, weights=found["n"]))

    assert moves(dated) < 0.4 * moves(blind)
    # The level is that of the newest stretch.
    newest = day >= 270
    assert dated.predict_proba(frame[newest])[:, 1].mean() == pytest.approx(y[newest].mean(), abs=0.05)
    assert dated.trained_until_ == dt.date(2026, 1, 1) + dt.timedelta(int(day.max()))


def test_the_way_is_chosen_on_later_leads_where_there_are_days():
    frame, y = leads(3000)
    dates = np.sort(np.datetime64("2026-01-01") + np.random.default_rng(0).integers(0, 90, 3000))
    for when in (None, dates):
        model = LeadClassifier(guards=None).fit(frame, y, dates=when)
        found = model.chosen_
        assert found["folds"].tolist() == [4] * 9
        assert not found.duplicated(["bins", "encoding", "C"]).any()
        assert found["explained"].iloc[0] > found["explained"].max() - 0.01
        same(
            model,
            LeadClassifier(guards=None, **found.iloc[0][["bins", "encoding", "C"]]).fit(frame, y, dates=when),
            chosen=False,
        )
    assert len(LeadClassifier(guards=None, bins="tree", encoding="woe").fit(frame, y).chosen_) == 4
    few = LeadClassifier(guards=None).fit(frame[:150], y[:150]).chosen_
    assert few["explained"].isna().tolist() == [True]


# ------------------------------------------------------------------------------------------------------------- groups


def test_rows_of_one_lead_widen_intervals_and_copies_do_not_narrow_them():
    frame, y = leads(800)
    once = LeadClassifier(**QUICK).fit(frame, y)
    rows = np.repeat(np.arange(800), 5)
    copies, known = (LeadClassifier(**QUICK).fit(frame.iloc[rows], y[rows], groups=groups) for groups in (None, rows))

    def width(model):
        found = bins_of(model, "seniority")
        return (found["high"] - found["low"])["vp"]

    assert width(copies) < 0.6 * width(once)
    assert width(known) == pytest.approx(width(once), rel=0.25)


def test_names_of_groups_mean_nothing():
    frame, y = leads(500)
    rows = np.repeat(np.arange(250), 2)
    names = np.array([f"L-{997 * place % 250}" for place in range(250)])
    same(*(LeadClassifier(**QUICK).fit(frame, y, groups=groups) for groups in (rows, names[rows])))


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
    with pytest.raises(ArgumentError, match="say which value is the outcome, as y == "):
        LeadClassifier(**QUICK).fit(frame, outcome)
    model = LeadClassifier(**QUICK).fit(frame, outcome == won)
    assert model.points_card().frame.groupby("feature")["reached"].sum().unique() == y.sum()
    for fitted in (model, model.points_card()):
        with pytest.raises(ArgumentError, match="say which value is the outcome, as y == "):
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


# ------------------------------------------------------------------------------------------------------------- guards


def leaked(n=1500):
    frame, y = leads(n)
    rng = np.random.default_rng(1)
    return frame.assign(call_minutes=np.where(y, rng.exponential(5, n) + 1, 0)), y


def test_a_leak_is_warned_of():
    frame, y = leaked()
    with pytest.warns(UserWarning, match="LS301 drop, call_minutes"):
        model = LeadClassifier(**QUICK | {"guards": "warn"}).fit(frame, y)
    assert "call_minutes" in {bins.column for bins in model.model_.features}
    assert "call_minutes" in {found.column for found in model.guards_}


def test_a_leak_is_refused():
    frame, y = leaked()
    with pytest.raises(ArgumentError, match="call_minutes"):
        LeadClassifier(**QUICK | {"guards": "raise"}).fit(frame, y)


def test_a_leak_is_left_out_and_that_is_said():
    frame, y = leaked()
    with pytest.warns(UserWarning, match="Left out: call_minutes"):
        model = LeadClassifier(**QUICK | {"guards": "drop"}).fit(frame, y)
    same(model, LeadClassifier(**QUICK).fit(frame.drop(columns="call_minutes"), y))
    np.testing.assert_array_equal(model.predict_proba(frame), model.predict_proba(frame.assign(call_minutes=0)))


def test_nothing_left_to_trust_is_an_error():
    frame, y = leaked()
    with pytest.warns(UserWarning, match="LS301"), pytest.raises(ArgumentError, match="no column is left"):
        LeadClassifier(guards="drop").fit(frame[["call_minutes"]], y)


@pytest.mark.parametrize("guards", ["warn", "raise", "drop"])
def test_too_few_outcomes_are_refused_whatever_is_asked(guards):
    frame, y = leads(100)
    with pytest.raises(ArgumentError, match="LS340"):
        LeadClassifier(guards=guards).fit(frame, y)


def test_sound_rows_have_no_findings():
    frame, y = leads(3000)
    sound = frame.replace({"seniority": {"Select": "Director"}})
    assert LeadClassifier(**QUICK | {"guards": "raise"}).fit(sound, y).guards_.found == ()


# ------------------------------------------------------------------------------------------------------------- errors

FRAME, Y = leads(60)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.date_range("2026-01-01", periods=60), "odd.*60 rows.*timestamp"),
        ([np.inf] + [1.0] * 59, "odd.*1 infinite"),
        ([[1]] * 60, "odd.*(list|must be a string or a number)"),
        ([{"a": 1}] * 60, "odd"),
        ([1 + 2j] * 60, "odd.*Complex"),
        ([2**60] * 60, r"odd.*2\*\*53"),
        ([object()] + ["x"] * 59, "odd.*must be a string or a number"),
    ],
    ids=["dates", "infinite", "lists", "dicts", "complex", "identifiers", "objects"],
)
def test_columns_that_no_bin_can_hold_are_named(column, message):
    with pytest.raises(ArgumentError, match=f"(?s){message}"):
        LeadClassifier(**QUICK).fit(FRAME.assign(odd=column), Y)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (FRAME.drop(columns="visits"), "visits"),
        (FRAME.assign(visits="many"), "visits.*60 rows.*no plain number"),
        (FRAME.assign(visits=np.inf), "visits.*infinite"),
        (FRAME.assign(seniority=pd.Timestamp("2026-01-01")), "seniority.*timestamp"),
        (FRAME[list(FRAME)[::-1]], "order"),
    ],
    ids=["lacking", "text for number", "infinite", "date for text", "order"],
)
def test_frames_unlike_those_learned_from_are_refused_by_name(frame, message):
    model = LeadClassifier(**QUICK).fit(FRAME, Y)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        model.predict_proba(frame)


def test_numerals_as_text_are_read_as_the_numbers_learned():
    model = LeadClassifier(**QUICK).fit(FRAME, Y)
    text = FRAME.assign(visits=[None if np.isnan(number) else str(number) for number in FRAME["visits"]])
    np.testing.assert_array_equal(model.predict_proba(text), model.predict_proba(FRAME))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": "trees"}, "bins.*'tree'.*got 'trees'"),
        ({"encoding": "dummy"}, "encoding"),
        ({"guards": True}, "guards"),
        ({"max_bins": 1}, "max_bins.*2 or more"),
        ({"max_bins": 2.5}, "max_bins"),
        ({"C": 0}, "C"),
        ({"C": "strong"}, "C.*number, more than 0"),
        ({"C": True}, "C"),
        ({"monotone": {"vists": "increasing"}}, "vists.*no such column; did you mean 'visits'"),
        ({"monotone": [1, 0, 0, 0]}, r"monotone: must be as {'visits': 'increasing'}; got \[1, 0, 0, 0\]"),
        ({"monotone": {"visits": 1}}, "visits.*'increasing', 'decreasing'; got 1"),
        ({"monotone": {"visits": "up"}}, "visits.*'increasing', 'decreasing'; got 'up'"),
        ({"monotone": {"seniority": "increasing"}}, "seniority.*neither rise nor fall"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, message):
    with pytest.raises(ArgumentError, match=f"(?s){message}"):
        LeadClassifier(**{"guards": None} | options).fit(FRAME, Y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": None}, "y"),
        ({"y": Y[:-1]}, "y: has 59 values, X 60"),
        ({"y": np.zeros(60)}, "two classes; got 1 class"),
        ({"y": np.arange(60) % 3}, "two classes; got 3 classes"),
        ({"y": np.full(60, np.nan)}, "y|class"),
        ({"y": np.where(Y, np.inf, 0)}, "infinity"),
        ({"sample_weight": np.where(Y, 1.0, -1.0)}, "sample_weight.*0 or more; .* are not, the first -1"),
        ({"sample_weight": Y.astype(float)}, "sample_weight.*one class"),
        ({"sample_weight": np.zeros(60)}, "sample_weight.*one class only: a weight of zero"),
        ({"dates": ["2026-01-01"] * 59}, "dates: has 59 values, X 60"),
        ({"dates": ["2026-01-01"] * 59 + [None]}, "dates: is missing for 1 of 60 leads"),
        ({"dates": ["31.01.2026"] * 60}, "dates"),
        ({"dates": np.arange(60)}, "dates"),
        ({"groups": ["a"] * 59}, "groups: has 59 values, X 60"),
    ],
)
def test_rows_that_do_not_fit_together_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        LeadClassifier(guards=None).fit(**{"X": FRAME, "y": Y} | arguments)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.ones(60), "one kind"),
        (np.full(60, np.nan), "one kind"),
        (Y[:-1], "y: has 59 values, X 60"),
        (
            np.where(Y, "won", "lost"),
            "must be True, False or missing.*got 'lost': say which value is the outcome, as y == 'lost'",
        ),
    ],
)
def test_recalibration_wants_outcomes_of_both_kinds(y, message):
    model = LeadClassifier(**QUICK).fit(FRAME, Y)
    with pytest.raises(ArgumentError, match=f"(?s){message}"):
        model.recalibrate(FRAME, y)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_confidence_is_a_share(confidence):
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        LeadClassifier(**QUICK).fit(FRAME, Y).interval(confidence=confidence)


def test_wider_confidence_is_wider():
    model = LeadClassifier(**QUICK).fit(FRAME, Y)
    narrow, wide = (model.interval(confidence=confidence).dropna() for confidence in (0.5, 0.99))
    assert (wide["low"] < narrow["low"]).all()
    assert (wide["high"] > narrow["high"]).all()


# ----------------------------------------------------------------------------------------------------------- coverage

HEIGHTS = {"a": [-1.0, -0.5, 0, 0.4, 0.8, 1.2], "b": [-0.6, 0, 0.3, 1.5], "c": [0, 0.8, -0.8, 0.3, 2.0]}
SHARES = {"a": [0.3, 0.25, 0.2, 0.15, 0.08, 0.02], "b": [0.5, 0.3, 0.15, 0.05], "c": [0.4, 0.3, 0.2, 0.08, 0.02]}


def covered(n, seed, **options):
    """Whether each planted height lies in its interval, and the leads in its bin."""
    rng = np.random.default_rng(seed)
    drawn = {name: rng.choice(len(heights), n, p=SHARES[name]) for name, heights in HEIGHTS.items()}
    height = {name: np.array(HEIGHTS[name])[drawn[name]] for name in HEIGHTS}
    y = rng.random(n) < 1 / (1 + np.exp(2 + sum(own.mean() - own for own in height.values())))
    frame = pd.DataFrame(drawn, dtype=float).assign(c=np.array(list("uvwxy"))[drawn["c"]])
    model = LeadClassifier(guards=None, bins="quantile", **options).fit(frame, y)
    read, found = read_columns(frame), model.interval()
    for bins in model.model_.features:
        truth = pd.Series(height[bins.column] - height[bins.column].mean()).groupby(bins.codes(read[bins.column]))
        own = found[found["feature"] == bins.name].reset_index(drop=True)
        for code, heights in truth:
            # Where bins of several heights became one there is no planted height.
            if np.ptp(heights) == 0:
                row = own.loc[code]
                yield row["low"] <= heights.iloc[0] <= row["high"], row["n"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "options"),
    [
        (1000, {"encoding": "onehot", "C": 0.3}),
        (4000, {"encoding": "onehot", "C": 0.3}),
        (1000, {"encoding": "onehot", "C": 1.0}),
        (1000, {"encoding": "woe", "C": 0.3}),
        (2000, {}),
    ],
)
def test_planted_heights_lie_in_their_intervals(n, options):
    rows = pd.DataFrame([row for seed in range(150) for row in covered(n, seed, **options)], columns=["in", "n"])
    assert len(rows) > 1000
    share = rows["in"].mean()
    # Intervals of 95 %; the bins of one fit share their luck, so less is known than of as many bins apart.
    assert 0.92 < share < 0.98
    by_size = rows.groupby(pd.cut(rows["n"], [0, 30, 60, 300, np.inf]), observed=True)["in"].agg(["mean", "size"])
    # A rare bin far from the others is drawn to them: the worst of it is known.
    assert (by_size["mean"] > 0.95 - 0.15 - 3 * np.sqrt(0.15 * 0.85 / by_size["size"])).all()


def test_intervals_cover():
    inside = [hit for seed in range(12) for hit, _ in covered(800, seed, encoding="onehot", C=0.3)]
    assert np.mean(inside) > 0.88
