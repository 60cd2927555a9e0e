"""The rulebook document: what may stand in the file, as types. The language itself is described in `format.md`."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from leadscore.base.text import as_text, normalise, worded
from leadscore.errors import did_you_mean

LARGEST_POINTS = 1_000_000
# Longer than calendars reach back.
LONGEST_DAYS = 4_000_000


def thousandths(points: float) -> int:
    """Points of a file as whole thousandths; exact, since a file holds at most three decimals."""
    return round(points * 1000)


def _wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("rulebook", message)


def _number(value: Any) -> float:
    if type(value) not in {int, float} or (isinstance(value, float) and math.isnan(value)):
        raise _wrong(f"must be a number; got {value!r}")
    try:
        float(value)
    except OverflowError:
        raise _wrong(f"must be a number that a computer can hold; got one of {value.bit_length()} bits") from None
    return value


def _points(value: Any) -> float:
    number = _number(value)
    if abs(number) > LARGEST_POINTS:
        raise _wrong(f"points must lie within {LARGEST_POINTS:,} either way; got {value!r}")
    if Decimal(repr(number)).normalize().as_tuple().exponent < -3:  # type: ignore[operator]
        raise _wrong(f"points have at most three decimals; got {value!r}")
    return number


def _positive(value: Any) -> float:
    number = _number(value)
    if not 0 < number < math.inf:
        raise _wrong(f"must be more than 0; got {value!r}")
    return number


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if type(value) is not int or value < least:
            raise _wrong(f"must be a whole number, {least} or more; got {value!r}")
        if value > most:
            raise _wrong(f"must be at most {most:,}; got {value!r}")
        return value

    return check


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(f"must be text; got {value!r} (put it in quotes)")
    if not value.strip() or not value.isprintable():
        raise _wrong(f"must be text on one line, not empty; got {value!r}")
    return value


def _version(value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(f'must be text; write it in quotes, as "{value}"')
    if not value.isprintable():
        raise _wrong(f"must be text on one line; got {value!r}")
    return value


def _missing(value: Any) -> str:
    if type(value) not in {str, int, float, bool}:
        raise _wrong(f"must be text or a number that stands for missing; got {value!r}")
    return as_text(value)


def _percent(value: Any) -> float:
    number = _number(value)
    if not 0 <= number <= 100:
        raise _wrong(f"must lie in 0 to 100 percent; got {value!r}")
    return number


def _scalar(value: Any) -> Any:
    if type(value) not in {str, int, float, bool} or (isinstance(value, float) and not math.isfinite(value)):
        raise _wrong(f"must be text, a number, true or false; got {value!r}")
    if type(value) is int:
        _number(value)
    if isinstance(value, str) and not normalise(value):
        raise _wrong("empty text is read as missing; use 'known: false' for it, or the rule's 'missing'")
    return value


def iso_date(value: Any) -> dt.date:
    """A calendar date, from a date or from text as 2026-03-31."""
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            raise _wrong(f"{value} is not a day of the calendar") from None
    raise _wrong(f"must be a date as 2026-03-31; got {value!r}")


def _bound(value: Any) -> Any:
    return iso_date(value) if isinstance(value, str) else _number(value)


def _pattern(value: Any) -> str:
    text = _text(value)
    if not normalise(text):
        raise _wrong(f"must be text that is not empty; got {value!r}")
    return text


def _phrase(value: Any) -> str:
    if not worded(normalise(_pattern(value))).strip():
        raise _wrong(f"has no word in it (words are letters and digits); got {value!r}")
    return value


def _filled(value: Any) -> Any:
    if not value:
        raise _wrong("is empty; write at least one entry, or leave the key out")
    return value


def _timezone(value: Any) -> str:
    # Reading the zone list costs 20 ms, and most books say UTC.
    zones = {"UTC"} if value == "UTC" else available_timezones()
    if not isinstance(value, str) or value not in zones:
        raise _wrong(f"unknown time zone {value!r}{did_you_mean(value, zones)}")
    return value


def _letter_or_figure(value: Any) -> str | int:
    if (isinstance(value, str) and re.fullmatch("[A-Y]", value)) or (type(value) is int and 0 <= value <= 98):
        return value
    raise _wrong(f"a grade is one letter A to Y, or a figure 0 to 98; got {value!r}")


def _falling(bars: dict[str | int, float]) -> dict[str | int, float]:
    if len({type(key) for key in bars}) > 1 or list(bars) != sorted(bars):
        raise _wrong("grades must be all letters or all figures, in their order")
    points = list(bars.values())
    if any(low >= high for high, low in pairwise(points)):
        raise _wrong(f"each bar must be lower than the one before; got {', '.join(f'{p:g}' for p in points)}")
    return bars


def _listed(value: Any) -> Any:
    """One text means a list of one; pydantic would take a mapping's keys for a list."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, (list, tuple)):
        raise _wrong(f"must be text or a list of texts; got {value!r}")
    return value


