"""`kpaudit skeletons`: the figure of a skeleton, the list, the description, the comparison."""

from __future__ import annotations

import io
import json
import re
from importlib import resources
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from dashboard import draw, palette
from queries import colors, skeleton_commands, skeleton_figure, skeletons, vocabulary
from queries.errors import SkeletonError, UsageError
from queries.scene import Joint

NAMES = list(skeletons.bundled())


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_shows_every_part_in_its_colour(name):
    found = skeletons.get(name)
    image = Image.open(io.BytesIO(skeleton_figure.png(found)))
    assert image.format == "PNG" and image.width >= 760 and image.height >= 700
    counted = {color: count for count, color in image.convert("RGB").getcolors(1 << 24)}
    for part in {joint.part for joint in found.joints}:
        assert counted.get(palette.rgb(colors.part_color(part)), 0) > 60, part
    margin = [(x, y) for x in (0, image.width - 1) for y in range(image.height)]
    assert {image.getpixel(place) for place in margin} == {(255, 255, 255)}


@pytest.mark.parametrize("name", NAMES)
def test_every_joint_has_a_place_of_its_own_inside_the_figure(name):
    found = skeletons.get(name)
    shown: list[int] = []
    for column in skeleton_figure._columns(found):
        for panel in (panel for row in column for panel in row):
            shown += panel.spots
            places = [(round(x), round(y)) for x, y in panel.spots.values()]
            assert len(set(places)) == len(places)
            assert all(0 < x < panel.size[0] and 0 < y < panel.size[1] for x, y in places)
            at = dict(zip(panel.spots, places, strict=True))
            names = vocabulary.canonical_names(found)
            for index in at:  # the person's right is on the viewer's left
                flip = found.joints[index].flip
                if names[index].startswith("left_") and flip in at:
                    assert at[flip][0] < at[index][0]
    assert sorted(shown) == list(range(len(found.joints)))


def test_skeletons_that_nobody_knows_are_drawn_too():
    dog = skeletons.from_names("dog", ["nose", "tail", "left_paw", "right_paw"], [(0, 1), (1, 2), (1, 3)])
    strange = skeletons.from_names("не Latin", ["нос\n\x00" + "x" * 99], [])
    for skeleton in (dog, skeletons.numbered("unnamed-90", 90), strange):
        assert Image.open(io.BytesIO(skeleton_figure.png(skeleton))).width > 700
    assert len(skeleton_figure._columns(dog)[0][0][0].spots) == 4


def test_names_never_overlap_in_a_figure():
    for wanted in ([10.0] * 9, [0.0, 1.0, 500.0], [990.0] * 5, []):
        heights = skeleton_figure._spread(wanted, 20, 1000)
        assert all(b - a >= skeleton_figure._ROW - 1e-6 for a, b in pairwise(heights))
        assert all(20 <= y <= 1000 for y in heights)
    crowded = skeleton_figure._spread([5.0] * 90, 20, 1000)
    assert crowded == sorted(crowded) and crowded[0] > 19.99 and crowded[-1] <= 1000


def test_colours_are_the_dashboards():
    for part in [*colors.PARTS, None]:
        assert colors.part_color(part) == palette.part_color(part, "light")
    parts = [*colors.PARTS, None]
    for a in parts:
        for b in parts:
            joints = [Joint(0, "a", 0, 0, 2, a), Joint(1, "b", 0, 0, 2, b)]
            assert colors.bone_part(a, b) == draw.bone_part(*joints)


def test_the_command_lists_describes_and_draws(tmp_path):
    out = io.StringIO()
    skeleton_commands.run(None, None, None, out)
    listed = out.getvalue()
    assert all(name in listed for name in NAMES)
    assert max(len(line) for line in listed.splitlines()) < 700
    out = io.StringIO()
    skeleton_commands.run("h36m-32", None, None, out)
    described = out.getvalue()
    assert "left_up_leg" in described and "left_hip" in described and "none are published" in described
    file = tmp_path / "figure.png"
    skeleton_commands.run("hand-21", file, None, io.StringIO())
    assert file.read_bytes().startswith(b"\x89PNG")


def test_the_command_compares_and_reads_a_file_of_the_users(tmp_path):
    out = io.StringIO()
    skeleton_commands.run(None, None, ("coco-17", "mpii-16"), out)
    said = out.getvalue()
    assert "12 joints in both, 5 only in coco-17, 4 only in mpii-16" in said
    assert re.search(r"0  nose +│ 9  head_top", said)
    mine = tmp_path / "mine.json"
    mine.write_text(json.dumps({"keypoints": ["Nose", "Left Wrist", "Third Eye"]}))
    out = io.StringIO()
    skeleton_commands.run(None, None, (str(mine), "coco-17"), out)
    assert "mine and coco-17: 2 joints in both, 1 only in mine" in out.getvalue()


def test_the_command_refuses_what_does_not_go_together(tmp_path):
    file = tmp_path / "x.png"
    wrong = [
        (None, file, None, "name it"),
        ("coco-17", None, ("coco-17", "hand-21"), "--compare takes two"),
        ("coco-71", None, None, "there is no skeleton called 'coco-71' (did you mean 'coco-17'?); known: aic-14"),
        ("coco-17", tmp_path / "nowhere" / "x.png", None, "can't be written"),
        (str(tmp_path / "none.json"), None, None, "can't be read"),
    ]
    for name, png, pair, message in wrong:
        with pytest.raises((UsageError, SkeletonError), match=re.escape(message)):
            skeleton_commands.run(name, png, pair, io.StringIO())


def test_the_figures_in_the_readme_are_those_that_are_drawn():
    """Compared as small grey pictures: another build of the font rasteriser moves single pixels."""
    folder = resources.files("queries").joinpath("skeletons", "figures")
    names = [entry.name.removesuffix(".png") for entry in folder.iterdir() if entry.name.endswith(".png")]
    assert len(names) >= 5
    for name in names:
        kept = Image.open(io.BytesIO(folder.joinpath(f"{name}.png").read_bytes())).convert("L")
        now = Image.open(io.BytesIO(skeleton_figure.png(skeletons.get(name)))).convert("L")
        assert kept.size == now.size
        small = [np.asarray(image.resize((64, 64)), float) for image in (kept, now)]
        assert abs(small[0] - small[1]).mean() < 2, f"{name} is drawn in another way: kpaudit skeletons {name} --png"
