"""People whose left and right joints are exchanged: over the whole body, in the arms, or in the legs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from queries import listing, swap_features, swap_model, swap_rule
from queries.audit_context import Audit, NotApplicable
from queries.catalogue import Check, Param
from queries.listing import Part

if TYPE_CHECKING:
    import pandas as pd

    from queries.poses import Poses

CHECK = Check(
    id="left-right-swapped",
    title="Left and right look exchanged",
    category="anatomy",
    severity="warning",
    why="A model learns to tell left from right by such labels: where they are exchanged it learns both, and "
    "its joints jump from side to side; flip augmentation and OKS take the exchanged labels at their word.",
    fix="Look at the picture: on a person who faces the camera the left arm is on the right. Exchange the "
    "named joints' labels (places and flags). If whole files are affected, look for a converter, or for "
    "mirrored images whose labels were not exchanged.",
    of="poses",
    needs=("keypoints", "sides"),
    params={
        "least_score": Param(
            0.5, "p(swapped) as labelled, less p(swapped) once exchanged back, from which a person is listed"
        ),
        "least_poses": Param(50, "judgeable people in a skeleton without which nothing is learned"),
        "least_width": Param(
            0.1, "for the rule of small sets: how wide a trunk must be, in square roots of the box's area"
        ),
    },
    budget=1000,
)

#: Subjects or images without which folds are none to speak of.
_LEAST_GROUPS = swap_model.FOLDS


def find(audit: Audit) -> pd.DataFrame | None:
    """One finding per person, the likeliest kind of exchange; learned from the dataset, or by rule."""
    found: list[Part] = []
    judged, reasons = 0, []
    for poses in audit.poses:
        if (poses.flip == np.arange(len(poses.flip))).all():
            continue
        if swap_features.slots(poses) is None:
            reasons.append(f"{poses.skeleton} has no two pairs of a body's joints")
            continue
        rows = swap_model.usable(poses)
        enough = len(rows) >= audit.params["least_poses"]
        if enough and len(np.unique(poses.group[rows])) >= _LEAST_GROUPS:
            found.append(_learned(audit, poses, rows))
            judged += len(rows)
            continue
        ruled = swap_rule.applied(poses, rows, audit.params["least_width"])
        few = f"{poses.skeleton}: {len(rows)} people can be judged, too few to learn from"
        if enough:
            few = f"{poses.skeleton}: the people are of fewer than {_LEAST_GROUPS} subjects or images"
        if not len(ruled.row):
            reasons.append(f"{few}, and none shows its face and trunk")
            continue
        audit.note(f"{few}; {len(ruled.row)} were judged by rule, the trunk against the visible face")
        found.append(_ruled(poses, ruled))
        judged += len(ruled.row)
    if not judged:
        raise NotApplicable("; ".join(reasons) or "no skeleton has left and right joints")
    for reason in reasons:
        audit.note(reason)
    audit.checked(judged)
    return listing.told(found, audit.check.budget)


def _learned(audit: Audit, poses: Poses, rows: np.ndarray) -> Part:
    least = audit.params["least_score"]
    said = swap_model.learned(poses, rows, least)
    if "body" not in said.learned:
        audit.note(
            f"{poses.skeleton}: too few faces are labelled and said to be visible to tell a whole body "
            "exchanged from a person seen from behind; arms and legs were judged"
        )
    kinds = list(swap_features.KINDS)
    out = np.flatnonzero(said.score >= least)

    def tell(place: int) -> tuple[str, str]:
        at = out[place]
        kind, row = kinds[said.kind[at]], said.row[at]
        labelled, back = float(said.p_labelled[at]), float(said.p_back[at])
        joints = _joints(poses, row, kind)
        detail = (
            f"left and right look exchanged {_PLACE[kind]}: p(swapped) is {labelled:.2f} as labelled and "
            f"{back:.2f} with {len(joints)} joints exchanged back"
        )
        evidence = {
            "kind": kind,
            "p_as_labelled": round(labelled, 4),
            "p_swapped_back": round(back, 4),
            "joints": joints,
            "judged_by": f"copies of {min(len(rows), swap_model.MOST_TO_LEARN)} people with sides exchanged",
        }
        return detail, json.dumps(evidence)

    return _places(poses, said.row[out], said.p_labelled[out] - said.p_back[out]), tell


def _ruled(poses: Poses, ruled: swap_rule.Ruled) -> Part:
    out = np.flatnonzero(ruled.kind != "")
    # how plainly: a profile's trunk is hardly wider than the rule asks, a front's is some 0.4 wide
    width = np.fmax(np.abs(ruled.shoulders[out]), np.abs(ruled.hips[out]))

    def tell(place: int) -> tuple[str, str]:
        at = out[place]
        kind, row = str(ruled.kind[at]), ruled.row[at]
        widths = {"shoulders": float(ruled.shoulders[at]), "hips": float(ruled.hips[at])}
        told = {name: round(width, 4) for name, width in widths.items() if np.isfinite(width)}
        against = "the face is seen, and is a face's mirror image" if kind == "body" else "the face is seen"
        detail = (
            f"left and right look exchanged {_PLACE[kind]}: {against}; left is from right "
            + " and ".join(f"{width:+.2f} at the {name}" for name, width in told.items())
            + " (square roots of the box's area, above 0 on a person who faces the camera)"
        )
        evidence = {"kind": kind, **told, "joints": _joints(poses, row, kind), "judged_by": "rule"}
        return detail, json.dumps(evidence)

    return _places(poses, ruled.row[out], 0.5 + 0.5 * np.minimum(1.0, width / 0.4)), tell


_PLACE = {
    "body": "over the whole body",
    "arms": "in the arms, from the shoulders",
    "legs": "in the legs, from the hips",
    "elbows and wrists": "in the arms, from the elbows",
}


def _joints(poses: Poses, row: int, kind: str) -> list[str]:
    """The names of the labelled joints that the exchange back renames."""
    here = poses.labelled[row]
    return [poses.names[joint] for joint in swap_features.joints_of(poses, kind) if here[joint]]


def _places(poses: Poses, row: np.ndarray, score: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "image_id": poses.image_id[row],
        "annotation_id": poses.annotation_id[row],
        "score": np.clip(score, 1e-4, 1.0).round(4),
    }
