"""What the rulebook and the data lack of each other ends what commands that read tables print."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leadscore.cli import app
from leadscore.datasets.funnel import example

TABLES = ("--leads", "leads.csv", "--events", "events.csv")
DAY = ("--as-of", "2026-03-31")
PERIOD = ("--start", "2026-03-01", "--end", "2026-03-31")
COMMANDS = {
    "score": ("score", "rulebook.yaml", *TABLES, *DAY, "--out", "out.csv"),
    "replay": ("replay", "rulebook.yaml", *TABLES, *PERIOD, "--out", "out.csv"),
    "diff": ("diff", "rulebook.yaml", "rulebook.yaml", *TABLES, *PERIOD),
}


@pytest.fixture(autouse=True)
def misnamed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = {name: example(name) for name in ("rulebook.yaml", "leads.csv", "events.csv")}
    assert "page_view" in texts["events.csv"]
    texts["events.csv"] = texts["events.csv"].replace("page_view", "Page View")
    for name, text in texts.items():
        Path(name).write_text(text, encoding="utf-8")


def run(name, *more):
    ran = CliRunner().invoke(app, [*COMMANDS[name], *more], catch_exceptions=False)
    assert ran.exit_code == 0
    return ran.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_people_read_what_may_be_meant(name):
    assert "no event is called 'page_view'; 'Page View' (" in run(name)


@pytest.mark.parametrize("name", COMMANDS)
def test_programs_have_all_of_it(name):
    found = json.loads(run(name, "--format", "json"))
    assert "LS201" in {row["code"] for row in found["findings"]}
    assert found["headline"]


def test_what_is_in_the_file_is_not_printed_again():
    for name in ("score", "replay"):
        found = json.loads(run(name, "--format", "json"))
        assert found["written"] == "out.csv"
        assert not {"frame", "states"} & found.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_where_all_is_named_there_is_nothing_to_say(name):
    Path("events.csv").write_text(example("events.csv"), encoding="utf-8")
    assert "may be meant" not in run(name)
