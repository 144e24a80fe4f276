"""Exports: the same records back in their own format, the same places in another, a list of what changed."""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from queries.errors import KpauditError, QueryError, UsageError
from queries.export import selection
from queries.export.base import Request, Written
from queries.export.pipeline import export
from queries.export.records import Files
from queries.index import index
from queries.model import Options
from queries.store import Store
from queries.workspace import Workspace
from tests.conftest import Indexed, write

SAMPLE = Path(__file__).resolve().parent.parent / "sample_data"
NAMES = [f"joint{n}" for n in range(3)]

#: What an index says of a dataset, whatever ids it gives: compared before and after.
_IMAGES = "select split, key, width, height, subject, age, gender, race from image order by all"
_ANNOTATIONS = (
    "select i.split, i.key, a.source_id, a.ordinal, a.kind, a.label, a.x, a.y, a.w, a.h, a.area, a.crowd, "
    "a.skeleton, a.labelled, a.visible, a.digest from annotation a join image i using (image_id) order by all"
)
_KEYPOINTS = (
    "select i.split, i.key, a.kind, a.ordinal, k.joint, k.x, k.y, k.visibility "
    "from keypoint k join annotation a using (annotation_id) join image i using (image_id) order by all"
)


def send(found: Any, out: Path, target: str, standing: tuple = (), **more: Any) -> Written:
    """Exports the only dataset of an index."""
    return export(found.store, found.store.datasets[0], Request(target, out, **more), standing)


def changes(out: Path) -> list[dict[str, str]]:
    with (out / "changes.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def said(out: Path) -> list[tuple[str, str, str, str]]:
    """(image, annotation, action, reason) of every row of changes.csv."""
    return [(row["image"], row["annotation"], row["action"], row["reason"]) for row in changes(out)]


def once(folder: Path, source: Any, **options: Any) -> Indexed:
    """What the fixture `indexed` makes, for a fixture that several tests share and none writes to."""
    source = write(folder / "data", source) if isinstance(source, dict) else source
    workspace = Workspace(folder / "workspace")
    return Indexed(workspace, index(workspace, source, Options(**options)))


def contents(found: Any) -> list[list[tuple]]:
    return [found.rows(query) for query in (_IMAGES, _ANNOTATIONS, _KEYPOINTS)]


def hand(x: float = 0.1, label: str = "call", **more: Any) -> dict:
    points = [[x + joint / 100, 0.3] for joint in range(21)]
    return {
        "bboxes": [[x, 0.2, 0.3, 0.4]],
        "labels": [label],
        "user_id": "s1",
        "hand_landmarks": [points],
        **more,
    }


def coco(images: list | None = None, annotations: list | None = None, **more: Any) -> dict:
    return {
        "images": images or [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 50}],
        "annotations": annotations
        or [{"id": 7, "image_id": 1, "category_id": 1, "bbox": [10, 5, 20, 30], "area": 600, "iscrowd": 0,
             "num_keypoints": 3, "keypoints": [11, 6, 2, 12.5, 7, 1, 13, 8, 2], "note": "kept"}],
        "categories": [{"id": 1, "name": "person", "keypoints": NAMES, "skeleton": [[1, 2], [2, 3]]}],
        **more,
    }  # fmt: skip


YOLO = {
    "data.yaml": "path: .\ntrain: images/train\nval: images/val\nkpt_shape: [3, 3]\nnames: {0: cat}\n"
    "note: mine\n",
    "images/train/a.jpg": b"x",
    "images/train/empty.jpg": b"x",
    "images/val/b.jpg": b"x",
    "labels/train/a.txt": "0 0.5 0.5 0.2 0.4 0.45 0.4 2 0.50 0.5 1 0 0 0\n"
    "0 0.25 0.25 .1 .1 0.2 0.2 2 0.3 0.3 2 0.25 0.25 2\n",
    "labels/val/b.txt": "0 0.5 0.5 1 1 0 0 2 1 1 2 0.5 0.5 2\n",
}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.mark.parametrize("name", ["hagrid", "coco_people", "yolo_hands"])
def test_the_samples_records_come_back_from_their_own_format(indexed, out, name):
    """Planted defects and all; what reading set aside is listed, and nothing else."""
    before = indexed(SAMPLE / name)
    target = before.store.datasets[0]["format"]
    send(before, out, target)
    after = indexed(out, name=name)
    assert contents(after) == contents(before)
    kinds = {row["action"] for row in changes(out)} - {"set aside", "reported"}
    assert kinds <= ({"changed"} if name == "hagrid" else set())
    problems = before.problems()
    assert sum(row["action"] in ("set aside", "reported") for row in changes(out)) == len(problems)


