"""Findings on tables in buckets: what each bucket saw is added up, and said in the words of the whole."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from leadscore.base.days import day_number
from leadscore.base.text import as_text
from leadscore.base.times import one_array
from leadscore.rulebook import Rulebook
from leadscore.rulebook.kinds import Kind
from leadscore.rulebook.lookups import ColumnPlan
from leadscore.rulebook.plan import Plan, compiled
from leadscore.scoring.attributes import Attributes
from leadscore.scoring.engine import Bound
from leadscore.scoring.events_seen import EventsSeen, Seen
from leadscore.scoring.unfired import LeadsSeen, Part, asking_more, parts_of, said_of
from leadscore.scoring.values import Values
from leadscore.sources.answers import cut
from leadscore.sources.columns import Column, convert, is_list
from leadscore.tables.findings import Finding, as_frame, doubled, never_created, repeats_of
from leadscore.tables.tables import Tables

# A column of more different texts is not put together: its values are then not spoken of.
_MOST = 5_000
_NOTED = ("n", "latest", "later", "earliest", "most")
Noted = dict[str, Any]


def noted(tables: Tables, rulebook: Rulebook, days: tuple[dt.date, ...], found: Attributes | Bound) -> Noted:
    """What a bucket tells of rules that may have fired for nobody, as plain data."""
    plan, last = compiled(rulebook), day_number(days[-1])
    leads = LeadsSeen(tables, found.attributes if isinstance(found, Bound) else found, last)
    events = EventsSeen(tables, rulebook, day_number(days[0]), last)
    fired = {part.name: leads.fired(part) for part in parts_of(plan)} if leads.n else {}
    bound = found if isinstance(found, Bound) else None
    called = events.values("event") if events.n_events else None
    return {
        "there": leads.n,
        "fired": [name for name, some in fired.items() if some],
        "later": {part.name: leads.later(part) for part in parts_of(plan) if leads.n and not fired[part.name]},
        "columns": {name: _column(leads.values(name), plan.leads[name]) for name in plan.leads},
        "events": events.n_events,
        "called": called and {"raw": _texts(called.raw), "counts": called.counts.tolist(), "missing": called.missing},
        "seen": [[one.fired, *(getattr(one, name) for name in _NOTED)] for one in events.happenings],
        "held": {} if bound is None else {name: bool(holds.any()) for name, holds in asking_more(bound) if bound.n},
        "day": 0 if bound is None else bound.n,
        "noticed": [tuple(one) for one in tables.noticed if one.code == "LS210"],
        "ids": len(tables.ids),
        "repeats": repeats_of(tables.events),
        "read": [name for name in tables.events.values if name != "is_bot"],
    }


def _column(values: Values, plan: ColumnPlan) -> Noted | None:
    """The different values of a column of leads with their counts; of numbers those at the ends of each cell."""
    if values.column.numbers is not None:
        return _numbers(values, plan)
    if is_list(values.raw.type) or len(values.column.values) > _MOST:
        return None
    codes = values.column.codes
    assert codes is not None
    first = np.full(len(values.column.values), -1)
    rows = np.flatnonzero(codes >= 0)[::-1]
    first[codes[rows]] = rows
    missing = int(values.counts[codes < 0].sum()) + values.missing
    # A dictionary may list values that no row has.
    used = first >= 0
    raw = one_array(values.raw).take(pa.array(first[used]))
    return {"raw": _texts(raw), "counts": values.by_code[used].tolist(), "missing": missing}


def _numbers(values: Values, plan: ColumnPlan) -> Noted:
    """Tests tell numbers apart by their cell alone, and people see the smallest and the largest."""
    numbers = values.column.numbers
    assert numbers is not None
    there = (values.counts > 0) & ~np.isnan(numbers)
    frame = pd.DataFrame({"cell": cut(plan, numbers)[0][there], "number": numbers[there]})
    ends = frame.groupby("cell")["number"].agg(["min", "max", "size"])
    known = int(values.counts[there].sum())
    return {
        "numbers": [*ends["min"].tolist(), *ends["max"].tolist()],
        "counts": [*(ends["size"] - 1).tolist(), *[1] * len(ends)],
        "missing": values.n - known,
    }


def _texts(raw: pa.Array | pa.ChunkedArray) -> list[str]:
    return [as_text(value) for value in raw.to_pylist()]


class _LeadsOfAll(LeadsSeen):
    """The leads of all buckets, as far as they are noted; asked as `LeadsSeen`."""

    def __init__(self, parts: Sequence[Noted], plan: Plan, last: int) -> None:
        self.parts, self.plan, self.rulebook, self.last = parts, plan, plan.rulebook, last
        self.n = sum(part["there"] for part in parts)
        self._fired = {name for part in parts for name in part["fired"]}
        self._columns = {name: _added(parts, name, plan) for name in plan.leads}

    def knows(self, names: Iterable[str]) -> bool:
        """Whether the values of columns are known."""
        return all(self._columns[name] is not None for name in names)

    def values(self, name: str) -> Values:
        """A column of them."""
        found = self._columns[name]
        assert found is not None
        return found

    def fired(self, part: Part) -> bool:
        """Whether it fires for some of them."""
        return part.name in self._fired

    def later(self, part: Part) -> int:
        """For how many leads it fires, if for none that is there."""
        return sum(one["later"].get(part.name, 0) for one in self.parts)


class _EventsOfAll(EventsSeen):
    """The events of all buckets, as far as they are noted; asked as `EventsSeen`."""

    def __init__(self, parts: Sequence[Noted], plan: Plan, last: int) -> None:
        self.parts, self.plan, self.rulebook, self.last = parts, plan, plan.rulebook, last
        self.n_events = sum(part["events"] for part in parts)
        self.happenings = [
            _seen(one.part, [part["seen"][at] for part in parts]) for at, one in enumerate(plan.happenings)
        ]

    def knows(self, names: Iterable[str]) -> bool:
        """Whether the values of columns are known."""
        return {*names} <= {"event"}

    def values(self, _: str, __: tuple[str, ...] | None = None) -> Values:
        """What they are called."""
        return self._called

    @cached_property
    def _called(self) -> Values:
        kind = self.plan.events["event"].kind
        several = [part["called"] for part in self.parts if part["called"]]
        return _together("event", kind, (), self.rulebook.timezone, several, "event")


def _seen(part: Any, several: Sequence[Sequence[Any]]) -> Seen:
    fired, n, latest, later, earliest, most = zip(*several, strict=True)
    return Seen(part, any(fired), sum(n), max(latest), sum(later), min(earliest), max(most))


def _added(parts: Sequence[Noted], name: str, plan: Plan) -> Values | None:
    """A column of the leads of all buckets."""
    several = [part["columns"][name] for part in parts]
    if any(one is None for one in several):
        return None
    book = plan.rulebook
    return _together(name, plan.leads[name].kind, book.missing_values, book.timezone, several, "lead")


def _together(  # noqa: PLR0913, PLR0917 - how a column is read, and what is noted of it
    name: str, kind: Kind, missing_values: tuple[str, ...], timezone: str, parts: Sequence[Noted], things: str
) -> Values:
    missing = sum(part["missing"] for part in parts)
    if any("numbers" in part for part in parts):
        numbers = np.array([number for part in parts for number in part["numbers"]], np.float64)
        counts = np.array([n for part in parts for n in part["counts"]], np.int64)
        return Values(name, Column(kind, None, [], numbers), pa.array(numbers), counts, missing, things)
    added: dict[str, int] = {}
    for part in parts:
        for raw, n in zip(part["raw"], part["counts"], strict=True):
            added[raw] = added.get(raw, 0) + n
    raws = pa.array([*added], pa.large_string())
    column = convert(raws, kind, missing_values, timezone)
    return Values(name, column, raws, np.array([*added.values()], np.int64), missing, things)


def findings_of_all(parts: Sequence[Noted], rulebook: Rulebook, days: tuple[dt.date, ...]) -> pd.DataFrame:
    """What is to be said of the tables and the rulebook as a whole; see `Scores.findings`.

    Leads that share an e-mail address (LS213) are not looked for: they are in several buckets.
    """
    plan, last = compiled(rulebook), day_number(days[-1])
    asked = dict.fromkeys(name for part in parts for name in part["held"])
    held = {name: any(part["held"].get(name, False) for part in parts) for name in asked}
    n = sum(part["day"] for part in parts)
    said = said_of(_LeadsOfAll(parts, plan, last), _EventsOfAll(parts, plan, last), held, n)
    return as_frame([*_of_tables(parts), *said])


def _of_tables(parts: Sequence[Noted]) -> Iterator[Finding]:
    """What is to be said of the tables alone."""
    several = [Finding(*one) for part in parts for one in part["noticed"]]
    empty, n = sum(one.n for one in several), sum(part["ids"] for part in parts)
    absent = next((one for one in several if one.message.startswith("there is no column")), None)
    if absent is not None or empty:
        yield absent._replace(n=empty) if absent else never_created(empty, n)
    again, dated = (sum(part["repeats"][place] for part in parts) for place in (0, 1))
    if again:
        yield doubled(again, dated, next(part["read"] for part in parts if part["repeats"][0]))
