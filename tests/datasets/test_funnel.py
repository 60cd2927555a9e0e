"""The made-up funnel keeps the contract of the tables, is the same for the same seed, and holds the truth it claims."""

import itertools
import math
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.base.stages import STAGES
from leadscore.datasets.funnel import POINTS_TO_DOUBLE, make_funnel
from leadscore.datasets.scenarios import SCENARIOS

LEADS = ["lead_id", "created_at", "job_title", "seniority", "country", "industry", "employees", "email_domain"]


@pytest.fixture(scope="module")
def funnel():
    return make_funnel(30_000, random_state=3)


def test_tables_keep_the_contract(funnel):
    assert funnel.leads.columns.tolist() == [*LEADS, "source", "consent", "account_id"]
    assert funnel.events.columns.tolist() == ["lead_id", "event", "at", "asset"]
    for rulebook in (funnel.rulebook, funnel.planted):
        tables = ls.load_tables(funnel.leads, funnel.events, funnel.outcomes, rulebook=rulebook)
        assert len(ls.score(tables, rulebook, as_of="2026-03-31")) == 30_000
    assert 0.1 < funnel.leads["employees"].isna().mean() < 0.2
    assert not funnel.leads["created_at"].isna().any()


def test_all_happens_within_the_days(funnel):
    first, last = pd.Timestamp("2025-10-03", tz="UTC"), pd.Timestamp("2026-04-01", tz="UTC")
    for times in (funnel.leads["created_at"], funnel.events["at"], funnel.outcomes["at"]):
        assert times.min() >= first
        assert times.max() < last
    assert funnel.events["at"].is_monotonic_increasing
    with_lead = funnel.events.merge(funnel.leads[["lead_id", "created_at"]], on="lead_id")
    assert (with_lead["at"] >= with_lead["created_at"]).all()


def test_the_same_seed_gives_the_same_funnel():
    first, second, other = (make_funnel(300, random_state=seed) for seed in (5, 5, 6))
    for name in ("leads", "events", "outcomes", "truth"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name))
        assert not getattr(first, name).equals(getattr(other, name))
    assert make_funnel(300, random_state=np.random.default_rng(5)).events.equals(first.events)


def test_few_are_very_busy(funnel):
    counts = funnel.events["lead_id"].value_counts()
    assert 15 < len(funnel.events) / 30_000 < 25
    assert counts.head(300).sum() > 0.1 * len(funnel.events)
    assert counts.median() < counts.mean() / 1.5


def test_stages_come_in_the_order_of_the_funnel(funnel):
    times = funnel.outcomes.pivot_table(index="lead_id", columns="stage", values="at", aggfunc="min")
    chain = ["lead", "mql", "contacted", "sal", "sql", "opportunity", "won"]
    for earlier, later in itertools.pairwise(chain):
        reached = times[times[later].notna()]
        assert len(reached)
        assert (reached[earlier] < reached[later]).all()
    assert not (times["rejected"].notna() & times["sal"].notna()).any()
    assert set(funnel.outcomes["stage"]) <= set(STAGES)


def test_sales_owns_what_was_handed_over(funnel):
    outcomes = funnel.outcomes
    assert (outcomes["owner"].isna() == (outcomes["stage"] == "lead")).all()
    assert (outcomes.dropna(subset="owner").groupby("lead_id")["owner"].nunique() < 2).all()
    assert set(outcomes["owner"].dropna()) == {"Ana", "Ben", "Chloe", "Dev"}


def test_the_odds_of_an_opportunity_follow_the_planted_points(funnel):
    # Leads looked at long ago: what could come of them has.
    old = funnel.truth[funnel.truth["handed_over"] & (funnel.truth["day"] < "2026-01-15")]
    won = old.index.isin(funnel.outcomes.loc[funnel.outcomes["stage"] == "opportunity", "lead_id"])
    by_points = pd.Series(won).groupby(pd.cut(old["points"].to_numpy(), [-100, 10, 20, 30, 40, 100]), observed=True)
    shares = by_points.mean()
    assert shares.is_monotonic_increasing
    # 10 points more double the odds, within what so many leads can show.
    odds = shares / (1 - shares)
    slope = math.log2(odds.iloc[3] / odds.iloc[1]) / 20
    assert slope == pytest.approx(1 / POINTS_TO_DOUBLE, rel=0.35)


def test_competitors_never_become_an_opportunity(funnel):
    rivals = funnel.leads.loc[funnel.leads["email_domain"] == "rival.example", "lead_id"]
    assert len(rivals) > 100
    assert (funnel.truth.loc[rivals, "chance"] == 0).all()


def test_who_asks_for_sales_converts_better(funnel):
    asked = funnel.events.loc[funnel.events["event"].isin(["demo_request", "contact_sales"]), "lead_id"].unique()
    handed = funnel.truth[funnel.truth["handed_over"]]
    won = handed.index.isin(funnel.outcomes.loc[funnel.outcomes["stage"] == "opportunity", "lead_id"])
    raised = handed.index.isin(asked)
    assert won[raised].mean() > 1.5 * won[~raised].mean()


