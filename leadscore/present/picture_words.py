"""What the pictures of a page show, in words with all figures: for those who do not see them, and in Markdown."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from leadscore.base.text import counted
from leadscore.present.figures import UNKNOWN, duration, money, percent, percent_range, signed

# Minutes at which a stepped curve is read, in its picture too.
WAITS = {1: "1 min", 5: "5 min", 15: "15 min", 60: "1 h", 360: "6 h", 1440: "1 day", 5760: "4 days", 43200: "30 days"}


def in_words(picture: Mapping[str, Any]) -> str:
    """All figures of a picture, given as `Page.to_dict` has it.

    Examples
    --------
    >>> week = {"labels": ["2 Mar", "9 Mar"], "values": [115, 113], "highlighted": 1, "promise": 110, "beside": []}
    >>> in_words({"kind": "week bars", **week})
    '2 Mar: 115; 9 Mar: 113. This period: from 9 Mar. Agreed: 110.'
    """
    rows, *more = _WORDS[picture["kind"]](picture)
    return " ".join(f"{sentence}." for sentence in [rows or "No figures", *more])


def figure(value: float | None, unit: str, currency: str = "") -> str:
    """A figure of a picture, by its unit."""
    if value is None:
        return UNKNOWN
    if unit == "money":
        return money(value, currency)
    if unit == "times":
        return f"\u00d7{value:.2f}" if value < 10 else f"\u00d7{value:,.0f}"
    return percent(value) if unit == "share" else signed(100 * value) if unit == "points" else f"{value:,.0f}"


def share_at(curve: Mapping[str, Any], minutes: float) -> float:
    """The share that a stepped curve has reached by then."""
    place = bisect_right(curve["minutes"], minutes)
    return float(curve["shares"][place - 1]) if place else 0.0


def _week_bars(picture: Mapping[str, Any]) -> Iterator[str]:
    labels, values = picture["labels"], picture["values"]
    beside = [f" (circle: {count:,})" for count in picture["beside"]] or [""] * len(labels)
    yield "; ".join(f"{label}: {value:,}{more}" for label, value, more in zip(labels, values, beside, strict=True))
    if 0 < picture["highlighted"] < len(labels):
        yield f"This period: from {labels[-picture['highlighted']]}"
    if picture["promise"] is not None:
        yield f"Agreed: {picture['promise']:,.0f}"


def _dots(picture: Mapping[str, Any]) -> Iterator[str]:
    unit, currency = picture["unit"], picture.get("currency", "")

    def row(dot: Mapping[str, Any]) -> str:
        interval = ""
        if dot["low"] is not None and dot["high"] is not None:
            interval = f" ({figure(dot['low'], unit, currency)} to {figure(dot['high'], unit, currency)})"
        hollow = "" if dot["filled"] else ", hollow"
        return f"{dot['label']}: {figure(dot['value'], unit, currency)}{interval}{hollow}"

    yield "; ".join(map(row, picture["rows"]))
    if picture["reference"] is not None:
        yield f"Line: {figure(picture['reference'], unit, currency)}"


def _steps(picture: Mapping[str, Any]) -> Iterator[str]:
    waits = dict(WAITS)
    if picture["mark"] is not None:
        waits[picture["mark"]] = duration(picture["mark"])

    def row(curve: Mapping[str, Any]) -> str:
        shares = (f"{percent(share_at(curve, wait))} by {waits[wait]}" for wait in sorted(waits))
        return f"{curve['label']}: {', '.join(shares)}"

    yield "; ".join(map(row, picture["curves"]))
    if picture["mark"] is not None:
        yield f"Agreed: {duration(picture['mark'])}"


def _share_bars(picture: Mapping[str, Any]) -> Iterator[str]:
    def row(bar: Mapping[str, Any]) -> str:
        others = "".join(f", {name} {percent(bar[name])}" for name in ("agreed", "before") if bar[name] is not None)
        return f"{bar['label']}: {_share(bar['value'], bar['low'], bar['high'])}{others}"

    yield "; ".join(map(row, picture["rows"]))


def _week_shares(picture: Mapping[str, Any]) -> Iterator[str]:
    weeks = zip(picture["labels"], picture["values"], picture["low"], picture["high"], strict=True)
    yield "; ".join(
        f"{label}: {'too few' if value is None else _share(value, low, high)}" for label, value, low, high in weeks
    )
    if picture["limit"] is not None:
        yield f"Limit: {percent(picture['limit'])}"


def _ranges(picture: Mapping[str, Any]) -> Iterator[str]:
    def row(one: Mapping[str, Any]) -> str:
        low, high, first, last = (
            figure(one[name], "money", picture["currency"]) for name in ("low", "high", "first", "last")
        )
        return f"{one['label']}: {low} to {high}, first touch {first}, last touch {last}"

    yield "; ".join(map(row, picture["rows"]))


def _ageing(picture: Mapping[str, Any]) -> Iterator[str]:
    def row(stage: Mapping[str, Any]) -> str:
        said = f"{stage['label']}: {stage['open']:,} open, {stage['late']:,} older than usual"
        if stage["median"] is not None:
            said += f", half leave within {_days(stage['median'])}"
        if stage["late_from"] is not None:
            said += f", usual up to {_days(stage['late_from'])}"
        return said

    yield "; ".join(map(row, picture["rows"]))


def _days(days: float) -> str:
    return counted(max(round(days), 1), "day")


def _share(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return UNKNOWN
    return percent(value) if low is None or high is None else f"{percent(value)} ({percent_range(low, high)})"


_WORDS: dict[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "week bars": _week_bars,
    "dots": _dots,
    "steps": _steps,
    "share bars": _share_bars,
    "week shares": _week_shares,
    "ranges": _ranges,
    "ageing": _ageing,
}
