"""`leadscore explore`: the workbench as a page, from files and from a data file."""

import json
from pathlib import Path

import pytest

import leadscore as ls
from tests.cli.test_cli import run

FILES = ("--leads", "leads.csv", "--events", "events.csv", "--outcomes", "outcomes.csv")
ASKED = ("--end", "2026-03-29", "--stage", "opportunity", "--within-days", "45", "--capacity-per-week", "12")


@pytest.fixture(scope="module")
def made():
    return ls.datasets.make_funnel(1500, random_state=5)


@pytest.fixture(autouse=True)
def folder(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("leads", "events", "outcomes"):
        getattr(made, name).to_csv(f"{name}.csv", index=False)
    made.rulebook.write("rulebook.yaml")


def test_the_same_as_the_library():
    result = run("explore", *FILES, *ASKED, "--out", "threshold.html")
    assert result.exit_code == 0, result.output
    book = ls.Rulebook.read("rulebook.yaml")
    tables = ls.load_tables("leads.csv", "events.csv", "outcomes.csv", rulebook=book)
    asked = {"stage": "opportunity", "within_days": 45, "capacity_per_week": 12}
    workbench = ls.explore(tables, book, end="2026-03-29", **asked)
    assert result.stdout == f"{workbench.now}\n"
    assert Path("threshold.html").read_text(encoding="utf-8") == workbench.to_html()
    found = run("explore", *FILES, *ASKED, "--out", "t.html", "--format", "json")
    assert json.loads(found.stdout)["headline"] == workbench.now.headline


def test_counts_are_rounded_and_weeks_are_as_asked():
    run("explore", *FILES, *ASKED, "--weeks", "4", "--round-to", "5", "--out", "threshold.html")
    text = Path("threshold.html").read_text(encoding="utf-8")
    assert "Counts are rounded to multiples of 5." in text
    assert "volume: 4 weeks to 29 March 2026" in text


def test_exports_of_a_crm_are_read_through_a_data_file():
    example = Path(ls.__file__).parent / "examples" / "hubspot"
    assert run("init", "--from", example, "crm").exit_code in {0, 5}
    asked = ("--end", "2026-03-29", "--stage", "opportunity", "--within-days", "60")
    result = run("explore", "crm/rulebook.yaml", "--data", "crm/data.yaml", *asked, "--out", "threshold.html")
    assert result.exit_code == 0, result.output
    assert "leads a week" in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--out", "threshold.png"), "must end in .html"),
        (("--out", "t.html", "--stage", "opportunity"), "`stage` and `within_days` go together"),
        (("--out", "t.html", "--weeks", "1"), "--weeks"),
    ],
)
def test_what_cannot_be_is_said(words, message):
    result = run("explore", *FILES, "--end", "2026-03-29", *words)
    assert result.exit_code in {1, 2}
    assert message in result.output
