"""Numbers as people write them in sheets: points, ranges of a number, periods of time."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Self

_SIGNS = str.maketrans(
    {**dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d", "-"), "\uff0b": "+", "≥": ">=", "≤": "<="}
)
_NUMBER = r"(?:[0-9]{1,3}(?:[ '][0-9]{3})+(?:[.,][0-9]+)?|[0-9][0-9.,]*[0-9]|[0-9])"
_FACTORS = {
    r"k|thousand|tsd\.?|tausend": 1000,
    r"m|mm|mn|mio\.?|millions?|millionen": 1_000_000,
    r"b|bn|mrd\.?|billions?|milliarden?": 1_000_000_000,
}
_MONEY = r"(?:[$€£]|usd|eur|gbp|chf)"
_AMOUNT = rf"{_MONEY}? ?(?:{_NUMBER})(?: ?(?:{'|'.join(_FACTORS)})(?![^\W_]))? ?{_MONEY}?"
_COUNTED = (
    "employees?|people|persons?|staff|ftes?|headcount|users?|seats?|licen[sc]es?|customers?|locations?|years?|yrs?|"
    "mitarbeiter(?:innen)?|beschäftigte|angestellte|jahre|in|of|annual|arr|mrr|revenue|turnover|funding|umsatz"
)
_UNITS = rf"(?: (?:{_COUNTED}))*"
_FROM = r">=|=>|at least|min(?:imum)?\.?(?: of)?|from|starting (?:at|from)|no (?:less|fewer) than|ab|mindestens"
_ABOVE = r">|more than|over|above|(?:greater|larger|bigger) than|über|mehr als|größer als"
_UP_TO = r"<=|=<|at most|max(?:imum)?\.?(?: of)?|up to|no more than|bis(?: zu)?|höchstens|maximal"
_BELOW = r"<|(?:less|fewer|smaller) than|under|below|unter|weniger als|kleiner als"
_OR_MORE = r" ?\+| plus| (?:or|and) (?:more|above|up|over|greater)| (?:oder|und) mehr"
_OR_LESS = r" (?:or|and) (?:less|fewer|below|under)| oder weniger"
# What stands before an amount and behind it, which end of a band it is then, and whether the band includes it.
_BOUNDS = (
    (f"(?:{_FROM}) ?", "", ("low", True)),
    (f"(?:{_ABOVE}) ?", "", ("low", False)),
    (f"(?:{_UP_TO}) ?", "", ("high", True)),
    (f"(?:{_BELOW}) ?", "", ("high", False)),
    ("", f"(?:{_OR_MORE})", ("low", True)),
    ("", f"(?:{_OR_LESS})", ("high", True)),
)
_RANGE = re.compile(
    rf"(?:between |from |zwischen |von )?({_AMOUNT}){_UNITS} ?(?:-|\b(?:to|bis|and|und)\b) ?({_AMOUNT}){_UNITS}",
    re.IGNORECASE,
)
_ONE = re.compile(rf"(?:= ?)?({_AMOUNT}){_UNITS}", re.IGNORECASE)
_BOUNDED = [
    (re.compile(f"{before}({_AMOUNT}){_UNITS}{behind}{_UNITS}", re.IGNORECASE), meaning)
    for before, behind, meaning in _BOUNDS
]
_POINTS = re.compile(
    rf"(?P<open>\(?) ?(?P<sign>[-+]?) ?(?P<number>{_NUMBER}) ?(?P<close>\)?)"
    r"(?: ?(?:points?|pts?|p|punkte?|pkt)\b\.?)?(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_UNIT = (
    "hours?|hrs?|h|days?|d|weeks?|wks?|months?|mos?|quarters?|years?|yrs?"
    "|stunden?|tag(?:en?)?|wochen?|monat(?:en?)?|jahr(?:en?)?"
)
_SOME = "[0-9]{1,5}|an?|one|eine[mnrs]?"
PERIOD = rf"(?:(?:{_SOME})[ -]?(?:{_UNIT})|(?:(?<=last )|(?<=past )|(?<=per )|(?<=every ))(?:{_UNIT}))"
_DAYS = {"d": 1, "t": 1, "w": 7, "m": 30, "q": 90, "y": 365, "j": 365}


class Unclear(Exception):  # noqa: N818 - not an error: a row that people must decide
    """Why nobody can tell what a row means."""


def tidy(text: str) -> str:
    """Text on one line, with plain signs."""
    return " ".join(text.translate(_SIGNS).split())


def number(text: str, decimal: str) -> float:
    """A number as it is written; `decimal` is the sheet's decimal sign, which tells 1.000 from 1,000."""
    digits = re.sub("[ ']", "", text)
    english, continental = (rf"[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+" for group in (",", r"\."))
    if re.fullmatch(f"{english}|{continental}", digits):
        sign = "," if "," in digits else "."
        if digits.count(sign) == 1 and sign == decimal:
            raise Unclear(f"{text} may be a thousand times as much: write it without {sign!r}")
        digits = digits.replace(sign, "")
    elif re.fullmatch(rf"{english}\.[0-9]+|{continental},[0-9]+", digits):
        digits = digits.replace(min(",.", key=digits.index), "")
    digits = digits.replace(",", ".")
    if not re.fullmatch(r"[0-9]{1,15}(?:\.[0-9]{1,9})?", digits):
        raise Unclear(f"{text} is not a plain number")
    return float(digits) if "." in digits else int(digits)


