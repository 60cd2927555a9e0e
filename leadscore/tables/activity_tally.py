"""Events counted by day, lead and what rules ask of them, as they come; and what that is."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from leadscore.base.text import as_text
from leadscore.base.times import DAY, is_text
from leadscore.errors import ContractError, Problem
from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import event_keys, event_kinds, uses
from leadscore.rulebook.plan import compiled
from leadscore.sources.columns import convert, is_list
from leadscore.tables.classes import Classes
from leadscore.tables.days import order_by, runs, sums
from leadscore.tables.events import SUM, EventBatch, Reading, amounts

# What the texts of several options are cut at, by default.
_CUT = ";"


def asked_of(rulebook: Rulebook) -> dict[str, list[str]]:
    """What a rulebook asks of the event columns that it tests, and whose values it does not tell apart otherwise."""
    kinds = event_kinds(rulebook)
    found: dict[str, set[str]] = {
        name: set() for name in kinds if name not in {"event", "lead_id", "at", *event_keys(rulebook)}
    }
    for _, side, name, use in uses(rulebook):
        if side == "event" and name in found:
            found[name].add(json.dumps([kinds[name], *use], default=_plain))
    texts = json.dumps(["missing_values", sorted(rulebook.missing_values)])
    return {name: sorted({*asked, texts}) for name, asked in found.items()}


def _plain(operand: Any) -> Any:
    return sorted(operand.texts) if hasattr(operand, "texts") else str(operand)


def unasked(asked: Mapping[str, Sequence[str]], rulebook: Rulebook) -> Iterator[tuple[str, str]]:
    """The columns of daily activity that do not tell what a rulebook asks, each with a message."""
    wanted = asked_of(rulebook)
    for name, known in asked.items():
        new = sorted({*wanted.get(name, ())} - {*known})
        if new or name in event_keys(rulebook):
            *_, word, operand = json.loads(new[-1]) if new else ("once_per or per", "its values")
            asks = f"{rulebook.name!r} asks more, as {word}: {operand}"
            yield name, f"keeps of {name!r} what other rules asked, and {asks}"


class Tally:
    """Events counted by day, lead and what is kept of them, as they come."""

    def __init__(
        self, keys: list[str], added: Sequence[str], missing: tuple[str, ...], timezone: str, rulebook: Rulebook | None
    ) -> None:
        self._keys, self._added, self._missing, self._timezone = keys, list(added), missing, timezone
        self._book = rulebook
        self._classes = None if rulebook is None else Classes(compiled(rulebook))
        self.asked = {} if rulebook is None else asked_of(rulebook)
        self._known = dict.fromkeys((*self.asked, *self._added), 0)
        self._amounts = {name: np.zeros(1, np.int64) for name in self._added}
        self._days: dict[int, list[tuple[npt.NDArray[Any], ...]]] = {}

    def add(self, batch: EventBatch, reading: Reading) -> None:
        """Count some events; rows alike are one."""
        self._learn(reading)
        day = (batch.local(self._timezone) // DAY).astype(np.int32)
        codes = [self._cells(name, batch.codes[name]) for name in self._keys]
        added = [self._amounts[name].take(batch.codes[name]) for name in self._added]
        columns = _counted([day, batch.lead, *codes], [np.ones(len(day), np.int64), *added])
        for first, end in pairwise([*runs(columns[0]).tolist(), len(columns[0])]):
            rows = tuple(column[first:end] for column in columns[1:])
            self._days.setdefault(int(columns[0][first]), []).append(rows)

    def _cells(self, name: str, codes: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Values by their cells, where no more is kept of them; else as they are."""
        return self._classes.cell_of[name].take(codes) if self._classes and name in self.asked else codes

    def _learn(self, reading: Reading) -> None:
        for name, known in self._known.items():
            one = reading.distinct[name]
            if len(one.index) == known:
                continue
            self._known[name], values = len(one.index), one.values(known)
            if name in self.asked:
                assert self._classes is not None
                assert self._book is not None
                kind = compiled(self._book).events[name].kind
                self._classes.learn(name, convert(values, kind, self._missing, self._book.timezone))
            if name in self._amounts:
                more = amounts(convert(values, "number", self._missing, "UTC"))
                self._amounts[name] = np.concatenate([self._amounts[name][:-1], more])

    def parts(self, ids: pa.Array, known: Mapping[str, pa.Array]) -> dict[dt.date, pa.Table]:
        """A table of each day, sorted, so that the same activity is the same file."""
        lead, ids = _ranked(ids)
        cells = {name: self._classes.cell_of[name] for name in self.asked} if self._classes else {}
        ranked = {name: _ranked(_as_text(name, known[name]), cells.get(name)) for name in self._keys}
        return {
            dt.date(1970, 1, 1) + dt.timedelta(day): self._part(day, self._days.pop(day), lead, ids, ranked)
            for day in sorted(self._days)
        }

    def _part(
        self,
        day: int,
        held: list[tuple[npt.NDArray[Any], ...]],
        lead: npt.NDArray[np.int32],
        ids: pa.Array,
        ranked: Mapping[str, tuple[npt.NDArray[np.int32], pa.Array]],
    ) -> pa.Table:
        columns = [np.concatenate(one) for one in zip(*held, strict=True)]
        ranks = [lead, *(rank for rank, _ in ranked.values())]
        keys = [rank.take(column) for rank, column in zip(ranks, columns, strict=False)]
        columns = _counted(keys, columns[len(keys) :])
        arrays = {"lead_id": ids.take(pa.array(columns[0]))}
        for column, (name, (_, values)) in zip(columns[1:], ranked.items(), strict=False):
            coded = pa.DictionaryArray.from_arrays(pa.array(column, mask=column == len(values)), values)
            arrays[name] = coded if is_text(values.type) else coded.dictionary_decode()
        arrays["day"] = pa.array(np.full(len(columns[0]), day, np.int32), pa.int32()).cast(pa.date32())
        names = ["count", *(SUM + name for name in self._added)]
        return pa.table(arrays | dict(zip(names, map(pa.array, columns[len(keys) :]), strict=True)))


