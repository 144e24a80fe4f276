"""Hands and people made for the tests of the anatomy checks, as records of HaGRID, COCO and YOLO."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from sample_data import hands as hand_model

FINGERS = {"thumb": 1, "index": 5, "middle": 9, "ring": 13, "pinky": 17}


def hand(gesture: str, seed: int, side: str = "right", back: bool = False) -> np.ndarray:
    """(21, 2) landmarks of a hand about the middle of a square image, in shares of its size, y down.

    With `back` the hand is turned about its length: its back is seen.
    """
    rng = np.random.default_rng([seed, len(gesture)])
    build = hand_model.some_build(rng)
    joints = hand_model.hold(hand_model.ONE_HANDED[gesture], side, build, rng).joints[:, :2] * (0.2, -0.2)
    if back:
        joints = joints * (-1, 1)
    return joints - (joints.min(axis=0) + joints.max(axis=0)) / 2 + 0.5


def box_of(points: np.ndarray, margin: float = 0.02) -> list[float]:
    """[left, top, width, height] around the points."""
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    return [*low.tolist(), *(high - low).tolist()]


def record(points: np.ndarray, gesture: str, **more: Any) -> dict[str, Any]:
    """A HaGRID v2 record of one hand."""
    return {
        "bboxes": [box_of(points)], "labels": [gesture], "user_id": "u", "hand_landmarks": [points.tolist()],
    } | more  # fmt: skip


def first_record(points: np.ndarray, gesture: str, leading: str) -> dict[str, Any]:
    """A HaGRID v1 record of one hand."""
    return {
        "bboxes": [box_of(points)], "labels": [gesture], "user_id": "u", "landmarks": [points.tolist()],
        "leading_hand": leading, "leading_conf": 1.0,
    }  # fmt: skip


def hagrid(
    gestures: tuple[str, ...] = ("palm", "fist", "peace"), count: int = 30
) -> dict[str, dict[str, Any]]:
    """{gesture: {key: record}} of so many hands a gesture, half of them left ones."""
    return {
        gesture: {
            f"{gesture}-{n}": record(hand(gesture, n, ("left", "right")[n % 2]), gesture)
            for n in range(count)
        }
        for gesture in gestures
    }


def changed(
    records: dict[str, dict[str, Any]], key: str, points: np.ndarray, box: bool = False
) -> dict[str, Any]:
    """A copy of the records in which one hand has these landmarks; with `box` its box is made of them."""
    out = copy.deepcopy(records)
    one = out[_gesture(key)][key]
    one["hand_landmarks"] = [points.tolist()]
    if box:
        one["bboxes"] = [box_of(points)]
    return out


def _gesture(key: str) -> str:
    return key.partition("-")[0]


def points_of(records: dict[str, dict[str, Any]], key: str) -> np.ndarray:
    """(21, 2) landmarks of the hand with that key."""
    return np.array(records[_gesture(key)][key]["hand_landmarks"][0])


def exchanged(points: np.ndarray, one: str, other: str) -> np.ndarray:
    """The landmarks with two fingers in each other's place."""
    order = np.arange(21)
    a, b = np.arange(4) + FINGERS[one], np.arange(4) + FINGERS[other]
    order[a], order[b] = b, a
    return points[order]


#: A person standing and facing the camera, in COCO's order, in pixels.
STANDING = np.array(
    [(100, 30), (104, 26), (96, 26), (110, 28), (90, 28), (122, 60), (78, 60), (130, 95), (70, 95),
     (132, 128), (68, 128), (114, 130), (86, 130), (116, 180), (84, 180), (116, 228), (84, 228)], dtype=float
)  # fmt: skip
COCO_NAMES = [
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee",
    "left_ankle", "right_ankle",
]  # fmt: skip
COCO_BONES = [
    [16, 14], [14, 12], [17, 15], [15, 13], [12, 13], [6, 12], [7, 13], [6, 7], [6, 8], [7, 9], [8, 10],
    [9, 11], [2, 3], [1, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7],
]  # fmt: skip


def people(count: int = 60) -> dict[int, np.ndarray]:
    """{id: (17, 2)}: people who stand about, their elbows, wrists, knees and ankles somewhere near."""
    rng = np.random.default_rng(5)
    found = {}
    for number in range(1, count + 1):
        points = STANDING + rng.normal(0, 2.0, (17, 2))
        points[7:11] += rng.normal(0, 6, (4, 2))
        points[13:17] += rng.normal(0, 5, (4, 2))
        scale = rng.uniform(0.7, 1.4)
        found[number] = points * (scale * rng.choice([-1, 1]), scale) + (400, 40)
    return found


def coco(everybody: dict[int, np.ndarray], boxes: dict[int, list[float]] | None = None) -> dict[str, Any]:
    """A COCO document with one person an image; `boxes` of some, else around joints; NaN: not labelled."""
    annotations = []
    for number, points in everybody.items():
        here = np.isfinite(points[:, 0])
        keypoints = [
            v for (x, y), seen in zip(points, here, strict=True) for v in ((x, y, 2) if seen else (0, 0, 0))
        ]
        box = (boxes or {}).get(number) or box_of(points[here], 12)
        annotations.append(
            {"id": number, "image_id": number, "category_id": 1, "bbox": box, "area": box[2] * box[3],
             "iscrowd": 0, "num_keypoints": int(here.sum()), "keypoints": [float(v) for v in keypoints]}
        )  # fmt: skip
    return {
        "images": [{"id": n, "file_name": f"{n}.jpg", "width": 800, "height": 600} for n in everybody],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "keypoints": COCO_NAMES, "skeleton": COCO_BONES}],
    }


def yolo(poses: list[np.ndarray], **fields: Any) -> dict[str, Any]:
    """The files of a YOLO pose set of these poses (K, 2), in image shares; `fields` are its data.yaml's."""
    joints = len(poses[0])
    data = {"train": "images/train", "names": {0: "figure"}, "kpt_shape": [joints, 3]}
    files: dict[str, Any] = {"data.yaml": data | fields}
    for number, points in enumerate(poses):
        left, top, wide, high = box_of(points)
        numbers = [left + wide / 2, top + high / 2, wide, high, *(v for x, y in points for v in (x, y, 2))]
        files[f"images/train/{number}.jpg"] = b""
        files[f"labels/train/{number}.txt"] = " ".join(["0", *(f"{v:.6f}" for v in numbers)]) + "\n"
    return files
