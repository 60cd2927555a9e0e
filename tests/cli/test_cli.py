"""The command line: what it prints, its exit codes, and what it leaves on disk when all goes well and when not."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

import leadscore as ls
from leadscore.cli import app
from leadscore.cli.printing import print_table
from leadscore.datasets.funnel import example

AS_OF = ("--as-of", "2026-03-31")
COLUMNS = ["lead_id", "fit", "behaviour", "total", "segment", "threshold", "qualified", "via", "blocked_by", "grade"]
REASONS = ["reason_1", "reason_2", "reason_3"]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("rulebook.yaml", "leads.csv", "events.csv"):
        Path(name).write_text(example(name), encoding="utf-8")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def score(out, *more, leads="leads.csv", events="events.csv"):
    return run("score", "rulebook.yaml", "--leads", leads, "--events", events, *AS_OF, "--out", out, *more)


def explain(lead, *more, leads="leads.csv"):
    return run("explain", "rulebook.yaml", lead, "--leads", leads, "--events", "events.csv", *AS_OF, *more)


MAIN = "from leadscore.cli import main; main()"


def in_process(*arguments, code=MAIN, **environment):
    """A real process, as a user starts it."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )


def finished(*arguments, code=MAIN, **environment):
    with in_process(*arguments, code=code, **environment) as process:
        out, errors = process.communicate(timeout=20)
    return process.returncode, out, errors


