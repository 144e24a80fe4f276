"""The HaGRID reader: v1, 2.0 and v2, every layout they are seen in."""

from __future__ import annotations

import json

import duckdb
import numpy as np
import pytest

from queries import skeletons
from queries.errors import UnreadableInput
from queries.readers import base

#: Every joint at a place of its own, and x never equal to y.
HAND = [[round(0.1 + j * 0.013, 6), round(0.2 + j * 0.029, 6)] for j in range(21)]
OTHER = [[round(0.9 - j * 0.017, 6), round(0.8 - j * 0.031, 6)] for j in range(21)]

BOXES = "select label, x, y, w, h, kind, ordinal from annotation order by annotation_id"
POINTS = (
    "select joint, k.x, k.y, visibility from keypoint k join annotation using (annotation_id) "
    "where ordinal = $1 order by 1"
)


def record(**fields):
    return {"bboxes": [[0.1, 0.2, 0.3, 0.4]], "labels": ["call"], "user_id": "u1"} | fields


def test_v2_every_field(indexed):
    found = indexed(
        {
            "train/holy.json": {
                "k1": {
                    "bboxes": [[0.11, 0.22, 0.33, 0.44], [0.55, 0.66, 0.07, 0.08]],
                    "labels": ["holy", "no_gesture"],
                    "united_bbox": [0.1, 0.2, 0.5, 0.6],
                    "united_label": "holy",
                    "hand_landmarks": [HAND, OTHER],
                    "user_id": "subject-7",
                    "meta": {"age": [31.5], "gender": ["female"], "race": ["Asian"]},
                }
            }
        }
    )
    assert found.problems() == []
    assert found.rows(BOXES) == [
        ("holy", 0.11, 0.22, 0.33, 0.44, "instance", 0),
        ("no_gesture", 0.55, 0.66, 0.07, 0.08, "instance", 1),
        ("holy", 0.1, 0.2, 0.5, 0.6, "united", 2),
    ]
    for hand, points in enumerate((HAND, OTHER)):
        assert found.rows(POINTS, hand) == [(j, x, y, None) for j, (x, y) in enumerate(points)]
    assert found.row("select key, file_name, split, subject, age, gender, race, width from image") == (
        "k1",
        "holy/k1.jpg",
        "train",
        "subject-7",
        31.5,
        "female",
        "Asian",
        None,
    )
    assert found.row("select unit, visibility_recorded, subjects_recorded, classes from dataset") == (
        "normalized",
        False,
        True,
        ["holy"],
    )
    # visible stays NULL: the format has no flag; a united box can have no keypoints at all
    assert found.rows("select labelled, visible, skeleton from annotation order by annotation_id") == [
        (21, None, "hand-21"),
        (21, None, "hand-21"),
        (None, None, None),
    ]


@pytest.mark.parametrize(
    ("box", "label", "expected"),
    [
        ([0.1, 0.2, 0.3, 0.4], "timeout", [("timeout", 0.1, 0.2, 0.3, 0.4)]),
        ([0.1, 0.2, 0.3, 0.4], ["timeout"], [("timeout", 0.1, 0.2, 0.3, 0.4)]),
        ([[0.1, 0.2, 0.3, 0.4]], ["timeout"], [("timeout", 0.1, 0.2, 0.3, 0.4)]),
        (
            [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.11, 0.12]],
            ["timeout", "holy"],
            [("timeout", 0.1, 0.2, 0.3, 0.4), ("holy", 0.5, 0.6, 0.11, 0.12)],
        ),
        (None, None, []),
        ([], [], []),
    ],
)
@pytest.mark.parametrize("tolerant", [False, True])
def test_united_boxes_as_box_or_list(indexed, box, label, expected, tolerant):
    records = {"k": record(united_bbox=box, united_label=label)} | ({"bad": []} if tolerant else {})
    found = indexed({"train/call.json": records})
    sql = "select label, x, y, w, h from annotation where kind = 'united' order by annotation_id"
    assert found.rows(sql) == expected
    assert found.problems() == ([("record-malformed", "bad")] if tolerant else [])


