"""Pipeline: six rules against a scorer that shares no code, in whole cents; and the traps of attribution."""

import datetime as dt
import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2

import leadscore as ls
from leadscore.sales.deals.channel_costs import bringing_nothing, cost_per
from leadscore.sales.deals.pipeline import pipeline
from leadscore.sales.deals.touch_paths import NO_TOUCH
from leadscore.stats.multi_touch import RULES, Paths, removal_shares, whole_parts

BOOK = ls.Rulebook.from_yaml("{leadscore: 1, name: x, fit: [], behaviour: [], qualify: {threshold: 0}}")
PERIOD = {"start": "2026-03-02", "end": "2026-03-29"}
START = dt.datetime(2026, 3, 2)  # noqa: DTZ001 - wall clock
LEADS = list("abcdef")


def day(number):
    """So many days after the first of the period, with the time of the day as its fraction."""
    return START + dt.timedelta(number)


def tables(deals, touches=(), costs=None, **columns):
    """Deals as (id, lead, day, amount), touches as (lead, day, channel)."""
    outcomes = pd.DataFrame(deals, columns=["deal_id", "lead_id", "at", "amount"]).assign(stage="opportunity")
    outcomes["at"] = pd.Series([day(at) for at in outcomes["at"]], dtype="datetime64[us]")
    # What says how far outcomes are known, and is no deal's.
    last = pd.DataFrame({"lead_id": ["z"], "stage": "contacted", "at": [day(60)]})
    frame = pd.DataFrame(touches, columns=["lead_id", "at", "channel"])
    frame["at"] = pd.Series([day(at) for at in frame["at"]], dtype="datetime64[us]")
    outcomes = pd.concat([outcomes, last]).assign(**columns)
    return ls.load_tables(pd.DataFrame({"lead_id": [*LEADS, "z"]}), None, outcomes, touches=frame, costs=costs)


def found(*given, **options):
    return pipeline(tables(*given), BOOK, **PERIOD | options)


def cents(result):
    """Whole cents by channel and rule, without the total."""
    frame = (result.frame[list(RULES)] * 100).iloc[:-1]
    assert np.allclose(frame, frame.round(), atol=1e-4)
    return frame.round().astype(int)


# ----------------------------------------------------------------------------------------- a scorer that shares no code


def path(deal_leads, opened, touches, lookback):
    """The channels before a deal with their ages, one a day each."""
    seen, steps = set(), []
    for lead, at, channel in sorted(touches, key=lambda one: (one[1], one[2])):
        until = opened if opened % 1 else opened + 1
        whole = math.floor(at)
        if (
            lead in deal_leads
            and at < until
            and whole >= math.floor(opened) - lookback
            and (whole, channel) not in seen
        ):
            seen.add((whole, channel))
            steps.append((channel, math.floor(opened) - whole))
    return steps


def weights(steps):
    """The share of each touch by each of the rules but removal."""
    n = len(steps)
    fifth = Fraction(1, 5)
    ends = {1: [1], 2: [Fraction(1, 2)] * 2}.get(n, [2 * fifth, *[fifth / max(n - 2, 1)] * (n - 2), 2 * fifth])
    fading = [2 ** (-age / 14) for _, age in steps]
    return {
        "first": [1, *[0] * (n - 1)],
        "last": [*[0] * (n - 1), 1],
        "even": [Fraction(1, n)] * n,
        "position": ends,
        "decay": [one / sum(fading) for one in fading],
    }


def whole(parts, total):
    """Whole cents by the largest remainder; of equal ones the first by name."""
    floors = {name: math.floor(part) for name, part in parts.items()}
    left = total - sum(floors.values())
    for name in sorted(parts, key=lambda one: (-(parts[one] - floors[one]), one))[:left]:
        floors[name] += 1
    return floors


def lost(paths, channel):
    """P(well) of a chain counted from paths; without a channel if one is given. Solved as a system of equations."""
    counts = {}
    for steps, well in paths:
        names = ["start", *(name for name, _ in steps), "well" if well else "ill"]
        for one, other in pairwise(names):
            counts.setdefault(one, {}).setdefault(other, 0)
            counts[one][other] += 1
    states = [one for one in counts if one != channel]
    matrix, right = np.eye(len(states)), np.zeros(len(states))
    for row, one in enumerate(states):
        total = sum(counts[one].values())
        for other, count in counts[one].items():
            if other in states:
                matrix[row, states.index(other)] -= count / total
            right[row] += count / total * (other == "well")
    return np.linalg.solve(matrix, right)[states.index("start")]


