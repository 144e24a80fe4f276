"""Human3.6M: the toolboxes' .npz, the COCO-style JSON, and the dataset's own .cdf files.

All hold motion capture projected into the image, in pixels, and no visibility flag. Subject, action,
camera and frame are in the image's name, `S1_Directions_1.54138969_000001.jpg`; S1, S5, S6, S7 and S8 are
the training set, S9 and S11 the test set, whatever the file is called.

- `.npz`: `imgname`, `center`, `scale` and `part`, n x 17 x 3 (mmpose's preprocess_h36m.py) or n x 24 x 3
  (SPIN's h36m_train.py: 17 places of 24 that several datasets share; read into the same 17 joints). The
  third column is 1 where the joint is given. The box is the square that center and scale (times 200)
  describe. `S`, the 3D positions, is not kept: as an attribute it would be larger than all the rest.
- COCO-style JSON (mmpose's h36m_to_coco.py): as the coco reader reads it, plus subject, action and split;
  its flags, 1 throughout, are not taken for COCO's. Bones count from 0 there, which is reported.
- `S1/MyPoseFeatures/D2_Positions/Directions 1.54138969.cdf`: `Pose`, 1 x frames x 64, 32 joints of which
  17 are in use; no box. Every frame is an image, named as mmpose names the frames it extracts, from 1.
  Sequences called `_ALL` are left out, as the toolboxes do. Needs cdflib: the extra `h36m`.

The three hold the same frames. Where a folder has several, one is read, in the order above, and the
others are listed as left out: their people would count twice. Giving the file itself reads it. The same
goes for mmpose's folders fps10 and fps50: the frames of the first are all in the second.
"""

from __future__ import annotations

import importlib.util
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from queries import skeletons, sqlfile
from queries.errors import UnreadableInput
from queries.model import DatasetFacts, Detection, FoundFile, Options, SourceFile
from queries.readers import coco, documents
from queries.readers.base import Build, split_of_path
from queries.readers.records import (
    ImageRecord,
    InstanceRecord,
    Point,
    Reports,
    UnreadableFile,
    load_records,
    text,
)
from queries.readers.scan import Scan

if TYPE_CHECKING:
    import numpy as np

NAME = "h36m"
TITLE = "Human3.6M: .npz, COCO-style JSON and the dataset's own .cdf"
VERSION = 2
LOOKS_FOR = ".npz with imgname and part, COCO-style JSON, S*/MyPoseFeatures/D2_Positions/*.cdf"
VISIBILITY = "none: NULL (projected motion capture); 0 for a joint that an .npz does not give"
SUBJECTS = "S1 to S11, in the image's name"
VARIANTS = (
    "the toolboxes' .npz with 17 or 24 places a person",
    "COCO-style JSON",
    "the dataset's own .cdf, 32 joints (needs the extra h36m)",
)

SKELETON, SKELETON_OF_CDF = "h36m-17", "h36m-32"
TRAIN, TEST = (1, 5, 6, 7, 8), (9, 11)

_NAME = r"(?:^|/)S(\d{1,2})_(_?[A-Za-z]+)([_ ]\d)?\.(\d{8})_(\d{6})(?:\.\w+)?$"
_NAMED = re.compile(_NAME)
_COCO_NAME = re.compile(rb'"file_name"\s*:\s*"(?:[^"]*/)?S\d{1,2}_[^"/]*\.\d{8}_\d{6}\.\w+"')
_SEQUENCE = re.compile(r"(_?[A-Za-z]+)( \d)?\.(\d{8})")
_FPS = re.compile(r"fps(\d+)")
#: Where h36m-17's joints stand among SPIN's 24.
_OF_24 = (14, 2, 1, 0, 3, 4, 5, 16, 12, 17, 18, 9, 10, 11, 8, 7, 6)
_ROWS = 10_000
_KINDS = ("npz-17", "npz-24", "coco", "cdf")
_OTHER_FORM = "holds the same frames in another form: left out, index it by itself to read it"


