"""Somebody at a webcam, showing a gesture: the picture behind a HaGRID record.

Positions are image pixels, x right and y down, unless a name says otherwise.
"""

from dataclasses import dataclass

import numpy as np

try:
    from . import hands as hand_model
    from .draw import WALLS, Canvas, gradient, mix, room, shade
except ImportError:  # run as a script, from inside the folder
    import hands as hand_model
    from draw import WALLS, Canvas, gradient, mix, room, shade

SKINS = {
    "White": (236, 196, 168),
    "Middle Eastern": (214, 170, 136),
    "Latino_Hispanic": (208, 160, 122),
    "Asian": (232, 194, 154),
    "Indian": (172, 122, 88),
    "Black": (124, 84, 62),
}
HAIRS = ((44, 34, 30), (92, 62, 40), (150, 108, 66), (30, 28, 30), (70, 48, 38))
# A second hand that does nothing in particular: loosely raised, or across the body.
IDLE = (
    ((0.35, 0.9, 0.25), (0.5, -0.3, 0.8)),
    ((0.85, -0.15, 0.35), (0.1, -0.5, -0.85)),
    ((0.7, 0.5, 0.3), (-0.3, 0.1, -0.9)),
    ((0.9, 0.25, 0.2), (0.1, -0.7, -0.7)),
)
LEFT_OF_IMAGE = {"right": -1.0, "left": 1.0}  # a right hand is on the image's left


@dataclass(frozen=True)
class Subject:
    """A person of the dataset; everything about them stays the same in each image."""

    user_id: str
    age: float
    gender: str
    race: str
    skin: tuple
    shirt: tuple
    hair: tuple
    hair_style: int
    glasses: bool
    beard: bool
    build: hand_model.Build

    @property
    def meta(self):
        return {"age": [self.age], "gender": [self.gender], "race": [self.race]}


def some_subject(rng, user_id, gender, race):
    skin = tuple(int(v) for v in np.clip(np.array(SKINS[race]) * rng.uniform(0.94, 1.05), 0, 250))
    age = round(float(rng.uniform(19, 62)), 2)
    hue = rng.integers(60, 200, 3)
    shirt = mix(hue, [int(hue.mean())] * 3, 0.35)
    hair = (168, 164, 160) if age > 54 else HAIRS[int(rng.integers(len(HAIRS)))]
    style = int(rng.integers(3)) if gender == "female" else 3 + int(rng.integers(3))
    return Subject(
        user_id,
        age,
        gender,
        race,
        skin,
        shirt,
        hair,
        style,
        bool(rng.random() < 0.2),
        bool(gender == "male" and rng.random() < 0.35),
        hand_model.some_build(rng),
    )


def idle_hand(side, build, rng):
    distal, palm = IDLE[int(rng.integers(len(IDLE)))]
    base = hand_model.ONE_HANDED["no_gesture"]
    curl = rng.uniform(0.6, 1.35)
    bent = tuple(float(v) for v in np.array(hand_model.RELAXED) * curl)
    pose = hand_model.Pose(distal, palm, bent, bent, bent, bent, base.spread, base.thumb)
    return hand_model.hold(pose, side, build, rng, 1.0, 10.0)


def _fit(hands, girth, size, low=0.0):
    """Shift (never squeeze) the hands so that they and their boxes are inside the image."""
    boxes = np.array([hand_model.extent(h, girth) for h in hands])
    x0, y0, x1, y1 = boxes[:, 0].min(), boxes[:, 1].min(), boxes[:, 2].max(), boxes[:, 3].max()
    w, h = size
    dx = max(3 - x0, 0) + min(w - 3 - x1, 0)
    dy = max(3 + low - y0, 0) + min(h - 3 - y1, 0)
    for hand in hands:
        hand.pixels = hand.pixels + (dx, dy)


def background(size, rng):
    top, bottom = WALLS[int(rng.integers(len(WALLS)))]
    tint = rng.uniform(0.9, 1.04)
    canvas = Canvas(gradient(*size, shade(top, tint), shade(bottom, tint), rng))
    room(canvas, rng)
    return canvas