MOMENTS = st.one_of(st.integers(-20, 5), st.integers(-200, 27), st.sampled_from([-10.75, -10.25, 0.5, 3.5, 27.75]))
# Many touches of few leads, so that odd cents are left to divide.
TOUCHES = st.lists(
    st.tuples(st.sampled_from([*"aaabbbcd", *LEADS]), MOMENTS, st.sampled_from(["ads", "fair", "mail", "web"])),
    min_size=8,
    max_size=25,
) | st.just([])
OPENED = st.one_of(st.integers(0, 27), st.sampled_from([0.5, 3.25, 27.9]))
AMOUNTS = st.integers(1, 10**7).map(lambda whole: whole / 100) | st.sampled_from([None, 0.01, 100.0])
DEALS = st.lists(
    st.tuples(st.sets(st.sampled_from("aabbcd"), min_size=1, max_size=2), OPENED, AMOUNTS), min_size=1, max_size=6
)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(DEALS, TOUCHES, st.randoms(use_true_random=False))
def test_all_rules_are_those_of_a_scorer_of_paths(deals, touches, random):
    rows = [(f"D{n}", lead, at, amount) for n, (leads, at, amount) in enumerate(deals) for lead in sorted(leads)]
    # A lead cannot be in two deals at the same moment.
    rows = list({(lead, at): (deal, lead, at, amount) for deal, lead, at, amount in rows}.values())
    mine = {}
    for deal, lead, at, amount in rows:
        mine.setdefault(deal, [set(), at, amount])[0].add(lead)
    result = found(random.sample(rows, len(rows)), random.sample(touches, len(touches)))
    names = sorted({channel for _, _, channel in touches})
    total = sum(round((amount or 0) * 100) for _, _, amount in mine.values())
    paths = {deal: path(leads, at, touches, 180) for deal, (leads, at, _) in mine.items()}
    with_touch = sum(round((mine[deal][2] or 0) * 100) for deal in mine if paths[deal])
    mined = cents(result)
    assert (mined.sum() == total).all()
    assert (mined.loc[NO_TOUCH] == total - with_touch).all()
    for rule in ("first", "last", "even", "position", "decay"):
        parts = dict.fromkeys(names, Fraction(0))
        for deal, (_, _, amount) in mine.items():
            for (channel, _), weight in zip(
                paths[deal], weights(paths[deal])[rule] if paths[deal] else [], strict=True
            ):
                parts[channel] += weight * round((amount or 0) * 100)
        expected, got = whole(parts, with_touch), mined[rule].drop(NO_TOUCH).to_dict()
        assert got == expected if rule != "decay" else all(abs(got[one] - expected[one]) <= 1 for one in names)
    others = [lead for lead in [*LEADS, "z"] if not any(lead in leads for leads, *_ in mine.values())]
    nothing = [path({lead}, 27, touches, 179) for lead in others]
    chain = [*((steps, True) for steps in paths.values() if steps), *((steps, False) for steps in nothing if steps)]
    if any(paths.values()):
        effects = {name: 1 - lost(chain, name) / lost(chain, None) for name in names}
        shares = {name: max(effect, 0) / sum(effects.values()) for name, effect in effects.items()}
        assert all(abs(mined.loc[name, "removal"] - shares[name] * with_touch) < 1.001 for name in names)


# -------------------------------------------------------------------------------------------------------------- by hand


WEBINAR = [("a", -30, "webinar"), ("a", 0, "email"), ("a", 9, "email")]


def test_the_worked_example():
    """A = 30,000; webinar 40 days before, e-mail 10 and 1. By decay the weights are .138, .610, .952."""
    result = found([("D", "a", 10.5, 30_000)], WEBINAR)
    by = result.frame[list(RULES)].T
    assert by["webinar"].drop("removal").tolist() == [30_000, 0, 10_000, 12_000, pytest.approx(2_436.6, abs=0.1)]
    assert by["email"].drop("removal").tolist() == [0, 30_000, 20_000, 18_000, pytest.approx(27_563.4, abs=0.1)]
    assert by["(all)"].tolist() == [30_000] * 6
    assert result.channels.loc[["webinar", "email"], "influenced_amount"].tolist() == [30_000, 30_000]
    assert result.channels.loc[["webinar", "email"], "sourced_amount"].tolist() == [30_000, 0]


