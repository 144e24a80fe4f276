"""HaGRID: v1 (2022), 2.0 (2023) and v2 (2024) annotations.

One JSON object a gesture and split, from image id to record; `{train,val,test}/<gesture>.json`,
`ann_train_val/`, `ann_test/` and `ann_subsample/`, any part of them, or a single file. Boxes are
normalized [top-left x, top-left y, width, height]; landmarks are MediaPipe's 21, normalized, without a
visibility flag. Source: the README of github.com/hukenovs/hagrid.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from queries import skeletons, sqlfile
from queries.errors import UnreadableInput
from queries.model import DatasetFacts, Detection, Options, Problem, SourceFile
from queries.readers import lenient, pieces
from queries.readers.base import (
    STRICT_LIMIT,
    Build,
    Guessed,
    bad_to_problem,
    glob_safe,
    insert_rows,
    raise_if_full,
)
from queries.readers.checked import Checked
from queries.readers.scan import Scan

NAME = "hagrid"
TITLE = "HaGRID v1, 2.0 and v2"
VERSION = 2
LOOKS_FOR = "{train,val,test}/<gesture>.json, ann_*/<gesture>.json or one such file"
VISIBILITY = "none: NULL; a hand without landmarks has no keypoint rows"
SUBJECTS = "user_id"
VARIANTS = (
    "v2 (2024): hand_landmarks, meta, united_bbox",
    "2.0 (2023): boxes, labels and user_id",
    "v1 (2022): landmarks, leading_hand; ann_train_val, ann_test, ann_subsample",
)

SKELETON = "hand-21"

#: The 34 classes of v2, which include the 18 of v1 and 2.0.
GESTURES = (
    "grabbing grip holy point call three3 timeout xsign hand_heart hand_heart2 little_finger middle_finger "
    "take_picture dislike fist four like mute ok one palm peace peace_inverted rock stop stop_inverted three "
    "three2 two_up two_up_inverted three_gun thumb_index thumb_index2 no_gesture"
).split()

_SPLITS = {"train", "val", "test", "train_val", "trainval", "subsample"}
_COCO_LIKE = re.compile(rb'"(images|annotations|categories)"\s*:\s*\[')
_SQL = "readers/hagrid.sql"

#: A file of more than two such pieces is cut into them; one that is larger still is read as a stream.
_PIECE, _LARGEST = 32 << 20, 2 << 30
PARSED_WHOLE = 2 * _PIECE

#: Fields that are objects: a record's key is none of them.
_FIELDS = frozenset({b"meta"})


def detect(scan: Scan) -> Detection:
    """Sure where a JSON file maps keys to records with `bboxes`."""
    mine = [path for path, head in scan.heads.items() if _is_mine(head)]
    if not mine:
        return Detection(0.0, "no JSON file maps image ids to records with bboxes")
    return Detection(0.95, f"{len(mine)} JSON files map image ids to records with bboxes, as {mine[0]}")


def files(scan: Scan, options: Options) -> list[SourceFile]:
    """Every JSON file whose records have `bboxes`, and its neighbours: a broken one is told, not missed."""
    mine = {path for path, head in scan.heads.items() if _is_mine(head)}
    folders = {path.rpartition("/")[0] for path in mine}
    found = []
    for file_id, found_file in enumerate(scan.json_files, start=1):
        path = found_file.path
        neighbour = path.rpartition("/")[0] in folders and not _COCO_LIKE.search(scan.heads[path])
        taken = path in mine or neighbour or options.format == NAME
        absolute = scan.base / path
        found.append(
            SourceFile(
                file_id,
                path,
                absolute,
                options.split or _split_of(absolute.parent.name),
                found_file.bytes,
                found_file.mtime_ns,
                None if taken else "not a map from image ids to records with bboxes",
            )
        )
    return found


def load(build: Build) -> DatasetFacts:
    """Reads all files; see `Build.read_group` for the two paths."""
    sql = sqlfile.statements(_SQL)
    skeleton = build.options.skeleton or skeletons.get(SKELETON)
    if len(skeleton.joints) != 21:
        raise UnreadableInput(f"--skeleton has {len(skeleton.joints)} joints, HaGRID's hands have 21")
    build.con.execute(
        "create temp table build_file (file_id bigint, class varchar, split varchar, absolute varchar)"
    )
    build.con.executemany(
        "insert into build_file values (?, ?, ?, ?)",
        [[f.file_id, f.absolute.stem, f.split, str(f.absolute)] for f in build.files],
    )

    cut, uncut = set[int](), set[int]()

    def strict(group: list[SourceFile]) -> None:
        with _in_pieces(build, group, uncut) as (paths, most, of):
            cut.update(file.file_id for file in of.values())
            try:
                build.con.execute(sql["read_strict"], {"paths": paths, "largest": most})
                return
            except duckdb.OutOfMemoryException:
                raise
            except duckdb.Error as error:
                wrong = next((file for path, file in of.items() if f'"{path}"' in str(error)), None)
                if wrong is None:
                    raise
                # where to cut was a guess: it is no fault of the file's yet
                if wrong.bytes > STRICT_LIMIT:
                    raise Guessed(f'"{wrong.absolute}" was cut in a wrong place') from error
                uncut.add(wrong.file_id)
        strict(group)

    def tolerant(file: SourceFile) -> int:
        problems: list[Problem] = []
        path, most = build.lines_file("records.ndjson", _records(file, problems, build.within(file)))
        build.add_problems(problems)
        build.con.execute(sql["read_tolerant"], {"paths": [glob_safe(path)], "largest": most})
        path.unlink()
        return len(problems)

    build.con.execute(sql["no_united"])
    build.expect_joints(len(skeleton.joints))
    build.con.execute(sql["narrow_columns"])
    build.con.execute(sql["narrow"])
    for group in build.groups():
        build.read_group(
            group, strict, tolerant, lambda files: _flatten(build, sql, skeleton.name), _LARGEST
        )
    for (repeated,) in build.con.execute(sql["repeated_in"], {"files": sorted(cut)}).fetchall():
        build.status[repeated] = ("tolerant", None)  # as a file is that is parsed whole
    # after the hands of all files: so the ids of each file's hands, and of its united boxes, are one block
    first = {"first_annotation": build.id_base + build.annotations + 1}
    build.con.execute(sql["united_annotations"], {"dataset": build.dataset_id, **first})
    _report_files_without_records(build)
    return DatasetFacts("normalized", False, skeletons={skeleton.name: skeleton})


@contextmanager
def _in_pieces(
    build: Build, group: list[SourceFile], uncut: set[int]
) -> Iterator[tuple[list[str], int, dict[str, SourceFile]]]:
    """What to read of a group, the large files in pieces but for those `uncut`, and the most bytes of one.

    Last which piece is of which file: that is what `build_file` says of it.
    """
    folder, paths, of = build.scratch / "pieces", [], {}
    most = [16 << 20]
    try:
        for file in group:
            made = [file.absolute]
            if file.bytes > 2 * _PIECE and file.file_id not in uncut:
                made = _cut(file, folder / str(file.file_id))
                of |= {str(path): file for path in made if path != file.absolute}
            most += [(path.stat().st_size if str(path) in of else file.bytes) + 1024 for path in made]
            paths += [glob_safe(path) for path in made]
        # a group that was rejected is read again
        build.con.execute(sqlfile.statements(_SQL)["forget_pieces"], {"paths": list(of)})
        insert_rows(
            build.con, "build_file", [(f.file_id, f.absolute.stem, f.split, path) for path, f in of.items()]
        )
        yield paths, max(most), of
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cut(file: SourceFile, folder: Path) -> list[Path]:
    folder.mkdir(parents=True)
    try:
        return pieces.cut(file.absolute, folder, _PIECE, _FIELDS)
    except OSError as error:
        raise_if_full(error)
        return [file.absolute]  # whoever reads it will say what is wrong with it


def together(build: Build, facts: DatasetFacts) -> None:
    """What the names of all files, and all their records, say of each record."""
    sql = sqlfile.statements(_SQL)
    known = sorted({*GESTURES, *(f.absolute.stem for f in build.files if f.skipped is None)})
    wide = build.con.execute(sql["is_wide"]).fetchall()[0][0]
    if wide and build.con.execute(sql["may_be_narrow"]).fetchall()[0][0]:
        build.con.execute(sql["narrow_columns"])
    build.con.execute(sql["forget_together"])
    build.con.execute(sql["unknown_labels"], {"dataset": build.dataset_id, "known": known})
    build.con.execute(sql["missing_subjects"], {"dataset": build.dataset_id})
    facts.classes.extend(_classes(build, sql))


def _classes(build: Build, sql: dict[str, str]) -> list[str]:
    """The classes that files are named after: HaGRID's gestures, and other names that label something.

    A file of all classes is named after its split, or anything: that is no class.
    """
    stems = {f.absolute.stem for f in build.files if f.skipped is None}
    others = sorted(stems - set(GESTURES))
    labels = build.con.execute(sql["labels_among"], {"dataset": build.dataset_id, "names": others}).fetchall()
    return [gesture for gesture in GESTURES if gesture in stems] + [row[0] for row in labels]


def _report_files_without_records(build: Build) -> None:
    """An empty object is a gesture without images; null, a list or blanks are no annotation file."""
    filled = {row[0] for row in build.con.execute("select distinct file_id from image").fetchall()}
    for file in build.files:
        status, _ = build.status.get(file.file_id, ("", None))
        if status == "read" and file.file_id not in filled and file.bytes <= 4096:
            text = file.absolute.read_bytes().strip(b"\xef\xbb\xbf \t\r\n")
            if not text.startswith(b"{"):
                shown = lenient.escaped(text[:40].decode("utf-8", "replace")) or "white space"
                told = f"{file.path} holds {shown}, expected an object from image ids to records"
                build.add_problems([Problem(file.file_id, "file", "json-malformed", told)])


def _is_mine(head: bytes) -> bool:
    # Dropping NULs recognises a file in UTF-16, which is then read and reported.
    text = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return text.startswith(b"{") and b'"bboxes"' in text


def _split_of(folder: str) -> str | None:
    name = folder.lower().removeprefix("ann_")
    return name if name in _SPLITS else None


def _flatten(build: Build, sql: dict[str, str], skeleton: str) -> None:
    """Moves the staged records of a group into the index's tables."""
    con = build.con
    con.execute(sql["hands"])
    ids = {"dataset": build.dataset_id, "first_image": build.id_base + build.images + 1}
    first_annotation = build.id_base + build.annotations + 1
    con.execute(sql["images"], ids)
    try:
        con.execute(sql["keypoints"], {"first_annotation": first_annotation})
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        con.execute(sql["widen"])
        con.execute(sql["keypoints"], {"first_annotation": first_annotation})
    con.execute(
        sql["annotations"], {**ids, "first_annotation": first_annotation, "skeleton": skeleton}
    )
    con.execute(sql["record_problems"], ids)
    con.execute(sql["hand_problems"], ids)
    con.execute(sql["landmark_problems"], {**ids, "first_annotation": first_annotation})
    con.execute(sql["united"])
    con.execute(sql["keep_united"], {"first_image": ids["first_image"]})
    con.execute(sql["united_problems"], ids)
    images, hands = con.execute(sql["counts"]).fetchone()
    build.images += images
    build.annotations += hands


