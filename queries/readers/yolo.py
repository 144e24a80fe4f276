"""YOLO pose as Ultralytics lays it out: data.yaml, images, and a label file an image.

A line is an instance: `class cx cy w h px1 py1 [v1] ...`, all normalized, the box by its centre;
`kpt_shape` [K, 3] carries COCO's visibility flag, [K, 2] none. Labels stand where the path's `images` is
replaced by `labels`. An image without a label file, or with an empty one, is a background image. Source:
docs.ultralytics.com/datasets/pose.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from queries import sqlfile
from queries.errors import UnreadableInput
from queries.model import DatasetFacts, Detection, Options, Problem, SourceFile
from queries.readers.base import Build, Scan
from queries.readers.yolo_yaml import DataYaml, images_of, label_of, parse

if TYPE_CHECKING:
    import pandas as pd

NAME = "yolo"
TITLE = "YOLO pose (Ultralytics)"
VERSION = 1
LOOKS_FOR = "data.yaml with kpt_shape, and labels/**/*.txt"
VISIBILITY = "kpt_shape [K, 3]: 0 not labelled, 1 occluded, 2 visible; [K, 2]: NULL"
SUBJECTS = "none"
VARIANTS = (
    "kpt_shape [K, 3] and [K, 2]; flip_idx and kpt_names where they are given",
    "images as a folder, a list in a .txt file, or several of them",
)

_SQL = "readers/yolo.sql"
_BATCH = 20_000


def detect(scan: Scan) -> Detection:
    """Sure where a YAML file has a kpt_shape; that is what makes a YOLO dataset one of poses."""
    mine, boxes = _yaml_files(scan)
    if mine:
        return Detection(0.95, f"{mine[0]} has a kpt_shape")
    if boxes:
        return Detection(0.2, f"{boxes[0]} looks like a YOLO dataset, but has no kpt_shape")
    if scan.other.get(".txt") and (scan.base / "labels").is_dir():
        return Detection(0.2, "a labels folder with .txt files, but no data.yaml with a kpt_shape")
    return Detection(0.0, "no YAML file has a kpt_shape")


def files(scan: Scan, options: Options) -> list[SourceFile]:
    """data.yaml first, then the label files of all its splits, present or not."""
    data = _data(scan, options)
    stat = data.file.stat()
    path = os.path.relpath(data.file, scan.base)
    found = [SourceFile(1, path, data.file, None, stat.st_size, stat.st_mtime_ns)]
    pairs = _pairs(data, scan.base, options, [])
    for split, label in dict.fromkeys((split, label) for split, label, _ in pairs):
        try:
            stat = os.stat(label)
        except OSError:
            continue
        relative = os.path.relpath(label, scan.base)
        found.append(
            SourceFile(len(found) + 1, relative, Path(label), split, stat.st_size, stat.st_mtime_ns)
        )
    for other in (*_yaml_files(scan)[0], *_yaml_files(scan)[1]):
        if scan.base / other != data.file:
            stat = (scan.base / other).stat()
            reason = f"another data.yaml than {path}"
            found.append(
                SourceFile(
                    len(found) + 1, other, scan.base / other, None, stat.st_size, stat.st_mtime_ns, reason
                )
            )
    return found


def image_keys(scan: Scan, options: Options) -> set[tuple[str, str]]:
    """(split, key) of every image: a new one without a label file changes the dataset too."""
    pairs = _pairs(_data(scan, options), scan.base, options, [])
    return {(split, _key(label, image, scan.base)) for split, label, image in pairs}


def load(build: Build) -> DatasetFacts:
    """Reads all label files in batches; the lines are parsed by DuckDB, in parallel."""
    sql = sqlfile.statements(_SQL)
    yaml_file = build.files[0]
    data = parse(yaml_file.absolute, _allowed(build.root, build.options))
    skeleton = build.options.skeleton or data.skeleton(f"{build.name}/pose-{data.joints}")
    if len(skeleton.joints) != data.joints:
        raise UnreadableInput(
            f"--skeleton has {len(skeleton.joints)} joints, {yaml_file.path} has a kpt_shape of {data.joints}"
        )
    _stage_images(build, data)
    build.con.execute("create temp table class (number double, name varchar)")
    if data.classes:
        build.con.executemany("insert into class values (?, ?)", [[n, name] for n, name in data.classes.items()])
    build.add_problems(Problem(1, "data.yaml", kind, message) for kind, message in data.complaints)
    build.status[1] = ("read", None)
    build.con.execute(sql["images"], {"dataset": build.dataset_id})
    for frame in _batches(build):
        build.con.register("label_line", frame)
        build.con.execute(sql["lines"])
        build.con.unregister("label_line")
        shape = {"joints": data.joints, "dims": data.dims}
        first = {"first_annotation": build.id_base + build.annotations + 1}
        build.con.execute(sql["instances"], {**shape, **first})
        build.con.execute(sql["keypoints"], shape)
        build.con.execute(sql["annotations"], {"dataset": build.dataset_id, "skeleton": skeleton.name})
        build.con.execute(sql["problems"], {"dataset": build.dataset_id, **shape})
        build.annotations += build.con.execute(sql["count"]).fetchone()[0]
    classes = [data.classes[number] for number in sorted(data.classes)]
    return DatasetFacts("normalized", data.dims == 3, classes, data.notes, {skeleton.name: skeleton})


def _yaml_files(scan: Scan) -> tuple[list[str], list[str]]:
    """The YAML files with a kpt_shape, nearest to the root first, and those that look like box datasets."""
    pose, boxes = [], []
    for found in sorted(scan.yaml_files, key=lambda f: (f.path.count("/"), f.path != "data.yaml", f.path)):
        try:
            head = (scan.base / found.path).read_bytes()[: 1 << 16]
        except OSError:
            continue
        if b"kpt_shape" in head:
            pose.append(found.path)
        elif b"names:" in head and b"train:" in head:
            boxes.append(found.path)
    return pose, boxes


def _allowed(root: Path, options: Options) -> tuple[Path, ...]:
    base = root if root.is_dir() else root.parent
    # a data.yaml in a subfolder of its own commonly points to its neighbours: the root bounds them all
    return (base, options.images) if options.images is not None and options.images.is_dir() else (base,)


def _data(scan: Scan, options: Options) -> DataYaml:
    pose, _ = _yaml_files(scan)
    if not pose:
        raise UnreadableInput(f"{scan.root} has no YAML file with a kpt_shape")
    return parse(scan.base / pose[0], _allowed(scan.root, options))


def _key(label: str, image: str | None, base: Path) -> str:
    return os.path.relpath(image, base) if image is not None else _image_like(os.path.relpath(label, base))


def _pairs(
    data: DataYaml, base: Path, options: Options, unreadable: list[tuple[str, str]]
) -> Iterator[tuple[str, str, str | None]]:
    """(split, label path, image path or None) of every image, and of every label without one.

    What can't be read, or lies outside the folders that may be, goes to `unreadable`.
    """
    allowed = tuple(f"{folder}{os.sep}" for folder in _allowed(base, options))
    for split, source in data.sources:
        split = options.split or split  # noqa: PLW2901
        seen = set()
        if source.exists():
            try:
                for image in images_of(source, data.data_root):
                    if not str(image).startswith(allowed):
                        told = f"listed in {source.name}, lies outside {base}; not read"
                        unreadable.append((str(image), told))
                        continue
                    label = label_of(str(image))
                    seen.add(label)
                    yield split, label, str(image)
            except OSError as error:
                unreadable.append((str(source), error.strerror or "can't be read"))
        if source.suffix.lower() == ".txt":
            continue
        labels = os.path.dirname(label_of(str(source / "x")))
        if labels != str(source) and os.path.isdir(labels):
            for folder, _, names in sorted(os.walk(labels)):
                for name in sorted(names):
                    path = os.path.join(folder, name)
                    if name.endswith(".txt") and path not in seen:
                        yield split, path, None


def _stage_images(build: Build, data: DataYaml) -> None:
    """Fills `listed_image`: every image of the splits with its label file, background images too."""
    by_path = {(f.split, str(f.absolute)): f for f in build.files[1:] if f.skipped is None}
    used: dict[tuple[str, str], str] = {}
    staged: set[tuple[str, str]] = set()
    repeated: list[tuple[int, str, str]] = []
    unreadable: list[tuple[str, str]] = []
    rows: dict[str, list] = {name: [] for name in ("image_id", "file_id", "key", "file_name", "split")}
    without_image, any_image = [], False
    base = build.root if build.root.is_dir() else build.root.parent
    listed = 0
    for split, label, image in _pairs(data, base, build.options, unreadable):
        file = by_path.get((split, label))
        any_image = any_image or image is not None
        name = _key(label, image, base)
        if (first := used.setdefault((split, label), name)) == name and (split, label) in staged:
            repeated.append((1, name, f"the image is listed twice in the split {split}; it counts once"))
            continue
        if first != name:
            told = f"shares its label file with {first}; the instances are counted there alone"
            repeated.append((file.file_id if file is not None else 1, name, told))
            file = None
        staged.add((split, label))
        listed += 1
        if image is None:
            without_image.append((file, name))
        rows["image_id"].append(build.id_base + listed)
        # a background image has no label file: it is data.yaml that lists it
        rows["file_id"].append(file.file_id if file is not None else -listed)
        rows["key"].append(name)
        rows["file_name"].append(name if image is not None else None)
        rows["split"].append(split)
    build.images = listed
    build.con.register("listed", _frame(rows))
    build.con.execute("create temp table listed_image as select * from listed")
    build.con.unregister("listed")
    if without_image and any_image:
        build.add_problems(
            Problem(file.file_id, "file", "image-missing", f"no image {name}.* stands beside this label file")
            for file, name in without_image
            if file is not None
        )
    elif without_image:
        data.notes.append("no image is on disk: the label files alone are indexed")
    build.add_problems(Problem(1, path, "file-unreadable", reason) for path, reason in unreadable)
    build.add_problems(Problem(number, name, "duplicate-image-key", told) for number, name, told in repeated)


def _frame(columns: dict[str, list]) -> pd.DataFrame:
    # pandas takes longer to import than most commands to run: only this reader needs it
    import pandas as pd  # noqa: PLC0415

    return pd.DataFrame(columns)


def _image_like(label: str) -> str:
    """Where the image of a label file would be, without its suffix, which nothing tells."""
    parts = os.path.splitext(label)[0].split(os.sep)
    for place in range(len(parts) - 1, -1, -1):
        if parts[place] == "labels":
            parts[place] = "images"
            break
    return os.sep.join(parts)


def _batches(build: Build) -> Iterator[pd.DataFrame]:
    """The lines of the label files, a batch at a time, single-spaced."""
    columns: tuple[list, list, list] = ([], [], [])
    pending = 0
    for count, file in enumerate(build.files[1:], start=1):
        if file.skipped is not None:
            build.status[file.file_id] = ("skipped", file.skipped)
            continue
        try:
            data = file.absolute.read_bytes()
        except OSError as error:
            build.refuse(file, f"can't be read: {error.strerror}")
            continue
        build.status[file.file_id] = ("read", None)
        build.hashes[file.file_id] = hashlib.blake2b(data, digest_size=16).hexdigest()
        for number, line in enumerate(data.decode("utf-8-sig", "replace").splitlines()):
            if text := " ".join(line.split()):
                columns[0].append(file.file_id)
                columns[1].append(number)
                columns[2].append(text)
        pending += file.bytes
        if count % _BATCH == 0:
            yield _frame(dict(zip(("file_id", "line", "text"), columns, strict=True)))
            columns = ([], [], [])
            build.advance(pending, file.path)
            pending = 0
    if columns[0]:
        yield _frame(dict(zip(("file_id", "line", "text"), columns, strict=True)))
    build.advance(pending + build.files[0].bytes, build.files[0].path)
