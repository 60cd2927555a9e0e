"""`score_spark` and `replay_spark`: the rulebook where Spark has the tables, a bucket of leads at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_of
from leadscore.base.text import kind_of
from leadscore.engines.rows import history_rows, score_rows
from leadscore.errors import ContractError, Problem
from leadscore.rulebook import Rulebook
from leadscore.scoring.replay import replay
from leadscore.scoring.scores import score
from leadscore.sources.contract import refuse
from leadscore.tables.loading import load_tables
from leadscore.tables.tables import Tables

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# What is made of the tables of a bucket; and what it is made by, given them by name.
_Job = Callable[[Mapping[str, pa.Table]], pa.Table]

# Spark's own number of parts of a shuffle, where a service writes "auto" for it.
_BUCKETS = 200
_LARGE_TEXT = "spark.sql.execution.arrow.useLargeVarTypes"
_BUCKET, _IS_EVENT = "bucket", "is_event"
# What is not here is text.
_TYPES = {
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.timestamp("us", "UTC"): "timestamp_ltz",
}


def score_spark(  # noqa: PLR0913 - the tables, the rulebook and the day, and into how many buckets
    leads: DataFrame,
    events: DataFrame,
    rulebook: Rulebook,
    *,
    as_of: Any,
    outcomes: DataFrame | None = None,
    buckets: int | None = None,
) -> DataFrame:
    """Score each lead in Spark: what `score` gives, to the last digit.

    Leads and events are shuffled by a hash of `lead_id` into buckets, and Spark's Python workers score each bucket with
    `score` itself. Only the columns that the rulebook needs are shuffled. Nothing runs before the result is written,
    counted or shown.

    Parameters
    ----------
    leads : Spark DataFrame
        As `load_tables` takes them: `lead_id`, optionally `created_at` and `valid_from`, and attribute columns.
    events : Spark DataFrame
        `lead_id`, `event`, `at`, and the columns that a `where` tests.
    rulebook : Rulebook
    as_of : date, or text as "2026-03-31"
        The day, in the rulebook's time zone.
    outcomes : Spark DataFrame, optional
        `lead_id`, `stage`, `at`, where the rulebook asks for stages.
    buckets : int, optional
        Into how many parts the leads are cut; by default `spark.sql.shuffle.partitions`. A Python worker holds a bucket
        whole: up to five million events each are a good size.

    Returns
    -------
    Spark DataFrame, one row per lead that exists on the day, in no order
        `lead_id`; `fit`, `behaviour`, `total` (points, double); `segment`, `threshold`, `qualified`, `via`,
        `blocked_by`, `grade`, with labels also `label`, as in `Scores.frame`; `reason_1` to `reason_3`, as
        `Scores.reasons` has them.

    Raises
    ------
    ArgumentError
        If `leads`, `events` or `outcomes` is no Spark DataFrame, `as_of` no day, or `buckets` no whole number from 1;
        without pyspark 4.0 or later.
    ContractError
        If a column that the rulebook uses is not there, or ids are neither text nor numbers. Rows that break the
        contract are found by the workers: Spark raises its own error then, which holds the message, with rows counted
        within their bucket.

    See Also
    --------
    leadscore.score : The same for tables in memory, with explanations.

    Notes
    -----
    Timestamps of Spark are points in time, whatever time zone the session has; those without a zone (`timestamp_ntz`)
    and dates are wall-clock times in the rulebook's `timezone`. The page "On a cluster" says how to choose memory and
    buckets.

    Examples
    --------
    >>> import leadscore as ls
    >>> from pyspark.sql import SparkSession  # doctest: +SKIP
    >>> spark = SparkSession.builder.getOrCreate()  # doctest: +SKIP
    >>> rulebook = ls.Rulebook.read("rulebook.yaml")  # doctest: +SKIP
    >>> leads, events = spark.table("crm.leads"), spark.table("web.events")  # doctest: +SKIP
    >>> scores = ls.score_spark(leads, events, rulebook, as_of="2026-03-31")  # doctest: +SKIP
    >>> scores.write.saveAsTable("crm.scores")  # doctest: +SKIP
    """
    with Arguments("score_spark") as given:
        frames = _frames(given, leads, events, outcomes)
        given.types(rulebook=(rulebook, Rulebook))
        day = given.day("as_of", as_of)
        parts = _number(given, leads, buckets)

    def scored(held: Mapping[str, pa.Table]) -> pa.Table:
        return score_rows([score(load_tables(**held, rulebook=rulebook, as_of=day), rulebook, as_of=day)])

    return _by_bucket(scored, frames, rulebook, parts)


def replay_spark(  # noqa: PLR0913 - the tables, the rulebook and the period, and into how many buckets
    leads: DataFrame,
    events: DataFrame,
    rulebook: Rulebook,
    *,
    start: Any,
    end: Any,
    outcomes: DataFrame | None = None,
    buckets: int | None = None,
) -> DataFrame:
    """Find in Spark the first day of a period on which each lead qualifies: what `replay` gives, to the last digit.

    It runs as `score_spark` does.

    Parameters
    ----------
    leads, events, rulebook, outcomes, buckets
        As `score_spark` takes them.
    start, end : date, or text as "2026-03-31"
        The first and the last day of the period, in the rulebook's time zone.

    Returns
    -------
    Spark DataFrame, one row per lead that qualified, in no order
        `lead_id`, and the columns of `History.frame`: `day`, `already`, `qualified_at` and the scores of that day.

    Raises
    ------
    ArgumentError
        As `score_spark`; also if `start` or `end` is no day, or the period ends before it starts.
    ContractError
        As `score_spark`.

    See Also
    --------
    leadscore.replay : The same for tables in memory, with every stay and the weeks.

    Notes
    -----
    `qualified_at` is missing where the events have a date only. `replay` asks that of all events, this of those in a
    bucket: where a whole bucket happens to have times at midnight only, its leads have none here.

    Examples
    --------
    >>> import leadscore as ls
    >>> history = ls.replay_spark(leads, events, rulebook, start="2026-01-01", end="2026-03-31")  # doctest: +SKIP
    >>> history.where("not already").groupBy("day").count().show()  # doctest: +SKIP
    """
    with Arguments("replay_spark") as given:
        frames = _frames(given, leads, events, outcomes)
        given.types(rulebook=(rulebook, Rulebook))
        first, last = map(day_of, given.period(start, end))
        parts = _number(given, leads, buckets)

    def replayed(held: Mapping[str, pa.Table]) -> pa.Table:
        tables = load_tables(**held, rulebook=rulebook, as_of=(first, last))
        return history_rows(replay(tables, rulebook, start=first, end=last))

    return _by_bucket(replayed, frames, rulebook, parts)


# ----------------------------------------------------------------------------------------------------------- arguments


def _frames(given: Arguments, leads: Any, events: Any, outcomes: Any) -> dict[str, DataFrame]:
    """The tables that are given, by name."""
    try:
        import pyspark.sql  # noqa: PLC0415 - few have it
    except ImportError:
        given.wrong("leads", "must be a Spark DataFrame, and Spark is not there: pip install 'leadscore[spark]'")
        return {}
    found = {"leads": leads, "events": events} | ({} if outcomes is None else {"outcomes": outcomes})
    for name, frame in found.items():
        if not isinstance(frame, pyspark.sql.DataFrame):
            cure = "spark.createDataFrame(table) makes one of a pandas or Arrow table"
            given.wrong(name, f"must be a Spark DataFrame; got {kind_of(frame)}; {cure}")
    version = pyspark.__version__
    if int(version.split(".")[0]) < 4:
        given.wrong("leads", f"needs Spark 4.0 or later, which can give Python a bucket as Arrow has it; got {version}")
    if not given.problems and leads.sparkSession.conf.get(_LARGE_TEXT, "false") == "true":
        cure = "versions of Spark differ in what they take back then; for long texts take more buckets"
        given.wrong("leads", f"are of a session with {_LARGE_TEXT}, which must be false: {cure}")
    return found


def _number(given: Arguments, leads: Any, buckets: int | None) -> int:
    """How many buckets: as many as Spark itself would make parts, if nothing is said."""
    if buckets is not None:
        return given.whole("buckets", buckets, least=1)
    if given.problems:
        return 1
    setting = leads.sparkSession.conf.get("spark.sql.shuffle.partitions", str(_BUCKETS))
    return int(setting) if setting.isdigit() else _BUCKETS


# ------------------------------------------------------------------------------------------------------------- buckets


def _by_bucket(job: _Job, frames: Mapping[str, DataFrame], rulebook: Rulebook, buckets: int) -> DataFrame:
    """What a job makes of each bucket, as a DataFrame that is not computed yet."""
    kinds = _id_kinds(frames)
    empty = {name: pa.table([pa.nulls(0)] * len(frame.columns), names=frame.columns) for name, frame in frames.items()}
    # Of no leads at all: columns that are not there are found, and the types that the rows of each bucket have.
    columns = _columns(load_tables(**empty, rulebook=rulebook))
    schema = _schema(job(empty), kinds["leads"])

    def work(key: tuple[pa.Scalar, ...], leads: pa.Table, others: pa.Table) -> pa.Table:
        held = {"leads": leads} | _apart(others)
        held = {name: _named(name, part, columns[name]) for name, part in held.items()}
        try:
            return job(held).cast(schema)
        except ContractError as error:
            source = f"bucket {key[0].as_py()} of {buckets} (rows are counted within it)"
            raise ContractError(source, error.problems) from None

    cut = {name: _cut(name, frame, columns[name], kinds, buckets) for name, frame in frames.items()}
    others = _together(cut["events"], cut["outcomes"]) if "outcomes" in cut else cut["events"]
    found = cut["leads"].groupBy(_BUCKET).cogroup(others.groupBy(_BUCKET)).applyInArrow(work, _ddl(schema))
    if kinds["leads"] == "string":
        return found
    return found.withColumn("lead_id", found["lead_id"].cast(frames["leads"].schema["lead_id"].dataType))


def _id_kinds(frames: Mapping[str, DataFrame]) -> dict[str, str]:
    """Whether the ids of each table are text or whole numbers, by Spark's names of these."""
    from pyspark.sql.types import NullType, NumericType, StringType  # noqa: PLC0415 - few have it

    kinds, problems = {}, []
    for name, frame in frames.items():
        kind = next((field.dataType for field in frame.schema if field.name == "lead_id"), StringType())
        kinds[name] = "bigint" if isinstance(kind, NumericType) else "string"
        if not isinstance(kind, (StringType, NumericType, NullType)):
            message = f"{kind.simpleString()} values where ids are needed: whole numbers below 2**63, or text"
            problems.append(Problem(f"{name}.lead_id", message))
    refuse(problems)
    return kinds


