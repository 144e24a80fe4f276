"""The COCO reader: any number of joints, several categories, and the dialects of other tools."""

from __future__ import annotations

import json

import pytest

from queries import skeletons

FLAGS = (2, 1, 0)


def triples(count: int, at: int = 0) -> list[float]:
    """Every joint at a place of its own, all three flags in turn."""
    return [n for j in range(count) for n in (at + 10.25 + j, at + 200.5 + 2 * j, FLAGS[j % 3])]


def annotation(**fields):
    given = {
        "id": 10,
        "image_id": 1,
        "category_id": 1,
        "bbox": [1.5, 2.5, 30, 40],
        "area": 1100.5,
        "iscrowd": 0,
    }
    return given | {"num_keypoints": 2, "keypoints": triples(3)} | fields


def document(**fields):
    given = {
        "images": [
            {"id": 1, "file_name": "a.jpg", "width": 640, "height": 480},
            {"id": 2, "file_name": "b.jpg", "width": 100, "height": 50},
        ],
        "annotations": [annotation()],
        "categories": [
            {"id": 1, "name": "tri", "keypoints": ["top", "left_b", "right_b"], "skeleton": [[1, 2], [2, 3]]}
        ],
    }
    return given | fields


def category(**fields):
    return [document()["categories"][0] | fields]


POINTS = "select joint, x, y, visibility from keypoint where annotation_id = $1 order by joint"


def points(found, source_id="10"):
    number = found.row("select annotation_id from annotation where source_id = $1", source_id)[0]
    return found.rows(POINTS, number)


def test_every_field(indexed):
    crowd = annotation(id=11, image_id=2, bbox=[5, 6, 7, 8], area=56, iscrowd=1, keypoints=triples(3, 1000))
    found = indexed({"keypoints_train2017.json": document(annotations=[annotation(), crowd])})
    assert found.problems() == []
    assert found.rows(
        "select source_id, key, file_name, split, width, height, subject from image order by 1"
    ) == [("1", "a.jpg", "a.jpg", "train", 640, 480, None), ("2", "b.jpg", "b.jpg", "train", 100, 50, None)]
    assert found.rows(
        "select a.source_id, key, label, x, y, w, h, area, crowd, labelled, visible, kind, a.attributes "
        "from annotation a join image using (image_id) order by 1"
    ) == [
        ("10", "a.jpg", "tri", 1.5, 2.5, 30, 40, 1100.5, False, 2, 1, "instance", None),
        ("11", "b.jpg", "tri", 5, 6, 7, 8, 56, True, 2, 1, "instance", None),
    ]
    assert points(found) == [(0, 10.25, 200.5, 2), (1, 11.25, 202.5, 1), (2, 12.25, 204.5, 0)]
    assert points(found, "11") == [(0, 1010.25, 1200.5, 2), (1, 1011.25, 1202.5, 1), (2, 1012.25, 1204.5, 0)]
    assert found.row("select unit, visibility_recorded, subjects_recorded, classes from dataset") == (
        "pixel",
        True,
        False,
        ["tri"],
    )
    assert found.rows("select joint, name, flip from joint order by joint") == [
        (0, "top", 0),
        (1, "left_b", 2),
        (2, "right_b", 1),
    ]
    assert found.rows("select joint_a, joint_b from bone order by all") == [(0, 1), (1, 2)]


def test_several_categories_with_skeletons_of_their_own(indexed):
    duo = {"id": 7, "name": "duo", "keypoints": ["p", "q"], "skeleton": [[2, 1]]}
    box = {"id": 9, "name": "box only"}
    found = indexed(
        {
            "keypoints.json": document(
                categories=[*category(), duo, box],
                annotations=[
                    annotation(),
                    annotation(id=11, category_id=7, keypoints=triples(2, 50)),
                    {"id": 12, "image_id": 2, "category_id": 9, "bbox": [1, 2, 3, 4]},
                ],
            )
        }
    )
    assert found.problems() == []
    tri, two, none = (row[0] for row in found.rows("select skeleton from annotation order by source_id"))
    assert none is None and tri != two
    joints = "select name from joint where skeleton = $1 order by joint"
    assert found.rows(joints, tri) == [("top",), ("left_b",), ("right_b",)]
    assert found.rows(joints, two) == [("p",), ("q",)]
    assert found.rows("select joint_a, joint_b from bone where skeleton = $1", two) == [(1, 0)]
    assert points(found, "11") == [(0, 60.25, 250.5, 2), (1, 61.25, 252.5, 1)]
    assert found.row("select labelled, visible from annotation where source_id = '12'") == (None, None)


