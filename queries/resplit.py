"""New splits: whole subjects, stratified by class and group, in given ratios, the same for the same seed.

Images that must stay together (one subject's, one key's, copies and near-duplicates) make a unit. Units are
handed out greedily, the largest first, each to the split whose counts it brings nearest to their targets;
then single units move as long as that helps. After K. Sechidis, G. Tsoumakas, I. Vlahavas, "On the
stratification of multi-label data", ECML PKDD 2011, with groups in the place of single examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from queries import sqlfile
from queries.errors import UsageError
from queries.near_duplicates import near_pairs

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from queries.store import Store


#: Perceptual hashes that differ in at most so many bits are copies of one picture, as for the audit.
NEAR = 4

#: The image count weighs as much as this many classes: a split's size is what was asked for.
_SIZE_WEIGHT = 8.0
_ROUNDS = 4


@dataclass(frozen=True)
class Images:
    """The N images of a dataset in the order of their keys, with what a split is made by.

    `unit` (N) numbers what must stay together; `strata` (N, C) counts instances of classes and marks groups,
    named by `names` (C) as (kind, value).
    """

    image_id: np.ndarray
    key: np.ndarray
    subject: np.ndarray  # (N,) object, None where not recorded
    split: np.ndarray
    unit: np.ndarray
    strata: csr_array
    names: tuple[tuple[str, str], ...]
    near_pairs: np.ndarray  # (P, 2) places of images that are near-duplicates

    def __len__(self) -> int:
        return len(self.key)


def parse_ratios(text: str) -> dict[str, float]:
    """`train=.76,val=.09,test=.15` as shares that add up to 1. Raises UsageError for anything else."""
    ratios: dict[str, float] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        name = name.strip()
        try:
            share = float(value)
        except ValueError:
            share = float("nan")
        if not name or not equals or not 0 < share <= 1:
            raise UsageError(f"--ratios {text!r}: {part.strip()!r} is no NAME=SHARE with a share above 0")
        if name in ratios:
            raise UsageError(f"--ratios {text!r} names {name} twice")
        ratios[name] = share
    if abs(sum(ratios.values()) - 1) > 0.001:
        raise UsageError(f"--ratios {text!r} add up to {sum(ratios.values()):g}, expected 1")
    if len(ratios) < 2:
        raise UsageError(f"--ratios {text!r} names one split, expected at least two")
    total = sum(ratios.values())
    return {name: share / total for name, share in ratios.items()}


def load(store: Store, dataset: int, by: str, stratify: bool, group: str | None) -> Images:
    """Reads what a split is made by. `by` is subject or image; copies of an image stay together in both.

    Raises UsageError where subjects or a group are asked for and none is recorded.
    """
    from scipy.sparse import coo_array, csr_array  # noqa: PLC0415  scipy takes a while to load

    sql, cursor = sqlfile.statements("resplit.sql"), store.cursor()
    images = cursor.execute(sql["images"], {"dataset": dataset}).df()
    subject = images["subject"].astype(object).where(images["subject"].notna(), None).to_numpy()
    if by == "subject" and not images["subject"].notna().any():
        raise UsageError("--by subject: no image of the dataset names its subject; take --by image")
    ids = images["image_id"].to_numpy()
    by_id = np.argsort(ids)

    def places(wanted: np.ndarray) -> np.ndarray:
        return by_id[np.searchsorted(ids, wanted, sorter=by_id)]

    pairs = _near(images)
    links = [_same(images["key"]), _same(images["sha256"]), pairs]
    if by == "subject":
        links.append(_same(images["subject"]))
    names: list[tuple[str, str]] = []
    rows, columns, counts = [], [], []
    if stratify:
        found = cursor.execute(sql["labels"], {"dataset": dataset}).df()
        values, code = np.unique(found["label"].astype(str).to_numpy(), return_inverse=True)
        names += [("class", str(value)) for value in values]
        rows.append(places(found["image_id"].to_numpy()))
        columns.append(code)
        counts.append(found["instances"].to_numpy())
    if group is not None:
        found = cursor.execute(sql[group], {"dataset": dataset}).df()
        if set(found["value"]) <= {"not recorded"}:
            raise UsageError(f"--group {group}: no image of the dataset records it")
        values, code = np.unique(found["value"].astype(str).to_numpy(), return_inverse=True)
        rows.append(places(found["image_id"].to_numpy()))
        columns.append(code + len(names))
        counts.append(np.ones(len(ids), dtype=np.int64))
        names += [(group, str(value)) for value in values]
    shape = (len(ids), len(names))
    strata = csr_array(shape, dtype=np.int64)
    if rows:
        at = (np.concatenate(rows), np.concatenate(columns))
        strata = coo_array((np.concatenate(counts).astype(np.int64), at), shape=shape).tocsr()
    return Images(
        ids, images["key"].to_numpy(), subject, images["split"].to_numpy(), _units(len(ids), links), strata,
        tuple(names), pairs,
    )  # fmt: skip


def assign(images: Images, ratios: Mapping[str, float], seed: int) -> np.ndarray:
    """(N,) the new split of each image, as a place in `ratios`. Deterministic for a seed.

    Units that hold the very same are interchangeable: they are dealt out by the ratios at once, and only
    what is left over is weighed one by one; so a million single images take seconds.
    """
    from scipy.sparse import csr_array, hstack  # noqa: PLC0415

    shares = np.array(list(ratios.values()))
    count = int(images.unit.max()) + 1
    member = csr_array(
        (np.ones(len(images), dtype=np.int64), (images.unit, np.arange(len(images)))), (count, len(images))
    )
    sizes = csr_array(np.bincount(images.unit, minlength=count).reshape(-1, 1))
    content = csr_array(hstack([sizes, member @ images.strata]))
    totals = np.asarray(content.sum(axis=0)).ravel().astype(float)
    weight = 1 / np.maximum(totals, 1) ** 2
    weight[0] *= _SIZE_WEIGHT * max(1, len(totals) - 1) / 8
    rng = np.random.default_rng(seed)
    order = rng.permutation(count)
    given = np.full(count, -1)
    rest = _deal(content, order, shares, given, rng)
    dealt = np.flatnonzero(given >= 0)
    state = _State(content, totals, weight, shares, given)
    if len(dealt):
        state.add_all(dealt)
    heavy = content[rest].multiply(np.sqrt(weight)[None, :]).power(2).sum(axis=1)
    for unit in rest[np.argsort(-np.asarray(heavy).ravel(), kind="stable")]:
        state.place(int(unit))
    for _ in range(_ROUNDS):
        if not state.improve(rest):
            break
    return given[images.unit]


def _deal(
    content: csr_array, order: np.ndarray, shares: np.ndarray, given: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Deals out units that hold the same by the ratios, rounded down; returns those that are left over."""
    # equal rows have equal sums under random weights, and others hardly ever
    mark = content @ rng.integers(1, 2**40, content.shape[1])
    mark = mark[order]
    by_mark = np.argsort(mark, kind="stable")
    edges = np.flatnonzero(np.diff(mark[by_mark], prepend=mark[by_mark][0] - 1))
    rest = []
    for start, stop in zip(edges, [*edges[1:], len(order)], strict=True):
        alike = order[by_mark[start:stop]]
        whole = np.floor(len(alike) * shares).astype(int)
        given[alike[: whole.sum()]] = np.repeat(np.arange(len(shares)), whole)
        rest.append(alike[whole.sum() :])
    return np.concatenate(rest)


