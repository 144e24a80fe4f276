"""left-right-swapped: people drawn from a turning figure, from the front and from behind; then exchanged."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import yaml

from queries import swap_features, swap_model, swap_rule
from queries.audit_context import Shared
from queries.swap_features import KINDS
from tests.benchmarks import left_right_swapped as benchmark
from tests.checks import anatomy_records
from tests.checks.audited import check
from tests.checks.keypoint_records import COCO_JOINTS

ID = "left-right-swapped"
PLACE = {name: number for number, name in enumerate(COCO_JOINTS)}
EXCHANGED = benchmark.KINDS | {"elbows and wrists": ("elbow", "wrist")}


def figure(random: np.random.Generator, yaw: float, hidden_flag: int = 0) -> list[float]:
    """COCO's 17 joints of a standing person, in pixels; yaw in degrees, 0 faces the camera, 180 is a back.

    x to the person's left, y down, z to the camera; turned about the vertical, and seen from far away. Of a
    head turned away nose and eyes are not labelled, nor is the far ear (with `hidden_flag` 1 they are, as
    occluded); the far arm is occluded in profile.
    """
    places = {"nose": (0, -0.62, 0.12)}
    for side, sign in (("left", 1), ("right", -1)):
        swing, step = random.normal(0, 0.35, 2)
        out = abs(random.normal(0.06, 0.04))
        lift = random.uniform(-0.5, 1.2)
        elbow = np.array([0.19 * sign + out * sign, -0.17, 0.28 * np.sin(swing)])
        knee = np.array([0.1 * sign, 0.42, 0.3 * np.sin(step) + 0.05])
        places |= {
            f"{side}_eye": (0.035 * sign, -0.66, 0.09), f"{side}_ear": (0.075 * sign, -0.64, 0.0),
            f"{side}_shoulder": (0.18 * sign, -0.45, 0), f"{side}_hip": (0.1 * sign, 0.02, 0),
            f"{side}_elbow": elbow, f"{side}_knee": knee,
            f"{side}_wrist": np.add(elbow, (0.03 * sign, 0.24 * np.cos(lift), 0.24 * np.sin(lift))),
            f"{side}_ankle": np.add(knee, (0, 0.42, -abs(random.normal(0, 0.1)))),
        }  # fmt: skip
    turn = np.radians(yaw)
    size, at = random.uniform(120, 300), random.uniform(200, 400, 2)
    out = []
    for name in COCO_JOINTS:
        x, y, z = np.array(places[name]) + random.normal(0, 0.006, 3)
        depth = z * np.cos(turn) - x * np.sin(turn)
        across = x * np.cos(turn) + z * np.sin(turn)
        flag = 1 if depth < -0.12 else 2
        away = np.cos(turn) < -0.2
        hidden = away if name in ("nose", "left_eye", "right_eye") else depth < -0.06
        hidden = hidden and name in COCO_JOINTS[:5]
        if hidden and not hidden_flag:
            out += [0, 0, 0]
        else:
            flag = hidden_flag if hidden else flag
            out += [round(at[0] + size * across, 1), round(at[1] + size * y, 1), flag]
    return out


def people(count: int, seed: int = 5, per_image: int = 3) -> dict:
    """COCO records of people, one in three seen from behind."""
    random = np.random.default_rng(seed)
    annotations = []
    for number in range(count):
        yaw = random.uniform(-55, 55) + (180 if number % 3 == 2 else 0)
        joints = figure(random, yaw)
        annotations.append(record(number + 1, 1 + number // per_image, joints))
    images = [{"id": n + 1, "file_name": f"{n + 1:03}.jpg", "width": 800, "height": 800}
              for n in range(-(-count // per_image))]  # fmt: skip
    category = {"id": 1, "name": "person", "keypoints": COCO_JOINTS, "skeleton": [[16, 14], [14, 12]]}
    return {"images": images, "annotations": annotations, "categories": [category]}


def record(number: int, image: int, keypoints: list[float]) -> dict:
    points = np.reshape(keypoints, (-1, 3))
    here = points[points[:, 2] > 0, :2]
    low, size = here.min(axis=0) - 10, np.ptp(here, axis=0) + 20
    return {
        "id": number, "image_id": image, "category_id": 1, "bbox": [*low.tolist(), *size.tolist()],
        "area": 0.5 * float(size.prod()), "iscrowd": 0, "num_keypoints": len(here), "keypoints": keypoints,
    }  # fmt: skip


def exchange(document: dict, annotation: int, kind: str) -> None:
    """Exchanges the sides of that kind's pairs, places and flags; done twice, nothing is changed."""
    points = np.reshape(document["annotations"][annotation]["keypoints"], (-1, 3))
    for name in EXCHANGED[kind]:
        pair = [PLACE[f"left_{name}"], PLACE[f"right_{name}"]]
        points[pair] = points[pair[::-1]]
    document["annotations"][annotation]["keypoints"] = points.ravel().tolist()


