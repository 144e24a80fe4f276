"""One thing under two labels: the same box, or one subject's pose that is the same to a hair."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from queries import pose_shape
from queries.catalogue import Check, Param

if TYPE_CHECKING:
    import pandas as pd

    from queries.audit_context import Audit
    from queries.poses import Poses

CHECK = Check(
    id="subject-label-conflict",
    title="One hand or pose of a subject carries two labels",
    category="labels",
    severity="warning",
    why="The same thing under two names can't be learned: at least one of the labels is wrong, and a model "
    "is told now this, now that.",
    fix="Look at both and correct the one that is wrong, or drop one where it is one annotation twice.",
    of="annotations",
    needs=("annotations", "classes"),
    params={
        "iou": Param(0.9, "two boxes of one image with this intersection over union are one thing"),
        "apart": Param(
            0.04,
            "two poses of one subject are one where their joints differ by less, root mean square, in units "
            "of the pose's own size (the joints' root mean square distance from their centre); of real hands "
            "with different gestures no two are nearer than 0.07",
        ),
        "joints": Param(8, "joints that both poses must have labelled"),
        "each": Param(2000, "of a subject with more poses so many, evenly spaced, are compared"),
    },
)  # fmt: skip

_SQL = "checks/tables/label_conflict.sql"


def find(audit: Audit) -> pd.DataFrame | None:
    import pandas as pd  # noqa: PLC0415

    rows = []
    boxes = audit.frame(f"{_SQL}:boxes", dataset=audit.dataset["dataset_id"], iou=float(audit.params["iou"]))
    for row in boxes.itertuples():
        rows.append((row.annotation_id, row.image_id, row.other, row.label, row.other_label, "box", row.iou))
    if audit.census["subjects_recorded"] and audit.census["poses"]:
        for poses in audit.poses:
            a, b, apart, cut = alike(
                poses, audit.params["apart"], int(audit.params["joints"]), int(audit.params["each"])
            )
            if cut:
                audit.note(f"of {cut:,} subjects with very many poses a part was compared")
            rows += [_row(poses, i, j, d) for i, j, d in zip(a, b, apart, strict=True)]
    else:
        missing = "subjects" if not audit.census["subjects_recorded"] else "keypoints"
        audit.note(f"there are no {missing}: only boxes of one image were compared, not poses of one subject")
    if not rows:
        return None
    columns = ["annotation_id", "image_id", "other", "label", "other_label", "how", "by"]
    frame = pd.DataFrame(rows, columns=columns)
    # one finding an annotation: the box says more than the pose, and the nearest more than the next
    frame["rank"] = np.where(frame["how"] == "box", -frame["by"], frame["by"])
    frame = frame.sort_values(["annotation_id", "rank", "other"]).drop_duplicates("annotation_id")
    ids = sorted({*frame["annotation_id"], *frame["other"]})
    places = audit.frame(f"{_SQL}:keys", ids=[int(i) for i in ids]).set_index("annotation_id")
    frame[["score", "detail", "evidence"]] = [
        _told(row, places.loc[row.annotation_id], places.loc[row.other], audit.params)
        for row in frame.itertuples()
    ]
    return frame


def _row(poses: Poses, i: int, j: int, apart: float) -> tuple:
    """A pair of poses as a row of the frame: the later one is told of."""
    ids, names = poses.annotation_id, poses.labels
    return ids[j], poses.image_id[j], ids[i], names[poses.label[j]], names[poses.label[i]], "pose", apart


def _told(row: tuple, here: pd.Series, there: pd.Series, wanted: dict) -> tuple[float, str, str]:
    where = "in this image" if there["key"] == here["key"] and there["split"] == here["split"] else (
        f"in {there['split']} image {there['key']}"
    )  # fmt: skip
    if row.how == "box":
        detail = f"labelled {row.label}, and {row.other_label} {where}: the boxes' IoU is {row.by:.3f}"
        score = min(1.0, float(row.by))
    else:
        detail = (
            f"labelled {row.label}; a pose of the same subject that differs by {row.by:.1%} of its size is "
            f"labelled {row.other_label} {where}"
        )
        score = 1 - 0.5 * float(row.by) / wanted["apart"]
    evidence = {
        "label": row.label, "other_label": row.other_label, "other_split": there["split"],
        "other_key": there["key"], "other_annotation": int(there["ordinal"]), "same": row.how,
        "measure": round(float(row.by), 5),
        "subject": here["subject"] if isinstance(here["subject"], str) else None,
    }  # fmt: skip
    return score, detail, json.dumps(evidence, ensure_ascii=False)


def alike(
    poses: Poses, apart: float, joints: int, each: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Pairs i < j of poses of one subject with different labels that differ by less than `apart`.

    Poses are compared after moving their centres onto one another and dividing by their sizes (root mean
    square distance of the joints from their centre), not turned; a mirrored one is another pose. Where
    `in_pixels` is false, shares of width and height stand for lengths. Also returns the differences, and of
    how many subjects only `each` poses were compared.
    """
    xy = pose_shape.placed(poses.xy)
    here = np.isfinite(xy[..., 0])
    usable = (here.sum(axis=1) >= joints) & (poses.subject >= 0) & (poses.label >= 0) & ~poses.crowd
    index = np.flatnonzero(usable)
    index = index[np.argsort(poses.subject[index], kind="stable")]
    if not len(index):
        return np.empty(0, int), np.empty(0, int), np.empty(0), 0
    index, cut = _thinned(index, poses.subject[index], each)
    shape, subject, label = _normalized(xy[index]), poses.subject[index], poses.label[index]
    # a few joints first: most pairs are far apart in those already (where neither is labelled, 0 is added)
    first = np.nan_to_num(shape[:, :: max(1, shape.shape[1] // 5)]).reshape(len(index), -1).astype(np.float32)
    limit = apart * apart * shape.shape[1] * 1.001
    found = []
    # each pose with the next of its subject, then with the next but one, and so on, of all subjects at once
    step, at = 1, np.flatnonzero(subject[1:] == subject[:-1])
    while len(at):
        pair = at[label[at] != label[at + step]]
        rough = ((first[pair] - first[pair + step]) ** 2).sum(axis=1) <= limit
        found.append(_near(shape, pair[rough], pair[rough] + step, joints, apart))
        step += 1
        at = at[at + step < len(subject)]
        at = at[subject[at] == subject[at + step]]
    i, j, d = (
        (np.concatenate(parts) for parts in zip(*found, strict=True)) if found else ([], [], np.empty(0))
    )
    i, j = index[np.asarray(i, int)], index[np.asarray(j, int)]
    return np.minimum(i, j), np.maximum(i, j), d, cut


def _thinned(index: np.ndarray, subject: np.ndarray, each: int) -> tuple[np.ndarray, int]:
    """At most `each` places of a subject, evenly spaced; and how many subjects were cut."""
    starts = np.flatnonzero(np.diff(subject, prepend=-1))
    lengths = np.diff(np.append(starts, len(index)))
    large = np.flatnonzero(lengths > each)
    kept = np.ones(len(index), dtype=bool)
    for k in large:
        kept[starts[k] : starts[k] + lengths[k]] = False
        kept[starts[k] + np.linspace(0, lengths[k] - 1, each).astype(int)] = True
    return index[kept], len(large)


def _normalized(xy: np.ndarray) -> np.ndarray:
    """(N, K, 2) centred on the labelled joints' mean and divided by their size; NaN where not labelled."""
    centred = xy - np.nanmean(xy, axis=1, keepdims=True)
    size = np.sqrt(np.nanmean((centred**2).sum(axis=2), axis=1))
    # joints on one spot have no shape
    size[size <= 0] = np.nan
    return centred / size[:, None, None]


def _near(
    shape: np.ndarray, i: np.ndarray, j: np.ndarray, joints: int, apart: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Those of the pairs (i, j) of `shape` (N, K, 2) that are nearer than `apart`, and how near."""
    here, there = np.isfinite(shape[i][..., 0]), np.isfinite(shape[j][..., 0])
    # poses with other joints labelled have other centres and sizes: they are not compared
    same = (here == there).all(axis=1) & (here.sum(axis=1) >= joints)
    i, j = i[same], j[same]
    d = np.empty(0)
    if len(i):
        d = np.sqrt(np.nanmean(((shape[i] - shape[j]) ** 2).sum(axis=2), axis=1))
    close = d < apart
    return i[close], j[close], d[close]
