"""One call of a public function: all that is wrong with its arguments is said at once."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Self

from leadscore.base.text import article, kind_of, shown
from leadscore.errors import ArgumentError, Problem


class Call:
    """Checks that need no numbers, as reading and writing a file do; `Arguments` has the others.

    At the end of the `with`, one ArgumentError names everything that is wrong.

    Parameters
    ----------
    call : str
        The function that was called, as users know it.
    """

    def __init__(self, call: str) -> None:
        self.call = call
        self.problems: list[Problem] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ArgumentError):
            # What a reader inside refused is one problem beside the others.
            self.problems += [replace(one, where=one.where or error.source) for one in error.problems]
        if self.problems and (error is None or isinstance(error, ArgumentError)):
            raise ArgumentError(self.call, self.problems) from None

    def wrong(self, name: str, message: str) -> None:
        """Say what is wrong with an argument, where no check below fits."""
        self.problems.append(Problem(name, message))

    def types(self, **values: tuple[Any, type | UnionType]) -> None:
        """Whether the first arguments of a call, in their order, are of their classes: `tables=(tables, Tables)`.

        An argument that may be left out is of `Tables | None`.
        """
        order = f"the order is {self.call}({', '.join(values)}, ...)"
        for name, (value, wanted) in values.items():
            if not isinstance(value, wanted):
                swapped = value is not None and any(isinstance(value, other) for _, other in values.values())
                cure = f"; {order}" if swapped else ""
                self.wrong(name, f"must be {_classes(wanted)}; got {kind_of(value)}{cure}")

    def path(self, name: str, value: Any) -> Path:
        """The path of a file; the number of one that is open is none."""
        if isinstance(value, (str, os.PathLike)) and "\0" not in str(value):
            return Path(value)
        self.wrong(name, f"must be the path of a file, as 'leads.csv'; got {shown(value)}")
        return Path()

    def text(self, name: str, value: Any) -> str:
        """Text, which may be empty."""
        if isinstance(value, str):
            return value
        self.wrong(name, f"must be text; got {shown(value)}")
        return ""


def _classes(wanted: type | UnionType) -> str:
    parts = wanted.__args__ if isinstance(wanted, UnionType) else (wanted,)
    return " or ".join(article(part.__name__) for part in parts if part is not NoneType)
