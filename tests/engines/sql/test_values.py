"""Values that databases compare, cast and order as they please: SQL gives what `score` does all the same."""

import datetime as dt
import math
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pytest

import leadscore as ls
from leadscore.engines.sql.zones import offsets
from tests.support import hostile, in_database
from tests.support.in_database import check

TEXTS = [
    *hostile.NAMES,
    "İstanbul",
    "ẞ",
    "ß",
    "SS",
    "ﬁnance",
    "\uff21",
    "é",
    "e\u0301",
    "a\u0085b",
    "\u200bUS",
    "us ",
    "US",
    "Us",
]
TEXTS += [
    "it's",
    'say "hi"',
    "100 %",
    "%s",
    "{curly}",
    "{{ 7 }}",
    "\\",
    "",
    " ",
    "null",
    "N/A",
    "NaN",
    "1e3",
    "007",
    "7",
]
BOOK = """
leadscore: 2
name: hostile
timezone: Europe/Berlin
missing_values: [n/a]
columns:
  word: {type: text}
  order: {type: number}
  Größe "x": {type: category}
fit:
  - {name: 'it''s {{ 7 }}', column: word, points: {us: 1, ss: 2, finance: 4, a: 8, é: 16, "7": 32}, other: 64,
     missing: 128}
  - {name: Word, when: {word: {has_word: [istanbul, script, curly]}}, points: 256}
  - {name: Order, column: order, from: {0: 1, 0.1: 2, 0.009: 4, 1000: 8}, other: 16, missing: 32}
  - {name: Odd, column: 'Größe "x"', points: {s: 1, m: 2}, missing: 4}
behaviour:
  - {name: Visit, event: [visit, "100 %"], count: each, points: 3, half_life_days: 5}
  - {name: Sum, event: visit, sum: amount, points: 0.5}
  - {name: Twice, event: visit, where: {asset: {contains: pric}}, from: {2: 7}, count: each}
  - {name: Each, event: visit, per: asset, each_at_most: 5, points: 4}
qualify:
  threshold: 70
  never: [{name: 'Never "x"', when: {word: {contains: alert}}}]
"""


def time(*parts):
    """A moment of the clock, without a zone."""
    return dt.datetime(*parts)  # noqa: DTZ001 - that is what is meant


NUMBERS = [0.0, -0.0, 0.1, math.nextafter(0.1, 1), math.nextafter(0.1, 0), 0.009, math.nan, math.inf, -math.inf, 1e308]
NUMBERS += [5e-324, 999.9999999999999, 1000.0, -1e300, 2.0**53, 1e22, None, 0.30000000000000004]
# Both sides of midnight, of the clock put forward and put back, and the two hours that it shows twice.
MOMENTS = [
    time(2026, 3, 29, 0, 59, 59, 999999),
    time(2026, 3, 29, 1),
    time(2026, 3, 28, 22, 59, 59),
]
MOMENTS += [time(2026, 3, 28, 23), time(2025, 10, 25, 21, 59), time(2025, 10, 25, 22)]
MOMENTS += [
    time(2025, 10, 26, 22, 59),
    time(2025, 10, 26, 23),
    time(1930, 1, 1),
    time(2026, 3, 31, 21, 59),
]
MOMENTS += [time(2026, 3, 31, 22), time(2999, 1, 1), time(1, 1, 3)]


