"""On good input the strict and the tolerant path write the same tables; what is written is what was read."""

from __future__ import annotations

import json
import math
import shutil
import struct

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queries.index import index
from queries.model import Options
from queries.readers import coco, hagrid, lenient
from queries.readers.base import Build
from queries.store import Store
from queries.workspace import Workspace

SLOW = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TABLES = ("source_file", "image", "annotation", "keypoint", "joint", "bone", "problem")

numbers = (
    st.floats(-2, 2)
    | st.integers(0, 1)
    | st.sampled_from([0.1, 1 / 3, 5e-324, 1e-7, 0.30000000000000004, -0.0])
)
names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
boxes = st.tuples(numbers, numbers, st.floats(0, 1), st.floats(0, 1)).map(list)
hands = st.none() | st.just([]) | st.lists(st.tuples(numbers, numbers).map(list), min_size=21, max_size=21)


@st.composite
def hagrid_records(draw):
    count = draw(st.integers(0, 3))
    record = {
        "bboxes": draw(st.lists(boxes, min_size=count, max_size=count)),
        "labels": draw(
            st.lists(st.sampled_from(["call", "no_gesture", "fist"]), min_size=count, max_size=count)
        ),
        "user_id": draw(names),
    }
    optional = {
        draw(st.sampled_from(["hand_landmarks", "landmarks"])): st.lists(
            hands, min_size=count, max_size=count
        ),
        "united_bbox": st.none() | boxes | st.lists(boxes, min_size=1, max_size=2),
        "meta": st.none() | st.fixed_dictionaries({
            "age": st.lists(st.floats(0, 99), max_size=2),
            "gender": st.lists(names, max_size=2), "race": st.lists(names, max_size=1),
        }),
        "leading_hand": st.sampled_from(["left", "right"]),
        "leading_conf": st.floats(0, 1),
        "extra": st.dictionaries(names, st.lists(st.integers()), max_size=2),
    }  # fmt: skip
    for key in draw(st.sets(st.sampled_from(sorted(optional)))):
        record[key] = draw(optional[key])
    if record.get("united_bbox"):
        record["united_label"] = draw(st.sampled_from(["holy", ["holy", "timeout"]]))
    return record


@st.composite
def coco_documents(draw):
    joints = draw(st.integers(1, 5))
    ids = draw(st.lists(st.integers(0, 10**12), min_size=1, max_size=5, unique=True))
    pixels = st.floats(-10, 5000) | st.integers(0, 4000)
    annotations = []
    for number in range(draw(st.integers(0, 5))):
        flat = draw(st.lists(st.tuples(pixels, pixels, st.integers(0, 2)), min_size=joints, max_size=joints))
        one = {
            "id": number, "image_id": draw(st.sampled_from(ids)), "category_id": 1,
            "bbox": [draw(pixels), draw(pixels), *draw(st.tuples(st.floats(0, 500), st.floats(0, 500)))],
            "keypoints": [value for point in flat for value in point],
            "num_keypoints": draw(st.integers(0, joints)), "iscrowd": draw(st.integers(0, 1)),
            "area": draw(st.floats(0, 1e6)),
            "segmentation": draw(st.just([[1, 2, 3]]) | st.just({"counts": "a\\\"b", "size": [1, 2]})),
        }  # fmt: skip
        annotations.append(one)
    files = draw(st.lists(names, min_size=len(ids), max_size=len(ids), unique=True))
    images = [
        {"id": i, "file_name": name, "width": draw(st.integers(1, 9999)), "height": 7}
        for i, name in zip(ids, files, strict=True)
    ]
    bones = draw(st.lists(st.tuples(st.integers(1, joints), st.integers(1, joints)).map(list), max_size=3))
    labels = [f"left_{n}" if n % 2 else f"right_{n - n % 2 + 1}" for n in range(joints)]
    return {
        "images": images, "annotations": annotations,
        "categories": [{"id": 1, "name": draw(names), "keypoints": labels, "skeleton": bones}],
    }  # fmt: skip


