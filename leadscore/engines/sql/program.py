"""`to_sql`: a rulebook for the database where the leads are, and what is asked of it there."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number
from leadscore.base.text import counted
from leadscore.base.times import is_text
from leadscore.engines.sql.columns import Lookups
from leadscore.engines.sql.contract import contract
from leadscore.engines.sql.dialects import Dialect
from leadscore.engines.sql.happenings import Happenings
from leadscore.engines.sql.parts import Parts
from leadscore.engines.sql.relations import Check, Relation, together
from leadscore.engines.sql.servers import Server, refusals, server_of
from leadscore.engines.sql.statement import Statement
from leadscore.errors import ArgumentError, ContractError, Problem
from leadscore.rulebook import Rulebook
from leadscore.rulebook.plan import Plan, compiled

# What parts of a statement are called, quoted as a table is.
_OWN = re.compile(r'["`](told|ev|days|b|p|f|v|[rmuavg]\d+)["`]')


@dataclass(frozen=True)
class Program(Parts):
    """A rulebook as SQL; made by `to_sql`.

    Attributes
    ----------
    rulebook : Rulebook
    as_of : date
    dialect : Dialect
    sql : str
        One SELECT that gives a row for each lead that is there on the day, with the columns of `Scores.frame`.
    tables : dict of name to pyarrow Table
        The look-up tables that it joins.
    checks : dict of name to Check
        What must give 0 before its figures count; each with the place and the message.
    server : Server
        The connection it was made with.
    named : dict of name to str
        The tables that it reads, as the statement names them.
    raw : dict of look-up table to (table, column)
        Which look-up tables hold values of the data as they are.
    accounts_sql : str or None
        One SELECT that gives a row for each account, with the columns of `AccountScores.frame`; None if the rulebook
        has no account. Of several that are first, or have the highest total, it is the lead with the least lead_id.
    """

    server: Server = field(repr=False)

    def frame(self) -> pd.DataFrame:
        """Each lead's points and verdict, as `Scores.frame` has them: all of one snapshot of the database.

        Raises
        ------
        ContractError
            If a check finds something.
        """
        with self._ready(keep=False):
            found = self.server.fetch(self.sql)
        return _frame(found, compiled(self.rulebook))

    def write(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write a program into a folder, in place of one that was written there before.

        `scores.sql`, `accounts.sql` where the rulebook has an account, `checks.sql` (a row for each that fails),
        `lookups/*.parquet`, and under `dbt` models, a test, and seeds of those look-up tables that may be kept in git.

        Raises
        ------
        ArgumentError
            If it is no path, or a file.
        """
        from leadscore.engines.sql.files import write  # noqa: PLC0415 - those who keep it in files only

        with Arguments("write") as given:
            path = given.path("folder", folder)
            if not given.problems and path.exists() and not path.is_dir():
                given.wrong("folder", f"{str(path)!r} is a file; name a folder")
        return write(self, path)

    def accounts(self) -> pd.DataFrame:
        """Each account's points and verdict, as `AccountScores.frame` has them, in the order of their names.

        Raises
        ------
        ContractError
            If a check finds something.
        ArgumentError
            If the rulebook has no `account`.
        """
        account = self.rulebook.account
        if self.accounts_sql is None or account is None:
            raise ArgumentError("rulebook", f"{self.rulebook.name!r} has no 'account': it says how people make one up")
        with self._ready(keep=False):
            found = self.server.fetch(self.accounts_sql).to_pandas()
        found = found.set_axis([account.id, *found.columns[1:]], axis=1).sort_values(account.id, kind="stable")
        found["qualified"] = pd.array(found["qualified"], "boolean")
        found = found.astype({account.id: object, "threshold": np.float64, "best_person": object})
        return found.set_index(account.id)

    def run(self, into: str) -> None:
        """Write the rows of `sql` to a table of the database, in place of what it held.

        Raises
        ------
        ContractError
            If a check finds something; then the table stays as it was.
        ArgumentError
            If `into` is no name of a table, or that of one that is read.
        """
        with Arguments("run") as given:
            given.types(into=(into, str))
        name = self.dialect.table(into, "into")
        if name.lower() in {one.lower() for one in self.named.values()}:
            raise ArgumentError("into", f"{into!r} is read by the statement; name another table")
        with self._ready(keep=True):
            self.server.execute(f"DROP TABLE IF EXISTS {name}")
            self.server.execute(f"CREATE TABLE {name} AS {self.sql}")

    @contextmanager
    def _ready(self, *, keep: bool) -> Iterator[None]:
        """One snapshot, with the look-up tables, in which nothing breaks the contract."""
        with refusals(self.server), self.server.snapshot(keep=keep):
            for name, table in self.tables.items():
                self.server.load(name, table)
            self._check()
            yield

    def _check(self) -> None:
        # Which of several it is, is asked where something is wrong.
        problems = [
            Problem(check.where, f"{counted(n, 'row')}: {check.message}")
            for sql, checks in together(self.checks.values()).items()
            if self._count(sql)
            for check in checks
            if (n := self._count(check.sql))
        ]
        if problems:
            raise ContractError("tables", problems)

    def _count(self, sql: str) -> int:
        return int(self.server.fetch(sql)["n"][0].as_py())


