"""The single values of a rulebook: numbers, points, days, texts and dates, each checked."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from leadscore.base.text import as_text, normalise, worded
from leadscore.errors import did_you_mean
from leadscore.rulebook.working_hours import PATTERN, WorkingHours

LARGEST_POINTS = 1_000_000
# What the last grade and the last label say: all below, all others.
REST = "rest"
# Longer than calendars reach back.
LONGEST_DAYS = 4_000_000
_GROUPED = r"[1-9]\d{0,2}(?:_\d{3}){1,5}"
_PERCENT = r"(\d{1,9}(?:\.\d{1,9})?) ?%"


def wrong(message: str) -> PydanticCustomError:
    """An error of pydantic's in the words of the language."""
    return PydanticCustomError("rulebook", message)


def _constant(value: Any, info: ValidationInfo) -> Any:
    """A number as it is; of a text, the constant it names."""
    return info.context.constant(value) if isinstance(value, str) and info.context else value


def _number(value: Any) -> float:
    if type(value) not in {int, float} or (isinstance(value, float) and math.isnan(value)):
        raise wrong(f"must be a number; got {value!r}")
    try:
        float(value)
    except OverflowError:
        raise wrong(f"must be a number that a computer can hold; got one of {value.bit_length()} bits") from None
    return value


def _points(value: Any) -> float:
    number = _number(value)
    if abs(number) > LARGEST_POINTS:
        raise wrong(f"points must lie between -{LARGEST_POINTS:,} and {LARGEST_POINTS:,}; got {value!r}")
    if Decimal(repr(number)).normalize().as_tuple().exponent < -3:  # type: ignore[operator]
        raise wrong(f"points have at most three decimals; got {value!r}")
    return number


def _number_that(holds: Callable[[float], bool], wanted: str) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        if not holds(_number(value)):
            raise wrong(f"must {wanted}; got {value!r}")
        return value

    return check


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if type(value) is not int or value < least:
            raise wrong(f"must be a whole number, {least} or more; got {value!r}")
        if value > most:
            raise wrong(f"must be at most {most:,}; got {value!r}")
        return value

    return check


def share_of(value: Any) -> float:
    """A share, from a number such as 0.6 or a text such as 60%."""
    written = re.fullmatch(_PERCENT, value, re.ASCII) if isinstance(value, str) else None
    share = float(Decimal(written[1]) / 100) if written else value
    if type(share) not in {int, float} or not 0 <= share <= 1:
        raise wrong(f"must be a share such as 60% or 0.6; got {value!r}")
    return share


def _amount(value: Any) -> float:
    """An amount of money; YAML 1.2 takes 1_800_000 for text."""
    grouped = isinstance(value, str) and re.fullmatch(_GROUPED, value, re.ASCII)
    return _positive(int(value) if grouped else value)


def _hours(value: Any) -> WorkingHours:
    try:
        return WorkingHours.read(value if isinstance(value, str) else str(value))
    except ValueError as error:
        raise wrong(str(error)) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise wrong(f"must be text; got {value!r} (put it in quotes)")
    if not value.strip() or not value.isprintable():
        raise wrong(f"must be text on one line, not empty; got {value!r}")
    return value


def _version(value: Any) -> str:
    if not isinstance(value, str):
        raise wrong(f'must be text; write it in quotes: "{value}"')
    if not value.isprintable():
        raise wrong(f"must be text on one line; got {value!r}")
    return value


def _missing(value: Any) -> str:
    if type(value) not in {str, int, float, bool}:
        raise wrong(f"must be text or a number that stands for missing; got {value!r}")
    return as_text(value)


def _scalar(value: Any) -> Any:
    if type(value) not in {str, int, float, bool} or (isinstance(value, float) and not math.isfinite(value)):
        raise wrong(f"must be text, a number, true or false; got {value!r}")
    if type(value) is int:
        _number(value)
    if isinstance(value, str) and not normalise(value):
        raise wrong("empty text is read as missing; use 'known: false' for it, or the rule's 'missing'")
    return value


def iso_date(value: Any) -> dt.date:
    """A calendar date, from a date or from text such as 2026-03-31."""
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            raise wrong(f"{value} is not a calendar date") from None
    raise wrong(f"must be a date such as 2026-03-31; got {value!r}")


def _bound(value: Any) -> Any:
    return iso_date(value) if isinstance(value, str) else _number(value)


def _pattern(value: Any) -> str:
    text = _text(value)
    if not normalise(text):
        raise wrong(f"must be text that is not empty; got {value!r}")
    return text


def _phrase(value: Any) -> str:
    if not worded(normalise(_pattern(value))).strip():
        raise wrong(f"contains no word (words are letters and digits); got {value!r}")
    return value


def filled(value: Any) -> Any:
    """A list or table with something in it."""
    if not value:
        raise wrong("is empty; write at least one entry, or leave the key out")
    return value


def _timezone(value: Any) -> str:
    # Reading the zone list costs 20 ms, and most books say UTC.
    zones = {"UTC"} if value == "UTC" else available_timezones()
    if not isinstance(value, str) or value not in zones:
        raise wrong(f"unknown time zone {value!r}{did_you_mean(value, zones)}")
    return value


def _is_letter(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch("[A-Y]", value))


def _is_figure(value: Any) -> bool:
    return type(value) is int and 0 <= value <= 98


def _grade(value: Any, info: ValidationInfo) -> str | int:
    if _is_letter(value) or _is_figure(value):
        return value
    if info.context is not None and info.context.format == 1:
        raise wrong(f"a grade is one letter A to Y, or a figure 0 to 98; got {value!r}")
    return value if type(value) is int and value >= 0 else _text(value)