def portrait(subject, gesture, rng, size, side="right", idle=False):
    """Draw the picture. Returns it and its hands: [(Hand, label, (x0, y0, x1, y1))]."""
    w, h = size
    girth, build = subject.build.girth, subject.build
    unit = min(w, h) * float(rng.uniform(0.146, 0.164))
    metre = unit / 0.09 * 0.8  # the body is farther from the camera than the hands
    tall = 0.24 * metre
    two = gesture in hand_model.TWO_HANDED
    sx = LEFT_OF_IMAGE[side]
    drift = 0.0 if two else -sx * rng.uniform(0.04, 0.12)
    head = np.array(
        [w * (0.5 + drift + rng.uniform(-0.04, 0.04)), h * rng.uniform(0.22, 0.28) + (4 if w < h else 12)]
    )
    canvas = background(size, rng)
    if two:
        group = hand_model.hold_pair(gesture, build, rng)
        unit *= {"thumb_index2": 0.86, "take_picture": 0.86}.get(gesture, 0.95)
        where = head + (rng.uniform(-0.06, 0.06) * w, tall * (1.45 if w < h else 1.15))
        labels = [gesture, gesture]
    elif gesture == "no_gesture":
        group, labels = [idle_hand(side, build, rng)], [gesture]
        where = head + (sx * metre * rng.uniform(0.12, 0.22), tall * rng.uniform(1.2, 1.7))
    else:
        group, labels = [hand_model.hold(hand_model.ONE_HANDED[gesture], side, build, rng)], [gesture]
        where = head + (sx * metre * rng.uniform(0.25, 0.36), tall * rng.uniform(0.6, 1.5))
    for hand in group:
        hand_model.project(hand, (0.0, 0.0), unit)
    if gesture == "mute":
        shift = head + (0, 0.27 * tall) - (group[0].pixels[7] * 0.7 + group[0].pixels[6] * 0.3)
    else:
        ends = np.concatenate([hand.pixels for hand in group])
        shift = where - (ends.min(0) + ends.max(0)) / 2
    for hand in group:
        hand.pixels = hand.pixels + shift
    if gesture != "mute":
        _fit(group, girth, size)
    hands = list(group)
    if idle:
        other = "left" if side == "right" else "right"
        spare = hand_model.project(idle_hand(other, build, rng), (0.0, 0.0), unit)
        spare.pixels = spare.pixels + (head + (-sx * metre * 0.27, tall * 1.75)) - spare.pixels.mean(0)
        _fit([spare], girth, size, low=h * 0.5)
        hands.append(spare)
        labels.append("no_gesture")
    _figure(canvas, subject, head, metre)
    for hand in hands:
        _arm(canvas, subject, hand, head, metre)
    hand_model.paint(canvas, hands, [subject.skin] * len(hands), [girth] * len(hands))
    boxes = []
    for hand in hands:
        x0, y0, x1, y1 = hand_model.extent(hand, girth)
        boxes.append((max(x0, 0.0), max(y0, 0.0), min(x1, float(w)), min(y1, float(h))))
    return canvas.finish(), list(zip(hands, labels, boxes, strict=False))


def _elbow_way(hand):
    """The image direction from the wrist to the elbow: back along the hand, and down and out."""
    back = hand.joints[0] - hand.joints[9]  # camera frame, y up
    way = np.array([0.7 * back[0] + 0.3 * LEFT_OF_IMAGE[hand.side], -0.7 * back[1] + 0.75])
    return way / np.hypot(*way)


def forearm(canvas, hand, skin, sleeve, bare=0.5, length=2.35):
    """A forearm running back from the wrist, bare for a share of 2.35 hand units.
    length: hand units; longer than an arm's where it should run out of the picture."""
    wrist, u, way = hand.pixels[0], hand.unit, _elbow_way(hand)
    elbow = wrist + way * length * u
    canvas.capsule(wrist + 0.04 * u * way, 0.245 * u, wrist + way * 2.35 * u, 0.34 * u, skin)
    canvas.capsule(wrist + way * bare * 2.35 * u, 0.34 * u, elbow, 0.4 * u, sleeve)


def _arm(canvas, subject, hand, head, metre):
    sx = LEFT_OF_IMAGE[hand.side]
    shoulder = head + (sx * 0.185 * metre, 0.235 * metre)
    # The upper arm goes first, under the forearm; where it ends follows from the wrist.
    elbow = hand.pixels[0] + _elbow_way(hand) * 2.35 * hand.unit
    canvas.capsule(shoulder, 0.066 * metre, elbow, 0.4 * hand.unit, shade(subject.shirt, 0.94))
    forearm(canvas, hand, subject.skin, subject.shirt)


