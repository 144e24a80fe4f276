"""Multi-Human Parsing v2 (MHP v2): a small .mat file an image, as LV-MHP-v2.zip holds them.

    LV-MHP-v2/{train,val,test}/images/<id>.jpg
    LV-MHP-v2/{train,val,test}/pose_annos/<id>.mat      person_0, person_1, ...: 20×3 numbers each
    LV-MHP-v2/list/{train,val,test_all}.txt             the ids of each split, one a line

Rows 0 to 15 are the joints (x, y, flag) in MPII's order, 16 and 17 the corners of the face's box, 18 and
19 those of the person's box, each top left and bottom right. The flag is 0 for visible, 1 for occluded, 2
for out of the image; the annotation tool overwrites the place of a joint or corner that is not visible by
(-1, -1). Sources: README.md and Annotation_Tools/Multi-Human_Pose/Mark.py of
github.com/ZhaoJ9014/Multi-Human-Parsing (the README of the tool numbers the flags 1 to 3; what it writes
counts from 0).

So a visible joint becomes 2, one out of the image 0, and an occluded one 1 where it has a place. Without a
place it becomes 0: COCO's 1 says that a joint is labelled, which is more than the file does. Where a flag
is lost by that, all 16 are kept in the attribute `joint_flags`. A flag of -1 is a row that was never
filled: not labelled. Pixels count from 0, as OpenCV counts, in which the tool is written.

The images of `list` that have no .mat file are indexed without persons: those of the test split, whose
annotations are not always distributed. The toolboxes' COCO-style copies in the same folder are left out,
which a note says: they have lost the flags. Given by themselves they are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from queries import skeletons
from queries.errors import UnreadableInput
from queries.model import DatasetFacts, Detection, FoundFile, Options, SourceFile
from queries.readers import documents, matlab
from queries.readers.base import Build, split_of_path
from queries.readers.matlab import finite
from queries.readers.records import (
    ImageRecord,
    InstanceRecord,
    Point,
    Reports,
    UnreadableFile,
    load_records,
    text,
)
from queries.readers.scan import Scan

NAME = "mhp"
TITLE = "Multi-Human Parsing v2 (MHP v2)"
VERSION = 1
LOOKS_FOR = "{train,val,test}/pose_annos/<id>.mat with person_0, person_1, ... and list/*.txt"
VISIBILITY = "0 visible, 1 occluded, 2 out of image: 2, 1, 0; occluded without a place: 0, see joint_flags"
SUBJECTS = "none"
VARIANTS = (
    "the original .mat files alone; the toolboxes' COCO-style copies are read as coco",
)

SKELETON = "mhp-16"
LABEL = "person"

_JOINTS, _ROWS = 16, 20
_FACE, _BODY = (16, 17), (18, 19)
_ABSENT = (-1.0, -1.0)
_PERSON = re.compile(r"person_(\d+)")
#: MHP counts its images; no other dataset's names are that short.
_IMAGE_NAME = re.compile(rb'"file_name"\s*:\s*"(?:[^"]*/)?\d{1,5}\.jpg"')
_LISTS = ("train.txt", "val.txt", "test.txt", "test_all.txt")
_LIST_FOLDER = "list"


def detect(scan: Scan) -> Detection:
    """Sure where .mat files lie in a folder pose_annos, or a single one holds person_0."""
    mine = _found(scan)
    if not mine:
        return Detection(0.0, "no pose_annos/<id>.mat, and no .mat file with person_0")
    copies = documents.coco_style(scan)
    covers = ("coco",) if all(_IMAGE_NAME.search(scan.heads[path]) for path in copies) else ()
    return Detection(0.95, f"{len(mine)} .mat files of MHP v2's, as {mine[0].path}", covers)


def files(scan: Scan, options: Options) -> list[SourceFile]:
    """A file an image, then the lists of ids, which tell the images that have none."""
    mine = _found(scan)
    if not mine and options.format == NAME:
        mine = [f for f in scan.data_files if matlab.is_mat(f.path)]
    taken = {f.path for f in mine}
    listed = []
    others = [f for f in matlab.candidates(scan) if f.path not in taken]
    for one in sorted([*mine, *others], key=lambda f: f.path):
        reason = None if one.path in taken else "no pose of MHP v2: it is in no folder pose_annos"
        split = options.split or split_of_path(scan, one.path)
        listed.append(documents.source_file(len(listed) + 1, one, scan, split, reason))
    for path in _lists(scan, mine):
        absolute = scan.base / path
        try:
            stat = absolute.stat()
        except OSError:
            continue
        split = options.split or split_of_path(scan, path)
        listed.append(SourceFile(len(listed) + 1, path, absolute, split, stat.st_size, stat.st_mtime_ns))
    return [*listed, *documents.copies(scan, len(listed))]


def load(build: Build) -> DatasetFacts:
    """Reads the persons of every .mat file, and the ids of the lists."""
    skeleton = build.options.skeleton or skeletons.get(SKELETON)
    if len(skeleton.joints) != _JOINTS:
        raise UnreadableInput(f"--skeleton has {len(skeleton.joints)} joints, MHP's persons have {_JOINTS}")
    facts = DatasetFacts("pixel", True, [LABEL], skeletons={skeleton.name: skeleton})
    annotated = {_image_path(file.path) for file in build.files if file.skipped is None}

    def read(file: SourceFile, reports: Reports) -> Iterator[ImageRecord]:
        if matlab.is_mat(file.path):
            return _read(file, reports, skeleton.name)
        return _listed(file, annotated, facts.notes)

    load_records(build, read)
    facts.notes.extend(documents.left_out(build.files))
    return facts


def _found(scan: Scan) -> list[FoundFile]:
    mats = [f for f in scan.data_files if matlab.is_mat(f.path)]
    mine = [
        f for f in mats if f"/{matlab.POSE_FOLDER}/" in f"/{f.path}" or scan.base.name == matlab.POSE_FOLDER
    ]
    if mine or len(mats) > 1:
        return mine
    names = matlab.variables(scan.base / mats[0].path) if mats else {}
    return mats if any(_PERSON.fullmatch(name) for name in names) else []


def _lists(scan: Scan, mine: list[FoundFile]) -> list[str]:
    """The lists of ids beside the splits' folders, relative to the root; those outside it are not read."""
    folders = set()
    for one in mine:
        parts = one.path.split("/")[:-1]
        if len(parts) >= 2 and parts[-1] == matlab.POSE_FOLDER:
            folders.add("/".join([*parts[:-2], _LIST_FOLDER]))
    return [f"{folder}/{name}" for folder in sorted(folders) for name in _LISTS]


