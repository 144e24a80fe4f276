"""The YOLO reader: every way in which a data.yaml may say where its images are."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
import yaml

from queries import skeletons
from queries.errors import UnreadableInput
from queries.index import index
from queries.model import Options
from queries.readers import label_files, yolo
from queries.workspace import Workspace

JPG = b"\xff\xd8\xff"
#: class, box by its centre, then three joints at places of their own with all three flags
LINE = "0 0.5 0.4 0.2 0.3 0.11 0.12 2 0.21 0.22 1 0.31 0.32 0"
LATER = "1 0.25 0.75 0.5 0.25 0.41 0.42 1 0.51 0.52 2 0.61 0.62 2"


def config(**fields):
    given = {
        "path": ".",
        "train": "images/train",
        "val": "images/val",
        "kpt_shape": [3, 3],
        "names": {0: "a", 1: "b"},
    }
    return yaml.safe_dump({key: value for key, value in (given | fields).items() if value is not None})


def dataset(drop=(), more=None, **fields):
    files = {
        "data.yaml": config(**fields),
        "images/train/x.jpg": JPG,
        "images/val/y.jpg": JPG,
        "labels/train/x.txt": LINE,
        "labels/val/y.txt": LATER + "\n",
    } | (more or {})
    return {name: content for name, content in files.items() if name not in drop}


IMAGES = "select split, key from image order by all"
BOTH = [("train", "images/train/x.jpg"), ("val", "images/val/y.jpg")]
LABELS = "select split, key, label from annotation join image using (image_id) order by all"


def test_every_number(indexed):
    found = indexed(dataset())
    assert found.problems() == []
    assert found.rows(IMAGES) == BOTH
    rows = found.rows(
        "select label, x, y, w, h, ordinal, labelled, visible, crowd from annotation order by label"
    )
    assert rows == [
        ("a", pytest.approx(0.4), pytest.approx(0.25), 0.2, 0.3, 0, 2, 1, False),
        ("b", 0.0, 0.625, 0.5, 0.25, 0, 3, 2, False),
    ]
    points = (
        "select joint, k.x, k.y, visibility from keypoint k join annotation using (annotation_id) "
        "where label = $1 order by 1"
    )
    assert found.rows(points, "a") == [(0, 0.11, 0.12, 2), (1, 0.21, 0.22, 1), (2, 0.31, 0.32, 0)]
    assert found.rows(points, "b") == [(0, 0.41, 0.42, 1), (1, 0.51, 0.52, 2), (2, 0.61, 0.62, 2)]
    assert found.row("select unit, visibility_recorded, subjects_recorded, classes, format from dataset") == (
        "normalized",
        True,
        False,
        ["a", "b"],
        "yolo",
    )


def test_two_numbers_a_joint(indexed):
    found = indexed(
        dataset(
            kpt_shape=[3, 2],
            more={"labels/train/x.txt": "0 .5 .4 .2 .3 .11 .12 .21 .22 .31 .32", "labels/val/y.txt": ""},
        )
    )
    assert found.rows("select joint, x, y, visibility from keypoint order by 1") == [
        (0, 0.11, 0.12, None),
        (1, 0.21, 0.22, None),
        (2, 0.31, 0.32, None),
    ]
    assert found.row("select labelled, visible from annotation") == (3, None)
    assert found.row("select visibility_recorded from dataset") == (False,)
    assert found.problems() == []


@pytest.mark.parametrize(
    ("train", "more"),
    [
        ("images/train", {}),
        ("./images/train", {}),
        ("images/train/", {}),
        (["images/train"], {}),
        ("train.txt", {"train.txt": "./images/train/x.jpg\n"}),
        ("train.txt", {"train.txt": "images/train/x.jpg"}),
        ("lists/train.txt", {"lists/train.txt": "images/train/x.jpg\n\n"}),
        ("lists/train.txt", {"lists/train.txt": "./../images/train/x.jpg\r\n"}),
        (["a.txt", "b.txt"], {"a.txt": "", "b.txt": "images/train/x.jpg\n"}),
        ("ABSOLUTE/images/train", {}),
        ("train.txt", {"train.txt": "ABSOLUTE/images/train/x.jpg"}),
        ("../images/train", {}),  # Roboflow's slip
    ],
)
def test_every_form_of_train(indexed, tmp_path, train, more):
    root = str(tmp_path / "data0")
    said = (
        [item.replace("ABSOLUTE", root) for item in train]
        if isinstance(train, list)
        else train.replace("ABSOLUTE", root)
    )
    more = {name: content.replace("ABSOLUTE", root) for name, content in more.items()}
    found = indexed(dataset(train=said, more=more))
    assert found.problems() == []
    assert found.rows(LABELS) == [(*BOTH[0], "a"), (*BOTH[1], "b")]


def test_a_list_of_folders_and_a_test_split(indexed):
    more = {
        "images/extra/deep/w.PNG": JPG,
        "labels/extra/deep/w.txt": LATER,
        "images/t/v.jpg": JPG,
        "labels/t/v.txt": LINE,
    }
    found = indexed(dataset(train=["images/train", "images/extra"], test="images/t", more=more))
    assert found.rows(LABELS) == [
        ("test", "images/t/v.jpg", "a"),
        ("train", "images/extra/deep/w.PNG", "b"),
        (*BOTH[0], "a"),
        (*BOTH[1], "b"),
    ]


def test_roboflow_with_splits_as_folders(indexed):
    found = indexed(
        {
            "data.yaml": config(path=None, train="../train/images", val="../valid/images"),
            "train/images/x.jpg": JPG,
            "train/labels/x.txt": LINE,
            "valid/images/y.jpg": JPG,
            "valid/labels/y.txt": LATER,
        }
    )
    assert found.problems() == []
    assert found.rows(LABELS) == [("train", "train/images/x.jpg", "a"), ("val", "valid/images/y.jpg", "b")]


def test_only_the_last_images_folder_becomes_labels(indexed):
    found = indexed(
        {
            "data.yaml": config(train="images/set/images", val=None),
            "images/set/images/x.jpg": JPG,
            "images/set/labels/x.txt": LINE,
            "labels/set/images/x.txt": LATER,
        }
    )
    assert found.rows(LABELS) == [("train", "images/set/images/x.jpg", "a")]


def test_background_images_are_no_error(indexed):
    more = {"images/train/none.jpg": JPG, "images/train/empty.jpg": JPG, "labels/train/empty.txt": " \n"}
    found = indexed(dataset(more=more))
    assert found.problems() == []
    assert (found.summary.images, found.summary.annotations) == (4, 2)


def test_labels_without_images(indexed):
    one = indexed(dataset(drop=["images/train/x.jpg"]))
    assert one.problems() == [("image-missing", "file")]
    assert "images/train/x" in one.problems(True)[0][2]
    assert one.summary.annotations == 2
    none = indexed(dataset(drop=["images/train/x.jpg", "images/val/y.jpg"]))
    assert none.problems() == [] and none.summary.annotations == 2
    assert any("no image is on disk" in note for note in none.summary.notes)


def test_data_yaml_elsewhere(indexed):
    for name in ("cfg/data.yaml", "my-hands.yml"):
        where = ".." if "/" in name else "."
        found = indexed(dataset(drop=["data.yaml"], more={name: config(path=where)}))
        assert found.rows(LABELS) == [(*BOTH[0], "a"), (*BOTH[1], "b")]
    both = indexed(dataset(more={"old/data.yaml": config(path="..", names=["z", "z"])}))
    assert both.rows("select path, status from source_file where path like '%yaml' order by 1") == [
        ("data.yaml", "read"),
        ("old/data.yaml", "skipped"),
    ]
    assert [row[2] for row in both.rows(LABELS)] == ["a", "b"]


def test_a_path_of_another_machine_falls_back(indexed):
    found = indexed(dataset(path="/datasets/somewhere/else"))
    assert found.rows(IMAGES) == BOTH
    assert any("/datasets/somewhere/else" in note for note in found.summary.notes)


@pytest.mark.parametrize("train", ["../outside/images", "OUT/images", "out.txt"])
def test_nothing_outside_the_folder_is_read(indexed, tmp_path, write, train):
    outside = write(tmp_path / "outside", {"images/secret.jpg": JPG, "labels/secret.txt": LINE})
    more = {"out.txt": f"{outside}/images/secret.jpg\n"}
    found = indexed(dataset(train=train.replace("OUT", str(outside)), more=more))
    assert found.rows(LABELS) == [(*BOTH[1], "b")]
    ((kind, _, message),) = found.problems(True)
    assert kind in ("path-outside-root", "file-unreadable") and "outside" in message


def test_train_and_val_in_one_folder(indexed):
    found = indexed(dataset(val="images/train"))
    assert found.rows(LABELS) == [("train", "images/train/x.jpg", "a"), ("val", "images/train/x.jpg", "a")]
    assert found.summary.keypoints == 6


def test_two_images_of_one_label_file(indexed):
    found = indexed(dataset(more={"images/train/x.png": JPG}))
    assert found.rows(IMAGES) == [BOTH[0], ("train", "images/train/x.png"), BOTH[1]]
    assert found.summary.annotations == 2
    assert found.problems() == [("duplicate-image-key", "images/train/x.png")]


def test_an_image_listed_twice(indexed):
    found = indexed(
        dataset(train="train.txt", more={"train.txt": "images/train/x.jpg\n./images/train/x.jpg\n"})
    )
    assert found.rows(LABELS) == [(*BOTH[0], "a"), (*BOTH[1], "b")]
    assert found.problems() == [("duplicate-image-key", "images/train/x.jpg")]


@pytest.mark.parametrize(
    "names",
    [["left_x", "right_x", "mid"], {0: ["left_x", "right_x", "mid"], 1: ["left_x", "right_x", "mid"]}],
)
def test_kpt_names(indexed, names):
    found = indexed(dataset(kpt_names=names))
    assert found.rows("select joint, name, flip from joint order by 1") == [
        (0, "left_x", 1),
        (1, "right_x", 0),
        (2, "mid", 2),
    ]
    assert found.problems() == []


def test_kpt_names_that_do_not_fit(indexed):
    found = indexed(dataset(kpt_names=["a", "b"]))
    assert found.problems() == [("wrong-joint-count", "data.yaml")]
    assert found.rows("select name from joint order by joint") == [("joint_0",), ("joint_1",), ("joint_2",)]


def test_joints_known_by_number(indexed):
    line = "0 .5 .5 .2 .2 " + " ".join(f"{j / 100} {j / 200} 2" for j in range(17))
    found = indexed(dataset(kpt_shape=[17, 3], more={"labels/train/x.txt": line, "labels/val/y.txt": ""}))
    assert found.rows("select distinct skeleton from annotation") == [("coco-17",)]
    assert any("coco-17" in note for note in found.summary.notes)
    hand = indexed(
        dataset(
            kpt_shape=[21, 3],
            flip_idx=list(range(21)),
            more={"labels/train/x.txt": "", "labels/val/y.txt": ""},
        )
    )
    assert hand.rows("select distinct skeleton from joint") == [("hand-21",)]


def test_flip_idx_good_and_bad(indexed):
    flips = "select flip from joint order by joint"
    good = indexed(dataset(flip_idx=[0, 2, 1]))
    assert good.rows(flips) == [(0,), (2,), (1,)] and good.problems() == []
    # the file's own word stands against the names', even where it is no involution: the audit says so
    wrong = indexed(dataset(kpt_names=["left_x", "right_x", "mid"], flip_idx=[1, 2, 0]))
    assert wrong.rows(flips) == [(1,), (2,), (0,)]
    for bad in ([0, 3, 1], [0, 1], "0 1 2", [0, -1, 2]):
        found = indexed(dataset(flip_idx=bad))
        assert found.problems() == [("skeleton-index-out-of-range", "data.yaml")]
        assert found.rows(flips) == [(0,), (1,), (2,)]


BAD_LINES = {
    "0 .5 .5 .2": ("record-malformed", 0, 0),
    "0 .5 .4 .2 .3 .11 .12 2 .21 .22 1 .31 .32": ("wrong-joint-count", 1, 0),
    "0 .5 .4 .2 .3 .11 .12 2 .21 .22 1 .31 .32 0 .7": ("wrong-joint-count", 1, 0),
    "zero .5 .4 .2 .3 .11 .12 2 .21 .22 1 .31 .32 0": ("field-type", 1, 3),
    "0 .5 .4 .2 .3 .11 .12 2 .21 oops 1 .31 .32 0": ("field-type", 1, 3),
    "0 .5 .4 .2 .3 .11 nan 2 .21 .22 1 .31 .32 0": ("non-finite-coordinate", 1, 3),
    "0 inf .4 .2 .3 .11 .12 2 .21 .22 1 .31 .32 0": ("non-finite-coordinate", 1, 3),
    "0 .5 .4 -.2 .3 .11 .12 2 .21 .22 1 .31 .32 0": ("negative-size", 1, 3),
    "5 .5 .4 .2 .3 .11 .12 2 .21 .22 1 .31 .32 0": ("unknown-label", 1, 3),
    "0 .5 .4 .2 .3 .11 .12 .9 .21 .22 1 .31 .32 0": ("visibility-invalid", 1, 3),
}


@pytest.mark.parametrize("line", BAD_LINES)
def test_bad_lines_are_reported_and_the_others_kept(indexed, line):
    kind, instances, keypoints = BAD_LINES[line]
    found = indexed(dataset(more={"labels/train/x.txt": f"{LATER}\n{line}\n{LATER}\n"}))
    assert found.problems() == [(kind, "line 2")]
    assert found.summary.annotations == 3 + instances
    assert found.summary.keypoints == 9 + keypoints
    assert found.rows("select distinct file_id from problem") == found.rows(
        "select file_id from source_file where path = 'labels/train/x.txt'"
    )


def test_a_line_of_another_length_is_kept_aside(indexed):
    found = indexed(dataset(more={"labels/train/x.txt": "1 .5 .4 .2 .3 .11 .12 2"}))
    label, attributes = found.row(
        "select label, a.attributes from annotation a join image using (image_id) where split = 'train'"
    )
    assert label == "b" and json.loads(attributes)["numbers"] == [0.11, 0.12, 2]


@pytest.mark.parametrize("text", [f"\ufeff{LINE}", LINE.replace(" ", "\t"), f"{LINE} \r\n", f"\n\n{LINE}"])
def test_label_files_as_other_tools_write_them(indexed, text):
    found = indexed(dataset(more={"labels/train/x.txt": text}))
    assert found.problems() == []
    assert found.rows(LABELS) == [(*BOTH[0], "a"), (*BOTH[1], "b")]


@pytest.mark.parametrize(
    "text",
    [
        "kpt_shape: [3, 3\n: :",
        "- kpt_shape",
        config(kpt_shape=[0, 3]),
        config(kpt_shape=[3, 4]),
        config(kpt_shape="3,3"),
        config() + "\nwhen: 2024-13-45\n",
        config().encode() + b"# caf\xe9",
        config().encode("utf-16"),
    ],
)
def test_a_data_yaml_that_is_none(indexed, text):
    with pytest.raises(UnreadableInput, match="data0|data.yaml"):
        indexed(dataset(more={"data.yaml": text}))


def test_splits_that_are_not_there(indexed):
    found = indexed(dataset(test="images/test", val=None, train=["images/train", 5]))
    assert found.problems(True) == [
        ("file-unreadable", "data.yaml", "test: images/test is not there"),
        ("file-unreadable", "data.yaml", "train: 5 is not there"),
    ]
    with pytest.raises(UnreadableInput, match="images/nowhere is not there"):
        indexed(dataset(train="images/nowhere", val=None))


def test_names_that_are_none(indexed):
    found = indexed(dataset(names=None))
    assert [kind for kind, _ in found.problems()] == ["field-missing", "unknown-label", "unknown-label"]
    assert found.summary.annotations == 2


def test_a_skeleton_of_the_users(indexed, tmp_path):
    mine = skeletons.from_names("mine", ["p", "q", "r"], [(0, 2)])
    found = indexed(dataset(), skeleton=mine)
    assert found.rows("select name from joint order by joint") == [("p",), ("q",), ("r",)]
    assert found.rows("select joint_a, joint_b from bone") == [(0, 2)]
    with pytest.raises(UnreadableInput, match="2 joints"):
        indexed(dataset(), skeleton=skeletons.from_names("mine", ["p", "q"], []))


def test_a_new_background_image_is_noticed(indexed, tmp_path, write):
    place = tmp_path / "workspace"
    root = write(tmp_path / "yolo", dataset())
    assert indexed(root, workspace=place).summary.images == 2
    assert indexed(root, workspace=place).summary.unchanged
    Path(root / "images/train/new.jpg").write_bytes(JPG)
    again = indexed(root, workspace=place)
    assert again.summary.images == 3 and not again.summary.unchanged


def test_a_pipe_is_not_waited_for_and_a_link_to_nothing_is_reported(indexed, tmp_path, write):
    root = write(tmp_path / "set", dataset())
    os.mkfifo(root / "labels/train/pipe.txt")
    (root / "labels/train/gone.txt").symlink_to(root / "nowhere")
    found = indexed(root)
    assert found.summary.annotations == 2
    told = dict(found.rows("select path, detail from problem join source_file using (file_id) "
                           "where kind = 'file-unreadable'"))  # fmt: skip
    assert told == {"labels/train/gone.txt": "can't be read: No such file or directory"}


@pytest.mark.parametrize("fails", ["submit", "listing", "preparing", "use"])
def test_an_interruption_ends_the_reading_ahead(tmp_path, write, monkeypatch, fails):
    """Threads that wait for what will not come any more would be waited for without end."""
    monkeypatch.setattr(label_files, "BATCH", 1)
    more = {f"labels/train/{n}.txt": f"{LINE}\n" for n in range(9)}
    root = write(tmp_path / "set", dataset(more=more))

    def interrupt(*given, **named):
        raise KeyboardInterrupt

    class Pool(label_files.ThreadPoolExecutor):
        def submit(self, *given, **named):
            return interrupt() if self._work_queue.qsize() or self._threads else super().submit(*given)

    targets = {
        "submit": (label_files, "ThreadPoolExecutor", Pool),
        "listing": (yolo, "_write_images", interrupt),
        "preparing": (label_files, "as_table", interrupt),
        "use": (label_files.Build, "advance", interrupt),
    }
    monkeypatch.setattr(*targets[fails])
    ended = []

    def run():
        with pytest.raises(KeyboardInterrupt):
            index(Workspace(tmp_path / "w"), root, Options())
        ended.append(True)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(30)
    assert ended and not Workspace(tmp_path / "w").index_files()


def test_a_name_that_is_not_utf_8_is_left_out_and_said(indexed, tmp_path, write):
    root = write(tmp_path / "set", dataset())
    for name in (b"labels/train/b\xff.txt", b"images/train/c\xff.jpg"):
        Path(os.fsdecode(bytes(root) + b"/" + name)).write_bytes(b"")
    found = indexed(root)
    assert found.summary.images == 2
    told = [message for kind, message in found.rows("select kind, message from problem") if "UTF-8" in message]
    assert len(told) == 2


def test_progress_ends_at_the_whole(tmp_path, write, monkeypatch):
    """The label files' sizes are known when they are read: what is said before is reckoned from those."""
    monkeypatch.setattr(label_files, "BATCH", 2)
    many = {f"labels/train/{n}.txt": f"{LINE}\n" * (n + 1) for n in range(7)}
    root = write(tmp_path / "set", dataset(more=many))
    real = label_files._content

    def content(file):
        if file.path.endswith("/5.txt"):
            raise PermissionError(13, "Permission denied")
        return real(file)

    monkeypatch.setattr(label_files, "_content", content)
    told = []
    index(Workspace(tmp_path / "w"), root, Options(), lambda done, total, what: told.append((done, total)))
    size = sum(path.stat().st_size for path in [root / "data.yaml", *root.rglob("*.txt")])
    assert told[-1] == (size, size) and told == sorted(told) and all(done <= total for done, total in told)


def test_batches_add_up_to_the_same_rows(indexed, tmp_path, write, monkeypatch):
    """More label files than a batch holds: ids go on, and nothing is lost where two batches meet."""
    many = {f"labels/train/{n}.txt": f"{LINE}\n\n0 0.5\n{LATER}\n" for n in range(7)}
    boxes = {f"train_labels/call/{n}.txt": "0 0.5 0.5 0.1 0.1\n" * (n % 3) for n in range(7)}
    for reader, files in (("yolo", dataset(more=many)), ("hagrid_yolo", boxes)):
        root = write(tmp_path / reader, files)
        whole = indexed(root)
        monkeypatch.setattr(label_files, "BATCH", 2)
        parts = indexed(root)
        monkeypatch.undo()
        for table in ("image", "annotation", "keypoint", "problem"):
            assert parts.rows(f"from {table} order by all") == whole.rows(f"from {table} order by all")
        assert parts.summary.annotations == (16 if reader == "yolo" else 6)
