"""Checks across splits and datasets: clean, planted, clean again."""

from __future__ import annotations

import copy

import pytest

from queries import audit
from tests.checks.audited import check
from tests.checks.test_images import write_facts

SPLITS = ("train", "val", "test")


def hand(number: float) -> list[list[float]]:
    x, y = 0.3 + number * 1e-3, 0.3 + number * 2e-3
    return [[round(x + j * 0.011, 7), round(y + j * 0.007, 7)] for j in range(21)]


def key(number: int) -> str:
    return f"{number:08x}-1c2b-4d3e-8f4a-{number * 7919:012x}"


def record(number: int, subject: str, label: str = "call", **fields):
    box = [round(0.3 + number * 1e-4, 8), round(0.21234567 + number * 3e-4, 8), 0.21234561, 0.31234567]
    return {
        "bboxes": [box], "labels": [label], "hand_landmarks": [hand(number)], "user_id": subject,
    } | fields  # fmt: skip


def clean(per_split: int = 3) -> dict[str, dict]:
    """Three splits with images, subjects and hands of their own."""
    files, number = {}, 0
    for split in SPLITS:
        records = {}
        for _ in range(per_split):
            number += 1
            records[key(number)] = record(number, f"{split}-{number}")
        files[f"{split}/call.json"] = records
    return files


def places(found) -> list[tuple]:
    return [(f["key"], f["ordinal"], f["about"]) for f in found.findings]


def test_subject_in_two_splits(indexed):
    assert check(indexed(clean()), "subject-in-two-splits").findings == []
    files = clean()
    files["test/call.json"][key(8)]["user_id"] = "train-1"
    found = check(indexed(files), "subject-in-two-splits")
    assert places(found) == [(key(8), None, "train")]
    assert found.findings[0]["detail"] == "subject train-1 has 1 image in test, and 1 in train too"
    assert (found.run["records"], found.run["flagged"]) == (9, 1)


def test_the_split_that_is_evaluated_on_is_told_of_and_all_others_named(indexed):
    files = clean()
    for number in (4, 8):
        files["val/call.json" if number == 4 else "test/call.json"][key(number)]["user_id"] = "train-1"
    found = check(indexed(files), "subject-in-two-splits")
    assert places(found) == [(key(4), None, "train"), (key(8), None, "train and val")]
    assert found.findings[1]["detail"].endswith("and 1 in train and 1 in val too")


def test_splits_that_are_copies_on_purpose_are_left_alone(indexed):
    files = clean()
    files = {
        "ann_train_val/call.json": files["train/call.json"],
        "ann_test/call.json": files["test/call.json"],
        "ann_subsample/call.json": copy.deepcopy(files["train/call.json"]),
    }
    data = indexed(files)
    for name in ("subject-in-two-splits", "image-in-two-splits", "annotation-in-two-splits"):
        assert check(data, name).findings == []
    files["ann_test/call.json"][key(1)] = copy.deepcopy(files["ann_train_val/call.json"][key(1)])
    assert places(check(indexed(files), "image-in-two-splits")) == [(key(1), None, "train_val")]


ACROSS = (
    "subject-in-two-splits", "image-in-two-splits", "annotation-in-two-splits", "class-missing-in-split",
    "split-shift", "image-file-in-two-splits", "near-duplicate-in-two-splits",
)  # fmt: skip


NO_TWO = "no two splits can be compared"


def two_classes(records: dict[str, dict]) -> dict[str, dict]:
    """The records with every other hand of another class."""
    return {k: v | {"labels": [("call", "ok")[n % 2]]} for n, (k, v) in enumerate(records.items())}


@pytest.mark.parametrize(
    ("folders", "why"),
    [
        (("ann_train_val", "ann_subsample"), f"{NO_TWO}: subsample is a part of train_val"),
        (("train", "loose"), "all images are in one split, train, or in none (3 of them)"),
        (("train", "train_val"), f"{NO_TWO}: train is a part of train_val"),
        (("train",), "all images are in one split, train"),
        (("loose",), "nothing says which split an image is in"),
    ],
)
def test_splits_that_are_no_two_are_said_to_be_none(indexed, folders, why):
    records = two_classes(clean()["train/call.json"])
    data = indexed({f"{folder}/all.json": copy.deepcopy(records) for folder in folders})
    write_facts(data, {})
    (runs,) = audit.run(data.workspace, checks=ACROSS).values()
    assert {(ran.check.id, ran.status, ran.reason) for ran in runs} == {
        (name, "not applicable", why) for name in ACROSS
    }


