"""A program as files: the statement, the checks, look-up tables as Parquet, and a dbt project's parts."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from leadscore.base.files import replacing
from leadscore.base.text import normalise
from leadscore.base.times import is_text
from leadscore.engines.sql.parts import Parts
from leadscore.rulebook.kinds import declared_kind
from leadscore.rulebook.plan import compiled
from leadscore.tables.findings import named_like_email

# Seeds are kept in git, and read by people.
_MOST_OF_SEEDS = 1_000
# dbt takes these for missing.
_NOTHING = {"", "null"}


def write(program: Parts, folder: Path) -> list[Path]:
    """Write a program into a folder; see `Program.write`."""
    seeds = {name for name in program.tables if is_seed(program, name)}
    models = {"leadscore_scores": program.sql}
    models |= {"leadscore_accounts": program.accounts_sql} if program.accounts_sql else {}
    texts = {f"{name.removeprefix('leadscore_')}.sql": f"{sql}\n" for name, sql in models.items()}
    texts["checks.sql"] = f"{checks_sql(program)}\n"
    texts |= {f"dbt/models/{name}.sql": _as_model(program, sql, seeds) for name, sql in models.items()}
    texts["dbt/tests/leadscore_checks.sql"] = _as_model(program, checks_sql(program), seeds)
    texts["dbt/models/leadscore.yml"] = _sources([name for name in program.tables if name not in seeds])
    texts |= {f"dbt/seeds/{name}.csv": _as_csv(program.tables[name]) for name in sorted(seeds)}
    if seeds:
        texts["dbt/seeds/leadscore.yml"] = _seed_types(program, sorted(seeds))
    written = []
    for name, text in texts.items():
        written.append(_within(folder, name))
        with replacing(written[-1]) as file:
            file.write(text.encode())
    for name, table in program.tables.items():
        written.append(_within(folder, f"lookups/{name}.parquet"))
        with replacing(written[-1]) as file:
            pq.write_table(table, file)
    # Look-up tables of an earlier rulebook hold values of leads that nobody would look for.
    for path in {*(folder / "lookups").glob("leadscore_*.parquet"), *(folder / "dbt/seeds").glob("leadscore_*.csv")}:
        if path not in written:
            path.unlink()
    return written


def _within(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def is_seed(program: Parts, name: str) -> bool:
    """Whether a look-up table may be kept in git: few values, none of them an address or free text.

    Free text is a column that is declared as text, or that rules search for words or pieces.
    """
    table = program.tables[name]
    if name == "leadscore_stages" or table.num_rows > _MOST_OF_SEEDS:
        return False
    if name not in program.raw:
        return True
    side, column = program.raw[name]
    keys = table["k"].combine_chunks() if table.num_rows else table["k"]
    if not is_text(keys.type):
        return not pa.types.is_nested(keys.type)
    plan = compiled(program.rulebook)
    asked = (plan.leads if side == "leads" else plan.events).get(column)
    searched = asked is not None and bool(asked.phrases or asked.pieces)
    kind = program.rulebook.columns.get(column) if side == "leads" else None
    declared = kind is not None and kind.type == "text" and declared_kind(program.rulebook, column) == "text"
    texts = keys.to_pylist()
    held = any("@" in text or normalise(text) in _NOTHING or text != text.strip() for text in texts)
    return not (searched or declared or held or named_like_email(column))


def checks_sql(program: Parts) -> str:
    """All checks as one query: a row for each that fails."""
    text, whole = program.dialect.text, program.dialect.whole
    parts = [
        f"SELECT {text(name)} AS check_name, {text(f'{one.where}: {one.message}')} AS message, "
        f"CAST(c.n AS {whole}) AS n FROM ({one.sql}) AS c"
        for name, one in program.checks.items()
    ]
    rows = "\nUNION ALL ".join(parts)
    return f"SELECT * FROM ({rows}) AS found WHERE n <> 0"


def _as_model(program: Parts, sql: str, seeds: set[str]) -> str:
    """A statement as a dbt model: look-up tables by what dbt calls them, and braces that are none of its own."""
    sql = sql.replace("{", "{{ '{' }}")
    for name in program.tables:
        place = f"ref('{name}')" if name in seeds else f"source('leadscore', '{name}')"
        sql = sql.replace(f"{program.dialect.quoted(name)} AS ", f"{{{{ {place} }}}} AS ")
    return f"-- As of {program.as_of}: make it again for another day.\n{sql}\n"


def _sources(names: list[str]) -> str:
    lines = [
        "version: 2",
        "",
        "sources:",
        "  - name: leadscore",
        "    description: Look-up tables, from lookups/*.parquet",
    ]
    return "\n".join([*lines, "    tables:", *(f"      - name: {name}" for name in names), ""])


def _seed_types(program: Parts, names: list[str]) -> str:
    """The types of the columns of seeds, which dbt would guess: a code 007 is text."""
    dialect, lines = program.dialect, ["version: 2", "", "seeds:"]
    for name in names:
        lines += [f"  - name: {name}", "    config:", "      column_types:"]
        for field in program.tables[name].schema:
            kind = dialect.words if is_text(field.type) else "boolean" if pa.types.is_boolean(field.type) else ""
            kind = kind or (dialect.whole if pa.types.is_integer(field.type) else dialect.real)
            lines.append(f"        {field.name}: {kind.lower()}")
    return "\n".join([*lines, ""])


def _as_csv(table: pa.Table) -> str:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return out.getvalue()
