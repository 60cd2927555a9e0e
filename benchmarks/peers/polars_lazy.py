"""The sixty rules in polars: one lazy plan for the streaming engine, as someone who knows polars would write it.

What made it fast: job titles and mail domains are judged once per distinct value; events nobody needs any more are
dropped before anything is looked up; the rest shrink to one row per lead, kind and day, and only then meet the points.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import book
import job
import polars as pl

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    import pandas as pd

DAY = 86_400_000_000
END = int(book.END.timestamp()) * 1_000_000
PRICING, PRODUCTS, STORIES, DOCS, CAREERS, NEWSLETTER, RETURN, DEMO = range(1, 9)  # classes of assets
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
KIND = pl.Enum(list(WANTED_DAYS))
KEYS = pl.Int32  # |points| * 64 + a place in the book; 33,000 points fit


def known(column: str) -> pl.Expr:
    """Small letters, the texts that mean missing as null."""
    small = pl.col(column).str.to_lowercase()
    return pl.when(~small.is_in(book.MISSING)).then(small).alias(column)


def key(points: pl.Expr, place: int) -> pl.Expr:
    """Sorts by |points|, then by place in the book; 0 for no points."""
    return pl.when(points != 0).then(points.abs().cast(KEYS) * 64 + (63 - place)).otherwise(pl.lit(0, KEYS))


def with_largest(frame: pl.LazyFrame, keys: list[str], prefix: str = "") -> pl.LazyFrame:
    """The three largest of some key columns, as columns top_1, top_2, top_3; a step each, so none is computed twice."""
    before = pl.lit(2**31 - 1, KEYS)
    for n in (1, 2, 3):
        below = (pl.when(pl.col(name) < before).then(name) for name in keys)
        frame = frame.with_columns(pl.max_horizontal(keys if n == 1 else below).fill_null(0).alias(f"{prefix}top_{n}"))
        before = pl.col(f"{prefix}top_{n}")
    return frame


def meets(text: pl.Expr, rule: book.Words) -> pl.Expr:
    """Whether a text, for words one of runs of letters and digits between blanks, meets a rule's pattern."""
    if rule.how == "is":
        return text.is_in(rule.patterns)
    if rule.how == "word":
        return text.str.contains_any([f" {pattern} " for pattern in rule.patterns])
    if rule.how == "inside":
        return text.str.contains_any(rule.patterns)
    side = text.str.starts_with if rule.how == "start" else text.str.ends_with
    return pl.any_horizontal(side(pattern) for pattern in rule.patterns)


def spaced(column: str) -> pl.Expr:
    """Words of a text between single blanks."""
    return " " + pl.col(column).str.replace_all(r"[^\p{L}\p{N}]+", " ") + " "


def judged(values: pl.LazyFrame, column: str, rules: list[book.Words]) -> pl.LazyFrame:
    """Per distinct text: the points of its rules in sum, and their three largest keys."""
    values = values.select(pl.col(column).alias("raw"), known(column)).with_columns(spaced(column).alias("words"))
    points = values.with_columns(
        pl.when(meets(pl.col("words" if rule.how == "word" else column), rule))
        .then(rule.points)
        .otherwise(0)
        .alias(rule.name)
        for rule in rules
    )
    keyed = points.with_columns(
        key(pl.col(rule.name), book.PLACE[rule.name]).alias(f"key {rule.name}") for rule in rules
    )
    low, high = book.GROUPS[rules[0].group]
    total = pl.sum_horizontal(rule.name for rule in rules).clip(low, high).alias(f"{column} points")
    return with_largest(keyed.with_columns(total), [f"key {rule.name}" for rule in rules], f"{column} ")


