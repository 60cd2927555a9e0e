"""Made-up funnels in which the truth is known: leads, events and outcomes, and the rulebook that really drives them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number, day_of
from leadscore.base.text import counted
from leadscore.datasets.scenarios import LIFE, STABLE, Scenario
from leadscore.present.result import Result
from leadscore.rulebook import Rulebook
from leadscore.scoring.scores import score
from leadscore.stats.intervals import Floats, Ints
from leadscore.stats.outcomes_and_scores import Mask
from leadscore.tables.loading import load_tables
from leadscore.tables.tables import Tables

# A stage: its name, who reaches it, when, in seconds since 1970 as all times here.
_Stage = tuple[str, Mask, Floats]

# So many planted points more double the odds of an opportunity; at the planted threshold they are even.
POINTS_TO_DOUBLE = 10.0

_DAY = 86_400.0
_HOUR = 3_600.0
_MOST_EVENTS_A_DAY = 2
# Leads sales takes up whatever their score; without them, nobody could learn what low scores are worth.
_PICKED_ANYWAY = 0.1

# Each seniority: its share, how busy such people are, and five titles.
_PEOPLE: dict[str, tuple[float, float, tuple[str, ...]]] = {
    "C-level": (0.06, 0.7, ("CEO", "CTO", "CMO", "CFO", "Chief Data Officer")),
    "VP": (0.08, 0.7, ("VP Marketing", "VP Sales", "VP Engineering", "VP Operations", "VP Data")),
    "Director": (0.14, 0.8, ("Marketing Director", "Sales Director", "IT Director", "Director of Analytics", "CISO")),
    "Manager": (0.28, 1.0, ("Marketing Manager", "Sales Manager", "IT Manager", "Data Manager", "Office Manager")),
    "Specialist": (0.24, 1.3, ("SEO Specialist", "CRM Specialist", "Support Specialist", "Data Specialist", "Analyst")),
    "Coordinator": (0.2, 1.6, ("Marketing Coordinator", "Event Coordinator", "Coordinator", "Assistant", "Intern")),
}
_COUNTRIES = {"US": 0.42, "GB": 0.13, "CA": 0.09, "DE": 0.12, "FR": 0.08, "NL": 0.06, "IN": 0.06, "NO": 0.04}
_INDUSTRIES = {
    "Software": 0.26, "Finance": 0.16, "Manufacturing": 0.2, "Retail": 0.14, "Health": 0.12, "Education": 0.12,
}  # fmt: skip
_SOURCES = {"organic": 0.35, "paid search": 0.25, "webinar": 0.15, "event": 0.1, "partner": 0.1, "list": 0.05}
_OWNERS = {"Ana": 0.3, "Ben": 0.3, "Chloe": 0.25, "Dev": 0.15}
_REASONS = {"no decision maker": 0.35, "no budget": 0.25, "no reply": 0.25, "wrong industry": 0.15}
# What leads do: (event, asset), its share of idle events, its share of those of a lead with a plan to buy.
_DOINGS: dict[tuple[str, str | None], tuple[float, float]] = {
    ("page_view", "/"): (0.14, 0.10),
    ("page_view", "/blog/lead-scoring"): (0.16, 0.02),
    ("page_view", "/product"): (0.08, 0.16),
    ("page_view", "/careers"): (0.04, 0.0),
    ("page_view", "/pricing"): (0.015, 0.30),
    ("page_view", "/pricing/enterprise"): (0.005, 0.14),
    ("email_open", None): (0.32, 0.06),
    ("email_click", "newsletter"): (0.17, 0.03),
    ("email_click", "product-update"): (0.05, 0.05),
    ("webinar", "getting-started"): (0.008, 0.10),
    ("unsubscribe", None): (0.012, 0.0),
    ("demo_request", None): (0.0, 0.025),
    ("contact_sales", None): (0.0, 0.015),
    # Links of mails that only scanners follow.
    ("email_click", "webinar-invitation"): (0.0, 0.0),
    ("email_click", "view-in-browser"): (0.0, 0.0),
}


# Whose leads are poorer than those of other sources; and what a list is that is imported.
_POOREST, _IMPORTED = "list", "import"
_JUNIOR = ("Specialist", "Coordinator")


@dataclass(frozen=True)
class _Log:
    """Events, with the position of each one's lead, its time, and what it is: a position in `_DOINGS`."""

    lead: Ints
    seconds: Floats
    doing: Ints

    def frame(self, lead_ids: pd.Series[Any]) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "lead_id": lead_ids.take(self.lead).reset_index(drop=True),
                "event": _pick([event for event, _ in _DOINGS], self.doing),
                "at": _times(self.seconds),
                "asset": _pick([asset for _, asset in _DOINGS], self.doing),
            }
        )


