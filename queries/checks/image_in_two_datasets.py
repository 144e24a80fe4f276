"""Images that another dataset of the workspace holds too: by name, by bytes, by looks."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

from queries.audit_context import NotApplicable
from queries.catalogue import Check, Param
from queries.checks.near_duplicate_in_two_splits import edges_between

if TYPE_CHECKING:
    import pandas as pd

    from queries.audit_context import Audit

_SQL = "checks/tables/two_datasets.sql"

#: From this share of equal annotation files on, both ways, two datasets are one that was indexed twice.
_COPY = 0.9

CHECK = Check(
    id="image-in-two-datasets",
    title="Another indexed dataset holds the image too",
    category="splits",
    severity="warning",
    why="A model that is trained on one dataset and tested on the other is tested on what it has seen; and "
    "where the two are merged, the image counts twice, with two annotations that need not agree.",
    fix="Leave these images out of training or out of the test, and say so where scores are compared.",
    of="images",
    needs=("datasets",),
    params={
        "within": Param(4, "the most bits of 64 in which perceptual hashes of one picture differ (0 to 8)"),
        "different": Param(10, "files of one name whose hashes differ in more bits are different pictures"),
        "contrast": Param(0.02, "images whose luma varies less than this show nothing to be alike"),
        "common": Param(1000, "a hash that more images than this share is left out"),
    },
    budget=2000,
)


def find(audit: Audit) -> pd.DataFrame | None:
    compared = _compared(audit)
    dataset, contrast = audit.dataset["dataset_id"], float(audit.params["contrast"])
    audit.con.register("compared", compared)
    try:
        rows = audit.frame(f"{_SQL}:hashes", dataset=dataset, contrast=contrast)
        edges, notes = edges_between(
            rows["phash"].to_numpy(np.uint64), rows["side"].to_numpy(), rows["images"].to_numpy(),
            min(max(int(audit.params["within"]), 0), 8), int(audit.params["common"]),
        )  # fmt: skip
        for note in notes:
            audit.note(note)
        audit.con.register("near_edge", edges)
        audit.frame(f"{_SQL}:names", dataset=dataset)
        found = audit.frame(
            f"{_SQL}:findings", dataset=dataset, contrast=contrast, different=int(audit.params["different"])
        )
    finally:
        for name in ("compared", "near_edge"):
            audit.con.unregister(name)
        audit.con.execute("drop table if exists named")
    for name, count in found["about"].value_counts().items():
        audit.note(f"{name} holds {count:,} of the {audit.census['images']:,} images")
    return found


def _compared(audit: Audit) -> pd.DataFrame:
    """The other datasets that are not this one over again; what is left out is noted."""
    others = audit.frame(f"{_SQL}:others", dataset=audit.dataset["dataset_id"])
    root, kept = PurePath(audit.dataset["root"]), []
    for row in others.itertuples():
        other = PurePath(row.root)
        if root == other or root in other.parents or other in root.parents:
            audit.note(f"{row.name} was indexed from the same folder and was not compared")
        elif row.same_files and row.same_files >= _COPY * max(row.our_files, row.their_files):
            audit.note(f"{row.name} has the same annotation files, is a copy and was not compared")
        else:
            kept.append(row.dataset_id)
    if not kept:
        raise NotApplicable("all other datasets of the workspace are this one, indexed twice")
    return others.loc[others["dataset_id"].isin(kept), ["dataset_id"]]