def detect(scan: Scan) -> Detection:
    """Sure where files hold keypoints of images that are named as Human3.6M's."""
    kinds = _kinds(scan)
    if not kinds:
        return Detection(0.0, "no .npz, JSON or .cdf file holds keypoints of Human3.6M")
    ours = all(path in kinds for path in documents.coco_style(scan))
    told = f"{len(kinds)} files hold keypoints of Human3.6M, as {next(iter(kinds))}"
    return Detection(0.95, told, ("coco",) if ours else ())


def files(scan: Scan, options: Options) -> list[SourceFile]:
    """The files of the first form that is there; the others are left out."""
    kinds = _kinds(scan)
    if options.format == NAME:
        # what the user calls Human3.6M is tried; D3_Positions beside D2_Positions are no 2D keypoints
        forced = {".npz": "npz-17"} | ({".cdf": "cdf", ".json": "coco"} if scan.root.is_file() else {})
        for one in (*scan.data_files, *scan.json_files):
            if kind := forced.get(PurePosixPath(one.path).suffix.lower()):
                kinds.setdefault(one.path, kind)
    chosen = next((kind for kind in _KINDS if kind in kinds.values()), None)
    rates = {
        path: int(found[1]) for path, kind in kinds.items() if kind == chosen and (found := _FPS.search(path))
    }
    fastest = max(rates.values(), default=0)
    found = []
    for number, one in enumerate((*scan.data_files, *scan.json_files), start=1):
        reason, kind = None, kinds.get(one.path)
        if kind is None:
            reason = "not keypoints of Human3.6M" if one.path[-4:].lower() != ".cdf" else "not D2_Positions"
        elif kind != chosen:
            reason = _OTHER_FORM
        elif rates.get(one.path, fastest) < fastest:
            reason = f"left out: its frames are among those of fps{fastest}"
        elif kind == "cdf" and one.path.rpartition("/")[2].startswith("_ALL"):
            reason = "_ALL: not one of the actions"
        # the file's split serves images whose name tells no subject
        split = options.split or split_of_path(scan, one.path)
        found.append(documents.source_file(number, one, scan, split, reason))
    return found


def load(build: Build) -> DatasetFacts:
    """Reads the files, all of one form."""
    taken = [file.absolute.suffix.lower() for file in build.files if file.skipped is None]
    if ".json" in taken:
        facts = _load_coco(build)
    else:
        if ".cdf" in taken and importlib.util.find_spec("cdflib") is None:
            raise UnreadableInput(
                "to read Human3.6M's .cdf files, install cdflib: pip install 'kpaudit[h36m]'"
            )
        name = SKELETON_OF_CDF if ".cdf" in taken else SKELETON
        skeleton = build.options.skeleton or skeletons.get(name)
        if len(skeleton.joints) != len(skeletons.get(name).joints):
            told = f"--skeleton has {len(skeleton.joints)} joints, these files hold those of {name}"
            raise UnreadableInput(told)
        facts = DatasetFacts("pixel", False, ["person"], [], {skeleton.name: skeleton})
        forced = build.options.split

        def read(file: SourceFile, reports: Reports) -> Iterator[ImageRecord]:
            if file.absolute.suffix.lower() == ".cdf":
                return _read_cdf(file, reports, skeleton.name, forced)
            return _read_npz(file, reports, skeleton.name, facts, forced)

        load_records(build, read)
    facts.notes.append("visibility is not recorded: the joints are projected motion capture")
    facts.notes.extend(documents.left_out(build.files))
    return facts


def _kinds(scan: Scan) -> dict[str, str]:
    """Which of the files are Human3.6M's, by path, and in which form."""
    kinds = {}
    for found in scan.data_files:
        suffix = found.path[-4:].lower()
        if suffix == ".npz" and (kind := _npz_kind(scan, found)):
            kinds[found.path] = kind
        elif suffix == ".cdf" and "D2_Positions" in (scan.base / found.path).parts:
            kinds[found.path] = "cdf"
    for path in documents.coco_style(scan):
        if _COCO_NAME.search(scan.heads[path]):
            kinds[path] = "coco"
    return kinds


