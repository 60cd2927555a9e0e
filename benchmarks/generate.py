"""Made-up leads and events of any size, the same for the same seed.

    python benchmarks/generate.py DIR --leads 1000000 --events 20000000

writes `DIR/leads.parquet`, `DIR/events.parquet` and `DIR/outcomes.parquet`: 180 days of events in order of time, a
million rows a row group, spread over the leads by a Zipf-Mandelbrot law (the busiest thousandth of the leads has a
tenth of the events); one lead in twenty was contacted, and most of those rejected or recycled. Text comes in several
spellings of one value ("VP", "vp"), a part of the columns is missing or says so ("unknown"), some events and leads lie
after the day the benchmark scores (2026-06-30), so nothing in a rulebook's fine print is free. With `--ids text15` or
`text18` the same leads and events have ids as Salesforce has them, in place of whole numbers. What only rulebooks of
format 2 ask for is drawn by a generator of its own: all else is the same to the byte as without it. Rows are made and
written in pieces: a million leads and twenty million events need well under 1 GiB.
"""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

Ints = npt.NDArray[np.int64]

IDS = ["int", "text15", "text18"]
MICROSECONDS_A_DAY = 86_400_000_000
FIRST_EVENT = int(datetime(2026, 1, 2, 12, tzinfo=UTC).timestamp()) * 1_000_000
FIRST_LEAD = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
LAST_DAY = (date(2026, 6, 30) - date(1970, 1, 1)).days
LAST_LEAD = int(datetime(2026, 7, 2, tzinfo=UTC).timestamp()) * 1_000_000
EVENT_DAYS = 180
LEADS_A_PIECE = 250_000
EVENTS_A_PIECE = 1_000_000
TITLES = 50_000
COMPANIES = 40_000
LEADS_AN_ACCOUNT = 4
PROGRAMS = 300
CONTACTED = 0.05

# fmt: off
# A column's values, each with its share; None is a missing value.
CATEGORIES: dict[str, dict[str | None, float]] = {
    "seniority": {"C-level": 4, "c-level": 0.5, "VP": 5, "vp": 1, "Director": 11, "DIRECTOR": 1, "Manager": 24,
                  "manager": 2,
                  "Senior": 14, "Entry": 17, "Coordinator": 8, "unknown": 3, "Unknown": 1, None: 8.5},
    "country": {"US": 38, "us": 1, "GB": 9, "gb": 0.5, "DE": 8, "CA": 6, "FR": 5, "IN": 6, "NL": 3, "SE": 2.5,
                "NO": 1.5,
                "no": 0.2, "DK": 1.5, "FI": 1.2, "AU": 3, "CH": 2, "AT": 1.5, "IE": 1, "BR": 3, "ES": 2, "IT": 2,
                "PL": 1.5,
                "JP": 1, "SG": 1, "MX": 1, "ZA": 0.6},
    "industry": {"Software": 15, "software": 2, "Internet": 6, "Banking": 7, "banking": 1, "Insurance": 5,
                 "Telecoms": 4,
                 "Retail": 9, "Manufacturing": 11, "MANUFACTURING": 1, "Health": 7, "Education": 6, "education": 1,
                 "Government": 4, "Non-profit": 3, "Energy": 3, "Media": 3, "n/a": 2, "Select": 1, None: 9},
    "source": {"website": 34, "Website": 2, "paid search": 14, "Paid Search": 1, "paid social": 9, "webinar": 9,
               "event": 8,
               "partner": 6, "Partner": 1, "referral": 6, "list purchase": 4, "outbound": 6},
    "product": {"Starter": 24, "Team": 26, "team": 2, "Business": 20, "Enterprise": 11, "enterprise": 1, "unknown": 1,
                None: 15},
}
STATES: dict[str | None, float] = {
    "CA": 14, "NY": 9, "TX": 9, "FL": 7, "IL": 5, "WA": 4, "MA": 4, "ca": 0.5, "PA": 4, "OH": 4, "GA": 4, "NC": 4,
    "MI": 3,
    "NJ": 3, "VA": 3, "AZ": 2, "CO": 2, "OR": 2, "MN": 2, "unknown": 1, None: 5}