def test_clicks_are_noise(funnel):
    """What the guessed rulebook pays for and the truth does not: busy people are no better leads."""
    opens = funnel.events[funnel.events["event"] == "email_open"].groupby("lead_id").size()
    opens = opens.reindex(funnel.truth.index, fill_value=0)
    assert abs(opens.rank().corr(funnel.truth["points"].rank())) < 0.1


def test_a_large_funnel_takes_seconds():
    start = time.process_time()
    assert len(make_funnel(50_000).leads) == 50_000
    assert time.process_time() - start < 5


def test_one_lead_is_a_funnel():
    assert len(make_funnel(1).leads) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_leads": 0}, "n_leads"),
        ({"n_leads": 2.5}, "n_leads"),
        ({"days": 0}, "days"),
        ({"events_per_lead": -1}, "events_per_lead"),
        ({"end": "31.3.2026"}, "end: must be a day"),
        ({"scenario": "activity x1.2", "scenario_start": "2026-01-05"}, r"did you mean 'activity x1\.25'"),
        ({"scenario": 3, "scenario_start": "2026-01-05"}, "there is no 3"),
        ({"scenario": "ramp"}, "give the day from which on 'ramp' holds"),
        ({"scenario": "ramp", "scenario_start": "2025-01-05"}, "must lie in 2025-10-03 to 2026-03-31"),
        ({"scenario": "ramp", "scenario_start": "soon"}, "scenario_start"),
        ({"scenario_start": "2026-01-05"}, "nothing starts"),
        ({"scenario": "stable", "scenario_start": "2026-01-05"}, "nothing starts"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ls.ArgumentError, match=message):
        make_funnel(**arguments)


# ----------------------------------------------------------------------------------------------------------- scenarios

START = "2025-12-22"
SINCE = pd.Timestamp(START, tz="UTC")


def planted(scenario, seed=4, n=12_000, **given):
    start = None if scenario == "stable" else START
    return make_funnel(n, random_state=seed, days=240, scenario=scenario, scenario_start=start, **given)


@pytest.fixture(scope="module")
def stable():
    return planted("stable")


def since(frame, column="at"):
    return frame[frame[column] >= SINCE]


def by_lead(funnel, **condition):
    """Events since the day per lead that was there a month before it."""
    leads = funnel.leads[funnel.leads["created_at"] < SINCE - pd.Timedelta(days=30)]
    for name, values in condition.items():
        leads = leads[leads[name].isin(values)]
    return since(funnel.events)["lead_id"].isin(leads["lead_id"]).sum() / len(leads)


