"""flip-map-not-involution, flip-map-breaks-skeleton and published-count-mismatch."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
import yaml

from queries import cards, flip_maps, skeletons, sqlfile
from queries.flip_maps import Chart
from queries.index import index
from queries.model import Options
from queries.workspace import Workspace
from tests.checks import anatomy_records as made
from tests.checks.audited import check
from tests.checks.planted import SAMPLE, findings

TWICE, BREAKS, COUNTS = "flip-map-not-involution", "flip-map-breaks-skeleton", "published-count-mismatch"
#: What Ultralytics publishes for hand-keypoints.
PUBLISHED = [0, 1, 2, 4, 3, 10, 11, 12, 13, 14, 5, 6, 7, 8, 9, 15, 16, 17, 18, 19, 20]
IDENTITY = list(range(21))
COCO_FLIP = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


@pytest.fixture(name="hands")
def hands_fixture(indexed):
    """Indexes a YOLO set of 24 hands with these fields in its data.yaml."""
    poses = [made.hand("palm", n, ("left", "right")[n % 2]) for n in range(24)]
    return lambda **fields: indexed(yolo(poses, **fields))


@pytest.fixture(name="people")
def people_fixture(indexed):
    """Indexes a YOLO set of 24 people, of the first so many of COCO's joints, with these fields."""
    poses = [points / (800, 600) for points in made.people(24).values()]
    return lambda **fields: indexed(yolo(poses, **fields))


def yolo(poses, **fields):
    files = made.yolo(poses, **fields)
    return {name: yaml.safe_dump(text) if name == "data.yaml" else text for name, text in files.items()}


def test_the_map_that_ultralytics_publishes_for_hands(hands):
    assert check(hands(flip_idx=IDENTITY), BREAKS).findings == []
    found = check(hands(flip_idx=PUBLISHED), BREAKS)
    (finding,) = found.findings
    assert (finding["severity"], finding["score"], finding["key"]) == ("error", 1, None)
    assert finding["about"].endswith("/pose-21") and (found.run["records"], found.run["flagged"]) == (1, 1)
    told = finding["detail"]
    for words in (
        f"flip_idx {PUBLISHED}: it maps no hand onto a hand: 9 of 21 bones fall on no bone",
        "thumb_mcp – thumb_ip becomes thumb_mcp – thumb_tip",
        "wrist – index_finger_mcp becomes wrist – middle_finger_pip",
        "In 24 poses of this dataset",
        f"A mirrored hand is the other hand, joint for joint: flip_idx should be the identity, {IDENTITY}",
        "fliplr above 0 (Ultralytics' default is 0.5, half of all images) teaches wrong labels",
        "and so does fliplr: 0",
    ):
        assert words in told
    evidence = finding["evidence"]
    assert evidence["flip_map"] == PUBLISHED and evidence["proposed"] == IDENTITY
    assert len(evidence["broken_bones"]) == 9 and evidence["wrong_sides"] == []
    assert evidence["distances"]["ratio"] > 0.5 and evidence["distances"]["poses"] == 24
    # flipped twice it does come back
    assert check(hands(flip_idx=PUBLISHED), TWICE).findings == []


def test_the_joints_names_make_no_difference(hands):
    names = [joint.name for joint in skeletons.get("hand-21").joints]
    found = check(hands(flip_idx=PUBLISHED, kpt_names={0: names}), BREAKS)
    assert found.findings[0]["evidence"]["proposed"] == IDENTITY


def test_a_map_that_does_not_come_back(hands):
    assert check(hands(flip_idx=IDENTITY), TWICE).findings == []
    wrong = [0, 2, 3, *range(3, 21)]
    (finding,) = check(hands(flip_idx=wrong), TWICE).findings
    assert (finding["severity"], finding["score"]) == ("error", 1) and finding["about"].endswith("/pose-21")
    assert finding["detail"] == (
        "flipped twice, 2 of 21 joints do not come back: thumb_cmc goes to thumb_mcp, and thumb_mcp to "
        "thumb_ip; thumb_mcp goes to thumb_ip, and thumb_ip to thumb_ip"
    )
    assert finding["evidence"] == {"flip_map": wrong, "joints": ["thumb_cmc", "thumb_mcp"]}


def test_a_body_with_its_right_map(people):
    assert check(people(flip_idx=COCO_FLIP), BREAKS).findings == []
    assert check(people(flip_idx=COCO_FLIP), TWICE).findings == []
    assert check(people(), BREAKS).findings == []


