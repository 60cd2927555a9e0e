"""Threshold tables and choices against plain loops, row resampling, and simulation with the truth known."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from leadscore.datasets.funnel import make_funnel
from leadscore.errors import ArgumentError
from leadscore.stats.intervals import wilson
from leadscore.threshold.choice import Value, choose_threshold
from leadscore.threshold.table import threshold_table, weekly_mean

OUTCOMES = st.sampled_from([True, False, None])
POINTS = st.integers(-20, 20).map(lambda number: number / 8)
ROWS = st.lists(st.tuples(POINTS, OUTCOMES, st.integers(0, 3)), min_size=1, max_size=40).filter(
    lambda rows: any(y is not None and weight for _, y, weight in rows)
)
RATES = ["share_flagged", "precision", "recall", "lift", "false_per_true"]


def columns(rows):
    score, y, weight = zip(*rows, strict=True)
    return pd.array(list(y), dtype="boolean"), np.array(score), np.array(weight)


def same(left, right):
    """Tables equal to the last digit, replicates included."""
    pd.testing.assert_frame_equal(left.frame, right.frame, check_exact=True)
    assert (left.n, left.events, left.unknown, left.notes) == (right.n, right.events, right.unknown, right.notes)
    assert (left.histograms.draws.hits == right.histograms.draws.hits).all()
    assert (left.histograms.draws.flagged == right.histograms.draws.flagged).all()


def funnel_like(n, rng, *, middle=90, steep=10):
    """Points, and outcomes whose chance rises with them: even at `middle`."""
    score = rng.normal(50, 20, n).round(3)
    return rng.random(n) < 1 / (1 + np.exp((middle - score) / steep)), score


# -------------------------------------------------------------------------------------------------- the table


@given(ROWS, st.none() | st.lists(POINTS, min_size=1, max_size=5))
def test_a_table_equals_a_plain_loop(rows, thresholds):
    y, score, _ = columns(rows)
    if y.isna().all():
        return
    table = threshold_table(y, score, thresholds=thresholds, replicates=40)
    known = [(points, won) for points, won in zip(score, y, strict=True) if won is not pd.NA]
    n, events = len(known), sum(won for _, won in known)
    assert (table.n, table.events, table.unknown) == (n, events, len(y) - n)
    assert table.frame.index.tolist() == sorted(set(score if thresholds is None else thresholds))
    for row in table.frame.itertuples():
        above = [won for points, won in known if points >= row.Index]
        hits = sum(above)
        assert (row.flagged, row.events_flagged, row.share_flagged) == (len(above), hits, len(above) / n)
        assert row.precision == pytest.approx(hits / len(above) if above else np.nan, nan_ok=True)
        assert row.recall == pytest.approx(hits / events if events else np.nan, nan_ok=True)
        lift = hits / len(above) / (events / n) if above and events else np.nan
        assert row.lift == pytest.approx(lift, nan_ok=True)
        odds = np.nan if not above else np.inf if not hits else (len(above) - hits) / hits
        assert row.false_per_true == pytest.approx(odds, nan_ok=True)
        for name, pair in (
            ("precision", (hits, len(above))),
            ("recall", (hits, events)),
            ("share_flagged", (len(above), n)),
        ):
            bounds = getattr(row, f"{name}_low"), getattr(row, f"{name}_high")
            assert bounds == pytest.approx(tuple(map(float, wilson(*pair))), nan_ok=True)


@given(ROWS)
def test_an_interval_holds_its_figure(rows):
    y, score, weights = columns(rows)
    frame = threshold_table(y, score, weights=weights, replicates=40).frame
    for name in RATES:
        low, value, high = (frame[name + end] for end in ("_low", "", "_high"))
        assert (value.isna() | ((low <= value + 1e-12) & (value <= high + 1e-12))).all(), name
        assert (value.isna() == low.isna()).all()


@given(ROWS)
def test_a_weight_is_so_many_rows(rows):
    y, score, weights = columns(rows)
    bars = np.unique(score)
    kept = np.repeat(np.arange(len(score)), weights)
    repeated = threshold_table(y[kept], score[kept], thresholds=bars, replicates=40)
    same(threshold_table(y, score, weights=weights, thresholds=bars, replicates=40), repeated)


@given(ROWS, st.integers(0, 1000))
def test_only_the_order_of_scores_matters(rows, seed):
    y, score, weights = columns(rows)
    table = threshold_table(y, score, weights=weights, replicates=40)
    shuffled = np.random.default_rng(seed).permutation(len(score))
    relabelled = threshold_table(y[shuffled], np.exp(score[shuffled]) - 3, weights=weights[shuffled], replicates=40)
    pd.testing.assert_frame_equal(table.frame.reset_index(drop=True), relabelled.frame.reset_index(drop=True))
    assert (table.histograms.draws.hits == relabelled.histograms.draws.hits).all()


@given(ROWS, st.integers(0, 1000))
def test_series_are_brought_together_by_lead(rows, seed):
    y, score, weights = columns(rows)
    rng = np.random.default_rng(seed)
    ids = pd.Index([f"L-{number}" for number in range(len(score))], name="lead_id")
    series = [pd.Series(values, ids) for values in (y, score, weights)]
    moved = [one.iloc[rng.permutation(len(one))] for one in series]
    table = threshold_table(y, score, weights=weights, replicates=40)
    same(threshold_table(moved[0], moved[1], weights=moved[2], replicates=40), table)
    # Leads that y does not have are of unknown outcome.
    more = pd.concat([moved[1], pd.Series([score[0]], ["another"])])
    assert threshold_table(moved[0], more, replicates=40).unknown == int(y.isna().sum()) + 1


@given(ROWS, st.data())
def test_a_group_has_the_table_of_its_leads(rows, data):
    y, score, weights = columns(rows)
    group = np.array(
        data.draw(st.lists(st.sampled_from(["a", "b", None]), min_size=len(score), max_size=len(score))), object
    )
    bars = np.unique(score)
    table = threshold_table(y, score, weights=weights, by=group, thresholds=bars, replicates=40)
    for name, own in table.frame.groupby(level="group"):
        rows_of = group == (None if name == "(missing)" else name)
        if not (weights[rows_of] * ~y[rows_of].isna()).any():
            assert not own["flagged"].any()
            continue
        alone = threshold_table(y[rows_of], score[rows_of], weights=weights[rows_of], thresholds=bars, replicates=40)
        pd.testing.assert_frame_equal(own.droplevel("group"), alone.frame)
    assert table.frame.groupby(level="threshold")["flagged"].sum().tolist() == [
        int(weights[(score >= bar) & ~y.isna()].sum()) for bar in bars
    ]


def test_the_interval_of_a_lift_by_hand():
    """8 of 20 flagged and 2 of 80 others: from the Wilson intervals 0.2188 to 0.6134 and 0.0069 to 0.0866."""
    y = np.arange(100) % 20 < np.repeat([8, 2, 0, 0, 0], 20)
    row = threshold_table(y, np.repeat([1, 0], [20, 80])).frame.loc[1]
    (p, q), (p_low, q_low), (p_high, q_high) = (0.4, 0.025), *wilson([8, 2], [20, 80])

    def end(inside, outside, sign):
        # Where (p - r q)^2 = (p - inside)^2 + r^2 (q - outside)^2.
        a, b, c = 2 * q * outside - outside**2, -2 * p * q, 2 * p * inside - inside**2
        return (-b + sign * np.sqrt(b**2 - 4 * a * c)) / (2 * a)

    low, high = (100 / (20 + 80 / one) for one in (end(p_low, q_high, -1), end(p_high, q_low, 1)))
    # Which share is flagged is drawn too: with 0.1334 (Wilson) the lift would be 5.33, with 0.2888 it would be 3.
    more, less = (1 / (share + (1 - share) * 0.025 / 0.4) for share in map(float, wilson(20, 100)))
    bounds = [4 - np.hypot(4 - low, 4 - less), 4 + np.hypot(high - 4, more - 4)]
    assert (row["lift"], row["lift_low"], row["lift_high"]) == pytest.approx((4, *bounds), rel=1e-6)


def quantiles(draws):
    return np.quantile(draws, [0.025, 0.25, 0.5, 0.75, 0.975], axis=0)


def test_the_histogram_bootstrap_has_the_law_of_row_resampling():
    rng = np.random.default_rng(20261124)
    y, score = funnel_like(400, rng, middle=70)
    bars = np.array([40.0, 60, 80])
    draws = threshold_table(y, score, thresholds=bars, replicates=20_000).histograms.draws
    rows = rng.integers(0, 400, (20_000, 400))
    above = score[rows][:, :, None] >= bars
    flagged, hits = above.sum(axis=1), (above & y[rows][:, :, None]).sum(axis=1)
    recall = hits / y[rows].sum(axis=1)[:, None]
    for ours, theirs in (
        (draws.flagged[:, 0] + rng.random(flagged.shape), flagged + rng.random(flagged.shape)),  # quantiles of no steps
        (draws.precision[:, 0], hits / flagged),
        (draws.recall[:, 0], recall),
        (draws.lift[:, 0], recall / (flagged / 400)),
    ):
        spread = np.std(theirs, axis=0)
        assert (np.abs(quantiles(ours) - quantiles(theirs)) / spread).max() < 0.1
    # Paired: thresholds of one replicate are of the same rows.
    ours, theirs = (np.corrcoef(part.T)[0] for part in (draws.precision[:, 0], hits / flagged))
    assert ours == pytest.approx(theirs, abs=0.03)


def test_accounts_are_drawn_whole():
    rng = np.random.default_rng(20261125)
    y, score = funnel_like(600, rng, middle=60)
    alone = threshold_table(y, score, thresholds=[50], groups=np.arange(600), replicates=5000)
    plain = threshold_table(y, score, thresholds=[50], replicates=5000)
    assert alone.histograms.draws.precision.std() == pytest.approx(plain.histograms.draws.precision.std(), rel=0.06)
    # A lead without an account is one of its own.
    none = threshold_table(y, score, thresholds=[50], groups=np.full(600, None), replicates=5000)
    assert none.histograms.draws.precision.std() == alone.histograms.draws.precision.std()
    pd.testing.assert_frame_equal(none.frame, plain.frame)
    # Four copies of each lead in its account say no more than one of them.
    copies = np.repeat(np.arange(600), 4)
    fourfold = threshold_table(y[copies], score[copies], thresholds=[50], groups=copies, replicates=5000).frame.iloc[0]
    once, blind = plain.frame.iloc[0], threshold_table(y[copies], score[copies], thresholds=[50]).frame.iloc[0]
    for name in RATES:
        wide, narrow, right = (row[f"{name}_high"] - row[f"{name}_low"] for row in (fourfold, blind, once))
        assert wide == pytest.approx(right, rel=0.1)
        assert narrow < 0.6 * right


VENDOR = [(5, 2000, 0.08), (10, 1500, 0.12), (15, 400, 0.9), (17, 42, 2 / 42)]


def vendor_rows(levels):
    score = np.repeat([level for level, *_ in levels], [n for _, n, _ in levels])
    y = np.concatenate([np.arange(n) < round(rate * n) for _, n, rate in levels])
    return y, score


def test_where_a_higher_threshold_lowers_precision_it_is_said():
    table = threshold_table(*vendor_rows(VENDOR))
    assert table.notes == (
        "Raising the threshold from 15 to 17 lowers precision beyond noise, from 81.9% (n=442) to 4.8% (n=42).",
    )
    # One of three is no rate, though a normal curve would be sure of it.
    assert threshold_table(*vendor_rows([*VENDOR[:3], (17, 3, 0.33)])).notes == ()
    # Rising rates: nothing to say.
    assert threshold_table(*vendor_rows([*VENDOR[:3], (17, 42, 0.95)])).notes == ()


def test_of_many_groups_one_falls_by_chance():
    """12 of 100 below and 2 of 100 above: p = 0.003 alone, 0.06 among twenty groups."""
    y, score = np.arange(200) % 100 < np.repeat([12, 2], 100), np.repeat([1, 2], 100)
    assert len(threshold_table(y, score).notes) == 1
    flat = np.tile(np.arange(200) % 100 < 7, 19)
    group = np.repeat(np.arange(20), 200)
    assert threshold_table(np.append(y, flat), np.tile(score, 20), by=group).notes == ()


def test_a_fall_in_a_fine_score_is_said_once():
    rng = np.random.default_rng(3)
    score = rng.uniform(0, 100, 20_000).round(2)
    y = rng.random(20_000) < np.where(score < 80, score / 200, 0.05)
    [finding] = threshold_table(y, score).notes
    low, high = (float(word) for word in finding.replace(" lowers", "").split()[4:7:2])
    # Leads of 45 to 80 points convert more than those above them taken together, and no band above 80 stands out.
    assert 40 < low < 60
    assert 79 < high < 84
    groups = np.arange(20_000)
    assert threshold_table(y, score, groups=groups, by=np.full(20_000, "x")).notes[0].startswith("x: Raising")


@pytest.mark.parametrize(
    ("low", "high"), [(0, 100), (0.0004, 0.0123), (-31.2, 128.4), (0, 123_456), (0.2, 0.97), (1e6, 1e6 + 1)]
)
def test_default_thresholds_are_round_and_cover_the_scores(low, high):
    rng = np.random.default_rng(0)
    score = np.append(rng.uniform(low, high, 2000), [low, high])
    bars = threshold_table(score > high / 2, score).frame.index
    assert 95 <= len(bars) <= 201
    assert (bars[0] <= low) & (bars[-1] <= high)
    steps = np.diff(bars)
    assert steps == pytest.approx(steps[0])
    assert (low - bars[0] < steps[0]) & (high - bars[-1] < steps[0])
    # The very numbers that people type.
    assert all(bar == float(f"{bar:.10g}") for bar in bars)


def test_points_stand_on_their_thousandths():
    rulebook = ls.Rulebook.from_yaml(
        "leadscore: 1\nname: demo\nfit: [{name: A, column: a, points: {x: 0.1, y: 0.3, z: 12.345}}]\n"
        "behaviour: [{name: B, event: b, points: 0.2}]\nqualify: {threshold: 0.3}\n"
    )
    leads = pd.DataFrame({"lead_id": [1, 2, 3], "a": ["x", "y", "z"]})
    events = pd.DataFrame({"lead_id": [1], "event": ["b"], "at": ["2026-03-01"]})
    scores = ls.score(ls.load_tables(leads, events, rulebook=rulebook), rulebook, as_of="2026-03-01")
    won = pd.Series([True, False, None], [3, 2, 1], dtype="boolean")
    # 0.1 + 0.2 points are 0.3, which as floats they are not.
    frame = threshold_table(won, scores, thresholds=[0.3, 12.345, 12.346]).frame
    assert frame["flagged"].tolist() == [2, 1, 0]
    assert threshold_table([1, 0, 1], scores, thresholds=[0.3]).frame["flagged"].tolist() == [3]
    assert threshold_table(won, scores).unknown == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"y": [1, 2, 0]},
            "y: must be True, False or missing (1 and 0 will do); 1 of 3 values are neither, the first 2",
        ),
        ({"y": ["yes", "no", "no"]}, "y: must be True, False or missing (1 and 0 will do); got 'yes'"),
        ({"y": [None, None, None]}, "no outcome is known for 3 leads"),
        ({"y": [True, False]}, "y: must have one value for each lead; it has 2, score has 3"),
        ({"y": None}, "must have one value for each lead"),
        ({"score": [1, np.nan, np.inf]}, "score: is missing or infinite for 2 of 3 leads: 1, 2"),
        ({"score": ["1", "2", "3"]}, "score: must be numbers; got '1'"),
        ({"score": [1 + 2j, 1, 2]}, "score: must be numbers; got (1+2j)"),
        ({"y": [], "score": []}, "score: there are no leads"),
        ({"score": np.ones((3, 2))}, "got 2 dimensions"),
        ({"weights": [1, 0.5, 1]}, "weights: must be whole numbers from 0; 1 of 3 are not, the first 0.5"),
        ({"weights": [1, -1, None]}, "weights: must be whole numbers from 0; 1 of 3 are not, the first -1"),
        ({"weights": [0, 0, 0]}, "no outcome is known for 3 leads"),
        ({"dates": ["2026-01-01", "31.1.2026", None]}, "dates: must be days as 2026-03-31; 1 are not: '31.1.2026'"),
        ({"dates": [1, 2, 3]}, "dates: must be days as 2026-03-31; 3 are not: 1, 2, 3"),
        ({"thresholds": []}, "thresholds"),
        ({"thresholds": [1, np.nan]}, "must be a list of numbers"),
        ({"thresholds": ["1"]}, "must be a list of numbers"),
        ({"replicates": 39}, "replicates: must be a whole number, 40 or more; got 39"),
        ({"confidence": 95}, "confidence: must lie between 0 and 1; got 95"),
    ],
)
def test_input_that_cannot_be_meant(change, message):
    right = {"y": [1, 0, 1], "score": [1, 2, 3]}
    assert threshold_table(**right, replicates=40).n == 3
    with pytest.raises(ArgumentError, match=re.escape(message)):
        threshold_table(**right | change)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ArgumentError) as caught:
        threshold_table([1, 2, 0], [1, np.nan, 2], weights=[1, 0.5, 1], dates=["2026-01-01", "x", "2026-01-02"])
    assert [problem.where for problem in caught.value.problems] == ["y", "score", "weights", "dates"]


def test_leads_that_do_not_fit_together_are_refused():
    score = pd.Series([1.0, 2, 3], ["a", "b", "c"])
    with pytest.raises(ArgumentError, match="1 lead with a known outcome has no score: 'd'"):
        threshold_table(pd.Series([True, False], ["a", "d"]), score)
    # One whose outcome is not known either is no loss.
    assert threshold_table(pd.Series([True, None], ["a", "d"], dtype="boolean"), score).n == 1
    with pytest.raises(ArgumentError, match="has none of the leads of score"):
        threshold_table(pd.Series([True, False, True]), score)
    with pytest.raises(ArgumentError, match="y: has 1 lead more than once: 'a'"):
        threshold_table(pd.Series([True, False], ["a", "a"]), score)
    # The same lead on two days, in the same rows on both sides, is no question.
    twice = pd.Series([1.0, 2], ["a", "a"])
    assert threshold_table(pd.Series([True, False], ["a", "a"]), twice).n == 2


def test_what_is_shown_has_its_n():
    table = threshold_table([1, 0, None, 1], [3, 1, 2, 3], thresholds=[1, 3, 5])
    assert table.headline == "66.7% (20.8% to 93.9%) of 3 leads reached the outcome; thresholds from 1 to 5."
    text = [" ".join(line.split()) for line in repr(table).splitlines()]
    assert "3 2 2 100.0% (34.2% to 100.0%) 100.0% (34.2% to 100.0%)" in text
    assert "5 0 0 0.0% (0.0% to 65.8%)" in text
    assert table.notes[0] == "1 lead of unknown outcome left out of all rates."
    assert "No lead reached the outcome" in repr(threshold_table([0, 0], [1, 2]))
    assert "Every lead of known outcome reached it" in repr(threshold_table([1, 1, None], [1, 2, 3]))
    assert "Every lead of known outcome reached it" not in repr(threshold_table([1, 1, 0], [1, 2, 3]))
    by = [
        " ".join(line.split()) for line in repr(threshold_table([1, 0, 0], [3, 1, 2], by=["x", "x", None])).splitlines()
    ]
    assert any(line.startswith("x 3 1 1 ") for line in by)
    assert any(line.startswith("(missing) 2 1 0 ") for line in by)
    many = threshold_table(np.arange(100) % 2, np.arange(100))
    assert "11 of 100 thresholds; `frame` has all" in repr(many)
    assert len(many.to_dict()["frame"]) == 100


# ------------------------------------------------------------------------------------------------- the choice


def dated(n, rng, days=182):
    return pd.Timestamp("2026-01-05") + pd.to_timedelta(rng.integers(0, days, n), unit="D")


def test_weeks_count_leads_of_unknown_outcome_too():
    """Fifteen days: the two whole weeks end on the last, the first day is in neither."""
    dates = [*pd.date_range("2026-03-01", "2026-03-15").strftime("%Y-%m-%d"), "2026-03-01"]
    y = pd.array([True] * 8 + [None] * 7 + [True], dtype="boolean")
    table = threshold_table(y, np.arange(16), dates=dates, thresholds=[0, 8])
    assert table.frame["flagged"].tolist() == [9, 1]
    # 2 to 8 March and 9 to 15 March: 7 and 7 leads; from a score of 8: none and 7.
    assert table.frame["per_week"].tolist() == [7, 3.5]
    assert table.frame.loc[8, "per_week_high"] == pytest.approx(3.5 + 12.706 * 7 / np.sqrt(2) / np.sqrt(2), abs=0.01)
    assert table.histograms.per_week[0, 0].tolist() == [16 * 7 / 15, 8 * 7 / 15]
    short = threshold_table([1, 0], [1, 2], dates=["2026-03-01", "2026-03-06"])
    assert short.frame["per_week"].isna().all()
    with pytest.raises(ArgumentError, match="dates of at least a week"):
        choose_threshold(short, capacity_per_week=3)
    # One week says nothing of how weeks differ.
    one = choose_threshold(threshold_table([1, 0], [1, 2], dates=["2026-03-01", "2026-03-07"]), capacity_per_week=1)
    assert (one.threshold, one.low, one.high, one.per_week[0]) == (2, 2, 2, 1)
    assert one.headline.startswith("2: 1.0 leads a week (no interval from a single week), capacity 1.")


def test_times_count_as_the_day_that_their_clock_showed():
    """A quarter past midnight in Oslo is the day before in UTC, a quarter to it in Lima the day after."""
    naive = pd.Series(pd.to_datetime(["2026-03-01 00:15", "2026-03-08 23:45", "2026-03-29 02:00"]))
    oslo, lima = naive[:2].dt.tz_localize("Europe/Oslo"), naive[:2].dt.tz_localize("America/Lima")
    plain = threshold_table([1, 0], [1, 2], dates=["2026-03-01", "2026-03-08"]).histograms
    written = ["2026-03-01T00:15+01:00", " 2026-03-08 23:45:00.5 -0500"]
    for zoned in (oslo, lima, pl.from_pandas(oslo), [*lima], written, pd.Series(written, dtype="category")):
        found = threshold_table([1, 0], [1, 2], dates=zoned).histograms
        np.testing.assert_array_equal(found.weekly, plain.weekly)
        np.testing.assert_array_equal(found.per_week, plain.per_week)
        moved = threshold_table([1, 0], [1, 2], dates=oslo.dt.tz_convert("UTC")).histograms
        assert moved.months[0] < plain.months[0]


def test_leads_a_week_are_sure_in_few_weeks_of_few_leads_only_as_far_as_chance_allows():
    """Weeks that happen to be alike are no proof that all are: 18 to 88 % of intervals held the truth there."""
    rng = np.random.default_rng(5)
    for mean in (0.1, 0.5, 2, 20):
        for weeks in (2, 4, 8, 26):
            _, low, high = weekly_mean(rng.poisson(mean, (weeks, 2000)), 0.95)
            assert ((low <= mean) & (mean <= high)).mean() > 0.94
    # By the tables of Garwood (1936): none, and four.
    assert weekly_mean(np.zeros((8, 1), int), 0.95)[2] == pytest.approx(3.689 / 8, abs=1e-3)
    assert [end.item() for end in weekly_mean(np.ones((4, 1), int), 0.95)] == pytest.approx(
        [1, 1.090 / 4, 10.242 / 4], abs=1e-3
    )
    # Where weeks differ by more, Student's: 2 and 30 leads.
    assert weekly_mean(np.array([[2], [30]]), 0.95)[2] == pytest.approx(16 + 12.706 * 14, abs=0.1)


STEPS = (np.arange(400) % 100 < np.repeat([2, 5, 20, 30], 100), np.repeat([20, 40, 60, 80], 100))


def test_what_is_chosen_by_hand():
    """Rates from the top: 30 of 100, 50 of 200, 55 of 300, 57 of 400."""
    table = threshold_table(*STEPS)
    assert choose_threshold(table, min_precision=0.25).threshold == 60
    assert choose_threshold(table, min_precision=0.26).threshold == 80
    assert choose_threshold(table, min_recall=50 / 57).threshold == 60
    assert choose_threshold(table, min_recall=0.9).threshold == 40
    # 1000 a win and 100 a contact: 20, 30, 25 and 17 thousand from the top; at 200 a contact 10, 10, -5 and -23: of two
    # that earn the same, the one with fewer contacts.
    choice = choose_threshold(table, value=Value(1000, 100))
    assert choice.curve["figure"].tolist() == [17_000, 25_000, 30_000, 20_000]
    assert choice.threshold == 60
    assert choose_threshold(table, value=Value(1000, 200)).threshold == 80
    dates = pd.date_range("2026-01-01", periods=100).tolist() * 4
    dated_table = threshold_table(*STEPS, dates=dates)
    for capacity, threshold in ((6.9, np.nan), (7, 80), (13.9, 80), (14, 60), (28, 20), (1000, 20)):
        assert choose_threshold(dated_table, capacity_per_week=capacity).threshold == pytest.approx(
            threshold, nan_ok=True
        )
    assert choose_threshold(dated_table, capacity_per_week=14).per_week[0] == 14


@pytest.mark.parametrize("seed", range(6))
def test_what_rules_a_threshold_out(seed):
    """Its own interval misses what is asked, or that of one to be preferred does not."""
    rng = np.random.default_rng(seed)
    y, score = funnel_like(3000, rng)
    table = threshold_table(y, score, thresholds=np.arange(30, 100, 4), dates=dated(3000, rng, 70))
    frame, bars = table.frame, table.frame.index
    for choice, low, high, rising in (
        (
            choose_threshold(table, min_precision=0.25),
            frame["precision_low"] >= 0.25,
            frame["precision_high"] >= 0.25,
            1,
        ),
        (choose_threshold(table, min_recall=0.7), frame["recall_low"] >= 0.7, frame["recall_high"] >= 0.7, -1),
        (choose_threshold(table, capacity_per_week=60), frame["per_week_high"] <= 60, frame["per_week_low"] <= 60, 1),
    ):
        kept = [
            bar for bar in bars if high[bar] and not any(low[other] for other in bars if rising * (bar - other) > 0)
        ]
        assert choice.curve.index[choice.curve["possible"]].tolist() == kept
        assert (choice.low, choice.high) == (min(kept), max(kept))
        assert choice.threshold in kept
        assert len(kept) < len(bars) / 2


def test_no_threshold_meets_the_target_and_the_nearest_is_named():
    table = threshold_table(*STEPS)
    choice = choose_threshold(table, min_precision=0.5)
    assert np.isnan([choice.threshold, choice.low, choice.high]).all()
    assert choice.headline == (
        "No threshold does it: the nearest is precision 30.0% (21.9% to 39.6%) at 80, of 100 leads, with 57 outcomes, "
        "asked for 50.0%."
    )
    rulebook = ls.Rulebook.from_yaml(BOOK)
    with pytest.raises(ArgumentError, match="no threshold was found"):
        choice.apply(rulebook)
    assert choose_threshold(table, value=Value(1000, 900)).headline.startswith(
        "No threshold pays: the nearest is value -60,000"
    )
    for empty in (threshold_table([0, 0], [1, 2]), threshold_table([1, 0], [1, 2], thresholds=[3])):
        assert choose_threshold(empty, min_recall=0.5).headline.startswith("No threshold ")
    assert choose_threshold(threshold_table([1, 0], [1, 2], thresholds=[3]), min_precision=0.5).headline == (
        "No threshold has a precision: 0 leads are flagged at most, with 1 outcome, asked for 50.0%."
    )
    # A threshold that no lead reaches passes on none too many, and is no choice.
    nobody = threshold_table(*STEPS, thresholds=[20, 90], dates=pd.date_range("2026-01-01", periods=400))
    assert np.isnan(choose_threshold(nobody, capacity_per_week=3).threshold)
    assert np.isnan(choose_threshold(threshold_table(*STEPS, thresholds=[70]), min_recall=0.9).threshold)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "takes exactly one of capacity_per_week, min_precision, value, min_recall; got none"),
        ({"min_precision": 0.1, "min_recall": 0.2}, "got min_precision and min_recall"),
        ({"min_precision": 10}, "min_precision: must be a number, more than 0 and at most 1; got 10"),
        ({"min_recall": 0}, "min_recall: must be a number, more than 0 and at most 1"),
        ({"min_recall": True}, "min_recall: must be a number, more than 0 and at most 1"),
        ({"capacity_per_week": 10}, "leads a week need dates"),
        ({"capacity_per_week": -1}, "capacity_per_week: must be a number, more than 0"),
        ({"value": 1000}, r"must be Value\(per_won"),
    ],
)
def test_what_cannot_be_asked(asked, message):
    with pytest.raises(ArgumentError, match=message):
        choose_threshold(threshold_table(*STEPS), **asked)


def test_values_and_groups_that_cannot_be_meant():
    with pytest.raises(ArgumentError) as caught:
        Value(per_won=np.nan, per_contact=-1)
    assert [problem.where for problem in caught.value.problems] == ["per_won", "per_contact"]
    by = threshold_table(*STEPS, by=["a", "b"] * 200)
    with pytest.raises(ArgumentError, match="of a table by groups only capacity_per_week"):
        choose_threshold(by, min_precision=0.2)


def test_months_show_what_each_would_have_asked_for():
    rng = np.random.default_rng(7)
    y, score = funnel_like(6000, rng)
    # In March the same points are worth less.
    dates = dated(6000, rng, 85)
    score = np.where(dates.month == 3, score + 15, score)
    table = threshold_table(y, score, dates=dates)
    choice = choose_threshold(table, min_precision=0.2)
    stable = choice.stability
    assert stable.index.strftime("%Y-%m").tolist() == ["2026-01", "2026-02", "2026-03"]
    assert (stable["threshold"].iloc[2] > stable["threshold"].iloc[:2] + 8).all()
    for month, row in zip((1, 2, 3), stable.itertuples(), strict=True):
        own = dates.month == month
        assert row.n == own.sum()
        alone = choose_threshold(threshold_table(y[own], score[own], thresholds=table.frame.index), min_precision=0.2)
        assert row.threshold == alone.threshold
        above = own & (score >= choice.threshold)
        assert (row.precision, row.flagged_per_week) == pytest.approx(
            (y[above].mean(), 7 * above.sum() / (27, 28, 30)[month - 1])
        )
    assert choose_threshold(threshold_table(y, score), min_precision=0.2).stability is None
    # A month that asks for none has none.
    odd = threshold_table([1, 0, 0], [2, 1, 2], dates=["2026-01-01", "2026-01-09", "2026-02-05"])
    assert choose_threshold(odd, min_precision=0.5).stability["threshold"].fillna(-1).tolist() == [1, -1]
    assert choose_threshold(odd, value=Value(1, 9)).stability["threshold"].isna().all()


BOOK = """\
leadscore: 1
name: demo
fit:
  - {name: Home, when: {country: [US]}, points: 100}  # most of it
