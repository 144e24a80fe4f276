"""What is drawn, pixel by pixel, and what the interactive view says."""

from __future__ import annotations

import base64
import io
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dashboard import palette
from dashboard.draw import Layers, bone_part, clean_text, render
from dashboard.figure import MAX_SIDE, escape, figure
from queries.scene import Instance, Joint, Scene, crop_box

GREY = (120, 120, 120)
HOSTILE = '<b>B</b><a href="javascript:x">&lt;$y$%{x}'
ARM = palette.rgb(palette.part_color("left_arm"))


def joint(index, x, y, visibility: int | None = 2, *, part="left_arm", name=None):
    return Joint(index, name or f"joint{index}", x, y, visibility, part)


def scene(*joints, bones=(), size=(200, 200), **fields) -> Scene:
    return Scene(*size, (Instance(7, joints=joints, bones=bones, **fields),), key="k")


def drawn(a_scene, image="blank", layers=None, **options) -> Image.Image:
    if image == "blank":
        image = Image.new("RGB", (a_scene.width, a_scene.height), GREY)
    options = {"size": 200, "format": "PNG", **options}
    return Image.open(io.BytesIO(render(image, a_scene, layers or Layers(), **options))).convert("RGB")


def near(pixel, color, slack=24) -> bool:
    return all(abs(a - b) <= slack for a, b in zip(pixel, color, strict=True))


# Raster


@pytest.mark.parametrize(("visibility", "color"), [(2, ARM), (None, ARM), (1, GREY)])
def test_filled_when_visible_or_not_recorded_hollow_when_occluded(visibility, color):
    # A bone runs to the joint's centre: the hole must show the image through it all the same.
    out = drawn(scene(joint(0, 50, 50, visibility), joint(1, 150, 150), bones=((0, 1),)), size=600)
    assert near(out.getpixel((150, 150)), color)
    ring = [out.getpixel((150 + d, 150)) for d in range(12)]
    assert any(near(p, ARM) for p in ring)


def test_unlabelled_joints_and_their_bones_are_not_drawn():
    a = joint(0, 50, 100)
    blank = drawn(scene(a))
    for x, visibility in ((150, 0), (None, 2), (math.nan, 2), (math.inf, 2)):
        other = joint(1, x, 100, visibility)
        assert drawn(scene(a, other, bones=((0, 1),))).tobytes() == blank.tobytes()
    both = drawn(scene(a, joint(1, 150, 100), bones=((0, 1),)))
    assert near(both.getpixel((100, 100)), ARM)


def test_the_unlabelled_layer_shows_them_as_crosses():
    lost = scene(joint(0, 100, 100, 0))
    assert near(drawn(lost).getpixel((100, 100)), GREY)
    assert near(drawn(lost, layers=Layers(unlabelled=True)).getpixel((100, 100)), (255, 255, 255))
    at_origin = scene(joint(0, 0, 0, 0), size=(200, 200))
    assert near(drawn(at_origin, layers=Layers(unlabelled=True)).getpixel((0, 0)), GREY)


def test_each_layer_can_be_turned_off():
    full = scene(
        joint(0, 60, 60), joint(1, 140, 140), bones=((0, 1),), box=(40, 40, 120, 120), label="a"
    )  # fmt: skip
    off = Layers(boxes=False, bones=False, joints=False, labels=False)
    assert drawn(full, layers=off).getcolors() == [(200 * 200, GREY)]
    for layer in ("boxes", "bones", "joints"):
        one = Layers(**{**dict.fromkeys(("boxes", "bones", "joints", "labels"), False), layer: True})
        assert len(drawn(full, layers=one).getcolors(100_000)) > 1


def line_share(box, **fields) -> float:
    """The share of the box's upper edge that has the box's colour."""
    out = drawn(scene(box=box, label="a", **fields), layers=Layers(labels=False), colors={"a": "#ff0000"})
    row = [out.getpixel((x, 50)) for x in range(60, 150)]
    return sum(near(p, (255, 0, 0), 60) for p in row) / len(row)


def test_boxes_are_solid_united_and_crowd_dashed():
    box = (50, 50, 110, 100)
    assert line_share(box) > 0.95
    assert 0.2 < line_share(box, kind="united") < 0.8
    assert 0.2 < line_share(box, crowd=True) < 0.8


