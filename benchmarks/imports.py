"""What an import of a CRM's exports costs, beside merely reading the same columns and beside glue by hand in pandas.

    python benchmarks/imports.py --work DIR                                        # 0.1M contacts, 2M activities
    python benchmarks/imports.py --work DIR --contacts 1000000 --activities 20000000

Contacts are a CSV file of 80 columns, activities one of 5; both are made up on first use. Every run is a process of its
own, in turn; CPU seconds and peak memory are those the kernel counted for it. The answers of ours and of the glue are
compared.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

if TYPE_CHECKING:
    from leadscore.imports import Imported

DATA = """
data: 1
timezone: America/New_York
sources:
  contacts:
    file: contacts.csv
    columns:
      Create Date: {type: time}
      Became MQL: {type: time}
      Became Won: {type: time}
      Number of Employees: {type: number, thousands: ","}
      Interests: {type: list, separator: ";"}
      Unsubscribed: {type: boolean}
    drop: {Email: {ends_with: "@acme.example"}}
  activities: {file: activities.csv, columns: {created: {type: time, format: epoch_ms}}}
leads:
  contacts:
    from: contacts
    lead_id: Record ID
    created_at: Create Date
    columns:
      email: {column: Email, part: email}
      email_domain: {column: Email, part: domain}
      job_title: Job Title
      country: Country/Region
      industry: Industry
      employees: Number of Employees
      source: Original Traffic Source
      unsubscribed: Unsubscribed
      interests: Interests
events:
  emails:
    from: activities
    unique_key: id
    lead_id: {column: recipient, kind: email}
    event: {column: type, values: {OPEN: email_open, CLICK: email_click}, other: drop}
    at: created
    columns: {asset: {column: url, part: path}}
outcomes:
  lifecycle: {from: contacts, lead_id: Record ID, stage_dates: {mql: Became MQL, won: Became Won}}
identity:
  aliases: {email: {from: contacts, alias: {column: Email, part: email}, kind: email, lead_id: Record ID}}
  same_person: email
