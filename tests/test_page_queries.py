"""The pages' numbers against independent counts of the real annotations with plain `json`."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from queries.filters import Filters
from queries.index import index
from queries.model import Options
from queries.store import Store
from queries.workspace import Workspace

F = Filters(1)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> tuple[Store, dict[str, Any]]:
    """The indexed val set, and image → record as `json` reads it (the first of repeated keys)."""
    place = Workspace(tmp_path_factory.mktemp("real"))
    index(place, real_data / "hagrid_2023_val", Options())
    records: dict[str, Any] = {}
    hands: list[tuple[str, dict, int]] = []
    for path in sorted((real_data / "hagrid_2023_val").rglob("*.json")):
        for key, record in json.loads(path.read_text()).items():
            if isinstance(record, dict) and "bboxes" in record:
                records.setdefault(key, record)
                hands += [(key, record, n) for n in range(len(record["bboxes"]))]
    return Store(place), {"records": records, "hands": hands}


def test_totals(real) -> None:
    store, plain = real
    row = store.rows("overview_totals", f=F.struct())[0]
    assert row["images"] == len(plain["records"])
    assert row["annotations"] == len(plain["hands"])
    assert row["subjects"] == len({r["user_id"] for r in plain["records"].values()})
    assert row["classes"] == len({r["labels"][n] for _, r, n in plain["hands"]})


def test_classes(real) -> None:
    store, plain = real
    found = {
        row["label"]: (row["instances"], row["images"]) for row in store.rows("class_split", f=F.struct())
    }
    instances, images = Counter(), defaultdict(set)
    for key, record, n in plain["hands"]:
        instances[record["labels"][n]] += 1
        images[record["labels"][n]].add(key)
    assert found == {label: (instances[label], len(images[label])) for label in instances}


def test_class_subjects(real) -> None:
    store, plain = real
    counts: dict[str, Counter] = defaultdict(Counter)
    for key, record, n in plain["hands"]:
        counts[record["labels"][n]][plain["records"][key]["user_id"]] += 1
    for row in store.rows("class_subject", f=F.struct()):
        mine = counts[row["label"]]
        assert (row["subjects"], row["top_instances"]) == (len(mine), max(mine.values()))
        assert mine[row["top_subject"]] == row["top_instances"]


def test_boxes_per_image(real) -> None:
    store, plain = real
    each = Counter(key for key, _, _ in plain["hands"])
    expected = Counter(each[key] for key in plain["records"])
    assert {row["boxes"]: row["images"] for row in store.rows("box_per_image", f=F.struct())} == dict(
        expected
    )


@pytest.mark.parametrize("labels", [None, ("call",), ("like", "no_gesture")])
def test_histogram_bins(real, labels) -> None:
    store, plain = real
    f = F.with_(labels=labels)
    widths = [r["bboxes"][n][2] for _, r, n in plain["hands"] if labels is None or r["labels"][n] in labels]
    rows = store.rows("box_histogram", f=f.struct(), measure="width", bins=40, log=False)
    assert sum(row["boxes"] for row in rows) == len(widths)
    for row in rows:
        low = -math.inf if row["first"] else row["low"]
        high = math.inf if row["last"] else row["high"]
        # A width on the very edge may fall to either side by rounding.
        inside = sum(low + 1e-9 <= w < high - 1e-9 for w in widths)
        assert inside <= row["boxes"] <= sum(low - 1e-9 <= w < high + 1e-9 for w in widths)


def test_centres(real) -> None:
    store, plain = real
    cells: Counter = Counter()
    for _, record, n in plain["hands"]:
        x, y, w, h = record["bboxes"][n]
        cx, cy = x + w / 2, y + h / 2
        inside = 0 <= cx <= 1 and 0 <= cy <= 1
        cells[(min(int(cx * 40), 39), min(int(cy * 40), 39)) if inside else None] += 1
    rows = store.rows("box_centres", f=F.struct(), cells=40)
    found = {None if r["place"] != "inside" else (r["cell_x"], r["cell_y"]): r["boxes"] for r in rows}
    assert found == dict(cells)


def test_no_keypoints_here(real) -> None:
    store, plain = real
    assert not any(record.get("hand_landmarks") or record.get("landmarks") for _, record, _ in plain["hands"])
    assert store.rows("skeletons", f=F.struct())[0]["with_keypoints"] == 0


def test_landmarks(tmp_path: Path, real_data: Path) -> None:
    place = Workspace(tmp_path)
    index(place, real_data / "hagrid_landmarks", Options())
    store = Store(place)
    hands: Counter = Counter()
    for path in (real_data / "hagrid_landmarks").rglob("*.json"):
        for record in json.loads(path.read_text()).values():
            for label, points in zip(
                record["labels"], record.get("hand_landmarks") or record["landmarks"], strict=True
            ):
                hands[label] += bool(points)
    rows = store.rows("joint_states", f=F.struct(), skeleton="hand-21", by="class")
    assert {(r["grp"], r["joint"]): r["recorded"] for r in rows} == {
        (label, joint): n for label, n in hands.items() for joint in range(21)
    }
    assert not any(r["visible"] or r["occluded"] or r["unlabelled"] or r["invalid"] for r in rows)


def test_coco_states(tmp_path: Path, real_data: Path) -> None:
    folder = real_data / "pose" / "coco"
    if not (folder / "test_coco.json").is_file():
        pytest.skip(f"no COCO annotations in {folder}")
    source = tmp_path / "coco" / "person_keypoints_val2017.json"
    source.parent.mkdir()
    source.write_bytes((folder / "test_coco.json").read_bytes())
    index(Workspace(tmp_path / "ws"), source.parent, Options())
    store = Store(Workspace(tmp_path / "ws"))
    made = json.loads(source.read_text())
    known = {image["id"] for image in made["images"]}
    annotations = [a for a in made["annotations"] if a["image_id"] in known]
    states = Counter((j, a["keypoints"][3 * j + 2]) for a in annotations for j in range(17))
    both = Counter()
    for a in annotations:
        on = [j for j in range(17) if a["keypoints"][3 * j + 2] > 0]
        both.update((i, j) for i in on for j in on)
    rows = store.rows("joint_states", f=F.struct(), skeleton="coco-17", by="all")
    for row in rows:
        found = (row["unlabelled"], row["occluded"], row["visible"])
        assert found == tuple(states[row["joint"], v] for v in (0, 1, 2))
    from dashboard.stats import co_visibility  # noqa: PLC0415

    found = co_visibility(store.frame("joint_patterns", f=F.struct(), skeleton="coco-17"), 17)
    assert {(i, j): int(found.both[i, j]) for i in range(17) for j in range(17) if found.both[i, j]} == dict(
        both
    )
