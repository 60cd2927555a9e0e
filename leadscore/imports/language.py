"""The `data.yaml` document: what may stand in the file, as types. The language itself is described in `data.md`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from leadscore.base.text import as_text
from leadscore.rulebook.conditions import Condition
from leadscore.rulebook.kinds import Kind
from leadscore.rulebook.values import (
    Count,
    Days,
    Missing,
    Name,
    Number,
    Part,
    Patterns,
    Scalar,
    Zone,
    filled,
    wrong,
)

CellType = Literal["text", "number", "boolean", "time", "list", "json", "salesforce_id", "guid"]
# How conditions test a column of each type.
KINDS: dict[CellType, Kind] = {"number": "number", "boolean": "boolean", "time": "date"}
# What may stand beside a type.
_GO_WITH: dict[CellType, tuple[str, ...]] = {
    "number": ("thousands", "decimal", "bare_number"),
    "boolean": ("true_values", "false_values"),
    "time": ("format",),
    "list": ("separator",),
}
FORMATS = ("iso", "epoch_s", "epoch_ms", "epoch_us")
# How a name of ours for what is left out is written: null, not the text.
Ours = Annotated[str | None, BeforeValidator(lambda value: value), WithJsonSchema({"type": ["string", "null"]})]


def _column(value: Any) -> str:
    """The name of a column as a header has it; a header that is a number may be written as one."""
    if type(value) in {int, float, bool}:
        return as_text(value)
    if not isinstance(value, str) or not value.strip():
        raise wrong(f"must be the name of a column; got {value!r}")
    return value


def _separator(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise wrong(f"must be text between the parts, as ';'; got {value!r}")
    return value


def _one_sign(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 1 or value.isdigit():
        raise wrong(f"must be one sign, as ','; got {value!r}")
    return value


def _format(value: Any) -> str:
    if not isinstance(value, str) or not (value in FORMATS or "%" in value):
        raise wrong(f"must be {', '.join(FORMATS)}, or a pattern such as '%d/%m/%Y %H:%M'; got {value!r}")
    return value


def _several(value: Any) -> Any:
    """One entry means a list of one."""
    return value if isinstance(value, (list, tuple)) else (value,)


_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_TEXTS = WithJsonSchema({"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]})
ColumnName = Annotated[str, BeforeValidator(_column), WithJsonSchema(_TEXT)]
ColumnNames = Annotated[tuple[ColumnName, ...], BeforeValidator(_several), AfterValidator(filled), _TEXTS]
Separator = Annotated[str, BeforeValidator(_separator), WithJsonSchema(_TEXT)]
Sign = Annotated[str, BeforeValidator(_one_sign), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 1})]
Format = Annotated[str, BeforeValidator(_format)]
Formats = Annotated[tuple[Format, ...], BeforeValidator(_several), AfterValidator(filled), _TEXTS]


class Typed(Part):
    """What the cells of a column are, and how they are written."""

    type: CellType = "text"
    format: Formats | None = None
    thousands: Sign | None = None
    decimal: Sign = "."
    bare_number: StrictBool = True
    true_values: Patterns = ()
    false_values: Patterns = ()
    separator: Separator = ";"

    @model_validator(mode="after")
    def _go_together(self) -> Typed:
        fitting = {"type", *_GO_WITH.get(self.type, ())}
        if strange := sorted(self.model_fields_set - fitting):
            owner = next(kind for kind, options in _GO_WITH.items() if strange[0] in options)
            raise wrong(f"{strange[0]!r} goes with type {owner}, not with {self.type}")
        if self.thousands == self.decimal:
            raise wrong(f"thousands and decimal are both {self.decimal!r}")
        return self


class Source(Part):
    """A file, a table or a query of a database, or a frame handed in from Python."""

    file: Patterns = ()
    table: Name | None = None
    query: Name | None = None
    connection: Name | None = None
    encoding: Name | None = None
    delimiter: Sign | None = None
    sheet: Name | None = None
    skip_rows: Count = 0
    timezone: Zone | None = None
    missing_values: tuple[Missing, ...] = ()
    rename: dict[Name, ColumnName] = Field(default_factory=dict)
    columns: dict[Name, Typed] = Field(default_factory=dict)
    where: Condition | None = None
    drop: Condition | None = None

    def typed(self, column: str) -> Typed:
        """What a column's cells are; text where nothing is said."""
        return self.columns.get(column, TEXT)


TEXT = Typed()


def constant_type(value: Any) -> CellType:
    """What the cells of a constant are."""
    return "boolean" if isinstance(value, bool) else "number" if isinstance(value, (int, float)) else "text"


class Case(Part):
    """What a value is where a condition holds: a constant, or written as a value of its own."""

    when: Condition
    value: Value

    @field_validator("value", mode="before")
    @classmethod
    def _constant(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"value": value}


