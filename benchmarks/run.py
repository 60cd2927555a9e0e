"""How long scoring takes, ours and others', in CPU seconds, seconds and memory, and whether the answers are equal.

    python benchmarks/run.py --work DIR                          # 0.1M leads, 2M events, three times each
    python benchmarks/run.py --work DIR --sizes small,full       # and 1M leads, 20M events, with the growth
    python benchmarks/run.py --work DIR --frames                 # pandas in, pandas out; reading not counted
    python benchmarks/run.py --work DIR --replay                 # 180 days replayed, beside one scoring run
    python benchmarks/run.py --work DIR --format2                # sixty rules of format 2, beside those of format 1
    python benchmarks/run.py --work DIR --only floor,leadscore --times 5 --python OTHER_PYTHON

Every run is a process of its own; its CPU seconds are those the kernel counted for it and its children, start of Python
and imports included (the table says what those alone cost). Implementations take turns, so a busy minute hits all of
them; `foreign` is what other processes used of the machine meanwhile: where it is large, believe the CPU seconds and
not the seconds. Data are made on first use, in DIR or a temporary directory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
SIZES = {"tiny": (2_000, 40_000), "small": (100_000, 2_000_000), "full": (1_000_000, 20_000_000)}
FLOOR, OURS = "floor", "leadscore"
PEERS = {
    FLOOR: "floor.py",
    OURS: "leadscore_job.py",
    "polars": "polars_lazy.py",
    "duckdb": "duckdb_sql.py",
    "pandas": "pandas_vector.py",
    "pandas rows": "pandas_rows.py",
}
# The day each lead first qualified in 180 days, and the score it had then.
REPLAYS = {
    "replay leadscore": "leadscore_replay.py",
    "replay duckdb": "duckdb_replay.py",
    "replay by scoring every day": "leadscore_daily.py",
}
# Sixty rules of format 2, and the twenty of them that are also written in SQL.
FORMAT2 = {"leadscore format 2": "leadscore_format2.py"}
CORES = {"core leadscore": "leadscore_core.py", "core duckdb": "duckdb_format2.py"}
SCRIPTS = PEERS | REPLAYS | FORMAT2 | CORES
FRAMES = [OURS, "polars", "duckdb", "pandas"]
SAMPLED = {"pandas rows"}  # scores some leads and is scaled up
ONCE = SAMPLED | {"replay by scoring every day"}
PACKAGES = ["numpy", "pandas", "pyarrow", "polars", "duckdb"]
GIBIBYTE = 1024**3


class Run(NamedTuple):
    """What one process used."""

    cpu: float
    wall: float
    peak: int
    foreign: float
    work_cpu: float = 0.0
    work_wall: float = 0.0


class Bench(NamedTuple):
    """Where things are."""

    work: Path
    python: str
    frames: bool
    memory_limit: int


def busy_seconds() -> float:
    """CPU seconds the machine has spent on anything since it started; 0 where the kernel does not say."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    user, nice, system, _idle, _wait, interrupt, soft = (
        int(field) for field in stat.read_text().split(maxsplit=8)[1:8]
    )
    return (user + nice + system + interrupt + soft) / os.sysconf("SC_CLK_TCK")


def measured(command: list[str], log: Path, memory_limit: int) -> Run:
    """Run a process to its end and say what it used; its last line of output may be JSON about the work alone."""
    before, start = busy_seconds(), time.perf_counter()
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        watch(process.pid, memory_limit)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    said = log.read_text(errors="replace").strip()
    if process.returncode:
        message = f"{' '.join(command)} ended with {process.returncode}:\n{said[-3000:]}"
        raise RuntimeError(message)
    cpu = used.ru_utime + used.ru_stime
    foreign = max(0.0, busy_seconds() - before - cpu) / wall
    work: dict[str, float] = json.loads(said.splitlines()[-1]) if said.endswith("}") else {}
    cpu, wall = cpu + work.get("scaled_cpu", 0.0), wall + work.get("scaled_wall", 0.0)
    return Run(cpu, wall, used.ru_maxrss * 1024, foreign, work.get("cpu", cpu), work.get("wall", wall))


