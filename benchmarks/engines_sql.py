"""What a rulebook written as SQL costs on DuckDB and on Postgres, beside the same sixty rules written in SQL by hand.

    python benchmarks/engines_sql.py --work DIR                                      # 0.1M leads, 2M events
    python benchmarks/engines_sql.py --work DIR --leads 1000000 --events 20000000
    python benchmarks/engines_sql.py --work DIR --postgres 'postgresql://me@/scratch?host=/tmp'

On DuckDB both read the same Parquet and write Parquet, each run a process of its own, in turn; CPU seconds are those of
the work, without imports. Ours is given in its parts: the look-up tables, the checks, the statement. Its figures are
held against those of `score`; the one by hand finds the three largest reasons as well.

On Postgres both read the same tables, which are made in a schema of their own and stay there, and write a table; CPU
seconds are those of one backend, which must run on this machine, and of this process. The one by hand finds no reasons,
has the settings that ours has, and gives the same rows.
"""

from __future__ import annotations

import argparse
import json
import os
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

    def statement():
        connection.execute(f"COPY ({made[0].sql}) TO '{folder}/sql.parquet'")

    found = dict(zip(PARTS, map(cpu_of, (lookups, lambda: checked(made[0]), statement)), strict=True))
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


def on_postgres(folder: Path, address: str, runs: int) -> list[tuple[dict[str, float], float]]:
    """Our statement, part by part, and the one by hand, in turn, on tables that are there or are loaded."""
    import psycopg  # noqa: PLC0415 - those with a Postgres only

    schema = f"leadscore_{folder.name}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SET max_parallel_workers_per_gather = 0")
        connection.execute("SET timezone = 'UTC'")
        _load(connection, folder, schema)
        connection.execute(f'SET search_path = "{schema}"')
        return [_both_on_postgres(connection) for _ in range(runs)]


def _both_on_postgres(connection) -> tuple[dict[str, float], float]:
    """One run: what each part takes of the backend and of this process."""
    import leadscore as ls  # noqa: PLC0415 - runs of the peer need none

    sys.path.insert(0, str(HERE / "peers"))
    import postgres_sql  # noqa: PLC0415 - the path is set for it

    def backend() -> float:
        stat = Path(f"/proc/{connection.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def cpu(work) -> float:
        before = backend()
        own = cpu_of(work)
        return own + backend() - before

    rulebook, made = ls.Rulebook.read(HERE / "rulebook.yaml"), []

    def asked():
        made.append(ls.to_sql(rulebook, connection, leads="leads", events="events", as_of=DAY))

    def loaded():
        for name, table in made[0].tables.items():
            made[0].server.load(name, table)

    def written(name, sql):
        connection.execute(f"CREATE TEMP TABLE {name} AS {sql}".encode())

    lookups = cpu(asked)
    with made[0].server.snapshot(keep=False):
        lookups += cpu(loaded)
        checks, statement = cpu(lambda: checked(made[0])), cpu(lambda: written("ours", made[0].sql))
        hand = cpu(lambda: written("by_hand", postgres_sql.query()))
        columns = "lead_id, fit, behaviour, total, segment, threshold, qualified, via, blocked_by, grade"
        differing = f"SELECT {columns} FROM ours EXCEPT SELECT {columns} FROM by_hand"
        assert connection.execute(differing).fetchone() is None
    return dict(zip(PARTS, (lookups, checks, statement), strict=True)), hand


def checked(program) -> None:
    """Every check, as `frame` goes through them."""
    from leadscore.engines.sql.relations import together  # noqa: PLC0415 - as above

    assert not any(program.server.fetch(sql)["n"][0].as_py() for sql in together(program.checks.values()))


def _load(connection, folder: Path, schema: str) -> None:
    """The leads and events as tables, unless they are there."""
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.csv  # noqa: PLC0415 - as above
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    if connection.execute("SELECT to_regnamespace(%s)", [f'"{schema}"']).fetchone()[0]:
        return
    kinds = {"int64": "bigint", "double": "double precision", "bool": "boolean", "date32[day]": "date"}
    kinds["timestamp[us, tz=UTC]"] = "timestamptz"
    connection.execute(f'CREATE SCHEMA "{schema}"')
    for name in ("leads", "events"):
        file, table = pq.ParquetFile(folder / f"{name}.parquet"), f'"{schema}".{name}'
        columns = ", ".join(f'"{one.name}" {kinds.get(str(one.type), "text")}' for one in file.schema_arrow)
        connection.execute(f"CREATE UNLOGGED TABLE {table} ({columns})")
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy:
            for batch in file.iter_batches(200_000):
                text = pa.BufferOutputStream()
                pyarrow.csv.write_csv(batch, text, pyarrow.csv.WriteOptions(include_header=False))
                copy.write(text.getvalue().to_pybytes())
        connection.execute(f"VACUUM ANALYZE {table}")


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
    parser.add_argument("--postgres", help="the connection of a Postgres on this machine, for the runs")
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
    if given.postgres:
        runs = on_postgres(folder, given.postgres, given.runs)
    else:
        again = [HERE / "engines_sql.py", "--work", given.work, *size, "--one"]
        runs = [
            (json.loads(_run(*again, "ours" if turn else "compared")), by_hand(folder)) for turn in range(given.runs)
        ]
    hand = statistics.median(found for _, found in runs)
    parts = {part: statistics.median(found[part] for found, _ in runs) for part in PARTS}
    parts["all"] = statistics.median(sum(found.values()) for found, _ in runs)
    print(f"by hand {hand:.2f} CPU s; equal to {'it' if given.postgres else 'score'} in every figure")
    for part, cpu in parts.items():
        print(f"{part:>15} {cpu:.2f} CPU s, {cpu / hand:.2f} times")


if __name__ == "__main__":
    main()