def test_coco_keeps_what_nothing_else_knows(indexed, out):
    source = coco(info={"year": 1}, licenses=[{"id": 3}], mine=[1, {"x": None}])
    source["annotations"][0] |= {"segmentation": [[1, 2.5, 3, 4, 5, 6]], "caption": "née"}
    source["images"][0] |= {"license": 3, "flickr_url": "http://x"}
    found = indexed({"person_keypoints_train2017.json": source})
    send(found, out, "coco")
    assert json.loads((out / "annotations" / "person_keypoints_train.json").read_text()) == source
    assert changes(out) == []
    assert "None: every record is as it was read." in (out / "CHANGES.md").read_text()


def test_hagrid_keeps_every_field_and_repeated_keys(indexed, out):
    first, second = json.dumps(hand(0.1)), json.dumps(hand(0.2, extra={"b": [1]}))
    twice = f'{{"a": {first}, "a": {second}}}'
    two_handed = hand(
        0.1, "timeout", united_bbox=[[0.1, 0.2, 0.3, 0.4]], united_label=["timeout"], meta={"age": [30, 31]}
    )
    found = indexed({"train/call.json": twice, "val/timeout.json": {"b": two_handed, "c": None}})
    send(found, out, "hagrid")
    pairs = json.loads((out / "train" / "call.json").read_text(), object_pairs_hook=lambda pairs: pairs)
    assert [key for key, _ in pairs] == ["a", "a"]
    assert json.loads((out / "val" / "timeout.json").read_text()) == {"b": two_handed, "c": None}
    assert contents(indexed(out)) == contents(found)


def test_yolo_keeps_its_lines_and_its_yaml(indexed, out):
    found = indexed(YOLO)
    send(found, out, "yolo")
    for name in ("labels/train/a.txt", "labels/val/b.txt"):
        assert (out / name).read_text() == YOLO[name]
    assert (out / "images/train/empty.jpg").is_symlink() and not (out / "labels/train/empty.txt").exists()
    assert "note: mine" in (out / "data.yaml").read_text()
    assert contents(indexed(out)) == contents(found)


_numbers = st.one_of(
    st.integers(-5, 500),
    st.floats(-1e3, 1e3, allow_nan=False),
    st.sampled_from([1e-7, 0.1, 1 / 3, 5e-324, 1e15, -0.0]),
)
_words = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)


@st.composite
def _coco_files(draw: Any) -> dict:
    images = [
        {
            "id": n,
            "file_name": f"{n}.jpg",
            "width": draw(st.integers(1, 999)),
            "height": 9,
            "more": draw(_words),
        }
        for n in draw(st.lists(st.integers(0, 10**12), min_size=1, max_size=8, unique=True))
    ]
    annotations = []
    for number in draw(st.lists(st.integers(0, 10**12), min_size=3, max_size=12, unique=True)):
        box = draw(st.lists(_numbers, min_size=4, max_size=4))
        points = [v for _ in range(3) for v in (draw(_numbers), draw(_numbers), draw(st.integers(0, 2)))]
        image = draw(st.sampled_from(images))["id"]
        annotations.append(
            {"id": number, "image_id": image, "category_id": 1, "bbox": box, "keypoints": points,
             "area": draw(_numbers),
             "segmentation": draw(st.lists(_numbers, max_size=3)), draw(_words) or "x": draw(_numbers)}
        )  # fmt: skip
    return {**coco(), "images": images, "annotations": annotations}


