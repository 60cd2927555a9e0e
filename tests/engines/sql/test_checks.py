"""What breaks the contract is named, and no figure is given: each check fires, and none without a cause."""

import datetime as dt

import duckdb
import pandas as pd
import psycopg
import pytest

import leadscore as ls
from leadscore.errors import ArgumentError, ContractError
from tests.support import in_database

BOOK = ls.Rulebook.from_yaml("""
leadscore: 2
name: demo
timezone: Europe/Berlin
fit:
  - {name: Home market, column: country, points: {US: 60}}
  - {name: Size, column: employees, from: {50: 5}}
behaviour:
  - {name: Visit, event: visit, points: 30, half_life_days: 3000}
qualify: {threshold: 80}
""")


def tables():
    at = pd.to_datetime(["2026-03-01T10:00Z", "2026-03-30T10:00Z"]).astype("datetime64[us, UTC]")
    created = pd.to_datetime(["2026-01-01T10:00Z", None, None]).astype("datetime64[us, UTC]")
    leads = pd.DataFrame({"lead_id": ["a", "b", "c"], "country": ["US", "us ", None], "employees": [50, 10, 1]})
    return {
        "leads": leads.assign(created_at=created),
        "events": pd.DataFrame({"lead_id": ["a", "b"], "event": ["visit", "Visit"], "at": at}),
    }


def program(connection, held=None, book=BOOK):
    return ls.to_sql(book, connection, **in_database.put(connection, **(held or tables())), as_of="2026-03-31")


def test_nothing_is_found_without_a_cause(connection):
    assert len(program(connection).frame()) == 3


FAULTS = {
    "events of leads that are not among the leads": (
        "INSERT INTO events VALUES ('z', 'visit', '2026-03-30 10:00:00+00')",
        1,
    ),
    "a lead_id that is not unique": ("INSERT INTO leads VALUES ('a', 'US', 5, NULL)", 1),
    "no lead_id": ("INSERT INTO leads VALUES (NULL, 'US', 5, NULL), ('', 'US', 5, NULL)", 2),
    "no event": ("INSERT INTO events VALUES ('a', NULL, '2026-03-30 10:00:00+00')", 1),
    "no time, or one outside": ("INSERT INTO events VALUES ('a', 'visit', NULL), ('a', 'visit', 'infinity')", 2),
    "leads.country: 1 row: a value that was not there": ("INSERT INTO leads VALUES ('d', 'DE', 5, NULL)", 1),
    "events.event: 1 row: a value that was not there": (
        "INSERT INTO events VALUES ('a', 'x', '2026-03-30 10:00:00+00')",
        1,
    ),
    "whole numbers above 2**53": ("INSERT INTO leads VALUES ('d', 'US', 9007199254740993, NULL)", 1),
    "an event older than": ("INSERT INTO events VALUES ('a', 'visit', '2025-03-30 10:00:00+00')", 1),
    "events.at: 1 row: a time beyond": ("INSERT INTO events VALUES ('a', 'visit', '2031-03-30 10:00:00+00')", 1),
    "leads.created_at: 1 row: a time outside": ("INSERT INTO leads VALUES ('d', 'US', 5, 'infinity')", 1),
}


@pytest.mark.parametrize("message", FAULTS)
def test_each_fault_that_comes_later_is_found(connection, message):
    made, (statement, n) = program(connection), FAULTS[message]
    connection.execute(statement)
    with pytest.raises(ContractError) as caught:
        made.frame()
    assert message in str(caught.value)
    assert f"{n} row" in str(caught.value)


@pytest.mark.parametrize("message", FAULTS)
def test_each_fault_is_found_before_anything_is_written(connection, message):
    made = program(connection)
    connection.execute("CREATE TABLE scores AS SELECT 1 AS kept")
    connection.execute(FAULTS[message][0])
    with pytest.raises(ContractError):
        made.run(into="scores")
    assert connection.execute("SELECT kept FROM scores").fetchall() == [(1,)]
    if isinstance(connection, psycopg.Connection):
        connection.rollback()


