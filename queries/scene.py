"""One image's annotations as plain values: what the store hands out and the screen draws.

Standard library only. Coordinates are those of the source (`unit` says which); `to_pixels` turns them,
once, into pixels of the image. Anything a dataset may hold is allowed here, NaN and NULL included: the
methods say what may be drawn, and nothing in this module raises on a strange number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

Box = tuple[float | None, float | None, float | None, float | None]
Rect = tuple[float, float, float, float]

# A frame for normalized coordinates when neither the annotations nor a file give a size: portrait 3:4.
UNKNOWN_FRAME = (768, 1024)
# Images up to this many pixels a side are believed; a larger declared size is treated as not known.
MAX_SIDE = 200_000

_WORDS = {0: "not labelled", 1: "occluded", 2: "visible", None: "visibility not recorded"}


def visibility_words(visibility: int | None) -> str:
    """A visibility flag in words; a flag outside COCO's vocabulary is named, not interpreted."""
    return _WORDS.get(visibility, f"unknown visibility flag {visibility}")


def _finite(*values: float | None) -> bool:
    return all(v is not None and math.isfinite(v) for v in values)


@dataclass(frozen=True, slots=True)
class Joint:
    """A keypoint as the source gives it: `visibility` 0, 1, 2 or None where the format records none."""

    index: int
    name: str
    x: float | None
    y: float | None
    visibility: int | None
    part: str | None = None

    @property
    def place(self) -> tuple[float, float] | None:
        """(x, y) where both are finite numbers, else None."""
        return (float(self.x), float(self.y)) if _finite(self.x, self.y) else None

    @property
    def labelled(self) -> bool:
        """Somebody set this joint: it has a place, and its flag, if there is one, is not 0."""
        return self.place is not None and (self.visibility is None or self.visibility > 0)

    @property
    def ghost(self) -> bool:
        """Not labelled, yet with coordinates of its own: (0, 0) is how formats write "nothing here"."""
        return self.place is not None and not self.labelled and self.place != (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Instance:
    """One annotation. `box` is (x, y, w, h), its top-left corner and size; `bones` pair joint indices."""

    annotation_id: int
    label: str | None = None
    kind: str = "instance"
    box: Box | None = None
    joints: tuple[Joint, ...] = ()
    bones: tuple[tuple[int, int], ...] = ()
    handedness: str | None = None
    crowd: bool = False
    source_id: str | None = None
    area: float | None = None

    @property
    def rect(self) -> Rect | None:
        """The box as (left, top, right, bottom), sides in order; None unless all four are finite."""
        if self.box is None or not _finite(*self.box):
            return None
        x, y, w, h = self.box
        if not _finite(x + w, y + h):  # two finite numbers can add up to infinity
            return None
        return (min(x, x + w), min(y, y + h), max(x, x + w), max(y, y + h))

    @property
    def united(self) -> bool:
        """HaGRID's box around both hands of a two-handed gesture."""
        return self.kind == "united"

    def drawn_bones(self) -> Iterator[tuple[Joint, Joint]]:
        """Bones whose two joints are both labelled: any other would end at a place nobody marked."""
        by_index = {joint.index: joint for joint in self.joints if joint.labelled}
        for a, b in self.bones:
            if a in by_index and b in by_index and a != b:
                yield by_index[a], by_index[b]


@dataclass(frozen=True, slots=True)
class Scene:
    """An image's frame and its annotations.

    `unit` is `pixel` or `normalized` (fractions of width and height). `size_known` is False when
    `to_pixels` had to make up a frame; `key` names the image, so that a view keeps its zoom.
    """

    width: int | None
    height: int | None
    instances: tuple[Instance, ...] = ()
    unit: str = "pixel"
    size_known: bool = True
    key: str | None = None


def _side(value: float | None) -> int | None:
    return round(value) if _finite(value) and 1 <= value <= MAX_SIDE else None


def _usable(width: float | None, height: float | None) -> tuple[int, int] | None:
    w, h = _side(width), _side(height)
    return (w, h) if w and h else None


def points(instance: Instance) -> Iterator[tuple[float, float]]:
    """The finite places that an instance takes up: corners of its box and labelled joints."""
    if instance.rect:
        yield instance.rect[:2]
        yield instance.rect[2:]
    for joint in instance.joints:
        if joint.labelled:
            yield joint.place


def _scaled(instance: Instance, width: float, height: float) -> Instance:
    def times(value: float | None, factor: float) -> float | None:
        return None if value is None else value * factor

    box = instance.box
    if box is not None:
        box = (times(box[0], width), times(box[1], height), times(box[2], width), times(box[3], height))
    joints = tuple(replace(j, x=times(j.x, width), y=times(j.y, height)) for j in instance.joints)
    return replace(instance, box=box, joints=joints)


def to_pixels(scene: Scene, width: float | None = None, height: float | None = None) -> Scene:
    """The scene in pixels, with a frame in any case.

    `width` and `height` are the image file's own size in pixels, where there is a file. Normalized
    coordinates are fractions of the file as it is, so its size wins over the declared one. Pixel
    coordinates belong to the size that the annotations declare, so there the declared one wins. With
    neither, the frame is 3:4 for normalized coordinates and the annotations' own extent for pixels, and
    `size_known` is False.
    """
    file, declared = _usable(width, height), _usable(scene.width, scene.height)
    if scene.unit == "normalized":
        size = file or declared
        w, h = size or UNKNOWN_FRAME
        instances = tuple(_scaled(instance, w, h) for instance in scene.instances)
        return replace(
            scene, width=w, height=h, instances=instances, unit="pixel",
            size_known=scene.size_known and size is not None,
        )  # fmt: skip
    size = declared or file
    w, h = size or _extent(scene)
    return replace(scene, width=w, height=h, size_known=scene.size_known and size is not None)


def _extent(scene: Scene) -> tuple[int, int]:
    places = [p for instance in scene.instances for p in points(instance)]
    sane = [(x, y) for x, y in places if 0 < x <= MAX_SIDE / 10 and 0 < y <= MAX_SIDE / 10]
    if not sane:
        return UNKNOWN_FRAME
    # A tenth more than the furthest point: annotations seldom touch the image's edge. And no sliver.
    w, h = max(x for x, _ in sane) * 1.1, max(y for _, y in sane) * 1.1
    return (math.ceil(max(w, h / 3)), math.ceil(max(h, w / 3)))


def image_extent(frame: tuple[float, float], image: tuple[float, float]) -> tuple[float, float]:
    """The width and height, in scene pixels, over which an image file of size `image` is laid.

    The whole frame when the proportions agree (the file is a resized copy). Otherwise its own size from
    the top-left corner: stretching a rotated or foreign image would make its annotations look right.
    """
    (fw, fh), (iw, ih) = frame, image
    if abs(fw * ih - fh * iw) <= 0.02 * max(fw * ih, fh * iw) + max(fw, fh, iw, ih):
        return (fw, fh)
    return (iw, ih)


def size_note(scene: Scene, image: tuple[int, int] | None) -> str | None:
    """A sentence for an image file whose size is not the one that its annotations declare, else None."""
    declared = _usable(scene.width, scene.height)
    if image is None or declared is None or declared == tuple(image):
        return None
    said = f"the file is {image[0]}×{image[1]}, the annotations say {declared[0]}×{declared[1]}"
    if declared == (image[1], image[0]):
        return said + ": turned by a quarter (an EXIF orientation?)"
    if image_extent(declared, image) == declared:
        return said + ": shown scaled to the annotations"
    return said + ": shown unscaled, from the top-left corner"


def view_box(scene: Scene, reach: float = 0.25) -> Rect:
    """The part of the plane to show for a scene in pixels, as (left, top, right, bottom).

    The frame, and around it as much as annotations outside of it need, at most `reach` of the frame's
    size on each side: one stray coordinate must not shrink the image to a dot.
    """
    w, h = float(scene.width), float(scene.height)
    left, top, right, bottom = 0.0, 0.0, w, h
    for instance in scene.instances:
        for x, y in points(instance):
            left, right = min(left, x), max(right, x)
            top, bottom = min(top, y), max(bottom, y)
    out = (
        max(left, -reach * w), max(top, -reach * h),
        min(right, (1 + reach) * w), min(bottom, (1 + reach) * h),
    )  # fmt: skip
    pad = 0.02 * max(w, h)
    return (
        out[0] - pad if out[0] < 0 else 0.0, out[1] - pad if out[1] < 0 else 0.0,
        out[2] + pad if out[2] > w else w, out[3] + pad if out[3] > h else h,
    )  # fmt: skip


def crop_box(scene: Scene, instance: Instance, margin: float = 0.15, aspect: float | None = None) -> Rect:
    """A rectangle (left, top, right, bottom) in pixels around an instance's box and labelled joints.

    `scene` is in pixels. `margin` is a share of the longer side, added all round; `aspect` is the wanted
    width / height. The rectangle is moved into the frame where it fits, and reaches over the edge where
    the instance does, up to a quarter of the frame. An instance without any place gives the whole frame.
    """
    w, h = float(scene.width), float(scene.height)
    reach_x, reach_y = 0.25 * w, 0.25 * h
    xs, ys = [], []
    for x, y in points(instance):
        xs.append(min(max(x, -reach_x), w + reach_x))
        ys.append(min(max(y, -reach_y), h + reach_y))
    if not xs:
        xs, ys = [0.0, w], [0.0, h]
    x0, x1, y0, y1 = min(xs), max(xs), min(ys), max(ys)
    pad = max(margin * max(x1 - x0, y1 - y0), 4.0)
    width, height = x1 - x0 + 2 * pad, y1 - y0 + 2 * pad
    if aspect and _finite(aspect) and aspect > 0:
        width, height = max(width, height * aspect), max(height, width / aspect)
    left = _slide((x0 + x1 - width) / 2, width, w, x0, x1)
    top = _slide((y0 + y1 - height) / 2, height, h, y0, y1)
    return (left, top, left + width, top + height)


def _slide(start: float, length: float, limit: float, low: float, high: float) -> float:
    """Where an interval starts once moved inside 0..limit, as far as it keeps low..high inside."""
    if length >= limit:
        return start
    moved = min(max(start, 0.0), limit - length)
    return min(max(moved, high - length), low)
