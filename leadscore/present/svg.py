"""The pictures of a page as SVG: every text escaped, colours from the page's own variables, so light, dark and print.

Each is 420 units wide. Shapes, dashes and hollow marks say all that colours say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import east_asian_width

from markupsafe import Markup, escape

from leadscore.errors import visible
from leadscore.present.figures import duration, percent
from leadscore.present.picture_words import WAITS, figure, in_words

Drawn = tuple[list[Markup], float]

_WIDTH, _ROW = 420, 24
# Units of a letter at 12.5 and at 11 units, of a digit at 12.5, and the widest label.
_LETTER, _SMALL, _DIGIT, _WIDEST = 7.1, 6.3, 9, 205
# Where curves and weeks are drawn: between these, from top to bottom.
_LEFT, _RIGHT, _TOP, _BOTTOM = 38, 412, 10, 130
_TIMES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20)
# The least that an axis reaches over, by unit.
_NEAREST = {"share": 0.04, "points": 0.04, "count": 4}
_DAYS = {1: "1 day", 7: "1 week", 30: "30 days", 90: "90 days", 365: "1 year", 1095: "3 years"}


def svg(picture: Mapping[str, Any], key: str) -> Markup:
    """A picture, given as `Page.to_dict` has it; `key` is in no other picture of the page."""
    parts, height = _DRAWN[picture["kind"]](picture)
    return Markup(
        '<svg viewBox="0 0 {width} {height}" role="img" aria-labelledby="t-{key}" aria-describedby="d-{key}">'
        '<title id="t-{key}">{title}</title><desc id="d-{key}">{words}</desc>{parts}</svg>'
    ).format(
        width=_WIDTH, height=_units(height), key=_safe(key), title=_safe(picture["title"]),
        words=_safe(in_words(picture)), parts=Markup().join(parts),
    )  # fmt: skip


@dataclass(frozen=True)
class _Scale:
    """Where a value is drawn; what lies outside is drawn at the edge."""

    low: float
    high: float
    left: float
    right: float
    log: bool = False

    def __call__(self, value: float) -> float:
        value = min(max(value, self.low), self.high)
        read = math.log if self.log else float
        share = (read(value) - read(self.low)) / (read(self.high) - read(self.low))
        return self.left + share * (self.right - self.left)


def _week_bars(picture: Mapping[str, Any]) -> Drawn:
    values, beside, promise = picture["values"], picture["beside"], picture["promise"]
    top = max([1, *values, *beside, promise or 0])
    said = "" if promise is None else f"{promise:,.0f}"
    left = max(8, 10 + _wide(said, _SMALL))
    y = _Scale(0, top, _BOTTOM - 2, 24)
    pitch = (_RIGHT - left) / max(len(values), 1)
    parts = []
    for place, value in enumerate(values):
        strong = place >= len(values) - picture["highlighted"]
        x, level = left + place * pitch, y(value)
        parts.append(_box(x + pitch / 16, level, pitch * 7 / 8, y(0) - level, "a" if strong else "c"))
        if _wide(f"{value:,}", _SMALL) <= pitch:
            inside = y(0) - level >= 16
            # Above a low bar the number stands on the page.
            kind = "i" if strong and inside else "s2"
            parts.append(_text(x + pitch / 2, (y(0) if inside else level) - 5, f"{value:,}", kind, "middle"))
    parts += [_dot(left + (place + 0.5) * pitch, y(count), 4, "hollow") for place, count in enumerate(beside)]
    parts.append(_line(left, y(0), _RIGHT, y(0), "axis"))
    if promise is not None:
        parts += [
            _line(left, y(promise), _RIGHT, y(promise), "promise"),
            _text(left - 4, y(promise) + 4, said, "s", "end"),
        ]
    return [*parts, *_weeks(picture["labels"], left, pitch)], _BOTTOM + 18


def _week_shares(picture: Mapping[str, Any]) -> Drawn:
    values, y = picture["values"], _Scale(0, 1, _BOTTOM, _TOP)
    pitch = (_RIGHT - _LEFT) / max(len(values), 1)
    at = [_LEFT + (place + 0.5) * pitch for place in range(len(values))]
    parts = [*_levels(y)]
    if picture["limit"] is not None:
        parts.append(_line(_LEFT, y(picture["limit"]), _RIGHT, y(picture["limit"]), "promise"))
    run: list[tuple[float, float]] = []
    for x, value in zip([*at, 0], [*values, None], strict=True):
        # A week without a figure breaks the line.
        if value is not None:
            run.append((x, y(value)))
        elif run:
            parts, run = [*parts, _curve(run, "curve")], []
    for x, value, low, high in zip(at, values, picture["low"], picture["high"], strict=True):
        if low is not None and high is not None:
            parts.append(_line(x, y(low), x, y(high), "thin"))
        if value is not None:
            parts.append(_dot(x, y(value), 4, "a"))
    return [*parts, *_weeks(picture["labels"], _LEFT, pitch)], _BOTTOM + 18


def _steps(picture: Mapping[str, Any]) -> Drawn:
    ends = [minutes for curve in picture["curves"] for minutes in curve["minutes"][-1:]]
    reach = max([60, *ends, picture["mark"] or 0])
    last = next((wait for wait in WAITS if wait >= reach), max(WAITS))
    x, y = _Scale(1, last, _LEFT, _RIGHT, log=True), _Scale(0, 1, _BOTTOM, _TOP)
    parts = [*_levels(y), *_under(x, {wait: text for wait, text in WAITS.items() if wait <= last}, 144)]
    if (mark := picture["mark"]) is not None:
        # Right of the line and low: the curves only rise.
        side, anchor = (5, "start") if x(mark) < _RIGHT - 60 else (-5, "end")
        parts.append(_line(x(mark), _TOP, x(mark), _BOTTOM, "promise"))
        parts.append(_text(x(mark) + side, _BOTTOM - 5, duration(mark), "s", anchor))
    for place, curve in enumerate(picture["curves"]):
        kind = "curve dash" if place else "curve"
        parts.append(_curve(_stairs(curve, x, y), kind))
        # The curves begin low: what they are is said in the corner above.
        key = _TOP + 10 + 15 * place
        parts += [_line(_LEFT + 6, key - 4, _LEFT + 30, key - 4, kind), _text(_LEFT + 35, key, curve["label"], "s")]
    return parts, _BOTTOM + 18


def _stairs(curve: Mapping[str, Any], x: _Scale, y: _Scale) -> Iterator[tuple[float, float]]:
    """The corners of a stepped curve; steps that nobody would see are drawn as one."""
    at = (x(0), y(0))
    yield at
    steps = [(x(minutes), y(share)) for minutes, share in zip(curve["minutes"], curve["shares"], strict=True)]
    for place, step in enumerate(steps):
        if place == len(steps) - 1 or abs(step[0] - at[0]) + abs(step[1] - at[1]) >= 2:
            yield step[0], at[1]
            yield step
            at = step
    if steps:
        yield _RIGHT, at[1]


def _dots(picture: Mapping[str, Any]) -> Drawn:
    rows, unit, reference = picture["rows"], picture["unit"], picture["reference"]
    said = [figure(row["value"], unit, picture.get("currency", "")) for row in rows]
    parts, left, right = _labels([row["label"] for row in rows], said)
    bottom = _ROW * len(rows)
    known = [row[name] for row in rows for name in ("value", "low", "high") if row[name] is not None]
    x, ticks = _axis([*known, *([] if reference is None else [reference])], unit, left, right)
    if reference is not None:
        parts.append(_line(x(reference), 0, x(reference), bottom, "axis"))
    for place, row in enumerate(rows):
        parts += _interval(x, _middle(place), row, "thin")
        if row["value"] is not None:
            parts.append(_dot(x(row["value"]), _middle(place), 4.5, "a" if row["filled"] else "hollow"))
    texts = {tick: figure(tick, unit, picture.get("currency", "")) for tick in ticks}
    return [*parts, *_under(x, texts, bottom + 14, first=reference)], bottom + 20


def _share_bars(picture: Mapping[str, Any]) -> Drawn:
    rows = picture["rows"]
    parts, left, right = _labels([row["label"] for row in rows], [figure(row["value"], "share") for row in rows])
    bottom = _ROW * len(rows)
    names = ("value", "high", "agreed", "before")
    x, ticks = _axis([0, *(row[name] for row in rows for name in names if row[name] is not None)], "share", left, right)
    for place, row in enumerate(rows):
        y = _middle(place)
        parts.append(_box(left, y - 7, x(row["value"] or 0) - left, 14, "c"))
        if row["before"] is not None:
            parts.append(_dot(x(row["before"]), y, 4.5, "hollow"))
        parts += _interval(x, y, row, "whisker")
        if row["value"] is not None:
            parts.append(_dot(x(row["value"]), y, 3, "a"))
        if row["agreed"] is not None:
            parts.append(_line(x(row["agreed"]), y - 10, x(row["agreed"]), y + 10, "promise"))
    parts.append(_line(left, 2, left, bottom, "axis"))
    return [*parts, *_under(x, {tick: percent(tick) for tick in ticks}, bottom + 14)], bottom + 20


def _ranges(picture: Mapping[str, Any]) -> Drawn:
    rows, currency = picture["rows"], picture["currency"]
    parts, left, right = _labels([row["label"] for row in rows], [])
    bottom = _ROW * len(rows)
    names = ("low", "high", "first", "last")
    x, ticks = _axis([0, *(row[name] for row in rows for name in names if row[name] is not None)], "money", left, right)
    for place, row in enumerate(rows):
        y = _middle(place)
        parts.append(_line(left, y, right, y, "grid"))
        parts += _interval(x, y, row, "range")
        # The smaller one above: both are seen where they fall together.
        parts += [
            _dot(x(row[name]), y, radius, kind)
            for name, radius, kind in (("last", 5.5, "hollow"), ("first", 3.5, "a"))
            if row[name] is not None
        ]
    return [*parts, *_under(x, {tick: figure(tick, "money", currency) for tick in ticks}, bottom + 14)], bottom + 20


def _ageing(picture: Mapping[str, Any]) -> Drawn:
    rows = picture["rows"]
    said = [f"{row['late']:,} of {row['open']:,}" for row in rows]
    parts, left, right = _labels([row["label"] for row in rows], said)
    bottom = _ROW * len(rows)
    known = [day for row in rows for day in (*row["days"], row["late_from"] or 0)]
    last = next((days for days in _DAYS if days >= max(known, default=0)), max([*known, *_DAYS]))
    # Days are counted from one on, so that what began today has a place.
    x = _Scale(1, last + 1, left, right, log=True)
    for place, row in enumerate(rows):
        y = _middle(place)
        parts.append(_line(left, y, right, y, "grid"))
        if row["late_from"] is not None:
            parts.append(_box(left, y - 8, x(row["late_from"] + 1) - left, 16, "c"))
        if row["median"] is not None:
            parts.append(_line(x(row["median"] + 1), y - 8, x(row["median"] + 1), y + 8, "whisker"))
        for number, days in enumerate(row["days"]):
            late = row["late_from"] is not None and days > row["late_from"]
            # On three lines, so that those of one age do not hide each other.
            parts.append(_dot(x(days + 1), y + 4 * (number % 3 - 1), 2.6, "late" if late else "open"))
    texts: dict[float, str] = {1: "0", **{days + 1: text for days, text in _DAYS.items() if days <= last}}
    heading = "older, of all"
    parts.append(_text(_WIDTH - 2, bottom + 14, heading, "s", "end"))
    return [*parts, *_under(x, texts, bottom + 14, edge=_WIDTH - 8 - _wide(heading, _SMALL))], bottom + 20


def _labels(labels: Sequence[str], figures: Sequence[str]) -> tuple[list[Markup], float, float]:
    """Labels at the left and figures at the right of rows, and between what they leave free."""
    shown = [_cut(visible(label)) for label in labels]
    left = 10 + max((_wide(label, _LETTER) for label in shown), default=0)
    right = _WIDTH - 12 - max((_wide(text, _DIGIT) for text in figures), default=0)
    parts = [_text(left - 6, _middle(place) + 4.5, label, "", "end") for place, label in enumerate(shown)]
    parts += [_text(_WIDTH - 2, _middle(place) + 4.5, text, "", "end") for place, text in enumerate(figures)]
    return parts, left + 4, right


def _axis(values: Iterable[float], unit: str, left: float, right: float) -> tuple[_Scale, list[float]]:
    """A scale that holds all values, and where it is marked."""
    known = [*values]
    low, high = min(known, default=0), max(known, default=0)
    if unit == "times":
        first = max([one for one in _TIMES[:-1] if one <= low], default=_TIMES[0])
        last = min([one for one in _TIMES if one >= high and one > first], default=_TIMES[-1])
        return _Scale(first, last, left, right, log=True), [one for one in _TIMES if first <= one <= last]
    # Never nearer than what can be read; and shares end at 100%.
    room = max(high - low, _NEAREST.get(unit, 1), 1e-6 * max(-low, high))
    low = min(low, 1 - room) if unit == "share" else low
    size = 10 ** math.floor(math.log10(room))
    step = next(size * part for part in (0.25, 0.5, 1, 2, 2.5, 5) if room / (size * part) <= 5)
    ends = math.floor(low / step + 1e-6), math.ceil(max(high, low + room) / step - 1e-6)
    ticks = [step * place for place in range(ends[0], ends[1] + 1)]
    return _Scale(ticks[0], ticks[-1], left, right), ticks


def _levels(y: _Scale) -> Iterator[Markup]:
    """Grid lines of shares."""
    for share in (0, 0.25, 0.5, 0.75, 1):
        yield _line(_LEFT, y(share), _RIGHT, y(share), "grid")
        yield _text(_LEFT - 5, y(share) + 4, percent(share), "s", "end")


def _under(
    x: _Scale, texts: Mapping[float, str], y: float, *, first: float | None = None, edge: float = _WIDTH - 2
) -> Iterator[Markup]:
    """What an axis says below, `first` before the others; nothing over another, and nothing beyond the edge."""
    taken: list[tuple[float, float]] = []
    for value, text in sorted(texts.items(), key=lambda one: (one[0] != first, one[0])):
        half = _wide(text, _SMALL) / 2 + 3
        middle = min(x(value), edge + 3 - half)
        if all(middle + half <= low or high <= middle - half for low, high in taken):
            taken.append((middle - half, middle + half))
            yield _text(middle, y, text, "s", "middle")


def _weeks(labels: Sequence[str], left: float, pitch: float) -> Iterator[Markup]:
    """Labels below weeks, as many as have room."""
    x = _Scale(0, max(len(labels), 1), left, left + pitch * max(len(labels), 1))
    return _under(x, {place + 0.5: label for place, label in enumerate(labels)}, _BOTTOM + 14)


def _interval(x: _Scale, y: float, row: Mapping[str, Any], kind: str) -> Iterator[Markup]:
    if row["low"] is not None and row["high"] is not None:
        yield _line(x(row["low"]), y, x(row["high"]), y, kind)


def _middle(place: int) -> float:
    return _ROW * (place + 0.5)


def _wide(text: str, letter: float) -> float:
    """How wide a text is about; letters of East Asia take the room of two."""
    return letter * sum(2 if east_asian_width(one) in "WF" else 1 for one in text)


def _cut(label: str) -> str:
    """A label that leaves room for the picture; the words below the picture's title have it whole."""
    if _wide(label, _LETTER) <= _WIDEST:
        return label
    while _wide(label, _LETTER) > _WIDEST - _LETTER:
        label = label[:-1]
    return f"{label.rstrip()}…"


def _curve(points: Iterable[tuple[float, float]], kind: str) -> Markup:
    corners = " ".join(f"{_units(x)},{_units(y)}" for x, y in points)
    return Markup('<polyline points="{}" class="{}"/>').format(corners, kind)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    ends = map(_units, (x1, y1, x2, y2))
    return Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>').format(*ends, kind)


def _box(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    sides = map(_units, (x, y, max(width, 0), max(height, 0)))
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" class="{}"/>').format(*sides, kind)


def _dot(x: float, y: float, radius: float, kind: str) -> Markup:
    return Markup('<circle cx="{}" cy="{}" r="{}" class="{}"/>').format(*map(_units, (x, y, radius)), kind)


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}" class="{}">{}</text>').format(
        _units(x), _units(y), anchor, kind, _safe(text)
    )


def _units(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _safe(text: str) -> Markup:
    return escape(visible(text))


_DRAWN: dict[str, Callable[[Mapping[str, Any]], Drawn]] = {
    "week bars": _week_bars,
    "dots": _dots,
    "steps": _steps,
    "share bars": _share_bars,
    "week shares": _week_shares,
    "ranges": _ranges,
    "ageing": _ageing,
}
