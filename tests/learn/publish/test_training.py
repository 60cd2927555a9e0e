"""From past leads to a rulebook with learned points: time order, the bar, and that the file says what the card says."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

import leadscore as ls
from leadscore.base.days import day_number
from leadscore.datasets.funnel import make_funnel
from leadscore.learn.publish.renewal import carried_over, renewed, with_threshold
from leadscore.learn.publish.training import _at_capacity, _per_week, as_rules_read, train
from leadscore.learn.rows.snapshots import Activity, Kinds
from leadscore.rulebook.bounds import side_range
from leadscore.rulebook.plan import compiled
from leadscore.scoring.binding import Binding
from leadscore.scoring.timeline import Timeline


def rows_of(tables, made, **how):
    came = made.outcomes[made.outcomes["stage"] == "mql"].groupby("lead_id")["at"].min()
    label = {"stage": "opportunity", "within_days": 45, "worked_only": True, "windows": (30,)}
    return ls.snapshots(tables, as_of=came, **label | how)


@pytest.fixture(scope="module")
def made():
    return make_funnel(30_000, random_state=3, days=540, events_per_lead=12)


@pytest.fixture(scope="module")
def shots(made):
    tables = ls.load_tables(
        made.leads, made.events, made.outcomes, rulebook=made.rulebook, columns=list(made.leads.columns)
    )
    return rows_of(tables, made)


@pytest.fixture(scope="module")
def trained(made, shots):
    return train(made.rulebook, shots, capacity_per_week=10, max_points_rows=30)


def totals(book, shots):
    timeline = Timeline(compiled(book), shots.tables, int(shots.day.min()), int(shots.day.max()))
    bound = timeline.at(shots.lead, shots.day)
    return (bound.fit + bound.behaviour) / 1000


@pytest.mark.slow
def test_the_file_gives_the_points_of_the_card(trained):
    for part in (trained.learned, trained.judged):
        assert (totals(trained.rulebook, part) == trained.card.score(part.X)["total"].to_numpy()).all()


def test_what_points_do_not_touch_stays(trained):
    old, new = trained.old, trained.rulebook
    for part in ("name", "timezone", "agreement", "missing_values"):
        assert getattr(new, part) == getattr(old, part)
    assert new.qualify.never == old.qualify.never
    assert new.qualify.hand_raise == old.qualify.hand_raise
    assert new.columns["country"].required == "capture"
    assert "# what the two teams promised each other" in new.to_yaml()


def on_the_last_day(trained, *books):
    return [ls.score(trained.learned.tables, book, as_of=trained.start).frame for book in books]


@pytest.mark.parametrize("side", ["fit", "behaviour"])
def test_minima_and_grades_keep_their_place(trained, side):
    """No more leads reach them than before; one point less, and more would."""
    old = trained.old.edited({"qualify.minimum_behaviour": 3})
    new = renewed(old, trained.card, trained.learned, version="2")
    before, after = on_the_last_day(trained, old, new)
    bars = [(getattr(book.qualify, f"minimum_{side}"), *getattr(book.grades, side).values()) for book in (old, new)]
    for was, now in zip(*bars, strict=True):
        reached = (before[side] >= was).sum()
        assert 0 < (after[side] >= now).sum() <= reached
        assert (after[side] >= now - 1).sum() > reached or now == 0
    assert "# clicks alone do not make a lead" in new.to_yaml()


def test_segments_keep_their_place(trained):
    new = renewed(trained.old, trained.card, trained.learned, version="2")
    before, after = on_the_last_day(trained, trained.old, new)
    assert (before["segment"].isna() == after["segment"].isna()).all()
    for own in (before["segment"].isna(), before["segment"].notna()):
        reached, still = ((frame["total"] >= frame["threshold"])[own].sum() for frame in (before, after))
        more = (after["total"] >= after["threshold"] - 1)[own].sum()
        assert 0 < still <= reached < more
    gap = new.qualify.segments[0].threshold - new.qualify.threshold
    assert [one.when for one in trained.rulebook.qualify.segments] == [one.when for one in trained.old.qualify.segments]
    raised = with_threshold(new, new.qualify.threshold + 2)
    assert raised.qualify.segments[0].threshold == raised.qualify.threshold + gap
    # As far as points reach.
    most = sum(side_range(new, side).most for side in ("fit", "behaviour")) / 1000
    assert with_threshold(new, most).qualify.segments[0].threshold == most


def test_what_is_set_anew_and_what_goes_is_said(trained):
    anew, caps = trained.notes[-2:]
    minimum = trained.rulebook.qualify.minimum_fit
    assert f"than before: minimum fit 15 -> {minimum:g}, 'Coordinators and specialists' 80 -> " in anew
    assert anew.endswith("grades of fit, grades of behaviour.")
    assert caps.startswith("Limits of groups and totals are left out")
    assert (trained.rulebook.groups, trained.rulebook.totals.fit.at_most) == ({}, None)
    free = trained.old.edited(
        {"groups": None, "totals": None, "grades": None, "qualify.minimum_fit": None, "qualify.segments": None}
    )
    assert carried_over(free, renewed(free, trained.card, trained.learned, version="2")) == []


def test_a_minimum_of_what_the_card_does_not_give_is_left_out_and_said(trained):
    rows = trained.learned
    did = [name for name, source in rows.provenance.items() if isinstance(source, Activity)]
    card = ls.LeadClassifier(guards=None).fit(rows.X[did], rows.y.astype(bool)).points_card(max_points_rows=6)
    new = renewed(trained.old, card, rows, version="2")
    assert (new.qualify.minimum_fit, new.grades.fit) == (None, None)
    assert new.qualify.never == trained.old.qualify.never
    assert carried_over(trained.old, new)[-1].endswith("give no such points: minimum fit, grades of fit.")


def test_outcomes_learned_from_were_known_before_the_first_day_judged(trained):
    assert trained.learned.day.max() + trained.learned.within_days < trained.judged.day.min()
    assert trained.verdict.start > trained.start
    share = trained.judged.y.sum() / (trained.judged.y.sum() + trained.learned.y.sum())
    assert 0.2 < share < 0.45


def test_it_is_the_truth_in_short(trained, made):
    """Points that drive the made-up funnel are found, and the candidate passes as it should."""
    assert {"seniority", "employees", "industry"} <= set(trained.card.frame["feature"])
    assert trained.verdict.passed, trained.verdict
    truth = totals(made.planted, trained.judged)
    assert np.corrcoef(truth, totals(trained.rulebook, trained.judged))[0, 1] > 0.7


def test_chances_are_those_of_the_leads_learned_from(trained):
    chance = trained.card.predict_proba(trained.learned.X)[:, 1]
    assert chance.mean() == pytest.approx(trained.learned.y.mean(), abs=1e-6)


@pytest.mark.slow
def test_outcomes_of_the_judged_change_no_point(trained, made, shots):
    turned = shots.y.copy()
    newer = shots.day >= trained.judged.day.min()
    rng = np.random.default_rng(0)
    turned[newer] = rng.permutation(shots.y[newer].to_numpy())
    again = train(made.rulebook, replace(shots, y=turned), capacity_per_week=10, max_points_rows=30)
    assert again.learned.day.max() == trained.learned.day.max()
    assert again.rulebook.fit == trained.rulebook.fit
    assert again.rulebook.behaviour == trained.rulebook.behaviour


@pytest.mark.slow
@pytest.mark.parametrize("capacity", [30, 45])
def test_the_bar_is_the_lowest_that_sales_can_work(trained, capacity):
    first, last = day_number(trained.start), day_number(trained.end)
    binding = Binding(trained.judged.tables, first, last)
    volume = partial(_per_week, binding, start=trained.start, end=trained.end)
    book, per_week = _at_capacity(trained.card, trained.rulebook, volume, capacity)
    assert per_week == volume(book) <= capacity
    bar = book.qualify.threshold
    assert bar < trained.card.most
    if bar > trained.card.least:
        lower = with_threshold(book, int(bar) - 1)
        assert volume(lower) > capacity


def test_hand_raisers_beyond_capacity_are_said(trained):
    assert trained.per_week > trained.capacity_per_week == 10
    assert any("Hand-raisers alone are more than sales can work" in finding for finding in trained.notes)


class TestRefused:
    def test_days_too_near(self, made, shots):
        near = ls.snapshots(shots.tables, as_of=["2025-06-01", "2025-07-16"], stage="sal", within_days=45)
        with pytest.raises(ls.ArgumentError, match="must span more than the 45"):
            train(made.rulebook, near)
        # A day further apart they are just enough to begin with.
        apart = ls.snapshots(shots.tables, as_of=["2024-11-01", "2024-12-17"], stage="won", within_days=45)
        with pytest.raises(ls.ArgumentError, match="rows learned from, until 2024-11-01"):
            train(made.rulebook, apart)

    @pytest.mark.parametrize("capacity", [0, -3, float("nan")])
    def test_no_capacity(self, made, shots, capacity):
        with pytest.raises(ls.ArgumentError, match="must be a number, more than 0"):
            train(made.rulebook, shots, capacity_per_week=capacity)

    @pytest.mark.parametrize("rows", [1, 2.5, True])
    def test_rows_that_no_card_can_have(self, made, shots, rows):
        with pytest.raises(ls.ArgumentError, match="train\n  max_points_rows: must be a whole number"):
            train(made.rulebook, shots, max_points_rows=rows)

    def test_a_number_that_is_none(self, made, shots):
        frame = shots.X.assign(employees="many")
        with pytest.raises(ls.ArgumentError, match=r"leads\.employees"):
            as_rules_read(replace(shots, X=frame), made.rulebook)


@pytest.fixture(scope="module")
def from_csv(tmp_path_factory):
    """All text, with a boolean, a code, a date and a word for missing; consent and employees decide."""
    folder, rng, n = tmp_path_factory.mktemp("csv"), np.random.default_rng(1), 3_000
    leads = pd.DataFrame({"lead_id": np.arange(n), "created_at": "2026-01-01"})
    leads["consent"] = rng.choice(["true", "false", ""], n)
    leads["employees"] = rng.choice(["5", "80", "1200", ""], n)
    leads["plan"] = rng.choice(["free", "paid", "unknown"], n)
    leads["code"] = rng.choice(["007", "12", "31"], n)
    leads["seen"] = "2025-12-01"
    odds = -2 + 1.5 * (leads["consent"] == "true") + (leads["employees"] == "1200") + (leads["plan"] == "paid")
    won = leads["lead_id"][rng.random(n) < 1 / (1 + np.exp(-odds))]
    leads.to_csv(folder / "leads.csv", index=False)
    outcomes = pd.DataFrame({"lead_id": won, "stage": "sal", "at": "2026-01-20"})
    book = ls.Rulebook.from_yaml("""
