"""Cells as what their column is declared to be: text, numbers, true and false, times, lists; and what is none of it."""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from leadscore.base.text import as_text, normalise
from leadscore.base.times import NO_TIME, NO_ZONE, Times, is_text, one_array, read_times, seems
from leadscore.imports.language import KINDS, CellType, Typed, constant_type
from leadscore.sources.columns import Bad, Column, distinct, encoded_of, missing_texts, positions_of

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Rows = npt.NDArray[np.intp]
Bads = dict[str, Rows]

# Types whose values are text already.
_TEXTS = ("text", "salesforce_id", "guid")
_EPOCHS = {"epoch_s": ("s", 1_000_000), "epoch_ms": ("ms", 1000), "epoch_us": ("us", 1)}
# The years in which what counts time since 1970 may lie: seconds taken for milliseconds are of 1970.
_EARLIEST, _LATEST = (int(np.datetime64(day, "us").astype(np.int64)) for day in ("1990-01-01", "2100-01-01"))
_TRUE, _FALSE = ("true", "yes", "1", "t", "y"), ("false", "no", "0", "f", "n")
_GUID = re.compile(r"\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?", re.ASCII)
# What Salesforce writes for each pattern of five letters, of which bit k says that the k-th is a capital.
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


@dataclass
class Cells:
    """Some rows of a column.

    Attributes
    ----------
    type : str
        As declared; a `list` holds tuples of text, a `json` what Python makes of it.
    codes : (n_rows,) int32 into `values`, -1 where there is nothing; unless they are times
    values : list
        Text, numbers, booleans or tuples; a value may stand there more than once.
    at : (n_rows,) int64, microseconds since 1970 in UTC, `NO_TIME` where there is nothing; of times only
    """

    type: CellType
    codes: Codes = field(default_factory=lambda: np.zeros(0, np.int32))
    values: list[Any] = field(default_factory=list)
    at: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    _mapped: dict[Any, tuple[Cells, Bads]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.at if self.type == "time" else self.codes)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """(n_rows,) where there is something."""
        return self.at != NO_TIME if self.type == "time" else self.codes >= 0

    def take(self, rows: Rows) -> Cells:
        """Other rows, -1 for one of nothing."""
        if self.type == "time":
            return Cells(self.type, at=np.append(self.at, NO_TIME)[rows])
        codes = np.append(self.codes, np.int32(-1))[rows]
        if len(rows) >= len(self.values):
            return Cells(self.type, codes, self.values)
        # What no row holds any more would be looked up for nothing.
        used = np.zeros(len(self.values), bool)
        used[codes[codes >= 0]] = True
        table = np.cumsum(used, dtype=np.int32) - np.int32(1)
        return Cells(self.type, np.where(codes >= 0, table[codes], codes), list(compress(self.values, used.tolist())))

    def mapped(self, read: Callable[[Any], Any], name: Any) -> tuple[Cells, Bads]:
        """Each value read once as text, for all blocks that ask for it by that name.

        `read` gives None for nothing and a `Bad` for what cannot be.
        """
        if name not in self._mapped:
            self._mapped[name] = _recoded("text", self.codes, self.values, read)
        return self._mapped[name]

    def texts(self) -> list[str]:
        """The values as text."""
        return self.values if self.type in _TEXTS else [written(value) for value in self.values]

    def under(self, key: str) -> pa.Array:
        """What stands under a key of JSON cells, as text."""

        def read(value: Any) -> Any:
            found = _under(key, value)
            return None if found is None else written(found)

        return _recoded("text", self.codes, self.values, read)[0].arrow("UTC")

    def column(self, timezone: str) -> Column:
        """The form in which conditions look values up."""
        kind = KINDS.get(self.type, "text")
        if self.type == "time":
            days = Times(self.at, zoned=True).days(timezone)
            return Column("date", None, [], np.where(days == NO_TIME, np.nan, days.astype(np.float64)))
        if kind == "number":
            return Column("number", None, [], np.array([*self.values, math.nan])[self.codes])
        if kind == "boolean":
            return Column("boolean", self.codes, self.values)
        return Column("text", self.codes, [normalise(text) for text in self.texts()])

    def arrow(self, timezone: str) -> pa.Array:
        """The cells as a table holds them; times with the zone they are written in."""
        if self.type == "time":
            return pa.array(self.at, pa.timestamp("us", timezone), mask=self.at == NO_TIME)
        kinds = {"number": pa.float64(), "boolean": pa.bool_(), "list": pa.list_(pa.string())}
        values = self.values if self.type in kinds else self.texts()
        return pa.array(values, kinds.get(self.type, pa.large_string())).take(pa.array(self.codes, mask=self.codes < 0))


