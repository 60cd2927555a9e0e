"""Rows of a source in hand: conditions that hold there, and the values that a block makes of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import numpy.typing as npt

from leadscore.base.text import as_text, normalise
from leadscore.base.times import NO_TIME
from leadscore.imports.cells import Bads, Cells, Rows, constant, written
from leadscore.imports.language import Value
from leadscore.rulebook.conditions import Condition
from leadscore.rulebook.lookups import Asked, ColumnPlan, Place, holds_in
from leadscore.sources.answers import answers
from leadscore.sources.columns import Bad

Mask = npt.NDArray[np.bool_]
# What `first` and `cases` leave where no value is known, and where one is left out on purpose.
NOTHING, LEFT_OUT = np.int32(-1), np.int32(-2)
_URL = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//|www\.", re.IGNORECASE | re.ASCII)
_EMAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+")


@dataclass
class Frame:
    """Rows of a source, and of those joined to it.

    Attributes
    ----------
    cells : callable
        Gives the cells of a column, by the name that the file calls it.
    n : int
        The rows.
    timezone : str
    """

    cells: Callable[[str], Cells]
    n: int
    timezone: str
    _kept: dict[str, Cells] = field(default_factory=dict)

    def get(self, name: str) -> Cells:
        """The cells of a column."""
        if name not in self._kept:
            self._kept[name] = self.cells(name)
        return self._kept[name]

    def take(self, rows: Rows) -> Frame:
        """Some of the rows, in another order or more than once."""
        if len(rows) == self.n and (rows == np.arange(self.n)).all():
            return self
        return Frame(lambda name: self.get(name).take(rows), len(rows), self.timezone)

    def holds(self, condition: Condition | None) -> npt.NDArray[np.int64]:
        """(n,) 1 where a condition holds, 0 where nobody knows, -1 where it does not."""
        if condition is None:
            return np.ones(self.n, np.int64)
        columns = {name: self.get(name).column(self.timezone) for name, _ in condition.columns()}
        plans = {name: ColumnPlan(column.kind) for name, column in columns.items()}
        holds = holds_in(Asked(plans), condition)
        found = {name: answers(plan, columns[name]) for name, plan in plans.items()}

        def get(place: Place) -> npt.NDArray[np.int64]:
            return found[place.column].table[:, place.index][found[place.column].codes]

        return holds.evaluate(get, np.minimum.reduce, np.maximum.reduce)

    def value(self, value: Value) -> tuple[Cells, Bads]:
        """What a block's value is in each row, -2 where `drop` or null leaves it out; and what it cannot be."""
        if value.cases is not None:
            return self._cases(value)
        if value.first is not None:
            return self._first(value)
        if value.column is None:
            return constant(value.value, self.n), {}
        cells = self.get(value.column)
        if cells.type == "time" and not (value.values or value.part):
            return cells, {}
        bad: Bads = {}
        if value.separator is None and (value.before or value.part):
            cells, bad = cells.mapped(cutter(value), (value.part, value.before))
        if value.values is not None:
            cells, wrong = cells.mapped(_renamed(value), (value.part, value.before, id(value)))
            bad = bad | wrong
            out = np.array([one is _OUT for one in cells.values] + [False], bool)
            cells = Cells("text", np.where(out[cells.codes], LEFT_OUT, cells.codes), [*map(str, cells.values)])
        return cells, bad

    def _cases(self, value: Value) -> tuple[Cells, Bads]:
        chosen = np.full(self.n, -1)
        for place, case in reversed(list(enumerate(value.cases or ()))):
            chosen[self.holds(case.when) > 0] = place
        parts: list[Cells] = []
        bad: Bads = {}
        for place, case in enumerate(value.cases or ()):
            cells, wrong = self.value(case.value)
            bad |= {message: rows[chosen[rows] == place] for message, rows in wrong.items()}
            parts.append(cells)
        if value.other not in {None, "refuse", "drop"}:
            parts.append(constant(value.other, self.n))
            chosen[chosen < 0] = len(parts) - 1
        cells = together(parts, chosen)
        if value.other == "drop":
            cells.codes = np.where(chosen < 0, LEFT_OUT, cells.codes)
        elif value.other in {None, "refuse"} and (chosen < 0).any():
            bad["no case holds; add one, or say what is 'other'"] = np.flatnonzero(chosen < 0)
        return cells, {message: rows for message, rows in bad.items() if len(rows)}

    def _first(self, value: Value) -> tuple[Cells, Bads]:
        chosen = np.full(self.n, -1)
        parts: list[Cells] = []
        bad: Bads = {}
        for place, part in enumerate(value.first or ()):
            cells, wrong = self.value(part)
            parts.append(cells)
            bad |= {message: rows[chosen[rows] < 0] for message, rows in wrong.items()}
            chosen[(chosen < 0) & cells.known] = place
        return together(parts, chosen), {message: rows for message, rows in bad.items() if len(rows)}


