"""Which bucket an id belongs to: the same in every table, whichever way its column writes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from leadscore.base.times import is_text
from leadscore.sources.columns import positions_of
from leadscore.tables.text_index import hashed

# Odd, without a pattern in its bits: 2**64 over the golden ratio (Knuth, The Art of Computer Programming, 6.4).
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
# From there on floating-point numbers are no ids.
_EXACT = 2**53


def buckets_of(ids: pa.Array, buckets: int, *, as_text: bool) -> npt.NDArray[np.uint16]:
    """(n_ids,) the bucket of each id, as `plain_ids` gives them; ids that `Ids` takes for one have one bucket.

    Parameters
    ----------
    ids : array of text or numbers
    buckets : int
    as_text : bool
        Whether ids are text in any of the tables: 7 and "7" are then one id.

    Examples
    --------
    >>> numbers, texts = pa.array([7, 8, 12]), pa.array(["7", "8", "12"])
    >>> bool((buckets_of(numbers, 4, as_text=True) == buckets_of(texts, 4, as_text=True)).all())
    True
    """
    return ((_numbers(ids, as_text=as_text) >> _HALF) % np.uint64(buckets)).astype(np.uint16)


def _numbers(ids: pa.Array, *, as_text: bool) -> npt.NDArray[np.uint64]:
    if pa.types.is_dictionary(ids.type):
        own = _numbers(ids.dictionary, as_text=as_text)
        return np.append(own, np.uint64(0))[positions_of(ids.indices)]
    if is_text(ids.type):
        # Beside numbers only ids of no lead are text: a column without any value.
        return hashed(ids) if as_text else np.zeros(len(ids), np.uint64)
    if pa.types.is_floating(ids.type):
        return _of_floats(ids, as_text=as_text)
    if as_text:
        return hashed(ids.cast(pa.large_string()))
    mixed = ids.fill_null(0).to_numpy(zero_copy_only=False).astype(np.uint64) * _FACTOR
    mixed ^= mixed >> _HALF
    return mixed * _FACTOR


def _of_floats(ids: pa.Array, *, as_text: bool) -> npt.NDArray[np.uint64]:
    """Whole numbers as such; any other is the id of a lead only where ids are text, as Arrow writes it."""
    numbers: npt.NDArray[Any] = ids.fill_null(np.nan).to_numpy(zero_copy_only=False)
    whole = (np.abs(numbers) < _EXACT) & (np.floor(numbers) == numbers)
    found = hashed(ids.cast(pa.large_string())) if as_text else np.zeros(len(ids), np.uint64)
    found[whole] = _numbers(pa.array(numbers[whole].astype(np.int64)), as_text=as_text)
    return found
