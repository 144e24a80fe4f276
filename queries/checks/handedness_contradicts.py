"""Hands said to be left that look like right ones, and the other way round, as their class shows them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from queries import chirality
from queries.audit_context import Audit, NotApplicable
from queries.catalogue import Check, Param

if TYPE_CHECKING:
    import pandas as pd

    from queries.poses import Poses

CHECK = Check(
    id="handedness-contradicts",
    title="The hand looks like the other one",
    category="anatomy",
    severity="warning",
    why="A model that tells left hands from right ones, or mirrors left hands before it reads them, is "
    "taught the opposite here.",
    fix="Look which hand it is and correct the record; a hand shown from its other side is right as it is.",
    of="poses",
    needs=("keypoints", "handedness"),
    params={
        "share": Param(0.9, "share of a class's hands that must be the same way round for it to decide"),
        "least": Param(20, "hands that a class must have for it to decide"),
        "width": Param(
            0.25, "knuckles less than this far apart across the hand, in its lengths, are edge-on"
        ),
    },
    budget=1000,
)


def find(audit: Audit) -> pd.DataFrame:
    """One finding per hand."""
    import pandas as pd  # noqa: PLC0415  heavy, and `kpaudit --help` imports every check

    p = audit.params
    rows, judged, seen = [], 0, False
    for poses in audit.poses:
        found, habits, hands = chirality.contradictions(poses, p["width"], p["share"], int(p["least"]))
        judged += hands
        seen = seen or chirality.is_hand(poses)
        rows.extend(_row(poses, item, p["width"]) for item in found)
        silent = sorted(
            set(poses.labels) - {poses.labels[habit.label] for habit in habits if habit.label >= 0}
        )
        if habits and silent:
            audit.note(
                f"Classes that show hands either way, or too few, decide nothing: {', '.join(silent)}."
            )
    if not judged:
        raise NotApplicable(
            f"no class shows {p['share']:.0%} of at least {p['least']} hands the same way round, so that the "
            "side seen would tell the hand"
            if seen
            else "no skeleton is a hand"
        )
    audit.checked(judged)
    return pd.DataFrame(rows)


def _row(poses: Poses, item: chirality.Contradiction, width: float) -> dict:
    said = poses.handedness[item.row]
    other = "left" if said == "right" else "right"
    habit = item.habit
    name = poses.labels[habit.label] if habit.label >= 0 else "no class"
    return {
        "image_id": int(poses.image_id[item.row]),
        "annotation_id": int(poses.annotation_id[item.row]),
        # an edge-on hand may be either: one clearly turned counts fully
        "score": round(habit.share * min(1.0, abs(item.width) / (2 * width)), 4),
        "detail": (
            f"it is said to be a {said} hand, but its landmarks lie as a {other} hand's:"
            f" of {habit.judged:,} hands of class {name}, {100 * habit.share:.1f} %"
            " are the other way round for the hand they are said to be"
            f" (knuckles {abs(item.width):.2f} hand lengths across)"
        ),
        "evidence": json.dumps(
            {"handedness": said, "looks": other, "class": name, "class_hands": habit.judged,
             "class_share": round(habit.share, 4), "knuckle_width": round(item.width, 3)}
        ),
    }  # fmt: skip
