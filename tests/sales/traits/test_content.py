"""Content by stage: day by day in plain Python, the worked example, simulation of a funnel in which nothing helps."""

import importlib
from collections import defaultdict
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import StratifiedTable

import leadscore as ls
from leadscore.sales.traits.content import STEPS, content
from leadscore.stats.stratified import rate_ratio

# As an attribute of the folder, the name is the function.
module = importlib.import_module("leadscore.sales.traits.content")
BOOK = ls.Rulebook.from_yaml("{leadscore: 1, name: x, fit: [], behaviour: [], qualify: {threshold: 0}}")
FIRST = np.datetime64("2026-01-01")
PERIOD = {"start": "2026-03-02", "end": "2026-03-29"}


def at(day, hour=12):
    return pd.to_datetime(FIRST) + pd.to_timedelta(np.asarray(day), "D") + pd.Timedelta(hours=hour)


def tables_of(outcomes, events, n, **columns):
    """Outcomes are (lead, stage, day), events (lead, asset, day), days from the first on."""
    leads = pd.DataFrame({"lead_id": np.arange(n)} | columns)
    made = {}
    for name, rows, kinds in (("outcomes", outcomes, "stage"), ("events", events, "asset")):
        frame = pd.DataFrame(rows, columns=["lead_id", kinds, "at"])
        made[name] = frame.assign(at=at(frame["at"]))
    return ls.load_tables(leads, made["events"].assign(event="view"), made["outcomes"], observed_until="2026-03-31")


# ---------------------------------------------------------------------------------------------------------- properties


@st.composite
def worlds(draw):
    """Leads that go through the stages in days, and see two pages on some."""
    outcomes, events = [], []
    for lead in range(6):
        day = draw(st.integers(0, 70))
        for stage in ("mql", "sal", "sql", "opportunity", "won"):
            outcomes.append((lead, stage, day))
            step = draw(st.sampled_from([None, "rejected", 1, 2, 9, 30]))
            if step in {None, "rejected"}:
                outcomes += [(lead, step, day + 1)] if step else []
                break
            day += step
        seen = st.tuples(st.just(lead), st.sampled_from(["/a", "/b"]), st.integers(0, 88))
        events += draw(st.lists(seen, max_size=4))
    return [row for row in outcomes if row[2] < 88], events


def by_hand(outcomes, events):
    """For each step and asset the moves and days, of those exposed and others, by days in the stage."""
    found = defaultdict(lambda: np.zeros(4, int))
    stages = defaultdict(dict)
    for lead, stage, day in outcomes:
        stages[lead][stage] = day
    for (name, (stage, following)), lead in product(STEPS.items(), list(stages)):
        own = stages[lead]
        if stage not in own:
            continue
        end = own.get(following, own.get("rejected", 10**6))
        for day in range(own[stage], min(end, 87) + 1):
            for asset in ("/a", "/b"):
                exposed = any(who == lead and what == asset and 1 <= day - seen <= 14 for who, what, seen in events)
                cell = found[name, asset, day - own[stage]]
                cell[[2, 3][not exposed]] += 1
                cell[[0, 1][not exposed]] += day == own.get(following)
    return found


@settings(max_examples=25)
@given(worlds())
def test_counts_and_ratios_are_those_of_a_reader_day_by_day(world):
    outcomes, events = world
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FEWEST", 1e-9)
        found = content(tables_of(outcomes, events, 6), BOOK, **PERIOD).frame
    cells = by_hand(outcomes, events)
    expected = {}
    for key in {key[:2] for key in cells}:
        strata = np.array([cell for (*own, _), cell in cells.items() if tuple(own) == key])
        if strata[:, [0, 1]].sum() and (strata[:, 2] > 0).any() and (strata[:, 3] > 0).any():
            expected[key] = strata
    for row in found.itertuples():
        strata = expected[row.step, row.asset]
        assert [row.moves, row.moves_without, row.days, row.days_without] == strata.sum(axis=0).tolist()
        total = strata[:, 2] + strata[:, 3]
        top, bottom = (strata[:, 0] * strata[:, 3] / total).sum(), (strata[:, 1] * strata[:, 2] / total).sum()
        if top and bottom:
            assert row.ratio == pytest.approx(top / bottom)


# ---------------------------------------------------------------------------------------------------- rate ratio alone


def test_the_worked_example_of_the_specification():
    """40 moves in 1,000 exposed days, 60 in 3,000: twice the rate."""
    found, low, high = rate_ratio([[40, 60]], [[1000, 3000]])
    assert found == 2
    half = np.exp(1.959964 * np.sqrt(1 / 40 + 1 / 60))
    assert (low, high) == pytest.approx((2 / half, 2 * half))


