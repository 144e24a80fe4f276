"""Where the joints of the vocabulary lie in a figure: a standing person, an open hand, a face.

Places are drawn, not measured, and as a viewer sees a person who looks at them: the person's right is on
the viewer's left. y points down. Heads and feet are larger than life, so that their joints come apart.
"""

from __future__ import annotations

import math

from queries import vocabulary

Place = tuple[float, float]

_CENTRE = {
    "head_top": (0.0, 0.0),
    "head": (0.0, 0.15),
    "head_end": (0.0, 0.2),
    "nose": (0.0, 0.85),
    "jaw": (0.0, 1.15),
    "upper_neck": (0.0, 1.5),
    "neck": (0.0, 1.75),
    "thorax": (0.0, 2.05),
    "spine": (0.0, 3.4),
    "spine_base": (0.0, 4.65),
    "pelvis": (0.0, 4.9),
    "mid_hip": (0.0, 4.9),
}

# The person's left; the right is its mirror image.
_LEFT = {
    "left_eye": (0.24, 0.6),
    "left_ear": (0.52, 0.75),
    "left_neck": (0.32, 1.55),
    "left_clavicle": (0.3, 2.2),
    "left_shoulder": (0.95, 2.15),
    "left_elbow": (1.5, 3.3),
    "left_wrist": (1.85, 4.35),
    "left_finger": (2.05, 5.1),
    "left_hand_thumb": (1.7, 4.62),
    "left_hand_thumb_end": (1.56, 4.95),
    "left_hand_end": (2.02, 4.75),
    "left_hand_end_site": (2.1, 5.1),
    "left_hip": (0.52, 5.05),
    "left_knee": (0.62, 7.1),
    "left_ankle": (0.66, 9.2),
    "left_heel": (0.5, 9.6),
    "left_big_toe": (0.82, 10.0),
    "left_small_toe": (1.15, 9.82),
    "left_toe": (0.95, 9.95),
    "left_toe_base": (0.86, 9.68),
    "left_toe_end": (1.02, 10.0),
    "medial_left_shoulder": (0.7, 2.55),
    "lateral_left_shoulder": (1.2, 1.9),
    "medial_left_elbow": (1.25, 3.4),
    "lateral_left_elbow": (1.75, 3.2),
    "medial_left_wrist": (1.64, 4.43),
    "lateral_left_wrist": (2.06, 4.27),
    "medial_left_hip": (0.14, 5.5),
    "lateral_left_hip": (0.92, 4.95),
    "medial_left_knee": (0.36, 7.1),
    "lateral_left_knee": (0.9, 7.1),
    "medial_left_ankle": (0.46, 9.2),
    "lateral_left_ankle": (0.86, 9.2),
}

# A left hand that shows its palm to the viewer: the thumb is on the viewer's left.
_LEFT_HAND = {
    "hand_root": (0.6, 10.0),
    "thumb_cmc": (-1.2, 9.2),
    "thumb_mcp": (-2.7, 7.9),
    "thumb_ip": (-3.7, 6.6),
    "thumb_tip": (-4.5, 5.3),
}
_FINGERS = {  # knuckle and tip; the joints between are on the line
    "index_finger": ((-1.3, 5.4), (-2.2, 0.6)),
    "middle_finger": ((0.3, 5.0), (0.3, -0.2)),
    "ring_finger": ((1.8, 5.3), (2.6, 0.5)),
    "pinky": ((3.1, 6.0), (4.6, 2.2)),
}
for _finger, (_knuckle, _tip) in _FINGERS.items():
    for _joint, _share in (("mcp", 0.0), ("pip", 0.45), ("dip", 0.75), ("tip", 1.0)):
        _LEFT_HAND[f"{_finger}_{_joint}"] = (
            _knuckle[0] + _share * (_tip[0] - _knuckle[0]),
            _knuckle[1] + _share * (_tip[1] - _knuckle[1]),
        )


def _mirrored(places: dict[str, Place]) -> dict[str, Place]:
    return {name.replace("left", "right"): (-x, y) for name, (x, y) in places.items()}


#: The joints of a standing body.
BODY: dict[str, Place] = _CENTRE | _LEFT | _mirrored(_LEFT)

#: A left hand, a right hand, and the hand whose side is not told: it is drawn as a right one.
LEFT_HAND: dict[str, Place] = {f"left_{name}": place for name, place in _LEFT_HAND.items()}
RIGHT_HAND: dict[str, Place] = _mirrored(LEFT_HAND)
HAND: dict[str, Place] = _mirrored(_LEFT_HAND)


def _face() -> dict[str, Place]:
    """The 68 points of iBUG 300-W; they count from the person's right, the viewer's left."""
    right_brow = [(-3.9, 2.2), (-3.2, 1.6), (-2.4, 1.4), (-1.6, 1.5), (-0.9, 1.9)]
    right_eye = [(-3.1, 3.4), (-2.5, 2.9), (-1.7, 2.9), (-1.1, 3.4), (-1.7, 3.8), (-2.5, 3.8)]
    points = [(-4.7 * math.cos(math.pi * k / 16), 3.4 + 6.6 * math.sin(math.pi * k / 16)) for k in range(17)]
    points += right_brow + [(-x, y) for x, y in reversed(right_brow)]
    points += [(0, 3.0), (0, 3.8), (0, 4.6), (0, 5.4)]
    points += [(-1.1, 6.0), (-0.55, 6.25), (0, 6.4), (0.55, 6.25), (1.1, 6.0)]
    points += right_eye
    # The left eye starts at its inner corner, along the upper lid.
    points += [(-right_eye[k][0], right_eye[k][1]) for k in (3, 2, 1, 0, 5, 4)]
    points += [(-2.3, 8.0), (-1.4, 7.35), (-0.7, 7.05), (0, 7.2), (0.7, 7.05), (1.4, 7.35), (2.3, 8.0)]
    points += [(1.4, 8.75), (0.7, 9.1), (0, 9.2), (-0.7, 9.1), (-1.4, 8.75)]
    points += [(-1.8, 8.0), (-0.8, 7.6), (0, 7.68), (0.8, 7.6), (1.8, 8.0)]
    points += [(0.8, 8.5), (0, 8.6), (-0.8, 8.5)]
    return {f"face_{k}": (float(x), float(y)) for k, (x, y) in enumerate(points)}


FACE: dict[str, Place] = _face()

#: The contours of the face: name, first and last point, and on which side of a point its number has room:
#: away from the contour's middle (1), towards it (-1), or in a fixed direction.
FACE_CONTOURS: tuple[tuple[str, int, int, int | Place], ...] = (
    ("jaw", 0, 16, 1),
    ("right brow", 17, 21, (0.0, -1.0)),
    ("left brow", 22, 26, (0.0, -1.0)),
    ("bridge of the nose", 27, 30, (1.0, 0.0)),
    ("base of the nose", 31, 35, (0.0, 1.0)),
    ("right eye", 36, 41, 1),
    ("left eye", 42, 47, 1),
    ("outer lip", 48, 59, 1),
    ("inner lip", 60, 67, -1),
)


def known() -> frozenset[str]:
    """Every name that has a place."""
    return frozenset(BODY) | frozenset(LEFT_HAND) | frozenset(RIGHT_HAND) | frozenset(HAND) | frozenset(FACE)


def without_place() -> list[str]:
    """Names of the vocabulary that no figure can place: none, or a test fails."""
    return sorted(set(vocabulary.meanings()) - known())
