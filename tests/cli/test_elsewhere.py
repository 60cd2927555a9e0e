"""`leadscore score --engine duckdb`, `postgres` and `spark`: the figures of memory, and no word of the connection."""

import duckdb
import pandas as pd
import pytest
from typer.testing import CliRunner

from leadscore.cli import app

BOOK = """\
leadscore: 1
name: demo
fit:
  - {name: Title, column: job_title, points: {CFO: 40, "head of it": 30}, other: 5}
behaviour:
  - {name: Pricing page, event: pricing, points: 15, half_life_days: 30}
  - {name: Demo asked for, event: demo, points: 25, within_days: 60}
qualify: {threshold: 60}
"""
DATA = """\
data: 1
sources:
  people: {table: crm.contacts, connection: LEADSCORE_WAREHOUSE}
  views: {table: web.views, connection: LEADSCORE_WAREHOUSE}
  asked: {query: "SELECT who, seen FROM web.asked", connection: LEADSCORE_WAREHOUSE}
leads:
  people: {from: people, lead_id: id, created_at: made, columns: {job_title: title}}
events:
  views: {from: views, lead_id: who, event: kind, at: seen}
  asked: {from: asked, lead_id: who, event: {value: demo}, at: seen}
"""
TABLES = """
CREATE SCHEMA crm; CREATE SCHEMA web;
CREATE TABLE crm.contacts (id TEXT, made TIMESTAMP, title TEXT);
INSERT INTO crm.contacts VALUES ('7', '2026-01-03 10:00:00', ' cfo'), ('8', '2026-02-01', 'Head of IT'),
  ('9', NULL, NULL);
CREATE TABLE web.views (who TEXT, kind TEXT, seen TIMESTAMP);
INSERT INTO web.views VALUES ('7', 'Pricing', '2026-03-01 23:59:59'), ('7', 'pricing', '2026-03-31 12:00:00'),
  ('8', 'pricing', '2026-03-31 12:00:00'), ('99', 'pricing', '2026-03-31 12:00:00');
CREATE TABLE web.asked (who TEXT, seen DATE);
INSERT INTO web.asked VALUES ('8', '2026-03-30');
CREATE VIEW crm.leads AS SELECT id AS lead_id, made AS created_at, title AS job_title FROM crm.contacts;
CREATE VIEW web.events AS SELECT who AS lead_id, kind AS event, seen AS at FROM web.views WHERE who <> '99'
  UNION ALL SELECT who, 'demo', seen FROM web.asked;
"""
AS_OF = ("--as-of", "2026-03-31")


