"""Points cards: what whole points cost, and what cards say."""

import numpy as np
import pandas as pd
import pytest

from leadscore.errors import ArgumentError
from leadscore.learn.card.binning import Bins
from leadscore.learn.card.classifier import LeadClassifier
from leadscore.learn.card.merging import Merger
from leadscore.stats.intervals import wilson
from leadscore.stats.logistic import Dense, fit_logistic
from tests.support.card_world import CARD, MODEL, QUICK, leads, learned

# -------------------------------------------------------------------------------------------------------------- scales


@pytest.mark.parametrize("span", [1, 3, 10, 37, 100, 1000])
@pytest.mark.parametrize("rows", [None, 6, 20])
def test_totals_span_what_is_asked(span, rows):
    card = MODEL.points_card(span=span, max_points_rows=rows)
    assert card.points.dtype.kind == "i"
    assert card.least == card.base == 0
    assert 0.6 * span <= card.most <= span
    assert card.slope > 0


def test_many_features_do_not_round_past_the_span():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{place}": rng.integers(0, 2, 2000) for place in range(25)})
    y = rng.random(2000) < 1 / (1 + np.exp(4 - 0.3 * frame.sum(axis=1)))
    for span in (10, 40, 100):
        assert learned(frame, y.to_numpy()).points_card(span=span).most <= span


@pytest.mark.parametrize("pdo", [5, 20, 33.3, 100])
def test_points_to_double_the_odds(pdo):
    card = MODEL.points_card(pdo=pdo)
    assert card.points_to_double == pytest.approx(pdo)
    odds = [chance / (1 - chance) for chance in card.chance([60, 60 + pdo])]
    assert odds[1] / odds[0] == pytest.approx(2)
    # A total of 100 has even odds, but for the rounding of the base points.
    assert card.even_at == pytest.approx(100, abs=0.5)
    frame, y = leads()
    assert card.predict_proba(frame)[:, 1].mean() == pytest.approx(y.mean(), abs=0.005)


def test_points_that_are_all_zero_are_refused():
    with pytest.raises(ArgumentError, match=r"(?s)pdo.*rounds to 0"):
        MODEL.points_card(pdo=0.05)


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        ({"span": 0}, "span.*whole number, 1 or more"),
        ({"span": 99.5}, "span.*whole"),
        ({"span": True}, "span"),
        ({"span": "100"}, "span"),
        ({"pdo": 0}, "pdo.*more than 0"),
        ({"pdo": -20}, "pdo"),
        ({"pdo": np.inf}, "pdo"),
        ({"pdo": np.nan}, "pdo"),
        ({"max_points_rows": 1}, "max_points_rows.*2 or more"),
        ({"max_points_rows": 7.5}, "max_points_rows.*whole"),
        ({"span": 100, "pdo": 20}, "pdo.*another scale"),
    ],
)
def test_scales_that_mean_nothing_are_refused(scale, message):
    with pytest.raises(ArgumentError, match=f"(?s){message}"):
        MODEL.points_card(**scale)


@pytest.mark.parametrize("direction", ["increasing", "decreasing"])
@pytest.mark.parametrize("scale", [{"span": 12}, {"span": 100}, {"pdo": 7}, {"max_points_rows": 9}])
def test_directions_hold_on_the_card(direction, scale):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({name: rng.normal(size=1500) for name in "uvwx"})
    y = rng.random(1500) < 1 / (1 + np.exp(1 - frame["u"] - np.sin(3 * frame["v"]) - 0.1 * frame["w"]))
    card = learned(frame, y.to_numpy(), monotone=dict.fromkeys("uvw", direction)).points_card(**scale)
    sign = 1 if direction == "increasing" else -1
    for feature, rows in card.frame[card.frame["feature"] != "x"].groupby("feature"):
        assert (sign * np.diff(rows["points"]) >= 0).all(), feature


# ------------------------------------------------------------------------------------------------- what rounding costs


def log_loss(logits, y):
    return np.mean(np.logaddexp(0, logits) - y * logits)


def logits_of(card, frame):
    return card.intercept + card.slope * card.score(frame)["total"].to_numpy(float)


