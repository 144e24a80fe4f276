"""From findings to a better dataset: audit, decide, export with drops and corrections, index, audit again."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from queries import audit
from queries.cli import main
from queries.index import index
from queries.model import Options
from queries.reviews.model import Decision, Item
from queries.reviews.store import ReviewStore
from queries.store import Store
from queries.workspace import Workspace

SAMPLE = Path(__file__).resolve().parents[1] / "sample_data"
#: What a reviewer says of a finding of these checks, as far as the evidence alone tells it.
REJECT = ("image-in-two-splits", "subject-in-two-splits", "image-missing", "image-unreadable",
          "image-file-in-two-splits", "near-duplicate-in-two-splits")  # fmt: skip
BOX = ("box-zero-area", "box-outside-image", "box-tiny", "box-duplicate", "box-area-mismatch")
JOINTS = ("keypoint-outside-image", "keypoint-outside-box", "keypoints-far-from-box", "keypoints-collapsed",
          "keypoint-at-origin", "instance-duplicate", "bone-length-outlier", "joint-order-suspect")  # fmt: skip
FINDINGS = """
select f.finding_key, f.check_id, f.evidence, i.key, i.split, a.annotation_id, a.digest,
    coalesce(a.source_id, a.kind || ' ' || a.ordinal) as own
from finding f join image i using (image_id) left join annotation a using (annotation_id)
"""
SWAPPED = """
select k.joint, j.name, o.x, o.y, o.visibility
from keypoint k
join annotation a using (annotation_id)
join joint j on j.skeleton = a.skeleton and j.joint = k.joint
join keypoint o on o.annotation_id = k.annotation_id and o.joint = j.flip
where k.annotation_id = ? and j.flip <> k.joint
"""


def kpaudit(*words: Any) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    assert stop.value.code == 0


def decided(cursor: Any, dataset: str) -> list[Decision]:
    """A verdict on every finding that has one, with the right label or the swapped joints where known."""
    cursor.execute(FINDINGS)
    names = [column[0] for column in cursor.description]
    found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    said: dict[Item, Decision] = {}
    for row in found:
        check, own, more = row["check_id"], row["own"], {}
        evidence = json.loads(row["evidence"] or "null")
        if check in JOINTS:
            verdict = "bad keypoints"
        elif check in BOX:
            verdict = "bad box"
        elif check in REJECT:
            verdict, own = "reject image", None
        elif check == "label-suspect":
            verdict, more = "bad label", {"label": evidence["likelier"]}
        elif check == "left-right-swapped":
            joints = cursor.execute(SWAPPED, [row["annotation_id"]]).fetchall()
            swapped = {str(j): xyv for j, name, *xyv in joints if name in evidence["joints"]}
            verdict, more = "bad keypoints", {"proposal": {"keypoints": swapped}}
        else:
            continue
        item = Item(dataset, row["split"], row["key"], own)
        # one verdict a record: what rejects it before what corrects it
        if item not in said or (more == {} and (said[item].label or said[item].proposal)):
            said[item] = Decision(
                item, "ana", verdict, check_id=check, finding_key=row["finding_key"],
                digest=row["digest"] if own else None, **more,
            )  # fmt: skip
    return list(said.values())


@pytest.mark.parametrize(("name", "to"), [("hagrid", "hagrid"), ("coco_people", "coco")])
def test_what_was_decided_is_gone_after_export_and_index(name: str, to: str, tmp_path: Path) -> None:
    workspace, out = Workspace(tmp_path / "ws"), tmp_path / "out"
    index(workspace, SAMPLE / name, Options(name="before"))
    audit.run(workspace)
    with closing(Store(workspace)) as store:
        cursor = store.cursor()
        said = decided(cursor, "before")
        before = Counter(dict(cursor.execute("select check_id, count(*) from finding group by 1").fetchall()))
    reviews = ReviewStore(workspace.path / "reviews.sqlite")
    reviews.append_all(said)
    reviews.close()
    kpaudit("export", out, "--to", to, "--drop", "rejected", "--workspace", workspace.path)
    index(workspace, out, Options(name="after", images=SAMPLE / name))
    audit.run(workspace)
    with closing(Store(workspace)) as store:
        cursor = store.cursor()
        rows = cursor.execute(
            "select check_id, count(*) from finding f join dataset d using (dataset_id) where d.name = 'after' "
            "group by 1"
        ).fetchall()
        failed = cursor.execute("select check_id, reason from check_run where status = 'failed'").fetchall()
    after = Counter(dict(rows))
    print(f"\n{name}: {len(said)} decisions")
    for check in sorted(before | after):
        print(f"{check:32}{before[check]:6}{after[check]:6}")
    assert failed == []
    judged = {decision.check_id for decision in said}
    assert len(judged) >= 5
    assert {check: after[check] for check in judged if after[check]} == {}
    # what stands beside its old self is in two datasets, classes lose what was rejected, and NaN, which is no
    # JSON, is written as null: nothing else is found that was not before
    more = {check for check in after if after[check] > before[check]}
    assert more <= {"image-in-two-datasets", "class-rare", "field-type"}