def test_a_deal_of_several_leads_counts_once():
    result = found([("D", "a", 3, 100), ("D", "b", 4, 100), ("E", "c", 5, 50)], [("b", -3, "web")])
    assert (result.opened, result.amount) == (2, 150)
    assert result.frame.loc[["web", NO_TOUCH], "first"].tolist() == [100, 50]


def test_a_recycled_lead_with_a_second_deal_counts_each_once():
    again = [("D", "a", 3, 100), ("E", "a", 20, 70), ("D", "a", 21, 100)]
    assert (found(again).opened, found(again).amount) == (2, 170)


@pytest.mark.parametrize(
    ("touch", "counts"),
    [(-170, True), (-171, False), (9, True), (10.25, True), (10.5, False), (10.75, False), (11, False)],
    ids=["first day", "before the window", "the day before", "that day", "that moment", "that day, after", "after"],
)
def test_only_touches_in_the_window_count(touch, counts):
    result = found([("D", "a", 10.5, 100)], [("a", touch, "web")])
    assert result.frame.loc["web", "first"] == (100 if counts else 0)
    assert result.frame.loc[NO_TOUCH, "first"] == (0 if counts else 100)


@pytest.mark.parametrize(
    ("parts", "total", "expected"),
    [([33.2, 33.6, 33.2], 100, [33, 34, 33]), ([0.2, 0.7, 0.1], 1, [0, 1, 0]), ([0.5, 0.5], 1, [1, 0]), ([], 0, [])],
)
def test_odd_cents_go_to_the_largest_remainder(parts, total, expected):
    assert whole_parts(parts, total).tolist() == expected


def test_intervals_are_of_all_rows():
    deals = [(f"D{n}", LEADS[n % 6], n + 1, 100 + n) for n in range(12)]
    frame = found(deals, [("a", -5, "web"), ("b", -5, "web")]).frame
    assert (frame["first_low"] <= frame["first"]).all()
    assert (frame["first"] <= frame["first_high"]).all()
    # Some have no touch, and never all.
    assert frame.loc[NO_TOUCH, "first_low"] < frame.loc["(all)", "first_low"]
    assert 0 < frame.loc[NO_TOUCH, "first_high"] < frame.loc["(all)", "first_high"]


def test_a_day_without_a_time_counts_to_its_end():
    assert found([("D", "a", 10, 100)], [("a", 10.9, "web")]).frame.loc["web", "first"] == 100


def test_repeats_of_a_channel_on_one_day_count_once():
    touches = [("a", 1.2, "web"), ("a", 1.4, "mail"), ("a", 1.9, "web")]
    result = found([("D", "a", 5, 100)], touches)
    assert result.frame.loc[["web", "mail"], "even"].tolist() == [50, 50]
    assert result.frame.loc["mail", "last"] == 100
    apart = [("a", 1.2, "web"), ("a", 1.4, "mail"), ("a", 2.9, "web")]
    assert found([("D", "a", 5, 100)], apart).frame.loc["web", "last"] == 100


def test_a_channel_in_other_capitals_is_the_same():
    result = found([("D", "a", 5, 100)], [("a", 1, "Web"), ("a", 2, " web"), ("a", 3, "Web")])
    assert list(result.channels.index) == ["Web", NO_TOUCH]


def test_paths_without_a_deal_are_in_the_chain():
    """Of two that come to the fair one ends well, as of one over mail; without the others both would look alike."""
    touches = [("a", 1, "fair"), ("b", 1, "mail"), ("c", 1, "fair"), ("d", 1, "fair")]
    result = found([("D", "a", 5, 50), ("E", "b", 5, 50)], touches)
    assert result.frame.loc[["fair", "mail"], "removal"].tolist() == [50, 50]
    with_both = found([("D", "a", 5, 100)], [*touches, ("a", 2, "mail"), ("e", 1, "mail"), ("f", 1, "mail")])
    assert with_both.frame.loc["mail", "removal"] > with_both.frame.loc["fair", "removal"]


def test_rare_channels_are_one():
    touches = [("a", -n % 27 - 30, f"c{n:02}") for n in range(40)] + [("a", -60, f"c{n:02}") for n in range(5)]
    result = found([("D", "a", 5, 100)], touches)
    assert len(result.channels) == 31
    assert "(other)" in result.channels.index
    assert "c04" in result.channels.index


