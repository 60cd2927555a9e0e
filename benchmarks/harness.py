"""What run.py and others measure with: the data by size, processes of their own, and what these depend on."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

HERE = Path(__file__).parent
# Leads and events.
SIZES = {
    "hundred": (100, 2_000),
    "tiny": (2_000, 40_000),
    "small": (100_000, 2_000_000),
    "full": (1_000_000, 20_000_000),
    "triple": (3_000_000, 60_000_000),
}
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
SAMPLED = {"pandas rows"}  # scores some leads and is scaled up
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
    said: Mapping[str, float] = MappingProxyType({})


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
    return Run(cpu, wall, used.ru_maxrss * 1024, foreign, work.get("cpu", cpu), work.get("wall", wall), work)


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
    """The folder with the data of a size, made if need be; "full text15" has the leads of "full" with other ids."""
    folder = bench.work / size
    name, _, ids = size.partition(" ")
    leads, events = SIZES[name]
    if not (folder / "outcomes.parquet").exists():
        command = [bench.python, str(HERE / "generate.py"), str(folder), "--leads", str(leads), "--events", str(events)]
        subprocess.run([*command, "--ids", ids or "int"], check=True)
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


def track_differences(bench: Bench, reference: Path, found: Path, *, sample: bool = False) -> dict[str, Any]:
    """How many leads an answer says otherwise than the reference; a sample need not have all of them."""
    script = [bench.python, str(HERE / "compare.py"), str(reference), str(found), *(["sample"] if sample else [])]
    differ: dict[str, Any] = json.loads(subprocess.run(script, check=True, capture_output=True, text=True).stdout)
    return differ


def machine() -> str:
    """What the figures depend on, without the machine's name."""
    info = Path("/proc/cpuinfo")
    models = (
        [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    found = f"{os.cpu_count()} cores, {models[0] if models else platform.machine()}, {platform.system()}"
    threads = os.environ.get("OMP_NUM_THREADS")
    return f"{found}, OMP_NUM_THREADS={threads}" if threads else found


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