def test_what_is_in_no_split_that_is_compared_is_not_counted(indexed):
    files = {name: two_classes(records) for name, records in clean(4).items()}
    files["loose/call.json"] = {key(50): record(50, "l-50"), key(51): record(51, "l-51", "fist")}
    data = indexed(files)
    write_facts(data, {})
    for name in ("subject-in-two-splits", "image-in-two-splits", "image-file-in-two-splits"):
        run = check(data, name).run
        assert run["records"] == 12 and run["notes"][0].startswith("2 of 14 images could not be judged"), name
    assert check(data, "near-duplicate-in-two-splits").run["records"] == 12
    assert check(data, "annotation-in-two-splits").run["records"] == 12
    # fist is in no split that is compared
    assert check(data, "class-missing-in-split").run["records"] == 2


def test_a_class_too_rare_to_be_missed_is_not_judged(indexed):
    files = clean(4)
    files["val/call.json"] = two_classes(files["val/call.json"])
    run = check(indexed(files), "class-missing-in-split").run
    assert (run["status"], run["records"]) == ("done", 1)  # ok has two instances in all
    few = {f"{split}/call.json": dict(list(files[f"{split}/call.json"].items())[:count])
           for split, count in (("train", 1), ("val", 2))}  # fmt: skip
    run = check(indexed(few), "class-missing-in-split").run
    assert run["status"] == "not applicable"
    assert run["reason"].startswith("none of 2 classes can be judged: fewer than 3 instances")


def test_pictures_of_one_colour_are_not_judged(indexed):
    data = indexed(clean(1))
    write_facts(data, {(split, key(n + 1)): {"contrast": 0.0} for n, split in enumerate(SPLITS)})
    run = check(data, "near-duplicate-in-two-splits").run
    assert run["status"] == "not applicable" and run["reason"].startswith("all 3 images with a hash")


def test_one_split_or_no_subjects_is_not_applicable(indexed):
    one = {"train/call.json": clean()["train/call.json"]}
    assert "one split" in check(indexed(one), "subject-in-two-splits").run["reason"]
    files = clean()
    for records in files.values():
        for fields in records.values():
            del fields["user_id"]
    assert "subject" in check(indexed(files), "subject-in-two-splits").run["reason"]


def test_image_in_two_splits(indexed):
    assert check(indexed(clean()), "image-in-two-splits").findings == []
    files = clean()
    files["test/call.json"][key(1)] = record(99, "test-99")
    found = check(indexed(files), "image-in-two-splits")
    assert places(found) == [(key(1), None, "train")]
    assert "train/call.json" in found.findings[0]["detail"]


def numbered(val_boxes: list[float], **size) -> dict[str, dict]:
    """COCO files whose images are 0001.jpg, 0002.jpg in both splits."""
    files = {}
    for split, first in (("train", [10.25, 20.5, 30.75, 40.125]), ("val", val_boxes)):
        images = [{"id": n, "file_name": f"{n:04}.jpg", "width": 640, "height": 480} for n in (1, 2, 3)]
        if split == "val":
            images[0] |= size
        boxes = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": first, "area": 1, "iscrowd": 0}]
        x = 1.3 if split == "train" else 2.3
        boxes += [
            {"id": n, "image_id": n, "category_id": 1, "bbox": [n * 7.0 + x, 9.1, 8.2, 7.7]} for n in (2, 3)
        ]
        files[f"instances_{split}.json"] = {
            "images": images, "annotations": boxes, "categories": [{"id": 1, "name": "person"}],
        }  # fmt: skip
    return files