def test_a_crowd_is_hatched():
    def inside(crowd: bool) -> list:
        one = scene(box=(50, 50, 100, 100), crowd=crowd, label="a")
        out = drawn(one, layers=Layers(labels=False), colors={"a": "#ff0000"})
        return out.crop((60, 60, 140, 140)).getcolors(10_000)

    assert inside(False) == [(80 * 80, GREY)]
    assert any(not near(color, GREY) for _, color in inside(True))


def test_joints_outside_the_image_extend_the_canvas_or_are_pointed_at():
    out = drawn(scene(joint(0, 230, 100)), size=234)
    assert out.width > out.height
    assert near(out.getpixel((230, 100)), ARM)
    far = drawn(scene(joint(0, 1e9, 100)), size=250)
    edge = far.crop((far.width - 12, 0, far.width, far.height))
    assert any(near(color, ARM) for _, color in edge.getcolors(10_000))


def test_focus_makes_the_others_faint():
    first, second = (Instance(n, joints=(joint(0, at, at),)) for n, at in enumerate((50, 150)))
    out = drawn(Scene(200, 200, (first, second)), focus=0, size=400)
    assert near(out.getpixel((100, 100)), ARM)
    assert not near(out.getpixel((300, 300)), ARM)
    assert not near(out.getpixel((300, 300)), GREY, 4)


def test_a_crop_shows_its_instance_where_the_image_has_it():
    image = Image.new("RGB", (200, 200), GREY)
    image.paste("red", (140, 140, 160, 160))
    one = scene(joint(0, 150, 150, 1), box=(130, 130, 40, 40))
    view = crop_box(one, one.instances[0])
    out = drawn(one, image, view=view, size=300)
    part = image.crop((120, 120, 200, 200))
    same = drawn(one, part, view=view, image_box=(120, 120, 200, 200), size=300)
    middle = (out.width // 2, out.height // 2)
    assert near(out.getpixel(middle), (255, 0, 0)) and near(same.getpixel(middle), (255, 0, 0))


def test_a_missing_image_leaves_a_frame_of_the_right_shape_with_the_annotation():
    out = drawn(scene(joint(0, 100, 50), size=(400, 200)), None)
    assert out.size == (200, 100)
    assert near(out.getpixel((50, 25)), ARM)
    says = drawn(scene(size=(400, 200)), None, note="truncated: cut")
    assert says.tobytes() != drawn(scene(size=(400, 200)), None).tobytes()


def test_an_unknown_size_gives_three_by_four():
    hand = Scene(None, None, (Instance(1, joints=(joint(0, 0.5, 0.25),)),), unit="normalized")
    out = drawn(hand, None)
    assert out.size == (150, 200)
    assert near(out.getpixel((75, 50)), ARM)


def test_an_image_of_another_size_is_laid_over_the_frame():
    small = Image.new("RGB", (100, 100), "red")
    assert near(drawn(scene(size=(200, 200)), small).getpixel((190, 190)), (255, 0, 0))
    turned = Image.new("RGB", (100, 200), "red")  # declared 200 × 100
    out = drawn(scene(size=(200, 100)), turned)
    assert near(out.getpixel((90, 50)), (255, 0, 0))
    assert not near(out.getpixel((150, 50)), (255, 0, 0))


@pytest.mark.parametrize("format", ["WEBP", "JPEG", "PNG"])
def test_formats(format):
    assert Image.open(io.BytesIO(render(None, scene(), format=format))).format == format


number = st.one_of(st.none(), st.floats(), st.floats(-50, 300), st.integers(-(10**400), 10**400).map(
    lambda n: float(n) if abs(n) < 10**300 else math.inf))  # fmt: skip
joints = st.lists(
    st.builds(Joint, st.integers(0, 5), st.text(max_size=5), number, number,
              st.sampled_from([None, 0, 1, 2, 3, -1]), st.sampled_from([None, "torso", "left_arm", "?"])),
    max_size=5,
).map(tuple)  # fmt: skip
instances = st.lists(
    st.builds(
        Instance, st.integers(0, 9), st.none() | st.text(max_size=60),
        st.sampled_from(["instance", "united"]),
        st.none() | st.tuples(number, number, number, number), joints,
        st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=6).map(tuple),
        st.none() | st.just("left"), st.booleans(),
    ),
    max_size=3,
).map(tuple)  # fmt: skip
side = st.none() | st.integers(-3, 900) | st.just(10**9)
scenes = st.builds(Scene, side, side, instances, st.sampled_from(["pixel", "normalized"]))
every_layer = Layers(names=True, unlabelled=True)


