"""Balance today: counted by hand, what it must not depend on, and how often its trend is false or found."""

import datetime as dt
import importlib.util
from functools import cache
from itertools import chain
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import leadscore as ls
from leadscore.datasets.funnel import make_funnel
from leadscore.drift.balance.power import ALARMS, VOLUMES, alarms
from leadscore.drift.balance.today import balance_today

_FILE = Path(__file__).parents[3] / "benchmarks" / "balance.py"
_SPEC = importlib.util.spec_from_file_location("balance_benchmark", _FILE)
benchmark = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(benchmark)
END = dt.date(2026, 3, 29)
BOOK = ls.Rulebook.from_yaml("""
leadscore: 1
name: demo
fit: [{name: Size, column: size, points: {small: 20, large: 60.3}}]
behaviour: [{name: Visits, event: visit, count: each, points: 10.1}]
qualify: {threshold: 80.5, hand_raise: {event: demo}}
""")


@cache
def made(per_week=400, weeks=30):
    return make_funnel(per_week * weeks, days=7 * weeks, end=END, random_state=3)


def tables_of(funnel, **more):
    return ls.load_tables(funnel.leads, funnel.events, funnel.outcomes, rulebook=funnel.rulebook, **more)


@cache
def stable():
    funnel = made()
    return balance_today(tables_of(funnel), funnel.rulebook, end=END)


