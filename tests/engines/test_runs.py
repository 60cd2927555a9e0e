"""A run in buckets is whole or absent, whenever it is killed: nothing lost, nothing twice, the same bytes."""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

import leadscore as ls
from leadscore.engines import buckets as engine

pytestmark = pytest.mark.buckets
BOOK = ls.Rulebook.from_yaml("""
leadscore: 1
name: demo
fit: [{name: Home market, column: country, points: {US: 30, NO: 10}}]
behaviour: [{name: Visit, event: visit, points: 3, half_life_days: 14, at_most: 40}]
qualify: {threshold: 40}
""")
AS_OF, BUCKETS = "2026-03-31", 6
SCRIPT = """
import sys
import leadscore as ls
from leadscore.engines.score_files import score_files
print("begun", flush=True)
leads, events, book, out = sys.argv[1:]
score_files(leads, events, rulebook=ls.Rulebook.read(book), as_of="2026-03-31", out=out, buckets=6, threads=1)
"""


@pytest.fixture
def files(tmp_path):
    leads = pd.DataFrame({"lead_id": range(3000), "country": (["US", "NO", None] * 1000)})
    events = pd.DataFrame({"lead_id": [n * 7 % 3000 for n in range(20_000)], "event": "visit"})
    events["at"] = pd.Timestamp("2026-03-01") + pd.to_timedelta(events.index, "min")
    leads.to_parquet(tmp_path / "leads.parquet")
    events.to_parquet(tmp_path / "events.parquet")
    BOOK.write(tmp_path / "book.yaml")
    return tmp_path


def paths(files):
    return files / "leads.parquet", files / "events.parquet"


def scored(files, out, **how):
    return ls.score_files(
        *paths(files), rulebook=BOOK, as_of=AS_OF, out=files / out, **{"threads": 1, "buckets": BUCKETS} | how
    )


def content(out):
    """The bytes of a result."""
    if out.is_dir():
        return {one.name: one.read_bytes() for one in sorted(out.iterdir())}
    return out.read_bytes()


def left(files):
    """What lies beside inputs and results."""
    return sorted(one.name for one in files.iterdir() if one.name.startswith(".") and not one.name.endswith(".lock"))


