"""Real outcomes: what the funnel, the contract and response times say of them, against counts made another way."""

import numpy as np
import pandas as pd
import pytest

import leadscore as ls
from leadscore.base.times import DAY
from leadscore.sales.conversion import funnel
from leadscore.sales.response.response_times import response_times
from leadscore.stats.survival import kaplan_meier
from leadscore.tables.labels import label

pytestmark = pytest.mark.real
BOOK = "{{leadscore: 1, name: x, timezone: {}, fit: [], behaviour: [], qualify: {{threshold: 0}}}}"


@pytest.fixture(scope="module")
def olist(folder):
    """Leads with the date of their first contact, and wins, whose times are UTC."""
    leads = pd.read_csv(folder / "olist" / "olist_marketing_qualified_leads_dataset.csv")
    deals = pd.read_csv(folder / "olist" / "olist_closed_deals_dataset.csv")
    leads = leads.rename(columns={"mql_id": "lead_id", "first_contact_date": "created_at"})
    outcomes = pd.DataFrame({"lead_id": deals["mql_id"], "stage": "won", "at": deals["won_date"] + "Z"})
    return leads, outcomes


@pytest.fixture(scope="module")
def won(olist):
    rulebook = ls.Rulebook.from_yaml(BOOK.format("America/Sao_Paulo"))
    return ls.load_tables(olist[0], None, olist[1], rulebook=rulebook, columns=["origin"], strict=False)


def test_the_win_two_days_before_contact_is_refused_by_name(olist, won):
    with pytest.raises(ls.ContractError, match="1 row: before the lead was created") as caught:
        ls.load_tables(olist[0], None, olist[1])
    [problem] = caught.value.problems
    lead, stage, at = problem.excerpt.split("(")[1].strip(")").replace("'", "").split(", ")
    contact = olist[0].set_index("lead_id").loc[lead, "created_at"]
    assert (stage, (pd.Timestamp(at[:10]) - pd.Timestamp(contact)).days) == ("won", -2)
    assert (len(won.outcomes), len(won.rejected), len(won.ids)) == (841, 1, 8000)
    assert round(842 / 8000, 4) == 0.1052  # 10.53 % of all


def test_wins_are_recorded_late_and_the_rise_is_said_to_be_no_rise(won):
    table = funnel(won, within_days=90)
    [finding] = [finding for finding in table.notes if "is recorded from" in finding]
    assert finding.startswith("won is recorded from 2017-12-05 on, while leads came from 2017-06-14")
    assert "about 179 would have reached it before" in finding
    # July 2017 to February 2018, whenever they won: from 0.8 % to 14 %, for want of records of the first to come.
    ever = funnel(won, within_days=520).frame.set_index("cohort")
    rise = (ever["reached"] / ever["n"]).round(3)
    assert rise["2017-07":"2018-02"].to_list() == [0.008, 0.023, 0.022, 0.034, 0.04, 0.055, 0.133, 0.145]
    assert table.frame.set_index("cohort")["truncated"].to_list() == [True] * 7 + [False] * 5
    assert table.frame["share"].isna().to_list() == [True] * 7 + [False] * 5
    # Between cohorts that can be compared nothing rises.
    shares = table.frame["share"].dropna()
    assert shares.round(3).to_list() == [0.113, 0.125, 0.119, 0.126, 0.084]


def test_the_time_to_a_win(won):
    days = won.stages.times.days(won.timezone) - won.created().days(won.timezone)[won.stages.lead]
    curve = kaplan_meier(days, np.ones(len(days), bool))
    assert curve.quantile(0.5)[0] == 14
    # Of all 842: 65.9 % within 30 days and 82.2 % within 90, the win before contact counted with them.
    reached = {within: funnel(won, within_days=within).frame["reached"].sum() for within in (30, 90)}
    assert {within: round((count + 1) / 842, 3) for within, count in reached.items()} == {30: 0.659, 90: 0.822}
    assert (days == 0).sum() == 33


def test_dates_written_as_utc_midnight_shifts_are_recognised(olist, won):
    local = won.stages.times.local(won.timezone)
    # Of the 62 on the full hour 61 are midnights in São Paulo; the last is midnight in UTC, 21:00 there.
    clock = pd.to_datetime(olist[1]["at"]).dt
    assert ((clock.minute == 0) & (clock.second == 0)).sum() == 62
    assert (local % DAY == 0).sum() == 61
    utc = ls.load_tables(*(olist[0], None, olist[1]), strict=False).stages.times.local("UTC")
    assert (utc % DAY == 0).sum() == 1
    # As contacts they would be left out of response times, and counted.
    here = ls.Rulebook.from_yaml(BOOK.format(won.timezone))
    contacts = won.outcomes.assign(stage="contacted")
    mqls = olist[0][["lead_id"]].assign(stage="mql", at=olist[0]["created_at"] + "T12:00:00-03:00")
    tables = ls.load_tables(olist[0], None, pd.concat([contacts, mqls]), rulebook=here)
    by_date = response_times(tables, here).excluded["leads"].iloc[0]
    later = won.stages.lead[local % DAY == 0]
    assert by_date == len(np.unique(later)) == 61


def test_labels_of_wins(won):
    found = label(won, stage="won", as_of="2018-01-31", within_days=90)
    days = won.stages.times.days(won.timezone) - np.datetime64("2018-01-31").astype(int)
    before = np.isin(np.arange(8000), won.stages.lead[days <= 0])
    came = pd.to_datetime(won.leads["created_at"].to_pandas()) <= "2018-01-31"
    assert (found.isna().to_numpy() == (before | ~came)).all()
    assert found.sum() == np.sum((days > 0) & (days <= 90) & came.to_numpy()[won.stages.lead])


def test_from_lead_to_application(folder):
    raw = pd.read_csv(folder / "bpi12" / "bpi_12_w.csv")
    steps = raw[raw["ActivityID"].isin([1, 3])]
    outcomes = steps.set_axis(["lead_id", "stage", "at"], axis=1)
    leads = pd.DataFrame({"lead_id": raw["CaseID"].unique()})
    rulebook = ls.Rulebook.from_yaml(BOOK.format("UTC"))
    tables = ls.load_tables(leads, None, outcomes, rulebook=rulebook, stages={1: "mql", 3: "contacted"})
    found = response_times(tables, rulebook)
    # 4,755 cases have their lead handled, 2,515 of them reach an application.
    assert found.frame.loc["(all)", ["n", "contacted", "waiting"]].to_list() == [4755, 2515, 2240]
    assert found.excluded["leads"].sum() == 0
    # Of those that reach it: median 1.9 hours, 90th percentile 14.3, longest 66.9.
    stages = tables.stages
    handled, applied = (
        stages.first(len(leads), stages.times.at, stages.of(name)).astype(float) for name in ("mql", "contacted")
    )
    both = (handled < 1e18) & (applied < 1e18)
    hours = (applied - handled)[both] / 3.6e9
    assert len(hours) == 2515
    assert [round(value, 1) for value in (np.median(hours), hours.mean(), np.quantile(hours, 0.9), hours.max())] == [
        1.9, 4.4, 14.3, 66.9,
    ]  # fmt: skip
    # That is the median of those who got there. Of all whose lead was handled, half wait for most of a day.
    assert round(found.frame.loc["(all)", "median"] / 60, 1) == 18.1
