"""A column of a table as one kind of value: what does not fit is found and kept apart, never coerced in silence."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadscore.base.text import IGNORABLE, as_text, counted, normalise, normalised
from leadscore.base.times import NO_TIME, is_text, one_array, read_times
from leadscore.errors import ContractError, Problem
from leadscore.rulebook.kinds import Kind

_PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_EXACT_INTEGERS = 2**53
_OTHER_SPACES = r"[\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
# A comma, or two points, show that points may part thousands; then 1.200 may be 1200.
_GROUPED = re.compile(r"[+-]?\d[\d.,' ]*,\d[\d.,]*|[+-]?\d{1,3}([.]\d{3}){2,}", re.ASCII)
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}[.]\d{3}", re.ASCII)
# What reports of CRMs and spreadsheets end with, as "Grand Totals (25 records)".
_FOOT = r"(?i)^ *(grand |sub-?)?(totals?|(gesamt)?summe)( records| rows| count)?\W*[\d.,]*\W*(records|rows)?\W*$"

_UNSEEN = f"{IGNORABLE}|{_OTHER_SPACES}".encode().decode("unicode_escape")
# The bits of a floating-point number that count; from there on whole numbers run together.
_DIGITS = {16: 11, 32: 24, 64: 53}


@dataclass
class Column:
    """One column in the form rules look up.

    Attributes
    ----------
    kind : str
        text, number, boolean, date, any, or options with what they are cut at.
    codes : (n_rows,) integers into `values`, -1 where missing; None for numbers and dates
    values : list
        The distinct values: normalised text, booleans, or sets of options.
    numbers : (n_rows,) float64, NaN where missing; days since 1970 for dates. None for the other kinds
    bad : dict of message to row positions
        Cells that are no value of this kind.
    """

    kind: Kind
    codes: npt.NDArray[np.int32] | None = None
    values: list[Any] = field(default_factory=list)
    numbers: npt.NDArray[np.float64] | None = None
    bad: dict[str, npt.NDArray[np.intp]] = field(default_factory=dict)

    def at(self, rows: npt.NDArray[Any]) -> pd.Series[Any]:
        """The values of some rows, missing at -1: float64, boolean, or text as objects."""
        if self.numbers is not None:
            return pd.Series(np.append(self.numbers, np.nan)[rows])
        assert self.codes is not None
        codes = np.append(self.codes, -1)[rows]
        if self.kind == "boolean":
            return pd.Series(pd.arrays.BooleanArray(np.array([*self.values, False])[codes], codes < 0))
        return pd.Series(np.array([*self.values, None], object)[codes], dtype=object)

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """(n_rows,) where there is no value."""
        if self.numbers is not None:
            return np.isnan(self.numbers)
        assert self.codes is not None
        return self.codes < 0


def distinct(array: pa.Array) -> tuple[npt.NDArray[np.int32], list[Any]]:
    """Codes (-1 where null) and the distinct values they stand for."""
    encoded = encoded_of(array)
    return positions_of(encoded.indices).astype(np.int32, copy=False), encoded.dictionary.to_pylist()


def encoded_of(array: pa.Array) -> pa.DictionaryArray:
    """An array as codes and distinct values."""
    return array if pa.types.is_dictionary(array.type) else array.dictionary_encode()


def positions_of(indices: pa.Array) -> npt.NDArray[np.signedinteger[Any]]:
    """A dictionary array's indices, -1 where null."""
    if indices.null_count:
        indices = indices.cast(pa.int32()).fill_null(-1)
    return indices.to_numpy(zero_copy_only=False)


def plain_ids(column: pa.Array | pa.ChunkedArray, table: str) -> pa.Array:
    """Ids as text or whole numbers; those of no lead as floats where some are not whole.

    Raises
    ------
    ContractError
        If they are neither: dates and booleans are no ids, though they could be counted; nor are floating-point numbers
        so large that two ids may have become one.
    """
    array = one_array(column)
    kind = array.type
    if pa.types.is_null(kind):
        return array.cast(pa.large_string())
    if is_text(kind):
        return array
    message = f"{kind} values where ids are needed: whole numbers below 2**63, or text"
    if pa.types.is_floating(kind):
        numbers = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
        blurred = numbers[np.isfinite(numbers) & (np.abs(numbers) >= 2.0 ** _DIGITS[kind.bit_width])]
        if len(blurred):
            message = (
                f"{counted(len(blurred), 'id')} as floating-point numbers from 2**{_DIGITS[kind.bit_width]} on, as "
                f"{int(blurred[0])}: ids beside it have become the same number; give ids as text or whole numbers"
            )
            raise ContractError("tables", [Problem(f"{table}.lead_id", message)])
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        try:
            return array.cast(pa.int64())
        except pa.ArrowInvalid:
            if pa.types.is_floating(kind) and table != "leads":
                return array.cast(pa.float64())
    raise ContractError("tables", [Problem(f"{table}.lead_id", message)])


