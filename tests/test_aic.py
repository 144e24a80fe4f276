"""AI Challenger's original list: written by the test in the published structure, and bad ones."""

from __future__ import annotations

import json

import pytest

from queries.errors import UnreadableInput
from queries.readers import documents
from queries.skeletons import SkeletonJoint, get

SHA = "054d9ce9201beffc76e5ff2169d2af2f027002ca"
NAME = "keypoint_train_annotations_20170902.json"


def person(start: int = 0, flags=(1, 2, 3)) -> list[int]:
    """14 joints, each at a place of its own, all flags in turn; an unlabelled one stands at 0, 0."""
    numbers = []
    for joint in range(14):
        flag = flags[joint % len(flags)]
        numbers += [0, 0, 3] if flag == 3 else [start + 10 * joint + 1, start + 10 * joint + 2, flag]
    return numbers


def record(image_id: str = SHA, **people) -> dict:
    people = people or {"human1": ([5, 6, 105, 206], person())}
    return {
        "image_id": image_id,
        "keypoint_annotations": {name: points for name, (_, points) in people.items() if points is not None},
        "human_annotations": {name: box for name, (box, _) in people.items() if box is not None},
    }


def test_an_original_list(indexed):
    two = record("b" * 40, human2=([1, 2, 11, 22], person(1000, (2,))), human1=([3, 4, 33, 44], person(500)))
    found = indexed({NAME: [record(), two, record("c" * 40, human1=([0, 0, 9, 9], None))]})
    summary = found.summary
    assert (summary.format, summary.images, summary.annotations, summary.keypoints) == ("aic", 3, 4, 3 * 14)
    assert found.rows("select key, file_name, split, source_id from image order by key")[0] == (
        f"{SHA}.jpg",
        f"{SHA}.jpg",
        "train",
        SHA,
    )
    people = found.rows(
        "select key, a.source_id, ordinal, label, x, y, w, h, skeleton "
        "from annotation a join image using (image_id)"
    )
    assert sorted(people) == [
        (f"{SHA}.jpg", "human1", 0, "person", 5, 6, 100, 200, "aic-14"),
        (f"{'b' * 40}.jpg", "human1", 1, "person", 3, 4, 30, 40, "aic-14"),
        (f"{'b' * 40}.jpg", "human2", 0, "person", 1, 2, 10, 20, "aic-14"),
        (f"{'c' * 40}.jpg", "human1", 0, "person", 0, 0, 9, 9, "aic-14"),
    ]
    joints = found.rows(
        "select joint, k.x, k.y, visibility from keypoint k join annotation using (annotation_id) "
        "join image using (image_id) where key = $1 order by joint",
        f"{SHA}.jpg",
    )
    for joint, x, y, visibility in joints:
        place = (0, 0) if joint % 3 == 2 else (10 * joint + 1, 10 * joint + 2)
        assert (x, y, visibility) == (*place, (2, 1, 0)[joint % 3])
    assert found.row("select name from joint where joint = 12") == ("head_top",)
    assert found.row("select visibility_recorded, subjects_recorded from dataset") == (True, False)
    # the person without keypoints is there, and said
    assert found.problems(True) == [("field-missing", f"[2] ({'c' * 40}) human1", "human1 has no keypoints")]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        (NAME, "train"),
        ("keypoint_validation_annotations_20170911.json", "val"),
        ("keypoint_test_a_annotations_20180103.json", "test_a"),
        ("ai_challenger/keypoint_test_b_annotations_20180103.json", "test_b"),
        ("keypoint_sample_annotations.json", "unsplit"),
    ],
)
def test_the_split_is_in_the_name(indexed, name, split):
    assert indexed({name: [record()]}).rows("select distinct split from image") == [(split,)]


