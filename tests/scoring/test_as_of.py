"""Events that are counted while they are read, for one day, give what events in hand give, and take no memory."""

import datetime as dt
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import leadscore as ls
from tests.support.one_lead import AS_OF, VISITS, days_ago, document
from tests.support.strategies import cases as cases1
from tests.support.strategies import frames as frames1
from tests.support.strategies2 import cases, frames

# An example is two rulebooks read and scored in four ways.
FEW = settings(max_examples=min(settings.default.max_examples // 4, 40))


@FEW
@given(case=cases(), rows=st.sampled_from([1, 3, 1 << 19]), data=st.data())
def test_scores_and_findings_are_those_of_events_in_hand(case, rows, data):
    """In batches and pieces of any size, and of several rulebooks in one reading."""
    rulebook = ls.Rulebook.from_dict(case.document)
    other = ls.Rulebook.from_dict(VISITS | {"timezone": rulebook.timezone})
    leads, events, outcomes = frames(case)
    held = ls.load_tables(leads, events, outcomes, rulebook=[rulebook, other])
    wanted = ls.score(held, rulebook, as_of=case.as_of)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leadscore.sources.source.BATCH_ROWS", rows)
        patch.setattr("leadscore.tables.loading.IN_CACHE", data.draw(st.sampled_from([1, 2, 1 << 16])))
        patch.setattr("leadscore.tables.counting._TOGETHER", data.draw(st.sampled_from([0, 1 << 22])))
        counted = ls.load_tables(leads, events, outcomes, rulebook=[rulebook, other], as_of=case.as_of)
        found = ls.score(counted, rulebook, as_of=case.as_of)
        pd.testing.assert_frame_equal(found.frame, wanted.frame)
        pd.testing.assert_frame_equal(found.points, wanted.points)
        pd.testing.assert_frame_equal(found.findings, wanted.findings)
        assert str(found) == str(wanted)
        assert len(counted.events) == len(held.events)
        second = ls.score(counted, other, as_of=case.as_of).frame
        pd.testing.assert_frame_equal(second, ls.score(held, other, as_of=case.as_of).frame)
        # Another day is answered too: the events are read again.
        before = case.as_of - dt.timedelta(data.draw(st.integers(1, 30)))
        pd.testing.assert_frame_equal(
            ls.score(counted, rulebook, as_of=before).frame, ls.score(held, rulebook, as_of=before).frame
        )


@FEW
@given(case=cases(), again=st.lists(st.integers(1, 6), min_size=1), back=st.integers(0, 9))
def test_periods_and_days_on_disk_are_counted_alike(case, again, back, tmp_path_factory):
    """Of a folder with a file a day, on some of which leads did the same often; and of a period to be replayed."""
    rulebook = ls.Rulebook.from_dict(case.document)
    leads, events, outcomes = frames(case)
    assume(len(events))
    events = events.loc[events.index.repeat(np.resize(again, len(events)))]
    days = tmp_path_factory.mktemp("activity") / "days"
    ls.daily_activity(events, rulebook=rulebook).write(days)
    period = case.as_of - dt.timedelta(back), case.as_of
    held = ls.load_tables(leads, events, outcomes, rulebook=rulebook)
    wanted = ls.score(held, rulebook, as_of=case.as_of).frame
    history = ls.replay(held, rulebook, start=period[0], end=period[1], states=True)
    for source in (events, days):
        counted = ls.load_tables(leads, source, outcomes, rulebook=rulebook, as_of=period)
        found = ls.replay(counted, rulebook, start=period[0], end=period[1], states=True)
        # Of daily activity only the day is known.
        left = [] if source is events else ["qualified_at"]
        pd.testing.assert_frame_equal(found.frame.drop(columns=left), history.frame.drop(columns=left))
        pd.testing.assert_frame_equal(found.states, history.states)
        counted = ls.load_tables(leads, source, outcomes, rulebook=rulebook, as_of=case.as_of)
        pd.testing.assert_frame_equal(ls.score(counted, rulebook, as_of=case.as_of).frame, wanted)


@FEW
@given(case=cases1())
def test_format_1_is_counted_alike(case):
    rulebook = ls.Rulebook.from_dict(case.document)
    leads, events = frames1(case)
    counted = ls.load_tables(leads, events, rulebook=rulebook, as_of=case.as_of)
    held = ls.load_tables(leads, events, rulebook=rulebook)
    pd.testing.assert_frame_equal(
        ls.score(counted, rulebook, as_of=case.as_of).frame, ls.score(held, rulebook, as_of=case.as_of).frame
    )
    history = {"start": case.as_of - dt.timedelta(5), "end": case.as_of}
    pd.testing.assert_frame_equal(
        ls.replay(counted, rulebook, **history).frame, ls.replay(held, rulebook, **history).frame
    )


def test_it_goes_with_a_rulebook():
    with pytest.raises(ls.ArgumentError, match=r"as_of.*goes with a rulebook"):
        ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), pd.DataFrame(days_ago(0)), as_of=AS_OF)


def test_a_period_that_ends_before_it_starts_is_refused():
    with pytest.raises(ls.ArgumentError, match="end: must not come before `start`, 2026-03-31; got 2026-03-01"):
        ls.load_tables(
            pd.DataFrame({"lead_id": ["a"]}), rulebook=ls.Rulebook.from_dict(VISITS), as_of=("2026-03-31", "2026-03-01")
        )


