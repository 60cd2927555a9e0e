"""The sixty rules in Postgres' SQL: the statement of `duckdb_sql.py` as someone who knows Postgres would write it.

Without reasons. What makes it fast there: columns of a subquery are worked out once, behind an OFFSET; texts of leads
are joined by `=`, which can be hashed; the day of an event is a difference of dates, by an interval and no zone's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import patch

import book
import duckdb_sql
import sqlglot
from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Iterable

_DAY = f"(DATE '{book.AS_OF}' - CAST(\"at\" AT TIME ZONE INTERVAL '0 seconds' AS DATE))"


def without_largest(source: str, _: Iterable[str], prefix: str) -> str:
    """The columns of the three largest keys, which nothing needs."""
    return f"SELECT *, 0 AS {prefix}1, 0 AS {prefix}2, 0 AS {prefix}3 FROM {source}"


def rewritten(node: exp.Expression) -> exp.Expression:
    """What DuckDB has and Postgres writes in another way."""
    if isinstance(node, exp.Contains):
        return exp.GT(this=exp.StrPosition(this=node.this, substr=node.expression), expression=exp.Literal.number(0))
    if isinstance(node, exp.EndsWith):
        text = node.expression
        return exp.EQ(this=exp.func("RIGHT", node.this, exp.Literal.number(len(text.name))), expression=text)
    if isinstance(node, exp.NullSafeEQ):
        left, right = (exp.func("COALESCE", one, exp.Literal.string("")) for one in (node.this, node.expression))
        return exp.EQ(this=left, expression=right)
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.UTINYINT:
        return exp.DataType.build("SMALLINT")
    if isinstance(node, exp.Literal) and node.this == r"[^\pL\pN]+":
        return exp.Literal.string("[^[:alnum:]]+")
    if isinstance(node, exp.Alias) and node.alias == "age" and node.find(exp.Cast) and "EPOCH_US" in node.sql().upper():
        return exp.alias_(sqlglot.parse_one(_DAY, read="postgres"), "age")
    return node


def query() -> str:
    """The whole statement over the relations `leads` and `events`."""
    with patch.object(duckdb_sql, "with_largest", without_largest):
        columns = ", ".join(f"{expression} AS {column}" for column, expression in duckdb_sql.answered().items())
        parts = f"{duckdb_sql.fit()}, {duckdb_sql.behaviour()}, {duckdb_sql.scored()}, {duckdb_sql.judged_leads()}"
    tree = sqlglot.parse_one(f"WITH {parts} SELECT lead_id, {columns} FROM judged", read="duckdb").transform(rewritten)
    # What is rewritten is not gone into.
    tree = tree.transform(rewritten)
    for select in tree.find_all(exp.Select):
        if isinstance(select.parent, exp.Subquery | exp.CTE):
            select.set("offset", exp.Offset(expression=exp.Literal.number(0)))
    for place, one in enumerate(tree.find_all(exp.Subquery)):
        if isinstance(one.parent, exp.From | exp.Join) and not one.alias:
            one.set("alias", exp.TableAlias(this=exp.to_identifier(f"s{place}")))
    return tree.sql(dialect="postgres")
