"""MPII's own mpii_human_pose_v1_u12_1.mat: one struct RELEASE with all images.

`annolist(i)`: `image.name`, `annorect(p)` with the head's box `x1 y1 x2 y2`, `scale` (the person's height
over 200 px), `objpos` (its rough middle) and `annopoints.point(k)` = `x y id is_visible`; `vididx` and
`frame_sec`. `img_train(i)` is 1 for training; the annotations of the other images are withheld by the
authors, except `scale` and `objpos`. `single_person(i)` numbers the persons that stand apart,
`act(i)` is the activity. Places are told as Matlab writes them: annolist(12).annorect(1), from 1.

`is_visible` comes as a number, as the text '1' or '0', or empty (head top and upper neck). Source: the
README in mpii_human_pose_v1_u12_2.zip; src/datasets/mpii_to_tfrecords.py of github.com/akanazawa/hmr and
training/genJSON.m of github.com/shihenw/convolutional-pose-machines-release for what it leaves open.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from queries.model import SourceFile
from queries.readers import matlab
from queries.readers.matlab import field, finite, number
from queries.readers.records import ImageRecord, InstanceRecord, Point, Reports, UnreadableFile, text

JOINTS = 16
LABEL = "person"
NOT_LABELLED: Point = (None, None, 0)

_HEAD = ("x1", "y1", "x2", "y2")


def read(file: SourceFile, reports: Reports, skeleton: str) -> Iterator[ImageRecord]:
    """The images of the file. Raises UnreadableFile where it is no MPII file."""
    found = matlab.load(file.absolute, ["RELEASE"])
    release = matlab.records(found.get("RELEASE"))
    if not release:
        named = ", ".join(sorted(matlab.variables(file.absolute))) or "no variable"
        raise UnreadableFile(f"holds {named}, expected the struct RELEASE with MPII's annotations")
    images = matlab.records(field(release[0], "annolist"))
    if not images:
        raise UnreadableFile("has a RELEASE without annolist, expected a struct an image")
    beside = _Beside(release[0], len(images), reports)
    for place, image in enumerate(images):
        locator = f"annolist({place + 1})"
        name = matlab.text(_inner(image, "image", "name"))
        if not name:
            reports.add(locator, "field-missing", "image.name is missing or no text; the image is left out")
            continue
        yield ImageRecord(
            key=name,
            file_name=name,
            instances=tuple(_persons(image, locator, beside.single(place), reports, skeleton)),
            split=file.split or beside.split(place, reports),
            source_id=str(place + 1),
            attributes=beside.attributes(place, image),
        )


class _Beside:
    """The lists of RELEASE that go along with annolist, one entry an image."""

    def __init__(self, release: Any, count: int, reports: Reports):
        self.train = [number(value) for value in matlab.cells(field(release, "img_train"))]
        self.act = matlab.records(field(release, "act"))
        self.persons = matlab.cells(field(release, "single_person"))
        self.videos = matlab.cells(field(release, "video_list"))
        for name, values in (("img_train", self.train), ("act", self.act), ("single_person", self.persons)):
            if not values:
                told = f"RELEASE has no {name}, expected one entry an image"
                reports.add("RELEASE", "field-missing", told)
            elif len(values) != count:
                told = f"{name} has {len(values)} entries, annolist has {count}"
                reports.add("RELEASE", "length-mismatch", told)

    def split(self, place: int, reports: Reports) -> str | None:
        if place >= len(self.train):
            return None
        value = self.train[place]
        if value not in (0, 1):
            told = f"img_train is {value}, expected 1 for training or 0 for test"
            reports.add(f"img_train({place + 1})", "field-type", told)
            return None
        return "train" if value else "test"

    def single(self, place: int) -> set[int] | None:
        """The persons, from 1, that stand apart from others; None where nothing says."""
        if place >= len(self.persons):
            return None
        found = (number(value) for value in matlab.cells(self.persons[place]))
        return {int(value) for value in found if finite(value) is not None}

    def attributes(self, place: int, image: Any) -> dict[str, Any] | None:
        """The activity and the frame of the video, as far as they are given."""
        found: dict[str, Any] = {}
        if place < len(self.act):
            act = self.act[place]
            found["activity"] = matlab.text(field(act, "act_name"))
            found["category"] = matlab.text(field(act, "cat_name"))
            found["act_id"] = finite(number(field(act, "act_id")))
        video = finite(number(field(image, "vididx")) or number(field(image, "vidx")))
        found["vididx"] = video
        if isinstance(video, int) and 0 < video <= len(self.videos):
            found["video"] = matlab.text(self.videos[video - 1])
        found["frame_sec"] = finite(number(field(image, "frame_sec")))
        return {name: value for name, value in found.items() if value is not None} or None


def _inner(record: Any, outer: str, inner: str) -> Any:
    """The field of a struct that is itself a field."""
    found = matlab.records(field(record, outer))
    return field(found[0], inner) if found else None


def _persons(
    image: Any, locator: str, single: set[int] | None, reports: Reports, skeleton: str
) -> Iterator[InstanceRecord]:
    rects = field(image, "annorect")
    persons = matlab.records(rects)
    if rects is not None and not persons:
        reports.add(locator, "field-type", "annorect is no struct, expected one a person")
    for place, person in enumerate(persons):
        where = f"{locator}.annorect({place + 1})"
        if not matlab.fields(person):
            reports.add(where, "record-malformed", "every field is empty, expected scale and objpos at least")
            continue
        attributes: dict[str, Any] = {
            "head_box": _head_box(person, where, reports),
            "objpos": _place(matlab.records(field(person, "objpos"))),
            "scale": finite(number(field(person, "scale"))),
            "single_person": None if single is None else place + 1 in single,
        }
        yield InstanceRecord(
            label=LABEL,
            skeleton=skeleton,
            points=_points(person, where, reports),
            source_id=f"{locator[9:-1]}/{place + 1}",
            attributes={name: value for name, value in attributes.items() if value is not None} or None,
            locator=where,
        )


def _head_box(person: Any, where: str, reports: Reports) -> list[float] | None:
    corners = [number(field(person, name)) for name in _HEAD]
    given = [value for value in corners if value is not None]
    if given and len(given) < len(_HEAD):
        missing = ", ".join(name for name, value in zip(_HEAD, corners, strict=True) if value is None)
        reports.add(where, "field-missing", f"the head's box has no {missing}; it is left out")
    if len(given) < len(_HEAD):
        return None
    box = [finite(value) for value in given]
    if None in box:
        reports.add(where, "non-finite-coordinate", f"the head's box is {text(given)}; it is left out")
        return None
    return box


def _place(found: list[Any]) -> list[float | None] | None:
    return [finite(number(field(found[0], axis))) for axis in ("x", "y")] if found else None


def _points(person: Any, where: str, reports: Reports) -> tuple[Point, ...]:
    """All 16 joints, those without a point as not labelled; none for a person without annopoints."""
    given = field(person, "annopoints")
    if given is None:
        return ()
    holders = matlab.records(given)
    found = matlab.records(field(holders[0], "point")) if holders else []
    if not found:
        if not holders or matlab.fields(holders[0]):
            reports.add(where, "field-missing", "annopoints has no struct point, expected one a joint")
        return ()
    points: dict[int, Point] = {}
    for place, point in enumerate(found):
        at = f"{where}.point({place + 1})"
        joint = number(field(point, "id"))
        if joint is None or joint not in range(JOINTS):
            reports.add(
                at, "record-malformed", f"the joint's id is {text(joint)}, expected 0 to {JOINTS - 1}"
            )
            continue
        x, y = number(field(point, "x")), number(field(point, "y"))
        if x is None or y is None:
            reports.add(at, "field-missing", f"joint {joint:.0f} has no x or no y; it counts as not labelled")
            continue
        if int(joint) in points:
            reports.add(at, "record-malformed", f"joint {joint:.0f} is given twice; the first one is kept")
            continue
        points[int(joint)] = (x, y, _visibility(point, at, reports))
    return tuple(points.get(joint, NOT_LABELLED) for joint in range(JOINTS))


def _visibility(point: Any, at: str, reports: Reports) -> int | None:
    given = field(point, "is_visible")
    if given is None:
        return None
    value = number(given)
    if value not in (0, 1):
        shown = text(value if value is not None else str(given))
        reports.add(at, "visibility-invalid", f"is_visible is {shown}, expected 1, 0 or nothing")
        return None
    return 2 if value else 1
