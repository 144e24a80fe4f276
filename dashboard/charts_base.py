"""What all charts have in common: axes, categories, the frame around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import plotly.graph_objects as go

from dashboard import palette
from dashboard.text import plotly as plain

#: The most categories that one axis shows; beyond, the most and the least frequent (see `longest_tail`).
MAX_CATEGORIES = 150
MAX_BESIDE = 34  # labels that an axis from left to right has room for
ROW = 21  # pixels a category needs to be read
NO_ROW = -1  # customdata of a mark that stands for no row of the frame
CLEAR = "rgba(0,0,0,0)"


def split_colors(splits: Sequence[str]) -> dict[str, str]:
    """Splits in their usual order, each with its colour."""
    usual = [name for name in palette.SPLIT_COLORS if name in set(splits)]
    others = sorted(set(splits) - set(usual))
    return {name: palette.split_color(name) for name in (*usual, *others)}


def longest_tail(order: Sequence[str]) -> tuple[list[str], int]:
    """Categories to draw, of a list from the most to the least frequent, and how many that leaves out.

    Both ends are kept: the tail is what one looks for.
    """
    if len(order) <= MAX_CATEGORIES:
        return list(order), 0
    half = MAX_CATEGORIES // 2
    return [*order[:half], *order[-half:]], len(order) - 2 * half


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten between two logarithms, with 2 and 5 where few powers fit."""
    steps = (1,) if high - low > 4 else (1, 2, 5)
    found = [s * 10.0**e for e in range(math.floor(low), math.ceil(high) + 1) for s in steps]
    return [t for t in found if low - 1e-9 <= math.log10(t) <= high + 1e-9] or [10**low, 10**high]


def axis(update: Callable[..., Any], title: str, *, log: bool = False, percent: bool = False) -> None:
    update(title={"text": plain(title)}, type="log" if log else "linear", automargin=True)
    if percent:
        update(tickformat=".0%")
    elif log:
        update(dtick=1)


def categories(update: Callable[..., Any], names: Sequence[str], title: str, reverse: bool = False) -> None:
    # Labels below one another always fit; beside one another only so many do. The hover names the rest.
    step = 1 if reverse else max(1, -(-len(names) // MAX_BESIDE))
    span = [-0.6, len(names) - 0.4]
    shown = [plain(name, 32) for name in names[::step]]
    update(
        tickvals=list(range(0, len(names), step)), ticktext=shown,
        automargin=True, title={"text": plain(title)},
        range=span[::-1] if reverse else span, showgrid=False, zeroline=False,
    )  # fmt: skip


def height_of(rows: int, row: int = ROW) -> int:
    return 150 + max(rows, 2) * row


def finish(fig: go.Figure, title: str, *, height: int, legend: bool) -> go.Figure:
    fig.update_layout(
        title={
            "text": plain(title, 120),
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yanchor": "top",
            "yref": "container",
            "pad": {"t": 6},
            "font": {"size": 16},
        },
        height=height + (24 if legend else 0),
        margin={"l": 8, "r": 8, "t": 72 if legend else 44, "b": 8},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        showlegend=legend,
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yanchor": "bottom",
            "title": {"text": ""},
            "traceorder": "normal",
        },
        hoverlabel={"align": "left"},
        dragmode=False,
        clickmode="event+select",
    )
    return fig
