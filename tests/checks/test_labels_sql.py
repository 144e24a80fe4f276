"""Labels against the file that holds them, and against the same subject's same pose."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from queries import audit
from queries.index import index
from queries.model import Options
from queries.store import Store
from queries.workspace import Workspace
from tests.checks.audited import check

SAMPLE = Path(__file__).resolve().parents[2] / "sample_data"

HAND = [[0.3 + j % 5 * 0.03 + j * 0.002, 0.3 + j // 5 * 0.04 + j * 0.001] for j in range(21)]


def hand(seed: int, noise: float = 0.02) -> list[list[float]]:
    return (np.array(HAND) + np.random.default_rng(seed).normal(0, noise, (21, 2))).tolist()


def record(seed: int, subject: str, *labels: str, **fields):
    boxes = [[0.1 + 0.4 * n, 0.2, 0.3, 0.4] for n in range(len(labels))]
    return {
        "bboxes": boxes, "labels": list(labels), "user_id": subject,
        "hand_landmarks": [hand(seed * 10 + n) for n in range(len(labels))],
    } | fields  # fmt: skip


def clean() -> dict[str, dict]:
    return {
        "train/call.json": {"a1": record(1, "s1", "call"), "a2": record(2, "s1", "call", "no_gesture")},
        "train/ok.json": {"b1": record(3, "s1", "ok"), "b2": record(4, "s2", "ok")},
        "val/ok.json": {"c1": record(5, "s3", "ok")},
    }


def places(found) -> list[tuple]:
    return [(f["key"], f["ordinal"]) for f in found.findings]


def test_label_not_in_file_class(indexed):
    assert check(indexed(clean()), "label-not-in-file-class").findings == []
    files = clean()
    files["train/ok.json"]["b1"]["labels"] = ["call"]
    files["train/call.json"]["a2"]["labels"] = ["ok", "no_gesture"]
    found = check(indexed(files), "label-not-in-file-class")
    assert places(found) == [("a2", None), ("b1", None)]
    assert found.findings[0]["detail"] == "its labels are no_gesture and ok, and it is filed under call"
    assert found.findings[1]["detail"] == "its only label is call, and it is filed under ok"


def test_a_file_of_which_nothing_shows_its_gesture(indexed):
    files = clean() | {"train/peace.json": {"p1": record(7, "s2", "peace"), "p2": record(8, "s2", "peace")}}
    assert check(indexed(files), "label-not-in-file-class").findings == []
    for fields in files["train/peace.json"].values():
        fields["labels"] = ["fist"]
    found = check(indexed(files), "label-not-in-file-class")
    assert places(found) == [("p1", None), ("p2", None)] and found.run["records"] == 7
    assert found.findings[0]["detail"] == "its only label is fist, and it is filed under peace"


def test_files_that_name_no_class_are_not_judged(indexed):
    records = {key: fields for records in clean().values() for key, fields in records.items()}
    one = {"train/train.json": records}
    data = indexed(one)
    run = check(data, "label-not-in-file-class").run
    assert (run["status"], run["reason"]) == (
        "not applicable", "none of 5 images can be judged: their file is named after no class"
    )  # fmt: skip
    # and a split is no class that nothing shows
    assert "train" not in [finding["about"] for finding in check(data, "class-rare").findings]
    one["train/train.json"]["a1"]["labels"] = ["ok"]
    some = check(indexed(one | {"train/call.json": {"e1": record(9, "s1", "ok")}}), "label-not-in-file-class")
    assert (places(some), some.run["records"]) == ([("e1", None)], 1)
    assert some.run["notes"] == ["5 of 6 images could not be judged: their file is named after no class"]


def test_a_two_handed_gesture_on_the_box_around_both_is_fine(indexed):
    united = {"united_bbox": [[0.1, 0.2, 0.7, 0.4]], "united_label": ["holy"]}
    both = record(9, "s1", "no_gesture", "no_gesture", **united)
    files = clean() | {"train/holy.json": {"d1": both, "d2": record(10, "s1", "holy", "holy")}}
    assert check(indexed(files), "label-not-in-file-class").findings == []


def test_one_subject_s_same_pose_under_two_labels(indexed):
    assert check(indexed(clean()), "subject-label-conflict").findings == []
    files = clean()
    # the same hand elsewhere in another image, half as large
    moved = (np.array(files["train/call.json"]["a1"]["hand_landmarks"][0]) * 0.5 + 0.2).tolist()
    files["train/ok.json"]["b1"]["hand_landmarks"] = [moved]
    found = check(indexed(files), "subject-label-conflict")
    assert places(found) == [("b1", 0)]
    assert found.findings[0]["detail"] == (
        "labelled ok; a pose of the same subject that differs by 0.0% of its size is labelled call "
        "in train image a1"
    )
    files["train/ok.json"]["b1"]["user_id"] = "s2"  # of two subjects it is no conflict, or another check's
    assert check(indexed(files), "subject-label-conflict").findings == []


def test_poses_that_are_alike_but_not_the_same_are_two(indexed):
    for noise, count in ((0.0005, 1), (0.01, 0)):
        files = clean()
        base = np.array(files["train/call.json"]["a1"]["hand_landmarks"][0])
        shaken = base + np.random.default_rng(7).normal(0, noise, (21, 2))
        files["train/ok.json"]["b1"]["hand_landmarks"] = [shaken.tolist()]
        assert len(check(indexed(files), "subject-label-conflict").findings) == count


def test_one_box_under_two_labels(indexed):
    files = clean()
    files["train/call.json"]["a2"]["bboxes"][1] = [0.101, 0.2, 0.3, 0.4]
    found = check(indexed(files), "subject-label-conflict")
    assert places(found) == [("a2", 1)]
    expected = "labelled no_gesture, and call in this image: the boxes' IoU is 0.993"
    assert found.findings[0]["detail"] == expected
    # the same image in another split, labelled otherwise
    files = clean()
    files["val/ok.json"]["a1"] = record(6, "s1", "ok")
    found = check(indexed(files), "subject-label-conflict")
    assert places(found) == [("a1", 0)]
    assert "in train image a1" in found.findings[0]["detail"]


def test_without_subjects_only_boxes_are_compared(indexed):
    files = clean()
    for records in files.values():
        for fields in records.values():
            del fields["user_id"]
    found = check(indexed(files), "subject-label-conflict")
    assert found.findings == []
    assert found.run["notes"] == [
        "there are no subjects: only boxes of one image were compared, not poses of one subject"
    ]


# What is planted in the sample is found by these checks, those of the files included.

OURS = [
    "subject-in-two-splits",
    "image-in-two-splits",
    "image-file-in-two-splits",
    "near-duplicate-in-two-splits",
    "annotation-in-two-splits",
    "class-rare",
    "class-missing-in-split",
    "class-imbalance",
    "subject-dominates-class",
    "split-shift",
    "meta-missing",
    "age-implausible",
    "meta-value-unknown",
    "subject-meta-conflict",
    "group-underrepresented",
    "image-missing",
    "image-unreadable",
    "image-size-mismatch",
    "image-without-annotation",
    "image-blurred",
    "image-dark",
    "image-overexposed",
    "label-not-in-file-class",
    "subject-label-conflict",
]

#: Findings beside the planted ones, each for a reason.
ALSO = {
    # the planted landmarks of another image's hand are, as it happens, those of the same subject's palm
    ("hagrid", "subject-label-conflict", "5eabd9d6-2164-47de-ab9c-7c4fee4167da"),
    # the planted misspelt label is a class of one instance
    ("hagrid", "class-rare", "no_gestur"),
}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The sample, indexed, measured and audited by the checks of this group: a Store."""
    measure = pytest.importorskip("queries.measure")
    workspace = Workspace(tmp_path_factory.mktemp("sample"))
    for name in ("hagrid", "coco_people", "yolo_hands"):
        index(workspace, SAMPLE / name, Options())
    for dataset in measure.datasets(workspace):
        measure.measure(workspace, dataset, workers=2)
    audit.run(workspace, checks=OURS)
    store = Store(workspace)
    yield store
    store.close()
    shutil.rmtree(workspace.path)


def test_the_sample_s_planted_defects_are_found_and_no_more(sample):
    with (SAMPLE / "planted.csv").open(encoding="utf-8", newline="") as file:
        planted = {
            (row["dataset"], row["check_id"], row["key"])
            for row in csv.DictReader(file) if row["check_id"] in OURS
        }  # fmt: skip
    assert len(planted) == 18
    found = set(
        sample.cursor().execute(
            "select d.name, f.check_id, coalesce(i.key, f.about) from finding f "
            "join dataset d using (dataset_id) left join image i on i.image_id = f.image_id"
        ).fetchall()
    )  # fmt: skip
    assert found == planted | ALSO
    failed = "select check_id, reason from check_run where status = 'failed'"
    assert sample.cursor().execute(failed).fetchall() == []
