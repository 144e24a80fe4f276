"""Images without a single annotation, in a dataset where that is the exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queries.audit_context import NotApplicable
from queries.catalogue import Check, Param

if TYPE_CHECKING:
    import pandas as pd

    from queries.audit_context import Audit

CHECK = Check(
    id="image-without-annotation",
    title="The image has no annotation, where nearly all others have",
    category="images",
    severity="info",
    why="If people or hands are in it, a detector is trained to see nothing there.",
    fix="Look at it: annotate what it shows, drop it, or keep it where it is a background image.",
    of="images",
    needs=("annotations",),
    uses=("reading_problem",),
    params={
        "share": Param(0.05, "where more images than this have none, background images belong there"),
        "least": Param(20, "images that are needed to tell what is usual"),
    },
)

_SQL = "checks/tables/without_annotation.sql"


def find(audit: Audit) -> pd.DataFrame | None:
    frame = audit.frame(f"{_SQL}:findings", dataset=audit.dataset["dataset_id"])
    images = audit.census["images"]
    if images < audit.params["least"]:
        raise NotApplicable(f"there are only {images:,} images: too few to tell what is usual")
    if len(frame) > audit.params["share"] * images:
        raise NotApplicable(
            f"{len(frame):,} of {images:,} images ({len(frame) / images:.1%}) have no annotation: "
            "background images belong to this dataset"
        )
    return frame