@pytest.mark.parametrize(
    "segmentation",
    [
        [[1, 2, 3, 4, 5, 6.5]],
        {"counts": "abc\\]}", "size": [480, 640]},
        {"counts": [3, 4], "size": [1, 7]},
        [],
    ],
)
def test_segmentations_are_passed_over(indexed, segmentation):
    found = indexed({"keypoints.json": document(annotations=[annotation(segmentation=segmentation)])})
    assert found.problems() == [] and len(points(found)) == 3


def test_two_numbers_a_joint(indexed):
    found = indexed(
        {"keypoints.json": document(annotations=[annotation(keypoints=[1, 2, 3, 4, 5, 6], num_keypoints=3)])}
    )
    assert points(found) == [(0, 1, 2, None), (1, 3, 4, None), (2, 5, 6, None)]
    assert found.row("select labelled, visible from annotation") == (3, None)
    assert found.row("select visibility_recorded from dataset") == (False,)
    assert found.problems() == []


def test_ids_as_text(indexed):
    found = indexed(
        {
            "keypoints.json": document(
                images=[{"id": "0001", "file_name": "a.jpg"}, {"id": "1", "file_name": "b.jpg"}],
                annotations=[
                    annotation(id="x-1", image_id="0001", category_id="1"),
                    annotation(id="x-2", image_id=1),
                ],
            )
        }
    )
    assert found.problems() == []
    assert found.rows("select a.source_id, key from annotation a join image using (image_id) order by 1") == [
        ("x-1", "a.jpg"),
        ("x-2", "b.jpg"),
    ]


@pytest.mark.parametrize(("count", "name"), [(17, "coco-17"), (21, "hand-21"), (5, "unnamed-5")])
def test_categories_without_joint_names_are_guessed_aloud(indexed, count, name):
    found = indexed(
        {
            "keypoints.json": document(
                categories=[{"id": 1, "name": "who"}], annotations=[annotation(keypoints=triples(count))]
            )
        }
    )
    assert found.rows("select distinct skeleton from annotation") == [(name,)]
    assert len(points(found)) == count
    assert [name in note and "who" in note for note in found.summary.notes] == [True]


def test_names_of_a_known_skeleton_bring_its_sigmas(indexed):
    coco = skeletons.get("coco-17")
    spelled = [name.replace("_", " ").title() for name in coco.names]
    found = indexed(
        {
            "keypoints.json": document(
                categories=category(keypoints=spelled, skeleton=[]),
                annotations=[annotation(keypoints=triples(17))],
            )
        }
    )
    rows = found.rows("select name, flip, sigma from joint order by joint")
    assert [row[0] for row in rows] == spelled
    assert [row[1:] for row in rows] == [(joint.flip, joint.sigma) for joint in coco.joints]


def test_bones_that_count_from_0(indexed):
    found = indexed({"keypoints.json": document(categories=category(skeleton=[[0, 1], [1, 2]]))})
    assert found.rows("select joint_a, joint_b from bone order by all") == [(0, 1), (1, 2)]
    assert found.problems() == [("skeleton-counts-from-0", "categories (id 1)")]


@pytest.mark.parametrize(
    ("bones", "kept", "kind"),
    [
        ([[1, 2], [2, 4]], [(0, 1)], "skeleton-index-out-of-range"),
        ([[1, 2], [-1, 2]], [(0, 1)], "skeleton-index-out-of-range"),
        ([[0, 3], [1, 2]], [(0, 1)], "skeleton-index-out-of-range"),
        ("1-2", [], "field-type"),
        ([[1, 2, 3]], [], "field-type"),
    ],
)
def test_bones_that_are_wrong(indexed, bones, kept, kind):
    found = indexed({"keypoints.json": document(categories=category(skeleton=bones))})
    assert found.rows("select joint_a, joint_b from bone order by all") == kept
    assert found.problems() == [(kind, "categories (id 1)")]
    assert len(points(found)) == 3


