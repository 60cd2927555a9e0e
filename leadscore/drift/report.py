"""`drift_report`: when behaviour began to outweigh fit, how sure that is, why, and what is to be decided."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number
from leadscore.base.text import counted
from leadscore.drift.balance.alarm import FEWEST
from leadscore.drift.balance.causes import Causes, causes_of
from leadscore.drift.balance.monitor import BalanceMonitor, bound
from leadscore.drift.balance.verdict import BalanceVerdict, readable
from leadscore.drift.change.decomposition import Decomposition, decomposed
from leadscore.drift.change.pools import Span
from leadscore.drift.change.stability import Stability, stability
from leadscore.drift.cohorts import AGE_DAYS, LATELY, SHORT, leads_of_weeks, scores_of_weeks, scoring_days
from leadscore.drift.first_months import first_months
from leadscore.drift.pictures import Onset, plot_evidence, plot_gap, plot_months, plot_points
from leadscore.errors import ArgumentError
from leadscore.present.result import Result, Section
from leadscore.scoring.binding import Binding
from leadscore.scoring.scores import Scores, named
from leadscore.tables.tables import Tables

_WEEK = dt.timedelta(7)
# Tables that hold more or fewer leads than were counted, by this share, are others.
_DIFFERENT = 0.1
_MONTH = ["part", "name", "month", "n_reference", "n", "psi", "psi_low", "psi_high", "psi_no_drift", "q", "verdict"]
_WHY = {
    "causes": "What caused it",
    "decomposition": "Why the number of MQLs changed",
    "stability": "What has changed",
}
# The columns of a week that people see, and how their figures are written.
_WEEKLY = {"fit": ".1f", "behaviour": ".1f", "gap": "+.2f", "evidence": ",.0f", "mql_evidence": ",.0f"}


@dataclass(frozen=True, eq=False, repr=False)
class DriftReport(Result):
    """What a monitor knows, and with tables why; made by `drift_report`.

    Attributes
    ----------
    headline : str
        That of the verdict.
    rulebook : str
        Its name and version.
    verdict : BalanceVerdict
    what_to_do : tuple of str
        What is to be decided now, or that nothing is.
    weeks : DataFrame, index week
        `BalanceMonitor.frame`.
    decomposition : Decomposition or None
        Of the weeks before it began and as many since; of the latest 8 and the 8 before while nothing is suspected.
    stability : Stability or None
        Of the leads of the same weeks.
    months : DataFrame or None
        Each figure of `stability` month by month, beside the weeks the monitor learned from: `part`, `name`, `month`,
        `n_reference`, `n` (leads), `psi` with `psi_low`, `psi_high` (95 %), `psi_no_drift`, `q`, `verdict`.
    causes : Causes or None
        As `BalanceMonitor.causes` finds them; None while learning, and without tables while nothing is suspected.
    edit : DataFrame or None
        What an edit of the rulebook alone did, if there was one.
    notes : tuple of str
        What is not in the report, and why; what to know before it is believed.
    """

    rulebook: str
    verdict: BalanceVerdict
    weeks: pd.DataFrame
    edit: pd.DataFrame | None
    notes: tuple[str, ...]
    causes: Causes | None = None
    decomposition: Decomposition | None = None
    stability: Stability | None = None
    months: pd.DataFrame | None = None

    @property
    def headline(self) -> str:
        """That of the verdict."""
        return self.verdict.headline

    @property
    def what_to_do(self) -> tuple[str, ...]:
        """What is to be decided now, or that nothing is."""
        verdict = self.verdict
        if verdict.state == "learning":
            return self._meanwhile
        if verdict.state == "stable":
            return ("Nothing to decide: look again next week.",)
        names = (("rule", verdict.top_rule), ("segment", verdict.top_segment))
        first = " and ".join(f"{what} {name!r}" for what, name in names if name is not None)
        look = f"Look first at {first}." if first else "No one rule or segment stands out: look at all that leads do."
        if verdict.state == "watch":
            return (look, 'No decision yet: a "watch" is no alarm, and sometimes a false one.')
        mended = "" if self.causes is None else self.causes.mended
        fixed = (
            f"The cause is found and mended{mended and f', for instance {mended}'}: acknowledge it as fixed. The weeks "
            f"since {verdict.since} are left out, and what was normal before is normal again."
        )
        normal = (
            "Leads are like this from now on, and the points suit them: acknowledge it as new_normal. What is normal "
            f"is learned again from {verdict.since} on; there is no verdict until there are {SHORT} weeks."
        )
        edited = (
            "Points no longer mean what was agreed: edit the rule, see with 'leadscore diff' who would qualify, and "
            "publish. All weeks are then scored by the new rulebook, so that the edit is not taken for drift."
        )
        together = f"{look} Then marketing and sales decide together which of these it is; until then the alarm stays."
        return (together, fixed, normal, edited)

    @property
    def _meanwhile(self) -> tuple[str, ...]:
        """What to do while learning, and what is known sooner."""
        verdict, enough = self.verdict, self.weeks.index[self.weeks["leads"] >= FEWEST]
        begun = enough[0].date() if len(enough) else verdict.week
        sooner = first_months(begun - dt.timedelta(AGE_DAYS))
        assert verdict.first_verdict is not None
        missing = counted((verdict.first_verdict - verdict.week).days // 7, "more week")
        needing, trend = (
            "" if one.day <= verdict.week else f" (from {one.day} on)" for one in (sooner.needing, sooner.trend)
        )
        asked = f"how many MQLs needed unusual activity to qualify{needing}, and whether that share moves{trend}"
        said = [
            f"No decision yet: it takes {missing} to know what is normal.",
            f"Until then `leadscore review` and `ls.drift.balance_today` say {asked}.",
        ]
        if verdict.week < sooner.verdict.day < verdict.first_verdict:
            short = f"With reference_weeks={SHORT} (--reference-weeks {SHORT})"
            limits = "it cannot show seasons, and finds small changes later"
            said.append(f"{short} the first verdict comes on {sooner.verdict.day}; {limits}.")
        return tuple(said)

    @property
    def onset(self) -> Onset | None:
        """The first week not ruled out, the most likely and the last; None while nothing is suspected."""
        low, most, high = self.verdict.since_low, self.verdict.since, self.verdict.since_high
        return None if low is None or most is None or high is None else (low, most, high)

    def sections(self) -> Iterator[Section]:
        """What to do, how large the change is, week by week, and as far as tables were given why."""
        yield Section("what_to_do", "What to do", notes=self.what_to_do)
        yield from self.verdict.sections()
        yield self._by_week()
        if self.verdict.state != "learning":
            yield Section("picture", "Gap by week", self.plot_gap)
        if self.edit is not None:
            note = "The same leads are scored by both rulebooks, so there is no interval."
            shown = readable(self.edit, "old", "new", "change")
            yield Section("edit", "What the edit of the rulebook did by itself", self.edit, shown, (note,))
        for name, title in _WHY.items():
            if (part := getattr(self, name)) is not None:
                yield Section(name, title, part)
        if self.months is not None:
            changed = self.months.assign(changed=self.months["verdict"] != "no change seen").groupby("month")
            shown = changed.agg(leads=("n", "first"), figures=("name", "size"), changed=("changed", "sum"))
            title = "Month by month: how many figures differ from the weeks learned from"
            yield Section("months", title, self.months, shown)

    def _by_week(self) -> Section:
        """The latest weeks; without intervals, each being one figure of a series whose spread the monitor knows."""
        latest = self.weeks[["leads", "mqls", *_WEEKLY]].tail(LATELY)
        note = "Weeks have no intervals: evidence is made of how they differ."
        if self.verdict.state == "learning":
            latest = latest.dropna(axis=1, how="all")
        else:
            alarm = f"An alarm needs evidence of {self.verdict.bound:,.0f}."
            note = f"{alarm} A week has no gap while learning, if it was skipped, or left out by a decision. {note}"
        title = f"Week by week: the latest {len(latest)} of {len(self.weeks)}, by rulebook {self.rulebook}"
        return Section("weeks", title, self.weeks, latest, (note,), _WEEKLY)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, beside what the verdict says; what is not in it is None."""
        return self.verdict.to_dict() | super().to_dict()

    def plot_gap(self, ax: Any = None) -> Any:
        """Draw the gap of each week and its onset; see `pictures.plot_gap`."""
        return plot_gap(self.weeks, onset=self.onset, title=f"Gap by week, {self._title}", ax=ax)

    def plot_evidence(self, ax: Any = None) -> Any:
        """Draw the evidence of each week beside its bound; see `pictures.plot_evidence`."""
        title = f"Evidence by week, {self._title}"
        return plot_evidence(self.weeks, bound=self.verdict.bound, onset=self.onset, title=title, ax=ax)

    def plot_points(self) -> Any:
        """Draw fit and behaviour of leads and of MQLs, as a Figure of four panels; see `pictures.plot_points`."""
        return plot_points(self.weeks, onset=self.onset, title=f"Mean points by week, {self._title}")

    def plot_months(self, ax: Any = None) -> Any:
        """Draw how far each figure is from what it was, month by month; see `pictures.plot_months`.

        Raises
        ------
        ArgumentError
            If the report has no months.
        """
        if self.months is None:
            message = "there are none in this report: give drift_report the tables, with weeks after those learned from"
            raise ArgumentError("months", message)
        leads = counted(int(self.months["n_reference"].iloc[0]), "lead")
        title = f"{self._title}\ncompared with {leads} of the weeks learned from"
        return plot_months(self.months, title=title, ax=ax)

    @property
    def _title(self) -> str:
        return f"{self.rulebook}: {self.verdict.state} on {self.verdict.week}"


