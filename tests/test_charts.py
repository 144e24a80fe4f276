"""Charts: titles and units, every row a mark, data never as markup, one class and very many."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from dashboard import advice, charts, charts_points, joints, stats, text
from dashboard.show import _clicked

NASTY = "<a href='x'>&amp;$x$%{y}"


def _counts(n: int) -> pd.DataFrame:
    names = [NASTY, *[f"class {i}" for i in range(n - 1)]]
    return pd.DataFrame([(c, s, i + 1) for i, c in enumerate(names) for s in ("train", "val", "fold3")],
                        columns=["label", "split", "n"])  # fmt: skip


def _words(fig) -> str:
    parts = [fig.layout.title.text, *(fig.layout.xaxis.ticktext or ()), *(fig.layout.yaxis.ticktext or ())]
    for trace in fig.data:
        parts += [trace.name or "", *(trace.text if isinstance(trace.text, tuple) else ())]
    return "\n".join(str(p) for p in parts)


def _rows(fig) -> set[int]:
    return {int(d[0]) for trace in fig.data if trace.customdata is not None for d in trace.customdata}


def _titled(fig) -> None:
    assert fig.layout.title.text
    assert fig.layout.xaxis.title.text and fig.layout.yaxis.title.text
    assert fig.layout.paper_bgcolor == fig.layout.plot_bgcolor == "rgba(0,0,0,0)"


@pytest.mark.parametrize("n", [1, 34])
@pytest.mark.parametrize("log", [False, True])
def test_bars(n: int, log: bool) -> None:
    frame = _counts(n)
    colors = charts.split_colors(frame["split"].unique())
    fig = charts.bars(frame, category="label", value="n", color="split", colors=colors, log=log, title="t",
                      category_title="class", value_title="instances", hover=(("n", "again"),))  # fmt: skip
    _titled(fig)
    assert _rows(fig) == set(range(len(frame)))
    assert "<a" not in _words(fig) and "%{y}" not in _words(fig)
    assert fig.layout.height > 20 * n
    assert [t.name for t in fig.data] == ["train", "val", "fold3"]


def test_many_categories_keep_both_ends() -> None:
    shown, left_out = charts.longest_tail([str(i) for i in range(1000)])
    assert shown[0] == "0" and shown[-1] == "999"
    assert len(shown) + left_out == 1000 and len(shown) == charts.MAX_CATEGORIES


def test_names_like_numbers_stay_apart() -> None:
    frame = pd.DataFrame({"c": ["1", "01", "1.0"], "n": [1, 2, 3]})
    fig = charts.bars(frame, category="c", value="n", title="t", category_title="c", value_title="n")
    assert sorted(fig.data[0].y) == [0, 1, 2]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("n", [1, 34])
def test_heat_cells_can_be_clicked(n: int, theme: str) -> None:
    frame = _counts(n)
    fig = charts.heat(frame, x="split", y="label", value="n", title="t", x_title="split", y_title="class",
                      value_title="share", x_order=["train", "val", "fold3"],
                      y_order=list(dict.fromkeys(frame["label"])),
                      theme=theme)  # fmt: skip
    _titled(fig)
    assert _rows(fig) == set(range(len(frame)))
    assert "<a" not in _words(fig)
    assert np.asarray(fig.data[0].z).shape == (n, 3)


@pytest.mark.parametrize("log", [False, True])
def test_histogram(log: bool) -> None:
    frame = pd.DataFrame(
        {
            "split": ["train"] * 3,
            "low": [0.1, 1, 10],
            "high": [1, 10, 100],
            "boxes": [5, 9, 1],
            "first": [True, False, False],
            "last": [False, False, True],
        }
    )
    fig = charts.histogram(
        frame, title="t", value_title="area, pixels²", colors={"train": "#000000"}, log=log
    )
    _titled(fig)
    assert [round(w, 6) for w in fig.data[0].width] == ([1, 1, 1] if log else [0.9, 9, 90])
    assert fig.data[0].text == ("below 1", "1 to 10", "10 and more")


def test_grid_puts_counts_where_they_are() -> None:
    frame = pd.DataFrame({"cell_x": [-1, 3], "cell_y": [0, 4], "n": [7, 8]})
    fig = charts.grid(
        frame, cells=4, margin=1, title="t", x_title="x", y_title="y", value_title="n", theme="dark"
    )
    _titled(fig)
    z = np.asarray(fig.data[0].z)
    assert (z.shape, z[1, 0], z[5, 4], z.sum()) == ((6, 6), 7, 8, 15)


def test_points() -> None:
    frame = pd.DataFrame({"value": ["a", NASTY], "split": ["train", "val"], "part": [1, 2], "whole": [4, 5],
                          "share": [0.25, 0.4], "low": [0.1, 0.2], "high": [0.5, 0.7]})  # fmt: skip
    colors = charts.split_colors(["train", "val"])
    order = frame["value"].tolist()
    for fig in (
        charts_points.intervals(frame, category="value", order=order, color="split", colors=colors, title="t",
                                category_title="c", value_title="v"),
        charts_points.dots(frame, category="value", value="share", order=order, color="split", colors=colors,
                           title="t", category_title="c", value_title="v"),
    ):  # fmt: skip
        _titled(fig)
        assert _rows(fig) == {0, 1}
        assert "<a" not in _words(fig)


def test_ranges() -> None:
    frame = pd.DataFrame(
        {
            "name": [NASTY],
            "p01": [0.1],
            "p25": [0.2],
            "p50": [0.3],
            "p75": [0.4],
            "p99": [0.5],
            "longest": [2.0],
            "bones": [10],
        }
    )
    fig = charts_points.ranges(frame, title="t", category_title="b", value_title="l", colors=["#112233"])
    _titled(fig)
    assert _rows(fig) == {0}


def test_columns_of_a_single_bar() -> None:
    frame = pd.DataFrame({"split": ["train"], "boxes": [0], "images": [3]})
    fig = charts.columns(
        frame, x="boxes", y="images", title="t", x_title="x", y_title="y", colors={"train": "#000"}
    )
    _titled(fig)


def test_click_finds_its_row() -> None:
    rows = pd.DataFrame({"a": [1, 2, 3]})
    for data in ([2, "x"], {"0": 2}, 2):
        assert _clicked({"selection": {"points": [{"customdata": data}]}}, rows, lambda row: row["a"]) == 3
    assert _clicked({"selection": {"points": []}}, rows, lambda row: row["a"]) is None
    assert _clicked({"selection": {"points": [{"customdata": [99]}]}}, rows, lambda row: row["a"]) is None


def test_wilson() -> None:
    low, high = stats.wilson(np.array([0, 5, 10]), np.array([10, 10, 10]))
    assert np.allclose(low, [0, 0.2366, 0.7225], atol=1e-4)
    assert np.allclose(high, [0.2775, 0.7634, 1], atol=1e-4)


def test_balance() -> None:
    assert stats.normalized_entropy(np.array([5, 5])) == pytest.approx(1)
    assert stats.normalized_entropy(np.array([5])) is None
    assert stats.imbalance_ratio(np.array([8, 2, 0])) == 4
    assert stats.imbalance_ratio(np.array([8])) is None


def test_distances() -> None:
    assert stats.js_distance(np.array([1, 0]), np.array([0, 1])) == pytest.approx(1)
    assert stats.js_distance(np.array([1, 3]), np.array([10, 30])) == pytest.approx(0)
    assert stats.js_distance(np.array([1]), np.array([0])) is None
    v, chi2, dof = stats.cramers_v(np.array([[10, 0], [0, 10]]))
    assert (v, chi2, dof) == (pytest.approx(1), pytest.approx(20), 1)
    assert stats.cramers_v(np.array([[10, 5]])) is None
    assert stats.cramers_v(np.array([[10, 5], [0, 0]])) is None


def test_co_visibility_by_counting() -> None:
    sets = [({0, 1, 61}, 3), ({1, 125}, 2), (set(), 1)]
    rows = [[sum(1 << (j % 60) for j in s if j // 60 == block) for block in range(3)] + [n] for s, n in sets]
    frame = pd.DataFrame(rows, columns=["joints_0", "joints_60", "joints_120", "annotations"])
    found = stats.co_visibility(frame, 126)
    for i, j in ((0, 1), (1, 1), (1, 61), (1, 125), (0, 125)):
        assert found.both[i, j] == sum(n for s, n in sets if {i, j} <= s)
    assert found.annotations == 6


def test_states_add_up() -> None:
    frame = pd.DataFrame(
        {
            "grp": ["all"],
            "joint": [0],
            "name": ["nose"],
            "annotations": [10],
            "visible": [4],
            "occluded": [3],
            "recorded": [0],
            "invalid": [1],
            "unlabelled": [2],
            "absent": [0],
        }
    )
    long = joints.in_states(frame)
    assert long["n"].sum() == 10 and math.isclose(long["share"].sum(), 1)
    assert joints.present(frame)[0].words == "visible"
    assert joints.state_called("occluded").narrow == "occluded"


def test_text() -> None:
    assert text.md("a*b_[c](d)<e>$f$:g:") == r"a\*b\_\[c\]\(d\)\<e\>\$f\$\:g\:"
    assert text.clean("a\nb\u202ec") == "a b c"
    assert text.share(1, 100000) == "< 0.1 %" and text.share(0, 5) == "0.0 %" and text.share(1, 0) == "–"
    assert text.share(99999, 100000) == "> 99.9 %"
    assert (
        text.listed(["a", "b", "c"]) == "a, b and c" and text.listed(["a"]) == "a" and text.listed([]) == ""
    )
    assert text.listed(list("abcdef"), 2) == "a, b and 4 more"
    assert text.size(999) == "999 B" and text.size(1_500_000) == "1.5 MB"


def test_advice_needs_no_streamlit() -> None:
    assert advice.Advice("x").door is None


def test_click_on_an_empty_cell_opens_nothing() -> None:
    frame = pd.DataFrame({"a": ["x"], "b": ["y"], "n": [1]})
    fig = charts.heat(
        frame, x="a", y="b", value="n", title="t", x_title="a", y_title="b", value_title="n", theme="light",
        x_order=["x", "z"], y_order=["y"],
    )  # fmt: skip
    points = [list(d) for d in fig.data[1].customdata]
    assert points == [[0], [-1]]
    assert _clicked({"selection": {"points": [{"customdata": [-1]}]}}, frame, lambda row: row) is None
