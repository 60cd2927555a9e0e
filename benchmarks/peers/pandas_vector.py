"""The sixty rules in careful pandas: categories judged once, a vector expression per rule, no row in Python.

What made it fast: texts are categories, so a rule looks its points up by code; events nobody wants any more go before
ids are looked up; leads are numbered, so sums are bincounts; the three reasons are kept by comparing, never sorted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import book
import job
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

DAY = 86_400_000_000
END = int(book.END.timestamp()) * 1_000_000
NOT_WORDS = r"[\W_]+"
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


class Reasons:
    """The three largest |points|, ties by place in the book, as each rule's points come by."""

    def __init__(self, leads: int) -> None:
        self.tops = [np.zeros(leads, dtype=np.int64) for _ in range(3)]

    def add(self, name: str, points: Ints) -> Ints:
        """Take note of a rule's points and pass them on."""
        left = np.where(points != 0, np.abs(points) * 64 + (63 - book.PLACE[name]), 0)
        for place, top in enumerate(self.tops):
            self.tops[place] = np.maximum(top, left)
            left = np.minimum(top, left)
        return points

    def names(self, place: int) -> pd.Categorical[str]:
        """The names of the first, second or third rule; none for no points."""
        top = self.tops[place]
        codes = np.where(top > 0, top % 64 - (64 - len(book.NAMES)), -1)
        return pd.Categorical.from_codes(codes.astype(np.int8), categories=pd.Index(list(reversed(book.NAMES))))


class Text:
    """A text column as codes of its distinct values, in small letters; the last value is the missing one."""

    def __init__(self, column: pd.Series) -> None:
        values = (column if isinstance(column.dtype, pd.CategoricalDtype) else column.astype("category")).cat
        small = pd.Series(values.categories.astype(str)).str.lower()
        self.codes = values.codes.to_numpy()
        self.small = pd.concat([small.where(~small.isin(book.MISSING)), pd.Series([None])], ignore_index=True)

    def spread(self, by_value: Any) -> npt.NDArray[Any]:
        """What holds for a distinct value, for every row."""
        found: npt.NDArray[Any] = np.asarray(by_value)[self.codes]
        return found

    def among(self, *values: str) -> Flags:
        """Whether it is one of these."""
        return self.spread(self.small.isin(values))

    def not_among(self, *values: str) -> Flags:
        """Whether it is known and none of these."""
        return self.spread(self.small.notna() & ~self.small.isin(values))

    def points(self, table: Mapping[Any, int], other: int, missing: int) -> Ints:
        """Points by value."""
        found = self.small.map(table).fillna(other).where(self.small.notna(), missing)
        return self.spread(found.astype(np.int64))

    def words(self, *phrases: str) -> pd.Series:
        """Per distinct value: whether one of the phrases occurs as whole words."""
        spaced = " " + self.small.str.replace(NOT_WORDS, " ", regex=True) + " "
        return spaced.str.contains("|".join(f" {phrase} " for phrase in phrases)).fillna(value=False).astype(bool)

    def meets(self, rule: book.Words) -> pd.Series:
        """Per distinct value: whether a rule's pattern is met."""
        ways: dict[str, Callable[[], pd.Series]] = {
            "is": lambda: self.small.isin(rule.patterns),
            "word": lambda: self.words(*rule.patterns),
            "inside": lambda: self.small.str.contains("|".join(rule.patterns)),
            "start": lambda: self.small.str.startswith(tuple(rule.patterns)),
            "end": lambda: self.small.str.endswith(tuple(rule.patterns)),
        }
        return ways[rule.how]().fillna(value=False).astype(bool)


def cut(values: npt.NDArray[np.float64], rule: book.Cuts) -> Ints:
    """Points from each bound up."""
    found = np.array([rule.other, *rule.points.values()])[np.searchsorted(list(rule.points), values, side="right")]
    return np.where(np.isnan(values), rule.missing, found)