@pytest.mark.parametrize("scale", [{}, {"span": 20}, {"span": 8}, {"pdo": 5}, {"max_points_rows": 8, "span": 15}])
def test_what_whole_points_cost_is_what_they_cost(scale):
    frame, _ = leads()
    fine = MODEL.points_card(span=100_000, max_points_rows=scale.get("max_points_rows"))
    card = MODEL.points_card(**scale)
    # Of outcomes as likely as the model says: those learned from lie a little off, where coefficients are drawn.
    chance = MODEL.predict_proba(frame)[:, 1]
    cost = log_loss(logits_of(card, frame), chance) - log_loss(logits_of(fine, frame), chance)
    assert card.log_loss_lost >= 0
    assert card.log_loss_lost == pytest.approx(cost, rel=0.05, abs=1.2e-4)
    assert fine.log_loss_lost < 1e-7


def test_a_hundred_points_lose_nothing_measurable():
    frame, y = leads()
    lost = log_loss(logits_of(CARD, frame), y) - log_loss(MODEL.decision_function(frame), y)
    assert abs(lost) < 2e-4
    assert CARD.log_loss_lost < 1e-4


def test_refined_points_are_better_than_rounded_ones_and_the_link_is_that_of_a_refit():
    frame, y = leads()
    card = MODEL.points_card(span=12)
    total = card.score(frame)["total"].to_numpy(float)
    refit = fit_logistic(Dense(total[:, None]), y)
    assert card.slope == pytest.approx(refit.coefficients[0], rel=0.05)
    assert log_loss(logits_of(card, frame), y) == pytest.approx(refit.log_loss / len(y), abs=2e-4)
    starts = np.cumsum([bins.size for bins in MODEL.model_.features])[:-1]
    ranges = [np.ptp(own) for own in np.split(MODEL.model_.coefficients, starts)]
    plain = sum(
        np.rint((own - own.min()) * 12 / sum(ranges))[bins.codes(column)]
        for bins, own, column in zip(
            MODEL.model_.features, np.split(MODEL.model_.coefficients, starts), columns(frame), strict=True
        )
    )
    assert refit.log_loss <= fit_logistic(Dense(plain[:, None]), y).log_loss + 1e-6


def columns(frame):
    from leadscore.learn.card.reading import read_columns  # noqa: PLC0415 - of this test only

    read = read_columns(frame)
    return [read[bins.column] for bins in MODEL.model_.features]


@pytest.mark.parametrize("rows", [2, 3, 5, 8, 12, 16, 20, 40, 100])
def test_a_budget_of_rows_is_kept_and_costs_little(rows):
    frame, y = leads()
    card = MODEL.points_card(max_points_rows=rows)
    assert 2 <= len(card.frame) <= rows
    logits = logits_of(card, frame)
    # As good as the same rows fitted anew.
    written = card.score(frame).drop(columns="total")
    refit = fit_logistic(Dense(pd.get_dummies(written.astype(str)).to_numpy(float)), y, penalty=1e-3)
    assert log_loss(logits, y) <= refit.log_loss / len(y) + 0.002
    if rows >= 16:
        assert log_loss(logits, y) < log_loss(MODEL.decision_function(frame), y) + 0.004


def test_no_level_joins_rare_and_unseen_values_while_there_are_others():
    rng = np.random.default_rng(0)
    page = np.append(rng.choice(["a", "b", "c"], 900), [f"rare {place}" for place in range(200)])
    y = rng.random(1100) < pd.Series(page).map({"a": 0.2, "b": 0.4, "c": 0.8}).fillna(0.2)
    card = learned(pd.DataFrame({"page": page}), y.to_numpy()).points_card(max_points_rows=3)
    assert card.frame.set_index("bin")["n"].to_dict() == {
        "c": (page == "c").sum(),
        "a, b": np.isin(page, ["a", "b"]).sum(),
        "other": 200,
    }


def test_more_rows_are_never_worse():
    frame, y = leads()
    losses = [log_loss(logits_of(MODEL.points_card(max_points_rows=rows), frame), y) for rows in range(2, 24, 3)]
    assert (np.diff(losses) < 1e-3).all()


# ------------------------------------------------------------------------------------------------------ what it says