@pytest.mark.parametrize(
    ("box", "label", "kind"),
    [
        ([0.1, 0.2, 0.3], "timeout", "field-type"),
        ([0.1, 0.2, "x", 0.4], "timeout", "field-type"),
        ("nothing", "timeout", "field-type"),
        ([0.1, 0.2, -0.3, 0.4], "timeout", "negative-size"),
        ([0.1, float("nan"), 0.3, 0.4], "timeout", "non-finite-coordinate"),
        ([0.1, 0.2, 0.3, 0.4], None, "field-missing"),
    ],
)
def test_united_boxes_that_are_wrong_are_reported(indexed, box, label, kind):
    found = indexed({"train/call.json": {"k": record(united_bbox=box, united_label=label), "good": record()}})
    assert found.problems() == [(kind, "k")]
    assert "united_" in found.problems(with_message=True)[0][2]
    assert found.row("select count(*) from annotation where kind = 'instance'") == (2,)


def test_v1_landmarks_leading_hand_and_ann_folders(indexed):
    two = {"bboxes": [[0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.1, 0.1]], "labels": ["no_gesture", "call"]}
    found = indexed(
        {
            "ann_train_val/call.json": {
                "a": two
                | {"landmarks": [[], HAND], "leading_hand": "left", "leading_conf": 0.75, "user_id": "u"}
            },
            "ann_test/call.json": {"b": record(landmarks=[HAND], leading_hand="right", leading_conf=1)},
            "ann_subsample/call.json": {"c": record(landmarks=[None])},
        }
    )
    assert found.problems() == []
    assert found.rows("select key, split from image order by 1") == [
        ("a", "train_val"),
        ("b", "test"),
        ("c", "subsample"),
    ]
    hands = "select key, label, handedness, labelled from annotation join image using (image_id) order by all"
    assert found.rows(hands) == [
        ("a", "call", "left", 21),
        ("a", "no_gesture", None, 0),
        ("b", "call", "right", 21),
        ("c", "call", None, 0),
    ]
    told = json.loads(found.row("select attributes from image where key = 'a'")[0])
    assert told == {"leading_hand": "left", "leading_conf": 0.75}
    # the landmarks are of the second hand, not of the first
    assert found.rows(POINTS, 1) == [(j, x, y, None) for j, (x, y) in enumerate(HAND)]


def test_leading_hand_in_any_case_and_one_that_is_no_hand(indexed):
    told = {"a": "Left", "b": " RIGHT ", "c": "right", "d": None}
    hands = {key: record(leading_hand=hand) for key, hand in told.items()}
    found = indexed({"ann_test/call.json": hands})
    assert found.problems() == []
    sql = "select handedness from annotation join image using (image_id) order by key"
    assert found.rows(sql) == [("left",), ("right",), ("right",), (None,)]
    found = indexed({"ann_test/call.json": hands | {"b": record(leading_hand="both")}})
    message = "leading_hand is 'both', expected left or right"
    assert found.problems(True) == [("field-type", "b", message)]
    assert found.rows(sql) == [("left",), (None,), ("right",), (None,)]


def test_classes_are_the_files_that_are_named_after_one(indexed):
    files = {
        "train/train.json": {"a": record(labels=["wave"])},
        "train/peace.json": {"b": record(labels=["fist"])},  # nothing shows it, and it is a gesture
        "train/wave.json": {"c": record(labels=["wave"])},
        "val/val.json": {"d": record()},
    }
    assert indexed(files).row("select classes from dataset") == (["peace", "wave"],)


def test_leading_hand_of_two_gesturing_hands_is_nobodys(indexed):
    found = indexed(
        {
            "ann_test/call.json": {
                "a": record(bboxes=[[0.1] * 4] * 2, labels=["call"] * 2, leading_hand="left")
            }
        }
    )
    assert found.rows("select handedness from annotation") == [(None,), (None,)]


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"age": [20.5], "gender": ["male"], "race": ["White"]}, (20.5, "male", "White", None)),
        ({"age": 30, "gender": "female", "race": "Black"}, (30.0, "female", "Black", None)),
        ({"age": [], "gender": [], "race": []}, (None, None, None, None)),
        ({"age": None}, (None, None, None, None)),
        (None, (None, None, None, None)),
        ({"age": ["young"], "gender": ["male"]}, (None, "male", None, None)),
    ],
)
def test_meta_in_every_shape(indexed, meta, expected):
    found = indexed({"val/call.json": {"k": record(meta=meta)}})
    assert found.row("select age, gender, race, attributes from image") == expected
    told = [("field-type", "k", 'meta.age is ["young"], expected a number')]
    assert found.problems(True) == (told if meta and meta.get("age") == ["young"] else [])