BAD = {
    "no object": (7, "record-malformed", "[1]"),
    "no image_id": ({"keypoint_annotations": {}, "human_annotations": {}}, "field-missing", "[1]"),
    "people as a list": ({**record("d"), "keypoint_annotations": []}, "field-type", "[1] (d)"),
    "no boxes at all": ({k: v for k, v in record("d").items() if k[0] != "h"}, "field-missing", "[1] (d)"),
    "no box": (record("d", human1=(None, person())), "field-missing", "[1] (d) human1"),
    "a short box": (record("d", human1=([1, 2, 3], person())), "field-type", "[1] (d) human1"),
    "13 joints": (record("d", human1=([1, 2, 3, 4], person()[:39])), "wrong-joint-count", "[1] (d) human1"),
    "a word": (record("d", human1=([1, 2, 3, 4], ["x", *person()[1:]])), "field-type", "[1] (d) human1"),
    "a list in a list": (
        record("d", human1=([1, 2, 3, 4], [[1], *person()[1:]])),
        "field-type",
        "[1] (d) human1",
    ),
    "a flag": (
        record("d", human1=([1, 2, 3, 4], person(flags=(1, 5)))),
        "visibility-invalid",
        "[1] (d) human1",
    ),
    "a fraction": (
        record("d", human1=([1, 2, 3, 4], person(flags=(1, 0.5)))),
        "visibility-invalid",
        "[1] (d) human1",
    ),
    "a box inside out": (record("d", human1=([9, 9, 3, 4], person())), "negative-size", "[1] (d) human1"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_record_is_reported_and_the_others_load(indexed, case):
    bad, kind, locator = BAD[case]
    found = indexed({NAME: [record("a"), bad, record("z")]})
    assert found.problems() == [(kind, locator)]
    assert {row[0] for row in found.rows("select key from image")} >= {"a.jpg", "z.jpg"}
    assert found.row(
        "select count(*) from keypoint k join annotation using (annotation_id) join image using (image_id) "
        "where key in ('a.jpg', 'z.jpg')"
    ) == (28,)


def test_what_does_not_fit_is_kept_as_an_attribute(indexed):
    short, strange = person()[:39], person(flags=(1, 5))
    found = indexed({NAME: [record("a", human1=([1, 2, 3, 4], short), human2=([1, 2, 3, 4], strange))]})
    kept = [json.loads(row[0]) for row in found.rows("select attributes from annotation order by ordinal")]
    assert kept == [{"keypoints": short}, {"flags": strange[2::3]}]
    # a flag that means nothing is no visibility, the place stands
    assert found.row("select k.x, visibility from keypoint k where joint = 1") == (11, None)


def test_broken_json_loads_around_the_break(indexed):
    text = json.dumps([record("a"), record("b"), record("c")])
    found = indexed({NAME: text.replace('"image_id": "b"', '"image_id" "b"')})
    assert [row[0] for row in found.rows("select key from image order by 1")] == ["a.jpg", "c.jpg"]
    assert [kind for kind, _ in found.problems()] == ["json-malformed"]
    assert found.row("select status from source_file") == ("tolerant",)
    not_a_number = indexed(
        {NAME: json.dumps([record("a", human1=([1, 2, 3, 4], [float("nan"), *person()[1:]]))])}
    )
    assert {kind for kind, _ in not_a_number.problems()} == {"json-malformed", "non-finite-coordinate"}
    assert not_a_number.row("select x from keypoint where joint = 0") == (None,)


def test_a_large_file_is_read_as_a_stream_alike(indexed, monkeypatch):
    files = {NAME: [record("a"), 7, record("b", human1=([1, 2, 3, 4], person(5)))]}
    whole = indexed(files)
    monkeypatch.setattr(documents, "STRICT_LIMIT", 10)
    streamed = indexed(files)
    for sql in ("select key, split from image", "select source_id, x, w, digest from annotation"):
        assert sorted(streamed.rows(sql)) == sorted(whole.rows(sql))
    assert streamed.problems(True) == whole.problems(True) and len(whole.problems()) == 1


def coco_copy(file_name: str) -> dict:
    joints = list(get("aic-14").published_names)
    return {
        "images": [{"id": 1, "file_name": file_name, "width": 9, "height": 9}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "keypoints": [1, 2, 2] * 14}
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": joints, "skeleton": []}],
    }


def test_a_copy_beside_the_original_is_left_out_and_said(indexed):
    files = {NAME: [record()], "aic_train.json": coco_copy(f"{SHA}.jpg"), "other.json": {"x": 1}}
    found = indexed(files)
    assert (found.summary.format, found.summary.annotations) == ("aic", 1)
    assert any("aic_train.json" in note for note in found.summary.notes)
    assert dict(found.rows("select path, status from source_file")) == {
        NAME: "read",
        "aic_train.json": "skipped",
        "other.json": "skipped",
    }
    assert indexed(files, format="coco").summary.format == "coco"


def test_another_dataset_beside_it_is_not_taken_for_a_copy(indexed):
    with pytest.raises(Exception, match=r"more than one dataset: aic .*coco "):
        indexed({NAME: [record()], "coco/person_keypoints_val2017.json": coco_copy("000000000785.jpg")})


def test_a_skeleton_of_another_size_is_refused(indexed):
    three = get("aic-14").__class__("three", tuple(SkeletonJoint(f"j{i}", i) for i in range(3)), ())
    with pytest.raises(UnreadableInput, match="3 joints, AI Challenger's people have 14"):
        indexed({NAME: [record()]}, skeleton=three)
