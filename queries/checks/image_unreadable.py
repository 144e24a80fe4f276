"""Images whose file is there and can't be decoded whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queries.audit_context import NotApplicable
from queries.catalogue import Check

if TYPE_CHECKING:
    import pandas as pd

    from queries.audit_context import Audit

CHECK = Check(
    id="image-unreadable",
    title="The image's file can't be read",
    category="images",
    severity="error",
    why="Loaders stop at it, or fill the part that is cut off with grey and train on that.",
    fix="Get the file again; where it is broken at the source too, drop the image.",
    of="images",
    needs=("measured",),
)


def find(audit: Audit) -> pd.DataFrame | None:
    counts = audit.frame("checks/tables/image_files.sql:counts", dataset=audit.dataset["dataset_id"]).iloc[0]
    there = int(counts["measured"] - counts["missing"])
    if not there:
        raise NotApplicable("no image file was found: the images are not on disk, or elsewhere (--images)")
    audit.checked(there)
    return audit.frame("checks/tables/image_files.sql:unreadable", dataset=audit.dataset["dataset_id"])
