"""`score_accounts`: each account's points from its people, as they stood at the end of a day, and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number
from leadscore.base.text import as_text, counted, normalise
from leadscore.errors import ArgumentError, did_you_mean
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.rulebook.model import Account, AccountRule, thousandths
from leadscore.rulebook.plan import compiled
from leadscore.scoring.engine import Bound
from leadscore.scoring.scores import Explanation, lead_ids, named, verdicts
from leadscore.scoring.timeline import Timeline
from leadscore.tables.days import Ints
from leadscore.tables.tables import Tables

# How many accounts people see.
_TOP = 10


@dataclass(frozen=True, eq=False, repr=False)
class AccountScores(Result):
    """Each account's points on one day; made by `score_accounts`.

    Attributes
    ----------
    rulebook : Rulebook
    as_of : date
    bound : Bound
        The leads that are there on the day.
    tables : Tables
    frame : DataFrame, index the column of the account's id, as it first stands in the leads
        `people` (leads of the account whom no `never` bars), `score` (points), `threshold` (missing without one),
        `qualified` (missing without a threshold), `best_person` (the lead with the highest total), in the order of the
        leads.
    """

    rulebook: Rulebook
    as_of: dt.date
    bound: Bound
    tables: Tables

    @property
    def _asked(self) -> Account:
        assert self.rulebook.account is not None
        return self.rulebook.account

    @cached_property
    def _account(self) -> tuple[npt.NDArray[np.int64], list[str]]:
        """(n_leads,) the account of each lead by its place in the list, -1 of none; and the ids as they came."""
        name = self._asked.id
        column = self.tables.column(name, compiled(self.rulebook).leads[name].kind, self.rulebook)
        assert column.codes is not None
        codes = np.append(column.codes, -1)[self.bound.record].astype(np.int64)
        there, first, place = np.unique(codes, return_index=True, return_inverse=True)
        known = there >= 0
        order = np.argsort(first[known], kind="stable")
        number = np.full(len(there), -1)
        number[np.flatnonzero(known)[order]] = np.arange(len(order))
        raw = self.tables.leads[name].take(self.bound.record[first[known][order]]).to_pylist()
        return number[place.reshape(-1)], [as_text(value) for value in raw]

    @cached_property
    def _person(self) -> npt.NDArray[np.bool_]:
        """(n_leads,) who is one of an account's people."""
        return (self._account[0] >= 0) & (self.bound.blocked < 0)

    def _counting(self, place: int) -> npt.NDArray[np.bool_]:
        """(n_leads,) the people whom a rule counts."""
        holds = self.bound.plan.people[place]
        return self._person if holds is None else self._person & self.bound.holds(holds)

    def _earned(self, place: int, rule: AccountRule) -> Ints:
        """(n_accounts,) what a rule gives before its limits, in thousandths."""
        account, ids = self._account
        people = self._counting(place)
        if rule.best or rule.sum:
            points = {"fit": self.bound.fit, "behaviour": self.bound.behaviour}
            whole = points | {"total": self.bound.fit + self.bound.behaviour}
            of = whole[str(rule.best or rule.sum)][people]
            found = np.full(len(ids), np.iinfo(np.int64).min) if rule.best else np.zeros(len(ids), np.int64)
            (np.maximum if rule.best else np.add).at(found, account[people], of)
            return np.where(np.bincount(account[people], minlength=len(ids)) > 0, found, 0)
        if rule.once_per is None:
            number = np.bincount(account[people], minlength=len(ids))
        else:
            value = self._values(rule.once_per)[self.bound.record]
            pairs = np.unique(np.column_stack([account, value])[people & (value >= 0)], axis=0)
            number = np.bincount(pairs[:, 0], minlength=len(ids))
        if rule.from_ is None:
            return np.where(number > 0, thousandths(rule.points or 0), 0)
        edges = sorted(rule.from_)
        steps = np.array([0, *(thousandths(rule.from_[edge]) for edge in edges)], np.int64)
        return steps[np.searchsorted(edges, number, "right")]

    def _values(self, name: str) -> npt.NDArray[np.int64]:
        """(n_rows + 1,) a number for each value of a lead column; -1 where missing, and last for a lead without any."""
        kind = compiled(self.rulebook).leads[name].kind
        column = self.tables.column(name, "text" if kind == "any" else kind, self.rulebook)
        if column.numbers is None:
            assert column.codes is not None
            return np.append(column.codes, -1).astype(np.int64)
        codes = np.unique(column.numbers, return_inverse=True)[1]
        return np.append(np.where(column.missing, -1, codes), -1)

    @cached_property
    def _points(self) -> list[tuple[AccountRule, Ints, Ints]]:
        """Each rule's points before and within its limits."""
        earned = [(rule, self._earned(place, rule)) for place, rule in enumerate(self._asked.rules)]
        return [(rule, points, np.clip(points, *_bounds(rule))) for rule, points in earned]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per account; see the class."""
        account, ids = self._account
        people = np.flatnonzero(self._person)
        score = sum((kept for *_, kept in self._points), np.zeros(len(ids), np.int64))
        frame = pd.DataFrame(
            {"people": np.bincount(account[people], minlength=len(ids)), "score": score / 1000},
            index=pd.Index(ids, name=self._asked.id, dtype=object),
        )
        bar = self._asked.threshold
        frame["threshold"] = np.nan if bar is None else bar
        qualified = pd.array(score >= thousandths(bar or 0), "boolean")
        frame["qualified"] = pd.array([pd.NA] * len(ids), "boolean") if bar is None else qualified
        order = people[np.argsort(-(self.bound.fit + self.bound.behaviour)[people], kind="stable")]
        first = order[np.unique(account[order], return_index=True)[1]]
        best = pd.Series(lead_ids(self.tables, self.bound.lead[first]).astype(object), account[first])
        frame["best_person"] = best.reindex(range(len(ids))).to_numpy()
        return frame

    @cached_property
    def points(self) -> pd.DataFrame:
        """One column per rule, before limits; accounts by rules, float64 points."""
        return pd.DataFrame({rule.name: points / 1000 for rule, points, _ in self._points}, self.frame.index)

    def explain(self, account_id: Any) -> Explanation:
        """Where an account's points come from: every rule, every limit that cut one, and person by person who counts.

        Raises
        ------
        ArgumentError
            If there is no such account on the day.
        """
        ids = self._account[1]
        known = {normalise(one): place for place, one in enumerate(ids)}
        text = as_text(account_id) if isinstance(account_id, (str, int, float)) else ""
        place = known.get(normalise(text))
        if place is None:
            raise ArgumentError("account_id", f"there is no account {account_id!r}{did_you_mean(text, ids)}")
        lines = []
        for rule, points, kept in self._points:
            lines.append(("account", rule.name, points[place] / 1000))
            if points[place] != kept[place]:
                lines.append(("account", f"limit {rule.name}", (kept[place] - points[place]) / 1000))
        row = self.frame.iloc[place]
        bar = "" if pd.isna(row["threshold"]) else f", threshold {row['threshold']:g}"
        verdict = "" if pd.isna(row["qualified"]) else f": {'qualified' if row['qualified'] else 'not qualified'}"
        people = counted(int(row["people"]), "person", "people")
        headline = f"{ids[place]} on {self.as_of}: {row['score']:g} points from {people}{bar}{verdict}"
        frame = pd.DataFrame(lines, columns=["side", "line", "points"])
        return Explanation(headline, ids[place], frame, tuple(self._told(place)))

    def _told(self, place: int) -> Iterator[str]:
        """Each of an account's leads, and the rules that count it; of a sum or the best all people are looked at."""
        rows = np.flatnonzero(self._account[0] == place)
        scored = verdicts(self.bound)
        rules = [(at, rule) for at, rule in enumerate(self._asked.rules) if rule.people is not None]
        counting = {rule.name: self._counting(at) for at, rule in rules}
        for row, lead in zip(rows, lead_ids(self.tables, self.bound.lead[rows]), strict=True):
            fit, behaviour, barred = (scored[name].iloc[row] for name in ("fit", "behaviour", "blocked_by"))
            sums = f"{lead}: fit {fit:g} + behaviour {behaviour:g}"
            counts = [name for name, people in counting.items() if people[row]]
            by = f"counts for {', '.join(counts)}" if counts else "counts for none of the rules about people"
            yield f"{sums}; {by if pd.isna(barred) else f'left out: {barred}'}."

    @property
    def headline(self) -> str:
        """How many accounts qualify."""
        whole, book = counted(len(self), "account"), named(self.rulebook)
        if self._asked.threshold is None:
            return f"{whole} scored on {self.as_of} by {book}; it has no threshold for accounts."
        qualified = int(self.frame["qualified"].sum())
        share = f" ({qualified / len(self):.1%})" if len(self) else ""
        return f"{qualified:,} of {whole}{share} qualify on {self.as_of} by {book}."

    @property
    def notes(self) -> tuple[str, ...]:
        """Leads that are left out, and why there is no interval."""
        alone = int((self._account[0] < 0).sum())
        barred = int(((self._account[0] >= 0) & ~self._person).sum())
        none = (f"{counted(alone, 'lead')} without an account left out.",) if alone else ()
        out = (f"{counted(barred, 'lead')} that a `never` bars left out.",) if barred else ()
        return (*none, *out, "Every account is counted: this is no sample, so there is no interval.")

    def sections(self) -> Iterator[Section]:
        """The accounts; people see the ten highest."""
        top = self.frame.sort_values("score", ascending=False, kind="stable").head(_TOP)
        title = f"The {_TOP} highest" if len(self) > _TOP else "Accounts"
        yield Section("frame", title, self.frame, top, formats={"score": ".10g", "threshold": ".10g"})

    def __len__(self) -> int:
        return len(self._account[1])


