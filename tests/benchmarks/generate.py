"""Large datasets in the shapes of HaGRIDv2, COCO and YOLO pose, with defects planted at a known rate.

    python -m tests.benchmarks.generate hagrid OUT --images 1060000
    python -m tests.benchmarks.generate coco OUT --persons 150000
    python -m tests.benchmarks.generate yolo OUT --files 120000

Writes `OUT/<shape>/` and `OUT/<shape>-planted.csv` (file, key, place, defect, detail), the list of what is
wrong. The same arguments and seed give the same bytes. Files are written as a stream: memory does not grow
with the number of images.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from tests.benchmarks import hand_shapes, people_shapes
from tests.benchmarks.hand_shapes import GESTURES, SPLITS, TWO_HANDED

RATE = 0.001
_CHUNK = 4000
_ORIGINALS = 50  # records kept of each gesture, for planting copies of them
_PLANTED = ("file", "key", "place", "defect", "detail")

HAND_DEFECTS = ("flipped-label", "swapped-joints", "box-outside", "subject-leak", "duplicate")
PERSON_DEFECTS = ("swapped-joints", "box-outside", "wrong-count", "duplicate")
_INDEX, _PINKY = slice(5, 9), slice(17, 21)
# COCO lists every pair as left, right after the nose
_MIRRORED = [0, *(joint + 1 if joint % 2 else joint - 1 for joint in range(1, 17))]


class Planted:
    """The list of what is wrong, written as it is planted; `counts` by defect."""

    def __init__(self, file) -> None:
        self._out = csv.writer(file)
        self._out.writerow(_PLANTED)
        self.counts: dict[str, int] = {}

    def add(self, *row: Any) -> None:
        """file, key, place in the record, defect, detail."""
        self._out.writerow(row)
        self.counts[row[3]] = self.counts.get(row[3], 0) + 1


@contextmanager
def _planting(out: Path, shape: str) -> Iterator[Planted]:
    out.mkdir(parents=True, exist_ok=True)
    with (out / f"{shape}-planted.csv").open("w", newline="") as file:
        yield Planted(file)


def _chosen(count: int, kinds: tuple[str, ...], rate: float, rng: np.random.Generator) -> dict[int, str]:
    """Which of `count` records get which defect, each kind at `rate`, one a record at most."""
    dice = (rng.random(count) / rate).astype(int) if rate > 0 else np.full(count, len(kinds))
    return {int(n): kinds[dice[n]] for n in np.flatnonzero(dice < len(kinds))}


def shares(images: int, seed: int) -> dict[tuple[str, str], int]:
    """How many images each split and gesture has: nearly alike, adding up to `images`."""
    rng = np.random.default_rng([seed, 4])
    weight = np.outer(list(SPLITS.values()), rng.uniform(0.9, 1.1, len(GESTURES))).ravel()
    edges = np.round(np.cumsum(weight) / weight.sum() * images).astype(int)
    cells = [(split, gesture) for split in SPLITS for gesture in GESTURES]
    return dict(zip(cells, np.diff(edges, prepend=0).tolist(), strict=True))


def hagrid(out: Path, images: int, seed: int = 0, rate: float = RATE) -> dict[str, int]:
    """Writes `out/hagrid/hagrid_annotations/<split>/<gesture>.json`; how many of each defect."""
    root = out / "hagrid" / "hagrid_annotations"
    count = min(hand_shapes.TEMPLATES, max(20, images // 50))
    shapes = {gesture: hand_shapes.templates(gesture, seed, count) for gesture in GESTURES}
    subjects = hand_shapes.Subjects(images, seed)
    with _planting(out, "hagrid") as planted:
        originals: dict[str, list[tuple[str, dict]]] = {gesture: [] for gesture in GESTURES}
        for (split, gesture), count in shares(images, seed).items():
            path = root / split / f"{gesture}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            rng = np.random.default_rng([seed, 5, list(SPLITS).index(split), GESTURES.index(gesture)])
            with path.open("wb") as file:
                file.write(b"{")
                for start in range(0, count, _CHUNK):
                    size = min(_CHUNK, count - start)
                    made = hand_shapes.chunk(gesture, split, size, shapes, subjects, rng)
                    where = f"{split}/{gesture}.json"
                    _spoil_hands(made, where, rate, rng, subjects, originals[gesture], planted)
                    text = orjson.dumps(dict(zip(made.keys, made.records, strict=True)))
                    file.write((b"," if start else b"") + text[1:-1])
                file.write(b"}")
        return planted.counts


def _spoil_hands(
    made: hand_shapes.Chunk,
    where: str,
    rate: float,
    rng: np.random.Generator,
    subjects: hand_shapes.Subjects,
    originals: list[tuple[str, dict]],
    planted: Planted,
) -> None:
    """Plants defects in a chunk, in place. A record that a kind can't be planted in stays as it was."""
    bad = _chosen(len(made.keys), HAND_DEFECTS, rate, rng)
    split, gesture = where.removesuffix(".json").split("/")
    if split == "train" and len(originals) < _ORIGINALS:
        fine = [n for n in range(min(len(made.keys), 2 * _ORIGINALS)) if n not in bad]
        kept = fine[: _ORIGINALS - len(originals)]
        originals += [(f"{where} {made.keys[n]}", made.records[n]) for n in kept]
    for n, defect in bad.items():
        key, record = made.keys[n], made.records[n]
        if defect == "flipped-label":
            others = [g for g in GESTURES if g not in (gesture, "no_gesture", *TWO_HANDED)]
            record["labels"][0] = others[rng.integers(len(others))]
            planted.add(where, key, 0, defect, f"{gesture} -> {record['labels'][0]}")
        elif defect == "swapped-joints" and record["hand_landmarks"][0]:
            joints = record["hand_landmarks"][0]
            joints[_INDEX], joints[_PINKY] = joints[_PINKY], joints[_INDEX]
            planted.add(where, key, 0, defect, "index and pinky exchanged")
        elif defect == "box-outside":
            box = record["bboxes"][0]
            box[0] = round(1 - 0.6 * box[2], 8)
            planted.add(where, key, 0, defect, f"x {box[0]}, w {box[2]}")
        elif defect == "subject-leak" and split != "train":
            number = int(subjects.some("train", 1, rng)[0])
            record["user_id"], record["meta"] = subjects.user_id(number), subjects.meta(number)
            planted.add(where, key, "", defect, f"{record['user_id']} of train")
        elif defect == "duplicate" and originals:
            source, original = originals[rng.integers(len(originals))]
            if not source.endswith(key):
                made.records[n] = original
                planted.add(where, key, "", defect, f"of {source}")


