"""The pages' numbers against independent counts of the real annotations with plain `json`."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import duckdb
import pytest

from queries import skeletons
from queries.filters import JOINT_STATES, Filters, Narrow
from queries.index import index
from queries.model import Options
from queries.scenes import walk_annotations
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
        assert row["top_subject"] == min(who for who in mine if mine[who] == max(mine.values()))


def test_filters_of_images_and_of_boxes(real) -> None:
    """A filter of the images reaches the boxes whose images a query does not look up for anything else."""
    store, plain = real
    who = Counter(plain["records"][key]["user_id"] for key, _, _ in plain["hands"]).most_common(3)
    for subjects in (None, (who[0][0],), tuple(name for name, _ in who)):
        for labels in (None, ("call", "like")):
            wanted = [
                (key, record["labels"][n])
                for key, record, n in plain["hands"]
                if (subjects is None or plain["records"][key]["user_id"] in subjects)
                and (labels is None or record["labels"][n] in labels)
            ]
            f = F.with_(subjects=subjects, labels=labels).struct()
            totals = store.rows("overview_totals", f=f)[0]
            assert totals["annotations"] == len(wanted)
            assert totals["classes"] == len({label for _, label in wanted})
            assert store.rows("box_unusable", f=f)[0]["boxes"] == len(wanted)
            found = {(row["label"], row["split"]): row for row in store.rows("class_split", f=f)}
            assert {k: v["instances"] for k, v in found.items()} == Counter((x, "val") for _, x in wanted)
            assert {k: v["images"] for k, v in found.items()} == Counter((x, "val") for _, x in set(wanted))
    assert store.rows("overview_totals", f=F.with_(splits=("train",)).struct())[0]["annotations"] == 0


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


#: Flags of one person's 17 joints: all alike, which is counted whole, and every way not to be.
_FLAGS = [
    [2] * 17, [2] * 17, [1] * 17, [0] * 17, [2] * 16 + [1], [1] * 16 + [2], [2] * 16 + [0], [0] * 16 + [2],
    [2] * 16 + [3], [n % 3 for n in range(17)], None,
]  # fmt: skip


@pytest.fixture
def people(tmp_path: Path) -> tuple[Workspace, list[dict[str, Any]]]:
    """An indexed COCO file of two classes, and its annotations with their class's name."""
    names = [joint.name for joint in skeletons.get("coco-17").joints]
    made = [
        {
            "id": n + 1, "image_id": n % 4 + 1, "category_id": n % 2 + 1,
            "bbox": [10, 10, 50, 50], "area": 2500, "iscrowd": 0,
            **({"keypoints": [x for v in flags for x in (20, 30, v)]} if flags else {}),
        }
        for n, flags in enumerate(flags for flags in _FLAGS for _ in range(3))
    ]  # fmt: skip
    file = tmp_path / "coco" / "person_keypoints_train2017.json"
    file.parent.mkdir()
    categories = [{"id": n, "name": name, "keypoints": names} for n, name in ((1, "adult"), (2, "child"))]
    images = [{"id": n, "file_name": f"{n}.jpg", "width": 640, "height": 480} for n in range(1, 5)]
    file.write_text(json.dumps({"images": images, "annotations": made, "categories": categories}))
    index(Workspace(tmp_path / "ws"), file.parent, Options())
    labelled = [{**a, "label": ("adult", "child")[a["category_id"] - 1]} for a in made]
    return Workspace(tmp_path / "ws"), labelled


def _state(flags: list[int] | None, joint: int) -> str:
    if flags is None:
        return "absent"
    return {0: "unlabelled", 1: "occluded", 2: "visible"}.get(flags[joint], "invalid")


def _states_as_read(place: Workspace, made: list[dict[str, Any]]) -> None:
    store = Store(place)
    skeleton = store.rows("skeletons", f=F.struct())[0]["skeleton"]
    names = [row["name"] for row in store.rows("joint_names", skeleton=skeleton)]
    flags = {a["id"]: a["keypoints"][2::3] if "keypoints" in a else None for a in made}
    states = ("unlabelled", "occluded", "visible", "invalid", "absent")
    for by in ("all", "class", "split"):
        expected = Counter(
            ({"all": "all", "class": a["label"], "split": "train"}[by], joint, _state(flags[a["id"]], joint))
            for a in made
            for joint in range(17)
        )
        rows = store.rows("joint_states", f=F.struct(), skeleton=skeleton, by=by)
        assert Counter({(r["grp"], r["joint"], s): r[s] for r in rows for s in states if r[s]}) == expected
        assert not any(r["recorded"] for r in rows)
    source = dict(store.cursor().execute("select annotation_id, source_id::int from annotation").fetchall())
    for joint in (None, 0, 16):
        for state in set(JOINT_STATES) - {"outside", "recorded"}:
            wanted = {
                n for n, given in flags.items()
                if any(
                    _state(given, j) == state or (state == "labelled" and given and given[j] > 0)
                    for j in (range(17) if joint is None else [joint])
                )
            }  # fmt: skip
            narrow = Narrow(joint=None if joint is None else names[joint], state=state)
            found = [source[n] for n in walk_annotations(store, F, narrow).ids.tolist()]
            assert sorted(found) == sorted(wanted), narrow
    store.close()


def test_states_of_joints_counted_whole_and_one_by_one(people) -> None:
    place, made = people
    _states_as_read(place, made)
    # what is counted whole is taken from the counts alone: without its keypoints the numbers are the same
    with duckdb.connect(place.index_files()[0]) as con:
        con.execute("delete from keypoint where annotation_id in (select annotation_id from annotation "
                    "where visible = 17)")  # fmt: skip
        assert con.execute("select count(*) from annotation where visible = 17").fetchone() == (6,)
    _states_as_read(place, made)


def test_a_joint_beyond_the_skeleton_is_never_counted_whole(people) -> None:
    """17 labelled ones may then be joints 1 to 17, and nothing but the keypoints tells."""
    place, made = people
    with duckdb.connect(place.index_files()[0]) as con:
        who = con.execute("select min(annotation_id) from annotation where visible = 17").fetchone()[0]
        con.execute("update keypoint set joint = joint + 1 where annotation_id = ?", [who])
    store = Store(place)
    skeleton = store.rows("skeletons", f=F.struct())[0]["skeleton"]
    first, last = (store.rows("joint_states", f=F.struct(), skeleton=skeleton, by="all")[n] for n in (0, 16))
    lacking = sum("keypoints" not in a for a in made)
    assert (first["absent"], last["absent"]) == (lacking + 1, lacking)
    absent = walk_annotations(store, F, Narrow(joint=first["name"], state="absent")).ids.tolist()
    assert who in absent and len(absent) == lacking + 1
