"""An articulated hand: joint angles in, 21 MediaPipe landmarks and a drawing out.

Units: the distance from the wrist to the middle finger's knuckle (landmarks 0
and 9) is 1, about 9 cm. Angles are degrees.

Hand frame, of a RIGHT hand: x radial (to the thumb's side), y distal (to the
fingertips), z palmar (out of the palm). Camera frame: x to the image's right,
y up, z towards the camera. Both are right-handed, so a right hand held up with
its palm to the camera has the identity for its rotation and its thumb on the
image's right. A left hand is posed as a right one and mirrored in camera x,
which is the one place where the chirality is decided.
"""

import itertools
import math
from dataclasses import dataclass, field

import numpy as np

try:
    from .draw import capsule_outline, shade
except ImportError:  # run as a script, from inside the folder
    from draw import capsule_outline, shade

PARENT = [0, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19]
FINGERS = ("index", "middle", "ring", "pinky")
# Medians and 90th percentiles of bone lengths over open hands seen face on.
KNUCKLE_ANGLE = {"index": 13.0, "middle": 0.0, "ring": -12.0, "pinky": -25.5}
KNUCKLE_RADIUS = {"index": 1.0, "middle": 1.0, "ring": 0.95, "pinky": 0.87}
KNUCKLE_DEPTH = {"index": 0.0, "middle": -0.04, "ring": -0.03, "pinky": 0.02}
PHALANGES = {
    "index": (0.43, 0.27, 0.22),
    "middle": (0.47, 0.30, 0.23),
    "ring": (0.43, 0.28, 0.22),
    "pinky": (0.34, 0.21, 0.19),
}
THUMB_ROOT = (0.38, 52.0)  # wrist to cmc: length, angle from distal towards radial
THUMB_BONES = (0.44, 0.37, 0.29)
RADIUS = {
    "index": (0.108, 0.097, 0.088, 0.074),
    "middle": (0.110, 0.099, 0.089, 0.076),
    "ring": (0.104, 0.094, 0.085, 0.072),
    "pinky": (0.092, 0.081, 0.073, 0.063),
}
THUMB_RADIUS = (0.165, 0.122, 0.108, 0.088)
CAMERA_DISTANCE = 10.0  # about 90 cm

# Flexion at (mcp, pip, dip): 0 is straight, positive bends into the palm.
STRAIGHT = (4, 5, 3)
CURLED = (74, 98, 52)
HOOKED = (18, 62, 42)
RELAXED = (28, 36, 20)

# A thumb's three bones as (angle from distal towards radial, elevation out of the palm).
THUMB_OUT = ((50, 15), (48, 10), (52, 5))
THUMB_BESIDE = ((42, 14), (18, 10), (8, 6))
THUMB_UP = ((62, 14), (72, 8), (84, 4))
THUMB_RELAXED = ((44, 28), (26, 26), (14, 26))
THUMB_ACROSS = ((34, 44), (-34, 26), (-62, 6))  # folded over an open palm


@dataclass(frozen=True)
class Pose:
    """What one hand does, as a right hand.

    distal, palm: where the fingers point and the palm faces, camera frame.
    spread: abduction per finger, positive to the thumb's side.
    thumb: three bone directions, or ("touch", joint, lift): the thumb's tip is
    brought to that landmark, `lift` above it on the palm's side.
    """

    distal: tuple
    palm: tuple
    index: tuple = CURLED
    middle: tuple = CURLED
    ring: tuple = CURLED
    pinky: tuple = CURLED
    spread: tuple = (4, 0, -4, -8)
    thumb: tuple = THUMB_BESIDE


@dataclass(frozen=True)
class TwoHands:
    """A two-handed gesture: both poses, and which landmark of each goes where.

    anchors: (landmark, (x, y, z)) of the right and of the left hand, in hand
    units about the gesture's centre, camera frame. The left pose is written as
    a right hand's and mirrored afterwards.
    """

    right: Pose
    left: Pose
    anchors: tuple


FORWARD, BACK = (0, 0.05, 1), (0, -0.05, -1)
UP, UP_BACK = (0.1, 1, -0.08), (0.34, 1, -0.36)
WIDE, CLOSED, SOME = (11, 1, -9, -20), (0, 0, 1, 6), (5, 1, -4, -9)
VEE = (16, -12, -6, -8)
JOINED = (-1, 2, -3, -7)
ON_MIDDLE, ON_RING = ("touch", 11, 0.17), ("touch", 15, 0.15)
GUN = dict(distal=(0.86, 0.2, 0.36), palm=(0.25, 0.05, -1))
S = STRAIGHT


