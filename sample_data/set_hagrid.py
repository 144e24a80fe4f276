"""The gesture set, in HaGRIDv2's layout.

Coordinates are normalized by the image's width and height, boxes are
[top-left x, top-left y, width, height].
"""

import hashlib
import uuid

try:
    from . import hands as hand_model
    from .common import Apart, generator, jpeg
    from .portrait import SKINS, portrait, some_subject
except ImportError:  # run as a script, from inside the folder
    import hands as hand_model
    from common import Apart, generator, jpeg
    from portrait import SKINS, portrait, some_subject

IMAGES_A_GESTURE = {"train": 7, "val": 2, "test": 3}
SUBJECTS = {"train": 36, "val": 12, "test": 12}  # multiples of 12: each gender and race alike in each split
# The gestures whose first train image shows somebody who appears in no other image.
ONCE_ONLY = ("call", "grip", "palm", "peace", "rock", "two_up")
SIZES = ((240, 320), (240, 320), (320, 240), (252, 336), (320, 256))
WITHOUT_LANDMARKS = 5  # every n-th idle second hand: the detector found nothing there


class GestureSet:
    """annotations[split][gesture][key] = record; images[(gesture, key)] = JPEG bytes."""

    def __init__(self):
        self.subjects = {split: [] for split in IMAGES_A_GESTURE}
        self.annotations = {s: {g: {} for g in hand_model.GESTURES} for s in IMAGES_A_GESTURE}
        self.images, self.apart, self.drawn = {}, Apart(), 0
        self.of_user = {}
        for split, count in SUBJECTS.items():
            for n in range(count):
                self.subjects[split].append(self.new_subject(n, n // 2))
        self.loners = [self.new_subject(n, n) for n in range(len(ONCE_ONLY))]

    def new_subject(self, gender, race):
        number = len(self.of_user)
        user_id = hashlib.sha256(f"kpaudit sample subject {number}".encode()).hexdigest()
        races = list(SKINS)
        subject = some_subject(
            generator(1, number), user_id, ("female", "male")[gender % 2], races[race % len(races)]
        )
        self.of_user[user_id] = subject
        return subject

    def draw(self, subject, gesture, side="right", idle=False):
        """A new picture and its record: (key, record, JPEG bytes)."""
        number, attempt = self.drawn, 0
        self.drawn += 1
        while True:
            rng = generator(2, number, attempt)
            key = str(uuid.UUID(bytes=rng.bytes(16), version=4))
            size = SIZES[int(rng.integers(len(SIZES)))]
            image, hands = portrait(subject, gesture, rng, size, side, idle)
            if self.apart.accepts(image):
                break
            attempt += 1
        found = [True] + [
            number % WITHOUT_LANDMARKS != 0 or label != "no_gesture" for _, label, _ in hands[1:]
        ]
        return key, record(hands, found, size, gesture, subject), jpeg(image)


def record(hands, found, size, gesture, subject):
    """One image's annotation, as HaGRIDv2 writes it."""
    w, h = size
    boxes = [
        [round(x0 / w, 8), round(y0 / h, 8), round((x1 - x0) / w, 8), round((y1 - y0) / h, 8)]
        for _, _, (x0, y0, x1, y1) in hands
    ]
    two = gesture in hand_model.TWO_HANDED
    return {
        "bboxes": boxes,
        "labels": [label for _, label, _ in hands],
        "united_bbox": [union(boxes)] if two else None,
        "united_label": [gesture] if two else None,
        "user_id": subject.user_id,
        "hand_landmarks": [
            [[round(float(x) / w, 8), round(float(y) / h, 8)] for x, y in hand.pixels] if ok else []
            for (hand, _, _), ok in zip(hands, found, strict=False)
        ],
        "meta": subject.meta,
    }


def union(boxes):
    x0, y0 = min(b[0] for b in boxes), min(b[1] for b in boxes)
    x1, y1 = max(b[0] + b[2] for b in boxes), max(b[1] + b[3] for b in boxes)
    return [round(v, 8) for v in (x0, y0, x1 - x0, y1 - y0)]


def make_gestures():
    """Draw the whole clean set."""
    out, turn, loners = GestureSet(), {split: 0 for split in IMAGES_A_GESTURE}, ONCE_ONLY
    for g, gesture in enumerate(hand_model.GESTURES):
        for split, count in IMAGES_A_GESTURE.items():
            for n in range(count):
                if split == "train" and n == 0 and gesture in loners:
                    subject = out.loners[loners.index(gesture)]
                else:
                    pool = out.subjects[split]
                    subject = pool[turn[split] % len(pool)]
                    turn[split] += 1
                side = "left" if (n + g) % 3 == 2 else "right"
                idle = gesture not in hand_model.TWO_HANDED and gesture != "mute" and (n + 2 * g) % 4 == 1
                key, rec, image = out.draw(subject, gesture, side, idle)
                out.annotations[split][gesture][key] = rec
                out.images[gesture, key] = image
    return out
