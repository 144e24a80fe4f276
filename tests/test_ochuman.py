"""OCHuman's own ochuman.json: written by the test in the structure that OCHumanApi reads, and bad ones."""

from __future__ import annotations

import json

import pytest

from queries.errors import UnreadableInput
from queries.model import Skeleton
from queries.readers import ochuman
from queries.skeletons import get, numbered

NAMES = list(get("ochuman-19").names)
MEANING = {"missing": 0, "vis": 1, "self_occluded": 2, "others_occluded": 3}
SEGMS = {"outer": [[1, 1, 5, 1, 5, 5]], "inner": [], "height": 480, "width": 640}


def person(start: int = 0, **changed) -> dict:
    """19 joints, each at a place of its own, with the flags 0, 1, 2, 3 in turn."""
    points = []
    for joint in range(19):
        flag = joint % 4
        points += [start + 10 * joint + 1, start + 10 * joint + 2, flag] if flag else [0, 0, 0]
    return {"bbox": [10, 20, 110, 220], "keypoints": points, "segms": SEGMS, "max_iou": 0.6, **changed}


def image(number: int, *people) -> dict:
    name = f"{number:06d}"
    return {
        "image_id": name,
        "file_name": f"{name}.jpg",
        "width": 640,
        "height": 480,
        "annotations": list(people),
    }


def document(*images, **changed) -> dict:
    return {"keypoint_names": NAMES, "keypoint_visible": MEANING, "images": list(images), **changed}


def test_the_original_file(indexed):
    bare = person(keypoints=None, segms=None, bbox=[1, 2, 4, 8], max_iou=0.1)
    found = indexed({"ochuman.json": document(image(1, person(), bare), image(2))})
    summary = found.summary
    assert (summary.format, summary.images, summary.annotations, summary.keypoints) == ("ochuman", 2, 2, 19)
    assert summary.problems == {}
    assert found.rows("select key, source_id, width, height, split from image order by key") == [
        ("000001.jpg", "000001", 640, 480, "unsplit"),
        ("000002.jpg", "000002", 640, 480, "unsplit"),
    ]
    first, second = found.rows(
        "select x, y, w, h, labelled, visible, attributes from annotation order by ordinal"
    )
    assert first[:6] == (10, 20, 100, 200, 14, 5) and second[:6] == (1, 2, 3, 6, 0, 0)
    kept = json.loads(first[6])
    assert kept == {
        "max_iou": 0.6,
        "mask": True,
        "self_occluded": NAMES[2::4],
        "others_occluded": NAMES[3::4],
    }
    assert json.loads(second[6]) == {"max_iou": 0.1, "mask": False}
    for joint, x, y, visibility in found.rows("select joint, x, y, visibility from keypoint"):
        assert visibility == (0, 2, 1, 1)[joint % 4]
        assert (x, y) == ((10 * joint + 1, 10 * joint + 2) if joint % 4 else (0, 0))
    assert found.rows("select name from joint order by joint") == [(name,) for name in NAMES]


def test_the_splits_are_those_of_the_whole_dataset(indexed, monkeypatch):
    images = [image(n, person()) for n in (9, 3, 5)] + [
        image(1, person(segms=None)),
        image(2, person(keypoints=None)),
    ]
    part = indexed({"ochuman.json": document(*images)})
    assert part.rows("select distinct split from image") == [("unsplit",)]
    assert "3 images have keypoints and masks, the whole of OCHuman 4731" in part.summary.notes[0]
    monkeypatch.setattr(ochuman, "_SPLIT_IMAGES", 3)
    monkeypatch.setattr(ochuman, "_VAL_IMAGES", 2)
    whole = indexed({"ochuman.json": document(*images)})
    assert dict(whole.rows("select source_id, split from image")) == {
        "000003": "val",
        "000005": "val",
        "000009": "test",
        "000001": "unsplit",
        "000002": "unsplit",
    }
    assert indexed({"ochuman.json": document(*images)}, split="x").rows(
        "select distinct split from image"
    ) == [("x",)]


