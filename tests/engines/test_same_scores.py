"""One rulebook, one answer: every engine gives what `score` and `replay` give of the same files, to the last digit."""

import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leadscore as ls
from leadscore.engines.rows import history_rows, score_rows
from tests.support import strategies, strategies2

# An example is many files written and read.
FEW = settings(max_examples=min(settings.default.max_examples // 2, 60))
# What cuts no bucket is its own second opinion: it shows that the test can be passed at all.
ENGINES = [pytest.param("memory"), pytest.param("buckets", marks=pytest.mark.buckets)]
FORMATS = ["parquet", "csv", "parts"]


@st.composite
def worlds(draw):
    """A rulebook of format 1 or 2, its tables, and the day."""
    if draw(st.booleans()):
        case = draw(strategies.cases())
        return (
            ls.Rulebook.from_dict(case.document),
            [*strategies.frames(case, categorical=draw(st.booleans())), None],
            case.as_of,
        )
    case = draw(strategies2.cases())
    return ls.Rulebook.from_dict(case.document), list(strategies2.frames(case)), case.as_of


def written(frame, folder, name, form):
    """The path of a table that is written as one file or in parts."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    path = folder / f"{name}.{form}"
    if form == "csv":
        pa.csv.write_csv(plain(table), path)
    elif form == "parquet":
        pa.parquet.write_table(table, path)
    else:
        path = folder / name
        path.mkdir()
        ends = [0, len(table) // 3, len(table) // 2, len(table)]
        for start, end in pairwise(ends):
            pa.parquet.write_table(table.slice(start, end - start), path / f"{start}-{end}.parquet")
    return path


def plain(table):
    """Text in place of categories and nothing in place of columns without a type, which CSV has no word for."""
    kinds = {pa.types.is_dictionary: pa.string(), pa.types.is_null: pa.string(), pa.types.is_list: None}
    columns = {}
    for name in table.column_names:
        kind = next((new for test, new in kinds.items() if test(table[name].type)), table[name].type)
        texts = (
            ["; ".join(map(str, row)) if row is not None else None for row in table[name].to_pylist()]
            if kind is None
            else None
        )
        columns[name] = pa.array(texts, pa.string()) if kind is None else table[name].cast(kind)
    return pa.table(columns)


def files_of(frames, folder, form):
    names = ("leads", "events", "outcomes")
    return [
        None if frame is None else written(frame, folder, name, form)
        for name, frame in zip(names, frames, strict=False)
    ]


def scored(engine, files, book, as_of, *, buckets, folder):
    """The rows of an engine, by lead; or what it refuses, problem by problem."""
    try:
        if engine == "memory":
            tables = ls.load_tables(*files, rulebook=book, as_of=as_of)
            return rows(score_rows([ls.score(tables, book, as_of=as_of)]))
        found = ls.score_files(
            *files, rulebook=book, as_of=as_of, out=folder / "out.parquet", buckets=buckets, threads=1
        )
        assert found.headline
        return rows(pa.parquet.read_table(folder / "out.parquet"))
    except ls.ContractError as error:
        assert not (folder / "out.parquet").exists()
        return Counter(map(str, error.problems))


def replayed(engine, files, book, days, *, buckets, folder):
    start, end = days
    if engine == "memory":
        tables = ls.load_tables(*files, rulebook=book, as_of=days)
        return rows(history_rows(ls.replay(tables, book, start=start, end=end)))
    out = folder / "history"
    ls.replay_files(*files, rulebook=book, start=start, end=end, out=out, buckets=buckets, threads=1)
    return rows(
        pa.concat_tables([pa.parquet.read_table(one, partitioning=None) for one in sorted(out.glob("*.parquet"))])
    )


def rows(table):
    """Rows by lead, and the types."""
    kinds = {field.name: field.type for field in table.schema}
    frame = table.to_pandas().astype(object)
    return kinds, frame.where(frame.notna(), None).sort_values("lead_id").to_dict("list")


@pytest.mark.parametrize("engine", ENGINES)
@FEW
@given(world=worlds(), form=st.sampled_from(FORMATS), buckets=st.sampled_from([1, 2, 7]))
def test_scores(engine, world, form, buckets):
    book, frames, as_of = world
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = files_of(frames, folder, form)
        wanted = scored("memory", files, book, as_of, buckets=buckets, folder=folder)
        assert scored(engine, files, book, as_of, buckets=buckets, folder=folder) == wanted


@pytest.mark.parametrize("engine", ENGINES)
@FEW
@given(world=worlds(), length=st.sampled_from([0, 3, 40]), buckets=st.sampled_from([1, 2, 7]))
def test_histories(engine, world, length, buckets):
    book, frames, as_of = world
    days = as_of - pd.Timedelta(length, "D"), as_of
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = files_of(frames, folder, "parquet")
        wanted = replayed("memory", files, book, days, buckets=buckets, folder=folder)
        assert replayed(engine, files, book, days, buckets=buckets, folder=folder) == wanted


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
