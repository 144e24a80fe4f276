"""Boxes that are wrong by themselves, beside one another, or beside what else their record says."""

from __future__ import annotations

from typing import Any

import pytest

from queries.index import index
from queries.model import Options
from queries.workspace import Workspace
from tests.checks.planted import Stage, coco, findings, hand, index_sample, is_that, person, rows_of

IDS = (
    "box-area-mismatch",
    "box-aspect-outlier",
    "box-duplicate",
    "box-huge",
    "box-outside-image",
    "box-tiny",
    "box-zero-area",
    "negative-size",
    "united-box-mismatch",
)
NAN, INF = float("nan"), float("inf")
LEFT, RIGHT = [0.1, 0.2, 0.2, 0.2], [0.6, 0.3, 0.25, 0.2]
BOTH = [0.1, 0.2, 0.75, 0.3]
POINTS = [[round(0.4 + n / 100, 2), 0.5] for n in range(21)]


def crowd_of_boxes(*more: dict[str, Any]) -> dict[str, Any]:
    """A COCO file of 40 upright boxes of about 1 % of the image, on two images, and more annotations."""
    boxes = [
        person(
            n, image_id=1 + n % 2, bbox=[15 * n, 5 * n, 40 + n % 5, 70 + n % 7], area=1000, keypoints="DROP"
        )
        for n in range(1, 41)
    ]
    return {"keypoints_train.json": coco(*boxes, *more)}


def one_more(**fields: Any) -> dict[str, Any]:
    return crowd_of_boxes(person(99, **({"keypoints": "DROP", "area": 10} | fields)))


def two_hands(gesture: str = "holy", **fields: Any) -> dict[str, Any]:
    record = {
        "bboxes": [LEFT, RIGHT],
        "labels": [gesture] * 2,
        "united_bbox": [BOTH],
        "united_label": [gesture],
        "hand_landmarks": [[], []],
    }
    return hand(**(record | fields))


def hands(**bad: Any) -> dict[str, Any]:
    """HaGRID of a one-handed and a two-handed gesture; `bad` is one more record of the latter's file."""
    more = {"bad": two_hands(**bad)} if bad else {}
    return {
        "train/call.json": {"one": hand(), "two": hand(user_id="u2")},
        "train/holy.json": {"three": two_hands(), **more},
    }


def hand_of(box: list[float], **fields: Any) -> dict[str, Any]:
    """HaGRID with a record whose one hand has that box."""
    return hands() | {
        "train/fist.json": {"bad": hand(bboxes=[box], labels=["fist"], hand_landmarks=[[]], **fields)}
    }


def many_hands(box: list[float], landmarks: list[list[float]]) -> dict[str, Any]:
    """HaGRID with 40 hands of one class, of about 4 % of the image, and one with that box."""
    usual = {f"u{n}": hand(bboxes=[[0.3, 0.3, 0.2 + n / 1000, 0.2]], hand_landmarks=[[]]) for n in range(40)}
    return {"train/call.json": usual | {"bad": hand(bboxes=[box], hand_landmarks=[landmarks])}}


