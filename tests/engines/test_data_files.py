"""Exports that a data file names, in buckets: what memory gives of them, and not imported again when taken up."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

import leadscore as ls
from leadscore.engines.inputs import files_of

DATA = """\
data: 1
sources:
  people: {file: people.csv}
  old: {file: old.csv}
  seen: {file: "seen/*.csv"}
leads:
  people: {from: people, lead_id: Id, created_at: Made, columns: {job_title: Title}}
events:
  seen: {from: seen, lead_id: {column: Who, kind: email}, event: What, at: When}
outcomes:
  won: {from: people, lead_id: Id, stage: {value: won}, at: Won, drop: {Won: {known: false}}}
identity:
  aliases:
    mail: {from: old, alias: Mail, kind: email, lead_id: Id}
"""
BOOK = ls.Rulebook.from_yaml("""
leadscore: 1
name: demo
fit: [{name: Title, column: job_title, points: {CFO: 40}, other: 5}]
behaviour: [{name: Pricing page, event: pricing, points: 15, half_life_days: 30}]
qualify: {threshold: 45}
""")
AS_OF, PERIOD = "2026-03-31", {"start": "2026-03-01", "end": "2026-03-31"}


@pytest.fixture
def data(tmp_path):
    """Forty people, whose events come under e-mail addresses; some are nobody's."""
    people = [
        f"{n},2026-01-{1 + n % 28:02},{'CFO' if n % 3 else 'VP'},{'2026-05-01' if n == 7 else ''}" for n in range(40)
    ]
    (tmp_path / "people.csv").write_text("\n".join(["Id,Made,Title,Won", *people]))
    (tmp_path / "old.csv").write_text("\n".join(["Id,Mail", *(f"{n},p{n}@x.com" for n in range(40))]))
    (tmp_path / "seen").mkdir()
    for part in range(3):
        rows = [f"P{n % 45}@X.com,Pricing,2026-03-{1 + (n + part) % 30:02}T1{part}:00:00Z" for n in range(50)]
        (tmp_path / "seen" / f"{part}.csv").write_text("\n".join(["Who,What,When", *rows]))
    (tmp_path / "data.yaml").write_text(DATA)
    return tmp_path / "data.yaml"


def sorted_rows(rows):
    return rows.set_index("lead_id").sort_index()


def test_scores_are_those_of_memory(data):
    out = data.parent / "scores.parquet"
    found = ls.score_files(data, rulebook=BOOK, as_of=AS_OF, out=out, buckets=5)
    tables = ls.load_tables(data, rulebook=BOOK, as_of=AS_OF)
    scores = ls.score(tables, BOOK, as_of=AS_OF)
    ours = sorted_rows(pd.read_parquet(out))[scores.frame.columns]
    assert len(ours) == 40
    pd.testing.assert_frame_equal(
        ours, scores.frame.sort_index(), check_index_type=False, check_categorical=False, check_dtype=False
    )
    assert found.headline == scores.headline
    assert found.notes[: len(tables.imported.notes) + 1] == (tables.imported.headline, *tables.imported.notes)


def test_a_replay_is_that_of_memory(data):
    out = data.parent / "history.parquet"
    found = ls.replay_files(data, rulebook=BOOK, **PERIOD, out=out, buckets=3)
    history = ls.replay(ls.load_tables(data, rulebook=BOOK), BOOK, **PERIOD)
    assert found.headline == history.headline
    assert list(sorted_rows(pd.read_parquet(out))["total"]) == list(history.frame.sort_index()["total"]) != []


def test_the_manifest_names_the_exports(data):
    out = data.parent / "parts"
    ls.score_files(data, rulebook=BOOK, as_of=AS_OF, out=out, buckets=2)
    inputs = json.loads((out / "_manifest.json").read_text())["inputs"]
    named = {name: [Path(one["file"]).name for one in files] for name, files in inputs.items()}
    assert named == {"leads": ["people.csv"], "data": ["data.yaml", "old.csv"], "events": ["0.csv", "1.csv", "2.csv"]}


def test_events_given_beside_it_go_before_its_own(data):
    events = data.parent / "own.csv"
    events.write_text("lead_id,event,at\n3,pricing,2026-03-30\n")
    assert files_of({"leads": data, "events": events})["events"] == [str(events)]
    out = data.parent / "scores.parquet"
    found = ls.score_files(data, events, rulebook=BOOK, as_of=AS_OF, out=out, buckets=2)
    scores = ls.score(ls.load_tables(data, events, rulebook=BOOK), BOOK, as_of=AS_OF)
    assert found.qualified == int(scores.frame["qualified"].sum())


def test_what_the_contract_forbids_is_said_as_memory_says_it(data):
    (data.parent / "old.csv").write_text("Id,Mail\n1,p1@x.com\n2,p1@x.com\n")
    with pytest.raises(ls.ContractError) as here:
        ls.load_tables(data, rulebook=BOOK)
    with pytest.raises(ls.ContractError) as there:
        ls.score_files(data, rulebook=BOOK, as_of=AS_OF, out=data.parent / "x.parquet", buckets=2)
    assert str(there.value) == str(here.value)
    assert not (data.parent / "x.parquet").exists()


def test_an_export_is_not_replaced(data):
    with pytest.raises(ls.ArgumentError, match=r"old\.csv' would replace what is read as"):
        ls.score_files(data, rulebook=BOOK, as_of=AS_OF, out=data.parent / "old.csv")


def test_a_run_that_is_taken_up_imports_nothing_again(data, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("stopped here")

    out = data.parent / "scores.parquet"
    with monkeypatch.context() as patched:
        patched.setattr(sys.modules["leadscore.engines.score_files"], "write", broken)
        with pytest.raises(RuntimeError, match="stopped here"):
            ls.score_files(data, rulebook=BOOK, as_of=AS_OF, out=out, buckets=2)
    monkeypatch.setattr(sys.modules["leadscore.engines.buckets"], "opened_tables", broken)
    found = ls.score_files(data, rulebook=BOOK, as_of=AS_OF, out=out, buckets=2)
    assert len(pd.read_parquet(out)) == len(found) == 40
    (data.parent / "old.csv").write_text("Id,Mail\n1,p1@x.com\n")
    with pytest.raises(RuntimeError, match="stopped here"):
        ls.score_files(data, rulebook=BOOK, as_of=AS_OF, out=out, buckets=2)
