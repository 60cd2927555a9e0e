"""What each engine makes of the same tables, and the one way in which it is held against `score` and `replay`."""

import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from hypothesis import strategies as st

import leadscore as ls
from leadscore.engines.rows import as_rows, history_rows, score_rows
from leadscore.errors import LeadscoreError
from leadscore.sources.source import open_source
from tests.support import in_database, strategies, strategies2

NAMES = ("leads", "events", "outcomes")


def same_scores(engine, world, *, form="parquet", buckets=3, there=None):
    """Hold an engine's scores of a world against those of memory: every column it has, to the last digit.

    `there` is a connection or a Spark session; engines on files take them in a form.
    """
    book, frames, as_of = world
    if engine in {"memory", "buckets"}:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            files = files_of(frames, folder, form)
            wanted = scored("memory", files, book, as_of, buckets=buckets, folder=folder)
            assert scored(engine, files, book, as_of, buckets=buckets, folder=folder) == wanted
        return
    tables = {name: table for name, table in zip(NAMES, frames, strict=True) if table is not None}
    try:
        scores = in_database.scored(book, tables, as_of)
    except LeadscoreError:
        # In words of its own, which its own tests hold it to.
        return
    _, wanted = rows(score_rows([scores]))
    if engine == "spark":
        held = {name: there.createDataFrame(arrow(table)) for name, table in tables.items()}
        found = ls.score_spark(**held, rulebook=book, as_of=as_of, buckets=buckets).toArrow()
        columns = {*wanted}
    else:
        found = as_rows(ls.to_sql(book, there, **in_database.put(there, **tables), as_of=as_of).frame())
        columns = {"lead_id", *scores.frame.columns}
    assert {*found.column_names} == columns
    assert rows(found)[1] == {name: values for name, values in wanted.items() if name in columns}


def same_histories(engine, world, length, *, buckets):
    """Hold an engine's replay of the days up to that of a world against that of memory."""
    book, frames, as_of = world
    days = as_of - pd.Timedelta(length, "D"), as_of
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = files_of(frames, folder, "parquet")
        wanted = replayed("memory", files, book, days, buckets=buckets, folder=folder)
        assert replayed(engine, files, book, days, buckets=buckets, folder=folder) == wanted


def arrow(frame):
    """A table as it is read, and as Spark takes it."""
    return frame if isinstance(frame, pa.Table) else open_source(frame, "leads").table([*map(str, frame.columns)])


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
    return [
        None if frame is None else written(frame, folder, name, form)
        for name, frame in zip(NAMES, frames, strict=False)
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
