"""Which way round a hand is in the picture: its thumb's side against its fingers' direction.

A right hand whose palm faces the camera and a left hand whose back does look alike in two dimensions, so the
side alone does not tell the hand: in a gesture that is always shown with the palm, it does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from queries import pose_shape
from queries.poses import Poses

_JOINTS = ("hand_root", "thumb_mcp", "index_finger_mcp", "middle_finger_mcp", "ring_finger_mcp", "pinky_mcp")
CHUNK = 200_000


@dataclass(frozen=True)
class Habit:
    """How a class shows its hands: of `judged` hands, which share has the side `usual` (+1 or −1).

    +1 is what a back shows: of a right hand the thumb to the left of fingers that point up, of a left hand to
    the right. −1 is what a palm shows.
    """

    label: int
    judged: int
    share: float
    usual: int


@dataclass(frozen=True)
class Contradiction:
    """A row of `Poses` whose recorded hand is not the one of its class's habit; `width` as of `sides`."""

    row: int
    width: float
    habit: Habit


def is_hand(poses: Poses) -> bool:
    """Whether the skeleton has the joints of one hand."""
    return set(_JOINTS) <= set(poses.canonical)


def sides(poses: Poses) -> np.ndarray | None:
    """(N,): how wide the row of knuckles is across the hand, in lengths of the hand, signed.

    In an image (y down) it is positive where, with the fingers up, the index finger is left of the pinky.
    NaN where a joint is missing, or the thumb's root lies on the other side than the index finger: then
    neither tells. None where the skeleton is no hand.
    """
    place = {name: number for number, name in enumerate(poses.canonical)}
    if not is_hand(poses):
        return None
    out = np.full(len(poses), np.nan)
    joints = [place[name] for name in _JOINTS]
    for start in range(0, len(poses), CHUNK):
        rows = slice(start, start + CHUNK)
        points = pose_shape.placed(poses.xy[rows][:, joints])
        root, thumb, index, pinky = points[:, 0], points[:, 1], points[:, 2], points[:, 5]
        along = points[:, 2:].mean(axis=1) - root
        length = (along**2).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            width = _cross(along, pinky - index) / length
            by_thumb = -_cross(along, thumb - root)
        # `along` is up: what lies to its right has a positive cross product where y runs down
        out[rows] = np.where((length > 0) & (np.sign(width) == np.sign(by_thumb)), width, np.nan)
    return out


def contradictions(
    poses: Poses, width: float, share: float, least: int
) -> tuple[list[Contradiction], list[Habit], int]:
    """Hands that contradict their class's habit, the habits strong enough, and how many hands are judged.

    Judged are hands whose knuckles are `width` hand lengths across or more, in classes with `least` of
    them, of which at least `share` are the same way round (a left hand counted as its mirror image).
    """
    across = sides(poses)
    if across is None:
        return [], [], 0
    hand = np.array([{"right": 1, "left": -1}.get(side, 0) for side in poses.handedness])
    clear = (np.abs(np.nan_to_num(across)) >= width) & (hand != 0)
    turn = np.where(clear, np.sign(np.nan_to_num(across)) * hand, 0).astype(int)
    found: list[Contradiction] = []
    habits = []
    for label in np.unique(poses.label[clear]):
        rows = np.flatnonzero(clear & (poses.label == label))
        right = float((turn[rows] > 0).mean())
        usual, agreed = (1, right) if right >= 0.5 else (-1, 1 - right)
        if len(rows) < least or agreed < share:
            continue
        habit = Habit(int(label), len(rows), agreed, usual)
        habits.append(habit)
        against = rows[turn[rows] != usual]
        found.extend(Contradiction(int(row), float(across[row]), habit) for row in against)
    return found, habits, sum(habit.judged for habit in habits)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
