"""Poses unlike those of their class, of every other class, and of any other figure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from queries import pose_shape
from queries.audit_context import Audit, NotApplicable
from queries.catalogue import Check, Param

if TYPE_CHECKING:
    import pandas as pd

    from queries.poses import Poses

CHECK = Check(
    id="pose-improbable",
    title="The pose is unlike any other",
    category="anatomy",
    severity="info",
    why="Joints of a failed detection, or of two people mixed into one, teach poses that no body takes. A "
    "rare but right pose is worth keeping: the model has few like it.",
    fix="Look whether the joints lie on the hand or body; keep the pose if they do, else mend or drop it.",
    of="poses",
    needs=("keypoints",),
    params={
        "score": Param(
            4.0, "squared Mahalanobis distance in medians of the class's from which a pose is improbable"
        ),
        "z": Param(3.0, "robust z of that distance's logarithm within the class, which it must reach too"),
        "elsewhere": Param(
            2.5, "the distance that it must have in every other class: a wrong label is no odd pose"
        ),
        "lonely": Param(
            0.45, "Procrustes distance to the third most alike figure, from 0 to 1: it does not recur"
        ),
        "least": Param(
            10, "figures that a class needs for a model of its own; classes with fewer are pooled"
        ),
        "figures": Param(50, "figures that all classes together need for any model"),
    },
    budget=200,
)


#: Poses far from all classes that are compared with their neighbours, the farthest first.
_LOOKED_AT = 1000


def find(audit: Audit) -> pd.DataFrame:
    """One finding per annotation and figure in it (a whole body has two hands and a body)."""
    import pandas as pd  # noqa: PLC0415  heavy, and `kpaudit --help` imports every check

    rows, judged = [], 0
    for poses in audit.poses:
        for figure in pose_shape.figures(poses):
            found, figures = _improbable(audit, poses, figure)
            judged += figures
            rows.extend(found)
    if not judged:
        figures, joints = audit.params["figures"], pose_shape.LEAST_JOINTS
        raise NotApplicable(
            f"no skeleton has {figures} figures to learn from with {joints} labelled joints each"
        )
    audit.checked(min(judged, audit.census["poses"]))
    return pd.DataFrame(rows)


def _improbable(audit: Audit, poses: Poses, figure: pose_shape.Figure) -> tuple[list[dict], int]:
    p = audit.params
    shape = pose_shape.shapes(poses.xy[:, figure.joints])
    shape[poses.crowd] = np.nan
    models = pose_shape.learn(shape, poses.label, len(poses.labels), int(p["least"]), int(p["figures"]))
    if models[-1] is None:
        return [], 0
    own = pose_shape.own_scores(shape, poses.label, models)
    z = pose_shape.log_z(own, poses.label)
    rows = np.flatnonzero((own >= p["score"]) & (z >= p["z"]))
    elsewhere = pose_shape.least_scores(shape[rows], models)
    rows, elsewhere = rows[elsewhere >= p["elsewhere"]], elsewhere[elsewhere >= p["elsewhere"]]
    # far more than can be listed need no look at their neighbours
    if len(rows) > _LOOKED_AT:
        audit.note(
            f"{poses.skeleton}: {len(rows):,} poses are far from all classes; the {_LOOKED_AT:,} farthest "
            "were compared with the figures most alike, and the others are not counted."
        )
    worst = np.argsort(-elsewhere, kind="stable")[:_LOOKED_AT]
    rows, elsewhere = rows[worst], elsewhere[worst]
    lonely = pose_shape.loneliness(shape, rows)
    found = [
        _row(poses, figure, int(row), _Odd(float(own[row]), float(z[row]), float(other), float(away)))
        for row, other, away in zip(rows, elsewhere, lonely, strict=True)
        if away >= p["lonely"]
    ]
    return found, int(np.isfinite(own).sum())


@dataclass(frozen=True)
class _Odd:
    """How a pose is odd: its distance in its own class and its robust z, in its best class, and alone."""

    own: float
    z: float
    elsewhere: float
    lonely: float


def _row(poses: Poses, figure: pose_shape.Figure, row: int, odd: _Odd) -> dict:
    label = poses.label[row]
    name = poses.labels[label] if label >= 0 else None
    whose = f"class {name}" if name else "its skeleton"
    told = (
        f"the {figure.name}'s shape is {odd.own:.3g} times as far from those of {whose} as is usual"
        f" (robust z {odd.z:.3g})"
    )
    if len(poses.labels) > 1:
        told += f", {odd.elsewhere:.3g} times in the class it suits best"
    if odd.lonely < 1:
        told += f"; the third figure most alike differs by {odd.lonely:.2f} of 1 (Procrustes distance)"
    return {
        "image_id": int(poses.image_id[row]),
        "annotation_id": int(poses.annotation_id[row]),
        "about": pose_shape.told_apart(poses, figure),
        # how much of its strangeness is beyond an ordinary figure's: 0.75 at the threshold of 4
        "score": round(1 - 1 / max(min(odd.own, odd.elsewhere * 2), 1.0), 4),
        "detail": told,
        "evidence": json.dumps(
            {"distance": round(odd.own, 3), "z": round(odd.z, 2), "best_class": round(odd.elsewhere, 3),
             "procrustes_to_third": round(odd.lonely, 3), "class": name}
        ),
    }  # fmt: skip
