"""Leads with their score and their outcome, brought together and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.base.text import as_text
from leadscore.base.times import NO_TIME, one_array, read_times
from leadscore.errors import ArgumentError, Problem
from leadscore.scoring.scores import Scores
from leadscore.stats.intervals import Floats, Ints

Mask = npt.NDArray[np.bool_]
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
        points = score.frame["total"] if isinstance(score, Scores) else score
        problems: list[Problem] = []
        columns = _aligned({"score": points, "y": y, **others}, problems)
        group, groups = _groups(columns.get("by"), len(columns["score"]))
        rows = cls(
            _outcomes(columns["y"], problems),
            _numbers(columns["score"], problems),
            _whole(columns.get("weights"), problems),
            group,
            groups,
            _days(columns.get("dates"), problems),
            _accounts(columns.get("accounts")),
        )
        if not problems and not ((rows.outcome != UNKNOWN) & (True if rows.weight is None else rows.weight > 0)).any():
            problems.append(
                Problem("y", f"no outcome of {len(rows.outcome):,} leads is known: there is nothing to count")
            )
        if problems:
            raise ArgumentError("threshold_table", problems)
        return rows

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


def _aligned(columns: dict[str, Any], problems: list[Problem]) -> dict[str, pd.Series[Any]]:
    """Each column that is given as a Series over the same leads, in the same order."""
    given = {name: values for name, values in columns.items() if values is not None or name in {"score", "y"}}
    leads = next((given[name].index for name in ("score", "y") if isinstance(given.get(name), pd.Series)), None)
    aligned = {}
    for name, values in given.items():
        if np.ndim(values) != 1:
            raise ArgumentError(name, f"must have one value for each lead; got {np.ndim(values)} dimensions")
        column = values if isinstance(values, pd.Series) else pd.Series(values)
        if isinstance(values, pd.Series) and leads is not None and not column.index.equals(leads):
            column = _by_lead(name, column, leads, problems)
        elif len(column) != len(given["score"]):
            problems.append(
                Problem(name, f"has {len(column):,} values, score {len(given['score']):,}: one for each lead")
            )
        aligned[name] = column
    if problems:
        raise ArgumentError("threshold_table", problems)
    return aligned


def _by_lead(name: str, column: pd.Series[Any], leads: pd.Index[Any], problems: list[Problem]) -> pd.Series[Any]:
    """The value of each lead, missing where it has none."""
    for whose, index in ((name, column.index), ("score", leads)):
        if index.has_duplicates:
            twice = index[index.duplicated()].unique()
            message = f"has {len(twice):,} leads more than once: {', '.join(map(repr, twice[:5]))}"
            problems.append(Problem(whose, message))
            return column
    place = column.index.get_indexer(leads)
    if not (place >= 0).any():
        problems.append(Problem(name, "has none of the leads of score: is its index lead_id?"))
        return column
    rest = np.ones(len(column), bool)
    rest[place[place >= 0]] = False
    without = column[rest].dropna() if name == "y" else column[:0]
    if len(without):
        first = ", ".join(map(repr, without.index[:5]))
        problems.append(Problem("y", f"{len(without):,} leads with a known outcome have no score: {first}"))
    # By position, since looking leads up again is what takes time.
    return column.set_axis(range(len(column))).reindex(place)


def _outcomes(y: pd.Series[Any], problems: list[Problem]) -> Ints:
    if y.dtype == bool:
        return y.to_numpy(np.int64)
    missing = y.isna().to_numpy()
    wrong = y[~(y.isin([0, 1]).to_numpy() | missing)]
    if len(wrong):
        first = ", ".join(map(repr, wrong.unique()[:5]))
        problems.append(Problem("y", f"{len(wrong):,} values are neither True nor False nor missing: {first}"))
        return np.zeros(len(y), np.int64)
    outcome = np.full(len(y), UNKNOWN)
    outcome[~missing] = y[~missing].astype(np.int64)
    return outcome


def _numbers(score: pd.Series[Any], problems: list[Problem]) -> Floats:
    if not len(score):
        problems.append(Problem("score", "there are no leads"))
        return np.zeros(0)
    if not (pd.api.types.is_float_dtype(score) or pd.api.types.is_integer_dtype(score)):
        problems.append(Problem("score", f"must hold numbers; got {score.dtype}"))
        return np.zeros(len(score))
    points = score.to_numpy(np.float64, na_value=np.nan)
    wrong = np.flatnonzero(~np.isfinite(points))
    if len(wrong):
        first = ", ".join(map(repr, score.index[wrong[:5]]))
        message = f"{len(wrong):,} leads have no finite score: {first}; leave them out, or say what they score"
        problems.append(Problem("score", message))
    return points


def _whole(weights: pd.Series[Any] | None, problems: list[Problem]) -> Ints | None:
    if weights is None:
        return None
    numbers = pd.to_numeric(weights, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = np.flatnonzero(~((numbers >= 0) & (numbers == np.floor(numbers)) & (numbers < 2**53)))
    if len(wrong):
        first = ", ".join(map(repr, weights.iloc[wrong[:5]]))
        message = f"{len(wrong):,} are no whole numbers from 0, the leads that a row stands for: {first}"
        problems.append(Problem("weights", message))
        return None
    return numbers.astype(np.int64)


def _days(dates: pd.Series[Any] | None, problems: list[Problem]) -> Ints | None:
    if dates is None:
        return None
    times = read_times(one_array(pa.array(dates)))
    day = None if times is None else times.days("UTC")
    if times is None or times.bad or day is None or (day == NO_TIME).any():
        wrong = dates[day == NO_TIME] if day is not None and (day == NO_TIME).any() else dates
        first = ", ".join(map(repr, wrong.iloc[:5]))
        problems.append(Problem("dates", f"{len(wrong):,} leads have no day as 2026-03-31: {first}"))
        return None
    return day


def _groups(by: pd.Series[Any] | None, n: int) -> tuple[Ints, list[str]]:
    if by is None:
        return np.zeros(n, np.int64), [""]
    groups = pd.Categorical(by).remove_unused_categories()
    codes = groups.codes.astype(np.int64)
    names = [*map(as_text, groups.categories)]
    return np.where(codes < 0, len(names), codes), names + (["(missing)"] if (codes < 0).any() else [])


def _accounts(accounts: pd.Series[Any] | None) -> Ints | None:
    """The account of each lead; a lead without one is one of its own."""
    if accounts is None:
        return None
    codes, names = pd.factorize(accounts)
    alone = codes < 0
    return np.where(alone, len(names) + np.cumsum(alone) - 1, codes).astype(np.int64)
