"""`leadscore run` killed outright at random moments: nothing is lost, nothing twice, and the same bytes at the end."""

import json
import os
import random
import shutil
import subprocess
import sys
import time

import pytest

from tests.cli.test_cli import MAIN, ROOT
from tests.support.nights import BOOK, DAY, FIRST, LAST, World, files, night, written

# Counts what the process does to files of the nights, and kills it before it does more than so many of these things.
WATCHED = f"""
import os, signal, sys
left, root = int(sys.argv.pop(1)), sys.argv[-1]
DOES = ("os.link", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")
def happens(event, given):
    global left
    if not given or not str(given[0]).startswith(root):
        return
    if event in DOES or (event == "open" and given[2] & (os.O_WRONLY | os.O_RDWR)):
        left -= 1
        os.write(2, f"{{left}}\\n".encode())
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(happens)
{MAIN}
"""
MANY = 10**6


def started(folder, left):
    given = ["run", str(folder / "rulebook.yaml"), "--as-of", str(LAST), "--dir", str(folder / "out")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WATCHED, str(left), *given]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def undisturbed(folder):
    """How many things it does to files, and how long it takes."""
    begun = time.monotonic()
    out, errors = (process := started(folder, MANY)).communicate(timeout=300)
    assert process.returncode == 0, out + errors
    return MANY - int(errors.split()[-1]), time.monotonic() - begun


def killed(folder, rng, things, seconds):
    """Whether it was killed: before one of the things that it does to files, or after some time; or it had ended."""
    left, wait = (rng.randrange(things), 300) if rng.random() < 0.7 else (MANY, rng.uniform(0.1, 1) * seconds)
    process = started(folder, left)
    try:
        process.communicate(timeout=wait)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    assert process.returncode in {0, -9}
    return process.returncode == -9


def first_night(folder):
    World.made().export(folder, LAST)


def next_night(folder):
    world = World.made()
    world.export(folder, FIRST)
    assert night(folder, FIRST).exit_code == 0
    world.export(folder, LAST, days=8)


def all_days_again(folder):
    """An event that came too late for the look-back stands in an export of all events."""
    next_night(folder)
    world = World.made()
    world.events.append((min(world.leads, key=lambda row: row[1])[0], "call", f"{FIRST - 9 * DAY}T10:00:00Z", "", LAST))
    world.export(folder, LAST)


def done_but_for_an_edit(folder):
    next_night(folder)
    assert night(folder, LAST).exit_code == 0
    (folder / "rulebook.yaml").write_text(BOOK.replace("threshold: 20", "threshold: 15"), encoding="utf-8")


BEFORE = [first_night, next_night, all_days_again, done_but_for_an_edit]


def attacked(tmp_path, before, seed, kills):
    rng, base = random.Random(seed), written(tmp_path)
    before(base)
    # The data file is the same for all; only the folder of the nights is each run's own.
    (base / "out").mkdir(exist_ok=True)
    shutil.move(base / "out", base / "begun")

    def anew():
        shutil.rmtree(base / "out", ignore_errors=True)
        shutil.copytree(base / "begun", base / "out")

    anew()
    things, seconds = undisturbed(base)
    expected = files(base / "out")
    assert f"nights/{LAST}.json" in expected
    while kills > 0:
        anew()
        for _ in range(rng.choice([1, 1, 2])):
            kills -= killed(base, rng, things, seconds)
        undisturbed(base)
        assert files(base / "out") == expected
        for line in (base / "out" / "log.jsonl").read_text(encoding="utf-8").splitlines():
            assert {"as_of", "step", "seconds", "rows", "ok"} <= json.loads(line).keys()


@pytest.mark.slow
@pytest.mark.parametrize("before", [next_night, all_days_again])
def test_killed_at_any_moment_a_night_ends_in_the_same_bytes(tmp_path, before):
    attacked(tmp_path, before, 1, 5)


@pytest.mark.soak
@pytest.mark.parametrize("before", BEFORE)
def test_killed_a_hundred_times_nights_end_in_the_same_bytes(tmp_path, before):
    attacked(tmp_path, before, 2, 25)
