"""COCO keypoints and whatever else comes as COCO-style JSON.

One object a file with `images`, `annotations` and `categories`; boxes are [x, y, w, h] in pixels, with
the top-left corner first; keypoints are K triples (x, y, v), v = 0 not labelled, 1 labelled but not
visible, 2 labelled and visible. COCO-WholeBody adds foot_kpts, face_kpts, lefthand_kpts and righthand_kpts
with a *_valid flag each: 17 + 6 + 68 + 21 + 21 = 133 joints; num_keypoints counts the 17. Human-Art adds
keypoints_21. Any K: the category names the joints and the bones (1-based). Source:
cocodataset.org/#format-data.
"""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Callable, Iterator
from typing import Any

from queries import sqlfile
from queries.model import DatasetFacts, Detection, FoundFile, Options, Problem, Skeleton, SourceFile
from queries.readers import lenient
from queries.readers.base import Build, bad_to_problem, glob_safe, largest, split_of_path
from queries.readers.checked import Checked
from queries.readers.coco_skeletons import Category, layout
from queries.readers.hagrid import GESTURES
from queries.readers.scan import Scan

NAME = "coco"
TITLE = "COCO keypoints and COCO-style JSON, any number of joints"
VERSION = 3
LOOKS_FOR = "*.json with images, annotations and categories"
VISIBILITY = "0 not labelled, 1 occluded, 2 visible; NULL for lists of two numbers a joint"
SUBJECTS = "none"
VARIANTS = (
    "K named keypoints, any K; several categories with skeletons of their own",
    "COCO-WholeBody: 133 joints put together from its five lists; Halpe with 26 or 136",
    "CrowdPose, Human-Art (17 and 21), MPII-TRB and the toolboxes' copies of AIC, MHP, MPII and OCHuman",
    "HaGRID's COCO conversion: boxes without keypoints",
)

