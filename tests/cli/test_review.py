"""`leadscore review`: the page in each form, what it was made from, and decisions that are added."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

import leadscore as ls
from leadscore.datasets import make_company
from tests.cli.test_cli import run

PERIOD = ("--start", "2026-03-02", "--end", "2026-03-29")
TABLES = ("leads", "events", "outcomes", "touches", "costs")
FILES = [word for name in TABLES for word in (f"--{name}", f"{name}.parquet")]


@pytest.fixture(scope="module")
def made():
    return make_company(900, random_state=4)


@pytest.fixture(autouse=True)
def folder(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in TABLES:
        getattr(made, name).to_parquet(f"{name}.parquet")
    made.rulebook.write("rulebook.yaml")
    return tmp_path


def test_the_page_in_three_forms_says_what_it_was_made_from(folder, monkeypatch):
    book = folder / "rulebook.yaml"
    monkeypatch.setattr(sys, "argv", ["leadscore", "review", str(book), "--leads", "leads.parquet"])
    result = run("review", book, *FILES, *PERIOD, "--out", "r.html", "--out", "r.md", "--out", "r.json")
    assert result.exit_code == 0, result.output
    assert "Lead review, 2 to 29 March 2026" in result.stdout
    page = json.loads(Path("r.json").read_text(encoding="utf-8"))
    for name in ("leads.parquet", "costs.parquet", "rulebook.yaml"):
        assert f"{name} ({hashlib.sha256(Path(name).read_bytes()).hexdigest()[:12]})" in page["footer"][-2]
    # By the names of files alone, wherever they lie.
    assert page["footer"][-1] == "Command: leadscore review rulebook.yaml --leads leads.parquet"
    first = {path: Path(path).read_bytes() for path in ("r.html", "r.md", "r.json")}
    assert first["r.html"].startswith(b"<!doctype html>")
    run("review", book, *FILES, *PERIOD, "--out", "r.html", "--out", "r.md", "--out", "r.json")
    assert {path: Path(path).read_bytes() for path in first} == first


def test_the_same_as_the_library(made):
    tables = ls.load_tables(
        *(f"{name}.parquet" for name in TABLES[:3]),
        touches="touches.parquet", costs="costs.parquet", rulebook=made.rulebook, columns=None,
    )  # fmt: skip
    page = ls.review(tables, made.rulebook, start="2026-03-02", end="2026-03-29")
    assert run("review", *FILES, *PERIOD).stdout == f"{page}\n"
    assert json.loads(run("review", *FILES, *PERIOD, "--format", "json").stdout) == json.loads(page.to_json())
    assert run("review", *FILES, *PERIOD, "--format", "markdown").stdout == page.to_markdown()


def test_decisions_beside_the_rulebook_are_followed_up():
    assert run("review", "--decide", "call sooner", "--owner", "Sales", "--agreed-on", "2026-02-01").exit_code == 0
    assert "D-01 added to decisions.yaml" in run("review", "--decide", "x", "--agreed-on", "2026-02-01").stdout.replace(
        "D-02", "D-01"
    )
    page = run("review", *FILES, *PERIOD).stdout
    assert "Of 2 decisions in force, 2 are without a figure." in page


def test_a_trial_that_runs_is_said():
    trial = ls.threshold.plan_trial(baseline_rate=0.5, smallest_difference=0.2, per_week=20)
    Path("coordinators.json").write_text(trial.to_json(), encoding="utf-8")
    assert "Trial “coordinators”: " in run("review", *FILES, *PERIOD, "--trial", "coordinators.json").stdout
    result = run("review", *FILES, *PERIOD, "--trial", "rulebook.yaml")
    assert (result.exit_code, "is not what Trial.to_json wrote" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ((*FILES,), "--start and --end are needed"),
        ((*FILES, *PERIOD, "--owner", "Ana"), "--owner and --agreed-on go with --decide"),
        ((*FILES, *PERIOD, "--out", "r.pdf"), "must end in .html or .md or .json"),
        (("--leads", "leads.parquet", *PERIOD), "--outcomes"),
        ((*FILES, "--start", "2026-03-02", "--end", "2026-05-31"), "says that nothing more happened until then"),
        ((*FILES, *PERIOD, "--decisions", "leads.parquet"), "not UTF-8 text"),
    ],
)
def test_what_cannot_be_is_said(typed, said):
    result = run("review", *typed)
    assert result.exit_code in {1, 2}
    assert said in result.stderr
