"""The twenty rules of ../rulebook2_core.yaml in DuckDB's SQL: one statement, as someone who knows DuckDB writes it.

What made it fast: what a restart forgets is dropped where events are read; distinct days and weeks are bits of a
number, so that they need no grouping of their own; only mails, pages and programs are grouped by value; job titles and
interests are judged once per distinct value. Points are whole thousandths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import book
import duckdb_sql as sql
import job

if TYPE_CHECKING:
    from pathlib import Path

ALWAYS, A_QUARTER = 181, 90  # the data begin 179 days before the day that is scored
TODAY = f"DATE '{book.AS_OF.isoformat()}'"
LAST = (book.AS_OF - book.date(1970, 1, 1)).days

# Kinds of events: the number of each, how far back any rule looks at it, whether a restart forgets it.
KINDS = {
    "page_view": (0, A_QUARTER, True),
    "email_open": (2, 60, True),
    "email_click": (3, 84, True),
    "product_login": (4, 84, True),
    "webinar_registered": (5, ALWAYS, True),
    "webinar_attended": (6, ALWAYS, True),
    "chat": (7, A_QUARTER, True),
    "unsubscribe": (8, ALWAYS, False),
    "content_download": (9, ALWAYS, False),
    "trial_started": (10, 60 + 30, False),
}
PRICING = 1  # a page_view of pages on prices
ACTIVE = "kind IN (0, 1, 3, 4)"

OPENED = book.worth(1.5, 60, half_life=20)
ATTENDED = book.worth(10, ALWAYS, step=(30, 25))
PRIVATE = ["gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "icloud.com", "gmx.de", "proton.me"]
# The first that occurs gives its points.
TITLES = [
    (["student", "intern", "trainee", "seeking", "open to work"], -20_000),
    (["ceo", "cto", "cmo", "chief", "founder", "owner"], 15_000),
    (["vp", "vice president", "head of", "director"], 12_000),
    (["manager", "team lead"], 6_000),
]

FIT = {
    "Title": "title",
    "Contract ends": """CASE WHEN contract_end - {today} BETWEEN 0 AND 30 THEN 12000
        WHEN contract_end - {today} BETWEEN 0 AND 90 THEN 6000
        WHEN {today} - contract_end > 180 THEN -4000 ELSE 0 END""",
    "Just created": "CASE WHEN created < 7 THEN 4000 ELSE 0 END",
    "Interests": "coalesce(interests_points, -2000)",
    "Boxes ticked": "CASE WHEN boxes >= 3 THEN 3000 WHEN boxes >= 2 THEN 1000 ELSE 0 END",
    "Private mail": f"CASE WHEN lower(email_domain) IN {sql.texts(PRIVATE)} THEN -8000 ELSE 0 END",
}
BEHAVIOUR = {
    "Mails opened": "coalesce(opened, 0)",
    "Active weeks": "coalesce(weeks, 0) * 2000",
    "Webinar signup": "coalesce(signup, 0)",
    "Webinar attended": "coalesce(attended, 0)",
    "Asked in the webinar": "coalesce(asked, 0)",
    "Pages on prices": "coalesce(pages, 0)",
    "Minutes read": """CASE WHEN read >= 60000 THEN 9000 WHEN read >= 20000 THEN 5000 WHEN read >= 5000 THEN 2000
        ELSE 0 END""",
    # A quarter of the sum, halves to the even number.
    "Minutes in the product": """coalesce(used // 4 + CASE used % 4 WHEN 3 THEN 1 WHEN 2 THEN used // 4 % 2 ELSE 0 END,
        0)""",
    "Unsubscribed": "CASE WHEN unsubscribed < coalesce(downloaded, 999) THEN -25000 ELSE 0 END",
    "Logins in a trial": "coalesce(trial_days, 0) * 2000",
    "Price and chat": "CASE WHEN chatted AND (priced OR wants_pricing) THEN 10000 ELSE 0 END",
    "Gone quiet": "CASE WHEN created >= 30 AND NOT coalesce(active, false) THEN -10000 ELSE 0 END",
    "Clicks": """CASE WHEN clicks_7 >= 3 THEN 12000 WHEN clicks_30 >= 3 THEN 8000 WHEN clicks_14 >= 1 THEN 5000
        ELSE 0 END""",
    "Much product, many days": "CASE WHEN login_days >= 4 THEN 8000 ELSE 0 END",
}
AT_MOST = {
    "Mails opened": 12_000,
    "Active weeks": 16_000,
    "Minutes in the product": 12_000,
    "Logins in a trial": 15_000,
}
NAMES = [*FIT, *BEHAVIOUR]


def days_back(time: str) -> str:
    """Whole days from a time to the day that is scored."""
    return f"((epoch_us(TIMESTAMPTZ '{book.END.isoformat()}') - 1 - epoch_us({time})) // 86400000000)"


def kept() -> str:
    """The CTEs from events to those that some rule wants, with the number of their kind and their age."""
    numbers = " ".join(f"WHEN '{kind}' THEN {number}" for kind, (number, *_) in KINDS.items() if kind != "page_view")
    since = " ".join(
        f"WHEN '{kind}' THEN TIMESTAMPTZ '{book.END.isoformat()}' - INTERVAL {days} DAY"
        for kind, (_, days, _) in KINDS.items()
    )
    remembered = sql.texts(kind for kind, (*_, forgotten) in KINDS.items() if not forgotten)
    return f"""