SPREAD = [[0.1 + 0.8 * (n % 5) / 4, 0.1 + 0.8 * (n // 5) / 4] for n in range(21)]

# name: (check, files, (image, ordinal), score, detail) of the one finding
PLANTED = {
    "no width": (
        "box-zero-area",
        hand_of([0.1, 0.2, 0, 0.4]),
        ("bad", 0),
        1,
        "the box is 0 by 0.4, a box has a width and a height above 0",
    ),
    "no height, in pixels": (
        "box-zero-area",
        one_more(bbox=[10, 20, 30, 0]),
        ("a.jpg", 20),
        1,
        "the box is 30 by 0, a box has a width and a height above 0",
    ),
    "a negative width": (
        "negative-size",
        hand_of([0.1, 0.2, -0.1, 0.4]),
        ("bad", 0),
        1,
        "bboxes[0] is [0.1, 0.2, -0.1, 0.4]: a width or height below 0",
    ),
    "out on the left": (
        "box-outside-image",
        hand_of([-0.05, 0.2, 0.2, 0.4]),
        ("bad", 0),
        0.25,
        "the box runs out of the image by 0.25 of its width on the left, at most 0.05 of the image",
    ),
    "out on two sides": (
        "box-outside-image",
        one_more(bbox=[600, 440, 80, 80]),
        ("a.jpg", 20),
        0.5,
        "the box runs out of the image by 0.5 of its width on the right, by 0.5 of its height at the bottom, "
        "at most 40.0 pixels",
    ),
    "above": (
        "box-outside-image",
        one_more(bbox=[100, -200, 40, 70]),
        ("a.jpg", 20),
        1,
        "the box runs out of the image by 2.86 of its height at the top, at most 200.0 pixels",
    ),
    "a stray click": (
        "box-tiny",
        hand_of([0.5, 0.5, 0.0005, 0.0005]),
        ("bad", 0),
        0.98763,
        "the box is 0.0005 by 0.0005 of the image, 2.5e-07 of the image's area",
    ),
    "two pixels": (
        "box-tiny",
        one_more(bbox=[100, 100, 2, 30]),
        ("a.jpg", 20),
        0.34,
        "the box is 2 by 30 pixels, 0.0002 of the image's area",
    ),
    "the whole image": (
        "box-huge",
        many_hands([0.0, 0.0, 1.0, 1.0], POINTS),
        ("bad", 0),
        1,
        "the box covers 100 % of the image; half of the boxes of call cover less than 4.4 %",
    ),
    "flat among the upright": (
        "box-aspect-outlier",
        one_more(bbox=[100, 100, 400, 20], area=10),
        ("a.jpg", 20),
        None,
        "width by height is 20, of pair it is mostly about 0.58 (robust z 19.9)",
    ),
    "flat, in shares": (
        "box-aspect-outlier",
        many_hands([0.1, 0.3, 0.8, 0.02], []),
        ("bad", 0),
        None,
        "width by height is 40, of call it is mostly about 1.1 (robust z 13.7); in shares of the image's "
        "sides, as its size is not known",
    ),
    "twice": (
        "box-duplicate",
        one_more(bbox=[15.5, 5, 41, 71], image_id=2),
        ("b.jpg", 20),
        0.975904,
        "IoU 0.976 with annotation 1 of the same image, both pair",
    ),
    "twice, without ids": (
        "box-duplicate",
        hands()
        | {
            "train/fist.json": {
                "bad": hand(bboxes=[LEFT, RIGHT, LEFT], labels=["fist"] * 3, hand_landmarks=[[], [], []])
            }
        },
        ("bad", 2),
        1,
        "IoU 1.000 with box 0 (the first is 0) of the same image, both fist",
    ),
    "twice, in two files": (
        "box-duplicate",
        {"train/call.json": {"bad": hand()}, "train/fist.json": {"bad": hand()}},
        ("bad", 0),
        1,
        "IoU 1.000 with box 0 (the first is 0) of the same image, both call; "
        "two files have the image, each with its boxes",
    ),
    "an area too large": (
        "box-area-mismatch",
        one_more(bbox=[100, 100, 40, 50], area=4000),
        ("a.jpg", 20),
        0.5,
        "the area is 4000, 2.00 times that of the box (40 by 50)",
    ),
    "a negative area": (
        "box-area-mismatch",
        one_more(bbox=[100, 100, 40, 50], area=-4),
        ("a.jpg", 20),
        1,
        "the area is -4, below 0, the box is 40 by 50",
    ),
    "no area": (
        "box-area-mismatch",
        one_more(bbox=[100, 100, 40, 50], area=0),
        ("a.jpg", 20),
        1,
        "the area is 0, the box is 40 by 50",
    ),
    "no area and no box": (
        "box-area-mismatch",
        one_more(bbox="DROP", area=0),
        ("a.jpg", 20),
        1,
        "the area is 0",
    ),
    "a united box of one hand's size": (
        "united-box-mismatch",
        hands(united_bbox=[LEFT]),
        ("bad", 2),
        0.822222,
        "IoU 0.18 of the united box with the box around both hands",
    ),
    "a united box of no size": (
        "united-box-mismatch",
        hands(united_bbox=[[0.1, 0.2, 0, 0.3]]),
        ("bad", 2),
        1,
        "the united box is no box, or there are no two hands of one gesture to compare it with",
    ),
    "no united box": (
        "united-box-mismatch",
        hands(united_bbox=None, united_label=None),
        ("bad", None),
        1,
        "no united box, where 2 hands make holy, a gesture of two hands",
    ),
    "a united box of one hand": (
        "united-box-mismatch",
        hands(bboxes=[LEFT], labels=["holy"], hand_landmarks=[[]]),
        ("bad", 1),
        1,
        "a united box of holy, of which 1 hand is boxed, expected 2",
    ),
    "a united box of a one-handed gesture": (
        "united-box-mismatch",
        hands(gesture="fist"),
        ("bad", 2),
        1,
        "a united box of fist, which one hand makes alone",
    ),
}

# Honest boxes that look like defects: (files, the check that lets them be).
HONEST = {
    "a close-up hand": ("box-huge", many_hands([0.05, 0.05, 0.9, 0.95], SPREAD)),
    "a crowd": ("box-huge", one_more(bbox=[0, 0, 640, 480], iscrowd=1)),
    "a small crowd": ("box-tiny", one_more(bbox=[100, 100, 1, 1], iscrowd=1, area=1)),
    "a flat crowd": ("box-aspect-outlier", one_more(bbox=[100, 100, 400, 10], iscrowd=1)),
    "a crowd box drawn twice": ("box-duplicate", one_more(bbox=[30, 10, 42, 72], iscrowd=1, image_id=1)),
    "cut off by the image's edge": ("box-aspect-outlier", one_more(bbox=[100, 0, 400, 20])),
    "a long box that its joints fill": (
        "box-aspect-outlier",
        many_hands([0.1, 0.3, 0.8, 0.02], [[0.12 + n * 0.038, 0.3 + (n % 3) / 100] for n in range(21)]),
    ),
    "an image held across among upright ones": ("box-aspect-outlier", many_hands([0.3, 0.3, 0.1, 0.31], [])),
    "a pixel of rounding": ("box-outside-image", one_more(bbox=[-1, 0, 40, 70])),
    "an area of a rounded box": ("box-area-mismatch", one_more(bbox=[100, 100, 4, 50], area=215)),
    "two people in nearly the same place": ("box-duplicate", one_more(bbox=[25, 5, 41, 71], image_id=2)),
    "one hand of a two-handed gesture in view": (
        "united-box-mismatch",
        hands(bboxes=[LEFT], labels=["holy"], hand_landmarks=[[]], united_bbox=None, united_label=None),
    ),
    "a bystander's hand": (
        "united-box-mismatch",
        hands(
            bboxes=[LEFT, [0, 0, 0.05, 0.05], RIGHT],
            labels=["holy", "no_gesture", "holy"],
            hand_landmarks=[[]] * 3,
        ),
    ),
    "a two-handed gesture of somebody's own": ("united-box-mismatch", hands(gesture="clap")),
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory) -> Stage:
    made = Stage(tmp_path_factory.mktemp("boxes"), hands())
    for clean in (hands(), crowd_of_boxes()):
        made.show(clean)
        assert made.found(*IDS, everywhere=True) == []
    return made


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_box_is_found_and_nothing_else(stage, case):
    check, files, place, score, detail = PLANTED[case]
    stage.show(files)
    # one defect, one finding: of all checks of boxes its own alone
    (found,) = stage.found(*IDS)
    assert (found["check_id"], found["key"], found["ordinal"]) == (check, *place)
    assert found["detail"] == detail
    if score is not None:
        assert found["score"] == pytest.approx(score, abs=1e-5)
    assert 0 < found["score"] <= 1


@pytest.mark.parametrize("case", HONEST)
def test_an_honest_box_is_let_be(stage, case):
    check, files = HONEST[case]
    stage.show(files)
    assert stage.found(check) == []


def test_repaired_means_gone_and_indexed_again_means_the_same_keys(stage):
    keys = []
    for _ in range(2):
        stage.show(one_more(bbox=[600, 440, 80, 80]))
        keys.append([found["finding_key"] for found in stage.found(*IDS, everywhere=True)])
    assert len(keys[0]) == 1 and keys[0] == keys[1]
    stage.show(crowd_of_boxes())
    assert stage.found(*IDS, everywhere=True) == []


@pytest.mark.parametrize(("place", "value"), list(enumerate([None, NAN, INF, -INF])))
def test_what_is_no_number_is_the_readers_business(stage, value, place):
    box = [100.0, 100.0, 40.0, 70.0]
    box[place] = value
    stage.show(one_more(bbox=box))
    assert stage.found(*IDS) == []
    (found,) = stage.found("field-type" if value is None else "non-finite-coordinate")
    assert (found["key"], found["ordinal"]) == ("a.jpg", 20)


@pytest.mark.parametrize("area", [NAN, INF, None])
def test_an_area_that_is_no_number_is_not_compared(stage, area):
    stage.show(one_more(bbox=[100, 100, 40, 70], area=area))
    assert stage.found(*IDS) == []


def test_three_boxes_on_one_object_are_two_too_many(stage):
    box = [100.0, 300.0, 40.0, 50.0]
    more = [person(n, bbox=[box[0] + n / 1000, *box[1:]], area=10, keypoints="DROP") for n in (97, 98, 99)]
    stage.show(crowd_of_boxes(*more))
    found = stage.found("box-duplicate")
    assert [(f["source_id"], f["evidence"]["other_id"]) for f in found] == [("98", "97"), ("99", "98")]


def test_a_gesture_that_hagrid_does_not_have_is_two_handed_where_most_of_its_images_say_so(stage):
    claps = {f"c{n}": two_hands("clap") for n in range(3)}
    waves = {f"w{n}": two_hands("wave", united_bbox=None, united_label=None) for n in range(3)}
    bad = two_hands("clap", united_bbox=None, united_label=None)
    stage.show(
        {"train/clap.json": claps | {"bad": bad}, "train/wave.json": waves | {"w3": two_hands("wave")}}
    )
    (found,) = stage.found("united-box-mismatch")
    assert (found["key"], found["about"]) == ("bad", "clap")


def boxes_of(classes: dict[str, int]) -> dict[str, Any]:
    """HaGRID with so many hands of each class, all of one size."""
    records = {
        f"{label}-{n}": hand(bboxes=[[0.3, 0.3, 0.2, 0.2]], labels=[label], hand_landmarks=[[]])
        for label, count in classes.items()
        for n in range(count)
    }
    return {"train/call.json": records}


@pytest.mark.parametrize("check", ["box-aspect-outlier", "box-huge"])
def test_small_classes_are_not_judged_by_themselves(stage, check):
    why = "their class has fewer than 30 boxes"
    files = boxes_of({"call": 40, "fist": 4})
    files["train/call.json"]["fist-0"]["bboxes"] = [[0.01, 0.01, 0.98, 0.02 if "aspect" in check else 0.98]]
    stage.show(files)
    assert stage.found(check) == []
    records, flagged, (note,) = stage.looked_at(check)
    assert (records, flagged) == (40, 0)
    assert note.startswith("4 of 44 boxes could not be judged: ") and note.endswith(why)
    stage.show(boxes_of({"call": 29, "fist": 4}))
    assert stage.found(check) == []
    status, reason = stage.ran(check)
    assert status == "not applicable"
    assert reason.startswith("none of 33 boxes can be judged: ") and reason.endswith(why)


def unsized(*boxes: list[float]) -> dict[str, Any]:
    """One image whose size is known and one without: boxes of the latter after one of the former."""
    images = [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}, {"id": 2, "file_name": "b.jpg"}]
    people = [person(1, keypoints="DROP", bbox=[0, 0, 40, 50])]
    people += [
        person(n, image_id=2, keypoints="DROP", bbox=box, area=10) for n, box in enumerate(boxes, start=2)
    ]
    return {"keypoints_train.json": coco(*people) | {"images": images}}


def test_of_an_image_without_a_size_the_left_and_the_upper_edge_are_known(stage):
    inside, below, left, above = [5, 5, 40, 50], [5, 9000, 40, 50], [-30, 5, 40, 50], [5, -9000, 40, 50]
    stage.show(unsized(inside, below))
    assert stage.found("box-outside-image") == []
    records, _, (note,) = stage.looked_at("box-outside-image")
    assert records == 1
    assert note.startswith("2 of 3 boxes could not be judged: their images' sizes are not known")
    stage.show(unsized(inside, below, left, above))
    found = stage.found("box-outside-image")
    assert [(f["key"], f["ordinal"]) for f in found] == [("b.jpg", 2), ("b.jpg", 3)]
    assert found[0]["detail"] == (
        "the box runs out of the image by 0.75 of its width on the left, at most 30.0 pixels"
    )
    assert stage.looked_at("box-outside-image")[:2] == (3, 2)


def test_a_release_that_should_have_united_boxes_and_has_none(stage):
    """v2 tells itself by meta or by landmarks without a leading hand; v1 has no united boxes at all."""
    bare = two_hands(united_bbox=None, united_label=None)
    alone = hand(hand_landmarks="DROP")
    marked = bare | {"hand_landmarks": [POINTS, POINTS]}
    described = bare | {"meta": {"age": [30.0], "gender": ["male"], "race": ["White"]}}
    first = {k: v for k, v in marked.items() if k not in ("hand_landmarks", "united_bbox", "united_label")}
    first |= {"landmarks": [POINTS, POINTS], "leading_hand": "right", "leading_conf": 1.0}
    for release in (marked, described):
        stage.show({"train/holy.json": {"bad": release, "alone": alone}})
        (found,) = stage.found("united-box-mismatch")
        assert (found["key"], found["about"]) == ("bad", "holy")
        assert stage.looked_at("united-box-mismatch") == (1, 1, [])
    for release in (bare, first):
        stage.show({"train/holy.json": {"bad": release, "alone": alone}})
        assert stage.found("united-box-mismatch") == []
        assert stage.ran("united-box-mismatch")[0] == "not applicable"


def test_united_boxes_are_counted_with_those_that_are_missing(stage):
    files = hands(united_bbox=None, united_label=None)
    # an image of which one hand is in view ought to have none
    files["train/holy.json"]["half"] = two_hands(
        bboxes=[LEFT], labels=["holy"], hand_landmarks=[[]], united_bbox=None, united_label=None
    )
    stage.show(files)
    assert [f["key"] for f in stage.found("united-box-mismatch")] == ["bad"]
    assert stage.looked_at("united-box-mismatch") == (2, 1, [])


@pytest.mark.parametrize(
    ("check", "files", "reason"),
    [
        (
            "united-box-mismatch",
            {"train/holy.json": {"a": two_hands(united_bbox=None, united_label=None)}},
            "no image has",
        ),
        ("united-box-mismatch", crowd_of_boxes(), "it is about HaGRID"),
        ("box-area-mismatch", hands(), "no annotation gives an area"),
        (
            "box-outside-image",
            {"keypoints_train.json": coco() | {"images": [{"id": 1, "file_name": "a.jpg"}]}},
            "sizes are not",
        ),
        ("box-duplicate", {"keypoints_train.json": coco(person(1, bbox="DROP"))}, "there are no boxes"),
    ],
)
def test_what_does_not_apply_says_so(stage, check, files, reason):
    stage.show(files)
    assert stage.found(check) == []
    status, told = stage.ran(check)
    assert status == "not applicable" and reason in told


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> list[dict[str, Any]]:
    return findings(index_sample(tmp_path_factory.mktemp("sample") / "workspace"), IDS)


@pytest.mark.parametrize("row", rows_of(IDS), ids=lambda row: f"{row['dataset']}-{row['check_id']}")
def test_planted_boxes_of_the_sample_are_found(sample, row):
    assert len([found for found in sample if is_that(found, row)]) == 1


def test_nothing_else_is_found_in_the_sample(sample):
    rows = rows_of(IDS)
    others = [found for found in sample if not any(is_that(found, row) for row in rows)]
    # the image that stands in two files has its boxes twice
    assert [(f["check_id"], f["key"], f["ordinal"]) for f in others] == [
        ("box-duplicate", "c7470cad-707e-4738-b9fb-452aec68f062", n) for n in (0, 1)
    ]


def test_real_boxes(real_data, tmp_path):
    """66,035 real hands and 1,173 real people: what is found are four people of one to three pixels."""
    workspace = Workspace(tmp_path / "workspace")
    for name in ("hagrid_2023_val", "pose/coco_val2017_part"):
        index(workspace, real_data / name, Options())
    found = findings(workspace, IDS)
    assert [(f["check_id"], f["key"], f["ordinal"]) for f in found] == [
        ("box-tiny", "000000290179.jpg", n) for n in range(4)
    ]
