"""What holds of every import: nothing is lost unseen, nothing depends on an order, and done again it is the same."""

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from leadscore.imports.people import NO_PAIRS, NOBODY, People
from tests.imports.exports import DATA, exports, rows_of

TABLES = ("leads", "events", "outcomes")


def imported(frames):
    return ls.imports.import_tables(DATA, sources=frames, strict=False)


@given(exports())
def test_every_row_that_is_read_is_counted_once(frames):
    found = imported(frames)
    rows = found.rows.pivot_table(
        index=["table", "block"], columns="fate", values="rows", aggfunc="sum", fill_value=0
    ).reindex(columns=["read", "added", "kept", "dropped", "unmatched", "merged", "again", "set aside"], fill_value=0)
    came = rows["read"] + rows["added"]
    assert (came == rows.drop(columns=["read", "added"]).sum(axis=1)).all()
    assert rows["kept"].groupby("table").sum().to_dict() == {
        name: len(getattr(found, name)) for name in TABLES if name in rows.index.get_level_values("table")
    }
    assert found.rows.loc[~found.rows["fate"].isin(["read", "kept"]), "why"].ne("").all()


@given(exports(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(frames, random):
    mixed = {}
    for name, frame in frames.items():
        places = list(range(len(frame)))
        random.shuffle(places)
        mixed[name] = frame.iloc[places].reset_index(drop=True)
    one, other = imported(frames), imported(mixed)
    for name in TABLES:
        assert rows_of(getattr(one, name)) == rows_of(getattr(other, name))
    keys = ["table", "block", "fate", "why", "rows"]
    assert sorted(one.rows[keys].values.tolist()) == sorted(other.rows[keys].values.tolist())


@given(exports())
def test_an_import_of_what_was_imported_changes_nothing(frames):
    first = imported(frames)
    again = ls.imports.import_tables(
        ls.imports.DataFile.from_yaml(
            """
            data: 1
            timezone: Europe/Berlin
            sources:
              leads: {columns: {created_at: {type: time}, size: {type: number}}}
              events: {columns: {at: {type: time}}}
              outcomes: {columns: {at: {type: time}}}
            leads:
              all:
                from: leads
                lead_id: lead_id
                created_at: created_at
                columns: {email: email, size: size, title: title}
            events: {all: {from: events, lead_id: lead_id, event: event, at: at}}
            outcomes: {all: {from: outcomes, lead_id: lead_id, stage: stage, at: at}}
            identity: {same_person: email}
            order_tolerance_hours: 12
            """
        ),
        sources={name: getattr(first, name) for name in TABLES},
    )
    for name in TABLES:
        assert rows_of(getattr(first, name)) == rows_of(getattr(again, name))


@given(exports())
def test_what_an_import_makes_keeps_the_contract_but_for_stages_out_of_order(frames):
    found = imported(frames)
    tables = ls.load_tables(found, strict=False)
    assert len(tables.ids) == len(found.leads)
    assert len(tables.events) == len(found.events)
    if len(tables.rejected):
        assert set(tables.rejected["table"]) == {"outcomes"}
        assert not tables.rejected["problem"].str.contains("not among the leads|not unique").any()


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=12), st.sets(st.integers(0, 11)))
def test_chains_of_merges_end_with_one_survivor(pairs, leads):
    """Against a walk along the chains, for names without circles."""
    further = {}
    for name, other in pairs:
        if name > other:
            further.setdefault(name, set()).add(other)
    people = People()
    people.numbers("id", [str(number) for number in range(12)], fold=False)
    for name, others in further.items():
        for other in others:
            people.alias(np.array([name], np.int32), np.array([other], np.int32))
    found, quarrels = people.resolve(np.array([*leads], np.int32), NO_PAIRS)
    quarrelling = {int(name) for (_, name), _, _ in quarrels}

    def walk(name):
        beyond = set().union(*(walk(other) for other in further.get(name, ()))) - {NOBODY}
        if len(beyond) > 1:
            return {NOBODY}
        return beyond or ({name} if name in leads else {NOBODY})

    for number in range(12):
        assert {int(found[number])} == walk(number)
        if number in quarrelling:
            assert int(found[number]) == NOBODY


def test_names_that_stand_for_each_other_are_one_lead():
    """A circle, as two merges of which each undid the other, with one lead in it, with two, with none."""
    for leads, right, quarrels in (({1}, 1, 0), ({1, 2}, NOBODY, 3), (set(), NOBODY, 3)):
        people = People()
        people.numbers("id", ["0", "1", "2"], fold=False)
        people.alias(np.array([0, 1, 2], np.int32), np.array([1, 2, 0], np.int32))
        found, named = people.resolve(np.array([*leads], np.int32), NO_PAIRS)
        assert found[:3].tolist() == [right] * 3
        assert len(named) == quarrels


def test_a_chain_longer_than_the_stack_is_followed():
    people, n = People(), 20_000
    people.numbers("id", [str(number) for number in range(n)], fold=False)
    people.alias(np.arange(n - 1, dtype=np.int32), np.arange(1, n, dtype=np.int32))
    assert set(people.resolve(np.array([n - 1], np.int32), NO_PAIRS)[0][:n].tolist()) == {n - 1}


@given(exports(), st.integers(1, 5))
def test_a_table_in_parts_is_the_table(frames, size):
    """Batches of a source, as of a large file, change nothing."""

    def cut(frame):
        table = pa.Table.from_pandas(frame.astype("string"), preserve_index=False)
        return pa.Table.from_batches(table.to_batches(max_chunksize=size), table.schema)

    one, other = imported(frames), imported({name: cut(frame) for name, frame in frames.items()})
    for name in TABLES:
        assert rows_of(getattr(one, name)) == rows_of(getattr(other, name))


def test_frames_of_any_type_are_read_as_they_stand():
    frames = {
        "people": pd.DataFrame(
            {
                "id": [7, 8],
                "created": pd.to_datetime(["2026-03-01 09:00", "2026-03-02 00:00"]),
                "email": ["a@x.example", None],
                "title": None,
                "size": [10.0, None],
                "won": pd.Series([pd.NaT, pd.Timestamp("2026-03-05", tz="UTC")]),
            }
        ),
        "clicks": pd.DataFrame({name: [] for name in ("key", "id", "email", "kind", "at", "got")}),
        "history": pd.DataFrame({"id": [7.0], "stage": ["m"], "at": [pd.Timestamp("2026-03-04")]}),
        "merges": pd.DataFrame({"old": [], "new": []}),
    }
    found = imported(frames)
    assert found.leads["lead_id"].to_pylist() == ["7", "8"]
    assert sorted(zip(found.outcomes["lead_id"].to_pylist(), found.outcomes["stage"].to_pylist(), strict=True)) == [
        ("7", "mql"),
        ("8", "won"),
    ]
