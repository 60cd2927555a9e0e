"""What each block makes of the rows of its source: people, times, stages, columns; nobody is told apart yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.base.times import NO_TIME
from leadscore.imports.cells import Bads, Cells, Ints, Rows, written
from leadscore.imports.hash_index import KEYS
from leadscore.imports.language import Block, EventsBlock, LeadsBlock, OutcomesBlock, PeopleBlock, Value
from leadscore.imports.opened import Opened
from leadscore.imports.people import People
from leadscore.imports.report import FATES
from leadscore.imports.rows import LEFT_OUT, Frame, cutter
from leadscore.imports.spool import OWN

# A value that decides whether there is a row at all: without it there is none.
_DECIDING = ("event", "stage")


@dataclass
class Tally:
    """What became of rows: for each block, fate and reason how many."""

    counts: dict[tuple[str, str, str, str], int] = field(default_factory=dict)

    def add(self, block: tuple[str, str], fate: str, why: str, rows: int) -> None:
        """So many rows more."""
        if rows:
            key = (*block, fate, why)
            self.counts[key] = self.counts.get(key, 0) + int(rows)

    def frame(self, blocks: list[tuple[str, str]]) -> pd.DataFrame:
        """All counts, a row each, in the order of the blocks."""
        counts = [(*key, count) for key, count in self.counts.items()]
        counts.sort(key=lambda row: (blocks.index(row[:2]), FATES.index(row[2])))
        return pd.DataFrame(counts, columns=["table", "block", "fate", "why", "rows"])


@dataclass
class Made:
    """Rows that a block made.

    Attributes
    ----------
    person : (n_rows,) int32, numbers of People; -1 for nobody, as of costs
    columns : dict of name to Cells
        With `created_at`, `event`, `at`, `stage` and the rest by their names.
    key : (n_rows, 2) uint64 or None
        Equal where `unique_key` is.
    received : (n_rows,) int64 or None
        When each row was received, microseconds.
    """

    person: npt.NDArray[np.int32]
    columns: dict[str, Cells]
    key: npt.NDArray[np.uint64] | None = None
    received: Ints | None = None

    def take(self, rows: Rows) -> Made:
        """Some of the rows."""
        return Made(self.person[rows], {name: cells.take(rows) for name, cells in self.columns.items()})

    def arrow(self, timezone: str) -> pa.Table:
        """The rows as a `Spool` takes them."""
        own: list[Any] = [self.person]
        if self.key is not None:
            received = np.zeros(len(self.person), np.int64) if self.received is None else self.received
            own += [self.key[:, 0], self.key[:, 1], received]
        columns = [cells.arrow(timezone) for cells in self.columns.values()]
        return pa.table([*map(pa.array, own), *columns], [*OWN[: len(own)], *self.columns])


class Maker:
    """Makes the rows of one block, a frame at a time, and counts what becomes of each."""

    def __init__(self, name: tuple[str, str], block: Block, people: People, opened: Opened, tally: Tally) -> None:
        self.name, self.block, self.people, self.opened, self.tally = name, block, people, opened, tally

    def take(self, frame: Frame, rows: Rows) -> Iterator[Made]:
        """What becomes of rows of the source, joined already; `rows` are their places in it."""
        for word in ("where", "drop"):
            condition = getattr(self.block, word)
            if condition is not None:
                holds = frame.holds(condition) > 0
                out = ~holds if word == "where" else holds
                self.tally.add(self.name, "dropped", f"by the block's '{word}'", out.sum())
                self.leave(frame.take(np.flatnonzero(out)))
                frame, rows = frame.take(np.flatnonzero(~out)), rows[~out]
        for values, part, places in self._passes(frame, rows):
            yield self._make(values, part, places)

    def leave(self, frame: Frame) -> None:
        """Note whom rows that are left out are of: leads that are left out are no strangers."""
        if isinstance(self.block, LeadsBlock):
            self.people.leave_out(references(frame, self.block.lead_id, self.people).person)

    def _make(self, values: dict[str, Value], frame: Frame, places: Rows) -> Made:
        columns, broken, out = {}, np.zeros(frame.n, bool), np.zeros(frame.n, bool)
        for label, value in values.items():
            columns[label], bad = frame.value(value)
            if label == "at" and label in self.block.own:
                bad = bad | {"no time": np.flatnonzero((columns[label].at == NO_TIME) & ~out)}
            broken |= self._breaches(label, value, frame, bad, places)
            if label in _DECIDING and label in self.block.own:
                dropped = ~columns[label].known & ~broken & ~out
                named = columns[label].codes == LEFT_OUT
                self.tally.add(self.name, "dropped", f"{label} that is not asked for", (dropped & named).sum())
                self.tally.add(self.name, "dropped", f"no {label}", (dropped & ~named).sum())
                out |= dropped
        stay = np.flatnonzero(~out)
        row, person = np.arange(len(stay)), np.full(len(stay), -1, np.int32)
        if isinstance(self.block, PeopleBlock):
            row, person, bad = references(frame.take(stay), self.block.lead_id, self.people)
            if isinstance(self.block, LeadsBlock):
                bad = bad | {"no lead_id": row[person < 0]}
            bad = {why: stay[rows] for why, rows in bad.items()}
            broken |= self._breaches("lead_id", self.block.lead_id, frame, bad, places)
        self.tally.add(self.name, "set aside", "cells that cannot be read", (broken & ~out).sum())
        whole = ~broken[stay[row]]
        row, person = stay[row[whole]], person[whole]
        self.tally.add(self.name, "added", "several people in a row", len(row) - (~out & ~broken).sum())
        key, received = self._key(frame.take(row))
        return Made(person, {label: cells.take(row) for label, cells in columns.items()}, key, received)

    def _passes(self, frame: Frame, rows: Rows) -> Iterator[tuple[dict[str, Value], Frame, Rows]]:
        """The values to make of the rows; of a row with a date for each stage one stage at a time."""
        own = {label: value for label, value in self.block.values().items() if label != "lead_id"}
        if not (isinstance(self.block, OutcomesBlock) and self.block.stage_dates):
            yield own, frame, rows
            return
        self.tally.add(self.name, "added", "several stages in a row", frame.n * (len(self.block.stage_dates) - 1))
        for stage, column in self.block.stage_dates.items():
            known = frame.get(column).known
            self.tally.add(self.name, "dropped", "no date for the stage", (~known).sum())
            stays = np.flatnonzero(known)
            given = {"stage": Value(value=stage), "at": Value(column=column)}
            yield given | own, frame.take(stays), rows[stays]

    def _breaches(self, label: str, value: Value, frame: Frame, bad: Bads, places: Rows) -> npt.NDArray[np.bool_]:
        broken = np.zeros(frame.n, bool)
        for message, rows in bad.items():
            broken[rows] = True
            shown = [_shown(frame, value, row) for row in rows[:5].tolist()]
            self.opened.breaches.add(
                value.column or label, f"{message} ({'.'.join(self.name)}.{label})", places[rows], shown
            )
        return broken

    def _key(self, frame: Frame) -> tuple[npt.NDArray[np.uint64] | None, Ints | None]:
        if not isinstance(self.block, EventsBlock) or self.block.unique_key is None:
            return None, None
        key = hashes([frame.get(name) for name in self.block.unique_key], frame.n)
        return key, frame.get(self.block.received_at).at if self.block.received_at else None


def _shown(frame: Frame, value: Value, row: int) -> str:
    """What stands in a row where a value comes from."""
    cells = [frame.get(part.column) for part in value.parts() if part.column is not None]
    return ", ".join(written(one.values[one.codes[row]]) for one in cells if one.type != "time" and one.codes[row] >= 0)


class References(NamedTuple):
    """Whom rows are of: the row of each, the number of a person, -1 where nobody is named; and what cannot be read."""

    row: Rows
    person: npt.NDArray[np.int32]
    bad: Bads


def references(frame: Frame, value: Value, people: People) -> References:
    """Whom each row is of; several for a row that names several."""
    rows = np.arange(frame.n)
    if value.first is not None:
        person = np.full(frame.n, -1, np.int32)
        wrong: Bads = {}
        for part in value.first:
            row, number, bad = references(frame, part, people)
            wrong |= {why: places[person[places] < 0] for why, places in bad.items()}
            free = (person[row] < 0) & (number >= 0)
            # Of several in a row the first.
            person[row[free][::-1]] = number[free][::-1]
        return References(rows, person, {why: places for why, places in wrong.items() if len(places)})
    if value.separator is None:
        cells, bad = frame.value(value)
        of_value = people.numbers(value.kind or "id", cells.texts(), fold=_folded(value))
        return References(rows, of_value[np.maximum(cells.codes, -1)], bad)
    cells, cut = frame.get(value.column or ""), cutter(value)
    several = [[cut(part) for part in _parts(one, value.separator)] for one in cells.values] + [[]]
    # A row that names nobody stays, as one of nobody.
    named = [list(dict.fromkeys(filter(None, parts))) for parts in several]
    counts = np.array([len(names) or 1 for names in named])
    number = np.full(int(counts.sum()), -1, np.int32)
    whose = people.numbers(value.kind or "id", [*chain.from_iterable(named)], fold=_folded(value))
    number[np.repeat([bool(names) for names in named], counts)] = whose[:-1]
    codes = np.maximum(cells.codes, -1)
    starts = np.cumsum(counts) - counts
    row = np.repeat(rows, counts[codes])
    inside = np.arange(len(row)) - np.repeat(np.cumsum(counts[codes]) - counts[codes], counts[codes])
    return References(row, number[np.repeat(starts[codes], counts[codes]) + inside], {})


def _parts(value: Any, separator: str) -> list[str]:
    if isinstance(value, (list, tuple)):
        return [written(one).strip() for one in value]
    text = written(value).strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1].replace('"', "")
    return [part.strip() for part in text.split(separator)]


def _folded(value: Value) -> bool:
    """E-mails are the same in any case; ids are as they stand."""
    return value.kind == "email" or value.part == "email"


def hashes(columns: list[Cells], n: int) -> npt.NDArray[np.uint64]:
    """(n, 2) numbers of 128 bits: two rows have the same if the columns say the same.

    That two of 20,000,000 rows have one by chance happens once in 10**24.
    """
    found = np.zeros((n, 2), np.uint64)
    for cells in columns:
        for side, key in enumerate(KEYS):
            if cells.type == "time":
                own = pd.util.hash_array(cells.at, hash_key=key) + np.uint64(side) * np.uint64(0x9E3779B97F4A7C15)
            else:
                texts = np.array([*cells.texts(), ""], object)
                own = pd.util.hash_array(texts, hash_key=key, categorize=False)[np.maximum(cells.codes, -1)]
            found[:, side] = (found[:, side] * np.uint64(0x100000001B3)) ^ own
    return found
