"""The index: swapped in whole or not at all, several datasets side by side, and the views over them."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from queries import index as index_module
from queries import skeletons, sqlfile
from queries.errors import UsageError, WorkspaceError
from queries.index import index, remove
from queries.model import ID_BLOCK, FoundFile, Options, SourceFile
from queries.readers import base
from queries.readers.base import Build
from queries.readers.scan import Scan
from queries.store import Store
from queries.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
HAND = [[0.1 + j / 100, 0.2 + j / 50] for j in range(21)]


def hands(count=3, **fields):
    record = {
        "bboxes": [[0.1, 0.2, 0.3, 0.4]],
        "labels": ["call"],
        "user_id": "u1",
        "hand_landmarks": [HAND],
    } | fields
    return {"train/call.json": {f"k{n}": record for n in range(count)}}


def people(width=200, height=100, x=50.0):
    image = {"id": 1, "file_name": "a.jpg"} | ({"width": width, "height": height} if width else {})
    one = {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "bbox": [x, 20, 30, 40],
        "keypoints": [10, 20, 2, 30, 40, 1],
    }
    return {"keypoints.json": {
        "images": [image], "annotations": [one],
        "categories": [{"id": 1, "name": "pair", "keypoints": ["a", "b"]}],
    }}  # fmt: skip


def images(place: Path) -> int:
    store = Store(Workspace(place))
    try:
        return store.cursor().execute("select count(*) from image").fetchone()[0]
    finally:
        store.close()


# Swapping in

#: A child that kills itself at the given call of a function, as the operating system would.
CHILD = """
import os, signal, sys
from pathlib import Path
from queries import index as module, workspace, sqlfile
from queries.model import Options
from queries.readers import base, hagrid
place, root, where = sys.argv[1:]
def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)
def after(owner, name):
    real = getattr(owner, name)
    def run(*args, **kwargs):
        real(*args, **kwargs)
        die()
    setattr(owner, name, run)
