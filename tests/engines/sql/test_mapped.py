"""A data file's tables read where they are: what an import gives, or a refusal with its line; never another figure."""

import datetime as dt

import duckdb
import pytest

import leadscore as ls
from leadscore.engines.sql.mapped import connection_of, mapped
from leadscore.engines.sql.program import written
from leadscore.engines.sql.servers import server_of
from leadscore.errors import DataFileError

BOOK = ls.Rulebook.from_yaml("""
leadscore: 1
name: demo
fit:
  - {name: Title, column: job_title, points: {CFO: 40, "head of it": 30}, other: 5}
  - {name: Size, when: {employees: {at_least: 100}}, points: 20}
behaviour:
  - {name: Pricing page, event: pricing, points: 15, half_life_days: 30}
  - {name: Demo asked for, event: demo, where: {product: [Suite]}, points: 25, within_days: 60}
qualify: {threshold: 60}
""")
DATA = """
data: 1
sources:
  people: {table: crm.contacts, connection: WAREHOUSE, columns: {size: {type: number}}}
  views: {table: web.views, connection: WAREHOUSE}
  asked: {query: "SELECT who, seen, what FROM web.asked", connection: WAREHOUSE}
leads:
  people: {from: people, lead_id: id, created_at: made, columns: {job_title: title, employees: size}}
events:
  views: {from: views, lead_id: who, event: kind, at: seen}
  asked: {from: asked, lead_id: who, event: {value: demo}, at: seen, columns: {product: what}}
"""
WITHIN = {"people": '"crm"."contacts"', "views": '"web"."views"', "asked": "(SELECT who, seen, what FROM web.asked)"}
TABLES = """
CREATE SCHEMA crm; CREATE SCHEMA web;
CREATE TABLE crm.contacts (id BIGINT, made TIMESTAMP, title TEXT, size INTEGER, secret TEXT);
INSERT INTO crm.contacts VALUES (7, '2026-01-03 10:00:00', ' cfo', 20, 's'), (8, '2026-02-01', 'Head of IT', 500, NULL),
  (9, '2026-05-01', 'Intern', NULL, NULL), (10, NULL, NULL, 99, NULL);
CREATE TABLE web.views (who TEXT, kind TEXT, seen TIMESTAMPTZ);
INSERT INTO web.views VALUES ('7', 'Pricing', '2026-03-01 23:59:59+00'), ('7', 'blog', '2026-03-02 00:00:00+00'),
  ('8', 'pricing', '2026-03-31 12:00:00+00'), ('99', 'pricing', '2026-03-31'),
  (NULL, 'pricing', '2026-03-31');
CREATE TABLE web.asked (who INTEGER, seen DATE, what TEXT);
INSERT INTO web.asked VALUES (8, '2026-03-30', 'suite'), (10, '2026-01-01', 'suite'), (10, '2026-03-30', NULL);
"""


@pytest.fixture
def connection():
    with duckdb.connect() as held:
        held.execute("SET TimeZone = 'UTC'")
        held.execute(TABLES)
        yield held


def made(connection, text=DATA, book=BOOK):
    return mapped(ls.imports.DataFile.from_yaml(text), book, server_of(connection), WITHIN)


def refusal(connection, text, book=BOOK):
    with pytest.raises(DataFileError) as caught:
        made(connection, text, book)
    return str(caught.value)


def test_it_gives_what_an_import_gives(connection):
    server, found = server_of(connection), made(connection)
    program = written(BOOK, server, found.tables, server.dialect, found.tables, dt.date(2026, 3, 31))
    names = {"people": "crm.contacts", "views": "web.views", "asked": "web.asked"}
    held = {name: connection.sql(f"FROM {table}").to_arrow_table() for name, table in names.items()}
    tables = ls.load_tables(
        ls.imports.import_tables(
            ls.imports.DataFile.from_yaml(
                DATA.replace("table: crm.contacts, connection: WAREHOUSE, ", "")
                .replace("table: web.views, connection: WAREHOUSE", "")
                .replace('query: "SELECT who, seen, what FROM web.asked", connection: WAREHOUSE', "")
            ),
            sources=held,
        ),
        rulebook=BOOK,
    )
    theirs = ls.score(tables, BOOK, as_of="2026-03-31").frame
    ours = program.frame().loc[theirs.index]
    assert theirs["total"].tolist() == ours["total"].tolist() != [0] * len(theirs)
    assert theirs.equals(ours)