def coco(out: Path, persons: int, seed: int = 0, rate: float = RATE) -> dict[str, int]:
    """Writes `out/coco/annotations/person_keypoints_train2017.json`: persons in 0.43 times as many images."""
    path = out / "coco" / "annotations" / "person_keypoints_train2017.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, 6])
    shapes = people_shapes.bodies(seed)
    images = max(1, round(persons * 64_115 / 149_813))
    ids = np.sort(rng.choice(9 * images, images, replace=False)) + 1
    frames = people_shapes.SIZES[rng.integers(len(people_shapes.SIZES), size=images)]
    with _planting(out, "coco") as planted, path.open("wb") as file:
        file.write(b'{"info":{"description":"COCO 2017 layout, generated"},"licenses":[],"images":[')
        for start in range(0, images, _CHUNK):
            rows = [
                {
                    "license": 1,
                    "file_name": f"{number:012d}.jpg",
                    "coco_url": f"http://images.cocodataset.org/train2017/{number:012d}.jpg",
                    "height": height,
                    "width": width,
                    "date_captured": "2013-11-14 17:02:52",
                    "flickr_url": f"http://farm1.staticflickr.com/1/{number}_z.jpg",
                    "id": number,
                }
                for number, (width, height) in zip(
                    ids[start : start + _CHUNK].tolist(), frames[start : start + _CHUNK].tolist(), strict=True
                )
            ]
            file.write((b"," if start else b"") + orjson.dumps(rows)[1:-1])
        file.write(b'],"annotations":[')
        for start in range(0, persons, _CHUNK):
            size = min(_CHUNK, persons - start)
            of = rng.integers(images, size=size)
            rows = _annotations(people_shapes.place(shapes, frames[of], rng), ids[of], 200_001 + start, rng)
            _spoil_people(rows, frames[of], path.name, rate, rng, planted)
            file.write((b"," if start else b"") + orjson.dumps(rows)[1:-1])
        category = {
            "supercategory": "person",
            "id": 1,
            "name": "person",
            "keypoints": list(people_shapes.JOINTS),
            "skeleton": [list(pair) for pair in people_shapes.people.SKELETON],
        }
        file.write(b'],"categories":' + orjson.dumps([category]) + b"}")
        return planted.counts


