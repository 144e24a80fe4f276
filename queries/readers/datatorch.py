"""DataTorch: its COCO export, and the label metadata that describes a skeleton.

The export is COCO-style: images, annotations and categories carry a `datatorch_id` beside COCO's fields,
and it is read as COCO. Keypoints and outlines are annotations of their own: one with keypoints has
`bbox: []`, `area: 0`, and no box is expected of it. Source: an export of 2022 (version 0.1.0) in
github.com/aggelos-michael-papadopoulos/Datatorch_to_coco_format, and import_coco.py of
github.com/datatorch-actions/import-coco. In that export every flag is 1; where that is so, a note tells.

The label metadata, `{"keypoints": [names], "skeleton": [[1, 2], ...]}`, has no images or annotations:
a folder with nothing else is told what it is for.
"""

from __future__ import annotations

import json
import re
from typing import Any

from queries import sqlfile
from queries.model import DatasetFacts, Detection, Options, SourceFile
from queries.readers import coco, documents
from queries.readers.base import Build
from queries.readers.scan import Scan

NAME = "datatorch"
TITLE = "DataTorch's COCO export; its label metadata is a skeleton (--skeleton)"
VERSION = 2
LOOKS_FOR = "*.json with images, annotations, categories and datatorch_id"
VISIBILITY = "as COCO's: 0 not labelled, 1 occluded, 2 visible"
SUBJECTS = "none"
VARIANTS = (
    "COCO export",
    "label metadata, {keypoints, skeleton}: a skeleton, for --skeleton",
)

#: How a skeleton starts: what does not is not parsed, which takes longer than all else that detects a format.
_SKELETON = re.compile(rb'[\xef\xbb\xbf\xff\xfe]*\s*\{\s*"(keypoints|skeleton)"')

_EMPTY_BOX = "bbox has 0 numbers, expected 4"


def detect(scan: Scan) -> Detection:
    """Sure of an export; a skeleton alone is no dataset, but is known for what it is."""
    copies = documents.coco_style(scan)
    mine = [path for path in copies if b'"datatorch_id"' in scan.heads[path]]
    if mine:
        covers = ("coco",) if len(mine) == len(copies) else ()
        return Detection(0.95, f"{mine[0]} is COCO-style with datatorch_id", covers)
    for path, head in scan.heads.items():
        if (count := _joints_of_skeleton(head)) is not None:
            told = (
                f"{path} is a skeleton of {count} joints (label metadata), without images or annotations: "
                f"hand it over with --skeleton {path} when you index the annotations it belongs to"
            )
            return Detection(0.4, told)
    return Detection(0.0, "no JSON file has a datatorch_id, or is a skeleton of keypoints and skeleton alone")


def files(scan: Scan, options: Options) -> list[SourceFile]:
    """The export's files, as the coco reader lists them."""
    return coco.files(scan, options)


def load(build: Build) -> DatasetFacts:
    """Reads the files as COCO, and forgives annotations with keypoints their empty boxes."""
    facts = coco.load(build)
    con, sql = build.con, sqlfile.statements("readers/datatorch.sql")
    forgiven = con.execute(sql["empty_boxes"], {"told": _EMPTY_BOX}).fetchone()[0]
    if forgiven:
        con.execute(sql["forgive_empty_boxes"], {"told": _EMPTY_BOX})
        facts.notes.append(
            f"{forgiven} annotations have an empty bbox: DataTorch exports keypoints without a box"
        )
    flags = con.execute(sql["flags"]).fetchall()
    if flags == [(1,)]:
        facts.notes.append("every visibility flag is 1, which in COCO says not visible")
    return facts


def _joints_of_skeleton(head: bytes) -> int | None:
    """How many joints a two-field skeleton names, or None where the file is not one."""
    if not _SKELETON.match(head.replace(b"\0", b"")):
        return None
    try:
        value: Any = json.loads(head)
    except ValueError:
        return None
    if not isinstance(value, dict) or not set(value) <= {"keypoints", "skeleton"}:
        return None
    names = value.get("keypoints")
    fits = isinstance(names, list) and bool(names) and all(isinstance(name, str) for name in names)
    return len(names) if fits else None