def rarely_from_behind(count: int = 120, backs: int = 4) -> dict:
    """People who face the camera, but for a few whose hidden faces are labelled as occluded."""
    random = np.random.default_rng(8)
    document = people(count)
    for number, annotation in enumerate(document["annotations"]):
        yaw = random.uniform(-55, 55) if number >= backs else 180 + random.uniform(-40, 40)
        joints = figure(random, yaw, hidden_flag=1)
        annotation.update(record(annotation["id"], annotation["image_id"], joints))
    return document


def poses_of(found):
    store = found.store
    return Shared(store.cursor(), store.datasets[0]).poses[0]


@pytest.fixture
def fewer_trees(monkeypatch):
    monkeypatch.setattr(swap_model, "TREES", 16)


def test_exchanged_people_are_found_and_people_seen_from_behind_are_not(indexed, fewer_trees):
    document = people(120)
    found = check(indexed({"people.json": document}), ID)
    assert (found.places, found.run["records"]) == ([], 120)  # a third of them is seen from behind

    planted = {4: "body", 17: "body", 33: "arms", 60: "legs", 96: "elbows and wrists"}  # 17 is a back
    for number, kind in planted.items():
        exchange(document, number, kind)
    found = check(indexed({"people.json": document}), ID)
    wanted = {(f"{1 + number // 3:03}.jpg", number % 3, None): number for number in planted}
    assert set(found.places) == set(wanted) and len(found.places) == len(planted)
    for place, finding in zip(found.places, found.findings, strict=True):
        number = wanted[place]
        kind = planted[number]
        evidence = finding["evidence"]
        assert evidence["kind"] == kind
        assert 0.5 <= finding["score"] <= 1
        assert finding["score"] == pytest.approx(
            evidence["p_as_labelled"] - evidence["p_swapped_back"], abs=2e-4
        )
        labelled = np.reshape(document["annotations"][number]["keypoints"], (-1, 3))[:, 2] > 0
        assert set(evidence["joints"]) == {
            f"{side}_{name}"
            for side in ("left", "right")
            for name in EXCHANGED[kind]
            if labelled[PLACE[f"{side}_{name}"]]
        }
        assert f"p(swapped) is {evidence['p_as_labelled']:.2f} as labelled" in finding["detail"]
        assert finding["severity"] == "warning"

    for number, kind in planted.items():
        exchange(document, number, kind)
    assert check(indexed({"people.json": document}), ID).places == []


def test_what_cannot_be_judged_is_not_counted(indexed, fewer_trees):
    document = people(90)
    for number in (0, 1):  # a crowd, and somebody of whom one shoulder and the nose are labelled
        joints = np.reshape(document["annotations"][number]["keypoints"], (-1, 3))
        if number:
            joints[[n for n in range(17) if n not in (0, 5)]] = 0
        document["annotations"][number] |= {"iscrowd": 1 - number, "keypoints": joints.ravel().tolist()}
    assert check(indexed({"people.json": document}), ID).run["records"] == 88