behaviour: []
qualify:
  threshold: 70   # agreed in March
  segments:
    - name: Juniors   # they click a lot
      when: {title: [intern]}
      threshold: 90
"""


def test_a_choice_is_written_with_comments_kept():
    choice = choose_threshold(threshold_table(*STEPS), min_precision=0.25)
    rulebook = ls.Rulebook.from_yaml(BOOK)
    assert choice.apply(rulebook).to_yaml() == BOOK.replace("threshold: 70", "threshold: 60")
    half = choose_threshold(threshold_table(STEPS[0], STEPS[1] + 0.125), min_precision=0.25)
    assert half.apply(rulebook).qualify.threshold == 60.125
    high = choose_threshold(threshold_table(STEPS[0], STEPS[1] * 2), min_precision=0.25)
    with pytest.raises(ArgumentError, match="no lead can reach 120"):
        high.apply(rulebook)
    fine = choose_threshold(threshold_table(STEPS[0], STEPS[1] / 7), min_precision=0.25)
    with pytest.raises(ArgumentError, match="decimals"):
        fine.apply(rulebook)


def by_segment(n, rng, worse, replicates=200):
    """Leads of two segments, the juniors' points worth `worse` less."""
    junior = rng.random(n) < 0.4
    score = rng.normal(50, 20, n).round()
    y = rng.random(n) < 1 / (1 + np.exp((90 + worse * junior - score) / 10))
    segment = np.where(junior, "Juniors", None)
    return threshold_table(y, score, by=segment, dates=dated(n, rng), replicates=replicates)