def test_a_body_whose_ankles_are_not_flipped(people):
    (finding,) = check(people(flip_idx=[*COCO_FLIP[:15], 15, 16]), BREAKS).findings
    assert "left_ankle – left_knee becomes left_ankle – right_knee" in finding["detail"]
    assert "left_ankle stays where its mirror image is right_ankle" in finding["detail"].replace(
        "Left", "left"
    )
    assert f"flip_idx should be {COCO_FLIP}" in finding["detail"].replace("Flip", "flip")
    assert finding["evidence"]["wrong_sides"][0] == {
        "joint": "left_ankle", "becomes": "left_ankle", "mirror_image": "right_ankle"
    }  # fmt: skip


def test_a_body_that_is_not_flipped_at_all(people):
    # every bone is a bone and every distance itself: the names alone tell
    (finding,) = check(people(flip_idx=list(range(17))), BREAKS).findings
    assert finding["evidence"]["broken_bones"] == [] and len(finding["evidence"]["wrong_sides"]) == 16
    assert "left_eye stays where its mirror image is right_eye" in finding["detail"]


def test_a_bone_list_with_one_side_only_is_no_wrong_map(indexed):
    document = made.coco(made.people(24))
    found = check(indexed({"a_val.json": document}), BREAKS)
    assert (found.findings, found.run["notes"]) == ([], [])
    document["categories"][0]["skeleton"] = [bone for bone in made.COCO_BONES if bone != [7, 13]]
    found = check(indexed({"a_val.json": document}), BREAKS)
    assert found.findings == []
    (note,) = found.run["notes"]
    assert "it is the list of bones that has no two sides" in note
    assert "left_shoulder – left_hip has no mirror image" in note


def test_joints_in_another_order_than_their_names(indexed):
    order = np.roll(np.arange(17), 4)
    poses = [points[order] / (800, 600) for points in made.people(24).values()]
    data = indexed(yolo(poses, flip_idx=COCO_FLIP, kpt_names={0: made.COCO_NAMES}))
    (finding,) = check(data, BREAKS).findings
    assert finding["evidence"]["proposed"] is None and "should be" not in finding["detail"]
    told = "The joints' names tell this very map: look whether the joints stand in the order of their names"
    assert told in finding["detail"]


def test_joints_without_names_are_judged_by_distances(indexed):
    # fifteen: no known skeleton of so many joints is assumed
    poses = [np.delete(points, (1, 2), axis=0) / (800, 600) for points in made.people(24).values()]
    right = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13]
    assert check(indexed(yolo(poses, flip_idx=right)), BREAKS).findings == []
    wrong = [0, 2, 1, 14, 13, 6, 5, 8, 7, 10, 9, 12, 11, 4, 3]
    (finding,) = check(indexed(yolo(poses, flip_idx=wrong)), BREAKS).findings
    assert "joints that are mapped onto each other differ in their distances by" in finding["detail"]
    assert "the joints' names do not tell the right map" in finding["detail"].replace("The", "the")
    assert finding["evidence"]["proposed"] is None and finding["evidence"]["distances"]["ratio"] > 0.5
    found = check(indexed(yolo(poses[:5], flip_idx=wrong)), BREAKS)
    assert found.findings == []
    (note,) = found.run["notes"]
    assert note.endswith("/pose-15: no bones are known, and 5 poses are too few to judge its map by.")


def test_every_bundled_skeleton_has_a_right_map():
    for known in skeletons.bundled().values():
        canonical = tuple(joint.canonical or skeletons.canonical(joint.name) for joint in known.joints)
        flip = tuple(joint.flip for joint in known.joints)
        chart = Chart(known.name, known.names, canonical, known.bones, flip)
        assert (flip_maps.broken_bones(chart), flip_maps.wrong_sides(chart)) == ([], []), known.name
        assert flip_maps.proposed(chart) == flip, known.name


def test_the_samples_own_map_is_right(tmp_path):
    workspace = Workspace(tmp_path / "w")
    index(workspace, SAMPLE / "yolo_hands", Options())
    assert findings(workspace, (TWICE, BREAKS)) == []


def test_the_maps_of_the_real_datasets(real_data, indexed):
    for folder in ("coco", "coco_val2017_part", "h36m", "halpe", "mpii"):
        found = indexed(real_data / "pose" / folder)
        assert check(found, BREAKS).findings == [] and check(found, TWICE).findings == [], folder
    found = indexed(real_data / "hagrid_landmarks")
    assert check(found, BREAKS).findings == []


def test_no_skeleton_is_no_map_to_check(indexed):
    document = {
        "images": [{"id": 1, "file_name": "1.jpg", "width": 9, "height": 9}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2], "area": 4}],
        "categories": [{"id": 1, "name": "cup"}],
    }
    found = indexed({"instances_val.json": document})
    for name in (TWICE, BREAKS):
        run = check(found, name).run
        assert run["reason"] == "no annotation can have keypoints: there is no skeleton"


