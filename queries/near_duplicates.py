"""Finds all pairs of 64-bit hashes that differ in few bits, without comparing all pairs.

If two hashes differ in at most k bits, then of k + 2 blocks of bits at least two are equal in both (the
pigeonhole principle). So for each choice of two blocks the hashes are sorted by those, and only neighbours
that agree there are compared: for k = 4, fifteen sorts by 21 or 22 bits.

Source: G. S. Manku, A. Jain, A. D. Sarma, "Detecting near-duplicates for web crawling", WWW 2007, 141–150;
M. Norouzi, A. Punjani, D. J. Fleet, "Fast search in Hamming space with multi-index hashing", CVPR 2012.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

BITS = 64

#: The most hashes that may agree in two blocks and still be compared with one another. A million different
#: hashes share 21 bits by twos and threes; thousands that do are pictures of nothing (blank, a logo, noise).
LARGEST_BUCKET = 4096


@dataclass(frozen=True)
class Pairs:
    """Pairs of places in the array that was searched, i < j, each once, and how many bits they differ in."""

    i: np.ndarray  # (P,) int
    j: np.ndarray  # (P,) int
    distance: np.ndarray  # (P,) int
    skipped: int  # hashes that stood in a bucket too large to be compared; 0: all pairs were found


def hamming(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How many bits differ, element by element, of two arrays of uint64."""
    return np.bitwise_count(np.bitwise_xor(first, second)).astype(np.int64)


def blocks(within: int) -> list[tuple[int, ...]]:
    """The pairs of blocks (as bit masks of uint64) of which any two hashes that near agree in one."""
    edges = np.linspace(0, BITS, within + 3).round().astype(int)
    masks = [((1 << int(b)) - 1) ^ ((1 << int(a)) - 1) for a, b in pairwise(edges)]
    return [a | b for a, b in combinations(masks, 2)]


def near_pairs(
    hashes: np.ndarray,
    within: int,
    groups: np.ndarray | None = None,
    largest_bucket: int = LARGEST_BUCKET,
) -> Pairs:
    """All pairs of `hashes` (N, uint64, each different) that differ in at most `within` bits (0 to 16).

    `groups` (N, uint64) gives for each the set of groups it occurs in, a bit each; pairs that lie in one and
    the same single group are left out. What shares two blocks with more than `largest_bucket` others is not
    compared there, and `skipped` counts it. Raises ValueError for a distance outside 0 to 16.
    """
    if not 0 <= within <= 16:
        raise ValueError(f"a distance of {within} bits; 0 to 16 can be searched")
    hashes = np.ascontiguousarray(hashes, dtype=np.uint64)
    found: list[np.ndarray] = []
    skipped = np.zeros(len(hashes), dtype=bool)
    for mask in blocks(within):
        part = hashes & np.uint64(mask)
        order = np.argsort(part, kind="stable")
        key, value = part[order], hashes[order]
        group = groups[order] if groups is not None else None
        active = np.flatnonzero(key[1:] == key[:-1])
        if not len(active):
            continue
        too_many = _crowded(key, largest_bucket)
        skipped[order[too_many]] = True
        active = active[~too_many[active]]
        step = 1
        while len(active):
            near = hamming(value[active], value[active + step]) <= within
            if group is not None:
                both = group[active] | group[active + step]
                near &= (both & (both - np.uint64(1))) != 0
            at = active[near]
            if len(at):
                found.append(np.sort(np.stack([order[at], order[at + step]], axis=1), axis=1))
            step += 1
            active = active[active + step < len(key)]
            active = active[key[active] == key[active + step]]
    pairs = np.unique(np.concatenate(found), axis=0) if found else np.empty((0, 2), dtype=np.int64)
    i, j = pairs[:, 0], pairs[:, 1]
    return Pairs(i, j, hamming(hashes[i], hashes[j]), int(skipped.sum()))


def _crowded(key: np.ndarray, largest: int) -> np.ndarray:
    """Which of the sorted keys stand in a run longer than `largest`."""
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    lengths = np.diff(np.append(starts, len(key)))
    return np.repeat(lengths > largest, lengths)