@st.composite
def _hagrid_files(draw: Any) -> dict:
    records = {}
    for key in draw(st.lists(_words, min_size=3, max_size=10, unique=True)):
        hands = draw(st.integers(0, 3))
        boxes = [draw(st.lists(_numbers, min_size=4, max_size=4)) for _ in range(hands)]
        points = [
            [[draw(_numbers), joint / 7] for joint in range(draw(st.sampled_from([0, 21, 5])))]
            for _ in range(hands)
        ]
        united = draw(st.sampled_from([None, [0.1, 0.2, 0.3, 0.4], [[0.1, 0.2, 0.3, 0.4]]]))
        records[key] = {
            "bboxes": boxes, "labels": [draw(_words) for _ in range(hands)], 
            "user_id": draw(st.one_of(st.none(), _words)),
            "hand_landmarks": points, "united_bbox": united, "united_label": united and "timeout",
            "more": draw(_words),
        }  # fmt: skip
    return records


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(_coco_files(), _hagrid_files())
def test_any_records_come_back_bit_for_bit(people, hands):
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name, target, files in (
            ("person_keypoints_val.json", "coco", people),
            ("val/call.json", "hagrid", hands),
        ):
            source = place / target / name
            source.parent.mkdir(parents=True)
            source.write_text(json.dumps(files))
            workspace = Workspace(place / f"w-{target}")
            index(workspace, place / target, Options())
            store = Store(workspace)
            export(store, store.datasets[0], Request(target, place / f"out-{target}"))
            store.close()
            written = place / f"out-{target}" / ("annotations" if target == "coco" else ".") / name
            # text tells 1 from 1.0 and -0.0 from 0.0
            assert json.dumps(json.loads(written.read_text())) == json.dumps(files)


def test_hagrid_to_yolo_keeps_the_places(indexed, tmp_path):
    records = {
        f"k{n}": hand(0.1 + n / 20, "call" if n % 2 else "fist", meta={"age": [30.5]}) for n in range(6)
    }
    records["k0"]["united_bbox"], records["k0"]["united_label"] = [0.1, 0.1, 0.5, 0.5], "timeout"
    found = indexed({"train/call.json": records})
    normalized = found.rows("select label, x, y, w, h from annotation where kind = 'instance' order by all")
    joints = found.rows("select joint, x, y from keypoint order by all")

    with pytest.raises(KpauditError, match=r"no image size is known, which pixels need.*nothing was written"):
        send(found, tmp_path / "no", "coco")
    assert not (tmp_path / "no").exists()
    send(found, tmp_path / "yolo", "yolo")
    yolo = indexed(tmp_path / "yolo")
    assert yolo.rows("select label, x, y, w, h from annotation order by all") == [
        pytest.approx(r) for r in normalized
    ]
    assert yolo.rows("select joint, x, y from keypoint order by all") == joints
    assert yolo.rows("select distinct visibility from keypoint") == [(2,)]
    assert said(tmp_path / "yolo") == [("k0", "united 1", "dropped", "a box around two hands is no instance")]


def test_hagrid_to_coco_keeps_the_places_in_pixels(indexed, tmp_path, monkeypatch):
    monkeypatch.setattr(Files, "size", lambda self, image: (640, 480))
    found = indexed({"train/call.json": {"k1": hand(0.1, meta={"age": [30.5]}), "k2": hand(0.2, "fist")}})
    send(found, tmp_path / "coco", "coco")
    again = indexed(tmp_path / "coco")
    wanted = found.rows("select label, x * 640, y * 480, w * 640, h * 480 from annotation order by all")
    assert again.rows("select label, x, y, w, h from annotation order by all") == wanted
    points = found.rows("select joint, x * 640, y * 480, 2 from keypoint order by all")
    assert again.rows("select joint, x, y, visibility from keypoint order by all") == points
    written = json.loads((tmp_path / "coco/annotations/person_keypoints_train.json").read_text())
    assert written["images"][0]["user_id"] == "s1" and written["images"][0]["age"] == 30.5
    assert written["categories"][0]["keypoints"][0] == "wrist"


