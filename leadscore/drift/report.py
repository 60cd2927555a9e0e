"""`drift_report`: since when behaviour outweighs fit, how sure that is, why, and what is to be decided."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from leadscore.drift.balance.causes import Causes
from leadscore.drift.balance.monitor import BalanceMonitor
from leadscore.drift.balance.verdict import LATELY, SHORT, BalanceVerdict, named
from leadscore.drift.change.decomposition import Decomposition, decompose
from leadscore.drift.change.stability import Stability, stability
from leadscore.drift.cohorts import scores_of_weeks
from leadscore.drift.pictures import Onset, plot_evidence, plot_gap, plot_months, plot_points
from leadscore.errors import ArgumentError, Problem
from leadscore.present.markdown import bullets, escaped, table
from leadscore.tables.tables import Tables

_WEEK = dt.timedelta(7)
_MONTH = ["part", "name", "month", "n_reference", "n", "psi", "psi_low", "psi_high", "psi_no_drift", "q", "verdict"]
_NO_TABLES = "No tables were given, so less is said of why: the monitor keeps sums of weeks only."
_FIGURES = {
    "behaviour": "behaviour, points per lead",
    "fit": "fit, points per lead",
    "gap": "gap, in standard deviations of leads",
    "carried": "MQLs that would not qualify on their fit and median behaviour",
}
# Of causes: a smaller share is no news, and so many are.
_WORTH_SHOWING, _SHOWN = 0.1, 6
_COUNTS = ("weeks", "leads", "mqls")


@dataclass(frozen=True, repr=False)
class DriftReport:
    """What a monitor knows, and with tables why; made by `drift_report`.

    Attributes
    ----------
    verdict : BalanceVerdict
    actions : tuple of str
        What is to be decided now, or that nothing is.
    frame : DataFrame, index week
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
    actions: tuple[str, ...]
    frame: pd.DataFrame
    decomposition: Decomposition | None
    stability: Stability | None
    months: pd.DataFrame | None
    causes: Causes | None
    edit: pd.DataFrame | None
    notes: tuple[str, ...]

    @property
    def onset(self) -> Onset | None:
        """The first week not ruled out, the most likely and the last; None while nothing is suspected."""
        low, most, high = self.verdict.since_low, self.verdict.since, self.verdict.since_high
        return None if low is None or most is None or high is None else (low, most, high)

    def plot_gap(self, ax: Any = None) -> Any:
        """Draw the gap of each week and its onset; see `pictures.plot_gap`."""
        return plot_gap(self.frame, onset=self.onset, title=f"Gap by week, {self._title}", ax=ax)

    def plot_evidence(self, ax: Any = None) -> Any:
        """Draw the evidence of each week beside its bound; see `pictures.plot_evidence`."""
        title = f"Evidence by week, {self._title}"
        return plot_evidence(self.frame, bound=self.verdict.bound, onset=self.onset, title=title, ax=ax)

    def plot_points(self) -> Any:
        """Draw fit and behaviour of leads and of MQLs, as a Figure of four panels; see `pictures.plot_points`."""
        return plot_points(self.frame, onset=self.onset, title=f"Mean points by week, {self._title}")

    def plot_months(self, ax: Any = None) -> Any:
        """Draw how far each figure is from what it was, month by month; see `pictures.plot_months`.

        Raises
        ------
        ArgumentError
            If the report has no months; `notes` says why.
        """
        if self.months is None:
            raise ArgumentError("months", " ".join(["there are none in this report.", *self.notes]))
        n = int(self.months["n_reference"].iloc[0])
        return plot_months(self.months, title=f"Beside {n:,} leads of the weeks learned from, {self._title}", ax=ax)

    @property
    def _title(self) -> str:
        return f"{self.rulebook}: {self.verdict.state} on {self.verdict.week}"

    def __repr__(self) -> str:
        lines = [self.verdict.sentence, *(f"  - {action}" for action in self.actions)]
        for part in (self.causes, self.decomposition):
            lines += [] if part is None else ["", repr(part)]
        lines += ["", *(f"- {note}" for note in (*self.verdict.blind_spots, *self.notes))]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = (self.verdict, self.causes, self.decomposition, self.stability)
        return "".join(part._repr_html_() for part in parts if part is not None)

    def to_markdown(self) -> str:
        """The report for marketing and sales, as Markdown: what is the matter, what to decide, and the figures."""
        parts = [f"# Does behaviour outweigh fit? {escaped(self.rulebook)}, {self.verdict.week}"]
        parts += [f"**{escaped(self.verdict.sentence)}**", "## What to do", bullets(self.actions)]
        for heading, said in self._sections():
            parts += [f"## {heading}", *said]
        notes = (*self.verdict.blind_spots, *self.notes)
        return "\n\n".join([*parts, "## What this cannot know", bullets(notes)]) + "\n"

    def _sections(self) -> Iterator[tuple[str, list[str]]]:
        yield "How large", [_figures_table(self.verdict)]
        yield "Week by week", [_weeks_table(self.frame, self.verdict)]
        if self.edit is not None:
            yield "What the edit of the rulebook did by itself", [_edit_table(self.edit)]
        if self.causes is not None:
            yield "Who is to blame", _blame(self.causes)
        if self.decomposition is not None:
            title, *lines = repr(self.decomposition).splitlines()
            yield "Why MQLs are more or fewer", [escaped(title), _indented(lines)]
        if self.stability is not None:
            title, *findings = repr(self.stability).splitlines()
            yield "What is no longer as it was", [escaped(title), bullets(one[2:] for one in findings)]


