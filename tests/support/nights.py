"""Made-up exports, night after night: events that come late, leads that come and go; whole, or of the last days."""

import datetime as dt
import random
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from typer.testing import CliRunner

import leadscore as ls
from leadscore.cli import app

DAY = dt.timedelta(1)
FIRST, LAST = dt.date(2026, 3, 26), dt.date(2026, 3, 31)
LOOK_BACK = 2
DATA = f"""
data: 1
sources:
  people: {{file: people.csv, columns: {{created: {{type: time}}}}}}
  visits: {{file: visits.csv, columns: {{at: {{type: time}}}}}}
leads: {{people: {{from: people, lead_id: id, created_at: created, columns: {{country: country}}}}}}
events:
  visits: {{from: visits, lead_id: id, event: kind, at: at, columns: {{page: page}}, lookback_days: {LOOK_BACK}}}
"""
BOOK = """
leadscore: 2
name: nights
version: "1"
fit: [{name: Market, column: country, points: {US: 10, DE: 5}}]
behaviour:
  - {name: Pricing, event: visit, where: {page: {starts_with: /pricing}}, points: 10, half_life_days: 7, at_most: 30}
  - {name: Calls, event: call, points: 5, within_days: 5}
grades: {fit: {A: 10, B: rest}, behaviour: {1: 15, 2: 5, 3: rest}}
qualify: {threshold: 20}
"""


@dataclass
class World:
    """Everything that ever happens: leads with the day on which they come, events with the day on which they arrive."""

    leads: list[tuple] = field(default_factory=list)
    events: list[tuple] = field(default_factory=list)

    @classmethod
    def made(cls, seed=1, *, late=LOOK_BACK):
        rng = random.Random(seed)
        leads = [(f"L{n}", FIRST - DAY * rng.randrange(-4, 30), rng.choice(["US", "DE", ""])) for n in range(40)]
        events = []
        for lead, created, _ in leads:
            for _ in range(rng.randrange(12)):
                day = created + DAY * rng.randrange(30)
                at = f"{day}T{rng.randrange(24):02}:{rng.randrange(60):02}:00Z"
                page = rng.choice(["/pricing", "/pricing/big", "/blog", ""])
                events.append(
                    (lead, rng.choice(["visit", "visit", "call"]), at, page, day + DAY * rng.randrange(late + 1))
                )
        return cls(leads, events)

    def export(self, folder, day, *, days=None):
        """What the systems hold at the end of a day: all, or the events of the last days."""
        people = [row for row in self.leads if row[1] <= day]
        there = {row[0] for row in people}
        since = dt.date.min if days is None else day - DAY * (days - 1)
        events = [row[:4] for row in self.events if row[0] in there and row[4] <= day and row[2][:10] >= str(since)]
        pd.DataFrame(people, columns=["id", "created", "country"]).to_csv(folder / "people.csv", index=False)
        pd.DataFrame(events, columns=["id", "kind", "at", "page"]).to_csv(folder / "visits.csv", index=False)


def written(folder):
    (folder / "data.yaml").write_text(DATA, encoding="utf-8")
    (folder / "rulebook.yaml").write_text(BOOK, encoding="utf-8")
    return folder


def night(folder, day, *more, out="out"):
    given = ["run", str(folder / "rulebook.yaml"), "--as-of", str(day), "--dir", str(folder / out), *map(str, more)]
    return CliRunner().invoke(app, given, catch_exceptions=False)


def days(first=FIRST, last=LAST):
    return [first + DAY * n for n in range((last - first).days + 1)]


def scores(folder, day, out="out"):
    return pd.read_parquet(folder / out / "scores" / f"{day}.parquet")


def changed(folder, day, out="out"):
    return pd.read_parquet(folder / out / "changed" / f"{day}.parquet").set_index("lead_id")


def at_once(folder, day):
    """The scores of all events of an export, without any night."""
    book = ls.Rulebook.read(folder / "rulebook.yaml")
    return ls.score(ls.load_tables(folder / "data.yaml", rulebook=book), book, as_of=day)


def files(root):
    """All that nights leave behind, with its bytes, but the log."""
    found = {path.relative_to(root).as_posix(): path for path in Path(root).rglob("*") if path.is_file()}
    return {
        name: path.read_bytes() for name, path in sorted(found.items()) if not name.endswith((".lock", "log.jsonl"))
    }