def test_a_lead_twice_from_the_same_time(connection):
    held = tables()
    held["leads"] = held["leads"].assign(valid_from=pd.to_datetime(["2026-01-01"] * 3).astype("datetime64[us]"))
    made = program(connection, held)
    connection.execute("INSERT INTO leads SELECT * FROM leads WHERE lead_id = 'a'")
    with pytest.raises(ContractError, match="a lead_id with the same valid_from again"):
        made.frame()


def test_rows_of_a_lead_that_was_created_twice(connection):
    held = tables()
    held["leads"] = held["leads"].assign(valid_from=pd.to_datetime(["2026-01-01"] * 3).astype("datetime64[us]"))
    made = program(connection, held)
    connection.execute("INSERT INTO leads VALUES ('a', 'US', 5, '2026-01-02 10:00:00+00', '2026-01-02')")
    with pytest.raises(ContractError, match="a lead with different created_at"):
        made.frame()


def test_a_collation_that_folds_case_is_found():
    with duckdb.connect() as connection:
        in_database.put(connection, held=tables()["leads"], events=tables()["events"])
        connection.execute(
            "CREATE TABLE leads AS SELECT lead_id, country COLLATE NOCASE AS country, employees FROM held"
        )
        connection.execute("INSERT INTO leads VALUES ('d', 'Us ', 5)")
        with pytest.raises(ContractError, match=r"leads\.country: \d rows?: texts that the column's collation takes"):
            ls.to_sql(BOOK, connection, leads="leads", events="events", as_of="2026-03-31").frame()


@pytest.mark.slow
def test_a_collation_that_folds_case_changes_nothing_on_postgres(address):
    words = ["US", "us", "Us", "uS ", "DE", "de"]
    leads = pd.DataFrame({"lead_id": ["a", "A", "b", "B", "c", "C"], "country": words, "employees": 5})
    events = pd.DataFrame({"lead_id": ["a", "A"], "event": ["visit", "VISIT"], "at": [dt.date(2026, 3, 31)] * 2})
    with psycopg.connect(address) as connection:
        in_database.put(connection, plain=leads, happened=events)
        connection.execute(
            "CREATE COLLATION folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
        )
        for name, source in (("leads", "plain"), ("events", "happened")):
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {source}")
            connection.execute(f"ALTER TABLE {name} ALTER COLUMN lead_id TYPE text COLLATE folding")
        connection.execute("ALTER TABLE leads ALTER COLUMN country TYPE text COLLATE folding")
        assert connection.execute("SELECT COUNT(DISTINCT country) FROM leads").fetchone() == (3,)
        have = ls.to_sql(BOOK, connection, leads="leads", events="events", as_of="2026-03-31").frame()
        in_database.check_equal(have, in_database.scored(BOOK, {"leads": leads, "events": events}, "2026-03-31").frame)
        connection.rollback()


def test_what_cannot_be_read_is_refused_when_the_statement_is_made(connection):
    held = tables()
    held["leads"]["employees"] = ["50", "many", None]
    held["leads"] = held["leads"].drop(columns="country")
    with pytest.raises(ContractError, match=r"no column 'country', which rulebook 'demo' uses"):
        program(connection, held)
    held["leads"]["country"] = "US"
    with pytest.raises(ContractError, match="1 distinct value: text that is not a plain number"):
        program(connection, held)
    held = tables()
    held["events"]["at"] = held["events"]["at"].astype(str)
    with pytest.raises(ContractError, match=r"events\.at.*needed; give a view that casts them to timestamps"):
        program(connection, held)
    held["events"] = tables()["events"].assign(lead_id=[1, 2])
    with pytest.raises(ContractError, match="text in one table and numbers in another"):
        program(connection, held)
    held["events"] = tables()["events"].assign(event=["visit", "\u200b "])
    with pytest.raises(ContractError, match="of white space alone: no event"):
        program(connection, held)


