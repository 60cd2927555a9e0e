"""One value, as a web form or a CRM hook has it, read as a column of it alone would be."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa

from leadscore.base.text import normalise
from leadscore.base.times import FIRST, LAST, moment_of, one_array, read_times
from leadscore.errors import ContractError
from leadscore.rulebook.kinds import Kind
from leadscore.sources.columns import Bad, convert, missing_texts, options, reader
from leadscore.sources.source import open_source
from leadscore.tables.events import is_odd

_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()


class OneValue:
    """Reads single values as one kind: those of Python's own types here, all others as `load_tables` reads a column.

    Parameters
    ----------
    kind : str
        text, number, boolean, date or any.
    missing_values : tuple of str
    timezone : str
    odd : bool
        Whether lists and the like are values too, where any value will do.
    """

    def __init__(self, kind: Kind, missing_values: tuple[str, ...], timezone: str, *, odd: bool = True) -> None:
        self.kind, self.missing_values, self.timezone, self.odd = kind, missing_values, timezone, odd
        self.missing, self.zone = missing_texts(missing_values, kind), ZoneInfo(timezone)
        self.quick: dict[type, Callable[[Any], Any]] = {type(None): lambda _: None}
        if kind == "date":
            self.quick |= {str: self._written, dt.datetime: self._day, dt.date: self._day, pd.Timestamp: self._day}
        else:
            self.quick[str] = reader(kind, missing_values)
        if kind.startswith("options"):
            self.quick |= dict.fromkeys((list, tuple, set, frozenset), self._ticked)
        if kind == "text":
            self.quick |= {bool: self.quick[str], float: self.quick[str], int: partial(self._whole, 63)}
        elif kind == "number":
            self.quick |= {float: lambda value: None if math.isnan(value) else value, int: partial(self._whole, 53)}
        elif kind == "boolean":
            self.quick[bool] = bool

    def read(self, value: Any) -> Any:
        """Normalised text, a number, a boolean, a day since 1970, or True for any; None if it is missing.

        Raises
        ------
        ValueError
            If it is no value of this kind; with the words of `load_tables`.
        """
        meaning = self.quick.get(type(value), self._as_column)(value)
        if type(meaning) is Bad:
            raise ValueError(meaning.message)
        return meaning

    def _whole(self, bits: int, value: int) -> Any:
        if value.bit_length() >= bits:
            return self._as_column(value)
        return value if self.kind == "number" else self.quick[str](value)

    def _ticked(self, pieces: Iterable[Any]) -> frozenset[str] | None:
        odd = [piece for piece in pieces if not isinstance(piece, str | int | float | None)]
        return options(pieces, self.missing) if not odd else Bad(f"{type(odd[0]).__name__} values among the options")  # type: ignore[return-value] # what is wrong is said by the caller

    def _written(self, text: str) -> Any:
        try:
            return self._day(moment_of(text))
        except ValueError as error:
            return None if normalise(text) in self.missing else Bad(str(error))

    def _day(self, moment: dt.date) -> Any:
        # In another zone, or in pandas, it may be a day that Python has no word for.
        if not 1 < moment.year < dt.MAXYEAR:
            return self._as_column(moment)
        if isinstance(moment, dt.datetime) and moment.tzinfo is not None:
            moment = moment.astimezone(self.zone)
        return moment.toordinal() - _EPOCH_ORDINAL

    def _as_column(self, value: Any) -> Any:
        array = _column_of(value)
        if is_odd(array.type) and not self.odd:
            return Bad(f"{array.type} values, which are not text, numbers, booleans or dates")
        column = convert(array, self.kind, self.missing_values, self.timezone)
        for message in column.bad:
            return Bad(message)
        if column.missing[0]:
            return None
        if column.numbers is not None:
            return column.numbers[0]
        assert column.codes is not None
        return column.values[column.codes[0]]


def in_calendar(moment: Any) -> bool:
    """Whether a time that can be read is one that an event may have: of the years 1 to 9999, in every zone."""
    times = read_times(_column_of(moment))
    return times is not None and FIRST <= times.at.item() <= LAST


def _column_of(value: Any) -> pa.Array:
    """A column of one value, as a frame holds it."""
    try:
        return one_array(open_source(pd.DataFrame({"value": [value]}), "value").table(["value"])["value"])
    except ContractError as error:
        raise ValueError(error.problems[0].message) from None
    except (TypeError, OverflowError) as error:  # no frame can hold it
        raise ValueError(str(error)) from None
