"""Weighted pipeline: shares against statsmodels, traps by hand, and intervals over worlds with the truth known."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import CumIncidenceRight

import leadscore as ls
from leadscore.sales.deals.weighted_pipeline import weighted_pipeline
from leadscore.stats.survival import cumulative_incidence

TEXT = "{leadscore: 1, name: x, %s fit: [], behaviour: [], qualify: {threshold: 0}}"
BOOK = ls.Rulebook.from_yaml(TEXT % "")
WITH_GOAL = ls.Rulebook.from_yaml(TEXT % "agreement: {shared: {weighted_pipeline: 1000}},")
UNTIL = dt.date(2026, 3, 31)
PERIOD = {"start": "2026-03-02", "end": "2026-03-29"}


def world(deals, book=BOOK, **options):
    """Deals as (age in days, how it ended or None, amount); those that ended did so at that age."""
    rows = []
    for number, (age, end, amount) in enumerate(deals):
        opened = UNTIL - dt.timedelta(age + (400 if end else 0))
        rows.append((f"l{number}", "opportunity", opened, f"D{number}", amount))
        if end:
            rows.append((f"l{number}", end, opened + dt.timedelta(age), f"D{number}", None))
    frame = pd.DataFrame(rows, columns=["lead_id", "stage", "at", "deal_id", "amount"])
    frame["at"] = pd.to_datetime(frame["at"])
    leads = pd.DataFrame({"lead_id": [f"l{number}" for number in range(len(deals))]})
    tables = ls.load_tables(leads, None, frame, observed_until=UNTIL)
    return weighted_pipeline(tables, book, **PERIOD | options)


ENDED = st.tuples(st.integers(1, 40), st.sampled_from(["won", "lost", "lost"]), st.just(5.0))
WAITING = st.tuples(st.integers(0, 40), st.none(), st.sampled_from([10.0, 20.0, 35.5]))
PAST = st.lists(ENDED, min_size=30, max_size=45).flatmap(
    lambda ended: st.lists(WAITING, min_size=1, max_size=15).map(lambda waiting: ended + waiting)
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(PAST, st.randoms(use_true_random=False))
def test_each_deal_counts_with_the_share_of_those_still_open_at_its_age(deals, random):
    """Of those still open at an age alone the share won is that of a curve over them alone."""
    found = world(deals)
    age = np.array([age for age, *_ in deals], float)
    cause = np.array([0 if end is None else 1 if end == "won" else 2 for _, end, _ in deals])
    for row in found.frame.itertuples():
        older = age > row.age_days
        with np.errstate(all="ignore"):
            expected = CumIncidenceRight(age[older], cause[older]).cinc[0][-1] if (cause[older] == 1).any() else 0
        assert row.share == pytest.approx(expected, abs=1e-9)
    inside = found.frame[~found.frame["late"]]
    assert found.value == pytest.approx((inside["amount"] * inside["share"]).sum())
    assert found.low <= found.value + 1e-9 or found.value == 0
    again = world(random.sample(deals, len(deals)))
    assert (again.value, again.share_won) == pytest.approx((found.value, found.share_won))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 2)), min_size=2, max_size=40))
def test_cumulative_incidence_is_that_of_statsmodels(units):
    time, cause = (np.array(part) for part in zip(*units, strict=True))
    # Where all that are left end at once, it has no spread.
    assume((cause == 1).any() and (cause[time == time.max()] == 0).any())
    share, variance = cumulative_incidence(time.astype(float), cause, 1)
    other = CumIncidenceRight(time.astype(float), cause)
    assert share == pytest.approx(other.cinc[0][-1])
    assert np.sqrt(max(variance, 0)) == pytest.approx(other.cinc_se[0][-1], abs=1e-7)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 2)), min_size=1, max_size=40))
def test_without_anyone_waiting_it_is_a_binomial_share(units):
    time, cause = (np.array(part) for part in zip(*units, strict=True))
    share, variance = cumulative_incidence(time.astype(float), cause, 1)
    p = (cause == 1).mean()
    assert (share, variance) == pytest.approx((p, p * (1 - p) / len(units)))


def test_deals_just_opened_count_with_the_share_won():
    """5.36m at 22 % is 1.18m."""
    past = [(1 + n % 30, "won" if n < 22 else "lost", 1.0) for n in range(100)]
    found = world([*past, *[(0, None, 26_400.0)] * 203])
    assert found.share_won == pytest.approx(0.22)
    assert found.value == pytest.approx(203 * 26_400 * 0.22)
    assert (found.open, found.won, found.lost, found.share_from) == (203, 22, 78, "own deals")
    assert 0.14 < found.share_low < 0.22 < found.share_high < 0.32


def test_old_deals_are_counted_apart():
    past = [(n + 1, "won" if n % 4 == 0 else "lost", 1.0) for n in range(40)]
    found = world([*past, (5, None, 100.0), (300, None, 900.0)])
    # Nine in ten were closed after 36 days.
    assert (found.late, found.late_amount) == (1, 900.0)
    assert found.late_from_days == 36
    assert (found.open, found.open_amount) == (1, 100.0)
    assert "Not in it: 1 open deal older than nine in ten of those that closed." in found.notes


def test_a_deal_without_an_amount_is_said_and_not_made_up():
    past = [(n % 10 + 1, "won" if n % 4 == 0 else "lost", 1.0) for n in range(40)]
    found = world([*past, (0, None, 100.0), (0, None, None)])
    assert (found.without_amount, found.open, found.value) == (1, 1, pytest.approx(25.0))
    assert "Not in it: 1 open deal without an amount." in found.notes


def test_a_deal_of_more_than_a_quarter_is_named():
    past = [(n % 10 + 1, "won" if n % 4 == 0 else "lost", 1.0) for n in range(40)]
    assert world([*past, *[(0, None, 10.0)] * 4]).large == ()
    assert world([*past, *[(0, None, 10.0)] * 4, (0, None, 20.0)]).large == ("D44",)


def test_too_few_closed_deals_give_no_share_unless_one_is_agreed():
    deals = [*[(2, "won", 1.0)] * 29, (0, None, 100.0)]
    found = world(deals)
    assert np.isnan([found.value, found.low, found.share_won, found.covered]).all()
    assert found.headline == "100 in 1 open deal; 29 deals closed, too few to say what share is won (fewer than 30)."
    agreed = world(deals, agreed_share=0.2)
    assert (agreed.value, agreed.share_from) == (pytest.approx(20.0), "agreed")
    assert agreed.headline.endswith("100 in 1 open deal at 20%, as agreed.")
    own = world([*deals, (2, "lost", 1.0)], agreed_share=0.2)
    assert own.share_from == "own deals"


def test_the_goal_is_that_of_the_agreement():
    past = [(n % 10 + 1, "won" if n % 4 == 0 else "lost", 1.0) for n in range(40)]
    found = world([*past, (0, None, 1000.0)], WITH_GOAL)
    assert (found.goal, found.covered) == (1000.0, pytest.approx(0.25))
    assert "25% of the goal of 1,000" in found.headline
    assert np.isnan(world(past).goal)


def test_without_open_deals_it_is_nothing():
    past = [(n % 10 + 1, "won" if n % 4 == 0 else "lost", 1.0) for n in range(40)]
    found = world(past)
    assert (found.value, found.low, found.high, found.open) == (0.0, 0.0, 0.0, 0)


def test_without_a_deal_id_there_is_none():
    outcomes = pd.DataFrame({"lead_id": ["a"], "stage": "opportunity", "at": "2026-03-29", "amount": 5})
    tables = ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), None, outcomes)
    with pytest.raises(ls.ArgumentError, match="outcomes have no deal_id"):
        weighted_pipeline(tables, BOOK, **PERIOD)


@pytest.mark.parametrize("agreed", [0, 1, 1.2, "20%", True])
def test_an_agreed_share_lies_between_0_and_1(agreed):
    with pytest.raises(ls.ArgumentError, match="agreed_share"):
        world([(0, None, 1.0)], agreed_share=agreed)


def simulated(seed, n=150):
    """Deals of a year of which a third is won in the end, a fifth never closes; and what the open ones are worth."""
    rng = np.random.default_rng(seed)
    opened = rng.integers(0, 365, n)
    ends = rng.choice(["won", "lost", "never"], n, p=[0.33, 0.45, 0.22])
    takes = np.ceil(35 * np.exp(rng.normal(0, 0.8, n))).astype(int)
    amount = np.round(np.exp(rng.normal(10, 0.7, n)), 2)
    return [
        (int(age if end == "never" or age < take else take), None if end == "never" or age < take else end, float(one))
        for age, end, take, one in zip(opened, ends, takes, amount, strict=True)
    ]


@pytest.mark.slow
def test_intervals_hold_what_open_deals_are_worth_on_average():
    """The truth: over many such years, the amounts of open deals, not late, that are won in the end."""
    z = pd.Series([*range(366)])
    from scipy.stats import lognorm  # noqa: PLC0415 - here only

    closed = lognorm(0.8, scale=35).cdf(z)
    still = 1 - 0.78 * closed
    later = 0.33 * (1 - closed) / still
    held = []
    for seed in range(150):
        found = world(simulated(seed))
        # Open at an age: of deals opened evenly over the days so many are.
        ages = z[z <= min(found.late_from_days, 364)]
        truth = 150 / 365 * (still[ages] * later[ages]).sum() * np.exp(10 + 0.7**2 / 2)
        held.append(found.low <= truth <= found.high)
    assert 0.88 <= np.mean(held) <= 0.99, np.mean(held)
