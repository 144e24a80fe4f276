"""Putting a chart or a table on the page: with a caption, its numbers to download, and a click as a door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard import state
from dashboard.state import Door
from dashboard.text import count, md

OnClick = Callable[[dict[str, Any]], Door | None]

_CONFIG = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "pan2d", "zoomIn2d", "zoomOut2d"],
    "toImageButtonOptions": {"format": "png", "scale": 2},
}


def theme() -> str:
    """light or dark, as the browser shows the page."""
    return "dark" if st.context.theme.type == "dark" else "light"


def header(title: str) -> None:
    """The page's title, and in plain English what is looked at."""
    state.through_the_router()
    st.title(title, anchor=False)
    now = state.current()
    if now.unknown is not None:
        st.warning(
            f"There is no dataset called “{md(now.unknown)}” here; this is {md(now.dataset['name'])}.",
            icon=":material/help:",
        )
    words = now.filters.words()
    st.caption(
        f"Dataset **{md(now.dataset['name'])}**, " + (f"filtered: {md(words)}" if words else "unfiltered")
    )


def nothing(sentence: str) -> None:
    """Said in the place of a chart that the data can't fill."""
    st.info(sentence, icon=":material/info:")


def hidden_note(shown: int, total: int, what: str) -> str:
    """A sentence for a chart that had to leave the middle of a long list out."""
    return f"The chart shows the most and the least frequent of {total:,} {what}." if shown < total else ""


def chart(
    figure: Callable[[], go.Figure],
    frame: pd.DataFrame,
    name: str,
    *,
    empty: str,
    caption: str = "",
    on_click: OnClick | None = None,
    numbers: pd.DataFrame | None = None,
    hint: str = "Click a mark to see its images.",
    width: int | str = "stretch",
) -> None:
    """A chart, or the sentence `empty` where it has no rows; `figure` is made only where it is shown.

    `name` is the file's when downloaded, and the widget's. `on_click` makes a door of a row of the frame.
    `numbers` are downloaded in place of `frame`, where that is only for drawing.
    """
    if frame.empty:
        nothing(empty)
        return
    drawn = figure()
    key = f"chart_{name}"
    alt = drawn.layout.title.text or name
    if on_click is None:
        st.plotly_chart(drawn, key=key, config=_CONFIG, alt=alt, width=width)
    else:
        rows = frame.reset_index(drop=True)
        st.plotly_chart(
            drawn, key=key, config=_CONFIG, alt=alt, width=width, selection_mode="points",
            on_select=lambda: state.open_next(_clicked(st.session_state[key], rows, on_click)),
        )  # fmt: skip
    _foot(caption, hint if on_click else "", frame if numbers is None else numbers, name)


def table(
    frame: pd.DataFrame,
    name: str,
    *,
    empty: str,
    caption: str = "",
    on_click: OnClick | None = None,
    columns: Mapping[str, Any] | None = None,
    hidden: tuple[str, ...] = (),
    height: int | str = "auto",
    hint: str = "Choose a row to see its images.",
) -> None:
    """A table, or the sentence `empty`; choosing a row (the box at its left) is the door."""
    if frame.empty:
        nothing(empty)
        return
    shown = frame.reset_index(drop=True)
    order = [column for column in shown.columns if column not in hidden]
    key = f"table_{name}"
    common = {
        "key": key, "hide_index": True, "column_order": order, "column_config": dict(columns or {}),
        "height": height, "placeholder": "",
    }  # fmt: skip
    if on_click is None:
        st.dataframe(shown, **common)
    else:
        st.dataframe(
            shown, selection_mode="single-row",
            on_select=lambda: state.open_next(_chosen(st.session_state[key], shown, on_click)), **common,
        )  # fmt: skip
    _foot(caption, hint if on_click else "", shown, name)


def _foot(caption: str, hint: str, numbers: pd.DataFrame, name: str) -> None:
    with st.container(horizontal=True, wrap=False, gap="small"):
        st.caption(" ".join(part for part in (caption, hint) if part), width="stretch")
        st.download_button(
            "CSV",
            data=lambda: numbers.to_csv(index=False).encode(),
            file_name=f"{name}.csv",
            mime="text/csv",
            key=f"csv_{name}",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            help=f"The numbers shown: {count(len(numbers), 'row')}",
        )


def _clicked(event: Any, rows: pd.DataFrame, on_click: OnClick) -> Door | None:
    for point in event["selection"]["points"]:
        data = point.get("customdata")
        place = data[0] if isinstance(data, (list, tuple)) else data
        if isinstance(data, dict):  # Plotly hands an array of arrays over as a mapping
            place = data.get("0")
        if place is not None and 0 <= int(place) < len(rows):
            return on_click(rows.iloc[int(place)].to_dict())
    return None


def _chosen(event: Any, rows: pd.DataFrame, on_click: OnClick) -> Door | None:
    chosen = event["selection"]["rows"]
    return on_click(rows.iloc[chosen[0]].to_dict()) if chosen and chosen[0] < len(rows) else None
