"""Conditions on what leads are and did, as `when` and `where` write them, in three-valued logic."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    PrivateAttr,
    StrictBool,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from leadscore.rulebook.named import NamedList
from leadscore.rulebook.values import (
    SCALAR,
    TEXT,
    TEXTS,
    Bound,
    Days,
    Name,
    Names,
    Number,
    Part,
    Patterns,
    Phrases,
    Scalar,
    Scalars,
    filled,
    shorter,
    wrong,
)

ORDERED = ("at_least", "more_than", "at_most", "less_than", "between")
EQUAL = ("is", "is_not", "in", "not_in")
WRITTEN = ("has_word", "contains", "starts_with", "ends_with")
# Tests of a date by how far it lies from the day scored.
RELATIVE = ("days_ago", "days_ahead")


class _Tests(Part):
    """Tests of one thing; all must hold. A bare value means `is`, a list means `in`."""

    _single: ClassVar[dict[str, Any]] = SCALAR

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        if isinstance(value, list):
            return {"in": value}
        return value if isinstance(value, (dict, Part)) else {"is": value}

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if not self.model_fields_set:
            raise wrong("is empty; write a test such as 'in: [...]' or 'known: true'")
        between = getattr(self, "between", None)
        if between is not None and type(between[0]) is type(between[1]):
            low, high = between
            if low > high:
                raise wrong(f"between {low} and {high} matches nothing: write the smaller first")
        return self

    def parts(self) -> Iterator[tuple[str, Any]]:
        """The tests, as (name in the language, operand)."""
        for field in sorted(self.model_fields_set):
            yield field.rstrip("_"), getattr(self, field)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> Any:
        whole = handler.resolve_ref_schema(super().__get_pydantic_json_schema__(schema, handler))
        return shorter(whole, cls._single, {"type": "array", "items": cls._single, "minItems": 1})


_COMPARED: dict[str, Callable[[float, Any], bool]] = {
    "is": operator.eq,
    "is_not": operator.ne,
    "in": lambda number, numbers: number in numbers,
    "not_in": lambda number, numbers: number not in numbers,
    "at_least": operator.ge,
    "more_than": operator.gt,
    "at_most": operator.le,
    "less_than": operator.lt,
    "between": lambda number, bounds: bounds[0] <= number <= bounds[1],
}
Numbers = Annotated[tuple[Number, ...], AfterValidator(filled)]


class NumberTest(_Tests):
    """The tests of a number."""

    _single: ClassVar[dict[str, Any]] = {"type": "number"}

    is_: Number | None = Field(None, alias="is")
    is_not: Number | None = None
    in_: Numbers | None = Field(None, alias="in")
    not_in: Numbers | None = None
    at_least: Number | None = None
    more_than: Number | None = None
    at_most: Number | None = None
    less_than: Number | None = None
    between: tuple[Number, Number] | None = None

    def meets(self, number: float) -> bool:
        """Whether a number passes."""
        return all(_COMPARED[name](number, operand) for name, operand in self.parts())

    @property
    def edges(self) -> set[float]:
        """The numbers at which the answer can change."""
        operands = (operand for _, operand in self.parts())
        return {one for operand in operands for one in (operand if isinstance(operand, tuple) else (operand,))}


def _listed_under(value: Any, info: ValidationInfo) -> NamedList:
    if isinstance(value, NamedList):
        return value
    if not isinstance(value, str) or info.context is None:
        raise wrong(f"must be the name of a list under 'lists'; got {value!r}")
    return info.context.list(value)


InList = Annotated[NamedList, BeforeValidator(_listed_under), WithJsonSchema({"type": "string", "minLength": 1})]


class Test(_Tests):
    """The tests of one column; all must hold."""

    __test__: ClassVar[bool] = False  # pytest must not collect it

    is_: Scalar = Field(None, alias="is")
    is_not: Scalar = None
    in_: Scalars | None = Field(None, alias="in")
    not_in: Scalars | None = None
    in_list: InList | None = None
    has_word: Phrases | None = None
    contains: Patterns | None = None
    starts_with: Patterns | None = None
    ends_with: Patterns | None = None
    has_option: Patterns | None = None
    at_least: Bound = None
    more_than: Bound = None
    at_most: Bound = None
    less_than: Bound = None
    between: tuple[Bound, Bound] | None = None
    days_ago: NumberTest | None = None
    days_ahead: NumberTest | None = None
    known: StrictBool | None = None

    @property
    def relative(self) -> bool:
        """Whether the answer depends on the day."""
        return self.days_ago is not None or self.days_ahead is not None


class Condition(Part):
    """Tests by column, and `did`; all must hold. `any`, `all` and `not` nest; a text names one of `conditions`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Test] = Field(init=False)

    any_: Annotated[tuple[Condition, ...], AfterValidator(filled)] | None = Field(None, alias="any")
    all_: Annotated[tuple[Condition, ...], AfterValidator(filled)] | None = Field(None, alias="all")
    not_: Condition | None = Field(None, alias="not")
    did: Did | None = None

    # The name under which it stands in `conditions`, where that is what was written.
    _name: str = PrivateAttr("")

    @model_validator(mode="wrap")
    @classmethod
    def _by_name(cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        return info.context.condition(value) if isinstance(value, str) and info.context else handler(value)

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set:
            raise wrong("is empty; write a column and a test, such as 'country: [US, CA]'")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> Any:
        return shorter(handler.resolve_ref_schema(super().__get_pydantic_json_schema__(schema, handler)), TEXT)

    def named(self, name: str) -> Condition:
        """The same, known by a name."""
        found = self.model_copy()
        found._name = name  # noqa: SLF001 - its own copy
        return found

    @property
    def name(self) -> str:
        """The name that was written in its place; empty if none."""
        return self._name

    @property
    def tests(self) -> Mapping[str, Test]:
        """The columns tested at this level."""
        return self.__pydantic_extra__

    def inner(self) -> Iterator[Condition]:
        """The conditions that this one is made of."""
        yield from (*(self.any_ or ()), *(self.all_ or ()), *((self.not_,) if self.not_ else ()))

    def columns(self) -> Iterator[tuple[str, Test]]:
        """Every column tested here or further in, with its test."""
        yield from self.tests.items()
        for part in self.inner():
            yield from part.columns()

    def dids(self) -> Iterator[Did]:
        """Every `did` here or further in."""
        if self.did is not None:
            yield self.did
        for part in self.inner():
            yield from part.dids()

    def evaluate(self, leaf: Callable[[Any], Any], every: Callable[..., Any], some: Callable[..., Any]) -> Any:
        """The condition in three-valued logic (Kleene): 1 holds, 0 unknown, -1 does not.

        `leaf` answers a test or a `did`; `every` is the least, `some` the largest of several, on whole numbers or
        arrays.
        """
        parts = [leaf(test) for test in self.tests.values()]
        parts += [leaf(self.did)] if self.did is not None else []
        parts += [part.evaluate(leaf, every, some) for part in self.all_ or ()]
        if self.any_:
            parts.append(some([part.evaluate(leaf, every, some) for part in self.any_]))
        if self.not_:
            parts.append(-self.not_.evaluate(leaf, every, some))
        return every(parts)


class Occurrence(Part):
    """Events of some types, or stages: what resets the count of others."""

    event: Patterns | None = None
    stage: Patterns | None = None
    where: Condition | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        """A name or names alone are those of events."""
        return {"event": value} if isinstance(value, (str, list)) and cls in {Occurrence, Earlier} else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> Any:
        whole = handler.resolve_ref_schema(super().__get_pydantic_json_schema__(schema, handler))
        return shorter(whole, TEXTS) if cls in {Occurrence, Earlier} else whole


class Earlier(Occurrence):
    """What an event comes after, on the same or an earlier day."""

    within_days: Days | None = None


class Happening(Occurrence):
    """Events, or stages, within some days: what rules, `did`, `never` and `hand_raise` share."""

    within_days: Days | None = None
    after: Earlier | None = None
    since_last: Occurrence | None = None

    @property
    def others(self) -> Iterator[tuple[str, Occurrence]]:
        """What else is looked at to tell which of them count, by the key it stands under."""
        yield from (
            (key, part) for key, part in (("after", self.after), ("since_last", self.since_last)) if part is not None
        )


def _not_bare(value: Any) -> Any:
    if not isinstance(value, (dict, NumberTest)):
        raise wrong(f"{value!r} may mean {{at_least: {value}}} or {{is: {value}}}; write which")
    return value


Times = Annotated[NumberTest, BeforeValidator(_not_bare)]


class Did(Happening):
    """That a lead did something, so many times, or for a sum."""

    once_per: Names | None = None
    times: Times | None = None
    sum: Annotated[dict[Name, NumberTest], AfterValidator(filled)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_column(cls, value: Any) -> Any:
        if not isinstance(value, (dict, Did)):
            raise wrong(f"is what a lead did, as {{event: demo}}; got {value!r} (a column 'did' needs another name)")
        return value

    @property
    def test(self) -> NumberTest:
        """The test of the number, or of the sum."""
        return next(iter(self.sum.values())) if self.sum else self.times or AT_LEAST_ONCE


AT_LEAST_ONCE = NumberTest.model_validate({"at_least": 1})
Condition.model_rebuild()
