"""Damaged inputs by the thousand, each in a process of its own: what they lead to, and whether that is allowed.

Each is refused in words, or is right: by `second_reading`, or as it is without damage that changes no meaning.

Input N of a seed is always the same. `python -m tests.support.damage SEED N` tries it again, and leaves its files.
"""

import contextlib
import datetime as dt
import io
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from typer.testing import CliRunner

import leadscore as ls
from leadscore.cli import app
from leadscore.datasets.funnel import example
from leadscore.drift.report import drift_report
from leadscore.learn.card.classifier import LeadClassifier
from tests.support.damaged import ABSURD, bytes_damaged, dressed, tree_damaged
from tests.support.model_files import packed, unpacked
from tests.support.second_reading import Silent, Unsure, judge, judge_kept, plain, same, within

# Of the processor, as others may be at work; and by the clock, for what waits without end.
SECONDS, WAIT, BYTES = 10, 120, 2 << 30
AS_OF = dt.date(2026, 3, 31)
MAIN = "from leadscore.cli import main; main()"
EXITS = {0, 1, 2, 3, 4}


# ----------------------------------------------------------------------------------------------------- what is tried


class World:
    """Files that are whole, and what they give; made once, in the process that all others are forked from."""

    def __init__(self):
        self.book, self.leads, self.events = (example(name) for name in ("rulebook.yaml", "leads.csv", "events.csv"))
        self.state, self.model = json.loads(watched()), _model()
        trial = ls.threshold.plan_trial(baseline_rate=0.1, smallest_difference=-0.05, per_week=200)
        for number, reached in enumerate([3, 5, 2]):
            starts = dt.date(2026, 1, 5) + dt.timedelta(7 * number)
            trial = trial.update(ls.threshold.TrialWeek(starts, reached, 100, 12, 100))
        self.trial = json.loads(trial.to_json())


def watched():
    rng = np.random.default_rng(7)
    text = "leadscore: 1\nname: d\nfit: [{name: F, when: {country: US}, points: 60}]\n"
    book = ls.Rulebook.from_yaml(text + "behaviour: [{name: P, event: p, points: 15}]\nqualify: {threshold: 80}\n")
    monitor = ls.BalanceMonitor(book, reference_weeks=26, by="source")
    for number in range(40):
        scores = pd.DataFrame(
            {"F": 60.0 * rng.integers(0, 2, 60), "P": 15.0 * rng.poisson(1.5 if number < 30 else 4, 60)}
        )
        scores = scores.assign(fit=scores["F"], behaviour=scores["P"], source=rng.choice(["ads", "web"], 60))
        scores["qualified"] = scores["fit"] + scores["behaviour"] >= 80
        monitor.update(dt.date(2025, 1, 6) + dt.timedelta(7 * number), scores)
    return monitor.to_json()


def _model():
    rng = np.random.default_rng(7)
    leads = pd.DataFrame({"visits": rng.poisson(3, 300), "country": rng.choice(["US", "DE", None], 300)})
    model = LeadClassifier(guards=None, bins="tree", C=0.3).fit(leads, rng.random(300) < 0.3)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder, "m.npz"))
        return Path(folder, "m.npz").read_bytes()


def lay_out(world):
    for name, text in (("r.yaml", world.book), ("l.csv", world.leads), ("e.csv", world.events)):
        Path(name).write_text(text, encoding="utf-8")


def scored(leads, events, book="r.yaml", *, strict=True):
    tables = ls.load_tables(leads, events, rulebook=(read := ls.Rulebook.read(book)), strict=strict)
    return tables, ls.score(tables, read, as_of=AS_OF)


def kept_and_refused(leads, events):
    """What is kept with `strict=False`; without, it is all the same or refused, as rows were set aside or not."""
    tables, scores = scored(leads, events, strict=False)
    try:
        strictly = plain(scored(leads, events)[1])
    except ls.LeadscoreError:
        if not len(tables.rejected):
            raise Silent("it is refused, and nothing is set aside") from None
    else:
        if len(tables.rejected):
            raise Silent(f"what is set aside is taken: {tables.rejected}")
        same(strictly, plain(scores))
    return tables, scores


def try_book(rng, world):
    """The scores of what the rulebook is taken for are those of the reference."""
    Path("r.yaml").write_bytes(bytes_damaged(rng, world.book.encode()))
    book = ls.Rulebook.read("r.yaml")
    book.check(today=AS_OF)
    if ls.Rulebook.from_yaml(book.to_yaml()) != book or ls.Rulebook.from_dict(book.to_dict()) != book:
        raise Silent("written and read again it is another rulebook")
    tables, scores = scored("l.csv", "e.csv")
    if book.to_dict().get("columns") != ls.Rulebook.from_yaml(world.book).to_dict()["columns"]:
        raise Unsure("columns of other kinds")
    judge(tables, scores, world.leads.encode(), world.events.encode())


