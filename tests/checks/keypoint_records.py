"""Records in which the checks of group keypoints find nothing, and the defects to plant in them."""

from __future__ import annotations

import numpy as np

COCO_JOINTS = [
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee",
    "left_ankle", "right_ankle",
]  # fmt: skip
#: a standing person in shares of the box, in COCO's order
PERSON = np.array(
    [(0.5, 0.1), (0.55, 0.07), (0.45, 0.07), (0.6, 0.1), (0.4, 0.1), (0.75, 0.22), (0.25, 0.22),
     (0.85, 0.38), (0.15, 0.38), (0.9, 0.52), (0.1, 0.52), (0.65, 0.55), (0.35, 0.55), (0.66, 0.75),
     (0.34, 0.75), (0.67, 0.95), (0.33, 0.95)]
)  # fmt: skip
#: an open hand in shares of the box, in MediaPipe's order
HAND = np.array(
    [(0.5, 0.95), (0.3, 0.85), (0.2, 0.7), (0.12, 0.6), (0.05, 0.5), (0.35, 0.5), (0.3, 0.3), (0.28, 0.18),
     (0.26, 0.08), (0.5, 0.47), (0.5, 0.25), (0.5, 0.13), (0.5, 0.04), (0.64, 0.5), (0.68, 0.3), (0.7, 0.19),
     (0.72, 0.1), (0.78, 0.57), (0.85, 0.43), (0.9, 0.34), (0.94, 0.26)]
)  # fmt: skip


def person(number: int, image: int, box: tuple[float, ...], **more) -> dict:
    """A person with all 17 joints, visible, in COCO's words."""
    x, y, w, h = box
    points = PERSON * (w, h) + (x, y)
    keypoints = [value for px, py in points.tolist() for value in (round(px, 2), round(py, 2), 2)]
    return {
        "id": number, "image_id": image, "category_id": 1, "bbox": list(box), "area": 0.4 * w * h,
        "iscrowd": 0, "num_keypoints": 17, "keypoints": keypoints,
    } | more  # fmt: skip


def people() -> dict:
    """Two images, three persons, an empty one far away and a crowd: nothing is wrong with them."""
    return {
        "images": [
            {"id": 1, "file_name": "a.jpg", "width": 640, "height": 480},
            {"id": 2, "file_name": "b.jpg", "width": 300, "height": 900},
        ],
        "annotations": [
            person(11, 1, (40, 100, 120, 300)),
            person(12, 1, (300, 60, 160, 400)),
            person(13, 2, (20, 50, 240, 700)),
            person(14, 2, (5, 800, 20, 40), num_keypoints=0, keypoints=[0] * 51),
            person(15, 2, (0, 0, 300, 200), num_keypoints=0, keypoints=[0] * 51, iscrowd=1),
        ],
        "categories": [
            {"id": 1, "name": "person", "keypoints": COCO_JOINTS, "skeleton": [[16, 14], [14, 12], [6, 7]]}
        ],
    }


def hands() -> dict:
    """Four HaGRID records, landscape and portrait unknown, of two subjects and two gestures."""
    records = {"peace": {}, "stop": {}}
    whose = [("peace", "s1"), ("peace", "s2"), ("stop", "s1"), ("stop", "s1")]
    for n, (gesture, subject) in enumerate(whose):
        box = [0.1 + 0.1 * n, 0.3, 0.25, 0.3]
        records[gesture][f"0000000{n}-0000-4000-8000-000000000000"] = {
            "bboxes": [box], "labels": [gesture], "user_id": subject, "united_bbox": None,
            "united_label": None, "hand_landmarks": [(HAND * box[2:] + box[:2]).round(6).tolist()],
            "meta": {"age": [30.0], "gender": ["male"], "race": ["White"]},
        }  # fmt: skip
    return records


def stack(documents: dict[str, dict]) -> dict:
    """One COCO file of several: images in a folder each, ids that do not clash."""
    out = {"images": [], "annotations": [], "categories": people()["categories"]}
    for n, (name, document) in enumerate(documents.items()):
        for image in document["images"]:
            file_name = f"{name}/{image['file_name']}"
            out["images"].append(image | {"id": image["id"] + 100 * n, "file_name": file_name})
        for annotation in document["annotations"]:
            shifted = {"id": annotation["id"] + 100 * n, "image_id": annotation["image_id"] + 100 * n}
            out["annotations"].append(annotation | shifted)
    return out


def joint(document: dict, annotation: int, number: int, *values: float) -> None:
    """Sets a joint's x, y and, where given, its flag."""
    keypoints = document["annotations"][annotation]["keypoints"]
    keypoints[3 * number : 3 * number + len(values)] = values


def record(records: dict, n: int) -> dict:
    return [r for group in records.values() for r in group.values()][n]


def outside_image_of_pixels(d):
    joint(d, 1, 9, 650.0, 260.0)  # 10 pixels right of 640, in another person's reach


def beside_box(d):
    joint(d, 0, 9, 260.0, 200.0)  # 100 right of the box's edge, its larger side is 300


def occluded_far_outside(d):
    joint(d, 0, 9, 340.0, 200.0, 1)


def another_persons(d):
    d["annotations"][0]["keypoints"] = person(0, 1, (310, 100, 150, 350))["keypoints"]


def cut_legs(d):
    d["annotations"][2]["bbox"] = [20, 50, 240, 420]


def at_origin(d):
    joint(d, 1, 4, 0, 0)


def all_at_origin(d):
    d["annotations"][1]["keypoints"] = [0, 0, 2] * 17


def ghost(d):
    joint(d, 0, 13, 90.0, 300.0, 0)
    d["annotations"][0]["num_keypoints"] = 16


