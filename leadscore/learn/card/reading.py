"""What a classifier and a card are given: columns as numbers or text, outcomes, weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from leadscore.base.text import as_text, counted
from leadscore.base.times import is_text
from leadscore.errors import ArgumentError, Problem
from leadscore.learn.card.binning import Bins, Floats
from leadscore.learn.rows.snapshots import kind_of
from leadscore.stats.outcomes_and_scores import LeadRows, as_column, read_rows
from leadscore.tables.columns import Column, convert


def read_frame(estimator: Any, X: Any, *, reset: bool) -> pd.DataFrame:  # noqa: N803 - scikit-learn's name
    """The columns that a classifier is given, by name."""
    if is_table(X):
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        frame = as_frame(X)
        if frame.columns.has_duplicates:
            twice = ", ".join(map(repr, frame.columns[frame.columns.duplicated()]))
            raise ArgumentError("X", f"has columns of one name: {twice}")
        return frame
    array = validate_data(estimator, X, reset=reset, dtype=None, ensure_all_finite=False)
    # An array after a frame goes by position, of which scikit-learn warns.
    return as_frame(array, getattr(estimator, "feature_names_in_", [f"x{place}" for place in range(array.shape[1])]))


def is_table(X: Any) -> bool:  # noqa: N803 - scikit-learn's name
    """Whether columns have names of their own: a frame of pandas, polars or Arrow."""
    return isinstance(X, pd.DataFrame) or hasattr(X, "__dataframe__") or hasattr(X, "__arrow_c_stream__")


def as_frame(X: Any, names: list[str] | None = None) -> pd.DataFrame:  # noqa: N803
    """A table as pandas has it; `names` are those of the columns of an array, which has none."""
    if isinstance(X, pd.DataFrame):
        dense = {name: kind.subtype for name, kind in X.dtypes.items() if isinstance(kind, pd.SparseDtype)}
        return X.astype(dense) if dense else X
    return pa.table(X).to_pandas() if is_table(X) else pd.DataFrame(X, columns=names)


def read_used(features: Sequence[Bins], frame: pd.DataFrame, kinds: Mapping[str, str]) -> dict[str, Column]:
    """The columns that features look at, as the kinds they were when learned.

    Raises
    ------
    ArgumentError
        If a column is not there or holds values of another kind.
    """
    used = {column for bins in features for column in bins.columns}
    lacking = sorted(used - set(map(str, frame.columns)))
    if lacking:
        raise ArgumentError("X", f"lacks columns that were learned from: {', '.join(map(repr, lacking))}")
    return read_columns(frame.loc[:, [str(name) in used for name in frame.columns]], kinds)


def read_columns(frame: pd.DataFrame, kinds: Mapping[str, str] | None = None) -> dict[str, Column]:
    """Each column as rules read it: a number, or text; booleans are the texts true and false.

    Parameters
    ----------
    frame : DataFrame
    kinds : dict of column to "number" or "text", optional
        What they were when learned; by default as they are.

    Raises
    ------
    ArgumentError
        If a column holds dates, infinite numbers, or what is neither number nor text.
    """
    read, problems = {}, []
    for place, name in enumerate(frame.columns):
        array = _array(frame.iloc[:, place])
        is_number = pa.types.is_null(array.type) or kind_of(array.type) == "number"
        wanted = (kinds or {}).get(str(name)) or ("number" if is_number else "text")
        column = convert(array, wanted, (), "UTC")  # type: ignore[arg-type]
        if wanted == "text":
            # Booleans are written as rulebooks compare them.
            column.values = [as_text(value) for value in column.values]
        problems += [Problem(str(name), f"{counted(len(rows), 'row')}: {what}") for what, rows in column.bad.items()]
        if column.numbers is not None and (infinite := int(np.isinf(column.numbers).sum())):
            what = f"{counted(infinite, 'infinite number')} (inf, infinity), which no bin can hold"
            problems.append(Problem(str(name), what))
        read[str(name)] = column
    if problems:
        raise ArgumentError("X", problems)
    return read


def _array(series: pd.Series[Any]) -> pa.Array:
    if series.dtype.kind == "c":
        raise ArgumentError("X", f"{series.name}: Complex data not supported; got {series.dtype}")
    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        known = series.dropna()
        strange = known[~known.map(lambda value: isinstance(value, (str, int, float, bool, np.generic)))]
        if len(strange):
            kind = type(strange.iloc[0]).__name__
            message = f"argument must be a string or a number in every cell; got {kind} {strange.iloc[0]!r}"
            raise ArgumentError("X", [Problem(str(series.name), message)]) from None
        array = pa.array(series.map(as_text, na_action="ignore"), pa.large_string(), from_pandas=True)
    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) and not is_text(array.type) else array


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


def plain_column(values: Any) -> Any:
    """As it is, but for a table of one column, which scikit-learn takes with a warning."""
    single = getattr(values, "ndim", 1) == 2 and values.shape[1] == 1
    return column_or_1d(np.asarray(values), warn=True) if single else values


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
