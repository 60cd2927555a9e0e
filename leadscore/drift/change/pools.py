"""The leads of a period and what became of them, in cells of leads that are alike, week by week."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from leadscore.base.days import day_of
from leadscore.rulebook import Rulebook
from leadscore.scoring.binding import Binding
from leadscore.scoring.replay import History
from leadscore.scoring.scores import points_by_rule
from leadscore.stats.intervals import Floats, Ints
from leadscore.stats.shapley import Counts

WEEK = 7
# Of leads that were there in a period: new in it, come in the time as long just before, or older.
NEW, RECENT, OLDER = range(3)
# More values than that, of points that a lead needs to qualify, are put in bands.
_BANDS = 30


class Span(NamedTuple):
    """A period, its days since 1970."""

    first: int
    last: int

    @property
    def days(self) -> tuple[dt.date, dt.date]:
        """Its first and its last day."""
        return day_of(self.first), day_of(self.last)

    @property
    def weeks(self) -> int:
        """How many weeks it has."""
        return (self.last - self.first + 1) // WEEK


@dataclass(frozen=True)
class Pool:
    """The leads that were there in a period, and those that qualified, by either rulebook.

    Attributes
    ----------
    lead : (n,) positions among the leads
    keys : DataFrame, a row per lead
        `stratum`, `source`, `segment`, and of each rulebook `needed_` (thousandths to its threshold beyond its fit)
        and `barred_`.
    slot : (n,) the week in which a new lead came; the number of weeks for all others
    books : the rulebooks, equal ones perhaps several times
    histories : what each made of the period
    """

    span: Span
    lead: Ints
    keys: pd.DataFrame
    slot: Ints
    books: Sequence[Rulebook]
    histories: dict[Rulebook, History]


def pool_of(  # noqa: PLR0913, PLR0917 - what leads are, by which rules, and which have qualified before
    binding: Binding, span: Span, books: Sequence[Rulebook], source: Ints, segment: Ints | None, begun: int
) -> Pool:
    """The leads that were there in a period, alike by the first two rulebooks, and what each of all made of it.

    Leads are told apart by their source, and by their segment or, without any, by that of the second rulebook. Those
    that qualified from the day `begun` on, before the period, and do so again are not counted again.
    """
    same = books[0] == books[1]
    first = binding.timeline(books[0]).everyone(span.last)
    bounds = (first, first if same else binding.timeline(books[1]).everyone(span.last))
    lead = first.lead.astype(np.int64)
    came = binding.tables.records.there_from(books[0].timezone)[lead]
    stratum = np.select([came >= span.first, came >= 2 * span.first - span.last - 1], [NEW, RECENT], OLDER)
    # Leads of no segment are the last.
    by_rulebook = bounds[1].segment.astype(np.int64) % (len(books[1].qualify.segments) + 1)
    keys = {"stratum": stratum, "source": source[lead], "segment": by_rulebook if segment is None else segment[lead]}
    for place, bound in enumerate(bounds[: 1 if same else 2]):
        # What an event bars is behaviour.
        never = zip(bound.plan.never, bound.barred, strict=True)
        barred = [mask for (_, asks), mask in never if not isinstance(asks, int)]
        keys[f"needed_{place}"] = bound.threshold - bound.fit
        keys[f"barred_{place}"] = np.any([np.zeros(bound.n, bool), *barred], axis=0)
    slot = np.where(stratum == NEW, (came - span.first) // WEEK, span.weeks)
    histories = {book: binding.history(book, begun, span.last) for book in dict.fromkeys(books)}
    return Pool(span, lead, pd.DataFrame(keys), slot, books, histories)


def in_bands(values: Ints) -> Ints:
    """Codes of values; where there are many, of bands of equally many leads."""
    if len(np.unique(values)) <= _BANDS:
        return values
    edges = np.unique(np.quantile(values, np.arange(1, _BANDS) / _BANDS))
    return np.searchsorted(edges, values, "left")


def counted(binding: Binding, pools: Sequence[Pool], rules: Sequence[str]) -> tuple[Counts, pd.DataFrame]:
    """The leads and MQLs of both periods in cells and weeks; and what each cell is."""
    keys = pd.concat([pool.keys for pool in pools], ignore_index=True)
    needed = [name for name in keys if str(name).startswith("needed")]
    keys = keys.assign(**{str(name): in_bands(keys[name].to_numpy(np.int64)) for name in needed})
    cell = np.array(keys.groupby(list(keys), sort=True).ngroup(), np.int64)
    cells = keys.assign(cell=cell).drop_duplicates("cell").sort_values("cell", ignore_index=True).drop(columns="cell")
    alike = cells.drop(columns=["source", "segment"])
    parent: Ints = np.array(alike.groupby(list(alike)).ngroup(), np.int64)
    leads, figures = [], []
    for pool, codes in zip(pools, np.split(cell, [len(pools[0].lead)]), strict=True):
        shape = (len(cells), pool.span.weeks + 1)
        leads.append(_placed(shape, codes, pool.slot, np.ones((len(codes), 1)))[..., 0])
        found = {}
        for book, history in pool.histories.items():
            row, slot, own = _figures(binding, pool, history, rules)
            found[book] = _placed(shape, codes[row], slot, own)
        figures.append([found[book] for book in pool.books])
    stratum: Ints = np.array(cells["stratum"], np.int64)
    return Counts((leads[0], leads[1]), figures, stratum, parent), cells


def _placed(shape: tuple[int, int], cell: Ints, slot: Ints, rows: Floats) -> Floats:
    """(n_cells, slots, n_figures) the sums of rows in each."""
    place = cell * shape[1] + slot
    return np.stack([np.bincount(place, row, shape[0] * shape[1]).reshape(shape) for row in rows.T], axis=-1)


def _figures(binding: Binding, pool: Pool, history: History, rules: Sequence[str]) -> tuple[Ints, Ints, Floats]:
    """Of the leads that qualified: their place in the pool, the week they count in, and their figures.

    The figures are 1, the share of behaviour in the points, and how much of the MQL each rule made.
    """
    days = history.frame["day"].to_numpy("datetime64[D]").astype(np.int64)
    new = ~history.frame["already"].to_numpy() & (days >= pool.span.first)
    frame, day = history.frame[new], days[new]
    lead = binding.tables.positions(frame.index)
    points = points_by_rule(binding.timeline(history.rulebook).at(lead, day)).set_axis(frame.index)
    row = np.searchsorted(pool.lead, lead)
    week = (day - pool.span.first) // WEEK
    slot = np.where(pool.slot[row] < pool.span.weeks, pool.slot[row], week)
    fit, behaviour = (np.maximum(frame[name].to_numpy(), 0) for name in ("fit", "behaviour"))
    share = behaviour / np.where(fit + behaviour > 0, fit + behaviour, 1)
    made = np.zeros((len(frame), len(rules)))
    for rule in history.rulebook.fit:
        made[:, rules.index(rule.name)] = np.maximum(points[rule.name], 0)
    for earning in history.rulebook.behaviour:
        made[:, rules.index(earning.name)] = np.maximum(points[earning.name].clip(earning.at_least, earning.at_most), 0)
    made[:, -1] = made.sum(axis=1) == 0
    made /= made.sum(axis=1, keepdims=True)
    return row, slot, np.column_stack([np.ones(len(frame)), share, made])