if where == "reading": base.content_hash = die
elif where == "flattening": hagrid._flatten = die
elif where == "read": after(module, "_write_files")
elif where == "finishing": after(module, "_finish")
elif where == "built": workspace.Workspace.swap_in = die
elif where == "renaming": os.replace = die
elif where == "renamed": after(workspace.os, "replace")
elif where == "unlinking": after(Path, "unlink")
module.index(workspace.Workspace(Path(place)), Path(root), Options(), force=True)
"""
OLD = {"reading", "flattening", "read", "finishing", "built", "renaming"}


@pytest.mark.parametrize("where", [*sorted(OLD), "renamed", "nothing"])
def test_killed_at_any_moment(indexed, tmp_path, write, where):
    place = tmp_path / "w"
    root = write(tmp_path / "set", hands(3))
    indexed(root, workspace=place)
    write(root, hands(5))
    child = subprocess.run(
        [sys.executable, "-c", CHILD, place, root, where],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == (0 if where == "nothing" else -signal.SIGKILL), child.stderr
    assert images(place) == (3 if where in OLD else 5)
    # what it left does not break the next run, and is gone after it
    assert index(Workspace(place), root, Options(), force=True).images == 5
    assert images(place) == 5
    assert not (place / "scratch").exists()
    assert len(list((place / "datasets").iterdir())) == 1


@pytest.mark.parametrize(
    "error", [RuntimeError("a bug"), KeyboardInterrupt(), duckdb.IOException("No space left on device")]
)
def test_an_error_in_the_middle_leaves_the_old_index(indexed, tmp_path, write, monkeypatch, error):
    place = tmp_path / "w"
    root = write(tmp_path / "set", hands(3))
    before = indexed(root, workspace=place).workspace.fingerprint()
    write(root, hands(5))

    def fail(*args):
        raise error

    monkeypatch.setattr(index_module, "_finish", fail)
    with pytest.raises(WorkspaceError if isinstance(error, duckdb.Error) else type(error)):
        index(Workspace(place), root, Options())
    assert Workspace(place).fingerprint() == before and images(place) == 3
    assert not (place / "scratch").exists()


@pytest.mark.parametrize("gap", [False, True], ids=["every id in between", "an id in between missing"])
@pytest.mark.parametrize(
    "mistake",
    [
        "insert into keypoint values (4711, 0, 0, 0, null)",
        "insert into annotation select * replace (9000000000 as annotation_id) from annotation limit 1",
        "insert into annotation select * replace (image_id + 90 as image_id, 1000000010 as annotation_id) "
        "from annotation limit 1",
        "insert into annotation from annotation limit 1",
        "insert into image from image limit 1",
        "update annotation set skeleton = 'nobody'",
    ],
)
def test_an_index_that_does_not_hold_together_is_not_kept(tmp_path, write, monkeypatch, mistake, gap):
    real = index_module._write_files

    def wrong(build):
        real(build)
        if gap:
            build.con.execute("update annotation set annotation_id = 1000000020, image_id = 1000000020 "
                              "where annotation_id = 1000000003")  # fmt: skip
            build.con.execute("update keypoint set annotation_id = 1000000020 where annotation_id = 1000000003")
            build.con.execute("update image set image_id = 1000000020 where image_id = 1000000003")
        if mistake:
            build.con.execute(mistake)

    monkeypatch.setattr(index_module, "_write_files", wrong)
    place, root = Workspace(tmp_path / "w"), write(tmp_path / "set", hands())
    with pytest.raises(AssertionError, match="does not hold together"):
        index(place, root, Options())
    assert place.index_files() == []
    mistake = None
    assert index(place, root, Options()).images == 3


def test_what_does_not_fit_in_memory_is_read_in_smaller_parts_and_at_last_as_a_stream(tmp_path):
    files = [SourceFile(n, f"{n}.json", tmp_path / f"{n}.json", None, 1, 1) for n in range(5)]
    build = Build(duckdb.connect(), 1, "set", tmp_path, files, Options(), tmp_path, lambda *told: None)
    staged = []

    def strict(group):
        if len(group) > 2 or files[3] in group:
            raise duckdb.OutOfMemoryException("failed to allocate")
        staged.append([file.file_id for file in group])

    def tolerant(file):
        staged.append(f"stream {file.file_id}")
        return 0

    build.read_group(files, strict, tolerant, lambda group: None)
    assert staged == [[0, 1], [2], "stream 3", [4]]
    assert {what for what, _ in build.status.values()} == {"read"} and build.bytes_done == 5


def test_the_table_of_long_runs_is_the_schemas():
    def columns(*scripts):
        con = duckdb.connect()
        for script in scripts:
            con.execute(script)
        return con.execute("select name, type, \"notnull\" from pragma_table_info('keypoint')").fetchall()

    schema = sqlfile.text("schema.sql")
    assert columns(schema) == columns(schema, sqlfile.statements("finish.sql")["long_runs"])


@pytest.mark.parametrize(
    ("files", "machine", "threads", "expected"),
    [
        ([1000], "16GB", 2, 4e9),
        ([300 << 20, 5], "16GB", 2, 12 * (300 << 20)),
        ([300 << 20, 200 << 20, 90 << 20], "16GB", 2, 12 * (500 << 20)),
        ([600 << 20], "16GB", 2, 4e9),  # read as a stream
        ([500 << 20], "5GB", 2, 5e9),
        ([1000], "2GB", 2, 2e9),
        ([1000], "60GB", 16, 8e9),
    ],
)
def test_a_build_takes_no_more_memory_than_it_makes_use_of(files, machine, threads, expected):
    """Four GB, or what parsing its largest file whole takes; and never more than DuckDB would by itself."""
    con = duckdb.connect()
    con.execute(f"set memory_limit = '{machine}'; set threads = {threads}")
    found = tuple(FoundFile(f"{n}.json", size, 0) for n, size in enumerate(files))
    index_module._limit_memory(con, Scan(Path("set"), found, (), {}, ()), base.STRICT_LIMIT)
    limit = con.execute(sqlfile.statements("finish.sql")["memory_limit"]).fetchall()[0][0]
    assert limit == pytest.approx(expected, rel=0.06)


def test_an_open_store_survives_a_swap(indexed, tmp_path, write):
    place = tmp_path / "w"
    root = write(tmp_path / "set", hands(3))
    old = indexed(root, workspace=place)
    assert not old.store.stale()
    write(root, hands(5))
    new = indexed(root, workspace=place)
    assert old.store.stale() and not new.store.stale()
    # read now, not from a cache: the old file lives on as long as it is open
    assert old.row("select count(*), sum(x) from keypoint") == old.row("select 63, sum(x) from keypoint")
    assert new.row("select count(*) from keypoint") == (105,)
    remove(Workspace(place), "set")
    assert old.row("select count(*) from image") == (3,)
    with pytest.raises(WorkspaceError, match="no index in"):
        Store(Workspace(place))


def test_indexers_at_the_same_time_take_turns(tmp_path, write):
    place, told = Workspace(tmp_path / "w"), []
    roots = [write(tmp_path / f"set{n}", hands(n + 1)) for n in range(4)]
    errors = []

    def run(root):
        try:
            index(Workspace(tmp_path / "w"), root, Options(), waiting=lambda: told.append(root))
        except BaseException as error:
            errors.append(error)

    with place.writing(lambda: None):  # someone else holds the lock: all of them have to wait
        threads = [threading.Thread(target=run, args=(root,)) for root in roots]
        for thread in threads:
            thread.start()
        while len(told) < len(roots) and not errors:
            threading.Event().wait(0.005)
    for thread in threads:
        thread.join()
    assert errors == [] and sorted(told) == roots
    store = Store(place)
    assert store.cursor().execute("select name from dataset order by name").fetchall() == [
        (r.name,) for r in roots
    ]
    assert store.cursor().execute("select count(*), count(distinct image_id) from image").fetchone() == (
        10,
        10,
    )
    store.close()


def test_two_processes_at_the_same_time(tmp_path, write):
    place, root = tmp_path / "w", write(tmp_path / "set", hands(4))
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, place, root, "nothing"], cwd=ROOT, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for child in children:
        _, errors = child.communicate()
        assert child.returncode == 0, errors
    assert images(place) == 4 and len(list((place / "datasets").iterdir())) == 1


# Several datasets

AWKWARD = [
    "it's",
    'a "b"',
    "[x]*?",
    "ünï 手",
    "{a}",
    "images=5",
    "a;b --c",
    "%20",
    "back\\slash",
    "-",
    "a\tb",
]


@pytest.mark.parametrize(
    ("name", "make"),
    [(name, hands) for name in AWKWARD] + [(name, people) for name in ("images=5", "[x]*?", "it's")],
)
def test_names_that_could_break_a_query(indexed, tmp_path, write, name, make):
    root = write(tmp_path / name / "annotations" / name, make())
    # a neighbour that a pattern in the path would match too
    write(tmp_path / "x" / "annotations" / "x", make())
    if set(name) & set("?\\"):
        with pytest.raises(WorkspaceError, match="DuckDB can't open"):
            indexed(root, workspace=tmp_path / "work" / name)
    place = tmp_path / "work" / name.replace("?", "").replace("\\", "")
    found = indexed(root, workspace=place)
    assert found.row("select name, root from dataset") == (name, str(root))
    assert found.problems() == [] and found.summary.images == (3 if make is hands else 1)
    assert found.row("select count(*) from annotation_norm where x is not null")[0] == found.summary.images
    assert indexed(root, workspace=place).summary.unchanged
    named = indexed(root, workspace=tmp_path / "work2", name=f"{name}/../{name}")
    assert named.row("select name from dataset") == (f"{name}/../{name}",)
    assert [p.parent for p in named.workspace.index_files()] == [named.workspace.path / "datasets"]


def test_two_datasets_of_one_folder_name(indexed, tmp_path, write):
    place = tmp_path / "w"
    for where, make in (("a", hands), ("b", people), ("c", people)):
        last = indexed(write(tmp_path / where / "same", make()), workspace=place)
    assert last.rows("select dataset_id, name, format from dataset order by 1") == [
        (1, "same", "hagrid"),
        (2, "same-2", "coco"),
        (3, "same-3", "coco"),
    ]
    for table, key in (("image", "image_id"), ("annotation", "annotation_id")):
        rows = last.rows(f"select {key}, dataset_id from {table}")
        assert len({row[0] for row in rows}) == len(rows)
        assert all(dataset * ID_BLOCK < number < (dataset + 1) * ID_BLOCK for number, dataset in rows)
    # the joints of each are its own
    assert last.row("select count(*) = count(distinct (skeleton, joint)) from joint") == (True,)
    again = indexed(tmp_path / "b" / "same", workspace=place)
    assert again.summary.unchanged and again.summary.name == "same-2"


def test_names(tmp_path, write):
    place = Workspace(tmp_path / "w")
    a, b = write(tmp_path / "a", hands(1)), write(tmp_path / "b", hands(2))
    index(place, a, Options(name="mine"))
    with pytest.raises(UsageError, match="'mine' is indexed already"):
        index(place, b, Options(name="mine"))
    index(place, a, Options(name="other"))  # the same folder twice, if that is what is asked for
    assert images(tmp_path / "w") == 2
    with pytest.raises(UsageError, match="'nobody'.*mine, other"):
        remove(place, "nobody")
    remove(place, "mine")
    assert images(tmp_path / "w") == 1
    assert index(place, b, Options()).dataset_id == 1  # ids are used again


def test_reindexing_replaces(indexed, tmp_path, write):
    place = tmp_path / "w"
    root = write(tmp_path / "set", hands(3) | {"val/call.json": {"v": hands()["train/call.json"]["k0"]}})
    first = indexed(root, workspace=place)
    (root / "val" / "call.json").unlink()
    write(root, hands(2, labels=["fist"]))
    second = indexed(root, workspace=place)
    assert (first.summary.dataset_id, second.summary.dataset_id) == (1, 1)
    assert (
        second.rows("select split, label from annotation join image using (image_id)")
        == [("train", "fist")] * 2
    )
    assert len(second.workspace.index_files()) == 1
    assert first.row("select build_id from dataset") != second.row("select build_id from dataset")


def test_unchanged_files_are_not_read_again(indexed, tmp_path, write, monkeypatch):
    place = tmp_path / "w"
    root = write(tmp_path / "set", hands(3))
    before = indexed(root, workspace=place)
    hashed = []
    real = base.content_hash
    monkeypatch.setattr(base, "content_hash", lambda path: hashed.append(path) or real(path))
    again = indexed(root, workspace=place).summary
    assert (
        again.unchanged and hashed == [] and Workspace(place).fingerprint() == before.workspace.fingerprint()
    )
    assert (again.images, again.annotations, again.keypoints, again.subjects) == (3, 3, 63, 1)
    for options in ({"split": "test"}, {"skeleton": skeletons.get("hand-21")}, {"images": tmp_path}):
        hashed.clear()
        assert not index(Workspace(place), root, Options(**options)).unchanged and hashed
    hashed.clear()
    assert not index(Workspace(place), root, Options(), force=True).unchanged and hashed
    write(root, hands(2))
    assert not index(Workspace(place), root, Options()).unchanged
    monkeypatch.setattr("queries.readers.hagrid.VERSION", 99)
    assert not index(Workspace(place), root, Options()).unchanged


def test_a_broken_index_does_not_take_the_others_along(indexed, tmp_path, write):
    place = tmp_path / "w"
    indexed(write(tmp_path / "a", hands(1)), workspace=place)
    (place / "datasets" / "7-broken.duckdb").write_bytes(b"no database")
    (place / "datasets" / "readme.duckdb").write_bytes(b"not ours")
    (place / "datasets" / "\u00b2-odd.duckdb").write_bytes(b"not ours either")
    found = indexed(write(tmp_path / "b", hands(2)), workspace=place)
    assert found.row("select count(*) from image") == (3,)
    assert list(found.store.broken) == ["7-broken.duckdb"]
    shutil.rmtree(place / "datasets")
    (place / "datasets").mkdir()
    (place / "datasets" / "7-broken.duckdb").write_bytes(b"no database")
    with pytest.raises(WorkspaceError, match=r"can be opened \(7-broken"):
        Store(Workspace(place))


# Views


def test_views_of_pixels(indexed):
    found = indexed(people(width=200, height=100))
    assert found.row("select x, y, w, h from annotation_px") == (50, 20, 30, 40)
    assert found.row("select x, y, w, h from annotation_norm") == (0.25, 0.2, 0.15, 0.4)
    assert found.rows("select x, y, visibility from keypoint_px order by joint") == [(10, 20, 2), (30, 40, 1)]
    assert found.rows("select x, y, visibility from keypoint_norm order by joint") == [
        (0.05, 0.2, 2),
        (0.15, 0.4, 1),
    ]
    unknown = indexed(people(width=None))
    assert unknown.row("select x, y, w, h from annotation_norm") == (None,) * 4
    assert unknown.row("select x, y, w, h from annotation_px") == (50, 20, 30, 40)
    assert unknown.rows("select x, y, visibility from keypoint_norm order by joint") == [
        (None, None, 2),
        (None, None, 1),
    ]


def test_views_of_normalized_coordinates(indexed):
    found = indexed(hands(1))
    assert found.row("select x, y, w, h from annotation_norm") == (0.1, 0.2, 0.3, 0.4)
    assert found.row("select x, y, w, h from annotation_px") == (None,) * 4  # HaGRID does not say the size
    assert found.rows("select x, y from keypoint_norm order by joint") == [tuple(point) for point in HAND]
    assert found.row("select count(*), count(x), count(y) from keypoint_px") == (21, 0, 0)
    # every annotation is there, with all its other columns
    columns = "annotation_id, image_id, label, kind, skeleton, labelled, digest"
    for view in ("annotation_px", "annotation_norm"):
        assert found.rows(f"select {columns} from {view}") == found.rows(f"select {columns} from annotation")


# Digest


def digests(indexed, files):
    found = indexed(files)
    return dict(found.rows("select key, digest from annotation join image using (image_id)"))


def moved(joint, axis, by):
    points = [list(point) for point in HAND]
    points[joint][axis] += by
    return [points]


def test_the_digest_is_the_same_in_every_build(indexed, tmp_path, write):
    root = write(tmp_path / "one" / "set", hands(2))
    first = digests(indexed, root)
    copy = write(
        tmp_path / "two" / "elsewhere", {"test/fist.json": json.loads((root / "train/call.json").read_text())}
    )
    assert digests(indexed, root) == first == digests(indexed, copy)
    assert len(set(first.values())) == 1  # the two records say the same


def test_the_digest_tells_every_change(indexed):
    base_record = hands(1)["train/call.json"]["k0"]
    variants = {"as it was": base_record}
    variants |= {
        f"joint {j} {a}": base_record | {"hand_landmarks": moved(j, a, 0.00001)}
        for j in range(21)
        for a in (0, 1)
    }
    for place in range(4):
        box = [0.1, 0.2, 0.3, 0.4]
        box[place] += 0.00001
        variants[f"box {place}"] = base_record | {"bboxes": [box]}
    swapped = [HAND[1], HAND[0], *HAND[2:]]
    nan = float("nan")
    variants |= {
        "label": base_record | {"labels": ["fist"]},
        "no label": base_record | {"labels": [None]},
        "no landmarks": base_record | {"hand_landmarks": [[]]},
        "two joints swapped": base_record | {"hand_landmarks": [swapped]},
        "x and y swapped": base_record | {"hand_landmarks": [[[y, x] for x, y in HAND]]},
        "box turned": base_record | {"bboxes": [[0.2, 0.1, 0.4, 0.3]]},
        "no box": base_record | {"bboxes": [[nan, nan, nan, nan]]},
        "a joint lost": base_record | {"hand_landmarks": [[[nan, nan], *HAND[1:]]]},
    }
    found = digests(indexed, {"train/call.json": variants})
    assert None not in found.values()
    assert len(set(found.values())) == len(variants)


def test_the_digest_tells_a_flag(indexed):
    files = people()
    (one,) = files["keypoints.json"]["annotations"]
    files["keypoints.json"]["annotations"] = [
        one | {"id": n, "keypoints": [10, 20, flags[0], 30, 40, flags[1]]}
        for n, flags in enumerate([(2, 1), (1, 2), (2, 2), (1, 1), (0, 2), (2, 0), (0, 0), (2, 1)])
    ]
    found = indexed(files).rows("select digest from annotation order by source_id")
    assert len(set(found)) == 7 and found[0] == found[7]


def test_the_summary_adds_up(indexed):
    found = indexed(
        hands(3) | {"train/fist.json": {"x": [], "y": hands()["train/call.json"]["k0"] | {"user_id": None}}}
    )
    summary = found.summary
    assert (summary.images, summary.annotations, summary.keypoints, summary.subjects, summary.files) == (
        4,
        4,
        84,
        1,
        2,
    )
    assert summary.problems == {"field-missing": 1, "record-malformed": 1} and summary.seconds > 0
    assert found.rows("select path, records, status from source_file order by 1") == [
        ("train/call.json", 3, "read"),
        ("train/fist.json", 1, "tolerant"),
    ]
    assert found.row("select count(*) from source_file where length(content_hash) = 32") == (2,)


def test_progress_ends_at_the_total(tmp_path, write):
    told = []
    files = hands(3) | {"train/fist.json": '{"a": {"bboxes": []', "train/ok.json": ""}
    index(
        Workspace(tmp_path / "w"),
        write(tmp_path / "set", files),
        Options(),
        progress=lambda *step: told.append(step[:2]),
    )
    done = [step[0] for step in told]
    assert done == sorted(done) and told[-1][0] == told[-1][1] == sum(
        len(p.read_bytes()) for p in tmp_path.glob("set/train/*")
    )
