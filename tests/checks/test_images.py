"""Checks of image files, on facts written here: clean, planted, clean again."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

import duckdb
import pytest

from queries import sqlfile
from queries.model import FACTS_VERSION
from tests.checks.audited import check
from tests.conftest import Indexed

COLUMNS = [
    "image_id",
    "bytes",
    "sha256",
    "phash",
    "width",
    "height",
    "blur",
    "brightness",
    "error",
    "split",
    "key",
    "path",
    "mtime_ns",
    "clipped",
    "contrast",
]


def write_facts(indexed: Indexed, planted: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Facts of all images of the dataset, as kpaudit measure leaves them: sound, but for what is planted."""
    dataset, build = indexed.row(
        "select dataset_id, build_id from dataset where name = ?", indexed.summary.name
    )
    path = indexed.workspace.facts_path(dataset, indexed.summary.name)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    with duckdb.connect(path) as con:
        con.execute(sqlfile.text("facts.sql"))
        con.execute(
            "insert into fact_run values (?, ?, ?, ?, 1.0, ?, null)",
            [dataset, build, FACTS_VERSION, datetime.datetime.now(datetime.UTC).replace(tzinfo=None),
             indexed.summary.root],
        )
        rows = []
        for n, (image, split, key, width, height) in enumerate(
            indexed.rows(
                "select image_id, split, key, width, height from image where dataset_id = ? order by 1",
                dataset,
            )
        ):
            digest = hashlib.sha256(f"{indexed.summary.name} {split} {key}".encode()).digest()
            fact = dict.fromkeys(COLUMNS) | {
                "image_id": image, "bytes": 1000, "sha256": digest.hex(), "split": split, "key": key,
                "phash": int.from_bytes(digest[:8], "big"), "width": width or 640,
                "height": height or 480, "blur": 800.0 + n % 7 * 50, "brightness": 0.45 + n % 5 * 0.02,
                "path": f"/data/{key}", "mtime_ns": 1,
                "clipped": n % 3 * 0.01, "contrast": 0.2,
            }  # fmt: skip
            rows.append([*(fact | planted.get((split, key), {})).values()])
        con.executemany(f"insert into image_fact values ({', '.join('?' * len(COLUMNS))})", rows)


def people(images: int = 40, bare: tuple[int, ...] = (), **sizes: tuple[int, int]) -> dict[str, Any]:
    """A COCO file of images with a person each, but in `bare`."""
    listed = [{"id": n, "file_name": f"p{n}.jpg", "width": 640, "height": 480} for n in range(1, images + 1)]
    for image in listed:
        image["width"], image["height"] = sizes.get(f"p{image['id']}", (640, 480))
    boxes = [
        {"id": n, "image_id": n, "category_id": 1, "bbox": [n, n, 50, 60], "iscrowd": 0, "area": 3000}
        for n in range(1, images + 1) if n not in bare
    ]  # fmt: skip
    return {
        "instances_train.json": {
            "images": listed, "annotations": boxes, "categories": [{"id": 1, "name": "person"}],
        }
    }  # fmt: skip


GONE = {"error": "no file found", "path": None, "sha256": None, "phash": None, "width": None, "height": None,
        "blur": None, "brightness": None, "clipped": None, "contrast": None, "bytes": None}  # fmt: skip


def keys(found) -> list[str]:
    return [f["key"] for f in found.findings]


def test_image_missing(indexed):
    data = indexed(people())
    assert "kpaudit measure" in check(data, "image-missing").run["reason"]
    write_facts(data, {})
    assert check(data, "image-missing").findings == []
    write_facts(data, {("train", "p3.jpg"): GONE})
    found = check(data, "image-missing")
    assert keys(found) == ["p3.jpg"]
    assert found.findings[0]["detail"] == "no file p3.jpg was found"
    assert (found.run["records"], found.run["flagged"]) == (40, 1)


@pytest.mark.parametrize(
    "name", ["image-missing", "image-unreadable", "image-blurred", "image-size-mismatch"]
)
def test_no_image_on_disk_at_all_is_not_applicable(indexed, name):
    data = indexed(people(25))
    write_facts(data, {("train", f"p{n}.jpg"): GONE for n in range(1, 26)})
    assert check(data, name).run["status"] == "not applicable"


def test_an_image_that_the_yolo_reader_missed(indexed):
    label = "0 0.5 0.5 0.2 0.2 " + " ".join("0.5 0.5" for _ in range(21)) + "\n"
    files = {
        "data.yaml": "path: .\ntrain: images/train\nkpt_shape: [21, 2]\nnames: {0: hand}\n",
        "images/train/a.jpg": b"", "images/train/b.jpg": b"",
        "labels/train/a.txt": label, "labels/train/b.txt": label,
    }  # fmt: skip
    assert check(indexed(files), "image-missing").findings == []
    files["labels/train/c.txt"] = label
    found = check(indexed(files), "image-missing")
    assert keys(found) == ["images/train/c"] or len(found.findings) == 1
    assert "stands beside this label file" in found.findings[0]["detail"]


