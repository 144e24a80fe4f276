"""Bones whose length does not fit: each against its class, the figure's size and the figure's other bones.

Lengths are compared as r = log(bone length ÷ √box area), so a factor of two up or down is ±0.69 whatever the
figure's size. Foreshortening shortens a bone honestly, down to nothing (the hips of a profile, a finger that
points at the camera), and never lengthens one: only bones too long tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from queries.poses import Poses

#: Rows handled at once: 100,000 figures of 21 bones are 8 MB in float32.
CHUNK = 100_000
#: A class's median and spread are taken from at most so many of its figures; more change nothing.
SAMPLE = 20_000
#: Scales the median absolute deviation to a normal distribution's standard deviation: z = 0.6745 d ÷ MAD.
NORMAL = 0.6745
#: A figure's own size is told by at least so many bones that do not touch the joint in question.
OWN_BONES = 3
#: Below this a MAD (of log length: 10 %) tells of a class too small or too uniform, not of how hands differ.
LEAST_MAD = 0.1
#: The mean spread of all classes counts as so many figures more in each class's own.
PRIOR = 20
#: The share of a skeleton's figures in which a bone is shorter than what counts as its full length.
FULL = 90
#: Lengths in figure sizes are taken to lie between these: a bone shorter points at the camera, and of a joint
#: at 1e300 it is enough to know that it is far out.
SHORTEST, LONGEST = 0.02, 1e6
#: Where a skeleton hangs together: the joints from which its limbs lead outwards.
_TRUNK = frozenset((
    "left_hip", "right_hip", "left_shoulder", "right_shoulder", "pelvis", "hip", "root", "spine", "thorax",
    "chest", "neck", "upper_neck",
))  # fmt: skip


@dataclass(frozen=True)
class Thresholds:
    """When a bone is out: its z, how many times its usual length, and how many times its full length.

    z is what counts; at `beyond` times its full length a bone is out though its class's lengths spread so
    widely that its z is only half of that.
    """

    z: float
    factor: float
    full: float
    beyond: float


@dataclass(frozen=True)
class Bone:
    """A bone that is out: its row of `Poses.bones`, its length in usual and in full lengths, and its z."""

    bone: int
    factor: float
    full: float
    z: float


@dataclass(frozen=True)
class Outlier:
    """A joint at fault of a row of `Poses`: the worst bone first."""

    row: int
    joint: int
    bones: tuple[Bone, ...]


@dataclass(frozen=True)
class Norms:
    """What is usual: medians and MADs of log lengths (C, B) of each class, (B,) the full length of each bone.

    The last of the C rows is for figures without a class, or in one too small to say anything.
    """

    median: np.ndarray
    mad: np.ndarray
    full: np.ndarray


def sizes(poses: Poses) -> tuple[np.ndarray, bool]:
    """(N,) the figures' sizes, √box area in the frame of `poses`, and whether they are the boxes'.

    Where most figures have no usable box, all are measured by the extent of their labelled joints; NaN where
    there is nothing to measure.
    """
    if np.isfinite(poses.box[:, 2]).mean() >= 0.5:
        # the root of each, not of the product: of two huge sides that is none
        return np.sqrt(poses.box[:, 2]) * np.sqrt(poses.box[:, 3]), True
    here = poses.labelled[..., None]
    with np.errstate(over="ignore"):
        highest = np.where(here, poses.xy, -np.inf).max(axis=1)
        extent = highest - np.where(here, poses.xy, np.inf).min(axis=1)
        size = np.sqrt(np.abs(extent)).prod(axis=1)
    return np.where((extent > 0).all(axis=1) & np.isfinite(size), size, np.nan), False


def log_lengths(poses: Poses, size: np.ndarray) -> np.ndarray:
    """(N, B) float32: log(bone length ÷ size), NaN where an end is not labelled or there is no size.

    Lengths are kept between SHORTEST and LONGEST: joints on one spot, or beyond all images, are other
    checks' business.
    """
    out = np.full((len(poses), len(poses.bones)), np.nan, dtype=np.float32)
    a, b = poses.bones.T
    for start in range(0, len(poses), CHUNK):
        rows = slice(start, start + CHUNK)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            xy = poses.xy[rows].astype(np.float32 if not poses.in_pixels.any() else np.float64)
            step = xy[:, a] - xy[:, b]
            length = np.hypot(step[..., 0], step[..., 1]) / size[rows, None]
            out[rows] = np.log(np.clip(length, SHORTEST, LONGEST))
    out[~np.isfinite(out)] = np.nan
    return out


def norms(r: np.ndarray, label: np.ndarray, classes: int, least: int) -> Norms:
    """The usual log lengths of each class; `label` (N,) is from 0, or -1 for none.

    A bone that fewer than `least` figures of a class have is judged by all classes together. The full length
    is a high percentile of all figures of the skeleton: in some of them each bone is seen sideways.
    """
    every = r[_some(np.arange(len(r)), 3 * SAMPLE)]
    pooled, pooled_mad = median_and_mad(every)
    median, own = np.tile(pooled, (classes + 1, 1)), np.tile(pooled_mad, (classes + 1, 1))
    weight = np.zeros_like(median)
    for number in range(classes):
        part = r[_some(np.flatnonzero(label == number), SAMPLE)]
        count = np.isfinite(part).sum(axis=0)
        enough = count >= least
        if enough.any():
            median[number, enough], own[number, enough] = median_and_mad(part[:, enough])
            weight[number, enough] = count[enough]
    total = weight.sum(axis=0)
    typical = np.where(
        total > 0, (weight * np.nan_to_num(own)).sum(axis=0) / np.maximum(total, 1), pooled_mad
    )
    # a dozen figures say little of how widely their class spreads: they lean on how widely classes do
    mad = np.where(weight > 0, (weight * own + PRIOR * typical) / (weight + PRIOR), own)
    full = _quiet(np.nanpercentile, every, FULL)
    return Norms(*(part.astype(np.float32) for part in (median, np.maximum(mad, LEAST_MAD), full)))


def outliers(poses: Poses, least: int, limits: Thresholds) -> tuple[list[Outlier], int]:
    """The joints at fault, and how many figures have a bone that could be judged, which `least` of them have.

    A bone too long has to be so twice: for the figure's box, and beside the figure's own other bones. So a
    person cut off by a small box is not out, and neither is one whose other limbs point at the camera.
    """
    size, _ = sizes(poses)
    r = log_lengths(poses, size)
    r[poses.crowd] = np.nan
    counts = np.isfinite(r).sum(axis=0)
    r[:, counts < least] = np.nan
    if not (counts >= least).any():
        return [], 0
    usual = norms(r, poses.label, len(poses.labels), least)
    out: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    a, b = poses.bones.T
    for start in range(0, len(r), CHUNK):
        part, label = r[start : start + CHUNK], poses.label[start : start + CHUNK]
        d = part - usual.median[label]
        # what its figure's other bones say can only take away from this
        z = NORMAL * d / usual.mad[label]
        far = (z >= limits.z / 2) & (d >= np.log(limits.factor)) & (part >= usual.full + np.log(limits.full))
        for bone in np.flatnonzero(far.any(axis=0)):
            rows = np.flatnonzero(far[:, bone])
            apart = (a != a[bone]) & (a != b[bone]) & (b != a[bone]) & (b != b[bone])
            found = _judged(
                d[rows],
                part[rows] - usual.full,
                usual.mad[label[rows], bone],
                bone=bone,
                apart=apart,
                limits=limits,
            )
            if len(found):
                out.append(
                    np.column_stack(
                        [rows[found[:, 0].astype(int)] + start, np.full(len(found), bone), found[:, 1:]]
                    )
                )
    found = np.concatenate(out) if out else np.empty((0, 5))
    return _blamed(poses, found), int(np.isfinite(r).any(axis=1).sum())


def _judged(
    d: np.ndarray, beyond: np.ndarray, mad: np.ndarray, *, bone: int, apart: np.ndarray, limits: Thresholds
) -> np.ndarray:
    """Rows (place, factor, full, z) of those figures whose `bone` is out.

    `d` and `beyond` (n, B) are the log lengths over the usual and over the full ones, `apart` (B,) the bones
    that share no joint with this one.
    """
    enough = np.isfinite(d[:, apart]).sum(axis=1) >= OWN_BONES
    place = np.flatnonzero(enough)
    if not len(place):
        return np.empty((0, 4))
    d, beyond, mad = d[place], beyond[place], mad[place]
    own, own_full = _row_quantile(d[:, apart], 0.5), _row_quantile(beyond[:, apart], 0.75)
    e = d[:, bone] - np.maximum(own, 0)
    full = beyond[:, bone] - np.maximum(own_full, 0)
    z = NORMAL * e / mad
    out = (e >= np.log(limits.factor)) & (
        ((z >= limits.z) & (full >= np.log(limits.full)))
        | ((z >= limits.z / 2) & (full >= np.log(limits.beyond)))
    )
    return np.column_stack([place[out], np.exp(e[out]), np.exp(full[out]), z[out]])


def _blamed(poses: Poses, found: np.ndarray) -> list[Outlier]:
    """Bones that are out, rows (row, bone, factor, full, z), as joints at fault: the joint that most of them
    share; of a bone that is out alone the outer end, since a joint misplaced nearer to the trunk draws its
    other bones out as well.
    """
    outer = depths(len(poses.names), poses.bones)
    if len(roots := _roots(poses)):
        # of two joints of the trunk the one farther from its middle
        outer = depths(len(poses.names), poses.bones, roots) + outer / 1000
    degree = np.bincount(poses.bones.ravel(), minlength=len(poses.names))
    by_row: dict[int, list[Bone]] = {}
    for row, bone, factor, full, z in found:
        by_row.setdefault(int(row), []).append(Bone(int(bone), float(factor), float(full), float(z)))
    outlying = []
    for row in sorted(by_row):
        left = sorted(by_row[row], key=lambda bone: -bone.z)
        while left:
            shared = np.bincount(
                poses.bones[[bone.bone for bone in left]].ravel(), minlength=len(poses.names)
            )
            if shared.max() > 1:
                among = np.flatnonzero(shared == shared.max()).tolist()
                joint = max(among, key=lambda j, n=shared: (n[j] / degree[j], outer[j], -j))
            else:
                joint = max(poses.bones[left[0].bone].tolist(), key=lambda j: (outer[j], -j))
            its = [bone for bone in left if joint in poses.bones[bone.bone]]
            outlying.append(Outlier(row, int(joint), tuple(its)))
            left = [bone for bone in left if joint not in poses.bones[bone.bone]]
    return outlying


def _roots(poses: Poses) -> np.ndarray:
    """The joints that limbs lead away from: the trunk's, or a hand's root; none where neither is known."""
    trunk = [joint for joint, name in enumerate(poses.canonical) if name in _TRUNK]
    return np.array(trunk or [j for j, name in enumerate(poses.canonical) if name == "hand_root"], dtype=int)


def depths(joints: int, bones: np.ndarray, roots: np.ndarray | None = None) -> np.ndarray:
    """(K,) how many bones each joint is away from the nearest of `roots`, where none are given from the
    middle of its skeleton (the joint nearest to all)."""
    away = np.full((joints, joints), np.inf)
    np.fill_diagonal(away, 0)
    away[bones[:, 0], bones[:, 1]] = away[bones[:, 1], bones[:, 0]] = 1
    for through in range(joints):
        away = np.minimum(away, away[:, through, None] + away[None, through])
    reach = np.where(np.isfinite(away), away, 0)
    if roots is not None:
        nearest = away[roots].min(axis=0)
        return np.where(np.isfinite(nearest), nearest, 0)
    middle = min(range(joints), key=lambda j: (np.isinf(away[j]).sum(), reach[j].max(), reach[j].sum()))
    return reach[middle]


def median_and_mad(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Column by column, NaN left out: the median, and the median absolute deviation from it."""
    median = _quiet(np.nanmedian, values)
    return median, _quiet(np.nanmedian, np.abs(values - median))


def _row_quantile(values: np.ndarray, share: float) -> np.ndarray:
    """Row by row, NaN left out: the value at that share of the sorted ones; numpy's is far slower."""
    ordered = np.sort(values, axis=1)  # NaN last
    at = share * (np.isfinite(values).sum(axis=1) - 1)
    low = np.floor(at).astype(np.int64)
    rows = np.arange(len(values))
    below, above = ordered[rows, low], ordered[rows, np.ceil(at).astype(np.int64)]
    return below + (above - below) * (at - low)


def _quiet(function, values: np.ndarray, *more: float) -> np.ndarray:
    """A column that is all NaN is NaN, without a warning."""
    out = np.full(values.shape[1], np.nan)
    some = np.isfinite(values).any(axis=0)
    if some.any():
        out[some] = function(values[:, some], *more, axis=0)
    return out


def _some(rows: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the rows, evenly taken: the same at every run."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
