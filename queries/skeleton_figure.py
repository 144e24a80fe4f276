"""A figure of a skeleton, to check its joints, bones, sides and order at a glance.

The body has a name beside every joint; faces and hands have numbers, and a list beside them. A skeleton
with joints that the vocabulary does not know is placed on a circle: its order and bones can be checked.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from queries import skeleton_places as places
from queries.colors import bone_part, part_color
from queries.model import Skeleton
from queries.vocabulary import canonical_names

_SUPER = 2  # Pillow's lines are not smooth: drawn twice as large and reduced
_TEXT, _MUTED, _FAINT = "#262730", "#6b7280", "#bcc2cc"
_MARGIN, _HEAD, _FOOT = 28, 84, 44
_LABEL, _SMALL, _TITLE = 17, 15, 26
_ROW, _SMALL_ROW = 23, 19
_BODY_SIZE = (900, 1060)
_WIDE_SIZE = (1120, 860)
_HAND_SIZE = (390, 430)
_FACE_SIZE = (700, 640)
_COLUMN = 230  # of names, on either side
_LIST_WIDTH = 225

Point = tuple[float, float]


@dataclass(frozen=True)
class _Panel:
    """A part of the figure: which joints it shows, where, and what is written beside them."""

    title: str
    size: tuple[int, int]
    #: joint index -> place within the panel, in pixels
    spots: dict[int, Point]
    named: bool = False
    listing: tuple[str, ...] = ()


def png(skeleton: Skeleton) -> bytes:
    """The skeleton as a PNG: joints with their 0-based index and name, bones in the colours of the parts."""
    columns = _columns(skeleton)
    widths = [max(sum(_width(panel) for panel in row) for row in column) for column in columns]
    heights = [sum(max(panel.size[1] for panel in row) for row in column) for column in columns]
    sheet = _Sheet(sum(widths) + _MARGIN * (len(columns) + 1), _HEAD + max(heights) + _FOOT)
    _heading(sheet, skeleton)
    left = _MARGIN
    for column, width in zip(columns, widths, strict=True):
        y = _HEAD
        for row in column:
            x = left + (width - sum(_width(panel) for panel in row)) / 2
            for panel in row:
                _draw_panel(sheet, skeleton, panel, x, y)
                x += _width(panel)
            y += max(panel.size[1] for panel in row)
        left += width + _MARGIN
    _legend(sheet, skeleton)
    return sheet.encode()


def _width(panel: _Panel) -> int:
    return panel.size[0] + (_LIST_WIDTH if panel.listing else 0)


def _columns(skeleton: Skeleton) -> list[list[list[_Panel]]]:
    """The panels that the skeleton's joints need, as columns of rows: the body, then the face over hands."""
    names = canonical_names(skeleton)
    if not places.known().issuperset(names):
        # A joint without a place makes it no person: half a dog on a human body would mislead.
        note = "placed on a circle: the vocabulary does not know where they lie"
        return [[[_Panel(note, _WIDE_SIZE, _circle(len(names), _WIDE_SIZE), named=True)]]]
    columns: list[list[list[_Panel]]] = []
    if body := _spots(names, places.BODY, _BODY_SIZE, _COLUMN):
        columns.append([[_Panel("", _BODY_SIZE, body, named=True)]])
    rows: list[list[_Panel]] = []
    if face := _spots(names, places.FACE, _FACE_SIZE, 40):
        rows.append([_Panel("face", _FACE_SIZE, face, listing=_face_listing(names))])
    hands = []
    # The person's right comes first: it is on the viewer's left.
    for title, layout in (("right hand", places.RIGHT_HAND), ("left hand", places.LEFT_HAND)):
        if hand := _spots(names, layout, _HAND_SIZE, 40):
            hands.append(_Panel(title, _HAND_SIZE, hand, listing=_listing(skeleton, hand)))
    rows += [hands] if hands else []
    columns += [rows] if rows else []
    if hand := _spots(names, places.HAND, _WIDE_SIZE, 280):
        note = "the side is not told: drawn as a right hand that shows its palm"
        columns.append([[_Panel(note, _WIDE_SIZE, hand, named=True)]])
    return columns


def _spots(
    names: Sequence[str], layout: dict[str, Point], size: tuple[int, int], pad: int
) -> dict[int, Point]:
    """Places in a panel's pixels: the whole layout fits inside, whichever of its joints are there."""
    xs, ys = [x for x, _ in layout.values()], [y for _, y in layout.values()]
    scale = min((size[0] - 2 * pad) / (max(xs) - min(xs)), (size[1] - 100) / (max(ys) - min(ys)))
    x0 = size[0] / 2 - scale * (max(xs) + min(xs)) / 2
    y0 = 56 - scale * min(ys)
    return {
        index: (x0 + scale * layout[name][0], y0 + scale * layout[name][1])
        for index, name in enumerate(names)
        if name in layout
    }


