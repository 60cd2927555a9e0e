"""Who is who: ids, e-mails and devices, followed in chains to one lead each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# A kind of name, and the name.
Reference = tuple[str, str]
NOBODY = -1


class Quarrel(NamedTuple):
    """A name that leads to several leads, or back to itself."""

    name: Reference
    why: str


@dataclass
class People:
    """Names of people as whole numbers, and which name stands for which.

    Attributes
    ----------
    names : list of Reference
        Each name once; its position is its number.
    """

    names: list[Reference] = field(default_factory=list)
    quarrels: list[Quarrel] = field(default_factory=list)
    _numbers: dict[Reference, int] = field(default_factory=dict)
    _stands_for: dict[int, set[int]] = field(default_factory=dict)

    def number(self, name: Reference) -> int:
        """The number of a name."""
        found = self._numbers.setdefault(name, len(self.names))
        if found == len(self.names):
            self.names.append(name)
        return found

    def numbers(self, names: Iterable[Reference]) -> npt.NDArray[np.int32]:
        """The numbers of several names, and -1 behind them, for a code of -1."""
        return np.array([*map(self.number, names), NOBODY], np.int32)

    def alias(self, names: npt.NDArray[np.int32], others: npt.NDArray[np.int32]) -> None:
        """Note that names stand for others; where either is not known, nothing."""
        known = (names >= 0) & (others >= 0) & (names != others)
        for name, other in set(zip(names[known].tolist(), others[known].tolist(), strict=True)):
            self._stands_for.setdefault(name, set()).add(other)

    def resolve(self, leads: Iterable[int], same: dict[int, int]) -> npt.NDArray[np.int32]:
        """For each name the lead it leads to, as the lead's own number, or `NOBODY`; and one more -1.

        `same` says of a lead which other one it is. A name of several leads leads to nobody, and is in `quarrels`.
        """
        known, found = set(leads), np.full(len(self.names) + 1, NOBODY, np.int32)
        done: dict[int, int] = {}
        for number in range(len(self.names)):
            found[number] = self._follow(number, known, same, done)
        return found

    def _follow(self, start: int, leads: set[int], same: dict[int, int], done: dict[int, int]) -> int:
        # Chains may be longer than Python's stack.
        open_names, path = [start], set()
        while open_names:
            name = open_names[-1]
            if name in done:
                open_names.pop()
                continue
            others = self._stands_for.get(name, set())
            path.add(name)
            further = [other for other in others if other not in done and other not in path]
            if further:
                open_names += further
                continue
            ends = {done[other] for other in others if other in done} - {NOBODY}
            circle = not ends and any(other not in done for other in others)
            if circle and name not in leads:
                self.quarrels.append(Quarrel(self.names[name], "stands for itself, by way of others"))
            if len(ends) > 1:
                kinds = sorted(self.names[end][1] for end in ends)
                self.quarrels.append(Quarrel(self.names[name], f"stands for {len(ends)} leads: {', '.join(kinds[:3])}"))
            own = same.get(name, name) if name in leads else NOBODY
            done[name] = ends.pop() if len(ends) == 1 else NOBODY if ends else own
            open_names.pop()
            path.discard(name)
        return done[start]
