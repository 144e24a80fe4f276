"""What tells a person's left from right: a pose, and copies of it with sides exchanged, as rows of features.

A figure is brought to slots that all skeletons share: eight left joints, their eight mirror images, the nose,
the top of the head, the neck. Its frame is its own trunk: the origin is the middle of shoulders and hips, the
unit the square root of the box's area (of the joints' extent where there is no box). A pose turned into its
mirror image, names and places both, is as good a pose: each is turned so that it looks to the right, and
what is learned of one direction is known of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from queries import pose_shape

if TYPE_CHECKING:
    from queries.poses import Poses

#: The joints that come in pairs, by their name without the side.
PAIRS = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
EYE, EAR, SHOULDER, ELBOW, WRIST, HIP, KNEE, ANKLE = range(len(PAIRS))
_LEFT, _RIGHT = slice(0, 8), slice(8, 16)
NOSE, TOP, NECK = 16, 17, 18
SLOTS = 19
#: COCO's flag of a joint that is visible.
SEEN = 2
FACE = (NOSE, EYE, EAR, EYE + 8, EAR + 8)

#: What can be exchanged: the kind's name → the pairs that change their side.
KINDS = {
    "body": tuple(range(len(PAIRS))),
    "arms": (SHOULDER, ELBOW, WRIST),
    "legs": (HIP, KNEE, ANKLE),
    "elbows and wrists": (ELBOW, WRIST),
}

#: The parts of a skeleton whose joints go with a kind, beside the pairs: hands with arms, feet with legs.
_PARTS = {"arms": ("arm", "hand"), "elbows and wrists": ("arm", "hand"), "legs": ("leg", "foot")}

#: Joints that are connected, or move together: an exchange on one side of such a link makes limbs cross.
_LINKS = (
    (EYE, SHOULDER), (EAR, SHOULDER), (SHOULDER, HIP), (SHOULDER, ELBOW), (ELBOW, WRIST), (SHOULDER, WRIST),
    (HIP, KNEE), (KNEE, ANKLE), (HIP, ANKLE), (SHOULDER, KNEE), (SHOULDER, ANKLE), (HIP, ELBOW), (HIP, WRIST),
)  # fmt: skip
_BONES = ((SHOULDER, ELBOW), (ELBOW, WRIST), (HIP, KNEE), (KNEE, ANKLE), (SHOULDER, HIP))
_BENDS = ((HIP, KNEE, ANKLE), (SHOULDER, ELBOW, WRIST))
_LITTLE = 1e-3  # of the figure's size: keeps ratios of vanishing lengths finite


@dataclass(frozen=True)
class Figures:
    """N poses in slots: `xy` (N, SLOTS, 2) in the figure's own frame (y down), NaN where there is no joint;
    `flag` (N, SLOTS): 0 not labelled, 1 occluded, 2 visible or not told; `gaze` (N): how far the face (the
    knees, where no face is labelled) points to the image's right, in the figure's unit, 0 where not known;
    `hidden` (N): nose or eyes are labelled, and none of them is said to be visible.
    """

    xy: np.ndarray
    flag: np.ndarray
    gaze: np.ndarray
    hidden: np.ndarray

    def __len__(self) -> int:
        return len(self.xy)

    def taking(self, rows: np.ndarray | slice) -> Figures:
        return Figures(self.xy[rows], self.flag[rows], self.gaze[rows], self.hidden[rows])

    def exchanged(self, kind: str) -> Figures:
        """The same figures with the sides of the kind's pairs exchanged: places and flags change names."""
        order = _exchange(KINDS[kind])
        return Figures(self.xy[:, order], self.flag[:, order], self.gaze, self.hidden)

    def open_to(self, kind: str) -> np.ndarray:
        """(N,) bool: whether an exchange of that kind could be told: two joints of a pair of it are labelled,
        and other joints could contradict it. For the whole body those are the face's: without any, a front
        is a back with the sides exchanged, and so is one whose face is labelled through the back of the head.
        """
        pairs = self.pairs
        of = np.isin(np.arange(len(PAIRS)), KINDS[kind])
        others = (self.flag[:, FACE] > 0) & ~self.hidden[:, None] if of.all() else pairs[:, ~of]
        return pairs[:, of & (np.arange(len(PAIRS)) >= SHOULDER)].any(axis=1) & others.any(axis=1)

    @property
    def pairs(self) -> np.ndarray:
        """(N, 8) bool: pairs of which both joints are labelled."""
        here = np.isfinite(self.xy[..., 0])
        return here[:, _LEFT] & here[:, _RIGHT]


