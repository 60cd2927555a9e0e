"""What a rulebook written as SQL costs on DuckDB, beside the same sixty rules written in SQL by hand.

    python benchmarks/engines_sql.py --work DIR                                      # 0.1M leads, 2M events
    python benchmarks/engines_sql.py --work DIR --leads 1000000 --events 20000000

Both read the same Parquet and write Parquet, each run a process of its own, in turn; CPU seconds are those of the work,
without imports. Ours is given in its parts: the look-up tables, the checks, the statement. Its figures are held against
those of `score`; the one by hand finds the three largest reasons as well.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
DAY = "2026-06-30"
PARTS = ("look-up tables", "checks", "statement")


def cpu_of(work):
    """What some work takes, in CPU seconds of this process."""
    sys.path.insert(0, str(HERE / "peers"))
    import job  # noqa: PLC0415 - the path is set for it

    return job.timed(work)[1]["cpu"]


def ours(folder: Path, *, compared: bool) -> dict[str, float]:
    """Our statement, part by part."""
    import duckdb  # noqa: PLC0415 - runs of the peer need neither

    import leadscore as ls  # noqa: PLC0415 - as above

    rulebook = ls.Rulebook.read(HERE / "rulebook.yaml")
    connection = duckdb.connect()
    for name in ("leads", "events"):
        connection.execute(f"CREATE VIEW {name} AS FROM '{folder / name}.parquet'")
    made = []

    def lookups():
        made.append(ls.to_sql(rulebook, connection, leads="leads", events="events", as_of=DAY))
        for name, table in made[0].tables.items():
            made[0].server.load(name, table)

    def checks():
        assert not any(made[0].server.fetch(check.sql)["n"][0].as_py() for check in made[0].checks.values())

    def statement():
        connection.execute(f"COPY ({made[0].sql}) TO '{folder}/sql.parquet'")

    found = dict(zip(PARTS, map(cpu_of, (lookups, checks, statement)), strict=True))
    if compared:
        tables = ls.load_tables(folder / "leads.parquet", folder / "events.parquet", rulebook=rulebook, as_of=DAY)
        want = ls.score(tables, rulebook, as_of=DAY).frame
        assert made[0].frame().reindex(want.index).equals(want)
    return found


def by_hand(folder: Path) -> float:
    """The statement of the peer."""
    files = [
        "--leads",
        folder / "leads.parquet",
        "--events",
        folder / "events.parquet",
        "--out",
        folder / "hand.parquet",
    ]
    return json.loads(_run(HERE / "peers" / "duckdb_sql.py", *files))["cpu"]


def _run(*words) -> str:
    run = [sys.executable, *map(str, words)]
    return subprocess.run(run, check=True, capture_output=True, text=True).stdout.splitlines()[-1]


def main() -> None:
    """Measure, or be one of the runs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--one", choices=["ours", "compared"], help="one run of ours")
    given = parser.parse_args()
    folder = given.work / f"{given.leads}x{given.events}"
    if given.one:
        print(json.dumps(ours(folder, compared=given.one == "compared")))
        return
    size = ["--leads", given.leads, "--events", given.events]
    if not (folder / "events.parquet").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, HERE / "generate.py", folder, *map(str, size)], check=True)
    again = [HERE / "engines_sql.py", "--work", given.work, *size, "--one"]
    runs = [(json.loads(_run(*again, "ours" if turn else "compared")), by_hand(folder)) for turn in range(given.runs)]
    hand = statistics.median(found for _, found in runs)
    parts = {part: statistics.median(found[part] for found, _ in runs) for part in PARTS}
    parts["all"] = statistics.median(sum(found.values()) for found, _ in runs)
    print(f"by hand {hand:.2f} CPU s; equal to score in every figure")
    for part, cpu in parts.items():
        print(f"{part:>15} {cpu:.2f} CPU s, {cpu / hand:.2f} times")


if __name__ == "__main__":
    main()
