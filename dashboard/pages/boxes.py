"""How large boxes are, of what shape, where in the image, and how many an image has."""

import pandas as pd
import streamlit as st

from dashboard import charts, compare, compare_boxes, data, show, state
from dashboard.data import ABOVE_ZERO, Narrow
from dashboard.state import Current, Door
from dashboard.text import count, share

_BINS = 40
_CELLS = 40
_CELL = 420  # pixels that a chart needs to be read: narrower pages put them one below the other
# COCO's evaluation: an object is small below 32² pixels, medium below 96², else large.
_SIZES = {"small": (None, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, None)}


def _units(now: Current) -> dict[str, tuple[str, str, bool]]:
    """Measure → title, axis title with unit, whether its bins are of one ratio."""
    pixel = now.dataset["unit"] == "pixel"
    across, down = (
        ("pixels", "pixels") if pixel else ("share of the image's width", "share of the image's height")
    )
    area = "pixels²" if pixel else "share of the image's area"
    aspect = "width ÷ height" if pixel else "width share ÷ height share"
    return {
        "width": ("Box width", f"width, {across}", False),
        "height": ("Box height", f"height, {down}", False),
        "area": ("Box area", f"area, {area}, logarithmic", True),
        "aspect": ("Aspect", f"{aspect}, logarithmic", True),
        "center_x": ("Box centre, across", f"centre x, {across}", False),
        "center_y": ("Box centre, down", f"centre y, {down}", False),
    }


def _histogram(now: Current, measure: str) -> None:
    title, unit, log = _units(now)[measure]
    frame = data.frame("box_histogram", now.filters, measure=measure, bins=_BINS, log=log)

    def door(row: dict) -> Door:
        # The outermost bins are open: they hold whatever lies beyond them.
        # A logarithmic axis has no place for zero and below, and its first bin counts none of them.
        low = float(row["low"]) if not row["first"] else ABOVE_ZERO if log else None
        high = None if row["last"] else float(row["high"])
        return Door(now.filters.with_(splits=(row["split"],)), Narrow(measure=measure, low=low, high=high))

    show.chart(
        lambda: charts.histogram(
            frame, title=title, value_title=unit, colors=charts.split_colors(frame["split"].unique()), log=log
        ),
        frame, f"box_{measure}", on_click=door,
        empty=f"No selected box has a finite {data.MEASURES[measure]}.",
    )  # fmt: skip


def _distributions(now: Current) -> None:
    st.subheader("Size and shape", anchor=False)
    counts = data.frame("box_unusable", now.filters).iloc[0]
    if counts["unusable"]:
        st.warning(
            f"{count(counts['unusable'], 'box has', 'boxes have')} no finite, positive width and height "
            f"({share(counts['unusable'], counts['boxes'])} of {counts['boxes']:,}).",
            icon=":material/warning:",
        )
        st.button(
            "See these boxes", icon=":material/image_search:", on_click=state.open_next, key="boxes_unusable",
            args=(Door(now.filters, Narrow(measure="unusable", low=1.0)),),
        )  # fmt: skip
    places = st.grid(2, min_column_width=_CELL)
    for measure in ("width", "height", "area", "aspect"):
        with places.cell():
            _histogram(now, measure)
    if now.dataset["unit"] == "normalized":
        st.caption("Normalized: an aspect of 1 is a square only in a square image.")


def _centres(now: Current) -> None:
    st.subheader("Where boxes lie", anchor=False)
    found = data.frame("box_centres", now.filters, cells=_CELLS)
    by_place = found.groupby("place")["boxes"].sum()
    inside = found[found["place"] == "inside"][["cell_x", "cell_y", "boxes"]]
    notes = []
    if by_place.get("outside"):
        notes.append(
            f"{count(by_place['outside'], 'box has its', 'boxes have their')} centre outside the image."
        )
    if by_place.get("unknown"):
        notes.append(f"Of {count(by_place['unknown'], 'box', 'boxes')} the place is not known.")
    places = st.grid(2, min_column_width=_CELL)
    with places.cell():
        show.chart(
            lambda: charts.grid(
                inside,
                cells=_CELLS,
                title="Centres of boxes in the image",
                theme=show.theme(),
                box=True,
                x_title="x, share of the image's width",
                y_title="y, share of the image's height",
                value_title="boxes",
            ),
            inside,
            "box_centres",
            empty="No box's place in its image is known: that needs the images' sizes.",
            caption=" ".join(notes),
        )
    with places.cell():
        _histogram(now, "center_x")
        _histogram(now, "center_y")