def _counted(keys: list[npt.NDArray[Any]], numbers: list[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
    """Rows in the order of their keys, those alike as one, with the sums of their numbers."""
    order = order_by(*keys)
    keys = [key[order] for key in keys]
    starts = runs(*keys)
    return [*(key[starts] for key in keys), *(sums(number[order], starts) for number in numbers)]


def _ranked(values: pa.Array, cells: npt.NDArray[np.int32] | None = None) -> tuple[npt.NDArray[np.int32], pa.Array]:
    """For each code, and last for a missing value, its place among the values in their order; and these.

    Of values in one cell the least stands for all; the codes are then those of the cells.
    """
    order = pc.sort_indices(values).to_numpy()
    if cells is None:
        rank = np.full(len(order) + 1, len(order), np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        return rank, values.take(pa.array(order))
    of, first = np.unique(cells[:-1][order], return_index=True)
    place = np.sort(first)
    rank = np.full(int(cells.max(initial=0)) + 1, len(of), np.int32)
    rank[of] = np.searchsorted(place, first).astype(np.int32)
    return rank, values.take(pa.array(order[place]))


def _as_text(name: str, values: pa.Array) -> pa.Array:
    """Values that can be grouped: lists of options as one text each."""
    if not is_list(values.type):
        return values.cast(pa.large_string()) if is_text(values.type) else values
    rows = [[as_text(one) for one in row if one is not None] for row in values.to_pylist()]
    if any(_CUT in one for row in rows for one in row):
        message = f"options that hold {_CUT!r}, at which daily activity cuts them; write lists without it"
        raise ContractError("tables", [Problem(f"events.{name}", message)])
    return pa.array([_CUT.join(row) for row in rows], pa.large_string())
