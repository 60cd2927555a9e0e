"""What the command line writes: never onto what it reads, never in place of a device, and said to whoever listens."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from leadscore.cli import app
from leadscore.datasets.funnel import example
from tests.cli.test_cli import AS_OF, MAIN, ROOT, finished, run

PERIOD = ("--start", "2026-01-01", "--end", "2026-03-31")
GOAL = ("--stage", "opportunity", "--within-days", "30", "--as-of", "2026-01-01")
# How each command that writes is called, and what it reads and writes.
COMMANDS = {
    "score": (["score", "r.yaml", "--leads", "l.csv", "--events", "e.csv", *AS_OF], {"--out": "csv"}),
    "replay": (["replay", "r.yaml", "--leads", "l.csv", "--events", "e.csv", *PERIOD], {"--out": "parquet"}),
    "diff": (["diff", "r.yaml", "s.yaml", "--leads", "l.csv", "--events", "e.csv", *PERIOD], {"--out": "csv"}),
    "activity": (["activity", "--events", "e.csv", "--rulebook", "r.yaml"], {"--out": "parquet"}),
    "learn": (
        ["learn", "r.yaml", "--leads", "l.csv", "--events", "e.csv", "--outcomes", "o.csv", *GOAL],
        {"--out": "yaml", "--model": "npz"},
    ),
    "review": (
        ["review", "r.yaml", "--leads", "l.csv", "--events", "e.csv", "--outcomes", "o.csv", *PERIOD],
        {"--out": "html"},
    ),
    "explore": (
        ["explore", "r.yaml", "--leads", "l.csv", "--events", "e.csv", "--end", "2026-03-31"],
        {"--out": "html"},
    ),
    "drift": (["drift", "r.yaml", "--leads", "l.csv", "--events", "e.csv", *AS_OF], {"--state": "json"}),
}
PAIRS = [
    pytest.param(name, place, option, id=f"{name} {arguments[place]} {option}")
    for name, (arguments, written) in COMMANDS.items()
    for place in range(len(arguments))
    if arguments[place].endswith((".csv", ".yaml"))
    for option in written
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("l.csv", "e.csv", "o.csv"):
        Path(name).write_text(example({"e": "events.csv"}.get(name[0], "leads.csv")), encoding="utf-8")
    for name in ("r.yaml", "s.yaml"):
        Path(name).write_text(example("rulebook.yaml"), encoding="utf-8")
    return tmp_path


def test_every_command_that_writes_is_here():
    there = typer.main.get_command(app).commands
    writes = {
        name for name, command in there.items() if {"out", "state", "model"} & {one.name for one in command.params}
    }
    # Those that write into a folder have tests of their own.
    assert writes == {*COMMANDS, "import", "init", "sql"}


@pytest.mark.parametrize("way", ["itself", "link", "hard link", "folder", "glob"])
@pytest.mark.parametrize(("name", "place", "option"), PAIRS)
def test_an_output_that_is_an_input_is_refused(name, place, option, way):
    """The output has the ending it must have; what it leads to is an input."""
    arguments, written = COMMANDS[name]
    arguments, read = list(arguments), Path(arguments[place])
    before = read.read_bytes()
    out = Path("out").with_suffix(f".{written[option]}")
    if way == "folder":
        if read.suffix == ".yaml":
            return
        Path("parts").mkdir()
        out, arguments[place] = Path("parts") / out, "parts"
        read = read.rename(f"parts/{read.name}")
    elif way == "glob":
        if read.suffix == ".yaml":
            return
        out, arguments[place] = Path("other") / out, "oth*/*"
        Path("other").mkdir()
        read = read.rename(f"other/{read.name}")
    elif way == "itself":
        read.rename(out)
        read, arguments[place] = out, str(out)
    elif way == "link":
        out.symlink_to(read)
    else:
        os.link(read, out)
    result = run(*arguments, option, out)
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.stderr
    assert "would replace what is read" in result.stderr
    assert read.read_bytes() == before
    # Refused before anything is read.
    read.write_bytes(b"\xff\xfe no table, no rulebook")
    assert run(*arguments, option, out).stderr == result.stderr


def test_two_outputs_that_are_one_are_refused():
    arguments, _ = COMMANDS["learn"]
    Path("m.npz").write_bytes(b"")
    Path("m.yaml").symlink_to("m.npz")
    result = run(*arguments, "--out", "m.yaml", "--model", "m.npz")
    assert result.exit_code == 2
    assert "is the file of '--out' too" in result.stderr


def test_a_link_that_leads_nowhere_is_refused_before_anything_is_read():
    Path("loop.csv").symlink_to("loop.csv")
    Path("lost.csv").symlink_to("gone/s.csv")
    arguments, _ = COMMANDS["score"]
    said = {"loop.csv": "is a link that leads back to itself", "lost.csv": "gone', which is not a folder"}
    for path, message in said.items():
        result = run(*arguments, "--out", path)
        assert result.exit_code == 2
        assert message in result.stderr
        assert Path(path).is_symlink()


def test_a_state_is_a_file():
    os.mkfifo("pipe.json")
    for path in ("pipe.json", "/dev/null"):
        result = run(*COMMANDS["drift"][0], "--state", path)
        assert result.exit_code == 2
        assert f"{path} is no file, and the next run could not read it again" in result.stderr


def test_a_models_card_is_an_output_too():
    arguments, _ = COMMANDS["learn"]
    Path("r.yaml").rename("r.md")
    result = run("learn", "r.md", *arguments[2:], "--model", "r.npz")
    assert result.exit_code == 2
    assert "'r.md' would replace what is read as 'r.md'" in result.stderr


def test_an_activity_is_extended_in_place():
    first, rest = example("events.csv").split("\n")[0], example("events.csv").split("\n")[1:]
    Path("late.csv").write_text(f"{first}\n{rest[0].replace('2026-0', '2027-0')}\n", encoding="utf-8")
    assert run("activity", "--events", "e.csv", "--out", "a.parquet").exit_code == 0
    assert run("activity", "--events", "late.csv", "--extend", "a.parquet", "--out", "./a.parquet").exit_code == 0
    result = run("activity", "--events", "e.csv", "--extend", "a.parquet", "--out", "e.parquet")
    assert result.exit_code == 1
    assert "which are in the activity already" in result.stderr


class TestStreams:
    SCORE = ("score", "r.yaml", "--leads", "l.csv", *AS_OF)

    def shell(self, line, **environment):
        # The shell's own way of closing what a command prints to.
        command = f'{sys.executable} -c "{MAIN}" {line}'
        environment = os.environ | {"PYTHONPATH": str(ROOT)} | environment
        done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=30, env=environment, check=False)
        assert b"Traceback" not in done.stderr
        return done

    def test_stdout_is_written_to_and_all_else_is_said_on_stderr(self):
        done = self.shell(" ".join((*self.SCORE, "--out", "/dev/stdout")))
        assert done.returncode == 0
        assert done.stdout.startswith(b'"lead_id","fit"')
        assert done.stdout.count(b"\n") == 12
        assert b"11 leads scored" in done.stderr

    def test_what_stands_in_the_file_behind_stdout_stays(self):
        Path("all.csv").write_text("before\n", encoding="utf-8")
        assert self.shell(" ".join((*self.SCORE, "--out", "/dev/stdout >> all.csv"))).returncode == 0
        text = Path("all.csv").read_text(encoding="utf-8")
        assert text.startswith('before\n"lead_id"')
        assert text.count("\n") == 13

    def test_a_device_stays_one(self):
        done = self.shell(" ".join((*self.SCORE, "--out", "/dev/null")))
        assert done.returncode == 0
        assert b"written to /dev/null" in done.stdout
        assert Path("/dev/null").is_char_device()

    @pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-", "<&- >&- 2>&-"])
    def test_work_that_is_done_is_not_called_failed(self, closed):
        done = self.shell(" ".join((*self.SCORE, "--out", "s.csv", closed)))
        assert done.returncode == 0
        assert Path("s.csv").read_text(encoding="utf-8").count("\n") == 12

    def test_a_reader_that_stops_ends_no_work(self):
        done = self.shell(" ".join((*self.SCORE, "--out", "s.csv")) + ' | head -c 1; echo "${PIPESTATUS[0]}"')
        assert done.stdout.endswith(b"0\n")
        assert Path("s.csv").exists()

    def test_a_full_disk_behind_stdout_is_said_once(self):
        done = self.shell(" ".join((*self.SCORE, "--out", "s.csv", "> /dev/full")))
        assert (done.returncode, done.stderr) == (1, b"stdout: No space left on device\n")
        assert Path("s.csv").exists()

    @pytest.mark.parametrize("encoding", ["ascii", "ascii:strict", "latin-1", "utf-8"])
    def test_a_letter_that_the_terminal_lacks(self, encoding):
        Path("é名.yaml").write_text(example("rulebook.yaml"), encoding="utf-8")
        done = self.shell("check é名.yaml", PYTHONIOENCODING=encoding, LC_ALL="C")
        assert done.returncode == 0
        assert (b"\\u540d" in done.stdout) == (encoding != "utf-8")

    def test_names_that_are_no_text(self):
        name = os.fsdecode(b"out\xff.csv")
        code, out, errors = finished(*self.SCORE, "--out", name)
        assert (code, errors) == (0, "")
        assert "out\\udcff.csv" in out
        assert Path(name).exists()

    @pytest.mark.parametrize("name", [b"in\xff.csv", b"in\xff.parquet"])
    def test_an_input_whose_name_is_no_text_is_refused(self, name):
        Path("l.csv").rename(os.fsdecode(name))
        code, _, errors = finished("score", "r.yaml", "--leads", os.fsdecode(name), *AS_OF, "--out", "s.csv")
        assert code == 1
        assert "is not UTF-8 text; rename it" in errors
        assert "Traceback" not in errors

    def test_nothing_moves_a_terminal(self):
        Path("x\x1b[31m\nname.yaml").write_text("leadscore: 9", encoding="utf-8")
        here, there = pty.openpty()
        arguments = [sys.executable, "-c", MAIN, "check", "x\x1b[31m\nname.yaml"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run(arguments, stdout=there, stderr=there, timeout=30, env=environment, check=False)
        os.close(there)
        said = os.read(here, 10_000)
        assert b"problems in x\\x1b[31m\\nname.yaml" in said
        assert b"\x1b" not in said
        code, _, errors = finished("check", "--\x1b[31m")
        assert code == 2
        assert "\x1b" not in errors

    def test_json_is_json_whatever_names_hold(self):
        text = example("rulebook.yaml").replace("name: example", 'name: "a\u00adb"')
        Path("r.yaml").write_text(text.replace("threshold: 60", "threshold: 600"), encoding="utf-8")
        assert json.loads(finished("check", "r.yaml", "--format", "json")[1])


@pytest.mark.parametrize("limit", [0, 400, 2000])
def test_a_folder_is_begun_whole_or_not_at_all(limit):
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); {MAIN}"
    )
    result = finished("init", "mine", code=code)
    assert result[0] == 1
    assert "too large" in result[2]
    assert [*Path("mine").iterdir()] == []
    assert finished("init", "mine")[0] == 0
