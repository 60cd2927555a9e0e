"""A table of leads as pandas has it, each column in the one type of its kind, whatever type it came in."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from numbers import Real
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from leadscore.base.text import as_text, counted
from leadscore.base.times import is_text, one_array
from leadscore.errors import ArgumentError, Problem
from leadscore.sources.columns import Column, convert

ColumnKind = Literal["number", "text", "boolean", "time", "empty"]

_PLAIN = (str, Real, Decimal, np.generic, pd.Interval)
_DAYS = (dt.date, dt.timedelta, dt.time, np.datetime64, np.timedelta64, pd.Period)


def is_table(values: Any) -> bool:
    """Whether columns have names of their own: a frame of pandas, polars or Arrow, or an array with named fields."""
    if isinstance(values, np.ndarray):
        return values.dtype.names is not None
    return isinstance(values, pd.DataFrame) or (hasattr(values, "__arrow_c_stream__") and np.ndim(values) != 1)


def as_frame(name: str, values: Any) -> pd.DataFrame:
    """A table with each column in the one type of its kind, so that nothing depends on the type it came in.

    Booleans are `boolean`; numbers are of numpy or nullable; text is Arrow's, or a category where it came as one;
    times are as they came. Labels of columns stay.

    Parameters
    ----------
    name : str
        Of the argument, for messages.
    values : DataFrame of pandas or polars, Arrow table, structured array, or what gives an Arrow stream

    Raises
    ------
    ArgumentError
        If it is not a table, two columns have one name, or a column holds anything but numbers, text, booleans and
        times; all of them are named.

    Examples
    --------
    >>> frame = pd.DataFrame({"demo": pd.Series([True, None], dtype=object), "visits": pd.Categorical([3, 5])})
    >>> as_frame("X", frame).dtypes.astype(str).to_dict()
    {'demo': 'boolean', 'visits': 'int64'}
    """
    if not is_table(values):
        message = f"must be a table, as a pandas or polars DataFrame; got {type(values).__name__}"
        cure = "; call its collect()" if hasattr(values, "collect") else ""
        cure = "; one column is to_frame()" if hasattr(values, "to_frame") else cure
        raise ArgumentError("arguments", [Problem(name, message + cure)])
    if isinstance(values, (pd.DataFrame, np.ndarray)):
        frame = pd.DataFrame(values)
        labels, columns = frame.columns, [frame.iloc[:, place] for place in range(frame.shape[1])]
        index = frame.index
    else:
        table = pa.table(values)
        labels, columns, index = pd.Index(table.column_names, dtype=object), table.columns, pd.RangeIndex(len(table))
    texts = labels.map(str)
    if twice := list(dict.fromkeys(texts[texts.duplicated()].map(repr))):
        raise ArgumentError(name, f"has columns more than once: {', '.join(twice)}")
    read, problems = {}, []
    for place, column in enumerate(columns):
        try:
            read[place] = _plain(column)
        except _StrangeError as error:
            problems.append(Problem(texts[place], str(error)))
    if problems:
        raise ArgumentError(name, problems)
    return pd.DataFrame(read, index, copy=False).set_axis(labels, axis=1)


def kind_of_column(column: pd.Series[Any]) -> ColumnKind:
    """The kind of a column of `as_frame`; "empty" where there is no value."""
    kind = column.dtype
    if not column.notna().any():
        return "empty"
    if isinstance(kind, pd.CategoricalDtype) or (isinstance(kind, pd.ArrowDtype) and is_text(kind.pyarrow_dtype)):
        return "text"
    if pd.api.types.is_bool_dtype(kind):
        return "boolean"
    return "number" if pd.api.types.is_numeric_dtype(kind) else "time"


def read_as(column: pd.Series[Any], kind: Literal["number", "text", "boolean"]) -> Column:
    """A column of `as_frame` as a kind that may not be its own; cells that are none are in `bad`.

    1 and 0 are true and false; text may be numbers, or say true and false.
    """
    array = one_array(pa.array(column, from_pandas=True))
    if kind == "boolean" and kind_of_column(column) != "boolean":
        numbers = convert(array, "number", (), "UTC")
        if not numbers.bad and numbers.numbers is not None and np.isin(numbers.numbers[~numbers.missing], (0, 1)).all():
            array = pa.array(numbers.numbers == 1, mask=numbers.missing)
    return convert(array, kind, (), "UTC")


def alike(
    first: pd.Series[Any], second: pd.Series[Any], here: str, there: str
) -> tuple[ColumnKind, pd.Series[Any], pd.Series[Any]] | str:
    """Two columns of `as_frame` as one kind, that of one of them; where there is none, what is here and there."""
    kinds = kind_of_column(first), kind_of_column(second)
    if kinds[0] == kinds[1] or "empty" in kinds:
        return next((kind for kind in kinds if kind != "empty"), "empty"), first, second
    for kind in ("boolean", "number"):
        if kind in kinds and "time" not in kinds:
            sides = [read_as(column, kind) for column in (first, second)]
            if not any(side.bad for side in sides):
                one, other = (side.at(np.arange(len(side.missing))) for side in sides)
                return kind, one.set_axis(first.index), other.set_axis(second.index)
    words = {"number": "numbers", "boolean": "true and false", "time": "times"}
    first_words, second_words = (words.get(kind, kind) for kind in kinds)
    return f"holds {first_words} in {here} and {second_words} in {there}"


# --------------------------------------------------------------------------------------------------------- one column


class _StrangeError(Exception):
    """What a column holds that is no value of any kind."""


def _plain(column: Any) -> pd.Series[Any]:
    if not isinstance(column, pd.Series):
        return _of_arrow(one_array(column))
    kind = column.dtype
    if isinstance(kind, pd.SparseDtype):
        return _plain(pd.Series(np.asarray(column), column.index))
    if isinstance(kind, pd.CategoricalDtype):
        return _of_category(column)
    if not isinstance(kind, pd.ArrowDtype):
        if kind.kind == "c":
            raise _StrangeError(f"Complex data not supported; got {kind}")
        if pd.api.types.is_bool_dtype(kind):
            return column.astype("boolean")
        if kind == np.float16:
            return column.astype(np.float32)
        if kind.kind in "iufmM" or isinstance(kind, pd.PeriodDtype):
            return column
    try:
        array = one_array(pa.array(column, from_pandas=True))
    except (pa.ArrowException, TypeError, OverflowError):
        return _of_mixed(column)
    known = column if pa.types.is_temporal(array.type) else _of_arrow(array)
    return known.set_axis(column.index)


def _of_arrow(array: pa.Array) -> pd.Series[Any]:
    """An Arrow array, by its type."""
    kind = array.type
    if pa.types.is_null(kind):
        return pd.Series(np.full(len(array), np.nan))
    if pa.types.is_dictionary(kind):
        return _of_category(array.to_pandas())
    if is_text(kind):
        return pd.Series(pd.arrays.ArrowExtensionArray(array))
    if pa.types.is_boolean(kind):
        return pd.Series(array.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get))
    if pa.types.is_decimal(kind):
        # Arrow's own cast of a decimal may be one step off: 0.009 would miss the edge 0.009.
        return pd.Series(array.cast(pa.string()).cast(pa.float64()).to_numpy(zero_copy_only=False))
    if pa.types.is_integer(kind) and array.null_count:
        return pd.Series(array.cast(pa.int64()).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get))
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_temporal(kind):
        return pd.Series(array.to_pandas())
    shown = next((f" as {value!s:.60}" for value in array if value.is_valid), "")
    raise _StrangeError(f"argument must be a string or a number in every cell; got {kind}{shown}")


def _of_category(column: pd.Series[Any]) -> pd.Series[Any]:
    """A category of texts as it is, one of anything else as that."""
    categories = _plain(pd.Series(column.cat.categories))
    codes = column.cat.codes.to_numpy()
    if kind_of_column(categories) == "text" and categories.notna().all():
        return column.cat.rename_categories(categories.tolist())
    if (codes < 0).any() and categories.dtype.kind in "iu":
        categories = categories.astype("Int64")
    return pd.Series(categories.array.take(codes, allow_fill=True), column.index)


def _of_mixed(column: pd.Series[Any]) -> pd.Series[Any]:
    """Values of several types: 1 beside True is true, numbers are numbers, and else all of it is text."""
    known = column.dropna()
    if known.map(lambda value: isinstance(value, _DAYS)).all():
        return column
    strange = known[~known.map(lambda value: isinstance(value, _PLAIN))]
    if len(strange):
        found = f"{type(strange.iloc[0]).__name__} {strange.iloc[0]!r:.60}"
        of = f" ({counted(len(strange), 'cell')})"
        raise _StrangeError(f"argument must be a string or a number in every cell; got {found}{of}")
    truths = known.map(lambda value: isinstance(value, (bool, np.bool_)))
    if known.map(lambda value: isinstance(value, (Real, Decimal, np.bool_))).all():
        if not truths.any():
            return column.astype(object).where(column.notna(), np.nan).astype(np.float64)
        if known.isin([0, 1]).all():
            return column.astype(object).where(column.notna(), None).map(bool, na_action="ignore").astype("boolean")
    texts = pa.array(column.map(as_text, na_action="ignore"), pa.large_string(), from_pandas=True)
    return _of_arrow(texts).set_axis(column.index)
