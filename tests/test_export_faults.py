"""Exports that must not happen, or not half: hostile names, full disks, kills, files that changed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from queries import cli
from queries.errors import KpauditError, UsageError
from queries.export.base import Names, safe
from queries.index import index
from queries.model import Options
from queries.reviews.model import Decision, Item
from queries.reviews.store import ReviewStore
from queries.workspace import Workspace
from tests.conftest import write
from tests.test_export import YOLO, coco, hand, once, said, send

HOSTILE = [
    "../../x",
    "/etc/x",
    "..",
    ".",
    "a\x00b",
    "é" * 400,
    "a/../../b",
    "C:\\x",
    "x" * 5000,
    "\n",
    "  ",
    "-rf",
    "~",
    "$(x)",
]


def everything(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A dataset whose every name leads elsewhere."""
    images = [{"id": n, "file_name": name, "width": 9, "height": 9} for n, name in enumerate(HOSTILE)]
    base = coco()["annotations"][0]
    source = coco(
        images,
        [
            {**base, "id": n, "image_id": n, "category_id": n, "bbox": [1, 1, 2, 2]}
            for n in range(len(HOSTILE))
        ],
    )
    source["categories"] = [
        {**source["categories"][0], "id": n, "name": name} for n, name in enumerate(HOSTILE)
    ]
    files = {"person_keypoints_train.json": source}
    return once(tmp_path_factory.mktemp("hostile"), files, split="../..")


@pytest.mark.parametrize("target", ["coco", "yolo", "hagrid", "csv", "parquet"])
def test_hostile_names_never_lead_out_of_the_folder(hostile, tmp_path, target):
    found = hostile
    (tmp_path / "below").mkdir()
    before = everything(tmp_path)
    out = tmp_path / "below" / "out"
    send(found, out, target)
    assert all(path.is_relative_to(out) for path in everything(tmp_path) - before)
    assert any(out.iterdir()) and all(path.resolve().is_relative_to(out) for path in everything(out))


def test_safe_names():
    names = [safe(name) for name in HOSTILE]
    assert all(name not in ("", ".", "..") and "/" not in name and "\0" not in name for name in names)
    assert all(len(name.encode()) <= 150 for name in names)
    given = Names()
    assert [given.of("a/b"), given.of("a:b"), given.of("A_B"), given.of("a/b")] == [
        "a_b",
        "a_b-2",
        "A_B-3",
        "a_b",
    ]


def test_keys_that_collide_stay_apart(indexed, tmp_path):
    files = YOLO | {
        "images/train/a.png": b"x",
        "images/train/A.jpg": b"x",
        "labels/train/A.txt": YOLO["labels/val/b.txt"],
    }
    found = indexed(files)
    send(found, tmp_path / "out", "yolo")
    again = indexed(tmp_path / "out")
    assert again.row("select count(*) from image") == found.row("select count(*) from image")
    assert again.row("select count(*) from annotation") == found.row("select count(*) from annotation")


def test_a_folder_with_something_in_it_is_refused(indexed, tmp_path):
    found = indexed({"train/call.json": {"a": hand()}})
    out = tmp_path / "out"
    out.mkdir()
    send(found, out, "csv")  # an empty folder will do
    before = {path: path.stat().st_mtime_ns for path in everything(out)}
    with pytest.raises(UsageError, match="is not empty: name a new folder"):
        send(found, out, "csv")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is there already, and is no folder"):
        send(found, tmp_path / "file", "csv")
    inside = Path(found.summary.root) / "out"
    with pytest.raises(UsageError, match="dataset's own folder"):
        send(found, inside, "csv")
    assert not inside.exists()
    assert {path: path.stat().st_mtime_ns for path in everything(out)} == before


@pytest.mark.parametrize("target", ["hagrid", "csv"])
def test_source_files_that_changed_are_refused_by_their_own_format_alone(indexed, tmp_path, target):
    found = indexed({"train/call.json": {"a": hand(0.1)}})
    file = Path(found.summary.root) / "train" / "call.json"
    stat = file.stat()
    file.write_text(file.read_text().replace("0.2", "0.4"))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # same size, same time: the hash tells
    if target == "csv":
        send(found, tmp_path / "out", "csv")
        return
    with pytest.raises(KpauditError, match="has changed since it was indexed: run kpaudit index"):
        send(found, tmp_path / "out", target)
    file.unlink()
    with pytest.raises(KpauditError, match="is gone or can't be read since"):
        send(found, tmp_path / "out", target)
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


_TARGETS = ("coco", "yolo", "hagrid", "csv", "parquet")

