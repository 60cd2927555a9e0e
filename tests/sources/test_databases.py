"""Databases as sources: a DuckDB file, SQLite, a real Postgres; read only, with names quoted and connections unsaid."""

import hashlib
import subprocess
import sys
from urllib.parse import quote

import adbc_driver_postgresql.dbapi
import adbc_driver_sqlite.dbapi
import duckdb
import pyarrow as pa
import pytest

from leadscore.errors import ContractError
from leadscore.imports.build import import_tables
from leadscore.sources.databases import Database
from leadscore.sources.exports import Export, open_export
from tests.support import postgres as postgres_server
from tests.support.postgres import PASSWORD

ODD = '"my ""odd.schema"."Lead ""s"""'
ROWS = [["9007199254740993", 'Müller; "x"', "12500.50"], ["2", "", ""]]


def fill(run, name=ODD):
    """A table whose names hold what SQL is written with."""
    if name == ODD:
        run(f"CREATE SCHEMA {ODD.rpartition('.')[0]}")
    run(f'CREATE TABLE {name} ("Id" bigint, "the ""name" text, amount numeric(10, 2), "group" text)')
    run(f"INSERT INTO {name} VALUES (9007199254740993, 'Müller; \"x\"', 12500.50, 'a'), (2, NULL, NULL, 'b')")
    return name


@pytest.fixture(scope="session")
def server():
    """A Postgres of our own: the folder of its socket."""
    with postgres_server.running() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres(server):
    """The connection to a database with the table in it."""
    address = f"postgresql://tester:{quote(PASSWORD, safe='')}@/postgres?host={quote(str(server), safe='')}"
    with adbc_driver_postgresql.dbapi.connect(address, autocommit=True) as connection, connection.cursor() as cursor:
        fill(cursor.execute)
        cursor.execute(
            "CREATE TABLE kinds (u uuid, n numeric, t timestamptz, j jsonb, l text[], i interval, b bytea, p inet)"
        )
        cursor.execute(
            "INSERT INTO kinds VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 0.10, '2026-01-05 09:12+01', "
            "'{\"a\": 1}', '{x,y}', '1 day', '\\x61', '10.0.0.1')"
        )
        cursor.execute("CREATE SEQUENCE counter")
    return address


