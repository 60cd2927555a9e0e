"""The sixty rules in DuckDB's SQL: one statement, as someone who knows DuckDB would write it.

What made it fast: job titles and mail domains are judged once per distinct value; only the events somebody still wants
are kept, with a number for their kind; distinct days are taken of the filtered rows of the rules that count days, not
inside the large GROUP BY; the three largest reasons are three maxima, not a sorted list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import book
import duckdb
import job

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd

DAILY = [rule for rule in book.BEHAVIOUR if rule.counting == "daily" and rule is not book.ACTIVE]
ONCE = [rule for rule in book.BEHAVIOUR if rule.counting == "once"]
ALONE: list[book.Table | book.Cuts] = [
    book.SENIORITY,
    book.SIZE,
    book.REVENUE,
    book.INDUSTRY,
    book.SOURCE,
    book.PRODUCT,
    book.CONSENT,
    book.COUNTRY,
    book.STATE,
]
FIT_NAMES = [*(rule.name for rule in ALONE), *book.TOGETHER]
FIRM = [rule.name for rule in ALONE if rule.group == "company"]

# Kinds of events, numbered; the last ones are those on assets of a certain class.
KINDS = [
    "page_view",
    "email_open",
    "email_click",
    "unsubscribe",
    "email_bounce",
    "webinar_attended",
    "webinar_registered",
    "content_download",
    "trial_started",
    "product_login",
    "chat",
    "spam_complaint",
    "pricing",
    "products",
    "stories",
    "docs",
    "careers",
    "newsletter",
    "roi",
    "demo",
]
NUMBER = {kind: number for number, kind in enumerate(KINDS)}
VIEWS = ["page_view", "pricing", "products", "stories", "docs", "careers"]
CLICKS = ["email_click", "newsletter"]
DOWNLOADS = ["content_download", "roi"]
WANTED_DAYS = {
    "page_view": 90,
    "email_open": 90,
    "email_click": 120,
    "unsubscribe": book.ALWAYS,
    "email_bounce": 90,
    "webinar_attended": book.ALWAYS,
    "webinar_registered": 90,
    "content_download": 120,
    "trial_started": 60,
    "product_login": 90,
    "chat": 60,
    "demo_request": book.DEMO_DAYS,
    "spam_complaint": book.SPAM_DAYS,
}
WITH_WHERE = {"page_view", "email_click", "content_download", "demo_request"}
TAKES = {
    book.PRICING.name: ["pricing"],
    book.PRODUCTS.name: ["products"],
    book.STORIES.name: ["stories"],
    book.DOCS.name: ["docs"],
    book.CAREERS.name: ["careers"],
    book.VIEWS.name: VIEWS,
    book.OPENS.name: ["email_open"],
    book.CLICKS.name: CLICKS,
    book.NEWSLETTER.name: ["newsletter"],
    book.UNSUBSCRIBED.name: ["unsubscribe"],
    book.BOUNCED.name: ["email_bounce"],
    book.ATTENDED.name: ["webinar_attended"],
    book.REGISTERED.name: ["webinar_registered"],
    book.DOWNLOADS.name: DOWNLOADS,
    book.RETURN.name: ["roi"],
    book.ACTIVE.name: [*VIEWS, *CLICKS, *DOWNLOADS, "webinar_attended", "product_login"],
    book.QUIET.name: [*VIEWS, "email_open", *CLICKS, *DOWNLOADS, "product_login"],
    book.TRIAL.name: ["trial_started"],
    book.LOGINS.name: ["product_login"],
    book.CHATS.name: ["chat"],
}


def text(value: object) -> str:
    """A literal."""
    return "'" + str(value).replace("'", "''") + "'" if isinstance(value, str) else str(value)


def texts(values: Iterable[object]) -> str:
    """Literals for IN."""
    return "(" + ", ".join(text(value) for value in values) + ")"


def name(column: str) -> str:
    """A column's name in quotes."""
    return f'"{column}"'


def known(column: str) -> str:
    """Small letters, the texts that mean missing as NULL."""
    return f"CASE WHEN lower({column}) NOT IN {texts(book.MISSING)} THEN lower({column}) END AS {column}"


def key(rule: str) -> str:
    """Sorts by |points|, then by place in the book; 0 for no points."""
    return f"CASE WHEN {name(rule)} <> 0 THEN abs({name(rule)})::INTEGER * 64 + {63 - book.PLACE[rule]} ELSE 0 END"


