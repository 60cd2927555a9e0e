"""Leads scored in the database where they are, as the command line shows them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from leadscore.base.text import counted
from leadscore.engines.sql.mapped import Mapped, mapped
from leadscore.engines.sql.program import written
from leadscore.engines.sql.servers import Server, refusals
from leadscore.imports.data_file import DataFile
from leadscore.present.result import Result, Section
from leadscore.rulebook import Rulebook
from leadscore.scoring.scores import TOP, headline, ways
from leadscore.sources.databases import Database


@dataclass(frozen=True, eq=False, repr=False)
class ScoredInDatabase(Result):
    """Each lead's points and verdict on a day, by the database where they are.

    Attributes
    ----------
    rulebook : Rulebook
    as_of : date
    frame : DataFrame, index lead_id, sorted
        As `Scores.frame`.
    accounts : DataFrame or None
        As `AccountScores.frame`, where it is asked for.
    left_out : dict of table to int
        How many rows are of nobody among the leads.
    """

    rulebook: Rulebook
    as_of: dt.date
    frame: pd.DataFrame
    accounts: pd.DataFrame | None
    left_out: dict[str, int]

    @property
    def headline(self) -> str:
        """How many leads qualify."""
        return headline(int(self.frame["qualified"].sum()), len(self.frame), self.as_of, self.rulebook)

    @property
    def notes(self) -> tuple[str, ...]:
        """Rows that are left out, and why there is no interval."""
        strangers = (
            f"{counted(n, name.removesuffix('s'))} of people who are not among the leads left out."
            for name, n in self.left_out.items()
            if n
        )
        return (*strangers, "Every lead is counted: this is no sample, so there is no interval.")

    def sections(self) -> Iterator[Section]:
        """How leads qualify, and the ten highest."""
        yield Section("ways", "How they qualify", ways(self.frame))
        top = self.frame.nlargest(TOP, "total")
        points = dict.fromkeys(("fit", "behaviour", "total", "threshold"), ".10g")
        yield Section("frame", f"The {TOP} highest" if len(self) > TOP else "Leads", self.frame, top, formats=points)

    def __len__(self) -> int:
        return len(self.frame)


def scored_in(  # noqa: PLR0913 - where, what by, and how much
    server: Server,
    rulebook: Rulebook,
    as_of: dt.date,
    tables: dict[str, str],
    found: Mapped | None = None,
    *,
    accounts: bool = False,
) -> ScoredInDatabase:
    """Score the leads of some tables, or of those that a data file maps; with `accounts` their accounts too.

    Raises
    ------
    ContractError
        If the tables break their contract.
    """
    tables = tables if found is None else found.tables
    with refusals(server):
        program = written(rulebook, server, tables, server.dialect, tables, as_of)
    left_out = {}
    if found is not None:
        program = replace(program, checks=program.checks | found.checks)
        left_out = {name: int(server.fetch(sql)["n"][0].as_py()) for name, sql in found.strangers.items()}
    by_account = program.accounts() if accounts else None
    return ScoredInDatabase(rulebook, as_of, program.frame().sort_index(), by_account, left_out)


def mapped_in(server: Server, rulebook: Rulebook, data: DataFile, variable: str) -> Mapped:
    """The tables of a data file in the database whose connection a variable holds.

    Raises
    ------
    DataFileError
        Where the file asks for more than columns.
    """
    folder = Path(data.source).parent
    within = {
        name: Database.in_environment(variable, name).relation(source.table, source.query, folder)
        for name, source in data.sources.items()
        if source.connection == variable
    }
    return mapped(data, rulebook, server, within)