MAIL: dict[str, float] = {
    "gmail.com": 14, "Gmail.com": 0.5, "yahoo.com": 3, "hotmail.com": 3, "outlook.com": 3, "icloud.com": 1.5,
    "gmx.de": 1,
    "proton.me": 0.5, "state.gov": 0.3, "health.gov.uk": 0.2, "navy.mil": 0.1, "northern.edu": 0.8, "Lakeside.EDU": 0.1,
    "riverside.ac.uk": 0.4, "rival.example": 0.15, "otherscore.example": 0.1, "Rival.example": 0.02,
    "pointsmith.example": 0.05}
COMPANY_WORDS = ("north", "blue", "river", "cloud", "soft", "tech", "green", "data", "iron", "harbor", "prime",
                 "delta", "oak",
                 "summit", "bright", "stone")

INTERESTS = ("Pricing", "API", "Security", "Integrations", "Analytics", "Support", "Training", "Migration", "pricing",
             "Blog")

LEVELS = ("", "", "", "Senior ", "Junior ", "Jr. ", "Lead ", "Principal ", "Global ", "Regional ", "Head of ", "VP ",
          "Vice President, ",
          "Director of ", "Chief ", "Intern, ", "Deputy ", "Associate ")
FIELDS = ("Marketing", "Sales", "Data", "Analytics", "Business Intelligence", "Demand Generation", "Growth",
          "Operations", "RevOps",
          "IT", "Software", "Finance", "Accounting", "Procurement", "Purchasing", "Product", "Customer Success",
          "Human Resources",
          "Legal", "Research", "Logistics", "Quality", "Security", "Communications", "Brand", "Field", "Database",
          "Digital",
          "Site", "Büro")
ROLES = ("Manager", "Manager", "Director", "Engineer", "Developer", "Architect", "Analyst", "Specialist",
         "Coordinator", "Officer",
         "Assistant", "Consultant", "Contractor", "Owner", "Executive", "Account Executive", "Buyer", "Controller",
         "Team Lead",
         "Partner", "Trainee", "Student", "Représentant", "Associate")
TAILS = ("", "", "", "", ", EMEA", ", North America", " (Contract)", " - Freelance", " & Co-Founder",
         " / seeking new roles", " II", " III",
         ", APAC", " - open to work", ", Founder", " (CTO)", " & CEO", ", DACH", " at large", " (CMO)")
# fmt: on


def web_paths() -> dict[str, tuple[float, list[str]]]:
    """The pages of the site by section: share of the page views, paths."""
    return {
        "home": (9.0, ["/", "/index", "/Index"]),
        "blog": (14.0, [f"/blog/post-{n}" for n in range(600)]),
        "product": (5.5, [f"/product/feature-{n}" for n in range(150)] + [f"/Product/feature-{n}" for n in range(20)]),
        "features": (3.5, [f"/features/{n}" for n in range(80)]),
        "docs": (7.0, [f"/docs/page-{n}" for n in range(480)] + [f"/Docs/page-{n}" for n in range(20)]),
        "pricing": (2.4, ["/pricing", "/Pricing", *(f"/pricing/plan-{n}" for n in range(28))]),
        "stories": (
            1.8,
            [f"/customers/case-study-{n}" for n in range(60)] + [f"/customer-story/{n}" for n in range(20)],
        ),
        "careers": (0.9, [f"/careers/job-{n}" for n in range(40)]),
        "about": (1.9, [f"/about/{n}" for n in range(30)]),
    }


