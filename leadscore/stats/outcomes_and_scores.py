"""The one reader of what is given lead by lead: outcomes, scores, chances, weights, dates, groups.

Every public function that takes such columns reads them here, so that all take the same, match rows in the same way and
say the same of what cannot be taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from numbers import Real
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadscore.base.groups import grouped
from leadscore.base.text import counted, shown
from leadscore.base.times import NO_TIME, is_text, one_array, read_times
from leadscore.errors import ArgumentError, Problem
from leadscore.stats.intervals import Floats, Ints

Mask = npt.NDArray[np.bool_]
_SHOWN = 5
# Whole numbers of leads, as far as floats have all of them.
_MOST = 2**53
_WEIGHTS = ("weights", "sample_weight")
_SEGMENTS = ("by", "periods")
# What need not be given.
_OPTIONAL = {*_WEIGHTS, *_SEGMENTS, "dates", "groups"}


@dataclass(frozen=True)
class LeadRows:
    """What is given of each lead, all in one order; made by `read_rows`.

    Attributes
    ----------
    index : (n_rows,) what rows are called
    known : (n_rows,) bool
        Whether the outcome is known.
    had : (n_rows,) bool
        Whether the lead has the outcome; False where that is not known.
    unknown : int
        Leads whose outcome is not known; those that `take` leaves out still count.
    columns : dict of name to (n_rows,) float64
        Scores, chances and other numbers; missing (NaN) only where the outcome is unknown.
    weights : (n_rows,) float64, or None
    dates : (n_rows,) days since 1970 on their own clock, or None; `NO_TIME` only where the outcome is unknown
    groups : (n_rows,) whole numbers from 0, or None
        Rows of one group belong together; a row without a group is one of its own.
    by : (n_rows,) positions in `names`, or None
    names : list of str
        The segments that `by` has, sorted, `(missing)` last.
    """

    index: pd.Index[Any]
    known: Mask
    had: Mask
    unknown: int
    columns: dict[str, Floats]
    weights: Floats | None = None
    dates: Ints | None = None
    groups: Ints | None = None
    by: Ints | None = None
    names: tuple[str, ...] = ()

    def take(self, rows: Mask | Ints) -> Self:
        """Some of the rows."""
        parts = {name: getattr(self, name) for name in ("index", "known", "had", "weights", "dates", "groups", "by")}
        some: dict[str, Any] = {name: None if part is None else part[rows] for name, part in parts.items()}
        return replace(self, **some, columns={name: values[rows] for name, values in self.columns.items()})

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many rows there are, how many of them have the outcome, and `unknown`."""
        return len(self.had), int(self.had.sum()), self.unknown

    def of_known(self) -> Self:
        """The rows whose outcome is known; `unknown` says how many others there are."""
        return self if self.known.all() else self.take(self.known)


