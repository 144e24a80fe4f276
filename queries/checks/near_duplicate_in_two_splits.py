"""Pictures of one split that look like pictures of another, by their perceptual hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from queries.audit_context import NotApplicable
from queries.catalogue import Check, Param
from queries.near_duplicates import near_pairs

if TYPE_CHECKING:
    import pandas as pd

    from queries.audit_context import Audit

CHECK = Check(
    id="near-duplicate-in-two-splits",
    title="The image looks like one of another split",
    category="splits",
    severity="warning",
    why="A frame of the same video, a copy that was compressed again or cropped by a hair: a model that was "
    "trained on one of them is tested on what it has seen.",
    fix="Look at both. Where they are one picture or one scene, keep them in one split, or drop one.",
    of="images",
    needs=("hashed", "splits"),
    uses=("split_pair", "compared_split"),
    params={
        "within": Param(4, "the most bits of 64 in which the perceptual hashes differ (0 to 8)"),
        "contrast": Param(
            0.02, "images whose luma varies less (standard deviation, 0 to 1) show nothing to be alike"
        ),
        "common": Param(1000, "a hash that more images than this share is a blank or a logo, and left out"),
    },
)


def find(audit: Audit) -> pd.DataFrame | None:
    within = min(max(int(audit.params["within"]), 0), 8)
    contrast, dataset = float(audit.params["contrast"]), audit.dataset["dataset_id"]
    rows = audit.frame("checks/tables/near_duplicates.sql:hashes", dataset=dataset, contrast=contrast)
    blank = int(rows.loc[rows["blank"], "images"].sum())
    rows = rows[~rows["blank"]]
    if not len(rows):
        raise NotApplicable(
            f"all {blank:,} images with a hash in splits that can be compared are nearly of one colour"
            if blank
            else "no image of a split that can be compared has a hash"
        )
    audit.checked(rows["images"].sum())
    if blank:
        audit.note(f"{blank:,} images are nearly of one colour and were not compared")
    edges, notes = edges_between(
        rows["phash"].to_numpy(np.uint64), rows["split"].to_numpy(), rows["images"].to_numpy(), within,
        int(audit.params["common"]),
    )  # fmt: skip
    for note in notes:
        audit.note(note)
    audit.con.register("near_edge", edges)
    try:
        return audit.frame("checks/tables/near_duplicates.sql:findings", dataset=dataset, contrast=contrast)
    finally:
        audit.con.unregister("near_edge")


def edges_between(
    hashes: np.ndarray, groups: np.ndarray, images: np.ndarray, within: int, common: int
) -> tuple[pd.DataFrame, list[str]]:
    """Pairs of near hashes that occur in different groups: a frame (a, b, distance), and what was left out.

    `hashes` (N, uint64), `groups` (N) and `images` (N, how many) may repeat a hash; each pair comes both
    ways, and a hash that is in two groups also with itself.
    """
    import pandas as pd  # noqa: PLC0415

    notes = []
    distinct, at = np.unique(hashes, return_inverse=True)
    shared = np.bincount(at, weights=images, minlength=len(distinct))
    if (shared > common).any():
        many = shared > common
        notes.append(
            f"{int(many.sum()):,} hashes are shared by more than {common:,} images each "
            f"({int(shared[many].sum()):,} in all): they tell no images apart and were left out"
        )
    names, code = np.unique(groups.astype(str), return_inverse=True)
    # 64 sets have a bit each; with more of them no pair is ruled out beforehand
    member = np.full(len(distinct), np.iinfo(np.uint64).max, dtype=np.uint64)
    if len(names) <= 64:
        member = np.zeros(len(distinct), dtype=np.uint64)
        np.bitwise_or.at(member, at, np.left_shift(np.uint64(1), code.astype(np.uint64)))
    kept = shared <= common
    distinct, member = distinct[kept], member[kept]
    pairs = near_pairs(distinct, within, member)
    if pairs.skipped:
        notes.append(
            f"{pairs.skipped:,} hashes are of a kind with thousands of others and were compared in part only"
        )
    own = np.flatnonzero((member & (member - np.uint64(1))) != 0) if len(member) else np.empty(0, int)
    a = np.concatenate([distinct[pairs.i], distinct[pairs.j], distinct[own]])
    b = np.concatenate([distinct[pairs.j], distinct[pairs.i], distinct[own]])
    distance = np.concatenate([pairs.distance, pairs.distance, np.zeros(len(own), np.int64)])
    return pd.DataFrame({"a": a, "b": b, "distance": distance}), notes
