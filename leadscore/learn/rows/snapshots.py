"""`snapshots`: leads as they stood on past days, with what came of each afterwards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.base.arguments import Arguments
from leadscore.base.days import as_day, day_number, day_of
from leadscore.base.text import counted, normalise
from leadscore.base.times import DAY, NO_TIME, is_text, one_array
from leadscore.errors import ArgumentError, Problem
from leadscore.present.result import Result, Section
from leadscore.rulebook.plan import ALWAYS
from leadscore.sources.columns import Column, convert, distinct
from leadscore.sources.contract import refuse
from leadscore.tables.days import Days, daily
from leadscore.tables.events import IN_CACHE
from leadscore.tables.labels import label, when_scored
from leadscore.tables.outcomes import NEVER, Ints
from leadscore.tables.tables import Tables

_Leads = npt.NDArray[np.int32]
_Rows = npt.NDArray[np.intp]
_Columns = dict[str, "pd.Series[Any]"]
# When a lead came or changed, and who it belongs with: nothing that it is.
_NO_ATTRIBUTES = {"lead_id", "created_at", "valid_from", "account_id"}
_SHOWN, _SHOWN_COLUMNS = 5, 5
NUMERALS = "Columns of numbers as text"


@dataclass(frozen=True)
class Attribute:
    """A feature that is a column of the leads."""

    column: str
    kind: Literal["number", "category", "boolean"]


@dataclass(frozen=True)
class Activity:
    """A feature that counts what a lead did.

    Attributes
    ----------
    event : str
        The event type, as a rulebook compares it (normalised).
    measure : "events", "days" or "since"
        How many events; on how many days; or how many days before the day of the snapshot the last one was (0: on that
        day), missing where there was none.
    within_days : int or None
        Events of an age below it count, as in a rulebook; None for all, as always for "since".
    """

    event: str
    measure: Literal["events", "days", "since"]
    within_days: int | None = None


@dataclass(frozen=True)
class Kinds:
    """A feature that counts how many types of event a lead has in a window; no rule of a rulebook can say it."""

    within_days: int


Provenance = Attribute | Activity | Kinds


@dataclass(frozen=True, eq=False, repr=False)
class Snapshots(Result):
    """Leads as they stood at the end of past days, with what came of each afterwards; made by `snapshots`.

    Attributes
    ----------
    X : DataFrame, index (lead_id, as_of), one row per lead and day
        Attributes as valid on that day; activity up to that day.
    y : Series of dtype boolean, the same index
        Whether the lead reached `stage` in the `within_days` after that day; `<NA>` where that cannot be known.
    provenance : dict of column of X to Attribute, Activity or Kinds
        What each feature is made of, so that points learned on it can be written as rules.
    tables : Tables
    lead : (n_rows,) positions of the leads among those of the tables
    day : (n_rows,) days since 1970
    stage, within_days, observed_until, worked_only
        How the labels were made.
    notes : tuple of str
        What to know before it is believed: rows left out, labels not known yet.
    """

    X: pd.DataFrame
    y: pd.Series[Any]
    provenance: dict[str, Provenance]
    tables: Tables
    lead: npt.NDArray[np.int32]
    day: npt.NDArray[np.int64]
    stage: str
    within_days: int
    observed_until: dt.date
    worked_only: bool
    notes: tuple[str, ...] = ()

    @property
    def lead_ids(self) -> pd.Index[Any]:
        """(n_rows,) the lead of each row."""
        return self.X.index.get_level_values("lead_id")

    @property
    def dates(self) -> pd.Series[Any]:
        """The day of each row, datetime64, the same index as `X`."""
        return pd.Series(_dates(self.day), self.X.index, name="as_of")

    @property
    def headline(self) -> str:
        """How many rows reached the stage, of how many leads and days."""
        days, leads = np.unique(self.day), len(np.unique(self.lead))
        first, last = day_of(days[0]), day_of(days[-1])
        on = f"on {first}" if first == last else f"on {len(days):,} days from {first} to {last}"
        reached, unknown = int(self.y.sum()), int(self.y.isna().sum())
        more = f"; {unknown:,} more are not known yet" if unknown else ""
        return (
            f"{reached:,} of {len(self) - unknown:,} rows with a known outcome reached {self.stage} within "
            f"{self.within_days} days, by outcomes until {self.observed_until}{more}. "
            f"{counted(leads, 'lead')} {on}, {counted(self.X.shape[1], 'feature')}."
        )

    def __len__(self) -> int:
        return len(self.X)

    def sections(self) -> Iterator[Section]:
        """The rows of `X`, with `y` behind them."""
        # The values stay where they are: there may be gigabytes of them.
        frame = self.X.copy(deep=False)
        frame[self.stage] = self.y
        names = list(dict.fromkeys([*self.X.columns[:_SHOWN_COLUMNS], self.stage]))
        shown = frame[names].head(_SHOWN).reset_index(allow_duplicates=True)
        whole = f"{counted(len(self), 'row')} and {counted(self.X.shape[1], 'feature')}"
        title = f"The first of {whole}; all are in `X` and `y`"
        yield Section("X", title, frame, shown)


def snapshots(  # noqa: PLR0913 - each of them is part of what is asked
    tables: Tables,
    *,
    as_of: Any,
    stage: str,
    within_days: int,
    windows: Sequence[int] = (7, 30, 90),
    worked_only: bool = False,
    observed_until: Any = None,
) -> Snapshots:
    """Leads as they stood at the end of past days, with what came of each afterwards: the rows to learn points from.

    Each row knows what was known at the end of its day and nothing that came later: the lead's attributes as they were
    valid, and what it had done by then. Days are calendar days in the time zone of the tables.

    Parameters
    ----------
    tables : Tables
        With outcomes. Events, or daily activity in their place, give the same.
    as_of : date, text as "2026-03-31", several of them, or Series of them by lead_id
        The day, the days, or the day each lead qualified: `history.frame["day"]`. A Series may also hold times with a
        zone, as `history.frame["qualified_at"]`: the features are those of the end of that day, while the outcome
        counts from the time on, see `label`.
    stage : str
        A stage of the funnel, which counts as reached with one further along too; or one beside it, as `contacted`.
    within_days : int
        The stage must be reached on one of so many days after the day of the row.
    windows : whole numbers of days
        How far back what a lead did is counted, each in features of its own.
    worked_only : bool
        Labels of leads that sales worked only, see `label`.
    observed_until : date, optional
        The last day whose outcomes are known. By default that of the tables.

    Returns
    -------
    Snapshots
        `X`, `y`, `provenance`, `notes`. A row for each lead that is there on the day: by leads, then days; for a
        Series in its order. Rows without a label are kept.

        Attributes are all columns of the leads but `lead_id`, `created_at`, `valid_from` and `account_id`: numbers as
        float64 with NaN, booleans as boolean with `<NA>`, text as it came with None, where missing or blank. Dates,
        times and nested columns are left out, as the notes say.

        Of each type of event that happened by the last of the days, told apart as a rulebook tells them: how many
        events and on how many days in each window, as a rule with that `within_days` counts `each` and `daily`; and how
        many days since the last, NaN where there was none. And for each window how many types there were.

    Raises
    ------
    ArgumentError
        For an invalid argument, for a lead with two rows on one day, or if no lead is there on the day.
    ContractError
        If types of events are not text.

    Notes
    -----
    Several days of one lead are not independent rows: the same person, much the same activity, often the same outcome.
    An interval has to draw leads with all their rows, and folds have to keep a lead on one side.

    With `worked_only` the labels are of leads that somebody chose to work. What is learned holds for leads that would
    be chosen so; without it, a lead that nobody called counts as one that did not convert.

    On rows and labels of this kind: van Houwelingen, H. C. (2007), Dynamic prediction by landmarking in event history
    analysis, Scandinavian Journal of Statistics 34, 70-85.

    Examples
    --------
    >>> import leadscore as ls
    >>> leads = pd.DataFrame({"lead_id": ["a", "b"], "country": ["US", None], "employees": [50, 900]})
    >>> days = ["2026-01-05", "2026-01-30", "2026-02-03"]
    >>> events = pd.DataFrame({"lead_id": ["a", "a", "b"], "event": "visit", "at": days})
    >>> outcomes = pd.DataFrame({"lead_id": ["a"], "stage": "won", "at": ["2026-02-20"]})
    >>> tables = ls.load_tables(leads, events, outcomes, observed_until="2026-03-31")
    >>> asked = {"as_of": "2026-01-31", "stage": "won", "within_days": 30}
    >>> snapshots(ls.load_tables(leads, None, outcomes, observed_until="2026-03-31"), **asked)
    1 of 2 rows with a known outcome reached won within 30 days, by outcomes until 2026-03-31. 2 leads on 2026-01-31, 2
    features.
    <BLANKLINE>
    The first of 2 rows and 2 features; all are in `X` and `y`:
      lead id  as of       country  employees  won
      a        2026-01-31  US              50  yes
      b        2026-01-31                 900  no
    <BLANKLINE>
    - The leads have no valid_from: attributes show today's values, not those on the day.
    >>> rows = snapshots(tables, **asked, windows=[30])
    >>> rows.X.droplevel("as_of").T
    lead_id                       a      b
    country                      US   None
    employees                  50.0  900.0
    visit: events in 30 days      2      0
    visit: days in 30 days        2      0
    visit: days since           1.0    NaN
    kinds of event in 30 days     1      0
    >>> rows.y.to_list(), rows.provenance["visit: days since"]
    ([True, False], Activity(event='visit', measure='since', within_days=None))
    """
    with Arguments("snapshots") as given:
        given.types(tables=(tables, Tables))
        given.flag("worked_only", worked_only)
        days = _windows(windows)
    lead, day, scored_at, left_out = _rows(tables, as_of)
    asked = {"stage": stage, "within_days": within_days, "observed_until": observed_until}
    y = label(tables, as_of=scored_at, worked_only=worked_only, **asked)
    index = _index(tables, lead, day)
    attributes, provenance, notes = _attributes(tables, lead, day)
    activity, made_of = _activity(tables, lead, day, days)
    clash = sorted(attributes.keys() & activity.keys())
    if clash:
        raise ArgumentError("tables", f"lead columns are named as features of activity: {', '.join(map(repr, clash))}")
    X = pd.DataFrame(attributes | activity, range(len(lead)), copy=False).set_axis(index)
    until = day_of(tables.observed(observed_until)[1])
    found = Snapshots(
        X, pd.Series(y.array, index, name=stage), provenance | made_of, tables, lead, day, stage, int(within_days),
        until, worked_only,
    )  # fmt: skip
    return replace(found, notes=(*left_out, *notes, *_on_labels(found, scored_at)))


def _dates(day: Ints) -> npt.NDArray[np.datetime64]:
    return day.astype("datetime64[D]").astype("datetime64[us]")


def _index(tables: Tables, lead: _Leads, day: Ints) -> pd.MultiIndex:
    days, place = np.unique(day, return_inverse=True)
    levels: list[Any] = [pd.Index(tables.ids.array.to_pandas()), pd.DatetimeIndex(_dates(days))]
    codes: list[Any] = [lead, place]
    index = pd.MultiIndex(levels, codes, names=["lead_id", "as_of"], verify_integrity=False)
    twice = index.duplicated()
    if twice.any():
        row = int(np.argmax(twice))
        who, when = index.get_level_values("lead_id")[row], day_of(day[row])
        repeats = counted(int(twice.sum()), "row")
        message = f"a lead has one row a day; {who!r} has {when} twice, and {repeats} in all must go"
        raise ArgumentError("as_of", message)
    return index


def _windows(windows: Any) -> list[int]:
    given = list(windows) if pd.api.types.is_list_like(windows) else [None]
    days = [int(one) for one in given if isinstance(one, (int, np.integer)) and not isinstance(one, bool) and one >= 1]
    if not len(set(days)) == len(days) == len(given):
        raise ArgumentError("windows", f"must be several whole numbers of days from 1, all different; got {windows!r}")
    return days


def _rows(tables: Tables, as_of: Any) -> tuple[_Leads, Ints, pd.Series[Any], list[str]]:
    """The leads that are there, the days since 1970, the same as `label` wants them, and what to say of the others."""
    if isinstance(as_of, pd.Series):
        scored_at = as_of
        lead, day, _, _ = when_scored(tables, as_of, name="as_of")
    else:
        given = list(as_of) if pd.api.types.is_list_like(as_of) else [as_of]
        days = np.sort(np.array([day_number(as_day(one, name="as_of")) for one in given], np.int64))
        lead = np.repeat(np.arange(len(tables.ids), dtype=np.int32), len(days))
        day = np.tile(days, len(tables.ids))
        scored_at = pd.Series(_dates(day), tables.ids.array.take(pa.array(lead)).to_pandas())
    undated = day == NO_TIME
    late = ~undated & (tables.records.there_from(tables.timezone)[lead] > day)
    notes = [
        f"{counted(int(rows.sum()), 'row')} left out: {why}."
        for rows, why in ((undated, "the lead has no day"), (late, "the lead came after the day"))
        if rows.any()
    ]
    kept = np.flatnonzero(~(undated | late))
    if not len(kept):
        raise ArgumentError("as_of", " ".join(["there is no row.", *notes]))
    return lead[kept], day[kept], scored_at.iloc[kept], notes


def _on_labels(found: Snapshots, scored_at: pd.Series[Any]) -> Iterator[str]:
    """Why labels are not known, and what to know of those that are."""
    unknown, stage, until = found.y.isna().to_numpy(), found.stage, found.observed_until
    unclosed = unknown & (found.day + found.within_days > day_number(until))
    unworked = ", or sales never worked it in that time" if found.worked_only else ""
    for rows, why in (
        (unclosed, f"{found.within_days} days have not passed by {until}"),
        (unknown & ~unclosed, f"the lead had already reached {stage}{unworked}"),
    ):
        if rows.any():
            yield f"{counted(int(rows.sum()), 'label')} not known: {why}."
    if found.worked_only:
        yield "Labels are of leads that sales chose to work: what is learned holds for leads chosen in the same way."
        if why := found.tables.observed(until)[0].only_successes(stage):
            yield f"Nothing can be learned: {why}. Without worked_only the other leads count as not reached."
    if (when_scored(found.tables, scored_at)[2] != NEVER).any():
        days, within = pd.Series(_dates(found.day), scored_at.index), found.within_days
        by_day = label(found.tables, stage=stage, as_of=days, within_days=within, observed_until=until)
        if same := int((~unknown & by_day.isna().to_numpy()).sum()):
            later = f"{counted(same, 'row')} of leads that reached {stage} later on the same day"
            yield f"{later}: some of that day's activity may have come afterwards."
    several = int((np.bincount(found.lead) > 1).sum())
    if several:
        draw = "draw leads with all their rows for intervals, and keep a lead on one side of a fold"
        yield f"{counted(several, 'lead')} with several rows, which are not independent: {draw}."


def _attributes(tables: Tables, lead: _Leads, day: Ints) -> tuple[_Columns, dict[str, Provenance], list[str]]:
    """Each attribute as it was valid on the day."""
    record = tables.records.lookup(tables.timezone)(lead, day)
    columns: _Columns = {}
    provenance: dict[str, Provenance] = {}
    left_out, numerals, notes = [], [], []
    for name in tables.leads.column_names:
        if name in _NO_ATTRIBUTES:
            continue
        array = one_array(tables.leads[name])
        array = array.cast(pa.large_string()) if pa.types.is_null(array.type) else array
        kind = kind_of(array.type)
        # Text is read as numbers too, to tell whether all of it is.
        read = convert(array, "boolean" if kind == "boolean" else "number", (), "UTC")
        if kind is None or (kind == "number" and read.bad):
            why = f"{array.type}" if kind is None else "whole numbers above 2**53, too large for a quantity"
            left_out.append(f"{name} ({why})")
            continue
        if kind == "category":
            numerals += [name] * (not read.bad and not read.missing.all())
            codes, values = distinct(array)
            read = Column("text", codes, [None if value is None or not normalise(value) else value for value in values])
        columns[name], provenance[name] = read.at(record), Attribute(name, kind)
    if columns and tables.records.valid_from is None:
        notes.append("The leads have no valid_from: attributes show today's values, not those on the day.")
    if (record < 0).any():
        rows = counted(int((record < 0).sum()), "row")
        notes.append(f"{rows} without attributes: the lead's first record came after the day.")
    if left_out:
        notes.append(f"Columns left out, which are not numbers, text or booleans: {', '.join(left_out)}.")
    if numerals:
        notes.append(f"{NUMERALS}, taken as categories: {', '.join(numerals)}.")
    return columns, provenance, notes


def kind_of(kind: pa.DataType) -> Literal["number", "category", "boolean"] | None:
    """What a column of the leads can be learned from as, if it can."""
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_boolean(kind):
        return "boolean"
    # A column without any value has no type; as a category it stays a column, which other tables may have values of.
    return "category" if is_text(kind) or pa.types.is_null(kind) else None


def _activity(
    tables: Tables, lead: _Leads, day: Ints, windows: Sequence[int]
) -> tuple[_Columns, dict[str, Provenance]]:
    """What each lead had done by the end of the day, type by type, and how many types that were."""
    last = int(day.max())
    age = last - day
    # Looked up in the order in which days are kept: neighbours are found in cache.
    order = np.lexsort((age, lead))
    kinds = {within: np.zeros(len(lead), np.int32) for within in windows}
    found: dict[Activity | Kinds, npt.NDArray[Any]] = {}
    for event, days in _days_by_type(tables, last):
        rows = order[(np.bincount(days.lead, minlength=len(tables.ids)) > 0)[lead[order]]]
        begin = days.place(lead[rows], age[rows])
        ends = {within: days.place(lead[rows], age[rows] + min(within, ALWAYS)) for within in windows}
        total = np.append(0, np.cumsum(days.count, dtype=np.int64))
        # Half as wide for as long as it will do: there are many rows and columns.
        total = total.astype(np.int32) if total[-1] <= np.iinfo(np.int32).max else total
        for within, end in ends.items():
            found[Activity(event, "events", within)] = _spread(total[end] - total[begin], rows, len(lead))
            kinds[within][rows] += end > begin
        for within, end in ends.items():
            found[Activity(event, "days", within)] = _spread((end - begin).astype(np.int32), rows, len(lead))
        once = np.append(days.lead, -1)[begin] == lead[rows]
        since = found[Activity(event, "since")] = np.full(len(lead), np.nan)
        since[rows[once]] = days.age[begin[once]] - age[rows[once]]
    if found:
        found |= {Kinds(within): counts for within, counts in kinds.items()}
    columns = {_name(feature): pd.Series(column, copy=False) for feature, column in found.items()}
    return columns, dict(zip(columns, found, strict=True))


def _spread(values: npt.NDArray[Any], rows: _Rows, n: int) -> npt.NDArray[Any]:
    """(n,) values at some rows, 0 at the others."""
    full = np.zeros(n, values.dtype)
    full[rows] = values
    return full


def _name(feature: Activity | Kinds) -> str:
    within = "" if feature.within_days is None else f" in {feature.within_days} day{'s' * (feature.within_days != 1)}"
    if isinstance(feature, Kinds):
        return f"kinds of event{within}"
    return f"{feature.event}: {'days since' if feature.measure == 'since' else feature.measure}{within}"


def _days_by_type(tables: Tables, last: int) -> Iterator[tuple[str, Days]]:
    """Each type of event that happened by a day, by name: the days on which, as ages from it."""
    types = convert(tables.events.values["event"], "text", (), tables.timezone)
    assert types.codes is not None
    for why, places in types.bad.items():
        refuse([Problem("events.event", f"{counted(len(places), 'distinct value')}: {why}")])
    of_value = np.append(types.codes, -1)
    parts: list[list[tuple[npt.NDArray[Any], ...]]] = [[] for _ in types.values]
    for batch in tables.events.pieces(IN_CACHE):
        age = last - batch.local(tables.timezone) // DAY
        kind = np.where(age < 0, -1, of_value[batch.codes["event"]])
        for code in np.unique(kind[kind >= 0]):
            rows = np.flatnonzero(kind == code)
            counts = () if batch.count is None else (batch.count[rows],)
            parts[code].append((batch.lead[rows], age[rows].astype(np.int32), *counts))
    # By name, so that the order of the events changes nothing.
    for code in sorted(range(len(parts)), key=types.values.__getitem__):
        if parts[code]:
            yield types.values[code], daily(*map(np.concatenate, zip(*parts[code], strict=True)))
