"""Pairs of features: kept where they surely tell more, and then written as rules like all others."""

import numpy as np
import pandas as pd
import pytest

import leadscore as ls
from leadscore.learn.card.beyond import left_on_the_table
from leadscore.learn.card.classifier import LeadClassifier
from leadscore.learn.card.folds import in_order
from leadscore.learn.card.reading import read_columns
from leadscore.learn.card.shapes import shapes
from leadscore.learn.card.tuning import Fold
from leadscore.learn.rows.snapshots import Activity
from leadscore.stats.ranking import auc_difference


def made(seed, n=4000, *, apart=1.5):
    """Leads of which kind x convert by the sign of `size`, the others by `budget` alone."""
    rng = np.random.default_rng(seed)
    columns = {"kind": rng.choice(["x", "y", "z", None], n), "size": rng.normal(size=n), "budget": rng.normal(size=n)}
    frame = pd.DataFrame(columns)
    of_x = np.where(frame["kind"] == "x", apart * np.sign(frame["size"]), 0)
    chance = 1 / (1 + np.exp(1 - 0.5 * frame["budget"] - of_x))
    return frame, rng.random(n) < chance


def names(model):
    return [bins.name for bins in model.model_.features]


def test_a_planted_pair_is_found_and_predicts_better():
    frame, y = made(0)
    old, new = frame[:2500], frame[2500:]
    single = LeadClassifier(guards=None).fit(old, y[:2500])
    model = LeadClassifier(guards=None, pairs=2).fit(old, y[:2500])
    assert names(model) == ["budget", "kind", "size", "kind and size"]
    gain = auc_difference(y[2500:], model.decision_function(new), single.decision_function(new))
    assert gain.low > 0.02


@pytest.mark.slow
def test_features_that_tell_alone_are_not_paired():
    found = [names(LeadClassifier(guards=None, pairs=2).fit(*made(seed, apart=0))) for seed in range(6)]
    assert sum("and" in name for run in found for name in run) <= 1


def test_with_dates_a_pair_is_judged_by_later_leads():
    frame, y = made(1, 6000)
    # The pair holds in the first half of the time only.
    frame.loc[3000:, "size"] = frame.loc[3000:, "size"].to_numpy()[::-1]
    days = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(6000) // 10, "D"))
    assert "kind and size" not in names(LeadClassifier(guards=None, pairs=2).fit(frame, y, dates=days))
    assert "kind and size" in names(LeadClassifier(guards=None, pairs=2).fit(frame[:3000], y[:3000], dates=days[:3000]))


@pytest.mark.parametrize("rows", [8, 14, 40])
def test_a_card_with_a_pair_is_a_rulebook_all_the_same(rows):
    frame, y = made(2)
    card = LeadClassifier(guards=None, pairs=1).fit(frame, y).points_card(max_points_rows=rows)
    assert any(bins.kind == "pair" for bins in card.features)
    assert len(card.frame) <= rows
    rulebook = ls.Rulebook.from_yaml(card.to_rulebook(name="pairs", probability=0.4).to_yaml())
    strange = pd.DataFrame({"kind": ["q", None, "X ", "y"], "size": [np.nan, -9, 9, 0], "budget": [0, np.nan, 1, 2]})
    both = pd.concat([frame, strange], ignore_index=True)
    scores = ls.score(ls.load_tables(both.assign(lead_id=both.index), rulebook=rulebook), rulebook, as_of="2026-01-01")
    assert (scores.frame["total"].to_numpy() == card.score(both)["total"].to_numpy()).all()


def test_a_pair_with_something_done_is_no_rule():
    frame, y = made(3)
    card = LeadClassifier(guards=None, pairs=1).fit(frame, y).points_card()
    with pytest.raises(ls.ArgumentError, match="size: is one of a pair and no column of the leads"):
        card.to_rulebook(name="pairs", threshold=50, provenance={"size": Activity("page_view", "events", 30)})


