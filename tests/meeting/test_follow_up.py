"""What became of decisions: each figure against a count of the raw rows, each state against a case made for it."""

import datetime as dt
from functools import cache

import pandas as pd
import pytest

import leadscore as ls
from leadscore.datasets import make_company
from leadscore.meeting.decisions import Decisions
from leadscore.meeting.follow_up import followed
from leadscore.sales.facts import Facts

START, END = pd.Timestamp("2026-03-02", tz="UTC"), pd.Timestamp("2026-03-30", tz="UTC")
BEFORE = START - pd.Timedelta(28, "D")


@cache
def world():
    made = make_company(20_000, random_state=11, planted=["late team", "unfilled field"])
    tables = ls.load_tables(
        made.leads, made.events, made.outcomes, rulebook=made.rulebook, columns=None, observed_until="2026-03-31"
    )
    return made, Facts.of("test", tables, made.rulebook, start="2026-03-02", end="2026-03-29")


def follow(check, agreed_on="2026-03-02"):
    text = f"- {{id: D-01, agreed_on: {agreed_on}, decision: x, check: {check}}}"
    return followed(world()[1], Decisions.from_yaml(text).decisions[0])


@cache
def mqls(start, end):
    """One row per MQL of the days, from the raw rows."""
    made, _ = world()
    stages = made.outcomes.pivot_table(index="lead_id", columns="stage", values="at", aggfunc="min")
    reason = made.outcomes[made.outcomes["stage"] == "rejected"].set_index("lead_id")["reason"]
    rows = stages.join(reason).join(made.leads.set_index("lead_id"))
    return rows[(rows["mql"] >= start) & (rows["mql"] < end)]


def counts(figure, rows):
    decision = rows["sal"].fillna(rows["rejected"])
    wait = (rows["contacted"] - rows["mql"]).dt.total_seconds() / 60
    return {
        "accepted": (rows["sal"].notna().sum(), decision.notna().sum()),
        "reason_with_refusal": (rows["reason"].notna().sum(), rows["rejected"].notna().sum()),
        "filled": (rows["employees"].notna().sum(), len(rows)),
        "persona": ((rows["seniority"] == "VP").sum(), len(rows)),
        "responded_within": ((wait <= 60).sum(), len(rows)),
        "decided_within": (
            (decision.dt.normalize() - rows["mql"].dt.normalize() <= pd.Timedelta(2, "D"))[
                rows["mql"] < pd.Timestamp("2026-03-30", tz="UTC")
            ].sum(),
            len(rows),
        ),
    }[figure]


CHECKS = {
    "accepted": "{figure: accepted, at_least: 1}",
    "reason_with_refusal": "{figure: reason_with_refusal, at_least: 1}",
    "filled": "{figure: filled, column: employees, at_least: 1}",
    "persona": "{figure: persona, persona: VP, at_least: 1}",
    "responded_within": "{figure: responded_within, minutes: 60, at_least: 1}",
    "decided_within": "{figure: decided_within, days: 2, at_least: 1}",
}


@pytest.mark.parametrize("figure", CHECKS)
def test_a_figure_is_that_of_the_raw_rows_now_and_before(figure):
    found = follow(CHECKS[figure])
    for measured, start, end in ((found.now, START, END), (found.before, BEFORE, START)):
        count, n = counts(figure, mqls(start, end))
        assert (measured.count, measured.n) == (count, n)
        assert measured.value == pytest.approx(count / n)
        assert measured.low < measured.value < measured.high


def test_mqls_are_counted_by_the_week_and_below_the_bar_by_route():
    found = follow("{figure: mqls_per_week, at_least: 1}")
    assert found.now.value == len(mqls(START, END)) / 4
    routes = ls.sales.routes(world()[1].tables, world()[0].rulebook, start="2026-03-02", end="2026-03-29").frame
    below = follow("{figure: below_the_bar, at_most: 0.1}").now
    assert below.count == routes.loc["below the bar", "mqls"]


def test_balance_today_is_a_figure():
    _, facts = world()
    found = follow("{figure: needing_activity, at_most: 0.1}")
    today = ls.drift.balance_today(facts.tables, facts.rulebook, end="2026-03-29")
    assert (found.now.count, found.now.n) == (today.needing, today.mqls)


def test_each_state_has_its_case():
    assert follow("{figure: accepted, at_least: 0.1}").state == "reached"
    assert follow("{figure: accepted, at_most: 0.9}").state == "reached"
    assert follow("{figure: accepted, at_least: 0.99}").state == "not moving"
    assert follow("{figure: accepted, at_least: 0.99, by: 2026-03-29}").state == "due"
    assert follow("{figure: accepted, at_least: 0.99, by: 2026-03-30}").state == "not moving"
    # Fewer fields are filled since the period began: that is the way, if it is what was wanted.
    assert follow("{figure: filled, column: employees, at_most: 0.1}").state == "moving"
    assert follow("{figure: filled, column: employees, at_least: 0.99}").state == "not moving"
    assert follow("{figure: accepted, at_least: 0.1}", agreed_on="2026-03-30").state == "not measurable"
    assert follow("{figure: filled, column: employes, at_least: 0.9}").why == (
        "there is no lead column 'employes'; did you mean 'employees'?"
    )
    assert follow("{figure: persona, persona: Vp, at_least: 0.9}").why.startswith("the rulebook has no persona 'Vp'")


def test_a_note_is_not_judged():
    text = "- {id: D-01, agreed_on: 2026-03-02, decision: x, note: see how it goes}"
    assert followed(world()[1], Decisions.from_yaml(text).decisions[0]).state == "not judged"


def test_before_is_the_time_before_it_was_agreed_not_the_period_before():
    found = follow("{figure: accepted, at_least: 0.99}", agreed_on="2026-01-05")
    start = pd.Timestamp(dt.date(2026, 1, 5) - dt.timedelta(28), tz="UTC")
    count, n = counts("accepted", mqls(start, start + pd.Timedelta(28, "D")))
    assert (found.before.count, found.before.n) == (count, n)
