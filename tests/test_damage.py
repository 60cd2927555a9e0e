"""Attacks of minutes: thousands of damaged inputs, hundreds of runs killed at any moment. A tenth of both is slow."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet
import pytest

import leadscore as ls
from leadscore.learn.card.classifier import LeadClassifier
from tests.cli.test_cli import MAIN, ROOT
from tests.support import damage

SEED = 11
SHARES = [pytest.param(0.1, marks=pytest.mark.slow), pytest.param(1.0, marks=pytest.mark.soak)]
INPUTS, KILLS, WORKERS = 5000, 200, 4


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("part", range(WORKERS))
@pytest.mark.parametrize("share", SHARES)
def test_damaged_inputs_are_refused_or_right(share, part, tmp_path):
    """No traceback, no hang, no more than 2 GiB, nothing that means something else without a word."""
    inputs = round(INPUTS * share) // WORKERS
    # An interpreter of its own: what is forked from must have started no threads.
    numbers = [str(part * inputs), str((part + 1) * inputs)]
    command = [sys.executable, "-m", "tests.support.damage", str(SEED), *numbers]
    done = subprocess.run(
        command, cwd=ROOT, env=environment() | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"seed {SEED}: {inputs} inputs, 0 faults" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("raise KeyError('x')", "KeyError"),
        ("while True: pass", "ended by 9 after"),
        ("import time; time.sleep(99)", "ended by 9 after"),
        ("bytearray(3 << 30)", "MemoryError"),
        ("import os; os.abort()", "ended by 6"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("import warnings; warnings.warn('careful')", "UserWarning"),
        ("import leadscore; raise leadscore.ArgumentError('', [])", "without a word"),
    ],
)
def test_the_harness_sees(fault, seen, tmp_path, monkeypatch):
    monkeypatch.setattr(damage, "TRIED", [lambda _, __: exec(fault)])
    monkeypatch.setattr(damage, "SECONDS", 1)
    monkeypatch.setattr(damage, "WAIT", 5)
    world = type("World", (), {"book": "", "leads": "", "events": ""})
    ((end, found),) = damage.attempts(1, [1], world, tmp_path)
    assert end == "fault"
    assert seen in found
    assert "python -m tests.support.damage 1 1" in found


# ---------------------------------------------------------------------------------------------------------------- kills


def run(folder, name, arguments):
    return subprocess.run([sys.executable, "-c", MAIN, name, *arguments], cwd=folder, env=environment(), check=False)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files that take each command a moment, the commands, and what they write."""
    folder = tmp_path_factory.mktemp("kills")
    funnel = ls.datasets.make_funnel(4000, days=500, random_state=3)
    funnel.leads.to_parquet(folder / "l.parquet")
    funnel.events.to_parquet(folder / "e.parquet")
    funnel.outcomes.to_parquet(folder / "o.parquet")
    funnel.rulebook.write(folder / "r.yaml")
    last = funnel.leads["created_at"].max().date()
    first, before = (str(last - pd.Timedelta(days=days)) for days in (300, 60))
    tables = ["--leads", "l.parquet", "--events", "e.parquet"]
    goal = ["--outcomes", "o.parquet", "--stage", "sal", "--within-days", "60", "--start", first, "--end", before]
    weeks = ["--reference-weeks", "26"]
    commands = {
        "score": (["r.yaml", *tables, "--as-of", str(last), "--out", "s.csv"], ["s.csv"]),
        "replay": (["r.yaml", *tables, "--start", first, "--end", str(last), "--out", "h.parquet"], ["h.parquet"]),
        "activity": (["--events", "e.parquet", "--out", "a.parquet"], ["a.parquet"]),
        "learn": (["r.yaml", *tables, *goal, "--out", "n.yaml", "--model", "m.npz"], ["n.yaml", "m.npz", "m.md"]),
        "drift": (
            ["r.yaml", *tables, "--as-of", str(last), "--state", "d.json", *weeks],
            ["d.json"],
        ),
    }
    # Of a state, the old one is of earlier weeks: the run goes on from it.
    earlier = [word.replace(str(last), before) for word in commands["drift"][0]]
    return folder, commands, earlier


READ = {
    ".csv": pd.read_csv,
    ".parquet": pyarrow.parquet.read_table,
    ".yaml": ls.Rulebook.read,
    ".npz": LeadClassifier.load,
    ".json": lambda path: ls.BalanceMonitor.from_json(path.read_text(encoding="utf-8")),
    ".md": Path.read_bytes,
}


@pytest.mark.parametrize("name", ["score", "replay", "activity", "learn", "drift"])
@pytest.mark.parametrize("share", SHARES)
def test_a_killed_run_leaves_the_old_file_or_the_new_one(share, name, files):
    folder, commands, earlier = files
    arguments, written = commands[name]
    if name == "drift":
        (folder / "d.json").unlink(missing_ok=True)
        run(folder, name, earlier)
    old = {one: (folder / one).read_bytes() if one == "d.json" else b"" for one in written}
    begun = time.monotonic()
    assert run(folder, name, arguments).returncode in damage.EXITS - {1, 2}
    takes = time.monotonic() - begun
    new = {one: (folder / one).read_bytes() for one in written}
    old = {one: data or new[one] + b"\n# old" for one, data in old.items()}
    assert not old.items() & new.items()
    rng = random.Random(SEED)
    for number in range(round(KILLS * share) // 5):
        # Most of the kills fall on the end, where files are written.
        moment = takes * (rng.random() if rng.random() < 0.3 else rng.uniform(0.7, 1.1))
        for one, data in old.items():
            (folder / one).write_bytes(data)
        process = subprocess.Popen(
            [sys.executable, "-c", MAIN, name, *arguments],
            cwd=folder,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        for one, data in new.items():
            there = (folder / one).read_bytes()
            assert there in {old[one], data}, f"seed {SEED}, kill {number} after {moment:.2f} s: {one} is neither"
    # The next run works, whatever the killed ones left.
    done = run(folder, name, arguments)
    assert done.returncode in damage.EXITS - {1, 2}
    for one, data in new.items():
        assert (folder / one).read_bytes() == data
        READ[Path(one).suffix](folder / one)