def _pose(distal, palm, fingers, spread=SOME, thumb=THUMB_BESIDE):
    return Pose(distal, palm, *fingers, spread=spread, thumb=thumb)


C = CURLED
ONE_HANDED = {
    "call": _pose((0.86, 0.34, 0.22), (0.2, 0.1, -1), (C, C, C, S), (4, 0, -4, -22), THUMB_UP),
    "dislike": _pose((1, -0.04, 0.3), (-0.25, 0.05, 1), (C, C, C, C), SOME, THUMB_UP),
    "fist": _pose((0.04, 1, 0.0), FORWARD, (C, C, C, C), (3, 0, -3, -6), ("touch", 10, 0.2)),
    "four": _pose(UP, FORWARD, (S, S, S, S), (9, 2, -7, -17), THUMB_ACROSS),
    "grabbing": _pose(
        (0.06, 1, 0.12), (0.02, -0.1, 1), (HOOKED,) * 4, (13, 2, -9, -22), ((56, 28), (40, 34), (18, 44))
    ),
    "grip": _pose(
        (0.16, 1, 0.05),
        (0.9, -0.1, 0.42),
        ((38, 48, 30), (42, 50, 30), (46, 50, 30), (48, 48, 30)),
        (0, 0, 2, 5),
        ((44, 52), (32, 70), (20, 78)),
    ),
    "like": _pose((0.94, 0.02, 0.3), (0.28, 0.02, -1), (C, C, C, C), SOME, THUMB_UP),
    "little_finger": _pose(UP, FORWARD, (C, C, C, S), (4, 0, -4, -12), ON_MIDDLE),
    "middle_finger": _pose((0.16, 1, -0.12), BACK, (C, S, C, C), SOME, ("touch", 7, 0.17)),
    "mute": _pose(
        (0.06, 1, 0.02),
        (0.96, -0.02, -0.2),
        (S, (80, 92, 40), (82, 94, 40), (84, 92, 40)),
        SOME,
        ("touch", 11, 0.12),
    ),
    "no_gesture": _pose((0.75, -0.2, 0.35), (0.1, -0.5, -0.9), (RELAXED,) * 4, SOME, THUMB_RELAXED),
    "ok": _pose(
        (0.0, 1, -0.05),
        (0.52, 0.05, 0.9),
        ((44, 66, 34), (10, 12, 8), (4, 8, 5), (2, 5, 4)),
        (4, 0, -9, -20),
        ("touch", 8, 0.05),
    ),
    "one": _pose(UP, FORWARD, (S, C, C, C), (3, 0, -4, -8), ON_MIDDLE),
    "palm": _pose(UP, FORWARD, (S, S, S, S), WIDE, THUMB_OUT),
    "peace": _pose(UP, FORWARD, (S, S, C, C), VEE, ON_RING),
    "peace_inverted": _pose(UP_BACK, BACK, (S, S, C, C), VEE, ON_RING),
    "point": _pose((0.16, 0.22, 0.93), (0.75, -0.62, 0.1), (S, C, C, C), SOME, ("touch", 11, 0.12)),
    "rock": _pose(UP, FORWARD, (S, C, C, S), (10, 0, -4, -18), ON_MIDDLE),
    "stop": _pose(UP, FORWARD, (S, S, S, S), CLOSED, THUMB_BESIDE),
    "stop_inverted": _pose(UP_BACK, BACK, (S, S, S, S), CLOSED, THUMB_BESIDE),
    "three": _pose(UP, FORWARD, (S, S, S, C), (10, 1, -9, -10), ("touch", 19, 0.13)),
    "three2": _pose(UP, FORWARD, (S, S, C, C), (8, -5, -5, -9), ((58, 12), (60, 6), (64, 2))),
    "three3": _pose(UP, (-0.06, 0.05, 1), ((74, 96, 46), S, S, S), (2, 3, -7, -18), ("touch", 7, 0.14)),
    "three_gun": _pose(**GUN, fingers=(S, S, C, C), spread=JOINED, thumb=THUMB_UP),
    "thumb_index": _pose((0.2, 1, -0.05), FORWARD, (S, C, C, C), SOME, ((72, 10), (82, 2), (90, 0))),
    "two_up": _pose(UP, FORWARD, (S, S, C, C), JOINED, ON_RING),
    "two_up_inverted": _pose(UP_BACK, BACK, (S, S, C, C), JOINED, ON_RING),
}

