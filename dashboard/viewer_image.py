"""The viewer's single image: zoom, layers, next and previous, and all that is known of it as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import show as shown
from dashboard import state, viewer_data, viewer_findings, viewer_tables, viewer_url
from dashboard.data import NO_CLASS
from dashboard.text import clean, count, md
from dashboard.viewer_data import CONFIG, Filters, Layers, Narrow, Picture, Scene, Walk
from dashboard.viewer_url import View

# The figure's height follows the image's shape, between these, at the width it has on a common screen.
_LOW, _HIGH, _WIDE, _LEGEND = 360, 680, 640, 100

# Side by side where there is room for both, else one below the other.
_STYLE = """<style>
.st-key-viewer_both { flex-wrap: wrap !important; }
.st-key-viewer_both > :first-child { flex: 1 1 460px !important; min-width: min(100%, 460px); }
.st-key-viewer_both > :last-child { flex: 0 1 320px !important; min-width: min(100%, 300px); }
</style>"""

#: Layer → its words; those at the end only where the dataset can have them.
_LAYERS = {
    "boxes": "Boxes", "bones": "Skeleton", "joints": "Joints", "labels": "Classes", "names": "Joint names",
    "occluded": "Occluded joints", "unlabelled": "Not labelled, with coordinates", "united": "United boxes",
    "crowd": "Crowds",
}  # fmt: skip
_OFF = ("names", "unlabelled")
_CHOSEN = "kp_layers"


@dataclass(frozen=True)
class _Opened:
    """The image that is open, and all that was asked of it in this run."""

    now: state.Current
    view: View
    row: dict[str, Any]
    content: Picture
    scene: Scene
    annotations: list[dict[str, Any]]

    @property
    def table_key(self) -> str:
        return f"viewer_annotations_{self.row['image_id']}"

    @property
    def asked(self) -> int | None:
        """The place of the annotation that the URL asks for."""
        place = self.view.annotation
        return place if place is not None and place < len(self.annotations) else None

    @property
    def chosen(self) -> int | None:
        """The place of the annotation that is chosen in the table, which is drawn further down."""
        event = st.session_state.get(self.table_key)
        if event is None:
            return self.asked
        rows = event["selection"]["rows"]
        return rows[0] if rows and rows[0] < len(self.annotations) else None

    @property
    def pixels(self) -> Scene:
        """The scene in pixels, of the file's size where there is a file."""
        return viewer_data.to_pixels(self.scene, *(self.content.size or (None, None)))


def show(now: state.Current, view: View) -> None:
    """One image, by the key in the URL."""
    found = viewer_data.find(now.dataset["dataset_id"], view.image)
    if not found:
        _unknown(now, view)
        return
    image_id = next((row["image_id"] for row in found if row["split"] == view.split), found[0]["image_id"])
    row = viewer_data.image(image_id)
    after = _steps(now, view, image_id)
    if len(found) > 1:
        _which_split(found, row)
    opened = _Opened(
        now, view, row, viewer_data.picture(now.dataset, row), viewer_data.scene(image_id),
        viewer_data.annotations(image_id),
    )  # fmt: skip
    st.html(_STYLE)
    with st.container(horizontal=True, key="viewer_both", gap="medium"):
        with st.container():
            reason = _picture(opened)
        with st.container():
            _facts(opened, reason)
    viewer_findings.show(now, image_id)
    _annotations(opened)
    _problems(image_id)
    if after is not None:
        viewer_data.prepare(after)  # while this one is looked at


def _unknown(now: state.Current, view: View) -> None:
    st.warning(
        f"There is no image with the key “{md(view.image)}” in {md(now.dataset['name'])}.",
        icon=":material/image_not_supported:",
    )
    st.button("To the gallery", key="viewer_back", icon=":material/grid_view:", on_click=_back, args=(None,))


def _steps(now: state.Current, view: View, image_id: int) -> int | None:
    """Previous, next, and where this image stands among those asked for; returns the next one's id."""
    walk = viewer_data.walk(now.filters, view.narrow, view.order)
    place = walk.position(image_id)
    before, after = walk.around(image_id)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Gallery", key="viewer_back", icon=":material/grid_view:", shortcut="G", on_click=_back,
            args=(_page_of(now, view, image_id),),
        )  # fmt: skip
        for name, target, icon, key in (
            ("Previous", before, ":material/chevron_left:", "Left"),
            ("Next", after, ":material/chevron_right:", "Right"),
        ):
            st.button(
                name, key=f"viewer_{name.lower()}", icon=icon, shortcut=key, disabled=target is None,
                icon_position="right" if name == "Next" else "left", on_click=_step, args=(target,),
            )  # fmt: skip
        st.markdown(_where(walk, place, view), width="content")
    return after


