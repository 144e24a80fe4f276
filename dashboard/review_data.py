"""What the Review page asks of the index, the images and the review store; all of its caching."""

from __future__ import annotations

import base64
import getpass
import io
import json
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import data, viewer_data
from queries import review_queue
from queries.errors import KpauditError
from queries.filters import Filters
from queries.pixels import ImageUnavailable, full_size, open_image
from queries.review_queue import KINDS, MAX_REVIEWERS, Asked, Quality, Queue, sample_size
from queries.reviews.agreement import Precision, alpha_by, kappa_by, pairwise_kappa, precision_by_check
from queries.reviews.journal import Journal
from queries.reviews.model import MAX_TEXT, REJECTING, VERDICTS, Decision, Item, ReviewError
from queries.reviews.resolve import Resolved, resolve
from queries.reviews.store import ReviewStore
from queries.scene import Rect, Scene, crop_box, image_extent, to_pixels, view_box
from queries.store import Store

__all__ = [
    "KINDS", "MAX_REVIEWERS", "MAX_TEXT", "REJECTING", "VERDICTS", "Asked", "Decision", "Item",
    "KpauditError", "Precision", "Quality", "Queue", "ReviewError", "Reviews", "agreement", "audited",
    "classes", "close_up", "find", "findings", "fingerprint", "joints", "login", "names", "place",
    "plain", "precision", "quality", "queue", "record", "reviews", "sample_size", "whole", "whole_queue",
]  # fmt: skip

fingerprint = data.fingerprint

#: How `--reviews` reaches the dashboard, which Streamlit starts as a process of its own.
REVIEWS_VARIABLE = "KPAUDIT_REVIEWS"
PICTURE = 1280  # pixels, the longer side of the picture that is judged


def login() -> str:
    """The name of whoever started the dashboard."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a user of that number
        return "reviewer"


def place() -> Path | str:
    """Where decisions are kept: `kpaudit serve --reviews`, else beside the index."""
    given = os.environ.get(REVIEWS_VARIABLE)
    if not given:
        return data.workspace().path / "reviews.sqlite"
    return given if "://" in given else Path(given)


def _identity(where: Path | str) -> str:
    """Changes when another file is put in the store's place: what is written shall be in the one there."""
    if isinstance(where, str):
        return where
    try:
        stat = where.stat()
    except OSError:
        return f"{where} (none)"
    return f"{where} {stat.st_dev}:{stat.st_ino}"


@st.cache_resource(max_entries=4, show_spinner=False)
def _opened(where: str, identity: str) -> Journal:
    return Journal(ReviewStore(where if "://" in where else Path(where)))


class Reviews:
    """The decisions on one dataset, as of now, beside the records of the index that they are about."""

    def __init__(self, journal: Journal, dataset: Mapping[str, Any], found: _Found):
        self.journal, self.dataset, self._found = journal, dataset["name"], found
        found.look_up(journal.items(self.dataset))

    def append(self, decision: Decision) -> Decision:
        """Writes a decision; returned once it is safe. Raises ReviewError."""
        saved = self.journal.store.append(decision)
        self.journal.refresh()
        return saved

    def known(self, item: Item, number: int, label: str | None, fingerprint: str) -> None:
        """Spares looking up the record that has just been judged, if the index is still the one of then."""
        if fingerprint == data.fingerprint():
            self._found.known(item, number, label)

    def undo(self, reviewer: str) -> Decision | None:
        """Takes the reviewer's latest decision that stands back, and returns it. Raises ReviewError."""
        last = self.journal.store.last(reviewer, self.dataset)
        if last is not None:
            self.journal.store.undo(last.decision_id, reviewer)
            self.journal.refresh()
        return last

    def history(self, item: Item) -> list[Decision]:
        """Every entry about an item, in order."""
        return self.journal.store.history(item)

    def of_item(self, item: Item) -> dict[str, Decision]:
        """What stands of one item, by reviewer."""
        return self.journal.of_item(item)

    def done(self, reviewer: str) -> list[int]:
        """The items, as queues name them, that the reviewer's decision stands on."""
        known = self._found.items
        found = (known.get(item) for item in self.journal.items_of(self.dataset, reviewer))
        return [item for item in found if item is not None]

    def standing(self) -> list[Decision]:
        """All that stands, by item and reviewer."""
        return [d for said in self.journal.standing(self.dataset).values() for d in said.values()]

    def resolved(self, decisions: list[Decision]) -> list[Resolved]:
        """The decisions with their records, which may have changed or gone."""
        return resolve(data.store(), self._found.dataset_id, decisions)

    def number(self, item: Item) -> int | None:
        """How queues name an item that was judged; None where it is gone."""
        return self._found.items.get(item)

    def label(self, item: Item) -> str | None:
        """The class of a judged item's record."""
        return self._found.labels.get(item)