def channels() -> list[tuple[str, float, list[str | None]]]:
    """What can happen: event, share of all events, the assets it happens on."""
    nothing: list[str | None] = [None]
    found: list[tuple[str, float, list[str | None]]] = [("page_view", s, list(p)) for s, p in web_paths().values()]
    mails = (
        [f"newsletter-2026-{n:02d}" for n in range(26)] + [f"nurture-{n}" for n in range(150)] + ["Newsletter-Special"]
    )
    papers = [f"whitepaper-{n}" for n in range(90)] + [
        "roi-calculator",
        "tco-guide",
        "ROI study",
        "heroic-tales",
        "guide-to-roi",
    ]
    found += [
        ("email_open", 27.0, list(mails)),
        ("email_click", 7.0, list(mails)),
        ("email_bounce", 1.2, list(mails)),
        ("unsubscribe", 0.25, nothing),
        ("content_download", 3.0, list(papers)),
        ("webinar_registered", 1.6, [f"webinar-{n}" for n in range(60)]),
        ("webinar_attended", 0.8, [f"webinar-{n}" for n in range(60)]),
        ("trial_started", 0.3, nothing),
        ("product_login", 9.0, nothing),
        ("chat", 1.2, nothing),
        ("demo_request", 0.12, ["/demo", "/contact-sales", "/Contact-Sales", "/support"]),
        ("spam_complaint", 0.02, nothing),
        ("form_abandoned", 2.5, [f"/form/{n}" for n in range(20)]),
    ]
    return found


def drawn(rng: np.random.Generator, shares: dict[str | None, float], size: int) -> pa.Array:
    """Values by their shares."""
    weights = np.fromiter(shares.values(), dtype=np.float64)
    codes = rng.choice(len(weights), size=size, p=weights / weights.sum())
    return pa.array(list(shares)).take(pa.array(codes))


def job_titles(rng: np.random.Generator) -> list[str]:
    """Distinct titles, the usual spelling first, some in capitals or in small letters."""
    found: dict[str, None] = {}
    while len(found) < TITLES:
        level, field, role, tail = (rng.choice(parts) for parts in (LEVELS, FIELDS, ROLES, TAILS))
        title = f"{level}{field} {role}{tail}"
        spelling = rng.random()
        found[title.upper() if spelling < 0.04 else title.lower() if spelling < 0.12 else str(title)] = None
    return list(found)


def mail_domains(rng: np.random.Generator, size: int) -> pa.Array:
    """Some private mail and public bodies, mostly companies, a few of them large."""
    companies = [f"{COMPANY_WORDS[n % 16]}{COMPANY_WORDS[n // 16 % 16]}{n}.example" for n in range(COMPANIES)]
    known = list(MAIL)
    shares = np.array([MAIL[name] for name in known])
    codes = rng.choice(len(known), size=size, p=shares / shares.sum())
    company = len(known) + (COMPANIES * rng.random(size) ** 1.7).astype(np.int64)
    return pa.array(known + companies).take(pa.array(np.where(rng.random(size) < shares.sum() / 100, codes, company)))


def blanked(rng: np.random.Generator, values: npt.NDArray[Any], share: float, **how: Any) -> pa.Array:
    """The values, a share of them missing."""
    return pa.array(values, mask=rng.random(len(values)) < share, **how)


def lead_keys(rng: np.random.Generator, size: int, *, ids: str) -> pa.Array:
    """Rising whole numbers with gaps, or made from them ids as Salesforce has."""
    numbers = 40_000_000 + np.cumsum(rng.integers(1, 9, size))
    return pa.array(numbers) if ids == "int" else salesforce_ids(numbers, checked=ids == "text18")


def salesforce_ids(numbers: Ints, *, checked: bool) -> pa.Array:
    """An id of 15 characters, in which case matters, for each number; with the three that make case matter no more.

    They look drawn at random, so that no order and no common beginning makes them cheaper than real ones.
    """
    letters = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", dtype=np.uint8)
    found = np.empty((len(numbers), 18 if checked else 15), dtype=np.uint8)
    found[:, :4] = np.frombuffer(b"00Q5", dtype=np.uint8)  # leads begin with 00Q
    rest = scattered(numbers.astype(np.uint64))
    for place in range(14, 3, -1):
        found[:, place] = letters[rest % np.uint64(62)]
        rest //= np.uint64(62)
    if checked:
        # Of each five characters: which are capitals, the first counting least.
        checks = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", dtype=np.uint8)
        capital = ((found[:, :15] >= ord("A")) & (found[:, :15] <= ord("Z"))).reshape(-1, 3, 5)
        found[:, 15:] = checks[capital @ np.array([1, 2, 4, 8, 16])]
    return pa.array(found.view(f"S{found.shape[1]}").ravel()).cast(pa.string())


