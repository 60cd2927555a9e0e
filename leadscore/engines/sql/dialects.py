"""How each database writes the little that its SQL has of its own: names, texts, days, and types."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from leadscore.errors import ArgumentError
from leadscore.sources.databases import names_in

# 0000-01-01, before every day of the calendar: so that a division of whole numbers never meets one below zero.
_BEFORE_ALL_US, _BEFORE_ALL_DAYS = 62_167_219_200_000_000, 719_528
_FIRST = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - as literals are written
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")


@dataclass(frozen=True)
class Dialect:
    """A database's SQL.

    Attributes
    ----------
    name : str
    whole, real, words, wall : str
        Its types of 64-bit integers, of doubles, of text, and of times without a zone.
    day_of : str
        The day since 1970 of an instant `{at}`, moved by `{off}` seconds.
    day_of_date : str
        The day since 1970 of a date `{x}`.
    instant : str
        The literal of an instant `{t}` in UTC.
    raw : str
        A text column `{x}` so that no collation makes two texts one.
    divide : str
        The quotient of two whole numbers `{a}` and `{b}` that goes in without a rest.
    bytes_of : str
        A text `{x}` by its bytes, where no collation counts.
    folds : bool
        Whether a collation may make two texts one all the same.
    once : str
        A query `{sql}` whose columns are worked out once, however often they are used.
    settings : pairs of name and expression
        What is set for the transaction in which it reads and scores.
    tested : bool
        Whether the tests run it.
    """

    name: str
    day_of: str
    day_of_date: str
    instant: str
    whole: str = "BIGINT"
    real: str = "DOUBLE PRECISION"
    words: str = "VARCHAR"
    wall: str = "TIMESTAMP"
    raw: str = "{x}"
    divide: str = "({a} / {b})"
    bytes_of: str = "{x}"
    folds: bool = True
    once: str = "{sql}"
    settings: tuple[tuple[str, str], ...] = ()
    tested: bool = False

    def quoted(self, name: str) -> str:
        """A column or table of one name."""
        import sqlglot.expressions as exp  # noqa: PLC0415 - for those who write SQL only

        # What Snowflake was told without quotes stands there in capitals.
        held = name.upper() if self.name == "snowflake" and _PLAIN.fullmatch(name) else name
        return str(exp.to_identifier(held, quoted=True).sql(dialect=self.name))

    def table(self, name: str, argument: str) -> str:
        """A table's name, each part quoted; a part in quotes may hold a point.

        Raises
        ------
        ArgumentError
            If it is no name.
        """
        names = names_in(name, upper=self.name == "snowflake")
        if not names:
            raise ArgumentError(
                argument, f'{name!r} cannot name a table: write it as schema.table, or as "my schema"."table"'
            )
        return ".".join(self._as_is(one) for one in names)

    def _as_is(self, name: str) -> str:
        import sqlglot.expressions as exp  # noqa: PLC0415 - as above

        return str(exp.to_identifier(name, quoted=True).sql(dialect=self.name))

    def text(self, text: str) -> str:
        """A literal text."""
        import sqlglot.expressions as exp  # noqa: PLC0415 - as above

        return str(exp.Literal.string(text).sql(dialect=self.name))

    def number(self, number: float) -> str:
        """A literal double; from text, since what a database makes of digits may be one step off."""
        text = {float("inf"): "Infinity", float("-inf"): "-Infinity"}.get(number, repr(float(number)))
        return f"CAST('{text}' AS {self.real})"

    def moment(self, seconds: int, kind: pa.DataType) -> str:
        """A literal time of a type, by its seconds since 1970."""
        time = _FIRST + dt.timedelta(seconds=seconds)
        if pa.types.is_date(kind):
            return f"CAST('{time.date()}' AS DATE)"
        written = time.isoformat(" ")
        return self.instant.format(t=written) if kind.tz else f"CAST('{written}' AS {self.wall})"

    def checked(self, sql: str) -> str:
        """A statement, once a parser of the dialect has read it."""
        import sqlglot  # noqa: PLC0415 - as above

        (_,) = sqlglot.parse(sql, read=self.name)
        return sql


def _of_microseconds(micros: str, divide: str) -> str:
    moved = f"{micros}({{at}}) + CAST({{off}} AS BIGINT) * 1000000 + {_BEFORE_ALL_US}"
    return f"({divide.format(a=f'({moved})', b=86_400_000_000)} - {_BEFORE_ALL_DAYS})"


# By an interval, since a zone would be looked up by its name for each row.
_POSTGRES_DAY = "(CAST({at} AT TIME ZONE ({off} * INTERVAL '1 second') AS DATE) - DATE '1970-01-01')"
# What a sort or a table of hashes may take in memory, at the least.
_POSTGRES_KB = 128 * 1024
_ZONED = "CAST('{t}+00' AS TIMESTAMPTZ)"
DIALECTS = {
    one.name: one
    for one in (
        Dialect(
            "duckdb",
            _of_microseconds("EPOCH_US", "{a} // {b}"),
            "({x} - DATE '1970-01-01')",
            _ZONED,
            real="DOUBLE",
            divide="({a} // {b})",
            bytes_of="ENCODE(CAST({x} AS VARCHAR))",
            tested=True,
        ),
        Dialect(
            "postgres",
            _POSTGRES_DAY,
            "({x} - DATE '1970-01-01')",
            _ZONED,
            words="TEXT",
            raw='(CAST({x} AS TEXT) COLLATE "C")',
            folds=False,
            # It puts the expression of a column in each place that reads it, but through no OFFSET.
            once="{sql} OFFSET 0",
            settings=(
                # To compile a thousand small expressions takes seconds, and saves none.
                ("jit", "'off'"),
                ("work_mem", f"GREATEST(pg_size_bytes(current_setting('work_mem')) / 1024, {_POSTGRES_KB}) || 'kB'"),
            ),
            tested=True,
        ),
        Dialect(
            "bigquery",
            _of_microseconds("UNIX_MICROS", "DIV({a}, {b})").replace("BIGINT", "INT64"),
            "UNIX_DATE({x})",
            "TIMESTAMP '{t}+00'",
            whole="INT64",
            real="FLOAT64",
            words="STRING",
            wall="DATETIME",
            divide="DIV({a}, {b})",
        ),
        Dialect(
            "snowflake",
            "DATEDIFF(DAY, CAST('1970-01-01' AS TIMESTAMP_NTZ), "
            "DATEADD(SECOND, {off}, CAST(CONVERT_TIMEZONE('UTC', {at}) AS TIMESTAMP_NTZ)))",
            "DATEDIFF(DAY, CAST('1970-01-01' AS DATE), {x})",
            "CAST('{t} +00:00' AS TIMESTAMP_TZ)",
            real="DOUBLE",
            wall="TIMESTAMP_NTZ",
        ),
        Dialect(
            "redshift",
            "CAST(DATEDIFF(DAY, CAST('1970-01-01' AS TIMESTAMP), "
            "DATEADD(SECOND, {off}, {at} AT TIME ZONE 'UTC')) AS BIGINT)",
            "CAST(DATEDIFF(DAY, CAST('1970-01-01' AS DATE), {x}) AS BIGINT)",
            _ZONED,
            words="VARCHAR(65535)",
        ),
    )
}


def dialect_of(name: Any) -> Dialect:
    """A dialect by its name.

    Raises
    ------
    ArgumentError
        If there is none.
    """
    if name not in DIALECTS:
        raise ArgumentError("dialect", f"must be one of {', '.join(DIALECTS)}; got {name!r}")
    return DIALECTS[name]