def test_coco_to_yolo_and_hagrid_keeps_the_places(indexed, tmp_path):
    found = indexed({"person_keypoints_train.json": coco()})
    send(found, tmp_path / "yolo", "yolo")
    again = indexed(tmp_path / "yolo")
    row = again.row("select label, x * 100, y * 50, w * 100, h * 50 from annotation")
    assert row[0] == "person" and row[1:] == pytest.approx((10, 5, 20, 30))
    points = again.rows("select x * 100, y * 50, visibility from keypoint order by joint")
    assert [pytest.approx(p) for p in points] == [(11, 6, 2), (12.5, 7, 1), (13, 8, 2)]
    send(found, tmp_path / "hagrid", "hagrid")
    record = json.loads((tmp_path / "hagrid/train/person.json").read_text())["a"]
    assert record["bboxes"] == [[0.1, 0.1, 0.2, 0.6]] and record["hand_landmarks"] == [[]]
    assert said(tmp_path / "hagrid")[0][2:] == (
        "changed",
        "keypoints that are not 21 labelled landmarks of a hand are left out",
    )


def test_pycocotools_loads_and_evaluates(indexed, out, capsys):
    found = indexed(SAMPLE / "yolo_hands")
    send(found, out, "coco")
    truth = COCO(out / "annotations/person_keypoints_val.json")
    assert (
        len(truth.imgs) == 8
        and len(truth.anns)
        == found.row("select count(*) from annotation join image using (image_id) where split = 'val'")[0]
    )
    results = [{**one, "score": 1.0} for one in truth.loadAnns(truth.getAnnIds())]
    judged = COCOeval(truth, truth.loadRes(results), "keypoints")
    judged.params.kpt_oks_sigmas = np.full(21, 0.05)
    judged.evaluate()
    judged.accumulate()
    judged.summarize()
    capsys.readouterr()
    assert judged.stats[0] == pytest.approx(1.0)


def test_yolo_lists_what_it_cant_hold(indexed, out):
    base = coco()["annotations"][0]
    odd = [
        {**base, "id": 1, "bbox": [1, 1, 0, 5]},
        {**base, "id": 2, "bbox": [90, 10, 40, 10]},
        {**base, "id": 3, "category_id": 9},
        {**base, "id": 4, "iscrowd": 1},
        {**base, "id": 5, "keypoints": [120, 6, 2, 12, 7, 1, 13, 8, 2]},
        {**base, "id": 6, "category_id": 2, "keypoints": [11, 6, 2]},
        {**base, "id": 7},
        {**base, "id": 8, "image_id": 2},
    ]
    odd[1].pop("keypoints")
    images = [*coco()["images"], {"id": 2, "file_name": "b.jpg"}]
    source = coco(images, odd)
    source["categories"].append({"id": 2, "name": "dot", "keypoints": ["dot"], "skeleton": []})
    found = indexed({"person_keypoints_train.json": source})
    written = send(found, out, "yolo")
    assert {(a, b, c, d) for a, b, c, d in said(out) if c in ("dropped", "changed")} == {
        ("a.jpg", "1", "dropped", "its box has no area"),
        ("a.jpg", "2", "dropped", "its box lies outside the image"),
        ("a.jpg", "3", "dropped", "its class is unknown"),
        ("a.jpg", "4", "dropped", "YOLO has no crowds"),
        ("a.jpg", "5", "changed", "joints outside the image are not labelled now"),
        (
            "a.jpg",
            "6",
            "changed",
            "its skeleton is not the one that all of YOLO's lines have: the box alone is kept",
        ),
        ("b.jpg", "", "dropped", "no image size is known, which normalized coordinates need"),
    }
    assert sum(written.annotations.values()) == 3 and sum(written.images.values()) == 1
    lines = (out / "labels/train/a.txt").read_text().splitlines()
    assert {len(line.split()) for line in lines} == {5 + 9}


def test_coco_stands_in_for_missing_boxes_and_says_so(indexed, out):
    source = YOLO | {
        "labels/train/a.txt": "0 0.5 0.5 nan 0.4 0.45 0.4 2 0.50 0.5 1 0 0 0\n"
        "0 .5 .5 nan .1 0 0 0 0 0 0 0 0 0\n"
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Files, "size", lambda self, image: (100, 100))
        send(indexed(source), out, "coco")
    assert (
        "images/train/a.jpg",
        "instance 1",
        "dropped",
        "it has neither a box nor a labelled joint",
    ) in said(out)
    row = next(row for row in changes(out) if row["action"] == "changed")
    assert row["reason"].startswith("no box") and json.loads(row["after"]) == pytest.approx([45, 40, 5, 10])