def tables(root, place):
    shutil.rmtree(place, ignore_errors=True)
    workspace = Workspace(place)
    index(workspace, root, Options())
    store = Store(workspace)
    found = {}
    for table in TABLES:
        columns = "* exclude (status)" if table == "source_file" else "*"
        found[table] = store.cursor().execute(f"select {columns} from {table} order by all").fetchall()
    status = {row[0] for row in store.cursor().execute("select status from source_file").fetchall()}
    store.close()
    return found, status


def both_ways(root, place):
    """The tables by way of the strict path and by way of the tolerant one."""
    strict, status = tables(root, place)
    assert status == {"read"}, strict["problem"]

    def tolerant_only(self, group, strict, tolerant, after, limit=None):
        for file in group:
            tolerant(file)
            self._staged([file], "tolerant", after)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Build, "read_group", tolerant_only)
        patch.setattr(lenient, "_WINDOW", 128)
        tolerant, status = tables(root, place)
    assert status == {"tolerant"}
    return strict, tolerant


@SLOW
@given(records=st.dictionaries(names, hagrid_records(), min_size=1, max_size=5))
def test_hagrid_both_ways(tmp_path, write, records):
    shutil.rmtree(tmp_path / "set", ignore_errors=True)
    root = write(
        tmp_path / "set", {"train/call.json": records, "val/fist.json": {"a": {"bboxes": [], "labels": []}}}
    )
    strict, tolerant = both_ways(root, tmp_path / "w")
    assert strict == tolerant


@SLOW
@given(document=coco_documents())
def test_coco_both_ways(tmp_path, write, document):
    shutil.rmtree(tmp_path / "set", ignore_errors=True)
    root = write(tmp_path / "set", {"keypoints_val.json": document})
    strict, tolerant = both_ways(root, tmp_path / "w")
    assert strict == tolerant


def bits(value):
    return None if value is None else struct.pack("<d", value)


@SLOW
@given(points=st.lists(st.tuples(numbers, numbers).map(list), min_size=21, max_size=21), box=boxes)
def test_values_come_back_bit_for_bit(tmp_path, write, points, box):
    shutil.rmtree(tmp_path / "set", ignore_errors=True)
    record = {"bboxes": [box], "labels": ["call"], "user_id": "u", "hand_landmarks": [points]}
    root = write(tmp_path / "set", {"train/call.json": {"k": record}})
    found, _ = tables(root, tmp_path / "w")
    stored = {joint: (bits(x), bits(y)) for _, joint, x, y, _ in found["keypoint"]}
    # JSON has one zero for whole numbers, and DuckDB reads -0.0 as it is
    assert stored == {joint: (bits(x), bits(y)) for joint, (x, y) in enumerate(points)}
    assert [bits(value) for value in found["annotation"][0][7:11]] == [bits(value) for value in box]


def test_readers_leave_no_staging_behind(indexed):
    record = {"bboxes": [[0.1, 0.2, 0.3, 0.4]], "labels": ["call"], "user_id": "u"}
    found = indexed({"train/call.json": {"k": record, "bad": []}})
    (path,) = found.workspace.index_files()
    found.store.close()
    with duckdb.connect(path, read_only=True) as con:
        names_ = {row[0] for row in con.execute("select table_name from duckdb_tables()").fetchall()}
    assert names_ == {*TABLES, "dataset"}
    assert not (found.workspace.path / "scratch").exists()


def test_the_readers_declare_themselves():
    for reader in (hagrid, coco):
        assert reader.NAME and reader.TITLE and reader.LOOKS_FOR and reader.VISIBILITY and reader.SUBJECTS
        assert reader.VERSION >= 1


def test_json_floats_are_read_as_python_reads_them(indexed):
    values = [
        0.1,
        1e-300,
        123456789.123456789,
        2**53 + 1.0,
        math.pi,
        4.9e-324,
        1.7976931348623157e308,
        0.1 + 0.2,
    ]
    points = [[v, -v] for v in values] + [[0.5, 0.5]] * (21 - len(values))
    text = json.dumps(
        {"k": {"bboxes": [[0, 0, 1, 1]], "labels": ["call"], "user_id": "u", "hand_landmarks": [points]}}
    )
    found = indexed({"train/call.json": text})
    assert found.rows("select x, y from keypoint order by joint") == [
        tuple(map(float, point)) for point in points
    ]