def test_names_that_only_count_say_nothing_without_more(indexed):
    assert check(indexed(numbered([50.5, 60.25, 11.125, 12.375])), "image-in-two-splits").findings == []
    same = numbered([10.25, 20.5, 30.75, 40.125])
    assert places(check(indexed(same), "image-in-two-splits")) == [("0001.jpg", None, "train")]
    # the same box in a picture of another size is another picture
    other = numbered([10.25, 20.5, 30.75, 40.125], width=320)
    assert check(indexed(other), "image-in-two-splits").findings == []


def test_files_that_differ_are_two_images_whatever_their_name(indexed):
    files = clean()
    files["test/call.json"][key(1)] = record(99, "test-99")
    data = indexed(files)
    write_facts(data, {("train", key(1)): {"phash": 0}, ("test", key(1)): {"phash": 2**40 - 1}})
    assert check(data, "image-in-two-splits").findings == []
    write_facts(data, {("train", key(1)): {"sha256": "ab"}, ("test", key(1)): {"sha256": "ab"}})
    assert places(check(data, "image-in-two-splits")) == [(key(1), None, "train")]


def test_image_file_in_two_splits(indexed):
    data = indexed(clean())
    assert "measure" in check(data, "image-file-in-two-splits").run["reason"]
    write_facts(data, {})
    assert check(data, "image-file-in-two-splits").findings == []
    write_facts(data, {("train", key(2)): {"sha256": "ab"}, ("val", key(5)): {"sha256": "ab"}})
    found = check(data, "image-file-in-two-splits")
    assert places(found) == [(key(5), None, "train")]
    assert found.findings[0]["detail"] == f"the file has the same 1,000 bytes as train image {key(2)}"


@pytest.mark.parametrize("bits", [0, 1, 4])
def test_near_duplicate_in_two_splits(indexed, bits):
    data = indexed(clean())
    write_facts(data, {})
    assert check(data, "near-duplicate-in-two-splits").findings == []
    near = 0x0F0F123456789ABC
    other = {"phash": near ^ ((1 << bits) - 1)}
    write_facts(data, {("train", key(2)): {"phash": near}, ("test", key(9)): other})
    found = check(data, "near-duplicate-in-two-splits")
    assert places(found) == [(key(9), None, "train")]
    assert found.findings[0]["score"] == 1 - bits / 16
    assert f"differs in {bits} bit" in found.findings[0]["detail"]
    assert found.run["records"] == 9


def test_near_means_near_in_another_split_and_with_something_to_see(indexed):
    data = indexed(clean())
    near = 0x0F0F123456789ABC
    for facts in (
        {("train", key(2)): {"phash": near}, ("test", key(9)): {"phash": near ^ 0b11111}},
        {("train", key(2)): {"phash": near}, ("train", key(1)): {"phash": near}},
        {
            ("train", key(2)): {"phash": near, "contrast": 0.001},
            ("test", key(9)): {"phash": near, "contrast": 0.0},
        },
    ):
        write_facts(data, facts)
        found = check(data, "near-duplicate-in-two-splits")
        assert found.findings == []
    assert found.run["notes"] == ["2 images are nearly of one colour and were not compared"]


def test_annotation_in_two_splits(indexed):
    assert check(indexed(clean()), "annotation-in-two-splits").findings == []
    files = clean()
    twin = files["train/call.json"][key(2)]
    copied = {name: copy.deepcopy(twin[name]) for name in ("bboxes", "hand_landmarks")}
    files["val/call.json"][key(5)] |= copied
    found = check(indexed(files), "annotation-in-two-splits")
    assert places(found) == [(key(5), 0, "train")]
    assert found.findings[0]["detail"] == f"box, label and 21 keypoints are those of train image {key(2)}"
    files["val/call.json"][key(5)]["hand_landmarks"][0][3][0] += 0.00002
    assert check(indexed(files), "annotation-in-two-splits").findings == []


