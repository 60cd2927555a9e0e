"""Outcomes by period: rates of groups of leads, how well a score ranks, relations that flipped, response times."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.groups import ALL, MISSING, Groups
from leadscore.base.groups import grouped as grouped_by
from leadscore.stats.intervals import Figure, Floats, Ints, difference, holm
from leadscore.stats.ranking import Estimate, roc_auc
from leadscore.stats.sequential import always_valid_p, confidence_sequence

Mask = npt.NDArray[np.bool_]

SURE = 0.05
_BANDS = 5
_RANKS = ["n", "events", "auc", "low", "high", "change", "change_low", "change_high", "p", "reason"]
_MOST_GROUPS = 20
# As if so many more leads of average rate were in each category: few leads say little of their own rate.
_SHRUNK = 10


class Known(NamedTuple):
    """Leads whose outcome is known; all arrays have one entry per lead.

    Attributes
    ----------
    had : whether it has the outcome
    score : higher is hotter
    chance : of the outcome, as the scores say
    period : positions in `periods`
    reference : whether it is one of the reference
    periods : (n_periods,) labels in their order
    """

    had: Mask
    score: Floats
    chance: Floats
    period: Ints
    reference: Mask
    periods: pd.Index[Any]

    def take(self, rows: Mask) -> Known:
        """Some of the leads."""
        columns = ("had", "score", "chance", "period", "reference")
        return self._replace(**{name: getattr(self, name)[rows] for name in columns})

    def after(self) -> list[int]:
        """The periods that have leads, and none of them in the reference."""
        n, inside = (
            np.bincount(some, minlength=len(self.periods)) for some in (self.period, self.period[self.reference])
        )
        return np.flatnonzero((n > 0) & (inside == 0)).tolist()


def bands(score: Floats, reference: Mask) -> tuple[Ints, list[str]]:
    """The band of each score, (n_leads,) positions in their names: fifths of the reference, fewer where scores tie."""
    known = score[reference]
    if not len(known):
        return np.zeros(len(score), np.int64), [ALL]
    edges = np.unique(np.quantile(known, np.arange(1, _BANDS) / _BANDS, method="higher"))
    edges = edges[edges > known.min()]
    shown = [f"{edge:g}" for edge in edges]
    if len(set(shown)) < len(shown):
        shown = [repr(float(edge)) for edge in edges]
    names = [f"{low} to below {high}" for low, high in pairwise(shown)]
    names = [f"below {shown[0]}", *names, f"{shown[-1]} or more"] if shown else [ALL]
    return np.searchsorted(edges, score, "right").astype(np.int64), names


def grouped(values: pd.Series[Any]) -> Groups:
    """The group of each lead, positions in their names, the most frequent first; rare ones together, missing too."""
    code, names = grouped_by(values)
    size = np.bincount(code, minlength=len(names))
    # Of equally frequent ones by name, so that the order of leads decides nothing.
    order = sorted(range(len(names)), key=lambda place: (-size[place], names[place]))
    own = np.arange(len(names)) < (_MOST_GROUPS if len(names) > _MOST_GROUPS + 1 else len(names))
    return Groups(np.argsort(order)[code], [names[place] for place in order]).keeping(own)


def rates(
    known: Known, measure: str, groups: Mapping[str, tuple[Ints, list[str]]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How many leads of each group have the outcome: by period, and in the reference beside all since.

    Parameters
    ----------
    known : Known
    measure : str
        What the outcome is called.
    groups : by what, and then the group of each lead and the names of the groups

    Returns
    -------
    by_period : DataFrame
    changes : DataFrame
        As in `OutcomeDrift`. P-values hold at any look; those of all leads are corrected among themselves (Holm), those
        of groups among themselves.
    """
    after = np.isin(np.arange(len(known.periods)), known.after())[:, None]
    cells, sides = [], []
    for by, (code, names) in groups.items():
        n, reached, told = _counts(known, known.period, len(known.periods), code, len(names))
        side = known.reference.astype(np.int64)
        (now, before), (got, had), (told_now, _) = _counts(known, side, 2, code, len(names))
        p = np.where(after & (n > 0) & (before > 0), always_valid_p(reached, n, had, before), np.nan)
        cell: dict[str, Any] = {"measure": measure, "by": by, "group": names * len(known.periods)}
        cell |= {"period": known.periods.repeat(len(names)), "n": n.ravel(), "reached": reached.ravel()}
        cells.append(pd.DataFrame(cell | {"p": p.ravel(), "expected": told.ravel()}))
        p = np.where((now > 0) & (before > 0), always_valid_p(got, now, had, before), np.nan)
        both = {"measure": measure, "by": by, "group": names, "n_reference": before, "reached_reference": had}
        sides.append(pd.DataFrame(both | {"n": now, "reached": got, "expected": told_now, "p": p}))
    by_period = _with_intervals(pd.concat(cells, ignore_index=True), "")
    changes = _with_intervals(_with_intervals(pd.concat(sides, ignore_index=True), "_reference"), "")
    changes["change"] = changes["share"] - changes["share_reference"]
    first = ["measure", "by", "group"]
    return by_period[by_period["n"] > 0].set_index([*first, "period"]), changes.set_index(first)


