"""Cross-validated probabilities of class labels from landmarks, and which labels they contradict.

The ranking is confident learning's (C. Northcutt, L. Jiang, I. Chuang: Confident Learning: Estimating
Uncertainty in Dataset Labels, JAIR 70, 2021), by the cleanlab library.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from queries.label_features import Layout, features, judgeable, layout
from queries.poses import Poses

#: Poses whose features are held at a time: about 75 MB for a hand.
CHUNK = 40_000
#: Up to this many groups scikit-learn balances the folds; its search takes a step of Python for every group.
FEW_GROUPS = 5_000


@dataclass(frozen=True)
class Settings:
    """How the forest is trained: see the parameters of `label-suspect`."""

    folds: int = 5
    trees: int = 300
    leaf: int = 3
    sample: int = 20_000
    large_trees: int = 100
    rare: int = 8
    seed: int = 0


@dataclass(frozen=True)
class Suspicion:
    """What the n judged poses' labels look like from the others.

    `rows` (n,) are their places in Poses; `classes` (C,) the label codes of the columns; `given` and
    `likelier` (n,) columns: the label, and the likeliest of the other classes; `p_given`, `p_likelier` (n,)
    their out-of-fold probabilities; `issue` (n,) bool: confident learning prunes the label (cleanlab's
    filter "both"); `fold` (n,) the fold in which each was held out; `size` (n,) poses of its class.
    """

    rows: np.ndarray
    classes: np.ndarray
    given: np.ndarray
    likelier: np.ndarray
    p_given: np.ndarray
    p_likelier: np.ndarray
    issue: np.ndarray
    fold: np.ndarray
    size: np.ndarray

    @property
    def score(self) -> np.ndarray:
        """(n,) how little the label fits, 0 to 1: cleanlab's self-confidence, taken from 1.

        Among labels with no vote at all (self-confidence 0) a likelier class with more votes comes first;
        the share that decides it is too small to reorder anything else.
        """
        return np.clip(1 - self.p_given - 1e-3 * (1 - self.p_likelier), 1e-6, 1.0)


def usable(
    poses: Poses, settings: Settings, label: np.ndarray | None = None
) -> tuple[np.ndarray, dict[int, int]]:
    """Rows that can be judged, and the classes left out as too rare: {label code: poses}.

    A class is too rare with fewer than `rare` poses or in fewer groups than there are folds: held out with
    its group, it would have too little left to learn it from.
    """
    label = poses.label if label is None else label
    rows = np.flatnonzero(judgeable(poses))
    codes, counts = np.unique(label[rows], return_counts=True)
    _, group = np.unique(poses.group[rows], return_inverse=True)
    spread = int(group.max(initial=0)) + 1
    pairs = np.unique(label[rows] * spread + group)
    groups = dict(zip(*np.unique(pairs // spread, return_counts=True), strict=True))
    rare = {
        int(code): int(count)
        for code, count in zip(codes, counts, strict=True)
        if count < settings.rare or groups[code] < settings.folds
    }
    return rows[~np.isin(label[rows], list(rare))], rare


def suspect(poses: Poses, rows: np.ndarray, settings: Settings, label: np.ndarray | None = None) -> Suspicion:
    """Judges the labels of the `usable` rows; `label` (N,) takes the place of the recorded one (benchmarks).

    There must be two classes or more among them. Deterministic for the same poses, settings and label.
    """
    label = poses.label if label is None else label
    classes, given = np.unique(label[rows], return_inverse=True)
    fold = assign_folds(given, poses.group[rows], settings)
    probability = _out_of_fold(poses, rows, given, fold, settings)
    each = np.arange(len(rows))
    issue = _issues(given, probability)
    confidence = _self_confidence(given, probability)
    probability[each, given] = -1
    likelier = probability.argmax(axis=1)
    size = np.bincount(given)[given]
    other = probability[each, likelier].astype(np.float64)
    return Suspicion(rows, classes, given, likelier, confidence, other, issue, fold, size)


def assign_folds(given: np.ndarray, group: np.ndarray, settings: Settings) -> np.ndarray:
    """(n,) the fold of each pose: a group is in one only, classes spread as evenly as that allows."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # noqa: PLC0415

    distinct, at = np.unique(group, return_inverse=True)
    fold = np.zeros(len(given), dtype=np.int64)
    options = {"n_splits": settings.folds, "shuffle": True, "random_state": settings.seed}
    if len(distinct) == len(given):
        splits = StratifiedKFold(**options).split(given, given)
    elif len(distinct) <= FEW_GROUPS:
        splits = StratifiedGroupKFold(**options).split(given, given, at)
    else:
        # groups in random order, sorted by the class of their first pose, dealt out in turn
        first = np.full(len(distinct), -1)
        first[at[::-1]] = given[::-1]
        order = np.random.default_rng(settings.seed).permutation(len(distinct))
        order = order[np.argsort(first[order], kind="stable")]
        of_group = np.empty(len(distinct), dtype=np.int64)
        of_group[order] = np.arange(len(distinct)) % settings.folds
        return of_group[at]
    for number, (_, held) in enumerate(splits):
        fold[held] = number
    return fold


def training_rows(given: np.ndarray, rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """At most about `most` of `rows`, each class by its share, but not fewer than 50 where it has them."""
    if len(rows) <= most:
        return rows
    order = rng.permutation(rows)
    order = order[np.argsort(given[order], kind="stable")]
    counts = np.bincount(given[order])
    quota = np.maximum(counts * most // len(rows), np.minimum(counts, 50))
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(order[place < quota[given[order]]])


def _out_of_fold(
    poses: Poses, rows: np.ndarray, given: np.ndarray, fold: np.ndarray, settings: Settings
) -> np.ndarray:
    """(n, C) float32: each pose's probabilities from a forest that has seen none of its group."""
    from sklearn.ensemble import ExtraTreesClassifier  # noqa: PLC0415

    plan: Layout = layout(poses)
    out = np.zeros((len(rows), given.max() + 1), dtype=np.float32)
    large = len(rows) > settings.sample * 2
    for number in range(settings.folds):
        rng = np.random.default_rng([settings.seed, number])
        train = training_rows(given, np.flatnonzero(fold != number), settings.sample, rng)
        held = np.flatnonzero(fold == number)
        forest = ExtraTreesClassifier(
            settings.large_trees if large else settings.trees,
            min_samples_leaf=settings.leaf,
            random_state=settings.seed + number,
            # two threads add their trees' votes in an order of their own: the last bit may differ, see below
            n_jobs=2,
        )
        forest.fit(features(poses.xy[rows[train]], plan), given[train])
        for start in range(0, len(held), CHUNK):
            part = held[start : start + CHUNK]
            votes = forest.predict_proba(features(poses.xy[rows[part]], plan))
            # rounded, so that the sum's last bits decide no rank and the same index gives the same findings
            out[np.ix_(part, forest.classes_)] = np.round(votes, 6)
    return out


def _issues(given: np.ndarray, probability: np.ndarray) -> np.ndarray:
    from cleanlab.filter import find_label_issues  # noqa: PLC0415

    return find_label_issues(given, probability, filter_by="both", n_jobs=1)


def _self_confidence(given: np.ndarray, probability: np.ndarray) -> np.ndarray:
    from cleanlab.rank import get_label_quality_scores  # noqa: PLC0415

    return get_label_quality_scores(given, probability, method="self_confidence").astype(np.float64)
