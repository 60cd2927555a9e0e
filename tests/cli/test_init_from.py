"""`leadscore init --from`: what is written, what is asked, and nothing overwritten."""

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import leadscore as ls
from leadscore.cli import app
from leadscore.imports.data_file import DataFile

EXAMPLES = Path(ls.__file__).parent / "examples"


def init(*arguments):
    return CliRunner().invoke(app, ["init", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def exports(tmp_path, monkeypatch):
    shutil.copytree(EXAMPLES / "hubspot", tmp_path / "exports")
    monkeypatch.chdir(tmp_path)
    return Path("exports")


def test_questions_left_open_end_with_5_and_stand_in_the_file(exports):
    result = init("--from", exports, "mine")
    assert result.exit_code == 5
    text = Path("mine/data.yaml").read_text(encoding="utf-8")
    assert text.count("# ? ") == 2
    assert "2 questions not asked" in result.output
    assert "leadscore score" in result.output
    assert ls.Rulebook.read("mine/rulebook.yaml").timezone == DataFile.read("mine/data.yaml").timezone


@pytest.mark.parametrize("name", ["hubspot", "salesforce"])
def test_what_is_printed_can_be_typed(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    typed = [line.split() for line in init("--from", EXAMPLES / name, "mine").output.split("Now type:")[1].splitlines()]
    commands = [words[1:] for words in typed if words[:1] == ["leadscore"]]
    assert [command for command, *_ in commands] == ["score", "funnel", "review"]
    monkeypatch.chdir("mine")
    for command in commands:
        result = CliRunner().invoke(app, command, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    assert Path("review.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_files_are_named_one_by_one(exports):
    files = sorted(exports.iterdir())
    assert init("--from", *files, "--out", "mine").exit_code == 5
    assert init("other", "--from", exports).exit_code == 5
    assert Path("mine/data.yaml").read_bytes() == Path("other/data.yaml").read_bytes()
    assert "../exports/hubspot-crm-exports-all-contacts-*.csv" in Path("mine/data.yaml").read_text(encoding="utf-8")


def test_overwrites_nothing(exports):
    Path("mine").mkdir()
    Path("mine/rulebook.yaml").write_text("mine", encoding="utf-8")
    result = init("--from", exports, "mine")
    assert result.exit_code == 2
    assert "already there" in result.output
    assert [path.name for path in Path("mine").iterdir()] == ["rulebook.yaml"]


def test_what_cannot_be_used_leaves_nothing_behind(exports):
    assert init("--from", exports / "no.csv", "mine").exit_code == 1
    assert init("--from", exports / "email_events.csv", "mine").exit_code == 1
    assert not Path("mine").exists()
    assert init("--from", exports, "mine", "--out", "other").exit_code == 2


def test_on_a_terminal_each_doubt_is_asked(exports):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "leadscore", "init", "--from", str(exports), "mine"]
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parents[1]), "TERM": "dumb"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        # A slip is asked again; then the zone, and Enter for the rest.
        os.write(ours, b"New York\nAmerica/New_York\n\n")
        said = b""
        while True:
            try:
                said += os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
    os.close(ours)
    assert process.returncode == 0, said.decode()
    assert b"there is no time zone 'New York'" in said
    assert (
        DataFile.read("mine/data.yaml").timezone
        == ls.Rulebook.read("mine/rulebook.yaml").timezone
        == "America/New_York"
    )
    assert "# ?" not in Path("mine/data.yaml").read_text(encoding="utf-8")