def test_thresholds_by_segment_share_a_capacity():
    table = by_segment(12_000, np.random.default_rng(11), 25)
    choice = choose_threshold(table, capacity_per_week=60)
    own = choice.thresholds["threshold"]
    # The last lead passed on is as good in both: 25 points apart, as planted.
    assert own["Juniors"] - own["(missing)"] == pytest.approx(25, abs=4)
    assert choice.thresholds["per_week"].sum() <= 60
    assert choice.gain[1] > 0
    assert "The gain is real." in repr(choice)
    written = choice.apply(ls.Rulebook.from_yaml(BOOK))
    assert written.qualify.threshold == own["(missing)"]
    assert written.qualify.segments[0].threshold == own["Juniors"]
    assert "# they click a lot" in written.to_yaml()
    # The single threshold is that of the table without groups.
    histograms = table.histograms
    assert choice.threshold == histograms.thresholds[np.argmax(histograms.weekly.mean(axis=0).sum(axis=0) <= 60)]


def test_thresholds_by_group_by_hand():
    """Two weeks; by group and points A has 20 leads of 3 (18 convert) and 20 of 1 (2), B 20 of 2 (none)."""
    score, group = np.repeat([3, 1, 2], 20), np.repeat(["A", "A", "B"], 20)
    y = np.arange(60) % 20 < np.repeat([18, 2, 0], 20)
    days = pd.date_range("2026-01-01", periods=14)[np.arange(60) % 14]
    table = threshold_table(y, score, by=group, dates=days, thresholds=[1, 2, 3])
    choice = choose_threshold(table, capacity_per_week=10)
    # Nobody of A has 2 points: the threshold is that of those passed on. B gets nobody.
    assert choice.thresholds["threshold"].fillna(-1).tolist() == [3, -1]
    assert choice.thresholds["per_week"].fillna(-1).tolist() == [10, -1]
    # For all 20 leads of A a week a single threshold would have to pass on those of B as well.
    wide = choose_threshold(table, capacity_per_week=20)
    assert wide.thresholds["threshold"].fillna(-1).tolist() == [1, -1]
    assert (wide.threshold, choice.threshold) == (2, 3)
    assert wide.gain[0] == pytest.approx(1, abs=0.35)
    assert wide.headline.startswith(
        "Thresholds by group: A 1, B none; 20.0 leads a week over 2 weeks, capacity 20. Compared "
    )
    assert "with 20 outcomes. " in repr(wide)


