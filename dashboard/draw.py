"""Annotations drawn on an image as WebP or JPEG bytes: gallery crops and thumbnails.

Pure: an image and a scene go in, bytes come out; no files, no SQL, no Streamlit. Any scene is drawn, NaN
and coordinates far outside included. figure.py makes the interactive view.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from dashboard import palette
from queries.pixels import full_size
from queries.scene import Instance, Joint, Rect, Scene, crop_box, image_extent, to_pixels, view_box

__all__ = ["DEFAULT_LAYERS", "NO_IMAGE", "Layers", "bone_part", "clean_text", "crop_box", "render"]

NO_IMAGE = "image not on disk"
SIZE_UNKNOWN = "size not known"
_SUPER = 2  # Pillow's lines are not smooth: the overlay is drawn twice as large and reduced
# Dark, so that boxes and white words on it are seen.
_BLANK, _BLANK_GRID = (28, 31, 38), (40, 44, 52)
_OUTSIDE, _OUTSIDE_LINE = (58, 62, 70), (72, 77, 86)
_RIM = (10, 12, 16, 190)  # around lines, so that a colour is seen on snow and on black alike
_RING = "#ffffff"
_FAINT = 0.35
# How far out a part is; feet, hands and fingers, and parts not known, are the furthest.
_RANK = {"torso": 0, "wrist": 0, "head": 1, "face": 2}
_RANK |= {f"{side}_{limb}": 2 for side in ("left", "right") for limb in ("arm", "leg")}


@dataclass(frozen=True, slots=True)
class Layers:
    """What is drawn. `names` are the joints' names, `unlabelled` joints with v = 0 that have a place, `ring`
    the numbers of the focus's joints that are circled."""

    boxes: bool = True
    united: bool = True
    crowd: bool = True
    bones: bool = True
    joints: bool = True
    labels: bool = True
    names: bool = False
    unlabelled: bool = False
    ring: tuple[int, ...] = ()

    def shows_box(self, instance: Instance) -> bool:
        """Whether an instance's box belongs to a layer that is on."""
        return self.united if instance.united else self.crowd if instance.crowd else self.boxes


DEFAULT_LAYERS = Layers()


def bone_part(a: Joint, b: Joint) -> str | None:
    """The part whose colour a bone takes: that of the joint further out (shoulder to elbow is arm).

    Between two different parts equally far out, such as both shoulders, it is the trunk between them.
    """
    rank_a, rank_b = _RANK.get(a.part or "", 3), _RANK.get(b.part or "", 3)
    if a.part == b.part or b.part is None:
        return a.part
    if a.part is None or rank_b > rank_a:
        return b.part
    if rank_a > rank_b:
        return a.part
    return "torso" if rank_a == 2 else "wrist"


def clean_text(text: str | None, limit: int = 48) -> str:
    """A dataset's text on one line: no control or direction marks, cut at `limit` characters."""
    shown = "".join(c if c.isprintable() else " " for c in str(text or ""))
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def render(
    image: Image.Image | None,
    scene: Scene,
    layers: Layers = DEFAULT_LAYERS,
    *,
    size: int = 320,
    view: Rect | None = None,
    image_box: Rect | None = None,
    focus: int | None = None,
    colors: Mapping[str | None, str] | None = None,
    note: str | None = None,
    format: str = "WEBP",
) -> bytes:
    """Draws a scene on its image and returns encoded bytes.

    `image` is RGB, from `open_image` or a thumbnail; `image_box` is the rectangle (left, top, right,
    bottom, in the scene's pixels) that it covers, by default the whole frame. Without an image the frame
    is blank and says `note`, or that the image is not on disk. A normalized scene is converted, with the
    image's size. `view` is the rectangle to show (default: the frame, and around it as far as annotations
    reach, see `view_box`); `size` is the longer side of the output in pixels. Other annotations than
    `focus` are drawn faint. `colors` gives each label's colour; `format` is WEBP, JPEG or PNG.
    """
    scene = to_pixels(scene, *(full_size(image) if image is not None else (None, None)))
    view = view or view_box(scene)
    canvas = _Canvas(view, size)
    canvas.paint(image, image_box, scene)
    shown = colors or palette.category_colors({i.label for i in scene.instances})
    order = sorted(scene.instances, key=lambda i: i.annotation_id == focus)
    for instance in order:
        alpha = 1.0 if focus is None or instance.annotation_id == focus else _FAINT
        color = shown.get(instance.label, palette.NEUTRAL)
        if layers.shows_box(instance):
            canvas.box(instance, color, alpha)
        canvas.skeleton(instance, layers, alpha)
        if instance.annotation_id == focus:
            canvas.rings(instance, layers.ring)
    if layers.labels:
        for instance in order:
            if layers.shows_box(instance) and focus in (None, instance.annotation_id):
                canvas.label(instance, shown.get(instance.label, palette.NEUTRAL))
    lines = [] if image is not None else [clean_text(note, 120) or NO_IMAGE]
    # a crop does not show the frame's shape, and a second line would hide what it does show
    if not scene.size_known and view is None:
        lines.append(SIZE_UNKNOWN)
    canvas.notes(lines)
    return canvas.encode(format)


