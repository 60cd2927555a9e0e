"""Rows to learn from, in an order of their own; their stretches of time, and their folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.learn.card.binning import Bins, Floats, Ints, cells, is_words, words
from leadscore.learn.card.rows import Rows
from leadscore.sources.columns import Column

Days = npt.NDArray[np.int64]

# A level or word is rare below so many leads, and below this share of them.
_RARE, _RARE_SHARE = 30.0, 0.005
_MOST_WORDS = 30
_PERIODS, _FOLDS = 10, 4
# The folds are of so many rows at most.
_LOOKED_AT = 10_000


def in_order(
    read: Mapping[str, Column], y: Floats, weight: Floats, day: Days | None, groups: Ints | None
) -> tuple[Rows, Days | None]:
    """The rows by their cells, and the day of each, in an order that depends on what they hold alone."""
    total = weight.sum()
    rare = min(max(_RARE, _RARE_SHARE * total), total / 10)
    features: list[Bins] = []
    for name in sorted(read):
        column = read[name]
        if column.numbers is None and is_words(column, weight, rare):
            features += words(name, column, weight, rare, _MOST_WORDS)
        else:
            features.append(cells(name, column, weight, rare))
    codes = [bins.codes(read[bins.column]) for bins in features]
    order, groups = _order([*codes, y.astype(np.int64), *([] if day is None else [day])], weight, groups)
    days = None if day is None else day[order]
    period = None if days is None else _periods(days, weight[order])
    return Rows(features, [code[order] for code in codes], y[order], weight[order], period, groups), days


def _order(held: list[npt.NDArray[Any]], weight: Floats, groups: Ints | None) -> tuple[Ints, Ints | None]:
    """Rows by a mark of what they hold, those alike by weight; and the group of each, numbered as they come."""
    mark = np.zeros(len(weight), np.uint64)
    for values in held:
        mark = _mixed(mark ^ values.astype(np.uint64))
    if groups is None:
        return np.lexsort((weight, mark)), None
    # Rows alike of groups that are not: each row has the mark of its group too.
    whole = np.zeros(int(groups.max()) + 1, np.uint64)
    np.add.at(whole, groups, _mixed(mark ^ weight.view(np.uint64)))
    keys = (whole[groups], weight, mark)
    order = np.lexsort(keys)
    number = np.asarray(pd.factorize(groups[order])[0], np.intp)
    alike = np.lexsort((number, *(key[order] for key in keys)))
    return order[alike], number[alike]


def _mixed(mark: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    mark = mark * np.uint64(0x9E3779B97F4A7C15)
    return mark ^ (mark >> np.uint64(29))


def _days_at(day: Days, weight: Floats, parts: int) -> Days:
    """The days on which so many equal parts of the leads begin, but for the first."""
    order = np.argsort(day, kind="stable")
    reached = np.cumsum(weight[order])
    starts = np.searchsorted(reached, np.arange(1, parts) * reached[-1] / parts, "right")
    return day[order][np.minimum(starts, len(day) - 1)]


def _periods(day: Days, weight: Floats) -> Ints | None:
    """The tenth of the time each row is of; no day lies in two."""
    if day.min() == day.max():
        return None
    starts = np.unique(_days_at(day, weight, _PERIODS))
    return np.unique(np.searchsorted(starts, day, "right"), return_inverse=True)[1]


def folds(rows: Rows, day: Days | None) -> Iterator[tuple[Rows, Rows]]:
    """What to learn from and what to judge by: earlier and later leads where there are days, else parts of all.

    No lead is on both sides: its rows would tell of one another, and whatever learns them by heart would seem to know.
    """
    place = looked_at(len(rows.y))
    some = rows.take(place)
    if day is None or rows.period is None:
        pairs = list(_stripes(some.weight) if some.lead is None else _dealt(some.weight, some.lead))
    else:
        pairs = list(_in_time(some, day[place]))
    for weights in pairs:
        train, test = (replace(some, weight=weight).take(weight > 0) for weight in weights)
        if all(len(part.y) and 0 < part.y.mean() < 1 for part in (train, test)):
            yield train, test


def looked_at(n_rows: int) -> Ints:
    """Which of so many rows the folds are of."""
    return np.arange(0, n_rows, max(1, -(-n_rows // _LOOKED_AT)))


def _in_time(rows: Rows, day: Days) -> Iterator[tuple[Floats, Floats]]:
    """Weights of the rows before each part of the time, of leads that are not in it, and of those in it."""
    cuts = _days_at(day, rows.weight, _FOLDS + 1)
    for start, end in zip(cuts, np.append(cuts[1:], day.max() + 1), strict=True):
        before, within = day < start, (day >= start) & (day < end)
        if rows.lead is not None:
            before &= ~np.isin(rows.lead, rows.lead[within])
        yield rows.weight * before, rows.weight * within


def _dealt(weight: Floats, lead: Ints) -> Iterator[tuple[Floats, Floats]]:
    """Leads with all their rows dealt out in turn; leads alike have numbers that follow each other."""
    for fold in range(_FOLDS):
        judged = lead % _FOLDS == fold
        yield weight * ~judged, weight * judged


def _stripes(weight: Floats) -> Iterator[tuple[Floats, Floats]]:
    """The leads dealt out in turn, as weights of the rows to learn from and to judge by.

    Rows alike stand together, so each fold gets its share of them; and a row that stands for three leads is in three
    folds, as three rows would be. Where rows are whole leads none is split.
    """
    ends = np.cumsum(weight)
    width = 1.0 if (weight == np.floor(weight)).all() else min(1.0, ends[-1] / (100 * _FOLDS))
    turns, rest = np.divmod(np.stack([ends - weight, ends]) / width, _FOLDS)
    for fold in range(_FOLDS):
        before, after = (turns + np.clip(rest - fold, 0, 1)) * width
        test = after - before
        # What is left of a row after rounding is no lead.
        test = np.where(test > weight * (1 - 1e-9), weight, np.where(test < weight * 1e-9, 0, test))
        yield weight - test, test
