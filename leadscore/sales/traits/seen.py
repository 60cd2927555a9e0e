"""What leads saw and did, and when: the same page under several addresses is one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadscore.base.text import as_text, normalise
from leadscore.base.times import DAY
from leadscore.rulebook import Rulebook
from leadscore.stats.outcomes_and_scores import Mask
from leadscore.tables.events import EventBatch
from leadscore.tables.outcomes import Ints
from leadscore.tables.tables import Tables

# A full address, and a path; what follows `?` or `#` is no part of the page.
_ADDRESS = re.compile(r"(?:https?:)?//(?:www\.)?([^/?#\s]+)(/[^?#]*)?(?:[?#].*)?|(/[^?#]*)(?:[?#].*)?")
_PIECE = 1 << 18
_SALES = "sales"


@dataclass(frozen=True, eq=False)
class Seen:
    """What some leads saw or did; the arrays have one entry per event.

    Attributes
    ----------
    names : list of str
    what : (n,) positions in the names
    lead : (n,) positions among the leads
    at : (n,) microseconds on the wall clock; of an event with a date only the last of its day
    """

    names: list[str]
    what: Ints
    lead: npt.NDArray[np.int32]
    at: Ints

    @classmethod
    def of(cls, tables: Tables, column: str, timezone: str, leads: npt.NDArray[Any], *, by_sales: bool = False) -> Self:
        """The events of some leads that have a value in a column; what sales did, where `actor` says so, is apart."""
        asked = np.isin(np.arange(len(tables.ids)), leads)
        values = [None if value is None else as_text(value) for value in tables.events.values[column].to_pylist()]
        names, place = one_name_each(values)
        whose = _is_sales(tables)
        parts = [(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int64))]
        for batch in tables.events.pieces(_PIECE):
            what = place[batch.codes[column]]
            kept = asked[batch.lead] & (what >= 0) & (whose(batch) == by_sales)
            rows = np.flatnonzero(kept)
            at = batch.part(rows).local(timezone)
            parts.append((what[rows], batch.lead[rows], np.where(at % DAY == 0, at + DAY - 1, at)))
        return cls(names, *map(np.concatenate, zip(*parts, strict=True)))


def _is_sales(tables: Tables) -> Any:
    """Of a batch, which of its events sales made."""
    if "actor" not in tables.events.values:
        return lambda batch: np.zeros(len(batch), bool)
    actors = tables.events.values["actor"].to_pylist()
    sales = np.array([*(normalise(as_text(actor)) == _SALES for actor in actors), False])

    def told(batch: EventBatch) -> Mask:
        return sales[batch.codes["actor"]]

    return told


def one_name_each(values: list[str | None]) -> tuple[list[str], Ints]:
    """Distinct names of values, and the position of each value's among them; -1 for none, which stands last too.

    Capitals, a slash at the end, what follows `?` or `#`, and the host where there is one only make no other page.

    Examples
    --------
    >>> one_name_each(["https://www.a.com/Pricing/?utm_source=x", "/pricing", "Price list", None])
    (['/pricing', 'Price list'], array([ 0,  0,  1, -1, -1]))
    """
    found = [None if value is None else _ADDRESS.fullmatch(normalise(value)) for value in values]
    hosts = {one[1] for one in found if one is not None and one[1]}
    named: list[str | None] = []
    for value, one in zip(values, found, strict=True):
        if one is None:
            named.append(None if value is None else normalise(value) or None)
        else:
            path = (one[2] or one[3] or "").rstrip("/") or "/"
            named.append(path if one[1] is None or len(hosts) == 1 else one[1] + path)
    # Of several ways to write a name the first in order of text, so that the order of the rows decides nothing.
    shown: dict[str, str] = {}
    for value, name, one in zip(values, named, found, strict=True):
        if name is not None and value is not None:
            told = " ".join(value.split()) if one is None else name
            shown[name] = min(shown.get(name, told), told)
    place = {name: number for number, name in enumerate(sorted(shown))}
    # The order of what is shown is that of the normal forms.
    return [shown[name] for name in place], np.array([-1 if name is None else place[name] for name in [*named, None]])


def seen_before(
    tables: Tables, rulebook: Rulebook, lead: npt.NDArray[np.int32], moment: Ints, least: int
) -> Iterator[tuple[str, Mask]]:
    """What at least so many rows of a lead and a moment had seen or done before the moment, each with which had."""
    rows = pd.DataFrame({"lead": lead, "moment": moment, "row": np.arange(len(lead))})
    for column, verb in (("asset", "Saw"), ("event", "Did")):
        if column not in tables.events.values:
            continue
        seen = Seen.of(tables, column, rulebook.timezone, lead)
        first = pd.DataFrame({"lead": seen.lead, "what": seen.what, "at": seen.at})
        first = first.groupby(["what", "lead"], as_index=False)["at"].min().merge(rows, on="lead")
        first = first[first["at"] < first["moment"]]
        for what, found in first.groupby("what")["row"]:
            if len(found) >= least:
                held = np.zeros(len(lead), bool)
                held[found.to_numpy()] = True
                yield f"{verb}: {seen.names[what]}", held
