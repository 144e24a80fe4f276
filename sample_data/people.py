"""An articulated body: a pose in, COCO's 17 keypoints with honest flags and a drawing out.

Units: metres. Body frame: x to the person's LEFT, y up, z forward. Camera
frame: x to the image's right, y up, z towards the camera. They coincide for
somebody who faces the camera, so that person's left shoulder is on the image's
right. Turning is about y.
"""

import math
from dataclasses import dataclass

import numpy as np

try:
    from .draw import mix, shade
except ImportError:  # run as a script, from inside the folder
    from draw import mix, shade

KEYPOINTS = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
SKELETON = (
    (16, 14),
    (14, 12),
    (17, 15),
    (15, 13),
    (12, 13),
    (6, 12),
    (7, 13),
    (6, 7),
    (6, 8),
    (7, 9),
    (8, 10),
    (9, 11),
    (2, 3),
    (1, 2),
    (1, 3),
    (2, 4),
    (3, 5),
    (4, 6),
    (5, 7),
)
POSES = ("stand", "walk", "sit", "arms_up", "wave", "hips", "reach")
TAGS_A_PERSON = 16  # owner numbers one person takes in the canvas: one a body part
HEAD, TORSO, NECK, HAIR = 1, 2, 3, 12
ARM, FOREARM, THIGH, SHIN = {"l": 4, "r": 5}, {"l": 6, "r": 7}, {"l": 8, "r": 9}, {"l": 10, "r": 11}
# Which drawn parts may lie on top at a keypoint for it still to count as seen.
PARTS_AT = [{HEAD}] * 5 + [
    {ARM["l"], TORSO},
    {ARM["r"], TORSO},
    {ARM["l"], FOREARM["l"]},
    {ARM["r"], FOREARM["r"]},
    {FOREARM["l"]},
    {FOREARM["r"]},
    {TORSO, THIGH["l"]},
    {TORSO, THIGH["r"]},
    {THIGH["l"], SHIN["l"]},
    {THIGH["r"], SHIN["r"]},
    {SHIN["l"]},
    {SHIN["r"]},
]


@dataclass(frozen=True)
class Look:
    """What somebody looks like; it stays with them through a picture."""

    height: float
    skin: tuple
    shirt: tuple
    trousers: tuple
    hair: tuple
    long_hair: bool
    shorts: bool


def some_look(rng, skin):
    def cloth():
        color = rng.integers(60, 200, 3)
        return mix(color, [int(color.mean())] * 3, 0.45)  # worn cloth is seldom of a pure colour

    hair = [(46, 36, 32), (92, 64, 42), (176, 140, 86), (28, 26, 28), (128, 120, 116)][int(rng.integers(5))]
    return Look(
        float(rng.uniform(1.56, 1.86)),
        skin,
        cloth(),
        cloth(),
        hair,
        bool(rng.random() < 0.45),
        bool(rng.random() < 0.25),
    )


def _down(out, forward):
    """A limb's direction for the left side: degrees out to the side and forward from hanging."""
    o, f = math.radians(out), math.radians(forward)
    return np.array([math.sin(o), -math.cos(o) * math.cos(f), math.cos(o) * math.sin(f)])


