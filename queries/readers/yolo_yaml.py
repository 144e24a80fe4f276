"""Ultralytics' data.yaml: where the images of each split are, the classes and the keypoints."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from queries import skeletons
from queries.errors import SkeletonError, UnreadableInput
from queries.model import Skeleton, SkeletonJoint
from queries.readers.lenient import has_invalid_text

IMAGE_SUFFIXES = frozenset(".bmp .dng .jpeg .jpg .mpo .png .tif .tiff .webp .pfm .heic .avif".split())
SPLITS = ("train", "val", "test")


@dataclass
class DataYaml:
    """A data.yaml, read: every path is absolute; `complaints` are (kind, message) pairs."""

    file: Path
    data_root: Path
    #: (split, folder or .txt list), in the file's order
    sources: list[tuple[str, Path]]
    classes: dict[int, str]
    joints: int
    dims: int
    names: list[str] | None
    flip: list[int] | None
    complaints: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def skeleton(self, own_name: str) -> Skeleton:
        """The joints that the file names, or the bundled skeleton of so many, with the file's flips."""
        known = None
        if self.names is not None:
            known = skeletons.matching(self.names)
            if known is not None and skeletons.misnamed(known, self.names):
                self.complaints.append(("skeleton-names", f"kpt_names: {known.names_note}"))
            try:
                found = known or skeletons.from_names(own_name, self.names, [])
            except SkeletonError as error:
                self.complaints.append(("skeleton-names", f"kpt_names: {error}"))
                found = skeletons.numbered(own_name, self.joints)
        else:
            known = skeletons.default_for(self.joints)
            found = known or skeletons.numbered(f"unnamed-{self.joints}", self.joints)
            self.notes.append(f"data.yaml names no keypoints; its {self.joints} are read as {found.name}")
        if self.flip is None or self.flip == [joint.flip for joint in found.joints]:
            return found
        # The file's own flip map stands, even a wrong one: telling so is the audit's business.
        joints = tuple(
            SkeletonJoint(joint.name, flip, joint.sigma, joint.part, joint.canonical)
            for joint, flip in zip(found.joints, self.flip, strict=True)
        )
        return Skeleton(own_name, joints, found.bones, found.title, found.source, found.sigmas_source)


