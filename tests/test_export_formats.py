"""What only some formats can hold, and what a training script makes of what is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from PIL import Image as Picture

from queries.export import records as exported
from tests.test_export import YOLO, changes, coco, hand, said, send

EMPTIED = "none of its annotations fits: as a background it would teach that nothing is there"


def people(*images: tuple[str, dict]) -> dict:
    """A COCO file of images, each with one person that differs by what is said."""
    base = coco()["annotations"][0]
    return coco(
        [{"id": n, "file_name": name, "width": 100, "height": 50} for n, (name, _) in enumerate(images)],
        [{**base, "id": n, "image_id": n, **more} for n, (_, more) in enumerate(images)],
    )


@pytest.mark.parametrize(("target", "name"), [("hagrid", "HaGRID"), ("yolo", "YOLO")])
def test_a_crowd_is_neither_an_instance_nor_a_background(indexed, tmp_path, target, name):
    found = indexed({"person_keypoints_train.json": people(("a.jpg", {}), ("b.jpg", {"iscrowd": 1}))})
    written = send(found, tmp_path / "out", target)
    assert ("b.jpg", "1", "dropped", f"{name} has no crowds") in said(tmp_path / "out")
    assert ("b.jpg", "", "dropped", EMPTIED) in said(tmp_path / "out")
    assert (written.images, written.annotations) == ({"train": 1}, {"train": 1})
    assert not list((tmp_path / "out").rglob("b.txt"))


def test_hagrids_keys_are_the_names_of_files_and_one_that_is_taken_is_listed(indexed, tmp_path):
    files = people(("a/x.jpg", {}), ("b/x.jpg", {}), ("b/X.jpg", {}))
    found = indexed({"person_keypoints_train.json": files})
    send(found, tmp_path / "out", "hagrid")
    assert set(json.loads((tmp_path / "out/train/person.json").read_text())) == {"x", "x-2", "X"}
    renamed = [row for row in changes(tmp_path / "out") if "same name" in row["reason"]]
    assert [(row["image"], row["before"], row["after"]) for row in renamed] == [("b/x.jpg", "x", "x-2")]


def test_data_yaml_stands_on_its_own_and_no_unknown_split_is_trained_on(indexed, tmp_path):
    """Ultralytics looks for a relative `path` below the working directory, without one beside the file."""
    files = {f"person_keypoints_{split}.json": people((f"{split}.jpg", {})) for split in ("train", "val")}
    found = indexed(files | {"holdout.json": people(("holdout.jpg", {}))})
    assert ("unsplit",) in found.rows("select distinct split from image")
    send(found, tmp_path / "out", "yolo")
    data = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert {name: data.get(name) for name in ("path", "train", "val", "test")} == {
        "path": None, "train": "images/train", "val": "images/val", "test": None,
    }  # fmt: skip
    assert (tmp_path / "out/labels/unsplit/holdout.txt").exists()
    assert "unsplit is not in it" in (tmp_path / "out/CHANGES.md").read_text()
    assert {key for (key,) in indexed(tmp_path / "out").rows("select split from image")} == {"train", "val"}
    moved = dict.fromkeys((number for (number,) in found.rows("select image_id from image")), "whatever")
    send(found, tmp_path / "one", "yolo", split_of=moved)
    assert yaml.safe_load((tmp_path / "one/data.yaml").read_text())["train"] == "images/whatever"


def test_images_are_found_though_many_before_them_are_not_there(indexed, tmp_path, monkeypatch):
    """Somebody has downloaded one gesture of many."""
    monkeypatch.setattr(exported, "_GIVE_UP", 3)
    absent = {f"a{n}": hand(n / 100) for n in range(9)}
    folder = "hagrid_annotations/train"
    found = indexed({f"{folder}/call.json": absent, f"{folder}/like.json": {"z": hand(0.2)}})
    picture = Path(found.summary.root) / "hagrid_dataset/like/z.jpg"
    picture.parent.mkdir(parents=True)
    Picture.new("RGB", (64, 48)).save(picture)
    send(found, tmp_path / "out", "yolo")
    links = [path.name for path in (tmp_path / "out").rglob("*") if path.is_symlink()]
    assert links == ["z.jpg"]
    assert "9 of 10 images were not found" in (tmp_path / "out/CHANGES.md").read_text()
    send(found, tmp_path / "coco", "coco")
    written = json.loads((tmp_path / "coco/annotations/person_keypoints_train.json").read_text())
    assert [(image["key"], image["width"]) for image in written["images"]] == [("z", 64)]


def test_a_dataset_without_any_image_is_not_searched_for_each(indexed, tmp_path, monkeypatch):
    monkeypatch.setattr(exported, "_GIVE_UP", 3)
    found = indexed({"train/call.json": {f"a{n}": hand(n / 100) for n in range(9)}})
    asked = []
    locate = exported.ImageSource.locate
    monkeypatch.setattr(exported.ImageSource, "locate", lambda *a: asked.append(a) or locate(*a))
    send(found, tmp_path / "out", "yolo")
    assert len(asked) == 3


def test_what_leads_to_the_sources_images_is_left_out(indexed, tmp_path):
    source = YOLO | {"data.yaml": YOLO["data.yaml"] + "minival: images/val\n"}
    send(indexed(source), tmp_path / "out", "yolo")
    assert "minival" not in yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert "minival of data.yaml lead to the source's images" in (tmp_path / "out/CHANGES.md").read_text()