def test_rows_of_one_lead_make_no_rate_surer():
    """Four rows a lead that say the same are one: by each lead once, Wilson's interval."""
    rng = np.random.default_rng(1)
    plan = rng.choice(["free", "team", "firm"], 600)
    won = rng.random(600) < np.where(plan == "firm", 0.3, 0.1)
    lead = np.repeat(np.arange(600), 4)

    def rates(groups):
        model = LeadClassifier(guards=None, bins="shape", encoding="onehot", C=0.3)
        card = model.fit(pd.DataFrame({"plan": plan[lead]}), won[lead], groups=groups).points_card()
        return card.headline, card.frame.set_index("bin")

    said, found = rates(lead)
    for name in ("free", "team", "firm"):
        once = wilson(won[plan == name].sum(), (plan == name).sum())
        assert found.loc[name, ["rate_low", "rate_high"]].to_list() == pytest.approx(once)
    assert "learned from 2,400 rows, several of a lead;" in said
    # As leads of their own they would be.
    said, surer = rates(None)
    assert (surer["rate_high"] - surer["rate_low"] < 0.55 * (found["rate_high"] - found["rate_low"])).all()
    assert "learned from 2,400 leads;" in said


@pytest.mark.parametrize("scale", [{}, {"max_points_rows": 10}, {"pdo": 20}])
def test_the_frame_is_the_leads_bin_by_bin(scale):
    frame, y = leads()
    card = MODEL.points_card(**scale)
    found, scored = card.frame, card.score(frame)
    assert (found.groupby("feature")["n"].sum() == len(frame)).all()
    assert (found.groupby("feature")["reached"].sum() == y.sum()).all()
    assert (found["rate"] == found["reached"] / found["n"]).all()
    assert (found["rate_low"] < found["rate"]).all()
    assert (found["rate"] < found["rate_high"]).all()
    assert (found["points_low"] < found["points_high"]).all()
    inside = found["points"].between(found["points_low"] - 1, found["points_high"] + 1)
    assert inside.mean() > 0.9
    for feature, rows in found.groupby("feature"):
        by_points = rows.groupby("points")[["n", "reached"]].sum()
        wanted = pd.DataFrame({"n": 1.0, "reached": y}).groupby(scored[feature].to_numpy()).sum()
        np.testing.assert_array_equal(by_points, wanted)
    # The features that move leads most come first.
    spreads = [scored[feature].std() for feature in found["feature"].unique()]
    assert (np.diff(spreads) < 1.5).all()


def test_weighted_leads_are_counted_by_weight():
    frame, y = leads()
    weight = np.random.default_rng(0).choice([1.0, 2.0], len(y))
    card = LeadClassifier(**QUICK).fit(frame, y, weight).points_card()
    assert card.n == pytest.approx(weight.sum())
    assert card.frame.groupby("feature")["n"].sum().to_numpy() == pytest.approx(weight.sum())


@pytest.mark.parametrize("scale", [{}, {"pdo": 20}, {"max_points_rows": 9}])
@pytest.mark.parametrize("probability", [0.01, 0.1, 0.25, 0.5, 0.75, 0.9])
def test_the_threshold_is_the_least_total_that_reaches_the_chance(scale, probability):
    card = MODEL.points_card(**scale)
    if probability > card.chance(card.most):
        with pytest.raises(ArgumentError, match=r"no lead reaches.*the best lead"):
            card.threshold_at(probability)
        return
    bar = card.threshold_at(probability)
    assert isinstance(bar, int)
    assert card.chance(bar) >= probability * (1 - 1e-9)
    assert bar == card.least or card.chance(bar - 1) < probability


@pytest.mark.parametrize("probability", [0, 1, 50, np.nan])
def test_a_chance_is_a_share(probability):
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        CARD.threshold_at(probability)


@pytest.mark.parametrize("scale", [{}, {"span": 12}, {"pdo": 20}])
def test_no_lead_reaches_more_than_the_most(scale):
    card = MODEL.points_card(**scale)
    frame, _ = leads()
    best = {bins.name: frame[bins.name].iloc[card.score(frame)[bins.name].argmax()] for bins in card.features}
    total = card.explain(best).total
    assert total == card.most == card.score(frame).drop(columns="total").max().sum() + card.base
    assert card.score(frame)["total"].max() <= total
    chance = card.chance(total)
    with pytest.raises(ArgumentError, match=f"the best lead, with {total} points, has a chance of {chance:.1%}"):
        card.threshold_at(chance + 1e-4)
    assert card.threshold_at(chance - 1e-9) == total