def test_without_faces_a_back_is_no_exchanged_front(indexed, fewer_trees):
    poses = poses_of(indexed({"people.json": people(90)}))
    xy, flags = poses.xy.copy(), poses.visibility.copy()
    xy[:, :5], flags[:, :5] = np.nan, 0
    faceless = dataclasses.replace(poses, xy=xy, visibility=flags)
    said = swap_model.learned(faceless, swap_model.usable(faceless))
    assert "body" not in said.learned and {"arms", "legs"} <= said.learned
    assert len(said.row) == 90
    assert (said.kind != list(KINDS).index("body")).all() and (said.score < 0.5).all()


def test_a_rare_back_whose_hidden_face_is_labelled_is_no_exchanged_front(indexed, fewer_trees):
    document = rarely_from_behind()
    found = check(indexed({"people.json": document}), ID)
    assert (found.places, found.run["records"]) == ([], 120)
    exchange(document, 60, "body")
    assert check(indexed({"people.json": document}), ID).places == [("021.jpg", 0, None)]


def test_without_flags_any_face_may_be_a_hidden_one(indexed, fewer_trees):
    poses = poses_of(indexed({"people.json": rarely_from_behind()}))
    flagless = dataclasses.replace(poses, visibility=np.where(poses.visibility > 0, -1, 0).astype(np.int8))
    said = swap_model.learned(flagless, swap_model.usable(flagless))
    assert "body" not in said.learned and len(said.row) == 120 and (said.score < 0.5).all()
    ruled = swap_rule.applied(flagless, np.arange(120), 0.1)
    assert (ruled.kind == "").all() and 0 < len(ruled.row) <= 116


def test_a_skeleton_without_two_pairs_of_a_body_is_left_out(indexed):
    published = [0, 1, 2, 4, 3, 10, 11, 12, 13, 14, 5, 6, 7, 8, 9, 15, 16, 17, 18, 19, 20]
    hands = anatomy_records.yolo(
        [anatomy_records.hand("palm", n, "right") for n in range(6)], flip_idx=published
    )
    files = {name: yaml.safe_dump(text) if name == "data.yaml" else text for name, text in hands.items()}
    run = check(indexed(files), ID).run
    assert run["status"] == "not applicable"
    assert run["reason"].endswith("pose-21 has no two pairs of a body's joints")


def test_the_note_says_that_whole_bodies_were_not_judged(indexed, fewer_trees):
    document = people(90)
    for annotation in document["annotations"]:
        annotation["keypoints"][:15] = [0] * 15
    found = check(indexed({"people.json": document}), ID)
    assert found.places == []
    assert "arms and legs were judged" in " ".join(found.run["notes"])


def test_the_same_poses_give_the_same_scores_bit_for_bit(indexed, fewer_trees):
    poses = poses_of(indexed({"people.json": people(60)}))
    rows = swap_model.usable(poses)
    first, second = (swap_model.learned(poses, rows) for _ in range(2))
    assert (first.score == second.score).all() and (first.kind == second.kind).all()


def test_a_score_below_the_least_is_left_out_and_others_stay_the_same(indexed, fewer_trees):
    document = people(60)
    exchange(document, 6, "body")
    poses = poses_of(indexed({"people.json": document}))
    rows = swap_model.usable(poses)
    all_of_them, worst = swap_model.learned(poses, rows), swap_model.learned(poses, rows, least=0.5)
    assert len(worst.row) < len(all_of_them.row) == 60
    expected = dict(zip(all_of_them.row, all_of_them.score, strict=True))
    assert [expected[row] for row in worst.row] == worst.score.tolist()
    assert all_of_them.row[all_of_them.score.argmax()] == 6


def test_folds_hold_whole_groups_and_all_of_them_are_used():
    group = np.random.default_rng(1).integers(0, 40, 500) * 17
    folds = swap_model._folds(group)
    assert all(len(set(folds[group == one])) == 1 for one in set(group))
    assert set(folds) == set(range(swap_model.FOLDS))
    assert swap_model._folds(np.array([7, 7, 7])).tolist() == [0, 0, 0]


