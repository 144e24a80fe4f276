"""Flip maps: the joint that each joint becomes when the image is mirrored, against bones, names and data.

A right map takes a mirrored body to a body. So it takes every bone to a bone (it is an automorphism of the
skeleton's graph), a left joint to the right one, and any two joints to two that are about as far apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from queries import bone_lengths, pose_shape, skeletons
from queries.errors import SkeletonError
from queries.poses import Poses

#: More poses change no mean that is compared.
POSES = 2_000
PAIRS = 20_000


@dataclass(frozen=True)
class Chart:
    """What is known of a skeleton without any pose: names, bones as pairs of joints, and its flip map."""

    name: str
    names: tuple[str, ...]
    canonical: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    flip: tuple[int, ...]


@dataclass(frozen=True)
class Distances:
    """Mean differences in box sizes (√box area), and how many poses they are of.

    `mapped`: between the distance of two joints and that of the joints they are mapped to, over the pairs
    that the map moves; `random`: between the distances of any two pairs. `worst` are the pairs that differ
    most: (joint, joint, difference).
    """

    mapped: float
    random: float
    poses: int
    worst: tuple[tuple[int, int, float], ...]

    @property
    def ratio(self) -> float:
        """0 for the identity, about 0.3 for a right map, about 1 for one that is random."""
        return self.mapped / self.random if self.random > 0 else 0.0


def broken_bones(chart: Chart) -> list[tuple[int, int]]:
    """The bones that the map takes to no bone; those that point outside the joints are another check's."""
    known = {frozenset(bone) for bone in chart.bones}
    inside = [bone for bone in chart.bones if max(bone) < len(chart.flip)]
    return [(a, b) for a, b in inside if frozenset((chart.flip[a], chart.flip[b])) not in known]


def wrong_sides(chart: Chart) -> list[tuple[int, int]]:
    """(joint, mirror image) of the joints whose names tell their mirror image, where the map says another."""
    mirrored = _by_names(chart.canonical)
    if mirrored is None:
        return []
    return [(joint, to) for joint, to in enumerate(mirrored) if to != joint and chart.flip[joint] != to]


def proposed(chart: Chart) -> tuple[int, ...] | None:
    """The map that the joints' names tell: a known skeleton's, else left for right; None where none."""
    known = skeletons.matching(chart.names) or skeletons.matching(chart.canonical)
    if known is not None:
        return tuple(joint.flip for joint in known.joints)
    mirrored = _by_names(chart.canonical)
    if mirrored is None or mirrored == tuple(range(len(mirrored))):
        return None
    return mirrored


def is_identity(flip: tuple[int, ...]) -> bool:
    """Whether every joint is its own mirror image, as on a hand."""
    return tuple(flip) == tuple(range(len(flip)))


def distances(poses: Poses, flip: tuple[int, ...]) -> Distances | None:
    """How far the map is from keeping distances, on the poses; None where no two joints can be compared.

    Pairs that the map leaves where they are, or only turns round, say nothing of it and are left out.
    """
    joints = len(poses.names)
    usable = np.flatnonzero((poses.labelled.sum(axis=1) >= 2) & ~poses.crowd)
    usable = usable[np.linspace(0, len(usable) - 1, min(POSES, len(usable))).astype(np.int64)]
    size = bone_lengths.sizes(poses)[0][usable]
    a, b = np.triu_indices(joints, 1)
    rng = np.random.default_rng(0)
    if len(a) > PAIRS:
        chosen = np.sort(rng.choice(len(a), PAIRS, replace=False))
        a, b = a[chosen], b[chosen]
    to = np.asarray(flip)
    xy = pose_shape.placed(poses.xy[usable])
    far, mapped = _apart(xy, a, b, size), _apart(xy, to[a], to[b], size)
    moved = np.minimum(to[a], to[b]) * joints + np.maximum(to[a], to[b]) != a * joints + b
    both = np.isfinite(far) & np.isfinite(mapped)
    if not both.any():
        return None
    difference = np.where(both & moved, np.abs(far - mapped), 0)
    counts = (both & moved).sum(axis=0)
    other = np.abs(far - far[:, rng.permutation(len(a))])
    random = float(other[np.isfinite(other)].mean()) if np.isfinite(other).any() else 0.0
    each = difference.sum(axis=0) / np.maximum(counts, 1)
    worst = [pair for pair in np.argsort(-each, kind="stable")[:3] if counts[pair]]
    return Distances(
        float(difference.sum() / max(counts.sum(), 1)),
        random,
        int(both.any(axis=1).sum()),
        tuple((int(a[pair]), int(b[pair]), float(each[pair])) for pair in worst),
    )


def _apart(xy: np.ndarray, a: np.ndarray, b: np.ndarray, size: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        far = np.hypot(xy[:, a, 0] - xy[:, b, 0], xy[:, a, 1] - xy[:, b, 1]) / size[:, None]
    return np.where(np.isfinite(far), far, np.nan).astype(np.float32)


def _by_names(canonical: tuple[str, ...]) -> tuple[int, ...] | None:
    try:
        named = skeletons.from_names("", list(canonical), [])
    except SkeletonError:  # a name twice: names tell nothing
        return None
    return tuple(joint.flip for joint in named.joints)
