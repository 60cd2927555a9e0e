"""Does scoring find more than waiting for requests: against plain Python, and where the truth is known."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from leadscore.threshold.baselines import _row, baselines
from leadscore.threshold.capacity import chosen

START = dt.date(2026, 1, 5)
BOOK = ls.Rulebook.from_dict(
    {
        "leadscore": 1,
        "name": "test",
        "fit": [{"name": "Size", "column": "size", "from": {n: n for n in range(1, 21)}}],
        "behaviour": [{"name": "Visit", "event": "visit", "points": 20}],
        "qualify": {"threshold": 5, "hand_raise": {"event": "demo", "within_days": 5}},
    }
)


def by_hand(score, week, capacity):
    """Each lead's chance to be taken: places are given out from the best on, and shared among equals."""
    chances = {}
    for one in set(week):
        left = capacity
        rows = [row for row in range(len(score)) if week[row] == one]
        for value in sorted({score[row] for row in rows}, reverse=True):
            equals = [row for row in rows if score[row] == value]
            share = 0 if value == -np.inf else min(1, left / len(equals))
            chances |= dict.fromkeys(equals, share)
            left = max(0, left - len(equals)) if value > -np.inf else left
    return [chances[row] for row in range(len(score))]


@given(
    st.lists(st.tuples(st.sampled_from([1.0, 2.0, 2.5, 7.0, -np.inf]), st.integers(0, 3)), min_size=1, max_size=30),
    st.sampled_from([1, 2, 2.5, 10]),
)
def test_places_are_given_out_and_shared(rows, capacity):
    score, week = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    assert chosen(score, week, np.full(4, float(capacity))) == pytest.approx(by_hand(score, week, capacity))


def world(n, chance, *, seed=0, weeks=20):
    """Leads that come to sales evenly over weeks; their size, a visit and a demo give the chance of what becomes."""
    rng = np.random.default_rng(seed)
    day = rng.integers(0, 7 * weeks, n)
    size, visit, demo = rng.integers(1, 21, n), rng.random(n) < 0.5, rng.random(n) < 0.2
    won = rng.random(n) < chance(size, visit, demo)
    ids = np.array([f"L-{number}" for number in range(n)])
    came = np.datetime64(START) + day
    leads = pd.DataFrame({"lead_id": ids, "size": size})
    events = pd.concat(
        pd.DataFrame({"lead_id": ids[rows], "event": kind, "at": came[rows]})
        for kind, rows in (("visit", visit), ("demo", demo))
    )
    stages = pd.concat(
        pd.DataFrame({"lead_id": ids[rows], "stage": stage, "at": came[rows] + np.timedelta64(later, "D")})
        for stage, rows, later in (("mql", won | ~won, 0), ("contacted", won | ~won, 1), ("sal", won, 2))
    )
    return ls.load_tables(
        leads, events, stages, rulebook=BOOK, observed_until=START + dt.timedelta(days=7 * weeks + 30)
    )


GOAL = {"stage": "sal", "within_days": 10}


def judged(tables, *, weeks=20, **more):
    end = START + dt.timedelta(days=7 * weeks - 1)
    return baselines(tables, BOOK, **GOAL | {"start": START, "end": end, "capacity_per_week": 20} | more)


