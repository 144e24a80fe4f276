"""Finds people whose left and right are exchanged, by what the dataset itself shows to be normal.

Most labels are right. So copies of the figures are made with sides exchanged (the whole body, the arms, the
legs), and for each kind a classifier learns to tell copies from originals, in folds of whole groups (subjects
or images): it is asked only about figures that it has not seen. p(swapped) of a labelling is the largest of
the kinds' probabilities; the score of a figure is p(swapped | as labelled) − p(swapped | swapped back), with
the kind of exchange that leaves the least suspicion. A back that is labelled rightly looks like other backs,
its exchanged copy like a front whose face is missing: nobody has to tell the classifier. Where no joint of
the face is labelled at all, the whole body is not judged, its limbs are.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from queries import swap_features
from queries.swap_features import KINDS, Figures

if TYPE_CHECKING:
    from queries.poses import Poses

FOLDS = 5
CHUNK = 5_000  # figures whose features are made at a time: some 20 MB of float64 a thread
#: Figures that the classifiers learn from; more of them make it slower, not noticeably better.
MOST_TO_LEARN = 4_000
#: Figures in which a kind could be told, without which nothing is learned of that kind.
FEWEST_TO_LEARN = 20
TREES = 120
_SEED = 2024

#: rows of features → p(copy) of each
_Model = Callable[[np.ndarray], np.ndarray]
_Models = dict[str, _Model]
_Columns = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Swaps:
    """What is said of M judged poses: `row` of `Poses`; `score` (M,) from -1 to 1; `kind` (M,) numbers KINDS;
    `p_labelled`, `p_back` are p(swapped) as labelled and with that kind exchanged back. `learned` names the
    kinds of which there were enough figures to learn; of others nothing is said.
    """

    row: np.ndarray
    score: np.ndarray
    kind: np.ndarray
    p_labelled: np.ndarray
    p_back: np.ndarray
    learned: frozenset[str]


def usable(poses: Poses) -> np.ndarray:
    """The rows that can be judged: no crowd regions, and some kind of exchange could be told."""
    if swap_features.slots(poses) is None:
        return np.empty(0, dtype=np.int64)
    kept = [np.empty(0, dtype=np.int64)]
    for start in range(0, len(poses), 50_000):
        rows = np.arange(start, min(start + 50_000, len(poses)))
        given = swap_features.figures(poses, rows)
        told = np.any([given.open_to(kind) for kind in KINDS], axis=0)
        kept.append(rows[told & ~poses.crowd[rows]])
    return np.concatenate(kept)


def learned(poses: Poses, rows: np.ndarray, least: float = -1.0, to_learn: int = MOST_TO_LEARN) -> Swaps:
    """Judges the poses of these rows by classifiers that learn from (a sample of) the same rows.

    Poses whose score cannot reach `least` are left out of the answer. The same poses give the same answer.
    Raises ValueError where the rows are of fewer than two groups: none could be judged by what others show.
    """
    fold = _folds(poses.group[rows])
    if fold.max(initial=0) < 1:
        raise ValueError("all poses are of one subject or image")
    sample = _sample(len(rows), to_learn)
    taught = swap_features.figures(poses, rows[sample])
    original = swap_features.rows_of(taught)
    copies = {kind: (taught.open_to(kind), swap_features.rows_of(taught.exchanged(kind))) for kind in KINDS}
    found, kinds = [], set()
    for number in range(fold.max() + 1):
        others = fold[sample] != number
        models = {
            kind: _fit(original[others & told], copy[others & told])
            for kind, (told, copy) in copies.items()
            if (others & told).sum() >= FEWEST_TO_LEARN
        }
        kinds |= set(models)
        found += _judged(poses, rows[fold == number], models, least)
    columns = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    return Swaps(*(column[order] for column in columns), frozenset(kinds))


def _folds(group: np.ndarray) -> np.ndarray:
    """(N,) the fold of each row: a group is in one fold as a whole."""
    _, number = np.unique(group, return_inverse=True)
    count = number.max(initial=-1) + 1
    shuffled = np.random.default_rng(_SEED).permutation(count)
    return (shuffled % min(FOLDS, max(count, 1)))[number]


def _sample(count: int, most: int) -> np.ndarray:
    """Places of the rows to learn from, at most `most`, at random, in order."""
    return np.sort(np.random.default_rng(_SEED + 1).permutation(count)[:most])


def _fit(given: np.ndarray, exchanged: np.ndarray) -> _Model:
    """Learns copies from originals; the answer gives p(copy) of rows of features."""
    from sklearn.ensemble import ExtraTreesClassifier  # noqa: PLC0415  heavy: only when a check runs

    x = np.concatenate([given, exchanged])
    # a column without numbers (a skeleton without a face) tells nothing and only costs
    told = np.isfinite(x).any(axis=0)
    y = np.repeat([0, 1], [len(given), len(exchanged)])
    trees = ExtraTreesClassifier(
        TREES, min_samples_leaf=3, max_features=20, random_state=_SEED, n_jobs=_cores()
    )
    trees.fit(x[:, told], y)
    # the threads of a forest add up its trees in any order, which is not the same sum to the last bit
    trees.n_jobs = 1
    return lambda rows: trees.predict_proba(rows[:, told])[:, 1]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _judged(poses: Poses, rows: np.ndarray, models: _Models, least: float) -> list[_Columns]:
    """The answer for these rows, in chunks."""
    chunks = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    with ThreadPoolExecutor(_cores()) as pool:
        return list(pool.map(lambda chunk: _judge(poses, chunk, models, least), chunks))


def _judge(poses: Poses, rows: np.ndarray, models: _Models, least: float) -> _Columns:
    """The columns of `Swaps` for these rows, without those whose score cannot reach `least`."""
    given = swap_features.figures(poses, rows)
    told = np.stack([given.open_to(kind) for kind in KINDS], axis=1)
    told &= np.array([kind in models for kind in KINDS])
    labelled = _suspicion(given, told, models)
    # what is not suspicious as labelled needs no second look
    open_ = told.any(axis=1) & (labelled >= least)
    rows, given, told, labelled = rows[open_], given.taking(open_), told[open_], labelled[open_]
    back = np.full(told.shape, np.inf)
    for number, kind in enumerate(KINDS):
        here = np.flatnonzero(told[:, number])
        back[here, number] = _suspicion(given.taking(here).exchanged(kind), told[here], models)
    best = back.argmin(axis=1)
    least_back = back[np.arange(len(rows)), best]
    return rows, labelled - least_back, best, labelled, least_back


def _suspicion(given: Figures, told: np.ndarray, models: _Models) -> np.ndarray:
    """(N,) p(swapped): the largest of the probabilities of those kinds that can be told, (N, kinds)."""
    if not len(given):
        return np.zeros(0)
    features = swap_features.rows_of(given)
    out = np.zeros(told.shape)
    for number, kind in enumerate(KINDS):
        here = np.flatnonzero(told[:, number])
        if len(here):
            out[here, number] = models[kind](features[here])
    return out.max(axis=1)
