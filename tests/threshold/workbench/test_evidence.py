"""For how many leads each worked one stands, and whether the shares hold: against planted truth."""

import numpy as np
import pandas as pd
import pytest

import leadscore as ls
from leadscore.base.days import day_number
from leadscore.threshold.workbench.board import board_of
from leadscore.threshold.workbench.evidence import Evidence, HandOvers
from leadscore.threshold.workbench.heights import Heights, Stood
from leadscore.threshold.workbench.sentences import Tried

BOOK = ls.Rulebook.from_yaml(
    """
leadscore: 1
name: test
fit: [{name: Size, column: size, from: {0: 0, 10: 10, 20: 20}}]
qualify: {threshold: 20}
"""
)
LAST = "2026-06-28"


def tables_of(sizes, outcomes, came="2026-03-02", young=0):
    """Leads of these sizes, all there from a day on but the last, and what became of some, by their place."""
    ids = [f"l{place}" for place in range(len(sizes))]
    created = [pd.Timestamp("2026-02-02")] * (len(sizes) - young) + [pd.Timestamp("2026-06-20")] * young
    leads = pd.DataFrame({"lead_id": ids, "size": sizes, "created_at": created})
    rows = []
    for place, reached in outcomes.items():
        stages = ["mql"] if reached is None else ["mql", "contacted", *(["opportunity"] if reached else [])]
        rows += [(ids[place], stage, pd.Timestamp(came) + pd.Timedelta(days=day)) for day, stage in enumerate(stages)]
    frame = pd.DataFrame(rows, columns=["lead_id", "stage", "at"])
    return ls.load_tables(leads, None, frame, rulebook=BOOK, columns=["size"], observed_until=LAST)


def evidence_of(tables):
    period = day_number(pd.Timestamp(LAST).date()) - 90, day_number(pd.Timestamp(LAST).date())
    hand_overs = HandOvers.of(tables, "opportunity", within_days=30, until=period[1], held_back_weeks=0)
    heights = Heights(tables, BOOK, period, hand_overs.worked.came, hand_overs.handed)
    return Evidence.of(tables, hand_overs, heights), heights


def test_a_worked_lead_stands_for_those_like_it_that_were_not():
    # 20 leads above the bar, of whom sales works 10; 100 below it, of whom sales takes 10, all worked.
    sizes = [25] * 20 + [15] * 100
    outcomes = {place: (place % 2 == 0 if place < 10 else None) for place in range(20)}
    outcomes |= {place: place % 10 == 0 for place in range(20, 30)}
    evidence, heights = evidence_of(tables_of(sizes, outcomes))
    weights = dict(zip(evidence.hand_overs.worked.lead.tolist(), evidence.weight.tolist(), strict=True))
    assert {weights[place] for place in range(10)} == {2}
    assert {weights[place] for place in range(20, 30)} == {10}
    board = board_of(heights, heights, evidence, np.array([0.0, 10, 20]))
    at = lambda bar: board.share(board.place([bar]), board.nowhere())  # noqa: E731
    # Above the bar 5 of 10; at 10 points (10 x 2 x 5/10 + 10 x 10 x 1/10) of 120.
    assert (at(20).value, at(20).n, at(20).reached) == (0.5, 10, 5)
    assert at(10).value == pytest.approx(20 / 120)
    assert at(10).n == 20
    # Counted plainly it would be 6 of 20.
    assert at(10).value < 0.3


def test_leads_that_sales_had_no_time_to_get_yet_are_none_that_it_left_out():
    # Sales took those below the bar four weeks after they came; 60 more came a week before the last day.
    sizes = [25] * 20 + [15] * 160
    outcomes = dict.fromkeys(range(20), True) | dict.fromkeys(range(20, 30), False)
    evidence, _ = evidence_of(tables_of(sizes, outcomes, young=60))
    weights = dict(zip(evidence.hand_overs.worked.lead.tolist(), evidence.weight.tolist(), strict=True))
    assert {weights[place] for place in range(20, 30)} == {10}
    twin, _ = evidence_of(tables_of(sizes, outcomes))
    assert set(twin.weight.tolist()) == {1, 16}


