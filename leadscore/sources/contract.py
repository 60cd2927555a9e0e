"""Rows that break the contract of a table: counted, shown with the first of them, and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.base.text import counted
from leadscore.base.times import FIRST, LAST, NO_TIME, Times, one_array, read_times, seems
from leadscore.errors import ContractError, Problem, did_you_mean
from leadscore.sources.columns import missing_texts
from leadscore.sources.source import Source

_SHOWN = 5


@dataclass
class Breaches:
    """What is wrong with the rows of one table; rows count from 0, lines of a text file from 1.

    `missing_values` are texts that mean no time, beside those that databases write; `why` may say of a column and a
    message what rows have in common.
    """

    source: Source
    missing_values: tuple[str, ...] = ()
    why: dict[tuple[str, str], str] = field(default_factory=dict)
    _rows: dict[tuple[str, str], list[npt.NDArray[np.intp]]] = field(default_factory=dict)
    _examples: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, column: str, message: str, rows: npt.NDArray[np.intp], values: Sequence[Any]) -> None:
        """Note rows (positions in the table) and the first of the values found there."""
        if len(rows) == 0:
            return
        key = (column, message)
        self._rows.setdefault(key, []).append(rows)
        examples = self._examples.setdefault(key, [])
        examples += [repr(value) for _, value in zip(rows[: _SHOWN - len(examples)], values, strict=False)]

    def count(self, column: str, message: str) -> int:
        """How many rows of a column were noted with a message."""
        return sum(map(len, self._rows.get((column, message), ())))

    def _found(self) -> dict[tuple[str, str], tuple[npt.NDArray[np.intp], list[tuple[int, str]]]]:
        """By column and message the records, counted with the lines that are no rows, and the first with its value."""
        rows = {key: self.source.records(np.concatenate(parts)) for key, parts in self._rows.items()}
        first = {key: list(zip(rows[key].tolist(), values, strict=False)) for key, values in self._examples.items()}
        lines: dict[tuple[str, str], list[tuple[int, str]]] = {}
        for place, line in enumerate(self.source.unread):
            lines.setdefault(("", line.message), []).append((line.before + place, repr(line.text)))
        unread = {key: (np.array([record for record, _ in held]), held[:_SHOWN]) for key, held in lines.items()}
        return {key: (rows[key], first[key]) for key in rows} | unread

    def problems(self) -> list[Problem]:
        """One problem for each column and message, with the count and the first rows."""
        found = self._found()
        places = self.source.places([record for _, examples in found.values() for record, _ in examples])
        problems = []
        for (column, message), (records, examples) in found.items():
            lines = [f"{places[record]}: {value}" for record, value in examples]
            more = [f"... and {len(records) - len(lines):,} more"] if len(records) > len(lines) else []
            where = f"{self.source.name}.{column}" if column else self.source.name
            why = f"; {self.why[column, message]}" if self.why.get((column, message)) else ""
            excerpt = "\n".join([*lines, *more])
            problems.append(Problem(where, f"{counted(len(records), 'row')}: {message}{why}", excerpt))
        return problems

    def rejected(self) -> pd.DataFrame:
        """The rows: `table`, `row`, `column`, `problem`."""
        parts = [
            pd.DataFrame({"table": self.source.name, "row": records, "column": column, "problem": message})
            for (column, message), (records, _) in self._found().items()
        ]
        empty = pd.DataFrame({"table": [], "row": np.zeros(0, np.int64), "column": [], "problem": []})
        return pd.concat(parts, ignore_index=True).sort_values("row", kind="stable") if parts else empty


class Judged:
    """Rows in hand, as a table or arrays by column: which of them break the contract, and why."""

    def __init__(self, breaches: Breaches, columns: Any, start: int = 0) -> None:
        self.breaches, self.columns, self.start = breaches, columns, start
        first = columns.column_names[0] if isinstance(columns, pa.Table) else next(iter(columns))
        self.bad = np.zeros(len(columns[first]), bool)

    def say(self, column: str, message: str, rows: npt.NDArray[np.intp]) -> None:
        """Note rows (positions among those in hand) and the first of their cells."""
        if not len(rows):
            return
        self.bad[rows] = True
        # Arrow takes no rows of some types of text.
        cells = shown(one_array(self.columns[column]).take(pa.array(rows[:_SHOWN], pa.int64())))
        self.breaches.add(column, message, rows + self.start, cells)

    def say_all(self, column: str, bad: Mapping[str, npt.NDArray[np.intp]]) -> None:
        """Note all that is wrong with the cells of a column."""
        for message, rows in bad.items():
            self.say(column, message, rows)

    def times(self, column: str) -> Times:
        """A column of times; what is no time is noted.

        Raises
        ------
        ContractError
            If it holds something else than dates, times and text.
        """
        array = one_array(self.columns[column])
        times = read_times(array, missing_texts(self.breaches.missing_values, "date"))
        if times is None:
            first = "".join(map(seems, shown(array.drop_null()[:1])))
            message = f"{array.type} values where times are needed{first}"
            raise ContractError("tables", [Problem(f"{self.breaches.source.name}.{column}", message)])
        self.say_all(column, times.bad)
        return times

    def dated(self, at: npt.NDArray[np.int64], column: str = "at") -> None:
        """Note rows without a time, and with one that no calendar has."""
        if len(at) and (at.min() < FIRST or at.max() > LAST):
            absent = at == NO_TIME
            self.say(column, "no time" if column == "at" else f"no {column}", np.flatnonzero(absent & ~self.bad))
            wild = ~absent & ((at < FIRST) | (at > LAST))
            self.say(column, "a time outside the years 1 to 9999", np.flatnonzero(wild))


def shown(array: pa.Array) -> list[Any]:
    """Values for a message; times that Python has no word for as numbers."""
    try:
        return array.to_pylist()
    except (OverflowError, ValueError):
        whole = one_array(array)
        return whole.view(f"int{whole.type.bit_width}").to_pylist()


def missing_columns(source: Source, wanted: Sequence[str], uses: dict[str, str] | None = None) -> list[Problem]:
    """A problem for each wanted column that a table lacks, with the nearest that it has, or has more than once.

    `uses` says of a column which rule needs it.
    """
    wanted, known = list(dict.fromkeys(wanted)), {*source.columns}
    problems = [
        Problem(
            f"{source.name}.{name}",
            f"there is no column {name!r}{(uses or {}).get(name, '')}{did_you_mean(name, source.columns)}",
        )
        for name in wanted
        if name not in known
    ]
    twice = [
        f"{name} (columns {', '.join(map(str, source.repeated[name]))})" for name in wanted if name in source.repeated
    ]
    message = f"each column needs its own name; repeated: {', '.join(twice)}"
    return [*problems, Problem(source.name, message)] if twice else problems


def refuse(problems: list[Problem]) -> None:
    """Raise all problems at once, if there are any.

    Raises
    ------
    ContractError
    """
    if problems:
        raise ContractError("tables", problems)
