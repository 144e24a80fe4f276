"""Charts of two datasets side by side: paired ranges, distributions over each other, maps. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard import palette
from dashboard.charts_base import axis, categories, finish, height_of, log_ticks
from dashboard.text import plotly as plain

#: A dataset is told by colour and by shape.
SYMBOLS = ("circle", "diamond")


def paired_ranges(
    frame: pd.DataFrame,
    *,
    order: Sequence[str],
    colors: Mapping[str, str],
    title: str,
    category_title: str,
    value_title: str,
    background: str,
) -> go.Figure:
    """Distributions (`name`, `dataset`, `p01` … `p99`, `bones`): a thin line, a thick one, a point each."""
    frame = frame.reset_index(drop=True)
    place = {name: i for i, name in enumerate(order)}
    fig = go.Figure()
    for n, (dataset, color) in enumerate(colors.items()):
        part = frame[(frame["dataset"] == dataset) & frame["name"].isin(place)]
        if part.empty:
            continue
        at = [place[name] + (n - (len(colors) - 1) / 2) * 0.4 for name in part["name"]]
        for low, high, width in (("p01", "p99", 1.5), ("p25", "p75", 6)):
            fig.add_scatter(
                x=[v for a, b in zip(part[low], part[high], strict=True) for v in (a, b, None)],
                y=[v for y in at for v in (y, y, None)],
                mode="lines", line={"color": color, "width": width}, showlegend=False, hoverinfo="skip",
            )  # fmt: skip
        fig.add_scatter(
            x=part["p50"].tolist(), y=at, mode="markers", name=plain(dataset),
            customdata=[[i] for i in part.index.tolist()],
            marker={"symbol": SYMBOLS[n % 2], "size": 9, "color": background,
                    "line": {"width": 2.5, "color": color}},
            text=[
                f"{plain(r['name'])}<br>median {r['p50']:.3f}, 25–75 &#37; {r['p25']:.3f} to {r['p75']:.3f}"
                f"<br>1–99 &#37; {r['p01']:.3f} to {r['p99']:.3f}<br>{r['bones']:,} bones"
                for _, r in part.iterrows()
            ],
            hovertemplate="%{text}",
        )  # fmt: skip
    axis(fig.update_xaxes, value_title)
    fig.update_xaxes(rangemode="tozero")
    categories(fig.update_yaxes, list(order), category_title, reverse=True)
    return finish(fig, title, height=height_of(len(order), 32), legend=True)


def over_each_other(
    frame: pd.DataFrame,
    *,
    colors: Mapping[str, str],
    title: str,
    value_title: str,
    share_title: str,
    log: bool = False,
) -> go.Figure:
    """Bins (`dataset`, `low`, `high`, `boxes`, `share`) as outlines over each other, a mark on each bin.

    Filled bars would hide one dataset behind the other, from the eye and from clicks.
    """
    frame = frame.reset_index(drop=True)
    fig = go.Figure()
    low, high = frame["low"].to_numpy(float), frame["high"].to_numpy(float)
    if log:
        low, high = np.log10(low), np.log10(high)
    for n, (dataset, color) in enumerate(colors.items()):
        mine = (frame["dataset"] == dataset).to_numpy()
        if not mine.any():
            continue
        part = frame[mine]
        x, y = _outline(part["bin"].to_numpy(int), low[mine], high[mine], part["share"].to_numpy(float))
        red, green, blue = palette.rgb(color)
        fig.add_scatter(
            x=x, y=y, mode="lines", line={"color": color, "width": 1.5, "dash": ("solid", "dot")[n % 2]},
            fill="tozeroy", fillcolor=f"rgba({red},{green},{blue},0.16)",
            showlegend=False, hoverinfo="skip",
        )  # fmt: skip
        fig.add_scatter(
            x=((low + high) / 2)[mine].tolist(), y=part["share"].tolist(), mode="markers",
            name=plain(dataset), marker={"color": color, "size": 6, "symbol": SYMBOLS[n % 2]},
            customdata=[[i] for i in part.index.tolist()],
            text=[f"{_bin(r)}: {int(r['boxes']):,} of {int(r['total']):,}" for _, r in part.iterrows()],
            hovertemplate="%{text} (%{y:.1%})",
        )  # fmt: skip
    axis(fig.update_xaxes, value_title)
    if log and len(low):
        ticks = log_ticks(float(low.min()), float(high.max()))
        fig.update_xaxes(tickvals=[math.log10(t) for t in ticks], ticktext=[f"{t:g}" for t in ticks])
    axis(fig.update_yaxes, share_title, percent=True)
    # Per cents of one digit need no more digits than that, but smaller ones do.
    fig.update_yaxes(rangemode="tozero", tickformat="~%")
    return finish(fig, title, height=330, legend=True)


def share_map(
    frame: pd.DataFrame,
    *,
    cells: int,
    margin: int,
    title: str,
    theme: str,
    top: float,
    signed: bool = False,
    value_title: str = "share of keypoints",
) -> go.Figure:
    """Shares (`cell_x`, `cell_y`, `share`) on a grid around the box, y downwards, up to `top`.

    `signed`: differences, from minus `top` to `top`.
    """
    side = cells + 2 * margin
    shares = np.zeros((side, side))
    shares[frame["cell_y"].to_numpy(int) + margin, frame["cell_x"].to_numpy(int) + margin] = frame["share"]
    at = (np.arange(side) - margin + 0.5) / cells
    number = "+.2%" if signed else ".2%"
    fig = go.Figure()
    fig.add_heatmap(
        x=at, y=at, z=shares, zmin=-top if signed else 0, zmax=top,
        colorscale=palette.diverging(theme) if signed else palette.sequential(theme),
        colorbar={"title": {"text": plain(value_title, 48), "side": "right"}, "thickness": 12,
                  "tickformat": "~%"},
        hovertemplate=f"x %{{x:.2f}}, y %{{y:.2f}}: %{{z:{number}}}<extra></extra>",
    )  # fmt: skip
    fig.add_shape(type="rect", x0=0, y0=0, x1=1, y1=1, line={"color": palette.MUTED[theme], "width": 2})
    edge = margin / cells
    axis(fig.update_xaxes, "x, in widths of the box")
    axis(fig.update_yaxes, "y, in heights of the box")
    fig.update_xaxes(range=[-edge, 1 + edge], showgrid=False, constrain="domain", zeroline=False)
    fig.update_yaxes(
        range=[1 + edge, -edge], showgrid=False, scaleanchor="x", constrain="domain", zeroline=False
    )
    return finish(fig, title, height=420, legend=False)


def _outline(
    bins: np.ndarray, low: np.ndarray, high: np.ndarray, share: np.ndarray
) -> tuple[list[float], list[float]]:
    """The upper edge of bins in their order; it comes down to the axis where bins are missing."""
    x, y = [float(low[0])], [0.0]
    for i in range(len(bins)):
        if i and bins[i] != bins[i - 1] + 1:
            x += [float(high[i - 1]), float(low[i])]
            y += [0.0, 0.0]
        x += [float(low[i]), float(high[i])]
        y += [float(share[i])] * 2
    return [*x, float(high[-1])], [*y, 0.0]


def _bin(row: pd.Series) -> str:
    if row["first"] and not row["last"]:
        return f"below {row['high']:.4g}"
    if row["last"] and not row["first"]:
        return f"{row['low']:.4g} and more"
    return f"{row['low']:.4g} to {row['high']:.4g}"
