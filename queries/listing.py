"""Findings of checks that rank: sentences and evidence are written for those alone that are listed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

#: Stands for the sentence of a finding beyond the budget: it is counted, and nobody reads it.
UNLISTED = "beyond the check's budget"

#: Columns of findings without their words (image_id, annotation_id, score, and joint and about where these
#: tell findings apart), all of one length; and what writes the sentence and the evidence of one of them.
Part = tuple[Mapping[str, Sequence[Any]], Callable[[int], tuple[str, str]]]


def told(parts: Sequence[Part], budget: int | None) -> pd.DataFrame | None:
    """All findings of the parts in one frame, with the words of those that the budget lets be listed.

    All rows are returned, so that all are counted. The listed are the same that the audit keeps: the worst,
    and of equal scores the first by image, annotation, joint and about. None where nothing is found.
    """
    import pandas as pd  # noqa: PLC0415  heavy, and `kpaudit --help` imports every check

    frames = [(pd.DataFrame(dict(columns)), tell) for columns, tell in parts]
    frames = [(frame, tell) for frame, tell in frames if len(frame)]
    if not frames:
        return None
    found = pd.concat([frame for frame, _ in frames], ignore_index=True)
    starts = [0, *accumulate(len(frame) for frame, _ in frames)]
    by = [name for name in ("score", "image_id", "annotation_id", "joint", "about") if name in found]
    order = found.sort_values(by, ascending=[name != "score" for name in by], kind="stable").index
    details: list[str] = [UNLISTED] * len(found)
    evidence: list[str | None] = [None] * len(found)
    for place in order[:budget].tolist():
        part = bisect_right(starts, place) - 1
        details[place], evidence[place] = frames[part][1](place - starts[part])
    return found.assign(detail=details, evidence=evidence)