def stacked(parts: Sequence[Cells]) -> Cells:
    """The rows of several, one below the other."""
    if parts[0].type == "time":
        return Cells("time", at=np.concatenate([part.at for part in parts]))
    codes: list[Codes] = []
    values: list[Any] = []
    for part in parts:
        codes.append(np.where(part.codes >= 0, part.codes + np.int32(len(values)), part.codes))
        values += part.values
    return Cells(parts[0].type, np.concatenate(codes), values)


def cells_of(array: pa.Array) -> Cells:
    """The cells of which `Cells.arrow` made an array, JSON and codes as text."""
    array = one_array(array)
    if pa.types.is_timestamp(array.type):
        return Cells("time", at=array.cast(pa.int64()).fill_null(NO_TIME).to_numpy())
    codes, values = _distinct(array)
    if pa.types.is_nested(array.type):
        return Cells("list", codes, [*map(tuple, values)])
    kinds: dict[pa.DataType, CellType] = {pa.float64(): "number", pa.bool_(): "boolean"}
    return Cells(kinds.get(array.type, "text"), codes, values)


def written(value: Any) -> str:
    """A value as text: lists by their parts, what came from JSON as JSON."""
    if isinstance(value, tuple):
        return ";".join(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return value if isinstance(value, str) else as_text(value)


def constant(value: Any, n: int) -> Cells:
    """The same value in all rows."""
    return Cells(constant_type(value), np.zeros(n, np.int32), [value])


def read_cells(array: pa.Array, typed: Typed, missing: Sequence[str], timezone: str) -> tuple[Cells, Bads]:
    """A column as it is declared, and what in it is none of that: message to rows."""
    array = one_array(array)
    if pa.types.is_null(array.type):
        array = array.cast(pa.large_string())
    if typed.type == "time":
        return _times(array, typed, missing, timezone)
    nothing = missing_texts(missing, KINDS.get(typed.type, "text"))
    if typed.type == "text" and is_text(array.type):
        return _texts_of(array, nothing), {}
    codes, values = _distinct(array)
    readers: dict[CellType, Callable[[Any], Any]] = {
        "text": _text,
        "number": partial(_number, typed),
        "boolean": partial(_boolean, _texts(typed.true_values or _TRUE), _texts(typed.false_values or _FALSE)),
        "list": partial(_list, typed.separator),
        "json": _json,
        "salesforce_id": _salesforce_id,
        "guid": _guid,
    }
    return _recoded(typed.type, codes, values, partial(_unless, nothing, readers[typed.type]))


def _texts_of(array: pa.Array, nothing: frozenset[str]) -> Cells:
    """Text without the blanks around it; ids may be as many as rows, so all at once."""
    encoded = encoded_of(array)
    texts = pc.utf8_trim_whitespace(encoded.dictionary.cast(pa.large_string()))
    # Most files call nothing but an empty cell missing.
    folded = texts if nothing == {""} else pc.utf8_lower(texts)
    if any(" " in text for text in nothing):
        folded = pc.replace_substring_regex(folded, r"\s+", " ")
    gone = pc.is_in(folded, pa.array(sorted(nothing), pa.large_string())).to_numpy(zero_copy_only=False).copy()
    odd = np.flatnonzero(~pc.string_is_ascii(texts).fill_null(True).to_numpy(zero_copy_only=False))
    gone[odd] = [normalise(text) in nothing for text in texts.take(pa.array(odd)).to_pylist()]
    table = np.where(gone | texts.is_null().to_numpy(zero_copy_only=False), -1, np.arange(len(texts)))
    return Cells("text", np.append(table, -1).astype(np.int32)[positions_of(encoded.indices)], texts.to_pylist())


def _distinct(array: pa.Array) -> tuple[Codes, list[Any]]:
    """Codes and values; lists and objects, which Arrow cannot compare, each by itself."""
    if pa.types.is_nested(array.type):
        valid = array.is_valid().to_numpy(zero_copy_only=False)
        codes = np.where(valid, np.cumsum(valid) - 1, -1).astype(np.int32)
        return codes, array.filter(pa.array(valid)).to_pylist()
    return distinct(array)


def _recoded(kind: CellType, codes: Codes, values: list[Any], read: Callable[[Any], Any]) -> tuple[Cells, Bads]:
    meanings = [None if value is None else read(value) for value in values]
    bad: dict[str, list[int]] = {}
    for code, meaning in enumerate(meanings):
        if type(meaning) is Bad:
            bad.setdefault(meaning.message, []).append(code)
    known = [meaning is not None and type(meaning) is not Bad for meaning in meanings]
    good = np.array([*known, False], bool)
    table = np.where(good, np.cumsum(good, dtype=np.int32) - 1, -1).astype(np.int32)
    rows = {message: np.flatnonzero(np.isin(codes, wrong)) for message, wrong in bad.items()}
    found = {message: places for message, places in rows.items() if len(places)}
    return Cells(kind, table[codes], list(compress(meanings, known))), found


def _under(key: str, value: Any) -> Any:
    """What stands under a key: of an object, of a list of names and values, of Google's lists of keys and values."""
    if isinstance(value, dict):
        return value.get(key)
    pairs = [pair for pair in value if isinstance(pair, dict)] if isinstance(value, (list, tuple)) else []
    found = next((pair.get("value") for pair in pairs if pair.get("name", pair.get("key")) == key), None)
    return next((one for one in found.values() if one is not None), None) if isinstance(found, dict) else found


def _texts(values: Iterable[str]) -> frozenset[str]:
    return frozenset(normalise(value) for value in values)


def _unless(nothing: frozenset[str], read: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    return None if normalise(written(value)) in nothing else read(value)


def _text(value: Any) -> Any:
    if isinstance(value, float) and abs(value) >= 2**53:
        return Bad("a floating-point number from 2**53 on, which may stand for several ids; give text or whole numbers")
    return written(value).strip()


def _number(typed: Typed, value: Any) -> float | Bad:
    if isinstance(value, bool):
        return Bad("true or false where a number is needed")
    if not isinstance(value, str):
        return float(value)
    text = value.strip().replace("\u2212", "-")
    if not typed.bare_number:
        negative = text.startswith("(") and text.endswith(")")
        text = "-" * negative + re.sub(r"^[^\d+.,-]+|[^\d]+$", "", text.strip("()"))
        text = re.sub(r"^-[^\d.,]+", "-", text)
    whole, point, fraction = text.partition(typed.decimal)
    if typed.thousands is not None and typed.thousands in whole:
        sign = re.escape(typed.thousands)
        if not re.fullmatch(rf"[+-]?\d{{1,3}}(?:{sign}\d{{3}})+", whole, re.ASCII):
            return Bad(f"a number whose thousands are not parted by {typed.thousands!r} in threes")
        whole = whole.replace(typed.thousands, "")
    if re.fullmatch(r"[+-]?\d*", whole, re.ASCII) and re.fullmatch(r"\d*(?:[eE][+-]?\d+)?", fraction, re.ASCII):
        plain = whole + ("." if point else "") + fraction
        if re.search(r"\d", plain):
            return float(plain)
    hint = (
        "" if typed.thousands else "; is 'thousands' or 'decimal' to be declared?" if re.search("[,.' ]", text) else ""
    )
    return Bad(f"no number{hint}")


def _boolean(true: frozenset[str], false: frozenset[str], value: Any) -> bool | Bad:
    text = normalise(written(value))
    if text in true or text in false:
        return text in true
    return Bad(f"neither true ({', '.join(sorted(true))}) nor false ({', '.join(sorted(false))})")


def _list(separator: str, value: Any) -> tuple[str, ...] | None:
    if isinstance(value, str) and value.startswith("[") and isinstance(listed := _json(value), list):
        value = listed
    if isinstance(value, str):
        quoted = '"' in value and len(separator) == 1
        parts = (
            next(csv.reader([value], delimiter=separator, skipinitialspace=True)) if quoted else value.split(separator)
        )
    else:
        parts = [written(part) for part in value if part is not None]
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip())) or None


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_float=str, parse_int=str)
    except ValueError:
        return Bad("no JSON")


