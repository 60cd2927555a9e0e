"""How fast sales responds to MQLs, those still waiting included."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number, day_of
from leadscore.base.groups import ALL, MISSING
from leadscore.base.periods import Period
from leadscore.base.text import counted
from leadscore.base.times import DAY
from leadscore.errors import ArgumentError
from leadscore.present.figures import duration, points_change
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.sales.facts import Facts
from leadscore.sales.handover.handovers import first_in, handed_over
from leadscore.sales.response.clock import Clock
from leadscore.sales.response.waits import Moments, Waits, moments_in, mql_moments, waits_for_contact
from leadscore.scoring.replay import History
from leadscore.stats.intervals import Figure, Floats, difference, holm, with_shares
from leadscore.stats.shares import changes_by_group
from leadscore.stats.stratified import stratified_test
from leadscore.stats.survival import Survival, kaplan_meier, risk_sets
from leadscore.tables.groups import By, grouping
from leadscore.tables.outcomes import NEVER, Mask, Stages
from leadscore.tables.tables import Tables

_LIMITS = {"5_min": 5.0, "1_h": 60.0, "24_h": 1440.0}
_HOUR = DAY // 24
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# Days since 1970, a Thursday, moved so that weeks begin on Monday.
_TO_MONDAY = 3


@dataclass(frozen=True, eq=False, repr=False)
class ResponseTimes(Result):
    """How long MQLs wait for sales; made by `response_times`.

    Attributes
    ----------
    frame : DataFrame, index group, the last row all leads
        `n` MQLs, `contacted`, `waiting`; `median` in minutes, with `median_low`, `median_high` (infinite where not
        reached); `within_5_min`, `within_1_h`, `within_24_h` and, if the rulebook has it, `within_agreed`: the shares
        answered by then (Kaplan-Meier), each with `_low` and `_high` (95 %). NaN where nobody was followed for so long.
    excluded : DataFrame, index reason
        `leads` that are no part of any figure.
    curve : DataFrame
        Of all leads: `minutes`, the share `answered` by then, `low`, `high` (95 %); a step at each.
    agreed_minutes : float or None
    observed_until : date
    notes : tuple of str
        Which minutes count; by owner: how many who still wait have none.
    start, end : date or None
        The period, where one is given; and then:
    before, curve_before : DataFrame or None
        As `frame` and `curve`, of the period before.
    on_time, on_time_before : DataFrame or None, index group, the last row all leads
        Where minutes are agreed: `due`, MQLs whose agreed minutes have passed; `on_time`, those of them contacted
        within; `share`, `low`, `high` (95 % Wilson).
    change, others : DataFrame or None, index group
        The share on time less that of the period before, and less that of all other groups: `difference`, `low`, `high`
        (95 % Newcombe), `p` (Fisher's exact test), `p_corrected` (Holm, over the groups). Without agreed minutes
        `others` has the p of the waits (log-rank) alone.
    tests : DataFrame or None, index test
        `n`, `p`: the share on time against the period before and against the agreed share; the waits against the period
        before.
    """

    frame: pd.DataFrame
    excluded: pd.DataFrame
    curve: pd.DataFrame
    agreed_minutes: float | None
    observed_until: dt.date
    notes: tuple[str, ...] = ()
    start: dt.date | None = None
    end: dt.date | None = None
    before: pd.DataFrame | None = None
    curve_before: pd.DataFrame | None = None
    on_time: pd.DataFrame | None = None
    on_time_before: pd.DataFrame | None = None
    change: pd.DataFrame | None = None
    others: pd.DataFrame | None = None
    tests: pd.DataFrame | None = None

    @property
    def median_change(self) -> Figure:
        """The median less that of the period before, in minutes, with its interval; NaN where one is not reached."""
        if self.before is None:
            return (np.nan, np.nan, np.nan)
        medians = [frame[["median", "median_low", "median_high"]].iloc[-1] for frame in (self.before, self.frame)]
        earlier, later = (tuple(one.where(np.isfinite(one))) for one in medians)
        return difference(earlier, later)

    @property
    def headline(self) -> str:
        """The median wait of all MQLs."""
        whole = self.frame.iloc[-1]
        if self.before is not None and self.start is not None and self.end is not None:
            period = Period(day_number(self.start), day_number(self.end))
            return _of_period(whole, self.before.iloc[-1], self.on_time, self.change, period)
        median, low, high = map(_waited, whole[["median", "median_low", "median_high"]])
        waiting = f"{whole['waiting']:,.0f} still waiting. Outcomes until {self.observed_until}."
        mqls = counted(int(whole["n"]), "MQL")
        return f"{median} ({low} to {high}) is the median wait of {mqls} for a first contact; {waiting}"

    def sections(self) -> Iterator[Section]:
        """Waits by group, who is left out, and the picture."""
        agreed_on = ["agreed"] if self.agreed_minutes else []
        limits = [name for name in ("1_h", "24_h") if _LIMITS[name] != self.agreed_minutes] + agreed_on
        medians = self.frame[["median", "median_low", "median_high"]].map(_waited)
        shares = self.frame[[f"within_{name}{end}" for name in limits for end in ("", "_low", "_high")]]
        shares = shares.rename(columns=lambda name: name.removeprefix("within_"))
        shown = self.frame[["n", "contacted", "waiting"]].join([medians, shares])
        agreed = f"; agreed: within {_waited(self.agreed_minutes)}" if self.agreed_minutes else ""
        title = f"Waits, and the share contacted within so long, with 95 % intervals (Kaplan-Meier){agreed}"
        yield Section("frame", title, self.frame, shown=shown, formats=dict.fromkeys(limits, ".1%"))
        by = "95 % Newcombe; Fisher's exact test, Holm over the groups"
        titles = {
            "on_time": "Contacted within the agreed time, of those whose time is up (95 % Wilson)",
            "on_time_before": "The same of the period before",
            "change": f"The share on time less that of the period before ({by})",
            "others": f"The share on time less that of all other groups ({by}; without agreed time log-rank)",
            "tests": "Tests: share on time (Fisher's exact test, exact binomial test), waits (log-rank)",
        }
        for name, what in titles.items():
            if (rows := getattr(self, name)) is not None:
                yield Section(name, what, rows, formats={"difference": "+.1%", "p_corrected": ".2g"})
        for name in ("before", "curve_before"):
            if (rows := getattr(self, name)) is not None:
                yield Section(name, name, rows, rows.head(0))
        yield Section("excluded", "Left out", self.excluded, shown=self.excluded[self.excluded["leads"] > 0])
        yield Section("picture", "The share contacted, by minutes since the lead became an MQL", self.plot)

    def plot(self, ax: Any = None) -> Any:
        """Draw the share answered by when; see `pictures.plot_response`."""
        from leadscore.present.pictures import plot_response  # noqa: PLC0415 - matplotlib takes long to import

        agreed, title = self.agreed_minutes, f"From MQL to first contact, outcomes until {self.observed_until}"
        marks = {f"agreed: {_waited(agreed)}": agreed} if agreed else {}
        return plot_response(self.curve, n=int(self.frame["n"].iloc[-1]), marks=marks, title=title, ax=ax)


def _waited(minutes: float) -> str:
    """A time in the unit people would say it in."""
    if not np.isfinite(minutes):
        return "not reached" if minutes == np.inf else "not known"
    if minutes < 120:
        return f"{minutes:.3g} min"
    return f"{minutes / 60:.3g} h" if minutes < 2 * 1440 else f"{minutes / 1440:.3g} days"


def _of_period(now: pd.Series[Any], before: pd.Series[Any], on_time: Any, change: Any, period: Period) -> str:
    """The median wait of a period, and the share on time, against the period before."""
    median, earlier = (_exactly(one["median"]) for one in (now, before))
    half = f"Half of {counted(int(now['n']), 'MQL')} {'was' if now['n'] == 1 else 'were'} contacted within {median}"
    if on_time is None:
        share = ""
    else:
        due, met = (int(on_time[name].iloc[-1]) for name in ("due", "on_time"))
        moved = points_change(*change[["difference", "low", "high"]].iloc[-1])
        share = f"; {met:,} of {due:,} within the agreed time, against the period before {moved}"
    waiting = f"{now['waiting']:,.0f} still waiting"
    return f"{half}, {period}; {earlier} in the {period.length} before{share}; {waiting}."


def _exactly(minutes: float) -> str:
    """A time in hours, minutes and seconds."""
    return "a time not reached yet" if minutes == np.inf else duration(minutes)


def response_times(  # noqa: PLR0913 - who, when, and by when
    tables: Tables,
    rulebook: Rulebook,
    *,
    history: Any = None,
    by: By | None = None,
    observed_until: Any = None,
    start: Any = None,
    end: Any = None,
) -> ResponseTimes:
    """How long MQLs wait for their first contact, those who still wait included.

    A lead's wait begins with its first `mql`, or else where `history` says that it qualified, and ends with the first
    `contacted` at or after that. Who still waits at the end of the last day observed counts for as long as it did
    (Kaplan-Meier): the mean of those answered would leave out the slowest. Where `agreement.sales.hours` says when
    sales works, only minutes within those hours count.

    Parameters
    ----------
    tables : Tables
        With outcomes.
    rulebook : Rulebook
        Gives the time zone, and of its `agreement` the minutes to respond within, the share, and the working hours.
    history : History, optional
        Of `replay`; for leads without a recorded `mql`, its `qualified_at`. Give it only where sales did get the leads
        that qualified: those it never got would wait for ever.
    by : str or list of str, optional
        Lead columns, "owner" (the first in the outcomes' column `owner`), "hour_of_week" (in which the lead became an
        MQL), "segment" (with a history); several make a group of each combination; no value is a group too.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.
    start, end : date, or text as "2026-03-31", optional
        Both or neither. With them the MQLs are those of this period: a lead that comes again waits again, and a contact
        of an earlier pass through the funnel answers nothing. They are compared with those of the equally long period
        just before; a history has to reach over both.

    Returns
    -------
    ResponseTimes
        `frame`, `excluded`, `curve`, `plot()`; with a period `before`, `on_time`, `change`, `others`, `tests`.

    Raises
    ------
    ArgumentError
        If there are no outcomes, none of them is `contacted`, no lead is an MQL, there is no such column, or the
        tables were read in another time zone.

    Notes
    -----
    A recorded time at midnight is taken for a date, which tells no minutes: the lead is left out and counted.

    Where minutes are agreed the periods are compared by the share contacted within them, of MQLs whose minutes have
    passed (Fisher's exact test): that is what was promised, and calls that come late anyway have no part in it. The
    waits as a whole are compared by the log-rank test, which counts those still waiting too.

    References
    ----------
    Kaplan, E. L. and Meier, P. (1958), Journal of the American Statistical Association 53, 457-481. Peto, R. and Peto,
    J. (1972), Journal of the Royal Statistical Society A 135, 185-207 (the log-rank test). Newcombe, R. G. (1998),
    Statistics in Medicine 17, 873-890, method 10. Holm, S. (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets.funnel import make_funnel
    >>> made = make_funnel(2000, random_state=1)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    >>> found = response_times(tables, made.rulebook, by="owner")
    >>> found.frame[["n", "contacted", "waiting"]]
             n  contacted  waiting
    group
    Ana     92         92        0
    Ben    102        102        0
    Chloe   68         68        0
    Dev     38         38        0
    (all)  300        300        0
    """
    with Arguments("response_times") as given:
        given.types(tables=(tables, Tables), rulebook=(rulebook, Rulebook))
        given.types(history=(history, History | None))
        days = given.period_or_none(start, end)
    stages, until = tables.observed(observed_until)
    if not stages.of("contacted").any():
        message = f"no outcome up to {day_of(until)} is contacted: every lead would count as unanswered"
        raise ArgumentError("tables", message)
    moments = mql_moments(tables, stages, rulebook, history)
    if not ((moments.utc < NEVER) | (moments.reason > 0)).any():
        cure = "history=replay(...), on the command line --start and --end, says who qualified"
        raise ArgumentError("tables", f"no lead is an MQL: no outcome is mql; {cure}")
    sampling = _Sampling(tables, stages, rulebook, until, by, history)
    if days is not None:
        handovers = handed_over(stages, len(tables.ids), tables.timezone)
        return sampling.in_period(handovers, moments, Period(*days))
    return sampling.whole(sampling.sample(moments, None))


def response_times_of(facts: Facts) -> ResponseTimes:
    """What `response_times` says of all MQLs of the period."""
    return response_times_by(facts, None)


def response_times_by(facts: Facts, by: By | None) -> ResponseTimes:
    """What `response_times` says of the MQLs of the period by groups."""
    moments = mql_moments(facts.tables, facts.stages, facts.rulebook, None)
    sampling = _Sampling(facts.tables, facts.stages, facts.rulebook, facts.until, by, None)
    return sampling.in_period(facts.handovers.frame, moments, facts.period)


class _Sample(NamedTuple):
    """MQLs that waited, and the group of each."""

    waits: Waits
    group: Any
    names: list[str]

    def among(self, rows: Any) -> Survival:
        """The waits of some of them."""
        return kaplan_meier(self.waits.minutes[rows], self.waits.answered[rows])


@dataclass(frozen=True)
class _Sampling:
    """How the waits of MQLs are counted and set in groups."""

    tables: Tables
    stages: Stages
    rulebook: Rulebook
    until: int
    by: By | None
    history: Any

    @property
    def clock(self) -> Clock:
        """Which minutes count."""
        return Clock.of(self.rulebook)

    @property
    def agreed(self) -> float | None:
        """The minutes within which sales is to respond."""
        agreement = self.rulebook.agreement
        return agreement.responds_within if agreement else None

    def sample(self, moments: Moments, owners: pd.Series[Any] | None) -> _Sample:
        """The MQLs of some moments."""
        waits = waits_for_contact(self.stages, moments, self.until, self.clock)
        own = _other_groups(self.tables, self.stages, moments, self.history, self.rulebook.timezone)
        if owners is not None:
            own["owner"] = owners
        code, names = grouping(self.tables, self.by, own)
        return _Sample(waits, np.array(names, object)[code[waits.lead]], names)

    def frame(self, sample: _Sample) -> pd.DataFrame:
        """`ResponseTimes.frame`."""
        limits = _LIMITS | ({"agreed": float(self.agreed)} if self.agreed else {})
        names = [name for name in (sample.names if self.by is not None else []) if (sample.group == name).any()]
        rows = {name: _row(sample.among(sample.group == name), limits) for name in names}
        rows[ALL] = _row(sample.among(slice(None)), limits)
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("group")
        return frame.astype(dict.fromkeys(["n", "contacted", "waiting"], np.int64))

    def whole(self, sample: _Sample) -> ResponseTimes:
        """What is said of one sample."""
        frame = self.frame(sample)
        notes = (str(self.clock),) if self.clock.hours else ()
        if nobodys := frame["waiting"].get(MISSING, 0) if self.by in ("owner", ["owner"]) else 0:
            waiting = counted(int(frame["waiting"].iloc[-1]), "lead")
            cure = "record owners with the mql: those known from the contact on are of leads that were answered"
            looks = "have no owner, so owners look faster than they are"
            notes = (*notes, f"{nobodys:,} of {waiting} still waiting {looks}; {cure}.")
        agreed = self.agreed and float(self.agreed)
        return ResponseTimes(frame, sample.waits.excluded, _steps(sample), agreed, day_of(self.until), notes)

    def in_period(self, handovers: pd.DataFrame, moments: Moments, period: Period) -> ResponseTimes:
        """The MQLs of a period, against those of the one before."""
        ids = pd.Index(self.tables.ids.array.to_pandas(), name="lead_id")
        samples = []
        for one in (period, period.before):
            came = first_in(handovers, one).set_index("lead")["owner"].dropna()
            owners = came.set_axis(ids[came.index]) if "owner" in self.stages.frame else None
            samples.append(self.sample(moments_in(one, handovers, moments, self.rulebook.timezone), owners))
        now, before = samples
        found = self.whole(now)
        groups = found.frame.index
        on_time, earlier, change, others = None, None, None, None
        if self.agreed:
            on_time, earlier = (_on_time(one, self.agreed, groups) for one in samples)
            change, others = changes_by_group(*((one["on_time"], one["due"]) for one in (earlier, on_time)))
        elif self.by is not None:
            p = [_log_rank(*now.waits[1:3], now.group == name) for name in groups[:-1]]
            others = pd.DataFrame({"p": p, "p_corrected": holm(p)}, index=groups[:-1])
        tests = self._tests(now, before, on_time, change)
        notes = found.notes if self.clock.hours else (str(self.clock), *found.notes)
        return replace(
            found, notes=notes, start=day_of(period.first), end=day_of(period.last),
            before=self.frame(before), curve_before=_steps(before), on_time=on_time, on_time_before=earlier,
            change=change, others=others, tests=tests,
        )  # fmt: skip

    def _tests(self, now: _Sample, before: _Sample, on_time: Any, change: Any) -> pd.DataFrame:
        """`ResponseTimes.tests`."""
        minutes, answered = (np.concatenate(pair) for pair in zip(now.waits[1:3], before.waits[1:3], strict=True))
        later = np.arange(len(minutes)) < len(now.waits.lead)
        rows = {"waits against the period before": (len(later), _log_rank(minutes, answered, later))}
        if on_time is not None:
            due, met = on_time[["due", "on_time"]].iloc[-1]
            rows["share on time against the period before"] = (int(due), change["p"].iloc[-1])
            promised = self.rulebook.agreement.sales.respond if self.rulebook.agreement else None
            if promised is not None:
                rows["share on time against the agreed share"] = (int(due), _exact(int(met), int(due), promised.share))
        return pd.DataFrame.from_dict(rows, orient="index", columns=["n", "p"]).rename_axis("test")


def _steps(sample: _Sample) -> pd.DataFrame:
    """`ResponseTimes.curve`."""
    curve = sample.among(slice(None))
    steps = {"minutes": curve.time, "answered": 1 - curve.survival, "low": 1 - curve.high, "high": 1 - curve.low}
    return pd.DataFrame(steps)


def _on_time(sample: _Sample, agreed: float, groups: Any) -> pd.DataFrame:
    """`ResponseTimes.on_time`."""
    waits = sample.waits
    due = waits.followed >= agreed
    rows = pd.DataFrame({"due": due, "on_time": due & waits.answered & (waits.minutes <= agreed)})
    counts = rows.groupby(sample.group).sum().reindex(groups, fill_value=0)
    counts.loc[ALL] = rows.sum()
    return with_shares(counts.astype(np.int64), "on_time", "due")


def _log_rank(minutes: Floats, answered: Mask, rows: Mask) -> float:
    """The p of the log-rank test that some MQLs waited as long as the others; NaN where there are none."""
    if rows.all() or not rows.any():
        return float("nan")
    stratum = np.zeros(len(rows), np.int64)
    return stratified_test(*risk_sets(minutes, answered, rows.astype(np.int64), stratum)).p


def _exact(count: int, n: int, share: float) -> float:
    """The p of the exact binomial test that a share is as agreed; NaN of none."""
    from scipy.stats import binomtest  # noqa: PLC0415 - scipy takes long to import

    return float(binomtest(count, n, share).pvalue) if n else float("nan")


def _row(curve: Survival, limits: dict[str, float]) -> dict[str, float]:
    """The figures of one group."""
    contacted = int(curve.events.sum())
    row: dict[str, float] = {"n": curve.n, "contacted": contacted, "waiting": curve.n - contacted}
    row["median"], row["median_low"], row["median_high"] = curve.quantile(0.5)
    for name, minutes in limits.items():
        waiting, low, high = curve.at(minutes)
        row |= {f"within_{name}": 1 - waiting, f"within_{name}_low": 1 - high, f"within_{name}_high": 1 - low}
    return row


def _other_groups(
    tables: Tables, stages: Stages, moments: Moments, history: Any, timezone: str
) -> dict[str, pd.Series[Any]]:
    """What leads can be grouped by beside their columns."""
    ids = pd.Index(tables.ids.array.to_pandas(), name="lead_id")
    hour = np.where(moments.utc == NEVER, -1, (moments.local(timezone) + _TO_MONDAY * DAY) % (7 * DAY) // _HOUR)
    labels = [f"{day} {hour:02}" for day in _DAYS for hour in range(24)]
    own: dict[str, pd.Series[Any]] = {
        "hour_of_week": pd.Series(pd.Categorical.from_codes(hour, pd.Index(labels)), index=ids)
    }
    if "owner" in stages.frame:
        owned = pd.DataFrame({"lead": stages.lead, "at": stages.times.at, "owner": stages.frame["owner"]})
        owned = owned[owned["owner"].notna()].sort_values(["lead", "at", "owner"]).drop_duplicates("lead")
        own["owner"] = owned.set_index(ids[owned["lead"]])["owner"]
    if history is not None and "segment" in history.frame:
        own["segment"] = history.frame["segment"]
    return own