def worth_by_segment(choice, n, worse):
    """Outcomes a week that thresholds by segment bring beyond a single one for as many leads, over many more leads."""
    rng, many = np.random.default_rng(1), 200_000
    junior, score = rng.random(many) < 0.4, rng.normal(50, 20, many).round()
    chance = 1 / (1 + np.exp((90 + worse * junior - score) / 10))
    own = choice.thresholds["threshold"].fillna(np.inf)
    passed = score >= np.where(junior, own["Juniors"], own["(missing)"])
    best = np.argsort(-score, kind="stable")[: passed.sum()]
    return (chance[passed].sum() - chance[best].sum()) / many * n / 26


def test_thresholds_chosen_on_the_same_data_bring_what_they_are_worth():
    """Segments alike: thresholds of their own lose 0.04 outcomes a week, and on the data that chose them gain 0.06."""
    rng = np.random.default_rng(15)
    choices = [choose_threshold(by_segment(1500, rng, 0, replicates=40), capacity_per_week=10) for _ in range(20)]
    luck = [choice.gain[0] - worth_by_segment(choice, 1500, 0) for choice in choices]
    assert abs(np.mean(luck)) < 0.03


def test_a_segment_may_get_nothing():
    choice = choose_threshold(by_segment(4000, np.random.default_rng(12), 120), capacity_per_week=15)
    assert np.isnan(choice.thresholds.loc["Juniors", "threshold"])
    assert "Juniors none" in repr(choice)
    with pytest.raises(ArgumentError, match="'Juniors' gets no lead at this capacity"):
        choice.apply(ls.Rulebook.from_yaml(BOOK))
    more = choose_threshold(by_segment(4000, np.random.default_rng(12), 10), capacity_per_week=60)
    with pytest.raises(
        ArgumentError, match=r"qualify.segments.Juniors.threshold: .*has no 'Juniors'; did you mean 'Junior'"
    ):
        more.apply(ls.Rulebook.from_yaml(BOOK.replace("Juniors", "Junior")))


