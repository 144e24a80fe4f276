"""HaGRIDv2's records by the million: posed hands of the sample data, projected once and varied in numpy.

A gesture has TEMPLATES articulated poses (`sample_data.hands`), in both hands where it takes two. A record
takes one of them, turns, shears and scales it a little, moves every landmark by some noise and places it in
a portrait or landscape frame. Coordinates are normalized; landmarks are float32 values written as doubles,
as in the published files. One-handed gestures show a second, idle hand as often as makes 1.35 boxes an image.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from sample_data import hands

TEMPLATES = 200
BOXES_PER_IMAGE = 1.35
SUBJECTS_PER_IMAGE = 65_977 / 1_060_000
SPLITS = {"train": 0.76, "val": 0.09, "test": 0.15}
GESTURES = hands.GESTURES
TWO_HANDED = tuple(hands.TWO_HANDED)
# The share of hands without landmarks (the detector found none): idle second hands, and all others.
WITHOUT = {"idle": 0.45, "other": 0.09}
RACES = ("Asian", "Black", "Indian", "Latino_Hispanic", "Middle Eastern", "White")

_IDLE_SHARE = (BOXES_PER_IMAGE - 1 - len(TWO_HANDED) / len(GESTURES)) / (1 - len(TWO_HANDED) / len(GESTURES))


@dataclass(frozen=True)
class Templates:
    """Poses of one gesture in hand units (wrist to middle knuckle is 1), y down, hands' middle at 0.

    points: (T, H, 21, 2) with H hands; radii: (T, H, 21), half the thickness of the flesh.
    """

    points: np.ndarray
    radii: np.ndarray


def templates(gesture: str, seed: int, count: int = TEMPLATES) -> Templates:
    """The same for the same gesture and seed, whatever else is generated."""
    rng = np.random.default_rng([seed, 1, GESTURES.index(gesture)])
    points, radii = [], []
    for _ in range(count):
        build = hands.some_build(rng)
        if gesture in TWO_HANDED:
            posed = hands.hold_pair(gesture, build, rng)
        else:
            posed = [hands.hold(hands.ONE_HANDED[gesture], "right", build, rng)]
        for hand in posed:
            hands.project(hand, (0.0, 0.0), 1.0)
        points.append([hand.pixels for hand in posed])
        radii.append([hands.radii(hand, build.girth) for hand in posed])
    found = np.array(points)
    middle = (found.max(axis=(1, 2)) + found.min(axis=(1, 2))) / 2
    return Templates(found - middle[:, None, None, :], np.array(radii))


@dataclass(frozen=True)
class Placed:
    """n images' hands, normalized: points (n, H, 21, 2), boxes (n, H, 4) as x, y, w, h of the top-left."""

    points: np.ndarray
    boxes: np.ndarray


def place(shapes: Templates, count: int, rng: np.random.Generator, frame: np.ndarray, low: float) -> Placed:
    """`count` hands (or pairs) in frames (n, 2) in pixels, their boxes inside, the top at `low` or below."""
    chosen = rng.integers(len(shapes.points), size=count)
    turn = np.radians(np.clip(rng.normal(0, 8, count), -18, 18))
    stretch = np.clip(rng.normal(1, 0.025, (count, 2)), 0.94, 1.06)
    shear = np.clip(rng.normal(0, 0.03, count), -0.07, 0.07)
    mirrored = np.where((rng.random(count) < 0.4) & (shapes.points.shape[1] == 1), -1.0, 1.0)
    cos, sin = np.cos(turn), np.sin(turn)
    affine = np.stack(
        [cos * stretch[:, 0], shear - sin * stretch[:, 1], sin * stretch[:, 0], cos * stretch[:, 1]], axis=-1
    ).reshape(count, 1, 2, 2)
    points = shapes.points[chosen].copy()
    points[..., 0] *= mirrored[:, None, None]
    points = points @ affine.swapaxes(-1, -2)
    points += np.clip(rng.normal(0, 0.012, points.shape), -0.03, 0.03)
    radii = shapes.radii[chosen][..., None]
    first, last = (points - radii).min(axis=2), (points + radii).max(axis=2)  # (n, H, 2)
    pad = 0.05 * (last - first).max(axis=-1, keepdims=True)
    first, last = first - pad, last + pad
    start, stop = first.min(axis=1), last.max(axis=1)  # (n, 2) of all hands together
    # pixels a hand unit: hands take up a tenth to a third of the frame's longer side
    unit = frame.max(axis=1) * np.exp(rng.uniform(np.log(0.05), np.log(0.11), count))
    room = np.array([0.96, 0.96 - low])
    unit = np.minimum(unit, (room * frame / (stop - start)).min(axis=1))
    scale = unit[:, None] / frame
    free = np.maximum(room - scale * (stop - start), 0)
    corner = np.array([0.02, low + 0.02]) + rng.random((count, 2)) * free
    origin = corner - scale * start
    boxes = np.concatenate(
        [origin[:, None] + scale[:, None] * first, scale[:, None] * (last - first)], axis=-1
    )
    placed = origin[:, None, None] + scale[:, None, None] * points
    return Placed(placed.astype(np.float32).astype(np.float64), np.round(boxes, 8))


