"""What is wrong with the rows as a whole: too few outcomes, a choice behind the labels, copies, and drift."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.text import about
from leadscore.learn.guards.cells import Cells
from leadscore.learn.guards.columns import Found
from leadscore.learn.guards.separation import Split
from leadscore.stats.distances import category_cells, comparable, number_cells, stability_index
from leadscore.stats.intervals import Floats, Ints, share_text, wilson
from leadscore.stats.outcomes_and_scores import Mask

# Of the rarer outcome; with fewer, no fit can be told from a useless one.
LEAST_EVENTS = 50
# Riley et al. (2020): how much the fit may be overdone, what share of the most that can be explained is explained, and
# how exactly the mean chance must be known.
_SHRINKAGE, _EXPLAINED, _MARGIN = 0.9, 0.15, 0.05
# The newest part that a fit would be tested on.
NEWEST = 0.2
_CHANGED = 1.25
_PSI, _PSI_CHANCE, _PSI_BINS = 0.1, 0.001, 10


@dataclass(frozen=True)
class Time:
    """When each row was.

    Attributes
    ----------
    when : (n_rows,)
    days : bool
        Whether `when` counts days since 1970, rather than something else that rises with time.
    """

    when: Floats
    days: bool

    @cached_property
    def _before(self) -> Floats:
        """(n_rows,) how many rows are older, with half of those of the same date."""
        _, place, counts = np.unique(self.when, return_inverse=True, return_counts=True)
        return (np.cumsum(counts) - counts / 2)[place]

    def parts(self, most: int) -> Ints:
        """(n_rows,) which of about so many parts of equally many rows each is in, oldest first; a date is in one."""
        part = (self._before * most / len(self.when)).astype(np.int64)
        return np.unique(part, return_inverse=True)[1]

    @property
    def newest(self) -> Mask:
        """(n_rows,) whether each is in the newest fifth."""
        return self._before / len(self.when) > 1 - NEWEST


def too_few(y: Mask, leads: Ints | None, columns: int) -> Iterator[Found]:
    """Fewer outcomes of a kind than a fit can be judged by, or fewer leads than so many columns ask for."""
    leads = np.arange(len(y)) if leads is None else leads
    n, *sizes = (len(np.unique(leads[side])) for side in (slice(None), y, ~y))
    rate = min(max(y.mean(), 1 / (2 * len(y))), 1 - 1 / (2 * len(y)))
    needed = needed_leads(float(rate), columns)
    figures: dict[str, Any] = {"n": n, "with_outcome": sizes[0], "without_outcome": sizes[1]}
    figures |= {"least": LEAST_EVENTS, "needed": needed}
    counted = f"{sizes[0]:,} with the outcome and {sizes[1]:,} without, n = {n:,}"
    if min(sizes) < LEAST_EVENTS:
        message = (
            f"{counted} leads: at least {LEAST_EVENTS} of each are needed before anything can be learned, "
            f"{LEAST_EVENTS - min(sizes):,} more of the rarer kind"
        )
        yield "LS340", "", message, figures
    elif n < needed:
        message = (
            f"{counted} leads; {columns} columns need {about(needed)} leads ({about(needed * rate)} with the outcome): "
            f"with fewer, weights are overstated by more than a tenth"
        )
        yield "LS341", "", message, figures


def needed_leads(rate: float, parameters: int) -> int:
    """How many leads a fit of so many parameters needs, at an outcome rate.

    Weights are to be overdone by a tenth at most if the columns explain 15 % of what can be explained, and the mean
    chance is to be known within 0.05.

    References
    ----------
    Riley, R. D. et al. (2020), BMJ 368, m441, criteria 1 and 3. That so many events per variable are no substitute: van
    Smeden, M. et al. (2019), Statistical Methods in Medical Research 28, 2455-2474.

    Examples
    --------
    >>> needed_leads(0.1, 20)
    2409
    """
    most = 1 - np.exp(2 * (rate * np.log(rate) + (1 - rate) * np.log(1 - rate)))
    explained = _EXPLAINED * most
    shrinkage = parameters / ((_SHRINKAGE - 1) * np.log(1 - explained / _SHRINKAGE))
    mean = (1.96 / _MARGIN) ** 2 * rate * (1 - rate)
    return int(np.ceil(max(shrinkage, mean)))


def twins(columns: list[Cells], marks: npt.NDArray[np.uint64], time: Time | None) -> Iterator[Found]:
    """Rows that equal another in every column, more than columns that know nothing of each other would make."""
    n = len(marks)
    _, place, counts = np.unique(marks, return_inverse=True, return_counts=True)
    copies = n - len(counts)
    shares = (np.append(cells.counts, cells.missing.sum()) / n for cells in columns)
    chance = [float(share @ share) for share in shares]
    expected = n * (n - 1) / 2 * float(np.prod(chance))
    if copies <= 3 * max(expected, 1):
        return
    low, high = wilson(copies, n)
    message = (
        f"{copies:,} of {n:,} rows ({copies / n:.2%}, {low:.2%} to {high:.2%}) equal another in all "
        f"{len(columns)} columns; chance would make about {expected:,.1f}"
    )
    figures: dict[str, Any] = {"n": n, "copies": copies, "expected": expected}
    if time is not None:
        again = np.isin(place[time.newest], place[~time.newest])
        figures |= {"newest": len(again), "across": int(again.sum())}
        message += f"; {again.sum():,} of the newest {len(again):,} have a twin among the older rows"
    yield "LS343", "", f"{message}; a test on copies of the rows learned from looks too good", figures


def same_leads(leads: Ints, time: Time) -> Iterator[Found]:
    """Leads that are in the older part and in the newest."""
    newest = time.newest
    seen = np.isin(leads[newest], leads[~newest])
    if not seen.any():
        return
    n, rows = len(seen), int(seen.sum())
    message = (
        f"{share_text(rows, n)} rows of the newest part come from leads that are in the older part too: a "
        f"test on them looks too good"
    )
    yield "LS344", "", message, {"n": n, "rows": rows}


def outcome_drift(y: Mask, time: Time) -> Iterator[Found]:
    """The newest rows have another outcome rate than the older."""
    split = Split.of(y, ~time.newest)
    if not split.differ:
        return
    older, newer = split.events / split.n, split.other_events / split.others
    if max(older, newer) < _CHANGED * min(older, newer):
        return
    shares = split.shares
    message = (
        f"the outcome rate changed: {shares[0]} in the older part, {shares[1]} in the newest; probabilities learned on "
        f"both suit neither: recalibrate on recent outcomes"
    )
    yield "LS345", "", message, {"n": len(y), "older": older, "newest": newer, "n_newest": split.others}


def column_drift(cells: Cells, today: Cells) -> Iterator[Found]:
    """Today's rows lie elsewhere than those that are learned from, by the index that `stability` gives."""
    sizes = (len(cells.codes), len(today.codes))
    if len(cells.values) and len(today.values) and cells.kind != today.kind:
        message = f"holds a {cells.kind} in the {sizes[0]:,} rows learned from and a {today.kind} in {sizes[1]:,} today"
        yield "LS346", cells.name, message, {"n": sizes[0], "n_now": sizes[1], "psi": float("inf")}
        return
    if "category" in {part.kind for part in (cells, today) if len(part.values)}:
        whole = category_cells(*(pd.Series(part.raw, dtype=object) for part in (cells, today)))
    else:
        whole = number_cells(cells.raw.astype(np.float64), today.raw.astype(np.float64), _PSI_BINS)
    index = stability_index(comparable(whole))
    if index.psi <= _PSI or index.p >= _PSI_CHANCE:
        return
    message = (
        f"PSI {index.psi:.2f} ({index.low:.2f} to {index.high:.2f}) between the {sizes[0]:,} rows learned from and "
        f"{sizes[1]:,} of today; without drift it stays below {index.no_drift:.3f} in 95% of cases"
    )
    figures = {"psi": index.psi, "low": index.low, "high": index.high, "no_drift": index.no_drift}
    yield "LS346", cells.name, message, {"n": sizes[0], "n_now": sizes[1], **figures}