def test_image_unreadable(indexed):
    data = indexed(people())
    write_facts(data, {})
    assert check(data, "image-unreadable").findings == []
    write_facts(data, {("train", "p3.jpg"): {"error": "truncated: it ends too early", "phash": None},
                       ("train", "p4.jpg"): GONE})  # fmt: skip
    found = check(data, "image-unreadable")
    assert keys(found) == ["p3.jpg"]
    assert found.findings[0]["detail"] == "the file can't be read: truncated: it ends too early"
    assert found.run["records"] == 39


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ((480, 640), ": exchanged, as by an EXIF turn that only one of them has applied"),
        ((1280, 960), ": a copy at 2 times the size"),
        ((641, 480), ""),
    ],
)
def test_image_size_mismatch(indexed, size, told):
    data = indexed(people())
    write_facts(data, {})
    assert check(data, "image-size-mismatch").findings == []
    write_facts(data, {("train", "p7.jpg"): {"width": size[0], "height": size[1]}})
    found = check(data, "image-size-mismatch")
    assert keys(found) == ["p7.jpg"]
    expected = f"the annotation file says 640 by 480, the file has {size[0]} by {size[1]} pixels{told}"
    assert found.findings[0]["detail"] == expected


def test_image_without_annotation(indexed):
    assert check(indexed(people()), "image-without-annotation").findings == []
    found = check(indexed(people(bare=(5,))), "image-without-annotation")
    assert keys(found) == ["p5.jpg"]
    assert found.findings[0]["detail"] == "no annotation, as with 1 of 40 images"


def test_background_images_are_no_finding_where_there_are_many(indexed):
    run = check(indexed(people(bare=(5, 6, 7))), "image-without-annotation").run
    assert run["status"] == "not applicable" and "background images belong" in run["reason"]
    assert "only 5 images" in check(indexed(people(5, bare=(2,))), "image-without-annotation").run["reason"]


@pytest.mark.parametrize(
    ("name", "planted", "borderline", "words"),
    [
        ("image-blurred", {"blur": 9.0}, {"blur": 300.0}, "sharpness 9"),
        ("image-dark", {"brightness": 0.03}, {"brightness": 0.25}, "mean brightness 3.0 %"),
        ("image-overexposed", {"clipped": 0.6}, {"clipped": 0.2}, "60.0 % of the pixels are burnt out"),
    ],
)
def test_bad_pictures(indexed, name, planted, borderline, words):
    data = indexed(people())
    write_facts(data, {("train", "p1.jpg"): borderline})
    assert check(data, name).findings == []
    write_facts(data, {("train", "p9.jpg"): planted})
    found = check(data, name)
    assert keys(found) == ["p9.jpg"]
    assert words in found.findings[0]["detail"]
    assert "robust standard deviations" in found.findings[0]["detail"]
    assert (found.run["records"], found.run["flagged"], found.run["notes"]) == (40, 1, [])
    few = indexed(people(5))
    write_facts(few, {("train", "p1.jpg"): planted})
    found = check(few, name)
    assert found.findings == []
    assert found.run["status"] == "not applicable"
    told = "none of 5 images can be judged: fewer than 30 images do not tell what is usual"
    assert found.run["reason"].startswith(told)


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("image-blurred", {"blur": 0.0}),
        ("image-dark", {"brightness": 0.0}),
        ("image-overexposed", {"clipped": 1.0}),
    ],
)
def test_blank_pictures_are_found_in_a_set_of_any_size(indexed, name, planted):
    data = indexed(people(5))
    write_facts(data, {("train", "p2.jpg"): planted})
    found = check(data, name)
    assert keys(found) == ["p2.jpg"]
    assert (found.run["records"], found.run["flagged"]) == (1, 1)
    (note,) = found.run["notes"]
    assert note.startswith("4 of 5 images could not be judged: fewer than 30 images")


@pytest.mark.parametrize("name", ["image-blurred", "image-dark", "image-overexposed"])
def test_a_measure_that_is_no_number_is_left_out(indexed, name):
    data = indexed(people())
    nan = float("nan")
    write_facts(data, {("train", "p2.jpg"): {"blur": nan, "brightness": nan, "clipped": nan}})
    found = check(data, name)
    assert (found.findings, found.run["records"]) == ([], 39)
