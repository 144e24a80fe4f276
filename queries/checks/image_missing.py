"""Images whose file is not there: found when they were measured, or while reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queries.audit_context import NotApplicable
from queries.catalogue import Check

if TYPE_CHECKING:
    import pandas as pd

    from queries.audit_context import Audit

CHECK = Check(
    id="image-missing",
    title="The image's file is not there",
    category="images",
    severity="error",
    why="Loaders stop in the middle of an epoch, or skip it in silence, and there is less data than it says.",
    fix="Get the file, or drop its annotations. Where many are missing, an archive was not unpacked, or "
    "--images names the wrong folder.",
    of="images",
    uses=("reading_problem",),
)


def find(audit: Audit) -> pd.DataFrame | None:
    dataset = audit.dataset["dataset_id"]
    counts = audit.frame("checks/tables/image_files.sql:counts", dataset=dataset).iloc[0]
    images, measured, missing = (int(counts[name]) for name in ("images", "measured", "missing"))
    told = int(audit.frame("checks/tables/image_files.sql:told").iloc[0, 0])
    if not measured and not told:
        raise NotApplicable("the images have not been measured: run kpaudit measure with the images on disk")
    if measured and missing == measured and not told:
        raise NotApplicable("no image file was found: the images are not on disk, or elsewhere (--images)")
    if measured:
        audit.checked(max(measured, told))
        if measured < images:
            audit.note(f"{images - measured:,} images have not been measured yet: run kpaudit measure")
    return audit.frame("checks/tables/image_files.sql:missing", dataset=dataset)
