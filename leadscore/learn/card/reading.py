"""What a classifier and a card are given: columns as numbers or text, outcomes, weights."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from leadscore.base.text import as_text, counted
from leadscore.errors import ArgumentError, LeadscoreError, Problem
from leadscore.learn.card.binning import Bins, Floats
from leadscore.sources.columns import Bad, Column, plain_number
from leadscore.stats.outcomes_and_scores import LeadRows, as_column, read_rows, shape_of
from leadscore.tables.frames import as_frame, is_table, kind_of_column, read_as

_TRUTHS = {"true", "false"}
_STEP = 2.0**-20


def read_frame(estimator: Any, X: Any, *, reset: bool) -> pd.DataFrame:
    """The columns that a classifier is given, by name; of an array after a frame by place, of which it warns."""
    try:
        an_array = isinstance(X, (list, tuple)) or hasattr(X, "__array__") or hasattr(X, "toarray")
        if an_array and not is_table(X) and not hasattr(X, "to_frame"):
            array = validate_data(estimator, X, reset=reset, dtype=None, ensure_all_finite=False)
            return table_of(array, getattr(estimator, "feature_names_in_", [f"x{at}" for at in range(array.shape[1])]))
        frame = as_frame("X", X)
        if len({isinstance(label, str) for label in frame.columns}) > 1:
            frame = frame.set_axis(frame.columns.map(str), axis=1)
        validate_data(estimator, frame, reset=reset, skip_check_array=True)
    except LeadscoreError:
        raise
    except (TypeError, ValueError) as error:
        raise ArgumentError("X", str(error)) from error
    return frame


def table_of(X: Any, names: Sequence[str]) -> pd.DataFrame:
    """A table, or an array whose columns have names in this order."""
    if is_table(X):
        return as_frame("X", X)
    shape = shape_of(X)
    if hasattr(X, "toarray") or len(shape) != 2 or shape[1] != len(names):
        found = f"{shape[1]:,} columns" if len(shape) == 2 else type(X).__name__
        columns = f"its {counted(len(names), 'column')}, in the order learned from"
        raise ArgumentError("X", f"must be a table, or an array of {columns}; got {found}")
    return as_frame("X", pd.DataFrame(X, columns=list(names)))


def read_used(features: Sequence[Bins], frame: pd.DataFrame, kinds: Mapping[str, str]) -> dict[str, Column]:
    """The columns that features look at, as the kinds they were when learned.

    Raises
    ------
    ArgumentError
        If a column is not there or holds values of another kind.
    """
    levels: dict[str, set[str]] = {}
    for bins in (one for own in features for one in (own.two or [own])):
        levels.setdefault(bins.column, set()).update(level for group in bins.levels for level in group)
    if lacking := sorted(levels.keys() - set(frame.columns.map(str))):
        raise ArgumentError("X", f"lacks columns that were learned from: {', '.join(map(repr, lacking))}")
    return read_columns(frame.loc[:, [str(name) in levels for name in frame.columns]], kinds, levels)


def read_columns(
    frame: pd.DataFrame, kinds: Mapping[str, str] | None = None, levels: Mapping[str, set[str]] | None = None
) -> dict[str, Column]:
    """Each column as rules read it: a number, or text; booleans are the texts true and false.

    Parameters
    ----------
    frame : DataFrame, of `as_frame`
    kinds : dict of column to "number", "text", "boolean" or "empty", optional
        What they were when learned; by default as they are.
    levels : dict of column to its texts when learned, optional

    Raises
    ------
    ArgumentError
        If a column holds dates, infinite numbers, or what is neither number nor text.
    """
    read, problems = {}, []
    for place, label in enumerate(frame.columns):
        series, name = frame.iloc[:, place], str(label)
        if (kinds or {}).get(name) == "empty":
            # Without a value when learned, it tells nothing, whatever stands in it today.
            read[name] = Column("any", np.full(len(frame), -1, np.int32), numbers=np.full(len(frame), np.nan))
            continue
        own = kind_of_column(series)
        wanted = (kinds or {}).get(name) or {"time": "text", "empty": "number"}.get(own, own)
        column = read_as(series, _looked_for(wanted, own, (levels or {}).get(name)))
        if column.kind == "boolean":
            # Booleans are written as rulebooks compare them.
            column.values = [as_text(value) for value in column.values]
        problems += [Problem(name, f"{counted(len(rows), 'row')}: {what}") for what, rows in column.bad.items()]
        if own in ("number", "boolean") and wanted == "text" and column.kind == "text" and levels is not None:
            problems += _never_meant(name, own, levels[name])
        if column.numbers is not None and (infinite := int(np.isinf(column.numbers).sum())):
            what = f"{counted(infinite, 'infinite number')} (inf, infinity), which no bin can hold"
            problems.append(Problem(name, what))
        read[name] = column
    if problems:
        raise ArgumentError("X", problems)
    return read


def _looked_for(wanted: str, own: str, levels: set[str] | None) -> Any:
    """The kind as which a column is read: where true and false were texts when learned, 1 and 0 are these."""
    return "boolean" if wanted == "text" and own == "number" and levels and levels & _TRUTHS else wanted


def _never_meant(name: str, own: str, levels: set[str]) -> Iterator[Problem]:
    """That no value of a column can be one of the texts learned from, so that all of them would be "other"."""
    if own == "boolean":
        possible = bool(levels & _TRUTHS)
    else:
        possible = any(not isinstance(plain_number(level), Bad) for level in levels)
    if not possible:
        found = "true and false" if own == "boolean" else "numbers"
        learned = ", ".join(map(repr, sorted(levels)[:3]))
        told = f" ({learned}{', ...' if len(levels) > 3 else ''})" if levels else ""
        yield Problem(name, f"holds {found} where text was learned from{told}: give the same values")


def read_outcomes(
    classes: npt.NDArray[Any], frame: Any, y: Any, sample_weight: Any, **beside: Any
) -> tuple[LeadRows, Floats]:
    """Outcomes and what stands beside them, and weights; two numbers may stand for False and True."""
    told_as = classes.tolist()
    if set(told_as) != {False, True}:
        labels = as_column("y", y)
        strange = labels[labels.notna() & ~labels.isin(told_as)]
        if len(strange):
            message = f"must be {told_as[0]!r} or {told_as[1]!r}, as learned from; got {strange.iloc[0]!r}"
            raise ArgumentError("y", message)
        told = labels.eq(told_as[1]).where(labels.notna())
        y = told if isinstance(y, pd.Series) else told.to_numpy()
    weights = sample_weight if sample_weight is None else plain_column(sample_weight)
    rows = read_rows(y, X=frame, sample_weight=weights, **beside)
    return rows, np.ones(len(rows.known)) if rows.weights is None else rows.weights


def in_leads(weight: Floats) -> Floats:
    """Weights above 0 as numbers of leads: whole ones are, of others only the ratios are known.

    Their scale is not that of evidence: divided by their sum they would say that all rows are one lead. Equal ones are
    nothing but a scale, whole or not.
    """
    if (weight == np.floor(weight)).all() and (weight != weight[0]).any():
        return weight
    share = weight / weight.max()
    total, squares = math.fsum(share), math.fsum(share**2)
    effective = total**2 / squares
    if effective < len(weight) / 2:
        rows = counted(len(weight), "row")
        what = f"sample_weight: so unequal that {rows} are worth {effective:,.0f} of equal weight"
        warnings.warn(f"{what} (Kish's effective sample size); points and intervals say no more", stacklevel=3)
    # In steps of which floats have every sum exactly, whatever the order of the rows.
    return np.asarray(np.maximum(np.rint(share * (total / squares) / _STEP), 1) * _STEP, np.float64)


def plain_column(values: Any) -> Any:
    """As it is, but for a table of one column, which scikit-learn takes with a warning."""
    if getattr(values, "ndim", 1) != 2 or values.shape[1] != 1:
        return values
    plain = column_or_1d(np.asarray(values), warn=True)
    return pd.Series(plain, values.index) if isinstance(values, pd.DataFrame) else plain


def classes_of(y: Any) -> npt.NDArray[Any]:
    """The two outcomes; of two numbers the larger is told, as in scikit-learn."""
    known = pd.Series(np.asarray(as_column("y", y).dropna())).infer_objects()
    if known.dtype.kind not in "biuf":
        # Decimals are read as numbers; what is none is refused there, with a cure.
        return np.array([False, True])
    if known.dtype.kind == "f" and np.isinf(known).any():
        raise ArgumentError("y", "contains infinity; it must hold two outcomes, or missing where not known")
    try:
        check_classification_targets(known.to_numpy())
    except ValueError as error:
        raise ArgumentError("y", str(error)) from None
    classes = known.unique()
    if len(classes) != 2:
        found = f"{len(classes)} class{'' if len(classes) == 1 else 'es'}"
        raise ArgumentError("y", f"Only binary classification is supported: y must hold two classes; got {found}")
    return np.array(sorted(classes.tolist()))