def drift_report(
    monitor: BalanceMonitor, tables: Tables | None = None, *, source: str | None = None, age_days: int = 14
) -> DriftReport:
    """Put together what a monitor knows, for the meeting of the two teams; with tables also why.

    Parameters
    ----------
    monitor : BalanceMonitor
        That has counted a week.
    tables : Tables, optional
        That hold the leads and events of the weeks counted; without them the report says what, and not why.
    source : str, optional
        The lead column that says where leads come from; by default the first of the monitor's `by`.
    age_days : int
        As for the `weekly_cohorts` that the monitor counted.

    Returns
    -------
    DriftReport
        `to_markdown()`, `frame`, `decomposition`, `stability`, `months`, and pictures: `plot_gap()`,
        `plot_evidence()`, `plot_points()`, `plot_months()`, `decomposition.plot()`, `stability.plot()`.

    Raises
    ------
    ArgumentError
        If the monitor has counted no week, the tables have other leads than it counted, or an argument is none that can
        be meant.
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
    >>> print(report.to_markdown()[:73])
    # Does behaviour outweigh fit? 'example' 1, 2026-03-23
    <BLANKLINE>
    **Alarm on 2026-0
    >>> report.decomposition.frame.loc[("MQLs", "behaviour"), ["low", "high"]].gt(0).all()
    np.True_
    """
    _check(monitor, tables, source, age_days)
    verdict, frame = monitor.verdict, monitor.frame
    parts: dict[str, Any] = dict.fromkeys(("decomposition", "stability", "months", "causes"))
    notes = [_NO_TABLES] if tables is None and verdict.since is not None else []
    if verdict.state != "learning" and (tables is not None or verdict.since is not None):
        parts["causes"] = monitor.causes(tables, age_days=age_days)
    if tables is not None:
        notes += _differs(monitor, tables, age_days)
        before, since = _periods(frame, verdict)
        book, by = monitor.rulebook, source or next(iter(monitor.by), None)
        if len(since) < 2:
            notes.append(
                f"Why is not said yet: it takes two weeks since, and as many before them; here are {len(since)}."
            )
        else:
            first, second = ((part[0], part[-1] + _WEEK - dt.timedelta(1)) for part in (before, since))
            parts["decomposition"] = decompose(tables, first, second, rulebook_a=book, source=by)
            parts["stability"] = stability(*scores_of_weeks(tables, book, [before, since], age_days=age_days))
        parts["months"] = _months(monitor, tables, age_days)
        if parts["months"] is None:
            notes.append("No month is compared: there is none after the weeks that are learned from.")
    return DriftReport(
        rulebook=named(monitor.rulebook),
        verdict=verdict,
        actions=_actions(verdict),
        frame=frame,
        edit=monitor.edit,
        notes=tuple(notes),
        **parts,
    )


# ------------------------------------------------------------------------------------------------------ what is given