def greatest(keys: Iterable[str], below: str = "") -> str:
    """The largest key, or the largest below another."""
    return (
        "coalesce(greatest("
        + ", ".join(f"CASE WHEN {k} < {below} THEN {k} END" if below else k for k in keys)
        + "), 0)"
    )


def with_largest(source: str, keys: Iterable[str], prefix: str) -> str:
    """The three largest keys as further columns, a step each."""
    named = [name(each) for each in keys]
    first = f"SELECT *, {greatest(named)} AS {prefix}1 FROM {source}"
    second = f"SELECT *, {greatest(named, prefix + '1')} AS {prefix}2 FROM ({first})"
    return f"SELECT *, {greatest(named, prefix + '2')} AS {prefix}3 FROM ({second})"


def meets(column: str, rule: book.Words) -> str:
    """A pattern of a rule on one text; words stand between single blanks in `words`."""
    if rule.how == "is":
        return f"{column} IN {texts(rule.patterns)}"
    form = {
        "word": "contains(words, ' {} ')",
        "inside": f"contains({column}, '{{}}')",
        "start": f"starts_with({column}, '{{}}')",
        "end": f"ends_with({column}, '{{}}')",
    }[rule.how]
    return "(" + " OR ".join(form.format(pattern) for pattern in rule.patterns) + ")"


def any_word(patterns: Iterable[str]) -> str:
    """Whether one of the words occurs."""
    return "coalesce(" + " OR ".join(f"contains(words, ' {pattern} ')" for pattern in patterns) + ", false)"


def clipped(expression: str, limits: tuple[int, int]) -> str:
    """Between two limits."""
    return f"least(greatest({expression}, {limits[0]}), {limits[1]})"


def judged(column: str, rules: list[book.Words], more: str) -> str:
    """Per distinct text: points of its rules in sum, their three largest keys, and more."""
    words = f"' ' || regexp_replace({column}, '[^\\pL\\pN]+', ' ', 'g') || ' ' AS words"
    small = known("raw").removesuffix("AS raw") + f"AS {column}"
    distinct = (
        f"SELECT raw, {column}, {words} FROM (SELECT raw, {small} FROM (SELECT DISTINCT {column} AS raw FROM leads))"
    )
    points = ", ".join(
        f"CASE WHEN {meets(column, rule)} THEN {rule.points} ELSE 0 END AS {name(rule.name)}" for rule in rules
    )
    keys = ", ".join(f"{key(rule.name)} AS {name('k ' + rule.name)}" for rule in rules)
    total = clipped(" + ".join(name(rule.name) for rule in rules), book.GROUPS[rules[0].group])
    keyed = f"SELECT *, {total} AS {column}_points, {keys} FROM (SELECT *, {points} FROM ({distinct}))"
    return (
        f"SELECT raw, {column}_points, {column}_1, {column}_2, {column}_3, {more} FROM ("
        + with_largest(f"({keyed})", [f"k {rule.name}" for rule in rules], f"{column}_")
        + ")"
    )


def alone(rule: book.Table | book.Cuts) -> str:
    """A rule on one column."""
    column = rule.column
    if isinstance(rule, book.Cuts):
        whens = "".join(
            f" WHEN {column} >= {bound} THEN {points}" for bound, points in sorted(rule.points.items(), reverse=True)
        )
        return f"CASE WHEN {column} IS NULL THEN {rule.missing}{whens} ELSE {rule.other} END AS {name(rule.name)}"
    whens = "".join(f" WHEN {text(value)} THEN {points}" for value, points in rule.points.items())
    by_value = f"CASE {column}{whens} ELSE {rule.other} END"
    return f"CASE WHEN {column} IS NULL THEN {rule.missing} ELSE {by_value} END AS {name(rule.name)}"


def together() -> str:
    """The rules over several columns."""
    conditions = [
        "country IN ('us', 'ca', 'gb') AND industry NOT IN ('education', 'government')",
        "industry IN ('software', 'internet') AND employees BETWEEN 200 AND 2000",
        "industry IN ('banking', 'insurance') AND employees >= 1000",
        "revenue >= 10000000 AND employees < 50",
        "country IN ('de', 'at', 'ch') AND industry IN ('manufacturing', 'insurance', 'banking')",
        "country IN ('se', 'no', 'dk', 'fi') AND consent",
        "product = 'enterprise' AND employees >= 500",
        "product = 'starter' AND employees > 5000",
        "source IN ('paid search', 'paid social') AND employees IS NULL",
        "(seniority IN ('c-level', 'vp') OR decider) AND source IN ('referral', 'partner')",
        "industry NOT IN ('software', 'internet', 'banking', 'insurance', 'telecoms', 'retail') AND employees < 5000",
    ]
    return ", ".join(
        f"CASE WHEN {condition} THEN {points} ELSE 0 END AS {name(rule)}"
        for condition, (rule, points) in zip(conditions, book.TOGETHER.items(), strict=True)
    )


