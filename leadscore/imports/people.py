"""Who is who: ids, e-mails and devices, followed in chains to one lead each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from leadscore.base.text import normalise
from leadscore.base.times import one_array
from leadscore.imports.hash_index import HashIndex, hashed
from leadscore.imports.spool import Spool

# A kind of name, and the name.
Reference = tuple[str, str]
Numbers = npt.NDArray[np.int32]
# (n, 2) numbers of names, and of those they stand for.
Pairs = npt.NDArray[np.int32]
NO_PAIRS = np.zeros((0, 2), np.int32)
# Names that lead to several leads, with these; or, in a circle, to none.
Several = list[tuple[int, list[int]]]
# What a name leads to that leads to no lead: to none that is known, or to one that the file leaves out.
NOBODY, OUT = -1, -2


class Quarrel(NamedTuple):
    """A name that leads to several leads, or back to itself."""

    name: Reference
    why: str
    number: int


class Names:
    """Names by their numbers, of which the texts wait in a `Spool`."""

    def __init__(self, kinds: Iterable[str], kind: npt.NDArray[np.int8], spool: Spool) -> None:
        self._kinds, self._kind, self._spool = [*kinds], kind, spool

    def texts(self, numbers: npt.NDArray[np.integer]) -> pa.ChunkedArray:
        """The texts of some names, whose numbers ascend."""
        chunks = []
        bounds = np.searchsorted(numbers, [0, *self._spool.ends])
        for place, (start, end) in enumerate(pairwise(bounds.tolist())):
            if start < end:
                first = self._spool.ends[place - 1] if place else 0
                texts = self._spool.part(place, [0]).column(0)
                chunks.append(one_array(texts).take(pa.array(numbers[start:end] - first)))
        return pa.chunked_array(chunks, pa.large_string())

    def some(self, numbers: Iterable[int]) -> dict[int, Reference]:
        """The kind and the text of some names."""
        wanted = np.unique(np.array([*numbers], np.int32))
        kinds = [self._kinds[kind] for kind in self._kind[wanted].tolist()]
        return dict(zip(wanted.tolist(), zip(kinds, self.texts(wanted).to_pylist(), strict=True), strict=True))


class People:
    """Names of people as whole numbers, and which name stands for which."""

    def __init__(self) -> None:
        self._index = HashIndex()
        self._count = 0
        self._kinds: dict[str, int] = {}
        self._kind: list[npt.NDArray[np.int8]] = [np.zeros(0, np.int8)]
        self._texts = Spool()
        self._left_out = np.zeros(0, bool)
        self._stands_for: list[Pairs] = [NO_PAIRS]

    def names(self) -> Names:
        """Each name once, by its number; no more come, and what told them apart is let go."""
        self._index = HashIndex()
        self._texts.close()
        self._kind = [np.concatenate(self._kind)]
        return Names(self._kinds, self._kind[0], self._texts)

    def numbers(self, kind: str, texts: Sequence[str], *, fold: bool) -> Numbers:
        """The numbers of names of one kind, and -1 behind them, for a code of -1.

        With `fold` all ways of writing a name are the same, as of an e-mail; of others only blanks around it are.
        """
        names = np.array([*map(normalise if fold else str.strip, texts)], object)
        found, new = self._index.numbers(hashed(names, kind))
        self._count = len(self._index)
        self._texts.append(pa.table([pa.array(names[new], pa.large_string())], ["name"]))
        self._kind.append(np.full(len(new), self._kinds.setdefault(kind, len(self._kinds)), np.int8))
        return np.append(found, np.int32(NOBODY))

    def leave_out(self, numbers: Numbers) -> None:
        """Note leads that the file leaves out; -1 is nobody."""
        self._left_out.resize(self._count, refcheck=False)
        self._left_out[numbers[numbers >= 0]] = True

    def are_left_out(self, numbers: Numbers) -> npt.NDArray[np.bool_]:
        """Whether each is left out, as far as is known."""
        known = (numbers >= 0) & (numbers < len(self._left_out))
        known[known] = self._left_out[numbers[known]]
        return known

    def alias(self, names: Numbers, others: Numbers) -> None:
        """Note that names stand for others; where either is not known, nothing."""
        known = (names >= 0) & (others >= 0) & (names != others)
        self._stands_for.append(np.column_stack([names[known], others[known]]))

    def resolve(self, leads: Numbers, same: Pairs) -> tuple[Numbers, list[Quarrel]]:
        """For each name the number of the lead it leads to, or `NOBODY` or `OUT`, and one more -1; and the quarrels.

        `same` says of leads which other ones they are. A name of several leads leads to nobody.
        """
        found = np.full(self._count + 1, NOBODY, np.int32)
        found[np.flatnonzero(self._left_out)] = OUT
        found[leads] = leads
        found[same[:, 0]] = same[:, 1]
        self._stands_for = [_each_once(np.concatenate(self._stands_for))]
        pairs = self._stands_for[0]
        stands = np.zeros(len(found), bool)
        stands[pairs[:, 0]] = True
        # Nearly all stand for names that stand for no other.
        further = np.zeros(len(found), bool)
        further[pairs[stands[pairs[:, 1]], 0]] = True
        chained = further[pairs[:, 0]]
        several = _at_once(found, pairs[~chained])
        if chained.any():
            several += _in_chains(found, pairs[chained])
        names = self.names().some(number for name, known in several for number in (name, *known))
        return found, [Quarrel(names[name], _why([names[lead][1] for lead in known]), name) for name, known in several]


def _each_once(pairs: Pairs) -> Pairs:
    """Pairs in ascending order, those that stand there several times once."""
    both = np.unique(pairs[:, 0].astype(np.int64) << 32 | pairs[:, 1])
    found = np.empty((len(both), 2), np.int32)
    found[:, 0], found[:, 1] = both >> 32, both & (2**32 - 1)
    return found


def _why(leads: list[str]) -> str:
    if not leads:
        return "stands for itself, by way of others"
    return f"stands for {len(leads)} leads: {', '.join(sorted(leads)[:3])}"


def _at_once(found: Numbers, pairs: Pairs) -> Several:
    """Lead names, which ascend, to what others, which are settled, lead to; those of several leads are given."""
    if not len(pairs):
        return []
    starts = np.flatnonzero(np.append(True, np.diff(pairs[:, 0]) != 0))
    names = pairs[starts, 0]
    ends = found[pairs[:, 1]]
    first = np.minimum.reduceat(np.where(ends >= 0, ends, np.iinfo(np.int32).max), starts)
    last = np.maximum.reduceat(ends, starts)
    out = np.minimum.reduceat(ends, starts) == OUT
    own = found[names]
    found[names] = np.select([last < 0, first == last], [np.where((own == NOBODY) & out, OUT, own), last], NOBODY)
    bounds = np.append(starts, len(pairs))
    unclear = np.flatnonzero((last >= 0) & (first != last)).tolist()
    known = ((names[at], np.unique(ends[bounds[at] : bounds[at + 1]])) for at in unclear)
    return [(int(name), leads[leads >= 0].tolist()) for name, leads in known]


def _in_chains(found: Numbers, pairs: Pairs) -> Several:
    """The same one after the other, along chains of any length; names that stand for each other are one."""
    graph = csr_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(found), len(found)))
    circle = connected_components(graph, connection="strong")[1]
    inside: dict[int, list[int]] = {}
    for name in np.unique(pairs).tolist():
        inside.setdefault(int(circle[name]), []).append(name)
    further: dict[int, set[int]] = {place: set() for place in inside}
    for name, other in circle[pairs].tolist():
        further[name] |= {other} - {name}
    several: Several = []
    for place in TopologicalSorter(further).static_order():
        beyond = {int(found[inside[one][0]]) for one in further[place]}
        own = {int(found[name]) for name in inside[place]}
        known = (beyond - {NOBODY, OUT}) or (own - {NOBODY, OUT})
        if len(known) > 1 or (len(inside[place]) > 1 and not known and OUT not in beyond | own):
            several += [(name, sorted(known)) for name in inside[place]]
        found[inside[place]] = known.pop() if len(known) == 1 else OUT if not known and OUT in beyond | own else NOBODY
    return several
