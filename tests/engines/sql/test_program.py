"""A rulebook in SQL gives the figures of `score`: accounts and histories too, on DuckDB and on Postgres."""

import datetime as dt
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import psycopg
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.engines.sql.relations import Relation
from leadscore.errors import LeadscoreError
from tests.support import in_database, strategies, strategies2

# To make an example smaller takes minutes, with a database for each.
FEW = settings(max_examples=min(settings.default.max_examples // 2, 60), phases=[Phase.generate])
MANY = settings(max_examples=min(settings.default.max_examples, 120), phases=[Phase.generate])


@st.composite
def grown(draw):
    """A case with several rows for a lead, each from a time on: the rows dealt out to fewer leads."""
    case = draw(strategies2.cases())
    zone, aware = ZoneInfo(case.document.get("timezone", "UTC")), draw(st.booleans())
    n = draw(st.integers(1, 3))
    leads, taken, first = [], set(), {}
    for number, row in enumerate([*case.leads, *case.leads]):
        lead = f"L-{number % n}"
        day = draw(st.sampled_from([None, *(case.as_of + dt.timedelta(days=days) for days in (-40, -1, 0, 0, 1))]))
        time = draw(st.sampled_from([dt.time(), dt.time(9), dt.time(23, 59, 59, 999999)]))
        at = day and dt.datetime.combine(day, time)
        at = at.replace(tzinfo=zone).astimezone(dt.UTC) if at and aware else at
        first.setdefault(lead, row.get("created_at"))
        if (lead, at) not in taken:
            taken.add((lead, at))
            kept = {key: value for key, value in row.items() if key != "created_at"}
            created = {} if first[lead] is None else {"created_at": first[lead]}
            leads.append(kept | created | {"lead_id": lead, "valid_from": at})
    events = [event | {"lead_id": f"L-{int(event['lead_id'][2:]) % n}"} for event in case.events]
    return case._replace(leads=leads, events=events, outcomes=[]), "datetime64[us, UTC]" if aware else "datetime64[us]"


def tables_of(case, module):
    frames = module.frames(case)
    return dict(zip(("leads", "events", "outcomes"), frames, strict=False))


def check_case(connection, case, module):
    """The case's leads, and its accounts where there are some; what `score` refuses is left out."""
    tables, rulebook = tables_of(case, module), ls.Rulebook.from_dict(case.document)
    check_tables(connection, tables, rulebook, case.as_of)


def check_tables(connection, tables, rulebook, as_of):
    try:
        want = in_database.scored(rulebook, tables, as_of)
    except LeadscoreError:
        return
    program = ls.to_sql(rulebook, connection, **in_database.put(connection, **tables), as_of=as_of)
    in_database.check_equal(program.frame(), want.frame)
    if rulebook.account is not None:
        accounts = ls.score_accounts(want.tables, rulebook, as_of=as_of).frame.sort_index(kind="stable")
        pd.testing.assert_frame_equal(program.accounts(), accounts, check_exact=True, check_dtype=False)


def check_grown(connection, grown):
    case, kind = grown
    tables = tables_of(case, strategies2)
    tables["leads"]["valid_from"] = pd.Series([row["valid_from"] for row in case.leads], dtype=kind)
    document = {key: value for key, value in case.document.items() if key != "account"}
    rulebook = ls.Rulebook.from_dict(document)
    del tables["outcomes"]
    if "stage" not in str(document):
        check_tables(connection, tables, rulebook, case.as_of)


@FEW
@given(strategies2.cases())
def test_format_2_on_duckdb(case):
    with duckdb.connect() as connection:
        check_case(connection, case, strategies2)


TOLD_APART = """
leadscore: 2
name: demo
behaviour:
  - {name: Webinars, event: webinar, once_per: [program, day], points: 3}
  - {name: Assets, event: visit, per: asset, each_at_most: 5, count: each, points: 2}
qualify: {threshold: 10}
"""


@FEW
@given(st.randoms(use_true_random=False))
def test_the_order_of_values_changes_nothing(order):
    """A database gives them as it likes, and never twice alike."""
    texts = ["w1", "W1 ", "w2", None, "", "w3", "\uff573", "w4"]
    rows = [
        (f"L-{n % 5}", kind, texts[n % 8], f"2026-03-{1 + n % 4:02}")
        for kind in ("webinar", "visit")
        for n in range(60)
    ]
    events = pd.DataFrame(rows, columns=["lead_id", "event", "program", "at"]).assign(
        asset=lambda frame: frame["program"]
    )
    events["at"] = pd.to_datetime(events["at"]).astype("datetime64[us]")
    tables = {"leads": pd.DataFrame({"lead_id": [f"L-{n}" for n in range(5)]}), "events": events}
    ordered = Relation.distinct

    def shuffled(relation, name):
        values = pa.concat_arrays([*ordered(relation, name)])
        yield values.take(pa.array(order.sample(range(len(values)), len(values)), pa.int64()))

    with pytest.MonkeyPatch.context() as patched, duckdb.connect() as connection:
        patched.setattr(Relation, "distinct", shuffled)
        check_tables(connection, tables, ls.Rulebook.from_yaml(TOLD_APART), dt.date(2026, 3, 31))


@FEW
@given(grown())
def test_rows_with_valid_from_on_duckdb(grown):
    with duckdb.connect() as connection:
        check_grown(connection, grown)


@pytest.mark.slow
@MANY
@given(strategies.cases())
def test_format_1_on_duckdb(case):
    with duckdb.connect() as connection:
        check_case(connection, case, strategies)


@pytest.mark.slow
@MANY
@given(strategies2.cases())
def test_more_of_format_2_on_duckdb(case):
    with duckdb.connect() as connection:
        check_case(connection, case, strategies2)


@pytest.mark.slow
@MANY
@given(strategies.cases())
def test_format_1_on_postgres(address, case):
    with psycopg.connect(address) as connection:
        check_case(connection, case, strategies)


@pytest.mark.slow
@MANY
@given(strategies2.cases())
def test_format_2_on_postgres(address, case):
    with psycopg.connect(address) as connection:
        check_case(connection, case, strategies2)


@pytest.mark.slow
@MANY
@given(grown())
def test_rows_with_valid_from(address, grown):
    with duckdb.connect() as connection:
        check_grown(connection, grown)
    with psycopg.connect(address) as connection:
        check_grown(connection, grown)
