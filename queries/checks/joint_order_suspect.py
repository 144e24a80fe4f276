"""Poses whose joints fit their class only in another order: fingers or limbs exchanged, shifted by one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from queries import joint_order, listing, pose_shape
from queries.audit_context import Audit, NotApplicable
from queries.catalogue import Check, Param
from queries.listing import Part

if TYPE_CHECKING:
    import pandas as pd

    from queries.poses import Poses

CHECK = Check(
    id="joint-order-suspect",
    title="The joints look as if given in a wrong order",
    category="anatomy",
    severity="warning",
    why="The model learns that an index finger is at times a middle finger: joints of such a pair blur "
    "into each other, in every image and not only in the wrong ones.",
    fix="Compare the joints' numbers with the picture; if whole files are affected, look for a converter "
    "that lists the joints in another order.",
    of="poses",
    needs=("keypoints",),
    params={
        "misfit": Param(
            3.0, "how many times as far from ordinary as its class's median a pose must be as given"
        ),
        "gain": Param(2.0, "by which factor another order must bring it nearer"),
        "fits": Param(2.0, "up to which multiple the pose must then fit, or what 80 % of its class do"),
        "least": Param(
            10, "figures that a class needs for a model of its own; classes with fewer are pooled"
        ),
        "figures": Param(50, "figures that all classes together need for any model"),
        "joints": Param(9, "labelled joints without which the order can't be told"),
    },
    budget=1000,
)


def find(audit: Audit) -> pd.DataFrame | None:
    """One finding per annotation and figure in it (a whole body has two hands and a body)."""
    p = audit.params
    limits = joint_order.Limits(
        p["misfit"], p["gain"], p["fits"], int(p["least"]), int(p["figures"]), int(p["joints"])
    )
    parts: list[Part] = []
    judged = 0
    for poses in audit.poses:
        found, figures = joint_order.suspects(poses, limits)
        judged += figures
        parts.append(_part(poses, found))
    if not judged:
        raise NotApplicable(
            f"no skeleton has {p['figures']} figures to learn from with {p['joints']} labelled joints each"
        )
    audit.checked(min(judged, audit.census["poses"]))
    return listing.told(parts, audit.check.budget)


def _part(poses: Poses, found: list[joint_order.Suspect]) -> Part:
    rows = [suspect.row for suspect in found]
    columns = {
        "image_id": poses.image_id[rows],
        "annotation_id": poses.annotation_id[rows],
        "about": [pose_shape.told_apart(poses, suspect.figure) for suspect in found],
        "score": [round(1 - suspect.mended / min(suspect.given, suspect.elsewhere), 4) for suspect in found],
    }
    return columns, lambda place: _told(poses, found[place])


def _told(poses: Poses, suspect: joint_order.Suspect) -> tuple[str, str]:
    label = poses.label[suspect.row]
    name = poses.labels[label] if label >= 0 else None
    told = (
        f"it looks as if {suspect.exchange.words}: as given the {suspect.figure.name} is {suspect.given:.3g}"
        f" times as far from the shapes of {f'class {name}' if name else 'its skeleton'} as is usual"
        f" ({suspect.elsewhere:.3g} times in the class it suits best), with that undone"
        f" {suspect.mended:.3g} times"
    )
    joints, order = suspect.figure.joints, suspect.exchange.order
    evidence = {
        "as_given": round(suspect.given, 3),
        "best_class_as_given": round(suspect.elsewhere, 3),
        "reordered": round(suspect.mended, 3),
        "exchanged": suspect.exchange.words,
        "order": {
            poses.names[joints[to]]: poses.names[joints[at]] for to, at in enumerate(order) if to != at
        },
        "class": name,
    }
    return told, json.dumps(evidence)
