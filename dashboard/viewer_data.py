"""What the viewer asks of the index and of the image files, cached under the fingerprint of the indexes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from PIL import Image

from dashboard import data, palette
from dashboard.draw import NO_IMAGE, Layers, clean_text, crop_box, render
from dashboard.figure import CONFIG, MAX_SIDE, figure
from queries import scenes as scenes_
from queries.filters import Filters, Narrow
from queries.images import ImageSource, Located, image_roots
from queries.pixels import ImageUnavailable, ThumbnailCache, full_size, open_image, thumbnail
from queries.scene import Instance, Joint, Rect, Scene, to_pixels, visibility_words
from queries.scenes import IMAGE_ORDERS, ORDERS, Walk
from queries.store import Store

__all__ = [
    "CONFIG", "IMAGE_ORDERS", "NO_IMAGE", "ORDERS", "Filters", "Instance", "Joint", "Layers", "Narrow",
    "Picture", "Scene", "Tile", "Walk", "annotations", "clean_text", "colors", "draw", "find", "findings",
    "image", "named", "picture", "prepare", "problems", "scene", "tiles", "to_pixels", "version",
    "visibility_words", "walk", "where", "without_occluded",
]  # fmt: skip

TILE = 320  # pixels a side, twice what a tile is wide: sharp on dense screens


# A million images are 8 MB: eight walks are what a few people browsing use.
@st.cache_resource(max_entries=8, show_spinner="Looking for the images…")
def _walk(fingerprint: str, crops: bool, f: Filters, n: Narrow, order: str, _store: Store) -> Walk:
    make = scenes_.walk_annotations if crops else scenes_.walk_images
    return make(_store, f, n, order)


def walk(f: Filters, n: Narrow, order: str, crops: bool = False) -> Walk:
    """The images, or the annotations, of a selection in an order."""
    known = ORDERS if crops else IMAGE_ORDERS
    store = data.store()
    return _walk(store.fingerprint, crops, f, n, order if order in known else "file", store)


@st.cache_data(max_entries=1000, show_spinner=False)
def _rows(fingerprint: str, query: str, params: str, _store: Store) -> list[dict[str, Any]]:
    return _store.rows(query, **json.loads(params))


def _ask(query: str, **params: Any) -> list[dict[str, Any]]:
    store = data.store()
    return _rows(store.fingerprint, query, json.dumps(params), store)


def find(dataset: int, key: str) -> list[dict[str, Any]]:
    """(image_id, split) of the images with a key."""
    return _ask("viewer_find", dataset=dataset, key=key)


def image(image_id: int) -> dict[str, Any] | None:
    """An image's row, with the path of the file that it is described in."""
    return next(iter(_ask("viewer_image", image=image_id)), None)


def annotations(image_id: int) -> list[dict[str, Any]]:
    """An image's annotations as the index holds them."""
    return _ask("viewer_annotations", image=image_id)


def problems(image_id: int) -> list[dict[str, Any]]:
    """What was reported of an image while reading."""
    return _ask("viewer_problems", image=image_id)


def findings(image_id: int) -> list[dict[str, Any]]:
    """What the audit found of the image, the gravest first."""
    return _ask("finding_image", image=image_id)