def _annotations(
    found: people_shapes.People, image_ids: np.ndarray, first_id: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    count, rows = len(found.boxes), []
    triples = np.concatenate([found.places, found.flags[..., None]], axis=-1).astype(int)
    for start in range(0, count, 500):
        part = slice(start, min(start + 500, count))
        ring, area = people_shapes.outlines(found.boxes[part], int(rng.integers(30, 68)), rng)
        for n, outline in zip(range(part.start, part.stop), ring, strict=True):
            rows.append(
                {
                    "segmentation": [outline.ravel().tolist()],
                    "num_keypoints": int((found.flags[n] > 0).sum()),
                    "area": float(area[n - start]),
                    "iscrowd": 0,
                    "keypoints": triples[n].ravel().tolist(),
                    "image_id": int(image_ids[n]),
                    "bbox": found.boxes[n].tolist(),
                    "category_id": 1,
                    "id": first_id + n,
                }
            )
    return rows


def _spoil_people(
    rows: list[dict[str, Any]],
    frames: np.ndarray,
    where: str,
    rate: float,
    rng: np.random.Generator,
    planted: Planted,
) -> None:
    for n, defect in _chosen(len(rows), PERSON_DEFECTS, rate, rng).items():
        row = rows[n]
        if defect == "swapped-joints":
            triples = np.array(row["keypoints"]).reshape(17, 3)
            row["keypoints"] = triples[_MIRRORED].ravel().tolist()
            planted.add(where, row["id"], "", defect, "left and right exchanged")
        elif defect == "box-outside":
            row["bbox"][0] = round(float(frames[n, 0]) - 0.6 * row["bbox"][2], 2)
            planted.add(where, row["id"], "", defect, f"x {row['bbox'][0]}")
        elif defect == "wrong-count":
            row["num_keypoints"] += 1
            planted.add(where, row["id"], "", defect, f"num_keypoints {row['num_keypoints']}")
        elif n:
            rows[n] = {**rows[n - 1], "id": row["id"]}
            planted.add(where, row["id"], "", defect, f"of {rows[n - 1]['id']}")


def yolo(out: Path, files: int, seed: int = 0, rate: float = RATE) -> dict[str, int]:
    """Writes `out/yolo/data.yaml` and `labels/{train,val}/*.txt`, one to three people a file, no images."""
    root = out / "yolo"
    rng = np.random.default_rng([seed, 7])
    shapes = people_shapes.bodies(seed)
    for split in ("train", "val"):
        (root / "labels" / split).mkdir(parents=True, exist_ok=True)
        (root / "images" / split).mkdir(parents=True, exist_ok=True)
    (root / "data.yaml").write_text(
        f"path: .\ntrain: images/train\nval: images/val\nkpt_shape: [17, 3]\nflip_idx: {_MIRRORED}\n"
        f"names:\n  0: person\nkpt_names:\n  0: [{', '.join(people_shapes.JOINTS)}]\n"
    )
    line = "0 " + " ".join(["%.6f"] * 4) + " %.6f %.6f %d" * 17
    with _planting(out, "yolo") as planted:
        for start in range(0, files, _CHUNK):
            size = min(_CHUNK, files - start)
            of = np.repeat(np.arange(size), rng.integers(1, 4, size=size))
            frame = people_shapes.SIZES[rng.integers(len(people_shapes.SIZES), size=size)][of]
            found = people_shapes.place(shapes, frame, rng)
            corner, extent = found.boxes[:, :2], found.boxes[:, 2:]
            boxes = np.hstack([corner + extent / 2, extent]) / np.tile(frame, 2)
            triples = np.concatenate([found.places / frame[:, None], found.flags[..., None]], axis=-1)
            numbers = np.hstack([boxes, triples.reshape(len(of), -1)])
            bad = _chosen(len(of), ("swapped-joints", "box-outside"), rate, rng)
            text: list[list[str]] = [[] for _ in range(size)]
            for n, values in enumerate(numbers):
                name = f"{_split(start + of[n])}/{start + of[n] + 1:012d}.txt"
                if bad.get(n) == "swapped-joints":
                    values[4:] = values[4:].reshape(17, 3)[_MIRRORED].ravel()
                    planted.add(name, f"line {len(text[of[n]]) + 1}", "", bad[n], "left and right exchanged")
                elif bad.get(n) == "box-outside":
                    values[0] = 1 - 0.1 * values[2]
                    planted.add(name, f"line {len(text[of[n]]) + 1}", "", bad[n], f"cx {values[0]:.6f}")
                text[of[n]].append(line % tuple(values.tolist()))
            for n, lines in enumerate(text):
                path = root / "labels" / _split(start + n) / f"{start + n + 1:012d}.txt"
                path.write_text("\n".join(lines) + "\n")
        return planted.counts


def _split(number: int) -> str:
    return "val" if number % 20 == 19 else "train"


SHAPES = {"hagrid": (hagrid, 10_000), "coco": (coco, 150_000), "yolo": (yolo, 120_000)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shape", choices=list(SHAPES))
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", "--persons", "--files", dest="count", type=int, help="how many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=RATE, help="of each kind of defect (default 0.001)")
    given = parser.parse_args()
    make, usual = SHAPES[given.shape]
    started = time.perf_counter()
    planted = make(given.out, given.count or usual, given.seed, given.rate)
    size = sum(path.stat().st_size for path in (given.out / given.shape).rglob("*") if path.is_file())
    took = time.perf_counter() - started
    told = ", ".join(f"{count} {defect}" for defect, count in planted.items()) or "nothing"
    print(f"{given.out / given.shape}: {size / 1e6:.1f} MB in {took:.1f} s; planted {told}", file=sys.stderr)


if __name__ == "__main__":
    main()