def try_csv(rng, world):
    """Every record that a reader of CSV sees is scored as the reference scores it, or is said to be set aside."""
    damaged = {"l.csv": world.leads.encode(), "e.csv": world.events.encode()}
    for name in rng.choice([["l.csv"], ["e.csv"], ["l.csv", "e.csv"]]):
        damaged[name] = bytes_damaged(rng, damaged[name])
        Path(name).write_bytes(damaged[name])
    judge(*kept_and_refused("l.csv", "e.csv"), *damaged.values())


def try_dressed(rng, world):
    expected = plain(scored("l.csv", "e.csv")[1])
    Path("l.csv").write_bytes(dressed(rng, world.leads))
    Path("e.csv").write_bytes(dressed(rng, world.events))
    same(plain(scored("l.csv", "e.csv")[1]), expected)


def try_parts(rng, _):
    """The same rows in parts of several types, in any order of their names."""
    expected = plain(scored("l.csv", "e.csv")[1])
    table = pa.csv.read_csv("l.csv", convert_options=pa.csv.ConvertOptions(column_types={"lead_id": pa.string()}))
    Path("parts").mkdir()
    cut = rng.randrange(1, len(table))
    parts = [table.slice(0, cut), table.slice(cut)]
    for number, part in zip(rng.sample(range(9), 2), parts, strict=True):
        columns = rng.sample(part.column_names, len(part.column_names))
        text = part["seniority"].dictionary_encode() if rng.random() < 0.5 else part["seniority"]
        shuffled = part.set_column(part.column_names.index("seniority"), "seniority", text).select(columns)
        pa.parquet.write_table(shuffled, f"parts/{number}.parquet", compression=rng.choice(["none", "zstd", "snappy"]))
    same(plain(scored("parts", "e.csv")[1]), expected)


def try_parquet(rng, _):
    """A part with checksums means what it did; without, what another reader sees in it."""
    table, whole = pa.csv.read_csv("l.csv"), rng.random() < 0.5
    pa.parquet.write_table(table, "l.parquet", compression="none", write_page_checksum=whole)
    Path("l.parquet").write_bytes(bytes_damaged(rng, Path("l.parquet").read_bytes()))
    found = plain(kept_and_refused("l.parquet", "e.csv")[1])
    if not whole:
        try:
            table = duckdb.connect(config={"threads": 1}).read_parquet("l.parquet").to_arrow_table()
        except duckdb.Error as error:
            raise Unsure(str(error)) from None
    same(found, plain(scored(table, "e.csv", strict=False)[1]))


def try_activity(rng, _):
    ls.daily_activity("e.csv", rulebook=ls.Rulebook.read("r.yaml")).write("a.parquet")
    whole, expected = ls.tables.DailyActivity.read("a.parquet"), plain(scored("l.csv", "a.parquet")[1])
    Path("a.parquet").write_bytes(bytes_damaged(rng, Path("a.parquet").read_bytes()))
    read = ls.tables.DailyActivity.read("a.parquet")
    same(plain(scored("l.csv", "a.parquet")[1]), expected)
    if not read.table.equals(whole.table) or read.timezone != whole.timezone:
        raise Silent("other activity")


def kept_damaged(rng, whole):
    """The JSON that a job keeps, damaged; half of the time as files of before are, without a checksum."""
    said = json.loads(json.dumps(whole))
    if rng.random() < 0.5:
        del said["checksum"]
    if rng.random() < 0.2:
        return bytes_damaged(rng, json.dumps(said).encode()).decode("utf-8", "replace")
    return json.dumps(tree_damaged(rng, said))


def try_state(rng, world):
    text = kept_damaged(rng, world.state)
    Path("state.json").write_text(text, encoding="utf-8")
    monitor = ls.BalanceMonitor.from_json(text)
    judge_kept(monitor.to_json(), world.state, text)
    str(drift_report(monitor).to_markdown())
    ls.BalanceMonitor.from_json(monitor.to_json())
    if monitor.verdict.since is not None:
        monitor.acknowledge(rng.choice(["fixed", "new_normal"]))
        str(drift_report(monitor))


def try_trial(rng, world):
    text = kept_damaged(rng, world.trial)
    Path("trial.json").write_text(text, encoding="utf-8")
    trial = ls.threshold.Trial.from_json(text)
    judge_kept(trial.to_json(), world.trial, text)
    str(trial.to_markdown())
    ls.threshold.Trial.from_json(trial.to_json())


