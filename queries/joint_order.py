"""Joints given in a wrong order: fingers or limbs exchanged, chains reversed, all of them shifted by one.

Each such exchange is undone and the pose scored again by pose_shape's model of its class. Folded or hidden
fingers that overlap score alike in either order, and nothing is gained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from queries import pose_shape
from queries.pose_shape import Figure
from queries.poses import Poses


@dataclass(frozen=True)
class Exchange:
    """A wrong order in words, and `order`: the place at which each joint is to be looked for."""

    words: str
    order: np.ndarray


@dataclass(frozen=True)
class Suspect:
    """A figure of a row of `Poses` that fits only in another order; scores are multiples of the usual one."""

    row: int
    figure: Figure
    exchange: Exchange
    given: float
    elsewhere: float  # in the order given, in the class that it suits best
    mended: float


@dataclass(frozen=True)
class Limits:
    """What it takes: scores are multiples of the class's median one.

    As given a figure scores `misfit` or more, in its own class and in every other (a wrong label is no wrong
    order); another order brings the score to `fits` or less (to its class's 80 % quantile where that is
    more, but not above 1.5 `fits`), and to 1 ÷ `gain` of the best one as given.
    """

    misfit: float
    gain: float
    fits: float
    least: int  # figures that a class needs for a model of its own
    least_in_all: int  # figures that a skeleton needs for any
    joints: int  # labelled joints without which a figure's order can't be told


def suspects(poses: Poses, limits: Limits) -> tuple[list[Suspect], int]:
    """The figures whose joints are in a wrong order, and how many figures could be judged."""
    found: list[Suspect] = []
    judged = 0
    for figure in pose_shape.figures(poses):
        shape = pose_shape.shapes(poses.xy[:, figure.joints])
        here = np.isfinite(shape[..., 0])
        shape[poses.crowd | (here.sum(axis=1) < limits.joints)] = np.nan
        models = pose_shape.learn(shape, poses.label, len(poses.labels), limits.least, limits.least_in_all)
        if models[-1] is None:
            continue
        given = pose_shape.own_scores(shape, poses.label, models)
        judged += int(np.isfinite(given).sum())
        rows = np.flatnonzero(given >= limits.misfit)
        elsewhere = pose_shape.least_scores(shape[rows], models)
        keep = elsewhere >= limits.misfit
        rows, elsewhere = rows[keep], elsewhere[keep]
        mended = np.full(len(rows), np.inf)
        which = np.full(len(rows), -1)
        every = list(exchanges(figure, [poses.canonical[joint] for joint in figure.joints]))
        for number, exchange in enumerate(every):
            told = np.flatnonzero(_can_tell(here[rows], exchange.order))
            score = pose_shape.own_scores(
                shape[rows[told]][:, exchange.order], poses.label[rows[told]], models
            )
            better = score < mended[told]
            mended[told[better]], which[told[better]] = score[better], number
        out = (mended <= _ordinary(given, poses.label, limits.fits)[rows]) & (
            mended * limits.gain <= elsewhere
        )
        found.extend(
            Suspect(
                int(rows[i]),
                figure,
                every[which[i]],
                float(given[rows[i]]),
                float(elsewhere[i]),
                float(mended[i]),
            )
            for i in np.flatnonzero(out)
        )
    return found, judged


def _ordinary(score: np.ndarray, label: np.ndarray, fits: float) -> np.ndarray:
    """(N,): up to where a score is ordinary in its class: its 80 % quantile, within `fits` to 1.5 `fits`."""
    out = np.full(len(score), fits)
    for number in np.unique(label):
        rows = np.flatnonzero(label == number)
        known = score[rows][np.isfinite(score[rows])]
        if len(known):
            out[rows] = np.clip(np.quantile(known, 0.8), fits, 1.5 * fits)
    return out


def _can_tell(here: np.ndarray, order: np.ndarray) -> np.ndarray:
    """(n,) bool: where all joints that are exchanged are labelled; of a shift of all of them, most.

    An elbow that becomes a wrist, and leaves no elbow behind, fits nearly everybody.
    """
    moved = np.flatnonzero(order != np.arange(len(order)))
    if len(moved) == len(order):
        return here.mean(axis=1) >= 0.75
    return here[:, moved].all(axis=1)


def exchanges(figure: Figure, names: list[str]) -> Iterator[Exchange]:
    """Every wrong order that is tried for a figure with these canonical joint names.

    Left and right are exchanged by none of them: a check of its own looks for that.
    """
    if figure.kind == "hand":
        yield from _of_hand()
    elif figure.kind == "body":
        yield from _of_body({name: number for number, name in enumerate(names)})
    count = len(names)
    for step in (1, -1):
        told = "later" if step == 1 else "earlier"
        yield Exchange(
            f"every joint stands one place {told} than it should", np.roll(np.arange(count), -step)
        )


def _of_hand() -> Iterator[Exchange]:
    fingers = [np.arange(1 + 4 * finger, 5 + 4 * finger) for finger in range(5)]
    words = ("thumb", "index finger", "middle finger", "ring finger", "pinky")
    for chosen in permutations(range(5)):
        moved = [finger for finger in range(5) if chosen[finger] != finger]
        if moved:
            order = np.concatenate([[0], *(fingers[finger] for finger in chosen)])
            told = f"the joints of {_listed([words[finger] for finger in moved])} are exchanged"
            yield Exchange(told, order)
    order = np.concatenate([[0], *(finger[::-1] for finger in fingers)])
    yield Exchange("every finger runs from its tip to its root", order)


def _of_body(place: dict[str, int]) -> Iterator[Exchange]:
    """Exchanges within and between the limbs that the skeleton has."""
    both: dict[str, list[tuple[int, int]]] = {}
    for side in ("left", "right"):
        limbs = {
            limb: [place.get(f"{side}_{joint}") for joint in joints]
            for limb, joints in (("arm", ("shoulder", "elbow", "wrist")), ("leg", ("hip", "knee", "ankle")))
        }
        tried = []
        for limb, (root, middle, end) in limbs.items():
            first, second, third = (
                ("shoulder", "elbow", "wrist") if limb == "arm" else ("hip", "knee", "ankle")
            )
            tried += [
                (f"{first} and {third}", [(root, end)]),
                (f"{second} and {third}", [(middle, end)]),
                (f"{first} and {second}", [(root, middle)]),
            ]
        arm, leg = limbs["arm"], limbs["leg"]
        tried += [
            ("arm and leg", list(zip(arm, leg, strict=True))),
            ("elbow and knee, wrist and ankle", list(zip(arm[1:], leg[1:], strict=True))),
            ("wrist and ankle", [(arm[2], leg[2])]),
            ("elbow and knee", [(arm[1], leg[1])]),
            ("shoulder and hip", [(arm[0], leg[0])]),
        ]
        for words, pairs in tried:
            if any(None in pair for pair in pairs):
                continue
            both.setdefault(words, []).extend(pairs)
            yield Exchange(f"{side} {words} are exchanged", _swapped(len(place), pairs))
    for words, pairs in both.items():
        yield Exchange(f"{words} are exchanged on both sides", _swapped(len(place), pairs))


def _swapped(count: int, pairs: list[tuple[int, int]]) -> np.ndarray:
    order = np.arange(count)
    for a, b in pairs:
        order[a], order[b] = b, a
    return order


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"
