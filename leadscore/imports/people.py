"""Who is who: ids, e-mails and devices, followed in chains to one lead each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

# A kind of name, and the name.
Reference = tuple[str, str]
# What a name leads to that leads to no lead: to none that is known, or to one that the file leaves out.
NOBODY, OUT = -1, -2


class Quarrel(NamedTuple):
    """A name that leads to several leads, or back to itself."""

    name: Reference
    why: str


@dataclass
class People:
    """Names of people as whole numbers, and which name stands for which.

    Attributes
    ----------
    left_out : set of int
        Numbers of leads that the file leaves out.
    """

    left_out: set[int] = field(default_factory=set)
    _numbers: dict[Reference, int] = field(default_factory=dict)
    _stands_for: set[tuple[int, int]] = field(default_factory=set)

    def names(self) -> list[Reference]:
        """Each name once; its position is its number."""
        return list(self._numbers)

    def numbers(self, names: Iterable[Reference]) -> npt.NDArray[np.int32]:
        """The numbers of several names, and -1 behind them, for a code of -1."""
        known = self._numbers
        return np.array([*(known.setdefault(name, len(known)) for name in names), NOBODY], np.int32)

    def alias(self, names: npt.NDArray[np.int32], others: npt.NDArray[np.int32]) -> None:
        """Note that names stand for others; where either is not known, nothing."""
        known = (names >= 0) & (others >= 0) & (names != others)
        self._stands_for.update(zip(names[known].tolist(), others[known].tolist(), strict=True))

    def resolve(self, leads: set[int], same: Mapping[int, int]) -> tuple[npt.NDArray[np.int32], list[Quarrel]]:
        """For each name the number of the lead it leads to, or `NOBODY` or `OUT`, and one more -1; and the quarrels.

        `same` says of a lead which other one it is. A name of several leads leads to nobody.
        """
        names = self.names()
        found = np.full(len(names) + 1, NOBODY, np.int32)
        found[list(self.left_out - {NOBODY})] = OUT
        found[list(leads)] = [same.get(lead, lead) for lead in leads]
        if not self._stands_for:
            return found, []
        pairs = np.array(sorted(self._stands_for))
        graph = csr_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(names), len(names)))
        # Names that stand for each other are one.
        circle = connected_components(graph, connection="strong")[1].tolist()
        inside: dict[int, list[int]] = {}
        for name in np.unique(pairs).tolist():
            inside.setdefault(circle[name], []).append(name)
        further: dict[int, set[int]] = {place: set() for place in inside}
        for name, other in pairs.tolist():
            further[circle[name]] |= {circle[other]} - {circle[name]}
        ends: dict[int, int] = {}
        quarrels: list[Quarrel] = []
        for place in TopologicalSorter(further).static_order():
            beyond, own = {ends[one] for one in further[place]}, {int(found[name]) for name in inside[place]}
            known = (beyond - {NOBODY, OUT}) or (own - {NOBODY, OUT})
            if len(known) > 1 or (len(inside[place]) > 1 and not known | beyond & {OUT} | own & {OUT}):
                shown = ", ".join(sorted(names[lead][1] for lead in known)[:3])
                why = f"stands for {len(known)} leads: {shown}" if known else "stands for itself, by way of others"
                quarrels += [Quarrel(names[name], why) for name in inside[place]]
            ends[place] = known.pop() if len(known) == 1 else OUT if not known and OUT in beyond | own else NOBODY
            found[inside[place]] = ends[place]
        return found, quarrels