def _npz_kind(scan: Scan, found: FoundFile) -> str | None:
    """Whether an .npz holds Human3.6M, told by its first image name, without numpy."""
    try:
        with zipfile.ZipFile(scan.base / found.path) as archive:
            if not {"imgname.npy", "part.npy"} <= set(archive.namelist()):
                return None
            with archive.open("imgname.npy") as member:
                names = member.read(4096).replace(b"\0", b"")  # numpy keeps text as UTF-32
            with archive.open("part.npy") as member:
                header = member.read(256)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return None
    if not re.search(rb"S\d{1,2}_[A-Za-z_]+[ _\d]*\.\d{8}_\d{6}", names):
        return None
    return "npz-24" if re.search(rb"'shape': \(\d+, 24, ", header) else "npz-17"


def _load_coco(build: Build) -> DatasetFacts:
    facts = coco.load(build)
    sql, con = sqlfile.statements("readers/h36m.sql"), build.con
    con.execute(sql["no_flags"])
    con.execute(sql["names"], {"pattern": _NAME})
    con.execute(sql["subjects"], {"split": build.options.split, "train": list(TRAIN), "test": list(TEST)})
    con.execute(sql["nameless"], {"dataset": build.dataset_id})
    facts.visibility_recorded = False
    return facts


def _image(
    name: str, instance: InstanceRecord, reports: Reports, where: str, forced: str | None
) -> ImageRecord:
    """An image with one person, and what its name says."""
    found = _NAMED.search(name)
    if found is None:
        told = (
            f"imgname is {text(name)}, expected S<subject>_<action>.<camera>_<frame>.jpg: no subject or split"
        )
        reports.add(where, "field-missing", told)
        return ImageRecord(name, name, (instance,))
    subject, action, take, camera, frame = found.groups()
    split = "train" if int(subject) in TRAIN else "test" if int(subject) in TEST else None
    return ImageRecord(
        name,
        name,
        (instance,),
        split=None if forced else split,
        subject=f"S{subject}",
        attributes={
            "action": action,
            "sequence": f"{action}{take or ''}",
            "camera": camera,
            "frame": int(frame),
        },
    )


def _read_npz(
    file: SourceFile, reports: Reports, skeleton: str, facts: DatasetFacts, forced: str | None
) -> Iterator[ImageRecord]:
    arrays = _arrays(file)
    part, names = arrays["part"], arrays["imgname"]
    if part.ndim != 3 or part.shape[1] not in (17, 24) or part.shape[2] not in (2, 3):
        told = f"has a part of {' x '.join(map(str, part.shape))}, expected n x 17 x 3 or n x 24 x 3"
        raise UnreadableFile(told)
    count = min(len(array) for array in arrays.values())
    if any(len(array) != count for array in arrays.values()):
        told = ", ".join(f"{len(array)} {name}" for name, array in arrays.items())
        reports.add(
            "file", "length-mismatch", f"{told}: expected as many of each; the first {count} are read"
        )
    if part.shape[1] == 24:
        _check_24(part[:count], reports)
        part = part[:, _OF_24]
        facts.notes.append(f"{file.path} holds 24 places, of which Human3.6M fills 17: read as {skeleton}")
    squares = "center" in arrays and "scale" in arrays
    for start in range(0, count, _ROWS):
        rows = slice(start, min(start + _ROWS, count))
        persons = part[rows].tolist()
        centers = arrays["center"][rows].tolist() if squares else [None] * len(persons)
        scales = arrays["scale"][rows].tolist() if squares else [None] * len(persons)
        for number, name in enumerate(names[rows].tolist()):
            where = f"imgname[{start + number}]"
            box, attributes = None, None
            if squares:
                center, scale = centers[number], scales[number]
                side = 200 * scale
                box = (center[0] - side / 2, center[1] - side / 2, side, side)
                attributes = {"center": center, "scale": scale}
            points = _points(persons[number], where, reports)
            person = InstanceRecord("person", skeleton, box, points, attributes=attributes, locator=where)
            yield _image(name, person, reports, where, forced)


