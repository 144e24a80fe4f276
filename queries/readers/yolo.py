"""YOLO pose as Ultralytics lays it out: data.yaml, images, and a label file an image.

A line is an instance: `class cx cy w h px1 py1 [v1] ...`, all normalized, the box by its centre;
`kpt_shape` [K, 3] carries COCO's visibility flag, [K, 2] none. Labels stand where the path's `images` is
replaced by `labels`. An image without a label file, or with an empty one, is a background image. Source:
docs.ultralytics.com/datasets/pose.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from queries import sqlfile
from queries.errors import UnreadableInput
from queries.model import DatasetFacts, Detection, Options, Problem, SourceFile
from queries.readers import label_files, lenient
from queries.readers.base import Build, as_table, content_hash
from queries.readers.scan import Scan
from queries.readers.yolo_yaml import DataYaml, images_of, label_of, parse

NAME = "yolo"
TITLE = "YOLO pose (Ultralytics)"
VERSION = 2
LOOKS_FOR = "data.yaml with kpt_shape, and labels/**/*.txt"
VISIBILITY = "kpt_shape [K, 3]: 0 not labelled, 1 occluded, 2 visible; [K, 2]: NULL"
SUBJECTS = "none"
VARIANTS = (
    "kpt_shape [K, 3] and [K, 2]; flip_idx and kpt_names where they are given",
    "images as a folder, a list in a .txt file, or several of them",
)

#: The images are listed, whichever label files are read; data.yaml, the first file, governs all of it.
LISTS_IMAGES = True
GOVERNING = frozenset({1})

_SQL = "readers/yolo.sql"


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
    base = f"{str(scan.base).rstrip(os.sep)}{os.sep}"
    listing = _listed(scan, options)
    for split, label in dict.fromkeys((row[0], row[1]) for row in listing.rows):
        place = base + label
        if label in listing.labels or os.path.exists(place):
            found.append(label_files.LabelFile(len(found) + 1, label, split, place))
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
    return {(split, name) for split, _, name, _ in _listed(scan, options).rows}


def load(build: Build) -> DatasetFacts:
    """Reads the label files in batches; the lines are parsed by DuckDB, in parallel."""
    yaml_file = build.files[0]
    data = parse(yaml_file.absolute, _allowed(build.root, build.options))
    skeleton = build.options.skeleton or data.skeleton(f"{build.name}/pose-{data.joints}")
    if len(skeleton.joints) != data.joints:
        raise UnreadableInput(
            f"--skeleton has {len(skeleton.joints)} joints, {yaml_file.path} has a kpt_shape of {data.joints}"
        )
    build.add_problems(Problem(1, "data.yaml", kind, message) for kind, message in data.complaints)
    build.status[1], build.hashes[1] = ("read", None), content_hash(yaml_file.absolute)
    build.expect_joints(data.joints)
    listed = partial(_write_images, build, data)
    write_labels(build, build.files[1:], listed, data.classes, data.joints, data.dims, skeleton.name)
    build.advance(yaml_file.bytes if build.reads(yaml_file) else 0, yaml_file.path)
    classes = [data.classes[number] for number in sorted(data.classes)]
    return DatasetFacts("normalized", data.dims == 3, classes, data.notes, {skeleton.name: skeleton})


def write_labels(
    build: Build,
    files: list[SourceFile],
    listed: Callable[[], Mapping[int, int]],
    classes: dict[int, str],
    joints: int,
    dims: int,
    skeleton: str | None,
) -> None:
    """Writes the instances of label files; `listed` writes the images, and tells each file's."""
    sql = sqlfile.statements(_SQL)
    shape, of = {"joints": joints, "dims": dims}, {"dataset": build.dataset_id}
    names = {"numbers": list(classes), "names": list(classes.values())}
    for con in label_files.batches(build, files, listed, sql["lines"], names):
        before = {"before": build.id_base + build.annotations}
        if joints:
            con.execute(sql["keypoints"], {**shape, **before})
        con.execute(sql["annotations"], {**shape, **before, **of, "skeleton": skeleton})
        con.execute(sql["problems"], {**shape, **of})
        build.annotations += con.execute(sql["count"]).fetchall()[0][0]


def together(build: Build, facts: DatasetFacts) -> None:
    """Nothing: a label file stands for itself, and the images are listed whichever files are read."""


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


class _Within:
    """Paths relative to a folder. What lies in it, as nearly all do, is known by how it starts."""

    def __init__(self, base: Path):
        self.base, self.start = base, f"{str(base).rstrip(os.sep)}{os.sep}"

    def __call__(self, path: str) -> str:
        if path.startswith(self.start):
            return path[len(self.start) :]
        return os.path.relpath(path, self.base)


@dataclass
class _Listing:
    """Every image of the splits, and every label file without one: (split, label file, key, has an image).

    The label file's path counts from the root, as the key does. `labels` are those seen in the folders of
    labels; more may be there, named by a list of images.

    What can't be read, or lies outside the folders that may be, goes to `unreadable`: (path, why).
    """

    rows: list[tuple[str, str, str, bool]] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)


