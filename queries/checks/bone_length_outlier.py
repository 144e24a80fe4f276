"""Bones far too long for their class and for the figure they are in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from queries import bone_lengths, listing
from queries.audit_context import Audit, NotApplicable
from queries.catalogue import Check, Param
from queries.listing import Part

if TYPE_CHECKING:
    import pandas as pd

    from queries.poses import Poses

CHECK = Check(
    id="bone-length-outlier",
    title="A bone is far too long for the figure",
    category="anatomy",
    severity="warning",
    why="A joint put down in a wrong place, often on another person or finger, pulls the model's joint "
    "there; a few of them weigh more in a squared loss than thousands of good ones.",
    fix="Look at the joint named: move it, or mark it as not labelled where it can't be seen.",
    of="poses",
    needs=("keypoints", "bones"),
    params={
        "z": Param(5.0, "robust z of the log length within the class from which a bone is out"),
        "factor": Param(1.6, "a bone less out than this many times its usual length is never reported"),
        "full": Param(
            1.3, "a bone too long measures at least this many times its full length, seen sideways"
        ),
        "beyond": Param(2.5, "at this many times its full length half the z will do"),
        "least": Param(
            20, "figures that must have the bone for it to be judged; classes with fewer are pooled"
        ),
    },
    budget=1000,
)


def find(audit: Audit) -> pd.DataFrame | None:
    """One finding per annotation and joint at fault."""
    p = audit.params
    limits = bone_lengths.Thresholds(p["z"], p["factor"], p["full"], p["beyond"])
    parts: list[Part] = []
    judged, few = 0, []
    for poses in audit.poses:
        if not len(poses.bones):
            continue
        found, figures = bone_lengths.outliers(poses, int(p["least"]), limits)
        judged += figures
        if not figures:
            few.append(f"{poses.skeleton}: {len(poses)}")
        parts.append(_part(poses, found, limits))
        if figures and not poses.in_pixels.any():
            audit.note("The images' sizes are not known: lengths are compared in shares of width and height.")
        if figures and not bone_lengths.sizes(poses)[1]:
            audit.note(
                f"{poses.skeleton}: most figures have no box; they are measured by their joints' extent."
            )
    if not judged:
        raise NotApplicable(
            f"too few figures to learn lengths from ({'; '.join(few)}; {p['least']} are needed)"
        )
    audit.checked(judged)
    return listing.told(parts, audit.check.budget)


def _part(poses: Poses, found: list[bone_lengths.Outlier], limits: bone_lengths.Thresholds) -> Part:
    rows = [outlier.row for outlier in found]
    columns = {
        "image_id": poses.image_id[rows],
        "annotation_id": poses.annotation_id[rows],
        "joint": [outlier.joint for outlier in found],
        "score": [_score(outlier.bones[0], limits) for outlier in found],
    }
    return columns, lambda place: _told(poses, found[place])


def _told(poses: Poses, outlier: bone_lengths.Outlier) -> tuple[str, str]:
    worst = outlier.bones[0]
    names = [" – ".join(poses.names[end] for end in poses.bones[bone.bone]) for bone in outlier.bones]
    label = poses.label[outlier.row]
    whose = f"of class {poses.labels[label]}" if label >= 0 else "of its skeleton"
    told = (
        f"{poses.names[outlier.joint]}: the bone {names[0]} is {worst.factor:.2g} times as long as usual"
        f" {whose} in a figure of this size (robust z {worst.z:.3g}), and {worst.full:.2g} times its full"
        " length"
    )
    if len(names) > 1:
        told += f"; out as well: {', '.join(names[1:])}"
    evidence = {
        "bones": [
            {"bone": name, "times_usual": round(bone.factor, 3), "times_full": round(bone.full, 3),
             "z": round(bone.z, 2)}
            for name, bone in zip(names, outlier.bones, strict=True)
        ],
        "class": poses.labels[label] if label >= 0 else None,
    }  # fmt: skip
    return told, json.dumps(evidence)


def _score(bone: bone_lengths.Bone, limits: bone_lengths.Thresholds) -> float:
    """0.5 at the threshold, towards 1 beyond it."""
    over = max(bone.z / limits.z, bone.full / limits.beyond)
    return round(1 - 0.5 / max(over, 1.0), 4)