def test_a_flip_beyond_the_joints_and_one_to_a_joint_without():
    con = duckdb.connect()
    con.execute("create table annotation as select 1 as dataset_id, 'instance' as kind, 's' as skeleton")
    con.execute("create table joint (skeleton varchar, joint smallint, name varchar, flip smallint)")
    con.execute(
        "insert into joint values ('s', 0, 'a', 0), ('s', 1, 'b', 7), ('s', 2, 'c', 3), ('s', 3, 'd', null)"
    )
    text = sqlfile.text(f"checks/{TWICE}.sql")
    told = con.execute(text, {"dataset": 1}).df()["detail"].tolist()
    assert told == [
        "flipped twice, 2 of 4 joints do not come back: b goes to joint 7, which there is not; c goes to d, "
        "which has no mirror image"
    ]


def hands_of_v2(**counts):
    """HaGRIDv2 records, so many images a split."""
    one = {"bboxes": [[0.1, 0.1, 0.2, 0.2]], "labels": ["grip"], "user_id": "s", "hand_landmarks": [[]]}
    return {
        f"ann/{split}/grip.json": {f"{split}-{n}": one for n in range(count)}
        for split, count in counts.items()
    }


@pytest.fixture(name="landmarks")
def landmarks_fixture():
    """How many hands with landmarks the small card has of a split, where it is more than none."""
    return {}


@pytest.fixture(name="small_card")
def small_card_fixture(monkeypatch, landmarks):
    """HaGRIDv2's card as if it had been of 40 training and 20 test images."""
    card = cards.bundled()["hagrid-v2"]
    published = {
        "images": {"train": cards.Figure(40), "test": cards.Figure(20), "total": cards.Figure(60)},
        "annotations": {"train": cards.Figure(40), "test": cards.Figure(20)},
        "keypoint_instances": {"train": cards.Figure(0), "test": cards.Figure(0)} | dict(landmarks),
    }
    small = cards.Card(card.name, card.title, card.source, card.known_by, published)
    monkeypatch.setattr(cards, "bundled", lambda: {card.name: small})


def told(found):
    return [(f["about"], f["score"], f["detail"].split("; recognised")[0]) for f in found.findings]


def test_all_that_was_published_is_there(indexed, small_card):
    found = check(indexed(hands_of_v2(train=40, test=20)), COUNTS)
    assert (found.run["status"], found.findings, found.run["notes"]) == ("done", [], [])


def test_a_few_images_are_missing(indexed, small_card):
    found = check(indexed(hands_of_v2(train=39, test=20)), COUNTS)
    assert told(found) == [
        (
            "train: annotations",
            0.5,
            "39 annotations in train, HaGRIDv2 has 40 (1 missing): 97.5 %, nearly all",
        ),
        ("train: images", 0.5, "39 images in train, HaGRIDv2 has 40 (1 missing): 97.5 %, nearly all"),
    ]
    finding = found.findings[0]
    assert (
        finding["severity"] == "info" and "recognised because it has gestures that came" in finding["detail"]
    )
    assert finding["evidence"]["share"] == pytest.approx(0.975)


@pytest.mark.parametrize("landmarks", [{"train": cards.Figure(38), "test": cards.Figure(19)}])
def test_none_of_what_was_published(indexed, small_card, landmarks):
    found = check(indexed(hands_of_v2(train=40)), COUNTS)
    ((about, _, detail),) = told(found)  # and nothing of the split that is not here
    assert about.startswith("train: ")
    assert "HaGRIDv2 has 38 (none of them is here): nothing of it, a part" in detail


def test_more_than_was_published(indexed, small_card):
    found = check(indexed(hands_of_v2(train=42, test=20)), COUNTS)
    detail = "42 images in train, HaGRIDv2 has 40 (2 more than published): more than there are"
    assert ("train: images", 0.9, detail) in told(found)


def test_a_part_is_said_to_be_one(indexed, small_card):
    found = check(indexed(hands_of_v2(train=10)), COUNTS)
    ((about, score, detail),) = told(found)
    assert (about, score) == ("train: images", 0.1)
    assert detail == (
        "10 images in train, HaGRIDv2 has 40 (30 missing): 25.0 % of it, a part or another dataset of the "
        "same layout"
    )
    assert found.run["notes"] == ["Published splits of HaGRIDv2 that are not here: test."]


def test_a_dataset_of_ones_own_has_no_published_counts(hands):
    found = check(hands(), COUNTS)
    assert (found.run["status"], found.run["reason"]) == (
        "not applicable", "no card of a published dataset is known to be its own"
    )  # fmt: skip


def test_the_real_val_split_lacks_eighteen_images(real_data, indexed):
    (finding,) = check(indexed(real_data / "hagrid_2023_val"), COUNTS).findings
    assert finding["about"] == "val: images"
    assert "53,982 images in val, HaGRID 2.0 has 54,000 (18 missing): more than 99.9 %" in finding["detail"]