def scattered(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Numbers of 64 bits that look random, no two alike: the last steps of the generator splitmix64."""
    mixed = numbers * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def ticked(rng: np.random.Generator, size: int) -> pa.Array:
    """One to four boxes in one cell, a quarter of the cells empty."""
    options = pa.array(INTERESTS)
    shown = np.arange(4) < rng.integers(1, 5, size)[:, None]
    boxes = [options.take(pa.array(rng.integers(0, len(INTERESTS), size), mask=~shown[:, place])) for place in range(4)]
    cells = pc.binary_join_element_wise(*boxes, ";", null_handling="skip")
    return pc.if_else(pa.array(rng.random(size) < 0.25), None, cells)


def leads_piece(rng: np.random.Generator, titles: pa.Array, keys: pa.Array, created: Ints) -> pa.Table:
    """One row group of leads."""
    size = len(keys)
    category = {name: drawn(rng, shares, size) for name, shares in CATEGORIES.items()}
    title = titles.take(blanked(rng, (TITLES * rng.random(size) ** 2.2).astype(np.int64), 0.06))
    people = np.floor(rng.lognormal(4.6, 2.1, size)).astype(np.int64)
    dollars = np.round(people * rng.lognormal(11.0, 0.9, size), 0)
    in_us = np.isin(np.asarray(category["country"].to_pylist()), ["US", "us"])
    state = pa.array(np.where(in_us, np.arange(size), -1), mask=~in_us)
    return pa.table(
        {
            "lead_id": keys,
            "created_at": blanked(rng, created, 0.001).cast(pa.timestamp("us", tz="UTC")),
            "job_title": title,
            "seniority": category["seniority"],
            "country": category["country"],
            "industry": category["industry"],
            "employees": blanked(rng, people, 0.2),
            "revenue": blanked(rng, dollars, 0.35),
            "source": category["source"],
            "email_domain": mail_domains(rng, size),
            "consent": blanked(rng, rng.random(size) < 0.65, 0.15),
            "state": drawn(rng, STATES, size).take(state),
            "product": category["product"],
        }
    )


def write_leads(path: Path, *, leads: int, ids: str, seed: int) -> tuple[pa.Array, Ints]:
    """Write the leads, in order of creation, and return their ids and when they were created."""
    rng, more = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 3])
    accounts = max(leads // LEADS_AN_ACCOUNT, 1)
    titles = pa.array(job_titles(rng))
    keys = lead_keys(rng, leads, ids=ids)
    created = np.sort(rng.integers(FIRST_LEAD, LAST_LEAD, leads))
    writer = None
    for start in range(0, leads, LEADS_A_PIECE):
        here = slice(start, start + LEADS_A_PIECE)
        piece = leads_piece(rng, titles, keys[here], created[here])
        size = piece.num_rows
        contract_end = blanked(more, LAST_DAY + more.normal(0, 200, size).astype(np.int32), 0.3)
        account = blanked(more, [f"A{n:07d}" for n in more.integers(0, accounts, size)], 0.03)
        piece = piece.append_column("contract_end", contract_end.cast(pa.date32()))
        piece = piece.append_column("interests", ticked(more, size)).append_column("account_id", account)
        writer = writer or pq.ParquetWriter(path, piece.schema)
        writer.write_table(piece, row_group_size=LEADS_A_PIECE)
    if writer:
        writer.close()
    return keys, created


def write_events(path: Path, keys: pa.Array, *, events: int, seed: int) -> None:
    """Write the events in order of time.

    The lead of rank r gets a share of 1 / (r + q) with q a thousandth of the leads; drawn by the inverse of the
    cumulative share. Which lead has which rank is random.
    """
    rng, more = np.random.default_rng([seed, 2]), np.random.default_rng([seed, 4])
    found = channels()
    shares = np.array([share for _, share, _ in found])
    sizes = np.array([len(assets) for _, _, assets in found])
    first_asset = np.cumsum(sizes) - sizes
    names = pa.array([event for event, _, _ in found])
    assets = pa.array([asset for _, _, several in found for asset in several], type=pa.string())
    programs = pa.array([f"{('Program', 'program')[n % 7 == 0]} {n}" for n in range(PROGRAMS)])
    leads = len(keys)
    order = rng.permutation(leads)
    offset = max(leads / 1000, 1.0)
    schema = pa.schema(
        [
            ("lead_id", keys.type),
            ("event", pa.string()),
            ("at", pa.timestamp("us", tz="UTC")),
            ("asset", pa.string()),
            ("minutes", pa.float64()),
            ("program", pa.string()),
        ]
    )
    span = EVENT_DAYS * MICROSECONDS_A_DAY
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, events, EVENTS_A_PIECE):
            end = min(start + EVENTS_A_PIECE, events)
            rank = offset * ((leads + offset) / offset) ** rng.random(end - start) - offset
            lead = order[np.minimum(rank.astype(np.int64), leads - 1)]
            kind = rng.choice(len(found), size=end - start, p=shares / shares.sum())
            asset = first_asset[kind] + (sizes[kind] * rng.random(end - start) ** 1.5).astype(np.int64)
            at = FIRST_EVENT + np.sort(rng.integers(span * start // events, span * end // events, end - start))
            minutes = np.round(np.ceil(more.exponential(150, end - start)) / 60, 3)
            program = (PROGRAMS * more.random(end - start) ** 1.5).astype(np.int64)
            columns = [
                keys.take(pa.array(lead)),
                names.take(pa.array(kind)),
                pa.array(at).cast(schema.field("at").type),
                assets.take(pa.array(asset)),
                blanked(more, minutes, 0.25),
                programs.take(blanked(more, program, 0.1)),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=EVENTS_A_PIECE)


def write_outcomes(path: Path, keys: pa.Array, created: Ints, *, seed: int) -> None:
    """Write what sales did with some of the leads: a row when it contacted them, and one when it gave most of them up.

    All lies after the lead was created, and before the last of the events.
    """
    rng = np.random.default_rng([seed, 5])
    last = FIRST_EVENT + EVENT_DAYS * MICROSECONDS_A_DAY
    lead = np.flatnonzero((rng.random(len(keys)) < CONTACTED) & (created < last))
    earliest = np.maximum(created[lead], FIRST_EVENT)
    contacted = earliest + ((last - earliest) * rng.random(len(lead))).astype(np.int64)
    ended = contacted + ((last - contacted) * rng.random(len(lead)) ** 2).astype(np.int64)
    end = rng.choice(["", "rejected", "recycled"], size=len(lead), p=[0.3, 0.45, 0.25])
    given_up = end != ""
    rows = {
        "lead_id": keys.take(pa.array(np.concatenate([lead, lead[given_up]]))),
        "stage": pa.array([*["contacted"] * len(lead), *end[given_up]]),
        "at": pa.array(np.concatenate([contacted, ended[given_up]])).cast(pa.timestamp("us", tz="UTC")),
    }
    pq.write_table(pa.table(rows).sort_by("at"), path)


def write_data(folder: Path, *, leads: int, events: int, ids: str = "int", seed: int = 20260630) -> None:
    """Write leads.parquet, events.parquet and outcomes.parquet into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    keys, created = write_leads(folder / "leads.parquet", leads=leads, ids=ids, seed=seed)
    write_events(folder / "events.parquet", keys, events=events, seed=seed)
    write_outcomes(folder / "outcomes.parquet", keys, created, seed=seed)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--ids", choices=IDS, default="int", help="whole numbers, or text of 15 or 18 characters")
    parser.add_argument("--seed", type=int, default=20260630)
    given = parser.parse_args()
    write_data(given.folder, leads=given.leads, events=given.events, ids=given.ids, seed=given.seed)


if __name__ == "__main__":
    main()