class Value(Part):
    """Where a value of ours comes from: a column, the first case that holds, the first known one, or a constant."""

    column: ColumnName | None = None
    part: Literal["path", "domain", "email"] | None = None
    before: Separator | None = None
    separator: Separator | None = None
    kind: Name | None = None
    values: dict[Scalar, Ours] | None = None
    cases: Annotated[tuple[Case, ...], AfterValidator(filled)] | None = None
    first: Annotated[tuple[Value, ...], AfterValidator(filled)] | None = None
    value: Scalar = None
    other: Name | None = None

    WAYS: ClassVar[tuple[str, ...]] = ("column", "cases", "first", "value")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> Any:
        """A name alone is that of a column."""
        whole = super().__get_pydantic_json_schema__(schema, handler)
        inner = handler.resolve_ref_schema(whole)
        if "anyOf" not in inner:
            form = dict(inner)
            inner.clear()
            inner["anyOf"] = [{"type": ["string", "number", "boolean"]}, form]
        return whole

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"column": value}

    @model_validator(mode="after")
    def _one_way(self) -> Value:
        given = [way for way in self.WAYS if way in self.model_fields_set]
        if len(given) != 1:
            found = " and ".join(map(repr, given)) or "none of them"
            raise wrong(f"needs one of {', '.join(map(repr, self.WAYS))}; got {found}")
        for key in ("part", "before", "separator", "values"):
            if key in self.model_fields_set and self.column is None:
                raise wrong(f"{key!r} goes with 'column', not with {given[0]!r}")
        if self.other is not None and self.values is None and self.cases is None:
            raise wrong("'other' goes with 'values' or 'cases'")
        return self

    def parts(self) -> Iterator[Value]:
        """The value itself and those it is made of."""
        yield self
        for inner in (*(self.first or ()), *(case.value for case in self.cases or ())):
            yield from inner.parts()

    def conditions(self) -> Iterator[Condition]:
        """The conditions of its cases, further in too."""
        for part in self.parts():
            yield from (case.when for case in part.cases or ())


class Block(Part):
    """Rows of one source as rows of one of our tables."""

    # What has its place beside `columns`.
    own: ClassVar[tuple[str, ...]] = ()

    from_: Name = Field(alias="from")
    join: dict[Name, dict[ColumnName, ColumnName]] = Field(default_factory=dict)
    where: Condition | None = None
    drop: Condition | None = None
    columns: dict[Name, Value] = Field(default_factory=dict)

    def values(self) -> dict[str, Value]:
        """Every value of the block by the name it is given here."""
        return {name: getattr(self, name) for name in self.own if getattr(self, name) is not None} | self.columns


class PeopleBlock(Block):
    """Rows that are of a lead each."""

    lead_id: Value


class LeadsBlock(PeopleBlock):
    """Leads."""

    own = ("lead_id", "created_at", "valid_from")
    created_at: Value | None = None
    valid_from: Value | None = None


class EventsBlock(PeopleBlock):
    """Events."""

    own = ("lead_id", "event", "at")
    event: Value
    at: Value
    unique_key: ColumnNames | None = None
    received_at: ColumnName | None = None
    lookback_days: Days | None = None


class OutcomesBlock(PeopleBlock):
    """Outcomes: a stage and its time in each row, or a column of dates for each stage."""

    own = ("lead_id", "stage", "at")
    stage: Value | None = None
    at: Value | None = None
    stage_dates: dict[Name, ColumnName] = Field(default_factory=dict)
    repeats: Literal["all", "first"] = "all"


class TouchesBlock(PeopleBlock):
    """Touches: what a channel of marketing had to do with a lead."""

    own = ("lead_id", "at", "channel", "campaign")
    at: Value
    channel: Value
    campaign: Value | None = None


class CostsBlock(Block):
    """Costs by channel and month."""

    own = ("channel", "campaign", "month", "amount", "currency")
    channel: Value
    campaign: Value | None = None
    month: Value
    amount: Value
    currency: Value | None = None


class Alias(Part):
    """Another name of a lead: an id it had, an e-mail, a device."""

    from_: Name = Field(alias="from")
    where: Condition | None = None
    alias: Value
    kind: Name = "id"
    lead_id: Value


class Identity(Part):
    """Who is who."""

    aliases: dict[Name, Alias] = Field(default_factory=dict)
    same_person: ColumnName | None = None
    unmatched: Literal["set_aside", "refuse"] = "set_aside"


# The tables that a file may make, in its order.
TABLES = ("leads", "events", "outcomes", "touches", "costs")


class Contents(Part):
    """Everything that may stand in a `data.yaml`, format 1."""

    data: Annotated[Literal[1], Field(description="format of this file")]
    timezone: Zone = "UTC"
    missing_values: tuple[Missing, ...] = ()
    sources: Annotated[dict[Name, Source], AfterValidator(filled)]
    leads: Annotated[dict[Name, LeadsBlock], AfterValidator(filled)]
    events: dict[Name, EventsBlock] = Field(default_factory=dict)
    outcomes: dict[Name, OutcomesBlock] = Field(default_factory=dict)
    touches: dict[Name, TouchesBlock] = Field(default_factory=dict)
    costs: dict[Name, CostsBlock] = Field(default_factory=dict)
    identity: Identity = Identity()
    order_tolerance_hours: Number = 0

    def blocks(self) -> Iterator[tuple[str, str, Block]]:
        """Every block, as (table, name, block), in the order of the file."""
        for table in TABLES:
            for name, block in getattr(self, table).items():
                yield table, name, block
