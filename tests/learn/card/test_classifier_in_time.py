"""LeadClassifier where rows have days and groups, and whether its intervals cover."""

import datetime as dt
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from leadscore.learn.card.additive import additive, explained
from leadscore.learn.card.classifier import LeadClassifier
from leadscore.learn.card.folds import folds, in_order
from leadscore.learn.card.reading import read_columns
from tests.support.classifier_world import DAY_ONE, QUICK, bins_of, leads, same

# --------------------------------------------------------------------------------------------------------------- time


def test_folds_learn_from_earlier_days_than_they_judge_and_split_no_day():
    rng = np.random.default_rng(0)
    day = rng.choice(
        [0, 1, 2, 5, 9, 10, 11, 30, 31, 40], 3000, p=[0.3, 0.02, 0.1, 0.1, 0.1, 0.1, 0.08, 0.1, 0.05, 0.05]
    )
    # A row's day is in its features, so that it is known in any order.
    read = read_columns(pd.DataFrame({"day": day.astype(float)}))
    y, ones = (rng.random(3000) < 0.3).astype(float), np.ones(3000)
    rows, own = in_order(read, y, ones, day.astype(np.int64), None)
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
    rows, _ = in_order(read, (rng.random(900) < 0.3).astype(float), weight, None, None)
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
        rows, own = in_order(read, outcome, np.ones(n), day.astype(np.int64), None)
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


@pytest.mark.parametrize("lasts", [False, True])
def test_what_one_stretch_of_time_says_alone_is_no_choice(lasts):
    rng = np.random.default_rng(0)
    day = np.sort(rng.integers(0, 1000, 8000))
    x = rng.normal(size=8000)
    # A step that parts of equal size cannot tell. It comes back in one tenth of the time, or in each.
    if not lasts:
        x[(day >= 200) & ((day < 600) | (day >= 700))] = 0.0
    y = rng.random(8000) < np.where(x > 1.5, 0.9, 0.1)
    frame = pd.DataFrame({"x": x, "z": rng.normal(size=8000)})
    asked = {"encoding": "onehot", "C": 0.3, "max_bins": 4}
    found = LeadClassifier(guards=None, **asked).fit(frame, y, dates=np.datetime64("2026-01-01") + day).chosen_
    assert (found["bins"].iloc[0] != "quantile") == lasts
    assert found["explained"].idxmax() == (0 if lasts else 1)


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


@pytest.mark.parametrize("dated", [False, True])
def test_no_lead_is_on_both_sides_of_a_fold(dated):
    rng = np.random.default_rng(0)
    n, lead = 12_000, rng.integers(0, 4000, 12_000)
    # A lead's rows are of some days; it is told by its code.
    day = (lead // 40 + rng.integers(0, 9, n)).astype(np.int64) if dated else None
    rows, own = in_order(
        read_columns(pd.DataFrame({"x": rng.normal(size=n)})),
        (rng.random(n) < 0.3).astype(float),
        np.ones(n),
        day,
        lead,
    )
    pairs = list(folds(replace(rows, codes=[rows.lead]), own))
    assert len(pairs) == 4
    for train, test in pairs:
        assert min(len(train.y), len(test.y)) > 400
        assert not set(train.codes[0]) & set(test.codes[0])


def test_no_few_rows_are_split_where_they_are_whole_leads():
    read = read_columns(pd.DataFrame({"x": np.arange(300) % 7}))
    rows, _ = in_order(read, (np.arange(300) % 3 == 0).astype(float), np.ones(300), None, None)
    assert [(len(train.y), len(test.y), set(train.weight)) for train, test in folds(rows, None)] == [(225, 75, {1})] * 4


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


def weak(seed, height, kind):
    """Whether each height of eight features that hardly tell anything lies in its interval, of bins by their shape."""
    rng = np.random.default_rng(seed)
    heights, upper = np.resize(height, 8), rng.integers(0, 2, (3000, 8)) > 0
    y = rng.random(3000) < 1 / (1 + np.exp(1.5 - np.where(upper, heights, -heights).sum(axis=1)))
    frame = pd.DataFrame(np.where(upper, "b", "a") if kind == "text" else upper.astype(float)).rename(
        columns="f{}".format
    )
    found = LeadClassifier(guards=None, bins="shape", encoding="onehot", C=0.3).fit(frame, y).interval()
    for name, own in found[found["n"] > 0].groupby("feature"):
        place = int(name[1:])
        truth = np.array([-1, 1]) * heights[place] - heights[place] * (2 * upper[:, place].mean() - 1)
        # A feature that was found flat may be in parts of equal size, which are not its levels.
        if len(own) == 2:
            ends = own.sort_values("bin") if kind == "text" else own
            yield from ends["low"].le(truth).mul(ends["high"].ge(truth)).tolist()


@pytest.mark.parametrize("kind", ["text", "number"])
def test_intervals_cover_weak_heights_though_features_are_found_flat(kind):
    inside = [hit for seed in range(8) for hit in weak(seed, [0.1, 0.15], kind)]
    assert len(inside) > 100
    assert np.mean(inside) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["text", "number"])
@pytest.mark.parametrize("height", [[0.0], [0.05], [0.1, 0.15], [0.2], [0.4]])
def test_intervals_of_shapes_cover(height, kind):
    inside = [hit for seed in range(60) for hit in weak(seed, height, kind)]
    assert np.mean(inside) > 0.92
