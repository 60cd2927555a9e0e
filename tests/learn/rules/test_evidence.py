"""Evidence for rules: against statsmodels and counts made another way, traps, simulations with the truth known."""

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, chi2_contingency

import leadscore as ls
from leadscore.base.text import about
from leadscore.datasets.funnel import make_funnel
from leadscore.errors import ArgumentError
from leadscore.learn.rows.snapshots import Snapshots
from leadscore.learn.rules.evidence import evidence
from leadscore.stats import score_tests as adjustment
from leadscore.stats.score_tests import Sample, adjusted, score_tests, times_needed
from leadscore.tables.labels import label

HEAD = "leadscore: 1\nname: x\n"
LEVELS = "fit: [{name: Level, column: level, points: {a: 30, b: 20, c: 10, d: -10}}]\n"
TAIL = "qualify: {threshold: -100}\n"


def book(*parts):
    return ls.Rulebook.from_yaml("".join([HEAD, *parts, TAIL]))


def snapshots_of(leads, y, events=None, *, lead=None, day=None):
    """Rows of leads; by default each stands once, on a day of its own order."""
    tables = ls.load_tables(leads.assign(lead_id=range(len(leads))), events)
    lead = np.arange(len(leads), dtype=np.int32) if lead is None else np.asarray(lead, np.int32)
    day = np.full(len(lead), 20_000) if day is None else np.asarray(day, np.int64)
    index = pd.MultiIndex.from_arrays([lead, day.astype("datetime64[D]")], names=["lead_id", "as_of"])
    y = pd.Series(y, dtype="boolean").set_axis(index)
    until = dt.date(2026, 3, 31)
    return Snapshots(pd.DataFrame(index=index), y, {}, tables, lead, day, "won", 30, until, False)


def drawn(rng, eta):
    return rng.random(len(eta)) < 1 / (1 + np.exp(-np.asarray(eta)))


def some_leads(rng, n):
    shares = [0.05, 0.05, 0.1, 0.2, 0.6]
    market = np.where(rng.random(n) < 0.3, "US", "FR")
    return pd.DataFrame({"level": rng.choice(list("abcde"), n, p=shares), "market": market})


def row(found, rule, entry=""):
    frame = found.frame
    [one] = [one for _, one in frame[(frame["rule"] == rule) & (frame["entry"] == entry)].iterrows()]
    return one


MARKET = "  - {name: Market, when: {market: US}, points: 10}\n"
BOTH = "fit:\n  - {name: Level, column: level, points: {a: 30, b: 20, c: 10, d: -10}}\n" + MARKET


# ---------------------------------------------------------------------------------------------------------- properties


@settings(max_examples=10)
@given(st.randoms(use_true_random=False), st.integers(1, 3))
def test_the_order_of_rows_changes_nothing(random, repeat):
    rng = np.random.default_rng(random.randrange(2**32))
    leads = some_leads(rng, 150)
    lead = np.repeat(np.arange(150), repeat)
    day = 20_000 + np.tile(np.arange(repeat), 150)
    y = drawn(rng, -1 + (leads["level"] == "a").to_numpy()[lead])
    order = rng.permutation(len(lead))
    one = evidence(book(BOTH), snapshots_of(leads, y, lead=lead, day=day))
    other = evidence(book(BOTH), snapshots_of(leads, y[order], lead=lead[order], day=day[order]))
    pd.testing.assert_frame_equal(one.frame, other.frame, rtol=1e-6, atol=1e-9)
    assert one.notes == other.notes


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_counts_are_those_of_pandas(random):
    rng = np.random.default_rng(random.randrange(2**32))
    leads = some_leads(rng, 200)
    y = drawn(rng, np.full(200, -1.0))
    y[:2] = True, False
    found = evidence(book(BOTH), snapshots_of(leads, y))
    table = pd.crosstab(leads["level"], y)
    for level in sorted(set("abcd") & set(table.index)):
        one = row(found, "Level", level)
        assert (one["n"], one["reached"]) == (table.loc[level].sum(), table.loc[level, True])
        assert one["rate_low"] <= one["rate"] <= one["rate_high"]
        assert one["rate_ratio_low"] <= one["rate_ratio"] <= one["rate_ratio_high"]
        without = table.drop(level).sum()
        assert one["rate_ratio"] == pytest.approx(one["rate"] / (without[True] / without.sum()))


