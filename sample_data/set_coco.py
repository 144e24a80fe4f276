"""The people set, as COCO publishes its person keypoints. Pixels, x right and y down."""

import numpy as np

try:
    from . import people
    from .common import Apart, generator, jpeg
    from .draw import WALLS, Canvas, gradient, mix, room, shade
    from .portrait import SKINS
except ImportError:  # run as a script, from inside the folder
    import people
    from common import Apart, generator, jpeg
    from draw import WALLS, Canvas, gradient, mix, room, shade
    from portrait import SKINS

IMAGES = {"train": 30, "val": 10}
CROWDS = {("train", 6), ("train", 21), ("val", 3)}  # images with a far crowd, marked iscrowd
CROWD_TAG = 9000
# Most face the camera, a quarter or so are seen from behind, the rest from the side.
YAWS = (0, 20, -25, 180, 90, 0, -90, 160, 35, -15, 195, -60, 10, 60)


class PeopleSet:
    """documents[split] = a COCO document; images[split][file_name] = JPEG bytes."""

    def __init__(self):
        self.documents, self.images = {}, {split: {} for split in IMAGES}


def empty_document(split):
    return {
        "info": {
            "description": f"kpaudit sample people, {split}2017 layout",
            "url": "",
            "version": "1.0",
            "year": 2024,
            "contributor": "kpaudit",
            "date_created": "2024/09/17",
        },
        "licenses": [{"url": "https://opensource.org/license/mit", "id": 1, "name": "MIT License"}],
        "images": [],
        "annotations": [],
        "categories": [
            {
                "supercategory": "person",
                "id": 1,
                "name": "person",
                "keypoints": list(people.KEYPOINTS),
                "skeleton": [list(pair) for pair in people.SKELETON],
            }
        ],
    }


def _ground(size, horizon, rng):
    """Indoors a room with a floor, outdoors grass under a sky with hills."""
    w, h = size
    if rng.random() < 0.5:
        top, low = WALLS[int(rng.integers(len(WALLS)))]
        canvas = Canvas(gradient(w, h, top, low, rng))
        room(canvas, rng)
        floor = mix(shade(low, 0.75), (150, 116, 84), 0.45)
        canvas.polygon([(0, horizon), (w, horizon), (w, h), (0, h)], floor)
        canvas.line([(0, horizon), (w, horizon)], 3, shade(floor, 1.25))
        for n in range(-3, 9):
            canvas.line(
                [(w * n / 6 + 20, horizon + 2), (w * (n * 1.9 - 2.7) / 6 + 20, h)], 0.8, shade(floor, 0.93)
            )
    else:
        canvas = Canvas(gradient(w, h, (150, 190, 222), (222, 232, 236), rng))
        for _ in range(int(rng.integers(2, 4))):
            x, r = rng.uniform(0, w), rng.uniform(0.2, 0.5) * w
            canvas.ellipse(
                (x, horizon + r * 0.28),
                r,
                r * rng.uniform(0.4, 0.7),
                mix((132, 160, 132), (170, 190, 200), rng.random()),
            )
        grass = mix((128, 162, 96), (176, 168, 120), rng.random())
        canvas.polygon([(0, horizon), (w, horizon), (w, h), (0, h)], grass)
        canvas.polygon([(0, h * 0.97), (w, h * 0.9), (w, h), (0, h)], shade(grass, 0.95))
        for _ in range(int(rng.integers(1, 4))):
            x, tall = rng.uniform(0, w), rng.uniform(0.25, 0.5) * h
            canvas.capsule((x, horizon + 3), 3.2, (x, horizon - tall * 0.5), 2.4, (112, 86, 64), None, 0.6)
            green = mix((92, 138, 84), (140, 160, 90), rng.random())
            for _ in range(4):
                at = (x + rng.uniform(-0.16, 0.16) * tall, horizon - tall * rng.uniform(0.5, 0.95))
                canvas.capsule(at, 0.18 * tall, at, 0.18 * tall, green, None, 0.5, 0.1)
    return canvas


def _skin(rng):
    return list(SKINS.values())[int(rng.integers(len(SKINS)))]


def _crowd(canvas, horizon, rng):
    """A row of people far off, too many to label one by one."""
    at = canvas.width * rng.uniform(0.02, 0.3)
    while at < canvas.width * 0.9 and rng.random() < 0.97:
        someone = people.Person(
            ("stand", "walk")[int(rng.integers(2))],
            people.some_look(rng, _skin(rng)),
            float(rng.choice(YAWS)),
            (at, horizon - 10 + rng.uniform(0, 5)),
            25,
            rng,
        )
        someone.paint(canvas, CROWD_TAG)
        at += rng.uniform(8, 15)