@given(st.lists(st.tuples(*[st.integers(1, 20)] * 2, *[st.integers(30, 400)] * 2), min_size=1, max_size=6))
def test_a_rate_ratio_is_that_of_statsmodels(strata):
    events, at_risk = np.array(strata)[:, :2], np.array(strata)[:, 2:]
    tables = np.array([[[a, n - a], [b, m - b]] for (a, b), (n, m) in zip(events, at_risk, strict=True)])
    found, low, high = rate_ratio(events, at_risk)
    assert found == pytest.approx(StratifiedTable(list(tables.astype(float))).riskratio_pooled)
    # Each level against the other.
    other = rate_ratio(events[:, ::-1], at_risk[:, ::-1])
    assert other == pytest.approx((1 / found, 1 / high, 1 / low))
    assert low < found < high


def test_rate_ratios_cover():
    """Sparse strata, twice the rate: 95 % intervals hold it in 94 to 97 % of 2,000 runs."""
    rng = np.random.default_rng(4)
    at_risk = rng.integers(5, 60, (40, 2))
    base = rng.uniform(0.005, 0.03, 40)
    inside = 0
    for _ in range(2000):
        events = rng.poisson(np.column_stack([2 * base, base]) * at_risk)
        _, low, high = rate_ratio(np.minimum(events, at_risk), at_risk)
        inside += low <= 2 <= high
    assert 0.94 <= inside / 2000 <= 0.97


def test_a_rate_ratio_where_little_can_be_compared():
    assert np.isnan(rate_ratio([[5, 0]], [[10, 0]])).all()
    assert np.isnan(rate_ratio([[0, 0]], [[10, 10]])).all()
    assert rate_ratio([[0, 3]], [[10, 10]])[0] == 0
    assert rate_ratio([[3, 0]], [[10, 10]])[0] == np.inf


# ---------------------------------------------------------------------------------------------------------- named traps


def waiting(seed, n=400, *, effect=1.0, decay=0.97):
    """MQLs that are accepted at a rate that falls by the day; everyone sees the page at the same rate, whatever comes.

    For two weeks after they saw it they move `effect` times as fast.
    """
    rng = np.random.default_rng(seed)
    outcomes, events = [], []
    for lead in range(n):
        entry = int(rng.integers(0, 60))
        outcomes.append((lead, "mql", entry))
        seen = -100
        for day in range(entry, 85):
            rate = 0.06 * decay ** (day - entry)
            if rng.random() < rate * (effect if 1 <= day - seen <= 14 else 1):
                outcomes.append((lead, "sal", day))
                break
            if rng.random() < 0.08 * decay ** (day - entry):
                seen = day
                events.append((lead, "/page", day))
    return outcomes, events, n


def test_who_stays_long_has_long_to_see_a_page_and_that_is_no_effect():
    """Immortal time: of leads that never moved more have ever seen the page; a day counts as what it was."""
    logs = []
    for seed in range(12):
        outcomes, events, n = waiting(seed)
        row = content(tables_of(outcomes, events, n), BOOK, **PERIOD).frame.iloc[0]
        logs.append(np.log(row["ratio"]))
    mean, error = np.mean(logs), np.std(logs, ddof=1) / np.sqrt(len(logs))
    assert abs(mean) < 3 * error
    assert error < 0.08
    ever, moved = {lead for lead, *_ in events}, {lead for lead, stage, _ in outcomes if stage == "sal"}
    careless = (len(ever & moved) / len(ever)) / (len(moved - ever) / (n - len(ever)))
    assert careless < 0.85


def test_an_effect_that_is_there_is_found():
    outcomes, events, n = waiting(1, effect=3.0)
    found = content(tables_of(outcomes, events, n), BOOK, **PERIOD)
    assert found.frame["low"][0] > 1.5
    assert found.headline == "Leads move on sooner in the two weeks after they see: /page."


def test_what_is_seen_on_the_day_of_the_move_is_not_before_it():
    """A page that is shown on being accepted goes with nothing."""
    outcomes, events, n = waiting(2, 900)
    shown = events + [(lead, "/welcome", day) for lead, stage, day in outcomes if stage == "sal"]
    found = content(tables_of(outcomes, shown, n), BOOK, **PERIOD).frame
    assert "/welcome" not in set(found["asset"])
    half = [(lead, day - 1) for lead, stage, day in outcomes if stage == "sal" and lead % 2]
    before = events + [(lead, "/welcome", day) for lead, day in half]
    found = content(tables_of(outcomes, before, n), BOOK, **PERIOD).frame.set_index("asset")
    assert found.loc["/welcome", "low"] > 3