# ------------------------------------------------------------------------------------------- against the second opinion


def statsmodels_logit(y, columns, lead=None):
    more = {} if lead is None else {"cov_type": "cluster", "cov_kwds": {"groups": lead}}
    return sm.Logit(np.asarray(y, float), sm.add_constant(np.asarray(columns, float))).fit(disp=0, **more)


def test_the_adjusted_effect_is_that_of_statsmodels(monkeypatch):
    rng = np.random.default_rng(1)
    leads = some_leads(rng, 4000)
    y = drawn(rng, -2 + 0.7 * (leads["market"] == "US") + 0.9 * (leads["level"] == "a") - 0.5 * (leads["level"] == "d"))
    columns = np.column_stack([leads["level"] == level for level in "abcd"] + [leads["market"] == "US"])
    fit = statsmodels_logit(y, columns)
    felt = evidence(book(BOTH), snapshots_of(leads, y))
    monkeypatch.setattr(adjustment, "RIDGE", 0.0)
    found = evidence(book(BOTH), snapshots_of(leads, y))
    market = row(found, "Market")
    assert market["effect"] == pytest.approx(fit.params[5], rel=1e-6)
    assert (market["effect_high"] - market["effect"]) / 1.959964 == pytest.approx(fit.bse[5], rel=1e-6)
    # An entry is set against all other leads: their other entries by how many they are, the rest of them at 0.
    shares = columns[:, 1:4].sum(axis=0) / (~columns[:, 0]).sum()
    contrast = fit.t_test(np.array([[0, 1, *-shares, 0]]))
    level = row(found, "Level", "a")
    assert level["effect"] == pytest.approx(contrast.effect[0], rel=1e-5)
    assert (level["effect_high"] - level["effect"]) / 1.959964 == pytest.approx(contrast.sd.item(), rel=1e-5)
    # The ridge is not felt.
    assert felt.frame["effect"].to_numpy() == pytest.approx(found.frame["effect"].to_numpy(), rel=0.02, abs=0.003)


def test_leads_on_several_days_have_the_errors_of_clusters(monkeypatch):
    rng = np.random.default_rng(2)
    leads = some_leads(rng, 900)
    lead = np.repeat(np.arange(900), rng.integers(1, 6, 900))
    luck = rng.normal(0, 2, 900)
    y = drawn(rng, (-1.5 + luck + 0.8 * (leads["market"] == "US").to_numpy())[lead])
    day = 20_000 + np.arange(len(lead))
    monkeypatch.setattr(adjustment, "RIDGE", 0.0)
    found = row(evidence(book("fit:\n", MARKET), snapshots_of(leads, y, lead=lead, day=day)), "Market")
    us = (leads["market"] == "US").to_numpy()[lead][:, None]
    fit, naive = statsmodels_logit(y, us, lead), statsmodels_logit(y, us)
    assert found["effect"] == pytest.approx(fit.params[1], rel=1e-6)
    error = (found["effect_high"] - found["effect"]) / 1.959964
    assert error == pytest.approx(fit.bse[1], rel=1e-6)
    assert error > 1.3 * naive.bse[1]


def test_without_others_the_score_test_is_pearsons():
    rng = np.random.default_rng(3)
    x, n = (rng.random(500) < 0.4).astype(float), 500
    y = drawn(rng, -0.5 + 0.4 * x).astype(float)
    found = score_tests(Sample(y, np.arange(n), np.arange(n)), np.zeros((n, 0)), x[:, None])
    pearson = chi2_contingency(pd.crosstab(x, y), correction=False)
    assert found.z[0] ** 2 == pytest.approx(pearson.statistic, rel=1e-6)
    # Near enough to even odds the saddlepoint changes little.
    assert found.p[0] == pytest.approx(pearson.pvalue, rel=0.1)


