"""HaGRID's own YOLO conversion: boxes and classes, without landmarks, subjects or anything else.

`converters/hagrid_to_yolo.py` writes `<phase>_labels/<gesture>/<image>.txt`, a line a hand,
`class cx cy w h`, all normalized, and links the images to `<phase>/<gesture>/<image>.jpg`; no data.yaml.
Source: that file,
convert_utils.py and converter_config.yaml of github.com/hukenovs/hagrid, at its 2022 and later versions.

Nothing in the output names the classes: a number is the gesture's place among the config's `targets`.
Where every folder's files mostly hold the number that its gesture has in the published config (18
gestures and no_gesture), those names are taken; else the commonest number of a folder is its gesture's
where that leaves no doubt, and other numbers stay without a name. A note tells which. Nor does it record
`--bbox_format`: the default, cxcywh, is assumed, and a note says so.

The COCO conversion is plain COCO without keypoints, and the coco reader reads it.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from queries import sqlfile
from queries.model import DatasetFacts, Detection, Options, SourceFile
from queries.readers import label_files, yolo
from queries.readers.base import Build, as_table
from queries.readers.hagrid import GESTURES
from queries.readers.lenient import has_invalid_text
from queries.readers.scan import Scan

NAME = "hagrid-yolo"
TITLE = "HaGRID converted to YOLO by its own converter: boxes alone"
VERSION = 1
LOOKS_FOR = "{train,val,test}_labels/<gesture>/*.txt"
VISIBILITY = "no keypoints"
SUBJECTS = "none (the conversion leaves user_id out)"
VARIANTS = (
    "the 18 gestures of the published converter_config.yaml, or other ones, told by their folders",
)

#: The `targets` of the published converter_config.yaml, in its order: a class is its place here.
TARGETS = [
    "call",
    "dislike",
    "fist",
    "four",
    "like",
    "mute",
    "ok",
    "one",
    "palm",
    "peace",
    "rock",
    "stop",
    "stop_inverted",
    "three",
    "two_up",
    "two_up_inverted",
    "three2",
    "peace_inverted",
    "no_gesture",
]

_SPLITS = {"train": "train", "val": "val", "test": "test"}
_SAMPLE = 300


def detect(scan: Scan) -> Detection:
    """Sure where a folder `<phase>_labels` holds folders named after gestures."""
    found = _gesture_folders(scan.root)
    if not found:
        return Detection(0.0, "no <phase>_labels folder holds a folder for each gesture")
    told = f"{found[0][1].parent.name} holds label files for {len({path.name for _, path in found})} gestures"
    return Detection(0.9, told)


def files(scan: Scan, options: Options) -> list[SourceFile]:
    """Every label file, phase by phase and gesture by gesture."""
    found = []
    for phase, folder in _gesture_folders(scan.root):
        split = options.split or _SPLITS.get(phase, phase)
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.name.endswith(".txt") and entry.is_file() and not has_invalid_text(entry.name)
            )
        start = f"{folder.parent.name}/{folder.name}/"
        for name in names:
            place = os.path.join(folder, name)
            found.append(label_files.LabelFile(len(found) + 1, start + name, split, place))
    return found


def load(build: Build) -> DatasetFacts:
    """Reads all label files in batches; the lines are parsed by DuckDB, as those of any YOLO dataset."""
    con, files = build.con, build.files
    build.images = len(files)
    images = {file.file_id: build.id_base + place for place, file in enumerate(files, 1)}
    numbers = {"image_id": list(images.values()), "file_id": list(images), "has_image": [1] * len(files)}
    texts = {"key": [_image_of(file.path) for file in files], "split": [file.split for file in files]}
    with as_table(con, "listed_image", numbers, texts):
        con.execute(sqlfile.statements("readers/yolo.sql")["images"], {"dataset": build.dataset_id})
    classes, told = _classes(files)
    yolo.write_labels(build, files, lambda: images, dict(sorted(classes.items())), 0, 2, None)
    con.execute(sqlfile.statements("readers/yolo.sql")["unnamed_classes"])
    notes = [
        "boxes and classes alone: HaGRID's conversion leaves out landmarks, subjects and demographics; "
        "index the original annotations to audit those",
        told,
        "boxes are read as the converter's default, cxcywh: its output does not say which was asked for",
    ]
    return DatasetFacts("normalized", False, [classes[number] for number in sorted(classes)], notes)


def _gesture_folders(root: Path) -> list[tuple[str, Path]]:
    """(phase, folder) of every folder of a gesture's label files."""
    if not root.is_dir():
        return []
    try:
        phases = [
            entry for entry in sorted(root.iterdir()) if entry.name.endswith("_labels") and entry.is_dir()
        ]
        return [
            (phase.name.removesuffix("_labels"), folder)
            for phase in phases
            for folder in sorted(phase.iterdir())
            if folder.name in GESTURES and folder.is_dir() and not folder.is_symlink()
        ]
    except OSError:
        return []  # the walk has said which folder can't be read


def _image_of(label: str) -> str:
    phase, gesture, name = label.split("/")
    return f"{phase.removesuffix('_labels')}/{gesture}/{os.path.splitext(name)[0]}.jpg"


def _classes(files: list[SourceFile]) -> tuple[dict[int, str], str]:
    """The names of the class numbers, and a note that says where they come from."""
    counts, images = _sampled(files)
    if all(
        gesture in TARGETS and 2 * numbers[TARGETS.index(gesture)] >= images[gesture]
        for gesture, numbers in counts.items()
    ) and all(number < len(TARGETS) for numbers in counts.values() for number in numbers):
        told = "class numbers are named by the order of HaGRID's published converter_config.yaml"
        return dict(enumerate(TARGETS)), f"{told}, which the folders agree with"
    commonest = {gesture: numbers.most_common(1)[0][0] for gesture, numbers in counts.items() if numbers}
    taken = Counter(commonest.values())
    classes = {number: gesture for gesture, number in commonest.items() if taken[number] == 1}
    told = (
        f"class numbers are not those of HaGRID's published config: {len(classes)} are named after the folder"
    )
    return classes, f"{told} in which they are the commonest, the others have no name"


def _sampled(files: list[SourceFile]) -> tuple[dict[str, Counter[int]], Counter[str]]:
    """Of the first files of each gesture: in how many a class number stands, and how many they are."""
    counts: dict[str, Counter[int]] = {}
    images: Counter[str] = Counter()
    for file in files:
        gesture = file.path.split("/")[1]
        if images[gesture] >= _SAMPLE:
            continue
        try:
            lines = file.absolute.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        numbers = {int(word) for line in lines if (word := line.partition(" ")[0]).isdecimal()}
        if numbers:
            images[gesture] += 1
            counts.setdefault(gesture, Counter()).update(numbers)
    return counts, images
