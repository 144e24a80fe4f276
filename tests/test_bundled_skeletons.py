"""The skeletons that ship with kpaudit, against the published files and numbers typed here once more."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import pytest

from queries import skeletons, vocabulary
from queries.errors import SkeletonError
from queries.model import SkeletonJoint
from queries.readers import coco_skeletons
from queries.readers.yolo_yaml import parse

NAMES = list(skeletons.bundled())
BODY_PARTS = {
    "head", "torso", "left_arm", "right_arm", "left_leg", "right_leg", "left_foot", "right_foot", "face",
    "left_hand", "right_hand",
}  # fmt: skip
HAND_PARTS = {"wrist", "thumb", "index", "middle", "ring", "pinky"}

# OKS sigmas in thousandths, as published.
COCO = [26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]
HAND = [29, 22, 35, 37, 47, 26, 25, 24, 35, 18, 24, 22, 26, 17, 21, 21, 32, 20, 19, 22, 31]
FEET = [68, 66, 66, 92, 94, 94]
FACE = [
    42, 43, 44, 43, 40, 35, 31, 25, 20, 23, 29, 32, 37, 38, 43, 41, 45, 13, 12, 11, 11, 12, 12, 11,
    11, 13, 15, 9, 7, 7, 7, 12, 9, 8, 16, 10, 17, 11, 9, 11, 9, 7, 13, 8, 11, 12, 10, 34, 8, 8, 9,
    8, 8, 7, 10, 8, 9, 9, 9, 7, 7, 8, 11, 8, 8, 8, 10, 8,
]  # fmt: skip
MPII = [89, 83, 107, 107, 83, 89, 26, 26, 26, 26, 62, 72, 179, 179, 72, 62]
AIC = [
    13.88152, 15.15228, 10.57665, 14.17709, 14.97891, 14.02144, 39.09642, 36.86941, 19.81803, 38.43971,
    34.12318, 24.15081, 12.91456, 12.36173,
]  # fmt: skip
SIGMAS = {
    "coco-17": COCO,
    "hand-21": HAND,
    "crowdpose-14": [79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89, 79, 79],
    "aic-14": AIC,
    "mpii-16": MPII,
    "mhp-16": MPII,
    "halpe-26": [*COCO, 26, 26, 66, *[79] * 6],
    "halpe-136": [*COCO, 80, 80, 80, *[89] * 6, *[15] * 110],
    "human-art-21": [*COCO, *[89] * 4],
    "coco-wholebody-133": [*COCO, *FEET, *FACE, *HAND, *HAND],
}
NONE_PUBLISHED = {"lsp-14", "mpii-trb-40", "h36m-17", "h36m-32"}

# The order of joints where no file at hand names them; r and l are right and left.
ORDER = {
    "mpii-16": "r_ankle r_knee r_hip l_hip l_knee l_ankle pelvis thorax upper_neck head_top r_wrist r_elbow "
    "r_shoulder l_shoulder l_elbow l_wrist",
    "lsp-14": "r_ankle r_knee r_hip l_hip l_knee l_ankle r_wrist r_elbow r_shoulder l_shoulder l_elbow "
    "l_wrist neck head_top",
    "ochuman-19": "r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist r_hip r_knee r_ankle l_hip l_knee "
    "l_ankle head neck r_ear l_ear nose r_eye l_eye",
    "halpe-26": "nose l_eye r_eye l_ear r_ear l_shoulder r_shoulder l_elbow r_elbow l_wrist r_wrist l_hip "
    "r_hip l_knee r_knee l_ankle r_ankle head neck hip l_big_toe r_big_toe l_small_toe r_small_toe "
    "l_heel r_heel",
    "h36m-17": "root r_hip r_knee r_foot l_hip l_knee l_foot spine thorax neck_base head l_shoulder l_elbow "
    "l_wrist r_shoulder r_elbow r_wrist",
}
# What each published COCO-style file of the toolboxes is, and at which bone of its own it differs.
PUBLISHED = {
    "aic/test_aic.json": "aic-14",
    "coco/test_coco.json": "coco-17",
    "coco/test_coco_wholebody.json": "coco-17",
    "crowdpose/test_crowdpose.json": "crowdpose-14",
    "h36m/h36m_coco.json": "h36m-17",
    "humanart/test_humanart.json": "human-art-21",
    "mhp/test_mhp.json": "mhp-16",
    "mpii/test_mpii_trb.json": "mpii-trb-40",
    "ochuman/test_ochuman.json": "coco-17",
}


def words(text: str) -> list[str]:
    return [re.sub("^l_", "left_", re.sub("^r_", "right_", name)) for name in text.split()]


def category_of(real_data: Path, file: str) -> dict:
    return json.loads((real_data / "pose" / file).read_text())["categories"][0]


@pytest.mark.parametrize("name", NAMES)
def test_mirrored_twice_is_the_same_and_bones_lie_on_bones(name):
    found = skeletons.get(name)
    flips = [joint.flip for joint in found.joints]
    assert [flips[flip] for flip in flips] == list(range(len(flips)))
    bones = {frozenset(bone) for bone in found.bones}
    assert {frozenset(flips[end] for end in bone) for bone in bones} == bones
    assert len(bones) == len(found.bones)


@pytest.mark.parametrize("name", NAMES)
def test_sides_and_parts_fit_the_names(name):
    found = skeletons.get(name)
    assert {joint.part for joint in found.joints} <= (HAND_PARTS if name == "hand-21" else BODY_PARTS)
    for joint, shared in zip(found.joints, vocabulary.canonical_names(found), strict=True):
        mirror = vocabulary.canonical_names(found)[joint.flip]
        side = next((s for s in ("left", "right") if s in shared.split("_")), None)
        if side:
            other = {"left": "right", "right": "left"}[side]
            assert mirror.split("_") == [other if word == side else word for word in shared.split("_")]
            assert joint.part.startswith(side) or joint.part in ("head", "torso")
        elif joint.part != "face":
            assert mirror == shared and not joint.part.startswith(("left", "right"))


@pytest.mark.parametrize("name", sorted(ORDER))
def test_the_order_where_no_file_names_the_joints(name):
    assert list(skeletons.get(name).names) == words(ORDER[name])


def test_whole_bodies_are_put_together_from_their_fields():
    wholebody, halpe = skeletons.get("coco-wholebody-133"), skeletons.get("halpe-136")
    assert wholebody.names[:17] == halpe.names[:17] == skeletons.get("coco-17").names
    assert wholebody.names[17:23] == tuple(words("l_big_toe l_small_toe l_heel r_big_toe r_small_toe r_heel"))
    assert halpe.names[:26] == skeletons.get("halpe-26").names
    assert wholebody.names[23:] == halpe.names[26:]
    assert wholebody.names[23:91] == tuple(f"face_{k}" for k in range(68))
    hand = vocabulary.canonical_names(skeletons.get("hand-21"))
    for start, side in ((91, "left"), (112, "right")):
        shared = vocabulary.canonical_names(wholebody)[start : start + 21]
        assert shared == tuple(f"{side}_{name}" for name in hand)


def test_the_face_is_mirrored_as_its_markup_says():
    found = skeletons.get("coco-wholebody-133")
    # chin, bridge and tip of the nose and the lips' middles lie on the axis
    own = [k for k in range(68) if found.joints[23 + k].flip == 23 + k]
    assert own == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]
    # the jaw's ends, brows, nostrils, corners and lids of the eyes, corners of the lips
    for a, b in ((0, 16), (17, 26), (21, 22), (31, 35), (36, 45), (39, 42), (40, 47), (48, 54), (60, 64)):
        assert found.joints[23 + a].flip == 23 + b


def test_human36m_has_32_joints_of_which_17_are_in_use():
    own, used = skeletons.get("h36m-32"), skeletons.get("h36m-17")
    assert own.in_use == (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
    shared = vocabulary.canonical_names(own)
    assert tuple(shared[index] for index in own.in_use) == vocabulary.canonical_names(used)
    parents = {b: a for a, b in own.bones}
    # the tree that VideoPose3D gives, typed again
    assert [parents.get(i, -1) for i in range(32)] == [
        -1, 0, 1, 2, 3, 4, 0, 6, 7, 8, 9, 0, 11, 12, 13, 14, 12, 16, 17, 18, 19, 20, 19, 22, 12, 24, 25, 26,
        27, 28, 27, 30,
    ]  # fmt: skip


@pytest.mark.parametrize("name", sorted(SIGMAS))
def test_sigmas_are_the_published_ones(name):
    found = [joint.sigma for joint in skeletons.get(name).joints]
    assert found == pytest.approx([sigma / 1000 for sigma in SIGMAS[name]], abs=1e-9)
    assert skeletons.get(name).sigmas_source


def test_a_skeleton_without_published_sigmas_says_so():
    assert set(NAMES) == SIGMAS.keys() | NONE_PUBLISHED | {"ochuman-19"}
    for name in NONE_PUBLISHED:
        found = skeletons.get(name)
        assert all(joint.sigma is None for joint in found.joints) and found.sigmas_source == ""
        text = resources.files("queries").joinpath("skeletons", f"{name}.toml").read_text()
        # the comment may be wrapped in the middle of it
        assert re.search(r"no (#\s*)?sigmas are (#\s*)?published", text, re.IGNORECASE)
    ochuman = skeletons.get("ochuman-19")
    assert [j.name for j in ochuman.joints if j.sigma is None] == ["head", "neck"]


@pytest.mark.parametrize("file", sorted(PUBLISHED))
def test_a_published_file_is_known_by_its_joints(file, real_data):
    category = category_of(real_data, file)
    found = skeletons.matching(category["keypoints"])
    assert found is not None and found.name == PUBLISHED[file]
    bones = category.get("skeleton") or []
    if found.name in ("crowdpose-14", "mpii-trb-40"):  # COCO's bones on 14 joints; no bones at all
        assert not bones or max(max(bone) for bone in bones) > len(found.joints)
        return
    first = min(min(bone) for bone in bones)  # Human3.6M's file counts from 0
    assert {frozenset(b) for b in found.bones} == {frozenset((a - first, b - first)) for a, b in bones}


def test_the_names_of_human36ms_coco_file_swap_the_legs(real_data):
    """Seen on the images, and here in numbers: two people face the camera, their right is on the left."""
    data = json.loads((real_data / "pose" / "h36m" / "h36m_coco.json").read_text())
    found = skeletons.get("h36m-17")
    at = {name: index for index, name in enumerate(found.names)}
    facing = [a for a in data["annotations"] if a["image_id"] in (3, 4)]
    assert len(facing) == 2
    for annotation in facing:
        x = annotation["keypoints"][0::3]
        for joint in ("hip", "knee", "foot", "shoulder"):
            assert x[at[f"right_{joint}"]] < x[at[f"left_{joint}"]]
    assert data["categories"][0]["keypoints"][1] == "left_hip" and found.names[1] == "right_hip"


def test_a_file_that_swaps_the_legs_gets_the_true_names_and_a_problem(real_data):
    names = tuple(category_of(real_data, "h36m/h36m_coco.json")["keypoints"])
    layout = coco_skeletons.layout(
        coco_skeletons.Category("person", names, "[]", {51: 4}), "mine", None, lambda length: True
    )
    assert layout.skeleton == skeletons.get("h36m-17")
    assert [kind for kind, _ in layout.complaints] == ["skeleton-names"]
    assert "right leg left" in layout.complaints[0][1]


def test_swapped_names_in_a_yolo_file_are_told_and_in_a_users_file_stand(tmp_path):
    names = list(skeletons.get("h36m-17").published_names)
    file = tmp_path / "data.yaml"
    listed = json.dumps(names)
    file.write_text(f"train: images\nkpt_shape: [17, 2]\nkpt_names: {{0: {listed}}}\nnames: [person]\n")
    data = parse(file, (tmp_path,))
    assert data.skeleton("mine") == skeletons.get("h36m-17")
    assert any(kind == "skeleton-names" and "right leg left" in told for kind, told in data.complaints)
    mine = tmp_path / "mine.json"
    mine.write_text(json.dumps({"keypoints": names, "skeleton": [[1, 2]]}))
    own = skeletons.from_file(mine)
    assert own.names == tuple(names) and own.joints[2].part == "left_leg"


def test_a_published_spelling_gives_the_bundled_skeleton(real_data):
    category = category_of(real_data, "aic/test_aic.json")
    given = coco_skeletons.Category(
        "person", tuple(category["keypoints"]), json.dumps(category["skeleton"]), {42: 9}
    )
    layout = coco_skeletons.layout(given, "mine", None, lambda length: True)
    assert layout.skeleton == skeletons.get("aic-14") and layout.complaints == ()


def test_mpii_trb_has_mpiis_own_head_and_neck(real_data):
    """The two files hold the same persons: what TRB calls head and neck are MPII's head top, upper neck."""
    pose = real_data / "pose" / "mpii"
    mpii = {record["image"]: record for record in json.loads((pose / "test_mpii.json").read_text())}
    trb = json.loads((pose / "test_mpii_trb.json").read_text())
    files = {image["id"]: image["file_name"] for image in trb["images"]}
    pairs = vocabulary.compare(skeletons.get("mpii-trb-40"), skeletons.get("mpii-16")).shared
    assert len(pairs) == 14
    seen = 0
    for annotation in trb["annotations"]:
        record = mpii[files[annotation["image_id"]]]
        for _, in_trb, in_mpii in pairs:
            x, y, v = annotation["keypoints"][3 * in_trb : 3 * in_trb + 3]
            if v:
                assert [x, y] == pytest.approx(record["joints"][in_mpii], abs=1e-3)
                seen += 1
    assert seen > 50


