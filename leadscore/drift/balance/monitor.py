"""The balance of behaviour and fit, week by week: when behaviour began to outweigh fit, how sure that is, and why."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Literal, Self

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.checksum import checksum
from leadscore.base.days import as_day, day_number
from leadscore.base.text import counted
from leadscore.drift.balance.alarm import Watch
from leadscore.drift.balance.causes import Causes, causes_of
from leadscore.drift.balance.state import FORMAT, read_state
from leadscore.drift.balance.verdict import BalanceVerdict, judged
from leadscore.drift.cohorts import AGE_DAYS, SHORT, YEAR, check_cohort, overlap, sides_of, sketch_of, weekly_cohorts
from leadscore.errors import ArgumentError, LeadscoreError, visible
from leadscore.rulebook import Rulebook
from leadscore.scoring.binding import Binding
from leadscore.scoring.scores import named
from leadscore.tables.groups import By
from leadscore.tables.tables import Tables

# Leads in common with the week before, as a share of both weeks' leads, from which on windows overlap.
_OVERLAP = 0.1
_COUNTS = {"leads": "pool", "mqls": "mqls"}
_SETTINGS = ("by", "reference_weeks", "horizon_weeks", "budget")


class BalanceMonitor:
    """Watch week by week whether behaviour points begin to outweigh fit, at a known rate of false alarms.

    The figure watched is the gap, `mean(behaviour) / sd(behaviour) - mean(fit) / sd(fit)` over all leads scored in a
    week, with the standard deviations of leads in the reference weeks; the same over the week's MQLs beside it. Each is
    given to a `RankDetector`. Volume alone does not move it; it is a sum of points, so it splits exactly by rule.

    Parameters
    ----------
    rulebook : Rulebook
        By which all weeks are scored.
    by : str or list of str, optional
        Columns of the scored leads by which a change is looked for in segments.
    reference_weeks : int
        From which to learn, 26 or more; 52 show seasons.
    horizon_weeks : int
    budget : float, between 0 and 1
        The chance of a false alarm in `horizon_weeks` is at most this, if nothing changes (assumes that ordinary weeks
        are alike once season and last week are allowed for).

    Attributes
    ----------
    verdict : BalanceVerdict
        As of the last week.
    frame : DataFrame, index week
        `leads`, `mqls`, `fit`, `behaviour`, `mql_fit`, `mql_behaviour` (mean points; NaN where there are none), `gap`,
        `mql_gap` (NaN where skipped), `evidence`, `mql_evidence` (NaN while learning).
    edit : DataFrame or None
        After `with_rulebook`: what the edit alone does to the latest weeks.

    Raises
    ------
    ArgumentError
        If an argument is invalid.

    Notes
    -----
    All leads and MQLs have half of the budget each. If fewer than 3 in 4 reference weeks have 20 MQLs, all leads have
    the whole of it and MQLs are not watched; the reference alone decides that, so the bound holds.

    In 104 stable simulated weeks of 1,000 leads, with season, dips, campaigns and some memory, 5.0 % of 500 runs alarm
    falsely (95 % interval 3.1 to 6.9); activity up by 25 % is found after 6.3 weeks on average, by 10 % after 17.4, a
    rise of 1 % a week after 15.3; with 200 leads a week after 8.1, 26.6 and 18.6. Where activity wanders for months
    (autocorrelation 0.9), 22 % of 600 runs alarm falsely; in half of these the verdict says that the rate cannot be
    guaranteed. A campaign of three weeks that lifts all activity by half alarms in 23 % of runs
    (`benchmarks/drift.py`).

    References
    ----------
    As of `RankDetector`. Newcombe, R. G. (1998), Interval estimation for the difference between independent
    proportions, Statistics in Medicine 17, 873-890: of `carried`.

    Examples
    --------
    >>> import leadscore as ls
    >>> rulebook = ls.Rulebook.from_yaml('''
    ... leadscore: 1
    ... name: demo
    ... fit: [{name: Home market, when: {country: [US, CA]}, points: 60}]
    ... behaviour: [{name: Pricing page, event: pricing, points: 15}]
    ... qualify: {threshold: 80}
    ... ''')
    >>> rng = np.random.default_rng(7)
    >>> monitor = BalanceMonitor(rulebook, reference_weeks=26)
    >>> for number in range(60):
    ...     fit = 60.0 * rng.integers(0, 2, 300)
    ...     behaviour = 15.0 * rng.poisson(1.5 if number < 50 else 2.5, 300)
    ...     scores = pd.DataFrame({"fit": fit, "behaviour": behaviour, "qualified": fit + behaviour >= 80})
    ...     week = dt.date(2025, 1, 6) + dt.timedelta(7 * number)
    ...     verdict = monitor.update(week, scores)
    >>> verdict.state, verdict.since.isoformat()
    ('alarm', '2025-12-22')
    """

    def __init__(
        self,
        rulebook: Rulebook,
        *,
        by: By | None = None,
        reference_weeks: int = YEAR,
        horizon_weeks: int = 104,
        budget: float = 0.1,
    ) -> None:
        with Arguments("BalanceMonitor") as given:
            given.types(rulebook=(rulebook, Rulebook))
            given.whole("reference_weeks", reference_weeks, least=SHORT)
            given.whole("horizon_weeks", horizon_weeks, least=1)
            given.probability("budget", budget)
            self.by = given.names("by", by)
        self.rulebook = rulebook
        self.reference_weeks, self.horizon_weeks, self.budget = reference_weeks, horizon_weeks, float(budget)
        self.edit: pd.DataFrame | None = None
        self._weeks: list[dict[str, Any]] = []
        self._decisions: list[dict[str, str]] = []
        self._watch = self._begun()

    def update(
        self, week: Any, scores: pd.DataFrame, mqls: pd.DataFrame | None = None, rulebook: Rulebook | None = None
    ) -> BalanceVerdict:
        """Count one week; `monitor.update(*cohort)` does it with a cohort of `weekly_cohorts`.

        The last week may be given again, as when a job runs twice: it is counted again, not twice.

        Parameters
        ----------
        week : date, or text as "2026-03-02"
            Its first day.
        scores : DataFrame, index lead_id
            The leads scored in the week, none of which another week holds: `fit`, `behaviour`, `qualified`, the
            columns of `by`; if there, also `threshold`, `via` and a column of points for each rule.
        mqls : DataFrame, optional
            The leads that qualified in the week, as they were then; by default those of `scores` that qualify.
        rulebook : Rulebook, optional
            The one they were scored by, to be refused if it is not the monitor's.

        Raises
        ------
        ArgumentError
            If the week comes before the last one or overlaps with it, or shares leads with it; if another rulebook
            scored it; if columns are missing or hold no points.
        """
        starts = as_day(week, name="week")
        with Arguments(f"week of {starts}") as given:
            self._check_place(given, starts, rulebook)
            check_cohort(given, "scores", scores, self.by)
            if mqls is not None:
                check_cohort(given, "mqls", mqls, self.by)
        qualified = scores[scores["qualified"].to_numpy(bool)] if mqls is None else mqls
        found: dict[str, Any] = {"week": starts.isoformat(), "sketch": sketch_of(scores.index)}
        found |= sides_of(scores, qualified, self.rulebook, self.by)
        before = [week for week in self._weeks if week["week"] != found["week"]]
        shared = overlap(before[-1]["sketch"], found["sketch"]) if before else 0.0
        if shared > _OVERLAP:
            message = f"shares about {shared:.0%} of its leads with last week: count each lead in one week only"
            raise ArgumentError(f"week of {starts}", f"{message}; windows that overlap raise false alarms")
        if len(before) > 1:
            # Only neighbours are compared.
            before[-2].pop("sketch", None)
        again = len(before) < len(self._weeks)
        self._weeks = [*before, found]
        if again:
            self._watch = self._begun()
        else:
            self._watch.add(found)
        return self.verdict

    def _begun(self) -> Watch:
        """The detector, from the first week on."""
        watch = Watch(self.rulebook, self.reference_weeks, self.horizon_weeks, self.budget, self._decisions)
        for week in self._weeks:
            watch.add(week)
        return watch

    def _check_place(self, given: Arguments, starts: dt.date, rulebook: Rulebook | None) -> None:
        """Whether a week may be counted next."""
        given.types(rulebook=(rulebook, Rulebook | None))
        if isinstance(rulebook, Rulebook) and rulebook != self.rulebook:
            names = f"scored by {named(rulebook)}, the weeks before by {named(self.rulebook)}"
            given.wrong("rulebook", f"{names}: use monitor.with_rulebook(tables, rulebook)")
        if self._weeks:
            last = dt.date.fromisoformat(self._weeks[-1]["week"])
            if starts != last and (starts - last).days < 7:
                message = f"the last one counted starts on {last}, the next may start on {last + dt.timedelta(7)}"
                given.wrong("week", f"{message} or later; got {starts}: no week may count twice")
            if starts == last and any(decision["week"] == starts.isoformat() for decision in self._decisions):
                given.wrong("week", f"a decision already covers {starts}: it cannot be counted again")

    @property
    def verdict(self) -> BalanceVerdict:
        """What can be said at the end of the last week.

        Raises
        ------
        ArgumentError
            If no week was counted yet.
        """
        if not self._weeks:
            raise ArgumentError("monitor", "no week was counted yet: update(week, scores) counts one")
        return judged(self._watch)

    def causes(self, tables: Tables | None = None, *, age_days: int = AGE_DAYS) -> Causes:
        """What caused the change: rules, events and segments by their share of it, and diagnoses, likeliest first.

        Parameters
        ----------
        tables : Tables, optional
            That hold the leads and events of the weeks counted: then raw events are looked at too, for bots, kinds that
            appear or stop, and what was done long ago. Without them the sums of weeks must do.
        age_days : int
            As for `weekly_cohorts`.

        Raises
        ------
        ArgumentError
            While learning: there is nothing to compare with.

        Notes
        -----
        In 300 simulated runs of each change, of 1,000 leads a week and 8 weeks since, the planted rule or segment is
        named in 99.7 % and more; where nothing changes a segment is named in 2.0 % (0.4 to 3.6), a rule in 0.3 %, and
        where all do more alike a segment in 6.0 % (`benchmarks/causes.py`). That is of one look, with the week of the
        change known: while the verdict is stable, no drift is claimed.

        Examples
        --------
        >>> import leadscore as ls
        >>> rulebook = ls.Rulebook.from_yaml('''
        ... leadscore: 1
        ... name: demo
        ... fit: [{name: Home market, when: {country: [US, CA]}, points: 60}]
        ... behaviour:
        ...   - {name: Pricing page, event: pricing, points: 15}
        ...   - {name: Clicks, event: email_click, points: 5}
        ... qualify: {threshold: 80}
        ... ''')
        >>> rng = np.random.default_rng(7)
        >>> monitor = BalanceMonitor(rulebook, reference_weeks=26)
        >>> for number in range(60):
        ...     rules = {"Home market": 60.0 * rng.integers(0, 2, 300), "Pricing page": 15.0 * rng.poisson(1, 300)}
        ...     rules["Clicks"] = 5.0 * rng.poisson(1.5 if number < 50 else 4, 300)
        ...     scores = pd.DataFrame(rules).assign(fit=rules["Home market"])
        ...     scores["behaviour"] = scores["Pricing page"] + scores["Clicks"]
        ...     scores["qualified"] = scores["fit"] + scores["behaviour"] >= 80
        ...     verdict = monitor.update(dt.date(2025, 1, 6) + dt.timedelta(7 * number), scores)
        >>> causes = monitor.causes()
        >>> print(causes.diagnoses[0].headline)
        One event type: 'email_click' gives 20.1 points per lead, 7.47 before: 102% (96% to 108%) of the change.
        >>> causes.rules.index[causes.rules["named"]].tolist()
        ['Clicks']
        """
        with Arguments("causes") as given:
            given.types(tables=(tables, Tables | None))
            given.whole("age_days", age_days, least=0)
        verdict = self.verdict
        binding = None if tables is None else bound(self, tables)
        return causes_of(self._watch, verdict, self.edit, binding, age_days)

    def acknowledge(self, decision: Literal["fixed", "new_normal"]) -> BalanceVerdict:
        """Say what became of a watch or alarm; evidence starts again from nothing.

        Parameters
        ----------
        decision : fixed or new_normal
            `fixed`: the weeks since it began are left out, what was normal before is so again. `new_normal`: the weeks
            from then on are the new reference, and nothing is claimed until there are 26 of them.

        Raises
        ------
        ArgumentError
            If it is neither, or there is no watch or alarm.
        """
        with Arguments("acknowledge") as given:
            given.one_of("decision", decision, ("fixed", "new_normal"))
        found = self.verdict
        if found.since is None:
            raise ArgumentError("decision", f"there is nothing to acknowledge: the state is {found.state}")
        entry = {"week": found.week.isoformat(), "decision": decision, "since": found.since.isoformat()}
        self._decisions = [*self._decisions, entry]
        self._watch = self._begun()
        return self.verdict

    def with_rulebook(self, tables: Tables, rulebook: Rulebook, *, age_days: int = AGE_DAYS) -> BalanceMonitor:
        """Go on with an edited rulebook: the same weeks scored again by it, so that the edit is not taken for drift.

        Parameters
        ----------
        tables : Tables
            That hold the leads and events of all weeks counted.
        rulebook : Rulebook
        age_days : int
            As for `weekly_cohorts`.

        Returns
        -------
        BalanceMonitor
            With the decisions of this one; its `edit` says what the edit alone does to the latest weeks.
        """
        with Arguments("with_rulebook") as given:
            given.types(tables=(tables, Tables), rulebook=(rulebook, Rulebook))
            if not self._weeks:
                given.wrong("monitor", "no week was counted yet: begin a BalanceMonitor with the new rulebook")
        end = dt.date.fromisoformat(self._weeks[-1]["week"]) + dt.timedelta(6)
        start = self._weeks[0]["week"]
        new = BalanceMonitor(rulebook, **{name: getattr(self, name) for name in _SETTINGS})
        for cohort in weekly_cohorts(tables, rulebook, start=start, end=end, age_days=age_days, by=self.by):
            new.update(*cohort)
        new._decisions = list(self._decisions)
        new._watch = new._begun()
        latest = {"old": self._watch, "new": new._watch}
        edit = pd.DataFrame({book: watch.standing(watch.around(None)[1]) for book, watch in latest.items()})
        edit = edit.rename_axis("figure")
        new.edit = edit.assign(change=edit["new"] - edit["old"])
        return new

    @property
    def frame(self) -> pd.DataFrame:
        """One row per week; see the class."""
        index = pd.DatetimeIndex([week["week"] for week in self._weeks], name="week").as_unit("us")
        frame = pd.DataFrame({name: [week[side]["n"] for week in self._weeks] for name, side in _COUNTS.items()}, index)
        for prefix, count, side in (("", "leads", "pool"), ("mql_", "mqls", "mqls")):
            for name in ("fit", "behaviour"):
                sums = [week[side][name] for week in self._weeks]
                # Sums are kept in thousandths of a point.
                frame[prefix + name] = np.divide(sums, 1000) / frame[count].replace(0, np.nan)
        return frame.join(self._watch.path().reindex(index))

    def to_json(self) -> str:
        """The monitor as text, for a weekly job to keep; it holds sums of weeks and no lead.

        Its checksum tells `from_json` whether anything was changed since, a digit of a sum too.
        """
        state = {
            "leadscore_balance": FORMAT,
            "rulebook": self.rulebook.self_contained(),
            **{name: getattr(self, name) for name in _SETTINGS},
            "weeks": self._weeks,
            "decisions": self._decisions,
            "edit": None if self.edit is None else self.edit.to_dict("index"),
        }
        return json.dumps(state | {"checksum": checksum(state)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read back what `to_json` wrote.

        Raises
        ------
        ArgumentError
            If it is not that, or was changed since; without its checksum it is taken as it is.
        """
        state = read_state(text)
        try:
            monitor = cls(Rulebook.from_yaml(state["rulebook"]), **{name: state[name] for name in _SETTINGS})
        except LeadscoreError as error:
            raise ArgumentError("monitor", error.problems) from None
        monitor._weeks, monitor._decisions = state["weeks"], state["decisions"]
        monitor._watch = monitor._begun()
        if state["edit"] is not None:
            monitor.edit = pd.DataFrame.from_dict(state["edit"], orient="index").rename_axis("figure")
        return monitor

    def __repr__(self) -> str:
        said = f"{counted(len(self._weeks), 'week')}: {self.verdict.headline}" if self._weeks else "no week counted yet"
        return visible(f"<BalanceMonitor of {named(self.rulebook)}, {said}>")


def bound(monitor: BalanceMonitor, tables: Tables) -> Binding:
    """The tables over the weeks that a monitor counted, for all that is asked of them in one call."""
    first, last = (day_number(monitor.frame.index[place].date()) for place in (0, -1))
    return Binding(tables, first, last + 6)
