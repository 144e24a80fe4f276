"""COCO keypoints out of the index: `annotations/person_keypoints_<split>.json`, loadable by pycocotools.

Boxes and keypoints in pixels, K triples (x, y, v) an annotation; categories name their joints and bones
(1-based). What COCO has no field for (subject, demographics, handedness, boxes around two hands) is kept in
fields of its own names. Source: cocodataset.org/#format-data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from queries import sqlfile
from queries.export.base import EMPTIED, Names, Pieces, Written, dumps
from queries.export.changes import Changes
from queries.export.records import (
    Annotation,
    Files,
    Image,
    Joints,
    blocks,
    classes,
    commonest,
    in_use,
    skeletons,
)
from queries.export.selection import Selection

_NO_FLAG = "the source records no visibility flag: every joint with a place has v = 2, the others 0 0 0"


def file_of(split: str) -> str:
    """Where a split's annotations go; `split` is a safe name."""
    return f"annotations/person_keypoints_{split}.json"


def parts_of(split: str) -> tuple[str, str]:
    """The pieces that images and annotations of a split are gathered in."""
    return f"{split}.images.part", f"{split}.annotations.part"


class Categories:
    """COCO's categories of a dataset: one a class and skeleton, the same in every split."""

    def __init__(self, selection: Selection) -> None:
        self.skeletons, most = skeletons(selection), commonest(selection)
        wanted: dict[str, list[str | None]] = {label: [] for label in classes(selection)}
        for skeleton, label, _ in in_use(selection):
            if label is not None and skeleton not in wanted[label]:
                wanted[label].append(skeleton)
        self._ids: dict[tuple[str, str | None], int] = {}
        self.records: list[dict[str, Any]] = []
        for label, used in wanted.items():
            # an annotation without joints belongs to its class's commonest skeleton
            named = [name for name in used if name is not None] or [None if used else most]
            for skeleton in named:
                self.records.append(_category(len(self.records) + 1, label, self.skeletons.get(skeleton)))
                self._ids[label, skeleton] = len(self.records)
            self._ids.setdefault((label, None), self._ids[label, named[0]])

    def number(self, one: Annotation) -> int:
        """The category of an annotation with a label."""
        return self._ids[one.label, one.skeleton]


def _category(number: int, label: str, skeleton: Joints | None) -> dict[str, Any]:
    record: dict[str, Any] = {"id": number, "name": label, "supercategory": label}
    if skeleton is not None:
        record["keypoints"] = list(skeleton.names)
        record["skeleton"] = [[a + 1, b + 1] for a, b in skeleton.bones]
    return record


def write(selection: Selection, folder: Path, changes: Changes, written: Written) -> None:
    """Writes the selected records; what COCO can't hold is listed and left out."""
    con, sql = selection.con, sqlfile.statements("export/records.sql")
    con.execute(sql["image_ids"])
    con.execute(sql["annotation_ids"])
    categories, files, pieces, splits = Categories(selection), Files(selection), Pieces(folder), Names()
    if not selection.dataset["visibility_recorded"]:
        written.note(_NO_FLAG)
    for block in blocks(selection):
        span = {"first": block[0].image_id, "last": block[-1].image_id}
        image_ids = dict(con.execute(sql["numbers"], span).fetchall())
        ids = dict(con.execute(sql["annotation_numbers"], span).fetchall())
        for image in block:
            writer = _Writer(
                selection, categories, image, files.size(image), changes=changes, written=written
            )
            to_images, to_annotations = parts_of(splits.of(image.split))
            number = image_ids[image.image_id]
            found = (
                writer.annotation_record(one, ids[one.annotation_id], number) for one in image.annotations
            )
            records = [dumps(record) for record in found if record is not None]
            if not records and image.instances:
                changes.add(image.split_before, image.key, None, "dropped", EMPTIED)
                continue
            pieces.add(to_images, dumps(writer.image_record(number)))
            for record in records:
                pieces.add(to_annotations, record)
            written.count(image.split, images=1)
    info = dumps({"description": f"{selection.dataset['name']}, exported by kpaudit; see CHANGES.md"})
    for split in written.images:
        finish(pieces, splits.of(split), {"info": info, "licenses": "[]"}, dumps(categories.records))


def finish(pieces: Pieces, split: str, head: dict[str, str], categories: str) -> None:
    """Puts a split's file together; `head` are the members before the lists, as JSON."""
    images, annotations = parts_of(split)
    begin = "".join(f"{dumps(name)}:{value},\n" for name, value in head.items())
    pieces.assemble(
        file_of(split),
        ["{", begin, '"images":[\n', f"@{images}", '\n],\n"annotations":[\n', f"@{annotations}",
         f'\n],\n"categories":{categories}}}\n'],
    )  # fmt: skip