def test_the_same_page_under_several_addresses_is_one():
    outcomes, events, n = waiting(3)
    once = content(tables_of(outcomes, events, n), BOOK, **PERIOD).frame
    names = ["/page", "/Page/", "https://www.firm.example/page?utm_source=x", "/page#top"]
    mixed = [(lead, names[number % 4], day) for number, (lead, _, day) in enumerate(events)]
    pd.testing.assert_frame_equal(content(tables_of(outcomes, mixed, n), BOOK, **PERIOD).frame, once)


def test_fit_grades_are_compared_within_themselves():
    """Good leads see more and move sooner; among the alike the page does nothing."""
    book = ls.Rulebook.from_yaml(
        "{leadscore: 1, name: x, fit: [{name: F, column: f, points: {good: 10}}], qualify: {threshold: 0},"
        " grades: {fit: {A: 10}}}"
    )
    rng = np.random.default_rng(0)
    outcomes, events, n = [], [], 1500
    good = rng.random(n) < 0.5
    for lead in range(n):
        entry = int(rng.integers(0, 60))
        outcomes.append((lead, "mql", entry))
        for day in range(entry, 85):
            if rng.random() < (0.12 if good[lead] else 0.02):
                outcomes.append((lead, "sal", day))
                break
            if rng.random() < (0.15 if good[lead] else 0.02):
                events.append((lead, "/page", day))
    tables = tables_of(outcomes, events, n, f=np.where(good, "good", "poor"))
    graded, not_graded = (content(tables, one, **PERIOD).frame.iloc[0] for one in (book, BOOK))
    assert graded["low"] < 1 < graded["high"]
    assert not_graded["low"] > 1.5


def test_rare_assets_are_chosen_by_what_is_expected():
    """Chosen by the moves they had, they would be those that had luck."""
    outcomes, events, n = waiting(5)
    rng = np.random.default_rng(1)
    rare = [(lead, f"/p{rng.integers(0, 12)}", day) for lead, _, day in events]
    found = content(tables_of(outcomes, rare, n), BOOK, **PERIOD).frame
    assert len(found) > 3
    assert (found["moves"] < 10).any()


def test_a_lead_that_comes_again_stays_again():
    """No day between its stays, and none twice."""
    outcomes = [(0, "mql", 1), (0, "recycled", 5), (0, "mql", 30), (0, "mql", 32), (0, "sal", 40), (1, "mql", 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FEWEST", 1e-9)
        row = content(tables_of(outcomes, [(0, "/a", 33)], 2), BOOK, **PERIOD).frame.iloc[0]
    # Exposed from day 34 to 40; else days 1 to 5, 30 to 33, and those of the other lead, who stays.
    assert row[["moves", "days", "moves_without", "days_without"]].tolist() == [1, 7, 0, 5 + 4 + 87]


def test_without_assets_that_is_said():
    leads = pd.DataFrame({"lead_id": [1]})
    tables = ls.load_tables(leads, None, pd.DataFrame({"lead_id": [1], "stage": ["mql"], "at": ["2026-03-30"]}))
    found = content(tables, BOOK, **PERIOD)
    assert found.headline == "Too few leads moved on after they saw an asset to compare any."
    assert "no column `asset`" in found.notes[0]


def test_what_sales_sends_in_deals():
    outcomes = [(lead, "opportunity", lead) for lead in range(6)]
    outcomes += [(0, "won", 40), (1, "won", 41), (2, "lost", 42)]
    tables = tables_of(outcomes, [], 6)
    events = pd.DataFrame(
        {"lead_id": [0, 0, 2, 3, 1, 4], "event": "sent", "asset": "/deck", "at": at([10, 11, 50, 20, 20, 20])}
    )
    # To lead 2 it was sent when the deal was lost already, to lead 4 by marketing.
    events["actor"] = ["sales"] * 5 + ["marketing"]
    frame = tables.outcomes.assign(deal_id=tables.outcomes["lead_id"].astype(str))
    found = content(
        ls.load_tables(pd.DataFrame({"lead_id": range(6)}), events, frame, observed_until="2026-03-31"), BOOK, **PERIOD
    )
    assert found.sales_use.to_dict("records") == [
        {"asset": "/deck", "open": 1, "open_n": 3, "won": 2, "won_n": 2, "lost": 0, "lost_n": 1}
    ]