def test_a_selection_keeps_what_was_chosen_and_lists_the_rest(indexed, tmp_path):
    records = {"k1": hand(0.1, "call"), "k2": hand(0.2, "fist"), "both": hand(0.3, "call")}
    records["both"]["bboxes"].append([0.5, 0.5, 0.1, 0.1])
    records["both"]["labels"].append("fist")
    records["both"]["hand_landmarks"].append([])
    found = indexed({"train/call.json": records, "val/call.json": {"v": hand(0.1)}})
    send(found, tmp_path / "a", "hagrid", splits=("train",), classes=("call",))
    kept = json.loads((tmp_path / "a/train/call.json").read_text())
    assert kept == {"k1": records["k1"], "both": {**hand(0.3, "call")}}
    assert not (tmp_path / "a/val").exists()
    assert sorted(said(tmp_path / "a")) == [
        ("both", "instance 1", "dropped", "not of a chosen class"),
        ("k2", "", "dropped", "not of a chosen class"),
        ("k2", "instance 0", "dropped", "not of a chosen class"),
        ("v", "", "dropped", "not of a chosen split"),
    ]
    send(found, tmp_path / "b", "csv", where="w * h > 0.05 and split = 'train'")
    with (tmp_path / "b/annotations.csv").open() as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["call", "fist", "call"]
    for option, match in (({"splits": ("tran",)}, "known: train, val"),
                          ({"classes": ("x",)}, "known: call, fist"),
                          ({"where": "false"}, "nothing of .* is selected")):  # fmt: skip
        with pytest.raises(UsageError, match=match):
            send(found, tmp_path / "c", "csv", **option)


@pytest.fixture(scope="module")
def one_hand(tmp_path_factory):
    return once(tmp_path_factory.mktemp("one"), {"train/call.json": {"a": hand()}})


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("w >", "syntax error"),
        ("nosuch = 1", "nosuch"),
        ("1 = 1); drop table image; select (1", "syntax error"),
        ("true) or (true", "syntax error"),
        (" ", "it is empty"),
        ("exists (from read_text('/etc/passwd'))", "reading files and the network is refused"),
        ("source_id = '1'", "Ambiguous"),
        ("(select count(*) from range(100000000) a, range(100000000) b) > 0", "took more than"),
    ],
)
def test_a_condition_is_run_in_the_sandbox(one_hand, out, monkeypatch, condition, told):
    monkeypatch.setattr(selection, "WHERE_SECONDS", 0.5)
    with pytest.raises(QueryError, match=told) as error:
        send(one_hand, out, "csv", where=condition)
    assert "\n" not in str(error.value).replace(condition, "")
    assert not out.exists()


def test_new_splits_hold_for_every_target(indexed, tmp_path):
    images = [{"id": n, "file_name": f"{n}.jpg", "width": 100, "height": 50} for n in (1, 2)]
    base = coco()["annotations"][0]
    files = {
        f"person_keypoints_{split}.json": coco(
            images=[{**i, "file_name": f"{split}{i['id']}.jpg"} for i in images],
                                               annotations=[{**base, "id": n, "image_id": n} for n in (1, 2)])
        for split in ("train", "val")
    }  # fmt: skip
    found = indexed(files)
    ids = dict(found.rows("select key, image_id from image"))
    moved = {ids["train1.jpg"]: "val", ids["val1.jpg"]: "train", ids["val2.jpg"]: "test"}
    wanted = {"train": {"train2.jpg", "val1.jpg"}, "val": {"train1.jpg"}, "test": {"val2.jpg"}}
    for target in ("coco", "yolo", "hagrid", "parquet"):
        send(found, tmp_path / target, target, split_of=moved)
    for target in ("coco", "yolo"):
        again = indexed(tmp_path / target)
        shown: dict[str, set[str]] = {}
        for split, key in again.rows("select split, key from image"):
            shown.setdefault(split, set()).add(f"{Path(key).stem}.jpg")
        assert shown == wanted, target
        assert again.row("select count(*) from annotation") == (4,)
    assert {path.parent.name for path in (tmp_path / "hagrid").glob("*/*.json")} == set(wanted)
    folder = tmp_path / "parquet"
    read = f"read_parquet('{folder}/keypoint/*/*.parquet', hive_partitioning = true)"
    query = f"select split, count(*) from {read} group by 1"
    assert dict(duckdb.sql(query).fetchall()) == {"train": 6, "val": 3, "test": 3}
    written = json.loads((tmp_path / "coco/annotations/person_keypoints_train.json").read_text())
    assert (
        len({image["id"] for image in written["images"]})
        == 2
        == len({a["id"] for a in written["annotations"]})
    )


