"""Outcomes, one row per stage that a lead reached, and their contract."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.base.arguments import Arguments
from leadscore.base.days import day_number, day_of
from leadscore.base.stages import ENDS, FUNNEL, STAGES, WORKED, or_further
from leadscore.base.times import DAY, NO_TIME, Times, one_array
from leadscore.errors import did_you_mean
from leadscore.sources.columns import distinct, plain_ids
from leadscore.sources.contract import Breaches, Judged
from leadscore.tables.ids import Ids
from leadscore.tables.unknown_ids import UnknownIds

# The moment of what has not happened.
NEVER = np.iinfo(np.int64).max
_WON = FUNNEL.index("won")

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Stages:
    """The outcomes that keep the contract; all arrays have one entry per row.

    Attributes
    ----------
    frame : DataFrame
        `lead_id`, `stage`, `at` and any other columns, as they came; stages by our names.
    lead : (n_rows,) positions among the leads
    stage : (n_rows,) positions in `STAGES`
    times : Times
        A stage dated less than 24 hours after a further one of its pass has that one's time.
    """

    frame: pd.DataFrame
    lead: npt.NDArray[np.int32]
    stage: npt.NDArray[np.int8]
    times: Times

    def take(self, rows: Rows) -> Stages:
        """Some of the rows."""
        frame = self.frame.iloc[rows].reset_index(drop=True)
        return Stages(frame, self.lead[rows], self.stage[rows], self.times.take(rows))

    def of(self, *names: str) -> Mask:
        """Which rows are one of these stages."""
        return np.isin(self.stage, [STAGES.index(name) for name in names])

    def first(self, n_leads: int, moments: Ints, rows: Mask) -> Ints:
        """Each lead's earliest moment among some of the rows, (n_leads,); `NEVER` where it has none of them."""
        found = np.full(n_leads, NEVER)
        np.minimum.at(found, self.lead[rows], moments[rows])
        return found

    def came_to_sales(self, n_leads: int, moments: Ints) -> Ints:
        """The moment each lead came to sales, (n_leads,): of its mql, else of the first that sales did; or `NEVER`."""
        mql, worked = (self.first(n_leads, moments, self.of(*names)) for names in (("mql",), WORKED))
        return np.where(mql < NEVER, mql, worked)

    def only_successes(self, stage: str) -> str:
        """Why no share of the leads that sales worked can be given that reached a stage, where it would be 100 %."""
        worked, reached = (self.lead[self.of(*names)] for names in (WORKED, or_further(stage)))
        if not np.isin(worked, reached).all():
            return ""
        return f"no outcome tells of a lead that sales worked and that did not reach {stage}: any share would be 100 %"

    def comparable(self, timezone: str, *, within: npt.NDArray[Any] | None = None) -> Ints:
        """Moments that can be put in order within a lead, (n_rows,) microseconds on the wall clock.

        A time at midnight is a date, and nobody knows when on it something was: if one of a lead's rows of a day is a
        date, all its rows of that day count as one moment. `within` are codes of other groups, as deals.
        """
        local = self.times.local(timezone)
        if not (local % DAY == 0).any():
            return local
        day = local // DAY
        group = self.lead if within is None else within
        dated = pd.MultiIndex.from_arrays([group, np.where(local % DAY == 0, day, NO_TIME)])
        return np.where(pd.MultiIndex.from_arrays([group, day]).isin(dated), day * DAY, local)