def _where(walk: Walk, place: int | None, view: View) -> str:
    order = "" if view.order == "file" else f", {viewer_data.IMAGE_ORDERS[view.order]}"
    if place is None:
        return f"Not among the {count(len(walk), 'image')} selected"
    return f"Image **{place + 1:,}** of **{len(walk):,}**{order}"


def _page_of(now: state.Current, view: View, image_id: int) -> int | None:
    """The id with which the gallery's page begins that shows this image."""
    from dashboard.viewer_gallery import PAGE  # noqa: PLC0415  the two modules show each other's pages

    walk = viewer_data.walk(now.filters, view.narrow, view.order, view.crops)
    place = walk.of_image(image_id)
    return walk.page(place // PAGE * PAGE, 1)[0][0] if place is not None else None


def _back(start: int | None) -> None:
    viewer_url.write(image=None, image_split=None, annotation=None, start=start)


def _step(image_id: int) -> None:
    row = viewer_data.image(image_id)
    several = len(viewer_data.find(row["dataset_id"], row["key"])) > 1
    viewer_url.write(image=row["key"], image_split=row["split"] if several else None, annotation=None)


def _which_split(found: list[dict[str, Any]], row: dict[str, Any]) -> None:
    st.session_state["viewer_split"] = row["split"]
    st.segmented_control(
        "This key is in several splits", [other["split"] for other in found], key="viewer_split",
        required=True, format_func=md,
        on_change=lambda: viewer_url.write(image_split=st.session_state["viewer_split"]),
    )  # fmt: skip


def _picture(opened: _Opened) -> str | None:
    """The figure with its layers; returns why the image is not in it, where it is not."""
    what, chosen = opened.scene, opened.chosen
    on = _layers(opened.now, opened.view, what)
    layers = Layers(**{name: name in on for name in _LAYERS if name != "occluded"})
    if "occluded" not in on:
        what = viewer_data.without_occluded(what)
    shades = viewer_data.colors(opened.now.dataset, (i.label for i in what.instances))
    focus = opened.annotations[chosen]["annotation_id"] if chosen is not None else None
    frame = opened.pixels
    height = round(min(max(_WIDE * frame.height / frame.width + _LEGEND, _LOW), _HIGH))
    figure, reason = viewer_data.draw(
        opened.content, what, layers, shown.theme(), focus=focus, shades=shades, height=height
    )
    st.plotly_chart(
        figure, key="viewer_figure", config=CONFIG, theme=None,
        alt=f"{clean(what.key or '', 120)} with {count(len(what.instances), 'annotation')}",
    )  # fmt: skip
    st.caption(
        "Drag to pan, scroll to zoom, double-click for the whole image; hover a joint for its numbers. A "
        "click in the legend hides a line and keeps the zoom; the layers above stay as they are from image "
        "to image."
    )
    return reason


def _layers(now: state.Current, view: View, what: Scene) -> list[str]:
    """The layers that are on: chosen once, they stay from image to image."""
    flags = {joint.visibility for i in what.instances for joint in i.joints}
    offered = {
        "occluded": now.recorded or 1 in flags,
        "unlabelled": now.recorded or 0 in flags,
        "united": now.dataset["format"] == "hagrid" or any(i.united for i in what.instances),
        "crowd": now.dataset["format"] != "hagrid" or any(i.crowd for i in what.instances),
    }
    names = [name for name in _LAYERS if offered.get(name, True)]
    default = [
        name for name in _LAYERS if name not in _OFF or (name, view.narrow.state) == ("unlabelled",) * 2
    ]
    on = st.session_state.setdefault(_CHOSEN, default)
    st.session_state["viewer_layers"] = [name for name in names if name in on]
    st.pills(
        "Layers", names, key="viewer_layers", selection_mode="multi", format_func=_LAYERS.get,
        on_change=lambda: _keep_layers(names), label_visibility="collapsed", wrap=True,
    )  # fmt: skip
    return on


def _keep_layers(offered: list[str]) -> None:
    # What this image does not offer stays as it was for the next.
    others = [name for name in st.session_state[_CHOSEN] if name not in offered]
    st.session_state[_CHOSEN] = [*st.session_state["viewer_layers"], *others]


def _facts(opened: _Opened, reason: str | None) -> None:
    """What is known of the image as text, and the doors to others like it."""
    now, row = opened.now, opened.row
    if reason is not None:
        _no_image(reason)
    facts = [
        ("Key", row["key"]),
        ("Split", row["split"]),
        ("Subject", row["subject"] if now.dataset["subjects_recorded"] else None),
        ("Age", None if row["age"] is None else f"{row['age']:g}"),
        ("Gender", row["gender"]),
        ("Race", row["race"]),
        ("Size", viewer_tables.size(row, opened.content)),
        ("Image file", row["file_name"]),
        ("Described in", row["file"]),
        ("Id in the source", row["source_id"]),
        *viewer_tables.attributes(row["attributes"]),
    ]
    frame = pd.DataFrame([(name, clean(value, 2000)) for name, value in facts if value is not None],
                         columns=["fact", "value"])  # fmt: skip
    st.dataframe(
        frame, hide_index=True, key=f"viewer_facts_{row['image_id']}", height="content",
        column_config={
            "fact": st.column_config.TextColumn("", width=105), "value": st.column_config.TextColumn("Image"),
        },
    )  # fmt: skip
    if row["subject"] is not None:
        _door(
            "subject", "All of this subject", ":material/person:",
            Filters(now.filters.dataset, subjects=(row["subject"],)),
        )  # fmt: skip
    labels = sorted({a["label"] for a in opened.annotations if a["label"] is not None})
    for n, label in enumerate(labels[:6]):
        _door(f"class_{n}", f"All of class {md(label, 60)}", ":material/category:",
              Filters(now.filters.dataset, labels=(label,)))  # fmt: skip
    if row["file"] is not None:
        _door("file", "All of this file", ":material/description:", Filters(now.filters.dataset),
              Narrow(file=row["file"]))  # fmt: skip


def _door(name: str, label: str, icon: str, filters: Filters, narrow: Narrow | None = None) -> None:
    st.button(
        label, key=f"viewer_door_{name}", icon=icon, type="tertiary", on_click=state.open_next,
        args=(state.Door(filters, narrow),),
    )  # fmt: skip


def _no_image(reason: str) -> None:
    said = f"The image is not shown: {md(reason)}."
    if reason.startswith(("missing", "no image folder")):
        said = (
            f"The image is not on disk: {md(reason.removeprefix('missing: '))}. "
            "`kpaudit index PATH --images DIR|ZIP` says where the images are."
        )
    st.info(said + " The annotations are drawn on a blank frame.", icon=":material/hide_image:")


def _annotations(opened: _Opened) -> None:
    """The annotations as a table, and below it the joints of the chosen one."""
    annotations, what = opened.annotations, opened.scene
    if not annotations:
        st.info("This image has no annotations.", icon=":material/info:")
        return
    pixels, asked = opened.pixels, opened.asked
    st.subheader(count(len(annotations), "annotation"), anchor=False)
    st.dataframe(
        viewer_tables.annotation_frame(annotations, pixels), hide_index=True, key=opened.table_key,
        on_select="rerun", selection_mode="single-row", placeholder="",
        selection_default=None if asked is None else {"selection": {"rows": [asked]}},
        column_config={
            "#": st.column_config.NumberColumn(width=40), "x": _number("x"), "y": _number("y"),
            "w": _number("width"), "h": _number("height"),
            "area in the source": _number("area in the source"),
        },
    )  # fmt: skip
    if not pixels.size_known:
        st.caption(
            "The image's size is not known: there are no pixels to tell, the numbers are the source's own."
        )
    st.caption("Choose a row to bring it to the front, and to see its joints.")
    chosen = opened.chosen
    place = chosen if chosen is not None else _first_with_joints(what)
    if place is None:
        return
    instance = what.instances[place]
    label = md(instance.label or NO_CLASS, 60)
    with st.expander(f"Joints of annotation {place + 1} ({label})", expanded=True, key="viewer_joints"):
        if not instance.joints:
            st.caption("This annotation has no joints.")
            return
        st.dataframe(
            viewer_tables.joint_frame(place, pixels, what), hide_index=True,
            key=f"viewer_joints_{opened.row['image_id']}_{place}", placeholder="",
            height="content" if len(instance.joints) <= 30 else "auto",
            column_config={
                "#": st.column_config.NumberColumn(width=40),
                "x (px)": st.column_config.NumberColumn(format="%.1f"),
                "y (px)": st.column_config.NumberColumn(format="%.1f"),
                "x (share)": st.column_config.NumberColumn(format="%.4f"),
                "y (share)": st.column_config.NumberColumn(format="%.4f"),
            },
        )  # fmt: skip


def _number(label: str) -> Any:
    return st.column_config.NumberColumn(label, format="%.5g")


def _first_with_joints(what: Scene) -> int | None:
    return next((n for n, instance in enumerate(what.instances) if instance.joints), None)


def _problems(image_id: int) -> None:
    """What was reported of the image's record."""
    found = viewer_data.problems(image_id)
    if not found:
        return
    columns = ("kind", "locator", "message")
    st.subheader(f"{count(len(found), 'problem')} met while reading", anchor=False)
    st.dataframe(
        pd.DataFrame([{name: clean(row[name], 500) for name in columns} for row in found]),
        hide_index=True, key=f"viewer_problems_{image_id}",
    )  # fmt: skip
