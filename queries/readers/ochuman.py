"""OCHuman as published: `ochuman.json`.

One object with `keypoint_names` (19), `keypoint_visible` (what the flags mean) and `images`; each image
has `image_id`, `file_name`, `width`, `height` and `annotations`, each of those `bbox` [x1, y1, x2, y2],
`keypoints` (19 triples, null for 2,985 of the 13,360 persons), `segms` (null for some) and `max_iou`, the
largest overlap with another person. Coordinates are pixels, kept as they are. Source:
ochumanApi/ochuman.py, vis.py, Demo.ipynb and README.md of github.com/liruilong940607/OCHumanApi.

The flags are 0 missing, 1 vis, 2 self_occluded, 3 others_occluded. Here 2 and 3 both become COCO's 1,
labelled but not visible, and the annotation's attributes keep which joints are which; OCHuman's own
COCO-style export counts a self-occluded joint as visible (2), so the two variants differ in that.

The validation set is, by the same file, the first 2,500 of the 4,731 images (in the order of image_id)
in which somebody has both keypoints and a mask, the test set the rest of those. It is told for the whole
dataset only, since a part of it has other first images; images in neither set stay unsplit.

The download holds COCO-style exports too, which the coco reader reads. Where both lie in one folder this
reader takes `ochuman.json` and lists the exports as left out: their persons would count twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from queries import skeletons
from queries.errors import UnreadableInput
from queries.model import DatasetFacts, Detection, Options, Skeleton, SourceFile
from queries.readers import documents, lenient
from queries.readers.base import Build
from queries.readers.checked import Checked
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

NAME = "ochuman"
TITLE = "OCHuman, the original ochuman.json"
VERSION = 2
LOOKS_FOR = "ochuman.json: images with annotations inside, keypoint_names"
VISIBILITY = "0 missing, 1 visible, 2 self-occluded, 3 occluded by others: 0, 2, 1, 1 (which, in attributes)"
SUBJECTS = "none"
VARIANTS = (
    "the original file alone; its COCO-style exports are read as coco",
)

SKELETON = "ochuman-19"

_FLAGS = {0: 0, 1: 2, 2: 1, 3: 1}
_MEANING = {"missing": 0, "vis": 1, "self_occluded": 2, "others_occluded": 3}
#: Images with both keypoints and masks, and how many of them are the validation set.
_SPLIT_IMAGES, _VAL_IMAGES = 4731, 2500


def detect(scan: Scan) -> Detection:
    """Sure where a JSON object has images with OCHuman's annotations inside."""
    mine = [path for path, head in scan.heads.items() if _is_mine(head)]
    if not mine:
        return Detection(0.0, "no JSON file has images with max_iou and segms inside")
    beside = all("ochuman" in f"{scan.base.name}/{path}".lower() for path in documents.coco_style(scan))
    told = f"{mine[0]} has images with OCHuman's annotations inside"
    return Detection(0.95, told, ("coco",) if beside else ())


def files(scan: Scan, options: Options) -> list[SourceFile]:
    """The original files; COCO-style exports beside them are left out, and so is what is neither."""
    mine = {path for path, head in scan.heads.items() if _is_mine(head)}
    copies = set(documents.coco_style(scan))
    found = []
    for number, one in enumerate(scan.json_files, start=1):
        reason = None
        if one.path in copies:
            reason = documents.COPY
        elif one.path not in mine and options.format != NAME:
            reason = "not an object with images that have max_iou and segms inside"
        found.append(documents.source_file(number, one, scan, options.split, reason))
    return found


def load(build: Build) -> DatasetFacts:
    """Reads all files."""
    skeleton = build.options.skeleton or skeletons.get(SKELETON)
    facts = DatasetFacts(
        "pixel", True, ["person"], documents.left_out(build.files), {skeleton.name: skeleton}
    )
    if len(skeleton.joints) != len(skeletons.get(SKELETON).joints):
        raise UnreadableInput(f"--skeleton has {len(skeleton.joints)} joints, OCHuman's persons have 19")

    def read(file: SourceFile, reports: Reports) -> Iterator[ImageRecord]:
        images, head = [], {}
        for item in documents.items(file, reports, frozenset({"images"})):
            if len(item.path) == 2:
                images.append(item)
            elif item.path:
                head[item.path[0]] = item.value
        if not images:
            raise UnreadableFile("has no list of images with annotations inside")
        _check_names(head, reports)
        records = [_image(item, reports, skeleton) for item in images]
        found = [record for record in records if record is not None]
        yield from found if build.options.split else _with_splits(found, facts)

    load_records(build, read)
    return facts


def _is_mine(head: bytes) -> bool:
    bare = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    inside = b'"max_iou"' in bare and b'"segms"' in bare
    return bare.startswith(b"{") and b'"annotations"' in bare and (inside or b'"keypoint_visible"' in bare)


