"""The selected records out of the index, a block of images at a time, so that memory stays bounded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from queries import images as image_files
from queries import sqlfile
from queries.export.base import Written
from queries.export.selection import Selection
from queries.images import ImageSource, Located
from queries.pixels import ImageUnavailable

if TYPE_CHECKING:
    import duckdb

#: Images of a block: with two hands each, about a million keypoint rows at a time.
BLOCK = 20_000

#: joint, x, y, visibility: in the dataset's unit, NULL as None
Point = tuple[int, float | None, float | None, int | None]


@dataclass(slots=True)
class Annotation:
    """One annotation as corrected; box and points in the dataset's unit."""

    annotation_id: int
    source_id: str | None
    ordinal: int
    kind: str
    label: str | None
    box: tuple[float | None, float | None, float | None, float | None]
    area: float | None
    crowd: bool
    skeleton: str | None
    handedness: str | None
    attributes: dict[str, Any]
    points: list[Point] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name outside the index: its own id, else kind and ordinal."""
        return self.source_id if self.source_id is not None else f"{self.kind} {self.ordinal}"

    @property
    def has_box(self) -> bool:
        return None not in self.box


@dataclass(slots=True)
class Image:
    """One image with its annotations; `split` is where it goes, `split_before` where it is in the index."""

    image_id: int
    file_id: int
    source_id: str | None
    key: str
    file_name: str | None
    split: str
    split_before: str
    width: int | None
    height: int | None
    subject: str | None
    age: float | None
    gender: str | None
    race: str | None
    attributes: dict[str, Any]
    annotations: list[Annotation] = field(default_factory=list)

    @property
    def instances(self) -> bool:
        """Whether anything is annotated in it; without, it is a background, and meant to be one."""
        return any(one.kind == "instance" for one in self.annotations)


@dataclass(frozen=True)
class Joints:
    """A skeleton as the index has it: names, mirror images, bones as pairs of joints from 0."""

    name: str
    names: tuple[str, ...]
    flip: tuple[int | None, ...]
    bones: tuple[tuple[int, int], ...]


def blocks(selection: Selection, size: int = BLOCK) -> Iterator[list[Image]]:
    """The selected images with their annotations, by image_id."""
    con, sql = selection.con, sqlfile.statements("export/records.sql")
    low, high = selection.id_range
    for first, last in con.execute(sql["blocks"], {"size": size}).fetchall():
        asked = {"first": first, "last": last}
        images = {row[0]: _image(row) for row in con.execute(sql["images"], asked).fetchall()}
        by_id: dict[int, Annotation] = {}
        for row in con.execute(sql["annotations"], asked).fetchall():
            one = _annotation(row)
            by_id[one.annotation_id] = one
            images[row[1]].annotations.append(one)
        with_points = [number for number, one in by_id.items() if one.skeleton is not None]
        if with_points:
            # only within the ids at hand: a scan of all keypoints a block would be quadratic
            bounds = {"low": max(low, min(with_points)), "high": min(high, max(with_points))}
            for number, points in _points(con, sql["keypoints"], {**asked, **bounds}):
                by_id[number].points.append(points)
        yield list(images.values())


def _points(con: duckdb.DuckDBPyConnection, query: str, asked: dict[str, int]) -> Iterator[tuple[int, Point]]:
    columns = con.execute(query, asked).fetchnumpy()
    ids = columns["annotation_id"].tolist()
    joint, x, y, v = (columns[name].tolist() for name in ("joint", "x", "y", "visibility"))
    yield from zip(ids, zip(joint, x, y, v, strict=True), strict=True)


def _image(row: tuple) -> Image:
    return Image(*row[:-1], attributes=_object(row[-1]))


def _annotation(row: tuple) -> Annotation:
    number, _, source_id, ordinal, kind, label, x, y, w, h, area, crowd, skeleton, handedness, attributes = (
        row
    )
    return Annotation(
        number,
        source_id,
        ordinal,
        kind,
        label,
        (x, y, w, h),
        area,
        crowd,
        skeleton,
        handedness,
        _object(attributes),
    )


def _object(text: str | None) -> dict[str, Any]:
    """Attributes as an object; anything else under a name of its own."""
    if text is None:
        return {}
    value = json.loads(text)
    return value if isinstance(value, dict) else {"attributes": value}


def skeletons(selection: Selection) -> dict[str, Joints]:
    """The skeletons of the workspace, by name."""
    con, sql = selection.con, sqlfile.statements("export/records.sql")
    joints: dict[str, list[tuple]] = {}
    for skeleton, _, name, flip, _ in con.execute(sql["joints"]).fetchall():
        joints.setdefault(skeleton, []).append((name, flip))
    bones: dict[str, list[tuple[int, int]]] = {}
    for skeleton, a, b in con.execute(sql["bones"]).fetchall():
        bones.setdefault(skeleton, []).append((a, b))
    return {
        name: Joints(name, tuple(n for n, _ in rows), tuple(f for _, f in rows), tuple(bones.get(name, ())))
        for name, rows in joints.items()
    }


def in_use(selection: Selection) -> list[tuple[str | None, str | None, int]]:
    """(skeleton, label, annotations) of what is exported, the commonest skeleton of a label first."""
    con, sql = selection.con, sqlfile.statements("export/records.sql")
    return con.execute(sql["skeletons"]).fetchall()


def classes(selection: Selection) -> list[str]:
    """The classes that were chosen, or all: in the dataset's own order, then the others by name."""
    used = {label for _, label, _ in in_use(selection) if label is not None}
    chosen = set(selection.classes)
    declared = [
        name
        for name in selection.dataset["classes"] or []
        if name is not None and (not chosen or name in chosen)
    ]
    return [*dict.fromkeys(declared), *sorted(used - set(declared))]


