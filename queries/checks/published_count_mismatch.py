"""A known dataset whose counts are not the published ones, split by split."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from queries import cards, sqlfile
from queries.audit_context import Audit, NotApplicable
from queries.cards import TOTAL, Card, Row
from queries.catalogue import Check

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

CHECK = Check(
    id="published-count-mismatch",
    title="A known dataset's counts differ from the published ones",
    category="skeleton",
    severity="info",
    why="Figures measured on a part of a dataset, or on one with records lost or added, do not compare with "
    "those that papers report on the whole.",
    fix="If it should be the whole dataset, download what is missing again; else say which part it is "
    "wherever results are reported.",
    of="splits",
)


class _Rows:
    """The named queries of `sql/` on the audit's connection."""

    def __init__(self, con: duckdb.DuckDBPyConnection):
        self.con = con

    def rows(self, query: str, **params: Any) -> list[dict[str, Any]]:
        cursor = self.con.execute(sqlfile.text(f"sql/{query}.sql"), params)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def find(audit: Audit) -> pd.DataFrame:
    """One finding per split and measure; of a split that is a part only, its images say enough."""
    import pandas as pd  # noqa: PLC0415  heavy, and `kpaudit --help` imports every check

    compared = cards.beside(_Rows(audit.con), audit.dataset)
    if compared is None:
        raise NotApplicable("no card of a published dataset is known to be its own")
    card = compared.card
    if not any(card.published.values()):
        raise NotApplicable(f"no counts are known of {card.title}")
    if compared.absent:
        audit.note(f"Published splits of {card.title} that are not here: {', '.join(compared.absent)}.")
    part = {row.split for row in compared.rows if row.measure == "images" and _is_part(row)}
    rows = []
    for row in compared.rows:
        if (
            row.published is None
            or row.found is None
            or not row.here
            or abs(row.found - row.published.count) <= row.published.slack
        ):
            continue
        # the whole is less wherever a split is absent or a part: its splits tell, where they are published
        if row.split == TOTAL and (compared.absent or part - {TOTAL} or row.measure in _by_split(card)):
            continue
        if row.split in part and row.measure != "images":
            continue
        rows.append(_finding(card, compared.why, row))
    return pd.DataFrame(rows)


def _is_part(row: Row) -> bool:
    return row.published is not None and not row.nearly_all and (row.share or 0) < 1


def _by_split(card: Card) -> set[str]:
    return {measure for measure, figures in card.published.items() if set(figures) - {TOTAL}}


def _finding(card: Card, why: str, row: Row) -> dict[str, Any]:
    share = row.share
    where = "in all" if row.split == TOTAL else f"in {row.split}"
    told = f"{row.found:,} {row.what} {where}, {card.title} has {row.published} ({row.missing})"
    if _is_part(row):
        told += f": {_percent(share)} of it, a part or another dataset of the same layout"
        score = 0.1
    elif row.found > row.published.count:
        told += ": more than there are"
        score = 0.9
    else:
        told += f": {_percent(share)}, nearly all"
        score = 0.5
    return {
        "about": f"{row.split}: {row.what}",
        "score": score,
        "detail": f"{told}; recognised because {why}",
        "evidence": json.dumps(
            {
                "card": card.name, "split": row.split, "measure": row.measure, "found": row.found,
                "published": row.published.count, "approximate": row.published.approximate, "share": share,
                "source": card.source,
            }
        ),
    }  # fmt: skip


def _percent(share: float) -> str:
    if not share:
        return "nothing"
    if share < 0.001:
        return "less than 0.1 %"
    if 0.999 < share < 1:
        return "more than 99.9 %"
    return f"{100 * share:.1f} %"