def _check_names(head: dict[str, Any], reports: Reports) -> None:
    """Reports names of joints or flags other than those that the numbers are read by."""
    names, flags = head.get("keypoint_names"), head.get("keypoint_visible")
    known = list(skeletons.get(SKELETON).names)
    if names is None:
        reports.add("keypoint_names", "field-missing", f"the file has no keypoint_names; read as {SKELETON}")
    elif names != known:
        told = f"keypoint_names is {text(names)}, expected OCHuman's 19 from right_shoulder to left_eye"
        reports.add("keypoint_names", "skeleton-names", f"{told}; read as {SKELETON}")
    if flags is not None and flags != _MEANING:
        reports.add(
            "keypoint_visible", "visibility-invalid", f"it is {text(flags)}, expected {text(_MEANING)}"
        )


def _image(item: lenient.Item, reports: Reports, skeleton: Skeleton) -> ImageRecord | None:
    value, where = item.value, lenient.locator(item.path, 0)
    if not isinstance(value, dict):
        reports.add(where, "record-malformed", f"the image is {text(value)}, expected an object")
        return None
    fields = Checked(value, reports.file.file_id, where)
    image_id, file_name = fields.text("image_id"), fields.text("file_name")
    sizes = [fields.number("width"), fields.number("height")]
    people = value.get("annotations")
    if people is None:
        fields.report("field-missing", "the image has no annotations")
    elif not isinstance(people, list):
        fields.report("field-type", f"annotations is {text(people)}, expected a list")
    if file_name is None:
        fields.report("field-missing", "the image has no file_name; its image_id serves as its key")
    reports.found.extend(fields.problems)
    key = file_name or image_id
    if key is None:
        return None
    instances = [
        _person(one, f"{where}.annotations[{n}] ({key})", reports, skeleton)
        for n, one in enumerate(people if isinstance(people, list) else ())
    ]
    width, height = (int(n) if n is not None and 1 <= n <= 1e9 else None for n in sizes)
    return ImageRecord(
        key,
        file_name,
        tuple(one for one in instances if one is not None),
        width=width,
        height=height,
        source_id=image_id,
    )


def _person(value: Any, where: str, reports: Reports, skeleton: Skeleton) -> InstanceRecord | None:
    if not isinstance(value, dict):
        reports.add(where, "record-malformed", f"the annotation is {text(value)}, expected an object")
        return None
    fields = Checked(value, reports.file.file_id, where)
    box, flat, max_iou = fields.numbers("bbox"), fields.numbers("keypoints"), fields.number("max_iou")
    attributes: dict[str, Any] = {"max_iou": max_iou, "mask": bool(value.get("segms"))}
    if box is None and not fields.problems:
        fields.report("field-missing", "the annotation has no bbox")
    elif box is not None and (len(box) != 4 or None in box):
        fields.report("field-type", f"bbox is {text(box)}, expected 4 numbers: x1, y1, x2, y2")
        box = None
    if "keypoints" not in value:
        fields.report("field-missing", "the annotation has no keypoints, not even null")
    joints: tuple[Point, ...] = ()
    count = len(skeleton.joints)
    if flat and len(flat) != 3 * count:
        told = f"keypoints has {len(flat)} numbers, expected {count} x 3; kept as an attribute"
        fields.report("wrong-joint-count", told)
        attributes["keypoints"] = flat
    elif flat:
        joints = _joints(flat, fields, attributes, skeleton)
    reports.found.extend(fields.problems)
    return InstanceRecord(
        label="person",
        skeleton=skeleton.name,
        box=None if box is None else (box[0], box[1], box[2] - box[0], box[3] - box[1]),
        points=joints,
        attributes=attributes,
        locator=where,
    )


def _joints(
    flat: list[float | None], fields: Checked, attributes: dict[str, Any], skeleton: Skeleton
) -> tuple[Point, ...]:
    flags = flat[2::3]
    strange = [flag for flag in flags if flag is not None and flag not in _FLAGS]
    if strange:
        told = f"{len(strange)} flags are not 0, 1, 2 or 3, as {text(strange[0])}; kept as an attribute"
        fields.report("visibility-invalid", told)
        attributes["flags"] = flags
    for meaning in ("self_occluded", "others_occluded"):
        names = [name for name, flag in zip(skeleton.names, flags, strict=True) if flag == _MEANING[meaning]]
        if names:
            attributes[meaning] = names
    return tuple(zip(flat[0::3], flat[1::3], (_FLAGS.get(flag) for flag in flags), strict=True))


def _with_splits(records: list[ImageRecord], facts: DatasetFacts) -> list[ImageRecord]:
    """The validation and test sets as OCHumanApi makes them, where all of their images are there."""
    with_both = (
        record.source_id or ""
        for record in records
        if any(one.points and one.attributes["mask"] for one in record.instances)
    )
    both = sorted(with_both, key=lambda name: (int(name) if name.isdecimal() else -1, name))
    if len(both) != _SPLIT_IMAGES:
        facts.notes.append(
            f"{len(both)} images have keypoints and masks, the whole of OCHuman {_SPLIT_IMAGES}: "
            "its validation and test sets are the first and the last of those, so no split is told here"
        )
        return records
    val, test = set(both[:_VAL_IMAGES]), set(both[_VAL_IMAGES:])
    return [
        replace(
            record, split="val" if record.source_id in val else "test" if record.source_id in test else None
        )
        for record in records
    ]
