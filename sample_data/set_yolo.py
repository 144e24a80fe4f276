"""The hand set, in the layout of Ultralytics' hand-keypoints.

A label line is `class cx cy w h x1 y1 v1 ... x21 y21 v21`, all but the class
and the flags normalized, the box by its centre.
"""

import numpy as np

try:
    from . import hands as hand_model
    from .common import Apart, generator, jpeg
    from .draw import room
    from .portrait import SKINS, background, forearm, idle_hand
except ImportError:  # run as a script, from inside the folder
    import hands as hand_model
    from common import Apart, generator, jpeg
    from draw import room
    from portrait import SKINS, background, forearm, idle_hand

IMAGES = {"train": 23, "val": 8}
# A background image may have an empty label file or none at all.
EMPTY_FILE, NO_FILE = {("train", 9)}, {("train", 17), ("val", 4)}
KEYPOINTS = (
    "wrist",
    *(
        f"{f}_{j}"
        for f, js in (
            ("thumb", ("cmc", "mcp", "ip", "tip")),
            *((f, ("mcp", "pip", "dip", "tip")) for f in hand_model.FINGERS),
        )
        for j in js
    ),
)
SIZES = ((320, 240), (240, 240), (240, 320))


class HandSet:
    """labels[split][stem] = lines, or None for no file; images[split][stem] = JPEG bytes."""

    def __init__(self):
        self.labels = {split: {} for split in IMAGES}
        self.images = {split: {} for split in IMAGES}


def data_yaml():
    rows = "\n".join(f"    - {name}" for name in KEYPOINTS)
    return (
        "# Keypoint layout: MediaPipe's 21 hand landmarks. Mirroring an image turns a left hand\n"
        "# into a right one but leaves each landmark its meaning: flip_idx is the identity.\n"
        "path: .\ntrain: images/train\nval: images/val\n\nkpt_shape: [21, 3]\n"
        f"flip_idx: {list(range(21))}\n\nnames:\n  0: hand\n\nkpt_names:\n  0:\n{rows}\n"
    )


def _lines(hands, girth, size, owner):
    w, h = size
    lines = []
    for n, hand in enumerate(hands):
        x0, y0, x1, y1 = hand_model.extent(hand, girth)
        x0, y0, x1, y1 = max(x0, 0.0), max(y0, 0.0), min(x1, float(w)), min(y1, float(h))
        numbers = [f"{v:.6f}" for v in ((x0 + x1) / 2 / w, (y0 + y1) / 2 / h, (x1 - x0) / w, (y1 - y0) / h)]
        for x, y in hand.pixels:
            seen = owner[int(y), int(x)] == n + 1
            numbers += [f"{x / w:.6f}", f"{y / h:.6f}", "2" if seen else "1"]
        lines.append(" ".join(["0", *numbers]))
    return lines


def _picture(rng, size, wanted):
    w, h = size
    skin = tuple(
        int(v) for v in np.array(list(SKINS.values())[int(rng.integers(6))]) * rng.uniform(0.95, 1.03)
    )
    sleeve = tuple(int(v) for v in rng.integers(70, 180, 3))
    build = hand_model.some_build(rng)
    canvas = background(size, rng)
    hands = []
    if not wanted:  # an empty wall would stand out as blurred
        room(canvas, rng)
        room(canvas, rng)
    if wanted in hand_model.TWO_HANDED:
        hands = hand_model.hold_pair(wanted, build, rng)
    elif wanted:
        side = "left" if rng.random() < 0.5 else "right"
        hands = [hand_model.hold(hand_model.ONE_HANDED[wanted], side, build, rng, 1.0, 11.0)]
        if rng.random() < 0.3 and w > h:
            hands.append(idle_hand("left" if side == "right" else "right", build, rng))
    for _n, hand in enumerate(hands):
        hand_model.project(hand, (0, 0), min(w, h) * rng.uniform(0.19, 0.24) * (0.8 if len(hands) > 1 else 1))
    apart = len(hands) == 2 and wanted not in hand_model.TWO_HANDED
    for group in [[x] for x in hands] if apart else [hands]:
        if not group:
            continue
        where = np.array([w * rng.uniform(0.44, 0.56), h * rng.uniform(0.38, 0.5)])
        if apart:
            where[0] = w * (0.27 if group[0].side == "right" else 0.74)
        boxes = np.array([hand_model.extent(x, build.girth) for x in group])
        center = (boxes[:, :2].min(0) + boxes[:, 2:].max(0)) / 2
        for x in group:
            x.pixels = x.pixels + where - center
    for hand in hands:
        forearm(canvas, hand, skin, sleeve, 0.65, 9.0)
    hand_model.paint(canvas, hands, [skin] * len(hands), [build.girth] * len(hands))
    return canvas, hands, build.girth


def make_hands():
    out, apart, number = HandSet(), Apart(), 0
    for split, count in IMAGES.items():
        for n in range(count):
            number += 1
            stem = f"hand_{number:04d}"
            blank = (split, n) in EMPTY_FILE | NO_FILE
            wanted = None if blank else hand_model.GESTURES[(number * 5) % len(hand_model.GESTURES)]
            attempt = 0
            while True:
                rng = generator(4, number, attempt)
                size = SIZES[int(rng.integers(len(SIZES)))]
                canvas, hands, girth = _picture(rng, size, wanted)
                image = canvas.finish()
                inside = all(((h.pixels > 3) & (h.pixels < np.array(size) - 3)).all() for h in hands)
                if inside and apart.accepts(image):
                    break
                attempt += 1
            lines = _lines(hands, girth, size, np.array(canvas.owner))
            out.images[split][stem] = jpeg(image)
            out.labels[split][stem] = None if (split, n) in NO_FILE else lines
    return out