class _Found:
    """For items that were judged, their records in the index as it is; looked up once each."""

    def __init__(self, store: Store, dataset_id: int):
        self._store, self.dataset_id = store, dataset_id
        self._lock = threading.Lock()
        self.items: dict[Item, int | None] = {}
        self.labels: dict[Item, str | None] = {}

    def known(self, item: Item, number: int, label: str | None) -> None:
        with self._lock:
            self.items[item], self.labels[item] = number, label

    def look_up(self, items: Iterable[Item]) -> None:
        with self._lock:
            new = [item for item in items if item not in self.items]
            for item, found in zip(new, resolve(self._store, self.dataset_id, _as_asked(new)), strict=True):
                self.labels[item] = found.label
                self.items[item] = None if found.gone else found.annotation_id or -found.image_id


def _as_asked(items: list[Item]) -> list[Decision]:
    return [Decision(item, "nobody", "unsure") for item in items]


@st.cache_resource(max_entries=8, show_spinner=False)
def _found(fingerprint: str, dataset_id: int, _store: Store) -> _Found:
    return _Found(_store, dataset_id)


def reviews(dataset: Mapping[str, Any]) -> Reviews:
    """The decisions on a dataset as they are now. Raises ReviewError where the store can't be opened."""
    where = place()
    if isinstance(where, Path) and not where.exists():
        ReviewStore(where).close()  # made now: its identity is known from here on
    journal = _opened(str(where), _identity(where))
    journal.refresh()
    store = data.store()
    return Reviews(journal, dataset, _found(store.fingerprint, dataset["dataset_id"], store))


def precision(dataset: Mapping[str, Any]) -> dict[str, Precision]:
    """How often reviewers agreed with each check; nothing where nobody has reviewed, or it can't be read."""
    where = place()
    if isinstance(where, Path) and not where.exists():
        return {}
    try:
        journal = _opened(str(where), _identity(where))
        journal.refresh()
    except KpauditError:
        return {}
    return _precision(_identity(where), journal.version, dataset["name"], journal)


@st.cache_data(max_entries=20, show_spinner=False)
def _precision(identity: str, version: int, dataset: str, _journal: Journal) -> dict[str, Precision]:
    return precision_by_check(d for said in _journal.standing(dataset).values() for d in said.values())


@dataclass(frozen=True)
class Agreement:
    """κ by pair and α by group (each with the items that more than one judged), precision by check.

    `of_two` is κ by group, of the only two who have judged the same items; None where there are more.
    """

    kappa: dict[tuple[str, str], tuple[float | None, int]]
    alpha: dict[str, tuple[float | None, int]]
    of_two: dict[str, float | None] | None
    precision: dict[str, Precision]
    decisions: int


def agreement(found: Reviews) -> Agreement:
    """How far the reviewers of a dataset agree."""
    return _agreement(_identity(place()), found.journal.version, data.fingerprint(), found.dataset, found)


@st.cache_data(max_entries=20, show_spinner=False)
def _agreement(identity: str, version: int, fingerprint: str, dataset: str, _found: Reviews) -> Agreement:
    decisions = _found.standing()
    groups = {d.item: label for d in decisions if (label := _found.label(d.item)) is not None}
    kappa = pairwise_kappa(decisions)
    return Agreement(
        kappa, alpha_by(decisions, groups),
        kappa_by(decisions, next(iter(kappa)), groups) if len(kappa) == 1 else None,
        precision_by_check(decisions), len(decisions),
    )  # fmt: skip


# A million items are 16 MB.
@st.cache_resource(max_entries=8, show_spinner="Making the queue…")
def _queue(fingerprint: str, f: Filters, asked: Asked, _store: Store) -> Queue:
    return review_queue.build(_store, f, asked)


def queue(f: Filters, asked: Asked) -> Queue:
    """The items that are this reviewer's."""
    store = data.store()
    return _queue(store.fingerprint, f, asked, store)


def whole_queue(asked: Asked) -> Asked:
    """The same queue, not shared."""
    return replace(asked, of=1, part=1, overlap=0.0)


def quality(found: Reviews, f: Filters, asked: Asked) -> list[Quality]:
    """What the sample says of each class, from the verdicts of all reviewers.

    Who was shown a finding judged a record because of it, and those are the worse ones: such a verdict
    counts only up to where the sample, in the order it is drawn, has been judged for its own sake.
    """
    drawn = queue(f, whole_queue(asked))
    said: dict[int, list[Decision]] = {}
    for item, by in found.journal.standing(found.dataset).items():
        number = found.number(item)
        if number is not None:
            said[number] = list(by.values())
    sampled = zip(drawn.items.tolist(), drawn.labels, strict=True)
    judged = [(label, said.get(item, [])) for item, label in sampled]
    blind = [n for n, (_, decisions) in enumerate(judged) if any(d.check_id is None for d in decisions)]
    judged = judged[: blind[-1] + 1] if blind else []
    return review_queue.quality(drawn.drawn, judged)


def classes(f: Filters) -> dict[str, int]:
    """The records of each class of the selection."""
    frame = data.frame("review_classes", f)
    return dict(zip(frame["label"], frame["records"].astype(int), strict=True))