def _check(monitor: Any, tables: Any, source: Any, age_days: Any) -> None:
    problems = []
    if not isinstance(monitor, BalanceMonitor):
        problems.append(Problem("monitor", f"must be a BalanceMonitor; got a {type(monitor).__name__}"))
    if tables is not None and not isinstance(tables, Tables):
        problems.append(Problem("tables", f"must be Tables, as load_tables makes them; got a {type(tables).__name__}"))
    if source is not None and not isinstance(source, str):
        problems.append(Problem("source", f"must be the name of a lead column; got {source!r}"))
    if type(age_days) is not int or age_days < 0:
        problems.append(Problem("age_days", f"must be a whole number of days, 0 or more; got {age_days!r}"))
    if problems:
        raise ArgumentError("drift_report", problems)


def _differs(monitor: BalanceMonitor, tables: Tables, age_days: int) -> list[str]:
    """Whether the tables hold the leads that the monitor counted."""
    weeks = [week.date() for week in monitor.frame.index]
    there = len(scores_of_weeks(tables, monitor.rulebook, [weeks], age_days=age_days)[0])
    counted = int(monitor.frame["leads"].sum())
    if there == counted:
        return []
    said = f"the tables hold {there:,} leads of {age_days} days of age in these weeks, and {counted:,} were counted"
    if abs(there - counted) > _DIFFERENT * counted:
        raise ArgumentError("tables", f"{said}: give those that were, and the same age_days")
    return [f"What the tables say is of slightly other leads: {said}."]


_DIFFERENT = 0.1
Days = list[dt.date]


def _periods(frame: pd.DataFrame, verdict: BalanceVerdict) -> tuple[Days, Days]:
    """The weeks since it began and as many right before, as far as all of them are counted one after the other."""
    counted = [week.date() for week in frame.index[frame["gap"].notna()]]
    begin = verdict.since or (counted[-LATELY] if len(counted) >= 2 * LATELY else None)
    if begin is None or begin not in counted:
        return [], []
    place = counted.index(begin)
    before, since = _run(counted[:place][::-1], -_WEEK)[::-1], _run(counted[place:], _WEEK)
    n = min(len(before), len(since))
    return before[len(before) - n :], since[len(since) - n :]


def _run(weeks: Days, step: dt.timedelta) -> Days:
    """The weeks that follow each other from the first on."""
    return [week for place, week in enumerate(weeks) if week == weeks[0] + place * step]


def _months(monitor: BalanceMonitor, tables: Tables, age_days: int) -> pd.DataFrame | None:
    """`DriftReport.months`."""
    frame = monitor.frame
    counted = frame.index[frame["gap"].notna()]
    learned = counted[frame.loc[counted, "evidence"].isna()][: monitor.reference_weeks]
    later = counted[counted > learned[-1]] if len(learned) else counted[:0]
    if not len(later):
        return None
    months = [list(part) for _, part in later.to_series().groupby(later.to_series().dt.to_period("M"))]
    weeks = [[week.date() for week in part] for part in (learned, *months)]
    reference, *others = scores_of_weeks(tables, monitor.rulebook, weeks, age_days=age_days)
    rows = []
    for month, scores in zip(months, others, strict=True):
        found = stability(reference, scores)
        first = month[0].to_period("M").to_timestamp()
        rows.append(found.frame.reset_index().assign(month=first, n_reference=len(reference), n=len(scores)))
    return pd.concat(rows, ignore_index=True)[_MONTH]


# ---------------------------------------------------------------------------------------------------- what comes of it


def _actions(verdict: BalanceVerdict) -> tuple[str, ...]:
    """What is to be decided in this state."""
    first = " and ".join(
        f"{what} {name!r}"
        for what, name in (("rule", verdict.top_rule), ("segment", verdict.top_segment))
        if name is not None
    )
    if verdict.state == "learning":
        return ("Nothing to decide: what is usual is still being learned.",)
    if verdict.state == "stable":
        return ("Nothing to decide: look again next week.",)
    look = (
        f"Look first at {first}." if first else "No one rule or segment stands out: look at the whole of what leads do."
    )
    if verdict.state == "watch":
        return (look, "Nothing to decide yet: this is no alarm, and such a watch comes falsely now and then.")
    fixed = (
        f"The cause is found and mended, as clicks of mail scanners that no longer count: acknowledge it as fixed. The "
        f"weeks since {verdict.since} are left out, and what was usual before is so again."
    )
    normal = (
        f"Leads are like this from now on, and the points suit them: acknowledge it as new_normal. What is usual is "
        f"learned anew from {verdict.since} on; nothing is claimed before there are {SHORT} weeks."
    )
    edited = (
        "Points no longer say what they were agreed to say: edit the rule, see by 'leadscore diff' who would qualify, "
        "and publish. All weeks are then scored by the new rulebook, so that the edit is not taken for drift."
    )
    together = f"{look} Then marketing and sales decide together which of these it is; until then the alarm stays."
    return (together, fixed, normal, edited)


