"""Damaged inputs by the thousand, each in a process of its own: what they lead to, and whether that is allowed.

Input N of a seed is always the same. `python -m tests.support.damage SEED N` tries it again, and leaves its files.
"""

import contextlib
import csv
import datetime as dt
import io
import json
import math
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
from pathlib import Path

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

SECONDS, BYTES = 10, 2 << 30
AS_OF = dt.date(2026, 3, 31)
MAIN = "from leadscore.cli import main; main()"
EXITS = {0, 1, 2, 3, 4}
ABSURD = [
    *(None, True, False, 0, -1, 1, 2**63, -(2**63), 2**64, 10**400, 0.5, 1e308, -1e308, math.nan, math.inf, -math.inf),
    *(
        "",
        " ",
        "x",
        "none",
        "2026-03-31",
        "9999-12-31",
        "0001-01-01",
        "2026-13-45",
        "\x1b[31m",
        "\u202e",
        "\u200b",
        "$x$",
    ),
    *([], {}, [[]], {"x": 1}, [1, 2, 3], [None], "1e999", "-0", "NaN", "'; drop", "a" * 5000),
]
BYTES_IN = [
    *b"\"',;\t\r\n\0\xff#-{[|~\\*",
    b"\r\n",
    b"\xef\xbb\xbf",
    b"=1+1",
    b"\x1b[2J",
    b"\xe2\x80\x8b",
    b": ",
    b"- ",
]
BYTES_IN += [b"&a", b"*a", b"!!", b"1e400", b"9" * 400, b"[" * 100_000]


# ---------------------------------------------------------------------------------------------------- what is damaged


def bytes_damaged(rng, data):
    """One to four things that disks, editors and strangers do to a file."""
    for _ in range(rng.choice([1, 1, 2, 4])):
        at, size = rng.randrange(len(data) + 1), rng.choice([1, 2, 10, 200])
        kind = rng.choice(["flip", "insert", "insert", "cut", "gap", "twice", "zero", "swap"])
        if kind == "flip" and at < len(data):
            data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        elif kind == "insert":
            data = data[:at] + _inserted(rng) + data[at:]
        elif kind == "cut":
            data = data[:at]
        elif kind == "gap":
            data = data[:at] + data[at + size :]
        elif kind == "twice":
            data = data[: at + size] + data[at:]
        elif kind == "zero":
            data = data[:at] + b"\0" * len(data[at : at + size]) + data[at + size :]
        else:
            lines = data.split(b"\n")
            rng.shuffle(lines)
            data = b"\n".join(lines)
    return data


def _inserted(rng):
    found = rng.choice(BYTES_IN)
    return bytes([found]) if isinstance(found, int) else found


def places(node, path=()):
    parts = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [at for key, part in parts for at in ((*path, key), *places(part, (*path, key)))]