def _figure(canvas, s, head, m):
    """Head and shoulders. m: pixels a metre."""
    x, y = head
    at = lambda dx, dy: np.array([x + dx * m, y + dy * m])  # noqa: E731
    dark = shade(s.shirt, 0.62)
    if s.hair_style in (0, 1):  # long hair, behind everything
        canvas.capsule(at(0, -0.03), 0.108 * m, at(0, 0.17 if s.hair_style == 0 else 0.1), 0.1 * m, s.hair)
    canvas.capsule(at(0, 0.06), 0.054 * m, at(0, 0.2), 0.058 * m, shade(s.skin, 0.88))
    for grow, tone in ((1.0, dark), (0.0, s.shirt)):
        for dx in (-0.18, 0.18):
            canvas.capsule(at(0, 0.24), 0.075 * m + grow, at(dx, 0.245), 0.066 * m + grow, tone, None, 0, 0.0)
        canvas.polygon([at(-0.245, 0.25), at(0.245, 0.25), at(0.225, 1.4), at(-0.225, 1.4)], tone)
        canvas.capsule(at(0, 0.25), 0.07 * m, at(0, 0.26), 0.07 * m, tone, None, 0, 0.0)
    canvas.capsule(at(-0.02, 0.36), 0.13 * m, at(-0.02, 0.9), 0.12 * m, s.shirt, None, 0, 0.1)
    canvas.ellipse(at(0, 0.175), 0.058 * m, 0.038 * m, shade(s.skin, 0.92))
    for dx in (-0.088, 0.088):
        canvas.ellipse(at(dx, 0.012), 0.018 * m + 0.7, 0.03 * m + 0.7, shade(s.skin, 0.62))
        canvas.ellipse(at(dx, 0.012), 0.018 * m, 0.03 * m, shade(s.skin, 0.94))
    if s.hair_style != 5:
        canvas.capsule(at(0, -0.045), 0.1 * m, at(0, -0.03), 0.1 * m, s.hair)
    if s.hair_style == 2:
        canvas.ellipse(at(0, -0.155), 0.045 * m, 0.04 * m, shade(s.hair, 0.9))
    canvas.capsule(at(0, -0.03), 0.086 * m, at(0, 0.065), 0.055 * m, s.skin, None, 1.0, 0.12)
    if s.beard:
        canvas.capsule(
            at(-0.03, 0.085), 0.034 * m, at(0.03, 0.085), 0.034 * m, mix(s.hair, s.skin, 0.15), None, 0, 0.0
        )
    if s.hair_style != 5:
        lean = 0.02 if s.hair_style % 2 else -0.02
        canvas.ellipse(at(lean, -0.097), 0.075 * m, 0.033 * m, s.hair)
    for dx in (-0.034, 0.034):
        canvas.ellipse(at(dx, -0.005), 0.0165 * m, 0.0105 * m, (250, 249, 246))
        canvas.ellipse(at(dx, -0.005), 0.0085 * m, 0.0095 * m, (44, 34, 30))
        canvas.line([at(dx - 0.017, -0.032), at(dx + 0.017, -0.033)], 0.008 * m, mix(s.hair, s.skin, 0.25))
        if s.glasses:
            ring = np.linspace(0, 2 * np.pi, 25)
            canvas.line(
                list(at(dx, -0.005) + m * np.stack([0.027 * np.cos(ring), 0.022 * np.sin(ring)], 1)),
                1.0,
                (58, 56, 62),
            )
    if s.glasses:
        canvas.line([at(-0.007, -0.007), at(0.007, -0.007)], 1.0, (58, 56, 62))
    canvas.line([at(0.0, 0.0), at(0.007, 0.03), at(-0.006, 0.034)], 1.1, shade(s.skin, 0.76))
    canvas.line(
        [at(-0.026, 0.07), at(-0.012, 0.0765), at(0.012, 0.0765), at(0.026, 0.07)],
        0.011 * m,
        mix((164, 74, 72), s.skin, 0.3),
    )