def read_rows(
    y: Any,
    *,
    whole_weights: bool = False,
    complete: bool = False,
    numbered_dates: bool = False,
    **columns: Any,
) -> LeadRows:
    """Read outcomes and what stands beside them, lead by lead; all problems are said in one error.

    Parameters
    ----------
    y : (n_leads,) True, False or missing; 1 and 0 will do
        The outcomes, as `label` gives them; missing: not known (yet). Any type of column: bool, whole numbers, floats
        with NaN, nullable, Arrow, categorical or sparse Series, polars, arrays, lists.
    whole_weights : bool
        Weights count leads.
    complete : bool
        Leads of unknown outcome need numbers, weights and days too, and no number may be infinite.
    numbered_dates : bool
        `dates` may be numbers that rise with time; they are in `columns` then.
    **columns : by the name of the argument; weights, dates, groups and segments that are None are left out
        `weights` or `sample_weight` (numbers from 0), `dates` (days or times), `groups` (ids), `by` or
        `periods` (names), `probability` (0 to 1), `X` (a table, of which only the rows are looked at); all others are
        numbers, `Scores` for their total.

    Returns
    -------
    LeadRows
        The leads of the first of the columns, in its order.

    Raises
    ------
    ArgumentError
        If a column holds anything else, a lead of known outcome lacks a number, weight or day, or rows cannot be
        matched.

    Notes
    -----
    Series with the same index, and everything without one, are matched by position. Where indexes differ, rows are
    matched by them: another order is put right; leads that `y` lacks are of unknown outcome; a known outcome of a lead
    that is not in the first column is refused, and so are repeated ids and columns without an index.

    Examples
    --------
    >>> y = pd.Series([True, None, False], index=["a", "b", "c"], dtype="boolean")
    >>> rows = read_rows(y, score=pd.Series({"c": 10, "a": 90, "d": 50}))
    >>> rows.had, rows.known, rows.columns["score"], rows.unknown
    (array([False,  True, False]), array([ True,  True, False]), array([10., 90., 50.]), 1)
    >>> read_rows([1.0, float("nan"), 0.0], score=[3, 2, 1]).of_known().had
    array([ True, False])
    """
    problems: list[Problem] = []
    first = next(iter(columns))
    there = {name: part for name, part in columns.items() if part is not None or name not in _OPTIONAL}
    given = {"y": y} | {name: _total(part) for name, part in there.items()}
    tables = {}
    for name, values in given.items():
        try:
            tables[name] = as_column(name, values)
        except ArgumentError as error:
            problems += error.problems
    _raise(problems)
    labelled = [name for name, values in given.items() if isinstance(values, (pd.Series, pd.DataFrame))]
    index = _matched(tables, labelled, first, problems)
    outcome = _outcomes(tables.pop("y"), problems)
    by = next((grouped(tables.pop(name)) for name in _SEGMENTS if name in tables), None)
    groups = _numbered(tables.pop("groups")) if "groups" in tables else None
    calendar = "dates" in tables and not (numbered_dates and pd.api.types.is_numeric_dtype(tables["dates"].dtype))
    dates = _days(tables.pop("dates"), problems) if calendar else None
    numbers = {name: _numbers(name, column, problems) for name, column in tables.items() if name != "X"}
    unread = {problem.where for problem in problems}
    needed = np.ones(len(index), bool) if complete else ~np.isnan(outcome)
    for name, values in numbers.items() if dates is None else [*numbers.items(), ("dates", dates)]:
        if name not in unread:
            problems += _unfit(name, values, needed, index, whole=whole_weights, complete=complete)
    _raise(sorted(problems, key=lambda problem: [*given].index(problem.where)))
    weights = numbers.pop("sample_weight", numbers.pop("weights", None))
    code, names = (None, ()) if by is None else (by.code, tuple(by.names))
    unknown = np.isnan(outcome)
    return LeadRows(index, ~unknown, outcome == 1, int(unknown.sum()), numbers, weights, dates, groups, code, names)


def _raise(problems: list[Problem]) -> None:
    if problems:
        raise ArgumentError("arguments", problems)


# --------------------------------------------------------------------------------------------------------- one column


def _total(values: Any) -> Any:
    """The points of `Scores`, known by their look: what makes them stands above this module."""
    scores = hasattr(values, "bound") and not isinstance(values, (pd.Series, pd.DataFrame))
    return values.frame["total"] if scores else values


def as_column(name: str, values: Any) -> pd.Series[Any]:
    """What is given as a Series, by position unless it has an index.

    Raises
    ------
    ArgumentError
        If it has not one value for each lead.
    """
    if isinstance(values, pd.Series):
        return values
    if name == "X":
        try:
            n = len(values)
        except TypeError:
            found = f"must be a table, a row for each lead; got {shown(values)}"
            raise ArgumentError("arguments", [Problem(name, found)]) from None
        return pd.Series(np.zeros(n), values.index if isinstance(values, pd.DataFrame) else None)
    if hasattr(values, "__array__") and not hasattr(values, "dtype") and not hasattr(values, "type"):
        values = np.asarray(values)  # all that some libraries' arrays can do
    dimensions = len(shape_of(values))
    if dimensions != 1:
        found = f"{dimensions} dimensions" if dimensions else f"{values!r:.60}"
        raise ArgumentError("arguments", [Problem(name, f"must have one value for each lead; got {found}")])
    if isinstance(values, pa.Array) or hasattr(values, "__arrow_c_stream__"):
        array = one_array(values if isinstance(values, pa.Array) else pa.chunked_array(values))
        plain = one_array(array.dictionary_decode()) if pa.types.is_dictionary(array.type) else array
        return pd.Series(pd.arrays.ArrowExtensionArray(plain))
    return pd.Series(values)