def _salesforce_id(value: Any) -> str | Bad:
    text = written(value).strip()
    if not re.fullmatch(r"[0-9A-Za-z]{15}(?:[A-Z0-5]{3})?", text, re.ASCII):
        return Bad("no Salesforce id: 15 or 18 letters and digits")
    blocks = (text[start : start + 5] for start in (0, 5, 10))
    suffix = "".join(_SUFFIX[sum(letter.isupper() << place for place, letter in enumerate(block))] for block in blocks)
    if text[15:] not in {"", suffix}:
        return Bad(f"a Salesforce id whose capitals do not fit its end, which should be {suffix}; were they changed?")
    return text[:15] + suffix


def _guid(value: Any) -> str | Bad:
    found = _GUID.fullmatch(written(value).strip().lower())
    return found[1] if found else Bad("no GUID, as a1f0c0de-0000-4000-8000-000000000001")


# --------------------------------------------------------------------------------------------------------------- times


def _times(array: pa.Array, typed: Typed, missing: Sequence[str], timezone: str) -> tuple[Cells, Bads]:
    """Times in UTC; those without a zone are on the wall clock of `timezone`, days begin there."""
    formats = typed.format or ("iso",)
    if not is_text(array.type) and (pa.types.is_temporal(array.type) or not formats[0].startswith("epoch")):
        times = read_times(array)
        if times is None:
            rows = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
            return Cells("time", at=np.full(len(array), NO_TIME)), {f"{array.type} values where times are needed": rows}
        return Cells("time", at=times.utc(timezone)), {}
    text = pc.utf8_trim_whitespace(array.cast(pa.large_string()))
    at, left = np.full(len(array), NO_TIME), np.flatnonzero(pc.not_equal(text, "").fill_null(False))
    bad: Bads = {}
    for form in formats:
        at[left], bad = _in_form(text.take(pa.array(left)), form, missing, timezone)
        bad = {message: left[rows] for message, rows in bad.items()}
        left = left[at[left] == NO_TIME]
    if formats != ("iso",):
        codes, values = distinct(text.take(pa.array(left)))
        nothing = missing_texts(missing, "date")
        named = " or ".join(map(repr, formats))
        means = [None if normalise(value) in nothing else f"no time as {named}{seems(value)}" for value in values]
        bad = {
            message: left[np.isin(codes, [code for code, one in enumerate(means) if one == message])]
            for message in dict.fromkeys(filter(None, means))
        }
    return Cells("time", at=at), bad


