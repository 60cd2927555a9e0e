"""What blocks made as our tables: leads that are one person, repeated rows, strangers, stages out of order."""

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
from leadscore.imports.cells import Cells, Rows, cells_of
from leadscore.imports.language import Identity
from leadscore.imports.people import OUT, Names, People, Quarrel
from leadscore.imports.spool import OWN, Spool

HOUR, LATEST = 3_600_000_000, np.iinfo(np.int64).max
Name = tuple[str, str]
# Why rows of events, outcomes and touches are of no lead; first where they are of one.
UNMATCHED = (
    "",
    "no id",
    "an id of several leads",
    "of leads that the file leaves out",
    "an id of none of the leads",
)
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
    def of(cls, parts: dict[Name, list[Made]]) -> Rowset:
        """The rows of all blocks of a table; a column that a block has not is empty there."""
        wholes = {name: Made.stacked(made) for name, made in parts.items()}
        types = {label: cells for whole in wholes.values() for label, cells in whole.columns.items()}
        for whole in wholes.values():
            nothing = np.full(len(whole.person), -1)
            whole.columns = {label: whole.columns.get(label) or cells.take(nothing) for label, cells in types.items()}
        sizes = [len(whole.person) for whole in wholes.values()]
        return cls([*wholes], np.repeat(np.arange(len(sizes), dtype=np.int32), sizes), Made.stacked([*wholes.values()]))

    def count(self, rows: npt.NDArray[np.bool_] | slice, fate: str, why: str, tally: Tally) -> None:
        """Count some of the rows, block by block."""
        for place, count in enumerate(np.bincount(self.block[rows], minlength=len(self.blocks))):
            tally.add(self.blocks[place], fate, why, int(count))

    def without(self, out: npt.NDArray[np.bool_]) -> Rowset:
        """The other rows."""
        stay = np.flatnonzero(~out)
        return Rowset(self.blocks, self.block[stay], self.made.take(stay)) if out.any() else self

    def leave(self, out: npt.NDArray[np.bool_], fate: str, why: str, tally: Tally) -> Rowset:
        """The rows without some, which are counted."""
        self.count(out, fate, why, tally)
        return self.without(out)


def order_of(cells: Cells) -> npt.NDArray[Any]:
    """Numbers that stand in the order of what cells say, nothing last."""
    if cells.type == "time":
        return np.where(cells.at == NO_TIME, LATEST, cells.at)
    used, codes = np.unique(np.maximum(cells.codes, -1), return_inverse=True)
    texts = Cells(cells.type, values=[cells.values[code] for code in used.tolist() if code >= 0]).texts()
    place = {text: place for place, text in enumerate(sorted(set(texts)))}
    rank = np.array([*[len(place)] * (len(used) - len(texts)), *(place[text] for text in texts)])
    return rank[codes]


def by_content(made: Made, names: Names, *first: npt.NDArray[Any]) -> Rows:
    """The rows by some keys, then by all they say: an order that does not depend on that of the files."""
    used, codes = np.unique(made.person, return_inverse=True)
    rank = np.argsort(np.argsort([str(names[number]) if number >= 0 else "" for number in used.tolist()]))
    keys = [*first, rank[codes], *(order_of(cells) for _, cells in sorted(made.columns.items()))]
    return np.lexsort([*reversed(keys)])


def shared(*keys: npt.NDArray[Any]) -> Rows:
    """The rows whose keys another row has too; most have none, and all that is slow is done with these alone."""
    order = np.lexsort(keys) if len(keys) > 1 else np.argsort(keys[0])
    same = np.zeros(len(order), bool)
    same[1:] = np.logical_and.reduce([np.diff(key[order]) == 0 for key in keys])
    return np.sort(order[same | np.append(same[1:], False)])


def newest_of_each_key(spool: Spool, names: Names) -> int:
    """Leave one row of each `unique_key`, the last received; how many are left out."""

    def again(rows: pa.Table) -> npt.NDArray[np.bool_]:
        _, *key, received = (column.to_numpy() for column in rows.columns[: len(OWN)])
        # Half of a key is hardly ever another's too, and is sorted in half the time.
        order = shared(key[0])
        part = rows.take(pa.array(order))
        columns = zip(part.column_names[len(OWN) :], part.columns[len(OWN) :], strict=True)
        made = Made(part.column(0).to_numpy(), {label: cells_of(column) for label, column in columns})
        order = order[by_content(made, names, *(half[order] for half in key), -received[order])]
        found = np.zeros(len(rows), bool)
        found[order[1:]] = np.logical_and.reduce([np.diff(half[order]) == 0 for half in key])
        return found

    return spool.leave_out(again) if spool.keyed else 0


