"""Charts: frames to Plotly figures. Pure; nothing here knows of pages or queries.

Every mark carries the position of its row in the frame as `customdata`, which is how a click finds the
images behind it (show.py). Categories lie on numbered positions and have their names as tick texts: names
that look like numbers, or are cut to the same text, stay apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard import palette
from dashboard.charts_base import (
    CLEAR,
    MAX_BESIDE,
    MAX_CATEGORIES,
    NO_ROW,
    axis,
    categories,
    finish,
    height_of,
    log_ticks,
    longest_tail,
    split_colors,
)
from dashboard.text import plotly as plain

__all__ = [
    "MAX_BESIDE", "MAX_CATEGORIES", "bars", "columns", "grid", "heat", "histogram", "longest_tail",
    "split_colors",
]  # fmt: skip


def bars(
    frame: pd.DataFrame,
    *,
    category: str,
    value: str,
    title: str,
    category_title: str,
    value_title: str,
    color: str | None = None,
    colors: Mapping[str, str] | None = None,
    order: Sequence[str] | None = None,
    log: bool = False,
    percent: bool = False,
    hover: Sequence[tuple[str, str]] = (),
) -> go.Figure:
    """Horizontal bars, stacked by `color`; with `log`, points, since a bar on a log axis has no foot.

    `hover`: (column, what it is) of further numbers to tell.
    """
    frame = frame.reset_index(drop=True)
    if order is None:
        order = list(frame.groupby(category)[value].sum().sort_values(ascending=False).index)
    shown, _ = longest_tail(order)
    place = {name: i for i, name in enumerate(shown)}
    fig = go.Figure()
    number = ".1%" if percent else ",.0f"
    for name in colors if color and colors else [None]:
        part = frame if name is None else frame[frame[color] == name]
        part = part[part[category].isin(place)]
        if part.empty:
            continue
        tone = palette.SPLIT_COLORS["train"] if name is None else colors[name]
        lines = [f"{plain(category_title)}: %{{text}}", f"{plain(value_title)}: %{{x:{number}}}"]
        lines += [f"{words}: %{{customdata[{n}]}}" for n, (_, words) in enumerate(hover, start=1)]
        extra = [[plain(_number(row[column])) for column, _ in hover] for _, row in part.iterrows()]
        common = {
            "x": part[value].tolist(),
            "y": [place[c] for c in part[category]],
            "text": [plain(c) for c in part[category]],
            "customdata": [[i, *more] for i, more in zip(part.index.tolist(), extra, strict=True)],
            "name": plain(name) if name is not None else "",
            "showlegend": name is not None,
            "hovertemplate": "<br>".join(lines) + ("<extra></extra>" if name is None else ""),
        }
        if log:
            fig.add_scatter(mode="markers", marker={"color": tone, "size": 9}, **common)
        else:
            fig.add_bar(orientation="h", marker={"color": tone}, textposition="none", **common)
    fig.update_layout(barmode="stack", bargap=0.25)
    axis(fig.update_xaxes, value_title, log=log, percent=percent)
    categories(fig.update_yaxes, shown, category_title, reverse=True)
    return finish(fig, title, height=height_of(len(shown)), legend=color is not None)


def heat(
    frame: pd.DataFrame,
    *,
    x: str,
    y: str,
    value: str,
    title: str,
    x_title: str,
    y_title: str,
    value_title: str,
    x_order: Sequence[str],
    y_order: Sequence[str],
    theme: str,
    percent: bool = False,
    top: float | None = None,
) -> go.Figure:
    """A matrix of cells. Plotly's heat maps take no clicks: a clear point in each cell takes them, empty
    cells included, so that a click on one is not the neighbour's."""
    frame = frame.reset_index(drop=True)
    columns, _ = longest_tail(x_order)
    rows, _ = longest_tail(y_order)
    at_x, at_y = {n: i for i, n in enumerate(columns)}, {n: i for i, n in enumerate(rows)}
    part = frame[frame[x].isin(at_x) & frame[y].isin(at_y)]
    grid = np.full((len(rows), len(columns)), np.nan)
    grid[[at_y[n] for n in part[y]], [at_x[n] for n in part[x]]] = part[value].to_numpy(float)
    number = ".1%" if percent else ",.0f"
    fig = go.Figure()
    few = grid.size <= 240 and len(columns) <= 12
    fig.add_heatmap(
        z=grid, colorscale=palette.sequential(theme), zmin=0, zmax=top, hoverinfo="skip", xgap=1, ygap=1,
        texttemplate=f"%{{z:{number}}}" if few else None, textfont={"size": 11}, showscale=not few,
        # A bar beside two rows is too short for its title; the hover says what is counted.
        colorbar={"title": {"text": plain(value_title, 48) if len(rows) > 8 else "", "side": "right"},
                  "thickness": 12, "tickformat": ".0%" if percent else "~s"},
    )  # fmt: skip
    row_of = {(a, b): i for i, a, b in zip(part.index.tolist(), part[x], part[y], strict=True)}
    cells = [(a, b) for b in rows for a in columns]
    fig.add_scatter(
        x=[at_x[a] for a, _ in cells], y=[at_y[b] for _, b in cells], mode="markers", showlegend=False,
        marker={"symbol": "square", "size": 22, "color": CLEAR, "line": {"width": 0}},
        customdata=[[row_of.get(cell, NO_ROW)] for cell in cells],
        text=[
            f"{plain(b)} × {plain(a)}<br>{plain(value_title)}: "
            + (_format(part[value][row_of[a, b]], percent) if (a, b) in row_of else "none")
            for a, b in cells
        ],
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    fig.update_layout(hovermode="closest", hoverdistance=-1)  # the whole of a cell answers, not its middle
    categories(fig.update_xaxes, columns, x_title)
    categories(fig.update_yaxes, rows, y_title, reverse=True)
    return finish(fig, title, height=height_of(len(rows)) + 60, legend=False)


def histogram(
    frame: pd.DataFrame,
    *,
    title: str,
    value_title: str,
    colors: Mapping[str, str],
    log: bool = False,
    count_title: str = "boxes",
) -> go.Figure:
    """Bins (`low`, `high`, `split`, `boxes`) as stacked bars; `log`: the bins are of one ratio."""
    frame = frame.reset_index(drop=True)
    fig = go.Figure()
    low, high = frame["low"].to_numpy(float), frame["high"].to_numpy(float)
    if log:
        # Plotly misplaces wide bars on a log axis: the logarithms go on a plain one, with our own ticks.
        low, high = np.log10(low), np.log10(high)
    for split, color in colors.items():
        mine = (frame["split"] == split).to_numpy()
        if not mine.any():
            continue
        part = frame[mine]
        fig.add_bar(
            x=((low + high) / 2)[mine].tolist(), width=(high - low)[mine].tolist(),
            y=part["boxes"].tolist(), name=plain(split), marker={"color": color, "line": {"width": 0}},
            customdata=[[i] for i in part.index.tolist()], textposition="none",
            text=[_range(row) for _, row in part.iterrows()],
            hovertemplate=f"%{{text}}: %{{y:,}} {count_title}",
        )  # fmt: skip
    fig.update_layout(barmode="stack", bargap=0)
    axis(fig.update_xaxes, value_title)
    if log and len(low):
        ticks = log_ticks(float(low.min()), float(high.max()))
        fig.update_xaxes(tickvals=[math.log10(t) for t in ticks], ticktext=[f"{t:g}" for t in ticks])
    axis(fig.update_yaxes, count_title)
    return finish(fig, title, height=330, legend=len(colors) > 1)


def columns(
    frame: pd.DataFrame, *, x: str, y: str, title: str, x_title: str, y_title: str, colors: Mapping[str, str]
) -> go.Figure:
    """Upright stacked bars over whole numbers, by split."""
    frame = frame.reset_index(drop=True)
    fig = go.Figure()
    for split, color in colors.items():
        part = frame[frame["split"] == split]
        if not part.empty:
            fig.add_bar(
                x=part[x].tolist(), y=part[y].tolist(), name=plain(split), marker={"color": color},
                customdata=[[i] for i in part.index.tolist()],
                hovertemplate=f"{plain(x_title)}: %{{x}}<br>{plain(y_title)}: %{{y:,}}",
            )  # fmt: skip
    fig.update_layout(barmode="stack")
    axis(fig.update_xaxes, x_title)
    fig.update_xaxes(dtick=1 if frame[x].max() <= 25 else None)
    axis(fig.update_yaxes, y_title)
    return finish(fig, title, height=330, legend=len(colors) > 1)


def grid(
    frame: pd.DataFrame,
    *,
    cells: int,
    title: str,
    x_title: str,
    y_title: str,
    value_title: str,
    theme: str,
    margin: int = 0,
    box: bool = False,
) -> go.Figure:
    """Counts on a grid over the unit square (`cell_x`, `cell_y`, third column the count), y downwards."""
    value = frame.columns[2]
    side = cells + 2 * margin
    counts = np.zeros((side, side))
    counts[frame["cell_y"].to_numpy(int) + margin, frame["cell_x"].to_numpy(int) + margin] = frame[value]
    at = (np.arange(side) - margin + 0.5) / cells
    fig = go.Figure()
    fig.add_heatmap(
        x=at,
        y=at,
        z=counts,
        colorscale=palette.sequential(theme),
        zmin=0,
        colorbar={
            "title": {"text": plain(value_title, 48), "side": "right"},
            "thickness": 12,
            "tickformat": "~s",
        },
        hovertemplate=f"x %{{x:.2f}}, y %{{y:.2f}}: %{{z:,}} {plain(value_title)}<extra></extra>",
    )
    if box:
        fig.add_shape(type="rect", x0=0, y0=0, x1=1, y1=1, line={"color": palette.MUTED[theme], "width": 2})
    edge = margin / cells
    axis(fig.update_xaxes, x_title)
    axis(fig.update_yaxes, y_title)
    fig.update_xaxes(range=[-edge, 1 + edge], showgrid=False, constrain="domain", zeroline=False)
    fig.update_yaxes(
        range=[1 + edge, -edge], showgrid=False, scaleanchor="x", constrain="domain", zeroline=False
    )
    return finish(fig, title, height=460, legend=False)


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, (int, np.integer)) else str(value)


def _format(value: float, percent: bool) -> str:
    return f"{value:.1%}" if percent else f"{value:,.0f}"


def _range(row: pd.Series) -> str:
    if row.get("first", False) and not row.get("last", False):
        return f"below {row['high']:.4g}"
    if row.get("last", False) and not row.get("first", False):
        return f"{row['low']:.4g} and more"
    return f"{row['low']:.4g} to {row['high']:.4g}"
