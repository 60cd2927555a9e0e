"""`leadscore score` and `replay` with `--engine`: the same rows whichever is taken, by default by the size."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from leadscore.cli import app
from leadscore.datasets.funnel import example
from tests.cli.test_cli import finished

pytestmark = pytest.mark.buckets
SCORE = ("score", "rulebook.yaml", "--leads", "leads.csv", "--events", "events.csv", "--as-of", "2026-03-31")
REPLAY = ("replay", "rulebook.yaml", "--leads", "leads.csv", "--events", "events.csv")
REPLAY += ("--start", "2026-03-01", "--end", "2026-03-31")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("rulebook.yaml", "leads.csv", "events.csv"):
        Path(name).write_text(example(name), encoding="utf-8")


def run(*words):
    return CliRunner().invoke(app, words)


def rows(path):
    return pd.read_csv(path).sort_values("lead_id").reset_index(drop=True)


@pytest.mark.parametrize("command", [SCORE, REPLAY])
def test_both_engines_write_the_same_rows(command):
    for engine in ("memory", "buckets"):
        result = run(*command, "--out", f"{engine}.csv", "--engine", engine)
        assert result.exit_code == 0, result.stderr
    pd.testing.assert_frame_equal(rows("memory.csv"), rows("buckets.csv"))


@pytest.mark.parametrize("command", [SCORE, REPLAY])
def test_the_size_of_the_tables_decides(command, monkeypatch):
    assert "bucket" not in run(*command, "--out", "small.csv").stdout
    monkeypatch.setattr("leadscore.engines.size._MOST", {"leads": 5, "events": 5, "outcomes": 5})
    result = run(*command, "--out", "large.csv")
    assert "in 1 bucket" in result.stdout
    pd.testing.assert_frame_equal(rows("small.csv"), rows("large.csv"))
    # What needs the tables as a whole is done in memory as ever.
    assert "bucket" not in run(*command, "--out", "aside.csv", "--set-aside").stdout


def test_a_folder_of_parts_and_json():
    result = run(*SCORE, "--out", "scores", "--buckets", "3", "--format", "json")
    said = json.loads(result.stdout)
    assert said["written"] == "scores"
    assert "Scored in 3 buckets; rows stand bucket by bucket." in said["notes"]
    assert len(list(Path("scores").glob("bucket=*.parquet"))) == 3
    assert len(pd.concat([pd.read_parquet(one) for one in Path("scores").glob("*.parquet")])) == 11


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--out", "s.csv", "--engine", "memory", "--buckets", "2"), "goes with '--engine buckets'"),
        (("--out", "s.csv", "--engine", "buckets", "--set-aside"), "--set-aside: done in memory only"),
        (("--out", "s.csv", "--engine", "buckets", "--account-scores", "a.csv"), "done in memory only"),
        (("--out", "s", "--engine", "memory"), "must end in .parquet or .csv; got 's'"),
        (("--out", "s.prq", "--engine", "buckets"), ".parquet or .csv, or for a folder have no ending; got 's.prq'"),
        (("--out", "s.csv", "--buckets", "0"), "'--buckets'"),
        (("--out", "leads.csv", "--engine", "buckets"), "would replace"),
    ],
)
def test_what_does_not_go_together_is_bad_usage(words, message):
    result = run(*SCORE, *words)
    assert result.exit_code in {1, 2}
    assert message in result.stderr
    assert not Path("s.csv").exists()


def test_refusals_have_the_lines_of_the_files():
    text = Path("events.csv").read_text(encoding="utf-8")
    Path("events.csv").write_text(text.replace("L-1003,page_view", "L-9999,page_view"), encoding="utf-8")
    memory, buckets = (run(*SCORE, "--out", "s.csv", "--engine", engine) for engine in ("memory", "buckets"))
    assert memory.exit_code == buckets.exit_code == 1
    assert memory.stderr == buckets.stderr
    assert "events of leads that are not among the leads" in buckets.stderr


def test_workers_leave_nothing_behind():
    """The process ends at once, and says nothing of what its workers shared."""
    code, _, errors = finished(*SCORE, "--out", "s.csv", "--buckets", "3")
    assert (code, errors) == (0, "")
