"""The viewer's gallery: a grid of annotations cut out of their images, or of whole images."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import state, viewer_data, viewer_url
from dashboard.text import clean, count, md
from dashboard.viewer_data import IMAGE_ORDERS, ORDERS, Layers, Tile, Walk
from dashboard.viewer_url import View

PAGE = 24

# The whole tile is the button: it lies over the picture, unseen until it is pointed at or focused.
_STYLE = """<style>
.st-key-viewer_grid {
    display: grid !important; grid-template-columns: repeat(auto-fill, minmax(165px, 1fr));
}
[class*="st-key-tile_"] { position: relative; width: 100% !important; min-width: 0; border-radius: 0.5rem; }
[class*="st-key-tile_"] img {
    aspect-ratio: 1; object-fit: contain; border-radius: 0.35rem; background: rgba(128, 136, 148, 0.14);
}
[class*="st-key-tile_"] [data-testid="stElementToolbar"] { display: none; }
[class*="st-key-tile_"] [data-testid="stCaptionContainer"] { margin: 0.2rem 0 0.5rem 0.15rem; }
[class*="st-key-tile_"] [data-testid="stCaptionContainer"] p {
    white-space: nowrap; overflow: hidden; text-overflow: ellipsis; margin: 0; line-height: 1.4;
}
[class*="st-key-tile_"] [class*="st-key-open_"] {
    position: absolute; inset: 0; z-index: 2; width: 100% !important;
}
[class*="st-key-open_"] div, [class*="st-key-open_"] button {
    position: absolute; inset: 0; width: 100%; height: 100%;
}
[class*="st-key-open_"] button { background: transparent !important; border: 2px solid transparent; }
[class*="st-key-open_"] button * { color: transparent; }
[class*="st-key-open_"] button:hover, [class*="st-key-open_"] button:focus-visible { border-color: #2b8ac9; }
</style>"""


def show(now: state.Current, view: View) -> None:
    """The grid with its controls."""
    _controls(view)
    walk = viewer_data.walk(now.filters, view.narrow, view.order, view.crops)
    if not len(walk):
        _nothing(now, view)
        return
    place = walk.position(view.start) if view.start is not None else 0
    # From the top again where the selection no longer holds what the page began with.
    first = (place or 0) // PAGE * PAGE
    page = walk.page(first, PAGE)
    _pager(walk, first, view.crops)
    made = viewer_data.tiles(now.dataset, page, view.crops, Layers(labels=False, unlabelled=_ghosts(view)))
    _hint(now, made)
    _grid(now, page, made, view)
    if len(walk) > PAGE:
        _pager(walk, first, view.crops, foot=True)


def _ghosts(view: View) -> bool:
    # Asked for joints that are not labelled, the page shows where they nevertheless lie.
    return view.narrow.state == "unlabelled"


def _controls(view: View) -> None:
    st.session_state["viewer_show"] = "crops" if view.crops else "images"
    st.session_state["viewer_order"] = view.order
    orders = ORDERS if view.crops else IMAGE_ORDERS
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Show", ["crops", "images"], key="viewer_show", required=True, on_change=_changed_show,
            format_func={"crops": "Crops", "images": "Whole images"}.get,
        )  # fmt: skip
        st.selectbox(
            "Order", list(orders), key="viewer_order", width=280,
            format_func=lambda o: orders[o].capitalize(),
            on_change=lambda: viewer_url.write(order=st.session_state["viewer_order"], start=None),
        )  # fmt: skip


def _changed_show() -> None:
    wanted = st.session_state["viewer_show"]
    if wanted == "crops" and st.query_params.get(viewer_url.ORDER) not in ORDERS:
        viewer_url.write(order=None)
    viewer_url.write(show=wanted, start=None)


def _pager(walk: Walk, first: int, crops: bool, foot: bool = False) -> None:
    last = (len(walk) - 1) // PAGE * PAGE
    thing = "box" if crops else "image"
    total = count(len(walk), thing, "boxes" if crops else None)
    upto = min(first + PAGE, len(walk))
    where = "foot" if foot else "head"
    with st.container(horizontal=True, vertical_alignment="center"):
        steps = (
            ("first", ":material/first_page:", 0, first > 0, "First page", None),
            ("previous", ":material/chevron_left:", max(first - PAGE, 0), first > 0, "Previous page", "Left"),
            ("next", ":material/chevron_right:", first + PAGE, first < last, "Next page", "Right"),
            ("last", ":material/last_page:", last, first < last, "Last page", None),
        )
        for name, icon, target, possible, said, key in steps if last else ():
            st.button(
                "\u200b", icon=icon, key=f"viewer_{name}_{where}", disabled=not possible, help=said,
                shortcut=None if foot else key, on_click=_turn, args=(walk, target),
            )  # fmt: skip
        st.markdown(f"**{first + 1:,}–{upto:,}** of **{total}**", width="content")


def _turn(walk: Walk, place: int) -> None:
    found = walk.page(place, 1)
    viewer_url.write(start=found[0][0] if place and found else None)


def _hint(now: state.Current, made: list[Tile]) -> None:
    """Once for the page, not on each of its tiles: why there are no images, and what helps."""
    reasons = [tile.reason for tile in made if tile.reason is not None]
    if not reasons:
        return
    if len(reasons) == len(made) and all(
        reason.startswith(("missing", "no image folder")) for reason in reasons
    ):
        folders = ", ".join(f"“{clean(path.name)}”" for path in viewer_data.where(now.dataset))
        st.info(
            f"None of these images is on disk: they were looked for in {md(folders)}. Their annotations are "
            "drawn on blank frames. `kpaudit index PATH --images DIR|ZIP` says where the images are.",
            icon=":material/hide_image:",
        )
        return
    st.caption(f"Of this page, {count(len(reasons), 'image')} can't be shown; the first: {md(reasons[0])}.")


def _grid(now: state.Current, page: list[tuple[int, int]], made: list[Tile], view: View) -> None:
    st.html(_STYLE)
    rows = viewer_data.named(image_id for _, image_id in page)
    with st.container(gap="small", key="viewer_grid"):
        for place, ((_, image_id), tile) in enumerate(zip(page, made, strict=True)):
            row = rows[image_id]
            with st.container(gap=None, key=f"tile_{place}"):
                title = (tile.label or "no class") if view.crops else _title(row)
                st.image(tile.data, width="stretch", alt=clean(f"{title}, {row['key']}", 120))
                # Two blanks before the end of a line are a line break.
                st.caption(f"**{md(title, 60)}**  \n{md(row['key'], 120)}")
                st.button(
                    "Open", key=f"open_{place}", help=md(row["key"], 120), on_click=_open,
                    args=(now, row, tile.place),
                )  # fmt: skip


def _title(row: dict[str, Any]) -> str:
    names = [name or "no class" for name in row["labels"] or ()]
    if not names:
        return "no boxes"
    many = f" · {count(row['boxes'], 'box', 'boxes')}" if row["boxes"] > 1 else ""
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "") + many


def _open(now: state.Current, row: dict[str, Any], annotation: int | None) -> None:
    several = len(viewer_data.find(now.dataset["dataset_id"], row["key"])) > 1
    viewer_url.write(image=row["key"], image_split=row["split"] if several else None, annotation=annotation)


def _nothing(now: state.Current, view: View) -> None:
    """Which of the filters leave nothing, and the way out."""
    narrow, filters = view.narrow.words(), now.filters.words()
    wanted = "; ".join(words for words in (filters, narrow) if words)
    thing = "box" if view.crops else "image"
    if not wanted:
        st.info(f"The dataset has no {thing}.", icon=":material/info:")
        return
    st.info(f"No {thing} matches: {md(wanted)}.", icon=":material/search_off:")
    if narrow and filters and len(viewer_data.walk(now.filters, viewer_data.Narrow(), "file", view.crops)):
        st.caption(f"The filters alone ({md(filters)}) leave something.")
    with st.container(horizontal=True):
        if narrow:
            st.button(f"Remove “{md(narrow)}”", key="viewer_nothing_narrow", on_click=viewer_url.clear_narrow)
        st.button(
            "Reset all filters", key="viewer_nothing_reset", icon=":material/filter_alt_off:",
            on_click=viewer_url.clear_all,
        )  # fmt: skip
        if view.crops and len(viewer_data.walk(now.filters, view.narrow, "file")):
            st.button(
                "Show the images, which have no boxes", key="viewer_nothing_images",
                on_click=lambda: viewer_url.write(show="images", start=None),
            )  # fmt: skip