def _bounds(rule: AccountRule) -> tuple[int, int]:
    """The limits of a rule, in thousandths."""
    bounds = np.iinfo(np.int64)
    low, high = rule.at_least, rule.at_most
    return bounds.min if low is None else thousandths(low), bounds.max if high is None else thousandths(high)


def score_accounts(tables: Tables, rulebook: Rulebook, *, as_of: Any) -> AccountScores:
    """Give each account its points from its people, as they stood at the end of a day.

    Its people are the leads that are there on the day, whose id of the account is known, and whom no `never` bars. Ids
    are compared as normalised text. What people score does not depend on it.

    Parameters
    ----------
    tables : Tables
    rulebook : Rulebook
        With `account`.
    as_of : date, or text as "2026-03-31"
        The day, in the rulebook's time zone.

    Returns
    -------
    AccountScores
        `frame`, `points`, `explain(account_id)`.

    Raises
    ------
    ContractError
        If the tables lack a column the rulebook uses, or hold values that it cannot read.
    ArgumentError
        If the rulebook has no `account`, `as_of` is no day, or tables and rulebook are not in this order.

    Examples
    --------
    >>> import leadscore as ls
    >>> rulebook = ls.Rulebook.from_yaml('''
    ... leadscore: 2
    ... name: demo
    ... fit: [{name: Seniority, column: seniority, points: {VP: 30, Analyst: 5}}]
    ... behaviour: [{name: Visit, event: visit, points: 10}]
    ... qualify: {threshold: 40}
    ... account:
    ...   id: account_id
    ...   rules:
    ...     - {name: Best person, best: total, at_most: 35}
    ...     - {name: Engaged people, people: {behaviour: {at_least: 10}}, from: {1: 5, 2: 10}}
    ...   threshold: 40
    ... ''')
    >>> leads = pd.DataFrame({"lead_id": ["a", "b"], "account_id": "Acme", "seniority": ["VP", "Analyst"]})
    >>> events = pd.DataFrame({"lead_id": ["a", "b"], "event": "visit", "at": "2026-03-30"})
    >>> tables = ls.load_tables(leads, events, rulebook=rulebook)
    >>> accounts = ls.score_accounts(tables, rulebook, as_of="2026-03-31")
    >>> accounts.frame[["people", "score", "qualified"]]
                people  score  qualified
    account_id
    Acme             2   45.0       True
    >>> accounts.explain("acme")
    Acme on 2026-03-31: 45 points from 2 people, threshold 40: qualified
    <BLANKLINE>
    Where the points come from:
      side     line               points
      account  Best person           +40
      account  limit Best person      -5
      account  Engaged people        +10
    <BLANKLINE>
    - a: fit 30 + behaviour 10; counts for Engaged people.
    - b: fit 5 + behaviour 10; counts for Engaged people.
    """
    with Arguments("score_accounts") as given:
        given.types(tables=(tables, Tables), rulebook=(rulebook, Rulebook))
        day = given.day("as_of", as_of)
    if rulebook.account is None:
        raise ArgumentError("rulebook", f"{rulebook.name!r} has no 'account': it says how people make up an account")
    today = day_number(day)
    bound = Timeline(compiled(rulebook), tables, today, today).everyone(today)
    return AccountScores(rulebook, day, bound, tables)