def together(text: dict[str, Text], leads: pd.DataFrame, decider: Flags) -> list[Flags]:
    """The rules over several columns; comparisons with NaN are False, as they should be."""
    people, revenue = leads["employees"].to_numpy(dtype=float), leads["revenue"].to_numpy(dtype=float)
    country, industry, product, source = (text[name] for name in ("country", "industry", "product", "source"))
    consent = leads["consent"].eq(other=True).fillna(value=False).to_numpy(dtype=bool)
    return [
        country.among("us", "ca", "gb") & industry.not_among("education", "government"),
        industry.among("software", "internet") & (people >= 200) & (people <= 2_000),
        industry.among("banking", "insurance") & (people >= 1_000),
        (revenue >= 10_000_000) & (people < 50),
        country.among("de", "at", "ch") & industry.among("manufacturing", "insurance", "banking"),
        country.among("se", "no", "dk", "fi") & consent,
        product.among("enterprise") & (people >= 500),
        product.among("starter") & (people > 5_000),
        source.among("paid search", "paid social") & np.isnan(people),
        (text["seniority"].among("c-level", "vp") | decider) & source.among("referral", "partner"),
        industry.not_among("software", "internet", "banking", "insurance", "telecoms", "retail") & (people < 5_000),
    ]


def fit(leads: pd.DataFrame, reasons: Reasons) -> tuple[Ints, Flags, Flags, Flags]:
    """Fit, and who is a specialist, small, a rival."""
    text = {
        name: Text(leads[name]) for name in ("job_title", "email_domain", *(rule.column for rule in book.TEXT_TABLES))
    }
    consent = leads["consent"].map(book.CONSENT.points).fillna(book.CONSENT.missing).to_numpy(dtype=np.int64)
    alone = reasons.add(book.CONSENT.name, consent)
    company = np.zeros(len(leads), dtype=np.int64)
    for rule in book.TEXT_TABLES:
        points = reasons.add(rule.name, text[rule.column].points(rule.points, rule.other, rule.missing))
        company, alone = (company + points, alone) if rule.group else (company, alone + points)
    for cuts in (book.SIZE, book.REVENUE):
        company = company + reasons.add(cuts.name, cut(leads[cuts.column].to_numpy(dtype=float), cuts))
    total: Ints = np.clip(company, *book.GROUPS["company"]) + alone
    for column, words in (("job_title", book.TITLES), ("email_domain", book.MAIL)):
        by_rule = [(each, np.where(text[column].meets(each), each.points, 0)) for each in words]
        total += text[column].spread(np.clip(sum(worth for _, worth in by_rule), *book.GROUPS[words[0].group]))
        for each, by_value in by_rule:
            reasons.add(each.name, text[column].spread(by_value))
    decider = text["job_title"].spread(text["job_title"].words(*book.DECIDERS))
    for (name, worth), met in zip(book.TOGETHER.items(), together(text, leads, decider), strict=True):
        total += reasons.add(name, np.where(met, worth, 0))
    small = (leads["employees"].to_numpy(dtype=float) < 20) & text["product"].among("starter", "team")
    specialist = text["job_title"].spread(text["job_title"].words(*book.SPECIALISTS))
    return np.clip(total, *book.FIT_LIMITS), specialist, small, text["email_domain"].among(*book.RIVALS)