@pytest.fixture
def duck(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        fill(connection.execute)
    return path


@pytest.fixture
def place(request, tmp_path, monkeypatch):
    """The three databases by name: what of an Export says where it is, and the table's name in SQL."""

    def choose(kind):
        if kind == "duckdb":
            request.getfixturevalue("duck")
            return {"file": ("warehouse.duckdb",)}, ODD
        if kind == "postgres":
            monkeypatch.setenv("LEADS_DB", request.getfixturevalue("postgres"))
            return {"connection": "LEADS_DB"}, ODD
        path = tmp_path / "leads %20.sqlite"
        with adbc_driver_sqlite.dbapi.connect(str(path), autocommit=True) as connection, connection.cursor() as cursor:
            name = fill(cursor.execute, '"Lead ""s"""')
        monkeypatch.setenv("LEADS_DB", f"sqlite:///{path}")
        return {"connection": "LEADS_DB"}, name

    return choose


def rows_of(source, columns):
    table = pa.Table.from_batches(list(source.batches(columns)))
    return [["" if value is None else str(value) for value in row.values()] for row in table.to_pylist()]


KINDS = ["duckdb", "postgres", "sqlite"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_and_a_query_give_the_same_rows(kind, place, tmp_path):
    where, name = place(kind)
    query = f"WITH few AS (SELECT * FROM {name}) SELECT * FROM few -- all\n ; -- done"
    (tmp_path / "leads.sql").write_text(f"\ufeff{query}", encoding="utf-8")
    for asked in ({"table": name}, {"query": query}, {"query": "leads.sql"}):
        source = open_export(Export(**where, **asked), "people", tmp_path)
        assert source.columns == ["Id", 'the "name', "amount", "group"]
        found = rows_of(source, ["Id", 'the "name', "amount"])
        assert [[*row[:2], row[2].rstrip("0")] for row in found] == [[*row[:2], row[2].rstrip("0")] for row in ROWS]


WRITES = {
    "insert": "INSERT INTO {0} VALUES (3, 'x', 1, 'c')",
    "two statements": "SELECT 1; DROP TABLE {0}",
    "out of the brackets": "SELECT 1) AS q; DROP TABLE {0}; --",
    "in a part of it": "WITH gone AS (DELETE FROM {0} RETURNING *) SELECT * FROM gone",
    "into": "SELECT * INTO copied FROM {0}",
    "create": "CREATE TABLE copied AS SELECT * FROM {0}",
    "nothing": " -- ",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", WRITES)
def test_a_query_only_reads(case, kind, place, tmp_path):
    where, name = place(kind)
    with pytest.raises(ContractError, match=r"cannot be asked: (a query is one SELECT|the query is no SQL)"):
        open_export(Export(**where, query=WRITES[case].format(name)), "people", tmp_path)
    assert len(rows_of(open_export(Export(**where, table=name), "people", tmp_path), ["Id"])) == 2


INSERT = f"INSERT INTO {ODD} VALUES (3, 'x', 1, 'c')"


@pytest.mark.parametrize(
    ("kind", "statement"), [("postgres", "SELECT nextval('counter')"), ("postgres", INSERT), ("duckdb", INSERT)]
)
def test_the_database_itself_refuses_to_write(kind, statement, place, tmp_path):
    place(kind)
    database = Database("people", "duckdb", "duckdb", f"/{tmp_path}/warehouse.duckdb", secret=False)
    if kind == "postgres":
        database = Database.in_environment("LEADS_DB", "people")

    def write():
        with database.cursor() as cursor:
            cursor.execute(statement)
            cursor.fetch_arrow_table()

    with pytest.raises(ContractError, match=r"read-?only"):
        write()


def test_an_sqlite_file_that_is_not_there_is_not_made(place, monkeypatch, tmp_path):
    where, name = place("sqlite")
    assert open_export(Export(**where, table=name), "people", tmp_path).columns
    monkeypatch.setenv("LEADS_DB", f"sqlite:///{tmp_path}/none.sqlite")
    with pytest.raises(ContractError, match="cannot be read"):
        open_export(Export(**where, table=name), "people", tmp_path)
    assert not (tmp_path / "none.sqlite").exists()


def test_a_duckdb_file_is_read_as_it_is(duck):
    before = hashlib.sha256(duck.read_bytes()).hexdigest()
    source = open_export(Export((duck.name,), table=ODD), "people", duck.parent)
    assert len(rows_of(source, ["Id"])) == 2
    assert hashlib.sha256(duck.read_bytes()).hexdigest() == before
    assert [path.name for path in duck.parent.iterdir()] == [duck.name]


@pytest.mark.parametrize(
    "query", ["SELECT * FROM read_text('{0}')", "SELECT * FROM '{0}'", "SELECT * FROM glob('{0}')"]
)
def test_a_query_of_a_duckdb_file_reaches_no_other_file(query, duck):
    other = duck.parent / "other.csv"
    other.write_text("a,b\nsecret,1\n")
    with pytest.raises(ContractError, match=r"warehouse\.duckdb cannot be read") as caught:
        open_export(Export((duck.name,), query=query.format(other)), "people", duck.parent)
    assert "secret" not in str(caught.value)


def test_a_duckdb_file_that_is_locked_or_none_is_named(duck):
    with pytest.raises(ContractError, match=r"warehouse\.duckdb cannot be read"):
        open_export(Export((duck.name,), table="nothing"), "people", duck.parent)
    (duck.parent / "plain.duckdb").write_text("id\n1\n")
    with pytest.raises(ContractError, match=r"plain\.duckdb cannot be read"):
        open_export(Export(("plain.duckdb",), table="t"), "people", duck.parent)
    with pytest.raises(ContractError, match="give 'table' or 'query'"):
        open_export(Export((duck.name,)), "people", duck.parent)
    writes = f"import duckdb, sys; c = duckdb.connect({str(duck)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", writes], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"open\n"
        with pytest.raises(ContractError, match=r"warehouse\.duckdb cannot be read: .*lock"):
            open_export(Export((duck.name,), table=ODD), "people", duck.parent)
        writer.stdin.close()
    assert open_export(Export((duck.name,), table=ODD), "people", duck.parent).columns


def test_kinds_of_postgres_columns(postgres, monkeypatch, tmp_path):
    monkeypatch.setenv("LEADS_DB", postgres)
    source = open_export(Export(connection="LEADS_DB", table="public.kinds"), "people", tmp_path)
    (row,) = pa.Table.from_batches(list(source.batches(["u", "n", "j", "l", "i", "b", "p"]))).to_pylist()
    assert row == {
        "u": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "n": "0.10",
        "j": '{"a": 1}',
        "l": ["x", "y"],
        "i": "1 day",
        "b": "\\x61",
        "p": "10.0.0.1/32",
    }


DATA = """
data: 1
timezone: Europe/Berlin
sources:
  people:
    connection: LEADS_DB
    table: public.leads
    columns: {created: {type: time}, tags: {type: list}, size: {type: number}}
leads:
  people: {from: people, lead_id: id, created_at: created, columns: {tags: tags, size: size, active: active}}
"""


def test_a_table_of_postgres_becomes_leads(postgres, monkeypatch, tmp_path):
    monkeypatch.setenv("LEADS_DB", postgres)
    with adbc_driver_postgresql.dbapi.connect(postgres, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE leads AS SELECT i AS id, timestamptz '2026-01-05 09:12+00' AS created, "
            "ARRAY['a', 'b'] AS tags, 1.50::numeric AS size, i > 1 AS active FROM generate_series(1, 100000) AS i"
        )
    (tmp_path / "data.yaml").write_text(DATA)
    leads = import_tables(tmp_path / "data.yaml").leads
    assert leads.num_rows == 100_000
    first = leads.slice(0, 1).to_pylist()[0]
    assert (first["lead_id"], str(first["created_at"]), first["tags"], first["size"], first["active"]) == (
        "1",
        "2026-01-05 10:12:00+01:00",
        ["a", "b"],
        1.5,
        "false",
    )


BROKEN = [
    "postgresql://tester:geheim-17@localhost:1/geheim-db",
    "postgresql://tester:geheim-17@nohost.invalid/x?geheim-17=1",
    "postgresql://tester:gehe/im-17@localhost:1/x",
    "postgresql://tester:gehe%20im-17@/x?host=/geheim-17&passfile=/geheim-17",
    "postgresql+psycopg2://tester:geheim-17@localhost:geheim-17/x",
    "sqlite:////geheim-17/geheim.db",
    "duckdb:////geheim-17/geheim.duckdb",
    "mysql://tester:geheim-17@localhost/x",
    "host=localhost password=geheim-17",
]


@pytest.mark.parametrize("connection", BROKEN)
def test_no_message_holds_a_piece_of_the_connection(connection, monkeypatch, tmp_path):
    monkeypatch.setenv("LEADS_DB", connection)
    with pytest.raises(ContractError, match="'LEADS_DB'") as caught:
        open_export(Export(connection="LEADS_DB", table="t"), "people", tmp_path)
    assert "geheim" not in repr(Database("people", "here", "postgres", connection, secret=True))
    assert not [piece for piece in ("geheim", "gehe", "im-17", "tester") if piece in str(caught.value)]


def test_a_wrong_password_is_not_said(postgres, monkeypatch, tmp_path):
    monkeypatch.setenv("LEADS_DB", postgres.replace(quote(PASSWORD, safe=""), "falsch-99"))
    with pytest.raises(ContractError, match="password authentication failed") as caught:
        open_export(Export(connection="LEADS_DB", table="t"), "people", tmp_path)
    assert "falsch" not in str(caught.value)


def test_what_lacks_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("LEADS_DB", raising=False)
    with pytest.raises(ContractError, match="needs the environment variable 'LEADS_DB', which is not set"):
        open_export(Export(connection="LEADS_DB", table="t"), "people", tmp_path)
    monkeypatch.setenv("LEADS_DB", "snowflake://a:b@c/d")
    monkeypatch.setitem(sys.modules, "adbc_driver_snowflake", None)
    with pytest.raises(ContractError, match=r"pip install 'leadscore\[snowflake\]'"):
        open_export(Export(connection="LEADS_DB", table="t"), "people", tmp_path)
    monkeypatch.setenv("LEADS_DB", "sqlite:///x.db")
    (tmp_path / "leads.sql").write_text("SELECT 1")
    with pytest.raises(ContractError, match=r"'lead\.sql', cannot be read.*did you mean 'leads.sql'"):
        open_export(Export(connection="LEADS_DB", query="lead.sql"), "people", tmp_path)


NAMES = {
    ("postgres", "public.Leads"): '"public"."Leads"',
    ("postgres", '"a.b"."c""d"'): '"a.b"."c""d"',
    ("postgres", "leads; DROP TABLE x"): '"leads; DROP TABLE x"',
    ("snowflake", 'analytics.crm."leads"'): '"ANALYTICS"."CRM"."leads"',
    ("bigquery", "`my-project.crm.leads`"): "`my-project`.`crm`.`leads`",
    ("bigquery", "my-project.crm.leads"): "`my-project`.`crm`.`leads`",
}


@pytest.mark.parametrize(("dialect", "name"), NAMES)
def test_names_are_quoted_part_by_part(dialect, name):
    assert Database("people", "here", dialect, "", True).table(name) == NAMES[dialect, name]


@pytest.mark.parametrize("name", ['a."b', "a..b", '"a"b', "", "a."])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(ContractError, match="here has no table"):
        Database("people", "here", "postgres", "", True).table(name)
