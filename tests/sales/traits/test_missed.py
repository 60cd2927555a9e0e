"""Accepted leads that the score missed, and won against lost deals: counts by hand, planted truths, simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, fisher_exact

import leadscore as ls
from leadscore.sales.traits.missed import missed
from leadscore.sales.traits.won_lost import won_lost

BOOK = ls.Rulebook.from_yaml(
    "{leadscore: 1, name: x, fit: [{name: Fit, column: fit, points: {good: 10}}],"
    " behaviour: [{name: Visit, event: visit, points: 5}], qualify: {threshold: 10, hand_raise: {event: demo},"
    " never: [{name: Rival, when: {domain: rival.example}}]}}"
)
PERIOD = {"start": "2026-03-02", "end": "2026-03-29"}


def frames(n, *, seed=0):
    """Leads below, all decided: half of the even ones are accepted, whatever they are."""
    rng = np.random.default_rng(seed)
    ids = [f"l{number}" for number in range(n)]
    leads = pd.DataFrame({"lead_id": ids, "fit": "poor", "domain": "a.example", "kind": rng.choice(["a", "b"], n)})
    came = pd.Timestamp("2026-03-03") + pd.to_timedelta(rng.integers(0, 20, n), unit="D")
    mql = pd.DataFrame({"lead_id": ids, "stage": "mql", "at": came})
    said = mql.assign(stage=np.where(rng.random(n) < 0.5, "sal", "rejected"), at=came + pd.Timedelta(1, "D"))
    return leads, mql, said


def tables_of(leads, *outcomes, events=None, until="2026-03-31"):
    return ls.load_tables(leads, events, pd.concat(outcomes), observed_until=until)


# ---------------------------------------------------------------------------------------------------------- who counts


def test_counts_are_those_of_a_reader_of_the_tables():
    leads, mql, said = frames(80)
    found = missed(tables_of(leads, mql, said), BOOK, **PERIOD)
    rows = leads.merge(said, on="lead_id").assign(accepted=lambda frame: frame["stage"] == "sal")
    with_a = rows[rows["kind"] == "a"]
    row = found.frame.iloc[0]
    assert row["trait"] == "Kind: a"
    assert row[["accepted", "n"]].tolist() == [with_a["accepted"].sum(), len(with_a)]
    assert found.shares.loc["below", ["n", "accepted"]].tolist() == [80, rows["accepted"].sum()]
    table = pd.crosstab(rows["kind"], rows["accepted"])
    assert row["p"] == pytest.approx(fisher_exact(table).pvalue)
    first = f"Sales accepted {rows['accepted'].sum()} of 80 leads below the bar"
    assert found.headline == f"{first}; the one trait tested does not set them apart."


@pytest.mark.parametrize(
    ("change", "n"),
    [
        ({}, 80),
        ({"fit": "good"}, 79),
        ({"domain": "rival.example"}, 79),
    ],
)
def test_only_leads_below_that_may_qualify_count(change, n):
    leads, mql, said = frames(80)
    for name, value in change.items():
        leads.loc[0, name] = value
    assert missed(tables_of(leads, mql, said), BOOK, **PERIOD).shares.loc["below", "n"] == n


def test_a_hand_raise_is_no_lead_that_was_missed():
    leads, mql, said = frames(80)
    events = pd.DataFrame({"lead_id": ["l0"], "event": "demo", "at": mql["at"][:1]})
    assert missed(tables_of(leads, mql, said, events=events), BOOK, **PERIOD).shares.loc["below", "n"] == 79


def test_undecided_leads_are_on_neither_side():
    leads, mql, said = frames(80)
    found = missed(tables_of(leads, mql, said.iloc[10:]), BOOK, **PERIOD)
    assert (found.shares.loc["below", "n"], found.undecided) == (70, 10)


def test_leads_that_came_more_than_twelve_weeks_before_do_not_count():
    leads, mql, said = frames(80)
    mql.loc[0, "at"], said.loc[0, "at"] = pd.Timestamp("2026-01-05"), pd.Timestamp("2026-01-06")
    assert missed(tables_of(leads, mql, said), BOOK, **PERIOD).shares.loc["below", "n"] == 80
    mql.loc[0, "at"] = pd.Timestamp("2026-01-04")
    assert missed(tables_of(leads, mql, said), BOOK, **PERIOD).shares.loc["below", "n"] == 79


def test_without_refusals_nothing_is_said():
    leads, mql, said = frames(80)
    found = missed(tables_of(leads, mql, said.assign(stage="sal")), BOOK, **PERIOD)
    assert found.headline.endswith("no refusal is recorded, so no share is known.")
    assert not len(found.frame)
    assert found.shares["share"].isna().all()


def test_few_leads_give_a_count_and_no_claim():
    leads, mql, said = frames(20)
    found = missed(tables_of(leads, mql, said), BOOK, **PERIOD)
    assert not len(found.frame)
    assert "of 20 leads below the bar; there are too few to compare their traits" in found.headline
    none = missed(tables_of(leads, mql.head(0), said.head(1).assign(stage="lead")), BOOK, **PERIOD)
    assert none.headline == "Sales decided on no lead below the bar that came from 2026-01-05 to 2026-03-29."


# ------------------------------------------------------------------------------------------------------------- planted


@pytest.mark.slow
def test_a_missed_trait_is_named():
    company = ls.datasets.make_company(35_000, random_state=1, planted=["missed trait"])
    tables = ls.load_tables(company.leads, company.events, company.outcomes)
    found = missed(tables, company.rulebook, **PERIOD)
    assert found.frame["trait"][0] == "Industry: Health"
    assert found.frame["q"][0] < 0.001
    assert "more often with Industry: Health" in found.headline
    # The order of the rows decides nothing.
    shuffled = [frame.sample(frac=1, random_state=0) for frame in (company.leads, company.events, company.outcomes)]
    again = missed(ls.load_tables(*shuffled), company.rulebook, **PERIOD)
    assert again.to_json() == found.to_json()


# -------------------------------------------------------------------------------------------------------- won and lost

DAYS = 420
START = np.datetime64("2025-02-01")


def deals(seed, n=800):
    """Deals of which two in five are won; half of them are lost soon and won late, ever more are opened."""
    rng = np.random.default_rng(seed)
    opened, slow, won = np.sqrt(rng.random(n)) * DAYS, rng.random(n) < 0.5, rng.random(n) < 0.4
    closed = opened + 1 + np.where(slow, np.where(won, 80, 10), 35) * np.exp(rng.normal(0, 0.7, n))
    ids = np.arange(n)
    stage = np.where(won, "won", "lost")

    def rows(stage, day):
        return pd.DataFrame({"lead_id": ids, "stage": stage, "at": pd.to_datetime(START) + pd.to_timedelta(day, "D")})

    leads = pd.DataFrame({"lead_id": ids, "kind": np.where(slow, "slow", "even")})
    leads = leads.assign(fit="poor", domain="a.example")
    outcomes = [rows("opportunity", opened), rows(stage, closed)[closed < DAYS]]
    return leads, outcomes, slow, won, opened, closed


@pytest.mark.slow
def test_fast_losses_make_no_difference():
    """Of all deals closed in a year, the slow ones would seem to be lost more often."""
    last = START + DAYS - 1
    found, careless = 0, 0
    for seed in range(60):
        leads, outcomes, slow, won, _, closed = deals(seed)
        result = won_lost(tables_of(leads, *outcomes, until=str(last)), BOOK, start=str(last - 27), end=str(last))
        found += result.frame["p"][0] <= 0.05
        inside = (closed < DAYS) & (closed > DAYS - 365)
        careless += fisher_exact(pd.crosstab(slow[inside], won[inside])).pvalue <= 0.05
    assert found <= binom.ppf(0.999, 60, 0.07)
    assert careless > 30


def test_deals_count_that_are_old_enough_and_closed():
    leads, outcomes, _, won, opened, closed = deals(3)
    last = START + DAYS - 1
    result = won_lost(tables_of(leads, *outcomes, until=str(last)), BOOK, start=str(last - 27), end=str(last))
    end = DAYS - 1 - result.closed_within
    old = (np.floor(opened) > end - 365) & (np.floor(opened) <= end)
    assert (result.won, result.lost) == ((old & won & (closed < DAYS)).sum(), (old & ~won & (closed < DAYS)).sum())
    assert result.open == (old & (closed >= DAYS)).sum()
    assert str(result.end) == str(START + end)
    row = result.frame.iloc[0]
    assert row["n"] + row["n_without"] == result.won + result.lost


def test_a_deal_of_several_leads_is_one():
    leads, outcomes, _, _, _, _ = deals(4)
    last = str(START + DAYS - 1)
    period = {"start": last, "end": last}
    by_lead = won_lost(tables_of(leads, *outcomes, until=last), BOOK, **period)
    numbered = [frame.assign(deal_id=[f"D{lead}" for lead in frame["lead_id"]]) for frame in outcomes]
    alone = won_lost(tables_of(leads, *numbered, until=last), BOOK, **period)
    assert alone.to_json() == by_lead.to_json()
    # A second contact at each deal makes no other deal.
    more = leads.assign(lead_id=leads["lead_id"] + 1000)
    twice = [pd.concat([frame, frame.assign(lead_id=frame["lead_id"] + 1000)]) for frame in numbered]
    both = won_lost(tables_of(pd.concat([leads, more]), *twice, until=last), BOOK, **period)
    assert (both.won, both.lost, both.open) == (alone.won, alone.lost, alone.open)
    assert both.frame["n"].tolist() == alone.frame["n"].tolist()


def test_below_thirty_of_each_nothing_is_claimed():
    leads, outcomes, *_ = deals(5, n=100)
    last = str(START + DAYS - 1)
    found = won_lost(tables_of(leads, *outcomes, until=last), BOOK, start=last, end=last)
    assert min(found.won, found.lost) < 30
    assert found.frame[["p", "q"]].isna().all(axis=None)
    assert found.headline.endswith("too few deals have closed to compare traits.")
    none = won_lost(tables_of(leads, outcomes[0], until=last), BOOK, start=last, end=last)
    assert none.headline == "No deal has closed that was opened long enough ago to compare won with lost."


def test_a_field_filled_in_on_winning_is_no_trait_of_won_deals():
    leads, outcomes, _, won, _, closed = deals(6)
    last = str(START + DAYS - 1)
    at = pd.to_datetime(START) + pd.to_timedelta(closed, "D")
    first = leads.assign(kind="x", contract=None, valid_from=pd.Timestamp("2025-01-01"))
    later = first.assign(contract="signed", valid_from=at)[won & (closed < DAYS)]
    told = won_lost(tables_of(pd.concat([first, later]), *outcomes, until=last), BOOK, start=last, end=last)
    assert not len(told.frame)
    now = leads.assign(contract=np.where(won & (closed < DAYS), "signed", None))
    fooled = won_lost(tables_of(now, *outcomes, until=last), BOOK, start=last, end=last)
    assert fooled.frame["trait"][0].startswith("Contract: ")
    assert any("today's values" in note for note in fooled.notes)