_HEART = ((34, 58, 40), (36, 58, 40), (38, 58, 40), (38, 60, 40))
_HEART_HAND = _pose(
    (0.26, 0.96, 0.1), (0.96, -0.26, 0.22), _HEART, (0, 0, 2, 6), ((72, 50), (150, 62), (165, 55))
)
_HEART_OPEN = _pose(
    (0.2, 0.98, 0.0),
    (0.8, -0.16, 0.6),
    ((40, 62, 44), (8, 10, 6), (2, 8, 5), (0, 6, 4)),
    (2, -1, -9, -20),
    ((72, 50), (130, 60), (150, 55)),
)
_L_HAND = _pose((-0.1, 1, 0.0), FORWARD, (S, C, C, C), SOME, ((72, 10), (84, 2), (92, 0)))
_X_HAND = _pose((0.62, 0.78, 0.12), (0.1, 0.1, -1), (S, C, C, C), SOME, ("touch", 11, 0.14))
_FLAT = dict(fingers=(S, S, S, S), spread=CLOSED, thumb=THUMB_BESIDE)
TWO_HANDED = {
    "hand_heart": TwoHands(_HEART_HAND, _HEART_HAND, ((8, (-0.08, 0.35, 0)), (8, (0.08, 0.35, 0)))),
    "hand_heart2": TwoHands(_HEART_OPEN, _HEART_OPEN, ((8, (-0.13, 0.2, 0)), (8, (0.13, 0.2, 0)))),
    "holy": TwoHands(
        _pose((0.1, 1, 0.16), (0.97, -0.1, 0.1), **_FLAT),
        _pose((0.1, 1, 0.16), (0.97, -0.1, 0.1), **_FLAT),
        ((12, (-0.11, 0.9, 0)), (12, (0.11, 0.9, 0))),
    ),
    "take_picture": TwoHands(
        _pose((1, 0.04, 0.05), (0.02, 0, -1), (S, C, C, C), SOME, ((70, 10), (84, 4), (92, 0))),
        _pose((1, -0.04, 0.05), (0.02, 0, 1), (S, C, C, C), SOME, ((70, 10), (84, 4), (92, 0))),
        ((5, (-0.55, -0.62, 0)), (5, (0.55, 0.62, 0.1))),
    ),
    "thumb_index2": TwoHands(_L_HAND, _L_HAND, ((4, (-0.1, 0, 0)), (4, (0.1, 0, 0)))),
    "timeout": TwoHands(
        _pose((0.04, 1, 0.1), (0.72, 0, 0.7), **_FLAT),
        _pose((1, 0.05, 0.1), (0.0, -0.72, 0.7), **_FLAT),
        ((12, (0.0, -0.14, 0)), (9, (0.05, 0.12, 0))),
    ),
    "xsign": TwoHands(_X_HAND, _X_HAND, ((6, (0.02, 0.2, 0.22)), (6, (-0.02, 0.2, -0.12)))),
}
GESTURES = tuple(sorted([*ONE_HANDED, *TWO_HANDED]))


@dataclass
class Hand:
    """A posed hand. joints: 21 x 3, hand units, camera frame; inward: per landmark
    the direction of the palmar side of the bone that ends there."""

    side: str
    joints: np.ndarray
    inward: np.ndarray
    palm: np.ndarray
    pixels: np.ndarray = field(default=None)  # 21 x 2 once placed, image pixels
    unit: float = 0.0  # pixels a hand unit, once placed
    box: tuple = ()


@dataclass(frozen=True)
class Build:
    """One subject's proportions, as factors on the model's lengths."""

    fingers: tuple  # thumb, index, middle, ring, pinky
    girth: float


def some_build(rng):
    return Build(tuple(np.clip(rng.normal(1, 0.03, 5), 0.94, 1.06)), float(rng.uniform(0.92, 1.08)))


def _jitter(rng, sigma, size=None):
    # Clipped: a tail of a normal is an outlier, and outliers are planted on purpose elsewhere.
    return np.clip(rng.normal(0, sigma, size), -1.8 * sigma, 1.8 * sigma)


