"""The tab's icon, drawn here: a named icon would be fetched from another host by the browser."""

from __future__ import annotations

from functools import cache

from PIL import Image, ImageDraw

from dashboard.palette import BACKGROUND, part_color

_SIZE = 64
#: A raised hand in a square of 64: the wrist, and each finger's knuckle and tip.
_WRIST = (32, 58)
_FINGERS = {
    "thumb": ((18, 42), (7, 30)),
    "index": ((22, 30), (18, 9)),
    "middle": ((31, 28), (31, 5)),
    "ring": ((40, 30), (44, 9)),
    "pinky": ((47, 36), (56, 19)),
}


@cache
def favicon() -> Image.Image:
    """A hand's skeleton, 64 pixels square, in the palette's colours."""
    image = Image.new("RGBA", (_SIZE, _SIZE), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    for part, (knuckle, tip) in _FINGERS.items():
        color = part_color(part, "light")
        draw.line([_WRIST, knuckle, tip], fill=color, width=5, joint="curve")
        draw.ellipse((tip[0] - 5, tip[1] - 5, tip[0] + 5, tip[1] + 5), fill=color)
    x, y = _WRIST
    draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=part_color("wrist", "light"), outline=BACKGROUND["light"])
    return image