@pytest.mark.parametrize("C", [1.0, None])
def test_directions_hold_beside_pairs_in_model_and_card(C):  # noqa: N803 - the classifier's name
    frame, _ = made(0)
    rng = np.random.default_rng(1)
    frame["bent"] = rng.normal(size=len(frame))
    of_x = np.where(frame["kind"] == "x", 1.5 * np.sign(frame["size"]), 0)
    y = rng.random(len(frame)) < 1 / (1 + np.exp(1 - of_x - np.sin(2 * frame["bent"])))
    asked = {"guards": None, "bins": "shape", "encoding": "onehot", "C": C, "pairs": 2}
    at = pd.DataFrame({"kind": "x", "size": 1.0, "budget": 0.0, "bent": np.linspace(-3, 3, 60)})
    bent = LeadClassifier(**asked).fit(frame, y)
    assert np.diff(bent.decision_function(at)).min() < -0.1
    model = LeadClassifier(**asked, monotone={"bent": "increasing"}).fit(frame, y)
    assert "kind and size" in names(model)
    assert np.diff(model.decision_function(at)).min() > -1e-9
    # The card has nothing left to straighten.
    card = model.points_card()
    assert np.diff(card.score(at)["total"]).min() >= 0
    assert {bins.name: bins for bins in card.features}["bent"] == model.model_.features[names(model).index("bent")]


def test_a_column_with_a_direction_is_in_no_pair():
    # Beside other kinds than x its pair would run against the direction.
    frame, y = made(0)
    model = LeadClassifier(guards=None, pairs=2, monotone={"size": "increasing"}).fit(frame, y)
    assert not any("and" in name for name in names(model))


def test_wrong_numbers_of_pairs_are_refused():
    with pytest.raises(ls.ArgumentError, match=r"must be a whole number, 0 or more; got 1\.5"):
        LeadClassifier(guards=None, pairs=1.5).fit(*made(4, 200))


def test_what_pairs_and_boosting_would_bring_is_said_unasked():
    crossed, plain = (LeadClassifier(guards=None).fit(*made(0, apart=apart)) for apart in (1.5, 0))
    assert "of AUC are left on the table" in crossed.beyond_[0]
    assert "are worth their rows: pairs=4 brings +0." in crossed.beyond_[1]
    assert "n = 4,000 held out" in crossed.beyond_[1]
    assert "no clear lead" in plain.beyond_[0]
    assert "are not worth their rows" in plain.beyond_[1]
    assert set(crossed.beyond_) <= set(crossed.points_card().notes)
    # Where nothing is chosen by held-out leads, nothing is said of them.
    assert LeadClassifier(guards=None, bins="shape", encoding="onehot", C=0.3).fit(*made(0, 400)).beyond_ == ()


@pytest.mark.parametrize("dated", [False, True])
def test_noise_of_leads_with_rows_alike_leaves_nothing_on_the_table(dated):
    leads = 700 if dated else 250
    lead, verdicts = np.repeat(np.arange(leads), 4), []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame(rng.normal(size=(leads, 4)), columns=list("abcd")).iloc[lead].reset_index(drop=True)
        y = (rng.random(leads) < 0.5)[lead]
        days = np.datetime64("2025-01-01") + lead // 2 + 7 * np.tile(np.arange(4), leads) if dated else None
        verdicts.append(LeadClassifier(guards=None).fit(frame, y, groups=lead, dates=days).beyond_)
    for boosted, pairs in verdicts:
        assert "no clear lead" in boosted
        assert "are not worth their rows" in pairs


def test_what_rows_of_one_weight_leave_on_the_table_is_said_of_few_too():
    frame, y = made(0, 300)[0], np.arange(300) % 2
    plain, alike = (LeadClassifier(guards=None).fit(frame, y, weight).beyond_ for weight in (None, np.full(300, 0.3)))
    assert "n = 300 held out" in plain[0]
    assert alike == plain
    weighted = LeadClassifier(guards=None).fit(frame, y, 1 + np.arange(300) % 3).beyond_
    assert weighted == ("Not looked at, as rows have weights: whether boosting or pairs of features would do better.",)


def test_held_out_rows_with_one_of_an_outcome_say_nothing_of_what_is_left():
    read = read_columns(pd.DataFrame({"x": np.random.default_rng(0).normal(size=600)}))
    rows, _ = in_order(read, (np.arange(600) < 200).astype(float), np.ones(600), None, None)
    had, not_had = np.flatnonzero(rows.y), np.flatnonzero(1 - rows.y)
    old, *parts = (
        rows.take(np.concatenate([had[start:end], not_had[start:end_of_others]]))
        for start, end, end_of_others in [(0, 150, 200), (150, 199, 300), (199, 200, 400)]
    )
    enough, few = (Fold(old, new, shapes(old)) for new in parts)
    asked, best = LeadClassifier(), {"bins": "shape", "encoding": "onehot", "C": 0.3}
    (told,) = left_on_the_table(rows, [few], best, asked)
    assert told.startswith("Not looked at, as no rows held out have two of either outcome")
    assert left_on_the_table(rows, [enough, few], best, asked) == left_on_the_table(rows, [enough], best, asked)