@pytest.mark.parametrize(("n", "k"), [(50, 12), (30, 10), (20, 6), (200, 40), (200, 4)])
def test_tails_of_rare_outcomes_are_those_of_counting(n, k):
    # Of so many others that their rate is known, one in ten has the outcome.
    size = 40_000
    x, y = np.zeros(size), np.zeros(size)
    x[:n], y[:k] = 1, 1
    y[n : n + (size - n) // 10] = 1
    found = score_tests(Sample(y, np.arange(size), np.arange(size)), np.zeros((size, 0)), x[:, None])
    tail = binom.sf(k - 1, n, 0.1) if k > n / 10 else binom.cdf(k, n, 0.1)
    # Half of the count itself, as a smooth tail has it.
    middle = 2 * (tail - binom.pmf(k, n, 0.1) / 2)
    assert found.p[0] == pytest.approx(middle, rel=0.2)
    normal = math.erfc(abs(found.z[0]) / math.sqrt(2))
    assert abs(math.log(normal / middle)) > 2 * abs(math.log(found.p[0] / middle))


def test_kinds_of_rows_are_only_a_shorthand():
    rng = np.random.default_rng(4)
    columns = rng.integers(0, 2, (600, 3)).astype(float)
    y = drawn(rng, columns @ [0.5, -0.5, 0.3] - 1).astype(float)
    lead = np.repeat(np.arange(200), 3)
    _, first, kind = np.unique(columns, axis=0, return_index=True, return_inverse=True)
    short = adjusted(Sample(y, lead, kind.reshape(-1)), columns[first, :2], columns[first, 2])
    long = adjusted(Sample(y, lead, np.arange(600)), columns[:, :2], columns[:, 2])
    assert [short.effect, short.error, short.p, short.information] == pytest.approx(
        [long.effect, long.error, long.p, long.information], rel=1e-6
    )


# --------------------------------------------------------------------------------------------------------- named traps


def test_planted_rules_get_their_verdicts():
    rng = np.random.default_rng(5)
    n = 6000
    leads = pd.DataFrame({name: rng.choice(["yes", "no"], n, p=[0.3, 0.7]) for name in ("good", "idle", "wrong")})
    leads["rare"] = np.where(np.arange(n) < 12, "yes", "no")
    leads["none"] = "no"
    rules = [f"  - {{name: {name}, when: {{{name}: 'yes'}}, points: 10}}\n" for name in leads]
    y = drawn(rng, -2 + (leads["good"] == "yes") - (leads["wrong"] == "yes"))
    found = evidence(book("fit:\n", *rules), snapshots_of(leads, y))
    verdicts = dict(zip(found.frame["rule"], found.frame["verdict"], strict=True))
    assert verdicts == {
        "good": "supported",
        "idle": "unsupported",
        "wrong": "harmful",
        "rare": "too little data",
        "none": "never fires",
    }
    needed = row(found, "rare")
    assert needed["more_leads"] > 100_000
    assert needed["more_reached"] == pytest.approx(needed["more_leads"] * y.mean(), rel=0.01)
    assert about(needed["more_leads"]).removeprefix("about ") in repr(found)
    assert found.frame.loc[found.frame["verdict"] != "too little data", "more_leads"].isna().all()


def test_points_of_a_table_are_claims_against_other_leads():
    # Nearly all are worth 30, so that 5 says they are worse; and they are.
    rng = np.random.default_rng(6)
    leads = pd.DataFrame({"level": rng.choice(["a", "b"], 4000, p=[0.8, 0.2])})
    y = drawn(rng, np.where(leads["level"] == "a", -1.0, -2.5))
    found = evidence(book("fit: [{name: Level, column: level, points: {a: 30, b: 5}}]\n"), snapshots_of(leads, y))
    low = row(found, "Level", "b")
    assert (low["points"], low["claimed"], low["verdict"]) == (5, -25, "supported")
    assert low["effect"] < 0
    turned = evidence(book("fit: [{name: Level, column: level, points: {a: 2, b: 5}}]\n"), snapshots_of(leads, y))
    assert row(turned, "Level", "b")["verdict"] == "harmful"


def test_nobody_with_it_converts():
    # The effect has no end, and Wald's test finds nothing; counting does.
    rng = np.random.default_rng(7)
    leads = pd.DataFrame({"out": np.where(np.arange(3000) < 150, "yes", "no")})
    y = drawn(rng, np.full(3000, -2.2))
    y[:150] = False
    found = row(evidence(book("fit: [{name: Out, when: {out: 'yes'}, points: -40}]\n"), snapshots_of(leads, y)), "Out")
    assert found["verdict"] == "supported"
    assert found["effect_low"] > -10
    assert found["effect_high"] < 0
    assert (found["rate"], found["rate_ratio"]) == (0, 0)


def test_the_same_lead_many_times_is_no_more_evidence():
    rng = np.random.default_rng(8)
    leads = some_leads(rng, 150)
    y = drawn(rng, -1 + 0.9 * (leads["market"] == "US"))
    lead = np.repeat(np.arange(150), 8)
    rules = book("fit:\n", MARKET)
    once = row(evidence(rules, snapshots_of(leads, y)), "Market")
    repeated = snapshots_of(leads, y[lead], lead=lead, day=20_000 + np.tile(np.arange(8), 150))
    often = row(evidence(rules, repeated), "Market")
    strangers = row(evidence(rules, snapshots_of(leads.iloc[lead], y[lead])), "Market")
    assert often["p"] == pytest.approx(once["p"], rel=0.35)
    assert strangers["p"] < once["p"] / 50
    for figure in ("share", "rate", "rate_without", "rate_ratio"):
        assert often[[figure, f"{figure}_low", f"{figure}_high"]].to_numpy(float) == pytest.approx(
            once[[figure, f"{figure}_low", f"{figure}_high"]].to_numpy(float), rel=0.02
        )


def test_what_another_rule_explains_is_not_counted_twice():
    rng = np.random.default_rng(9)
    n = 8000
    real = rng.random(n) < 0.3
    shadow = np.where(real, rng.random(n) < 0.7, rng.random(n) < 0.2)
    leads = pd.DataFrame({"real": np.where(real, "yes", "no"), "shadow": np.where(shadow, "yes", "no")})
    rules = "".join(f"  - {{name: {name}, when: {{{name}: 'yes'}}, points: 10}}\n" for name in leads)
    found = evidence(book("fit:\n", rules), snapshots_of(leads, drawn(rng, -2 + 1.2 * real)))
    assert row(found, "shadow")["rate_ratio_low"] > 1.3
    assert (row(found, "real")["verdict"], row(found, "shadow")["verdict"]) == ("supported", "unsupported")


def test_twins_are_told():
    rng = np.random.default_rng(10)
    leads = some_leads(rng, 500).assign(home=lambda frame: frame["market"])
    twin = "  - {name: Home, when: {home: US}, points: 5}\n"
    found = evidence(book("fit:\n", MARKET, twin), snapshots_of(leads, drawn(rng, np.full(500, -1.0))))
    assert "Market and Home fire on the same leads: their effects cannot be told apart." in found.notes
    assert np.isnan(row(found, "Home")["effect"])
    assert "nan" not in repr(found)


CLAIMS = """
columns: {website: {type: text, required: capture}, phone: {type: text, required: handoff}, notes: {type: text}}
fit:
  - {name: Market, when: {market: US}, points: 10}
  - {name: Known site, when: {website: {known: true}}, points: 5}
behaviour: [{name: Visit, event: visit, points: 5}]
qualify:
  threshold: 10
  minimum_fit: 10
  never: [{name: Rival, when: {market: XX}}, {name: Spam, event: spam}]
"""


def test_required_columns_bars_and_the_minimum_fit_are_judged_too():
    rng = np.random.default_rng(11)
    n = 8000
    leads = pd.DataFrame(
        {
            "market": rng.choice(["US", "FR", "XX"], n, p=[0.3, 0.5, 0.2]),
            "website": np.where(rng.random(n) < 0.4, None, "x.example"),
            "phone": np.where(rng.random(n) < 0.4, None, "1"),
            "notes": "",
        }
    )
    spam = np.flatnonzero(rng.random(n) < 0.2)
    events = pd.DataFrame({"lead_id": spam, "event": "spam", "at": "2024-01-01"})
    market = leads["market"].map({"US": 0.8, "FR": 0.0, "XX": -1.5})
    y = drawn(rng, -1.5 + market - 0.9 * leads["phone"].isna() + 0.8 * np.isin(np.arange(n), spam))
    rulebook = ls.Rulebook.from_yaml(HEAD + CLAIMS)
    found = evidence(rulebook, snapshots_of(leads, y, events))
    verdicts = {(one["part"], one["rule"]): one["verdict"] for _, one in found.frame.iterrows() if one["part"] != "fit"}
    assert verdicts == {
        ("behaviour", "Visit"): "never fires",
        ("required", "website"): "unsupported",
        ("required", "phone"): "supported",
        ("never", "Rival"): "supported",
        ("never", "Spam"): "harmful",
        ("minimum_fit", "Minimum fit"): "supported",
    }
    # Beside the rule for known sites nothing would be left of it: that rule is left out.
    assert row(found, "website", "missing")["n"] == leads["website"].isna().sum()
    assert not np.isnan(row(found, "website", "missing")["effect"])


def test_rules_on_events_fire_while_they_give_points():
    leads = pd.DataFrame({"x": ["a"] * 4})
    events = pd.DataFrame({"lead_id": [0, 0, 1, 2], "event": "visit", "at": ["2024-10-01", "2024-10-04"] * 2})
    rules = """behaviour:
  - {name: Visit, event: visit, points: 8, within_days: 3}
  - {name: Visits, event: visit, count: each, from: {1: 3, 2: 9}}
"""
    found = evidence(book(rules), snapshots_of(leads, [True, False, True, False], events, day=[20_001] * 4))
    assert dt.date(1970, 1, 1) + dt.timedelta(20_001) == dt.date(2024, 10, 5)
    assert row(found, "Visit")["n"] == 2
    assert row(found, "Visits", "from 1")["n"] == 2
    assert row(found, "Visits", "from 2")["n"] == 1


def test_what_is_the_same_for_all_makes_no_difference():
    leads = pd.DataFrame({"market": ["US"] * 40})
    found = evidence(book("fit:\n", MARKET), snapshots_of(leads, [True, False] * 20))
    assert row(found, "Market")["verdict"] == "makes no difference"
    assert "50.0% (35.2% to 64.8%)" in repr(found)


def test_unknown_outcomes_are_left_out_and_counted():
    leads = pd.DataFrame({"market": ["US", "FR"] * 20})
    found = evidence(book("fit:\n", MARKET), snapshots_of(leads, [True, False, None, None] * 10))
    assert (found.n, found.reached) == (20, 10)
    assert found.notes[0] == "Not counted, still undecided: 20 rows."


def test_points_that_go_with_nothing_are_no_scale():
    rng = np.random.default_rng(12)
    leads = some_leads(rng, 1000)
    found = evidence(book(BOTH), snapshots_of(leads, drawn(rng, -1 - 1.5 * (leads["level"] == "a"))))
    assert np.isnan(found.points_to_double)
    assert found.frame["worth"].isna().all()
    assert any("effects are not given in points" in finding for finding in found.notes)


def test_a_worth_is_the_effect_by_the_scale():
    rng = np.random.default_rng(13)
    leads = some_leads(rng, 20_000)
    points = leads["level"].map({"a": 30, "b": 20, "c": 10, "d": -10}).fillna(0) + 10 * (leads["market"] == "US")
    found = evidence(book(BOTH), snapshots_of(leads, drawn(rng, -2 + points * math.log(2) / 10)))
    assert found.points_to_double == pytest.approx(10, rel=0.05)
    assert row(found, "Market")["worth"] == pytest.approx(10, abs=2)
    whole = row(found, "Level", "each of its points")
    assert whole["worth_low"] < 1 < whole["worth_high"]
    assert (found.frame["worth_low"] <= found.frame["claimed"]).mean() > 0.8


def test_bad_arguments_are_said_at_once():
    leads = pd.DataFrame({"market": ["US", "FR"]})
    same = snapshots_of(leads, [True, True])
    with pytest.raises(ArgumentError, match="the 2 known outcomes are all True of 2: there is nothing to compare"):
        evidence(book("fit:\n", MARKET), same)
    with pytest.raises(ArgumentError, match="no outcome is known of 2"):
        evidence(book("fit:\n", MARKET), snapshots_of(leads, [None, None]))
    with pytest.raises(ArgumentError) as caught:
        evidence("rulebook.yaml", same, confidence=95)
    assert [problem.where for problem in caught.value.problems] == ["rulebook", "confidence"]
    with pytest.raises(ArgumentError, match="must be Snapshots; got a DataFrame"):
        evidence(book("fit:\n", MARKET), leads)


def test_every_row_has_its_n_and_interval():
    rng = np.random.default_rng(14)
    leads = some_leads(rng, 800)
    found = evidence(book(BOTH), snapshots_of(leads, drawn(rng, np.full(800, -1.0))))
    told = [line for line in repr(found).splitlines() if line.startswith("  ")][1:]
    assert len(told) == len(found.frame) + 1 == 7
    for line, (_, one) in zip(told, found.frame.iterrows(), strict=False):
        assert f"{one['n']:,.0f}" in line
        assert f"{one['rate']:.1%} ({one['rate_low']:.1%} to {one['rate_high']:.1%})" in line
    assert "of 800 rows reached won within 30 days" in found.headline


# --------------------------------------------------------------------------------------------------------- simulations


def null_alarms(runs, n, chance, *, repeat=1, shared=0.0, seed=1):
    """The share of runs without any effect that have a verdict supported or harmful."""
    rng = np.random.default_rng(seed)
    alarms = 0
    for _ in range(runs):
        leads = some_leads(rng, n)
        lead = np.repeat(np.arange(n), repeat)
        y = drawn(rng, (math.log(chance / (1 - chance)) + rng.normal(0, shared, n))[lead])
        if 0 < y.sum() < len(y):
            found = evidence(book(BOTH), snapshots_of(leads, y, lead=lead, day=20_000 + np.tile(range(repeat), n)))
            alarms += found.frame["verdict"].isin(["supported", "harmful"]).any()
    return alarms / runs


def test_false_alarms_are_few():
    assert null_alarms(40, 500, 0.05) <= 0.125


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "chance", "repeat", "shared"),
    [(1500, 0.04, 1, 0), (1500, 0.01, 1, 0), (600, 0.2, 1, 0), (400, 0.05, 4, 2), (400, 0.02, 4, 3)],
)
def test_the_chance_of_any_false_alarm_is_what_it_says(n, chance, repeat, shared):
    # Three standard errors of 5 % in 400 runs.
    assert null_alarms(400, n, chance, repeat=repeat, shared=shared) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)