def test_rows_of_nobody_are_counted(connection):
    server, found = server_of(connection), made(connection)
    assert {name: server.fetch(sql)["n"][0].as_py() for name, sql in found.strangers.items()} == {"events": 2}


def test_rows_of_nobody_stay_where_the_file_refuses_them(connection):
    server, found = server_of(connection), made(connection, DATA + "identity: {unmatched: refuse}\n")
    assert found.strangers == {}
    program = written(BOOK, server, found.tables, server.dialect, found.tables, dt.date(2026, 3, 31))
    with pytest.raises(ls.ContractError, match="events of leads that are not among the leads"):
        program.frame()


def test_blanks_around_an_id_are_seen(connection):
    server, found = server_of(connection), made(connection)
    assert [server.fetch(check.sql)["n"][0].as_py() for check in found.checks.values()] == [0, 0]
    connection.execute("UPDATE web.views SET who = who || chr(9) WHERE who = '7'")
    assert [server.fetch(check.sql)["n"][0].as_py() for check in found.checks.values()] == [0, 2]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("job_title: title", "job_title: {column: title, values: {cfo: CFO}}", "leads.people.columns.job_title"),
        ("job_title: title", "job_title: {column: title, before: ','}", "is more than a column"),
        (
            "{from: views,",
            "{from: views, where: {kind: [Pricing]},",
            "events.views.where: 'where' is not done in a database",
        ),
        ("{from: views,", "{from: views, unique_key: [who, seen],", "'unique_key' is not done in a database"),
        ("{table: web.views,", "{table: web.views, drop: {kind: [x]},", "sources.views.drop"),
        ("{table: web.views,", "{table: web.views, timezone: Europe/Oslo,", "sources.views.timezone"),
        ("{table: web.views,", "{table: web.views, missing_values: [none],", "'none' means nothing here"),
        ("lead_id: who, event: kind", "lead_id: {column: who, kind: email}, event: kind", "events.views.lead_id"),
        ("employees: size", "employees: title", "leads.people.columns.employees"),
        ("employees: size", "employees: sizes", "people has no column 'sizes'"),
        ("{size: {type: number}}", "{size: {type: number, thousands: ' '}}", "'size' is read as number from text"),
        ("{size: {type: number}}", "{size: {type: boolean}}", "'size' is true or false by the file, and int32"),
        ("data: 1", "data: 1\ntimezone: Europe/Oslo", "Europe/Oslo, and the rulebook has UTC"),
        ("events:\n", "identity: {same_person: job_title}\nevents:\n", "tells people apart by more than their id"),
    ],
)
def test_more_than_columns_is_refused(connection, old, new, said):
    text = DATA.replace(old, new)
    assert text != DATA
    if new == "employees: title":
        text = text.replace("columns: {size: {type: number}}", "columns: {title: {type: number}}")
    assert said in refusal(connection, text)


def test_what_no_rule_asks_for_is_no_matter(connection):
    text = DATA.replace("employees: size", "employees: size, other: {column: secret, before: ','}")
    assert text != DATA
    assert made(connection, text).tables == made(connection).tables


def test_all_problems_at_once(connection):
    text = DATA.replace("{from: views,", "{from: views, where: {kind: [Pricing]},").replace("size}", "sizes}")
    assert refusal(connection, text).startswith("2 problems in data file")


def test_one_database():
    assert connection_of(ls.imports.DataFile.from_yaml(DATA)) == "WAREHOUSE"
    with pytest.raises(DataFileError, match="these are in OTHER, WAREHOUSE"):
        connection_of(
            ls.imports.DataFile.from_yaml(DATA.replace("web.views, connection: WAREHOUSE", "v, connection: OTHER"))
        )
    with pytest.raises(DataFileError, match=r"sources\.views: 'views' is a file"):
        connection_of(
            ls.imports.DataFile.from_yaml(DATA.replace("table: web.views, connection: WAREHOUSE", "file: v.csv"))
        )
