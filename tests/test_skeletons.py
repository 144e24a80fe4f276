"""Skeletons: the bundled ones hold together, and a user's file is taken or refused with a reason."""

from __future__ import annotations

import json
import statistics

import pytest

from queries import skeletons
from queries.errors import SkeletonError, UsageError

#: Published OKS constants, as the datasets' own evaluation code has them.
SIGMAS = {
    "coco-17": [.026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107, .107,
        .087, .087, .089, .089],
    "crowdpose-14": [.079, .079, .072, .072, .062, .062, .107, .107, .087, .087, .089, .089, .079, .079],
    "hand-21": [
        .029, .022, .035, .037, .047, .026, .025, .024, .035, .018, .024, .022, .026, .017, .021, .021,
        .032, .020, .019, .022, .031,
    ],
    "aic-14": [
        .01388152, .01515228, .01057665, .01417709, .01497891, .01402144, .03909642, .03686941, .01981803,
        .03843971, .03412318, .02415081, .01291456, .01236173,
    ],
    "mpii-16": [.089, .083, .107, .107, .083, .089, .026, .026, .026, .026, .062, .072, .179, .179,
        .072, .062],
    "mhp-16": [.089, .083, .107, .107, .083, .089, .026, .026, .026, .026, .062, .072, .179, .179,
        .072, .062],
}  # fmt: skip


@pytest.mark.parametrize("name", skeletons.bundled())
def test_bundled_skeletons_hold_together(name):
    skeleton = skeletons.get(name)
    count = len(skeleton.joints)
    assert skeleton.title and skeleton.source
    assert len(set(skeleton.names)) == count and all(skeleton.names)
    flip = [joint.flip for joint in skeleton.joints]
    assert [flip[flip[j]] for j in range(count)] == list(range(count))
    for joint, mirrored in enumerate(flip):
        # left is never the mirror image of left
        names = {skeleton.names[joint], skeleton.names[mirrored]}
        assert len([n for n in names if "left" in n]) <= 1 and len([n for n in names if "right" in n]) <= 1
    bones = {frozenset(bone) for bone in skeleton.bones}
    assert len(bones) == len(skeleton.bones) and all(len(bone) == 2 for bone in bones)
    assert all(0 <= end < count for bone in bones for end in bone)
    assert {frozenset(flip[end] for end in bone) for bone in bones} == bones
    for joint in skeleton.joints:
        assert joint.part
        assert joint.sigma is None or 0 < joint.sigma < 0.2
    if any(joint.sigma is not None for joint in skeleton.joints):
        assert skeleton.sigmas_source


@pytest.mark.parametrize("name", sorted(SIGMAS.keys() & skeletons.bundled().keys()))
def test_sigmas_are_the_published_ones(name):
    assert [joint.sigma for joint in skeletons.get(name).joints] == SIGMAS[name]


def test_the_first_three_are_there():
    assert {"coco-17", "hand-21", "crowdpose-14"} <= skeletons.bundled().keys()
    assert statistics.median(j.sigma for j in skeletons.get("coco-17").joints) == 0.072


def test_the_hand_is_mediapipes():
    hand = skeletons.get("hand-21")
    assert hand.names[0] == "wrist" and hand.names[4] == "thumb_tip" and hand.names[17] == "pinky_mcp"
    assert all(joint.flip == index for index, joint in enumerate(hand.joints))
    chains = {(0, 1), (1, 2), (2, 3), (3, 4), (5, 6), (6, 7), (7, 8), (9, 10), (10, 11), (11, 12), (13, 14),
              (14, 15),
              (15, 16), (17, 18), (18, 19), (19, 20), (0, 5), (5, 9), (9, 13), (13, 17), (0, 17)}  # fmt: skip
    assert {tuple(sorted(bone)) for bone in hand.bones} == chains


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UsageError, match="'coco-18'.*coco-17"):
        skeletons.get("coco-18")


@pytest.mark.parametrize(
    ("names", "flip"),
    [
        (["nose", "left_eye", "right_eye"], [0, 2, 1]),
        (["L wrist", "R wrist", "Head"], [1, 0, 2]),
        (["wrist_l", "wrist_r"], [1, 0]),
        (["Right-ankle", "Left-ankle"], [1, 0]),
        (["left_eye", "left_ear"], [0, 1]),  # no mirror image there
        (["upright", "leftover", "cleft"], [0, 1, 2]),  # no sides
    ],
)
def test_flips_from_names(names, flip):
    assert [joint.flip for joint in skeletons.from_names("x", names, []).joints] == flip


def test_parts_from_names():
    built = skeletons.from_names("x", ["left_knee", "r_wrist", "nose", "pelvis", "antenna"], [])
    assert [joint.part for joint in built.joints] == ["left_leg", "right_arm", "head", "torso", None]
    assert all(joint.sigma is None for joint in built.joints)


def test_matching_ignores_spelling_and_not_order():
    coco = skeletons.get("coco-17")
    assert skeletons.matching([n.replace("_", "-").upper() for n in coco.names]) is coco
    assert skeletons.matching(list(reversed(coco.names))) is None
    assert skeletons.matching(coco.names[:16]) is None
    hand = [n.replace("_finger", "") for n in skeletons.get("hand-21").names]
    assert skeletons.matching(hand) is skeletons.get("hand-21")


def test_a_users_file(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"keypoints": ["tip", "left_end", "right_end"], "skeleton": [[1, 2], [1, 3]]}))
    mine = skeletons.from_file(path)
    assert (mine.name, mine.names, mine.bones) == ("mine", ("tip", "left_end", "right_end"), ((0, 1), (0, 2)))
    assert [joint.flip for joint in mine.joints] == [0, 2, 1]
    path.write_text(json.dumps({"keypoints": ["a", "b"]}))
    assert skeletons.from_file(path).bones == ()
    coco = skeletons.get("coco-17")
    path.write_text(json.dumps({"keypoints": list(coco.names), "skeleton": [[1, 2]]}))
    known = skeletons.from_file(path)
    assert known.bones == ((0, 1),) and [j.sigma for j in known.joints] == [j.sigma for j in coco.joints]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "can't be read as JSON"),
        (b"\xff\xfe{", "can't be read as JSON"),
        ("[]", "expected"),
        ("{}", "expected"),
        ('{"keypoints": []}', "expected"),
        ('{"keypoints": [1, 2]}', "expected"),
        ('{"keypoints": "ab"}', "expected"),
        ('{"keypoints": ["a", "a"]}', "names a joint twice: a"),
        ('{"keypoints": ["a", "b"], "skeleton": [[1, 3]]}', "from 1 to 2"),
        ('{"keypoints": ["a", "b"], "skeleton": [[0, 1]]}', "from 1 to 2"),
        ('{"keypoints": ["a", "b"], "skeleton": [[1]]}', "expected a pair"),
        ('{"keypoints": ["a", "b"], "skeleton": [["a", "b"]]}', "expected a pair"),
        ('{"keypoints": ["a", "b"], "skeleton": [[true, 2]]}', "expected a pair"),
        ('{"keypoints": ["a", "b"], "skeleton": {"1": 2}}', "expected a pair"),
    ],
)
def test_a_users_file_that_is_wrong(tmp_path, text, told):
    path = tmp_path / "mine.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SkeletonError, match=told) as caught:
        skeletons.from_file(path)
    assert "mine.json" in str(caught.value)


def test_a_users_file_that_is_not_there(tmp_path):
    with pytest.raises(SkeletonError, match="gone.json"):
        skeletons.from_file(tmp_path / "gone.json")