def _arrays(file: SourceFile) -> dict[str, np.ndarray]:
    """The arrays of an .npz that are read: names and keypoints, and where there, center and scale."""
    import numpy as np  # noqa: PLC0415 - loaded only where such a file is read

    found = {}
    try:
        with np.load(file.absolute, allow_pickle=False) as archive:
            for name in ("imgname", "part", "center", "scale"):
                if name in archive:
                    found[name] = archive[name]
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        # pickled arrays among them: to unpickle a file is to run what it says
        raise UnreadableFile(f"can't be read as .npz: {error}") from error
    missing = [name for name in ("imgname", "part") if name not in found]
    if missing:
        raise UnreadableFile(f"has no {' and no '.join(missing)}, expected imgname and part")
    if found["imgname"].dtype.kind == "S":
        found["imgname"] = np.char.decode(found["imgname"], "utf-8", "backslashreplace")
    shapes = {"imgname": (1, "U"), "center": (2, "fiu"), "scale": (1, "fiu"), "part": (3, "fiu")}
    for name, array in found.items():
        ndim, kinds = shapes[name]
        if array.dtype.kind not in kinds or (name != "part" and array.ndim != ndim):
            told = f"has {name} as {array.dtype} of {' x '.join(map(str, array.shape)) or 'no size'}"
            raise UnreadableFile(f"{told}, expected {'names' if kinds == 'U' else 'numbers'}")
    if "center" in found and found["center"].shape[1] != 2:
        raise UnreadableFile(f"has a center of {found['center'].shape[1]} numbers a row, expected 2")
    return found


def _check_24(part: np.ndarray, reports: Reports) -> None:
    """Reports joints in those of the 24 places that Human3.6M does not fill."""
    others = [place for place in range(24) if place not in _OF_24]
    for row in part[:, others].any(axis=(1, 2)).nonzero()[0].tolist():
        told = "places that Human3.6M does not fill are not 0; they are not read"
        reports.add(f"imgname[{row}]", "wrong-joint-count", told)


def _points(rows: list[list[float]], where: str, reports: Reports) -> tuple[Point, ...]:
    strange = [row[2] for row in rows if len(row) == 3 and row[2] not in (0, 1)]
    if strange:
        told = f"{len(strange)} of part's third numbers are not 0 or 1, as {strange[0]}; taken for given"
        reports.add(where, "visibility-invalid", told)
    return tuple((row[0], row[1], 0 if len(row) == 3 and row[2] == 0 else None) for row in rows)


def _read_cdf(file: SourceFile, reports: Reports, skeleton: str, forced: str | None) -> Iterator[ImageRecord]:
    subject, stem = _subject_folder(file.absolute), file.absolute.stem
    if subject is None or _SEQUENCE.fullmatch(stem) is None:
        told = "lies in no S<number> folder, or is not named as 'Directions 1.54138969.cdf'"
        raise UnreadableFile(f"{told}: no subject, action or camera can be told")
    for frame, row in enumerate(_poses(file), start=1):
        where = f"Pose[{frame - 1}]"
        points = tuple((row[2 * joint], row[2 * joint + 1], None) for joint in range(32))
        person = InstanceRecord("person", skeleton, None, points, locator=where)
        name = f"{subject}_{stem.replace(' ', '_')}_{frame:06d}.jpg"
        yield _image(name, person, reports, where, forced)


def _poses(file: SourceFile) -> list[list[float]]:
    import cdflib  # noqa: PLC0415 - an extra: `load` has made sure of it

    try:
        poses: Any = cdflib.CDF(file.absolute).varget("Pose")
    except Exception as error:  # cdflib raises whatever the broken bytes lead it to
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        told = told.replace(str(file.absolute), "it")  # the report begins with the path
        raise UnreadableFile(f"can't be read as CDF with a variable Pose: {told}") from error
    shape = getattr(poses, "shape", ())
    if len(shape) == 3 and shape[0] == 1:
        poses = poses[0]
    if len(shape) not in (2, 3) or poses.shape[-1] != 64 or poses.ndim != 2 or poses.dtype.kind not in "fiu":
        told = "; 96 numbers a frame are 3D positions" if shape and shape[-1] == 96 else ""
        sizes = f"of {' x '.join(map(str, shape))}" if shape else "that is no array"
        raise UnreadableFile(f"has a Pose {sizes}, expected 1 x frames x 64{told}")
    return poses.tolist()


def _subject_folder(path: Path) -> str | None:
    return next((part for part in reversed(path.parts[:-1]) if re.fullmatch(r"S\d{1,2}", part)), None)