def watch(pid: int, memory_limit: int) -> None:
    """Wait until the process has ended, and end it if it holds more memory than allowed."""
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        status = Path(f"/proc/{pid}/status")
        if status.exists():
            held = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmRSS")]
            if held and int(held[0]) * 1024 > memory_limit:
                os.kill(pid, 9)
        time.sleep(0.02)


def data(bench: Bench, size: str) -> Path:
    """The folder with the data of a size, made if need be."""
    folder = bench.work / size
    leads, events = SIZES[size]
    if not (folder / "outcomes.parquet").exists():
        command = [bench.python, str(HERE / "generate.py"), str(folder), "--leads", str(leads), "--events", str(events)]
        subprocess.run(command, check=True)
    return folder


def answer(bench: Bench, size: str, peer: str) -> Path:
    """Where an implementation writes its answer."""
    return bench.work / size / f"answer {peer}{' frames' if bench.frames else ''}.parquet"


def command(bench: Bench, size: str, peer: str) -> list[str]:
    """The process that scores a size with an implementation."""
    folder = data(bench, size)
    found = [
        bench.python,
        str(HERE / "peers" / SCRIPTS[peer]),
        "--leads",
        str(folder / "leads.parquet"),
        "--events",
        str(folder / "events.parquet"),
        "--out",
        str(answer(bench, size, peer)),
    ]
    return [*found, "--frames"] if bench.frames else found


def time_score(bench: Bench, size: str, peer: str) -> Run:
    """One run of one implementation."""
    return measured(command(bench, size, peer), bench.work / "log.txt", bench.memory_limit)


def time_imports(bench: Bench, peer: str) -> Run:
    """The start of Python and the imports of one implementation."""
    script = [bench.python, str(HERE / "peers" / SCRIPTS[peer]), "--imports-only"]
    return measured(script, bench.work / "log.txt", bench.memory_limit)


def track_differences(bench: Bench, size: str, peer: str, reference: str) -> dict[str, Any]:
    """How many leads an implementation answers otherwise than the reference."""
    script = [
        bench.python,
        str(HERE / "compare.py"),
        str(answer(bench, size, reference)),
        str(answer(bench, size, peer)),
    ]
    script += ["sample"] if peer in SAMPLED else []
    found: dict[str, Any] = json.loads(subprocess.run(script, check=True, capture_output=True, text=True).stdout)
    return found


def middle(runs: list[Run], field: str) -> float:
    """The median."""
    return float(statistics.median(getattr(run, field) for run in runs))