def _scene(rng, size, count, yaws, crowd):
    """Paint one picture. Returns the canvas and [(Person, tag)], nearest last."""
    w, h = size
    horizon = h * rng.uniform(0.52, 0.64)
    canvas = _ground(size, horizon, rng)
    if crowd:
        _crowd(canvas, horizon, rng)
    close = count == 1 and rng.random() < 0.7
    slots = rng.permutation(count)
    placed = []
    for n in range(count):
        scale = (
            h * rng.uniform(0.68, 0.85)
            if close
            else h * rng.uniform(0.36, 0.46) * (1.0 if count < 3 else 0.9)
        )
        x = w * (slots[n] + 0.5 + rng.uniform(-0.16, 0.16)) / count
        pose = people.POSES[int(rng.integers(len(people.POSES)))]
        y = (
            h * (0.66 if close else 0.54)
            + scale * (0.1 if pose == "arms_up" else 0.0)
            + (scale - 0.38 * h) * 0.3
        )
        placed.append(
            people.Person(
                pose, people.some_look(rng, _skin(rng)), yaws[n] + rng.uniform(-9, 9), (x, y), scale, rng
            )
        )
    placed.sort(key=lambda p: p.scale)
    tagged = [(p, 16 + n * people.TAGS_A_PERSON) for n, p in enumerate(placed)]
    for person, tag in tagged:
        if person.pose == "sit":
            _stool(canvas, person)
        person.paint(canvas, tag)
    return canvas, tagged


def _stool(canvas, person):
    """Something to sit on, behind the sitter."""
    seat, s = (person.xy[11] + person.xy[12]) / 2 + (0, 0.1 * person.scale), person.scale
    wood = (134, 100, 72)
    for dx in (-0.14, 0.14):
        canvas.capsule(
            seat + (dx * s, 0), 0.02 * s, seat + (dx * 1.25 * s, 0.36 * s), 0.018 * s, wood, None, 0.8
        )
    canvas.capsule(seat - (0.16 * s, 0), 0.035 * s, seat + (0.16 * s, 0), 0.035 * s, wood, None, 0.8)


def _annotation(person, tag, owner):
    """A COCO annotation but for its ids, or None where too little is seen to label."""
    keypoints = person.keypoints(owner, tag)
    mask = (owner > tag) & (owner < tag + people.TAGS_A_PERSON)
    rings = [r for r in people.outlines(mask, 12) if len(r) > 3]
    if not rings or sum(v > 0 for v in keypoints[2::3]) < 7 or sum(v == 2 for v in keypoints[2::3]) < 5:
        return None
    points = np.concatenate(rings)
    low, high = points.min(0), points.max(0)
    labelled = np.array([keypoints[n : n + 2] for n in range(0, 51, 3) if keypoints[n + 2]])
    stray = max(float((low - labelled).max()), float((labelled - high).max()))
    if stray > 0.04 * float((high - low).max()):
        return None  # an unseen limb lies well outside what is seen: an awkward view, draw another
    low, high = np.minimum(low, labelled.min(0)), np.maximum(high, labelled.max(0))
    return {
        "segmentation": [[float(v) for v in ring.ravel()] for ring in rings],
        "num_keypoints": sum(v > 0 for v in keypoints[2::3]),
        "area": round(sum(people.polygon_area(ring) for ring in rings), 2),
        "iscrowd": 0,
        "keypoints": keypoints,
        "image_id": 0,
        "bbox": [round(float(v), 2) for v in (*low, *(high - low))],
        "category_id": 1,
        "id": 0,
    }


def _crowd_annotation(owner):
    mask = owner == CROWD_TAG
    for part in range(1, people.TAGS_A_PERSON):
        mask = mask | (owner == CROWD_TAG + part)
    ys, xs = np.nonzero(mask)
    box = [float(xs.min()), float(ys.min()), float(xs.max() - xs.min() + 1), float(ys.max() - ys.min() + 1)]
    return {
        "segmentation": people.run_lengths(mask),
        "num_keypoints": 0,
        "area": float(mask.sum()),
        "iscrowd": 1,
        "keypoints": [0] * 51,
        "image_id": 0,
        "bbox": box,
        "category_id": 1,
        "id": 0,
    }


def make_people():
    """Draw the whole clean set."""
    out, apart, number, next_id, turn = PeopleSet(), Apart(), 0, 100001, 0
    for split, count in IMAGES.items():
        document = empty_document(split)
        for n in range(count):
            number += 1
            image_id = 1000 + number * 37
            how_many = (1, 2, 3, 1, 2, 4, 2, 3)[n % 8]
            yaws = [YAWS[(turn + k) % len(YAWS)] for k in range(how_many)]
            turn += how_many
            size = (240, 320) if how_many == 1 and n % 3 == 0 else (320, 240)
            attempt = 0
            while True:
                rng = generator(3, number, attempt)
                canvas, tagged = _scene(rng, size, how_many, yaws, (split, n) in CROWDS)
                owner, image = np.array(canvas.owner), canvas.finish()
                found = [_annotation(person, tag, owner) for person, tag in tagged]
                if all(found) and apart.accepts(image):
                    break
                attempt += 1
            if (split, n) in CROWDS:
                found.append(_crowd_annotation(owner))
            name = f"{image_id:012d}.jpg"
            document["images"].append(
                {
                    "license": 1,
                    "file_name": name,
                    "coco_url": "",
                    "height": size[1],
                    "width": size[0],
                    "date_captured": "2024-09-17 12:00:00",
                    "flickr_url": "",
                    "id": image_id,
                }
            )
            for annotation in found:
                annotation.update(image_id=image_id, id=next_id)
                next_id += 1
                document["annotations"].append(annotation)
            out.images[split][name] = jpeg(image)
        out.documents[split] = document
    return out