@pytest.mark.soak
def test_so_much_more_data_would_tell():
    rng = np.random.default_rng(15)

    def found(n, effect):
        x = (rng.random(n) < 0.2).astype(float)
        y = drawn(rng, -2 + effect * x).astype(float)
        return adjusted(Sample(y, np.arange(n), np.arange(n)), np.zeros((n, 0)), x)

    for effect in (0.5, -0.5):
        times = np.mean([times_needed(found(1000, 0.0), effect, 0.01) for _ in range(50)])
        seen = np.mean([found(int(1000 * times), effect).p < 0.01 for _ in range(400)])
        assert 0.73 < seen < 0.87


@pytest.mark.soak
def test_intervals_hold_the_planted_points():
    rng = np.random.default_rng(16)
    held = []
    for _ in range(200):
        leads = some_leads(rng, 1500)
        y = drawn(rng, -2 + 0.6 * (leads["market"] == "US") + 0.8 * (leads["level"] == "a"))
        found = evidence(book(BOTH), snapshots_of(leads, y))
        held.append(row(found, "Market")["effect_low"] <= 0.6 <= row(found, "Market")["effect_high"])
    assert 0.91 < np.mean(held) < 0.985


# ----------------------------------------------------------------------------------------------- made-up and real data


def test_a_made_up_funnel():
    made = make_funnel(12_000, random_state=1, events_per_lead=8)
    tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    day = made.truth["day"][made.truth["handed_over"]].dt.tz_localize(None)
    y = label(tables, stage="opportunity", as_of=day, within_days=21)
    lead = tables.positions(y.index)
    number = (day - pd.Timestamp("1970-01-01")).dt.days.to_numpy()
    index = pd.MultiIndex.from_arrays([y.index, day], names=["lead_id", "as_of"])
    snaps = Snapshots(
        pd.DataFrame(index=index), y.set_axis(index), {}, tables, lead, number, "opportunity", 21,
        tables.observed_until, False, [],
    )  # fmt: skip
    found = evidence(made.rulebook, snaps)
    verdicts = {(one["rule"], one["entry"]): one["verdict"] for _, one in found.frame.iterrows()}
    # Planted: seniority and size are worth something; titles, clicks and pages other than pricing nothing.
    assert verdicts["Seniority", "each of its points"] == "supported"
    assert verdicts["Company size", "each of its points"] == "supported"
    assert verdicts["Minimum fit", "below 15"] == "supported"
    idle = {verdicts[name, ""] for name in ("Data people", "Any page")}
    idle |= {verdict for (name, _), verdict in verdicts.items() if name == "Email clicks in a month"}
    assert not idle & {"supported", "harmful"}
    assert "harmful" not in verdicts.values()