def drift_report(monitor: BalanceMonitor, tables: Tables | None = None, *, age_days: int = AGE_DAYS) -> DriftReport:
    """Put together what a monitor knows, for the meeting of the two teams; with tables also why.

    Parameters
    ----------
    monitor : BalanceMonitor
        That has counted a week. The first of its `by` is the lead column that says where leads come from.
    tables : Tables, optional
        That hold the leads and events of the weeks counted; without them the report says what, and not why.
    age_days : int
        As for the `weekly_cohorts` that the monitor counted.

    Returns
    -------
    DriftReport
        `to_markdown()`, `weeks`, `causes`, `decomposition`, `stability`, `months`, and pictures: `plot_gap()`,
        `plot_evidence()`, `plot_points()`, `plot_months()`, `decomposition.plot()`, `stability.plot()`.

    Raises
    ------
    ArgumentError
        If the monitor has counted no week, the tables have other leads than it counted, or an argument is invalid.
    ContractError
        If the tables lack a column the rulebook uses, or hold values that it cannot read.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets.funnel import make_funnel
    >>> made = make_funnel(12_000, days=380, scenario="activity x1.50", scenario_start="2025-12-01")
    >>> tables = ls.load_tables(made.leads, made.events, rulebook=made.rulebook, columns=["source"])
    >>> monitor = ls.BalanceMonitor(made.rulebook, by=["source"], reference_weeks=26)
    >>> weeks = {"start": "2025-04-07", "end": "2026-03-31"}
    >>> for cohort in ls.drift.weekly_cohorts(tables, made.rulebook, **weeks, by=["source"]):
    ...     verdict = monitor.update(*cohort)
    >>> report = drift_report(monitor, tables)
    >>> print(report.headline[:64])
    Alarm on 2026-03-23: behaviour outweighs fit since the week of 2
    >>> report.decomposition.frame.loc[("MQLs", "behaviour"), ["low", "high"]].gt(0).all()
    np.True_
    """
    with Arguments("drift_report") as given:
        given.types(monitor=(monitor, BalanceMonitor), tables=(tables, Tables | None))
        given.whole("age_days", age_days, least=0)
    verdict, notes, binding = monitor.verdict, [], None
    parts: dict[str, Any] = {}
    if tables is not None:
        notes += _differs(monitor, tables, age_days)
        binding = bound(monitor, tables)
        # While learning there is no change to explain, and no month after those that are learned from.
        if verdict.state != "learning":
            parts |= _compared(monitor, binding, age_days, notes)
    elif verdict.since is not None:
        notes.append("No tables were given, so less is said of why: the monitor keeps sums of weeks only.")
    if verdict.state != "learning" and (tables is not None or verdict.since is not None):
        watch = monitor._watch  # noqa: SLF001 - the tables are bound once for the whole report
        parts["causes"] = causes_of(watch, verdict, monitor.edit, binding, age_days)
    said = (*notes, *verdict.notes)
    return DriftReport(named(monitor.rulebook), verdict, monitor.frame, monitor.edit, said, **parts)