def test_nobody_knows_where_hardly_any_was_worked():
    sizes = [25] * 20 + [15] * 100
    outcomes = {place: place % 2 == 0 for place in range(20)} | dict.fromkeys(range(20, 27), False)
    evidence, heights = evidence_of(tables_of(sizes, outcomes))
    board = board_of(heights, heights, evidence, np.array([0.0, 10, 20]))
    assert board.share(board.place([20]), board.nowhere()).unknown == 0
    assert board.share(board.place([10]), board.nowhere()).unknown == pytest.approx(100 / 120)
    tried = Tried(board, board, board.place([20]), board.place([10]), "Threshold 20 → 10", "opportunity", None, None)
    said = tried.sentence()
    assert "Of those who would come in, 100 % have scores at which fewer than 8 leads were ever worked: nobody" in said
    assert "Pass some on at random for a few weeks: ls.threshold.holdout_sample." in said
    assert "bring" not in said
    # The twin: one lead more that sales worked.
    evidence, heights = evidence_of(tables_of(sizes, outcomes | {27: False}))
    board = board_of(heights, heights, evidence, np.array([0.0, 10, 20]))
    assert board.share(board.place([10]), board.nowhere()).unknown == 0


VISITS = ls.Rulebook.from_yaml(
    """
leadscore: 1
name: visits
behaviour: [{name: Visit, event: visit, points: 10, count: each, within_days: 30}]
qualify: {threshold: 20}
"""
)


def visited(late):
    """30 leads come and visit twice on one day and are worked so many days later; 10 more are worked before a visit."""
    ids = [f"l{place}" for place in range(60)]
    leads = pd.DataFrame({"lead_id": ids, "created_at": pd.Timestamp("2026-02-20")})
    visits = [(one, "visit", pd.Timestamp("2026-03-02")) for one in ids[:30] * 2]
    visits += [(one, "visit", pd.Timestamp("2026-03-12")) for one in ids[30:]]
    rows = [(one, pd.Timestamp("2026-03-02") + pd.Timedelta(days=late)) for one in ids[:30]]
    rows += [(one, pd.Timestamp("2026-02-22")) for one in ids[30:40]]
    outcomes = [(one, stage, at) for one, at in rows for stage in ("mql", "contacted")]
    tables = ls.load_tables(
        leads,
        pd.DataFrame(visits, columns=["lead_id", "event", "at"]),
        pd.DataFrame(outcomes, columns=["lead_id", "stage", "at"]),
        rulebook=VISITS,
        observed_until=LAST,
    )
    period = day_number(pd.Timestamp(LAST).date()) - 90, day_number(pd.Timestamp(LAST).date())
    hand_overs = HandOvers.of(tables, "opportunity", within_days=30, until=period[1], held_back_weeks=0)
    heights = Heights(tables, VISITS, period, hand_overs.worked.came, hand_overs.handed)
    return Evidence.of(tables, hand_overs, heights), heights, tables


@pytest.mark.parametrize(("late", "at_once"), [(0, True), (3, False)])
def test_where_sales_gets_leads_at_once_one_below_the_bar_counts_at_its_best(late, at_once):
    evidence, heights, _ = visited(late)
    assert (evidence.at_once, evidence.share_got) == (at_once, float(at_once))
    stood = evidence.counts_as(heights, heights)
    bars = dict(zip(stood.lead.tolist(), stood.highest_bar.tolist(), strict=True))
    assert {bars[lead] for lead in range(30)} == {20_000}
    # Before its visit it had no points; at a lower bar sales would have got it on the day of the visit.
    assert {bars[lead] for lead in range(30, 40)} == {10_000 if at_once else 0}


