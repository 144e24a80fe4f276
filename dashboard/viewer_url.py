"""What the viewer keeps in the URL beside the shared filters: a link shows a colleague the same view."""

from __future__ import annotations

from dataclasses import dataclass, fields

import streamlit as st

from dashboard import state
from dashboard.data import UsageError
from dashboard.viewer_data import IMAGE_ORDERS, ORDERS, Narrow

IMAGE, SPLIT, ANNOTATION = state.IMAGE, "image_split", "annotation"
SHOW, ORDER, START = "show", "order", "from"
_MAX_LENGTH = 1000


@dataclass(frozen=True)
class View:
    """The viewer's own part of the URL; `wrong` says what of it can't be followed."""

    narrow: Narrow
    image: str | None = None
    split: str | None = None
    annotation: int | None = None
    crops: bool = True
    order: str = "file"
    start: int | None = None
    wrong: str | None = None


def read() -> View:
    """The view that the URL asks for; a value that is none of the allowed is left out and said."""
    given = {name: [v[:_MAX_LENGTH] for v in st.query_params.get_all(name)] for name in st.query_params}
    wrong = None
    try:
        narrow = Narrow.from_query(given)
    except UsageError as error:
        narrow, wrong = Narrow(), str(error)
    crops = _one(given, SHOW) != "images"
    order = _one(given, ORDER) or "file"
    if order not in (ORDERS if crops else IMAGE_ORDERS):
        order = "file"
    return View(
        narrow, _one(given, IMAGE), _one(given, SPLIT), _number(_one(given, ANNOTATION)), crops, order,
        _number(_one(given, START)), wrong,
    )  # fmt: skip


def write(**changes: str | int | None) -> None:
    """Sets and (None) removes parameters; for callbacks."""
    for field, value in changes.items():
        name = START if field == "start" else field  # `from` is no name in Python
        if value is not None:
            st.query_params[name] = str(value)
        elif name in st.query_params:
            del st.query_params[name]


def clear_narrow() -> None:
    """Drops what a click had narrowed the viewer to, and the place in that selection."""
    for name in (*(field.name for field in fields(Narrow)), START):
        if name in st.query_params:
            del st.query_params[name]


def clear_all() -> None:
    """Drops the narrowing and all filters of the dataset."""
    state.reset()


def _one(given: dict[str, list[str]], name: str) -> str | None:
    return next((value for value in given.get(name, ()) if value), None)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else None
