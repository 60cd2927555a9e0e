"""Leads with their score and their outcome, brought together, checked and counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from leadscore.base.text import counted
from leadscore.errors import ArgumentError, Problem
from leadscore.stats.intervals import Ints
from leadscore.stats.outcomes_and_scores import LeadRows, read_rows

# The outcome that is not known yet, beside 0 and 1.
UNKNOWN = 2


def scored_leads(y: Any, score: Any, **others: Any) -> LeadRows:
    """The columns of `threshold_table`, checked; without `by` all leads are one group, of no name."""
    rows = read_rows(y, score=score, whole_weights=True, complete=True, **others)
    if not len(rows.index):
        raise ArgumentError("threshold_table", [Problem("score", "there are no leads")])
    if not (rows.known & (rows.weights is None or rows.weights > 0)).any():
        leads = counted(len(rows.index), "lead")
        raise ArgumentError("y", f"no outcome is known for {leads}: there is nothing to count")
    return rows if rows.by is not None else replace(rows, by=np.zeros(len(rows.index), np.int64), names=("",))


def leads_per_account(rows: LeadRows) -> float:
    """How many leads an account has, on average over leads: all a lead's design effect can be."""
    if rows.groups is None:
        return 1.0
    sizes = np.bincount(rows.groups, rows.weights)
    return float((sizes**2).sum() / sizes.sum())


def cells(rows: LeadRows, place: Ints, n_thresholds: int, period: Ints | None = None) -> Ints:
    """(n_periods, n_groups, n_thresholds + 1, 3) leads by band and outcome; without a period there is one."""
    key, shape = _keys(rows, place, n_thresholds, np.zeros(len(place), np.int64) if period is None else period)
    return np.bincount(key, rows.weights, int(np.prod(shape))).astype(np.int64).reshape(shape)


def draw_accounts(rows: LeadRows, place: Ints, n_thresholds: int, replicates: int, rng: np.random.Generator) -> Ints:
    """(replicates, n_groups, n_thresholds + 1, 3) leads of known outcome, each account with a Poisson weight."""
    assert rows.groups is not None
    known, account = rows.of_known(), rows.groups[rows.known]
    key, shape = _keys(known, place[rows.known], n_thresholds, np.zeros(len(account), np.int64))
    drawn = np.empty((replicates, *shape[1:]), np.int64)
    for replicate in drawn:
        times = rng.poisson(1.0, int(account.max()) + 1)[account] * (1 if known.weights is None else known.weights)
        replicate[:] = np.bincount(key, times, replicate.size).reshape(replicate.shape)
    return drawn


def _keys(rows: LeadRows, place: Ints, n_thresholds: int, period: Ints) -> tuple[Any, tuple[int, ...]]:
    """Where each row stands in the cells, and their shape."""
    shape = int(period.max(initial=0)) + 1, len(rows.names), n_thresholds + 1, UNKNOWN + 1
    places: Any = (period, rows.by, place, np.where(rows.known, rows.had, UNKNOWN))
    return np.ravel_multi_index(places, shape), shape
