"""Rows that break the contract of a table: counted, shown with the first of them, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.text import counted
from leadscore.errors import ContractError, Problem, did_you_mean
from leadscore.tables.sources import Source

_SHOWN = 5


@dataclass
class Breaches:
    """What is wrong with the rows of one table; rows count from 0, lines of a text file from 1."""

    source: Source
    _rows: dict[tuple[str, str], list[npt.NDArray[np.intp]]] = field(default_factory=dict)
    _examples: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, column: str, message: str, rows: npt.NDArray[np.intp], values: Sequence[Any]) -> None:
        """Note rows (positions in the table) and the first of the values found there."""
        if len(rows) == 0:
            return
        key = (column, message)
        self._rows.setdefault(key, []).append(rows)
        examples = self._examples.setdefault(key, [])
        for row, value in zip(rows[: _SHOWN - len(examples)], values, strict=False):
            # A reader on several threads does not know where a line stood that is no row.
            place = "somewhere" if row < 0 else f"line {row + 2}" if self.source.lines_known else f"row {row}"
            examples.append(f"{place}: {value!r}")

    def problems(self) -> list[Problem]:
        """One problem for each column and message, with the count and the first rows."""
        found = []
        for (column, message), parts in self._rows.items():
            count = sum(len(part) for part in parts)
            examples = self._examples[(column, message)]
            more = [f"... and {count - len(examples):,} more"] if count > len(examples) else []
            where = f"{self.source.name}.{column}" if column else self.source.name
            found.append(Problem(where, f"{counted(count, 'row')}: {message}", "\n".join([*examples, *more])))
        return found

    def rejected(self) -> pd.DataFrame:
        """The rows: `table`, `row`, `column`, `problem`."""
        parts = [
            pd.DataFrame({"table": self.source.name, "row": np.concatenate(rows), "column": column, "problem": message})
            for (column, message), rows in self._rows.items()
        ]
        empty = pd.DataFrame({"table": [], "row": np.zeros(0, np.int64), "column": [], "problem": []})
        return pd.concat(parts, ignore_index=True).sort_values("row", kind="stable") if parts else empty


def missing_columns(source: Source, wanted: Sequence[str], uses: dict[str, str] | None = None) -> list[Problem]:
    """A problem for each wanted column that a table lacks, with the nearest that it has.

    `uses` says of a column which rule needs it.
    """
    return [
        Problem(
            f"{source.name}.{name}",
            f"there is no column {name!r}{(uses or {}).get(name, '')}{did_you_mean(name, source.columns)}",
        )
        for name in dict.fromkeys(wanted)
        if name not in source.columns
    ]


def refuse(problems: list[Problem]) -> None:
    """Raise all problems at once, if there are any.

    Raises
    ------
    ContractError
    """
    if problems:
        raise ContractError("tables", problems)
