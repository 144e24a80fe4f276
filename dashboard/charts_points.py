"""Charts of points: shares by group, shares with intervals, distributions as ranges. Pure, as charts.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts_base import ROW, axis, categories, finish, height_of, longest_tail
from dashboard.text import plotly as plain


def dots(
    frame: pd.DataFrame,
    *,
    category: str,
    value: str,
    color: str,
    colors: Mapping[str, str],
    order: Sequence[str],
    title: str,
    category_title: str,
    value_title: str,
) -> go.Figure:
    """Shares as points on one line a category: how far apart the groups are is what one sees."""
    frame = frame.reset_index(drop=True)
    shown, _ = longest_tail(order)
    place = {name: i for i, name in enumerate(shown)}
    fig = go.Figure()
    for name in colors:
        part = frame[(frame[color] == name) & frame[category].isin(place)]
        fig.add_scatter(
            x=part[value].tolist(),
            y=[place[c] for c in part[category]],
            mode="markers",
            name=plain(name),
            marker={"color": colors[name], "size": 10, "opacity": 0.85},
            text=[plain(c) for c in part[category]],
            customdata=[[i] for i in part.index.tolist()],
            hovertemplate="%{text}: %{x:.2%}",
        )
    axis(fig.update_xaxes, value_title, percent=True)
    fig.update_xaxes(rangemode="tozero")
    categories(fig.update_yaxes, shown, category_title, reverse=True)
    return finish(fig, title, height=height_of(len(shown)), legend=True)


def intervals(
    frame: pd.DataFrame,
    *,
    category: str,
    title: str,
    category_title: str,
    value_title: str,
    order: Sequence[str],
    color: str,
    colors: Mapping[str, str],
) -> go.Figure:
    """Shares (`share`, `low`, `high`, `part`, `whole`) as points with their intervals, a row a category."""
    frame = frame.reset_index(drop=True)
    shown, _ = longest_tail(order)
    place = {name: i for i, name in enumerate(shown)}
    groups = [name for name in colors if (frame[color] == name).any()]
    fig = go.Figure()
    for n, name in enumerate(groups):
        part = frame[(frame[color] == name) & frame[category].isin(place)]
        offset = (n - (len(groups) - 1) / 2) * 0.7 / max(len(groups), 2)
        fig.add_scatter(
            x=part["share"].tolist(),
            y=[place[c] + offset for c in part[category]],
            mode="markers",
            name=plain(name),
            marker={"color": colors[name], "size": 9},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (part["high"] - part["share"]).tolist(),
                "arrayminus": (part["share"] - part["low"]).tolist(),
                "color": colors[name],
                "thickness": 2,
            },
            customdata=[
                [i, f"{int(a):,} of {int(b):,}", f"{low:.1%} to {high:.1%}"]
                for i, a, b, low, high in zip(
                    part.index.tolist(), part["part"], part["whole"], part["low"], part["high"], strict=True
                )
            ],
            text=[plain(c) for c in part[category]],
            hovertemplate="%{text}: %{x:.1%} (%{customdata[1]})<br>95&#37; interval %{customdata[2]}",
        )
    axis(fig.update_xaxes, value_title, percent=True)
    fig.update_xaxes(rangemode="tozero")
    categories(fig.update_yaxes, shown, category_title, reverse=True)
    row = max(ROW, 11 * len(groups) + 8)
    return finish(fig, title, height=height_of(len(shown), row), legend=len(groups) > 1)


def ranges(
    frame: pd.DataFrame, *, title: str, category_title: str, value_title: str, colors: Sequence[str]
) -> go.Figure:
    """Distributions as a thin line (1–99 %), a thick one (25–75 %) and a point (median), a row each."""
    frame = frame.reset_index(drop=True)
    at = list(range(len(frame)))
    fig = go.Figure()
    for i, color in zip(at, colors, strict=True):
        row = frame.iloc[i]
        for low, high, width in (("p01", "p99", 2), ("p25", "p75", 8)):
            fig.add_scatter(
                x=[row[low], row[high]], y=[i, i], mode="lines", line={"color": color, "width": width},
                showlegend=False, hoverinfo="skip",
            )  # fmt: skip
    fig.add_scatter(
        x=frame["p50"].tolist(), y=at, mode="markers", showlegend=False, customdata=[[i] for i in at],
        marker={"size": 10, "color": "#ffffff", "line": {"width": 2.5, "color": list(colors)}},
        text=[
            f"{plain(r['name'])}<br>median {r['p50']:.3f}, 25–75 &#37; {r['p25']:.3f} to {r['p75']:.3f}<br>"
            f"1–99 &#37; {r['p01']:.3f} to {r['p99']:.3f}, longest {r['longest']:.3f}<br>{r['bones']:,} bones"
            for _, r in frame.iterrows()
        ],
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    axis(fig.update_xaxes, value_title)
    fig.update_xaxes(rangemode="tozero")
    categories(fig.update_yaxes, frame["name"].tolist(), category_title, reverse=True)
    return finish(fig, title, height=height_of(len(frame)), legend=False)
