"""Shared filters, the URL, and the doors between pages.

The URL is the truth: widgets write to it in their callbacks and are set from it at the start of every
run. Streamlit clears it when the page changes by the menu; then what was last seen is put back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import data
from dashboard.data import Filters, Narrow

DATASET = "dataset"
COMPARE = "compare"
IMAGE = "image"
IMAGE_SPLIT = "image_split"

#: Field of Filters → the URL's parameter, in the order of the sidebar.
FIELDS = {
    "splits": "split", "labels": "class", "subjects": "subject", "genders": "gender", "races": "race",
    "ages": "age", "findings": "finding",
}  # fmt: skip

#: The pages by name, and their files beside app.py; the order is the menu's.
PAGES = {
    "overview": ("Overview", "pages/overview.py", ":material/dashboard:"),
    "classes": ("Classes", "pages/classes.py", ":material/category:"),
    "keypoints": ("Keypoints", "pages/keypoints.py", ":material/accessibility_new:"),
    "boxes": ("Boxes", "pages/boxes.py", ":material/crop_free:"),
    "demographics": ("Demographics", "pages/demographics.py", ":material/groups:"),
    "splits": ("Splits", "pages/splits.py", ":material/call_split:"),
    "findings": ("Findings", "pages/findings.py", ":material/flag:"),
    "review": ("Review", "pages/review.py", ":material/rate_review:"),
    "viewer": ("Viewer", "pages/viewer.py", ":material/image_search:"),
    "sql": ("SQL", "pages/sql.py", ":material/database:"),
}  # fmt: skip

_KEPT = "kp_query"
_GO = "kp_go"
_CURRENT = "kp_current"
_PAGE = "kp_page"
_ROUTED = "kp_routed"
_CAME_FROM = "kp_came_from"
# A link is made by people: what no person would choose by hand is cut, not served.
_MAX_VALUES, _MAX_LENGTH = 200, 500


@dataclass(frozen=True)
class Current:
    """What is looked at in this run."""

    dataset: Mapping[str, Any]
    filters: Filters
    unknown: str | None = None  # a dataset that the URL asked for and that there is not
    compare: Mapping[str, Any] | None = None  # another dataset, laid beside it where a page can
    uncompared: str | None = None  # one that the URL asked to compare with and that there is not

    @property
    def recorded(self) -> bool:
        """Whether the dataset has a visibility flag."""
        return bool(self.dataset["visibility_recorded"])

    @property
    def unit(self) -> str:
        """The unit of lengths, for axis titles."""
        return "pixels" if self.dataset["unit"] == "pixel" else "share of the image's side"


@dataclass(frozen=True)
class Door:
    """Where a click leads."""

    filters: Filters
    narrow: Narrow | None = None
    image: str | None = None
    page: str = "viewer"
    split: str | None = None  # of the image, where its key may be in several
    annotation: int | None = None  # its place among the image's, from 0
    check: str | None = None  # the one that the Findings page shows


def navigation(icons: bool = True) -> Any:
    """Declares the pages and returns the one that the URL asks for."""
    here = Path(__file__).parent
    pages = [
        st.Page(
            here / file,
            title=title,
            icon=icon if icons else None,
            default=name == "overview",
            url_path="start" if name == "overview" else name,
        )
        for name, (title, file, icon) in PAGES.items()
        if (here / file).exists()
    ]
    # The default page lives at the root alone: someone who types its name shall find it too.
    pages.append(st.Page(_overview, title=PAGES["overview"][0], url_path="overview", visibility="hidden"))
    return st.navigation(pages)


def _overview() -> None:
    st.switch_page(PAGES["overview"][1], query_params=link(Door(current().filters)))


def resolve(datasets: list[dict[str, Any]], page: str = "") -> Current:
    """The dataset and filters of this run, from the URL or, after a change of page, from before it."""
    asked = {name: _values(name) for name in (DATASET, COMPARE, *FIELDS.values())
             if name in st.query_params}  # fmt: skip
    query = _as_before(page, asked) or asked or dict(st.session_state.get(_KEPT, {}))
    names = [row["name"] for row in datasets]
    wanted = next(iter(query.get(DATASET, [])), None)
    dataset = next((row for row in datasets if row["name"] == wanted), datasets[0])
    if wanted is not None and wanted not in names:
        # Filters, and what the viewer was narrowed to, were of a dataset that is gone: nothing fits another.
        query = {}
        for name in list(st.query_params):
            del st.query_params[name]
    beside = next(iter(query.get(COMPARE, [])), None)
    other = next((row for row in datasets if row["name"] == beside and row is not dataset), None)
    current = Current(
        dataset,
        Filters.from_query(dataset["dataset_id"], query),
        wanted if wanted is not None and wanted not in names else None,
        other,
        beside if other is None else None,
    )
    st.session_state[_CURRENT] = current
    _write(_query(current.filters))
    return current


def through_the_router() -> None:
    """Starts over with app.py where a page was run without it; pages call it first.

    For a link straight to a page, as the very first thing that a server is asked for, Streamlit takes a
    folder named `pages` for its older way of multipage apps, until st.navigation has been called once.
    """
    if not st.session_state.get(_ROUTED, False):
        # Without an icon for the tab the browser would fetch the page's from another host.
        navigation(icons=False)
        st.rerun()


@contextmanager
def routed() -> Iterator[None]:
    """Tells pages that they are run by app.py."""
    st.session_state[_ROUTED] = True
    try:
        yield
    finally:
        st.session_state[_ROUTED] = False


def current() -> Current:
    """What app.py resolved in this run."""
    if _CURRENT not in st.session_state:
        through_the_router()
    return st.session_state[_CURRENT]


def changed(**fields: Any) -> None:
    """Puts other filters into the URL; for callbacks, which run before the page does."""
    _write(_query(current().filters.with_(**fields)))


def compare_with(name: str | None) -> None:
    """Lays another dataset beside this one, or none; for callbacks."""
    query = _query(current().filters)
    query.pop(COMPARE, None)
    _write(query | ({COMPARE: [name]} if name else {}))


def reset(dataset: int | None = None) -> None:
    """Drops all filters, and what a click had narrowed the viewer to, which a filter would contradict."""
    for name in list(st.query_params):
        del st.query_params[name]
    _write(_query(Filters(current().filters.dataset if dataset is None else dataset)))


def link(door: Door) -> dict[str, list[str]]:
    """A door's query parameters."""
    found = _query(door.filters)
    if door.narrow is not None:
        found |= door.narrow.to_query()
    if door.image is not None:
        found[IMAGE] = [door.image]
    for name in ("annotation", "check"):
        if (value := getattr(door, name)) is not None:
            found[name] = [str(value)]
    if door.image is not None and door.split is not None:
        found[IMAGE_SPLIT] = [door.split]
    return found