def try_model(rng, world):
    """Bytes of a disk that change are seen; what somebody packs anew is taken for what it says."""
    members = unpacked(world.model)
    if rng.random() < 0.4:
        data, text = bytes_damaged(rng, world.model), members["model.json"].decode()
    else:
        text = json.dumps(tree_damaged(rng, json.loads(members["model.json"])))
        data = packed(members | {"model.json": text.encode()})
    Path("m.npz").write_bytes(data)
    model = LeadClassifier.load("m.npz")
    chances = model.predict_proba(pd.DataFrame({"visits": [1.0, 2.0], "country": ["US", None]}))
    if not (np.isfinite(chances).all() and np.allclose(chances.sum(axis=1), 1)):
        raise Silent(f"no chances: {chances}")
    model.save("again.npz")
    again = unpacked(Path("again.npz").read_bytes())
    if again | {"model.json": b""} != members | {"model.json": b""}:
        raise Silent("other arrays")
    found, said = (json.loads(one, parse_constant=str) for one in (again["model.json"], text))
    if not within(said, found):
        raise Silent(f"it is taken for {found}; it says {said}")


def try_frame(rng, world):
    leads, events = (pd.read_csv(io.StringIO(text), dtype=object) for text in (world.leads, world.events))
    for _ in range(rng.choice([1, 2, 4])):
        frame = rng.choice([leads, events])
        if not len(frame.columns):
            break
        column = rng.choice([*frame.columns])
        kind = rng.choice(["cell", "cell", "column", "type", "gone", "index", "rename"])
        if kind == "cell":
            cells = list(frame[column])
            cells[rng.randrange(len(cells))] = rng.choice([*ABSURD, object(), b"x", dt.time(1), {1}, pd.NaT])
            frame[column] = pd.Series(cells, frame.index, dtype=object)
        elif kind == "column":
            frame[column] = pd.Series([rng.choice(ABSURD) for _ in range(len(frame))], frame.index, dtype=object)
        elif kind == "type":
            with contextlib.suppress(ValueError, TypeError, OverflowError):
                frame[column] = frame[column].astype(
                    rng.choice(["category", "string", "boolean", "Float64", "datetime64[s]"])
                )
        elif kind == "gone":
            del frame[column]
        elif kind == "rename":
            frame.columns = [
                rng.choice([0, None, "x", ("a", "b"), "lead_id", "\x1b[0m"]) if name is column else name
                for name in frame
            ]
        else:
            frame.index = rng.choice([pd.Index([0] * len(frame)), frame.index.rename("lead_id"), frame.index[::-1]])
    book = ls.Rulebook.from_yaml(world.book)
    tables = ls.load_tables(leads, events, rulebook=book, strict=rng.random() < 0.5)
    str(scores := ls.score(tables, book, as_of=AS_OF))
    ls.replay(tables, book, start="2026-03-01", end=AS_OF)
    # The order of rows means nothing.
    again = [frame.sample(frac=1, random_state=rng.randrange(2**32)) for frame in (leads, events)]
    tables = ls.load_tables(*again, rulebook=book, strict=not len(tables.rejected))
    same(plain(ls.score(tables, book, as_of=AS_OF)), plain(scores))


def arguments(rng):
    """Words of the command line in an order that hands give them: mostly right, then not."""
    tables = "r.yaml --leads l.csv --events e.csv"
    period = "--start 2026-01-01 --end 2026-03-31"
    commands = [
        "check r.yaml",
        f"score {tables} --as-of 2026-03-31 --out s.csv",
        f"explain {tables} L-1002 --as-of 2026-03-31",
        f"replay {tables} {period} --out h.parquet",
        f"diff r.yaml {tables} {period} --by segment",
        "activity --events e.csv --out a.parquet --rulebook r.yaml",
        f"drift {tables} --as-of 2026-03-31 --state state.json --format json",
        f"evaluate {tables} {period} --outcomes e.csv --stage won --within-days 30 --capacity-per-week 5",
        f"funnel {tables} --outcomes e.csv --within-days 30 --by source",
        f"acceptance {tables} --outcomes e.csv --within-days 30 --format markdown",
        f"response-times {tables} {period} --outcomes e.csv --by segment",
        f"learn {tables} {period} --outcomes e.csv --stage won --within-days 30 --out n.yaml",
        "init new",
    ]
    words = rng.choice(commands).split()
    values = [*"-0/.*[é", "--", "-1", "1e9", "nan", "..", "**", "/dev/null", "l.csv", "r.yaml", "2026-02-30"]
    values += ["0001-01-01", "9999-12-31"]
    values += ["", "9" * 30, "\udcff", "\x1b[31m", "a\nb", "é", "--set-aside", "--format", "json"]
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        place = rng.randrange(1, len(words) + 1)
        kind = rng.choice(["replace", "replace", "insert", "drop", "twice"])
        if kind == "replace" and place < len(words):
            words[place] = rng.choice(values)
        elif kind == "drop" and place < len(words):
            del words[place]
        elif kind == "twice":
            words[place:place] = words[max(1, place - 2) : place]
        else:
            words.insert(place, rng.choice(values))
    return words


