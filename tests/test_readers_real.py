"""The real annotations, against an independent reading of the same files with plain json."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from pycocotools.coco import COCO

from queries import readers
from queries.errors import UnknownFormat
from queries.readers.scan import walk
from queries.skeletons import canonical

#: Each file and its number of joints.
COCO_FILES = {
    "aic/test_aic.json": 14,
    "coco/test_coco.json": 17,
    "coco/test_coco_wholebody.json": 133,
    "coco_val2017_part/person_keypoints_val2017.json": 17,
    "crowdpose/test_crowdpose.json": 14,
    "h36m/h36m_coco.json": 17,
    "halpe/test_halpe.json": 136,
    "humanart/test_humanart.json": 21,
    "mhp/test_mhp.json": 16,
    "mpii/test_mpii_trb.json": 40,
    "ochuman/test_ochuman.json": 17,
}


def numbers_of(one: dict) -> list[float]:
    """An annotation's keypoints, with those that stand in lists of their own."""
    parts = ("foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
    if "foot_kpts" in one:
        return [*one["keypoints"], *(number for part in parts for number in one[part])]
    return one.get("keypoints_21", one["keypoints"])


def hagrid_records(root: Path):
    for path in sorted(root.rglob("*.json")):
        for key, record in json.loads(path.read_text()).items():
            yield path.parent.name, path.stem, key, record


def test_hagrid_val(real_data, indexed):
    root = real_data / "hagrid_2023_val"
    found = indexed(root)
    summary = found.summary
    assert (summary.format, summary.images, summary.annotations) == ("hagrid", 53982, 66035)
    assert (summary.subjects, summary.keypoints, summary.problems) == (1907, 0, {})
    assert found.row("select count(*) from annotation where label = 'no_gesture'") == (12053,)
    boxes, labels, subjects = {}, Counter(), set()
    for split, gesture, key, record in hagrid_records(root):
        subjects.add(record["user_id"])
        labels.update(record["labels"])
        for ordinal, (box, label) in enumerate(zip(record["bboxes"], record["labels"], strict=True)):
            boxes[split, f"{gesture}/{key}.jpg", ordinal] = (label, *map(float, box))
    assert dict(found.rows("select label, count(*) from annotation group by 1")) == labels
    assert {row[0] for row in found.rows("select distinct subject from image")} == subjects
    rows = found.rows(
        "select split, file_name, ordinal, label, x, y, w, h from annotation join image using (image_id)"
    )
    assert {row[:3]: row[3:] for row in rows} == boxes


def test_hagrid_landmarks(real_data, indexed):
    root = real_data / "hagrid_landmarks"
    found = indexed(root)
    assert (found.summary.images, found.summary.keypoints, found.summary.problems) == (1200, 25200, {})
    expected = {
        (key, joint): (x, y, None)
        for _, _, key, record in hagrid_records(root)
        for hand in record["hand_landmarks"]
        for joint, (x, y) in enumerate(hand)
    }
    rows = found.rows(
        "select key, joint, k.x, k.y, visibility from keypoint k "
        "join annotation using (annotation_id) join image using (image_id)"
    )
    assert {row[:2]: row[2:] for row in rows} == expected
    assert found.row("select subjects_recorded, visibility_recorded from dataset") == (False, False)


@pytest.mark.parametrize("name", COCO_FILES)
def test_coco_style_file_value_by_value(real_data, indexed, name):
    path, joints = real_data / "pose" / name, COCO_FILES[name]
    document = json.loads(path.read_text())
    # Human3.6M's reader knows better what its flags mean: tests/test_h36m.py
    found = indexed(path, format="coco" if "h36m" in name else "auto")
    images = {image["id"]: image for image in reversed(document["images"])}
    assert found.summary.format == "coco"
    assert found.summary.images == len(images)
    assert found.summary.annotations == len(document["annotations"])
    # no joint is invented, and none is lost
    assert found.summary.keypoints == len(document["annotations"]) * joints
    assert {
        row[:1]: row[1:] for row in found.rows("select source_id, file_name, width, height from image")
    } == {(str(i),): (image["file_name"], image["width"], image["height"]) for i, image in images.items()}
    expected = {}
    for one in document["annotations"]:
        for joint in range(joints):
            x, y, flag = numbers_of(one)[3 * joint : 3 * joint + 3]
            # COCO-WholeBody's hands carry a detector's confidence in places: no flag, and reported
            flag = flag if flag in (0, 1, 2) else None
            expected[str(one["id"]), str(one["image_id"]), joint] = (x, y, flag)
    rows = found.rows(
        "select a.source_id, i.source_id, joint, k.x, k.y, visibility from keypoint k "
        "join annotation a using (annotation_id) join image i using (image_id)"
    )
    assert {row[:3]: row[3:] for row in rows} == expected
    labelled = sum((flag or 0) > 0 for *_, flag in expected.values())
    assert found.row("select sum(labelled) from annotation") == (labelled,)
    assert found.row("select sum(visible) from annotation") == (sum(v == 2 for *_, v in expected.values()),)
    boxes = {str(one["id"]): tuple(one.get("bbox") or [None] * 4) for one in document["annotations"]}
    assert {row[0]: row[1:] for row in found.rows("select source_id, x, y, w, h from annotation")} == boxes
    named = [canonical(row[0]) for row in found.rows("select name from joint order by joint")]
    assert len(named) == joints
    if (names := document["categories"][0].get("keypoints")) and "h36m" not in name:
        assert named[: len(names)] == [canonical(joint) for joint in names[:joints]]


def test_coco_val2017_part(real_data, indexed):
    path = real_data / "pose" / "coco_val2017_part" / "person_keypoints_val2017.json"
    found = indexed(path.parent)
    assert (found.summary.images, found.summary.annotations) == (280, 1173)
    assert found.row("select sum(labelled), count_if(crowd) from annotation") == (7898, 30)
    assert found.summary.problems == {"duplicate-image-id": 1173 - 280}
    assert found.row(
        "select count(*) from (select annotation_id from keypoint join annotation using (annotation_id) "
        "join joint using (skeleton, joint) where visibility > 0 and name in "
        "('nose', 'left_shoulder', 'right_shoulder', 'left_hip', 'right_hip') group by 1 having count(*) = 5)"
    ) == (389,)


@pytest.mark.parametrize(
    "name", ["coco_val2017_part/person_keypoints_val2017.json", "ochuman/test_ochuman.json"]
)
def test_pycocotools_agrees(real_data, indexed, name, capsys):
    path = real_data / "pose" / name
    second = COCO(str(path))
    found = indexed(path)
    for image in second.getImgIds():
        theirs = {str(one["id"]): one for one in second.loadAnns(second.getAnnIds(imgIds=image))}
        ours = found.rows(
            "select a.source_id, label, a.area from annotation a join image i using (image_id) "
            "where i.source_id = $1",
            str(image),
        )
        assert {row[0] for row in ours} == set(theirs)
        for source_id, label, area in ours:
            assert label == second.loadCats(theirs[source_id]["category_id"])[0]["name"]
            assert area == theirs[source_id]["area"]
    bones = second.loadCats(second.getCatIds())[0]["skeleton"]
    assert set(found.rows("select least(joint_a, joint_b), greatest(joint_a, joint_b) from bone")) == {
        (min(bone) - 1, max(bone) - 1) for bone in bones
    }


def test_the_known_oddities_are_said(real_data, indexed):
    pose = real_data / "pose"
    assert indexed(pose / "crowdpose").summary.problems == {"skeleton-index-out-of-range": 1}
    assert indexed(pose / "h36m" / "h36m_coco.json").summary.problems["skeleton-counts-from-0"] == 1
    whole = indexed(pose / "coco" / "test_coco_wholebody.json")
    assert whole.summary.problems == {"visibility-invalid": 2}
    assert indexed(pose / "humanart").summary.problems == {}
    for clean in ("aic", "mhp", "ochuman", "halpe", "mpii"):
        assert indexed(pose / clean, format="coco").summary.problems == {}, clean


@pytest.mark.parametrize("name", ["hagrid_2023_val", "hagrid_landmarks"])
def test_hagrid_is_recognised(real_data, name):
    for path in (real_data / name, *sorted((real_data / name).rglob("*.json"))[:3]):
        reader, seen = readers.detect(walk(path))
        assert reader.NAME == "hagrid" and seen.confidence > 0.9 and ".json" in seen.evidence


def test_the_format_of_every_file_and_folder(real_data):
    for name in COCO_FILES:
        path = real_data / "pose" / name
        # Human3.6M's image names tell it; MPII's folder holds its own list beside MPII-TRB's COCO
        special = {"h36m": ("h36m", "h36m"), "mpii": ("coco", "mpii")}
        expected = special.get(path.parent.name, ("coco", "coco"))
        assert tuple(readers.detect(walk(p))[0].NAME for p in (path, path.parent)) == expected, path


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (".", "more than one dataset: hagrid .*; coco "),
        ("README.md", "no dataset that kpaudit knows. Seen: 1 .md"),
        ("pose/h36m/S1", "no dataset that kpaudit knows. Seen: 1 .jpg"),
    ],
)
def test_what_is_no_single_dataset_is_described(real_data, name, told):
    with pytest.raises(UnknownFormat, match=told):
        readers.detect(walk((real_data / name).resolve()))


def test_all_of_it_in_one_workspace(real_data, indexed, tmp_path):
    place = tmp_path / "workspace"
    roots = [
        real_data / "hagrid_landmarks",
        *(real_data / "pose" / name for name in ("coco", "aic", "mhp", "h36m")),
    ]
    for root in roots:
        last = indexed(root, workspace=place)
    assert [row[0] for row in last.rows("select name from dataset order by dataset_id")] == [
        r.name for r in roots
    ]
    for table, key in (("image", "image_id"), ("annotation", "annotation_id")):
        assert last.row(f"select count(*) = count(distinct {key}) from {table}") == (True,)
    assert last.row("select count(*) = count(distinct (skeleton, joint)) from joint") == (True,)
    assert last.row(
        "select count(*) from keypoint where annotation_id not in (select annotation_id from annotation)"
    ) == (0,)
