"""The touches of leads by channel, and the paths they make before deals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.groups import ALL, OTHER
from leadscore.base.text import as_text, normalise
from leadscore.base.times import DAY, NO_TIME
from leadscore.stats.intervals import Ints
from leadscore.stats.multi_touch import Paths
from leadscore.tables.tables import Tables

SOURCE = "source"
NO_TOUCH = "(no touch in the window)"
# So many channels stand alone, the most frequent; the rest are one.
_CHANNELS = 30


@dataclass(frozen=True, eq=False)
class ChannelTouches:
    """All touches of all leads.

    Attributes
    ----------
    frame : DataFrame, one row per touch
        `lead` (position), `moment` (microseconds on the wall clock), `day`, `channel` (position in `names`); by lead in
        order of time.
    names : list of str
        The channels as they are mostly written, sorted; "(other)" are the rare ones where there are many.
    places : dict of str to int
        The position of each channel, normalised as other tables may have it.
    """

    frame: pd.DataFrame
    names: list[str]
    places: dict[str, int]

    def before(self, deals: pd.DataFrame, lookback_days: int) -> pd.DataFrame:
        """The touches of all leads of each deal in the days before it was opened, by place of the deal among `deals`.

        A deal that was opened on a date, without a time, counts those of that day too. Repeats of a channel on a day
        count once, the first of them.
        """
        of = pd.DataFrame(
            {"unit": np.arange(len(deals)), "opened": deals["opened"].to_numpy(np.int64), "lead": deals["leads"]}
        )
        opened_at = deals["opened_at"].to_numpy(np.int64)
        of = of.assign(until=np.where(opened_at % DAY == 0, opened_at + DAY, opened_at)).explode("lead")
        met = of.astype({"lead": np.int64}).merge(self.frame, on="lead")
        met = met[(met["moment"] < met["until"]) & (met["day"] >= met["opened"] - lookback_days)]
        return _once_a_day(met.assign(age=met["opened"] - met["day"]))

    def without_a_deal(self, leads: Ints, first: int, last: int) -> pd.DataFrame:
        """The touches of some leads between two days, a unit each."""
        met = self.frame[self.frame["lead"].isin(leads) & self.frame["day"].between(first, last)]
        return _once_a_day(met.assign(unit=pd.factorize(met["lead"])[0], age=last - met["day"]))

    def first_by(self, day: Ints) -> Ints:
        """(n_leads,) the channel of each lead's first touch up to a day of its own; -1 where it has none."""
        first = self.frame.drop_duplicates("lead")
        found = np.full(len(day), -1)
        seen = first["day"].to_numpy() <= day[first["lead"].to_numpy()]
        found[first["lead"].to_numpy()[seen]] = first["channel"].to_numpy()[seen]
        return found

    def named(self, amounts: Mapping[str, float]) -> dict[str, float]:
        """Amounts by channel, normalised, as they are named here; others keep theirs."""
        found: dict[str, float] = {}
        for key, amount in amounts.items():
            name = self.names[self.places[key]] if key in self.places else key
            found[name] = found.get(name, 0.0) + amount
        return found


def _once_a_day(met: pd.DataFrame) -> pd.DataFrame:
    met = met.sort_values(["unit", "moment", "channel"], kind="stable")
    return met.drop_duplicates(["unit", "day", "channel"]).reset_index(drop=True)


def channel_touches(tables: Tables, until: int) -> ChannelTouches:
    """The touches up to a day; without a table of them the creation of each lead, by its `source`."""
    lead, moment, channel = _touches(tables) if tables.touched is not None else _creations(tables)
    code, names, places = _channels(channel)
    frame = pd.DataFrame({"lead": lead, "moment": moment, "day": moment // DAY, "channel": code})
    frame = frame[(frame["channel"] >= 0) & (frame["moment"] != NO_TIME) & (frame["day"] <= until)]
    frame = frame.sort_values(["lead", "moment", "channel"], ignore_index=True)
    return ChannelTouches(frame, names, places)


def paths_of(met: pd.DataFrame, converted: Any, n_channels: int) -> Paths:
    """Touches by unit as paths."""
    unit, channel, age = (met[name].to_numpy(np.int64) for name in ("unit", "channel", "age"))
    return Paths(unit, channel, age, np.asarray(converted, bool), n_channels)


def _touches(tables: Tables) -> tuple[Any, Any, Iterable[Any]]:
    assert tables.touched is not None
    touched = tables.touched
    return touched.lead, touched.times.local(tables.timezone), touched.frame["channel"]


def _creations(tables: Tables) -> tuple[Any, Any, Iterable[Any]]:
    created = tables.created()
    if created is None or SOURCE not in tables.leads.column_names:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), []
    return np.arange(len(tables.ids)), created.local(tables.timezone), tables.latest(SOURCE)


def _channels(written: Iterable[Any]) -> tuple[Ints, list[str], dict[str, int]]:
    """The place of each touch's channel among the names, -1 where it has none; the names; and how each is found."""
    code, texts = pd.factorize(pd.Series(written, dtype=object))
    counts = np.bincount(code[code >= 0], minlength=len(texts))
    spelled: dict[str, list[tuple[int, str]]] = {}
    for text, count in zip(map(as_text, texts), counts.tolist(), strict=True):
        spelled.setdefault(normalise(text), []).append((-count, " ".join(text.split())))
    spelled.pop("", None)
    size = {key: -sum(count for count, _ in found) for key, found in spelled.items()}
    most = set(sorted(size, key=lambda key: (-size[key], key))[: None if len(size) <= _CHANNELS else _CHANNELS - 1])
    name = {key: min(spelled[key])[1] if key in most else OTHER for key in size}
    # Tables have rows of their own that are called so.
    name |= {key: repr(name[key]) for key in most if name[key] in {ALL, OTHER, NO_TOUCH}}
    names = sorted(set(name.values()))
    places = {key: names.index(name[key]) for key in name}
    return np.array([*(places.get(normalise(as_text(text)), -1) for text in texts), -1], np.int64)[code], names, places