def test_which_skeleton_is_assumed_where_nothing_is_named():
    expected = {
        16: "mpii-16", 17: "coco-17", 21: "hand-21", 26: "halpe-26", 40: "mpii-trb-40",
        133: "coco-wholebody-133", 136: "halpe-136",
    }  # fmt: skip
    found = {n: skeletons.default_for(n) for n in range(1, 140)}
    assert {n: skeleton.name for n, skeleton in found.items() if skeleton} == expected
    # three datasets have 14 joints in three orders: a guess would be wrong more often than not
    assert skeletons.default_for(14) is None


@pytest.mark.parametrize(("count", "name"), [(17, "coco-17"), (21, "hand-21"), (14, "unnamed-14")])
def test_nameless_keypoints_of_coco_and_yolo_files(count, name, tmp_path):
    category = coco_skeletons.Category("person", (), None, {count * 3: 5})
    layout = coco_skeletons.layout(category, "mine", None, lambda length: True)
    assert layout.skeleton.name == name and name in layout.guess
    file = tmp_path / "data.yaml"
    file.write_text(f"train: images\nkpt_shape: [{count}, 3]\nnames: [person]\n")
    assert parse(file, (tmp_path,)).skeleton("mine").name == name


def test_joints_without_names_match_nothing():
    assert skeletons.matching([]) is None