@dataclass(frozen=True, eq=False, repr=False)
class Funnel(Result):
    """A made-up funnel; made by `make_funnel`.

    Attributes
    ----------
    leads : DataFrame, one row per lead
        `lead_id`, `created_at`, `job_title`, `seniority`, `country`, `industry`, `employees` (some missing),
        `email_domain`, `source`, `consent`, `account_id`.
    events : DataFrame, one row per event, in order of time
        `lead_id`, `event`, `at` (UTC), `asset`.
    outcomes : DataFrame, one row per stage reached by the last day, in order of time
        `lead_id`, `stage`, `at` (UTC), `reason` (of a rejection), `amount` (of a deal won), `owner` (who in sales has
        the lead, from `mql` on).
    rulebook : Rulebook
        The rulebook in force, guessed over a table: what handed leads to sales.
    planted : Rulebook
        The truth. Of the leads handed over, those with `threshold` planted points become an opportunity one time in
        two; every `POINTS_TO_DOUBLE` points more double the odds. Rules it lacks are worth nothing.
    truth : DataFrame, index lead_id, one row per lead
        `day` the lead was looked at (NaT if not yet), `points` by the planted rulebook on that day, `chance` that it
        becomes an opportunity once handed over, and `handed_over` (bool). Not for training: no company has it.
    """

    leads: pd.DataFrame
    events: pd.DataFrame
    outcomes: pd.DataFrame
    rulebook: Rulebook
    planted: Rulebook
    truth: pd.DataFrame

    @property
    def headline(self) -> str:
        """How many leads, events and outcomes were made up."""
        tables = {"lead": self.leads, "event": self.events, "outcome": self.outcomes}
        sizes = ", ".join(counted(len(rows), name) for name, rows in tables.items())
        return f"{sizes}, made up; {counted(int(self.truth['handed_over'].sum()), 'lead')} handed over to sales."

    @property
    def notes(self) -> tuple[str, ...]:
        """What is for looking up only."""
        return ("`planted` and `truth` are what no company knows: they are not for training.",)


def example(name: str) -> str:
    """The text of one of the files in `leadscore/examples`: rulebook.yaml, planted.yaml, leads.csv, events.csv."""
    return (files("leadscore") / "examples" / name).read_text(encoding="utf-8")