def _counts(known: Known, row: Ints, n_rows: int, column: Ints, n_columns: int) -> Floats:
    """(3, n_rows, n_columns): leads, those that have the outcome, and the sum of their chances."""
    key, size = row * n_columns + column, n_rows * n_columns
    sums = [np.bincount(key, weights, size) for weights in (None, known.had.astype(float), known.chance)]
    return np.array(sums, float).reshape(3, n_rows, n_columns)


def _with_intervals(frame: pd.DataFrame, ending: str) -> pd.DataFrame:
    n, reached = frame[f"n{ending}"], frame[f"reached{ending}"]
    low, high = confidence_sequence(reached, n)
    frame[f"share{ending}"] = reached / n.where(n > 0)
    frame[f"low{ending}"], frame[f"high{ending}"] = low, high
    frame = frame.astype({f"n{ending}": np.int64, f"reached{ending}": np.int64})
    if not ending:
        frame["expected"] /= n.where(n > 0)
        frame["p"] = corrected(frame["p"], (frame["by"] == ALL).to_numpy())
    return frame


def ranking(known: Known, score: Floats) -> pd.DataFrame:
    """The AUC of the reference and of each period after it, index period; p-values are not corrected yet."""
    sides = {"reference": known.reference, **{known.periods[one]: known.period == one for one in known.after()}}
    has = ~np.isnan(score)
    found = {name: roc_auc(known.had[side & has], score[side & has]) for name, side in sides.items()}
    rows = {
        name: (auc.n, auc.events, auc.value, auc.low, auc.high, *_apart(auc, found["reference"]), auc.reason)
        for name, auc in found.items()
    }
    frame = pd.DataFrame.from_dict(rows, "index", columns=_RANKS).rename_axis("period")
    frame.loc["reference", _RANKS[5:9]] = np.nan
    return frame


def relations(known: Known, attributes: Mapping[str, pd.Series[Any]]) -> pd.DataFrame:
    """`ranking` of each attribute, index (attribute, period), p-values corrected over all (Holm), and `flipped`.

    Of an attribute that is not a number, by the rate of each of its values in the reference.
    """
    found = {name: ranking(known, _numbers(known, values)) for name, values in attributes.items()}
    frame = pd.concat(found, names=["attribute", "period"])
    frame["p"] = corrected(frame["p"])
    before = frame.xs("reference", level="period").reindex(frame.index.get_level_values("attribute"))
    low, high = before["low"].to_numpy(), before["high"].to_numpy()
    turned = ((low > 0.5) & (frame["high"] < 0.5)) | ((high < 0.5) & (frame["low"] > 0.5))
    return frame.assign(flipped=turned & (frame["p"] <= SURE))


def _numbers(known: Known, values: pd.Series[Any]) -> Floats:
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(np.float64, na_value=np.nan)
    codes, names = pd.factorize(values.astype(object).where(values.notna(), MISSING))
    inside, had = codes[known.reference], known.had[known.reference]
    n, reached = (np.bincount(inside, weights, len(names)) for weights in (None, had.astype(float)))
    rate = had.mean() if len(had) else np.nan
    return np.where(n > 0, (reached + _SHRUNK * rate) / (n + _SHRUNK), np.nan)[codes]


def _apart(one: Estimate, other: Estimate) -> tuple[float, float, float, float]:
    """How much larger one AUC is than another, of other leads, the interval (95 %) and p."""
    few = min(min(auc.events, auc.n - auc.events) for auc in (one, other)) - 1
    bounds = (one.value, one.low, one.high), (other.value, other.low, other.high)
    return compared(*bounds, degrees=few) if few > 0 else (one.value - other.value, np.nan, np.nan, np.nan)


def compared(one: Figure, other: Figure, *, degrees: float = np.inf) -> tuple[float, float, float, float]:
    """How much larger one figure is than another: value, low, high and p, by intervals of such degrees of freedom."""
    from scipy.special import stdtr, stdtrit  # noqa: PLC0415 - scipy takes long to import

    change, low, high = map(float, difference(other, one))
    # In step with the interval: p is 0.05 where it ends at 0.
    reach = high - change if change < 0 else change - low
    p = 2 * stdtr(degrees, -abs(change) / reach * stdtrit(degrees, 0.975)) if reach > 0 else np.nan
    return change, low, high, float(p)


def corrected(p: pd.Series[Any], alone: Mask | bool = False) -> pd.Series[Any]:  # noqa: FBT001, FBT002 - a mask
    """P-values corrected for how many there are (Holm); those `alone` among themselves, the missing not at all."""
    found, first = p.copy(), np.broadcast_to(np.asarray(alone, bool), len(p))
    for family in (first, ~first):
        rows = family & p.notna().to_numpy()
        found[rows] = holm(p[rows])
    return found
