"""The rulebook document: what may stand in the file, as types. The language itself is described in `format.md`."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from typing import Annotated, Any, Literal, Self, TypeVar, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    Tag,
    model_validator,
)

from leadscore.base.text import counted, decimal
from leadscore.rulebook.agreement import Agreement
from leadscore.rulebook.conditions import Condition, Happening, Occurrence, Test, Times
from leadscore.rulebook.values import (
    Cells,
    Count,
    Date,
    Days,
    GradePoints,
    Missing,
    Name,
    Names,
    Number,
    Part,
    Percent,
    Points,
    Positive,
    Scalar,
    Version,
    Zone,
    filled,
    wrong,
)
from leadscore.rulebook.yaml import Path

_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
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
        return low if value < low else min(value, high)  # type: ignore[return-value] # limits that are set are whole


def _shape(value: Any) -> str:
    return "table" if isinstance(value, dict) else "number"


PointsTable = Annotated[dict[Scalar, Points], AfterValidator(filled)]
Counts = Annotated[dict[Count, Points], AfterValidator(filled)]
Edges = Annotated[dict[Number, Points], AfterValidator(filled)]


class Said(Part):
    """For people; it has no effect on points."""

    why: Name | None = None
    owner: Name | None = None


class Case(Said):
    """One of several ways to earn a rule's points: the first that holds pays."""

    name: Name | None = None
    when: Condition | None = None
    times: Times | None = None
    within_days: Days | None = None
    points: Points


Cases = Annotated[tuple[Case, ...], AfterValidator(filled)]


class Rule(Said):
    """What fit and behaviour rules share."""

    name: Name
    cases: Cases | None = None
    other: Points = 0
    when: Condition | None = None
    group: Name | None = None
    weight_percent: Percent | None = None
    active_from: Date | None = None
    active_until: Date | None = None

    @cached_property
    def active(self) -> tuple[float, float]:
        """The first and the last day on which the rule holds, in days since 1970; infinite where there is none."""
        first, last = self.active_from, self.active_until
        return (
            -math.inf if first is None else first.toordinal() - _EPOCH_ORDINAL,
            math.inf if last is None else last.toordinal() - _EPOCH_ORDINAL,
        )

    @property
    def seasonal(self) -> bool:
        """Whether it holds on some days alone."""
        return self.active_from is not None or self.active_until is not None