#: So many images looked for in vain: perhaps there are none at all, and looking for a million takes long.
_GIVE_UP = 200


def commonest(selection: Selection) -> str | None:
    """The skeleton of most of the exported annotations, or None where none has one."""
    counts: dict[str, int] = {}
    for name, _, count in in_use(selection):
        if name is not None:
            counts[name] = counts.get(name, 0) + count
    return max(counts, key=lambda name: (counts[name], name)) if counts else None


class Files:
    """The images' files: where they are, and their sizes in pixels where the index has none."""

    def __init__(self, selection: Selection) -> None:
        self.source = ImageSource(image_files.image_roots(selection.dataset))
        self._missed = 0
        self._none: bool | None = None

    def size(self, image: Image) -> tuple[int, int] | None:
        """(width, height) by the index, else by the file's header; None where nothing tells it."""
        if image.width and image.height:
            return image.width, image.height
        found = self.located(image)
        if found is None:
            return None
        try:
            width, height = self.source.size(found)
        except (ImageUnavailable, OSError):
            return None
        return (width, height) if width > 0 and height > 0 else None

    def located(self, image: Image) -> Located | None:
        """The image's file, or None."""
        if self._missed == _GIVE_UP:
            if self._none is None:
                self._none = not self.source.holds_any()
            if self._none:
                return None
        found = self.source.locate(image.file_name, image.key)
        self._missed = min(self._missed + 1, _GIVE_UP) if found is None else 0
        return found


def count_taken(selection: Selection, written: Written) -> None:
    """Counts what is selected, for targets that hold all of it."""
    con, sql = selection.con, sqlfile.statements("export/records.sql")
    low, high = selection.id_range
    for query, what, asked in (
        ("images_after", "images", {}),
        ("annotations_after", "annotations", {}),
        ("keypoints_after", "keypoints", {"low": low, "high": high}),
    ):
        for split, count in con.execute(sql[query], asked).fetchall():
            written.count(split, **{what: count})