restarts AS (
  SELECT lead_id, min({days_back('"at"')}) AS restarted FROM outcomes
  WHERE lower(stage) IN ('rejected', 'recycled') AND "at" < TIMESTAMPTZ '{book.END.isoformat()}' GROUP BY lead_id),
kept AS MATERIALIZED (
  SELECT lead_id, {days_back('"at"')}::UTINYINT AS age, lower(asset) AS asset, lower(program) AS program,
    CASE event WHEN 'page_view' THEN CASE WHEN starts_with(lower(asset), '/pricing') THEN {PRICING} ELSE 0 END
      {numbers} END::UTINYINT AS kind,
    coalesce(round(minutes * 1000), 0)::INTEGER AS thousandths
  FROM events LEFT JOIN restarts USING (lead_id)
  WHERE "at" < TIMESTAMPTZ '{book.END.isoformat()}' AND "at" >= CASE event {since} END
    AND (restarted IS NULL OR event IN {remembered} OR {days_back('"at"')} < restarted))"""


def counted() -> str:
    """The CTEs from the events to what each lead did; distinct days are bits."""
    weeks = f"(({LAST} - age + 3) // 7 - {(LAST - 83 + 3) // 7})"
    return f"""
mails AS (
  SELECT lead_id, sum(({OPENED}::INTEGER[])[age + 1])::INTEGER AS opened
  FROM (SELECT lead_id, min(age) AS age FROM kept WHERE kind = 2 GROUP BY lead_id, asset) GROUP BY lead_id),
prices AS (
  SELECT lead_id, sum(views * 3000)::INTEGER AS pages, sum(least(views * 3000, 6000))::INTEGER AS pages_limited
  FROM (SELECT lead_id, count(*) AS views FROM kept WHERE kind = {PRICING} AND age < 60 GROUP BY lead_id, asset)
  GROUP BY lead_id),
webinars AS (
  SELECT lead_id, sum(signup)::INTEGER AS signup, sum(attended)::INTEGER AS attended, sum(asked)::INTEGER AS asked,
    sum(least(signup + attended + asked, 14000))::INTEGER AS webinar_points
  FROM (
    SELECT lead_id, coalesce(sum(4000) FILTER (kind = 5), 0) AS signup,
      coalesce(sum(({ATTENDED}::INTEGER[])[age + 1]) FILTER (kind = 6), 0) AS attended,
      coalesce(sum(3000) FILTER (kind = 7), 0) AS asked
    FROM (
      SELECT DISTINCT lead_id, program, kind, CASE WHEN kind = 5 THEN 0 ELSE age END AS age
      FROM kept WHERE kind IN (5, 6, 7))
    GROUP BY lead_id, program)
  GROUP BY lead_id),
trials AS (SELECT DISTINCT lead_id, age FROM kept WHERE kind = 10),
in_trials AS (
  SELECT lead_id, bit_count(bit_or(1::BIGINT << logins.age))::INTEGER AS trial_days
  FROM (SELECT lead_id, age FROM kept WHERE kind = 4 AND age < 60) logins JOIN trials USING (lead_id)
  WHERE trials.age >= logins.age AND trials.age < logins.age + 30 GROUP BY lead_id),
others AS (
  SELECT lead_id,
    bit_count(bit_or(CASE WHEN {ACTIVE} AND age < 84 THEN 1::BIGINT << {weeks} END))::INTEGER AS weeks,
    bit_count(bit_or(CASE WHEN kind = 4 AND age < 30 THEN 1::BIGINT << age END)) AS login_days,
    sum(thousandths) FILTER (kind <= 1) AS read,
    sum(thousandths) FILTER (kind = 4 AND age < 30)::INTEGER AS used,
    min(age) FILTER (kind = 8) AS unsubscribed, min(age) FILTER (kind = 9) AS downloaded,
    bool_or(kind = {PRICING} AND age < 14) AS priced, bool_or(kind = 7 AND age < 30) AS chatted,
    bool_or({ACTIVE} AND age < 45) AS active,
    count(*) FILTER (kind = 3 AND age < 7) AS clicks_7, count(*) FILTER (kind = 3 AND age < 14) AS clicks_14,
    count(*) FILTER (kind = 3 AND age < 30) AS clicks_30
  FROM kept GROUP BY lead_id)"""


def leads() -> str:
    """The CTEs from leads to what the rules ask of them."""
    titles = " ".join(f"WHEN {sql.any_word(words)} THEN {points}" for words, points in TITLES)
    known = f"lower(raw) NOT IN {sql.texts(book.MISSING)}"
    return f"""
