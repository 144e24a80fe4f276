"""Indexing again reads what has changed alone, and gives what a whole new build gives, to the last id."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queries import incremental
from queries import index as index_module
from queries.errors import KpauditError
from queries.index import index
from queries.model import Options
from queries.readers import base
from queries.workspace import Workspace
from tests.test_index import hands, people
from tests.test_yolo import JPG, LATER, LINE, config

TABLES = {
    "dataset": "* exclude (build_id, indexed_at, seconds)",
    **dict.fromkeys(("source_file", "image", "annotation", "keypoint", "joint", "bone", "problem"), "*"),
}


def tables(place: Path) -> dict[str, list[tuple]]:
    """All that an index says, in an order of its own: the rows as text, so that NaN is like NaN."""
    (path,) = Workspace(place).index_files()
    with duckdb.connect(path, read_only=True) as con:
        return {
            table: con.execute(
                f"select t::varchar from (select {what} from {table}) t order by all"
            ).fetchall()
            for table, what in TABLES.items()
        }


def same_as_a_whole_build(place: Path, root: Path) -> None:
    whole = place.parent / "whole"
    shutil.rmtree(whole, ignore_errors=True)
    index(Workspace(whole), root, Options())
    assert tables(place) == tables(whole)


# What may stand in a file. Keys come from a few, so that images clash across files.


def hagrid_content(dice: random.Random) -> bytes:
    # landmarks that are float32s, as the original's, and others
    place = dice.choice([lambda: dice.randrange(1024) / 1024, dice.random])

    def record() -> object:
        count = dice.randrange(3)
        found = {
            "bboxes": [[dice.random() for _ in range(4)] for _ in range(count)],
            "labels": [dice.choice(["call", "fist", "no_gesture", "odd", "else"]) for _ in range(count)],
            "user_id": dice.choice(["u1", "u2", None, ""]),
            "hand_landmarks": [
                [[place(), place()] for _ in range(21)] if dice.random() < 0.7 else []
                for _ in range(count)
            ],
        }
        if dice.random() < 0.4:
            found |= {"united_bbox": [0.1, 0.1, dice.random(), 0.5], "united_label": "timeout"}
        return found if dice.random() < 0.9 else dice.choice([None, [], {"bboxes": 3}])

    keys = [f"k{dice.randrange(14)}" for _ in range(dice.randrange(5))]
    text = "{" + ", ".join(f'"{key}": {json.dumps(record())}' for key in keys) + "}"
    return dice.choice([text] * 8 + [text[: len(text) // 2], "", "null", "{}"]).encode()


def coco_content(dice: random.Random) -> bytes:
    (found,) = people(x=dice.random()).values()
    text = json.dumps(found)
    return dice.choice([text] * 4 + [text[:-40]]).encode()


def yolo_content(dice: random.Random) -> bytes:
    some = [LINE, LATER, "0 0.5 0.5", "", "7 .1 .1 .2 .2", "0 a 0.5 0.1 0.1"]
    lines = dice.choices(some, k=dice.randrange(5))
    return dice.choice(["\n".join(lines).encode()] * 6 + [b"\xff\xfe\x00"])


NAMES = ("call", "fist", "odd", "train")
HAGRID = ([f"{split}/{name}.json" for split in ("train", "val") for name in NAMES], {})
COCO = ([f"annotations/person_keypoints_{split}.json" for split in ("train", "val", "minival")], {})
YOLO = (
    [f"labels/{split}/{n}.txt" for split in ("train", "val") for n in range(4)]
    + [f"images/{split}/{n}.jpg" for split in ("train", "val") for n in range(3)],
    {"data.yaml": config().encode()},
)
FORMS = {"hagrid": (*HAGRID, hagrid_content), "coco": (*COCO, coco_content), "yolo": (*YOLO, yolo_content)}


class Tree:
    """A dataset's folder that is edited step by step."""

    def __init__(self, root: Path, form: str, dice: random.Random):
        self.root, self.dice = root, dice
        self.places, fixed, self.content = FORMS[form]
        for name, content in fixed.items():
            self._write(name, content)
        for place in dice.sample(self.places, k=max(2, len(self.places) // 2)):
            self.change(place)

    def _write(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def edit(self, what: str) -> None:
        there = [place for place in self.places if (self.root / place).exists()]
        free = [place for place in self.places if place not in there]
        if what == "add" and free:
            self.change(self.dice.choice(free))
        elif there:
            getattr(self, what if what != "add" else "touch")(self.dice.choice(there))

    def change(self, place: str) -> None:
        self._write(place, JPG if place.endswith(".jpg") else self.content(self.dice))

    def same(self, place: str) -> None:
        """Written anew with what it says already."""
        self._write(place, (self.root / place).read_bytes())

    def touch(self, place: str) -> None:
        os.utime(self.root / place, ns=(1, self.dice.randrange(10**18)))

    def delete(self, place: str) -> None:
        (self.root / place).unlink()

    def rename(self, place: str) -> None:
        target = self.root / self.dice.choice(self.places)
        target.parent.mkdir(parents=True, exist_ok=True)
        (self.root / place).replace(target)

    def corrupt(self, place: str) -> None:
        content = (self.root / place).read_bytes()
        at = self.dice.randrange(len(content) + 1)
        self._write(place, content[:at] + self.dice.choice([b"", b"\x00", b"}", b"1"]) + content[at + 1 :])


EDITS = ["change", "change", "add", "delete", "rename", "touch", "same", "corrupt"]


@pytest.mark.parametrize("form", FORMS)
@settings(
    max_examples=int(os.environ.get("KPAUDIT_EXAMPLES", "6")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seed=st.integers(0, 2**32),
    steps=st.lists(st.lists(st.sampled_from(EDITS), min_size=1, max_size=3), max_size=4),
)
def test_any_edits_give_what_a_whole_build_gives(tmp_path, monkeypatch, form, seed, steps):
    monkeypatch.setattr(incremental, "LARGEST_SHARE", 1)
    monkeypatch.setattr(index_module, "_UNPATCHABLE", (incremental.Wider,))
    for name in ("set", "w", "whole"):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
    tree = Tree(tmp_path / "set", form, random.Random(seed))
    for edits in [[], *steps]:
        for edit in edits:
            tree.edit(edit)
        try:
            index(Workspace(tmp_path / "w"), tree.root, Options())
        except KpauditError as error:  # nothing left that could be read
            with pytest.raises(type(error)):
                index(Workspace(tmp_path / "whole"), tree.root, Options(), force=True)
            continue
        same_as_a_whole_build(tmp_path / "w", tree.root)
    monkeypatch.undo()


# What is read, and what is written


def three(**fields):
    one = hands(2, **fields)["train/call.json"]
    return {f"{split}/{name}.json": {f"{split}-{name}-{key}": record for key, record in one.items()}
            for split, name in (("train", "call"), ("train", "fist"), ("val", "call"))}  # fmt: skip


@pytest.fixture
def opened(monkeypatch):
    """The names of the files that were read, as their content is hashed before they are."""
    names: list[str] = []
    real = base.content_hash

    def noted(path):
        names.append("/".join(path.parts[-2:]))
        return real(path)

    monkeypatch.setattr(base, "content_hash", noted)
    monkeypatch.setattr(incremental, "content_hash", noted)
    monkeypatch.setattr(incremental, "LARGEST_SHARE", 0.7)
    return names


def test_changed_files_alone_are_read(tmp_path, write, opened):
    place, root = tmp_path / "w", write(tmp_path / "set", three())
    assert index(Workspace(place), root, Options()).read is None and len(opened) == 3
    changes = [
        ({"train/fist.json": {"a": {"bboxes": [[0, 0, 1, 1]], "labels": ["fist"]}}}, ["train/fist.json"]),
        ({"train/added.json": {}}, ["train/added.json"]),
        ({"train/added.json": None}, []),
        # in another file of the split stands the same image: both are read, and once more when it is gone
        ({"train/fist.json": {"train-call-k1": hands()["train/call.json"]["k0"]}}, ["train/fist.json"]),
        (
            {"train/fist.json": {"b": hands()["train/call.json"]["k0"]}},
            ["train/call.json", "train/fist.json"],
        ),
        ({"train/fist.json": ""}, []),  # an empty file is told by its size
    ]
    for files, read in changes:
        opened.clear()
        for name, content in files.items():
            (root / name).unlink() if content is None else write(root, {name: content})
        found = index(Workspace(place), root, Options())
        assert (sorted(opened), found.unchanged) == (read, False)
        assert found.read == len(read) + ("" in files.values())
        same_as_a_whole_build(place, root)
    opened.clear()
    assert index(Workspace(place), root, Options()).unchanged and opened == []


def test_a_new_time_alone_changes_no_build(tmp_path, write, opened):
    place, root = tmp_path / "w", write(tmp_path / "set", three())
    index(Workspace(place), root, Options())
    build = rows(place, "select build_id from dataset")
    os.utime(root / "val" / "call.json", ns=(1, 1))
    opened.clear()
    assert index(Workspace(place), root, Options()).unchanged and opened == ["val/call.json"]
    assert rows(place, "select build_id from dataset") == build
    same_as_a_whole_build(place, root)
    opened.clear()
    assert index(Workspace(place), root, Options()).unchanged and opened == []
    # a file system that keeps whole seconds can't tell two writes within one apart
    write(root, {"val/call.json": (root / "val" / "call.json").read_bytes().replace(b"call", b"fist")})
    second = (root / "val" / "call.json").stat().st_mtime_ns // 10**9 * 10**9
    os.utime(root / "val" / "call.json", ns=(second, second))
    index(Workspace(place), root, Options())
    write(root, {"val/call.json": (root / "val" / "call.json").read_bytes().replace(b"fist", b"palm")})
    os.utime(root / "val" / "call.json", ns=(second, second))
    assert not index(Workspace(place), root, Options()).unchanged
    same_as_a_whole_build(place, root)


def rows(place: Path, sql: str) -> list[tuple]:
    (path,) = Workspace(place).index_files()
    with duckdb.connect(path, read_only=True) as con:
        return con.execute(sql).fetchall()


def test_an_empty_label_file_comes_goes_and_is_read(tmp_path, write):
    """A file that can't be read has no size, and an empty one none either: they are not the same."""
    root = write(tmp_path / "set", {"data.yaml": config(), "labels/train/a.txt": LINE, "labels/val/b.txt": LATER})
    label, place = root / "labels/train/c.txt", tmp_path / "w"
    label.symlink_to(root / "gone")
    index(Workspace(place), root, Options())
    for edit in (
        (root / "gone").touch,
        (root / "gone").unlink,
        label.unlink,
        label.touch,
        lambda: label.write_text(LINE),
    ):
        edit()
        index(Workspace(place), root, Options())
        same_as_a_whole_build(place, root)


def test_label_files_one_by_one(tmp_path, write):
    place = tmp_path / "w"
    labels = {f"labels/train/{n}.txt": f"{LINE}\n{LATER}\n" for n in range(6)}
    root = write(tmp_path / "set", {"data.yaml": config(val=None), "images/train/1.jpg": JPG, **labels})
    index(Workspace(place), root, Options())
    steps = [
        ({"labels/train/3.txt": LINE}, 1),  # a line less: the ids after it move
        ({"images/train/4.jpg": JPG}, 0),  # a label file has its image now
        ({"images/train/9.jpg": JPG}, 0),  # a background image
        ({"labels/train/00.txt": f"{LATER}\n0 0.5\n"}, 1),
        ({"data.yaml": config(val=None, names=["c", "d"])}, 8),  # governs all the others
    ]
    for files, read in steps:
        write(root, files)
        assert index(Workspace(place), root, Options()).read == read
        same_as_a_whole_build(place, root)
    assert rows(place, "select path, kind from problem join source_file using (file_id) order by all") == [
        ("labels/train/0.txt", "image-missing"), ("labels/train/00.txt", "image-missing"),
        ("labels/train/00.txt", "record-malformed"), ("labels/train/2.txt", "image-missing"),
        ("labels/train/3.txt", "image-missing"), ("labels/train/5.txt", "image-missing"),
    ]  # fmt: skip


def test_many_moves_are_made_by_a_join(tmp_path, write, monkeypatch):
    place = tmp_path / "w"
    names = [f"train/{name}.json" for name in ("call", "fist", "like", "ok", "palm", "stop")]
    record = hands()["train/call.json"]["k0"]
    write(root := tmp_path / "set", {name: {f"{name}-{n}": record for n in range(3)} for name in names})
    index(Workspace(place), root, Options())
    counts = {name: 1 + 3 * at for at, name in enumerate(names[::2])}
    write(root, {name: {f"{name}-{n}": record for n in range(count)} for name, count in counts.items()})
    monkeypatch.setattr(incremental, "_MOST_MOVES", 1)
    monkeypatch.setattr(incremental, "LARGEST_SHARE", 1)
    monkeypatch.setattr(index_module, "_UNPATCHABLE", ())
    assert index(Workspace(place), root, Options()).read == 3
    same_as_a_whole_build(place, root)


@pytest.mark.parametrize("why", ["most of it changed", "worn", "an error", "another reader"])
def test_what_makes_a_whole_build(tmp_path, write, monkeypatch, why):
    place, root = tmp_path / "w", write(tmp_path / "set", three())
    index(Workspace(place), root, Options())
    write(root, {"train/fist.json": {}})
    if why == "most of it changed":
        write(root, {"train/call.json": {"a": hands()["train/call.json"]["k0"], "b": {}}})
        monkeypatch.setattr(incremental, "LARGEST_SHARE", 0.1)
    elif why == "worn":
        monkeypatch.setattr(incremental, "MOST_STORED", -1)
    elif why == "an error":
        monkeypatch.setattr(incremental, "merge", lambda *args: (_ for _ in ()).throw(duckdb.Error("a bug")))
    else:
        monkeypatch.setattr("queries.readers.hagrid.VERSION", 99)
    found = index(Workspace(place), root, Options())
    assert (found.read, found.images) == (3, 4)
    monkeypatch.undo()
    write(root, {"train/fist.json": ""})
    assert index(Workspace(place), root, Options()).read == (3 if why == "another reader" else 1)


def test_the_file_does_not_grow_for_ever(tmp_path, write):
    """What is deleted makes room for what comes in."""
    place = tmp_path / "w"
    record = hands()["train/call.json"]["k0"]
    many = {f"k{n}": record | {"bboxes": [[0.1, 0.2, 0.3, 0.4]] * 8, "labels": ["call"] * 8,
                               "hand_landmarks": record["hand_landmarks"] * 8}
            for n in range(400)}  # fmt: skip
    files = {
        f"train/{name}.json": {f"{name}-{key}": value for key, value in many.items()}
        for name in ("call", "fist", "ok")
    }
    root = write(tmp_path / "set", files)
    index(Workspace(place), root, Options())
    (path,) = Workspace(place).index_files()
    size = path.stat().st_size
    for turn in range(6):
        changed = {f"{turn}-{key}": value for key, value in many.items()}
        write(root, {"train/fist.json": changed})
        assert index(Workspace(place), root, Options()).read == 1
        assert path.stat().st_size < 2 * size


def test_killed_while_bringing_it_up_to_date(tmp_path, write, monkeypatch):
    """Whatever it was about to do, the old index is whole and the next run is as good as any."""
    place, root = tmp_path / "w", write(tmp_path / "set", three())
    index(Workspace(place), root, Options())
    before = tables(place)
    write(root, {"val/call.json": {"new": hands()["train/call.json"]["k0"]}})
    for name in ("read_changed", "copy", "merge"):
        real = getattr(incremental, name)

        def killed(*args, real=real):
            real(*args)
            raise KeyboardInterrupt

        monkeypatch.setattr(incremental, name, killed)
        with pytest.raises(KeyboardInterrupt):
            index(Workspace(place), root, Options())
        monkeypatch.undo()
        assert tables(place) == before
    assert index(Workspace(place), root, Options()).read == 1
    same_as_a_whole_build(place, root)
