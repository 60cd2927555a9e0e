"""The made-up funnel keeps the contract of the tables, is the same for the same seed, and holds the truth it claims."""

import itertools
import math
import time

import numpy as np
import pandas as pd
import pytest

import leadscore as ls
from leadscore.datasets import POINTS_TO_DOUBLE, make_funnel

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
    assert set(funnel.outcomes["stage"]) <= set(ls.tables.STAGES)


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
        ({"end": "31.3.2026"}, "in end"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ls.ArgumentError, match=message):
        make_funnel(**arguments)
