"""DataTorch: an export in the structure of a real one, and its label metadata."""

from __future__ import annotations

import pytest

from queries.errors import UnknownFormat
from queries.skeletons import from_file

WORM = {"keypoints": ["top", "middle", "bottom"], "skeleton": [[1, 2], [2, 3]]}


def export(flags=(1, 1, 1)) -> dict:
    """Keypoints and outline of one worm: two annotations, the first without a box."""
    points = [n for joint, flag in enumerate(flags) for n in (10.5 + joint, 20.25 + joint, flag)]
    return {
        "info": {
            "year": 2022,
            "version": "0.1.0",
            "description": "",
            "url": "",
            "date_created": 1662465626782,
        },
        "categories": [{"id": 1, "datatorch_id": "89106ccd", "name": "worm", **WORM, "supercategory": None}],
        "images": [
            {
                "id": 1,
                "datatorch_id": "76d6a7cc",
                "storage_id": "c1e587a9",
                "path": "/pictures/image_1.png",
                "width": 250,
                "height": 170,
                "file_name": "image_1.png",
                "metadata": {},
                "date_captured": "2022",
            }
        ],
        "annotations": [
            {
                "id": 1,
                "datatorch_id": "0a16",
                "image_id": 1,
                "category_id": 1,
                "keypoints": points,
                "segmentation": [],
                "area": 0,
                "bbox": [],
                "iscrowd": 0,
            },
            {
                "id": 2,
                "datatorch_id": "09a7",
                "image_id": 1,
                "category_id": 1,
                "segmentation": [[9.5, 137.4, 34.3, 102, 48.7, 66.3]],
                "area": 3129.78,
                "bbox": [7.5, 2.75, 63.5, 156.75],
                "iscrowd": 0,
            },
        ],
    }


def test_an_export_reads_as_coco(indexed):
    found = indexed({"export.json": export(), "labels/worm.json": WORM})
    assert (found.summary.format, found.summary.images, found.summary.annotations) == ("datatorch", 1, 2)
    assert found.problems() == []
    assert found.rows("select joint, x, y, visibility from keypoint order by joint") == [
        (joint, 10.5 + joint, 20.25 + joint, 1) for joint in range(3)
    ]
    assert found.rows("select source_id, x, y, w, h, labelled from annotation order by 1") == [
        ("1", None, None, None, None, 3),
        ("2", 7.5, 2.75, 63.5, 156.75, 0),
    ]
    assert found.rows("select name from joint order by joint") == [("top",), ("middle",), ("bottom",)]
    assert sorted(found.rows("select joint_a, joint_b from bone")) == [(0, 1), (1, 2)]
    assert found.row("select key, file_name, width, height from image") == (
        "image_1.png",
        "image_1.png",
        250,
        170,
    )
    notes = " ".join(found.summary.notes)
    assert "1 annotations have an empty bbox" in notes and "every visibility flag is 1" in notes
    assert dict(found.rows("select path, status from source_file")) == {
        "export.json": "read",
        "labels/worm.json": "skipped",
    }


def test_the_coco_reader_reads_it_alike(indexed):
    sql = "select joint, k.x, k.y, visibility, name from keypoint k join joint using (joint) order by joint"
    assert indexed({"a.json": export()}, format="coco").rows(sql) == indexed({"a.json": export()}).rows(sql)


def test_flags_that_differ_and_boxes_that_are_broken(indexed):
    document = export((2, 1, 0))
    document["annotations"][1]["bbox"] = [1, 2, 3]
    found = indexed({"a.json": document})
    assert found.problems() == [("field-type", "annotations[1] (id 2)")]
    assert not any("every visibility flag" in note for note in found.summary.notes)


def test_a_skeleton_alone_is_told_what_it_is_for(indexed, tmp_path):
    with pytest.raises(
        UnknownFormat, match=r"worm.json is a skeleton of 3 joints .* without images .*--skeleton worm.json"
    ):
        indexed({"worm.json": WORM})
    one = {key: value for key, value in WORM.items() if key == "keypoints"}
    with pytest.raises(UnknownFormat, match="a skeleton of 3 joints"):
        indexed({"worm.json": one})
    assert from_file(tmp_path / "data0" / "worm.json").names == ("top", "middle", "bottom")


@pytest.mark.parametrize(
    "content", [{"keypoints": []}, {"keypoints": [1]}, {"skeleton": [[1, 2]]}, {"keypoints": 3}, [], "{"]
)
def test_what_is_no_skeleton(indexed, content):
    with pytest.raises(UnknownFormat) as caught:
        indexed({"a.json": content})
    assert "skeleton of" not in str(caught.value)
