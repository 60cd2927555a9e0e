"""What the cells of a column are, from all of them: numbers, times, true and false, lists; where two readings fit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from leadscore.base.text import normalise
from leadscore.base.times import is_text, one_array, read_times

# Distinct values that are counted, and forms of times that are told apart; a column of more has no values to list.
_MOST, _FORMS = 2000, 12
# Written where nothing is known; said in the file where a column of numbers, times or true and false has them.
NOTHING = frozenset({"null", "none", "n/a", "#n/a", "na", "nan", "-none-", "\\n", "-"})
_PAIRS = (
    ("true", "false"), ("yes", "no"), ("ja", "nein"), ("oui", "non"), ("si", "no"), ("sí", "no"), ("sim", "não"),
    ("tak", "nie"), ("y", "n"), ("t", "f"), ("1", "0"),
)  # fmt: skip
_ENGINE_READS = {"true", "yes", "y", "t", "1"}
_MONEY = r"^\s*(?:[$€£¥]|[A-Z]{3})?\s*([+-]?[\d.,' ]*\d)\s*(?:[$€£¥%]|[A-Z]{3})?\s*$"
# By the sign before the decimals, and that between thousands.
_NUMBERS = {
    (".", None): r"^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$",
    (".", ","): r"^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$|^[+-]?\d+(?:\.\d+)?$",
    (",", "."): r"^[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?$|^[+-]?\d+(?:,\d+)?$",
    (",", None): r"^[+-]?\d+(?:,\d+)?$",
}
_EPOCHS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}
_MONTHS = 12
# 2000 to 2040, in seconds.
_FIRST, _LAST = 946_684_800, 2_208_988_800
_DAY = r"^(?P<a>\d{1,2})[/.-](?P<b>\d{1,2})[/.-](?P<c>\d{2,4})"
# Of a cell with Y for the year that comes first, 9 for other digits, P for AM and PM.
_FORM = re.compile(r"([Y9])([/.-])9\2[9](?:(,? )9:9(:9)?(?:( ?)P)?)?")
_ISO = re.compile(r"Y-9-9(?:[T ]9:9(?::9(?:\.9)?)?(?:Z| ?UTC|[+-]9(?::9)?)?)?")
_CLOCK = r"\d[T ]\d\d?:\d\d"
_ZONE = r"(?:[Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?)$"
SEPARATORS = (";", "|", ",")
_PARTS = 60

Order = Literal["day", "month"]


@dataclass
class Cells:
    """All cells of a column, counted.

    Attributes
    ----------
    name : str
    rows, known : int
        Cells there are, and those that say something.
    counts : Counter of text
        Of at most 2,000 distinct values; `many` says that there are more.
    """

    name: str
    rows: int = 0
    known: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    many: bool = False
    arrow: pa.DataType | None = None
    nothing: set[str] = field(default_factory=set)
    numbers: set[tuple[str, str | None]] = field(default_factory=lambda: {*_NUMBERS})
    bare: bool = True
    zeros: bool = False
    low: int | None = None
    high: int | None = None
    iso: bool = True
    no_zone: bool = False
    forms: set[str] = field(default_factory=set)
    firsts: tuple[int, int] = (0, 0)
    short_years: bool = False
    true_false: set[tuple[str, str]] = field(default_factory=lambda: {*_PAIRS})
    separated: Counter[str] = field(default_factory=Counter)
    addresses: int = 0
    json: bool = True

    def add(self, array: pa.Array) -> None:
        """Some more cells."""
        array = one_array(array)
        self.rows += len(array)
        if not is_text(array.type):
            self._add_typed(array)
            return
        text = pc.utf8_trim_whitespace(array.cast(pa.large_string()))
        text = text.filter(pc.not_equal(text, "").fill_null(False))
        low = pc.utf8_lower(text)
        nothing = pc.is_in(low, pa.array(sorted(NOTHING), pa.large_string()))
        self.nothing |= {*pc.unique(text.filter(nothing)).to_pylist()}
        text = text.filter(pc.invert(nothing))
        self.known += len(text)
        self._count(text)
        if len(text):
            self._read(text)

    def _add_typed(self, array: pa.Array) -> None:
        self.arrow = array.type
        valid = array.drop_null()
        self.known += len(valid)
        if not pa.types.is_nested(array.type) and not pa.types.is_null(array.type):
            self._count(valid.cast(pa.large_string()))

    def _count(self, text: pa.Array) -> None:
        if self.many:
            return
        for pair in pc.value_counts(text).to_pylist():
            self.counts[pair["values"]] += pair["counts"]
        self.many = len(self.counts) > _MOST

    def _read(self, text: pa.Array) -> None:
        self._read_numbers(text)
        # Why a text is no time is found out value by value: not asked of what is none at sight.
        self.iso &= bool(pc.all(pc.match_substring_regex(text, r"^\d{4}-\d\d-\d\d")).as_py())
        if self.iso:
            times = read_times(text)
            self.iso = times is not None and not {*times.bad} - {
                "a time without a zone, while others in the column have one"
            }
        clocks = text.filter(pc.match_substring_regex(text, _CLOCK))
        self.no_zone |= bool(pc.any(pc.invert(pc.match_substring_regex(clocks, _ZONE))).as_py())
        self._read_days(text)
        values = {normalise(value) for value in self.counts} if not self.many else set()
        self.true_false = {pair for pair in self.true_false if values and values <= {*pair}}
        self.json &= bool(pc.all(pc.match_substring_regex(text, r"^[\[{]")).as_py())
        self.addresses += pc.sum(pc.match_substring_regex(text, r"^[^@\s]+@[^@\s]+$")).as_py() or 0
        for sign in SEPARATORS:
            self.separated[sign] += pc.sum(pc.match_substring(text, sign)).as_py() or 0

    def _read_numbers(self, text: pa.Array) -> None:
        if not self.numbers:
            return
        self.zeros |= bool(pc.any(pc.match_substring_regex(text, r"^[+-]?0\d")).as_py())
        plain = pc.match_substring_regex(text, r"^[+-]?[\d.,]*$|^[+-]?\d.*[eE]")
        bare = pc.if_else(plain, text, pc.replace_substring_regex(text, _MONEY, r"\1"))
        self.bare &= bool(pc.all(plain).as_py())
        self.numbers = {
            style for style in self.numbers if pc.all(pc.match_substring_regex(bare, _NUMBERS[style])).as_py()
        }
        if self.numbers and pc.all(pc.match_substring_regex(text, r"^-?\d{1,18}(?:\.0*)?$")).as_py():
            ends = pc.min_max(pc.replace_substring_regex(text, r"\.0*$", "").cast(pa.int64()))
            least, most = ends["min"].as_py(), ends["max"].as_py()
            self.low, self.high = min(self.low or least, least), max(self.high or most, most)
        else:
            self.low, self.high = -1, -1

    def _read_days(self, text: pa.Array) -> None:
        if len(self.forms) > _FORMS:
            return
        bare = pc.replace_substring_regex(pc.replace_substring_regex(text, r"^\d{4}([/.-])", r"Y\1"), r"\d+", "9")
        self.forms |= {*pc.unique(pc.replace_substring_regex(bare, r"(?i)[ap]\.?m\.?$", "P")).to_pylist()[: _FORMS + 1]}
        days = pc.extract_regex(text, _DAY).drop_null()
        if len(days):
            a, b = (pc.max(pc.struct_field(days, part).cast(pa.int64())).as_py() for part in "ab")
            self.firsts = max(self.firsts[0], a), max(self.firsts[1], b)
            self.short_years |= pc.min(pc.utf8_length(pc.struct_field(days, "c"))).as_py() == 2

    # ------------------------------------------------------------------------------------------------ what they may be

    @property
    def empty(self) -> float:
        """The share of cells that say nothing."""
        return 1 - self.known / self.rows if self.rows else 1.0

    @property
    def unique(self) -> bool:
        """Whether no two rows say the same."""
        return not self.many and 0 < len(self.counts) == self.known

    @property
    def is_mail(self) -> bool:
        """Whether nearly all cells are e-mail addresses."""
        return self.known > 0 and self.addresses >= 0.8 * self.known

    def epoch(self) -> str | None:
        """The unit in which whole numbers are times of 2000 to 2040."""
        if self.low is None or self.high is None or not self.known:
            return None
        return next(
            (unit for unit, size in _EPOCHS.items() if _FIRST * size <= self.low and self.high <= _LAST * size), None
        )

    def orders(self) -> set[Order]:
        """How days such as 05/01/2026 may be read: both, where no cell settles it; none, where there are no such."""
        days = {form for form in self._days() if form[0] == "9"}
        if not days:
            return set()
        found: set[Order] = {"day", "month"}
        if self.firsts[0] > _MONTHS or any(form[1] == "." for form in days):
            found -= {"month"}
        if self.firsts[1] > _MONTHS:
            found -= {"day"}
        return found

    def _days(self) -> set[str]:
        return {form for form in self.forms if _FORM.fullmatch(form) and not _ISO.fullmatch(form)}

    def time(self, order: Order | None) -> dict[str, Any] | None:
        """The column as times, as `data.yaml` declares it; None where it holds other things too."""
        if self.arrow is not None:
            return {"type": "time"} if pa.types.is_temporal(self.arrow) else self._counted_time()
        if not self.known:
            return None
        if self.iso:
            return {"type": "time"}
        if unit := self.epoch():
            return {"type": "time", "format": unit}
        days = self._days()
        iso = {form for form in self.forms if _ISO.fullmatch(form)}
        if not days or self.forms - days - iso or (any(form[0] == "9" for form in days) and not self.orders()):
            return None
        formats = [self._format(form, order) for form in sorted(days, key=lambda form: (-len(form), form))]
        formats += ["iso"] if iso else []
        return {"type": "time", "format": formats[0] if len(formats) == 1 else formats}

    def _counted_time(self) -> dict[str, Any] | None:
        """Numbers of a typed file that count time."""
        if not (self.arrow and pa.types.is_integer(self.arrow)) or not self.counts:
            return None
        low, high = min(map(int, self.counts)), max(map(int, self.counts))
        unit = next((unit for unit, size in _EPOCHS.items() if _FIRST * size <= low and high <= _LAST * size), None)
        return {"type": "time", "format": unit} if unit else None

    def _format(self, form: str, order: Order | None) -> str:
        found = _FORM.fullmatch(form)
        assert found is not None
        first, sign, glue, seconds, before = found.groups()
        year = "%y" if self.short_years else "%Y"
        days = {"Y": ["%Y", "%m", "%d"], "9": ["%m", "%d", year] if order == "month" else ["%d", "%m", year]}
        clock = "" if glue is None else f"{glue}{'%H' if before is None else '%I'}:%M{':%S' if seconds else ''}"
        return sign.join(days[first]) + clock + ("" if before is None else f"{before}%p")

    def decimals(self) -> set[str]:
        """The signs that may stand before decimals: both, where no cell settles it; none, where cells have neither."""
        signs = {decimal for decimal, _ in self.numbers}
        plain = (".", None) in self.numbers and (",", None) in self.numbers
        return set() if plain else signs

    def number(self, decimal: str) -> dict[str, Any] | None:
        """The column as numbers; None where it holds other things, or codes with leading zeros."""
        if self.arrow is not None:
            numeric = (
                pa.types.is_integer(self.arrow) or pa.types.is_floating(self.arrow) or pa.types.is_decimal(self.arrow)
            )
            return {"type": "number"} if numeric else None
        if not self.known or not self.numbers or self.zeros:
            return None
        typed: dict[str, Any] = {"type": "number"}
        own = {sign for sign, _ in self.numbers}
        decimal = decimal if decimal in own else own.pop()
        if not self.decimals():
            pass
        elif decimal == ",":
            typed |= ({"thousands": "."} if (",", ".") in self.numbers else {}) | {"decimal": ","}
        elif (".", None) not in self.numbers:
            typed |= {"thousands": ","}
        return typed if self.bare else typed | {"bare_number": False}

    def boolean(self, *, digits: bool) -> dict[str, Any] | None:
        """The column as true and false; 0 and 1 only where they are expected, or both are there."""
        if self.arrow is not None:
            return {"type": "boolean"} if pa.types.is_boolean(self.arrow) else None
        for pair in _PAIRS:
            if pair in self.true_false and (pair != ("1", "0") or digits or len(self.counts) == 2):
                own = {} if pair[0] in _ENGINE_READS else {"true_values": [pair[0]], "false_values": [pair[1]]}
                return {"type": "boolean"} | own
        return None

    def listed(self) -> dict[str, Any] | None:
        """The column as lists: several parts in over 5 % of cells, and few that differ."""
        if self.arrow is not None:
            return {"type": "list"} if pa.types.is_list(self.arrow) else None
        for sign in SEPARATORS:
            if self.known and self.separated[sign] > 0.05 * self.known and not self.many and not self.is_mail:
                parts = {normalise(part) for value in self.counts for part in value.split(sign)}
                if len(parts) <= max(_PARTS if sign != "," else 12, 0) and len(parts) < 2 * len(self.counts):
                    return {"type": "list", "separator": sign}
        return None


def counted_cells(source: Any) -> dict[str, Cells]:
    """Every column of a source, all its cells counted."""
    found = {name: Cells(name) for name in source.columns}
    for batch in source.batches(source.columns):
        for cells, array in zip(found.values(), batch.columns, strict=True):
            cells.add(array)
    return found


def settled(columns: Iterable[Cells], of: str) -> set[Any]:
    """The orders or decimals that some columns of one file leave: what one settles holds for the others."""
    left: set[Any] = set()
    for one in _each(columns, of):
        if len(one) == 1:
            return one
        left |= one
    return left


def _each(columns: Iterable[Cells], of: str) -> Iterator[set[Any]]:
    for column in columns:
        yield {
            *(column.orders() if of == "orders" else column.decimals() if column.numbers and not column.zeros else ())
        }