def test_explanations_name_what_was_never_seen():
    told = CARD.explain({"visits": 3, "size": 20, "seniority": "Astronaut", "consent": None})
    notes = told.frame.set_index("feature")["note"]
    assert "mean" in notes["seniority"]
    assert "mean" in notes["consent"]
    assert notes["visits"] == ""
    assert "no lead was like this" in repr(told)
    assert repr(told).startswith(f"{told.total} points, a chance of {told.chance:.1%}.")
    rng = np.random.default_rng(0)
    page = np.append(rng.choice(["a", "b"], 900), [f"rare {place}" for place in range(100)])
    card = learned(pd.DataFrame({"page": page}), rng.random(1000) < np.where(page == "a", 0.6, 0.2)).points_card()
    assert "rare or never seen" in card.explain({"page": "new"}).frame["note"].iloc[0]
    with pytest.raises(ArgumentError, match=r"lacks columns that were learned from: .*size"):
        CARD.explain({"visits": 3})


def test_columns_are_found_by_name_and_arrays_by_place():
    frame, _ = leads()
    wanted = CARD.score(frame)["total"]
    pd.testing.assert_series_equal(CARD.score(frame[list(frame)[::-1]].assign(more=1))["total"], wanted)
    np.testing.assert_array_equal(CARD.score(frame.to_numpy())["total"], wanted)
    pl = pytest.importorskip("polars")
    for table in (pl.from_pandas(frame[list(frame)[::-1]]), pl.from_pandas(frame.assign(more=1)).to_arrow()):
        np.testing.assert_array_equal(CARD.score(table)["total"], wanted)
        np.testing.assert_array_equal(CARD.predict_proba(table), CARD.predict_proba(frame))
    with pytest.raises(ArgumentError, match="lacks columns that were learned from: 'size'"):
        CARD.score(frame.drop(columns="size"))
    with pytest.raises(ArgumentError, match="lacks columns that were learned from: 'size'"):
        CARD.score(pl.from_pandas(frame.drop(columns="size")))
    with pytest.raises(ArgumentError, match=r"(?s)size.*not a plain number"):
        CARD.score(frame.assign(size="big"))


def test_a_card_as_text():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"page": rng.choice(["a page that is called by a name of more than sixty letters", "b", "c"], 900)}
    )
    y = rng.random(900) < np.where(frame.iloc[:, 0] == "c", 0.6, 0.2)
    card = learned(frame, y).points_card()
    lines = repr(card).splitlines()
    assert lines[0].startswith(
        "Totals from 0 to 100 points in 3 rows of 1 feature, learned from 900 leads; the odds are even at "
    )
    assert lines[3].split() == [
        "feature",
        "bin",
        *("points", "(low", "to", "high)"),
        "n",
        "reached",
        *("rate", "(low", "to", "high)"),
    ]
    row = card.frame.set_index("bin").loc["c"]
    assert (
        f"{row['points']} ({row['points_low']:.0f} to {row['points_high']:.0f})"
        in lines[4 + list(card.frame["bin"]).index("c")]
    )
    assert max(map(len, lines)) < 140
    assert "points to begin with" not in repr(card)
    assert "Every lead has" in repr(MODEL.points_card(pdo=20))
    assert set(card.to_dict()["frame"][0]) == set(card.frame)


def test_a_card_has_its_picture():
    plt = pytest.importorskip("matplotlib.pyplot")
    _, ax = plt.subplots()
    assert CARD.plot(ax=ax) is ax
    plt.close("all")


@pytest.mark.parametrize("rows", [4, 8, 12, 20])
def test_fewer_rows_reach_less_far_and_the_level_moves_along(rows):
    # As many columns without a meaning as make a model of few leads reach too far.
    frame, y = leads(700)
    rng = np.random.default_rng(1)
    frame = frame.assign(**{f"noise {place}": rng.normal(size=700) for place in range(12)})
    chance = learned(frame, y).points_card(max_points_rows=rows).predict_proba(frame)[:, 1]
    assert chance.mean() == pytest.approx(y.mean(), rel=0.25)


@pytest.mark.parametrize("kind", ["level beside other", "level beside missing", "all apart"])
def test_rare_values_and_missing_ones_are_never_one_row(kind):
    heights = {"level beside other": [0.0, 0.1, 2], "level beside missing": [0, 2, 0.1], "all apart": [2, 0, 0.1]}[kind]
    bins = Bins("plan", "category", levels=(("pro",),))
    merger = Merger([bins], np.array(heights, float), np.eye(3), np.array([50.0, 60, 70]))
    merger.to_rows(2)
    features, maps = merger.result()
    assert merger.rows(0) == 2
    assert features[0].levels == ()
    assert maps[0].tolist() == [0, 0, 1]
    merger.to_rows(1)
    assert merger.result() == ([], [pytest.approx(np.zeros(0))])
