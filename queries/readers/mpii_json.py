"""MPII as JSON: the toolboxes' list and the hourglass codebases' mpii_annotations.json.

The list has one record a person: `image`, `joints` (16×2), `joints_vis`, `center`, `scale`; in the test
list the joints are withheld. `joints_vis` is 1 for a joint that is labelled, seen or not, and 0 for one
that is not, which stands at (-1, -1) or (0, 0): such a place is no coordinate and becomes NULL.

The hourglass JSON has one record a person too, `joint_self` 16×3, and repeats the image's other persons
in `joint_others`: those who have a record of their own are not counted again, the rest are kept and
marked `only_in_joint_others`. Its third number is 0 for an occluded joint, 1 for a visible one and for one
whose visibility the .mat does not say; a joint that is not labelled is (0, 0, 0). `isValidation` is the
validation split of Tompson et al., a person at a time: an image can be in both. jsonlab, which wrote it,
drops the outer brackets of a single other person, and rows of `joint_others` after the last labelled joint
may be missing (genJSON.m pads `joint_self` alone).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from queries.model import SourceFile
from queries.readers import documents, lenient
from queries.readers.checked import Checked
from queries.readers.matlab import finite
from queries.readers.mpii_mat import JOINTS, LABEL, NOT_LABELLED
from queries.readers.records import ImageRecord, InstanceRecord, Point, Reports, text

_ABSENT = ((-1, -1), (0, 0))
_NO_JOINTS = "the test list names no joints: they are withheld by the authors"


def read(file: SourceFile, reports: Reports, skeleton: str, notes: list[str]) -> Iterator[ImageRecord]:
    """The images of a list or of an hourglass file, each with its persons in the file's order."""
    persons: list[_Person] = []
    for fields in _records(file, reports):
        if "joint_self" in fields.record:
            persons.extend(_hourglass(fields, skeleton))
        else:
            persons.extend(_listed(fields, skeleton, file.split, notes))
        reports.found.extend(fields.problems)
    images: dict[tuple[str, str | None], list[_Person]] = {}
    for person in _without_repeats(persons):
        images.setdefault((person.image, file.split or person.split), []).append(person)
    for (name, split), found in images.items():
        yield ImageRecord(
            key=name,
            file_name=name,
            instances=tuple(person.instance for person in found),
            split=split,
            width=_whole(found[0].size[0]),
            height=_whole(found[0].size[1]),
            source_id=found[0].image_id,
        )


@dataclass(frozen=True)
class _Person:
    image: str
    instance: InstanceRecord
    split: str | None = None
    size: tuple[float | None, float | None] = (None, None)
    image_id: str | None = None
    other: bool = False


def _records(file: SourceFile, reports: Reports) -> Iterator[Checked]:
    """The file's records; what is none is reported. jsonlab may put the list below the key `root`."""
    for item in documents.items(file, reports, frozenset({"root"})):
        locator = lenient.escaped(lenient.locator(item.path, 0))
        if not isinstance(item.value, dict):
            reports.add(locator, "record-malformed", f"the record is {text(item.value)}, expected an object")
            continue
        yield Checked(item.value, file.file_id, locator)


def _listed(fields: Checked, skeleton: str, split: str | None, notes: list[str]) -> Iterator[_Person]:
    name = _name(fields, "image")
    if name is None:
        return
    places, flags = fields.numbers("joints", 2), fields.numbers("joints_vis")
    points: tuple[Point, ...] = ()
    if places:
        points = _from_list(places, flags, fields)
    elif split == "test":
        if _NO_JOINTS not in notes:
            notes.append(_NO_JOINTS)
    elif "joints" not in fields.record:
        fields.report("field-missing", "the person has no joints, expected 16")
    attributes = _attributes(center=fields.numbers("center"), scale=fields.number("scale"))
    yield _Person(
        name, InstanceRecord(LABEL, skeleton, None, points, None, None, False, attributes, fields.locator)
    )


def _from_list(places: list, flags: list | None, fields: Checked) -> tuple[Point, ...]:
    if len(places) != JOINTS:
        fields.report(
            "wrong-joint-count", f"joints has {len(places)} entries, expected {JOINTS}; none is read"
        )
        return ()
    if flags is None or len(flags) != JOINTS:
        told = "is missing" if flags is None else f"has {len(flags)} entries, joints has {JOINTS}"
        fields.report("length-mismatch", f"joints_vis {told}; visibility is not recorded")
        flags = [None] * JOINTS
    points = []
    for joint, (place, flag) in enumerate(zip(places, flags, strict=True)):
        if not _is_row(place, 2, f"joints[{joint}]", fields):
            points.append(NOT_LABELLED)
            continue
        x, y = place
        absent = (x, y) in _ABSENT
        if flag not in (0, 1, None) or (flag == 1 and absent):
            told = f"joints_vis[{joint}] is {text(flag)}, " + (
                f"but the joint is at {text(place)}: not labelled" if flag == 1 else "expected 1 or 0"
            )
            fields.report("visibility-invalid", told)
        visibility = 0 if absent else {0: 0, 1: 2}.get(flag)
        points.append(NOT_LABELLED if absent else (x, y, visibility))
    return tuple(points)