leadscore: 1
name: old
columns: {consent: {type: boolean, required: capture}, employees: {type: number}}
missing_values: [unknown, n/a]
fit: [{name: Consent, when: {consent: true}, points: 10}]
qualify:
  threshold: 10
  never: [{name: Said no, when: {consent: false, employees: {less_than: 3}}}]
""")
    tables = ls.load_tables(
        str(folder / "leads.csv"),
        None,
        outcomes,
        rulebook=book,
        columns=list(leads.columns),
        observed_until="2026-03-31",
    )
    return book, ls.snapshots(tables, as_of="2026-01-10", stage="sal", within_days=30)


def test_columns_are_read_as_rules_read_them(from_csv):
    book, shots = from_csv
    read = as_rules_read(shots, book)
    assert [str(read.X[name].dtype) for name in ("consent", "employees")] == ["boolean", "float64"]
    assert (read.X["plan"].isna() == (shots.X["plan"] == "unknown")).all()
    assert "seen" not in read.X
    assert not any(isinstance(source, Kinds) for source in read.provenance.values())
    numerals, dates = read.notes[-2:]
    assert numerals.startswith("Columns of numbers as text, taken as categories: code; if they are quantities")
    assert dates == "Left out: columns of dates (seen)."


def test_booleans_and_missing_values_give_the_points_of_the_card(from_csv):
    book, shots = from_csv
    read = as_rules_read(shots, book)
    model = ls.LeadClassifier(bins="tree", encoding="onehot", C=1.0, guards=None).fit(read.X, read.y)
    card = model.points_card()
    new = renewed(book, card, read, version="2")
    assert new.columns["consent"] == book.columns["consent"]
    assert (totals(new, read) == card.score(read.X)["total"].to_numpy()).all()
    # Without reading them so, what stands for missing would be a value of its own.
    raw = ls.LeadClassifier(bins="tree", encoding="onehot", C=1.0, guards=None).fit(
        shots.X.drop(columns="seen"), read.y
    )
    assert "unknown" in str(raw.points_card().frame["bin"].tolist())


class TestRecalibrate:
    def test_a_short_card_says_again_what_its_leads_say(self, trained):
        short = trained.model.points_card(max_points_rows=8)
        again = short.recalibrate(trained.learned.X, trained.learned.y)
        assert (again.points == short.points).all()
        rate = trained.learned.y.mean()
        assert again.predict_proba(trained.learned.X)[:, 1].mean() == pytest.approx(rate, abs=1e-6)

    def test_unknown_outcomes_count_for_nothing(self, trained):
        y = trained.learned.y.copy()
        y.iloc[::3] = pd.NA
        some = trained.learned.X.iloc[np.arange(len(y)) % 3 > 0]
        known = trained.card.recalibrate(some, y[y.notna()])
        assert trained.card.recalibrate(trained.learned.X, y).intercept == pytest.approx(known.intercept)

    @pytest.mark.parametrize("y", [True, False])
    def test_one_kind_of_outcome(self, trained, y):
        with pytest.raises(ls.ArgumentError, match="no link can be learned"):
            trained.card.recalibrate(trained.learned.X, np.full(len(trained.learned), y))

    def test_another_length(self, trained):
        with pytest.raises(ls.ArgumentError, match="y: must have one value for each lead; it has 2, X has "):
            trained.card.recalibrate(trained.learned.X, [True, False])
