"""One vocabulary of joints: the same name is the same joint, and near misses are told as such."""

from __future__ import annotations

from itertools import combinations

import pytest

from queries import skeleton_places, skeletons, vocabulary
from queries.vocabulary import canonical_names, close_pairs, compare, meanings

NAMES = list(skeletons.bundled())
LIMBS = {
    f"{side}_{joint}"
    for side in ("left", "right")
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
}


@pytest.mark.parametrize("name", NAMES)
def test_every_joint_is_in_the_vocabulary_once(name):
    shared = canonical_names(skeletons.get(name))
    assert set(shared) <= meanings().keys()
    assert len(set(shared)) == len(shared)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "hand-21"])
def test_every_person_has_the_twelve_joints_of_the_limbs(name):
    assert set(canonical_names(skeletons.get(name))) >= LIMBS


def test_the_vocabulary_says_nothing_in_vain():
    used = {name for skeleton in skeletons.bundled().values() for name in canonical_names(skeleton)}
    assert meanings().keys() == used
    assert all(text.strip() for text in meanings().values())
    assert skeleton_places.without_place() == []


def test_close_pairs_are_of_different_joints_told_once_with_a_reason():
    pairs = [frozenset((a, b)) for a, b, _ in close_pairs()]
    assert len(set(pairs)) == len(pairs) and all(len(pair) == 2 for pair in pairs)
    assert {name for pair in pairs for name in pair} <= meanings().keys()
    assert all(len(why) > 10 for _, _, why in close_pairs())


@pytest.mark.parametrize(
    ("skeleton", "own", "shared"),
    [
        ("crowdpose-14", "head", "head_top"),
        ("mpii-trb-40", "head", "head_top"),
        ("mpii-trb-40", "neck", "upper_neck"),
        ("mpii-trb-40", "medial_left_bow", "medial_left_elbow"),
        ("halpe-26", "hip", "mid_hip"),
        ("h36m-17", "root", "pelvis"),
        ("h36m-17", "left_foot", "left_ankle"),
        ("h36m-17", "neck_base", "jaw"),
        ("h36m-32", "left_up_leg", "left_hip"),
        ("h36m-32", "left_shoulder", "left_clavicle"),
        ("h36m-32", "left_arm", "left_shoulder"),
        ("h36m-32", "right_hand", "right_wrist"),
        ("coco-wholebody-133", "left_forefinger1", "left_index_finger_mcp"),
        ("coco-wholebody-133", "right_pinky_finger4", "right_pinky_tip"),
        ("halpe-136", "left_thumb1", "left_thumb_cmc"),
        ("hand-21", "wrist", "hand_root"),
        ("coco-17", "left_wrist", "left_wrist"),
    ],
)
def test_names_that_are_not_what_they_seem(skeleton, own, shared):
    found = skeletons.get(skeleton)
    assert canonical_names(found)[found.names.index(own)] == shared


def test_coco_and_mpii_side_by_side():
    found = compare(skeletons.get("coco-17"), skeletons.get("mpii-16"))
    assert {name for name, _, _ in found.shared} == LIMBS
    assert ("left_wrist", 9, 15) in found.shared and ("right_ankle", 16, 0) in found.shared
    assert found.only_a == ["nose", "left_eye", "right_eye", "left_ear", "right_ear"]
    assert found.only_b == ["pelvis", "thorax", "upper_neck", "head_top"]
    assert [(a, b) for a, b, _ in found.close] == [("nose", "head_top")]


@pytest.mark.parametrize(
    ("a", "b", "close"),
    [
        ("mpii-16", "aic-14", {("upper_neck", "neck"), ("thorax", "neck")}),
        ("mpii-16", "h36m-17", {("upper_neck", "jaw"), ("head_top", "head_end")}),
        ("h36m-17", "coco-17", {("jaw", "nose"), ("head_end", "nose")}),
        ("halpe-26", "mhp-16", {("neck", "upper_neck"), ("neck", "thorax"), ("mid_hip", "pelvis")}),
        ("halpe-26", "human-art-21", {
            ("left_big_toe", "left_toe"), ("left_small_toe", "left_toe"),
            ("right_big_toe", "right_toe"), ("right_small_toe", "right_toe"),
        }),
        ("aic-14", "lsp-14", set()),
        ("mpii-16", "mhp-16", set()),
    ],
)  # fmt: skip
def test_what_is_close_but_not_the_same(a, b, close):
    found = compare(skeletons.get(a), skeletons.get(b))
    assert {(x, y) for x, y, _ in found.close} == close


def test_a_hand_without_a_side_is_close_to_both_hands():
    found = compare(skeletons.get("hand-21"), skeletons.get("coco-wholebody-133"))
    assert found.shared == []
    of_tip = [b for a, b, _ in found.close if a == "thumb_tip"]
    assert of_tip == ["left_thumb_tip", "right_thumb_tip"]
    assert len(found.close) == 21 * 2 + 2  # and the wrists of the body


def test_halpe_holds_all_of_wholebody():
    found = compare(skeletons.get("halpe-136"), skeletons.get("coco-wholebody-133"))
    assert len(found.shared) == 133 and found.only_b == [] and found.close == []
    assert found.only_a == ["head_top", "neck", "mid_hip"]


@pytest.mark.parametrize(("a", "b"), list(combinations(NAMES, 2)))
def test_a_comparison_is_complete_and_the_same_from_both_sides(a, b):
    first, second = skeletons.get(a), skeletons.get(b)
    there, back = compare(first, second), compare(second, first)
    assert len(there.shared) + len(there.only_a) == len(first.joints)
    assert len(there.shared) + len(there.only_b) == len(second.joints)
    assert sorted(there.shared) == sorted((name, i, j) for name, j, i in back.shared)
    assert (there.only_a, there.only_b) == (back.only_b, back.only_a)
    assert {(x, y) for x, y, _ in there.close} == {(y, x) for x, y, _ in back.close}
    for x, y, _ in there.close:
        assert x in there.only_a and y in there.only_b


def test_a_skeleton_with_itself_is_all_shared():
    coco = skeletons.get("coco-17")
    found = compare(coco, coco)
    assert found.shared == [(name, i, i) for i, name in enumerate(coco.names)]
    assert not (found.only_a or found.only_b or found.close)


def test_a_users_skeleton_speaks_the_vocabulary_by_its_spelling():
    mine = skeletons.from_names("mine", ["Left-Wrist", "Nose", "whiskers"], [])
    assert canonical_names(mine) == ("left_wrist", "nose", "whiskers")
    found = vocabulary.compare(mine, skeletons.get("coco-17"))
    assert found.shared == [("left_wrist", 0, 9), ("nose", 1, 0)] and found.only_a == ["whiskers"]
