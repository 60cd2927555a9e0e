"""What blocks made as the three tables: leads that are one person, repeated rows, strangers, stages out of order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from leadscore.base.stages import ENDS, FUNNEL
from leadscore.base.text import normalise
from leadscore.base.times import NO_TIME
from leadscore.imports.blocks import Made, Tally
from leadscore.imports.cells import Cells, Ints, Rows, written
from leadscore.imports.language import Identity
from leadscore.imports.people import NOBODY, People

HOUR = 3_600_000_000
Name = tuple[str, str]
Codes = npt.NDArray[np.int32]


@dataclass
class Rowset:
    """Rows of one of our tables, of all its blocks, in the order of the file.

    Attributes
    ----------
    blocks : list of Name
    block : (n_rows,) int32 into `blocks`
    made : Made
    """

    blocks: list[Name]
    block: Codes
    made: Made

    @classmethod
    def of(cls, parts: dict[Name, list[Made]], tally: Tally) -> Rowset:
        """The rows of all blocks of a table; a column that a block has not is empty there."""
        wholes = {name: newest_of_each_key(name, Made.stacked(made), tally) for name, made in parts.items() if made}
        types = {label: cells for whole in wholes.values() for label, cells in whole.columns.items()}
        for whole in wholes.values():
            nothing = np.full(len(whole.person), -1)
            for label in types.keys() - whole.columns.keys():
                whole.columns[label] = types[label].take(nothing)
            whole.columns = {label: whole.columns[label] for label in types}
        sizes = [len(whole.person) for whole in wholes.values()]
        return cls([*wholes], np.repeat(np.arange(len(sizes), dtype=np.int32), sizes), Made.stacked([*wholes.values()]))

    def leave(self, out: npt.NDArray[np.bool_], fate: str, why: str, tally: Tally) -> Rowset:
        """The rows without some, which are counted."""
        for place, count in enumerate(np.bincount(self.block[out], minlength=len(self.blocks))):
            tally.add(self.blocks[place], fate, why, int(count))
        stay = np.flatnonzero(~out)
        return Rowset(self.blocks, self.block[stay], self.made.take(stay)) if out.any() else self

    def keep(self, tally: Tally) -> None:
        """Count what is left."""
        for place, count in enumerate(np.bincount(self.block, minlength=len(self.blocks))):
            tally.add(self.blocks[place], "kept", "", int(count))


def order_of(cells: Cells) -> npt.NDArray[Any]:
    """Numbers that stand in the order of what cells say, nothing last."""
    if cells.type == "time":
        return np.where(cells.at == NO_TIME, np.iinfo(np.int64).max, cells.at)
    texts = [written(value) for value in cells.values]
    place = {text: place for place, text in enumerate(sorted(set(texts)))}
    rank = np.array([*(place[text] for text in texts), len(place)])
    return rank[np.maximum(cells.codes, -1)]


def in_order(made: Made, *first: npt.NDArray[Any]) -> Rows:
    """The rows in an order that does not depend on that of the files: by some keys, then by all they say."""
    keys = [*first, made.person, *(order_of(cells) for cells in made.columns.values())]
    return np.lexsort([*reversed(keys)])


def newest_of_each_key(name: Name, made: Made, tally: Tally) -> Made:
    """One row of each `unique_key`: the last received."""
    if made.key is None:
        return made
    received = np.zeros(len(made.person), np.int64) if made.received is None else -made.received
    order = in_order(made, made.key[:, 0], made.key[:, 1], received)
    key = made.key[order]
    stays = np.append(True, (key[1:] != key[:-1]).any(axis=1))[: len(order)]
    tally.add(name, "again", "rows of one unique_key", int((~stays).sum()))
    made = made.take(np.sort(order[stays]))
    return Made(made.person, made.columns)


def leads_and_people(rowset: Rowset, people: People, identity: Identity, tally: Tally) -> tuple[Rowset, Codes]:
    """One row for each person, the oldest with its gaps filled, and for each name the lead it leads to."""
    rowset = rowset.leave(rowset.made.person < 0, "set aside", "no lead_id", tally)
    made = rowset.made
    ids = list(dict.fromkeys(made.person.tolist()))
    same: dict[int, int] = {}
    age = made.columns["created_at"].at if "created_at" in made.columns else np.zeros(len(made.person), np.int64)
    if identity.same_person is not None and ids:
        cells = made.columns[identity.same_person]
        value = [normalise(written(one)) for one in cells.values]
        rows = in_order(made, np.where(age == NO_TIME, np.iinfo(np.int64).max, age))
        oldest: dict[str, int] = {}
        for row in rows[cells.codes[rows] >= 0].tolist():
            number = int(made.person[row])
            same.setdefault(number, oldest.setdefault(value[cells.codes[row]], number))
    leads = people.resolve(ids, same)
    final = leads[made.person]
    gone = final != made.person
    merged_by_alias = np.array([same.get(number, number) == number for number in made.person.tolist()], bool) & gone
    if "valid_from" not in made.columns:
        made = filled(made, final, age, merged_by_alias)
    rowset = Rowset(rowset.blocks, rowset.block, made)
    why = np.where(merged_by_alias, 1, 0)
    rowset_gone = [
        (gone & (why == 1), "merged into another lead"),
        (gone & (why == 0), f"the same {identity.same_person} as an older lead"),
    ]
    out = np.zeros(len(made.person), bool)
    for rows, reason in rowset_gone:
        for place, count in enumerate(np.bincount(rowset.block[rows], minlength=len(rowset.blocks))):
            tally.add(rowset.blocks[place], "merged", reason, int(count))
        out |= rows
    stay = np.flatnonzero(~out)
    return Rowset(rowset.blocks, rowset.block[stay], made.take(stay)), leads


def filled(made: Made, final: Codes, age: Ints, but: npt.NDArray[np.bool_]) -> Made:
    """The rows that stay, with what they lack from the others of the same person, the oldest first."""
    order = np.lexsort((np.where(age == NO_TIME, np.iinfo(np.int64).max, age), final))
    order = order[~but[order]]
    group = final[order]
    heads = np.flatnonzero(np.append(True, group[1:] != group[:-1])) if len(group) else np.zeros(0, int)
    if len(heads) == len(group):
        return made
    spot = np.searchsorted(group[heads], group)
    columns = {}
    row_of = {int(number): row for row, number in enumerate(made.person.tolist())}
    survivors = np.array([row_of[int(one)] for one in group[heads]], np.intp)
    for label, cells in made.columns.items():
        known = np.flatnonzero(cells.known[order])
        source = np.full(len(heads), -1)
        source[spot[known][::-1]] = order[known][::-1]
        rows = np.arange(len(made.person))
        rows[survivors] = np.where(cells.known[survivors] | (source < 0), survivors, source)
        columns[label] = cells.take(rows)
    return Made(made.person, columns)


def of_leads(rowset: Rowset, leads: Codes, tally: Tally) -> Rowset:
    """The rows of people who are among the leads, now by their lead."""
    person = leads[rowset.made.person]
    nameless = rowset.made.person < 0
    rowset.made.person = person
    rowset = rowset.leave(nameless, "nobody", "no id", tally)
    return rowset.leave(rowset.made.person == NOBODY, "nobody", "an id of none of the leads", tally)


def told_once(rowset: Rowset, tally: Tally) -> Rowset:
    """The same outcome from several places as one, its empty columns filled."""
    made = rowset.made
    stage, at = order_of(made.columns["stage"]), made.columns["at"].at
    order = np.lexsort((rowset.block, stage, at, made.person))
    same = np.zeros(len(order), bool)
    same[1:] = (np.diff(made.person[order]) == 0) & (np.diff(at[order]) == 0) & (np.diff(stage[order]) == 0)
    if not same.any():
        return rowset
    spot = np.cumsum(~same) - 1
    heads = order[~same]
    columns = {}
    for label, cells in made.columns.items():
        known = np.flatnonzero(cells.known[order])
        source = heads.copy()
        source[spot[known][::-1]] = order[known][::-1]
        rows = np.arange(len(order))
        rows[heads] = np.where(cells.known[heads], heads, source)
        columns[label] = cells.take(rows)
    again = np.zeros(len(order), bool)
    again[order[same]] = True
    return Rowset(rowset.blocks, rowset.block, Made(made.person, columns)).leave(
        again, "again", "the same outcome, told twice", tally
    )


def first_of_repeats(rowset: Rowset, names: set[Name], tally: Tally) -> Rowset:
    """Of the same stage set again and again in a block the first."""
    made = rowset.made
    chosen = np.isin(rowset.block, [place for place, name in enumerate(rowset.blocks) if name in names])
    stage, at = order_of(made.columns["stage"]), made.columns["at"].at
    order = np.lexsort((stage, at, made.person, rowset.block))
    order = order[chosen[order]]
    again = np.zeros(len(made.person), bool)
    again[order[1:]] = (
        (np.diff(rowset.block[order]) == 0) & (np.diff(made.person[order]) == 0) & (np.diff(stage[order]) == 0)
    )
    return rowset.leave(again, "again", "a stage set again", tally)


def put_in_order(rowset: Rowset, hours: float, tally: Tally) -> Rowset:
    """A stage dated a few hours after a further one takes that one's time."""
    made, tolerance = rowset.made, int(hours * HOUR)
    stages, at = made.columns["stage"], made.columns["at"].at
    if not tolerance or not len(made.person):
        return rowset
    rank = np.array([FUNNEL.index(name) if name in FUNNEL else -1 for name in stages.values])[stages.codes]
    ends = np.array([name in ENDS for name in stages.values])[stages.codes]
    moved = at.copy()
    order = np.lexsort((at, made.person))
    bounds = np.flatnonzero(np.append(True, np.diff(made.person[order]) != 0))
    mended = np.zeros(len(at), bool)
    for start, end in zip(bounds, [*bounds[1:], len(order)], strict=True):
        rows = order[start:end]
        if len(rows) < 2 or (np.diff(rank[rows][rank[rows] >= 0]) >= 0).all():
            continue
        for place, row in enumerate(rows):
            for earlier in reversed(rows[:place]):
                if at[row] - at[earlier] > tolerance or ends[earlier]:
                    break
                if rank[row] >= 0 and rank[earlier] > rank[row] and at[earlier] < moved[row]:
                    moved[row], mended[row] = at[earlier], True
    for place, count in enumerate(np.bincount(rowset.block[mended], minlength=len(rowset.blocks))):
        tally.add(rowset.blocks[place], "mended", f"dated up to {hours:g} hours after a further stage", int(count))
    columns = made.columns | {"at": Cells("time", at=moved)}
    return Rowset(rowset.blocks, rowset.block, Made(made.person, columns))


def table_of(rowset: Rowset | None, people: People, timezone: str, labels: list[str]) -> pa.Table:
    """Rows as an Arrow table."""
    if rowset is None:
        return pa.table({"lead_id": pa.array([], pa.large_string())} | {label: pa.nulls(0) for label in labels})
    made = rowset.made
    used, codes = np.unique(made.person, return_inverse=True)
    ids = pa.array([people.names[number][1] for number in used.tolist()], pa.large_string())
    columns = {"lead_id": pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), ids)}
    columns |= {label: cells.arrow(timezone) for label, cells in made.columns.items()}
    return pa.table(columns)