def _limbs(pose, rng):
    """Per side: upper arm, forearm, thigh, shin directions, written for the left side."""
    j = lambda s=5: float(np.clip(rng.normal(0, s), -1.7 * s, 1.7 * s))  # noqa: E731
    sides = {}
    swing = rng.choice([-1.0, 1.0])
    for side, sign in (("l", 1.0), ("r", -1.0)):
        arm, fore = _down(10 + j(4), j()), _down(6 + j(4), 14 + j(7))
        thigh, shin = _down(4 + j(2), 2 + j(3)), _down(2 + j(2), -4 + j(2))
        if pose == "walk":
            s = sign * swing
            arm, fore = _down(9 + j(3), -24 * s + j(5)), _down(5, -24 * s + 26 + j(6))
            thigh, shin = _down(2, 24 * s + 4 + j(4)), _down(1, 24 * s - (12 if s > 0 else 30) + j(4))
        elif pose == "sit":
            arm, fore = _down(10 + j(), 18 + j()), _down(-4 + j(), 62 + j())
            thigh, shin = _down(8 + j(4), 84 + j(4)), _down(3 + j(), 2 + j(5))
        elif pose == "arms_up":
            arm, fore = _down(148 + j(8), 8 + j()), _down(168 + j(8), 8 + j())
        elif pose == "wave" and sign == swing:
            arm, fore = _down(86 + j(8), 8 + j()), _down(160 + j(9), 10 + j())
        elif pose == "hips":
            arm, fore = _down(46 + j(4), -16 + j(3)), _down(-48 + j(4), 14 + j(4))
        elif pose == "reach":
            arm, fore = _down(14 + j(), 70 + j(8)), _down(6 + j(), 82 + j(8))
        sides[side] = (arm, fore, thigh, shin)
    return sides


def build(pose, look, yaw, rng):
    """A posed body in the camera frame, feet-level origin at the hips' middle.

    Returns 17 x 3 keypoints, a dict of further points, and the yaw in degrees.
    """
    k = look.height / 1.7
    points, extra = np.zeros((17, 3)), {}
    lean = math.radians(float(rng.normal(2, 2)))
    spine = np.array([0, math.cos(lean), math.sin(lean)])
    neck = 0.50 * spine
    limbs = _limbs(pose, rng)
    for side, sx, a in (("l", 1, 0), ("r", -1, 1)):
        flip = np.array([sx, 1, 1])
        arm, fore, thigh, shin = (d * flip for d in limbs[side])
        shoulder, hip = neck + (0.185 * sx, -0.035, 0), np.array([0.105 * sx, 0, 0])
        elbow = shoulder + 0.29 * arm
        wrist = elbow + 0.25 * fore
        knee = hip + 0.43 * thigh
        ankle = knee + 0.42 * shin
        points[[5 + a, 7 + a, 9 + a, 11 + a, 13 + a, 15 + a]] = shoulder, elbow, wrist, hip, knee, ankle
        extra["hand_" + side] = wrist + 0.085 * fore
        extra["toe_" + side] = ankle + np.array([0.03 * sx, -0.05, 0.15])
        extra["heel_" + side] = ankle + np.array([0, -0.045, -0.03])
    turn, nod = math.radians(float(np.clip(rng.normal(0, 9), -16, 16))), math.radians(float(rng.normal(2, 4)))
    head = neck + 0.205 * spine + (0, 0, 0.02)
    spin = _about_y(turn) @ _about_x(nod)
    face = np.array(
        [
            [0, -0.012, 0.112],
            [0.033, 0.024, 0.088],
            [-0.033, 0.024, 0.088],
            [0.078, 0.002, -0.005],
            [-0.078, 0.002, -0.005],
        ]
    )
    points[:5] = head + face @ spin.T
    extra.update(
        neck=neck,
        head=head,
        crown=head + spin @ (0, 0.03, -0.01),
        mouth=head + spin @ (0, -0.055, 0.095),
        chin=head + spin @ (0, -0.105, 0.06),
    )
    world = _about_y(math.radians(yaw))
    ahead = world @ spin
    points, extra = k * points @ world.T, {n: k * (world @ p) for n, p in extra.items()}
    return points, extra, ahead


def _about_y(a):
    return np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])


def _about_x(a):
    return np.array([[1, 0, 0], [0, math.cos(a), math.sin(a)], [0, -math.sin(a), math.cos(a)]])


