"""AI Challenger 2017, human keypoints, as published: `keypoint_<split>_annotations_<date>.json`.

A JSON list with one record an image: `image_id` (the image is `<image_id>.jpg`), `human_annotations`
{human1: [x1, y1, x2, y2]} and `keypoint_annotations` {human1: [x, y, v] x 14}; v is 1 visible, 2 not
visible, 3 not labelled (then x = y = 0). Coordinates are whole pixels and are kept as they are; boxes
become corner and size as the challenge's own score takes them, x2 - x1. A person without keypoints, or
without a box, is kept and reported. Source: Evaluation/keypoint_eval/keypoint_eval.py and the sample
annotations beside it in github.com/AIChallenger/AI_Challenger_2017; the flags' meaning: Wu et al., arXiv
1711.06475.

COCO-style copies of the same images (the toolboxes') are read by the coco reader. Where both lie in one
folder this reader takes the originals and lists the copies as left out: their people would count twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from queries import skeletons
from queries.errors import UnreadableInput
from queries.model import DatasetFacts, Detection, Options, SourceFile
from queries.readers import documents, lenient
from queries.readers.base import Build, split_of_path
from queries.readers.checked import Checked
from queries.readers.records import ImageRecord, InstanceRecord, Point, Reports, load_records, text
from queries.readers.scan import Scan

NAME = "aic"
TITLE = "AI Challenger 2017 keypoints, the original JSON list"
VERSION = 1
LOOKS_FOR = "keypoint_{train,validation,test_a,test_b}_annotations_*.json, a list with keypoint_annotations"
VISIBILITY = "1 visible, 2 not visible, 3 not labelled: 2, 1, 0"
SUBJECTS = "none"
VARIANTS = (
    "the original list alone; its COCO-style copies are read as coco",
)

SKELETON = "aic-14"

_JOINTS = 14
_FLAGS = {1: 2, 2: 1, 3: 0}
_TEST = re.compile(r"test_?([ab])(?![a-z])")
#: AI Challenger names its images by their SHA-1, as no other dataset here does.
_IMAGE_NAME = re.compile(rb'"file_name"\s*:\s*"(?:[^"]*/)?[0-9a-f]{40}\.jpg"')


def detect(scan: Scan) -> Detection:
    """Sure where a JSON list has records with `keypoint_annotations`."""
    mine = [path for path, head in scan.heads.items() if _is_mine(head)]
    if not mine:
        return Detection(0.0, "no JSON list has records with keypoint_annotations")
    copies = documents.coco_style(scan)
    covers = ("coco",) if all(_IMAGE_NAME.search(scan.heads[path]) for path in copies) else ()
    return Detection(0.95, f"{len(mine)} JSON lists have keypoint_annotations, as {mine[0]}", covers)


def files(scan: Scan, options: Options) -> list[SourceFile]:
    """The original lists; COCO-style copies beside them are left out, and so is what is neither."""
    mine = {path for path, head in scan.heads.items() if _is_mine(head)}
    folders = {path.rpartition("/")[0] for path in mine}
    copies = set(documents.coco_style(scan))
    found = []
    for number, one in enumerate(scan.json_files, start=1):
        folder, _, name = one.path.rpartition("/")
        # a broken neighbour of a telling name is reported, not missed
        neighbour = folder in folders and name.startswith("keypoint_") and "annotation" in name
        reason = None
        if one.path in copies:
            reason = documents.COPY
        elif not (one.path in mine or neighbour or options.format == NAME):
            reason = "not a list of records with keypoint_annotations"
        split = options.split or _split(scan, one.path)
        found.append(documents.source_file(number, one, scan, split, reason))
    return found


def load(build: Build) -> DatasetFacts:
    """Reads all lists."""
    skeleton = build.options.skeleton or skeletons.get(SKELETON)
    if len(skeleton.joints) != _JOINTS:
        raise UnreadableInput(f"--skeleton has {len(skeleton.joints)} joints, AI Challenger's people have 14")

    def read(file: SourceFile, reports: Reports) -> Iterator[ImageRecord]:
        for item in documents.items(file, reports):
            record = _image(item, reports, skeleton.name)
            if record is not None:
                yield record

    load_records(build, read)
    notes = documents.left_out(build.files)
    return DatasetFacts("pixel", True, ["person"], notes, {skeleton.name: skeleton})


def _is_mine(head: bytes) -> bool:
    bare = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return bare.startswith(b"[") and b'"keypoint_annotations"' in bare and b'"image_id"' in bare


def _split(scan: Scan, path: str) -> str | None:
    """train, val, test_a, test_b: the two test sets of the challenge's rounds stay apart."""
    if found := _TEST.search(path.rpartition("/")[2].lower()):
        return f"test_{found.group(1)}"
    return split_of_path(scan, path)


