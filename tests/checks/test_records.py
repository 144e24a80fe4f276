"""What readers report becomes findings: each kind by its check, at its record, with a key that stays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from queries import catalogue, readers, skeletons
from queries.index import index
from queries.model import Options
from queries.workspace import Workspace
from tests.checks.planted import Stage, coco, findings, hand, index_sample, is_that, person, rows_of
from tests.conftest import ROOT

HAGRID = {"train/call.json": {"good": hand(), "bad": hand(user_id="u2")}}
COCO = {"keypoints_train.json": coco(person(1), person(2))}
LINE = "0 0.5 0.5 0.2 0.2 0.45 0.45 2 0.55 0.55 1"
YAML = """train: images/train
kpt_shape: [2, 3]
flip_idx: [1, 0]
kpt_names: {0: [left_x, right_x]}
names: {0: pair}
"""
YOLO = {"data.yaml": YAML, "labels/train/a.txt": LINE, "labels/train/b.txt": LINE, "images/train/.keep": ""}
NAN, INF = float("nan"), float("inf")


def hagrid(**fields):
    return {"train/call.json": {"good": hand(), "bad": hand(**({"user_id": "u2"} | fields))}}


def people(*annotations, **more):
    return {"keypoints_train.json": coco(*annotations, **more)}


def yolo(line=LINE, yaml=YAML):
    return YOLO | {"labels/train/b.txt": line, "data.yaml": yaml}


HANDS = "train/call.json: bad"
PEOPLE = "keypoints_train.json: annotations (id 2)"
PAIR = "keypoints_train.json: categories (id 1)"
LABELS = "labels/train/b.txt: line 1"
B = "images/train/b"
ALREADY = "has been used already in this file"

# (kind, clean, planted, (image, ordinal, joint) or none, about, words of the detail)
CASES = {
    "a split that is not there": (
        "file-unreadable",
        YOLO,
        yolo(yaml=f"{YAML}val: images/val\n"),
        (None, None, None),
        "data.yaml",
        "is not there",
    ),
    "broken JSON": (
        "json-malformed",
        HAGRID,
        {"train/call.json": '{"g": {"bboxes": [[0, 0, 1, 1]], "labels": ["ok"], "user_id": "u"}, "bad": {'},
        (None, None, None),
        "train/call.json: bad",
        "train/call.json, bad: at byte ",
    ),
    "a list for a record": (
        "record-malformed",
        HAGRID,
        {"train/call.json": {"good": hand(), "bad": [1]}},
        (None, None, None),
        HANDS,
        "train/call.json, bad: the record is [1], expected an object",
    ),
    "a short line": (
        "record-malformed",
        YOLO,
        yolo("0 0.5 0.5"),
        (B, None, None),
        LABELS,
        "the line has 3 numbers",
    ),
    "no subject": (
        "field-missing",
        HAGRID,
        hagrid(user_id=""),
        ("bad", None, None),
        HANDS,
        "user_id is missing",
    ),
    "no box": (
        "field-missing",
        COCO,
        people(person(1), person(2, bbox="DROP")),
        ("a.jpg", 1, None),
        PEOPLE,
        "bbox is missing",
    ),
    "text in landmarks": (
        "field-type",
        HAGRID,
        hagrid(hand_landmarks=[[["x", 0.2], *hand()["hand_landmarks"][0][1:]]]),
        ("bad", 0, 0),
        HANDS,
        'hand_landmarks[0][0][0] is "x", expected a number',
    ),
    "text in a line": (
        "field-type",
        YOLO,
        yolo(LINE.replace("0.45", "x", 1)),
        (B, 0, None),
        LABELS,
        '"x", expected a number',
    ),
    "NaN in a box": (
        "non-finite-coordinate",
        HAGRID,
        hagrid(bboxes=[[NAN, 0.2, 0.3, 0.4]]),
        ("bad", 0, None),
        HANDS,
        "bboxes[0] is [nan",
    ),
    "infinity in a joint": (
        "non-finite-coordinate",
        COCO,
        people(person(1), person(2, keypoints=[INF, 1, 2, 3, 4, 2])),
        ("a.jpg", 1, None),
        PEOPLE,
        "1 keypoints have coordinates that are not finite",
    ),
    "two labels, one box": (
        "length-mismatch",
        HAGRID,
        hagrid(labels=["call", "call"]),
        ("bad", None, None),
        HANDS,
        "1 boxes but 2 labels",
    ),
    "too few landmarks": (
        "wrong-joint-count",
        HAGRID,
        hagrid(hand_landmarks=[[[0.1, 0.2]]]),
        ("bad", 0, None),
        HANDS,
        "hand 0 has 1 landmarks",
    ),
    "a joint too few": (
        "wrong-joint-count",
        YOLO,
        yolo(LINE.rsplit(" ", 3)[0]),
        (B, 0, None),
        LABELS,
        "3 keypoint numbers, expected 6",
    ),
    "a misspelt gesture": (
        "unknown-label",
        HAGRID,
        hagrid(labels=["cal"]),
        ("bad", 0, None),
        HANDS,
        "labels[0] is cal, which is no gesture",
    ),
    "an unknown class": (
        "unknown-label",
        YOLO,
        yolo("4" + LINE[1:]),
        (B, 0, None),
        LABELS,
        "class 4 is not in data.yaml's names",
    ),
    "an orphan": (
        "orphan-annotation",
        COCO,
        people(person(1), person(2, image_id=7)),
        (None, None, None),
        PEOPLE,
        "keypoints_train.json, annotations[1] (id 2): image_id 7 is not in this file",
    ),
    "an image id twice": (
        "duplicate-image-id",
        COCO,
        people(person(1), person(2), images=[{"id": 2, "file_name": "c.jpg"}]),
        ("b.jpg", None, None),
        "keypoints_train.json: images (id 2)",
        f"the image id 2 {ALREADY}",
    ),
    # the second of two: the first has its id by right
    "an annotation id twice": (
        "duplicate-annotation-id",
        COCO,
        people(person(1), person(2), person(2, image_id=2)),
        ("b.jpg", 0, None),
        PEOPLE,
        f"the annotation id 2 {ALREADY}",
    ),
    "an image in two files": (
        "duplicate-image-key",
        HAGRID,
        HAGRID | {"train/fist.json": {"bad": hand(labels=["fist"])}},
        ("bad", None, None),
        "train/fist.json: bad",
        "the image is also in train/call.json",
    ),
    "a negative width": (
        "negative-size",
        HAGRID,
        hagrid(bboxes=[[0.1, 0.2, -0.3, 0.4]]),
        ("bad", 0, None),
        HANDS,
        "a width or height below 0",
    ),
    "an image of no size": (
        "negative-size",
        COCO,
        people(person(1), images=[{"id": 3, "file_name": "c.jpg", "width": 0, "height": 480}]),
        ("c.jpg", None, None),
        "keypoints_train.json: images (id 3)",
        "the image is 0.0 x 480.0 pixels",
    ),
    "a path that leads out": (
        "path-outside-root",
        YOLO,
        yolo(yaml=f"{YAML}val: ../beside/images/train\n"),
        (None, None, None),
        "data.yaml",
        "lies outside",
    ),
    "bones from 0": (
        "skeleton-counts-from-0",
        COCO,
        people(person(1), skeleton=[[0, 1]]),
        (None, None, None),
        PAIR,
        "from 0",
    ),
    "a bone to nowhere": (
        "skeleton-index-out-of-range",
        COCO,
        people(person(1), skeleton=[[1, 9]]),
        (None, None, None),
        PAIR,
        "bone [1, 9]",
    ),
    "a name twice": (
        "skeleton-names",
        COCO,
        people(person(1), keypoints=["x", "x"]),
        (None, None, None),
        PAIR,
        "category 'pair'",
    ),
    "a flag of 3": (
        "visibility-invalid",
        COCO,
        people(person(1), person(2, keypoints=[15, 30, 2, 20, 40, 3])),
        ("a.jpg", 1, 1),
        None,
        "right_x has the flag 3, expected 0, 1 or 2",
    ),
    "a confidence for a flag": (
        "visibility-invalid",
        YOLO,
        yolo(LINE[:-1] + "0.4"),
        (B, 0, None),
        LABELS,
        "a visibility flag is not a whole number",
    ),
}

IDS = sorted({case[0] for case in CASES.values()})


@pytest.fixture(scope="module")
def stages(tmp_path_factory) -> dict[str, Stage]:
    """A clean dataset of each format, in a workspace each, that the tests below leave clean."""
    made = {}
    for name, clean in (("HAGRID", HAGRID), ("COCO", COCO), ("YOLO", YOLO)):
        made[name] = Stage(tmp_path_factory.mktemp(name), clean)
        made[name].show(clean)
        assert made[name].found(*IDS, everywhere=True) == []
    return made


def stage_of(stages: dict[str, Stage], clean: dict) -> Stage:
    return stages["HAGRID" if clean is HAGRID else "COCO" if clean is COCO else "YOLO"]


@pytest.mark.parametrize("case", CASES)
def test_a_problem_is_a_finding(stages, case):
    kind, clean, planted, place, about, told = CASES[case]
    stage = stage_of(stages, clean)
    stage.show(planted)
    (found,) = stage.found(kind)
    assert (found["key"], found["ordinal"], found["joint"]) == place
    assert (found["about"], found["score"]) == (about, 1)
    assert told in found["detail"]
    assert found["severity"] == catalogue.named(kind).severity


@pytest.mark.parametrize(
    "case", ["text in landmarks", "a joint too few", "an annotation id twice", "an orphan"]
)
def test_repaired_means_gone_and_indexed_again_means_the_same_key(stages, case):
    kind, clean, planted, *_ = CASES[case]
    stage = stage_of(stages, clean)
    keys = []
    for _ in range(2):
        stage.show(planted)
        keys.append(
            [
                found["finding_key"]
                for found in stage.found(*IDS, everywhere=True)
                if found["check_id"] == kind
            ]
        )
    assert len(keys[0]) == 1 and keys[0] == keys[1]
    stage.show(clean)
    assert stage.found(*IDS) == []


def test_several_problems_of_one_record_have_keys_of_their_own(stages):
    stage = stages["HAGRID"]
    stage.show(hagrid(bboxes=[[0.1, 0.2, 0.3]] * 2, labels=["call"] * 2, hand_landmarks=[[], []]))
    both = stage.found("field-type")
    assert [(f["ordinal"], f["about"]) for f in both] == [
        (n, f"{HANDS}: bboxes[{n}] has 3 numbers, expected 4") for n in (0, 1)
    ]
    stage.show(
        hagrid(bboxes=[[0.1, 0.2, 0.3], [0.1, 0.2, 0.3, 0.4]], labels=["call"] * 2, hand_landmarks=[[], []])
    )
    # the one that is left is never taken for the one that was repaired
    (left,) = stage.found("field-type")
    assert left["finding_key"] != both[1]["finding_key"]


def test_a_key_does_not_hang_on_a_records_place_in_its_list(stages):
    stage = stages["COCO"]
    stage.show(people(person(1), person(2, image_id=7)))
    (found,) = stage.found("orphan-annotation")
    stage.show(people(person(1), person(3), person(2, image_id=7)))
    (moved,) = stage.found("orphan-annotation")
    assert moved["finding_key"] == found["finding_key"]
    assert found["evidence"] == {"file": "keypoints_train.json", "locator": "annotations[1] (id 2)"}
    assert moved["evidence"]["locator"] == "annotations[2] (id 2)"


def test_flags_that_are_not_recorded_are_not_passed(stages):
    stage = stages["HAGRID"]
    stage.show(HAGRID)
    assert stage.found("visibility-invalid") == []
    assert stage.ran("visibility-invalid") == ("not applicable", "the format records no visibility flags")


@pytest.mark.parametrize(
    ("name", "clean", "kinds"),
    [
        ("HAGRID", HAGRID, ["orphan-annotation", "duplicate-annotation-id", "duplicate-image-id"]),
        ("COCO", COCO, ["length-mismatch"]),
    ],
)
def test_what_the_format_does_not_have_is_not_applicable(stages, name, clean, kinds):
    stages[name].show(clean)
    assert stages[name].found(*kinds) == []
    assert {stages[name].ran(kind)[0] for kind in kinds} == {"not applicable"}


def test_annotation_of_an_image_in_two_files_is_the_right_files(stages):
    stage = stages["HAGRID"]
    stage.show(HAGRID | {"train/fist.json": {"bad": hand(labels=["fis"])}})
    (found,) = stage.found("unknown-label")
    assert (found["key"], found["ordinal"], found["about"]) == ("bad", 0, "train/fist.json: bad")


def test_a_problem_is_its_own_splits_image_and_not_the_other_splits(stages):
    """A key in two splits is two images: what is wrong with val's hand is not told of train's good one."""
    wrong = hand(bboxes=[[0.1, 0.2, -0.3, 0.4]], hand_landmarks=[hand()["hand_landmarks"][0][:20]])
    kinds = ("negative-size", "wrong-joint-count")
    stage = stages["HAGRID"]
    stage.show(HAGRID | {"val/call.json": {"bad": hand(user_id="u3")}})
    assert stage.found(*kinds) == []
    stage.show(HAGRID | {"val/call.json": {"bad": wrong}})
    told = [(f["check_id"], f["split"], f["key"], f["ordinal"]) for f in stage.found(*kinds)]
    assert told == [(kind, "val", "bad", 0) for kind in kinds]
    # within val, too, the image is another file's, and train's is none of it
    stage.show(HAGRID | {"val/call.json": {"bad": hand(user_id="u3")}, "val/fist.json": {"bad": wrong}})
    told = [(f["check_id"], f["split"], f["key"], f["ordinal"]) for f in stage.found(*kinds)]
    assert told == [(kind, "val", "bad", 0) for kind in kinds]


def test_strange_flags_of_many_joints_are_one_finding_an_annotation(stages):
    names = [f"j{n}" for n in range(8)]

    def people_with(flags: list[int], count: int = 1, clean_ones: int = 2) -> dict:
        points = [[v for n in range(8) for v in (20 + n, 30, flag[n])] for flag in ([2] * 8, flags)]
        made = [
            person(n, image_id=1 + n % 2, keypoints=points[n > clean_ones])
            for n in range(1, clean_ones + count + 1)
        ]
        return people(*made, keypoints=names, skeleton=[[1, 2]])

    stage = stages["COCO"]
    stage.show(people_with([2] * 8))
    assert stage.found("visibility-invalid") == []
    stage.show(people_with([3, 3, 5, 2, 2, 2, 2, 2]))
    assert [f["joint"] for f in stage.found("visibility-invalid")] == [0, 1, 2]
    stage.show(people_with([3, 3, 5, 3, 2, 2, 2, 2]))
    (found,) = stage.found("visibility-invalid")
    assert (found["key"], found["ordinal"], found["joint"]) == ("b.jpg", 1, None)
    assert found["detail"] == "4 of 8 joints have flags other than 0, 1 and 2: j0 3, j1 3, j2 5, j3 3"
    assert found["evidence"] == {"joints": [0, 1, 2, 3], "visibility": [3, 3, 5, 3]}
    # nearly half of them are still single cases; more than that are the dataset's way
    stage.show(people_with([3] * 8, count=20, clean_ones=20))
    assert len(stage.found("visibility-invalid")) == 20
    stage.show(people_with([3] * 8, count=20, clean_ones=19))
    (found,) = stage.found("visibility-invalid")
    assert found["key"] is None and found["about"]
    assert found["detail"] == (
        "20 of 39 annotations have flags other than 0, 1 and 2, 160 joints in all: "
        "j0 3, j1 3, j2 3 in one of them"
    )


def test_confidences_for_flags_in_every_line_are_one_finding(stages):
    files = {f"labels/train/c{n}.txt": LINE for n in range(10)}
    odd = {f"labels/train/d{n}.txt": LINE[:-1] + "0.4" for n in range(21)}
    stage = stages["YOLO"]
    stage.show(YOLO | files | dict(list(odd.items())[:5]))
    assert len(stage.found("visibility-invalid")) == 5
    stage.show(YOLO | files | odd)
    (found,) = stage.found("visibility-invalid")
    assert (found["key"], found["about"]) == (None, "flags")
    assert found["detail"].startswith("21 annotations of 33 have flags that are none, for instance: ")


# Slugs between quotes in the files that report problems, which are no kinds of problems.
OTHER_SLUGS = {"utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "npz-17", "npz-24"}


def reported_kinds() -> set[str]:
    """Every kind that a reader or the index reports: the slugs in their code that are nothing else."""
    folder = ROOT / "queries"
    files = [*(folder / "readers").glob("*.*"), folder / "index.py", folder / "finish.sql"]
    text = "\n".join(re.sub(r"^\s*(#|--).*$", "", file.read_text(), flags=re.M) for file in files)
    slugs = set(re.findall(r"""['"]([a-z]+(?:-[a-z0-9]+)+)['"]""", text))
    return slugs - OTHER_SLUGS - set(skeletons.bundled()) - {reader.NAME for reader in readers.READERS}