def test_a_hand_that_is_copied_very_often_is_found(indexed):
    def files_of(copies: int) -> dict[str, dict]:
        files = clean()
        twin = files["train/call.json"][key(2)]
        for number in range(100, 100 + copies):
            split = ("train", "val")[number % 2]
            files[f"{split}/call.json"][key(number)] = record(number, f"{split}-{number}") | {
                name: copy.deepcopy(twin[name]) for name in ("bboxes", "hand_landmarks")
            }
        return files

    assert check(indexed(files_of(0)), "annotation-in-two-splits").findings == []
    found = check(indexed(files_of(80)), "annotation-in-two-splits")
    assert places(found) == [(key(number), 0, "train") for number in range(101, 180, 2)]
    # a box alone that stands so often is a default
    boxes = files_of(80)
    for records in boxes.values():
        for fields in records.values():
            del fields["hand_landmarks"]
    assert check(indexed(boxes), "annotation-in-two-splits").findings == []


def test_boxes_alone_need_decimals(indexed):
    same = numbered([10.25, 20.5, 30.75, 40.125])
    found = check(indexed(same), "annotation-in-two-splits")
    assert places(found) == [("0001.jpg", 0, "train")]
    assert found.findings[0]["detail"] == "box and label are those of train image 0001.jpg"
    for data in same.values():
        data["annotations"][0]["bbox"] = [0, 0, 640, 480]
    assert check(indexed(same), "annotation-in-two-splits").findings == []


def two(indexed, tmp_path, first: dict, second: dict):
    """Two datasets in one workspace; the checked one is the first."""
    other = indexed(second, workspace=tmp_path / "both", name="other")
    mine = indexed(first, workspace=tmp_path / "both", name="mine")
    return mine, other


def test_image_in_two_datasets_by_a_name_that_is_telling(indexed, tmp_path):
    files, other = clean(), {"train/call.json": {key(n): record(n, f"x{n}") for n in range(50, 53)}}
    assert check(two(indexed, tmp_path, files, other)[0], "image-in-two-datasets").findings == []
    other["train/call.json"][key(8)] = record(60, "x60")
    found = check(two(indexed, tmp_path / "planted", files, other)[0], "image-in-two-datasets")
    assert places(found) == [(key(8), None, "other")]
    assert found.findings[0]["detail"] == f"this test image is in other too (train, {key(8)}): the same name"
    assert found.findings[0]["score"] == 1  # tested here, trained there
    assert found.run["notes"] == ["other holds 1 of the 9 images"]


def pictures(*names: str, size: tuple[int, int] = (640, 480), shift: int = 0) -> dict[str, dict]:
    """A COCO file of pictures with these names, a box in each."""
    images = [
        {"id": n, "file_name": name, "width": size[0], "height": size[1]} for n, name in enumerate(names)
    ]
    boxes = [{"id": n, "image_id": n, "category_id": 1, "bbox": [9 + 30 * n + shift, 9, 20, 20]}
             for n in range(len(names))]  # fmt: skip
    return {"instances_val.json": {
        "images": images, "annotations": boxes, "categories": [{"id": 1, "name": "person"}],
    }}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "size", "count"),
    [
        ("img_00000003.jpg", (640, 480), 0),  # a counter, however many digits it is given
        ("frame_0000_000012.jpg", (640, 480), 0),
        ("IMG_20211105_0312.jpg", (640, 480), 1),
        ("IMG_20211105_0312.jpg", (320, 240), 0),  # both sizes are known: two pictures
        (key(8) + ".jpg", (320, 240), 1),  # scaled, and called by its own name still
        (key(8) + ".jpg", (640, 640), 0),
    ],
)
def test_what_a_name_says_of_an_image_in_two_datasets(indexed, tmp_path, name, size, count):
    mine, other = pictures(name), pictures(name, size=size, shift=150)
    found = check(two(indexed, tmp_path, mine, other)[0], "image-in-two-datasets")
    assert places(found) == [(name, None, "other")] * count


def test_image_in_two_datasets_by_numbers_needs_size_and_box(indexed, tmp_path):
    mine = {"instances_val.json": numbered([10.25, 20.5, 30.75, 40.125])["instances_val.json"]}
    apart = {"instances_val.json": numbered([50.5, 60.25, 11.125, 12.375])["instances_train.json"]}
    apart["instances_val.json"]["annotations"][0]["bbox"] = [300, 300, 20, 20]
    for row in apart["instances_val.json"]["annotations"]:
        row["bbox"] = [row["bbox"][0] + 100, *row["bbox"][1:]]
    assert check(two(indexed, tmp_path, mine, apart)[0], "image-in-two-datasets").findings == []
    apart["instances_val.json"]["annotations"][0]["bbox"] = [10.3, 20.5, 30.7, 40.1]
    found = check(two(indexed, tmp_path / "planted", mine, apart)[0], "image-in-two-datasets")
    assert places(found) == [("0001.jpg", None, "other")]
    assert found.findings[0]["detail"].endswith("the same name, size and boxes")