def titles(leads: pl.LazyFrame) -> pl.LazyFrame:
    """The job titles, once each."""
    words = pl.col("words")
    return judged(leads.select("job_title").unique(), "job_title", book.TITLES).select(
        "raw",
        "^job_title (points|top_.)$",
        words.str.contains_any([f" {word} " for word in book.DECIDERS]).fill_null(value=False).alias("decider"),
        words.str.contains_any([f" {word} " for word in book.SPECIALISTS]).fill_null(value=False).alias("specialist"),
    )


def domains(leads: pl.LazyFrame) -> pl.LazyFrame:
    """The mail domains, once each."""
    return judged(leads.select("email_domain").unique(), "email_domain", book.MAIL).select(
        "raw",
        "^email_domain (points|top_.)$",
        pl.col("email_domain").is_in(book.RIVALS).fill_null(value=False).alias("rival"),
    )


def cut(rule: book.Cuts) -> pl.Expr:
    """Points from each bound up."""
    value = pl.col(rule.column)
    bounds = list(rule.points.items())
    found: Any = pl.when(value >= bounds[-1][0]).then(bounds[-1][1])
    for bound, points in reversed(bounds[:-1]):
        found = found.when(value >= bound).then(points)
    chosen: pl.Expr = found.when(value.is_null()).then(rule.missing).otherwise(rule.other).alias(rule.name)
    return chosen


def looked_up(rule: book.Table) -> pl.Expr:
    """Points by value."""
    value = pl.col(rule.column)
    found = value.replace_strict(rule.points, default=rule.other, return_dtype=pl.Int32)
    return pl.when(value.is_null()).then(rule.missing).otherwise(found).alias(rule.name)


def together() -> list[pl.Expr]:
    """The rules over several columns."""
    people, product, country, industry = pl.col("employees"), pl.col("product"), pl.col("country"), pl.col("industry")
    conditions = [
        country.is_in(["us", "ca", "gb"]) & ~industry.is_in(["education", "government"]),
        industry.is_in(["software", "internet"]) & people.is_between(200, 2_000),
        industry.is_in(["banking", "insurance"]) & (people >= 1_000),
        (pl.col("revenue") >= 10_000_000) & (people < 50),
        country.is_in(["de", "at", "ch"]) & industry.is_in(["manufacturing", "insurance", "banking"]),
        country.is_in(["se", "no", "dk", "fi"]) & pl.col("consent"),
        (product == "enterprise") & (people >= 500),
        (product == "starter") & (people > 5_000),
        pl.col("source").is_in(["paid search", "paid social"]) & people.is_null(),
        (pl.col("seniority").is_in(["c-level", "vp"]) | pl.col("decider"))
        & pl.col("source").is_in(["referral", "partner"]),
        ~industry.is_in(["software", "internet", "banking", "insurance", "telecoms", "retail"]) & (people < 5_000),
    ]
    return [
        pl.when(condition).then(points).otherwise(0).alias(name)
        for condition, (name, points) in zip(conditions, book.TOGETHER.items(), strict=True)
    ]


