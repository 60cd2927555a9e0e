"""Texts are found by their bytes, whatever they are and whatever stands beside them."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leadscore.tables.text_index import TextIndex

# Lengths around the eight bytes of a number and the 64 that are the most; what differs by zero bytes alone.
_TEXTS = st.one_of(
    st.sampled_from(
        ["", "a", "a\0", "a\0\0", "0" * 8, "0" * 9, "x" * 64, "x" * 65, "x" * 64 + "y", "é" * 32, "é" * 33]
    ),
    st.integers(0, 40).map("{:018d}".format),
    st.text(max_size=20),
    st.text("ab", min_size=60, max_size=70),
)
_KINDS = st.sampled_from([pa.string(), pa.large_string(), pa.string_view()])


@given(st.lists(_TEXTS, unique=True), st.lists(st.none() | _TEXTS), st.integers(0, 3), _KINDS)
@example(["x" * 65, "x" * 66], ["x" * 66, "x" * 65, "x" * 67], 0, pa.string())
def test_each_text_is_found_where_it_stands(held, wanted, cut, kind):
    found, expected = _found_and_expected(held, wanted, cut, kind)
    assert found == expected


@given(st.lists(_TEXTS, unique=True), st.lists(st.none() | _TEXTS), st.integers(0, 3), _KINDS)
@example(["a"], ["a\0", ""], 0, pa.string())
def test_texts_with_one_hash_are_told_apart(held, wanted, cut, kind):
    with pytest.MonkeyPatch.context() as patch:
        # All at the end of the table, so that the search goes on at its beginning.
        patch.setattr(TextIndex, "_slot", lambda index, words: np.full(len(words.hashed), index._last))  # noqa: SLF001 - the slot to be forced
        found, expected = _found_and_expected(held, wanted, cut, kind)
    assert found == expected


def _found_and_expected(held, wanted, cut, kind):
    wanted = [*held[::2], *wanted]
    found = TextIndex(pa.array(held, kind)).positions(pa.array(wanted, kind).slice(cut))
    return found.tolist(), [held.index(one) if one in held else -1 for one in wanted[cut:]]


def test_one_text_a_million_times_is_one_text():
    index = TextIndex(pa.array(["a"] * 1_000_000))
    assert [one >= 0 for one in index.positions(pa.array(["a", "b"])).tolist()] == [True, False]