@pytest.mark.real
def test_bank_contacts(folder):
    raw = pd.read_csv(folder / "bank" / "bank-additional-full.csv", sep=";")
    leads = raw[["job", "education", "age", "default", "housing", "contact"]]
    before = np.flatnonzero(raw["pdays"] != 999)
    # The file is in the order of its calls, between May 2008 and November 2010, without their days.
    day = 14_000 + np.arange(len(raw)) // 45
    at = (day - raw["pdays"])[before].to_numpy().astype("datetime64[D]").astype("datetime64[us]")
    events = pd.DataFrame({"lead_id": before, "event": raw["poutcome"].iloc[before].to_numpy(), "at": at})
    rulebook = ls.Rulebook.read("tests/data/bank.yaml")
    found = evidence(rulebook, snapshots_of(leads, raw["y"] == "yes", events, day=day))
    assert (found.n, found.reached) == (41_188, 4_640)
    # 875 students, 275 of whom bought.
    assert row(found, "Occupation", "student")[["n", "reached", "verdict"]].tolist() == [875, 275, "supported"]
    # Those who refused last time, and then were asked again, buy more often than others: 51 % of 142.
    refused = row(found, "Refused last time")
    assert (refused["n"], refused["verdict"]) == (142, "harmful")
    assert row(found, "Reached on a mobile with a mortgage")["verdict"] == "unsupported"
    assert row(found, "Education", "illiterate")["verdict"] == "too little data"
    # Because I said so: who does not tell their education is no worse.
    assert row(found, "education", "missing")["verdict"] == "unsupported"
    # Only three are in default: known to be none and not told are nearly two words for one thing.
    assert np.isnan(row(found, "Default not told")["effect"])


