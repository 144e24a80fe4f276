"""The viewer's selections against counts made from the very JSON, in plain Python."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from queries.errors import UsageError
from queries.filters import ABOVE_ZERO, JOINT_STATES, NO_CLASS, Filters, Narrow
from queries.index import index
from queries.model import Options
from queries.scenes import IMAGE_ORDERS, ORDERS, Walk, scenes, walk_annotations, walk_images
from queries.store import Store
from queries.workspace import Workspace

JOINTS = 21
WRIST = 0
TIP = 8  # index_finger_tip
MEASURES = {
    "width": lambda x, y, w, h: w,
    "height": lambda x, y, w, h: h,
    "area": lambda x, y, w, h: w * h,
    "aspect": lambda x, y, w, h: w / h,
    "center_x": lambda x, y, w, h: x + w / 2,
    "center_y": lambda x, y, w, h: y + h / 2,
}


def _hagrid(root: Path) -> dict[tuple[str, str], dict]:
    """Records by (split, key): one or two hands, some joints outside, one subject in two splits."""
    rng = random.Random(7)
    records = {}
    for split, count in (("train", 40), ("val", 12)):
        for gesture in ("call", "fist"):
            made = {}
            for n in range(count):
                hands = 1 + (n % 3 == 0)
                ranges = ((0, 0.6), (0, 0.6), (0.05, 0.4), (0.05, 0.4))
                boxes = [[round(rng.uniform(*ends), 4) for ends in ranges] for _ in range(hands)]
                made[f"{split}-{gesture}-{n:03}"] = {
                    "bboxes": boxes,
                    "labels": [gesture, "no_gesture"][:hands],
                    "user_id": f"s{n % 7}" if split == "train" else f"v{n % 3}" if n else "s0",
                    "hand_landmarks": [
                        []
                        if n % 5 == 4
                        else [[rng.uniform(-0.02, 1.02) for _ in "xy"] for _ in range(JOINTS)]
                        for _ in range(hands)
                    ],
                }
            if split == "train":
                made[f"train-{gesture}-short"] = {
                    "bboxes": [[0.1, 0.1, 0.2, 0.2]], "labels": [gesture, "no_gesture"], "user_id": "s1",
                    "hand_landmarks": [[], []],
                }  # fmt: skip
                made[f"train-{gesture}-none"] = {
                    "bboxes": [],
                    "labels": [],
                    "user_id": "s2",
                    "hand_landmarks": [],
                }
            folder = root / "hagrid_annotations" / split
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{gesture}.json").write_text(json.dumps(made))
            records |= {(split, key): record for key, record in made.items()}
    return records


def _coco(root: Path) -> dict:
    """Persons with every flag, sizes in pixels, one annotation that points at no image."""
    rng = random.Random(3)
    names = ["nose", "left_hand", "right_hand"]
    images = [{"id": n, "file_name": f"{n:04}.jpg", "width": 100, "height": 80} for n in range(1, 21)]
    annotations = []
    for n in range(1, 41):
        triples = [(rng.randint(-5, 105), rng.randint(-5, 85), rng.choice((0, 1, 2))) for _ in names]
        triples = [(x, y, v) if v else (0, 0, 0) for x, y, v in triples]
        annotations.append({
            "id": 100 + n, "image_id": 1 + n % 17, "category_id": 1, "bbox": [5, 5, n, 10 + n], "iscrowd": 0,
            "area": n * 3.0, "keypoints": [value for triple in triples for value in triple],
            "num_keypoints": sum(v > 0 for *_, v in triples),
        })  # fmt: skip
    annotations[5]["bbox"] = [5, 5, -4, 10]
    made = {
        "images": images, "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "keypoints": names, "skeleton": [[1, 2], [1, 3]]}],
    }  # fmt: skip
    root.mkdir()
    (root / "person_keypoints_train2017.json").write_text(json.dumps(made))
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    base = tmp_path_factory.mktemp("viewer")
    workspace = Workspace(base / "ws")
    hagrid, coco = _hagrid(base / "hands"), _coco(base / "people")
    first = index(workspace, base / "hands", Options()).dataset_id
    second = index(workspace, base / "people", Options()).dataset_id
    store = Store(workspace)
    yield store, first, hagrid, second, coco
    store.close()


def _keys(store: Store, walk: Walk) -> set[tuple[str, str]]:
    rows = store.rows("viewer_named", images=walk.ids.tolist())
    assert len(rows) == len(walk)
    return {(row["split"], row["key"]) for row in rows}


def _counts(store: Store, f: Filters, n: Narrow) -> tuple[set[tuple[str, str]], int]:
    return _keys(store, walk_images(store, f, n)), len(walk_annotations(store, f, n))


def _hands(record: dict) -> int:
    return max(len(record["bboxes"]), len(record["labels"]), len(record["hand_landmarks"]))


def test_nothing_narrowed_is_the_selection(made) -> None:
    store, dataset, records, *_ = made
    images, annotations = _counts(store, Filters(dataset), Narrow())
    assert images == set(records)
    assert annotations == sum(map(_hands, records.values()))
    images, annotations = _counts(store, Filters(dataset, splits=("val",), labels=("no_gesture",)), Narrow())
    wanted = {k: r for k, r in records.items() if k[0] == "val" and "no_gesture" in r["labels"]}
    assert images == set(wanted)
    assert annotations == len(wanted)


@pytest.mark.parametrize("measure", list(MEASURES))
@pytest.mark.parametrize(("low", "high"), [(0.2, 0.5), (None, 0.3), (0.3, None)])
def test_measure(made, measure: str, low: float | None, high: float | None) -> None:
    store, dataset, records, *_ = made

    def inside(box: list[float]) -> bool:
        value = MEASURES[measure](*box)
        return (low is None or value >= low) and (high is None or value < high)

    images, annotations = _counts(store, Filters(dataset), Narrow(measure=measure, low=low, high=high))
    assert annotations == sum(inside(box) for r in records.values() for box in r["bboxes"])
    assert images == {k for k, r in records.items() if any(map(inside, r["bboxes"]))}


@pytest.mark.parametrize(("low", "high"), [(0, 1), (1, 2), (2, 3), (None, 2), (5, 6)])
def test_boxes_per_image(made, low: float | None, high: float | None) -> None:
    store, dataset, records, *_ = made
    wanted = {k: r for k, r in records.items() if (low is None or _hands(r) >= low) and _hands(r) < high}
    images, annotations = _counts(store, Filters(dataset), Narrow(measure="per_image", low=low, high=high))
    assert images == set(wanted)
    assert annotations == sum(map(_hands, wanted.values()))


@pytest.mark.parametrize("joint", [WRIST, TIP, None])
def test_joint_states_where_no_flag_is_recorded(made, joint: int | None) -> None:
    store, dataset, records, *_ = made
    name = {WRIST: "wrist", TIP: "index_finger_tip", None: None}[joint]

    def holds(points: list, test) -> bool:
        return any(test(p) for n, p in enumerate(points) if joint in (None, n))

    tests = {
        "recorded": lambda p: True,
        "outside": lambda p: min(p) < 0 or max(p) > 1,
        "visible": lambda p: False,
        "unlabelled": lambda p: False,
    }
    for state, test in tests.items():
        wanted = {k: [h for h in r["hand_landmarks"] if holds(h, test)] for k, r in records.items()}
        images, annotations = _counts(store, Filters(dataset), Narrow(joint=name, state=state))
        assert annotations == sum(map(len, wanted.values())), state
        assert images == {k for k, hands in wanted.items() if hands}, state


@pytest.mark.parametrize(
    ("joint", "state"), [(j, s) for j in (1, None) for s in (*JOINT_STATES, None) if (j, s) != (None, None)]
)
def test_joint_states_of_pixels_with_flags(made, joint: int | None, state: str | None) -> None:
    store, _, _, dataset, coco = made
    tests = {
        "unlabelled": lambda x, y, v: v == 0,
        "labelled": lambda x, y, v: v > 0,
        "occluded": lambda x, y, v: v == 1,
        "visible": lambda x, y, v: v == 2,
        "recorded": lambda x, y, v: False,
        "outside": lambda x, y, v: v > 0 and (x < 0 or y < 0 or x > 100 or y > 80),
        "invalid": lambda x, y, v: False,
        "absent": lambda x, y, v: False,
        None: lambda x, y, v: True,
    }
    wanted = []
    for annotation in coco["annotations"]:
        numbers = annotation["keypoints"]
        triples = [numbers[n : n + 3] for n in range(0, len(numbers), 3)]
        if any(tests[state](*t) for n, t in enumerate(triples) if joint in (None, n)):
            wanted.append(annotation)
    name = "left_hand" if joint == 1 else None
    images, annotations = _counts(store, Filters(dataset), Narrow(joint=name, state=state))
    assert annotations == len(wanted)
    assert {key for _, key in images} == {f"{a['image_id']:04}.jpg" for a in wanted}


def test_joint_that_there_is_not(made) -> None:
    store, dataset, *_ = made
    assert _counts(store, Filters(dataset), Narrow(joint="tail", state="recorded")) == (set(), 0)


def test_leak(made) -> None:
    store, dataset, records, *_ = made
    splits: dict[str, set] = {}
    for (split, _), record in records.items():
        splits.setdefault(record["user_id"], set()).add(split)
    leaking = {s for s, found in splits.items() if len(found) > 1}
    assert leaking == {"s0"}
    wanted = {k: r for k, r in records.items() if r["user_id"] in leaking}
    assert _counts(store, Filters(dataset), Narrow(leak=True)) == (
        set(wanted),
        sum(map(_hands, wanted.values())),
    )
    # over the whole dataset, also where the filter shows one split alone
    images, _ = _counts(store, Filters(dataset, splits=("val",)), Narrow(leak=True))
    assert images == {k for k in wanted if k[0] == "val"}


def test_file(made) -> None:
    store, dataset, records, *_ = made
    path = "hagrid_annotations/val/fist.json"
    wanted = {k: r for k, r in records.items() if k[1].startswith("val-fist")}
    assert _counts(store, Filters(dataset), Narrow(file=path)) == (
        set(wanted),
        sum(map(_hands, wanted.values())),
    )
    assert _counts(store, Filters(dataset), Narrow(file="no/such.json")) == (set(), 0)


def test_problem_by_key(made) -> None:
    store, dataset, *_ = made
    images, annotations = _counts(store, Filters(dataset), Narrow(problem="length-mismatch"))
    assert images == {("train", "train-call-short"), ("train", "train-fist-short")}
    assert annotations == 4


def test_problem_by_annotation_id(made) -> None:
    store, _, _, dataset, coco = made
    cursor = store.cursor()
    kinds = dict(cursor.execute(
        "select locator, kind from problem where dataset_id = $d", {"d": dataset}
    ).fetchall())  # fmt: skip
    kind = next(kind for locator, kind in kinds.items() if locator.startswith("annotations[5]"))
    walk = walk_annotations(store, Filters(dataset), Narrow(problem=kind))
    ids = cursor.execute("select source_id from annotation where list_contains($i, annotation_id)",
                         {"i": walk.ids.tolist()}).fetchall()  # fmt: skip
    assert ids == [(str(coco["annotations"][5]["id"]),)]
    images, _ = _counts(store, Filters(dataset), Narrow(problem=kind))
    assert {key for _, key in images} == {f"{coco['annotations'][5]['image_id']:04}.jpg"}


def test_problem_that_is_of_no_image_stands_for_its_file(tmp_path: Path) -> None:
    records = _hagrid(tmp_path / "hands")
    path = tmp_path / "hands" / "hagrid_annotations" / "train" / "call.json"
    path.write_text(path.read_text().replace("{", '{"broken": [nonsense], ', 1))
    workspace = Workspace(tmp_path / "ws")
    index(workspace, tmp_path / "hands", Options())
    store = Store(workspace)
    kind, locator = (
        store.cursor().execute("select kind, locator from problem where kind like 'json%'").fetchone()
    )
    assert all(locator != key for _, key in records)
    images, _ = _counts(store, Filters(1), Narrow(problem=kind))
    assert images == {k for k in records if k[1].startswith("train-call")}
    store.close()


def test_fields_hold_together(made) -> None:
    store, dataset, records, *_ = made
    narrow = Narrow(joint="wrist", state="outside", measure="width", low=0.1, high=0.3, leak=True)

    def fits(record: dict, n: int) -> bool:
        points = record["hand_landmarks"][n]
        return (
            bool(points)
            and not all(0 <= v <= 1 for v in points[WRIST])
            and 0.1 <= record["bboxes"][n][2] < 0.3
        )

    wanted = {
        k: sum(fits(r, n) for n in range(len(r["bboxes"])))
        for k, r in records.items()
        if r["user_id"] == "s0"
    }
    images, annotations = _counts(store, Filters(dataset), narrow)
    assert annotations == sum(wanted.values())
    assert images == {k for k, found in wanted.items() if found}


@pytest.mark.parametrize(("crops", "order"), [(True, o) for o in ORDERS] + [(False, o) for o in IMAGE_ORDERS])
def test_next_and_previous_visit_everything_once(made, crops: bool, order: str) -> None:
    store, dataset, records, *_ = made
    walk = (walk_annotations if crops else walk_images)(store, Filters(dataset), Narrow(), order)
    seen, here = [], int(walk.ids[0])
    while here is not None:
        assert walk.position(here) == len(seen)
        seen.append(here)
        here = walk.around(here)[1]
    assert len(seen) == len(set(seen)) == (sum(map(_hands, records.values())) if crops else len(records))
    back, here = [], seen[-1]
    while here is not None:
        back.append(here)
        here = walk.around(here)[0]
    assert back == seen[::-1]


def test_orders(made) -> None:
    store, dataset, records, *_ = made
    sizes = dict(
        store.cursor().execute("select annotation_id, w * h from annotation where w is not null").fetchall()
    )
    largest = [
        sizes[i] for i in walk_annotations(store, Filters(dataset), Narrow(), "largest").ids if i in sizes
    ]
    assert largest == sorted(largest, reverse=True)
    labelled = dict(store.cursor().execute("select annotation_id, labelled from annotation").fetchall())
    fewest = [labelled[i] for i in walk_annotations(store, Filters(dataset), Narrow(), "fewest_joints").ids]
    assert fewest == sorted(fewest)
    most = walk_images(store, Filters(dataset), Narrow(), "most_boxes")
    keys = {
        row["image_id"]: (row["split"], row["key"])
        for row in store.rows("viewer_named", images=most.ids.tolist())
    }
    counts = [_hands(records[keys[i]]) for i in most.ids.tolist()]
    assert counts == sorted(counts, reverse=True)
    with pytest.raises(UsageError, match="there is no order called 'upside down'"):
        walk_images(store, Filters(dataset), Narrow(), "upside down")


def test_neighbours_of_an_image_that_is_not_selected() -> None:
    ids = np.array([10, 20, 30])
    assert Walk(ids, ids, sorted_by_id=True).around(25) == (20, 30)
    assert Walk(ids, ids, sorted_by_id=True).around(5) == (None, 10)
    assert Walk(ids, ids, sorted_by_id=True).around(99) == (30, None)
    assert Walk(ids[::-1], ids[::-1]).around(25) == (None, 30)
    assert Walk(ids, ids).position(25) is None
    assert Walk(ids[:0], ids[:0]).around(1) == (None, None)


def test_scenes(made) -> None:
    store, dataset, records, second, coco = made
    walk = walk_images(store, Filters(dataset), Narrow())
    found = scenes(store, [*walk.ids.tolist(), 1])
    assert set(found) == set(walk.ids.tolist())
    splits = {row["image_id"]: row["split"] for row in store.rows("viewer_named", images=walk.ids.tolist())}
    for image_id, scene in found.items():
        record = records[splits[image_id], scene.key]
        assert scene.unit == "normalized"
        assert len(scene.instances) == _hands(record)
        for instance, box, points in zip(
            scene.instances, record["bboxes"], record["hand_landmarks"], strict=False
        ):
            assert instance.box == pytest.approx(box)
            assert [(j.x, j.y) for j in instance.joints] == [pytest.approx(p) for p in points]
            assert all(j.visibility is None and j.name and j.part for j in instance.joints)
            assert len(instance.bones) == 21
    walk = walk_images(store, Filters(second), Narrow())
    people = scenes(store, walk.ids.tolist())
    assert sum(len(scene.instances) for scene in people.values()) == len(coco["annotations"])
    assert {scene.unit for scene in people.values()} == {"pixel"}
    assert {(scene.width, scene.height) for scene in people.values()} == {(100, 80)}
    assert sum(not scene.instances for scene in people.values()) == 3


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory):
    """Boxes without a class, without a size, flags that are none, joints that are not given."""
    names = ["nose", "left_hand"]
    images = [{"id": n, "file_name": f"{n}.jpg", "width": 100, "height": 80} for n in range(1, 7)]
    common = {"category_id": 1, "iscrowd": 0, "area": 9}
    annotations = [
        {**common, "id": 1, "image_id": 1, "bbox": [1, 1, 9, 9], "keypoints": [1, 1, 2, 3, 3, 5]},
        {**common, "id": 2, "image_id": 2, "bbox": [1, 1, 9, 9]},
        {**common, "id": 3, "image_id": 3, "bbox": [1, 1, 0, 9], "keypoints": [1, 1, 2, 3, 3, 1]},
        {**common, "id": 4, "image_id": 4, "keypoints": [1, 1, 2, 3, 3, 1]},
        {**common, "id": 5, "image_id": 5, "bbox": [1, 1, 20, 9], "category_id": None},
        {**common, "id": 6, "image_id": 99, "bbox": [1, 1, 9, 9]},
    ]
    categories = [{"id": 1, "name": "person", "keypoints": names, "skeleton": [[1, 2]]}]
    base = tmp_path_factory.mktemp("odd")
    (base / "d").mkdir()
    made = {"images": images, "annotations": annotations, "categories": categories}
    (base / "d" / "person_keypoints_train2017.json").write_text(json.dumps(made))
    workspace = Workspace(base / "ws")
    index(workspace, base / "d", Options())
    store = Store(workspace)
    yield store
    store.close()


def test_no_class_is_a_value_of_the_class(odd) -> None:
    f = Filters(1, labels=(NO_CLASS,))
    cursor = odd.cursor()
    wanted = {
        row[0] for row in cursor.execute("select image_id from annotation where label is null").fetchall()
    }
    assert wanted
    assert set(walk_images(odd, f, Narrow()).ids.tolist()) == wanted
    assert len(walk_annotations(odd, f, Narrow())) == len(wanted)
    counted = {row["label"]: row["instances"] for row in odd.rows("class_split", f=Filters(1).struct())}
    assert counted[NO_CLASS] == len(wanted)
    offered = {row["value"]: row["n"] for row in odd.rows("facets", dataset=1) if row["field"] == "class"}
    assert offered == counted


@pytest.mark.parametrize("state", ["absent", "invalid", "visible", "occluded"])
@pytest.mark.parametrize("joint", ["nose", "left_hand"])
def test_door_of_a_joints_state_finds_what_was_counted(odd, state: str, joint: str) -> None:
    skeletons = {row["skeleton"] for row in odd.rows("skeletons", f=Filters(1).struct())}
    assert len(skeletons) == 1
    counted = odd.rows("joint_states", f=Filters(1).struct(), skeleton=skeletons.pop(), by="all")
    row = next(row for row in counted if row["name"] == joint)
    assert len(walk_annotations(odd, Filters(1), Narrow(joint=joint, state=state))) == row[state]
    if state == "absent":
        assert row[state] > 0


@pytest.mark.parametrize("measure", ["area", "aspect"])
def test_first_logarithmic_bin_holds_what_its_door_shows(odd, measure: str) -> None:
    bins = odd.rows("box_histogram", f=Filters(1).struct(), measure=measure, bins=3, log=True)
    everything = walk_annotations(odd, Filters(1), Narrow(measure=measure, low=ABOVE_ZERO))
    assert len(everything) == sum(row["boxes"] for row in bins) == 3
    assert len(walk_annotations(odd, Filters(1), Narrow(measure=measure))) == 4


def test_unusable_boxes(odd) -> None:
    counted = odd.rows("box_unusable", f=Filters(1).struct())[0]["unusable"]
    assert counted == 2
    assert len(walk_annotations(odd, Filters(1), Narrow(measure="unusable", low=1.0))) == counted


def test_problem_in_no_image_is_told_from_one_that_is(odd) -> None:
    kinds = {row["kind"]: row["problems"] for row in odd.rows("problem_kinds", dataset=1)}
    found = {kind: odd.rows("problem_untied", dataset=1, kind=kind)[0] for kind in kinds}
    assert {kind: row["problems"] for kind, row in found.items()} == kinds
    orphan = next(kind for kind in kinds if "orphan" in kind)
    assert found[orphan]["untied"] == 1
    assert any(row["untied"] == 0 for row in found.values())


def test_narrowed_in_words() -> None:
    assert Narrow("nose", "recorded").words() == "joint nose given, visibility not recorded"
    assert Narrow("nose", "absent").words() == "joint nose not given at all"
    assert Narrow(measure="area", low=ABOVE_ZERO, high=9.0).words() == "0 < box area < 9"
    assert Narrow(measure="unusable", low=1.0).words() == "box without a finite, positive width and height"
    narrow = Narrow(measure="area", low=ABOVE_ZERO)
    assert Narrow.from_query(narrow.to_query()) == narrow
