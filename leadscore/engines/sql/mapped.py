"""The tables of a data file as queries of the database that holds them: read where they are, not copied out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from leadscore.base.times import is_text
from leadscore.engines.sql.dialects import Dialect
from leadscore.engines.sql.relations import Check
from leadscore.engines.sql.servers import Server
from leadscore.errors import DataFileError, Problem
from leadscore.imports.data_file import DataFile
from leadscore.imports.language import Block, Source, Typed, Value
from leadscore.rulebook import Rulebook
from leadscore.rulebook.plan import Plan, compiled
from leadscore.rulebook.yaml import Path

# What an import takes off the ends of a cell.
_BLANKS = " \t\n\r\v\f\u00a0"
_INSTEAD = "; write it into a 'query' of the source, or leave --engine out: an import does it"
_TYPES = {
    "number": (
        "a number",
        lambda kind: pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind),
    ),
    "boolean": ("true or false", pa.types.is_boolean),
    "time": ("a time or a day", pa.types.is_temporal),
    "text": ("text or a whole number", lambda kind: is_text(kind) or pa.types.is_integer(kind)),
}


@dataclass(frozen=True)
class Mapped:
    """What stands for the tables in a statement.

    Attributes
    ----------
    tables : dict of name to SQL
        `leads`, and as far as the rulebook asks for them `events` and `outcomes`: each a query in parentheses.
    checks : dict of name to Check
        What must give 0 beside the checks of the statement.
    strangers : dict of name to SQL
        How many rows are left out since they are of nobody among the leads; one row of one number, `n`.
    """

    tables: dict[str, str]
    checks: dict[str, Check]
    strangers: dict[str, str]


def connection_of(data: DataFile) -> str:
    """The environment variable with the connection of all tables that a statement needs.

    Raises
    ------
    DataFileError
        If some are files, or they are in several databases.
    """
    used = {block.from_ for table, _, block in data.blocks() if table in {"leads", "events", "outcomes"}}
    files = [
        data.problem(("sources", name), f"{name!r} is a file: a database cannot score it; leave --engine out")
        for name in data.sources
        if name in used and data.sources[name].connection is None
    ]
    connections = {source.connection for name, source in data.sources.items() if name in used} - {None}
    if not files and len(connections) > 1:
        said = ", ".join(sorted(map(str, connections)))
        files = [data.problem(("sources",), f"one statement asks one database; these are in {said}")]
    if files:
        raise DataFileError(data.source, files)
    return str(connections.pop())


def mapped(data: DataFile, rulebook: Rulebook, server: Server, within: dict[str, str]) -> Mapped:
    """The tables of a data file that says no more of them than which column is which.

    Parameters
    ----------
    data : DataFile
    rulebook : Rulebook
    server : Server
    within : dict of source to SQL
        The quoted table of each source, or its query in parentheses.

    Raises
    ------
    DataFileError
        With every place at which the file asks for more, since a database does not read text as an import does.
    """
    plan = compiled(rulebook)
    wanted = _wanted(plan)
    mapping = _Mapping(data, rulebook, server, within)
    made = {name: mapping.table(name, columns) for name, columns in wanted.items() if getattr(data, name)}
    if problems := [*_more_than_columns(data, rulebook), *mapping.problems]:
        raise DataFileError(data.source, problems)
    checks = {f"blanks around ids of {name}": _no_blanks(name, rows, server.dialect) for name, rows in made.items()}
    known = f"EXISTS (SELECT 1 FROM {made['leads']} AS l WHERE l.lead_id = r.lead_id)"
    strangers = {
        name: f"SELECT COUNT(*) AS n FROM {rows} AS r WHERE NOT {known}"
        for name, rows in made.items()
        if name != "leads" and data.identity.unmatched == "set_aside"
    }
    tables = made | {name: f"(SELECT * FROM {made[name]} AS r WHERE {known})" for name in strangers}
    return Mapped(tables, checks, strangers)


def _wanted(plan: Plan) -> dict[str, set[str]]:
    """The columns of each table that the rulebook needs; no outcomes where it asks for none."""
    keys = {name for one in plan.happenings for name in (*one.columns, *([one.sum] if one.sum else ()))}
    found = {
        "leads": {"lead_id", "created_at", "valid_from", *plan.leads},
        "events": {"lead_id", "event", "at", *plan.events, *keys},
    }
    return found | ({"outcomes": {"lead_id", "stage", "at"}} if any(one.stages for one in plan.happenings) else {})


def _more_than_columns(data: DataFile, rulebook: Rulebook) -> Iterator[Problem]:
    """What the file as a whole asks for beside columns."""
    if data.identity.aliases or data.identity.same_person is not None:
        yield data.problem(("identity",), f"tells people apart by more than their id{_INSTEAD}")
    if data.timezone != rulebook.timezone:
        yield data.problem(
            ("timezone",), f"{data.timezone}, and the rulebook has {rulebook.timezone}; write the same in both"
        )
    if len(data.leads) > 1:
        yield data.problem(("leads",), f"brings rows of several blocks together lead by lead{_INSTEAD}")


class _Mapping:
    """Blocks as queries, and what in them is more than a name for a column."""

    def __init__(self, data: DataFile, rulebook: Rulebook, server: Server, within: dict[str, str]) -> None:
        self.data, self.rulebook, self.server, self.within = data, rulebook, server, within
        self.problems: list[Problem] = []
        self._schemas: dict[str, pa.Schema] = {}

    def table(self, name: str, wanted: set[str]) -> str:
        """The rows of all blocks of a table."""
        blocks = getattr(self.data, name)
        columns = sorted({label for block in blocks.values() for label in block.values()} & wanted)
        parts = [self._block((name, label), block, columns) for label, block in blocks.items()]
        return f"({' UNION ALL '.join(parts)})"

    def _block(self, path: Path, block: Block, columns: list[str]) -> str:
        source, values = self.data.sources[block.from_], block.values()
        self._refuse_more(path, block, source)
        found = {
            label: self._value(
                (*path, *(["columns"] if label in block.columns else []), label), block.from_, values[label]
            )
            if label in values
            else "NULL"
            for label in columns
        }
        chosen = ", ".join(f"{sql} AS {self._quoted(label)}" for label, sql in found.items())
        return f"SELECT {chosen} FROM {self.within[block.from_]} AS s"

    def _refuse_more(self, path: Path, block: Block, source: Source) -> None:
        asked = ("join", "where", "drop", "unique_key", "stage_dates", "received_at")
        for word in asked:
            if getattr(block, word, None):
                self.problems.append(self.data.problem((*path, word), f"{word!r} is not done in a database{_INSTEAD}"))
        if getattr(block, "repeats", "all") != "all":
            self.problems.append(
                self.data.problem((*path, "repeats"), f"'repeats' is not done in a database{_INSTEAD}")
            )
        place: Path = ("sources", block.from_)
        for word in ("where", "drop", "rename"):
            if getattr(source, word):
                self.problems.append(self.data.problem((*place, word), f"{word!r} is not done in a database{_INSTEAD}"))
        missing = source.missing_values or self.data.missing_values
        if strange := sorted({*map(str, missing)} - {*map(str, self.rulebook.missing_values)}):
            message = f"{strange[0]!r} means nothing here, but not in the rulebook; write it in its 'missing_values'"
            self.problems.append(self.data.problem(place, message))
        if source.timezone not in {None, self.rulebook.timezone}:
            message = f"the rulebook's days are those of {self.rulebook.timezone}{_INSTEAD}"
            self.problems.append(self.data.problem((*place, "timezone"), message))

    def _value(self, path: Path, name: str, value: Value) -> str:
        said = value.model_fields_set - {"column", "value"}
        if said or (value.column is None and "value" not in value.model_fields_set):
            self.problems.append(self.data.problem(path, f"is more than a column{_INSTEAD}"))
            return "NULL"
        return self._constant(value.value) if value.column is None else self._column(path, name, value.column)

    def _constant(self, value: object) -> str:
        if isinstance(value, str):
            return self.server.dialect.text(value)
        return str(value).upper() if isinstance(value, bool) or value is None else repr(value)

    def _column(self, path: Path, name: str, column: str) -> str:
        schema = self._schema(name)
        if column not in schema.names:
            self.problems.append(self.data.problem(path, f"{name} has no column {column!r}"))
            return "NULL"
        kind, typed = schema.field(column).type, self.data.sources[name].typed(column)
        what, fits = _TYPES.get(typed.type, ("", None))
        if fits is None or _written_otherwise(typed):
            self.problems.append(self.data.problem(path, f"{column!r} is read as {typed.type} from text{_INSTEAD}"))
        elif not fits(kind):
            message = f"{column!r} is {what} by the file, and {kind} in the database{_INSTEAD}"
            self.problems.append(self.data.problem(path, message))
        quoted = f"s.{self._quoted(column)}"
        return (
            f"CAST({quoted} AS {self.server.dialect.words})" if typed.type == "text" and not is_text(kind) else quoted
        )

    def _schema(self, name: str) -> pa.Schema:
        if name not in self._schemas:
            self._schemas[name] = self.server.fetch(f"SELECT * FROM {self.within[name]} AS s WHERE 1 = 0").schema
        return self._schemas[name]

    def _quoted(self, name: str) -> str:
        return self.server.dialect.quoted(name)


def _written_otherwise(typed: Typed) -> bool:
    """Whether the file says how cells are written, which those of a database are not."""
    return bool(typed.model_fields_set - {"type"})


def _no_blanks(name: str, rows: str, dialect: Dialect) -> Check:
    blanks, held = dialect.text(_BLANKS), f"CAST(r.lead_id AS {dialect.words})"
    sql = f"SELECT COUNT(*) AS n FROM {rows} AS r WHERE LTRIM(RTRIM({held}, {blanks}), {blanks}) <> {held}"
    return Check(f"{name}.lead_id", sql, "a lead_id with a blank before or behind it, which an import takes off")