def _bar(value: Any, info: ValidationInfo) -> float:
    return -math.inf if value == REST else _points(_constant(value, info))


def _falling(grades: dict[str | int, float]) -> dict[str | int, float]:
    points = list(grades.values())
    if points == [-math.inf]:
        raise wrong(f"'{REST}' is all that is below another grade; write one above it")
    if points[-1] == -math.inf:
        points.pop()
    elif not (all(map(_is_letter, grades)) or all(map(_is_figure, grades))):
        raise wrong(f"grades must be all letters or all figures; others end with that of all below, as 'F: {REST}'")
    elif list(grades) != sorted(grades):
        raise wrong("grades must be all letters or all figures, in their order")
    if -math.inf in points:
        raise wrong(f"'{REST}' is for the last grade alone: all that is below the one before it")
    if any(low >= high for high, low in pairwise(points)):
        raise wrong(f"each grade needs fewer points than the one before; got {', '.join(f'{p:g}' for p in points)}")
    return grades


def _listed(value: Any) -> Any:
    """One text means a list of one; pydantic would take a mapping's keys for a list."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, (list, tuple)):
        raise wrong(f"must be text or a list of texts; got {value!r}")
    return value


def _cells(value: Any) -> Any:
    """Grades of the grid, as texts; `rest` is all others."""
    if value == REST:
        return REST
    return tuple(as_text(_scalar(one)) for one in (value if isinstance(value, (list, tuple)) else (value,)))


_NUMBER: dict[str, Any] = {"type": "number"}
_AMOUNT: dict[str, Any] = {
    "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": f"^{_GROUPED}$"}]
}
_SHARE: dict[str, Any] = {
    "anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string", "pattern": f"^{_PERCENT}$"}]
}
# A number, or the name of a constant.
_NAMED: dict[str, Any] = {"type": "string", "minLength": 1}
TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
TEXTS: dict[str, Any] = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1}]}
SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}

_positive = _number_that(lambda number: 0 < number < math.inf, "be more than 0")
_percent = _number_that(lambda number: 0 <= number <= 100, "lie between 0 and 100 percent")
Number = Annotated[float, BeforeValidator(_number), WithJsonSchema(_NUMBER)]
Points = Annotated[
    float, BeforeValidator(_points), BeforeValidator(_constant), WithJsonSchema({"anyOf": [_NUMBER, _NAMED]})
]
Positive = Annotated[
    float,
    BeforeValidator(_positive),
    BeforeValidator(_constant),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, _NAMED]}),
]
Percent = Annotated[
    float,
    BeforeValidator(_percent),
    BeforeValidator(_constant),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "maximum": 100}, _NAMED]}),
]
Days = Annotated[
    int,
    BeforeValidator(_whole(1, LONGEST_DAYS)),
    BeforeValidator(_constant),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, _NAMED]}),
]
Count = Annotated[int, BeforeValidator(_whole(0, 10**15)), WithJsonSchema({"type": "integer", "minimum": 0})]
Amount = Annotated[float, BeforeValidator(_amount), WithJsonSchema(_AMOUNT)]
Share = Annotated[float, BeforeValidator(share_of), WithJsonSchema(_SHARE)]
Hours = Annotated[WorkingHours, BeforeValidator(_hours), WithJsonSchema({"type": "string", "pattern": f"^{PATTERN}$"})]
Name = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": "string", "minLength": 1})]
Missing = Annotated[str, BeforeValidator(_missing), WithJsonSchema(SCALAR)]
Version = Annotated[str, BeforeValidator(_version), WithJsonSchema({"type": "string"})]
Date = Annotated[dt.date, BeforeValidator(iso_date), WithJsonSchema({"type": "string", "format": "date"})]
Scalar = Annotated[Any, BeforeValidator(_scalar), WithJsonSchema(SCALAR)]
Bound = Annotated[Any, BeforeValidator(_bound), WithJsonSchema({"type": ["number", "string"]})]
Zone = Annotated[str, BeforeValidator(_timezone), WithJsonSchema({"type": "string"})]
Names = Annotated[tuple[Name, ...], BeforeValidator(_listed), AfterValidator(filled), WithJsonSchema(TEXTS)]
Grade = Annotated[Any, BeforeValidator(_grade), WithJsonSchema({"type": ["string", "integer"]})]
# The least points of each grade; minus infinity where it is all that is below.
Bar = Annotated[float, BeforeValidator(_bar), WithJsonSchema({"type": ["number", "string"]})]
GradePoints = Annotated[dict[Grade, Bar], AfterValidator(filled), AfterValidator(_falling)]
Scalars = Annotated[tuple[Scalar, ...], AfterValidator(filled)]
_CELLS: dict[str, Any] = {"anyOf": [SCALAR, {"type": "array", "items": SCALAR, "minItems": 1}]}
Cells = Annotated[Any, AfterValidator(filled), BeforeValidator(_cells), WithJsonSchema(_CELLS)]
Pattern = Annotated[str, BeforeValidator(_pattern)]
Phrase = Annotated[str, BeforeValidator(_phrase)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_listed), AfterValidator(filled), WithJsonSchema(TEXTS)]
Phrases = Annotated[tuple[Phrase, ...], BeforeValidator(_listed), AfterValidator(filled), WithJsonSchema(TEXTS)]


def shorter(whole: dict[str, Any], *forms: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a part that may also be written in shorter forms."""
    written = dict(whole)
    whole.clear()
    whole["anyOf"] = [*forms, written]
    return whole


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
