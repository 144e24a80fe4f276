"""What HaGRID's own converters write: YOLO label files and COCO files, boxes alone."""

from __future__ import annotations

from queries.readers.hagrid_yolo import TARGETS


def line(name: str, cx: float = 0.5, cy: float = 0.25, targets=TARGETS) -> str:
    return f"{targets.index(name)} {cx} {cy} 0.25 0.125\n"


def yolo(targets=TARGETS) -> dict[str, str]:
    return {
        "train_labels/call/a.txt": line("call", targets=targets) + line("no_gesture", 0.25, 0.75, targets),
        "train_labels/call/b.txt": line("call", targets=targets),
        "train_labels/palm/c.txt": line("palm", targets=targets),
        "test_labels/palm/d.txt": line("palm", targets=targets),
        "subsample_labels/palm/e.txt": "",
        "train.txt": "/somewhere/train/call/a.jpg\n",
        "train/call/a.jpg": "no image",
    }


def test_yolo_conversion(indexed):
    found = indexed(yolo())
    assert (found.summary.format, found.summary.images, found.summary.annotations) == ("hagrid-yolo", 5, 5)
    assert found.problems() == []
    assert found.rows("select key, split from image order by key") == [
        ("subsample/palm/e.jpg", "subsample"),
        ("test/palm/d.jpg", "test"),
        ("train/call/a.jpg", "train"),
        ("train/call/b.jpg", "train"),
        ("train/palm/c.jpg", "train"),
    ]
    assert found.rows(
        "select label, ordinal, x, y, w, h, skeleton, labelled from annotation join image using (image_id) "
        "where key = 'train/call/a.jpg' order by ordinal"
    ) == [
        ("call", 0, 0.375, 0.1875, 0.25, 0.125, None, None),
        ("no_gesture", 1, 0.125, 0.6875, 0.25, 0.125, None, None),
    ]
    assert found.row("select unit, visibility_recorded, subjects_recorded, classes from dataset") == (
        "normalized",
        False,
        False,
        TARGETS,
    )
    notes = " ".join(found.summary.notes)
    for told in ("leaves out landmarks, subjects", "published converter_config.yaml", "cxcywh"):
        assert told in notes


def test_classes_in_another_order_are_named_after_the_folders(indexed):
    found = indexed(yolo(["no_gesture", "palm", "xsign", "call"]))
    assert found.rows("select label, count(*) from annotation group by 1 order by 1") == [
        ("call", 2),
        ("palm", 2),
        (None, 1),
    ]
    assert [(kind, where) for kind, where in found.problems()] == [("unknown-label", "line 2")]
    assert "class 0" in found.problems(True)[0][2] and "data.yaml" not in found.problems(True)[0][2]
    assert "not those of HaGRID's published config" in " ".join(found.summary.notes)


def test_bad_lines_are_reported(indexed):
    files = yolo() | {
        "train_labels/call/bad.txt": "0 0.5 0.5\n"
        + line("call")
        + "0 a 0.5 0.1 0.1\n0 0.5 0.5 -0.1 0.1\n99 0.5 0.5 0.1 0.1\n",
    }
    found = indexed(files)
    # a class that the config does not have: then its order proves nothing
    assert {kind for kind, _ in found.problems()} == {
        "record-malformed",
        "field-type",
        "negative-size",
        "unknown-label",
    }
    assert found.row(
        "select count(*) from annotation join image using (image_id) where key = 'train/call/a.jpg'"
    ) == (2,)


def test_coco_conversion(indexed):
    document = {
        "categories": [{"supercategory": "none", "name": name, "id": n} for n, name in enumerate(TARGETS)],
        "images": [{"file_name": "hagrid/dataset/call/a.jpg", "height": 720, "width": 405, "id": 0}],
        "annotations": [
            {
                "id": n,
                "bbox": [10.5 + n, 20.5, 100.0, 50.0],
                "segmentation": [[1, 2, 3, 4, 5, 6, 7, 8]],
                "image_id": 0,
                "category_id": category,
                "iscrowd": 0,
                "area": 5000.0,
            }
            for n, category in enumerate((0, 18))
        ],
    }
    found = indexed({"train.json": document})
    assert (found.summary.format, found.summary.images, found.summary.annotations) == ("coco", 1, 2)
    assert found.problems() == []
    assert found.rows("select label, x, y, w, h, skeleton, labelled from annotation order by ordinal") == [
        ("call", 10.5, 20.5, 100, 50, None, None),
        ("no_gesture", 11.5, 20.5, 100, 50, None, None),
    ]
    assert found.row("select split, key from image") == ("train", "hagrid/dataset/call/a.jpg")
    assert found.row("select classes, visibility_recorded from dataset") == (TARGETS, False)
    notes = " ".join(found.summary.notes)
    assert "no annotation has keypoints" in notes and "leaves out landmarks, subjects" in notes
