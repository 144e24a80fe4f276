"""What a report draws, as SVG: bars of findings by check, and an annotation over its image.

Pure: plain values go in, text comes out. Every text that a dataset may hold is escaped here.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Collection, Iterable, Sequence
from html import escape

from queries.colors import bone_part, part_color
from queries.report_words import number, shown
from queries.reports import CheckResult
from queries.scene import Instance, Joint, Rect, Scene

SIDE = 240  # a picture's longer side, in units of its own; about the pixels of the image in it

#: Others of the image that are drawn faintly beside the one that a finding is of.
_MOST_OTHERS = 40

_WIDTH, _NAMES, _SEVERITY, _COUNTS, _ROW = 860, 250, 66, 70, 24
# Bars of very different lengths are told apart on a logarithmic scale alone.
_LOGARITHMIC_FROM = 100


def bars(checks: Sequence[CheckResult]) -> str:
    """Findings by check, a bar each, with severity and number in words; report.css has the colours.

    Widths are in proportion, or to log10(1 + n) where the largest is a hundred times the smallest.
    """
    most, least = max(c.new for c in checks), min(c.new for c in checks)
    logarithmic = most >= _LOGARITHMIC_FROM * least
    room = _WIDTH - _NAMES - _SEVERITY - _COUNTS
    height = len(checks) * _ROW + (22 if logarithmic else 4)
    title = f"Findings by check: {'; '.join(f'{c.check} {c.new:,} ({c.severity})' for c in checks)}"
    parts = [
        f'<svg class="bars" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">',
    ]
    for n, check in enumerate(checks):
        share = math.log10(1 + check.new) / math.log10(1 + most) if logarithmic else check.new / most
        y, wide = n * _ROW + 4, max(3.0, share * room)
        middle, left = y + 9, _NAMES + _SEVERITY
        parts.append(
            f'<text class="name" x="{_NAMES - 8}" y="{middle}">{escape(check.check)}</text>'
            f'<text class="severity" x="{_NAMES}" y="{middle}">{escape(check.severity)}</text>'
            f'<rect class="bar {escape(check.severity)}" x="{left}" y="{y}" width="{wide:.1f}" height="16"/>'
            f'<text class="count" x="{left + wide + 6:.1f}" y="{middle}">{check.new:,}</text>'
        )
    if logarithmic:
        parts.append(
            f'<text class="scale" x="{_NAMES + _SEVERITY}" y="{height - 6}">'
            "bars on a logarithmic scale: read the numbers</text>"
        )
    parts.append("</svg>")
    return "".join(parts)


def definitions() -> str:
    """What all figures use, once a document: the grid of a frame without an image, the hatching of bars."""
    return (
        '<svg class="defs" width="0" height="0" aria-hidden="true"><defs>'
        '<pattern id="grid" width="20" height="20" patternUnits="userSpaceOnUse">'
        '<rect class="blank" width="20" height="20"/><path class="line" d="M20 0H0V20"/></pattern>'
        '<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect class="fill warning" width="6" height="6"/>'
        '<line class="gap" x1="0" y1="0" x2="0" y2="6"/></pattern></defs></svg>'
    )


def picture(
    scene: Scene,
    view: Rect,
    *,
    focus: int | None = None,
    ring: Collection[int] = (),
    image: bytes | None = None,
    image_box: Rect | None = None,
    title: str = "",
) -> str:
    """The part `view` (left, top, right, bottom) of a scene in pixels, its annotations over the image.

    `image` is a JPEG that covers the rectangle `image_box` of the scene; without one the frame is blank.
    `focus` is the annotation that is meant, the others are faint; without one all are drawn. `ring` are the
    numbers of its joints that are circled; one that lies outside the view is circled at its edge.
    """
    pen = _Pen(view)
    parts = [
        f'<svg class="picture" viewBox="0 0 {pen.width:g} {pen.height:g}" role="img">'
        f"<title>{escape(title)}</title>"
    ]
    frame = pen.rect((0.0, 0.0, float(scene.width), float(scene.height)))
    if image is not None:
        data = base64.b64encode(image).decode("ascii")
        place = pen.rect(image_box or (0.0, 0.0, float(scene.width), float(scene.height)))
        parts.append(f'<image {place} preserveAspectRatio="none" href="data:image/jpeg;base64,{data}"/>')
    elif frame:
        parts.append(f'<rect {frame} fill="url(#grid)"/>')
    others = [i for i in scene.instances if i.annotation_id != focus]
    meant = [i for i in scene.instances if i.annotation_id == focus]
    if focus is None:
        meant, others = others[:_MOST_OTHERS], []
    for instance in others[:_MOST_OTHERS]:
        drawn = pen.box(instance) + pen.bones(instance, rim=False)
        if drawn:
            parts.append(f'<g class="other">{drawn}</g>')
    for instance in meant:
        parts.append(pen.box(instance) + pen.bones(instance) + pen.joints(instance))
    for instance in meant:
        parts.append(pen.rings(instance, ring))
    parts.append("</svg>")
    return "".join(parts)


class _Pen:
    """From pixels of the scene to units of the picture."""

    def __init__(self, view: Rect) -> None:
        wide, high = max(view[2] - view[0], 1e-6), max(view[3] - view[1], 1e-6)
        self.view = view
        self.scale = SIDE / max(wide, high)
        # never a sliver: what a very long view leaves is the page's own ground
        self.width = round(max(wide * self.scale, SIDE / 4), 1)
        self.height = round(max(high * self.scale, SIDE / 4), 1)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A place, one decimal; what lies far outside is drawn as far out as any viewer can take."""
        far = 10.0 * SIDE
        px, py = (x - self.view[0]) * self.scale, (y - self.view[1]) * self.scale
        return round(min(max(px, -far), far), 1), round(min(max(py, -far), far), 1)

    def rect(self, rect: Rect) -> str:
        """A rectangle's attributes, sides in order; empty where it lies wholly outside the view."""
        (left, top), (right, bottom) = self.at(*rect[:2]), self.at(*rect[2:])
        if right < 0 or bottom < 0 or left > self.width or top > self.height:
            return ""
        return f'x="{left:g}" y="{top:g}" width="{right - left:.4g}" height="{bottom - top:.4g}"'

    def box(self, instance: Instance) -> str:
        """A box, dark in a light rim; united and crowd boxes are dashed."""
        place = self.rect(instance.rect) if instance.rect else ""
        if not place:
            return ""
        dashed = " dashed" if instance.united or instance.crowd else ""
        if self.flat(instance):  # SVG draws no rectangle without a width or a height
            (left, top), (right, bottom) = self.at(*instance.rect[:2]), self.at(*instance.rect[2:])
            line = f'd="M{left:g} {top:g}L{right:g} {bottom:g}"'
            return f'<path class="rim" {line}/><path class="box{dashed}" {line}/>'
        return f'<rect class="rim" {place}/><rect class="box{dashed}" {place}/>'

    def flat(self, instance: Instance) -> bool:
        """Whether its box is a line or a point in the picture."""
        if instance.rect is None:
            return False
        (left, top), (right, bottom) = self.at(*instance.rect[:2]), self.at(*instance.rect[2:])
        return right - left < 0.5 or bottom - top < 0.5

    def bones(self, instance: Instance, rim: bool = True) -> str:
        """Bones in the colours of the body's parts, one path a colour."""
        paths: dict[str, list[str]] = {}
        for a, b in instance.drawn_bones():
            (ax, ay), (bx, by) = self.at(*a.place), self.at(*b.place)
            if max(ax, bx) < 0 or max(ay, by) < 0 or min(ax, bx) > self.width or min(ay, by) > self.height:
                continue
            line = f"M{ax:g} {ay:g}L{bx:g} {by:g}"
            paths.setdefault(part_color(bone_part(a.part, b.part)), []).append(line)
        if not paths:
            return ""
        width = self._stroke(instance)
        every = "".join(line for lines in paths.values() for line in lines)
        edge = f'<path class="edge" stroke-width="{width + 1.6:g}" d="{every}"/>' if rim else ""
        return edge + "".join(
            f'<path class="bone" stroke-width="{width:g}" stroke="{color}" d="{"".join(lines)}"/>'
            for color, lines in paths.items()
        )

    def joints(self, instance: Instance) -> str:
        """Labelled joints: filled, or hollow where the source says occluded."""
        groups: dict[tuple[str, bool], list[str]] = {}
        radius = round(self._stroke(instance) * 1.35, 2)
        for joint in instance.joints:
            if not joint.labelled:
                continue
            x, y = self.at(*joint.place)
            if 0 <= x <= self.width and 0 <= y <= self.height:
                key = (part_color(joint.part), joint.visibility == 1)
                groups.setdefault(key, []).append(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}"/>')
        return "".join(
            f'<g class="{"hollow" if hollow else "joint"}" {"stroke" if hollow else "fill"}="{color}">'
            f"{''.join(circles)}</g>"
            for (color, hollow), circles in groups.items()
        )

    def rings(self, instance: Instance, wanted: Collection[int]) -> str:
        """Circles around the joints that are blamed, a cross in them where the joint itself is not drawn.

        With no joint to blame there is one around a box that is nothing to see.
        """
        radius = SIDE / 24
        found = []
        if not wanted and self.flat(instance) and self.rect(instance.rect):
            (left, top), (right, bottom) = self.at(*instance.rect[:2]), self.at(*instance.rect[2:])
            cx = min(max((left + right) / 2, radius + 2), self.width - radius - 2)
            cy = min(max((top + bottom) / 2, radius + 2), self.height - radius - 2)
            place = f'cx="{cx:g}" cy="{cy:g}" r="{radius:g}"'
            found.append(f'<circle class="ringrim" {place}/><circle class="ring" {place}/>')
        for joint in _blamed(instance, wanted):
            x, y = self.at(*joint.place)
            cx = min(max(x, radius + 2), self.width - radius - 2)
            cy = min(max(y, radius + 2), self.height - radius - 2)
            place = f'cx="{cx:g}" cy="{cy:g}" r="{radius:g}"'
            found.append(f'<circle class="ringrim" {place}/><circle class="ring" {place}/>')
            if not joint.labelled and (cx, cy) == (x, y):
                found.append(f'<path class="cross" d="M{x - 3:g} {y - 3:g}l6 6m0-6l-6 6"/>')
        return "".join(found)

    def _stroke(self, instance: Instance) -> float:
        """Thinner lines for a figure that full-sized ones would cover."""
        places = [self.at(*joint.place) for joint in instance.joints if joint.labelled]
        if len(places) < 2:
            return 2.4
        xs, ys = [x for x, _ in places], [y for _, y in places]
        return round(min(2.4, max(1.0, 0.02 * max(max(xs) - min(xs), max(ys) - min(ys)))), 2)


def _blamed(instance: Instance, wanted: Collection[int]) -> Iterable[Joint]:
    return (joint for joint in instance.joints if joint.index in wanted and joint.place is not None)


def describe(scene: Scene, focus: int | None) -> str:
    """A picture in words, for who does not see it."""
    if focus is None:
        return f"the image with {number(len(scene.instances), 'annotation')}"
    label = next((i.label for i in scene.instances if i.annotation_id == focus), None)
    return f"annotation{f' of {shown(label, 60)}' if label else ''}"