def test_without_touches_the_source_of_the_lead_is_its_only_one():
    leads = pd.DataFrame({"lead_id": ["a", "b"], "created_at": "2026-01-05", "source": ["fair", None]})
    outcomes = pd.DataFrame(
        {"lead_id": ["a", "b"], "stage": "opportunity", "at": "2026-03-12", "deal_id": ["D", "E"], "amount": [10, 5]}
    )
    result = pipeline(ls.load_tables(leads, None, outcomes, observed_until="2026-03-29"), BOOK, **PERIOD)
    assert result.frame.loc[["fair", NO_TOUCH], "last"].tolist() == [10, 5]
    assert any("creation of a lead" in note for note in result.notes)


def test_amounts_that_are_missing_are_said():
    result = found([("D", "a", 5, 100), ("E", "b", 5, None)])
    assert (result.opened, result.amount, result.without_amount) == (2, 100, 1)
    assert "1 opportunity without an amount: counted, worth 0." in result.notes


def test_without_a_deal_id_there_is_no_pipeline():
    outcomes = pd.DataFrame({"lead_id": ["a"], "stage": "opportunity", "at": "2026-03-29", "amount": 5})
    given = ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), None, outcomes)
    with pytest.raises(ls.ArgumentError, match="outcomes have no deal_id"):
        pipeline(given, BOOK, **PERIOD)


def test_a_period_without_deals_is_empty():
    result = found([("D", "a", 40, 100)], [("a", 1, "web")])
    assert (
        result.headline
        == "0 opportunities worth 0 were opened in 2 to 29 March 2026, against 0 worth 0 in the period before."
    )
    assert (result.frame[list(RULES)] == 0).all(axis=None)


def test_mixed_currencies_are_refused():
    deals = [("D", "a", 5, 100), ("E", "b", 5, 100)]
    with pytest.raises(ls.ArgumentError, match="outcomes: amounts in several currencies: EUR, USD"):
        pipeline(tables(deals, currency=["EUR", "USD", None]), BOOK, **PERIOD)
    costs = pd.DataFrame({"channel": ["web"], "month": "2026-03", "amount": 1, "currency": "USD"})
    with pytest.raises(ls.ArgumentError, match="costs and outcomes: amounts in several currencies: EUR, USD"):
        pipeline(tables(deals, (), costs, currency=["EUR", "EUR", None]), BOOK, **PERIOD)
    assert pipeline(tables(deals, currency=["EUR", "eur", None]), BOOK, **PERIOD).currency == "€"


# ---------------------------------------------------------------------------------------------------------------- costs


def costs_of(**amounts):
    months = ["2025-12", "2026-01", "2026-02", "2026-03"]
    rows = [(channel, month, amount) for channel, amount in amounts.items() for month in months]
    return pd.DataFrame(rows, columns=["channel", "month", "amount"])


def test_costs_are_those_of_the_days_and_none_yet_is_said():
    result = found([("D", "a", 5, 100)], [("a", 1, "Web"), ("b", 1, "fair")], costs_of(web=310, Fair=62))
    # 28 of the 31 days of March.
    assert result.costs.loc[["Web", "fair"], "spend"].tolist() == pytest.approx([280, 56])
    assert result.costs.loc["Web", "per_opportunity"] == pytest.approx(280)
    assert result.costs.loc["fair", "per_opportunity_low"] == pytest.approx(56 / 2.9957, rel=1e-4)
    assert result.costs_text.loc["fair", "per_opportunity"] == "none yet, more than 18.69"
    assert result.costs["pipeline_per_1"].isna().all()


def test_costs_may_be_of_earlier_days():
    result = found([("D", "a", 5, 100)], [("a", 1, "web")], costs_of(web=280), lag_days=28)
    # 2 February to 1 March.
    assert result.costs.loc["web", "spend"] == pytest.approx(280 * 27 / 28 + 280 / 31)


def test_a_month_without_costs_gives_no_costs():
    result = found([("D", "a", 5, 100)], [("a", 1, "web")], costs_of(web=280)[:3])
    assert not len(result.costs)
    assert any("Costs of a month of 2 to 29 March 2026 are missing" in note for note in result.notes)


def test_a_channel_that_no_touch_names_is_said():
    result = found([("D", "a", 5, 100)], [("a", 1, "web")], costs_of(web=1, billboard=2))
    assert any("no touch names: billboard" in note for note in result.notes)


@pytest.mark.parametrize("count", [1, 4, 11])
def test_costs_have_the_interval_of_the_count(count):
    low, high = chi2.ppf(0.025, 2 * count) / 2, chi2.ppf(0.975, 2 * count + 2) / 2
    assert cost_per(1000, count) == pytest.approx((1000 / count, 1000 / high, 1000 / low))