@settings(max_examples=60, deadline=None)
@given(scenes, st.booleans())
def test_any_scene_becomes_a_picture(any_scene, with_image):
    image = Image.new("RGB", (40, 30)) if with_image else None
    data = render(image, any_scene, every_layer, size=64, format="JPEG", focus=1)
    assert max(Image.open(io.BytesIO(data)).size) == 64


@settings(max_examples=40, deadline=None)
@given(scenes)
def test_any_scene_becomes_a_figure(any_scene):
    json.loads(figure(None, any_scene, every_layer, "dark").to_json())


# The interactive view


def by_meta(fig, meta):
    return [trace for trace in fig.data if trace.meta == meta]


def test_hover_names_the_joint_its_place_and_visibility():
    fig = figure(None, scene(joint(3, 50, 100, 1, name="left_elbow"), joint(4, 300, 10, None)))
    occluded, unknown = by_meta(fig, "joints")
    for words in ("left_elbow", "joint 3", "occluded", "x 50.0, y 100.0 px", "x 0.25, y 0.5"):
        assert words in occluded.hovertext[0]
    assert occluded.marker.color == "#ffffff"  # hollow
    assert occluded.customdata[0] == [7, 3] or tuple(occluded.customdata[0]) == (7, 3)
    assert "visibility not recorded" in unknown.hovertext[0]
    assert "outside the image" in unknown.hovertext[0]
    assert "visibility not recorded" in unknown.name


def test_unlabelled_joints_only_in_their_layer_and_never_on_a_bone():
    lost = scene(joint(0, 5, 5), joint(1, 9, 9, 0), bones=((0, 1),))
    fig = figure(None, lost)
    assert [t.name for t in by_meta(fig, "joints")] == ["joint, visible"]
    assert not by_meta(fig, "bones")
    names = [t.name for t in by_meta(figure(None, lost, Layers(unlabelled=True)), "joints")]
    assert names == ["joint, visible", "joint, not labelled"]


def test_box_hover_and_dashes():
    boxes = Scene(200, 100, (
        Instance(1, "call", box=(10, 20, 30, 40)), Instance(2, "holy", "united", (0, 0, 9, 9)),
        Instance(3, "person", box=(0, 0, 50, 50), crowd=True),
    ))  # fmt: skip
    plain, united, crowd = by_meta(figure(None, boxes), "boxes")
    assert "x 10.0, y 20.0, w 30.0, h 40.0 px" in plain.hovertext[0]
    assert "1,200.0 px²" in plain.hovertext[0]
    assert (plain.line.dash, united.line.dash, crowd.line.dash) == ("solid", "dash", "dash")
    assert crowd.fillpattern.shape == "/"
    assert "crowd" in crowd.name
    assert plain.customdata[0][0] == 1
    assert not by_meta(figure(None, boxes, Layers(boxes=False, united=False, crowd=False)), "boxes")


def test_the_embedded_image_is_small_and_the_axes_are_not():
    out = io.BytesIO()
    Image.new("RGB", (4000, 2000), "red").save(out, "JPEG")
    fig = figure(out.getvalue(), scene(size=(4000, 2000)), theme="dark")
    (shown,) = fig.layout.images
    assert (shown.x, shown.y, shown.sizex, shown.sizey) == (0, 0, 4000, 2000)
    assert (shown.yanchor, shown.sizing, shown.layer) == ("top", "stretch", "below")
    embedded = Image.open(io.BytesIO(base64.b64decode(shown.source.split(",")[1])))
    assert max(embedded.size) == MAX_SIDE
    assert tuple(fig.layout.xaxis.range) == (0, 4000)
    assert tuple(fig.layout.yaxis.range) == (2000, 0)
    assert fig.layout.yaxis.scaleanchor == "x"
    assert fig.layout.dragmode == "pan"


def test_exif_does_not_reach_the_browser():
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.new("RGB", (40, 30)).save(out, "JPEG", exif=exif.tobytes())
    fig = figure(out.getvalue(), scene(size=(40, 30)))
    embedded = Image.open(io.BytesIO(base64.b64decode(fig.layout.images[0].source.split(",")[1])))
    assert embedded.size == (40, 30) and not embedded.getexif()


def texts(fig) -> str:
    return " ".join(a.text for a in fig.layout.annotations)


