"""What a pose looks like, in numbers: features from landmarks from which a class label can be told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from queries.poses import Poses

#: Above this many joints pairwise distances are left out: they grow with the square of the joints.
MOST_JOINTS = 30
#: A pose with fewer labelled joints has no shape to judge.
FEWEST_JOINTS = 3
_MISSING = -9.0  # far from any feature, so that a tree can split it off


@dataclass(frozen=True)
class Layout:
    """Which joints the features of a skeleton are made of.

    `root` is the joint that coordinates are taken from, or None for the centroid; `palm` the index and the
    little finger's knuckle, which with the root tell a hand from its mirror image, or None; `pairs` (2, D)
    the joints of the distances; `bones` (B, 2); `bends` (A, 2) the bones that share a joint.
    """

    root: int | None
    palm: tuple[int, int] | None
    pairs: np.ndarray
    bones: np.ndarray
    bends: np.ndarray


def layout(poses: Poses) -> Layout:
    """The layout for the skeleton of these poses: a hand's root is its own, another's the centroid."""
    at = {name: joint for joint, name in enumerate(poses.canonical)}
    root = at.get("hand_root")
    knuckles = (at.get("index_finger_mcp"), at.get("pinky_mcp"))
    palm = (knuckles[0], knuckles[1]) if root is not None and None not in knuckles else None
    size = len(poses.names)
    pairs = np.array(np.triu_indices(size, 1)) if size <= MOST_JOINTS else np.zeros((2, 0), dtype=np.int64)
    bones = poses.bones
    first, second = np.triu_indices(len(bones), 1)
    touch = (bones[first][:, :, None] == bones[second][:, None, :]).any(axis=(1, 2))
    return Layout(root, palm, pairs, bones, np.stack([first[touch], second[touch]], axis=1))


def judgeable(poses: Poses) -> np.ndarray:
    """(N,) bool: poses with a class, no crowd region, and enough joints, not all on one spot."""
    known = poses.labelled
    low = np.where(known[..., None], poses.xy, np.inf).min(axis=1)
    high = np.where(known[..., None], poses.xy, -np.inf).max(axis=1)
    return (poses.label >= 0) & ~poses.crowd & (known.sum(axis=1) >= FEWEST_JOINTS) & (high > low).any(axis=1)


def features(xy: np.ndarray, plan: Layout) -> np.ndarray:
    """(n, F) float32 features of poses `xy` (n, K, 2), NaN where a joint is not labelled; each `judgeable`.

    Coordinates from the root over the root mean square distance to the centroid; pairwise distances over the
    same; the bones' directions; sine and cosine of the angle between bones that share a joint; for each joint
    whether it is labelled. Left and right hands look alike after the hand is mirrored so that root, index and
    little finger turn one way round in the image: the back of a hand is mirrored too, since landmarks in the
    plane don't tell it from the other hand's palm. The hand is not turned upright, since what sets `stop`
    apart from `stop_inverted` is where the fingers point.
    """
    known = np.isfinite(xy[..., 0])
    count = known.sum(axis=1)[:, None]
    points = np.where(known[..., None], xy, 0.0)
    centre = points.sum(axis=1) / count
    spread = np.where(known, ((xy - centre[:, None]) ** 2).sum(axis=2), 0.0)
    scale = np.sqrt(spread.sum(axis=1) / count[:, 0])
    origin = centre
    if plan.root is not None:
        origin = np.where(known[:, plan.root, None], xy[:, plan.root], centre)
    at = ((xy - origin[:, None]) / scale[:, None, None]).astype(np.float32)
    if plan.palm is not None:
        at[..., 0] *= _turn(at, plan.palm)[:, None]
    distances = np.sqrt(((at[:, plan.pairs[0]] - at[:, plan.pairs[1]]) ** 2).sum(axis=2))
    along = at[:, plan.bones[:, 1]] - at[:, plan.bones[:, 0]]
    direction = along / np.maximum(np.sqrt((along**2).sum(axis=2, keepdims=True)), 1e-6)
    a, b = direction[:, plan.bends[:, 0]], direction[:, plan.bends[:, 1]]
    sine = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    cosine = (a * b).sum(axis=2)
    flat = [part.reshape(len(at), -1) for part in (at, direction)]
    parts = [*flat, distances, sine, cosine, known]
    out = np.concatenate(parts, axis=1, dtype=np.float32)
    return np.nan_to_num(out, copy=False, nan=_MISSING, posinf=_MISSING, neginf=_MISSING)


def _turn(at: np.ndarray, palm: tuple[int, int]) -> np.ndarray:
    """(n,) 1 or -1: which way round root, index and little finger turn; 1 where one of them is not known."""
    index, little = at[:, palm[0]], at[:, palm[1]]
    cross = index[:, 0] * little[:, 1] - index[:, 1] * little[:, 0]
    return np.where(cross < 0, -1, 1).astype(np.float32)