def to_sql(  # noqa: PLR0913 - the tables, and the day
    rulebook: Rulebook,
    connection: Any,
    *,
    leads: str,
    events: str | None = None,
    outcomes: str | None = None,
    as_of: Any,
) -> Program:
    r"""Write a rulebook as SQL, for the database where the leads are.

    leadscore reads the distinct values of the columns that rules use, and fills small look-up tables with what each
    value gives. The statement joins them by the value as it stands, and adds and limits whole numbers: no database has
    to normalise a text, round a figure or know a time zone. So it gives the figures of `score`, to the last digit.

    Parameters
    ----------
    rulebook : Rulebook
    connection : connection of duckdb or psycopg
        An open connection; no message says what it connects to.
    leads, events, outcomes : str
        The tables or views, as "crm.leads". Their columns are those of `load_tables`; times are timestamps or dates.
        Without events: fit only. Outcomes are needed where the rulebook asks for stages; they are read whole.
    as_of : date, or text as "2026-03-31"
        The day, in the rulebook's time zone. It stands in the statement: make it again for another day.

    Returns
    -------
    Program
        `sql`, `tables`, `checks`; `frame()` and `run(into)` use them on the connection.

    Raises
    ------
    ContractError
        If a column that the rulebook uses is not there, or holds values that it cannot read.
    ArgumentError
        If the connection is neither of duckdb nor of psycopg, a name cannot name a table, or `as_of` is no day.

    Examples
    --------
    >>> import duckdb
    >>> import leadscore as ls
    >>> rulebook = ls.Rulebook.from_yaml('''
    ... leadscore: 1
    ... name: demo
    ... fit: [{name: Home market, column: country, points: {US: 60}}]
    ... behaviour: [{name: Pricing page, event: pricing_view, points: 30, half_life_days: 30}]
    ... qualify: {threshold: 80}
    ... ''')
    >>> connection = duckdb.connect()
    >>> _ = connection.execute("CREATE TABLE leads AS FROM (VALUES ('a', 'us '), ('b', 'FR')) t(lead_id, country)")
    >>> _ = connection.execute("CREATE TABLE events (lead_id VARCHAR, event VARCHAR, \"at\" DATE)")
    >>> _ = connection.execute("INSERT INTO events VALUES ('a', 'Pricing_View', '2026-03-31')")
    >>> program = ls.to_sql(rulebook, connection, leads="leads", events="events", as_of="2026-03-31")
    >>> program.frame()[["fit", "behaviour", "total", "qualified"]].sort_index()
              fit  behaviour  total  qualified
    lead_id
    a        60.0       30.0   90.0       True
    b         0.0        0.0    0.0      False
    """
    with Arguments("to_sql") as given:
        given.types(rulebook=(rulebook, Rulebook), leads=(leads, str))
        given.types(events=(events, str | None), outcomes=(outcomes, str | None))
        day = given.day("as_of", as_of)
    server = server_of(connection)
    names = {"leads": leads, "events": events, "outcomes": outcomes}
    return made_on(rulebook, server, {key: name for key, name in names.items() if name is not None}, day)


def made_on(rulebook: Rulebook, server: Server, tables: dict[str, str], day: dt.date) -> Program:
    """A rulebook as SQL for a database that is connected to, and its tables by the names that people give them."""
    held = {key: server.dialect.table(name, key) for key, name in tables.items()}
    with refusals(server):
        return written(rulebook, server, held, server.dialect, held, day)


