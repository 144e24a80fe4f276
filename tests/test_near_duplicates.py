"""The banded search finds exactly the pairs that comparing all with all finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.near_duplicates import blocks, hamming, near_pairs

hashes = st.integers(0, 2**64 - 1)


@st.composite
def families(draw) -> list[int]:
    """Different hashes, some of them a few bits apart."""
    found = set()
    for base in draw(st.lists(hashes, max_size=8)):
        found.add(base)
        for bits in draw(st.lists(st.sets(st.integers(0, 63), max_size=7), max_size=5)):
            found.add(base ^ sum(1 << bit for bit in bits))
    return sorted(found)


def brute(values: np.ndarray, within: int) -> set[tuple[int, int]]:
    plain = values.tolist()
    return {
        (i, j)
        for i, a in enumerate(plain)
        for j, b in enumerate(plain)
        if i < j and (a ^ b).bit_count() <= within
    }


@given(families(), st.integers(0, 8))
def test_finds_what_comparing_all_finds(values, within):
    values = np.array(values, dtype=np.uint64)
    got = near_pairs(values, within)
    found = list(zip(got.i.tolist(), got.j.tolist(), strict=True))
    assert len(found) == len(set(found))
    assert set(found) == brute(values, within)
    assert got.skipped == 0
    assert (got.distance == hamming(values[got.i], values[got.j])).all()


@given(families(), st.data())
def test_leaves_out_pairs_within_one_group(values, data):
    groups = [data.draw(st.integers(1, 7)) for _ in values]
    array = np.array(values, dtype=np.uint64)
    got = near_pairs(array, 4, np.array(groups, dtype=np.uint64))
    found = set(zip(got.i.tolist(), got.j.tolist(), strict=True))
    assert found == {(i, j) for i, j in brute(array, 4) if (groups[i] | groups[j]).bit_count() > 1}


@pytest.mark.parametrize("within", [0, 1, 4, 8])
def test_blocks_cover_all_bits_and_two_stay_whole(within):
    masks = blocks(within)
    assert len(masks) == (within + 2) * (within + 1) // 2
    assert np.bitwise_or.reduce(np.array(masks, dtype=np.uint64)) == np.uint64(2**64 - 1)


def test_a_crowded_bucket_is_told_of_and_does_not_explode():
    # 3,000 hashes that differ only in their last 12 bits: any two agree in most blocks
    values = np.arange(3000, dtype=np.uint64)
    got = near_pairs(values, 4, largest_bucket=500)
    assert got.skipped == 3000
    assert len(near_pairs(values[:400], 4, largest_bucket=500).i) == len(brute(values[:400], 4))


def test_many_hashes_are_searched_without_comparing_all():
    rng = np.random.default_rng(1)
    values = np.unique(rng.integers(0, 2**64, 200_000, dtype=np.uint64))
    twins = values[:500] ^ np.uint64(0b1011 << 20)
    both = np.concatenate([values, np.setdiff1d(twins, values)])
    got = near_pairs(both, 4)
    assert len(got.i) == 500
    assert (got.distance == 3).all()


def test_nothing_and_nonsense():
    assert len(near_pairs(np.empty(0, dtype=np.uint64), 4).i) == 0
    assert len(near_pairs(np.array([7], dtype=np.uint64), 4).i) == 0
    with pytest.raises(ValueError, match="0 to 16"):
        near_pairs(np.array([7], dtype=np.uint64), 17)