def test_a_planted_optimum_is_found():
    """A lead is worth passing on from a chance of 0.2: at 90 - 10 ln 4 = 76.1 points."""
    y, score = funnel_like(100_000, np.random.default_rng(13))
    table = threshold_table(y, score)
    choice = choose_threshold(table, value=Value(per_won=1000, per_contact=200))
    assert choice.threshold == pytest.approx(76.1, abs=3)
    assert choice.low <= 76.1 <= choice.high


def test_scores_of_a_funnel_end_in_a_rulebook():
    made = make_funnel(3000)
    tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.planted)
    scores = ls.score(tables, made.planted, as_of="2026-02-28")
    won = ls.label(tables, stage="sal", as_of="2026-02-28", within_days=14)
    table = threshold_table(won, scores, dates=made.leads.set_index("lead_id")["created_at"])
    assert table.n + table.unknown == len(scores)
    choice = choose_threshold(table, capacity_per_week=20)
    assert choice.apply(made.planted).qualify.threshold == choice.threshold


def test_the_picture_shows_the_curve_and_the_choice():
    rng = np.random.default_rng(14)
    y, score = funnel_like(2000, rng)
    table = threshold_table(y, score, dates=dated(2000, rng))
    choice = choose_threshold(table, min_precision=0.3)
    axes = choice.plot()
    labels = [line.get_label() for line in axes.lines]
    assert labels == ["precision, n=2,000", f"chosen: {choice.threshold:g}"]
    assert axes.lines[0].get_ydata().tolist() == table.frame["precision"].tolist()
    assert axes.lines[1].get_xydata().tolist() == [[choice.threshold, table.frame.loc[choice.threshold, "precision"]]]
    [right] = [other for other in axes.figure.axes if other is not axes]
    assert right.lines[0].get_ydata().tolist() == table.frame["per_week"].tolist()
    # The choice stands on both curves: what it costs is read off the other.
    assert right.lines[1].get_xydata().tolist() == [[choice.threshold, table.frame.loc[choice.threshold, "per_week"]]]
    axes.figure.canvas.draw()
    # Nothing chosen: nothing marked. Without dates the volume is a share.
    plain = threshold_table(y, score, thresholds=[0, 20, 40])
    unmet = choose_threshold(plain, min_precision=0.999).plot()
    assert [line.get_label() for line in unmet.lines] == ["precision, n=2,000"]
    assert unmet.figure.axes[1].get_ylabel() == "share of leads passed on (dashed)"
    with pytest.raises(ArgumentError, match="a table by groups"):
        threshold_table(y, score, by=["x"] * 2000).plot()