def go(door: Door) -> None:
    """Goes through a door; ends the run."""
    page, filters = door.page, door.filters
    st.session_state[_CAME_FROM] = (st.session_state.get(_PAGE), dict(st.session_state.get(_KEPT, {})), page,
                                    _query(filters))  # fmt: skip
    st.switch_page(PAGES[page][1], query_params=link(door))


def open_next(door: Door | None) -> None:
    """Opens a door at the start of the next run. For callbacks: a click is one event, while a selection
    would still be there when the user comes back, and would send them off again."""
    if door is not None:
        st.session_state[_GO] = door


def follow() -> None:
    """Goes through the door that a callback left; app.py calls it before any page."""
    door = st.session_state.pop(_GO, None)
    if door is not None:
        go(door)


def _as_before(page: str, asked: dict[str, list[str]]) -> dict[str, list[str]] | None:
    """The filters that a page had before a door led away from it, where the browser's Back returns to it.

    Streamlit changes the URL in two steps, first the query, then the page, so that the browser's history
    has the old page with the door's filters in between. Back means the page as it was.
    """
    before, st.session_state[_PAGE] = st.session_state.get(_PAGE), page
    origin, then, target, query = st.session_state.get(_CAME_FROM, (None, None, None, None))
    if page == before or (page, asked, before) != (origin, query, target):
        return None
    del st.session_state[_CAME_FROM]
    for name in list(st.query_params):
        del st.query_params[name]
    return then


def _values(name: str) -> list[str]:
    values = [value[:_MAX_LENGTH] for value in st.query_params.get_all(name)[:_MAX_VALUES] if value]
    return list(dict.fromkeys(values))


def _query(filters: Filters) -> dict[str, list[str]]:
    names = [row["name"] for row in data.datasets() if row["dataset_id"] == filters.dataset]
    found = {DATASET: names}
    now = st.session_state.get(_CURRENT)
    # The comparison is of one dataset with another: a door into the other one leaves it behind.
    if now is not None and now.compare is not None and now.filters.dataset == filters.dataset:
        found[COMPARE] = [now.compare["name"]]
    return found | filters.to_query()


def _write(query: dict[str, list[str]]) -> None:
    """Our parameters into the URL and aside; a page's own (the viewer's image) stay as they are."""
    st.session_state[_KEPT] = query
    for name in (DATASET, COMPARE, *FIELDS.values()):
        values = query.get(name)
        if not values:
            if name in st.query_params:
                del st.query_params[name]
        elif st.query_params.get_all(name) != values:
            st.query_params[name] = values if len(values) > 1 else values[0]
