"""`DataFile`: how exports become our tables, read with the care a rulebook is read with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, PrivateAttr

from leadscore.base.stages import STAGES
from leadscore.base.text import as_text, counted, normalise
from leadscore.errors import DataFileError, Problem, did_you_mean, nearest
from leadscore.imports.language import (
    KINDS,
    TABLES,
    TEXT,
    Alias,
    Block,
    CellType,
    Contents,
    CostsBlock,
    EventsBlock,
    OutcomesBlock,
    PeopleBlock,
    Typed,
    Value,
    constant_type,
)
from leadscore.rulebook import yaml
from leadscore.rulebook.conditions import RELATIVE, Condition
from leadscore.rulebook.faults import refusal, validated
from leadscore.rulebook.kinds import Kind, condition_uses, misfit
from leadscore.rulebook.yaml import Fault, Path
from leadscore.rulebook.yaml_file import YamlFile

# As alike as "devise" and "device".
_SLIP = 0.75

TIMES = ("created_at", "valid_from", "at")
_FORM = yaml.Form("data file", "data: 1", DataFileError, ignores="values")


class DataFile(Contents, YamlFile):
    """Where leads, events, outcomes, touches and costs come from, and who is who, from one YAML file (format 1).

    A data file does not change once read. It holds the checked contents as attributes (`data.sources`, `data.leads`)
    and the text they came from, comments and all.

    Examples
    --------
    >>> text = '''
    ... data: 1
    ... sources:
    ...   people: {file: people.csv, columns: {Created: {type: time}}}
    ... leads:
    ...   people: {from: people, lead_id: Id, created_at: Created, columns: {job_title: Title}}
    ... '''
    >>> DataFile.from_yaml(text)
    <DataFile: 1 source; leads from people>
    >>> DataFile.from_yaml(text.replace("from: people", "from: peple"), source="data.yaml")
    Traceback (most recent call last):
    leadscore.errors.DataFileError: 1 problem in data.yaml
      line 6, leads.people.from: there is no source 'peple'; did you mean 'people'?
          people: {from: peple, lead_id: Id, created_at: Created, columns: {job_title: Title}}
                         ^^^^^
    """

    model_config = ConfigDict(
        title="leadscore data file, format 1",
        json_schema_extra={"description": "How exports become leads, events and outcomes."},
    )

    _form: ClassVar = _FORM

    _document: yaml.Document = PrivateAttr()

    @classmethod
    def from_yaml(cls, text: str, *, source: str = "data file") -> Self:
        """Read a data file from text; `source` names it in messages.

        Raises
        ------
        DataFileError
            With every problem of the text: line, path, the line with a caret, and the nearest known name.
        """
        if not isinstance(text, str):
            raise DataFileError(source, [Problem("", f"a data file is text; got a {type(text).__name__}")])
        with _FORM.not_too_deep(source):
            document = yaml.read_document(text, source, _FORM)
            checked, faults = validated(document, Contents)
            if checked is not None:
                checked = _with_times(checked)
                faults += _meaning(checked)
        if faults or checked is None:
            raise refusal(document, faults)
        data = cls.model_construct(**{name: getattr(checked, name) for name in checked.model_fields_set})
        data._document = document  # noqa: SLF001 - a constructor fills in its own
        return data  # type: ignore[return-value] # mypy's plugin takes Self for the class here

    def problem(self, path: Path, message: str) -> Problem:
        """A problem that running the file found, with the line it stands on."""
        return self._document.problem(path, message)

    def __repr__(self) -> str:
        made = [f"{table} from {', '.join(getattr(self, table))}" for table in TABLES if getattr(self, table)]
        return f"<DataFile: {'; '.join([counted(len(self.sources), 'source'), *made])}>"

    __str__ = __repr__


# ------------------------------------------------------------------------------- what does not go together in the file


def _meaning(data: Contents) -> Iterator[Fault]:
    """What the parts of a file say of each other that cannot be."""
    yield from _sources(data)
    kinds = {alias.kind for alias in data.identity.aliases.values()} | {"id"}
    types: dict[tuple[str, str], CellType] = {}
    for table, name, block in data.blocks():
        path: Path = (table, name)
        yield from _from(data, path, block)
        for label, value in block.values().items():
            place = (*path, "columns", label) if label in block.columns else (*path, label)
            yield from _value(data, block, place, value)
            yield from _type(data, block, label, place, value)
            kind = types.setdefault((table, label), type_of(data, block, value))
            if kind != (own := type_of(data, block, value)):
                yield place, f"is {own} here, and {kind} in a block above", False
        for label in sorted(block.columns.keys() & {*block.own}):
            yield (*path, "columns", label), f"{label!r} has its place beside 'columns'", True
        if isinstance(block, PeopleBlock):
            yield from _kinds_known(kinds, (*path, "lead_id"), block.lead_id)
        if isinstance(block, OutcomesBlock):
            yield from _outcomes(path, block)
            for stage, column in block.stage_dates.items():
                yield from _type(data, block, "at", (*path, "stage_dates", stage), Value(column=column))
        if isinstance(block, EventsBlock) and block.received_at:
            yield from _type(data, block, "at", (*path, "received_at"), Value(column=block.received_at))
            if not block.unique_key:
                message = "goes with 'unique_key': of the rows of one key the last received stays"
                yield (*path, "received_at"), message, True
    yield from _identity(data, kinds, types)


def _identity(data: Contents, kinds: set[str], types: Mapping[tuple[str, str], CellType]) -> Iterator[Fault]:
    for name, alias in data.identity.aliases.items():
        path: Path = ("identity", "aliases", name)
        yield from _from(data, path, alias)
        for label in ("alias", "lead_id"):
            yield from _value(data, alias, (*path, label), getattr(alias, label))
            yield from _type(data, alias, label, (*path, label), getattr(alias, label))
        yield from _kinds_known(kinds, (*path, "lead_id"), alias.lead_id)
    same, known = data.identity.same_person, {name for block in data.leads.values() for name in block.columns}
    if same is not None and same not in known:
        yield ("identity", "same_person"), f"the leads have no column {same!r}{did_you_mean(same, known)}", False
    elif types.get(("leads", str(same))) == "time":
        yield ("identity", "same_person"), f"{same!r} is a time, which many leads may have in common", False


def _with_times(data: Contents) -> Contents:
    """The contents, columns that stand for a time or a cost declared as such where nothing is said of them."""
    sources = dict(data.sources)
    for _, _, block in data.blocks():
        times = _columns_of(getattr(block, label, None) for label in TIMES)
        times |= {*getattr(block, "stage_dates", {}).values(), getattr(block, "received_at", None)} - {None}
        costs = _columns_of([block.amount]) if isinstance(block, CostsBlock) else set()
        kinds: dict[str, CellType] = {column: "number" if column in costs else "time" for column in times | costs}
        for column, kind in sorted(kinds.items()):
            name, inner = _place(data, scope(block), column)
            if name in sources and inner not in sources[name].columns:
                held = sources[name].columns | {inner: Typed(type=kind)}
                sources[name] = sources[name].model_copy(update={"columns": held})
    return data.model_copy(update={"sources": sources})


def _columns_of(values: Iterable[Value | None]) -> set[str]:
    """The columns whose cells some values take as they are."""
    return {part.column for value in values if value for part in value.parts() if part.column and not part.values}


def _sources(data: Contents) -> Iterator[Fault]:
    for name, source in data.sources.items():
        path: Path = ("sources", name)
        held = {key for key in ("file", "table", "query") if getattr(source, key)}
        if {"table", "query"} <= held:
            yield (*path, "query"), "give 'table' or 'query', not both", True
        elif held & {"table", "query"}:
            if ("file" in held) is (source.connection is not None):
                needed = "needs 'connection', the name of an environment variable, or a .duckdb 'file'; one of them"
                yield path, f"a source with {(held & {'table', 'query'}).pop()!r} {needed}", False
        elif source.connection is not None:
            yield (*path, "connection"), "goes with 'table' or 'query'", True
        for key in ("encoding", "delimiter", "sheet", "skip_rows"):
            if key in source.model_fields_set and held != {"file"}:
                yield (*path, key), f"{key!r} goes with a 'file'", True
        for word in ("where", "drop"):
            yield from _condition(data, {"": name}, (*path, word), getattr(source, word))


def _from(data: Contents, path: Path, block: Block | Alias) -> Iterator[Fault]:
    """The sources of a block, and its conditions over them."""
    if block.from_ not in data.sources:
        yield (*path, "from"), f"there is no source {block.from_!r}{did_you_mean(block.from_, data.sources)}", False
    for other in getattr(block, "join", {}):
        if other not in data.sources:
            yield (*path, "join", other), f"there is no source {other!r}{did_you_mean(other, data.sources)}", True
        if other == block.from_:
            yield (*path, "join", other), "a source cannot be joined to itself", True
    for word in ("where", "drop"):
        yield from _condition(data, scope(block), (*path, word), getattr(block, word, None))


def scope(block: Block | Alias) -> dict[str, str]:
    """The sources whose columns a block may name, by what stands before the point; nothing before those of `from`."""
    return {"": block.from_} | {other: other for other in getattr(block, "join", {})}


def _value(data: Contents, block: Block | Alias, path: Path, value: Value) -> Iterator[Fault]:
    for index, case in enumerate(value.cases or ()):
        yield from _condition(data, scope(block), (*path, "cases", index, "when"), case.when)
    seen: dict[str, Any] = {}
    for key in value.values or ():
        if seen.setdefault(normalise(as_text(key)), key) is not key:
            message = f"{key!r} is the same value as {seen[normalise(as_text(key))]!r}: text is compared without case"
            yield (*path, "values", key), message, True


def _kinds_known(kinds: Iterable[str], path: Path, value: Value) -> Iterator[Fault]:
    for part in value.parts():
        # A kind that no alias has yet may come with other data; one that is nearly another's name is a slip.
        if part.kind is not None and part.kind not in kinds and (near := nearest(part.kind, kinds, cutoff=_SLIP)):
            yield path, f"no alias has the kind {part.kind!r}{near}", False


def _outcomes(path: Path, block: OutcomesBlock) -> Iterator[Fault]:
    given = {key for key in ("stage", "at", "stage_dates") if key in block.model_fields_set}
    if given not in ({"stage", "at"}, {"stage_dates"}):
        yield path, "outcomes need 'stage' and 'at', or 'stage_dates'", False
    for stage in block.stage_dates:
        if stage not in STAGES:
            yield (*path, "stage_dates", stage), f"there is no stage {stage!r}{did_you_mean(stage, STAGES)}", True
    for part in block.stage.parts() if block.stage else ():
        named = [
            *(part.values or {}).values(),
            part.value,
            part.other if part.other not in {"refuse", "drop"} else None,
        ]
        for stage in named:
            if stage is not None and stage not in STAGES:
                yield (*path, "stage"), f"there is no stage {stage!r}{did_you_mean(stage, STAGES)}", False


def _condition(data: Contents, sources: dict[str, str], path: Path, condition: Condition | None) -> Iterator[Fault]:
    """Tests that do not suit the type a column is declared with."""
    if condition is not None and next(condition.dids(), None):
        yield path, "'did' asks what a lead did: it goes with rulebooks", False
    for column, use in condition_uses(condition):
        if use[0] in {*RELATIVE, "in_list", "has_option"}:
            yield path, f"{column}: {use[0]!r} goes with rulebooks", False
            continue
        message = misfit(kind_of(data, sources, column), use)
        if message:
            yield path, f"{column}: {message}; or declare its type under 'columns' of the source", False


def _type(data: Contents, block: Block | Alias, label: str, path: Path, value: Value) -> Iterator[Fault]:
    """Times where they must be, and nowhere else."""
    kinds = {type_of(data, block, part) for part in (value.first or ())} or {type_of(data, block, value)}
    if label in TIMES and kinds != {"time"}:
        column = value.column or "its column"
        yield path, f"must be a time: declare {column}: {{type: time}} under 'columns' of the source", False
    elif label == "amount" and isinstance(block, CostsBlock) and kinds != {"number"}:
        column = value.column or "its column"
        yield path, f"must be a number: declare {column}: {{type: number}} under 'columns' of the source", False
    elif label in {"lead_id", "alias", "event", "stage", "channel"} and "time" in kinds:
        yield path, f"{label!r} cannot be a time", False
    elif len(kinds) > 1 and "time" in kinds:
        yield path, f"mixes {', '.join(sorted(kinds))}", False


def type_of(data: Contents, block: Block | Alias, value: Value) -> CellType:
    """What the cells of a value are."""
    if value.values is not None or value.part or value.before:
        return "text"
    if value.column is not None:
        kind = declared(data, scope(block), value.column).type
        return kind if kind in {*KINDS, "list"} else "text"
    parts = [*(value.first or ()), *(case.value for case in value.cases or ())]
    if value.other not in {None, "drop", "refuse"}:
        parts.append(Value(value=value.other))
    kinds = {type_of(data, block, part) for part in parts}
    return constant_type(value.value) if not parts else kinds.pop() if len(kinds) == 1 else "text"


def kind_of(data: Contents, sources: dict[str, str], column: str) -> Kind:
    """How conditions test a column: by the type declared for it in its source."""
    return KINDS.get(declared(data, sources, column).type, "text")


def declared(data: Contents, sources: dict[str, str], column: str) -> Typed:
    """What is said of the cells of a column, by the name a block has for it."""
    name, inner = _place(data, sources, column)
    return data.sources[name].typed(inner) if name in data.sources else TEXT


def _place(data: Contents, sources: dict[str, str], column: str) -> tuple[str, str]:
    """The source of a column by the name a block has for it, and its name there."""
    prefix, _, rest = column.partition(".")
    own = data.sources.get(sources[""])
    if prefix and prefix in sources and not (own and column in own.columns):
        return sources[prefix], rest
    return sources[""], column