def named(image_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Key, file name, split and labels of images, by id."""
    return {row["image_id"]: row for row in _ask("viewer_named", images=sorted(set(image_ids)))}


@st.cache_data(max_entries=200, show_spinner=False)
def _scenes(fingerprint: str, image_ids: tuple[int, ...], _store: Store) -> dict[int, Scene]:
    return scenes_.scenes(_store, image_ids)


def scene(image_id: int) -> Scene:
    """What is drawn on an image."""
    store = data.store()
    return _scenes(store.fingerprint, (image_id,), store)[image_id]


def prepare(image_id: int) -> None:
    """Asks the index now for what an image's page will ask for, so that it is there when it is opened."""
    row = image(image_id)
    if row is not None:
        find(row["dataset_id"], row["key"])
        scene(image_id), annotations(image_id), problems(image_id)


def colors(dataset: Mapping[str, Any], labels: Iterable[str | None] = ()) -> dict[str | None, str]:
    """A colour for each class of the dataset, the same under every filter."""
    return palette.category_colors([*(dataset["classes"] or ()), *labels])


def where(dataset: Mapping[str, Any]) -> list[Path]:
    """The folders and zips in which a dataset's images are looked for."""
    return image_roots(dataset)


# The folder may be filled while the dashboard runs: what was not there is looked for anew after a while.
@st.cache_resource(max_entries=20, ttl=900, show_spinner=False)
def _source(fingerprint: str, roots: tuple[str, ...]) -> ImageSource:
    return ImageSource(roots)


def _open_source(dataset: Mapping[str, Any]) -> ImageSource:
    return _source(data.fingerprint(), tuple(str(path) for path in where(dataset)))


@dataclass(frozen=True)
class Picture:
    """An image file's bytes and size, or the reason why there are none."""

    data: bytes | None
    size: tuple[int, int] | None = None
    reason: str | None = None


def picture(dataset: Mapping[str, Any], row: Mapping[str, Any]) -> Picture:
    """The image file of a row of `image`."""
    source = _open_source(dataset)
    try:
        located = source.find(row["file_name"], row["key"])
        # Unpacked here, so that the page knows before it draws whether there is an image.
        content = source.read(located)
        return Picture(content, source.size(located))
    except ImageUnavailable as error:
        return Picture(None, reason=error.reason)


def version(dataset: Mapping[str, Any], row: Mapping[str, Any]) -> tuple[str, ...]:
    """What a picture of an image hangs on: the index, and the file's time and size, or why there is none."""
    located, reason = _locate(_open_source(dataset), row)
    return (data.fingerprint(), ThumbnailCache.key(located) if located is not None else reason or "")


def draw(
    content: Picture,
    what: Scene,
    layers: Layers,
    theme: str,
    *,
    focus: int | None,
    shades: Mapping[str | None, str],
    height: int,
) -> tuple[Any, str | None]:
    """The interactive figure, and why the image is not in it, where it is not."""
    reason = content.reason
    unpacked = None
    if content.data is not None:
        try:
            unpacked = _reduced(open_image(content.data, box_px=MAX_SIDE))
        except ImageUnavailable as error:
            reason = error.reason
    made = figure(
        unpacked, what, layers, theme, focus=focus, colors=shades, height=height, reason=_on_frame(reason)
    )
    made.update_layout(paper_bgcolor="rgba(0,0,0,0)")  # whatever the page's own background is
    return made, reason


def _on_frame(reason: str | None) -> str | None:
    """What a blank frame says: the reason in full is beside it, but for a file that is simply not there."""
    return NO_IMAGE if (reason or "missing").startswith(("missing", "no image folder")) else reason


def _reduced(unpacked: Image.Image) -> Image.Image:
    """At most MAX_SIDE pixels a side, by a filter that takes a third of the figure's own one's time: the
    next image is to be there at once."""
    share = MAX_SIDE / max(unpacked.size)
    if share >= 1:
        return unpacked
    target = (max(1, round(unpacked.width * share)), max(1, round(unpacked.height * share)))
    made = unpacked.resize(target, Image.Resampling.BILINEAR, reducing_gap=1.5)
    made.info = {"full_size": full_size(unpacked)}
    return made


@dataclass(frozen=True)
class Tile:
    """A picture of the gallery: encoded bytes, and why it shows no image, where it does not; of a crop
    also the annotation's label and its place among its image's."""

    data: bytes
    reason: str | None
    label: str | None = None
    place: int | None = None


@dataclass(frozen=True)
class _Pen:
    """What all tiles of a page are drawn with."""

    source: ImageSource
    cache: ThumbnailCache
    layers: Layers
    colors: Mapping[str | None, str]
    load: Callable[[], dict[int, Scene]]  # called where a tile is not in the cache

    def tile(
        self, item: int, image_id: int, crops: bool, located: Located | None, reason: str | None
    ) -> Tile:
        what = self.load()[image_id]
        place = next((n for n, i in enumerate(what.instances) if crops and i.annotation_id == item), None)
        label = what.instances[place].label if place is not None else None
        if located is not None:
            try:
                return Tile(self._on_image(what, place, located), None, label, place)
            except ImageUnavailable as error:
                reason = error.reason
        said = (reason or "").partition(":")[0]
        note = NO_IMAGE if said in ("", "missing", "no image folder is known") else said
        return Tile(self._render(to_pixels(what), place, None, note=note), reason, label, place)

    def _on_image(self, what: Scene, place: int | None, located: Located) -> bytes:
        what = to_pixels(what, *self.source.size(located))
        small = thumbnail(
            self.source, located, size=TILE, crop=_view(what, place), frame=(what.width, what.height),
            cache=self.cache,
        )  # fmt: skip
        return self._render(what, place, open_image(small.data), image_box=small.box)

    def _render(self, what: Scene, place: int | None, picture: Image.Image | None, **given: Any) -> bytes:
        focus = what.instances[place].annotation_id if place is not None else None
        return render(
            picture,
            what,
            self.layers,
            size=TILE,
            view=_view(what, place),
            focus=focus,
            colors=self.colors,
            **given,
        )


def _view(what: Scene, place: int | None) -> Rect | None:
    return crop_box(what, what.instances[place], aspect=1.0) if place is not None else None


# One for the process: it counts what it has written.
@st.cache_resource(show_spinner=False)
def _thumbnails(folder: str) -> ThumbnailCache:
    return ThumbnailCache(folder)


def tiles(
    dataset: Mapping[str, Any], wanted: list[tuple[int, int]], crops: bool, layers: Layers
) -> list[Tile]:
    """For each (id, image id) the annotation cut out, or the whole image, with everything drawn on it."""
    store, source = data.store(), _open_source(dataset)
    image_ids = tuple(sorted({image_id for _, image_id in wanted}))
    rows = named(image_ids)
    pen = _Pen(
        source, _thumbnails(str(data.workspace().thumbnails)), layers, colors(dataset),
        partial(_scenes, store.fingerprint, image_ids, store),
    )  # fmt: skip
    made = []
    for item, image_id in wanted:
        located, reason = _locate(source, rows[image_id])
        # The file's time and size are in it: an image that changes, or appears, is drawn anew.
        version = (store.fingerprint, repr(layers), ThumbnailCache.key(located) if located else reason)
        made.append(_tile(version, (item, image_id, crops), pen, located, reason))
    return made


def _locate(source: ImageSource, row: Mapping[str, Any]) -> tuple[Located | None, str | None]:
    try:
        return source.find(row["file_name"], row["key"]), None
    except ImageUnavailable as error:
        return None, error.reason


# About 15 kB each.
@st.cache_data(max_entries=4000, show_spinner=False)
def _tile(
    version: tuple[str, ...], item: tuple[int, int, bool], _pen: _Pen, _located: Located | None,
    _reason: str | None,
) -> Tile:  # fmt: skip
    return _pen.tile(*item, _located, _reason)


def without_occluded(what: Scene) -> Scene:
    """The scene without the joints that are labelled as not visible, and so without their bones."""
    return replace(
        what,
        instances=tuple(
            replace(i, joints=tuple(j for j in i.joints if j.visibility != 1)) for i in what.instances
        ),
    )
