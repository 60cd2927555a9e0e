"""Conditions on columns, as `when` and `where` write them, in three-valued logic."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, ConfigDict, Field, GetJsonSchemaHandler, StrictBool, model_validator

from leadscore.rulebook.values import SCALAR, Bound, Part, Patterns, Phrases, Scalar, Scalars, filled, wrong

ORDERED = ("at_least", "more_than", "at_most", "less_than", "between")
EQUAL = ("is", "is_not", "in", "not_in")
WRITTEN = ("has_word", "contains", "starts_with", "ends_with")


class Test(Part):
    """The tests of one column; all must hold."""

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
            raise wrong("is empty; write a test such as 'in: [...]' or 'known: true'")
        if self.between is not None and type(self.between[0]) is type(self.between[1]):
            low, high = self.between
            if low > high:
                raise wrong(f"between {low} and {high} matches nothing: write the smaller first")
        return self

    def parts(self) -> Iterator[tuple[str, Any]]:
        """The tests, as (name in the language, operand)."""
        for field in sorted(self.model_fields_set):
            yield field.rstrip("_"), getattr(self, field)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> Any:
        """A bare value means `is`, a list means `in`."""
        whole = handler.resolve_ref_schema(super().__get_pydantic_json_schema__(schema, handler))
        written = dict(whole)
        whole.clear()
        whole["anyOf"] = [SCALAR, {"type": "array", "items": SCALAR, "minItems": 1}, written]
        return whole


class Condition(Part):
    """Tests by column; all must hold. `any`, `all` and `not` nest."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Test] = Field(init=False)

    any_: Annotated[tuple[Condition, ...], AfterValidator(filled)] | None = Field(None, alias="any")
    all_: Annotated[tuple[Condition, ...], AfterValidator(filled)] | None = Field(None, alias="all")
    not_: Condition | None = Field(None, alias="not")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set:
            raise wrong("is empty; write a column and a test, such as 'country: [US, CA]'")
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
