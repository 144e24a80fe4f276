"""The colour of each body part on a white page, for figures that are made below the screen.

The same values as the dashboard's palette on a light page (a test compares them): left is cool, right is
warm, a foot is a darker leg, a hand a lighter arm.
"""

from __future__ import annotations

NEUTRAL = "#808890"  # no part: said by having no hue

PARTS = {
    "head": "#d877ab",
    "face": "#d88fb8",
    "torso": "#00a97a",
    "left_arm": "#56b4e9",
    "left_hand": "#6dbdf0",
    "left_leg": "#1f77d0",
    "left_foot": "#5560c8",
    "right_arm": "#f0a000",
    "right_hand": "#e0a030",
    "right_leg": "#e05a00",
    "right_foot": "#b5402a",
    "wrist": "#a0a8b0",
    "thumb": "#f0a000",
    "index": "#56b4e9",
    "middle": "#00a97a",
    "ring": "#b8a800",
    "pinky": "#d877ab",
}

# How far out a part is: a bone between two parts has the colour of the one further out.
_RANK = {"torso": 0, "wrist": 0, "head": 1, "face": 2}
_RANK |= {f"{side}_{limb}": 2 for side in ("left", "right") for limb in ("arm", "leg")}


def part_color(part: str | None) -> str:
    """The colour of a body part or finger; unknown parts are grey."""
    return PARTS.get(part or "", NEUTRAL)


def bone_part(a: str | None, b: str | None) -> str | None:
    """The part whose colour a bone takes: shoulder to elbow is arm, shoulder to shoulder the trunk."""
    if a == b or b is None:
        return a
    if a is None:
        return b
    rank_a, rank_b = _RANK.get(a, 3), _RANK.get(b, 3)
    if rank_a != rank_b:
        return a if rank_a > rank_b else b
    return "torso" if rank_a == 2 else "wrist"