def slots(poses: Poses) -> np.ndarray | None:
    """(SLOTS,) the skeleton's joint of each slot, -1 where it has none; None where fewer than two pairs."""
    place = {name: joint for joint, name in enumerate(poses.canonical)}
    out = np.full(SLOTS, -1)
    for pair, name in enumerate(PAIRS):
        left, right = place.get(f"left_{name}", -1), place.get(f"right_{name}", -1)
        if left >= 0 and right >= 0:
            out[pair], out[pair + 8] = left, right
    for slot, names in ((NOSE, ("nose",)), (TOP, ("head_top", "head_end", "head")),
                        (NECK, ("upper_neck", "neck", "jaw", "thorax"))):  # fmt: skip
        out[slot] = next((place[name] for name in names if name in place), -1)
    return out if (out[:8] >= 0).sum() >= 2 else None


def joints_of(poses: Poses, kind: str) -> np.ndarray:
    """The skeleton's joints that an exchange of that kind renames."""
    names = {PAIRS[pair] for pair in KINDS[kind]}
    parts = _PARTS.get(kind, ())
    found = []
    for joint, (name, part) in enumerate(zip(poses.canonical, poses.parts, strict=True)):
        side, _, stem = name.partition("_")
        limb = (part or "").partition("_")[2]
        if poses.flip[joint] != joint and (
            kind == "body" or limb in parts or (side in ("left", "right") and stem in names)
        ):
            found.append(joint)
    return np.array(found, dtype=np.int64)


def figures(poses: Poses, rows: np.ndarray) -> Figures:
    """The poses of these rows in slots. Raises ValueError where the skeleton has no pairs (see `slots`)."""
    joints = slots(poses)
    if joints is None:
        raise ValueError(f"{poses.skeleton} has no two pairs of {', '.join(PAIRS)}")
    given = pose_shape.placed(poses.xy[rows][:, joints])
    given[:, joints < 0] = np.nan
    # a flag that is not told (-1) or not of the known ones is a labelled joint's
    told = poses.visibility[rows][:, joints]
    flag = np.where(np.isfinite(given[..., 0]), np.where(told == 1, 1, 2), 0).astype(np.int8)
    middles = [_mean(given[:, [pair, pair + 8]]) for pair in (SHOULDER, HIP)]
    trunk = _mean(np.stack(middles, axis=1))
    middle = np.where(np.isfinite(trunk), trunk, _mean(given))
    low, high = np.fmin.reduce(given, axis=1), np.fmax.reduce(given, axis=1)
    size = np.sqrt(poses.box[rows, 2]) * np.sqrt(poses.box[rows, 3])
    # a box is about 1.3 times as large as the joints in it: faces, hands and feet reach further
    joints_size = 1.3 * np.sqrt(np.maximum((high - low).prod(axis=1), 1e-12))
    size = np.where(size > 0, size, joints_size)
    xy = (given - middle[:, None]) / size[:, None, None]
    front = [NOSE, EYE, EYE + 8]
    here = np.isfinite(given[:, front, 0])
    # where no flags are recorded, a hidden face that is labelled looks like one that is seen
    hidden = here.any(axis=1) & ~(here & (told[:, front] == SEEN)).any(axis=1)
    return Figures(xy, flag, _gaze(xy), hidden)


