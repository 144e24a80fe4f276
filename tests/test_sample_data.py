"""The bundled sample: what is planted is there, is found where the reader must find it, and nothing else is."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from queries import skeletons
from queries.pixels import header_size
from queries.readers.hagrid import GESTURES

SAMPLE = Path(__file__).resolve().parent.parent / "sample_data"
SETS = ("hagrid", "coco_people", "yolo_hands")

#: Kinds that are found while reading; the others are the audit's to find.
RECORDS = {
    "json-malformed",
    "record-malformed",
    "field-missing",
    "field-type",
    "non-finite-coordinate",
    "length-mismatch",
    "wrong-joint-count",
    "unknown-label",
    "orphan-annotation",
    "duplicate-image-id",
    "duplicate-annotation-id",
    "duplicate-image-key",
}

#: What the sample must hold at the least.
WANTED = {
    "subject-in-two-splits",
    "box-outside-image",
    "box-zero-area",
    "keypoints-far-from-box",
    "label-suspect",
    "left-right-swapped",
    "landmarks-missing",
    "record-malformed",
    "subject-meta-conflict",
    "image-file-in-two-splits",
}


@pytest.fixture(scope="module")
def planted() -> list[dict[str, str]]:
    with (SAMPLE / "planted.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_list_is_complete_and_points_to_files(planted):
    assert list(planted[0]) == ["dataset", "check_id", "split", "file", "key", "annotation", "joint", "detail"]
    assert {row["check_id"] for row in planted} >= WANTED | (RECORDS - {"json-malformed"})
    for row in planted:
        assert row["dataset"] in SETS
        assert row["detail"].endswith(".")
        if row["check_id"] != "image-missing":
            assert (SAMPLE / row["dataset"] / row["file"]).is_file(), row


@pytest.mark.parametrize("name", SETS)
def test_reading_finds_what_is_planted_and_no_more(planted, indexed, name):
    found = indexed(SAMPLE / name)
    wanted = Counter(row["check_id"] for row in planted if row["dataset"] == name and row["check_id"] in RECORDS)
    assert found.summary.problems == dict(wanted)
    files = Counter(
        (row["check_id"], row["file"]) for row in planted if row["dataset"] == name and row["check_id"] in RECORDS
    )
    told = Counter(found.rows("select kind, path from problem join source_file using (file_id)"))
    if name != "hagrid":
        assert told == files
    else:  # an image in two files is planted in the one and met in the other, whichever is read later
        twice = "duplicate-image-key"
        assert {row for row in told if row[0] != twice} == {row for row in files if row[0] != twice}


def test_all_gestures_splits_and_meta_are_there(indexed):
    found = indexed(SAMPLE / "hagrid")
    labels = {row[0] for row in found.rows("select distinct label from annotation")}
    assert labels >= set(GESTURES)
    assert found.rows("select distinct split from image order by 1") == [("test",), ("train",), ("val",)]
    assert found.row("select count(age) > 400, count(gender) > 400, count(race) > 400 from image") == (True,) * 3
    both = {row[0] for row in found.rows("select distinct label from annotation where kind = 'united'")}
    assert both >= set("hand_heart hand_heart2 thumb_index2 timeout holy take_picture xsign".split())


def test_gestures_are_told_apart_by_their_joints(indexed):
    """A nearest neighbour of another subject has the same gesture: the drawings are no noise."""
    import numpy as np  # noqa: PLC0415

    found = indexed(SAMPLE / "hagrid")
    rows = found.rows(
        "select annotation_id, label, subject, file_name, k.x, k.y "
        "from keypoint k join annotation a using (annotation_id) join image i using (image_id) "
        "where a.label <> 'no_gesture' and k.x + k.y is not null order by annotation_id, joint"
    )
    by_hand: dict[int, list] = {}
    for row in rows:
        by_hand.setdefault(row[0], []).append(row)
    folder = SAMPLE / "hagrid" / "hagrid_dataset"
    hands, places = [], []
    for hand in by_hand.values():
        path = folder / hand[0][3]
        if len(hand) == 21 and len({row[4] for row in hand}) > 2 and path.is_file():
            width, height = header_size(path.read_bytes())
            hands.append(hand)
            places.append([(row[4] * width, row[5] * height) for row in hand])
    places = np.array(places)
    places -= places[:, :1]
    # left hands mirrored, by the side of the palm that the thumb is on
    index, pinky = places[:, 5], places[:, 17]
    turn = index[:, 0] * pinky[:, 1] - index[:, 1] * pinky[:, 0]
    places[turn < 0, :, 0] *= -1
    features = (places / np.linalg.norm(places, axis=(1, 2), keepdims=True)).reshape(len(hands), -1)
    labels = np.array([hand[0][1] for hand in hands])
    subjects = np.array([str(hand[0][2]) for hand in hands])
    distance = np.linalg.norm(features[:, None] - features[None], axis=2)
    distance[subjects[:, None] == subjects[None]] = np.inf
    right = labels[distance.argmin(axis=1)] == labels
    assert right.mean() > 0.9


def test_the_yolo_set_names_its_joints_and_has_background_images(indexed):
    found = indexed(SAMPLE / "yolo_hands")
    assert [row[0] for row in found.rows("select name from joint order by joint")] == list(
        skeletons.get("hand-21").names
    )
    assert found.row("select count(*) from image where image_id not in (select image_id from annotation)") == (3,)


def test_the_sample_is_small_enough_to_ship():
    size = sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert size <= 6_000_000


def test_the_clean_copy_has_no_problem(clean_sample, indexed):
    for name in SETS:
        assert indexed(clean_sample / name).summary.problems == {}
    assert len((clean_sample / "planted.csv").read_text().splitlines()) == 1  # the header


@pytest.mark.slow
def test_the_generator_makes_the_same_again(tmp_path):
    subprocess.run([sys.executable, str(SAMPLE / "make.py"), str(tmp_path)], check=True)
    for path in sorted(tmp_path.rglob("*")):
        # JPEG bytes differ between builds of the encoder; what is written about them must not
        if path.suffix in (".json", ".txt", ".csv", ".yaml"):
            assert path.read_bytes() == (SAMPLE / path.relative_to(tmp_path)).read_bytes(), path