class _State:
    """Counts by split so far, and what a unit more in each would cost: (S, C) against targets (S, C)."""

    def __init__(
        self,
        content: csr_array,
        totals: np.ndarray,
        weight: np.ndarray,
        shares: np.ndarray,
        given: np.ndarray,
    ):
        self.content, self.given = content, given
        self.over = -np.outer(shares, totals)  # counts less targets
        # an error counts by the share of the split that it makes: small splits are as exact as large ones
        self.weight = weight[None, :] / shares[:, None]

    def add_all(self, units: np.ndarray) -> None:
        for split in range(len(self.over)):
            mine = units[self.given[units] == split]
            self.over[split] += np.asarray(self.content[mine].sum(axis=0)).ravel()

    def place(self, unit: int) -> None:
        at, values = self._row(unit)
        split = int(np.argmin(self._cost(at, values)))
        self.given[unit] = split
        self.over[split, at] += values

    def improve(self, units: np.ndarray) -> bool:
        """Moves units to where they cost less; whether any moved."""
        moved = False
        for unit in units:
            at, values = self._row(int(unit))
            now = self.given[unit]
            self.over[now, at] -= values
            cost = self._cost(at, values)
            best = int(np.argmin(cost))
            if cost[best] >= cost[now] - 1e-15:
                best = now
            moved |= best != now
            self.given[unit] = best
            self.over[best, at] += values
        return moved

    def _row(self, unit: int) -> tuple[np.ndarray, np.ndarray]:
        start, stop = self.content.indptr[unit], self.content.indptr[unit + 1]
        return self.content.indices[start:stop], self.content.data[start:stop]

    def _cost(self, at: np.ndarray, values: np.ndarray) -> np.ndarray:
        return (self.weight[:, at] * values * (2 * self.over[:, at] + values)).sum(axis=1)


def _units(count: int, links: list[np.ndarray]) -> np.ndarray:
    """(N,) the number of the connected component of each image, links being pairs of places (P, 2)."""
    from scipy.sparse import coo_array  # noqa: PLC0415
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    pairs = np.concatenate([link for link in links if len(link)] or [np.empty((0, 2), dtype=np.int64)])
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), (count, count))
    return connected_components(graph.tocsr(), directed=False)[1].astype(np.int64)


def _same(values) -> np.ndarray:
    """Pairs of places that hold the same value, each beside the next; NULL is the same as nothing."""
    places = np.flatnonzero(values.notna().to_numpy())
    codes = values.iloc[places].factorize()[0]
    order = np.argsort(codes, kind="stable")
    alike = np.flatnonzero(np.diff(codes[order]) == 0)
    return np.stack([places[order[alike]], places[order[alike + 1]]], axis=1)


def _near(images) -> np.ndarray:
    """Pairs of places whose perceptual hashes are near; one place of each hash stands for its copies."""
    measured = np.flatnonzero(images["phash"].notna().to_numpy())
    if not len(measured):
        return np.empty((0, 2), dtype=np.int64)
    hashes = images["phash"].iloc[measured].to_numpy(dtype=np.uint64)
    distinct, first = np.unique(hashes, return_index=True)
    found = near_pairs(distinct, NEAR)
    across = np.stack([measured[first[found.i]], measured[first[found.j]]], axis=1)
    equal = _same(images["phash"])
    return np.concatenate([equal, across])