# -------------------------------------------------------------------------------------------- simulated, slow


def two_bands(n, rate, rng):
    """A fifth of the leads flagged, with twice the rate, but at most 0.9; and what is true of them."""
    high = min(2 * rate, 0.9)
    low = (rate - 0.2 * high) / 0.8
    flagged = rng.random(n) < 0.2
    truth = (0.2, high, 0.2 * high / rate, high / rate, (1 - high) / high)
    return flagged, np.where(flagged, high, low), dict(zip(RATES, truth, strict=True))


def coverage(tables, truth):
    """The share of the intervals that hold the truth, of those there are."""
    found = {name: [] for name in RATES}
    for table in tables:
        row = table.frame.iloc[0]
        for name in RATES:
            if not np.isnan(row[name]):
                found[name].append(row[f"{name}_low"] <= truth[name] <= row[f"{name}_high"])
    return pd.Series({name: np.mean(held) for name, held in found.items()})


@pytest.mark.soak
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2, 0.4])
@pytest.mark.parametrize("n", [200, 2000, 20_000])
def test_intervals_cover(n, rate):
    rng = np.random.default_rng(20261126)
    tables = []
    for _ in range(1500):
        flagged, chance, truth = two_bands(n, rate, rng)
        tables.append(threshold_table(rng.random(n) < chance, flagged * 1.0, thresholds=[1], replicates=40))
    found = coverage(tables, truth)
    # Of two expected events no interval covers exactly so often; Wilson's covers more, that of the lift 0.996.
    least, most = (0.9, 0.99) if n * rate < 5 else (0.93, 0.975)
    mosts = pd.Series(most, found.index).where((found.index != "lift") | (n * rate >= 5), 0.999)
    assert ((found >= least) & (found <= mosts)).all(), found