def _image(item: lenient.Item, reports: Reports, skeleton: str) -> ImageRecord | None:
    value, where = item.value, lenient.locator(item.path, 0)
    if not isinstance(value, dict):
        reports.add(where, "record-malformed", f"the record is {text(value)}, expected an object")
        return None
    fields = Checked(value, reports.file.file_id, where)
    image_id = fields.text("image_id")
    reports.found.extend(fields.problems)
    if image_id is None:
        if not fields.problems:
            reports.add(where, "field-missing", "the record has no image_id; its people can't be placed")
        return None
    where = f"{where} ({image_id})"
    boxes = _people(value, "human_annotations", where, reports)
    points = _people(value, "keypoint_annotations", where, reports)
    names = [*(boxes or ()), *(name for name in points or () if name not in (boxes or {}))]
    people = [_person(name, boxes, points, f"{where} {name}", reports, skeleton) for name in names]
    file_name = image_id if image_id.lower().endswith(".jpg") else f"{image_id}.jpg"
    return ImageRecord(file_name, file_name, tuple(people), source_id=image_id)


def _people(value: dict[str, Any], name: str, where: str, reports: Reports) -> dict[str, Any] | None:
    """One of the record's two maps from a person to numbers; None, reported, where it is not there."""
    people = value.get(name)
    if isinstance(people, dict):
        return people
    if people is None:
        reports.add(where, "field-missing", f"the record has no {name}")
    else:
        reports.add(where, "field-type", f"{name} is {text(people)}, expected an object")
    return None


def _person(
    name: str,
    boxes: dict[str, Any] | None,
    points: dict[str, Any] | None,
    where: str,
    reports: Reports,
    skeleton: str,
) -> InstanceRecord:
    # a map that is missing altogether has been reported with its record
    box = _numbers(name, boxes, "box", where, reports)
    flat = _numbers(name, points, "keypoints", where, reports)
    attributes: dict[str, Any] = {}
    if box is not None and len(box) != 4:
        reports.add(where, "field-type", f"the box has {len(box)} numbers, expected 4: x1, y1, x2, y2")
        box = None
    elif box is not None and None in box:
        box = None
    if flat is not None and len(flat) != 3 * _JOINTS:
        told = f"keypoints has {len(flat)} numbers, expected {_JOINTS} x 3; kept as an attribute"
        reports.add(where, "wrong-joint-count", told)
        attributes["keypoints"] = flat
        flat = None
    joints: tuple[Point, ...] = ()
    if flat is not None:
        flags = flat[2::3]
        strange = [flag for flag in flags if flag is not None and flag not in _FLAGS]
        if strange:
            told = f"{len(strange)} flags are not 1, 2 or 3, as {text(strange[0])}; kept as an attribute"
            reports.add(where, "visibility-invalid", told)
            attributes["flags"] = flags
        joints = tuple(zip(flat[0::3], flat[1::3], (_FLAGS.get(flag) for flag in flags), strict=True))
    return InstanceRecord(
        label="person",
        skeleton=skeleton,
        box=None if box is None else (box[0], box[1], box[2] - box[0], box[3] - box[1]),
        points=joints,
        source_id=name,
        attributes=attributes or None,
        locator=where,
    )


def _numbers(
    name: str, people: dict[str, Any] | None, what: str, where: str, reports: Reports
) -> list[float | None] | None:
    if people is None:
        return None
    if people.get(name) is None:
        reports.add(where, "field-missing", f"{name} has no {what}")
        return None
    value = people[name]
    if type(value) is list and all(type(number) in (int, float) for number in value):
        return value  # nearly all of them: half a million lists need no closer look
    fields = Checked({what: value}, reports.file.file_id, where)
    numbers = fields.numbers(what)
    reports.found.extend(fields.problems)
    return numbers
