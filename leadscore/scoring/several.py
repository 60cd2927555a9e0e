"""`score_many`: several scores of the same leads side by side, as one for each product line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.text import counted
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.scoring.scores import Scores, score
from leadscore.tables.tables import Tables

# How many leads people see, and which columns of each score.
_TOP = 10
_SEEN = ("total", "qualified")


@dataclass(frozen=True, eq=False, repr=False)
class ManyScores(Result):
    """Several scores of the same leads on one day; made by `score_many`.

    Attributes
    ----------
    as_of : date
    by_name : dict of rulebook name to Scores, in the order given
    frame : DataFrame, index lead_id
        The columns of each `Scores.frame`, with the rulebook's name and a point in front: `analytics.total`.
    """

    as_of: dt.date
    by_name: Mapping[str, Scores]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per lead; see the class."""
        return pd.concat([one.frame.add_prefix(f"{name}.") for name, one in self.by_name.items()], axis=1)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """How many leads qualify by each rulebook, and how many by it alone; index score."""
        held = pd.DataFrame({name: one.frame["qualified"] for name, one in self.by_name.items()})
        others = held.sum(axis=1)
        found = {"leads": len(held), "qualified": held.sum(), "by_it_alone": held[others == 1].sum()}
        return pd.DataFrame(found).rename_axis("score")

    @property
    def headline(self) -> str:
        """How many leads qualify by some of the rulebooks."""
        qualified = [one.frame["qualified"] for one in self.by_name.values()]
        some = int(pd.concat(qualified, axis=1).any(axis=1).sum())
        whole = counted(len(self.frame), "lead")
        return f"{some:,} of {whole} qualify on {self.as_of} by one of {len(self.by_name)} scores."

    @property
    def notes(self) -> tuple[str, ...]:
        """Why there is no interval."""
        return ("Every lead is counted: this is no sample, so there is no interval.",)

    def sections(self) -> Iterator[Section]:
        """How many qualify by each, and the leads; people see the ten with the highest total by any of them."""
        yield Section("summary", "By score", self.summary)
        totals = self.frame[[f"{name}.total" for name in self.by_name]].max(axis=1)
        rows = totals.sort_values(ascending=False, kind="stable").head(_TOP).index
        columns = [f"{name}.{column}" for name in self.by_name for column in _SEEN]
        formats = {column: ".10g" for column in columns if column.endswith(".total")}
        title = f"The {_TOP} highest by any of them" if len(self.frame) > _TOP else "Leads"
        yield Section("frame", title, self.frame, self.frame.loc[rows, columns], formats=formats)

    def __len__(self) -> int:
        return len(self.frame)


def score_many(tables: Tables, rulebooks: Sequence[Rulebook], *, as_of: Any) -> ManyScores:
    """Give each lead its points by several rulebooks, as one for each product line or brand.

    Parameters
    ----------
    tables : Tables
        With the columns of all: `load_tables(..., rulebook=rulebooks)` reads what they share once.
    rulebooks : sequence of Rulebook
        Each with a name of its own, which heads its columns.
    as_of : date, or text as "2026-03-31"

    Returns
    -------
    ManyScores
        `frame`, `by_name`, `summary`.

    Raises
    ------
    ContractError
        If the tables lack a column that one of the rulebooks uses, or hold values that it cannot read.
    ArgumentError
        If there is no rulebook, two have the same name, `as_of` is no day, or the arguments are not in this order.

    Examples
    --------
    >>> import leadscore as ls
    >>> text = '''
    ... leadscore: 2
    ... name: analytics
    ... behaviour: [{name: Pages, event: page_view, where: {product: analytics}, points: 10}]
    ... qualify: {threshold: 10}
    ... '''
    >>> books = [ls.Rulebook.from_yaml(text), ls.Rulebook.from_yaml(text.replace("analytics", "storage"))]
    >>> leads = pd.DataFrame({"lead_id": ["a", "b"]})
    >>> events = pd.DataFrame({"lead_id": ["a"], "event": "page_view", "product": "Storage", "at": "2026-03-30"})
    >>> tables = ls.load_tables(leads, events, rulebook=books)
    >>> ls.score_many(tables, books, as_of="2026-03-31").frame[["analytics.total", "storage.total"]]
             analytics.total  storage.total
    lead_id
    a                    0.0           10.0
    b                    0.0            0.0
    """
    with Arguments("score_many") as given:
        given.types(tables=(tables, Tables))
        listed = isinstance(rulebooks, (list, tuple)) and all(isinstance(one, Rulebook) for one in rulebooks)
        if not listed or not rulebooks:
            given.wrong("rulebooks", f"must be a list of rulebooks, one or more; got {rulebooks!r}")
        names = [one.name for one in rulebooks] if listed else []
        for name in sorted({name for name in names if names.count(name) > 1}):
            given.wrong("rulebooks", f"two are called {name!r}; their columns would be the same")
        day = given.day("as_of", as_of)
    return ManyScores(day, {one.name: score(tables, one, as_of=day) for one in rulebooks})
