"""Datasets that are clean, then have one defect, then are clean again; and the sample's list of defects."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from queries import audit
from queries.index import index
from queries.model import Options
from queries.store import Store
from queries.workspace import Workspace
from tests.conftest import ROOT, write

SAMPLE = ROOT / "sample_data"

_FINDINGS = """
select
    f.check_id, d.name as dataset, i.split, i.key, a.ordinal, a.source_id, f.joint, f.about, f.score,
    f.detail, f.evidence, f.finding_key, f.severity
from finding f
join dataset d using (dataset_id)
left join image i on i.image_id = f.image_id
left join annotation a on a.annotation_id = f.annotation_id
order by f.check_id, d.name, i.key, a.ordinal, f.joint, f.about, f.detail
"""

_RUN = """
select r.status, r.reason, r.records, r.flagged, r.notes
from check_run r
join dataset using (dataset_id)
where check_id = ? and name = 'set'
"""

HAND = [[round(0.12 + (j % 5) * 0.06, 3), round(0.22 + (j // 5) * 0.08, 3)] for j in range(21)]


def hand(**fields: Any) -> dict[str, Any]:
    """A HaGRID record of one hand that no check has anything against; DROP leaves a field out."""
    record = {"bboxes": [[0.1, 0.2, 0.3, 0.4]], "labels": ["call"], "user_id": "u1", "hand_landmarks": [HAND]}
    return {key: value for key, value in (record | fields).items() if value != "DROP"}


def person(number: int, **fields: Any) -> dict[str, Any]:
    """A COCO annotation of a skeleton of two joints; DROP leaves a field out."""
    record = {
        "id": number,
        "image_id": 1,
        "category_id": 1,
        "bbox": [10 + 40 * number, 20, 30, 40],
        "area": 600,
        "keypoints": [15 + 40 * number, 30, 2, 20 + 40 * number, 40, 1],
    }
    return {key: value for key, value in (record | fields).items() if value != "DROP"}


def coco(*annotations: dict[str, Any], images: Iterable = (), **category: Any) -> dict[str, Any]:
    """A COCO file of two images of 640 by 480 pixels and these annotations, or one of person(1)."""
    pair = {"id": 1, "name": "pair", "keypoints": ["left_x", "right_x"], "skeleton": [[1, 2]]}
    places = [
        {"id": n, "file_name": f"{name}.jpg", "width": 640, "height": 480} for n, name in ((1, "a"), (2, "b"))
    ]
    return {
        "images": [*places, *images],
        "annotations": [*annotations] or [person(1)],
        "categories": [pair | category],
    }


class Stage:
    """A workspace with a dataset `set`, written anew as often as a test likes, and one that stays clean."""

    def __init__(self, folder: Path, beside: dict[str, Any]):
        self.folder = folder / "set"
        self.workspace = Workspace(folder / "workspace")
        index(self.workspace, write(folder / "beside", beside), Options())

    def show(self, files: dict[str, Any]) -> None:
        """Replaces the dataset's files and indexes them."""
        shutil.rmtree(self.folder, ignore_errors=True)
        index(self.workspace, write(self.folder, files), Options(), force=True)

    def found(self, *checks: str, everywhere: bool = False) -> list[dict[str, Any]]:
        """The findings of these checks on the dataset; with `everywhere`, those of `beside` fail the test."""
        rows = findings(self.workspace, checks, None if everywhere else ["set"])
        assert [row for row in rows if row["dataset"] != "set"] == []
        return rows

    def ran(self, check: str) -> tuple[str, str | None]:
        """(status, reason) of the check's last run on the dataset."""
        return self._run(check)[:2]

    def looked_at(self, check: str) -> tuple[int, int, list[str]]:
        """(records, flagged, notes) of the check's last run on the dataset."""
        return self._run(check)[2:]

    def _run(self, check: str) -> tuple[Any, ...]:
        store = Store(self.workspace)
        try:
            return store.cursor().execute(_RUN, [check]).fetchone()
        finally:
            store.close()


def findings(
    workspace: Workspace, checks: Iterable[str], datasets: list[str] | None = None
) -> list[dict[str, Any]]:
    """Runs the checks on all datasets of a workspace, or these; rows of their findings, ordered by place."""
    for runs in audit.run(workspace, datasets, list(checks)).values():
        assert [(ran.check.id, ran.reason) for ran in runs if ran.status == "failed"] == []
    store = Store(workspace)
    try:
        cursor = store.cursor().execute(_FINDINGS)
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    finally:
        store.close()
    for row in rows:
        row["evidence"] = json.loads(row["evidence"]) if row["evidence"] else {}
    keys = [row["finding_key"] for row in rows]
    assert len(set(keys)) == len(keys)
    return [row for row in rows if row["check_id"] in set(checks)]


def index_sample(folder: Path) -> Workspace:
    """The three sample datasets, with their planted defects, in a workspace of their own."""
    workspace = Workspace(folder)
    for name in ("hagrid", "coco_people", "yolo_hands"):
        index(workspace, SAMPLE / name, Options())
    return workspace


def rows_of(checks: Iterable[str]) -> list[dict[str, str]]:
    """The rows of planted.csv that these checks are to find."""
    with (SAMPLE / "planted.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["check_id"] in set(checks)]


def is_that(finding: dict[str, Any], row: dict[str, str]) -> bool:
    """Whether a finding is the one that a row of planted.csv asks for: its check, image and annotation.

    A record that is in no image, or in no index at all, is known by its name in `about`.
    """
    if (finding["dataset"], finding["check_id"]) != (row["dataset"], row["check_id"]):
        return False
    if finding["key"] is None:
        return (row["key"] or row["annotation"]) in finding["about"]
    own = finding["source_id"] if finding["source_id"] is not None else finding["ordinal"]
    return (
        finding["key"] == row["key"]
        and finding["split"] == row["split"]
        and row["annotation"] in ("", str(own))
    )