def points(text: str, decimal: str) -> tuple[float, str]:
    """The points of a cell, and what else it says: '5 per visit' is 5, and 'per visit'."""
    written = tidy(text).removeprefix("'")
    found = _POINTS.fullmatch(written)
    if not found or bool(found["open"]) != bool(found["close"]) or (found["open"] and found["sign"] == "+"):
        raise Unclear(f"the points are {text!r}, not a number" if written else "no points are given")
    value = number(found["number"], decimal)
    # Accountants write what is taken away in brackets.
    negative = found["sign"] == "-" or bool(found["open"])
    return (-value if negative else value), found["rest"].strip(" ,;")


@dataclass(frozen=True)
class Band:
    """A range of a number; `exact` where a cell holds nothing but one number."""

    low: float = -math.inf
    high: float = math.inf
    low_included: bool = True
    high_included: bool = True

    @property
    def exact(self) -> bool:
        """Whether it is one number."""
        return self.low == self.high

    def test(self) -> dict[str, Any]:
        """The band in the language of rulebooks."""
        if self.exact:
            return {"is": self.low}
        if math.isfinite(self.low) and math.isfinite(self.high) and self.low_included and self.high_included:
            return {"between": [self.low, self.high]}
        low = {"at_least" if self.low_included else "more_than": self.low}
        high = {"at_most" if self.high_included else "less_than": self.high}
        return (low if math.isfinite(self.low) else {}) | (high if math.isfinite(self.high) else {})

    @classmethod
    def read(cls, text: str, decimal: str) -> Self | None:
        """The band that a text names; None if it names none."""
        written = tidy(text)
        if found := _RANGE.fullmatch(written):
            low, high = (_amount(part, decimal) for part in found.groups())
            if _factor(found[1]) == 1 < _factor(found[2]) and low < high / _factor(found[2]):
                low *= _factor(found[2])  # $1-10M
            if low >= high or 0 < low * 1000 <= _factor(found[2]):
                raise Unclear(f"{text!r} does not say the smaller number first, each with its unit")
            return cls(low, high)
        for pattern, (side, included) in _BOUNDED:
            if found := pattern.fullmatch(written):
                amount = _amount(found[1], decimal)
                return (
                    cls(low=amount, low_included=included)
                    if side == "low"
                    else cls(high=amount, high_included=included)
                )
        if found := _ONE.fullmatch(written):
            amount = _amount(found[1], decimal)
            return cls(amount, amount)
        both = re.fullmatch(r"(.*[0-9].*?)(?: and | und | ?& ?|, ?)([<>].*)", written)
        halves = [half for part in (both.groups() if both else ()) if (half := cls.read(part, decimal))]
        return cls._within(text, halves) if len(halves) > 1 else None

    @classmethod
    def _within(cls, text: str, halves: list[Self]) -> Self:
        low, high = max(halves, key=lambda half: half.low), min(halves, key=lambda half: half.high)
        if not low.low < high.high:
            raise Unclear(f"no number is {text!r}")
        return cls(low.low, high.high, low.low_included, high.high_included)


def _factor(text: str) -> int:
    letters = re.sub(rf"{_MONEY}|[^a-z.]", "", re.sub(_NUMBER, "", text.lower())).strip()
    return next((factor for words, factor in _FACTORS.items() if letters and re.fullmatch(words, letters)), 1)


def _amount(text: str, decimal: str) -> float:
    written = re.search(_NUMBER, text)
    value = number(written[0], decimal) * _factor(text) if written else math.nan
    return int(value) if float(value).is_integer() else round(value, 9)


def days(period: str) -> int:
    """How many days a period has: a month has 30, a quarter 90, a year 365."""
    found = re.fullmatch(rf"(?:({_SOME})[ -]?)?({_UNIT})", period.lower())
    if not found:
        raise Unclear(f"{period!r} is not a period of time")
    unit = found[2]
    value = int(found[1]) if found[1] and found[1].isdigit() else 1
    if unit.startswith(("h", "st")):
        if value % 24:
            raise Unclear(f"{period}: the shortest time is a day")
        return value // 24
    return value * _DAYS[unit[0]]
