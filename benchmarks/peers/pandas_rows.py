"""The sixty rules as a function of one row, applied to each lead: the script most teams start with.

A sample of the leads with all their events is scored, and the time of that part scaled to all leads. Kind to the
method: each lead's events are plain tuples, not a frame, which would be several times slower still.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import book
import job
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE = 10_000

Event = tuple[str, int, str]  # kind, age in days, asset in small letters


def clean(value: Any) -> str | None:
    """Small letters; None for what means missing."""
    if not isinstance(value, str) or value.lower() in book.MISSING:
        return None
    return value.lower()


def has_word(value: str | None, words: list[str]) -> bool:
    """Whether one of the phrases occurs as whole words."""
    spaced = " " + re.sub(r"[\W_]+", " ", value or "") + " "
    return any(f" {word} " in spaced for word in words)


def meets(value: str | None, rule: book.Words) -> bool:
    """Whether a text meets a rule's pattern."""
    if value is None:
        return False
    if rule.how == "is":
        return value in rule.patterns
    if rule.how == "word":
        return has_word(value, rule.patterns)
    if rule.how == "inside":
        return any(pattern in value for pattern in rule.patterns)
    return value.startswith(tuple(rule.patterns)) if rule.how == "start" else value.endswith(tuple(rule.patterns))


def cut(value: float, rule: book.Cuts) -> int:
    """Points from each bound up."""
    if pd.isna(value):
        return rule.missing
    reached = [points for bound, points in rule.points.items() if value >= bound]
    return reached[-1] if reached else rule.other


def together(text: dict[str, str | None], row: Any) -> list[bool]:
    """The rules over several columns."""
    country, industry, product, source = text["country"], text["industry"], text["product"], text["source"]
    people = row["employees"]
    referred = text["seniority"] in ("c-level", "vp") or has_word(text["job_title"], book.DECIDERS)
    targets = ("software", "internet", "banking", "insurance", "telecoms", "retail")
    return [
        country in ("us", "ca", "gb") and industry is not None and industry not in ("education", "government"),
        industry in ("software", "internet") and 200 <= people <= 2_000,
        industry in ("banking", "insurance") and people >= 1_000,
        row["revenue"] >= 10_000_000 and people < 50,
        country in ("de", "at", "ch") and industry in ("manufacturing", "insurance", "banking"),
        country in ("se", "no", "dk", "fi") and row["consent"] is True,
        product == "enterprise" and people >= 500,
        product == "starter" and people > 5_000,
        source in ("paid search", "paid social") and pd.isna(people),
        referred and source in ("referral", "partner"),
        industry is not None and industry not in targets and people < 5_000,
    ]


def fit(text: dict[str, str | None], row: Any) -> dict[str, int]:
    """Points of the forty fit rules."""
    points = {}
    for rule in book.TEXT_TABLES:
        value = text[rule.column]
        points[rule.name] = rule.missing if value is None else rule.points.get(value, rule.other)
    points[book.CONSENT.name] = book.CONSENT.points.get(row["consent"], book.CONSENT.missing)
    for cuts in (book.SIZE, book.REVENUE):
        points[cuts.name] = cut(row[cuts.column], cuts)
    for column, rules in (("job_title", book.TITLES), ("email_domain", book.MAIL)):
        for each in rules:
            points[each.name] = each.points if meets(text[column], each) else 0
    for (name, worth), met in zip(book.TOGETHER.items(), together(text, row), strict=True):
        points[name] = worth if met else 0
    return points


def takes(rule: book.Activity, kind: str, asset: str) -> bool:  # noqa: PLR0911  one line a rule
    """Whether a behaviour rule takes an event."""
    if rule is book.PRICING:
        return kind == "page_view" and asset.startswith("/pricing")
    if rule is book.PRODUCTS:
        return kind == "page_view" and asset.startswith(("/product", "/features"))
    if rule is book.STORIES:
        return kind == "page_view" and ("case-study" in asset or "customer-story" in asset)
    if rule is book.DOCS:
        return kind == "page_view" and asset.startswith("/docs")
    if rule is book.CAREERS:
        return kind == "page_view" and asset.startswith("/careers")
    if rule is book.NEWSLETTER:
        return kind == "email_click" and "newsletter" in asset
    if rule is book.RETURN:
        return kind == "content_download" and has_word(asset, ["roi", "tco"])
    if rule is book.ACTIVE:
        return kind in book.ACTIVE_KINDS
    if rule is book.QUIET:
        return kind in book.QUIET_KINDS
    return kind == PLAIN[rule.name]


PLAIN = {
    book.VIEWS.name: "page_view",
    book.OPENS.name: "email_open",
    book.CLICKS.name: "email_click",
    book.UNSUBSCRIBED.name: "unsubscribe",
    book.BOUNCED.name: "email_bounce",
    book.ATTENDED.name: "webinar_attended",
    book.REGISTERED.name: "webinar_registered",
    book.DOWNLOADS.name: "content_download",
    book.TRIAL.name: "trial_started",
    book.LOGINS.name: "product_login",
    book.CHATS.name: "chat",
}


def by_count(count: int, points: dict[int, int]) -> int:
    """Points from each count up."""
    reached = [worth for least, worth in points.items() if count >= least]
    return reached[-1] if reached else 0


