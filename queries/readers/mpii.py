"""MPII Human Pose: the authors' .mat, the toolboxes' JSON list, and the hourglass codebases' JSON.

Sources: the README of mpii_human_pose_v1_u12_2.zip and human-pose.mpi-inf.mpg.de/#download for the .mat
(mpii_mat.py); lib/dataset/mpii.py of github.com/HRNet/HRNet-Human-Pose-Estimation and mmpose's mpii
dataset for the list; training/genJSON.m of github.com/shihenw/convolutional-pose-machines-release for the
hourglass JSON (mpii_json.py). Pixels count from 1 in all three, as Matlab counts; the codebases subtract
1 as they load them, this reader keeps what the files say.

A folder often holds the same persons two or three times over. One variant is read, the .mat before the
list and the list before the hourglass JSON, and `trainval` only where `train` or `val` is missing; the
others are listed with the reason. MPII has no box around a person: the box is NULL, and the head's box,
`objpos` or `center`, and `scale` are attributes.

COCO-style files about the same images (MPII-TRB is one: 40 keypoints of the same people) are left out too:
a dataset here has one annotation a person. A note names what was left out; given by itself it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from queries import skeletons
from queries.errors import UnreadableInput
from queries.model import DatasetFacts, Detection, FoundFile, Options, SourceFile
from queries.readers import documents, matlab, mpii_json, mpii_mat
from queries.readers.base import Build, split_of_path
from queries.readers.records import ImageRecord, Reports, load_records
from queries.readers.scan import Scan

NAME = "mpii"
TITLE = "MPII Human Pose"
VERSION = 2
LOOKS_FOR = "mpii_human_pose_v1_u12_1.mat, a list with joints_vis (mpii_train.json) or with joint_self"
VISIBILITY = (
    "is_visible, joint_self: 1 visible, 0 occluded, empty NULL, joint absent or at (0, 0) 0; "
    "joints_vis: 1 visible, 0 not labelled"
)
SUBJECTS = "none"
VARIANTS = (
    "the authors' .mat",
    "the toolboxes' JSON list, a person an entry",
    "the hourglass codebases' mpii_annotations.json",
)

SKELETON = "mpii-16"

_LIST_KEY = re.compile(rb'"image"\s*:\s*"')
#: MPII names its images by nine digits, COCO by twelve.
_IMAGE_NAME = re.compile(rb'"file_name"\s*:\s*"(?:[^"]*/)?\d{9}\.jpg"')
_BESIDE = "the same persons as in {}: left out, index it by itself to read it"


def detect(scan: Scan) -> Detection:
    """Sure where one of the three variants lies."""
    found = _found(scan)
    shown = [f.path for kind in ("mat", "list", "hourglass", "named") for f in found[kind]]
    if not shown:
        return Detection(0.0, "no .mat file with RELEASE, and no JSON list with joints_vis or joint_self")
    evidence = f"{len(shown)} files of MPII's, as {shown[0]}"
    copies = documents.coco_style(scan)
    covers = ("coco",) if all(_IMAGE_NAME.search(scan.heads[path]) for path in copies) else ()
    return Detection(0.95, evidence, covers)


def files(scan: Scan, options: Options) -> list[SourceFile]:
    """The files of the variant that is read; the others with the reason why they are not."""
    found = _found(scan)
    kind = next((kind for kind in ("mat", "list", "hourglass", "named") if found[kind]), None)
    taken = {f.path for f in found[kind]} if kind else set()
    if kind is None and options.format == NAME:
        taken = {f.path for f in (*scan.json_files, *matlab.candidates(scan))}
    known = {f.path: k for k in found for f in found[k]}
    repeating = _repeating(taken) if kind == "list" else {}
    copies = set(documents.coco_style(scan))
    listed = []
    for one in sorted((*scan.json_files, *matlab.candidates(scan)), key=lambda f: f.path):
        reason = repeating.get(one.path)
        if one.path not in taken:
            reason = "no annotations of MPII's"
            if known.get(one.path) == "named":
                reason = matlab.V73 if matlab.is_v73(scan.base / one.path) else "can't be read as a .mat file"
            elif one.path in copies:
                reason = documents.COPY
            elif one.path in known:
                reason = _BESIDE.format(found[kind][0].path)
        # The .mat and the hourglass JSON say the split of each image themselves.
        split = options.split or (split_of_path(scan, one.path) if known.get(one.path) == "list" else None)
        listed.append(documents.source_file(len(listed) + 1, one, scan, split, reason))
    return listed


def load(build: Build) -> DatasetFacts:
    """Reads the files of the chosen variant, record by record."""
    skeleton = build.options.skeleton or skeletons.get(SKELETON)
    if len(skeleton.joints) != mpii_mat.JOINTS:
        raise UnreadableInput(
            f"--skeleton has {len(skeleton.joints)} joints, MPII's persons have {mpii_mat.JOINTS}"
        )
    facts = DatasetFacts("pixel", True, [mpii_mat.LABEL], skeletons={skeleton.name: skeleton})

    def read(file: SourceFile, reports: Reports) -> Iterator[ImageRecord]:
        if matlab.is_mat(file.path):
            return mpii_mat.read(file, reports, skeleton.name)
        return mpii_json.read(file, reports, skeleton.name, facts.notes)

    load_records(build, read)
    facts.notes.extend(documents.left_out(build.files))
    return facts


def _found(scan: Scan) -> dict[str, list[FoundFile]]:
    """The files of each variant; `named` are .mat files known by their name alone, as v7.3 ones are."""
    found: dict[str, list[FoundFile]] = {"mat": [], "list": [], "hourglass": [], "named": []}
    for one in matlab.candidates(scan):
        if "RELEASE" in (names := matlab.variables(scan.base / one.path)):
            found["mat"].append(one)
        elif not names and one.path.rpartition("/")[2].lower().startswith("mpii_human_pose"):
            found["named"].append(one)
    for one in scan.json_files:
        if kind := _kind(scan.heads[one.path]):
            found[kind].append(one)
    return found


def _kind(head: bytes) -> str | None:
    text = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if b'"joint_self"' in text:
        return "hourglass"
    # The toolboxes' test list names no joints: image, center and scale are all there is.
    if not text.startswith(b"[") or not _LIST_KEY.search(text) or b'"center"' not in text:
        return None
    return "list" if b'"joints_vis"' in text or b'"scale"' in text else None


def _repeating(taken: set[str]) -> dict[str, str]:
    """The trainval lists beside a train and a val list, and why they are not read."""
    found = {}
    for path in taken:
        folder, _, name = path.rpartition("/")
        if "trainval" not in name:
            continue
        beside = {p.rpartition("/")[2] for p in taken if p.rpartition("/")[0] == folder}
        val = {name.replace("trainval", word) for word in ("val", "valid")}
        if name.replace("trainval", "train") in beside and val & beside:
            found[path] = "the persons of the train and the val list together, which are read"
    return found
