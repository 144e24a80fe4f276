"""Finds the records of an index that decisions are about, and says what has changed since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from queries import sqlfile
from queries.reviews.model import Decision

if TYPE_CHECKING:
    from queries.store import Store


@dataclass(frozen=True)
class Resolved:
    """A decision and its record: ids of the index as it is, NULL where there is no such image or annotation.

    `changed` says that the annotation's content is not what was judged.
    """

    decision: Decision
    image_id: int | None
    annotation_id: int | None
    label: str | None
    skeleton: str | None
    changed: bool

    @property
    def gone(self) -> bool:
        """Whether what was judged is not in the index any more."""
        return self.image_id is None or (
            self.decision.item.annotation is not None and self.annotation_id is None
        )


def resolve(store: Store, dataset: int, decisions: Sequence[Decision]) -> list[Resolved]:
    """The records of decisions on one dataset, in their order; an image is found in another split too."""
    if not decisions:
        return []
    sql = sqlfile.statements("reviews/resolve.sql")
    frame = pd.DataFrame(
        {
            "n": range(len(decisions)),
            "split": [d.item.split for d in decisions],
            "image_key": [d.item.image_key for d in decisions],
            "annotation": pd.array([d.item.annotation for d in decisions], dtype="string"),
            "digest": pd.array([d.digest for d in decisions], dtype="Int64"),
        }
    )
    con = store.cursor()
    con.register("asked", frame)
    try:
        rows = {row[0]: row for row in con.execute(sql["resolve"], {"dataset": dataset}).fetchall()}
        if any(row[1] is None for row in rows.values()):
            moved = {
                row[0]: row for row in con.execute(sql["resolve_moved"], {"dataset": dataset}).fetchall()
            }
            rows = {n: moved.get(n, row) if row[1] is None else row for n, row in rows.items()}
    finally:
        con.unregister("asked")
    found = []
    for n, decision in enumerate(decisions):
        _, image_id, annotation_id, label, digest, skeleton = rows[n]
        judged = decision.digest is not None and annotation_id is not None
        found.append(
            Resolved(decision, image_id, annotation_id, label, skeleton, judged and digest != decision.digest)
        )
    return found