def parse(file: Path, allowed: tuple[Path, ...]) -> DataYaml:
    """Reads a data.yaml. Paths outside `allowed` folders are refused, with a complaint.

    Raises UnreadableInput where it is no YAML, or names no kpt_shape.
    """
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:  # ValueError: not UTF-8, or a day of no month
        raise UnreadableInput(f"{file} can't be read as YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(data, dict):
        raise UnreadableInput(f"{file} is not a mapping with train, val, names and kpt_shape")
    joints, dims = _shape(file, data.get("kpt_shape"))
    complaints: list[tuple[str, str]] = []
    notes: list[str] = []
    root = _data_root(file, data.get("path"), allowed, complaints, notes)
    sources = list(_sources(data, root, file, allowed, complaints))
    return DataYaml(
        file,
        root,
        sources,
        _classes(data.get("names"), complaints),
        joints,
        dims,
        _names(data.get("kpt_names"), joints, complaints),
        _flip(data.get("flip_idx"), joints, complaints),
        complaints,
        notes,
    )


def images_of(source: Path, data_root: Path) -> Iterator[str]:
    """The image files that a folder holds, at any depth, or that a .txt list names, in order.

    Raises OSError where the source can't be read.
    """
    if source.suffix.lower() == ".txt":
        for line in source.read_text(encoding="utf-8", errors="replace").splitlines():
            if name := line.strip():
                # Ultralytics reads ./ from the list's own folder, and anything else as it is
                base = source.parent if name.startswith("./") else data_root
                yield os.path.normpath(base / name)
        return
    pending = [str(source)]
    while pending:
        folder = pending.pop()
        with os.scandir(folder) as found:
            # the walk has said which names are not UTF-8
            entries = sorted(
                (entry for entry in found if entry.name.isascii() or not has_invalid_text(entry.name)),
                key=lambda entry: entry.name,
            )
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
            elif os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES:
                yield entry.path


def label_of(image: str) -> str:
    """The label file of an image's path: the last `images` folder becomes `labels`, the suffix .txt."""
    sep_images, sep_labels = f"{os.sep}images{os.sep}", f"{os.sep}labels{os.sep}"
    return os.path.splitext(sep_labels.join(image.rsplit(sep_images, 1)))[0] + ".txt"


def _shape(file: Path, shape: Any) -> tuple[int, int]:
    fits = isinstance(shape, list) and len(shape) == 2 and all(isinstance(n, int) for n in shape)
    if not fits or shape[0] < 1 or shape[1] not in (2, 3):
        raise UnreadableInput(f"{file}: kpt_shape is {shape!r}, expected [number of keypoints, 2 or 3]")
    return shape[0], shape[1]


def _inside(path: Path, allowed: tuple[Path, ...]) -> bool:
    resolved = path.resolve()
    return any(resolved.is_relative_to(folder.resolve()) for folder in allowed)


def _data_root(
    file: Path, given: Any, allowed: tuple[Path, ...], complaints: list[tuple[str, str]], notes: list[str]
) -> Path:
    if given in (None, ""):
        return file.parent
    wanted = Path(os.path.normpath(file.parent / str(given)))
    if wanted.is_dir() and _inside(wanted, allowed):
        return wanted
    if wanted.is_dir():
        told = f"path {given!r} lies outside {file.parent}; to read it, name it with --images"
        complaints.append(("path-outside-root", told))
    else:
        notes.append(f"data.yaml's path {given!r} is not there; read from the file's own folder")
    return file.parent


def _sources(
    data: dict[str, Any],
    root: Path,
    file: Path,
    allowed: tuple[Path, ...],
    complaints: list[tuple[str, str]],
) -> Iterator[tuple[str, Path]]:
    for split in SPLITS:
        given = data.get(split)
        for item in given if isinstance(given, list) else [given]:
            if item in (None, ""):
                continue
            candidates = [Path(os.path.normpath(root / str(item)))]
            # Roboflow writes ../train/images beside a data.yaml that sits in the folder itself
            if str(item).startswith("../"):
                candidates.append(Path(os.path.normpath(root / str(item)[3:])))
            found = next((c for c in candidates if _usable(c)), None)
            if found is None:
                complaints.append(("file-unreadable", f"{split}: {item} is not there"))
            elif not _inside(found, allowed):
                told = f"{split}: {item} lies outside {file.parent}; to read it, name it with --images"
                complaints.append(("path-outside-root", told))
            else:
                yield split, found


def _usable(path: Path) -> bool:
    """An image folder or list that is there; or image folder's labels alone, which will do."""
    return path.exists() or Path(os.path.dirname(label_of(str(path / "x")))).is_dir()


def _classes(names: Any, complaints: list[tuple[str, str]]) -> dict[int, str]:
    if isinstance(names, list):
        return {number: str(name) for number, name in enumerate(names)}
    if isinstance(names, dict) and all(isinstance(number, int) for number in names):
        return {number: str(name) for number, name in names.items()}
    complaints.append(("field-missing", f"names is {names!r:.60}, expected a list or a map of class names"))
    return {}


def _names(given: Any, joints: int, complaints: list[tuple[str, str]]) -> list[str] | None:
    if isinstance(given, dict):  # newer files: one list a class
        given = next(iter(given.values()), None)
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != joints:
        count = len(given) if isinstance(given, list) else "no list of"
        complaints.append(("wrong-joint-count", f"kpt_names has {count} names, expected {joints}"))
        return None
    return [str(name) for name in given]


def _flip(given: Any, joints: int, complaints: list[tuple[str, str]]) -> list[int] | None:
    if given is None:
        return None
    usable = isinstance(given, list) and all(isinstance(i, int) and 0 <= i < joints for i in given)
    if not usable or len(given) != joints:
        told = f"flip_idx is {given!r:.80}, expected {joints} indices from 0 to {joints - 1}"
        complaints.append(("skeleton-index-out-of-range", told))
        return None
    return given