class _Canvas:
    """The output image and, twice as large, the transparent sheet on which annotations are drawn.

    On the sheet a stroke replaces what is below it instead of blending: that is how a hollow joint's
    centre shows the image, although its bones run to the centre.
    """

    def __init__(self, view: Rect, size: int) -> None:
        wide, high = max(view[2] - view[0], 1e-6), max(view[3] - view[1], 1e-6)
        self.view = view
        self.scale = size / max(wide, high)
        self.width, self.height = max(8, round(wide * self.scale)), max(8, round(high * self.scale))
        self.base = Image.new("RGB", (self.width, self.height), _OUTSIDE)
        self.sheet = Image.new("RGBA", (self.width * _SUPER, self.height * _SUPER), (0, 0, 0, 0))
        self.draw = ImageDraw.Draw(self.sheet)
        self.stroke = max(1.5, size / 190) * _SUPER

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A place of the scene on the sheet, kept finite whatever the source says."""
        limit = 1e7
        px = (x - self.view[0]) * self.scale * _SUPER
        py = (y - self.view[1]) * self.scale * _SUPER
        return (min(max(px, -limit), limit), min(max(py, -limit), limit))

    def paint(self, image: Image.Image | None, image_box: Rect | None, scene: Scene) -> None:
        """The background: what is outside of the image hatched, then the image or a blank frame."""
        pen = ImageDraw.Draw(self.base)
        for start in range(-self.height, self.width, 9):
            pen.line((start, self.height, start + self.height, 0), fill=_OUTSIDE_LINE)
        if image is not None:
            extent = image_extent((scene.width, scene.height), full_size(image))
            self._paste(image, image_box or (0.0, 0.0, *extent))
            return
        left, top = (v / _SUPER for v in self.at(0, 0))
        right, bottom = (v / _SUPER for v in self.at(scene.width, scene.height))
        pen.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), fill=_BLANK)
        step = max(8.0, (right - left) / 12, (bottom - top) / 12)
        for n in range(1, 13):
            if left + n * step < right:
                pen.line((left + n * step, top, left + n * step, bottom - 1), fill=_BLANK_GRID)
            if top + n * step < bottom:
                pen.line((left, top + n * step, right - 1, top + n * step), fill=_BLANK_GRID)

    def _paste(self, image: Image.Image, box: Rect) -> None:
        """The part of the image that the view shows: only that is scaled, however small the view."""
        shown = (
            max(box[0], self.view[0]), max(box[1], self.view[1]),
            min(box[2], self.view[2]), min(box[3], self.view[3]),
        )  # fmt: skip
        wide, high = box[2] - box[0], box[3] - box[1]
        if shown[2] <= shown[0] or shown[3] <= shown[1] or wide <= 0 or high <= 0:
            return
        sx, sy = image.width / wide, image.height / high
        part = ((shown[0] - box[0]) * sx, (shown[1] - box[1]) * sy,
                (shown[2] - box[0]) * sx, (shown[3] - box[1]) * sy)  # fmt: skip
        x, y = (round(v / _SUPER) for v in self.at(shown[0], shown[1]))
        right, bottom = (round(v / _SUPER) for v in self.at(shown[2], shown[3]))
        target = (max(1, right - x), max(1, bottom - y))
        smooth = image.convert("RGB").resize(
            target, Image.Resampling.BICUBIC, box=part, reducing_gap=2.0
        )  # fmt: skip
        self.base.paste(smooth, (x, y))

    def line(self, a: tuple[float, float], b: tuple[float, float], fill: tuple, width: float) -> None:
        """A stroke with round ends, cut to the sheet: Pillow walks every pixel of a line, off it too."""
        pad = width * 2
        cut = _clip(a, b, (-pad, -pad, self.sheet.width + pad, self.sheet.height + pad))
        if cut is None:
            return
        self.draw.line(cut, fill=fill, width=max(1, round(width)))
        if width > 3:
            for x, y in (cut[:2], cut[2:]):
                self.draw.circle((x, y), width / 2 - 0.5, fill=fill)

    def box(self, instance: Instance, color: str, alpha: float) -> None:
        """A box: solid, or dashed for united and crowd boxes, whose inside is also hatched."""
        if instance.rect is None:
            return
        pad = self.stroke * 3
        left, top = (max(v, -pad) for v in self.at(*instance.rect[:2]))
        right, bottom = self.at(*instance.rect[2:])
        right, bottom = min(right, self.sheet.width + pad), min(bottom, self.sheet.height + pad)
        if right < left or bottom < top:
            return  # wholly outside of the view
        if instance.crowd:
            self._hatch((left, top, right, bottom), color, alpha * 0.8)
        dashed = instance.united or instance.crowd
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        for a, b in pairwise(corners):
            for start, end in _dashes(a, b, self.stroke * 5) if dashed else [(a, b)]:
                self.line(start, end, _rim(alpha), self.stroke * 1.7)
        for a, b in pairwise(corners):
            for start, end in _dashes(a, b, self.stroke * 5) if dashed else [(a, b)]:
                self.line(start, end, _rgba(color, alpha), self.stroke * 0.9)

    def _hatch(self, rect: Rect, color: str, alpha: float) -> None:
        left, top, right, bottom = rect
        high, step = bottom - top, self.stroke * 7
        for n in range(1, int((right - left + high) / step) + 1):
            x = left + n * step
            cut = _clip((x, top), (x - high, bottom), rect)
            if cut:
                self.draw.line(cut, fill=_rgba(color, alpha), width=max(_SUPER, round(self.stroke / 2)))

    def skeleton(self, instance: Instance, layers: Layers, alpha: float) -> None:
        """Bones, then joints over them: filled when visible, hollow when occluded, a cross when v = 0."""
        stroke = self._stroke_of(instance)
        rim = _rim(alpha)
        bones = list(instance.drawn_bones()) if layers.bones else []
        for a, b in bones:
            self.line(self.at(*a.place), self.at(*b.place), rim, stroke * 1.9)
        for a, b in bones:
            color = _rgba(palette.part_color(bone_part(a, b)), alpha)
            self.line(self.at(*a.place), self.at(*b.place), color, stroke)
        for joint in instance.joints:
            if joint.labelled and layers.joints:
                self._joint(joint, stroke, alpha)
            elif joint.ghost and layers.unlabelled:
                self._cross(joint, stroke, alpha)
            else:
                continue
            if layers.names:
                x, y = self.at(*joint.place)
                self._text(clean_text(joint.name, 24), (x + stroke * 2, y), max(9.0, self.stroke * 2.6))

    def _stroke_of(self, instance: Instance) -> float:
        """Thinner lines for a person far away, whom full-sized ones would cover."""
        places = [self.at(*j.place) for j in instance.joints if j.labelled]
        if len(places) < 2:
            return self.stroke
        xs, ys = [p[0] for p in places], [p[1] for p in places]
        return max(min(self.stroke, 0.02 * max(max(xs) - min(xs), max(ys) - min(ys))), 1.0 * _SUPER)

    def _joint(self, joint: Joint, stroke: float, alpha: float) -> None:
        x, y = self.at(*joint.place)
        color = _rgba(palette.part_color(joint.part), alpha)
        rim = _rim(alpha)
        radius = stroke * 1.5
        if not (0 <= x <= self.sheet.width and 0 <= y <= self.sheet.height):
            if alpha == 1.0:  # not for the neighbours of a crop's subject
                self._pointer(x, y, color, stroke)
            return
        self.draw.circle((x, y), radius + stroke * 0.45, fill=rim)
        self.draw.circle((x, y), radius, fill=color)
        if joint.visibility == 1:
            # Wide enough to be seen as a hole at the smallest size.
            self.draw.circle((x, y), max(radius * 0.6, 1.6 * _SUPER), fill=(0, 0, 0, 0))

    def rings(self, instance: Instance, joints: tuple[int, ...]) -> None:
        """Circles around the joints that something is said of."""
        radius = max(self.stroke * 4.5, self.sheet.width / 28)
        for joint in instance.joints:
            if joint.index in joints and joint.place is not None:
                # one that lies outside is circled at the edge, where its pointer is
                x, y = self.at(*joint.place)
                x = min(max(x, radius), self.sheet.width - radius)
                y = min(max(y, radius), self.sheet.height - radius)
                width = max(2, round(self.stroke))
                self.draw.circle((x, y), radius + width, outline=_RIM, width=width * 3)
                self.draw.circle((x, y), radius, outline=_RING, width=width)

    def _pointer(self, x: float, y: float, color: tuple, stroke: float) -> None:
        """A triangle at the edge towards a joint that lies outside of the view."""
        size = stroke * 2.2
        cx = min(max(x, size), self.sheet.width - size)
        cy = min(max(y, size), self.sheet.height - size)
        self.draw.regular_polygon((cx, cy, size), 3, -_bearing(x - cx, y - cy), fill=color, outline=_RIM)

    def _cross(self, joint: Joint, stroke: float, alpha: float) -> None:
        x, y = self.at(*joint.place)
        arm = stroke * 1.6
        for fill, width in ((_rim(alpha), stroke * 1.9), (_rgba("#ffffff", alpha), stroke)):
            for dx, dy in ((arm, arm), (arm, -arm)):
                self.line((x - dx, y - dy), (x + dx, y + dy), fill, width)

    def label(self, instance: Instance, color: str) -> None:
        """The label on a plate of the box's colour, inside the view whatever the box's place."""
        said = [clean_text(instance.label), "crowd" if instance.crowd else ""]
        text = " · ".join(part for part in said if part)
        if instance.rect is None or not text:
            return
        height = max(11.0, min(self.width, self.height) / 22) * _SUPER
        font = _font(round(height * 0.82), text)
        wide = self.draw.textlength(text, font=font) + height * 0.6
        x, y = self.at(instance.rect[0], instance.rect[1])
        x = min(max(x - self.stroke / 2, 0), max(0.0, self.sheet.width - wide))
        y = min(max(y - height * 1.15, 0), max(0.0, self.sheet.height - height * 1.2))
        plate = (x, y, x + wide, y + height * 1.15)
        self.draw.rounded_rectangle(plate, radius=height * 0.18, fill=_rgba(color, 0.94))
        place = (x + height * 0.3, y + height * 0.575)
        self.draw.text(place, text, fill=palette.text_on(color), font=font, anchor="lm")

    def _text(self, text: str, place: tuple[float, float], height: float) -> None:
        font = _font(round(height), text)
        self.draw.text(place, text, fill="#ffffff", font=font, anchor="lm",
                       stroke_width=max(1, round(height / 9)), stroke_fill=_RIM[:3])  # fmt: skip

    def notes(self, lines: list[str]) -> None:
        """Sentences at the foot of the image, on a plate, broken where they are wider than it is.

        A gallery shows a tile at half its size: what is to be read there is twice as large here.
        """
        height = max(12.0, max(self.width, self.height) * 0.072) * _SUPER
        wide = self.sheet.width * 0.94
        rows = [row for line in lines for row in self._wrapped(line, height, wide)]
        if not rows:
            return
        step = height * 1.2
        top = self.sheet.height - step * len(rows) - height * 0.2
        self.draw.rectangle((0, top, self.sheet.width, self.sheet.height), fill=(10, 12, 16, 215))
        for n, row in enumerate(rows):
            self._text(row, (self.sheet.width * 0.03, top + step * (n + 0.6)), height)

    def _wrapped(self, text: str, height: float, wide: float) -> list[str]:
        """Lines of whole words; a word that is wider than the image is cut by the image's edge."""
        rows: list[str] = []
        for word in text.split():
            longer = f"{rows[-1]} {word}" if rows else word
            if rows and self.draw.textlength(longer, font=_font(round(height), text)) <= wide:
                rows[-1] = longer
            else:
                rows.append(word)
        return rows

    def encode(self, format: str) -> bytes:
        self.base.paste(reduced := self.sheet.reduce(_SUPER), (0, 0), reduced)
        out = io.BytesIO()
        # Method 2: half the time of the default for a few per cent more bytes.
        options = {"WEBP": {"quality": 82, "method": 2}, "JPEG": {"quality": 88}}.get(format.upper(), {})
        self.base.save(out, format, **options)
        return out.getvalue()