@pytest.mark.soak
def test_intervals_cover_where_leads_of_an_account_convert_together():
    rng = np.random.default_rng(20261127)
    aware, blind = [], []
    for _ in range(500):
        account = np.arange(2000) // 4
        flagged, chance, truth = two_bands(500, 0.1, rng)
        together = rng.random(500) < 0.7
        luck = np.where(together[account], rng.random(500)[account], rng.random(2000))
        y, score = luck < chance[account], flagged[account] * 1.0
        aware.append(threshold_table(y, score, thresholds=[1], groups=account, replicates=100))
        blind.append(threshold_table(y, score, thresholds=[1], replicates=40))
    assert coverage(aware, truth).between(0.915, 0.975).all()
    assert (coverage(blind, truth)[["share_flagged", "precision", "recall"]] < 0.88).all()


BARS = np.arange(20.0, 121)


def planted():
    """What is true of `funnel_like` at each of `BARS`, by summing over scores: share, precision, recall, value."""
    grid = np.linspace(-70, 170, 240_001)
    mass = np.exp(-((grid - 50) ** 2) / 800)
    chance = 1 / (1 + np.exp((90 - grid) / 10))
    tail = np.searchsorted(grid, BARS)
    leads, wins = (
        np.append(part[::-1].cumsum()[::-1], 0)[tail] for part in (mass / mass.sum(), mass * chance / mass.sum())
    )
    return leads, wins / leads, wins / (mass * chance / mass.sum()).sum(), 1000 * wins - 200 * leads


RISING, EVEN = 0.02 + 0.25 * np.linspace(0, 1, 101) ** 2, np.full(101, 0.1)


def value_per_lead(chance, outcomes, trials, rng):
    """(trials, 5) a lead: the raw maximum, the value and its ends as printed, the real worth of the choice; luck; best.

    Luck is what one threshold, the right one, looks better than it is in the trial, which is nothing on average.
    """
    n, worth = round(outcomes / chance.mean()), Value(per_won=1000, per_contact=100)
    truth = np.append((1000 * chance - 100)[::-1].cumsum()[::-1] / len(chance), 0)
    right = int(np.argmax(truth[:30:-1])) + 31
    rows, luck = [], []
    for _ in range(trials):
        score = rng.integers(0, 101, n)
        table = threshold_table(rng.random(n) < chance[score], score, thresholds=np.arange(101))
        choice = choose_threshold(table, value=worth)
        # Where nothing pays nobody is passed on, which is worth nothing.
        none = np.isnan(choice.threshold)
        figures = (0, 0, 0, 0) if none else (choice.curve["figure"].max(), *choice.value)
        rows.append([*np.array(figures) / n, truth[101 if none else int(choice.threshold)]])
        luck.append(choice.curve["figure"][right] / n - truth[right])
    return np.array(rows), np.array(luck), truth.max()


@pytest.mark.slow
@pytest.mark.parametrize("chance", [RISING, EVEN], ids=["rising", "even"])
@pytest.mark.parametrize("outcomes", [17, 58, 500])
def test_the_printed_value_is_not_too_high(chance, outcomes):
    found, luck, best = value_per_lead(chance, outcomes, 300, np.random.default_rng(20261130))
    raw, printed, low, high, true = found.T
    over, raw_over = printed - true - luck, (raw - true - luck).mean()
    noise = 3 * over.std() / np.sqrt(len(over))
    assert over.mean() <= 0.1 * raw_over + noise
    assert over.mean() >= -0.05 * best - noise
    assert (printed - luck).mean() <= best + 0.1 * raw_over + noise
    assert raw_over > 3 * noise
    assert ((low <= true) & (true <= high)).mean() > 0.9