def _sizes(now: Current) -> None:
    st.subheader("Small, medium and large, as COCO counts", anchor=False)
    frame = data.frame("box_sizes", now.filters)
    source = not frame.empty and (frame["by_source"] != "not known").any()
    boxes = frame.groupby(["split", "by_box"], as_index=False)["boxes"].sum()
    unknown = int(boxes.loc[boxes["by_box"] == "not known", "boxes"].sum())
    boxes = boxes[boxes["by_box"] != "not known"].rename(columns={"by_box": "size"})
    pixel = now.dataset["unit"] == "pixel"

    def door(row: dict) -> Door:
        low, high = _SIZES[row["size"]]
        return Door(now.filters.with_(splits=(row["split"],)), Narrow(measure="area", low=low, high=high))

    show.chart(
        lambda: charts.bars(
            boxes,
            category="size",
            value="boxes",
            color="split",
            order=list(_SIZES),
            colors=charts.split_colors(boxes["split"].unique()),
            title="Boxes by size, of the box's area",
            category_title="size",
            value_title="boxes",
        ),
        boxes.reset_index(drop=True),
        "box_sizes",
        on_click=door if pixel else None,
        empty="Sizes in pixels are not known: coordinates are normalized, and no image's size is given.",
        caption="Small: below 32² pixels; medium: below 96²; large: the rest."
        + (f" Of {unknown:,} the size in pixels is not known." if unknown else ""),
    )
    if source:
        by = frame[frame["by_source"] != "not known"].groupby("by_source")["boxes"].sum()
        words = ", ".join(
            f"{by.get(name, 0):,} {name} ({share(by.get(name, 0), by.sum())})" for name in _SIZES
        )
        st.caption(f"By the source's own area (the segmentation's, which COCO's evaluation uses): {words}.")


def _per_image(now: Current) -> None:
    st.subheader("Boxes per image", anchor=False)
    frame = data.frame("box_per_image", now.filters)
    images = int(frame["images"].sum())
    mean = (frame["boxes"] * frame["images"]).sum() / images if images else 0
    empty_images = int(frame.loc[frame["boxes"] == 0, "images"].sum())

    def door(row: dict) -> Door:
        n = float(row["boxes"])
        return Door(now.filters.with_(splits=(row["split"],)), Narrow(measure="per_image", low=n, high=n + 1))

    show.chart(
        lambda: charts.columns(
            frame,
            x="boxes",
            y="images",
            title="Images by their number of boxes",
            x_title="boxes in the image",
            y_title="images",
            colors=charts.split_colors(frame["split"].unique()),
        ),
        frame,
        "boxes_per_image",
        empty="No image is selected.",
        on_click=door,
        caption=f"{mean:.2f} boxes an image on average; {count(empty_images, 'image')} without any.",
    )


def _classes(now: Current) -> None:
    st.subheader("By class", anchor=False)
    frame: pd.DataFrame = data.frame("box_classes", now.filters)
    digits = "%.1f" if now.dataset["unit"] == "pixel" else "%.4f"
    number = {
        name: st.column_config.NumberColumn(words, format=digits)
        for name, words in {
            "width": "median width",
            "height": "median height",
            "area": "median area",
            "area_p05": "area, 5 % below",
            "area_p95": "area, 95 % below",
            "aspect": "median aspect",
        }.items()
    }
    show.table(
        frame,
        "box_classes",
        empty="No selected box has a finite size.",
        columns={
            "label": "class",
            "boxes": st.column_config.NumberColumn("boxes", format="localized"),
            **number,
        },
        caption=f"In {'pixels' if now.dataset['unit'] == 'pixel' else 'shares of the image'}.",
        on_click=lambda row: Door(now.filters.with_(labels=(row["label"],))),
    )


def _page() -> None:
    show.header("Boxes")
    now = state.current()
    pair = compare.picker(now)
    if pair is not None:
        compare_boxes.page(pair)
        return
    counts = data.frame("box_unusable", now.filters).iloc[0]
    if not counts["boxes"]:
        show.nothing("No box is selected.")
        return
    if counts["unusable"] == counts["boxes"]:
        show.nothing(
            f"None of the {count(counts['boxes'], 'selected annotation')} has a box with a width and a "
            "height: there are no sizes, shapes or places to show."
        )
        _per_image(now)
        return
    _distributions(now)
    _centres(now)
    _sizes(now)
    _per_image(now)
    _classes(now)


_page()
