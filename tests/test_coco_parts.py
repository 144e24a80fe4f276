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
        ({"keypoints": None}, 0, 17, "field-missing", "keypoints is missing; its 17 joints"),
        ({"keypoints": numbers(16, 1.0)}, 0, 17, "wrong-joint-count", "keypoints has 48 numbers, expected"),
        ({"keypoints": []}, 0, 17, "wrong-joint-count", "keypoints has 0 numbers, expected 51"),
        ({"righthand_valid": False}, 112, 21, "visibility-invalid", "righthand_valid is false, but"),
        ({"face_valid": 0}, 23, 68, "visibility-invalid", "face_valid is 0, but"),
        ({"foot_valid": 0.0}, 17, 6, "visibility-invalid", "foot_valid is 0.0, but"),
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


def test_a_body_that_is_missing_everywhere_leaves_the_parts(indexed, path):
    one = {name: value for name, value in person().items() if name != "keypoints"}
    found = indexed({"val.json": document(one)})
    assert found.problems() == [("field-missing", "annotations[0] (id 7)")]
    assert found.row("select skeleton, labelled from annotation") == ("coco-wholebody-133", 116)


def test_lists_of_no_use_are_kept_as_they_are(indexed, path):
    bad = {"keypoints": numbers(16, 1.5), "foot_kpts": [1.0, 2.0]}
    found = indexed({"val.json": document(person(**bad), person(id=8))})
    kept, other = (
        json.loads(row[0]) for row in found.rows("select attributes from annotation order by annotation_id")
    )
    assert {name: kept.get(name) for name in bad} == bad and "body_keypoints" not in kept
    assert not {"keypoints", "foot_kpts"} & set(other)
    # where nothing names so many joints, the lists that are joined need the name
    short = document(person(**bad), {**person(id=8), "category_id": 2}, joints=21)
    short["categories"].append({"id": 2, "name": "other"})
    found = indexed({"val.json": short}, skeleton=skeletons.get("hand-21"))
    kept = json.loads(found.rows("select attributes from annotation order by annotation_id")[0][0])
    assert (len(kept["keypoints"]), kept["body_keypoints"]) == (399, bad["keypoints"])


@pytest.mark.parametrize("flag", [True, 1, 1.0, None])
def test_a_part_whose_flag_says_valid_is_no_problem(indexed, path, flag):
    found = indexed({"val.json": document(person(lefthand_valid=flag))})
    assert found.problems() == []
    assert found.row("select labelled from annotation") == (133,)


@pytest.mark.parametrize(
    ("flag", "told"),
    [
        ("false", '"false"'), ("0", '"0"'), ("", '""'), (2, "2"), (-1, "-1"), (0.5, "0.5"),
        ([False], "[false]"), ("x" * 99, '"' + "x" * 56 + "..."),
    ],
)  # fmt: skip
def test_a_flag_that_is_neither_true_nor_false_is_reported(indexed, path, flag, told):
    found = indexed({"val.json": document(person(lefthand_valid=flag))})
    assert found.problems(True) == [
        (
            "field-type",
            "annotations[0] (id 7)",
            f"lefthand_valid is {told}, expected true or false; taken for true",
        )
    ]
    assert found.row("select labelled from annotation") == (133,)


def test_a_strange_flag_hides_no_other_problem(indexed, path):
    bad = person(foot_valid="no", face_valid=7, bbox=[1, 2, -3, 4], keypoints=[*numbers(16, 1.0), 1, 2, 1.5])
    found = indexed({"val.json": document(bad, person(id=8))})
    kinds = [kind for kind, _ in found.problems()]
    assert kinds == ["field-type", "field-type", "negative-size", "visibility-invalid"]


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


def human_art(number: int, **changes):
    ids = {"id": number, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "num_keypoints": 17}
    return {**ids, "keypoints": numbers(17, 5.5), "keypoints_21": numbers(21, 5.5), **changes}


@pytest.mark.parametrize(
    ("given", "kind", "told"),
    [
        (None, "field-missing", "keypoints_21 is missing"),
        (numbers(20, 1.0), "wrong-joint-count", "keypoints_21 has 60 numbers, expected 63"),
        ([], "wrong-joint-count", "keypoints_21 has 0 numbers, expected 63"),
    ],
)
def test_human_art_without_a_usable_second_list_keeps_its_17(indexed, path, given, kind, told):
    found = indexed({"humanart.json": document(human_art(3, keypoints_21=given), human_art(4), joints=21)})
    rest = "; the 17 joints of keypoints are read, the other 4 are not labelled"
    assert found.problems(True) == [(kind, "annotations[0] (id 3)", told + rest)]
    assert points(found)[:21] == triples(numbers(17, 5.5)) + [(0, 0, 0)] * 4
    assert points(found)[21:] == triples(numbers(21, 5.5))
    rows = found.rows("select skeleton, labelled, attributes from annotation order by annotation_id")
    assert [row[:2] for row in rows] == [("human-art-21", 17), ("human-art-21", 21)]
    assert json.loads(rows[0][2] or "{}") == ({"keypoints_21": given} if given else {})
    assert rows[1][2] is None


def test_human_art_s_second_list_is_reported_also_where_there_is_nothing_to_pad(indexed, path):
    nobody, short = human_art(3, keypoints=[], keypoints_21=[], num_keypoints=0), numbers(20, 1.0)
    broken = human_art(5, keypoints=None, keypoints_21=short, num_keypoints=0)
    found = indexed({"humanart.json": document(nobody, human_art(4), broken, joints=21)})
    told = "keypoints_21 has 60 numbers, expected 63; kept as an attribute"
    assert found.problems(True) == [("wrong-joint-count", "annotations[2] (id 5)", told)]
    rows = found.rows("select labelled, attributes from annotation order by annotation_id")
    assert [row[0] for row in rows] == [0, 21, 0]
    assert rows[0][1] is None and json.loads(rows[2][1]) == {"keypoints_21": short}


def test_a_file_with_17_alone_beside_one_with_21_is_read_as_cocos(indexed, path):
    files = {
        "a/humanart.json": document(human_art(3), joints=21),
        "b/humanart.json": document(human_art(3, keypoints_21=None), joints=21),
    }
    found = indexed(files)
    assert found.rows("select skeleton from annotation order by 1") == [("coco-17",), ("human-art-21",)]