@pytest.mark.parametrize("seed", range(4))
def test_the_value_lies_in_its_interval_and_says_what_it_looks_like(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(30, 300))
    account = rng.integers(0, n // 3, n)
    table = threshold_table(rng.random(n) < 0.2, rng.integers(0, 30, n), groups=account if seed % 2 else None)
    choice = choose_threshold(table, value=Value(per_won=1000, per_contact=150))
    value, low, high = choice.value
    raw = choice.curve["figure"][choice.threshold]
    assert low <= value <= high
    assert value < raw
    assert f"value {value:,.0f} ({low:,.0f} to {high:,.0f})" in choice.headline
    assert f"the value is {raw:,.0f}: " in choice.notes[0]
    assert ("To pass on nobody may be as good." in choice.notes) == (low <= 0)
    assert choose_threshold(table, min_precision=0.1).notes == ()


@pytest.mark.soak
@pytest.mark.parametrize("n", [1000, 10_000])
def test_the_stated_range_covers_the_right_threshold(n):
    share, precision, recall, value = planted()
    right = {
        "min_precision": BARS[np.argmax(precision >= 0.3)],
        "min_recall": BARS[np.flatnonzero(recall >= 0.8)[-1]],
        "value": BARS[np.argmax(value)],
        "capacity_per_week": 75.0,
    }
    # 20 weeks; the capacity is just what 75 points bring.
    asked = {"min_precision": 0.3, "min_recall": 0.8, "value": Value(1000, 200)}
    asked["capacity_per_week"] = share[55] * n / 20 * 1.0001
    rng, held = np.random.default_rng(20261128), []
    for _ in range(400):
        size = rng.poisson(n)
        y, score = funnel_like(size, rng)
        table = threshold_table(y, score, thresholds=BARS, dates=dated(size, rng, 140))
        choices = {name: choose_threshold(table, **{name: target}) for name, target in asked.items()}
        held.append([choices[name].low <= truth <= choices[name].high for name, truth in right.items()])
    found = np.mean(held, axis=0)
    # A range of whole steps covers somewhat more than 95 %.
    assert ((found >= 0.94) & (found <= 0.999)).all(), found


@pytest.mark.soak
def test_a_fall_is_found_by_chance_as_seldom_as_stated():
    rng = np.random.default_rng(20261129)
    false = []
    for _ in range(400):
        account = np.arange(3000) // 5
        chance, score = rng.beta(0.5, 4.5, 600)[account], rng.integers(0, 12, 600)[account]
        tables = [
            threshold_table(rng.random(3000) < 0.1, rng.integers(0, 100, 3000), replicates=40),
            threshold_table(rng.random(3000) < 0.1, score, replicates=40),
            threshold_table(rng.random(3000) < chance, score, groups=account, replicates=100),
        ]
        false.append([any("Raising" in finding for finding in table.notes) for table in tables])
    assert (np.mean(false, axis=0) <= 0.05).all(), np.mean(false, axis=0)


@pytest.mark.soak
def test_a_gain_is_real_where_it_is():
    """Where segments are alike, thresholds of their own bring nothing, and that is said."""
    rng = np.random.default_rng(20261130)
    choices = [
        [choose_threshold(by_segment(4000, rng, worse), capacity_per_week=20) for _ in range(200)] for worse in (0, 25)
    ]
    alike, apart = ([choice.gain for choice in some] for some in choices)
    for some, worse in zip(choices, (0, 25), strict=True):
        luck = [choice.gain[0] - worth_by_segment(choice, 4000, worse) for choice in some]
        assert abs(np.mean(luck)) < 3 * np.std(luck) / np.sqrt(len(luck)) + 0.01, (worse, np.mean(luck))
    assert np.mean([low > 0 for _, low, _ in alike]) <= 0.05
    assert np.mean([low <= 0 <= high for _, low, high in alike]) >= 0.93
    assert abs(np.mean([gain for gain, _, _ in alike])) < 0.05
    assert np.mean([low > 0 for _, low, _ in apart]) > 0.8


# --------------------------------------------------------------------------------------------------- real data


@pytest.fixture(scope="module")
def bank(folder):
    raw = pd.read_csv(folder / "bank" / "bank-additional-full.csv", sep=";")
    return raw.assign(y=raw["y"] == "yes")


@pytest.mark.real
def test_more_calls_are_less_likely_and_it_is_said(bank):
    table = threshold_table(bank["y"], bank["campaign"])
    first, eighth = (bank.loc[rows, "y"].mean() for rows in (bank["campaign"] == 1, bank["campaign"] >= 8))
    assert (round(first, 3), round(eighth, 3)) == (0.130, 0.041)
    assert table.frame.loc[8, ["flagged", "precision"]].tolist() == [(bank["campaign"] >= 8).sum(), eighth]
    assert table.notes[0].startswith("Raising the threshold from 1 to ")
    # The other way round the same column is a fair score.
    assert not any("Raising" in finding for finding in threshold_table(bank["y"], -bank["campaign"]).notes)


@pytest.mark.real
def test_a_vendors_activity_is_no_rising_score(bank):
    """Days since the last contact: few hold a real value, and 999 stands for none."""
    table = threshold_table(bank["y"], bank["pdays"])
    assert table.frame.loc[999, "flagged"] == 39_673
    real = bank.loc[bank["pdays"] < 999, "y"].mean()
    assert round(real, 3) == 0.638
    assert any(f"({39_673:,})" in finding or "n=39,673" in finding for finding in table.notes)


@pytest.mark.real
def test_fit_points_of_a_real_rulebook_end_in_it(bank):
    leads = bank[["job", "education", "age", "default", "housing", "contact"]].assign(lead_id=range(len(bank)))
    rulebook = ls.Rulebook.read(Path(__file__).parents[1] / "data" / "bank.yaml")
    nothing = pd.DataFrame({"lead_id": [0], "event": ["nothing"], "at": ["2010-11-30"]})
    scores = ls.score(ls.load_tables(leads, nothing, rulebook=rulebook), rulebook, as_of="2010-11-30")
    # 41,188 contacts, about 70 on each of 590 days, in order of date; the outcome of the newest is not known yet.
    dates = pd.Timestamp("2009-04-20") + pd.to_timedelta(np.arange(len(bank)) // 70, unit="D")
    y = bank["y"].astype("boolean").mask(np.arange(len(bank)) >= 40_000)
    table = threshold_table(y, scores, dates=dates)
    total, known = scores.frame["total"].to_numpy(), np.arange(len(bank)) < 40_000
    assert (table.n, table.unknown) == (40_000, 1188)
    for bar, row in table.frame.iloc[:: len(table.frame) // 7].iterrows():
        above = known & (total >= bar)
        assert row[["flagged", "precision"]].tolist() == pytest.approx([above.sum(), bank.loc[above, "y"].mean()])
    choice = choose_threshold(table, capacity_per_week=100)
    per_week = (total >= choice.threshold).sum() / (len(bank) / 70 / 7)
    assert choice.per_week[0] == pytest.approx(per_week, rel=0.01)
    assert per_week <= 101
    # The list changes over these years, so that the bar that a month alone asks for does too.
    assert choice.stability["threshold"].max() > choice.stability["threshold"].min() + 2
    assert choice.apply(rulebook).qualify.threshold == choice.threshold


def test_the_value_curve_is_drawn_where_value_was_asked():
    rng = np.random.default_rng(4)
    score = rng.integers(0, 50, 3000)
    table = threshold_table(rng.random(3000) < score / 100, score)
    choice = choose_threshold(table, value=Value(per_won=100, per_contact=30))
    axes = choice.plot()
    drawn = {line.get_label(): line for line in axes.lines}
    assert list(drawn[f"value, n={table.events:,} outcomes"].get_ydata()) == choice.curve["figure"].tolist()
    assert list(drawn[f"chosen: {choice.threshold:.10g}"].get_xdata()) == [choice.threshold]
    assert "cannot be told apart" in [text.get_text() for text in axes.get_legend().get_texts()]
    none = choose_threshold(table, value=Value(per_won=1, per_contact=30)).plot()
    assert not any(line.get_label().startswith("chosen") for line in none.lines)