def unseen(ids: pa.Array) -> npt.NDArray[np.intp]:
    """The rows whose id holds a character that is not seen, or a space other than the plain one.

    It may be another's id, and nobody could tell.
    """
    if not is_text(ids.type):
        return np.zeros(0, np.intp)
    held = pc.match_substring_regex(ids, _UNSEEN)
    return np.flatnonzero(held.fill_null(False).to_numpy(zero_copy_only=False))


def blank(array: pa.Array) -> npt.NDArray[np.bool_]:
    """Where there is no value, or text of white space only."""
    if pa.types.is_dictionary(array.type):
        return np.append(blank(array.dictionary), True)[positions_of(array.indices)]
    empty = pc.equal(pc.utf8_trim_whitespace(array), "") if is_text(array.type) else array.is_null()
    return empty.fill_null(True).to_numpy(zero_copy_only=False)


def feet(table: pa.Table, ids: pa.Array) -> npt.NDArray[np.intp]:
    """The rows that a report ends with: "Grand Total" in place of the id, and no other value."""
    if not is_text(ids.type) or table.num_columns == 1:
        return np.zeros(0, np.intp)
    rows = np.arange(len(ids))
    for name in sorted({*table.column_names} - {"lead_id"}):
        rows = rows[blank(one_array(table[name].take(pa.array(rows))))]
    named = pc.match_substring_regex(ids.take(pa.array(rows)), _FOOT)
    return rows[named.fill_null(False).to_numpy(zero_copy_only=False)]


def convert(data: pa.Array | pa.ChunkedArray, kind: Kind, missing_values: tuple[str, ...], timezone: str) -> Column:
    """Read an Arrow column as one kind of value; cells that are not of it are in `bad`."""
    array = one_array(data)
    if pa.types.is_null(array.type):
        array = array.cast(pa.large_string())
    if kind == "date":
        return _date(array, missing_texts(missing_values, kind), timezone)
    if kind.startswith("options") and is_list(array.type):
        return _lists(array, kind, missing_values)
    read = reader(kind, missing_values)
    if kind == "any" and not is_text(array.type):
        return _any(array)
    if not (is_text(array.type) or any(test(array.type) for test in _READ_AS[_family(kind)])):
        return _everything_bad(kind, array)
    if kind == "number" and not is_text(array.type):
        return _number(array)
    codes, values = distinct(array)
    if kind == "text" and is_text(array.type):
        return _recoded(kind, codes, _texts(missing_texts(missing_values, kind), values))
    column = _recoded(kind, codes, _each(read, values))
    if kind == "number":
        if column.bad and any(map(_GROUPED.fullmatch, filter(None, values))):
            unambiguous = partial(_unless, missing_texts(missing_values, kind), _unambiguous_number)
            column = _recoded(kind, codes, _each(unambiguous, values))
        column.numbers, column.codes, column.values = np.array([*column.values, math.nan])[column.codes], None, []
    return column


def reader(kind: Kind, missing_values: Iterable[str]) -> Callable[[Any], Any]:
    """How one text is read as any kind but a date, or for text a number or boolean too.

    It gives normalised text, a number, a boolean, or True for any; None if it is missing, a `Bad` if it is none.
    """
    missing = missing_texts(missing_values, kind)
    if kind.startswith("options"):
        cut = kind.removeprefix("options")
        return lambda value: options(as_text(value).split(cut), missing)
    readers: dict[Kind, Callable[[Any], Any]] = {
        "text": partial(_text, missing),
        "number": partial(_unless, missing, plain_number),
        "boolean": partial(_unless, missing, _boolean),
        "any": lambda value: None if normalise(value) in missing else True,
    }
    return readers[kind]