class Person:
    """Somebody placed in a picture: `xy` is 17 x 2 in image pixels."""

    def __init__(self, pose, look, yaw, origin, scale, rng):
        self.pose, self.look, self.yaw = pose, look, yaw
        self.scale = scale  # pixels a metre
        joints, extra, self.ahead = build(pose, look, yaw, rng)
        place = lambda p: np.array([origin[0] + scale * p[0], origin[1] - scale * p[1]])  # noqa: E731
        self.z, self.xy = joints[:, 2], np.array([place(p) for p in joints])
        self.extra = {n: (place(p), p[2]) for n, p in extra.items()}
        self.bottom = max(self.extra["toe_l"][0][1], self.extra["toe_r"][0][1])

    def faces(self, direction, threshold):
        """Whether a direction of the head's own frame looks at the camera."""
        return float((self.ahead @ np.asarray(direction, float))[2]) > threshold

    def paint(self, canvas, tag):
        """Draw, part by part from the back; `tag` + part number owns the pixels."""
        pieces = [(self._depth(*js), part, draw) for js, part, draw in self._pieces(canvas, tag)]
        # The neck hides in the collar and under the head; long hair falls down the back.
        first, last = (
            min(d for d, p, _ in pieces if p in (HEAD, TORSO)),
            max(d for d, p, _ in pieces if p in (HEAD, TORSO)),
        )
        special = {NECK: first - 0.01, HAIR: first - 0.02 if self.ahead[2, 2] > -0.2 else last + 0.01}
        pieces = [(special.get(part, depth), part, draw) for depth, part, draw in pieces]
        for _, _, draw in sorted(pieces, key=lambda p: (p[0], p[1])):
            draw()

    def _depth(self, *names):
        return float(np.mean([self.z[n] if isinstance(n, int) else self.extra[n][1] for n in names]))

    def _pieces(self, canvas, tag):
        s, look, xy = self.scale, self.look, self.xy

        def limb(a, ra, b, rb, color, part):
            return lambda: canvas.capsule(a, ra * s, b, rb * s, color, tag + part, 1.0)

        pieces = []
        for side, a in (("l", 0), ("r", 1)):
            sh, el, wr, hi, kn, an = (xy[n + a] for n in (5, 7, 9, 11, 13, 15))
            hand, toe, heel = (self.extra[n + side][0] for n in ("hand_", "toe_", "heel_"))

            def forearm(el=el, wr=wr, hand=hand, side=side):
                canvas.capsule(wr, 0.034 * s, hand, 0.042 * s, look.skin, tag + FOREARM[side], 1.0)
                canvas.capsule(el, 0.042 * s, wr, 0.033 * s, look.skin, tag + FOREARM[side], 1.0)

            def shin(kn=kn, an=an, toe=toe, heel=heel, side=side):
                canvas.capsule(
                    heel, 0.042 * s, toe, 0.036 * s, shade(look.trousers, 0.45), tag + SHIN[side], 1.0
                )
                color = look.skin if look.shorts else look.trousers
                canvas.capsule(kn, 0.062 * s, an, 0.044 * s, color, tag + SHIN[side], 1.0)

            pieces += [
                ((5 + a, 7 + a, 7 + a), ARM[side], limb(sh, 0.058, el, 0.046, look.shirt, ARM[side])),
                ((7 + a, 9 + a), FOREARM[side], forearm),
                ((11 + a, 13 + a), THIGH[side], limb(hi, 0.085, kn, 0.064, look.trousers, THIGH[side])),
                ((13 + a, 15 + a), SHIN[side], shin),
            ]
        neck, head = self.extra["neck"][0], self.extra["head"][0]
        pieces.append(((5, 6, 11, 12), TORSO, lambda: self._torso(canvas, tag + TORSO)))
        crown = self.extra["crown"][0]
        pieces.append((("neck", "neck"), NECK, limb(neck, 0.052, head, 0.05, shade(look.skin, 0.92), NECK)))
        pieces.append((("head", "crown"), HEAD, lambda: self._head(canvas, tag + HEAD)))
        if look.long_hair:
            low = head + np.array([0, 0.2 * self.scale])
            pieces.append((("head", "crown"), HAIR, limb(crown, 0.106, low, 0.088, look.hair, HEAD)))
        return pieces

    def _torso(self, canvas, tag):
        s, xy, color = self.scale, self.xy, self.look.shirt
        neck = self.extra["neck"][0]
        corners = [(xy[5], 0.062), (xy[6], 0.062), (xy[12], 0.082), (xy[11], 0.082)]
        spans = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (1, 3)]
        for grow, tone in ((1.0, shade(color, 0.62)), (0.0, color)):
            from_to = [(corners[a], corners[b]) for a, b in spans] + [((neck, 0.05), c) for c in corners]
            for (a, ra), (b, rb) in from_to:
                canvas.capsule(a, ra * s + grow, b, rb * s + grow, tone, tag, 0, 0.0)
            canvas.polygon([c for c, _ in corners], tone, tag)
        middle_top, middle_low = (xy[5] + xy[6]) / 2, (xy[11] + xy[12]) / 2
        broad = max(float(np.hypot(*(xy[5] - xy[6]))) * 0.32, 0.075 * s)
        canvas.capsule(middle_top, broad, middle_low, broad * 0.8, color, None, 0, 0.13)
        left, right = xy[11], xy[12]
        canvas.capsule(left, 0.08 * s, right, 0.08 * s, self.look.trousers, tag, 0, 0.08)

    def _head(self, canvas, tag):
        s, look = self.scale, self.look
        head, chin, crown = (self.extra[n][0] for n in ("head", "chin", "crown"))
        ears, front = (self.xy[3], self.xy[4]), self.ahead[2, 2]
        hair, skin = look.hair, look.skin
        for ear, sx in zip(ears, (1, -1), strict=False):
            if self.faces((sx, 0, 0), -0.3):
                canvas.ellipse(ear, 0.018 * s + 0.6, 0.03 * s + 0.6, shade(skin, 0.62), tag)
                canvas.ellipse(ear, 0.018 * s, 0.03 * s, shade(skin, 0.95), tag)
        if front > -0.2:  # the face is towards us, at least in profile
            canvas.capsule(crown, 0.1 * s, crown, 0.1 * s, hair, tag, 1.0, 0.1)
            canvas.capsule(head, 0.086 * s, chin * 0.75 + head * 0.25, 0.05 * s, skin, tag, 1.0)
            fringe = crown + np.array([0, -0.055 * s])
            canvas.ellipse(fringe, 0.078 * s, 0.038 * s, hair)
        else:
            canvas.capsule(head, 0.09 * s, chin * 0.6 + head * 0.4, 0.05 * s, shade(skin, 0.9), tag, 1.0)
            canvas.capsule(crown, 0.1 * s, head + np.array([0, 0.02 * s]), 0.094 * s, hair, tag, 1.0, 0.12)
        if front <= -0.2:  # from behind an ear still sticks out at the side
            for ear, sx in zip(ears, (1, -1), strict=False):
                if self.faces((sx, 0, 0), -0.3):
                    canvas.ellipse(ear, 0.014 * s, 0.026 * s, shade(skin, 0.95), tag)
        for n, sx in ((1, 1), (2, -1)):
            if self.faces((0.4 * sx, 0, 0.92), 0.12):
                canvas.ellipse(self.xy[n], 0.0125 * s + 0.5, 0.0095 * s + 0.4, (250, 250, 248))
                canvas.ellipse(self.xy[n], 0.0085 * s + 0.3, 0.0085 * s + 0.3, (40, 34, 34))
                brow = self.xy[n] + np.array([0, -0.024 * s])
                canvas.line(
                    [brow - (0.014 * s, 0), brow + (0.014 * s, 0)], 0.009 * s + 0.3, mix(hair, skin, 0.25)
                )
        if self.faces((0, 0, 1), 0.0):
            canvas.ellipse(self.xy[0], 0.013 * s + 0.3, 0.011 * s + 0.3, shade(skin, 0.8), tag)
        if self.faces((0, 0, 1), 0.3):
            mouth = self.extra["mouth"][0]
            canvas.line(
                [mouth - (0.021 * s, 0), mouth + (0.021 * s, 0)], 0.011 * s, mix((166, 70, 70), skin, 0.35)
            )

    def keypoints(self, owner, tag):
        """COCO triples: x, y to a hundredth of a pixel, and the flag as drawn.

        owner: the finished canvas's owner array; tag: what `paint` was given.
        """
        height, width = owner.shape
        turned = [
            self.faces((0, 0, 1), 0.0),
            self.faces((0.4, 0, 0.92), 0.12),
            self.faces((-0.4, 0, 0.92), 0.12),
            self.faces((1, 0, 0), -0.3),
            self.faces((-1, 0, 0), -0.3),
        ]
        out = []
        for n, (x, y) in enumerate(self.xy):
            if not (0.5 <= x < width - 0.5 and 0.5 <= y < height - 0.5):
                out += [0, 0, 0]
                continue
            near = owner[max(int(y) - 1, 0) : int(y) + 2, max(int(x) - 1, 0) : int(x) + 2]
            seen = bool(np.isin(near, [tag + p for p in PARTS_AT[n]]).any())
            if n < 5:
                seen = seen and turned[n]
            out += [round(float(x), 2), round(float(y), 2), 2 if seen else 1]
        return out