def read_outcomes(  # noqa: PLR0913, PLR0917 - load_tables alone calls it
    ids: Ids,
    created: Times | None,
    breaches: Breaches,
    names: Mapping[str, str],
    observed_until: dt.date | None,
    timezone: str,
) -> tuple[Stages, dt.date | None, pd.DataFrame]:
    """The outcomes that keep the contract, the last day they were recorded on, and those that were put in order.

    The last day is as given, or that of the last outcome. Each row is judged alone first; those that pass are judged
    beside the lead's other rows. Which rows are named does not depend on their order, but for rows that are the same in
    every column.
    """
    stages, judged = _read_rows(ids, breaches, names)
    day, bad = stages.times.days(timezone), judged.bad

    def say(message: str, rows: Rows) -> None:
        bad[rows] = True
        cells = judged.columns.select(["lead_id", "stage", "at"]).take(pa.array(rows[:5], pa.int64())).to_pylist()
        breaches.add("at", message, rows, [tuple(map(str, row.values())) for row in cells])

    if created is not None:
        say("before the lead was created", np.flatnonzero(~bad & (day < created.days(timezone)[stages.lead])))
    if observed_until is None and not bad.all():
        observed_until = day_of(int(day[~bad].max()))
    if observed_until is not None:
        message = f"after {observed_until}, the last day observed; an open deal's expected close date is not an outcome"
        say(message, np.flatnonzero(~bad & (day > day_number(observed_until))))
    kept = np.flatnonzero(~bad)
    say("the same lead, stage and time again", kept[_again(stages.take(kept))])
    kept = np.flatnonzero(~bad)
    wrong, swapped, ahead = (kept[rows] for rows in _out_of_order(stages.take(kept), timezone))
    say("stages out of order: before a stage that comes earlier in the funnel, or after a later one", wrong)
    at = stages.times.at.copy()
    at[swapped] = at[ahead]
    mended = stages.frame[["lead_id", "stage", "at"]].iloc[swapped]
    mended = mended.assign(counts_from=pd.to_datetime(at[swapped], unit="us", utc=bool(stages.times.zoned)))
    mended.insert(0, "row", breaches.source.records(swapped))
    stages = replace(stages, times=Times(at, stages.times.zoned))
    return stages.take(np.flatnonzero(~bad)), observed_until, mended.reset_index(drop=True)


def _read_rows(ids: Ids, breaches: Breaches, names: Mapping[str, str]) -> tuple[Stages, Judged]:
    """All rows, and which of them are none: of no lead, no stage or no time."""
    table = breaches.source.table(breaches.source.columns)
    judged = Judged(breaches, table)
    lead = leads_of(ids, judged)
    codes, values = distinct(one_array(table["stage"]))
    ours = [names.get(value, value) for value in values]
    # The last place is that of a missing stage.
    stage = np.array([*(STAGES.index(name) if name in STAGES else -1 for name in ours), -1], np.int8)[codes]
    mapped = "" if names else "; stages={theirs: ours} maps other names, on the command line --stage-name THEIRS=OURS"
    judged.say("stage", f"not a stage; stages are {', '.join(STAGES)}{mapped}", np.flatnonzero(stage < 0))
    times = judged.times("at")
    judged.dated(times.at)
    frame = table.to_pandas()
    if names:
        frame["stage"] = pd.Series([*ours, None]).take(codes).to_numpy()
    return Stages(frame, lead, stage, times), judged


def leads_of(ids: Ids, judged: Judged) -> npt.NDArray[np.int32]:
    """The position of each row's lead; rows of none are noted, with what their ids have in common."""
    source = judged.breaches.source
    array = plain_ids(judged.columns["lead_id"], source.name)
    lead = ids.positions(array)
    nobody, message = np.flatnonzero(lead < 0), f"{source.name} of leads that are not among the leads"
    judged.say("lead_id", message, nobody)
    unknown = UnknownIds(ids.array)
    unknown.note(array, nobody)
    judged.breaches.why["lead_id", message] = unknown.why()
    return lead


def _again(stages: Stages) -> Rows:
    """Rows that repeat a lead's stage and time; of some that differ elsewhere the first in order of text stays."""
    rows = pd.DataFrame({"lead": stages.lead, "stage": stages.stage, "at": stages.times.at})
    places = np.flatnonzero(rows.duplicated(keep=False))
    rest = stages.frame.drop(columns=["stage", "at"]).iloc[places]
    rows = rows.iloc[places].assign(text=list(map(repr, rest.itertuples(index=False, name=None))))
    rows = rows.sort_values("text", kind="stable")
    return np.sort(rows.index[rows.duplicated(["lead", "stage", "at"])].to_numpy(np.intp))


# When, the stage, the place among the rows.
_Row = tuple[int, int, int]