def fit() -> str:
    """The CTEs from leads to fit, flags and the three largest keys of the record."""
    titles = judged(
        "job_title", book.TITLES, f"{any_word(book.DECIDERS)} AS decider, {any_word(book.SPECIALISTS)} AS specialist"
    )
    domains = judged("email_domain", book.MAIL, f"email_domain IN {texts(book.RIVALS)} AS rival")
    cleaned = ", ".join(known(rule.column) for rule in book.TEXT_TABLES)
    tops = [f"{column}_{n}" for column in ("job_title", "email_domain") for n in (1, 2, 3)]
    passed = ", ".join(["specialist", "rival", "job_title_points", "email_domain_points", *tops])
    others = " + ".join(name(rule) for rule in FIT_NAMES if rule not in FIRM)
    company = clipped(" + ".join(map(name, FIRM)), book.GROUPS["company"])
    total = clipped(f"{company} + job_title_points + email_domain_points + {others}", book.FIT_LIMITS)
    keys = ", ".join(f"{key(rule)} AS {name('k ' + rule)}" for rule in FIT_NAMES)
    return f"""
titles AS ({titles}),
domains AS ({domains}),
cleaned AS (
  SELECT lead_id, employees, revenue, consent, {cleaned}, decider, {passed}
  FROM leads
  LEFT JOIN titles ON leads.job_title IS NOT DISTINCT FROM titles.raw
  LEFT JOIN domains ON leads.email_domain IS NOT DISTINCT FROM domains.raw
  WHERE created_at IS NULL OR created_at < TIMESTAMPTZ '{book.END.isoformat()}'),
ruled AS (
  SELECT lead_id, {passed}, coalesce(employees < 20 AND product IN ('starter', 'team'), false) AS small,
    {", ".join(alone(rule) for rule in ALONE)}, {together()}
  FROM cleaned),
keyed AS (SELECT lead_id, {passed}, small, {total} AS fit, {keys} FROM ruled),
fitted AS (
  SELECT lead_id, fit, specialist, small, rival, fit_1, fit_2, fit_3
  FROM ({with_largest("keyed", [*(f"k {rule}" for rule in FIT_NAMES), *tops], "fit_")}))"""


def kind() -> str:
    """The number of an event's kind; its asset decides for some."""
    asset, words = "lower(asset)", "' ' || regexp_replace(lower(asset), '[^\\pL\\pN]+', ' ', 'g') || ' '"
    plain = " ".join(f"WHEN '{each}' THEN {NUMBER[each]}" for each in KINDS[:12] if each not in WITH_WHERE)
    return f"""CASE event
      WHEN 'page_view' THEN CASE
        WHEN starts_with({asset}, '/pricing') THEN {NUMBER["pricing"]}
        WHEN starts_with({asset}, '/product') OR starts_with({asset}, '/features') THEN {NUMBER["products"]}
        WHEN starts_with({asset}, '/docs') THEN {NUMBER["docs"]}
        WHEN starts_with({asset}, '/careers') THEN {NUMBER["careers"]}
        WHEN contains({asset}, 'case-study') OR contains({asset}, 'customer-story') THEN {NUMBER["stories"]}
        ELSE {NUMBER["page_view"]} END
      WHEN 'email_click' THEN CASE
        WHEN contains({asset}, 'newsletter') THEN {NUMBER["newsletter"]}
        ELSE {NUMBER["email_click"]} END
      WHEN 'content_download' THEN CASE
        WHEN contains({words}, ' roi ') OR contains({words}, ' tco ') THEN {NUMBER["roi"]}
        ELSE {NUMBER["content_download"]} END
      WHEN 'demo_request' THEN CASE WHEN {asset} IN {texts(book.DEMO_ASSETS)} THEN {NUMBER["demo"]} END
      {plain} END::UTINYINT"""


def takes(rule: book.Activity) -> str:
    """Which of the kept events a rule takes."""
    kinds = [NUMBER[each] for each in TAKES[rule.name]]
    return (
        f"kind IN {texts(kinds)} AND age < {len(rule.worth)}"
        if len(kinds) > 1
        else f"kind = {kinds[0]} AND age < {len(rule.worth)}"
    )


