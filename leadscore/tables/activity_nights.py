"""Daily activity night after night: what an export adds to it, what came too late, and leads that are gone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from leadscore.base.text import counted
from leadscore.base.times import is_text, one_array
from leadscore.errors import Problem
from leadscore.sources.contract import refuse
from leadscore.tables.daily_activity import DailyActivity, numbers_of, part_of, plain_table, refuse_other_kinds

_DAY = dt.timedelta(1)


@dataclass(frozen=True)
class _Compared:
    """An export beside the activity, on the days that are settled.

    Attributes
    ----------
    whole : bool
        Whether all that the activity holds of leads that are there stands in the export.
    same : bool
        Whether both hold the same.
    late : int
        Events that the export holds and the activity does not.
    gone : bool
        Whether the activity holds events of leads that are there no more, and the export does not.
    """

    whole: bool
    same: bool
    late: int
    gone: bool


def continued(
    held: DailyActivity, export: DailyActivity, leads: pa.Array, *, settled: dt.date, edited: str = ""
) -> tuple[DailyActivity, list[str]]:
    """The activity with what an export adds, and what is to be said of it.

    Days up to `settled` stay as they were counted; those after it are the export's. An export that holds all that the
    activity does is counted in place of it, if they differ: it knows better what came late, and whose it is.

    Parameters
    ----------
    held, export : DailyActivity
        What was counted so far; and what the export holds, of the last days or of all.
    leads : array
        The ids of the leads that there are.
    settled : date
        The last day that is not counted again.
    edited : str
        Why earlier days may not be what they would be today, in words; none if empty.

    Raises
    ------
    ContractError
        If the export lacks days that are to be counted again, or the rules ask of events what was not kept and the
        export does not hold it all.
    """
    if not held.parts:
        return export, []
    first = min(export.parts, default=None)
    compared = _compared(held, export, leads, settled)
    other = _otherwise(held, export)
    notes = [*_lost(held, export, leads, settled)]
    if compared.whole and (why := _why_again(compared, settled, other or edited)):
        return export, [f"All days counted again, from {first}: {why}.", *notes]
    refuse([*_lacking(held, first, settled), *_unkept(held, other)])
    if edited:
        stay = f"Days up to {settled} stay as they were counted, though {edited}"
        notes.append(f"{stay}: the export lacks events of them.")
    if compared.late:
        late = f"{counted(compared.late, 'event')} of days up to {settled} came too late"
        notes.append(f"{late} to count: let the export hold all events, or raise 'lookback_days'.")
    if export.parts:
        newest = max(held.parts)
        refuse_other_kinds(part_of(export.parts[max(export.parts)]), part_of(held.parts[newest]))
    days = {day: one for day, one in held.parts.items() if day <= settled}
    days |= {day: one for day, one in export.parts.items() if day > settled}
    return DailyActivity(days, held.timezone, held.columns, held.asked), notes


def without_gone(activity: DailyActivity, leads: pa.Array) -> tuple[DailyActivity, int]:
    """The activity of the leads that there are, and how many events are of others."""
    parts, events = dict(activity.parts), 0
    for day, one in activity.parts.items():
        ids = pa.parquet.read_table(one, columns=["lead_id"]) if isinstance(one, Path) else one
        there = _among(one_array(ids["lead_id"]), leads)
        if not pc.all(there, min_count=0).as_py():
            table = part_of(one)
            events += pc.sum(table.filter(pc.invert(there))["count"]).as_py()
            parts[day] = table.filter(there)
    return DailyActivity(parts, activity.timezone, activity.columns, activity.asked), events


def _among(ids: pa.Array, leads: pa.Array) -> pa.Array:
    ids = ids.cast(pa.large_string()) if is_text(ids.type) else ids
    return pc.is_in(ids, value_set=leads.cast(ids.type))


def _compared(held: DailyActivity, export: DailyActivity, leads: pa.Array, settled: dt.date) -> _Compared:
    first = min(export.parts, default=settled + _DAY)
    # What stands before an export that begins later need not be read.
    whole, same, late, gone = bool(export.parts) and first <= min(held.parts), True, 0, False
    if held.timezone != export.timezone:
        # An event of one day may be of the next there.
        days = [day for day in held.parts if day <= settled]
        whole = whole and not len(_fewer(_more(export, [*export.parts], held, days), leads))
        return _Compared(whole, same=False, late=0, gone=False)
    for day in sorted(day for day in {*held.parts, *export.parts} if first <= day <= settled):
        new, old = (part_of(side.parts[day]) if day in side.parts else None for side in (export, held))
        if new and old and plain_table(new).equals(plain_table(old)):
            continue
        more = _more(export, [day], held, [day])
        late += pc.sum(more.filter(pc.greater(more["more"], 0))["more"]).as_py() or 0
        fewer = _fewer(more, leads)
        whole &= not len(fewer)
        gone |= pc.sum(pc.less(more["more"], 0)).as_py() > len(fewer)
        same = False
    return _Compared(whole, same, late, gone)


def _more(export: DailyActivity, new: Iterable[dt.date], held: DailyActivity, old: Iterable[dt.date]) -> pa.Table:
    """How many more events of each lead and name an export holds on some days than the activity on others."""
    sides = ((export, new, 1), (held, old, -1))
    rows = [
        numbers_of(part_of(side.parts[day]), sign) for side, days, sign in sides for day in days if day in side.parts
    ]
    added = pa.concat_tables(rows, promote_options="permissive").group_by(["lead_id", "event"])
    return added.aggregate([("count", "sum")]).rename_columns(["lead_id", "event", "more"])


def _fewer(more: pa.Table, leads: pa.Array) -> pa.Table:
    """Of which leads that are there the export holds fewer events."""
    less = more.filter(pc.less(more["more"], 0))
    return less.filter(_among(one_array(less["lead_id"]), leads))


def _lost(held: DailyActivity, export: DailyActivity, leads: pa.Array, settled: dt.date) -> Iterator[str]:
    """What an export holds no more of the days that are counted again."""
    days = [day for day in held.parts if day > settled]
    if not days or held.timezone != export.timezone:
        return
    if lost := -(pc.sum(_fewer(_more(export, days, held, days), leads)["more"]).as_py() or 0):
        yield f"No longer in the export, and no longer counted: {counted(lost, 'event')} of days from {days[0]} on."


def _why_again(compared: _Compared, settled: dt.date, edited: str) -> str:
    if edited or compared.same:
        return edited
    if compared.late:
        return f"{counted(compared.late, 'event')} of days up to {settled} came late"
    return "leads were merged or deleted" if compared.gone else f"events of days up to {settled} are not what they were"


def _otherwise(held: DailyActivity, export: DailyActivity) -> str:
    """Why days of both cannot stand side by side."""
    if held.timezone != export.timezone:
        return f"the days are of {export.timezone} now, and were of {held.timezone}"
    if [*held.columns] != [*export.columns] or dict(held.asked) != dict(export.asked):
        return "the rules ask other things of events than before"
    return ""


def _lacking(held: DailyActivity, first: dt.date | None, settled: dt.date) -> Iterator[Problem]:
    again = sorted(day for day in held.parts if day > settled and (first is None or day < first))
    if again:
        begins = "holds no event" if first is None else f"begins on {first}"
        message = f"the days from {again[0]} on are to be counted again, and the export {begins}"
        yield Problem("events.at", f"{message}; export these days too")


def _unkept(held: DailyActivity, other: str) -> Iterator[Problem]:
    if other:
        begins = f"holds less than the activity, which begins on {min(held.parts)}"
        message = f"{other}, so all days are to be counted again, and the export {begins}"
        yield Problem("events", f"{message}; export all events once")