"""
CONTACTS = [
    *("Record ID", "Email", "Create Date", "Job Title", "Country/Region", "Industry", "Number of Employees"),
    *("Original Traffic Source", "Unsubscribed", "Interests", "Became MQL", "Became Won"),
]
FIRST = 100_000
ACTIVITIES = ["id", "recipient", "type", "created", "url"]


def make(work: Path, n: int, events: int) -> None:
    """Write the exports, seeded: one in 20,000 contacts is one of ours, one in 200 activities is sent again."""
    rng = np.random.default_rng(20261129)
    names = [*CONTACTS, *(f"Property {number}" for number in range(len(CONTACTS), 80))]
    schema = pa.schema([(name, pa.int64() if name == names[0] else pa.string()) for name in names])
    with pa.csv.CSVWriter(work / "contacts.csv", schema) as writer:
        for start in range(0, n, 1_000_000):
            writer.write_table(contacts(np.arange(start, min(start + 1_000_000, n)), names, rng))
    write_activities(work / "activities.csv", n, events, rng)
    (work / "data.yaml").write_text(DATA, encoding="utf-8")


def contacts(numbers: np.ndarray, names: list[str], rng: np.random.Generator) -> pa.Table:
    """Some people, made up."""

    def one_of(*values: str) -> np.ndarray:
        return np.array(values, object)[rng.integers(0, len(values), len(numbers))]

    created = np.datetime64("2024-01-01T00:00:00") + rng.integers(0, 63_072_000, len(numbers)).astype("timedelta64[s]")
    columns = {
        "Record ID": numbers + FIRST,
        "Email": emails(numbers),
        "Create Date": np.char.replace(created.astype(str), "T", " "),
        "Job Title": one_of(*(f"Title {number}" for number in range(5000))),
        "Country/Region": one_of("US", "DE", "FR", "GB", "United States"),
        "Industry": one_of(*(f"Industry {number}" for number in range(40))),
        "Number of Employees": one_of("1,037", "85", "420", "12,500", ""),
        "Original Traffic Source": one_of("Organic Search", "Paid Social", "Direct"),
        "Unsubscribed": one_of("true", "false", ""),
        "Interests": one_of("A;B", "A", "", "B;C"),
        "Became MQL": one_of("", "", "2026-03-04 10:00:00", "2026-04-11 09:30:00"),
        "Became Won": one_of("", "", "", "2026-05-01 08:00:00"),
    }
    columns |= {name: one_of("", "", "some text", "12.5", "2026-01-01") for name in names[len(CONTACTS) :]}
    return pa.table(columns)


def emails(numbers: np.ndarray) -> np.ndarray:
    """The addresses of people."""
    companies = ((one, "acme" if one % 20_000 == 7 else f"company{one % 50_000}") for one in (numbers + FIRST).tolist())
    return np.array([f"Person{one}@{company}.example" for one, company in companies])


def write_activities(path: Path, people: int, events: int, rng: np.random.Generator) -> None:
    """What people did, a part at a time."""
    urls = np.array([f"https://www.acme.example/page/{number}?utm_source=mail" for number in range(2000)] + [""] * 2000)
    schema = pa.schema([(name, pa.int64() if name == "created" else pa.string()) for name in ACTIVITIES])
    with pa.csv.CSVWriter(path, schema) as writer:
        for start in range(0, events, 1_000_000):
            rows = min(1_000_000, events - start)
            number = start + np.arange(rows)
            again = rng.random(rows) < 1 / 200
            number[again] = number[np.maximum(np.flatnonzero(again) - 1, 0)]
            # An activity that is sent again says the same.
            same = np.random.default_rng([start, 1]).random((4, rows))[:, number - start]
            part = {
                "id": np.char.add("e", number.astype(str)),
                "recipient": emails((same[0] * people).astype(int)),
                "type": np.array(["OPEN", "CLICK", "SENT", "DELIVERED"])[(same[1] * 4).astype(int)],
                "created": 1_767_225_600_000 + (same[2] * 7_776_000).astype(int) * 1000,
                "url": urls[(same[3] * len(urls)).astype(int)],
            }
            writer.write_table(pa.table(part, schema))


def floor(work: Path) -> dict[str, int]:
    """The columns that are needed, read as text and let go."""
    rows = {}
    for file, columns in (("contacts", CONTACTS), ("activities", ACTIVITIES)):
        options = pa.csv.ConvertOptions(include_columns=columns, column_types=dict.fromkeys(columns, pa.large_string()))
        with pa.csv.open_csv(
            work / f"{file}.csv", pa.csv.ReadOptions(block_size=1 << 24), convert_options=options
        ) as batches:
            rows[file] = sum(len(batch) for batch in batches)
    return rows


def ours(work: Path) -> dict[str, int]:
    import leadscore as ls  # noqa: PLC0415 - what a run imports counts

    made = ls.imports.import_tables(work / "data.yaml")
    return answer(made, made.events.to_reader())


def batchwise(work: Path) -> dict[str, int]:
    """The same, but for events that are never all in memory, as `leadscore import` writes them."""
    import leadscore as ls  # noqa: PLC0415 - what a run imports counts

    made = ls.imports.import_tables(work / "data.yaml")
    return answer(made, made.reader("events"))


def answer(made: Imported, events: pa.RecordBatchReader) -> dict[str, int]:
    """What the implementations have in common."""
    rows = seconds = 0
    for batch in events:
        rows += len(batch)
        seconds += pc.sum(pc.divide(batch["at"].cast(pa.int64()), 1_000_000)).as_py()
    return {"leads": len(made.leads), "events": rows, "outcomes": len(made.outcomes), "event seconds": seconds}


def pandas(work: Path) -> dict[str, int]:
    """The glue that each user wrote: the same rows, without a word on what was left out."""
    import pandas as pd  # noqa: PLC0415 - what a run imports counts

    people = pd.read_csv(work / "contacts.csv", usecols=CONTACTS, dtype=str, keep_default_na=False)
    people["email"] = people["Email"].str.strip().str.lower()
    people = people[~people["email"].str.endswith("@acme.example")]
    people["employees"] = pd.to_numeric(people["Number of Employees"].str.replace(",", ""))
    people["domain"] = people["email"].str.rpartition("@")[2]
    for name in ("Create Date", "Became MQL", "Became Won"):
        people[name] = pd.to_datetime(people[name], format="%Y-%m-%d %H:%M:%S").dt.tz_localize(
            "America/New_York", ambiguous=True, nonexistent="shift_forward"
        )
    people = people.sort_values("Create Date", kind="stable").drop_duplicates("email")
    acts = pd.read_csv(work / "activities.csv", dtype={"created": "int64"}, keep_default_na=False)
    acts["event"] = acts["type"].map({"OPEN": "email_open", "CLICK": "email_click"})
    acts = acts[acts["event"].notna()].drop_duplicates("id", keep="last")
    acts["lead_id"] = acts["recipient"].str.strip().str.lower().map(people.set_index("email")["Record ID"])
    acts = acts[acts["lead_id"].notna()]
    acts["asset"] = acts["url"].str.extract(r"https?://[^/]+([^?#]*)", expand=False)
    outcomes = people.melt(id_vars="Record ID", value_vars=["Became MQL", "Became Won"]).dropna()
    seconds = int((acts["created"] // 1000).sum())
    return {"leads": len(people), "events": len(acts), "outcomes": len(outcomes), "event seconds": seconds}


RUNS = {"floor": floor, "leadscore": ours, "leadscore, in batches": batchwise, "pandas": pandas}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--work", type=Path, required=True)
    options.add_argument("--contacts", type=int, default=100_000)
    options.add_argument("--activities", type=int, default=2_000_000)
    options.add_argument("--times", type=int, default=3)
    options.add_argument("--run", choices=RUNS, help=argparse.SUPPRESS)
    given = options.parse_args()
    work = given.work / f"imports-{given.contacts}-{given.activities}"
    if given.run:
        print(json.dumps(RUNS[given.run](work)))
        return
    if not (work / "data.yaml").exists():
        work.mkdir(parents=True, exist_ok=True)
        # A process starts with the peak of the one that starts it.
        making = multiprocessing.Process(target=make, args=(work, given.contacts, given.activities))
        making.start()
        making.join()
    size = [f"--work={given.work}", f"--contacts={given.contacts}", f"--activities={given.activities}"]
    cpu, peak, answers = {}, {}, {}
    for _ in range(given.times):
        for name in RUNS:
            out, into = os.pipe()
            child = os.fork()
            if not child:
                os.dup2(into, 1)
                os.execv(sys.executable, [sys.executable, __file__, *size, "--run", name])
            os.close(into)
            with os.fdopen(out) as said:
                answers[name] = json.loads(said.read())
            used: resource.struct_rusage = os.wait4(child, 0)[2]
            cpu.setdefault(name, []).append(used.ru_utime + used.ru_stime)
            peak[name] = used.ru_maxrss / 1024**2
    base = statistics.median(cpu["floor"])
    print("| implementation | CPU s | / floor | peak GiB | answer |\n|---|---|---|---|---|")
    for name, seconds in cpu.items():
        middle = statistics.median(seconds)
        answer = ", ".join(f"{count:,} {what}" for what, count in answers[name].items() if what != "event seconds")
        spread = f"{middle:.2f} ({min(seconds):.2f}-{max(seconds):.2f})"
        print(f"| {name} | {spread} | {middle / base:.1f} | {peak[name]:.2f} | {answer} |")
    print("The answers are equal." if answers["leadscore"] == answers["pandas"] else f"The answers differ: {answers}")


if __name__ == "__main__":
    main()