# Every export in a process of its own, forked off one that has loaded everything and opened nothing.
_SCRIPT = """
import json, os, resource, signal, sys
from queries import cli
from queries.export import changes, pipeline
asked, told = json.load(sys.stdin), {}
for name, (limit, command) in asked.items():
    child = os.fork()
    if not child:
        os.dup2(os.open(name + ".err", os.O_WRONLY | os.O_CREAT, 0o644), 2)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        else:
            changes.Changes.summary = lambda *a: os.kill(os.getpid(), signal.SIGKILL)
        try:
            cli.main(command)
        except SystemExit as stop:
            os._exit(stop.code or 0)
        os._exit(99)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    told[name] = status, open(name + ".err").read()
json.dump(told, sys.stdout)
"""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """target-limit → (exit code, stderr, OUT) of exports with `limit` bytes a file at most, or killed (0)."""
    place = tmp_path_factory.mktemp("faulty")
    images = [{"id": n, "file_name": f"{n}.jpg", "width": 100, "height": 100} for n in range(300)]
    base = coco()["annotations"][0]
    people = coco(images, [{**base, "id": n, "image_id": n % 300} for n in range(3000)])
    # many small files: only changes.csv and data.yaml can be large
    crowded = coco(images, [{**base, "id": n, "image_id": 1} for n in range(3000)])
    hands = {f"k{n}": hand(n / 1000) for n in range(200)}
    for name, file, content in (
        ("people", "person_keypoints_train.json", people),
        ("crowded", "person_keypoints_train.json", crowded),
        ("hands", "train/call.json", hands),
    ):
        write(place / name, {file: content})
        index(Workspace(place / f"{name}.ws"), place / name, Options())
    asked, outs = {}, {}
    for target in _TARGETS:
        for limit in (3000, 0):
            source = {"hagrid": "hands", "yolo": "crowded" if limit else "people"}.get(target, "people")
            name = f"{target}-{limit}"
            outs[name] = place / name / "out"
            outs[name].parent.mkdir()
            command = ["export", "--to", target, str(outs[name]), "--workspace", str(place / f"{source}.ws")]
            asked[name] = (limit, command)
    ran = subprocess.run(
        [sys.executable, "-c", _SCRIPT], input=json.dumps(asked), capture_output=True, text=True, cwd=place,
        check=True,
    )  # fmt: skip
    return {name: (*found, outs[name]) for name, found in json.loads(ran.stdout).items()}


@pytest.mark.parametrize("target", _TARGETS)
@pytest.mark.parametrize("limit", [3000, 0], ids=["full", "killed"])
def test_a_full_disk_or_a_kill_leaves_nothing_half(faulty, target, limit):
    code, told, out = faulty[f"{target}-{limit}"]
    assert not out.exists()
    if limit:
        assert code == 2, told
        assert told.count("\n") == 1 and "no space left" in told, told
        assert list(out.parent.iterdir()) == []
    else:
        assert code == -signal.SIGKILL
        assert [path.name.partition(".partial-")[0] for path in out.parent.iterdir()] == ["out"]


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    return stop.value.code


def test_the_command_with_the_workspaces_decisions(indexed, tmp_path, capsys):
    found = indexed({"train/call.json": {"a": hand(), "b": hand(0.2)}})
    place = found.workspace.path
    asked = ["--workspace", place, "--to", "hagrid", "--drop", "rejected"]
    assert run("export", tmp_path / "first", *asked) == 0
    assert not (place / "reviews.sqlite").exists(), "reading decisions makes no store"
    store = ReviewStore(place / "reviews.sqlite")
    store.append(Decision(Item(found.summary.name, "train", "a"), "ana", "reject image"))
    store.close()
    assert run("export", tmp_path / "second", *asked) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].endswith("first: 2 images (train 2), 2 annotations; see CHANGES.md there")
    assert told[1].endswith("second: 1 images (train 1), 1 annotations; see CHANGES.md there")
    assert ("a", "", "dropped", "the image is rejected") in said(tmp_path / "second")
    for wrong, match in (
        (["--to", "voc"], "voc"),
        (["--to", "csv", "--reviews", "nosuch.sqlite"], "--reviews nosuch.sqlite does not exist"),
        (["--to", "csv", "--dataset", "x"], "no dataset 'x'"),
        (["--to", "csv", "--copy-images"], "--copy-images goes with --to yolo"),
        (["--to", "csv", "--where", "w >"], "syntax error"),
    ):
        assert run("export", tmp_path / "third", "--workspace", place, *wrong) == 2
        err = capsys.readouterr().err
        assert match in err and err.count("\n") == 1
    assert not (tmp_path / "third").exists()


def test_images_are_linked_or_copied(indexed, tmp_path):
    found = indexed(YOLO)
    send(found, tmp_path / "links", "yolo")
    send(found, tmp_path / "copies", "yolo", copy_images=True)
    link, copy = (tmp_path / name / "images/train/a.jpg" for name in ("links", "copies"))
    assert link.is_symlink() and link.read_bytes() == b"x"
    assert not copy.is_symlink() and copy.read_bytes() == b"x"


def test_out_in_another_dataset_or_the_workspace_is_refused(indexed, tmp_path):
    place = tmp_path / "w"
    indexed({"train/call.json": {"a": hand()}}, workspace=place, name="one")
    other = indexed({"train/call.json": {"b": hand()}}, workspace=place, name="two")
    for out, told in (
        (Path(other.summary.root) / "out", "the folder of the dataset two"),
        (place / "datasets" / "out", "the workspace"),
    ):
        (tmp_path / "link").symlink_to(out.parent)
        for spelled in (out, tmp_path / "link" / "out"):
            with pytest.raises(UsageError, match=f"lies in {told}.*never written to"):
                send(other, spelled, "csv")
        assert not out.exists()
        (tmp_path / "link").unlink()


def test_names_that_no_folder_can_have_are_one_sentence(indexed, tmp_path):
    found = indexed({"train/call.json": {"a": hand()}})
    for name, told in (("x" * 300, "name too long"), ("a\0b", "holds a NUL"), ("a/" + "y" * 300, "too long")):
        with pytest.raises(KpauditError, match=told):
            send(found, tmp_path / name, "csv")


def test_the_folder_has_the_rights_that_the_mask_gives(indexed, tmp_path):
    found = indexed({"train/call.json": {"a": hand()}})
    former = os.umask(0o027)
    try:
        send(found, tmp_path / "out", "csv")
    finally:
        os.umask(former)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o750
