"""`balance_today`: whether MQLs need unusual activity to qualify now, from two months of history on."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_of
from leadscore.base.periods import Period
from leadscore.base.text import counted
from leadscore.base.times import DAY, NO_TIME
from leadscore.drift.balance.alarm import FEWEST
from leadscore.drift.balance.power import LEAST_MQLS, how_often
from leadscore.drift.cohorts import AGE_DAYS, behaviour_needed, scoring_days
from leadscore.present.figures import percent, percent_range, signed
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.rulebook.agreement import Shared
from leadscore.sales.facts import TWELVE_WEEKS, Facts
from leadscore.sales.handover.handovers import BELOW, BY_POINTS, HAND_RAISE
from leadscore.stats.intervals import newcombe, wilson, with_shares
from leadscore.stats.trends import trend, trend_of_means
from leadscore.tables.tables import Tables

# What is usual is learned from the first four weeks, and compared with the latest four: they must not overlap.
_FOUR_WEEKS = 28
LEAST_WEEKS = 8
# While the first leads are young few have had the time to act, and the share rises by itself: on made-up funnels where
# nothing changes a trend over the first eight weeks alarms in 19 % of runs, one that leaves out three weeks in 4 %.
_YOUNG = 3
TREND_WEEKS = LEAST_WEEKS + _YOUNG
# Of fewer leads nothing is said of what is usual.
_FEW = 30
NEEDING, OTHERS = "needed unusual activity", "qualified without it"


@dataclass(frozen=True, eq=False, repr=False)
class BalanceToday(Result):
    """Whether MQLs need unusual activity to qualify, now and week by week; made by `balance_today`.

    Attributes
    ----------
    end : date
    mqls : int
        MQLs by points of the latest four weeks.
    needing : int or None
        Of these, those that needed unusual activity; None where it is not known what is usual.
    hand_raises, below : int
        MQLs of the same weeks that asked for sales themselves, and those below their threshold on the day they came to
        sales: no part of `mqls`.
    usual : float
        Usual activity, in points; NaN where it is not known.
    usual_leads : int or None
        The leads that it is the median of; None where it was given.
    history_weeks : int
        The whole weeks of leads and events up to the end.
    agreed : float or None
        The share that was agreed to be the most: `agreement.shared.needing_activity_at_most` of the rulebook.
    p_agreed : float
        Of the exact test that the share of the latest four weeks is the one agreed (binomial, two-sided); NaN where
        there is none to test.
    weeks : DataFrame, index week (its first day), at most 12
        `mqls`, `needing`, `share` of them with `low`, `high` (95 % Wilson), `hand_raises`; of all `leads` that are 14
        days old in the week the mean `fit` and `behaviour` in points (`_low`, `_high`: 95 %).
    trend : DataFrame, one row, or none where there is too little to say
        `change` of the share every four weeks, `low`, `high` (95 %), `p`, `weeks`, `mqls`.
    leads_trend : DataFrame, index figure, or empty
        Of all leads that are 14 days old, `behaviour` and `fit` in points, and their `gap`, behaviour less fit in
        standard deviations of leads, as a `BalanceMonitor` watches it: `change` every four weeks, `low`, `high` (95 %),
        `p`, `weeks`, `leads`.
    acceptance : DataFrame, index group
        Of the MQLs by points of all these weeks that sales decided on, those that needed unusual activity and the
        others: `accepted`, `decided`, `share`, `low`, `high` (95 % Wilson); `change`, `change_low`, `change_high`: the
        first group's share less the other's (95 % Newcombe).
    notes : tuple of str
        Which leads count, what is usual, and how often such a trend is false or missed.
    """

    end: dt.date
    mqls: int
    needing: int | None
    hand_raises: int
    below: int
    usual: float
    usual_leads: int | None
    history_weeks: int
    agreed: float | None
    p_agreed: float
    weeks: pd.DataFrame
    trend: pd.DataFrame
    leads_trend: pd.DataFrame
    acceptance: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """The share of the latest four weeks, and where it is going."""
        return f"{self.today}; {self.moved}." if self.needing is not None else f"{self.today}."

    @property
    def today(self) -> str:
        """How many of the latest MQLs needed unusual activity, as the beginning of a sentence."""
        if self.needing is None:
            return f"{counted(self.mqls, 'MQL')} by points came in four weeks; which activity is usual is not known yet"
        said = f"{self.needing:,} of {counted(self.mqls, 'MQL')} by points needed unusual activity to qualify"
        low, high = wilson(self.needing, self.mqls)
        if self.mqls < _FEW:
            return said
        return f"{said}, {percent(self.needing / self.mqls)} ({percent_range(float(low), float(high))})"

    @property
    def moved(self) -> str:
        """How the share moved, as a part of a sentence."""
        if not len(self.trend):
            return "too few to see a trend"
        change, low, high, p = self.trend.iloc[0, :4]
        interval = "" if math.isnan(low) else f" ({signed(100 * low)} to {signed(100 * high)})"
        unit = "point" if abs(round(100 * change)) == 1 else "points"
        return f"the share moved by {signed(100 * change)} {unit} every four weeks{interval}, p = {p:.2g}"

    def sections(self) -> Iterator[Section]:
        """The trend, what sales accepted, and the weeks."""
        if len(self.trend):
            title = "How the share moved every four weeks, as a straight line (95 %)"
            yield Section("trend", title, self.trend, formats=dict.fromkeys(("change", "low", "high"), "+.1%"))
        if len(self.leads_trend):
            title = "How the mean points of all leads moved every four weeks (95 %)"
            formats = dict.fromkeys(("change", "low", "high"), "+.2f")
            yield Section("leads_trend", title, self.leads_trend, formats=formats)
        title = "What sales accepted of those it decided on (95 %)"
        formats = dict.fromkeys(("change", "change_low", "change_high"), "+.1%")
        shown = self.acceptance[self.acceptance["decided"] > 0]
        yield Section("acceptance", title, self.acceptance, shown, formats=formats)
        title = "Week by week: MQLs by points, and the mean points of all leads that are 14 days old (95 %)"
        formats = dict.fromkeys(("mqls", "needing", "hand_raises", "leads"), ",.0f")
        yield Section("weeks", title, self.weeks, formats=formats)


def balance_today(
    tables: Tables, rulebook: Rulebook, *, end: Any, usual: float | None = None, observed_until: Any = None
) -> BalanceToday:
    """Whether behaviour outweighs fit now: how many MQLs needed more activity than is usual, and where that is going.

    An MQL needed unusual activity if its own fit with the usual behaviour of a lead is below its own threshold. That is
    counted of the latest four weeks, and week by week over at most 12. It takes eight weeks of history, and 11 for a
    trend; a `BalanceMonitor` takes 26 or more, and alarms falsely at a known rate.

    Parameters
    ----------
    tables : Tables
        With `created_at` and outcomes.
    rulebook : Rulebook
        All weeks are scored by it.
    end : date, or text as "2026-03-29"
        The last day.
    usual : float, optional
        Usual behaviour, in points; by default `agreement.shared.usual_activity` of the rulebook, and without it the
        median of all leads that are 14 days old in the first four of the weeks. Write what the first review found into
        the rulebook: a mark that moves with the leads hides what comes slowly.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.

    Returns
    -------
    BalanceToday
        `headline`, `notes`, `mqls`, `needing`, `usual`, `weeks`, `trend`, `acceptance`.

    Raises
    ------
    ArgumentError
        If an argument is invalid, there are no outcomes, or no lead has a `created_at`.
    ContractError
        If the tables lack a column the rulebook uses, or hold values that it cannot read.

    Notes
    -----
    MQLs are counted on the day they came to sales, by the score at the end of that day, once in four weeks: so that
    they are those of the other figures of a review, and sales can have said something to them. They may have qualified
    earlier; who was below the bar again on that day is no part of it.

    The trend is a weighted line over the weekly shares (`stats.trends`). It is honest as one look: 13 looks a year at
    5 % alarm often, and where weeks are alike it alarms more often than 1 time in 20. `notes` has the rates for this
    number of MQLs a week, simulated (`benchmarks/balance.py`). The trend of all leads sees far smaller changes, and is
    false in up to 28 % of looks where weeks are alike. A step at the beginning of the weeks is no trend: it is seen
    against the `usual` of an earlier review.

    References
    ----------
    Wilson, E. B. (1927), Journal of the American Statistical Association 22, 209-212. Newcombe, R. G. (1998),
    Statistics in Medicine 17, 873-890. Of the trend as of `stats.trends.trend`.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets.funnel import make_funnel
    >>> made = make_funnel(12_000, days=200, random_state=3)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    >>> found = balance_today(tables, made.rulebook, end="2026-03-29")
    >>> print(found.headline)
    36 of 68 MQLs by points needed unusual activity to qualify, 53% (41% to 64%); the share moved by
    -5 points every four weeks (-15 to +5), p = 0.26.
    >>> found.weeks[["mqls", "needing", "leads"]].tail(2)
                mqls  needing  leads
    week
    2026-03-16    17        9    425
    2026-03-23    19        8    415
    """
    with Arguments("balance_today") as given:
        given.types(tables=(tables, Tables), rulebook=(rulebook, Rulebook))
        last = given.day("end", end)
        if usual is not None:
            given.number("usual", usual)
    start = last - dt.timedelta(_FOUR_WEEKS - 1)
    facts = Facts.of("balance_today", tables, rulebook, start=start, end=last, observed_until=observed_until)
    return balance_today_of(facts, usual)


def balance_today_of(facts: Facts, usual: float | None = None) -> BalanceToday:
    """The balance of the weeks up to the end of a period."""
    end, since = facts.period.last, begins(facts)
    history = max(0, end + 1 - since) // 7
    looked_at = Period(end + 1 - min(TWELVE_WEEKS, 7 * max(history, _FOUR_WEEKS // 7)), end)
    leads = _leads(facts, Period(max(looked_at.first, since + AGE_DAYS), end))
    agreement = facts.rulebook.agreement
    shared = Shared() if agreement is None else agreement.shared
    given = shared.usual_activity if usual is None else usual
    mark, of = _usual(leads, looked_at, history) if given is None else (float(given), None)
    mqls = _mqls(facts, looked_at, mark)
    latest = mqls[mqls["day"] > end - _FOUR_WEEKS]
    routes = latest["route"].value_counts()
    known = not math.isnan(mark)
    by_week = _by_week(mqls, leads, looked_at, known=known)
    points = latest[latest["route"] == BY_POINTS]
    needing = int(points["needing"].sum()) if known else None
    grown = by_week[by_week.index >= pd.Timestamp(day_of(since + 7 * _YOUNG))]
    moved, why = _trend(grown, history, known=known)
    return BalanceToday(
        end=day_of(end),
        mqls=len(points),
        needing=needing,
        hand_raises=int(routes[HAND_RAISE]),
        below=int(routes[BELOW]),
        usual=mark,
        usual_leads=of,
        history_weeks=history,
        agreed=shared.needing_activity_at_most,
        p_agreed=_p_agreed(needing, len(points), shared.needing_activity_at_most),
        weeks=by_week,
        trend=moved,
        leads_trend=_leads_trend(grown, leads),
        acceptance=_acceptance(mqls[mqls["route"] == BY_POINTS], known=known),
        notes=(*_about(looked_at, mark, of, history), why),
    )


def dated(facts: Facts) -> bool:
    """Whether it is known of any lead when it came."""
    created = facts.tables.created()
    return created is not None and bool((created.at != NO_TIME).any())


def begins(facts: Facts) -> int:
    """The first day on which there are leads and events."""
    tables, timezone = facts.tables, facts.rulebook.timezone
    created = scoring_days(tables, facts.rulebook, 0)
    events = [batch.local(timezone).min() // DAY for batch in tables.events.batches if len(batch)]
    return int(max(created[created != NO_TIME].min(), min(events, default=NO_TIME)))


def _leads(facts: Facts, period: Period) -> pd.DataFrame:
    """All leads on the day they are as old as the monitor counts them: `day`, `fit`, `behaviour` (points)."""
    day = scoring_days(facts.tables, facts.rulebook, AGE_DAYS)
    lead = np.flatnonzero(period.holds(day)).astype(np.int32)
    bound = facts.binding.timeline(facts.rulebook).at(lead, day[lead].astype(np.int32))
    found = pd.DataFrame({"day": day[lead], "fit": bound.fit / 1000, "behaviour": bound.behaviour / 1000})
    # So that the order of the rows decides no last digit of a sum.
    return found.sort_values([*found], ignore_index=True)


def _usual(leads: pd.DataFrame, period: Period, history: int) -> tuple[float, int]:
    """The median behaviour of the leads of the first four weeks, and how many they are."""
    first = leads[leads["day"] < period.first + _FOUR_WEEKS]
    known = history >= LEAST_WEEKS and len(first) >= _FEW
    return (round(float(first["behaviour"].median()), 3) if known else math.nan), len(first)


def _mqls(facts: Facts, period: Period, usual: float) -> pd.DataFrame:
    """The MQLs of a period, each lead once in four weeks: `day`, `route`, `accepted`, `needing`."""
    rows = facts.handovers.frame
    rows = rows[period.holds(rows["day"].to_numpy())]
    rows = rows.assign(block=(period.last - rows["day"]) // _FOUR_WEEKS).drop_duplicates(["lead", "block"])
    # Whole thousandths, so that who meets the threshold to the digit does.
    needed = np.rint(behaviour_needed(rows, facts.rulebook) * 1000)
    return rows[["day", "route", "accepted"]].assign(needing=needed > round(usual * 1000, 6))


def _by_week(mqls: pd.DataFrame, leads: pd.DataFrame, period: Period, *, known: bool) -> pd.DataFrame:
    """`BalanceToday.weeks`; of who needed more only where it is known what is usual."""
    starts = range(period.first, period.last + 1, 7)
    week = (mqls["day"] - period.first) // 7
    points = mqls["route"] == BY_POINTS
    counts = pd.DataFrame(
        {"mqls": points, "needing": points & mqls["needing"], "hand_raises": mqls["route"] == HAND_RAISE}
    )
    frame = counts.groupby(week).sum().reindex(range(len(starts)), fill_value=0)
    frame = with_shares(frame if known else frame.assign(needing=np.nan), "needing", "mqls")
    frame = frame[["mqls", "needing", "share", "low", "high", "hand_raises"]]
    by_age = leads.groupby((leads["day"] - period.first) // 7)
    frame["leads"] = by_age.size().reindex(frame.index, fill_value=0)
    for name in ("fit", "behaviour"):
        mean, half = by_age[name].mean().reindex(frame.index), 1.96 * by_age[name].sem().reindex(frame.index)
        frame = frame.assign(**{name: mean, f"{name}_low": mean - half, f"{name}_high": mean + half})
    return frame.set_axis(pd.DatetimeIndex([day_of(start) for start in starts], name="week").as_unit("us"))


def _p_agreed(needing: int | None, mqls: int, agreed: float | None) -> float:
    """`BalanceToday.p_agreed`."""
    if needing is None or not mqls or agreed is None:
        return math.nan
    from scipy.stats import binomtest  # noqa: PLC0415 - scipy takes long to import

    return float(binomtest(needing, mqls, agreed).pvalue)


def _trend(weeks: pd.DataFrame, history: int, *, known: bool) -> tuple[pd.DataFrame, str]:
    """`BalanceToday.trend`, and what to know of it, or why there is none."""
    columns = ["change", "low", "high", "p", "weeks", "mqls"]
    mqls = int(weeks["mqls"].sum())
    short = max(0, TREND_WEEKS - history)
    if short or not known:
        more = f"in {counted(short, 'week')}" if short else "once it is known what is usual"
        return pd.DataFrame(
            columns=columns
        ), f"A trend can be looked for {more}: it takes {TREND_WEEKS} weeks of history."
    with_any = int((weeks["mqls"] > 0).sum())
    if mqls < LEAST_MQLS or with_any < LEAST_WEEKS:
        why = f"Too few MQLs by points for a trend: {mqls:,} in {counted(with_any, 'week')}"
        return pd.DataFrame(columns=columns), f"{why}; it takes {LEAST_MQLS} in {LEAST_WEEKS} weeks or more."
    found = trend(weeks["needing"], weeks["mqls"])
    row = [4 * found.slope, 4 * found.low, 4 * found.high, found.p, found.weeks, mqls]
    return pd.DataFrame([row], columns=columns), how_often(mqls / len(weeks), len(weeks))


def _leads_trend(weeks: pd.DataFrame, leads: pd.DataFrame) -> pd.DataFrame:
    """`BalanceToday.leads_trend`; weeks of few leads have no part in it."""
    n = weeks["leads"].where(weeks["leads"] >= FEWEST, 0)
    columns = ["change", "low", "high", "p", "weeks", "leads"]
    if (n > 0).sum() < LEAST_WEEKS:
        return pd.DataFrame(columns=columns, index=pd.Index([], name="figure"))
    spread = leads[["fit", "behaviour"]].std().replace(0, np.inf)
    means = {name: weeks[name] for name in ("behaviour", "fit")}
    means["gap"] = weeks["behaviour"] / spread["behaviour"] - weeks["fit"] / spread["fit"]
    found = {name: trend_of_means(mean, n) for name, mean in means.items()}
    rows = [(*(4 * part for part in one[:3]), one.p, one.weeks, int(n.sum())) for one in found.values()]
    return pd.DataFrame(rows, pd.Index([*found], name="figure"), columns)


def _acceptance(mqls: pd.DataFrame, *, known: bool) -> pd.DataFrame:
    """`BalanceToday.acceptance`."""
    decided = mqls[mqls["accepted"].notna() & known]
    groups = decided["accepted"].astype(int).groupby(np.where(decided["needing"], NEEDING, OTHERS))
    frame = (
        groups.agg(["sum", "size"]).reindex([NEEDING, OTHERS], fill_value=0).set_axis(["accepted", "decided"], axis=1)
    )
    first, other = (tuple(row) for row in frame.to_numpy().tolist())
    frame = with_shares(frame, "accepted", "decided").rename_axis("group")
    change = pd.DataFrame([newcombe(other, first)], [NEEDING], ["change", "change_low", "change_high"]).astype(float)
    return frame.join(change)


def _about(period: Period, usual: float, leads: int | None, history: int) -> tuple[str, ...]:
    """Which leads count, and what is usual."""
    counts = (
        "MQLs by points are leads that met their threshold on the day they came to sales; hand-raises are counted "
        "apart. All weeks are scored by the present rulebook, also those before it was edited."
    )
    if leads is None:
        return counts, f"Usual activity is {usual:g} points, as agreed or given."
    learned = f"the median behaviour of {counted(leads, 'lead')}, each {AGE_DAYS} days old"
    first = Period(period.first, period.first + _FOUR_WEEKS - 1)
    if not math.isnan(usual):
        keep = f"Write usual_activity: {usual:g} into the agreement, so that later reviews use the same mark."
        return f"{counts} {keep}", f"Usual activity is {usual:g} points: {learned}, {first}."
    if history < LEAST_WEEKS:
        when = f"it is known in {counted(LEAST_WEEKS - history, 'week')}"
        return counts, f"What is usual is learned from {LEAST_WEEKS} weeks of history. Here are {history}: {when}."
    return counts, f"What is usual is learned from {_FEW} leads or more; {first} has {leads}."