def _differs(monitor: BalanceMonitor, tables: Tables, age_days: int) -> list[str]:
    """Whether the tables hold the leads that the monitor counted."""
    weeks = [week.date() for week in monitor.frame.index]
    there = len(leads_of_weeks(scoring_days(tables, monitor.rulebook, age_days), weeks))
    leads = int(monitor.frame["leads"].sum())
    if there == leads:
        return []
    held = f"{counted(there, 'lead')} aged {counted(age_days, 'day')}"
    said = f"in these weeks the tables hold {held}, and {leads:,} were counted"
    if abs(there - leads) > _DIFFERENT * leads:
        raise ArgumentError("tables", f"{said}: give those that were, and the same age_days")
    return [f"The tables describe slightly different leads: {said}."]


def _compared(monitor: BalanceMonitor, binding: Binding, age_days: int, notes: list[str]) -> dict[str, Any]:
    """What tables tell of the weeks before and since, and of the months after those that are learned from."""
    found: dict[str, Any] = {}
    book, source = monitor.rulebook, next(iter(monitor.by), None)
    before, since = _periods(monitor.frame, monitor.verdict)
    if len(since) >= 2:
        old, new = (Span(day_number(part[0]), day_number(part[-1]) + 6) for part in (before, since))
        # The MQLs of a week are those the monitor counted in it.
        found["decomposition"] = decomposed(binding, (book, book), (old, new), source=source, begun=binding.first)
        found["stability"] = stability(*scores_of_weeks(binding, book, [before, since], age_days=age_days))
    else:
        there = f"there {'is one' if since else 'are none'}"
        notes.append(f"The change is not explained yet: that takes two weeks on each side of it; {there}.")
    learned, months = _months(monitor)
    if months:
        reference, *later = scores_of_weeks(binding, book, [learned, *months], age_days=age_days)
        found["months"] = _by_month([month[0] for month in months], reference, later)
    else:
        notes.append("No month is compared: there is none after the weeks that are learned from.")
    return found