titles AS (
  SELECT raw, CASE WHEN NOT coalesce({known}, false) THEN -3000 {titles} ELSE 1000 END AS title
  FROM (SELECT raw, ' ' || regexp_replace(lower(raw), '[^\\pL\\pN]+', ' ', 'g') || ' ' AS words
    FROM (SELECT DISTINCT job_title AS raw FROM leads))),
cells AS (
  SELECT raw, len(pieces) AS boxes, list_contains(pieces, 'pricing') AS wants_pricing,
    CASE WHEN list_has_any(pieces, ['pricing', 'api', 'integrations', 'blog'])
      THEN list_sum(list_transform(pieces, lambda piece:
        CASE piece WHEN 'pricing' THEN 6000 WHEN 'api' THEN 4000 WHEN 'integrations' THEN 3000 WHEN 'blog' THEN -1000
        ELSE 0 END))::INTEGER ELSE 1000 END AS interests_points
  FROM (SELECT raw, list_distinct(string_split(lower(raw), ';')) AS pieces
    FROM (SELECT DISTINCT interests AS raw FROM leads WHERE interests IS NOT NULL))),
people AS (
  SELECT lead_id, contract_end, email_domain, title, boxes, wants_pricing, interests_points,
    {days_back("created_at")} AS created
  FROM leads
  LEFT JOIN titles ON leads.job_title IS NOT DISTINCT FROM titles.raw LEFT JOIN cells ON leads.interests = cells.raw
  WHERE created_at IS NULL OR created_at < TIMESTAMPTZ '{book.END.isoformat()}')"""


def query() -> str:
    """The whole statement over the relations `leads`, `events` and `outcomes`."""
    rules = ", ".join(
        f"({points.format(today=TODAY)})::INTEGER AS {sql.name(rule)}" for rule, points in (FIT | BEHAVIOUR).items()
    )
    alone = [rule for rule in BEHAVIOUR if not rule.startswith(("Webinar", "Asked", "Pages"))]
    behaviour = " + ".join(
        f"least({sql.name(rule)}, {AT_MOST[rule]})" if rule in AT_MOST else sql.name(rule) for rule in alone
    )
    grouped = "least(coalesce(webinar_points, 0), 30000) + least(coalesce(pages_limited, 0), 18000)"
    size = len(NAMES)
    keys = ", ".join(
        f"abs({sql.name(rule)}) * {size} + CASE WHEN {sql.name(rule)} <> 0 THEN {size - 1 - place} ELSE 0 END "
        f"AS {sql.name('k ' + rule)}"
        for place, rule in enumerate(NAMES)
    )
    topped = sql.with_largest("summed", [f"k {rule}" for rule in NAMES], "top_")
    reasons = ", ".join(
        f"CASE WHEN top_{n} > 0 THEN {NAMES[::-1]}[top_{n} % {size} + 1] END AS reason_{n}" for n in (1, 2, 3)
    )
    via = "CASE WHEN fit + behaviour >= 45000 AND fit >= 5000 THEN 'score' END"
    return f"""WITH {kept()}, {counted()}, {leads()},
ruled AS (
  SELECT lead_id, webinar_points, pages_limited, {rules}
  FROM people LEFT JOIN mails USING (lead_id) LEFT JOIN prices USING (lead_id) LEFT JOIN webinars USING (lead_id)
  LEFT JOIN in_trials USING (lead_id) LEFT JOIN others USING (lead_id)),
summed AS (
  SELECT lead_id, greatest({" + ".join(map(sql.name, FIT))}, -20000) AS fit,
    least(greatest({behaviour} + {grouped}, -20000), 75000) AS behaviour, {keys}
  FROM ruled)
SELECT lead_id, fit::DOUBLE / 1000 AS fit, behaviour::DOUBLE / 1000 AS behaviour,
  (fit + behaviour)::DOUBLE / 1000 AS total, NULL::VARCHAR AS segment, 45.0::DOUBLE AS threshold,
  {via} IS NOT NULL AS qualified, {via} AS via, NULL::VARCHAR AS blocked_by, NULL::VARCHAR AS grade, {reasons}
FROM ({topped})"""


def score_files(leads: Path, events: Path, out: Path) -> None:
    """Parquet to Parquet; the outcomes lie beside the leads."""
    with sql.connect(leads, events) as connection:
        outcomes = sql.text(str(leads.parent / "outcomes.parquet"))
        connection.execute(f"CREATE VIEW outcomes AS FROM read_parquet({outcomes})")
        connection.execute(f"COPY ({query()}) TO {sql.text(str(out))} (FORMAT parquet, COMPRESSION snappy)")


if __name__ == "__main__":
    job.main(score_files)