class FitRule(Rule):
    """Points for what a lead is: a table of values, edges of a number, a condition, or the first of several cases."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["column"]}, {"required": ["when"]}, {"required": ["cases"]}]}
    )

    column: Name | None = None
    points: (
        Annotated[Annotated[Points, Tag("number")] | Annotated[PointsTable, Tag("table")], Discriminator(_shape)] | None
    ) = None
    from_: Edges | None = Field(None, alias="from")
    missing: Points = 0


class Step(Part):
    """Decay in steps."""

    every_days: Days
    lose_percent: Percent

    def __str__(self) -> str:
        return f"loses {decimal(self.lose_percent)} % every {counted(self.every_days, 'day')}"


class BehaviourRule(Happening, Limits, Rule):
    """Points for what a lead does."""

    points: Points | None = None
    from_: Edges | None = Field(None, alias="from")
    count: Literal["each", "daily", "once"] = "daily"
    once_per: Names | None = None
    per: Names | None = None
    each_at_most: Points | None = None
    sum: Name | None = None
    half_life_days: Positive | None = None
    fade_days: Positive | None = None
    step: Step | None = None
    keep_on_restart: StrictBool = False

    @cached_property
    def distinct(self) -> tuple[str, ...] | None:
        """What events must differ in to count by themselves; None where every event counts."""
        if self.once_per is not None:
            return self.once_per
        return {"each": None, "daily": ("day",), "once": ()}[self.count]

    @property
    def fades(self) -> bool:
        """Whether an event is worth less as it ages."""
        return bool(self.half_life_days or self.fade_days or self.step)

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

    def reached(self, number: float) -> int:
        """What a rule with `from` gives for a number of events, days or values, or for a sum, in thousandths."""
        assert self.from_ is not None
        keys = [key for key in self.from_ if key <= number]
        return thousandths(self.from_[max(keys)]) if keys else 0


class Never(Happening, Said):
    """Leads that may never qualify."""

    name: Name
    when: Condition | None = None


class HandRaise(Happening, Said):
    """Leads that ask for sales, and qualify at once."""

    name: Name | None = None
    when: Condition | None = None


class Restart(Occurrence):
    """After what behaviour begins from zero."""

    @model_validator(mode="before")
    @classmethod
    def _event_or_stage(cls, value: Any) -> Any:
        if isinstance(value, (str, list)):
            raise wrong(f"may mean {{stage: {value}}} or {{event: {value}}}; write which")
        return value


class Segment(Said):
    """Leads with a threshold of their own."""

    name: Name
    when: Condition
    threshold: Points


def _one_or_more(value: Any) -> Any:
    return (value,) if isinstance(value, (dict, HandRaise)) else value


class Qualify(Part):
    """Who is handed to sales."""

    threshold: Points | None = None
    minimum_fit: Points | None = None
    minimum_behaviour: Points | None = None
    grades: Cells | None = None
    never: tuple[Never, ...] = ()
    hand_raise: Annotated[
        tuple[HandRaise, ...],
        BeforeValidator(_one_or_more, json_schema_input_type=HandRaise | tuple[HandRaise, ...]),
    ] = ()
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

    type: Literal["text", "category", "number", "boolean", "date", "options"]
    separator: Name | None = None
    required: Literal["capture", "handoff", "no"] = "no"
    update: Update | None = None


class Group(Limits, Said):
    """Limits on the sum of the rules that share a group."""

    weight_percent: Percent | None = None
    per: Names | None = None
    each_at_most: Points | None = None


NO_LIMITS = Group()


class Total(Limits):
    """Limits on the sum of a side."""

    weight_percent: Percent | None = None


class Totals(Part):
    """Limits on the two sums."""

    fit: Total = Total()
    behaviour: Total = Total()


class Grades(Part):
    """Letters and figures for fit and behaviour."""

    fit: GradePoints | None = None
    behaviour: GradePoints | None = None


class FileList(Said):
    """A list in a text file beside the rulebook: a value a line."""

    file: Name


ListOfValues = Annotated[
    Annotated[tuple[Scalar, ...], Tag("values")] | Annotated[FileList, Tag("file")],
    Discriminator(lambda value: "file" if isinstance(value, (dict, FileList)) else "values"),
]


class AccountRule(Limits, Said):
    """Points of an account for its people."""

    name: Name
    people: Condition | None = None
    once_per: Name | None = None
    best: Literal["fit", "behaviour", "total"] | None = None
    sum: Literal["fit", "behaviour", "total"] | None = None
    points: Points | None = None
    from_: Counts | None = Field(None, alias="from")


class Account(Part):
    """A score of each account from its people."""

    id: Name
    rules: Annotated[tuple[AccountRule, ...], AfterValidator(filled)]
    threshold: Points | None = None


class Contents(Said):
    """Everything that may stand in a rulebook, formats 1 and 2."""

    leadscore: Annotated[Literal[1, 2], Field(description="format of this file")]
    name: Name
    version: Version = ""
    timezone: Zone = "UTC"
    agreement: Agreement | None = None
    include: Names = ()
    columns: dict[Name, Column] = Field(default_factory=dict)
    missing_values: tuple[Missing, ...] = ()
    constants: dict[Name, Number] = Field(default_factory=dict)
    lists: dict[Name, ListOfValues] = Field(default_factory=dict)
    conditions: dict[Name, Condition] = Field(default_factory=dict)
    personas: tuple[Persona, ...] = ()
    fit: tuple[FitRule, ...] = ()
    behaviour: tuple[BehaviourRule, ...] = ()
    groups: dict[Name, Group] = Field(default_factory=dict)
    totals: Totals = Totals()
    restart: Restart | None = None
    qualify: Qualify
    grades: Grades | None = None
    labels: dict[Name, Cells] = Field(default_factory=dict)
    account: Account | None = None

    def grade_bars(self) -> dict[str, dict[str, float]]:
        """The grades of each side that has some, the best first, with the least points of each in thousandths."""
        found = {}
        for side in ("fit", "behaviour"):
            least = getattr(self.grades, side, None) or {}
            bars = {str(name): points if math.isinf(points) else thousandths(points) for name, points in least.items()}
            if bars and -math.inf not in bars.values():
                bars[_below([*least][-1])] = -math.inf
            if bars:
                found[side] = bars
        return found

    def least_behaviour(self, fit: int) -> int:
        """The least behaviour with which a lead of some fit is in a grade that qualifies, in thousandths.

        0 where that is below nothing, or no behaviour is enough.
        """
        sides = self.grade_bars()
        of_fit = next((name for name, bar in sides.get("fit", {}).items() if fit >= bar), "")
        wanted = self.qualify.grades
        bars = [bar for name, bar in sides.get("behaviour", {}).items() if wanted is None or of_fit + name in wanted]
        least = max(min(bars, default=0), minimum(self.qualify.minimum_behaviour), 0)
        return int(least)

    def limits(self, group: str | None) -> Group:
        """The limits of a group; none for ungrouped rules."""
        return self.groups.get(group or "", NO_LIMITS)

    def per(self, rule: BehaviourRule) -> tuple[str, ...]:
        """What a behaviour rule is worked out for, value by value; its group may say so."""
        return self.limits(rule.group).per or rule.per or ()

    def rules(self) -> Iterator[tuple[str, int, FitRule | BehaviourRule]]:
        """Every rule, as (section, position, rule), in the order of the file."""
        yield from (("fit", position, rule) for position, rule in enumerate(self.fit))
        yield from (("behaviour", position, rule) for position, rule in enumerate(self.behaviour))


def _below(last: str | int) -> str:
    """The grade below the last: C -> D, 3 -> 4."""
    return str(last + 1) if isinstance(last, int) else chr(ord(last) + 1)


def parts(part: Part, path: Path = ()) -> Iterator[tuple[Path, Part]]:
    """A part and all that it is made of, each with its place."""
    yield path, part
    fields = {key: getattr(part, name) for key, name in _fields(type(part))}
    for key, value in (fields | dict(getattr(part, "tests", {}))).items():
        items: list[tuple[Path, Any]] = [((), value)]
        if isinstance(value, tuple):
            items = [((index,), one) for index, one in enumerate(value)]
        elif isinstance(value, dict):
            items = [((name,), one) for name, one in value.items()]
        for place, one in items:
            if isinstance(one, Part):
                yield from parts(one, (*path, key, *place))


@cache
def _fields(kind: type[BaseModel]) -> list[tuple[str, str]]:
    """The fields of a kind of part: what the file calls them, and we."""
    return [(field.alias or name, name) for name, field in kind.model_fields.items()]


def keys_at(path: Sequence[str | int | float | bool], kind: type[BaseModel] = Contents) -> list[str]:
    """The keys that may stand at a place of such a file; none where the entries have names of their own.

    Examples
    --------
    >>> keys_at(("totals", "fit")), keys_at(("groups",))
    (['at_least', 'at_most', 'weight_percent'], [])
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
            part, named = next(_parts(inner), None), _is_table(inner)
    return [] if named or part is None else [field.alias or name for name, field in part.model_fields.items()]


def _is_table(kind: Any) -> bool:
    """Whether a type is that of entries with names of their own, or may be."""
    return get_origin(kind) is dict or any(map(_is_table, get_args(kind)))


def _parts(kind: Any) -> Iterator[type[BaseModel]]:
    """The parts that a type is made of."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from _parts(inner)
