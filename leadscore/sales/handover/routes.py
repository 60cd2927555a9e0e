"""By which route MQLs came to sales, and what became of the leads that the rulebook qualified."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.days import day_number, day_of
from leadscore.base.groups import ALL
from leadscore.base.periods import Period
from leadscore.base.text import counted
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.sales.facts import Facts
from leadscore.sales.handover.handovers import BELOW, ROUTES, first_in
from leadscore.stats.counts import counts_differ, dispersion
from leadscore.tables.lead_history import Positions
from leadscore.tables.outcomes import NEVER
from leadscore.tables.tables import Tables

_WEEKS = 12
_CAME = ("in the period", "later", "earlier", "not so far")


@dataclass(frozen=True, eq=False, repr=False)
class Routes(Result):
    """How MQLs came to sales, and what became of the leads that qualified; made by `routes`.

    Attributes
    ----------
    start, end : date
    observed_until : date
    frame : DataFrame, index route, the last row all MQLs
        `mqls` of the period and their `share`; `before`, those of the period before. A lead counts once in a period.
    qualified : DataFrame, index came
        `leads` that began to qualify by the rulebook in the period, by when they came to sales: in the period, later,
        earlier, or not so far.
    below : DataFrame, index which
        Of the MQLs below the bar: `mqls` that had qualified in the weeks before, and that a `never` keeps out.
    weeks : DataFrame, index week (its first day), the last one ends with the period
        `mqls`, and whether the week is `in_period`: there a lead counts once in all, else once a week. Weeks before the
        first outcome are left out.
    comparable : bool
        Whether the period before lies in the recorded time.
    dispersion : float
        How much more the weeks vary than leads that come one by one; 1 at least.
    p : float
        That the number of MQLs is the same in both periods; see `counts_differ`. NaN where they cannot be compared.
    already : int
        Leads that had qualified before the period began and still did.
    """

    start: dt.date
    end: dt.date
    observed_until: dt.date
    frame: pd.DataFrame
    qualified: pd.DataFrame
    below: pd.DataFrame
    weeks: pd.DataFrame
    comparable: bool
    dispersion: float
    p: float
    already: int

    @property
    def mqls(self) -> dict[str, int]:
        """The MQLs of the period by route, and all of them."""
        return {str(route): int(count) for route, count in self.frame["mqls"].items()}

    @property
    def before(self) -> dict[str, int]:
        """Those of the period before."""
        return {str(route): int(count) for route, count in self.frame["before"].items()}

    @property
    def headline(self) -> str:
        """How many MQLs came, against how many before."""
        mqls, before = self.mqls[ALL], self.before[ALL]
        were = "was" if mqls == 1 else "were"
        period = Period(day_number(self.start), day_number(self.end))
        against = f", against {before:,} in the {period.length} before" if self.comparable else ""
        below = f"; {self.mqls[BELOW]:,} of them below the agreed bar" if mqls else ""
        return f"{counted(mqls, 'MQL')} {were} handed over, {period}{against}{below}."

    @property
    def notes(self) -> tuple[str, ...]:
        """What the counts are of, and what the test assumes."""
        notes = ["Every MQL is counted: this is no sample, so the counts have no interval."]
        if not self.comparable:
            notes.append("Outcomes are not recorded for the whole period before: no comparison.")
        elif not np.isnan(self.p):
            varies = f"weeks vary {self.dispersion:.2g} times as much as leads that come one by one"
            allowed = f"{varies}, which is allowed for" if self.dispersion > 1 else "leads come one by one"
            notes.append(f"Change of the number of MQLs: p = {self.p:.2g} (exact conditional test; {allowed}).")
        if self.already:
            notes.append(f"{counted(self.already, 'lead')} that qualified before the period began, and still did.")
        return tuple(notes)

    def sections(self) -> Iterator[Section]:
        """The routes, the leads that qualified, the MQLs below the bar, the weeks."""
        yield Section("frame", "MQLs by route, as their score was at the end of the day they came to sales", self.frame)
        title = "Leads that qualified by the rulebook in the period, by when they came to sales"
        yield Section("qualified", title, self.qualified)
        if self.mqls[BELOW]:
            yield Section("below", "Of the MQLs below the bar", self.below)
        yield Section("weeks", "MQLs by week", self.weeks)


def routes(tables: Tables, rulebook: Rulebook, *, start: Any, end: Any, observed_until: Any = None) -> Routes:
    """How many MQLs came to sales by which route, and what became of the leads that the rulebook qualified.

    Two counts that are easily taken for one: the leads that the rulebook qualified, and those that sales was given. A
    lead came to sales with its `mql`, or without one with the first thing that sales did. Its route is by its score at
    the end of that day: by points, hand-raise (it asked for sales), below the bar, or no record yet (the lead was
    created later). The period is compared with the equally long one just before.

    Parameters
    ----------
    tables : Tables
        With outcomes.
    rulebook : Rulebook
        The one in force; every day is judged by it.
    start, end : date, or text as "2026-03-31"
        The first and the last day of the period, in the rulebook's time zone.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.

    Returns
    -------
    Routes
        `frame`, `qualified`, `below`, `weeks`, `p`.

    Raises
    ------
    ArgumentError
        If there are no outcomes, tables and rulebook have different time zones or are not in this order, or the period
        is none or ends after the last day whose outcomes are known.

    Notes
    -----
    Routes sum to the MQLs. A lead that came several times in a period counts with the first. That the rulebook was
    another at the time is not known here: routes are by the one given.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets.funnel import make_funnel
    >>> made = make_funnel(2000, random_state=1)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    >>> found = routes(tables, made.rulebook, start="2026-03-02", end="2026-03-29")
    >>> found.frame[["mqls", "before"]]
                   mqls  before
    route
    by points        19      13
    hand-raise       13      15
    below the bar    33      24
    no record yet     0       0
    (all)            65      52
    >>> found.qualified
                   leads
    came
    in the period     23
    later              1
    earlier            5
    not so far        25
    """
    return routes_of(Facts.of("routes", tables, rulebook, start=start, end=end, observed_until=observed_until))


def routes_of(facts: Facts) -> Routes:
    """What `routes` says of the facts."""
    now, before = (facts.handovers.during(period) for period in (facts.period, facts.period.before))
    counts = {name: rows["route"].value_counts().reindex(ROUTES) for name, rows in (("mqls", now), ("before", before))}
    frame = pd.DataFrame(counts, index=pd.Index(ROUTES, name="route"))
    frame = pd.concat([frame, frame.sum().to_frame(ALL).T.rename_axis("route")])
    frame.insert(1, "share", frame["mqls"] / (len(now) or np.nan))
    recorded = int(facts.stages.times.days(facts.tables.timezone).min())
    weeks = _weeks(facts, now, recorded)
    comparable = recorded <= facts.period.before.first
    inside = weeks["in_period"]
    varies = dispersion(*(weeks.loc[rows, "mqls"].to_numpy() for rows in (inside, ~inside)))
    p = counts_differ(len(before), len(now), varies) if comparable else float("nan")
    history = facts.binding.history(facts.rulebook, facts.period.first, facts.period.last)
    new = history.frame.index[~history.frame["already"]]
    qualified = _when_they_came(facts, facts.tables.positions(new))
    return Routes(
        day_of(facts.period.first),
        day_of(facts.period.last),
        day_of(facts.until),
        frame,
        qualified,
        _below(facts, now[now["route"] == BELOW]),
        weeks,
        comparable,
        varies,
        p,
        history.already,
    )


def _when_they_came(facts: Facts, lead: Positions) -> pd.DataFrame:
    """When leads that qualified in the period came to sales."""
    ever, period = facts.handovers.ever, facts.period
    came = [
        np.isin(lead, ever.loc[days, "lead"])
        for days in (period.holds(ever["day"].to_numpy()), ever["day"] > period.last, ever["day"] < period.first)
    ]
    when = pd.Series(np.select(came, _CAME[:-1], _CAME[-1]), dtype=object)
    index = pd.Index(_CAME, name="came")
    return when.value_counts().reindex(index, fill_value=0).rename("leads").to_frame()


def _below(facts: Facts, mqls: pd.DataFrame) -> pd.DataFrame:
    """What is known of MQLs that were below the bar when they came."""
    history = facts.binding.history(facts.rulebook, facts.span.first, facts.span.last).frame
    first = np.full(len(facts.tables.ids), NEVER)
    first[facts.tables.positions(history.index)] = history["day"].to_numpy("datetime64[D]").astype(np.int64)
    fell = first[mqls["lead"].to_numpy()] < mqls["day"].to_numpy()
    rows = {
        f"had qualified before (since {day_of(facts.span.first)})": int(fell.sum()),
        "kept out by a never": int(mqls["blocked_by"].notna().sum()),
        ALL: len(mqls),
    }
    return pd.DataFrame({"mqls": rows}).rename_axis("which")


def _weeks(facts: Facts, now: pd.DataFrame, recorded: int) -> pd.DataFrame:
    """MQLs of the last twelve weeks that end with the period, from the first recorded outcome on."""
    last = facts.period.last
    weeks = [Period(last - 7 * back - 6, last - 7 * back) for back in reversed(range(_WEEKS))]
    weeks = [week for week in weeks if week.last >= recorded]
    inside = [week.first >= facts.period.first for week in weeks]
    counts = [
        len(first_in(now if own else facts.handovers.frame, week)) for week, own in zip(weeks, inside, strict=True)
    ]
    firsts = np.array([week.first for week in weeks], "datetime64[D]").astype("datetime64[us]")
    return pd.DataFrame({"mqls": counts, "in_period": inside}, index=pd.DatetimeIndex(firsts, name="week"))
