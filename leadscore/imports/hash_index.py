"""Texts by 128 bits of hash: whether two are the same, and the number of each among very many."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

# (n, 2) numbers of 64 bits; that two of 20,000,000 texts have the same by chance happens once in 10**24.
Hashes = npt.NDArray[np.uint64]
KEYS = ("leadscore-key-01", "leadscore-key-02")
# So many are put into a new table at a time.
_STEP = 1 << 18


def hashed(texts: npt.NDArray[Any], kind: str) -> Hashes:
    """The hashes of texts of a kind; those of another kind have others."""
    own = np.array([kind], object)
    sides = [
        pd.util.hash_array(texts, hash_key=key, categorize=False) ^ pd.util.hash_array(own, hash_key=key[::-1])
        for key in KEYS
    ]
    return np.column_stack(sides)


class HashIndex:
    """Numbers of hashes in the order in which they first come.

    Open addressing with linear probing (Knuth, The Art of Computer Programming, 6.4), all a step at a time, in 22 to 32
    bytes a hash; Python's own dictionary of texts takes 300.
    """

    def __init__(self) -> None:
        self._count, self._held = 0, np.zeros((16, 2), np.uint64)
        self._table = np.full(32, -1, np.int32)

    def __len__(self) -> int:
        return self._count

    def numbers(self, hashes: Hashes) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
        """The number of each, and where each that is new stands first."""
        found, slot = self._find(hashes)
        new = np.flatnonzero(found < 0)
        if not len(new):
            return found, new
        if self._grown(self._count + len(new)):
            slot[new] = self._find(hashes[new])[1]
        number = self._count + np.arange(len(new), dtype=np.int32)
        self._held[number] = hashes[new]
        slot, rest = slot[new], np.arange(len(new))
        while len(rest):
            # Of the same in one go the first takes the slot, being written last.
            free = rest[self._table[slot[rest]] < 0][::-1]
            self._table[slot[free]] = number[free]
            there = self._table[slot[rest]]
            found[new[rest]] = there
            rest = rest[(self._held[there] != hashes[new[rest]]).any(axis=1)]
            slot[rest] = (slot[rest] + 1) & (len(self._table) - 1)
        first = found[new] == number
        place = self._count + np.cumsum(first, dtype=np.int32) - np.int32(1)
        self._table[slot[first]] = place[first]
        self._held[place[first]] = hashes[new[first]]
        found[new] = place[found[new] - self._count]
        self._count += int(first.sum())
        return found, new[first]

    def _find(self, hashes: Hashes) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
        """The number of each, or -1, and the slot at which that was seen."""
        last = len(self._table) - 1
        slot = (hashes[:, 0] & np.uint64(last)).astype(np.intp)
        found = self._table[slot]
        rest = np.flatnonzero((found >= 0) & (self._held[found] != hashes).any(axis=1))
        while len(rest):
            slot[rest] = (slot[rest] + 1) & last
            found[rest] = there = self._table[slot[rest]]
            rest = rest[(there >= 0) & (self._held[there] != hashes[rest]).any(axis=1)]
        return found, slot

    def _grown(self, count: int) -> bool:
        """Make room for so many; whether the slots are others now."""
        if count > len(self._held):
            # In place: a copy beside the old would be the most that an import ever holds.
            self._held.resize((max(count, len(self._held) * 5 // 4), 2), refcheck=False)
        if 3 * count <= 2 * len(self._table):
            return False
        self._table = np.full(2 ** (3 * count // 2).bit_length(), -1, np.int32)
        known, self._count = self._count, 0
        for start in range(0, known, _STEP):
            self.numbers(self._held[start : min(start + _STEP, known)].copy())
        return True