def shape_of(values: Any) -> tuple[int, ...]:
    """The shape of an array-like; of lists of different lengths as of two dimensions."""
    try:
        return np.shape(values)
    except ValueError:
        return len(values), 0


def _floats(column: pd.Series[Any]) -> Floats | None:
    """The numbers of a column, NaN where missing; None if it holds anything else."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        found = _floats(pd.Series(column.cat.categories))
        return None if found is None else np.append(found, np.nan)[column.cat.codes]
    if column.dtype == object:
        numbers = all(isinstance(value, (Real, Decimal, np.bool_)) for value in column.dropna())
    else:
        types = pd.api.types
        numbers = types.is_bool_dtype(column) or (types.is_numeric_dtype(column) and not types.is_complex_dtype(column))
    return column.to_numpy(np.float64, na_value=np.nan) if numbers or column.isna().all() else None


def _shown(values: pd.Series[Any]) -> list[str]:
    """The first two values that are not numbers, else the first two, as Python shows them."""
    plain = [value.item() if isinstance(value, np.generic) else value for value in values.dropna()]
    odd = [value for value in plain if not isinstance(value, (Real, Decimal))]
    return list(dict.fromkeys(map(repr, odd or plain)))[:2]


def _outcomes(column: pd.Series[Any], problems: list[Problem]) -> Floats:
    """1, 0, or NaN where the outcome is not known."""
    what = "must be True, False or missing (1 and 0 will do)"
    numbers = _floats(column)
    if numbers is None:
        found = _shown(column)
        # What is compared with a value is False where it is missing, which here is not known.
        write = "y.eq({}).where(y.notna())" if column.isna().any() else "y == {}"
        cure = " or ".join(write.format(value) for value in found)
        problems.append(Problem("y", f"{what}; got {', '.join(found)}: say which is the outcome, as {cure}"))
        return np.full(len(column), np.nan)
    wrong = ~((numbers == 0) | (numbers == 1) | np.isnan(numbers))
    if wrong.any():
        n = f"{int(wrong.sum()):,} of {len(wrong):,} values are neither"
        problems.append(Problem("y", f"{what}; {n}, the first {_shown(column[wrong])[0]}"))
    return numbers


def _numbers(name: str, column: pd.Series[Any], problems: list[Problem]) -> Floats:
    numbers = _floats(column)
    if numbers is None:
        problems.append(Problem(name, f"must be numbers; got {_shown(column)[0]}"))
    return np.zeros(len(column)) if numbers is None else numbers


def _days(column: pd.Series[Any], problems: list[Problem]) -> Ints:
    """Days since 1970, those that the column's own clock showed."""
    try:
        array = one_array(pa.array(column, from_pandas=True))
        times = read_times(array)
    except (pa.ArrowException, TypeError):  # values of several kinds
        times = None
    wrong = np.full(len(column), times is None)
    for rows in times.bad.values() if times is not None else ():
        wrong[rows] = True
    if wrong.any():
        first = ", ".join(map(repr, column[wrong].tolist()[:_SHOWN]))
        problems.append(Problem("dates", f"must be days as 2026-03-31; {int(wrong.sum()):,} are not: {first}"))
    if times is None:
        return np.zeros(len(column), np.int64)
    if times.zoned and is_text(array.type):  # each with an offset of its own, which its day is a day of
        text = pc.utf8_ltrim_whitespace(array.cast(pa.large_string()))
        times = read_times(pc.utf8_slice_codeunits(text, 0, 10)) or times
    return times.days(array.type.tz if times.zoned else "UTC")