def ghosts(d):
    ghost(d)
    joint(d, 0, 14, -5.0, 0, 0)
    d["annotations"][0]["num_keypoints"] = 15


def miscounted(d):
    d["annotations"][1]["num_keypoints"] = 12


def counted_though_empty(d):
    d["annotations"][3]["num_keypoints"] = 3


def collapsed(d):
    d["annotations"][0]["keypoints"] = [100, 250, 2] * 17


def half_collapsed(d):
    for number in range(8, 17):
        joint(d, 0, number, 100 + number % 2, 250 + number % 3)  # within 3 pixels, 1 % of 300


def shrunk(d):
    points = (PERSON - 0.5) * 6 + (100, 250)
    d["annotations"][0]["keypoints"] = [v for x, y in points.tolist() for v in (x, y, 2)]


def twin(d):
    again = person(16, 1, (301, 61, 161, 398))
    d["annotations"].append(again)


def crowd_twin(d):
    d["annotations"].append(person(16, 1, (300, 60, 160, 400), iscrowd=1))


def listless(d):
    d["annotations"][0]["keypoints"] = []
    d["annotations"][0]["num_keypoints"] = 0


#: check → what is planted, the finding's place, a part of its sentence, its score
PLANTED_PEOPLE = [
    ("keypoint-outside-image", outside_image_of_pixels, ("a.jpg", 1, 9), "is 10.0 pixels right of", 0.5125),
    ("keypoint-outside-box", beside_box, ("a.jpg", 0, 9), "(left_wrist) is 0.33 of the box's", 1 / 3),
    ("keypoint-outside-box", occluded_far_outside, ("a.jpg", 0, 9), "(left_wrist, occluded) is 0.60 of", 0.6),
    ("keypoints-far-from-box", another_persons, ("a.jpg", 0, None), "17 of 17 joints are outside", None),
    ("box-cuts-keypoints", cut_legs, ("b.jpg", 0, None), "4 of 17 joints", None),
    ("keypoint-at-origin", at_origin, ("a.jpg", 1, 4), "joint 4 (right_ear) is at (0, 0), its flag is 2", 1),
    ("keypoint-at-origin", all_at_origin, ("a.jpg", 1, None), "all 17 labelled joints are at (0, 0)", 1),
    ("unlabelled-with-coordinates", ghost, ("a.jpg", 0, 13), "(left_knee) is marked as not labelled", 1),
    ("unlabelled-with-coordinates", ghosts, ("a.jpg", 0, None), "2 of 2 joints marked as not labelled", 1),
    ("num-keypoints-mismatch", miscounted, ("a.jpg", 1, None), "is 12, but 17 joints are labelled", 1),
    ("num-keypoints-mismatch", counted_though_empty, ("b.jpg", 1, None), "is 3, but no joint is labelled", 1),
    ("keypoints-collapsed", collapsed, ("a.jpg", 0, None), "all 17 joints are on one spot", 1),
    ("keypoints-collapsed", half_collapsed, ("a.jpg", 0, None), "9 of 17 joints are on one spot", 9 / 17),
    ("keypoints-collapsed", shrunk, ("a.jpg", 0, None), "all 17 joints lie within 1.76 %", 1),
    ("instance-duplicate", twin, ("a.jpg", 2, None), "is 0.993 over 17 joints", None),
    ("landmarks-missing", listless, ("a.jpg", 0, None), "has no landmarks, like 1 of 69 (1.4 %)", None),
]  # fmt: skip


def outside_image(r):
    record(r, 1)["hand_landmarks"][0][20] = [0.3, 1.06]


def beside_hand(r):
    record(r, 1)["hand_landmarks"][0][4] = [0.2 - 0.12, 0.45]  # 0.12 of the width left of a box 0.3 high


def far_hand(r):
    record(r, 2)["hand_landmarks"][0] = (HAND * 0.2 + (0.75, 0.02)).tolist()


def hand_at_origin(r):
    record(r, 0)["hand_landmarks"][0][8] = [0, 0]


def collapsed_hand(r):
    record(r, 3)["hand_landmarks"][0] = [[0.5, 0.45]] * 21


def hand_twice(r):
    hand = record(r, 3)
    hand["bboxes"].append([hand["bboxes"][0][0], 0.31, 0.25, 0.29])
    hand["labels"].append("no_gesture")
    hand["hand_landmarks"].append((np.array(hand["hand_landmarks"][0]) + 0.001).tolist())


def empty_hand(r):
    record(r, 2)["hand_landmarks"] = [[]]


def null_hand(r):
    record(r, 2)["hand_landmarks"] = None


KEY = "0000000{}-0000-4000-8000-000000000000"
PLANTED_HANDS = [
    ("keypoint-outside-image", outside_image, (KEY.format(1), 0, 20), "0.060 of the image's height", None),
    ("keypoint-outside-box", beside_hand, (KEY.format(1), 0, 4), "joint 4 (thumb_tip) is 0.40 of", 0.4),
    ("keypoints-far-from-box", far_hand, (KEY.format(2), 0, None), "21 of 21", None),
    ("keypoint-at-origin", hand_at_origin, (KEY.format(0), 0, 8), "no flag says that it is not labelled", 1),
    ("keypoints-collapsed", collapsed_hand, (KEY.format(3), 0, None), "all 21 joints are on one spot", 1),
    ("instance-duplicate", hand_twice, (KEY.format(3), 1, None), "labelled stop instead of no_gesture", None),
    ("landmarks-missing", empty_hand, (KEY.format(2), 0, None),
     "like 1 of 2 (50.0 %) of its class and 1 of 3 of its subject", 0.75),
    ("landmarks-missing", null_hand, (KEY.format(2), 0, None), "this stop has no landmarks", 0.75),
]  # fmt: skip
