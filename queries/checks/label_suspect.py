"""Labels that the landmarks contradict, by a classifier that has not seen the subject."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from queries import label_model
from queries.audit_context import Audit, NotApplicable
from queries.catalogue import Check, Param

if TYPE_CHECKING:
    import pandas as pd

    from queries.poses import Poses

CHECK = Check(
    id="label-suspect",
    title="The landmarks look like another class than the label",
    category="labels",
    severity="warning",
    why="A wrong label teaches the model to confuse two classes, and in a test set it counts a right answer "
    "as an error.",
    fix="Look at the image and correct the label. Landmarks don't show everything: of two classes with the "
    "same hand shape either may be right, and wrong landmarks make a right label look wrong.",
    of="poses",
    needs=("keypoints", "classes"),
    params={
        "given": Param(0.1, "the label's out-of-fold probability must be at most this"),
        "likelier": Param(0.4, "and another class's at least this"),
        "any_class": Param(
            "no_gesture", "a class that holds anything: it is learnt, but its own labels are not questioned"
        ),
        "folds": Param(5, "parts that are held out in turn; a subject (or image) is in one of them only"),
        "trees": Param(300, "trees of a forest"),
        "large_trees": Param(100, "trees where there are more than twice `sample` poses"),
        "leaf": Param(3, "fewest poses in a leaf of a tree"),
        "sample": Param(20_000, "most poses that a forest learns from; all are judged"),
        "rare": Param(8, "a class with fewer poses, or in fewer groups than folds, is left out"),
        "seed": Param(0, "of the folds, the samples and the forests"),
    },
    budget=500,
)


def find(audit: Audit) -> pd.DataFrame:
    """One finding per annotation whose label is improbable while another class is likely."""
    import pandas as pd  # noqa: PLC0415  heavy, and `kpaudit --help` imports every check

    p = audit.params
    settings = label_model.Settings(
        **{name: int(p[name]) for name in ("folds", "trees", "leaf", "sample", "large_trees", "rare", "seed")}
    )
    rows: list[dict[str, Any]] = []
    judged, reasons = 0, []
    for poses in audit.poses:
        usable, rare = label_model.usable(poses, settings)
        if len(set(poses.label[usable])) < 2:
            least = f"{settings.rare} poses in {settings.folds} subjects or images"
            reasons.append(f"{poses.skeleton}: fewer than two classes have {least}")
            continue
        if rare:
            told = ", ".join(f"{poses.labels[code]} ({count})" for code, count in sorted(rare.items()))
            audit.note(f"{poses.skeleton}: too rare to be learnt, so not judged: {told}.")
        found, asked = _suspects(audit, poses, label_model.suspect(poses, usable, settings), settings)
        rows.extend(found)
        judged += asked
    if not judged:
        raise NotApplicable("; ".join(reasons) or "no class can be judged")
    audit.checked(judged)
    return pd.DataFrame(rows)


def _suspects(
    audit: Audit, poses: Poses, seen: label_model.Suspicion, settings: label_model.Settings
) -> tuple[list[dict[str, Any]], int]:
    """The findings, and of how many poses the label was asked about."""
    p = audit.params
    any_code = poses.labels.index(p["any_class"]) if p["any_class"] in poses.labels else -1
    asked = seen.classes[seen.given] != any_code
    if not asked.all():
        told = f"{(~asked).sum():,} poses of {p['any_class']}"
        audit.note(f"The {told} are learnt from, their label is not questioned.")
    flagged = asked & (seen.p_given <= p["given"]) & (seen.p_likelier >= p["likelier"])
    score = seen.score
    found = []
    for i in flagged.nonzero()[0]:
        row = seen.rows[i]
        label, other = (poses.labels[seen.classes[code]] for code in (seen.given[i], seen.likelier[i]))
        mine, its = float(seen.p_given[i]), float(seen.p_likelier[i])
        evidence = {
            "label": label, "likelier": other, "p_label": round(mine, 4), "p_likelier": round(its, 4),
            "of_class": int(seen.size[i]), "folds": settings.folds, "fold": int(seen.fold[i]),
            "confident_learning": bool(seen.issue[i]),
        }  # fmt: skip
        looks = f"its landmarks look like {other}: {its:.2f} against {mine:.2f}"
        found.append(
            {
                "image_id": int(poses.image_id[row]),
                "annotation_id": int(poses.annotation_id[row]),
                "score": float(score[i]),
                "detail": f"labelled {label}, but {looks}",
                "evidence": json.dumps(evidence),
            }
        )
    return found, int(asked.sum())