class Log:
    """The events some rule still wants: number of the lead, age in days, kind and asset."""

    def __init__(self, leads: pd.DataFrame, events: pd.DataFrame) -> None:
        event = Text(events["event"])
        wanted = event.spread(event.small.map(WANTED_DAYS).fillna(0).astype(np.int16))
        age = (END - 1 - events["at"].dt.as_unit("us").astype(np.int64).to_numpy()) // DAY
        kept = np.flatnonzero((age >= 0) & (age < wanted))
        lead = pd.Index(leads["lead_id"]).get_indexer(pd.Index(events["lead_id"].to_numpy()[kept]))
        kept = kept[lead >= 0]
        self.lead, self.age = lead[lead >= 0], age[kept]
        self.event, self.asset = event, Text(events["asset"])
        event.codes, self.asset.codes = event.codes[kept], self.asset.codes[kept]
        self.leads = len(leads)

    def rows(self, *kinds: str, days: int = book.ALWAYS, asset: Any = None) -> Ints:
        """The rows of some kinds, in a window, on some assets."""
        rows = np.flatnonzero(self.event.among(*kinds) & (self.age < days))
        return rows if asset is None else rows[np.asarray(asset, dtype=bool)[self.asset.codes[rows]]]

    def counted(self, rows: Ints) -> Ints:
        """How many rows a lead has."""
        return np.bincount(self.lead[rows], minlength=self.leads)

    def days(self, rows: Ints) -> tuple[Ints, Ints]:
        """The distinct days of each lead: number of the lead, age."""
        keys = pd.unique(self.lead[rows] * 256 + self.age[rows])
        return keys // 256, keys % 256

    def given(self, rule: book.Activity, rows: Ints) -> Ints:
        """What a rule gives, before limits."""
        worth = np.array(rule.worth)
        if rule.counting == "once":
            last = pd.Series(self.age[rows]).groupby(self.lead[rows]).min()
            found = np.zeros(self.leads, dtype=np.int64)
            found[last.index] = worth[last]
            return found
        lead, age = self.days(rows) if rule.counting == "daily" else (self.lead[rows], self.age[rows])
        return np.bincount(lead, weights=worth[age], minlength=self.leads).astype(
            np.int64
        )  # whole numbers below 2**53: exact


def by_count(counts: Ints, points: dict[int, int]) -> Ints:
    """Points from each count up."""
    return np.array([0, *points.values()])[np.searchsorted(list(points), counts, side="right")]


def rows_of(log: Log) -> dict[str, Ints]:
    """The events each rule takes."""
    small = log.asset.small.fillna("")
    takes: dict[str, tuple[Any, ...]] = {
        book.PRICING.name: ("page_view", small.str.startswith("/pricing")),
        book.PRODUCTS.name: ("page_view", small.str.startswith(("/product", "/features"))),
        book.STORIES.name: ("page_view", small.str.contains("case-study|customer-story")),
        book.DOCS.name: ("page_view", small.str.startswith("/docs")),
        book.CAREERS.name: ("page_view", small.str.startswith("/careers")),
        book.VIEWS.name: ("page_view",),
        book.OPENS.name: ("email_open",),
        book.CLICKS.name: ("email_click",),
        book.NEWSLETTER.name: ("email_click", small.str.contains("newsletter")),
        book.UNSUBSCRIBED.name: ("unsubscribe",),
        book.BOUNCED.name: ("email_bounce",),
        book.ATTENDED.name: ("webinar_attended",),
        book.REGISTERED.name: ("webinar_registered",),
        book.DOWNLOADS.name: ("content_download",),
        book.RETURN.name: ("content_download", log.asset.words("roi", "tco")),
        book.TRIAL.name: ("trial_started",),
        book.LOGINS.name: ("product_login",),
        book.CHATS.name: ("chat",),
    }
    days = {rule.name: len(rule.worth) for rule in book.BEHAVIOUR}
    found = {
        name: log.rows(kind, days=days[name], asset=asset[0] if asset else None)
        for name, (kind, *asset) in takes.items()
    }
    found[book.ACTIVE.name] = log.rows(*book.ACTIVE_KINDS, days=days[book.ACTIVE.name])
    found[book.QUIET.name] = log.rows(*book.QUIET_KINDS, days=days[book.QUIET.name])
    return found


