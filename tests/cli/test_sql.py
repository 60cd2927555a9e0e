"""`leadscore sql`: from a connection by the name of a variable, or a folder of Parquet; no connection is ever said."""

import datetime as dt
import sys

import duckdb
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import leadscore as ls
from leadscore.cli import app
from leadscore.engines.sql.connections import connected
from leadscore.engines.sql.program import made_on
from leadscore.errors import ContractError
from tests.engines.sql.test_files import tables
from tests.support import in_database

BOOK = """
leadscore: 1
name: demo
fit: [{name: Home market, column: country, points: {US: 60}}]
behaviour: [{name: Visit, event: visit, points: 30}]
qualify: {threshold: 80}
"""
DAY = ["--as-of", "2026-03-31"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "rulebook.yaml").write_text(BOOK)
    with duckdb.connect(str(tmp_path / "geheim-17.duckdb")) as connection:
        for name, frame in tables().items():
            connection.register("held", in_database.typed(frame))
            connection.execute(f"CREATE TABLE {name} AS FROM held")
    monkeypatch.setenv("WAREHOUSE", f"duckdb:///{tmp_path}/geheim-17.duckdb")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    found = CliRunner().invoke(app, ["sql", "rulebook.yaml", *DAY, *arguments])
    return found.exit_code, found.output


def test_a_connection_by_the_name_of_a_variable(folder):
    tables = ["--leads", "leads", "--events", "events"]
    code, text = run("--dialect", "duckdb", *tables, "--out", "out", "--connection", "WAREHOUSE")
    assert code == 0
    assert "3 look-up tables" in text
    assert "geheim" not in text
    with duckdb.connect(str(folder / "geheim-17.duckdb"), read_only=True) as connection:
        names = {"leads": "leads", "events": "events"}
        program = ls.to_sql(ls.Rulebook.read("rulebook.yaml"), connection, **names, as_of="2026-03-31")
    assert (folder / "out/scores.sql").read_text() == f"{program.sql}\n"


def test_a_folder_of_values_for_a_database_that_is_out_of_reach(folder):
    (folder / "values").mkdir()
    for name, frame in tables().items():
        frame.to_parquet(folder / "values" / f"{name}.parquet")
    tables_ = ["--leads", "crm.leads", "--events", "web.events"]
    code, text = run("--dialect", "snowflake", *tables_, "--out", "out", "--domains", "values")
    assert code == 0
    assert "No test has run the statement on snowflake" in text
    assert '"CRM"."LEADS"' in (folder / "out/scores.sql").read_text()
    (folder / "values/events.parquet").unlink()
    code, text = run("--dialect", "snowflake", *tables_, "--out", "out", "--domains", "values")
    assert code == 2
    assert "has no events.parquet" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give one of --connection and --domains"),
        (["--connection", "A", "--domains", "B"], "give one of --connection and --domains"),
        (["--connection", "NOBODY"], "needs the environment variable 'NOBODY', which is not set"),
        (["--domains", "nowhere"], "has no leads.parquet"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_is_read_must_be_said(arguments, message):
    code, text = run("--dialect", "duckdb", "--leads", "leads", "--out", "out", *arguments)
    assert code in {1, 2}
    assert message in " ".join(text.replace("│", " ").split())


def test_without_its_libraries_it_says_what_to_install(folder, monkeypatch):
    (folder / "values").mkdir()
    tables()["leads"].to_parquet(folder / "values" / "leads.parquet")
    for name in [name for name in sys.modules if name.split(".")[0] == "sqlglot"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    for read in (["--domains", "values"], ["--connection", "WAREHOUSE"]):
        code, text = run("--dialect", "duckdb", "--leads", "leads", "--out", "out", *read)
        assert code == 1
        assert "needs a library that is not installed: pip install 'leadscore[sql]'" in text


@pytest.mark.usefixtures("folder")
def test_another_dialect_than_the_connections():
    code, text = run("--dialect", "postgres", "--leads", "leads", "--out", "out", "--connection", "WAREHOUSE")
    assert code == 2
    assert "is a connection to duckdb" in " ".join(text.replace("│", " ").split())


BROKEN = [
    "postgresql://tester:geheim-17@localhost:1/geheim-db",
    "postgresql://tester:geheim-17@nohost.invalid/x?geheim-17=1",
    "postgresql://tester:gehe%20im-17@/x?host=/geheim-17",
    "postgresql+psycopg://tester:geheim-17@localhost:geheim-17/x",
    "duckdb:////geheim-17/geheim.duckdb",
    "snowflake://geheim-17:b@c/d",
    "mysql://tester:geheim-17@localhost/x",
    "host=localhost password=geheim-17",
]


@pytest.mark.parametrize("connection", BROKEN)
def test_no_message_holds_a_piece_of_the_connection(connection, monkeypatch):
    monkeypatch.setenv("WAREHOUSE", connection)
    with pytest.raises(ContractError, match="'WAREHOUSE'") as caught, connected("WAREHOUSE"):
        pass
    assert not [piece for piece in ("geheim", "gehe", "im-17", "tester") if piece in str(caught.value)]
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.usefixtures("folder")
def test_what_the_database_says_of_a_statement_holds_no_piece_either():
    with pytest.raises(ContractError, match="refuses") as caught, connected("WAREHOUSE") as server:
        server.fetch("SELECT * FROM 'geheim-17.duckdb'")
    assert "geheim" not in str(caught.value)


def test_scores_from_a_connection_by_the_name_of_a_variable(folder):
    rulebook = ls.Rulebook.read("rulebook.yaml")
    with connected("WAREHOUSE") as server:
        program = made_on(rulebook, server, {"leads": "leads", "events": "events"}, dt.date(2026, 3, 31))
        have = program.frame()
    in_database.check_equal(have, in_database.scored(rulebook, tables(), "2026-03-31").frame)
    assert "geheim" not in repr(program)
    with pytest.raises(ContractError, match=r"refuses: .*nowhere") as caught, connected("WAREHOUSE") as server:
        made_on(rulebook, server, {"leads": "nowhere"}, dt.date(2026, 3, 31))
    assert str(folder) not in str(caught.value)


def test_scores_of_a_database_as_a_file(folder):
    there = ["--engine", "duckdb", "--connection", "WAREHOUSE", "--leads", "leads", "--events", "events"]
    found = CliRunner().invoke(app, ["score", "rulebook.yaml", *there, *DAY, "--out", "scores.parquet"])
    assert found.exit_code == 0, found.output
    assert "3 leads scored as of 2026-03-31 in duckdb" in found.output
    found = pq.read_table(folder / "scores.parquet")
    want = in_database.scored(ls.Rulebook.read("rulebook.yaml"), tables(), "2026-03-31").frame
    totals = dict(zip(found["lead_id"].to_pylist(), found["total"].to_pylist(), strict=True))
    assert totals == want["total"].to_dict()
    assert not [held for held in (found.schema.metadata or {}).values() if b"geheim" in held or b"WAREHOUSE" in held]
