"""Two datasets side by side: their common joints, their units, the filters, against independent counts."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import charts_compare, joints, palette
from dashboard.compare import applied
from dashboard.compare_boxes import possible_units
from dashboard.compare_keypoints import difference, in_shares, shares
from queries import skeletons
from queries.filters import Filters
from queries.index import index
from queries.model import Options
from queries.store import Store
from queries.vocabulary import close_pairs
from queries.workspace import Workspace
from tests.test_pages import APP, TIMEOUT, good, said, url, write

COLORS = {"a": "#4596c8", "<b>$x$": "#d55e00"}


def _people(skeleton: str, n: int, seed: int, size: tuple[int, int] | None = (640, 480)) -> dict[str, Any]:
    """A COCO file of `n` persons with random joints and flags, and one without any."""
    chance = np.random.default_rng(seed)
    known = skeletons.get(skeleton)
    names = [joint.name for joint in known.joints]
    category = {"id": 1, "name": "person", "keypoints": names,
                "skeleton": [[a + 1, b + 1] for a, b in known.bones]}  # fmt: skip
    images = [{"id": i, "file_name": f"{i}.jpg"} | (dict(zip(("width", "height"), size, strict=True))
              if size else {}) for i in range(1, n + 2)]  # fmt: skip
    annotations = []
    for i in range(1, n + 2):
        x, y, w, h = (float(v) for v in chance.integers([5, 5, 40, 60], [60, 60, 300, 350]))
        flags = chance.integers(0, 3, len(names)) if i <= n else [0] * len(names)
        points = [
            (x + w * chance.random(), y + h * chance.random(), int(v)) if v else (0, 0, 0) for v in flags
        ]
        annotations.append({
            "id": i, "image_id": i, "category_id": 1, "bbox": [x, y, w, h], "area": w * h, "iscrowd": 0,
            "keypoints": [c for p in points for c in p], "num_keypoints": sum(p[2] > 0 for p in points),
        })  # fmt: skip
    return {"images": images, "annotations": annotations, "categories": [category]}


def _hands() -> dict[str, Any]:
    return {f"h{n}": {"bboxes": [[0.1, 0.2, 0.1 * n, 0.2]], "labels": ["call"], "user_id": f"s{n}",
                      "hand_landmarks": [[[0.2 + 0.01 * j, 0.3] for j in range(21)]]}
            for n in range(1, 5)}  # fmt: skip


COCO, MPII, SIZELESS = (_people("coco-17", 30, 1), _people("mpii-16", 20, 2), _people("coco-17", 5, 3, None))
KINDS = {
    "coco": {"person_keypoints_val2017.json": COCO},
    "mpii": {"mpii_train.json": MPII},
    "hands": {"train/call.json": _hands()},
    "sizeless": {"person_keypoints_val2017.json": SIZELESS},
    "boxes": {"call.json": {"k": {"bboxes": [[0.1, 0.1, 0.2, 0.2]], "labels": ["call"]}}},
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("compare")
    place = Workspace(base / "ws")
    for name, files in KINDS.items():
        index(place, write(base / name, files), Options(name=name))
    return place.path


@pytest.fixture(scope="module")
def store(workspace: Path):
    opened = Store(Workspace(workspace))
    yield opened
    opened.close()


@pytest.fixture
def run(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KPAUDIT_WORKSPACE", str(workspace))

    def start(page: str, **query: str | list[str]) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=TIMEOUT)
        app.switch_page(f"pages/{page}.py")
        for name, value in query.items():
            app.query_params[name.rstrip("_")] = value
        return good(app.run())

    return start


def _id(store: Store, name: str) -> int:
    return next(row["dataset_id"] for row in store.datasets if row["name"] == name)


def _f(store: Store, name: str) -> dict:
    return Filters(_id(store, name)).struct()


def _points(annotation: dict) -> list[tuple]:
    flat = annotation["keypoints"]
    return [tuple(flat[i : i + 3]) for i in range(0, len(flat), 3)]


def _common(store: Store):
    names = (store.frame("joint_names", skeleton=s) for s in ("coco-17", "mpii-16"))
    return joints.common(*names, close_pairs())


# Pages


@pytest.mark.parametrize("page", ["keypoints", "boxes"])
@pytest.mark.parametrize("other", KINDS)
@pytest.mark.parametrize("dataset", KINDS)
def test_every_pair_shows(run, page: str, dataset: str, other: str) -> None:
    app = run(page, dataset=dataset, compare=other)
    if dataset == other:
        assert "is this dataset itself" in said(app)
        assert "compare" not in url(app)
    else:
        assert url(app) == {"dataset": [dataset], "compare": [other]}
        assert f"Compared with **{other}**, unfiltered." in said(app)


@pytest.mark.parametrize("page", ["keypoints", "boxes"])
def test_none_by_default(run, page: str) -> None:
    app = run(page, dataset="coco")
    assert app.selectbox(key="kp_compare").value is None
    assert "Compared with" not in said(app)
    assert url(app) == {"dataset": ["coco"]}


@pytest.mark.parametrize("page", ["keypoints", "boxes"])
def test_unknown_name_is_said(run, page: str) -> None:
    app = run(page, dataset="coco", compare="<b>x</b>")
    assert "There is no dataset called “<b>x</b>” here to compare with" in said(app)
    assert all("<b>" not in box.value.replace("\\<", "") for box in app.warning)
    assert url(app) == {"dataset": ["coco"]}


def test_picker_writes_the_url(run) -> None:
    app = run("keypoints", dataset="coco", split="val")
    app.selectbox(key="kp_compare").set_value("mpii")
    app = good(app.run())
    assert url(app) == {"dataset": ["coco"], "compare": ["mpii"], "split": ["val"]}
    app.query_params.clear()  # as the menu does
    app.switch_page("pages/boxes.py")
    app = good(app.run())
    assert url(app)["compare"] == ["mpii"]
    app.selectbox(key="kp_compare").set_value(None)
    app = good(app.run())
    assert url(app) == {"dataset": ["coco"], "split": ["val"]}


def test_another_dataset_drops_the_comparison(run, store) -> None:
    app = run("boxes", dataset="coco", compare="mpii")
    app.selectbox(key="kp_dataset").set_value(_id(store, "hands"))
    app = good(app.run())
    assert url(app) == {"dataset": ["hands"]}


def test_joints_are_counted(run) -> None:
    words = said(run("keypoints", dataset="coco", compare="mpii"))
    assert "**12 joints** in common, of **coco** (coco-17) and **mpii** (mpii-16)" in words
    assert "Only in coco, 5: nose, left_eye, right_eye, left_ear and right_ear" in words
    assert "Only in mpii, 4: " in words
    assert "Not the same, so not compared: nose (coco) and head_top (mpii)" in words


def test_nothing_shared(run) -> None:
    words = said(run("keypoints", dataset="coco", compare="hands"))
    assert "**0 joints** in common" in words
    assert "coco-17 and hand-21 have no joint in common" in words


def test_nothing_to_compare(run) -> None:
    assert "No selected annotation of boxes has a labelled joint" in said(
        run("keypoints", dataset="coco", compare="boxes")
    )
    assert "No box of hands is selected" in said(
        run("boxes", dataset="hands", compare="coco", split="nowhere")
    )


def test_filters_in_words(run) -> None:
    words = said(run("boxes", dataset="coco", compare="mpii", split="val", class_="person"))
    assert "those apply that it has values for: class person." in words
    assert "It has no split val, so it is not filtered by split." in words


def test_units(run) -> None:
    words = said(run("boxes", dataset="hands", compare="coco"))
    assert "The units differ: boxes are given of hands in shares of the image, of coco in pixels" in words
    assert "coco is converted to shares of the image by the sizes of its images." in words
    words = said(run("boxes", dataset="hands", compare="sizeless"))
    assert "Neither can be converted into the other's unit" in words
    assert "no image's size is known of hands and sizeless" in words
    assert "The units differ" not in said(run("boxes", dataset="coco", compare="mpii"))


def test_difference_and_states(run) -> None:
    app = run("keypoints", dataset="coco", compare="mpii")
    app.segmented_control(key="compare_maps").set_value("difference")
    app.segmented_control(key="compare_state").set_value("occluded")
    assert "more often there in mpii" in said(good(app.run()))


# Numbers


def test_shares_against_plain_counts(store) -> None:
    frames = {
        name: store.frame("joint_states", f=_f(store, name), skeleton=skeleton, by="all")
        for name, skeleton in (("coco", "coco-17"), ("mpii", "mpii-16"))
    }
    made = shares(frames, _common(store), {"coco": 30, "mpii": 20})
    assert len(made) == 12 * 2 * 3
    names = {"coco": [j.name for j in skeletons.get("coco-17").joints],
             "mpii": [j.name for j in skeletons.get("mpii-16").joints]}  # fmt: skip
    for _, row in made.iterrows():
        source = COCO if row["dataset"] == "coco" else MPII
        wanted = {"labelled": (1, 2), "visible": (2,), "occluded": (1,)}[row["state"]]
        at = names[row["dataset"]].index(row["own_name"])
        assert row["part"] == sum(_points(a)[at][2] in wanted for a in source["annotations"])
        assert row["low"] <= row["share"] <= row["high"]


def test_bones_against_plain_lengths(store) -> None:
    found = store.frame(
        "compared_bones", f=_f(store, "mpii"), skeleton="mpii-16", other="coco-17", sample=1000
    )
    of_coco = store.frame(
        "compared_bones", f=_f(store, "coco"), skeleton="coco-17", other="mpii-16", sample=1000
    )
    ends = set(zip(found["bone_a"], found["bone_b"], strict=True))
    assert ends == set(zip(of_coco["bone_a"], of_coco["bone_b"], strict=True))
    # Only coco-17 draws it, and both can measure it.
    assert ("left_hip", "left_shoulder") in ends
    names = store.frame("joint_names", skeleton="mpii-16")["canonical"].tolist()
    for _, row in found.iterrows():
        a, b = names.index(row["bone_a"]), names.index(row["bone_b"])
        lengths = [
            math.dist(p[a][:2], p[b][:2]) / math.sqrt(n["bbox"][2] * n["bbox"][3])
            for n in MPII["annotations"] if (p := _points(n))[a][2] and p[b][2]
        ]  # fmt: skip
        assert row["bones"] == len(lengths)
        assert row["p50"] == pytest.approx(statistics.median(lengths))


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("measure", ["width", "height", "area", "aspect"])
@pytest.mark.parametrize("unit", ["pixel", "normalized"])
def test_boxes_against_plain_counts(store, unit: str, measure: str, log: bool) -> None:
    one, two = ("coco", "mpii") if unit == "pixel" else ("hands", "coco")
    found = store.frame("compared_boxes", f=_f(store, one), g=_f(store, two), unit=unit, measure=measure,
                        bins=10, log=log)  # fmt: skip
    scale = (1, 1) if unit == "pixel" else (640, 480)
    boxes = {
        "coco": [(a["bbox"][2] / scale[0], a["bbox"][3] / scale[1]) for a in COCO["annotations"]],
        "mpii": [tuple(a["bbox"][2:]) for a in MPII["annotations"]],
        "hands": [tuple(r["bboxes"][0][2:]) for r in _hands().values()],
    }
    of = {"width": lambda w, h: w, "height": lambda w, h: h, "area": lambda w, h: w * h,
          "aspect": lambda w, h: w / h}[measure]  # fmt: skip
    for side, name in ((1, one), (2, two)):
        part = found[found["side"] == side]
        values = np.array([of(w, h) for w, h in boxes[name]])
        assert part["boxes"].sum() == len(values) == part["total"].iloc[0]
        assert part["share"].sum() == pytest.approx(1)
        for _, row in part.iterrows():
            low = -math.inf if row["first"] else row["low"]
            high = math.inf if row["last"] else row["high"]
            # A value on a bin's edge may fall to either side of it, by rounding.
            sure = ((values > low * (1 + 1e-9)) & (values < high * (1 - 1e-9))).sum()
            may = ((values >= low * (1 - 1e-9)) & (values <= high * (1 + 1e-9))).sum()
            assert sure <= row["boxes"] <= may


def test_sizes(store) -> None:
    for name, wanted in {"coco": (31, 31, 31), "hands": (4, 4, 0), "sizeless": (6, 6, 0)}.items():
        assert tuple(store.frame("compared_sizes", f=_f(store, name)).iloc[0]) == wanted


# Pure functions


def test_joints_in_common() -> None:
    a = pd.DataFrame({"joint": [0, 1, 2], "name": ["N", "X", "X2"], "canonical": ["nose", "x", "x"]})
    b = pd.DataFrame({"joint": [0, 1], "name": ["top", "x"], "canonical": ["head_top", "x"]})
    found = joints.common(a, b, [("head_top", "nose", "why")])
    assert found.shared.to_dict("records") == [
        {"canonical": "x", "name_a": "X", "joint_a": 1, "name_b": "x", "joint_b": 1}
    ]
    assert (found.only_a, found.only_b) == (["nose"], ["head_top"])
    assert found.close == [("nose", "head_top", "why")]


def test_filters_apply_where_there_are_values() -> None:
    filters = Filters(1, splits=("train", "val"), labels=("call",), genders=("male",))
    found, dropped = applied(filters, 2, {"splits": {"val"}, "labels": set(), "genders": {"male"}})
    assert found == Filters(2, splits=("val",), genders=("male",))
    assert dropped == {"splits": ["train"], "labels": ["call"]}
    assert applied(Filters(1), 2, {}) == (Filters(2), {})


def test_units_that_are_possible() -> None:
    both = {"pixel": [3, 3], "normalized": [3, 3]}
    assert possible_units(["pixel", "pixel"], both) == ["pixel", "normalized"]
    assert possible_units(["pixel", "normalized"], both) == ["normalized", "pixel"]
    assert possible_units(["pixel", "normalized"], {"pixel": [3, 0], "normalized": [0, 3]}) == []


def test_maps_as_shares() -> None:
    frame = pd.DataFrame({"near": [True, True, False], "cell_x": [0, 1, None], "cell_y": [0, 1, None],
                          "keypoints": [2, 1, 1]})  # fmt: skip
    near = in_shares(frame)
    assert near["share"].tolist() == [0.5, 0.25]
    gap = difference(near, near.assign(cell_x=[0, 3]))
    assert {(r.cell_x, r.cell_y): r.share for r in gap.itertuples()} == {
        (0, 0): 0,
        (1, 1): -0.25,
        (3, 1): 0.25,
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("signed", [False, True])
def test_share_map(theme: str, signed: bool) -> None:
    frame = pd.DataFrame({"cell_x": [-1, 3], "cell_y": [0, 4], "share": [0.25, 0.5]})
    fig = charts_compare.share_map(frame, cells=4, margin=1, title="t", theme=theme, top=0.5, signed=signed)
    z = np.asarray(fig.data[0].z)
    assert (z.shape, z[1, 0], z[5, 4], z.sum()) == ((6, 6), 0.25, 0.5, 0.75)
    assert (fig.data[0].zmin, fig.data[0].zmax) == (-0.5 if signed else 0, 0.5)


def _rows(fig) -> list[int]:
    return sorted(int(d[0]) for t in fig.data if t.customdata is not None for d in t.customdata)


def test_paired_ranges() -> None:
    row = {"p01": 0.1, "p25": 0.2, "p50": 0.3, "p75": 0.4, "p99": 0.5, "bones": 9}
    frame = pd.DataFrame(
        [{"name": name, "dataset": dataset, **row} for name in ("x – y", "<i>") for dataset in COLORS]
    )
    fig = charts_compare.paired_ranges(
        frame, order=["x – y", "<i>"], colors=COLORS, title="t", category_title="bone", value_title="length",
        background="#ffffff",
    )  # fmt: skip
    assert _rows(fig) == [0, 1, 2, 3]
    named = [t for t in fig.data if t.showlegend is None]
    assert [t.name for t in named] == ["a", "&lt;b&gt;&#36;x&#36;"]
    assert [t.marker.symbol for t in named] == ["circle", "diamond"]
    assert not set(named[0].y) & set(named[1].y)


@pytest.mark.parametrize("log", [False, True])
def test_over_each_other(log: bool) -> None:
    frame = pd.DataFrame({"dataset": ["a", "a", "<b>$x$"], "bin": [0, 2, 0], "low": [1.0, 100, 1],
                          "high": [10.0, 1000, 10], "boxes": [3, 1, 5], "total": [4, 4, 5],
                          "share": [0.75, 0.25, 1], "first": [True, False, True],
                          "last": [False, True, False]})  # fmt: skip
    fig = charts_compare.over_each_other(
        frame, colors=COLORS, title="t", value_title="area", share_title="share of boxes", log=log
    )
    assert _rows(fig) == [0, 1, 2]
    line, marks = fig.data[0], fig.data[1]
    edges = (0, 1, 2, 3) if log else (1, 10, 100, 1000)
    # Down to the axis where the bin between them is missing.
    assert list(line.x) == [edges[i] for i in (0, 0, 1, 1, 2, 2, 3, 3)]
    assert list(line.y) == [0, 0.75, 0.75, 0, 0, 0.25, 0.25, 0]
    assert list(marks.text) == ["below 10: 3 of 4", "100 and more: 1 of 4"]


def test_colours_of_datasets() -> None:
    assert not set(palette.DATASET_COLORS) & set(palette.SPLIT_COLORS.values())
    for color in palette.DATASET_COLORS:
        for page in palette.BACKGROUND.values():
            light, dark = sorted((palette.luminance(color), palette.luminance(page)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 3
