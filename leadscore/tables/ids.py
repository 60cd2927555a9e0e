"""The ids of leads, and which lead an id is of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadscore.base.text import as_text
from leadscore.base.times import is_text
from leadscore.sources.columns import distinct, positions_of
from leadscore.tables.text_index import TextIndex


class Ids:
    """The lead ids, and the position of each; `aliases` are the positions that other ids stand for."""

    def __init__(self, array: pa.Array, aliases: Mapping[str, int] | None = None) -> None:
        self.array, self._aliases = array, aliases or {}
        self.is_text = is_text(array.type)
        self._dense: npt.NDArray[np.int32] | None = None
        self._lowest = 0
        if not self.is_text and len(array):
            numbers = array.to_numpy(zero_copy_only=False)
            self._lowest, highest = int(numbers.min()), int(numbers.max())
            # Ids counted up by a database: a table of positions is ten times faster than hashing.
            if highest - self._lowest < 8 * len(numbers) + 1_000_000:
                self._dense = np.full(highest - self._lowest + 2, -1, np.int32)
                self._dense[numbers - self._lowest] = np.arange(len(numbers), dtype=np.int32)

    def __len__(self) -> int:
        return len(self.array)

    @cached_property
    def _numbers(self) -> pd.Index[Any]:
        return pd.Index(self.array.to_numpy(zero_copy_only=False))

    @cached_property
    def _texts(self) -> TextIndex:
        return TextIndex(self.array)

    def positions(self, array: pa.Array) -> npt.NDArray[np.int32]:
        """The position of each id among the leads; -1 where it is none of them or null."""
        found = self._own(array)
        if self._aliases and (found < 0).any():
            rows = np.flatnonzero(found < 0)
            codes, values = distinct(array.take(pa.array(rows)))
            found = found.copy()
            found[rows] = np.array([*(self._aliases.get(as_text(value), -1) for value in values), -1], np.int32)[codes]
        return found

    def _own(self, array: pa.Array) -> npt.NDArray[np.int32]:
        if self.is_text or is_text(array.type):
            return self._text_positions(array)
        if pa.types.is_floating(array.type) or array.null_count:
            found = np.full(len(array), -1, np.int32)
            known = array.is_valid().to_numpy(zero_copy_only=False)
            if pa.types.is_floating(array.type):
                numbers = array.to_numpy(zero_copy_only=False)
                known &= (np.abs(numbers) < 2**53) & (np.floor(numbers) == numbers)
            rows = pa.array(np.flatnonzero(known))
            found[known] = self._own(array.take(rows).cast(pa.int64()))
            return found
        numbers = array.cast(pa.int64()).to_numpy()
        if self._dense is not None:
            # The last place of the table belongs to no lead.
            return self._dense[np.clip(numbers - self._lowest, -1, len(self._dense) - 1)]
        return self._numbers.get_indexer(numbers).astype(np.int32)

    def _text_positions(self, array: pa.Array) -> npt.NDArray[np.int32]:
        if not pa.types.is_dictionary(array.type):
            return self._texts.positions(array)
        known = np.append(self._texts.positions(array.dictionary), np.int32(-1))
        return known[positions_of(array.indices)]
