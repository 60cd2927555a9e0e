"""Columns by the names a block uses: its own source's, those of joined sources, keys of JSON cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from leadscore.errors import did_you_mean
from leadscore.imports.cells import Cells, Rows, stacked
from leadscore.imports.data_file import scope
from leadscore.imports.language import Alias, Block, EventsBlock, OutcomesBlock
from leadscore.imports.opened import Opened
from leadscore.imports.rows import Frame
from leadscore.rulebook.conditions import Condition


class Place(NamedTuple):
    """Where a name leads: the joined source ("" for the block's own), and the column there or a key of one."""

    source: str
    column: str


@dataclass
class Scope:
    """The names that a block may use.

    Attributes
    ----------
    sources : dict of prefix to Opened
        "" for the source of `from`.
    """

    sources: dict[str, Opened]

    @classmethod
    def of(cls, block: Block | Alias, opened: Mapping[str, Opened]) -> Scope:
        """Those of a block."""
        return cls({prefix: opened[name] for prefix, name in scope(block).items()})

    def place(self, name: str) -> Place | None:
        """Where a name leads; None where there is no such column. A header with a point in it comes first."""
        if self.sources[""].home(name) == name:
            return Place("", name)
        prefix, point, rest = name.partition(".")
        if point and prefix and prefix in self.sources:
            return Place(prefix, rest) if self.sources[prefix].home(rest) else None
        return Place("", name) if self.sources[""].home(name) else None

    def want(self, names: set[str]) -> Iterator[str]:
        """Ask the sources for the columns of these names; gives what is wrong with them."""
        for name in sorted(names):
            place = self.place(name)
            if place is None:
                prefix, _, rest = name.partition(".")
                inside = self.sources.get(prefix) if rest else None
                source, column = (inside, rest) if inside else (self.sources[""], name)
                yield f"{source.name} has no column {column!r}{did_you_mean(column, source.headers)}"
            else:
                self.sources[place.source].wanted.add(place.column)


def names_of(block: Block | Alias) -> set[str]:
    """The columns that a block names."""
    values = block.values().values() if isinstance(block, Block) else (block.alias, block.lead_id)
    conditions: list[Condition | None] = [block.where, getattr(block, "drop", None)]
    conditions += [condition for value in values for condition in value.conditions()]
    names = {part.column for value in values for part in value.parts() if part.column is not None}
    names |= {name for condition in conditions if condition for name, _ in condition.columns()}
    if isinstance(block, EventsBlock):
        names |= {*(block.unique_key or ())} | ({block.received_at} if block.received_at else set())
    if isinstance(block, OutcomesBlock):
        names |= {*block.stage_dates.values()}
    if isinstance(block, Block):
        names |= {here for keys in block.join.values() for here in keys}
    return names


@dataclass
class Joined:
    """A source that is held whole, to be looked up by some of its columns."""

    columns: dict[str, Cells]
    n: int

    @classmethod
    def read(cls, opened: Opened) -> Joined:
        """All rows of a source."""
        frames = [batch.frame for batch in opened.batches()]
        columns = {name: stacked([frame.get(name) for frame in frames]) for name in opened.wanted}
        return cls(columns, sum(frame.n for frame in frames))

    def matches(self, frame: Frame, keys: Mapping[str, str]) -> tuple[Rows, Rows]:
        """Rows of a frame beside the rows here that match them, -1 where there is none; one row for each match."""
        here = {f"k{place}": texts(frame.get(name)) for place, name in enumerate(keys)}
        there = {f"k{place}": texts(self.columns[name]) for place, name in enumerate(keys.values())}
        left = pd.DataFrame(here).assign(here=np.arange(frame.n))
        right = pd.DataFrame(there).assign(there=np.arange(self.n)).dropna()
        found = left.merge(right, how="left", on=list(here)).sort_values(["here", "there"])
        return found["here"].to_numpy(), found["there"].fillna(-1).to_numpy(np.intp)


def texts(cells: Cells) -> np.ndarray[Any, Any]:
    """Cells as text, None where there is nothing."""
    return np.array([*cells.texts(), None], object)[np.maximum(cells.codes, -1)]


def joined_frame(
    frame: Frame, rows: Rows, block_scope: Scope, block: Block | Alias, held: Mapping[str, Joined]
) -> tuple[Frame, Rows]:
    """A block's rows with the columns it may name; a row for each match of its joins."""
    matched: dict[str, Rows] = {}
    for other, keys in getattr(block, "join", {}).items():
        here, there = held[other].matches(_named(frame, block_scope, held, matched), keys)
        frame, rows = frame.take(here), rows[here]
        matched = {name: found[here] for name, found in matched.items()} | {other: there}
    return _named(frame, block_scope, held, matched), rows


def _named(frame: Frame, block_scope: Scope, held: Mapping[str, Joined], matched: Mapping[str, Rows]) -> Frame:
    def cells(name: str) -> Cells:
        place = block_scope.place(name)
        assert place is not None
        if not place.source:
            return frame.get(place.column)
        return held[place.source].columns[place.column].take(matched[place.source])

    return Frame(cells, frame.n, frame.timezone)