def _out_of_order(stages: Stages, timezone: str) -> tuple[Rows, Rows, Rows]:
    """The rows that are out of order; those that are by hours alone, and for each of these the row it counts from.

    Out of order are the fewest rows without which no stage of a pass comes before an earlier one of the funnel; never
    one that is won. Where several choices are equally few, it is those furthest along the funnel: what is claimed
    without them is least.
    """
    lead, stage, moment = stages.lead, stages.stage, stages.comparable(timezone)
    order = np.lexsort((stage, moment, lead))
    walk = order[stage[order] < len(FUNNEL)]
    falls = (np.diff(lead[walk]) == 0) & (np.diff(stage[walk]) < 0)
    suspect = order[np.isin(lead[order], lead[walk[1:][falls]])]
    local = stages.times.local(timezone)
    wrong, swapped = set[int](), dict[int, int]()
    for rows in np.split(suspect, np.flatnonzero(np.diff(lead[suspect])) + 1):
        for one in _passes([(int(moment[row]), int(stage[row]), int(row)) for row in rows]):
            kept, ahead = one, _swapped(one, local)
            # No row counts from one that is set aside.
            while out := _aside(kept, ahead, moment):
                kept = [row for row in kept if row[2] not in out]
                ahead = _swapped(kept, local)
            wrong |= {row for _, _, row in one} - {row for _, _, row in kept}
            swapped |= ahead
    swapped = {row: swapped[row] for row in sorted(swapped)}
    return np.array(sorted(wrong), np.intp), np.array([*swapped], np.intp), np.array([*swapped.values()], np.intp)


def _passes(rows: list[_Row]) -> list[list[_Row]]:
    """A lead's stages of the funnel, in order of time, cut where a pass ends.

    What is dated the same as an end belongs to the pass that ends if it carries it on, else to the next one.
    """
    passes: list[list[_Row]] = []
    current: list[_Row] = []
    for _, group in groupby(rows, key=lambda row: row[0]):
        together = list(group)
        funnel = [row for row in together if row[1] < len(FUNNEL)]
        if not any(STAGES[stage] in ENDS for _, stage, _ in together):
            current = current + funnel
        else:
            furthest = max((stage for _, stage, _ in current), default=0)
            passes.append(current + [row for row in funnel if row[1] >= furthest])
            current = [row for row in funnel if row[1] < furthest]
    return [*passes, current]


def _swapped(rows: list[_Row], local: Ints) -> dict[int, int]:
    """The places of stages dated less than 24 hours after a further one, each with that of the earliest such."""
    ahead: dict[int, int] = {}
    for number, (moment, stage, place) in enumerate(rows):
        for before, further, other in rows[:number]:
            if further > stage and before < moment and local[place] - local[other] < DAY:
                ahead.setdefault(place, other)
    return ahead


def _aside(rows: list[_Row], ahead: dict[int, int], moment: Ints) -> set[int]:
    """The places of rows that are out of order, each of `ahead` at the time of the row that it counts from."""
    mended = sorted((int(moment[ahead.get(row, row)]), stage, row) for _, stage, row in rows)
    return {row for _, _, row in rows} - _in_order(mended)


def _in_order(rows: list[_Row]) -> set[int]:
    """The places of the most rows whose stages never fall, among them all that are won.

    Of equally many it is those least far along the funnel.
    """
    won = [number for number, (_, stage, _) in enumerate(rows) if stage == _WON]
    # By the stage that a choice of rows ends with: how many, how little far along, and the rows themselves.
    best: list[tuple[int, int, list[int]]] = [(0, 0, []) for _ in FUNNEL]
    for _, stage, place in rows[: won[0]] if won else rows:
        count, nearness, chosen = max(best[: stage + 1], key=lambda found: found[:2])
        best[stage] = (count + 1, nearness - stage, [*chosen, place])
    return {*max(best, key=lambda found: found[:2])[2], *(rows[number][2] for number in won)}


def stage_names(stages: Mapping[str, str] | None, given: Arguments) -> Mapping[str, str]:
    """The names of a CRM's stages and ours for them, checked."""
    if stages is not None and not isinstance(stages, Mapping):
        given.wrong("stages", f"must map their names to ours, as {{'Closed Won': 'won'}}; got {stages!r}")
        return {}
    for theirs, ours in (stages or {}).items():
        if ours not in STAGES:
            near = did_you_mean(ours, STAGES)
            given.wrong("stages", f"{theirs!r} is mapped to {ours!r}, which is not a stage{near}")
    return stages or {}
