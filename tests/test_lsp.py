"""LSP and its extension: the two orders of joints.mat, what their flags mean, splits and image names."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csc_matrix

from queries import skeletons
from queries.errors import UnknownFormat, UnreadableInput
from tests.matlab_files import mat, mat_v73

ONE = (
    "select joint, k.x, k.y, visibility from keypoint k join annotation using (annotation_id) "
    "join image i using (image_id) where i.key = ? order by joint"
)


def persons(count: int) -> np.ndarray:
    """count×14×3: each joint of each person at a place of its own, every other flag 1."""
    found = np.zeros((count, 14, 3))
    found[..., 0] = np.arange(count)[:, None] * 100 + np.arange(14) + 0.5
    found[..., 1] = np.arange(count)[:, None] * 7 + np.arange(14) * 3
    found[..., 2] = np.arange(14) % 2
    return found


def lsp(count: int, order: tuple[int, int, int] = (2, 1, 0)) -> bytes:
    return mat(joints=persons(count).transpose(order))


LSPET = (1, 2, 0)


def test_lsp_reads_3_14_2000(indexed):
    found = indexed({"lsp_dataset/joints.mat": lsp(2000), "lsp_dataset/README.txt": ""})
    assert (found.summary.format, found.summary.images, found.summary.annotations) == ("lsp", 2000, 2000)
    assert (found.summary.keypoints, found.summary.problems, found.summary.notes) == (28000, {}, ())
    assert found.rows("select split, count(*), min(key), max(key) from image group by 1 order by 1") == [
        ("test", 1000, "lsp_dataset/images/im1001.jpg", "lsp_dataset/images/im2000.jpg"),
        ("train", 1000, "lsp_dataset/images/im0001.jpg", "lsp_dataset/images/im1000.jpg"),
    ]
    # the flag is 1 where the joint is occluded
    assert found.rows(ONE, "lsp_dataset/images/im0003.jpg") == [
        (joint, 200.5 + joint, 14 + 3 * joint, 1 if joint % 2 else 2) for joint in range(14)
    ]
    assert found.rows("select distinct label, skeleton, x, attributes from annotation") == [
        ("person", "lsp-14", None, None)
    ]
    assert [row[0] for row in found.rows("select name from joint order by joint")][::13] == [
        "right_ankle",
        "head_top",
    ]


def test_lspet_reads_14_3_10000_with_the_flag_the_other_way_round(indexed):
    found = indexed({"joints.mat": lsp(10000, LSPET)})
    assert (found.summary.images, found.summary.keypoints, found.summary.notes) == (10000, 140000, ())
    assert found.rows("select split, count(*), min(key), max(key) from image group by 1") == [
        ("train", 10000, "images/im00001.jpg", "images/im10000.jpg")
    ]
    # 1 where it is labelled; what stands beside a 0 is kept as it is
    assert found.rows(ONE, "images/im00002.jpg") == [
        (joint, 100.5 + joint, 7 + 3 * joint, 2 if joint % 2 else 0) for joint in range(14)
    ]


@pytest.mark.parametrize("order", [(1, 2, 0), (0, 1, 2), (0, 2, 1), (2, 0, 1), (1, 0, 2)])
def test_the_number_of_images_tells_lsp_in_any_order_of_the_axes(indexed, order):
    found = indexed({"joints.mat": lsp(2000, order)})
    assert found.summary.notes == ()
    assert found.rows(ONE, "images/im0003.jpg")[1] == (1, 201.5, 17, 1)
    assert found.rows("select distinct split from image order by 1") == [("test",), ("train",)]


@pytest.mark.parametrize(
    ("folder", "order", "count", "expected"),
    [
        ("a", (2, 1, 0), 5, ("im0001.jpg", 1)),
        ("a", LSPET, 5, ("im00001.jpg", 2)),
        ("a", (0, 1, 2), 5, ("im0001.jpg", 1)),
        ("lspet_dataset", (0, 1, 2), 5, ("im00001.jpg", 2)),
        ("a", (2, 1, 0), 1, ("im0001.jpg", 1)),  # Matlab drops the third axis of one image
        ("a", LSPET, 1, ("im00001.jpg", 2)),
        ("a", (2, 1, 0), 14, ("im0001.jpg", 1)),
        ("a", (2, 1, 0), 3, ("im0001.jpg", 1)),
    ],
)
def test_another_number_of_images_is_read_by_its_order_and_said(indexed, folder, order, count, expected):
    name, flag = expected
    joints = persons(count).transpose(order)
    found = indexed({f"{folder}/joints.mat": mat(joints=joints[..., 0] if count == 1 else joints)})
    assert found.summary.images == count
    assert found.rows(ONE, f"{folder}/images/{name}")[1] == (1, 1.5, 3, flag)
    assert any(f"holds {count} images" in note for note in found.summary.notes)


def test_both_datasets_below_one_root(indexed):
    found = indexed({"lsp_dataset/joints.mat": lsp(2000), "lspet_dataset/joints.mat": lsp(10000, LSPET)})
    assert found.summary.images == 12000
    assert found.rows("select visibility, count(*) from keypoint group by 1 order by 1") == [
        (0, 70000), (1, 14000), (2, 84000),
    ]  # fmt: skip


def test_bad_flags_and_places_are_reported_and_the_rest_loads(indexed):
    joints = persons(2000)
    joints[4, 3, 2], joints[5, 6, 0], joints[7, 0, 2] = 2, np.nan, np.nan
    found = indexed({"joints.mat": mat(joints=joints.transpose(2, 1, 0))})
    assert found.problems() == [
        ("non-finite-coordinate", "joints, image 6"), ("visibility-invalid", "joints, image 5"),
        ("visibility-invalid", "joints, image 8"),
    ]  # fmt: skip
    assert found.rows(ONE, "images/im0005.jpg")[3] == (3, 403.5, 37, None)
    assert found.rows(ONE, "images/im0006.jpg")[6] == (6, None, 53, 2)
    assert found.summary.images == 2000


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (mat_v73("joints"), "v7.3"),
        (mat(RELEASE=1.0), "holds RELEASE, expected joints of 3×14×2000"),
        (mat(joints=np.zeros((3, 16, 5))), "joints of 3×16×5"),
        (mat(joints=np.array(["a" * 14] * 3)), "expected joints of"),
        (b"x" * 600, "no Matlab file"),
        (b"", "is empty"),
    ],
)
def test_a_mat_that_is_not_lsp_is_refused_in_one_sentence(indexed, content, told):
    with pytest.raises(UnreadableInput, match=told) as error:
        indexed({"joints.mat": content}, format="lsp")
    assert "\n" not in str(error.value)


def test_a_v73_joints_mat_is_recognised_by_its_name(indexed):
    with pytest.raises(UnreadableInput, match=r"v7\.3"):
        indexed({"joints.mat": mat_v73("joints")})
    with pytest.raises(UnknownFormat, match=r"1 \.mat"):
        indexed({"joints.mat": mat(joints=np.zeros((3, 16, 5)))})


def test_coco_copies_are_left_out_and_other_coco_is_another_dataset(indexed):
    def coco(name: str) -> dict:
        return {
            "images": [{"id": 1, "file_name": name, "width": 9, "height": 9}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": [1, 1, 2]}],
            "categories": [{"id": 1, "name": "person", "keypoints": ["nose"]}],
        }

    found = indexed({"joints.mat": lsp(2000), "lsp_train.json": coco("im0001.jpg")})
    assert found.summary.images == 2000
    assert any("lsp_train.json" in note for note in found.summary.notes)
    with pytest.raises(UnknownFormat, match="more than one dataset"):
        indexed({"joints.mat": lsp(2000), "x.json": coco("000000000139.jpg")})


def test_split_and_skeleton_options(indexed):
    assert indexed({"joints.mat": lsp(2000)}, split="val").rows("select distinct split from image") == [
        ("val",)
    ]
    with pytest.raises(UnreadableInput, match="LSP's persons have 14"):
        indexed({"joints.mat": lsp(2000)}, skeleton=skeletons.get("mpii-16"))


def test_a_sparse_matrix_is_read_like_any_other(indexed):
    one = persons(1)[0].T
    one[:, 0] = 0
    found = [indexed({"joints.mat": mat(joints=kind(one))}) for kind in (np.array, csc_matrix)]
    rows = [each.rows("select joint, x, y, visibility from keypoint order by 1") for each in found]
    assert rows[0] == rows[1] and len(rows[0]) == 14
    assert found[1].problems() == found[0].problems() == []