_SQL = "readers/coco.sql"
#: COCO-WholeBody's and Human-Art's further keypoints, and what is kept of an image and an annotation as it is
_PART_LISTS = ("keypoints_21", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
_IMAGE_ATTRIBUTES = ("crowdIndex", "category", "author", "picture_name", "description")
_ANNOTATION_ATTRIBUTES = (
    *("foot_valid", "face_valid", "lefthand_valid", "righthand_valid", "face_box", "lefthand_box"),
    *("righthand_box", "center", "scale", "self_contact", "annotator"),
)
_ARRAYS = ("images", "annotations", "categories")
_LIST = re.compile(rb'"(images|annotations|categories)"\s*:\s*\[')
_IMAGE = re.compile(rb'"(file_name|image_id|category_id)"\s*:')


def detect(scan: Scan) -> Detection:
    """Sure where a JSON object holds COCO's lists; surer still where they name keypoints."""
    mine = [path for path, head in scan.heads.items() if is_mine(head)]
    if not mine:
        return Detection(0.0, "no JSON file holds images, annotations and categories")
    with_keypoints = [path for path in mine if b'"keypoints"' in scan.heads[path]]
    shown = (with_keypoints or mine)[0]
    return Detection(0.9 if with_keypoints else 0.7, f"{len(mine)} JSON files hold COCO's lists, as {shown}")


def files(scan: Scan, options: Options) -> list[SourceFile]:
    """The COCO files of a folder; beside files with keypoints, those without (captions) are not read."""
    mine = [f for f in scan.json_files if is_mine(scan.heads[f.path]) or options.format == NAME]
    with_keypoints = {f.path for f in mine if len(mine) == 1 or _holds_keypoints(scan, f)}
    folders = {f.path.rpartition("/")[0] for f in mine}
    found = []
    for file_id, found_file in enumerate(scan.json_files, start=1):
        path = found_file.path
        reason = None
        if found_file not in mine:
            empty = not scan.heads[path].strip()
            if not (empty and path.rpartition("/")[0] in folders):
                reason = "not an object with images, annotations and categories"
        elif with_keypoints and path not in with_keypoints:
            reason = "COCO without keypoints"
        split = options.split or split_of_path(scan, path)
        found.append(
            SourceFile(
                file_id, path, scan.base / path, split, found_file.bytes, found_file.mtime_ns, reason
            )
        )
    return found


def load(build: Build) -> DatasetFacts:
    """Reads all files; see `Build.read_group` for the two paths."""
    sql = sqlfile.statements(_SQL)
    facts = DatasetFacts("pixel", False)
    build.con.execute("create temp table build_file (file_id bigint, split varchar, absolute varchar)")
    rows = [[f.file_id, f.split, str(f.absolute)] for f in build.files]
    build.con.executemany("insert into build_file values (?, ?, ?)", rows)

    def strict(group: list[SourceFile]) -> None:
        paths = [glob_safe(file.absolute) for file in group]
        build.con.execute(sql["read_strict"], {"paths": paths, "largest": largest(group)})
        for name in _ARRAYS:
            build.con.execute(sql[f"strict_{name}"])
        build.con.execute("drop table doc")

    def tolerant(file: SourceFile) -> int:
        problems: list[Problem] = []
        _write_lines(build, file, problems)
        build.add_problems(problems)
        for name in _ARRAYS:
            path = build.scratch / f"{name}.ndjson"
            build.con.execute(sql[f"tolerant_{name}"], {"paths": [glob_safe(path)]})
            path.unlink()
        return len(problems)

    numbers: list[int] = []
    for group in build.groups():
        build.read_group(
            group, strict, tolerant, lambda files: numbers.append(_flatten(build, sql, facts))
        )
    if facts.skeletons and not any(numbers):
        facts.notes.append("no annotation gives num_keypoints")
    if not facts.skeletons and not build.con.execute(sql["any_list"]).fetchone()[0]:
        facts.notes.append("no annotation has keypoints: boxes and classes alone are read")
        if facts.classes and set(facts.classes) <= set(GESTURES):
            # converters/hagrid_to_coco.py of github.com/hukenovs/hagrid
            facts.notes.append(
                "its classes are HaGRID's: the conversion to COCO leaves out landmarks, subjects and "
                "demographics; index the original annotations to audit those"
            )
    return facts


def is_mine(head: bytes) -> bool:
    """Whether a file that starts so holds COCO's lists; OCHuman's own nests annotations in images."""
    if b'"max_iou"' in head or b'"keypoint_visible"' in head:
        return False
    text = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return text.startswith(b"{") and bool(_LIST.search(text)) and (bool(_IMAGE.search(text)) or b"[]" in text)


def _holds_keypoints(scan: Scan, found: FoundFile) -> bool:
    """Whether the word stands anywhere in the file: COCO's files name the joints at the very end."""
    if b'"keypoints"' in scan.heads[found.path]:
        return True
    try:
        with (
            (scan.base / found.path).open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text,
        ):
            return text.find(b'"keypoints"') >= 0
    except (OSError, ValueError):
        return True  # let the reader say what is wrong with it


def _flatten(build: Build, sql: dict[str, str], facts: DatasetFacts) -> int:
    """Moves the staged lists of a group into the index's tables; how many annotations gave num_keypoints."""
    con = build.con
    ids = {"dataset": build.dataset_id}
    first_annotation = build.id_base + build.annotations + 1
    has_parts = con.execute(sql["has_parts"]).fetchone()[0]
    if has_parts:
        for macro in ("flag_off_macro", "flag_known_macro", "part_macro"):
            con.execute(sql[macro])
        con.execute(sql["part_problems"], ids)
        con.execute(sql["padded"])
        con.execute(sql["problems_of_21"], ids)
        con.execute(sql["join_parts"])
    _assign_skeletons(build, sql, facts)
    con.execute(sql["kept_images"], {"first_image": build.id_base + build.images + 1})
    con.execute(sql["images"], ids)
    con.execute(sql["instances"], {"first_annotation": first_annotation})
    con.execute(sql["keypoints"])
    con.execute(sql["annotations"], {**ids, "first_annotation": first_annotation})
    con.execute(sql["image_problems"], ids)
    con.execute(sql["size_problems"], ids)
    con.execute(sql["annotation_problems"], ids)
    con.execute(sql["keypoint_problems"], {**ids, "first_annotation": first_annotation})
    if has_parts:
        con.execute(sql["flag_problems"], ids)
    images, annotations, numbers = con.execute(sql["counts"]).fetchone()
    build.images += images
    build.annotations += annotations
    return numbers


def _assign_skeletons(build: Build, sql: dict[str, str], facts: DatasetFacts) -> None:
    """Fills the staging table `category`: how each category's keypoints are to be read."""
    con = build.con
    con.execute(
        "create or replace temp table category (filename varchar, category_id varchar, label varchar, "
        "skeleton varchar, joints bigint, dims bigint, declared boolean)"
    )
    problems, rows = [], []
    for file_id, filename, category_id, name, joints, bones, lengths, declared in con.execute(
        sql["categories"]
    ).fetchall():
        names = tuple(joint or "" for joint in joints or ())
        category = Category(name or f"category {category_id}", names, bones, dict(lengths))

        def flags_fit(length: int, filename: str = filename, category_id: str | None = category_id) -> bool:
            params = {"filename": filename, "category": category_id, "length": length}
            return bool(con.execute(sql["flags_fit"], params).fetchone()[0])

        own_name = f"{build.name}/{category.name}-{len(names)}"
        found = layout(category, own_name, build.options.skeleton, flags_fit)
        if found.guess and found.guess not in facts.notes:
            facts.notes.append(found.guess)
        for kind, message in found.complaints:
            problems.append(Problem(file_id, f"categories (id {category_id})", kind, message))
        skeleton = _registered(facts, found.skeleton)
        if declared and name is not None and name not in facts.classes:
            facts.classes.append(name)
        if lengths and found.dims == 3:
            facts.visibility_recorded = True
        count = len(found.skeleton.joints) if found.skeleton else None
        rows.append([filename, category_id, name, skeleton, count, found.dims, declared])
    build.add_problems(problems)
    if rows:
        con.executemany("insert into category values (?, ?, ?, ?, ?, ?, ?)", rows)


def _registered(facts: DatasetFacts, skeleton: Skeleton | None) -> str | None:
    """The name under which the dataset has this skeleton; another one of the same name gets a number."""
    if skeleton is None:
        return None
    name, number = skeleton.name, 2
    while name in facts.skeletons and not _alike(facts.skeletons[name], skeleton):
        name, number = f"{skeleton.name}-{number}", number + 1
    facts.skeletons[name] = skeleton
    return name


def _alike(a: Skeleton, b: Skeleton) -> bool:
    return a.joints == b.joints and a.bones == b.bones


def _is_record(value: Any) -> bool:
    return isinstance(value, dict) and ("id" in value or "image_id" in value)


def _write_lines(build: Build, file: SourceFile, problems: list[Problem]) -> None:
    """Writes the good records of a file's three lists as JSON lines; what is wrong goes to `problems`."""
    out = {name: (build.scratch / f"{name}.ndjson").open("w", encoding="utf-8") for name in _ARRAYS}
    try:
        for name, ord_, record in _records(file, problems, build.within(file)):
            line = json.dumps({"filename": str(file.absolute), "ord": ord_, "r": record})
            out[name].write(line + "\n")
    finally:
        for stream in out.values():
            stream.close()


def _records(
    file: SourceFile, problems: list[Problem], report: Callable[[int], None]
) -> Iterator[tuple[str, int, dict[str, Any]]]:
    for item in lenient.scan(file.absolute, frozenset(_ARRAYS), _is_record, report):
        if isinstance(item, lenient.Bad):
            problems.append(bad_to_problem(item, file))
            continue
        name = item.path[0]
        if len(item.path) == 1:
            if name in _ARRAYS:
                told = f"{name} is {_kind(item.value)}, expected a list"
                problems.append(Problem(file.file_id, str(name), "field-type", told))
            continue
        ord_ = item.path[1]
        locator = f"{name}[{ord_}]"
        if not isinstance(item.value, dict):
            told = f"the record is {_kind(item.value)}, expected an object"
            problems.append(Problem(file.file_id, locator, "record-malformed", told))
            continue
        value = {k: v for k, v in item.value.items() if k != "segmentation"}
        if invalid := lenient.has_invalid_text(value):
            value = lenient.escaped(value)
        if value.get("id") is not None:
            locator += f" (id {value['id']})"
        if invalid:
            told = "holds text that is not valid UTF-8; kept as escapes"
            problems.append(Problem(file.file_id, locator, "record-malformed", told))
        fields = Checked(value, file.file_id, locator)
        yield name, ord_, _typed(name, fields)
        problems.extend(fields.problems)


def _typed(name: str, fields: Checked) -> dict[str, Any]:
    if name == "images":
        numbers = {n: fields.number(n) for n in ("width", "height")}
        kept = {n: fields.record.get(n) for n in _IMAGE_ATTRIBUTES}
        return {"id": fields.text("id"), "file_name": fields.text("file_name"), **numbers, **kept}
    if name == "categories":
        skeleton = fields.record.get("skeleton")
        texts = {n: fields.text(n) for n in ("id", "name")}
        return {**texts, "keypoints": fields.texts("keypoints"), "skeleton": skeleton}
    return {
        **{n: fields.text(n) for n in ("id", "image_id", "category_id")},
        **{n: fields.number(n) for n in ("area", "iscrowd", "num_keypoints")},
        **{n: fields.numbers(n) for n in ("bbox", "keypoints", *_PART_LISTS)},
        **{n: fields.record.get(n) for n in _ANNOTATION_ATTRIBUTES},
    }


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