class _Writer:
    """Turns one image and its annotations into COCO's records, in pixels."""

    def __init__(
        self,
        selection: Selection,
        categories: Categories,
        image: Image,
        size: tuple[int, int] | None,
        *,
        changes: Changes,
        written: Written,
    ) -> None:
        self.image, self.size, self.categories = image, size, categories
        self.changes, self.written = changes, written
        pixel = selection.dataset["unit"] == "pixel"
        self.scale = (1, 1) if pixel else size

    def image_record(self, number: int) -> dict[str, Any]:
        image = self.image
        record = {**image.attributes, "id": number, "file_name": image.file_name or image.key}
        if self.size is not None:
            record["width"], record["height"] = self.size
        else:
            self._list(None, "changed", "no image size is known: width and height are left out")
        own = {
            "key": image.key,
            "user_id": image.subject,
            "age": image.age,
            "gender": image.gender,
            "race": image.race,
        }
        record.update(
            {k: v for k, v in own.items() if v is not None and (k != "key" or v != record["file_name"])}
        )
        united = [one for one in image.annotations if one.kind == "united"]
        if united and self.scale is not None:
            record["united"] = [{"label": one.label, "bbox": self._box(one)} for one in united if one.has_box]
            self.written.note(
                "HaGRID's boxes around two hands are no instances: they are in the images' `united`"
            )
        return record

    def annotation_record(self, one: Annotation, number: int, image_id: int) -> dict[str, Any] | None:
        """The annotation, or None where COCO can't hold it, which is then listed."""
        if one.kind == "united":
            if self.scale is None or not one.has_box:
                self._list(one, "dropped", "a box around two hands without a usable size")
            return None
        if one.label is None:
            return self._list(one, "dropped", "its class is unknown")
        if self.scale is None:
            return self._list(one, "dropped", "no image size is known, which pixels need")
        record = {
            **one.attributes,
            "id": number,
            "image_id": image_id,
            "category_id": self.categories.number(one),
        }
        keypoints = self._keypoints(one)
        if one.has_box:
            record["bbox"] = self._box(one)
        elif (extent := _extent(keypoints)) is not None:
            self._list(
                one, "changed", "no box: its labelled joints' extent stands for it", after=dumps(extent)
            )
            record["bbox"] = extent
        else:
            return self._list(one, "dropped", "it has neither a box nor a labelled joint")
        if one.area is not None:
            record["area"] = one.area * self.scale[0] * self.scale[1]
        else:
            record["area"] = record["bbox"][2] * record["bbox"][3]
        record["iscrowd"] = int(one.crowd)
        if one.skeleton is not None:
            if "keypoints" in record:  # a list that did not fit its skeleton
                record["keypoints_as_read"] = record["keypoints"]
            record["keypoints"] = keypoints
            record["num_keypoints"] = sum(1 for v in keypoints[2::3] if v > 0)
        if one.handedness is not None:
            record["handedness"] = one.handedness
        labelled = sum(1 for v in keypoints[2::3] if v > 0)
        self.written.count(self.image.split, annotations=1, keypoints=labelled)
        return record

    def _box(self, one: Annotation) -> list[float]:
        (sx, sy), (x, y, w, h) = self.scale, one.box
        return [x * sx, y * sy, w * sx, h * sy]

    def _keypoints(self, one: Annotation) -> list[float]:
        if one.skeleton is None:
            return []
        sx, sy = self.scale
        count = len(self.categories.skeletons[one.skeleton].names)
        found: list[float] = [0] * (3 * count)
        beyond = 0
        for joint, x, y, v in one.points:
            if joint >= count:
                beyond += 1
            elif x is not None and y is not None:
                found[3 * joint : 3 * joint + 3] = [x * sx, y * sy, 2 if v is None else v]
            elif v:
                self._list(one, "changed", "a joint flagged as labelled has no place: not labelled now",
                           before=f"joint {joint}")  # fmt: skip
        if beyond:
            self._list(one, "changed", "joints beyond its skeleton are left out", before=f"{beyond} joints")
        return found

    def _list(
        self, one: Annotation | None, action: str, reason: str, before: str = "", after: str = ""
    ) -> None:
        name = one.name if one is not None else None
        self.changes.add(
            self.image.split_before, self.image.key, name, action, reason, before=before, after=after
        )


def _extent(keypoints: list[float]) -> list[float] | None:
    places = [
        (x, y) for x, y, v in zip(keypoints[0::3], keypoints[1::3], keypoints[2::3], strict=True) if v > 0
    ]
    if not places:
        return None
    xs, ys = [x for x, _ in places], [y for _, y in places]
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
