"""Columns with as many values as there are leads: they are read, answered and kept a part at a time."""

import datetime as dt
import tracemalloc
from decimal import Decimal

import duckdb
import pandas as pd
import psycopg
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.engines.sql import relations
from leadscore.engines.sql.servers import server_of
from leadscore.errors import ContractError
from tests.support import in_database
from tests.support.engines import same_scores, worlds

FEW = settings(max_examples=min(settings.default.max_examples, 60), phases=[Phase.generate])
BOOK = ls.Rulebook.from_yaml("""
leadscore: 2
name: many
account: {id: company, threshold: 5, rules: [{name: People, people: {fit: {at_least: 0}}, from: {2: 5}}]}
fit:
  - {name: School, when: {email: {ends_with: .edu}}, points: 5}
behaviour:
  - {name: Pages, event: visit, per: page, each_at_most: 5, count: each, points: 2}
  - {name: Spent, event: visit, where: {page: {contains: "7"}}, sum: amount, points: 1}
qualify: {threshold: 10}
""")

MAIL = ls.Rulebook.from_yaml("""
leadscore: 2
name: mail
fit: [{name: School, when: {email: {ends_with: .edu}}, points: 5}]
qualify: {threshold: 5}
""")


@pytest.fixture(params=[1, 3])
def few(request, monkeypatch):
    """So few values are read at a time."""
    monkeypatch.setattr(relations, "VALUES_AT_ONCE", request.param)
    return request.param


def tables():
    n = 24
    leads = pd.DataFrame({"lead_id": [f"L-{one:02}" for one in range(n)]})
    leads["email"] = [f"{one}@{'Uni.EDU ' if one % 3 else 'shop.com'}" for one in range(n)]
    leads["company"] = [("Acme", "ACME ", "Bolt", None, "acme", "")[one % 6] for one in range(n)]
    events = pd.DataFrame({"lead_id": leads["lead_id"].to_list() * 4})
    events["event"] = [("visit", "VISIT ", "click")[one % 3] for one in range(4 * n)]
    events["page"] = [("/a", "/A ", "/7", None, "/b7")[one % 5] for one in range(4 * n)]
    events["amount"] = [Decimal(f"{one % 7}.{'05' if one % 2 else '5'}") for one in range(4 * n)]
    events["at"] = [dt.date(2026, 3, 1 + one % 30) for one in range(4 * n)]
    return {"leads": leads, "events": events}


@pytest.mark.usefixtures("few")
def test_figures_of_a_few_values_at_a_time(connection):
    program = in_database.check(BOOK, connection, tables(), "2026-03-31")
    held = ls.load_tables(**tables(), rulebook=BOOK)
    want = ls.score_accounts(ls.score(held, BOOK, as_of="2026-03-31").tables, BOOK, as_of="2026-03-31").frame
    pd.testing.assert_frame_equal(program.accounts(), want.sort_index(), check_exact=True, check_dtype=False)


def test_no_more_values_are_read_at_a_time(connection, few, monkeypatch):
    """Of whatever query that reads a column: so many rows, and a row for the span of its times."""
    server, read = type(server_of(connection)), []

    def noted(name):
        ordinary = getattr(server, name)

        def asked(own, sql, *rows):
            found = ordinary(own, sql, *rows)
            parts = [found] if name == "fetch" else list(found)
            read.extend(part.num_rows for part in parts)
            return found if name == "fetch" else iter(parts)

        return asked

    names = in_database.put(connection, **tables())
    for name in ("fetch", "batches"):
        monkeypatch.setattr(server, name, noted(name))
    ls.to_sql(BOOK, connection, **names, as_of="2026-03-31")
    assert max(read) == few
    assert sum(read) > len(tables()["leads"])


@FEW
@given(worlds(), st.integers(1, 4))
def test_random_worlds_on_duckdb(world, few):
    with pytest.MonkeyPatch.context() as patched, duckdb.connect() as connection:
        patched.setattr(relations, "VALUES_AT_ONCE", few)
        same_scores("duckdb", world, there=connection)


@pytest.mark.slow
@FEW
@given(worlds(), st.integers(1, 4))
def test_random_worlds_on_postgres(address, world, few):
    with pytest.MonkeyPatch.context() as patched, psycopg.connect(address) as connection:
        patched.setattr(relations, "VALUES_AT_ONCE", few)
        same_scores("postgres", world, there=connection)


@pytest.mark.usefixtures("few")
def test_what_cannot_be_read_is_counted_over_all_parts(connection):
    held = tables()
    held["events"]["amount"] = [("many", "few", "2000000", "3e9", "1")[one % 5] for one in range(len(held["events"]))]
    held["events"]["event"] = ["visit", "\u200b ", "\u00a0", "visit"] * 24
    with pytest.raises(ContractError) as caught:
        ls.to_sql(BOOK, connection, **in_database.put(connection, **held), as_of="2026-03-31")
    (problem,) = caught.value.problems
    assert "2 distinct values of white space alone: no event" in str(problem)
    held["events"]["event"] = "visit"
    with pytest.raises(ContractError) as caught:
        ls.to_sql(BOOK, connection, **in_database.put(connection, **held), as_of="2026-03-31")
    said = "\n".join(map(str, caught.value.problems))
    assert "2 distinct values: text that is not a plain number" in said
    assert "2 distinct values beyond a million, which is too large to add up" in said


def test_memory_is_that_of_a_part(monkeypatch):
    """60,000 addresses take Python some 14 MB: 500 at a time, less than one."""
    monkeypatch.setattr(relations, "VALUES_AT_ONCE", 500)
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE leads AS SELECT n AS lead_id, n || '@school.edu' AS email FROM range(60_000) t(n)"
        )
        ls.to_sql(MAIL, connection, leads="leads", as_of="2026-03-31")
        tracemalloc.start()
        try:
            program = ls.to_sql(MAIL, connection, leads="leads", as_of="2026-03-31")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 2_000_000
        (table,) = program.tables.values()
        assert table.num_rows == 60_000
        assert program.frame()["total"].eq(5).all()