def worth(rule: book.Activity, age: str = "age") -> str:
    """Thousandths by age."""
    return f"({rule.worth}::INTEGER[])[{age} + 1]" if len(set(rule.worth)) > 1 else str(rule.worth[0])


def behaviour() -> str:
    """The CTEs from events to one row of points per lead."""
    since = " ".join(
        f"WHEN '{each}' THEN TIMESTAMPTZ '{book.END.isoformat()}' - INTERVAL {days} DAY"
        for each, days in WANTED_DAYS.items()
    )
    rows = " UNION ALL ".join(
        f"SELECT lead_id, {number}::UTINYINT AS rule, age FROM kept WHERE {takes(rule)}"
        for number, rule in enumerate([*DAILY, book.ACTIVE])
    )
    value = (
        "CASE rule "
        + " ".join(f"WHEN {number} THEN {worth(rule)}" for number, rule in enumerate(DAILY))
        + " ELSE 1 END"
    )
    daily = ", ".join(
        f"sum(value) FILTER (rule = {number})::INTEGER AS {name(rule.name)}"
        for number, rule in enumerate([*DAILY, book.ACTIVE])
    )
    once = ", ".join(f"min(age) FILTER ({takes(rule)}) AS {name(rule.name)}" for rule in ONCE)
    counts = ", ".join(
        f"count(*) FILTER ({takes(rule)}) AS {name(rule.name)}" for rule in (book.CLICKS, book.QUIET, book.DOCS)
    )
    return f"""
kept AS MATERIALIZED (
  SELECT lead_id, {kind()} AS kind,
    ((epoch_us(TIMESTAMPTZ '{book.END.isoformat()}') - 1 - epoch_us("at")) // 86400000000)::UTINYINT AS age
  FROM events WHERE "at" < TIMESTAMPTZ '{book.END.isoformat()}' AND "at" >= CASE event {since} END),
days AS (SELECT DISTINCT lead_id, rule, age FROM ({rows})),
daily AS (SELECT lead_id, {daily} FROM (SELECT lead_id, rule, {value} AS value FROM days) GROUP BY lead_id),
others AS (
  SELECT lead_id, {once}, {counts},
    sum({worth(book.VIEWS)}) FILTER ({takes(book.VIEWS)})::INTEGER AS {name(book.VIEWS.name)},
    bool_or(kind = {NUMBER["demo"]}) AS asked, bool_or(kind = {NUMBER["spam_complaint"]}) AS complained
  FROM kept GROUP BY lead_id)"""


def by_count(rule: book.Activity, points: dict[int, int]) -> str:
    """Points from each count up."""
    whens = " ".join(
        f"WHEN {name(rule.name)} >= {count} THEN {worth}" for count, worth in sorted(points.items(), reverse=True)
    )
    return f"CASE {whens} ELSE 0 END"


def scored(by: str = "lead_id") -> str:
    """The CTEs that bring fit and behaviour together, by the columns that `fitted`, `daily` and `others` share."""
    points = {rule.name: f"coalesce({name(rule.name)}, 0)" for rule in book.BEHAVIOUR}
    points |= {rule.name: f"coalesce({worth(rule, name(rule.name))}, 0)" for rule in ONCE}
    for rule in ONCE:
        if len(set(rule.worth)) == 1:
            points[rule.name] = f"CASE WHEN {name(rule.name)} IS NOT NULL THEN {rule.worth[0]} ELSE 0 END"
    points[book.DOCS.name] = f"coalesce({name(book.DOCS.name)} * {book.DOCS.worth[0]}, 0)"
    points[book.CLICKS.name] = by_count(book.CLICKS, book.CLICK_POINTS)
    points[book.ACTIVE.name] = by_count(book.ACTIVE, book.ACTIVE_POINTS)
    points[book.QUIET.name] = f"CASE WHEN coalesce({name(book.QUIET.name)}, 0) = 0 THEN {book.QUIET_POINTS} ELSE 0 END"
    sums: dict[str | None, list[str]] = {}
    for rule in book.BEHAVIOUR:
        sums.setdefault(rule.group, []).append(
            name(rule.name) if rule.at_most is None else f"least({name(rule.name)}, {rule.at_most})"
        )
    parts = [
        clipped(" + ".join(each), book.GROUPS[group]) if group else " + ".join(each) for group, each in sums.items()
    ]
    columns = ", ".join(f"({expression})::INTEGER AS {name(rule)}" for rule, expression in points.items())
    keys = ", ".join(f"{key(rule.name)} AS {name('k ' + rule.name)}" for rule in book.BEHAVIOUR)
    total = clipped(" + ".join(parts), book.BEHAVIOUR_LIMITS)
    tops = [*(f"k {rule.name}" for rule in book.BEHAVIOUR), "fit_1", "fit_2", "fit_3"]
    flags = "coalesce(asked, false) AS asked, coalesce(complained, false) AS complained"
    return f"""
pointed AS (
  SELECT fitted.*, {flags}, {columns}
  FROM fitted LEFT JOIN daily USING ({by}) LEFT JOIN others USING ({by})),
summed AS (
  SELECT {by}, fit, specialist, small, rival, asked, complained, fit_1, fit_2, fit_3, {total} AS behaviour, {keys}
  FROM pointed),
topped AS ({with_largest("summed", tops, "top_")})"""


