"""Spark gives what `score` and `replay` give, to the last digit, in every column."""

import datetime as dt
import gc
import os
import shutil
import sys
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from typer.testing import CliRunner

import leadscore as ls
from leadscore.cli import app
from leadscore.engines.rows import history_rows, score_rows
from tests.support import hostile, strategies, strategies2
from tests.support.engines import arrow, same_scores, worlds

AS_OF = "2026-03-29"
PERIOD = {"start": "2026-03-01", "end": "2026-04-10"}
# Every day of which the random tables know something.
YEARS = {"start": "2024-01-01", "end": "2026-12-31"}
VISITS = (
    "{leadscore: 1, name: x, behaviour: [{name: V, event: visit, count: each, points: 2}], qualify: {threshold: 3}}"
)
# Each example is two or three jobs; one that is smaller says no more.
FEW = settings(max_examples=4, phases=[Phase.generate])
MANY = settings(max_examples=60, phases=[Phase.generate])
pytestmark = [
    pytest.mark.spark,
    pytest.mark.slow,
    # It says so of every pandas from 3.0 on; what is used of it here are Arrow tables alone.
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    # It leaves its sockets to the collector of garbage.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    """Spark on two threads, reached by nobody else; it makes three parts of a shuffle."""
    pytest.importorskip("pyspark")
    if not shutil.which("java") and not os.environ.get("JAVA_HOME"):
        pytest.skip("Spark needs Java")
    from pyspark.sql import SparkSession  # noqa: PLC0415 - where it is installed

    here = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.ui.enabled": "false"}
    here |= {"spark.driver.memory": "1g", "spark.local.dir": str(tmp_path_factory.mktemp("spark"))}
    here |= {"spark.ui.showConsoleProgress": "false"}
    here |= {"spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": "3"}
    # What Arrow has without a zone comes to Spark without one.
    here |= {"spark.sql.timestampType": "TIMESTAMP_NTZ"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        session = SparkSession.builder.master("local[2]").config(map=here).getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()
    gc.collect()


def by_id(rows):
    return sorted(rows.to_pylist(), key=lambda row: str(row["lead_id"]))


def compared(spark, leads, events, rulebook, outcomes=None, *, as_of=AS_OF, period=PERIOD):
    """The rows of a score and of a replay, as they are in memory, once they were found the same in Spark."""
    held = [None if one is None else arrow(one) for one in (leads, events, outcomes)]
    there = [None if one is None else spark.createDataFrame(one) for one in held]
    tables = ls.load_tables(*held, rulebook=rulebook)
    scores = by_id(score_rows([ls.score(tables, rulebook, as_of=as_of)]))
    found = ls.score_spark(*there[:2], rulebook, outcomes=there[2], as_of=as_of)
    assert by_id(found.toArrow()) == scores
    history = by_id(history_rows(ls.replay(tables, rulebook, **period)))
    # In one bucket, as it decides by itself whether there are times of day.
    found = ls.replay_spark(*there[:2], rulebook, outcomes=there[2], buckets=1, **period)
    assert by_id(found.toArrow()) == history
    return scores, history


def crowd(case):
    """Leads ten times over, each time with other events, so that every bucket has some."""
    leads = [row | {"lead_id": f"{row['lead_id']}~{copy}"} for copy in range(10) for row in case.leads]
    events = [
        row | {"lead_id": f"{row['lead_id']}~{copy}"}
        for copy in range(10)
        for place, row in enumerate(case.events)
        if not copy or (place + copy) % 4
    ]
    return case._replace(leads=leads, events=events)


def same_in_format_2(spark, case):
    outcomes = [row | {"lead_id": f"{row['lead_id']}~{copy}"} for copy in range(10) for row in case.outcomes]
    leads, events, reached = strategies2.frames(crowd(case)._replace(outcomes=outcomes))
    rulebook = ls.Rulebook.from_dict(case.document)
    compared(spark, leads, events, rulebook, reached, as_of=case.as_of, period=YEARS)


@FEW
@given(world=worlds())
def test_scores(spark, world):
    """As every engine is tried in `test_same_scores`."""
    same_scores("spark", world, there=spark)


@FEW
@given(case=strategies2.cases())
def test_random_rulebooks(spark, case):
    same_in_format_2(spark, case)


@pytest.mark.soak
@MANY
@given(case=strategies2.cases())
def test_many_random_rulebooks(spark, case):
    same_in_format_2(spark, case)


@pytest.mark.soak
@MANY
@given(case=strategies.cases())
def test_many_random_rulebooks_of_format_1(spark, case):
    leads, events = strategies.frames(crowd(case))
    compared(spark, leads, events, ls.Rulebook.from_dict(case.document), as_of=case.as_of, period=YEARS)


def test_a_funnel_in_many_buckets(spark):
    """With outcomes and without, more buckets than parts of the shuffle; it takes no columns but those it needs."""
    made = ls.datasets.make_funnel(1500, random_state=3)
    rulebook = made.rulebook
    scores, history = compared(spark, made.leads, made.events, rulebook)
    assert len(scores) > 1000
    assert len(history) > 100
    leads, events = (spark.createDataFrame(arrow(frame)) for frame in (made.leads, made.events))
    # Of rows at hand Spark works out everything when it plans.
    spoilt = [one.repartition(2).selectExpr("*", "raise_error('read') as `not.needed`") for one in (leads, events)]
    before = len(spark.sparkContext.statusTracker().getJobIdsForGroup())
    scored = ls.score_spark(*spoilt, rulebook, as_of=AS_OF, buckets=7)
    replayed = ls.replay_spark(*spoilt, rulebook, **PERIOD, buckets=5)
    assert len(spark.sparkContext.statusTracker().getJobIdsForGroup()) == before
    assert by_id(scored.toArrow()) == scores
    assert by_id(replayed.toArrow()) == history
    assert scored.where("lead_id is null").count() == 0


MOMENTS = [
    "2026-03-08T06:59:59.999999Z",
    "2026-03-08T07:00Z",
    "2025-11-02T05:30Z",
    "2025-11-02T06:30Z",
    "1930-06-01T12:00Z",
]
MOMENTS += [
    "2026-03-29T03:59:59.999999Z",
    "2026-03-29T04:00Z",
    "2026-03-30T03:59:59.999999Z",
    "2026-03-30T04:00Z",
    None,
]
TITLES = [*hostile.NAMES, "İstanbul", "ﬁnance", "Straße", "\u200b", "", " N/A ", "\x1f", None]
NUMBERS = [0.009, float("nan"), float("inf"), -float("inf"), -0.0, 1e308, 2.0**53, 50.0, None]
ROWS = len(TITLES) * 3


def turn(values, kind, rows=ROWS):
    """As many values as there are rows, each in its turn."""
    return pa.array([values[row % len(values)] for row in range(rows)], kind)


def hostile_world():
    moments = [None if one is None else dt.datetime.fromisoformat(one) for one in MOMENTS]
    wall = [None if one is None else one.replace(tzinfo=None) for one in moments]
    ids = [hostile.as_id(f"{row}{TITLES[row % len(TITLES)]}") for row in range(ROWS)]
    leads = {
        "lead_id": pa.array(ids),
        "created_at": turn([moments[4], None], pa.timestamp("us", "UTC")),
        "title.of `it`": turn(TITLES, pa.string()),
        "amount": turn(NUMBERS, pa.float64()),
        "Größe": turn([Decimal("0.009"), Decimal("50.000"), None], pa.decimal128(20, 3)),
        "small": turn([1, 50, None, -3], pa.int8()),
        "written": turn(["50", " 0.009", "1e3", None, "n/a"], pa.string()),
        "vip": turn([True, None, False], pa.bool_()),
        "signed": turn([None if one is None else one.date() for one in moments], pa.date32()),
        "called": turn(moments, pa.timestamp("us", "UTC")),
        "seen": turn(wall, pa.timestamp("us")),
        "said": turn(MOMENTS, pa.string()),
        "tags": turn([["a", " B "], [], None, ["b", None]], pa.list_(pa.string())),
    }
    events = {
        "lead_id": turn(ids, pa.string(), 7 * ROWS),
        "event": turn([*map(hostile.printable, hostile.NAMES), "visit"], pa.string(), 7 * ROWS),
        "at": turn([one for one in moments if one], pa.timestamp("us", "UTC"), 7 * ROWS),
        "worth": turn([1.5, 0.001, float("nan"), None], pa.float64(), 7 * ROWS),
        "asset": turn(TITLES, pa.string(), 7 * ROWS),
    }
    return pa.table(leads), pa.table(events)


def hostile_book():
    names = [hostile.printable(name) for name in hostile.NAMES]
    title = "title.of `it`"
    tests = [
        *({title: {"contains": text}} for text in ("script", "istanbul", "finance", "strasse")),
        *({column: {"at_least": 0.009}} for column in ("amount", "Größe", "small", "written")),
        *({"amount": {"at_most": bound}} for bound in (0, 50, 1_000_000)),
        {"vip": True},
        {"tags": {"has_option": "b"}},
        *({column: {"at_least": dt.date(2026, 3, 8)}} for column in ("signed", "called", "seen", "said")),
        *({column: {"days_ago": {"at_most": 0}}} for column in ("signed", "called", "seen", "said")),
    ]
    fit = [
        {"name": f"{place} {names[place]}", "when": test, "points": place + 0.001} for place, test in enumerate(tests)
    ]
    behaviour = [
        {"name": "Each", "event": names[:12], "points": 3, "count": "each"},
        {"name": "Of some", "event": "visit", "where": {"asset": {"known": True}}, "points": 7, "half_life_days": 30},
        {"name": "Worth", "event": [*names[12:], "visit"], "sum": "worth", "from": {0.5: 4, 2: 9}},
    ]
    said = {"leadscore": 2, "name": "hostile", "timezone": "America/New_York", "missing_values": ["n/a"]}
    said |= {"columns": {"tags": {"type": "options"}}, "qualify": {"threshold": 60}}
    return ls.Rulebook.from_dict(said | {"fit": fit, "behaviour": behaviour})


@pytest.fixture(params=["UTC", "Asia/Kolkata"])
def settings_of(spark, request):
    """Sessions differ in their time zone, and in what becomes of a cast that fails."""
    ansi = str(request.param == "UTC").lower()
    here = {"spark.sql.session.timeZone": request.param, "spark.sql.ansi.enabled": ansi}
    before = {name: spark.conf.get(name) for name in here}
    for name, value in here.items():
        spark.conf.set(name, value)
    yield
    for name, value in before.items():
        spark.conf.set(name, value)


@pytest.mark.usefixtures("settings_of")
def test_hostile_values_in_every_type_of_spark(spark):
    """Whatever zone the session has: a timestamp is a point in time, one without a zone the rulebook's wall clock."""
    leads, events = hostile_world()
    scores, history = compared(spark, leads, events, hostile_book())
    assert len(history) > 20
    fired = {row[f"reason_{place}"] for row in scores for place in (1, 2, 3)}
    assert len(fired) > 12, fired


IDS = {
    "int": pa.int32(),
    "bigint": pa.int64(),
    "decimal": pa.decimal128(38, 0),
    "double": pa.float64(),
    "string": pa.string(),
}


def test_ids_of_any_type_meet(spark):
    """As in memory: whole numbers whatever type they have, text and numbers by how they are written."""
    numbers, rulebook = [*range(-3, 40)], ls.Rulebook.from_yaml(VISITS)
    pairs = [("int", "bigint"), ("bigint", "double"), ("decimal", "int"), ("double", "decimal"), ("string", "bigint")]
    pairs += [("int", "string"), ("string", "double"), ("string", "string")]
    for ours, theirs in pairs:
        leads = pa.table({"lead_id": pa.array(numbers, pa.int64()).cast(IDS[ours])})
        ids = pa.array(numbers[::2], pa.int64()).cast(pa.string() if theirs == "string" else IDS[theirs])
        events = pa.table({"lead_id": ids, "event": ["visit"] * len(ids), "at": ["2026-03-20"] * len(ids)})
        want = by_id(score_rows([ls.score(ls.load_tables(leads, events, rulebook=rulebook), rulebook, as_of=AS_OF)]))
        given_leads, given_events = spark.createDataFrame(leads), spark.createDataFrame(events)
        found = ls.score_spark(given_leads, given_events, rulebook, as_of=AS_OF)
        assert found.schema["lead_id"].dataType == given_leads.schema["lead_id"].dataType, (ours, theirs)
        assert by_id(found.toArrow()) == want, (ours, theirs)


def refused(frame):
    from pyspark.errors import PythonException  # noqa: PLC0415 - where it is installed

    with pytest.raises(PythonException) as error:
        frame.toArrow()
    return str(error.value)


def test_rows_that_break_the_contract_are_named_with_their_bucket(spark):
    rulebook = ls.Rulebook.from_yaml(VISITS)
    leads = spark.createDataFrame(pa.table({"lead_id": ["a", "b", "b"]}))
    events = {"lead_id": ["a", "zz"], "event": ["visit", "visit"], "at": ["2026-03-20", "20.3.2026"]}
    text = refused(ls.score_spark(leads, spark.createDataFrame(pa.table(events)), rulebook, as_of=AS_OF, buckets=1))
    assert "leadscore.errors.ContractError: 3 problems in bucket 0 of 1 (rows are counted within it)" in text
    assert "leads.lead_id: 2 rows: a lead_id that is not unique\n" in text
    assert "events.lead_id: 1 row: events of leads that are not among the leads" in text
    assert "it seems day.month.year" in text
    none = spark.createDataFrame(pa.table({"lead_id": pa.array([None, "a"]), "x": [1, 2]}))
    visits = spark.createDataFrame(pa.table({name: values[:1] for name, values in events.items()}))
    assert "leads.lead_id: 1 row: no lead_id" in refused(ls.replay_spark(none, visits, rulebook, **PERIOD, buckets=4))
    # Of no lead at all, in a bucket that has none.
    stranger = spark.createDataFrame(pa.table({"lead_id": ["c"], "event": ["visit"], "at": ["2026-03-20"]}))
    assert "events of leads that are not among the leads" in refused(
        ls.score_spark(leads.limit(2), stranger, rulebook, as_of=AS_OF, buckets=40)
    )


def test_what_is_wrong_with_columns_is_said_before_anything_runs(spark):
    rulebook = ls.Rulebook.from_yaml(
        VISITS.replace("behaviour", "fit: [{name: A, when: {country: US}, points: 1}], behaviour")
    )
    good = {"lead_id": ["a"], "event": ["visit"], "at": ["2026-03-20"]}
    leads, events = (spark.createDataFrame(pa.table(one)) for one in ({"lead_id": ["a"], "Country": ["US"]}, good))
    with pytest.raises(ls.ContractError, match="no column 'country', which rulebook 'x' uses; did you mean 'Country'"):
        ls.score_spark(leads, events, rulebook, as_of=AS_OF)
    dated = events.selectExpr("date'2026-01-01' as lead_id", "event", "at")
    with pytest.raises(ls.ContractError, match=r"events\.lead_id: date values where ids are needed"):
        ls.score_spark(leads, dated, rulebook, as_of=AS_OF)
    nested = leads.selectExpr("lead_id", "map('a', 1) as country")
    assert "where text is needed" in refused(ls.score_spark(nested, events, rulebook, as_of=AS_OF))
    spark.conf.set("spark.sql.execution.arrow.useLargeVarTypes", "true")
    try:
        with pytest.raises(ls.ArgumentError, match="useLargeVarTypes, which must be false"):
            ls.score_spark(leads, events, rulebook, as_of=AS_OF)
    finally:
        spark.conf.set("spark.sql.execution.arrow.useLargeVarTypes", "false")
    staged = ls.Rulebook.from_yaml(
        VISITS.replace("leadscore: 1", "leadscore: 2").replace("points: 2", "points: 2, when: {did: {stage: won}}")
    )
    with pytest.raises(ls.ContractError, match="asks for stages"):
        ls.replay_spark(leads, events, staged, **PERIOD)
    # A table without a row may have no types either.
    nobody = spark.createDataFrame(pa.table({"lead_id": pa.nulls(0)}))
    none = ls.score_spark(nobody, events.limit(0), ls.Rulebook.from_yaml(VISITS), as_of=AS_OF)
    assert none.count() == 0
    assert none.columns[:2] == ["lead_id", "fit"]


def test_on_the_command_line(spark, tmp_path, monkeypatch):
    """In the session that is there: from folders of Parquet, and by the names of its tables."""
    monkeypatch.chdir(tmp_path)
    made = ls.datasets.make_funnel(300, random_state=3)
    made.rulebook.write("rulebook.yaml")
    for name, frame in {"leads": made.leads, "events": made.events}.items():
        spark.createDataFrame(arrow(frame)).write.parquet(f"{tmp_path}/{name}.parquet")
        spark.read.parquet(f"{tmp_path}/{name}.parquet").createOrReplaceTempView(f"our_{name}")
    # A session that runs already takes relative paths from where it was started.
    for out, form in ((f"{tmp_path}/files", f"{tmp_path}/{{}}.parquet"), (f"{tmp_path}/named", "our_{}")):
        tables = [word for name in ("leads", "events") for word in (f"--{name}", form.format(name))]
        found = CliRunner().invoke(app, ["score", "--engine", "spark", *tables, "--as-of", AS_OF, "--out", out])
        assert found.exit_code == 0, found.output
        tables = ls.load_tables(made.leads, made.events, rulebook=made.rulebook)
        scores = ls.score(tables, made.rulebook, as_of=AS_OF)
        assert scores.headline in found.output
        assert by_id(spark.read.parquet(out).toArrow()) == by_id(score_rows([scores]))


def test_what_spark_refuses_is_a_line_and_leaves_no_folder(spark, tmp_path, monkeypatch):
    """On the command line, in place of pages of calls; what a worker found is said in our words."""
    monkeypatch.chdir(tmp_path)
    made = ls.datasets.make_funnel(300, random_state=3)
    made.rulebook.write("rulebook.yaml")
    twice = pa.concat_tables([arrow(made.leads), arrow(made.leads.head(2))])
    spark.createDataFrame(twice).createOrReplaceTempView("twice")
    spark.createDataFrame(arrow(made.events)).createOrReplaceTempView("clicks")
    refused = "1 problem in Spark\n  [TABLE_OR_VIEW_NOT_FOUND] The table or view `nobody` cannot be found."
    for leads, said in (
        ("nobody", refused),
        ("twice", "leads.lead_id: 2 rows: a lead_id that is not unique\n      row "),
    ):
        given = ["--leads", leads, "--events", "clicks", "--as-of", AS_OF, "--out", f"{tmp_path}/scores"]
        found = CliRunner().invoke(app, ["score", "--engine", "spark", *given])
        assert found.exit_code == 1
        assert said in found.output
        assert "Traceback" not in found.output
        assert not (tmp_path / "scores").exists()