Days = list[dt.date]


def _periods(frame: pd.DataFrame, verdict: BalanceVerdict) -> tuple[Days, Days]:
    """The weeks since it began and as many right before, as far as all of them are counted one after the other."""
    counted = [week.date() for week in frame.index[frame["gap"].notna()]]
    if verdict.since is None and len(counted) < 2 * LATELY:
        return [], []
    place = counted.index(verdict.since or counted[-LATELY])
    before, since = _run(counted[:place][::-1], -_WEEK)[::-1], _run(counted[place:], _WEEK)
    n = min(len(before), len(since))
    return before[len(before) - n :], since[len(since) - n :]


def _run(weeks: Days, step: dt.timedelta) -> Days:
    """The weeks that follow each other from the first on."""
    return [week for place, week in enumerate(weeks) if week == weeks[0] + place * step]


def _months(monitor: BalanceMonitor) -> tuple[Days, list[Days]]:
    """The weeks that are learned from, and those after them, month by month."""
    frame = monitor.frame
    weeks = pd.DatetimeIndex(frame.index)[frame["gap"].notna()]
    learned = weeks[frame.loc[weeks, "evidence"].isna()][: monitor.reference_weeks]
    later = weeks[weeks > learned[-1]] if len(learned) else weeks[:0]
    months = later.to_series().groupby(later.to_period("M"))
    return [week.date() for week in learned], [[week.date() for week in part] for _, part in months]


def _by_month(first_weeks: Days, reference: Scores, months: list[Scores]) -> pd.DataFrame:
    """`DriftReport.months`."""
    rows = []
    for week, scores in zip(first_weeks, months, strict=True):
        month = pd.Timestamp(week).to_period("M").to_timestamp()
        found = stability(reference, scores).frame.reset_index()
        rows.append(found.assign(month=month, n_reference=len(reference), n=len(scores)))
    return pd.concat(rows, ignore_index=True)[_MONTH]