def test_image_in_two_datasets_by_bytes_and_looks(indexed, tmp_path):
    files = clean()
    other = {"train/call.json": {key(n): record(n, f"x{n}") for n in range(50, 53)}}
    mine, theirs = two(indexed, tmp_path, files, other)
    write_facts(theirs, {("train", key(50)): {"sha256": "ab"}, ("train", key(51)): {"phash": 0xF0F0F}})
    write_facts(mine, {("val", key(5)): {"sha256": "ab"}, ("test", key(8)): {"phash": 0xF0F0E}})
    found = check(mine, "image-in-two-datasets")
    assert places(found) == [(key(5), None, "other"), (key(8), None, "other")]
    assert "the same bytes" in found.findings[0]["detail"]
    assert found.findings[1]["detail"].endswith("the same looks, 1 of 64 bits apart")


def test_one_dataset_indexed_twice_is_no_contamination(indexed, tmp_path, write):
    folder = write(tmp_path / "set", clean())
    indexed(folder, workspace=tmp_path / "both", name="first")
    again = indexed(folder, workspace=tmp_path / "both", name="second")
    run = check(again, "image-in-two-datasets").run
    assert (run["status"], run["notes"]) == (
        "not applicable", ["first was indexed from the same folder and was not compared"],
    )  # fmt: skip
    copied = indexed(write(tmp_path / "copy", clean()), workspace=tmp_path / "both", name="third")
    notes = check(copied, "image-in-two-datasets").run["notes"]
    assert notes[0] == "first has the same annotation files, is a copy and was not compared"


def shifted(calls: int, metas: dict[str, list[str]]) -> dict[str, dict]:
    """Train with call and ok alike, test with `calls` of 120 that are call; genders of the subjects."""
    files: dict[str, dict] = {}
    number = 0
    for split, count in (("train", 60), ("test", calls)):
        for n in range(120):
            number += 1
            label = "call" if n < count else "ok"
            gender = metas[split][n % len(metas[split])]
            files.setdefault(f"{split}/{label}.json", {})[key(number)] = record(
                number, f"s{number}", label, meta={"age": [30], "gender": [gender], "race": ["White"]}
            )
    return files


def test_split_shift(indexed):
    alike = {"train": ["male", "female"], "test": ["male", "female"]}
    found = check(indexed(shifted(56, alike)), "split-shift")
    assert (found.findings, found.run["records"]) == ([], 4)
    found = check(indexed(shifted(100, alike)), "split-shift")
    assert [f["about"] for f in found.findings] == ["class: test and train"]
    row = found.findings[0]
    assert "Jensen–Shannon distance 0.31 (0.05 is chance" in row["detail"]
    assert "Cramér's V 0.35" in row["detail"]
    assert row["evidence"]["most"][0]["value"] == "ok"
    assert row["evidence"]["records"] == {"test": 120, "train": 120}


def test_split_shift_of_groups_says_that_they_are_predicted(indexed):
    metas = {"train": ["male", "female"], "test": ["male", "male", "male", "male", "female"]}
    found = check(indexed(shifted(60, metas)), "split-shift")
    assert [f["about"] for f in found.findings] == ["gender: test and train"]
    assert "gender (predicted by a network) differs" in found.findings[0]["detail"]
    assert found.findings[0]["evidence"]["unit"] == "subjects"


def test_split_shift_says_nothing_of_small_samples(indexed):
    files = clean()
    files["test/call.json"] = {k: v | {"labels": ["ok"]} for k, v in files["test/call.json"].items()}
    run = check(indexed(files), "split-shift").run
    assert run["status"] == "not applicable" and "too few to compare" in run["reason"]