@pytest.mark.parametrize("scenario", SCENARIOS)
@settings(max_examples=max(2, settings().max_examples // 20))
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(0, 59))
def test_nothing_before_the_day_differs(scenario, seed, n, after):
    day = pd.Timestamp("2026-02-01", tz="UTC") + pd.Timedelta(days=after)
    given_day = None if scenario == "stable" else day.date()
    world = {"random_state": seed, "days": 60, "end": "2026-04-01"}
    before = make_funnel(n, scenario="stable", **world)
    found = make_funnel(n, scenario=scenario, scenario_start=given_day, **world)
    for name in ("events", "outcomes"):
        sides = [getattr(one, name) for one in (before, found)]
        first, second = (side[side["at"] < day].reset_index(drop=True) for side in sides)
        if scenario == "cold list":
            assert not second["lead_id"].str.startswith("M-").any()
        pd.testing.assert_frame_equal(first, second)
    first, second = (one.leads[one.leads["created_at"] < day].reset_index(drop=True) for one in (before, found))
    pd.testing.assert_frame_equal(first, second)
    # The tables' contract: no event before its lead, none of an unknown one, no stage out of order.
    tables = ls.load_tables(found.leads, found.events, found.outcomes, rulebook=found.rulebook)
    assert len(tables.ids) == len(found.truth)


@pytest.mark.parametrize("times", [1.1, 1.25, 1.5])
def test_more_activity(stable, times):
    found = planted(f"activity x{times:.2f}")
    assert len(since(found.events)) / len(since(stable.events)) == pytest.approx(times, rel=0.01)
    # No lead is another, and what they do is of the same kinds.
    pd.testing.assert_frame_equal(found.leads, stable.leads)
    shares = [since(one.events)["event"].value_counts(normalize=True) for one in (found, stable)]
    assert (shares[0] - shares[1]).abs().max() < 0.01


def test_a_ramp_grows_by_the_week(stable):
    weeks = [(since(one.events)["at"] - SINCE).dt.days // 7 for one in (planted("ramp"), stable)]
    ratio = weeks[0].value_counts().sort_index() / weeks[1].value_counts().sort_index()
    expected = 1.01 ** (ratio.index.to_numpy() + 1)
    np.testing.assert_allclose(ratio, expected, atol=0.025)
    assert ratio.tail(4).mean() > ratio.head(4).mean() + 0.05


def test_only_junior_people_do_more(stable):
    found, junior = planted("junior"), ["Specialist", "Coordinator"]
    assert by_lead(found, seniority=junior) / by_lead(stable, seniority=junior) == pytest.approx(1.5, rel=0.03)
    others = ["Manager", "Director", "VP", "C-level"]
    assert by_lead(found, seniority=others) == by_lead(stable, seniority=others)


def test_a_poorer_source_grows(stable):
    found = planted("fit mix")
    shares = [(since(one.leads, "created_at")["source"] == "list").mean() for one in (stable, found)]
    assert shares[1] - shares[0] == pytest.approx(0.15 * 0.95, abs=0.02)
    for one in (stable, found):
        assert set(one.leads.loc[one.leads["source"] == "list", "seniority"].dropna()) == {"Specialist", "Coordinator"}
    # Those of other sources are as they were, and all do what they did.
    pd.testing.assert_frame_equal(found.events, stable.events)
    same = (found.leads["source"] == stable.leads["source"]).to_numpy()
    pd.testing.assert_frame_equal(found.leads[same], stable.leads[same])


@pytest.mark.parametrize(("scenario", "classes"), [("fit quality", 1), ("fit up", -1)])
def test_seniority_moves_a_class(stable, scenario, classes):
    found = planted(scenario)
    order = ["C-level", "VP", "Director", "Manager", "Specialist", "Coordinator"]
    sides = [since(one.leads, "created_at") for one in (stable, found)]
    sides = [side[side["source"] != "list"]["seniority"].map(order.index, na_action="ignore") for side in sides]
    moved = (sides[1] - sides[0]).dropna()
    assert set(moved) == {0, classes}
    ends = 5 if classes > 0 else 0
    assert (moved[sides[0] != ends] != 0).mean() == pytest.approx(0.2, abs=0.03)
    pd.testing.assert_frame_equal(found.events, stable.events)


def test_scanners_follow_every_link_within_seconds_and_open_no_page(stable):
    found = planted("scanners")
    counts = [since(one.events)["event"].value_counts() for one in (stable, found)]
    more = counts[1] - counts[0]
    assert set(more[more != 0].index) == {"email_open", "email_click"}
    assert more["email_click"] == 4 * more["email_open"]
    clicks = since(found.events)[since(found.events)["event"] == "email_click"]
    gaps = clicks.sort_values(["lead_id", "at"]).groupby("lead_id")["at"].diff()
    # A person seldom clicks twice within a second; a scanner always does.
    assert (gaps <= pd.Timedelta(seconds=1)).sum() >= 3 * more["email_open"]
    before = found.events[(found.events["at"] < SINCE) & (found.events["event"] == "email_click")]
    gaps = before.sort_values(["lead_id", "at"]).groupby("lead_id")["at"].diff()
    assert (gaps <= pd.Timedelta(seconds=1)).mean() < 0.001
    busy = (
        clicks["lead_id"].value_counts()
        - since(stable.events).query("event == 'email_click'")["lead_id"].value_counts()
    )
    scanned = found.leads[found.leads["lead_id"].isin(busy[busy > 0].index)]
    reached = found.leads[found.leads["created_at"] > SINCE - pd.Timedelta(days=60)]
    assert scanned["account_id"].nunique() / reached["account_id"].nunique() == pytest.approx(0.12, abs=0.04)


@pytest.mark.parametrize(("scenario", "times"), [("volume x2", 2), ("volume x0.5", 0.5), ("cold list", 1.3)])
def test_more_leads_or_fewer(stable, scenario, times):
    found = planted(scenario)
    counts = [len(since(one.leads, "created_at")) for one in (stable, found)]
    assert counts[1] / counts[0] == pytest.approx(times, rel=0.06)
    for frame in (found.leads, found.events, found.outcomes):
        assert not frame["lead_id"].isna().any()
    assert found.leads["lead_id"].is_unique
    assert set(found.leads["lead_id"]) == set(found.truth.index)
    new = since(found.leads, "created_at")
    firms = found.leads.groupby("account_id")["country"].nunique()
    assert (firms == 1).all()
    if scenario == "cold list":
        cold = new[new["source"] == "import"]
        assert len(cold) / len(new) == pytest.approx(0.3 / 1.3, abs=0.01)
        each = [
            found.events["lead_id"].isin(part["lead_id"]).sum() / len(part)
            for part in (cold, new[~new.index.isin(cold.index)])
        ]
        assert each[0] == pytest.approx(0.1 * each[1], rel=0.2)


def test_a_burst_ends(stable):
    found = planted("burst")
    weeks = [(since(one.events)["at"] - SINCE).dt.days // 7 for one in (found, stable)]
    ratio = weeks[0].value_counts().sort_index() / weeks[1].value_counts().sort_index()
    assert ratio.head(3).mean() == pytest.approx(1.5, abs=0.05)
    assert (ratio.iloc[3:] == 1).all()


@pytest.mark.slow
def test_two_years_of_a_thousand_leads_a_week_take_seconds():
    start = time.process_time()
    assert len(planted("activity x1.25", n=104_000).leads) == 104_000
    assert time.process_time() - start < 10