def _unit(v):
    v = np.asarray(v, float)
    return v / np.linalg.norm(v)


def _bone(theta, phi):
    t, p = math.radians(theta), math.radians(phi)
    return np.array([math.cos(p) * math.sin(t), math.cos(p) * math.cos(t), math.sin(p)])


def _turn(rng, sigma):
    """A small rotation about a random axis (Rodrigues' formula)."""
    v = np.radians(_jitter(rng, sigma, 3))
    a = np.linalg.norm(v) + 1e-12
    k = v / a
    m = np.array([[0, -k[2], k[1]], [k[2], 0, -k[0]], [-k[1], k[0], 0]])
    return np.eye(3) + math.sin(a) * m + (1 - math.cos(a)) * m @ m


def bend(pose, build, rng, loose=1.0):
    """Forward kinematics in the hand frame: 21 joints and their palmar directions."""
    joints, inward = np.zeros((21, 3)), np.tile([0.0, 0.0, 1.0], (21, 1))
    for f, name in enumerate(FINGERS):
        a, r = math.radians(KNUCKLE_ANGLE[name]), KNUCKLE_RADIUS[name]
        first = 5 + 4 * f
        joints[first] = (r * math.sin(a), r * math.cos(a), KNUCKLE_DEPTH[name])
        flex = np.array(getattr(pose, name), float)
        flex = np.maximum(flex + loose * _jitter(rng, 4.5, 3) * np.array([1, 1, 0.6]), -6)
        away = math.radians(pose.spread[f] + loose * _jitter(rng, 1.6))
        out, total = np.array([math.sin(away), math.cos(away), 0]), 0.0
        for k, length in enumerate(PHALANGES[name]):
            total += math.radians(flex[k])
            step = math.cos(total) * out + math.sin(total) * np.array([0, 0, 1.0])
            joints[first + k + 1] = joints[first + k] + length * build.fingers[f + 1] * step
            inward[first + k + 1] = -math.sin(total) * out + math.cos(total) * np.array([0, 0, 1.0])
    _thumb(joints, inward, pose, build, rng, loose)
    return joints, inward


def _thumb(joints, inward, pose, build, rng, loose):
    lengths = np.array(THUMB_BONES) * build.fingers[0]
    radius, angle = THUMB_ROOT
    joints[1] = radius * _bone(angle, 8)
    wobble = loose * _jitter(rng, 3.5, 2)
    touch = pose.thumb[0] == "touch"
    # Opposing the fingers starts at the saddle joint: the first bone lifts out of the palm.
    bones = [(38, 42)] if touch else list(pose.thumb)
    joints[2] = joints[1] + lengths[0] * _bone(bones[0][0] + wobble[0] / 2, bones[0][1] + wobble[1] / 2)
    if touch:
        target = joints[pose.thumb[1]] + pose.thumb[2] * np.array([0.0, 0.0, 1.0])
        reach = target - joints[2]
        d = min(np.linalg.norm(reach), 0.985 * (lengths[1] + lengths[2]))
        e = _unit(reach)
        along = (lengths[1] ** 2 - lengths[2] ** 2 + d * d) / (2 * d)
        pole = np.array([0.8, 0.5, 0.3])  # the ip joint bends outwards
        pole = _unit(pole - e * (pole @ e))
        joints[3] = joints[2] + along * e + math.sqrt(max(lengths[1] ** 2 - along**2, 0)) * pole
        joints[4] = joints[2] + d * e
    else:
        for k in (1, 2):
            joints[k + 2] = joints[k + 1] + lengths[k] * _bone(
                bones[k][0] + wobble[0], bones[k][1] + wobble[1]
            )
    for k in (2, 3, 4):  # the thumb's pad looks across the palm, its nail outwards and back
        step = _unit(joints[k] - joints[k - 1])
        pad = np.array([-0.75, 0.1, 0.5])
        inward[k] = _unit(pad - step * (pad @ step))


