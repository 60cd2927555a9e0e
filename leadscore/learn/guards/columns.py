"""What is odd about a column by itself: identifiers, constants, spikes, values that stand for missing ones."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np

from leadscore.base.days import day_number
from leadscore.base.text import normalise
from leadscore.learn.guards.cells import Cells, Mask
from leadscore.learn.guards.separation import Auc, Rows, alone, differ
from leadscore.stats.intervals import Ints, share_text

# Code, column, message and figures.
Found = tuple[str, Hashable, str, dict[str, Any]]

# Of rows with a value so many have one of their own.
_OWN = 0.95
# So many ties there would be at least if whole numbers were drawn from their range and not handed out.
_TIES = 10
_ID_NAME = re.compile(r"(^|[\W_])(?i:id|uuid|guid)$|[a-z]I[dD]$", re.ASCII)
_WORDS = re.compile(r"[^\W\d_]{2,}[\W_]+[^\W\d_]{2,}")
_READ = 2000
# Too few rows that differ from the rest: no bin can be made of them.
_APART, _APART_SHARE = 5, 0.005
_SPIKE, _SPIKE_SHARE = 30, 0.005
_FILLERS = {
    "", "-", "--", "?", ".", "/", "#n/a", "#na", "(none)", "(not set)", "(unknown)", "<na>", "keine angabe", "missing",
    "n.a.", "n/a", "na", "nan", "nil", "no data", "none", "nonexistent", "not applicable", "not available", "not known",
    "not provided", "not set", "not specified", "null", "please select", "select", "tbd", "undefined", "unknown",
    "unspecified",
}  # fmt: skip
_NINES = {sign * float("9" * digits) for digits in range(2, 11) for sign in (1, -1)}
_NO_DAYS = {
    day_number(dt.date.fromisoformat(day))
    for day in (
        "0001-01-01", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01", "2099-12-31", "9999-12-31",
    )
}  # fmt: skip


def identifier(cells: Cells) -> Iterator[Found]:
    """Nearly every row has a value of its own, and it is no measure and no text of words."""
    filled, distinct = int(cells.counts.sum()), len(cells.values)
    if cells.kind == "date" or distinct < max(_OWN * filled, 20):
        return
    if cells.kind == "category":
        some = cells.values[:: max(1, distinct // _READ)].tolist()
        if sum(bool(_WORDS.search(text)) and "@" not in text for text in some) > len(some) / 10:
            return
        why = "text"
    else:
        if (cells.values != np.round(cells.values)).any():
            return
        ties = filled**2 / (2 * (cells.values[-1] - cells.values[0] + 1))
        handed_out = filled - distinct <= ties / 10 and ties >= _TIES
        if not handed_out and not _ID_NAME.search(str(cells.name)):
            return
        why = "whole numbers"
    message = f"identifies single leads: {distinct:,} values in {filled:,} filled rows ({why}), of no use for new leads"
    yield "LS320", cells.name, message, {"n": filled, "distinct": distinct}


def near_constant(cells: Cells) -> Iterator[Found]:
    """All rows but a few have one value, or none."""
    n = len(cells.codes)
    counts = np.append(cells.counts, cells.missing.sum())
    most = int(np.argmax(counts))
    others = n - int(counts[most])
    if others >= max(_APART, _APART_SHARE * n):
        return
    value = shown(cells, most) if most < len(cells.values) else "missing"
    message = f"is {value} in {n - others:,} of {n:,} rows: too few others ({others:,}) to learn from"
    yield "LS321", cells.name, message, {"n": n, "others": others}


def only_missingness(cells: Cells, rows: Rows) -> Iterator[Found]:
    """Whether there is a value tells something, and which value it is does not."""
    there = ~cells.missing
    n, filled = len(there), int(there.sum())
    with_it, filled_with_it = int(rows.y.sum()), int(rows.y[there].sum())
    had, size = (filled_with_it, with_it - filled_with_it), (filled, n - filled)
    if min(size) < _SPIKE or not differ(had, size):
        return
    presence = abs(filled_with_it / with_it - (filled - filled_with_it) / (n - with_it)) / 2
    code, bins = cells.bins
    inside = rows.fold[there] * 2 + rows.y[there]
    counts = np.bincount(inside * bins + code[there], minlength=10 * bins).reshape(5, 2, bins)
    within, said = Auc(0.5, 0.5, 0.5), "filled rows all have one value"
    if len(cells.values) > 1:
        if counts.sum(axis=2).min() == 0:
            return
        within = alone(counts)
        said = f"among filled rows its values have an AUC of {within}"
    if within.low > 0.5 or within.high - 0.5 > presence:
        return
    message = (
        f"only whether it is filled matters: filled {share_text(had[0], size[0])}, "
        f"missing {share_text(had[1], size[1])}; {said}"
    )
    figures = {"n": n, "filled": filled, "auc_filled": 0.5 + presence, "auc_of_values": within.value}
    yield "LS322", cells.name, message, figures | {"low": within.low, "high": within.high}


def spike(cells: Cells, rows: Rows | None) -> Iterator[Found]:
    """A number that many rows have, far outside of all others, with a rate of its own."""
    filled = int(cells.counts.sum())
    if rows is None or cells.kind != "number":
        return
    for code in _outside(cells):
        n = int(cells.counts[code])
        if n < max(_SPIKE, _SPIKE_SHARE * filled):
            continue
        had = _events(cells, rows, code)
        rest = int(rows.y[~cells.missing].sum()) - had
        if not differ((had, rest), (n, filled - n)):
            continue
        first, last = _others(cells, code)
        message = (
            f"{shown(cells, code)} lies far outside the others ({first:g} to {last:g}), with another outcome rate: "
            f"{share_text(had, n)}, others {share_text(rest, filled - n)}; bins of equal size would hide it"
        )
        figures = {"value": float(cells.values[code]), "n": n, "events": had, "others": filled - n}
        yield "LS330", cells.name, message, figures | {"events_of_others": rest}


def disguised_missing(cells: Cells, rows: Rows | None) -> Iterator[Found]:
    """Values that say that there is none, among real ones."""
    codes = _disguised(cells)
    filled = int(cells.counts.sum())
    if not len(codes) or len(codes) == len(cells.values):
        return
    n = int(cells.counts[codes].sum())
    names = ", ".join(shown(cells, code) for code in codes)
    message = f"{names} stand{'s' if len(codes) == 1 else ''} for missing in {n:,} of {filled:,} filled rows"
    figures: dict[str, Any] = {"values": [_plain(cells, code) for code in codes], "n": n, "filled": filled}
    if rows is not None:
        had = sum(_events(cells, rows, code) for code in codes)
        rest = int(rows.y[~cells.missing].sum()) - had
        message += f": outcome rate {share_text(had, n)}, others {share_text(rest, filled - n)}"
        figures |= {"events": had, "events_of_others": rest}
    yield "LS331", cells.name, f"{message}; keep it as a level of its own", figures


def shown(cells: Cells, code: int) -> str:
    """A value of a column, as text."""
    value = _plain(cells, code)
    return repr(value) if cells.kind == "category" else f"{value:.15g}" if cells.kind == "number" else value


def _plain(cells: Cells, code: int) -> Any:
    value = cells.values[code]
    if cells.kind == "date":
        return str(np.datetime64(int(np.floor(value)), "D"))
    return float(value) if cells.kind == "number" else str(value)


def _events(cells: Cells, rows: Rows, code: int) -> int:
    return int(rows.y[cells.codes == code].sum())


def _others(cells: Cells, code: int) -> tuple[float, float]:
    others = np.delete(cells.values, code)
    return float(others[0]), float(others[-1])


def _outside(cells: Cells) -> list[int]:
    """The least and the largest value, where the gap to the next is wider than nearly all others lie apart."""
    found = []
    for code, nearest in ((0, 1), (len(cells.values) - 1, -2)):
        # With a value and two others there is no telling what is far.
        if len(cells.values) <= 3 or cells.counts[code] < _APART:
            continue
        counts, values = np.delete(cells.counts, code), np.delete(cells.values, code)
        first, last = values[np.searchsorted(np.cumsum(counts), np.array([0.01, 0.99]) * counts.sum())]
        if abs(cells.values[code] - cells.values[nearest]) > last - first:
            found.append(code)
    return found


def _disguised(cells: Cells) -> Ints:
    if cells.kind == "category":
        fits: Mask = np.array([normalise(value) in _FILLERS for value in cells.values.tolist()], np.bool_)
    elif cells.kind == "date":
        fits = np.isin(np.floor(cells.values), list(_NO_DAYS))
    else:
        fits = np.zeros(len(cells.values), np.bool_)
        outside = [code for code in _outside(cells) if float(cells.values[code]) in _NINES]
        # The one value below 0 of numbers that otherwise count something.
        least = len(cells.values) > 2 and cells.values[0] == -1 and cells.counts[0] >= _APART
        if least and (cells.values == np.round(cells.values)).all():
            outside.append(0)
        fits[outside] = True
    return np.flatnonzero(fits)
