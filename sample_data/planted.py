"""The defects put into the sets on purpose, and the table that owns up to them.

Each takes an image nobody else has taken, so that a finding on it has one
cause. Where one mistake trips several checks by its nature (an image copied
into another split takes its subject and its annotation with it), each of them
has its row.
"""

import copy
import io
import uuid

import numpy as np
from PIL import Image, ImageEnhance

try:
    from .common import generator, jpeg
except ImportError:  # run as a script, from inside the folder
    from common import generator, jpeg

COLUMNS = ("dataset", "check_id", "split", "file", "key", "annotation", "joint", "detail")
# COCO's left and right of each pair, and those of the arms alone.
FLIP = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
ARM_FLIP = (0, 1, 2, 3, 4, 5, 6, 8, 7, 10, 9, 11, 12, 13, 14, 15, 16)
# Index and middle finger exchanged, joint for joint.
CROSSED = (0, 1, 2, 3, 4, 9, 10, 11, 12, 5, 6, 7, 8, 13, 14, 15, 16, 17, 18, 19, 20)


class Table:
    def __init__(self, dataset):
        self.dataset, self.rows = dataset, []

    def add(self, check_id, split, file, key, detail, annotation="", joint=""):
        self.rows.append((self.dataset, check_id, split, file, key, annotation, joint, detail))


def _noisy(landmarks, rng, sigma=0.0015):
    """The same hand labelled once more, by somebody else."""
    return (
        (np.array(landmarks) + np.clip(rng.normal(0, sigma, (21, 2)), -2 * sigma, 2 * sigma))
        .round(8)
        .tolist()
    )


def _nudged(box, rng, sigma=0.002):
    """The same box drawn once more, still inside the image."""
    x, y, w, h = (v + float(rng.uniform(-sigma, sigma)) for v in box)
    x, y = max(x, 0.0), max(y, 0.0)
    return [round(v, 8) for v in (x, y, min(w, 0.9999 - x), min(h, 0.9999 - y))]


