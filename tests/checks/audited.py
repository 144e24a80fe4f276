"""Runs checks on records made in a test and returns their findings as plain rows."""

from __future__ import annotations

import json
from typing import Any

from queries import audit
from queries.store import Store
from tests.conftest import Indexed

_FINDINGS = """
select f.check_id, i.key, a.ordinal, f.joint, f.about, f.score, f.detail, f.evidence, f.finding_key, f.severity
from finding f
join dataset d using (dataset_id)
left join image i on i.image_id = f.image_id
left join annotation a on a.annotation_id = f.annotation_id
where d.name = ? and f.check_id = ?
order by i.key, a.ordinal, f.joint, f.about, f.detail
"""


class Found:
    """The findings of one check on one dataset, and how its run went."""

    def __init__(self, run: dict[str, Any], findings: list[dict[str, Any]]):
        self.run, self.findings = run, findings

    @property
    def places(self) -> list[tuple[Any, ...]]:
        """(image key, annotation's ordinal, joint), or (about,) where it is no image's."""
        return [
            (f["key"], f["ordinal"], f["joint"]) if f["key"] is not None else (f["about"],)
            for f in self.findings
        ]


def check(indexed: Indexed, check_id: str) -> Found:
    """Runs one check on all datasets of the workspace; its findings are those of the indexed one."""
    audit.run(indexed.workspace, checks=[check_id])
    store = Store(indexed.workspace)
    try:
        cursor = store.cursor().execute(
            "select c.* from check_run c join dataset d using (dataset_id) where d.name = ? and check_id = ?",
            [indexed.summary.name, check_id],
        )
        run = dict(zip([c[0] for c in cursor.description], cursor.fetchone(), strict=True))
        assert run["status"] != "failed", run["reason"]
        cursor = store.cursor().execute(_FINDINGS, [indexed.summary.name, check_id])
        names = [c[0] for c in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        for row in rows:
            row["evidence"] = json.loads(row["evidence"]) if row["evidence"] else {}
        return Found(run, rows)
    finally:
        store.close()
