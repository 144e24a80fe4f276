"""bone-length-outlier, joint-order-suspect, pose-improbable and handedness-contradicts."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from queries import bone_lengths, catalogue, chirality, joint_order, listing, pose_shape, swap_model
from queries.audit_context import Shared
from queries.checks import pose_improbable
from tests.checks import anatomy_records as made
from tests.checks.audited import check
from tests.checks.planted import findings, index_sample, is_that, rows_of

IDS = ("bone-length-outlier", "joint-order-suspect", "pose-improbable")


@pytest.fixture(name="hands")
def hands_fixture(indexed):
    """Indexes HaGRID records {gesture: {key: record}}."""
    return lambda records, folder="ann/train": indexed({f"{folder}/{g}.json": r for g, r in records.items()})


@pytest.fixture(scope="module", name="sample")
def sample_fixture(tmp_path_factory):
    """The findings of these checks on the sample data."""
    return findings(index_sample(tmp_path_factory.mktemp("anatomy") / "workspace"), IDS)


def poses_of(found):
    store = found.store
    return Shared(store.cursor(), store.datasets[0]).poses[0]


def test_a_fingertip_at_the_wrist(hands):
    clean = made.hagrid()
    assert check(hands(clean), "bone-length-outlier").findings == []
    points = made.points_of(clean, "palm-4")
    wrong = points.copy()
    wrong[12] = points[0] + 0.01
    found = check(hands(made.changed(clean, "palm-4", wrong)), "bone-length-outlier")
    assert found.places == [("palm-4", 0, 12)]
    (finding,) = found.findings
    assert finding["severity"] == "warning" and 0.5 < finding["score"] < 1
    assert finding["detail"].startswith(
        "middle_finger_tip: the bone middle_finger_dip – middle_finger_tip is "
    )
    assert "times as long as usual of class palm" in finding["detail"]
    (bone,) = finding["evidence"]["bones"]
    assert (
        bone["bone"] == "middle_finger_dip – middle_finger_tip" and bone["times_full"] > 3 and bone["z"] > 5
    )
    assert (found.run["records"], found.run["unit"], found.run["flagged"]) == (90, "poses", 1)
    assert check(hands(made.changed(clean, "palm-4", points)), "bone-length-outlier").findings == []


def test_the_joint_that_outlying_bones_share_is_to_blame(hands):
    clean = made.hagrid()
    points = made.points_of(clean, "peace-7")
    points[6] = points[0] + (0.3, 0.25)  # the index finger's middle joint: two bones are out
    found = check(hands(made.changed(clean, "peace-7", points)), "bone-length-outlier")
    assert found.places == [("peace-7", 0, 6)]
    assert (
        len(found.findings[0]["evidence"]["bones"]) == 2 and "; out as well: " in found.findings[0]["detail"]
    )


def test_a_bone_without_length_points_at_the_camera(indexed):
    people = made.people(80)
    for number in range(1, 80, 20):  # in profile hips and shoulders lie behind one another
        people[number][[5, 11]] = people[number][[6, 12]]
        people[number][15] = people[number][13]
    assert check(indexed({"a_val.json": made.coco(people)}), "bone-length-outlier").findings == []


def test_the_wrist_is_to_blame_though_the_upper_arm_is_odd_as_well(indexed):
    people = made.people()
    arm = people[6]
    arm[7] = arm[5] + (arm[7] - arm[5]) * 2.2
    odd = check(indexed({"a_val.json": made.coco(people)}), "bone-length-outlier")
    assert odd.findings == []
    arm[9] += 250
    assert check(indexed({"a_val.json": made.coco(people)}), "bone-length-outlier").places == [
        ("6.jpg", 0, 9)
    ]
    # with both of its bones out it is the elbow
    arm[9] -= 250
    arm[7] += (250, 0)
    assert check(indexed({"a_val.json": made.coco(people)}), "bone-length-outlier").places == [
        ("6.jpg", 0, 7)
    ]


def test_all_that_is_found_is_counted_and_the_worst_are_told(hands, monkeypatch):
    records = made.hagrid()
    for number, reach in ((2, 0.5), (4, 0.3), (8, 0.4)):
        points = made.points_of(records, f"palm-{number}")
        points[12] = points[0] + (reach, 0)
        records = made.changed(records, f"palm-{number}", points)
    every = check(hands(records), "bone-length-outlier")
    sources = catalogue.sources()
    one = sources["bone-length-outlier"]
    few = {**sources, one.check.id: replace(one, check=replace(one.check, budget=2))}
    monkeypatch.setattr(catalogue, "sources", lambda: few)
    worst = check(hands(records), "bone-length-outlier")
    assert (worst.run["findings"], worst.run["listed"], worst.run["flagged"]) == (3, 2, 3)
    by_score = sorted(every.findings, key=lambda f: -f["score"])
    assert [(f["key"], f["detail"], f["evidence"]) for f in worst.findings] == sorted(
        (f["key"], f["detail"], f["evidence"]) for f in by_score[:2]
    )


def test_words_are_written_for_the_findings_that_are_listed_alone():
    columns = [
        {"image_id": [2, 1], "annotation_id": [2, 1], "joint": [0, 5], "score": [0.5, 0.5]},
        {"image_id": [], "annotation_id": [], "joint": [], "score": []},
        {"image_id": [3, 1], "annotation_id": [3, 1], "joint": [0, 4], "score": [0.9, 0.5]},
    ]
    asked = []

    def writer(part):
        return lambda place: asked.append((part, place)) or (f"{part} {place}", "{}")

    found = listing.told([(part, writer(number)) for number, part in enumerate(columns)], 2)
    assert asked == [(2, 0), (2, 1)]  # the worst, and of equal ones the first by image and joint
    assert found["detail"].tolist() == [listing.UNLISTED, listing.UNLISTED, "2 0", "2 1"]
    assert listing.told([(columns[1], writer(0))], 2) is None


HUGE = ("bone-length-outlier", "joint-order-suspect", "pose-improbable", "left-right-swapped",
        "handedness-contradicts", "flip-map-breaks-skeleton", "subject-label-conflict")  # fmt: skip


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_huge_coordinates_are_no_reason_to_fail(indexed, monkeypatch, tmp_path):
    monkeypatch.setattr(swap_model, "TREES", 8)
    people = made.people(60)
    for number, joint, far in ((3, 9, 1e300), (4, 0, -1.7e308), (5, 5, 1e300)):
        people[number][joint] = far
    document = made.coco(people, {3: [100.0, 50.0, 120.0, 260.0], 4: [-1.7e308, 1e300, 1.7e308, 1.7e308]})
    records = leading({"palm": 40})
    records["palm"]["palm-3"]["landmarks"][0][8] = [1e300, -1.7e308]
    indexed({"a_val.json": document}, workspace=tmp_path / "w", name="people")
    data = indexed({"ann_train_val/palm.json": records["palm"]}, workspace=tmp_path / "w", name="hands")
    told = findings(data.workspace, HUGE)  # none of them fails
    assert ("bone-length-outlier", "3.jpg", 9) in {(f["check_id"], f["key"], f["joint"]) for f in told}
    for finding in told:
        assert len(finding["detail"]) < 500 and not re.search(r"\b(inf|nan)\b", finding["detail"])
        assert not re.search("Infinity|NaN", json.dumps(finding["evidence"]))
    assert {f["key"] for f in told} <= {"3.jpg", "4.jpg", "5.jpg", "palm-3"}


def test_a_cut_off_box_and_a_foreshortened_limb_are_no_outliers(indexed):
    people = made.people()
    assert check(indexed({"a_val.json": made.coco(people)}), "bone-length-outlier").findings == []
    # a box around the head and shoulders only: every bone is long for it
    x, y = people[5][[0, 5, 6]].min(axis=0)
    small = {5: [x, y, 30.0, 30.0]}
    assert check(indexed({"a_val.json": made.coco(people, small)}), "bone-length-outlier").findings == []
    # a box much too large: every bone is short for it
    large = {5: [0.0, 0.0, 800.0, 600.0]}
    assert check(indexed({"a_val.json": made.coco(people, large)}), "bone-length-outlier").findings == []
    # both legs point at the camera
    short = {**people, 6: people[6].copy()}
    short[6][13:17] = short[6][[11, 12, 11, 12]] + ((1, 3), (1, 3), (2, 5), (2, 5))
    assert check(indexed({"a_val.json": made.coco(short)}), "bone-length-outlier").findings == []
    # and a wrist on somebody else
    far = {**people, 6: people[6].copy()}
    far[6][9] += 250
    assert check(indexed({"a_val.json": made.coco(far)}), "bone-length-outlier").places == [("6.jpg", 0, 9)]


def test_too_few_figures_teach_no_lengths(hands):
    found = check(hands(made.hagrid(("palm",), 12)), "bone-length-outlier")
    assert found.run["status"] == "not applicable"
    assert found.run["reason"] == "too few figures to learn lengths from (hand-21: 12; 20 are needed)"


def test_figures_without_boxes_are_measured_by_their_joints(hands):
    poses = poses_of(hands(made.hagrid()))
    size, boxes = bone_lengths.sizes(replace(poses, box=np.full_like(poses.box, np.nan)))
    assert not boxes
    np.testing.assert_allclose(size, np.sqrt(np.prod(poses.xy.max(axis=1) - poses.xy.min(axis=1), axis=1)))


def test_the_middle_of_a_skeleton_and_the_way_from_it():
    chain = np.array([(0, 1), (1, 2), (2, 3), (3, 4), (2, 5)])
    assert bone_lengths.depths(7, chain).tolist() == [2, 1, 0, 1, 2, 1, 0]


@pytest.mark.parametrize(("one", "other"), [("index", "middle"), ("ring", "pinky"), ("thumb", "pinky")])
def test_two_fingers_exchanged(hands, one, other):
    clean = made.hagrid()
    assert check(hands(clean), "joint-order-suspect").findings == []
    points = made.points_of(clean, "palm-3")
    wrong = made.changed(clean, "palm-3", made.exchanged(points, one, other))
    found = check(hands(wrong), "joint-order-suspect")
    assert found.places == [("palm-3", 0, None)]
    (finding,) = found.findings
    words = {"index": "index finger", "middle": "middle finger", "ring": "ring finger"}
    told = f"it looks as if the joints of {words.get(one, one)} and {words.get(other, other)} are exchanged"
    assert finding["detail"].startswith(told) and "the shapes of class palm" in finding["detail"]
    assert finding["score"] > 0.5 and finding["evidence"]["reordered"] <= 2 and finding["about"] is None
    assert len(finding["evidence"]["order"]) == 8
    assert check(hands(made.changed(clean, "palm-3", points)), "joint-order-suspect").findings == []


def test_every_joint_one_place_on(hands):
    clean = made.hagrid()
    points = np.roll(made.points_of(clean, "palm-3"), 1, axis=0)
    found = check(hands(made.changed(clean, "palm-3", points)), "joint-order-suspect")
    assert found.places == [("palm-3", 0, None)]
    assert "every joint stands one place later than it should" in found.findings[0]["detail"]


def test_a_wrong_label_is_no_wrong_order(hands):
    clean = made.hagrid()
    found = check(
        hands(made.changed(clean, "palm-3", made.points_of(clean, "fist-3"))), "joint-order-suspect"
    )
    assert found.findings == []


def test_an_arm_in_the_place_of_a_leg(indexed):
    people = made.people()
    assert check(indexed({"a_val.json": made.coco(people)}), "joint-order-suspect").findings == []
    wrong = {**people, 9: people[9].copy()}
    wrong[9][[5, 7, 9, 11, 13, 15]] = people[9][[11, 13, 15, 5, 7, 9]]
    found = check(indexed({"a_val.json": made.coco(wrong)}), "joint-order-suspect")
    assert found.places == [("9.jpg", 0, None)]
    assert "left arm and leg are exchanged" in found.findings[0]["detail"]
    # left and right are another check's
    turned = {**people, 9: people[9][[0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]]}
    assert check(indexed({"a_val.json": made.coco(turned)}), "joint-order-suspect").findings == []


def test_joints_that_are_not_labelled_are_not_exchanged(indexed):
    people = made.people()
    people[9][[9, 10]] = np.nan
    people[9][7] = people[9][5] + (0, 68)  # an elbow where a wrist would be, and no wrist
    assert check(indexed({"a_val.json": made.coco(people)}), "joint-order-suspect").findings == []


def test_too_few_figures_teach_no_order(hands):
    found = check(hands(made.hagrid(("palm",), 12)), "joint-order-suspect")
    assert found.run["status"] == "not applicable"
    assert found.run["reason"].startswith("no skeleton has 50 figures to learn from")


def test_the_exchanges_that_are_tried():
    hand = pose_shape.Figure("hand", "hand", np.arange(21))
    tried = list(joint_order.exchanges(hand, [""] * 21))
    assert len(tried) == 119 + 1 + 2
    body = pose_shape.Figure("body", "body", np.arange(17))
    tried += joint_order.exchanges(body, made.COCO_NAMES)
    for exchange in tried:
        assert sorted(exchange.order.tolist()) == list(range(len(exchange.order)))
        assert exchange.order.tolist() != sorted(exchange.order.tolist())
    (swap,) = [e for e in tried if e.words == "left elbow and wrist are exchanged"]
    assert np.flatnonzero(swap.order != np.arange(17)).tolist() == [7, 9]


def test_a_score_is_the_same_for_a_hand_moved_turned_scaled_and_mirrored(hands):
    poses = poses_of(hands(made.hagrid()))
    shape = pose_shape.shapes(poses.xy)
    models = pose_shape.learn(shape, poses.label, 3, 10, 30)
    turn = 0.4 * np.array([[np.cos(2), -np.sin(2)], [np.sin(2), np.cos(2)]]) * (-1, 1)
    moved = pose_shape.shapes(poses.xy @ turn + 3)
    scores = pose_shape.own_scores(shape, poses.label, models)
    np.testing.assert_allclose(pose_shape.own_scores(moved, poses.label, models), scores, rtol=1e-3)
    assert np.median(scores[poses.label == 0]) == pytest.approx(1)
    # a joint less is a joint less, whatever the place of the others' centre
    part = poses.xy.copy()
    part[:, [4, 8]] = np.nan
    fewer = pose_shape.own_scores(pose_shape.shapes(part), poses.label, models)
    assert np.isfinite(fewer).all() and 0.4 < np.median(fewer / scores) < 2
    few = poses.xy.copy()
    few[:, 5:] = np.nan
    assert np.isnan(pose_shape.own_scores(pose_shape.shapes(few), poses.label, models)).all()


def test_a_pose_unlike_any_other(hands):
    clean = made.hagrid()
    assert check(hands(clean), "pose-improbable").findings == []
    points = made.points_of(clean, "peace-2")
    wrong = np.random.default_rng(1).permutation(points)
    found = check(hands(made.changed(clean, "peace-2", wrong)), "pose-improbable")
    assert found.places == [("peace-2", 0, None)]
    (finding,) = found.findings
    assert finding["severity"] == "info" and finding["score"] > 0.75 and found.run["records"] == 90
    assert "times as far from those of class peace as is usual" in finding["detail"]
    assert finding["evidence"]["procrustes_to_third"] >= 0.45
    # the label alone is wrong: it is like other hands
    other = made.changed(clean, "peace-2", made.points_of(clean, "fist-2"))
    assert check(hands(other), "pose-improbable").findings == []
    assert check(hands(clean), "pose-improbable").findings == []


def test_more_odd_poses_than_are_looked_at_are_told_of(hands, monkeypatch):
    monkeypatch.setattr(pose_improbable, "_LOOKED_AT", 1)
    records = made.hagrid()
    for number in (2, 5):
        found = check(hands(records), "pose-improbable")
        assert found.run["notes"] == []
        points = np.random.default_rng(number).permutation(made.points_of(records, f"peace-{number}"))
        records = made.changed(records, f"peace-{number}", points)
    found = check(hands(records), "pose-improbable")
    assert len(found.findings) == 1
    assert found.run["notes"] == [
        "hand-21: 2 poses are far from all classes; the 1 farthest were compared with the figures most alike,"
        " and the others are not counted."
    ]


def test_a_rare_pose_that_recurs_is_no_odd_one(indexed):
    people = made.people(60)
    for number in range(1, 9):  # eight of sixty sit
        sitting = people[number]
        sitting[13:15] = sitting[11:13] + np.array([(25, 5), (-25, 5)])
        sitting[15:17] = sitting[13:15] + np.array([(2, 40), (-2, 40)])
    assert check(indexed({"a_val.json": made.coco(people)}), "pose-improbable").findings == []
    people[20] = np.random.default_rng(3).permutation(people[20])
    assert check(indexed({"a_val.json": made.coco(people)}), "pose-improbable").places == [
        ("20.jpg", 0, None)
    ]


def test_too_few_figures_teach_no_poses(hands):
    found = check(hands(made.hagrid(("palm",), 30)), "pose-improbable")
    assert found.run["status"] == "not applicable"
    assert found.run["reason"].startswith("no skeleton has 50 figures to learn from")


def leading(gestures: dict[str, int], back: tuple[str, ...] = ()) -> dict[str, dict]:
    """HaGRID v1 records: left and right hands in turn; of `back` gestures every other pair shows its back."""
    return {
        gesture: {
            f"{gesture}-{n}": made.first_record(
                made.hand(gesture, n, side, back=gesture in back and n % 4 > 1), gesture, side
            )
            for n in range(count)
            for side in [("left", "right")[n % 2]]
        }
        for gesture, count in gestures.items()
    }


def test_a_left_hand_that_is_a_right_one(hands):
    def found_in(records):
        return check(hands(records, "ann_train_val"), "handedness-contradicts")

    clean = leading({"palm": 40, "four": 40, "peace": 40}, back=("peace",))
    found = found_in(clean)
    assert found.findings == [] and found.run["records"] == 80
    assert found.run["notes"] == ["Classes that show hands either way, or too few, decide nothing: peace."]
    clean["palm"]["palm-6"]["leading_hand"] = "right"
    clean["peace"]["peace-6"]["leading_hand"] = "right"
    found = found_in(clean)
    assert found.places == [("palm-6", 0, None)]
    (finding,) = found.findings
    told = (
        "it is said to be a right hand, but its landmarks lie as a left hand's: of 40 hands of class palm, "
        "97.5 %"
    )
    assert finding["detail"].startswith(told) and finding["score"] == pytest.approx(0.975)
    assert finding["evidence"]["looks"] == "left"
    clean["palm"]["palm-6"]["leading_hand"] = "left"
    assert found_in(clean).findings == []


def test_a_palm_turns_the_other_way_than_a_back(hands):
    records = leading({"palm": 8}) | leading({"four": 8}, back=("four",))
    poses = poses_of(hands(records, "ann_train_val"))
    turn = np.sign(chirality.sides(poses)) * np.where(poses.handedness == "right", 1, -1)
    back = (poses.label == poses.labels.index("four")) & (np.arange(len(poses)) % 4 > 1)
    assert (turn == np.where(back, 1, -1)).all()


def test_gestures_shown_from_both_sides_tell_no_hand(hands):
    records = leading({"peace": 40, "palm": 12}, back=("peace",))
    found = check(hands(records, "ann_train_val"), "handedness-contradicts")
    assert found.run["status"] == "not applicable"
    assert found.run["reason"].startswith("no class shows 90% of at least 20 hands the same way round")
    found = check(hands(made.hagrid()), "handedness-contradicts")
    assert found.run["reason"] == "no annotation says which hand it is"


@pytest.mark.parametrize("row", rows_of(IDS), ids=lambda row: f"{row['check_id']}-{row['key'][:8]}")
def test_what_is_planted_in_the_sample_is_found(sample, row):
    (finding,) = [finding for finding in sample if is_that(finding, row)]
    assert finding["joint"] == (int(row["joint"]) if row["joint"] else None)


def test_nothing_else_in_the_sample_is_a_wrong_order(sample):
    wrong = [finding for finding in sample if finding["check_id"] == "joint-order-suspect"]
    assert len(wrong) == len(rows_of(["joint-order-suspect"]))
    # all joints that are far out in the sample were put there, most of them for other checks
    far = [(finding["dataset"], finding["joint"]) for finding in sample if finding["check_id"] == IDS[0]]
    assert sorted(far) == [
        ("coco_people", 9), ("coco_people", 13), ("hagrid", 4), ("hagrid", 8), ("hagrid", 12), ("hagrid", 20),
        ("yolo_hands", 8),
    ]  # fmt: skip


def test_real_hands_and_people(real_data, indexed):
    hands, people = indexed(real_data / "hagrid_landmarks"), indexed(real_data / "pose" / "coco_val2017_part")
    for found, most in ((hands, 12), (people, 12)):
        assert len(check(found, "bone-length-outlier").findings) == 0
        assert len(check(found, "joint-order-suspect").findings) == 0
        assert 0 < len(check(found, "pose-improbable").findings) <= most


def test_exchanged_fingers_of_real_hands(real_data, indexed):
    poses = poses_of(indexed(real_data / "hagrid_landmarks"))
    limits = joint_order.Limits(3.0, 2.0, 2.0, 10, 50, 9)
    for one, other in (("index", "middle"), ("ring", "pinky")):
        planted = np.random.default_rng(0).choice(len(poses), 60, replace=False)
        xy = poses.xy.copy()
        for row in planted:
            xy[row] = made.exchanged(xy[row], one, other)
        found, judged = joint_order.suspects(replace(poses, xy=xy), limits)
        rows = {suspect.row for suspect in found}
        assert judged == 1200 and rows <= set(planted.tolist()) and len(rows) >= 50