def _mean(points: np.ndarray) -> np.ndarray:
    """The mean over axis 1 of what is there, NaN where nothing is."""
    here = np.isfinite(points)
    count = here.sum(axis=1)
    return np.where(count > 0, np.where(here, points, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _gaze(xy: np.ndarray) -> np.ndarray:
    """(N,) how far the face points to the right; made of what no exchange of sides changes."""
    x = xy[..., 0]
    eyes, ears, shoulders = (_mean(x[:, [pair, pair + 8]]) for pair in (EYE, EAR, SHOULDER))
    nose = x[:, NOSE]
    legs = [(HIP, KNEE, ANKLE), (HIP + 8, KNEE + 8, ANKLE + 8)]
    knees = _mean(np.stack([x[:, k] - (x[:, h] + x[:, a]) / 2 for h, k, a in legs], axis=1))
    out = np.zeros(len(x))
    # the best witness last; eyes lie half as far behind the nose as in front of the ears
    for witness in (knees, nose - shoulders, 2 * (nose - eyes), eyes - ears, nose - ears):
        out = np.where(np.isfinite(witness), witness, out)
    return out


def across(given: Figures) -> np.ndarray:
    """(N, 8) how far left is from right across the trunk for each pair, in the figure's unit:
    positive on a person who faces the camera, however the trunk is tilted."""
    left, right = given.xy[:, _LEFT], given.xy[:, _RIGHT]
    return np.einsum("npd,nd->np", left - right, _trunk(left, right)[1])


def rows_of(given: Figures) -> np.ndarray:
    """(N, features) float32, NaN where a joint is not labelled: what the classifier sees of each figure."""
    xy, flag, gaze = _turned(given)
    left, right = xy[:, _LEFT], xy[:, _RIGHT]
    apart = left - right
    up, side = _trunk(left, right)
    widths = np.einsum("npd,nd->np", apart, side)
    along = np.einsum("npd,nd->np", apart, up)
    seen = flag[:, _LEFT].astype(float) - flag[:, _RIGHT]
    columns = [
        xy.reshape(len(xy), -1), flag, apart.reshape(len(xy), -1), widths, along, seen,
        widths / np.maximum(_length(apart), 1e-6),
        _agreement(widths), _crossing(left, right), _bends(left), _bends(right),
        np.stack([_bone(left, bone) - _bone(right, bone) for bone in _BONES], axis=1),
        np.nan_to_num(widths[:, [SHOULDER, HIP]]).sum(axis=1, keepdims=True),
        np.stack([seen[:, :2].sum(1), seen[:, 2:5].sum(1), seen[:, 5:].sum(1), seen[:, 6:].sum(1)], 1),
        (flag[:, FACE] > 0).sum(axis=1, keepdims=True),
        np.stack([gaze, up[:, 0], *_head(xy, up, side)], axis=1),
    ]  # fmt: skip
    return np.concatenate(columns, axis=1).astype(np.float32)


def _turned(given: Figures) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places, flags, gaze of the figures, those that look to the left turned into their mirror images."""
    order = _exchange(KINDS["body"])
    mirrored = given.xy[:, order] * [-1.0, 1.0]
    away = given.gaze < 0
    xy = np.where(away[:, None, None], mirrored, given.xy)
    return xy, np.where(away[:, None], given.flag[:, order], given.flag), np.abs(given.gaze)


def _exchange(pairs: tuple[int, ...]) -> np.ndarray:
    order = np.arange(SLOTS)
    for pair in pairs:
        order[[pair, pair + 8]] = order[[pair + 8, pair]]
    return order


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt((vectors**2).sum(axis=-1))


def _bone(joints: np.ndarray, bone: tuple[int, int]) -> np.ndarray:
    return _length(joints[:, bone[0]] - joints[:, bone[1]])


def _trunk(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 2) the direction from the hips to the shoulders, the image's up where not known; and across it."""
    line = (left[:, SHOULDER] + right[:, SHOULDER] - left[:, HIP] - right[:, HIP]) / 2
    length = _length(line)[:, None]
    up = np.where(length > 1e-6, line / np.maximum(length, 1e-6), [0.0, -1.0])
    return up, np.stack([-up[:, 1], up[:, 0]], axis=1)


def _agreement(across: np.ndarray) -> np.ndarray:
    """(N, 27) for two pairs: the geometric mean of their widths, negative where their sides differ."""
    pairs = [pair for pair in combinations(range(len(PAIRS)), 2) if pair != (EYE, EAR)]
    product = np.stack([across[:, a] * across[:, b] for a, b in pairs], axis=1)
    return np.sign(product) * np.sqrt(np.abs(product))


def _crossing(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(N, 2 · links) how much longer the limbs are as labelled than crosswise: difference and log ratio."""
    out = []
    for a, b in _LINKS:
        straight = _bone(left, (a, b)) + _bone(right, (a, b))
        crossed = _length(left[:, a] - right[:, b]) + _length(right[:, a] - left[:, b])
        out += [straight - crossed, np.log((straight + _LITTLE) / (crossed + _LITTLE))]
    return np.stack(out, axis=1)


def _bends(joints: np.ndarray) -> np.ndarray:
    """(N, 2) to which side knee and elbow stand out of the line between their neighbours."""
    out = []
    for a, b, c in _BENDS:
        line, bend = joints[:, c] - joints[:, a], joints[:, b] - joints[:, a]
        cross = line[:, 0] * bend[:, 1] - line[:, 1] * bend[:, 0]
        out.append(cross / np.maximum(_length(line), _LITTLE))
    return np.stack(out, axis=1)


def _head(xy: np.ndarray, up: np.ndarray, side: np.ndarray) -> list[np.ndarray]:
    """Where nose and top of the head are, seen from the shoulders, along and across the trunk."""
    shoulders = (xy[:, SHOULDER] + xy[:, SHOULDER + 8]) / 2
    return [((xy[:, slot] - shoulders) * axis).sum(axis=-1) for slot in (NOSE, TOP) for axis in (side, up)]
