"""COCO-WholeBody's five lists and Human-Art's second one: one skeleton in the end, nothing made up."""

from __future__ import annotations

import json

import pytest

from queries import skeletons
from queries.readers import base

PARTS = {"keypoints": 17, "foot_kpts": 6, "face_kpts": 68, "lefthand_kpts": 21, "righthand_kpts": 21}


def numbers(count: int, at: float, flag: float = 2) -> list[float]:
    """Every joint at a place of its own."""
    return [value for joint in range(count) for value in (at + joint, 2 * at + joint, flag)]


def person(**changes):
    lists = {name: numbers(count, 100.5 * (i + 1), 1 + i % 2) for i, (name, count) in enumerate(PARTS.items())}
    valid = {f"{part}_valid": True for part in ("foot", "face", "lefthand", "righthand")}
    boxes = {"face_box": [1, 2, 3, 4], "lefthand_box": [0.0, 0.0, 0.0, 0.0]}
    ids = {"id": 7, "image_id": 1, "category_id": 1, "bbox": [0, 0, 50, 50], "num_keypoints": 17}
    return {**ids, **lists, **valid, **boxes, **changes}


def document(*annotations, joints: int = 17):
    names = list(skeletons.get("coco-17" if joints == 17 else "human-art-21").names)
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480, "author": "Ann", "category": "oil"}],
        "annotations": list(annotations),
        "categories": [{"id": 1, "name": "person", "keypoints": names, "skeleton": []}],
    }


def points(found):
    return found.rows("select x, y, visibility from keypoint order by annotation_id, joint")


def triples(values):
    return [tuple(values[i : i + 3]) for i in range(0, len(values), 3)]


@pytest.fixture(params=["strict", "streamed"])
def path(request, monkeypatch):
    """Both ways of reading a file must join the lists alike."""
    if request.param == "streamed":
        monkeypatch.setattr(base, "STRICT_LIMIT", 0)
    return request.param


def test_whole_body_is_133_joints_in_the_published_order(indexed, path):
    one = person()
    found = indexed({"coco_wholebody_val_v1.0.json": document(one)})
    assert found.problems() == []
    assert points(found) == triples([value for name in PARTS for value in one[name]])
    skeleton, labelled, attributes = found.row("select skeleton, labelled, attributes from annotation")
    assert (skeleton, labelled) == ("coco-wholebody-133", 133)
    kept = json.loads(attributes)
    # num_keypoints counts the 17 of the body: it agrees, and is not kept as one that does not
    assert "num_keypoints" not in kept
    assert kept["face_box"] == [1, 2, 3, 4] and kept["foot_valid"] is True
    names = [row[0] for row in found.rows("select name from joint order by joint")]
    assert names[:17] == list(skeletons.get("coco-17").names)
    assert [names[i] for i in (17, 23, 91, 112)] == [
        skeletons.get("coco-wholebody-133").names[i] for i in (17, 23, 91, 112)
    ]


@pytest.mark.parametrize(
    ("changes", "first", "count", "kind", "told"),
    [
        ({"face_kpts": numbers(67, 1.0)}, 23, 68, "wrong-joint-count", "face_kpts has 201 numbers, expected 204"),
        ({"foot_kpts": []}, 17, 6, "wrong-joint-count", "foot_kpts has 0 numbers, expected 18"),
        ({"lefthand_kpts": None}, 91, 21, "field-missing", "lefthand_kpts is missing"),
        ({"righthand_valid": False}, 112, 21, "visibility-invalid", "righthand_valid is false"),
    ],
)
def test_a_part_that_does_not_fit_is_reported_and_not_labelled(indexed, path, changes, first, count, kind, told):
    found = indexed({"val.json": document(person(**changes), person(id=8))})
    ((found_kind, locator, message),) = found.problems(True)
    assert (found_kind, locator) == (kind, "annotations[0] (id 7)")
    assert told in message
    flags = [flag for *_, flag in points(found)]
    assert all(flag == 0 for flag in flags[first : first + count])
    assert all(flag > 0 for flag in flags[:first] + flags[first + count :])
    assert len(flags) == 266


def test_a_part_that_is_not_valid_and_says_so_is_no_problem(indexed, path):
    found = indexed({"val.json": document(person(face_kpts=[0.0] * 204, face_valid=False))})
    assert found.problems() == []
    assert found.row("select labelled from annotation") == (133 - 68,)


def test_human_art_has_21_joints_and_its_attributes(indexed, path):
    one = {"id": 3, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "num_keypoints": 17}
    one |= {"keypoints": numbers(17, 5.5), "keypoints_21": numbers(21, 5.5), "self_contact": [1], "annotator": 42}
    found = indexed({"training_humanart.json": document(one, joints=21)})
    assert found.problems() == []
    assert points(found) == triples(one["keypoints_21"])
    assert found.row("select distinct skeleton from annotation") == ("human-art-21",)
    assert json.loads(found.row("select attributes from annotation")[0]) == {"self_contact": [1], "annotator": 42}
    assert json.loads(found.row("select attributes from image")[0]) == {"category": "oil", "author": "Ann"}


def test_human_art_with_17_alone_is_read_as_cocos(indexed, path):
    one = {"id": 3, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "num_keypoints": 17}
    found = indexed({"training_humanart.json": document(one | {"keypoints": numbers(17, 5.5)}, joints=21)})
    assert found.problems(True)[0][0] == "wrong-joint-count"
    assert found.row("select distinct skeleton from annotation") == ("coco-17",)
    assert len(points(found)) == 17
