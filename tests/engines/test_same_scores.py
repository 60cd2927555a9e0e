"""One rulebook, one answer: every engine gives what `score` and `replay` give of the same tables, to the last digit."""

import tempfile
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pandas as pd
import psycopg
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import leadscore as ls
from tests.support.engines import files_of, same_histories, same_scores, worlds

# An example is many files written and read, or a database filled; to make it smaller takes minutes.
FEW = settings(max_examples=min(settings.default.max_examples // 2, 60), phases=[Phase.generate])
# What cuts no bucket is its own second opinion: it shows that the test can be passed at all. Spark's examples run with
# its other tests, in one session.
ON_FILES = [pytest.param("memory"), pytest.param("buckets", marks=pytest.mark.buckets)]
ENGINES = [
    *ON_FILES,
    pytest.param("duckdb", marks=pytest.mark.duckdb),
    pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow]),
]
FORMATS = ["parquet", "csv", "parts"]


@contextmanager
def connected(engine, request):
    """The connection of an engine that has one."""
    if engine == "duckdb":
        with duckdb.connect() as connection:
            yield connection
    elif engine == "postgres":
        with psycopg.connect(request.getfixturevalue("address")) as connection:
            yield connection
    else:
        yield None


@pytest.mark.parametrize("engine", ENGINES)
@FEW
@given(world=worlds(), form=st.sampled_from(FORMATS), buckets=st.sampled_from([1, 2, 7]))
def test_scores(engine, request, world, form, buckets):
    with connected(engine, request) as there:
        same_scores(engine, world, form=form, buckets=buckets, there=there)


@pytest.mark.parametrize("engine", ON_FILES)
@FEW
@given(world=worlds(), length=st.sampled_from([0, 3, 40]), buckets=st.sampled_from([1, 2, 7]))
def test_histories(engine, world, length, buckets):
    same_histories(engine, world, length, buckets=buckets)


@pytest.mark.buckets
@FEW
@given(world=worlds(), buckets=st.sampled_from([1, 2, 7]))
def test_findings(world, buckets):
    """What fires for nobody is said of all leads; which of equally common values are named may differ."""
    book, frames, as_of = world
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = files_of(frames, folder, "parquet")
        tables = ls.load_tables(*files, rulebook=book, as_of=as_of)
        days = as_of - pd.Timedelta(20, "D"), as_of
        both = [
            (
                ls.score(tables, book, as_of=as_of),
                ls.score_files(*files, rulebook=book, as_of=as_of, out=folder / "out.csv", buckets=buckets, threads=1),
            ),
            (
                ls.replay(tables, book, start=days[0], end=days[1]),
                ls.replay_files(
                    *files,
                    rulebook=book,
                    start=days[0],
                    end=days[1],
                    out=folder / "history.csv",
                    buckets=buckets,
                    threads=1,
                ),
            ),
        ]
        for wanted, found in both:
            assert said(found.findings) == said(wanted.findings)
            if buckets == 1:
                known = wanted.findings["message"].isin(found.findings["message"])
                events = found.findings["message"].str.contains(
                    "none of the events that are called so meets its 'where'"
                )
                assert (~known).sum() == events.sum()


def said(findings):
    rows = findings[findings["code"] != "LS213"]
    return sorted(zip(rows["code"], rows["where"], rows["n"], strict=True))
