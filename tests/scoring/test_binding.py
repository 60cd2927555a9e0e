"""Tables and rulebook are bound once for a call: a part of a replay is the replay of it, and nothing is twice."""

import datetime as dt
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from leadscore.base.days import day_number, day_of
from leadscore.learn.publish.training import train
from leadscore.scoring.binding import Binding
from leadscore.scoring.replay import Replay
from leadscore.scoring.timeline import Timeline
from tests.scoring.test_replay import SOME, grown, tables_of


@SOME
@given(grown(), st.data())
def test_a_part_of_a_replay_is_the_replay_of_that_part(drawn, data):
    case, start, end = drawn
    rulebook = ls.Rulebook.from_dict(case.document)
    tables = tables_of(case, rulebook)
    first, last = day_number(start), day_number(end)
    # Two periods, which may overlap, touch or leave days out between them.
    middle, other = data.draw(st.integers(first, last)), data.draw(st.integers(first, last))
    periods = [(first, middle), (other, last)]
    binding = Binding(tables, first - data.draw(st.integers(0, 5)), last)
    for period in [*periods, *periods]:
        begin = data.draw(st.integers(*period))
        stop = data.draw(st.integers(begin, period[1]))
        mine = binding.history(rulebook, begin, stop)
        alone = ls.replay(tables, rulebook, start=day_of(begin), end=day_of(stop))
        pd.testing.assert_frame_equal(mine.frame, alone.frame)
        assert (mine.n_leads, mine.start, mine.end) == (alone.n_leads, alone.start, alone.end)
        bound, scores = binding.timeline(rulebook).everyone(stop), ls.score(tables, rulebook, as_of=day_of(stop))
        assert bound.lead.tolist() == scores.bound.lead.tolist()
        for name in ("fit", "behaviour", "via", "blocked", "segment"):
            assert getattr(bound, name).tolist() == getattr(scores.bound, name).tolist()


# -------------------------------------------------------------------------------------------------------- nothing twice


@pytest.fixture(scope="module")
def made():
    return ls.datasets.make_funnel(3000, random_state=1, days=400)


@pytest.fixture(scope="module")
def tables(made):
    columns = ["source", "country"]
    return ls.load_tables(
        made.leads, made.events, made.outcomes, rulebook=[made.rulebook, made.planted], columns=columns
    )


@pytest.fixture(scope="module")
def rows(made):
    tables = ls.load_tables(made.leads, made.events, made.outcomes)
    days = made.truth["day"][made.truth["handed_over"]]
    return ls.snapshots(tables, as_of=days, stage="sal", within_days=30, worked_only=True, windows=[30])


@pytest.fixture(scope="module")
def monitor(made, tables):
    found = ls.BalanceMonitor(made.rulebook, by=["source"], reference_weeks=26)
    weeks = ls.drift.weekly_cohorts(tables, made.rulebook, start="2025-03-03", end="2026-03-29", by=["source"])
    for number, (week, scores, mqls, rulebook) in enumerate(weeks):
        busier = (3.0 if number > 40 else 1.0) * scores["behaviour"]
        found.update(week, scores.assign(behaviour=busier), mqls, rulebook)
    assert found.verdict.state == "alarm"
    return found