def make_funnel(  # noqa: PLR0913 - how many, when, and what is planted
    n_leads: int = 2000,
    *,
    random_state: int | np.random.Generator = 0,
    end: Any = "2026-03-31",
    days: int = 180,
    events_per_lead: float = 20,
    scenario: str = STABLE,
    scenario_start: Any = None,
) -> Funnel:
    """Make up a B2B funnel in which the truth is known.

    Leads arrive evenly over the days. How busy they are follows Zipf's law and says little about whether they buy:
    junior people click most, and leads of the source "list" are junior. Each lead is looked at once, some weeks after
    it came or on the day it asks for sales; then it is handed over if the guessed `rulebook` says so, and one in ten of
    the others too. What becomes of it depends on its `planted` points alone.

    Nothing changes over the calendar unless a scenario says so: whenever a lead comes, its first 90 days and what
    becomes of it follow the same law, on every day of the week. There are edges. The first lead comes on the first day,
    so counts by calendar day (events, MQLs) grow for some 90 days; leads older than that stay and do nothing, so the
    average of all leads there are goes on falling. And what happens after the last day has not happened yet, so recent
    leads have few events and outcomes. All as in life: compare leads of the same age.

    Parameters
    ----------
    n_leads : int
    random_state : int or numpy Generator
        The same seed gives the same funnel, to the last digit, on one numpy version.
    end : date, or text as "2026-03-31"
        The last day.
    days : int
        How many days there are, the last one included.
    events_per_lead : float
        About how many events a lead has in its first 90 days, most of them soon after it came, and none later; the
        busiest have more than a hundred, many have none.
    scenario : str
        A change that is planted, for what is to notice it. "stable": none. "activity x1.10", "activity x1.25",
        "activity x1.50": leads do so many times as much. "ramp": 1 % more each week. "junior": specialists and
        coordinators do half as much again. "fit mix": the list brings 15 more of 100 leads, in place of other sources.
        "fit quality": one lead in five is one class less senior. "scanners": for 12 % of firms a scanner follows every
        link of a mail within seconds, and opens no page. And what should raise no alarm: "fit up", one in five is one
        class more senior; "volume x2", "volume x0.5"; "cold list": 30 % more leads, imported, that do a tenth as much;
        "burst": half as much again for three weeks.
    scenario_start : date, or text as "2026-01-05"
        The first day of it; what is before that day is the same as in the stable funnel of this seed.

    Returns
    -------
    Funnel
        `leads`, `events`, `outcomes` as frames that keep the contract of `load_tables`; `rulebook`, `planted`, `truth`.

    Raises
    ------
    ArgumentError
        For an invalid argument, or a scenario that does not exist, has no start, or does not start within the days.

    Examples
    --------
    >>> funnel = make_funnel(500, random_state=7)
    >>> funnel.leads.columns.tolist()[:4]
    ['lead_id', 'created_at', 'job_title', 'seniority']
    >>> funnel.planted.fit[2].points
    {'Software': 10.0, 'Finance': 5.0, 'Education': -15.0}
    >>> tables = load_tables(funnel.leads, funnel.events, funnel.outcomes, rulebook=funnel.rulebook)
    >>> score(tables, funnel.rulebook, as_of="2026-03-31").frame["qualified"].any()
    np.True_
    """
    with Arguments("make_funnel") as given:
        last = given.day("end", end)
        given.whole("n_leads", n_leads, least=1)
        given.whole("days", days, least=1)
        given.number("events_per_lead", events_per_lead, above=0)
        rng = given.random("random_state", random_state)
    period = last - dt.timedelta(int(days) - 1), last
    change = Scenario.read(scenario, scenario_start, period, rng)
    stop = (day_number(last) + 1) * _DAY
    created = np.floor(stop - days * _DAY * rng.random(n_leads))
    made = _made(rng, created, stop, events_per_lead, change)
    return _with_change(made, change, created, last, events_per_lead)


def _made(rng: Generator, created: Floats, stop: float, events_per_lead: float, change: Scenario) -> Funnel:
    """The funnel of the leads that came at these times."""
    n, last = len(created), day_of(round(stop / _DAY) - 1)
    leads, busy, firm = _leads(rng, created, change)
    junior = leads["seniority"].isin(_JUNIOR).to_numpy()
    log = _events(rng, created, stop, busy * events_per_lead / LIFE, change, (junior, firm))
    events = log.frame(leads["lead_id"])
    rulebook, planted = (Rulebook.from_yaml(example(f"{name}.yaml")) for name in ("rulebook", "planted"))

    looked = _looked_at(rng, created, log)
    tables = _tables_then(leads, events, log, looked, last)
    guessed, true = (score(tables, book, as_of=last) for book in (rulebook, planted))
    free = true.frame["blocked_by"].isna().to_numpy()
    points = true.frame["total"].to_numpy()
    chance = free / (1 + 2 ** ((planted.bar() - points) / POINTS_TO_DOUBLE))
    handed = guessed.frame["qualified"].to_numpy() | ((rng.random(n) < _PICKED_ANYWAY) & free)
    truth = pd.DataFrame(
        {
            "day": _times(np.where(looked < stop, looked, np.nan)).dt.normalize(),
            "points": points,
            "chance": chance,
            "handed_over": handed & (looked < stop),
        }
    ).set_axis(pd.Index(leads["lead_id"], name="lead_id"))
    raised = (guessed.frame["via"] == "hand_raise").to_numpy()
    stages = _stages(rng, created, looked, raised, rng.random(n) < chance)
    # Apart, so that one outcome more changes none before it.
    outcomes = _happened(rng.spawn(3), leads["lead_id"], stages, truth["handed_over"].to_numpy(), stop)
    return Funnel(leads, events, outcomes, rulebook, planted, truth)