def edit(path, old, new):
    text = Path(path).read_text(encoding="utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new, 1), encoding="utf-8")


def left_over(folder):
    return [path.name for path in folder.iterdir() if path.name.endswith(".part")]


@pytest.mark.usefixtures("folder")
class TestInit:
    def test_writes_files_that_check_and_score(self, tmp_path):
        result = run("init", tmp_path / "new folder")
        assert result.exit_code == 0
        typed = [line.strip() for line in result.stdout.splitlines() if line.startswith("  leadscore ")]
        assert len(typed) == 3
        for line in typed:
            assert CliRunner().invoke(app, line.removeprefix("leadscore ")).exit_code == 0, line

    def test_example_says_no_alarming_thing(self):
        assert {finding.code for finding in ls.Rulebook.from_yaml(example("rulebook.yaml")).check()} == {"LS111"}

    def test_overwrites_nothing(self, folder):
        Path("leads.csv").unlink()
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        result = run("init", ".")
        assert result.exit_code == 2
        assert "rulebook.yaml, events.csv already there" in result.stderr
        assert run("init", "rulebook.yaml").exit_code == 2
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.usefixtures("folder")
class TestCheck:
    def test_findings_as_table(self):
        result = run("check", "rulebook.yaml")
        assert result.exit_code == 0
        assert "No errors, 2 findings:" in result.stdout
        # Piped, a finding is one line, however long.
        assert [line.split()[0] for line in result.stdout.splitlines()[2:]] == ["code", "LS111", "LS111"]

    def test_findings_as_json(self):
        found = json.loads(run("check", "rulebook.yaml", "--format", "json").stdout)
        assert [set(one) for one in found] == [{"level", "code", "line", "path", "message"}] * 2
        assert (found[0]["level"], found[0]["code"], found[0]["path"]) == ("finding", "LS111", "qualify.threshold")

    def test_an_overdue_review_depends_on_today(self):
        edit("rulebook.yaml", "# agreed_on: 2026-03-02", "agreed_on: 2026-03-02")
        assert "LS102" in run("check", "rulebook.yaml", "--today", "2026-12-01").stdout
        assert "LS102" not in run("check", "rulebook.yaml", "--today", "2026-03-03").stdout

    def test_all_errors_with_carets(self):
        edit("rulebook.yaml", "half_life_days", "half_live_days")
        edit("rulebook.yaml", "threshold: 60", "threshold: sixty")
        result = run("check", "rulebook.yaml")
        assert result.exit_code == 1
        assert result.stdout == ""
        assert "2 problems in rulebook.yaml" in result.stderr
        assert "did you mean 'half_life_days'?" in result.stderr
        assert "^^^^^^^^^^^^^^" in result.stderr

    def test_errors_as_json(self):
        edit("rulebook.yaml", "half_life_days", "half_live_days")
        result = run("check", "rulebook.yaml", "--format", "json")
        assert result.exit_code == 1
        [problem] = json.loads(result.stdout)
        assert problem["level"] == "error"
        assert problem["line"] == 33
        assert problem["path"] == "behaviour[0].half_live_days"

    @pytest.mark.parametrize("arguments", [["check"], ["check", "rulebook.yaml", "--today", "1.4.2026"], ["chek"]])
    def test_bad_usage(self, arguments):
        assert run(*arguments).exit_code == 2


@pytest.mark.usefixtures("folder")
class TestScore:
    def test_parquet_equals_the_library(self, folder):
        result = score("scores.parquet")
        assert result.exit_code == 0, result.stderr
        table = pyarrow.parquet.read_table("scores.parquet")
        assert table.column_names == [*COLUMNS, *REASONS]
        assert pa.types.is_dictionary(table.schema.field("reason_1").type)
        assert table.schema.metadata[b"leadscore.as_of"] == b"2026-03-31"
        assert table.schema.metadata[b"leadscore.rulebook"] == b"example"
        rulebook = ls.Rulebook.read("rulebook.yaml")
        scores = ls.score(ls.load_tables("leads.csv", "events.csv", rulebook=rulebook), rulebook, as_of="2026-03-31")
        wanted = scores.frame.join(scores.reasons(3)).reset_index()
        pd.testing.assert_frame_equal(
            pd.read_parquet("scores.parquet"), wanted, check_dtype=False, check_categorical=False
        )
        assert left_over(folder) == []

    def test_summary(self):
        printed = score("scores.csv").stdout
        assert "11 leads scored as of 2026-03-31, written to scores.csv" in printed
        assert "1 lead created later left out." in printed
        assert "4 of 11 leads (36.4%) qualify on 2026-03-31" in printed
        assert "no sample, so there is no interval" in printed
        lines = [" ".join(line.split()) for line in printed.splitlines()]
        assert "hand_raise (asked for sales) 1" in lines
        assert "score 3" in lines
        assert "never: Competitor 1" in lines
        assert "Coordinators and specialists 80 2 0 0.0%" in lines
        assert "employees handoff 4 3 75.0% (30.1% to 95.4%)" in lines

    def test_the_same_run_gives_the_same_bytes(self):
        for ending in ("parquet", "csv"):
            score(f"a.{ending}")
            score(f"b.{ending}")
            assert Path(f"a.{ending}").read_bytes() == Path(f"b.{ending}").read_bytes()

    def test_without_events_only_fit_counts(self):
        result = run("score", "rulebook.yaml", "--leads", "leads.csv", *AS_OF, "--out", "s.parquet")
        assert result.exit_code == 0
        assert "Fit only" in result.stdout
        assert (pd.read_parquet("s.parquet")["behaviour"] == 0).all()

    def test_broken_rows_are_refused(self):
        edit("events.csv", "L-1003,page_view", "L-9999,page_view")
        result = score("scores.csv")
        assert result.exit_code == 1
        assert "events.lead_id: 1 row: events of leads that are not among the leads" in result.stderr
        assert "line 19: 'L-9999'" in result.stderr
        assert result.stdout == ""
        assert not Path("scores.csv").exists()

    def test_broken_rows_are_set_aside_and_said(self):
        edit("events.csv", "L-1003,page_view", "L-9999,page_view")
        result = score("scores.csv", "--set-aside")
        assert result.exit_code == 0
        assert "Set aside for breaking the contract of the tables: 1 row." in result.stdout
        assert "events.lead_id" in result.stdout

    @pytest.mark.parametrize(
        "command",
        [
            ("explain", "rulebook.yaml", "L-1002", *AS_OF),
            ("diff", "rulebook.yaml", "rulebook.yaml", "--start", "2026-03-01", "--end", "2026-03-31"),
            ("drift", "rulebook.yaml", *AS_OF, "--start", "2026-03-02"),
        ],
    )
    def test_what_is_set_aside_is_said_beside_what_programs_read(self, command):
        edit("events.csv", "L-1003,page_view", "L-9999,page_view")
        options = ("--format", "json") if command[0] != "explain" else ()
        result = run(*command, "--leads", "leads.csv", "--events", "events.csv", *options, "--set-aside")
        assert result.exit_code == 0
        assert "Set aside for breaking the contract of the tables: 1 row." in result.stderr
        assert "events.lead_id" in result.stderr
        assert not options or json.loads(result.stdout)

    @pytest.mark.parametrize(
        ("out", "message"),
        [
            ("s.xlsx", ".parquet or .csv"),
            ("s", ".parquet or .csv"),
            ("no/s.csv", "not a folder"),
            ("d.csv", "is a folder"),
        ],
    )
    def test_impossible_outputs_are_bad_usage(self, out, message):
        Path("d.csv").mkdir()
        result = score(out)
        assert result.exit_code == 2
        assert message in result.stderr

    @pytest.mark.parametrize("day", ["31.3.2026", "2026-02-30", "today", "2026-03-31T10:00"])
    def test_no_day_is_bad_usage(self, day):
        files = ("--leads", "leads.csv", "--out", "s.csv")
        result = run("score", "rulebook.yaml", *files, "--as-of", day)
        assert result.exit_code == 2
        assert "must be a day such as 2026-03-31" in result.stderr


@pytest.mark.usefixtures("folder")
class TestSpreadsheets:
    """Cells that a spreadsheet would run as a formula are harmless in CSV; Parquet keeps them as they are."""

    FORMULAS = ('=HYPERLINK("http://x.example")', "+1", "-1+1", "@SUM(A1)", "\tx", "\rx", "\uff1dx")

    def scored(self, out):
        rulebook = "leadscore: 1\nname: x\nfit: [{name: '=cmd', when: {a: {known: true}}, points: -1}]\n"
        Path("rulebook.yaml").write_text(rulebook + "qualify: {threshold: 0}\n", encoding="utf-8")
        pd.DataFrame({"lead_id": [*self.FORMULAS, "a=b", "x\n=1"], "a": "z"}).to_parquet("leads.parquet")
        assert run("score", "rulebook.yaml", "--leads", "leads.parquet", *AS_OF, "--out", out).exit_code == 0

    def test_text_is_defused(self):
        self.scored("s.csv")
        with Path("s.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert [row["lead_id"] for row in rows] == [*(f"'{text}" for text in self.FORMULAS), "a=b", "x\n=1"]
        assert {row["reason_1"] for row in rows} == {"'=cmd"}

    def test_numbers_stay_numbers_and_parquet_is_left_alone(self):
        self.scored("s.csv")
        assert pd.read_csv("s.csv")["fit"].tolist() == [-1.0] * 9

        self.scored("s.parquet")
        assert pd.read_parquet("s.parquet")["lead_id"].tolist() == [*self.FORMULAS, "a=b", "x\n=1"]

    def test_headers_too(self):
        from leadscore.engines.writing import _harmless  # noqa: PLC0415

        assert _harmless(pa.table({"=1+1": [1], "b": ["x"]})).column_names == ["'=1+1", "b"]


@pytest.mark.usefixtures("folder")
class TestHalfAFile:
    """The name given to --out never holds half a file."""

    @pytest.mark.parametrize("out", ["scores.csv", "scores.parquet"])
    def test_a_failing_write_leaves_the_old_file(self, folder, monkeypatch, out):
        # The writers have begun their file by then.
        def fail(*_, **__):
            raise OSError(28, "No space left on device")

        Path(out).write_text("yesterday", encoding="utf-8")
        monkeypatch.setattr(pyarrow.csv, "CSVWriter", fail)
        monkeypatch.setattr(pyarrow.parquet.ParquetWriter, "write_table", fail)
        result = score(out)
        assert result.exit_code == 1
        assert "No space left on device" in result.stderr
        assert Path(out).read_text(encoding="utf-8") == "yesterday"
        assert left_over(folder) == []

    STUCK = """
import time
import pyarrow.parquet
def stuck(*_, **__):
    print("writing", flush=True)
    time.sleep(30)
pyarrow.parquet.ParquetWriter.write_table = stuck
from leadscore.cli import main
main()
"""

    @pytest.mark.parametrize(("number", "code"), [("SIGKILL", -9), ("SIGTERM", 143), ("SIGINT", 130)])
    def test_a_killed_write_leaves_the_old_file(self, folder, number, code):
        Path("s.parquet").write_text("yesterday", encoding="utf-8")
        files = ("--leads", "leads.csv", *AS_OF, "--out", "s.parquet")
        with in_process("score", "rulebook.yaml", *files, code=self.STUCK) as process:
            assert process.stdout.readline() == "writing\n"
            process.send_signal(getattr(signal, number))
            _, errors = process.communicate(timeout=10)
        assert process.returncode == code
        assert "Traceback" not in errors
        assert Path("s.parquet").read_text(encoding="utf-8") == "yesterday"
        # Only a process that could not tidy up leaves its part, hidden; a later run takes it away.
        assert len(left_over(folder)) == (1 if number == "SIGKILL" else 0)
        for part in folder.glob(".*.part"):
            os.utime(part, (time.time() - 7200,) * 2)
        assert score("s.parquet").exit_code == 0
        assert left_over(folder) == []

    def test_a_part_in_use_stays(self, folder):
        Path(".s.parquet.0123456789abcdef.part").touch()
        assert score("s.parquet").exit_code == 0
        assert left_over(folder) == [".s.parquet.0123456789abcdef.part"]

    def test_a_link_stays_a_link(self):
        Path("real").mkdir()
        Path("s.csv").symlink_to("real/s.csv")
        assert score("s.csv").exit_code == 0
        assert Path("s.csv").is_symlink()
        assert Path("real/s.csv").exists()


@pytest.mark.usefixtures("folder")
class TestExplain:
    def test_lines_limits_verdict(self):
        result = explain("L-1002")
        assert result.exit_code == 0
        assert "threshold 80 (Coordinators and specialists): not qualified" in result.stdout
        assert "limit totals.behaviour" in result.stdout

    def test_no_such_lead(self):
        result = explain("L-9")
        assert (result.exit_code, result.stdout) == (1, "")
        assert "there is no lead 'L-9'" in result.stderr

    def test_ids_that_are_numbers(self):
        leads = pd.read_csv("leads.csv", dtype=str)
        leads.assign(lead_id=range(1001, 1013)).to_parquet("leads.parquet")
        Path("events.csv").write_text(example("events.csv").replace("L-", ""), encoding="utf-8")
        assert explain("1002", leads="leads.parquet").stdout.startswith(
            "1002 on 2026-03-31: fit 10 + behaviour 50 = 60"
        )
        assert explain("L-1002", leads="leads.parquet").exit_code == 1

    def test_ids_that_look_like_numbers(self):
        for name in ("leads.csv", "events.csv"):
            Path(name).write_text(example(name).replace("L-", "00"), encoding="utf-8")
        assert explain("001002").exit_code == 0
        assert explain("1002").exit_code == 1

    def test_tables_with_broken_rows(self):
        edit("events.csv", "L-1003,page_view", "L-9999,page_view")
        assert explain("L-1002").exit_code == 1
        assert explain("L-1002", "--set-aside").exit_code == 0


@pytest.mark.usefixtures("folder")
class TestDiff:
    def test_changes(self):
        Path("new.yaml").write_text(
            example("rulebook.yaml").replace("threshold: 60", "threshold: 55"), encoding="utf-8"
        )
        result = run("diff", "rulebook.yaml", "new.yaml")
        assert result.exit_code == 0
        assert [line.split() for line in result.stdout.splitlines()] == [
            ["section", "name", "change"],
            ["qualify", "threshold", "60", "->", "55"],
        ]
        found = json.loads(run("diff", "rulebook.yaml", "new.yaml", "--format", "json").stdout)
        change = {"section": "qualify", "name": "threshold", "text": "60 -> 55"}
        assert found == [change | {"code": "", "warning": ""}]

    def test_a_dropped_protection(self):
        book = ls.Rulebook.read("rulebook.yaml")
        book.edited({"qualify.hand_raise": None}).write("new.yaml")
        lines = run("diff", "rulebook.yaml", "new.yaml").stdout.splitlines()
        assert lines[-1].startswith("warning LS202: the new rulebook drops 'demo_request'")
        (found,) = json.loads(run("diff", "rulebook.yaml", "new.yaml", "--format", "json").stdout)
        assert found["code"] == "LS202"
        assert "warning" not in run("diff", "new.yaml", "rulebook.yaml").stdout

    def test_no_change_and_no_book(self):
        assert run("diff", "rulebook.yaml", "rulebook.yaml").stdout == "no change\n"
        assert run("diff", "rulebook.yaml", "rulebook.yaml", "--format", "json").stdout == "[]\n"

        assert run("diff", "rulebook.yaml", "leads.csv").exit_code == 1


@pytest.mark.usefixtures("folder")
class TestReplay:
    PERIOD = ("--leads", "leads.csv", "--events", "events.csv", "--start", "2026-03-01", "--end", "2026-03-31")

    def test_the_file_is_the_history(self):
        result = run("replay", "rulebook.yaml", *self.PERIOD, "--out", "history.parquet")
        assert result.exit_code == 0
        assert "4 of 11 leads qualified from 2026-03-01 to 2026-03-31 by" in result.stdout
        assert "1 lead had already qualified before the period" in result.stdout
        assert "2026-03-02          2     7" in result.stdout
        book = ls.Rulebook.read("rulebook.yaml")
        tables = ls.load_tables("leads.csv", "events.csv", rulebook=book)
        history = ls.replay(tables, book, start="2026-03-01", end="2026-03-31")
        found = pd.read_parquet("history.parquet").set_index("lead_id")
        assert found["day"].tolist() == history.frame["day"].dt.date.tolist()
        assert found["qualified_at"].tolist() == history.frame["qualified_at"].tolist()
        assert found["total"].tolist() == history.frame["total"].tolist()

    def test_days_are_days_in_a_spreadsheet(self):
        run("replay", "rulebook.yaml", *self.PERIOD, "--out", "history.csv")
        first = Path("history.csv").read_text(encoding="utf-8").splitlines()[1]
        assert re.match(r'"L-10\d\d",2026-03-\d\d,(true|false),2026-', first)

    def test_a_period_that_ends_before_it_starts(self):
        result = run(
            "replay", "rulebook.yaml", *self.PERIOD[:4], "--start", "2026-04-01", *self.PERIOD[6:], "--out", "x.csv"
        )
        assert (result.exit_code, Path("x.csv").exists()) == (1, False)
        assert "end: must not come before `start`, 2026-04-01; got 2026-03-31" in result.stderr


@pytest.mark.usefixtures("folder")
class TestCompare:
    PERIOD = TestReplay.PERIOD

    @pytest.fixture(autouse=True)
    def lower(self, folder):  # noqa: ARG002 - the files must be there
        shutil.copy("rulebook.yaml", "lower.yaml")
        edit("lower.yaml", "threshold: 60 ", "threshold: 40 ")
        rows = ["L-1001,sal,2026-03-30", "L-1008,rejected,2026-03-25", "L-1001,won,2026-04-20"]
        Path("outcomes.csv").write_text("\n".join(["lead_id,stage,at", *rows]), encoding="utf-8")

    def test_who_flips_and_why(self):
        result = run("diff", "rulebook.yaml", "lower.yaml", *self.PERIOD, "--out", "changed.csv")
        assert result.exit_code == 0
        assert "qualify  threshold  60 -> 40" in result.stdout
        assert "threshold 60 -> 40" in result.stdout
        book, lower = (ls.Rulebook.read(name) for name in ("rulebook.yaml", "lower.yaml"))
        tables = ls.load_tables("leads.csv", "events.csv", rulebook=[book, lower])
        frame = ls.compare(tables, book, lower, start="2026-03-01", end="2026-03-31").frame
        assert pd.read_csv("changed.csv")["lead_id"].tolist() == frame.index.tolist()
        assert len(frame) > 2

    def test_the_page_of_the_change(self):
        options = ("--outcomes", "outcomes.csv", "--within-days", "7")
        for name in ("change.html", "change.md", "named.md", "change.json"):
            more = ("--lead-ids",) if name == "named.md" else ()
            result = run("diff", "rulebook.yaml", "lower.yaml", *self.PERIOD, *options, *more, "--out", name)
            assert result.exit_code == 0
            assert "threshold 60 -> 40" in result.stdout
        page, quiet, named = (Path(name).read_text("utf-8") for name in ("change.html", "change.md", "named.md"))
        assert page.startswith("<!doctype html>")
        assert "L-10" in page
        assert "L-10" in named
        assert "L-10" not in quiet
        assert "threshold 60 -> 40" in quiet
        found = json.loads(Path("change.json").read_text("utf-8"))
        assert [section["id"] for section in found["sections"]] == [
            "gained-lost",
            "volume",
            "quality",
            "protections",
            "rules",
        ]
        assert found["schema"] == 1

    def test_outcomes_and_groups(self):
        options = ("--outcomes", "outcomes.csv", "--within-days", "7", "--by", "country")
        result = run("diff", "rulebook.yaml", "lower.yaml", *self.PERIOD, *options)
        assert result.exit_code == 0
        assert "Leads that qualified in each week, by country:" in result.stdout
        assert "What became of them within 7 days" in result.stdout

    def test_as_json(self):
        options = ("--outcomes", "outcomes.csv", "--within-days", "90", "--by", "segment", "--format", "json")
        found = json.loads(run("diff", "rulebook.yaml", "lower.yaml", *self.PERIOD, *options).stdout)
        change = {"section": "qualify", "name": "threshold", "text": "60 -> 40"}
        assert found["changes"] == [change | {"code": "", "warning": ""}]
        assert sum(week["new"] for week in found["weekly"]) == sum(week["new"] for week in found["weekly_by"])
        assert {row["group"] for row in found["outcomes"]} == {"gained", "lost", "both"}

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--start", "2026-03-01"), "'--start': has no effect without --leads"),
            (("--stage-name", "Won=won", "--set-aside"), "'--stage-name, --set-aside': has no effect without --leads"),
            (("--leads", "leads.csv"), "needs --start and --end, the period to compare over"),
            ((*PERIOD, "--out", "x.txt"), "must end in .parquet or .csv or .html or .md or .json"),
            (("--lead-ids",), "'--lead-ids': has no effect without --leads"),
            ((*PERIOD, "--outcomes", "outcomes.csv"), "'--outcomes' and '--within-days': go together"),
        ],
    )
    def test_bad_usage(self, options, message):
        result = run("diff", "rulebook.yaml", "lower.yaml", *options)
        assert result.exit_code == 2
        assert message in " ".join(result.stderr.split())

    def test_no_such_column(self):
        result = run("diff", "rulebook.yaml", "lower.yaml", *self.PERIOD, "--by", "contry")
        assert result.exit_code == 1
        assert "there is no column 'contry'; did you mean 'country'?" in result.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The arguments that evaluate a made-up funnel."""
    folder = tmp_path_factory.mktemp("made")
    assert run("demo", "--folder", folder, "--leads", 6000).exit_code == 0
    tables = [f"--{name}={folder / name}.parquet" for name in ("leads", "events", "outcomes")]
    period = (
        "--start",
        "2025-11-01",
        "--end",
        "2026-02-28",
        "--capacity-per-week",
        20,
        "--stage",
        "sal",
        "--within-days",
        30,
    )
    return folder / "rulebook.yaml", *tables, *period


class TestEvaluate:
    def test_verdict_table_and_choice(self, made):
        result = run("evaluate", *made)
        assert result.exit_code == 0
        assert "hand-raisers only" in result.stdout
        assert "places for 20 a week" in result.stdout
        assert "Leads at or above each threshold" in result.stdout
        assert "Counted by replay, of all leads" in result.stdout

    def test_the_threshold_fits_all_leads_and_not_only_those_that_sales_worked(self, made):
        """Those alone are a third of all that qualify, and hardly any of those below the threshold in force."""
        choice = json.loads(run("evaluate", *made, "--format", "json").stdout)["choice"]
        tables = [str(word).split("=")[1] for word in made[1:4]]
        book = ls.Rulebook.read(made[0])
        loaded = ls.load_tables(*tables, rulebook=book)

        def per_week(threshold):
            other = book.edited({"qualify.threshold": threshold})
            # The 17 whole weeks that end on the last day.
            frame = ls.replay(loaded, other, start="2025-11-01", end="2026-02-28").frame
            return (~frame["already"] & (frame["day"] > "2025-11-01")).sum() / 17

        assert choice["per_week"] == pytest.approx(per_week(int(choice["threshold"])))
        assert choice["fits"]
        assert choice["low"] < choice["per_week"] <= 20 < per_week(int(choice["threshold"]) - 3)
        assert choice["now"]["per_week"] == pytest.approx(per_week(book.qualify.threshold))

    def test_as_json(self, made):
        found = json.loads(run("evaluate", *made, "--format", "json").stdout)
        assert {row["way"] for row in found["baselines"]["frame"]} >= {"rulebook", "chance"}
        thresholds = [row["threshold"] for row in found["thresholds"]["frame"]]
        assert found["choice"]["threshold"] in thresholds
        assert found["choice"]["low"] <= found["choice"]["per_week"] <= found["choice"]["high"]
        assert found["baselines"]["headline"]
        assert {row["code"] for row in found["findings"]} >= {"LS203"}

    def test_outcomes_after_the_last_day_are_refused(self, made):
        result = run("evaluate", *made, "--observed-until", "2026-03-20")
        assert result.exit_code == 1
        assert "after 2026-03-20, the last day observed" in result.stderr
        kept = run("evaluate", *made, "--observed-until", "2026-03-20", "--set-aside")
        assert kept.exit_code == 0
        assert "Set aside for breaking the contract of the tables" in kept.stderr

    def test_stages_by_their_names_in_the_file(self, made, tmp_path):
        path = next(word.removeprefix("--outcomes=") for word in map(str, made) if word.startswith("--outcomes="))
        theirs = pd.read_parquet(path).replace({"stage": {"sal": "Accepted", "won": "Closed = Won"}})
        theirs.to_parquet(tmp_path / "outcomes.parquet")
        words = [*made, "--outcomes", tmp_path / "outcomes.parquet"]
        refused = run("evaluate", *words)
        assert refused.exit_code == 1
        assert "--stage-name THEIRS=OURS" in refused.stderr
        mapped = run("evaluate", *words, "--stage-name", "Accepted=sal", "--stage-name", "Closed = Won=won")
        assert mapped.stdout == run("evaluate", *made).stdout
        assert "must be THEIRS=OURS, as MQL=mql; got 'sal'" in run("evaluate", *words, "--stage-name", "sal").stderr

    def test_outcomes_that_know_only_successes(self, made, tmp_path):
        path = next(word.removeprefix("--outcomes=") for word in map(str, made) if word.startswith("--outcomes="))
        outcomes = pd.read_parquet(path)
        outcomes[outcomes["stage"].isin(["mql", "sal", "won"])].to_parquet(tmp_path / "outcomes.parquet")
        words = [*made, "--outcomes", tmp_path / "outcomes.parquet"]
        result = run("evaluate", *words)
        assert (result.exit_code, "100.0%" in result.stdout) == (0, False)
        assert "No verdict: no outcome tells of a lead that sales worked and that did not reach sal" in result.stdout
        found = json.loads(run("evaluate", *words, "--format", "json").stdout)
        assert [found["baselines"]["frame"][0]["rate"], found["thresholds"], found["choice"]] == [None] * 3
        counted = run("evaluate", *words, "--worked-or-not")
        assert "Every lead with an mql counts, as not reached after 30 days." in counted.stdout
        assert "What each threshold costs and brings" in counted.stdout

    def test_nobody_to_judge(self, made):
        result = run("evaluate", *made, "--within-days", 5000)
        assert result.exit_code == 1
        assert "no lead that came to sales in the period can be judged" in result.stderr


@pytest.mark.usefixtures("folder")
class TestActivity:
    def test_scores_from_activity_are_those_from_events(self):
        result = run("activity", "--events", "events.csv", "--out", "a.parquet", "--rulebook", "rulebook.yaml")
        assert result.exit_code == 0
        assert "rows of daily activity from 2026-02-05 to 2026-04-02, in UTC" in result.stdout
        score("from_events.csv")
        score("from_activity.csv", events="a.parquet")
        assert Path("from_events.csv").read_bytes() == Path("from_activity.csv").read_bytes()

    def test_extended_day_by_day_it_is_the_same(self):
        lines = example("events.csv").splitlines(keepends=True)
        early, late = (
            [line for line in lines[1:] if ("2026-03-3" in line or "2026-04" in line) == is_late] for is_late in (0, 1)
        )
        Path("early.csv").write_text(lines[0] + "".join(early), encoding="utf-8")
        Path("late.csv").write_text(lines[0] + "".join(late), encoding="utf-8")
        book = ("--rulebook", "rulebook.yaml")
        for arguments in (
            ("--events", "events.csv", "--out", "whole.parquet", *book),
            ("--events", "early.csv", "--out", "a.parquet", *book),
            ("--events", "late.csv", "--out", "a.parquet", "--extend", "a.parquet", *book),
        ):
            assert run("activity", *arguments).exit_code == 0
        # One page stands for all that the rules take alike, in each the first of its own.
        rows = [pd.read_parquet(name).drop(columns="asset") for name in ("a.parquet", "whole.parquet")]
        assert rows[0].equals(rows[1])
        for name in ("a", "whole"):
            score(f"{name}.csv", events=f"{name}.parquet")
        assert Path("a.csv").read_bytes() == Path("whole.csv").read_bytes()

    def test_a_folder_has_a_file_for_each_day_and_a_night_writes_its_own(self):
        lines = example("events.csv").splitlines(keepends=True)
        Path("early.csv").write_text("".join(line for line in lines if "2026-04-02" not in line), encoding="utf-8")
        late = [lines[0], *(line for line in lines if "2026-04-0" in line)]
        Path("late.csv").write_text("".join(late), encoding="utf-8")
        book = ("--rulebook", "rulebook.yaml")
        assert run("activity", "--events", "early.csv", "--out", "daily", *book).exit_code == 0
        days = {path.name: path.stat().st_mtime_ns for path in Path("daily").iterdir()}
        night = ("--events", "late.csv", "--extend", "daily", "--out", "daily", *book)
        # One event came late: 1 April is counted again.
        result = run("activity", *night, "--look-back", "1")
        assert result.exit_code == 0, result.stderr
        after = {path.name: path.stat().st_mtime_ns for path in Path("daily").iterdir()}
        written = {name for name, when in after.items() if days.get(name) != when}
        assert written == {"2026-04-01.parquet", "2026-04-02.parquet"} & after.keys() | (after.keys() - days.keys())
        score("from_events.csv")
        score("from_days.csv", events="daily")
        assert Path("from_events.csv").read_bytes() == Path("from_days.csv").read_bytes()
        assert {path.name for path in Path().iterdir() if path.name.startswith(".daily")} <= {".daily.lock"}

    def test_an_activity_for_other_questions_is_refused(self):
        book = ("--rulebook", "rulebook.yaml")
        assert run("activity", "--events", "events.csv", "--out", "daily", *book).exit_code == 0
        text = Path("rulebook.yaml").read_text(encoding="utf-8")
        asset = next(line for line in text.splitlines() if "asset" in line)
        Path("other.yaml").write_text(text.replace(asset, asset.replace("/", "/other-", 1)), encoding="utf-8")
        score = ("score", "other.yaml", "--leads", "leads.csv", "--events", "daily", "--as-of", "2026-04-02")
        result = run(*score, "--out", "scores.csv")
        assert result.exit_code == 1
        said = " ".join(result.stderr.split())
        assert "keeps of 'asset' what other rules asked" in said
        assert "make it again" in said

    def test_a_day_is_not_added_twice(self):
        run("activity", "--events", "events.csv", "--out", "a.parquet")
        before = Path("a.parquet").read_bytes()
        result = run("activity", "--events", "events.csv", "--out", "a.parquet", "--extend", "a.parquet")
        assert result.exit_code == 1
        assert "in the activity already" in result.stderr
        assert Path("a.parquet").read_bytes() == before

    def test_an_activity_that_lacks_what_rules_test(self):
        assert run("activity", "--events", "events.csv", "--out", "a.csv").exit_code == 2
        assert "its kind only" in run("activity", "--events", "events.csv", "--out", "a.parquet").stdout
        arguments = ("--extend", "a.parquet", "--rulebook", "rulebook.yaml")
        result = run("activity", "--events", "events.csv", "--out", "b.parquet", *arguments)
        assert result.exit_code == 1
        assert "lacks 'asset'" in result.stderr
        assert not Path("b.parquet").exists()


class TestSchema:
    def test_accepts_the_examples_and_refuses_a_typo(self):
        schema = json.loads(run("schema").stdout)
        validator = jsonschema.Draft202012Validator(schema)
        validator.check_schema(schema)
        assert schema["title"] == "leadscore rulebook, formats 1 and 2"
        for name in ("rulebook.yaml", "planted.yaml"):
            # As an editor sees it: every key is text.
            document = json.loads(json.dumps(ls.Rulebook.from_yaml(example(name)).to_dict()))
            assert list(validator.iter_errors(document)) == []
            document["behaviour"][0]["witin_days"] = 3
            assert [error.validator for error in validator.iter_errors(document)] == ["additionalProperties"]


class TestDemo:
    def test_runs_in_its_time_and_is_a_tour(self, tmp_path):
        start = time.perf_counter()
        result = run("demo", "--folder", tmp_path)
        assert time.perf_counter() - start < 10
        assert result.exit_code == 0
        heads = {f"{number}. " for number in range(1, 7)}
        headings = [line for line in result.stdout.splitlines() if line[:3] in heads]
        assert len(headings) == 6
        assert "accepted of those decided" in result.stdout
        assert "20,000 leads scored" in result.stdout
        assert "qualified via score" in result.stdout
        assert len(pd.read_csv(tmp_path / "scores.csv")) == 20_000

    def test_what_it_says_to_type_works(self, tmp_path, monkeypatch):
        result = run("demo", "--folder", tmp_path, "--leads", 500)
        monkeypatch.chdir(tmp_path)
        Path("mine.yaml").write_bytes(Path("rulebook.yaml").read_bytes())
        typed = [line.strip() for line in result.stdout.splitlines() if line.startswith("  leadscore ")]
        assert len(typed) == 4
        for line in typed:
            assert CliRunner().invoke(app, line.removeprefix("leadscore ")).exit_code == 0, line

    @pytest.mark.usefixtures("folder")
    def test_overwrites_nothing(self):
        result = run("demo", "--folder", ".", "--leads", 100)
        assert result.exit_code == 2
        assert "rulebook.yaml already there" in result.stderr


@pytest.mark.usefixtures("folder")
class TestProcess:
    """As a user starts it: a process of its own."""

    def test_version_and_help(self):
        assert finished("--version")[1].startswith("leadscore")
        _, out, _ = finished("--help")
        for command in (
            "init",
            "check",
            "score",
            "explain",
            "replay",
            "funnel",
            "acceptance",
            "response-times",
            "diff",
            "evaluate",
            "explore",
            "learn",
            "evidence",
            "drift",
            "run",
            "review",
            "activity",
            "schema",
            "sql",
            "demo",
        ):
            assert f"\n  {command} " in out
        # The one line on each is whole.
        assert "..." not in out.split("Commands:")[1]

    def test_help_waits_for_nothing_it_does_not_need(self):
        code = (
            "import sys, leadscore.cli; sys.exit(bool({'pandas', 'sklearn', 'matplotlib', 'scipy'} & set(sys.modules)))"
        )
        assert finished(code=code)[0] == 0

    @pytest.mark.parametrize(
        ("typed", "heavy"),
        [
            ("check rulebook.yaml", {"numpy", "pandas", "pyarrow", "rich", "scipy"}),
            (
                "score --leads leads.csv --events events.csv --as-of 2026-03-31 --out x.parquet",
                {"rich", "scipy", "sklearn", "matplotlib", "leadscore.scoring.replay", "leadscore.imports.build"},
            ),
        ],
    )
    def test_a_command_waits_for_nothing_it_does_not_need(self, typed, heavy, monkeypatch):
        for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
            monkeypatch.delenv(name, raising=False)
        code = (
            "import sys; from leadscore.cli import app; app(standalone_mode=False); "
            f"print(sorted({heavy!r} & set(sys.modules)))"
        )
        _, out, errors = finished(*typed.split(), code=code)
        assert (out.splitlines()[-1], errors) == ("[]", "")

    def test_as_a_module(self):
        code = "import runpy, sys; sys.argv[0] = 'x'; runpy.run_module('leadscore', run_name='__main__')"
        assert finished("check", "rulebook.yaml", code=code) == finished("check", "rulebook.yaml")

    def test_errors_are_plain_text(self):
        expected = "1 problem in nope.yaml\n  cannot be read: No such file or directory\n"
        assert finished("check", "nope.yaml") == (1, "", expected)

    def test_a_reader_that_stops_is_no_error(self):
        with in_process("schema") as process:
            process.stdout.close()
            assert process.stderr.read() == ""
        assert process.returncode == 0

    def test_a_name_the_terminal_cannot_show(self):
        edit("rulebook.yaml", "name: example", "name: 名前")
        code, out, errors = finished("check", "rulebook.yaml", PYTHONIOENCODING="latin-1:strict", PYTHONUTF8="0")
        assert (code, errors) == (0, "")
        assert "\\u540d" in out

    def test_what_would_colour_the_terminal_is_shown_by_its_code(self, capsys):
        print_table(("name", "rows"), [("a\x1b[31m", "12"), ("b", "3")], figures="rows")
        assert capsys.readouterr().out == "name       rows\na\\x1b[31m    12\nb             3\n"

    def test_the_library_needs_no_terminal(self):
        code = "import sys, leadscore; sys.exit(bool({'typer', 'rich', 'leadscore.cli'} & set(sys.modules)))"
        assert finished(code=code)[0] == 0