def try_arguments(rng, world):
    Path("state.json").write_text(json.dumps(world.state), encoding="utf-8")
    done = CliRunner().invoke(app, arguments(rng))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    if done.exit_code not in EXITS or "\x1b" in done.output:
        raise Silent(f"exit code {done.exit_code}: {done.output[:200]!r}")


def try_process(rng, world):
    """One of the others, as a user starts it: a process of its own."""
    for name, text in (("r.yaml", world.book), ("l.csv", world.leads), ("e.csv", world.events)):
        if rng.random() < 0.4:
            Path(name).write_bytes(bytes_damaged(rng, text.encode()))
    state = json.loads(json.dumps(world.state))
    Path("state.json").write_text(json.dumps(tree_damaged(rng, state)), encoding="utf-8")
    command = [sys.executable, "-c", MAIN, *map(os.fsencode, arguments(rng))]
    command = [word.replace(b"\0", b"") if isinstance(word, bytes) else word for word in command]
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode not in EXITS or b"Traceback" in done.stderr or b"\x1b" in done.stdout + done.stderr:
        raise Silent(f"{command[3:]}: exit code {done.returncode}: {done.stderr[-2000:].decode(errors='replace')}")


TRIED = [try_book, try_csv, try_csv, try_dressed, try_parts, try_parquet, try_activity, try_state, try_state, try_model]
TRIED += [try_trial, try_frame, try_frame, try_arguments, try_arguments]
# One in so many goes through the command line, in a process of its own.
PROCESS = 50
# How a try that is no fault ends, by the exit code of its process.
ENDS = {0: "right", 2: "refused", 3: "taken, not judged"}


# ------------------------------------------------------------------------------------------------------ one by one


def attempt(seed, number, world, folder):
    """How an input ends, and the fault if that is not allowed. In a process of its own, with its limits."""
    rng = random.Random(f"{seed}/{number}")
    tried = try_process if number % PROCESS == 0 else TRIED[number % len(TRIED)]
    said, heard = os.pipe()
    child = os.fork()
    if not child:
        os.close(said)
        os._exit(_attempted(tried, rng, world, folder, heard))
    os.close(heard)
    begun, status = time.monotonic(), 0
    while not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        if time.monotonic() - begun > WAIT:
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.002)
    status = os.waitpid(child, 0)[1]
    with open(said, "rb") as pipe:  # noqa: PTH123 - no path
        text = pipe.read().decode(errors="replace")
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) in ENDS:
        return ENDS[os.WEXITSTATUS(status)], ""
    how = f"ended by {status} after {time.monotonic() - begun:.0f} s"
    return "fault", f"seed {seed}, input {number}, {tried.__name__}: {how}\n{text}"


def _attempted(tried, rng, world, folder, heard):
    os.setsid()
    os.chdir(folder)
    lay_out(world)
    now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + BYTES, now + BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    warnings.simplefilter("error")
    try:
        tried(rng, world)
    except ls.LeadscoreError as error:
        if error.problems and all(one.message.strip() for one in error.problems):
            return 2
        os.write(heard, b"an error without a word")
    except Unsure:
        return 3
    except BaseException:  # noqa: BLE001 - whatever it is, it is a fault
        os.write(heard, traceback.format_exc().encode(errors="replace")[-4000:])
    else:
        return 0
    return 1


def attempts(seed, numbers, world, folder):
    """How some inputs end, each with its fault; the files of those with one stay in the folder."""
    for number in numbers:
        place = Path(folder, f"{seed}-{number}")
        place.mkdir(parents=True)
        end, fault = attempt(seed, number, world, place)
        if fault:
            yield end, f"{fault}\nIts files: {place}; again: python -m tests.support.damage {seed} {number}"
        else:
            shutil.rmtree(place)
            yield end, ""


if __name__ == "__main__":
    seed, *numbers = map(int, sys.argv[1:])
    whole = range(numbers[0], numbers[1]) if len(numbers) == 2 else numbers
    begun, ends = time.monotonic(), Counter()
    for end, fault in attempts(seed, whole, World(), tempfile.mkdtemp(prefix="leadscore-damage-")):
        ends[end] += 1
        if fault:
            print(fault, flush=True)  # noqa: T201 - run by hand and by a test
    said = ", ".join(f"{ends[end]} {end}" for end in ENDS.values())
    print(f"seed {seed}: {len(whole)} inputs, {ends['fault']} faults; {said}; {time.monotonic() - begun:.0f} s")  # noqa: T201 - as above
    sys.exit(ends["fault"] > 0)