def behaviour(log: Log, reasons: Reasons) -> Ints:
    """Behaviour after all limits."""
    rows = rows_of(log)
    sums: dict[str | None, Ints] = {}
    for rule in book.BEHAVIOUR:
        mine = rows.pop(rule.name)
        if rule is book.CLICKS:
            points = by_count(log.counted(mine), book.CLICK_POINTS)
        elif rule is book.ACTIVE:
            points = by_count(np.bincount(log.days(mine)[0], minlength=log.leads), book.ACTIVE_POINTS)
        elif rule is book.QUIET:
            points = np.where(log.counted(mine) == 0, book.QUIET_POINTS, 0)
        else:
            points = log.given(rule, mine)
        reasons.add(rule.name, points)
        sums[rule.group] = sums.get(rule.group, 0) + (
            points if rule.at_most is None else np.minimum(points, rule.at_most)
        )
    return np.clip(
        sum(np.clip(part, *book.GROUPS[group]) if group else part for group, part in sums.items()),
        *book.BEHAVIOUR_LIMITS,
    )


def chosen(first: Flags, second: Flags, names: tuple[str, str]) -> pd.Categorical[str]:
    """One of two names, the first before the second, or none."""
    return pd.Categorical.from_codes(
        np.select([first, second], [0, 1], -1).astype(np.int8), categories=pd.Index(list(names))
    )


def grades(fitting: Ints, active: Ints) -> pd.Categorical[str]:
    """A letter and a figure."""
    letters, figures = (
        [book.FIT_LAST, *reversed(book.FIT_GRADES)],
        [book.BEHAVIOUR_LAST, *reversed(book.BEHAVIOUR_GRADES)],
    )
    letter = np.searchsorted(sorted(book.FIT_GRADES.values()), fitting, side="right")
    figure = np.searchsorted(sorted(book.BEHAVIOUR_GRADES.values()), active, side="right")
    return pd.Categorical.from_codes(
        letter * len(figures) + figure, categories=pd.Index([a + b for a in letters for b in figures])
    )


def score(leads: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Everything."""
    leads = leads[leads["created_at"].isna() | (leads["created_at"] < book.END)]
    reasons = Reasons(len(leads))
    fitting, specialist, small, rival = fit(leads, reasons)
    log = Log(leads, events)
    del events
    active = behaviour(log, reasons)
    asked = log.counted(log.rows("demo_request", asset=log.asset.small.isin(book.DEMO_ASSETS))) > 0
    complained = log.counted(log.rows("spam_complaint")) > 0
    total = fitting + active
    (specialists, high), (smalls, low) = book.SPECIALIST_SEGMENT, book.SMALL_SEGMENT
    threshold = np.select([specialist, small], [high, low], book.THRESHOLD)
    blocked = rival | complained
    reached = (total >= threshold) & (fitting >= book.MINIMUM_FIT)
    return pd.DataFrame(
        {
            "lead_id": leads["lead_id"].to_numpy(),
            "fit": fitting / 1000,
            "behaviour": active / 1000,
            "total": total / 1000,
            "segment": chosen(specialist, small, (specialists, smalls)),
            "threshold": threshold / 1000,
            "qualified": ~blocked & (asked | reached),
            "via": chosen(~blocked & asked, ~blocked & reached, ("hand_raise", "score")),
            "blocked_by": chosen(rival, complained, (book.COMPETITOR, book.COMPLAINED)),
            "grade": grades(fitting, active),
            **{f"reason_{place + 1}": reasons.names(place) for place in range(3)},
        }
    )


def read(path: Path, columns: list[str]) -> pd.DataFrame:
    """A file with its texts as categories."""
    texts = [
        field.name
        for field in pq.read_schema(path)
        if str(field.type) in ("string", "large_string") and field.name != "lead_id"
    ]
    return pq.read_table(path, columns=columns, read_dictionary=texts).to_pandas(self_destruct=True)  # type: ignore[no-any-return]


def score_files(leads: Path, events: Path, out: Path) -> None:
    """Parquet to Parquet."""
    score(read(leads, book.LEAD_COLUMNS), read(events, book.EVENT_COLUMNS)).to_parquet(out, index=False)


if __name__ == "__main__":
    job.main(score_files, score)