def fit(leads: pl.LazyFrame) -> pl.LazyFrame:
    """Per lead: fit, what qualifying asks of the record, and the record's three largest keys."""
    single: list[book.Table | book.Cuts] = [
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
    names = [*(rule.name for rule in single), *book.TOGETHER]
    firm = [rule.name for rule in single if rule.group == "company"]
    alone = [name for name in names if name not in firm]
    joined = leads.join(titles(leads), left_on="job_title", right_on="raw", how="left", nulls_equal=True).join(
        domains(leads), left_on="email_domain", right_on="raw", how="left", nulls_equal=True
    )
    points = joined.with_columns(known(rule.column) for rule in book.TEXT_TABLES).select(
        "lead_id",
        "specialist",
        "rival",
        "^(job_title|email_domain) (points|top_.)$",
        *[cut(rule) if isinstance(rule, book.Cuts) else looked_up(rule) for rule in single],
        *together(),
        ((pl.col("employees") < 20) & pl.col("product").is_in(["starter", "team"]))
        .fill_null(value=False)
        .alias("small"),
    )
    total = (
        pl.sum_horizontal(firm).clip(*book.GROUPS["company"])
        + pl.col("job_title points")
        + pl.col("email_domain points")
        + pl.sum_horizontal(alone)
    ).clip(*book.FIT_LIMITS)
    keyed = points.with_columns(
        total.alias("fit"), *[key(pl.col(name), book.PLACE[name]).alias(f"key {name}") for name in names]
    )
    keys = [f"key {name}" for name in names] + [
        f"{column} top_{n}" for column in ("job_title", "email_domain") for n in (1, 2, 3)
    ]
    return with_largest(keyed, keys, "fit ").select("lead_id", "specialist", "small", "rival", "fit", "^fit top_.$")


def since(days: int) -> pl.Expr:
    """Whether an event is younger than so many days; compared as time, so that Parquet statistics help."""
    return pl.col("at") >= book.END - timedelta(days=days)


def pruned(events: pl.LazyFrame) -> pl.DataFrame:
    """The events some rule still wants: lead, event, age in days, which rule's `where` the asset meets."""
    asset = pl.col("asset").str.to_lowercase()
    page = (
        pl.when(asset.str.starts_with("/pricing"))
        .then(PRICING)
        .when(asset.str.starts_with("/product") | asset.str.starts_with("/features"))
        .then(PRODUCTS)
        .when(asset.str.starts_with("/docs"))
        .then(DOCS)
        .when(asset.str.starts_with("/careers"))
        .then(CAREERS)
        .when(asset.str.contains("case-study", literal=True) | asset.str.contains("customer-story", literal=True))
        .then(STORIES)
        .otherwise(0)
    )
    words = spaced("asset").str.to_lowercase()
    wheres = [
        (["page_view"], page),
        (["email_click"], pl.when(asset.str.contains("newsletter", literal=True)).then(NEWSLETTER).otherwise(0)),
        (["content_download"], pl.when(words.str.contains_any([" roi ", " tco "])).then(RETURN).otherwise(0)),
        (["demo_request"], pl.when(asset.is_in(book.DEMO_ASSETS)).then(DEMO).otherwise(0)),
        (
            [
                kind
                for kind in WANTED_DAYS
                if kind not in ("page_view", "email_click", "content_download", "demo_request")
            ],
            pl.lit(0),
        ),
    ]
    age = (END - 1 - pl.col("at").dt.epoch("us")) // DAY
    past = events.filter(pl.col("at") < book.END)
    return pl.concat(
        past.filter(pl.any_horizontal((pl.col("event") == kind) & since(WANTED_DAYS[kind]) for kind in kinds)).select(
            "lead_id", pl.col("event").cast(KIND), age.cast(pl.UInt8).alias("age"), where.cast(pl.UInt8).alias("where")
        )
        for kinds, where in wheres
    ).collect(engine="streaming")


def kind(*names: str) -> pl.Expr:
    """Whether the event is one of these."""
    return pl.any_horizontal(pl.col("event") == pl.lit(name, dtype=KIND) for name in names)


def on(event: str, where: int) -> pl.Expr:
    """Whether the event is this one on an asset of this class."""
    return kind(event) & (pl.col("where") == where)


def given(events: pl.LazyFrame, rule: book.Activity, matches: pl.Expr) -> pl.LazyFrame:
    """One row per lead with what the rule gives, before limits; counts where points go by count."""
    age = pl.col("age")
    found = events.filter(matches & (age < min(len(rule.worth), 200)))
    worth = pl.lit(pl.Series(rule.worth, dtype=pl.Int32)).gather(age).alias(rule.name)
    if rule in (book.CLICKS, book.QUIET):
        return found.group_by("lead_id").agg(pl.len().cast(pl.Int32).alias(rule.name))
    if rule is book.ACTIVE:  # distinct days of thirty are bits of a number
        bits = pl.lit(2, dtype=pl.Int64).pow(age.cast(pl.Int64)).bitwise_or()
        return found.group_by("lead_id").agg(bits.bitwise_count_ones().cast(pl.Int32).alias(rule.name))
    if rule.counting == "once":
        return found.group_by("lead_id").agg(age.min()).select("lead_id", worth)
    if rule.counting == "daily":
        found = found.select("lead_id", "age").unique()
    return found.select("lead_id", worth).group_by("lead_id").agg(pl.col(rule.name).sum())


def matches() -> list[tuple[book.Activity, pl.Expr]]:
    """Which events each rule takes."""
    return [
        (book.PRICING, on("page_view", PRICING)),
        (book.PRODUCTS, on("page_view", PRODUCTS)),
        (book.STORIES, on("page_view", STORIES)),
        (book.DOCS, on("page_view", DOCS)),
        (book.CAREERS, on("page_view", CAREERS)),
        (book.VIEWS, kind("page_view")),
        (book.OPENS, kind("email_open")),
        (book.CLICKS, kind("email_click")),
        (book.NEWSLETTER, on("email_click", NEWSLETTER)),
        (book.UNSUBSCRIBED, kind("unsubscribe")),
        (book.BOUNCED, kind("email_bounce")),
        (book.ATTENDED, kind("webinar_attended")),
        (book.REGISTERED, kind("webinar_registered")),
        (book.DOWNLOADS, kind("content_download")),
        (book.RETURN, on("content_download", RETURN)),
        (book.ACTIVE, kind(*book.ACTIVE_KINDS)),
        (book.QUIET, kind(*book.QUIET_KINDS)),
        (book.TRIAL, kind("trial_started")),
        (book.LOGINS, kind("product_login")),
        (book.CHATS, kind("chat")),
    ]


def by_count(rule: book.Activity, points: dict[int, int]) -> pl.Expr:
    """Points from each count up."""
    found: Any = pl.when(pl.col(rule.name) < 0).then(0)
    for count, worth in sorted(points.items(), reverse=True):
        found = found.when(pl.col(rule.name) >= count).then(worth)
    chosen: pl.Expr = found.otherwise(0).alias(rule.name)
    return chosen


def with_behaviour(leads: pl.LazyFrame, events: pl.LazyFrame) -> pl.LazyFrame:
    """The leads with behaviour and all keys."""
    for rule, expression in matches():
        leads = leads.join(given(events, rule, expression), on="lead_id", how="left")
    for flag, match in (("asked", on("demo_request", DEMO)), ("complained", kind("spam_complaint"))):
        found = events.filter(match).select("lead_id").unique().with_columns(pl.lit(value=True).alias(flag))
        leads = leads.join(found, on="lead_id", how="left")
    leads = leads.with_columns(pl.col(rule.name).fill_null(0) for rule in book.BEHAVIOUR).with_columns(
        by_count(book.CLICKS, book.CLICK_POINTS),
        by_count(book.ACTIVE, book.ACTIVE_POINTS),
        pl.when(pl.col(book.QUIET.name) == 0).then(book.QUIET_POINTS).otherwise(0).alias(book.QUIET.name),
    )
    sums: dict[str | None, pl.Expr] = {}
    for rule in book.BEHAVIOUR:
        points = pl.col(rule.name) if rule.at_most is None else pl.col(rule.name).clip(upper_bound=rule.at_most)
        sums[rule.group] = sums.get(rule.group, pl.lit(0)) + points
    behaviour = pl.sum_horizontal(each.clip(*book.GROUPS[name]) if name else each for name, each in sums.items())
    return leads.with_columns(
        behaviour.clip(*book.BEHAVIOUR_LIMITS).alias("behaviour"),
        *[key(pl.col(rule.name), book.PLACE[rule.name]).alias(f"key {rule.name}") for rule in book.BEHAVIOUR],
    )


def graded(column: str, bars: dict[str, int], last: str) -> pl.Expr:
    """The first letter or figure whose bar is reached."""
    found: Any = pl.when(pl.col(column).is_null()).then(None)
    for letter, bar in bars.items():
        found = found.when(pl.col(column) >= bar).then(pl.lit(letter))
    chosen: pl.Expr = found.otherwise(pl.lit(last))
    return chosen


def points(column: str) -> pl.Expr:
    """Thousandths as points."""
    # By a column: by a constant, polars multiplies with the reciprocal, which is one bit off now and then.
    thousand = (pl.col(column) * 0 + 1000).cast(pl.Float64)
    return (pl.col(column).cast(pl.Float64) / thousand).alias(column)


def reason(n: int) -> pl.Expr:
    """The name of the rule with the n-th largest key."""
    names = pl.lit(pl.Series([*reversed(book.NAMES), None]))  # the last for no points
    top = pl.col(f"top_{n}")
    place = pl.when(top > 0).then(top % 64 - (64 - len(book.NAMES))).otherwise(len(book.NAMES))
    return names.gather(place).alias(f"reason_{n}")


def decided(scored: pl.LazyFrame) -> pl.LazyFrame:
    """The total, the bar that applies, who is blocked, the grade, the three largest keys."""
    specialist, small = pl.col("specialist"), pl.col("small")
    (specialists, high), (smalls, low) = book.SPECIALIST_SEGMENT, book.SMALL_SEGMENT
    letter = graded("fit", book.FIT_GRADES, book.FIT_LAST)
    figure = graded("behaviour", book.BEHAVIOUR_GRADES, book.BEHAVIOUR_LAST)
    blocked = pl.when("rival").then(pl.lit(book.COMPETITOR)).when("complained").then(pl.lit(book.COMPLAINED))
    keys = [f"key {rule.name}" for rule in book.BEHAVIOUR] + [f"fit top_{n}" for n in (1, 2, 3)]
    return with_largest(scored, keys).with_columns(
        (pl.col("fit") + pl.col("behaviour")).alias("total"),
        pl.when(specialist).then(pl.lit(specialists)).when(small).then(pl.lit(smalls)).alias("segment"),
        pl.when(specialist).then(high).when(small).then(low).otherwise(book.THRESHOLD).alias("threshold"),
        blocked.alias("blocked_by"),
        (letter + figure).alias("grade"),
    )


def answer(scored: pl.LazyFrame) -> pl.LazyFrame:
    """Who qualifies, why, and the columns asked for."""
    reached = (pl.col("total") >= pl.col("threshold")) & (pl.col("fit") >= book.MINIMUM_FIT)
    via = (
        pl.when(pl.col("blocked_by").is_not_null())
        .then(None)
        .when("asked")
        .then(pl.lit("hand_raise"))
        .when(reached)
        .then(pl.lit("score"))
    )
    frame = decided(scored).with_columns(via.alias("via"), *[reason(n) for n in (1, 2, 3)])
    of_points = {name: points(name) for name in ("fit", "behaviour", "total", "threshold")}
    of_points["qualified"] = pl.col("via").is_not_null().alias("qualified")
    return frame.select(of_points.get(name, pl.col(name)) for name in book.COLUMNS)


def score(leads: pl.LazyFrame, events: pl.LazyFrame) -> pl.LazyFrame:
    """The whole plan; the pruned events are the one thing kept on the way."""
    there = leads.filter(pl.col("created_at").is_null() | (pl.col("created_at") < book.END))
    return answer(with_behaviour(fit(there), pruned(events).lazy()))


def score_files(leads: Path, events: Path, out: Path) -> None:
    """Parquet to Parquet."""
    score(pl.scan_parquet(leads), pl.scan_parquet(events)).sink_parquet(out, compression="snappy")


def score_frames(leads: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Pandas to pandas."""
    return score(pl.from_pandas(leads).lazy(), pl.from_pandas(events).lazy()).collect(engine="streaming").to_pandas()


if __name__ == "__main__":
    job.main(score_files, score_frames)