def test_meta_of_several_faces_keeps_them_all(indexed):
    meta = {"age": [20, 41], "gender": ["male", "female"], "race": ["A", "B"]}
    found = indexed({"val/call.json": {"k": record(meta=meta)}})
    age, gender, attributes = found.row("select age, gender, attributes from image")
    assert (age, gender, json.loads(attributes)) == (20.0, "male", {"meta": meta})


def test_any_subset_and_a_single_file(indexed, tmp_path):
    files = {
        f"hagrid_annotations/{split}/{gesture}.json": {f"{split}-{gesture}": record(labels=[gesture])}
        for split, gesture in (("train", "call"), ("train", "fist"), ("test", "fist"))
    }
    found = indexed(files)
    assert found.rows("select split, key, file_name from image order by all") == [
        ("test", "test-fist", "fist/test-fist.jpg"),
        ("train", "train-call", "call/train-call.jpg"),
        ("train", "train-fist", "fist/train-fist.jpg"),
    ]
    assert found.row("select list_sort(classes) from dataset") == (["call", "fist"],)
    alone = indexed(tmp_path / "data0" / "hagrid_annotations" / "test" / "fist.json")
    assert alone.rows("select split, key from image") == [("test", "test-fist")]
    assert alone.row("select name, format from dataset") == ("fist", "hagrid")
    forced = indexed(tmp_path / "data0" / "hagrid_annotations" / "test" / "fist.json", split="train")
    assert forced.rows("select split from image") == [("train",)]


def test_a_flat_folder_has_no_split(indexed):
    found = indexed({"gestures/call.json": {"k": record()}})
    assert found.rows("select split from image") == [("unsplit",)]


def test_labels_that_nothing_names(indexed):
    found = indexed(
        {
            "train/wave.json": {"k": record(labels=["wave"])},  # a new gesture: its file names it
            "train/call.json": {"m": record(labels=["cal"]), "n": record(labels=["stop_inverted"])},
        }
    )
    assert found.problems(True) == [
        (
            "unknown-label",
            "m",
            "labels[0] is cal, which is no gesture of HaGRID and names no file of this dataset",
        )
    ]
    assert found.row("select classes from dataset") == (["call", "wave"],)


def test_lists_of_different_lengths_keep_every_hand(indexed):
    found = indexed(
        {
            "train/call.json": {
                "more-boxes": record(bboxes=[[0.1] * 4, [0.2] * 4]),
                "more-labels": record(labels=["call", "fist"]),
                "more-hands": record(hand_landmarks=[HAND, OTHER]),
            }
        }
    )
    assert found.problems() == [
        ("length-mismatch", key) for key in ("more-boxes", "more-hands", "more-labels")
    ]
    assert [message for *_, message in found.problems(True)] == [
        "2 boxes but 1 labels",
        "1 boxes but 2 lists of landmarks",
        "1 boxes but 2 labels",
    ]
    assert found.rows(
        "select key, count(*), count(label), count(x) from annotation join image using (image_id) "
        "group by 1 order by 1"
    ) == [("more-boxes", 2, 1, 2), ("more-hands", 2, 1, 1), ("more-labels", 2, 2, 1)]


def test_landmarks_of_another_number_are_kept_aside(indexed):
    found = indexed(
        {"train/call.json": {"k": record(hand_landmarks=[HAND[:20]]), "m": record(hand_landmarks=[HAND])}}
    )
    assert found.problems(True) == [
        ("wrong-joint-count", "k", "hand 0 has 20 landmarks, expected 21 or none")
    ]
    labelled, attributes = found.row(
        "select labelled, a.attributes from annotation a join image using (image_id) where key = 'k'"
    )
    assert labelled == 0 and json.loads(attributes) == {"hand_landmarks": HAND[:20]}
    assert found.summary.keypoints == 21


def test_the_same_image_under_two_gestures_is_one_image(indexed):
    found = indexed(
        {
            "train/call.json": {"k": record()},
            "train/fist.json": {"k": record(labels=["fist"], bboxes=[[0.5, 0.6, 0.1, 0.2]])},
            "val/call.json": {"k": record()},  # another split: another image, which the audit compares
        }
    )
    assert found.problems() == [("duplicate-image-key", "k")]
    assert "train/call.json" in found.problems(True)[0][2]
    assert found.rows("select split, label from annotation join image using (image_id) order by all") == [
        ("train", "call"),
        ("train", "fist"),
        ("val", "call"),
    ]
    assert found.summary.images == 2


