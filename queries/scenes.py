"""From the index to what is drawn: scenes of many images in one query, and the order images come in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from queries.errors import unknown_name
from queries.filters import Filters, Narrow
from queries.scene import Instance, Joint, Scene
from queries.store import Store

#: Orders of annotations, and of images by their annotations; the SQL knows them by these names.
ORDERS = {
    "file": "as in the files",
    "largest": "largest box first",
    "smallest": "smallest box first",
    "fewest_joints": "fewest labelled joints first",
    "most_joints": "most labelled joints first",
}
#: Orders of whole images only.
IMAGE_ORDERS = {**ORDERS, "most_boxes": "most boxes first", "fewest_boxes": "fewest boxes first"}


def scenes(store: Store, image_ids: Iterable[int]) -> dict[int, Scene]:
    """The scenes of these images, by image id, in one query; an id that is not in the index is left out."""
    found: dict[int, Scene] = {}
    instances: dict[int, list[Instance]] = {}
    for row in store.rows("viewer_scenes", images=[int(i) for i in image_ids]):
        image_id = row["image_id"]
        if image_id not in found:
            found[image_id] = Scene(row["width"], row["height"], unit=row["unit"], key=row["key"])
            instances[image_id] = []
        if row["annotation_id"] is not None:
            instances[image_id].append(_instance(row))
    return {
        image_id: Scene(
            scene.width, scene.height, tuple(instances[image_id]), scene.unit, scene.size_known, scene.key
        )
        for image_id, scene in found.items()
    }


def _instance(row: dict[str, Any]) -> Instance:
    box = (row["x"], row["y"], row["w"], row["h"])
    return Instance(
        annotation_id=row["annotation_id"],
        label=row["label"],
        kind=row["kind"],
        box=None if all(value is None for value in box) else box,
        joints=tuple(
            # A joint beyond the skeleton's has no name; its number says which it is.
            Joint(j["joint"], j["name"] or f"joint {j['joint']}", j["x"], j["y"], j["visibility"], j["part"])
            for j in row["joints"] or ()
        ),
        bones=tuple((bone["a"], bone["b"]) for bone in row["bones"] or ()),
        handedness=row["handedness"],
        crowd=row["crowd"],
        source_id=row["source_id"],
        area=row["area"],
    )


@dataclass(frozen=True, eq=False)
class Walk:
    """All ids of a selection in the order they are walked through, one array: a million take 8 MB.

    Asked for once and kept, so that the next image, the position and any page cost no query; a page is
    named by the id it begins with, and stays where it is while others come and go.
    """

    ids: np.ndarray
    images: np.ndarray  # for each id its image's: the ids themselves where the walk is over images
    sorted_by_id: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def position(self, wanted: int) -> int | None:
        """The place of an id, from 0, or None where it is not in the walk."""
        place = self._place(wanted)
        return place if place < len(self.ids) and self.ids[place] == wanted else None

    def around(self, wanted: int) -> tuple[int | None, int | None]:
        """The ids before and after one. For an id that is not in the walk: its neighbours where the walk
        is by id, and else the walk's beginning."""
        place = self._place(wanted)
        if place < len(self.ids) and self.ids[place] == wanted:
            after = place + 1
        else:
            after = place = place if self.sorted_by_id else 0
        return (
            int(self.ids[place - 1]) if place > 0 else None,
            int(self.ids[after]) if after < len(self.ids) else None,
        )

    def page(self, start: int, size: int) -> list[tuple[int, int]]:
        """(id, image id) from a place on."""
        stop = start + size
        return list(zip(self.ids[start:stop].tolist(), self.images[start:stop].tolist(), strict=True))

    def of_image(self, image_id: int) -> int | None:
        """The first place of an image."""
        places = np.flatnonzero(self.images == image_id)
        return int(places[0]) if len(places) else None

    def _place(self, wanted: int) -> int:
        if self.sorted_by_id:
            return int(np.searchsorted(self.ids, wanted))
        places = np.flatnonzero(self.ids == wanted)
        return int(places[0]) if len(places) else len(self.ids)


def walk_images(store: Store, f: Filters, n: Narrow, order: str = "file") -> Walk:
    """The images of a selection. Raises UsageError for an order that there is not."""
    if order not in IMAGE_ORDERS:
        raise unknown_name("order", order, list(IMAGE_ORDERS))
    ids = _column(store, "viewer_images", f, n, order)["image_id"]
    return Walk(ids, ids, sorted_by_id=order == "file")


def walk_annotations(store: Store, f: Filters, n: Narrow, order: str = "file") -> Walk:
    """The annotations of a selection. Raises UsageError for an order that there is not."""
    if order not in ORDERS:
        raise unknown_name("order", order, list(ORDERS))
    columns = _column(store, "viewer_crops", f, n, order)
    return Walk(columns["annotation_id"], columns["image_id"])


def _column(store: Store, query: str, f: Filters, n: Narrow, order: str) -> dict[str, np.ndarray]:
    frame = store.frame(query, f=f.struct(), n=n.struct(), order=order)
    return {name: frame[name].to_numpy(dtype=np.int64) for name in frame.columns}