@pytest.mark.parametrize(
    ("chance", "n", "verdict"),
    [
        # Size and visits both tell, a demo does not: no part of the rulebook is as good as the whole.
        (lambda size, visit, _: 0.01 + 0.02 * size + 0.4 * visit, 6000, "Keep scoring"),
        # Only who raises a hand is worth a call.
        (lambda _size, _visit, demo: 0.02 + 0.7 * demo, 4000, "Switch scoring off: hand-raisers only is as good"),
        # Nothing tells: fit alone and behaviour alone are as good too, but whom to call may be left to chance.
        (lambda size, _visit, _demo: 0.3 + 0 * size, 20_000, "Switch scoring off: chance is as good"),
        # The twins of it: one side tells, and then no way without it will do.
        (lambda size, _visit, _demo: 0.03 + 0.045 * size, 4000, "Use less of it: fit only is as good"),
        (lambda _size, visit, _demo: 0.1 + 0.5 * visit, 4000, "Use less of it: behaviour only is as good"),
        # Fit is worse than chance, and behaviour tells nothing.
        (lambda size, _visit, _demo: 0.6 - 0.025 * size, 4000, "Switch scoring off: chance is as good"),
        # Too few to tell.
        (lambda size, visit, _demo: 0.01 + 0.02 * size + 0.4 * visit, 300, "Open: it is not clear yet whether"),
    ],
)
def test_the_verdict_is_the_truth(chance, n, verdict):
    found = judged(world(n, chance), capacity_per_week=max(5, n // 80))
    assert found.headline.startswith(verdict)
    assert found.n == n


def test_weeks_whose_outcomes_are_open_take_nothing_from_leads_a_week():
    tables = world(2000, lambda size, _visit, _demo: 0.02 * size)
    closed, beyond = (judged(tables, weeks=weeks, within_days=45) for weeks in (18, 30))
    assert (closed.weeks, beyond.weeks) == (18, 18)
    pd.testing.assert_frame_equal(closed.frame, beyond.frame)


def test_how_many_more_outcomes_settle_it():
    def chance(size, visit, _demo):
        return 0.01 + 0.02 * size + 0.4 * visit

    few = judged(world(300, chance), capacity_per_week=5)
    more = int(few.headline.split("about ")[1].split(" more")[0].replace(",", ""))
    assert 0 < more < 100 * few.reached
    times = (few.reached + more) / few.reached
    enough = int(300 * 2 * times)
    settled = [judged(world(enough, chance, seed=seed), capacity_per_week=enough // 60).headline for seed in range(5)]
    assert sum("Open" not in verdict for verdict in settled) >= 3


def test_figures_equal_plain_python():
    tables = world(900, lambda size, visit, demo: 0.02 + 0.02 * size + 0.1 * visit + 0.1 * demo, seed=4)
    found = judged(tables, capacity_per_week=12, scores={"mine": pd.Series(range(900), tables.ids.array.to_pylist())})
    stages = tables.outcomes.pivot_table(index="lead_id", columns="stage", values="at", aggfunc="min")
    stages = stages.loc[tables.ids.array.to_pylist()]
    size = tables.leads["size"].to_numpy()
    events = {kind: set() for kind in ("visit", "demo")}
    for batch in tables.events.batches:
        kinds = tables.events.values["event"].to_pylist()
        for lead, code in zip(batch.lead, batch.codes["event"], strict=True):
            events[kinds[code]].add(int(lead))
    visit = np.array([number in events["visit"] for number in range(900)])
    demo = np.array([number in events["demo"] for number in range(900)])
    week = ((stages["mql"] - pd.Timestamp(START)).dt.days // 7).to_numpy()
    won = stages["sal"].notna().to_numpy()
    ways = {
        "rulebook": size + 20.0 * visit,
        "hand-raisers only": np.where(demo, 1, -np.inf),
        "fit only": size,
        "behaviour only": 20.0 * visit,
        "most recent first": np.where(visit | demo, 0, -1),
        "chance": np.zeros(900),
        "mine": np.arange(900.0),
    }
    assert found.frame.index.tolist() == list(ways)
    for name, score in ways.items():
        taken = np.array(by_hand(score, week, 12))
        row = found.frame.loc[name]
        assert row["chosen"] == pytest.approx(taken.sum())
        assert row["reached"] == pytest.approx(taken[won].sum())
        assert row["per_week"] == pytest.approx(taken[won].sum() / 20)
        base = np.array(by_hand(ways["rulebook"], week, 12))
        assert row["difference"] == pytest.approx((taken - base)[won].sum() / 20)


def test_the_paired_interval_covers():
    rng = np.random.default_rng(5)
    hit = []
    for _ in range(2000):
        n, rate = 400, 0.15
        mine, base = rng.random(n) < 0.3, rng.random(n) < 0.3
        reached = rng.random(n) < np.where(mine & ~base, rate * 1.3, rate)
        row = _row(mine.astype(float), base.astype(float), reached, np.zeros(n, int), 1.0)
        truth = (mine & ~base).sum() * rate * 1.3 - (base & ~mine).sum() * rate
        hit.append(row["low"] <= truth <= row["high"])
    assert 0.93 <= np.mean(hit) <= 0.985


def test_who_cannot_be_judged_is_counted():
    at = {"a": ["mql 1", "sal 3"], "b": ["mql 1"], "c": ["mql 30", "sal 31"], "d": ["sal 1", "mql 2"], "e": ["sal 2"]}
    rows = [(lead, *one.split()) for lead, several in at.items() for one in several]
    stages = pd.DataFrame(rows, columns=["lead_id", "stage", "day"])
    stages["at"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(stages.pop("day").astype(int), unit="D")
    leads = pd.DataFrame({"lead_id": list("abcdef"), "size": 5})
    tables = ls.load_tables(leads, None, stages[stages["lead_id"] != "d"], rulebook=BOOK, observed_until="2026-02-05")
    found = baselines(tables, BOOK, start="2026-01-01", end="2026-02-28", capacity_per_week=5, **GOAL)
    assert (found.n, found.reached) == (2, 2)  # a, and e, which came with what sales did
    assert found.notes[:2] == (
        "1 lead left out: arrived less than 10 days before 2026-02-05, so the outcome is not known yet.",
        "1 lead left out: not worked by sales in that time.",
    )
    assert found.headline == "No verdict: sales could work every lead of every week, so no method had to choose."


def staged(n, *, seed=3, refusals=True):
    """Leads with an mql, of which some are accepted and others, if that is recorded, refused two days later."""
    rng = np.random.default_rng(seed)
    ids, accepted = np.array([f"L-{number}" for number in range(n)]), rng.random(n) < 0.4
    came = np.datetime64(START) + rng.integers(0, 70, n)
    parts = [("mql", accepted | True, 0), ("sal", accepted, 2), *([("rejected", ~accepted, 2)] if refusals else [])]
    stages = pd.concat(
        pd.DataFrame({"lead_id": ids[rows], "stage": stage, "at": came[rows] + np.timedelta64(later, "D")})
        for stage, rows, later in parts
    )
    leads = pd.DataFrame({"lead_id": ids, "size": rng.integers(1, 21, n)})
    return ls.load_tables(leads, None, stages, rulebook=BOOK, observed_until="2026-06-01"), int(accepted.sum())


def test_outcomes_that_know_only_successes_give_no_rate():
    tables, accepted = staged(400, refusals=False)
    found = judged(tables, weeks=10, capacity_per_week=20)
    assert found.headline == (
        "No verdict: no outcome tells of a lead that sales worked and that did not reach sal: any share would be 100 %."
    )
    assert (found.n, found.reached) == (accepted, accepted)
    assert found.frame.loc[:, "rate":].isna().all(axis=None)
    assert "100.0%" not in repr(found) + found.to_markdown()
    assert "worked_only=False (--worked-or-not) counts every lead with an mql" in found.notes[-1]
    # Of a later stage not all is reached; but who was turned down is not among them.
    bought = tables.outcomes[tables.outcomes["stage"] == "sal"][::3].assign(stage="won")
    more = ls.load_tables(tables.leads, None, pd.concat([tables.outcomes, bought]), rulebook=BOOK)
    said = "No outcome tells of leads that sales turned down: rates are of those that it took on."
    assert judged(more, weeks=8, stage="won").notes[-1].startswith(said)
    assert not any(said in note for note in judged(staged(400)[0], weeks=10).notes)
    # Counted so the rates are those of outcomes that do tell of refusals.
    counted, told = judged(tables, weeks=10, worked_only=False), judged(staged(400)[0], weeks=10)
    pd.testing.assert_frame_equal(counted.frame, told.frame)
    assert (counted.n, counted.reached, counted.withheld, told.withheld) == (400, accepted, "", "")
    assert counted.headline == f"{told.headline} Every lead with an mql counts, as not reached after 10 days."


def test_who_is_known_only_because_sales_worked_it_is_not_judged_with_the_others():
    tables, accepted = staged(50, refusals=False)
    more = pd.DataFrame({"lead_id": ["L-x", "L-y"], "stage": ["sal", "won"], "at": pd.Timestamp(START)})
    leads = pd.concat([tables.leads.to_pandas(), pd.DataFrame({"lead_id": ["L-x", "L-y"], "size": 3})])
    outcomes = pd.concat([tables.outcomes, more])
    wider = ls.load_tables(leads, None, outcomes, rulebook=BOOK, observed_until="2026-06-01")
    found = judged(wider, weeks=10, worked_only=False)
    assert (found.n, found.reached) == (50, accepted)
    assert found.notes[0] == "2 leads left out: no mql, so known only because sales worked them."


def test_nobody_reached_it_yet():
    found = judged(world(300, lambda size, _visit, _demo: 0 * size), capacity_per_week=5)
    assert (found.reached, found.headline) == (0, "No verdict yet: none of the 300 leads reached sal.")


@pytest.mark.parametrize("seed", range(40))
def test_a_handful_of_leads_gives_no_verdict(seed):
    rng = np.random.default_rng(seed)
    few = judged(
        world(int(rng.integers(2, 10)), lambda size, _visit, _demo: 0.5 + 0 * size, seed=seed), capacity_per_week=1
    )
    assert few.headline.startswith("No verdict")
    some = judged(world(30, lambda size, _visit, _demo: 0.6 + 0 * size, seed=seed, weeks=4), capacity_per_week=0.5)
    assert some.headline.split()[0] in {"No", "Open:", "Use", "Switch"}


def test_a_rulebook_that_chose_none_that_reached_it_is_no_division_by_zero():
    some = judged(world(400, lambda size, visit, _demo: 1.0 * (size < 3) * ~visit), capacity_per_week=0.2)
    assert some.frame.loc["rulebook", "reached"] == 0
    assert some.headline.startswith(("Open: none of the 4 leads that the rulebook chose", "Switch scoring off: "))


def test_a_part_of_a_week_has_a_part_of_the_places():
    tables = world(4000, lambda size, _visit, _demo: 0.3 + 0 * size)
    options = GOAL | {"capacity_per_week": 14, "start": START}
    whole = baselines(tables, BOOK, end=START + dt.timedelta(days=13), **options)
    more = baselines(tables, BOOK, end=START + dt.timedelta(days=16), **options)
    assert whole.frame.loc["chance", "chosen"] == pytest.approx(28)
    assert more.frame.loc["chance", "chosen"] == pytest.approx(28 + 6)
    assert more.frame.loc["chance", "per_week"] == pytest.approx(more.frame.loc["chance", "reached"] / (17 / 7))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"capacity_per_week": 0}, "capacity_per_week"),
        ({"stage": "sold"}, "must be one of 'lead', 'mql'"),
        ({"end": START + dt.timedelta(days=5)}, "the period must be a week or more; got 6 days"),
        ({"tolerance": 2}, "tolerance: must lie between 0 and 1"),
        ({"within_days": 0}, "within_days"),
        ({"scores": {"mine": pd.Series([1.0], index=["L-0"])}}, "'mine' has no value for 299 of the 300 leads"),
        ({"scores": {"chance": pd.Series(1.0, index=[f"L-{n}" for n in range(300)])}}, "is the name of another method"),
        ({"observed_until": "2026-01-06"}, "no lead that came to sales in the period can be judged"),
    ],
)
def test_what_cannot_be_meant_is_said(options, message):
    with pytest.raises(ls.ArgumentError) as error:
        judged(world(300, lambda size, _visit, _demo: 0.3 + 0 * size), **options)
    assert message in str(error.value)
