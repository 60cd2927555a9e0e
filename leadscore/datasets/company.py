"""A made-up company: a funnel with deals, touches, costs and form texts, in which what sales says depends on nothing.

What is planted is all there is to find: a page that finds more is wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number
from leadscore.base.text import counted
from leadscore.datasets.funnel import Funnel, make_funnel
from leadscore.errors import did_you_mean
from leadscore.present.result import Result
from leadscore.rulebook import Rulebook
from leadscore.stats.intervals import Floats
from leadscore.stats.outcomes_and_scores import Mask

PLANTED = (
    "good scores", "refused title", "late team", "costly source", "unfilled field", "missed trait", "form words",
    "behaviour outweighs fit",
)  # fmt: skip

_MINUTE, _DAY = 60.0, 86_400.0
# What is planted begins with the last four weeks, but for what takes longer to see.
_LATELY, _LONGER = 28 * _DAY, 84 * _DAY
# Of leads handed over: accepted, of these qualified, of these an opportunity; won and lost of these.
_ACCEPTED, _QUALIFIED, _OPENED, _WON, _LOST = 0.56, 0.5, 0.55, 0.33, 0.45
# Four in five are contacted within the agreed 60 minutes.
_AGREED, _INSIDE = 60 * _MINUTE, 0.8
_CHANNELS = {
    "organic": "Organic search", "paid search": "Paid search", "webinar": "Webinar", "event": "Trade show",
    "partner": "Partner", "list": "Bought list",
}  # fmt: skip
# Of all leads so many are handed over, and so many of these are of each class.
_HANDED_OVER = 0.171
_MIX = {
    "C-level": 0.1003, "VP": 0.1025, "Director": 0.1420, "Manager": 0.2306, "Specialist": 0.1801, "Coordinator": 0.1618,
}  # fmt: skip
# What each channel costs a month.
_COSTS = {
    "Organic search": 9_000, "Paid search": 21_000, "Webinar": 8_000, "Trade show": 16_000, "Partner": 5_000,
    "Bought list": 3_000,
}  # fmt: skip
_SEEN = {"page_view": "Website", "email_click": "Email", "webinar": "Webinar"}
_WORDS = (
    "pricing", "demo", "team", "integration", "report", "question", "sales", "marketing", "quarter", "price", "trial",
    "users", "import", "export", "dashboard", "support", "contract", "rollout", "data", "scoring",
)  # fmt: skip
_KEEN, _IDLE = "budget approved this quarter", "student project"


@dataclass(frozen=True, eq=False, repr=False)
class Company(Result):
    """A made-up company; made by `make_company`.

    Attributes
    ----------
    leads : DataFrame, one row per lead
        As `make_funnel` makes them, and `message`: what half of them wrote into a form.
    events : DataFrame, one row per event
    outcomes : DataFrame, one row per stage reached
        `lead_id`, `stage`, `at` (UTC), `reason`, `deal_id`, `amount` (at opportunity, and what was won), `owner`.
    touches : DataFrame, one row per touch
        `lead_id`, `at`, `channel`: the creation of the lead, and what it saw.
    costs : DataFrame, one row per channel and month
        `channel`, `month` (its first day), `amount`, `currency`.
    rulebook : Rulebook
        The guessed one, with the agreement of both sides and the personas.
    planted : tuple of str
    """

    leads: pd.DataFrame
    events: pd.DataFrame
    outcomes: pd.DataFrame
    touches: pd.DataFrame
    costs: pd.DataFrame
    rulebook: Rulebook
    planted: tuple[str, ...]

    @property
    def headline(self) -> str:
        """How much was made up."""
        tables = {"lead": self.leads, "event": self.events, "outcome": self.outcomes}
        sizes = [counted(len(rows), name) for name, rows in tables.items()]
        return f"{', '.join(sizes)}, made up; planted: {', '.join(self.planted) or 'nothing'}."

    @property
    def notes(self) -> tuple[str, ...]:
        """What is for looking up only."""
        return ("What sales says depends on nothing but what is planted.",)


def make_company(
    n_leads: int = 10_000,
    *,
    random_state: int | np.random.Generator = 0,
    end: Any = "2026-03-31",
    days: int = 400,
    planted: Sequence[str] = (),
) -> Company:
    """Make up a company whose sales decides by the toss of a coin, and plant what is to be found.

    Leads, events and who is handed over are those of `make_funnel`. What becomes of the leads that are handed over
    depends on nothing: 56 % are accepted, four in five contacted within the agreed hour, whoever they are.

    Parameters
    ----------
    n_leads : int
        10,000 leads in 400 days make about 120 MQLs in four weeks.
    random_state : int or numpy Generator
        The same seed gives the same company, to the last digit, on one numpy version.
    end : date, or text as "2026-03-31"
        The last day.
    days : int
        How many days there are, the last one included.
    planted : list of str
        "good scores": the more points, the likelier sales accepts. "refused title": sales accepts one coordinator in
        ten, for 12 weeks. "late team": Dev takes eight times as long for four weeks. "costly source": trade shows cost
        five times as much and bring no opportunity. "unfilled field": of leads that came in the last four weeks most
        have no number of employees. "missed trait": nine in ten leads of the health industry, for which there are no
        points, are accepted. "form words": accepted and refused leads write differently. "behaviour outweighs fit":
        for the last eight weeks leads do half as much again.

    Returns
    -------
    Company
        `leads`, `events`, `outcomes`, `touches`, `costs` as frames that keep the contract of `load_tables`; `rulebook`.

    Raises
    ------
    ArgumentError
        For an invalid argument.

    Examples
    --------
    >>> company = make_company(2000, random_state=7, planted=["costly source"])
    >>> company.costs.query("channel == 'Trade show'")["amount"].unique()
    array([80000.])
    """
    with Arguments("make_company") as given:
        last = given.day("end", end)
        given.whole("n_leads", n_leads, least=1)
        given.whole("days", days, least=7)
        rng = given.random("random_state", random_state)
        names = given.names("planted", planted)
        for name in (name for name in names if name not in PLANTED):
            given.wrong("planted", f"there is no {name!r}{did_you_mean(name, PLANTED)}")
    change: dict[str, Any] = {}
    if "behaviour outweighs fit" in names:
        change = {"scenario": "activity x1.50", "scenario_start": last - pd.Timedelta(days=55)}
    made = make_funnel(n_leads, random_state=rng, end=last, days=days, **change)
    leads = made.leads.assign(message="")
    stop = (day_number(last) + 1) * _DAY
    if "unfilled field" in names:
        recent = (_seconds(leads["created_at"]) >= stop - _LATELY) & (rng.random(len(leads)) < 0.8)
        leads["employees"] = leads["employees"].mask(recent)
    stages = _stages(rng, made, stop, names)
    leads["message"] = _messages(rng, leads["lead_id"], stages, names)
    outcomes = _outcomes(rng, made, stages, stop)
    touches = _touches(leads, made.events)
    return Company(leads, made.events, outcomes, touches, _costs(last, days, names), _rulebook(made, days), names)


def _seconds(times: pd.Series[Any]) -> Floats:
    return times.to_numpy("datetime64[s]").astype(np.float64)


def _later(rng: Generator, time: Floats, median: float) -> Floats:
    return np.floor(time + 60 + median * np.exp(rng.normal(0, 0.8, len(time))))


def _stages(rng: Generator, made: Funnel, stop: float, planted: Collection[str]) -> pd.DataFrame:
    """What becomes of each MQL and when, in seconds, one row each; what is still to come is there too."""
    given = made.outcomes[made.outcomes["stage"] == "mql"].reset_index(drop=True)
    leads = made.leads.set_index("lead_id").loc[given["lead_id"]]
    mql, n = _seconds(given["at"]), len(given)
    owner = rng.choice(["Ana", "Ben", "Chloe", "Dev"], n, p=[0.3, 0.3, 0.25, 0.15])
    late = np.where((owner == "Dev") & (mql >= stop - _LATELY) & ("late team" in planted), 8.0, 1.0)
    # Exponential waits of which four in five end within the hour.
    wait = late * rng.exponential(_AGREED / -np.log(1 - _INSIDE), n)
    chance = _chance_accepted(made, leads, given["lead_id"], mql >= stop - _LONGER, planted)
    accepted = rng.random(n) < chance
    contacted = np.floor(mql + np.maximum(wait, 1))
    decided = _later(rng, contacted, _DAY)
    qualified = _later(rng, decided, 6 * _DAY)
    opened = _later(rng, qualified, 10 * _DAY)
    luck = rng.random(n)
    sql = accepted & (rng.random(n) < _QUALIFIED)
    deal = sql & (rng.random(n) < _OPENED)
    if "costly source" in planted:
        deal &= leads["source"].to_numpy() != "event"
    ended = np.select([luck < _WON, luck < _WON + _LOST], ["won", "lost"], "")
    reasons = ["no decision maker", "no budget", "no reply", "wrong industry", ""]
    return pd.DataFrame(
        {
            "lead_id": given["lead_id"], "account_id": leads["account_id"].to_numpy(), "owner": owner, "mql": mql,
            "contacted": contacted, "accepted": accepted, "decided": decided, "sql": sql, "qualified": qualified,
            "deal": deal, "opened": opened, "ended": np.where(deal, ended, ""),
            "closed": _later(rng, opened, 35 * _DAY),
            "reason": rng.choice(reasons, n, p=[0.3, 0.22, 0.2, 0.18, 0.1]),
        }
    )  # fmt: skip


def _chance_accepted(
    made: Funnel, leads: pd.DataFrame, lead_ids: pd.Series[Any], lately: Mask, planted: Collection[str]
) -> Floats:
    chance = np.full(len(leads), _ACCEPTED)
    if "good scores" in planted:
        points = made.truth["points"].loc[lead_ids].to_numpy()
        chance = 1 / (1 + 2 ** ((made.planted.bar() - 15 - points) / 15))
    if "missed trait" in planted:
        chance = np.where(leads["industry"] == "Health", 0.9, chance)
    if "refused title" in planted:
        chance = np.where((leads["seniority"] == "Coordinator") & lately, 0.1, chance)
    return chance


def _messages(
    rng: Generator, lead_ids: pd.Series[Any], stages: pd.DataFrame, planted: Collection[str]
) -> pd.Series[Any]:
    """What leads wrote into a form; every second one nothing."""
    words = pd.DataFrame(rng.choice(_WORDS, (len(lead_ids), 5)))
    texts = words.agg(" ".join, axis=1)
    if "form words" in planted:
        accepted = stages.set_index("lead_id")["accepted"].reindex(lead_ids)
        own = np.select([accepted.eq(True), accepted.eq(False)], [f" {_KEEN}", f" {_IDLE}"], "")
        texts += np.where(rng.random(len(texts)) < 0.4, own, "")
    return texts.where(rng.random(len(texts)) < 0.5).set_axis(lead_ids.index)


def _outcomes(rng: Generator, made: Funnel, stages: pd.DataFrame, stop: float) -> pd.DataFrame:
    """The stages reached by the end, in order of time; deals of one account within 30 days are one."""
    deals = stages[stages["deal"]].sort_values(["account_id", "opened"])
    apart = (deals["account_id"] != deals["account_id"].shift()) | (deals["opened"].diff() > 30 * _DAY)
    number = apart.cumsum()
    first = deals.groupby(number)[["opened", "ended", "closed"]].transform("first")
    amount = np.round(np.exp(rng.normal(10, 0.7, int(number.max()) + 1 if len(deals) else 1)), -2)
    own = pd.DataFrame(
        {"deal_id": "D-" + number.astype(str).str.zfill(5), "amount": amount[number], "ended": first["ended"]}
    )
    # Whoever joins a deal shares how and when it ends, if that is still to come.
    own["closed"] = np.maximum(first["closed"], deals["opened"] + 60)
    stages = stages.drop(columns=["ended", "closed"]).join(own)
    everyone = np.ones(len(stages), bool)
    accepted, sql, deal = (stages[name].to_numpy(bool) for name in ("accepted", "sql", "deal"))
    rows = [
        ("mql", everyone, "mql"), ("contacted", everyone, "contacted"), ("sal", accepted, "decided"),
        ("rejected", ~accepted, "decided"), ("sql", sql, "qualified"),
        ("recycled", accepted & ~sql, "qualified"), ("opportunity", deal, "opened"),
        ("lost", sql & ~deal, "opened"), ("won", stages["ended"].eq("won").to_numpy(), "closed"),
        ("lost", stages["ended"].eq("lost").to_numpy(), "closed"),
    ]  # fmt: skip
    parts = []
    for stage, mask, moment in rows:
        part = stages[mask & (stages[moment].to_numpy() < stop)]
        with_deal = stage in {"opportunity", "won"} or moment == "closed"
        parts.append(
            pd.DataFrame(
                {
                    "lead_id": part["lead_id"],
                    "stage": stage,
                    "at": part[moment],
                    "reason": part["reason"].where(part["reason"] != "") if stage == "rejected" else None,
                    "deal_id": part["deal_id"] if with_deal else None,
                    "amount": part["amount"] if stage in {"opportunity", "won"} else np.nan,
                    "owner": part["owner"],
                }
            )
        )
    created = made.outcomes.loc[made.outcomes["stage"] == "lead", ["lead_id", "stage", "at"]]
    parts.append(created.assign(at=_seconds(created["at"])))
    joined = pd.concat(parts, ignore_index=True).sort_values("at", kind="stable", ignore_index=True)
    return joined.assign(at=_as_times(joined["at"]))


def _touches(leads: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    came = pd.DataFrame(
        {"lead_id": leads["lead_id"], "at": leads["created_at"], "channel": leads["source"].map(_CHANNELS)}
    )
    seen = events[events["event"].isin(_SEEN)]
    seen = pd.DataFrame({"lead_id": seen["lead_id"], "at": seen["at"], "channel": seen["event"].map(_SEEN)})
    return pd.concat([came, seen]).sort_values("at", kind="stable", ignore_index=True)


def _costs(last: Any, days: int, planted: Collection[str]) -> pd.DataFrame:
    months = pd.period_range(last - pd.Timedelta(days=days - 1), last, freq="M").to_timestamp().as_unit("us")
    costs = _COSTS | ({"Trade show": 5 * _COSTS["Trade show"]} if "costly source" in planted else {})
    rows = [(channel, month, float(amount)) for month in months for channel, amount in costs.items()]
    return pd.DataFrame(rows, columns=["channel", "month", "amount"]).assign(currency="EUR")


def _as_times(seconds: pd.Series[Any]) -> pd.Series[Any]:
    return pd.Series(seconds.to_numpy().astype("datetime64[s]")).dt.as_unit("us").dt.tz_localize("UTC")


def _rulebook(made: Funnel, days: int) -> Rulebook:
    """The guessed rulebook with an agreement that is true of a company in which nothing is planted."""
    weekly = round(_HANDED_OVER * 7 * len(made.leads) / days)
    rest = 1 - sum(_MIX.values())
    return made.rulebook.edited(
        {
            "agreement.marketing": {
                "mqls_per_week": max(1, weekly),
                "accepted": _ACCEPTED,
                "complete_at_handover": {"employees": 0.85},
                "mix": {**_MIX, "not mapped": round(rest, 4)},
            },
            "agreement.sales": {
                "respond": {"share": _INSIDE},
                "decide": {"within_days": 14, "share": 0.95},
                "reason_with_refusal": 0.9,
            },
            "agreement.shared": {"weighted_pipeline": 20_000 * max(1, weekly)},
            "personas": [{"name": name, "when": {"seniority": name}} for name in _MIX],
        }
    )
