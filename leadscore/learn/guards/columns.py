"""What is odd about a column by itself: identifiers, constants, spikes, values that stand for missing ones."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np

from leadscore.base.text import normalise
from leadscore.learn.guards.cells import Cells
from leadscore.learn.guards.separation import Auc, Rows, Split, alone

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
_NO_DAYS = np.array([
    "0001-01-01", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01", "2099-12-31", "9999-12-31",
], "datetime64[D]").astype(np.int64)  # fmt: skip


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
    split = Split.of(rows.y, there)
    if min(split.n, split.others) < _SPIKE or not split.differ:
        return
    n, with_it = len(there), split.events + split.other_events
    presence = abs(split.events / with_it - (split.n - split.events) / (n - with_it)) / 2
    counts = rows.counts(cells)
    counts[:, :, -1] = 0
    within, said = Auc(0.5, 0.5, 0.5), "filled rows all have one value"
    if len(cells.values) > 1:
        if counts.sum(axis=2).min() == 0:
            return
        within = alone(counts)
        said = f"among filled rows its values have an AUC of {within}"
    if within.low > 0.5 or within.high - 0.5 > presence:
        return
    message = f"only whether it is filled matters: filled {split.shares[0]}, missing {split.shares[1]}; {said}"
    figures = {"n": n, "filled": split.n, "auc_filled": 0.5 + presence, "auc_of_values": within.value}
    yield "LS322", cells.name, message, figures | {"low": within.low, "high": within.high}


def spike(cells: Cells, rows: Rows | None) -> Iterator[Found]:
    """A number that many rows have, far outside of all others, with a rate of its own."""
    if rows is None or cells.kind != "number":
        return
    there = ~cells.missing
    for code in _outside(cells):
        split = Split.of(rows.y[there], cells.codes[there] == code)
        if split.n < max(_SPIKE, _SPIKE_SHARE * there.sum()) or not split.differ:
            continue
        (first, last), shares = np.delete(cells.values, code)[[0, -1]], split.shares
        message = (
            f"{shown(cells, code)} lies far outside the others ({first:g} to {last:g}), with another outcome rate: "
            f"{shares[0]}, others {shares[1]}; bins of equal size would hide it"
        )
        yield "LS330", cells.name, message, {"value": float(cells.values[code])} | split.figures


def disguised_missing(cells: Cells, rows: Rows | None) -> Iterator[Found]:
    """Values that say that there is none, among real ones."""
    codes, there = stand_ins(cells), ~cells.missing
    if not len(codes) or len(codes) == len(cells.values):
        return
    inside, filled = np.isin(cells.codes[there], codes), int(there.sum())
    names, n = ", ".join(shown(cells, code) for code in codes), int(inside.sum())
    message = f"{names} stand{'s' if len(codes) == 1 else ''} for missing in {n:,} of {filled:,} filled rows"
    figures: dict[str, Any] = {"values": [_plain(cells, code) for code in codes], "n": n, "filled": filled}
    if rows is not None:
        split = Split.of(rows.y[there], inside)
        message += f": outcome rate {split.shares[0]}, others {split.shares[1]}"
        figures |= {"events": split.events, "events_of_others": split.other_events}
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


def stand_ins(cells: Cells) -> list[int]:
    """Positions of the values that say that there is none."""
    values = cells.values.tolist()
    if cells.kind == "category":
        return [code for code, value in enumerate(values) if normalise(value) in _FILLERS]
    if cells.kind == "date":
        return np.flatnonzero(np.isin(np.floor(cells.values), _NO_DAYS)).tolist()
    nines = {code for code in _outside(cells) if values[code] in _NINES}
    # The one value below 0 of numbers that otherwise count something.
    least = len(values) > 2 and values[0] == -1 and cells.counts[0] >= _APART
    return sorted(nines | {0} if least and (cells.values == np.round(cells.values)).all() else nines)