_NUMBER: dict[str, Any] = {"type": "number"}
_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}
_DATE: dict[str, Any] = {"type": "string", "format": "date"}

Number = Annotated[float, BeforeValidator(_number), WithJsonSchema(_NUMBER)]
Points = Annotated[float, BeforeValidator(_points), WithJsonSchema(_NUMBER)]
Positive = Annotated[float, BeforeValidator(_positive), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]
Percent = Annotated[float, BeforeValidator(_percent), WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100})]
Days = Annotated[int, BeforeValidator(_whole(1, LONGEST_DAYS)), WithJsonSchema({"type": "integer", "minimum": 1})]
Count = Annotated[int, BeforeValidator(_whole(0, 10**15)), WithJsonSchema({"type": "integer", "minimum": 0})]
Name = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": "string", "minLength": 1})]
Missing = Annotated[str, BeforeValidator(_missing), WithJsonSchema(_SCALAR)]
Version = Annotated[str, BeforeValidator(_version), WithJsonSchema({"type": "string"})]
Date = Annotated[dt.date, BeforeValidator(iso_date), WithJsonSchema(_DATE)]
Scalar = Annotated[Any, BeforeValidator(_scalar), WithJsonSchema(_SCALAR)]
Bound = Annotated[Any, BeforeValidator(_bound), WithJsonSchema({"type": ["number", "string"]})]
Zone = Annotated[str, BeforeValidator(_timezone), WithJsonSchema({"type": "string"})]
Grade = Annotated[Any, BeforeValidator(_letter_or_figure), WithJsonSchema({"type": ["string", "integer"]})]
Bars = Annotated[dict[Grade, Points], AfterValidator(_filled), AfterValidator(_falling)]
Scalars = Annotated[tuple[Scalar, ...], AfterValidator(_filled)]


_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_TEXTS: dict[str, Any] = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
Pattern = Annotated[str, BeforeValidator(_pattern)]
Phrase = Annotated[str, BeforeValidator(_phrase)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_listed), AfterValidator(_filled), WithJsonSchema(_TEXTS)]
Phrases = Annotated[tuple[Phrase, ...], BeforeValidator(_listed), AfterValidator(_filled), WithJsonSchema(_TEXTS)]


