"""Leeds Sports Pose (LSP) and its extension (LSPET): a joints.mat beside a folder of images.

LSP's `joints` is 3×14×2000: x, y and a flag that is 1 where the joint is occluded; LSPET's is 14×3×10000
and its flag is 1 where the joint is labelled: both READMEs call it visibility. Image n is
`images/im0001.jpg` in LSP and `images/im00001.jpg` in LSPET. LSP's first 1000 are for training and the
rest for testing; all of LSPET is for training. Sources: the READMEs of lsp_dataset.zip and
lspet_dataset.zip; src/datasets/lsp_to_tfrecords.py of github.com/akanazawa/hmr for the flags and splits.
Coordinates are in pixels as the file gives them; nothing says whether they count from 0 or from 1.

Other orders of the three axes, which copies of the data come in, are read by their lengths, the number of
images telling which of the two it is. Where the file has neither 2000 nor 10000 images, the order of the
axes does, or else the folder's name, and a note says what was assumed. There are no boxes. COCO-style
copies in the same folder are left out, which a note says; given by themselves they are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from queries import skeletons
from queries.errors import UnreadableInput
from queries.model import DatasetFacts, Detection, FoundFile, Options, SourceFile
from queries.readers import documents, matlab
from queries.readers.base import Build
from queries.readers.records import (
    ImageRecord,
    InstanceRecord,
    Point,
    Reports,
    UnreadableFile,
    load_records,
)
from queries.readers.scan import Scan

NAME = "lsp"
TITLE = "Leeds Sports Pose (LSP) and LSP extended"
VERSION = 1
LOOKS_FOR = "joints.mat with joints of 3×14×2000 (LSP) or 14×3×10000 (LSP extended)"
VISIBILITY = "LSP: 1 occluded, else visible; LSP extended: 1 visible, 0 not labelled"
SUBJECTS = "none"
VARIANTS = (
    "LSP: 2000 images, the first 1000 for training",
    "LSP extended: 10000 images, all for training",
)

SKELETON = "lsp-14"
LABEL = "person"

_JOINTS, _VALUES = 14, 3
_LSP_IMAGES, _LSPET_IMAGES, _LSP_TRAIN = 2000, 10000, 1000
_IMAGE_NAME = re.compile(rb'"file_name"\s*:\s*"(?:[^"]*/)?im\d{4,5}\.(?:jpg|png)"')
_EXPECTED = "expected joints of 3×14×2000 (LSP) or 14×3×10000 (LSP extended)"


@dataclass(frozen=True)
class _Layout:
    """The axes of the values, the joints and the images, and which dataset's flags and names hold."""

    values: int
    joints: int
    images: int
    extended: bool
    guessed: bool


def detect(scan: Scan) -> Detection:
    """Sure where a .mat file holds joints of a fitting shape."""
    mine = _found(scan)
    if not mine:
        return Detection(0.0, "no .mat file with joints of 14 times 3 numbers an image")
    copies = documents.coco_style(scan)
    covers = ("coco",) if all(_IMAGE_NAME.search(scan.heads[path]) for path in copies) else ()
    return Detection(0.95, f"{mine[0].path} holds joints as Leeds Sports Pose has them", covers)


def files(scan: Scan, options: Options) -> list[SourceFile]:
    """The joints.mat files; the others with the reason why they are not read."""
    mine = {f.path for f in _found(scan)}
    if not mine and options.format == NAME:
        mine = {f.path for f in matlab.candidates(scan)}
    listed = []
    for one in sorted(matlab.candidates(scan), key=lambda f: f.path):
        reason = None if one.path in mine else "no joints of 14 times 3 numbers an image"
        listed.append(documents.source_file(len(listed) + 1, one, scan, options.split, reason))
    return [*listed, *documents.copies(scan, len(listed))]


