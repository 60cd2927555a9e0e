"""Where leads and deals get stuck: how long each stage takes, and which open ones are older than usual."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_of
from leadscore.base.text import counted
from leadscore.present.result import Result, Section
from leadscore.sales.deals.deals import Deals, deals_of
from leadscore.sales.deals.spells import spells
from leadscore.sales.facts import Facts
from leadscore.stats.survival import kaplan_meier
from leadscore.tables.outcomes import Stages
from leadscore.tables.tables import Tables

_LABELS = ("MQL, not contacted", "Contacted, not decided", "Accepted (SAL)", "Sales qualified (SQL)", "Opportunity")
_UNCONTACTED = "MQL, not decided"
# Beyond the time in which so many left, a case is older than usual.
_USUAL = 0.75


@dataclass(frozen=True, eq=False, repr=False)
class Stuck(Result):
    """How long each stage takes, and what is open in it; made by `stuck`.

    Attributes
    ----------
    frame : DataFrame, index stage
        `open` cases at the end of the last day; `left`, stays that ended, in whatever way; `median` days, with
        `median_low`, `median_high`, and `usual`, the days in which three in four left, with its interval (95 %,
        Kaplan-Meier; infinite where not reached); `older`, open ones beyond that (missing where fewer than three in
        four leave); `amount` and `older_amount` of these deals, missing where none has one.
    cases : DataFrame, one row per open case, by stage, the oldest first
        `stage`, `lead_id` or `deal_id`, `since` (the day), `days`, `older`, `amount`.
    observed_until : date
    notes : tuple of str
    """

    frame: pd.DataFrame
    cases: pd.DataFrame
    observed_until: dt.date
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """How many are older than usual, and where most of them are."""
        older = self.frame["older"].fillna(0)
        total = int(older.sum())
        until = f"on {self.observed_until}"
        if not total:
            return f"None of {counted(int(self.frame['open'].sum()), 'open case')} is older than usual {until}."
        where = str(older.idxmax())
        at = f"most at “{where}” ({older.max():,.0f} of {self.frame['open'].to_dict()[where]:,})"
        return f"{counted(total, 'open case')} older than usual for the stage, {at}, {until}."

    def sections(self) -> Iterator[Section]:
        """The stages, and the open cases that are older than usual."""
        formats = dict.fromkeys(("median", "usual", "days"), ".1f")
        title = "Days in each stage, by when half and three in four had left (95 %, Kaplan-Meier)"
        yield Section("frame", title, self.frame, formats=formats)
        older = self.cases[self.cases["older"].fillna(False).astype(bool)]
        yield Section(
            "cases", "Open cases that are older than usual", self.cases, older.drop(columns="older"), formats=formats
        )


def stuck(tables: Tables, *, observed_until: Any = None) -> Stuck:
    """How long leads and deals stay in each stage, and which open ones are older than usual.

    A stay begins with a stage and ends with whatever comes next: a further stage, a refusal, a loss. Those that are
    still there count for as long as they have been (Kaplan-Meier): the mean of those that left is too short. An open
    case is older than usual beyond the time in which three in four left.

    Parameters
    ----------
    tables : Tables
        With outcomes. With a column `deal_id` an opportunity is a deal, which counts once whoever of the leads it
        stands at, and its `amount` is summed; without one it is that of a lead, and amounts are left out.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.

    Returns
    -------
    Stuck
        `headline`, `notes`, `frame`, `cases`.

    Raises
    ------
    ArgumentError
        If there are no outcomes.

    Notes
    -----
    A lead that comes again has a stay of its own each time. Stages that were skipped took no time and do not count.
    Where one end of a stay is a date without a time, it has whole days; so have deals.

    References
    ----------
    Kaplan, E. L. and Meier, P. (1958), Journal of the American Statistical Association 53, 457-481.

    Examples
    --------
    >>> import leadscore as ls
    >>> from leadscore.datasets.company import make_company
    >>> made = make_company(4000, random_state=1)
    >>> tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    >>> stuck(tables).frame[["open", "left", "older"]]
                            open  left  older
    stage
    MQL, not contacted         0   651      0
    Contacted, not decided     2   649      0
    Accepted (SAL)             9   354      3
    Sales qualified (SQL)     11   173      7
    Opportunity               31    51   <NA>
    """
    with Arguments("stuck") as given:
        given.types(tables=(tables, Tables))
    stages, until = tables.observed(observed_until)
    return _stuck(tables, stages, deals_of(stages, tables.timezone), until)


def stuck_of(facts: Facts) -> Stuck:
    """What `stuck` says on the last day whose outcomes are known."""
    return _stuck(facts.tables, facts.stages, facts.deals, facts.until)


def _stuck(tables: Tables, stages: Stages, deals: Deals | None, until: int) -> Stuck:
    stays = spells(stages, deals, until, tables.timezone)
    labels = [*_LABELS] if stages.of("contacted").any() else [_UNCONTACTED, *_LABELS[1:]]
    rows, older = {}, np.zeros(len(stays), bool)
    for place, label in enumerate(labels):
        inside = (stays["stage"] == place).to_numpy()
        if inside.any():
            rows[label] = row = _row(stays[inside])
            older |= inside & ~stays["left"].to_numpy() & (stays["days"].to_numpy() > row["usual"])
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=_COLUMNS).rename_axis("stage")
    frame = frame.astype({"open": np.int64, "left": np.int64, "older": "Int64"})
    cases = stays.assign(older=older, label=[labels[place] for place in stays["stage"]])[~stays["left"]]
    cases = cases.sort_values(["stage", "days", "lead", "deal_id"], ascending=[True, False, True, True])
    return Stuck(frame, _cases(tables, cases), day_of(until), tuple(_notes(frame, deals, stages)))


_COLUMNS = (
    "open", "left", "median", "median_low", "median_high", "usual", "usual_low", "usual_high", "older", "amount",
    "older_amount",
)  # fmt: skip


def _row(stays: pd.DataFrame) -> dict[str, Any]:
    """The figures of one stage."""
    there = ~stays["left"]
    curve = kaplan_meier(stays["days"], stays["left"])
    median, usual = curve.quantile(0.5), curve.quantile(_USUAL)
    older = there & (stays["days"] > usual[0])
    known = np.isfinite(usual[0])
    figures = [*median, *usual, int(older.sum()) if known else None]
    amounts = [stays.loc[rows, "amount"].sum(min_count=1) for rows in (there, older)]
    return dict(zip(_COLUMNS, [int(there.sum()), int((~there).sum()), *figures, *amounts], strict=True))


def _cases(tables: Tables, cases: pd.DataFrame) -> pd.DataFrame:
    """`Stuck.cases`."""
    ids = tables.ids.array.to_pandas()
    lead = cases["lead"].fillna(-1).to_numpy(np.int64)
    return pd.DataFrame(
        {
            "stage": cases["label"].to_numpy(object),
            "lead_id": pd.Series(ids.to_numpy(object)[lead]).where(lead >= 0),
            "deal_id": cases["deal_id"].to_numpy(object),
            "since": cases["day"].to_numpy().astype("datetime64[D]").astype("datetime64[us]"),
            "days": cases["days"].to_numpy(),
            "older": cases["older"].to_numpy(),
            "amount": cases["amount"].to_numpy(),
        }
    )


def _notes(frame: pd.DataFrame, deals: Deals | None, stages: Stages) -> Iterator[str]:
    """What to know before the figures are used."""
    for stage, row in frame[frame["older"].isna()].iterrows():
        yield f"“{stage}”: fewer than three in four have left so far, so no age is unusual ({row['open']:,} open)."
    if deals is None and stages.of("opportunity").any():
        yield "Outcomes have no deal_id: opportunities are counted by lead, and their amounts are not summed."
    elif deals is not None:
        there = deals.frame[(deals.frame["state"] == "open") & deals.frame["opened"].notna()]
        if unpriced := int(there["amount"].isna().sum()):
            yield f"{unpriced:,} of {counted(len(there), 'open deal')} without an amount."