class Part(BaseModel):
    """A part of the file: unknown keys are errors, nothing is changed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> Any:
        """A key without a value is refused in the file, so the schema knows no null; titles would repeat the keys."""
        whole = handler(schema)
        for value in handler.resolve_ref_schema(whole).get("properties", {}).values():
            value.pop("title", None)
            forms = [form for form in value.get("anyOf", ()) if form != {"type": "null"}]
            if len(forms) < len(value.get("anyOf", ())):
                del value["anyOf"]
                value.pop("default", None)
                value.update(forms[0] if len(forms) == 1 else {"anyOf": forms})
        return whole


class Limits(Part):
    """Bounds on a sum of points."""

    at_least: Points | None = None
    at_most: Points | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise _wrong(f"at_least {self.at_least:g} is above at_most {self.at_most:g}")
        return self

    def clip(self, value: int) -> int:
        """`value`, in thousandths, within the limits."""
        if self.at_least is not None:
            value = max(value, thousandths(self.at_least))
        return value if self.at_most is None else min(value, thousandths(self.at_most))


ORDERED = ("at_least", "more_than", "at_most", "less_than", "between")
EQUAL = ("is", "is_not", "in", "not_in")
WRITTEN = ("has_word", "contains", "starts_with", "ends_with")


class Test(Part):
    """What one column is tested for; all that stands here must hold."""

    __test__: ClassVar[bool] = False  # pytest must not collect it

    is_: Scalar = Field(None, alias="is")
    is_not: Scalar = None
    in_: Scalars | None = Field(None, alias="in")
    not_in: Scalars | None = None
    has_word: Phrases | None = None
    contains: Patterns | None = None
    starts_with: Patterns | None = None
    ends_with: Patterns | None = None
    at_least: Bound = None
    more_than: Bound = None
    at_most: Bound = None
    less_than: Bound = None
    between: tuple[Bound, Bound] | None = None
    known: StrictBool | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        if isinstance(value, list):
            return {"in": value}
        return value if isinstance(value, dict) else {"is": value}

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if not self.model_fields_set:
            raise _wrong("is empty; write a test such as 'in: [...]' or 'known: true'")
        if self.between is not None and type(self.between[0]) is type(self.between[1]):
            low, high = self.between
            if low > high:
                raise _wrong(f"between {low} and {high} holds nothing: the first is the larger")
        return self

    def parts(self) -> Iterator[tuple[str, Any]]:
        """The tests that stand here, as (name in the language, operand)."""
        for field in sorted(self.model_fields_set):
            yield field.rstrip("_"), getattr(self, field)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> Any:
        """A bare value means `is`, a list means `in`."""
        whole = handler.resolve_ref_schema(super().__get_pydantic_json_schema__(schema, handler))
        written = dict(whole)
        whole.clear()
        whole["anyOf"] = [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}, written]
        return whole


class Condition(Part):
    """A mapping of column to test; all must hold. `any`, `all` and `not` nest."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Test] = Field(init=False)

    any_: Annotated[tuple[Condition, ...], AfterValidator(_filled)] | None = Field(None, alias="any")
    all_: Annotated[tuple[Condition, ...], AfterValidator(_filled)] | None = Field(None, alias="all")
    not_: Condition | None = Field(None, alias="not")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set:
            raise _wrong("is empty; write a column and a test, such as 'country: [US, CA]'")
        return self

    @property
    def tests(self) -> Mapping[str, Test]:
        """The columns tested at this level."""
        return self.__pydantic_extra__

    def columns(self) -> Iterator[tuple[str, Test]]:
        """Every column tested here or further in, with its test."""
        yield from self.tests.items()
        for part in (*(self.any_ or ()), *(self.all_ or ()), *((self.not_,) if self.not_ else ())):
            yield from part.columns()

    def evaluate(self, leaf: Callable[[str, Test], Any], every: Callable[..., Any], some: Callable[..., Any]) -> Any:
        """The condition in three-valued logic (Kleene): 1 holds, 0 unknown, -1 does not.

        `leaf` gives a column's test; `every` is the least, `some` the largest of several, on whole numbers or arrays.
        """
        parts = [leaf(column, test) for column, test in self.tests.items()]
        parts += [part.evaluate(leaf, every, some) for part in self.all_ or ()]
        if self.any_:
            parts.append(some([part.evaluate(leaf, every, some) for part in self.any_]))
        if self.not_:
            parts.append(-self.not_.evaluate(leaf, every, some))
        return every(parts)


def _shape(value: Any) -> str:
    return "table" if isinstance(value, dict) else "number"


PointsTable = Annotated[dict[Scalar, Points], AfterValidator(_filled)]
Edges = Annotated[dict[Number, Points], AfterValidator(_filled)]
Counts = Annotated[dict[Count, Points], AfterValidator(_filled)]