def test_what_can_not_be_shown_is_said():
    assert "image not on disk" in texts(figure(None, scene()))
    broken = figure(b"<html>", scene())
    assert "not an image" in texts(broken) and not broken.layout.images
    assert "size not known" in texts(figure(None, Scene(None, None)))
    assert "1 joint lies further outside" in texts(figure(None, scene(joint(0, 1e6, 0))))
    out = io.BytesIO()
    Image.new("RGB", (100, 200)).save(out, "PNG")
    assert "turned" in texts(figure(out.getvalue(), scene(size=(200, 100))))


def test_hostile_text_stays_text():
    fig = figure(
        None, scene(joint(0, 5, 5, name=HOSTILE), box=(1, 1, 50, 50), label=HOSTILE, handedness=HOSTILE,
                    source_id=HOSTILE),
        Layers(names=True), note=HOSTILE,
    )  # fmt: skip
    everything = fig.to_json().replace("\\u003c", "<").replace("\\u003e", ">")
    assert "<a" not in everything and "<b>B" not in everything
    assert "$y$" not in everything and "%{" not in everything
    assert escape(HOSTILE) in texts(fig)
    assert escape("a<b&c") == "a&lt;b&amp;c"


def test_control_and_direction_marks_are_removed():
    assert clean_text("a\n\tb\x00\u202ec") == "a b c"
    assert len(clean_text("x" * 500)) == 48
    assert clean_text(None) == ""


# Colours


@pytest.mark.parametrize(
    ("a", "b", "part"),
    [
        ("torso", "left_arm", "left_arm"), ("left_arm", "left_hand", "left_hand"),
        ("left_arm", "right_arm", "torso"), ("left_arm", "left_leg", "torso"), ("head", "torso", "head"),
        ("wrist", "thumb", "thumb"), ("index", "middle", "wrist"), (None, "torso", "torso"),
        (None, None, None),
    ],
)  # fmt: skip
def test_a_bone_takes_the_part_further_out(a, b, part):
    assert bone_part(joint(0, 0, 0, part=a), joint(1, 0, 0, part=b)) == part
    assert bone_part(joint(0, 0, 0, part=b), joint(1, 0, 0, part=a)) == part


def test_category_colours_are_stable_and_distinct():
    names = [f"gesture{n}" for n in range(30)]
    colors = palette.category_colors(names)
    assert colors == palette.category_colors(reversed(names))
    assert len(set(colors.values())) == 30
    assert palette.category_colors([None, "a"])[None] == palette.NEUTRAL
    assert len(palette.category_colors(str(n) for n in range(500))) == 500


def contrast(a, b):
    low, high = sorted((palette.luminance(a), palette.luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_stand_out_from_the_page(theme):
    page = palette.BACKGROUND[theme]
    for color in (*palette.SPLIT_COLORS.values(), *palette.category_colors("abcdefghij").values()):
        assert contrast(color, page) >= 3
        assert contrast(color, palette.text_on(color)) >= 4.5
    scale = palette.sequential(theme)
    assert contrast(scale[0], page) < 1.3 < contrast(scale[-1], page)


def test_left_and_right_differ():
    for limb in ("arm", "leg", "hand", "foot"):
        assert palette.part_color(f"left_{limb}") != palette.part_color(f"right_{limb}")


def test_the_legend_of_a_hand_goes_from_the_wrist_to_the_pinky():
    parts = ["pinky", None, "index", "wrist", "ring", "thumb", "middle"]
    assert sorted(parts, key=palette.part_rank) == [
        "wrist", "thumb", "index", "middle", "ring", "pinky", None,
    ]  # fmt: skip


def test_the_interactive_frame_says_why_there_is_no_image():
    said = texts(figure(None, scene(), reason="outside the image folder"))
    assert "outside the image folder" in said and "not on disk" not in said


def test_a_tile_says_its_reason_large_enough_and_on_a_plate():
    blank = drawn(scene(size=(320, 320)), None, size=320)
    # The strip where the words are: high enough for 22 pixels, and black and white.
    strip = blank.crop((0, 292, 320, 320)).convert("L")
    assert strip.getextrema()[0] < 40 and strip.getextrema()[1] > 220
    white = [y for y in range(320) if max(blank.crop((0, y, 320, y + 1)).convert("L").tobytes()) > 200]
    assert len(white) >= 14  # from the top of the letters to their foot
    # A long reason is broken, not shrunk.
    long = drawn(scene(size=(320, 320)), None, size=320, note="outside the image folder, and said at length")
    rows = [y for y in range(320) if max(long.crop((0, y, 320, y + 1)).convert("L").tobytes()) > 200]
    assert len(rows) > len(white)