def world(*, zoned=True):
    n = len(TEXTS)
    leads = pd.DataFrame(
        {
            "lead_id": [f"L-{number:03}" for number in range(n)],
            "word": TEXTS,
            "order": pd.Series([NUMBERS[place % len(NUMBERS)] for place in range(n)], dtype="float64"),
            'Größe "x"': [("S", "m ", None, "\uff2d")[place % 4] for place in range(n)],
            "created_at": pd.Series([pd.Timestamp(2025, 1, 1)] * n, dtype="datetime64[us]"),
        }
    )
    rows = [
        {"lead_id": f"L-{(3 * place + number) % n:03}", "event": event, "at": at, "asset": asset, "amount": amount}
        for place, at in enumerate(MOMENTS)
        for number, event in enumerate(["visit", "VISIT ", "100 %", "other's"])
        for asset in ["/pricing", "a'b", None]
        for amount in [0.001, 0.003, -2.5, None]
    ]
    events = pd.DataFrame(rows)
    events["at"] = np.array([row["at"] for row in rows], "datetime64[us]")
    events["at"] = events["at"].dt.tz_localize("UTC") if zoned else events["at"]
    return {"leads": with_nan(leads), "events": events}


def with_nan(leads):
    """The leads as Arrow has them: beside what is missing, what is no number."""
    held = pa.Table.from_pandas(leads, preserve_index=False)
    numbers = pa.array([None if place % 29 == 0 else one for place, one in enumerate(leads["order"])], pa.float64())
    return held.set_column(held.column_names.index("order"), "order", numbers)


@pytest.mark.parametrize("zoned", [True, False])
def test_hostile_values_and_names(connection, zoned):
    program = check(ls.Rulebook.from_yaml(BOOK), connection, world(zoned=zoned), "2026-03-31")
    assert {'Never "x"'} == set(program.frame()["blocked_by"].dropna())


def test_dates_and_whole_ids(connection):
    tables = world()
    tables["events"]["at"] = [moment.date() for moment in tables["events"]["at"]]
    tables["leads"] = tables["leads"].to_pandas()
    for name in tables:
        tables[name]["lead_id"] = tables[name]["lead_id"].str[2:].astype("int64")
    check(ls.Rulebook.from_yaml(BOOK), connection, tables, "2026-03-31")


DECIMALS = [
    Decimal("0.009"),
    Decimal("0.008999999999999999"),
    Decimal("0.1"),
    None,
    Decimal(1000),
    Decimal("99999999.9"),
]


def with_decimals(tables):
    held = tables["leads"].drop_columns("order")
    cells = [DECIMALS[place % len(DECIMALS)] for place in range(len(held))]
    return tables | {"leads": held.append_column("order", pa.array(cells, pa.decimal128(38, 18)))}


def test_decimals_meet_their_edges(connection):
    check(ls.Rulebook.from_yaml(BOOK), connection, with_decimals(world()), "2026-03-31")


@pytest.mark.parametrize("kind", [np.float32, np.int16])
def test_narrow_numbers(connection, kind):
    tables = world()
    numbers = [0, 1, 1000, -1, 999] if kind is np.int16 else [0.1, 0.009, 1000, math.nan, 0.0]
    tables["leads"] = tables["leads"].to_pandas()
    tables["leads"]["order"] = np.array([numbers[place % 5] for place in range(len(TEXTS))], kind)
    check(ls.Rulebook.from_yaml(BOOK), connection, tables, "2026-03-31")


def test_sums_are_rounded_half_to_even(connection):
    """Of 0.5 points each: 1 thousandth gives half of one."""
    sums = [0.001, 0.002, 0.003, 0.005, 0.007, -0.001, -0.003, -0.005, 999_999.999, -999_999.999]
    leads = pd.DataFrame({"lead_id": [f"L-{place}" for place in range(len(sums))]})
    happened = pd.Series([time(2026, 3, 30)] * len(sums), dtype="datetime64[us]")
    events = pd.DataFrame({"lead_id": leads["lead_id"], "event": "visit", "at": happened, "amount": sums})
    book = "{leadscore: 2, name: sums, behaviour: [{name: Sum, event: visit, sum: amount, points: 0.5}],"
    rulebook = ls.Rulebook.from_yaml(f"{book} qualify: {{threshold: 1}}}}")
    frame = check(rulebook, connection, {"leads": leads, "events": events}, "2026-03-31").frame().sort_index()
    assert frame["total"].to_list()[:5] == [0.0, 0.001, 0.002, 0.002, 0.004]


