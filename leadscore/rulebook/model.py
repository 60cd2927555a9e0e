"""The rulebook document: what may stand in the file, as types. The language itself is described in `format.md`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Self, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from leadscore.base.text import counted, decimal
from leadscore.rulebook.agreement import Agreement
from leadscore.rulebook.conditions import Condition, Test
from leadscore.rulebook.values import (
    Count,
    Days,
    GradePoints,
    Missing,
    Name,
    Number,
    Part,
    Patterns,
    Percent,
    Points,
    Positive,
    Scalar,
    Version,
    Zone,
    filled,
    wrong,
)

_N = TypeVar("_N", int, float)


def thousandths(points: float) -> int:
    """Points of a file as whole thousandths; exact, since a file holds at most three decimals."""
    return round(points * 1000)


def minimum(points: float | None) -> float:
    """A minimum in thousandths; below all numbers where there is none."""
    return -math.inf if points is None else thousandths(points)


class Limits(Part):
    """Bounds on a sum of points."""

    at_least: Points | None = None
    at_most: Points | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise wrong(f"at_least {self.at_least:g} is above at_most {self.at_most:g}")
        return self

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """The least and the most, in thousandths; infinite where there is none."""
        return minimum(self.at_least), math.inf if self.at_most is None else thousandths(self.at_most)

    def clip(self, value: _N) -> _N:
        """`value`, in thousandths, within the limits."""
        low, high = self.bounds
        return min(max(value, low), high)  # type: ignore[return-value] # limits that are set are whole


NO_LIMITS = Limits()


def _shape(value: Any) -> str:
    return "table" if isinstance(value, dict) else "number"


PointsTable = Annotated[dict[Scalar, Points], AfterValidator(filled)]
Edges = Annotated[dict[Number, Points], AfterValidator(filled)]
Counts = Annotated[dict[Count, Points], AfterValidator(filled)]


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
    """Events of some types within some days: what rules, `never` and `hand_raise` share."""

    event: Patterns
    where: Condition | None = None
    within_days: Days | None = None


class Step(Part):
    """Decay in steps."""

    every_days: Days
    lose_percent: Percent

    def __str__(self) -> str:
        return f"loses {decimal(self.lose_percent)} % every {counted(self.every_days, 'day')}"


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
    """Leads that may never qualify."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["when"]}, {"required": ["event"]}]})

    name: Name
    when: Condition | None = None
    event: Patterns | None = None
    where: Condition | None = None
    within_days: Days | None = None


class Segment(Part):
    """Leads with a threshold of their own."""

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


class Update(Part):
    """By when a column must be filled in, counted from a moment of the lead."""

    from_: Literal["capture", "handoff", "sal", "sql", "opportunity", "won"] = Field(alias="from")
    within_days: Days

    def __str__(self) -> str:
        return f"within {counted(self.within_days, 'day')} of {self.from_}"


class Persona(Part):
    """Whom a lead is: the first persona whose condition holds."""

    name: Name
    when: Condition


class Column(Part):
    """One column of the lead record."""

    type: Literal["text", "category", "number", "boolean", "date"]
    required: Literal["capture", "handoff", "no"] = "no"
    update: Update | None = None


class Totals(Part):
    """Limits on the two sums."""

    fit: Limits = Limits()
    behaviour: Limits = Limits()


class Grades(Part):
    """Letters and figures for fit and behaviour."""

    fit: GradePoints | None = None
    behaviour: GradePoints | None = None


class Contents(Part):
    """Everything that may stand in a rulebook, format 1."""

    leadscore: Annotated[Literal[1], Field(description="format of this file")]
    name: Name
    version: Version = ""
    timezone: Zone = "UTC"
    agreement: Agreement | None = None
    columns: dict[Name, Column] = Field(default_factory=dict)
    missing_values: tuple[Missing, ...] = ()
    personas: tuple[Persona, ...] = ()
    fit: tuple[FitRule, ...] = ()
    behaviour: tuple[BehaviourRule, ...] = ()
    groups: dict[Name, Limits] = Field(default_factory=dict)
    totals: Totals = Totals()
    qualify: Qualify
    grades: Grades | None = None

    def limits(self, group: str | None) -> Limits:
        """The limits of a group; none for ungrouped rules."""
        return self.groups.get(group or "", NO_LIMITS)

    def rules(self) -> Iterator[tuple[str, int, FitRule | BehaviourRule]]:
        """Every rule, as (section, position, rule), in the order of the file."""
        yield from (("fit", position, rule) for position, rule in enumerate(self.fit))
        yield from (("behaviour", position, rule) for position, rule in enumerate(self.behaviour))


def keys_at(path: Sequence[str | int | float | bool], kind: type[BaseModel] = Contents) -> list[str]:
    """The keys that may stand at a place of such a file; none where the entries have names of their own.

    Examples
    --------
    >>> keys_at(("totals", "fit")), keys_at(("groups",))
    (['at_least', 'at_most'], [])
    """
    part: type[BaseModel] | None = kind
    named = False
    for step in path:
        if named or type(step) is int:
            named = False
            continue
        fields = {field.alias or name: field for name, field in (part.model_fields if part else {}).items()}
        if part is Condition and step not in fields:
            part = Test
        else:
            inner = fields[step].annotation if step in fields else None
            part, named = next(_parts(inner), None), get_origin(inner) is dict
    return [] if named or part is None else [field.alias or name for name, field in part.model_fields.items()]


def _parts(kind: Any) -> Iterator[type[BaseModel]]:
    """The parts that a type is made of."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from _parts(inner)
