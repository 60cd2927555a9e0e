"""Leads with their score and their outcome, brought together and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from leadscore.base.text import counted
from leadscore.errors import ArgumentError, Problem
from leadscore.stats.intervals import Floats, Ints
from leadscore.stats.outcomes_and_scores import Mask, read_rows

# The outcome that is not known yet, beside 0 and 1.
UNKNOWN = 2


@dataclass(frozen=True)
class ScoredLeads:
    """The leads; all arrays have one entry per row.

    Attributes
    ----------
    outcome : 0, 1 or `UNKNOWN`
    score : float64, finite
    weight : how many leads a row stands for; None: one each
    group : positions in `groups`
    day : days since 1970; None if not given
    account : whole numbers from 0; None if not given
    """

    outcome: Ints
    score: Floats
    weight: Ints | None
    group: Ints
    groups: list[str]
    day: Ints | None
    account: Ints | None

    @classmethod
    def read(cls, y: Any, score: Any, others: Mapping[str, Any]) -> ScoredLeads:
        """Bring the columns together and check them; all that is wrong is said at once."""
        rows = read_rows(y, score=score, whole_weights=True, complete=True, **others)
        if not len(rows.index):
            raise ArgumentError("threshold_table", [Problem("score", "there are no leads")])
        weight = None if rows.weights is None else rows.weights.astype(np.int64)
        if not (rows.known & (True if weight is None else weight > 0)).any():
            raise ArgumentError(
                "y", f"no outcome is known for {counted(len(rows.index), 'lead')}: there is nothing to count"
            )
        return cls(
            np.where(rows.known, rows.had, UNKNOWN).astype(np.int64),
            rows.columns["score"],
            weight,
            np.zeros(len(rows.index), np.int64) if rows.by is None else rows.by,
            [""] if rows.by is None else list(rows.names),
            rows.dates,
            rows.groups,
        )

    @cached_property
    def leads_per_account(self) -> float:
        """How many leads an account has, on average over leads: all a lead's design effect can be."""
        if self.account is None:
            return 1.0
        sizes = np.bincount(self.account, self.weight)
        return float((sizes**2).sum() / sizes.sum())

    def cells(self, place: Ints, n_thresholds: int, period: Ints | None = None, kept: Mask | None = None) -> Ints:
        """(n_periods, n_groups, n_thresholds + 1, 3) leads by band and outcome; without a period there is one."""
        shape = (1 if period is None else int(period.max(initial=-1)) + 1, len(self.groups), n_thresholds + 1, 3)
        key = (self.group * shape[2] + place) * 3 + self.outcome
        if period is not None:
            key += period * (shape[1] * shape[2] * 3)
        weight = self.weight
        if kept is not None:
            key, weight = key[kept], None if weight is None else weight[kept]
        return np.bincount(key, weight, int(np.prod(shape))).astype(np.int64).reshape(shape)

    def draw_accounts(self, place: Ints, n_thresholds: int, replicates: int, rng: np.random.Generator) -> Ints:
        """(replicates, n_groups, n_thresholds + 1, 2) leads by band and outcome, each account with a Poisson weight."""
        assert self.account is not None
        known = self.outcome != UNKNOWN
        shape = (len(self.groups), n_thresholds + 1, UNKNOWN)
        key = ((self.group * shape[1] + place) * UNKNOWN + self.outcome)[known]
        account, weight = self.account[known], 1 if self.weight is None else self.weight[known]
        drawn = np.empty((replicates, *shape), np.int64)
        for replicate in drawn:
            times = rng.poisson(1.0, int(account.max()) + 1)[account] * weight
            replicate[:] = np.bincount(key, times, int(np.prod(shape))).reshape(shape)
        return drawn