def test_a_key_twice_in_one_file_is_reported_once(indexed):
    text = json.dumps({"a": record(), "b": record(labels=["fist"])}).replace('"b"', '"a"')
    found = indexed({"train/call.json": text})
    assert found.problems() == [("duplicate-image-key", "a")]
    assert found.rows("select label from annotation order by 1") == [("call",), ("fist",)]


def test_a_skeleton_of_the_users(indexed):
    bones = [(a, a + 1) for a in range(20)]
    names = [f"point {j}" for j in range(21)]
    mine = skeletons.from_names("hand-21", names, bones)
    found = indexed({"train/call.json": {"k": record(hand_landmarks=[HAND])}}, skeleton=mine)
    # not the bundled one's name: a workspace may hold both
    name = found.row("select distinct skeleton from annotation")[0]
    assert name != "hand-21"
    assert found.rows("select name from joint where skeleton = $1 order by joint", name) == [
        (n,) for n in names
    ]
    with pytest.raises(UnreadableInput, match="2 joints.*21"):
        indexed({"train/call.json": {"k": record()}}, skeleton=skeletons.from_names("two", ["a", "b"], []))


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_subject_is_nobody(indexed, blank):
    """Else all images without a name would be one person's, in every split."""
    found = indexed(
        {
            "train/call.json": {"k": record(user_id=blank), "l": record(user_id="somebody")},
            "test/call.json": {"m": record(user_id=blank)},
        }
    )
    assert found.rows("select key, subject from image order by key") == [
        ("k", None),
        ("l", "somebody"),
        ("m", None),
    ]
    assert found.problems() == [("field-missing", "k"), ("field-missing", "m")]


def test_a_flat_box_is_no_four_hands(indexed):
    files = {"train/call.json": {"k": record(bboxes=[0.1, 0.2, 0.3, 0.4], labels=["call"]), "l": record()}}
    found = indexed(files)
    assert found.row("select count(*) from annotation join image using (image_id) where key = 'k'") == (1,)
    assert ("field-type", "k", "bboxes is a list of 4 numbers, expected a list of boxes") in found.problems(True)
    assert not any(kind == "length-mismatch" for kind, _ in found.problems())


@pytest.mark.parametrize("content", ["null", "[]", "  \n", '[{"bboxes": [[0.1, 0.1, 0.2, 0.2]], "labels": ["like"]}]'])
def test_a_file_that_is_no_object_is_said(indexed, content):
    found = indexed({"train/call.json": {"k": record()}, "train/ok.json": content, "train/one.json": "{}"})
    assert found.row("select count(*) from image") == (1,)
    ((kind, locator, message),) = found.problems(True)
    assert (kind, locator) == ("json-malformed", "file")
    assert "expected an object from image ids to records" in message


def _type(found):
    (path,) = found.workspace.index_files()
    with duckdb.connect(path, read_only=True) as con:
        return con.execute("select any_value(typeof(x)), any_value(typeof(y)) from keypoint").fetchone()


def test_landmarks_that_are_float32s_are_kept_as_such(indexed):
    """As HaGRID's are: in half the room, and the very numbers of the source come out again."""
    narrow = [[float(np.float32(x)), float(np.float32(y))] for x, y in HAND]
    found = indexed({"train/call.json": {"k1": record(hand_landmarks=[narrow])}})
    assert _type(found) == ("FLOAT", "FLOAT")
    assert found.rows(POINTS, 0) == [(j, x, y, None) for j, (x, y) in enumerate(narrow)]
    assert found.row("select any_value(typeof(x)), any_value(typeof(y)) from keypoint") == ("DOUBLE", "DOUBLE")


@pytest.mark.parametrize("odd", [0.1, 1e300, -1e-310, 16777217])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_landmark_that_is_no_float32_keeps_all_as_they_are(indexed, monkeypatch, odd, axis):
    narrow = [[j / 64, j / 32] for j in range(21)]
    wide = [list(point) for point in narrow]
    wide[7][axis] = odd
    monkeypatch.setattr(base, "GROUP_BYTES", 1)  # a group a file: the first is in already
    files = {f"train/{name}.json": {name: record(hand_landmarks=[points])}
             for name, points in (("call", narrow), ("fist", wide), ("like", narrow))}  # fmt: skip
    found = indexed(files)
    assert _type(found) == ("DOUBLE", "DOUBLE")
    rows = found.rows("select k.x, k.y from keypoint k join annotation using (annotation_id) "
                      "join image using (image_id) order by key, joint")  # fmt: skip
    assert rows == [tuple(point) for point in (*narrow, *wide, *narrow)]