def load(build: Build) -> DatasetFacts:
    """Reads each joints.mat, image by image."""
    skeleton = build.options.skeleton or skeletons.get(SKELETON)
    if len(skeleton.joints) != _JOINTS:
        raise UnreadableInput(f"--skeleton has {len(skeleton.joints)} joints, LSP's persons have {_JOINTS}")
    facts = DatasetFacts("pixel", True, [LABEL], skeletons={skeleton.name: skeleton})
    load_records(build, lambda file, reports: _read(file, reports, skeleton.name, facts.notes))
    facts.notes.extend(documents.left_out(build.files))
    return facts


def _found(scan: Scan) -> list[FoundFile]:
    found = []
    for one in matlab.candidates(scan):
        path = scan.base / one.path
        shape = matlab.variables(path).get("joints")
        # A v7.3 file does not tell its variables: by its name it is taken, and then refused in clear words.
        by_name = shape is None and path.name.lower() == "joints.mat" and matlab.is_v73(path)
        if by_name or (shape is not None and _layout(shape, one.path)):
            found.append(one)
    return found


def _layout(shape: tuple[int, ...], path: str) -> _Layout | None:
    """How to read an array of this shape, or None where it holds no persons of 14 joints."""
    shape = (*shape, 1) if len(shape) == 2 else shape  # Matlab drops the third axis of a single image
    if len(shape) != 3:
        return None
    # The published orders come first: with 3 or 14 images the lengths alone would not tell.
    for values, joints, images in ((0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1), (2, 0, 1)):
        if (shape[values], shape[joints]) != (_VALUES, _JOINTS):
            continue
        count = shape[images]
        guessed = count not in (_LSP_IMAGES, _LSPET_IMAGES)
        if not guessed:
            extended = count == _LSPET_IMAGES
        elif images == 2:
            extended = values == 1
        else:
            extended = any(word in path.lower() for word in ("lspet", "ext"))
        return _Layout(values, joints, images, extended, guessed)
    return None


def _read(file: SourceFile, reports: Reports, skeleton: str, notes: list[str]) -> Iterator[ImageRecord]:
    found = matlab.load(file.absolute)
    joints: Any = found.get("joints")
    if joints is None:
        named = ", ".join(sorted(found)) or "no variable"
        raise UnreadableFile(f"holds {named}, {_EXPECTED}")
    layout = _layout(joints.shape, file.path)
    if layout is None or joints.dtype.kind not in "iufb":
        raise UnreadableFile(f"has joints of {'×'.join(map(str, joints.shape))} {joints.dtype}, {_EXPECTED}")
    joints = joints[..., None] if joints.ndim == 2 else joints
    persons = joints.transpose(layout.images, layout.joints, layout.values).astype(float)
    if layout.guessed:
        notes.append(_note(file, layout, len(persons)))
    folder = file.path.rpartition("/")[0]
    prefix = f"{folder}/images/" if folder else "images/"
    for place, rows in enumerate(persons.tolist()):
        number = place + 1
        name = f"{prefix}im{number:05d}.jpg" if layout.extended else f"{prefix}im{number:04d}.jpg"
        locator = f"joints, image {number}"
        points = tuple(_point(row, at, layout.extended, locator, reports) for at, row in enumerate(rows))
        yield ImageRecord(
            key=name,
            file_name=name,
            instances=(InstanceRecord(label=LABEL, skeleton=skeleton, points=points, locator=locator),),
            split=file.split or ("train" if layout.extended or number <= _LSP_TRAIN else "test"),
            source_id=str(number),
        )


def _point(row: list[float], at: int, extended: bool, locator: str, reports: Reports) -> Point:
    x, y, flag = row
    if flag not in (0, 1):
        reports.add(locator, "visibility-invalid", f"joint {at} has the flag {flag:g}, expected 0 or 1")
        return (x, y, None)
    if extended:
        return (x, y, 2 if flag else 0)
    return (x, y, 1 if flag else 2)


def _note(file: SourceFile, layout: _Layout, count: int) -> str:
    name, flag = ("LSP extended", "labelled") if layout.extended else ("LSP", "occluded")
    return (
        f"{file.path} holds {count} images, neither LSP's {_LSP_IMAGES} nor LSP extended's {_LSPET_IMAGES}: "
        f"read as {name}, where the flag 1 means {flag}, its images named by their number"
    )