def graded(column: str, bars: dict[str, int], last: str) -> str:
    """The first letter or figure whose bar is reached."""
    return (
        "CASE "
        + " ".join(f"WHEN {column} >= {bar} THEN '{letter}'" for letter, bar in bars.items())
        + f" ELSE '{last}' END"
    )


def judged_leads() -> str:
    """The CTEs from scores to who qualifies."""
    reached = f"fit + behaviour >= threshold AND fit >= {book.MINIMUM_FIT}"
    (specialists, high), (smalls, low) = book.SPECIALIST_SEGMENT, book.SMALL_SEGMENT
    return f"""
decided AS (
  SELECT *, CASE WHEN specialist THEN '{specialists}' WHEN small THEN '{smalls}' END AS segment,
    CASE WHEN specialist THEN {high} WHEN small THEN {low} ELSE {book.THRESHOLD} END AS threshold,
    CASE WHEN rival THEN '{book.COMPETITOR}' WHEN complained THEN '{book.COMPLAINED}' END AS blocked_by
  FROM topped),
judged AS (
  SELECT *,
    CASE WHEN blocked_by IS NOT NULL THEN NULL WHEN asked THEN 'hand_raise' WHEN {reached} THEN 'score' END AS via
  FROM decided)"""


def answered() -> dict[str, str]:
    """The columns of an answer from `judged`, each with its expression; the reasons are apart."""
    letter = graded("fit", book.FIT_GRADES, book.FIT_LAST)
    grade = letter + " || " + graded("behaviour", book.BEHAVIOUR_GRADES, book.BEHAVIOUR_LAST)
    return {
        "fit": "fit::DOUBLE / 1000",
        "behaviour": "behaviour::DOUBLE / 1000",
        "total": "(fit + behaviour)::DOUBLE / 1000",
        "segment": "segment",
        "threshold": "threshold::DOUBLE / 1000",
        "qualified": "via IS NOT NULL",
        "via": "via",
        "blocked_by": "blocked_by",
        "grade": grade,
    }


def query() -> str:
    """The whole statement over the relations `leads` and `events`."""
    names = [*reversed(book.NAMES)]
    reasons = ", ".join(
        f"CASE WHEN top_{n} > 0 THEN {names}[top_{n} % 64 - {63 - len(names)}] END AS reason_{n}" for n in (1, 2, 3)
    )
    columns = ", ".join(f"{expression} AS {column}" for column, expression in answered().items())
    return f"""WITH {fit()}, {behaviour()}, {scored()}, {judged_leads()}
SELECT lead_id, {columns}, {reasons} FROM judged"""


def connect(leads: Path | None = None, events: Path | None = None) -> duckdb.DuckDBPyConnection:
    """In memory, in UTC, rows in any order; with the files as `leads` and `events`."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
    for relation, path in (("leads", leads), ("events", events)):
        if path:
            connection.execute(f"CREATE VIEW {relation} AS FROM read_parquet({text(str(path))})")
    return connection


def score_files(leads: Path, events: Path, out: Path) -> None:
    """Parquet to Parquet."""
    with connect(leads, events) as connection:
        connection.execute(f"COPY ({query()}) TO {text(str(out))} (FORMAT parquet, COMPRESSION snappy)")


def score_frames(leads: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Pandas to pandas."""
    with connect() as connection:
        connection.register("leads", leads)
        connection.register("events", events)
        return connection.execute(query()).df()


if __name__ == "__main__":
    job.main(score_files, score_frames)
