"""Outcomes that take time to be known: whether a lead reached a stage in the days after it was scored."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.base.arguments import Arguments
from leadscore.base.days import as_day, day_number
from leadscore.base.stages import STAGES, WORKED, or_further
from leadscore.base.text import counted
from leadscore.base.times import NO_TIME, one_array, read_times
from leadscore.errors import ArgumentError, Problem
from leadscore.tables.outcomes import NEVER, Ints
from leadscore.tables.tables import Tables


def label(  # noqa: PLR0913 - each of them is part of what is asked
    tables: Tables,
    *,
    stage: str,
    as_of: Any,
    within_days: int,
    observed_until: Any = None,
    worked_only: bool = False,
) -> pd.Series[Any]:
    """Whether each lead reached a stage in the days after it was scored, where that can be known.

    Parameters
    ----------
    tables : Tables
        With outcomes.
    stage : str
        A stage of the funnel, which counts as reached with one further along too; or one beside it, as `contacted`.
    as_of : date, text as "2026-03-31", or Series of them by lead_id
        The day of the score, which ends with it, or the day each lead qualified; or a Series of times with a zone, as
        `history.frame["qualified_at"]`: then what came later on the same day counts as after it.
    within_days : int
        The stage must be reached on one of so many days after that day.
    observed_until : date, optional
        The last day whose outcomes are known; later ones do not exist. By default that of the tables.
    worked_only : bool
        Leads that sales never worked by the end of the window (no stage but `lead` and `mql`) have no label either:
        that nobody called a lead says nothing about it.

    Returns
    -------
    Series of dtype boolean, index lead_id
        All leads in the order of the table, or the index of `as_of`. True or False; `<NA>` where the window is not
        over by `observed_until` (though the stage is reached already: else of recent leads only the good ones would
        have a label), where the stage was reached by the end of the day of the score, or by its time, where the lead
        came after that day or has none, and as `worked_only` says. A stage with a date only may have been reached
        before a time of that day.

    Raises
    ------
    ArgumentError
        If there is no such stage, none of it among the outcomes, no such lead, or no day.

    Notes
    -----
    Where a stage was recorded only from some day on, earlier labels are False for want of records: `funnel` says so.
    Outcomes that tell of no refusal make all labels True with `worked_only`: then leave it out.

    Examples
    --------
    >>> import leadscore as ls
    >>> leads = pd.DataFrame({"lead_id": ["a", "b", "c"]})
    >>> outcomes = pd.DataFrame({"lead_id": ["a", "c"], "stage": "won", "at": ["2026-02-20", "2026-01-02"]})
    >>> tables = ls.load_tables(leads, None, outcomes, observed_until="2026-03-31")
    >>> label(tables, stage="won", as_of="2026-01-31", within_days=30)
    lead_id
    a     True
    b    False
    c     <NA>
    Name: won, dtype: boolean
    """
    with Arguments("label") as given:
        given.types(tables=(tables, Tables))
        given.one_of("stage", stage, STAGES)
        given.whole("within_days", within_days, least=1)
        given.flag("worked_only", worked_only)
    stages, until = tables.observed(observed_until)
    if not tables.stages or not tables.stages.of(*or_further(stage)).any():
        raise ArgumentError("stage", f"no outcome is {' or '.join(or_further(stage))}: all labels would be False")
    lead, scored, moment, index = when_scored(tables, as_of)
    day, rows = stages.times.days(tables.timezone), stages.of(*or_further(stage))
    reached = stages.first(len(tables.ids), day, rows)[lead]
    later = stages.first(len(tables.ids), stages.times.utc(tables.timezone), rows)[lead] > moment
    end = scored + within_days
    known = (scored != NO_TIME) & (end <= until) & ((reached > scored) | later)
    known &= tables.records.there_from(tables.timezone)[lead] <= scored
    if worked_only:
        known &= stages.first(len(tables.ids), day, stages.of(*WORKED))[lead] <= end
    return pd.Series(pd.arrays.BooleanArray(reached <= end, ~known), index, name=stage)


def when_scored(
    tables: Tables, as_of: Any, *, name: str = "as_of"
) -> tuple[npt.NDArray[np.int32], Ints, Ints, pd.Index[Any]]:
    """Leads, the day since 1970 on which each was scored, the moment in UTC, `NEVER` for a whole day, and their ids.

    Raises
    ------
    ArgumentError
        If these are no days, or not of leads in the tables; `name` is what the caller called them.
    """
    if not isinstance(as_of, pd.Series):
        lead = np.arange(len(tables.ids), dtype=np.int32)
        day = np.full(len(lead), day_number(as_day(as_of, name=name)))
        return lead, day, np.full(len(lead), NEVER), pd.Index(tables.ids.array.to_pandas(), name="lead_id")
    lead = tables.ids.positions(one_array(pa.array(as_of.index)))
    problems = []
    if (lead < 0).any():
        first = ", ".join(map(repr, as_of.index[lead < 0][:5]))
        problems.append(Problem("", f"{counted(int((lead < 0).sum()), 'lead')} not in the tables: {first}"))
    times = read_times(one_array(pa.array(as_of)))
    if times is None or times.bad:
        bad = as_of.iloc[:5] if times is None else as_of.iloc[np.concatenate(list(times.bad.values()))[:5]]
        problems.append(Problem("", f"must hold days as 2026-03-31; got {', '.join(map(repr, bad))}"))
    if problems or times is None:
        raise ArgumentError(name, problems)
    moment = times.at if times.zoned else np.full(len(lead), NEVER)
    return lead, times.days(tables.timezone), moment, as_of.index
