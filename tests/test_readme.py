"""The README's code runs as it stands, in a folder that `leadscore init` has filled."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import leadscore as ls
from leadscore.cli import app

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def block(language, holds):
    (found,) = [text for text in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if holds in text]
    return found


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["init"]).exit_code == 0
    shutil.copy("rulebook.yaml", "mine.yaml")


def test_from_a_raw_export(monkeypatch):
    shutil.copytree(Path(ls.__file__).parent / "examples", "leadscore/examples")
    said = []
    for words in (shlex.split(line, comments=True) for line in block("sh", "init --from").splitlines()):
        if words[0] == "cd":
            monkeypatch.chdir(words[1])
            continue
        result = CliRunner().invoke(app, words[1:])
        assert result.exit_code == (5 if words[1] == "init" else 0), result.output
        said.append(result.output)
    for part, output in zip(
        ("2 questions not asked", "300 leads scored", "of arrival", "MQLs", "Lead review, 2 to 29", "Does scoring"),
        said,
        strict=True,
    ):
        assert part in output


def test_the_first_ten_lines(capsys):
    before = Path("rulebook.yaml").read_bytes()
    exec(block("python", "Rulebook.read"), {})
    shown = capsys.readouterr().out
    assert "LS111" in shown
    assert "L-1002 on 2026-03-31: fit" in shown
    assert Path("rulebook.yaml").read_bytes() == before


def test_the_night():
    """The events of the last days, as a CRM gives them each night, into the folder and into the scores."""
    lines = Path("events.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    late = [line for line in lines[1:] if "2026-03-31" in line or "2026-04" in line]
    Path("day.csv").write_text("".join([lines[0], *late]), encoding="utf-8")
    first, *rest = [shlex.split(line, comments=True)[1:] for line in block("sh", "--extend").splitlines()]
    for words in (first, *rest):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
    assert "leads scored as of 2026-04-02" in result.output


def test_the_night_in_one_command():
    Path("data.yaml").write_text(
        """
data: 1
sources: {people: {file: leads.csv, columns: {employees: {type: number}}}, visits: {file: events.csv}}
leads:
  people:
    from: people
    lead_id: lead_id
    created_at: created_at
    columns: {job_title: job_title, seniority: seniority, employees: employees, country: country, industry: industry,
              email_domain: email_domain}
events: {visits: {from: visits, lead_id: lead_id, event: event, at: at, columns: {asset: asset}}}
""",
        encoding="utf-8",
    )
    [words] = [shlex.split(line)[1:] for line in block("sh", "leadscore run ").splitlines()]
    for said in ("is done; all of it is in nights", "is done already"):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        assert said in result.output


def test_the_workbench(capsys):
    exec(block("python", "ls.explore"), {})
    shown = capsys.readouterr().out
    assert "All others 60 → 64" in shown
    assert "# example 1: All others 60 → 64" in shown
    assert Path("threshold.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_page_of_the_review_meeting(monkeypatch):
    examples = Path(ls.__file__).parent / "examples" / "hubspot"
    assert CliRunner().invoke(app, ["init", "--from", str(examples), "hub"]).exit_code == 5
    monkeypatch.chdir("hub")
    shutil.copy("rulebook.yaml", "mine.yaml")
    for line in block("sh", "--decide").splitlines():
        result = CliRunner().invoke(app, shlex.split(line, comments=True)[1:])
        assert result.exit_code == 0, result.output
    for page in ("review.html", "change.html"):
        assert Path(page).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert Path("review.md").read_text(encoding="utf-8").startswith("# Lead review, 2 to 29 March 2026")
    assert "call new MQLs within 60 minutes" in Path("decisions.yaml").read_text(encoding="utf-8")


def test_the_review_meeting(capsys):
    exec(block("python", "cherry_picking"), {})
    shown = capsys.readouterr().out
    for part in (
        " by the new from 2026-01-01 to 2026-03-31: ",
        "reached won within 60 days of arrival",
        "MQLs that sales decided on were accepted",
        "for a first contact",
    ):
        assert part in shown
    assert Path("weekly.png").stat().st_size > 5_000


def test_learning_points(capsys):
    exec(block("python", "LeadClassifier"), {})
    shown = capsys.readouterr().out
    for part in (
        "By outcomes: ",
        "values, words, events and assets that no rule covers",
        "points of 'example' change, learned on",
    ):
        assert part in shown
    assert "LS341" in shown
    assert "the odds are even at" in shown
    assert any(line.startswith(("Publish: ", "Do not publish: ")) for line in shown.splitlines())
    assert ls.Rulebook.read("learned.yaml").name == "learned"


def test_watching_drift(capsys):
    exec(block("python", "drift_report"), {})
    shown = capsys.readouterr().out
    assert shown.startswith("**Alarm on 2026-03-23")
    assert "## What caused it" in shown
    for name in ("gap.png", "why.png"):
        assert Path(name).stat().st_size > 5_000


def test_the_lines_that_watch_drift():
    commands = [shlex.split(line) for line in block("sh", "leadscore drift").splitlines()]
    assert len(commands) == 3
    for words in commands:
        result = CliRunner().invoke(app, words[1:])
        assert result.exit_code == 0, result.output
        assert "Still learning" in result.output
    assert ls.BalanceMonitor.from_json(Path("drift.json").read_text(encoding="utf-8")).verdict.state == "learning"


def test_the_lines_that_say_the_first_figures():
    made = ls.datasets.make_funnel(1000)
    made.rulebook.write("rulebook.yaml")
    made.leads.to_csv("leads.csv", index=False)
    made.outcomes.to_csv("outcomes.csv", index=False)
    commands = [shlex.split(line) for line in block("sh", "leadscore response-times").splitlines()]
    said = ("reached won within 60 days", "were accepted; ", "were accepted within 30 days", "is the median wait")
    for words, part in zip(commands, said, strict=True):
        result = CliRunner().invoke(app, words[1:])
        assert (result.exit_code, result.stderr) == (0, "")
        assert part in result.stdout.split("\n")[0]


@pytest.mark.parametrize("line", block("sh", "leadscore learn").replace("\\\n", " ").splitlines())
def test_the_lines_that_learn_are_understood(line):
    """They stop at the tables, which the example has none of, and not at what is typed."""
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    assert result.exit_code == 1
    assert "outcomes.csv" in result.output


def test_the_command_lines():
    commands = [shlex.split(line, comments=True) for line in block("sh", "leadscore check").splitlines()]
    assert [words[1] for words in commands] == ["init", "check", "score", "explain", "diff", "replay", "diff"]
    for words in commands[1:]:  # the first is the `init` above
        result = CliRunner().invoke(app, words[1:])
        assert result.exit_code == 0, result.output
    assert Path("scores.csv").read_text(encoding="utf-8").startswith('"lead_id","fit","behaviour","total"')