def _figures_table(verdict: BalanceVerdict) -> str:
    rows = []
    for name, row in verdict.frame.iterrows():
        style = ".1%" if name == "carried" else ".2f"
        sides = [f"{row[side]:{style}}" if pd.notna(row[side]) else "not known" for side in ("before", "since")]
        change = "not known yet" if verdict.state == "learning" else "no interval: too few weeks"
        if pd.notna(row["low"]):
            change = f"{row['change']:+{style}} ({row['low']:+{style}} to {row['high']:+{style}})"
        of = "MQLs" if name == "carried" else "leads"
        rows.append((_FIGURES[str(name)], *sides, change, f"{int(row['n']):,} {of}, {int(row['weeks'])} weeks"))
    since = "since" if verdict.since else f"latest {int(verdict.frame['weeks'].iloc[0])} weeks"
    return table(("figure", "before", since, "change less the season (95 %)", "n"), rows)


def _weeks_table(frame: pd.DataFrame, verdict: BalanceVerdict) -> str:
    """The latest weeks; without intervals, each being one figure of a series whose spread the monitor knows."""
    rows = []
    for week, row in frame.tail(max(LATELY, 1)).iterrows():
        figures = [f"{row[name]:.1f}" if pd.notna(row[name]) else "-" for name in ("fit", "behaviour")]
        gap = f"{row['gap']:+.2f}" if pd.notna(row["gap"]) else "-"
        evidence = [f"{row[name]:,.0f}" if pd.notna(row[name]) else "-" for name in ("evidence", "mql_evidence")]
        rows.append((str(week)[:10], f"{int(row['leads']):,}", f"{int(row['mqls']):,}", *figures, gap, *evidence))
    heads = ("week of", "leads", "MQLs", "fit", "behaviour", "gap", "evidence, all leads", "evidence, MQLs")
    said = (
        f"An alarm needs evidence of {verdict.bound:,.0f}. A week has no gap while all is still being learned, if it "
        "was skipped, or left out by a decision. Single weeks have no interval: evidence is made of how weeks differ."
    )
    return f"{table(heads, rows)}\n\n{said}"


def _edit_table(edit: pd.DataFrame) -> str:
    rows = []
    for name, row in edit.iterrows():
        style = ".1%" if name == "carried" else ",.0f" if name in _COUNTS else ".2f"
        sides = [f"{row[side]:{style}}" if pd.notna(row[side]) else "not known" for side in ("old", "new", "change")]
        rows.append((_FIGURES.get(str(name), name), *sides))
    heads = ("in the latest weeks before it", "old rulebook", "new rulebook", "change")
    return f"{table(heads, rows)}\n\nThe same leads are scored by both rulebooks: that has no interval."


def _blame(causes: Causes) -> list[str]:
    """The diagnoses, likeliest first, then shares of the change."""
    numbered = "\n".join(f"{place}. {escaped(one)}" for place, one in enumerate(causes.diagnoses, 1))
    said = [escaped(causes.sentence), numbered]
    for name, frame in (("rule", causes.rules), ("event", causes.events), ("segment", causes.segments)):
        shown = frame[frame["named"] | (frame["share"].abs() >= _WORTH_SHOWING)].head(_SHOWN)
        rows = []
        for key, row in shown.iterrows():
            share = "not told from none"
            if pd.notna(row["low"]):
                share = f"{row['share']:.0%} ({row['low']:.0%} to {row['high']:.0%})"
            label = "{} = {}, {}".format(*key) if isinstance(key, tuple) else key
            rows.append((label, share, f"{row['n']:,}", "to blame" if row["named"] else ""))
        if rows:
            said.append(table((name, "share of the change (95 %)", "leads since", ""), rows))
    return [*said, bullets(causes.findings)] if causes.findings else said


def _indented(lines: list[str]) -> str:
    """Lines of figures and of what they are made of, as nested lists; findings as they are."""
    return "\n".join(
        f"{'  ' * ((len(line) - len(line.lstrip())) // 2)}- {escaped(line.lstrip().removeprefix('- '))}"
        for line in lines
    )
