"""The day each lead first qualified, in DuckDB's SQL, as someone who knows DuckDB would write it.

What made it fast, beside the scoring statement once a day: events become one row per lead and day, with a bit for each
kind that occurred; leads that can never qualify are left out; of the others only those days are scored on which a
score can rise; and a fortnight of days is one statement, which leaves out the leads found before. Days are counted
back from the book's day, so that an age is a difference of two small numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import book
import duckdb_sql as sql
import job

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from pathlib import Path

BLOCK = 15  # days a statement: with more, leads go on being scored after they are found; with fewer, more is read
DEMO, SPAM = "demo", "spam_complaint"
# What holds a lead down, and for how many days; an unsubscription does for longer than the data are long.
ENDS = {"careers": len(book.CAREERS.worth), "email_bounce": len(book.BOUNCED.worth), SPAM: book.SPAM_DAYS}
HOW_MANY = {book.VIEWS.name: "views", book.CLICKS.name: "clicks", book.DOCS.name: "docs"}
ANSWER = ["fit", "behaviour", "total", "segment", "threshold", "via", "grade"]


def days_back(time: str) -> str:
    """Whole days from a time to the book's day."""
    return f"((epoch_us(TIMESTAMPTZ '{book.END.isoformat()}') - 1 - epoch_us({time})) // 86400000000)"


def any_of(kinds: Iterable[str]) -> str:
    """Whether one of the kinds occurred on the day."""
    return f"kinds & {sum(1 << sql.NUMBER[kind] for kind in kinds)} <> 0"


def counts(rule: book.Activity) -> str:
    """Whether the day counts for a rule."""
    return f"{any_of(sql.TAKES[rule.name])} AND age < {len(rule.worth)}"


def people() -> str:
    """The leads that can qualify at all: with enough fit, or with a hand raised at any time."""
    return f"""CREATE TABLE people AS WITH {sql.fit()}
SELECT fitted.*, coalesce({days_back("created_at")}, 32767)::SMALLINT AS created
FROM fitted JOIN leads USING (lead_id)
WHERE fit >= {book.MINIMUM_FIT} OR lead_id IN (SELECT lead_id FROM events WHERE event = 'demo_request')"""


def activity() -> str:
    """A row per lead and day: which kinds occurred, and how many where a rule counts them.

    In the order of the leads: the joins that follow take a third less.
    """
    how_many = ", ".join(
        f"count(*) FILTER (kind IN {sql.texts(sql.NUMBER[kind] for kind in sql.TAKES[rule])})::USMALLINT AS {column}"
        for rule, column in HOW_MANY.items()
    )
    return f"""CREATE TABLE activity AS
SELECT lead_id, back, bit_or(1::UINTEGER << kind)::UINTEGER AS kinds, {how_many}
FROM (
  SELECT lead_id, {days_back('"at"')}::UTINYINT AS back, {sql.kind()}::UINTEGER AS kind
  FROM events SEMI JOIN people USING (lead_id) WHERE "at" < TIMESTAMPTZ '{book.END.isoformat()}')
WHERE kind IS NOT NULL GROUP BY lead_id, back ORDER BY lead_id"""


def candidates(before: int, last: int) -> str:
    """The days to score: that before the period, its first, and those on which a lead's score can rise."""
    ends = " UNION ALL ".join(
        f"SELECT lead_id, back::SMALLINT - {days} AS back FROM activity WHERE {any_of([kind])}"
        for kind, days in ENDS.items()
    )
    return f"""CREATE TABLE candidates AS
SELECT DISTINCT lead_id, back::UTINYINT AS back
FROM (
  SELECT lead_id, unnest([{before}, {before - 1}, created]) AS back FROM people
  UNION ALL SELECT lead_id, back FROM activity
  UNION ALL {ends})
JOIN people USING (lead_id) WHERE back BETWEEN {last} AND {before} AND back <= created"""


def behaviour() -> str:
    """The CTEs from the days' activity to one row of points per lead and candidate day."""
    daily = ", ".join(
        f"sum(CASE WHEN {counts(rule)} THEN {sql.worth(rule)} END)::INTEGER AS {sql.name(rule.name)}"
        for rule in [*sql.DAILY, book.ACTIVE]
    )
    once = ", ".join(f"min(age) FILTER ({counts(rule)}) AS {sql.name(rule.name)}" for rule in sql.ONCE)
    each = ", ".join(
        f"sum({HOW_MANY[rule.name]}) FILTER ({counts(rule)}) AS {sql.name(rule.name)}"
        for rule in (book.CLICKS, book.DOCS)
    )
    views = f"sum(CASE WHEN {counts(book.VIEWS)} THEN views * {sql.worth(book.VIEWS)} END)::INTEGER"
    return f"""
aged AS (
  SELECT fitted.lead_id, fitted.back, activity.back - fitted.back AS age, kinds, views, clicks, docs
  FROM fitted JOIN activity ON activity.lead_id = fitted.lead_id AND activity.back >= fitted.back),
daily AS (SELECT lead_id, back, {daily} FROM aged GROUP BY lead_id, back),
others AS (
  SELECT lead_id, back, {once}, {each}, {views} AS {sql.name(book.VIEWS.name)},
    count(*) FILTER ({counts(book.QUIET)}) AS {sql.name(book.QUIET.name)},
    bool_or({any_of([DEMO])} AND age < {book.DEMO_DAYS}) AS asked,
    bool_or({any_of([SPAM])} AND age < {book.SPAM_DAYS}) AS complained
  FROM aged GROUP BY lead_id, back)"""


def first_qualified(since: int, until: int, but: str = "") -> str:
    """Each lead's first day in a stretch of days on which it qualifies, with its score on that day."""
    expressions = sql.answered()
    return f"""WITH
fitted AS (
  SELECT people.*, back FROM candidates JOIN people USING (lead_id) WHERE back BETWEEN {until} AND {since} {but}),
{behaviour()}, {sql.scored("lead_id, back")}, {sql.judged_leads()}
SELECT lead_id, back, {", ".join(f"{expressions[column]} AS {column}" for column in ANSWER)}
FROM judged WHERE via IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY lead_id ORDER BY back DESC) = 1"""


def replay_files(leads: Path, events: Path, out: Path, start: date, end: date) -> None:
    """Parquet to Parquet."""
    first, last = (book.AS_OF - start).days, (book.AS_OF - end).days
    with sql.connect(leads, events) as connection:
        for statement in (people(), activity(), candidates(first + 1, last)):
            connection.execute(statement)
        connection.execute(f"CREATE TABLE before AS {first_qualified(first + 1, first + 1)}")
        connection.execute("CREATE TABLE found AS FROM before LIMIT 0")
        for since in range(first, last - 1, -BLOCK):
            until = max(since - BLOCK + 1, last)
            new = first_qualified(since, until, "AND lead_id NOT IN (SELECT lead_id FROM found)")
            connection.execute(f"INSERT INTO found {new}")
        connection.execute(f"""COPY (
SELECT lead_id, DATE '{book.AS_OF}' - back::INTEGER AS "day", lead_id IN (SELECT lead_id FROM before) AS already,
  {", ".join(ANSWER)}
FROM found) TO {sql.text(str(out))} (FORMAT parquet, COMPRESSION snappy)""")


if __name__ == "__main__":
    job.main_replay(replay_files)
