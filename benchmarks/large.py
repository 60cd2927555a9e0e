"""Scoring and replays in buckets beside those in memory: CPU seconds, seconds, memory of all processes, equal rows.

    python benchmarks/large.py DIR                                          # 1M leads, 20M events, both ways
    python benchmarks/large.py DIR --replay                                 # the same, 180 days in place of one
    python benchmarks/large.py DIR --leads 10000000 --events 200000000 --engines buckets

The data are made by generate.py on first use, in DIR. Memory is the sum over the processes of a run of what each has to
itself and its share of what it has with others (PSS), looked at ten times a second, and its highest value; CPU seconds
are read at the same moments. Rows are compared lead by lead, in all columns.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

HERE = Path(__file__).parent
DAYS = {
    "score": ["--as-of", "2026-06-30"],
    "replay": ["--start", "2026-01-02", "--end", "2026-06-30"],
}
GIBIBYTE = 1024**3


def held_by(process: int, seconds: dict[int, float]) -> int:
    """What a process and all that it started hold, in bytes; the CPU seconds of each are noted."""
    total, waiting = 0, [process]
    while waiting:
        one = waiting.pop()
        try:
            spent = Path(f"/proc/{one}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            seconds[one] = (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="utf-8")
            total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1024
            for thread in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (thread / "children").read_text(encoding="utf-8").split())
        except (OSError, StopIteration):
            continue
    return total


def measured(command: list[str]) -> tuple[float, float, float]:
    """CPU seconds, seconds, and GiB at most, of a command and all that it starts."""
    start, seconds = time.perf_counter(), dict[int, float]()
    # Workers are not waited for by who started them, so the kernel counts them for nobody.
    process, peak = subprocess.Popen(command), 0
    while process.poll() is None:
        peak = max(peak, held_by(process.pid, seconds))
        time.sleep(0.1)
    if process.returncode:
        sys.exit(process.returncode)
    return sum(seconds.values()), time.perf_counter() - start, peak / GIBIBYTE


def equal(folder: Path, first: Path, second: Path) -> bool:
    """Whether two results have the same rows, in whatever order."""
    one, other = (pq.read_table(folder / path) for path in (first, second))
    one, other = (table.take(pa.array(np.argsort(table["lead_id"].to_numpy()))) for table in (one, other))
    return all(
        pc.all(pc.equal(one[name].cast(kind), other[name].cast(kind)).fill_null(True)).as_py()
        and one[name].null_count == other[name].null_count
        and pc.all(pc.equal(one[name].is_null(), other[name].is_null())).as_py()
        for name in one.column_names
        for kind in [pa.string() if pa.types.is_dictionary(one[name].type) else one[name].type]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--ids", default="int")
    parser.add_argument("--buckets", type=int)
    parser.add_argument("--engines", default="memory,buckets")
    parser.add_argument("--replay", action="store_true")
    given = parser.parse_args()
    data = given.folder / f"{given.ids}-{given.leads}-{given.events}"
    if not (data / "outcomes.parquet").exists():
        sizes = ["--leads", str(given.leads), "--events", str(given.events), "--ids", given.ids]
        subprocess.run([sys.executable, HERE / "generate.py", data, *sizes], check=True)
    job = "replay" if given.replay else "score"
    command = [sys.executable, "-m", "leadscore", job, str(HERE / "rulebook.yaml"), *DAYS[job]]
    command += [f"--leads={data}/leads.parquet", f"--events={data}/events.parquet"]
    ran = given.engines.split(",")
    for engine in ran:
        cut = ["--buckets", str(given.buckets)] if engine == "buckets" and given.buckets else []
        cpu, wall, peak = measured([*command, "--engine", engine, *cut, f"--out={data}/{engine}.parquet"])
        print(f"{engine}: {cpu:.1f} CPU s, {wall:.1f} s, {peak:.2f} GiB", flush=True)
    if len(ran) > 1:
        print("rows are equal" if equal(data, *(Path(f"{engine}.parquet") for engine in ran[:2])) else "ROWS DIFFER")


if __name__ == "__main__":
    main()