def run(*arguments, code=0):
    found = CliRunner().invoke(app, ["score", *arguments])
    assert found.exit_code == code, found.output
    return found


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a rulebook, a data file, and a DuckDB that an environment variable names."""
    with duckdb.connect(tmp_path / "house.duckdb") as connection:
        connection.execute(TABLES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEADSCORE_WAREHOUSE", f"duckdb:///{tmp_path}/house.duckdb")
    (tmp_path / "rulebook.yaml").write_text(BOOK)
    (tmp_path / "elsewhere.yaml").write_text(DATA)
    return tmp_path


def columns_of(path):
    return pd.read_parquet(path).set_index("lead_id").sort_index().filter(regex="^(?!reason_)")


def test_a_data_file_is_scored_where_its_tables_are(place):
    found = run("--engine", "duckdb", "--data", "elsewhere.yaml", *AS_OF, "--out", "there.parquet")
    run("--data", "elsewhere.yaml", *AS_OF, "--out", "here.parquet")
    ours, theirs = columns_of("there.parquet"), columns_of("here.parquet")
    assert list(theirs["total"]) == [62.5, 70.0, 0.0]
    pd.testing.assert_frame_equal(ours, theirs)
    assert "2 of 3 leads (66.7%) qualify on 2026-03-31 by 'demo'." in found.output
    assert "1 event of people who are not among the leads left out." in found.output
    assert str(place) not in found.output


def test_tables_are_named(place):
    named = ("--connection", "LEADSCORE_WAREHOUSE", "--leads", "crm.leads", "--events", "web.events")
    run("--engine", "duckdb", *named, *AS_OF, "--out", "there.parquet")
    run("--data", "elsewhere.yaml", *AS_OF, "--out", "here.parquet")
    pd.testing.assert_frame_equal(columns_of("there.parquet"), columns_of("here.parquet"))
    assert (place / "there.parquet").is_file()


def test_without_events_it_says_so(place):
    found = run(
        "--engine", "duckdb", "--connection", "LEADSCORE_WAREHOUSE", "--leads", "crm.leads", *AS_OF, "--out", "x.csv"
    )
    assert "Fit only: no events were given." in found.output
    assert (place / "x.csv").is_file()


def test_accounts_are_scored_there_too(place):
    with duckdb.connect(place / "house.duckdb") as connection:
        connection.execute(
            "CREATE TABLE crm.in_accounts AS SELECT *, 'Acme' AS account_id FROM crm.leads WHERE lead_id <> '9'"
        )
    account = "account: {id: account_id, rules: [{name: All, sum: total}], threshold: 100}\n"
    (place / "rulebook.yaml").write_text(BOOK.replace("leadscore: 1", "leadscore: 2") + account)
    named = ("--connection", "LEADSCORE_WAREHOUSE", "--leads", "crm.in_accounts", "--events", "few")
    with duckdb.connect(place / "house.duckdb") as connection:
        connection.execute("CREATE VIEW few AS SELECT * FROM web.events WHERE lead_id <> '9'")
    run("--engine", "duckdb", *named, *AS_OF, "--out", "there.parquet", "--account-scores", "accounts.csv")
    found = pd.read_csv(place / "accounts.csv")
    assert (list(found["account_id"]), list(found["score"])) == (["Acme"], [columns_of("there.parquet")["total"].sum()])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--engine", "duckdb", "--connection", "LEADSCORE_WAREHOUSE"), "needed: the table of the leads"),
        (("--engine", "duckdb", "--data", "elsewhere.yaml", "--events", "web.events"), "leave --events out"),
        (
            ("--engine", "duckdb", "--data", "elsewhere.yaml", "--account-scores", "a.csv"),
            "none of the rulebooks has an 'account'",
        ),
        (
            ("--engine", "spark", "--leads", "crm.leads", "--account-scores", "a.csv"),
            "--account-scores: done in memory",
        ),
        (("--engine", "duckdb", "--leads", "crm.leads"), "needed: the environment variable that holds the connection"),
        (("--engine", "postgres", "--data", "elsewhere.yaml"), "is to duckdb"),
        (("--engine", "duckdb", "--data", "elsewhere.yaml", "--connection", "OTHER"), "leave --connection out"),
        (("--engine", "duckdb", "--data", "elsewhere.yaml", "--buckets", "3"), "goes with '--engine buckets' or"),
        (("--engine", "duckdb", "--data", "elsewhere.yaml", "--set-aside"), "--set-aside: done in memory only"),
        (("--data", "elsewhere.yaml", "--connection", "OTHER"), "goes with '--engine duckdb' or 'postgres'"),
        (("--engine", "spark", "--leads", "crm.leads"), "needed with Spark"),
        (("--engine", "spark", "--leads", "leads.csv", "--events", "e"), "'--leads': Spark reads folders of Parquet"),
        (("--engine", "spark", "--leads", "crm.leads", "--connection", "OTHER"), "with Spark, give --leads and"),
    ],
)
def test_what_does_not_go_together(place, arguments, said):
    out = "scores" if "spark" in arguments else "scores.parquet"
    found = run(*arguments, *AS_OF, "--out", out, code=2)
    assert said in " ".join(found.output.replace("│", " ").split())
    assert not (place / out).exists()


def test_what_breaks_the_contract_leaves_no_file(place):
    (place / "elsewhere.yaml").write_text(DATA + "identity: {unmatched: refuse}\n")
    found = CliRunner().invoke(
        app, ["score", "--engine", "duckdb", "--data", "elsewhere.yaml", *AS_OF, "--out", "there.parquet"]
    )
    assert found.exit_code == 1
    assert "events of leads that are not among the leads" in str(found.exception) + found.output
    assert not (place / "there.parquet").exists()