def _numbered(column: pd.Series[Any]) -> Ints:
    """Groups, numbered in the order of the rows: draws by group do not depend on what they are called."""
    code = pd.factorize(column)[0]
    alone = code < 0
    return pd.factorize(np.where(alone, code.max(initial=-1) + np.cumsum(alone), code))[0].astype(np.int64)


# ---------------------------------------------------------------------------------------------------------- all columns


def _matched(
    tables: dict[str, pd.Series[Any]], labelled: list[str], first: str, problems: list[Problem]
) -> pd.Index[Any]:
    """What rows are called; columns are put in their order, missing where one has no such lead."""
    whose = first if first in labelled else (*labelled, first)[0]
    leads = tables[whose].index
    apart = [name for name in labelled if not tables[name].index.equals(leads)]
    for name, column in tables.items():
        if not apart and len(column) != len(tables[first]):
            message = f"must have one value for each lead; it has {len(column):,}, {first} has {len(tables[first]):,}"
            problems.append(Problem(name, message))
        elif apart and name not in labelled:
            message = f"has no index, and those of {whose} and {apart[0]} differ: give a Series by lead_id"
            problems.append(Problem(name, message))
        elif apart and column.index.has_duplicates:
            twice = column.index[column.index.duplicated()].unique()
            message = f"has {counted(len(twice), 'lead')} more than once: {_few(twice)}; is its index lead_id?"
            problems.append(Problem(name, message))
        elif name in apart and not column.index.isin(leads).any():
            problems.append(Problem(name, f"has none of the leads of {whose}: is its index lead_id?"))
    _raise(problems)
    if "y" in apart and len(rest := tables["y"].dropna().index.difference(leads, sort=False)):
        verb = "has" if len(rest) == 1 else "have"
        message = f"{counted(len(rest), 'lead')} with a known outcome {verb} no {first}: {_few(rest)}"
        problems.append(Problem("y", message))
    for name in apart:
        # As floats, which have room for missing values, large whole numbers would be others.
        column = tables[name].astype(object) if tables[name].dtype.kind in "iu" else tables[name]
        tables[name] = column.reindex(leads)
    return leads


def _few(leads: pd.Index[Any]) -> str:
    """The first of some leads, for messages."""
    return ", ".join(map(repr, leads[:_SHOWN].tolist())) + (", ..." if len(leads) > _SHOWN else "")


def _unfit(  # noqa: PLR0913 - a column, and what is asked of it
    name: str, values: npt.NDArray[Any], needed: Mask, index: pd.Index[Any], *, whole: bool, complete: bool
) -> Iterator[Problem]:
    """Numbers and days that are needed and not there; weights and chances that cannot be such."""
    absent, wrong, what = np.isnan(values), np.zeros(len(values), bool), "between 0 and 1"
    if name == "dates" and values.dtype.kind == "i":
        absent = values == NO_TIME
    elif name in _WEIGHTS:
        wrong, what = (values < 0) | (values > _MOST), "whole numbers from 0" if whole else "finite, 0 or more"
        wrong |= whole & (np.floor(values) < values)
    else:
        absent |= complete & np.isinf(values)
        wrong |= (name == "probability") & ((values < 0) | (values > 1))
    if (missing := needed & absent).any():
        gone = "missing or infinite" if np.isinf(values[missing]).any() else "missing"
        of = f"{int(missing.sum()):,} of {int(needed.sum()):,} leads{'' if complete else ' with a known outcome'}"
        yield Problem(name, f"is {gone} for {of}: {_few(index[missing])}")
    if wrong.any():
        found = f"{int(wrong.sum()):,} of {len(wrong):,} are not, the first {values[wrong][0]:g}"
        yield Problem(name, f"must be {what}; {found}")
