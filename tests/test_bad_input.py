"""Bad input ends in one clear line or a problem row; what is good around it loads; the old index stays."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from queries import cli
from queries.errors import KpauditError, UnknownFormat, UnreadableInput, UsageError, WorkspaceError
from queries.index import index
from queries.model import Options
from queries.readers import coco as coco_reader
from queries.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
HAND = [[0.1 + j / 100, 0.2 + j / 50] for j in range(21)]


def hand(**fields):
    record = {"bboxes": [[0.1, 0.2, 0.3, 0.4]], "labels": ["call"], "user_id": "u1", "hand_landmarks": [HAND]}
    return {key: value for key, value in (record | fields).items() if value != "DROP"}


def hagrid(bad) -> dict:
    """A file with a bad record between two good ones."""
    return {"train/call.json": {"first": hand(), "bad": bad, "last": hand(user_id="u2")}}


def person(**fields):
    record = {
        "id": 10,
        "image_id": 1,
        "category_id": 1,
        "bbox": [1, 2, 30, 40],
        "keypoints": [5, 6, 2, 7, 8, 1],
    }
    return {key: value for key, value in (record | fields).items() if value != "DROP"}


def coco(*annotations, images=(), categories=()) -> dict:
    return {"keypoints.json": {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}, *images],
        "annotations": [person(id=1), *annotations, person(id=99)],
        "categories": [{"id": 1, "name": "pair", "keypoints": ["left_x", "right_x"]}, *categories],
    }}  # fmt: skip


NAN, INF = float("nan"), float("inf")

HAGRID_CASES = {
    "a list": ([1, 2], "record-malformed", "the record is [1, 2], expected an object"),
    "text": ("x", "record-malformed", 'the record is "x", expected an object'),
    "null": (None, "record-malformed", "the record is null, expected an object"),
    "nan in a box": (hand(bboxes=[[NAN, 0.2, 0.3, 0.4]]), "non-finite-coordinate", "bboxes[0] is [nan"),
    "infinity in a box": (hand(bboxes=[[0.1, 0.2, INF, 0.4]]), "non-finite-coordinate", "bboxes[0] is"),
    "nan in landmarks": (
        hand(hand_landmarks=[[[NAN, 0.5], *HAND[1:]]]),
        "non-finite-coordinate",
        "hand 0 has 1 ",
    ),
    "infinity in landmarks": (
        hand(hand_landmarks=[[*HAND[1:], [0.5, -INF]]]),
        "non-finite-coordinate",
        "hand 0 has 1 ",
    ),
    "negative width": (hand(bboxes=[[0.1, 0.2, -0.3, 0.4]]), "negative-size", "bboxes[0] is"),
    "negative height": (hand(bboxes=[[0.1, 0.2, 0.3, -0.4]]), "negative-size", "bboxes[0] is"),
    "three numbers": (hand(bboxes=[[0.1, 0.2, 0.3]]), "field-type", "bboxes[0] has 3 numbers, expected 4"),
    "no number": (
        hand(bboxes=[[0.1, "x", 0.3, 0.4]]),
        "field-type",
        'bboxes[0][1] is "x", expected a number',
    ),
    "a number in a box null": (hand(bboxes=[[0.1, None, 0.3, 0.4]]), "field-type", "bboxes[0] holds null"),
    "a null box": (hand(bboxes=[None]), "field-type", "bboxes holds null"),
    "a null label": (hand(labels=[None]), "field-type", "labels holds null"),
    "no subject": (hand(user_id="DROP"), "field-missing", "user_id is missing"),
    "a null subject": (hand(user_id=None), "field-missing", "user_id is missing"),
    "no boxes": (hand(bboxes="DROP"), "field-missing", "bboxes is missing"),
    "null labels": (hand(labels=None), "field-missing", "labels is missing"),
    "an unknown label": (hand(labels=["cal"]), "unknown-label", "labels[0] is cal"),
    "20 landmarks": (
        hand(hand_landmarks=[HAND[:20]]),
        "wrong-joint-count",
        "20 landmarks, expected 21 or none",
    ),
    "landmarks in 3d": (
        hand(hand_landmarks=[[[0.1, 0.2, 0.3]] * 21]),
        "field-type",
        "hand 0 has 21 landmarks",
    ),
    "text for landmarks": (
        hand(hand_landmarks="none"),
        "field-type",
        'hand_landmarks is "none", expected a list',
    ),
    "meta of another kind": (hand(meta=[1]), "field-type", "meta is array, expected an object"),
    "labels as text": (hand(labels=["call", "call"]), "length-mismatch", "1 boxes but 2 labels"),
}


@pytest.mark.parametrize("case", HAGRID_CASES)
def test_a_bad_hagrid_record(indexed, case):
    bad, kind, told = HAGRID_CASES[case]
    found = indexed(hagrid(bad))
    problems = found.problems(True)
    assert (kind, "bad") in found.problems() and any(told in message for *_, message in problems), problems
    assert {locator for _, locator, _ in problems} == {"bad"}
    assert found.rows(
        "select key, subject, x, y, w, h, label, labelled from annotation join image using (image_id) "
        "where key <> 'bad' order by 1"
    ) == [("first", "u1", 0.1, 0.2, 0.3, 0.4, "call", 21), ("last", "u2", 0.1, 0.2, 0.3, 0.4, "call", 21)]
    # what is not a finite number is stored as none
    assert found.row(
        "select count(*) from annotation where not (isfinite(x) and isfinite(y) and isfinite(w))"
    ) == (0,)
    assert found.row("select count(*) from keypoint where not (isfinite(x) and isfinite(y))") == (0,)
    assert found.rows("select path from problem join source_file using (file_id) limit 1") == [
        ("train/call.json",)
    ]


@pytest.mark.parametrize("landmarks", [None, [None], [[]], []])
def test_null_landmarks_are_no_mistake(indexed, landmarks):
    found = indexed(hagrid(hand(hand_landmarks=landmarks)))
    assert found.problems() == ([] if landmarks != [] else [("length-mismatch", "bad")])
    assert found.summary.keypoints == 42


def test_no_subjects_anywhere_is_not_said_of_each(indexed):
    found = indexed({"train/call.json": {"a": hand(user_id=None), "b": hand(user_id="DROP")}})
    assert found.problems() == [] and found.row("select subjects_recorded from dataset") == (False,)


COCO_CASES = {
    "a list": ([1, 2], "record-malformed", "the record is a list, expected an object"),
    "nan in a box": (person(bbox=[NAN, 2, 3, 4]), "non-finite-coordinate", "bbox is [nan"),
    "nan in keypoints": (person(keypoints=[NAN, 6, 2, 7, INF, 1]), "non-finite-coordinate", "2 keypoints"),
    "an infinite area": (person(area=INF), "non-finite-coordinate", "area is inf"),
    "negative width": (person(bbox=[1, 2, -3, 4]), "negative-size", "bbox is"),
    "three numbers": (person(bbox=[1, 2, 3]), "field-type", "bbox has 3 numbers, expected 4"),
    "text for a box": (person(bbox="1 2 3 4"), "field-type", 'bbox is "1 2 3 4", expected a list'),
    "text in keypoints": (
        person(keypoints=[5, "x", 2, 7, 8, 1]),
        "field-type",
        'keypoints[1] is "x", expected a number',
    ),
    "no box": (person(bbox="DROP"), "field-missing", "bbox is missing, where other annotations"),
    "three joints": (
        person(keypoints=[1, 2, 2] * 3),
        "wrong-joint-count",
        "keypoints has 9 numbers, expected 2 x 3",
    ),
    "five numbers": (
        person(keypoints=[1, 2, 2, 3, 4]),
        "wrong-joint-count",
        "keypoints has 5 numbers, expected 2 x 3",
    ),
    "half a flag": (person(keypoints=[5, 6, 0.5, 7, 8, 1]), "visibility-invalid", "1 visibility flags"),
    "an unknown category": (
        person(category_id=7, keypoints="DROP"),
        "unknown-label",
        "category_id 7 is not in",
    ),
    "no category": (person(category_id=None, keypoints="DROP"), "unknown-label", "no category_id"),
    "an orphan": (person(image_id=77), "orphan-annotation", "image_id 77 is not in this file's images"),
    "no image id": (person(image_id="DROP"), "field-missing", "no image_id"),
}


@pytest.mark.parametrize("case", COCO_CASES)
def test_a_bad_coco_annotation(indexed, case):
    bad, kind, told = COCO_CASES[case]
    found = indexed(coco(bad))
    locator = "annotations[1] (id 10)" if isinstance(bad, dict) else "annotations[1]"
    ((found_kind, where, message),) = found.problems(True)
    assert (found_kind, where) == (kind, locator) and told in message
    assert found.rows(
        "select source_id, label, x, y, w, h, labelled, visible from annotation "
        "where source_id <> '10' order by 1"
    ) == [("1", "pair", 1, 2, 30, 40, 2, 1), ("99", "pair", 1, 2, 30, 40, 2, 1)]
    assert found.row("select count(*) from keypoint where not (isfinite(x) and isfinite(y))") == (0,)
    kept = kind not in ("orphan-annotation", "record-malformed") and case != "no image id"
    assert found.summary.annotations == 2 + kept


IMAGE_CASES = {
    "a list": ([1], "record-malformed", "images[1]"),
    "null": (None, "record-malformed", "images[1]"),
    "the same id": ({"id": 1, "file_name": "z.jpg"}, "duplicate-image-id", "images[1] (id 1)"),
    "no id": ({"file_name": "z.jpg"}, "field-missing", "images[1]"),
    "no name": ({"id": 2}, "field-missing", "images[1] (id 2)"),
    "a negative size": (
        {"id": 2, "file_name": "z.jpg", "width": -5, "height": 10},
        "negative-size",
        "images[1] (id 2)",
    ),
    "no size": (
        {"id": 2, "file_name": "z.jpg", "width": 0, "height": 0},
        "negative-size",
        "images[1] (id 2)",
    ),
    "half a size": ({"id": 2, "file_name": "z.jpg", "height": -1}, "negative-size", "images[1] (id 2)"),
    "nan for a size": (
        {"id": 2, "file_name": "z.jpg", "width": NAN, "height": 10},
        "non-finite-coordinate",
        "images[1] (id 2)",
    ),
    "text for a size": (
        {"id": 2, "file_name": "z.jpg", "width": "wide", "height": 10},
        "field-type",
        "images[1] (id 2)",
    ),
}


@pytest.mark.parametrize("case", IMAGE_CASES)
def test_a_bad_coco_image(indexed, case):
    bad, kind, locator = IMAGE_CASES[case]
    found = indexed(coco(images=[bad]))
    assert found.problems() == [(kind, locator)]
    assert found.summary.annotations == 2
    assert found.row("select file_name, width, height from image where source_id = '1'") == (
        "a.jpg",
        640,
        480,
    )
    assert found.row("select count(*) from image where width < 1 or height < 1") == (0,)


def test_the_same_annotation_id_twice(indexed):
    found = indexed(coco(person(id=1)))
    assert found.problems() == [("duplicate-annotation-id", "annotations[1] (id 1)")]
    assert found.summary.annotations == 3


@pytest.mark.parametrize("files", [hagrid(hand()), coco(person())])
@pytest.mark.parametrize("cut", [0.97, 0.7, 0.5])
def test_a_truncated_file(indexed, files, cut):
    ((name, content),) = files.items()
    if name == "keypoints.json":
        content = {
            "categories": content["categories"],
            "images": content["images"],
            "annotations": content["annotations"],
        }
    text = json.dumps(content)
    text = text[: int(len(text) * cut)]
    whole = re.findall(r'"hand_landmarks": .*?]]]}|"id": \d+, "image_id": [^}]*}', text)
    found = indexed({name: text})
    ((kind, _, message),) = found.problems(True)
    assert kind == "json-malformed" and "at byte " in message
    assert found.summary.annotations == len(whole) < 3
    assert found.row("select status from source_file") == ("tolerant",)


def test_a_file_of_nothing_beside_good_ones(indexed):
    found = indexed(
        hagrid(hand()) | {"train/fist.json": "", "train/ok.json": "{}", "train/mute.json": "nothing"}
    )
    assert found.summary.images == 3
    assert ("file-unreadable", "file") in found.problems() and "train/fist.json is empty" in str(
        found.problems(True)
    )
    assert ("json-malformed", "byte 0") in found.problems()
    assert len(found.problems()) == 2


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig"])
def test_other_encodings(indexed, encoding):
    text = json.dumps(hagrid(hand(user_id="caf\xe9"))["train/call.json"], ensure_ascii=False)
    found = indexed({"train/call.json": text.encode(encoding)})
    subjects = dict(found.rows("select key, subject from image"))
    assert subjects == {
        "first": "u1",
        "bad": "caf\\xe9" if encoding == "latin-1" else "caf\xe9",
        "last": "u2",
    }
    assert (
        found.problems()
        == {
            "latin-1": [("record-malformed", "bad")],
            "utf-16": [("json-malformed", "byte 0")],
            "utf-8-sig": [],
        }[encoding]
    )


@pytest.mark.parametrize("where", ["id", "file_name", "key", "label"])
@pytest.mark.parametrize("text", ["caf\\udce9", "\\ud800", "\\udfff x"])
def test_text_that_no_encoding_has(indexed, where, text):
    files = {
        "id": coco(person(id="@")),
        "file_name": coco(images=[{"id": 2, "file_name": "@"}]),
        "key": {"train/call.json": {"first": hand(), "@": hand()}},
        "label": hagrid(hand(labels=["@"])),
    }[where]
    ((name, content),) = files.items()
    found = indexed({name: json.dumps(content).replace("@", text)})
    assert "record-malformed" in [kind for kind, _ in found.problems()]
    assert found.summary.annotations == (2 if where in ("key", "file_name") else 3)


def test_coco_lists_that_are_none(indexed):
    document = coco()["keypoints.json"]
    found = indexed({"keypoints.json": document | {"categories": {"1": "x"}}})
    assert ("field-type", "categories") in found.problems()
    assert found.summary.annotations == 2


NOTHING = {
    "empty": ({}, "Seen: no files"),
    "other files": ({"notes.txt": "x", "a.jpg": "x", "b.jpg": "x"}, "Seen: 2 .jpg, 1 .txt"),
    "json of no kind": ({"a.json": {"x": 1}}, "Seen: 1 .json"),
    "yaml of no kind": ({"a.yaml": "x: 1"}, "Seen: 1 .yaml"),
}


@pytest.mark.parametrize("case", NOTHING)
def test_not_a_dataset(indexed, tmp_path, case):
    files, told = NOTHING[case]
    with pytest.raises(UnknownFormat) as caught:
        indexed(files)
    assert told in str(caught.value) and "data0" in str(caught.value) and "\n" not in str(caught.value)
    assert not list((tmp_path / "workspace0").glob("datasets/*"))


def test_several_datasets_in_one_folder(indexed):
    with pytest.raises(
        UnknownFormat, match=r"more than one dataset: hagrid .*a/call.json.*coco .*b/keypoints.json.*--format"
    ):
        indexed({"a/call.json": {"k": hand()}, "b/keypoints.json": coco()["keypoints.json"]})
    one = indexed({"a/call.json": {"k": hand()}, "b/keypoints.json": coco()["keypoints.json"]}, format="coco")
    assert one.summary.annotations == 2


def test_paths_that_are_not_there_or_no_files(tmp_path):
    place = Workspace(tmp_path / "w")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe.json")
    for name, told in (("gone", "does not exist"), ("loop", "can't be read"), ("pipe.json", "neither")):
        with pytest.raises(UnreadableInput, match=told):
            index(place, tmp_path / name, Options())


def test_formats_that_do_not_exist_or_do_not_fit(tmp_path, write):
    place, root = Workspace(tmp_path / "w"), write(tmp_path / "set", hagrid(hand()))
    with pytest.raises(UsageError, match="'hargid'.*coco.*hagrid.*yolo"):
        index(place, root, Options(format="hargid"))
    with pytest.raises(UnreadableInput, match="kpt_shape"):
        index(place, root, Options(format="yolo"))
    with pytest.raises(KpauditError):
        index(place, root, Options(format="coco"))


@pytest.mark.parametrize(
    "files", [{"train/call.json": '{"a": {"bboxes": ['}, {"k.json": '{"images": [{"file_name": "x'}]
)
def test_nothing_could_be_read(indexed, tmp_path, write, files):
    place = tmp_path / "w"
    root = write(tmp_path / "set", hagrid(hand()))
    before = indexed(root, workspace=place).workspace.fingerprint()
    (root / "train" / "call.json").unlink()
    write(root, files)
    with pytest.raises(UnreadableInput) as caught:
        indexed(root, workspace=place)
    assert "\n" not in str(caught.value) and str(root) in str(caught.value)
    assert Workspace(place).fingerprint() == before and not (place / "scratch").exists()


def test_links_into_nothing_and_folders_named_as_files(indexed, tmp_path, write):
    root = write(tmp_path / "set", hagrid(hand()) | {"train/folder.json/readme.md": "x"})
    (root / "train" / "fist.json").symlink_to(tmp_path / "gone")
    found = indexed(root)
    assert found.problems(True) == [
        (
            "file-unreadable",
            "train/fist.json",
            "can't be read: train/fist.json: a dangling link or no regular file",
        )
    ]
    assert found.summary.images == 3


def test_a_file_that_can_no_longer_be_opened(indexed, monkeypatch):
    real = Path.open

    def refuse(path, *args, **kwargs):
        if path.name == "fist.json" and args == ("rb",):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    found = indexed(hagrid(hand()) | {"train/fist.json": {"x": hand(labels=["fist"])}})
    assert found.problems(True) == [
        ("file-unreadable", "file", "train/fist.json can't be read: Permission denied")
    ]
    assert found.rows("select path, status from source_file order by 1") == [
        ("train/call.json", "read"),
        ("train/fist.json", "unreadable"),
    ]


def test_a_folder_that_can_not_be_listed(indexed, monkeypatch):
    real = os.scandir

    def refuse(path):
        if not isinstance(path, int) and Path(path).name == "val":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = indexed(hagrid(hand()) | {"val/call.json": {"x": hand()}})
    assert found.problems(True) == [("file-unreadable", "val", "can't be read: val: Permission denied")]
    assert found.summary.images == 3


def test_a_file_name_that_is_not_utf8(indexed, tmp_path, write):
    root = write(tmp_path / "set", hagrid(hand()))
    try:
        (Path(os.fsdecode(os.fsencode(root) + b"/train/caf\xe9.json"))).write_text(json.dumps({"x": hand()}))
    except OSError as error:
        pytest.skip(f"this file system takes UTF-8 names only: {error}")
    found = indexed(root)
    assert [kind for kind, _ in found.problems()] == ["file-unreadable"]
    assert "caf\\xe9.json" in found.problems(True)[0][2] and found.summary.images == 3


@pytest.mark.parametrize("files", [hagrid(hand()), coco(person())])
def test_no_disk_space(indexed, tmp_path, write, files):
    place = tmp_path / "w"
    root = write(tmp_path / "set", files)
    before = indexed(root, workspace=place).workspace.fingerprint()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "kp", str(tmp_path)], check=False, capture_output=True
    )
    if mount.returncode:
        pytest.skip(f"needs the right to mount a small file system: {mount.stderr.decode().strip()}")
    try:
        write(tmp_path / "set", files)
        with pytest.raises(
            WorkspaceError, match="no space left for the index in .*; the index that was there is unchanged"
        ):
            index(Workspace(tmp_path / "w"), tmp_path / "set", Options())
        assert not (tmp_path / "w" / "scratch").exists() and not list((tmp_path / "w" / "datasets").iterdir())
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
    assert Workspace(place).fingerprint() == before


CHILD = """
import sys, resource, signal
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
from queries.errors import KpauditError
from queries.index import index
from queries.model import Options
from queries.workspace import Workspace
try:
    index(Workspace(Path(sys.argv[1])), Path(sys.argv[2]), Options(), force=True)
