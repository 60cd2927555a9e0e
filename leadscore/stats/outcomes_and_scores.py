"""Outcomes, scores, weights and probabilities of leads, read in one way."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.errors import ArgumentError, Problem
from leadscore.stats.intervals import Floats

Mask = npt.NDArray[np.bool_]


_NUMBERS = {"boolean", "integer", "floating", "mixed-integer-float", "decimal", "empty"}


def outcomes_and_scores(y: Any, score: Any, weights: Any = None) -> tuple[Mask, Floats, Floats | None, int]:
    """Outcomes, scores and weights of the leads whose outcome is known, and how many others there are.

    Parameters
    ----------
    y : (n_leads,) True, False or missing; 1 and 0 will do
        The outcomes, as `label` gives them.
    score : (n_leads,) numbers, or Scores
        Higher is hotter; of `Scores` it is the total.
    weights : (n_leads,) numbers from 0, optional

    Returns
    -------
    y : (n,) bool
    score : (n,) float64
    weights : (n,) float64, or None
    unknown : int
        Leads left out: their `y` is missing, or they have a score and are not in `y`.

    Raises
    ------
    ArgumentError
        If `y` holds anything else, a lead of known outcome has no score or weight, a weight is below 0, or rows cannot
        be matched.

    Notes
    -----
    Series of different indexes are matched by it, which then must be unique; everything else by position.

    Examples
    --------
    >>> y = pd.Series([True, None, False], index=["a", "b", "c"], dtype="boolean")
    >>> outcomes_and_scores(y, pd.Series({"c": 10, "a": 90, "d": 50}))
    (array([ True, False]), array([90., 10.]), None, 2)
    """
    beside = {"score": score} if weights is None else {"score": score, "weights": weights}
    outcome, columns, unknown = _read(y, **beside)
    weight = columns.get("weights")
    if weight is not None and not ((weight >= 0) & np.isfinite(weight)).all():
        bad = weight[~((weight >= 0) & np.isfinite(weight))]
        raise ArgumentError("weights", f"must be 0 or more, and finite; {len(bad):,} are not, the first {bad[0]:g}")
    return outcome, columns["score"], weight, unknown


def _read(y: Any, **beside: Any) -> tuple[Mask, dict[str, Floats], int]:
    """Known outcomes, the numbers beside them, and how many outcomes are unknown."""
    return _known(*_aligned(y, beside))


def _known(outcome: pd.Series[Any], columns: dict[str, pd.Series[Any]]) -> tuple[Mask, dict[str, Floats], int]:
    known = outcome.notna().to_numpy()
    problems, numbers = [], {}
    for name, column in columns.items():
        found = column[known]
        kind = pd.api.types.infer_dtype(found, skipna=True)
        if kind not in _NUMBERS:
            message = f"must be numbers; got {kind} values, the first {found.dropna().tolist()[0]!r}"
            problems.append(Problem(name, message))
            continue
        numbers[name] = found.to_numpy(np.float64, na_value=np.nan)
        lacking = found.index[np.isnan(numbers[name])]
        if len(lacking):
            first = ", ".join(map(repr, lacking[:5]))
            message = f"is missing for {len(lacking):,} of {len(found):,} leads of known outcome: {first}"
            problems.append(Problem(name, message))
    if problems:
        raise ArgumentError("arguments", problems)
    return outcome[known].to_numpy(np.bool_), numbers, int((~known).sum())


def _aligned(y: Any, beside: dict[str, Any]) -> tuple[pd.Series[Any], dict[str, pd.Series[Any]]]:
    """All on the same rows: those of `y`, and the leads that only what comes first beside it has."""
    # Scores by their look: what makes them stands above this module.
    given = {"y": y} | {name: getattr(values, "frame", {"total": values})["total"] for name, values in beside.items()}
    problems = [Problem(name, "must be one-dimensional") for name, values in given.items() if np.ndim(values) != 1]
    if problems:
        raise ArgumentError("arguments", problems)
    labelled = [name for name, values in given.items() if isinstance(values, pd.Series)]
    columns = {"y": _outcomes(y)} | {name: pd.Series(given[name]) for name in beside}
    index = columns[labelled[0]].index if labelled else columns["y"].index
    if all(columns[name].index.equals(index) for name in labelled):
        sizes = {name: len(column) for name, column in columns.items()}
        if len(set(sizes.values())) > 1:
            raise ArgumentError("arguments", f"must be equally long; got {sizes}")
        columns = {name: column.set_axis(index) for name, column in columns.items()}
    else:
        plain, double = set(given) - set(labelled), [name for name in labelled if not columns[name].index.is_unique]
        if plain or double:
            why = (
                f"{', '.join(double)}: ids more than once" if double else f"{', '.join(sorted(plain))} without an index"
            )
            raise ArgumentError("arguments", f"their indexes differ, so rows are matched by lead; got {why}")
        others = columns[next(iter(beside))].index.difference(columns["y"].index, sort=False)
        index = columns["y"].index.append(others)
        columns = {name: column.reindex(index) for name, column in columns.items()}
    return columns.pop("y"), columns


def _outcomes(y: Any) -> pd.Series[Any]:
    values = pd.Series(y)
    kind = pd.api.types.infer_dtype(values, skipna=True)
    found = values.dropna()
    bad = found[~found.isin([0, 1])] if kind == "integer" else found[:0]
    if kind in {"boolean", "integer", "empty"} and not len(bad):
        return values.astype("boolean")
    first = f", the first {(bad if len(bad) else found).tolist()[0]!r}" if len(found) else ""
    hint = "; where it is 1 and 0 with gaps, `.astype('boolean')` makes it so" if kind == "floating" else ""
    raise ArgumentError("y", f"must be True, False or missing (1 and 0 will do); got {kind} values{first}{hint}")


def probabilities(y: Any, probability: Any) -> tuple[Mask, Floats, int]:
    """Outcomes and probabilities of the leads whose outcome is known, and how many others there are."""
    outcome, columns, unknown = _read(y, probability=probability)
    chance = columns["probability"]
    bad = chance[(chance < 0) | (chance > 1)]
    if len(bad):
        raise ArgumentError("probability", f"must lie in 0 to 1; {len(bad):,} do not, the first {bad[0]:g}")
    return outcome, chance, unknown