PERIOD = {"start": "2026-02-02", "end": "2026-03-29"}
TWO = {"before": ("2025-12-01", "2026-01-25"), "after": ("2026-02-02", "2026-03-29")}
CALLS = {
    "score": lambda w: ls.score(w.tables, w.book, as_of="2026-03-29"),
    "replay": lambda w: ls.replay(w.tables, w.book, **PERIOD, states=True),
    "compare": lambda w: ls.compare(w.tables, w.book, w.other, **PERIOD),
    "compare the same": lambda w: ls.compare(w.tables, w.book, w.book, **PERIOD),
    "Comparison.frame": lambda w: w.comparison.frame,
    "explain_change": lambda w: ls.explain_change(
        w.tables, w.book, w.lead, before="2026-02-02", after="2026-03-29", new=w.other
    ),
    "baselines": lambda w: ls.baselines(w.tables, w.book, **PERIOD, capacity_per_week=10, stage="sal", within_days=30),
    "weekly_cohorts": lambda w: list(ls.drift.weekly_cohorts(w.tables, w.book, **PERIOD)),
    "weekly_streams": lambda w: ls.drift.weekly_streams(
        w.unpassed, w.book, start="2025-06-02", end="2026-03-29", stage="sal", within_days=30, by=["source"]
    ),
    "decompose": lambda w: ls.drift.decompose(w.tables, w.book, w.other, **TWO, source="source"),
    "with_rulebook": lambda w: w.monitor.with_rulebook(w.tables, w.other),
    "causes": lambda w: w.monitor.causes(w.tables),
    "drift_report": lambda w: ls.drift_report(w.monitor, w.tables),
    "gate": lambda w: ls.gate(
        np.linspace(0, 1, len(w.rows.X)), w.book, w.rows, capacity_per_week=10, trained_until="2025-06-30"
    ),
    "evidence": lambda w: ls.evidence(rulebook=w.book, snapshots=w.rows),
    "suggest": lambda w: ls.suggest(rulebook=w.book, snapshots=w.rows),
    "reweigh": lambda w: ls.reweigh(rulebook=w.book, snapshots=w.rows, points_to_double=600),
    "train": lambda w: train(rulebook=w.book, snapshots=w.rows, capacity_per_week=8, max_points_rows=8),
}


def test_another_threshold_is_judged_on_the_events_counted_before(made, tables):
    binding = Binding(tables, day_number(dt.date(2026, 2, 2)), day_number(dt.date(2026, 3, 29)))
    found = []
    for threshold in (60, 55, 70):
        book = made.rulebook.edited({"qualify.threshold": threshold})
        mine = binding.history(book, day_number(dt.date(2026, 2, 2)), day_number(dt.date(2026, 3, 29)))
        pd.testing.assert_frame_equal(mine.frame, ls.replay(tables, book, **PERIOD).frame)
        found.append((len(mine.frame), binding.timeline(book).tables))
    assert found[1][0] > found[0][0] > found[2][0] > 0
    assert found[0][1] is found[1][1] is found[2][1]


class World:
    def __init__(self, **things):
        self.__dict__.update(things)


@pytest.fixture(scope="module")
def world(made, tables, rows, monitor):
    unpassed = ls.load_tables(
        made.leads,
        made.events,
        made.outcomes[made.outcomes["stage"] != "mql"],
        rulebook=made.rulebook,
        columns=["source"],
    )
    lead = made.leads["lead_id"].iloc[0]
    comparison = ls.compare(tables, made.rulebook, made.planted, **PERIOD)
    return World(
        comparison=comparison,
        tables=tables,
        rows=rows,
        monitor=monitor,
        book=made.rulebook,
        other=made.planted,
        unpassed=unpassed,
        lead=lead,
    )


@pytest.mark.parametrize("name", CALLS)
def test_one_call_binds_and_replays_each_rulebook_once(world, name, monkeypatch):
    # Tables without what bots did are other tables, and a rulebook with another threshold is another rulebook.
    bound, replayed, kept = Counter(), Counter(), []
    bind, search = Timeline.__init__, Replay.__init__

    def binding(self, plan, tables, *days):
        kept.append(tables)
        bound[id(tables), plan.rulebook] += 1
        bind(self, plan, tables, *days)

    def searching(self, timeline, tables, *rest, **options):
        replayed[id(tables), timeline.plan.rulebook] += 1
        search(self, timeline, tables, *rest, **options)

    monkeypatch.setattr(Timeline, "__init__", binding)
    monkeypatch.setattr(Replay, "__init__", searching)
    CALLS[name](world)
    assert {*bound.values(), *replayed.values()} <= {1}