def _rim(alpha: float) -> tuple[int, int, int, int]:
    return (*_RIM[:3], round(_RIM[3] * alpha))


def _rgba(color: str, alpha: float) -> tuple[int, int, int, int]:
    return (*palette.rgb(color), round(255 * min(max(alpha, 0.0), 1.0)))


def _bearing(dx: float, dy: float) -> float:
    """Degrees clockwise from straight up, for a direction with y pointing down."""
    return math.degrees(math.atan2(dx, -dy))


def _clip(a: tuple[float, float], b: tuple[float, float], rect: Rect) -> Rect | None:
    """The part of a segment inside a rectangle (Liang and Barsky), or None."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    start, end = 0.0, 1.0
    for p, q in ((-dx, a[0] - rect[0]), (dx, rect[2] - a[0]), (-dy, a[1] - rect[1]), (dy, rect[3] - a[1])):
        if p == 0:
            if q < 0:
                return None
        elif p < 0:
            start = max(start, q / p)
        else:
            end = min(end, q / p)
    if start > end:
        return None
    return (a[0] + start * dx, a[1] + start * dy, a[0] + end * dx, a[1] + end * dy)


def _dashes(a: tuple[float, float], b: tuple[float, float], length: float) -> list[tuple]:
    """A segment as strokes of `length` with gaps of the same, beginning and ending with a stroke."""
    total = math.dist(a, b)
    count = min(max(1, round(total / length / 2)), 500)
    unit = 1 / (2 * count - 1)

    def point(t: float) -> tuple[float, float]:
        return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t)

    return [(point(2 * n * unit), point((2 * n + 1) * unit)) for n in range(count)]


@lru_cache(maxsize=64)
def _sized_font(height: int, name: str | None) -> ImageFont.FreeTypeFont:
    if name:
        try:
            return ImageFont.truetype(name, height)
        except OSError:
            pass
    return ImageFont.load_default(height)


def _font(height: int, text: str) -> ImageFont.FreeTypeFont:
    """Pillow's own font, the same on every machine; it is Latin only, so other scripts ask the system."""
    plain = all(ord(c) < 0x180 or c in "·…×" for c in text)
    return _sized_font(max(6, height), None if plain else "DejaVuSans.ttf")