def shown(runs: list[Run], field: str, unit: float = 1.0) -> str:
    """Median (least-most)."""
    values = [getattr(run, field) / unit for run in runs]
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def machine() -> str:
    """What the figures depend on, without the machine's name."""
    info = Path("/proc/cpuinfo")
    models = (
        [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    return f"{os.cpu_count()} cores, {models[0] if models else platform.machine()}, {platform.system()}"


def versions(python: str, packages: list[str] = PACKAGES) -> str:
    """Versions of Python and the packages measured."""
    code = (
        "import platform, importlib.metadata as m\nfound = [f'Python {platform.python_version()}']\n"
        f"for name in {packages}:\n"
        "    try: found.append(f'{name} {m.version(name)}')\n    except m.PackageNotFoundError: pass\n"
        "print(', '.join(found))"
    )
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def commit() -> str:
    """The commit measured, with a plus if files differ from it."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(HERE), *words], check=False, capture_output=True, text=True
        ).stdout.strip()

    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if git("status", "--porcelain") else "")


def table(
    bench: Bench, runs: dict[str, list[Run]], imports: dict[str, list[Run]], differ: dict[str, dict[str, Any]]
) -> str:
    """One size as Markdown."""
    field = "work_cpu" if bench.frames else "cpu"
    wall = "work_wall" if bench.frames else "wall"
    beside = FLOOR if FLOOR in runs else OURS
    base = middle(runs[beside], field) if beside in runs else 0.0
    lines = [
        f"| implementation | CPU s | of which imports | / {beside} | wall s | peak GiB | leads that differ | foreign |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for peer, several in runs.items():
        found = differ.get(peer)
        equal = "" if found is None else f"{found['differ']:,} of {found['leads']:,}"
        ratio = f"{middle(several, field) / base:.1f}" if base else ""
        start = "not counted" if bench.frames else f"{middle(imports[peer], 'cpu'):.2f}"
        name = f"{peer} (a sample, scaled)" if peer in SAMPLED else peer
        lines.append(
            f"| {name} | {shown(several, field)} | {start} | {ratio} | {shown(several, wall)} | "
            f"{shown(several, 'peak', GIBIBYTE)} | {equal} | {middle(several, 'foreign'):.1f} |"
        )
    return "\n".join(lines)


def growth(bench: Bench, results: dict[str, dict[str, list[Run]]]) -> str:
    """CPU seconds by size, imports included in both."""
    field = "work_cpu" if bench.frames else "cpu"
    small, *_, large = results
    lines = [f"| growth, CPU s | {small} | {large} | times |", "| --- | --- | --- | --- |"]
    for peer, several in results[large].items():
        low, high = middle(results[small][peer], field), middle(several, field)
        lines.append(f"| {peer} | {low:.2f} | {high:.2f} | {high / low:.1f} |")
    return "\n".join(lines)


def run_size(
    bench: Bench, size: str, peers: list[str], times: int, reference: str | None
) -> tuple[dict[str, list[Run]], str]:
    """Measure one size: implementations take turns; those far slower than the rest run once."""
    runs: dict[str, list[Run]] = {peer: [] for peer in peers}
    for turn in range(times):
        for peer in peers:
            if turn and peer in ONCE:
                continue
            run = time_score(bench, size, peer)
            runs[peer].append(run)
            used = f"cpu {run.cpu:.2f} wall {run.wall:.2f} peak {run.peak / GIBIBYTE:.2f}"
            print(f"{size} {turn + 1}/{times} {peer}: {used}", file=sys.stderr)
    imports = {} if bench.frames else {peer: [time_imports(bench, peer) for _ in range(times)] for peer in peers}
    alike = next((one for one in (PEERS, REPLAYS, CORES) if reference in one), {})
    compared = [peer for peer in peers if peer != FLOOR and peer in alike]
    differ = {peer: track_differences(bench, size, peer, str(reference)) for peer in compared}
    for peer, found in differ.items():
        if found["differ"]:
            print(f"{size} {peer} differs from {reference}: {found}", file=sys.stderr)
    leads, events = SIZES[size]
    title = f"### {leads:,} leads, {events:,} events, 60 rules{': pandas in, pandas out' if bench.frames else ''}"
    return runs, f"{title}\n\n{table(bench, runs, imports, differ)}\n"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="folder for data and answers; default a temporary one")
    parser.add_argument("--sizes", default="small", help=f"some of {','.join(SIZES)}")
    parser.add_argument("--only", help=f"some of {','.join(SCRIPTS)}; default all of a kind")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--frames", action="store_true", help="pandas in, pandas out")
    parser.add_argument("--replay", action="store_true", help="replay 180 days, beside one scoring run of ours")
    parser.add_argument("--format2", action="store_true", help="rules of format 2, beside those of format 1")
    parser.add_argument("--reference", help="whose answers the others are compared with")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs the implementations")
    parser.add_argument("--memory-limit", type=float, default=10.0, help="GiB past which a process is ended")
    parser.add_argument("--out", type=Path, help="also write the Markdown here")
    return parser.parse_args()


def main() -> None:
    """Measure, compare, print."""
    given = arguments()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        work = given.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        bench = Bench(work, given.python, given.frames, int(given.memory_limit * GIBIBYTE))
        usual, reference = (FRAMES if given.frames else [*PEERS]), "polars"
        if given.replay:
            usual, reference = [OURS, *REPLAYS], "replay by scoring every day"
        if given.format2:
            usual, reference = [OURS, *FORMAT2, *CORES], "core duckdb"
        peers = given.only.split(",") if given.only else usual
        reference = given.reference or reference
        reference = reference if reference in peers else None
        results, parts = {}, []
        for size in given.sizes.split(","):
            data(bench, size)
            results[size], part = run_size(bench, size, peers, given.times, reference)
            parts.append(part)
    if len(results) > 1:
        parts.append(growth(bench, results) + "\n")
    parts.append(
        f"Median (least-most) of {given.times} runs. {machine()}. {versions(given.python)}. Commit {commit()}."
    )
    report = "\n".join(parts)
    print(report)
    if given.out:
        given.out.write_text(report + "\n")


if __name__ == "__main__":
    main()