def tree_damaged(rng, node):
    """Plain data with one to three of its parts gone, doubled, moved or absurd."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        spots = places(node)
        if not spots:
            return node
        *above, key = rng.choice(spots)
        parent = node
        for part in above:
            parent = parent[part]
        kind = rng.choice(["absurd", "absurd", "absurd", "drop", "move", "twice", "nest"])
        if kind == "drop":
            del parent[key]
        elif kind == "twice" and isinstance(parent, list):
            parent.insert(key, parent[key])
        elif kind == "move":
            other = node
            for part in rng.choice(spots):
                with contextlib.suppress(KeyError, IndexError, TypeError):
                    other = other[part]
            parent[key] = json.loads(json.dumps(other))
        elif kind == "nest":
            for _ in range(rng.choice([1, 100])):
                parent[key] = [parent[key]]
        else:
            parent[key] = rng.choice(ABSURD)
    return node


def dressed(rng, text):
    """The same table written in another way: what no reader may take for another table."""
    rows = list(csv.reader(io.StringIO(text)))
    if rng.random() < 0.5:
        order = rng.sample(range(len(rows[0])), len(rows[0]))
        rows = [[row[place] for place in order] for row in rows]
    if rng.random() < 0.3:
        rows = [
            [*row, rng.choice(["", "x\ny", 'say ""hi""', "a,b;c"]) if place else "unused"]
            for place, row in enumerate(rows)
        ]
    out = io.StringIO()
    quoting = rng.choice([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
    end, mark = rng.choice(["\n", "\r\n"]), rng.choice([",", ";", "\t"])
    csv.writer(out, delimiter=mark, quoting=quoting, lineterminator=end).writerows(rows)
    data = rng.choice(["", "\ufeff"]) + out.getvalue()
    return (data if rng.random() < 0.7 else data.rstrip("\r\n")).encode()


# ----------------------------------------------------------------------------------------------------- what is tried


class World:
    """Files that are whole, and what they give; made once, in the process that all others are forked from."""

    def __init__(self):
        self.book, self.leads, self.events = (example(name) for name in ("rulebook.yaml", "leads.csv", "events.csv"))
        self.state, self.model = json.loads(watched()), _model()


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


def scored(leads, events, book="r.yaml", *, strict=True):
    tables = ls.load_tables(leads, events, rulebook=(read := ls.Rulebook.read(book)), strict=strict)
    return tables, ls.score(tables, read, as_of=AS_OF)


def plain(scores):
    return scores.frame.sort_index().astype(object).where(scores.frame.sort_index().notna(), None).to_dict("index")


def try_book(rng, world):
    Path("r.yaml").write_bytes(bytes_damaged(rng, world.book.encode()))
    ls.Rulebook.read("r.yaml").check(today=AS_OF)
    scored("l.csv", "e.csv")


def try_csv(rng, _):
    """Every record that a reader of CSV sees is a lead, or is said to be set aside."""
    name = rng.choice(["l.csv", "e.csv"])
    data = bytes_damaged(rng, Path(name).read_bytes())
    Path(name).write_bytes(data)
    scored("l.csv", "e.csv", strict=rng.random() < 0.5)
    tables, _ = scored("l.csv", "e.csv", strict=False)
    if name == "l.csv":
        # A file that is no text, or has a quote inside a cell, has no records that two readers agree on.
        with contextlib.suppress(UnicodeDecodeError, csv.Error):
            lines = io.StringIO(data.decode("utf-8-sig"), newline="")
            records = [row for row in csv.reader(lines, strict=True) if row][1:]
            aside = tables.rejected[tables.rejected["table"] == "leads"]["row"].nunique()
            if len(tables.ids) + aside != len(records):
                raise Silent(f"{len(records)} records, {len(tables.ids)} leads and {aside} set aside")


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
    pa.parquet.write_table(pa.csv.read_csv("l.csv"), "l.parquet", compression="none")
    Path("l.parquet").write_bytes(bytes_damaged(rng, Path("l.parquet").read_bytes()))
    scored("l.parquet", "e.csv", strict=rng.random() < 0.5)


def try_activity(rng, _):
    ls.daily_activity("e.csv", rulebook=ls.Rulebook.read("r.yaml")).write("a.parquet")
    Path("a.parquet").write_bytes(bytes_damaged(rng, Path("a.parquet").read_bytes()))
    ls.tables.DailyActivity.read("a.parquet")
    scored("l.csv", "a.parquet")


def try_state(rng, world):
    state = json.loads(json.dumps(world.state))
    if rng.random() < 0.2:
        text = bytes_damaged(rng, json.dumps(state).encode()).decode("utf-8", "replace")
    else:
        text = json.dumps(tree_damaged(rng, state))
    Path("state.json").write_text(text, encoding="utf-8")
    monitor = ls.BalanceMonitor.from_json(text)
    str(drift_report(monitor).to_markdown())
    ls.BalanceMonitor.from_json(monitor.to_json())
    if monitor.verdict.since is not None:
        monitor.acknowledge(rng.choice(["fixed", "new_normal"]))
        str(drift_report(monitor))


def try_model(rng, world):
    if rng.random() < 0.4:
        data = bytes_damaged(rng, world.model)
    else:
        from tests.support.model_files import packed, unpacked  # noqa: PLC0415 - it fits models

        members = unpacked(world.model)
        said = tree_damaged(rng, json.loads(members["model.json"]))
        data = packed(members | {"model.json": json.dumps(said).encode()})
    Path("m.npz").write_bytes(data)
    model = LeadClassifier.load("m.npz")
    model.predict_proba(pd.DataFrame({"visits": [1.0, 2.0], "country": ["US", None]}))


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
    str(ls.score(tables, book, as_of=AS_OF))
    ls.replay(tables, book, start="2026-03-01", end=AS_OF)


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
    done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL)
    if done.returncode not in EXITS or b"Traceback" in done.stderr or b"\x1b" in done.stdout + done.stderr:
        raise Silent(f"{command[3:]}: exit code {done.returncode}: {done.stderr[-2000:].decode(errors='replace')}")


TRIED = [try_book, try_csv, try_csv, try_dressed, try_parts, try_parquet, try_activity, try_state, try_state, try_model]
TRIED += [try_frame, try_frame, try_arguments, try_arguments]
# One in so many goes through the command line, in a process of its own.
PROCESS = 50


class Silent(Exception):  # noqa: N818 - no error of ours: what was wrong was not said
    """What came out differs, or is not allowed, and nothing was said."""


def same(found, expected):
    if found != expected:
        raise Silent(f"other scores: {[(key, found.get(key), expected.get(key)) for key in {*found, *expected}][:3]}")


# ------------------------------------------------------------------------------------------------------ one by one


def attempt(seed, number, world, folder):
    """What an input leads to, as text; nothing where that is allowed. In a process of its own, with its limits."""
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
        if time.monotonic() - begun > SECONDS + 5 * (tried is try_process):
            os.kill(child, signal.SIGKILL)
        time.sleep(0.002)
    status = os.waitpid(child, 0)[1]
    with open(said, "rb") as pipe:  # noqa: PTH123 - no path
        text = pipe.read().decode(errors="replace")
    how = "" if status == 0 else f"ended by {status} after {time.monotonic() - begun:.0f} s\n{text}"
    return f"seed {seed}, input {number}, {tried.__name__}: {how}" if how else ""


def _attempted(tried, rng, world, folder, heard):
    os.chdir(folder)
    for name, text in (("r.yaml", world.book), ("l.csv", world.leads), ("e.csv", world.events)):
        Path(name).write_text(text, encoding="utf-8")
    os.setsid()
    now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + BYTES, now + BYTES))
    warnings.simplefilter("error")
    try:
        tried(rng, world)
    except ls.LeadscoreError as error:
        if error.problems and all(one.message.strip() for one in error.problems):
            return 0
        os.write(heard, b"an error without a word")
    except BaseException:  # noqa: BLE001 - whatever it is, it is a fault
        os.write(heard, traceback.format_exc().encode(errors="replace")[-4000:])
    else:
        return 0
    return 1


def attempts(seed, numbers, world, folder):
    """The faults that some inputs lead to; the files of each stay in the folder."""
    for number in numbers:
        place = Path(folder, f"{seed}-{number}")
        place.mkdir(parents=True)
        if fault := attempt(seed, number, world, place):
            yield f"{fault}\nIts files: {place}; again: python -m tests.support.damage {seed} {number}"
        else:
            shutil.rmtree(place)


if __name__ == "__main__":
    seed, *numbers = map(int, sys.argv[1:])
    whole = range(numbers[0], numbers[1]) if len(numbers) == 2 else numbers
    begun, faults = time.monotonic(), 0
    for fault in attempts(seed, whole, World(), tempfile.mkdtemp(prefix="leadscore-damage-")):
        faults += 1
        print(fault, flush=True)  # noqa: T201 - run by hand and by a test
    print(f"seed {seed}: {len(whole)} inputs, {faults} faults, {time.monotonic() - begun:.0f} s")  # noqa: T201 - as above
    sys.exit(bool(faults))
