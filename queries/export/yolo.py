"""YOLO pose in Ultralytics' layout: data.yaml, `images/<split>/` and `labels/<split>/`, a line an instance.

A line is `class cx cy w h px py v ...`, normalized, the box by its centre; every line has all joints, 0 0 0
where one is not labelled. Images are links to the originals, or copies. Where the dataset is YOLO's own, its
lines are copied, and only what was dropped or corrected differs. Source: docs.ultralytics.com/datasets/pose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from queries import flip_maps
from queries.errors import KpauditError
from queries.export.base import EMPTIED, Names, Written, safe
from queries.export.changes import Changes
from queries.export.records import (
    Annotation,
    Files,
    Image,
    Joints,
    blocks,
    classes,
    commonest,
    skeletons,
)
from queries.export.selection import Selection
from queries.images import EXTENSIONS
from queries.pixels import ImageUnavailable

_SPLITS = ("train", "val", "test")
#: What a data.yaml says of the source's own places, which are not the export's.
PLACES = ("path", "train", "val", "test", "minival", "validation", "download")
_NO_FLAG = "the source records no visibility flag: every joint with a place has v = 2, the others 0 0 0"


class Folder:
    """The images and labels of an export, under names of their own that lead nowhere else."""

    def __init__(
        self, selection: Selection, root: Path, copy: bool, changes: Changes, written: Written
    ) -> None:
        self.root, self._copy, self._changes, self._written = root, copy, changes, written
        self.files = Files(selection)
        self._splits = Names()
        self._names: dict[str, Names] = {}
        self.splits: dict[str, str] = {}
        self._made: set[Path] = set()
        self._images = self._missing = 0

    def add(self, image: Image, lines: Sequence[str] | None) -> None:
        """Writes an image's label file; None: a background image that has none, where the image is there."""
        folder = self.splits.get(image.split) or self._begin(image.split)
        parts = _below_split(image.file_name or image.key, image.split_before)
        stem, suffix = _stem(parts[-1])
        parents = [safe(part) for part in parts[:-1][-8:]]
        # an image and its label share a name, so two images that differ in their suffix alone need two
        name = self._names[folder].new("/".join([*parents, safe(stem)]))
        placed = self._place_image(image, self.root / "images" / folder, name, safe(suffix) if suffix else "")
        if lines is None and placed:
            return
        path = self.root / "labels" / folder / f"{name}.txt"
        self._make(path.parent)
        path.write_text("".join(f"{line}\n" for line in lines or ()), encoding="utf-8")

    def _begin(self, split: str) -> str:
        folder = self.splits[split] = self._splits.of(split)
        self._names[folder] = Names()
        self._make(self.root / "images" / folder)
        self._make(self.root / "labels" / folder)
        return folder

    def _place_image(self, image: Image, folder: Path, name: str, suffix: str) -> bool:
        """Links or copies the image; whether it could be."""
        found = self.files.located(image)
        self._images += 1
        if found is None:
            self._missing += 1
            return False
        target = folder / f"{name}{found.path.suffix if found.member is None else suffix or '.jpg'}"
        if found.member is not None and not self._copy:
            self._written.note("images in archives can't be linked: --copy-images unpacks them")
            return False
        self._make(target.parent)
        if not self._copy:
            target.symlink_to(found.path)
            self._written.note("images are links to the originals; --copy-images copies them")
            return True
        try:
            target.write_bytes(self.files.source.read(found))
        except ImageUnavailable as error:
            self._changes.add(
                image.split_before, image.key, None, "changed", "its image can't be copied", after=str(error)
            )
            return False
        return True

    def _make(self, folder: Path) -> None:
        if folder not in self._made:
            folder.mkdir(parents=True, exist_ok=True)
            self._made.add(folder)

    def write_yaml(self, own: Mapping[str, Any]) -> None:
        """data.yaml: where the splits are, then what the dataset says of itself.

        It names no `path`: Ultralytics takes a relative one from the working directory or from its folder
        of datasets, and none as the file's own folder.
        """
        if self._missing:
            told = f"{self._missing:,} of {self._images:,} images were not found, and are not linked"
            self._written.note(f"{told}: put them below images/, by their labels' names")
        places: dict[str, list[str]] = {}
        for split, folder in sorted(self.splits.items()):
            wanted = _role(split, self.splits)
            told = f"data.yaml knows train, val and test alone: {split}"
            if wanted is None:
                self._written.note(f"{told} is not in it, since nothing says that it is to be trained on")
                continue
            if split != wanted:
                self._written.note(f"{told} stands under {wanted}")
            places.setdefault(wanted, []).append(f"images/{folder}")
        data: dict[str, Any] = {}
        for split in _SPLITS:
            if split in places:
                data[split] = places[split][0] if len(places[split]) == 1 else places[split]
        for split in ("train", "val"):
            if split not in places:
                self._written.note(f"there is no split {split}, which Ultralytics asks for")
        text = yaml.safe_dump(
            {**data, **own}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100
        )
        (self.root / "data.yaml").write_text(text, encoding="utf-8")