def _circle(count: int, size: tuple[int, int]) -> dict[int, Point]:
    """Places clockwise from the top, in the skeleton's order."""
    found = {}
    for index in range(count):
        angle = 2 * math.pi * index / count
        x = size[0] / 2 + (size[0] / 2 - 290) * math.sin(angle)
        found[index] = (x, size[1] / 2 + 20 - (size[1] / 2 - 80) * math.cos(angle))
    return found


def _listing(skeleton: Skeleton, spots: dict[int, Point]) -> tuple[str, ...]:
    return tuple(f"{index}  {skeleton.names[index]}" for index in spots)


def _face_listing(names: Sequence[str]) -> tuple[str, ...]:
    at = {name: index for index, name in enumerate(names)}
    lines = []
    for title, first, last, _ in places.FACE_CONTOURS:
        have = [at[f"face_{k}"] for k in range(first, last + 1) if f"face_{k}" in at]
        if have:
            lines += [f"{min(have)} to {max(have)}  {title}", f"       face_{first} to face_{last}"]
    return tuple(lines)


class _Sheet:
    """The picture, in pixels of the result; what is drawn is twice as large until it is encoded."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.image = Image.new("RGB", (width * _SUPER, height * _SUPER), "#ffffff")
        self.pen = ImageDraw.Draw(self.image)

    def line(self, a: Point, b: Point, color: str, width: float) -> None:
        ends = [(x * _SUPER, y * _SUPER) for x, y in (a, b)]
        self.pen.line(ends, fill=color, width=max(1, round(width * _SUPER)))
        if width > 2:
            for x, y in ends:
                self.pen.circle((x, y), width * _SUPER / 2, fill=color)

    def dot(self, at: Point, color: str, radius: float) -> None:
        x, y = at[0] * _SUPER, at[1] * _SUPER
        self.pen.circle((x, y), (radius + 1.5) * _SUPER, fill="#ffffff")
        self.pen.circle((x, y), radius * _SUPER, fill=color)

    def text(
        self,
        at: Point,
        text: str,
        size: int,
        *,
        color: str = _TEXT,
        anchor: str = "lm",
        halo: bool = False,
    ) -> None:
        self.pen.text(
            (at[0] * _SUPER, at[1] * _SUPER),
            text,
            fill=color,
            font=_font(size, text),
            anchor=anchor,
            stroke_width=3 * _SUPER // 2 if halo else 0,
            stroke_fill="#ffffff",
        )

    def length(self, text: str, size: int) -> float:
        return self.pen.textlength(text, font=_font(size, text)) / _SUPER

    def encode(self) -> bytes:
        out = io.BytesIO()
        self.image.reduce(_SUPER).save(out, "PNG", optimize=True)
        return out.getvalue()


@cache
def _loaded(size: int, file: str | None) -> ImageFont.FreeTypeFont:
    if file:
        with suppress(OSError):
            return ImageFont.truetype(file, size)
    return ImageFont.load_default(size)


def _font(size: int, text: str) -> ImageFont.FreeTypeFont:
    """Pillow's own font, the same on every machine; it is Latin only, so other scripts ask the system."""
    plain = all(ord(c) < 0x180 or c in "·…" for c in text)
    return _loaded(size * _SUPER, None if plain else "DejaVuSans.ttf")


def _heading(sheet: _Sheet, skeleton: Skeleton) -> None:
    _fitted(sheet, (_MARGIN, 32), f"{skeleton.name} · {skeleton.title or 'a skeleton'}", _TITLE, _TEXT)
    count = f"joints: {len(skeleton.joints)} · bones: {len(skeleton.bones)} · numbered from 0"
    source = f" · {skeleton.source}" if skeleton.source else ""
    _fitted(sheet, (_MARGIN, 62), count + source, _SMALL, _MUTED)


def _fitted(sheet: _Sheet, at: Point, text: str, size: int, color: str) -> None:
    """One line, made smaller or cut where the sheet is too narrow for it."""
    room = sheet.width - 2 * _MARGIN
    while size > 12 and sheet.length(text, size) > room:
        size -= 1
    while len(text) > 1 and sheet.length(text, size) > room:
        text = text[:-2].rstrip() + "…"
    sheet.text(at, text, size, color=color)


def _draw_panel(sheet: _Sheet, skeleton: Skeleton, panel: _Panel, x: float, y: float) -> None:
    spots = {index: (x + px, y + py) for index, (px, py) in panel.spots.items()}
    titles = (
        [(0.5, panel.title)] if panel.title else [(0.3, "the person's right"), (0.7, "the person's left")]
    )
    for share, title in titles:
        sheet.text((x + panel.size[0] * share, y + 16), title, _LABEL, color=_MUTED, anchor="mm")
    labels = _labels(spots, (x, y + 44, x + panel.size[0], y + panel.size[1] - 16)) if panel.named else {}
    for index, (place, anchor) in labels.items():
        gap = 6 if anchor == "rm" else -6
        sheet.line((place[0] + gap, place[1]), spots[index], _FAINT, 1)
    for a, b in skeleton.bones:
        if a in spots and b in spots:
            part = bone_part(skeleton.joints[a].part, skeleton.joints[b].part)
            sheet.line(spots[a], spots[b], part_color(part), 5.0 if panel.named else 3.0)
    for index, spot in spots.items():
        sheet.dot(spot, part_color(skeleton.joints[index].part), 6 if panel.named else 4)
    for index, (place, anchor) in labels.items():
        sheet.text(place, _label(skeleton, index), _LABEL, anchor=anchor)
    if not panel.named:
        for index, place in _number_places(spots, skeleton).items():
            sheet.text(place, str(index), 14, anchor="mm", halo=True)
    for row, line in enumerate(panel.listing):
        sheet.text((x + panel.size[0] + 8, y + 30 + row * _SMALL_ROW), line, _SMALL)


