"""Commands on exports: a data file in place of the tables, found beside the rulebook, and an import into files."""

import json
from pathlib import Path

import jsonschema
import pandas as pd
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

import leadscore as ls
from leadscore.imports import spool
from tests.cli.test_cli import AS_OF, run

DATA = """
data: 1
sources:
  people: {file: people.csv, columns: {created: {type: time}}}
  visits: {file: visits.csv, columns: {at: {type: time}}}
  deals: {file: deals.csv, columns: {at: {type: time}}}
leads: {people: {from: people, lead_id: id, created_at: created, columns: {title: title}}}
events: {visits: {from: visits, lead_id: id, event: {value: visit}, at: at, unique_key: key, lookback_days: 2}}
outcomes: {deals: {from: deals, lead_id: id, stage: stage, at: at}}
"""
BOOK = """
leadscore: 1
name: ours
fit: [{name: Title, column: title, points: {cfo: 10}}]
behaviour: [{name: Visit, event: visit, count: each, points: 5}]
qualify: {threshold: 12}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data.yaml").write_text(DATA, encoding="utf-8")
    Path("rulebook.yaml").write_text(BOOK, encoding="utf-8")
    Path("people.csv").write_text("id,created,title\na,2026-03-01,CFO\nb,2026-03-02,\n", encoding="utf-8")
    Path("visits.csv").write_text(
        "id,at,key\na,2026-03-05T09:00Z,1\na,2026-03-05T09:00Z,1\nx,2026-03-06T09:00Z,2\n", encoding="utf-8"
    )
    Path("deals.csv").write_text("id,stage,at\na,won,2026-03-09\n", encoding="utf-8")
    return tmp_path


def points(path="scores.csv"):
    return pd.read_csv(path, index_col="lead_id")["total"].to_dict()


def test_in_a_folder_with_both_files_scoring_needs_no_more_than_the_day():
    result = run("score", *AS_OF, "--out", "scores.csv")
    assert result.exit_code == 0, result.stderr
    assert points() == {"a": 15, "b": 0}
    assert "2 leads, 1 event, 1 outcome, from data.yaml." in result.stdout
    assert "1 of 3 rows of events and outcomes are of no lead here" in result.stdout


def test_tables_that_are_given_go_before_the_data_file_and_that_is_said():
    Path("l.csv").write_text("lead_id,title\nc,CFO\n", encoding="utf-8")
    result = run("score", *AS_OF, "--leads", "l.csv", "--out", "scores.csv")
    assert points() == {"c": 10}
    assert "Not read: data.yaml, as --leads is given." in result.stderr
    Path("e.csv").write_text("lead_id,event,at\nb,visit,2026-03-05\n", encoding="utf-8")
    result = run("score", *AS_OF, "--events", "e.csv", "--out", "scores.csv")
    assert points() == {"a": 10, "b": 5}
    assert "--events: read in place of what data.yaml says." in result.stderr


def test_without_tables_and_data_file_it_is_said_what_is_needed():
    Path("data.yaml").rename("other.yaml")
    result = run("score", *AS_OF, "--out", "scores.csv")
    assert result.exit_code == 2
    assert "'--leads': needed, or a data file" in " ".join(result.stderr.split())
    assert run("score", *AS_OF, "--data", "other.yaml", "--out", "scores.csv").exit_code == 0
    result = run("score", *AS_OF, "--data", "other.yaml", "--leads", "people.csv", "--out", "scores.csv")
    assert result.exit_code == 2
    assert "give one or the other" in result.stderr


PERIOD = ("--start", "2026-03-01", "--end", "2026-03-31")
GOAL = ("--stage", "won", "--within-days", "10")
COMMANDS = {
    "score": ("rulebook.yaml", *AS_OF, "--out", "scores.csv"),
    "explain": ("rulebook.yaml", "a", *AS_OF),
    "replay": ("rulebook.yaml", *PERIOD, "--out", "history.csv"),
    "diff": ("rulebook.yaml", "rulebook.yaml", *PERIOD),
    "evaluate": ("rulebook.yaml", *PERIOD, *GOAL, "--capacity-per-week", "1"),
    "evidence": ("rulebook.yaml", *GOAL, "--as-of", "2026-03-03"),
    "learn": ("rulebook.yaml", *GOAL, "--as-of", "2026-03-03"),
    "drift": ("rulebook.yaml", *AS_OF),
    "funnel": ("rulebook.yaml", "--within-days", "10"),
    "acceptance": ("rulebook.yaml",),
    "response-times": ("rulebook.yaml",),
    "activity": ("--rulebook", "rulebook.yaml", "--out", "activity.parquet"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_exports_and_gives_what_it_gives_for_the_tables(name):
    assert run("import", "--out", "tables").exit_code == 0
    given = ("--leads", "tables/leads.parquet", "--events", "tables/events.parquet")
    if name not in {"score", "explain", "replay", "drift", "activity"}:
        given += ("--outcomes", "tables/outcomes.parquet")
    more = ("--within-days", "10") if name == "diff" else ()
    of_tables = run(name, *COMMANDS[name], *more, *(given[2:4] if name == "activity" else given))
    of_exports = run(name, *COMMANDS[name], *more, "--data", "data.yaml")
    assert of_exports.exit_code == of_tables.exit_code
    said = [line for line in of_exports.output.splitlines() if "data.yaml" not in line and "no lead here" not in line]
    assert said == [line for line in of_tables.output.splitlines() if "data.yaml" not in line]


def test_an_import_writes_the_tables_and_what_became_of_every_row():
    result = run("import", "--out", "tables")
    assert result.exit_code == 0, result.stderr
    assert pq.read_table("tables/leads.parquet").column_names == ["lead_id", "created_at", "title"]
    assert pq.read_table("tables/events.parquet").num_rows == 1
    report = json.loads(Path("tables/import.json").read_text(encoding="utf-8"))
    visits = next(row for row in report["blocks"] if row["block"] == "visits")
    assert (visits["read"], visits["kept"], visits["again"], visits["unmatched"]) == (3, 1, 1, 1)
    assert Path("tables/import.txt").read_text(encoding="utf-8") in result.stdout
    assert json.loads(run("import", "--out", "tables", "--format", "json").stdout) == report
    before = Path("tables/leads.parquet").read_bytes()
    assert run("import", "--out", "tables").exit_code == 0
    assert Path("tables/leads.parquet").read_bytes() == before


def test_an_import_that_is_refused_writes_nothing():
    Path("people.csv").write_text("id,created,title\na,1.3.2026,CFO\nb,2026-03-02,\n", encoding="utf-8")
    result = run("import", "--out", "tables")
    assert result.exit_code == 1
    assert "people.created: 1 row" in result.stderr
    assert "line 2: '1.3.2026'" in result.stderr
    assert list(Path("tables").iterdir()) == []
    assert run("import", "--out", "tables", "--set-aside").exit_code == 0
    assert pq.read_table("tables/leads.parquet").num_rows == 1


def test_an_import_writes_all_files_or_none_and_events_a_part_at_a_time(monkeypatch):
    monkeypatch.setattr(spool, "_HELD", 1)
    monkeypatch.setattr(spool.Log, "table", None)
    Path("data.yaml").write_text(DATA.replace("file: visits.csv", 'file: "visits*.csv"'), encoding="utf-8")
    Path("visits-2.csv").write_text("id,at,key\nb,2026-03-05T09:00Z,3\n", encoding="utf-8")
    assert run("import", "--out", "tables").exit_code == 0
    written = pq.ParquetFile("tables/events.parquet")
    assert (written.metadata.num_rows, written.num_row_groups) == (2, 2)
    batches, before = spool.Log.batches, {path: path.read_bytes() for path in Path("tables").iterdir()}

    def killed(self, columns=None):
        yield next(batches(self, columns))
        raise KeyboardInterrupt

    monkeypatch.setattr(spool.Log, "batches", killed)
    Path("people.csv").write_text("id,created,title\na,2026-03-01,CEO\n", encoding="utf-8")
    assert run("import", "--out", "tables").exit_code != 0
    assert {path: path.read_bytes() for path in Path("tables").iterdir()} == before
    assert run("import", "--out", "fresh").exit_code != 0
    assert list(Path("fresh").iterdir()) == []


def test_an_import_never_replaces_what_it_reads():
    text = DATA.replace("file: people.csv", "file: leads.parquet")
    Path("data.yaml").write_text(text, encoding="utf-8")
    pd.read_csv("people.csv").to_parquet("leads.parquet")
    before = Path("leads.parquet").read_bytes()
    result = run("import", "--out", ".")
    assert result.exit_code == 2
    assert "would replace what is read" in " ".join(result.stderr.split())
    assert Path("leads.parquet").read_bytes() == before
    result = run("score", *AS_OF, "--out", "deals.csv")
    assert result.exit_code == 2
    assert "would replace what is read" in " ".join(result.stderr.split())


def test_problems_of_a_data_file_stand_at_their_lines():
    Path("data.yaml").write_text(DATA.replace("lead_id: id, stage", "lead_id: ID, stage"), encoding="utf-8")
    result = run("score", *AS_OF, "--out", "scores.csv")
    assert result.exit_code == 1
    assert "line 9, outcomes.deals: deals has no column 'ID'; known are 'at', 'id', 'stage'" in result.stderr


def test_late_events_are_counted_once_by_a_look_back():
    """The data file says how late events come; the days of the look-back are counted again."""
    out = ("--rulebook", "rulebook.yaml", "--out", "activity.parquet")
    assert run("activity", *out).exit_code == 0
    more = "b,2026-03-05T23:00Z,3\na,2026-03-07T09:00Z,4\n"
    Path("visits.csv").write_text(Path("visits.csv").read_text(encoding="utf-8") + more, encoding="utf-8")
    result = run("activity", *out, "--extend", "activity.parquet")
    assert result.exit_code == 0, result.stderr
    assert ls.tables.DailyActivity.read("activity.parquet").table["count"].to_pylist() == [1, 1, 1]
    result = run("activity", *out, "--extend", "activity.parquet", "--look-back", "0")
    assert result.exit_code == 1
    assert "which are in the activity already" in result.stderr
    too_late = Path("visits.csv").read_text(encoding="utf-8") + "b,2026-03-01T23:00Z,5\n"
    Path("visits.csv").write_text(too_late, encoding="utf-8")
    result = run("activity", *out, "--extend", "activity.parquet")
    assert result.exit_code == 1
    assert "1 event on days up to 2026-03-05, that are not counted there" in " ".join(result.stderr.split())


def test_the_schema_of_data_files_holds_for_what_is_read():
    schema = json.loads(run("schema", "data").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(YAML(typ="safe").load(DATA), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(YAML(typ="safe").load(DATA.replace("lead_id: id, event", "leadid: id, event")), schema)


def test_an_import_in_buckets_gives_the_same_tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    people = "\n".join(["Id,Title", *(f"{n},CFO" for n in range(30))])
    (tmp_path / "people.csv").write_text(people)
    seen = "\n".join(["Who,What,When", *(f"{n % 30},pricing,2026-03-{1 + n % 30:02}" for n in range(90))])
    (tmp_path / "seen.csv").write_text(seen)
    (tmp_path / "data.yaml").write_text("""
data: 1
sources: {people: {file: people.csv}, seen: {file: seen.csv}}
leads: {people: {from: people, lead_id: Id, columns: {title: Title}}}
events: {seen: {from: seen, lead_id: Who, event: What, at: When}}
""")
    for options in ((), ("--buckets", "4")):
        run("import", "--out", "out", *options)
    for name, n in (("leads", 30), ("events", 90), ("outcomes", 0)):
        whole = pd.read_parquet(tmp_path / "out" / f"{name}.parquet")
        parts = [pd.read_parquet(path) for path in sorted((tmp_path / "out" / name).glob("bucket=*.parquet"))]
        assert len(parts) == 4
        columns = [*whole.columns]
        both = pd.concat(parts).astype(str).sort_values(columns, ignore_index=True)
        pd.testing.assert_frame_equal(both, whole.astype(str).sort_values(columns, ignore_index=True))
        assert len(both) == n
        of = [frozenset(part["lead_id"].astype(str)) for part in parts]
        assert len(frozenset().union(*of)) == sum(map(len, of))
        if n:
            assert sum(map(bool, of)) > 1
