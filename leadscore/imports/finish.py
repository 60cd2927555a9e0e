"""What blocks made as our tables: leads that are one person, repeated rows, strangers, stages out of order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from leadscore.base.stages import ENDS, FUNNEL
from leadscore.base.text import normalise
from leadscore.base.times import NO_TIME
from leadscore.imports.blocks import Made, Tally
from leadscore.imports.cells import Cells, Rows, cells_of
from leadscore.imports.hash_index import Hashes, hashed
from leadscore.imports.language import Contents, Identity
from leadscore.imports.people import NO_PAIRS, OUT, Names, Pairs, People, Quarrel
from leadscore.imports.spool import OWN, Codes, Spool, labels_of, shared

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
# Columns before those of the rows: which rows belong together, whose they are, a place in the blocks, and of leads that
# may have several rows the place of each among them.
GATHERED = ("key", "person", "block", "rank")


@dataclass
class Rowset:
    """Some rows of one of our tables, of all its blocks.

    Attributes
    ----------
    blocks : list of Name
    own : pyarrow Table
        Of each row what `GATHERED` says, and its number among all rows.
    made : Made
    """

    blocks: list[Name]
    own: pa.Table
    made: Made

    @classmethod
    def of(cls, rows: pa.Table, blocks: list[Name]) -> Rowset:
        """Rows of a `gathered` table, as `Spool.settle` gives them."""
        n, last = len(GATHERED), rows.num_columns - 1
        columns = zip(rows.column_names[n:last], rows.columns[n:last], strict=True)
        made = Made(rows.column(1).to_numpy(), {label: cells_of(column) for label, column in columns})
        return cls(blocks, rows.select([*range(n), last]), made)

    def rows(self, schema: pa.Schema) -> pa.Table:
        """The rows as they came."""
        *own, number = self.own.columns
        kinds = schema.types[len(own) : -1]
        cells = [one.arrow("UTC").cast(kind) for one, kind in zip(self.made.columns.values(), kinds, strict=True)]
        return pa.Table.from_arrays([*own, *cells, number], schema=schema)

    @property
    def block(self) -> Codes:
        """(n_rows,) into `blocks`."""
        return self.own.column(2).to_numpy()

    def count(self, rows: npt.NDArray[np.bool_], fate: str, why: str, tally: Tally) -> None:
        """Count some of the rows, block by block."""
        count_blocks(self.block[rows], self.blocks, fate, why, tally)

    def without(self, out: npt.NDArray[np.bool_]) -> Rowset:
        """The other rows."""
        stay = np.flatnonzero(~out)
        return Rowset(self.blocks, self.own.take(pa.array(stay)), self.made.take(stay)) if out.any() else self

    def leave(self, out: npt.NDArray[np.bool_], fate: str, why: str, tally: Tally) -> Rowset:
        """The rows without some, which are counted."""
        self.count(out, fate, why, tally)
        return self.without(out)


def count_blocks(block: Codes, blocks: list[Name], fate: str, why: str, tally: Tally) -> None:
    """Count rows, block by block."""
    for place, count in enumerate(np.bincount(block, minlength=len(blocks))):
        tally.add(blocks[place], fate, why, int(count))


def in_blocks(spools: list[Spool]) -> Iterator[pa.Table]:
    """The rows of all blocks of a table, as `gathered` takes them; a column that a block has not is empty there."""
    fields = labels_of(spools)
    for block, spool in enumerate(spools):
        labels = spool.schema.names[spool.own :]
        for rows in spool.tables(range(len(labels))):
            n, person = len(rows), rows.column(0)
            columns = [
                rows.column(spool.own + labels.index(one.name)) if one.name in labels else pa.nulls(n, one.type)
                for one in fields
            ]
            own = [person, person, pa.array(np.full(n, block, np.int32)), pa.array(np.zeros(n, np.int32))]
            yield pa.table([*own, *columns], [*GATHERED, *(one.name for one in fields)])


def gathered(tables: Iterable[pa.Table]) -> Spool:
    """Rows whose columns are those of `GATHERED` and of the blocks, cut by their key."""
    spool = Spool(len(GATHERED), key=0)
    for rows in tables:
        spool.append(rows)
    spool.close()
    return spool


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
    cells = [order_of(cells) for _, cells in sorted(made.columns.items())]
    return np.lexsort([*reversed([*first, by_name(made.person, names, *first), *cells])])


def by_name(person: Codes, names: Names, *first: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Numbers that stand in the order of people's names, where rows that are alike so far are of several people."""
    order = np.lexsort([person, *reversed(first)])
    alike = np.logical_and.reduce([np.diff(key[order]) == 0 for key in first])
    group = np.cumsum(np.append(0, ~alike))[: len(order)]
    several = np.unique(group[1:][alike & (np.diff(person[order]) != 0)])
    rows = order[np.isin(group, several)]
    used, codes = np.unique(person[rows], return_inverse=True)
    said = names.some(used[used >= 0].tolist())
    rank = np.zeros(len(person), np.intp)
    rank[rows] = np.argsort(np.argsort([str(said.get(number, "")) for number in used.tolist()]))[codes]
    return rank


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

    return spool.leave_out(again) if spool.key is not None else 0