def written(  # noqa: PLR0913, PLR0917 - as above
    rulebook: Rulebook, server: Server, read: dict[str, str], dialect: Dialect, named: dict[str, str], day: dt.date
) -> Program:
    """A rulebook as SQL of a dialect, with values that are read from tables of a server."""
    plan = compiled(rulebook)
    for name, table in named.items():
        if _OWN.fullmatch(table.lower()):
            raise ArgumentError(name, f"{table} is a name that the statement uses itself; give it with its schema")
    relations = {
        name: Relation(name, server, read[name], dialect, named[name], "e" if name == "events" else name[0])
        for name in read
    }
    _refuse_lacking(plan, relations)
    lookups = Lookups(rulebook.timezone, rulebook.missing_values, day_number(day))
    with server.snapshot(keep=False):
        statement = _statement(plan, relations, lookups)
    checks = contract(lookups, relations["leads"], relations.get("events")) | lookups.checks
    sql, accounts = dialect.checked(statement.select()), statement.accounts()
    if accounts is not None:
        dialect.checked(accounts)
    found = (lookups.tables, checks, named, lookups.raw)
    return Program(rulebook, day, dialect, sql, accounts, *found, server)


def _statement(plan: Plan, relations: dict[str, Relation], lookups: Lookups) -> Statement:
    """The statement; the look-up tables are filled for it."""
    leads, today = relations["leads"], lookups.today
    oldest = _stages(plan, relations, lookups)
    happenings = Happenings(plan, lookups, leads, relations.get("events"), today, oldest)
    return Statement(plan, lookups, leads, happenings, today)


def _refuse_lacking(plan: Plan, relations: dict[str, Relation]) -> None:
    """Refuse tables without what the rulebook uses."""
    book = plan.rulebook.name
    problems = relations["leads"].lacking(["lead_id", *plan.leads], book)
    if "events" in relations:
        keys = [name for one in plan.happenings for name in (*one.columns, *([one.sum] if one.sum else ()))]
        problems += relations["events"].lacking(["lead_id", "at", *plan.events, *keys], book)
    if "outcomes" in relations:
        problems += relations["outcomes"].lacking(["lead_id", "stage", "at"], book)
    if problems:
        raise ContractError("tables", problems)
    kinds = {name: is_text(one.kind("lead_id")) for name, one in relations.items()}
    if len(set(kinds.values())) > 1:
        said = ", ".join(f"{name} have {one.kind('lead_id')}" for name, one in relations.items())
        raise ContractError("tables", [Problem("lead_id", f"text in one table and numbers in another: {said}")])


def _stages(plan: Plan, relations: dict[str, Relation], lookups: Lookups) -> int:
    """The stages that leads reached, as a look-up table by lead, where the rulebook asks for some; the oldest's age."""
    if not any(one.stages for one in plan.happenings):
        return 0
    from leadscore.engines.sql.stages import stages_reached  # noqa: PLC0415 - few rulebooks ask for stages

    found, n = stages_reached(plan.rulebook, relations, lookups.today)
    outcomes = relations["outcomes"]
    sql = f"SELECT ABS(COUNT(*) - {n}) AS n FROM {outcomes.sql} AS o"
    message = "more or fewer than when the look-up tables were made; make them again"
    lookups.check("outcomes", Check("outcomes", sql, message))
    lookups.tables["leadscore_stages"] = found
    return max(found["age"].to_pylist(), default=0)


def _frame(found: pa.Table, plan: Plan) -> pd.DataFrame:
    """The rows of the statement with the types of `Scores.frame`."""
    names = {
        "segment": [name for name, *_ in plan.segments],
        "via": ["hand_raise", "score"],
        "blocked_by": [name for name, _ in plan.never],
        "grade": _grades(plan),
    }
    if plan.labels:
        names["label"] = [*plan.rulebook.labels]
    columns: dict[str, Any] = {}
    for name in found.column_names[1:]:
        values = found[name].to_pandas()
        if name in names:
            known = pd.Index(dict.fromkeys(names[name]), dtype=object)
            columns[name] = pd.Categorical.from_codes(known.get_indexer(values.astype(object)), known)
        else:
            columns[name] = values.to_numpy(bool if name == "qualified" else np.float64)
    return pd.DataFrame(columns, index=pd.Index(found["lead_id"].to_pandas(), name="lead_id"))


def _grades(plan: Plan) -> list[str]:
    names = [""]
    for *_, letters in plan.grades:
        names = [name + letter for name in names for letter in letters]
    return names if plan.grades else []
