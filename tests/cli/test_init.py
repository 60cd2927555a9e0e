"""`leadscore init --rules`: a scoring sheet as a rulebook, and what is said of it."""

import pytest
from typer.testing import CliRunner

import leadscore as ls
from leadscore.cli import app

SHEET = (
    "Category,Attribute,Criteria,Points\nFit,Industry,SaaS,10\nBehaviour,Visited pricing page,,5\nThreshold,MQL,,12\n"
)


def run(*words):
    return CliRunner().invoke(app, ["init", *map(str, words)])


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_text(SHEET)
    return path


def test_a_clear_sheet(sheet, tmp_path):
    result = run(tmp_path / "book", "--rules", sheet)
    assert result.exit_code == 0
    assert "1 fit rule and 1 behaviour rule, qualified from 12 points" in result.stdout
    assert "4 rows: 2 rules, 1 threshold, 1 heading, 0 unclear" in result.stdout
    rulebook = tmp_path / "book" / "rulebook.yaml"
    assert ls.Rulebook.read(rulebook).qualify.threshold == 12
    assert CliRunner().invoke(app, ["check", str(rulebook)]).exit_code == 0


def test_unclear_rows_are_told_and_end_with_5(sheet, tmp_path):
    sheet.write_text(SHEET + 'Negative,"Student, intern",,-15\n')
    result = run(tmp_path / "book", "--rules", sheet)
    assert result.exit_code == 5
    lines = (tmp_path / "book" / "rulebook.yaml").read_text().split("\n")
    (number,) = [number for number, line in enumerate(lines, 1) if "TODO line 5: " in line]
    assert f"line {number} (from line 5): Negative | Student, intern | -15\n    which column" in result.stdout


def test_a_sheet_without_threshold_ends_with_5(sheet, tmp_path):
    sheet.write_text(SHEET.replace("Threshold,MQL,,12\n", ""))
    result = run(tmp_path / "book", "--rules", sheet)
    assert (result.exit_code, "names no threshold" in result.stdout) == (5, True)


def test_nothing_is_overwritten_or_half_written(sheet, tmp_path):
    assert run(tmp_path / "book", "--rules", sheet).exit_code == 0
    again = run(tmp_path / "book", "--rules", sheet)
    assert (again.exit_code, "already there" in again.stderr) == (2, True)
    sheet.write_text("a,b\n1,2\n")
    assert run(tmp_path / "other", "--rules", sheet).exit_code == 1
    assert run(tmp_path / "other", "--rules", tmp_path / "nowhere.csv").exit_code == 1
    assert not (tmp_path / "other").exists()