@pytest.mark.real
def test_olist_origins(folder):
    leads = pd.read_csv(folder / "olist" / "olist_marketing_qualified_leads_dataset.csv")
    deals = pd.read_csv(folder / "olist" / "olist_closed_deals_dataset.csv")
    # Wins are recorded from December 2017 on.
    leads = leads[leads["first_contact_date"] >= "2017-12-05"].reset_index(drop=True)
    won = deals.set_index("mql_id")["won_date"].reindex(leads["mql_id"]).to_numpy()
    waited = (pd.to_datetime(won) - pd.to_datetime(leads["first_contact_date"])).dt.days
    rulebook = ls.Rulebook.from_yaml(
        HEAD
        + "columns: {origin: {type: category, required: capture}}\nmissing_values: [unknown]\n"
        + "fit: [{name: Origin, column: origin, points: {organic_search: 10, social: 5, referral: 20}}]\n"
        + TAIL
    )
    day = (pd.to_datetime(leads["first_contact_date"]) - pd.Timestamp("1970-01-01")).dt.days
    found = evidence(rulebook, snapshots_of(leads[["origin"]], waited.between(1, 90), day=day))
    social = row(found, "Origin", "social")
    assert social["rate_ratio_high"] < 0.6
    # Leads whose origin nobody recorded convert twice as often.
    missing = row(found, "origin", "missing")
    assert missing["verdict"] == "harmful"
    assert 1.6 < missing["rate_ratio_low"] < missing["rate_ratio"] < 2.4