def _looks_like_record(value: Any) -> bool:
    return isinstance(value, dict) and ("bboxes" in value or "labels" in value)


def _nested(
    value: dict[str, Any], file: SourceFile, key: str, problems: list[Problem]
) -> dict[str, Any]:
    """The record without a box or a hand that stands where a list of them belongs: it would be many."""
    found = dict(value)
    for name, what in (("bboxes", "boxes"), ("hand_landmarks", "hands"), ("landmarks", "hands")):
        items = value.get(name)
        if isinstance(items, list) and items and all(isinstance(item, (int, float)) for item in items):
            found[name] = None
            told = f"{name} is a list of {len(items)} numbers, expected a list of {what}"
            problems.append(Problem(file.file_id, key, "field-type", told))
    return found


def _records(
    file: SourceFile, problems: list[Problem], report: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    """The records of a file that the strict path rejects; what is wrong goes to `problems`."""
    for item in lenient.scan(file.absolute, is_record=_looks_like_record, report=report):
        if isinstance(item, lenient.Bad):
            problems.append(bad_to_problem(item, file))
            continue
        if not isinstance(item.path[0], str):
            told = "the file is a list, expected an object from image ids to records"
            problems.append(Problem(file.file_id, "file", "json-malformed", told))
            return
        key, value = lenient.escaped(item.path[0]), item.value
        if value is None:
            yield {"filename": str(file.absolute), "key": key, "rec": None}  # the SQL reports it
            continue
        if not isinstance(value, dict):
            shown = json.dumps(value)
            shown = shown if len(shown) <= 60 else shown[:57] + "..."
            problems.append(
                Problem(file.file_id, key, "record-malformed", f"the record is {shown}, expected an object")
            )
            continue
        if key != item.path[0] or lenient.has_invalid_text(value):
            value = lenient.escaped(value)
            told = "holds text that is not valid UTF-8; kept as escapes"
            problems.append(Problem(file.file_id, key, "record-malformed", told))
        fields = Checked(_nested(value, file, key, problems), file.file_id, key)
        record = {
            "bboxes": fields.numbers("bboxes", 2),
            "labels": fields.texts("labels"),
            "user_id": fields.text("user_id"),
            "united_bbox": value.get("united_bbox"),
            "united_label": value.get("united_label"),
            "hand_landmarks": fields.numbers("hand_landmarks", 3),
            "landmarks": fields.numbers("landmarks", 3),
            "leading_hand": fields.text("leading_hand"),
            "leading_conf": fields.number("leading_conf"),
            "meta": value.get("meta"),
        }
        problems.extend(fields.problems)
        yield {"filename": str(file.absolute), "key": key, "rec": record}