def test_every_kind_that_a_reader_reports_has_its_check():
    kinds = reported_kinds()
    assert {"json-malformed", "negative-size", "skeleton-names", "duplicate-image-key"} <= kinds
    # yolo's image-missing, a label file without an image, is for the images' own check
    assert kinds - {"image-missing"} - set(catalogue.sources()) == set()
    asked = {
        kind
        for kind in kinds
        for source in catalogue.sources().values()
        if f"kind = '{kind}'" in (source.sql or "")
    }
    assert kinds - {"image-missing", "visibility-invalid"} == asked
    assert kinds - {"image-missing"} == {case[0] for case in CASES.values()}


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> list[dict]:
    return findings(index_sample(tmp_path_factory.mktemp("sample") / "workspace"), IDS)


@pytest.mark.parametrize("row", rows_of(IDS), ids=lambda row: f"{row['dataset']}-{row['check_id']}")
def test_planted_problems_of_the_sample_are_found(sample, row):
    assert len([found for found in sample if is_that(found, row)]) == 1


def test_nothing_else_is_found_in_the_sample(sample):
    rows = rows_of(IDS)
    assert [found for found in sample if not any(is_that(found, row) for row in rows)] == []


def test_real_data(real_data: Path, tmp_path):
    """CrowdPose repeats COCO's bones; a part of COCO made by hand lists an image once a person."""
    workspace = Workspace(tmp_path / "workspace")
    for name in ("crowdpose", "coco_val2017_part"):
        index(workspace, real_data / "pose" / name, Options())
    counts = {}
    for found in findings(workspace, IDS):
        counts[found["dataset"], found["check_id"]] = counts.get((found["dataset"], found["check_id"]), 0) + 1
    assert counts == {
        ("crowdpose", "skeleton-index-out-of-range"): 1,
        # 893 entries of one file, listed once for each of an image's persons
        ("coco_val2017_part", "duplicate-image-id"): 1,
    }


def test_a_file_that_repeats_its_images_is_one_finding(stages):
    again = [{"id": 1 + n % 2, "file_name": "ab"[n % 2] + ".jpg"} for n in range(21)]
    stage = stages["COCO"]
    for repeated, expected in ((20, 20), (21, 1)):
        stage.show(people(person(1), person(2), images=again[:repeated]))
        found = stage.found("duplicate-image-id")
        assert len(found) == expected
        assert stage.looked_at("duplicate-image-id")[1] == 2  # images, however many entries they have
    assert found[0]["detail"].startswith("21 entries of keypoints_train.json repeat the id of an earlier one, over 2")
    stage.show(COCO)
    assert stage.found("duplicate-image-id") == []
