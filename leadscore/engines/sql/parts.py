"""What a rulebook in SQL is made of."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pyarrow as pa

from leadscore.engines.sql.dialects import Dialect
from leadscore.engines.sql.relations import Check
from leadscore.rulebook import Rulebook


@dataclass(frozen=True)
class Parts:
    """The statement, what it joins, and what is checked; see `Program`."""

    rulebook: Rulebook
    as_of: dt.date
    dialect: Dialect
    sql: str
    accounts_sql: str | None
    tables: dict[str, pa.Table]
    checks: dict[str, Check]
    named: dict[str, str]
    raw: dict[str, tuple[str, str]]
