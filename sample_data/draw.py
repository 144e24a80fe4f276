"""Painting with rounded, softly shaded shapes.

All positions and lengths here are output pixels, x to the right and y down.
The canvas is painted `SUPERSAMPLE` times as large and reduced at the end, which
is what smooths the edges.
"""

import itertools
import math

import numpy as np
from PIL import Image, ImageDraw

SUPERSAMPLE = 3
LIGHT = np.array([-0.55, -0.83])  # where the light comes from, in image axes


def shade(color, factor):
    """A colour darkened (factor < 1) or lightened towards white (factor > 1)."""
    c = np.asarray(color, float)
    c = c * factor if factor <= 1 else c + (255 - c) * (factor - 1)
    return tuple(int(v) for v in np.clip(c, 0, 255))


def mix(a, b, t):
    """The colour a share `t` of the way from `a` to `b`."""
    return tuple(int(v) for v in np.asarray(a, float) * (1 - t) + np.asarray(b, float) * t)


def capsule_outline(p0, r0, p1, r1, steps=10):
    """The polygon around two discs and what lies between them."""
    p0, p1 = np.asarray(p0, float), np.asarray(p1, float)
    d = float(np.hypot(*(p1 - p0)))
    if d <= abs(r0 - r1) + 1e-6:  # one disc holds the other
        p, r = (p0, r0) if r0 >= r1 else (p1, r1)
        a = np.linspace(0, 2 * math.pi, 2 * steps, endpoint=False)
        return np.stack([p[0] + r * np.cos(a), p[1] + r * np.sin(a)], 1)
    axis = math.atan2(p1[1] - p0[1], p1[0] - p0[0])
    alpha = math.acos((r0 - r1) / d)
    a1 = axis + np.linspace(-alpha, alpha, steps)
    a0 = axis + np.linspace(alpha, 2 * math.pi - alpha, steps)
    far = np.stack([p1[0] + r1 * np.cos(a1), p1[1] + r1 * np.sin(a1)], 1)
    near = np.stack([p0[0] + r0 * np.cos(a0), p0[1] + r0 * np.sin(a0)], 1)
    return np.concatenate([far, near])


class Canvas:
    """A picture under way, and beside it who owns each pixel.

    `owner` holds, per output pixel, the number passed as `tag` by whatever was
    painted there last (0 for the background): it is how occlusion and
    segmentation come from the drawing itself and not from a guess.
    """

    def __init__(self, background):
        self.height, self.width = background.shape[:2]
        image = Image.fromarray(background)
        size = (self.width * SUPERSAMPLE, self.height * SUPERSAMPLE)
        self.image = image.resize(size, Image.BILINEAR)
        self.pen = ImageDraw.Draw(self.image)
        self.owner = Image.new("I", (self.width, self.height), 0)
        self.owner_pen = ImageDraw.Draw(self.owner)

    def polygon(self, points, color, tag=None):
        points = np.asarray(points, float)
        self.pen.polygon([tuple(p) for p in points * SUPERSAMPLE], fill=tuple(color))
        if tag is not None:
            self.owner_pen.polygon([tuple(p) for p in points], fill=int(tag))

    def ellipse(self, center, rx, ry, color, tag=None, angle=0.0):
        t = np.linspace(0, 2 * math.pi, 40, endpoint=False)
        x, y = rx * np.cos(t), ry * np.sin(t)
        c, s = math.cos(angle), math.sin(angle)
        self.polygon(np.stack([center[0] + c * x - s * y, center[1] + s * x + c * y], 1), color, tag)

    def line(self, points, width, color):
        """A round-ended line."""
        points = [np.asarray(p, float) for p in points]
        for a, b in itertools.pairwise(points):
            self.polygon(capsule_outline(a, width / 2, b, width / 2, 6), color)

    def capsule(self, p0, r0, p1, r1, color, tag=None, outline=1.0, gloss=0.16):
        """A limb segment: dark rim, base colour, and a soft light along one side."""
        if outline:
            rim = capsule_outline(p0, r0 + outline, p1, r1 + outline)
            self.polygon(rim, shade(color, 0.62), tag)
        self.polygon(capsule_outline(p0, r0, p1, r1), color, None if outline else tag)
        p0, p1 = np.asarray(p0, float), np.asarray(p1, float)
        for k in range(1, 5):
            keep, lift = 1 - 0.19 * k, 1 + gloss * k / 4
            s0, s1 = LIGHT * r0 * 0.085 * k, LIGHT * r1 * 0.085 * k
            self.polygon(capsule_outline(p0 + s0, r0 * keep, p1 + s1, r1 * keep), shade(color, lift))

    def finish(self):
        """The picture at its output size."""
        return self.image.reduce(SUPERSAMPLE)