def one_row_each(rowset: Rowset, names: Names, tally: Tally) -> tuple[Rowset, dict[str, list[int]]]:
    """Leads with one row each, what some of their rows lack filled in; and by column the leads whose rows differ there.

    Parts of an export that overlap hold leads again, as do deals with the same contact.
    """
    made = rowset.made
    rows = shared(made.person) if "valid_from" not in made.columns else np.zeros(0, np.intp)
    order = rows[by_content(made.take(rows), names, made.person[rows])]
    same = np.append(False, np.diff(made.person[order]) == 0)[: len(order)]
    whole = filled(made, order, same[1:])
    heads = order[~same][np.cumsum(~same) - 1]
    differ: dict[str, list[int]] = {}
    odd = np.zeros(len(order), bool)
    for label, cells in whole.columns.items():
        own, head = np.split(order_of(cells.take(np.append(order, heads))), 2)
        odd |= (here := cells.known[order] & (own != head))
        if here.any():
            differ[label] = np.unique(made.person[order[here]]).tolist()
    again, other = np.zeros((2, len(made.person)), bool)
    again[order[same & ~odd]], other[order[odd]] = True, True
    rowset = Rowset(rowset.blocks, rowset.block, whole)
    rowset.count(again, "again", "another row of the same lead", tally)
    rowset.count(other, "set aside", "another row of the same lead, which says something else", tally)
    return rowset.without(again | other), differ


def leads_and_people(
    rowset: Rowset, people: People, identity: Identity, tally: Tally
) -> tuple[Rowset, Codes, list[Quarrel]]:
    """One row for each person, the oldest with its gaps filled; for each name its lead; and names of several leads."""
    made, names = rowset.made, people.names()
    leads = set(made.person.tolist())
    # A lead that was merged in the CRM is its survivor, whatever its e-mail says.
    survivor, _ = people.resolve(leads, {})
    age = order_of(made.columns["created_at"]) if "created_at" in made.columns else np.zeros(len(made.person))
    same: dict[int, int] = {}
    if identity.same_person is not None:
        cells = made.columns[identity.same_person]
        place: dict[str, int] = {}
        spoken = [place.setdefault(normalise(text), len(place)) for text in cells.texts()]
        value = np.array([*spoken, -1])[np.maximum(cells.codes, -1)]
        living = np.flatnonzero((value >= 0) & (survivor[made.person] == made.person))
        rows = living[shared(value[living])]
        oldest: dict[int, int] = {}
        for row in rows[by_content(made.take(rows), names, age[rows])].tolist():
            number = int(made.person[row])
            same.setdefault(number, oldest.setdefault(int(value[row]), number))
    final, quarrels = people.resolve(leads, same)
    person = made.person
    merged = (survivor[person] != person) & (survivor[person] >= 0)
    double = ~merged & (final[person] != person) & (final[person] >= 0)
    if "valid_from" not in made.columns:
        # The rows of one person: the one that stays first, then the others by age.
        rows = np.flatnonzero(~merged)
        rows = rows[shared(final[person[rows]])]
        order = rows[by_content(made.take(rows), names, final[person[rows]], double[rows], age[rows])]
        rowset = Rowset(rowset.blocks, rowset.block, filled(made, order, np.diff(final[person[order]]) == 0))
    rowset.count(merged, "merged", "into another lead", tally)
    rowset.count(double, "merged", f"the same {identity.same_person} as an older lead", tally)
    return rowset.without(merged | double), final, quarrels


def filled(made: Made, order: Rows, same: npt.NDArray[np.bool_]) -> Made:
    """Rows of which the first of those that are the same has what it lacks from the others, the next one going first.

    `order` are the rows side by side, `same` says of each but the first that it is the same as the one before.
    """
    if not same.any():
        return made
    first = np.append(True, ~same)
    spot, heads = np.cumsum(first) - 1, order[first]
    columns = {}
    for label, cells in made.columns.items():
        known = np.flatnonzero(cells.known[order])[::-1]
        nearest = heads.copy()
        nearest[spot[known]] = order[known]
        rows = np.arange(len(made.person))
        rows[heads] = nearest
        columns[label] = cells.take(rows)
    return Made(made.person, columns)


def standing(leads: Codes, unclear: set[int]) -> npt.NDArray[np.int8]:
    """What keeps rows of each name out, last those of no name: a place in `UNMATCHED`, of those of leads 0."""
    found = np.select([leads >= 0, leads == OUT], [0, 3], 4).astype(np.int8)
    found[list(unclear)], found[-1] = 2, 1
    return found


