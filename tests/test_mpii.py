"""MPII in its three forms: the .mat, the toolboxes' list, the hourglass JSON; joints, flags, splits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csc_matrix

from queries.errors import UnknownFormat, UnreadableInput
from tests.matlab_files import cells, mat, mat_v73, structs

NONE = np.zeros((0, 0))


def point(joint: int, visible: Any = 1, person: int = 0) -> dict[str, Any]:
    """A joint at a place that no other joint of any person has."""
    return {"x": 100.0 * person + joint + 1, "y": 50.0 + 2 * joint, "id": joint, "is_visible": visible}


def person(*points: dict[str, Any], number: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "x1": 1.0 + number, "y1": 2.0, "x2": 31.0 + number, "y2": 42.0,
        "annopoints": structs({"point": structs(*points)}) if points else NONE,
        "scale": 1.5 + number, "objpos": structs({"x": 300.0 + number, "y": 200.0}), **more,
    }  # fmt: skip


def release(images: list[tuple[str, Any]], **more: Any) -> bytes:
    """RELEASE with these (name, annorect) as annolist; the lists beside it, if not given, are right."""
    count = len(images)
    annolist = structs(
        *(
            {"image": structs({"name": name}), "annorect": rect, "vididx": 1.0, "frame_sec": 11.0 + at}
            for at, (name, rect) in enumerate(images)
        )
    )
    fields = {
        "annolist": annolist,
        "img_train": np.ones((1, count), np.uint8),
        "single_person": cells(*[np.array([[1]], np.uint8)] * count),
        "act": structs(
            *({"act_name": f"curling {at}", "cat_name": "sports", "act_id": at + 1} for at in range(count))
        ).T,
        "video_list": cells("yT_1", "yT_2").T,
        **more,
    }
    return mat(RELEASE=structs({name: value for name, value in fields.items() if value is not None}))


ORIGINAL = release(
    [
        # every visibility there is: numbers, text, nothing; head top and upper neck have none in the dataset
        ("000000001.jpg", structs(
            person(point(0), point(1, 0), point(2, "1"), point(3, "0"), point(9, NONE)),
            person(*(point(joint, 1, 1) for joint in range(16)), number=1),
            person(number=2),
        )),
        ("000000002.jpg", structs(person(point(15)))),  # one person with one joint: Matlab's 1×1
        ("000000003.jpg", NONE),  # nobody
        ("000000004.jpg", structs({"scale": 2.5, "objpos": structs({"x": 7.0, "y": 8.0})})),  # withheld
    ],
    img_train=np.array([[1, 1, 1, 0]], np.uint8),
    single_person=cells(np.array([[2], [3]]), np.array([[1]]), NONE, np.array([[1]])),
)  # fmt: skip


@pytest.fixture(name="original")
def original_fixture(indexed):
    return indexed({"mpii_human_pose_v1_u12_1.mat": ORIGINAL})


def test_the_mat_reads_every_image_and_person(original):
    assert (original.summary.format, original.summary.images, original.summary.annotations) == ("mpii", 4, 5)
    assert original.problems() == []
    assert original.rows("select key, split, source_id from image order by all") == [
        ("000000001.jpg", "train", "1"), ("000000002.jpg", "train", "2"),
        ("000000003.jpg", "train", "3"), ("000000004.jpg", "test", "4"),
    ]  # fmt: skip
    # labelled joints: a person without annopoints has no keypoint rows, and an image without people no person
    assert original.rows("select source_id, labelled from annotation order by all") == [
        ("1/1", 4), ("1/2", 16), ("1/3", 0), ("2/1", 1), ("4/1", 0),
    ]  # fmt: skip
    assert original.rows("select distinct x, label, skeleton, kind from annotation") == [
        (None, "person", "mpii-16", "instance")
    ]


def test_the_mat_keeps_each_joint_at_its_place_with_its_visibility(original):
    rows = original.rows(
        "select joint, k.x, k.y, visibility from keypoint k join annotation using (annotation_id) "
        "where source_id = '1/1' order by joint"
    )
    assert rows[:4] == [(0, 1, 50, 2), (1, 2, 52, 1), (2, 3, 54, 2), (3, 4, 56, 1)]
    assert rows[9] == (9, 10, 68, None)  # a flag that is empty is not recorded, and is not 2
    assert {row[1:] for at, row in enumerate(rows) if at not in (0, 1, 2, 3, 9)} == {(None, None, 0)}
    assert len(rows) == 16
    full = original.rows(
        "select joint, k.x, k.y from keypoint k join annotation using (annotation_id) "
        "where source_id = '1/2' order by joint"
    )
    assert full == [(joint, 101 + joint, 50 + 2 * joint) for joint in range(16)]
    assert original.rows("select name from joint order by joint")[::15] == [("right_ankle",), ("left_wrist",)]


def test_head_box_scale_and_activity_are_attributes(original):
    found = [
        json.loads(row[0]) for row in original.rows("select attributes from annotation order by source_id")
    ]
    assert found[0] == {
        "head_box": [1, 2, 31, 42],
        "objpos": [300, 200],
        "scale": 1.5,
        "single_person": False,
    }
    assert found[1]["single_person"] is True
    assert found[4] == {"objpos": [7, 8], "scale": 2.5, "single_person": True}
    image = json.loads(original.row("select attributes from image where key = '000000002.jpg'")[0])
    assert image == {
        "activity": "curling 1", "category": "sports", "act_id": 2, "vididx": 1, "video": "yT_1",
        "frame_sec": 12,
    }  # fmt: skip


def test_the_given_split_wins(indexed):
    found = indexed({"a.mat": ORIGINAL}, split="val")
    assert found.rows("select distinct split from image") == [("val",)]


def test_bad_records_of_the_mat_are_reported_and_the_rest_loads(indexed):
    doubled = person(point(4), {**point(4), "x": 9.0})
    found = indexed(
        {
            "mpii_human_pose_v1_u12_1.mat": release(
                [
                    (NONE, structs(person(point(0)))),
                    ("2.jpg", structs(person(point(0), {**point(1), "id": 16}, {**point(2), "id": NONE}))),
                    ("3.jpg", structs(person({**point(3), "x": NONE}, point(5, 2), point(6, "x")))),
                    ("4.jpg", structs(doubled)),
                    ("5.jpg", structs(person(point(0), x1=NONE), person(point(1), x1=np.nan))),
                    ("6.jpg", structs(person(point(7), annopoints=structs({"pint": 1.0})))),
                    ("7.jpg", np.array([[1.0, 2.0]])),
                    ("8.jpg", structs(*[{name: NONE for name in person()}, person(point(8))])),
                    ("9.jpg", structs(person({**point(0), "x": np.inf}))),
                ],
                img_train=np.array([[1, 1, 1, 3, 1, 1]], np.uint8),
                single_person=None,
            )
        }
    )
    assert found.problems() == [
        ("field-missing", "RELEASE"), ("field-missing", "annolist(1)"),
        ("field-missing", "annolist(3).annorect(1).point(1)"), ("field-missing", "annolist(5).annorect(1)"),
        ("field-missing", "annolist(6).annorect(1)"), ("field-type", "annolist(7)"),
        ("field-type", "img_train(4)"),
        ("length-mismatch", "RELEASE"),
        ("non-finite-coordinate", "annolist(5).annorect(2)"),
        ("non-finite-coordinate", "annolist(9).annorect(1)"),
        ("record-malformed", "annolist(2).annorect(1).point(2)"),
        ("record-malformed", "annolist(2).annorect(1).point(3)"),
        ("record-malformed", "annolist(4).annorect(1).point(2)"),
        ("record-malformed", "annolist(8).annorect(1)"),
        ("visibility-invalid", "annolist(3).annorect(1).point(2)"),
        ("visibility-invalid", "annolist(3).annorect(1).point(3)"),
    ]  # fmt: skip
    assert found.rows("select key, split from image order by all") == [
        ("2.jpg", "train"), ("3.jpg", "train"), ("4.jpg", "unsplit"), ("5.jpg", "train"), ("6.jpg", "train"),
        ("7.jpg", "unsplit"), ("8.jpg", "unsplit"), ("9.jpg", "unsplit"),
    ]  # fmt: skip
    kept = found.row(
        "select k.x, visibility from keypoint k join annotation using (annotation_id) "
        "where source_id = '4/1' and joint = 4"
    )
    assert kept == (5, 2)
    assert found.row("select count(*) from annotation where source_id = '8/2'") == (1,)
    assert found.row("select status from source_file") == ("tolerant",)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (mat_v73("RELEASE"), "v7.3"),
        (mat(RELEASE=1.0), "expected the struct RELEASE"),
        (mat(joints=np.zeros((3, 3))), "holds joints, expected the struct RELEASE"),
        (mat(RELEASE=structs({"img_train": 1})), "without annolist"),
        (ORIGINAL[: len(ORIGINAL) // 2], "Matlab"),
        (b"no mat at all", "no Matlab file"),
    ],
)
def test_a_mat_that_is_not_mpii_is_refused_in_one_sentence(indexed, content, told):
    with pytest.raises(UnreadableInput, match=told) as error:
        indexed({"mpii_human_pose_v1_u12_1.mat": content}, format="mpii")
    assert "\n" not in str(error.value)


def test_sparse_numbers_in_the_mat_are_read_like_any_other(indexed):
    sparse = {name: csc_matrix([[value]]) for name, value in {**point(3), "y": 0.0}.items()}
    content = release([("1.jpg", structs(person(sparse)))], img_train=csc_matrix([[0.0]]))
    found = indexed({"mpii_human_pose_v1_u12_1.mat": content})
    assert found.problems() == []
    assert found.row("select x, y, visibility from keypoint where joint = 3") == (4, 0, 2)
    assert found.row("select split from image") == ("test",)


def test_a_mat_of_nobody_is_no_dataset(indexed):
    with pytest.raises(UnknownFormat, match=r"1 \.mat"):
        indexed({"annolist_test.mat": mat(annolist_test_multi=structs({"annorect": NONE}))})


def listed(image: str, number: int = 0, **more: Any) -> dict[str, Any]:
    joints = [[10.0 + joint + 100 * number, 20.0 + 3 * joint] for joint in range(16)]
    return {
        "image": image, "joints": joints, "joints_vis": [1] * 16, "center": [30.5, 40.0], "scale": 2.25,
        **more,
    }  # fmt: skip


def test_the_list_groups_persons_by_image_and_takes_the_split_from_its_name(indexed):
    hidden = listed("1.jpg", 1)
    hidden["joints_vis"][2:6] = [0, 0, 0, 1]
    hidden["joints"][2:5] = [[-1.0, -1.0], [0.0, 0.0], [5.0, 6.0]]
    found = indexed(
        {
            "annot/mpii_train.json": [listed("1.jpg"), listed("2.jpg"), hidden],
            "annot/mpii_val.json": [listed("3.jpg")],
            "annot/mpii_trainval.json": [listed("1.jpg")],
            "annot/mpii_test.json": [{"image": "4.jpg", "center": [1, 2], "scale": 3.0}],
            "annot/mpii_gt_val.mat": mat(dataset_joints=cells("head"), pos_gt_src=np.zeros((16, 2, 3))),
        }
    )
    assert found.problems() == []
    assert found.rows("select key, split from image order by all") == [
        ("1.jpg", "train"), ("2.jpg", "train"), ("3.jpg", "val"), ("4.jpg", "test"),
    ]  # fmt: skip
    rows = found.rows(
        "select joint, k.x, k.y, visibility from keypoint k join annotation using (annotation_id) "
        "where labelled = 13 order by joint"
    )
    assert rows[1:6] == [
        (1, 111, 23, 2), (2, None, None, 0), (3, None, None, 0), (4, 5, 6, 0), (5, 115, 35, 2),
    ]  # fmt: skip
    attributes = found.rows("select distinct attributes from annotation where labelled > 0")
    assert [json.loads(row[0]) for row in attributes] == [{"center": [30.5, 40], "scale": 2.25}]
    assert dict(found.rows("select path, status from source_file")) == {
        "annot/mpii_train.json": "read", "annot/mpii_val.json": "read", "annot/mpii_trainval.json": "skipped",
        "annot/mpii_test.json": "read", "annot/mpii_gt_val.mat": "skipped",
    }  # fmt: skip
    assert found.row("select labelled from annotation join image using (image_id) where key = '4.jpg'") == (
        0,
    )
    assert any("withheld" in note for note in found.summary.notes)


def test_bad_records_of_the_list_are_reported_and_the_rest_loads(indexed):
    records = [
        listed("0.jpg"), 7, {**listed("2.jpg"), "image": None}, {**listed("3.jpg"), "joints": [[1, 2]] * 14},
        {**listed("4.jpg"), "joints_vis": [1] * 15},
        {**listed("5.jpg"), "joints_vis": [1] * 14 + [2, None]},
        {**listed("6.jpg"), "joints": [[-1, -1], [1], "x", *[[3, 4]] * 13]},
        {"image": "7.jpg", "center": [1, 2], "scale": 1.0},
        {**listed("8.jpg"), "center": "middle"},
    ]  # fmt: skip
    found = indexed({"mpii_train.json": records})
    assert found.problems() == [
        ("field-missing", "[2]"), ("field-missing", "[7]"), ("field-type", "[6]"), ("field-type", "[6]"),
        ("field-type", "[6]"), ("field-type", "[8]"), ("length-mismatch", "[4]"), ("record-malformed", "[1]"),
        ("visibility-invalid", "[5]"), ("visibility-invalid", "[6]"), ("wrong-joint-count", "[3]"),
    ]  # fmt: skip
    assert found.row("select count(*) from image") == (7,)
    assert found.rows(
        "select distinct visibility from keypoint join annotation using (annotation_id) "
        "join image using (image_id) where key = '4.jpg'"
    ) == [(None,)]


def test_a_broken_list_loads_around_the_break(indexed):
    text = json.dumps([listed("0.jpg"), listed("1.jpg"), listed("2.jpg")])
    found = indexed({"mpii_val.json": text.replace('"image": "1.jpg"', '"image" "1.jpg"')})
    assert [kind for kind, _ in found.problems()] == ["json-malformed"]
    assert found.rows("select key from image order by all") == [("0.jpg",), ("2.jpg",)]


def rows_of(number: int) -> list[list[float]]:
    return [[1.0 + joint + 100 * number, 5.0 + joint, 1.0] for joint in range(16)]


def hourglass(image: str, number: int, others: Any, validation: float = 0.0, **more: Any) -> dict[str, Any]:
    return {
        "dataset": "MPI", "isValidation": validation, "img_paths": image, "img_width": 1280.0,
        "img_height": 720.0,
        "objpos": [594.0, 257.0], "joint_self": rows_of(number), "scale_provided": 3.021,
        "joint_others": others,
        "scale_provided_other": 2.5, "objpos_other": [952.0, 222.0], "annolist_index": 5.0,
        "people_index": 1.0 + number, "numOtherPeople": 1.0, **more,
    }  # fmt: skip


#: How jsonlab spells out an empty list.
EMPTY = {"_ArrayType_": "double", "_ArraySize_": [0, 0], "_ArrayData_": None}


def test_the_hourglass_file_counts_each_person_once(indexed):
    own = rows_of(0)
    own[1][2], own[2] = 0.0, [0.0, 0.0, 0.0]
    cut = rows_of(2)[:10]
    found = indexed(
        {
            "mpii_annotations.json": [
                hourglass("a.jpg", 0, rows_of(1), joint_self=own),  # one other person: no outer brackets
                hourglass(
                    "a.jpg",
                    1,
                    [own, cut],
                    scale_provided_other=[3.021, 0.5],
                    objpos_other=[[594, 257], [8, 9]],
                ),
                hourglass("b.jpg", 3, EMPTY, 1.0),
                hourglass("c.jpg", 4, [rows_of(5)], 0.0),
                hourglass("c.jpg", 5, None, 1.0),
            ]
        }
    )
    assert found.problems() == []
    assert found.rows("select key, split, width, height, source_id from image order by all") == [
        ("a.jpg", "train", 1280, 720, "5"), ("b.jpg", "val", 1280, 720, "5"),
        ("c.jpg", "train", 1280, 720, "5"), ("c.jpg", "val", 1280, 720, "5"),
    ]  # fmt: skip
    counts = (
        "select key, split, count(*) from annotation join image using (image_id) group by all order by all"
    )
    assert found.rows(counts) == [
        ("a.jpg", "train", 3), ("b.jpg", "val", 1), ("c.jpg", "train", 1), ("c.jpg", "val", 1),
    ]  # fmt: skip
    rows = found.rows(
        "select joint, k.x, k.y, visibility from keypoint k join annotation using (annotation_id) "
        "where source_id = '5/1' order by joint limit 4"
    )
    assert rows == [(0, 1, 5, 2), (1, 2, 6, 1), (2, None, None, 0), (3, 4, 8, 2)]
    other = found.row("select labelled, attributes from annotation where attributes->>'only_in_joint_others'")
    assert other[0] == 10
    assert json.loads(other[1]) == {"objpos": [8, 9], "scale": 0.5, "only_in_joint_others": True}


def test_bad_records_of_the_hourglass_file_are_reported(indexed):
    found = indexed(
        {
            "x.json": {
                "root": [
                    hourglass("a.jpg", 0, EMPTY, joint_self=rows_of(0)[:14]),
                    hourglass("b.jpg", 0, "none"),
                    hourglass("c.jpg", 0, [rows_of(1) * 2, [[1.0, 2.0]] * 16]),
                    hourglass("d.jpg", 0, EMPTY, 7.0),
                    hourglass("e.jpg", 0, EMPTY, img_paths=[]),
                    hourglass("f.jpg", 0, EMPTY, joint_self=[[1.0, 2.0, 5.0], *rows_of(0)[1:]]),
                ]
            }
        }
    )
    assert sorted(set(found.problems())) == [
        ("field-missing", "root[3]"), ("field-missing", "root[4]"), ("field-type", "root[1]"),
        ("field-type", "root[2]"), ("visibility-invalid", "root[5]"), ("wrong-joint-count", "root[0]"),
        ("wrong-joint-count", "root[2]"),
    ]  # fmt: skip
    assert found.rows("select key, split from image order by all") == [
        ("a.jpg", "train"), ("b.jpg", "train"), ("c.jpg", "train"), ("d.jpg", "unsplit"), ("f.jpg", "train"),
    ]  # fmt: skip


def test_one_variant_is_read_and_the_others_are_said_to_be_left_out(indexed):
    files = {
        "mpii_human_pose_v1_u12_1.mat": ORIGINAL,
        "mpii_train.json": [listed("000000001.jpg")],
        "mpii_annotations.json": [hourglass("000000001.jpg", 0, EMPTY)],
    }
    found = indexed(files)
    assert found.summary.images == 4
    assert any("mpii_train.json" in note for note in found.summary.notes)
    broken = indexed({**files, "mpii_human_pose_v1_u12_1.mat": mat_v73()})
    assert broken.rows("select path, status from source_file order by all") == [
        ("mpii_annotations.json", "skipped"), ("mpii_human_pose_v1_u12_1.mat", "skipped"),
        ("mpii_train.json", "read"),
    ]  # fmt: skip
    assert any(
        "v7.3" in row[0] for row in broken.rows("select detail from source_file where status = 'skipped'")
    )


def test_a_folder_with_coco_of_other_images_is_two_datasets(indexed):
    coco = {
        "images": [{"id": 1, "file_name": "000000000139.jpg", "width": 9, "height": 9}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [1, 1, 2], "bbox": [0, 0, 1, 1]}
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": ["nose"]}],
    }
    with pytest.raises(UnknownFormat, match="more than one dataset"):
        indexed({"mpii_val.json": [listed("1.jpg")], "person_keypoints.json": coco})


def test_a_skeleton_of_another_size_is_refused(indexed, real_skeleton):
    with pytest.raises(UnreadableInput, match="MPII's persons have 16"):
        indexed({"mpii_val.json": [listed("1.jpg")]}, skeleton=real_skeleton)


@pytest.fixture(name="real_skeleton")
def real_skeleton_fixture():
    from queries import skeletons  # noqa: PLC0415

    return skeletons.get("lsp-14")


def test_the_real_list(indexed, real_data: Path):
    folder = real_data / "pose" / "mpii"
    records = json.loads((folder / "test_mpii.json").read_text())
    labelled = sum(flag == 1 for record in records for flag in record["joints_vis"])
    found = indexed(folder)
    assert (found.summary.format, found.summary.images, found.summary.annotations) == (
        "mpii", len({record["image"] for record in records}), len(records),
    )  # fmt: skip
    assert found.row("select count(*) filter (visibility = 2), count(x) from keypoint") == (
        labelled,
        labelled,
    )
    assert any("test_mpii_trb.json" in note for note in found.summary.notes)
    assert indexed(folder / "test_mpii_trb.json").summary.format == "coco"