def hold(pose, side, build, rng, loose=1.0, turn=7.0):
    """A posed hand in the camera frame, its wrist at the origin."""
    joints, inward = bend(pose, build, rng, loose)
    distal = _unit(pose.distal)
    palm = np.asarray(pose.palm, float)
    palm = _unit(palm - distal * (palm @ distal))
    frame = _turn(rng, turn * loose) @ np.stack([np.cross(distal, palm), distal, palm], 1)
    joints, inward, palm = joints @ frame.T, inward @ frame.T, frame[:, 2]
    if side == "left":
        mirror = np.array([-1.0, 1.0, 1.0])
        joints, inward, palm = joints * mirror, inward * mirror, palm * mirror
    return Hand(side, joints, inward, palm)


def hold_pair(gesture, build, rng):
    """Both hands of a two-handed gesture, about its centre."""
    spec, hands = TWO_HANDED[gesture], []
    for side, pose, (joint, where) in zip(
        ("right", "left"), (spec.right, spec.left), spec.anchors, strict=False
    ):
        hand = hold(pose, side, build, rng, 0.7, 5.0)
        hand.joints = hand.joints - hand.joints[joint] + np.array(where)
        hands.append(hand)
    return hands


def project(hand, origin, unit):
    """Place a hand: perspective onto the image, hand unit = `unit` pixels at the
    origin's depth. `origin` is where the camera frame's zero falls, in pixels."""
    grow = CAMERA_DISTANCE / (CAMERA_DISTANCE - hand.joints[:, 2])
    hand.pixels = np.stack(
        [origin[0] + unit * grow * hand.joints[:, 0], origin[1] - unit * grow * hand.joints[:, 1]], 1
    )
    hand.unit = unit
    return hand


def radii(hand, girth):
    """Half the thickness of the flesh at each landmark, in pixels."""
    r = np.zeros(21)
    r[0], r[1:5] = 0.25, THUMB_RADIUS
    for f, name in enumerate(FINGERS):
        r[5 + 4 * f : 9 + 4 * f] = RADIUS[name]
    return r * girth * hand.unit * CAMERA_DISTANCE / (CAMERA_DISTANCE - hand.joints[:, 2])


def extent(hand, girth, margin=0.05):
    """The drawn hand's box with a small margin: x0, y0, x1, y1 in pixels."""
    r = radii(hand, girth)[:, None]
    low, high = (hand.pixels - r).min(0), (hand.pixels + r).max(0)
    pad = margin * float(np.max(high - low))
    return (*(low - pad), *(high + pad))


def paint(canvas, hands, skins, girths, tag=1):
    """Draw hands together, farthest piece first, so that they may overlap."""
    pieces = []
    for n, (hand, skin, girth) in enumerate(zip(hands, skins, girths, strict=False)):
        r, z = radii(hand, girth), hand.joints[:, 2]
        flesh = shade(skin, 1.0 if hand.palm[2] < 0 else 1.05)
        palm_z = z[[0, 5, 9, 13, 17]].mean()
        pieces.append((palm_z, n, 0, hand, r, flesh))
        for j in range(2, 21):
            if PARENT[j] == 0:
                continue
            # A bone beside the palm and hardly off its plane must not hide under it.
            nudge = 0.02 if j not in (2, 6, 10, 14, 18) else 0.0
            pieces.append(((z[j] + z[PARENT[j]]) / 2 + nudge, n, j, hand, r, flesh))
    done = set()
    for depth, n, j, hand, r, flesh in sorted(pieces, key=lambda p: (p[0], p[1], p[2])):
        base = hand.joints[[0, 5, 9, 13, 17], 2].mean()
        tone = shade(flesh, float(np.clip(1 + 0.16 * (depth - base), 0.86, 1.07)))
        if j == 0:
            _paint_palm(canvas, hand, r, flesh, tag + n)
        else:
            _paint_bone(canvas, hand, r, tone, tag + n, j, done, n)
        done.add((n, j))