def _image_path(path: str) -> str:
    """train/pose_annos/12.mat is about train/images/12.jpg."""
    folder, _, name = path.rpartition("/")
    above = folder[: -len(matlab.POSE_FOLDER)] if folder.endswith(matlab.POSE_FOLDER) else None
    stem = name.rpartition(".")[0]
    return f"{stem}.jpg" if above is None else f"{above}images/{stem}.jpg"


def _listed(file: SourceFile, annotated: set[str], notes: list[str]) -> Iterator[ImageRecord]:
    """The images of a list that no .mat file is about."""
    root = file.path.split("/")[:-2]
    folder = file.path.rpartition("/")[2].removesuffix(".txt").partition("_")[0]
    ids = file.absolute.read_text(encoding="utf-8", errors="backslashreplace").split("\n")
    names = ["/".join([*root, folder, "images", f"{one.strip()}.jpg"]) for one in ids if one.strip()]
    missing = [name for name in dict.fromkeys(names) if name not in annotated]
    if missing:
        notes.append(f"{len(missing)} of {len(names)} images of {file.path} have no pose file: no persons")
    for name in missing:
        yield ImageRecord(key=name, file_name=name)


def _read(file: SourceFile, reports: Reports, skeleton: str) -> Iterator[ImageRecord]:
    found = matlab.load(file.absolute)
    persons = {int(match[1]): name for name in found if (match := _PERSON.fullmatch(name))}
    if found and not persons:
        raise UnreadableFile(f"holds {', '.join(sorted(found))}, expected person_0, person_1, ...")
    name = _image_path(file.path)
    instances = [_person(found[persons[at]], persons[at], skeleton, reports) for at in sorted(persons)]
    yield ImageRecord(key=name, file_name=name, instances=tuple(instances))


def _person(value: Any, name: str, skeleton: str, reports: Reports) -> InstanceRecord:
    if value.shape != (_ROWS, 3) or value.dtype.kind not in "iufb":
        shape = "×".join(map(str, value.shape))
        told = f"{name} is {shape} {value.dtype}, expected {_ROWS}×3 numbers: 16 joints, face and person box"
        reports.add(name, "wrong-joint-count", told)
        return InstanceRecord(label=LABEL, skeleton=skeleton, source_id=name, locator=name)
    rows = [(x, y, _flag(flag)) for x, y, flag in value.astype(float).tolist()]
    points = tuple(_point(row, at, name, reports) for at, row in enumerate(rows[:_JOINTS]))
    lost = any(row[2] in (1, 2) and point[2] == 0 for row, point in zip(rows[:_JOINTS], points, strict=True))
    face, body = _corners(rows, _FACE), _corners(rows, _BODY)
    attributes: dict[str, Any] = {}
    if face is not None:
        attributes["face_box"] = [finite(part) for part in face]
    if lost:
        attributes["joint_flags"] = [finite(row[2]) for row in rows[:_JOINTS]]
    return InstanceRecord(
        label=LABEL,
        skeleton=skeleton,
        box=None if body is None else (body[0], body[1], body[2] - body[0], body[3] - body[1]),
        points=points,
        source_id=name,
        attributes=attributes or None,
        locator=name,
    )


def _flag(flag: float) -> float:
    # The tool scales all three numbers and scales the flag back, in single precision: 0.9999999 is a 1.
    near = round(flag) if abs(flag) < 1e6 else flag
    return near if abs(flag - near) < 1e-3 else flag


def _point(row: tuple[float, float, float], at: int, name: str, reports: Reports) -> Point:
    x, y, flag = row
    absent = (x, y) == _ABSENT
    if flag not in (-1, 0, 1, 2) or (absent and flag == 0):
        told = f"the flag {text(flag)} of joint {at} " + (
            "says visible, but it has no place: not labelled" if flag == 0 else "is not 0, 1 or 2"
        )
        reports.add(name, "visibility-invalid", told)
    if absent:
        return (None, None, 0)
    return (x, y, {-1: 0, 0: 2, 1: 1, 2: 0}.get(flag))


def _corners(rows: list[tuple[float, float, float]], pair: tuple[int, int]) -> tuple[float, ...] | None:
    """Both corners of a box, or None where one of them has no place."""
    (x1, y1, _), (x2, y2, _) = rows[pair[0]], rows[pair[1]]
    return None if _ABSENT in ((x1, y1), (x2, y2)) else (x1, y1, x2, y2)
