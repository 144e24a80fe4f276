"""Visibility flags that are none of 0, 1 and 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queries.audit_context import Audit, NotApplicable
from queries.catalogue import Check, Param
from queries.needs import unmet

if TYPE_CHECKING:
    import pandas as pd

CHECK = Check(
    id="visibility-invalid",
    title="A visibility flag is not 0, 1 or 2",
    category="keypoints",
    severity="warning",
    why="Losses and OKS leave joints out by their flag and some weigh by it: a 3, a -1 or a confidence in "
    "its place lets joints in that were never labelled, or leaves labelled ones out.",
    fix="Write 0 for not labelled, 1 for occluded, 2 for visible.",
    of="annotations",
    uses=("located_problem", "instance", "pose"),
    params={
        "joints": Param(3, "where more joints of an annotation have such a flag, one finding names them all"),
        "convention": Param(0.5, "where more than this share of a skeleton's annotations has such flags"),
        "few": Param(20, "and at least so many of them, it is the dataset's way: one finding for all"),
    },
)


def find(audit: Audit) -> pd.DataFrame:
    """One row a flag, an annotation or a skeleton, and what a reader said of flags that the index can't hold.

    Raises NotApplicable where the format records no flags; what a reader said of flags counts even there.
    """
    found = audit.frame(
        "checks/tables/strange_flag.sql:findings", dataset=audit.dataset["dataset_id"], **audit.params
    )
    reason = unmet(("visibility",), audit.census)
    if reason and not len(found):
        raise NotApplicable(reason)
    return found