def _paint_palm(canvas, hand, r, flesh, tag):
    p, u = hand.pixels, hand.unit
    wrist, knuckles = p[0], [p[5], p[9], p[13], p[17]]
    across = p[5] - p[17]
    # Narrower at the wrist than at the knuckles, along the same line, even seen edge on.
    w0, w1 = wrist + 0.2 * across, wrist - 0.2 * across
    rim = 1.0
    shapes = [
        capsule_outline(w0, 0.17 * u, k, rk * 1.1) for k, rk in zip(knuckles, r[[5, 9, 13, 17]], strict=False)
    ]
    shapes += [
        capsule_outline(w1, 0.17 * u, k, rk * 1.1) for k, rk in zip(knuckles, r[[5, 9, 13, 17]], strict=False)
    ]
    shapes += [
        capsule_outline(a, 0.11 * u, b, 0.11 * u) for a, b in itertools.pairwise(knuckles)
    ]
    shapes.append(capsule_outline(w0, 0.16 * u, p[1], r[1] * 0.95))
    shapes.append(capsule_outline(p[1], r[1] * 0.95, p[5], r[5]))
    body = np.array([w0, p[1], *knuckles, w1])
    for shape in shapes:
        middle = shape.mean(0)
        away = shape - middle
        grown = shape + rim * away / (np.linalg.norm(away, axis=1, keepdims=True) + 1e-9)
        canvas.polygon(grown, shade(flesh, 0.62), tag)
    for shape in shapes:
        canvas.polygon(shape, flesh, tag)
    canvas.polygon(body, flesh, tag)
    center = (wrist + p[9]) / 2
    if hand.palm[2] > 0.35:  # the palm shows: two mounds and two creases
        canvas.capsule(p[1], r[1] * 0.8, (p[2] + p[1]) / 2, r[2] * 0.9, shade(flesh, 1.06), None, 0, 0.1)
        heel = wrist * 0.62 + p[17] * 0.38
        canvas.capsule(heel, 0.13 * u, heel * 0.6 + p[17] * 0.4, 0.11 * u, shade(flesh, 1.05), None, 0, 0.08)
        line = shade(flesh, 0.84)

        def at(*parts):
            return sum(w * p[j] for j, w in parts)

        canvas.line(
            [at((5, 0.72), (0, 0.28)), at((9, 0.62), (0, 0.2), (17, 0.18)), at((17, 0.55), (0, 0.45))],
            0.9,
            line,
        )
        canvas.line(
            [at((5, 0.66), (1, 0.34)), at((9, 0.45), (1, 0.3), (0, 0.25)), at((0, 0.8), (9, 0.2))], 0.9, line
        )
    else:  # the back shows: light, and the tendons' faint ridges
        canvas.capsule(center, 0.24 * u, (p[9] + p[13]) / 2, 0.16 * u, shade(flesh, 1.02), None, 0, 0.07)
        for k in knuckles:
            canvas.line([k * 0.45 + wrist * 0.55, k * 0.9 + wrist * 0.1], 0.8, shade(flesh, 0.94))


def _paint_bone(canvas, hand, r, tone, tag, j, done, n):
    p, i = hand.pixels, PARENT[j]
    canvas.capsule(p[i], r[i], p[j], r[j], tone, tag)
    step = p[j] - p[i]

    def heal(a, ra, b, rb):
        # The rim just drawn crosses a joint that should look whole: paint a little flesh over it.
        canvas.polygon(capsule_outline(a, ra * 0.94, a * 0.65 + b * 0.35, rb * 0.4 + ra * 0.5), tone)

    before = PARENT[i]
    if (
        i not in (1, 5, 9, 13, 17)
        and (n, i) in done
        and step @ (p[i] - p[before]) > -0.1 * np.hypot(*step) * 20
    ):
        heal(p[i], r[i], p[before], r[before])
    if i in (1, 5, 9, 13, 17) and (n, 0) in done and step @ (p[i] - p[0]) > 0:
        heal(p[i], r[i], p[0], r[i])
    for after in range(j + 1, min(j + 2, 21)):
        if PARENT[after] == j and (n, after) in done and step @ (p[after] - p[j]) > 0:
            heal(p[j], r[j], p[after], r[after])
    facing = hand.inward[j][2]
    long = float(np.hypot(*step))
    if j in (4, 8, 12, 16, 20) and facing < -0.25 and long > r[j]:  # a nail
        e = step / long
        canvas.ellipse(
            p[j] + e * r[j] * 0.25,
            r[j] * 0.62,
            r[j] * 0.5 * min(1, -facing + 0.2),
            shade(tone, 1.32),
            None,
            math.atan2(e[1], e[0]),
        )
    elif facing > 0.3 and long > 1.2 * r[j] and j not in (2, 4, 8, 12, 16, 20):  # a crease under the joint
        e = step / long
        side = np.array([-e[1], e[0]]) * r[j] * 0.62
        canvas.line([p[j] - side, p[j] + side], 0.8, shade(tone, 0.86))