BAD = {
    "no object": (5, "record-malformed", "images[1]"),
    "no annotations": ({"image_id": "7", "file_name": "7.jpg"}, "field-missing", "images[1]"),
    "annotations no list": ({**image(7), "annotations": {}}, "field-type", "images[1]"),
    "no file_name": ({"image_id": "7", "annotations": []}, "field-missing", "images[1]"),
    "person no object": (image(7, 5), "record-malformed", "images[1].annotations[0] (000007.jpg)"),
    "no bbox": (image(7, person(bbox=None)), "field-missing", "images[1].annotations[0] (000007.jpg)"),
    "short bbox": (image(7, person(bbox=[1, 2])), "field-type", "images[1].annotations[0] (000007.jpg)"),
    "18 joints": (
        image(7, person(keypoints=[1] * 54)),
        "wrong-joint-count",
        "images[1].annotations[0] (000007.jpg)",
    ),
    "a flag": (
        image(7, person(keypoints=[1, 2, 4] * 19)),
        "visibility-invalid",
        "images[1].annotations[0] (000007.jpg)",
    ),
    "no keypoints": (
        image(7, {k: v for k, v in person().items() if k != "keypoints"}),
        "field-missing",
        "images[1].annotations[0] (000007.jpg)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_record_is_reported_and_the_others_load(indexed, case):
    bad, kind, locator = BAD[case]
    found = indexed({"ochuman.json": document(image(1, person()), bad, image(9, person()))})
    assert found.problems() == [(kind, locator)]
    assert {row[0] for row in found.rows("select key from image")} >= {"000001.jpg", "000009.jpg"}
    good = "select count(*) from keypoint join annotation using (annotation_id) join image using (image_id) "
    assert found.row(good + "where key in ('000001.jpg', '000009.jpg')") == (38,)


def test_other_names_and_flags_are_said(indexed):
    found = indexed({"ochuman.json": document(image(1, person()), keypoint_names=NAMES[::-1])})
    assert found.problems() == [("skeleton-names", "keypoint_names")]
    found = indexed({"ochuman.json": document(image(1, person()), keypoint_visible={"vis": 2})})
    assert found.problems() == [("visibility-invalid", "keypoint_visible")]
    found = indexed({"ochuman.json": {"images": [image(1, person())]}})
    assert found.problems() == [("field-missing", "keypoint_names")]
    assert found.summary.keypoints == 19


def test_broken_json_loads_around_the_break(indexed):
    text = json.dumps(document(*(image(n, person()) for n in range(4)))).replace('"000002"', '"000002" oh')
    found = indexed({"ochuman.json": text})
    assert [row[0] for row in found.rows("select key from image order by 1")] == [
        "000000.jpg",
        "000001.jpg",
        "000003.jpg",
    ]
    assert [kind for kind, _ in found.problems()] == ["json-malformed"]
    assert found.summary.keypoints == 3 * 19
    with pytest.raises(UnreadableInput, match=r": ochuman\.json has no list of images"):
        indexed({"ochuman.json": {"keypoint_visible": MEANING, "annotations": []}}, format="ochuman")


def coco_export() -> dict:
    return {
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "keypoints": [1, 2, 2] * 17}
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(get("coco-17").names), "skeleton": []}],
        "images": [{"id": 1, "file_name": "000001.jpg", "height": 480, "width": 640}],
    }


def test_the_exports_beside_it_are_left_out_and_said(indexed):
    export = "ochuman_coco_format_val_range_0.00_1.00.json"
    files = {"ochuman.json": document(image(1, person())), export: coco_export()}
    found = indexed(files)
    assert (found.summary.format, found.summary.annotations) == ("ochuman", 1)
    assert any(export in note for note in found.summary.notes)
    assert dict(found.rows("select path, status from source_file")) == {
        "ochuman.json": "read",
        export: "skipped",
    }
    # the original is no COCO file: nested, its annotations would be lost there
    assert indexed({export: coco_export()}).summary.format == "coco"
    with pytest.raises(Exception, match="more than one dataset"):
        indexed({"ochuman.json": document(image(1, person())), "people/val.json": coco_export()})


def test_a_skeleton_of_another_size_is_refused(indexed):
    own: Skeleton = numbered("own", 17)
    with pytest.raises(UnreadableInput, match="17 joints, OCHuman's persons have 19"):
        indexed({"ochuman.json": document(image(1, person()))}, skeleton=own)


def test_the_real_coco_style_file_is_read_as_coco(real_data, indexed):
    path = real_data / "pose" / "ochuman"
    found = indexed(path)
    assert (found.summary.format, found.summary.images, found.summary.annotations) == ("coco", 3, 5)