def _with_change(made: Funnel, change: Scenario, created: Floats, last: dt.date, events_per_lead: float) -> Funnel:
    """The funnel without the leads that do not come, and with those that come besides."""
    stays, more = change.stays(created), change.joining(created)
    parts = [made]
    if more:
        days = day_number(last) + 1 - round(change.start / _DAY)
        cold = change.plan.cold > 0
        each = events_per_lead / (10 if cold else 1)
        other = make_funnel(more, random_state=change.rng, end=last, days=days, events_per_lead=each)
        parts.append(_renamed(other, _IMPORTED if cold else other.leads["source"]))
    elif stays.all():
        return made
    gone = set(made.truth.index[~stays])

    def joined(name: str) -> pd.DataFrame:
        frame = pd.concat([getattr(part, name) for part in parts], ignore_index=True)
        frame = frame[~frame["lead_id"].isin(gone)]
        return frame.sort_values("at" if "at" in frame else "lead_id", kind="stable", ignore_index=True)

    truth = pd.concat([part.truth for part in parts])
    frames: dict[str, Any] = {name: joined(name) for name in ("leads", "events", "outcomes")}
    return replace(made, truth=truth[~truth.index.isin(gone)], **frames)


def _renamed(other: Funnel, source: Any) -> Funnel:
    """A funnel whose leads and firms are no other's, and whose leads come from this source."""

    def renamed(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(lead_id=frame["lead_id"].str.replace("L-", "M-"))

    firm, mail = (other.leads[name].str for name in ("account_id", "email_domain"))
    firms = {"account_id": firm.replace("A-", "B-"), "email_domain": mail.replace("firm", "house")}
    leads = renamed(other.leads).assign(**firms, source=source)
    truth = other.truth.set_axis(other.truth.index.str.replace("L-", "M-"))
    return replace(other, leads=leads, events=renamed(other.events), outcomes=renamed(other.outcomes), truth=truth)


def _draw(rng: Generator, shares: Sequence[float], size: int) -> Ints:
    """Positions drawn by their shares, which need not sum to 1."""
    return rng.choice(len(shares), size, p=np.array(shares) / sum(shares))


def _pick(values: Sequence[str | None], codes: Ints, missing: Mask | None = None) -> pd.Series[Any]:
    """The value each code stands for; looked up in pandas's own text array, so millions are cheap."""
    codes = codes if missing is None else np.where(missing, len(values), codes)
    return pd.Series([*values, None]).take(codes).reset_index(drop=True)


def _times(seconds: Floats) -> pd.Series[Any]:
    return pd.Series(seconds.astype("datetime64[s]")).dt.as_unit("us").dt.tz_localize("UTC")


def _leads(rng: Generator, created: Floats, change: Scenario) -> tuple[pd.DataFrame, Floats, Ints]:
    """The leads, how busy each kind of person is, and their firms, whose people share size, country and industry."""
    n = len(created)
    firms = max(1, n // 3)
    firm = rng.integers(0, firms, n)
    level = _draw(rng, [share for share, _, _ in _PEOPLE.values()], n)
    busy = np.array([busy for _, busy, _ in _PEOPLE.values()])[level]
    titles = [title for _, _, five in _PEOPLE.values() for title in five]
    size = np.maximum(1, np.round(np.exp(rng.normal(4.6, 1.7, firms))))
    mail = [*(f"firm{number}.example" for number in range(firms)), "gmail.com", "rival.example"]
    address, which = rng.random(n), rng.integers(0, 5, n)
    untitled, unranked = rng.random(n) < 0.04, rng.random(n) < 0.1
    country = _draw(rng, list(_COUNTRIES.values()), firms)[firm]
    industry, unsorted = _draw(rng, list(_INDUSTRIES.values()), firms)[firm], rng.random(n) < 0.12
    unsized, source = rng.random(n) < 0.15, _draw(rng, list(_SOURCES.values()), n)
    poorest = list(_SOURCES).index(_POOREST)
    level, source = change.people(created, level, source, poorest, len(_PEOPLE) - 1)
    leads = pd.DataFrame(
        {
            "lead_id": [f"L-{number:06d}" for number in range(1, n + 1)],
            "created_at": _times(created),
            "job_title": _pick(titles, level * 5 + which, untitled),
            "seniority": _pick(list(_PEOPLE), level, unranked),
            "country": _pick(list(_COUNTRIES), country),
            "industry": _pick(list(_INDUSTRIES), industry, unsorted),
            "employees": np.where(unsized, np.nan, size[firm]),
            "email_domain": _pick(mail, np.where(address < 0.18, firms, np.where(address < 0.19, firms + 1, firm))),
            "source": _pick(list(_SOURCES), source),
            "consent": rng.random(n) < 0.8,
            "account_id": _pick([f"A-{number:05d}" for number in range(1, firms + 1)], firm),
        }
    )
    return leads, busy, firm


def _events(  # noqa: PLR0913, PLR0917 - who acts, how much, how long, and what changes it
    rng: Generator, created: Floats, stop: float, per_second: Floats, change: Scenario, who: tuple[Mask, Ints]
) -> _Log:
    """The events in order of time; `per_second` is how many each kind of person makes, `who` the junior and firms."""
    n = len(created)
    span = np.full(n, LIFE)
    # The offset is a share of the leads, so that a small funnel and a large one are alike.
    zipf = (1 + rng.permutation(n) + n / 200) ** -0.9
    rate = np.minimum(per_second * zipf / zipf.mean(), _MOST_EVENTS_A_DAY / _DAY)
    lead, at = _moments(rng, created, span, rate)
    # Some leads have a plan to buy, and most of what they do shows it.
    plan = np.minimum(rng.gamma(0.35, 0.4, n), 0.8)
    logs = [_Log(lead, at, _doings(rng, plan[lead]))]
    most = change.more_activity(stop)
    lead, at = _moments(change.rng, created, span, rate * most)
    happens = change.happens(at, who[0][lead], most)
    lead, at = lead[happens], at[happens]
    logs.append(_Log(lead, at, _doings(change.rng, plan[lead])))
    lead, at = change.mails(created, who[1], stop)
    scans = [place for place, (event, _) in enumerate(_DOINGS) if event in {"email_open", "email_click"}]
    for seconds, one in enumerate(scans):
        # One link a second, and no page ever.
        logs.append(_Log(lead, at + seconds, np.full(len(lead), one)))
    lead, at, doing = (np.concatenate([getattr(log, name) for log in logs]) for name in ("lead", "seconds", "doing"))
    order = np.argsort(at, kind="stable")
    order = order[at[order] < stop]
    return _Log(lead[order], at[order], doing[order])


def _moments(rng: Generator, created: Floats, span: Floats, rate: Floats) -> tuple[Ints, Floats]:
    """When each lead does something, in order of time."""
    lead = np.repeat(np.arange(len(created)), rng.poisson(rate * span))
    # Most happens soon after a lead came.
    at = np.floor(created[lead] + span[lead] * rng.random(len(lead)) ** 1.5)
    order = np.argsort(at, kind="stable")
    return lead[order], at[order]


def _doings(rng: Generator, plan: Floats) -> Ints:
    """What it is that leads do, where so much of it shows a plan to buy."""
    idle, keen = (np.cumsum(shares) / sum(shares) for shares in zip(*_DOINGS.values(), strict=True))
    dice, buys = rng.random(len(plan)), rng.random(len(plan)) < plan
    return np.where(buys, np.searchsorted(keen, dice, "right"), np.searchsorted(idle, dice, "right"))


def _looked_at(rng: Generator, created: Floats, log: _Log) -> Floats:
    """When someone decides about each lead: some weeks after it came, or as soon as it asks for sales."""
    looked = np.floor(created + (3 + rng.exponential(25, len(created))) * _DAY)
    asking = [place for place, (event, _) in enumerate(_DOINGS) if event in {"demo_request", "contact_sales"}]
    asks = np.isin(log.doing, asking)
    np.minimum.at(looked, log.lead[asks], log.seconds[asks])
    return looked


def _tables_then(leads: pd.DataFrame, events: pd.DataFrame, log: _Log, looked: Floats, last: dt.date) -> Tables:
    """The tables in which every lead was looked at on the last day.

    Only an event's age in days matters to a score, so a lead's events are moved by whole days: one run scores all
    leads, each on a day of its own.
    """
    shift = day_number(last) * _DAY - np.floor(looked / _DAY) * _DAY
    moved = events.assign(at=_times(log.seconds + shift[log.lead]))
    return load_tables(leads.drop(columns="created_at"), moved)


def _stages(rng: Generator, created: Floats, looked: Floats, raised: Mask, good: Mask) -> list[_Stage]:
    """Who would reach which stage, and when, if handed over; in the order of the funnel."""
    n = len(created)
    luck = rng.random(n)
    # Of those that become no opportunity, about half are turned away at once, the others later.
    refused, dropped, stuck = ~good & (luck < 0.55), ~good & (luck >= 0.55) & (luck < 0.85), ~good & (luck >= 0.85)

    def later(time: Floats, median: Floats | float) -> Floats:
        return np.floor(time + 60 + median * np.exp(rng.normal(0, 0.8, n)))

    # Who asks for sales is called within the hour, the others when there is time.
    contacted = later(looked, np.where(raised, 1, 8) * _HOUR)
    decided = later(contacted, _DAY)
    qualified = later(decided, 6 * _DAY)
    opened = later(qualified, 10 * _DAY)
    closed = later(opened, 35 * _DAY)
    everyone = np.ones(n, bool)
    return [
        ("lead", everyone, created),
        ("mql", everyone, looked),
        ("contacted", everyone, contacted),
        ("sal", ~refused, decided),
        ("rejected", refused, decided),
        ("sql", good | stuck, qualified),
        ("recycled", dropped, qualified),
        ("opportunity", good, opened),
        ("lost", stuck, opened),
        ("won", good & (luck < 0.3), closed),
        ("lost", good & (luck >= 0.3) & (luck < 0.8), closed),
    ]


def _happened(
    rngs: Sequence[Generator], lead_ids: pd.Series[Any], stages: list[_Stage], handed: Mask, stop: float
) -> pd.DataFrame:
    """The stages reached by the end, in order of time; of leads that were not handed over only the first."""
    rows = [np.flatnonzero(mask & (time < stop) & (handed | (name == "lead"))) for name, mask, time in stages]
    at = np.concatenate([time[found] for (_, _, time), found in zip(stages, rows, strict=True)])
    # Stable: two stages at the same second stay in the order of the funnel.
    order = np.argsort(at, kind="stable")
    lead = np.concatenate(rows)[order]
    stage = np.repeat(np.arange(len(rows)), list(map(len, rows)))[order]
    names = [name for name, _, _ in stages]
    reasons = _draw(rngs[0], list(_REASONS.values()), len(lead))
    amounts = np.round(np.exp(rngs[1].normal(9.5, 0.7, len(lead))), -2)
    owner = _draw(rngs[2], list(_OWNERS.values()), len(lead_ids))
    return pd.DataFrame(
        {
            "lead_id": lead_ids.take(lead).reset_index(drop=True),
            "stage": _pick(names, stage),
            "at": _times(at[order]),
            "reason": _pick(list(_REASONS), reasons, stage != names.index("rejected")),
            "amount": np.where(stage == names.index("won"), amounts, np.nan),
            "owner": _pick(list(_OWNERS), owner[lead], stage == names.index("lead")),
        }
    )
