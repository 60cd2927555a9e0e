"""Stability of columns against scipy, simulated samples without drift, planted shifts, and the bank."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import leadscore as ls
from leadscore.datasets.funnel import make_funnel
from leadscore.drift.change.stability import stability
from leadscore.errors import ArgumentError
from leadscore.stats.distances import (
    Cells,
    category_cells,
    homogeneity,
    kolmogorov_smirnov,
    mean_difference,
    number_cells,
    passes,
    stability_index,
)
from leadscore.stats.intervals import newcombe

TEXT = st.sampled_from(["a", "b", "c", None])
NUMBER = st.sampled_from([0.0, 0.0, 1.0, 2.5, 7.0, -3.0, np.nan])
SAMPLE = st.lists(st.tuples(TEXT, NUMBER), min_size=1, max_size=60)


def frame(rows):
    text, number = zip(*rows, strict=True)
    return pd.DataFrame({"text": pd.Series(text, dtype="str"), "number": np.array(number, float)})


def leads(n, rng, *, at_home=0.6, mean=0.0, missing=0.1, points=0.35):
    """Columns of every kind: text, numbers without ties, points, a value that most share, some missing."""
    employees = np.exp(rng.normal(mean, 1, n))
    employees[rng.random(n) < missing] = np.nan
    return pd.DataFrame(
        {
            "country": np.where(rng.random(n) < at_home, "US", rng.choice(["DE", "FR", "GB"], n)),
            "employees": employees,
            "points": 5.0 * rng.binomial(20, points, n),
            "days": np.where(rng.random(n) < 0.97, 999, rng.integers(0, 20, n)),
            "consent": rng.random(n) < 0.8,
        }
    )


# ------------------------------------------------------------------------------------------------------- properties


@settings(max_examples=40)
@given(SAMPLE, SAMPLE, st.integers(0, 1000))
def test_the_order_of_rows_and_the_names_of_the_samples_decide_nothing(before, now, seed):
    first, second = frame(before), frame(now)
    found = stability(first, second)
    rng = np.random.default_rng(seed)
    shuffled = stability(first.iloc[rng.permutation(len(first))], second.iloc[rng.permutation(len(second))])
    pd.testing.assert_frame_equal(found.frame, shuffled.frame)
    assert found.notes == shuffled.notes
    back = stability(second, first).frame
    same = ["psi", "psi_low", "psi_high", "chi2", "chi2_p", "new_p", "missing_p"]
    text = ("attribute", "text")
    assert found.frame.loc[text, same].tolist() == pytest.approx(back.loc[text, same].tolist(), nan_ok=True)
    assert found.frame.loc[text, "new"] == back.loc[text, "vanished"]
    number = ("attribute", "number")
    same = ["ks", "ks_p"]
    assert found.frame.loc[number, same].tolist() == pytest.approx(back.loc[number, same].tolist(), nan_ok=True)
    turned = (-back.loc[number, ["difference", "high", "low"]]).tolist()
    assert found.frame.loc[number, ["difference", "low", "high"]].tolist() == pytest.approx(turned, nan_ok=True)


@settings(max_examples=40)
@given(SAMPLE, SAMPLE)
def test_cells_hold_every_lead_and_make_up_the_index(before, now):
    found = stability(frame(before), frame(now))
    for key, cells in found.cells.groupby(level=["part", "name"]):
        row = found.frame.loc[key]
        assert cells["reference"].sum() == row["n_reference"] == len(before)
        assert cells["current"].sum() == row["n_current"] == len(now)
        assert cells["psi"].sum() == pytest.approx(row["psi"])
        assert row["psi_low"] <= row["psi"] <= row["psi_high"] or np.isnan(row["psi_high"])
        assert 0 <= row["p"] <= row["q"] <= 1


@given(SAMPLE)
def test_the_same_sample_twice_did_not_change(rows):
    found = stability(frame(rows), frame(rows))
    assert not found.frame["psi"].any()
    assert found.changed.empty
    assert found.frame["p"].eq(1).all()


# ------------------------------------------------------------------------------------------------ against scipy


@pytest.mark.parametrize("sizes", [(60, 80), (400, 90), (3000, 2000)])
def test_distances_are_those_of_scipy(sizes):
    rng = np.random.default_rng(1)
    first, second = leads(sizes[0], rng), leads(sizes[1], rng, at_home=0.5, mean=0.2, points=0.4)
    found = stability(first, second)
    for name in ("country", "employees", "points", "consent"):
        row, cells = found.frame.loc["attribute", name], found.cells.loc["attribute", name]
        expected = stats.chi2_contingency(cells[["reference", "current"]].to_numpy().T, correction=False)
        assert (row["chi2"], row["chi2_p"]) == pytest.approx((expected.statistic, expected.pvalue))
    for name in ("employees", "points"):
        row, a, b = found.frame.loc["attribute", name], first[name].dropna(), second[name].dropna()
        ks = stats.ks_2samp(a, b, method="asymp" if len(a) * len(b) > 250_000 else "exact")
        tied = len(np.unique(np.append(a, b))) < len(a) + len(b)
        assert row["ks"] == pytest.approx(ks.statistic)
        assert row["ks_p"] == pytest.approx(ks.pvalue) if not tied or ks.pvalue == 1 else row["ks_p"] <= ks.pvalue
        welch = stats.ttest_ind(b, a, equal_var=False).confidence_interval()
        assert (row["low"], row["high"]) == pytest.approx(tuple(welch))
    tests = found.frame[["chi2_p", "ks_p", "missing_p", "new_p"]]
    assert found.frame["p"].tolist() == pytest.approx((tests.min(axis=1) * tests.notna().sum(axis=1)).clip(upper=1))
    assert found.frame["q"].tolist() == pytest.approx(stats.false_discovery_control(found.frame["p"]))


@settings(max_examples=60)
@given(*[st.lists(st.sampled_from([0.0, 1.0, 2.0, 2.5]), min_size=1, max_size=5)] * 2)
def test_p_of_few_is_counted_out_ties_too(before, now):
    """Against all ways to deal the numbers out to two samples of these sizes."""
    ks, p = kolmogorov_smirnov(np.array(before), np.array(now))
    both = np.array(before + now)
    reached = []
    for mine in itertools.combinations(range(len(both)), len(before)):
        first, second = both[list(mine)], np.delete(both, mine)
        apart = [abs((first <= value).mean() - (second <= value).mean()) for value in both]
        reached.append(max(apart) >= ks - 1e-12)
    assert p == pytest.approx(np.mean(reached), rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 2), (3, 3), (4, 4), (500, 1), (1, 500), (5000, 3), (60, 50)])
@pytest.mark.parametrize("shift", [0.0, 1.0, 100.0])
def test_p_without_ties_is_scipys(n, m, shift):
    rng = np.random.default_rng(n + m)
    first, second = rng.normal(size=n), rng.normal(size=m) + shift
    exact = stats.ks_2samp(first, second, method="exact")
    assert kolmogorov_smirnov(first, second) == pytest.approx((exact.statistic, exact.pvalue), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 2), (3, 3), (5, 5), (2, 40), (500, 1), (1000, 1)])
def test_few_leads_without_drift_are_rarely_called_changed(n, m):
    rng = np.random.default_rng(n + m)
    drawn = ((rng.normal(size=(size, 4)).round(1), rng.choice(["a", "b"], size)) for size in [n, m] * 200)
    samples = [pd.DataFrame(numbers).assign(text=text) for numbers, text in drawn]
    called = [len(stability(*pair).changed) > 0 for pair in zip(samples[::2], samples[1::2], strict=True)]
    assert np.mean(called) < 0.09


def test_an_index_of_0_of_few_leads_may_be_luck():
    few, many = (stability_index(Cells(["a", "b"], *(np.array([n, n]) for _ in range(2)))) for n in (3, 3000))
    assert few.psi == many.psi == few.low == 0
    assert 0 < many.high < 0.01
    assert few.high > 1


def test_two_sparse_cells_have_fishers_exact_p():
    cells = Cells(["fires", "does not"], np.array([0, 1000]), np.array([6, 994]))
    assert homogeneity(cells)[1] == pytest.approx(stats.fisher_exact([[0, 1000], [6, 994]])[1])
    twin = Cells(["fires", "does not"], np.array([0, 1000]), np.array([40, 960]))
    assert homogeneity(twin)[1] == pytest.approx(stats.chi2_contingency([[0, 1000], [40, 960]], correction=False)[1])


def test_the_index_by_hand():
    """50, 30, 20 of 100 against 30, 30, 40: half a lead more in each of three cells."""
    found = stability_index(Cells(["a", "b", "c"], np.array([50, 30, 20]), np.array([30, 30, 40])))
    p, q = np.array([50.5, 30.5, 20.5]) / 101.5, np.array([30.5, 30.5, 40.5]) / 101.5
    psi = float(((p - q) * np.log(p / q)).sum())
    assert found.psi == pytest.approx(psi)
    assert found.p == pytest.approx(stats.chi2.sf(psi / 0.02, 2))
    assert found.no_drift == pytest.approx(0.02 * stats.chi2.ppf(0.95, 2))
    # What a bar means: of 10 cells and 95 leads against as many as one likes, 0.1 is nothing.
    assert passes(0.1, 10, 1 / 95) == pytest.approx(stats.chi2.sf(9.5, 9))
    assert passes(0.1, 10, 1 / 95) > 0.39
    assert passes(0.25, 10, 2 / 1000) < 1e-20


def test_the_interval_of_the_index_is_that_of_a_noncentral_chi_square():
    cells = Cells(list("abcd"), np.array([260, 250, 250, 240]), np.array([230, 250, 250, 270]))
    found = stability_index(cells)
    low, high = found.low * 500, found.high * 500
    assert low == 0
    assert stats.ncx2.cdf(found.psi * 500, 3, high) == pytest.approx(0.025, rel=0.05)


# ---------------------------------------------------------------------------------------- with no drift, or the truth


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m", "reps"), [(100, 100, 1200), (1000, 60, 1200), (2000, 2000, 400)])
@pytest.mark.parametrize("name", ["employees", "points"])
def test_with_no_drift_p_is_uniform(n, m, reps, name):
    rng = np.random.default_rng(n + m)
    found = []
    for _ in range(reps):
        sides = (leads(size, rng)[name].to_numpy(float) for size in (n, m))
        cells = number_cells(*sides, 10).joined()
        found.append((stability_index(cells).p, homogeneity(cells)[1]))
    p = np.array(found)
    # With 1,200 draws the rates of 5 % and 50 % have standard errors of 0.6 and 1.4 points.
    assert ((p < 0.05).mean(axis=0) < 0.07).all()
    assert ((p < 0.05).mean(axis=0) > 0.025).all()
    assert (abs((p < 0.5).mean(axis=0) - 0.5) < 0.085).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "m", "reps"), [(100, 100, 4000), (1000, 95, 4000), (10_000, 1000, 1000), (100_000, 100_000, 400)]
)
def test_with_no_drift_the_index_is_the_chi_square_it_is_said_to_be(n, m, reps):
    rng = np.random.default_rng(5)
    shares = np.full(10, 0.1)
    before, now = rng.multinomial(n, shares, reps), rng.multinomial(m, shares, reps)
    found = [stability_index(Cells(list("abcdefghij"), *pair)) for pair in zip(before, now, strict=True)]
    p = np.array([one.p for one in found])
    assert abs((p < 0.05).mean() - 0.05) < 0.016
    assert abs(np.mean([one.psi for one in found]) / (9 * (1 / n + 1 / m)) - 1) < 0.1
    assert np.mean([one.low > 0 for one in found]) < 0.035


@pytest.mark.parametrize("shift", [0.1, 0.4, 1.0])
def test_the_interval_holds_the_index_of_the_truth(shift):
    rng = np.random.default_rng(2)
    p = np.full(10, 0.1)
    q = np.diff(np.r_[0, stats.norm.cdf(stats.norm.ppf(np.arange(1, 10) / 10) - shift), 1])
    truth = ((p - q) * np.log(p / q)).sum()
    pairs = zip(rng.multinomial(1000, p, 800), rng.multinomial(600, q, 800), strict=True)
    found = [stability_index(Cells(list("abcdefghij"), *pair)) for pair in pairs]
    held = np.mean([one.low <= truth <= one.high for one in found])
    assert 0.93 < held < 0.98


@pytest.mark.slow
def test_few_tables_without_drift_name_a_change():
    rng = np.random.default_rng(4)
    named = [len(stability(leads(500, rng), leads(300, rng)).changed) > 0 for _ in range(80)]
    assert np.mean(named) < 0.1


# ---------------------------------------------------------------------------------- planted shifts, each with its twin


def changed(first, second):
    return {name for _, name in stability(first, second).changed.index}


@pytest.mark.parametrize(
    ("planted", "name"),
    [
        ({"at_home": 0.45}, "country"),
        ({"mean": 0.25}, "employees"),
        ({"missing": 0.2}, "employees"),
        ({"points": 0.38}, "points"),
    ],
)
def test_a_planted_shift_is_named_and_nothing_else(planted, name):
    rng = np.random.default_rng(7)
    first = leads(1000, rng)
    assert changed(first, leads(1000, rng, **planted)) == {name}
    assert changed(first, leads(1000, rng)) == set()


def test_a_value_that_most_share_has_a_cell_of_its_own():
    """On deciles alone all of 999 and what is below it is one cell, whatever happens."""
    first = pd.DataFrame({"pdays": [999] * 1000})
    second = pd.DataFrame({"pdays": [999] * 860 + list(range(140))})
    found = stability(first, second)
    assert found.cells.loc[("attribute", "pdays"), ["reference", "current"]].to_numpy().tolist() == [
        [1000, 860],
        [0, 140],
    ]
    assert found.frame["verdict"].tolist() == ["large"]
    assert "one value only before, and no longer" in found.changes[0]
    twin = stability(first, first)
    assert twin.frame["psi"].tolist() == [0]
    assert not any("one value" in change for change in twin.changes)
    assert "one value only now" in stability(second, first).changes[0]


def test_missing_is_a_cell_of_its_own():
    first = pd.DataFrame({"x": [*range(190), *[None] * 10]}, dtype="float")
    found = stability(first, pd.DataFrame({"x": [*range(150), *[None] * 50]}, dtype="float"))
    row = found.frame.loc["attribute", "x"]
    assert (row["missing_reference"], row["missing_current"]) == (10, 50)
    assert row["missing_p"] == pytest.approx(stats.chi2_contingency([[10, 190], [50, 150]], correction=False)[1])
    assert "(missing): 5.0% -> 25.0%" in found.changes[0]


def test_few_missing_are_found_though_too_few_for_a_cell():
    first = pd.DataFrame({"x": np.arange(2000.0)})
    second = pd.DataFrame({"x": [*np.arange(1991.0), *[np.nan] * 9]})
    found = stability(first, second)
    assert found.frame.loc[("attribute", "x"), "missing_p"] == pytest.approx(
        stats.fisher_exact([[0, 2000], [9, 1991]])[1]
    )
    assert found.frame["verdict"].tolist() == ["small"]


def test_new_and_vanished_categories_are_named_beyond_chance():
    first = pd.DataFrame({"source": ["web"] * 500 + ["list"] * 480 + ["fax"] * 20})
    second = pd.DataFrame({"source": ["web"] * 500 + ["list"] * 480 + ["bot"] * 17 + ["odd", "rare", "one"]})
    row = stability(first, second).frame.iloc[0]
    # Of one lead nobody can say whether its category is new or only rare.
    assert (row["new"], row["vanished"]) == ("bot (17)", "fax (20)")


def test_names_of_which_each_is_one_leads_are_no_change():
    rng = np.random.default_rng(8)
    first, second = (pd.DataFrame({"firm": rng.integers(0, 10**6, 400).astype(str)}) for _ in range(2))
    found = stability(first, second)
    assert found.changed.empty
    assert (found.frame["new"] + found.frame["vanished"]).tolist() == [""]


def test_of_many_rare_names_some_are_in_one_sample_only_by_chance():
    rng = np.random.default_rng(12)
    first, second = (pd.DataFrame({"firm": rng.integers(0, 200, 600).astype(str)}) for _ in range(2))
    second["firm"] = second["firm"].where(rng.random(600) < 0.98, "bots")
    lone = set(second["firm"]) ^ set(first["firm"])
    row = stability(first, second).frame.iloc[0]
    assert len(lone) > 5
    assert (row["new"].split(" ")[0], row["vanished"]) == ("bots", "")


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=12))
def test_joined_cells_are_not_sparse(counts):
    cells = Cells([*map(str, range(len(counts)))], *np.array(counts).T)
    if min(cells.reference.sum(), cells.current.sum()) < 5:
        return
    found = cells.joined()
    assert (found.reference.sum(), found.current.sum()) == (cells.reference.sum(), cells.current.sum())
    sizes = found.reference.sum(), found.current.sum()
    assert ((found.reference + found.current) * min(sizes) / sum(sizes)).min() >= 5 - 1e-9


def test_a_hundred_columns_without_drift_name_none_as_a_rule():
    rng = np.random.default_rng(9)
    first, second = (pd.DataFrame(rng.normal(size=(200, 100)), columns=[f"x{i}" for i in range(100)]) for _ in range(2))
    found = stability(first, second)
    assert (found.frame["p"] < 0.05).sum() > 0  # each alone would name some
    assert found.changed.empty


def test_fewer_intervals_where_leads_are_few():
    rng = np.random.default_rng(10)
    found = stability(pd.DataFrame({"x": rng.normal(size=1000)}), pd.DataFrame({"x": rng.normal(size=40)}))
    assert len(found.cells) == 4
    assert len(stability(*(pd.DataFrame({"x": rng.normal(size=n)}) for n in (1000, 400))).cells) == 10


# ------------------------------------------------------------------------------------------------------------ scores


@pytest.fixture(scope="module")
def funnel():
    return make_funnel(1500, random_state=1)


@pytest.fixture(scope="module")
def tables(funnel):
    return ls.load_tables(funnel.leads, funnel.events, rulebook=funnel.rulebook, columns=["source", "email_domain"])


def test_scores_are_compared_by_score_rule_and_attribute(funnel, tables):
    before, now = (ls.score(tables, funnel.rulebook, as_of=day) for day in ("2026-01-31", "2026-03-31"))
    found = stability(before, now)
    assert (found.n_reference, found.n_current) == (len(before), len(now))
    assert found.frame.loc["score"].index.tolist() == ["fit", "behaviour", "total"]
    rates = found.frame.loc["rule", ["reference", "current"]]
    expected = pd.DataFrame({"reference": (before.points != 0).mean(), "current": (now.points != 0).mean()})
    pd.testing.assert_frame_equal(rates.astype(float), expected, check_names=False)
    for name in ("fit", "behaviour", "total"):
        means = found.frame.loc[("score", name), ["reference", "current"]].tolist()
        assert means == pytest.approx([before.frame[name].mean(), now.frame[name].mean()])
    assert {"country", "industry", "source"} <= set(found.frame.loc["attribute"].index)
    assert f"In both samples: {len(before):,} leads" in " ".join(found.notes)


def test_an_attribute_is_read_as_the_rules_read_it(funnel):
    """Another spelling of the same country is no change to the rules; of a column they do not use it is one."""
    shouted = funnel.leads.assign(
        country=funnel.leads["country"].str.upper(), source=funnel.leads["source"].str.upper()
    )
    first, second = (
        ls.score(
            ls.load_tables(leads, None, rulebook=funnel.rulebook, columns=["source"]),
            funnel.rulebook,
            as_of="2026-03-31",
        )
        for leads in (funnel.leads, shouted)
    )
    assert {name for _, name in stability(first, second).changed.index} == {"source"}


def test_a_rule_that_gives_points_for_nothing_done_gives_them_to_all():
    rulebook = ls.Rulebook.from_yaml("""