def _columns(tables: Tables) -> dict[str, list[str]]:
    """The columns of each table that were read, those of ids first."""
    events = dict.fromkeys(["lead_id", "event", "at", *tables.events.known])
    return {"leads": tables.leads.column_names, "events": [*events], "outcomes": ["lead_id", "stage", "at"]}


def _cut(name: str, frame: DataFrame, columns: list[str], kinds: Mapping[str, str], buckets: int) -> DataFrame:
    """Some columns of a table, by number since Spark reads a point in a name, and the bucket that each row is in."""
    from pyspark.sql import functions as f  # noqa: PLC0415 - few have it

    part = frame.select(*(f.col(_quoted(one)).alias(f"{name}{at}") for at, one in enumerate(columns)))
    lead_id = part[f"{name}0"]
    # Ids are compared as text where a table has text. What is no whole number is refused in whatever bucket it is.
    known = lead_id if kinds[name] == "string" else lead_id.try_cast("bigint")
    compared = known.cast("string" if "string" in kinds.values() else "bigint")
    return part.withColumn(_BUCKET, f.pmod(f.xxhash64(compared), f.lit(buckets)))


def _quoted(column: str) -> str:
    return f"`{column.replace('`', '``')}`"


def _together(events: DataFrame, outcomes: DataFrame) -> DataFrame:
    """Both as one table: Spark takes buckets of no more than two."""
    from pyspark.sql import functions as f  # noqa: PLC0415 - few have it

    return events.withColumn(_IS_EVENT, f.lit(True)).unionByName(outcomes, allowMissingColumns=True)


def _apart(others: pa.Table) -> dict[str, pa.Table]:
    """What `_together` made one."""
    if _IS_EVENT not in others.column_names:
        return {"events": others}
    event = pc.is_valid(others[_IS_EVENT])
    return {"events": others.filter(event), "outcomes": others.filter(pc.invert(event))}


def _named(name: str, part: pa.Table, columns: list[str]) -> pa.Table:
    """A table with the names that its columns had before `_cut`."""
    # In one piece: it comes in batches of 10,000 rows, for which reading takes half as long again.
    return part.select([f"{name}{at}" for at in range(len(columns))]).rename_columns(columns).combine_chunks()


def _schema(rows: pa.Table, ids: str) -> pa.Schema:
    """The columns of rows in types that Spark has: no dictionaries, and ids of their own kind."""
    kinds = {field.name: field.type if field.type in _TYPES else pa.string() for field in rows.schema}
    return pa.schema(kinds | {"lead_id": pa.string() if ids == "string" else pa.int64()})


def _ddl(schema: pa.Schema) -> str:
    """The columns and types as Spark writes them."""
    return ", ".join(f"{_quoted(field.name)} {_TYPES.get(field.type, 'string')}" for field in schema)
