"""Ids of events and outcomes that no lead has: why they may not match, seen by what would make them match."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from leadscore.base.text import IGNORABLE, counted

# So many different ids are kept while a table is read.
_KEPT = 100_000
# What stands around an id without being part of it; Arrow has no IGNORABLE, and ids of leads have none.
_AROUND = r"^[\s\"'`]+|[\s\"'`]+$"
_UNSEEN = f"{_AROUND}|{IGNORABLE}|\u00a0"
_DECIMALS = r"[.,]0+$"
# Salesforce's ids are 15 letters and digits in which case counts, or 18: the last three stand for the case.
_SALESFORCE = r"^[0-9A-Za-z]{15}([0-9A-Za-z]{3})?$"
# Numbers longer than the 15 digits that spreadsheets keep, in figures and as 1.23E+17.
_LONG, _POWER = r"^[0-9]{16,}$", r"^[0-9]([.,][0-9]+)?[eE]\+?[0-9]{1,2}$"
_DIGITS = 15
_NOTHING = pa.scalar("", pa.large_string())


def _number(text: str) -> str:
    """A long number by the digits that spreadsheets keep."""
    long = re.match(f"{_LONG}|{_POWER}", text)
    return f"{float(text.replace(',', '.')):.{_DIGITS - 1}e}" if long else text


# What makes an id and a lead's the same; of several the first is told.
_WAYS: dict[str, Callable[[str], str]] = {
    "without blanks, quotes and unseen characters": lambda text: re.sub(_UNSEEN, "", text),
    "without '.0', which whole numbers get in a column with gaps": lambda text: re.sub(_DECIMALS, "", text),
    "with the zeros in front that spreadsheets take away": lambda text: text.lstrip("0"),
    "by 15 characters: Salesforce writes ids with 15 and with 18": lambda text: (
        text[:_DIGITS] if re.match(_SALESFORCE, text) else text
    ),
    "in other capitals": str.casefold,
    "rounded: spreadsheets keep 15 digits, floating-point numbers are exact up to 2**53": _number,
}


class UnknownIds:
    """The ids that no lead has, collected while a table is read."""

    def __init__(self, leads: pa.Array) -> None:
        self._leads = leads
        self._rows: Counter[str] = Counter()

    def note(self, ids: pa.Array, rows: npt.NDArray[Any]) -> None:
        """Note the ids in some rows."""
        found = ids.take(pa.array(rows, pa.int64())).cast(pa.large_string()).drop_null().value_counts()
        for text, count in zip(*(part.to_pylist() for part in found.flatten()), strict=True):
            if text in self._rows or len(self._rows) < _KEPT:
                self._rows[text] += count

    def why(self) -> str:
        """What would make how many of them match; or how the ids of leads look.

        Examples
        --------
        >>> unknown = UnknownIds(pa.array(["007", "12"]))
        >>> unknown.note(pa.array(["7", "7", "x"]), [0, 1, 2])
        >>> unknown.why()
        "2 rows would match with the zeros in front that spreadsheets take away ('7', lead '007')"
        """
        if not self._rows:
            return ""
        theirs, ours = list(self._rows), self._leads.cast(pa.large_string())
        places = pc.index_in(_keys(pa.array(map(_in_figures, theirs), pa.large_string())), value_set=_keys(ours))
        rows: Counter[str] = Counter()
        examples: dict[str, str] = {}
        for text, place in zip(theirs, places.to_pylist(), strict=True):
            if place is None:
                continue
            lead = ours[place].as_py()
            way = next(
                (way for way, plain in _WAYS.items() if plain(text) == plain(lead)), "after several such changes"
            )
            rows[way] += self._rows[text]
            examples.setdefault(way, f"({text!r}, lead {lead!r})")
        found = [f"{counted(n, 'row')} would match {way} {examples[way]}" for way, n in rows.most_common()]
        if not found and len(ours):
            alike = f"ids of leads look like {ours[0].as_py()!r}, these like {theirs[0]!r}"
            return f"{alike}; `aliases` says which lead an id was merged into"
        return "; ".join(found)


def _in_figures(text: str) -> str:
    """An id without what is not seen, a power of ten in figures."""
    plain = re.sub(_UNSEEN, "", text)
    return f"{float(plain.replace(',', '.')):.0f}" if re.match(_POWER, plain) else plain


def _keys(ids: pa.Array) -> pa.Array:
    """Ids made so plain that all that `_WAYS` takes for one are the same."""
    plain = pc.replace_substring_regex(pc.replace_substring_regex(ids, _AROUND, ""), _DECIMALS, "")
    short = pc.utf8_slice_codeunits(plain, 0, _DIGITS)
    salesforce = pc.and_(pc.match_substring_regex(plain, _SALESFORCE), pc.match_substring_regex(plain, "[A-Za-z]"))
    plain = pc.if_else(salesforce, short, pc.utf8_ltrim(plain, "0"))
    # Rounding leaves the first digits, and how many there are.
    length = pc.utf8_length(plain).cast(pa.large_string())
    long = pc.binary_join_element_wise(pc.utf8_slice_codeunits(plain, 0, _DIGITS - 2), length, _NOTHING)
    return pc.utf8_lower(pc.if_else(pc.match_substring_regex(plain, _LONG), long, plain))
