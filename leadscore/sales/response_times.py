"""How fast sales responds to MQLs, those still waiting included."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_of
from leadscore.base.groups import ALL, MISSING
from leadscore.base.stages import WORKED
from leadscore.base.text import counted
from leadscore.base.times import DAY, NO_TIME, Times
from leadscore.errors import ArgumentError
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.scoring.replay import History
from leadscore.stats.intervals import Floats
from leadscore.stats.survival import Survival, kaplan_meier
from leadscore.tables.groups import By, grouping
from leadscore.tables.outcomes import NEVER, Ints, Mask, Stages
from leadscore.tables.tables import Tables

_MINUTE = 60_000_000
_HOUR = 60 * _MINUTE
_LIMITS = {"5_min": 5.0, "1_h": 60.0, "24_h": 1440.0}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# Days since 1970, a Thursday, moved so that weeks begin on Monday.
_TO_MONDAY = 3

_DATED = "a date without a time of day, of the MQL or the contact"
_EARLY = "contacted only before it became an MQL"
_SILENT = "worked by sales without a recorded contact"
_ALREADY = "already qualified before the period"
_UNTIMED = "qualified at an unknown time of day"
_REASONS = ("", _DATED, _EARLY, _SILENT, _ALREADY, _UNTIMED)


@dataclass(frozen=True)
class Moments:
    """When leads became MQLs; all arrays have one entry per lead.

    Attributes
    ----------
    utc : (n_leads,) microseconds since 1970; `NEVER` where a lead is none, or nobody knows when it became one
    dated : whether only the day is known
    reason : positions in `_REASONS`: why the moment cannot be used, 0 where it can
    """

    utc: Ints
    dated: Mask
    reason: Ints

    def local(self, timezone: str) -> Ints:
        """The moments on a wall clock, `NO_TIME` where there is none."""
        return Times(np.where(self.utc == NEVER, NO_TIME, self.utc), zoned=True).local(timezone)


def mql_moments(tables: Tables, stages: Stages, rulebook: Rulebook, history: Any) -> Moments:
    """When leads became MQLs: the first recorded `mql`, else when the history says that they qualified.

    Raises
    ------
    ArgumentError
        If the tables were read in another time zone than the rulebook's, or the history is of other leads.
    """
    n, timezone = len(tables.ids), rulebook.timezone
    if tables.timezone != timezone:
        cure = "read them with load_tables(..., rulebook=...)"
        raise ArgumentError("rulebook", f"has days of {timezone}, the tables of {tables.timezone}: {cure}")
    mql = stages.of("mql")
    at = stages.first(n, stages.times.utc(timezone), mql)
    midnight = mql & (stages.times.local(timezone) % DAY == 0)
    recorded = at < NEVER
    dated = recorded & (stages.first(n, stages.times.utc(timezone), midnight) == at)
    reason = np.zeros(n, np.int64)
    if history is not None:
        lead = tables.ids.positions(pa.array(history.frame.index))
        if (lead < 0).any():
            raise ArgumentError("history", f"has {counted((lead < 0).sum(), 'lead')} not in the tables")
        frame, lead = history.frame[~recorded[lead]], lead[~recorded[lead]]
        already, time = frame["already"].to_numpy(bool), frame["qualified_at"]
        reason[lead[time.isna().to_numpy()]] = _REASONS.index(_UNTIMED)
        reason[lead[already]] = _REASONS.index(_ALREADY)
        usable = reason[lead] == 0
        at[lead[usable]] = time[usable].to_numpy("datetime64[us]").astype(np.int64)
    return Moments(at, dated, reason)


@dataclass(frozen=True)
class Waits:
    """How long MQLs waited; all arrays have one entry per lead that counts."""

    lead: Ints
    minutes: Floats
    answered: Mask
    excluded: pd.DataFrame


def waits_for_contact(stages: Stages, moments: Moments, until: int, timezone: str) -> Waits:
    """From each MQL to the first contact at or after it, or to the end of the last day observed."""
    n, utc, local = len(moments.utc), stages.times.utc(timezone), stages.times.local(timezone)
    end = int(Times(np.array([(until + 1) * DAY]), zoned=False).utc(timezone)[0])
    # A contact dated on the day of the MQL, without a time, may have come before or after it.
    begin = moments.local(timezone) // DAY * DAY
    dated = local % DAY == 0
    since = (utc >= moments.utc[stages.lead]) | (dated & (local == begin[stages.lead]))
    contact = stages.of("contacted")
    answered = stages.first(n, utc, contact & since)
    reason = moments.reason.copy()
    there = (moments.utc < end) & (reason == 0)
    none = there & (answered == NEVER)
    worked = stages.first(n, utc, stages.of(*WORKED) & ~contact & since) < NEVER
    reason[none & worked] = _REASONS.index(_SILENT)
    reason[none & (stages.first(n, utc, contact) < NEVER)] = _REASONS.index(_EARLY)
    by_date = (answered < NEVER) & (stages.first(n, utc, contact & since & dated) == answered)
    reason[there & (moments.dated | by_date)] = _REASONS.index(_DATED)
    lead = np.flatnonzero(there & (reason == 0))
    minutes = (np.minimum(answered[lead], end) - moments.utc[lead]) / _MINUTE
    counts = np.bincount(reason, minlength=len(_REASONS))[1:]
    excluded = pd.DataFrame({"leads": counts}, index=pd.Index(_REASONS[1:], name="reason"))
    return Waits(lead, minutes, answered[lead] < NEVER, excluded)


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
        By owner: how many who still wait have none.
    """

    frame: pd.DataFrame
    excluded: pd.DataFrame
    curve: pd.DataFrame
    agreed_minutes: float | None
    observed_until: dt.date
    notes: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The median wait of all MQLs."""
        whole = self.frame.iloc[-1]
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


def response_times(
    tables: Tables,
    rulebook: Rulebook,
    *,
    history: Any = None,
    by: By | None = None,
    observed_until: Any = None,
) -> ResponseTimes:
    """How long MQLs wait for their first contact, those who still wait included.

    A lead's wait begins with its first `mql`, or else where `history` says that it qualified, and ends with the first
    `contacted` at or after that. Who still waits at the end of the last day observed counts for as long as it did
    (Kaplan-Meier): the mean of those answered would leave out the slowest.

    Parameters
    ----------
    tables : Tables
        With outcomes.
    rulebook : Rulebook
        Gives the time zone, and `agreement.respond_within_minutes`.
    history : History, optional
        Of `replay`; for leads without a recorded `mql`, its `qualified_at`. Give it only where sales did get the leads
        that qualified: those it never got would wait for ever.
    by : str or list of str, optional
        Lead columns, "owner" (the first in the outcomes' column `owner`), "hour_of_week" (in which the lead became an
        MQL), "segment" (with a history); several make a group of each combination; no value is a group too.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.

    Returns
    -------
    ResponseTimes
        `frame`, `excluded`, `curve`, `plot()`.

    Raises
    ------
    ArgumentError
        If there are no outcomes, none of them is `contacted`, no lead is an MQL, there is no such column, or the
        tables were read in another time zone.

    Notes
    -----
    A recorded time at midnight is taken for a date, which tells no minutes: the lead is left out and counted.

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
    stages, until = tables.observed(observed_until)
    if not stages.of("contacted").any():
        message = f"no outcome up to {day_of(until)} is contacted: every lead would count as unanswered"
        raise ArgumentError("tables", message)
    moments = mql_moments(tables, stages, rulebook, history)
    if not ((moments.utc < NEVER) | (moments.reason > 0)).any():
        cure = "history=replay(...), on the command line --start and --end, says who qualified"
        raise ArgumentError("tables", f"no lead is an MQL: no outcome is mql; {cure}")
    waits = waits_for_contact(stages, moments, until, rulebook.timezone)
    agreed = rulebook.agreement.respond_within_minutes if rulebook.agreement else None
    limits = _LIMITS | ({"agreed": float(agreed)} if agreed else {})
    codes, names = grouping(tables, by, _other_groups(tables, stages, moments, history, rulebook.timezone))
    rows, curve = {}, kaplan_meier(waits.minutes, waits.answered)
    for code, name in enumerate(names if by is not None else []):
        inside = codes[waits.lead] == code
        if inside.any():
            rows[name] = _row(kaplan_meier(waits.minutes[inside], waits.answered[inside]), limits)
    rows[ALL] = _row(curve, limits)
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("group")
    frame = frame.astype(dict.fromkeys(["n", "contacted", "waiting"], np.int64))
    steps = {"minutes": curve.time, "answered": 1 - curve.survival, "low": 1 - curve.high, "high": 1 - curve.low}
    notes: tuple[str, ...] = ()
    if nobodys := frame["waiting"].get(MISSING, 0) if by in ("owner", ["owner"]) else 0:
        waiting = counted(int(frame["waiting"].iloc[-1]), "lead")
        cure = "record owners with the mql: those known from the contact on are of leads that were answered"
        notes = (f"{nobodys:,} of {waiting} still waiting have no owner, so owners look faster than they are; {cure}.",)
    return ResponseTimes(frame, waits.excluded, pd.DataFrame(steps), agreed and float(agreed), day_of(until), notes)


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