def one_row_each(leads: Spool, blocks: list[Name], names: Names, tally: Tally) -> dict[str, list[int]]:
    """Leave leads one row each, what some of their rows lack filled in; by column the leads whose rows differ there.

    Parts of an export that overlap hold leads again, as do deals with the same contact. With `valid_from` all rows
    stay, and are told their `rank`.
    """
    differ: dict[str, list[Codes]] = {one.name: [] for one in labels_of([leads])}

    def judge(rows: pa.Table) -> pa.Table:
        rowset = Rowset.of(rows, blocks)
        made = rowset.made
        order = by_content(made, names, made.person)
        if "valid_from" in differ:
            rank = pa.array(np.argsort(order).astype(np.int32))
            return rows.set_column(GATHERED.index("rank"), "rank", rank)
        same = np.append(False, np.diff(made.person[order]) == 0)
        whole = filled(made, order, same[1:])
        heads = order[~same][np.cumsum(~same) - 1]
        odd = np.zeros(len(order), bool)
        for label, cells in whole.columns.items():
            own, head = np.split(order_of(cells.take(np.append(order, heads))), 2)
            odd |= (here := cells.known[order] & (own != head))
            differ[label].append(np.unique(made.person[order[here]]))
        again, other = np.zeros((2, len(made.person)), bool)
        again[order[same & ~odd]], other[order[odd]] = True, True
        rowset.count(again, "again", "another row of the same lead", tally)
        rowset.count(other, "set aside", "another row of the same lead, which says something else", tally)
        return replace(rowset, made=whole).without(again | other).rows(rows.schema)

    leads.settle(judge)
    return {label: np.unique(np.concatenate(found)).tolist() for label, found in differ.items() if any(map(len, found))}


def same_people(leads: Spool, same_person: str | None, survivor: Codes, names: Names) -> Pairs:
    """Leads of which others say the same, by what only one person has, each beside the oldest of them."""
    if same_person is None:
        return NO_PAIRS
    labels = leads.schema.names[leads.own :]
    living, halves, end = [], [], 0
    for rows in leads.tables([labels.index(same_person)]):
        person, cells = rows.column(1).to_numpy(), cells_of(rows.column(leads.own))
        here = np.flatnonzero(cells.known & (survivor[person] == person))
        living.append(end + here)
        halves.append(said_by(cells.take(here))[:, 0])
        end += len(rows)
    # Half of a hash is hardly ever another's too, and takes half the memory.
    alike = np.concatenate(living)[shared(np.concatenate(halves))]
    known, end = [], 0
    wanted = [name for name in labels if name in {"created_at", same_person}]
    for rows in leads.tables([labels.index(name) for name in wanted]):
        here = alike[slice(*np.searchsorted(alike, [end, end + len(rows)]))] - end
        end += len(rows)
        _, person, _, rank, *columns = (column.take(pa.array(here)) for column in rows.columns)
        said = dict(zip(wanted, map(cells_of, columns), strict=True))
        age = order_of(said["created_at"]) if "created_at" in said else np.zeros(len(here), np.int64)
        known.append((person.to_numpy(), rank.to_numpy(), age, *said_by(said[same_person]).T))
    person, rank, age, *value = map(np.concatenate, zip(*known, strict=True))
    order = np.lexsort((rank, by_name(person, names, *value, age), age, *value))
    first = np.append(True, np.any([np.diff(half[order]) != 0 for half in value], axis=0))[: len(order)]
    oldest = np.zeros_like(person)
    oldest[order] = person[order[first]][np.cumsum(first) - 1]
    # Of a lead of several rows the first says who it is.
    order = np.lexsort((rank, age, person))
    numbers, heads = np.unique(person[order], return_index=True)
    return np.column_stack([numbers, oldest[order[heads]]])


def said_by(cells: Cells) -> Hashes:
    """What cells say, as texts are compared, as hashes."""
    texts = np.array([*map(normalise, cells.texts()), ""], object)
    return hashed(texts, "")[np.maximum(cells.codes, -1)]


