"""`snapshots`: leads as they stood on past days, with what came of each afterwards."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.tables import Tables


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
        The event type.
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


@dataclass(frozen=True)
class Snapshots:
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
    findings : list of str
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
    findings: list[str]

    @property
    def lead_ids(self) -> pd.Index[Any]:
        """(n_rows,) the lead of each row."""
        return self.X.index.get_level_values("lead_id")

    @property
    def dates(self) -> pd.Series[Any]:
        """The day of each row, datetime64, the same index as `X`."""
        return pd.Series(self.day.astype("datetime64[D]").astype("datetime64[us]"), self.X.index, name="as_of")