def test_without_events(connection):
    tables = world()
    del tables["events"]
    check(ls.Rulebook.from_yaml(BOOK), connection, tables, "2026-03-31")


def test_texts_padded_by_their_type_and_of_a_type_of_their_own(connection):
    tables = world()
    tables["leads"] = tables["leads"].to_pandas()
    if isinstance(connection, psycopg.Connection):
        short = tables["leads"].assign(word=tables["leads"]["word"].str[:9].str.strip())
        in_database.put(connection, held=short, events=tables["events"])
        connection.execute("CREATE TEMP TABLE leads AS SELECT *, CAST(word AS char(12)) AS padded FROM held")
        connection.execute("ALTER TABLE leads DROP COLUMN word")
        connection.execute("ALTER TABLE leads RENAME COLUMN padded TO word")
    else:
        short = tables["leads"].assign(word=[("US", "ss", "İstanbul")[place % 3] for place in range(len(TEXTS))])
        in_database.put(connection, held=short, events=tables["events"])
        connection.execute("CREATE TYPE words AS ENUM ('US', 'ss', 'İstanbul')")
        connection.execute("CREATE TABLE leads AS SELECT * REPLACE (word::words AS word) FROM held")
    rulebook = ls.Rulebook.from_yaml(BOOK)
    have = ls.to_sql(rulebook, connection, leads="leads", events="events", as_of="2026-03-31").frame()
    in_database.check_equal(have, in_database.scored(rulebook, tables | {"leads": short}, "2026-03-31").frame)


@pytest.mark.slow
def test_numerics_that_are_no_numbers_are_missing(address):
    tables, rulebook = with_decimals(world()), ls.Rulebook.from_yaml(BOOK)
    with psycopg.connect(address) as connection:
        in_database.put(connection, leads=tables["leads"], events=tables["events"])
        connection.execute("ALTER TABLE events ALTER COLUMN amount TYPE numeric")
        for table, column in (("leads", "order"), ("events", "amount")):
            connection.execute(f"""UPDATE {table} SET "{column}" = 'NaN' WHERE "{column}" IS NULL""")
        have = ls.to_sql(rulebook, connection, leads="leads", events="events", as_of="2026-03-31").frame()
        connection.rollback()
    in_database.check_equal(have, in_database.scored(rulebook, tables, "2026-03-31").frame)


def test_names_that_need_quotes(connection):
    tables, rulebook = world(), ls.Rulebook.from_yaml(BOOK)
    in_database.put(connection, leads=tables["leads"], events=tables["events"])
    connection.execute('CREATE SCHEMA "my ""odd.schema"')
    connection.execute('CREATE TABLE "my ""odd.schema"."select" AS SELECT * FROM leads')
    found = ls.to_sql(rulebook, connection, leads='"my ""odd.schema"."select"', events="events", as_of="2026-03-31")
    in_database.check_equal(found.frame(), in_database.scored(rulebook, tables, "2026-03-31").frame)
    connection.rollback() if isinstance(connection, psycopg.Connection) else None


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
def test_offsets_are_those_of_the_zone(zone):
    first, last = (int(dt.datetime(year, 1, 1, tzinfo=dt.UTC).timestamp()) for year in (1970, 2027))
    steps = offsets(zone, first, last)
    for moment in range(first, last, 86_400 * 5 + 3_599):
        ahead = next(ahead for begin, ahead in reversed(steps) if begin <= moment)
        assert ahead == dt.datetime.fromtimestamp(moment, ZoneInfo(zone)).utcoffset().total_seconds()
    for begin, ahead in steps[1:]:
        assert ahead == dt.datetime.fromtimestamp(begin, ZoneInfo(zone)).utcoffset().total_seconds()
        assert ahead != dt.datetime.fromtimestamp(begin - 1, ZoneInfo(zone)).utcoffset().total_seconds()
