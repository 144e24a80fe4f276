"""The dataset's poses as arrays, for the checks that need numerics: one load, shared between them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from queries import sqlfile

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Poses:
    """All N annotations of one skeleton (K joints, B bones) that have at least one labelled joint.

    `xy` (N, K, 2) and `box` (N, 4: left, top, width, height) are in pixels where `in_pixels` (N), else in
    shares of the image's width and height, since its size is not known; NaN where a joint is not labelled or
    a box is not usable. `visibility` (N, K): 0, 1, 2, or -1 where the format records none; a joint without
    a row is 0. `label` (N) indexes `labels` (-1: no class); `subject` (N) numbers subjects (-1: not
    recorded); `group` (N) is the subject where one is recorded, else the image: folds are made of groups.
    `crowd` (N) marks COCO's crowd regions. Rows are in the order of annotation_id.
    """

    skeleton: str
    names: tuple[str, ...]
    canonical: tuple[str, ...]
    parts: tuple[str | None, ...]
    flip: np.ndarray  # (K,) int; the joint itself where it has no mirror image
    sigma: np.ndarray  # (K,) float, NaN where none is published
    bones: np.ndarray  # (B, 2) int
    annotation_id: np.ndarray
    image_id: np.ndarray
    label: np.ndarray
    labels: tuple[str, ...]
    subject: np.ndarray
    group: np.ndarray
    crowd: np.ndarray
    handedness: np.ndarray  # (N,) of 'left', 'right' or None
    xy: np.ndarray
    visibility: np.ndarray
    box: np.ndarray
    in_pixels: np.ndarray

    def __len__(self) -> int:
        return len(self.annotation_id)

    @property
    def labelled(self) -> np.ndarray:
        """(N, K) bool: joints with a place that count."""
        return np.isfinite(self.xy[..., 0])


def load(con: duckdb.DuckDBPyConnection, dataset: int) -> list[Poses]:
    """The poses of a dataset, one entry per skeleton that has any; needs the shared table `instance`."""
    sql = sqlfile.statements("poses.sql")
    names = [row[0] for row in con.execute(sql["skeletons"]).fetchall()]
    if not names:
        return []
    tables = ("joints", "bones", "instances")
    parts = [_split(con, sql[table], {"names": names}, len(names)) for table in tables]
    if len(names) == 1:
        points = _split(con, sql["points"], {"dataset": dataset}, 1)
    else:
        points = _split(con, sql["points_by_skeleton"], {"names": names, "dataset": dataset}, len(names))
    return [_one(name, *found) for name, *found in zip(names, *parts, points, strict=True)]


def _split(
    con: duckdb.DuckDBPyConnection, sql: str, params: dict[str, object], count: int
) -> list[dict[str, np.ndarray]]:
    """The columns of a result that is ordered by its column `n`, for each n from 0 below `count`."""
    rows = con.execute(sql, params).fetchnumpy()
    ends = np.searchsorted(np.asarray(rows.pop("n")), np.arange(count + 1))
    return [
        {name: column[start:end] for name, column in rows.items()}
        for start, end in pairwise(ends)
    ]


def _one(
    skeleton: str,
    joint_rows: dict[str, np.ndarray],
    bone_rows: dict[str, np.ndarray],
    rows: dict[str, np.ndarray],
    points: dict[str, np.ndarray],
) -> Poses:
    joints = _records(joint_rows, "joint", "name", "canonical", "part", "flip", "sigma")
    bones = _records(bone_rows, "joint_a", "joint_b")
    size = len(joints)
    ids = np.asarray(rows["annotation_id"], dtype=np.int64)
    n = len(ids)
    at = np.searchsorted(ids, np.asarray(points["annotation_id"]))
    joint = np.asarray(points["joint"], dtype=np.int64)
    factor = np.stack([_filled(rows["fx"]), _filled(rows["fy"])], axis=1)
    xy = np.full((n, size, 2), np.nan)
    flags = np.zeros((n, size), dtype=np.int8)
    given = np.ma.asarray(points["visibility"])
    # a negative flag is no flag of anything: -1 shall mean not recorded alone
    flag = np.where(np.ma.getmaskarray(given), -1, np.maximum(_filled(given, 0), 0)).astype(np.int8)
    flags[at, joint] = flag
    here = flag != 0
    for axis, name in enumerate(("x", "y")):
        value = _filled(points[name])
        xy[at[here], joint[here], axis] = value[here] * factor[at[here], axis]
    xy[~np.isfinite(xy).all(axis=2)] = np.nan
    box = np.stack([_filled(rows[name]) for name in ("x", "y", "w", "h")], axis=1)
    box *= np.concatenate([factor, factor], axis=1)
    box[~np.asarray(rows["boxed"], dtype=bool)] = np.nan
    labels, label = _codes(rows["label"])
    _, subject = _codes(rows["subject"])
    image = np.asarray(rows["image_id"], dtype=np.int64)
    _, by_image = np.unique(image, return_inverse=True)
    group = np.where(subject >= 0, subject, by_image + (subject.max(initial=-1) + 1))
    return Poses(
        skeleton,
        *(tuple(row[i] for row in joints) for i in (1, 2, 3)),
        np.array([row[4] if row[4] is not None else row[0] for row in joints], dtype=np.int64),
        np.array([np.nan if row[5] is None else row[5] for row in joints]),
        np.array(bones, dtype=np.int64).reshape(-1, 2),
        ids,
        image,
        label,
        labels,
        subject,
        group,
        np.asarray(rows["crowd"], dtype=bool),
        np.ma.filled(np.ma.asarray(rows["handedness"], dtype=object), None),
        xy,
        flags,
        box,
        np.asarray(rows["in_pixels"], dtype=bool),
    )


def _records(columns: dict[str, np.ndarray], *names: str) -> list[tuple]:
    """Rows of plain values, NULL as None."""
    return list(zip(*(np.ma.asarray(columns[name]).tolist() for name in names), strict=True))


def _filled(values: np.ndarray, missing: float = np.nan) -> np.ndarray:
    """A column as floats; DuckDB masks NULL."""
    return np.ma.filled(np.ma.asarray(values).astype(np.float64), missing)


def _codes(values: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Distinct texts, sorted, and for each value its place among them, -1 for NULL."""
    masked = np.ma.asarray(values, dtype=object)
    missing = np.ma.getmaskarray(masked)
    texts = np.where(missing, "", masked.filled("")).astype(str)
    distinct, codes = np.unique(texts[~missing], return_inverse=True)
    out = np.full(len(texts), -1, dtype=np.int64)
    out[~missing] = codes
    return tuple(str(text) for text in distinct), out