def test_a_channel_that_costs_and_brings_nothing_is_found():
    deals = [(f"D{n}", LEADS[n % 4], n + 1, 100) for n in range(12)]
    touches = [(lead, -5, "web") for lead in LEADS[:4]] + [("e", -5, "fair")]
    result = found(deals, touches, costs_of(web=100, fair=100))
    assert list(result.nothing.index) == ["fair"]
    assert result.nothing.loc["fair", "p"] == pytest.approx(binomtest(0, 12, 0.5, alternative="less").pvalue)
    assert result.nothing.loc["fair", "expected"] == pytest.approx(12)
    # One touch on the way to one deal, and it brings something.
    assert not len(found(deals, [*touches, ("a", -2, "fair")], costs_of(web=100, fair=100)).nothing)


def test_nothing_is_found_seldom_where_money_brings_what_it_brings():
    rng, spend = np.random.default_rng(1), {f"c{n}": float(n + 1) for n in range(6)}
    shares = np.array([*spend.values()]) / sum(spend.values())
    alarms = 0
    for _ in range(2000):
        counts = dict(zip(spend, rng.multinomial(40, shares).tolist(), strict=True))
        found_here = bringing_nothing(spend, counts, {name for name, count in counts.items() if count})
        alarms += bool((found_here["q"] <= 0.05).any())
    assert alarms / 2000 <= 0.06


# ----------------------------------------------------------------------------------------------- removal, and intervals


def test_removal_is_what_a_simulated_chain_loses():
    steps = np.array(
        [[1, 3, 2, 0, 4, 2], [2, 0, 1, 1, 3, 3], [0, 2, 0, 2, 5, 1], [1, 1, 1, 0, 2, 4], [5, 4, 3, 1, 0, 0]]
    )
    rng, start, ill, well = np.random.default_rng(0), 4, 4, 5
    moves = np.cumsum(steps / steps.sum(axis=1, keepdims=True), axis=1)

    def ends_well(without=None):
        state, runs = np.full(200_000, start), 0
        while ((state != ill + 10) & (state != well + 10)).any():
            going = state < 10
            step = (rng.random(going.sum())[:, None] > moves[state[going]]).sum(axis=1)
            step = np.where(step == without, ill, step)
            state[going] = np.where(step >= ill, step + 10, step)
            runs += 1
            assert runs < 500
        return (state == well + 10).mean()

    whole = ends_well()
    effects = np.array([1 - ends_well(channel) / whole for channel in range(4)])
    assert removal_shares(steps) == pytest.approx(effects / effects.sum(), abs=0.01)


def test_steps_are_counted_once_each():
    paths = Paths(np.array([0, 0, 2]), np.array([1, 0, 1]), np.array([3, 1, 2]), np.array([True, True, False]), 2)
    unit, place = paths.steps()
    table = np.bincount(place, minlength=12).reshape(3, 4)
    assert sorted(unit.tolist()) == [0, 0, 0, 2, 2]
    # From channel 0 to the end that is well; from channel 1 to channel 0, and to nothing; from the start to channel 1.
    assert table.tolist() == [[0, 0, 0, 1], [1, 0, 1, 0], [0, 2, 0, 0]]


@pytest.mark.slow
def test_intervals_hold_what_the_same_accounts_would_bring_again():
    """Amounts by first touch, of accounts drawn from one world; the truth is their mean over many worlds."""
    held = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        n = 60
        leads = [f"l{number}" for number in range(n)]
        opened = rng.random(n) < 0.5
        frame = pd.DataFrame({"lead_id": leads, "stage": "opportunity", "at": "2026-03-10", "deal_id": leads})
        frame = frame.assign(amount=np.round(np.exp(rng.normal(8, 0.5, n)), 2))[opened]
        channel = rng.choice(["web", "fair"], n, p=[0.7, 0.3])
        touches = pd.DataFrame({"lead_id": leads, "at": "2026-03-03", "channel": channel})
        world = ls.load_tables(
            pd.DataFrame({"lead_id": leads}), None, frame, touches=touches, observed_until="2026-03-29"
        )
        row = pipeline(world, BOOK, **PERIOD).frame.loc["fair"]
        held.append(row["first_low"] <= n * 0.5 * 0.3 * math.exp(8 + 0.125) <= row["first_high"])
    assert 0.87 <= np.mean(held) <= 0.99
