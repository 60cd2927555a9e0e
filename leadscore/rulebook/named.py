"""What a rulebook says once and names elsewhere: constants, lists and conditions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from leadscore.base.text import normalise
from leadscore.errors import did_you_mean
from leadscore.rulebook.values import wrong

# The type of an error whose cause is said where the name is defined; and of one whose cause is no place of its own.
SAID_ALREADY, CIRCLE = "said already", "circle"


@dataclass(frozen=True, eq=False)
class NamedList:
    """A list of values, from the rulebook or from a text file beside it.

    Attributes
    ----------
    name : str
    values : tuple of str
        As they are written.
    """

    name: str
    values: tuple[str, ...]

    @cached_property
    def texts(self) -> frozenset[str]:
        """The values as they are compared."""
        return frozenset(map(normalise, self.values))

    @cached_property
    def digest(self) -> str:
        """What tells its content from another's."""
        return hashlib.sha256("\n".join(sorted(self.texts)).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamedList) and (self.name, self.texts) == (other.name, other.texts)

    def __hash__(self) -> int:
        return hash((self.name, self.digest))

    def __str__(self) -> str:
        return self.name


@dataclass
class Definitions:
    """What the names of a file of some format stand for, in its other places.

    Attributes
    ----------
    format : int
    constants, lists : what each name stands for
    conditions : what is written under each name
    """

    format: int
    constants: Mapping[str, float] = field(default_factory=dict)
    lists: Mapping[str, NamedList] = field(default_factory=dict)
    conditions: Mapping[str, Any] = field(default_factory=dict)
    validate: Callable[..., Any] = field(kw_only=True)
    _found: dict[str, Any] = field(default_factory=dict)

    def constant(self, name: str) -> float:
        """The number that a name stands for."""
        if self.format == 1:
            later = "; names of constants are for format 2" if self.constants else ""
            raise wrong(f"must be a number; got {name!r}{later}")
        if name not in self.constants:
            near = did_you_mean(name, self.constants)
            raise wrong(f"must be a number, or a name under 'constants'; there is no {name!r}{near}")
        return self.constants[name]

    def list(self, name: str) -> NamedList:
        """The list of a name."""
        if name not in self.lists:
            raise wrong(f"there is no list {name!r} under 'lists'{did_you_mean(name, self.lists)}")
        return self.lists[name]

    def condition(self, name: str) -> Any:
        """The condition of a name; it may use those that stand above it."""
        if self.format == 1:
            later = "; names of conditions are for format 2" if self.conditions else ""
            raise wrong(f"must map keys to values; got {name!r}{later}")
        if name not in self.conditions:
            raise wrong(f"there is no condition {name!r} under 'conditions'{did_you_mean(name, self.conditions)}")
        if name not in self._found:
            # Until it is known, it is a circle to all that it is made of.
            self._found[name] = CIRCLE
            try:
                self._found[name] = self.validate(self.conditions[name], context=self).named(name)
            except ValidationError as error:
                if all(details["type"] != CIRCLE for details in error.errors(include_url=False)):
                    self._found[name] = SAID_ALREADY
        found = self._found[name]
        if isinstance(found, str):
            raise PydanticCustomError(
                found, "{name} uses itself; a condition may use those above it", {"name": repr(name)}
            )
        return found
