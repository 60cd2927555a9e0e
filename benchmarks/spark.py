"""What Spark costs beside memory: the same scores or replays, Parquet to Parquet, on two threads of one machine.

    python benchmarks/generate.py DIR --leads 100000 --events 2000000
    python benchmarks/spark.py DIR --buckets 16             # --replay: 180 days; --memory 6g: of the JVM

CPU seconds of the JVM (its start among them) and of the Python workers, the peak memory of each, and how many leads
have another answer than in memory. It needs Linux, Java and `leadscore[spark]`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

import leadscore as ls
from leadscore.engines.rows import history_rows, score_rows

BOOK = ls.Rulebook.read(Path(__file__).parent / "rulebook.yaml")
AS_OF, PERIOD = "2026-06-30", {"start": "2026-01-02", "end": "2026-06-30"}


def session(folder: Path, memory: str) -> SparkSession:
    """Two threads, as many as the machine of the other figures has cores."""
    here = {"spark.driver.memory": memory, "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    here |= {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(folder),
    }
    os.environ["PYSPARK_PYTHON"] = sys.executable
    made = SparkSession.builder.master("local[2]").config(map=here).getOrCreate()
    made.sparkContext.setLogLevel("ERROR")
    return made


def processes() -> dict[int, tuple[int, float, float]]:
    """Of each process its parent, its own CPU seconds, and those of its children that have ended."""
    found, tick = {}, os.sysconf("SC_CLK_TCK")
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parts = path.read_text().rsplit(")", 1)[1].split()
        except OSError:  # it ended just now
            continue
        own, ended = (sum(map(int, parts[place : place + 2])) / tick for place in (11, 13))
        found[int(path.parent.name)] = int(parts[1]), own, ended
    return found


def peak(pid: int) -> float:
    """The largest memory that a process held so far, in GiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 2**20 for line in lines if line.startswith("VmHWM")), 0.0)


def used(jvm: int) -> dict[str, float]:
    """What the JVM and the Python processes below it used so far."""
    found, below = processes(), {jvm}
    while new := {pid for pid, (parent, *_) in found.items() if parent in below} - below:
        below |= new
    workers = below - {jvm}
    return {
        "jvm cpu": found[jvm][1],
        "workers cpu": sum(own + ended for pid in workers for _, own, ended in [found[pid]]),
        "jvm GiB": peak(jvm),
        "largest worker GiB": max(map(peak, workers), default=0.0),
    }


def in_memory(folder: Path, *, replay: bool) -> pa.Table:
    files = folder / "leads.parquet", folder / "events.parquet"
    if replay:
        tables = ls.load_tables(*files, rulebook=BOOK, as_of=tuple(PERIOD.values()))
        return history_rows(ls.replay(tables, BOOK, **PERIOD))
    tables = ls.load_tables(*files, rulebook=BOOK, as_of=AS_OF)
    return score_rows([ls.score(tables, BOOK, as_of=AS_OF)])


def different(ours: pa.Table, theirs: pa.Table) -> int:
    """How many leads are missing or have another answer."""
    if ours.column_names != theirs.column_names or len(ours) != len(theirs):
        return max(len(ours), len(theirs))
    sides = [table.cast(theirs.schema).sort_by("lead_id") for table in (ours, theirs)]
    unlike = pa.array([False] * len(ours))
    for name in theirs.column_names:
        one, other = (side[name].combine_chunks() for side in sides)
        same = pc.or_(pc.fill_null(pc.equal(one, other), False), pc.and_(one.is_null(), other.is_null()))
        unlike = pc.or_(unlike, pc.invert(same))
    return pc.sum(unlike).as_py() or 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--buckets", type=int)
    parser.add_argument("--memory", default="4g")
    parser.add_argument("--replay", action="store_true")
    given = parser.parse_args()
    began = time.time()
    spark = session(given.folder / "spark", given.memory)
    jvm = spark._jvm.java.lang.ProcessHandle.current().pid()  # noqa: SLF001 - no other way to ask
    started = used(jvm)["jvm cpu"]
    leads, events = (spark.read.parquet(str(given.folder / f"{name}.parquet")) for name in ("leads", "events"))
    if given.replay:
        found = ls.replay_spark(leads, events, BOOK, **PERIOD, buckets=given.buckets)
    else:
        found = ls.score_spark(leads, events, BOOK, as_of=AS_OF, buckets=given.buckets)
    out = given.folder / "spark_answer"
    found.write.mode("overwrite").parquet(str(out))
    for name, figure in used(jvm).items():
        print(f"{name}: {figure:.2f}")
    print(f"of it to start: {started:.2f}; wall: {time.time() - began:.0f}")
    spark.stop()
    cpu = time.process_time()
    rows = in_memory(given.folder, replay=given.replay)
    print(f"in memory cpu: {time.process_time() - cpu:.2f}")
    theirs = pq.read_table(out)
    print(f"{len(rows):,} leads, {different(rows, theirs):,} different")


if __name__ == "__main__":
    main()
