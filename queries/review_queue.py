"""What a reviewer goes through: findings, a filter or a random sample, split over several reviewers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from queries.filters import Filters
from queries.reviews.model import REJECTING, Decision
from queries.statistics import wilson
from queries.store import Store

KINDS = {
    "findings": "Findings",
    "filter": "All that is selected",
    "sample": "Random sample per class",
}
MAX_REVIEWERS = 50
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Asked:
    """A queue in words that fit a link: the same words give everybody the same items in the same order.

    `check` narrows the findings to one check's; `margin` and `seed` are the sample's. The queue is shared
    among `of` reviewers, of whom this is number `part` (from 1); the share `overlap` goes to two of them.
    """

    kind: str = "findings"
    check: str | None = None
    margin: float = 0.1
    seed: int = 0
    of: int = 1
    part: int = 1
    overlap: float = 0.0


@dataclass(frozen=True, eq=False)
class Queue:
    """Items in the order they are judged.

    `items` (N,) are annotation ids, or minus the id of an image that is judged as a whole; `shown` (N,) are
    the records themselves, another only where an id was given twice. `labels` (N) are a sample's classes,
    `drawn` their (sample, population).
    """

    items: np.ndarray
    shown: np.ndarray
    findings: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    drawn: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def _order(self) -> np.ndarray:
        return np.argsort(self.items, kind="stable")

    def places(self, items: Iterable[int]) -> np.ndarray:
        """The places, from 0 and in order, of those of the items that are in the queue."""
        wanted = np.fromiter(items, dtype=np.int64)
        if not len(wanted) or not len(self.items):
            return np.empty(0, dtype=np.int64)
        at = np.searchsorted(self.items, wanted, sorter=self._order)
        found = self._order[np.minimum(at, len(self.items) - 1)]
        return np.unique(found[self.items[found] == wanted])

    def place(self, item: int) -> int | None:
        """The place of one item, None where it is not in the queue."""
        found = self.places([item])
        return int(found[0]) if len(found) else None

    def next_open(self, done: np.ndarray, after: int | None = None) -> int | None:
        """The place of the first item that is not `done` (places), after a place, then from the beginning."""
        start = 0 if after is None else after + 1
        is_done = np.zeros(len(self), dtype=bool)
        is_done[done] = True
        still = np.flatnonzero(~is_done)
        if not len(still):
            return None
        later = still[np.searchsorted(still, start) :]
        return int(later[0]) if len(later) else int(still[0])


def sample_size(population: int, margin: float, share: float = 0.5) -> int:
    """How many of `population` to judge for a 95 % interval of a share that is ± `margin` wide or less.

    n₀ = z² p (1 − p) ÷ e² with p = ½ as the worst case, and the correction for a finite population
    n = n₀ ÷ (1 + (n₀ − 1) ÷ N). Source: W. G. Cochran, Sampling Techniques, 3rd ed. (1977) 75–76.
    Raises ValueError unless 0 < margin < 1.
    """
    if not 0 < margin < 1:
        raise ValueError(f"the margin is {margin}, expected a share between 0 and 1")
    if population <= 0:
        return 0
    endless = _Z95**2 * share * (1 - share) / margin**2
    # the least whole number; floating point must not make 97 of 96.00000001
    return min(population, math.ceil(endless / (1 + (endless - 1) / population) - 1e-9))


def mine(hashes: np.ndarray, asked: Asked) -> np.ndarray:
    """Which items (N,), by the hashes (N,) of their names, are this reviewer's.

    Every item is somebody's, and without overlap nobody else's. The share `overlap` is given to a second,
    other reviewer too; who that is hangs on the hash as well.
    """
    if asked.of <= 1:
        return np.ones(len(hashes), dtype=bool)
    h = hashes.astype(np.uint64)
    low, high = h & np.uint64(0xFFFFFFFF), h >> np.uint64(32)
    first = low % np.uint64(asked.of)
    step = np.uint64(1) + (low // np.uint64(asked.of)) % np.uint64(asked.of - 1)
    other = (first + step) % np.uint64(asked.of)
    twice = high < np.uint64(min(max(asked.overlap, 0.0), 1.0) * 2**32)
    me = np.uint64(asked.part - 1)
    return (first == me) | (twice & (other == me))


def build(store: Store, f: Filters, asked: Asked) -> Queue:
    """The items of a queue that are this reviewer's, under the filters."""
    if asked.kind == "sample":
        return _sample(store, f, asked)
    if asked.kind == "filter":
        frame = store.frame("review_records", f=f.struct(), of=asked.of)
    else:
        frame = store.frame("review_findings", f=f.struct(), check=asked.check)
    frame = frame[mine(frame["hash"].to_numpy(), asked)]
    items = frame["item"].to_numpy(dtype=np.int64)
    if asked.kind == "filter":
        return Queue(items, items)
    return Queue(items, frame["shown"].to_numpy(dtype=np.int64), tuple(frame["finding_key"]))


