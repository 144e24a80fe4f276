"""MHP v2's own layout: a .mat an image, 20 rows a person, flags, boxes, and the lists of ids."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csc_matrix

from queries import skeletons
from queries.errors import UnknownFormat, UnreadableInput
from tests.matlab_files import mat, mat_v73

POINTS = (
    "select joint, k.x, k.y, visibility from keypoint k join annotation a using (annotation_id) "
    "where a.source_id = ? order by joint"
)


def person(number: int = 0) -> np.ndarray:
    """20×3: each row of each person at a place of its own, all visible."""
    found = np.zeros((20, 3), np.float32)
    found[:, 0] = np.arange(20) + 1 + 100 * number
    found[:, 1] = 2 * np.arange(20) + 5
    found[16, :2], found[17, :2] = (40 + number, 41), (60 + number, 71)
    found[18, :2], found[19, :2] = (10 + number, 20), (110 + number, 220)
    return found


def flagged() -> np.ndarray:
    found = person(1)
    found[1] = (-1, -1, 1)  # occluded: the tool takes its place away
    found[2] = (-1, -1, 2)  # out of the image
    found[3, 2] = 1  # occluded, with a place
    found[4, 2] = 0.9999999  # an occluded one, scaled and scaled back
    found[5] = (-1, -1, -1)  # never filled
    found[16] = found[17] = (-1, -1, 1)
    return found


LAYOUT = {
    "LV-MHP-v2/train/pose_annos/12.mat": mat(person_0=person(), person_1=flagged()),
    "LV-MHP-v2/train/pose_annos/7.mat": mat(**{f"person_{n}": person(n) for n in range(11)}),
    "LV-MHP-v2/train/pose_annos/8.mat": mat(),  # nobody
    "LV-MHP-v2/val/pose_annos/30.mat": mat(person_0=person()),
    "LV-MHP-v2/list/train.txt": "12\n7\n8\n",
    "LV-MHP-v2/list/val.txt": "30\n31\n",
    "LV-MHP-v2/list/test_all.txt": "50\r\n51\r\n",
    "LV-MHP-v2/list/test_inter_top10.txt": "50\n",
}


@pytest.fixture(name="layout")
def layout_fixture(indexed):
    return indexed(LAYOUT)


def test_every_image_of_the_layout_in_its_split(layout):
    assert (layout.summary.format, layout.problems()) == ("mhp", [])
    found = layout.rows(
        "select file_name, split, count(annotation_id) from image left join annotation using (image_id) "
        "group by all order by all"
    )
    assert found == [
        ("LV-MHP-v2/test/images/50.jpg", "test", 0), ("LV-MHP-v2/test/images/51.jpg", "test", 0),
        ("LV-MHP-v2/train/images/12.jpg", "train", 2), ("LV-MHP-v2/train/images/7.jpg", "train", 11),
        ("LV-MHP-v2/train/images/8.jpg", "train", 0),
        ("LV-MHP-v2/val/images/30.jpg", "val", 1), ("LV-MHP-v2/val/images/31.jpg", "val", 0),
    ]  # fmt: skip
    assert layout.rows(
        "select a.source_id from annotation a join image using (image_id) "
        "where key like '%/7.jpg' order by ordinal"
    ) == [(f"person_{number}",) for number in range(11)]
    assert sorted(note[:4] for note in layout.summary.notes) == ["1 of", "2 of"]


def test_joints_boxes_and_flags(layout):
    first = layout.rows(POINTS.replace("select", "select distinct"), "person_0")
    assert first == [(joint, joint + 1, 2 * joint + 5, 2) for joint in range(16)]
    rows = layout.rows(
        POINTS.replace("where", "join image i using (image_id) where i.key like '%/12.jpg' and"), "person_1"
    )
    assert rows[:7] == [
        (0, 101, 5, 2), (1, None, None, 0), (2, None, None, 0), (3, 104, 11, 1), (4, 105, 13, 1),
        (5, None, None, 0), (6, 107, 17, 2),
    ]  # fmt: skip
    found = layout.rows(
        "select a.source_id, a.x, a.y, a.w, a.h, labelled, visible, a.attributes from annotation a "
        "join image using (image_id) where key like '%/12.jpg' order by 1"
    )
    assert found[0][:-1] == ("person_0", 10, 20, 100, 200, 16, 16)
    assert json.loads(found[0][-1]) == {"face_box": [40, 41, 60, 71]}
    assert found[1][:-1] == ("person_1", 11, 20, 100, 200, 13, 11)
    assert json.loads(found[1][-1]) == {"joint_flags": [0, 1, 2, 1, 1, -1, *[0] * 10]}


def test_bad_files_are_reported_and_the_rest_loads(indexed):
    bad, boxless = person(), person()
    bad[0], bad[1, 2], bad[2, 0] = (-1, -1, 0), 3, np.nan
    boxless[19] = (-1, -1, 2)
    found = indexed(
        {
            "pose_annos/1.mat": mat(person_0=bad, person_1=person(1)[:16], person_2=person(2).T),
            "pose_annos/2.mat": mat(RELEASE=1.0),
            "pose_annos/3.mat": mat_v73("person_0"),
            "pose_annos/4.mat": b"",
            "pose_annos/5.mat": b"nothing",
            "pose_annos/6.mat": mat(person_0=boxless, note="x"),
            "pose_annos/7.mat": mat(person_0=np.array([["a"]])),
        }
    )
    assert found.problems() == [
        ("file-unreadable", "file"), ("file-unreadable", "file"), ("file-unreadable", "file"),
        ("file-unreadable", "file"), ("non-finite-coordinate", "person_0"),
        ("visibility-invalid", "person_0"),
        ("visibility-invalid", "person_0"), ("wrong-joint-count", "person_0"),
        ("wrong-joint-count", "person_1"),
        ("wrong-joint-count", "person_2"),
    ]  # fmt: skip
    assert any("v7.3" in message for _, _, message in found.problems(True))
    assert any("holds RELEASE, expected person_0" in message for _, _, message in found.problems(True))
    assert found.rows("select key from image order by all") == [
        ("images/1.jpg",),
        ("images/6.jpg",),
        ("images/7.jpg",),
    ]
    persons = "select key, a.x, labelled from annotation a join image using (image_id) order by all"
    assert found.rows(persons) == [
        ("images/1.jpg", 10, 14), ("images/1.jpg", None, 0), ("images/1.jpg", None, 0),
        ("images/6.jpg", None, 16), ("images/7.jpg", None, 0),
    ]  # fmt: skip


def test_a_single_file_and_a_folder_of_files(indexed, tmp_path: Path):
    single = tmp_path / "single" / "12.mat"
    single.parent.mkdir()
    single.write_bytes(LAYOUT["LV-MHP-v2/train/pose_annos/12.mat"])
    found = indexed(single)
    assert (found.summary.format, found.summary.annotations) == ("mhp", 2)
    assert found.rows("select key, split from image") == [("12.jpg", "unsplit")]
    with pytest.raises(UnreadableInput, match="expected person_0"):
        indexed({"a.mat": mat(joints=1.0)}, format="mhp")
    with pytest.raises(UnknownFormat):
        indexed({"a.mat": mat(joints=1.0), "b.mat": mat(person=1.0)})


def test_thousands_of_files_are_stored_in_few_batches(indexed):
    content = mat(person_0=person())
    found = indexed({f"val/pose_annos/{number}.mat": content for number in range(1500)})
    assert (found.summary.images, found.summary.keypoints) == (1500, 24000)
    assert found.row("select count(distinct file_id), min(records), max(records) from source_file") == (
        1500,
        1,
        1,
    )
    # loading 25,000 such files must not take a round of SQL each
    assert found.summary.seconds < 20


def test_coco_copies_are_left_out_and_read_alone(indexed, real_data: Path):
    copy = (real_data / "pose" / "mhp" / "test_mhp.json").read_text()
    found = indexed({**LAYOUT, "LV-MHP-v2/annotations/mhp_val.json": copy})
    assert (found.summary.format, found.summary.annotations) == ("mhp", 14)
    assert any("mhp_val.json" in note for note in found.summary.notes)
    assert indexed({"mhp_val.json": copy}).summary.format == "coco"


def test_options(indexed):
    assert indexed(LAYOUT, split="val").rows("select distinct split from image") == [("val",)]
    with pytest.raises(UnreadableInput, match="MHP's persons have 16"):
        indexed(LAYOUT, skeleton=skeletons.get("lsp-14"))


def test_a_sparse_person_is_read_like_any_other(indexed):
    sparse = csc_matrix(person().astype(float))
    found = indexed({"pose_annos/1.mat": mat(person_0=person()), "pose_annos/2.mat": mat(person_0=sparse)})
    assert found.problems() == []
    rows = found.rows(
        "select image_id, joint, k.x, k.y, visibility from keypoint k join annotation using (annotation_id) "
        "order by 1, 2"
    )
    assert len(rows) == 32 and [row[1:] for row in rows[:16]] == [row[1:] for row in rows[16:]]
