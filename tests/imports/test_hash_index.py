"""Numbers of texts by their hashes: those of a dictionary of Python's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leadscore.imports.hash_index import HashIndex, hashed

# Few values, so that hashes have a half in common, stand at one slot, and come again.
HASHES = st.tuples(st.integers(0, 70), st.integers(0, 2)).map(lambda pair: (pair[0] * 2**60 % 2**64 + pair[0], pair[1]))


@given(st.lists(st.lists(HASHES, max_size=60), max_size=6))
def test_numbers_are_those_of_a_dictionary(batches):
    index, known = HashIndex(), {}
    for batch in batches:
        before = len(known)
        right = [known.setdefault(one, len(known)) for one in batch]
        found, new = index.numbers(np.array(batch, np.uint64).reshape(-1, 2))
        assert found.tolist() == right
        assert [batch[row] for row in new] == [*known][before:]
        assert len(index) == len(known)


def test_it_grows_with_what_it_holds():
    index = HashIndex()
    rng = np.random.default_rng(7)
    hashes = rng.integers(0, 2**63, (50_000, 2)).astype(np.uint64)
    for start in range(0, len(hashes), 999):
        index.numbers(hashes[start : start + 999])
    found, new = index.numbers(hashes)
    assert (found == np.arange(len(hashes))).all()
    assert not len(new)


def test_texts_of_another_kind_are_others():
    texts = np.array(["a", "b", "ab"], object)
    one, other = hashed(texts, "id"), hashed(texts, "email")
    assert len({*map(tuple, one.tolist()), *map(tuple, other.tolist())}) == 6
    assert (one == hashed(texts.copy(), "id")).all()
    assert hashed(texts[:0], "id").shape == (0, 2)