def _role(split: str, splits: Mapping[str, str]) -> str | None:
    """What a split is in data.yaml: an unknown one is no second training set, but may be the only one."""
    if split in _SPLITS:
        return split
    if split.startswith(("val", "minival")):
        return "val"
    if split.startswith("test"):
        return "test"
    return None if "train" in splits else "train"


def _below_split(name: str, split: str) -> list[str]:
    """The parts of an image's path below `images/` and its split's folder."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    if "images" in parts[:-1]:
        parts = parts[len(parts) - parts[::-1].index("images") :]
    if len(parts) > 1 and parts[0].rstrip("0123456789") == split:
        parts = parts[1:]
    return parts or ["unnamed"]


def _stem(name: str) -> tuple[str, str]:
    """A file name without its suffix, and the suffix, where that is one of an image."""
    head, dot, tail = name.rpartition(".")
    return (head, f".{tail}") if dot and head and f".{tail.lower()}" in EXTENSIONS else (name, "")


def write(selection: Selection, folder: Path, changes: Changes, written: Written, copy: bool) -> None:
    """Writes the selected records out of the index; what YOLO can't hold is listed and left out."""
    out = Folder(selection, folder, copy, changes, written)
    names = classes(selection)
    numbers = {name: number for number, name in enumerate(names)}
    skeleton = _commonest(selection)
    normalized = selection.dataset["unit"] == "normalized"
    if not selection.dataset["visibility_recorded"]:
        written.note(_NO_FLAG)
    for block in blocks(selection):
        for image in block:
            size = (1, 1) if normalized else out.files.size(image)
            if size is None:
                changes.add(image.split_before, image.key, None, "dropped",
                            "no image size is known, which normalized coordinates need",
                            before=f"{len(image.annotations)} annotations")  # fmt: skip
                continue
            writer = _Lines(image, size, skeleton, numbers, changes=changes, written=written)
            lines = [line for one in image.annotations if (line := writer.line(one)) is not None]
            if not lines and image.instances:
                changes.add(image.split_before, image.key, None, "dropped", EMPTIED)
                continue
            out.add(image, lines)
            written.count(image.split, images=1)
    own: dict[str, Any] = {"names": dict(enumerate(names))}
    flip, why = flip_map(skeleton)
    written.note(why)
    own["kpt_shape"], own["flip_idx"] = [len(skeleton.names), 3], flip
    own["kpt_names"] = {number: list(skeleton.names) for number in range(len(names))}
    out.write_yaml(own)


def _commonest(selection: Selection) -> Joints:
    """The skeleton of most annotations: YOLO has one for all."""
    name = commonest(selection)
    if name is None:
        told = "no annotation can have keypoints: YOLO's pose format needs a skeleton"
        raise KpauditError(f"{told}; nothing was written")
    return skeletons(selection)[name]