def test_a_rulebook_by_which_nobody_qualifies_has_no_best_day():
    evidence, heights, tables = visited(0)
    never = VISITS.edited({"qualify.never": [{"name": "all", "event": "visit"}], "qualify.minimum_behaviour": 10})
    worked = evidence.hand_overs.worked
    other = Heights(tables, never, heights.period, worked.came, evidence.hand_overs.handed)
    assert len(other.best.lead) == 0
    assert (evidence.counts_as(other, heights).highest_bar < 0).all()


def test_two_choices_of_the_same_leads_are_paired():
    evidence, heights = evidence_of(tables_of([25] * 40, {place: place < 10 for place in range(40)}))
    everyone, few = np.ones(40, bool), np.arange(40) < 20
    assert evidence.apart(everyone, everyone) == 0
    assert np.isnan(evidence.apart(everyone, ~everyone))
    # 10 of 20 beside 10 of 40: by hand, leads in both count once.
    parts = np.where(few, ((np.arange(40) < 10) - 0.5) / 20, 0) - ((np.arange(40) < 10) - 0.25) / 40
    assert evidence.apart(few, everyone) == pytest.approx(0.25 / np.sqrt((parts**2).sum()))
    assert evidence.apart(few, everyone) == -evidence.apart(everyone, few)
    assert isinstance(heights.today, Stood)


def planted(seed, n_leads=20_000):
    """Shares of a made-up funnel at three bars, and what was planted for the leads looked at, worked or not."""
    made = ls.datasets.make_funnel(n_leads, random_state=seed)
    tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    workbench = ls.explore(tables, made.rulebook, end="2026-03-29", stage="opportunity", within_days=45)
    hand_overs = HandOvers.of(
        tables, "opportunity", within_days=45, until=day_number(pd.Timestamp("2026-03-29").date()), held_back_weeks=4
    )
    worked = hand_overs.worked
    truth = made.truth
    day = truth["day"].to_numpy("datetime64[D]").astype(int)
    seen = truth["day"].notna().to_numpy() & (day >= worked.day.min()) & (day < hand_overs.held_from)
    looked = np.flatnonzero(seen)
    period = day_number(pd.Timestamp("2026-03-29").date()) - 90, day_number(pd.Timestamp("2026-03-29").date())
    heights = Heights(tables, made.rulebook, period, np.where(seen, day, 2**40), looked)
    chance = truth["chance"].to_numpy()
    closed = worked.day < hand_overs.held_from
    above = heights.got.qualifies(heights.now)[np.searchsorted(looked, worked.lead[closed])]
    reached = worked.reached[closed][above].sum(), chance[worked.lead[closed]][above].sum()
    rows = []
    for bar in (60, 50, 40):
        tried = workbench.at(threshold=bar)
        passed = heights.got.qualifies(np.array([80_000, bar * 1000]))
        counted = worked.reached[closed][passed[np.searchsorted(looked, worked.lead[closed])]].mean()
        rows.append((bar, *tried.share, counted, chance[looked][passed].mean(), *reached))
    return rows


@pytest.mark.slow
def test_shares_against_planted_truth_on_forty_funnels():
    """Of all leads looked at, worked or not: the planted chance, times what of it comes true in 45 days."""
    columns = ["bar", "value", "low", "high", "counted", "chance", "reached", "expected"]
    found = pd.DataFrame([row for seed in range(40) for row in planted(seed)], columns=columns)
    once = found[found["bar"] == 60]
    truth = found["chance"] * once["reached"].sum() / once["expected"].sum()
    bias = (found["value"] - truth).groupby(found["bar"]).mean()
    assert abs(bias.mean()) < 0.005
    # Counted plainly, the leads above the bar speak for those below it.
    assert (found["counted"] - truth)[found["bar"] == 40].mean() > 0.05
    assert bias.abs().max() < 0.0075  # the mean of 40 has a standard error of 0.003 to 0.004
    covered = ((found["low"] <= truth) & (truth <= found["high"])).mean()
    assert 0.91 < covered <= 0.985  # 120 intervals that are not independent
