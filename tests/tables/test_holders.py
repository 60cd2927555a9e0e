"""Ids, and whatever holds the tables: the same data gives the same scores."""

import csv
import datetime as dt
import math
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import leadscore as ls
from tests.scoring.test_scoring import expected, plain
from tests.support.one_lead import AS_OF, FEW, HALF, VISITS, days_ago, document, frames_of
from tests.support.strategies import cases, frames


@pytest.mark.parametrize(
    ("leads", "events", "points"),
    [
        ([1, 2], [1, 1], [2, 0]),
        (["1", "2"], ["1", "1"], [2, 0]),
        ([1, 2], ["1", "1"], [2, 0]),
        (["1", "2"], [1, 1], [2, 0]),
        (["1", "2"], [1.0, 1.0], [2, 0]),
        ([1, 2], [1.0, 1.0], [2, 0]),
        ([1, 10**12], [10**12, 10**12], [0, 2]),
        ([-(10**15), 10**15], [10**15, -(10**15)], [1, 1]),
        ([2**63 - 1, -(2**63)], [2**63 - 1, 2**63 - 1], [2, 0]),
        (["01", "1"], [1, 1], [0, 2]),
        (["a ", "a"], ["a", "a"], [0, 2]),
        (["é", "e\u0301"], ["é", "é"], [2, 0]),
    ],
)
def test_ids_are_matched_as_they_are(leads, events, points):
    rulebook = ls.Rulebook.from_dict(VISITS)
    table = pd.DataFrame({"lead_id": events, "event": "visit", "at": "2026-03-31"})
    scores = ls.score(ls.load_tables(pd.DataFrame({"lead_id": leads}), table, rulebook=rulebook), rulebook, as_of=AS_OF)
    assert scores.frame.index.tolist() == leads
    assert scores.frame["total"].tolist() == points


@pytest.mark.parametrize(
    ("leads", "events"),
    [
        ([1, 2], [3, 1]),
        (["1"], ["01", "1"]),
        ([1], ["01", "1"]),
        (["01"], [1, 1]),
        ([1], ["1.0", "1"]),
        (["a"], ["A", "a"]),
        ([1, 2], [1.5, 1.0]),
        ([1, 10**12], [5, 1]),
        (["1", "x"], [1.5, 1.0]),
        ([1], [None, 1]),
        (["a"], [None, "a"]),
    ],
)
def test_ids_that_are_no_leads_are_named(leads, events):
    rulebook = ls.Rulebook.from_dict(VISITS)
    table = pd.DataFrame({"lead_id": events, "event": "visit", "at": "2026-03-31"})
    with pytest.raises(ls.ContractError, match=r"events\.lead_id"):
        ls.load_tables(pd.DataFrame({"lead_id": leads}), table, rulebook=rulebook)


@pytest.mark.parametrize(
    "leads",
    [
        [True, False],
        [1.5, 2.0],
        pd.to_datetime(["2026-01-01"]),
        [dt.date(2026, 1, 1)],
        [[1], [2]],
        [2**64 - 1],
        [2**70],
    ],
    ids=str,
)
def test_values_that_are_no_ids_are_refused(leads):
    with pytest.raises(ls.ContractError, match=r"leads\.lead_id"):
        ls.load_tables(pd.DataFrame({"lead_id": leads}))


def as_parquet(frame: pd.DataFrame, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
    return path


def halves(frame: pd.DataFrame, folder: Path, kind: str) -> Path:
    """Two parts in one folder, beside what Spark and Jupyter leave there."""
    middle = len(frame) // 2
    for name, part in (("part-0", frame.iloc[:middle]), ("part-1", frame.iloc[middle:])):
        if kind == "parquet":
            # The same schema in both, as one job writes it.
            schema = pa.Schema.from_pandas(frame, preserve_index=False)
            (folder).mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pandas(part, schema=schema, preserve_index=False), folder / f"{name}.parquet")
        else:
            as_csv(part.to_dict("records"), list(frame), folder / f"{name}.csv")
    (folder / "_SUCCESS").write_bytes(b"")
    (folder / ".DS_Store").write_bytes(b"\0")
    return folder


def cell(value):
    if value is None or value != value or value is pd.NA:  # noqa: PLR0124 - NaN and NaT differ from themselves
        return ""
    return str(value).lower() if isinstance(value, bool | np.bool_) else str(value)


