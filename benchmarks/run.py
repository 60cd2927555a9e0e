"""How long scoring takes, ours and others', in CPU seconds, seconds and memory, and whether the answers are equal.

    python benchmarks/run.py --work DIR                          # 0.1M leads, 2M events, three times each
    python benchmarks/run.py --work DIR --sizes small,full       # and 1M leads, 20M events, with the growth
    python benchmarks/run.py --work DIR --frames                 # pandas in, pandas out; reading not counted
    python benchmarks/run.py --work DIR --replay                 # 180 days replayed, beside one scoring run
    python benchmarks/run.py --work DIR --format2                # sixty rules of format 2, beside those of format 1
    python benchmarks/run.py --work DIR --aims                   # every job beside its aim; see aims.py
    python benchmarks/run.py --work DIR --aims --sizes tiny --only parquet,night
    python benchmarks/run.py --work DIR --only floor,leadscore --times 5 --python OTHER_PYTHON

Every run is a process of its own; its CPU seconds are those the kernel counted for it and its children, start of Python
and imports included (the table says what those alone cost). Implementations take turns, so a busy minute hits all of
them; `foreign` is what other processes used of the machine meanwhile: where it is large, believe the CPU seconds and
not the seconds. Data are made on first use, in DIR or a temporary directory. With --aims the exit code is 1 where an
aim is missed by more than a fifth, a job has failed, or answers differ.
"""

from __future__ import annotations

import argparse
import compileall
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import aims
from harness import (
    CORES,
    FLOOR,
    FORMAT2,
    GIBIBYTE,
    HERE,
    OURS,
    PEERS,
    REPLAYS,
    SAMPLED,
    SCRIPTS,
    SIZES,
    Bench,
    Run,
    answer,
    command,
    commit,
    data,
    machine,
    measured,
    track_differences,
    versions,
)

FRAMES = [OURS, "polars", "duckdb", "pandas"]
ONCE = SAMPLED | {"replay by scoring every day"}


def time_score(bench: Bench, size: str, peer: str) -> Run:
    """One run of one implementation."""
    return measured(command(bench, size, peer), bench.work / "log.txt", bench.memory_limit)


def time_imports(bench: Bench, peer: str) -> Run:
    """The start of Python and the imports of one implementation."""
    script = [bench.python, str(HERE / "peers" / SCRIPTS[peer]), "--imports-only"]
    return measured(script, bench.work / "log.txt", bench.memory_limit)


def middle(runs: list[Run], field: str) -> float:
    """The median."""
    return float(statistics.median(getattr(run, field) for run in runs))


def shown(runs: list[Run], field: str, unit: float = 1.0) -> str:
    """Median (least-most)."""
    values = [getattr(run, field) / unit for run in runs]
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


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
    differ = {
        peer: track_differences(
            bench, answer(bench, size, str(reference)), answer(bench, size, peer), sample=peer in SAMPLED
        )
        for peer in compared
    }
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
    parser.add_argument("--sizes", help=f"some of {','.join(SIZES)}; default small, and full for the aims")
    scripts, jobs = ",".join(SCRIPTS), ",".join(aims.JOBS)
    parser.add_argument("--only", help=f"some of {scripts}, or with --aims some of {jobs}; default all of a kind")
    parser.add_argument("--times", type=int, default=3)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--frames", action="store_true", help="pandas in, pandas out")
    kind.add_argument("--replay", action="store_true", help="replay 180 days, beside one scoring run of ours")
    kind.add_argument("--format2", action="store_true", help="rules of format 2, beside those of format 1")
    kind.add_argument("--aims", action="store_true", help="every job beside its aim")
    shared = os.environ.get("LEADSCORE_DATA", "")
    parser.add_argument(
        "--data", type=Path, default=shared, help="folder with bank/, for the aims; default LEADSCORE_DATA"
    )
    parser.add_argument("--reference", help="whose answers the others are compared with")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs the implementations")
    parser.add_argument("--memory-limit", type=float, default=10.0, help="GiB past which a process is ended")
    parser.add_argument("--out", type=Path, help="also write the Markdown here")
    given = parser.parse_args()
    given.sizes = (given.sizes or ("full" if given.aims else "small")).split(",")
    given.only = given.only.split(",") if given.only else []
    if strange := [*{*given.sizes} - {*SIZES}, *{*given.only} - {*(aims.JOBS if given.aims else SCRIPTS)}]:
        parser.error(f"not known: {', '.join(strange)}")
    if given.aims and (len(given.sizes) > 1 or given.sizes[0] not in aims.PLACES):
        parser.error(f"--aims takes one size: {', '.join(aims.PLACES)}")
    return given


def side_by_side(bench: Bench, given: argparse.Namespace) -> str:
    """Each size as a table of implementations."""
    usual, reference = (FRAMES if given.frames else [*PEERS]), "polars"
    if given.replay:
        usual, reference = [OURS, *REPLAYS], "replay by scoring every day"
    if given.format2:
        usual, reference = [OURS, *FORMAT2, *CORES], "core duckdb"
    peers = given.only or usual
    reference = given.reference or reference
    reference = reference if reference in peers else None
    results, parts = {}, []
    for size in given.sizes:
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
    return report


def main() -> None:
    """Measure, compare, print."""
    given, good = arguments(), True
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        work = given.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        # As an installation leaves it: no run pays for reading our sources.
        compileall.compile_dir(HERE.parent / "leadscore", quiet=1)
        bench = Bench(work, given.python, given.frames, int(given.memory_limit * GIBIBYTE))
        if given.aims:
            report, good = aims.report(bench, given.sizes[0], given.only or [*aims.JOBS], given.times, given.data)
        else:
            report = side_by_side(bench, given)
    if given.out:
        given.out.write_text(report + "\n")
    sys.exit(not good)


if __name__ == "__main__":
    main()