def test_one_group_cannot_be_judged_by_others(indexed):
    poses = poses_of(indexed({"people.json": people(12, per_image=12)}))
    with pytest.raises(ValueError, match="one subject or image"):
        swap_model.learned(poses, swap_model.usable(poses))


def test_a_mirror_image_with_exchanged_names_looks_the_same(indexed):
    poses = poses_of(indexed({"people.json": people(30)}))
    mirrored = dataclasses.replace(
        poses, xy=poses.xy[:, poses.flip] * [-1, 1] + [800, 0], visibility=poses.visibility[:, poses.flip]
    )
    rows = np.arange(len(poses))
    first, second = (swap_features.figures(p, rows) for p in (poses, mirrored))
    assert (np.abs(first.gaze) > 1e-3).all()
    np.testing.assert_allclose(
        swap_features.rows_of(first), swap_features.rows_of(second), rtol=1e-4, atol=1e-5
    )
    for kind in KINDS:
        twice = first.exchanged(kind).exchanged(kind)
        assert np.array_equal(twice.xy, first.xy, equal_nan=True) and (twice.flag == first.flag).all()


def front_and_back() -> dict:
    """Four people in four images, two of them seen from behind."""
    random = np.random.default_rng(3)
    document = people(4, per_image=1)
    for annotation, yaw in zip(document["annotations"], (0, 180, 20, 160), strict=True):
        annotation.update(record(annotation["id"], annotation["image_id"], figure(random, yaw)))
    return document


@pytest.mark.parametrize("kind", ["body", "arms", "legs"])
def test_few_people_are_judged_by_rule(indexed, kind):
    document = front_and_back()
    found = check(indexed({"people.json": document}), ID)
    assert (found.places, found.run["records"]) == ([], 2)
    note = "4 people can be judged, too few to learn from; 2 were judged by rule"
    assert note in " ".join(found.run["notes"])

    exchange(document, 2, kind)
    found = check(indexed({"people.json": document}), ID)
    assert found.places == [("003.jpg", 0, None)]
    finding = found.findings[0]
    assert (finding["evidence"]["kind"], finding["evidence"]["judged_by"]) == (kind, "rule")
    assert f"{finding['evidence']['shoulders']:+.2f} at the shoulders" in finding["detail"]

    exchange(document, 2, kind)
    assert check(indexed({"people.json": document}), ID).places == []


def test_somebody_who_looks_back_over_the_shoulder_is_no_finding(indexed):
    document = front_and_back()
    back = np.reshape(document["annotations"][1]["keypoints"], (-1, 3))
    back[:3] = [(300, 100, 2), (305, 95, 2), (295, 95, 2)]  # the face of one who has turned the head round
    document["annotations"][1]["keypoints"] = back.ravel().tolist()
    found = check(indexed({"people.json": document}), ID)
    assert (found.places, found.run["records"]) == ([], 3)


def test_few_people_from_behind_are_not_judged(indexed):
    document = front_and_back()
    document["annotations"] = document["annotations"][1::2]
    found = check(indexed({"people.json": document}), ID)
    assert found.run["status"] == "not applicable"
    assert "too few to learn from, and none shows its face and trunk" in found.run["reason"]


def test_one_image_of_many_people_is_judged_by_rule(indexed):
    found = check(indexed({"people.json": people(60, per_image=60)}), ID)
    assert found.run["records"] < 60
    assert "fewer than 5 subjects or images" in " ".join(found.run["notes"])


def test_planted_swaps_in_real_people(real_data, fewer_trees):
    poses = benchmark.real_people(real_data)
    assert len(benchmark.eligible(poses)) == 389
    for kind, wanted in benchmark.WANTED.items():
        changed, chosen = benchmark.planted(poses, kind, seed=0)
        assert len(chosen) == 39
        assert benchmark.average_precision(changed, chosen) >= wanted, kind