def as_csv(rows: list[dict], columns: list[str], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([[cell(row.get(name)) for name in columns] for row in rows])
    return path


def converted(frame: pd.DataFrame, **how) -> pd.DataFrame:
    # pandas 2 asks numpy whether an infinite number is whole.
    with np.errstate(invalid="ignore"):
        return frame.convert_dtypes(**how)


def objects(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype(object).where(frame.notna(), None)


HOLDERS = {
    "object columns": lambda frame, _: objects(frame),
    "nullable columns": lambda frame, _: converted(frame),
    "Arrow-backed columns": lambda frame, _: converted(frame, dtype_backend="pyarrow"),
    "lead_id as index": lambda frame, _: frame.set_index("lead_id"),
    "Arrow table": lambda frame, _: pa.Table.from_pandas(frame, preserve_index=False),
    "Arrow table in chunks": lambda frame, _: pa.concat_tables(
        [pa.Table.from_pandas(frame, preserve_index=False).slice(start, 2) for start in range(0, len(frame) + 1, 2)]
    ),
    "Arrow reader": lambda frame, _: pa.Table.from_pandas(frame, preserve_index=False).to_reader(),
    "polars": lambda frame, _: pl.from_arrow(pa.Table.from_pandas(frame, preserve_index=False)),
    "duckdb": lambda frame, _: duckdb.from_arrow(pa.Table.from_pandas(frame, preserve_index=False)),
    "Parquet file": lambda frame, folder: as_parquet(frame, folder / "table.parquet"),
    "folder of parts": lambda frame, folder: halves(frame, folder / "parts", "parquet"),
    "glob": lambda frame, folder: str(halves(frame, folder / "parts", "parquet") / "*.parquet"),
}


@FEW
@pytest.mark.parametrize("holder", HOLDERS)
@given(case=cases())
def test_any_holder_gives_the_same_scores(holder, case):
    rulebook, leads, events = frames_of(case)
    with tempfile.TemporaryDirectory() as folder:
        held = [HOLDERS[holder](frame, Path(folder) / name) for name, frame in (("leads", leads), ("events", events))]
        scores = ls.score(ls.load_tables(*held, rulebook=rulebook), rulebook, as_of=case.as_of)
        assert plain(scores.frame) == expected(case)


@HALF
@given(cases())
def test_categorical_columns_give_the_same_scores(case):
    rulebook = ls.Rulebook.from_dict(case.document)
    scores = ls.score(ls.load_tables(*frames(case, categorical=True), rulebook=rulebook), rulebook, as_of=case.as_of)
    assert plain(scores.frame) == expected(case)


@HALF
@given(cases(), st.sampled_from(["file", "parts", "compressed"]))
def test_csv_gives_the_same_scores(case, form):
    rows = [*case.leads, *case.events]
    # Text has no word for infinity that all programs share, and blank text between quotes is nothing.
    assume(not any(isinstance(value, float) and math.isinf(value) for row in rows for value in row.values()))
    rulebook, leads, events = frames_of(case)
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, table, held in (("leads", case.leads, leads), ("events", case.events, events)):
            base = Path(folder) / name
            if form == "parts":
                as_csv(table[::2], list(held), base / "a.csv")
                as_csv(table[1::2], list(held), base / "b.csv")
                paths.append(base)
            else:
                paths.append(as_csv(table, list(held), base / "all.csv"))
                if form == "compressed":
                    with pa.CompressedOutputStream(str(base / "all.csv.gz"), "gzip") as out:
                        out.write(paths[-1].read_bytes())
                    paths[-1] = base / "all.csv.gz"
        scores = ls.score(ls.load_tables(*paths, rulebook=rulebook), rulebook, as_of=case.as_of)
        assert plain(scores.frame) == expected(case)


def test_hive_folders_give_their_values_as_text(tmp_path):
    """A country NO and a code 007 in a folder's name stay what they are; Hive's word for null is missing."""
    frame = pd.DataFrame(
        {"lead_id": ["a", "b", "c", "d"], "country": ["NO", "US", None, "a b"], "code": ["007", "7", "07", "70"]}
    )
    made = document(
        fit=[
            {"column": "country", "points": {"NO": 1, "a b": 2}, "other": 3, "missing": 4},
            {"column": "code", "points": {"007": 10, "7": 20, "07": 30}, "other": 40},
        ]
    )
    rulebook = ls.Rulebook.from_dict(made)
    flat = ls.score(ls.load_tables(frame, rulebook=rulebook), rulebook, as_of=AS_OF).frame["total"].to_dict()
    assert flat == {"a": 11, "b": 23, "c": 34, "d": 42}
    for row in frame.itertuples():
        country = "__HIVE_DEFAULT_PARTITION__" if pd.isna(row.country) else row.country.replace(" ", "%20")
        as_parquet(
            frame.loc[[row.Index], ["lead_id"]], tmp_path / f"country={country}" / f"code={row.code}" / "0.parquet"
        )
    assert ls.score(ls.load_tables(tmp_path, rulebook=rulebook), rulebook, as_of=AS_OF).frame["total"].to_dict() == flat


def test_hive_folders_of_numbers(tmp_path):
    for n in ("5", "50"):
        as_parquet(pd.DataFrame({"lead_id": [f"lead {n}"]}), tmp_path / f"n={n}" / "0.parquet")
    rulebook = ls.Rulebook.from_dict(document(fit=[{"column": "n", "from": {0: 1, 50: 10}}]))
    scores = ls.score(ls.load_tables(tmp_path, rulebook=rulebook), rulebook, as_of=AS_OF)
    assert scores.frame["total"].to_dict() == {"lead 5": 1, "lead 50": 10}


@pytest.mark.parametrize("hidden", [".ipynb_checkpoints/a-checkpoint", "_temporary/0/a", ".a", "_a"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_jupyter_and_spark_hide_is_not_read(tmp_path, hidden, kind):
    frame = pd.DataFrame(days_ago(0)).astype({"at": str})
    for name in ("a", hidden):
        path = tmp_path / f"{name}.{kind}"
        as_parquet(frame, path) if kind == "parquet" else as_csv(frame.to_dict("records"), list(frame), path)
    rulebook = ls.Rulebook.from_dict(VISITS)
    scores = ls.score(
        ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), tmp_path, rulebook=rulebook), rulebook, as_of=AS_OF
    )
    assert scores.frame["total"].tolist() == [1]
    shown = tmp_path / f"b.{kind}"
    as_parquet(frame, shown) if kind == "parquet" else as_csv(frame.to_dict("records"), list(frame), shown)
    scores = ls.score(
        ls.load_tables(pd.DataFrame({"lead_id": ["a"]}), tmp_path, rulebook=rulebook), rulebook, as_of=AS_OF
    )
    assert scores.frame["total"].tolist() == [2]
