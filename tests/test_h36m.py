"""Human3.6M: the toolboxes' real .npz and JSON, the dataset's own .cdf written by cdflib, and bad ones."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from queries.errors import UnreadableInput
from queries.readers import h36m
from queries.skeletons import get

NAMES = [
    "S1/S1_Directions_1.54138969/S1_Directions_1.54138969_000001.jpg",
    "S9/S9_WalkTogether.60457274/S9_WalkTogether.60457274_000146.jpg",
]


def npz(path: Path, joints: int = 17, **changed) -> Path:
    """Two persons, each joint at a place of its own."""
    place = np.arange(2 * joints).reshape(2, joints)
    part = np.stack([place * 10.0 + 1, place * 10.0 + 2, np.ones_like(place)], axis=2)
    if joints == 24:
        part[:, [n for n in range(24) if n not in h36m._OF_24]] = 0
    arrays = {
        "imgname": np.array(NAMES),
        "center": np.array([[300.0, 400.0], [500.0, 600.0]]),
        "scale": np.array([1.5, 2.0]),
        "part": part,
        "S": np.ones((2, joints, 4)),
        **changed,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def test_npz_as_mmpose_writes_it(indexed, tmp_path):
    found = indexed(npz(tmp_path / "d" / "h36m_test.npz").parent)
    summary = found.summary
    assert (summary.format, summary.images, summary.annotations, summary.keypoints) == ("h36m", 2, 2, 34)
    assert (summary.subjects, summary.problems) == (2, {})
    # by the subject, not by the file's name
    rows = found.rows("select key, file_name, split, subject, attributes from image order by key")
    assert [row[:4] for row in rows] == [
        (NAMES[0], NAMES[0], "train", "S1"),
        (NAMES[1], NAMES[1], "test", "S9"),
    ]
    assert json.loads(rows[0][4]) == {
        "action": "Directions",
        "sequence": "Directions_1",
        "camera": "54138969",
        "frame": 1,
    }
    assert json.loads(rows[1][4])["action"] == "WalkTogether" and json.loads(rows[1][4])["frame"] == 146
    assert found.rows("select x, y, w, h from annotation order by 1") == [
        (150, 250, 300, 300),
        (300, 400, 400, 400),
    ]
    assert json.loads(found.rows("select attributes from annotation order by x")[0][0]) == {
        "center": [300, 400],
        "scale": 1.5,
    }
    keypoints = found.rows(
        "select joint, k.x, k.y, visibility from keypoint k join annotation a using (annotation_id) "
        "where a.x = 300"
    )
    assert sorted(keypoints) == [(j, (17 + j) * 10 + 1, (17 + j) * 10 + 2, None) for j in range(17)]
    assert found.row("select visibility_recorded, subjects_recorded, unit from dataset") == (
        False,
        True,
        "pixel",
    )
    assert found.row("select min(labelled), max(visible) from annotation") == (17, None)
    assert indexed(tmp_path / "d", split="val").rows("select distinct split from image") == [("val",)]


def test_npz_of_24_places_as_spin_writes_it(indexed, tmp_path):
    found = indexed(npz(tmp_path / "h36m_train.npz", 24))
    assert found.row("select count(*), count(distinct joint) from keypoint") == (34, 17)
    first = found.rows("select joint, x from keypoint where x < 240 order by joint")
    assert [x for _, x in first] == [place * 10 + 1 for place in h36m._OF_24]
    assert "holds 24 places, of which Human3.6M fills 17" in found.summary.notes[0]
    part = np.ones((2, 24, 3))
    found = indexed(npz(tmp_path / "all.npz", 24, part=part))
    assert found.problems() == [("wrong-joint-count", "imgname[0]"), ("wrong-joint-count", "imgname[1]")]


def test_real_files_say_the_same(real_data, indexed):
    folder = real_data / "pose" / "h36m"
    with np.load(folder / "test_h36m_body3d.npz") as archive:
        part, names = archive["part"], [Path(name).name for name in archive["imgname"]]
    document = json.loads((folder / "h36m_coco.json").read_text())
    for path, near in ((folder, 0), (folder / "h36m_coco.json", 0), (folder / "test_h36m.npz", 0.1)):
        found = indexed(path)
        assert (found.summary.format, found.summary.images, found.summary.keypoints) == ("h36m", 4, 68)
        rows = found.rows(
            "select file_name, joint, k.x, k.y, visibility, subject, split from keypoint k "
            "join annotation using (annotation_id) join image using (image_id)"
        )
        for file_name, joint, x, y, visibility, subject, split in rows:
            name = file_name.rpartition("/")[2]
            expected = part[names.index(name), joint]
            # SPIN takes its root from another of two joints a tenth of a millimetre apart
            assert abs(x - expected[0]) <= near and abs(y - expected[1]) <= near
            assert (visibility, subject, split) == (None, name.partition("_")[0], "train")
        assert sorted(row[0] for row in found.rows("select name from joint")) == sorted(get("h36m-17").names)
        for one in document["annotations"]:
            name = document["images"][one["image_id"] - 1]["file_name"]
            row = found.row(
                "select a.x, a.y, w, h from annotation a join image using (image_id) "
                "where file_name like '%' || $1",
                name,
            )
            assert row == pytest.approx(tuple(one["bbox"]), abs=1e-9)


def test_the_other_forms_in_a_folder_are_left_out_and_said(real_data, indexed):
    found = indexed(real_data / "pose" / "h36m")
    assert dict(found.rows("select path, status from source_file")) == {
        "test_h36m_body3d.npz": "read",
        "test_h36m.npz": "skipped",
        "h36m_coco.json": "skipped",
    }
    assert any("test_h36m.npz, h36m_coco.json" in note for note in found.summary.notes)


def test_the_slower_frame_rate_is_left_out(indexed, tmp_path):
    for rate in (10, 50):
        npz(tmp_path / "d" / "annotation_body3d" / f"fps{rate}" / "h36m_train.npz")
    found = indexed(tmp_path / "d")
    assert found.summary.images == 2 and found.summary.problems == {}
    assert [row[0] for row in found.rows("select path from source_file where status = 'read'")] == [
        "annotation_body3d/fps50/h36m_train.npz"
    ]


BAD_FILES = {
    "no part": ({"part": None}, "has no part"),
    "14 joints": ({"part": np.ones((2, 14, 3))}, "2 x 14 x 3, expected n x 17 x 3"),
    "four numbers": ({"part": np.ones((2, 17, 4))}, "2 x 17 x 4, expected"),
    "words": ({"part": np.full((2, 17, 3), "x")}, "zzz.npz has part as <U1 of 2 x 17 x 3, expected numbers"),
    "pickled names": ({"imgname": np.array(NAMES, dtype=object)}, "can't be read as .npz"),
    "centers of three": ({"center": np.ones((2, 3))}, "zzz.npz has a center of 3 numbers a row"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_of_which_nothing_can_be_read(indexed, tmp_path, case):
    changed, told = BAD_FILES[case]
    npz(tmp_path / "d" / "good.npz")
    npz(tmp_path / "d" / "zzz.npz", **changed)
    found = indexed(tmp_path / "d", format="h36m")
    assert found.summary.images == 2
    assert [row[:2] for row in found.problems()] == [("file-unreadable", "file")]
    message = found.problems(True)[0][2]
    assert told in message and message.startswith("zzz.npz ") and message.count("zzz.npz") == 1


def test_no_zip_at_all(indexed, tmp_path):
    npz(tmp_path / "d" / "good.npz")
    (tmp_path / "d" / "bad.npz").write_bytes(b"PK\x03\x04 not really")
    assert dict(indexed(tmp_path / "d").rows("select path, status from source_file")) == {
        "bad.npz": "skipped",
        "good.npz": "read",
    }
    assert indexed(tmp_path / "d", format="h36m").problems() == [("file-unreadable", "file")]


def test_bad_rows_are_reported_and_the_others_load(indexed, tmp_path):
    part = np.ones((3, 17, 3))
    part[0, 3, 2], part[0, 4, 2], part[1, 5, 0] = 0, 0.5, np.nan
    names = np.array([NAMES[0], "img_000007.jpg"])
    found = indexed(npz(tmp_path / "d" / "h36m.npz", part=part, imgname=names).parent)
    assert found.problems() == [
        ("field-missing", "imgname[1]"),
        ("length-mismatch", "file"),
        ("non-finite-coordinate", "imgname[1]"),
        ("visibility-invalid", "imgname[0]"),
    ]
    assert found.rows("select subject, split from image order by key") == [("S1", "train"), (None, "unsplit")]
    assert found.row(
        "select visibility, labelled from keypoint join annotation using (annotation_id) "
        "where joint = 3 and visibility = 0"
    ) == (0, 0)


def test_coco_style_names_that_say_nothing(indexed):
    document = {
        "images": [
            {"id": 1, "file_name": "S11_Photo_1.55011271_000006.jpg"},
            {"id": 2, "file_name": "x.jpg"},
        ],
        "annotations": [
            {
                "id": n,
                "image_id": n,
                "category_id": 1,
                "bbox": [1, 2, 3, 4],
                "keypoints": [5, 6, 1] * 16 + [0, 0, 0],
            }
            for n in (1, 2)
        ],
        "categories": [
            {"id": 1, "name": "person", "keypoints": list(get("h36m-17").published_names), "skeleton": []}
        ],
    }
    found = indexed({"h36m_test.json": document})
    assert ("field-missing", "x.jpg") in found.problems()
    assert found.rows("select subject, split from image order by key") == [("S11", "test"), (None, "test")]
    assert set(found.rows("select visibility, count(*) from keypoint group by 1")) == {(None, 32), (0, 2)}


def cdf(path: Path, values: np.ndarray, name: str = "Pose") -> Path:
    cdfwrite = pytest.importorskip("cdflib").cdfwrite
    path.parent.mkdir(parents=True, exist_ok=True)
    with cdfwrite.CDF(path) as out:
        spec = {
            "Variable": name,
            "Data_Type": 44,
            "Num_Elements": 1,
            "Rec_Vary": True,
            "Dim_Sizes": list(values.shape[1:]),
            "Var_Type": "zVariable",
            "Compress": 0,
        }
        out.write_var(spec, var_data=values.astype(np.float32))
    return path


def poses(frames: int = 3, numbers: int = 64) -> np.ndarray:
    return np.arange(frames * numbers, dtype=float).reshape(1, frames, numbers)


CDF = "MyPoseFeatures/D2_Positions"


def test_the_datasets_own_cdf(indexed, tmp_path):
    root = tmp_path / "h36m"
    cdf(root / "S1" / CDF / "Directions 1.54138969.cdf", poses())
    cdf(root / "S11" / CDF / "WalkDog.60457274.cdf", poses(1))
    cdf(root / "S11" / CDF / "_ALL.60457274.cdf", poses(1))
    cdf(root / "S1" / "MyPoseFeatures/D3_Positions/Directions 1.cdf", poses(3, 96))
    found = indexed(root)
    summary = found.summary
    assert (summary.format, summary.images, summary.annotations, summary.keypoints) == ("h36m", 4, 4, 4 * 32)
    assert summary.problems == {}
    assert found.rows("select key, split, subject from image order by image_id") == [
        *((f"S1_Directions_1.54138969_{n:06d}.jpg", "train", "S1") for n in (1, 2, 3)),
        ("S11_WalkDog.60457274_000001.jpg", "test", "S11"),
    ]
    rows = found.rows(
        "select joint, k.x, k.y, visibility from keypoint k join annotation using (annotation_id) "
        "join image using (image_id) where key = 'S1_Directions_1.54138969_000003.jpg' order by joint"
    )
    assert rows == [(joint, 128 + 2 * joint, 129 + 2 * joint, None) for joint in range(32)]
    assert [row[0] for row in found.rows("select name from joint order by joint")] == list(
        get("h36m-32").names
    )
    assert found.rows("select distinct x from annotation") == [(None,)]
    skipped = dict(found.rows("select path, detail from source_file where status = 'skipped'"))
    assert skipped[f"S11/{CDF}/_ALL.60457274.cdf"].startswith("_ALL")
    assert skipped["S1/MyPoseFeatures/D3_Positions/Directions 1.cdf"] == "not D2_Positions"
    one = indexed(root / "S11" / CDF / "WalkDog.60457274.cdf")
    assert one.rows("select subject, split from image") == [("S11", "test")]


def test_bad_cdf(indexed, tmp_path):
    root = tmp_path / "h36m"
    cdf(root / "S1" / CDF / "Directions.54138969.cdf", poses())
    cdf(root / "S1" / CDF / "Eating.54138969.cdf", poses(2, 96))
    cdf(root / "S1" / CDF / "Posing.54138969.cdf", poses(), name="Angles")
    cdf(root / "S1" / CDF / "whatever.cdf", poses())
    (root / "S1" / CDF / "Sitting.54138969.cdf").write_bytes(b"no CDF")
    found = indexed(root)
    assert found.summary.images == 3
    told = {
        message.split("/")[-1].split(" ")[0].split(":")[0]: message for _, _, message in found.problems(True)
    }
    assert "96 numbers a frame are 3D positions" in told["Eating.54138969.cdf"]
    assert set(told) == {"Eating.54138969.cdf", "Posing.54138969.cdf", "Sitting.54138969.cdf", "whatever.cdf"}
    assert {kind for kind, _ in found.problems()} == {"file-unreadable"}
    for name, message in told.items():
        assert message.startswith(f"S1/{CDF}/{name} ") and message.count(name) == 1, message


def test_without_cdflib_one_sentence_says_what_to_install(indexed, tmp_path, monkeypatch):
    cdf(tmp_path / "S1" / CDF / "Directions.54138969.cdf", poses())
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "cdflib" else real(name, *rest)
    )
    with pytest.raises(UnreadableInput, match=r"install cdflib: pip install 'kpaudit\[h36m\]'"):
        indexed(tmp_path / "S1")


def test_other_npz_are_not_taken(indexed, tmp_path):
    npz(tmp_path / "d" / "coco_2014_train.npz", imgname=np.array(["COCO_train2014_000000000009.jpg"] * 2))
    with pytest.raises(Exception, match=r"no dataset that kpaudit knows\. Seen: 1 \.npz"):
        indexed(tmp_path / "d")


def test_format_by_name(indexed, tmp_path, real_data):
    document = (real_data / "pose" / "aic" / "test_aic.json").read_text()
    root = tmp_path / "S1"
    cdf(root / CDF / "Directions.54138969.cdf", poses())
    cdf(root / "MyPoseFeatures/D3_Positions/Directions.cdf", poses(3, 96))
    (root / "aic.json").write_text(document)
    found = indexed(root, format="h36m")
    assert found.problems() == [] and found.summary.images == 3
    named = indexed(root / "aic.json", format="h36m")
    assert {kind for kind, _ in named.problems()} == {"field-missing"} and named.summary.subjects == 0