def together(parts: list[Cells], chosen: npt.NDArray[np.int64]) -> Cells:
    """In each row the cells of one part; nothing where `chosen` is -1."""
    if all(part.type == "time" for part in parts):
        times = np.column_stack([part.at for part in parts])[np.arange(len(chosen)), chosen]
        return Cells("time", at=np.where(chosen < 0, NO_TIME, times))
    codes, kinds = np.full(len(chosen), NOTHING), {part.type for part in parts}
    values: list[Any] = []
    for place, part in enumerate(parts):
        rows = chosen == place
        own = part.codes[rows]
        codes[rows] = np.where(own >= 0, own + np.int32(len(values)), own)
        values += part.values if len(kinds) == 1 else part.texts()
    return Cells(kinds.pop() if len(kinds) == 1 else "text", codes, values)


_OUT = object()


def _renamed(value: Value) -> Callable[[Any], Any]:
    """Their words to ours, compared as the rulebook compares text."""
    ours = {normalise(as_text(key)): _OUT if name is None else name for key, name in (value.values or {}).items()}
    other = {"refuse": None, None: None, "drop": _OUT}.get(value.other, value.other)

    def read(found: Any) -> Any:
        name = ours.get(normalise(written(found)), other)
        return Bad("a value that 'values' does not name; add it, or say what is 'other'") if name is None else name

    return read


def cutter(value: Value) -> Callable[[Any], Any]:
    """A text as the part of it that is wanted; None where there is none."""
    parts: dict[str, Callable[[str], str | None]] = {"path": path_of, "domain": domain_of, "email": email_of}
    part = parts[value.part] if value.part else None

    def read(found: Any) -> Any:
        text = written(found)
        text = text.partition(value.before)[0].strip() if value.before else text
        return part(text) if part else text or None

    return read


def path_of(text: str) -> str:
    """The path of a URL, readable: no host, query, fragment or last slash; text that is no URL stays.

    Examples
    --------
    >>> path_of("https://www.acme.example/Blog/Lead%20Scoring/?gclid=1#top"), path_of("/demo/"), path_of("Spring fair")
    ('/Blog/Lead Scoring', '/demo', 'Spring fair')
    """
    text = text.strip()
    if not (text.startswith("/") or _URL.match(text)):
        return text
    try:
        path = urlsplit(f"//{text}" if text[:4].lower() == "www." else text).path
    except ValueError:
        return text
    return unquote(path).rstrip("/") or "/"


def email_of(text: str) -> str | None:
    """An address as all ways of writing it are compared: without blanks, in small letters.

    Examples
    --------
    >>> email_of(" Ana.Mueller@Northwind.example ")
    'ana.mueller@northwind.example'
    """
    return normalise(text) or None


def domain_of(text: str) -> str | None:
    """What stands after the @ of an address; nothing where there is none.

    Examples
    --------
    >>> domain_of("Ana.Mueller@Northwind.example"), domain_of("Ana")
    ('northwind.example', None)
    """
    return normalise(text).rpartition("@")[2] if "@" in text else None