def outlines(mask, shortest=3):
    """Polygons around a boolean mask, in pixels: the outer rings only, thinned.

    Walks the pixel edges with the inside on the right hand; a ring that turns
    the other way is a hole, which COCO's polygons cannot say.
    """
    padded = np.pad(mask, 1)
    edges = {}
    for y, x in zip(*np.nonzero(padded), strict=False):
        if not padded[y - 1, x]:
            edges.setdefault((x, y), []).append((x + 1, y))
        if not padded[y, x + 1]:
            edges.setdefault((x + 1, y), []).append((x + 1, y + 1))
        if not padded[y + 1, x]:
            edges.setdefault((x + 1, y + 1), []).append((x, y + 1))
        if not padded[y, x - 1]:
            edges.setdefault((x, y + 1), []).append((x, y))
    rings = []
    while edges:
        start = min(edges)
        ring, at = [start], start
        while True:
            ahead = edges[at]
            to = ahead.pop()
            if not ahead:
                del edges[at]
            if to == start:
                break
            ring.append(to)
            at = to
        ring = np.array(ring, float) - 1
        if polygon_area(ring) > shortest:
            rings.append(_thin(ring, 0.75))
    return rings


def polygon_area(ring):
    """Signed area, positive for an outer ring of `outlines` (y down)."""
    x, y = ring[:, 0], ring[:, 1]
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


