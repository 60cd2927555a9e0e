"""The first figures without Python: funnel, acceptance and response times say what the library says, in all formats."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import leadscore as ls
from leadscore.cli import app

REFUSALS = ["rejected", "recycled", "lost"]
COMMANDS = {
    "funnel": (["--within-days", "60"], lambda tables, _: ls.funnel(tables, within_days=60)),
    "acceptance": ([], lambda tables, _: ls.acceptance(tables)),
    "response-times": ([], ls.response_times),
}
BY_SOURCE = {
    "funnel": (
        ["--within-days", "30", "--every", "quarter"],
        lambda tables, _, by: ls.funnel(tables, within_days=30, every="quarter", by=by),
    ),
    "acceptance": (
        ["--within-days", "20"],
        lambda tables, _, by: ls.acceptance(tables, by=by, accepted_within_days=20),
    ),
    "response-times": ([], lambda tables, book, by: ls.response_times(tables, book, by=by)),
}


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def written(folder, made, outcomes):
    for name, frame in {"leads": made.leads, "events": made.events, "outcomes": outcomes}.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    made.rulebook.write(folder / "rulebook.yaml")


@pytest.fixture(scope="module")
def made():
    return ls.datasets.make_funnel(3000, random_state=1)


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, made, made.outcomes)
    return tmp_path


FILES = ("rulebook.yaml", "--leads", "leads.csv", "--outcomes", "outcomes.csv")


def result_of(figure, *by):
    book = ls.Rulebook.read("rulebook.yaml")
    tables = ls.load_tables("leads.csv", None, "outcomes.csv", rulebook=book, columns=[*by])
    return figure(tables, book, *([[*by]] if by else []))


@pytest.mark.usefixtures("folder")
class TestAll:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_says_what_the_library_says(self, command):
        more, figure = COMMANDS[command]
        found = result_of(figure)
        printed = {name: run(command, *FILES, *more, "--format", name) for name in ("text", "json", "markdown")}
        assert [(one.exit_code, one.stderr) for one in printed.values()] == [(0, "")] * 3
        assert printed["text"].stdout == run(command, *FILES, *more).stdout == f"{found}\n"
        assert json.loads(printed["json"].stdout) == found.to_dict() | {"findings": []}
        assert printed["markdown"].stdout == found.to_markdown()
        assert printed["text"].stdout.startswith(found.headline)

    @pytest.mark.parametrize(("command", "most"), [("funnel", 100), ("acceptance", 100), ("response-times", 110)])
    def test_tables_are_not_wide(self, command, most):
        more, _ = COMMANDS[command]
        rows = [line for line in run(command, *FILES, *more).stdout.splitlines() if re.match("  [^-]", line)]
        assert max(map(len, rows)) <= most

    @pytest.mark.parametrize("command", COMMANDS)
    def test_by_columns(self, command):
        more, figure = BY_SOURCE[command]
        text = run(command, *FILES, *more, "--by", "source", "--by", "industry").stdout
        assert text == f"{result_of(figure, 'source', 'industry')}\n"
        wrong = run(command, *FILES, *more, "--by", "sorce")
        assert (wrong.exit_code, wrong.stdout) == (1, "")
        assert "there is no column 'sorce'; did you mean 'source'?" in wrong.stderr

    @pytest.mark.parametrize("command", COMMANDS)
    def test_the_order_of_rows_changes_nothing(self, command):
        more, _ = BY_SOURCE[command]
        before = run(command, *FILES, *more, "--by", "source").stdout
        for name in ("leads", "outcomes"):
            frame = pd.read_csv(f"{name}.csv", dtype=str, keep_default_na=False)
            frame.sample(frac=1, random_state=2).to_csv(f"{name}.csv", index=False)
        assert run(command, *FILES, *more, "--by", "source").stdout == before

    @pytest.mark.parametrize("command", COMMANDS)
    def test_by_segment_as_of_the_last_day(self, command):
        more, _ = BY_SOURCE[command]
        found = json.loads(run(command, *FILES, *more, "--by", "segment", "--format", "json").stdout)
        groups = {row["group"] for row in found["frame"]} - {"(all)"}
        book = ls.Rulebook.read("rulebook.yaml")
        assert groups == {*(one.name for one in book.qualify.segments), "(missing)"}

    @pytest.mark.parametrize("command", COMMANDS)
    def test_rows_set_aside_and_put_in_order_are_said_beside(self, command):
        more, _ = COMMANDS[command]
        outcomes = pd.read_csv("outcomes.csv")
        lead = outcomes.loc[outcomes["stage"] == "won", "lead_id"].iloc[0]
        last = outcomes[outcomes["lead_id"] == lead].set_index("stage")["at"]
        rows = [
            ("no such lead", "mql", last["won"]),
            (lead, "opportunity", str(pd.Timestamp(last["won"]) + pd.Timedelta("5h"))),
        ]
        kept = outcomes[~((outcomes["lead_id"] == lead) & (outcomes["stage"] == "opportunity"))]
        more_rows = pd.DataFrame(rows, columns=["lead_id", "stage", "at"])
        pd.concat([kept, more_rows]).to_csv("outcomes.csv", index=False)
        refused = run(command, *FILES, *more)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "outcomes of leads that are not among the leads" in refused.stderr
        found = run(command, *FILES, *more, "--set-aside", "--format", "json")
        assert found.exit_code == 0
        json.loads(found.stdout)
        assert "1 outcome out of order by less than 24 hours, put in order" in found.stderr
        assert "Set aside for breaking the contract of the tables: 1 row." in found.stderr


@pytest.mark.usefixtures("folder")
def test_outcomes_without_refusals_are_not_accepted_in_full(made):
    successes = made.outcomes[~made.outcomes["stage"].isin([*REFUSALS, "contacted"])]
    successes.to_csv("outcomes.csv", index=False)
    for name in ("text", "json", "markdown"):
        text = run("acceptance", *FILES, "--by", "source", "--format", name).stdout
        assert ("100.0%" in text, "no share is known, as no refusal is recorded" in text) == (False, True)
    found = run("acceptance", *FILES, "--within-days", 20).stdout
    assert found.split("\n")[0].endswith("undecided by then count as not accepted. Outcomes until 2026-03-31.")
    # Each lead has the same days for it: the share is that of outcomes which do know refusals.
    made.outcomes.to_csv("outcomes.csv", index=False)
    assert run("acceptance", *FILES, "--within-days", 20).stdout.split(" MQLs")[0] == found.split(" MQLs")[0]


@pytest.mark.usefixtures("folder")
def test_response_times_of_leads_that_qualified(made):
    without = made.outcomes[made.outcomes["stage"] != "mql"]
    without.to_csv("outcomes.csv", index=False)
    refused = run("response-times", *FILES)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "no lead is an MQL: no outcome is mql" in refused.stderr
    assert "--start and --end" in refused.stderr
    period = {"start": "2026-01-01", "end": "2026-03-31"}
    words = [word for name, day in period.items() for word in (f"--{name}", day)]
    found = run("response-times", *FILES, "--events", "events.csv", *words, "--by", "segment")
    book = ls.Rulebook.read("rulebook.yaml")
    tables = ls.load_tables("leads.csv", "events.csv", "outcomes.csv", rulebook=book)
    history = ls.replay(tables, book, **period)
    assert found.stdout.split("\n")[0] == ls.response_times(tables, book, history=history).headline
    alone = run("response-times", *FILES, "--start", "2026-01-01")
    assert alone.exit_code == 2
    assert "go together" in alone.stderr


@pytest.mark.usefixtures("folder")
def test_stages_and_the_last_day_as_the_other_commands_have_them(made):
    before = run("acceptance", *FILES).stdout
    made.outcomes.replace({"stage": {"sal": "Accepted"}}).to_csv("outcomes.csv", index=False)
    assert run("acceptance", *FILES, "--stage-name", "Accepted=sal").stdout == before
    late = run("acceptance", *FILES, "--stage-name", "Accepted=sal", "--observed-until", "2026-02-28")
    assert "after 2026-02-28, the last day observed" in late.stderr
    assert (
        "Outcomes until 2026-04-30."
        in run("acceptance", *FILES, "--stage-name", "Accepted=sal", "--observed-until", "2026-04-30").stdout
    )


def test_names_in_a_table_are_harmless_in_markdown(tmp_path, monkeypatch, made):
    monkeypatch.chdir(tmp_path)
    leads = made.leads.assign(source="<img src=x>|\x1b[31m")
    written(tmp_path, made, made.outcomes)
    leads.to_csv(Path("leads.csv"), index=False)
    text = run("acceptance", *FILES, "--by", "source", "--format", "markdown").stdout
    assert ("\\<img src=x>\\|" in text, "\x1b" in text) == (True, False)
