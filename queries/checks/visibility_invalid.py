"""Visibility flags that are none of 0, 1 and 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queries.audit_context import Audit, NotApplicable
from queries.catalogue import Check
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
    uses=("strange_flag",),
)


def find(audit: Audit) -> pd.DataFrame:
    """The table strange_flag: one row a flag that the index holds, or a record whose flags it can't hold.

    Raises NotApplicable where the format records no flags; what a reader said of flags counts even there.
    """
    found = audit.con.table("strange_flag").df()
    reason = unmet(("visibility",), audit.census)
    if reason and not len(found):
        raise NotApplicable(reason)
    return found