@st.cache_data(max_entries=2000, show_spinner=False)
def _rows(fingerprint: str, query: str, params: str, _store: Store) -> list[dict[str, Any]]:
    return _store.rows(query, **json.loads(params))


def _ask(query: str, **params: Any) -> list[dict[str, Any]]:
    store = data.store()
    return _rows(store.fingerprint, query, json.dumps(params, sort_keys=True), store)


def record(item: int) -> dict[str, Any] | None:
    """What is known of an item's record; None where there is none."""
    return next(iter(_ask("review_item", item=int(item))), None)


def names(dataset: str, row: Mapping[str, Any]) -> Item:
    """How decisions name a record."""
    return Item(dataset, row["split"], row["key"], row["own"])


def find(dataset: int, key: str, split: str | None, own: str | None) -> int | None:
    """The item of these names; None where there is none."""
    row = _ask("review_find", dataset=dataset, key=key, split=split, own=own)
    return row[0]["item"] if row else None


def audited(dataset: Mapping[str, Any]) -> bool:
    """Whether there are findings of the dataset's index as it is, be they none."""
    return dataset["dataset_id"] in data.store().audited


def findings(image: int, annotation: int | None) -> list[dict[str, Any]]:
    """What was found of a record, the gravest first."""
    return _ask("review_finding", image=image, annotation=annotation)


def joints(skeleton: str | None) -> list[dict[str, Any]]:
    """joint, name, flip and part of a skeleton's joints; none where a record can have no keypoints."""
    return _ask("review_joints", skeleton=skeleton) if skeleton is not None else []


def close_up(scene: Scene, annotation: int | None) -> Rect:
    """The part of the image (left, top, right, bottom, in pixels) in which an annotation is judged."""
    instance = next((i for i in scene.instances if i.annotation_id == annotation), None)
    around = whole(scene)
    if instance is None:
        return around
    crop = crop_box(scene, instance, margin=0.4, aspect=1.2)
    # nothing is to be seen further out than the image and its annotations reach
    view = (
        max(crop[0], around[0]), max(crop[1], around[1]), min(crop[2], around[2]), min(crop[3], around[3])
    )  # fmt: skip
    return view if view[0] < view[2] and view[1] < view[3] else around


def whole(scene: Scene) -> Rect:
    """The whole image, and around it what annotations need."""
    return view_box(scene)


@dataclass(frozen=True)
class Plain:
    """A picture without annotations, or why there is none.

    `uri` is a JPEG, `box` the rectangle (left, top, right, bottom) in pixels of `scene` that it covers.
    """

    scene: Scene
    uri: str | None
    box: Rect | None
    reason: str | None


def plain(dataset: Mapping[str, Any], image_id: int, annotation: int | None) -> Plain:
    """The picture in which a record is judged: around the annotation, or the whole image where it is None."""
    row = viewer_data.image(image_id)
    scene = viewer_data.scene(image_id)
    version = viewer_data.version(dataset, row)
    return _plain(version, image_id, annotation, dataset, row, scene)


# About 200 kB each.
@st.cache_data(max_entries=60, show_spinner=False)
def _plain(
    version: tuple[str, ...], image_id: int, annotation: int | None, _dataset: Mapping[str, Any],
    _row: Mapping[str, Any], _scene: Scene,
) -> Plain:  # fmt: skip
    content = viewer_data.picture(_dataset, _row)
    scene = to_pixels(_scene, *(content.size or (None, None)))
    if content.data is None:
        return Plain(scene, None, None, content.reason)
    view = close_up(scene, annotation) if annotation is not None else whole(scene)
    try:
        image = open_image(content.data, box_px=None if annotation is not None else PICTURE)
    except ImageUnavailable as error:
        return Plain(scene, None, None, error.reason)
    wide, high = image_extent((scene.width, scene.height), full_size(image))
    # a little more than is shown, so that there is something to pan to
    pad_x, pad_y = 0.25 * (view[2] - view[0]), 0.25 * (view[3] - view[1])
    box = (
        max(0.0, view[0] - pad_x), max(0.0, view[1] - pad_y),
        min(wide, view[2] + pad_x), min(high, view[3] + pad_y),
    )  # fmt: skip
    if box[2] - box[0] <= 0 or box[3] - box[1] <= 0:
        return Plain(scene, None, None, "nothing of the image is where the annotation is")
    sx, sy = image.width / wide, image.height / high
    # whole pixels of the file, so that the overlay is where it belongs to a fraction of one
    edges = (
        int(box[0] * sx), int(box[1] * sy),
        min(image.width, int(box[2] * sx) + 1), min(image.height, int(box[3] * sy) + 1),
    )  # fmt: skip
    image = image.crop(edges)
    box = (edges[0] / sx, edges[1] / sy, edges[2] / sx, edges[3] / sy)
    if max(image.size) > PICTURE:
        image.thumbnail((PICTURE, PICTURE), reducing_gap=2.0)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=86)
    uri = "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")
    return Plain(scene, uri, box, None)
