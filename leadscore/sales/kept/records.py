"""Whether the records that both teams rely on are kept: must-fill fields, accepted leads left alone, duplicates."""

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
from leadscore.rulebook import Rulebook
from leadscore.sales.facts import Facts
from leadscore.sales.kept.duplicates import duplicates_of
from leadscore.sales.kept.fields import fields_of
from leadscore.sales.kept.staleness import unchanged
from leadscore.tables.tables import Tables

# Accepted and open for longer than this without a change is long.
UNCHANGED_DAYS = 21
SMALL = "Small numbers: for a conversation, not a ranking."


@dataclass(frozen=True, eq=False, repr=False)
class Records(Result):
    """The state of the records of a period; made by `records`.

    Attributes
    ----------
    fields : DataFrame, one row per field and moment, those of marketing first
        `field`, `team`, `due`; of those due in the period `n`, `filled`, `share`, `low`, `high` (95 % Wilson), and
        `promised`, NaN where nothing was; `n_before`, `filled_before` of the period before, and `change` of the share
        with `change_low`, `change_high` (95 % Newcombe), `p_change` (Fisher, Holm over all rows); `changed`, values
        that are others than when the time began, where `valid_from` tells.
    unchanged : DataFrame, index owner, the last row all
        `open` accepted leads at the end of the period, `unchanged` for `unchanged_days`.
    unchanged_before : DataFrame
        The same at the end of the period before.
    duplicates : DataFrame, index kind
        `n` MQLs of the period that can be compared, `leads` of them that have a duplicate among all leads, `pairs`,
        `share`, `low`, `high` (95 % Wilson).
    unchanged_days : int
    start, end : date
    notes : tuple of str
    """

    fields: pd.DataFrame
    unchanged: pd.DataFrame
    unchanged_before: pd.DataFrame
    duplicates: pd.DataFrame
    unchanged_days: int
    start: dt.date
    end: dt.date
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """How many promised fields fall short, accepted leads without a change, and possible duplicates."""
        stale, still = (int(self.unchanged[name].iloc[-1]) for name in ("unchanged", "open"))
        twice = int(self.duplicates["leads"].sum())
        parts = [
            f"{stale:,} of {counted(still, 'accepted lead')} without a change for over {self.unchanged_days} days",
            f"{counted(twice, 'MQL')} with a possible duplicate",
        ]
        promised = self.fields[self.fields["n"] > 0].dropna(subset="promised")
        if len(promised):
            short = promised[promised["share"] < promised["promised"]]
            names = f" ({', '.join(dict.fromkeys(short['field']))})" if len(short) else ""
            parts.insert(0, f"{len(short)} of {counted(len(promised), 'promised field')} fell short{names}")
        return f"{', '.join(parts)}."

    def sections(self) -> Iterator[Section]:
        """The fields, the accepted leads by owner, and the duplicates."""
        signed = dict.fromkeys(("change", "change_low", "change_high"), "+.1%")
        title = "Fields that were due in the period, and filled in (95 % Wilson)"
        yield Section("fields", title, self.fields, formats=signed | {"promised": ".1%", "p_change": ".2g"})
        title = f"Accepted leads still open, and those without a change for over {counted(self.unchanged_days, 'day')}"
        yield Section("unchanged", title, self.unchanged, notes=(SMALL,))
        yield Section("unchanged_before", f"{title}, at the end of the period before", self.unchanged_before.tail(1))
        yield Section("duplicates", "MQLs that may be another lead too (95 % Wilson)", self.duplicates)


def records(  # noqa: PLR0913 - a period, and one number
    tables: Tables,
    rulebook: Rulebook,
    *,
    start: Any,
    end: Any,
    unchanged_days: int = UNCHANGED_DAYS,
    observed_until: Any = None,
) -> Records:
    """Whether must-fill fields are filled in when they are due, accepted leads are left alone, and leads are doubled.

    A field must be filled in where the rulebook says so: `required: capture` on the day the lead was created (without
    `created_at`, when it came to sales), `required: handoff` and `complete_at_handover` on the day it came to sales,
    `update` so many days after its moment, an amount at opportunity. Each counts in the period in which it was due, as
    it stood on that day where `valid_from` tells, else as it is today. A reason is due for each MQL of the period that
    sales refused.

    Parameters
    ----------
    tables : Tables
        With outcomes; read with `columns=None`, e-mail addresses and names are there to be compared.
    rulebook : Rulebook
    start, end : date, or text as "2026-03-31"
        The period; it is compared with the equally long one before.
    unchanged_days : int
        An accepted lead that is open and has had no outcome by sales and no event of its own for longer is unchanged.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.

    Returns
    -------
    Records
        `headline`, `notes`, `fields`, `unchanged`, `unchanged_before`, `duplicates`.

    Raises
    ------
    ArgumentError
        If there are no outcomes, the period is invalid, or `unchanged_days` is not a number of days.

    Notes
    -----
    Missing is what the rulebook says, and what stands in forms where nobody chose: "-", "unknown", "please select" and
    the like, which a note names. Duplicates share an e-mail address, or an account (`account_id`, else a company's
    domain; free mail domains are none) with a name, or without names a title, that is at least 92 % the same. None is
    merged. Figures by owner are few, and depend on who was given which leads.

    References
    ----------
    Wilson, E. B. (1927), Journal of the American Statistical Association 22, 209-212. Newcombe, R. G. (1998),
    Statistics in Medicine 17, 873-890, method 10. Holm, S. (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> import leadscore as ls
    >>> rulebook = ls.Rulebook.from_yaml('''
    ... leadscore: 1
    ... name: demo
    ... columns: {employees: {type: number, required: handoff}}
    ... agreement: {marketing: {complete_at_handover: {employees: 95%}}}
    ... qualify: {threshold: 0}
    ... ''')
    >>> leads = pd.DataFrame({"lead_id": ["a", "b"], "employees": [50, None], "email": ["x@firm.example"] * 2})
    >>> outcomes = pd.DataFrame({"lead_id": ["a", "b", "a"], "stage": ["mql", "mql", "sal"], "at": "2026-03-03"})
    >>> tables = ls.load_tables(leads, None, outcomes, rulebook=rulebook, columns=None, observed_until="2026-03-29")
    >>> found = records(tables, rulebook, start="2026-03-02", end="2026-03-29")
    >>> found.fields[["field", "due", "filled", "n"]].to_numpy().tolist(), found.duplicates["pairs"].tolist()
    ([['employees', 'at handover', 1, 2]], [1, 0])
    >>> found.unchanged.loc["(all)"].to_dict()
    {'open': 1, 'unchanged': 1}
    """
    with Arguments("records") as given:
        given.types(tables=(tables, Tables), rulebook=(rulebook, Rulebook))
        given.whole("unchanged_days", unchanged_days, least=1)
    facts = Facts.of("records", tables, rulebook, start=start, end=end, observed_until=observed_until)
    return _records(facts, unchanged_days)


def records_of(facts: Facts) -> Records:
    """`records` of some facts."""
    return _records(facts, UNCHANGED_DAYS)


def _records(facts: Facts, unchanged_days: int) -> Records:
    fields, notes = fields_of(facts)
    mqls = facts.handovers.during(facts.period)["lead"].to_numpy(np.int64)
    duplicates = duplicates_of(facts.tables, facts.rulebook, mqls)
    return Records(
        fields,
        unchanged(facts, facts.period.last, unchanged_days),
        unchanged(facts, facts.period.before.last, unchanged_days),
        duplicates.frame,
        unchanged_days,
        day_of(facts.period.first),
        day_of(facts.period.last),
        (*notes, *duplicates.notes),
    )