def _hourglass(fields: Checked, skeleton: str) -> Iterator[_Person]:
    name = _name(fields, "img_paths")
    if name is None:
        return
    validation = fields.number("isValidation")
    if validation not in (0, 1):
        fields.report(
            "field-missing", f"isValidation is {text(validation)}, expected 0 or 1; no split is known"
        )
    split = {0: "train", 1: "val"}.get(validation)
    size = (fields.number("img_width"), fields.number("img_height"))
    image_id, number = (_id(fields.number(key)) for key in ("annolist_index", "people_index"))
    attributes = _attributes(objpos=fields.numbers("objpos"), scale=fields.number("scale_provided"))
    points = _from_rows(fields.numbers("joint_self", 2), "joint_self", fields, padded=False)
    own_id = f"{image_id}/{number}" if image_id and number else None
    own = InstanceRecord(LABEL, skeleton, None, points, own_id, None, False, attributes, fields.locator)
    yield _Person(name, own, split, size, image_id)
    for place, (rows, objpos, scale) in enumerate(_others(fields)):
        where = f"joint_others[{place}]"
        points = _from_rows(rows, where, fields, padded=True)
        if points:
            attributes = {**(_attributes(objpos=objpos, scale=scale) or {}), "only_in_joint_others": True}
            locator = f"{fields.locator}.{where}"
            other = InstanceRecord(LABEL, skeleton, None, points, None, None, False, attributes, locator)
            yield _Person(name, other, split, size, image_id, other=True)


def _others(fields: Checked) -> list[tuple[Any, Any, Any]]:
    """(joints, objpos, scale) of each other person, the brackets that jsonlab drops put back."""
    joints, places, scales = (
        fields.record.get(name) for name in ("joint_others", "objpos_other", "scale_provided_other")
    )
    if not isinstance(joints, list):
        # an empty list is null, or spelt out as {"_ArrayType_": "double", "_ArraySize_": [0, 0], ...}
        if joints is not None and not (isinstance(joints, dict) and "_ArraySize_" in joints):
            fields.report("field-type", f"joint_others is {text(joints)}, expected a list")
        return []
    if not joints:
        return []
    first = joints[0]
    if isinstance(first, list) and first and not isinstance(first[0], list):
        joints, places = [joints], [places]
    scales = scales if isinstance(scales, list) else [scales]
    places = places if isinstance(places, list) else []
    return [
        (rows, places[at] if at < len(places) else None, scales[at] if at < len(scales) else None)
        for at, rows in enumerate(joints)
    ]


def _from_rows(rows: Any, where: str, fields: Checked, padded: bool) -> tuple[Point, ...]:
    """The joints of rows (x, y, flag); fewer than 16 are taken only where the file is known to cut them."""
    count = len(rows) if isinstance(rows, list) else 0
    if count != JOINTS and not (padded and 0 < count < JOINTS):
        if rows is not None:
            fields.report("wrong-joint-count", f"{where} has {count} rows, expected {JOINTS}; none is read")
        return ()
    points: list[Point] = []
    for joint, row in enumerate(rows):
        if not _is_row(row, 3, f"{where}[{joint}]", fields):
            points.append(NOT_LABELLED)
            continue
        x, y, flag = row
        if flag not in (0, 1):
            fields.report(
                "visibility-invalid", f"{where}[{joint}] has the flag {text(flag)}, expected 1 or 0"
            )
        absent = flag == 0 and (x, y) == (0, 0)
        points.append(NOT_LABELLED if absent else (x, y, {0: 1, 1: 2}.get(flag)))
    return (*points, *[NOT_LABELLED] * (JOINTS - count))


def _without_repeats(persons: list[_Person]) -> Iterator[_Person]:
    """Leaves out those of `joint_others` who have a record of their own, or came as another's other."""
    known = {(person.image, person.instance.points) for person in persons if not person.other}
    for person in persons:
        if person.other:
            same = (person.image, person.instance.points)
            if same in known:
                continue
            known.add(same)
        yield person


def _is_row(row: Any, length: int, where: str, fields: Checked) -> bool:
    numbers = (
        isinstance(row, list)
        and len(row) == length
        and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in row)
    )
    if not numbers:
        fields.report(
            "field-type", f"{where} is {text(row)}, expected {length} numbers; it counts as not labelled"
        )
    return numbers


def _name(fields: Checked, key: str) -> str | None:
    name = fields.record.get(key)
    if isinstance(name, str) and name:
        return name
    fields.report(
        "field-missing", f"{key} is {text(name)}, expected the image's name; the person is left out"
    )
    return None


def _attributes(**values: Any) -> dict[str, Any] | None:
    found = {}
    for name, value in values.items():
        if isinstance(value, list):
            value = [finite(part) if isinstance(part, (int, float)) else None for part in value]  # noqa: PLW2901
        elif isinstance(value, (int, float)):
            value = finite(value)  # noqa: PLW2901
        if value is not None:
            found[name] = value
    return found or None


def _id(value: float | None) -> str | None:
    return None if finite(value) is None else str(finite(value))


def _whole(value: float | None) -> int | None:
    value = finite(value)
    return value if isinstance(value, int) and 0 < value < 1 << 31 else None
