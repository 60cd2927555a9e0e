"""Leads in groups, and the shares of a count within them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.text import as_text
from leadscore.stats.intervals import wilson
from leadscore.tables.outcomes import Ints
from leadscore.tables.tables import Tables

ALL = "(all)"


def grouping(tables: Tables, by: str | pd.Series[Any] | None) -> tuple[Ints, list[str]]:
    """The group of each lead, (n_leads,) positions in the names of the groups; what is missing is a group too."""
    if by is None:
        return np.zeros(len(tables.ids), np.int64), [ALL]
    groups = pd.Categorical(tables.groups(by))
    used = groups.remove_unused_categories()
    missing = ["(missing)"] if (used.codes < 0).any() else []
    names = [*map(as_text, used.categories), *missing]
    return np.where(used.codes < 0, len(names) - 1, used.codes).astype(np.int64), names


def with_shares(frame: pd.DataFrame, count: str, n: str) -> pd.DataFrame:
    """The frame with `share`, `low` and `high` (95 % Wilson) of one column in another; NaN where n is 0."""
    low, high = wilson(frame[count], frame[n])
    return frame.assign(share=frame[count] / frame[n].where(frame[n] > 0), low=low, high=high)


def shown_share(row: Any) -> str:
    """A share with its interval and what it is a share of, as text."""
    return "-" if np.isnan(row.share) else f"{row.share:.1%} ({row.low:.1%} to {row.high:.1%})"