def begun(files, out):
    """A run in a process of its own, which has imported all that it needs."""
    command = [sys.executable, "-c", SCRIPT, *map(str, paths(files)), str(files / "book.yaml"), str(files / out)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert run.stdout.readline() == b"begun\n"
    return run


@pytest.mark.parametrize("out", ["scores.parquet", "scores.csv", "scores"])
@pytest.mark.parametrize("times", [pytest.param(4, marks=pytest.mark.slow), pytest.param(34, marks=pytest.mark.soak)])
def test_a_run_killed_at_any_moment_goes_on_where_it_was(files, out, times):
    """Twelve kills in the slow tier and a hundred in the soak, at moments between the start and the end of a run."""
    scored(files, "whole" + Path(out).suffix)
    wanted = content(files / ("whole" + Path(out).suffix))
    start = time.perf_counter()
    with begun(files, out) as run:
        start = time.perf_counter()
        assert run.wait() == 0
    whole = time.perf_counter() - start
    rng, at_work = random.Random(out), 0
    for _ in range(times):
        # What is there is the result of the run before, or none.
        if rng.random() < 0.5:
            shutil.rmtree(files / out) if (files / out).is_dir() else (files / out).unlink()
        with begun(files, out) as run:
            time.sleep(rng.uniform(0, whole))
            run.send_signal(signal.SIGKILL)
            at_work += run.wait() == -signal.SIGKILL
        assert not (files / out).exists() or content(files / out) == wanted
        scored(files, out)
        assert content(files / out) == wanted
        assert left(files) == []
    assert at_work, "no run was at work when it was killed"


class Killed(BaseException):
    """What no handler in the engine catches, as a kill."""


def stops(monkeypatch, name, after):
    """A function of the engine that is the last thing a run does once it was called some times."""
    held, calls = getattr(engine, name), []

    def stop(*given, **more):
        calls.append(1)
        if len(calls) > after:
            raise Killed
        return held(*given, **more)

    monkeypatch.setattr(engine, name, stop)
    return calls


@pytest.mark.parametrize(("name", "after", "again"), [("cut", 0, 2), ("cut", 1, 1), ("_make", 3, 0)])
def test_what_is_done_is_not_done_again(files, monkeypatch, name, after, again):
    scored(files, "whole.parquet")
    with monkeypatch.context() as patch:
        stops(patch, name, after)
        with pytest.raises(Killed):
            scored(files, "scores.parquet")
    assert not (files / "scores.parquet").exists()
    cuts, makes = stops(monkeypatch, "cut", 99), stops(monkeypatch, "_make", 99)
    said = []
    scored(files, "scores.parquet", progress=said.append)
    made = after if name == "_make" else 0
    assert (len(cuts), len(makes)) == (again, BUCKETS - made)
    assert (f"{made} of {BUCKETS} buckets, made by a run that was stopped" in said) is (made > 0)
    assert content(files / "scores.parquet") == content(files / "whole.parquet")


@pytest.mark.parametrize("change", ["rulebook", "leads", "day", "buckets"])
def test_a_run_on_other_inputs_starts_from_nothing(files, monkeypatch, change):
    with monkeypatch.context() as patch:
        stops(patch, "_make", 3)
        with pytest.raises(Killed):
            scored(files, "scores.parquet")
    book, as_of, buckets = BOOK, AS_OF, BUCKETS
    if change == "rulebook":
        book = BOOK.edited({"behaviour[0].points": 4})
    elif change == "leads":
        leads = pd.read_parquet(files / "leads.parquet")
        leads.assign(country="US").to_parquet(files / "leads.parquet")
    elif change == "day":
        as_of = "2026-03-20"
    else:
        buckets = 4
    makes = stops(monkeypatch, "_make", 99)
    how = {"rulebook": book, "as_of": as_of, "buckets": buckets, "threads": 1}
    ls.score_files(*paths(files), out=files / "scores.parquet", **how)
    assert len(makes) == buckets
    ls.score_files(*paths(files), out=files / "whole.parquet", **how)
    assert content(files / "scores.parquet") == content(files / "whole.parquet")
    assert left(files) == []


def test_a_result_stays_until_the_next_is_whole(files, monkeypatch):
    for out in ("scores.parquet", "scores"):
        scored(files, out)
        before = content(files / out)
        with monkeypatch.context() as patch:
            stops(patch, "_make", 3)
            with pytest.raises(Killed):
                scored(files, out, buckets=5)
        assert content(files / out) == before
        scored(files, out, buckets=5)
        assert content(files / out) != before
        if out == "scores":
            assert len(list((files / out).glob("*.parquet"))) == 5
    assert left(files) == []


def test_inputs_that_change_meanwhile_are_refused(files, monkeypatch):
    held = engine.cut

    def cut(source, *given, **more):
        held(source, *given, **more)
        if source.name == "events":
            os.utime(files / "events.parquet", (1, 1))

    monkeypatch.setattr(engine, "cut", cut)
    with pytest.raises(ls.ContractError, match="changed while it was read"):
        scored(files, "scores.parquet")
    assert not (files / "scores.parquet").exists()


def test_two_runs_on_one_result_wait_for_each_other(files):
    said, results = [], []
    runs = [
        threading.Thread(target=lambda: results.append(scored(files, "scores.parquet", progress=said.append)))
        for _ in range(2)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert len(results) == 2
    assert sum(line.startswith("Another run makes") for line in said) == 1
    assert left(files) == []


def test_on_several_cores_the_result_is_the_same(files):
    scored(files, "one.parquet")
    scored(files, "two.parquet", threads=2)
    assert content(files / "one.parquet") == content(files / "two.parquet")


def killed_at_work(job, run, folders, bucket):
    """As `_make`, in a process that the system ends."""
    if bucket == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return made_in_peace(job, run, folders, bucket)


made_in_peace = engine._make


def test_a_process_that_is_killed_is_said_and_the_run_goes_on(files, monkeypatch):
    """A system that runs short of memory ends the largest process."""
    scored(files, "whole.parquet")
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_make", killed_at_work)
        with pytest.raises(OSError, match="ended from outside, perhaps as memory ran short: run again"):
            scored(files, "scores.parquet", threads=2)
    assert not (files / "scores.parquet").exists()
    scored(files, "scores.parquet", threads=2)
    assert content(files / "scores.parquet") == content(files / "whole.parquet")


def test_a_full_disk_is_said_where_it_is_full(files, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "Error writing bytes to file")

    with monkeypatch.context() as patch:
        patch.setattr(pa.parquet.ParquetWriter, "write_table", full)
        with pytest.raises(OSError, match="Error writing bytes") as error:
            scored(files, "scores.parquet")
    assert ".scores.parquet.work" in error.value.filename
    scored(files, "scores.parquet")
    assert left(files) == []


def test_more_buckets_than_files_may_be_open(files):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, hard))
        scored(files, "scores.parquet", buckets=40)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (40, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    scored(files, "whole.parquet", buckets=40)
    assert content(files / "scores.parquet") == content(files / "whole.parquet")


def test_more_files_than_a_system_allows_are_refused(files):
    command = "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (128, 128))\n" + SCRIPT.replace(
        "buckets=6", "buckets=99"
    )
    given = [*map(str, paths(files)), str(files / "book.yaml"), str(files / "scores.parquet")]
    run = subprocess.run([sys.executable, "-c", command, *given], capture_output=True, text=True, check=False)
    assert "must be at most 28 here: the system allows 128 open files" in run.stderr


def test_a_result_says_what_it_was_made_from(files):
    found = scored(files, "scores")
    manifest = json.loads((files / "scores" / "_manifest.json").read_text())
    assert manifest == found.made_from
    assert manifest["rulebook"]["sha256"] == BOOK.digest
    assert manifest["inputs"]["leads"][0]["bytes"] == (files / "leads.parquet").stat().st_size
    scored(files, "scores.parquet")
    metadata = pa.parquet.read_schema(files / "scores.parquet").metadata
    assert json.loads(metadata[b"leadscore.made_from"]) == manifest
    assert metadata[b"leadscore.as_of"] == AS_OF.encode()


def test_a_folder_of_something_else_is_left_alone(files):
    (files / "scores").mkdir()
    (files / "scores" / "notes.txt").write_text("ours")
    with pytest.raises(ls.ArgumentError, match=r"notes\.txt"):
        scored(files, "scores")
    assert [one.name for one in (files / "scores").iterdir()] == ["notes.txt"]


def test_no_input_is_replaced(files):
    with pytest.raises(ls.ArgumentError, match="would replace"):
        scored(files, "events.parquet")
