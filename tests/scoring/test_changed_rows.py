"""The rows that changed between two days, against a join row by row."""

import datetime as dt
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from leadscore.cli.export import write_scores
from leadscore.scoring import changed_rows
from leadscore.scoring.changed_rows import WATCHED
from tests.support.one_lead import FEW, frames_of
from tests.support.strategies import cases

BOOK = ls.Rulebook.from_yaml("""
leadscore: 2
name: ours
fit: [{name: Market, column: country, points: {US: 5}}]
behaviour: [{name: Visit, event: visit, points: 10, within_days: 7}]
qualify: {threshold: 15}
grades: {fit: {A: 5, B: rest}, behaviour: {1: 10, 2: rest}}
""")


def scored(leads, visits=(), as_of="2026-03-31", book=BOOK):
    events = pd.DataFrame({"lead_id": [lead for lead, _ in visits], "event": "visit", "at": [at for _, at in visits]})
    tables = ls.load_tables(pd.DataFrame(leads), events if visits else None, rulebook=book)
    return ls.score(tables, book, as_of=as_of)


def plain(value):
    return None if pd.isna(value) else value


def row(frame, lead, columns):
    return tuple(plain(frame.loc[lead, name]) for name in columns)


def naive(now, was, columns):
    """Row by row, of frames by lead_id."""
    found = {}
    for lead in [*now.index, *(lead for lead in was.index if lead not in now.index)]:
        values = [row(frame, lead, columns) if lead in frame.index else None for frame in (now, was)]
        if values[0] != values[1]:
            change = "new" if values[1] is None else "gone" if values[0] is None else "changed"
            nothing = (None,) * len(columns)
            found[lead] = (change, values[0] or nothing, values[1] or nothing)
    return found


def told(frame, columns):
    return {
        lead: (
            change,
            row(frame, lead, columns),
            row(frame, lead, [f"was_{name}" for name in columns]),
        )
        for lead, change in frame["change"].items()
    }


@FEW
@given(cases(), st.data())
def test_they_are_those_of_a_join(case, data):
    book, leads, events = frames_of(case)
    before = ls.score(ls.load_tables(leads, events, rulebook=book), book, as_of=case.as_of - dt.timedelta(1))
    stay = leads.loc[[data.draw(st.booleans()) for _ in range(len(leads))]].sample(frac=1, random_state=1)
    theirs = events[events["lead_id"].isin(stay["lead_id"])]
    today = ls.score(ls.load_tables(stay, theirs, rulebook=book), book, as_of=case.as_of)
    columns = data.draw(st.lists(st.sampled_from([*today.frame.columns]), min_size=1, unique=True))
    expected = naive(today.frame, before.frame, columns)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "before.parquet"
        write_scores([before], path)
        for old in (before, before.frame, path, pa.table(before.frame.reset_index())):
            frame = changed_rows(today, old, columns=columns)
            assert told(frame, columns) == expected
            assert frame.index.name == "lead_id"
            assert frame.index.is_unique
            assert [*frame.columns] == ["change", *(part for name in columns for part in (name, f"was_{name}"))]
            assert [*frame.index] == [*expected]
    assert changed_rows(today, today).empty


def test_the_three_ways_to_change():
    leads, visits = {"lead_id": ["a", "b", "c", "d"], "country": ["US", "US", None, "US"]}, [("b", "2026-03-25")]
    before = scored(leads, visits, "2026-03-30")
    leads = {"lead_id": ["e", "b", "a", "c"], "country": ["US", "US", "US", None]}
    today = scored(leads, [*visits, ("a", "2026-03-31")])
    assert told(changed_rows(today, before), WATCHED) == {
        "e": ("new", ("A2", False, None), (None, None, None)),
        "a": ("changed", ("A1", True, "score"), ("A2", False, None)),
        "d": ("gone", (None, None, None), ("A2", False, None)),
    }
    # The failure twin: on the next day b's visit is seven days old.
    later = scored(leads, [*visits, ("a", "2026-03-31")], "2026-04-01")
    assert told(changed_rows(later, today), WATCHED) == {"b": ("changed", ("A2", False, None), ("A1", True, "score"))}


def test_the_total_counts_where_it_is_asked_for():
    leads = {"lead_id": ["a", "b"], "country": ["US", "US"]}
    before, today = scored(leads, [("a", "2026-03-31")], "2026-03-30"), scored(leads)
    rises = scored(leads, [("b", "2026-03-31")])
    assert changed_rows(today, before).empty
    found = changed_rows(rises, before, columns=["total"])
    assert told(found, ["total"]) == {"b": ("changed", (15.0,), (5.0,))}


@pytest.mark.parametrize("old", [None, "empty"])
def test_columns_keep_their_types_whatever_stands_in_them(old):
    today = scored({"lead_id": ["a"], "country": ["US"]})
    empty = {"lead_id": [], **{name: [] for name in WATCHED}}
    found = changed_rows(today, None if old is None else pd.DataFrame(empty))
    for frame in (found, found[:0], changed_rows(today, today)):
        kinds = {str(name): pa.Table.from_pandas(frame).schema.field(name).type for name in frame.columns}
        assert kinds["qualified"] == kinds["was_qualified"] == pa.bool_()
        texts = {kinds[name] for name in ("change", "grade", "was_grade", "via", "was_via")}
        assert texts <= {pa.string(), pa.large_string()}


def test_ids_that_are_numbers_stay_numbers():
    leads = {"lead_id": [7, 8], "country": ["US", "US"]}
    before = scored({"lead_id": [8, 9], "country": ["US", None]})
    assert changed_rows(scored(leads), before).index.tolist() == [7, 9]


@pytest.mark.parametrize(
    ("old", "message"),
    [
        ({"lead_id": ["a", "a"]}, "1 row of leads that have one already"),
        ({"lead_id": ["a", None]}, "1 row without a lead_id"),
        ({"lead_id": [1, 2]}, "ids are numbers, those of the scores are text"),
        ({"lead_id": ["a", "b"], "qualified": ["yes", "perhaps"]}, "old.qualified: values are .*string"),
    ],
)
def test_what_is_no_table_of_scores_is_refused(old, message):
    table = {"grade": ["A", "B"], "qualified": [True, False], "via": ["score", None]} | old
    today = scored({"lead_id": ["a"], "country": ["US"]})
    with pytest.raises(ls.ContractError, match=message):
        changed_rows(today, pd.DataFrame(table))
    good = {"lead_id": ["a", "b"], "grade": ["A", "B"], "qualified": [True, False], "via": ["score", None]}
    assert len(changed_rows(today, pd.DataFrame(good))) == 2


def test_all_that_is_wrong_is_said():
    today = scored({"lead_id": ["a"], "country": ["US"]})
    with pytest.raises(ls.ArgumentError, match="did you mean 'grade'"):
        changed_rows(today, columns=["grad"])
    with pytest.raises(ls.ArgumentError, match="at least one of"):
        changed_rows(today, columns=[])
    with pytest.raises(ls.ContractError, match="there is no column 'via'"):
        changed_rows(today, pd.DataFrame({"lead_id": ["a"], "grade": ["A"], "qualified": [True]}))