except KpauditError as error:
    print(type(error).__name__, error)
    sys.exit(2)
"""


def test_a_limit_on_file_sizes(indexed, tmp_path, write):
    """In a child that may write small files only: what a full disk does, nearly, without any rights."""
    place, root = tmp_path / "w", write(tmp_path / "set", hagrid(hand()))
    before = indexed(root, workspace=place).workspace.fingerprint()
    ran = subprocess.run(
        [sys.executable, "-c", CHILD, place, root], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2 and ran.stdout.startswith("WorkspaceError"), ran.stderr[-2000:]
    assert Workspace(place).fingerprint() == before and not (place / "scratch").exists()


def test_a_workspace_that_can_not_be(tmp_path, write):
    root = write(tmp_path / "set", hagrid(hand()))
    (tmp_path / "file").write_text("x")
    with pytest.raises(WorkspaceError, match="can't make the workspace"):
        index(Workspace(tmp_path / "file"), root, Options())
    (tmp_path / "w" / "lock").mkdir(parents=True)
    with pytest.raises(WorkspaceError, match="can't write to the workspace"):
        index(Workspace(tmp_path / "w"), root, Options())


def test_a_crash_over_one_path_leaves_the_others_indexed(tmp_path, write, monkeypatch, capsys):
    paths = [write(tmp_path / name, coco()) for name in ("a", "b", "c", "d", "e")]
    raised = {"b": ZeroDivisionError("one\ntwo"), "c": MemoryError(), "d": OSError(5, "Input/output error")}
    load = coco_reader.load

    def crash(build):
        if build.name in raised:
            raise raised[build.name]
        return load(build)

    monkeypatch.setattr(coco_reader, "load", crash)
    place = tmp_path / "w"

    def run(*given):
        with pytest.raises(SystemExit) as stop:
            cli.main(["index", *map(str, given), "--workspace", str(place), "--quiet"])
        return stop.value.code, *capsys.readouterr()

    code, out, err = run(*paths)
    assert code == 2
    assert [line.split(" ")[0] for line in out.splitlines() if "(coco, " in line] == ["a", "e"]
    told = f"{paths[1]}: a mistake in kpaudit itself, please report it: ZeroDivisionError: one two"
    assert err.splitlines() == [
        f"kpaudit: {told} (--debug with this path alone shows where)",
        f"kpaudit: {paths[2]}: not enough memory",
        f"kpaudit: {paths[3]}: [Errno 5] Input/output error",
    ]
    assert len(Workspace(place).index_files()) == 2
    # by itself it still ends as every mistake does, so that --debug can show where
    code, out, err = run(paths[1])
    assert (code, out) == (2, "") and "ZeroDivisionError: one two (--debug shows where)" in err


def test_ctrl_c_over_one_path_ends_the_command(tmp_path, write, monkeypatch):
    paths = [write(tmp_path / name, coco()) for name in ("a", "b")]
    asked = []

    def interrupted(build):
        asked.append(build.name)
        raise RuntimeError("Query interrupted")  # DuckDB's words

    monkeypatch.setattr(coco_reader, "load", interrupted)
    with pytest.raises(SystemExit):
        cli.main(["index", *map(str, paths), "--workspace", str(tmp_path / "w"), "--quiet"])
    assert asked == ["a"]
