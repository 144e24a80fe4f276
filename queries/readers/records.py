"""The way into the index for formats that DuckDB can't read: a reader yields records, this stores them.

A reader of Matlab or numpy files, or of JSON in a shape of its own, takes a file apart into ImageRecords
and reports what does not fit; staging, ids, NULLs for what is not finite and reports of that are the same
for all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from queries import sqlfile
from queries.errors import KpauditError
from queries.model import Problem, SourceFile
from queries.readers.base import Build, glob_safe

_BATCH = 50_000

#: (x, y, visibility): in the dataset's unit; visibility 0, 1, 2 or None, where x and y may be None.
Point = tuple[float | None, float | None, int | float | None]


@dataclass(frozen=True)
class InstanceRecord:
    """One annotation: box as (x, y, w, h) from the top-left corner, joints in the skeleton's order."""

    label: str | None = None
    skeleton: str | None = None
    box: tuple[float, float, float, float] | None = None
    points: tuple[Point, ...] = ()
    source_id: str | None = None
    area: float | None = None
    crowd: bool = False
    attributes: dict[str, Any] | None = None
    #: where it stands in its file, for problem rows; else the image's key serves
    locator: str | None = None


@dataclass(frozen=True)
class ImageRecord:
    """One image with its annotations; `split` None takes the file's."""

    key: str
    file_name: str | None = None
    instances: tuple[InstanceRecord, ...] = ()
    split: str | None = None
    width: int | None = None
    height: int | None = None
    source_id: str | None = None
    subject: str | None = None
    attributes: dict[str, Any] | None = None


@dataclass
class Reports:
    """Collects a file's problems while a reader goes through it."""

    file: SourceFile
    found: list[Problem] = field(default_factory=list)

    def add(self, locator: str, kind: str, message: str) -> None:
        """One problem row: where in the file, the kind's slug, what was found and what was expected."""
        self.found.append(Problem(self.file.file_id, locator, kind, message))


class UnreadableFile(KpauditError):
    """Raised by a reader for a file of which nothing can be read; its text goes into the problem row."""


def load_records(
    build: Build, read: Callable[[SourceFile, Reports], Iterable[ImageRecord]]
) -> None:
    """Stores what `read` yields of every file of the build, a batch at a time.

    `read` reports bad records and goes on; it raises UnreadableFile or OSError where nothing of a file
    can be read. What it yielded before stays.
    """
    records = _of_all_files(build, read)
    while batch := list(islice(records, _BATCH)):
        _store(build, batch)


def _of_all_files(
    build: Build, read: Callable[[SourceFile, Reports], Iterable[ImageRecord]]
) -> Iterator[tuple[SourceFile, ImageRecord]]:
    # One stream over all files: a dataset of a small file an image is stored in few batches too.
    for group in build.groups():
        for file in group:
            reports = Reports(file)
            try:
                for record in read(file, reports):
                    yield file, record
            except UnreadableFile as error:
                build.add_problems(reports.found)
                build.refuse(file, str(error))
                continue
            except OSError as error:
                build.add_problems(reports.found)
                build.refuse(file, f"can't be read: {error.strerror or error}")
                continue
            build.add_problems(reports.found)
            build.status[file.file_id] = ("tolerant" if reports.found else "read", None)
            build.advance(file.bytes, file.path)


def _store(build: Build, batch: list[tuple[SourceFile, ImageRecord]]) -> None:
    sql, con = sqlfile.statements("readers/records.sql"), build.con
    path, _ = build.lines_file("records.ndjson", (_line(file, record) for file, record in batch))
    con.execute(sql["stage"], {"paths": [glob_safe(path)]})
    path.unlink()
    con.execute(sql["instances"])
    first_image = build.id_base + build.images + 1
    first_annotation = build.id_base + build.annotations + 1
    con.execute(sql["images"], {"first_image": first_image, "dataset": build.dataset_id})
    con.execute(sql["keypoints"], {"first_annotation": first_annotation})
    con.execute(
        sql["annotations"],
        {"first_image": first_image, "first_annotation": first_annotation, "dataset": build.dataset_id},
    )
    con.execute(sql["problems"], {"dataset": build.dataset_id})
    images, annotations = con.execute(sql["counts"]).fetchone()
    build.images += images
    build.annotations += annotations


def _line(file: SourceFile, record: ImageRecord) -> dict[str, Any]:
    return {
        "file_id": file.file_id,
        "key": record.key,
        "file_name": record.file_name,
        "split": record.split or file.split,
        "width": record.width,
        "height": record.height,
        "source_id": record.source_id,
        "subject": record.subject,
        "attributes": record.attributes,
        "instances": [
            {
                "source_id": one.source_id,
                "label": one.label,
                "skeleton": one.skeleton,
                "box": one.box,
                "area": one.area,
                "crowd": one.crowd,
                "points": one.points or None,
                "attributes": one.attributes,
                "locator": one.locator,
            }
            for one in record.instances
        ],
    }


def text(value: Any) -> str:
    """A value as a problem's message shows it, cut to a length that fits a line."""
    shown = json.dumps(value, default=str)
    return shown if len(shown) <= 60 else shown[:57] + "..."