def test_stages_need_outcomes_that_keep_the_contract(connection):
    book = BOOK.edited({"restart": {"stage": "recycled"}})
    with pytest.raises(ContractError, match="asks for stages: give the table of outcomes"):
        program(connection, book=book)
    held = tables()
    days = pd.to_datetime(["2026-02-01", "2026-02-02"]).astype("datetime64[us]")
    held["outcomes"] = pd.DataFrame({"lead_id": ["a"], "stage": ["recycled"], "at": days[:1]})
    made = program(connection, held, book)
    made.frame()
    connection.execute("INSERT INTO outcomes SELECT * FROM outcomes")
    with pytest.raises(ContractError, match="outcomes: 1 row: more or fewer than when"):
        made.frame()
    held["outcomes"] = pd.DataFrame({"lead_id": ["a", "nobody"], "stage": ["recycled", "moved"], "at": days})
    with pytest.raises(ContractError, match="outcomes of leads that are not among the leads") as caught:
        program(connection, held, book)
    assert "not a stage" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [{"row_factory": psycopg.rows.dict_row}, {"cursor_factory": psycopg.ClientCursor}])
def test_cursors_of_the_callers_own_kind_change_nothing(address, kind):
    with psycopg.connect(address, **kind) as connection:
        have = program(connection).frame()
        in_database.check_equal(have, in_database.scored(BOOK, tables(), "2026-03-31").frame)
        connection.rollback()


@pytest.mark.slow
def test_settings_of_the_caller_stay_as_they_were(address):
    """Those that make the statement quick are for its own transaction; in that of the caller they are set back."""
    with psycopg.connect(address) as connection:
        made = program(connection)
        for memory in ("1MB", "300MB"):
            connection.execute("SELECT set_config('work_mem', %s, FALSE)", [memory])
            made.frame()
            made.run(into="scores")
            sql = "SELECT current_setting('jit'), current_setting('work_mem')"
            assert connection.execute(sql).fetchone() == ("on", memory)
        connection.rollback()


@pytest.mark.parametrize("name", ["", "a..b", "ev", "p"])
def test_names_that_are_none_or_the_statements_own(connection, name):
    in_database.put(connection, **tables())
    with pytest.raises(ArgumentError, match=r"cannot name a table|uses itself"):
        ls.to_sql(BOOK, connection, leads=name, events="events", as_of="2026-03-31")


def test_what_is_no_connection_is_refused():
    with pytest.raises(ArgumentError, match=r"must be a connection of duckdb or of psycopg.*got a str"):
        ls.to_sql(BOOK, "postgresql://tester:secret@host/db", leads="leads", as_of="2026-03-31")


def test_scores_are_written_to_a_table_again_and_again(connection):
    made = program(connection)
    want = made.frame()
    for _ in range(2):
        made.run(into="scores")
    rows = connection.execute("SELECT lead_id, total, qualified FROM scores ORDER BY lead_id").fetchall()
    assert rows == list(want.sort_index()[["total", "qualified"]].itertuples(name=None))
    with pytest.raises(ArgumentError, match="is read by the statement"):
        made.run(into="leads")
    connection.execute("DROP TABLE scores")


def test_nothing_is_left_behind(connection):
    made = program(connection)
    sql = {
        True: "SELECT COUNT(*) FROM duckdb_tables() WHERE table_name LIKE 'leadscore%'",
        False: "SELECT COUNT(*) FROM pg_class WHERE relname LIKE 'leadscore%'",
    }[isinstance(connection, duckdb.DuckDBPyConnection)]
    made.frame()
    made.run(into="scores")
    assert connection.execute(sql).fetchone() == (0,)
    connection.execute("DROP TABLE scores")


def test_a_transaction_of_the_caller_stays_its_own(connection):
    made = program(connection)
    connection.execute("BEGIN") if isinstance(connection, duckdb.DuckDBPyConnection) else None
    connection.execute("INSERT INTO leads VALUES ('d', 'US', 5, NULL)")
    assert len(made.frame()) == 4
    connection.execute("ROLLBACK") if isinstance(connection, duckdb.DuckDBPyConnection) else None
    if isinstance(connection, duckdb.DuckDBPyConnection):
        assert len(made.frame()) == 3