# What is read as a kind beside text, and how a message calls the kind.
_READ_AS = {
    "text": (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean),
    "number": (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
    "boolean": (pa.types.is_boolean,),
    "any": (),
}
_READ_AS["options"] = _READ_AS["text"]
_NEEDED = {
    "options": "options are",
    "text": "text is",
    "number": "numbers are",
    "boolean": "true or false is",
    "date": "dates are",
}


def _family(kind: Kind) -> str:
    """A kind without what its options are cut at."""
    return "options" if kind.startswith("options") else kind


def is_list(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds lists."""
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def options(pieces: Iterable[Any], missing: frozenset[str]) -> frozenset[str] | None:
    """The options that are ticked, as texts are compared; None if there is none."""
    found = frozenset(normalise(as_text(piece)) for piece in pieces if piece is not None and piece == piece)  # noqa: PLR0124 - nan alone differs from itself
    return found - missing or None


def _lists(array: pa.Array, kind: Kind, missing_values: tuple[str, ...]) -> Column:
    inner = array.type.value_type
    if not (is_text(inner) or pa.types.is_null(inner) or any(test(inner) for test in _READ_AS["text"])):
        return _everything_bad(kind, array)
    missing, index = missing_texts(missing_values, kind), dict[frozenset[str], int]()
    ticked = (None if row is None else options(row, missing) for row in array.to_pylist())
    codes = [-1 if one is None else index.setdefault(one, len(index)) for one in ticked]
    return Column(kind, np.array(codes, np.int32), list(index))


def _everything_bad(kind: Kind, array: pa.Array) -> Column:
    rows = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
    bad = {f"{array.type} values where {_NEEDED[_family(kind)]} needed": rows} if len(rows) else {}
    return replace(convert(pa.nulls(len(array)), kind, (), "UTC"), bad=bad)


def _each(read: Callable[[Any], Any], values: list[Any]) -> list[Any]:
    """Each value as it is read; Arrow lets a dictionary hold null as one of its values."""
    return [None if value is None else read(value) for value in values]


def _texts(missing: frozenset[str], values: list[str | None]) -> list[str | None]:
    """The same of texts, as `_text` reads each of them."""
    known = iter(normalised(value for value in values if value is not None))
    texts = [None if value is None else next(known) for value in values]
    return [None if text in missing else text for text in texts]


def _recoded(kind: Kind, codes: npt.NDArray[np.int32], meanings: list[Any]) -> Column:
    """A column by what its distinct values mean: None for missing, a `Bad` for what is no such value."""
    index: dict[Any, int] = {}
    nothing = (Bad, type(None))
    table = [-1 if isinstance(one, nothing) else index.setdefault(one, len(index)) for one in meanings]
    bad: dict[str, list[int]] = {}
    for code, one in enumerate(meanings):
        if isinstance(one, Bad):
            bad.setdefault(one.message, []).append(code)
    rows = {message: np.flatnonzero(np.isin(codes, wrong)) for message, wrong in bad.items()}
    used = {message: places for message, places in rows.items() if len(places)}
    return Column(kind, np.array([*table, -1], np.int32)[codes], list(index), None, used)


@dataclass(frozen=True)
class Bad:
    """A value that is none of its column's kind, and why."""

    message: str


def missing_texts(missing_values: Iterable[str], kind: Kind) -> frozenset[str]:
    r"""The texts that mean missing, normalised: none, those listed, and where no text is read what databases write.

    Postgres writes \N, others null: no number, date, time or boolean is called so, while a text may be.

    Examples
    --------
    >>> sorted(missing_texts(["N/A"], "number")), sorted(missing_texts([], "text"))
    (['', '\\n', 'n/a', 'null'], [''])
    """
    listed = {normalise(value) for value in missing_values} | {""}
    return frozenset(listed if _family(kind) in {"text", "any", "options"} else listed | {normalise("\\N"), "null"})


def _unless(missing: frozenset[str], read: Callable[[Any], Any], value: Any) -> Any:
    """A value as `read` has it, which alone says what is a value; what is none may be called missing."""
    meaning = read(value)
    return None if isinstance(meaning, Bad) and normalise(as_text(value)) in missing else meaning


def _any(array: pa.Array) -> Column:
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_floating(array.type):
        valid = valid & ~np.isnan(array.fill_null(math.nan).to_numpy(zero_copy_only=False))
    return Column("any", np.where(valid, 0, -1).astype(np.int32), [True])


def _text(missing: frozenset[str], value: Any) -> str | None:
    if isinstance(value, float) and math.isnan(value):
        return None
    text = normalise(as_text(value))
    return None if text in missing else text


def _number(array: pa.Array) -> Column:
    # Arrow's own cast of a decimal may be one step off: 0.009 would miss the edge 0.009.
    exact = array.cast(pa.string()) if pa.types.is_decimal(array.type) else array
    numbers = exact.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    huge = (
        np.flatnonzero(np.abs(numbers) > _EXACT_INTEGERS) if pa.types.is_integer(array.type) else np.zeros(0, np.intp)
    )
    message = "whole numbers above 2**53, too large for a quantity; declare an identifier as text"
    return Column("number", None, [], numbers, {message: huge} if len(huge) else {})


def plain_number(text: str) -> float | Bad | None:
    """A number as text; None for empty text."""
    stripped = text.strip()
    if not stripped:
        return None
    if _PLAIN_NUMBER.fullmatch(stripped):
        return float(stripped)
    return Bad("text that is not a plain number (1200, -3.5)")


def _unambiguous_number(text: str) -> float | Bad | None:
    """A number as text, in a column where others have separators of thousands or decimal commas."""
    if _EITHER.fullmatch(text.strip()):
        return Bad(
            "a point that may be decimal or part thousands, as others in the column have commas or several points"
        )
    return plain_number(text)


def _boolean(value: Any) -> bool | Bad | None:
    if isinstance(value, bool):
        return value
    known: Mapping[str, bool | None] = {"true": True, "false": False, "": None}
    return known.get(normalise(value), Bad("neither true nor false"))


def _date(array: pa.Array, missing: frozenset[str], timezone: str) -> Column:
    times = read_times(array, missing)
    if times is None:
        return _everything_bad("date", array)
    days = times.days(timezone)
    return Column("date", None, [], np.where(days == NO_TIME, np.nan, days.astype(np.float64)), times.bad)