def leads_and_people(
    leads: Spool, blocks: list[Name], people: People, identity: Identity, tally: Tally
) -> tuple[Spool, Codes, list[Quarrel]]:
    """One row for each person, the oldest with its gaps filled; for each name its lead; and names of several leads."""
    names = people.names()
    person, block = (np.concatenate([rows.column(place).to_numpy() for rows in leads.tables()]) for place in (1, 2))
    # A lead that was merged in the CRM is its survivor, whatever its e-mail says.
    survivor, _ = people.resolve(person, NO_PAIRS)
    final, quarrels = people.resolve(person, same_people(leads, identity.same_person, survivor, names))
    own = np.arange(len(final), dtype=np.int32)
    merged = (survivor != own) & (survivor >= 0)
    double = ~merged & (final != own) & (final >= 0)
    del survivor, own
    for out, why in ((merged, "into another lead"), (double, f"the same {identity.same_person} as an older lead")):
        count_blocks(block[out[person]], blocks, "merged", why, tally)
    if not (merged | double)[person].any():
        return leads, final, quarrels
    histories = "valid_from" in leads.schema.names[leads.own :]
    gone = merged | double if histories else merged

    def staying() -> Iterator[pa.Table]:
        for rows in leads.tables(range(len(leads.schema) - leads.own)):
            person = rows.column(1).to_numpy()
            lead = np.where(final[person] >= 0, final[person], person)
            yield rows.set_column(0, GATHERED[0], pa.array(lead)).filter(pa.array(~gone[person]))

    def judge(rows: pa.Table) -> pa.Table:
        """Of the rows of one person the one that stays, what it lacks filled in from the others by age."""
        rowset = Rowset.of(rows, blocks)
        made, lead = rowset.made, rows.column(0).to_numpy()
        age = order_of(made.columns["created_at"]) if "created_at" in made.columns else np.zeros(len(rows))
        order = by_content(made, names, lead, double[made.person], age)
        whole = filled(made, order, np.diff(lead[order]) == 0)
        return replace(rowset, made=whole).without(double[made.person]).rows(rows.schema)

    leads = gathered(staying())
    if not histories:
        leads.settle(judge)
    return leads, final, quarrels


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


def standing(leads: Codes, unclear: list[int]) -> npt.NDArray[np.int8]:
    """What keeps rows of each name out, last those of no name: a place in `UNMATCHED`, of those of leads 0."""
    found = np.where(leads >= 0, np.int8(0), np.int8(4))
    found[leads == OUT], found[unclear], found[-1] = 3, 2, 1
    return found


def of_leads(
    tables: Iterable[pa.Table], blocks: list[Name], leads: Codes, stand: npt.NDArray[np.int8], tally: Tally
) -> Iterator[pa.Table]:
    """The rows of people who are among the leads, now by their lead; the others are counted by what keeps them out."""
    counts = np.zeros((len(blocks), len(UNMATCHED)), np.intp)
    for rows in tables:
        person = rows.column(1).to_numpy()
        reasons, lead = stand[person], pa.array(leads[person])
        np.add.at(counts, (rows.column(2).to_numpy(), reasons), 1)
        yield rows.set_column(0, GATHERED[0], lead).set_column(1, GATHERED[1], lead).filter(pa.array(reasons == 0))
    for place, name in enumerate(blocks):
        for why, count in zip(UNMATCHED[1:], counts[place, 1:].tolist(), strict=True):
            tally.add(name, "unmatched", why, count)


def count_spooled(spools: list[Spool], blocks: list[Name], stand: npt.NDArray[np.int8], tally: Tally) -> int:
    """Count the rows of events or touches as `of_leads` does; how many are of leads."""
    kept = 0
    for name, spool in zip(blocks, spools, strict=True):
        reasons = np.zeros(len(UNMATCHED), np.intp)
        for rows in spool.tables():
            reasons += np.bincount(stand[rows.column(0).to_numpy()], minlength=len(UNMATCHED))
        for why, count in zip(UNMATCHED[1:], reasons[1:].tolist(), strict=True):
            tally.add(name, "unmatched", why, count)
        tally.add(name, "kept", "", int(reasons[0]))
        kept += int(reasons[0])
    return kept


def count_kept(spools: list[Spool], blocks: list[Name], tally: Tally) -> int:
    """Count the rows of a table that was `gathered`; how many they are."""
    kept = 0
    for spool in spools:
        for rows in spool.tables():
            count_blocks(rows.column(2).to_numpy(), blocks, "kept", "", tally)
            kept += len(rows)
    return kept


def settle_outcomes(outcomes: Spool, blocks: list[Name], file: Contents, names: Names, tally: Tally) -> None:
    """Leave each outcome once, and stages in order."""
    first = {name for name in blocks if file.outcomes[name[1]].repeats == "first"}
    steps = [Tally() for _ in range(4)]

    def judge(rows: pa.Table) -> pa.Table:
        rowset = told_once(Rowset.of(rows, blocks), names, steps[0])
        rowset = first_of_repeats(rowset, first, steps[1])
        rowset = put_in_order(rowset, file.order_tolerance_hours, steps[2])
        return told_once(rowset, names, steps[3]).rows(rows.schema)

    outcomes.settle(judge)
    for step in steps:
        for (*block, fate, why), count in step.counts.items():
            tally.add((block[0], block[1]), fate, why, count)


def told_once(rowset: Rowset, names: Names, tally: Tally) -> Rowset:
    """The same outcome from several places as one, its empty columns filled."""
    made = rowset.made
    stage, at = order_of(made.columns["stage"]), made.columns["at"].at
    rows = shared(made.person, at, stage)
    order = rows[by_content(made.take(rows), names, made.person[rows], at[rows], stage[rows], rowset.block[rows])]
    same = (np.diff(made.person[order]) == 0) & (np.diff(at[order]) == 0) & (np.diff(stage[order]) == 0)
    again = np.zeros(len(at), bool)
    again[order[1:]] = same
    return replace(rowset, made=filled(made, order, same)).leave(again, "again", "the same outcome, told twice", tally)


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
    return replace(rowset, made=Made(made.person, columns))