class GesturePlanter:
    def __init__(self, gestures):
        self.set, self.table, self.used, self.rng = gestures, Table("hagrid"), set(), generator(9)
        counts = {}
        for files in self.set.annotations.values():
            for records in files.values():
                for record in records.values():
                    counts[record["user_id"]] = counts.get(record["user_id"], 0) + 1
        self.once = {user for user, n in counts.items() if n == 1}

    def take(self, split, gesture, hands=1, once=False):
        """An untouched image of the clean set with so many fully labelled hands."""
        for key, record in self.set.annotations[split][gesture].items():
            fits = len(record["labels"]) == hands and all(record["hand_landmarks"])
            if key not in self.used and fits and (record["user_id"] in self.once) == once:
                self.used.add(key)
                return key, record
        raise LookupError(f"no untouched {split}/{gesture} image with {hands} hands is left")

    def put(self, check_id, split, gesture, key, detail, annotation="", joint=""):
        self.table.add(
            check_id, split, f"hagrid_annotations/{split}/{gesture}.json", key, detail, annotation, joint
        )

    def add(self, split, gesture, key, record, image):
        self.set.annotations[split][gesture][key] = record
        self.set.images[gesture, key] = image
        self.used.add(key)

    def new_key(self):
        return str(uuid.UUID(bytes=self.rng.bytes(16), version=4))

    def plant(self):
        self.splits()
        self.boxes()
        self.landmarks()
        self.labels()
        self.records()
        self.demographics()
        self.files()
        return self.table.rows

    def splits(self):
        # Somebody of train is photographed once more, for val.
        subject = self.set.subjects["train"][4]
        key, record, image = self.set.draw(subject, "peace")
        self.add("val", "peace", key, record, image)
        self.put(
            "subject-in-two-splits",
            "val",
            "peace",
            key,
            "The subject of this val image is in train's images too.",
        )

        key, record = self.take("train", "stop")
        self.add("test", "stop", key, copy.deepcopy(record), self.set.images["stop", key])
        for check, what in (
            ("image-in-two-splits", "The same image key stands in train/stop.json and test/stop.json."),
            ("annotation-in-two-splits", "Copied from train with the image: the same box and landmarks."),
            ("subject-in-two-splits", "Copied from train with the image: its subject is in train too."),
        ):
            self.put(check, "test", "stop", key, what, "0" if check.startswith("annotation") else "")

        key, record = self.take("train", "palm", hands=2)
        self.add("train", "no_gesture", key, copy.deepcopy(record), self.set.images["palm", key])
        self.put(
            "duplicate-image-key",
            "train",
            "no_gesture",
            key,
            "This image stands in train/palm.json and again in train/no_gesture.json.",
        )

        key, image, what = self.again("train", "like", "val", "like")
        self.set.images["like", key] = image
        for check in ("image-file-in-two-splits", "near-duplicate-in-two-splits"):
            self.put(
                check,
                "val",
                "like",
                key,
                f"The file's bytes are those of train image {what} under another key.",
            )

        key, image, what = self.again("train", "ok", "test", "ok")
        brighter = ImageEnhance.Brightness(Image.open(io.BytesIO(image))).enhance(1.06)
        self.set.images["ok", key] = jpeg(brighter, 68)
        self.put(
            "near-duplicate-in-two-splits",
            "test",
            "ok",
            key,
            f"Train image {what}, a little brighter and compressed harder, under another key.",
        )

    def again(self, split, gesture, other, other_gesture):
        """A picture entered once more elsewhere: labelled anew, under a subject of that split."""
        key, record = self.take(split, gesture)
        subject = self.set.subjects[other][3]
        twin = copy.deepcopy(record)
        twin.update(user_id=subject.user_id, meta=subject.meta)
        twin["hand_landmarks"] = [_noisy(hand, self.rng) for hand in record["hand_landmarks"]]
        twin["bboxes"] = [_nudged(box, self.rng) for box in record["bboxes"]]
        new = self.new_key()
        self.set.annotations[other][other_gesture][new] = twin
        self.used.add(new)
        return new, self.set.images[gesture, key], key

    def boxes(self):
        key, record = self.take("train", "four")
        x, y, w, h = record["bboxes"][0]
        record["bboxes"][0] = (
            [round(1.04 - w, 8), y, w, h] if x > 0.5 else [-0.04, y, round(x + w + 0.04, 8), h]
        )
        self.put(
            "box-outside-image", "train", "four", key, "The box runs 0.04 of the image's width out of it.", 0
        )

        key, record = self.take("train", "grip", hands=2)
        record["bboxes"][0][2] = 0.0
        self.put("box-zero-area", "train", "grip", key, "The box is 0 wide.", 0)

        key, record = self.take("train", "call")
        record["bboxes"].append(_nudged(record["bboxes"][0], self.rng))
        record["labels"].append("call")
        record["hand_landmarks"].append(_noisy(record["hand_landmarks"][0], self.rng))
        self.put("box-duplicate", "train", "call", key, "One hand is boxed twice, a hair apart.", 1)
        self.put(
            "instance-duplicate", "train", "call", key, "The twice boxed hand has its landmarks twice too.", 1
        )

        key, record = self.take("test", "one")
        x, y, w, h = record["bboxes"][0]
        record["bboxes"].append([round(x, 8), round(y, 8), round(w, 8), round(h * 0.74, 8)])
        record["labels"].append("one")
        record["hand_landmarks"].append(_noisy(record["hand_landmarks"][0], self.rng))
        self.put(
            "instance-duplicate",
            "test",
            "one",
            key,
            "The hand's landmarks are there twice, under boxes of different heights.",
            1,
        )

        key, record = self.take("val", "three")
        record["bboxes"].append([0.012, 0.31, 0.004, 0.003])
        record["labels"].append("no_gesture")
        record["hand_landmarks"].append([])
        self.put("box-tiny", "val", "three", key, "A stray click left a box of about one pixel.", 1)

        key, record = self.take("train", "timeout", hands=2)
        record["united_bbox"] = [list(record["bboxes"][0])]
        self.put("united-box-mismatch", "train", "timeout", key, "The united box is the first hand's alone.")
        key, record = self.take("val", "xsign", hands=2)
        record["united_bbox"] = record["united_label"] = None
        self.put("united-box-mismatch", "val", "xsign", key, "A two-handed gesture has no united box.")
        key, record = self.take("test", "fist")
        record.update(united_bbox=[list(record["bboxes"][0])], united_label=["fist"])
        self.put("united-box-mismatch", "test", "fist", key, "A one-handed gesture has a united box.")

    def landmarks(self):
        key, record = self.take("train", "three2")
        record["hand_landmarks"][0][20][1] = 1.06
        self.put(
            "keypoint-outside-image",
            "train",
            "three2",
            key,
            "The little finger's tip is below the image.",
            0,
            20,
        )

        key, record = self.take("train", "two_up")
        x, y, w, h = record["bboxes"][0]
        record["hand_landmarks"][0][4] = [round(x + (2.0 * w if x < 0.5 else -w), 8), round(y + h * 0.6, 8)]
        self.put(
            "keypoint-outside-box",
            "train",
            "two_up",
            key,
            "The thumb's tip is a box width beside the box.",
            0,
            4,
        )

        key, record = self.take("train", "thumb_index")
        near = record["bboxes"][0]
        shift = -0.45 if near[1] > 0.45 else 0.45
        record["hand_landmarks"][0] = [
            [round(1 - x, 8), round(y + shift * 0.5, 8)] for x, y in record["hand_landmarks"][0]
        ]
        self.put(
            "keypoints-far-from-box",
            "train",
            "thumb_index",
            key,
            "The landmarks lie on the image's other side.",
            0,
        )
        key, record = self.take("test", "rock")
        here = record["bboxes"][0][0] < 0.5
        for _, other in self.set.annotations["test"]["palm"].items():
            if (other["bboxes"][0][0] < 0.5) != here:
                record["hand_landmarks"][0] = copy.deepcopy(other["hand_landmarks"][0])
                break
        self.put(
            "keypoints-far-from-box",
            "test",
            "rock",
            key,
            "The landmarks are those of another image's hand.",
            0,
        )

        key, record = self.take("train", "point")
        x, y, w, h = record["bboxes"][0]
        record["hand_landmarks"][0] = [[round(x + w / 2, 8), round(y + h / 2, 8)] for _ in range(21)]
        self.put(
            "keypoints-collapsed", "train", "point", key, "All 21 landmarks are the middle of the box.", 0
        )

        key, record = self.take("train", "middle_finger")
        record["hand_landmarks"][0] = []
        self.put(
            "landmarks-missing", "train", "middle_finger", key, "The gesture's hand has no landmarks.", 0
        )
        key, record = self.take("test", "three_gun")
        record["hand_landmarks"] = None
        self.put("landmarks-missing", "test", "three_gun", key, "hand_landmarks is null.", 0)

        for split, gesture in (("train", "palm"), ("train", "four"), ("test", "four"), ("val", "palm")):
            key, record = self.take(split, gesture)
            record["hand_landmarks"][0] = [record["hand_landmarks"][0][j] for j in CROSSED]
            self.put(
                "joint-order-suspect",
                split,
                gesture,
                key,
                "The index and the middle finger are exchanged.",
                0,
            )

        for split, gesture, joint, to in (("train", "three", 8, 1), ("test", "stop_inverted", 12, 0)):
            key, record = self.take(split, gesture)
            hand = record["hand_landmarks"][0]
            hand[joint] = [round(v + d, 8) for v, d in zip(hand[to], (0.004, -0.006), strict=False)]
            self.put(
                "bone-length-outlier",
                split,
                gesture,
                key,
                "A fingertip was put down by the wrist: its last bone is several times too long.",
                0,
                joint,
            )

    def labels(self):
        for split, true, said in (
            ("train", "like", "dislike"),
            ("train", "palm", "fist"),
            ("train", "one", "rock"),
            ("val", "peace", "grabbing"),
            ("test", "stop", "call"),
            ("train", "three", "little_finger"),
            ("test", "like", "point"),
            ("train", "fist", "palm"),
        ):
            key, record = self.take(split, true)
            del self.set.annotations[split][true][key]
            record["labels"][0] = said
            self.add(split, said, key, record, self.set.images.pop((true, key)))
            self.put("label-suspect", split, said, key, f"The hand shows {true}, the label says {said}.", 0)

        key, record = self.take("train", "mute")
        del self.set.annotations["train"]["mute"][key]
        self.add("train", "one", key, record, self.set.images.pop(("mute", key)))
        self.put(
            "label-not-in-file-class", "train", "one", key, "A mute image, labelled so, is filed under one."
        )

        key, record = self.take("train", "ok", hands=2)
        record["labels"][1] = "no_gestur"
        self.put("unknown-label", "train", "ok", key, "The second hand's label is misspelt.", 1)

    def records(self):
        key, record = self.take("train", "grabbing")
        record["labels"].append("no_gesture")
        self.put("length-mismatch", "train", "grabbing", key, "Two labels, one box.")
        key, record = self.take("train", "little_finger")
        self.set.annotations["train"]["little_finger"][key] = [record["bboxes"], record["labels"]]
        self.put("record-malformed", "train", "little_finger", key, "The record is a list, not an object.")
        key, record = self.take("train", "dislike")
        record["hand_landmarks"][0][7][0] = "n/a"
        self.put("field-type", "train", "dislike", key, "A coordinate is the text n/a.", 0, 7)
        key, record = self.take("train", "peace")
        del record["user_id"]
        self.put("field-missing", "train", "peace", key, "There is no user_id.")
        key, record = self.take("train", "rock")
        record["hand_landmarks"][0][16][1] = float("nan")
        self.put("non-finite-coordinate", "train", "rock", key, "A coordinate is NaN, written bare.", 0, 16)

    def demographics(self):
        key, record = self.take("train", "stop_inverted")
        record["meta"] = {
            **record["meta"],
            "gender": ["male" if record["meta"]["gender"] == ["female"] else "female"],
        }
        self.put(
            "subject-meta-conflict",
            "train",
            "stop_inverted",
            key,
            "This image gives its subject the other gender.",
        )
        key, record = self.take("test", "two_up")
        record["meta"] = {**record["meta"], "age": [round(record["meta"]["age"][0] + 24, 2)]}
        self.put(
            "subject-meta-conflict", "test", "two_up", key, "This image makes its subject 24 years older."
        )
        # Subjects seen once, or else each of these would be a conflict too.
        key, record = self.take("train", "palm", once=True)
        record["meta"] = {**record["meta"], "age": [173.0]}
        self.put("age-implausible", "train", "palm", key, "The subject is 173 years old.")
        key, record = self.take("train", "peace", once=True)
        record["meta"] = {**record["meta"], "race": ["Martian"]}
        self.put("meta-value-unknown", "train", "peace", key, "The race is not one the dataset knows.")
        key, record = self.take("train", "rock", once=True)
        record["meta"] = None
        self.put("meta-missing", "train", "rock", key, "meta is null.")

    def files(self):
        key, _ = self.take("train", "peace_inverted")
        del self.set.images["peace_inverted", key]
        self.put("image-missing", "train", "peace_inverted", key, "The image's file is not there.")
        key, _ = self.take("val", "two_up_inverted")
        whole = self.set.images["two_up_inverted", key]
        self.set.images["two_up_inverted", key] = whole[: len(whole) // 3]
        self.put("image-unreadable", "val", "two_up_inverted", key, "The JPEG breaks off after a third.")


class PeoplePlanter:
    def __init__(self, people):
        self.set, self.table, self.used = people, Table("coco_people"), set()

    def take(self, split, wanted=lambda image, found: True):
        """An untouched image without a crowd, and its annotations."""
        document = self.set.documents[split]
        for image in document["images"]:
            found = [a for a in document["annotations"] if a["image_id"] == image["id"]]
            if image["id"] not in self.used and not any(a["iscrowd"] for a in found) and wanted(image, found):
                self.used.add(image["id"])
                return image, found
        raise LookupError(f"no untouched {split} image of that kind is left")

    def put(self, check_id, split, image, detail, annotation="", joint=""):
        self.table.add(
            check_id,
            split,
            f"annotations/person_keypoints_{split}2017.json",
            image,
            detail,
            annotation,
            joint,
        )

    def plant(self):
        self.swaps()
        self.points()
        self.lists()
        return self.table.rows

    def swaps(self):
        def plain(image, found):  # a whole body, seen well, its wrists apart: nobody could miss the exchange
            k = np.array(found[0]["keypoints"]).reshape(17, 3)
            wide = (
                abs(k[5, 0] - k[6, 0]) > 0.12 * found[0]["bbox"][3]
                and abs(k[9, 0] - k[10, 0]) > 0.2 * found[0]["bbox"][3]
            )
            return bool((k[5:, 2] == 2).all() and k[0, 2] == 2 and wide)

        for split, order, what in (
            ("train", FLIP, "Left and right are exchanged over the whole body."),
            ("val", FLIP, "Left and right are exchanged over the whole body."),
            ("train", ARM_FLIP, "Left and right are exchanged in the arms."),
            ("train", ARM_FLIP, "Left and right are exchanged in the arms."),
        ):
            image, found = self.take(split, plain)
            k = np.array(found[0]["keypoints"], dtype=object).reshape(17, 3)
            found[0]["keypoints"] = k[list(order)].ravel().tolist()
            self.put("left-right-swapped", split, image["file_name"], what, found[0]["id"])

    def points(self):
        def has(flag, first=5):
            return lambda image, found: flag in found[0]["keypoints"][2::3][first:]

        def joint_with(annotation, flag, first=5):
            return first + annotation["keypoints"][2::3][first:].index(flag)

        image, found = self.take("train", has(0))
        j = joint_with(found[0], 0)
        found[0]["keypoints"][3 * j : 3 * j + 2] = [37.5, 61.25]
        self.put(
            "unlabelled-with-coordinates",
            "train",
            image["file_name"],
            "v is 0, x and y are not.",
            found[0]["id"],
            j,
        )
        image, found = self.take("train", has(2))
        j = joint_with(found[0], 2, 9)
        found[0]["keypoints"][3 * j : 3 * j + 3] = [0, 0, 2]
        self.put(
            "keypoint-at-origin",
            "train",
            image["file_name"],
            "A visible joint is at (0, 0).",
            found[0]["id"],
            j,
        )
        image, found = self.take("train")
        found[0]["num_keypoints"] -= 4
        self.put(
            "num-keypoints-mismatch",
            "train",
            image["file_name"],
            "num_keypoints is 4 too low.",
            found[0]["id"],
        )
        image, found = self.take("train", has(2))
        j = joint_with(found[0], 2)
        found[0]["keypoints"][3 * j + 2] = 3
        self.put("visibility-invalid", "train", image["file_name"], "A flag is 3.", found[0]["id"], j)
        image, found = self.take("train")
        found[0]["area"] = round(found[0]["bbox"][2] * found[0]["bbox"][3] * 1.7, 2)
        self.put(
            "box-area-mismatch", "train", image["file_name"], "area is 1.7 times the box's.", found[0]["id"]
        )
        image, found = self.take("train", has(2, 13))
        j = joint_with(found[0], 2, 13)
        x = found[0]["bbox"][0]
        found[0]["keypoints"][3 * j] = 4.0 if x > image["width"] / 2 else image["width"] - 4.0
        self.put(
            "keypoint-outside-box",
            "train",
            image["file_name"],
            "A leg joint is far beside the box.",
            found[0]["id"],
            j,
        )
        image, found = self.take("val")
        twin = copy.deepcopy(found[0])
        twin["id"] = 900001
        twin["keypoints"] = [v + 0.5 if n % 3 < 2 and v else v for n, v in enumerate(twin["keypoints"])]
        self.set.documents["val"]["annotations"].append(twin)
        for check in ("instance-duplicate", "box-duplicate"):
            self.put(
                check,
                "val",
                image["file_name"],
                "Somebody is annotated twice, half a pixel apart.",
                twin["id"],
            )

    def lists(self):
        train, val = self.set.documents["train"], self.set.documents["val"]
        image, _ = self.take("train")
        train["images"].append(copy.deepcopy(image))
        self.put("duplicate-image-id", "train", image["file_name"], "The image is listed twice under one id.")
        image, found = self.take("train", lambda image, found: len(found) > 1)
        found[1]["id"] = found[0]["id"]
        self.put(
            "duplicate-annotation-id",
            "train",
            image["file_name"],
            "Two people carry one annotation id.",
            found[0]["id"],
        )
        orphan = copy.deepcopy(self.take("train")[1][0])
        orphan.update(id=900002, image_id=999999)
        train["annotations"].append(orphan)
        self.put("orphan-annotation", "train", "", "Its image, 999999, is not in the file.", orphan["id"])

        def left(image, found):  # all within the narrower side: only the size is wrong, not the joints too
            side = min(image["width"], image["height"])
            return image["width"] != image["height"] and all(
                a["bbox"][0] + a["bbox"][2] < side and a["bbox"][1] + a["bbox"][3] < side for a in found
            )

        image, _ = self.take("train", left)
        image["width"], image["height"] = image["height"], image["width"]
        self.put("image-size-mismatch", "train", image["file_name"], "Width and height are exchanged.")
        image, found = self.take("val", lambda image, found: len(found) == 1)
        val["annotations"] = [a for a in val["annotations"] if a["image_id"] != image["id"]]
        self.put(
            "image-without-annotation",
            "val",
            image["file_name"],
            "People are in the picture, none is annotated.",
        )
        image, _ = self.take("val")
        del self.set.images["val"][image["file_name"]]
        self.put("image-missing", "val", image["file_name"], "The image's file is not there.")


class HandPlanter:
    def __init__(self, hands):
        self.set, self.table, self.used = hands, Table("yolo_hands"), set()

    def take(self, split):
        for stem, lines in self.set.labels[split].items():
            if stem not in self.used and lines and len(lines) == 1:
                self.used.add(stem)
                return stem, lines
        raise LookupError(f"no untouched {split} image with one hand is left")

    def put(self, check_id, split, stem, detail, joint=""):
        self.table.add(
            check_id, split, f"labels/{split}/{stem}.txt", f"images/{split}/{stem}.jpg", detail, 0, joint
        )

    def plant(self):
        stem, lines = self.take("train")
        lines[0] = " ".join(lines[0].split()[:-9])
        self.put("wrong-joint-count", "train", stem, "The line ends three joints too early.")
        stem, lines = self.take("train")
        parts = lines[0].split()
        cy, h = float(parts[2]), float(parts[4])
        top, bottom = -0.05, cy + h / 2
        parts[2], parts[4] = f"{(top + bottom) / 2:.6f}", f"{bottom - top:.6f}"
        lines[0] = " ".join(parts)
        self.put("box-outside-image", "train", stem, "The box begins above the image.")
        stem, lines = self.take("val")
        parts = lines[0].split()
        parts[5 + 3 * 8] = "0.985000" if float(parts[1]) < 0.5 else "0.015000"
        lines[0] = " ".join(parts)
        self.put("keypoint-outside-box", "val", stem, "The index finger's tip is at the image's edge.", 8)
        return self.table.rows


def plant_all(gestures, people, hands):
    """Plant everything, in place. Returns planted.csv's rows."""
    return GesturePlanter(gestures).plant() + PeoplePlanter(people).plant() + HandPlanter(hands).plant()