def _listed(scan: Scan, options: Options) -> _Listing:
    """The listing; the folders are gone through once a scan."""
    if NAME not in scan.memo:
        scan.memo[NAME] = _listing(_data(scan, options), scan, options)
    return scan.memo[NAME]


def _listing(data: DataYaml, scan: Scan, options: Options) -> _Listing:
    base = scan.base
    allowed = tuple(f"{folder}{os.sep}" for folder in _allowed(base, options))
    within = _Within(base)
    found = _Listing()
    for split, source in data.sources:
        split = options.split or split  # noqa: PLW2901
        seen: set[str] = set()
        if source.exists():
            try:
                for image in images_of(source, data.data_root):
                    if not image.startswith(allowed):
                        told = f"listed in {source.name}, lies outside {base}; not read"
                        found.unreadable.append((image, told))
                        continue
                    label = within(label_of(image))
                    seen.add(label)
                    found.rows.append((split, label, within(image), True))
            except OSError as error:
                found.unreadable.append((str(source), error.strerror or "can't be read"))
        if source.suffix.lower() == ".txt":
            continue
        labels = os.path.dirname(label_of(str(source / "x")))
        if labels != str(source) and os.path.isdir(labels):
            for folder, names in _label_folders(scan, within(labels)):
                _add_labels(found, split, folder, names, seen)
    return found


def _label_folders(scan: Scan, folder: str) -> list[tuple[str, list[str]]]:
    """The files below a folder of labels, by folder, in order: as the walk has seen them, or looked for."""
    seen = [one for one in scan.text_files if one == folder or one.startswith(f"{folder}{os.sep}")]
    if seen:
        return [(one, scan.text_files[one]) for one in sorted(seen)]
    # outside the root, or behind a link, which the walk does not follow
    within = _Within(scan.base)
    found = sorted(os.walk(scan.base / folder))
    return [(within(one), names) for one, _, names in found if not lenient.has_invalid_text(one)]


def _add_labels(found: _Listing, split: str, folder: str, names: list[str], seen: set[str]) -> None:
    """Adds the label files of a folder, and those not seen beside an image as images that are not there."""
    start = "" if folder == "." else f"{folder}{os.sep}"
    like = _image_like(start)
    # the walk has said which names are not UTF-8
    texts = sorted(
        name
        for name in names
        if name.endswith(".txt") and (name.isascii() or not lenient.has_invalid_text(name))
    )
    labels = [start + name for name in texts]
    found.labels.update(labels)
    found.rows.extend(
        (split, label, like + (name[:-4] if name[0] != "." else os.path.splitext(name)[0]), False)
        for label, name in zip(labels, texts, strict=True)
        if label not in seen
    )


def _write_images(build: Build, data: DataYaml) -> dict[int, int]:
    """Writes every image of the splits, background images too; each label file's image, by the file's id."""
    by_path = {(f.split, f.path): f.file_id for f in build.files[1:] if f.skipped is None}
    used: dict[tuple[str, str], str] = {}
    repeated: list[tuple[int, str, str]] = []
    file_ids, keys, splits, on_disk = [], [], [], []
    without_image = []
    listing = _listed(build.scan, build.options)
    for split, label, name, has_image in listing.rows:
        file_id = by_path.get((split, label))
        first = used.setdefault((split, label), name)
        if first is not name:
            if first == name:
                repeated.append((1, name, f"the image is listed twice in the split {split}; it counts once"))
                continue
            told = f"shares its label file with {first}; the instances are counted there alone"
            repeated.append((file_id or 1, name, told))
            file_id = None
        if not has_image:
            without_image.append((file_id, name))
        keys.append(name)
        splits.append(split)
        on_disk.append(has_image)
        # a background image has no label file: it is data.yaml that lists it
        file_ids.append(file_id or -len(keys))
    build.images = len(keys)
    image_ids = range(build.id_base + 1, build.id_base + 1 + len(keys))
    numbers = {"image_id": image_ids, "file_id": file_ids, "has_image": on_disk}
    with as_table(build.con, "listed_image", numbers, {"key": keys, "split": splits}):
        build.con.execute(sqlfile.statements(_SQL)["images"], {"dataset": build.dataset_id})
    if without_image and any(on_disk):
        build.add_problems(
            Problem(file_id, "file", "image-missing", f"no image {name}.* stands beside this label file")
            for file_id, name in without_image
            if file_id is not None
        )
    elif without_image:
        data.notes.append("no image is on disk: the label files alone are indexed")
    build.add_problems(Problem(1, path, "file-unreadable", reason) for path, reason in listing.unreadable)
    build.add_problems(Problem(number, name, "duplicate-image-key", told) for number, name, told in repeated)
    return dict(zip(file_ids, image_ids, strict=True))


def _image_like(folder: str) -> str:
    """The folder of the images of a folder of label files; both end with a slash, or are the root."""
    before, found, after = f"{os.sep}{folder}".rpartition(f"{os.sep}labels{os.sep}")
    return f"{before}{os.sep}images{os.sep}{after}"[1:] if found else folder