def test_it_is_what_counting_day_by_day_gives():
    """Each lead scored by `score` on its own day: the MQLs, what is usual, and who needed more."""
    funnel, found = made(), stable()
    tables = tables_of(funnel)
    created = funnel.leads.set_index("lead_id")["created_at"].dt.date
    mqls = funnel.outcomes[funnel.outcomes["stage"] == "mql"].set_index("lead_id")["at"].dt.date
    first, activity, rows = END - dt.timedelta(83), [], []
    for day in (first + dt.timedelta(number) for number in range(84)):
        scores = ls.score(tables, funnel.rulebook, as_of=day).frame
        if day < first + dt.timedelta(28):
            activity += [*scores.loc[created.index[created == day - dt.timedelta(14)], "behaviour"]]
        handed = scores.loc[mqls.index[mqls == day]]
        rows += [(day, *one) for one in handed[["via", "fit", "threshold"]].itertuples(index=False)]
    assert (found.usual, found.usual_leads) == (np.median(activity), len(activity))
    came = pd.DataFrame(rows, columns=["day", "via", "fit", "threshold"])
    points = came[came["via"] == "score"]
    needing = points["fit"] + found.usual < points["threshold"]
    week = points["day"].map(lambda day: (day - first).days // 7)
    assert found.weeks["mqls"].tolist() == week.value_counts().sort_index().tolist()
    assert found.weeks["needing"].tolist() == needing.groupby(week).sum().tolist()
    lately = came["day"] > END - dt.timedelta(28)
    assert found.hand_raises == (came["via"] == "hand_raise")[lately].sum()
    assert found.below == came["via"].isna()[lately].sum()
    assert (found.mqls, found.needing) == (lately[points.index].sum(), needing[lately].sum())


def test_neither_the_order_of_rows_nor_what_comes_later_changes_it():
    funnel = made()
    shuffled = [frame.sample(frac=1, random_state=5) for frame in (funnel.leads, funnel.events, funnel.outcomes)]
    tables = ls.load_tables(*shuffled, rulebook=funnel.rulebook)
    assert balance_today(tables, funnel.rulebook, end=END).to_json() == stable().to_json()
    early = dt.date(2026, 2, 22)
    cut = pd.Timestamp(early, tz="UTC") + pd.Timedelta(days=1)
    until = [frame[frame["at"] < cut] for frame in (funnel.events, funnel.outcomes)]
    before = ls.load_tables(funnel.leads, *until, rulebook=funnel.rulebook, observed_until=early)
    seen = [balance_today(one, funnel.rulebook, end=early, observed_until=early) for one in (before, tables)]
    assert seen[0].to_json() == seen[1].to_json()


@pytest.mark.parametrize("usual", [-5, 0, 5, 20, 1000])
def test_the_more_is_usual_the_fewer_needed_more(usual):
    funnel = made()
    less, more = (balance_today(tables_of(funnel), funnel.rulebook, end=END, usual=usual + by) for by in (0, 3))
    assert (less.weeks["needing"] >= more.weeks["needing"]).all()
    assert less.usual_leads is None
    assert f"Usual activity is {usual} points, as agreed or given" in less.notes[1]
    if usual == 1000:
        assert less.needing == 0


def lead(number, came, mql, visits, size="large", *more):
    """A lead, its visits the day before it came to sales, and its outcomes; days are counted back from the end."""
    name = f"l{number}"
    created, handed = (END - dt.timedelta(days) for days in (came, mql))
    row = {"lead_id": name, "created_at": created, "size": size}
    events = [{"lead_id": name, "event": "visit", "at": handed - dt.timedelta(1)}] * visits
    outcomes = [
        {"lead_id": name, "stage": stage, "at": END - dt.timedelta(days)} for stage, days in (("mql", mql), *more)
    ]
    return row, events, outcomes


def balance(leads, **more):
    """The balance of some leads beside forty of eleven weeks ago, who have one visit each by their 14th day."""
    crowd = [
        ({"lead_id": f"c{n}", "created_at": END - dt.timedelta(95), "size": "small"},
         [{"lead_id": f"c{n}", "event": "visit", "at": END - dt.timedelta(95)}], [])
        for n in range(40)
    ]  # fmt: skip
    rows, events, outcomes = zip(*crowd, *leads, strict=True)
    frames = [pd.DataFrame(list(rows)), *(pd.DataFrame([*chain(*parts)]) for parts in (events, outcomes))]
    tables = ls.load_tables(*frames, rulebook=BOOK, observed_until=END)
    return balance_today(tables, BOOK, end=END, **more)


def test_who_meets_the_threshold_to_the_digit_needed_nothing_unusual():
    """60.3 points and two visits of 10.1 are 80.5 to the digit, which one visit, as usual, is not."""
    found = balance([lead(1, 30, 10, 2), lead(2, 30, 10, 3)])
    assert (found.mqls, found.needing, found.usual) == (2, 2, 10.1)
    assert balance([lead(1, 30, 10, 2)], usual=20.2).needing == 0
    assert balance([lead(1, 30, 10, 2)], usual=20.199).needing == 1


def test_hand_raises_and_leads_below_their_threshold_are_counted_apart():
    asked = lead(1, 30, 10, 5)
    asked[1].append({"lead_id": "l1", "event": "demo", "at": END - dt.timedelta(10)})
    found = balance([asked, lead(2, 30, 10, 0), lead(3, 30, 10, 4)])
    assert (found.mqls, found.hand_raises, found.below) == (1, 1, 1)


def test_a_lead_that_comes_twice_in_four_weeks_counts_once():
    once = balance([lead(1, 60, 20, 4, "large")])
    twice = balance([lead(1, 60, 20, 4, "large", ("recycled", 15), ("mql", 10))])
    again = balance([lead(1, 60, 50, 4, "large", ("recycled", 45), ("mql", 10))])
    assert [one.weeks["mqls"].sum() for one in (once, twice, again)] == [1, 1, 2]


def test_what_sales_has_not_decided_is_no_refusal():
    said = [lead(1, 60, 20, 4, "large", ("sal", 15)), lead(2, 60, 20, 4), lead(3, 60, 20, 4, "large", ("rejected", 9))]
    found = balance(said).acceptance
    assert found.loc["needed unusual activity", ["accepted", "decided"]].tolist() == [1, 2]
    assert np.isnan(found["change"].iloc[0])


def test_what_leads_did_before_there_were_events_is_not_taken_for_nothing():
    """Leads are known for a year, events for ten weeks: those that came before are no measure of what is usual."""
    first = {"lead_id": "o1", "event": "visit", "at": END - dt.timedelta(69)}
    old = [({"lead_id": f"o{n}", "created_at": END - dt.timedelta(72), "size": "small"}, [], []) for n in range(200)]
    new = [lead(n, 67, 60, 2) for n in range(40)]
    rows, events, outcomes = zip(*old, *new, strict=True)
    tables = ls.load_tables(
        pd.DataFrame(list(rows)),
        pd.DataFrame([first, *chain(*events)]),
        pd.DataFrame([*chain(*outcomes)]),
        rulebook=BOOK,
        observed_until=END,
    )
    found = balance_today(tables, BOOK, end=END)
    assert (found.usual, found.usual_leads) == (20.2, 40)


@pytest.mark.parametrize(("weeks", "known", "trend"), [(4, False, 7), (7, False, 4), (8, True, 3), (11, True, 0)])
def test_what_can_be_said_in_the_first_weeks(weeks, known, trend):
    funnel = made(per_week=400, weeks=weeks)
    found = balance_today(tables_of(funnel), funnel.rulebook, end=END)
    assert found.history_weeks == weeks
    assert (found.needing is not None) is known
    assert found.weeks["share"].isna().all() == (not known)
    assert len(found.trend) == (not trend)
    if trend:
        assert f"A trend can be looked for in {trend} weeks: it takes 11 weeks of history." in found.notes
    if not known:
        assert found.headline.endswith("which activity is usual is not known yet.")


def test_the_trend_of_all_leads_is_of_the_gap_that_the_monitor_watches():
    """Against least squares by hand on weekly means of `weekly_cohorts`."""
    funnel, found = made(), stable()
    first = END - dt.timedelta(83)
    cohorts = [one.scores for one in ls.drift.weekly_cohorts(tables_of(funnel), funnel.rulebook, start=first, end=END)]
    spread = pd.concat(cohorts)[["fit", "behaviour"]].std()
    means = pd.DataFrame([one[["fit", "behaviour"]].mean() for one in cohorts])
    gap, n = (means / spread) @ [-1, 1], [len(one) for one in cohorts]
    assert found.weeks["leads"].tolist() == n
    assert found.weeks[["fit", "behaviour"]].to_numpy() == pytest.approx(means.to_numpy())
    for name, values in (("behaviour", means["behaviour"]), ("fit", means["fit"]), ("gap", gap)):
        slope = np.polyfit(np.arange(12), values, 1, w=np.sqrt(n))[0]
        assert found.leads_trend.loc[name, "change"] == pytest.approx(4 * slope)


def test_too_few_are_no_trend():
    funnel = made(per_week=40)
    found = balance_today(tables_of(funnel), funnel.rulebook, end=END)
    assert not len(found.trend)
    assert "Too few MQLs by points for a trend" in found.notes[-1]
    assert "%" not in found.headline


def test_bad_arguments_are_refused():
    tables = tables_of(made())
    with pytest.raises(ls.ArgumentError, match="1 problem in end\n  must not come after 2026-03-29"):
        balance_today(tables, made().rulebook, end="2026-04-30")
    with pytest.raises(ls.ArgumentError, match="usual: must be a number; got 'x'"):
        balance_today(tables, made().rulebook, end=END, usual="x")
    undated = ls.load_tables(made().leads.drop(columns="created_at"), made().events, made().outcomes)
    with pytest.raises(ls.ArgumentError, match="created_at"):
        balance_today(undated, made().rulebook, end=END)


def test_the_rates_that_are_printed_lie_between_those_simulated():
    for cell, rows in ALARMS.items():
        for weeks, row in zip((8, 12), rows, strict=True):
            assert [alarms(cell, volume, weeks) for volume in VOLUMES] == pytest.approx(row)
        assert min(row[2:4]) <= alarms(cell, 90, 12) <= max(row[2:4])
        assert alarms(cell, 1, 12) == pytest.approx(row[0])


def run(scenario, seed, per_week=900):
    made.cache_clear()
    funnel = made(scenario, per_week, 26, seed)
    return balance_today(tables_of(funnel), funnel.rulebook, end=END)


def test_the_agreed_mark_is_used_unless_another_is_given():
    funnel = made(per_week=150)
    book = ls.Rulebook.from_dict(funnel.rulebook.to_dict() | {"agreement": {"shared": {"usual_activity": 12}}})
    tables = tables_of(funnel)
    agreed, given = balance_today(tables, book, end=END), balance_today(tables, funnel.rulebook, end=END, usual=12)
    assert (agreed.usual, agreed.needing) == (12, given.needing)
    assert balance_today(tables, book, end=END, usual=4).usual == 4


def test_the_agreed_limit_is_tested_exactly():
    """Against the binomial counted out; a limit of all can only be kept."""
    funnel = made(per_week=150)
    for limit in (0.3, 0.6, 1):
        book = ls.Rulebook.from_dict(
            funnel.rulebook.to_dict() | {"agreement": {"shared": {"needing_activity_at_most": limit}}}
        )
        found = balance_today(tables_of(funnel), book, end=END)
        chances = [comb(found.mqls, k) * limit**k * (1 - limit) ** (found.mqls - k) for k in range(found.mqls + 1)]
        as_rare = sum(one for one in chances if one <= chances[found.needing] * (1 + 1e-9))
        assert (found.agreed, found.p_agreed) == (limit, pytest.approx(as_rare))
    assert np.isnan(stable().p_agreed)
    assert stable().agreed is None


def seen(seed, scenario, days):
    """Whether a trend is seen, at 5 %, of some 45 MQLs by points a week."""
    start = None if scenario == "stable" else END - dt.timedelta(days - 1)
    funnel = make_funnel(900 * 26, days=7 * 26, end=END, random_state=seed, scenario=scenario, scenario_start=start)
    return balance_today(tables_of(funnel), funnel.rulebook, end=END).trend["p"].iloc[0] <= 0.05


@pytest.mark.slow
def test_a_planted_drift_is_found_as_often_as_is_printed():
    """Half as much activity again, six weeks ago, lifts the share by 10 points; a step is steeper than a line."""
    found = sum(seen(seed, "activity x1.50", 42) for seed in range(20)) / 20
    assert alarms("rise of 10 points", 45, 12) - 0.1 <= found <= alarms("rise of 20 points", 45, 12) + 0.1


@pytest.mark.slow
def test_stable_funnels_alarm_as_often_as_is_printed():
    assert sum(seen(seed, "stable", 0) for seed in range(100, 130)) <= 5


@pytest.mark.slow
@pytest.mark.parametrize("cell", ALARMS)
def test_the_table_of_rates_is_what_simulation_gives(cell):
    """300 runs of 12 weeks, two volumes: within four standard errors."""
    for volume in (25, 300):
        rate = benchmark.alarms(np.random.default_rng(5), cell, 12, volume, 300)
        told = alarms(cell, volume, 12)
        assert rate == pytest.approx(told, abs=4 * np.sqrt(told * (1 - told) / 300) + 0.01)
