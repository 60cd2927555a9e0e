"""The program as files: every dialect parses, values that may be people's stay out of git, dbt finds its tables."""

import csv
import re

import duckdb
import jinja2
import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlglot
from hypothesis import Phase, given, settings

import leadscore as ls
from leadscore.engines.sql.dialects import DIALECTS
from leadscore.engines.sql.files import checks_sql, is_seed
from leadscore.engines.sql.program import written
from leadscore.engines.sql.servers import server_of
from leadscore.errors import LeadscoreError
from tests.support import in_database, strategies2

FEW = settings(max_examples=min(settings.default.max_examples // 8, 30), phases=[Phase.generate])
BOOK = ls.Rulebook.from_yaml("""
leadscore: 2
name: 'braces {{ 7 }} {% raw %}'
columns:
  notes: {type: text}
fit:
  - {name: 'Home {{ market }}', column: country, points: {US: 60}}
  - {name: Notes, column: notes, points: {good: 5}}
  - {name: Title, when: {title: {has_word: cto}}, points: 5}
  - {name: Mail, column: email, points: {a@example.com: 5}}
  - {name: Contact, column: contact, points: {x: 5}}
  - {name: Code, column: code, points: {"007": 5}}
  - {name: Size, column: employees, from: {50: 5}}
  - {name: Level, column: level, points: {high: 5}}
  - {name: Spaces, column: spaces, points: {x: 5}}
behaviour:
  - {name: Visit, event: visit, points: 30, half_life_days: 30}
qualify: {threshold: 80, segments: [{name: 'a ''b'' \\ "c"', when: {country: US}, threshold: 9}]}
""")


def tables(n=3):
    rows = range(n)
    leads = {
        "lead_id": [f"L-{row}" for row in rows],
        "country": [("US", "us", "DE")[row % 3] for row in rows],
        "notes": "good", "title": "CTO", "email": "x", "code": "007", "employees": 50,
        "contact": [("x", "b@example.com")[row % 2] for row in rows],
        "level": [f"level {row}" for row in rows],
        "spaces": [("x", " x", "")[row % 3] for row in rows],
    }  # fmt: skip
    at = pd.to_datetime(["2026-03-30"]).astype("datetime64[us]")
    return {"leads": pd.DataFrame(leads), "events": pd.DataFrame({"lead_id": ["L-1"], "event": ["visit"], "at": at})}


@pytest.fixture
def connection():
    with duckdb.connect() as found:
        yield found


def program(connection, n=3):
    return ls.to_sql(BOOK, connection, **in_database.put(connection, **tables(n)), as_of="2026-03-31")


def test_few_values_of_columns_that_are_no_text_become_seeds(connection):
    found = program(connection)
    seeds = {name.removeprefix("leadscore_") for name in found.tables if is_seed(found, name)}
    assert seeds == {"leads_country", "leads_code", "leads_level", "leads_employees", "events_event", "classes", "ages"}


def test_a_thousand_values_and_no_more_become_a_seed(connection):
    assert is_seed(program(connection, 1000), "leadscore_leads_level")
    assert not is_seed(program(connection, 1001), "leadscore_leads_level")


def test_what_the_folder_holds(connection, tmp_path):
    found = program(connection)
    found.write(tmp_path)
    assert (tmp_path / "scores.sql").read_text() == f"{found.sql}\n"
    assert (tmp_path / "checks.sql").read_text() == f"{checks_sql(found)}\n"
    assert {path.stem for path in (tmp_path / "lookups").iterdir()} == set(found.tables)
    for name, table in found.tables.items():
        assert pq.read_table(tmp_path / "lookups" / f"{name}.parquet").equals(table)
    with (tmp_path / "dbt/seeds/leadscore_leads_code.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["k"] == "007"
    assert (
        "name: leadscore_leads_code\n    config:\n      column_types:\n        k: varchar"
        in (tmp_path / "dbt/seeds/leadscore.yml").read_text()
    )
    kept = "".join(path.read_text() for path in (tmp_path / "dbt").rglob("*") if path.is_file())
    assert "example.com" not in kept
    assert not any(path.name == "accounts.sql" for path in tmp_path.rglob("*"))
    # Written again, it is the same.
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    program(connection).write(tmp_path)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_nothing_is_left_of_an_earlier_rulebook(connection, tmp_path):
    earlier = set(program(connection).write(tmp_path))
    own = [tmp_path / "dbt/seeds/regions.csv", tmp_path / "lookups/notes.txt"]
    for path in own:
        path.write_text("not ours")
    # A level for each lead is too much for a seed, and of a contact nobody asks any more.
    fewer = ls.Rulebook.from_dict(
        BOOK.to_dict() | {"fit": [rule for rule in BOOK.to_dict()["fit"] if rule["name"] != "Contact"]}
    )
    frames = in_database.put(connection, **tables(1001))
    now = set(ls.to_sql(fewer, connection, **frames, as_of="2026-03-31").write(tmp_path))
    gone = {"lookups/leadscore_leads_contact.parquet", "dbt/seeds/leadscore_leads_level.csv"}
    assert {str(path.relative_to(tmp_path)) for path in earlier - now} == gone
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {*now, *own}


def test_the_files_alone_give_the_scores(connection, tmp_path):
    found = program(connection)
    want = found.frame()
    found.write(tmp_path)
    for path in (tmp_path / "lookups").iterdir():
        connection.execute(f"CREATE TABLE {path.stem} AS FROM read_parquet('{path}')")
    assert connection.sql((tmp_path / "checks.sql").read_text()).fetchall() == []
    rows = connection.sql((tmp_path / "scores.sql").read_text()).df().set_index("lead_id")
    assert rows["total"].to_dict() == want["total"].to_dict()
    connection.execute("INSERT INTO leads SELECT * REPLACE ('L-9' AS lead_id, 'FR' AS country) FROM leads LIMIT 1")
    failed = connection.sql((tmp_path / "checks.sql").read_text()).fetchall()
    assert [(name, n) for name, _, n in failed] == [("unseen leads.country", 1)]


def rendered(model):
    """What dbt's Jinja makes of a model: the calls it has, and the text with the name in place of each."""
    called = []

    def ref(*names):
        called.append(names)
        return f'"{names[-1]}"'

    return jinja2.Environment(autoescape=False).from_string(model).render(ref=ref, source=ref), called


def test_a_dbt_model_is_the_statement_by_dbts_names(connection, tmp_path):
    found = program(connection)
    found.write(tmp_path)
    text, called = rendered((tmp_path / "dbt/models/leadscore_scores.sql").read_text())
    assert text.split("\n", 1)[1].strip() == found.sql
    refs = {names[0] for names in called if len(names) == 1}
    assert refs == {name for name in found.tables if is_seed(found, name)}
    sources = {names[1] for names in called if len(names) == 2}
    listed = re.findall(r"- name: (leadscore_\w+)", (tmp_path / "dbt/models/leadscore.yml").read_text())
    assert sources == set(listed)
    test, _ = rendered((tmp_path / "dbt/tests/leadscore_checks.sql").read_text())
    assert test.split("\n", 1)[1].strip() == checks_sql(found)


@pytest.mark.parametrize("dialect", DIALECTS)
@FEW
@given(strategies2.cases())
def test_every_dialect_parses_and_names_what_it_reads(dialect, case):
    frames = dict(zip(("leads", "events", "outcomes"), strategies2.frames(case), strict=True))
    rulebook, wanted = ls.Rulebook.from_dict(case.document), DIALECTS[dialect]
    with duckdb.connect() as connection:
        read = {name: f'"{name}"' for name in in_database.put(connection, **frames)}
        named = {name: wanted.table(f'"my crm".{name}', name) for name in read}
        try:
            made = written(rulebook, server_of(connection), read, wanted, named, case.as_of)
        except LeadscoreError:
            return
    for sql in (made.sql, made.accounts_sql, checks_sql(made)):
        if sql is not None:
            (tree,) = sqlglot.parse(sql, read=dialect)
            tables = {table.name.lower() for table in tree.find_all(sqlglot.exp.Table)}
            ctes = {cte.alias.lower() for cte in tree.find_all(sqlglot.exp.CTE)}
            assert tables - ctes <= {*made.tables, *read}


@pytest.mark.parametrize(
    ("dialect", "name", "quoted"),
    [
        ("postgres", "crm.Leads", '"crm"."Leads"'),
        ("duckdb", '"a.b"."c""d"', '"a.b"."c""d"'),
        ("snowflake", 'analytics.crm."leads"', '"ANALYTICS"."CRM"."leads"'),
        ("bigquery", "`my-project.crm.leads`", "`my-project`.`crm`.`leads`"),
        ("redshift", "crm.leads; DROP TABLE x", '"crm"."leads; DROP TABLE x"'),
    ],
)
def test_names_of_tables_are_quoted_part_by_part(dialect, name, quoted):
    assert DIALECTS[dialect].table(name, "leads") == quoted


def test_snowflake_gets_the_case_that_it_keeps():
    assert DIALECTS["snowflake"].quoted("lead_id") == '"LEAD_ID"'
    assert DIALECTS["snowflake"].quoted("Lead Id") == '"Lead Id"'
    assert DIALECTS["duckdb"].quoted("lead_id") == '"lead_id"'