leadscore: 1
name: x
behaviour: [{name: Quiet, event: visit, from: {0: -5, 1: 0, 2: 20}}]
qualify: {threshold: 10}
""")
    people = pd.DataFrame({"lead_id": ["a", "b", "c", "d"]})
    quiet, busy = (
        ls.load_tables(people, pd.DataFrame({"lead_id": who, "event": "visit", "at": "2026-03-01"}), rulebook=rulebook)
        for who in (["a"], ["a", "b", "c"])
    )
    found = stability(*(ls.score(tables, rulebook, as_of="2026-03-31") for tables in (quiet, busy)))
    assert found.frame.loc[("rule", "Quiet"), ["reference", "current"]].tolist() == [0.75, 0.25]


def test_scores_by_two_rulebooks_are_refused(funnel, tables):
    other = funnel.rulebook.edited({"qualify.threshold": funnel.rulebook.qualify.threshold + 5})
    with pytest.raises(ArgumentError, match="score both by one"):
        stability(*(ls.score(tables, book, as_of="2026-03-31") for book in (funnel.rulebook, other)))


# ----------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({"x": [1]}, {"y": [1]}, "no column in common"),
        ({"x": [1]}, {"x": []}, "current: has no leads"),
        ({"x": [1, 2], "y": [1, 2]}, {"x": ["a", "b"], "y": ["a", "b"]}, "2 problems"),
        ({"x": [1.0, np.inf]}, {"x": [1.0, 2.0]}, "infinite number"),
    ],
)
def test_what_cannot_be_compared_is_refused(first, second, message):
    with pytest.raises(ArgumentError, match=message):
        stability(pd.DataFrame(first), pd.DataFrame(second))


def test_scores_and_a_frame_are_refused(funnel, tables):
    scores = ls.score(tables, funnel.rulebook, as_of="2026-03-31")
    with pytest.raises(ArgumentError, match="both Scores or both tables"):
        stability(scores, scores.frame)
    for bins in (1, 2.5, True):
        with pytest.raises(ArgumentError, match="whole number"):
            stability(scores, scores, bins=bins)
    twice = pd.DataFrame([[1, 2]], columns=["x", "x"])
    with pytest.raises(ArgumentError, match="more than once"):
        stability(twice, twice)


def test_what_is_not_compared_is_said():
    days = pd.date_range("2026-01-01", periods=3)
    found = stability(pd.DataFrame({"x": [1, 2, 3], "at": days}), pd.DataFrame({"x": [1, 2, 3], "at": days, "z": "a"}))
    assert found.frame.index.tolist() == [("attribute", "x")]
    assert "Only in the current, and not compared: 'z'." in found.notes
    assert "Times move with the calendar, so they are not compared: 'at'." in found.notes


def test_a_column_without_a_value_is_of_the_others_kind():
    first = pd.DataFrame({"x": np.arange(100.0), "y": ["a"] * 100})
    second = pd.DataFrame({"x": pd.Series([None] * 100, dtype=object), "y": np.full(100, np.nan)})
    found = stability(first, second)
    assert found.frame["missing_current"].tolist() == [100, 100]
    assert found.frame["verdict"].tolist() == ["large", "large"]
    assert found.frame["ks"].isna().all()


def test_rates_and_means_without_spread_have_no_interval_of_nothing():
    difference, low, high = newcombe((0, 50), (0, 50))
    assert (difference, low, high) == (0, pytest.approx(-0.0714, abs=1e-3), pytest.approx(0.0714, abs=1e-3))
    assert np.isnan(mean_difference(np.ones(5), np.ones(5))[1:]).all()
    assert np.isnan(mean_difference(np.ones(1), np.arange(5.0))[1:]).all()


def test_means_of_rare_points_are_no_surer_for_a_sample_that_has_none():
    """Two in a hundred leads have points: of 100 leads 13 in 100 samples have none, and no spread."""
    rng = np.random.default_rng(3)
    held = []
    for _ in range(1000):
        _, low, high = mean_difference((rng.random(1000) < 0.02) * 10.0, (rng.random(100) < 0.02) * 10.0)
        held.append(low <= 0 <= high)
    assert np.mean(held) > 0.94


def test_it_reads_well():
    rng = np.random.default_rng(11)
    found = stability(leads(1000, rng), leads(1000, rng, at_home=0.4))
    assert found.headline.startswith("1 of 5 figures changed: 1,000 leads against 1,000 before.")
    lines = repr(found).splitlines()
    assert lines[3].startswith("  - attribute 'country': PSI 0.1")
    assert "With no drift, a PSI of 10 cells averages 0.018" in lines[-1]
    assert "<table" in found._repr_html_()
    ax = found.plot()
    assert [text.get_text() for text in ax.get_yticklabels()][-1] == "attribute country"


# ------------------------------------------------------------------------------------------------------------- the bank


@pytest.mark.real
def test_the_banks_pdays_is_found(folder):
    raw = pd.read_csv(folder / "bank" / "bank-additional-full.csv", sep=";").drop(columns="y")
    quarter = len(raw) // 4
    first, last = raw[:quarter], raw[-quarter:]
    # As it is mostly done: deciles of the reference, all of them 999, so all leads are in one bin.
    edges = np.unique(np.quantile(first["pdays"], np.arange(1, 10) / 10))
    shares = [
        np.bincount(np.searchsorted(edges, side["pdays"], "left"), minlength=2) / quarter for side in (first, last)
    ]
    assert shares[0].tolist() == shares[1].tolist() == [1, 0]
    found = stability(first, last)
    assert found.frame.loc[("attribute", "pdays"), "verdict"] == "large"
    assert found.cells.loc[("attribute", "pdays"), "share_current"].iloc[0] == pytest.approx(0.866, abs=5e-4)
    shuffled = raw.sample(frac=1, random_state=0)
    assert stability(shuffled[:quarter], shuffled[-quarter:]).changed.empty


@pytest.mark.parametrize("kind", ["bool", "boolean", "object", "category"])
@pytest.mark.parametrize("other", ["bool", "boolean", "object", "category"])
def test_true_is_true_whatever_the_type_of_its_column(kind, other):
    values = [True, False] * 100
    cells = category_cells(pd.Series(values, dtype=kind), pd.Series(values, dtype=other))
    assert cells.reference.tolist() == cells.current.tolist() == [100, 100]
