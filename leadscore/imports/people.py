"""Who is who: ids, e-mails and devices, followed in chains to one lead each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from leadscore.base.text import normalise
from leadscore.base.times import one_array
from leadscore.imports.hash_index import HashIndex, hashed

# A kind of name, and the name.
Reference = tuple[str, str]
# (n, 2) numbers of names, and of those they stand for.
Pairs = npt.NDArray[np.int32]
# Names that lead to several leads, with these; or, in a circle, to none.
Several = list[tuple[int, list[int]]]
# What a name leads to that leads to no lead: to none that is known, or to one that the file leaves out.
NOBODY, OUT = -1, -2


class Quarrel(NamedTuple):
    """A name that leads to several leads, or back to itself."""

    name: Reference
    why: str


class Names(Sequence[Reference]):
    """Names by their numbers, as text that Arrow holds: a name of Python's takes ten times as much."""

    def __init__(self, kinds: Iterable[str], kind: npt.NDArray[np.int8], texts: pa.Array) -> None:
        self._kinds, self._kind, self.texts = [*kinds], kind, texts

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, number: int) -> Reference: ...

    @overload
    def __getitem__(self, number: slice) -> list[Reference]: ...

    def __getitem__(self, number: int | slice) -> Reference | list[Reference]:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        return self._kinds[self._kind[number]], self.texts[number].as_py()


class People:
    """Names of people as whole numbers, and which name stands for which.

    Attributes
    ----------
    left_out : set of int
        Numbers of leads that the file leaves out.
    """

    def __init__(self) -> None:
        self.left_out: set[int] = set()
        self._index = HashIndex()
        self._kinds: dict[str, int] = {}
        self._kind: list[npt.NDArray[np.int8]] = []
        self._texts: list[pa.Array] = []
        self._stands_for: list[Pairs] = []

    def names(self) -> Names:
        """Each name once; its position is its number."""
        if len(self._texts) != 1:
            self._texts = [one_array(pa.chunked_array(self._texts, pa.large_string()))]
            self._kind = [np.concatenate([*self._kind, np.zeros(0, np.int8)])]
        return Names(self._kinds, self._kind[0], self._texts[0])

    def numbers(self, kind: str, texts: Sequence[str], *, fold: bool) -> npt.NDArray[np.int32]:
        """The numbers of names of one kind, and -1 behind them, for a code of -1.

        With `fold` all ways of writing a name are the same, as of an e-mail; of others only blanks around it are.
        """
        names = np.array([*map(normalise if fold else str.strip, texts)], object)
        found, new = self._index.numbers(hashed(names, kind))
        if len(new):
            self._texts.append(pa.array(names[new], pa.large_string()))
            self._kind.append(np.full(len(new), self._kinds.setdefault(kind, len(self._kinds)), np.int8))
        return np.append(found, np.int32(NOBODY))

    def alias(self, names: npt.NDArray[np.int32], others: npt.NDArray[np.int32]) -> None:
        """Note that names stand for others; where either is not known, nothing."""
        known = (names >= 0) & (others >= 0) & (names != others)
        self._stands_for.append(np.column_stack([names[known], others[known]]))

    def resolve(self, leads: Iterable[int], same: Mapping[int, int]) -> tuple[npt.NDArray[np.int32], list[Quarrel]]:
        """For each name the number of the lead it leads to, or `NOBODY` or `OUT`, and one more -1; and the quarrels.

        `same` says of a lead which other one it is. A name of several leads leads to nobody.
        """
        found = np.full(len(self._index) + 1, NOBODY, np.int32)
        found[list(self.left_out - {NOBODY})] = OUT
        own = np.fromiter(leads, np.intp)
        found[own] = own
        if same:
            found[list(same)] = list(same.values())
        if not any(map(len, self._stands_for)):
            return found, []
        pairs = np.unique(np.concatenate(self._stands_for), axis=0)
        stands = np.zeros(len(found), bool)
        stands[pairs[:, 0]] = True
        # Nearly all stand for names that stand for no other.
        further = np.unique(pairs[stands[pairs[:, 1]], 0])
        chained = np.isin(pairs[:, 0], further)
        several = _at_once(found, pairs[~chained])
        if len(further):
            several += _in_chains(found, pairs[chained])
        names = self.names()
        return found, [Quarrel(names[name], _why([names[lead][1] for lead in known])) for name, known in several]


def _why(leads: list[str]) -> str:
    if not leads:
        return "stands for itself, by way of others"
    return f"stands for {len(leads)} leads: {', '.join(sorted(leads)[:3])}"


def _at_once(found: npt.NDArray[np.int32], pairs: Pairs) -> Several:
    """Lead names to what others, which are settled, lead to; those of several leads are given."""
    names, starts = np.unique(pairs[:, 0], return_index=True)
    if not len(names):
        return []
    ends = found[pairs[:, 1]]
    first = np.minimum.reduceat(np.where(ends >= 0, ends, np.iinfo(np.int32).max), starts)
    last = np.maximum.reduceat(ends, starts)
    out = np.minimum.reduceat(ends, starts) == OUT
    own = found[names]
    found[names] = np.select([last < 0, first == last], [np.where((own == NOBODY) & out, OUT, own), last], NOBODY)
    bounds = np.append(starts, len(pairs))
    unclear = np.flatnonzero((last >= 0) & (first != last)).tolist()
    return [(int(names[at]), np.unique(ends[bounds[at] : bounds[at + 1]]).tolist()) for at in unclear]


def _in_chains(found: npt.NDArray[np.int32], pairs: Pairs) -> Several:
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
