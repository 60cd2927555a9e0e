"""Outcomes by period: rates of groups of leads, how well a score ranks, relations that flipped, response times."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.groups import ALL, Groups
from leadscore.base.groups import grouped as grouped_by
from leadscore.stats.intervals import Figure, Floats, Ints, difference, holm
from leadscore.stats.ranking import Estimate, roc_auc
from leadscore.stats.sequential import always_valid_p, confidence_sequence

Mask = npt.NDArray[np.bool_]

SURE = 0.05
_BANDS = 5
_RANKS = ["n", "events", "auc", "low", "high", "change", "change_low", "change_high", "p", "reason", "flipped"]
_MOST_GROUPS = 20


class Known(NamedTuple):
    """Leads whose outcome is known; all arrays have one entry per lead.

    Attributes
    ----------
    had : whether it has the outcome
    chance : of the outcome, as the scores say
    period : positions in `periods`
    reference : whether it is one of the reference
    periods : (n_periods,) labels in their order
    """

    had: Mask
    chance: Floats
    period: Ints
    reference: Mask
    periods: pd.Index[Any]

    def take(self, rows: Mask) -> Known:
        """Some of the leads."""
        columns = ("had", "chance", "period", "reference")
        return self._replace(**{name: getattr(self, name)[rows] for name in columns})

    def after(self) -> list[int]:
        """The periods that have leads, and none of them in the reference."""
        return np.setdiff1d(self.period, self.period[self.reference]).tolist()


def bands(score: Floats, reference: Mask) -> Groups:
    """The band of each score: fifths of the reference, fewer where scores tie."""
    known = score[reference]
    edges = np.unique(np.quantile(known, np.arange(1, _BANDS) / _BANDS, method="higher"))
    edges = edges[edges > known.min()]
    shown = [f"{edge:g}" for edge in edges]
    if len(set(shown)) < len(shown):
        shown = [repr(float(edge)) for edge in edges]
    names = [f"{low} to below {high}" for low, high in pairwise(shown)]
    names = [f"below {shown[0]}", *names, f"{shown[-1]} or more"] if shown else [ALL]
    return Groups(np.searchsorted(edges, score, "right").astype(np.int64), names)


def grouped(values: pd.Series[Any]) -> Groups:
    """The group of each lead, positions in their names, the most frequent first; rare ones together, missing too."""
    code, names = grouped_by(values)
    size = np.bincount(code, minlength=len(names))
    # Of equally frequent ones by name, so that the order of leads decides nothing.
    order = sorted(range(len(names)), key=lambda place: (-size[place], names[place]))
    own = np.arange(len(names)) < (_MOST_GROUPS if len(names) > _MOST_GROUPS + 1 else len(names))
    return Groups(np.argsort(order)[code], [names[place] for place in order]).keeping(own)


def rates(known: Known, measure: str, groups: Mapping[str, Groups]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How many leads of each group have the outcome: by period, and in the reference beside all since.

    Parameters
    ----------
    known : Known
    measure : str
        What the outcome is called.
    groups : by what, and then the group of each lead

    Returns
    -------
    by_period : DataFrame
    changes : DataFrame
        As in `OutcomeDrift`. P-values hold at any look; those of all leads are corrected among themselves (Holm), those
        of groups among themselves.
    """
    # Each lead counts in its period, and on its side: the last two rows are the reference and all since.
    n_periods = len(known.periods)
    row, rows = np.append(known.period, n_periods + ~known.reference), np.arange(n_periods + 2)
    tested = np.isin(rows, [*known.after(), n_periods + 1])[:, None]
    weights, cells = (None, np.tile(known.had.astype(float), 2), np.tile(known.chance, 2)), []
    for by, (code, names) in groups.items():
        key, size = row * len(names) + np.tile(code, 2), len(rows) * len(names)
        n, reached, told = (np.bincount(key, one, size).reshape(len(rows), -1) for one in weights)
        p = np.where(tested & (n > 0) & (n[-2] > 0), always_valid_p(reached, n, reached[-2], n[-2]), np.nan)
        place = {"measure": measure, "by": by, "group": names * len(rows), "row": rows.repeat(len(names))}
        figures = {"n": n, "reached": reached, "expected": told, "p": p}
        cells.append(pd.DataFrame(place | {name: part.ravel() for name, part in figures.items()}))
    frame = pd.concat(cells, ignore_index=True).astype({"reached": np.int64})
    frame["expected"] /= frame["n"].where(frame["n"] > 0)
    frame["share"] = frame["reached"] / frame["n"].where(frame["n"] > 0)
    frame["low"], frame["high"] = confidence_sequence(frame["reached"], frame["n"])
    frame["p"] = frame.groupby([frame["row"] < n_periods, frame["by"] == ALL])["p"].transform(holm)
    index = ["measure", "by", "group"]
    before, now = (frame[frame["row"] == n_periods + side].set_index(index).drop(columns="row") for side in (0, 1))
    changes = now.join(before[["n", "reached", "share", "low", "high"]].add_suffix("_reference"))
    by_period = frame[(frame["row"] < n_periods) & (frame["n"] > 0)]
    by_period = by_period.assign(period=known.periods[by_period["row"]]).drop(columns="row")
    return by_period.set_index([*index, "period"]), changes.assign(change=changes["share"] - changes["share_reference"])


def ranking(known: Known, scores: Mapping[str, Floats]) -> pd.DataFrame:
    """The AUC of each score in the reference and in each period after it, index (attribute, period).

    P-values are corrected over all of them (Holm). `flipped` ranks the other way round than in the reference, by both
    intervals.
    """
    sides = {"reference": known.reference, **{known.periods[one]: known.period == one for one in known.after()}}
    rows = {}
    for name, score in scores.items():
        found = {period: roc_auc(known.had[side], score[side]) for period, side in sides.items()}
        before = found["reference"]
        for period, auc in found.items():
            apart = (np.nan,) * 4 if auc is before else _apart(auc, before)
            above, below = auc.low > 0.5 > before.high, auc.high < 0.5 < before.low
            figures = (auc.n, auc.events, auc.value, auc.low, auc.high)
            rows[name, period] = (*figures, *apart, auc.reason, above or below)
    frame = pd.DataFrame([*rows.values()], pd.MultiIndex.from_tuples(rows, names=["attribute", "period"]), _RANKS)
    frame["p"] = holm(frame["p"])
    return frame.assign(flipped=frame["flipped"] & (frame["p"] <= SURE))


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