def behaviour(events: list[Event]) -> dict[str, int]:
    """Points of the twenty behaviour rules, before limits."""
    points = {}
    for rule in book.BEHAVIOUR:
        ages = [age for kind, age, asset in events if age < len(rule.worth) and takes(rule, kind, asset)]
        if rule is book.CLICKS:
            points[rule.name] = by_count(len(ages), book.CLICK_POINTS)
        elif rule is book.ACTIVE:
            points[rule.name] = by_count(len(set(ages)), book.ACTIVE_POINTS)
        elif rule is book.QUIET:
            points[rule.name] = 0 if ages else book.QUIET_POINTS
        elif rule.counting == "once":
            points[rule.name] = rule.worth[min(ages)] if ages else 0
        else:
            points[rule.name] = sum(rule.worth[age] for age in (ages if rule.counting == "each" else set(ages)))
    return points


ALONE: list[Any] = [*book.TEXT_TABLES, book.CONSENT, book.SIZE, book.REVENUE]
GROUP = {rule.name: rule.group for rule in (*ALONE, *book.TITLES, *book.MAIL, *book.BEHAVIOUR)}
AT_MOST = {rule.name: rule.at_most for rule in book.BEHAVIOUR if rule.at_most is not None}


def limited(points: dict[str, int], limits: tuple[int, int]) -> int:
    """The sum after the limits of rules, groups and the side."""
    sums: dict[str | None, int] = {}
    for name, worth in points.items():
        group = GROUP.get(name)
        sums[group] = sums.get(group, 0) + min(worth, AT_MOST.get(name, book.HIGHEST))
    low, high = limits
    total = 0
    for group, worth in sums.items():
        least, most = book.GROUPS.get(group or "", (book.LOWEST, book.HIGHEST))
        total += min(max(worth, least), most)
    return min(max(total, low), high)


def graded(points: int, bars: dict[str, int], last: str) -> str:
    """The first letter or figure whose bar is reached."""
    return next((letter for letter, bar in bars.items() if points >= bar), last)


def score_lead(row: Any, events: dict[Any, list[Event]]) -> dict[str, Any]:
    """One lead."""
    text = {
        column: clean(row[column])
        for column in ("job_title", "email_domain", *(rule.column for rule in book.TEXT_TABLES))
    }
    mine = events.get(row["lead_id"], [])
    of_fit, of_behaviour = fit(text, row), behaviour(mine)
    fitting, active = limited(of_fit, book.FIT_LIMITS), limited(of_behaviour, book.BEHAVIOUR_LIMITS)
    segment, threshold = None, book.THRESHOLD
    if has_word(text["job_title"], book.SPECIALISTS):
        segment, threshold = book.SPECIALIST_SEGMENT
    elif row["employees"] < 20 and text["product"] in ("starter", "team"):
        segment, threshold = book.SMALL_SEGMENT
    blocked = via = None
    if text["email_domain"] in book.RIVALS:
        blocked = book.COMPETITOR
    elif any(kind == "spam_complaint" and age < book.SPAM_DAYS for kind, age, _ in mine):
        blocked = book.COMPLAINED
    elif any(
        kind == "demo_request" and age < book.DEMO_DAYS and asset in book.DEMO_ASSETS for kind, age, asset in mine
    ):
        via = "hand_raise"
    elif fitting + active >= threshold and fitting >= book.MINIMUM_FIT:
        via = "score"
    points = {name: worth for name, worth in (of_fit | of_behaviour).items() if worth}
    reasons = sorted(points, key=lambda name: (-abs(points[name]), book.PLACE[name]))[:3] + [None] * 3
    return {
        "fit": fitting / 1000,
        "behaviour": active / 1000,
        "total": (fitting + active) / 1000,
        "segment": segment,
        "threshold": threshold / 1000,
        "qualified": via is not None,
        "via": via,
        "blocked_by": blocked,
        "grade": graded(fitting, book.FIT_GRADES, book.FIT_LAST)
        + graded(active, book.BEHAVIOUR_GRADES, book.BEHAVIOUR_LAST),
        "reason_1": reasons[0],
        "reason_2": reasons[1],
        "reason_3": reasons[2],
    }


def sampled(leads: Path, events: Path) -> tuple[pd.DataFrame, pd.DataFrame, float]:
    """Every k-th lead, their events, and k."""
    every = max(1, pq.read_metadata(leads).num_rows // SAMPLE)
    some = pd.read_parquet(leads).iloc[::every]
    ids = (
        pq.read_table(leads, columns=["lead_id"])["lead_id"]
        .take(list(range(0, pq.read_metadata(leads).num_rows, every)))
        .combine_chunks()
    )
    return some, pq.read_table(events, filters=pc.is_in(pc.field("lead_id"), ids)).to_pandas(), every


def score_files(leads: Path, events: Path, out: Path) -> dict[str, float]:
    """Parquet to Parquet for the sample; what scoring the others would take as well."""
    some, log, every = sampled(leads, events)
    cpu, wall = job.cpu_seconds(), time.perf_counter()
    some = some[some["created_at"].isna() | (some["created_at"] < book.END)]
    log = log[log["at"] < book.END]
    log["age"] = (pd.Timestamp(book.AS_OF, tz="UTC") - log["at"].dt.floor("D")).dt.days
    log["asset"] = log["asset"].str.lower().fillna("")
    by_lead: dict[Any, list[Event]] = {}
    for lead, event, age, asset in zip(log["lead_id"], log["event"], log["age"], log["asset"], strict=True):
        by_lead.setdefault(lead, []).append((event, age, asset))
    scores = some.apply(score_lead, axis=1, result_type="expand", events=by_lead)
    pd.concat([some["lead_id"], scores], axis=1).to_parquet(out, index=False)
    cpu, wall = job.cpu_seconds() - cpu, time.perf_counter() - wall
    return {"scaled_cpu": cpu * (every - 1), "scaled_wall": wall * (every - 1)}


if __name__ == "__main__":
    job.main(score_files)