def test_two_joints_of_one_name_keep_their_places(indexed):
    found = indexed({"keypoints.json": document(categories=category(keypoints=["a", "b", "b"]))})
    assert found.rows("select name from joint order by joint") == [("a #0",), ("b #1",), ("b #2",)]
    assert found.problems() == [("skeleton-names", "categories (id 1)")]
    assert points(found)[2] == (2, 12.25, 204.5, 0)


def test_train_and_val_files_of_one_folder(indexed):
    found = indexed(
        {
            "annotations/person_keypoints_train2017.json": document(),
            "annotations/person_keypoints_val2017.json": document(
                annotations=[annotation(keypoints=triples(3, 7))]
            ),
        }
    )
    assert found.problems() == []
    rows = found.rows(
        "select split, k.x from keypoint k join annotation using (annotation_id) join image using (image_id) "
        "where joint = 0 order by all"
    )
    assert rows == [("train", 10.25), ("val", 17.25)]
    assert found.summary.images == 4


def test_roboflow(indexed):
    found = indexed({f"{part}/_annotations.coco.json": document() for part in ("train", "valid", "test")})
    assert found.rows("select split, count(*) from image group by 1 order by 1") == [
        ("test", 2),
        ("train", 2),
        ("val", 2),
    ]
    assert found.problems() == []


def test_captions_and_instances_beside_keypoints_are_not_read(indexed):
    plain = {k: v for k, v in annotation().items() if "keypoints" not in k}
    found = indexed(
        {
            "annotations/captions_val2017.json": document(
                annotations=[{"id": 1, "image_id": 1, "caption": "x"}], categories=[]
            ),
            "annotations/instances_val2017.json": document(
                annotations=[plain], categories=[{"id": 1, "name": "person"}]
            ),
            "annotations/person_keypoints_val2017.json": document(),
        }
    )
    assert found.rows("select path, status from source_file order by 1") == [
        ("annotations/captions_val2017.json", "skipped"),
        ("annotations/instances_val2017.json", "skipped"),
        ("annotations/person_keypoints_val2017.json", "read"),
    ]
    assert (found.summary.images, found.summary.annotations) == (2, 1)
    assert found.problems() == []


def test_boxes_alone_are_read_too(indexed):
    plain = {k: v for k, v in annotation().items() if "keypoints" not in k}
    found = indexed(
        {"instances_val2017.json": document(annotations=[plain], categories=[{"id": 1, "name": "cat"}])}
    )
    assert found.row("select label, x, skeleton, labelled from annotation") == ("cat", 1.5, None, None)
    assert found.problems() == []


def test_one_name_for_different_joints_in_two_files(indexed):
    found = indexed(
        {
            "train.json": document(),
            "val.json": document(categories=category(keypoints=["X", "left_b", "right_b"])),
        }
    )
    (train, first), (val, second) = found.rows(
        "select split, name from annotation join image using (image_id) join joint using (skeleton) "
        "where joint = 0 order by 1"
    )
    assert (train, first, val, second) == ("train", "top", "val", "X")


def test_fewer_keypoints_than_names(indexed):
    names = [*skeletons.get("coco-17").names, "left_toe", "right_toe"]
    found = indexed(
        {
            "keypoints.json": document(
                categories=category(keypoints=names, skeleton=[[18, 16]]),
                annotations=[annotation(keypoints=triples(17))],
            )
        }
    )
    assert found.rows("select distinct skeleton from annotation") == [("coco-17",)]
    assert found.problems() == [("wrong-joint-count", "categories (id 1)")]
    assert len(points(found)) == 17


def test_num_keypoints_that_lies_is_kept(indexed):
    found = indexed({"keypoints.json": document(annotations=[annotation(num_keypoints=3)])})
    labelled, attributes = found.row("select labelled, attributes from annotation")
    assert labelled == 2 and json.loads(attributes) == {"num_keypoints": 3}