def test_mpii_and_mhp_are_told_apart_by_their_spelling(real_data):
    assert skeletons.matching(category_of(real_data, "mhp/test_mhp.json")["keypoints"]).name == "mhp-16"
    assert skeletons.matching(skeletons.get("mpii-16").names).name == "mpii-16"


def test_a_toml_that_names_an_unknown_joint_is_refused():
    data = {"name": "x", "title": "", "source": "", "joints": [{"name": "a"}, {"name": "b"}], "bones": []}
    for extra in ({"canonical": {"c": "nose"}}, {"in_use": ["c"]}, {"published_names": ["a"]}):
        with pytest.raises(SkeletonError, match=r"x\.toml"):
            skeletons._from_toml(data | extra, "x.toml")


def test_own_names_keep_their_shared_ones():
    """Ultralytics spells a hand's joints in its own way: they are MediaPipe's all the same."""
    hand = skeletons.get("hand-21")
    own = skeletons.from_names("own", [name.replace("_finger_", "_") for name in hand.names], [])
    assert skeletons.matching(own.names) == hand
    known = skeletons.with_known_facts(own, hand)
    assert known.names == own.names and known.joints[5].name == "index_mcp"
    assert vocabulary.canonical_names(known) == vocabulary.canonical_names(hand)
    assert known.joints[5] == SkeletonJoint("index_mcp", 5, 0.026, "index", "index_finger_mcp")
