"""Leads in groups, by the names of their columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.arguments import Arguments
from leadscore.base.groups import ALL, Groups, grouped
from leadscore.tables.tables import Tables

By = str | list[str] | tuple[str, ...] | Groups


def grouping(tables: Tables, by: By | None, own: Mapping[str, pd.Series[Any]] | None = None) -> Groups:
    """The group of each lead, by one column or by each combination of several; without any, all leads are one group.

    Parameters
    ----------
    tables : Tables
    by : str or list of str, optional
        Lead columns, each as of the lead's latest row, or names of `own`; or groups made already.
    own : mapping of name to Series by lead_id, optional
        What else leads can be grouped by: `segment`, where a rulebook gives it.

    Raises
    ------
    ArgumentError
        If `by` is no name and no list of names, or there is no such column.
    """
    if isinstance(by, Groups):
        return by
    with Arguments("by") as given:
        names = given.names("by", by)
    if not names:
        return Groups(np.zeros(len(tables.ids), np.int64), [ALL])
    own = own or {}
    parts = [grouped(tables.aligned(own[name], name) if name in own else tables.latest(name)) for name in names]
    if len(parts) == 1:
        return parts[0]
    there, code = np.unique(np.column_stack([part.code for part in parts]), axis=0, return_inverse=True)
    texts = [[part.names[place] for part, place in zip(parts, row, strict=True)] for row in there]
    return Groups(code.reshape(-1).astype(np.int64), [", ".join(text) for text in texts])