def _label(skeleton: Skeleton, index: int) -> str:
    name = "".join(c if c.isprintable() else " " for c in skeleton.names[index])
    return f"{index}  {name if len(name) <= 30 else name[:29] + '…'}"


def _labels(spots: dict[int, Point], room: tuple[float, float, float, float]) -> dict[int, tuple[Point, str]]:
    """Where each joint's name stands: in the column of its side, at its own height where there is room."""
    left, top, right, bottom = room
    middle = (left + right) / 2
    columns: dict[str, list[int]] = {"rm": [], "lm": []}
    centre = []
    for index, (x, _) in spots.items():
        if abs(x - middle) < 2:
            centre.append(index)
        else:
            columns["rm" if x < middle else "lm"].append(index)
    for index in sorted(centre, key=lambda i: spots[i][1]):
        columns[min(columns, key=lambda side: len(columns[side]))].append(index)
    found = {}
    for anchor, indices in columns.items():
        # From the top, and of joints at one height the one nearest to the column first: lines cross less.
        indices.sort(key=lambda i: (round(spots[i][1]), -abs(spots[i][0] - middle)))
        edge = left + _COLUMN if anchor == "rm" else right - _COLUMN
        heights = _spread([spots[i][1] for i in indices], top, bottom)
        for index, y in zip(indices, heights, strict=True):
            found[index] = ((edge, y), anchor)
    return found


def _spread(wanted: list[float], top: float, bottom: float) -> list[float]:
    """Heights at least a row apart, as near to the wanted ones as that allows, within top and bottom."""
    step = min(_ROW, (bottom - top) / max(len(wanted) - 1, 1))
    # Names that would overlap stand together as a block, centred on their joints.
    blocks: list[list[float]] = []
    for y in wanted:
        blocks.append([y])
        while len(blocks) > 1 and _end(blocks[-2], step) + step > _start(blocks[-1], step):
            last = blocks.pop()
            blocks[-1] += last
    heights = [_start(block, step) + step * row for block in blocks for row in range(len(block))]
    for row, height in enumerate(heights):
        heights[row] = max(height, heights[row - 1] + step if row else top)
    limit = bottom
    for row in range(len(heights) - 1, -1, -1):
        heights[row] = min(heights[row], limit)
        limit = heights[row] - step
    return heights


def _start(block: list[float], step: float) -> float:
    return sum(block) / len(block) - step * (len(block) - 1) / 2


def _end(block: list[float], step: float) -> float:
    return _start(block, step) + step * (len(block) - 1)


def _number_places(spots: dict[int, Point], skeleton: Skeleton) -> dict[int, Point]:
    """A number's place beside its joint, where its bones leave room."""
    names = canonical_names(skeleton)
    at = {names[index]: index for index in spots}
    found = {}
    for _, first, last, way in places.FACE_CONTOURS:
        contour = [at[f"face_{k}"] for k in range(first, last + 1) if f"face_{k}" in at]
        for index in contour:
            x, y = spots[index]
            if isinstance(way, tuple):
                found[index] = _beside(spots[index], way)
            else:
                cx = sum(spots[i][0] for i in contour) / len(contour)
                cy = sum(spots[i][1] for i in contour) / len(contour)
                found[index] = _beside(spots[index], (way * (x - cx), way * (y - cy)))
    for index, (x, y) in spots.items():
        if index not in found:  # of a hand: beside the finger, which runs up from the bone's other end
            ends = [a if b == index else b for a, b in skeleton.bones if index in (a, b)]
            ends = [end for end in ends if end in spots]
            up = max((spots[end] for end in ends), key=lambda p: p[1], default=(x, y + 1))
            dx, dy = up[1] - y, x - up[0]
            found[index] = _beside((x, y), (dx, dy) if len(ends) < 5 else (0.0, 1.0))
    return found


def _beside(spot: Point, way: Point) -> Point:
    far = math.hypot(*way) or 1.0
    return (spot[0] + 17 * way[0] / far, spot[1] + 14 * way[1] / far)


def _legend(sheet: _Sheet, skeleton: Skeleton) -> None:
    """The parts that occur, each a dot and its name."""
    x, y = float(_MARGIN), sheet.height - 22.0
    for part in dict.fromkeys(joint.part for joint in skeleton.joints):
        text = (part or "no part").replace("_", " ")
        sheet.dot((x + 6, y), part_color(part), 6)
        sheet.text((x + 18, y), text, _SMALL)
        x += 18 + sheet.length(text, _SMALL) + 18