def _thin(ring, tolerance):
    """Douglas-Peucker on a closed ring, split at the two points farthest apart from the first."""
    far = int(np.argmax(np.hypot(*(ring - ring[0]).T)))
    return np.array(
        _thin_open(ring[: far + 1], tolerance)[:-1]
        + _thin_open(np.vstack([ring[far:], ring[:1]]), tolerance)[:-1]
    )


def _thin_open(line, tolerance):
    if len(line) < 3:
        return [tuple(p) for p in line]
    a, b = line[0], line[-1]
    d = b - a
    off = np.abs(d[0] * (line[:, 1] - a[1]) - d[1] * (line[:, 0] - a[0])) / (np.hypot(*d) + 1e-9)
    i = int(np.argmax(off))
    if off[i] <= tolerance:
        return [tuple(a), tuple(b)]
    return _thin_open(line[: i + 1], tolerance)[:-1] + _thin_open(line[i:], tolerance)


def run_lengths(mask):
    """COCO's uncompressed RLE: runs down the columns, starting with zeros."""
    flat = np.concatenate([[0], mask.astype(np.int8).ravel(order="F"), [2]])
    change = np.nonzero(np.diff(flat))[0]
    starts = np.concatenate([[0], change])
    counts = np.diff(starts).tolist()
    if counts and flat[1] == 1:
        counts[0] = 0
    return {"counts": [int(c) for c in counts], "size": [int(n) for n in mask.shape]}
