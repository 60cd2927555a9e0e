"""Where a text stands among many others: hashing in numpy, several times faster than Python's texts one by one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_Numbers = npt.NDArray[np.uint64]

# Longer texts are no ids of a CRM; Python looks after them.
_LONGEST = 64
# Odd, without a pattern in its bits: 2**64 over the golden ratio (Knuth, The Art of Computer Programming, 6.4).
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_NONE = np.uint64(2**64 - 1)
_KEPT = np.array([2 ** (8 * number) - 1 for number in range(9)], np.uint64)


class TextIndex:
    """The positions of texts in an array; of one that stands there twice, either.

    Open addressing with linear probing (Knuth, 6.4), all rows a step at a time; equal are texts of the same bytes.
    """

    def __init__(self, texts: pa.Array) -> None:
        words = _words(texts)
        self._long = {texts[row].as_py(): row for row in words.long.tolist()}
        # What stands at -1 is as long as no text is.
        self._parts = [np.append(part, _NONE) for part in words.parts]
        bits = (4 * len(texts) + 16).bit_length()
        self._shift, self._last = np.uint64(64 - bits), 2**bits - 1
        self._table = np.full(2**bits, -1, np.int32)
        slot, rest = self._slot(words), np.arange(len(texts), dtype=np.int32)
        while len(rest):
            here = slot[rest]
            free = self._table[here] < 0
            self._table[here[free]] = rest[free]
            rest = rest[~self._equal(self._table[here], words, rest)]
            slot[rest] = (slot[rest] + 1) & self._last

    def positions(self, texts: pa.Array) -> npt.NDArray[np.int32]:
        """(n_texts,) the position of each; -1 where it is none of them or null."""
        words = _words(texts)
        slot = self._slot(words)
        found = self._table.take(slot)
        rest = np.flatnonzero(~self._equal(found, words) & (found >= 0))
        while len(rest):
            slot[rest] = (slot[rest] + 1) & self._last
            found[rest] = there = self._table.take(slot[rest])
            rest = rest[~self._equal(there, words, rest) & (there >= 0)]
        found[words.long] = [self._long.get(texts[row].as_py(), -1) for row in words.long.tolist()]
        if texts.null_count:
            found[texts.is_null().to_numpy(zero_copy_only=False)] = -1
        return found

    def _slot(self, words: _Words) -> npt.NDArray[np.int64]:
        return (words.hashed >> self._shift).astype(np.int64)

    def _equal(
        self, there: npt.NDArray[np.int32], words: _Words, rows: npt.NDArray[Any] | slice = slice(None)
    ) -> npt.NDArray[np.bool_]:
        """Where the texts at some positions are those of some rows."""
        equal = np.ones(len(there), bool)
        for mine, its in zip(self._parts, words.parts, strict=False):
            equal &= mine.take(there, mode="wrap") == its[rows]
        return equal


class _Words(NamedTuple):
    """Texts as numbers.

    Attributes
    ----------
    parts : list of (n_texts,) uint64
        The lengths, and eight bytes at a time up to the longest; 0 behind the end of a text.
    hashed : (n_texts,) uint64
    long : (n_long,) the rows of texts that are too long for it
    """

    parts: list[_Numbers]
    hashed: _Numbers
    long: npt.NDArray[np.intp]


def hashed(texts: pa.Array) -> _Numbers:
    """(n_texts,) a number for each, the same for the same text wherever it stands; of nulls any."""
    return _words(texts).hashed


def _words(texts: pa.Array) -> _Words:
    texts = texts.cast(pa.large_string())
    _, offsets, data = texts.buffers()
    ends = (
        np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
        if len(texts)
        else np.zeros(1, np.int64)
    )
    length = np.diff(ends)
    held = np.zeros(int(ends[-1] - ends[0]) + 8, np.uint8)
    if data is not None:
        held[:-8] = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
    start, most = ends[:-1] - ends[0], int(length.max(initial=0))
    alike = length.min(initial=most) == most
    parts, hashed = [length.astype(np.uint64)], length.astype(np.uint64) * _FACTOR
    for at in range(0, min(most, _LONGEST), 8):
        if alike:
            part = np.ndarray(len(texts), "<u8", held, at, (most,)) & _KEPT[min(most - at, 8)]
        else:
            left = np.clip(length - at, 0, 8)
            part = np.ndarray(len(held) - 7, "<u8", held, 0, (1,))[np.where(left, start + at, 0)] & _KEPT[left]
        mixed = (hashed ^ part) * _FACTOR
        mixed ^= mixed >> np.uint64(32)
        # A text has the same number whatever stands beside it.
        hashed = mixed if alike else np.where(left, mixed, hashed)
        parts.append(part)
    return _Words(parts, hashed * _FACTOR, np.flatnonzero(length > _LONGEST))