def _sample(store: Store, f: Filters, asked: Asked) -> Queue:
    classes = store.frame("review_classes", f=f.struct())
    sizes = {
        label: (sample_size(int(n), asked.margin), int(n))
        for label, n in zip(classes["label"], classes["records"], strict=True)
    }
    frame = store.frame(
        "review_sample", f=f.struct(), seed=asked.seed, labels=list(sizes),
        sizes=[size for size, _ in sizes.values()], bounds=[upper_bound(*size) for size in sizes.values()],
    )  # fmt: skip
    frame = frame[mine(frame["hash"].to_numpy(), asked)]
    items = frame["item"].to_numpy(dtype=np.int64)
    return Queue(items, items, labels=tuple(frame["label"]), drawn=sizes)


def upper_bound(size: int, population: int) -> int:
    """A number that the least `size` of `population` evenly spread 64-bit numbers do not exceed.

    It leaves room for eight standard deviations of how many lie below it.
    """
    share = (size + 8 * math.sqrt(size) + 30) / population
    return 2**64 - 1 if share >= 1 else int(share * 2**64)


@dataclass(frozen=True)
class Quality:
    """What a sample says of one class: of `judged` records `bad_label` have a wrong class, `bad` are wrong
    in any way. `unsure` ones are counted apart."""

    label: str
    population: int
    sample: int
    judged: int
    unsure: int
    bad_label: int
    bad: int

    def interval(self, count: int) -> tuple[float, float]:
        """The 95 % interval of the share that `count` has of the judged, a sample without replacement.

        Wilson's, of as many observations as an endless class would need for the same variance: n (N − 1) ÷
        (N − n); of all N there is nothing left to estimate. Source: W. G. Cochran, Sampling Techniques, 3rd
        ed. (1977), 24, the correction that `sample_size` counts on.
        """
        if not self.judged:
            return 0.0, 1.0
        if self.judged >= self.population:
            return count / self.judged, count / self.judged
        factor = (self.population - 1) / (self.population - self.judged)
        return wilson(count * factor, self.judged * factor)


def quality(
    drawn: Mapping[str, tuple[int, int]], judged: Iterable[tuple[str, Iterable[Decision]]]
) -> list[Quality]:
    """For each class what its sample says. `judged` has, for each record, its class in the sample and its
    standing decisions: what most of those who were sure say counts, a tie counts as unsure."""
    tally = {label: [0, 0, 0, 0] for label in drawn}
    for label, decisions in judged:
        verdicts = [d.verdict for d in decisions]
        if label not in tally or not verdicts:
            continue
        good, wrong = verdicts.count("good"), sum(v in REJECTING for v in verdicts)
        relabel, sure = verdicts.count("bad label"), good + wrong
        counts = tally[label]
        if good == wrong:
            counts[1] += 1
            continue
        counts[0] += 1
        counts[2] += 2 * relabel > sure
        counts[3] += wrong > good
    return [
        Quality(label, population, sample, *tally[label]) for label, (sample, population) in drawn.items()
    ]