def gradient(width, height, top, bottom, rng):
    """A soft background: top to bottom colour, with a slow diagonal swing."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    t = y / height
    swing = rng.uniform(-0.12, 0.12)
    t = np.clip(t + swing * (x / width - 0.5), 0, 1)[..., None]
    colors = np.asarray(top, float) * (1 - t) + np.asarray(bottom, float) * t
    glow_x, glow_y = rng.uniform(0, width), rng.uniform(0, height * 0.6)
    glow = np.exp(-((x - glow_x) ** 2 + (y - glow_y) ** 2) / (2 * (0.35 * width) ** 2))
    return np.clip(colors + 16 * glow[..., None], 0, 255).astype(np.uint8)


WALLS = [
    ((214, 222, 230), (176, 190, 204)),
    ((236, 226, 210), (206, 188, 164)),
    ((206, 222, 208), (164, 188, 170)),
    ((228, 210, 214), (194, 166, 176)),
    ((200, 206, 226), (154, 162, 194)),
    ((222, 220, 204), (180, 178, 156)),
    ((190, 210, 216), (138, 166, 178)),
    ((226, 214, 232), (184, 170, 196)),
]


def room(canvas, rng):
    """Furnish the wall behind somebody: two to four quiet pieces, none the same."""
    w, h = canvas.width, canvas.height
    base = canvas.image.getpixel((3, 3))
    for _ in range(int(rng.integers(2, 5))):
        x, y = rng.uniform(-0.1, 0.85) * w, rng.uniform(-0.05, 0.6) * h
        a, b = rng.uniform(0.16, 0.4) * w, rng.uniform(0.14, 0.4) * h
        kind = int(rng.integers(5))
        tone = shade(base, rng.uniform(0.72, 0.9))
        box = np.array([[x, y], [x + a, y], [x + a, y + b], [x, y + b]])
        if kind == 0:  # a window
            canvas.polygon(box, shade(base, 1.5))
            inner = box + np.array([[4, 4], [-4, 4], [-4, -4], [4, -4]])
            sky = mix((176, 206, 232), base, 0.3)
            canvas.polygon(inner, sky)
            canvas.line([(x + a / 2, y + 4), (x + a / 2, y + b - 4)], 3, shade(base, 1.5))
        elif kind == 1:  # a framed picture
            canvas.polygon(box, shade(base, 0.6))
            inner = box + np.array([[3, 3], [-3, 3], [-3, -3], [3, -3]])
            hue = tuple(int(v) for v in rng.integers(120, 220, 3))
            canvas.polygon(inner, mix(hue, base, 0.45))
            canvas.ellipse((x + a * 0.5, y + b * 0.55), a * 0.2, b * 0.2, mix(hue, (60, 70, 90), 0.4))
        elif kind == 2:  # a shelf with books
            canvas.polygon(
                np.array([[x, y + b], [x + a, y + b], [x + a, y + b + 4], [x, y + b + 4]]), shade(base, 0.55)
            )
            left = x + 2
            while left < x + a - 6:
                thick, tall = rng.uniform(4, 9), rng.uniform(0.35, 0.75) * b
                hue = mix(tuple(int(v) for v in rng.integers(70, 210, 3)), base, 0.4)
                canvas.polygon(
                    [
                        (left, y + b - tall),
                        (left + thick, y + b - tall),
                        (left + thick, y + b),
                        (left, y + b),
                    ],
                    hue,
                )
                left += thick + 0.8
        elif kind == 3:  # a door or a curtain
            canvas.polygon([(x, y), (x + a, y), (x + a, h), (x, h)], tone)
            canvas.line([(x + a * 0.5, y), (x + a * 0.5, h)], 1.2, shade(tone, 0.9))
        else:  # a plant
            foot = (x + a / 2, y + b)
            green = mix((78, 132, 88), base, 0.35)
            for lean in np.linspace(-1, 1, 5):
                tip = (foot[0] + lean * a * 0.5, y + abs(lean) * b * 0.4)
                canvas.capsule(foot, 2.2, tip, 3.6, green, None, 0)
            canvas.polygon(
                [
                    (foot[0] - 9, foot[1]),
                    (foot[0] + 9, foot[1]),
                    (foot[0] + 6, foot[1] + 16),
                    (foot[0] - 6, foot[1] + 16),
                ],
                mix((176, 110, 80), base, 0.3),
            )