class Subjects:
    """Who is in the pictures: each in one split only, with an age, a gender and a race of their own."""

    def __init__(self, images: int, seed: int):
        self.seed = seed
        count = max(30, round(images * SUBJECTS_PER_IMAGE))
        rng = np.random.default_rng([seed, 2])
        self.age = np.round(rng.uniform(18, 65, count), 2)
        self.gender = rng.integers(2, size=count)
        self.race = rng.choice(len(RACES), size=count, p=(0.12, 0.08, 0.1, 0.12, 0.13, 0.45))
        edges = np.round(np.cumsum([0, *SPLITS.values()]) * count).astype(int)
        self.of = {split: (edges[n], edges[n + 1]) for n, split in enumerate(SPLITS)}

    def some(self, split: str, count: int, rng: np.random.Generator) -> np.ndarray:
        """Numbers of subjects of that split; some are seen far more often than others."""
        first, stop = self.of[split]
        return (first + (stop - first) * rng.random(count) ** 1.5).astype(int)

    def user_id(self, number: int) -> str:
        return hashlib.sha256(f"{self.seed} {number}".encode()).hexdigest()

    def meta(self, number: int) -> dict[str, list]:
        return {
            "age": [float(self.age[number])],
            "gender": [("female", "male")[self.gender[number]]],
            "race": [RACES[self.race[number]]],
        }


@dataclass(frozen=True)
class Chunk:
    """Consecutive records of one file, before defects are planted."""

    keys: list[str]
    records: list[dict[str, Any]]


def chunk(
    gesture: str,
    split: str,
    count: int,
    shapes: dict[str, Templates],
    subjects: Subjects,
    rng: np.random.Generator,
) -> Chunk:
    """`count` records of one gesture and split."""
    portrait = rng.random(count) < 0.75
    frame = np.where(portrait[:, None], (1440.0, 1920.0), (1920.0, 1440.0))
    two = gesture in TWO_HANDED
    main = place(shapes[gesture], count, rng, frame, 0.1)
    boxes, points = main.boxes.tolist(), main.points.tolist()
    missing = rng.random((count, 2)) < WITHOUT["other"]
    idle = np.zeros(count, bool) if two or gesture == "no_gesture" else rng.random(count) < _IDLE_SHARE
    if gesture == "no_gesture":
        idle = rng.random(count) < _IDLE_SHARE
    second = place(shapes["no_gesture"], int(idle.sum()), rng, frame[idle], 0.5)
    second_missing = rng.random(len(second.boxes)) < WITHOUT["idle"]
    for at, n in enumerate(np.flatnonzero(idle)):
        boxes[n].append(second.boxes[at, 0].tolist())
        points[n].append([] if second_missing[at] else second.points[at, 0].tolist())
    who = subjects.some(split, count, rng)
    bits = rng.bytes(16 * count).hex()
    keys = [
        f"{b[:8]}-{b[8:12]}-4{b[13:16]}-a{b[17:20]}-{b[20:]}"
        for b in (bits[32 * n : 32 * n + 32] for n in range(count))
    ]
    records = []
    for n in range(count):
        for hand in range(2 if two else 1):
            if missing[n, hand]:
                points[n][hand] = []
        labels = [gesture, gesture] if two else [gesture, "no_gesture"][: len(boxes[n])]
        records.append(
            {
                "bboxes": boxes[n],
                "labels": labels,
                "united_bbox": [union(boxes[n])] if two else None,
                "united_label": [gesture] if two else None,
                "user_id": subjects.user_id(int(who[n])),
                "hand_landmarks": points[n],
                "meta": subjects.meta(int(who[n])),
            }
        )
    return Chunk(keys, records)


def union(boxes: list[list[float]]) -> list[float]:
    """The box around several boxes."""
    x0, y0 = min(b[0] for b in boxes), min(b[1] for b in boxes)
    x1, y1 = max(b[0] + b[2] for b in boxes), max(b[1] + b[3] for b in boxes)
    return [round(v, 8) for v in (x0, y0, x1 - x0, y1 - y0)]
