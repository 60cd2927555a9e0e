"""The figures of ../rulebook.yaml as a programmer would copy them out by hand, for all peers.

Points are whole thousandths. Text is in small letters: the peers bring the data there too (the made-up data has no
other difference in spelling). What the rules do with the figures is written in each peer, in its tool's own words.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, NamedTuple

START = date(2026, 1, 2)  # replay: 180 days
AS_OF = date(2026, 6, 30)
END = datetime(2026, 7, 1, tzinfo=UTC)  # the first instant that does not count
FIRST_DAY_BACK = 181  # the data begin 179 days before AS_OF

MISSING = ["", "unknown", "n/a", "select"]


class Table(NamedTuple):
    """A rule that looks one column up."""

    name: str
    column: str
    points: dict[Any, int]
    other: int
    missing: int
    group: str | None = None


class Cuts(NamedTuple):
    """A rule on a number: points from each value up."""

    name: str
    column: str
    points: dict[int, int]
    other: int
    missing: int
    group: str | None = None


class Words(NamedTuple):
    """A rule on one text: points if a pattern is met. `how` is word, start, end, inside or is."""

    name: str
    how: str
    patterns: list[str]
    points: int
    group: str


SENIORITY = Table(
    "Seniority",
    "seniority",
    {"c-level": 20_000, "vp": 18_000, "director": 14_000, "manager": 8_000, "senior": 3_000, "coordinator": -6_000},
    0,
    -2_000,
)
SIZE = Cuts(
    "Company size",
    "employees",
    {1: -2_000, 10: 2_000, 50: 7_000, 200: 12_000, 1_000: 15_000, 10_000: 9_000},
    -8_000,
    -3_000,
    "company",
)
REVENUE = Cuts(
    "Yearly revenue",
    "revenue",
    {0: 0, 1_000_000: 2_000, 10_000_000: 5_000, 100_000_000: 8_000, 1_000_000_000: 4_500},
    0,
    -1_500,
    "company",
)
INDUSTRY = Table(
    "Industry",
    "industry",
    {
        "software": 12_000,
        "internet": 10_000,
        "banking": 9_000,
        "insurance": 8_000,
        "telecoms": 6_000,
        "retail": 4_000,
        "manufacturing": 3_000,
        "health": 2_500,
        "education": -6_000,
        "government": -4_000,
        "non-profit": -5_000,
    },
    0,
    -2_000,
    "company",
)
SOURCE = Table(
    "Where the lead came from",
    "source",
    {
        "referral": 9_000,
        "partner": 7_000,
        "event": 5_000,
        "webinar": 4_000,
        "website": 3_000,
        "paid search": 1_000,
        "list purchase": -12_000,
    },
    0,
    0,
)
PRODUCT = Table(
    "Plan of interest", "product", {"enterprise": 10_000, "business": 6_000, "team": 2_000, "starter": -1_000}, 0, 0
)
CONSENT = Table("Consent", "consent", {True: 2_000, False: -8_000}, 0, -1_000)
COUNTRY = Table(
    "Country",
    "country",
    {
        "us": 8_000,
        "ca": 7_000,
        "gb": 7_000,
        "de": 6_000,
        "fr": 5_000,
        "nl": 5_000,
        "se": 5_000,
        "no": 5_000,
        "dk": 5_000,
        "fi": 4_000,
        "au": 4_000,
        "ch": 4_000,
        "at": 3_000,
        "ie": 3_000,
        "in": 750,
    },
    -3_000,
    0,
)
STATE = Table(
    "State with an office",
    "state",
    {"ca": 3_000, "ny": 3_000, "ma": 2_000, "tx": 2_000, "wa": 2_000, "il": 1_000},
    0,
    0,
)
TEXT_TABLES = [SENIORITY, INDUSTRY, SOURCE, PRODUCT, COUNTRY, STATE]

TITLES = [
    Words("Data people", "word", ["data", "analytics", "business intelligence"], 9_000, "title"),
    Words("Marketing people", "word", ["marketing", "growth", "demand generation"], 8_000, "title"),
    Words("Sales people", "word", ["sales", "account executive"], 5_500, "title"),
    Words("Operations people", "word", ["revops", "operations"], 6_000, "title"),
    Words("Technical people", "word", ["it", "engineer", "developer", "architect"], 4_000, "title"),
    Words("Finance people", "word", ["finance", "accounting", "controller"], 1_250, "title"),
    Words("Founders and owners", "word", ["founder", "owner", "managing partner"], 12_000, "title"),
    Words("Chief officers", "word", ["ceo", "cto", "cmo", "cro", "cfo", "cio", "chief"], 14_000, "title"),
    Words("Heads of a team", "word", ["head of", "team lead"], 7_000, "title"),
    Words("Vice presidents", "word", ["vp", "vice president"], 10_000, "title"),
    Words("Buyers", "word", ["procurement", "purchasing", "buyer"], 3_000, "title"),
    Words("Students and interns", "word", ["student", "intern", "trainee", "apprentice"], -25_000, "title"),
    Words("Looking for work", "word", ["seeking", "looking for", "open to work"], -20_000, "title"),
    Words("Freelancers", "word", ["freelance", "consultant", "contractor"], -7_500, "title"),
    Words("Junior titles", "start", ["junior", "jr"], -6_000, "title"),
    Words("Assistants", "end", ["assistant"], -5_000, "title"),
]
MAIL = [
    Words(
        "Private mail address",
        "is",
        ["gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "icloud.com", "gmx.de", "proton.me"],
        -8_000,
        "mail",
    ),
    Words("Public authority", "end", [".gov", ".gov.uk", ".mil"], -3_000, "mail"),
    Words("University", "end", [".edu", ".ac.uk"], -6_000, "mail"),
    Words("Technology vendor", "inside", ["tech", "cloud", "soft"], 2_000, "mail"),
]
DECIDERS = ["chief", "founder", "owner"]  # words of a title, for "Decision maker who was referred"
SPECIALISTS = ["coordinator", "specialist"]  # words of a title, for the first segment
RIVALS = ["rival.example", "otherscore.example", "pointsmith.example"]

TOGETHER = {  # rules over several columns, none in a group
    "Home market": 6_000,
    "Mid-size software company": 8_000,
    "Large bank or insurer": 7_000,
    "Earns much with few people": 4_000,
    "German-speaking industry": 5_000,
    "Nordic with consent": 3_500,
    "Enterprise plan, enterprise size": 6_000,
    "Plan too small for the company": -4_000,
    "Advertisement, no company known": -5_000,
    "Decision maker who was referred": 10_000,
    "Not from a target industry": -4_000,
}


class Activity(NamedTuple):
    """A rule on events: worth[age] thousandths for an event or a day of that age, the window being its length."""

    name: str
    counting: str
    worth: list[int]
    at_most: int | None
    group: str | None


def worth(
    points: float, days: int, *, half_life: float = 0, fade: float = 0, step: tuple[int, float] = (0, 0)
) -> list[int]:
    """Thousandths by age in days, `days` of them."""
    every, lose = step
    found = []
    for age in range(days):
        factor: float = 1
        if half_life:
            factor = 2.0 ** (-age / half_life)
        elif fade:
            factor = max(0.0, 1 - age / fade)
        elif every:
            factor = (1 - lose / 100) ** (age // every)
        found.append(round(points * factor * 1000))
    return found


ALWAYS = FIRST_DAY_BACK
PRICING = Activity("Pricing page", "daily", worth(10, 60, half_life=14), 30_000, "web")
PRODUCTS = Activity("Product pages", "daily", worth(3, 60, half_life=21), 15_000, "web")
STORIES = Activity("Customer stories", "daily", worth(4, 90, fade=90), 16_000, "web")
DOCS = Activity("Documentation", "each", worth(0.5, 30), 5_000, "web")
CAREERS = Activity("Careers page", "once", worth(-12, 90), None, None)
VIEWS = Activity("All page views", "each", worth(0.2, 60, half_life=7), 6_000, "web")
OPENS = Activity("Opened e-mail", "daily", worth(1.5, 30, half_life=10), 6_000, "email")
CLICKS = Activity("Clicks in a month", "each", [1] * 30, None, "email")
NEWSLETTER = Activity("Newsletter clicks", "daily", worth(2, 120, step=(30, 50)), 8_000, "email")
UNSUBSCRIBED = Activity("Unsubscribed", "once", worth(-40, ALWAYS), None, "email")
BOUNCED = Activity("Bounced", "once", worth(-15, 90), None, "email")
ATTENDED = Activity("Attended a webinar", "daily", worth(12, ALWAYS, step=(30, 25)), 30_000, "webinars")
REGISTERED = Activity("Registered for a webinar", "daily", worth(4, 90), 12_000, "webinars")
DOWNLOADS = Activity("Downloads", "daily", worth(6, 120, fade=120), 18_000, "content")
RETURN = Activity("Return on investment", "once", worth(8, 90, half_life=45), None, "content")
ACTIVE = Activity("Active days", "daily", [1] * 30, None, None)
QUIET = Activity("Gone quiet", "each", [1] * 90, None, None)
TRIAL = Activity("Trial", "once", worth(25, 60, fade=60), None, None)
LOGINS = Activity("Product logins", "daily", worth(2, 14), 20_000, None)
CHATS = Activity("Chats", "daily", worth(5, 60, half_life=30), 15_000, None)
BEHAVIOUR = [
    PRICING,
    PRODUCTS,
    STORIES,
    DOCS,
    CAREERS,
    VIEWS,
    OPENS,
    CLICKS,
    NEWSLETTER,
    UNSUBSCRIBED,
    BOUNCED,
    ATTENDED,
    REGISTERED,
    DOWNLOADS,
    RETURN,
    ACTIVE,
    QUIET,
    TRIAL,
    LOGINS,
    CHATS,
]

CLICK_POINTS = {1: 3_000, 2: 6_000, 4: 8_000, 8: 10_000}  # by the number of clicks
ACTIVE_POINTS = {3: 4_000, 6: 8_000, 12: 12_000}  # by the number of days
ACTIVE_KINDS = ["page_view", "email_click", "content_download", "webinar_attended", "product_login"]
QUIET_KINDS = ["page_view", "email_open", "email_click", "content_download", "product_login"]
QUIET_POINTS = -15_000  # for none in the window
SPAM_DAYS = 150
DEMO_DAYS = 30
DEMO_ASSETS = ["/demo", "/contact-sales"]

FIT = [
    SENIORITY.name,
    SIZE.name,
    REVENUE.name,
    INDUSTRY.name,
    SOURCE.name,
    PRODUCT.name,
    CONSENT.name,
    COUNTRY.name,
    STATE.name,
    *(rule.name for rule in TITLES),
    *(rule.name for rule in MAIL),
    *TOGETHER,
]
NAMES = [*FIT, *(rule.name for rule in BEHAVIOUR)]
PLACE = {name: place for place, name in enumerate(NAMES)}

LOWEST, HIGHEST = -1_000_000_000, 1_000_000_000
GROUPS: dict[str, tuple[int, int]] = {
    "title": (-25_000, 22_000),
    "company": (-10_000, 30_000),
    "mail": (-8_000, HIGHEST),
    "web": (LOWEST, 40_000),
    "email": (-40_000, 18_000),
    "webinars": (LOWEST, 36_000),
    "content": (LOWEST, 22_000),
}
FIT_LIMITS = (-30_000, 80_000)
BEHAVIOUR_LIMITS = (-20_000, 75_000)

THRESHOLD = 75_000
MINIMUM_FIT = 20_000
SPECIALIST_SEGMENT = ("Coordinators and specialists", 95_000)
SMALL_SEGMENT = ("Small companies on a small plan", 60_000)
COMPETITOR = "Competitor"
COMPLAINED = "Complained of spam"
FIT_GRADES = {"A": 50_000, "B": 30_000, "C": 10_000}
FIT_LAST = "D"
BEHAVIOUR_GRADES = {"1": 40_000, "2": 20_000, "3": 5_000}
BEHAVIOUR_LAST = "4"

COLUMNS = [
    "lead_id",
    "fit",
    "behaviour",
    "total",
    "segment",
    "threshold",
    "qualified",
    "via",
    "blocked_by",
    "grade",
    "reason_1",
    "reason_2",
    "reason_3",
]
LEAD_COLUMNS = [
    "lead_id",
    "created_at",
    "job_title",
    "seniority",
    "country",
    "industry",
    "employees",
    "revenue",
    "source",
    "email_domain",
    "consent",
    "state",
    "product",
]
EVENT_COLUMNS = ["lead_id", "event", "at", "asset"]

assert len(NAMES) == len(PLACE) == 60
