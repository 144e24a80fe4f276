"""Geometry of scenes: which coordinates may be drawn, and in which frame."""

from __future__ import annotations

import math

import pytest

from queries.scene import (
    UNKNOWN_FRAME,
    Instance,
    Joint,
    Scene,
    crop_box,
    image_extent,
    size_note,
    to_pixels,
    view_box,
    visibility_words,
)


def joint(x, y, visibility: int | None = 2, index=0):
    return Joint(index, f"j{index}", x, y, visibility)


@pytest.mark.parametrize(
    ("x", "y", "visibility", "labelled", "ghost"),
    [
        (5, 5, 2, True, False), (5, 5, 1, True, False), (5, 5, None, True, False), (0, 0, 2, True, False),
        (5, 5, 0, False, True), (0, 0, 0, False, False), (None, 5, 2, False, False),
        (math.nan, 5, 2, False, False), (math.inf, 5, None, False, False), (5, 5, 3, True, False),
    ],
)  # fmt: skip
def test_what_counts_as_labelled(x, y, visibility, labelled, ghost):
    j = joint(x, y, visibility)
    assert (j.labelled, j.ghost) == (labelled, ghost)


def test_visibility_in_words():
    assert [visibility_words(v) for v in (0, 1, 2, None)] == [
        "not labelled", "occluded", "visible", "visibility not recorded",
    ]  # fmt: skip
    assert "7" in visibility_words(7)


def test_a_bone_needs_both_joints_labelled():
    joints = (joint(1, 1, 2, 0), joint(2, 2, 1, 1), joint(3, 3, 0, 2), joint(None, None, 2, 3))
    drawn = Instance(1, joints=joints, bones=((0, 1), (1, 2), (0, 3), (0, 9), (0, 0))).drawn_bones()
    assert [(a.index, b.index) for a, b in drawn] == [(0, 1)]


@pytest.mark.parametrize(
    "box", [None, (1, 2, None, 4), (1, math.nan, 3, 4), (1, 2, math.inf, 4), (1e308,) * 4]
)
def test_boxes_that_are_no_boxes(box):
    assert Instance(1, box=box).rect is None


def test_a_box_of_negative_size_is_turned_round():
    assert Instance(1, box=(10, 10, -4, 2)).rect == (6, 10, 10, 12)


def test_normalized_coordinates_take_the_files_size():
    instance = Instance(1, box=(0.5, 0.5, 0.25, None), joints=(joint(0.5, 0.25),))
    px = to_pixels(Scene(10, 10, (instance,), "normalized"), 200, 100)
    assert (px.width, px.height, px.unit, px.size_known) == (200, 100, "pixel", True)
    assert px.instances[0].box == (100, 50, 50, None)
    assert px.instances[0].joints[0].place == (100, 25)
    assert to_pixels(px, 999, 999) == px  # once is enough


def test_pixel_coordinates_keep_the_declared_frame():
    assert to_pixels(Scene(640, 480), 320, 240).width == 640
    assert to_pixels(Scene(None, None), 320, 240).width == 320
    assert to_pixels(Scene(-5, 0), 320, 240).width == 320


def test_a_frame_is_made_up_where_no_size_is_known():
    assert to_pixels(Scene(None, None, unit="normalized")).width == UNKNOWN_FRAME[0]
    px = to_pixels(Scene(None, None, (Instance(1, box=(10, 20, 90, 180), joints=(joint(1e300, 5),)),)))
    assert (px.width, px.height, px.size_known) == (111, 221, False)


def test_how_an_image_is_laid_under_its_annotations():
    assert image_extent((640, 480), (320, 240)) == (640, 480)
    assert image_extent((640, 427), (100, 67)) == (640, 427)  # rounding of a small copy
    assert image_extent((640, 480), (480, 640)) == (480, 640)
    assert size_note(Scene(640, 480), (640, 480)) is None
    assert "turned" in size_note(Scene(640, 480), (480, 640))
    assert "scaled" in size_note(Scene(640, 480), (320, 240))
    assert "unscaled" in size_note(Scene(640, 480), (300, 300))


def test_the_view_reaches_out_but_not_without_limit():
    near = Scene(100, 100, (Instance(1, joints=(joint(110, 50),)),))
    assert view_box(near) == (0, 0, 112, 100)
    far = Scene(100, 100, (Instance(1, joints=(joint(1e9, 50),)),))
    assert view_box(far) == (0, 0, 127, 100)


def test_a_crop_holds_box_and_joints_in_the_wanted_shape():
    instance = Instance(1, box=(20, 20, 20, 20), joints=(joint(60, 30), joint(200, 200, 0)))
    left, top, right, bottom = crop_box(Scene(400, 300), instance, margin=0.1, aspect=2)
    assert left <= 20 and top <= 20 and right >= 60 and bottom >= 40
    assert (right - left) / (bottom - top) == pytest.approx(2)
    assert left >= 0 and top >= 0  # moved into the frame


def test_a_crop_of_nothing_is_the_frame():
    left, top, right, bottom = crop_box(Scene(400, 300), Instance(1))
    assert left <= 0 and top <= 0 and right >= 400 and bottom >= 300