class FitRule(Part):
    """Points for what a lead is: a table of values, edges of a number, or a condition."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["column"]}, {"required": ["when"]}]})

    name: Name
    column: Name | None = None
    points: (
        Annotated[Annotated[Points, Tag("number")] | Annotated[PointsTable, Tag("table")], Discriminator(_shape)] | None
    ) = None
    from_: Edges | None = Field(None, alias="from")
    other: Points = 0
    missing: Points = 0
    when: Condition | None = None
    group: Name | None = None


class Happening(Part):
    """Patterns of some kinds, in some window: what rules, `never` and `hand_raise` share."""

    event: Patterns
    where: Condition | None = None
    within_days: Days | None = None


class Step(Part):
    """Decay in steps."""

    every_days: Days
    lose_percent: Percent


class BehaviourRule(Happening, Limits):
    """Points for what a lead does."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["points"]}, {"required": ["from"]}]})

    name: Name
    points: Points | None = None
    from_: Counts | None = Field(None, alias="from")
    count: Literal["each", "daily", "once"] = "daily"
    half_life_days: Positive | None = None
    fade_days: Positive | None = None
    step: Step | None = None
    group: Name | None = None

    def worth(self, age: int) -> int:
        """What one event is worth at an age of whole days, in thousandths; 0 outside the window."""
        if self.points is None or (self.within_days is not None and age >= self.within_days):
            return 0
        factor: float = 1
        if self.half_life_days is not None:
            factor = 2.0 ** (-age / self.half_life_days)
        elif self.fade_days is not None:
            factor = max(0.0, 1 - age / self.fade_days)
        elif self.step is not None:
            factor = (1 - self.step.lose_percent / 100) ** (age // self.step.every_days)
        return round(self.points * factor * 1000)


class Never(Part):
    """A lead that may not qualify at all."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["when"]}, {"required": ["event"]}]})

    name: Name
    when: Condition | None = None
    event: Patterns | None = None
    where: Condition | None = None
    within_days: Days | None = None


class Segment(Part):
    """Leads with a bar of their own."""

    name: Name
    when: Condition
    threshold: Points


class Qualify(Part):
    """Who is handed to sales."""

    threshold: Points
    minimum_fit: Points | None = None
    minimum_behaviour: Points | None = None
    never: tuple[Never, ...] = ()
    hand_raise: Happening | None = None
    segments: tuple[Segment, ...] = ()


class Agreement(Part):
    """The service level agreement behind the numbers."""

    agreed_on: Date | None = None
    agreed_by: tuple[Name, ...] = ()
    review_every_days: Days | None = None
    respond_within_minutes: Positive | None = None


class Column(Part):
    """One column of the lead record."""

    type: Literal["text", "category", "number", "boolean", "date"]
    required: Literal["capture", "handoff", "no"] = "no"


class Totals(Part):
    """Limits on the two sums."""

    fit: Limits = Limits()
    behaviour: Limits = Limits()


class Grades(Part):
    """Letters and figures for fit and behaviour."""

    fit: Bars | None = None
    behaviour: Bars | None = None


class Contents(Part):
    """Everything that may stand in a rulebook, format 1."""

    leadscore: Annotated[Literal[1], Field(description="format of this file")]
    name: Name
    version: Version = ""
    timezone: Zone = "UTC"
    agreement: Agreement | None = None
    columns: dict[Name, Column] = Field(default_factory=dict)
    missing_values: tuple[Missing, ...] = ()
    fit: tuple[FitRule, ...] = ()
    behaviour: tuple[BehaviourRule, ...] = ()
    groups: dict[Name, Limits] = Field(default_factory=dict)
    totals: Totals = Totals()
    qualify: Qualify
    grades: Grades | None = None

    def rules(self) -> Iterator[tuple[str, int, FitRule | BehaviourRule]]:
        """Every rule, as (section, position, rule), in the order of the file."""
        for position, fit_rule in enumerate(self.fit):
            yield "fit", position, fit_rule
        for position, behaviour_rule in enumerate(self.behaviour):
            yield "behaviour", position, behaviour_rule


def keys_at(path: Sequence[str | int | float | bool]) -> list[str]:
    """The keys of the language that may stand at a place of the file; none where the entries have names of their own.

    Examples
    --------
    >>> keys_at(("totals", "fit")), keys_at(("groups",))
    (['at_least', 'at_most'], [])
    """
    part: type[BaseModel] | None = Contents
    named = False
    for step in path:
        if named or type(step) is int:
            named = False
            continue
        fields = {field.alias or name: field for name, field in (part.model_fields if part else {}).items()}
        if part is Condition and step not in fields:
            part = Test
        else:
            kind = fields[step].annotation if step in fields else None
            part, named = next(_parts(kind), None), dict in _origins(kind)
    return [] if named or part is None else [field.alias or name for name, field in part.model_fields.items()]


def _parts(kind: Any) -> Iterator[type[BaseModel]]:
    """The parts that a type is made of."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from _parts(inner)


def _origins(kind: Any) -> set[Any]:
    return {get_origin(kind), *(get_origin(inner) for inner in get_args(kind))}
