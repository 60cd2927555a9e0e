"""How many leads went from stage to stage, by cohort."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number, day_of
from leadscore.base.groups import ALL, Groups
from leadscore.base.periods import Period
from leadscore.base.stages import FUNNEL, or_further
from leadscore.base.text import counted
from leadscore.base.times import NO_TIME
from leadscore.errors import ArgumentError
from leadscore.present.result import Result, Section
from leadscore.sales.handover.handovers import handed_over
from leadscore.sales.handover.mqls_reached import mqls_reached
from leadscore.stats.intervals import share_text, with_shares
from leadscore.stats.survival import kaplan_meier
from leadscore.tables.groups import By, grouping
from leadscore.tables.outcomes import NEVER, Ints, Mask, Stages
from leadscore.tables.tables import Tables

# What pandas calls the length of a cohort; weeks begin on Monday.
_PERIODS = {"day": "D", "week": "W-SUN", "month": "M", "quarter": "Q"}
# A stage is said to be recorded late if so long a silence at its start would come about by chance less often than this.
SILENCE = 0.01
# All of fewer leads may have reached a stage by chance.
_FEW = 10


@dataclass(frozen=True, eq=False, repr=False)
class FunnelTable(Result):
    """Conversion from stage to stage by cohort; made by `funnel`.

    Attributes
    ----------
    frame : DataFrame, one row per cohort, group and stage
        `cohort` (its first day), `group` (with `by`), `stage`, `n` (leads at the stage before; at first all leads),
        `reached`, `share`, `low`, `high` (95 % Wilson), `mature`, `truncated`. Where a cohort is immature or truncated
        the counts are those so far, and there is no share (NaN).
    total : DataFrame, one row per group and stage
        The same over all cohorts that have a share.
    notes : tuple of str
        What to know before the figures are compared.
    every : str
        The length of a cohort.
    within_days : int
    observed_until : date
    start, end : date or None
        The period, where one is given: then the cohorts are its MQLs and those of the period before, `total` is of the
        period, and there is:
    change : DataFrame or None, one row per group and stage
        The share less that of the period before: `difference`, `low`, `high` (95 % Newcombe), `p` (Fisher's exact
        test), `p_corrected` (Holm, over the rows of a group).
    """

    frame: pd.DataFrame
    total: pd.DataFrame
    notes: tuple[str, ...]
    every: str
    within_days: int
    observed_until: dt.date
    start: dt.date | None = None
    end: dt.date | None = None
    change: pd.DataFrame | None = None

    @property
    def headline(self) -> str:
        """Which share of the leads reached the last stage."""
        inside = f"within {self.within_days} days"
        period = f"{inside} of arrival, by outcomes until {self.observed_until}"
        if self.start is not None and self.end is not None:
            mqls = f"MQLs of {Period(day_number(self.start), day_number(self.end))}"
            period = f"{inside} of coming to sales ({mqls}), by outcomes until {self.observed_until}"
        whole = self.total[self.total["group"] == ALL] if "group" in self.total else self.total
        if not whole["n"].any():
            old = "no MQL" if self.start else "no cohort of leads"
            return f"No share is known yet: {old} is old enough to count {period}."
        last = whole.iloc[-1]
        return f"{share_text(last['reached'], whole['n'].iloc[0])} leads reached {last['stage']} {period}."

    def sections(self) -> Iterator[Section]:
        """The totals, the cohorts, and their picture."""
        yield Section("total", "All cohorts that are old enough, with 95 % intervals (Wilson)", self.total)
        came = "in which they came to sales" if self.start else "of arrival; young cohorts have no share yet"
        yield Section("frame", f"By {self.every} {came}", self.frame)
        if self.change is not None:
            title = "The share less that of the period before (95 % Newcombe; Fisher's exact test, Holm)"
            formats = {"difference": "+.1%", "p_corrected": ".2g"}
            yield Section("change", title, self.change, formats=formats)
        yield Section("picture", "Shares and their intervals", self.plot)

    def plot(self, ax: Any = None) -> Any:
        """Draw the shares by cohort; the totals, where there are groups. See `pictures.plot_funnel`."""
        from leadscore.present.pictures import plot_funnel  # noqa: PLC0415 - matplotlib takes long to import

        title = f"Reached within {self.within_days} days, of those at the stage before"
        return plot_funnel(self.total if "group" in self.total else self.frame, title=title, ax=ax)


def funnel(  # noqa: PLR0913 - who, when, and by when
    tables: Tables,
    *,
    within_days: int,
    every: str = "month",
    by: By | None = None,
    observed_until: Any = None,
    start: Any = None,
    end: Any = None,
) -> FunnelTable:
    """How many leads of each cohort went from stage to stage, in the same number of days each.

    A lead's cohort is that of its `lead` stage, else of its `created_at`. A stage is reached with that stage or one
    further along. A cohort whose last lead could still convert within the days is immature, and one that came before
    its stage was recorded is truncated: neither has a share, nor is it in a total.

    Parameters
    ----------
    tables : Tables
        With outcomes.
    within_days : int
    every : {"day", "week", "month", "quarter"}
        The length of a cohort. With "day" the total is of all leads whose own window is closed.
    by : str or list of str, optional
        Lead columns; several make a group of each combination. Leads without a value are a group too.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.
    start, end : date, or text as "2026-03-31", optional
        Both or neither. With them the leads are the MQLs that came to sales in this period, against those of the
        equally long period just before, each in the days after it came; `every` has no part in it, and a lead whose own
        days are not over is left out and counted.

    Returns
    -------
    FunnelTable
        `frame`, `total`, `notes`, `plot()`; with a period `change`.

    Raises
    ------
    ArgumentError
        If an argument is invalid, there is no such column, no outcome is a stage after `lead`, or no lead has a
        day it came on.

    Notes
    -----
    Left truncation is found so: from the leads that came since a stage's first record, their rate and delays
    (Kaplan-Meier), follows how many records the leads before should have had by then. If none at all is as unlikely
    as exp(-expected) < 0.01, recording began with the first.

    References
    ----------
    Wilson, E. B. (1927), Journal of the American Statistical Association 22, 209-212. Newcombe, R. G. (1998),
    Statistics in Medicine 17, 873-890, method 10. Kaplan, E. L. and Meier, P. (1958), Journal of the American
    Statistical Association 53, 457-481.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets.funnel import make_funnel
    >>> made = make_funnel(2000, random_state=1)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes)
    >>> funnel(tables, within_days=60).total[["stage", "n", "reached"]]
             stage    n  reached
    0          mql  998      151
    1          sal  151       71
    2          sql   71       41
    3  opportunity   41       16
    4          won   16        2
    """
    with Arguments("funnel") as given:
        given.types(tables=(tables, Tables))
        given.whole("within_days", within_days, least=1)
        given.one_of("every", every, _PERIODS)
        days = given.period_or_none(start, end)
    stages, until = tables.observed(observed_until)
    present = [stage for stage in FUNNEL[1:] if stages.of(stage).any()]
    if not present:
        raise ArgumentError("tables", f"no outcome up to {day_of(until)} is one of {', '.join(FUNNEL[1:])}")
    groups = grouping(tables, by)
    if days is None:
        frame, total, notes = _cohorts(tables, stages, present, groups, until, within_days, every)
        more: tuple[Any, ...] = every, int(within_days), day_of(until)
    else:
        handovers, period = handed_over(stages, len(tables.ids), tables.timezone), Period(*days)
        frame, total, change, notes = mqls_reached(
            stages, handovers, groups, period, within_days, until, tables.timezone
        )
        change = change if by is not None else change.drop(columns="group")
        more = "period", int(within_days), day_of(until), day_of(period.first), day_of(period.last), change
    if by is None:
        frame, total = (part.drop(columns="group") for part in (frame, total))
    return FunnelTable(frame, total, notes, *more)


def _cohorts(  # noqa: PLR0913, PLR0917 - what `funnel` was given
    tables: Tables, stages: Stages, present: Sequence[str], groups: Groups, until: int, within_days: int, every: str
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """`frame`, `total` and `notes` of the leads by when they came."""
    group, names = groups
    came = _came(tables, stages)
    inside = (came != NO_TIME) & (came <= until)
    if not inside.any():
        message = f"no lead has a lead stage or a created_at up to {day_of(until)}: there is no cohort"
        raise ArgumentError("tables", message)
    notes = _left_out(present, came, until)
    began, late = _recorded_late(stages, present, np.where(inside, came, NO_TIME), until, tables.timezone)
    notes += late
    counts = _counts(tables, stages, present, came, within_days)
    cohort, _ = _period(came[inside], every)
    leads = pd.DataFrame({"cohort": cohort, "group": group[inside], "came": came[inside], "n": 1})
    frame = _frame(leads.assign(**dict(zip(present, counts[inside].T, strict=True))), present, began)
    _, last = _period(frame["cohort"].to_numpy(), every)
    mature, truncated = last + within_days <= until, frame.pop("truncated")
    shown = mature & ~truncated
    frame["group"] = pd.Categorical.from_codes(frame["group"].to_numpy(np.int64), pd.Index(names))
    total = _totals(frame[shown], present, names)
    frame = with_shares(frame, "reached", "n").assign(mature=mature, truncated=truncated)
    frame.loc[~shown, ["share", "low", "high"]] = np.nan
    notes += [*_all_of_them(total), *_immature(frame, within_days, until)]
    frame["cohort"] = frame["cohort"].to_numpy().astype("datetime64[D]").astype("datetime64[us]")
    return frame, total, tuple(notes)


def _came(tables: Tables, stages: Stages) -> Ints:
    """The day each lead came, since 1970; `NO_TIME` where nothing tells."""
    first = stages.first(len(tables.ids), stages.times.days(tables.timezone), stages.of("lead"))
    created = tables.created()
    without = np.full(len(first), NO_TIME) if created is None else created.days(tables.timezone)
    return np.where(first == NEVER, without, first)


def _left_out(present: Sequence[str], came: Ints, until: int) -> list[str]:
    absent = [stage for stage in FUNNEL[1:] if stage not in present]
    notes = [f"No outcome is {' or '.join(absent)}: left out."] if absent else []
    why = {"neither a lead stage nor created_at": came == NO_TIME, f"first day after {day_of(until)}": came > until}
    for reason, rows in why.items():
        if rows.any():
            notes.append(f"{int(rows.sum()):,} of {counted(len(came), 'lead')} in no cohort: {reason}.")
    return notes


def _counts(tables: Tables, stages: Stages, present: Sequence[str], came: Ints, within_days: int) -> Mask:
    """(n_leads, n_stages) whether each lead reached each stage, or one further along, within the days."""
    day = stages.times.days(tables.timezone)
    reached = [stages.first(len(came), day, stages.of(*or_further(stage))) for stage in present]
    return np.column_stack(reached) <= (came + within_days)[:, None]


def _recorded_late(
    stages: Stages, present: Sequence[str], came: Ints, until: int, timezone: str
) -> tuple[list[int], list[str]]:
    """For each stage the day its records begin, if leads came long before, else a day before all; and notes."""
    day, began, notes = stages.times.days(timezone), [], []
    for stage in present:
        reached = stages.first(len(came), day, stages.of(stage))
        start = int(reached.min())
        before, since = came[(came < start) & (came != NO_TIME)], came >= start
        began.append(NO_TIME)
        if not len(before) or not since.any():
            continue
        delay = np.minimum(reached[since], until) - came[since]
        curve = kaplan_meier(np.maximum(delay, 0), reached[since] <= until)
        had = np.append(0, 1 - curve.survival)[np.searchsorted(curve.time, start - 1 - before, "right")]
        if np.exp(-had.sum()) < SILENCE:
            began[-1] = start
            notes.append(
                f"{stage} is recorded from {day_of(start)} on, while leads came from {day_of(before.min())}: at the "
                f"rate of later leads about {had.sum():,.0f} would have reached it before that day, and none did. "
                "Cohorts from before are truncated: shares rising over them show that records began, not better leads."
            )
    return began, notes


def _period(day: Ints, every: str) -> tuple[Ints, Ints]:
    """The first and the last day of the period of each day."""
    periods = pd.DatetimeIndex(day.astype("datetime64[D]").astype("datetime64[us]")).to_period(_PERIODS[every])
    first, last = periods.asfreq("D", "START"), periods.asfreq("D", "END")
    return first.astype(np.int64).to_numpy(), last.astype(np.int64).to_numpy()


def _frame(leads: pd.DataFrame, present: Sequence[str], began: Sequence[int]) -> pd.DataFrame:
    """The counts of each cohort, group and stage, and whether the cohort is truncated there."""
    table = leads.groupby(["cohort", "group"])[["n", *present]].sum()
    first = leads.groupby("cohort")["came"].min().loc[table.index.get_level_values("cohort")].to_numpy()
    # Where the stage before is not recorded, it is not known of how many this one is a share.
    late = np.maximum(began, [began[0], *began[:-1]])
    counts, frame = table.to_numpy(), table.index.repeat(len(present)).to_frame(index=False)
    return frame.assign(
        stage=np.tile(present, len(table)),
        n=counts[:, :-1].ravel(),
        reached=counts[:, 1:].ravel(),
        truncated=(first[:, None] < late).ravel(),
    )


def _totals(frame: pd.DataFrame, present: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """The sums over cohorts, for each group and for all."""
    index = pd.MultiIndex.from_product([dict.fromkeys([*names, ALL]), present], names=["group", "stage"])
    own = frame.astype({"group": object})
    rows = pd.concat([own[own["group"] != ALL], own.assign(group=ALL)])
    sums = rows.groupby(["group", "stage"])[["n", "reached"]].sum().reindex(index, fill_value=0)
    return with_shares(sums.reset_index(), "reached", "n")


def _all_of_them(total: pd.DataFrame) -> list[str]:
    """Stages that every lead of the stage before reached: they may be all that was recorded."""
    whole = total[total["group"] == ALL]
    before = dict(zip(whole["stage"], ["came", *(f"reached {stage}" for stage in whole["stage"])], strict=False))
    why = "no finding if the CRM keeps a stage only for leads that went on"
    return [
        f"All {row.n:,} leads that {before[row.stage]} also reached {row.stage}: {why}."
        for row in whole[(whole["reached"] == whole["n"]) & (whole["n"] >= _FEW)].itertuples()
    ]


def _immature(frame: pd.DataFrame, within_days: int, until: int) -> list[str]:
    cohorts = frame.drop_duplicates("cohort")
    immature = int((~cohorts["mature"]).sum())
    if not immature:
        return []
    why = f"{counted(within_days, 'day')} had not passed by {day_of(until)}"
    left = "They show counts so far, no shares, and are in no total."
    return [f"Too recent to judge: {immature} of {counted(len(cohorts), 'cohort')}, as {why}. {left}"]