def flip_map(skeleton: Joints) -> tuple[list[int], str]:
    """flip_idx, and where it is from: the skeleton's own where that keeps the bones, else what names tell."""
    count = len(skeleton.names)
    own = tuple(joint if flip is None else flip for joint, flip in enumerate(skeleton.flip))
    chart = flip_maps.Chart(skeleton.name, skeleton.names, skeleton.names, skeleton.bones, own)
    inside = all(0 <= to < count for to in own)
    if (
        inside
        and all(own[own[joint]] == joint for joint in range(count))
        and not flip_maps.broken_bones(chart)
    ):
        same = (
            "the identity, since a mirrored hand is a hand"
            if flip_maps.is_identity(own)
            else "the skeleton's own"
        )
        return list(own), f"flip_idx is {same}"
    told = flip_maps.proposed(chart)
    if told is not None:
        return list(
            told
        ), "flip_idx is what the joints' names tell: the dataset's own map breaks its skeleton"
    return list(
        range(count)
    ), "flip_idx is the identity: the dataset's own map breaks its skeleton, and no name tells sides"


class _Lines:
    """Turns one image's annotations into lines."""

    def __init__(
        self,
        image: Image,
        size: tuple[int, int],
        skeleton: Joints,
        numbers: Mapping[str, int],
        *,
        changes: Changes,
        written: Written,
    ) -> None:
        self.image, self.size, self.skeleton, self.numbers = image, size, skeleton, numbers
        self.changes, self.written = changes, written

    def line(self, one: Annotation) -> str | None:
        """The annotation's line, or None where YOLO can't hold it, which is then listed."""
        box = None
        if one.has_box:
            (width, height), (x, y, w, h) = self.size, one.box
            box = ((x + w / 2) / width, (y + h / 2) / height, w / width, h / height)
        if (reason := _unfit(one, box)) is not None:
            self._list(one, "dropped", reason, before=repr(one.box) if box is not None else "")
            return None
        points, labelled = self._points(one)
        self.written.count(self.image.split, annotations=1, keypoints=labelled)
        return " ".join([str(self.numbers[one.label]), *(decimal(v) for v in box), *points])

    def _points(self, one: Annotation) -> tuple[list[str], int]:
        found = ["0"] * (3 * len(self.skeleton.names))
        if one.skeleton != self.skeleton.name:
            if one.points:
                told = "its skeleton is not the one that all of YOLO's lines have: the box alone is kept"
                self._list(one, "changed", told, before=one.skeleton or "")
            return found, 0
        width, height = self.size
        outside, labelled = [], 0
        for joint, x, y, v in one.points:
            if x is None or y is None or joint >= len(self.skeleton.names):
                continue
            x, y = x / width, y / height  # noqa: PLW2901
            if not (0 <= x <= 1 and 0 <= y <= 1):
                if v is None or v > 0:
                    outside.append(joint)
                continue
            found[3 * joint : 3 * joint + 3] = [decimal(x), decimal(y), str(2 if v is None else v)]
            labelled += v is None or v > 0
        if outside:
            self._list(
                one, "changed", "joints outside the image are not labelled now", before=f"joints {outside}"
            )
        return found, labelled

    def _list(self, one: Annotation, action: str, reason: str, before: str = "") -> None:
        self.changes.add(self.image.split_before, self.image.key, one.name, action, reason, before=before)


def _unfit(one: Annotation, box: tuple[float, ...] | None) -> str | None:
    """Why YOLO can't hold an annotation with this box (centre and size, normalized), or None."""
    reasons = {
        "a box around two hands is no instance": one.kind == "united",
        "its class is unknown": one.label is None,
        "YOLO has no crowds": one.crowd,
        "it has no box": box is None,
        "its box has no area": box is not None and not (box[2] > 0 and box[3] > 0),
        "its box lies outside the image": box is not None and not all(0 <= value <= 1 for value in box),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def decimal(value: float) -> str:
    """A number as a label file has it: the shortest text that reads back as the same double."""
    return repr(float(value)) if value != int(value) else str(int(value))