def of_leads(rowset: Rowset, leads: Codes, stand: npt.NDArray[np.int8], tally: Tally) -> Rowset:
    """The rows of people who are among the leads, now by their lead; the others are counted by what keeps them out."""
    reasons = stand[rowset.made.person]
    rowset.made.person = leads[rowset.made.person]
    for place, why in enumerate(UNMATCHED[1:], 1):
        rowset.count(reasons == place, "unmatched", why, tally)
    return rowset.without(reasons > 0)


def count_spooled(spools: dict[Name, Spool], stand: npt.NDArray[np.int8], tally: Tally) -> int:
    """Count the rows of events or touches as `of_leads` does; how many are of leads."""
    kept = 0
    for name, spool in spools.items():
        reasons = np.zeros(len(UNMATCHED), np.intp)
        for rows in spool.tables():
            reasons += np.bincount(stand[rows.column(0).to_numpy()], minlength=len(UNMATCHED))
        for why, count in zip(UNMATCHED[1:], reasons[1:].tolist(), strict=True):
            tally.add(name, "unmatched", why, count)
        tally.add(name, "kept", "", int(reasons[0]))
        kept += int(reasons[0])
    return kept


def positions(leads: Codes, names: Names) -> tuple[Codes, pa.Array]:
    """For each name the position of its lead, negative where it is of none; and the ids of leads."""
    used, place = np.unique(leads[leads >= 0], return_inverse=True)
    lead_of = leads.copy()
    lead_of[leads >= 0] = place
    return lead_of, names.texts.take(pa.array(used))


def told_once(rowset: Rowset, names: Names, tally: Tally) -> Rowset:
    """The same outcome from several places as one, its empty columns filled."""
    made = rowset.made
    stage, at = order_of(made.columns["stage"]), made.columns["at"].at
    rows = shared(made.person, at, stage)
    order = rows[by_content(made.take(rows), names, made.person[rows], at[rows], stage[rows], rowset.block[rows])]
    same = (np.diff(made.person[order]) == 0) & (np.diff(at[order]) == 0) & (np.diff(stage[order]) == 0)
    again = np.zeros(len(at), bool)
    again[order[1:]] = same
    rowset = Rowset(rowset.blocks, rowset.block, filled(made, order, same))
    return rowset.leave(again, "again", "the same outcome, told twice", tally)


def first_of_repeats(rowset: Rowset, chosen: set[Name], tally: Tally) -> Rowset:
    """Of the same stage set again and again in a block the first, in each pass through the funnel."""
    made = rowset.made
    stage, at, person = order_of(made.columns["stage"]), made.columns["at"].at, made.person
    ends = np.array([*(name in ENDS for name in made.columns["stage"].values), False])[made.columns["stage"].codes]
    order = np.lexsort((at, person))
    passed = np.zeros(len(order), np.int64)
    passed[order] = np.cumsum(ends[order]) - ends[order]
    # No two rows are of the same person, stage and moment: they were made one.
    order = np.lexsort((stage, at, person, rowset.block))
    order = order[np.isin(rowset.block, [rowset.blocks.index(name) for name in chosen])[order]]
    same = [np.diff(one[order]) == 0 for one in (rowset.block, person, stage, passed)]
    again = np.zeros(len(person), bool)
    again[order[1:]] = np.logical_and.reduce(same)
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
    rowset.count(mended, "mended", f"dated up to {hours:g} hours after a further stage", tally)
    columns = made.columns | {"at": Cells("time", at=moved)}
    return Rowset(rowset.blocks, rowset.block, Made(made.person, columns))


def table_of(rowset: Rowset | None, names: Names, timezone: str, times: dict[str, bool]) -> pa.Table:
    """Rows as an Arrow table; of no rows with the columns that a table must have, which are times or not."""
    if rowset is None:
        empty = {
            name: pa.timestamp("us", timezone) if is_time else pa.large_string() for name, is_time in times.items()
        }
        return pa.table({name: pa.array([], kind) for name, kind in empty.items()})
    made = rowset.made
    if "lead_id" not in times:
        return pa.table({label: cells.arrow(timezone) for label, cells in made.columns.items()})
    used, codes = np.unique(made.person, return_inverse=True)
    ids = names.texts.take(pa.array(used))
    columns = {"lead_id": pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), ids)}
    return pa.table(columns | {label: cells.arrow(timezone) for label, cells in made.columns.items()})