def _in_form(text: pa.Array, form: str, missing: Sequence[str], timezone: str) -> tuple[Ints, Bads]:
    """The times of texts that have a form, in UTC; `NO_TIME` for the others."""
    if form == "iso":
        times = read_times(text, missing_texts(missing, "date"))
        assert times is not None
        found, bare = times.utc(timezone).copy(), times.bad.pop(NO_ZONE, None)
        if bare is not None:
            found[bare] = Times(times.at[bare], zoned=False).utc(timezone)
        return found, times.bad
    if form in _EPOCHS:
        try:
            counts = text.cast(pa.int64())
        except pa.ArrowInvalid:
            whole = pc.if_else(pc.match_substring_regex(text, r"^-?\d{1,18}(?:\.0*)?$"), text, None)
            counts = pc.replace_substring_regex(whole, r"\.0*$", "").cast(pa.int64())
        at = counts.fill_null(0).to_numpy() * _EPOCHS[form][1]
        inside = counts.is_valid().to_numpy(zero_copy_only=False) & (at >= _EARLIEST) & (at < _LATEST)
        return np.where(inside, at, NO_TIME), {}
    stamps = pc.strptime(text, form, "us", error_is_null=True)
    at = Times(stamps.cast(pa.int64()).fill_null(NO_TIME).to_numpy(), zoned="%z" in form).utc(timezone).copy()
    # The C library takes 30 February for 2 March.
    early = np.flatnonzero(pc.less_equal(pc.day(stamps), 3).fill_null(False))
    codes, values = distinct(text.take(pa.array(early)))
    real = np.array([_is_a_day(value, form) for value in values], bool)
    at[early[~real[codes]]] = NO_TIME
    return at, {}


def _is_a_day(text: str, form: str) -> bool:
    try:
        dt.datetime.strptime(text, form)  # noqa: DTZ007 - whether there is such a day
    except ValueError:
        return False
    return True
