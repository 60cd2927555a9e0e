"""A new user's first months: what is said to begin on a day does, and not a day sooner."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from leadscore.datasets.funnel import make_funnel
from leadscore.drift.balance.today import balance_today
from leadscore.drift.first_months import first_months
from leadscore.meeting.not_yet import not_yet
from leadscore.sales.facts import Facts

SINCE = dt.date(2026, 1, 5)
DAY = dt.timedelta(1)


@pytest.fixture(scope="module")
def new():
    made = make_funnel(6_000, days=120, end=SINCE + 119 * DAY, random_state=3)
    return made, ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)


@given(st.dates(dt.date(1990, 1, 1), dt.date(2090, 1, 1)), st.integers(1, 91))
def test_it_comes_in_order_and_whole_weeks_are_told(since, days):
    found = first_months(since, period_days=days)
    assert (found.period.day - since).days == days - 1
    assert found.change.day - found.period.day == days * DAY
    assert found.needing.day < found.trend.day < found.verdict.day < found.season.day
    assert found.verdict.day.weekday() == found.season.day.weekday() == 6
    for one in found:
        assert 7 * (one.weeks - 1) < (one.day - since).days + 1 <= 7 * one.weeks


def test_balance_begins_on_the_day_that_is_told(new):
    made, tables = new
    found = first_months(SINCE)
    days = (found.needing.day - DAY, found.needing.day, found.trend.day - DAY, found.trend.day)
    balances = [balance_today(tables, made.rulebook, end=day) for day in days]
    assert [one.needing is not None for one in balances] == [False, True, True, True]
    assert ["takes 11 weeks of history" in one.notes[-1] for one in balances] == [True, True, True, False]


def test_the_drift_monitor_begins_on_the_day_that_is_told():
    made = make_funnel(9_000, days=230, end=SINCE + 229 * DAY, random_state=3)
    tables = ls.load_tables(made.leads, made.events, rulebook=made.rulebook)
    monitor = ls.BalanceMonitor(made.rulebook, reference_weeks=26)
    for cohort in ls.drift.weekly_cohorts(tables, made.rulebook, start=SINCE + 14 * DAY, end="2026-08-16"):
        verdict = monitor.update(*cohort)
        if verdict.state != "learning":
            break
    assert verdict.week + 6 * DAY == first_months(SINCE).verdict.day


@pytest.mark.parametrize(
    ("weeks", "begins"),
    [
        (3, ["Outcomes are known since", "What changed", "Whether more MQLs", "A drift", "A drift"]),
        (5, ["What changed", "Whether more MQLs", "A drift", "A drift"]),
        (9, ["Whether more MQLs", "A drift", "A drift"]),
        (13, ["A drift", "A drift"]),
    ],
)
def test_a_page_says_what_it_cannot_yet_and_from_when_on_it_can(new, weeks, begins):
    made, tables = new
    end = SINCE + 7 * weeks * DAY + 2 * DAY
    facts = Facts.of("review", tables, made.rulebook, start=end - 27 * DAY, end=end, observed_until=end)
    lines = not_yet(facts)
    assert len(lines) == len(begins)
    assert all(line.startswith(begin) for line, begin in zip(lines, begins, strict=True))
    assert lines[-2].endswith("(reference_weeks=26): from 19 July 2026 on, with 28 weeks of history.")