def test_values_that_no_rule_can_read_are_refused_as_ever():
    book = ls.Rulebook.from_dict(
        document(behaviour=[{"event": "visit", "where": {"minutes": {"at_least": 5}}, "points": 1}])
    )
    events = pd.DataFrame(
        [{**row, "minutes": minutes} for row, minutes in zip(days_ago(0, 1), ["7", "1.200,5"], strict=True)]
    )
    said = []
    for how in ({}, {"as_of": AS_OF}):
        with pytest.raises(ls.ContractError) as error:
            ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), events, rulebook=book, **how)
        said.append(str(error.value))
    assert said[0] == said[1]


@pytest.mark.parametrize("ordered", [True, False])
def test_repeated_events_are_said_whatever_the_order_of_the_log(ordered):
    book = ls.Rulebook.from_dict(VISITS)
    times = pd.to_datetime(["2026-03-01T10:00Z", "2026-03-01T10:00Z", "2026-03-02T10:00Z", "2026-03-03T10:00Z"] * 2)
    events = pd.DataFrame({"lead_id": list("aaaabbbb"), "event": "visit", "at": times})
    events = events.sort_values("at", kind="stable") if ordered else events
    leads = pd.DataFrame({"lead_id": ["a", "b"]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leadscore.sources.source.BATCH_ROWS", 1)
        counted = ls.load_tables(leads, events, rulebook=book, as_of=AS_OF)
        (message,) = counted.findings.loc[counted.findings["code"] == "LS212", "message"]
    assert message.startswith("2 events are exact duplicates")
    assert counted.events.repeats.ordered == ordered


def test_a_log_with_what_is_not_a_number_is_the_same_when_it_is_read_again():
    book = ls.Rulebook.from_dict(
        document(behaviour=[{"event": "visit", "where": {"minutes": {"at_least": 5}}, "points": 1}])
    )
    events = pa.Table.from_pandas(pd.DataFrame(days_ago(0, 1, 2)), preserve_index=False)
    events = events.append_column("minutes", pa.array([float("nan"), 7.0, float("nan")]))
    leads = pd.DataFrame({"lead_id": ["a"]})
    tables = ls.load_tables(leads, events, rulebook=book, as_of=AS_OF)
    assert ls.score(tables, book, as_of=AS_OF).frame["total"].tolist() == [1]
    assert ls.score(tables, book, as_of=AS_OF - dt.timedelta(1)).frame["total"].tolist() == [1]


def test_a_log_that_changes_in_between_is_refused(tmp_path):
    book, path = ls.Rulebook.from_dict(VISITS), tmp_path / "events.parquet"
    pd.DataFrame(days_ago(0, 1)).to_parquet(path)
    tables = ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), path, rulebook=book, as_of=AS_OF)
    pd.DataFrame(days_ago(0, 1, 2)).to_parquet(path)
    assert ls.score(tables, book, as_of=AS_OF).frame["total"].tolist() == [2]
    with pytest.raises(ls.ContractError, match="events: changed while it was read: 2 rows before, 3 now"):
        ls.score(tables, book, as_of=AS_OF - dt.timedelta(1))


def test_long_windows_and_many_leads_need_wide_numbers():
    """A lead and an age that do not fit in 32 bits together."""
    book = ls.Rulebook.from_dict(VISITS)
    old = pd.DataFrame({"lead_id": ["a", "a"], "event": "visit", "at": ["1900-01-01", "2026-03-31"]})
    leads = pd.DataFrame({"lead_id": ["a", *(f"b{number}" for number in range(200_000))]})
    tables = ls.load_tables(leads, old, rulebook=book, as_of=AS_OF)
    assert ls.score(tables, book, as_of=AS_OF).frame.loc["a", "total"] == 2


_CHILD = r"""
import re, sys, pathlib, leadscore as ls
book = ls.Rulebook.read(sys.argv[1])
tables = ls.load_tables(sys.argv[2], sys.argv[3], rulebook=book, as_of="2026-03-31")
total = ls.score(tables, book, as_of="2026-03-31").frame["total"].sum()
# What resource says of a child begins with the memory of its parent.
print(int(total), re.search(r"VmHWM:\s+(\d+)", pathlib.Path("/proc/self/status").read_text())[1])
"""


def test_memory_does_not_grow_with_events_that_no_window_can_use(tmp_path):
    """Four times as many events, all older than any rule looks back, or of names that no rule waits for."""
    made = document(behaviour=[{"event": "visit", "points": 1, "count": "each", "within_days": 30}])
    (tmp_path / "book.yaml").write_text(ls.Rulebook.from_dict(made).to_yaml(), encoding="utf-8")
    pa.parquet.write_table(pa.table({"lead_id": np.arange(1000)}), tmp_path / "leads.parquet")
    found = []
    for size in (1_500_000, 6_000_000):
        rng = np.random.default_rng(1)
        old = np.datetime64("2025-01-01", "us") + rng.integers(0, 300 * 86_400, size).astype("timedelta64[s]")
        at = np.sort(np.append(old, np.full(1000, np.datetime64("2026-03-30", "us"))))
        names = np.where(rng.random(size + 1000) < 0.5, "visit", "other")
        names[-1000:] = "visit"
        table = pa.table({"lead_id": rng.integers(0, 1000, size + 1000), "event": names, "at": at})
        pa.parquet.write_table(table, tmp_path / "events.parquet", row_group_size=100_000)
        words = [
            sys.executable,
            "-c",
            _CHILD,
            *(str(tmp_path / name) for name in ("book.yaml", "leads.parquet", "events.parquet")),
        ]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
        found.append((int(said[0]), int(said[1])))
    assert found[0][0] == found[1][0] == 1000
    # Held, the events would take 60 MB more; a batch is half a million.
    assert found[1][1] - found[0][1] < 20_000, found