def test_files_of_one_split_become_one_file_and_stay_readable(indexed, tmp_path):
    """Ids that clash get new ones, listed; a category shared in name alone stays two."""
    shorter = coco()
    shorter["annotations"][0] = {**coco()["annotations"][0], "keypoints": [11, 6, 2, 12, 7, 2]}
    files = {"a_train.json": coco(), "b_train.json": coco(), "c_train.json": shorter}
    found = indexed(files)
    send(found, tmp_path / "out", "coco")
    written = json.loads((tmp_path / "out/annotations/person_keypoints_train.json").read_text())
    assert [one["id"] for one in written["annotations"]] == [7, 8, 9]
    assert [one["category_id"] for one in written["annotations"]] == [1, 1, 2]
    assert [one["image_id"] for one in written["annotations"]] == [one["id"] for one in written["images"]]
    again = indexed(tmp_path / "out")
    assert again.rows("select joint, x, y from keypoint order by all") == found.rows(
        "select joint, x, y from keypoint order by all"
    )
    assert [row["before"] for row in changes(tmp_path / "out") if "taken" in row["reason"]] == [
        "1",
        "7",
        "1",
        "7",
    ]


def test_tables_hold_what_the_index_holds(indexed, tmp_path):
    found = indexed(
        {"train/call.json": {"k1": hand(), "k2": hand(0.2, meta={"age": [20], "gender": ["female"]})}}
    )
    send(found, tmp_path / "p", "parquet")
    send(found, tmp_path / "c", "csv")
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [
        "CHANGES.md", "annotations.csv", "bones.csv", "changes.csv", "dataset.csv", "images.csv",
        "joints.csv", "keypoints.csv",
    ]  # fmt: skip
    kept = duckdb.sql(
        f"select annotation_id, x, y, w, h, digest from '{tmp_path}/p/annotation.parquet' order by all"
    ).fetchall()
    assert kept == found.rows("select annotation_id, x, y, w, h, digest from annotation order by all")
    points = duckdb.sql(
        "select annotation_id, joint, x, y, visibility "
        f"from read_parquet('{tmp_path}/p/keypoint/*/*.parquet') order by all"
    )
    assert points.fetchall() == found.rows("from keypoint order by all")
    read = duckdb.sql(
        f"select annotation_id, joint, x, y from '{tmp_path}/c/keypoints.csv' order by all"
    ).fetchall()
    assert read == found.rows("select annotation_id, joint, x, y from keypoint order by all")


@pytest.mark.parametrize(
    ("name", "target"), [("pose/coco_val2017_part", "coco"), ("hagrid_landmarks", "hagrid")]
)
def test_real_annotations_come_back(indexed, real_data, tmp_path, name, target):
    """COCO's own file, with polygons and run lengths, whose images stand there several times; HaGRID's."""
    before = indexed(real_data / name)
    send(before, tmp_path / "out", target)
    assert {row["action"] for row in changes(tmp_path / "out")} <= {"set aside"}
    assert contents(indexed(tmp_path / "out", name=Path(name).name)) == contents(before)
    if target == "hagrid":
        for path in sorted((real_data / name).rglob("*.json"))[:20]:
            copy = tmp_path / "out" / path.parent.name / path.name
            assert json.dumps(json.loads(copy.read_text())) == json.dumps(json.loads(path.read_text()))
        return
    source = json.loads(next((real_data / name).rglob("person_keypoints_val2017.json")).read_text())
    source["images"] = list({image["id"]: image for image in reversed(source["images"])}.values())[::-1]
    copy = json.loads((tmp_path / "out/annotations/person_keypoints_val.json").read_text())
    copy["images"].sort(key=lambda image: image["id"])
    source["images"].sort(key=lambda image: image["id"])
    assert json.dumps(copy["annotations"]) == json.dumps(source["annotations"])
    assert copy == source
